//! What is not as it was in the weeks before: much more, at another hour, of something new, after long silence.
//!
//! Each tale has weeks of history, so that a plan must be longer than five weeks to have one.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::super::{Deed, Scene, When, Who};
use super::{Act, Correlation, LATENESS, NearMissOfMany, Pattern, act, tale};
use crate::catalogue::Level;
use crate::dice::pick;
use crate::plan::{HOUR, MINUTE};
use crate::query::Reading;
use crate::tenant::{Person, Source, newcomer};

const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;

/// A day is compared once it is over and the log is whole.
const fn pattern(question: &'static str, rule: &'static str, level: &'static str, route: &'static str) -> Pattern {
    Pattern { question, rule, level, route, by: &["watch.actor"], due: LATENESS + DAY }
}

/// Thirty queries on sensitive data within an hour of the clock, and six deviations above what is usual at that hour of the
/// week.
const VOLUME: Pattern = pattern("sensitive-queries", "sensitive_volume_unusual", "medium", "notification");
/// A sensitive object that was not read in eight weeks.
const FIRST_READ: Pattern = pattern("sensitive-queries", "sensitive_object_first_read", "informational", "dashboard");
/// Five queries of a service account at an hour of the week that had none.
const HOUR_OF_WEEK: Pattern = pattern("access", "service_account_unusual_hour", "low", "dashboard");
/// An object that a service account did not read in eight weeks.
const NEW_OBJECT: Pattern = pattern("access", "service_account_new_object", "low", "dashboard");
/// A query after thirty days without any.
const RETURN: Pattern = pattern("access", "dormant_user_returned", "low", "dashboard");

/// All of this area.
pub(super) const CORRELATIONS: &[Correlation] = &[
    Correlation {
        pattern: &VOLUME,
        name: "sensitive data read twenty times as often as each week at that hour",
        tale: tale(When::Any, Who::Somebody, |rng, scene| {
            let many = rng.random_range(36..60);
            let reads = Reads::of_a_person(rng, scene, Level::Sensitive);
            [reads.weekly(rng, scene, 4, 2), reads.burst(rng, scene, 0, many)].concat()
        }),
        near: &[
            NearMissOfMany {
                name: "sensitive data read as often as each week at that hour",
                why: "It is much, but not more than usual.",
                tale: tale(When::Any, Who::Somebody, |rng, scene| {
                    let reads = Reads::of_a_person(rng, scene, Level::Sensitive);
                    [reads.weekly(rng, scene, 4, 40), reads.burst(rng, scene, 0, 44)].concat()
                }),
            },
            NearMissOfMany {
                name: "sensitive data read ten times as often as each week, and less than thirty times",
                why: "Twenty-eight queries are few.",
                tale: tale(When::Any, Who::Somebody, |rng, scene| {
                    let reads = Reads::of_a_person(rng, scene, Level::Sensitive);
                    [reads.weekly(rng, scene, 4, 2), reads.burst(rng, scene, 0, 28)].concat()
                }),
            },
            NearMissOfMany {
                name: "sensitive data read much by somebody who came three weeks ago",
                why: "What is usual is known after four weeks.",
                tale: tale(When::Any, Who::Somebody, |rng, scene| {
                    let reads = Reads::of_a_person(rng, scene, Level::Sensitive);
                    [reads.weekly(rng, scene, 3, 2), reads.burst(rng, scene, 0, 50)].concat()
                }),
            },
        ],
    },
    Correlation {
        pattern: &FIRST_READ,
        name: "sensitive table read for the first time by somebody who reads another each week",
        tale: tale(When::Any, Who::Somebody, |rng, scene| {
            let reads = Reads::of_a_person(rng, scene, Level::Highly);
            let other = Reads { source: scene.table(rng, Level::Highly), ..reads.clone() };
            [reads.weekly(rng, scene, 4, 3), other.burst(rng, scene, 0, 1)].concat()
        }),
        near: &[NearMissOfMany {
            name: "sensitive table read again after three weeks",
            why: "It had been read within the eight weeks before.",
            tale: tale(When::Any, Who::Somebody, |rng, scene| {
                let reads = Reads::of_a_person(rng, scene, Level::Highly);
                let other = Reads { source: scene.table(rng, Level::Highly), ..reads.clone() };
                let before = other.burst(rng, scene, -3 * WEEK, 1).into_iter().map(Act::uncounted).collect();
                [reads.weekly(rng, scene, 4, 3), before, other.burst(rng, scene, 0, 1)].concat()
            }),
        }],
    },
    Correlation {
        pattern: &HOUR_OF_WEEK,
        name: "service account at work twelve hours later than on any other day",
        tale: tale(When::Any, Who::Somebody, |rng, scene| {
            let reads = Reads::of_a_program(rng, scene);
            let many = rng.random_range(6..20);
            [reads.daily(rng, scene, 30, -12 * HOUR), reads.burst(rng, scene, 0, many)].concat()
        }),
        near: &[
            NearMissOfMany {
                name: "service account at work an hour later than on any other day",
                why: "Neighbouring hours count as the same.",
                tale: tale(When::Any, Who::Somebody, |rng, scene| {
                    let reads = Reads::of_a_program(rng, scene);
                    [reads.daily(rng, scene, 30, -HOUR), reads.burst(rng, scene, 0, 12)].concat()
                }),
            },
            NearMissOfMany {
                name: "service account with four queries at another hour than on any other day",
                why: "Four are too few to tell.",
                tale: tale(When::Any, Who::Somebody, |rng, scene| {
                    let reads = Reads::of_a_program(rng, scene);
                    [reads.daily(rng, scene, 30, -12 * HOUR), reads.burst(rng, scene, 0, 4)].concat()
                }),
            },
        ],
    },
    Correlation {
        pattern: &NEW_OBJECT,
        name: "service account that reads another table than each day",
        tale: tale(When::Any, Who::Somebody, |rng, scene| {
            let reads = Reads::of_a_program(rng, scene);
            let other = Reads { source: scene.table(rng, Level::Plain), ..reads.clone() };
            [reads.daily(rng, scene, 30, 0), other.burst(rng, scene, 0, 1)].concat()
        }),
        near: &[NearMissOfMany {
            name: "service account that reads another table in its third week",
            why: "What it reads is known after four weeks.",
            tale: tale(When::Any, Who::Somebody, |rng, scene| {
                let reads = Reads::of_a_program(rng, scene);
                let other = Reads { source: scene.table(rng, Level::Plain), ..reads.clone() };
                [reads.daily(rng, scene, 20, 0), other.burst(rng, scene, 0, 1)].concat()
            }),
        }],
    },
    Correlation {
        pattern: &RETURN,
        name: "somebody who reads again after more than a month",
        tale: tale(When::Any, Who::Somebody, |rng, scene| {
            let reads = Reads::of_a_person(rng, scene, Level::Plain);
            let days = rng.random_range(32..35);
            let before = reads.burst(rng, scene, -days * DAY, 3).into_iter().map(Act::uncounted);
            [before.collect(), reads.burst(rng, scene, 0, 3)].concat()
        }),
        near: &[
            NearMissOfMany {
                name: "somebody who reads again after four weeks",
                why: "Four weeks are less than thirty days.",
                tale: tale(When::Any, Who::Somebody, |rng, scene| {
                    let reads = Reads::of_a_person(rng, scene, Level::Plain);
                    let before = reads.burst(rng, scene, -4 * WEEK, 3).into_iter().map(Act::uncounted);
                    [before.collect(), reads.burst(rng, scene, 0, 3)].concat()
                }),
            },
            NearMissOfMany {
                name: "somebody who reads for the first time",
                why: "Whoever is new does not come back.",
                tale: tale(When::Any, Who::Somebody, |rng, scene| {
                    Reads::of_a_person(rng, scene, Level::Plain).burst(rng, scene, 0, 3)
                }),
            },
        ],
    },
];

