//! Correlations are loaded strictly: what would silently count nothing, or something else, is an error with its line.

use immuta_watch::config::Configuration;
use immuta_watch::correlate::run_examples;
use immuta_watch::rules::{Pack, PackFile, RuleErrors};

const COUNTED: &str = "title: Refused
id: 00000000-0000-0000-0000-000000000001
name: refused
status: test
logsource: {product: immuta, service: audit}
detection: {a: {watch.kind: Query, watch.status: UNAUTHORIZED}, condition: a}
watch:
  examples:
    positive:
      - name: One
        event: {eventTimestamp: '2026-11-02T10:00:00Z', actionStatus: UNAUTHORIZED, actor: {id: ann}, auditPayload: {type: QueryAuditPayload}}
    negative: [{name: Other, event: {actionStatus: SUCCESS, auditPayload: {type: QueryAuditPayload}}}]
";

const CORRELATION: &str = "title: Many refused
id: 00000000-0000-0000-0000-000000000002
name: many
status: test
correlation:
  type: event_count
  rules: [refused]
  group-by: [watch.actor]
  timespan: 1h
  condition: {gte: 3}
level: high
watch:
  question: denied-queries
  route: notification
  window: 1d
  runbook: [Look.]
  examples:
    positive: [{name: Three, events: [{rule: refused, example: One, repeat: 3, every: 20m}]}]
    negative: [{name: Two, events: [{rule: refused, example: One, repeat: 2}]}]
";

fn compiled(counted: &str, correlation: &str) -> Result<Pack, RuleErrors> {
    let file = |path: &str, text: &str| PackFile { path: path.to_owned(), text: text.to_owned() };
    Pack::compile(&[file("q/refused.yml", counted), file("q/many.yml", correlation)], &Configuration::default())
}

#[test]
fn a_correlation_loads_and_its_time_lines_come_out() {
    let pack = compiled(COUNTED, CORRELATION).unwrap_or_else(|errors| panic!("{errors}"));
    let (rule, correlation) = pack.correlations().next().unwrap();
    assert_eq!(correlation.in_words(), "at least 3 events of refused within 1 hour, by watch.actor");
    assert_eq!((rule.name.as_str(), rule.fields.as_slice()), ("many", &["watch.actor".to_owned()][..]));
    let failures: Vec<_> = run_examples(&pack).into_iter().filter(|result| result.failure.is_some()).collect();
    assert_eq!(failures, []);
}

#[test]
fn a_time_line_that_comes_out_otherwise_fails_and_says_why() {
    for (from, to, reason) in [
        ("repeat: 3", "repeat: 2", "the correlation finds nothing; matches: refused 2"),
        ("every: 20m", "every: 40m", "the correlation finds nothing; matches: refused 3"),
        ("repeat: 2}", "repeat: 9}", "the correlation finds something, for watch.actor ann"),
        ("example: One, repeat: 3", "example: None, repeat: 3", "the rule refused has no example \"None\""),
        ("{name: Three,", "{name: Three, level: low,", "its level is high, not low"),
    ] {
        assert!(CORRELATION.contains(from), "{from}");
        let pack = compiled(COUNTED, &CORRELATION.replace(from, to)).unwrap_or_else(|errors| panic!("{errors}"));
        let failures: Vec<_> = run_examples(&pack).into_iter().filter_map(|result| result.failure).collect();
        assert_eq!(failures, [reason], "{to}");
    }
}

