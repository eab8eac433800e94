//! Tags on data: sensitive ones that go for a while or for good, and new columns with sensitive data that somebody reads.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::super::{Deed, Scene, When, Who};
use super::{Act, Correlation, LATENESS, NearMissOfMany, Pattern, act, tale};
use crate::activity::{Activity, column_of, tag_applied, tag_removed};
use crate::catalogue::{Column, Level};
use crate::dice::{pick, word};
use crate::names::{BUSINESS_TAGS, NEW, SENSITIVE_TAGS};
use crate::plan::{HOUR, MINUTE};
use crate::query::Reading;
use crate::tenant::{Person, Source, system_actor};

/// A sensitive tag removed, the data read, a sensitive tag put on, within a day.
const STRIPPED: Pattern = pattern("tagging", ("sensitive_tag_stripped_and_restored", "high"), &["watch.object_id"], 0);
/// A sensitive tag removed that does not come back within a day.
pub(super) const NOT_RESTORED: Pattern = pattern(
    "tagging",
    ("sensitive_tag_not_restored", "medium"),
    &["watch.object_id", "watch.tag"],
    24 * HOUR + LATENESS,
);
/// The tag New and a sensitive one on one column within a day, in two records.
const APART: Pattern =
    pattern("new-sensitive-data", ("new_and_sensitive_apart", "medium"), &["watch.object_id", "watch.column"], 0);
/// New sensitive data that is read within a week, before the tag New goes.
const QUERIED: Pattern =
    pattern("new-sensitive-data", ("new_sensitive_data_queried", "medium"), &["watch.object_id"], 0);

const fn pattern(
    question: &'static str,
    (rule, level): (&'static str, &'static str),
    by: &'static [&'static str],
    due: i64,
) -> Pattern {
    Pattern { question, rule, level, route: "notification", by, due }
}

/// What New and a sensitive tag in one record are by themselves.
const FOUND: &str = "sensitive tag put on a new column";

