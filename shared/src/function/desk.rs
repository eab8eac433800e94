//! What every function that tells people of something has, and what outlives an invocation of it: connections, the log,
//! and the pack in force.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::Utc;
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
    known: Mutex<Option<Arc<InForce>>>,
}

impl Desk {
    /// Makes one. Nothing is asked of AWS yet.
    #[must_use]
    pub fn new(settings: Settings, aws: &SdkConfig) -> Self {
        let s3 = aws::s3(aws);
        Self {
            store: S3Store::new(s3.clone(), &settings.lake),
            senders: Senders::new(aws),
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
        let mut known = self.known.lock().await;
        let found = match (load(&self.store, &self.settings, known.as_ref()).await, known.as_ref()) {
            (Ok(found), _) => found,
            // Better by what was in force a moment ago than not at all.
            (Err(error @ InForceError::Packs(_)), Some(known)) => {
                let line = invocation.line(Severity::Error, "What is in force cannot be read.");
                self.log.write(&line.with("reason", error.to_string()).count(Metric::PacksUnreadable, 1));
                return Ok(Arc::clone(known));
            }
            (Err(error), _) => return Err(error),
        };
        let is_news = known.as_ref().is_none_or(|known| known.current != found.current);
        if is_news {
            match self.tell_of_changes(&found, invocation).await {
                Ok(()) => *known = Some(Arc::clone(&found)),
                // Not known, so it is tried again with the next invocation; other work need not wait for it.
                Err(reason) => {
                    let line = invocation.line(Severity::Warn, "Notice failed.").with("reason", reason);
                    self.log.write(&line);
                }
            }
        }
        Ok(found)
    }

    /// Tells of every change of what is in force that was not told of before: the destinations of before and those of
    /// now, whatever routes say, so that nobody changes what is told without its being told.
    async fn tell_of_changes(&self, in_force: &InForce, invocation: &Invocation) -> Result<(), String> {
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
        for entry in entries {
            // What cannot be delivered now lies in the outbox.
            let _ = self.office(in_force, invocation).deliver_entry(&entry).await;
        }
        Ok(())
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

    /// Delivers messages by the configuration in force.
    #[must_use]
    pub fn office<'o>(&'o self, in_force: &'o InForce, invocation: &Invocation) -> Office<'o, S3Store, Senders> {
        Office {
            store: &self.store,
            messenger: &self.senders,
            clock: &SystemClock,
            notify: in_force.notify(),
            lake: &self.lake,
            until: Some(invocation.until()),
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
