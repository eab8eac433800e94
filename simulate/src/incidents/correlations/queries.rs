//! Queries that count: sensitive data read over and over, much that is refused, and much that is read in other names.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::super::{Deed, Scene, When, Who};
use super::{Act, Correlation, NearMissOfMany, Pattern, act, tale};
use crate::catalogue::Level;
use crate::dice::pick;
use crate::plan::{HOUR, MINUTE};
use crate::query::Reading;
use crate::record::Actor;
use crate::tenant::{Person, Source, newcomer};

const fn pattern(question: &'static str, rule: &'static str, by: &'static [&'static str]) -> Pattern {
    Pattern { question, rule, level: "medium", route: "notification", by, due: 0 }
}

/// A hundred queries on sensitive data by one actor within an hour.
const SPIKE: Pattern = pattern("sensitive-queries", "sensitive_query_spike", &["watch.actor"]);
/// Fifteen refusals of one actor within an hour.
const DENIED: Pattern = pattern("denied-queries", "denied_queries_by_person", &["watch.actor"]);
/// Five actors refused on one object within an hour.
const DENIED_ON: Pattern = pattern("denied-queries", "denied_queries_on_object", &["watch.object_id"]);
/// Thirty queries within an hour with one actor behind them.
const IMPERSONATED: Pattern = pattern("access", "impersonation_volume", &["watch.impersonated_by"]);

/// All of this area.
pub(super) const CORRELATIONS: &[Correlation] = &[
    Correlation {
        pattern: &SPIKE,
        name: "sensitive data read more than a hundred times within an hour",
        tale: tale(When::Any, Who::Somebody, |rng, scene| {
            let (many, reader) = (rng.random_range(108..130), newcomer(rng));
            Run { readers: vec![reader], over: 55 * MINUTE, ..Run::sensitive(rng, scene, many) }.acts(rng, false)
        }),
        near: &[
            NearMissOfMany {
                name: "sensitive data read almost a hundred times within an hour",
                why: "Ninety-seven queries are fewer than a hundred.",
                tale: tale(When::Any, Who::Somebody, |rng, scene| {
                    let reader = newcomer(rng);
                    Run { readers: vec![reader], ..Run::sensitive(rng, scene, 97) }.acts(rng, false)
                }),
            },
            NearMissOfMany {
                name: "sensitive data read more than a hundred times over five hours",
                why: "No hour has as many as a hundred.",
                tale: tale(When::Any, Who::Somebody, |rng, scene| {
                    let reader = newcomer(rng);
                    Run { readers: vec![reader], over: 5 * HOUR, ..Run::sensitive(rng, scene, 125) }.acts(rng, false)
                }),
            },
            NearMissOfMany {
                name: "sensitive data read more than a hundred times within an hour by two people",
                why: "Each of them reads it less than a hundred times.",
                tale: tale(When::Any, Who::Somebody, |rng, scene| {
                    let readers = newcomers(rng, 2);
                    Run { readers, ..Run::sensitive(rng, scene, 120) }.acts(rng, false)
                }),
            },
        ],
    },
    Correlation {
        pattern: &SPIKE,
        name: "sensitive data read more than a hundred times around midnight, part of it received a day later",
        tale: tale(When::BeforeMidnight, Who::Somebody, |rng, scene| {
            let (many, reader) = (rng.random_range(108..130), newcomer(rng));
            Run { readers: vec![reader], over: 55 * MINUTE, ..Run::sensitive(rng, scene, many) }.acts(rng, true)
        }),
        near: &[],
    },
    Correlation {
        pattern: &DENIED,
        name: "one person refused again and again within the hour",
        tale: tale(When::Any, Who::Somebody, |rng, scene| {
            let (many, reader) = (rng.random_range(16..26), newcomer(rng));
            Run { readers: vec![reader], over: 40 * MINUTE, ..Run::refused(rng, scene, many, 3) }.acts(rng, false)
        }),
        near: &[
            NearMissOfMany {
                name: "one person refused fourteen times within the hour",
                why: "Fifteen are too many.",
                tale: tale(When::Any, Who::Somebody, |rng, scene| {
                    let reader = newcomer(rng);
                    Run { readers: vec![reader], ..Run::refused(rng, scene, 14, 3) }.acts(rng, false)
                }),
            },
            NearMissOfMany {
                name: "one person refused twenty times over ten hours",
                why: "No hour has as many as fifteen: a report runs at its times, and its owner has lost the access.",
                tale: tale(When::Any, Who::Somebody, |rng, scene| {
                    let reader = newcomer(rng);
                    Run { readers: vec![reader], over: 10 * HOUR, ..Run::refused(rng, scene, 20, 2) }.acts(rng, false)
                }),
            },
            NearMissOfMany {
                name: "two people refused twenty times within the hour",
                why: "Each of them is refused ten times.",
                tale: tale(When::Any, Who::Somebody, |rng, scene| {
                    let readers = newcomers(rng, 2);
                    Run { readers, ..Run::refused(rng, scene, 20, 3) }.acts(rng, false)
                }),
            },
        ],
    },
    Correlation {
        pattern: &DENIED,
        name: "one person refused again and again around midnight",
        tale: tale(When::BeforeMidnight, Who::Somebody, |rng, scene| {
            let (many, reader) = (rng.random_range(16..26), newcomer(rng));
            Run { readers: vec![reader], ..Run::refused(rng, scene, many, 4) }.acts(rng, false)
        }),
        near: &[],
    },
    Correlation {
        pattern: &DENIED_ON,
        name: "one table refused to several people within the hour",
        tale: tale(When::Any, Who::Somebody, |rng, scene| {
            let many = rng.random_range(5..9);
            let readers = newcomers(rng, many);
            Run { readers, over: 45 * MINUTE, ..Run::refused(rng, scene, many, 1) }.acts(rng, true)
        }),
        near: &[
            NearMissOfMany {
                name: "one table refused to four people, three times each",
                why: "Twelve refusals, but only four people.",
                tale: tale(When::Any, Who::Somebody, |rng, scene| {
                    let readers = newcomers(rng, 4);
                    Run { readers, ..Run::refused(rng, scene, 12, 1) }.acts(rng, false)
                }),
            },
            NearMissOfMany {
                name: "one table refused to six people, one every hour and a quarter",
                why: "No hour has more than one of them.",
                tale: tale(When::Any, Who::Somebody, |rng, scene| {
                    let readers = newcomers(rng, 6);
                    Run { readers, over: 6 * 75 * MINUTE, ..Run::refused(rng, scene, 6, 1) }.acts(rng, false)
                }),
            },
            NearMissOfMany {
                name: "two tables refused to six people, each to three of them",
                why: "Neither table is refused to five people.",
                tale: tale(When::Any, Who::Somebody, |rng, scene| {
                    let readers = newcomers(rng, 6);
                    Run { readers, ..Run::refused(rng, scene, 6, 2) }.acts(rng, false)
                }),
            },
        ],
    },
    Correlation {
        pattern: &IMPERSONATED,
        name: "much read in somebody else's name within the hour",
        tale: tale(When::BeforeMidnight, Who::Somebody, |rng, scene| {
            let many = rng.random_range(32..46);
            Run { over: 50 * MINUTE, ..Run::impersonated(rng, scene, many, 1) }.acts(rng, false)
        }),
        near: &[
            NearMissOfMany {
                name: "something read in somebody else's name almost thirty times within the hour",
                why: "Twenty-eight queries are fewer than thirty.",
                tale: tale(When::Any, Who::Somebody, |rng, scene| {
                    Run::impersonated(rng, scene, 28, 1).acts(rng, false)
                }),
            },
            NearMissOfMany {
                name: "much read in somebody else's name over eight hours",
                why: "No hour has as many as thirty queries.",
                tale: tale(When::Any, Who::Somebody, |rng, scene| {
                    Run { over: 8 * HOUR, ..Run::impersonated(rng, scene, 40, 1) }.acts(rng, false)
                }),
            },
            NearMissOfMany {
                name: "much read in one person's name by two others",
                why: "Neither of the two stands behind as many as thirty queries.",
                tale: tale(When::Any, Who::Somebody, |rng, scene| {
                    Run::impersonated(rng, scene, 40, 2).acts(rng, false)
                }),
            },
        ],
    },
];

