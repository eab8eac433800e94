//! The lake: everything that exports became, under one prefix, and the protocol that keeps it whole.
//!
//! The lake is a function of the exports and of the pack, configuration and release named in each manifest. Any
//! order, twice, at once, a crash between any two steps: the same files, byte for byte. See [`commit`] for how.

mod accesses;
mod alerts;
mod announced;
mod arrived;
mod at_once;
mod audited;
mod clock;
mod columns;
mod commit;
mod correlate;
mod correlated;
mod directory;
mod impacts;
mod inventory;
mod judge;
mod lease;
mod ledgers;
mod local_export;
mod manifest;
mod memory;
pub mod names;
mod notifications;
mod outbox;
pub mod packs;
mod profiles;
mod s3;
mod signals;
mod standing;
mod store;
mod time_line;
mod touched;
mod verify;
mod watermark;

pub(crate) use at_once::{SMALL_FILES, at_once};

pub use alerts::{ReadError, alerts_committed, read_alert, read_approvals, visit_alerts, visit_alerts_on};
pub use announced::{Announced, announced, received_within};
pub use arrived::find_receipt;
pub use audited::{Audited, AuditedBatch, AuditedFile};
pub use clock::{Clock, SystemClock};
pub use commit::{Announce, CommitError, Lake, OpenExport, Outcome, Version};
pub use correlate::{CorrelateError, CorrelatedTally, Correlator, Taken};
pub(crate) use correlated::{Header, is_correlated, version_of};
pub use directory::DirectoryStore;
pub use impacts::{FindError, NewestChanges, find_change, impacts, newest_changes};
pub use inventory::{ListPlace, keep_list, lists, place_of};
pub use judge::Judge;
pub use ledgers::LedgerFiles;
pub use local_export::LocalExport;
pub use manifest::{CommittedFile, Manifest, dates, read_manifests};
pub use memory::MemoryStore;
pub(crate) use notifications::receipt_source;
pub use notifications::{DecideError, Kept, keep, undecided};
pub use s3::{
    ExportPages, ListedObject, Listing, PassedOver, S3Address, S3AddressError, S3Export, S3Store, is_s3, list_exports,
    was_replaced,
};
pub use standing::{changes, coverage, standing};
pub use store::{Condition, ETag, Entry, Store, StoreError, Stored, Written};
pub use time_line::read_time_line;
pub use verify::{Problem, Verification, verify};
pub use watermark::{move_watermark, remembered_watermark, watermark};
