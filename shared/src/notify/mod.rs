//! From an alert to the people concerned: what is said, in which form, to which destination, and the record that says
//! whether it was.
//!
//! [`Message`] is what is said, before any form. `render` gives it the form of a destination and is pure; `senders`
//! hand it over. What was handed over, and what has yet to be, stands in delivery records in the lake.

mod message;
mod messenger;

pub use message::{Fact, Kind, Message, Place};
pub use messenger::{Messenger, Sent};
