//! What the pack's correlations make of all records of a tenant, in the plainest words: every window is looked at anew.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::judge::{carried, entry, is_sensitive, put_on, texts};
use super::kind;
use super::tenant::{Tenant, happened};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// How late an event may arrive.
const LATENESS: i64 = 48 * HOUR;

/// What a correlation asks of the events of one group.
enum Asks {
    /// So many.
    Many(usize),
    /// So many values of the field.
    Values(&'static str, usize),
    /// One of each rule, in any order.
    Each,
    /// One of each rule in this order, and none of the last rule, which is no part of it, between the first and the last.
    Order(Option<&'static str>),
    /// The first rule, and none of the others behind it, or on either side of it.
    Missing { before: bool },
}

struct Correlation {
    name: &'static str,
    rules: &'static [&'static str],
    by: &'static [&'static str],
    within: i64,
    asks: Asks,
}

const fn correlation(
    name: &'static str,
    rules: &'static [&'static str],
    by: &'static [&'static str],
    within: i64,
    asks: Asks,
) -> Correlation {
    Correlation { name, rules, by, within, asks }
}

const CORRELATIONS: [Correlation; 15] = [
    correlation("sensitive_query_spike", &["sensitive_query"], &["watch.actor"], HOUR, Asks::Many(100)),
    correlation("denied_queries_by_person", &["query_denied"], &["watch.actor"], HOUR, Asks::Many(15)),
    correlation(
        "denied_queries_on_object",
        &["query_denied"],
        &["watch.object_id"],
        HOUR,
        Asks::Values("watch.actor", 5),
    ),
    correlation("impersonation_volume", &["query_impersonated"], &["watch.impersonated_by"], HOUR, Asks::Many(30)),
    correlation("mass_subscription_changes", &["subscription_changed"], &["watch.actor"], HOUR, Asks::Many(50)),
    correlation("permission_granted_and_used", &["strong_granted", "used"], &["person"], HOUR, Asks::Order(None)),
    correlation(
        "sensitive_tag_stripped_and_restored",
        &["sensitive_removed", "read", "sensitive_put_on"],
        &["watch.object_id"],
        DAY,
        Asks::Order(None),
    ),
    correlation(
        "new_sensitive_data_queried",
        &["new_sensitive", "read"],
        &["watch.object_id"],
        7 * DAY,
        Asks::Order(Some("new_removed")),
    ),
    correlation("self_approval", &["requested", "approved"], &["watch.actor", "watch.object_id"], 7 * DAY, Asks::Each),
    correlation(
        "governance_with_user_admin",
        &["governance", "user_admin"],
        &["watch.subject_id"],
        31 * DAY,
        Asks::Each,
    ),
    correlation(
        "new_and_sensitive_apart",
        &["only_new_put_on", "only_sensitive_put_on"],
        &["watch.object_id", "watch.column"],
        DAY,
        Asks::Each,
    ),
    correlation(
        "sensitive_tag_not_restored",
        &["sensitive_removed", "sensitive_put_on"],
        &["watch.object_id", "watch.tag"],
        DAY,
        Asks::Missing { before: false },
    ),
    correlation(
        "granted_without_request",
        &["granted", "approved"],
        &["watch.subject_id", "watch.object_id"],
        7 * DAY,
        Asks::Missing { before: true },
    ),
    correlation(
        "policy_deleted_not_replaced",
        &["policy_deleted", "policy_made"],
        &["watch.policy"],
        DAY,
        Asks::Missing { before: false },
    ),
    correlation(
        "data_source_never_classified",
        &["registered", "classified"],
        &["watch.object_id"],
        7 * DAY,
        Asks::Missing { before: false },
    ),
];

/// An event, as one rule sees it.
struct Signal {
    at: i64,
    /// Its id, or all of it where it has none.
    id: String,
    rule: &'static str,
    fields: BTreeMap<&'static str, Vec<String>>,
}

/// A correlation that holds: its name, its group, and the ids of the events that make it hold.
pub(crate) type Held = (String, BTreeMap<String, String>, BTreeSet<String>);

/// Every correlation that holds in a tenant whose log ends at `end`, those whose windows overlap as one.
pub(crate) fn held(tenant: &Tenant, end: i64) -> Vec<Held> {
    let mut known = BTreeSet::new();
    let mut signals = Vec::new();
    for record in &tenant.records {
        let mut canonical = record.clone();
        canonical.as_object_mut().unwrap().remove("receivedTimestamp");
        let canonical = canonical.to_string();
        // An event that comes twice is one event.
        if known.insert(canonical.clone()) {
            // Several records of one query may share an id, and are several events.
            let id = record["id"].as_str().map_or(canonical, str::to_owned);
            let (at, fields) = (happened(record), fields(record));
            signals.extend(rules(record).into_iter().map(|rule| Signal {
                at,
                id: id.clone(),
                rule,
                fields: fields.clone(),
            }));
        }
    }
    signals.sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
    let mut all = Vec::new();
    for correlation in &CORRELATIONS {
        for (group, signals) in groups(correlation, &signals) {
            let windows = match correlation.asks {
                Asks::Many(least) => dense(&signals, correlation.within, |window| window.len() >= least),
                Asks::Values(field, least) => dense(&signals, correlation.within, |window| {
                    window.iter().flat_map(|signal| &signal.fields[field]).collect::<BTreeSet<_>>().len() >= least
                }),
                Asks::Each => each(&signals, correlation),
                Asks::Order(unless) => in_order(&signals, correlation, unless),
                Asks::Missing { before } => missing(&signals, correlation, before, end),
            };
            for events in joined(windows) {
                all.push((correlation.name.to_owned(), group.clone(), events));
            }
        }
    }
    all.sort();
    all
}

