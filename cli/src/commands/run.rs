//! `run`: exports into a lake, and with `--notify` to the people concerned.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use chrono::{DateTime, Utc};
use immuta_watch::config::Configuration;
use immuta_watch::event::time;
use immuta_watch::export::Limits;
use immuta_watch::findings::{Bounds, Context};
use immuta_watch::lake::{
    Announce, Clock, CorrelatedTally, Correlator, Lake, OpenExport, Outcome, SystemClock, Taken, move_watermark, names,
    visit_alerts,
};
use immuta_watch::notify::{Announcer, DeliverError, Failures, Office, Senders, Tally};
use immuta_watch::rules::Pack;
use indicatif::ProgressBar;

use super::run_report::{AlertSummary, Done, Report, Told};
use super::{create_lake, look_into};
use crate::arguments::Run;
use crate::exit::Exit;
use crate::place::Place;
use crate::runtime::{self, block_on};
use crate::stores::{AnyExport, AnyStore};
use crate::terminal::{counted, progress, say};
use crate::{exports, pack};

/// How long to wait before looking again at an export that another process is at work on.
const WAIT: Duration = Duration::from_millis(200);

/// How many exports are read at once, at the least, into a lake in S3: most of the time is spent waiting for it.
const JOBS_FOR_S3: usize = 8;

/// The stack of a thread that classifies: values nested as deep as may be take a frame for each level.
const STACK: usize = 8 * 1024 * 1024;

/// For so long another process that correlates the same windows is waited for.
const PATIENCE: Duration = Duration::from_mins(5);

/// How long to wait before looking again where the lake is in S3, where looking takes longer and is paid for.
const WAIT_FOR_S3: Duration = Duration::from_secs(2);

pub(crate) fn run(arguments: &Run) -> Result<Exit> {
    let started = Instant::now();
    let chosen = pack::load_for(&arguments.pack, &look_into(&arguments.lake)?)?;
    let pack::Chosen { pack, configuration, in_force } = chosen;
    if arguments.notify && in_force.is_none() && configuration.notify.destinations.is_empty() {
        bail!(
            "--notify, but there is nobody to tell: name a configuration with --config FILE that has \
             notify.destinations, as docs/notifications.md says"
        );
    }
    let exports::Found { exports, notes, passed_over } = exports::find(&arguments.exports, Some(&arguments.lake))?;
    let store = create_lake(&arguments.lake)?;
    let address = address_for_people(&arguments.lake);
    let work = Work {
        lake: Lake::new(&store, &SystemClock),
        context: Context {
            pack: &pack,
            configuration: &configuration,
            limits: Limits::default(),
            bounds: Bounds::default(),
        },
        again: arguments.again,
        announced_from: arguments.notify.then_some(&*address),
        queue: Mutex::new(exports.iter().collect()),
        done: Mutex::new(Done { notes, passed_over, ..Done::default() }),
        bar: progress(exports.len() as u64, "Classifying"),
        waiting: Once::new(),
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let by_default = if arguments.lake.address().is_some() { cores.max(JOBS_FOR_S3) } else { cores };
    let jobs = arguments.jobs.map_or(by_default, usize::from).min(exports.len()).max(1);
    std::thread::scope(|scope| -> Result<()> {
        let thread = || std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || block_on(work.run()));
        let threads: Vec<_> = (0..jobs).map(|_| thread()).collect();
        for thread in threads {
            thread?
                .join()
                .map_err(|_| anyhow::anyhow!("a thread stopped; what it worked on is mended by running again"))??;
        }
        Ok(())
    })?;
    work.bar.finish_and_clear();
    let correlated = correlate(&store, &pack, &configuration, &address, arguments.notify, in_force.is_some())?;
    let done = work.done.into_inner().unwrap_or_else(PoisonError::into_inner);
    let told = match (arguments.notify, &in_force) {
        (false, _) => None,
        // They have destinations that nobody here knows of: those of the template.
        (true, Some(_)) => Some(Told::LeftToFunctions),
        (true, None) => Some(deliver(&store, &configuration, &address)?),
    };
    let mut alerts = AlertSummary::default();
    block_on(visit_alerts(&store, .., &mut |alert| alerts.take(alert)))?.context("the alerts cannot be read back")?;
    alerts.shorten();
    let report =
        Report { arguments, done, correlated, told, alerts, pack: &pack, configuration: &configuration, started };
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&report.json())?)?;
    } else {
        report.print()?;
    }
    Ok(report.exit())
}

