//! The two windows that are compared: after the change, and the same hours of the same weekdays whole weeks earlier.

use std::collections::BTreeSet;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use serde::Serialize;

use crate::event::time;

/// Changes of the same thing this close to each other are one change: somebody saves a policy three times, or a tag is
/// put on ten columns.
pub const TOGETHER: TimeDelta = TimeDelta::hours(1);
/// Less than this is not compared.
pub const LEAST: TimeDelta = TimeDelta::hours(1);
/// The longest window.
pub const LONGEST: TimeDelta = TimeDelta::days(28);
/// By so much Immuta may take up a query after it ran.
pub const LATENESS: TimeDelta = TimeDelta::hours(24);

const WEEK: TimeDelta = TimeDelta::days(7);

/// From `start` until just before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Window {
    /// When it begins
    pub start: DateTime<Utc>,
    /// When it is over
    pub end: DateTime<Utc>,
}

impl Window {
    /// Whether a time lies in it.
    #[must_use]
    pub fn contains(&self, time: DateTime<Utc>) -> bool {
        self.start <= time && time < self.end
    }

    /// The dates that it touches (UTC).
    pub fn dates(&self) -> impl Iterator<Item = NaiveDate> + use<> {
        let last = (self.end - TimeDelta::microseconds(1)).date_naive();
        self.start.date_naive().iter_days().take_while(move |date| *date <= last)
    }
}

/// How far a lake reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// Its first event
    pub first: DateTime<Utc>,
    /// Its last event
    pub last: DateTime<Utc>,
    /// The dates that it has events of
    pub dates: BTreeSet<NaiveDate>,
}

/// Why windows are shorter than asked for, or mean less than they seem to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Limit {
    /// The same thing was changed again in the window after
    ChangedAgain(DateTime<Utc>),
    /// The same thing was changed in the window before
    ChangedBefore(DateTime<Utc>),
    /// The lake begins within the window before
    Begins(DateTime<Utc>),
    /// The lake ends within the window after
    Ends(DateTime<Utc>),
    /// The same thing was changed between the windows so many times, the last time then
    ChangedBetween(usize, DateTime<Utc>),
    /// So many other changes of the same thing within the hour
    Together(usize),
    /// Dates within the windows that the lake has nothing of
    Empty(Vec<NaiveDate>),
    /// Queries of the window after may still come
    StillArriving(DateTime<Utc>),
}

impl Limit {
    /// Whether it made the windows shorter.
    #[must_use]
    pub fn shortens(&self) -> bool {
        matches!(self, Self::ChangedAgain(_) | Self::ChangedBefore(_) | Self::Begins(_) | Self::Ends(_))
    }

    /// The limit as a sentence.
    #[must_use]
    pub fn in_words(&self) -> String {
        let at = |at: &DateTime<Utc>| time::text(*at);
        match self {
            Self::ChangedAgain(when) => {
                format!("The same was changed again at {}, so both windows end there.", at(when))
            }
            Self::ChangedBefore(when) => {
                format!("The same was changed before, at {}, so both windows begin after it.", at(when))
            }
            Self::Begins(when) => {
                format!("The lake has nothing of the window before until {}, so both windows begin later.", at(when))
            }
            Self::Ends(when) => format!(
                "The lake has nothing of the window after from {} on, so both windows end earlier; queries may come up to a \
                 day late, so that the counts after may still grow.",
                at(when)
            ),
            Self::ChangedBetween(count, last) => format!(
                "The same was changed {} between the two windows, the last time at {}: the difference is that of all of them.",
                times(*count),
                at(last)
            ),
            Self::Together(count) => {
                let noun = if *count == 1 { "change" } else { "changes" };
                format!("{count} more {noun} of the same within an hour of it count as part of it.")
            }
            Self::Empty(dates) => {
                let dates: Vec<String> = dates.iter().map(ToString::to_string).collect();
                format!("The lake has no event at all of {}: an export may be missing.", dates.join(", "))
            }
            Self::StillArriving(last) => format!(
                "The lake's last event is of {}, and queries may come up to a day late: the counts after may still grow.",
                at(last)
            ),
        }
    }
}

