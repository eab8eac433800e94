//! Whether a change was done by hand: by a person, and with no approved request behind it.
//!
//! An approval may lie in another export than the grant that it stands behind, or come days late. So a grant by a person
//! is manual *unless* it was approved, and that question is left open until the alert is read, when every export that is
//! there has left its approvals.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::patterns::Patterns;
use crate::event::{Event, Field, Json, Party};

/// The kinds that give access, which somebody may have asked for and been allowed.
const GRANTS: [&str; 2] = ["SubscriptionCreated", "SubscriptionUpdated"];

/// `actor.type` of a person.
const PERSON: &str = "USER_ACTOR";

/// A grant or approval of more users or data sources than this is not looked into: hostile input could name any number.
pub const MOST_PARTIES: usize = 100;

/// Two records of one decision carry nearly the same time, in either order.
const SAME_MOMENT: TimeDelta = TimeDelta::minutes(5);

/// Whether a change was done by hand, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manual {
    /// By a person.
    Yes,
    /// Not by a person; the words say by what.
    No(String),
    /// It cannot be told from the record, and so counts as done by hand; the words say why.
    CannotBeTold(String),
    /// By a person, and so by hand unless an approved request stands behind it.
    UnlessApproved(Grant),
}

impl Manual {
    /// Whether it counts as done by hand. `approved` says whether a grant was approved.
    #[must_use]
    pub fn holds(&self, approved: bool) -> bool {
        match self {
            Manual::Yes | Manual::CannotBeTold(_) => true,
            Manual::No(_) => false,
            Manual::UnlessApproved(_) => !approved,
        }
    }
}

impl fmt::Display for Manual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Manual::Yes => f.write_str("the actor is a person"),
            Manual::No(reason) => f.write_str(reason),
            Manual::CannotBeTold(why) => write!(f, "{why}, so it counts as done by hand"),
            Manual::UnlessApproved(grant) => write!(
                f,
                "the actor is a person, and no approved request of this user for this data source was found since {}",
                crate::event::time::text(grant.from)
            ),
        }
    }
}

/// Access that was given: what an approved request must be about to stand behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Who got it; every one of them must have asked
    pub subjects: Vec<Party>,
    /// To what; for every one of them
    pub objects: Vec<Party>,
    /// The earliest time of an approval that counts
    pub from: DateTime<Utc>,
    /// The latest
    pub until: DateTime<Utc>,
}

/// The lists that say who is no person.
#[derive(Debug, Clone, Copy, Default)]
pub struct ManualLists<'l> {
    /// Patterns of service accounts
    pub service_accounts: &'l [String],
    /// Patterns of the actors through which identity providers make and change users
    pub provisioning_actors: &'l [String],
    /// Values of `actor.type` that stand for Immuta itself
    pub system_actor_types: &'l [String],
}

impl ManualLists<'_> {
    /// The names of the lists, in the order of the fields.
    pub const NAMES: [&'static str; 3] = ["service_accounts", "provisioning_actors", "system_actor_types"];
}

/// Tells whose hands did something.
#[derive(Debug)]
pub(super) struct Hands {
    service_accounts: Patterns,
    provisioning_actors: Patterns,
    system_actor_types: Patterns,
    approved_within: TimeDelta,
}

impl Hands {
    pub(super) fn new(lists: &ManualLists<'_>, approved_within: TimeDelta) -> Self {
        Self {
            service_accounts: Patterns::new(lists.service_accounts),
            provisioning_actors: Patterns::new(lists.provisioning_actors),
            system_actor_types: Patterns::new(lists.system_actor_types),
            approved_within,
        }
    }

    pub(super) fn judge(&self, event: &Event<'_>) -> Manual {
        // What the actor calls itself is of no account here: anybody can choose a display name.
        let names: Vec<&str> = event.field(Field::Actor).iter().map(Cow::as_ref).collect();
        let [service_accounts, provisioning_actors, system_actor_types] = ManualLists::NAMES;
        for (patterns, list) in
            [(&self.service_accounts, service_accounts), (&self.provisioning_actors, provisioning_actors)]
        {
            if let Some(name) = names.iter().find(|name| patterns.fit(name)) {
                return Manual::No(format!("the actor {name} is on the list {list}"));
            }
        }
        match event.record().json().at(&["actor", "type"]).and_then(Json::as_str) {
            Some(PERSON) => {}
            Some(kind) if self.system_actor_types.fit(kind) => {
                return Manual::No(format!("actor.type {kind} is on the list {system_actor_types}"));
            }
            Some(kind) => {
                let why = format!("actor.type is {kind}, which does not say whether the actor is a person");
                return Manual::CannotBeTold(why);
            }
            None => return Manual::CannotBeTold("the record does not say whether the actor is a person".to_owned()),
        }
        if !GRANTS.contains(&event.kind()) {
            return Manual::Yes;
        }
        self.grant(event)
    }

