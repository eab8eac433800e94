//! Exports: whether they can be listed and read, whether they come as often as they used to, and whether the newest are in
//! the lake.

use std::time::Duration;

use aws_sdk_s3::Client;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use tokio::time::Instant;

use super::finding::{Area, Finding};
use crate::export::Source;
use crate::lake::{ExportPages, ListedObject, Manifest, S3Address, S3Export, Store, StoreError, names};
use crate::report::Arrivals;

/// So many of the newest exports are looked for in the lake.
const NEWEST: usize = 5;

/// A listing is broken off after this: a thousand exports take some 100 ms, and the rest of the check needs time, too.
const TIME_TO_LIST: Duration = Duration::from_secs(6);

/// An export of less than this age may be in the queue or in work still, as for `sweep`.
const UNDER_WAY: TimeDelta = TimeDelta::minutes(15);

/// While nothing was learned yet: Immuta exports every 24 hours at the least, so that two days without one are odd.
const LONG: TimeDelta = TimeDelta::hours(48);

/// No weekend and no holiday is so long.
const TOO_LONG: TimeDelta = TimeDelta::days(7);

/// What a listing showed.
struct Seen {
    exports: u64,
    /// Whether it came to its end
    is_whole: bool,
    /// Latest first
    newest: Vec<ListedObject>,
    arrivals: Arrivals,
}

/// How one export stands in the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// In this version
    Committed,
    /// In another version
    Outdated,
    Missing,
}

/// Looks at the exports at an address. Without a store, what stands in the lake is left out; `lake` is where it is, if it is
/// in S3, since its own files are no exports.
pub async fn look_at_exports(
    s3: &Client,
    exports: &S3Address,
    store: Option<&impl Store>,
    lake: Option<&S3Address>,
    now: DateTime<Utc>,
) -> Vec<Finding> {
    let seen = match list(ExportPages::new(s3, exports, lake), now).await {
        Ok(seen) => seen,
        Err(error) => {
            let to_do =
                "Check --exports and whose account the credentials are of; s3:ListBucket is needed on the bucket.";
            return vec![Finding::failed(Area::Exports, "list", error.reason, to_do)];
        }
    };
    let mut found = vec![listed(&seen, exports)];
    let Some(newest) = seen.newest.first() else { return found };
    found.push(read(s3, &newest.address).await);
    found.push(age(&seen, now));
    let Some(store) = store else { return found };
    let mut standings = Vec::new();
    for export in &seen.newest {
        match standing(store, export).await {
            Ok(standing) => standings.push((export, standing)),
            Err(error) => {
                let to_do = "Mend the lake first; see above.";
                found.push(Finding::failed(Area::Exports, "in the lake", error.to_string(), to_do));
                return found;
            }
        }
    }
    found.push(in_the_lake(&standings, now));
    found
}

async fn list(mut pages: ExportPages, now: DateTime<Utc>) -> Result<Seen, StoreError> {
    let until = Instant::now() + TIME_TO_LIST;
    let mut seen = Seen { exports: 0, is_whole: true, newest: Vec::new(), arrivals: Arrivals::seen_at(now) };
    while let Some(page) = pages.next().await? {
        for export in page {
            seen.exports += 1;
            export.last_modified.into_iter().for_each(|at| seen.arrivals.add(at));
            seen.newest.push(export);
        }
        seen.newest.sort_by_key(|export| std::cmp::Reverse(export.last_modified));
        seen.newest.truncate(NEWEST);
        if Instant::now() > until {
            seen.is_whole = false;
            break;
        }
    }
    Ok(seen)
}