fn times(count: usize) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

/// The windows of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Windows {
    /// Before
    pub before: Window,
    /// After, of the same length
    pub after: Window,
    /// By how many weeks the first is earlier
    pub weeks: u32,
    /// What limits the comparison
    pub limits: Vec<Limit>,
}

/// No windows are left.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Before and after cannot be compared: less than an hour is left of the windows. {}",
    .0.iter().filter(|limit| limit.shortens()).map(Limit::in_words).collect::<Vec<_>>().join(" "))]
pub struct NothingLeft(pub Vec<Limit>);

/// The windows as they were asked for, whatever limits them.
#[must_use]
pub fn wanted(change: DateTime<Utc>, span: TimeDelta) -> Windows {
    let weeks = weeks(span);
    let shift = WEEK * i32::try_from(weeks).unwrap_or(4);
    let after = Window { start: change, end: change + span };
    let before = Window { start: after.start - shift, end: after.end - shift };
    Windows { before, after, weeks, limits: Vec::new() }
}

/// As many whole weeks as a span needs.
fn weeks(span: TimeDelta) -> u32 {
    let days = (span - TimeDelta::microseconds(1)).num_days().clamp(0, LONGEST.num_days() - 1);
    u32::try_from(days / 7 + 1).unwrap_or(4)
}

/// The windows of a change, both cut alike where the same thing was changed at other times, or the lake does not reach.
///
/// # Errors
/// [`NothingLeft`] if that leaves less than [`LEAST`].
pub fn matched(
    change: DateTime<Utc>,
    span: TimeDelta,
    others: &[DateTime<Utc>],
    reach: &Reach,
) -> Result<Windows, NothingLeft> {
    let Windows { before, after, weeks, .. } = wanted(change, span);
    let mut limits = Vec::new();
    // Both windows keep the stretch between these two offsets from their beginnings.
    let (mut from, mut until) = (TimeDelta::zero(), span);

    let mut others = others.to_vec();
    others.sort_unstable();
    let (together, others): (Vec<_>, Vec<_>) =
        others.into_iter().partition(|other| (*other - change).abs() <= TOGETHER);
    if let Some(next) = others.iter().find(|other| after.contains(**other)) {
        until = until.min(*next - after.start);
        limits.push(Limit::ChangedAgain(*next));
    }
    if let Some(last) = others.iter().rfind(|other| before.contains(**other)) {
        from = from.max(*last - before.start);
        limits.push(Limit::ChangedBefore(*last));
    }
    let begins = reach.begins_within(&before);
    if begins > before.start {
        from = from.max(begins - before.start);
        limits.push(Limit::Begins(begins));
    }
    let ends = reach.ends_within(&after);
    if ends < after.end {
        until = until.min(ends - after.start);
        limits.push(Limit::Ends(ends));
    }
    // Whole minutes read better; both windows stay within what is known.
    let from = TimeDelta::minutes((from + TimeDelta::seconds(59)).num_minutes());
    let until = TimeDelta::minutes(until.num_minutes());
    if until - from < LEAST {
        return Err(NothingLeft(limits));
    }
    let cut = |window: &Window| Window { start: window.start + from, end: window.start + until };
    let (before_cut, after_cut) = (cut(&before), cut(&after));
    let between: Vec<_> = others.iter().filter(|other| before_cut.end <= **other && **other < change).collect();
    if let Some(last) = between.last() {
        limits.push(Limit::ChangedBetween(between.len(), **last));
    }
    if !together.is_empty() {
        limits.push(Limit::Together(together.len()));
    }
    let dates: BTreeSet<NaiveDate> = before_cut.dates().chain(after_cut.dates()).collect();
    let empty: Vec<NaiveDate> = dates.difference(&reach.dates).copied().collect();
    if !empty.is_empty() {
        limits.push(Limit::Empty(empty));
    }
    if ends >= after.end && reach.last < after_cut.end + LATENESS {
        limits.push(Limit::StillArriving(reach.last));
    }
    Ok(Windows { before: before_cut, after: after_cut, weeks, limits })
}

