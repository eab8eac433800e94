//! How sure a comparison of two counts is: intervals, all of them made of Wilson's score interval.
//!
//! It needs no tables, holds for small counts and for none at all, and never leaves the range that a share can have.
//! `docs/impact.md` says which interval is used for what, and what it takes for granted.

use serde::Serialize;

/// How sure one wants to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// Right 95 times in 100: what is usual, and what is shown
    Usual,
    /// Right 999 times in 1,000: what it takes to notify somebody, where hundreds of changes are looked at each day
    High,
}

impl Certainty {
    /// The point of the standard normal distribution that half of what is left lies beyond: an interval has two sides.
    fn z(self) -> f64 {
        match self {
            Self::Usual => 1.959_963_984_540_054,
            Self::High => 3.290_526_731_491_926,
        }
    }
}

/// A number as counted, and between which bounds the number behind it lies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The lower bound
    pub low: f64,
    /// The number as counted; JSON has null for infinity
    pub estimate: f64,
    /// The upper bound; JSON has null for infinity
    pub high: f64,
}

/// So many of so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Share {
    /// Those that count
    pub part: u64,
    /// All
    pub whole: u64,
}

impl Interval {
    /// Whether every number in it is above this one.
    #[must_use]
    pub fn is_above(&self, number: f64) -> bool {
        self.low > number
    }

    /// Whether every number in it is below this one.
    #[must_use]
    pub fn is_below(&self, number: f64) -> bool {
        self.high < number
    }

    /// By how much this is more than another, counted independently: the two half widths are added as the sides of a right
    /// angle are, which is how Newcombe joins two score intervals (and Zou and Donner any two).
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        let estimate = self.estimate - other.estimate;
        let below = (self.estimate - self.low).hypot(other.high - other.estimate);
        let above = (self.high - self.estimate).hypot(other.estimate - other.low);
        Self { low: estimate - below, estimate, high: estimate + above }
    }
}

/// A share, with Wilson's score interval; none if it is of nothing.
#[must_use]
#[allow(clippy::cast_precision_loss)] // counts of events are far below 2^53
pub fn share(share: Share, certainty: Certainty) -> Option<Interval> {
    if share.whole == 0 {
        return None;
    }
    let (part, whole) = (share.part.min(share.whole) as f64, share.whole as f64);
    let estimate = part / whole;
    let z = certainty.z();
    let squared = z * z;
    let middle = (part + squared / 2.0) / (whole + squared);
    let half = z * (part * (whole - part) / whole + squared / 4.0).sqrt() / (whole + squared);
    // At the ends the bound is the end itself, which rounding would miss by a hair.
    let low = if share.part == 0 { 0.0 } else { (middle - half).clamp(0.0, estimate) };
    let high = if share.part >= share.whole { 1.0 } else { (middle + half).clamp(estimate, 1.0) };
    Some(Interval { low, estimate, high })
}

/// By how much a share rose, from -1 to 1: the difference of two independent shares, with Newcombe's hybrid score interval.
/// None if either is of nothing.
#[must_use]
pub fn difference(before: Share, after: Share, certainty: Certainty) -> Option<Interval> {
    Some(share(after, certainty)?.minus(&share(before, certainty)?))
}

