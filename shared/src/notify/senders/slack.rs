//! A Slack channel, by its incoming webhook.

use super::http::Http;
use super::not_taken;
use super::secrets::{Secrets, Wanted};
use crate::config::{SlackDestination, Zone};
use crate::notify::{Message, Sent, render};

/// Posts a message once. A URL that Slack no longer knows is read anew for the next attempt.
pub(super) async fn send(
    http: &Http,
    secrets: &Secrets,
    to: &SlackDestination,
    zone: Option<&Zone>,
    message: &Message,
) -> Sent {
    let url = match secrets.get(&to.url_from, Wanted::Url).await {
        Ok(url) => url,
        Err(error) => return not_taken(error.to_string()),
    };
    let posted = http.post(url.expose(), &[], render::slack(message, zone).to_string()).await;
    if posted.is_stale {
        secrets.forget(&to.url_from).await;
    }
    posted.sent
}
