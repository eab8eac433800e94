//! One POST over HTTP, and what its answer means for a message.

use std::error::Error;
use std::sync::OnceLock;
use std::time::Duration;

use chrono::TimeDelta;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};

use super::not_taken;
use crate::notify::{Sent, render};

/// The longest that one attempt may take, from the first byte to the answer's last.
pub(super) const ATTEMPT: Duration = Duration::from_secs(8);

/// The longest that making a connection may take: what is down should not look as if it had taken the message.
pub(super) const CONNECT: Duration = Duration::from_secs(3);

/// So much of an answer is read, in bytes: it is for the reason, and Slack's are a few words.
const MOST_OF_ANSWER: usize = 1024;

/// The longest quotation of an answer, in characters.
const LONGEST_QUOTE: usize = 200;

/// The longest that a destination may ask to be left alone.
const LONGEST_PAUSE: TimeDelta = TimeDelta::hours(1);

/// Parts of a URL from this length on may be a secret, and are struck from what an answer says.
const SHORTEST_SECRET: usize = 6;

/// Posts JSON.
#[derive(Debug)]
pub(super) struct Http {
    attempt: Duration,
    /// Made on the first use, since reading the system's certificates takes its time.
    client: OnceLock<Client>,
}

impl Default for Http {
    fn default() -> Self {
        Self::with_attempt(ATTEMPT)
    }
}

/// What came of a POST.
#[derive(Debug)]
pub(super) struct Posted {
    pub(super) sent: Sent,
    /// Whether the URL or the secret may be out of date: 403, 404, 410, or no URL at all
    pub(super) is_stale: bool,
}

impl Posted {
    fn fresh(sent: Sent) -> Self {
        Self { sent, is_stale: false }
    }
}

impl Http {
    pub(super) fn with_attempt(attempt: Duration) -> Self {
        Self { attempt, client: OnceLock::new() }
    }

    fn client(&self) -> Result<&Client, reqwest::Error> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = Client::builder()
            .user_agent(concat!("immuta-watch/", env!("CARGO_PKG_VERSION")))
            .timeout(self.attempt)
            .connect_timeout(CONNECT)
            // A redirect would carry the message, and a secret path, to somewhere else.
            .redirect(reqwest::redirect::Policy::none())
            // A second attempt behind the delivery record's back would be a repeat that nobody marks.
            .retry(reqwest::retry::never())
            // A connection that died while the function slept would leave open whether the message arrived.
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(self.client.get_or_init(|| client))
    }

    /// Posts JSON once. No reason that is given has the URL in it.
    pub(super) async fn post(&self, url: &str, headers: &[(&'static str, String)], body: String) -> Posted {
        let client = match self.client() {
            Ok(client) => client,
            Err(error) => return Posted::fresh(not_taken(format!("no HTTP client: {}", chain(&error)))),
        };
        let mut fields = HeaderMap::new();
        fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                fields.insert(HeaderName::from_static(name), value);
            }
        }
        match client.post(url).headers(fields).body(body).send().await {
            Ok(response) => judge(response, url).await,
            Err(error) => failed(error),
        }
    }
}

/// What an answer means.
async fn judge(response: Response, url: &str) -> Posted {
    let status = response.status();
    if status.is_success() {
        // Taken. Whatever the body says, and however slowly, changes nothing.
        return Posted::fresh(Sent::Accepted { reference: None });
    }
    let retry_after = pause(response.headers());
    let reason = match quotation(response, url).await {
        quoted if quoted.is_empty() => format!("it answered {}", status.as_u16()),
        quoted => format!("it answered {}: {quoted}", status.as_u16()),
    };
    let sent = match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Sent::NotTaken { reason, retry_after },
        StatusCode::BAD_REQUEST => Sent::Rejected { reason },
        _ if status.is_server_error() => Sent::Unknown { reason },
        // The URL was revoked, the channel archived, the endpoint moved: somebody can mend that.
        _ => not_taken(reason),
    };
    let is_stale = matches!(status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE);
    Posted { sent, is_stale }
}

/// What it means that there was no answer.
fn failed(error: reqwest::Error) -> Posted {
    let error = error.without_url();
    let is_unsent = error.is_builder() || error.is_connect();
    let is_stale = error.is_builder();
    let sent = if error.is_builder() {
        // The chain of a URL that cannot be read may quote it.
        not_taken("what should be its URL is none".to_owned())
    } else if is_unsent {
        not_taken(format!("no connection: {}", chain(&error)))
    } else if error.is_timeout() {
        Sent::Unknown { reason: "no answer in time".to_owned() }
    } else {
        Sent::Unknown { reason: format!("the answer was lost: {}", chain(&error)) }
    };
    Posted { sent, is_stale }
}

/// `Retry-After` in seconds; a date is passed over, since clocks differ.
fn pause(headers: &HeaderMap) -> Option<TimeDelta> {
    let seconds: u32 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(TimeDelta::seconds(seconds.into()).min(LONGEST_PAUSE))
}

/// The beginning of an answer as one line, without anything of the URL, which some servers repeat.
async fn quotation(mut response: Response, url: &str) -> String {
    let mut read = Vec::new();
    while read.len() < MOST_OF_ANSWER
        && let Ok(Some(chunk)) = response.chunk().await
    {
        read.extend_from_slice(chunk.get(..chunk.len().min(MOST_OF_ANSWER - read.len())).unwrap_or_default());
    }
    without(&String::from_utf8_lossy(&read), url)
}

