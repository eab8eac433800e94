//! Every name in the lake. Names come from the source, so that writing twice is writing once.
//!
//! ```text
//! manifests/<source>.json                          what one export became; the commit point
//! leases/<source>.json                             who is at work on it; gone when the work is done
//! ledger/access/date=YYYY-MM-DD/<source>.parquet   one row per query
//! ledger/changes/date=YYYY-MM-DD/<source>.parquet  one row per other event
//! rollups/date=YYYY-MM-DD/<source>.parquet         counts per hour
//! alerts/date=YYYY-MM-DD/<source>.ndjson           contributions to alerts, by the date their window begins on
//! approvals/date=YYYY-MM-DD/<source>.ndjson        approved requests, by the date of the approval
//! signals/rule=<rule>/date=YYYY-MM-DD/<source>.parquet
//!                                                  matches that correlations count, by the rule's id
//! quarantine/<source>.ndjson                       lines that could not be read
//! ```
//!
//! That is what the exports became. Apart from it stands what people were told, which is history:
//!
//! ```text
//! outbox/<source>-<commit>.json                    what a commit has yet to tell; gone when it is told
//! outbox/notice-<alert>.json                       what the watcher has yet to tell of its own work
//! outbox/closing-<rule>-<YYYYMMDDTHHMM>-<destination>.json
//!                                                  how many alerts there were in all, to be told once a window is over
//! notices/date=YYYY-MM-DD/<alert>.json             what the watcher told of its own work
//! notices/in-force.json                            the bundle that people were told of last
//! deliveries/date=YYYY-MM-DD/<rule>/<HHMM>/<destination>.json
//!                                                  the alerts of a rule and window (by its beginning) to a destination
//! deliveries/date=YYYY-MM-DD/late/<HH>-<level>/<destination>.json
//!                                                  the summary of old alerts that were found within an hour, by the
//!                                                  gravest of them
//! ```
//!
//! What correlations make of signals comes of many exports; each file is written as a whole by whoever has seen all of them:
//!
//! ```text
//! correlated/date=YYYY-MM-DD/<rule>/<HHMM>.ndjson  what a correlation found in the alert window that begins then
//! touched/announced/<source>-<random>.json         which signals a commit changed that people are told of; gone when their
//!                                                  windows are correlated
//! touched/silent/<source>-<random>.json            the same of a commit that nobody is told of
//! open/<rule>/<YYYYMMDDTHHMM>.json                 a window of an absence with something that cannot be judged yet
//! open/<rule>/<YYYYMMDD>-announced-<random>.json   a day that commits changed, and that has yet to be compared with the
//!                                                  weeks before; `silent` of what nobody is told of
//! profiles/<rule>/date=YYYY-MM-DD.ndjson           what each group of a correlation did on a closed day, counted
//! ```
//!
//! And what `sweep` remembers from one run to the next; without it, it looks at everything again:
//!
//! ```text
//! reconcile/missing.json                           exports that were put into the queue since they have no manifest
//! reconcile/changes.json                           notifications whose event has not come, and how often the audit log and
//!                                                  webhooks told of the same changes
//! reconcile/backlog.json                           before which day every notification is decided
//! reconcile/complete.json                          up to when the log is known to be whole
//! reconcile/history.json                           what was done about notifications that Immuta could not deliver
//! ```
//!
//! What `doctor` tries the lake out by, and removes again at once:
//!
//! ```text
//! doctor/<random>.json                             whoever finds one may remove it
//! ```
//!
//! What webhooks tell comes by itself, beside the exports:
//!
//! ```text
//! webhooks/date=YYYY-MM-DD/<hash>-<HHMMSSmmm>.json           a notification as it was received, by the hash of its type and
//!                                                           body; never changed
//! webhooks/date=YYYY-MM-DD/<hash>-<HHMMSSmmm>.decision.json  what was decided about it
//! webhooks/date=YYYY-MM-DD/<hash>-<HHMMSSmmm>.event          the key of the event in the audit log that it stands for, if
//!                                                           an alert was withheld for it or may be
//! ```
//!
//! One that contributes to an alert is a source like an export, with a manifest that names its files below `alerts/`.
//!
//! What lies below `packs/` and `inventory/` comes from people: no manifest names it, and functions read it.
//!
//! ```text
//! inventory/date=YYYY-MM-DD/<kind>.ndjson          what somebody listed in Immuta on a day: `data-sources`, `permissions` or
//!                                                  `group-members`
//! packs/<hash>/bundle.json                         a pack and a configuration, as published; never changed
//! packs/current                                    which of them is in force, and which were before
//! ```
//!
//! Dates are UTC. `date=` is Hive's way of partitioning, which Athena, DuckDB and Spark read as a column.

