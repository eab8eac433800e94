//! The one place that writes: the exports as gzip files in folders by day, and beside them the configuration and the truth.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::thread;

use flate2::{Compression, GzBuilder};

use crate::configuration;
use crate::exports::{Content, Export, Exports, side_by_side};
use crate::plan::{Plan, SimulateError, Summary};
use crate::record::civil;
use crate::truth::Truth;

/// Exports in work at once; enough to keep the threads busy, few enough to keep memory flat. Half of it when days are large.
const IN_WORK: u64 = 8;

/// Level of compression: higher ones take twice the time for a tenth of the size.
const COMPRESSION: u32 = 4;

/// Writes `<out>/exports/YYYY/MM/DD/HHMM.json.gz`, one gzip NDJSON file for each time the export ran (in UTC; it holds what
/// was received in the hours before), `<out>/immuta-watch.yml`, the configuration that the tenant's offices need, with the two
/// files that it refers to, and `<out>/truth.json`, which names every planted incident and near miss, of one event and
/// of several together.
///
/// `progress` is called now and then with the number of events written so far.
///
/// # Errors
///
/// When a number of the plan is out of range, when `<out>/exports` holds something already, or when writing fails.
pub fn write(plan: &Plan, out: &Path, progress: &mut dyn FnMut(u64)) -> Result<Summary, SimulateError> {
    let mut exports = Exports::new(plan)?;
    let folder = out.join("exports");
    refuse_filled(&folder)?;
    let threads = thread::available_parallelism().map_or(1, usize::from).min(8);
    let in_work = if plan.events_per_day > 200_000 { threads as u64 } else { IN_WORK };

    let mut summary = Summary::default();
    while !exports.finished() {
        let ready = exports.take(in_work, threads)?;
        let write = |number: u64| {
            // The range below is that of the vector's indexes.
            usize::try_from(number).ok().and_then(|index| ready.get(index)).map(|export| write_export(&folder, export))
        };
        for tally in side_by_side(0..ready.len() as u64, threads, write)? {
            add(&mut summary, &tally.unwrap_or_else(|| Ok(Summary::default()))?);
        }
        progress(summary.events);
    }

    let planted = &exports.world.schedule.planted;
    let (findings, courses) = (&planted.findings, &planted.courses);
    summary.near_misses = findings.iter().filter(|finding| finding.near_miss.is_some()).count() as u64;
    summary.incidents = findings.len() as u64 - summary.near_misses;
    summary.correlation_near_misses = courses.iter().filter(|course| course.near.is_some()).count() as u64;
    summary.correlations = courses.len() as u64 - summary.correlation_near_misses;
    for (name, content) in configuration::files(plan, &exports.world.tenant) {
        write_beside(out, name, content.as_bytes())?;
    }
    let mut truth = serde_json::to_vec_pretty(&Truth::new(plan, &summary, planted))?;
    truth.push(b'\n');
    write_beside(out, "truth.json", &truth)?;
    Ok(summary)
}

fn write_beside(out: &Path, name: &str, content: &[u8]) -> Result<(), SimulateError> {
    let path = out.join(name);
    fs::write(&path, content).map_err(|source| SimulateError::Write { path, source })
}

fn refuse_filled(folder: &Path) -> Result<(), SimulateError> {
    let at = |source| SimulateError::Write { path: folder.to_owned(), source };
    match fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            Some(_) => Err(SimulateError::NotEmpty(folder.to_owned())),
            None => Ok(()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir_all(folder).map_err(at),
        Err(error) => Err(at(error)),
    }
}

fn write_export(folder: &Path, export: &Export) -> Result<Summary, SimulateError> {
    let path = file_name(folder, export.ran_at);
    let written = || {
        if let Some(day) = path.parent() {
            fs::create_dir_all(day)?;
        }
        let file = BufWriter::with_capacity(1 << 16, File::create(&path)?);
        // No time and no system in the header, so that equal contents make equal files.
        let gzip = GzBuilder::new().mtime(0).operating_system(255);
        let mut gzip = gzip.write(file, Compression::new(COMPRESSION));
        let mut tally = Summary { exports: 1, ..Summary::default() };
        for line in &export.lines {
            let (text, count): (&[u8], _) = match line {
                Content::Event(text) => (text, &mut tally.events),
                Content::Blank => (&[], &mut tally.blank),
                Content::Damaged(text) => (text, &mut tally.damaged),
            };
            *count += 1;
            tally.bytes += text.len() as u64 + 1;
            gzip.write_all(text)?;
            gzip.write_all(b"\n")?;
        }
        gzip.finish()?.flush()?;
        Ok(tally)
    };
    written().map_err(|source| SimulateError::Write { path: path.clone(), source })
}

fn file_name(folder: &Path, ran_at: i64) -> PathBuf {
    let time = civil(ran_at);
    folder
        .join(format!("{:04}/{:02}/{:02}/{:02}{:02}.json.gz", time.year, time.month, time.day, time.hour, time.minute))
}

fn add(total: &mut Summary, part: &Summary) {
    total.exports += part.exports;
    total.events += part.events;
    total.bytes += part.bytes;
    total.blank += part.blank;
    total.damaged += part.damaged;
}
