//! Who was told of an alert, in words: a part of `explain`.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use chrono::{DateTime, Days, NaiveTime, SubsecRound, Utc};
use immuta_watch::alerts::{Alert, AlertId};
use immuta_watch::event::time;
use immuta_watch::lake::Store;
use immuta_watch::notify::{
    Delivery, Message, State, Summary, Telling, deliveries_of, is_in_the_outbox, summaries_since,
};
use immuta_watch::rules::Route;
use serde_json::{Value, json};

/// Who was told.
pub(super) struct Told {
    /// Whether it is to be told to anybody
    notifies: bool,
    /// How each destination was told, or is to be
    destinations: BTreeMap<String, Telling>,
    /// Whether something of it is still to be delivered
    is_in_the_outbox: bool,
    /// Summaries of old alerts that may speak of it; none where it was told otherwise
    perhaps_in_summaries: Vec<Summary>,
}

impl Told {
    pub(super) async fn of_alert(store: &impl Store, alert: &Alert) -> Result<Self> {
        let detail = alert.detail();
        let mut told = Self::of(store, &detail.rule, detail.window_start, &detail.alert).await?;
        told.notifies = detail.route > Route::Dashboard;
        if told.notifies && told.destinations.is_empty() && !told.is_in_the_outbox {
            // An alert is old enough for a summary a day after its last event at the earliest.
            let last = detail.last.unwrap_or(detail.window_start).date_naive();
            let first = last.checked_add_days(Days::new(1)).unwrap_or(last);
            told.perhaps_in_summaries = summaries_since(store, first).await.context(UNREADABLE)?;
        }
        Ok(told)
    }

    pub(super) async fn of_notice(store: &impl Store, notice: &Message) -> Result<Self> {
        let id = notice.alert.as_ref().context("the notice has no id")?;
        let rule = notice.rule.as_deref().unwrap_or_default();
        Self::of(store, rule, id.date().and_time(NaiveTime::MIN).and_utc(), id).await
    }

    async fn of(store: &impl Store, rule: &str, start: DateTime<Utc>, alert: &AlertId) -> Result<Self> {
        Ok(Self {
            notifies: true,
            destinations: deliveries_of(store, rule, start, alert).await.context(UNREADABLE)?,
            is_in_the_outbox: is_in_the_outbox(store, alert).await.context(UNREADABLE)?,
            perhaps_in_summaries: Vec::new(),
        })
    }

    pub(super) fn as_json(&self) -> Value {
        json!({
            "notifies": self.notifies, "destinations": self.destinations, "in_the_outbox": self.is_in_the_outbox,
            "perhaps_in_summaries": self.perhaps_in_summaries,
        })
    }

    /// A sentence for each destination, and for what is true of all.
    pub(super) fn in_words(&self) -> Vec<(Option<String>, String)> {
        let mut lines: Vec<(Option<String>, String)> = self
            .destinations
            .iter()
            .map(|(destination, telling)| {
                let how = match telling {
                    Telling::ByItself(delivery) => delivery_in_words(delivery),
                    Telling::AmongMany(many) => format!(
                        "not by itself, but among {} alerts of its rule and window in one message: {}",
                        many.alerts,
                        delivery_in_words(&many.delivery)
                    ),
                };
                (Some(destination.clone()), how)
            })
            .collect();
        for Summary { day, destination, summary } in &self.perhaps_in_summaries {
            let how = delivery_in_words(&summary.delivery);
            let how =
                format!("perhaps in the summary of {} old alerts that were found on {day}: {how}", summary.alerts);
            lines.push((Some(destination.clone()), how));
        }
        if self.is_in_the_outbox {
            lines.push((None, "It is in the outbox: what is missing here has yet to be delivered.".to_owned()));
        } else if lines.is_empty() && self.notifies {
            let nobody = "Nobody: there is no delivery record of it. What it comes of was committed without telling anybody, or \
                          no route of the configuration led to a destination.";
            lines.push((None, nobody.to_owned()));
        } else if lines.is_empty() {
            lines.push((None, "Nobody: it is for the dashboard only.".to_owned()));
        }
        lines
    }
}

const UNREADABLE: &str = "the delivery records cannot be read";

/// Where a delivery stands.
pub(super) fn delivery_in_words(delivery: &Delivery) -> String {
    let at = time::text(delivery.until.trunc_subsecs(0));
    let reason = delivery.reason.as_deref().unwrap_or("no reason is known");
    let attempts = match delivery.attempts {
        0 | 1 => String::new(),
        attempts => format!(", at attempt {attempts}"),
    };
    let doubt = if delivery.in_doubt { "; it may have been told all the same" } else { "" };
    let how = match delivery.state {
        State::Sent => format!("told at {at}{attempts}"),
        State::PossiblyRepeated => {
            format!("told at {at}{attempts}, possibly repeated: an attempt before may have reached it, too")
        }
        State::Confirmed => {
            let by = delivery.told_by.as_ref().map_or_else(|| "another alert".to_owned(), |by| format!("alert {by}"));
            format!("not told again: it was told of the same change by {by}, which this one confirms")
        }
        State::Rejected => format!("not told, and not tried again since {at}: {reason}{doubt}"),
        State::Pending => format!("not told yet{attempts}: {reason}; tried again after {at}{doubt}"),
        State::Leased => format!("being told; if that is not heard of by {at}, it is told again, marked"),
    };
    match delivery.withdrawn {
        Some(at) => format!("{how}; withdrawn at {}, by events that came later", time::text(at.trunc_subsecs(0))),
        None => how,
    }
}
