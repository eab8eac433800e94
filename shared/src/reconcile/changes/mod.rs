//! Webhooks against exports: whether each notification has its event in the audit log, and each event of a kind that
//! webhooks tell of its notification.
//!
//! A notification whose event never comes is told of: the audit log loses events, or somebody takes them out. An event
//! without its notification may be the same at the other end; but a tenant may have told of that kind never or now and
//! then, so it is told of only once notifications of that kind have proved to come ([`MatchRate`]).
//!
//! Nothing is compared twice: a run looks at the receipts and ledger files that were written since the last one. It holds in
//! memory the names of a week's receipts, those notifications that it is at, and a batch of a ledger's rows.

mod known;
mod rate;
mod receipts;
mod run;

pub use known::{Known, KnownError, Settled, Waiting};
pub use rate::{Day, MatchRate};
pub use run::{Counts, Due, Run, RunError};
