//! One destination's round through an entry of the outbox: claim, send, settle, one message after the other.

use chrono::{DateTime, TimeDelta, Utc};

use super::announcement::RuleWindow;
use super::book::{Book, Claim, Delivery, Item};
use super::compose;
use super::deliver::{Office, Tally};
use super::message::Message;
use super::messenger::{Messenger, Sent};
use super::open_book::OpenBook;
use crate::alerts::AlertId;
use crate::config::Destination;
use crate::lake::{Store, StoreError};
use crate::rules::Level;

/// A message is sent only if its claim lasts for so much longer: more than one attempt may take.
const ATTEMPT: TimeDelta = TimeDelta::seconds(30);

/// What claiming, sending and entering take at the most, but where S3 is slow as well: reading a secret takes as long as
/// an attempt.
const WHOLE_ATTEMPT: TimeDelta = TimeDelta::seconds(18);

/// What one destination is to get from one delivery record.
pub(super) struct Parcel {
    /// The record's folder
    pub(super) folder: String,
    pub(super) contents: Contents,
}

pub(super) enum Contents {
    /// Alerts of one rule and window
    Alerts(RuleWindow, Messages),
    /// The summary of alerts about old events
    Summary(Box<Message>),
}

/// What one destination is to hear of one rule and window.
#[derive(Default)]
pub(super) struct Messages {
    /// To be told, the gravest first
    pub(super) to_tell: Vec<Message>,
    /// How many more there are
    pub(super) further: u64,
    /// Alerts of whose change it was told by another one, with their levels and that other one
    pub(super) confirmed: Vec<(AlertId, Level, AlertId)>,
}

/// One round to one destination.
pub(super) struct Round<'r, 'o, S, M> {
    pub(super) office: &'r Office<'o, S, M>,
    /// The destination's name
    pub(super) name: &'r str,
    pub(super) destination: Option<&'r Destination>,
    /// What nobody else is called, and this destination's round of no other entry
    pub(super) holder: &'r str,
    /// The entry's name
    pub(super) entry: &'r str,
}

/// What was sent and has yet to be entered.
type Unsettled = Option<(Item, Sent)>;

impl<S: Store, M: Messenger> Round<'_, '_, S, M> {
    /// Hands over all of them. One whose record fails holds up no other; the first error is given at the end, with what
    /// came of it all the same.
    pub(super) async fn hand_over(&self, parcels: Vec<Parcel>) -> (Tally, Option<StoreError>) {
        let (mut tally, mut first_error) = (Tally::default(), None);
        for parcel in parcels {
            let handed_over = self.parcel(parcel, &mut tally).await;
            first_error = first_error.or(handed_over.err());
        }
        (tally, first_error)
    }

    async fn parcel(&self, parcel: Parcel, tally: &mut Tally) -> Result<(), StoreError> {
        let name = format!("{}{}.json", parcel.folder, self.name);
        let mut book = OpenBook::open(self.office.store, name).await?;
        match parcel.contents {
            Contents::Summary(message) => {
                let item = Item::Folded(message.count);
                self.all(&mut book, vec![(item, *message)], tally).await.map(|_| ())
            }
            Contents::Alerts(of, Messages { to_tell, further, confirmed }) => {
                self.confirm(&mut book, &confirmed, tally).await?;
                let gravest = to_tell.first().cloned();
                let items = to_tell
                    .into_iter()
                    .filter_map(|message| Some((Item::Alert(message.alert.clone()?, message.level), message)))
                    .collect();
                let beyond = self.all(&mut book, items, tally).await?;
                tally.folded += beyond.len() as u64 + further;
                match gravest {
                    Some(gravest) if !beyond.is_empty() || further > 0 => {
                        self.tell_of_beyond(&mut book, &of, &gravest, (&beyond, further), tally).await
                    }
                    _ => Ok(()),
                }
            }
        }
    }

    /// Tells that there are more alerts than are told one by one, and sees to it that at the end it is said how many.
    async fn tell_of_beyond(
        &self,
        book: &mut OpenBook<'_, S>,
        of: &RuleWindow,
        gravest: &Message,
        (beyond, further): (&[(AlertId, Level)], u64),
        tally: &mut Tally,
    ) -> Result<(), StoreError> {
        if book.book().beyond.is_empty() {
            self.office.leave_closing(of, self.name, gravest).await?;
        }
        book.update(|book: &mut Book| book.beyond.add(self.entry, beyond, further)).await?;
        let (told, alerts) = (book.book().told_one_by_one(), book.book().in_all());
        let id = format!("storm-{}-{}", of.rule, of.start.format("%Y%m%dT%H%MZ"));
        let message = compose::storm(of, id, gravest, alerts, told, self.office.lake);
        let item = Item::Folded(message.count);
        self.all(book, vec![(item, message)], tally).await.map(|_| ())
    }

