//! `run`: exports into a lake.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use immuta_watch::alerts::Alert;
use immuta_watch::config::{Calendar, Configuration};
use immuta_watch::export::Limits;
use immuta_watch::findings::{Bounds, Context, Counts};
use immuta_watch::lake::{DirectoryStore, Lake, LocalExport, Manifest, Outcome, SystemClock, dates, visit_alerts};
use immuta_watch::rules::{Level, Pack, Route};
use indicatif::ProgressBar;
use serde_json::json;

use super::alerts::{alert_rows, most_pressing};
use super::{block_on, create_lake};
use crate::arguments::Run;
use crate::exit::Exit;
use crate::terminal::{
    BOLD, Cell, DIM, RED, Table, bytes, counted, harmless, number, of_level, program, progress, say, styled,
};
use crate::{exports, pack};

/// How long to wait before looking again at an export that another process is at work on.
const WAIT: Duration = Duration::from_millis(200);

/// How many alerts that interrupt are listed after a run; `alerts` lists them all.
const LISTED: usize = 20;

pub(crate) fn run(arguments: &Run) -> Result<Exit> {
    let started = Instant::now();
    let (pack, configuration) = pack::load(&arguments.pack)?;
    let exports::Found { exports, notes } = exports::find(&arguments.exports, Some(&arguments.lake))?;
    let store = create_lake(&arguments.lake)?;
    let work = Work {
        lake: Lake { store: &store, clock: &SystemClock },
        context: Context {
            pack: &pack,
            configuration: &configuration,
            limits: Limits::default(),
            bounds: Bounds::default(),
        },
        again: arguments.again,
        queue: Mutex::new(exports.iter().collect()),
        done: Mutex::new(Done { notes, ..Done::default() }),
        bar: progress(exports.len() as u64, "Classifying"),
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = arguments.jobs.map_or(cores, usize::from).min(exports.len()).max(1);
    std::thread::scope(|scope| -> Result<()> {
        let threads: Vec<_> = (0..jobs).map(|_| scope.spawn(|| block_on(work.run()))).collect();
        for thread in threads {
            thread
                .join()
                .map_err(|_| anyhow::anyhow!("a thread stopped; what it worked on is mended by running again"))??;
        }
        Ok(())
    })?;
    work.bar.finish_and_clear();
    let done = work.done.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut alerts = AlertSummary::default();
    block_on(visit_alerts(&store, .., &mut |alert| alerts.take(alert)))?.context("the alerts cannot be read back")?;
    alerts.shorten();
    let report = Report { arguments, done, alerts, pack: &pack, configuration: &configuration, started };
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&report.json())?)?;
    } else {
        report.print()?;
    }
    Ok(report.exit())
}

/// What the threads share.
struct Work<'w> {
    lake: Lake<'w, DirectoryStore>,
    context: Context<'w>,
    again: bool,
    queue: Mutex<VecDeque<&'w LocalExport>>,
    done: Mutex<Done>,
    bar: ProgressBar,
}

/// What came of the exports.
#[derive(Default)]
struct Done {
    manifests: Vec<Manifest>,
    already: u64,
    /// Exports that failed or were not read to their end, with the reason
    notes: Vec<(String, String)>,
    events: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Work<'_> {
    async fn run(&self) {
        loop {
            let next = lock(&self.queue).pop_front();
            let Some(export) = next else { return };
            let outcome = self.lake.commit(export, &self.context, self.again, None, &mut |_| self.bar.tick()).await;
            let mut done = lock(&self.done);
            let note = |reason: String| (export.path().display().to_string(), reason);
            match outcome {
                Ok(Outcome::Busy(_)) => {
                    drop(done);
                    lock(&self.queue).push_back(export);
                    tokio::time::sleep(WAIT).await;
                    continue;
                }
                Ok(Outcome::Committed(manifest)) => {
                    done.events += manifest.counts.classified;
                    done.take(*manifest);
                }
                Ok(Outcome::AlreadyCommitted(manifest)) => {
                    done.already += 1;
                    done.take(*manifest);
                }
                Ok(Outcome::Gone) => done.notes.push(note("it is no longer there".to_owned())),
                Err(error) => done.notes.push(note(error.to_string())),
            }
            self.bar.set_message(counted(done.events, "event"));
            self.bar.inc(1);
        }
    }
}

impl Done {
    fn take(&mut self, manifest: Manifest) {
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
struct AlertSummary {
    count: u64,
    by_question: BTreeMap<&'static str, BTreeMap<Level, u64>>,
    interrupting: u64,
    /// The most pressing of those, [`LISTED`] at the most
    listed: Vec<Alert>,
}

impl AlertSummary {
    fn take(&mut self, alert: Alert) {
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
}

impl AlertSummary {
    fn shorten(&mut self) {
        self.listed = most_pressing(std::mem::take(&mut self.listed), LISTED);
    }
}

struct Report<'r> {
    arguments: &'r Run,
    done: Done,
    alerts: AlertSummary,
    pack: &'r Pack,
    configuration: &'r Configuration,
    started: Instant,
}

impl Report<'_> {
    fn exit(&self) -> Exit {
        if self.done.notes.is_empty() { Exit::Done } else { Exit::LookNeeded }
    }

    fn print(&self) -> Result<()> {
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
        let lake = self.arguments.lake.display();
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

    fn json(&self) -> serde_json::Value {
        let notes: Vec<_> =
            self.done.notes.iter().map(|(export, reason)| json!({ "export": export, "reason": reason })).collect();
        json!({
            "exports": self.done.manifests.len(),
            "already_committed": self.done.already,
            "counts": self.done.counts(),
            "conserved": self.done.counts().are_conserved(),
            "notes": notes,
            "pack": self.pack.hash(),
            "alerts": self.alerts.count,
            "notifications": self.alerts.interrupting,
            "alerts_by_question": self.alerts.by_question,
            "seconds": self.started.elapsed().as_secs_f64(),
        })
    }
}
