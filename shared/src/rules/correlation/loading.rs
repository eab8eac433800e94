//! Loading correlations: each construct that is not supported is an error with its line.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use rsigma_parser::{Timespan, parse_condition, parse_sigma_yaml};
use serde_json::{Value, json};

use super::baseline;
use super::condition::{Aggregate, Comparison, Expression, Look, Predicates, Test};
use super::document::{CorrelationSection, CorrelationWatch};
use super::timeline::TimelineExample;
use super::{Correlation, CountedRule, GroupField, Role, key_field};
use crate::circumstances::Circumstance;
use crate::event::{Field, Service, fields};
use crate::rules::document::{Document, Part, stem};
use crate::rules::error::{Reporter, RuleError};
use crate::rules::examples::ExampleKind;
use crate::rules::folder::PackFile;
use crate::rules::loading::Loading;
use crate::rules::pack::Rule;
use crate::rules::settings::{EMPTY_RUNBOOK, checked_window, unknown_field};

/// The longest timespan, as that of alert windows: a late event makes all that lies within twice as much be looked at again.
const LONGEST: TimeDelta = TimeDelta::days(31);

/// What may have to be hashed or left out of the lake.
const QUERY_TEXT: &str = "auditPayload.queryText";

/// Our extension: a match of one rule, and none of another.
const ABSENCE: &str = "absence";

/// The types there are, for messages.
const TYPES: &str = "event_count, value_count, temporal, temporal_ordered, value_sum, value_avg, value_median, \
                     value_percentile, absence, unusual_count, unusual_hour, first_value or return";

/// A correlation that was read, while the rules that it counts may not have been.
pub(in crate::rules) struct PendingCorrelation {
    rule: Rule,
    /// Where messages about its rules point to
    line: u64,
    rules: Vec<String>,
    unless: Vec<String>,
    group_by: Vec<String>,
    aliases: BTreeMap<String, BTreeMap<String, String>>,
    timespan: TimeDelta,
    test: PendingTest,
    examples: Vec<TimelineExample>,
    generate: bool,
}

/// A test, while the positions of rules are not known.
enum PendingTest {
    Ready(Test),
    Together(Option<String>),
}

impl PendingTest {
    fn fields(&self) -> &[String] {
        match self {
            Self::Ready(test) => test.fields(),
            Self::Together(_) => &[],
        }
    }
}

impl PendingCorrelation {
    /// Reads a correlation, reporting what is wrong with it by itself.
    pub(in crate::rules) fn read(
        file: &PackFile,
        document: Document<CorrelationWatch>,
        part: Part<'_>,
        report: &mut Reporter<'_>,
    ) -> Option<Self> {
        let id = document.checked_id(report);
        document.check_status(report);
        document.check_name(&file.path, report);
        let id_line = part.first_line + document.id_line() - 1;
        let section = document.correlation?;
        let line = section.referenced.line();
        if document.detection.is_some() || document.filter.is_some() || document.logsource.is_some() {
            report.at(line, "a correlation has no detection, filter or logsource; those are its rules'");
        }
        let Some(level) = &document.level else {
            report.at(1, "there is no level; it is informational, low, medium, high or critical");
            return None;
        };
        let Some(watch) = document.watch else {
            let message = "there is no `watch:` attribute; it says question, route, window, runbook and examples";
            report.at(1, message);
            return None;
        };
        let watch = watch.value;
        if watch.runbook.is_empty() {
            report.near("runbook:", "watch:", EMPTY_RUNBOOK);
        }
        let window = checked_window(&watch.window, report);
        let examples = &watch.examples;
        if examples.value.positive.is_empty() || examples.value.negative.is_empty() {
            let message = "a correlation needs at least one positive and one negative time line; a near miss makes the best \
                           negative one";
            report.at(examples.referenced.line(), message);
        }
        let positive = examples.value.positive.iter().map(|example| (ExampleKind::Positive, example));
        let negative = examples.value.negative.iter().map(|example| (ExampleKind::Negative, example));
        let examples = positive.chain(negative);
        let examples = examples.map(|(kind, example)| TimelineExample::of(kind, example, part.first_line)).collect();
        let unless: Vec<String> = watch.unless.as_ref().map_or_else(Vec::new, |unless| unless.value.texts().to_vec());
        let section = section.value;
        if let Some(unless) = watch.unless.filter(|_| section.kind.value != "temporal_ordered") {
            report.at(unless.referenced.line(), "`unless` is for temporal_ordered: it breaks a chain of events");
        }
        let timespan = checked_timespan(&section, report)?;
        let test = checked_test(&section, timespan, report)?;
        if report.is_clean() {
            check_plain_sigma(&document.title.value, &section, report);
        }
        let group_by: Vec<String> = section.group_by.iter().flat_map(|by| by.value.texts().iter().cloned()).collect();
        let rule = Rule {
            id,
            service: Service::Audit,
            name: stem(&file.path).to_owned(),
            file: file.path.clone(),
            title: document.title.value.clone(),
            description: document.description.clone().unwrap_or_default().trim().to_owned(),
            role: Role::Counted, // until its rules are found
            level: level.value,
            route: watch.route,
            question: watch.question,
            alert_key: Vec::new(),
            window: window?,
            runbook: watch.runbook,
            falsepositives: document.falsepositives.clone(),
            controls: watch.controls,
            fields: Vec::new(),
            kinds: Vec::new(),
            is_counted: false,
            kept_fields: Vec::new(),
            lists: Vec::new(),
            words: Vec::new(),
            raises: Vec::new(),
            examples: Vec::new(),
            id_line,
        };
        Some(Self {
            rule,
            line: part.first_line + section.rules.referenced.line() - 1,
            rules: section.rules.value.texts().to_vec(),
            unless,
            group_by,
            aliases: section.aliases,
            timespan,
            test,
            examples,
            generate: section.generate || document.generate.is_some_and(|generate| generate.value),
        })
    }
}