/// Queries of one reader on one table.
#[derive(Clone)]
struct Reads {
    reader: Person,
    source: Source,
    level: Level,
}

impl Reads {
    fn of_a_person(rng: &mut ChaCha8Rng, scene: &Scene, level: Level) -> Self {
        Self { reader: newcomer(rng), source: scene.table(rng, level), level }
    }

    fn of_a_program(rng: &mut ChaCha8Rng, scene: &Scene) -> Self {
        let level = Level::Plain;
        Self { reader: service_account(rng), source: scene.table(rng, level), level }
    }

    /// So many queries within one hour of the clock: the hour of the scene, or as far from it as said.
    fn burst(&self, rng: &mut ChaCha8Rng, scene: &Scene, from_it: i64, many: i64) -> Vec<Act> {
        let begin = from_it + 3 * MINUTE - scene.at.rem_euclid(HOUR);
        let step = 50 * MINUTE / many;
        let read = || {
            let (reader, source, level) = (self.reader.clone(), self.source.clone(), self.level);
            Deed::Read(Reading { reader, source, level, refused: false, behind: None })
        };
        // Nobody reads at regular intervals.
        (0..many).map(|number| act(begin + number * step + rng.random_range(0..step / 2), read())).collect()
    }

    /// As many in the same hour of each of so many weeks before; they are history, and not what is counted.
    fn weekly(&self, rng: &mut ChaCha8Rng, scene: &Scene, weeks: i64, many: i64) -> Vec<Act> {
        (1..=weeks).flat_map(|week| self.burst(rng, scene, -week * WEEK, many)).map(Act::uncounted).collect()
    }

    /// Two each day, so far from the hour of the scene, of so many days before.
    fn daily(&self, rng: &mut ChaCha8Rng, scene: &Scene, days: i64, from_it: i64) -> Vec<Act> {
        (1..=days).flat_map(|day| self.burst(rng, scene, from_it - day * DAY, 2)).map(Act::uncounted).collect()
    }
}

/// The account of a program that nothing else is known of.
fn service_account(rng: &mut ChaCha8Rng) -> Person {
    let mut account = newcomer(rng);
    let work = *pick(rng, &["load", "report", "sync", "export"]);
    let name = format!("svc-{work}-{}", rng.random_range(100_000..1_000_000));
    (account.actor.id, account.actor.name, account.login) = (name.clone(), name.clone(), name);
    account
}
