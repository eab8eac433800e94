//! Routes: which lead nowhere, which destinations nobody is sent to, and which levels of alerts reach nobody.

use std::collections::{BTreeMap, BTreeSet};

use super::exports::counted;
use super::finding::{Area, Finding};
use crate::config::{NotifyConfiguration, RouteChoice};
use crate::rules::{Level, Pack, Question, Route, Rule};

/// So many rules are named where alerts of them reach nobody.
const MOST_NAMED: usize = 5;

/// The gravest that the watcher itself has to say.
const GRAVEST_NOTICE: Level = Level::High;

/// Looks at who is told what of the alerts of a pack.
#[must_use]
pub fn look_at_routes(notify: &NotifyConfiguration, pack: &Pack) -> Vec<Finding> {
    if notify.destinations.is_empty() {
        let to_do = "Say under notify.destinations in the configuration where messages go, and publish. If the template \
                     makes the destinations, set IMMUTA_WATCH_TOPIC and IMMUTA_WATCH_SLACK_URL_FROM here as it does, and they \
                     are looked at, too.";
        return vec![Finding::warning(
            Area::Destinations,
            "destinations",
            "none, so that nobody is told of anything",
            to_do,
        )];
    }
    let mut found: Vec<Finding> =
        (1..).zip(&notify.routes).filter_map(|(number, choice)| leads_nowhere(number, choice, notify, pack)).collect();
    found.extend(without_a_route(notify));
    found.extend(unheard(notify, pack));
    if found.is_empty() {
        let routes = match notify.routes.len() {
            0 => "no routes, so that every destination is told everything that notifies".to_owned(),
            routes => format!("{}; every alert that notifies reaches somebody", counted(routes as u64, "route")),
        };
        found.push(Finding::ok(Area::Destinations, "routes", routes));
    }
    found
}

fn leads_nowhere(number: usize, choice: &RouteChoice, notify: &NotifyConfiguration, pack: &Pack) -> Option<Finding> {
    let about = format!("route {number}");
    let unknown: Vec<&str> =
        choice.to.iter().filter(|name| !notify.destinations.contains_key(*name)).map(String::as_str).collect();
    if unknown.len() == choice.to.len() {
        let what = if unknown.is_empty() {
            "it names no destination".to_owned()
        } else {
            format!("{} is not there", unknown.join(", "))
        };
        let to_do = "Name a destination under `to`. If the template makes it, set IMMUTA_WATCH_TOPIC and \
                     IMMUTA_WATCH_SLACK_URL_FROM here as it does.";
        return Some(Finding::warning(Area::Destinations, about, format!("it leads nowhere: {what}"), to_do));
    }
    let rules: Vec<&str> = choice.rules.iter().filter(|rule| !is_known(pack, rule)).map(String::as_str).collect();
    if !rules.is_empty() {
        let found = format!("the pack has no rule {}", rules.join(", "));
        return Some(Finding::warning(Area::Destinations, about, found, "Write a rule's name or id under `rules`."));
    }
    None
}

/// Routes name rules by name or id; a file's name is neither.
fn is_known(pack: &Pack, named: &str) -> bool {
    pack.rules().iter().any(|rule| rule.name == named || rule.id == named)
}

/// Destinations that no route leads to, where there are routes.
fn without_a_route(notify: &NotifyConfiguration) -> Vec<Finding> {
    if notify.routes.is_empty() {
        return Vec::new();
    }
    let named: BTreeSet<&String> = notify.routes.iter().flat_map(|choice| &choice.to).collect();
    let finding = |name: &String| {
        let to_do = "Name it under `to` of a route, or take it out.";
        Finding::warning(Area::Destinations, format!("route to {name}"), "no route leads to it", to_do)
    };
    notify.destinations.keys().filter(|name| !named.contains(name)).map(finding).collect()
}

