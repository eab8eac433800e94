//! Counting as time goes on comes to what `rsigma-eval` finds by counting anew with every event.

use proptest::prelude::*;
use rsigma_eval::correlation::{WindowState, compile_correlation};
use rsigma_parser::parse_sigma_yaml;

use super::*;
use crate::config::Configuration;
use crate::event::{Event, EventKey, Record};
use crate::rules::{Pack, PackFile};

const SPAN: i64 = 60;

fn counted(name: &str, number: u32) -> PackFile {
    let text = format!(
        "title: {name}\nid: 00000000-0000-0000-0000-{number:012}\nstatus: test\nlogsource: {{product: immuta, service: audit}}\n\
         detection: {{a: {{watch.kind: {name}}}, condition: a}}\nwatch:\n  examples:\n    positive: [{{name: one, event: \
         {{}}}}]\n    negative: [{{name: other, event: {{}}}}]\n"
    );
    PackFile { path: format!("{name}.yml"), text }
}

/// The section `correlation` of a document, and the pack that it makes.
fn pack(section: &str) -> Pack {
    let text = format!(
        "title: c\nid: 00000000-0000-0000-0001-000000000000\nstatus: test\ncorrelation: {section}\nlevel: high\nwatch:\n  question: \
         denied-queries\n  route: notification\n  window: 1h\n  runbook: [Look.]\n  examples:\n    positive: [{{name: one, events: \
         []}}]\n    negative: [{{name: other, events: []}}]\n"
    );
    compiled(text)
}

/// A pack with rules of which all are counted by something.
fn compiled(text: String) -> Pack {
    let other = "title: z\nid: 00000000-0000-0000-0002-000000000000\nstatus: test\ncorrelation: {type: temporal, rules: [a, b, d], timespan: \
                 1h}\nlevel: low\nwatch: {question: denied-queries, route: dashboard, window: 1h, runbook: [Look.], examples: {positive: \
                 [{name: one, events: []}], negative: [{name: other, events: []}]}}\n";
    let other = PackFile { path: "z.yml".to_owned(), text: other.to_owned() };
    let first = PackFile { path: "c.yml".to_owned(), text };
    let files = [counted("a", 1), counted("b", 2), counted("d", 3), first, other];
    Pack::compile(&files, &Configuration::default()).unwrap_or_else(|errors| panic!("{errors}"))
}

