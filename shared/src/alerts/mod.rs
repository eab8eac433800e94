//! Alerts: what somebody may have to act on. The matches of one rule with one alert key in one window.
//!
//! An alert is a fold. Every export leaves its own contribution under the alert's id; reading the alert merges the
//! contributions, in any order, and nobody overwrites anybody. The same event in two exports counts once.

mod alert;
mod contribution;
mod id;

pub use alert::Alert;
pub use contribution::{Contribution, EXAMPLES, Example, Finding};
pub use id::{AlertId, NotAnAlertId};
