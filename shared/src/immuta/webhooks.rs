//! Webhooks as Immuta's API has them, and what it is asked to register.

use std::fmt;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::address::{FunctionUrl, kind_in, normal, without_path};
use super::error::{ShapeError, said};
use super::record::time_of;
use super::{Hidden, page};
use crate::event::Service;

/// What the names of our webhooks begin with. By it they are told from those of others, which are never touched.
pub const OURS: &str = "immuta-watch: ";

/// The member that holds the secret Immuta signs with.
/// Source: "Payload parameters" of `POST /webhooks` in Immuta's documentation (release 2024.3 and later).
const SECRET: &str = "secret";

/// Whose events a webhook is called for.
/// Source: the same page. Its example has `triggered`; with `global`, notifications come whomever they are about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ActionType {
    /// Those of whoever triggered one
    #[default]
    Triggered,
    /// Those that reach whoever registered it
    Received,
}

impl ActionType {
    /// The word that the API uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ActionType::Triggered => "triggered",
            ActionType::Received => "received",
        }
    }
}

/// A webhook that the tenant has.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its number
    pub id: String,
    /// Its name; empty if it has none
    pub name: String,
    /// Where it is sent to. A token may stand in it: show [`Webhook::shown`]
    pub url: String,
    /// Its notification types, as far as the answer names them
    pub types: Vec<String>,
    /// When it was registered
    pub since: Option<DateTime<Utc>>,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("id", &self.id).field("url", &self.shown(None)).finish_non_exhaustive()
    }
}

impl Webhook {
    /// Reads one.
    pub(super) fn read(item: &Value) -> Result<Self, ShapeError> {
        let read = || {
            let url = item.get("url")?.as_str()?;
            let types = ["notificationType", "notificationTypes"].iter().find_map(|name| item.get(*name));
            Some(Self {
                id: text_of(item.get("id")?)?,
                name: item.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
                url: normal(url),
                types: types.and_then(|types| page::types_in(&listed(types)).ok()).into_iter().flatten().collect(),
                since: item.get("createdAt").and_then(time_of),
            })
        };
        read().ok_or_else(|| ShapeError::new("a webhook with `id` and `url`", item))
    }

    /// Whether it was registered by this program, or by hand under a name of ours.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.name.starts_with(OURS)
    }

    /// The type that it is for, by the last part of its path; none where it is registered for others.
    #[must_use]
    pub fn kind(&self) -> Option<&str> {
        let kind = kind_in(&self.url)?;
        let is_said = self.types.is_empty() || self.types.iter().any(|said| said.eq_ignore_ascii_case(kind));
        is_said.then_some(kind)
    }

    /// Its URL as it may be shown.
    #[must_use]
    pub fn shown(&self, base: Option<&FunctionUrl>) -> String {
        base.map_or_else(|| without_path(&self.url), |base| base.shown(&self.url))
    }
}

/// A number or a text, as text.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn listed(value: &Value) -> Value {
    if value.is_string() { json!([value]) } else { value.clone() }
}

/// Whether Immuta's documentation names a notification type.
pub(super) fn is_documented(kind: &str) -> bool {
    Service::Webhook.kinds().contains(&kind)
}

/// A webhook to be registered.
#[derive(Clone, PartialEq, Eq)]
pub struct NewWebhook {
    /// The one notification type that it is for
    pub kind: String,
    /// Where it is sent to
    pub url: String,
}

impl fmt::Debug for NewWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewWebhook").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl NewWebhook {
    fn name(&self) -> String {
        format!("{OURS}{}", self.kind)
    }
}

/// What `POST /webhooks` is asked with.
pub(super) fn creation(wanted: &[NewWebhook], action: ActionType, secret: Option<&Hidden>) -> String {
    let one = |webhook: &NewWebhook| {
        let mut object = Map::new();
        object.insert("url".to_owned(), webhook.url.clone().into());
        object.insert("name".to_owned(), webhook.name().into());
        object.insert("notificationType".to_owned(), json!([webhook.kind]));
        object.insert("global".to_owned(), true.into());
        object.insert("actionType".to_owned(), action.as_str().into());
        if let Some(secret) = secret {
            object.insert(SECRET.to_owned(), secret.expose().into());
        }
        Value::Object(object)
    };
    json!({ "webhooks": wanted.iter().map(one).collect::<Vec<_>>() }).to_string()
}

/// What became of asking for webhooks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registered {
    /// Those that were made
    pub created: Vec<Webhook>,
    /// What Immuta says of others
    pub failures: Vec<Failure>,
}

/// What Immuta says of a webhook that it did not make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The type that it was for, if that can be told
    pub kind: Option<String>,
    /// In Immuta's words, cleaned
    pub said: String,
}

