//! What the Lambda functions have in common: their settings, the pack in force, their log, and how they tell people.

mod begin;
mod correlating;
mod desk;
mod in_force;
mod invocation;
mod key_ring;
mod log;
mod outbox;
mod settings;
pub mod telemetry;

pub use begin::begin;
pub use desk::{Desk, tallied};
pub use in_force::{InForce, InForceError, load};
pub use invocation::{Invocation, milliseconds_since};
pub use key_ring::{KeyRing, KeyRingError};
pub use log::{Log, write_what_others_say};
pub use outbox::Delivered;
pub use settings::{Settings, SettingsError, WebhookKeys};
