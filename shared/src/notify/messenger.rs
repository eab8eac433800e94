//! Handing a message to a destination, and what may come of it.

use std::future::Future;

use chrono::TimeDelta;

use super::message::Message;
use crate::config::Destination;

/// What became of one attempt to hand a message over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// The destination took it; its own name for it, if it gave one.
    Accepted {
        /// Such as SNS's message id
        reference: Option<String>,
    },
    /// The destination surely did not take it (no connection, 429, 503): trying again later may help and repeats nothing.
    NotTaken {
        /// What went wrong
        reason: String,
        /// How long the destination asks to be left alone
        retry_after: Option<TimeDelta>,
    },
    /// It may have taken it: a time-out, a lost answer, an internal error.
    Unknown {
        /// What went wrong
        reason: String,
    },
    /// It will never take this message: it is malformed in its eyes.
    Rejected {
        /// What it said
        reason: String,
    },
}

/// Hands messages to destinations. Makes one attempt, within a bounded time, and never a hidden second one.
pub trait Messenger: Send + Sync {
    /// Makes one attempt.
    fn send(&self, name: &str, destination: &Destination, message: &Message) -> impl Future<Output = Sent> + Send;
}