impl Registered {
    /// Reads the answer to [`creation`].
    pub(super) fn read(answer: &Value, wanted: &[NewWebhook], hidden: &[Hidden]) -> Result<Self, ShapeError> {
        let created = answer.get("createdWebhooks").or_else(|| answer.get("webhooks")).unwrap_or(answer);
        let Value::Array(created) = created else {
            return Err(ShapeError::new("an object with `createdWebhooks`", answer));
        };
        let created = created.iter().map(Webhook::read).collect::<Result<_, _>>()?;
        let errors = match answer.get("errors") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(errors)) => errors.clone(),
            Some(single) => vec![single.clone()],
        };
        let failure = |error: &Value| {
            // It may name what it is about, or repeat the webhook that was asked for.
            let member = |name: &str| [error, &error["webhook"]].into_iter().find_map(|at| at.get(name)?.as_str());
            let is_about = |webhook: &&NewWebhook| {
                member("url").is_some_and(|url| normal(url) == normal(&webhook.url))
                    || member("name").is_some_and(|name| name == webhook.name())
            };
            let kind = wanted.iter().find(is_about).map(|webhook| webhook.kind.clone());
            Failure { kind, said: said(error, hidden).unwrap_or_else(|| "Immuta does not say why".to_owned()) }
        };
        Ok(Self { created, failures: errors.iter().map(failure).collect() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::page::tests::any_json;
    use super::*;

    fn wanted() -> Vec<NewWebhook> {
        ["tagCreated", "tagDeleted"]
            .map(|kind| NewWebhook { kind: kind.to_owned(), url: format!("https://x.example.com/hush/{kind}") })
            .into()
    }

    #[test]
    fn a_webhook_is_asked_for_as_immuta_documents_it() {
        let body: Value =
            serde_json::from_str(&creation(&wanted()[..1], ActionType::Triggered, Some(&Hidden::new("s")))).unwrap();
        let expected = json!({ "webhooks": [{
            "url": "https://x.example.com/hush/tagCreated", "name": "immuta-watch: tagCreated",
            "notificationType": ["tagCreated"], "global": true, "actionType": "triggered", "secret": "s",
        }]});
        assert_eq!(body, expected);
        assert!(!creation(&wanted(), ActionType::Received, None).contains("secret"));
        assert!(!format!("{:?}", wanted()).contains("hush"));
    }

    #[test]
    fn the_documented_answer_is_read() {
        let answer = json!({
            "createdWebhooks": [{"id": 3, "url": "https://X.example.com/hush/tagCreated", "name": "immuta-watch: tagCreated",
                "global": true, "actionType": "triggered", "createdBy": 2, "createdAt": "2021-10-15T15:22:10.079Z",
                "updatedAt": "2021-10-15T15:22:10.079Z"}],
            "errors": [{"url": "https://x.example.com/hush/tagDeleted", "message": "no such type at hush"}, "other", 7],
        });
        let found = Registered::read(&answer, &wanted(), &[Hidden::new("hush")]).unwrap();
        let [webhook] = &found.created[..] else { panic!("{found:?}") };
        assert_eq!((webhook.id.as_str(), webhook.kind(), webhook.is_ours()), ("3", Some("tagCreated"), true));
        assert_eq!(webhook.since.unwrap().timestamp(), 1_634_311_330);
        assert!(!format!("{webhook:?}").contains("hush"));
        let said: Vec<_> = found.failures.iter().map(|failure| (failure.kind.as_deref(), &*failure.said)).collect();
        let unclear = "Immuta does not say why";
        assert_eq!(said, [(Some("tagDeleted"), "no such type at [...]"), (None, "other"), (None, unclear)]);
    }

    #[test]
    fn a_webhook_for_other_types_than_its_path_says_is_for_none() {
        let of = |types: Value| {
            let item = json!({"id": "a", "url": "https://x.example.com/tagCreated", "notificationType": types});
            Webhook::read(&item).unwrap().kind().map(ToOwned::to_owned)
        };
        assert_eq!(of(json!(["TagCreated", "tagDeleted"])).as_deref(), None, "types begin with a small letter");
        assert_eq!(of(json!(["tagDeleted"])), None);
        assert_eq!(of(json!("tagCreated")).as_deref(), Some("tagCreated"));
        assert_eq!(of(Value::Null).as_deref(), Some("tagCreated"));
        let error = Webhook::read(&json!({"key": "hush"})).unwrap_err().to_string();
        assert!(error.ends_with("an object with the keys key"), "{error}");
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(answer in any_json()) {
            let _ = Webhook::read(&answer);
            let _ = Registered::read(&answer, &wanted(), &[]);
        }
    }
}
