//! All that happens in one hour of the tenant, taken down; hours do not depend on each other.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::activity::{Happening, Occasion, Setting, bulk, happening, kind};
use crate::dice::{Stream, chance, dice, habitual, uuid, weighted};
use crate::incidents::Deed;
use crate::journal::{Care, Journal, Line};
use crate::names::SERVICES;
use crate::offices::{BERLIN, Clocks, MANY};
use crate::plan::{HOUR, MINUTE, Plan, SimulateError};
use crate::query::{self, Restraint};
use crate::rhythm;
use crate::schedule::Schedule;
use crate::tenant::{Person, Tenant};

/// How often, per mille, what a person does is done in Immuta and not on a platform.
const IN_APPLICATION: u32 = 52;
/// Of that, while the person's office is open, how much is administration, per mille.
const ADMINISTRATION: u32 = 90;

/// A plan with all that is drawn from it once.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) tenant: Tenant,
    pub(crate) clocks: Clocks,
    pub(crate) schedule: Schedule,
}

impl World {
    /// The world of a plan that was checked.
    pub(crate) fn new(plan: &Plan) -> Result<Self, SimulateError> {
        let clocks = Clocks::new()?;
        let tenant = Tenant::new(plan);
        let schedule = Schedule::new(plan, &tenant, &clocks);
        Ok(Self { plan: plan.clone(), tenant, clocks, schedule })
    }

    /// The records of hour `number` of the plan.
    pub(crate) fn hour(&self, number: u64) -> Result<Vec<Line>, serde_json::Error> {
        let Self { plan, tenant, clocks, schedule } = self;
        let rng = &mut dice(plan.seed, Stream::Hour, number);
        // A plan has at most 3660 days of hours.
        let begin = plan.start_ms() + i64::try_from(number).unwrap_or(i64::MAX / HOUR) * HOUR;
        let load = rhythm::hour(rng, clocks, begin, plan.events_per_day);
        let mut journal = Journal::new(plan.end_ms());
        let restraint = &mut Restraint::default();

        let mut until = load.by_services;
        while journal.len() < until {
            let (service, at) = batch(rng, tenant, begin);
            query::run(rng, tenant, service, true, at, restraint, &mut journal)?;
        }
        until += load.by_machines;
        while journal.len() < until {
            let at = begin + rng.random_range(0..HOUR);
            self.unplanned(rng, &self.by_machine(at), restraint, &mut journal)?;
        }
        for (job, events) in &load.by_jobs {
            for _ in 0..*events {
                let (at, kind) = (job.moment(rng, begin), job.kind(rng));
                let happening = bulk(rng, &self.by_machine(at), job.account, kind);
                self.note(rng, &happening, at, &mut journal)?;
            }
        }
        // What follows on the deeds of a job, such as a look at what it registered, comes on top.
        until = journal.len() + load.by_people;
        while journal.len() < until {
            let at = begin + rng.random_range(0..HOUR);
            let office = at_work(rng, tenant, load.offices);
            if !chance(rng, IN_APPLICATION) {
                let person = tenant.at_work(rng, office);
                query::run(rng, tenant, person, false, at, restraint, &mut journal)?;
                continue;
            }
            let administration = clocks.open(office, at) && chance(rng, ADMINISTRATION);
            let setting = if administration { Setting::Administration } else { Setting::Everyday };
            self.unplanned(rng, &Occasion { tenant, clocks, at, office, setting }, restraint, &mut journal)?;
        }
        for (at, happenings) in schedule.events.range(begin..begin + HOUR) {
            for happening in happenings {
                self.note(rng, happening, *at, &mut journal)?;
            }
        }
        let all = &schedule.planted.events;
        let first = all.partition_point(|planted| planted.at < begin);
        for planted in all[first..].iter().take_while(|planted| planted.at < begin + HOUR) {
            let (id, at) = (&planted.event_id, planted.at);
            match &planted.deed {
                Deed::Done(activity) => activity.note(rng, tenant, id, at, Care::Exact(planted.late), &mut journal)?,
                Deed::Read(reading) => query::planted(rng, tenant, reading, id, (at, planted.late), &mut journal)?,
            }
        }
        Ok(journal.lines)
    }

    fn by_machine(&self, at: i64) -> Occasion<'_> {
        Occasion { tenant: &self.tenant, clocks: &self.clocks, at, office: BERLIN, setting: Setting::Machine }
    }

    fn unplanned(
        &self,
        rng: &mut ChaCha8Rng,
        occasion: &Occasion,
        restraint: &mut Restraint,
        journal: &mut Journal,
    ) -> Result<(), serde_json::Error> {
        let mut kind = kind(rng, occasion.setting);
        if kind == "SubscriptionCreated" && !restraint.lets_in_by_hand() {
            kind = "UserAuthenticated";
        }
        let happening = happening(rng, occasion, kind);
        self.note(rng, &happening, occasion.at, journal)
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
    (&tenant.services()[service], at)
}

/// An office by how many of its people are at work; the main one stands in for one that nobody works at.
fn at_work(rng: &mut ChaCha8Rng, tenant: &Tenant, offices: [u32; MANY]) -> usize {
    let office = weighted(rng, &[(0, offices[0]), (1, offices[1]), (2, offices[2])]);
    if tenant.staffed(office) { office } else { BERLIN }
}
