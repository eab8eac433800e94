//! Who works at the made-up company and what data it has.

mod arrivals;

use std::ops::Range;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::catalogue::{Level, Table, tables};
use crate::dice::{Stream, chance, dice, habitual, pick, weighted};
use crate::jobs::JOBS;
use crate::names::{DEPARTMENTS, Department, FAMILY, FIRST, PLATFORM_TEAM, SERVICES};
use crate::offices::{self, Clocks, OFFICES};
use crate::plan::Plan;
use crate::platform::{PLATFORMS, Platform};
use crate::record::{Actor, ProfileId, Resource};

pub(crate) use arrivals::newcomer;

/// The whole tenant.
pub(crate) struct Tenant {
    pub(crate) id: String,
    /// Everybody who reads data: the people, then the service accounts, then the administrators that exist in Immuta only.
    pub(crate) everybody: Vec<Person>,
    services: Range<usize>,
    admins: Range<usize>,
    /// The people of each office. The first office is never empty.
    offices: [Vec<usize>; offices::MANY],
    pub(crate) tables: Vec<Table>,
    pub(crate) sources: Vec<Source>,
    /// Data sources with a column of at least this level: any, sensitive, highly sensitive.
    pub(crate) by_level: [Vec<usize>; 3],
    /// Of these, those in the schemas of each department.
    own: Vec<[Vec<usize>; 3]>,
}

/// Somebody, or a service account, who reads data.
#[derive(Clone)]
pub(crate) struct Person {
    /// Their place in [`Tenant::everybody`].
    pub(crate) number: usize,
    pub(crate) actor: Actor,
    /// Their place of work in [`OFFICES`].
    pub(crate) office: usize,
    /// As the platforms know them.
    pub(crate) login: String,
    pub(crate) ip: String,
    pub(crate) department: &'static Department,
    /// Data sources used day by day, for each of [`Tenant::by_level`].
    pub(crate) favourites: [Vec<usize>; 3],
    /// How often, per mille, a query reads sensitive and highly sensitive data.
    pub(crate) shares: (u32, u32),
}

impl Person {
    /// The person as what an event is about.
    pub(crate) fn resource(&self) -> Resource {
        resource("USER", &self.actor.id, &self.actor.name)
    }

    /// Somebody else of the same name and office, with a number that nobody of the tenant has.
    pub(crate) fn namesake(&self, number: u32) -> Self {
        let (place, domain) = self.actor.id.split_once('@').unwrap_or((&self.actor.id, OFFICES[self.office].domain));
        let place = place.trim_end_matches(|letter: char| letter.is_ascii_digit());
        let mut actor = self.actor.clone();
        actor.id = format!("{place}{number}@{domain}");
        actor.profile_id = Some(ProfileId::Text(number.to_string()));
        Self {
            number: usize::MAX,
            login: login(&actor.id),
            actor,
            office: self.office,
            ip: self.ip.clone(),
            department: self.department,
            favourites: Default::default(),
            shares: self.shares,
        }
    }
}

/// A registered data source.
#[derive(Clone)]
pub(crate) struct Source {
    /// As it stands in `targets[]`: id, name and technology.
    pub(crate) target: Resource,
    pub(crate) platform: Platform,
    pub(crate) database: &'static str,
    pub(crate) schema: &'static str,
    /// The table's own name on the platform.
    pub(crate) name: String,
    /// Index into [`Tenant::tables`].
    pub(crate) table: usize,
}

