//! All that happens in one hour of the tenant, taken down; hours do not depend on each other.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::activity::{Happening, Setting, happening, kind};
use crate::dice::{Stream, chance, dice, habitual, uuid, weighted};
use crate::journal::{Care, Journal, Line};
use crate::names::SERVICES;
use crate::plan::{HOUR, MINUTE, Plan};
use crate::query;
use crate::rhythm;
use crate::schedule::Schedule;
use crate::tenant::{Person, Tenant};

/// How often, per mille, what a person does is done in Immuta and not on a platform.
const IN_APPLICATION: u32 = 52;
/// Of that in office hours, how much is administration, per mille.
const ADMINISTRATION: u32 = 150;

/// A plan with all that is drawn from it once.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) tenant: Tenant,
    pub(crate) schedule: Schedule,
}

impl World {
    /// The world of a plan that was checked.
    pub(crate) fn new(plan: &Plan) -> Self {
        let tenant = Tenant::new(plan);
        let schedule = Schedule::new(plan, &tenant);
        Self { plan: plan.clone(), tenant, schedule }
    }

    /// The records of hour `number` of the plan.
    pub(crate) fn hour(&self, number: u64) -> Result<Vec<Line>, serde_json::Error> {
        let Self { plan, tenant, schedule } = self;
        let rng = &mut dice(plan.seed, Stream::Hour, number);
        // A plan has at most 3660 days of hours.
        let begin = plan.start_ms() + i64::try_from(number).unwrap_or(i64::MAX / HOUR) * HOUR;
        let load = rhythm::hour(rng, begin, plan.events_per_day);
        let mut journal = Journal::default();

        let mut until = load.by_services;
        while journal.len() < until {
            let (service, at) = batch(rng, tenant, begin);
            query::run(rng, tenant, service, true, at, &mut journal)?;
        }
        until += load.by_machines;
        while journal.len() < until {
            let at = begin + rng.random_range(0..HOUR);
            self.unplanned(rng, Setting::Machine, at, &mut journal)?;
        }
        until += load.by_people;
        while journal.len() < until {
            let at = begin + rng.random_range(0..HOUR);
            if !chance(rng, IN_APPLICATION) {
                let person = at_work(rng, tenant, load.zones);
                query::run(rng, tenant, person, false, at, &mut journal)?;
            } else if load.business && chance(rng, ADMINISTRATION) {
                self.unplanned(rng, Setting::Administration, at, &mut journal)?;
            } else {
                self.unplanned(rng, Setting::Everyday, at, &mut journal)?;
            }
        }
        for (at, happenings) in schedule.events.range(begin..begin + HOUR) {
            for happening in happenings {
                self.note(rng, happening, *at, &mut journal)?;
            }
        }
        let first = schedule.incidents.partition_point(|planted| planted.at < begin);
        for planted in schedule.incidents[first..].iter().take_while(|planted| planted.at < begin + HOUR) {
            let (id, at) = (&planted.event_id, planted.at);
            planted.event.note(rng, tenant, id, at, Care::Exact, &mut journal)?;
        }
        Ok(journal.lines)
    }

    fn unplanned(
        &self,
        rng: &mut ChaCha8Rng,
        setting: Setting,
        at: i64,
        journal: &mut Journal,
    ) -> Result<(), serde_json::Error> {
        let kind = kind(rng, setting);
        let happening = happening(rng, &self.tenant, kind, setting);
        self.note(rng, &happening, at, journal)
    }

    fn note(
        &self,
        rng: &mut ChaCha8Rng,
        happening: &Happening,
        at: i64,
        journal: &mut Journal,
    ) -> Result<(), serde_json::Error> {
        for (later, activity) in happening {
            let id = uuid(rng);
            activity.note(rng, &self.tenant, &id, at + later, Care::Usual, journal)?;
        }
        Ok(())
    }
}

/// A service account, and a moment of its batch in the hour that begins at `begin`.
fn batch<'a>(rng: &mut ChaCha8Rng, tenant: &'a Tenant, begin: i64) -> (&'a Person, i64) {
    let service = habitual(rng, SERVICES.len());
    let (_, minute, long) = SERVICES[service];
    let at = begin + minute * MINUTE + rng.random_range(0..long * MINUTE);
    (&tenant.services[service], at)
}

/// Somebody whose office is open, by the weights of the offices.
fn at_work<'a>(rng: &mut ChaCha8Rng, tenant: &'a Tenant, zones: [u64; 2]) -> &'a Person {
    let weight = |zone: usize| u32::try_from(zones[zone]).unwrap_or(1);
    let zone = weighted(rng, &[(0, weight(0)), (1, weight(1))]);
    let people = &tenant.people[zone];
    let people = if people.is_empty() { &tenant.people[0] } else { people };
    &people[habitual(rng, people.len())]
}
