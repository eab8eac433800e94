//! What happens at a set time: what is planted, one event of each kind, and the lines that cannot be read.

use std::collections::BTreeMap;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::activity::{Happening, Occasion, Setting, happening};
use crate::dice::{Stream, dice, pick};
use crate::incidents::{Planted, plant};
use crate::kinds::{QUIET, UNLISTED};
use crate::offices::{BERLIN, Clocks, MANY};
use crate::plan::{HOUR, MINUTE, Plan};
use crate::tenant::Tenant;

/// Days over which every kind happens at least once.
const CYCLE: i64 = 30;

/// All that has a set time.
pub(crate) struct Schedule {
    /// What is planted, and what is to be made of it.
    pub(crate) planted: Planted,
    /// Other events, by time.
    pub(crate) events: BTreeMap<i64, Vec<Happening>>,
    /// How many blank lines an export has, where it has any.
    pub(crate) blank: BTreeMap<u64, u64>,
    /// How many damaged lines an export has, where it has any.
    pub(crate) damaged: BTreeMap<u64, u64>,
}

impl Schedule {
    /// The schedule of a plan.
    pub(crate) fn new(plan: &Plan, tenant: &Tenant, clocks: &Clocks) -> Self {
        let mut rng = dice(plan.seed, Stream::Schedule, 0);
        let events = every_kind(&mut rng, plan, tenant, clocks);
        let days = u64::from(plan.days);
        // A handful of each, and more where there is more to damage.
        let blank = scatter(&mut rng, plan, (days / 10).max(2));
        let damaged = (days * plan.events_per_day).div_ceil(100_000).max(days.div_ceil(10));
        let damaged = scatter(&mut rng, plan, damaged);
        // Last, so that the rest is the same with and without incidents.
        let planted = if plan.incidents { plant(&mut rng, plan, tenant, clocks) } else { Planted::default() };
        Self { planted, events, blank, damaged }
    }
}

/// Each quiet kind once in every [`CYCLE`] days, and each unlisted one twice, while the office of whoever does it is open.
fn every_kind(rng: &mut ChaCha8Rng, plan: &Plan, tenant: &Tenant, clocks: &Clocks) -> BTreeMap<i64, Vec<Happening>> {
    let staffed: Vec<usize> = (0..MANY).filter(|office| tenant.staffed(*office)).collect();
    let mut events: BTreeMap<i64, Vec<Happening>> = BTreeMap::new();
    let mut cycle = plan.start_ms();
    while cycle < plan.end_ms() {
        for kind in QUIET.iter().chain(UNLISTED).chain(UNLISTED) {
            // Licences are the business of the administrators of the main office.
            let office = if kind.starts_with("License") { BERLIN } else { *pick(rng, &staffed) };
            let at = open_time(rng, clocks, office, cycle, cycle + CYCLE * 24 * HOUR);
            let occasion = Occasion { tenant, clocks, at, office, setting: Setting::Administration };
            let happening = happening(rng, &occasion, kind);
            if at < plan.end_ms() {
                events.entry(at).or_default().push(happening);
            }
        }
        cycle += CYCLE * 24 * HOUR;
    }
    events
}

/// A moment between two midnights at which `office` is open. A month has more than two hundred such hours, so that a thousand
/// draws do not all miss them.
fn open_time(rng: &mut ChaCha8Rng, clocks: &Clocks, office: usize, from: i64, to: i64) -> i64 {
    let mut at = from;
    for _ in 0..1000 {
        at = rng.random_range(from + MINUTE..to - 4 * HOUR);
        if clocks.open(office, at) {
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
