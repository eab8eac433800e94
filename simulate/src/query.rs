//! What a query leaves in the audit: one record for every table that it read.

mod ran;
mod restraint;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::catalogue::{Column, Level};
use crate::dice::{chance, habitual, pick, uuid};
use crate::journal::{Care, Journal};
use crate::names::PURPOSES;
use crate::plan::{HOUR, MINUTE, SECOND};
use crate::platform::Platform;
use crate::record::{Actor, with_offset, zulu};
use crate::sql;
use crate::tenant::{Person, Source, Tenant, unknown_actor};

use ran::{Outcome, Run, Told};
pub(crate) use restraint::Restraint;

/// A query that is planted: who reads what, and how it ends.
#[derive(Clone)]
pub(crate) struct Reading {
    pub(crate) reader: Person,
    pub(crate) source: Source,
    /// The highest level of what is read.
    pub(crate) level: Level,
    pub(crate) refused: bool,
    /// Who acts as the reader.
    pub(crate) behind: Option<Actor>,
}

/// Takes down a planted query of one data source: complete, once, and received `late` milliseconds after the next pull.
pub(crate) fn planted(
    rng: &mut ChaCha8Rng,
    tenant: &Tenant,
    reading: &Reading,
    id: &str,
    (at, late): (i64, i64),
    journal: &mut Journal,
) -> Result<(), serde_json::Error> {
    let (person, source) = (&reading.reader, &reading.source);
    let service = tenant.services().iter().any(|service| service.number == person.number);
    let columns = columns(rng, tenant, source, reading.level);
    let mut actor = person.actor.clone();
    actor.impersonated_by = reading.behind.clone().map(Box::new);
    let duration = rng.random_range(40..4000);
    let run = Run {
        person,
        service,
        actor,
        login: person.login.clone(),
        query_id: source.platform.query_id(rng, at),
        text: sql::text(rng, at, &person.login, service, &[source], &columns),
        start: zulu(at),
        stamp: zulu(at),
        duration,
        rows: rng.random_range(0..5000),
        outcome: if reading.refused { refused(rng) } else { Outcome::SUCCESS },
        told: Told::Everything,
        notebook: None,
        session: None,
        purposes: &[],
        received: next_pull(rng, source.platform, at + i64::from(duration)) + late,
        care: Care::Exact(0),
    };
    run.note(rng, tenant, source, &columns, id, journal)
}

/// One query of `person` at `at`; takes down one record, or several for a join.
pub(crate) fn run(
    rng: &mut ChaCha8Rng,
    tenant: &Tenant,
    person: &Person,
    service: bool,
    at: i64,
    restraint: &mut Restraint,
    journal: &mut Journal,
) -> Result<(), serde_json::Error> {
    let mut wanted = wanted(rng, person);
    if wanted >= Level::Sensitive && !restraint.reads_sensitive_data(&person.actor.id) {
        wanted = Level::Plain;
    }
    let source = choose(rng, tenant, person, wanted);
    let first = columns(rng, tenant, source, wanted);
    let mut sources = vec![source];
    let platform = source.platform;
    // A cell of a notebook often reads several tables, one statement after the other.
    let notebook = (platform == Platform::Databricks && !service && chance(rng, 350)).then(|| rng.random());
    if chance(rng, if notebook.is_some() { 300 } else { 45 }) {
        join(rng, tenant, &mut sources);
    }
    // Unity Catalog audits everybody, also those whom Immuta never registered.
    let stranger = platform == Platform::Databricks && !service && chance(rng, 40);
    let odd_stamp = chance(rng, 15).then(|| with_offset(at, rng.random_range(0..1000)));
    let duration = rng.random_range(40..4000) * rng.random_range(1..20);
    let mut actor = acting(rng, tenant, person, stranger);
    if actor.impersonated_by.as_ref().is_some_and(|behind| !restraint.impersonates(&behind.id, sources.len())) {
        actor.impersonated_by = None;
    }
    let login = login(rng, person, stranger);
    let mut outcome = outcome(rng, platform, service);
    if outcome.status == "UNAUTHORIZED" {
        let objects: Vec<&str> = sources.iter().map(|source| source.target.id.as_str()).collect();
        if !restraint.is_refused(if stranger { &login } else { &actor.id }, &objects) {
            outcome = Outcome::SUCCESS;
        }
    }
    let run = Run {
        person,
        service,
        actor,
        login,
        query_id: platform.query_id(rng, at),
        text: if notebook.is_some() {
            sql::cell(rng, at, &person.login, &sources, &first)
        } else {
            sql::text(rng, at, &person.login, service, &sources, &first)
        },
        start: zulu(at),
        stamp: odd_stamp.unwrap_or_else(|| zulu(at)),
        duration,
        rows: rng.random_range(0..5000) * rng.random_range(1..40),
        outcome,
        told: if sources.len() == 1 { told(rng, platform) } else { Told::Everything },
        notebook,
        session: chance(rng, 300).then(|| uuid(rng)),
        purposes: if chance(rng, 60) { std::slice::from_ref(pick(rng, PURPOSES)) } else { &[] },
        received: pulled(rng, platform, at + i64::from(duration)),
        care: Care::Usual,
    };
    let shared_id = chance(rng, 250);
    let mut id = event_id(rng, platform, &run.query_id);
    for (number, source) in sources.iter().enumerate() {
        if number == 0 {
            run.note(rng, tenant, source, &first, &id, journal)?;
            continue;
        }
        if !shared_id {
            id = uuid(rng);
        }
        let columns = columns(rng, tenant, source, Level::Plain);
        run.note(rng, tenant, source, &columns, &id, journal)?;
    }
    Ok(())
}

