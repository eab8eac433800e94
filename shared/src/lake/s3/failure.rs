//! Why a call to S3 failed, with what to do about it, and which failures are answers.

use std::error::Error;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::aws;

/// Whether S3 answered that there is no such object. That there is no such bucket is another thing.
pub(super) fn is_missing<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    aws::status(error) == Some(404) && !is_no_bucket(error)
}

/// Whether S3 answered that there is no such bucket.
pub(super) fn is_no_bucket<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    code(error) == Some("NoSuchBucket")
}

/// Whether S3 answered that a condition does not hold, or that another write to the same key was under way.
pub(super) fn is_conflict<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    match aws::status(error) {
        Some(412) => true,
        Some(409) => code(error) == Some("ConditionalRequestConflict"),
        _ => false,
    }
}

/// Whether S3 refused: asking again would end the same way.
pub(super) fn is_refusal<E>(error: &SdkError<E>) -> bool {
    aws::status(error).is_some_and(|status| (400..500).contains(&status) && !matches!(status, 408 | 429))
}

fn code<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

/// A failure in words. `permission` is the one that the call needs, such as `s3:GetObject`.
pub(super) fn in_words<E>(error: &SdkError<E>, bucket: &str, permission: &str) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match (aws::status(error), code(error)) {
        (_, Some("NoSuchBucket")) => {
            format!("there is no bucket {bucket}; check its name, and whose account the credentials are of")
        }
        (_, Some("InvalidObjectState")) => "the object is archived; restore it in S3 first".to_owned(),
        // The answer to HEAD has no body, and so no code.
        (Some(403), None | Some("AccessDenied" | "Forbidden")) if permission == "s3:GetObject" => format!(
            "access denied; {permission} is needed, and without s3:ListBucket S3 denies access to what does not exist, too"
        ),
        (Some(403), None | Some("AccessDenied" | "Forbidden")) => {
            format!("access denied; {permission} is needed on the bucket {bucket}")
        }
        (Some(301), _) => format!("the bucket {bucket} lies in another region; set AWS_REGION to it"),
        _ => aws::reason(error),
    }
}