    /// Enters all that was told by other alerts, in one write.
    async fn confirm(
        &self,
        book: &mut OpenBook<'_, S>,
        confirmed: &[(AlertId, Level, AlertId)],
        tally: &mut Tally,
    ) -> Result<(), StoreError> {
        if confirmed.is_empty() {
            return Ok(());
        }
        let settled = book.update(|book: &mut Book| {
            let now = self.office.clock.now();
            let settled = confirmed.iter().filter(|(alert, level, by)| book.confirm(alert, *level, by, now));
            settled.count() as u64
        });
        let settled = settled.await?;
        tally.confirmed += settled;
        tally.pending += confirmed.len() as u64 - settled;
        Ok(())
    }

    /// Claims, sends and settles one after the other; the alerts that are not told by themselves.
    pub(super) async fn all(
        &self,
        book: &mut OpenBook<'_, S>,
        items: Vec<(Item, Message)>,
        tally: &mut Tally,
    ) -> Result<Vec<(AlertId, Level)>, StoreError> {
        let mut unsettled: Unsettled = None;
        let mut beyond = Vec::new();
        for (item, message) in &items {
            if self.office.failures.are_enough(self.name) || self.is_too_late() {
                // Not claimed: only what is settled already needs nothing more.
                tally.pending += u64::from(!book.book().needs_nothing(item));
                continue;
            }
            match self.enter(book, unsettled.take(), Some(item)).await? {
                Claim::Settled => {}
                Claim::Folded => {
                    if let Item::Alert(alert, level) = item {
                        beyond.push((alert.clone(), *level));
                    }
                }
                Claim::Later(_) => tally.pending += 1,
                Claim::Send { possibly_repeated } => {
                    unsettled = self.send(book, item, message, possibly_repeated).await;
                    let was_answered = matches!(unsettled, Some((_, Sent::Accepted { .. } | Sent::Rejected { .. })));
                    self.office.failures.note(self.name, !was_answered);
                    *tally += came_of(unsettled.as_ref(), possibly_repeated);
                }
            }
        }
        if unsettled.is_some() {
            self.enter(book, unsettled, None).await?;
        }
        Ok(beyond)
    }

    /// Whether an attempt that is begun now might not be over in time.
    fn is_too_late(&self) -> bool {
        self.office.until.is_some_and(|until| self.office.clock.now() + WHOLE_ATTEMPT > until)
    }

    /// One attempt. None if the claim has too little time left for one: it was not made.
    async fn send(&self, book: &OpenBook<'_, S>, item: &Item, message: &Message, possibly_repeated: bool) -> Unsettled {
        let office = self.office;
        let until: DateTime<Utc> = book.book().delivery(item)?.until;
        let destination = self.destination?;
        if office.clock.now() + ATTEMPT > until {
            let reason = "the claim came too late".to_owned();
            return Some((item.clone(), Sent::NotTaken { reason, retry_after: None }));
        }
        let message = Message { possibly_repeated, ..message.clone() };
        Some((item.clone(), office.messenger.send(self.name, destination, &message).await))
    }

    /// Enters what became of the last attempt and claims the next item, in one write. If the store fails, what is known
    /// of both is entered on the way out: that the one was taken, and that the other was not sent.
    async fn enter(
        &self,
        book: &mut OpenBook<'_, S>,
        unsettled: Unsettled,
        next: Option<&Item>,
    ) -> Result<Claim, StoreError> {
        let office = self.office;
        let give_up = office.notify.max_age.delta();
        let settle = |book: &mut Book, now: DateTime<Utc>| {
            if let Some((item, sent)) = &unsettled {
                book.settle(item, sent, self.holder, give_up, now);
            }
        };
        let entered = book.update(|book: &mut Book| {
            let now = office.clock.now();
            settle(book, now);
            let Some(item) = next else { return Claim::Settled };
            let claim = book.claim(item, office.notify.storm, self.holder, now);
            if let (Claim::Send { .. }, Some(destination)) = (claim, self.destination) {
                book.sent_to(item, &destination.target());
            }
            claim
        });
        let entered = entered.await;
        if let Err(error) = &entered {
            let not_sent = Sent::NotTaken { reason: error.to_string(), retry_after: None };
            let last_words = book.update(|book: &mut Book| {
                let now = office.clock.now();
                settle(book, now);
                if let Some(item) = next {
                    book.settle(item, &not_sent, self.holder, give_up, now);
                }
            });
            // Should that fail as well, the claim runs out, and the message is sent again, marked.
            let _ = last_words.await;
        }
        entered
    }
}

/// What one attempt adds to the tally.
fn came_of(unsettled: Option<&(Item, Sent)>, possibly_repeated: bool) -> Tally {
    let mut tally = Tally::default();
    match unsettled {
        Some((_, Sent::Accepted { .. })) if possibly_repeated => tally.possibly_repeated = 1,
        Some((_, Sent::Accepted { .. })) => tally.sent = 1,
        Some((_, Sent::Rejected { .. })) => tally.rejected = 1,
        Some((_, Sent::NotTaken { .. } | Sent::Unknown { .. })) | None => tally.pending = 1,
    }
    tally
}

impl Book {
    /// Whether an item needs no attempt of anybody's.
    fn needs_nothing(&self, item: &Item) -> bool {
        let is_beyond = || matches!(item, Item::Alert(alert, _) if self.beyond.holds(alert));
        self.delivery(item).map_or_else(is_beyond, Delivery::is_settled)
    }
}
