//! What is different between two bundles: rules, filters, lists, configuration.

use std::collections::{BTreeMap, BTreeSet};

use immuta_watch::config::Configuration;
use immuta_watch::lake::packs::{Bundle, BundleError};
use immuta_watch::rules::{Pack, Rule};
use serde_json::{Value, json};

use crate::terminal::{Cell, GREEN, RED, Table, YELLOW, harmless};

/// Every difference, by what it is of.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Changes(Vec<Change>);

/// One difference.
#[derive(Debug, PartialEq, Eq)]
struct Change {
    of: &'static str,
    what: What,
    name: String,
    details: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Added,
    Changed,
    Removed,
}

impl What {
    fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

const RULE: &str = "rule";
const FILTER: &str = "filter";
const LIST: &str = "list";
const CONFIGURATION: &str = "configuration";

impl Changes {
    /// Compares what was in force with what comes after it. Lists are compared as the rules see them, with what the
    /// configuration does to them.
    ///
    /// # Errors
    /// One of the bundles does not compile.
    pub(super) fn between(former: &Bundle, next: &Bundle) -> Result<Self, BundleError> {
        let (former, next) = (Side::of(former)?, Side::of(next)?);
        let rules = compare(&former.rules(), &next.rules(), RULE, |from, to| {
            rule_details(from, to, former.text(from), next.text(to))
        });
        let filters = compare(&former.filters(), &next.filters(), FILTER, |from, to| {
            if from == to { Vec::new() } else { vec!["its text".to_owned()] }
        });
        let lists = compare(&former.lists(), &next.lists(), LIST, |from, to| {
            let added = to.difference(from).map(|value| format!("+{value}"));
            let removed = from.difference(to).map(|value| format!("-{value}"));
            added.chain(removed).collect()
        });
        let configuration = compare(&former.settings(), &next.settings(), CONFIGURATION, |from, to| {
            if from == to { Vec::new() } else { vec![format!("{from} → {to}")] }
        });
        let named = |change: Change| match (change.of, &next.pack.rule(&change.name), &former.pack.rule(&change.name)) {
            (RULE, Some(rule), _) | (RULE, None, Some(rule)) => Change { name: rule.name.clone(), ..change },
            _ => change,
        };
        Ok(Self(rules.into_iter().map(named).chain(filters).chain(lists).chain(configuration).collect()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As rows of a table.
    pub(super) fn lines(&self) -> String {
        const LONGEST: usize = 200;
        let mut table = Table::new(&[]);
        for change in &self.0 {
            let style = match change.what {
                What::Added => GREEN,
                What::Changed => YELLOW,
                What::Removed => RED,
            };
            table.row(vec![
                Cell::styled(style, change.what.as_str()),
                Cell::plain(change.of),
                Cell::plain(harmless(&change.name, LONGEST)),
                Cell::plain(harmless(&change.details.join(", "), LONGEST)),
            ]);
        }
        table.lines()
    }

    pub(super) fn json(&self) -> Value {
        let one = |change: &Change| {
            json!({
                "of": change.of,
                "what": change.what.as_str(),
                "name": change.name,
                "details": change.details,
            })
        };
        self.0.iter().map(one).collect()
    }
}

/// What two maps do not have in common. Nothing to say about a change means that there is none.
fn compare<T>(
    former: &BTreeMap<String, T>,
    next: &BTreeMap<String, T>,
    of: &'static str,
    details: impl Fn(&T, &T) -> Vec<String>,
) -> Vec<Change> {
    let names: BTreeSet<&String> = former.keys().chain(next.keys()).collect();
    let one = |name: &String| {
        let (what, details) = match (former.get(name), next.get(name)) {
            (None, _) => (What::Added, Vec::new()),
            (_, None) => (What::Removed, Vec::new()),
            (Some(from), Some(to)) => (What::Changed, details(from, to)),
        };
        let is_none = what == What::Changed && details.is_empty();
        (!is_none).then(|| Change { of, what, name: name.clone(), details })
    };
    names.into_iter().filter_map(one).collect()
}

/// What is different about a rule. Whatever has no words of its own is "its text".
fn rule_details(from: &Rule, to: &Rule, former_text: Option<&String>, next_text: Option<&String>) -> Vec<String> {
    let facts = |rule: &Rule| {
        [("title", rule.title.clone()), ("level", rule.level.to_string()), ("route", rule.route.to_string())]
    };
    let mut details: Vec<String> = facts(from)
        .into_iter()
        .zip(facts(to))
        .filter(|(from, to)| from != to)
        .map(|((fact, from), (_, to))| format!("{fact} {from} → {to}"))
        .collect();
    if from.file != to.file {
        details.push(format!("file {} → {}", from.file, to.file));
    }
    if details.is_empty() && former_text != next_text {
        details.push("its text".to_owned());
    }
    details
}

/// One of the two bundles, ready to be looked at.
struct Side {
    texts: BTreeMap<String, String>,
    configuration: Configuration,
    pack: Pack,
}

impl Side {
    fn of(bundle: &Bundle) -> Result<Self, BundleError> {
        let (configuration, pack) = bundle.compile()?;
        let texts = bundle.pack_files().map(|file| (file.path, file.text)).collect();
        Ok(Self { texts, configuration, pack })
    }

    /// The rules by id, which a rule keeps when it is given another name.
    fn rules(&self) -> BTreeMap<String, &Rule> {
        self.pack.rules().iter().map(|rule| (rule.id.clone(), rule)).collect()
    }

    /// The text of the file that a rule stands in.
    fn text(&self, rule: &Rule) -> Option<&String> {
        self.texts.get(&rule.file)
    }

    /// The files that hold filters and no rule, by path.
    fn filters(&self) -> BTreeMap<String, &String> {
        let with_rules: BTreeSet<&String> = self.pack.rules().iter().map(|rule| &rule.file).collect();
        let is_filter = |path: &String| !with_rules.contains(path) && !path.starts_with("lists/");
        self.texts.iter().filter(|(path, _)| is_filter(path)).map(|(path, text)| (path.clone(), text)).collect()
    }

    fn lists(&self) -> BTreeMap<String, BTreeSet<String>> {
        let lists = self.pack.lists().values();
        lists.map(|list| (list.name.clone(), list.values.iter().cloned().collect())).collect()
    }

    /// Every setting by the path of its keys, but lists, which are compared as they are in the end.
    fn settings(&self) -> BTreeMap<String, String> {
        let mut settings = BTreeMap::new();
        let mut whole = serde_json::to_value(&self.configuration).unwrap_or_default();
        if let Value::Object(keys) = &mut whole {
            keys.remove("lists");
        }
        flatten("", &whole, &mut settings);
        flatten("notify", &serde_json::to_value(&self.configuration.notify).unwrap_or_default(), &mut settings);
        settings
    }
}

fn flatten(path: &str, value: &Value, settings: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(&path, value, settings);
            }
        }
        Value::Null => {}
        Value::Array(elements) if elements.is_empty() => {}
        Value::String(text) => drop(settings.insert(path.to_owned(), text.clone())),
        other => drop(settings.insert(path.to_owned(), other.to_string())),
    }
}
