//! A first look at somebody's own exports: what is in them, and what this product can and cannot see there.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::{DateTime, Utc};

use super::lateness::{Histogram, Lateness};
use crate::circumstances::{Circumstance, Manual};
use crate::event::{Event, EventKey, Field, Service, Unreadable, fields, kind};
use crate::rules::{Pack, Rule};

/// What was seen in exports.
#[derive(Debug, Default)]
pub struct Inspection {
    /// Lines read
    pub lines: u64,
    /// Lines of white space
    pub blank: u64,
    /// Events
    pub events: u64,
    /// Lines that could not be read, by reason
    pub unreadable: BTreeMap<String, u64>,
    /// Events by kind
    pub kinds: BTreeMap<String, u64>,
    /// Events of kinds past the [`MOST_KINDS`] that are told apart
    pub other_kinds: u64,
    /// Events without a readable time
    pub undated: u64,
    /// The first event
    pub first: Option<DateTime<Utc>>,
    /// The last event
    pub last: Option<DateTime<Utc>>,
    /// Events that came before in another line or export
    pub duplicates: u64,
    /// Events past the [`MOST_KEYS`] that duplicates are looked for among
    pub not_compared: u64,
    /// Whose hands changes were done by
    pub hands: HandsSeen,
    lateness: Histogram,
    fields: BTreeMap<Field, Resolution>,
    /// How often a field resolved in events of a kind
    resolved_of_kind: BTreeMap<(Field, String), u64>,
    /// Paths of the record that rules of the pack read, and the kinds in which they were found
    paths: Option<BTreeMap<String, BTreeSet<String>>>,
    keys: HashSet<EventKey>,
}

/// Of the events that are no queries: how many were done by hand, and how that was told.
#[derive(Debug, Default)]
pub struct HandsSeen {
    /// By a person
    pub by_hand: u64,
    /// By a service account, provisioning, or Immuta itself
    pub not_by_hand: u64,
    /// Access given by a person: by hand unless an approved request stands behind it
    pub unless_approved: u64,
    /// What could not be told, and so counts as done by hand, by reason
    pub cannot_be_told: BTreeMap<String, u64>,
}

impl HandsSeen {
    fn add(&mut self, manual: &Manual) {
        match manual {
            Manual::Yes => self.by_hand += 1,
            Manual::No(_) => self.not_by_hand += 1,
            Manual::UnlessApproved(_) => self.unless_approved += 1,
            Manual::CannotBeTold(why) => count_reason(&mut self.cannot_be_told, why.clone()),
        }
    }
}

/// Counts a reason, as one of [`MOST_REASONS`] at the most.
fn count_reason(reasons: &mut BTreeMap<String, u64>, reason: String) {
    let known = reasons.contains_key(&reason) || reasons.len() < MOST_REASONS;
    *reasons.entry(if known { reason } else { "other reasons".to_owned() }).or_default() += 1;
}

/// So many kinds are told apart; hostile input could name any number.
pub const MOST_KINDS: usize = 2_000;
/// Duplicates are looked for among so many events: 20 million keys take about 700 MB.
pub const MOST_KEYS: usize = 20_000_000;
/// So many reasons are told apart; they hold positions, so that there may be many.
const MOST_REASONS: usize = 20;
/// So many values of a field are shown as examples.
const EXAMPLES: usize = 3;

#[derive(Debug, Default)]
struct Resolution {
    expected: u64,
    resolved: u64,
    places: BTreeMap<usize, u64>,
    examples: Vec<String>,
}

/// How often a derived field was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldResolution {
    /// The field
    pub field: Field,
    /// Events that ought to have it
    pub expected: u64,
    /// Of these, events that have it
    pub resolved: u64,
    /// The places that held it, with how often, most frequent first
    pub places: Vec<(String, u64)>,
    /// The first few values
    pub examples: Vec<String>,
}

/// A rule that cannot see what it is about.
pub struct BlindRule<'p> {
    /// The rule
    pub rule: &'p Rule,
    /// Why
    pub why: String,
}

impl Inspection {
    /// Takes a blank line in.
    pub fn blank(&mut self) {
        self.lines += 1;
        self.blank += 1;
    }

