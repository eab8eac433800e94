//! Deciding about a notification that was kept: judged by a pack, it contributes to alerts and leaves what there is to tell,
//! as an export does; see [`super::notifications`] for the steps.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};

use super::alerts::read_lines;
use super::commit::Announce;
use super::manifest::{CommittedFile, Manifest};
use super::names;
use super::notifications::{DecideError, Kept};
use super::store::{Condition, Store, StoreError, Written};
use crate::RELEASE;
use crate::alerts::{AlertId, Contribution};
use crate::config::Configuration;
use crate::digest;
use crate::event::{Event, Record, Service};
use crate::export::Source;
use crate::findings::{Area, Blob, contributions};
use crate::notify::Announcer;
use crate::rules::Pack;
use crate::webhook::{DECISION_VERSION, Decided, Decision, Notification, Outcome, ReceiptError};

/// What notifications are decided by.
#[derive(Debug, Clone, Copy)]
pub struct Judge<'j> {
    /// The rules
    pub pack: &'j Pack,
    /// The configuration
    pub configuration: &'j Configuration,
    /// The lake's address, as messages name it
    pub lake: &'j str,
}

impl Judge<'_> {
    /// Decides about a notification, and leaves in the outbox what there is to tell.
    ///
    /// # Errors
    /// [`DecideError`]
    pub async fn decide(&self, store: &impl Store, kept: &Kept, now: DateTime<Utc>) -> Result<Decision, DecideError> {
        let Kept { name, receipt } = kept;
        let body = receipt.body().ok_or_else(|| DecideError::Receipt(name.clone(), ReceiptError::NoBody))?;
        let notification = Notification::read(&receipt.kind, &body, receipt.received);
        let outcome = match kept.repeats(store).await? {
            Some(of) => {
                self.decide_if_undecided(store, &of, now).await?;
                Outcome::Repeat { of }
            }
            None => self.judge(store, kept, &notification, now).await?,
        };
        let decision = Decision {
            version: DECISION_VERSION,
            receipt: name.clone(),
            received: receipt.received,
            kind: notification.kind,
            outcome,
        };
        // Should somebody else have decided meanwhile, theirs stands.
        store.put_if(&names::decision(name), decision.encode(), Condition::Absent).await?;
        Ok(decision)
    }

    /// Decides about a notification as if nobody had: what came of it before is removed first. Should this be broken off, the
    /// notification is undecided, and the sweep decides it.
    ///
    /// # Errors
    /// [`DecideError`]
    pub async fn decide_again(
        &self,
        store: &impl Store,
        kept: &Kept,
        now: DateTime<Utc>,
    ) -> Result<Decision, DecideError> {
        let source = kept.source(self.lake).id;
        // So that the sweep looks at all days again.
        store.remove(names::BACKLOG).await?;
        store.remove(&names::decision(&kept.name)).await?;
        store.remove(&names::manifest(&source)).await?;
        for entry in store.list(names::ALERTS).await?.into_iter().filter(|entry| names::is_of(&entry.name, &source)) {
            store.remove(&entry.name).await?;
        }
        self.decide(store, kept, now).await
    }

    /// Decides about what is repeated, should nobody have done so: whoever received it may have died over it, and the
    /// sender have sent it again for that reason.
    async fn decide_if_undecided(&self, store: &impl Store, name: &str, now: DateTime<Utc>) -> Result<(), DecideError> {
        if store.get(&names::decision(name)).await?.is_some() {
            return Ok(());
        }
        let Some(kept) = Kept::read(store, name).await? else { return Ok(()) };
        // In a box, since it is the same function again. It is no repeat itself, so this goes no deeper.
        Box::pin(self.decide(store, &kept, now)).await.map(|_| ())
    }

    /// The name that entries in the outbox about a notification begin with.
    #[must_use]
    pub fn outbox_of(&self, kept: &Kept) -> String {
        names::outbox_of(&kept.source(self.lake).id)
    }

    async fn judge(
        &self,
        store: &impl Store,
        kept: &Kept,
        notification: &Notification,
        now: DateTime<Utc>,
    ) -> Result<Outcome, DecideError> {
        let source = kept.source(self.lake);
        if let Some(outcome) = judged_before(store, &source, notification.is_understood).await? {
            return Ok(outcome);
        }
        let (contributions, matches) = {
            let record = Record::parse(notification.record.as_bytes())
                .map_err(|error| DecideError::Record(kept.name.clone(), error))?;
            let event = Event::of_service(&record, Service::Webhook);
            let (contributions, matches) = contributions(&event, &source.id, self.pack, self.configuration);
            let decided = matches.into_iter().map(|(alert, matched)| Decided {
                rule: matched.rule.id.clone(),
                rule_name: matched.rule.name.clone(),
                question: matched.rule.question,
                window_start: matched.rule.window.start(event.time()),
                alert,
                level: matched.outcome.level,
                route: matched.outcome.route,
            });
            (contributions, decided.collect::<Vec<_>>())
        };
        if !contributions.is_empty() && !self.commit(store, kept, &source, &contributions, now).await? {
            // Somebody else was quicker, perhaps by another pack.
            if let Some(outcome) = judged_before(store, &source, notification.is_understood).await? {
                return Ok(outcome);
            }
        }
        Ok(Outcome::Judged {
            is_understood: notification.is_understood,
            matches,
            pack: self.pack.hash().to_owned(),
            configuration: self.configuration.hash(),
            release: RELEASE.to_owned(),
        })
    }

    /// Writes contributions and what there is to tell, and the manifest last. Whether that is what now stands.
    ///
    /// Without a lease: a function may be frozen for hours between any two of these steps, while somebody else decides by
    /// another pack. So nothing that is there is overwritten, unless nobody committed it.
    async fn commit(
        &self,
        store: &impl Store,
        kept: &Kept,
        source: &Source,
        contributions: &BTreeMap<AlertId, Contribution>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let name = names::manifest(&source.id);
        let content = kept.receipt.encode();
        let mut manifest = Manifest {
            service: Service::Webhook,
            etag: digest::short(&content),
            bytes: content.len() as u64,
            plain_bytes: content.len() as u64,
            pack: self.pack.hash().to_owned(),
            configuration: self.configuration.hash(),
            ..Manifest::nothing(source)
        };
        let mut announcer = Announcer::new(self.pack, &self.configuration.notify, self.lake, &source.uri, now);
        let mut files: BTreeMap<NaiveDate, (Vec<u8>, u64)> = BTreeMap::new();
        for (alert, contribution) in contributions {
            announcer.take(contribution);
            let (lines, rows) = files.entry(alert.date()).or_default();
            lines.extend(serde_json::to_vec(contribution).unwrap_or_default());
            lines.push(b'\n');
            *rows += 1;
        }
        for (date, (lines, rows)) in files {
            let file = names::file(Area::Alerts, Some(date), &source.id);
            let (bytes, sha256) = (lines.len() as u64, digest::full(&lines));
            if !write_unless_committed(store, &file, lines, &name).await? {
                return Ok(false);
            }
            manifest.files.push(CommittedFile { name: file, rows, bytes, sha256 });
        }
        let manifest = manifest.sealed();
        if let Some(entry) = announcer.entry(&manifest) {
            let name = names::outbox(&source.id, &manifest.made_from());
            store.put(&name, &mut Blob::of(&entry)).await?;
        }
        Ok(matches!(store.put_if(&name, manifest.encode(), Condition::Absent).await?, Written::Done(_)))
    }
}

