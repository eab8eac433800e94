//! How surely a notification and an audit event tell of one change.

use std::fmt;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::agreement::{Agreement, on_names, on_parties};
use super::change::Change;
use super::kinds::{Respect, audit_kinds, is_contradicted, required};
use crate::event::Field;

/// A notification is received so long before its event at the most: clocks differ.
pub const BEFORE: TimeDelta = TimeDelta::minutes(10);

/// And so long after it: Immuta sends within seconds, but a bulk job may fill its queue.
pub const AFTER: TimeDelta = TimeDelta::hours(1);

/// A notification that is surely of an event is received so long before it at the most …
pub const SURELY_BEFORE: TimeDelta = TimeDelta::minutes(2);
/// … and so long after it.
pub const SURELY_AFTER: TimeDelta = TimeDelta::minutes(15);

/// How sure it is that the two tell of one change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// What happened and when agree, and nothing else is said by both
    Possible,
    /// Some of who, to whom and on what agrees, and nothing differs
    Likely,
    /// Who did it and everything else that the audit event names, the notification names as well, each by a key; and what
    /// makes a change of its kind is among it
    Sure,
}

impl Certainty {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Certainty::Possible => "possible",
            Certainty::Likely => "likely",
            Certainty::Sure => "sure",
        }
    }
}

impl fmt::Display for Certainty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Change {
    /// How surely a notification tells of the change that this audit event tells of; none if it tells of another.
    #[must_use]
    pub fn counterpart(&self, notification: &Change) -> Option<Certainty> {
        let delay = notification.time - self.time;
        if !audit_kinds(&notification.kind).contains(&self.kind.as_str()) || !(-BEFORE..=AFTER).contains(&delay) {
            return None;
        }
        let texts = &notification.texts;
        let actor = on_parties(self.actor.as_slice(), notification.actor.as_slice(), texts);
        let others: Vec<Agreement> = self.others(notification).collect();
        let all = || others.iter().chain([&actor]);
        if all().any(|agreement| *agreement == Agreement::Differs) {
            return None;
        }
        let is_close = (-SURELY_BEFORE..=SURELY_AFTER).contains(&delay);
        let is_whole = || {
            let sentence = texts.first().map_or("", String::as_str);
            self.says_what_is_required()
                && all().all(|agreement| *agreement == Agreement::Agrees)
                && !is_contradicted(&self.kind, sentence)
        };
        if is_close && is_whole() {
            return Some(Certainty::Sure);
        }
        let is_some = all().any(|agreement| *agreement != Agreement::Unsaid);
        Some(if is_some { Certainty::Likely } else { Certainty::Possible })
    }

    /// Whether an event says enough of itself to be told from every other one of its kind.
    fn says_what_is_required(&self) -> bool {
        let says = |respect: &Respect| match respect {
            Respect::Subject => !self.subjects.is_empty(),
            Respect::Object => !self.objects.is_empty(),
            Respect::Named(field) => self.named.contains_key(field.name()),
        };
        self.actor.is_some() && required(&self.kind).is_some_and(|required| required.iter().all(says))
    }

