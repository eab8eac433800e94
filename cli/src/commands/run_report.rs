//! What `run` says of its work.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::Result;
use immuta_watch::alerts::Alert;
use immuta_watch::config::{Calendar, Configuration};
use immuta_watch::findings::Counts;
use immuta_watch::lake::{CorrelatedTally, Manifest, PassedOver, dates};
use immuta_watch::notify::Tally;
use immuta_watch::rules::{Level, Pack, Route};
use serde_json::json;

use super::alerts::{alert_rows, most_pressing};
use crate::arguments::Run;
use crate::exit::Exit;
use crate::terminal::{BOLD, Cell, DIM, RED, Table, bytes, counted, harmless, number, of_level, program, say, styled};

/// How many alerts that interrupt are listed after a run; `alerts` lists them all.
const LISTED: usize = 20;

/// What came of the exports.
#[derive(Default)]
pub(super) struct Done {
    pub(super) manifests: Vec<Manifest>,
    pub(super) already: u64,
    /// Exports that failed or were not read to their end, with the reason
    pub(super) notes: Vec<(String, String)>,
    pub(super) passed_over: PassedOver,
    pub(super) events: u64,
}

impl Done {
    pub(super) fn take(&mut self, manifest: Manifest) {
        if let Some(reason) = &manifest.ended_early {
            let path = manifest.uri.strip_prefix("file://").unwrap_or(&manifest.uri).to_owned();
            self.notes.push((path, format!("read only up to where {reason}")));
        }
        self.manifests.push(manifest);
    }

    fn counts(&self) -> Counts {
        let mut sum = Counts::default();
        self.manifests.iter().for_each(|manifest| sum += manifest.counts);
        sum
    }
}

/// What is said of the lake's alerts: counts, and those that interrupt.
#[derive(Default)]
pub(super) struct AlertSummary {
    count: u64,
    by_question: BTreeMap<&'static str, BTreeMap<Level, u64>>,
    interrupting: u64,
    /// The most pressing of those, [`LISTED`] at the most
    listed: Vec<Alert>,
}

impl AlertSummary {
    pub(super) fn take(&mut self, alert: Alert) {
        let detail = alert.detail();
        self.count += 1;
        *self.by_question.entry(detail.question.as_str()).or_default().entry(detail.level).or_default() += 1;
        if detail.route > Route::Dashboard {
            self.interrupting += 1;
            self.listed.push(alert);
            // Alerts hold whole records, so only so many are kept on the way.
            if self.listed.len() >= 2 * LISTED {
                self.shorten();
            }
        }
    }

    pub(super) fn shorten(&mut self) {
        self.listed = most_pressing(std::mem::take(&mut self.listed), LISTED);
    }
}

/// What came of telling people.
pub(super) enum Told {
    /// They were told by this run
    Here {
        tally: Tally,
        /// Why the outbox, or a part of it, could not be delivered
        error: Option<String>,
    },
    /// It was left in the outbox for the functions that watch this lake
    LeftToFunctions,
}

impl Told {
    /// Whether there is something left to do.
    fn needs_a_look(&self) -> bool {
        match self {
            Self::Here { tally, error } => error.is_some() || tally.pending > 0 || tally.rejected > 0,
            Self::LeftToFunctions => false,
        }
    }

    fn print(&self) -> Result<()> {
        let Self::Here { tally, error } = self else {
            say!("  Told: nobody yet; the functions that watch this lake tell people with the next export")?;
            return Ok(());
        };
        let Tally { sent, possibly_repeated, rejected, pending, folded, confirmed, to_nobody, given_up } = *tally;
        let mut words = vec![format!("{} sent", counted(sent + possibly_repeated, "message"))];
        let mut add = |count: u64, what: &str| {
            if count > 0 {
                words.push(format!("{} {what}", number(count)));
            }
        };
        add(possibly_repeated, "of them perhaps for the second time");
        add(folded, "told of together with others");
        add(confirmed, "told before, by webhook");
        add(rejected, "refused for good");
        add(to_nobody, "for which there is nobody to tell");
        add(given_up, "given up, since their exports were replaced a day ago");
        add(pending, "pending (run again with --notify to deliver them)");
        let mark = if self.needs_a_look() { format!("{} ", styled(RED, "!")) } else { String::new() };
        say!("  {mark}Told: {}", words.join(", "))?;
        if let Some(error) = error {
            let error = harmless(error, 300);
            say!("  {} not all could be delivered, and what is left is pending: {error}", styled(RED, "!"))?;
        }
        Ok(())
    }