use chrono::{DateTime, NaiveDate, Utc};

use crate::alerts::AlertId;
use crate::digest;
use crate::export::SourceId;
use crate::findings::Area;
use crate::findings::ledger::Ledger;
use crate::inventory::ListKind;
use crate::rules::RuleId;

/// The folder of manifests.
pub const MANIFESTS: &str = "manifests/";
/// The folder of leases.
pub const LEASES: &str = "leases/";
/// The folder of contributions to alerts.
pub const ALERTS: &str = "alerts/";
/// The folder of approved requests.
pub const APPROVALS: &str = "approvals/";
/// The folder of what has yet to be told.
pub const OUTBOX: &str = "outbox/";
/// What is not due before a window is over.
pub const CLOSING: &str = "outbox/closing-";
/// The folder of what the watcher told of its own work.
pub const NOTICES: &str = "notices/";
/// Which bundle people were told of last.
pub const LAST_TOLD: &str = "notices/in-force.json";
/// The folder of delivery records.
pub const DELIVERIES: &str = "deliveries/";
/// The folder of what `sweep` remembers.
pub const RECONCILE: &str = "reconcile/";
/// Which exports were put into the queue since they have no manifest.
pub const MISSING: &str = "reconcile/missing.json";
/// Which notifications wait for their event, and how often the two agreed.
pub const CHANGES: &str = "reconcile/changes.json";
/// Before which day every notification is decided.
pub const BACKLOG: &str = "reconcile/backlog.json";
/// Up to when the log is known to be whole.
pub const COMPLETE: &str = "reconcile/complete.json";
/// What was done about notifications that Immuta could not deliver.
pub const HISTORY: &str = "reconcile/history.json";
/// The folder of what `doctor` tries the lake out by.
pub const DOCTOR: &str = "doctor/";
/// The folder of the notifications of webhooks.
pub const WEBHOOKS: &str = "webhooks/";
/// The folder of signals.
pub const SIGNALS: &str = "signals/";
/// The folder of what correlations found.
pub const CORRELATED: &str = "correlated/";
/// The folder of what commits changed that has yet to be correlated.
pub const TOUCHED: &str = "touched/";
/// Of commits that people are told of.
pub const TOUCHED_ANNOUNCED: &str = "touched/announced/";
/// Of commits that nobody is told of.
pub const TOUCHED_SILENT: &str = "touched/silent/";
/// The folder of windows with something that cannot be judged yet.
pub const OPEN: &str = "open/";
/// The folder of what groups did on closed days.
pub const PROFILES: &str = "profiles/";
/// The folders of files that manifests name.
pub const DATA: [&str; 6] = ["ledger/", "rollups/", ALERTS, APPROVALS, SIGNALS, "quarantine/"];

/// The folder of what people listed in Immuta.
pub const INVENTORY: &str = "inventory/";
/// The folder of published packs and configurations.
pub const PACKS: &str = "packs/";
/// Says which bundle is in force.
pub const CURRENT: &str = "packs/current";

/// Whether text can be the name of a file in a lake: parts between slashes, of which none is empty, begins with a dot or
/// holds what a file system would take for something else. Names are read from manifests and leases, too, which
/// somebody may have changed.
#[must_use]
pub fn is_plain(name: &str) -> bool {
    name.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', '\0']))
}