    /// Everything but the actor that the event names.
    fn others<'c>(&'c self, notification: &'c Change) -> impl Iterator<Item = Agreement> + 'c {
        let parties = [(&self.subjects, &notification.subjects), (&self.objects, &notification.objects)];
        let parties = parties.into_iter().filter(|(event, _)| !event.is_empty());
        let parties = parties.map(|(event, other)| on_parties(event, other, &notification.texts));
        let names = self.named.iter().map(|(field, names)| {
            let are_dotted = field == Field::Tag.name();
            on_names(names, notification.named.get(field), are_dotted, &notification.texts)
        });
        parties.chain(names)
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::event::{Event, Record, Service};
    use crate::webhook::Notification;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_442_400 + seconds, 0).unwrap()
    }

    fn audited(record: &Value) -> Change {
        let text = record.to_string();
        let record = Record::parse(text.as_bytes()).unwrap();
        Change::of(&Event::of(&record)).unwrap()
    }

    /// Ann gives Tom a permission.
    fn granted(permission: &str) -> Change {
        audited(&json!({
            "id": "e1", "eventTimestamp": at(0).to_rfc3339(), "action": "CREATE", "targetType": "USER",
            "actor": {"type": "USER_ACTOR", "id": "ann@example.com", "name": "Ann Lee", "profileId": "7"},
            "targets": [{"type": "USER", "id": "12", "name": "tom@example.com"}],
            "auditPayload": {"type": "PermissionAppliedAuditPayload", "permission": permission},
        }))
    }

    fn notified(kind: &str, seconds: i64, text: &str, inner: &Value) -> Change {
        let body = json!({ "text": text, "attachments": [{ "text": inner.to_string() }] }).to_string();
        let notification = Notification::read(kind, body.as_bytes(), at(seconds));
        let record = Record::parse(notification.record.as_bytes()).unwrap();
        Change::of(&Event::of_service(&record, Service::Webhook)).unwrap()
    }

    fn told(seconds: i64, text: &str, inner: &Value) -> Option<Certainty> {
        granted("USER_ADMIN").counterpart(&notified("permissionsUpdated", seconds, text, inner))
    }

    #[test]
    fn who_to_whom_and_what_make_it_sure() {
        let whole =
            json!({"actor": {"id": 7, "name": "Ann Lee"}, "user": "tom@example.com", "permissions": ["USER_ADMIN"]});
        assert_eq!(told(5, "", &whole), Some(Certainty::Sure));
        assert_eq!(told(-60, "", &whole), Some(Certainty::Sure));
        assert_eq!(told(40 * 60, "", &whole), Some(Certainty::Likely), "late for what takes seconds");
        assert_eq!(told(2 * 3600, "", &whole), None);
        assert_eq!(told(-3600, "", &whole), None);
    }

    #[test]
    fn a_permission_that_was_not_named_is_not_surely_told_of() {
        let without = json!({"actor": {"id": 7}, "user": "tom@example.com"});
        assert_eq!(told(5, "Ann Lee changed Tom", &without), Some(Certainty::Likely));
        assert_eq!(told(5, "Ann Lee gave USER_ADMIN to Tom", &without), Some(Certainty::Likely), "in words alone");
        let other = json!({"actor": {"id": 7}, "user": "tom@example.com", "permissions": ["CREATE_PROJECT"]});
        assert_eq!(told(5, "", &other), None);
    }

    #[test]
    fn who_did_it_must_stand_where_actors_stand() {
        let without = json!({"user": "tom@example.com", "permissions": ["USER_ADMIN"]});
        assert_eq!(told(5, "Ann Lee gave USER_ADMIN to tom@example.com", &without), Some(Certainty::Likely));
    }

    #[test]
    fn what_says_nothing_may_be_the_same_and_what_differs_is_not() {
        assert_eq!(told(5, "Permissions were updated", &json!({})), Some(Certainty::Possible));
        assert_eq!(told(5, "", &json!({"actor": "bob@example.com"})), None);
        assert_eq!(told(5, "", &json!({"actor": {"id": 7}, "user": "mia@example.com"})), None);
        let tag = notified("modelTagAdded", 5, "", &json!({"actor": {"id": 7}}));
        assert_eq!(granted("USER_ADMIN").counterpart(&tag), None);
    }

    #[test]
    fn the_other_way_round_is_not_surely_the_same() {
        let whole = json!({"actor": {"id": 7}, "user": "tom@example.com", "permissions": ["USER_ADMIN"]});
        assert_eq!(told(5, "Ann Lee revoked USER_ADMIN from Tom", &whole), Some(Certainty::Likely));
        assert_eq!(told(5, "Ann Lee granted USER_ADMIN to Tom", &whole), Some(Certainty::Sure));
    }

    #[test]
    fn an_event_that_does_not_say_to_whom_or_whose_values_are_not_compared_is_never_sure() {
        let mut event = granted("USER_ADMIN");
        event.subjects.clear();
        let whole = json!({"actor": {"id": 7}, "user": "tom@example.com", "permissions": ["USER_ADMIN"]});
        let found = event.counterpart(&notified("permissionsUpdated", 5, "", &whole));
        assert_eq!(found, Some(Certainty::Likely));
        let attribute = audited(&json!({"eventTimestamp": at(0).to_rfc3339(), "actor": {"id": "ann@example.com"},
            "targets": [{"type": "USER", "name": "tom@example.com"}],
            "auditPayload": {"type": "AttributeAppliedAuditPayload", "attribute": {"name": "Country", "value": "*"}}}));
        let told = notified(
            "attributeAdded",
            5,
            "",
            &json!({"actor": "ann@example.com", "user": "tom@example.com", "attribute": {"name": "Country", "value": "DE"}}),
        );
        assert_eq!(attribute.counterpart(&told), Some(Certainty::Likely));
    }

    #[test]
    fn somebody_else_who_is_mentioned_is_not_the_one_it_was_done_to() {
        let other = json!({"actor": {"id": 7}, "user": "mia@example.com", "permissions": ["USER_ADMIN"],
            "note": "asked for by tom@example.com"});
        assert_eq!(told(5, "tom@example.com asked for it", &other), None);
    }

    #[test]
    fn an_event_that_names_nothing_is_never_sure() {
        let event = audited(&json!({"eventTimestamp": at(0).to_rfc3339(), "actor": {"id": "ann@example.com"},
            "auditPayload": {"type": "GlobalPolicyUpdatedAuditPayload"}}));
        let told =
            notified("globalPolicyUpdated", 5, "", &json!({"actor": "ann@example.com", "policy": {"name": "Mask"}}));
        assert_eq!(event.counterpart(&told), Some(Certainty::Likely));
    }

    proptest! {
        /// Whoever hides a change behind the notification of another must be named by it in every respect.
        #[test]
        fn what_is_sure_names_whatever_the_event_names(permission in "[A-C]{3}", named in prop::collection::vec("[A-C]{3}", 0..4),
            to in "(tom|mia)@example.com", words in "[A-C ]{0,12}", actor in 5_u8..9, delay in -1000_i64..5000) {
            let event = granted(&permission);
            let inner = json!({"actor": {"id": actor}, "user": to, "permissions": named});
            let found = event.counterpart(&notified("permissionsUpdated", delay, &words, &inner));
            if found == Some(Certainty::Sure) {
                prop_assert_eq!((actor, to.as_str()), (7, "tom@example.com"));
                prop_assert!(named.contains(&permission));
                prop_assert!((-120..=900).contains(&delay));
            }
        }
    }
}
