//! What outlives an invocation: connections, and the pack in force; and what is done beside the exports.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use immuta_watch::aws::{self, S3Client, SdkConfig};
use immuta_watch::function::telemetry::{Line, Metric, Severity};
use immuta_watch::function::{InForce, InForceError, Settings, load};
use immuta_watch::lake::S3Store;
use immuta_watch::lake::{Store, SystemClock, names};
use immuta_watch::notify::{Notice, Office, Senders, Tally, read_notice};
use tokio::sync::Mutex;

use crate::invocation::Invocation;
use crate::log::Log;

/// How many entries of the outbox that other invocations left behind one invocation tries to deliver.
const OTHERS: usize = 20;

/// One of those is begun only if so much time is left: two failed attempts at a destination take as long.
const TIME_FOR_AN_ENTRY: Duration = Duration::from_secs(30);

/// The function.
pub(crate) struct Classifier {
    pub(crate) settings: Settings,
    pub(crate) s3: S3Client,
    pub(crate) store: S3Store,
    pub(crate) senders: Senders,
    /// The lake's address, as messages name it
    pub(crate) lake: String,
    pub(crate) log: Log,
    /// What was in force when it was last looked at
    known: Mutex<Option<Arc<InForce>>>,
}

impl Classifier {
    pub(crate) fn new(settings: Settings, aws: &SdkConfig) -> Self {
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
    pub(crate) async fn in_force(&self, invocation: &Invocation) -> Result<Arc<InForce>, InForceError> {
        let mut known = self.known.lock().await;
        let found = load(&self.store, &self.settings, known.as_ref()).await?;
        let is_news = known.as_ref().is_none_or(|known| known.current != found.current);
        if is_news {
            match self.tell_of_changes(&found).await {
                Ok(()) => *known = Some(Arc::clone(&found)),
                // Not known, so it is tried again with the next invocation; exports need not wait for it.
                Err(reason) => {
                    let line = invocation.line(Severity::Warn, "Notice failed.").with("reason", reason);
                    self.log.write(&line);
                }
            }
        }
        Ok(found)
    }

    /// Tells of every change of what is in force that was not told of before.
    async fn tell_of_changes(&self, in_force: &InForce) -> Result<(), String> {
        for notice in in_force.changes() {
            let known = read_notice(&self.store, &notice.id()).await.map_err(|error| error.to_string())?;
            if known.is_some() {
                // Those before it were told of when it was.
                break;
            }
            self.tell(in_force, &notice).await?;
        }
        Ok(())
    }

    /// Announces a notice and delivers it.
    pub(crate) async fn tell(&self, in_force: &InForce, notice: &Notice) -> Result<Tally, String> {
        let entry = notice.announce(&self.store, &self.lake, Utc::now()).await.map_err(|error| error.to_string())?;
        self.office(in_force).deliver_entry(&entry).await.map_err(|error| error.to_string())
    }

    /// Delivers messages by the configuration in force.
    pub(crate) fn office<'o>(&'o self, in_force: &'o InForce) -> Office<'o, S3Store, Senders> {
        Office {
            store: &self.store,
            messenger: &self.senders,
            clock: &SystemClock,
            notify: in_force.notify(),
            lake: &self.lake,
        }
    }

    /// Delivers what other invocations could not, as far as time allows.
    pub(crate) async fn deliver_the_rest(&self, in_force: &InForce, invocation: &Invocation) {
        let mut tally = Tally::default();
        let mut reason = None;
        match self.store.list(names::OUTBOX).await {
            Err(error) => reason = Some(error.to_string()),
            Ok(entries) => {
                for entry in entries.into_iter().take(OTHERS) {
                    if Instant::now() + TIME_FOR_AN_ENTRY > invocation.deadline {
                        break;
                    }
                    match self.office(in_force).deliver_entry(&entry.name).await {
                        Ok(came_of_it) => tally += came_of_it,
                        Err(error) => reason = Some(error.to_string()),
                    }
                }
            }
        }
        if tally == Tally::default() && reason.is_none() {
            return;
        }
        let severity = if reason.is_some() { Severity::Warn } else { Severity::Info };
        let mut line = tallied(invocation.line(severity, "Outbox delivered."), tally);
        if let Some(reason) = reason {
            line = line.with("reason", reason);
        }
        self.log.write(&line);
    }
}

/// A line with what came of delivering.
pub(crate) fn tallied(line: Line, tally: Tally) -> Line {
    line.with("sent", tally.sent)
        .with("folded", tally.folded)
        .count(Metric::PendingDeliveries, tally.pending)
        .count(Metric::PossiblyRepeated, tally.possibly_repeated)
        .count(Metric::RejectedDeliveries, tally.rejected)
}
