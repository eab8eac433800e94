//! Loading documents: what a file says becomes rules and filters, or errors with their lines.

use std::collections::HashMap;

use rsigma_eval::compile_rule;
use rsigma_parser::{FilterRuleTarget, SigmaCollection, SigmaRule, parse_sigma_yaml};
use serde_json::{Value, json};

use super::correlation::{CorrelationWatch, CountedWatch, NO_LEVEL, PendingCorrelation, Role};
use super::detections::{collect_fields, collect_words, kind_last, only_asks_for_true};
use super::document::{Document, PRODUCT, Part, Status, stem};
use super::error::{Reporter, RuleError};
use super::examples::Example;
use super::folder::PackFile;
use super::lists::{self, ListUses, Lists};
use super::pack::{CompiledRaise, Filter, Rule};
use super::settings::{ExamplesAttribute, Raise, RaiseAttribute, WatchAttribute, Window};
use super::strictness;
use super::vocabulary::{Level, Question, Route};
use crate::circumstances::{Circumstance, ManualLists};
use crate::event::Service;

/// What has been read so far.
pub(super) struct Loading<'l> {
    lists: &'l Lists,
    pub(super) rules: Vec<Rule>,
    /// What the engine compiles, in the same order
    pub(super) sigma: SigmaCollection,
    /// What is known of each filter beside its conditions, in the order in which the engine counts them
    pub(super) filters: Vec<Filter>,
    /// Correlations, whose rules may stand in files that have yet to be read
    pub(super) correlations: Vec<PendingCorrelation>,
    pub(super) errors: Vec<RuleError>,
}

impl<'l> Loading<'l> {
    pub(super) fn with(lists: &'l Lists) -> Self {
        let (rules, filters, correlations, errors) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { lists, rules, sigma: SigmaCollection::new(), filters, correlations, errors }
    }

    /// Takes one document in.
    pub(super) fn document(&mut self, file: &PackFile, part: Part<'_>) {
        let mut report = Reporter::new(&file.path, part.first_line, part.text);
        if part.is_correlation() {
            if let Some(document) = Document::<CorrelationWatch>::read(part, &mut report) {
                let pending = PendingCorrelation::read(file, document, part, &mut report);
                self.correlations.extend(pending.filter(|_| report.is_clean()));
            }
        } else if part.is_only_counted() {
            if let Some(document) = Document::<CountedWatch>::read(part, &mut report) {
                self.counted_rule(file, &document, part, &mut report);
            }
        } else if let Some(document) = Document::<WatchAttribute>::read(part, &mut report) {
            if document.filter.is_some() {
                self.filter(file, &document, part, &mut report);
            } else {
                self.alerting_rule(file, &document, part, &mut report);
            }
        }
        self.errors.extend(report.into_errors());
    }

    /// A rule whose matches become alerts.
    fn alerting_rule(
        &mut self,
        file: &PackFile,
        document: &Document<WatchAttribute>,
        part: Part<'_>,
        report: &mut Reporter<'_>,
    ) {
        let Some((mut rule, service)) = self.rule(file, document, part, report) else { return };
        let Some(watch) = &document.watch else {
            return report.at(
                1,
                "there is no `watch:` attribute; it says question, route, alert_key, window, runbook and examples",
            );
        };
        let watch = &watch.value;
        watch.check_texts(report);
        check_examples(&watch.examples, report);
        let window = watch.checked_window(report);
        rule.alert_key = watch.checked_alert_key(report);
        let Some(level) = &document.level else {
            return report.at(1, "there is no level; it is informational, low, medium, high or critical");
        };
        (rule.level, rule.route, rule.question) = (level.value, watch.route, watch.question);
        rule.raises = {
            let base = (level.value, watch.route);
            watch.raise.iter().filter_map(|entry| self.raise(entry, base, service, report)).collect()
        };
        let (Some(window), true) = (window, report.is_clean()) else { return };
        rule.window = window;
        rule.fields.extend(rule.raises.iter().flat_map(|raise| raise.fields.clone()));
        rule.fields.sort();
        rule.fields.dedup();
        rule.runbook.clone_from(&watch.runbook);
        rule.controls.clone_from(&watch.controls);
        rule.examples = Example::all(&watch.examples.value, part.first_line);
        self.rules.push(rule);
    }

    /// A rule that correlations count, and that nobody is told of.
    fn counted_rule(
        &mut self,
        file: &PackFile,
        document: &Document<CountedWatch>,
        part: Part<'_>,
        report: &mut Reporter<'_>,
    ) {
        let Some((mut rule, _)) = self.rule(file, document, part, report) else { return };
        let Some(watch) = &document.watch else {
            let message = "there is no level and no `watch:` attribute. A rule that alerts has both; one that correlations \
                           count has `watch:` with examples, and no level";
            return report.at(1, message);
        };
        check_examples(&watch.value.examples, report);
        rule.role = Role::Counted;
        rule.examples = Example::all(&watch.value.examples.value, part.first_line);
        if report.is_clean() {
            self.rules.push(rule);
        }
    }