/// Whether a name lies in one of the lake's folders.
#[must_use]
pub fn is_in_a_folder(name: &str) -> bool {
    let folders = [
        MANIFESTS, LEASES, CORRELATED, TOUCHED, OPEN, PROFILES, OUTBOX, NOTICES, DELIVERIES, RECONCILE, DOCTOR,
        WEBHOOKS, INVENTORY, PACKS,
    ];
    folders.iter().chain(&DATA).any(|folder| name.starts_with(folder))
}

/// A file that the lake is tried out by, under a name that nobody else draws.
#[must_use]
pub fn probe(drawn: u128) -> String {
    format!("{DOCTOR}{drawn:032x}.json")
}

/// The list of a kind and date.
#[must_use]
pub fn inventory(kind: ListKind, date: NaiveDate) -> String {
    format!("{INVENTORY}date={}/{}.ndjson", date.format("%Y-%m-%d"), kind.stem())
}

/// The kind and date of the list with this name; none if it is no list's.
#[must_use]
pub fn inventory_of(name: &str) -> Option<(ListKind, NaiveDate)> {
    let date = date_of(name)?;
    ListKind::ALL.into_iter().find(|kind| inventory(*kind, date) == name).map(|kind| (kind, date))
}

/// A bundle of a pack and a configuration, by its hash.
#[must_use]
pub fn bundle(hash: &str) -> String {
    format!("{PACKS}{hash}/bundle.json")
}

/// The manifest of an export.
#[must_use]
pub fn manifest(source: &SourceId) -> String {
    manifest_named(source.as_str())
}

/// The manifest of the export whose files bear this stem.
#[must_use]
pub fn manifest_named(source: &str) -> String {
    format!("{MANIFESTS}{source}.json")
}

/// The lease on an export.
#[must_use]
pub fn lease(source: &SourceId) -> String {
    format!("{LEASES}{source}.json")
}

/// A file of an export's findings.
#[must_use]
pub fn file(area: Area, date: Option<NaiveDate>, source: &SourceId) -> String {
    let (folder, ending) = match area {
        Area::Ledger(ledger) => (format!("ledger/{}/", ledger.name()), "parquet"),
        Area::Rollups => ("rollups/".to_owned(), "parquet"),
        Area::Alerts => (ALERTS.to_owned(), "ndjson"),
        Area::Approvals => (APPROVALS.to_owned(), "ndjson"),
        Area::Signals(rule) => (format!("{SIGNALS}rule={rule}/"), "parquet"),
        Area::Quarantine => ("quarantine/".to_owned(), "ndjson"),
    };
    let partition = date.map_or_else(String::new, |date| format!("date={}/", date.format("%Y-%m-%d")));
    format!("{folder}{partition}{source}.{ending}")
}

/// The files of the ledger `changes` of a date.
#[must_use]
pub fn changes_of(date: NaiveDate) -> String {
    format!("ledger/{}/date={}/", Ledger::Changes.name(), date.format("%Y-%m-%d"))
}

/// The folder of the alerts whose windows begin on a date.
#[must_use]
pub fn alerts_of(date: NaiveDate) -> String {
    format!("{ALERTS}date={}/", date.format("%Y-%m-%d"))
}

/// The folder of the approvals of a date.
#[must_use]
pub fn approvals_of(date: NaiveDate) -> String {
    format!("{APPROVALS}date={}/", date.format("%Y-%m-%d"))
}

/// The signals of a rule and date.
#[must_use]
pub fn signals_of(rule: &str, date: NaiveDate) -> String {
    format!("{SIGNALS}rule={rule}/date={}/", date.format("%Y-%m-%d"))
}

/// The signals of a rule in the month of a date.
#[must_use]
pub fn signals_in_month(rule: &str, date: NaiveDate) -> String {
    format!("{SIGNALS}rule={rule}/date={}-", date.format("%Y-%m"))
}

/// What correlations found in the alert windows that begin on a date.
#[must_use]
pub fn all_correlated_on(date: NaiveDate) -> String {
    format!("{CORRELATED}date={}/", date.format("%Y-%m-%d"))
}

