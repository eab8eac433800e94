//! Immuta's own API: which webhooks a tenant has, registering them, and what Immuta could not deliver.
//!
//! [`Client`] is the edge. What it sends and reads is made and judged by functions without I/O: [`plan()`] says which
//! webhooks are to be registered, [`undelivered`] which notifications never arrived, and [`Remembered`] what was done
//! about them. Of the answers' forms little is documented, so they are read like records of exports: known envelope, open
//! payload. What cannot be read is an error that names the keys that came, never their values.

mod address;
mod client;
mod error;
mod hidden;
mod history;
mod page;
mod plan;
mod record;
mod remembered;
mod webhooks;

pub use address::{AddressError, FunctionUrl, Tenant};
pub use client::{Client, Listed};
pub use error::{ImmutaError, ShapeError};
pub use hidden::{Hidden, Kept, PlaceError, SecretPlace};
pub use history::{Undelivered, YOUNGER_THAN, undelivered};
pub use plan::{Exists, Plan, Planned, State, plan};
pub use record::{Body, HistoryRecord, Outcome};
pub use remembered::{How, Remembered, RememberedError, Seen};
pub use webhooks::{ActionType, Failure, NewWebhook, OURS, Registered, Webhook};

/// How a tenant's API is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The tenant's address
    pub tenant: Tenant,
    /// Where the API key is kept
    pub key_from: SecretPlace,
}