#[test]
fn everything_that_would_count_something_else_is_an_error_with_its_line() {
    for (from, to, line, message) in [
        ("type: event_count", "type: event_counts", 6, "there is no type event_counts"),
        ("rules: [refused]", "rules: [refuse]", 7, "there is no rule refuse;"),
        ("rules: [refused]", "rules: [many]", 7, "many is a correlation itself"),
        ("group-by: [watch.actor]", "group-by: [auditPayload.queryText]", 7, "does not leave the ledger"),
        ("timespan: 1h", "timespan: 1M", 9, "is no timespan"),
        (
            "group-by: [watch.actor]",
            "group-by: [watch.actr]",
            7,
            "there is no derived field watch.actr; did you mean watch.actor",
        ),
        ("group-by: [watch.actor]", "group-by: [watch.hour]", 7, "watch.hour is what the configuration says"),
        (
            "group-by: [watch.actor]",
            "group-by: [who]\n  aliases: {who: {refused: watch.actor, other: watch.actor}}",
            7,
            "which the correlation does not count",
        ),
        (
            "group-by: [watch.actor]",
            "group-by: [who]\n  aliases: {who: {}}",
            7,
            "the alias who names no field of refused",
        ),
        ("timespan: 1h", "timespan: 40d", 9, "is no timespan"),
        ("timespan: 1h", "timespan: 0h", 9, "is no timespan"),
        ("timespan: 1h", "timespan: 1h\n  window: tumbling", 10, "window"),
        ("condition: {gte: 3}", "condition: {gte: 3.5}", 10, "gte of the condition"),
        ("condition: {gte: 3}", "condition: {}", 10, "compares with nothing"),
        ("condition: {gte: 3}", "condition: {gte: 3, field: watch.object}", 10, "event_count takes no field"),
        ("condition: {gte: 3}", "look: before\n  condition: {gte: 3}", 10, "`look` is for the type absence"),
        ("type: event_count", "type: value_count", 10, "value_count needs a field"),
        ("type: event_count", "type: absence", 10, "absence takes no condition"),
        ("name: many", "name: other", 3, "the name is that of the file: many"),
        ("window: 1d", "window: 5h", 15, "is no window"),
        ("runbook: [Look.]", "runbook: []", 16, "the runbook is empty"),
        ("runbook: [Look.]", "unless: refused\n  runbook: [Look.]", 16, "`unless` is for temporal_ordered"),
        ("runbook: [Look.]", "alert_key: [watch.actor]\n  runbook: [Look.]", 16, "alert_key"),
        (
            "status: test\ncorrelation",
            "status: test\ngenerate: true\ncorrelation",
            8,
            "does not alert by itself, so `generate: true` says nothing",
        ),
    ] {
        assert!(CORRELATION.contains(from), "{from}");
        let errors = match compiled(COUNTED, &CORRELATION.replacen(from, to, 1)) {
            Ok(_) => panic!("{to} was taken"),
            Err(RuleErrors(errors)) => errors,
        };
        let is_it = |error: &&immuta_watch::rules::RuleError| {
            error.file == "q/many.yml" && error.line == Some(line) && error.message.contains(message)
        };
        assert!(errors.iter().any(|error| is_it(&error)), "{to}: {errors:#?}");
    }
}

#[test]
fn a_rule_that_nobody_is_told_of_and_nothing_counts_is_an_error() {
    let file = |path: &str, text: &str| PackFile { path: path.to_owned(), text: text.to_owned() };
    let other = COUNTED.replace("000001", "000009").replace("name: refused", "name: other");
    let files = [file("refused.yml", COUNTED), file("many.yml", CORRELATION), file("other.yml", &other)];
    let RuleErrors(errors) = Pack::compile(&files, &Configuration::default()).unwrap_err();
    assert_eq!((errors.len(), errors[0].file.as_str()), (1, "other.yml"));
    assert!(errors[0].message.contains("no correlation counts it"), "{}", errors[0].message);
}

#[test]
fn a_rule_that_alerts_is_silenced_by_nobody_unless_it_is_said() {
    let alerting = COUNTED
        .replace("watch:\n", "level: low\nwatch:\n  question: denied-queries\n  route: dashboard\n  alert_key: [watch.actor]\n  window: 1d\n  runbook: [Look.]\n");
    let RuleErrors(errors) = compiled(&alerting, CORRELATION).unwrap_err();
    assert!(errors[0].message.contains("without `generate: true` silences it"), "{errors:#?}");
    for generate in [
        CORRELATION.replace("level: high", "generate: true\nlevel: high"),
        CORRELATION.replace("  type:", "  generate: true\n  type:"),
    ] {
        compiled(&alerting, &generate).unwrap_or_else(|errors| panic!("{errors}"));
    }
}

