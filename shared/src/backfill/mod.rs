//! Backfill: exports that lie in S3 already are put into the queue, as if S3 had just told of them.
//!
//! What reads the queue does the rest, and its retries and its dead-letter queue hold for these messages, too. An export
//! that is committed already is not classified again, so that feeding one twice does no harm.

mod notification;
mod queue;

pub use notification::notification;
pub use queue::{Feeder, FeederError, MESSAGES_AT_ONCE};