impl Reach {
    /// From when on the lake has something of a window: days without any event at its beginning are none. A single event
    /// with a clock that was wrong by years would make the lake seem longer than it is.
    fn begins_within(&self, window: &Window) -> DateTime<Utc> {
        let first = window.dates().find(|date| self.dates.contains(date));
        let first = first.map_or(window.end, |date| date.and_time(chrono::NaiveTime::MIN).and_utc());
        first.max(self.first).max(window.start)
    }

    /// Until when the lake has something of a window.
    fn ends_within(&self, window: &Window) -> DateTime<Utc> {
        let last = window.dates().filter(|date| self.dates.contains(date)).last();
        let last = last.and_then(|date| date.checked_add_days(Days::new(1)));
        let last = last.map_or(window.start, |date| date.and_time(chrono::NaiveTime::MIN).and_utc());
        last.min(self.last).min(window.end)
    }
}

#[cfg(test)]
mod tests {
    use super::super::change::samples::time;
    use super::*;

    const CHANGE: &str = "2026-11-10T09:00:00Z";

    /// Every day of October and November 2026.
    fn everything() -> Reach {
        let first = time("2026-10-01T00:00:00Z");
        Reach { first, last: time("2026-11-30T23:00:00Z"), dates: first.date_naive().iter_days().take(61).collect() }
    }

    fn windows(span: TimeDelta, others: &[&str], reach: &Reach) -> Result<Windows, NothingLeft> {
        let others: Vec<_> = others.iter().map(|text| time(text)).collect();
        matched(time(CHANGE), span, &others, reach)
    }

    fn assert_window(window: Window, start: &str, end: &str) {
        assert_eq!(window, Window { start: time(start), end: time(end) });
    }

    #[test]
    fn a_day_is_compared_with_the_same_weekday_a_week_before() {
        let found = windows(TimeDelta::days(1), &[], &everything()).unwrap();
        assert_window(found.after, CHANGE, "2026-11-11T09:00:00Z");
        assert_window(found.before, "2026-11-03T09:00:00Z", "2026-11-04T09:00:00Z");
        assert!(found.limits.is_empty());
        assert_eq!(found.before.dates().count(), 2);
    }

    #[test]
    fn a_long_span_goes_back_as_many_whole_weeks_as_it_needs_and_no_windows_overlap() {
        for (days, weeks) in [(1, 1), (7, 1), (8, 2), (14, 2), (28, 4)] {
            let found = wanted(time(CHANGE), TimeDelta::days(days));
            assert_eq!(found.weeks, weeks, "{days} days");
            assert!(found.before.end <= found.after.start, "{days} days");
            assert_eq!((found.after.start - found.before.start).num_days() % 7, 0);
        }
    }

    #[test]
    fn another_change_afterwards_ends_both_windows() {
        let found = windows(TimeDelta::days(1), &["2026-11-10T15:00:00Z"], &everything()).unwrap();
        assert_window(found.after, CHANGE, "2026-11-10T15:00:00Z");
        assert_window(found.before, "2026-11-03T09:00:00Z", "2026-11-03T15:00:00Z");
        assert_eq!(found.limits, [Limit::ChangedAgain(time("2026-11-10T15:00:00Z"))]);
    }

    #[test]
    fn another_change_in_the_window_before_begins_both_after_it() {
        let found = windows(TimeDelta::days(1), &["2026-11-03T12:00:30Z"], &everything()).unwrap();
        assert_window(found.before, "2026-11-03T12:01:00Z", "2026-11-04T09:00:00Z");
        assert_window(found.after, "2026-11-10T12:01:00Z", "2026-11-11T09:00:00Z");
    }