fn checked_timespan(section: &CorrelationSection, report: &mut Reporter<'_>) -> Option<TimeDelta> {
    let text = &section.timespan;
    // Months and years have no one length.
    let is_exact = text.value.ends_with(['s', 'm', 'h', 'd', 'w']);
    let seconds = Timespan::parse(&text.value).ok().and_then(|span| i64::try_from(span.seconds).ok());
    let kind = section.kind.value.as_str();
    // One that there is none of is told of as such.
    let is_of_weeks = baseline::TYPES.contains(&kind) || !TYPES.split([',', ' ']).any(|known| known == kind);
    let longest = if is_of_weeks { baseline::LONGEST } else { LONGEST };
    let timespan = seconds
        .and_then(TimeDelta::try_seconds)
        .filter(|span| is_exact && *span > TimeDelta::zero() && *span <= longest);
    if timespan.is_none() {
        let most = if is_of_weeks { "26 weeks" } else { "31 days" };
        let message = format!(
            "{:?} is no timespan; write seconds, minutes, hours, days or weeks up to {most} (90s, 15m, 1h, 7d, 2w)",
            text.value
        );
        report.at(text.referenced.line(), message);
    }
    timespan
}

fn checked_test(section: &CorrelationSection, timespan: TimeDelta, report: &mut Reporter<'_>) -> Option<PendingTest> {
    let kind = section.kind.value.as_str();
    if let Some(look) = section.look.as_ref().filter(|_| kind != ABSENCE) {
        report.at(look.referenced.line(), "`look` is for the type absence");
    }
    let line = section.condition.as_ref().map_or(section.kind.referenced.line(), |found| found.referenced.line());
    let condition = section.condition.as_ref().map(|condition| &condition.value);
    match kind {
        "temporal" => match condition {
            None => Some(PendingTest::Together(None)),
            Some(Value::String(condition)) => Some(PendingTest::Together(Some(condition.clone()))),
            Some(_) => {
                report.at(
                    line,
                    "the condition of temporal names rules: `condition: a and b`; without one all must match",
                );
                None
            }
        },
        "temporal_ordered" | ABSENCE => {
            if condition.is_some() {
                report.at(line, format!("{kind} takes no condition: it is about all of its rules"));
                return None;
            }
            let look = section.look.as_ref().map_or(Look::After, |look| look.value);
            Some(PendingTest::Ready(if kind == ABSENCE { Test::Absent(look) } else { Test::InOrder }))
        }
        "event_count" | "value_count" | "value_sum" | "value_avg" | "value_median" | "value_percentile" => {
            counting(kind, condition, line, report).map(PendingTest::Ready)
        }
        _ if baseline::TYPES.contains(&kind) => {
            let baseline = baseline::read(kind, condition, timespan, line, report)?;
            let test = Test::Unusual(baseline);
            for name in test.fields() {
                check_field(name, line, report);
            }
            Some(PendingTest::Ready(test))
        }
        other => {
            report.at(section.kind.referenced.line(), format!("there is no type {other}; it is {TYPES}"));
            None
        }
    }
}