/// All of this area.
pub(super) const CORRELATIONS: &[Correlation] = &[
    Correlation {
        pattern: &STRIPPED,
        name: "sensitive tag taken off, the data read, and a tag put back",
        tale: tale(When::Any, Who::Somebody, |rng, scene| {
            let place = Place::sensitive(rng, scene);
            let (read, back) = (rng.random_range(10..180) * MINUTE, rng.random_range(4..22) * HOUR);
            let tag = word(rng, SENSITIVE_TAGS);
            vec![
                place.removed(scene.person, tag, 0),
                place.read(scene.other(rng), Level::Sensitive, read),
                place.put_on(Some(scene.person), tag, back),
            ]
        }),
        near: &[
            NearMissOfMany {
                name: "sensitive tag taken off and put back, and the data never read",
                why: "Nobody has read the data source in between.",
                tale: tale(When::Any, Who::Somebody, |rng, scene| {
                    let (place, tag) = (Place::sensitive(rng, scene), word(rng, SENSITIVE_TAGS));
                    vec![place.removed(scene.person, tag, 0), place.put_on(Some(scene.person), tag, 2 * HOUR)]
                }),
            },
            NearMissOfMany {
                name: "data read before a sensitive tag was taken off, and after it was put back",
                why: "The data source was not read in between.",
                tale: tale(When::Any, Who::Somebody, |rng, scene| {
                    let (place, tag) = (Place::sensitive(rng, scene), word(rng, SENSITIVE_TAGS));
                    vec![
                        place.read(scene.person, Level::Sensitive, -HOUR),
                        place.removed(scene.person, tag, 0),
                        place.put_on(Some(scene.person), tag, 2 * HOUR),
                        place.read(scene.person, Level::Sensitive, 3 * HOUR),
                    ]
                }),
            },
            NearMissOfMany {
                name: "sensitive tag taken off and put back, and another table read in between",
                why: "What was read is not the data source that lost its tag.",
                tale: tale(When::Any, Who::Somebody, |rng, scene| {
                    let (place, tag) = (Place::sensitive(rng, scene), word(rng, SENSITIVE_TAGS));
                    let other = Place::sensitive(rng, scene);
                    vec![
                        place.removed(scene.person, tag, 0),
                        other.read(scene.person, Level::Sensitive, HOUR),
                        place.put_on(Some(scene.person), tag, 2 * HOUR),
                    ]
                }),
            },
            NearMissOfMany {
                name: "everyday tag taken off, the data read, and the tag put back",
                why: "The tag says nothing about sensitivity.",
                tale: tale(When::Open, Who::Steward, |rng, scene| {
                    let (place, tag) = (Place::sensitive(rng, scene), word(rng, &BUSINESS_TAGS[..4]));
                    vec![
                        place.removed(scene.person, tag, 0),
                        place.read(scene.other(rng), Level::Sensitive, 20 * MINUTE),
                        place.put_on(Some(scene.person), tag, HOUR),
                    ]
                }),
            },
        ],
    },
    Correlation {
        pattern: &STRIPPED,
        name: "sensitive tag taken off around midnight, and the query in between received a day later",
        tale: tale(When::BeforeMidnight, Who::Somebody, |rng, scene| {
            let (place, tag) = (Place::sensitive(rng, scene), word(rng, SENSITIVE_TAGS));
            vec![
                place.removed(scene.person, tag, 0),
                place.read(scene.person, Level::Sensitive, 20 * MINUTE).late(rng),
                place.put_on(None, tag, 50 * MINUTE),
            ]
        }),
        near: &[],
    },
    Correlation {
        pattern: &NOT_RESTORED,
        name: "sensitive tag taken off and another one put on in its place",
        tale: tale(When::Any, Who::Somebody, |rng, scene| {
            let place = Place::sensitive(rng, scene);
            let (tag, other) = (SENSITIVE_TAGS[scene.turn % 3], SENSITIVE_TAGS[(scene.turn + 1) % 3]);
            vec![place.removed(scene.person, tag, 0), place.put_on(Some(scene.person), other, 3 * HOUR).uncounted()]
        }),
        near: &[
            NearMissOfMany {
                name: "sensitive tag taken off and put back within the day",
                why: "It comes back after less than a day, though its record arrives a day later still.",
                tale: tale(When::Any, Who::Somebody, |rng, scene| {
                    let (place, tag) = (Place::sensitive(rng, scene), word(rng, SENSITIVE_TAGS));
                    let back = rng.random_range(12..23) * HOUR;
                    vec![place.removed(scene.person, tag, 0), place.put_on(None, tag, back).late(rng)]
                }),
            },
            NearMissOfMany {
                name: "everyday tag taken off for good",
                why: "The tag says nothing about sensitivity.",
                tale: tale(When::Open, Who::Steward, |rng, scene| {
                    let (place, tag) = (Place::sensitive(rng, scene), word(rng, &BUSINESS_TAGS[..4]));
                    vec![place.removed(scene.person, tag, 0)]
                }),
            },
        ],
    },
    Correlation {
        pattern: &APART,
        name: "column called new, and found to be sensitive hours later",
        tale: tale(When::Any, Who::Machine, |rng, scene| {
            let place = Place::sensitive(rng, scene);
            let (tag, after) = (word(rng, SENSITIVE_TAGS), rng.random_range(2..23) * HOUR);
            vec![place.put_on(None, NEW, 0), place.put_on(None, tag, after)]
        }),
        near: &[
            NearMissOfMany {
                name: "one column called new, and another of the table found to be sensitive",
                why: "The two tags stand on different columns.",
                tale: tale(When::Any, Who::Machine, |rng, scene| {
                    let place = Place::sensitive(rng, scene);
                    let key = Place { column: place.key.clone(), ..place.clone() };
                    let tag = word(rng, SENSITIVE_TAGS);
                    vec![key.put_on(None, NEW, 0), place.put_on(None, tag, HOUR)]
                }),
            },
            NearMissOfMany {
                name: "column called new, and found to be sensitive on the next day but one",
                why: "More than a day lies between the two.",
                tale: tale(When::Any, Who::Machine, |rng, scene| {
                    let (place, tag) = (Place::sensitive(rng, scene), word(rng, SENSITIVE_TAGS));
                    vec![place.put_on(None, NEW, 0), place.put_on(None, tag, 30 * HOUR)]
                }),
            },
            NearMissOfMany {
                name: "column called new, and given an everyday tag hours later",
                why: "The second tag says nothing about sensitivity.",
                tale: tale(When::Any, Who::Machine, |rng, scene| {
                    let (place, tag) = (Place::sensitive(rng, scene), word(rng, &BUSINESS_TAGS[..4]));
                    vec![place.put_on(None, NEW, 0), place.put_on(None, tag, 3 * HOUR)]
                }),
            },
        ],
    },
    Correlation {
        pattern: &APART,
        name: "column found to be sensitive around midnight, in a record received a day later, and called new",
        tale: tale(When::BeforeMidnight, Who::Machine, |rng, scene| {
            let (place, tag) = (Place::sensitive(rng, scene), word(rng, SENSITIVE_TAGS));
            vec![place.put_on(None, tag, 0).late(rng), place.put_on(None, NEW, 40 * MINUTE)]
        }),
        near: &[],
    },
    Correlation {
        pattern: &QUERIED,
        name: "new sensitive data read before anybody had looked at it",
        tale: tale(When::Any, Who::Machine, |rng, scene| {
            let place = Place::sensitive(rng, scene);
            let (found, read) = (place.found(rng), *pick(rng, &[1, 20, 110]) * HOUR);
            vec![found, place.read(scene.person, Level::Sensitive, read)]
        }),
        near: &[
            NearMissOfMany {
                name: "new sensitive data looked at, and read after that",
                why: "The tag New was taken off before anybody read the data source.",
                tale: tale(When::Any, Who::Steward, |rng, scene| {
                    let place = Place::sensitive(rng, scene);
                    vec![
                        place.found(rng),
                        place.removed(scene.person, NEW, 2 * HOUR),
                        place.read(scene.person, Level::Sensitive, 5 * HOUR),
                    ]
                }),
            },
            NearMissOfMany {
                name: "data read before it was found to be new and sensitive",
                why: "The query came before the tags, and none after them.",
                tale: tale(When::Any, Who::Machine, |rng, scene| {
                    let place = Place::sensitive(rng, scene);
                    vec![place.read(scene.person, Level::Sensitive, -HOUR), place.found(rng)]
                }),
            },
            NearMissOfMany {
                name: "new sensitive data in one table, and another table read",
                why: "Nobody has read the table with the new data.",
                tale: tale(When::Any, Who::Machine, |rng, scene| {
                    let (place, other) = (Place::sensitive(rng, scene), Place::sensitive(rng, scene));
                    vec![place.found(rng), other.read(scene.person, Level::Sensitive, HOUR)]
                }),
            },
            NearMissOfMany {
                name: "new sensitive data read in the week after the next",
                why: "More than seven days lie between the two.",
                tale: tale(When::Any, Who::Machine, |rng, scene| {
                    let place = Place::sensitive(rng, scene);
                    vec![place.found(rng), place.read(scene.person, Level::Sensitive, 8 * 24 * HOUR)]
                }),
            },
        ],
    },
];