    /// Takes a line in that could not be read.
    pub fn unreadable(&mut self, reason: &Unreadable) {
        self.lines += 1;
        // Where in the line it was is of no account here.
        let reason = match reason {
            Unreadable::NotUtf8(_) => "not UTF-8".to_owned(),
            Unreadable::TooLong(_) => "longer than the cap for one line".to_owned(),
            other => other.to_string().split(" at byte").next().unwrap_or_default().to_owned(),
        };
        count_reason(&mut self.unreadable, reason);
    }

    /// Takes an event in.
    pub fn event(&mut self, event: &Event<'_>, pack: &Pack) {
        self.lines += 1;
        self.events += 1;
        let kind = event.kind();
        if let Some(count) = self.kinds.get_mut(kind) {
            *count += 1;
        } else if self.kinds.len() < MOST_KINDS {
            self.kinds.insert(kind.to_owned(), 1);
        } else {
            self.other_kinds += 1;
        }
        match event.time() {
            None => self.undated += 1,
            Some(time) => {
                self.first = Some(self.first.map_or(time, |first| first.min(time)));
                self.last = Some(self.last.map_or(time, |last| last.max(time)));
                if let Some(received) = event.received() {
                    self.lateness.add(received - time);
                }
            }
        }
        if self.keys.len() < MOST_KEYS {
            self.duplicates += u64::from(!self.keys.insert(event.key()));
        } else if self.keys.contains(&event.key()) {
            self.duplicates += 1;
        } else {
            self.not_compared += 1;
        }
        for field in Field::all() {
            self.field(event, field);
        }
        if !event.is_query() {
            self.hands.add(pack.installation().circumstances(event).manual());
        }
        self.paths(event, pack);
    }

    fn paths(&mut self, event: &Event<'_>, pack: &Pack) {
        let is_path = |name: &&String| !name.starts_with(fields::PREFIX);
        let read = || pack.rules().iter().flat_map(|rule| rule.fields.iter().filter(is_path));
        let paths = self.paths.get_or_insert_with(|| read().map(|path| (path.clone(), BTreeSet::new())).collect());
        let kind = event.kind();
        for (path, kinds) in paths {
            let mut found = false;
            if !kinds.contains(kind) && kinds.len() < MOST_KINDS {
                event.record().json().each_at_dotted(path, &mut |_| found = true);
            }
            if found {
                kinds.insert(kind.to_owned());
            }
        }
    }

    fn field(&mut self, event: &Event<'_>, field: Field) {
        let values = event.field(field);
        let expected = field.is_expected_of(event.kind());
        if !values.is_empty() && self.kinds.contains_key(event.kind()) {
            *self.resolved_of_kind.entry((field, event.kind().to_owned())).or_default() += 1;
        }
        if !expected {
            return;
        }
        let resolution = self.fields.entry(field).or_default();
        resolution.expected += 1;
        if let Some(place) = event.fields().place(field) {
            resolution.resolved += 1;
            *resolution.places.entry(place).or_default() += 1;
        }
        for value in values {
            if resolution.examples.len() < EXAMPLES && !resolution.examples.iter().any(|example| example == value) {
                resolution.examples.push(value.to_string());
            }
        }
    }

    /// Kinds that Immuta's documentation does not name, with how often they occur.
    pub fn unknown_kinds(&self) -> impl Iterator<Item = (&str, u64)> {
        self.kinds.iter().filter(|(name, _)| !kind::is_known(name)).map(|(name, count)| (name.as_str(), *count))
    }

    /// How often each derived field was found, in the order of the table of candidates; fields that no event here
    /// ought to have are left out.
    #[must_use]
    pub fn fields(&self) -> Vec<FieldResolution> {
        let found = self.fields.iter().map(|(field, resolution)| {
            let names = field.places();
            let mut places: Vec<(String, u64)> =
                resolution.places.iter().map(|(place, count)| (names[*place].clone(), *count)).collect();
            places.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            let (expected, resolved) = (resolution.expected, resolution.resolved);
            FieldResolution { field: *field, expected, resolved, places, examples: resolution.examples.clone() }
        });
        found.collect()
    }