/// An entry of `targets[]` or `relatedResources[]`.
pub(crate) fn resource(r#type: &'static str, id: &str, name: &str) -> Resource {
    Resource { r#type, id: id.to_owned(), name: name.to_owned(), technology: None, tags: None }
}

/// The actor that stands for Immuta itself.
pub(crate) fn system_actor() -> Actor {
    machine("SYSTEM_ACTOR", "immuta-system", "Immuta System Account")
}

/// The account through which the identity provider adds and removes people. Only its name tells it from a person.
pub(crate) fn provisioning_actor() -> Actor {
    account("okta-scim", 9)
}

/// A service account that changes things in the application, as the jobs do.
pub(crate) fn service_actor(name: &str) -> Actor {
    let number = JOBS.iter().position(|job| job.account == Some(name)).unwrap_or_default();
    account(name, 30 + number)
}

/// Somebody on Unity Catalog whom Immuta does not know.
pub(crate) fn unknown_actor() -> Actor {
    machine("unknown", "unknown", "unknown")
}

fn account(name: &str, profile: usize) -> Actor {
    let mut actor = machine("USER_ACTOR", name, name);
    actor.identity_provider = Some("okta");
    actor.profile_id = Some(ProfileId::Text(profile.to_string()));
    actor
}

fn machine(r#type: &'static str, id: &str, name: &str) -> Actor {
    Actor {
        r#type,
        id: id.to_owned(),
        name: name.to_owned(),
        identity_provider: None,
        profile_id: None,
        impersonated_by: None,
    }
}

impl Tenant {
    /// The tenant of a plan.
    pub(crate) fn new(plan: &Plan) -> Self {
        let mut rng = dice(plan.seed, Stream::Tenant, 0);
        let tables = tables();
        let sources: Vec<Source> = (0..plan.data_sources).map(|number| source(&mut rng, &tables, number)).collect();
        let by_level = [Level::Indeterminate, Level::Sensitive, Level::Highly].map(|level| {
            let holds = |source: &Source| tables[source.table].columns.iter().any(|column| column.level() >= level);
            (0..sources.len()).filter(|index| holds(&sources[*index])).collect::<Vec<_>>()
        });
        let own = |department: &Department| {
            by_level.each_ref().map(|all| {
                let own = |index: &usize| department.schemas.contains(&sources[*index].schema);
                all.iter().copied().filter(own).collect()
            })
        };
        let mut tenant = Self {
            id: "northwind.hosted.immutacloud.com".to_owned(),
            everybody: Vec::new(),
            services: 0..0,
            admins: 0..0,
            offices: Default::default(),
            own: DEPARTMENTS.iter().map(own).collect(),
            tables,
            sources,
            by_level,
        };
        let shares = OFFICES.each_ref().map(|office| office.share);
        for number in 0..plan.users {
            let (department, provider) =
                (rng.random_range(0..DEPARTMENTS.len()), weighted(&mut rng, &[("okta", 4), ("azure-ad", 1)]));
            // The first people are one of each office, so that few offices are empty and the main one never is.
            let drawn = weighted(&mut rng, &[(0, shares[0]), (1, shares[1]), (2, shares[2])]);
            let office = if number < 3 { number as usize } else { drawn };
            let actor = someone(&mut rng, number + 100, provider, OFFICES[office].domain);
            let shares = if DEPARTMENTS[department].sensitive { (240, 46) } else { (35, 3) };
            let person = tenant.enter(&mut rng, actor, office, department, shares);
            tenant.offices[office].push(person);
        }
        for (number, (name, ..)) in (10..).zip(SERVICES) {
            tenant.enter(&mut rng, account(name, number), offices::BERLIN, PLATFORM_TEAM, (60, 4));
        }
        for number in 0..3 {
            let actor = someone(&mut rng, number + 2, "bim", OFFICES[offices::BERLIN].domain);
            tenant.enter(&mut rng, actor, offices::BERLIN, PLATFORM_TEAM, (10, 1));
        }
        let all = tenant.everybody.len();
        tenant.services = all - 3 - SERVICES.len()..all - 3;
        tenant.admins = all - 3..all;
        tenant
    }

    /// Adds a person and gives their number.
    fn enter(
        &mut self,
        rng: &mut ChaCha8Rng,
        actor: Actor,
        office: usize,
        department: usize,
        shares: (u32, u32),
    ) -> usize {
        let favourites = [(0, 14), (1, 6), (2, 3)].map(|(level, many)| self.favourites(rng, department, level, many));
        let (login, ip) = (login(&actor.id), address(rng));
        let (number, department) = (self.everybody.len(), &DEPARTMENTS[department]);
        self.everybody.push(Person { number, actor, office, login, ip, department, favourites, shares });
        number
    }

    /// Up to `many` data sources, mostly of the department's own schemas.
    fn favourites(&self, rng: &mut ChaCha8Rng, department: usize, level: usize, many: usize) -> Vec<usize> {
        let (all, own) = (&self.by_level[level], &self.own[department][level]);
        let mut chosen = Vec::with_capacity(many);
        for number in 0..many {
            let list = if number % 4 == 3 || own.is_empty() { all } else { own };
            if !list.is_empty() {
                chosen.push(*pick(rng, list));
            }
        }
        chosen.shuffle(rng);
        chosen
    }

    /// Service accounts, which run in batches round the clock, in the order of [`SERVICES`].
    pub(crate) fn services(&self) -> &[Person] {
        &self.everybody[self.services.clone()]
    }

    /// Administrators that exist in Immuta only; there are some always.
    pub(crate) fn admins(&self) -> &[Person] {
        &self.everybody[self.admins.clone()]
    }

    /// Whether anybody works at `office`.
    pub(crate) fn staffed(&self, office: usize) -> bool {
        !self.offices[office].is_empty()
    }

    /// The people of `office`.
    pub(crate) fn people_of(&self, office: usize) -> impl Iterator<Item = &Person> {
        self.offices[office].iter().map(|number| &self.everybody[*number])
    }

    /// Somebody of `office`, which must be staffed; who works much is drawn more often.
    pub(crate) fn at_work(&self, rng: &mut ChaCha8Rng, office: usize) -> &Person {
        let people = &self.offices[office];
        &self.everybody[people[habitual(rng, people.len())]]
    }

    /// Anybody of `office`, which must be staffed.
    pub(crate) fn somebody(&self, rng: &mut ChaCha8Rng, office: usize) -> &Person {
        &self.everybody[*pick(rng, &self.offices[office])]
    }

    /// Any person at all.
    pub(crate) fn anyone(&self, rng: &mut ChaCha8Rng) -> &Person {
        pick(rng, &self.everybody[..self.services.start])
    }

    /// Any person, or an administrator, who is not `person`.
    pub(crate) fn other_than(&self, rng: &mut ChaCha8Rng, person: &Person) -> &Person {
        let other = self.anyone(rng);
        // People are never local administrators.
        if other.number == person.number { pick(rng, self.admins()) } else { other }
    }

    /// One of the few of `office`, which must be staffed, who look after governance; in the main office that is at times an
    /// administrator.
    pub(crate) fn steward(&self, rng: &mut ChaCha8Rng, office: usize) -> &Person {
        if office == offices::BERLIN && chance(rng, 150) {
            return pick(rng, self.admins());
        }
        let people = &self.offices[office];
        let few = people.len().min(OFFICES[office].stewards);
        &self.everybody[people[rng.random_range(0..few)]]
    }

    /// Somebody who may decide at `at` on access of `person` to `source`: a steward of an office that is open then and who
    /// decides on the source, never the person.
    pub(crate) fn approver(
        &self,
        rng: &mut ChaCha8Rng,
        clocks: &Clocks,
        person: &Person,
        source: &Source,
        at: i64,
    ) -> Option<&Person> {
        let open: Vec<usize> =
            (0..offices::MANY).filter(|office| self.staffed(*office) && clocks.open(*office, at)).collect();
        let office = *pick(rng, if open.is_empty() { return None } else { &open });
        for _ in 0..8 {
            let steward = self.steward(rng, office);
            if steward.number != person.number && self.decides(steward, source) {
                return Some(steward);
            }
        }
        (office == offices::BERLIN).then(|| pick(rng, self.admins())).filter(|admin| admin.number != person.number)
    }

    /// Whether `person`, if they look after governance, decides who reads `source`. Half of the stewards do, and these never
    /// ask for it themselves: nobody could tell such a request from one that they approve on their own.
    pub(crate) fn decides(&self, person: &Person, source: &Source) -> bool {
        let number = source.target.id.parse().unwrap_or(0_usize);
        (person.number + number).is_multiple_of(2) || self.admins.contains(&person.number)
    }

    /// Whether `person` may be drawn as one of those who look after governance.
    pub(crate) fn is_steward(&self, person: &Person) -> bool {
        let few = self.offices[person.office].iter().take(OFFICES[person.office].stewards);
        self.admins.contains(&person.number) || few.into_iter().any(|number| *number == person.number)
    }

    /// Any data source.
    pub(crate) fn source(&self, rng: &mut ChaCha8Rng) -> &Source {
        pick(rng, &self.sources)
    }
}

/// Where somebody sits.
fn address(rng: &mut ChaCha8Rng) -> String {
    if chance(rng, 700) {
        format!("10.{}.{}.{}", rng.random_range(10..40), rng.random_range(0..255), rng.random_range(2..250))
    } else {
        // The ranges that are set aside for documentation stand for the outside world.
        format!("{}.{}", pick(rng, &["203.0.113", "198.51.100"]), rng.random_range(2..250))
    }
}

/// The login on the platforms of somebody with a mail-like id.
fn login(id: &str) -> String {
    id.split('@').next().unwrap_or_default().to_uppercase().replace('-', "_")
}

/// A new name with a mail-like id.
pub(crate) fn someone(rng: &mut ChaCha8Rng, number: u32, provider: &'static str, domain: &str) -> Actor {
    let (first, family) = (pick(rng, FIRST), pick(rng, FAMILY));
    let plain: String = format!("{first}.{family}").to_lowercase().chars().map(ascii).collect();
    Actor {
        r#type: "USER_ACTOR",
        // The number keeps two people of one name apart.
        id: format!("{plain}{number}@{domain}"),
        name: format!("{first} {family}"),
        identity_provider: Some(provider),
        profile_id: Some(if number % 50 == 7 {
            ProfileId::Number(number)
        } else {
            ProfileId::Text(number.to_string())
        }),
        impersonated_by: None,
    }
}

fn ascii(letter: char) -> char {
    match letter {
        'á' => 'a',
        'é' | 'ë' => 'e',
        'ø' => 'o',
        'ü' => 'u',
        other => other,
    }
}

fn source(rng: &mut ChaCha8Rng, tables: &[Table], number: u32) -> Source {
    let table = rng.random_range(0..tables.len());
    let platform = weighted(rng, PLATFORMS);
    let database = *pick(rng, platform.databases());
    let suffix = *pick(rng, &["", "", "_eu", "_us", "_apac", "_hist", "_v2", "_daily", "_2025", "_2026"]);
    let mut name = format!("{}{suffix}", tables[table].name);
    let schema = tables[table].schema;
    if platform == Platform::Snowflake {
        name.make_ascii_uppercase();
    }
    let label = format!("{} {database} {schema} {name}", platform.label());
    let mut target = resource("DATASOURCE", &(1000 + number).to_string(), &label);
    target.technology = Some(platform.technology());
    Source { target, platform, database, schema, name, table }
}
