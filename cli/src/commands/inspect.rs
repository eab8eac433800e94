//! `inspect`: a first look at exports.

use std::io::BufReader;
use std::path::PathBuf;

use anyhow::{Context, Result};
use immuta_watch::event::{Event, Record, Service, kind, time};
use immuta_watch::export::{Ending, ExportReader, Limits};
use immuta_watch::lake::OpenExport;
use immuta_watch::report::{Inspection, Lateness};
use immuta_watch::rules::Pack;
use serde_json::json;

use crate::arguments::Inspect;
use crate::exit::Exit;
use crate::place::Place;
use crate::runtime::block_on;
use crate::stores::AnyExport;
use crate::terminal::{BOLD, Cell, DIM, RED, Table, bytes, counted, harmless, number, program, progress, say, styled};
use crate::{exports, pack};

pub(crate) fn inspect(arguments: &Inspect) -> Result<Exit> {
    let (pack, _) = pack::load(&arguments.pack)?;
    let exports::Found { exports, notes, .. } = exports::find(&arguments.exports, None)?;
    let notes = notes.into_iter().map(|(path, reason)| format!("{path}: {reason}")).collect();
    let mut seen = Seen { notes, ..Seen::default() };
    let bar = progress(exports.len() as u64, "Inspecting");
    for export in &exports {
        bar.set_message(counted(seen.inspection.events, "event"));
        if let Err(error) = seen.export(export, &pack) {
            seen.notes.push(format!("{}: {error:#}", export.name()));
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&seen.json(&pack, exports.len()))?)?;
    } else {
        seen.print(&pack, exports.len())?;
        print_next(arguments)?;
    }
    Ok(if seen.notes.is_empty() { Exit::Done } else { Exit::LookNeeded })
}

/// The command that comes next, with what was given to this one.
fn print_next(arguments: &Inspect) -> Result<()> {
    let exports: Vec<String> = arguments.exports.iter().map(Place::to_string).collect();
    let option = |(name, path): (&str, &Option<PathBuf>)| Some(format!(" {name} {}", path.as_ref()?.display()));
    let options = [("--rules", &arguments.pack.rules), ("--config", &arguments.pack.config)];
    let options: String = options.into_iter().filter_map(option).collect();
    say!("\nNext: {} run {} --lake LAKE{}", program(), harmless(&exports.join(" "), 300), harmless(&options, 300))?;
    Ok(())
}

/// What was seen in all exports.
#[derive(Default)]
struct Seen {
    inspection: Inspection,
    plain_bytes: u64,
    /// Exports that could not be read to their end
    notes: Vec<String>,
}

impl Seen {
    fn export(&mut self, export: &AnyExport, pack: &Pack) -> Result<()> {
        let bytes = block_on(export.open())?.context("the export cannot be read")?;
        let mut reader = ExportReader::new(BufReader::new(bytes), Limits::default())?;
        while let Some(line) = reader.next_line()? {
            match Record::of_line(&line.content) {
                None => self.inspection.blank(),
                Some(Ok(record)) => self.inspection.event(&Event::of(&record), pack),
                Some(Err(reason)) => self.inspection.unreadable(&reason),
            }
        }
        self.plain_bytes += reader.plain_bytes();
        if let Ending::Early(reason) = reader.ending() {
            self.notes.push(format!("{}: read up to where {reason}", export.name()));
        }
        Ok(())
    }

    fn print(&self, pack: &Pack, exports: usize) -> Result<()> {
        let seen = &self.inspection;
        say!(
            "{}: {}, {} ({} before compression)",
            styled(BOLD, counted(exports as u64, "export")),
            counted(seen.lines, "line"),
            counted(seen.events, "event"),
            bytes(self.plain_bytes)
        )?;
        if let (Some(first), Some(last)) = (seen.first, seen.last) {
            say!("  from {} to {} by event time", time::text(first), time::text(last))?;
        }
        if let Some(Lateness { median, p95, longest }) = seen.lateness() {
            say!(
                "  received after: half within {}, 95% within {}, at the longest {}",
                span(median),
                span(p95),
                span(longest)
            )?;
        }
        say!("  {} that came before in another line or export", counted(seen.duplicates, "event"))?;
        if seen.not_compared > 0 {
            say!("  {} not looked at for duplicates: too many", counted(seen.not_compared, "event"))?;
        }
        if seen.undated > 0 {
            say!("  {} without a readable time", counted(seen.undated, "event"))?;
        }
        for (reason, count) in &seen.unreadable {
            say!("  {} that cannot be read: {}", counted(*count, "line"), harmless(reason, 120))?;
        }
        for note in &self.notes {
            say!("  {} {}", styled(RED, "!"), harmless(note, 300))?;
        }
        self.print_kinds()?;
        self.print_fields()?;
        self.print_hands()?;
        self.print_blind(pack)?;
        Ok(())
    }

