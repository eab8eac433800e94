//! The commit of an export: the steps that make the lake whole whatever happens between any two of them.
//!
//! 1. Take the lease.
//! 2. Read the former manifest; an export that is committed already is not classified again.
//! 3. Classify.
//! 4. Enter every file that will be written or removed in the lease.
//! 5. Write the files under their names.
//! 6. Where people are to be told: leave in the outbox what the commit will have to tell, unless it is in force already.
//! 7. Leave word of which signals come and go, for correlations.
//! 8. Write the manifest, if it is still the former one: the commit point.
//! 9. Remove what was touched and is not in the new manifest.
//! 10. Give the lease back.
//!
//! After a crash the lease is still there and names what may have been touched; the next attempt takes it over, writes
//! the same bytes under the same names, and cleans up.

use std::collections::BTreeSet;
use std::future::Future;
use std::io::{self, Read};

use arrow_schema::ArrowError;
use chrono::{DateTime, TimeDelta, Utc};

use super::clock::Clock;
use super::lease::{self, Asked, Lease, LeaseError};
use super::manifest::{CommittedFile, Manifest, VERSION};
use super::names;
use super::store::{Condition, ETag, Store, StoreError, Written};
use super::touched::Touched;
use crate::RELEASE;
use crate::alerts::Contribution;
use crate::event::Service;
use crate::export::{Ending, Source};
use crate::findings::{Blob, ClassifyError, Context, Findings, classify};

/// The version of an export's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Changes with the content
    pub etag: String,
    /// The length in bytes
    pub bytes: u64,
}

/// An export that can be read, more than once if need be.
pub trait OpenExport: Sync {
    /// Where it lies.
    fn source(&self) -> &Source;
    /// Its version now; `None` if it is gone.
    fn version(&self) -> impl Future<Output = io::Result<Option<Version>>> + Send;
    /// Its bytes from the beginning.
    fn open(&self) -> impl Future<Output = io::Result<Box<dyn Read + Send>>> + Send;
}

/// Puts together what a commit has to tell.
pub trait Announce: Send {
    /// Is shown every contribution to an alert as it is written.
    fn take(&mut self, contribution: &Contribution);
    /// What to leave in the outbox; none if there is nothing to tell.
    fn entry(&mut self, manifest: &Manifest) -> Option<Vec<u8>>;
}

/// What became of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was classified and committed.
    Committed(Box<Manifest>),
    /// It had been committed before, in this version.
    AlreadyCommitted(Box<Manifest>),
    /// Another process is at work on it, until then at most.
    Busy(DateTime<Utc>),
    /// It is no longer there.
    Gone,
}

/// An export could not be committed. What was written of it is not in the lake, since no manifest names it; committing
/// again mends it.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The export cannot be read.
    #[error("the export cannot be read: {0}")]
    Export(#[source] io::Error),
    /// It was replaced while it was read.
    #[error("the export changed while it was read; run again once it is complete")]
    Changed,
    /// It could not be classified.
    #[error(transparent)]
    Classify(#[from] ClassifyError),
    /// A file could not be made.
    #[error("a file for the lake could not be made: {0}")]
    File(#[from] ArrowError),
    /// The lake cannot be read or written.
    #[error("the lake failed: {0}")]
    Store(#[from] StoreError),
    /// The former manifest is damaged.
    #[error(
        "the manifest {name} is damaged ({reason}); `immuta-watch verify` says what else is, `run --again` writes it anew"
    )]
    Manifest {
        /// Its name
        name: String,
        /// What is wrong with it
        reason: String,
    },
    /// The lease ran out.
    #[error("the work took longer than its lease, and another process may have taken it over; run again")]
    LeaseLost,
}

impl From<LeaseError> for CommitError {
    fn from(error: LeaseError) -> Self {
        match error {
            LeaseError::Lost => Self::LeaseLost,
            LeaseError::Store(error) => Self::Store(error),
        }
    }
}

/// A lake that exports are committed to.
#[derive(Clone, Copy)]
pub struct Lake<'l, S> {
    /// What holds it
    pub store: &'l S,
    /// The clock that leases go by
    pub clock: &'l dyn Clock,
    /// How long an attempt takes at the most: its lease lasts hardly longer, so that nobody waits for one that died
    pub longest: TimeDelta,
}

