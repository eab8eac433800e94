//! Planting: when each incident and each near miss happens, so that none gets in another's way.

use std::collections::BTreeSet;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::correlations::{Correlation, Course, Pattern, Tale, consequence, correlations};
use super::{Finding, Incident, NearMiss, PlantedEvent, Scene, Who, incidents};
use crate::dice::uuid;
use crate::offices::Clocks;
use crate::plan::{HOUR, Plan, SECOND};
use crate::tenant::Tenant;

/// How often a moment is drawn, for each office, before it counts as one that the plan does not have. A holiday, which is the
/// rarest, is two in a hundred hours even where a plan of three weeks has but one.
const DRAWS: u32 = 800;

/// How long before the end of the plan the last planted event happens: queries are pulled by the hour.
const TAIL: i64 = 3 * HOUR;

/// How much longer than it must the log goes on behind what is missing from it, lest anybody doubt whether it went on for long
/// enough. Nothing is planted so that it would go on for less than that, and yet for long enough.
const DOUBT: i64 = 12 * HOUR;

/// All that is planted in a plan.
#[derive(Default)]
pub(crate) struct Planted {
    /// By time.
    pub(crate) events: Vec<PlantedEvent>,
    /// What is to be made of single events, by time.
    pub(crate) findings: Vec<Finding>,
    /// What is to be made of several events together, by the time of the first.
    pub(crate) courses: Vec<Course>,
}

/// Every incident, with its near misses, once in a plan of up to three weeks and once more for every three weeks; none of those
/// whose moment the plan does not have, such as a holiday or a weekend in a plan of one day.
pub(crate) fn plant(rng: &mut ChaCha8Rng, plan: &Plan, tenant: &Tenant, clocks: &Clocks) -> Planted {
    let days = i64::from(plan.days);
    let each = 1 + days / 21;
    // Each has a stretch of whole days for itself, so that two of a sort do not fall together.
    let day = |number: i64| plan.start_ms() + number * days / each * 24 * HOUR;
    let turns: Vec<Turn> = (0..each)
        .map(|turn| Turn {
            number: usize::try_from(turn).unwrap_or_default(),
            stretch: (day(turn), day(turn + 1).min(plan.end_ms() - TAIL)),
        })
        .collect();
    let mut planting = Planting { plan, tenant, clocks, taken: BTreeSet::new(), planted: Planted::default() };
    // The near misses come last, so that in a short plan they do not take the incidents' days.
    for near in [false, true] {
        for incident in incidents() {
            for turn in &turns {
                if near {
                    for near_miss in incident.near {
                        planting.plant(rng, incident, Some(near_miss), turn);
                    }
                } else {
                    planting.plant(rng, incident, None, turn);
                }
            }
        }
    }
    for near in [false, true] {
        for correlation in correlations() {
            for turn in &turns {
                if near {
                    for near_miss in correlation.near {
                        let told = (near_miss.name, Some((correlation.name, near_miss.why)));
                        planting.tell(rng, correlation, told, &near_miss.tale, turn);
                    }
                } else {
                    planting.tell(rng, correlation, (correlation.name, None), &correlation.tale, turn);
                }
            }
        }
    }
    let Planted { mut events, mut findings, mut courses } = planting.planted;
    events.sort_by(|one, other| (one.at, &one.event_id).cmp(&(other.at, &other.event_id)));
    findings.sort_by(|one, other| (one.at, &one.event_id).cmp(&(other.at, &other.event_id)));
    courses.sort_by(|one, other| one.events.cmp(&other.events));
    Planted { events, findings, courses }
}

/// The how-manieth of its sort something is, and the moments between which it happens.
struct Turn {
    number: usize,
    stretch: (i64, i64),
}

/// What is planted so far.
struct Planting<'a> {
    plan: &'a Plan,
    tenant: &'a Tenant,
    clocks: &'a Clocks,
    /// Rule, actor and day of UTC of all that is planted: none is taken twice, so that no two share an alert.
    taken: BTreeSet<(&'static str, String, i64)>,
    planted: Planted,
}