/// The same, compared with the weeks before.
fn compared(kind: &str, timespan: &str, condition: &str) -> String {
    let section = format!(
        "type: {kind}\n  rules: [refused]\n  group-by: [watch.actor]\n  timespan: {timespan}\n  condition: {condition}"
    );
    let begin = CORRELATION.find("type: event_count").unwrap();
    let end = CORRELATION.find("\nlevel: high").unwrap();
    [&CORRELATION[..begin], &section, &CORRELATION[end..]].concat()
}

#[test]
fn what_is_compared_with_the_weeks_before_says_what_it_looks_for() {
    for (kind, condition, words) in [
        (
            "unusual_count",
            "{gte: 30, deviations: 6.5}",
            "at least 30 events of refused in an hour, and 6.5 deviations more than is usual at that hour of the week in the 8 \
             weeks before, by watch.actor",
        ),
        (
            "unusual_hour",
            "{gte: 5, known: 21d}",
            "at least 5 events of refused at an hour of the week at which there was none in the 8 weeks before, by watch.actor",
        ),
        (
            "first_value",
            "{field: watch.object}",
            "a value of watch.object in refused that there was not in the 8 weeks before, by watch.actor",
        ),
        (
            "return",
            "{silent: 30d}",
            "refused after 30 days or more without, and with some in the 8 weeks before, by watch.actor",
        ),
    ] {
        let pack = compiled(COUNTED, &compared(kind, "8w", condition)).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(pack.correlations().next().unwrap().1.in_words(), words);
    }
}

#[test]
fn what_cannot_be_compared_is_an_error_with_its_line() {
    for (kind, timespan, condition, line, message) in [
        ("unusual_count", "8w", "{gte: 30}", 10, "unusual_count needs `deviations` in its condition"),
        ("unusual_count", "8w", "{deviations: 6}", 10, "unusual_count needs `gte` in its condition"),
        ("unusual_count", "8w", "{gte: 0, deviations: 6}", 10, "gte is a whole number from 1 to 1,000,000"),
        ("unusual_count", "8w", "{gte: 30, deviations: 0.5}", 10, "deviations is a number from 1 to 100"),
        ("unusual_count", "8w", "{gte: 30, deviations: 6, known: 14d}", 10, "known is three weeks (21d) at least"),
        (
            "unusual_count",
            "2w",
            "{gte: 30, deviations: 6}",
            10,
            "known, 28 days if not said, is longer than the timespan",
        ),
        ("unusual_count", "8w", "{gte: 30, deviations: 6, field: watch.object}", 10, "unusual_count takes no field"),
        ("unusual_hour", "8w", "{}", 10, "unusual_hour needs `gte`"),
        ("unusual_hour", "8w", "{gte: 5, known: 36h}", 10, "known is a number of whole days, as in `28d`"),
        ("first_value", "8w", "{gte: 2}", 10, "first_value needs `field`"),
        ("first_value", "8w", "{field: [watch.object, watch.tag]}", 10, "field is the name of one field"),
        ("first_value", "8w", "{field: watch.hour}", 10, "watch.hour is what the configuration says"),
        ("first_value", "8w", "{field: auditPayload.queryText}", 10, "does not leave the ledger"),
        ("first_value", "8w", "{field: watch.actor}", 7, "there is nothing to see of its values"),
        ("unusual_hours", "8w", "{gte: 5}", 6, "there is no type unusual_hours"),
        ("return", "8w", "{}", 10, "return needs `silent` in its condition"),
        ("return", "4w", "{silent: 30d}", 10, "silent is as long as the timespan"),
        ("return", "8w", "{silent: 30d, known: 28d}", 10, "return takes no known"),
        ("return", "27w", "{silent: 30d}", 9, "up to 26 weeks"),
        ("return", "1000h", "{silent: 30d}", 10, "looks back by whole days"),
        ("return", "8w", "many", 10, "the condition of return holds silent"),
    ] {
        let errors = compiled(COUNTED, &compared(kind, timespan, condition)).unwrap_err();
        assert!(
            errors.0.iter().any(|error| error.line == Some(line) && error.message.contains(message)),
            "{kind} {timespan} {condition}: {errors}"
        );
    }
    let text = compared("return", "8w", "{silent: 30d}").replace("window: 1d", "window: 12h");
    assert!(compiled(COUNTED, &text).unwrap_err().to_string().contains("the alert window (`watch.window`) is `1d`"));
}
