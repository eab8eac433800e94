//! What happens at a set time: the planted incidents, one event of each kind, and the lines that cannot be read.

use std::collections::BTreeMap;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::activity::{Activity, Happening, Setting, happening};
use crate::dice::{Stream, chance, dice, uuid};
use crate::incidents::{INCIDENTS, Incident};
use crate::kinds::{QUIET, UNLISTED};
use crate::plan::{HOUR, MINUTE, Plan};
use crate::rhythm::business;
use crate::tenant::Tenant;

/// Days over which every kind happens at least once.
const CYCLE: i64 = 30;

/// All that has a set time.
pub(crate) struct Schedule {
    /// Incidents by time.
    pub(crate) incidents: Vec<Planted>,
    /// Other events, by time.
    pub(crate) events: BTreeMap<i64, Vec<Happening>>,
    /// How many blank lines an export has, where it has any.
    pub(crate) blank: BTreeMap<u64, u64>,
    /// How many damaged lines an export has, where it has any.
    pub(crate) damaged: BTreeMap<u64, u64>,
}

/// An incident with its time and its event.
pub(crate) struct Planted {
    pub(crate) incident: &'static Incident,
    pub(crate) at: i64,
    pub(crate) event_id: String,
    pub(crate) event: Activity,
}

impl Schedule {
    /// The schedule of a plan.
    pub(crate) fn new(plan: &Plan, tenant: &Tenant) -> Self {
        let mut rng = dice(plan.seed, Stream::Schedule, 0);
        let events = every_kind(&mut rng, plan, tenant);
        let days = u64::from(plan.days);
        // A handful of each, and more where there is more to damage.
        let blank = scatter(&mut rng, plan, (days / 10).max(2));
        let damaged = (days * plan.events_per_day).div_ceil(100_000).max(days.div_ceil(10));
        let damaged = scatter(&mut rng, plan, damaged);
        // Last, so that the rest is the same with and without incidents.
        let incidents = if plan.incidents { plant(&mut rng, plan, tenant) } else { Vec::new() };
        Self { incidents, events, blank, damaged }
    }
}

/// Each quiet kind once in every [`CYCLE`] days, and each unlisted one twice, in office hours.
fn every_kind(rng: &mut ChaCha8Rng, plan: &Plan, tenant: &Tenant) -> BTreeMap<i64, Vec<Happening>> {
    let mut events: BTreeMap<i64, Vec<Happening>> = BTreeMap::new();
    let mut cycle = plan.start_ms();
    while cycle < plan.end_ms() {
        for kind in QUIET.iter().chain(UNLISTED).chain(UNLISTED) {
            let at = office_time(rng, cycle, cycle + CYCLE * 24 * HOUR);
            let happening = happening(rng, tenant, kind, Setting::Administration);
            if at < plan.end_ms() {
                events.entry(at).or_default().push(happening);
            }
        }
        cycle += CYCLE * 24 * HOUR;
    }
    events
}

/// A moment of office hours between two midnights, or any moment if none is found.
fn office_time(rng: &mut ChaCha8Rng, from: i64, to: i64) -> i64 {
    let mut at = from;
    for _ in 0..200 {
        // Stories take up to an hour, so that none should begin late in the last day.
        at = rng.random_range(from + MINUTE..to - 2 * HOUR);
        if business(at) {
            break;
        }
    }
    at
}

/// `many` lines over the exports.
fn scatter(rng: &mut ChaCha8Rng, plan: &Plan, many: u64) -> BTreeMap<u64, u64> {
    let mut lines = BTreeMap::new();
    for _ in 0..many {
        *lines.entry(rng.random_range(0..plan.exports())).or_default() += 1;
    }
    lines
}

/// Every incident about once in three weeks and at least once in a week; over fewer days, two a day as far as they go.
fn plant(rng: &mut ChaCha8Rng, plan: &Plan, tenant: &Tenant) -> Vec<Planted> {
    let mut kinds: Vec<&'static Incident> = INCIDENTS.iter().collect();
    let days = i64::from(plan.days);
    if days < 7 {
        kinds.shuffle(rng);
        kinds.truncate(2 * plan.days as usize);
    }
    let each = 1 + days / 21;
    let mut planted = Vec::new();
    for incident in kinds {
        for number in 0..each {
            // Each has a stretch of whole days for itself, so that two of a sort do not fall together.
            let from = plan.start_ms() + number * days / each * 24 * HOUR;
            let to = plan.start_ms() + (number + 1) * days / each * 24 * HOUR;
            let at = if incident.keeps_office_hours() {
                office_time(rng, from, to)
            } else {
                rng.random_range(from + MINUTE..to - 10 * MINUTE)
            };
            // Those who should not have, as well as those who may: anybody of the main office, at times an administrator.
            let person = if chance(rng, 300) { tenant.steward(rng) } else { tenant.colleague(rng) };
            let event_id = uuid(rng);
            let event = incident.event(rng, tenant, person);
            planted.push(Planted { incident, at, event_id, event });
        }
    }
    planted.sort_by(|one, other| (one.at, &one.event_id).cmp(&(other.at, &other.event_id)));
    planted
}
