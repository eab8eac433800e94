//! What one export has to tell: put together while its findings are written, and left in the outbox before its manifest,
//! so that nothing that was committed goes untold.
//!
//! Alerts about recent events are kept as messages, ready to be sent. Of those about old ones only numbers are kept: a
//! first export of ninety days must not interrupt anybody a thousand times.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::compose;
use super::message::Message;
use super::withdrawal::Withdrawn;
use crate::alerts::{AlertId, Approvals, Contribution, Example, UnlessApproved};
use crate::config::{Destination, NotifyConfiguration};
use crate::counterpart::{Change, kinds};
use crate::event::{Event, EventKey, Record};
use crate::lake::{Announce, Header, Manifest, is_correlated};
use crate::rules::{Level, Pack, Question, Route};

/// Of one rule and window, this many alerts are kept as messages, the gravest; of further ones only the number is. A
/// destination is told far fewer one by one.
const KEPT: usize = 100;

/// Everything that one export, or the watcher itself, has to tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// The commit that it belongs to; none for what the watcher says of its own work
    pub commit: Option<Commit>,
    /// Told to all of these, whatever routes say; none where routes decide
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub everybody: Option<BTreeMap<String, Destination>>,
    /// When it was written
    pub written: DateTime<Utc>,
    /// Alerts to be told one by one, the gravest first
    pub candidates: Vec<Candidate>,
    /// How many more there are, by rule and window
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub surplus: Vec<Surplus>,
    /// Alerts that are told in one summary
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub late: Vec<Late>,
    /// Alerts that are no longer there
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withdrawn: Vec<Withdrawn>,
    /// What is to be told at the end of a window
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closing: Option<Closing>,
}

/// A commit, by what makes its manifest what it is; or what a correlation found in a window, by what makes that what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// The export's address; `correlation:` and the rule's id
    pub uri: String,
    /// The name of its manifest; that of what the correlation found
    pub manifest: String,
    /// The version of its content; of what the correlation found
    pub etag: String,
    /// The pack's hash
    pub pack: String,
    /// The configuration's hash
    pub configuration: String,
    /// The release
    pub release: String,
}

impl Commit {
    /// The commit that a manifest stands for.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Self {
        Self {
            uri: manifest.uri.clone(),
            manifest: crate::lake::names::manifest(&manifest.source),
            etag: manifest.etag.clone(),
            pack: manifest.pack.clone(),
            configuration: manifest.configuration.clone(),
            release: manifest.release.clone(),
        }
    }

    /// What a correlation found, as it stands under a name in this version.
    #[must_use]
    pub(crate) fn of_correlated(uri: &str, name: &str, header: &Header, version: String) -> Self {
        Self {
            uri: uri.to_owned(),
            manifest: name.to_owned(),
            etag: version,
            pack: header.pack.clone(),
            configuration: header.configuration.clone(),
            release: header.release.clone(),
        }
    }

    /// Whether it is of a correlation.
    pub(crate) fn is_of_correlation(&self) -> bool {
        is_correlated(&self.manifest)
    }
}

/// A rule and a window: what deliveries are counted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RuleWindow {
    /// The rule's id
    pub rule: String,
    /// When the window begins
    pub start: DateTime<Utc>,
    /// How long it is, in hours
    #[serde(default = "a_day")]
    pub hours: u32,
}

fn a_day() -> u32 {
    24
}

/// A message that is due once a window is over: how many alerts there were in all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// The rule and window
    pub of: RuleWindow,
    /// Who is told
    pub destination: String,
    /// When
    pub due: DateTime<Utc>,
    /// The gravest alert of those beyond that was known first
    pub gravest: Message,
}

/// An alert that may have to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The alert
    pub alert: AlertId,
    /// Its rule and window
    pub of: RuleWindow,
    /// What is said of it, should nobody have approved any of its grants
    pub message: Message,
    /// What it comes to without its open grants
    pub settled: Settled,
    /// Its grants behind which an approved request may stand, in whatever export
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<UnlessApproved>,
    /// What each of its events says of a change, if all of them are of kinds that Immuta's webhooks tell of
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub changes: BTreeMap<EventKey, Change>,
}

/// What an alert comes to whatever was approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// The level
    pub level: Level,
    /// The route
    pub route: Route,
    /// Why it was raised
    pub raised: Vec<String>,
}

impl Candidate {
    /// The message as it is to be sent, given all approvals; none if it is for the dashboard only.
    #[must_use]
    pub fn judged(&self, approvals: &Approvals) -> Option<Message> {
        let Settled { mut level, mut route, raised } = self.settled.clone();
        let mut why = raised;
        for open in self.open.iter().filter(|open| approvals.behind(&open.grant).is_none()) {
            level = level.max(open.level);
            route = route.max(open.route);
            why.extend(open.raised.iter().cloned());
        }
        why.sort();
        why.dedup();
        (route > Route::Dashboard).then(|| Message { level, route, why, ..self.message.clone() })
    }
}

/// Alerts of one rule and window beyond those that are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Surplus {
    /// The rule and window
    pub of: RuleWindow,
    /// How many
    pub alerts: u64,
}

/// Alerts of one rule and level about old events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Late {
    /// The rule's id
    pub rule: String,
    /// The rule's name
    pub rule_name: String,
    /// What it says happened
    pub title: String,
    /// The question it answers
    pub question: Question,
    /// The level
    pub level: Level,
    /// How many alerts
    pub alerts: u64,
    /// Of those, how many fall away should an approved request stand behind their grants
    pub open: u64,
    /// The first event's time
    pub first: Option<DateTime<Utc>>,
    /// The last event's time
    pub last: Option<DateTime<Utc>>,
    /// One of them
    pub example: AlertId,
}

