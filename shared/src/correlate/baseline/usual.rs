//! What is usual among a few numbers of events, however wild one of them is.

use super::as_number;

/// Makes the median absolute deviation of normally distributed numbers their standard deviation: 1 / Φ⁻¹(3/4). Rousseeuw and
/// Croux, *Alternatives to the Median Absolute Deviation*, Journal of the American Statistical Association 88 (1993).
const NORMAL: f64 = 1.482_602_218_505_602;

/// The middle of some numbers of events, and how far they lie from it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Usual {
    /// The median
    pub(super) median: f64,
    /// The median absolute deviation, as a standard deviation; at least what chance alone makes of so few events, which is
    /// the root of their number (Poisson), and at least 1
    pub(super) deviation: f64,
}

impl Usual {
    pub(super) fn of(counts: &[u64]) -> Self {
        let median = median(counts.iter().copied().map(as_number));
        let apart = NORMAL * self::median(counts.iter().map(|count| (as_number(*count) - median).abs()));
        Self { median, deviation: apart.max(median.sqrt()).max(1.0) }
    }

    /// How many deviations a number lies above the median; below it, a negative number.
    pub(super) fn deviations(self, count: u64) -> f64 {
        (as_number(count) - self.median) / self.deviation
    }
}

fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    match numbers.len() {
        0 => 0.0,
        length if length % 2 == 1 => numbers[middle],
        _ => f64::midpoint(numbers[middle - 1], numbers[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wild_week_changes_little() {
        let usual = Usual::of(&[10, 12, 9, 11, 10, 13, 9, 2_000]);
        assert!((usual.median - 10.5).abs() < 1e-9);
        assert!((usual.deviation - 10.5_f64.sqrt()).abs() < 1e-9);
        assert!(usual.deviations(31) > 6.0 && usual.deviations(29) < 6.0);
    }

    #[test]
    fn where_nothing_is_usual_each_event_is_a_deviation() {
        assert_eq!(Usual::of(&[0, 0, 5, 0]), Usual { median: 0.0, deviation: 1.0 });
        assert_eq!(Usual::of(&[]), Usual { median: 0.0, deviation: 1.0 });
    }

    #[test]
    fn who_varies_may_vary() {
        let usual = Usual::of(&[0, 40, 80, 120]);
        assert!((usual.median - 60.0).abs() < 1e-9);
        assert!((usual.deviation - NORMAL * 40.0).abs() < 1e-9);
    }
}
