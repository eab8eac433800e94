//! Immuta's webhooks: from a request to an event. Beside the exports this is the other way in, within seconds of a change.
//!
//! [`Request`] says what came, [`Keys`] whether it came from Immuta, and [`Notification`] what it tells of, as a record like
//! those of exports, so that the same derived fields and the same pack serve both. Nothing of a body is looked at before it
//! is verified. Pure: time comes in as an argument, and what is kept and told of it is the business of [`crate::lake`] and
//! [`crate::notify`].

mod body;
mod decision;
mod receipt;
mod request;
mod said;
mod signature;
mod slack;

pub use body::Notification;
pub(crate) use decision::VERSION as DECISION_VERSION;
pub use decision::{Decided, Decision, Outcome};
pub use receipt::{Receipt, ReceiptError, SAME_WITHIN, repeat_of};
pub use request::{LARGEST_BODY, Refusal, Request, is_kind};
pub use signature::{Keys, NoKeys};