impl<'l, S: Store> Lake<'l, S> {
    /// A lake to which attempts may take as long as a Lambda function can run.
    #[must_use]
    pub fn new(store: &'l S, clock: &'l dyn Clock) -> Self {
        Self { store, clock, longest: lease::DURATION }
    }
}

impl<S: Store> Lake<'_, S> {
    /// Commits an export, unless it is committed already in this version. With `again` it is classified all the same.
    /// With `announce`, what it has to tell is left in the outbox; without, nobody is told.
    ///
    /// Classifying takes the calling thread: run one commit per thread.
    ///
    /// # Errors
    /// [`CommitError`]. Whatever it is, committing again is safe.
    pub async fn commit(
        &self,
        export: &impl OpenExport,
        context: &Context<'_>,
        again: bool,
        announce: Option<&mut (dyn Announce + '_)>,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<Outcome, CommitError> {
        let source = export.source();
        let Some(version) = export.version().await.map_err(CommitError::Export)? else { return Ok(Outcome::Gone) };
        let former = self.former(source, again).await?;
        let is_current = |former: &Option<(Manifest, ETag)>| {
            former.as_ref().filter(|(manifest, _)| !again && manifest.etag == version.etag).map(|found| found.0.clone())
        };
        if let Some(manifest) = is_current(&former)
            && self.store.get(&names::lease(&source.id)).await?.is_none()
        {
            return Ok(Outcome::AlreadyCommitted(Box::new(manifest)));
        }
        let mut lease = match Lease::ask(self.store, &source.id, self.clock.now(), self.longest).await? {
            Asked::Held(lease) => lease,
            Asked::Busy { until } => return Ok(Outcome::Busy(until)),
        };
        // Read again: it may have been committed while the lease was asked for.
        let former = self.former(source, again).await?;
        if let Some(manifest) = is_current(&former)
            && !lease.follows_an_unfinished_attempt()
        {
            lease.release(self.clock.now()).await?;
            return Ok(Outcome::AlreadyCommitted(Box::new(manifest)));
        }

        let findings = match Self::read(export, &version, context, progress).await {
            Ok(findings) => findings,
            Err(error) => {
                // Nothing was written yet. Should the lease stay, it runs out; what counts is why the work ended.
                let _ = lease.give_up(self.clock.now()).await;
                return Err(error);
            }
        };

        let former_files = former.iter().flat_map(|(manifest, _)| manifest.file_names());
        let planned = findings.planned_files().into_iter().map(|(area, date)| names::file(area, date, &source.id));
        lease.plan(planned.chain(former_files).collect::<Vec<_>>(), self.clock.now()).await?;
        // What was committed already was left in the outbox then; here somebody died before the work was done. Left there
        // once more on another day, old alerts would be told in a second summary.
        let told = former.as_ref().map(|(manifest, _)| manifest).filter(|_| !again);
        let former_manifest = former.as_ref().map(|(manifest, _)| manifest);
        let touched = Touched::by(self.store, &findings, &source.id, former_manifest, announce.is_some()).await?;
        let manifest = self.write_files(source, &version, findings, context, &mut lease, (announce, told)).await?;
        lease.keep(self.clock.now()).await?;
        let word = touched.leave(self.store, &manifest).await?;

        let condition = former.map_or(Condition::Absent, |(_, etag)| Condition::Matches(etag));
        lease.keep(self.clock.now()).await?;
        let name = names::manifest(&source.id);
        if self.store.put_if(&name, manifest.encode(), condition).await? == Written::Conflict {
            return Err(CommitError::LeaseLost);
        }

        let committed: BTreeSet<String> = manifest.file_names().collect();
        // Only what this source can have written is removed, whatever a manifest or lease that was changed may say.
        let is_its_own = |name: &&String| names::is_of(name, &source.id);
        for name in lease.touched().clone().difference(&committed).filter(is_its_own) {
            lease.keep(self.clock.now()).await?;
            self.store.remove(name).await?;
        }
        lease.keep(self.clock.now()).await?;
        Touched::clear_before(self.store, &source.id, word.as_ref()).await?;
        lease.release(self.clock.now()).await?;
        Ok(Outcome::Committed(Box::new(manifest)))
    }

    /// Classifies this version of the export, and no other.
    async fn read(
        export: &impl OpenExport,
        version: &Version,
        context: &Context<'_>,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<Findings, CommitError> {
        let bytes = export.open().await.map_err(CommitError::Export)?;
        let findings = classify(export.source(), bytes, context, progress)?;
        match export.version().await.map_err(CommitError::Export)? {
            Some(found) if found == *version => Ok(findings),
            _ => Err(CommitError::Changed),
        }
    }

    /// The export's manifest as it stands. With `again`, a damaged one counts as none, since it is replaced.
    async fn former(&self, source: &Source, again: bool) -> Result<Option<(Manifest, ETag)>, CommitError> {
        let name = names::manifest(&source.id);
        let Some(stored) = self.store.get(&name).await? else { return Ok(None) };
        match serde_json::from_slice::<Manifest>(&stored.content) {
            Ok(manifest) => Ok(Some((manifest, stored.etag))),
            Err(_) if again => Ok(Some((Manifest::nothing(source), stored.etag))),
            Err(error) => Err(CommitError::Manifest { name, reason: error.to_string() }),
        }
    }

    async fn write_files(
        &self,
        source: &Source,
        version: &Version,
        findings: Findings,
        context: &Context<'_>,
        lease: &mut Lease<'_, S>,
        (mut announce, told): (Option<&mut (dyn Announce + '_)>, Option<&Manifest>),
    ) -> Result<Manifest, CommitError> {
        let mut manifest = Manifest {
            etag: version.etag.clone(),
            bytes: version.bytes,
            plain_bytes: findings.plain_bytes,
            compression: findings.compression,
            ended_early: match &findings.ending {
                Ending::Complete => None,
                Ending::Early(reason) => Some(reason.clone()),
            },
            first_event: findings.span.map(|(first, _)| first),
            last_event: findings.span.map(|(_, last)| last),
            pack: context.pack.hash().to_owned(),
            configuration: context.configuration.hash(),
            counts: findings.counts,
            ..Manifest::nothing(source)
        };
        let mut visit = |contribution: &Contribution| {
            if let Some(announce) = announce.as_deref_mut() {
                announce.take(contribution);
            }
        };
        for file in findings.into_files(&mut visit)? {
            let mut file = file?;
            let name = names::file(file.area, file.date, &source.id);
            lease.keep(self.clock.now()).await?;
            self.store.put(&name, &mut file.blob).await?;
            let (bytes, sha256) = (file.blob.bytes(), file.blob.sha256().to_owned());
            manifest.files.push(CommittedFile { name, rows: file.rows, bytes, sha256 });
        }
        manifest.files.sort_by(|a, b| a.name.cmp(&b.name));
        let manifest = manifest.sealed();
        let is_told = told.is_some_and(|told| told.made_from() == manifest.made_from());
        if let Some(entry) = announce.filter(|_| !is_told).and_then(|announce| announce.entry(&manifest)) {
            let name = names::outbox(&source.id, &manifest.made_from());
            lease.keep(self.clock.now()).await?;
            self.store.put(&name, &mut Blob::of(&entry)).await?;
        }
        Ok(manifest)
    }
}

impl Manifest {
    /// What tells the commits of an export apart.
    pub(super) fn made_from(&self) -> [&str; 4] {
        [&self.etag, &self.pack, &self.configuration, &self.release]
    }

    /// A manifest of an export that yielded nothing.
    pub(super) fn nothing(source: &Source) -> Self {
        Self {
            manifest_version: VERSION,
            service: Service::Audit,
            source: source.id.clone(),
            uri: source.uri.clone(),
            etag: String::new(),
            bytes: 0,
            plain_bytes: 0,
            compression: crate::export::Compression::None,
            ended_early: None,
            first_event: None,
            last_event: None,
            release: RELEASE.to_owned(),
            pack: String::new(),
            configuration: String::new(),
            counts: crate::findings::Counts::default(),
            files: Vec::new(),
            seal: String::new(),
        }
    }
}
