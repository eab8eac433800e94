//! Loading documents: what a file says becomes rules and filters, or errors with their lines.

use std::collections::HashMap;

use rsigma_eval::compile_rule;
use rsigma_parser::{
    Detection, Detections, FilterRuleTarget, SigmaCollection, SigmaRule, SigmaValue, parse_sigma_yaml,
};
use serde_json::json;

use super::document::{Document, Part, Status};
use super::error::{Reporter, RuleError};
use super::examples::Example;
use super::folder::PackFile;
use super::lists::{self, ListUses, Lists};
use super::pack::{CompiledRaise, Rule};
use super::settings::{Raise, RaiseAttribute, unknown_field};
use crate::event::{Field, fields, kind};

/// What has been read so far.
pub(super) struct Loading<'l> {
    lists: &'l Lists,
    pub(super) rules: Vec<Rule>,
    /// What the engine compiles, in the same order
    pub(super) sigma: SigmaCollection,
    /// File and line of each filter
    filter_places: Vec<(String, u64)>,
    pub(super) errors: Vec<RuleError>,
}

impl<'l> Loading<'l> {
    pub(super) fn with(lists: &'l Lists) -> Self {
        let (rules, filter_places, errors) = (Vec::new(), Vec::new(), Vec::new());
        Self { lists, rules, sigma: SigmaCollection::new(), filter_places, errors }
    }

    /// Takes one document in.
    pub(super) fn document(&mut self, file: &PackFile, part: Part<'_>) {
        let mut report = Reporter::new(&file.path, part.first_line, part.text);
        if let Some(document) = Document::read(part, &mut report)
            && report.is_clean()
        {
            if document.filter.is_some() {
                self.filter(file, &document, part, &mut report);
            } else {
                self.rule(file, &document, part, &mut report);
            }
        }
        self.errors.extend(report.into_errors());
    }

    fn rule(&mut self, file: &PackFile, document: &Document, part: Part<'_>, report: &mut Reporter<'_>) {
        document.check_log_source(report);
        let Some(detection) = &document.detection else {
            return report.at(1, "there is no detection");
        };
        let detection_line = detection.referenced.line();
        if let Some(timeframe) = detection.value.get("timeframe") {
            let message = format!("timeframe ({timeframe}) is not supported: a rule is about single events");
            report.near("timeframe", "detection:", message);
        }
        let Some(watch) = &document.watch else {
            return report.at(
                1,
                "there is no `watch:` attribute; it says question, route, alert_key, window, runbook and examples",
            );
        };
        let watch = &watch.value;
        watch.check_texts(report);
        let window = watch.checked_window(report);
        let alert_key = watch.checked_alert_key(report);
        let id = document.id.as_ref().map(|id| id.value.clone()).unwrap_or_default();
        if !is_uuid(&id) {
            let line = document.id.as_ref().map_or(1, |id| id.referenced.line());
            report.at(line, "a rule needs an id: a UUID such as `uuidgen` prints, lower case");
        }
        if matches!(document.status, None | Some(Status::Deprecated | Status::Unsupported)) {
            let message =
                "the status is stable, test or experimental; take a rule that is none of these out of the pack";
            report.near("status:", "title:", message);
        }
        let Some(level) = &document.level else {
            return report.at(1, "there is no level; it is informational, low, medium, high or critical");
        };
        let Some((mut sigma, uses)) = self.sigma_rule(part, detection_line, document, report) else { return };
        let raises: Vec<CompiledRaise> = watch.raise.iter().filter_map(|entry| self.raise(entry, report)).collect();
        let (Some(window), true) = (window, report.is_clean()) else { return };
        let mut fields = Vec::new();
        let mut kinds = Vec::new();
        collect_fields(&sigma.detection, &mut fields, &mut kinds);
        fields.extend(raises.iter().flat_map(|raise| raise.fields.clone()));
        fields.sort();
        fields.dedup();
        let name = file.path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map_or("", |(stem, _)| stem);
        let examples = Example::all(&watch.examples.value, part.first_line);
        sigma.custom_attributes.clear();
        self.sigma.rules.push(sigma);
        self.rules.push(Rule {
            id,
            name: name.to_owned(),
            file: file.path.clone(),
            title: document.title.value.clone(),
            description: document.description.clone().unwrap_or_default().trim().to_owned(),
            level: level.value,
            route: watch.route,
            question: watch.question,
            alert_key,
            window,
            runbook: watch.runbook.clone(),
            falsepositives: document.falsepositives.clone(),
            controls: watch.controls.clone(),
            fields,
            kinds,
            lists: uses,
            raises,
            examples,
            id_line: part.first_line + document.id.as_ref().map_or(1, |id| id.referenced.line()) - 1,
        });
    }

