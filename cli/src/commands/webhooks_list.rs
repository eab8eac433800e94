//! `webhooks list` and `webhooks remove`: the webhooks of ours, how their last requests ended, and taking them away.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use immuta_watch::event::Service;
use immuta_watch::immuta::{FunctionUrl, HistoryRecord, Outcome, Webhook};
use serde_json::json;

use super::webhooks::{client, minute, read};
use crate::arguments::{ListWebhooks, RemoveWebhooks};
use crate::exit::Exit;
use crate::runtime::block_on;
use crate::terminal::{BOLD, Cell, DIM, GREEN, PLAIN, RED, Table, YELLOW, counted, harmless, program, say, styled};

pub(super) fn list(arguments: &ListWebhooks) -> Result<Exit> {
    let client = client(&arguments.tenant.immuta, &arguments.tenant.key)?;
    let webhooks = block_on(client.webhooks())??;
    let (ours, foreign): (Vec<Webhook>, Vec<Webhook>) = webhooks.items.into_iter().partition(Webhook::is_ours);
    // What is there can be said even if nobody knows how it goes.
    let (last, not_known) = match block_on(client.history())? {
        Ok(history) => (last_requests(&ours, history.items), None),
        Err(error) => (BTreeMap::new(), Some(error.to_string())),
    };
    let has_failed = last.values().any(|record| record.outcome == Outcome::Failed);
    let is_odd = has_failed || not_known.is_some() || !webhooks.is_complete;
    let exit = if is_odd { Exit::LookNeeded } else { Exit::Done };
    if arguments.json {
        let one = |webhook: &Webhook| {
            let last = last.get(&webhook.id);
            json!({
                "id": webhook.id, "type": webhook.kind(), "url": webhook.shown(None), "since": webhook.since,
                "last_request": last.and_then(|last| last.time), "last_outcome": last.map(|last| word(last.outcome)),
            })
        };
        let report = json!({
            "webhooks": ours.iter().map(one).collect::<Vec<_>>(), "foreign": foreign.len(),
            "history_unknown": not_known, "complete": webhooks.is_complete,
        });
        say!("{}", serde_json::to_string_pretty(&report)?)?;
        return Ok(exit);
    }
    if ours.is_empty() {
        say!("None of the tenant's {} is ours.", counted(foreign.len() as u64, "webhook"))?;
        say!("\nSee which are needed: {} webhooks plan --immuta {} --url FUNCTION_URL", program(), client.tenant())?;
        return Ok(exit);
    }
    let mut table = Table::new(&[]);
    table.head(&["ID", "TYPE", "ADDRESS", "SINCE (UTC)", "LAST REQUEST (UTC)"]);
    for webhook in &ours {
        let (style, request) = match last.get(&webhook.id) {
            None if not_known.is_some() => (DIM, "not known".to_owned()),
            None => (DIM, "none yet".to_owned()),
            Some(record) => {
                let time = record.time.map_or_else(|| "no time".to_owned(), minute);
                let style = match record.outcome {
                    Outcome::Delivered => GREEN,
                    Outcome::Failed => RED,
                    Outcome::Unclear => PLAIN,
                };
                (style, format!("{time} {}", word(record.outcome)))
            }
        };
        table.row(vec![
            Cell::plain(harmless(&webhook.id, 40)),
            Cell::plain(webhook.kind().map_or_else(|| "none".to_owned(), |kind| harmless(kind, 64))),
            Cell::plain(harmless(&webhook.shown(None), 120)),
            Cell::plain(webhook.since.map_or_else(|| "not known".to_owned(), minute)),
            Cell::styled(style, request),
        ]);
    }
    say!("{}", table.lines())?;
    if !foreign.is_empty() {
        say!("{}", styled(DIM, format!("  Not ours: {}", counted(foreign.len() as u64, "webhook"))))?;
    }
    let note = |text: String| say!("{} {text}", styled(YELLOW, "note"));
    if let Some(reason) = &not_known {
        note(format!("how their requests ended could not be asked: {}", harmless(reason, 500)))?;
    }
    if !webhooks.is_complete {
        note("the tenant has more webhooks than it listed".to_owned())?;
    }
    if has_failed {
        say!(
            "\nA request failed. The log of the function `webhook` says why it refused one, if it reached it; `sweep`"
        )?;
        say!("fetches what failed, where IMMUTA_WATCH_IMMUTA and IMMUTA_WATCH_IMMUTA_KEY_FROM are set.")?;
    }
    Ok(exit)
}