/// How sensitive the data is that the person is after.
fn wanted(rng: &mut ChaCha8Rng, person: &Person) -> Level {
    let (sensitive, highly) = person.shares;
    let roll = rng.random_range(0..1000);
    if roll < highly {
        Level::Highly
    } else if roll < highly + sensitive {
        Level::Sensitive
    } else {
        Level::Plain
    }
}

/// Mostly a data source that the person uses day by day.
fn choose<'a>(rng: &mut ChaCha8Rng, tenant: &'a Tenant, person: &Person, wanted: Level) -> &'a Source {
    let level = match wanted {
        Level::Indeterminate | Level::Plain => 0,
        Level::Sensitive => 1,
        Level::Highly => 2,
    };
    let own = &person.favourites[level];
    let all = &tenant.by_level[level];
    if !own.is_empty() && chance(rng, 920) {
        &tenant.sources[own[habitual(rng, own.len())]]
    } else if all.is_empty() {
        tenant.source(rng)
    } else {
        &tenant.sources[*pick(rng, all)]
    }
}

/// Some columns of the data source, none above the level that is wanted, and one at it where there is one.
fn columns<'a>(rng: &mut ChaCha8Rng, tenant: &'a Tenant, source: &Source, wanted: Level) -> Vec<&'a Column> {
    let all = &tenant.tables[source.table].columns;
    let many = rng.random_range(3..8);
    let at_level = all.iter().filter(|column| wanted > Level::Plain && column.level() == wanted).count();
    let must = if at_level == 0 { 0 } else { rng.random_range(0..at_level) + 1 };
    let (mut seen, mut chosen) = (0, Vec::with_capacity(many));
    for column in all.iter().filter(|column| column.level() <= wanted) {
        if wanted > Level::Plain && column.level() == wanted {
            seen += 1;
        }
        let needed = seen == must && must > 0 && column.level() == wanted;
        if needed || (chosen.len() < many && chance(rng, 800)) {
            chosen.push(column);
        }
    }
    if chosen.is_empty() {
        // Every table begins with its key, which is never sensitive.
        chosen.push(&all[0]);
    }
    chosen
}

/// Adds one or two more tables of the same platform, if some can be found.
fn join<'a>(rng: &mut ChaCha8Rng, tenant: &'a Tenant, sources: &mut Vec<&'a Source>) {
    let more = rng.random_range(1..3);
    for _ in 0..12 {
        let other = tenant.source(rng);
        let known = sources.iter().any(|source| source.target.id == other.target.id);
        if other.platform == sources[0].platform && !known {
            sources.push(other);
        }
        if sources.len() > more {
            return;
        }
    }
}

fn outcome(rng: &mut ChaCha8Rng, platform: Platform, service: bool) -> Outcome {
    let (denied, failed) = if service { (1, 8) } else { (33, 12) };
    let roll = rng.random_range(0..1000);
    if roll < denied {
        refused(rng)
    } else if roll < denied + failed {
        Outcome { status: "FAILURE", reason: None, error: Some(platform.error()) }
    } else {
        Outcome::SUCCESS
    }
}

fn refused(rng: &mut ChaCha8Rng) -> Outcome {
    let reasons = [
        "User is not subscribed to the data source",
        "User does not act under an approved purpose",
        "The role has no grant on the object",
    ];
    Outcome { status: "UNAUTHORIZED", reason: Some(*pick(rng, &reasons)), error: None }
}

/// How much a query of one table tells.
fn told(rng: &mut ChaCha8Rng, platform: Platform) -> Told {
    match platform {
        // Views over Hive and Iceberg hide what was read.
        Platform::Trino if chance(rng, 250) => Told::Nothing,
        // Queries of the catalogue and of constants read no registered table.
        Platform::Redshift | Platform::Synapse if chance(rng, 30) => Told::NoObjects,
        _ => Told::Everything,
    }
}

/// Who stands in the record: the person, nobody known, or the person with somebody behind.
fn acting(rng: &mut ChaCha8Rng, tenant: &Tenant, person: &Person, stranger: bool) -> Actor {
    if stranger {
        return unknown_actor();
    }
    let mut actor = person.actor.clone();
    if chance(rng, 2) {
        actor.impersonated_by = Some(Box::new(pick(rng, tenant.admins()).actor.clone()));
    }
    actor
}

/// The login on the platform, which for a stranger is all that is known.
fn login(rng: &mut ChaCha8Rng, person: &Person, stranger: bool) -> String {
    if stranger {
        return format!("ext-{:03}@contractors.example", rng.random_range(1..40));
    }
    person.login.clone()
}

fn event_id(rng: &mut ChaCha8Rng, platform: Platform, query_id: &str) -> String {
    if platform.lends_its_query_id() { query_id.to_owned() } else { uuid(rng) }
}

/// When a query that ended at `ended` was pulled: with the next hourly pull, now and then many hours later.
fn pulled(rng: &mut ChaCha8Rng, platform: Platform, ended: i64) -> i64 {
    let late = if chance(rng, 12) { rng.random_range(2..46) } else { 0 };
    next_pull(rng, platform, ended) + late * HOUR
}

fn next_pull(rng: &mut ChaCha8Rng, platform: Platform, ended: i64) -> i64 {
    let offset = platform.pull_minute() * MINUTE;
    let next = ((ended + MINUTE - offset).div_euclid(HOUR) + 1) * HOUR + offset;
    // One pull takes a while to be taken in, in no particular order.
    next + rng.random_range(0..45 * SECOND)
}