fn counting(kind: &str, condition: Option<&Value>, line: u64, report: &mut Reporter<'_>) -> Option<Test> {
    let Some(Value::Object(condition)) = condition else {
        report.at(line, format!("{kind} needs a condition, as in `condition: {{gte: 10}}`"));
        return None;
    };
    let (mut predicates, mut field, mut rank) = (Vec::new(), Vec::new(), None);
    for (key, value) in condition {
        let comparison = Comparison::ALL.into_iter().find(|(name, _)| name == key);
        match (comparison, key.as_str(), value) {
            (Some((_, comparison)), _, Value::Number(number)) if number.is_u64() => {
                predicates.push((comparison, number.as_f64().unwrap_or_default()));
            }
            (None, "field", Value::String(name)) => field.push(name.clone()),
            (None, "field", Value::Array(names)) if names.iter().all(Value::is_string) => {
                field.extend(names.iter().filter_map(|name| Some(name.as_str()?.to_owned())));
            }
            (None, "percentile", Value::Number(number)) if number.as_u64().is_some_and(|rank| rank <= 100) => {
                rank = number.as_f64();
            }
            _ => {
                let message = format!(
                    "{key} of the condition: it holds gte, gt, lte, lt, eq or neq with a whole number, field, and percentile (0 to 100)"
                );
                report.after(line, key, message);
            }
        }
    }
    if predicates.is_empty() {
        report.at(line, "the condition compares with nothing; write `gte: 10`");
    }
    for name in &field {
        check_field(name, line, report);
    }
    let takes = match kind {
        "event_count" => 0..=0,
        "value_count" => 1..=10,
        _ => 1..=1,
    };
    if !takes.contains(&field.len()) {
        let count = if kind == "event_count" { "takes no field" } else { "needs a field, as in `field: watch.object`" };
        report.at(line, format!("{kind} {count}"));
    }
    if rank.is_some() != (kind == "value_percentile") {
        report.at(line, "percentile stands with value_percentile, and nowhere else");
    }
    let holds = Predicates(predicates);
    let of = match kind {
        "event_count" => return Some(Test::Events(holds)),
        "value_count" => return Some(Test::Distinct { fields: field, holds }),
        "value_sum" => Aggregate::Sum,
        "value_avg" => Aggregate::Average,
        "value_median" => Aggregate::Percentile(50.0),
        _ => Aggregate::Percentile(rank?),
    };
    Some(Test::Number { field, of, holds })
}

/// A field that signals can carry: a fact of the record.
fn check_field(name: &str, line: u64, report: &mut Reporter<'_>) {
    if Circumstance::named(name).is_some() {
        let message = format!("{name} is what the configuration says, and no fact of an event: let a rule ask for it");
        report.after(line, name, message);
    } else if name == QUERY_TEXT {
        report.after(
            line,
            name,
            "the text of queries does not leave the ledger, where it may have to be hashed or left out",
        );
    } else if name.starts_with(fields::PREFIX) && Field::named(name).is_none() {
        report.after(line, name, unknown_field(name));
    }
}

/// What is taken here is Sigma to everybody else, too. Our extensions are not asked about.
fn check_plain_sigma(title: &str, section: &CorrelationSection, report: &mut Reporter<'_>) {
    let kind = section.kind.value.as_str();
    if kind == ABSENCE || baseline::TYPES.contains(&kind) {
        return;
    }
    let mut correlation =
        json!({ "type": kind, "rules": section.rules.value.texts(), "timespan": section.timespan.value });
    if let Some(by) = &section.group_by {
        correlation["group-by"] = json!(by.value.texts());
    }
    if let Some(condition) = &section.condition {
        correlation["condition"] = condition.value.clone();
    }
    let text = json!({ "title": title, "correlation": correlation }).to_string();
    let errors = match parse_sigma_yaml(&text) {
        Ok(collection) => collection.errors,
        Err(error) => vec![error.to_string()],
    };
    for error in errors {
        report.at(section.kind.referenced.line(), error);
    }
}