    /// What every rule has that matches events; its Sigma form is taken in.
    fn rule<W: serde::de::DeserializeOwned>(
        &mut self,
        file: &PackFile,
        document: &Document<W>,
        part: Part<'_>,
        report: &mut Reporter<'_>,
    ) -> Option<(Rule, Service)> {
        let service = document.checked_service(report)?;
        let Some(detection) = &document.detection else {
            report.at(1, "there is no detection");
            return None;
        };
        let detection_line = detection.referenced.line();
        let id = document.checked_id(report);
        document.check_status(report);
        document.check_name(&file.path, report);
        if let Some(generate) = &document.generate {
            report.at(generate.referenced.line(), "generate is for correlations; a rule by itself always alerts");
        }
        let (mut sigma, lists) = self.checked(&detection.value, service, detection_line, report)?;
        kind_last(&mut sigma.detection);
        (sigma.title, sigma.id) = (document.title.value.clone(), Some(id.clone()));
        let mut fields = Vec::new();
        let mut kinds = Vec::new();
        collect_fields(&sigma.detection, &mut fields, &mut kinds);
        // Kinds are compared without regard to case; reports use the spelling of Immuta's documentation.
        let kinds = kinds.iter().map(|kind| service.spelled(kind).to_owned()).collect();
        refuse_manual(&fields, detection_line, report);
        fields.sort();
        fields.dedup();
        let words = collect_words(&sigma.detection);
        let rule = Rule {
            id,
            service,
            name: stem(&file.path).to_owned(),
            file: file.path.clone(),
            title: document.title.value.clone(),
            description: document.description.clone().unwrap_or_default().trim().to_owned(),
            role: Role::Alerts,
            level: NO_LEVEL,
            route: Route::Dashboard,
            question: Question::Entitlements,
            alert_key: Vec::new(),
            window: Window::DAY,
            runbook: Vec::new(),
            falsepositives: document.falsepositives.clone(),
            controls: Vec::new(),
            fields,
            kinds,
            is_counted: false,
            kept_fields: Vec::new(),
            lists,
            words,
            raises: Vec::new(),
            examples: Vec::new(),
            id_line: part.first_line + document.id_line() - 1,
        };
        if report.is_clean() {
            self.sigma.rules.push(sigma);
        }
        Some((rule, service))
    }

    fn raise(
        &self,
        entry: &RaiseAttribute,
        base: (Level, Route),
        service: Service,
        report: &mut Reporter<'_>,
    ) -> Option<CompiledRaise> {
        let line = entry.when.referenced.line();
        if entry.level.is_none_or(|level| level <= base.0) && entry.route.is_none_or(|route| route <= base.1) {
            report.at(line, "this entry raises nothing: neither its level nor its route is above the rule's");
        }
        if entry.because.trim().is_empty() {
            report.at(line, "say in `because` why this is worse: the reader of the alert is shown it");
        }
        let when = &entry.when.value;
        let detection = match when.get("condition") {
            Some(_) => when.clone(),
            None => json!({ "when": when, "condition": "when" }),
        };
        let (rule, lists) = self.checked(&detection, service, line, report)?;
        let condition = compile_rule(&rule).ok()?; // `checked` compiled it once and reported what was wrong
        let mut fields = Vec::new();
        collect_fields(&rule.detection, &mut fields, &mut Vec::new());
        if fields.iter().any(|field| field == Circumstance::Manual.name()) {
            if !only_asks_for_true(&rule.detection) {
                let message = "a raise asks for watch.manual: 'true', and not for the opposite: an approval that comes later \
                               may lower an alert, and must not raise one";
                report.after(line, Circumstance::Manual.name(), message);
            }
            for name in ManualLists::NAMES.into_iter().filter(|name| !self.lists.contains_key(*name)) {
                let message = format!("watch.manual needs the list lists/{name}.txt, and the pack has none");
                report.after(line, Circumstance::Manual.name(), message);
            }
        }
        let raise = Raise { level: entry.level, route: entry.route, because: entry.because.trim().to_owned() };
        let words = collect_words(&rule.detection);
        Some(CompiledRaise { raise, condition, lists, words, fields })
    }

    /// Reads a detection section, the same way wherever it stands: in a rule, in what raises one, in a filter.
    ///
    /// It goes to the Sigma parser as JSON, which is YAML: so the file is read once, by one reader, and a word such as
    /// `yes` means the same everywhere.
    fn checked(
        &self,
        detection: &Value,
        service: Service,
        line: u64,
        report: &mut Reporter<'_>,
    ) -> Option<(SigmaRule, ListUses)> {
        let form = strictness::check_form(detection);
        if !form.is_empty() {
            report_all(form, line, report);
            return None;
        }
        let document = json!({ "title": "-", "logsource": log_source(service), "detection": detection });
        let mut rule = parse_one(&document.to_string(), line, report)?;
        let conditions = strictness::check_conditions(&rule.detection);
        if !conditions.is_empty() {
            report_all(conditions, line, report);
            return None;
        }
        let uses = match lists::expand(&mut rule.detection, self.lists) {
            Ok(uses) => uses,
            Err(errors) => {
                report_all(errors, line, report);
                return None;
            }
        };
        match compile_rule(&rule) {
            Ok(_) => Some((rule, uses)),
            Err(error) => {
                report.at(line, error.to_string());
                None
            }
        }
    }