impl<'a> Planting<'a> {
    /// Plants an incident, or a near miss of it, in its turn, if a fitting moment is there.
    fn plant(
        &mut self,
        rng: &mut ChaCha8Rng,
        incident: &'static Incident,
        near_miss: Option<&'static NearMiss>,
        turn: &Turn,
    ) {
        let case = near_miss.map_or(&incident.case, |near_miss| &near_miss.case);
        let follows = if near_miss.is_none() { consequence(incident) } else { None };
        for office in case.who.offices(rng, self.tenant) {
            for _ in 0..DRAWS {
                let at = rng.random_range(turn.stretch.0..turn.stretch.1);
                let late = if case.late { rng.random_range(8 * HOUR..32 * HOUR) } else { 0 };
                let left = follows.map_or(i64::MAX, |pattern| self.left(pattern, at));
                if !case.when.fits(self.clocks, office, at)
                    || at + late > self.plan.end_ms() - TAIL
                    || (0..DOUBT).contains(&left)
                {
                    continue;
                }
                let scene = self.scene(rng, case.who, office, at, turn.number);
                let Some(acts) = (case.make)(rng, &scene) else {
                    continue;
                };
                let Some((_, found)) = acts.iter().find(|(after, _)| *after == 0) else {
                    continue;
                };
                let (kind, actor) = (found.kind(), found.actor().to_owned());
                if !self.taken.insert((incident.rule, actor.clone(), at.div_euclid(24 * HOUR))) {
                    continue;
                }
                let mut event_id = String::new();
                let mut course = follows.filter(|_| left >= DOUBT).map(|pattern| Course::new(pattern, incident.name));
                for (after, deed) in acts {
                    let id = uuid(rng);
                    if after == 0 {
                        event_id.clone_from(&id);
                    }
                    if let Some(course) = course.as_mut().filter(|_| after <= 0) {
                        course.take(&deed, at + after, &id);
                    }
                    self.planted.events.push(PlantedEvent { at: at + after, event_id: id, deed, late });
                }
                self.planted.findings.push(Finding { incident, near_miss, at, event_id, kind, actor });
                self.planted.courses.extend(course);
                return;
            }
        }
    }

    /// Plants a tale in its turn, if a fitting moment is there. `told` is its name and, for a near miss, the name of the
    /// incident that it looks like, and why it is none.
    fn tell(
        &mut self,
        rng: &mut ChaCha8Rng,
        correlation: &'static Correlation,
        (name, near): (&'static str, Option<(&'static str, &'static str)>),
        tale: &Tale,
        turn: &Turn,
    ) {
        for office in tale.who.offices(rng, self.tenant) {
            for _ in 0..DRAWS {
                let at = rng.random_range(turn.stretch.0..turn.stretch.1);
                if !tale.when.fits(self.clocks, office, at) || self.left(correlation.pattern, at) < DOUBT {
                    continue;
                }
                let scene = self.scene(rng, tale.who, office, at, turn.number);
                let mut acts = (tale.tell)(rng, &scene);
                for act in acts.iter_mut().filter(|act| act.after != 0) {
                    // Nobody does a thing exactly hours after another.
                    act.after += rng.random_range(0..40 * SECOND);
                }
                let until = self.plan.end_ms() - TAIL;
                if acts.iter().any(|act| at + act.after < scene.start || at + act.after + act.late > until) {
                    continue;
                }
                // What each act is by itself, with the rule, the actor and the day that it takes.
                let day = |after: i64| (at + after).div_euclid(24 * HOUR);
                let alone: Vec<_> = acts
                    .iter()
                    .map(|act| {
                        let incident = incidents().find(|incident| Some(incident.name) == act.alone)?;
                        Some((incident, (incident.rule, act.deed.actor().to_owned(), day(act.after))))
                    })
                    .collect();
                let takes: BTreeSet<_> = alone.iter().flatten().map(|(_, takes)| takes.clone()).collect();
                if takes.len() < alone.iter().flatten().count() || !takes.is_disjoint(&self.taken) {
                    continue;
                }
                self.taken.extend(takes);
                let mut course = Course { near, ..Course::new(correlation.pattern, name) };
                for (act, alone) in acts.into_iter().zip(alone) {
                    let (at, event_id) = (at + act.after, uuid(rng));
                    if act.counts {
                        course.take(&act.deed, at, &event_id);
                    }
                    if let Some((incident, (_, actor, _))) = alone {
                        let (kind, event_id) = (act.deed.kind(), event_id.clone());
                        self.planted.findings.push(Finding { incident, near_miss: None, at, event_id, kind, actor });
                    }
                    self.planted.events.push(PlantedEvent { at, event_id, deed: act.deed, late: act.late });
                }
                self.planted.courses.push(course);
                return;
            }
        }
    }

    /// How much longer than it must the log goes on behind something that happens at `at`.
    fn left(&self, pattern: &Pattern, at: i64) -> i64 {
        if pattern.due == 0 { i64::MAX } else { self.plan.end_ms() - at - pattern.due }
    }

    fn scene(&self, rng: &mut ChaCha8Rng, who: Who, office: usize, at: i64, turn: usize) -> Scene<'a> {
        let (tenant, clocks) = (self.tenant, self.clocks);
        Scene { tenant, clocks, person: who.person(rng, tenant, office), at, start: self.plan.start_ms(), turn }
    }
}
