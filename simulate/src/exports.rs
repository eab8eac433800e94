//! From hours to exports: which export holds what, in which order, and with what damage.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::thread;

use rand::RngExt;

use crate::dice::{Stream, dice};
use crate::hour::World;
use crate::journal::Line;
use crate::plan::{HOUR, Plan, SimulateError};

/// What one export holds.
pub(crate) struct Export {
    /// When it ran, in milliseconds since the epoch.
    pub(crate) ran_at: i64,
    pub(crate) lines: Vec<Content>,
}

/// A line of an export.
pub(crate) enum Content {
    /// A record.
    Event(Vec<u8>),
    /// Nothing.
    Blank,
    /// The beginning of a record.
    Damaged(Vec<u8>),
}

/// Makes the exports of a plan one after the other, holding no more than what is still to come in later ones.
pub(crate) struct Exports {
    pub(crate) world: World,
    next: u64,
    /// What was received for exports that are not made yet.
    pending: BTreeMap<u64, Vec<Line>>,
}

/// The events of a plan, as the exports would hold them and in that order, without writing anything.
///
/// Blank and damaged lines are left out; an event that comes twice is there twice.
///
/// # Errors
///
/// When a number of the plan is out of range.
pub fn records(plan: &Plan) -> Result<impl Iterator<Item = serde_json::Value> + use<>, SimulateError> {
    let mut exports = Exports::new(plan)?;
    let mut ready: VecDeque<Vec<u8>> = VecDeque::new();
    Ok(std::iter::from_fn(move || {
        loop {
            if let Some(text) = ready.pop_front() {
                // What was just written as JSON can be read as JSON.
                return serde_json::from_slice(&text).ok();
            }
            for export in exports.take(1, 1).ok()? {
                ready.extend(export.lines.into_iter().filter_map(|line| match line {
                    Content::Event(text) => Some(text),
                    Content::Blank | Content::Damaged(_) => None,
                }));
            }
            if exports.finished() && ready.is_empty() {
                return None;
            }
        }
    }))
}

impl Exports {
    /// The exports of a plan, none of them made.
    pub(crate) fn new(plan: &Plan) -> Result<Self, SimulateError> {
        plan.check()?;
        Ok(Self { world: World::new(plan)?, next: 0, pending: BTreeMap::new() })
    }

    /// Whether all exports were taken.
    pub(crate) fn finished(&self) -> bool {
        self.next >= self.world.plan.exports()
    }

    /// The next exports, up to `many`, made on `threads` threads; their number does not change what they hold.
    pub(crate) fn take(&mut self, many: u64, threads: usize) -> Result<Vec<Export>, SimulateError> {
        let taken = self.next..(self.next + many).min(self.world.plan.exports());
        self.next = taken.end;
        let plan = &self.world.plan;
        let per_export = u64::from(plan.export_hours);
        let hours = taken.start * per_export..taken.end * per_export;
        let world = &self.world;
        for lines in side_by_side(hours, threads, |number| world.hour(number))? {
            for line in lines? {
                // What is received after the last export is never exported.
                if let Some(export) = plan.export_of(line.received) {
                    self.pending.entry(export).or_default().push(line);
                }
            }
        }
        // Nothing is received before it happens, so that no later hour can add to these.
        Ok(taken.map(|number| self.world.assemble(number, self.pending.remove(&number).unwrap_or_default())).collect())
    }
}

impl World {
    /// Puts an export together: in the order of receipt, with the blank and damaged lines that fall to it.
    fn assemble(&self, number: u64, mut lines: Vec<Line>) -> Export {
        lines.sort_by_key(|line| line.received);
        let mut lines: Vec<Content> = lines.into_iter().map(|line| Content::Event(line.text)).collect();
        let rng = &mut dice(self.plan.seed, Stream::Export, number);
        for _ in 0..*self.schedule.damaged.get(&number).unwrap_or(&0) {
            // A writer that broke off and began again: the whole record is there as well.
            let place = rng.random_range(0..=lines.len());
            let text = match lines.get(place) {
                Some(Content::Event(text)) => beginning(text, rng.random_range(40..400)),
                _ => b"{\"id\":\"".to_vec(),
            };
            lines.insert(place, Content::Damaged(text));
        }
        for _ in 0..*self.schedule.blank.get(&number).unwrap_or(&0) {
            let place = rng.random_range(0..=lines.len());
            lines.insert(place, Content::Blank);
        }
        // A plan has at most 3660 days of exports.
        let number = i64::try_from(number + 1).unwrap_or(i64::MAX);
        let ran_at = self.plan.start_ms() + number * i64::from(self.plan.export_hours) * HOUR;
        Export { ran_at, lines }
    }
}

/// The first `long` bytes of a record, or a little more, so that no letter is cut.
fn beginning(text: &[u8], long: usize) -> Vec<u8> {
    let mut end = long.min(text.len() - 1);
    while text.get(end).is_some_and(|byte| byte & 0xc0 == 0x80) {
        end += 1;
    }
    text[..end.min(text.len() - 1)].to_vec()
}

/// Does `work` for every number of `range` on `threads` threads and gives the results in order.
pub(crate) fn side_by_side<T: Send>(
    range: Range<u64>,
    threads: usize,
    work: impl Fn(u64) -> T + Sync,
) -> Result<Vec<T>, SimulateError> {
    if threads <= 1 {
        return Ok(range.map(work).collect());
    }
    let mut done = Vec::new();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|first| {
                let (range, work) = (range.clone(), &work);
                scope.spawn(move || {
                    let own = range.skip(first).step_by(threads);
                    own.map(|number| (number, work(number))).collect::<Vec<_>>()
                })
            })
            .collect();
        for worker in workers {
            done.extend(worker.join().map_err(|_| SimulateError::Worker)?);
        }
        Ok::<_, SimulateError>(())
    })?;
    done.sort_by_key(|(number, _)| *number);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_are_the_same_however_many_are_made_at_once() {
        let plan = Plan { days: 2, events_per_day: 500, ..Plan::default() };
        let all = |many, threads| {
            let (mut exports, mut lines) = (Exports::new(&plan).unwrap(), Vec::new());
            while !exports.finished() {
                for export in exports.take(many, threads).unwrap() {
                    let text = export.lines.into_iter().map(|line| match line {
                        Content::Event(text) | Content::Damaged(text) => text,
                        Content::Blank => Vec::new(),
                    });
                    lines.push((export.ran_at, text.collect::<Vec<_>>()));
                }
            }
            lines
        };
        let one_by_one = all(1, 1);
        assert_eq!(one_by_one.len(), 24);
        assert_eq!(one_by_one, all(5, 3));
    }

    #[test]
    fn results_come_in_order_on_any_number_of_threads() {
        for threads in 1..5 {
            let squares = side_by_side(3..9, threads, |number| number * number).unwrap();
            assert_eq!(squares, [9, 16, 25, 36, 49, 64]);
        }
    }

    #[test]
    fn the_beginning_of_a_record_is_text_but_no_record() {
        let record = br#"{"name":"Zo\u00eb"}"#.to_vec();
        let record = [&record[..], "{\"é\":\"éééééé\"}".as_bytes()].concat();
        for long in 1..80 {
            let text = String::from_utf8(beginning(&record, long)).unwrap();
            assert!(text.len() < record.len());
        }
    }
}