    #[test]
    fn changes_in_both_windows_that_leave_nothing_are_said() {
        let others = ["2026-11-03T15:00:00Z", "2026-11-10T15:30:00Z"];
        let NothingLeft(limits) = windows(TimeDelta::days(1), &others, &everything()).unwrap_err();
        assert_eq!(limits.len(), 2);
        let said = NothingLeft(limits).to_string();
        assert!(said.contains("15:30:00Z") && said.contains("less than an hour"), "{said}");
    }

    #[test]
    fn changes_within_the_hour_are_part_of_it_and_those_between_the_windows_are_said() {
        let others = ["2026-11-10T09:00:05Z", "2026-11-10T08:30:00Z", "2026-11-06T12:00:00Z", "2026-11-05T12:00:00Z"];
        let found = windows(TimeDelta::days(1), &others, &everything()).unwrap();
        assert_window(found.after, CHANGE, "2026-11-11T09:00:00Z");
        assert_eq!(found.limits, [Limit::ChangedBetween(2, time("2026-11-06T12:00:00Z")), Limit::Together(2)]);
        // A span of whole weeks has the hour before the change in its window before.
        let found = windows(TimeDelta::days(7), &others[..2], &everything()).unwrap();
        assert_eq!(found.after.end - found.after.start, TimeDelta::days(7));
    }

    #[test]
    fn a_lake_that_ends_too_early_ends_both_windows() {
        let last = time("2026-11-10T14:20:31.5Z");
        let dates = everything().dates.into_iter().filter(|date| *date <= last.date_naive()).collect();
        let found = windows(TimeDelta::days(1), &[], &Reach { last, dates, ..everything() }).unwrap();
        assert_window(found.after, CHANGE, "2026-11-10T14:20:00Z");
        assert_window(found.before, "2026-11-03T09:00:00Z", "2026-11-03T14:20:00Z");
        assert_eq!(found.limits, [Limit::Ends(last)]);
        let last = time("2026-11-11T12:00:00Z");
        let dates = everything().dates.into_iter().filter(|date| *date <= last.date_naive()).collect();
        let found = windows(TimeDelta::days(1), &[], &Reach { last, dates, ..everything() }).unwrap();
        assert_eq!(found.limits, [Limit::StillArriving(last)], "it reaches, and more may come");
    }

    #[test]
    fn a_lake_that_begins_too_late_begins_both_windows() {
        let first = time("2026-11-03T20:00:00Z");
        let found = windows(TimeDelta::days(1), &[], &Reach { first, ..everything() }).unwrap();
        assert_window(found.before, "2026-11-03T20:00:00Z", "2026-11-04T09:00:00Z");
        assert_eq!(found.limits, [Limit::Begins(first)]);
        let later = Reach { first: time("2026-11-09T00:00:00Z"), ..everything() };
        assert!(windows(TimeDelta::days(1), &[], &later).is_err());
    }

    #[test]
    fn one_event_of_a_wrong_clock_does_not_make_a_lake_longer() {
        let mut reach = everything();
        reach.dates.retain(|date| *date >= time("2026-11-04T00:00:00Z").date_naive());
        reach.first = time("2019-01-01T00:00:00Z");
        reach.last = time("2031-01-01T00:00:00Z");
        let found = windows(TimeDelta::days(1), &[], &reach).unwrap();
        assert_window(found.before, "2026-11-04T00:00:00Z", "2026-11-04T09:00:00Z");
    }

    #[test]
    fn a_day_without_any_event_is_said() {
        let mut reach = everything();
        let missing = time("2026-11-13T00:00:00Z").date_naive();
        reach.dates.remove(&missing);
        let found = windows(TimeDelta::days(7), &[], &reach).unwrap();
        assert_eq!(found.limits, [Limit::Empty(vec![missing])]);
    }
}
