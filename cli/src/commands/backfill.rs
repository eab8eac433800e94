//! `backfill`: exports that lie in S3 already, into the queue that the function reads.
//!
//! The bucket is listed twice: to count, so that the progress is known and nothing is fed by surprise, and to feed.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use immuta_watch::backfill::{Feeder, MESSAGES_AT_ONCE, notification};
use immuta_watch::export::{Source, SourceId};
use immuta_watch::lake::{ExportPages, ListedObject, PassedOver, S3Store, read_manifests};
use indicatif::ProgressBar;
use serde_json::json;

use super::backfill_state::State;
use crate::arguments::Backfill;
use crate::exit::Exit;
use crate::runtime::{self, block_on};
use crate::terminal::{BOLD, DIM, bytes, counted, harmless, number, program, progress, say, styled};

/// Of what was written so shortly before, S3's own message may still be on its way: fed in silence, it would be told to
/// nobody.
const JUST_WRITTEN: TimeDelta = TimeDelta::hours(1);

pub(crate) fn backfill(arguments: &Backfill) -> Result<Exit> {
    let mut state = State::open(arguments)?;
    let selection = Selection { arguments, begun: Utc::now(), committed: block_on(committed(arguments))?? };
    let plan = block_on(count(&selection, &state))??;
    if plan.is_of_nothing() && state.last_key.is_none() {
        bail!("there is no export in {}; give a prefix that holds some", arguments.exports);
    }
    let (mut fed, mut is_finished) = (0, false);
    if let Some(queue) = arguments.queue.as_ref().filter(|_| !arguments.dry_run) {
        if !arguments.json && plan.exports > 0 {
            let time = match plan.exports.div_ceil(60 * u64::from(arguments.rate)) {
                0 | 1 => "less than a minute".to_owned(),
                minutes => format!("about {}", counted(minutes, "minute")),
            };
            say!(
                "{} ({}), at most {} a second: {time}. Stopped, the same call goes on where it was.",
                styled(BOLD, counted(plan.exports, "export")),
                bytes(plan.bytes),
                arguments.rate
            )?;
        }
        let before = state.fed;
        let feeder = Feeder::new(runtime::aws_settings()?, queue);
        state.write()?;
        let bar = progress(plan.exports.min(arguments.limit.unwrap_or(u64::MAX)), "Feeding");
        let done = block_on(feed(&selection, &feeder, &mut state, &bar))?;
        bar.finish_and_clear();
        fed = state.fed - before;
        is_finished = matches!(done, Ok(Reached::TheEnd));
        if is_finished || state.last_key.is_none() {
            state.remove()?;
        }
        done.with_context(|| match fed {
            0 => "nothing was fed".to_owned(),
            fed => {
                format!("stopped after {}; the same call goes on there, by {}", counted(fed, "export"), state.name())
            }
        })?;
    }
    if arguments.json {
        let mut report = report(arguments, &plan, &state, fed);
        report["finished"] = is_finished.into();
        say!("{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        print(arguments, &plan, &state, fed)?;
        if !is_finished && !arguments.dry_run {
            say!("  Not all: --limit stopped it. The same call goes on from there, by {}", state.name())?;
        }
    }
    Ok(Exit::Done)
}

/// Which exports are fed.
struct Selection<'s> {
    arguments: &'s Backfill,
    /// When the backfill was called
    begun: DateTime<Utc>,
    /// The version of each export that the lake has committed
    committed: HashMap<SourceId, String>,
}

/// Why an export is not fed.
enum Why {
    OutsideTheDates,
    /// S3 may have told the function of it a moment ago, and it is that message's place to tell people
    JustWritten,
    Committed,
}

impl Selection<'_> {
    fn leaves_out(&self, object: &ListedObject) -> Option<Why> {
        let written = object.last_modified.map(|time| time.date_naive());
        let is_within = |date: NaiveDate| {
            self.arguments.since.is_none_or(|since| date >= since)
                && self.arguments.until.is_none_or(|until| date <= until)
        };
        if !written.is_none_or(is_within) {
            return Some(Why::OutsideTheDates);
        }
        let is_silent = !self.arguments.notify && self.arguments.until.is_none();
        if is_silent && object.last_modified.is_some_and(|written| written > self.begun - JUST_WRITTEN) {
            return Some(Why::JustWritten);
        }
        let source = Source::at(object.address.to_string()).id;
        (self.committed.get(&source) == Some(&object.etag)).then_some(Why::Committed)
    }

    fn pages(&self, state: &State) -> Result<ExportPages> {
        let pages = ExportPages::new(&runtime::s3()?, &self.arguments.exports, self.arguments.lake.as_ref());
        Ok(match &state.last_key {
            Some(key) => pages.after(key),
            None => pages,
        })
    }
}

/// What the lake has committed, if it is given.
async fn committed(arguments: &Backfill) -> Result<HashMap<SourceId, String>> {
    let Some(lake) = &arguments.lake else { return Ok(HashMap::new()) };
    let store = S3Store::new(runtime::s3()?, lake);
    let manifests = read_manifests(&store).await.with_context(|| format!("the lake in {lake} cannot be read"))?;
    let readable = manifests.into_iter().filter_map(|(_, manifest)| manifest.ok());
    Ok(readable.map(|manifest| (manifest.source, manifest.etag)).collect())
}