impl Loading<'_> {
    /// Puts the correlations behind the rules, once all of these are known.
    pub(in crate::rules) fn resolve_correlations(&mut self) {
        let mut errors = Vec::new();
        let pending = std::mem::take(&mut self.correlations);
        let correlations: Vec<[String; 2]> =
            pending.iter().map(|pending| [pending.rule.id.clone(), pending.rule.name.clone()]).collect();
        let mut counted: BTreeSet<String> = BTreeSet::new();
        for correlation in pending {
            match self.resolved(correlation, &correlations) {
                Ok(rule) => {
                    let of = rule.correlation().into_iter().flat_map(Correlation::all_rules);
                    counted.extend(of.map(|rule| rule.id.clone()));
                    self.keep_fields(&rule);
                    self.rules.push(rule);
                }
                Err(found) => errors.extend(found),
            }
        }
        for rule in self.rules.iter().filter(|rule| matches!(rule.role, Role::Counted) && !counted.contains(&rule.id)) {
            if errors.is_empty() && self.errors.is_empty() {
                let message = "nobody is told of this rule, and no correlation counts it; give it a level and the whole of \
                               `watch:`, or name it in a correlation";
                errors.push(RuleError {
                    file: rule.file.clone(),
                    line: Some(rule.id_line),
                    message: message.to_owned(),
                });
            }
        }
        self.errors.extend(errors);
    }

    /// `correlations` are the ids and names of all of them.
    fn resolved(&self, pending: PendingCorrelation, correlations: &[[String; 2]]) -> Result<Rule, Vec<RuleError>> {
        let PendingCorrelation { mut rule, line, rules, unless, group_by, aliases, timespan, test, examples, generate } =
            pending;
        let mut errors = Vec::new();
        let mut wrong = |message: String| errors.push(RuleError { file: rule.file.clone(), line: Some(line), message });
        let is_absence = matches!(test, PendingTest::Ready(Test::Absent(_)));
        if rules.is_empty() || (is_absence && rules.len() < 2) {
            wrong(
                "a correlation names the rules that it counts; an absence names what happens, and what should"
                    .to_owned(),
            );
        }
        let mut find = |named: &String| {
            if correlations.iter().any(|known| known.contains(named)) {
                wrong(format!("{named} is a correlation itself; one counts what rules match"));
                return None;
            }
            let found = self.rules.iter().find(|rule| rule.id == *named || rule.name == *named);
            let Some(found) = found else {
                wrong(format!("there is no rule {named}; rules are named by the name of their file, or by id"));
                return None;
            };
            if found.service != Service::Audit {
                wrong(format!("{named} is about webhooks; correlations count what the audit log says"));
            }
            match (&found.role, generate) {
                (Role::Alerts, false) => wrong(format!(
                    "{named} alerts by itself, and a correlation without `generate: true` silences it, as Sigma has it; say \
                     `generate: true`, or take level and all of `watch:` but the examples out of {named}"
                )),
                (Role::Counted, true) => {
                    wrong(format!("{named} does not alert by itself, so `generate: true` says nothing"));
                }
                _ => {}
            }
            Some(CountedRule { id: found.id.clone(), name: found.name.clone(), title: found.title.clone() })
        };
        let counted: Vec<CountedRule> = rules.iter().filter_map(&mut find).collect();
        let unless: Vec<CountedRule> = unless.iter().filter_map(&mut find).collect();
        let all: Vec<&CountedRule> = counted.iter().chain(&unless).collect();
        for (index, rule) in all.iter().enumerate() {
            if all[..index].contains(rule) {
                wrong(format!("{} is named twice: one match of it would be two", rule.name));
            }
        }
        for alias in aliases.keys().filter(|alias| !group_by.contains(alias)) {
            wrong(format!("the alias {alias} is not used: group-by does not name it"));
        }
        // What goes on from one alert window to the next is told once; in short windows that would hide what comes new.
        let counts_up = matches!(&test, PendingTest::Ready(test) if test.is_of_a_number());
        if counts_up && timespan > rule.window.length() {
            wrong(
                "the alert window (`watch.window`) is shorter than the timespan: make it as long at least".to_owned(),
            );
        }
        if matches!(test, PendingTest::Ready(Test::Unusual(_))) && rule.window.length() != TimeDelta::days(1) {
            wrong("days are compared, so the alert window (`watch.window`) is `1d`".to_owned());
        }
        if let Some(same) = group_by.iter().find(|name| test.fields().contains(name)) {
            wrong(format!("{same} is what events have in common, so there is nothing to see of its values"));
        }
        let named = |name: &str| all.iter().position(|rule| rule.name == name || rule.id == name);
        let group_by = group_by.into_iter().map(|name| group_field(name, &aliases, &all, &mut wrong)).collect();
        for (alias, of) in &aliases {
            for rule in of.keys().filter(|rule| named(rule).is_none()) {
                wrong(format!("the alias {alias} is about {rule}, which the correlation does not count"));
            }
        }
        let position = |name: &str| counted.iter().position(|rule| rule.name == name || rule.id == name);
        let test = match test {
            PendingTest::Ready(test) => Ok(test),
            PendingTest::Together(None) => {
                Ok(Test::Together(Expression::All((0..counted.len()).map(Expression::Rule).collect())))
            }
            PendingTest::Together(Some(condition)) => parse_condition(&condition)
                .map_err(|error| error.to_string())
                .and_then(|parsed| {
                    Expression::of(&parsed, &position)
                        .map_err(|unknown| format!("the condition speaks of {unknown}, which is none of its rules"))
                })
                .map(Test::Together),
        };
        let test = match test {
            Ok(test) => test,
            Err(message) => {
                wrong(message);
                return Err(errors);
            }
        };
        if !errors.is_empty() {
            return Err(errors);
        }
        let correlation = Correlation { rules: counted, unless, group_by, timespan, test, examples };
        rule.fields = (0..correlation.all_rules().count())
            .flat_map(|position| correlation.fields_of(position).map(str::to_owned).collect::<Vec<_>>())
            .collect();
        rule.fields.sort();
        rule.fields.dedup();
        rule.alert_key = correlation.group_by.iter().map(|group| key_field(&group.name)).collect();
        rule.role = Role::Correlates(Box::new(correlation));
        Ok(rule)
    }

    /// Lets the rules that a correlation counts keep what it asks of their matches.
    fn keep_fields(&mut self, correlation: &Rule) {
        let Some(counts) = correlation.correlation() else { return };
        for (position, counted) in counts.all_rules().enumerate() {
            let Some(rule) = self.rules.iter_mut().find(|rule| rule.id == counted.id) else { continue };
            rule.is_counted = true;
            for field in counts.fields_of(position).map(key_field) {
                if !rule.kept_fields.contains(&field) {
                    rule.kept_fields.push(field);
                }
            }
        }
    }
}