/// How many times as many there were after as before, in windows of one length: the ratio of two Poisson counts. Given
/// their sum, the later count is binomial, so that the interval is Wilson's for its share, written as odds. None if there
/// were none at all.
#[must_use]
pub fn ratio(before: u64, after: u64, certainty: Certainty) -> Option<Interval> {
    let of_all = share(Share { part: after, whole: before + after }, certainty)?;
    let odds = |share: f64| if share >= 1.0 { f64::INFINITY } else { share / (1.0 - share) };
    Some(Interval { low: odds(of_all.low), estimate: odds(of_all.estimate), high: odds(of_all.high) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn share(of: Share) -> Option<Interval> {
        super::share(of, Certainty::Usual)
    }

    fn difference(before: Share, after: Share) -> Option<Interval> {
        super::difference(before, after, Certainty::Usual)
    }

    fn ratio(before: u64, after: u64) -> Option<Interval> {
        super::ratio(before, after, Certainty::Usual)
    }

    fn of(part: u64, whole: u64) -> Share {
        Share { part, whole }
    }

    fn assert_near(found: Interval, low: f64, high: f64) {
        // The published values have four digits.
        assert!((found.low - low).abs() < 6e-5 && (found.high - high).abs() < 6e-5, "{found:?} is not {low} to {high}");
    }

    #[test]
    fn wilson_s_interval_is_as_published() {
        // Newcombe, Two-sided confidence intervals for the single proportion (1998), method 3.
        for (part, whole, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
            (29, 29, 0.8830, 1.0),
        ] {
            assert_near(share(of(part, whole)).unwrap(), low, high);
        }
        assert_eq!(share(of(0, 0)), None);
    }

    #[test]
    fn newcombe_s_interval_is_as_published() {
        // Newcombe, Interval estimation for the difference between independent proportions (1998), method 10.
        for (after, before, low, high) in [
            (of(56, 70), of(48, 80), 0.0524, 0.3339),
            (of(9, 10), of(3, 10), 0.1705, 0.8090),
            (of(6, 7), of(2, 7), 0.0582, 0.8062),
            (of(5, 56), of(0, 29), -0.0381, 0.1926),
            (of(0, 10), of(0, 20), -0.1611, 0.2775),
            (of(0, 10), of(0, 10), -0.2775, 0.2775),
            (of(10, 10), of(0, 20), 0.6791, 1.0),
            (of(10, 10), of(0, 10), 0.6075, 1.0),
        ] {
            assert_near(difference(before, after).unwrap(), low, high);
        }
        assert_eq!(difference(of(0, 0), of(1, 2)), None);
    }

    #[test]
    fn a_ratio_follows_from_the_share_of_the_later_count() {
        let found = ratio(10, 30).unwrap();
        let share = share(of(30, 40)).unwrap();
        assert!((found.estimate - 3.0).abs() < 1e-9);
        assert!((found.low - share.low / (1.0 - share.low)).abs() < 1e-9);
        assert!(found.is_above(1.0) && !found.is_below(1.0));
        let (from_none, to_none) = (ratio(0, 5).unwrap(), ratio(5, 0).unwrap());
        assert!(from_none.estimate.is_infinite() && from_none.high.is_infinite() && from_none.low > 1.0);
        assert!(to_none.estimate == 0.0 && to_none.low == 0.0 && to_none.high < 1.0);
        assert_eq!(ratio(0, 0), None);
    }

    #[test]
    fn a_rise_like_the_one_elsewhere_is_no_rise_beyond_it() {
        let inside = difference(of(5, 100), of(15, 100)).unwrap();
        let elsewhere = difference(of(50, 1000), of(150, 1000)).unwrap();
        assert!(inside.is_above(0.0) && !inside.minus(&elsewhere).is_above(0.0));
        let still = difference(of(50, 1000), of(52, 1000)).unwrap();
        assert!(inside.minus(&still).is_above(0.0));
        // Symmetric halves of 3 and 4 make one of 5.
        let made = |half| Interval { low: 10.0 - half, estimate: 10.0, high: 10.0 + half };
        assert_eq!(made(3.0).minus(&made(4.0)), Interval { low: -5.0, estimate: 0.0, high: 5.0 });
    }

    fn shares() -> impl Strategy<Value = Share> {
        (1_u64..5_000).prop_flat_map(|whole| (0..=whole).prop_map(move |part| Share { part, whole }))
    }

    proptest! {
        #[test]
        fn an_interval_holds_its_estimate_and_stays_in_range(before in shares(), after in shares()) {
            let found = difference(before, after).unwrap();
            prop_assert!(found.low <= found.estimate && found.estimate <= found.high);
            prop_assert!(found.low >= -1.0 - 1e-9 && found.high <= 1.0 + 1e-9);
            let found = share(after).unwrap();
            prop_assert!(0.0 <= found.low && found.low <= found.estimate && found.estimate <= found.high && found.high <= 1.0);
            if let Some(found) = ratio(before.part, after.part) {
                prop_assert!(0.0 <= found.low && found.low <= found.estimate && found.estimate <= found.high);
            }
        }

        #[test]
        fn exchanging_before_and_after_turns_the_interval_over(before in shares(), after in shares()) {
            let (there, back) = (difference(before, after).unwrap(), difference(after, before).unwrap());
            prop_assert!((there.low + back.high).abs() < 1e-9 && (there.high + back.low).abs() < 1e-9);
            if before.part > 0 && after.part > 0 {
                let (there, back) = (ratio(before.part, after.part).unwrap(), ratio(after.part, before.part).unwrap());
                prop_assert!((there.low * back.high - 1.0).abs() < 1e-6 && (there.high * back.low - 1.0).abs() < 1e-6);
            }
        }

        #[test]
        fn the_more_was_counted_the_narrower_it_is(before in shares(), after in shares(), times in 2_u64..50) {
            let more = |share: Share| Share { part: share.part * times, whole: share.whole * times };
            let width = |found: Interval| found.high - found.low;
            let (few, many) = (difference(before, after).unwrap(), difference(more(before), more(after)).unwrap());
            prop_assert!(width(many) < width(few));
            let surer = super::difference(before, after, Certainty::High).unwrap();
            prop_assert!(surer.low <= few.low && few.high <= surer.high);
            if before.part > 0 && after.part > 0 {
                let many = ratio(before.part * times, after.part * times).unwrap();
                prop_assert!(width(many) < width(ratio(before.part, after.part).unwrap()));
            }
        }
    }
}