    fn raise(&self, entry: &RaiseAttribute, report: &mut Reporter<'_>) -> Option<CompiledRaise> {
        let line = entry.when.referenced.line();
        let when = &entry.when.value;
        let detection = match when.get("condition") {
            Some(_) => when.clone(),
            None => json!({ "when": when, "condition": "when" }),
        };
        let document = json!({
            "title": "raise",
            "logsource": { "product": "immuta" },
            "detection": detection,
        });
        // JSON is YAML, so what was read from the file goes back to the Sigma parser without a second YAML writer.
        let mut rule = parse_one(&document.to_string(), line, "raise:", report)?;
        let lists = self.expand(&mut rule.detection, line, report)?;
        match compile_rule(&rule) {
            Ok(condition) => {
                let mut fields = Vec::new();
                collect_fields(&rule.detection, &mut fields, &mut Vec::new());
                let raise = Raise { level: entry.level, route: entry.route, because: entry.because.trim().to_owned() };
                Some(CompiledRaise { raise, condition, lists, fields })
            }
            Err(error) => {
                report.at(line, error.to_string());
                None
            }
        }
    }

    fn sigma_rule(
        &self,
        part: Part<'_>,
        line: u64,
        document: &Document,
        report: &mut Reporter<'_>,
    ) -> Option<(SigmaRule, ListUses)> {
        if let Some(version) = &document.sigma_version {
            report.near("sigma-version", "title:", format!("sigma-version {version} is not supported; leave it out"));
        }
        let mut rule = parse_one(part.text, line, "detection:", report)?;
        let uses = self.expand(&mut rule.detection, line, report)?;
        if let Err(error) = compile_rule(&rule) {
            let message = error.to_string();
            let token = message.rsplit(": ").next().unwrap_or_default().to_owned();
            report.near(&token, "detection:", message);
            return None;
        }
        Some((rule, uses))
    }

    /// Replaces the placeholders, and checks the names of the fields on the way.
    fn expand(&self, detections: &mut Detections, line: u64, report: &mut Reporter<'_>) -> Option<ListUses> {
        let mut names = Vec::new();
        collect_fields(detections, &mut names, &mut Vec::new());
        let mut clean = true;
        for name in names {
            let message = if name.starts_with(fields::PREFIX) && Field::named(&name).is_none() {
                unknown_field(&name)
            } else if name.contains(['[', ']']) {
                let name = name.replace('\\', ""); // as the engine escapes them
                format!("{name}: brackets are not supported; a path follows every element of an array by itself")
            } else {
                continue;
            };
            clean = false;
            report.near(&name.replace('\\', ""), "detection:", message);
        }
        match lists::expand(detections, self.lists) {
            Ok(uses) => clean.then_some(uses),
            Err(errors) => {
                for (token, message) in errors {
                    if token.is_empty() {
                        report.at(line, message);
                    } else {
                        report.near(&token, "detection:", message);
                    }
                }
                None
            }
        }
    }

    fn filter(&mut self, file: &PackFile, document: &Document, part: Part<'_>, report: &mut Reporter<'_>) {
        document.check_log_source(report);
        let Some(target) = &document.filter else { return };
        let line = target.referenced.line();
        if target.value.rules.is_none() {
            report.at(line, "a filter names its rules: `rules: any`, or a list of their ids");
        }
        let collection = match parse_sigma_yaml(part.text) {
            Ok(collection) => collection,
            Err(error) => return report.at(line, error.to_string()),
        };
        for error in &collection.errors {
            report.near(quoted(error), "filter:", error);
        }
        for mut filter in collection.filters {
            if self.expand(&mut filter.detection, line, report).is_some() && report.is_clean() {
                self.sigma.filters.push(filter);
                self.filter_places.push((file.path.clone(), part.first_line + line - 1));
            }
        }
    }