/// The correlation and the alert window that a name in [`CORRELATED`] is about.
#[must_use]
pub fn correlated_window_of(name: &str) -> Option<(&str, DateTime<Utc>)> {
    let mut parts = name.strip_prefix(CORRELATED)?.split('/').skip(1);
    let (rule, time) = (parts.next()?, parts.next()?.split_once('.')?.0);
    let time = chrono::NaiveTime::parse_from_str(&format!("{time}00"), "%H%M%S").ok()?;
    Some((rule, date_of(name)?.and_time(time).and_utc()))
}

/// What a correlation found in the alert windows that begin on a date.
#[must_use]
pub fn correlated_on(date: NaiveDate, rule: &str) -> String {
    format!("{CORRELATED}date={}/{rule}/", date.format("%Y-%m-%d"))
}

/// What a correlation found in the alert window that begins then.
#[must_use]
pub fn correlated(rule: &str, window_start: DateTime<Utc>) -> String {
    format!("{}{}.ndjson", correlated_on(window_start.date_naive(), rule), window_start.format("%H%M"))
}

/// What the entries begin with that say which signals the commits of an export changed.
#[must_use]
pub fn touched_of(announce: bool, source: &SourceId) -> String {
    format!("{}{source}-", if announce { TOUCHED_ANNOUNCED } else { TOUCHED_SILENT })
}

/// Which signals a commit of an export changed, under a name that no other attempt draws: so whoever is done with it may
/// remove it, whatever came since.
#[must_use]
pub fn touched(announce: bool, source: &SourceId, drawn: u64) -> String {
    format!("{}{drawn:016x}.json", touched_of(announce, source))
}

/// Stands for everything that a manifest depends on.
#[must_use]
pub fn commit_digest(commit: &[&str]) -> String {
    digest::short(commit.join("\n").as_bytes())
}

/// Windows of a correlation with something that cannot be judged yet.
#[must_use]
pub fn open_of(rule: &str) -> String {
    format!("{OPEN}{rule}/")
}

/// A window of a correlation with something that cannot be judged yet.
#[must_use]
pub fn open(rule: &str, window_start: DateTime<Utc>) -> String {
    format!("{}{}.json", open_of(rule), window_start.format("%Y%m%dT%H%M"))
}

/// When the window begins that a name in [`OPEN`] is about.
#[must_use]
pub fn open_window_of(name: &str) -> Option<DateTime<Utc>> {
    let stem = source_of(name).filter(|_| name.starts_with(OPEN))?;
    let time = chrono::NaiveDateTime::parse_from_str(&format!("{stem}00"), "%Y%m%dT%H%M%S").ok()?;
    Some(time.and_utc())
}

/// A day that commits changed, and that has yet to be compared with the weeks before, under a name that nobody else draws:
/// so whoever has compared it may remove it, whatever came since.
#[must_use]
pub fn open_day(rule: &str, date: NaiveDate, announce: bool, drawn: u64) -> String {
    let whether = if announce { ANNOUNCED } else { SILENT };
    format!("{}{}-{whether}-{drawn:016x}.json", open_of(rule), date.format("%Y%m%d"))
}

const ANNOUNCED: &str = "announced";
const SILENT: &str = "silent";

/// The day that a name in [`OPEN`] is about, and whether people are told of what comes of it.
#[must_use]
pub fn open_day_of(name: &str) -> Option<(NaiveDate, bool)> {
    let mut parts = source_of(name).filter(|_| name.starts_with(OPEN))?.split('-');
    let date = NaiveDate::parse_from_str(parts.next()?, "%Y%m%d").ok()?;
    Some((date, parts.next()? != SILENT))
}

/// What the groups of a correlation did on a day.
#[must_use]
pub fn profile(rule: &str, date: NaiveDate) -> String {
    format!("{PROFILES}{rule}/date={}.ndjson", date.format("%Y-%m-%d"))
}

/// What the entries of an export in the outbox begin with.
#[must_use]
pub fn outbox_of(source: &SourceId) -> String {
    format!("{OUTBOX}{source}-")
}

