//! Notifications that Immuta could not deliver, since the function was gone or answered wrong: fetched from the history of
//! its webhooks, or asked for again. Nothing that goes wrong here stops the rest of the task.

use std::time::Instant;

use chrono::{DateTime, Utc};
use immuta_watch::function::telemetry::{Line, Metric, Severity};
use immuta_watch::function::{InForce, Invocation};
use immuta_watch::immuta::{Access, Body, Client, How, Kept as Of, Remembered, Undelivered, undelivered};
use immuta_watch::lake::{Condition, Judge, Kept, Store, find_receipt, keep, names};
use immuta_watch::webhook::LARGEST_BODY;
use tokio::time::{Instant as Until, timeout_at};

use crate::task::Sweeper;

/// What of the time left may be used: the rest is for the exports.
const SHARE: f64 = 0.3;

/// How many notifications are seen to in one run; the others are for the next.
const MOST: usize = 200;

/// What a run came to.
#[derive(Debug, Default)]
struct Fetched {
    /// Records of the history that were read
    records: usize,
    /// Those that say that a webhook of ours failed
    failed: usize,
    /// Those of ours that do not say how they ended
    unclear: u64,
    /// Fetched now
    kept: u64,
    /// Had arrived after all
    arrived: u64,
    /// Immuta was asked to send them again
    asked: u64,
    /// Were sent again since they were asked for, and failed again
    failed_again: u64,
    /// Can neither be read nor asked for
    unusable: u64,
    /// Left for the next run
    left: u64,
    /// Whether all of the history was read
    is_complete: bool,
    /// What went wrong, of the first that did
    reason: Option<String>,
}

impl Fetched {
    fn went_wrong(&mut self, reason: impl Into<String>) {
        self.reason.get_or_insert_with(|| reason.into());
    }

    fn line(self, line: Line) -> Line {
        let is_odd = self.failed_again + self.unusable + self.left + self.unclear > 0 || !self.is_complete;
        let severity = match &self.reason {
            Some(_) => Severity::Error,
            None if is_odd || self.kept + self.asked > 0 => Severity::Warn,
            None => Severity::Info,
        };
        let line = line
            .at_least(severity)
            .with("records", self.records)
            .with("failed", self.failed)
            .with("kept", self.kept)
            .with("arrived", self.arrived)
            .with("asked", self.asked)
            .with("failed_again", self.failed_again)
            .with("unusable", self.unusable)
            .with("unclear", self.unclear)
            .with("left", self.left)
            .with("complete", self.is_complete)
            .count(Metric::WebhooksRecovered, self.kept + self.asked)
            .count(Metric::HistoryFailed, self.reason.is_some().into());
        match self.reason {
            Some(reason) => line.with("reason", reason),
            None => line,
        }
    }
}

impl Sweeper {
    /// Sees to what Immuta could not deliver within the last days, if it is said how to ask it, and says what came of it.
    pub(crate) async fn fetch_undelivered(&self, in_force: &InForce, invocation: &Invocation) {
        let Some(access) = &self.desk.settings.immuta else { return };
        let until = Instant::now() + invocation.left().mul_f64(SHARE);
        let mut fetched = Fetched::default();
        if let Err(reason) = self.fetch(access, in_force, invocation, until, &mut fetched).await {
            fetched.went_wrong(reason);
        }
        self.desk.log.write(&fetched.line(invocation.line(Severity::Info, "Webhook history read.")));
    }

