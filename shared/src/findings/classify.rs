//! Classifying one export: every line read, matched, accounted for.

use std::collections::BTreeSet;
use std::io::{self, Read};

use arrow_schema::ArrowError;
use chrono::{DateTime, NaiveDate, SubsecRound, Utc};

use super::ledger::{Ledger, RowSource, Rows};
use super::quarantine::Quarantine;
use super::redaction;
use super::rollup::{self, RollupKey};
use super::signals::Signals;
use super::{Counts, FoldMap};
use crate::alerts::{AlertId, Approval, ApprovalKey, Contribution, Details, Finding};
use crate::config::{Configuration, QueryText};
use crate::correlate::Signal;
use crate::event::{Event, Record};
use crate::export::{Compression, Ending, ExportReader, Limits, Source};
use crate::rules::{Match, Pack, RuleId};

/// What classifying depends on beside the export.
#[derive(Debug, Clone, Copy)]
pub struct Context<'c> {
    /// The rules
    pub pack: &'c Pack,
    /// The configuration
    pub configuration: &'c Configuration,
    /// What an export may ask of the reader
    pub limits: Limits,
    /// How much of the findings stays in memory
    pub bounds: Bounds,
}

/// How many bytes of each part of the findings stay in memory, about; the rest lies in temporary files.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Rows of each of the two ledgers
    pub rows: usize,
    /// Rollups
    pub rollups: usize,
    /// Contributions to alerts, and approvals
    pub alerts: usize,
    /// Signals
    pub signals: usize,
}

impl Default for Bounds {
    /// 16 MiB for each ledger, 8 MiB for rollups, 16 MiB for alerts, 8 MiB for signals.
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Self { rows: 16 * MIB, rollups: 8 * MIB, alerts: 16 * MIB, signals: 8 * MIB }
    }
}

/// About what an approval takes in memory.
const APPROVAL_BYTES: usize = 500;

