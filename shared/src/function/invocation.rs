//! Where a piece of work comes from, for the log, and until when it must be done.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, TimeDelta, Utc};

use super::telemetry::{Line, Severity};

/// What of an invocation's time is kept for its end.
const KEPT: Duration = Duration::from_secs(1);

/// One invocation of a function.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Its id, as Lambda gives it
    pub request_id: String,
    /// The message of the queue, if one brought it
    pub message_id: Option<String>,
    /// When Lambda ends the function
    pub deadline: Instant,
}

impl Invocation {
    /// One that ends at a time that Lambda gives in milliseconds since 1970.
    #[must_use]
    pub fn new(request_id: impl Into<String>, deadline: u64) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let left = Duration::from_millis(deadline).saturating_sub(now);
        Self { request_id: request_id.into(), message_id: None, deadline: Instant::now() + left }
    }

    /// The time that is left.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Until when messages may be sent: a little is kept for what comes after.
    #[must_use]
    pub fn until(&self) -> DateTime<Utc> {
        let left = self.left().saturating_sub(KEPT);
        Utc::now() + TimeDelta::from_std(left).unwrap_or_default()
    }

    /// A line of the log about this work.
    #[must_use]
    pub fn line(&self, severity: Severity, message: &'static str) -> Line {
        let line = Line::new(severity, message).with("request_id", self.request_id.clone());
        match &self.message_id {
            Some(message_id) => line.with("message_id", message_id.clone()),
            None => line,
        }
    }
}

/// How long something took, in milliseconds. CloudWatch would count an average down by work that took no time, so it is
/// one at the least.
#[must_use]
pub fn milliseconds_since(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
}