/// A text, cleaned and cut, with every longer part of a URL's path and query struck out.
fn without(text: &str, url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.split_once(['/', '?', '@']).map_or("", |(_, path)| path);
    let mut text = text.to_owned();
    for part in path.split(['/', '?', '&', '=', '#', '@', ':']).filter(|part| part.len() >= SHORTEST_SECRET) {
        text = text.replace(part, "[...]");
    }
    render::line(&text, LONGEST_QUOTE)
}

/// An error and what it came from, as one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    render::line(&text, LONGEST_QUOTE)
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Answer, Server};
    use super::*;

    async fn post(answer: Answer) -> Posted {
        let server = Server::start(vec![answer]).await;
        let url = format!("{}/services/T0000/B0000/hush-hush-hush", server.url);
        let posted =
            Http::with_attempt(Duration::from_millis(300)).post(&url, &[("x-test", "1".into())], "{}".into()).await;
        assert!(!format!("{posted:?}").contains("hush-hush"), "{posted:?}");
        assert_eq!(server.requests().len(), 1, "one attempt and no other");
        posted
    }

    #[tokio::test]
    async fn two_hundred_is_accepted_however_slow_its_body() {
        let posted = post(Answer::status(200, "", "ok")).await;
        assert_eq!(posted.sent, Sent::Accepted { reference: None });
        let posted = post(Answer::Raw("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\no".into())).await;
        assert_eq!(posted.sent, Sent::Accepted { reference: None });
    }

    #[tokio::test]
    async fn too_many_requests_are_not_taken_and_say_when_to_come_back() {
        for (header, expected) in [
            ("retry-after: 30\r\n", Some(TimeDelta::seconds(30))),
            ("retry-after: 999999\r\n", Some(LONGEST_PAUSE)),
            ("retry-after: Wed, 21 Oct 2026 07:28:00 GMT\r\n", None),
            ("", None),
        ] {
            let Sent::NotTaken { reason, retry_after } = post(Answer::status(429, header, "slow down")).await.sent
            else {
                panic!("{header}")
            };
            assert_eq!((reason.as_str(), retry_after), ("it answered 429: slow down", expected));
        }
        assert!(matches!(post(Answer::status(503, "", "")).await.sent, Sent::NotTaken { .. }));
    }

    #[tokio::test]
    async fn an_internal_error_leaves_open_whether_it_was_taken() {
        for status in [500, 502, 504] {
            assert!(matches!(post(Answer::status(status, "", "oops")).await.sent, Sent::Unknown { .. }), "{status}");
        }
    }

    #[tokio::test]
    async fn a_bad_request_is_rejected_for_good() {
        let posted = post(Answer::status(400, "", "invalid_payload")).await;
        assert_eq!(posted.sent, Sent::Rejected { reason: "it answered 400: invalid_payload".into() });
        assert!(!posted.is_stale);
    }

    #[tokio::test]
    async fn a_revoked_url_is_not_taken_and_is_read_anew() {
        for status in [403, 404, 410] {
            let posted = post(Answer::status(status, "", "Cannot POST /services/T0000/B0000/hush-hush-hush")).await;
            let Sent::NotTaken { reason, .. } = posted.sent else { panic!("{status}") };
            assert_eq!(reason, format!("it answered {status}: Cannot POST /[...]/T0000/B0000/[...]"));
            assert!(posted.is_stale);
        }
        assert!(!post(Answer::status(401, "", "")).await.is_stale);
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let posted = post(Answer::status(302, "location: /elsewhere\r\n", "")).await;
        assert!(matches!(posted.sent, Sent::NotTaken { .. }));
    }

    #[tokio::test]
    async fn no_answer_in_time_leaves_open_whether_it_was_taken() {
        assert_eq!(post(Answer::Never).await.sent, Sent::Unknown { reason: "no answer in time".into() });
    }

    #[tokio::test]
    async fn a_lost_answer_leaves_open_whether_it_was_taken() {
        let Sent::Unknown { reason } = post(Answer::Close).await.sent else { panic!("it may have been taken") };
        assert!(reason.starts_with("the answer was lost"), "{reason}");
    }

    #[tokio::test]
    async fn a_long_answer_is_cut() {
        let Sent::Unknown { reason } = post(Answer::status(500, "", &"x".repeat(100_000))).await.sent else { panic!() };
        assert!(reason.chars().count() < LONGEST_QUOTE + 30, "{reason}");
    }

    #[tokio::test]
    async fn nothing_is_taken_where_nobody_listens() {
        let url = format!("http://{}/hush-hush", super::super::fake::free_address().await);
        let Sent::NotTaken { reason, .. } = Http::default().post(&url, &[], "{}".into()).await.sent else { panic!() };
        assert!(reason.starts_with("no connection: ") && !reason.contains("hush"), "{reason}");
        let posted = Http::default().post("http://name.invalid/hush", &[], "{}".into()).await;
        assert!(matches!(posted.sent, Sent::NotTaken { .. }), "{posted:?}");
    }

    #[tokio::test]
    async fn what_is_no_url_is_not_quoted() {
        let posted = Http::default().post("hush hush", &[], "{}".into()).await;
        assert_eq!(posted.sent, not_taken("what should be its URL is none".into()));
        assert!(posted.is_stale);
    }
}
