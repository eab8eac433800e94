//! Composing messages: from what an export knows of an alert, or from numbers, to what people read.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use super::announcement::{Late, RuleWindow};
use super::message::{Fact, Kind, Message, Place};
use crate::alerts::{Alert, Approvals, Contribution, EXAMPLES};
use crate::event::Record;
use crate::rules::{Level, Question, Route, Rule};

/// The command that explains an alert.
fn explain(alert: &impl std::fmt::Display, lake: &str) -> String {
    format!("immuta-watch explain {alert} --lake {lake}")
}

/// The message about one alert, as one export has it and as if nobody had approved its grants.
pub(super) fn alert(contribution: &Contribution, rule: Option<&Rule>, lake: &str, uri: &str) -> Message {
    let alert = Alert::of(contribution.clone(), &Approvals::default());
    let detail = alert.detail();
    let mut facts: Vec<Fact> = alert
        .telling_key()
        .filter_map(|field| {
            let label = field.strip_prefix("watch.").unwrap_or(field).replace('_', " ");
            Some(Fact { label, value: alert.key_text(field)? })
        })
        .collect();
    let matter = alert.subject_matter();
    if !matter.is_empty() {
        facts.push(Fact { label: "about".to_owned(), value: matter.join(", ") });
    }
    if let Some(found) = &detail.found {
        facts.push(Fact { label: "counted".to_owned(), value: found.counts.clone() });
        if let Some(before) = &found.before {
            facts.push(Fact { label: "before".to_owned(), value: before.in_words() });
        }
    }
    if let Some(status) = alert.unusual_status() {
        facts.push(Fact { label: "ended with".to_owned(), value: status });
    }
    let tenant = detail.examples.first().and_then(|example| {
        let record = Record::parse(example.record.get().as_bytes()).ok()?;
        record.json().get("tenantId")?.as_text().map(Cow::into_owned)
    });
    Message {
        kind: Kind::Alert,
        id: detail.alert.to_string(),
        alert: Some(detail.alert.clone()),
        level: detail.level,
        route: detail.route,
        question: detail.question,
        rule: Some(detail.rule.clone()),
        rule_name: Some(detail.rule_name.clone()),
        tenant,
        headline: format!("{}: {}", detail.title, alert.in_words()),
        facts,
        count: alert.count(),
        first: detail.first,
        last: detail.last,
        why: detail.raised.iter().cloned().collect(),
        what_to_do: rule.map(|rule| rule.runbook.clone()).unwrap_or_default(),
        places: places(detail, uri),
        look: explain(&detail.alert, lake),
        possibly_repeated: false,
    }
}

/// Where the records of an alert stand. Those of a correlation stand in exports of their own.
fn places(detail: &Contribution, uri: &str) -> Vec<Place> {
    let examples = detail.examples.iter().map(|example| Place { export: uri.to_owned(), line: example.line });
    let moments = detail.found.iter().flat_map(|found| &found.moments).take(EXAMPLES);
    examples.chain(moments.map(|moment| Place { export: moment.export.clone(), line: moment.line })).collect()
}

/// The message about alerts of one rule and window that are too many to be told one by one, of which the gravest here is
/// one. Its steps are those of the rule, which speak of one alert: so they are said to be for each.
pub(super) fn storm(of: &RuleWindow, id: String, gravest: &Message, alerts: u64, told: u64, lake: &str) -> Message {
    let name = rule_name(of, gravest);
    let mut what_to_do = what_to_do_about_many();
    if let Some(alert) = &gravest.alert {
        what_to_do.push(format!("Begin with the gravest: `{}` shows its records.", explain(alert, lake)));
    }
    if !gravest.what_to_do.is_empty() {
        what_to_do.push("Then, for each of them or for what they have in common:".to_owned());
        what_to_do.extend(gravest.what_to_do.iter().cloned());
    }
    Message {
        kind: Kind::Storm,
        id,
        headline: format!("{}: {alerts} alerts so far, too many to tell one by one", title(gravest)),
        facts: vec![
            Fact { label: "rule".to_owned(), value: name.clone() },
            Fact { label: "told one by one".to_owned(), value: told.to_string() },
            Fact { label: "the gravest here".to_owned(), value: gravest.headline.clone() },
        ],
        count: alerts,
        first: Some(of.start),
        last: None,
        why: vec![
            format!("{told} alerts of this rule and window were told one by one; more would be read by nobody."),
            "Further ones of this window are announced by themselves only if they are graver; when it is over, one message \
             says how many there were."
                .to_owned(),
        ],
        what_to_do,
        places: Vec::new(),
        look: list(of, &name, lake),
        possibly_repeated: false,
        ..gravest.clone()
    }
}

