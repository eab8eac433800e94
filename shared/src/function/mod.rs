//! What the Lambda functions have in common: their settings, the pack in force, and their log.

mod in_force;
mod settings;
pub mod telemetry;

pub use in_force::{InForce, InForceError, load};
pub use settings::{Settings, SettingsError};
