//! From an alert to the people concerned: what is said, in which form, to which destination, and the record that says
//! whether it was.
//!
//! [`Announcer`] puts together what an export has to tell while its findings are written; it is left in the lake's outbox
//! before the manifest. [`Office`] delivers what the outbox holds, by the records of [`Book`]. [`Message`] is what is
//! said, before any form; [`Messenger`] hands it over.

mod announcement;
mod book;
mod closing;
mod compose;
mod confirmation;
mod deliver;
mod deliveries;
mod message;
mod messenger;
mod notice;
mod open_book;
pub mod render;
mod round;
pub(crate) mod senders;
mod withdrawal;

pub use announcement::{Announcement, Announcer, Candidate, Closing, Commit, Late, RuleWindow, Settled, Surplus};
pub use book::{Beyond, Book, Claim, Delivery, Folded, Item, State};
pub use deliver::{DeliverError, Failures, Office, Tally, written};
pub use deliveries::{Summary, Telling, deliveries_of, is_in_the_outbox, summaries_since, withdrawn};
pub use message::{Fact, Kind, Message, Place};
pub use messenger::{Messenger, Sent};
pub use notice::{AccessMoved, HeldTogether, Notice, read_notice};
pub use senders::Senders;
pub use withdrawal::Withdrawn;