/// Writes a file of a notification that is about to be committed. Whether it stands there now: it does not if the notification
/// was committed meanwhile.
async fn write_unless_committed(
    store: &impl Store,
    file: &str,
    content: Vec<u8>,
    manifest: &str,
) -> Result<bool, StoreError> {
    if store.put_if(file, content.clone(), Condition::Absent).await? != Written::Conflict {
        return Ok(true);
    }
    let Some(stored) = store.get(file).await? else {
        return Err(StoreError::new("write", file, "somebody else is at it"));
    };
    if stored.content == content {
        return Ok(true);
    }
    if store.get(manifest).await?.is_some() {
        return Ok(false);
    }
    // Left by an attempt that died, and that another pack was in force for.
    match store.put_if(file, content, Condition::Matches(stored.etag)).await? {
        Written::Done(_) => Ok(true),
        Written::Conflict => Err(StoreError::new("write", file, "somebody else is at it")),
    }
}

/// What was judged by an attempt that died after it had committed, by whatever pack: that is what people are told of.
async fn judged_before(
    store: &impl Store,
    source: &Source,
    is_understood: bool,
) -> Result<Option<Outcome>, DecideError> {
    let name = names::manifest(&source.id);
    let Some(stored) = store.get(&name).await? else { return Ok(None) };
    let manifest: Manifest = serde_json::from_slice(&stored.content)
        .map_err(|error| StoreError::new("read", &name, format!("the manifest is damaged: {error}")))?;
    let mut matches = Vec::new();
    for file in &manifest.files {
        for found in read_lines::<Contribution>(store, file.name.clone()).await? {
            matches.push(Decided {
                rule: found.rule,
                rule_name: found.rule_name,
                question: found.question,
                window_start: found.window_start,
                alert: found.alert,
                level: found.level,
                route: found.route,
            });
        }
    }
    let Manifest { pack, configuration, release, .. } = manifest;
    Ok(Some(Outcome::Judged { is_understood, matches, pack, configuration, release }))
}
