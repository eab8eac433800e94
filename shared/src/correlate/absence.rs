//! Something happened, and what should have come with it did not.

use std::collections::VecDeque;

use super::sliding::Hit;
use crate::rules::Look;

/// What is known of one group, as time goes on.
#[derive(Debug, Default)]
pub(super) struct Awaited {
    /// When what should come with it last came
    last_other: Option<i64>,
    /// What happened and has yet to be followed, the oldest first
    waiting: VecDeque<i64>,
    /// What nothing came with
    alone: Vec<i64>,
}

impl Awaited {
    /// Takes a hit in; hits come in the order of time, and at one moment what happened comes before what should come with
    /// it. `timespan` is in microseconds.
    pub(super) fn take(&mut self, hit: &Hit, look: Look, timespan: i64) {
        self.give_up_before(hit.time.saturating_sub(timespan));
        if hit.position == 0 {
            let was_there = look != Look::After && self.last_other.is_some_and(|other| hit.time - other <= timespan);
            if !was_there {
                self.waiting.push_back(hit.time);
            }
            return;
        }
        self.last_other = Some(hit.time);
        if look == Look::Before {
            // What is at the same moment counts as before.
            self.waiting.retain(|time| *time < hit.time);
        } else {
            self.waiting.clear();
        }
    }

    /// What waited for longer than the timespan is alone.
    fn give_up_before(&mut self, oldest: i64) {
        while self.waiting.front().is_some_and(|time| *time < oldest) {
            self.alone.extend(self.waiting.pop_front());
        }
    }

    /// What nothing came with, and what something may yet come with: that which is due after `complete`, up to which the
    /// log is known to be whole. Both in order of time.
    pub(super) fn judged(mut self, look: Look, timespan: i64, complete: i64) -> (Vec<i64>, Vec<i64>) {
        self.alone.extend(self.waiting);
        let due = |time: &i64| if look == Look::Before { *time } else { time.saturating_add(timespan) };
        self.alone.into_iter().partition(|time| due(time) < complete)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, EventKey, Record};

    const SPAN: i64 = 10;

    fn key() -> EventKey {
        Event::of(&Record::parse(br#"{"auditPayload":{"type":"X"}}"#).unwrap()).key()
    }

    fn alone(look: Look, hits: &[(i64, u16)], complete: i64) -> (Vec<i64>, Vec<i64>) {
        let mut awaited = Awaited::default();
        for (time, position) in hits {
            awaited.take(&Hit { time: *time, position: *position, event: key(), group: 0, value: 0 }, look, SPAN);
        }
        awaited.judged(look, SPAN, complete)
    }

    #[test]
    fn what_is_followed_in_time_is_not_alone() {
        assert_eq!(alone(Look::After, &[(1, 0), (11, 1)], 99), (vec![], vec![]));
        assert_eq!(alone(Look::After, &[(1, 0), (12, 1)], 99), (vec![1], vec![]));
        assert_eq!(alone(Look::After, &[(1, 1), (2, 0)], 99), (vec![2], vec![]));
        assert_eq!(alone(Look::After, &[(1, 0), (1, 1)], 99), (vec![], vec![]));
    }

    #[test]
    fn before_and_around_look_back() {
        assert_eq!(alone(Look::Before, &[(1, 1), (11, 0)], 99), (vec![], vec![]));
        assert_eq!(alone(Look::Before, &[(1, 1), (12, 0), (13, 1)], 99), (vec![12], vec![]));
        assert_eq!(alone(Look::Before, &[(3, 0), (3, 1)], 99), (vec![], vec![]));
        assert_eq!(alone(Look::Around, &[(12, 0), (13, 1)], 99), (vec![], vec![]));
        assert_eq!(alone(Look::Around, &[(1, 1), (12, 0), (23, 1)], 99), (vec![12], vec![]));
    }

    #[test]
    fn nothing_is_judged_before_the_log_is_whole() {
        assert_eq!(alone(Look::After, &[(1, 0), (5, 0)], 15), (vec![1], vec![5]));
        assert_eq!(alone(Look::Before, &[(1, 0), (5, 0)], 5), (vec![1], vec![5]));
    }
}