    async fn fetch(
        &self,
        access: &Access,
        in_force: &InForce,
        invocation: &Invocation,
        until: Instant,
        fetched: &mut Fetched,
    ) -> Result<(), String> {
        let store = &self.desk.store;
        let asking = self.history(access, fetched);
        let asked = timeout_at(Until::from_std(until), asking).await;
        let (client, failed) = asked.map_err(|_| "Immuta took too long to answer".to_owned())??;
        let (mut known, condition) =
            Remembered::read(store, &access.tenant).await.map_err(|error| error.to_string())?;
        let now = Utc::now();
        let before = known.clone();
        known.forget_old(&failed, now);
        let mut due: Vec<&Undelivered> = failed.iter().filter(|found| !known.is_done(found, now)).collect();
        fetched.left = due.len().saturating_sub(MOST) as u64;
        due.truncate(MOST);

        let judge = Judge { pack: &in_force.pack, configuration: &in_force.configuration, lake: &self.desk.lake };
        let office = self.desk.office(in_force, invocation);
        let mut ask = Vec::new();
        for (number, found) in due.iter().enumerate() {
            if Instant::now() >= until || !known.has_room() {
                fetched.left += (due.len() - number) as u64;
                break;
            }
            let how = match (&found.record.body, found.record.time) {
                (Some(body), Some(time)) if body.bytes.len() <= LARGEST_BODY => {
                    match self.take_in(&judge, found, body, time.min(now)).await {
                        Ok((how, outbox)) => {
                            let (_, error) = office.deliver(&outbox).await;
                            if let Some(error) = error {
                                fetched.went_wrong(error.to_string());
                            }
                            how
                        }
                        Err(reason) => {
                            fetched.left += 1;
                            fetched.went_wrong(reason);
                            continue;
                        }
                    }
                }
                (Some(body), _) if body.bytes.len() > LARGEST_BODY => How::Unusable,
                _ if found.record.id.is_none() => How::Unusable,
                // By what was known before: what this run asks for has had no time to fail.
                _ if before.is_of_our_asking(found) => How::FailedAgain,
                _ => {
                    ask.push(*found);
                    How::Asking
                }
            };
            match how {
                How::Kept => fetched.kept += 1,
                How::Arrived => fetched.arrived += 1,
                How::FailedAgain => fetched.failed_again += 1,
                How::Unusable => fetched.unusable += 1,
                How::Asking | How::Asked => {}
            }
            known.enter(found, how, now);
        }
        if known == before {
            return Ok(());
        }
        // Entered before anything is asked for: of two runs at once one asks.
        match known.write(store, condition).await.map_err(|error| error.to_string())? {
            None => Err("another run was quicker; what it leaves is for the next".to_owned()),
            Some(_) if ask.is_empty() => Ok(()),
            Some(etag) => self.ask(&client, &ask, &mut known, Condition::Matches(etag), until, fetched).await,
        }
    }

    /// What could not be delivered to webhooks of ours, and a client that works.
    async fn history(&self, access: &Access, fetched: &mut Fetched) -> Result<(Client, Vec<Undelivered>), String> {
        let key = access.key_from.read(Of::Key, Some(&self.aws)).await.map_err(|error| error.to_string())?;
        let client = Client::new(access.tenant.clone(), key).map_err(|error| error.to_string())?;
        let webhooks = client.webhooks().await.map_err(|error| error.to_string())?;
        let history = client.history().await.map_err(|error| error.to_string())?;
        fetched.records = history.items.len();
        fetched.is_complete = webhooks.is_complete && history.is_complete;
        let (failed, unclear) = undelivered(history.items, &webhooks.items, Utc::now());
        (fetched.failed, fetched.unclear) = (failed.len(), unclear);
        Ok((client, failed))
    }

    /// Keeps and decides a notification, unless it arrived; what its entries in the outbox begin with. What arrived and
    /// was left undecided, days ago perhaps, is decided now.
    async fn take_in(
        &self,
        judge: &Judge<'_>,
        found: &Undelivered,
        body: &Body,
        time: DateTime<Utc>,
    ) -> Result<(How, String), String> {
        let store = &self.desk.store;
        let arrived = find_receipt(store, &found.kind, &body.bytes, body.is_exact, time).await;
        let (how, kept) = if let Some(name) = arrived.map_err(|error| error.to_string())? {
            let kept = Kept::read(store, &name).await.map_err(|error| error.to_string())?;
            (How::Arrived, kept.ok_or_else(|| format!("{name} is gone"))?)
        } else {
            let kept = keep(store, &found.kind, &body.bytes, time).await.map_err(|error| error.to_string())?;
            (How::Kept, kept)
        };
        let decided = store.get(&names::decision(&kept.name)).await.map_err(|error| error.to_string())?;
        if decided.is_none() {
            judge.decide(store, &kept, Utc::now()).await.map_err(|error| error.to_string())?;
        }
        Ok((how, judge.outbox_of(&kept)))
    }

    /// Asks Immuta to send notifications again, and enters which it took. What stays entered as being asked for, because
    /// this run was ended, is asked for again by a later one.
    async fn ask(
        &self,
        client: &Client,
        ask: &[&Undelivered],
        known: &mut Remembered,
        condition: Condition,
        until: Instant,
        fetched: &mut Fetched,
    ) -> Result<(), String> {
        for found in ask {
            let Some(id) = &found.record.id else { continue };
            let at = Utc::now();
            match timeout_at(Until::from_std(until), client.retry(id)).await {
                Ok(Ok(())) => {
                    known.enter(found, How::Asked, at);
                    fetched.asked += 1;
                }
                Ok(Err(error)) => {
                    known.take_back(found);
                    fetched.left += 1;
                    fetched.went_wrong(error.to_string());
                }
                Err(_) => {
                    fetched.left += 1;
                    fetched.went_wrong("there was no time to ask for all of them");
                }
            }
        }
        match known.write(&self.desk.store, condition).await {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err("another run wrote over what was asked for; some may be asked for again".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}