fn listed(seen: &Seen, exports: &S3Address) -> Finding {
    match (seen.exports, seen.is_whole) {
        (0, _) => {
            let to_do = "Check the prefix, and in Immuta whether the export of audit logs is set up and has run.";
            Finding::failed(Area::Exports, "list", format!("there is no export below {exports}"), to_do)
        }
        (count, true) => Finding::ok(Area::Exports, "list", counted(count, "export")),
        (count, false) => {
            let found = format!(
                "more than {}; not all were listed in time, and newer ones may be among the others",
                counted(count, "export")
            );
            Finding::warning(
                Area::Exports,
                "list",
                found,
                "Give --exports a narrower prefix, such as that of this month.",
            )
        }
    }
}

async fn read(s3: &Client, newest: &S3Address) -> Finding {
    match S3Export::new(s3.clone(), newest.clone()).first_byte().await {
        Ok(Some(_)) => Finding::ok(Area::Exports, "read", format!("the newest can be read: {newest}")),
        Ok(None) => {
            let to_do = "Run this again; if it is gone each time, find out what removes exports.";
            Finding::warning(Area::Exports, "read", format!("{newest} was gone before it could be read"), to_do)
        }
        Err(error) => {
            let to_do =
                "Allow s3:GetObject on the exports, and kms:Decrypt on their key if they have one of their own.";
            Finding::failed(Area::Exports, "read", format!("{newest}: {error}"), to_do)
        }
    }
}

/// The age of the newest, against how often they usually come.
fn age(seen: &Seen, now: DateTime<Utc>) -> Finding {
    let about = "age";
    let Some(newest) = seen.arrivals.newest() else {
        let to_do = "Look into the bucket yourself; S3 always says it.";
        return Finding::warning(Area::Exports, about, "the store does not say when they were written", to_do);
    };
    let age = now - newest;
    let usual = seen.arrivals.usual_gap();
    let usually = usual.map_or_else(
        || "too few to learn how often they come".to_owned(),
        |usual| format!("they usually come within {}", length(usual)),
    );
    let at = newest.to_rfc3339_opts(SecondsFormat::Secs, true);
    let found = format!("the newest came {} ago, at {at}; {usually}", length(age));
    let to_do = "Look in Immuta whether audit logs are still exported, and whether Immuta may still write to the bucket. On \
                 days when nobody works, there may be nothing to do.";
    let is_long = if usual.is_some() { seen.arrivals.silence().is_some() } else { age > LONG };
    if age > TOO_LONG && seen.is_whole {
        Finding::failed(Area::Exports, about, found, to_do)
    } else if is_long {
        Finding::warning(Area::Exports, about, found, to_do)
    } else {
        Finding::ok(Area::Exports, about, found)
    }
}

async fn standing(store: &impl Store, export: &ListedObject) -> Result<Standing, StoreError> {
    let name = names::manifest(&Source::at(export.address.to_string()).id);
    let Some(stored) = store.get(&name).await? else { return Ok(Standing::Missing) };
    // A damaged one stands for nothing.
    Ok(match serde_json::from_slice::<Manifest>(&stored.content) {
        Ok(manifest) if manifest.etag == export.etag => Standing::Committed,
        _ => Standing::Outdated,
    })
}

fn in_the_lake(standings: &[(&ListedObject, Standing)], now: DateTime<Utc>) -> Finding {
    let about = "in the lake";
    let is_young = |export: &ListedObject| export.last_modified.is_some_and(|at| now - at < UNDER_WAY);
    let late: Vec<_> =
        standings.iter().filter(|(export, standing)| *standing != Standing::Committed && !is_young(export)).collect();
    let young =
        standings.iter().filter(|(export, standing)| *standing != Standing::Committed && is_young(export)).count();
    let newest = counted(standings.len() as u64, "newest export");
    let Some((first, standing)) = late.first() else {
        let found = match young {
            0 if standings.len() == 1 => "the newest export stands in the lake as it is".to_owned(),
            0 => format!("the {newest} stand in the lake as they are"),
            young => format!(
                "of the {newest}, {young} came within the last 15 minutes and may be in work; the others are in the lake"
            ),
        };
        return Finding::ok(Area::Exports, about, found);
    };
    let how = if *standing == Standing::Outdated { "is in the lake in another version" } else { "is not in the lake" };
    let found = format!("of the {newest}, {} missing or in another version; {} {how}", late.len(), first.address);
    let to_do = "Look at the log of the function classify and at its dead-letter queue. If S3 never told of them, the task \
                 `reconcile` of sweep finds them within the hour; `immuta-watch backfill` feeds many at once.";
    Finding::failed(Area::Exports, about, found, to_do)
}