    /// Every rule has its own id.
    pub(super) fn check_ids(&mut self) {
        let mut seen: HashMap<&str, &str> = HashMap::new();
        for rule in &self.rules {
            if let Some(first) = seen.insert(&rule.id, &rule.file) {
                let message = format!("the id {} is already that of {first}; every rule has its own", rule.id);
                self.errors.push(RuleError { file: rule.file.clone(), line: Some(rule.id_line), message });
            }
        }
    }

    /// A filter that names a rule that does not exist would silently filter nothing.
    pub(super) fn check_filters(&mut self) {
        if !self.errors.is_empty() {
            return;
        }
        for (filter, (file, line)) in self.sigma.filters.iter().zip(&self.filter_places) {
            let FilterRuleTarget::Specific(targets) = &filter.rules else { continue };
            for target in targets {
                if !self.rules.iter().any(|rule| rule.id == *target || rule.title == *target) {
                    let message =
                        format!("the filter {:?} is about {target:?}, which no rule has for id or title", filter.title);
                    self.errors.push(RuleError { file: file.clone(), line: Some(*line), message });
                }
            }
        }
    }
}

/// Parses a text that holds one rule, reporting what the Sigma parser finds.
fn parse_one(text: &str, line: u64, key: &str, report: &mut Reporter<'_>) -> Option<SigmaRule> {
    let mut collection = match parse_sigma_yaml(text) {
        Ok(collection) => collection,
        Err(error) => {
            report.at(line, error.to_string());
            return None;
        }
    };
    for error in &collection.errors {
        let first_line = error.lines().next().unwrap_or_default().trim_end_matches(':');
        let message = if error.lines().count() > 1 {
            let last = error.lines().last().unwrap_or_default().trim_start_matches([' ', '=']);
            format!("{}: {last}", first_line.split(" -->").next().unwrap_or(first_line).trim_end_matches([':', ' ']))
        } else {
            first_line.to_owned()
        };
        let token = if message.starts_with("Condition") { "condition:" } else { quoted(error) };
        report.near(token, key, message);
    }
    if collection.errors.is_empty() { collection.rules.pop() } else { None }
}

/// The first text between single quotes: the token that a message is about.
fn quoted(message: &str) -> &str {
    message.split('\'').nth(1).unwrap_or_default()
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths = [8, 4, 4, 4, 12];
    groups.len() == lengths.len()
        && groups.iter().zip(lengths).all(|(group, length)| {
            group.len() == length && group.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        })
}

/// The names of all fields of a detection section, and the kinds that it compares `watch.kind` with.
fn collect_fields(detections: &Detections, names: &mut Vec<String>, kinds: &mut Vec<String>) {
    fn walk(detection: &Detection, names: &mut Vec<String>, kinds: &mut Vec<String>) {
        match detection {
            Detection::AllOf(items) => {
                for item in items {
                    let Some(name) = &item.field.name else { continue };
                    names.push(name.clone());
                    if name == Field::Kind.name() && item.field.modifiers.is_empty() {
                        kinds.extend(item.values.iter().filter_map(|value| match value {
                            SigmaValue::String(text) => text.as_plain(),
                            _ => None,
                        }));
                    }
                }
            }
            Detection::AnyOf(children) | Detection::And(children) => {
                for child in children {
                    walk(child, names, kinds);
                }
            }
            Detection::ArrayMatch { body, field, .. } => {
                names.push(field.clone());
                walk(body, names, kinds);
            }
            Detection::Conditional { named, .. } => named.values().for_each(|child| walk(child, names, kinds)),
            Detection::Keywords(_) => {}
        }
    }
    for detection in detections.named.values() {
        walk(detection, names, kinds);
    }
    names.sort();
    names.dedup();
    kinds.sort();
    kinds.dedup();
    // Kinds are compared without regard to case; reports use the spelling of Immuta's documentation.
    for found in kinds {
        if let Some(known) = kind::KNOWN.iter().find(|known| known.eq_ignore_ascii_case(found)) {
            (*known).clone_into(found);
        }
    }
}
