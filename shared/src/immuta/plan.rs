//! Which webhooks are to be registered: one for each notification type that rules ask for, and none twice.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::address::normal;
use super::{FunctionUrl, NewWebhook, Webhook};

/// What is to be done about one notification type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The type
    pub kind: String,
    /// The rules that ask for it
    pub rules: Vec<String>,
    /// Its webhook
    pub webhook: NewWebhook,
    /// How it stands
    pub state: State,
}

/// How it stands with the webhook for a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It is to be registered
    Missing,
    /// It is there
    Exists(Exists),
    /// The tenant does not know the type
    Unknown,
}

/// A webhook that is there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exists {
    /// Its id
    pub id: String,
    /// Since when
    pub since: Option<DateTime<Utc>>,
    /// Whether its name is one of ours, so that `remove` and `sweep` take it for theirs
    pub is_ours: bool,
    /// Whether it is for this type, as far as the tenant says for which it is
    pub is_for_it: bool,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// For each type, by name
    pub planned: Vec<Planned>,
    /// Webhooks of ours that are not among them: of another type, another token, another address
    pub others: Vec<Webhook>,
    /// Webhooks of somebody else, which are left alone
    pub foreign: Vec<Webhook>,
}

impl Plan {
    /// The webhooks that are to be registered.
    #[must_use]
    pub fn missing(&self) -> Vec<NewWebhook> {
        let is_missing = |planned: &&Planned| planned.state == State::Missing;
        self.planned.iter().filter(is_missing).map(|planned| planned.webhook.clone()).collect()
    }
}

/// Plans the webhooks for these types, each with the rules that ask for it. `known` are the types of the tenant, if that
/// could be asked.
#[must_use]
pub fn plan(
    wanted: &BTreeMap<String, Vec<String>>,
    to: &FunctionUrl,
    token: Option<&str>,
    existing: &[Webhook],
    known: Option<&BTreeSet<String>>,
) -> Plan {
    let mut used = BTreeSet::new();
    let one = |(kind, rules): (&String, &Vec<String>)| {
        let url = normal(&to.of(token, kind));
        let there = existing.iter().find(|webhook| webhook.url == url);
        let is_known = known.is_none_or(|known| known.iter().any(|known| known.eq_ignore_ascii_case(kind)));
        let state = match there {
            Some(webhook) => {
                // Twice the same URL is one webhook too many, and the second is listed among the others.
                used.insert(webhook.id.clone());
                State::Exists(Exists {
                    id: webhook.id.clone(),
                    since: webhook.since,
                    is_ours: webhook.is_ours(),
                    is_for_it: webhook.kind() == Some(kind),
                })
            }
            None if is_known => State::Missing,
            None => State::Unknown,
        };
        let webhook = NewWebhook { kind: kind.clone(), url };
        Planned { kind: kind.clone(), rules: rules.clone(), webhook, state }
    };
    let planned = wanted.iter().map(one).collect();
    let rest = existing.iter().filter(|webhook| !used.contains(&webhook.id)).cloned();
    let (others, foreign) = rest.partition(Webhook::is_ours);
    Plan { planned, others, foreign }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn webhook(id: u32, name: &str, url: &str) -> Webhook {
        Webhook::read(&json!({"id": id, "name": name, "url": url})).unwrap()
    }

    #[test]
    fn what_is_there_is_left_alone_and_what_the_tenant_does_not_know_is_not_asked_for() {
        let wanted: BTreeMap<String, Vec<String>> =
            ["tagCreated", "tagDeleted", "tagUpdated"].map(|kind| (kind.to_owned(), vec!["a_rule".to_owned()])).into();
        let to: FunctionUrl = "https://x.example.com/".parse().unwrap();
        let existing = [
            webhook(1, "immuta-watch: tagCreated", "https://X.example.com/tagCreated"),
            webhook(2, "immuta-watch: tagCreated", "https://x.example.com/old-token/tagCreated"),
            webhook(3, "mine", "https://hooks.slack.com/services/hush"),
        ];
        let known = BTreeSet::from(["tagCreated".to_owned(), "tagDeleted".to_owned()]);
        let found = plan(&wanted, &to, None, &existing, Some(&known));
        let State::Exists(exists) = &found.planned[0].state else { panic!("{found:?}") };
        assert_eq!((exists.id.as_str(), exists.is_ours, exists.is_for_it), ("1", true, true));
        assert_eq!((&found.planned[1].state, &found.planned[2].state), (&State::Missing, &State::Unknown));
        assert_eq!(found.missing().len(), 1);
        assert_eq!((found.others[0].id.as_str(), found.foreign[0].id.as_str()), ("2", "3"));
        let with_token = plan(&wanted, &to, Some("old-token"), &existing, None);
        assert!(matches!(&with_token.planned[0].state, State::Exists(exists) if exists.id == "2"));
        assert_eq!(with_token.missing().len(), 2);
    }
}