    /// A grant by a person: what an approved request would have to be about.
    fn grant(&self, event: &Event<'_>) -> Manual {
        let (subjects, objects) = (Party::subjects_of(event), Party::objects_of(event));
        let missing = match event.time() {
            _ if subjects.is_empty() => "who got access",
            _ if objects.is_empty() => "to which data source",
            _ if subjects.len() > MOST_PARTIES || objects.len() > MOST_PARTIES => {
                "it of so few that each can be looked at"
            }
            None => "when",
            Some(time) => {
                let (from, until) = (time - self.approved_within, time + SAME_MOMENT);
                return Manual::UnlessApproved(Grant { subjects, objects, from, until });
            }
        };
        let why = format!("the record does not say {missing}, and so no approved request can be looked for");
        Manual::CannotBeTold(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Record;

    fn judge(kind: &str, actor: &str, rest: &str) -> Manual {
        let line = format!(
            r#"{{"eventTimestamp":"2026-11-02T12:00:00Z","actor":{actor},{rest}"auditPayload":{{"type":"{kind}AuditPayload"}}}}"#
        );
        let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
        let (service, provisioning, system) = (owned(&["svc-*"]), owned(&["*-scim"]), owned(&["SYSTEM_ACTOR"]));
        let lists =
            ManualLists { service_accounts: &service, provisioning_actors: &provisioning, system_actor_types: &system };
        let record = Record::parse(line.as_bytes()).unwrap();
        Hands::new(&lists, TimeDelta::days(7)).judge(&Event::of(&record))
    }

    const ANN: &str = r#"{"type":"USER_ACTOR","id":"ann@x","name":"Ann"}"#;
    const WHOM: &str =
        r#""targets":[{"type":"USER","id":"7","name":"Bob"},{"type":"DATASOURCE","id":"9","name":"Pay"}],"#;

    #[test]
    fn a_person_s_change_is_manual() {
        assert_eq!(judge("AttributeApplied", ANN, WHOM), Manual::Yes);
    }

    #[test]
    fn service_accounts_provisioning_and_the_system_are_no_hands() {
        let words = |actor: &str| match judge("AttributeApplied", actor, WHOM) {
            Manual::No(reason) => reason,
            other => panic!("{other:?}"),
        };
        assert!(words(r#"{"type":"USER_ACTOR","id":"SVC-dbt"}"#).contains("on the list service_accounts"));
        assert!(words(r#"{"type":"USER_ACTOR","id":"okta-scim"}"#).contains("on the list provisioning_actors"));
        assert!(words(r#"{"type":"SYSTEM_ACTOR","id":"x"}"#).contains("on the list system_actor_types"));
    }

    #[test]
    fn a_display_name_makes_nobody_a_service_account() {
        assert_eq!(
            judge("AttributeApplied", r#"{"type":"USER_ACTOR","id":"mallory@x","name":"svc-mallory"}"#, WHOM),
            Manual::Yes
        );
    }

    #[test]
    fn an_actor_of_another_type_or_none_cannot_be_told_and_counts_as_manual() {
        for actor in [r#"{"type":"unknown","id":"unknown"}"#, r#"{"id":"x"}"#, "null", r#"{"type":"ROBOT","id":"x"}"#] {
            let manual = judge("AttributeApplied", actor, WHOM);
            assert!(matches!(manual, Manual::CannotBeTold(_)) && manual.holds(true), "{manual:?}");
            assert!(manual.to_string().ends_with("so it counts as done by hand"));
        }
    }

    #[test]
    fn a_grant_by_a_person_is_manual_unless_it_was_approved() {
        let manual = judge("SubscriptionCreated", ANN, WHOM);
        let Manual::UnlessApproved(grant) = &manual else { panic!("{manual:?}") };
        let ids = |parties: &[Party]| parties.iter().flat_map(|party| party.ids.clone()).collect::<Vec<_>>();
        assert_eq!((ids(&grant.subjects), ids(&grant.objects)), (vec!["7".to_owned()], vec!["9".to_owned()]));
        assert_eq!(grant.from.to_string(), "2026-10-26 12:00:00 UTC");
        assert!(manual.holds(false) && !manual.holds(true));
        assert!(!judge("SubscriptionCreated", r#"{"type":"SYSTEM_ACTOR"}"#, WHOM).holds(false));
    }

    #[test]
    fn a_grant_that_does_not_say_to_whom_or_to_what_cannot_be_told() {
        let of = |rest: &str| judge("SubscriptionUpdated", ANN, rest).to_string();
        assert!(of("").contains("who got access"));
        assert!(of(r#""targets":[{"type":"USER","id":"7"}],"#).contains("to which data source"));
        let undated = of(&format!(r#"{WHOM}"eventTimestamp":"soon","#));
        assert!(undated.contains("does not say when"), "{undated}");
    }
}
