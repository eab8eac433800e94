//! What changes of policies, tags and attributes did to access, as far as somebody should be told of it.

use chrono::{DateTime, TimeDelta, Utc};
use immuta_watch::function::telemetry::Severity;
use immuta_watch::function::{InForce, Invocation};
use immuta_watch::lake::{LedgerFiles, impacts, newest_changes};
use immuta_watch::notify::{AccessMoved, Notice};
use immuta_watch::report::impact::{Comparison, Impact};

use crate::task::Sweeper;

/// How much after a change is compared with as much before.
const SPAN: TimeDelta = TimeDelta::days(1);

/// So many changes are compared at one time, the newest: reading for more would take longer than the function has.
const MOST: usize = 500;

impl Sweeper {
    /// Compares access before and after the changes that can be judged since the log is whole up to `to`, and could not while
    /// it was whole up to `from`; tells of those that moved access, each once. How many there are.
    pub(crate) async fn tell_of_impacts(
        &self,
        in_force: &InForce,
        (from, to): (DateTime<Utc>, DateTime<Utc>),
        invocation: &Invocation,
    ) -> Result<u64, String> {
        let (store, since, until) = (&self.desk.store, from - SPAN, to - SPAN);
        let files = LedgerFiles::in_lake(store).await.map_err(|error| error.to_string())?;
        let newest = newest_changes(store, &files, since.date_naive()..=until.date_naive(), MOST).await;
        let newest = newest.map_err(|error| error.to_string())?;
        if newest.more {
            let line = invocation.line(Severity::Warn, "Changes not compared.").with("most", MOST);
            self.desk.log.write(&line.with("reason", "there are too many; `immuta-watch impact` compares any of them"));
        }
        let due = newest.changes.into_iter().filter(|change| since < change.time && change.time <= until);
        let compared = impacts(store, &files, due.collect(), SPAN).await.map_err(|error| error.to_string())?;
        let mut told = 0;
        for comparison in compared {
            let Comparison::Made(impact) = comparison else { continue };
            if let Some(notice) = notice(&impact) {
                told += u64::from(self.desk.tell_once(in_force, &notice, invocation).await?.is_some());
            }
        }
        Ok(told)
    }
}

/// The notice of an impact; none if it is not worth one.
fn notice(impact: &Impact) -> Option<Notice> {
    let change = &impact.change;
    Some(Notice::AccessMoved(AccessMoved {
        reason: impact.is_notable()?,
        event: change.event,
        at: change.time,
        kind: change.kind.clone(),
        by: change.actor.clone(),
        what: change.in_words(),
        verdict: impact.verdict(),
    }))
}