/// An export could not be classified. Nothing of it was written.
#[derive(Debug, thiserror::Error)]
pub enum ClassifyError {
    /// The export could not be read to its end; trying again may help.
    #[error("the export cannot be read: {0}")]
    Read(#[source] io::Error),
    /// The temporary files that hold what does not fit in memory failed.
    #[error("a temporary file failed: {0}; is the temporary folder (TMPDIR) full?")]
    Spill(#[from] io::Error),
    /// The tables could not be built.
    #[error("the ledger could not be built: {0}")]
    Table(#[from] ArrowError),
}

/// All that one export yields.
pub struct Findings {
    /// What became of every line
    pub counts: Counts,
    /// How the export was compressed
    pub compression: Compression,
    /// Whether it was read to its end
    pub ending: Ending,
    /// Its length in bytes once decompressed
    pub plain_bytes: u64,
    /// The times of its first and its last event, to the microsecond as in the ledgers; none if no event has a readable
    /// time
    pub span: Option<(DateTime<Utc>, DateTime<Utc>)>,
    pub(super) ledgers: [Rows; 2],
    pub(super) rollups: FoldMap<RollupKey, u64>,
    pub(super) contributions: FoldMap<AlertId, Contribution>,
    pub(super) contribution_dates: BTreeSet<NaiveDate>,
    pub(super) approvals: FoldMap<ApprovalKey, Approval>,
    pub(super) approval_dates: BTreeSet<NaiveDate>,
    pub(super) signals: Signals,
    pub(super) quarantine: Quarantine,
}

/// Reads an export to its end. `progress` is told the plain bytes read so far, every thousand lines.
///
/// # Errors
/// [`ClassifyError`]; damaged content is none, it is quarantined or ends the export early.
pub fn classify(
    source: &Source,
    export: impl Read,
    context: &Context<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<Findings, ClassifyError> {
    let mut reader = ExportReader::new(export, context.limits).map_err(ClassifyError::Read)?;
    let bounds = context.bounds;
    let mut findings = Findings {
        counts: Counts::default(),
        compression: reader.compression(),
        ending: Ending::Complete,
        plain_bytes: 0,
        span: None,
        ledgers: [Rows::new(Ledger::Access, bounds.rows), Rows::new(Ledger::Changes, bounds.rows)],
        rollups: FoldMap::new(bounds.rollups),
        contributions: FoldMap::new(bounds.alerts),
        contribution_dates: BTreeSet::new(),
        approvals: FoldMap::new(bounds.alerts),
        approval_dates: BTreeSet::new(),
        signals: Signals::new(bounds.signals),
        quarantine: Quarantine::new(),
    };
    while let Some(line) = reader.next_line().map_err(ClassifyError::Read)? {
        findings.counts.read += 1;
        let (number, offset) = (line.number, line.offset);
        match Record::of_line(&line.content) {
            None => findings.counts.blank += 1,
            Some(Ok(record)) => findings.event(&Event::of(&record), source, number, context)?,
            Some(Err(reason)) => {
                let (kept, bytes) = line.content.kept();
                findings.counts.quarantined += 1;
                findings.quarantine.add(number, offset, bytes, kept, &reason)?;
            }
        }
        if number.is_multiple_of(1000) {
            progress(reader.plain_bytes());
        }
    }
    findings.ending = reader.ending().clone();
    findings.plain_bytes = reader.plain_bytes();
    for rows in &mut findings.ledgers {
        rows.finish()?;
    }
    progress(findings.plain_bytes);
    Ok(findings)
}

impl Findings {
    /// The rules that correlations count, each with the hours since 1970 that it has signals of.
    #[must_use]
    pub fn signal_hours(&self) -> &BTreeSet<(RuleId, i64)> {
        self.signals.hours()
    }

    fn event(
        &mut self,
        event: &Event<'_>,
        source: &Source,
        line: u64,
        context: &Context<'_>,
    ) -> Result<(), ClassifyError> {
        let query_text = context.configuration.ledger.query_text;
        self.counts.classified += 1;
        match event.time().map(|time| time.trunc_subsecs(6)) {
            None => self.counts.undated += 1,
            Some(time) => {
                let (first, last) = self.span.unwrap_or((time, time));
                self.span = Some((first.min(time), last.max(time)));
            }
        }
        let ledger = Ledger::of_kind(event.kind());
        match ledger {
            Ledger::Access => self.counts.access += 1,
            Ledger::Changes => self.counts.changes += 1,
        }
        self.ledgers[ledger as usize].push(&RowSource { event, source: source.id.as_str(), line, query_text })?;
        if let Some(approval) = Approval::of(event) {
            self.approval_dates.insert(approval.key().date());
            self.approvals.update(&approval.key(), || (approval, APPROVAL_BYTES), |_| 0)?;
        }
        let mut matches = context.pack.matches(event);
        for signal in matches.iter().filter_map(|matched| Signal::of(matched.rule, event, &source.uri, line)) {
            self.counts.signals += 1;
            self.signals.add(&signal)?;
        }
        // Nobody is told of a match that is only counted.
        matches.retain(|matched| matched.rule.alerts());
        rollup::count(&mut self.rollups, event, &matches)?;
        for matched in &matches {
            self.counts.matches += 1;
            let finding = Finding { matched, event, source: &source.id, line };
            let window_start = matched.rule.window.start(event.time());
            self.contribution_dates.insert(window_start.date_naive());
            self.contributions.update(
                &finding.alert_id(),
                || Contribution::begin(&finding),
                |contribution| contribution.add(&finding, || details(context.pack, matched, event, query_text)),
            )?;
        }
        Ok(())
    }
}

/// What an example keeps of a match.
pub(super) fn details(pack: &Pack, matched: &Match<'_>, event: &Event<'_>, query_text: QueryText) -> Details {
    let kept = |approved| redaction::conditions(pack.conditions(matched.rule, event, approved), query_text);
    let record = redaction::kept(event.record(), query_text).into_owned();
    let (mut conditions, mut unless_approved) = (kept(false), Vec::new());
    if matched.if_approved.is_some() {
        unless_approved = std::mem::replace(&mut conditions, kept(true));
        unless_approved.retain(|found| !conditions.contains(found));
    }
    let hands = pack.hands(matched.rule, event);
    Details { record, conditions, hands, unless_approved }
}