/// Levels of which alerts that notify reach nobody, with the rules.
fn unheard(notify: &NotifyConfiguration, pack: &Pack) -> Vec<Finding> {
    let mut rules: BTreeMap<Level, Vec<&str>> = BTreeMap::new();
    for rule in pack.rules() {
        let names = [rule.id.as_str(), rule.name.as_str()];
        for level in levels_that_notify(rule) {
            if notify.destinations_of(level, rule.question, &names).next().is_none() {
                rules.entry(level).or_default().push(&rule.name);
            }
        }
    }
    let to_do =
        "Let a route of notify.routes fit them, if somebody is to be told; on the dashboard they stand in any case.";
    let finding = |(level, rules): (Level, Vec<&str>)| {
        let mut named = rules.iter().take(MOST_NAMED).copied().collect::<Vec<_>>().join(", ");
        if rules.len() > MOST_NAMED {
            named = format!("{named} and {} more", rules.len() - MOST_NAMED);
        }
        let found = format!("alerts of {} reach nobody: {named}", counted(rules.len() as u64, "rule"));
        Finding::warning(Area::Destinations, format!("level {level}"), found, to_do)
    };
    let mut found: Vec<Finding> = rules.into_iter().rev().map(finding).collect();
    if notify.destinations_of(GRAVEST_NOTICE, Question::Watcher, &[]).next().is_none() {
        let what = "what the watcher says of its own work (an export lost, none come) reaches nobody";
        let to_do = "Let a route of notify.routes fit the question `watcher` at the level high.";
        found.push(Finding::warning(Area::Destinations, "notices", what, to_do));
    }
    found
}

/// The levels at which alerts of a rule may interrupt somebody: with what raises it one by one, and all together.
fn levels_that_notify(rule: &Rule) -> BTreeSet<Level> {
    let raised = |(level, route): (Level, Route), raise: &crate::rules::Raise| {
        (level.max(raise.level.unwrap_or(level)), route.max(raise.route.unwrap_or(route)))
    };
    let base = (rule.level, rule.route);
    let one_by_one = rule.raises().map(|raise| raised(base, raise));
    let together = rule.raises().fold(base, raised);
    let may_be = one_by_one.chain([base, together]);
    may_be.filter(|(_, route)| *route > Route::Dashboard).map(|(level, _)| level).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::finding::{Verdict, worst};
    use super::*;
    use crate::config::Configuration;

    fn look(notify: &str) -> Vec<Finding> {
        let read = |_: &str| Err(std::io::ErrorKind::NotFound.into());
        let configuration = Configuration::parse(&format!("notify: {notify}"), &read).unwrap();
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules");
        let pack = Pack::load(&rules, &Configuration::default()).unwrap_or_else(|errors| panic!("{errors}"));
        look_at_routes(&configuration.notify, &pack)
    }

    const TWO: &str = "destinations: {a: {sns: {topic: 'arn:aws:sns:eu-west-1:1:a'}}, b: {sns: {topic: 'arn:aws:sns:eu-west-1:1:b'}}}";

    #[test]
    fn without_routes_everybody_is_told_and_without_destinations_nobody() {
        assert_eq!(worst(&look(&format!("{{{TWO}}}"))), Verdict::Ok);
        assert_eq!(worst(&look("{}")), Verdict::Warning);
    }

    #[test]
    fn what_leads_nowhere_and_what_nobody_hears_is_named() {
        let found = look(&format!(
            "{{{TWO}, routes: [{{to: [a], level: critical}}, {{to: [topic]}}, {{to: []}}, {{to: [a], rules: [no_such]}}]}}"
        ));
        let about: Vec<&str> = found.iter().map(|finding| finding.about.as_str()).collect();
        assert_eq!(&about[..4], ["route 2", "route 3", "route 4", "route to b"], "{found:?}");
        assert!(about.contains(&"level high") && !about.contains(&"level critical"), "{about:?}");
        assert_eq!(about.last(), Some(&"notices"));
        assert!(found.iter().all(|finding| finding.verdict == Verdict::Warning && finding.to_do.is_some()));
    }

    #[test]
    fn routes_that_fit_everything_are_well() {
        let found = look(&format!("{{{TWO}, routes: [{{to: [a]}}, {{to: [b], level: high}}]}}"));
        assert_eq!((found.len(), found[0].verdict), (1, Verdict::Ok), "{found:?}");
    }
}
