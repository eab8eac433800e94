//! An impact for the terminal, and as JSON.

use anyhow::Result;
use immuta_watch::event::time;
use immuta_watch::report::impact::{
    Certainty, Change, Compared, Comparison, Counts, Impact, Interval, Limit, List, NothingLeft, Scope, Share, Window,
    ratio, share,
};
use serde_json::{Value, json};

use super::impact::heading;
use crate::terminal::{BOLD, Cell, DIM, Table, counted, harmless, number, say, styled, wrapped};

/// So many names of a list are shown.
const SHOWN: usize = 10;

pub(super) fn print(impact: &Impact) -> Result<()> {
    print_head(&impact.change)?;
    say!("\n{}", wrapped(&impact.verdict(), "", ""))?;
    let mut facts = Table::new(&[]);
    let mut fact = |name: &str, value: String| facts.row(vec![Cell::styled(DIM, name), Cell::plain(value)]);
    fact("counted", harmless(&impact.scope.in_words(), 400));
    fact("before", in_words(impact.windows.before));
    fact("after", in_words(impact.windows.after));
    say!("\n{}", facts.lines())?;
    heading("What was counted")?;
    say!("{}", table_of(impact).lines())?;
    let moves = &impact.inside.moves;
    let left =
        format!("read after the change, not before (as {} read before, not after)", number(moves.users_left.total));
    print_list("Users newly reached", &left, &moves.users_reached)?;
    print_list("Users newly denied", "read before, and are refused after", &moves.users_denied)?;
    // Of the only object in scope a list says nothing that the counts do not.
    if !matches!(&impact.scope, Scope::Objects(names) if names.all().len() == 1) {
        print_list("Objects newly reached", "read after the change, not before", &moves.objects_reached)?;
        print_list("Objects newly denied", "read before, and are refused after", &moves.objects_denied)?;
    }
    let limits = limits(impact);
    if !limits.is_empty() {
        heading("To bear in mind")?;
        for limit in limits {
            say!("{}", wrapped(&limit, "  - ", "    "))?;
        }
    }
    Ok(())
}

pub(super) fn print_nothing_left(change: &Change, nothing: &NothingLeft) -> Result<()> {
    print_head(change)?;
    say!("\n{}", wrapped(&nothing.to_string(), "", ""))?;
    Ok(())
}

fn print_head(change: &Change) -> Result<()> {
    let (kind, name) = (harmless(&change.kind, 60), harmless(&change.in_words(), 160));
    say!("{} · {name}", styled(BOLD, kind))?;
    let by = harmless(change.actor.as_deref().unwrap_or("unknown"), 100);
    say!("  {} by {by}  {}", time::text(change.time), styled(DIM, format!("event {}", change.event)))?;
    Ok(())
}

fn in_words(window: Window) -> String {
    let (start, end) = (window.start.format("%a %Y-%m-%d %H:%M"), window.end.format("%a %Y-%m-%d %H:%M"));
    let minutes = (window.end - window.start).num_minutes().unsigned_abs();
    let length = match minutes {
        minutes if minutes.is_multiple_of(24 * 60) => counted(minutes / (24 * 60), "day"),
        minutes if minutes.is_multiple_of(60) => counted(minutes / 60, "hour"),
        minutes => format!("{} {}", counted(minutes / 60, "hour"), counted(minutes % 60, "minute")),
    };
    format!("{start} to {end} UTC, {length}")
}

