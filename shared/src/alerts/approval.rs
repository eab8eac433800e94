//! Approved requests: what stands behind a grant, in whatever export it lies.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::circumstances::{Grant, MOST_PARTIES};
use crate::event::{Event, EventKey, Field, Party};
use crate::findings::Fold;

/// The kind of event that approves a request for access.
const APPROVED: &str = "SubscriptionRequestApproved";
/// How a decision ends that was taken.
const SUCCESS: &str = "SUCCESS";

/// A request for access that somebody approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// When
    pub time: DateTime<Utc>,
    /// The key of its event
    pub event: EventKey,
    /// Who approved it
    pub by: String,
    /// Who had asked
    pub subjects: Vec<Party>,
    /// For what
    pub objects: Vec<Party>,
}

impl Approval {
    /// The approval that an event is, if it is one that can be told: it says when, for whom and for what.
    #[must_use]
    pub fn of(event: &Event<'_>) -> Option<Self> {
        let ended_well = event.field(Field::Status).first().is_none_or(|status| status == SUCCESS);
        if event.kind() != APPROVED || !ended_well {
            return None;
        }
        let (mut subjects, objects) = (Party::subjects_of(event), Party::objects_of(event));
        if subjects.len() > 1 {
            // The record may name the approver as well, who did not ask.
            let actor = Party::actor(event.record().json());
            subjects.retain(|subject| !subject.is(&actor));
        }
        let few = |parties: &[Party]| (1..=MOST_PARTIES).contains(&parties.len());
        if !few(&subjects) || !few(&objects) {
            return None;
        }
        let by = event.field(Field::Actor).first()?.to_string();
        Some(Self { time: event.time()?, event: event.key(), by, subjects, objects })
    }

    /// Its place among the approvals of an export.
    #[must_use]
    pub fn key(&self) -> ApprovalKey {
        ApprovalKey { time: self.time, event: self.event }
    }
}

/// Orders approvals by time; the same one in two exports has the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ApprovalKey {
    time: DateTime<Utc>,
    event: EventKey,
}

impl ApprovalKey {
    /// The date of the partition that it belongs to.
    #[must_use]
    pub fn date(&self) -> NaiveDate {
        self.time.date_naive()
    }
}

impl From<&ApprovalKey> for ApprovalKey {
    fn from(key: &ApprovalKey) -> Self {
        *key
    }
}

impl Fold for Approval {
    /// Two with one key are the same event.
    fn fold(&mut self, _: Self) {}
}

/// Approvals that can be asked for what stands behind a grant.
#[derive(Debug, Default)]
pub struct Approvals {
    approvals: Vec<Approval>,
    /// By everything that their subjects are called
    by_subject: HashMap<String, Vec<usize>>,
}