/// A table with sensitive data, and two of its columns.
#[derive(Clone)]
struct Place {
    source: Source,
    /// A sensitive one.
    column: Column,
    /// The first one, which is never sensitive.
    key: Column,
}

impl Place {
    fn sensitive(rng: &mut ChaCha8Rng, scene: &Scene) -> Self {
        let source = scene.table(rng, Level::Sensitive);
        let columns = &scene.tenant.tables[source.table].columns;
        let sensitive: Vec<&Column> = columns.iter().filter(|column| column.level() >= Level::Sensitive).collect();
        // The table was drawn for having one.
        let column = (*pick(rng, &sensitive)).clone();
        Self { key: columns[0].clone(), source, column }
    }

    /// A tag is put on the column, by Immuta itself unless somebody is named.
    fn put_on(&self, by: Option<&Person>, tag: &str, after: i64) -> Act {
        let kind = "TagApplied";
        let activity = by.map_or_else(
            || Activity::of(system_actor(), kind, "CREATE"),
            |person| Activity::by(person, kind, "CREATE"),
        );
        let column = column_of(&self.source, &self.column);
        act(after, Deed::Done(tag_applied(activity, &self.source, column, tag, "curated")))
    }

    /// A tag is taken off the column.
    fn removed(&self, by: &Person, tag: &str, after: i64) -> Act {
        let removal = Activity::by(by, "TagRemoved", "DELETE");
        act(after, Deed::Done(tag_removed(removal, &self.source, &self.column, tag)))
    }

    /// A sensitive tag is put on the column, which is new.
    fn found(&self, rng: &mut ChaCha8Rng) -> Act {
        let mut column = column_of(&self.source, &self.column);
        column.tags = Some(&[NEW]);
        let found = Activity::of(system_actor(), "TagApplied", "CREATE");
        let found = tag_applied(found, &self.source, column, word(rng, SENSITIVE_TAGS), "discovered");
        act(0, Deed::Done(found)).alone(FOUND)
    }

    /// Somebody reads the table.
    fn read(&self, reader: &Person, level: Level, after: i64) -> Act {
        let (reader, source) = (reader.clone(), self.source.clone());
        act(after, Deed::Read(Reading { reader, source, level, refused: false, behind: None }))
    }
}
