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
//! quarantine/<source>.ndjson                       lines that could not be read
//! ```
//!
//! Dates are UTC. `date=` is Hive's way of partitioning, which Athena, DuckDB and Spark read as a column.

use chrono::NaiveDate;

use crate::export::SourceId;
use crate::findings::Area;

/// The folder of manifests.
pub const MANIFESTS: &str = "manifests/";
/// The folder of leases.
pub const LEASES: &str = "leases/";
/// The folder of contributions to alerts.
pub const ALERTS: &str = "alerts/";
/// The folder of approved requests.
pub const APPROVALS: &str = "approvals/";
/// The folders of files that manifests name.
pub const DATA: [&str; 5] = ["ledger/", "rollups/", ALERTS, APPROVALS, "quarantine/"];

/// The manifest of an export.
#[must_use]
pub fn manifest(source: &SourceId) -> String {
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
        Area::Quarantine => ("quarantine/".to_owned(), "ndjson"),
    };
    let partition = date.map_or_else(String::new, |date| format!("date={}/", date.format("%Y-%m-%d")));
    format!("{folder}{partition}{source}.{ending}")
}

/// The folder of the alerts whose windows begin on a date.
#[must_use]
pub fn alerts_of(date: NaiveDate) -> String {
    format!("{ALERTS}date={}/", date.format("%Y-%m-%d"))
}

/// Whether a name is one that [`file()`] gives to a file of this source.
#[must_use]
pub fn is_of(name: &str, source: &SourceId) -> bool {
    let stem = name.rsplit('/').next().and_then(|last| last.split_once('.')).map(|(stem, _)| stem);
    DATA.iter().any(|folder| name.starts_with(folder)) && stem == Some(source.as_str())
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
    use crate::findings::ledger::Ledger;

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
        assert!(is_of(&file(Area::Rollups, date, &source), &source));
        assert!(!is_of(&manifest(&source), &source));
        assert!(!is_of("rollups/another.parquet", &source));
        assert_eq!(file(Area::Quarantine, None, &source), format!("quarantine/{id}.ndjson"));
        assert_eq!(
            file(Area::Alerts, NaiveDate::from_ymd_opt(1, 1, 1), &source),
            format!("alerts/date=0001-01-01/{id}.ndjson")
        );
    }
}
