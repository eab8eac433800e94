//! How AWS is called: the one place for time-outs, retries and endpoints, and for saying why a call failed.
//!
//! Credentials, region and endpoints come from where AWS's own tools take them (environment, profile, role), among them
//! `AWS_ENDPOINT_URL` for a service that stands in for AWS's.

use std::error::Error;
use std::time::Duration;

use aws_config::BehaviorVersion;
pub use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
pub use aws_sdk_s3::Client as S3Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

/// Attempts at one call, the first among them. Each retry waits up to twice as long as the one before, by a random part
/// of it, so that many callers that failed together do not come back together; four bridge a few seconds, and what
/// lasts longer is for the queue's redelivery to bridge.
pub const ATTEMPTS: u32 = 4;

/// How long a connection may take to be made: within a region it takes milliseconds, from a laptop a few hundred.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an answer may take to begin, from the call on. What is sent with a call counts, so a call that uploads a
/// file gets more.
pub const READ_TIMEOUT: Duration = Duration::from_secs(20);

/// How long one attempt may take up to the head of its answer, signing and looking up credentials included.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// What all clients are made of: credentials, region, endpoints, time-outs and retries.
///
/// Wherever a client is made for S3, take [`s3`].
pub async fn settings() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .read_timeout(READ_TIMEOUT)
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .build(),
        )
        .load()
        .await
}

/// The same for somebody who is waited for: one call takes at most 2.5 seconds with all its attempts, and what takes
/// longer fails while there is still time to say so.
#[must_use]
pub fn hurried(settings: &SdkConfig) -> SdkConfig {
    let times = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_millis(1500))
        .operation_timeout(Duration::from_millis(2500))
        .build();
    settings.to_builder().retry_config(RetryConfig::standard().with_max_attempts(3)).timeout_config(times).build()
}

/// A client for S3. Where the endpoint is not AWS's own, the bucket goes into the path and not into the host's name,
/// since such an endpoint seldom has a name per bucket.
#[must_use]
pub fn s3(settings: &SdkConfig) -> S3Client {
    let is_overridden = settings.endpoint_url().is_some() || std::env::var_os("AWS_ENDPOINT_URL_S3").is_some();
    let config = aws_sdk_s3::config::Builder::from(settings).force_path_style(is_overridden).build();
    S3Client::from_conf(config)
}

/// The HTTP status that a failed call was answered with; `None` if there was no answer.
pub(crate) fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|answer| answer.status().as_u16())
}

/// Why a call failed, in one line, with what to do about it where that is known whatever the service.
pub fn reason<E: ProvideErrorMetadata + Error + 'static>(error: &SdkError<E>) -> String {
    if let SdkError::ServiceError(answer) = error {
        let code = answer.err().code();
        let said = match (code, answer.err().message()) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(only), None) | (None, Some(only)) => only.to_owned(),
            (None, None) => format!("HTTP status {}", answer.raw().status().as_u16()),
        };
        return match advice(code.unwrap_or_default()) {
            Some(advice) => format!("{said}; {advice}"),
            None => said,
        };
    }
    let causes = causes(error);
    if is_of_the_region(&causes) {
        return "no AWS region is set; set AWS_REGION to the region of the bucket or queue".to_owned();
    }
    match error {
        SdkError::TimeoutError(_) => format!("no answer in time ({causes})"),
        SdkError::DispatchFailure(failure)
            if !failure.is_io() && !failure.is_timeout() && is_of_credentials(&causes) =>
        {
            without_credentials(&causes)
        }
        SdkError::DispatchFailure(_) => format!("no connection, or it broke ({causes})"),
        _ => causes,
    }
}

/// Whether no region is set, which each service of the SDK says in words of its own.
fn is_of_the_region(causes: &str) -> bool {
    let causes = causes.to_lowercase();
    causes.contains("region must be set") || causes.contains("missing region")
}

fn is_of_credentials(causes: &str) -> bool {
    causes.contains("credential")
}

/// That there are no credentials, or none that can be read. The SDK tells the two apart in words alone.
fn without_credentials(causes: &str) -> String {
    // The last place where it looks is the metadata service of a virtual machine (IMDS), which laptops do not have.
    if causes.contains("no credentials found in chain") || causes.contains("IMDS") {
        return "no AWS credentials were found; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            .to_owned();
    }
    format!(
        "the AWS credentials cannot be read ({causes}); if `aws sts get-caller-identity` works, hand them over with \
         `eval \"$(aws configure export-credentials --format env)\"`"
    )
}

/// What to do about an error that any service may answer with.
fn advice(code: &str) -> Option<&'static str> {
    Some(match code {
        "ExpiredToken" | "ExpiredTokenException" => "the credentials have run out; sign in again",
        "InvalidAccessKeyId" | "InvalidClientTokenId" | "UnrecognizedClientException" => {
            "AWS does not know these credentials; check AWS_PROFILE and AWS_ACCESS_KEY_ID"
        }
        "SignatureDoesNotMatch" => "the secret key is not the one of this access key; check AWS_SECRET_ACCESS_KEY",
        "RequestTimeTooSkewed" => "this machine's clock is wrong; set it",
        "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
            "the bucket lies in another region; set AWS_REGION to it"
        }
        _ => return None,
    })
}

/// An error and what it came from, each thing said once.
pub(crate) fn causes(error: &(dyn Error + 'static)) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !text.is_empty() && !said.iter().any(|before| before.contains(&text)) {
            said.push(text);
        }
        next = error.source();
    }
    said.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_error_came_from_is_said_once() {
        let inner = std::io::Error::other("the cable is out");
        let outer = std::io::Error::other(inner);
        assert_eq!(causes(&outer), "the cable is out");
    }
}