/// What a backfill comes to.
#[derive(Default)]
struct Plan {
    exports: u64,
    bytes: u64,
    outside_the_dates: u64,
    just_written: u64,
    committed: u64,
    passed_over: PassedOver,
}

impl Plan {
    /// Whether nothing at all was found. (A prefix with a slip of the pen in it is no error to S3.)
    fn is_of_nothing(&self) -> bool {
        let PassedOver { empty, lakes_own } = self.passed_over;
        self.exports + self.outside_the_dates + self.just_written + self.committed + empty + lakes_own == 0
    }
}

async fn count(selection: &Selection<'_>, state: &State) -> Result<Plan> {
    let mut pages = selection.pages(state)?;
    let mut plan = Plan::default();
    let failed = || format!("the exports in {} cannot be listed", selection.arguments.exports);
    while let Some(page) = pages.next().await.with_context(failed)? {
        for object in page {
            match selection.leaves_out(&object) {
                Some(Why::OutsideTheDates) => plan.outside_the_dates += 1,
                Some(Why::JustWritten) => plan.just_written += 1,
                Some(Why::Committed) => plan.committed += 1,
                None => {
                    plan.exports += 1;
                    plan.bytes += object.bytes;
                }
            }
        }
    }
    plan.passed_over = pages.passed_over;
    Ok(plan)
}

/// How far feeding went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    TheEnd,
    TheLimit,
}

async fn feed(selection: &Selection<'_>, feeder: &Feeder, state: &mut State, bar: &ProgressBar) -> Result<Reached> {
    let Backfill { rate, notify, limit, .. } = *selection.arguments;
    let mut pages = selection.pages(state)?;
    let mut left = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let mut due = Instant::now();
    while let Some(mut page) = pages.next().await? {
        page.retain(|object| selection.leaves_out(object).is_none());
        let is_beyond = page.len() > left;
        page.truncate(left);
        left -= page.len();
        for batch in page.chunks(MESSAGES_AT_ONCE.min(rate as usize)) {
            tokio::time::sleep_until(due.into()).await;
            let bodies: Vec<String> = batch.iter().map(|object| notification(object, notify)).collect();
            // From here, not from when it was due: time that was lost is not made up for by feeding faster.
            due = Instant::now() + bodies.iter().map(|_| Duration::from_secs(1)).sum::<Duration>() / rate;
            feeder.send(&bodies).await?;
            if let Some(last) = batch.last() {
                state.came_to(last.address.key(), batch.len() as u64)?;
            }
            bar.inc(batch.len() as u64);
            bar.set_message(counted(bar.position(), "export"));
        }
        if is_beyond {
            return Ok(Reached::TheLimit);
        }
    }
    Ok(Reached::TheEnd)
}

fn print(arguments: &Backfill, plan: &Plan, state: &State, fed: u64) -> Result<()> {
    let exports = &arguments.exports;
    if arguments.dry_run {
        say!("{} ({}) in {exports} would be fed", styled(BOLD, counted(plan.exports, "export")), bytes(plan.bytes))?;
    } else {
        say!("{} of {exports} fed", styled(BOLD, counted(fed, "export")))?;
    }
    if state.fed > fed {
        say!(
            "  {} fed before, up to {}",
            counted(state.fed - fed, "export"),
            harmless(state.last_key.as_deref().unwrap_or("-"), 300)
        )?;
    }
    let left_out = |count: u64, why: &str| if count > 0 { say!("  {} {why}", number(count)) } else { Ok(()) };
    left_out(plan.committed, "not fed: the lake has committed them as they are")?;
    left_out(plan.outside_the_dates, "not fed: written outside the dates")?;
    left_out(
        plan.just_written,
        "not fed: written within the last hour, of which S3 tells the function (--until feeds them)",
    )?;
    left_out(plan.passed_over.empty, "passed over: without a byte")?;
    left_out(plan.passed_over.lakes_own, "passed over: the lake's own")?;
    if !arguments.dry_run && fed > 0 && !arguments.notify {
        say!("{}", styled(DIM, "  Nobody is notified of their alerts (--notify); they stand in the lake."))?;
    }
    if let Some(lake) = arguments.lake.as_ref().filter(|_| fed > 0) {
        say!("\nWhen the queue is empty: {} verify --lake {lake} --exports {exports}", program())?;
    }
    Ok(())
}

fn report(arguments: &Backfill, plan: &Plan, state: &State, fed: u64) -> serde_json::Value {
    json!({
        "exports": plan.exports, "bytes": plan.bytes, "fed": fed, "fed_in_all": state.fed, "last_key": state.last_key,
        "dry_run": arguments.dry_run, "announced": arguments.notify, "committed": plan.committed,
        "outside_the_dates": plan.outside_the_dates,
        "just_written": plan.just_written,
        "passed_over": { "empty": plan.passed_over.empty, "lakes_own": plan.passed_over.lakes_own },
    })
}
