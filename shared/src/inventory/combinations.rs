//! Permissions that most companies give to different people, and who holds them together.

use chrono::{DateTime, TimeDelta, Utc};

use super::named::Named;
use super::standing::{Known, Standing};

/// Within this time the correlation `governance_with_user_admin` of the pack tells of both grants, so that a notice about them
/// would be a second one (`rules/permissions/governance_with_user_admin.yml`, `timespan`).
const CORRELATED_WITHIN: TimeDelta = TimeDelta::days(31);

/// Two permissions that one person should not hold together.
#[derive(Debug, PartialEq, Eq)]
pub struct Pair {
    /// The two
    pub permissions: [&'static str; 2],
    /// What whoever holds both can do
    pub because: &'static str,
}

/// The pairs, the gravest first.
///
/// What each permission allows is Immuta's documentation on personas and permissions:
/// <https://documentation.immuta.com/SaaS/people/users-index/reference-guides/personas-and-permissions>. It names no pairs;
/// these follow from the duty that one of the two is to be a check on.
pub static PAIRS: [Pair; 4] = [
    Pair {
        permissions: ["GOVERNANCE", "USER_ADMIN"],
        because: "Can write a policy, and give themselves or others the attributes and groups that it asks for.",
    },
    Pair {
        permissions: ["APPLICATION_ADMIN", "GOVERNANCE"],
        because: "Can write a policy, and change the settings and integrations by which policies reach the data.",
    },
    Pair {
        permissions: ["APPLICATION_ADMIN", "USER_ADMIN"],
        because: "Can set up an identity provider, and decide what the users that come from it may do.",
    },
    Pair {
        permissions: ["GOVERNANCE", "IMPERSONATE_USER"],
        because: "Can write a policy, and read what it opens in the name of somebody else.",
    },
];

/// Somebody who holds both permissions of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Combination<'s> {
    /// The pair
    pub pair: &'static Pair,
    /// Who
    pub who: &'s Named,
    /// How each of the two is known, in the order of the pair
    pub known: [&'s Known; 2],
}

impl Combination<'_> {
    /// Since when both are held, as far as it is known.
    #[must_use]
    pub fn since(&self) -> DateTime<Utc> {
        self.last_and_first()[0].1.since()
    }

    /// The permission that came last and how that is known, then the other one. What is on a list, and no event gave, is older
    /// than what an event gave: the log would have it.
    #[must_use]
    pub fn last_and_first(&self) -> [(&'static str, &Known); 2] {
        let of = |index: usize| (self.pair.permissions[index], self.known[index]);
        let age = |known: &Known| (matches!(known, Known::Event { .. }), known.since());
        if age(self.known[0]) > age(self.known[1]) { [of(0), of(1)] } else { [of(1), of(0)] }
    }

    /// Whether a grant made it so with a permission so much older that the correlation, which sees grants within 31 days, does
    /// not tell of the two.
    #[must_use]
    pub fn is_not_correlated(&self) -> bool {
        match self.last_and_first() {
            [(_, Known::Event { .. }), (_, Known::List(_))] => true,
            [(_, Known::Event { at, .. }), (_, Known::Event { at: before, .. })] => *at - *before > CORRELATED_WITHIN,
            _ => false,
        }
    }
}

/// Who holds permissions together that should be apart; by pair, and the latest first.
#[must_use]
pub fn combinations(standing: &Standing) -> Vec<Combination<'_>> {
    let holders = standing.holders();
    let mut found = Vec::new();
    for pair in &PAIRS {
        let [one, other] = pair.permissions;
        let mut of_pair: Vec<Combination<'_>> = holders
            .iter()
            .filter_map(|holder| {
                let known = [*holder.permissions.get(one)?, *holder.permissions.get(other)?];
                Some(Combination { pair, who: holder.who, known })
            })
            .collect();
        of_pair.sort_by_key(|combination| std::cmp::Reverse(combination.since()));
        found.append(&mut of_pair);
    }
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::event::{Event, Record};
    use crate::inventory::{Change, List, ListKind, Row};

    fn given(permission: &str, at: &str) -> Change {
        let line = format!(
            r#"{{"eventTimestamp":"{at}","targets":[{{"type":"USER","id":"ann@x","name":"Ann"}}],
                "auditPayload":{{"type":"PermissionAppliedAuditPayload","permission":"{permission}"}}}}"#
        );
        let record = Record::parse(line.as_bytes()).unwrap();
        Change::of(&Event::of(&record)).unwrap()
    }

    fn listed(date: &str, permissions: &[&str]) -> List {
        let row =
            |permission: &&str| Row { id: "ann@x".to_owned(), permission: (*permission).to_owned(), ..Row::default() };
        List::new(ListKind::Permission, date.parse().unwrap(), permissions.iter().map(row).collect::<BTreeSet<_>>())
    }

    /// Of the only combination: which came last, on which day, and whether nothing else tells of it.
    fn found(lists: &[List], changes: &[Change]) -> (String, String, bool) {
        let standing = Standing::at("2026-12-31T00:00:00Z".parse().unwrap(), lists, changes);
        let combinations = combinations(&standing);
        let [one] = &combinations[..] else { panic!("{combinations:?}") };
        let day = one.since().format("%m-%d").to_string();
        (one.last_and_first()[0].0.to_owned(), day, one.is_not_correlated())
    }

    fn last(permission: &str, day: &str, is_not_correlated: bool) -> (String, String, bool) {
        (permission.to_owned(), day.to_owned(), is_not_correlated)
    }

    #[test]
    fn the_correlation_tells_of_grants_within_its_time_and_of_no_older_permission() {
        let governance = given("GOVERNANCE", "2026-10-01T09:00:00Z");
        let soon = given("USER_ADMIN", "2026-10-31T09:00:00Z");
        let late = given("USER_ADMIN", "2026-11-02T09:00:00Z");
        assert_eq!(found(&[], &[governance.clone(), soon]), last("USER_ADMIN", "10-31", false));
        assert_eq!(found(&[], &[late.clone(), governance]), last("USER_ADMIN", "11-02", true));
        assert_eq!(
            found(&[listed("2026-11-01", &["GOVERNANCE"])], std::slice::from_ref(&late)),
            last("USER_ADMIN", "11-02", true)
        );
        // A list that was taken later has the older one all the same.
        let after = [listed("2026-11-20", &["GOVERNANCE", "USER_ADMIN"])];
        assert_eq!(found(&after, &[late]), last("USER_ADMIN", "11-02", true));
    }

    #[test]
    fn of_what_is_listed_alone_no_grant_is_known() {
        let both = [listed("2026-11-01", &["GOVERNANCE", "USER_ADMIN"])];
        assert_eq!(found(&both, &[]), last("USER_ADMIN", "11-01", false));
    }

    #[test]
    fn somebody_with_three_permissions_is_in_every_pair_of_them() {
        let all = [listed("2026-11-01", &["APPLICATION_ADMIN", "GOVERNANCE", "USER_ADMIN", "AUDIT"])];
        let standing = Standing::at("2026-12-31T00:00:00Z".parse().unwrap(), &all, &[]);
        let pairs: Vec<_> = combinations(&standing).iter().map(|found| found.pair.permissions).collect();
        assert_eq!(pairs, [PAIRS[0].permissions, PAIRS[1].permissions, PAIRS[2].permissions]);
    }

    #[test]
    fn a_pair_is_spelt_as_permissions_are_compared() {
        for permission in PAIRS.iter().flat_map(|pair| pair.permissions) {
            assert_eq!(super::super::change::permission(permission), permission);
        }
    }
}