/// A count with its noun.
pub(super) fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// A length of time for people to read: minutes, hours or days.
pub(super) fn length(time: TimeDelta) -> String {
    let minutes = time.num_minutes().max(0).unsigned_abs();
    match minutes {
        0..=119 => counted(minutes, "minute"),
        120..=2879 => counted(minutes / 60, "hour"),
        _ => counted(minutes / (24 * 60), "day"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-20T12:00:00Z".parse().unwrap()
    }

    fn export(minutes_ago: i64) -> ListedObject {
        let last_modified = Some(now() - TimeDelta::minutes(minutes_ago));
        ListedObject { address: "s3://audit/e".parse().unwrap(), bytes: 1, etag: "v".to_owned(), last_modified }
    }

    /// Hourly ones, of which the newest is so many hours old.
    fn hourly(newest: i64, number: i64) -> Seen {
        let mut arrivals = Arrivals::seen_at(now());
        (newest..newest + number).for_each(|hours| arrivals.add(now() - TimeDelta::hours(hours)));
        Seen { exports: number.unsigned_abs(), is_whole: true, newest: Vec::new(), arrivals }
    }

    #[test]
    fn a_silence_is_long_by_what_was_learned_and_else_by_two_days() {
        for (newest, number, verdict) in [
            (1, 100, Verdict::Ok),
            (20, 100, Verdict::Warning),
            (24 * 8, 100, Verdict::Failed),
            (20, 3, Verdict::Ok),
            (49, 3, Verdict::Warning),
            (24 * 8, 1, Verdict::Failed),
        ] {
            let finding = age(&hourly(newest, number), now());
            assert_eq!(finding.verdict, verdict, "{newest} {number}: {}", finding.found);
        }
        assert!(age(&hourly(1, 100), now()).found.contains("usually come within 2 hours"));
        let broken_off = Seen { is_whole: false, ..hourly(24 * 8, 100) };
        assert_eq!(age(&broken_off, now()).verdict, Verdict::Warning, "newer ones may not have been listed");
    }

    #[test]
    fn an_export_may_be_under_way_for_a_quarter_of_an_hour() {
        let (old, young) = (export(20), export(10));
        for (standings, verdict) in [
            (vec![(&old, Standing::Committed), (&young, Standing::Missing)], Verdict::Ok),
            (vec![(&old, Standing::Missing)], Verdict::Failed),
            (vec![(&old, Standing::Outdated)], Verdict::Failed),
        ] {
            assert_eq!(in_the_lake(&standings, now()).verdict, verdict, "{standings:?}");
        }
    }

    #[test]
    fn no_export_at_all_is_a_failure_and_a_listing_that_was_broken_off_a_warning() {
        let at = "s3://audit/exports".parse().unwrap();
        assert_eq!(listed(&hourly(0, 0), &at).verdict, Verdict::Failed);
        assert_eq!(listed(&hourly(0, 1), &at).found, "1 export");
        assert_eq!(listed(&Seen { is_whole: false, ..hourly(0, 9) }, &at).verdict, Verdict::Warning);
    }

    #[test]
    fn lengths_are_in_the_unit_that_reads_best() {
        let said = |minutes| length(TimeDelta::minutes(minutes));
        assert_eq!([1, 119, 120, 2879, 2880].map(said), ["1 minute", "119 minutes", "2 hours", "47 hours", "2 days"]);
    }
}