/// Queries one after the other, evenly spread, the readers, sources and those behind them in turn.
struct Run {
    many: usize,
    /// Milliseconds from the first to beyond the last.
    over: i64,
    readers: Vec<Person>,
    sources: Vec<Source>,
    behind: Vec<Actor>,
    level: Level,
    refused: bool,
}

impl Run {
    /// Queries on a few sensitive tables.
    fn sensitive(rng: &mut ChaCha8Rng, scene: &Scene, many: usize) -> Self {
        let level = *pick(rng, &[Level::Sensitive, Level::Highly]);
        let sources = (0..3).map(|_| scene.table(rng, level)).collect();
        Self { many, over: 50 * MINUTE, readers: Vec::new(), sources, behind: Vec::new(), level, refused: false }
    }

    /// Queries that are refused.
    fn refused(rng: &mut ChaCha8Rng, scene: &Scene, many: usize, tables: usize) -> Self {
        let sources = (0..tables).map(|_| scene.table(rng, Level::Sensitive)).collect();
        let (readers, behind) = (Vec::new(), Vec::new());
        Self { many, over: 50 * MINUTE, readers, sources, behind, level: Level::Sensitive, refused: true }
    }

    /// Queries on harmless tables in the name of one person.
    fn impersonated(rng: &mut ChaCha8Rng, scene: &Scene, many: usize, behind: usize) -> Self {
        let sources = (0..2).map(|_| scene.table(rng, Level::Plain)).collect();
        let readers = vec![newcomer(rng)];
        let mut those: Vec<Actor> = newcomers(rng, behind).into_iter().map(|person| person.actor).collect();
        // The field has their names, which must tell them apart.
        those.dedup_by(|one, other| one.name == other.name);
        Self { many, over: 50 * MINUTE, readers, sources, behind: those, level: Level::Plain, refused: false }
    }

    /// The queries; at `late`, each ninth of them is received a day later than the others.
    fn acts(&self, rng: &mut ChaCha8Rng, late: bool) -> Vec<Act> {
        let in_turn = |number: usize, len: usize| number % len.max(1);
        (0_i64..)
            .zip(0..self.many)
            .map(|(place, number)| {
                let step = self.over / i64::try_from(self.many).unwrap_or(i64::MAX);
                let reading = Reading {
                    reader: self.readers[in_turn(number, self.readers.len())].clone(),
                    source: self.sources[in_turn(number, self.sources.len())].clone(),
                    level: self.level,
                    refused: self.refused,
                    behind: self.behind.get(in_turn(number, self.behind.len())).cloned(),
                };
                let act = act(place * step + rng.random_range(0..step / 2), Deed::Read(reading));
                if late && number % 9 == 2 { act.late(rng) } else { act }
            })
            .collect()
    }
}

fn newcomers(rng: &mut ChaCha8Rng, many: usize) -> Vec<Person> {
    (0..many).map(|_| newcomer(rng)).collect()
}