    fn json(&self) -> serde_json::Value {
        match self {
            Self::Here { tally, error } => json!({ "messages": tally, "error": error }),
            Self::LeftToFunctions => json!({ "left_to_functions": true }),
        }
    }
}

/// What a run comes to.
pub(super) struct Report<'r> {
    pub(super) arguments: &'r Run,
    pub(super) done: Done,
    pub(super) correlated: CorrelatedTally,
    /// None if nobody was to be told
    pub(super) told: Option<Told>,
    pub(super) alerts: AlertSummary,
    pub(super) pack: &'r Pack,
    pub(super) configuration: &'r Configuration,
    pub(super) started: Instant,
}

impl Report<'_> {
    pub(super) fn exit(&self) -> Exit {
        let is_told = !self.told.as_ref().is_some_and(Told::needs_a_look);
        if self.done.notes.is_empty() && is_told { Exit::Done } else { Exit::LookNeeded }
    }

    pub(super) fn print(&self) -> Result<()> {
        let counts = self.done.counts();
        let plain: u64 = self.done.manifests.iter().map(|manifest| manifest.plain_bytes).sum();
        let seconds = self.started.elapsed().as_secs_f64();
        let already = match self.done.already {
            0 => String::new(),
            count => format!(", {} of them committed before", number(count)),
        };
        say!(
            "{} with {} ({} before compression){already}, in {seconds:.1} s",
            styled(BOLD, counted(self.done.manifests.len() as u64, "export")),
            counted(counts.read, "line"),
            bytes(plain)
        )?;
        let PassedOver { empty, lakes_own } = self.done.passed_over;
        if empty + lakes_own > 0 {
            let (empty, lakes_own) = (counted(empty, "object"), counted(lakes_own, "file"));
            say!("  passed over: {empty} without a byte, {lakes_own} of the lake")?;
        }
        if let Some((first, last)) = dates(&self.done.manifests) {
            say!("  events from {first} to {last}")?;
        }
        say!(
            "  {} read = {} classified + {} quarantined + {} blank{}",
            number(counts.read),
            number(counts.classified),
            number(counts.quarantined),
            number(counts.blank),
            if counts.are_conserved() { "" } else { " — THIS DOES NOT COME OUT EVEN, run verify" }
        )?;
        say!(
            "  {} classified = {} queries in access + {} other events in changes",
            number(counts.classified),
            number(counts.access),
            number(counts.changes)
        )?;
        let CorrelatedTally { alerts, withdrawn, left, .. } = self.correlated;
        if counts.signals > 0 {
            let (signals, alerts) = (counted(counts.signals, "signal"), counted(alerts, "new alert"));
            let withdrawn = if withdrawn == 0 { String::new() } else { format!(", {} withdrawn", number(withdrawn)) };
            say!("  {signals} for correlations over several events, which found {alerts}{withdrawn}")?;
        }
        if left > 0 {
            let entries = counted(left, "export");
            say!("  {entries} left to be correlated by whoever else is at work on this lake")?;
        }
        if counts.undated > 0 {
            say!("  {} without a readable time, under 1970-01-01", counted(counts.undated, "event"))?;
        }
        let of_another_pack = self.done.manifests.iter().filter(|manifest| manifest.pack != self.pack.hash()).count();
        if of_another_pack > 0 {
            let exports = counted(of_another_pack as u64, "export");
            say!("  {exports} stay as another pack of rules classified them; --again classifies them with this one")?;
        }
        let hash = self.configuration.hash();
        let of_another = self.done.manifests.iter().filter(|manifest| manifest.configuration != hash).count();
        if of_another > 0 {
            let exports = counted(of_another as u64, "export");
            say!("  {exports} stay as another configuration had them; --again classifies them with this one")?;
        }
        if self.configuration.calendars.is_empty() {
            say!("  No calendar is configured: business hours are {}, for everybody (--config)", Calendar::default())?;
        }
        for (path, reason) in &self.done.notes {
            say!("  {} {}: {}", styled(RED, "!"), harmless(path, 300), harmless(reason, 300))?;
        }
        if let Some(told) = &self.told {
            told.print()?;
        }
        self.print_alerts()?;
        self.print_next()?;
        Ok(())
    }

    fn print_alerts(&self) -> Result<()> {
        let interrupting = self.alerts.interrupting;
        say!(
            "\n{} in the lake, {} of which would interrupt somebody",
            styled(BOLD, counted(self.alerts.count, "alert")),
            number(interrupting)
        )?;
        if self.alerts.count == 0 {
            return Ok(());
        }
        let mut table = Table::new(&[1, 2, 3, 4, 5]);
        table.head(&["QUESTION", "CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL"]);
        for (question, levels) in &self.alerts.by_question {
            let mut row = vec![Cell::plain(*question)];
            for level in Level::ALL.into_iter().rev() {
                row.push(match levels.get(&level) {
                    Some(count) => Cell::styled(of_level(level), number(*count)),
                    None => Cell::styled(DIM, "·"),
                });
            }
            table.row(row);
        }
        say!("{}", table.lines())?;
        if interrupting == 0 {
            return Ok(());
        }
        let listed = &self.alerts.listed;
        say!("\n{}", styled(BOLD, "Would interrupt somebody"))?;
        say!("{}", alert_rows(listed))?;
        if (listed.len() as u64) < interrupting {
            say!("  and {} more", number(interrupting - listed.len() as u64))?;
        }
        Ok(())
    }

    fn print_next(&self) -> Result<()> {
        let lake = &self.arguments.lake;
        let program = program();
        say!("\nThe lake is in {lake}. Ask it more:")?;
        say!("  {program} alerts --lake {lake} --level medium")?;
        if let Some(alert) = self.alerts.listed.first() {
            let rules = self.arguments.pack.rules.as_ref();
            let rules = rules.map_or_else(String::new, |folder| format!(" --rules {}", folder.display()));
            say!("  {program} explain {} --lake {lake}{rules}", alert.detail().alert)?;
        }
        say!("  {program} verify --lake {lake}")?;
        say!(
            "  duckdb -c \"SELECT actor, count(*) FROM read_parquet('{lake}/ledger/access/*/*.parquet') GROUP BY ALL ORDER BY 2 DESC LIMIT 10\""
        )?;
        Ok(())
    }

    pub(super) fn json(&self) -> serde_json::Value {
        let notes: Vec<_> =
            self.done.notes.iter().map(|(export, reason)| json!({ "export": export, "reason": reason })).collect();
        json!({
            "exports": self.done.manifests.len(),
            "already_committed": self.done.already,
            "passed_over": { "empty": self.done.passed_over.empty, "lakes_own": self.done.passed_over.lakes_own },
            "counts": self.done.counts(),
            "conserved": self.done.counts().are_conserved(),
            "correlated": self.correlated,
            "notes": notes,
            "pack": self.pack.hash(),
            "alerts": self.alerts.count,
            "notifications": self.alerts.interrupting,
            "told": self.told.as_ref().map(Told::json),
            "alerts_by_question": self.alerts.by_question,
            "seconds": self.started.elapsed().as_secs_f64(),
        })
    }
}