/// The last request of each webhook, by its id; of those without a time, the last that is listed.
fn last_requests(webhooks: &[Webhook], history: Vec<HistoryRecord>) -> BTreeMap<String, HistoryRecord> {
    let mut last: BTreeMap<String, HistoryRecord> = BTreeMap::new();
    for record in history {
        let Some(webhook) = webhooks.iter().find(|webhook| record.is_of(webhook)) else { continue };
        let is_later = last.get(&webhook.id).is_none_or(|known| record.time >= known.time);
        if is_later {
            last.insert(webhook.id.clone(), record);
        }
    }
    last
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Delivered => "delivered",
        Outcome::Failed => "failed",
        Outcome::Unclear => "unclear",
    }
}

pub(super) fn remove(arguments: &RemoveWebhooks) -> Result<Exit> {
    let url: FunctionUrl = read("--url", &arguments.url);
    let client = client(&arguments.tenant.immuta, &arguments.tenant.key)?;
    let webhooks = block_on(client.webhooks())??;
    let types: Vec<&str> = arguments.types.iter().map(|kind| Service::Webhook.spelled(kind)).collect();
    let is_meant = |webhook: &&Webhook| {
        let kind = url.kind_of(&webhook.url);
        webhook.is_ours() && kind.is_some_and(|kind| types.is_empty() || types.contains(&kind))
    };
    let meant: Vec<&Webhook> = webhooks.items.iter().filter(is_meant).collect();
    let left = webhooks.items.len() - meant.len();
    let mut failed = Vec::new();
    let mut removed = 0;
    if !arguments.dry_run {
        for webhook in &meant {
            match block_on(client.remove(&webhook.id))? {
                Ok(()) => removed += 1,
                Err(error) if removed == 0 && failed.is_empty() && meant.len() > 1 => {
                    bail!("{}, the first of {}: {error}; nothing was removed", webhook.id, meant.len())
                }
                Err(error) => failed.push((webhook.id.clone(), error.to_string())),
            }
        }
    }
    let exit = if failed.is_empty() && webhooks.is_complete { Exit::Done } else { Exit::LookNeeded };
    let shown = |webhook: &Webhook| harmless(&webhook.shown(Some(&url)), 200);
    if arguments.json {
        let one = |webhook: &&Webhook| {
            let reason = failed.iter().find(|(id, _)| *id == webhook.id).map(|(_, reason)| reason);
            json!({
                "id": webhook.id, "type": url.kind_of(&webhook.url), "url": webhook.shown(Some(&url)),
                "removed": !arguments.dry_run && reason.is_none(), "reason": reason,
            })
        };
        let report = json!({
            "webhooks": meant.iter().map(one).collect::<Vec<_>>(), "dry_run": arguments.dry_run, "removed": removed,
            "left_alone": left, "complete": webhooks.is_complete,
        });
        say!("{}", serde_json::to_string_pretty(&report)?)?;
        return Ok(exit);
    }
    for webhook in &meant {
        let reason = failed.iter().find(|(id, _)| *id == webhook.id).map(|(_, reason)| reason);
        let what = match reason {
            _ if arguments.dry_run => styled(YELLOW, "would be removed"),
            None => styled(GREEN, "removed"),
            Some(reason) => styled(RED, format!("not removed: {}", harmless(reason, 300))),
        };
        say!("  {} {} {what}", harmless(&webhook.id, 40), shown(webhook))?;
    }
    let count = counted(if arguments.dry_run { meant.len() as u64 } else { removed }, "webhook");
    let verb = if arguments.dry_run { "would be removed" } else { "removed" };
    say!("{} {verb}; {} left alone", styled(BOLD, count), counted(left as u64, "other"))?;
    if !webhooks.is_complete {
        say!("{} the tenant has more webhooks than it listed; call it again", styled(YELLOW, "note"))?;
    }
    Ok(exit)
}
