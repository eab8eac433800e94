//! Who works at the made-up company and what data it has.

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::catalogue::{Level, Table, tables};
use crate::dice::{Stream, chance, dice, pick, weighted};
use crate::names::{DEPARTMENTS, Department, FAMILY, FIRST, PLATFORM_TEAM, SERVICES};
use crate::plan::Plan;
use crate::platform::{PLATFORMS, Platform};
use crate::record::{Actor, ProfileId, Resource};

/// The whole tenant.
pub(crate) struct Tenant {
    pub(crate) id: String,
    /// People, by the zone they work in; see [`crate::rhythm::ZONES`]. The first zone is never empty.
    pub(crate) people: [Vec<Person>; 2],
    /// Accounts that run in batches round the clock.
    pub(crate) services: Vec<Person>,
    /// Administrators that exist in Immuta only.
    pub(crate) admins: Vec<Person>,
    pub(crate) tables: Vec<Table>,
    pub(crate) sources: Vec<Source>,
    /// Data sources with a column of at least this level: any, sensitive, highly sensitive.
    pub(crate) by_level: [Vec<usize>; 3],
    /// Of these, those in the schemas of each department.
    own: Vec<[Vec<usize>; 3]>,
}

/// Somebody, or a service account, who reads data.
pub(crate) struct Person {
    pub(crate) actor: Actor,
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
}

/// A registered data source.
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
    Resource { r#type, id: id.to_owned(), name: name.to_owned(), technology: None }
}

/// The actor that stands for Immuta itself.
pub(crate) fn system_actor() -> Actor {
    machine("SYSTEM_ACTOR", "immuta-system", "Immuta System Account")
}

/// The actor through which the identity provider adds and removes people.
pub(crate) fn provisioning_actor() -> Actor {
    machine("SYSTEM_ACTOR", "okta-scim", "okta-scim")
}

/// Somebody on Unity Catalog whom Immuta does not know.
pub(crate) fn unknown_actor() -> Actor {
    machine("unknown", "unknown", "unknown")
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
            people: [Vec::new(), Vec::new()],
            services: Vec::new(),
            admins: Vec::new(),
            own: DEPARTMENTS.iter().map(own).collect(),
            tables,
            sources,
            by_level,
        };
        for number in 0..plan.users {
            let (department, provider) =
                (rng.random_range(0..DEPARTMENTS.len()), weighted(&mut rng, &[("okta", 4), ("azure-ad", 1)]));
            let actor = someone(&mut rng, number + 100, provider);
            // The first person works in the main office, so that it is never empty.
            let zone = usize::from(number > 0 && chance(&mut rng, 250));
            let shares = if DEPARTMENTS[department].sensitive { (240, 46) } else { (35, 3) };
            let person = tenant.person(&mut rng, actor, department, shares);
            tenant.people[zone].push(person);
        }
        for (name, ..) in SERVICES {
            let mut actor = machine("USER_ACTOR", name, name);
            actor.identity_provider = Some("okta");
            actor.profile_id = Some(ProfileId::Text((10 + tenant.services.len()).to_string()));
            let person = tenant.person(&mut rng, actor, PLATFORM_TEAM, (60, 4));
            tenant.services.push(person);
        }
        for number in 0..3 {
            let actor = someone(&mut rng, number + 2, "bim");
            let person = tenant.person(&mut rng, actor, PLATFORM_TEAM, (10, 1));
            tenant.admins.push(person);
        }
        tenant
    }

    fn person(&self, rng: &mut ChaCha8Rng, actor: Actor, department: usize, shares: (u32, u32)) -> Person {
        let favourites = [(0, 14), (1, 6), (2, 3)].map(|(level, many)| self.favourites(rng, department, level, many));
        let login = actor.id.split('@').next().unwrap_or_default().to_uppercase().replace('-', "_");
        let ip = if chance(rng, 700) {
            format!("10.{}.{}.{}", rng.random_range(10..40), rng.random_range(0..255), rng.random_range(2..250))
        } else {
            // The ranges that are set aside for documentation stand for the outside world.
            format!("{}.{}", pick(rng, &["203.0.113", "198.51.100"]), rng.random_range(2..250))
        };
        Person { actor, login, ip, department: &DEPARTMENTS[department], favourites, shares }
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

    /// Somebody who looks after governance, and is not `person` as long as there is anybody else.
    pub(crate) fn steward_for(&self, rng: &mut ChaCha8Rng, person: &Person) -> &Person {
        let steward = self.steward(rng);
        // People are never local administrators.
        if steward.actor.id == person.actor.id { pick(rng, &self.admins) } else { steward }
    }

    /// Any person at all.
    pub(crate) fn anyone(&self, rng: &mut ChaCha8Rng) -> &Person {
        let zone = usize::from(!self.people[1].is_empty() && chance(rng, 250));
        pick(rng, &self.people[zone])
    }

    /// A person of the main office.
    pub(crate) fn colleague(&self, rng: &mut ChaCha8Rng) -> &Person {
        pick(rng, &self.people[0])
    }

    /// One of the few who look after governance: the first people of the main office, and the local administrators.
    pub(crate) fn steward(&self, rng: &mut ChaCha8Rng) -> &Person {
        if chance(rng, 150) {
            return pick(rng, &self.admins);
        }
        let few = self.people[0].len().min(12);
        &self.people[0][rng.random_range(0..few)]
    }

    /// Any data source.
    pub(crate) fn source(&self, rng: &mut ChaCha8Rng) -> &Source {
        pick(rng, &self.sources)
    }
}

/// A new name with a mail-like id.
pub(crate) fn someone(rng: &mut ChaCha8Rng, number: u32, provider: &'static str) -> Actor {
    let (first, family) = (pick(rng, FIRST), pick(rng, FAMILY));
    let plain: String = format!("{first}.{family}").to_lowercase().chars().map(ascii).collect();
    Actor {
        r#type: "USER_ACTOR",
        // The number keeps two people of one name apart.
        id: format!("{plain}{number}@northwind.example"),
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