    fn filter(
        &mut self,
        file: &PackFile,
        document: &Document<WatchAttribute>,
        part: Part<'_>,
        report: &mut Reporter<'_>,
    ) {
        let Some(service) = document.checked_service(report) else { return };
        let Some(filter) = &document.filter else { return };
        let line = filter.referenced.line();
        if document.detection.is_some() || document.watch.is_some() || document.level.is_some() {
            report.at(line, "a document is a rule or a filter; a filter has no detection, level or watch of its own");
        }
        if matches!(document.status, Some(Status::Deprecated | Status::Unsupported)) {
            report.near("status:", "title:", "take a filter that is no longer in force out of the pack");
        }
        let rules = match filter.value.get("rules") {
            Some(Value::String(any)) if any == "any" => FilterRuleTarget::Any,
            Some(Value::Array(rules)) if !rules.is_empty() && rules.iter().all(Value::is_string) => {
                FilterRuleTarget::Specific(rules.iter().filter_map(|rule| Some(rule.as_str()?.to_owned())).collect())
            }
            _ => {
                return report.near(
                    "rules:",
                    "filter:",
                    "a filter names its rules: `rules: any`, or a list of their ids",
                );
            }
        };
        let Some((rule, lists)) = self.checked(&without_rules(&filter.value), service, line, report) else { return };
        let mut fields = Vec::new();
        collect_fields(&rule.detection, &mut fields, &mut Vec::new());
        refuse_manual(&fields, line, report);
        let section = json!({ "rules": "any", "a": {"b": "c"}, "condition": "a" });
        let text = json!({ "title": document.title.value, "logsource": log_source(service), "filter": section });
        let parsed = parse_sigma_yaml(&text.to_string()).ok().and_then(|mut parsed| parsed.filters.pop());
        if let Some(mut parsed) = parsed.filter(|_| report.is_clean()) {
            parsed.rules = rules;
            parsed.detection = rule.detection;
            let words = collect_words(&parsed.detection);
            let (title, file, line) = (parsed.title.clone(), file.path.clone(), part.first_line + line - 1);
            self.sigma.filters.push(parsed);
            self.filters.push(Filter { title, service, file, line, lists, words });
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
        for (filter, Filter { file, line, service, .. }) in self.sigma.filters.iter().zip(&self.filters) {
            let FilterRuleTarget::Specific(targets) = &filter.rules else { continue };
            let (title, service) = (&filter.title, *service);
            for target in targets {
                let mut named = self.rules.iter().filter(|rule| rule.id == *target || rule.title == *target).peekable();
                let message = if named.peek().is_none() {
                    format!("the filter {title:?} is about {target:?}, which no rule has for id or title")
                } else if named.all(|rule| rule.service != service) {
                    let service = service.as_str();
                    format!("the filter {title:?} is about {target:?}, which is no rule of its service, {service}")
                } else {
                    continue;
                };
                self.errors.push(RuleError { file: file.clone(), line: Some(*line), message });
            }
        }
    }
}

/// The `logsource` of what is about a service; the engine applies a filter to the rules of its own.
fn log_source(service: Service) -> Value {
    json!({ "product": PRODUCT, "service": service.as_str() })
}

/// Whether a change was done by hand may depend on other exports, and whether a rule matches must not.
fn refuse_manual(fields: &[String], line: u64, report: &mut Reporter<'_>) {
    let manual = Circumstance::Manual.name();
    if fields.iter().any(|field| field == manual) {
        let message = format!("{manual} may stand in `when` of a raise only: the approval may lie in another export");
        report.after(line, manual, message);
    }
}

/// Reports a rule without an example of either kind.
fn check_examples(examples: &serde_saphyr::Spanned<ExamplesAttribute>, report: &mut Reporter<'_>) {
    if examples.value.positive.is_empty() || examples.value.negative.is_empty() {
        report.at(
            examples.referenced.line(),
            "a rule needs at least one positive and one negative example; a near miss makes the best negative one",
        );
    }
}

/// The selections and the condition of a filter.
fn without_rules(filter: &Value) -> Value {
    let mut detection = filter.clone();
    if let Some(section) = detection.as_object_mut() {
        section.remove("rules");
    }
    detection
}

/// Reports findings about the section that begins at a line.
fn report_all(findings: Vec<strictness::Finding>, line: u64, report: &mut Reporter<'_>) {
    for (token, message) in findings {
        report.after(line, &token, message);
    }
}

/// Parses a text that holds one rule, reporting what the Sigma parser finds.
fn parse_one(text: &str, line: u64, report: &mut Reporter<'_>) -> Option<SigmaRule> {
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
        report.after(line, token, message);
    }
    if collection.errors.is_empty() { collection.rules.pop() } else { None }
}

/// The first text between single quotes: the token that a message is about.
fn quoted(message: &str) -> &str {
    message.split('\'').nth(1).unwrap_or_default()
}