/// What a commit of an export has yet to tell, by everything that its manifest depends on: removing the entry of one
/// commit never removes that of another.
#[must_use]
pub fn outbox(source: &SourceId, commit: &[&str]) -> String {
    format!("{}{}.json", outbox_of(source), commit_digest(commit))
}

/// What a notice has yet to tell.
#[must_use]
pub fn outbox_notice(alert: &AlertId) -> String {
    format!("{OUTBOX}notice-{alert}.json")
}

/// How many alerts of a rule and window there were in all, for a destination.
#[must_use]
pub fn outbox_closing(rule: &str, window_start: DateTime<Utc>, destination: &str) -> String {
    format!("{CLOSING}{rule}-{}-{destination}.json", window_start.format("%Y%m%dT%H%M"))
}

/// A notice.
#[must_use]
pub fn notice(alert: &AlertId) -> String {
    format!("{NOTICES}date={}/{alert}.json", alert.date().format("%Y-%m-%d"))
}

/// The delivery records of a rule and window.
#[must_use]
pub fn deliveries_of(rule: &str, window_start: DateTime<Utc>) -> String {
    format!("{DELIVERIES}date={}/{rule}/{}/", window_start.format("%Y-%m-%d"), window_start.format("%H%M"))
}

/// The delivery records of the windows that begin on a date, and of the summaries of that day.
#[must_use]
pub fn deliveries_on(date: NaiveDate) -> String {
    format!("{DELIVERIES}date={}/", date.format("%Y-%m-%d"))
}

/// The delivery records of the summaries of old alerts that were found within the hour of this time, the gravest of them
/// of this level.
#[must_use]
pub fn late_deliveries_of(found: DateTime<Utc>, gravest: &str) -> String {
    format!("{}{}-{gravest}/", late_deliveries_on(found.date_naive()), found.format("%H"))
}

fn late_deliveries_on(day: NaiveDate) -> String {
    format!("{DELIVERIES}date={}/late/", day.format("%Y-%m-%d"))
}

/// The day of the summary that this is a delivery record of; none if it is one of something else.
#[must_use]
pub fn late_day_of(name: &str) -> Option<NaiveDate> {
    date_of(name).filter(|day| name.starts_with(&late_deliveries_on(*day)))
}

/// How the time of day stands in the name of a receipt: to the millisecond, so that names sort by it.
const TIME_OF_DAY: &str = "%H%M%S%3f";
/// What the names of decisions end with.
const DECISION: &str = ".decision.json";

/// What the names of the receipts of a date begin with.
#[must_use]
pub fn receipts_of(date: NaiveDate) -> String {
    format!("{WEBHOOKS}date={}/", date.format("%Y-%m-%d"))
}

/// A notification that was received at this time, by the hash of its type and body.
#[must_use]
pub fn receipt(hash: &str, received: DateTime<Utc>) -> String {
    format!("{}{hash}-{}.json", receipts_of(received.date_naive()), received.format(TIME_OF_DAY))
}

/// When a notification was received, by the name of its receipt; none for the name of anything else, a decision among
/// them.
#[must_use]
pub fn received_at(name: &str) -> Option<DateTime<Utc>> {
    let stem = name.strip_prefix(WEBHOOKS)?.strip_suffix(".json")?;
    let (_, time) = stem.rsplit('/').next()?.split_once('-')?;
    let digits = |range: std::ops::Range<usize>| time.get(range)?.parse::<u32>().ok();
    let time = match (time.len(), digits(0..2), digits(2..4), digits(4..6), digits(6..9)) {
        (9, Some(hour), Some(minute), Some(second), Some(milli)) => {
            chrono::NaiveTime::from_hms_milli_opt(hour, minute, second, milli)?
        }
        _ => return None,
    };
    Some(date_of(name)?.and_time(time).and_utc())
}

/// The decision about the notification with this receipt.
#[must_use]
pub fn decision(receipt: &str) -> String {
    format!("{}{DECISION}", receipt.strip_suffix(".json").unwrap_or(receipt))
}

/// The event that the notification with this receipt stands for.
#[must_use]
pub fn stands_for(receipt: &str) -> String {
    format!("{}.event", receipt.strip_suffix(".json").unwrap_or(receipt))
}