/// The message about how many alerts of one rule and window there were in all, of each level, the gravest first.
pub(super) fn closing(
    of: &RuleWindow,
    gravest: &Message,
    alerts: u64,
    by_level: &[(Level, u64)],
    lake: &str,
) -> Message {
    let name = rule_name(of, gravest);
    let levels: Vec<String> = by_level.iter().map(|(level, count)| format!("{count} {level}")).collect();
    Message {
        kind: Kind::Storm,
        id: format!("closing-{}-{}", of.rule, of.start.format("%Y%m%dT%H%MZ")),
        level: by_level.first().map_or(gravest.level, |(level, _)| *level),
        headline: format!("{}: {alerts} alerts in all", title(gravest)),
        facts: vec![
            Fact { label: "rule".to_owned(), value: name.clone() },
            Fact { label: "of which".to_owned(), value: levels.join(", ") },
        ],
        count: alerts,
        first: Some(of.start),
        last: None,
        why: vec!["More came than were told one by one. Their window is over now.".to_owned()],
        what_to_do: what_to_do_about_many(),
        places: Vec::new(),
        look: list(of, &name, lake),
        possibly_repeated: false,
        ..gravest.clone()
    }
}

fn rule_name(of: &RuleWindow, gravest: &Message) -> String {
    gravest.rule_name.clone().unwrap_or_else(|| of.rule.clone())
}

fn title(message: &Message) -> &str {
    message.headline.split(": ").next().unwrap_or_default()
}

/// The command that lists the alerts of a rule from the beginning of a window on.
fn list(of: &RuleWindow, rule_name: &str, lake: &str) -> String {
    format!("immuta-watch alerts --rule {rule_name} --since {} --lake {lake}", of.start.format("%Y-%m-%d"))
}

fn what_to_do_about_many() -> Vec<String> {
    vec![
        "List them with the command below, the gravest first, and look for what they have in common: one actor, one \
         script, one change."
            .to_owned(),
    ]
}

/// The summary of alerts about events that are too old to be told one by one, and were found at this time; none if there
/// are none.
pub(super) fn late<'l>(
    found: DateTime<Utc>,
    summed: impl IntoIterator<Item = &'l Late>,
    lake: &str,
) -> Option<Message> {
    let mut summed: Vec<&Late> = summed.into_iter().collect();
    summed.sort_by(|a, b| (b.level, b.alerts, &a.rule).cmp(&(a.level, a.alerts, &b.rule)));
    let gravest = *summed.first()?;
    let alerts: u64 = summed.iter().map(|each| each.alerts).sum();
    let open: u64 = summed.iter().map(|each| each.open).sum();
    let first: Option<DateTime<Utc>> = summed.iter().filter_map(|each| each.first).min();
    let last = summed.iter().filter_map(|each| each.last).max();
    let mut why = vec![
        "Their events are older than notify.max_age, as in a first export, a backfill or after a new rule. Further ones \
         that are found within the hour are announced only if they are graver."
            .to_owned(),
    ];
    if open > 0 {
        why.push(format!("{open} of them are grants that fall away should a request turn out to have been approved."));
    }
    let since = first.map_or_else(String::new, |first| format!(" --since {}", first.format("%Y-%m-%d")));
    Some(Message {
        kind: Kind::Late,
        id: format!("late-{}-{}", found.format("%Y%m%dT%HZ"), gravest.level),
        alert: Some(gravest.example.clone()),
        level: gravest.level,
        route: Route::Notification,
        question: gravest.question,
        rule: None,
        rule_name: None,
        tenant: None,
        headline: if alerts == 1 {
            "1 alert about older events".to_owned()
        } else {
            format!("{alerts} alerts about older events")
        },
        facts: summed
            .iter()
            .take(MOST_LATE)
            .map(|each| Fact { label: each.title.clone(), value: format!("{} {}", each.alerts, each.level) })
            .collect(),
        count: alerts,
        first,
        last,
        why,
        what_to_do: vec!["List them, the gravest first, and go through those of the level high and above.".to_owned()],
        places: Vec::new(),
        look: format!("immuta-watch alerts --notify{since} --lake {lake}"),
        possibly_repeated: false,
    })
}

/// A summary names this many rules at the most.
const MOST_LATE: usize = 8;

/// What a notice says, beside what all have in common.
pub(super) struct NoticeText {
    pub(super) level: Level,
    pub(super) headline: String,
    pub(super) facts: Vec<Fact>,
    pub(super) why: Vec<String>,
    pub(super) what_to_do: Vec<String>,
    pub(super) look: String,
}

/// The message of a notice.
pub(super) fn notice(
    alert: crate::alerts::AlertId,
    rule: &str,
    rule_name: &str,
    at: DateTime<Utc>,
    text: NoticeText,
) -> Message {
    let NoticeText { level, headline, facts, why, what_to_do, look } = text;
    Message {
        kind: Kind::Notice,
        id: alert.to_string(),
        alert: Some(alert),
        level,
        route: Route::Both,
        question: Question::Watcher,
        rule: Some(rule.to_owned()),
        rule_name: Some(rule_name.to_owned()),
        tenant: None,
        headline,
        facts,
        count: 1,
        first: Some(at),
        last: Some(at),
        why,
        what_to_do,
        places: Vec::new(),
        look,
        possibly_repeated: false,
    }
}