fn key(number: u16) -> EventKey {
    let line = format!(r#"{{"id":"{number}","auditPayload":{{"type":"X"}}}}"#);
    Event::of(&Record::parse(line.as_bytes()).unwrap()).key()
}

/// What each hit comes to, counted by the library.
fn by_the_library(section: &str, hits: &[Hit]) -> Vec<Option<f64>> {
    let parsed = parse_sigma_yaml(&format!("title: c\ncorrelation: {section}\n")).unwrap();
    let compiled = compile_correlation(&parsed.correlations[0]).unwrap();
    let mut state = WindowState::new_for(compiled.correlation_type);
    let one = |hit: &Hit| {
        state.evict(hit.time - SPAN);
        match &mut state {
            WindowState::EventCount { .. } => state.push_event_count(hit.time),
            WindowState::ValueCount { .. } => state.push_value_count(hit.time, hit.value.to_string()),
            WindowState::Temporal { .. } => {
                state.push_temporal(hit.time, &compiled.rule_refs[usize::from(hit.position)]);
            }
            WindowState::NumericAgg { .. } => state.push_numeric(hit.time, f64::from_bits(hit.value)),
        }
        let expression = compiled.extended_expr.as_ref();
        state.check_condition(&compiled.condition, compiled.correlation_type, &compiled.rule_refs, expression)
    };
    let found = hits.iter().map(one).collect::<Vec<_>>();
    // Of percentiles the library gives every value, whatever it is to be compared with.
    let holds = |value: &f64| compiled.condition.check(*value);
    found.into_iter().map(|value| value.filter(holds)).collect()
}

/// What is counted once a hit is taken in, if the condition holds.
fn taken(sliding: &mut Sliding, hit: &Hit, correlation: &Correlation) -> Option<f64> {
    sliding.take(hit, correlation, SPAN);
    sliding.value(correlation, hit.time - SPAN)
}

fn as_time_goes_on(section: &str, hits: &[Hit]) -> Vec<Option<f64>> {
    let pack = pack(section);
    let (_, correlation) = pack.correlations().next().unwrap();
    let mut sliding = Sliding::new(correlation);
    hits.iter().map(|hit| taken(&mut sliding, hit, correlation)).collect()
}

/// Those whose value is a number, and those whose value stands for a text.
const NUMBERS: [&str; 5] = [
    "{type: value_sum, rules: [a], timespan: 60s, condition: {field: x, gt: 12}}",
    "{type: value_avg, rules: [a], timespan: 60s, condition: {field: x, gte: 3, lt: 9}}",
    "{type: value_median, rules: [a], timespan: 60s, condition: {field: x, lte: 4}}",
    "{type: value_percentile, rules: [a], timespan: 60s, condition: {field: x, gt: 5, percentile: 90}}",
    "{type: value_percentile, rules: [a], timespan: 60s, condition: {field: x, neq: 5, percentile: 25}}",
];
const TEXTS: [&str; 9] = [
    "{type: event_count, rules: [a], timespan: 60s, condition: {gte: 3}}",
    "{type: event_count, rules: [a], timespan: 60s, condition: {gt: 1, lte: 4}}",
    "{type: event_count, rules: [a], timespan: 60s, condition: {eq: 2}}",
    "{type: value_count, rules: [a], timespan: 60s, condition: {field: x, gte: 2}}",
    "{type: value_count, rules: [a], timespan: 60s, condition: {field: x, lt: 3}}",
    // Without a condition all rules must match; the library is content with one, so it is told so.
    "{type: temporal, rules: [a, b, d], timespan: 60s, condition: a and b and d}",
    "{type: temporal, rules: [a, b, d], timespan: 60s, condition: a and not (b or d)}",
    "{type: temporal_ordered, rules: [a, b], timespan: 60s}",
    "{type: temporal_ordered, rules: [a, b, d], timespan: 60s}",
];

fn hits(values: impl Strategy<Value = u64>) -> impl Strategy<Value = Vec<Hit>> {
    let hit = (0..400_i64, 0..3_u16, 0..500_u16, values).prop_map(|(time, position, event, value)| Hit {
        time,
        position,
        event: key(event),
        group: 0,
        value,
    });
    prop::collection::vec(hit, 0..60).prop_map(|mut hits| {
        hits.sort_unstable();
        hits
    })
}

/// All matches count alike, whichever rule they are of.
fn of_one_rule(mut hits: Vec<Hit>) -> Vec<Hit> {
    for hit in &mut hits {
        hit.position = 0;
    }
    hits.sort_unstable();
    hits
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn numbers_come_to_what_the_library_finds(hits in hits((0..80_u32).prop_map(|tenths| (f64::from(tenths) / 10.0).to_bits()))) {
        let hits = of_one_rule(hits);
        for section in NUMBERS {
            let (found, expected) = (as_time_goes_on(section, &hits), by_the_library(section, &hits));
            for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
                let is_same = match (found, expected) {
                    (Some(found), Some(expected)) => (found - expected).abs() < 1e-9,
                    (found, expected) => found == expected,
                };
                // The library adds fractions up with an error, which may be on the other side of a condition.
                let is_close = section.contains("sum") || section.contains("avg");
                prop_assert!(is_same || is_close && close_to_a_bound(section, &hits[..=index]), "{section} at {index}: {found:?}, {expected:?}");
            }
        }
    }

    #[test]
    fn counts_and_chains_come_to_what_the_library_finds(hits in hits(0..5_u64)) {
        for section in TEXTS {
            let hits = if section.contains("temporal") { hits.clone() } else { of_one_rule(hits.clone()) };
            let hits: Vec<Hit> = hits.into_iter().filter(|hit| !section.contains("[a, b],") || hit.position < 2).collect();
            prop_assert_eq!(as_time_goes_on(section, &hits), by_the_library(section, &hits), "{}", section);
        }
    }
}

/// Whether what is counted is next to a number that the condition compares with.
fn close_to_a_bound(section: &str, hits: &[Hit]) -> bool {
    let now = hits.last().map_or(0, |hit| hit.time);
    let values: Vec<f64> =
        hits.iter().filter(|hit| hit.time >= now - SPAN).map(|hit| f64::from_bits(hit.value)).collect();
    let sum: f64 = values.iter().sum();
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    let value = if section.contains("avg") { sum / values.len() as f64 } else { sum };
    [12.0, 3.0, 9.0].iter().any(|bound| (value - bound).abs() < 1e-6)
}

#[test]
fn an_event_that_comes_in_between_breaks_the_chain() {
    let section = "{type: temporal_ordered, rules: [a, b], timespan: 60s}";
    let text = pack_with_unless(section);
    let (_, correlation) = text.correlations().next().unwrap();
    let found = |positions: &[u16]| {
        let mut sliding = Sliding::new(correlation);
        let hits = positions.iter().zip(0_i64..).map(|(position, time)| Hit {
            time,
            position: *position,
            event: key(1),
            group: 0,
            value: 0,
        });
        hits.filter(|hit| taken(&mut sliding, hit, correlation).is_some()).count()
    };
    assert_eq!(found(&[0, 1]), 1);
    assert_eq!(found(&[0, 2, 1]), 0);
    assert_eq!(found(&[2, 0, 1, 2]), 1);
    assert_eq!(found(&[0, 2, 0, 1]), 1);
}

fn pack_with_unless(section: &str) -> Pack {
    let text = format!(
        "title: c\nid: 00000000-0000-0000-0001-000000000000\nstatus: test\ncorrelation: {section}\nlevel: high\nwatch:\n  question: \
         denied-queries\n  route: notification\n  window: 1h\n  unless: d\n  runbook: [Look.]\n  examples:\n    positive: [{{name: \
         one, events: []}}]\n    negative: [{{name: other, events: []}}]\n"
    );
    compiled(text)
}