/// The signals of a correlation's rules by the values that they share; none that lacks one.
fn groups<'a>(correlation: &Correlation, signals: &'a [Signal]) -> BTreeMap<BTreeMap<String, String>, Vec<&'a Signal>> {
    let unless = if let Asks::Order(unless) = correlation.asks { unless } else { None };
    let mut groups: BTreeMap<_, Vec<&Signal>> = BTreeMap::new();
    for signal in signals {
        if !correlation.rules.contains(&signal.rule) && Some(signal.rule) != unless {
            continue;
        }
        let mut keys = vec![BTreeMap::new()];
        for field in correlation.by {
            // Whoever was granted it is the one who uses it.
            let from = match *field {
                "person" if signal.rule == "strong_granted" => "watch.subject_id",
                "person" => "watch.actor",
                other => other,
            };
            let values = signal.fields.get(from).map(Vec::as_slice).unwrap_or_default();
            keys = keys
                .iter()
                .flat_map(|key: &BTreeMap<String, String>| {
                    values.iter().map(|value| {
                        let mut key = key.clone();
                        key.insert((*field).to_owned(), value.clone());
                        key
                    })
                })
                .collect();
        }
        for key in keys {
            groups.entry(key).or_default().push(signal);
        }
    }
    groups
}

type Windows = Vec<BTreeSet<String>>;

fn ids<'a>(signals: impl IntoIterator<Item = &'a &'a Signal>) -> BTreeSet<String> {
    signals.into_iter().map(|signal| signal.id.clone()).collect()
}

fn dense(signals: &[&Signal], within: i64, enough: impl Fn(&[&Signal]) -> bool) -> Windows {
    let mut windows = Vec::new();
    for (first, signal) in signals.iter().enumerate() {
        let many = signals[first..].iter().take_while(|other| other.at <= signal.at + within).count();
        let window = &signals[first..first + many];
        if enough(window) {
            windows.push(ids(window));
        }
    }
    windows
}

fn each(signals: &[&Signal], correlation: &Correlation) -> Windows {
    let of = |rule| signals.iter().filter(move |signal| signal.rule == rule);
    let mut windows = Vec::new();
    for one in of(correlation.rules[0]) {
        for other in of(correlation.rules[1]) {
            if one.id != other.id && (one.at - other.at).abs() <= correlation.within {
                windows.push(ids([one, other]));
            }
        }
    }
    windows
}

fn in_order(signals: &[&Signal], correlation: &Correlation, unless: Option<&str>) -> Windows {
    let of = |rule| signals.iter().filter(move |signal| signal.rule == rule);
    let mut chains: Vec<Vec<&&Signal>> = of(correlation.rules[0]).map(|signal| vec![signal]).collect();
    for rule in &correlation.rules[1..] {
        chains = chains
            .iter()
            .flat_map(|chain| {
                let (first, last) = (chain[0].at, chain[chain.len() - 1].at);
                of(*rule).filter(move |next| next.at > last && next.at <= first + correlation.within).map(|next| {
                    let mut chain = chain.clone();
                    chain.push(next);
                    chain
                })
            })
            .collect();
    }
    chains.retain(|chain| {
        let between = chain[0].at..=chain[chain.len() - 1].at;
        !signals.iter().any(|signal| Some(signal.rule) == unless && between.contains(&signal.at))
    });
    chains.into_iter().map(ids).collect()
}

fn missing(signals: &[&Signal], correlation: &Correlation, before: bool, end: i64) -> Windows {
    let there = |signal: &&&Signal| {
        let from = if before { signal.at - correlation.within } else { signal.at };
        let span = from..=signal.at + correlation.within;
        signals.iter().any(|other| correlation.rules[1..].contains(&other.rule) && span.contains(&other.at))
    };
    signals
        .iter()
        .filter(|signal| signal.rule == correlation.rules[0] && signal.at + correlation.within + LATENESS <= end)
        .filter(|signal| !there(signal))
        .map(|signal| ids([signal]))
        .collect()
}

/// Windows that share an event are one.
fn joined(windows: Windows) -> Windows {
    let mut all: Windows = Vec::new();
    for window in windows {
        let (touching, mut apart): (Windows, Windows) = all.into_iter().partition(|other| !other.is_disjoint(&window));
        apart.push(touching.into_iter().fold(window, |sum, other| &sum | &other));
        all = apart;
    }
    all
}