    /// Rules that cannot see what they are about in this data: none of their kinds occurs, or a field that they read
    /// was never found where they look. Rules about webhooks have nothing to see in exports, and are left out, and correlations, which see
    /// what the rules see that they count.
    #[must_use]
    pub fn blind_rules<'p>(&self, pack: &'p Pack) -> Vec<BlindRule<'p>> {
        let about_exports =
            pack.rules().iter().filter(|rule| rule.service == Service::Audit && rule.correlation().is_none());
        about_exports.filter_map(|rule| Some(BlindRule { rule, why: self.why_blind(rule)? })).collect()
    }

    fn why_blind(&self, rule: &Rule) -> Option<String> {
        let seen: Vec<&String> = rule.kinds.iter().filter(|kind| self.kinds.contains_key(*kind)).collect();
        if !rule.kinds.is_empty() && seen.is_empty() {
            return Some(format!("no event of kind {} in this data, so nothing can be said", rule.kinds.join(", ")));
        }
        let resolved = |field: Field| {
            self.resolved_of_kind
                .keys()
                .any(|(found, kind)| *found == field && (seen.is_empty() || seen.contains(&kind)))
        };
        let found_at = |path: &str| {
            let kinds = self.paths.as_ref().and_then(|paths| paths.get(path));
            kinds.is_some_and(|kinds| {
                if seen.is_empty() { !kinds.is_empty() } else { seen.iter().any(|kind| kinds.contains(*kind)) }
            })
        };
        let is_missing = |name: &&String| match Field::named(name) {
            // Some fields are there only when there is something to say, such as who was impersonated.
            Some(field) => !field.is_optional() && !resolved(field),
            None => Circumstance::named(name).is_none() && !found_at(name),
        };
        let missing: Vec<&str> = rule.fields.iter().filter(is_missing).map(String::as_str).collect();
        (!missing.is_empty()).then(|| format!("{} was never found in the events it is about", missing.join(", ")))
    }

    /// How late records are; `None` if no event says when it was received.
    #[must_use]
    pub fn lateness(&self) -> Option<Lateness> {
        self.lateness.summary()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use chrono::TimeDelta;

    use super::*;
    use crate::config::Configuration;
    use crate::event::Record;
    use crate::rules::PackFile;

    fn pack() -> Pack {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules");
        Pack::load(&folder, &Configuration::default()).unwrap()
    }

    fn inspect(lines: &[&str]) -> Inspection {
        let mut inspection = Inspection::default();
        let pack = pack();
        for line in lines {
            match Record::parse(line.as_bytes()) {
                Ok(record) => inspection.event(&Event::of(&record), &pack),
                Err(reason) => inspection.unreadable(&reason),
            }
        }
        inspection
    }

    #[test]
    fn a_field_is_counted_where_it_is_expected_with_its_places() {
        let seen = inspect(&[
            r#"{"auditPayload":{"type":"PermissionAppliedAuditPayload","permission":"AUDIT"}}"#,
            r#"{"auditPayload":{"type":"PermissionAppliedAuditPayload","permissions":["AUDIT"]}}"#,
            r#"{"auditPayload":{"type":"PermissionAppliedAuditPayload","perm":"AUDIT"}}"#,
            r#"{"auditPayload":{"type":"TagCreatedAuditPayload"}}"#,
        ]);
        let permission = seen.fields().into_iter().find(|found| found.field == Field::Permission).unwrap();
        assert_eq!((permission.expected, permission.resolved), (3, 2));
        assert_eq!(permission.places.len(), 2);
        assert_eq!(permission.examples, ["AUDIT"]);
    }

    #[test]
    fn rules_whose_field_is_never_found_are_blind() {
        let pack = pack();
        let seen = inspect(&[r#"{"auditPayload":{"type":"PermissionAppliedAuditPayload","perm":"AUDIT"}}"#]);
        let blind = seen.blind_rules(&pack);
        let why = |name: &str| blind.iter().find(|blind| blind.rule.name == name).map(|blind| blind.why.clone());
        assert!(why("permission_granted").unwrap().starts_with("watch.permission, "));
        assert!(why("webhook_deleted").unwrap().starts_with("no event of kind WebhookDeleted"));
        let seen = inspect(&[
            r#"{"auditPayload":{"type":"PermissionAppliedAuditPayload","permission":"AUDIT","username":"tom"}}"#,
        ]);
        assert!(!seen.blind_rules(&pack).iter().any(|blind| blind.rule.name == "permission_granted"));
    }

    #[test]
    fn duplicates_unknown_kinds_and_reasons_are_counted() {
        let one =
            r#"{"id":"1","receivedTimestamp":"2026-01-01T00:00:00Z","auditPayload":{"type":"BrandNewAuditPayload"}}"#;
        let seen = inspect(&[one, &one.replace("00:00:00", "01:00:00"), "{", "{\"a\":", "[1]"]);
        assert_eq!((seen.events, seen.duplicates), (2, 1));
        assert_eq!(seen.unknown_kinds().collect::<Vec<_>>(), [("BrandNew", 2)]);
        assert_eq!(seen.unreadable.values().sum::<u64>(), 3);
    }

    #[test]
    fn lateness_is_told_to_the_minute() {
        let line = |received: &str| {
            format!(
                r#"{{"eventTimestamp":"2026-01-01T00:00:00Z","receivedTimestamp":"2026-01-01T{received}Z","auditPayload":{{"type":"X"}}}}"#
            )
        };
        let lines: Vec<String> = ["00:00:30", "00:05:00", "10:00:00"].map(line).to_vec();
        let lateness = inspect(&lines.iter().map(String::as_str).collect::<Vec<_>>()).lateness().unwrap();
        assert_eq!(lateness.median, TimeDelta::minutes(6));
        assert_eq!(lateness.longest, TimeDelta::hours(10));
        assert!(Inspection::default().lateness().is_none());
    }

    #[test]
    fn it_says_how_often_nobody_can_tell_whose_hands_it_was() {
        let change =
            |actor: &str| format!(r#"{{"actor":{actor},"auditPayload":{{"type":"AttributeAppliedAuditPayload"}}}}"#);
        let lines =
            [r#"{"type":"USER_ACTOR","id":"ann"}"#, r#"{"type":"SYSTEM_ACTOR"}"#, r#"{"id":"x"}"#, "null"].map(change);
        let query = r#"{"actor":null,"auditPayload":{"type":"QueryAuditPayload"}}"#;
        let lines: Vec<&str> = lines.iter().map(String::as_str).chain([query]).collect();
        let hands = inspect(&lines).hands;
        assert_eq!((hands.by_hand, hands.not_by_hand, hands.unless_approved), (1, 1, 0));
        assert_eq!(hands.cannot_be_told.values().sum::<u64>(), 2);
    }

    #[test]
    fn a_rule_that_asks_for_what_its_kind_never_says_is_blind() {
        let rule = |field: &str| {
            let text = std::fs::read_to_string(
                Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules/data_sources/data_source_deleted.yml"),
            );
            let text = text.unwrap().replacen(
                "watch.kind: DatasourceDeleted\n",
                &format!("watch.kind: DatasourceDeleted\n    {field}: x\n"),
                1,
            );
            let pack = Pack::compile(&[PackFile { path: "own.yml".into(), text }], &Configuration::default()).unwrap();
            let record = r#"{"targets":[{"type":"DATASOURCE","name":"pay"}],"auditPayload":{"type":"DatasourceDeletedAuditPayload"}}"#;
            let record = Record::parse(record.as_bytes()).unwrap();
            let mut seen = Inspection::default();
            seen.event(&Event::of(&record), &pack);
            seen.blind_rules(&pack).pop().map(|blind| blind.why)
        };
        assert_eq!(rule("watch.object"), None);
        assert_eq!(rule("targets.name"), None);
        assert!(rule("watch.domain").unwrap().starts_with("watch.domain was never found"));
        assert!(rule("auditPayload.dataSurce").unwrap().starts_with("auditPayload.dataSurce was never found"));
    }
}
