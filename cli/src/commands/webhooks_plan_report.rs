//! What `webhooks plan` and `webhooks register` print.

use std::collections::BTreeMap;

use anyhow::Result;
use immuta_watch::immuta::{OURS, Plan, Planned, State, Webhook};
use serde_json::{Value, json};

use super::webhooks::minute;
use super::webhooks_plan::{Compared, Outcome, Target};
use crate::terminal::{BOLD, Cell, DIM, GREEN, PLAIN, RED, Table, YELLOW, counted, harmless, say, styled};

impl Target<'_> {
    /// Prints the plan, and what became of it.
    pub(super) fn print(&self, found: &Compared, done: &BTreeMap<String, Outcome>) -> Result<()> {
        let plan = &found.plan;
        let pack = &self.selected.name;
        if plan.planned.is_empty() {
            return Ok(say!("No rule of the pack {pack} is about webhooks; name types with --type")?);
        }
        let types = styled(BOLD, counted(plan.planned.len() as u64, "notification type"));
        let to = self.url.of(self.token.as_ref().map(|_| "TOKEN"), "TYPE");
        let why = if self.options.types.is_empty() {
            format!(", which rules of the pack {pack} ask for")
        } else {
            String::new()
        };
        say!("{types}{why}; each to {}", harmless(&to, 300))?;
        let mut table = Table::new(&[]);
        table.head(&["TYPE", "RULES", "WEBHOOK"]);
        for planned in &plan.planned {
            let rules =
                if planned.rules.is_empty() { "no rule asks for it".to_owned() } else { planned.rules.join(", ") };
            let (style, stands) = stands(planned, found.is_asked, done);
            table.row(vec![
                Cell::plain(harmless(&planned.kind, 64)),
                Cell::styled(DIM, harmless(&rules, 60)),
                Cell::styled(style, stands),
            ]);
        }
        say!("{}", table.lines())?;
        self.print_others(plan)?;
        print_notes(found)?;
        self.print_verification()
    }

    /// What else the tenant has. Ours below this address need a look; ours elsewhere may serve another lake.
    fn print_others(&self, plan: &Plan) -> Result<()> {
        let is_left = |webhook: &&Webhook| {
            let kind = self.url.kind_of(&webhook.url);
            kind.is_some_and(|kind| self.options.types.is_empty() || self.wanted.contains_key(kind))
        };
        for other in plan.others.iter().filter(is_left) {
            let (url, id) = (harmless(&other.shown(Some(&self.url)), 200), harmless(&other.id, 40));
            note(&format!("{url} (id {id}) is ours and not needed here; `webhooks remove` removes what is ours"))?;
        }
        let elsewhere = plan.others.iter().filter(|other| self.url.kind_of(&other.url).is_none()).count() as u64;
        let count = |what: &str, count: u64| {
            if count == 0 {
                Ok(())
            } else {
                say!("{}", styled(DIM, format!("  {what}: {}", counted(count, "webhook"))))
            }
        };
        count("Ours, to another address", elsewhere)?;
        Ok(count("Not ours, and left alone", plan.foreign.len() as u64)?)
    }

    /// By what the function knows that it is Immuta.
    fn print_verification(&self) -> Result<()> {
        let how = match (&self.options.secret_from, &self.options.token_from) {
            (Some(_), _) => "Each is signed; the function needs the same secret, by IMMUTA_WATCH_WEBHOOK_SECRET_FROM.",
            (None, Some(_)) => "None is signed, and whoever sees the address knows the token. Prefer --secret-from.",
            (None, None) => {
                return note(
                    "the function takes only what is signed (--secret-from) or has a token in its path (--token-from)",
                );
            }
        };
        Ok(say!("{}", styled(DIM, format!("  {how}")))?)
    }

    /// The same as JSON.
    pub(super) fn json(&self, found: &Compared, what: &str, done: &BTreeMap<String, Outcome>) -> Value {
        let one = |planned: &Planned| {
            let (id, since) = match (&planned.state, done.get(&planned.kind)) {
                (State::Exists(exists), _) => (Some(&exists.id), exists.since),
                (_, Some(Outcome::Created(webhook))) => (Some(&webhook.id), webhook.since),
                _ => (None, None),
            };
            let state = match (&planned.state, done.get(&planned.kind)) {
                (_, Some(Outcome::Created(_))) => "registered",
                (_, Some(Outcome::Failed(_))) => "failed",
                (State::Missing, None) => "missing",
                (State::Exists(_), None) => "exists",
                (State::Unknown, None) => "unknown_type",
            };
            let reason = match done.get(&planned.kind) {
                Some(Outcome::Failed(reason)) => Some(reason),
                _ => None,
            };
            let (is_ours, is_for_it) = match &planned.state {
                State::Exists(exists) => (Some(exists.is_ours), Some(exists.is_for_it)),
                _ => (None, None),
            };
            json!({
                "type": planned.kind, "rules": planned.rules, "url": self.url.shown(&planned.webhook.url),
                "state": state, "id": id, "since": since, "reason": reason, "ours": is_ours, "for_this_type": is_for_it,
            })
        };
        let other = |webhook: &Webhook| json!({ "id": webhook.id, "url": webhook.shown(Some(&self.url)) });
        json!({
            "what": what, "asked": found.is_asked, "webhooks": found.plan.planned.iter().map(one).collect::<Vec<_>>(),
            "others": found.plan.others.iter().map(other).collect::<Vec<_>>(), "foreign": found.plan.foreign.len(),
            "types_unknown": found.types_unknown, "complete": found.is_complete,
        })
    }
}

fn note(text: &str) -> Result<()> {
    Ok(say!("{} {text}", styled(YELLOW, "note"))?)
}

/// What is not as it should be.
fn print_notes(found: &Compared) -> Result<()> {
    for planned in &found.plan.planned {
        let State::Exists(exists) = &planned.state else { continue };
        let (kind, id) = (&planned.kind, harmless(&exists.id, 40));
        if !exists.is_for_it {
            note(&format!("{kind}: Immuta has this webhook for other types (id {id}); remove it and register again"))?;
        } else if !exists.is_ours {
            note(&format!("{kind}: name this webhook \"{OURS}{kind}\" (id {id}), so that `sweep` looks after it"))?;
        }
    }
    if let Some(reason) = &found.types_unknown {
        note(&format!("whether the tenant knows these types could not be asked: {}", harmless(reason, 500)))?;
    }
    if !found.is_complete {
        note("the tenant has more webhooks than it listed; some of these may be there already")?;
    }
    Ok(())
}

/// How it stands with one, in words.
fn stands(planned: &Planned, is_asked: bool, done: &BTreeMap<String, Outcome>) -> (anstyle::Style, String) {
    match (&planned.state, done.get(&planned.kind)) {
        (_, Some(Outcome::Created(webhook))) => (GREEN, format!("registered (id {})", harmless(&webhook.id, 40))),
        (_, Some(Outcome::Failed(reason))) => (RED, format!("not registered: {}", harmless(reason, 300))),
        (State::Missing, None) if is_asked => (YELLOW, "to be registered".to_owned()),
        (State::Missing, None) => (PLAIN, "needed".to_owned()),
        (State::Unknown, None) => (RED, "the tenant does not know this type".to_owned()),
        (State::Exists(exists), None) => {
            let since = exists.since.map_or_else(String::new, |since| format!(", since {}", minute(since)));
            (GREEN, format!("there (id {}{since})", harmless(&exists.id, 40)))
        }
    }
}
