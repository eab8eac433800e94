//! Who joins and what is registered while the simulation runs: nothing quiet happens to either, so that what is planted on
//! them stands alone.

use std::ops::Range;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{Person, Source, Tenant, address, login, someone, source};
use crate::catalogue::Level;
use crate::dice::{pick, weighted};
use crate::names::DEPARTMENTS;
use crate::offices::{self, OFFICES};

/// Numbers of people who join while the simulation runs. So many that two of them are never the same.
const NEWCOMERS: Range<u32> = 2_000_000..900_000_000;
/// Numbers of tables that are registered while it runs, after those of all others.
const NEW_SOURCES: Range<u32> = 10_000_000..900_000_000;

/// Somebody who is new, and of whom the tenant knows nothing else.
pub(crate) fn newcomer(rng: &mut ChaCha8Rng) -> Person {
    let office = weighted(rng, &[(offices::BERLIN, 3), (offices::NEW_YORK, 2)]);
    let number = rng.random_range(NEWCOMERS);
    let actor = someone(rng, number, "okta", OFFICES[office].domain);
    Person {
        number: usize::MAX,
        login: login(&actor.id),
        ip: address(rng),
        actor,
        office,
        department: pick(rng, DEPARTMENTS),
        favourites: Default::default(),
        shares: (0, 0),
    }
}

impl Tenant {
    /// A table with data of `level`, of which the tenant knows nothing else, on a platform that says what was read.
    pub(crate) fn new_source(&self, rng: &mut ChaCha8Rng, level: Level) -> Source {
        let number = rng.random_range(NEW_SOURCES);
        loop {
            let mut new = source(rng, &self.tables, number);
            let columns = &self.tables[new.table].columns;
            // One table in three has highly sensitive data, and most platforms tell, so that few draws are needed.
            if !new.platform.lends_its_query_id() && columns.iter().any(|column| column.level() >= level) {
                let suffix = format!("_{}", number % 1000);
                new.name.push_str(&suffix);
                new.target.name.push_str(&suffix);
                return new;
            }
        }
    }
}
