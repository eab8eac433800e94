//! An HTTP endpoint that takes JSON, signed so that it knows who sent it.

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::http::Http;
use super::not_taken;
use super::secrets::{Secrets, Wanted};
use crate::config::WebhookDestination;
use crate::digest;
use crate::notify::{Message, Sent, render};

/// When the request was made, in seconds since 1970: the receiver refuses what is old, so that nobody replays it.
const TIMESTAMP: &str = "x-immuta-watch-timestamp";
/// `sha256=` and the signature.
const SIGNATURE: &str = "x-immuta-watch-signature-256";
/// The message's name: the same when it is sent once more, so that the receiver can tell a repeat.
const ID: &str = "x-immuta-watch-id";

/// The longest id in a header, in characters; ours are shorter.
const LONGEST_ID: usize = 200;

/// Posts a message once.
pub(super) async fn send(
    http: &Http,
    secrets: &Secrets,
    to: &WebhookDestination,
    message: &Message,
    now: DateTime<Utc>,
) -> Sent {
    let secret = match secrets.get(&to.secret_from, Wanted::Secret).await {
        Ok(secret) => secret,
        Err(error) => return not_taken(error.to_string()),
    };
    let body = render::json(message);
    let timestamp = now.timestamp().to_string();
    let Some(signature) = signature(secret.expose(), &timestamp, &body) else {
        return not_taken(format!("the secret in {} signs nothing", to.secret_from));
    };
    let headers = [
        (TIMESTAMP, timestamp),
        (SIGNATURE, format!("sha256={signature}")),
        (ID, render::line(&message.id, LONGEST_ID)),
    ];
    let posted = http.post(&to.url, &headers, body).await;
    if posted.is_stale {
        secrets.forget(&to.secret_from).await;
    }
    posted.sent
}

/// HMAC-SHA256 over `<timestamp>.<body>`, in hexadecimal digits. HMAC takes keys of any length, so there always is one.
fn signature(secret: &str, timestamp: &str, body: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body.as_bytes());
    Some(digest::text(&mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Answer, Server};
    use super::*;
    use crate::notify::render::samples;

    #[test]
    fn the_signature_is_what_openssl_computes() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac 'a secret'
        let expected = "b4c5d5c08194254de18b80695176335ee482a5907fb5e68f7bd993b1b00b018d";
        assert_eq!(signature("a secret", "1700000000", r#"{"a":1}"#).unwrap(), expected);
    }

    #[tokio::test]
    async fn a_message_is_posted_with_its_id_its_time_and_its_signature() {
        let aws = Server::start(vec![Answer::json(r#"{"SecretString":"{\"secret\":\"a secret\"}"}"#)]).await;
        let server = Server::start(vec![Answer::status(204, "", "")]).await;
        let to = WebhookDestination { url: format!("{}/in", server.url), secret_from: "secretsmanager:hook".into() };
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let message = samples::alert();
        let sent = send(&Http::default(), &Secrets::new(&aws.settings()), &to, &message, now).await;
        assert_eq!(sent, Sent::Accepted { reference: None });
        let request = server.requests().remove(0);
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, render::json(&message));
        let signature = signature("a secret", "1700000000", body).unwrap();
        for line in [
            "x-immuta-watch-timestamp: 1700000000".to_owned(),
            format!("x-immuta-watch-signature-256: sha256={signature}"),
            "x-immuta-watch-id: 20261102-5c0f3a9be1d24c77".to_owned(),
            "content-type: application/json; charset=utf-8".to_owned(),
        ] {
            assert!(head.lines().any(|found| found.eq_ignore_ascii_case(&line)), "{line} is not in\n{head}");
        }
    }
}
