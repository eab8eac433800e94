//! What each part of an event's way costs: `cargo bench -p immuta-watch --bench parts`.
//!
//! Times are for all events of the sample together; the throughput beside them is in events. Where the library is used
//! stands in the first half of this file, what is measured in the second.

// As in a test, what must not happen in a benchmark ends it.
#![allow(clippy::expect_used)]

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, SamplingMode, Throughput};
use immuta_watch::config::Configuration;
use immuta_watch::event::{Event, Record};
use immuta_watch::export::{Limits, Source};
use immuta_watch::findings::{Bounds, Context, classify};
use immuta_watch::rules::{Pack, PackFile, read_folder};
use immuta_watch_simulate::Plan;

/// Events of the sample, 8 MB of them: more than a cache holds.
const EVENTS: usize = 4_000;

/// Sizes of generated packs.
const RULES: [usize; 3] = [50, 200, 1_000];

/// The sample, one JSON text per event.
fn lines() -> Vec<String> {
    let plan = Plan { days: 1, ..Plan::default() };
    let records = immuta_watch_simulate::records(&plan).expect("the plan is in range");
    records.take(EVENTS).map(|record| record.to_string()).collect()
}

fn record(line: &str) -> Record<'_> {
    Record::parse(line.as_bytes()).expect("every simulated record is an event")
}

fn shipped_files() -> Vec<PackFile> {
    read_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules")).expect("the shipped pack can be read")
}

fn pack(files: &[PackFile]) -> Pack {
    Pack::compile(files, &Configuration::default()).expect("the pack is sound")
}

/// Classifies an export that is in memory; how many events it held.
fn classified(export: &[u8], pack: &Pack, configuration: &Configuration) -> u64 {
    let context = Context { pack, configuration, limits: Limits::default(), bounds: Bounds::default() };
    let source = Source::at("file:///bench.ndjson");
    let findings = classify(&source, export, &context, &mut |_| ()).expect("memory can be read");
    findings.counts.classified
}

/// A pack of so many rules: the shipped ones, then variants of them of the same form that ask for other constants.
fn grown_pack(size: usize) -> Pack {
    let (rules, others): (Vec<_>, Vec<_>) = shipped_files().into_iter().partition(is_rule);
    let variants = (1..).flat_map(|number| rules.iter().filter_map(move |rule| variant(rule, number)));
    let files: Vec<_> = rules.iter().cloned().chain(variants).take(size).chain(others).collect();
    pack(&files)
}

/// Whether a file holds a rule on single events and nothing else.
fn is_rule(file: &PackFile) -> bool {
    let others = ["\ncorrelation:", "\nfilter:", "\n---"];
    file.path.rsplit_once('.').is_some_and(|(_, ending)| ending == "yml")
        && !others.iter().any(|part| file.text.contains(part))
}

/// The rule under another id, with `number` behind every constant that it asks for; `None` if it asks for none. `Query`
/// stays, since most events are queries: the kind of an event does not rule such a variant out. So do the selections
/// that a condition takes away, whose names begin with `filter`. bench/packs.py does the same.
fn variant(rule: &PackFile, number: usize) -> Option<PackFile> {
    let (mut in_detection, mut in_filter, mut changed) = (false, false, false);
    let mut lines = Vec::new();
    for line in rule.text.lines() {
        if !line.starts_with([' ', '#']) {
            in_detection = line == "detection:";
        } else if line.starts_with("  ") && !line.starts_with("   ") {
            in_filter = line.starts_with("  filter") || line.starts_with("  condition");
        }
        lines.push(if let Some(id) = line.strip_prefix("id: ") {
            format!("id: {number:08x}{}", &id[8..])
        } else if in_detection && !in_filter && is_constant(line) {
            changed = true;
            format!("{line}{number}")
        } else {
            line.to_owned()
        });
    }
    let path = rule.path.replace(".yml", &format!("_{number}.yml"));
    changed.then(|| PackFile { path, text: lines.join("\n") + "\n" })
}

/// Whether a line of a detection ends in a plain word that events are compared with.
fn is_constant(line: &str) -> bool {
    let line = line.trim_start();
    let value = line.strip_prefix("- ").unwrap_or(line);
    let value = value.split_once(": ").map_or(value, |(_, value)| value);
    let is_word = value.starts_with(|first: char| first.is_ascii_alphabetic())
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    let has_no_other = ["Query", "true", "false", "null", "SUCCESS", "FAILURE", "UNAUTHORIZED"];
    is_word && !has_no_other.contains(&value) && !line.starts_with("condition:")
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let lines = lines();
    let bytes: usize = lines.iter().map(|line| line.len() + 1).sum();
    println!("{} events of {} bytes on average", lines.len(), bytes / lines.len());
    let records: Vec<_> = lines.iter().map(|line| record(line)).collect();
    let events: Vec<_> = records.iter().map(Event::of).collect();
    let shipped = pack(&shipped_files());

    let mut group = criterion.benchmark_group("event");
    group.throughput(Throughput::Elements(lines.len() as u64));
    group.bench_function("parse", |b| {
        b.iter(|| lines.iter().filter(|line| black_box(record(line)).raw().is_empty()).count());
    });
    group.bench_function("view", |b| b.iter(|| records.iter().filter(|record| Event::of(record).is_query()).count()));
    group.bench_function("key", |b| {
        b.iter(|| {
            for record in &records {
                black_box(immuta_watch::event::EventKey::of(record.json()));
            }
        });
    });
    group.finish();

    let mut group = criterion.benchmark_group("matches");
    group.throughput(Throughput::Elements(events.len() as u64));
    let matches = |pack: &Pack| events.iter().map(|event| pack.matches(event).len()).sum::<usize>();
    group.bench_function("shipped", |b| b.iter(|| matches(&shipped)));
    for size in RULES {
        let grown = grown_pack(size);
        assert_eq!(matches(&grown), matches(&shipped), "a variant matched");
        group.bench_function(format!("{size} rules"), |b| b.iter(|| matches(&grown)));
    }
    group.finish();

    let mut group = criterion.benchmark_group("whole");
    group.sampling_mode(SamplingMode::Flat).sample_size(20);
    group.throughput(Throughput::Elements(lines.len() as u64));
    let export = lines.join("\n");
    let configuration = Configuration::default();
    group.bench_function("classify", |b| b.iter(|| classified(export.as_bytes(), &shipped, &configuration)));
    group.finish();

    let mut group = criterion.benchmark_group("compile");
    group.sampling_mode(SamplingMode::Flat).sample_size(20);
    let files = shipped_files();
    group.bench_function("shipped", |b| b.iter(|| pack(&files)));
    group.finish();

    criterion.final_summary();
}