/// Correlates what these exports have touched, and judges what can be judged now. What functions watch is left to them, as far
/// as they are to tell people of it.
fn correlate(
    store: &AnyStore,
    pack: &Pack,
    configuration: &Configuration,
    lake: &str,
    notify: bool,
    is_watched: bool,
) -> Result<CorrelatedTally> {
    let taken = if notify || !is_watched { Taken::All } else { Taken::Silent };
    // Where no functions are, what an attempt with another pack left behind is nobody else's.
    let alone = !is_watched;
    let correlator = Correlator { store, clock: &SystemClock, pack, configuration, lake, taken, alone, until: None };
    let mut tally = CorrelatedTally::default();
    block_on(async {
        let lateness = configuration.correlations.lateness.delta();
        let complete =
            if taken == Taken::All { move_watermark(store, lateness, SystemClock.now()).await? } else { None };
        let begun = Instant::now();
        loop {
            let mut turn = Box::pin(correlator.correlate()).await?;
            if let Some(complete) = complete {
                turn += Box::pin(correlator.close(complete)).await?;
            }
            let left = turn.left;
            tally += CorrelatedTally { left: 0, ..turn };
            // Another run is at it.
            if left == 0 || begun.elapsed() > PATIENCE {
                tally.left = left;
                return anyhow::Ok(());
            }
            tokio::time::sleep(WAIT).await;
        }
    })?
    .context("the exports are in the lake, and correlating them failed; run again")?;
    Ok(tally)
}

/// The lake as messages name it: who reads one is in no folder of this machine.
fn address_for_people(lake: &Place) -> String {
    match lake {
        Place::Local(folder) => std::fs::canonicalize(folder).unwrap_or_else(|_| folder.clone()).display().to_string(),
        Place::S3(address) => address.to_string(),
    }
}

/// Delivers all that the outbox holds, so that what an earlier run left in it goes out, too.
fn deliver(store: &AnyStore, configuration: &Configuration, lake: &str) -> Result<Told> {
    let senders = Senders::new(runtime::aws_settings()?);
    let office = Office {
        store,
        messenger: &senders,
        clock: &SystemClock,
        notify: &configuration.notify,
        lake,
        until: None,
        failures: Failures::default(),
    };
    let (tally, error): (Tally, Option<DeliverError>) = block_on(office.deliver(names::OUTBOX))?;
    Ok(Told::Here { tally, error: error.map(|error| error.to_string()) })
}

/// What the threads share.
struct Work<'w> {
    lake: Lake<'w, AnyStore>,
    context: Context<'w>,
    again: bool,
    /// The lake as messages name it, if somebody is to be told
    announced_from: Option<&'w str>,
    queue: Mutex<VecDeque<&'w AnyExport>>,
    done: Mutex<Done>,
    bar: ProgressBar,
    waiting: Once,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Work<'_> {
    /// How long to wait for another process. Of one in S3 it is not known whether it still lives, and its lease may last
    /// for minutes; so that is said.
    fn wait(&self, until: DateTime<Utc>) -> Duration {
        match self.lake.store {
            AnyStore::Folder(_) => WAIT,
            AnyStore::S3(_) => {
                self.waiting.call_once(|| {
                    let until = time::text(until);
                    anstream::eprintln!(
                        "Waiting for exports that another process is at work on, or died over; at the longest until {until}"
                    );
                });
                WAIT_FOR_S3
            }
        }
    }

    async fn commit(&self, export: &AnyExport) -> Result<Outcome, String> {
        let Context { pack, configuration, .. } = &self.context;
        let now = SystemClock.now();
        let mut announcer = self
            .announced_from
            .map(|lake| Announcer::new(pack, &configuration.notify, lake, &export.source().uri, now));
        let announce = announcer.as_mut().map(|announcer| announcer as &mut dyn Announce);
        let progress = &mut |_| self.bar.tick();
        let committed = Box::pin(self.lake.commit(export, &self.context, self.again, announce, progress)).await;
        committed.map_err(|error| error.to_string())
    }

    async fn run(&self) {
        loop {
            let next = lock(&self.queue).pop_front();
            let Some(export) = next else { return };
            let outcome = self.commit(export).await;
            let mut done = lock(&self.done);
            let note = |reason: String| (export.name(), reason);
            match outcome {
                Ok(Outcome::Busy(until)) => {
                    drop(done);
                    lock(&self.queue).push_back(export);
                    tokio::time::sleep(self.wait(until)).await;
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
                Err(reason) => done.notes.push(note(reason)),
            }
            self.bar.set_message(counted(done.events, "event"));
            self.bar.inc(1);
        }
    }
}