impl Approvals {
    /// Takes approvals in, in whatever order.
    #[must_use]
    pub fn new(mut approvals: Vec<Approval>) -> Self {
        approvals.sort_by_key(Approval::key);
        approvals.dedup_by_key(|approval| approval.key());
        let mut by_subject: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, approval) in approvals.iter().enumerate() {
            let names: BTreeSet<&str> = approval.subjects.iter().flat_map(Party::called).collect();
            for name in names {
                by_subject.entry(name.to_owned()).or_default().push(index);
            }
        }
        Self { approvals, by_subject }
    }

    /// The last of the approvals that stand behind a grant, if every one who got access had asked for every data source
    /// that it was given to.
    #[must_use]
    pub fn behind(&self, grant: &Grant) -> Option<&Approval> {
        let pairs = grant.subjects.iter().flat_map(|subject| grant.objects.iter().map(move |object| (subject, object)));
        let each = pairs.map(|(subject, object)| self.of_one(subject, object, grant));
        each.collect::<Option<Vec<_>>>()?.into_iter().max_by_key(|approval| approval.key())
    }

    fn of_one(&self, subject: &Party, object: &Party, grant: &Grant) -> Option<&Approval> {
        let candidates: BTreeSet<usize> =
            subject.called().filter_map(|name| self.by_subject.get(name)).flatten().copied().collect();
        let counts = |approval: &&Approval| {
            (grant.from..=grant.until).contains(&approval.time)
                && approval.subjects.iter().any(|asked| asked.is(subject))
                && approval.objects.iter().any(|asked| asked.is(object))
        };
        candidates.into_iter().rev().map(|index| &self.approvals[index]).find(counts)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::event::Record;

    fn approval(minute: i64, user: &str, source: &str) -> Approval {
        let line = format!(
            r#"{{"eventTimestamp":"2026-11-02T12:00:00Z","minute":{minute},"actor":{{"id":"boss"}},"targets":[{{"type":"DATASOURCE","id":"{source}"}}],
            "relatedResources":[{{"type":"USER","id":"{user}"}}],"auditPayload":{{"type":"SubscriptionRequestApprovedAuditPayload"}}}}"#
        );
        let record = Record::parse(line.as_bytes()).unwrap();
        let mut approval = Approval::of(&Event::of(&record)).unwrap();
        approval.time += TimeDelta::minutes(minute);
        approval
    }

    fn grant(user: &str, source: &str) -> Grant {
        let noon = approval(0, "x", "y").time;
        let party = |id: &str| vec![Party { ids: vec![id.to_lowercase()], names: Vec::new() }];
        let (from, until) = (noon - TimeDelta::minutes(30), noon + TimeDelta::minutes(5));
        Grant { subjects: party(user), objects: party(source), from, until }
    }

    #[test]
    fn an_approval_stands_behind_a_grant_of_the_same_person_and_object_in_time() {
        let behind = |minute, user, source| {
            Approvals::new(vec![approval(minute, user, source)]).behind(&grant("ann", "9")).is_some()
        };
        assert!(behind(-30, "ann", "9") && behind(0, "ANN", "9") && behind(5, "ann", "9"));
        assert!(!behind(-31, "ann", "9"), "too early");
        assert!(!behind(6, "ann", "9"), "too late");
        assert!(!behind(0, "bob", "9"), "another person");
        assert!(!behind(0, "ann", "8"), "another data source");
    }

    #[test]
    fn a_grant_to_several_needs_an_approval_for_each() {
        let both = Grant {
            subjects: [grant("ann", "9"), grant("bob", "9")].map(|grant| grant.subjects[0].clone()).to_vec(),
            ..grant("ann", "9")
        };
        let behind = |users: &[&str]| {
            let approvals = users.iter().map(|user| approval(-10, user, "9")).collect();
            Approvals::new(approvals).behind(&both).is_some()
        };
        assert!(behind(&["ann", "bob"]));
        assert!(!behind(&["ann"]) && !behind(&["bob", "eve"]));
    }

    #[test]
    fn an_approver_who_is_named_in_the_record_did_not_ask() {
        let line = r#"{"eventTimestamp":"2026-11-02T12:00:00Z","actor":{"id":"boss"},"targets":[{"type":"DATASOURCE","id":"9"},{"type":"USER","id":"ann"}],
            "relatedResources":[{"type":"USER","id":"boss"}],"auditPayload":{"type":"SubscriptionRequestApprovedAuditPayload"}}"#;
        let record = Record::parse(line.as_bytes()).unwrap();
        let approval = Approval::of(&Event::of(&record)).unwrap();
        assert_eq!(approval.subjects.iter().flat_map(Party::called).collect::<Vec<_>>(), ["ann"]);
    }

    #[test]
    fn the_last_of_several_is_named_whatever_their_order() {
        let [early, late] = [approval(-20, "ann", "9"), approval(-10, "ann", "9")];
        for order in [vec![early.clone(), late.clone()], vec![late.clone(), early.clone(), late.clone()]] {
            assert_eq!(Approvals::new(order).behind(&grant("ann", "9")), Some(&late));
        }
    }

    #[test]
    fn what_was_refused_or_does_not_say_for_whom_is_no_approval() {
        let of = |line: &str| {
            let record = Record::parse(line.as_bytes()).unwrap();
            Approval::of(&Event::of(&record))
        };
        let line = r#"{"eventTimestamp":"2026-11-02T12:00:00Z","actionStatus":"SUCCESS","targets":[{"type":"DATASOURCE","id":"9"},{"type":"USER","id":"7"}],"auditPayload":{"type":"SubscriptionRequestApprovedAuditPayload"}}"#;
        assert!(of(line).is_some());
        for (from, to) in [
            ("\"SUCCESS\"", "\"FAILURE\""),
            ("USER", "ROLE"),
            ("DATASOURCE", "ROLE"),
            ("Approved", "Denied"),
            ("2026-11-02T12", "soon"),
        ] {
            assert_eq!(of(&line.replace(from, to)), None, "{to}");
        }
    }
}