/// What events have in common, for each rule; an alias may name another field for each.
fn group_field(
    name: String,
    aliases: &BTreeMap<String, BTreeMap<String, String>>,
    rules: &[&CountedRule],
    wrong: &mut impl FnMut(String),
) -> GroupField {
    let mut check = |field: &str| {
        if Circumstance::named(field).is_some() {
            wrong(format!("{field} is what the configuration says, and nothing that events have in common"));
        } else if field == QUERY_TEXT {
            wrong(format!("{field} is nothing that queries have in common, and does not leave the ledger"));
        } else if field.starts_with(fields::PREFIX) && Field::named(field).is_none() {
            wrong(unknown_field(field));
        }
    };
    let Some(alias) = aliases.get(&name) else {
        check(&name);
        return GroupField { fields: vec![name.clone(); rules.len()], name };
    };
    let mut fields = Vec::new();
    let mut missing = Vec::new();
    for rule in rules {
        match alias.get(&rule.name).or_else(|| alias.get(&rule.id)) {
            Some(field) => {
                check(field);
                fields.push(field.clone());
            }
            None => missing.push(rule.name.as_str()),
        }
    }
    if !missing.is_empty() {
        wrong(format!("the alias {name} names no field of {}", missing.join(", ")));
    }
    GroupField { name, fields }
}
