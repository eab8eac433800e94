//! The end of a storm: once a window is over, one message says how many alerts there were in all.
//!
//! The message about many is sent when the first alert is not told by itself any more, and each commit may bring but one; so
//! it cannot say how many there will be. What is due at the end lies in the outbox until then.

use chrono::TimeDelta;

use super::announcement::{Announcement, Closing, RuleWindow};
use super::book::Item;
use super::compose;
use super::deliver::{Office, Tally};
use super::message::Message;
use super::messenger::Messenger;
use super::open_book::OpenBook;
use super::round::Round;
use crate::lake::{Condition, Store, StoreError, names};

/// So long after the window, or after what came of it later than that: stragglers belong to it as well.
const STRAGGLERS: TimeDelta = TimeDelta::minutes(15);

impl<S: Store, M: Messenger> Office<'_, S, M> {
    /// Leaves in the outbox that a destination is to be told how many there were, unless that is there already.
    pub(super) async fn leave_closing(
        &self,
        of: &RuleWindow,
        destination: &str,
        gravest: &Message,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let end = of.start + TimeDelta::hours(i64::from(of.hours));
        let closing = Closing {
            of: of.clone(),
            destination: destination.to_owned(),
            due: end.max(now) + STRAGGLERS,
            gravest: gravest.clone(),
        };
        let entry = Announcement {
            commit: None,
            everybody: None,
            written: now,
            candidates: Vec::new(),
            surplus: Vec::new(),
            late: Vec::new(),
            withdrawn: Vec::new(),
            closing: Some(closing),
        };
        let name = names::outbox_closing(&of.rule, of.start, destination);
        self.store.put_if(&name, entry.encode(), Condition::Absent).await.map(|_| ())
    }

    /// Tells how many there were, if the window is over and that is more than was said before.
    pub(super) async fn close(&self, entry: &str, closing: &Closing, tally: &mut Tally) -> Result<(), StoreError> {
        let Closing { of, destination, due, gravest } = closing;
        if self.clock.now() < *due {
            return Ok(());
        }
        let record = format!("{}{destination}.json", names::deliveries_of(&of.rule, of.start));
        let mut book = OpenBook::open(self.store, record).await?;
        let said = book.book().folded.as_ref().map_or(0, |folded| folded.alerts);
        let alerts = book.book().closing.as_ref().map_or_else(|| book.book().in_all(), |closing| closing.alerts);
        let to = self.notify.destinations.get(destination);
        if alerts > said && to.is_some() {
            let message = compose::closing(of, gravest, alerts, &book.book().by_level(), self.lake);
            let holder = self.holder();
            let round = Round { office: self, name: destination, destination: to, holder: &holder, entry };
            let before = tally.pending;
            round.all(&mut book, vec![(Item::Closing(alerts), message)], tally).await?;
            if tally.pending > before {
                return Ok(());
            }
        }
        self.store.remove(entry).await
    }
}
