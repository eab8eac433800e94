//! What every function that tells people of something has, and what outlives an invocation of it: connections, the log,
//! and the pack in force.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::Mutex;

use super::telemetry::{Line, Metric, Severity};
use super::{InForce, InForceError, Invocation, Log, Settings, load};
use crate::aws::{self, S3Client, SdkConfig};
use crate::config::Destination;
use crate::lake::packs::{self, last_told, note_told};
use crate::lake::{S3Store, SystemClock};
use crate::notify::{Failures, Notice, Office, Senders, Tally, read_notice};

/// The part of a function that has to do with the lake and with people.
pub struct Desk {
    /// What the template sets
    pub settings: Settings,
    /// S3, where exports lie
    pub s3: S3Client,
    /// The lake
    pub store: S3Store,
    /// The lake's address, as messages name it
    pub lake: String,
    /// The log
    pub log: Log,
    senders: Senders,
    /// What was in force when it was last looked at
    known: Mutex<Option<Known>>,
}

/// What was in force when it was last looked at.
struct Known {
    in_force: Arc<InForce>,
    /// Whether the notices of whoever changed it lie in the outbox, or were told
    is_announced: bool,
}

impl Desk {
    /// Makes one. Nothing is asked of AWS yet. `lake` is how S3 is called, `people` how messages and secrets are handed
    /// over: whoever is waited for hurries with the one and not with the other, since a message that is broken off may
    /// have arrived.
    #[must_use]
    pub fn new(settings: Settings, lake: &SdkConfig, people: &SdkConfig) -> Self {
        let s3 = aws::s3(lake);
        Self {
            store: S3Store::new(s3.clone(), &settings.lake),
            senders: Senders::new(people),
            lake: settings.lake.to_string(),
            log: Log::new(settings.function.clone()),
            known: Mutex::new(None),
            s3,
            settings,
        }
    }

    /// The pack in force now. Whoever changed it since this was last asked is told of.
    ///
    /// # Errors
    /// [`InForceError`]
    pub async fn in_force(&self, invocation: &Invocation) -> Result<Arc<InForce>, InForceError> {
        let found = self.look_or_go_on(invocation).await?;
        for entry in self.announce_changes(&found, invocation).await {
            // What cannot be delivered now lies in the outbox.
            let _ = self.office(&found, invocation).deliver_entry(&entry).await;
        }
        Ok(found)
    }

    /// As [`Desk::look`]; but if it cannot be read, what was in force a moment ago: better by that than not at all.
    ///
    /// # Errors
    /// [`InForceError`]
    pub async fn look_or_go_on(&self, invocation: &Invocation) -> Result<Arc<InForce>, InForceError> {
        match self.look().await {
            Err(error @ InForceError::Packs(_)) => {
                let Some(known) = self.known.lock().await.as_ref().map(|known| Arc::clone(&known.in_force)) else {
                    return Err(error);
                };
                let line = invocation.line(Severity::Error, "What is in force cannot be read.");
                self.log.write(&line.with("reason", error.to_string()).count(Metric::PacksUnreadable, 1));
                Ok(known)
            }
            found => found,
        }
    }

    /// The pack in force now, and nobody is told of anything: for whoever must first answer. See
    /// [`Desk::announce_changes`] for what is left to do.
    ///
    /// # Errors
    /// [`InForceError`]
    pub async fn look(&self) -> Result<Arc<InForce>, InForceError> {
        let mut known = self.known.lock().await;
        let found = load(&self.store, &self.settings, known.as_ref().map(|known| &known.in_force)).await?;
        if known.as_ref().is_none_or(|known| known.in_force.current != found.current) {
            *known = Some(Known { in_force: Arc::clone(&found), is_announced: false });
        }
        Ok(found)
    }

    /// Leaves in the outbox what people are to hear of whoever changed what is in force, and gives the names of the
    /// entries. Where that was done before there is none. If the lake fails it is on the log, and is tried again with
    /// the next invocation; other work need not wait for it.
    pub async fn announce_changes(&self, in_force: &InForce, invocation: &Invocation) -> Vec<String> {
        let is_this = |known: &Known| known.in_force.current == in_force.current;
        if self.known.lock().await.as_ref().is_some_and(|known| known.is_announced && is_this(known)) {
            return Vec::new();
        }
        match self.try_to_announce_changes(in_force).await {
            Ok(entries) => {
                // Unless something else was put in force meanwhile, which is to be announced by itself.
                if let Some(known) = self.known.lock().await.as_mut().filter(|known| is_this(known)) {
                    known.is_announced = true;
                }
                entries
            }
            Err(reason) => {
                self.log.write(&invocation.line(Severity::Warn, "Notice failed.").with("reason", reason));
                Vec::new()
            }
        }
    }

