//! `immuta-watch doctor`: one look at everything that a deployment needs.
//!
//! Each check yields a [`Finding`]: what it looked at, what it found, and what to do where that is not well. What asks
//! (the lake, S3, Secrets Manager, SNS) stands at the edge of each file here, and what judges the answers is pure. A check
//! that fails ends no other, and each has [`PATIENCE`] at the most.

mod configuration;
mod destinations;
mod exports;
mod finding;
mod lake;
mod outbox;
mod pack;
mod routes;
mod test_message;
mod webhooks;

pub use configuration::{look_at_calendars, look_at_lists};
pub use destinations::Destinations;
pub use exports::look_at_exports;
pub use finding::{Area, Finding, PATIENCE, Verdict, bounded, worst};
pub use lake::look_at_lake;
pub use outbox::{look_at_deliveries, look_at_outbox};
pub use pack::{InForce, look_at_pack};
pub use routes::look_at_routes;
pub use webhooks::{look_at_keys, look_at_receipts};

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;

/// The settings of AWS clients, so that a call that gets no answer says so itself before its check is given up.
#[must_use]
pub fn patient(settings: &SdkConfig) -> SdkConfig {
    let times = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(4))
        .operation_timeout(Duration::from_secs(8))
        .build();
    settings.to_builder().retry_config(RetryConfig::standard().with_max_attempts(2)).timeout_config(times).build()
}