/// A line of the table: what it is called, and where it stands.
type Count = (&'static str, fn(&Counts) -> u64);

/// What is counted of events: their number can be compared as one of two independent counts.
const EVENTS: [Count; 6] = [
    ("queries", |counts| counts.queries),
    ("denied", |counts| counts.denied),
    ("failed", |counts| counts.failed),
    ("on sensitive data", |counts| counts.sensitive),
    ("grants", |counts| counts.grants),
    ("removals", |counts| counts.removals),
];

/// What is counted of names, of which each counts once.
const NAMES: [Count; 3] = [
    ("users who read", |counts| counts.readers),
    ("users denied", |counts| counts.users_denied),
    ("objects read", |counts| counts.objects_read),
];

fn table_of(impact: &Impact) -> Table {
    let mut table = Table::new(&[1, 2]);
    let elsewhere = if impact.outside.is_some() { "ELSEWHERE" } else { "" };
    table.head(&["", "BEFORE", "AFTER", "CHANGE (95 %)", elsewhere]);
    let (before, after) = (&impact.inside.before, &impact.inside.after);
    let outside = |count: fn(&Counts) -> u64| {
        impact.outside.as_ref().map(|outside| (count(&outside.before), count(&outside.after)))
    };
    for (name, count) in EVENTS {
        let (from, to) = (count(before), count(after));
        let rest = outside(count);
        if from + to == 0 && rest.is_none_or(|(from, to)| from + to == 0) {
            continue;
        }
        let times = |(from, to)| ratio(from, to, Certainty::Usual).map_or_else(String::new, times_in_words);
        table.row(vec![
            Cell::plain(name),
            Cell::plain(number(from)),
            Cell::plain(number(to)),
            Cell::plain(times((from, to))),
            dim(rest.map_or_else(String::new, times)),
        ]);
        if name == "denied" {
            table.row(share_row(impact));
        }
    }
    for (name, count) in NAMES {
        let rest = outside(count).filter(|(from, to)| from + to > 0);
        table.row(vec![
            Cell::plain(name),
            Cell::plain(number(count(before))),
            Cell::plain(number(count(after))),
            Cell::plain(""),
            dim(rest.map_or_else(String::new, |(from, to)| format!("{} → {}", number(from), number(to)))),
        ]);
    }
    table
}

fn share_row(impact: &Impact) -> Vec<Cell> {
    let percent = |counts: &Counts| {
        let found = share(Share { part: counts.denied, whole: counts.queries }, Certainty::Usual);
        found.map_or_else(|| "–".to_owned(), |found| format!("{:.1} %", found.estimate * 100.0))
    };
    let effect = impact.denied_share(Certainty::Usual);
    let inside = effect.map(|effect| effect.inside).map_or_else(String::new, points_in_words);
    let outside = effect.and_then(|effect| effect.outside).map_or_else(String::new, points_in_words);
    vec![
        Cell::plain("denied share"),
        Cell::plain(percent(&impact.inside.before)),
        Cell::plain(percent(&impact.inside.after)),
        Cell::plain(inside),
        dim(outside),
    ]
}

/// A cell in a faint style; an empty one has none, so that no blanks end the line.
fn dim(text: String) -> Cell {
    if text.is_empty() { Cell::plain(text) } else { Cell::styled(DIM, text) }
}

fn points_in_words(found: Interval) -> String {
    let Interval { low, estimate, high } = found;
    format!("{:+.1} points ({:+.1} to {:+.1})", estimate * 100.0, low * 100.0, high * 100.0)
}

fn times_in_words(found: Interval) -> String {
    let one = |number: f64| {
        if number.is_infinite() {
            "∞".to_owned()
        } else if number >= 10.0 {
            format!("{number:.0}")
        } else {
            format!("{number:.2}")
        }
    };
    let range = format!("({} to {})", one(found.low), one(found.high));
    if found.estimate.is_infinite() {
        format!("from none {range}")
    } else {
        format!("× {} {range}", one(found.estimate))
    }
}

fn print_list(title: &str, meaning: &str, list: &List) -> Result<()> {
    if list.total == 0 {
        return Ok(());
    }
    heading(&format!("{title}: {}", number(list.total)))?;
    say!("  {}", styled(DIM, format!("{meaning}; with how many queries")))?;
    let mut table = Table::new(&[0]);
    for listed in list.first.iter().take(SHOWN) {
        let name = harmless(&listed.name, 100);
        let name = match &listed.called {
            Some(called) => format!("{name} ({})", harmless(called, 60)),
            None => name,
        };
        table.row(vec![Cell::plain(number(listed.queries)), Cell::plain(name)]);
    }
    say!("{}", table.lines())?;
    let more = list.total.saturating_sub(SHOWN as u64);
    if more > 0 {
        say!("  and {} more", number(more))?;
    }
    Ok(())
}

/// What limits the comparison, in sentences.
fn limits(impact: &Impact) -> Vec<String> {
    let mut limits: Vec<String> = impact.windows.limits.iter().map(Limit::in_words).collect();
    if impact.change.names.is_empty() {
        limits.push(format!(
            "The event does not name its {}, so that other changes of the same cannot be told.",
            impact.change.family.as_str()
        ));
    }
    if impact.change.is_of_a_whole_policy() && matches!(impact.scope, Scope::Objects(_)) {
        limits.push(
            "The policy may be on more data sources: only those that it came to or left after the change are counted."
                .to_owned(),
        );
    }
    let queries = |compared: &Compared| compared.before.queries + compared.after.queries;
    if queries(&impact.inside) == 0 && impact.outside.as_ref().is_some_and(|outside| queries(outside) > 0) {
        limits.push(
            "Queries may call the same thing by another name than the change does: no query in either window has the \
             name that the change gives."
                .to_owned(),
        );
    }
    if impact.outside.is_none() {
        limits.push("Everything was counted, so there is nothing left to tell it from a change everywhere.".to_owned());
    }
    limits
}

/// The comparison as one JSON object.
pub(super) fn as_json(found: &Comparison) -> Value {
    let impact = match found {
        Comparison::Made(impact) => impact,
        Comparison::NotPossible(change, nothing) => {
            let limits: Vec<String> = nothing.0.iter().map(Limit::in_words).collect();
            return json!({ "change": change, "comparable": false, "verdict": nothing.to_string(), "limits": limits });
        }
    };
    let ratios = |compared: &Compared| -> Value {
        let of = |(name, count): &Count| {
            (
                name.replace("on sensitive data", "sensitive"),
                json!(ratio(count(&compared.before), count(&compared.after), Certainty::Usual)),
            )
        };
        Value::Object(EVENTS.iter().map(of).collect())
    };
    let part = |compared: &Compared| {
        json!({
            "before": compared.before, "after": compared.after, "ratios": ratios(compared), "moves": compared.moves,
        })
    };
    json!({
        "change": impact.change,
        "comparable": true,
        "verdict": impact.verdict(),
        "notable": impact.is_notable(),
        "scope": {
            "kind": impact.scope.as_str(), "names": impact.scope.names(), "in_words": impact.scope.in_words(),
        },
        "before": impact.windows.before,
        "after": impact.windows.after,
        "weeks_between": impact.windows.weeks,
        "limits": limits(impact),
        "denied_share": impact.denied_share(Certainty::Usual),
        "share_reached": impact.share_reached(Certainty::Usual),
        "inside": part(&impact.inside),
        "outside": impact.outside.as_ref().map(part),
    })
}