    fn print_kinds(&self) -> Result<()> {
        say!("\n{}", styled(BOLD, "Kinds"))?;
        let mut kinds: Vec<_> = self.inspection.kinds.iter().collect();
        kinds.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        let mut table = Table::new(&[0]);
        for (name, count) in kinds {
            let note = if kind::is_known(name) { "" } else { "not in Immuta's documentation; counted all the same" };
            table.row(vec![Cell::plain(number(*count)), Cell::plain(harmless(name, 60)), Cell::styled(DIM, note)]);
        }
        say!("{}", table.lines())?;
        if self.inspection.other_kinds > 0 {
            say!("  and {} of further kinds", counted(self.inspection.other_kinds, "event"))?;
        }
        Ok(())
    }

    fn print_fields(&self) -> Result<()> {
        say!("\n{} (of the events that ought to have them)", styled(BOLD, "Derived fields found"))?;
        let mut table = Table::new(&[1, 2]);
        table.head(&["FIELD", "FOUND", "OF", "MOSTLY IN", "SUCH AS"]);
        for found in self.inspection.fields() {
            let none = found.resolved == 0;
            table.row(vec![
                Cell::styled(if none { RED } else { crate::terminal::PLAIN }, found.field.name()),
                Cell::plain(percent(found.resolved, found.expected)),
                Cell::plain(number(found.expected)),
                Cell::plain(found.places.first().map_or("-", |place| place.0.as_str())),
                Cell::styled(DIM, harmless(&found.examples.join(", "), 50)),
            ]);
        }
        say!("{}", table.lines())?;
        Ok(())
    }

    fn print_hands(&self) -> Result<()> {
        let hands = &self.inspection.hands;
        say!("\n{} (of all events but queries)", styled(BOLD, "Done by hand"))?;
        let mut table = Table::new(&[0]);
        let mut row = |count: u64, words: &str| {
            if count > 0 {
                table.row(vec![Cell::plain(number(count)), Cell::plain(harmless(words, 160))]);
            }
        };
        row(hands.by_hand, "by a person");
        row(hands.not_by_hand, "by a service account, provisioning or Immuta itself");
        row(hands.unless_approved, "access given by a person: by hand unless an approved request stands behind it");
        for (why, count) in &hands.cannot_be_told {
            row(*count, &format!("cannot be told, and so counts as by hand: {why}"));
        }
        say!("{}", table.lines())?;
        Ok(())
    }

    fn print_blind(&self, pack: &Pack) -> Result<()> {
        let blind = self.inspection.blind_rules(pack);
        if blind.is_empty() {
            say!("\n{}: this data has everything that the rules of the pack ask for.", styled(BOLD, "Rules"))?;
            return Ok(());
        }
        let about_exports = pack.rules().iter().filter(|rule| rule.service == Service::Audit).count();
        say!("\n{} (of {about_exports})", styled(BOLD, "Rules that miss something in this data"))?;
        let mut table = Table::new(&[]);
        for blind in blind {
            table.row(vec![Cell::plain(blind.rule.name.clone()), Cell::styled(DIM, blind.why)]);
        }
        say!("{}", table.lines())?;
        Ok(())
    }

    fn json(&self, pack: &Pack, exports: usize) -> serde_json::Value {
        let seen = &self.inspection;
        let fields: Vec<_> = seen
            .fields()
            .into_iter()
            .map(|found| {
                let places: serde_json::Map<_, _> =
                    found.places.into_iter().map(|(place, count)| (place, count.into())).collect();
                json!({
                    "field": found.field.name(), "expected": found.expected, "resolved": found.resolved,
                    "places": places, "examples": found.examples,
                })
            })
            .collect();
        let blind: Vec<_> = seen
            .blind_rules(pack)
            .into_iter()
            .map(|blind| json!({ "rule": blind.rule.name, "why": blind.why }))
            .collect();
        let lateness = seen.lateness().map(|late| {
            json!({
                "median_minutes": late.median.num_minutes(), "p95_minutes": late.p95.num_minutes(),
                "longest_minutes": late.longest.num_minutes(),
            })
        });
        json!({
            "exports": exports, "plain_bytes": self.plain_bytes, "lines": seen.lines, "blank": seen.blank,
            "events": seen.events, "unreadable": seen.unreadable, "undated": seen.undated,
            "duplicates": seen.duplicates, "first": seen.first, "last": seen.last, "lateness": lateness,
            "kinds": seen.kinds, "unknown_kinds": seen.unknown_kinds().map(|(name, _)| name).collect::<Vec<_>>(),
            "done_by_hand": {
                "by_hand": seen.hands.by_hand, "not_by_hand": seen.hands.not_by_hand,
                "unless_approved": seen.hands.unless_approved, "cannot_be_told": seen.hands.cannot_be_told,
            },
            "fields": fields, "blind_rules": blind, "notes": self.notes,
        })
    }
}

/// A time span in the two units that say enough.
fn span(span: chrono::TimeDelta) -> String {
    let minutes = span.num_minutes();
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, minutes) => format!("{} min", minutes.max(1)),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// A share in per cent, rounded so that only all is 100% and only none is 0%.
#[allow(clippy::cast_precision_loss)] // one digit is shown
fn percent(part: u64, whole: u64) -> String {
    if part == whole {
        return "100%".to_owned();
    }
    let share = 100.0 * part as f64 / whole as f64;
    match part {
        0 => "0%".to_owned(),
        _ => format!("{:.1}%", share.clamp(0.1, 99.9)),
    }
}
