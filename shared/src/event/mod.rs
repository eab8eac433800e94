//! One audit record as a typed, borrowing view: *known envelope, open payload*.
//!
//! A field that is missing, null, of another type or new never loses an event. [`Record::parse`] refuses only what
//! is no JSON object, or says neither what happened (`auditPayload.type`) nor `action` and `targetType` in its stead.

pub mod fields;
pub mod json;
pub mod key;
pub mod kind;
mod party;
mod record;
mod sensitivity;
mod service;
pub mod time;

pub use fields::{Field, Fields};
pub use json::{DEEPEST, Json, View};
pub use key::EventKey;
pub use party::Party;
pub use record::{Event, Record, Unreadable};
pub use service::Service;