/// Puts an announcement together while the findings of an export are written.
pub struct Announcer<'a> {
    pack: &'a Pack,
    lake: &'a str,
    uri: &'a str,
    written: DateTime<Utc>,
    max_age: TimeDelta,
    candidates: BTreeMap<RuleWindow, Vec<Candidate>>,
    surplus: BTreeMap<RuleWindow, u64>,
    late: BTreeMap<(String, Level), Late>,
    has_late: bool,
}

impl<'a> Announcer<'a> {
    /// For an export at `uri`, into the lake at the address `lake`, at this time.
    #[must_use]
    pub fn new(
        pack: &'a Pack,
        notify: &NotifyConfiguration,
        lake: &'a str,
        uri: &'a str,
        written: DateTime<Utc>,
    ) -> Self {
        let max_age = notify.max_age.delta();
        let (candidates, surplus) = (BTreeMap::new(), BTreeMap::new());
        Self { pack, lake, uri, written, max_age, candidates, surplus, late: BTreeMap::new(), has_late: false }
    }

    /// Takes an alert that may have been told before, unless it is one for the summary, which would speak of it again.
    pub(crate) fn take_if_recent(&mut self, contribution: &Contribution) {
        if contribution.news_at().is_some_and(|at| at >= self.written - self.max_age) {
            self.take(contribution);
        }
    }

    /// Whether something was for the summary.
    pub(crate) fn told_late(&self) -> bool {
        self.has_late
    }

    fn take_late(&mut self, contribution: &Contribution, level: Level) {
        let is_open = u64::from(contribution.route == Route::Dashboard);
        self.has_late = true;
        let late = self.late.entry((contribution.rule.clone(), level)).or_insert_with(|| Late {
            rule: contribution.rule.clone(),
            rule_name: contribution.rule_name.clone(),
            title: contribution.title.clone(),
            question: contribution.question,
            level,
            alerts: 0,
            open: 0,
            first: contribution.first,
            last: contribution.last,
            example: contribution.alert.clone(),
        });
        late.alerts += 1;
        late.open += is_open;
        late.first = late.first.into_iter().chain(contribution.first).min();
        late.last = late.last.max(contribution.last);
    }
}

impl Announce for Announcer<'_> {
    fn take(&mut self, contribution: &Contribution) {
        let open = contribution.unless_approved.values();
        let route = open.clone().map(|open| open.route).fold(contribution.route, Ord::max);
        if route == Route::Dashboard {
            return;
        }
        // An event without a readable time is no news that should wake anybody.
        let level = open.map(|open| open.level).fold(contribution.level, Ord::max);
        if contribution.news_at().is_none_or(|last| last < self.written - self.max_age) {
            return self.take_late(contribution, level);
        }
        let of = RuleWindow {
            rule: contribution.rule.clone(),
            start: contribution.window_start,
            hours: contribution.window_hours,
        };
        let kept = self.candidates.entry(of.clone()).or_default();
        if kept.len() == KEPT {
            *self.surplus.entry(of.clone()).or_default() += 1;
            let least = (0..KEPT).min_by_key(|place| kept[*place].message.level);
            let Some(least) = least.filter(|least| kept[*least].message.level < level) else { return };
            kept.swap_remove(least);
        }
        let rule = self.pack.rule(&contribution.rule);
        kept.push(Candidate {
            alert: contribution.alert.clone(),
            of,
            message: compose::alert(contribution, rule, self.lake, self.uri),
            settled: Settled {
                level: contribution.level,
                route: contribution.route,
                raised: contribution.raised.iter().cloned().collect(),
            },
            open: contribution.unless_approved.values().cloned().collect(),
            changes: changes(contribution),
        });
    }

    fn entry(&mut self, manifest: &Manifest) -> Option<Vec<u8>> {
        self.announcement(Commit::of(manifest), Vec::new())
    }
}

impl Announcer<'_> {
    /// What to leave in the outbox for a commit; none if there is nothing to tell.
    pub(crate) fn announcement(&mut self, commit: Commit, withdrawn: Vec<Withdrawn>) -> Option<Vec<u8>> {
        let mut candidates: Vec<_> = std::mem::take(&mut self.candidates).into_values().flatten().collect();
        candidates.sort_by(|a, b| (b.message.level, &a.alert).cmp(&(a.message.level, &b.alert)));
        let surplus = std::mem::take(&mut self.surplus).into_iter().map(|(of, alerts)| Surplus { of, alerts });
        let announcement = Announcement {
            commit: Some(commit),
            everybody: None,
            written: self.written,
            candidates,
            surplus: surplus.collect(),
            late: std::mem::take(&mut self.late).into_values().collect(),
            withdrawn,
            closing: None,
        };
        let is_needed =
            !announcement.candidates.is_empty() || !announcement.late.is_empty() || !announcement.withdrawn.is_empty();
        is_needed.then(|| announcement.encode())
    }
}

/// What each event of a contribution says of a change; none if one of them says nothing, is not kept whole, or is of a kind
/// that no webhook tells of: then nobody can have been told of all of it.
fn changes(contribution: &Contribution) -> BTreeMap<EventKey, Change> {
    if contribution.examples.len() != contribution.events.len() {
        return BTreeMap::new();
    }
    let change = |example: &Example| {
        let record = Record::parse(example.record.get().as_bytes()).ok()?;
        let change = Change::of(&Event::of(&record)).filter(|change| kinds::is_announced(&change.kind))?;
        Some((example.key, change))
    };
    contribution.examples.iter().map(change).collect::<Option<_>>().unwrap_or_default()
}

impl Announcement {
    pub(super) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}
