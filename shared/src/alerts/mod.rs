//! Alerts: what somebody may have to act on. The matches of one rule with one alert key in one window.
//!
//! An alert is a fold. Every export leaves its own contribution under the alert's id; reading the alert merges the
//! contributions, in any order, and nobody overwrites anybody. The same event in two exports counts once.
//!
//! A grant by a person is worth more unless an approved request stands behind it. The request may lie in any export, so
//! exports leave their approvals beside the contributions, and reading an alert looks there.

mod alert;
mod approval;
mod contribution;
mod id;

pub use alert::Alert;
pub use approval::{Approval, ApprovalKey, Approvals};
pub use contribution::{Contribution, Details, EXAMPLES, Example, Finding, Found, UnlessApproved};
pub use id::{AlertId, NotAnAlertId};