    /// Announces every change of what is in force that was not announced before: to the destinations of before and those
    /// of now, whatever routes say, so that nobody changes what is told without its being told.
    async fn try_to_announce_changes(&self, in_force: &InForce) -> Result<Vec<String>, String> {
        let told = last_told(&self.store).await.map_err(|error| error.to_string())?;
        let mut news = Vec::new();
        for notice in in_force.changes() {
            if read_notice(&self.store, &notice.id()).await.map_err(|error| error.to_string())?.is_some() {
                // Those before it were announced before it was.
                break;
            }
            news.push(notice);
        }
        // Something else is in force than was told of last, and no history says since when: it was removed or changed
        // by hand.
        if news.is_empty() && told.as_ref().is_some_and(|told| *told != in_force.current.hash) {
            news.push(in_force.change_from(told.clone()));
        }
        let mut entries = Vec::new();
        for notice in news.iter().rev() {
            let everybody = self.destinations_around(in_force, notice).await;
            let entry = notice.announce(&self.store, &self.lake, Some(everybody), Utc::now()).await;
            entries.push(entry.map_err(|error| error.to_string())?);
        }
        if told.as_ref() != Some(&in_force.current.hash) {
            note_told(&self.store, &in_force.current.hash).await.map_err(|error| error.to_string())?;
        }
        Ok(entries)
    }

    /// Who is to hear of a change: the destinations of what was in force before, where that can still be read, and of
    /// what is now.
    async fn destinations_around(&self, in_force: &InForce, notice: &Notice) -> BTreeMap<String, Destination> {
        let mut destinations = in_force.notify().destinations.clone();
        if let Notice::PackChanged { from: Some(from), .. } = notice
            && let Ok(bundle) = packs::load(&self.store, from).await
            && let Ok(configuration) = bundle.configuration()
        {
            for (name, destination) in configuration.notify.destinations {
                destinations.entry(name).or_insert(destination);
            }
        }
        destinations
    }

    /// Announces a notice and delivers it.
    ///
    /// # Errors
    /// Why the lake failed. A destination that fails is none: what it has to get stays in the outbox.
    pub async fn tell(&self, in_force: &InForce, notice: &Notice, invocation: &Invocation) -> Result<Tally, String> {
        let entry = notice.announce(&self.store, &self.lake, None, Utc::now()).await;
        let entry = entry.map_err(|error| error.to_string())?;
        self.office(in_force, invocation).deliver_entry(&entry).await.map_err(|error| error.to_string())
    }

    /// Announces a notice and delivers it, unless it was announced before: then there is no answer.
    ///
    /// # Errors
    /// Those of [`Desk::tell`]
    pub async fn tell_once(
        &self,
        in_force: &InForce,
        notice: &Notice,
        invocation: &Invocation,
    ) -> Result<Option<Tally>, String> {
        let known = read_notice(&self.store, &notice.id()).await.map_err(|error| error.to_string())?;
        if known.is_some() { Ok(None) } else { self.tell(in_force, notice, invocation).await.map(Some) }
    }

    /// Delivers messages by the configuration in force, as long as the invocation has time.
    #[must_use]
    pub fn office<'o>(&'o self, in_force: &'o InForce, invocation: &Invocation) -> Office<'o, S3Store, Senders> {
        self.office_until(in_force, Some(invocation.until()))
    }

    /// Delivers messages by the configuration in force; no attempt is begun that might not be over by then. Without a
    /// time every attempt is begun: for work that goes on when Lambda next lets the process run.
    #[must_use]
    pub fn office_until<'o>(
        &'o self,
        in_force: &'o InForce,
        until: Option<DateTime<Utc>>,
    ) -> Office<'o, S3Store, Senders> {
        Office {
            store: &self.store,
            messenger: &self.senders,
            clock: &SystemClock,
            notify: in_force.notify(),
            lake: &self.lake,
            until,
            failures: Failures::default(),
        }
    }
}

/// A line with what came of delivering. Somebody should look where a destination refused for good, or nobody is told.
#[must_use]
pub fn tallied(mut line: Line, tally: Tally) -> Line {
    if tally.confirmed > 0 {
        line = line.with("confirmed", tally.confirmed);
    }
    if tally.to_nobody > 0 {
        line = line.with("to_nobody", tally.to_nobody);
    }
    if tally.given_up > 0 {
        line = line.with("given_up", tally.given_up);
    }
    if tally.rejected + tally.to_nobody + tally.given_up > 0 {
        line = line.at_least(Severity::Warn);
    }
    line.with("sent", tally.sent)
        .with("folded", tally.folded)
        .count(Metric::PendingDeliveries, tally.pending)
        .count(Metric::PossiblyRepeated, tally.possibly_repeated)
        .count(Metric::RejectedDeliveries, tally.rejected)
}