fn is_person(record: &Value) -> bool {
    let actor = record["actor"]["id"].as_str().unwrap();
    record["actor"]["type"] == "USER_ACTOR" && !actor.starts_with("svc-") && actor != "okta-scim"
}

/// Changes that take a high-risk permission.
fn is_governance(kind: &str) -> bool {
    let heads = ["GlobalPolicy", "Tag", "Attribute", "Permission", "User", "SDDClassifier", "Purpose", "Domain"];
    let no_change = ["UserAuthenticated", "UserLogout"];
    (heads.iter().any(|head| kind.starts_with(head)) || kind == "ConfigurationUpdated") && !no_change.contains(&kind)
}

/// The names of the base rules that hold for a record.
pub(crate) fn rules(record: &Value) -> Vec<&'static str> {
    let (kind, payload) = (kind(record), &record["auditPayload"]);
    let mut rules = Vec::new();
    let mut note = |holds: bool, rule| rules.extend(holds.then_some(rule));
    if kind == "Query" {
        let (status, actor) = (record["actionStatus"].as_str().unwrap(), &record["actor"]);
        let ran = !["UNAUTHORIZED", "FAILURE"].contains(&status);
        let score = payload["securityProfile"]["sensitivity"]["score"].as_str().unwrap_or_default();
        let sensitive = ["SENSITIVE", "HIGHLY_SENSITIVE"].contains(&&*score.to_uppercase().replace(' ', "_"));
        let impersonated = actor["impersonatedBy"].is_object();
        note(ran && sensitive && !impersonated && actor["type"] != "unknown", "sensitive_query");
        note(status == "UNAUTHORIZED", "query_denied");
        note(ran && impersonated, "query_impersonated");
        note(ran, "read");
        return rules;
    }
    let strong = ["APPLICATION_ADMIN", "USER_ADMIN", "GOVERNANCE", "AUDIT"];
    let named = if kind == "PermissionApplied" { texts(payload) } else { Vec::new() };
    let has = |permission: &str| named.iter().any(|text| text == permission);
    let high = strong.iter().any(|one| has(one)) || named.iter().any(|text| text.starts_with("IMPERSONATE_"));
    note(high, "strong_granted");
    note(has("GOVERNANCE"), "governance");
    note(has("USER_ADMIN"), "user_admin");
    note(is_person(record) && is_governance(kind), "used");

    let (put, carries) = (put_on(payload), carried(record));
    let new = |tags: &[String]| tags.iter().any(|tag| tag == "New");
    let sensitive = |tags: &[String]| tags.iter().any(|tag| is_sensitive(tag));
    let tagged = ["TagApplied", "SDDDatasourceTagUpdated"].contains(&kind);
    let both =
        (new(&put) || sensitive(&put)) && (new(&put) || new(&carries)) && (sensitive(&put) || sensitive(&carries));
    note(tagged && both, "new_sensitive");
    note(tagged && sensitive(&put), "sensitive_put_on");
    note(tagged && new(&put) && !both, "only_new_put_on");
    note(tagged && sensitive(&put) && !both, "only_sensitive_put_on");
    note(kind == "TagRemoved" && sensitive(&put), "sensitive_removed");
    note(kind == "TagRemoved" && new(&put), "new_removed");
    note(tagged, "classified");

    note(is_person(record) && kind.starts_with("Subscription") && !kind.contains("Request"), "subscription_changed");
    note(is_person(record) && kind == "SubscriptionCreated", "granted");
    note(kind == "SubscriptionRequested", "requested");
    note(kind == "SubscriptionRequestApproved", "approved");
    note(kind == "GlobalPolicyDeleted", "policy_deleted");
    note(kind == "GlobalPolicyCreated", "policy_made");
    note(kind == "DatasourceCreated", "registered");
    rules
}

/// The values of the fields that correlations group by and count.
pub(crate) fn fields(record: &Value) -> BTreeMap<&'static str, Vec<String>> {
    let payload = &record["auditPayload"];
    let mut fields: BTreeMap<_, Vec<String>> = BTreeMap::new();
    let mut note = |field, value: Option<&str>| {
        fields.entry(field).or_default().extend(value.map(str::to_owned));
    };
    let actor = &record["actor"];
    let login = payload["technologyContext"]["account"]["username"].as_str();
    note("watch.actor", if actor["id"] == "unknown" { login } else { actor["id"].as_str() });
    note("watch.impersonated_by", actor["impersonatedBy"]["name"].as_str());
    note("watch.subject_id", entry(record, "USER"));
    note("watch.object_id", entry(record, "DATASOURCE"));
    let name = |what| {
        let places = [&record["targets"], &record["relatedResources"]];
        let mut entries = places.into_iter().filter_map(Value::as_array).flatten();
        entries.find(|entry| entry["type"] == what)?["name"].as_str()
    };
    let column = &payload["column"];
    note("watch.column", column.as_str().or(column["name"].as_str()).or(name("COLUMN")));
    note("watch.policy", name("GLOBAL_POLICY"));
    for tag in put_on(payload) {
        note("watch.tag", Some(&tag));
    }
    fields
}