/// Whether a name is one that [`file()`] gives to a file of this source.
#[must_use]
pub fn is_of(name: &str, source: &SourceId) -> bool {
    DATA.iter().any(|folder| name.starts_with(folder)) && source_of(name) == Some(source.as_str())
}

/// The source whose file this is: the stem of its name.
#[must_use]
pub fn source_of(name: &str) -> Option<&str> {
    name.rsplit('/').next().and_then(|last| last.split_once('.')).map(|(stem, _)| stem)
}

/// The rule in the name of a file of signals.
#[must_use]
pub fn rule_of(name: &str) -> Option<RuleId> {
    name.strip_prefix(SIGNALS)?.strip_prefix("rule=")?.split('/').next()?.parse().ok()
}

/// The date in a name, if it has one.
#[must_use]
pub fn date_of(name: &str) -> Option<NaiveDate> {
    let (_, rest) = name.split_once("/date=")?;
    NaiveDate::parse_from_str(rest.split('/').next()?, "%Y-%m-%d").ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::Source;

    #[test]
    fn names_are_as_documented() {
        let source = Source::at("s3://b/k").id;
        let date = NaiveDate::from_ymd_opt(2026, 11, 2);
        let id = source.as_str();
        assert_eq!(
            file(Area::Ledger(Ledger::Access), date, &source),
            format!("ledger/access/date=2026-11-02/{id}.parquet")
        );
        assert_eq!(date_of(&file(Area::Alerts, date, &source)), date);
        assert_eq!(date_of(&manifest(&source)), None);
        assert!(is_in_a_folder(MISSING) && is_in_a_folder(HISTORY) && is_in_a_folder(&probe(7)));
        assert!(is_of(&file(Area::Rollups, date, &source), &source));
        assert!(!is_of(&manifest(&source), &source));
        assert!(!is_of("rollups/another.parquet", &source));
        assert_eq!(file(Area::Quarantine, None, &source), format!("quarantine/{id}.ndjson"));
        let day = NaiveDate::from_ymd_opt(2026, 11, 2).unwrap();
        let found = day.and_hms_opt(9, 30, 0).unwrap().and_utc();
        assert_eq!(late_deliveries_of(found, "high"), "deliveries/date=2026-11-02/late/09-high/");
        assert_eq!(late_day_of("deliveries/date=2026-11-02/late/09-high/chat.json"), Some(day));
        let list = inventory(ListKind::GroupMember, day);
        assert_eq!(list, "inventory/date=2026-11-02/group-members.ndjson");
        assert_eq!(inventory_of(&list), Some((ListKind::GroupMember, day)));
        assert!(is_in_a_folder(&list) && inventory_of("inventory/date=2026-11-02/other.ndjson").is_none());
        let received = DateTime::parse_from_rfc3339("2026-11-02T23:04:05.006Z").unwrap().to_utc();
        let name = receipt("5c0f", received);
        assert_eq!(name, "webhooks/date=2026-11-02/5c0f-230405006.json");
        assert_eq!(decision(&name), "webhooks/date=2026-11-02/5c0f-230405006.decision.json");
        assert_eq!((received_at(&name), received_at(&decision(&name))), (Some(received), None));
        let begin = received.date_naive().and_time(chrono::NaiveTime::MIN).and_utc();
        assert_eq!(open_window_of(&open("r", begin)), Some(begin));
        for announce in [true, false] {
            assert_eq!(open_day_of(&open_day("r", day, announce, 7)), Some((day, announce)));
        }
        assert_eq!((open_window_of(&open_day("r", day, true, 7)), open_day_of(&open("r", begin))), (None, None));
        assert!(is_in_a_folder(&profile("r", day)));
        assert_eq!(late_day_of("deliveries/date=2026-11-02/late-night/0000/chat.json"), None);
        assert_eq!(
            file(Area::Alerts, NaiveDate::from_ymd_opt(1, 1, 1), &source),
            format!("alerts/date=0001-01-01/{id}.ndjson")
        );
    }
}
