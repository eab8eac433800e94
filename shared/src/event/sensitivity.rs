//! Sensitivity levels, in the spellings that occur.

use std::borrow::Cow;

/// The levels, lowest first, as Immuta writes them.
const LEVELS: [&str; 4] = ["INDETERMINATE", "NONSENSITIVE", "SENSITIVE", "HIGHLY_SENSITIVE"];

/// The level in Immuta's spelling, whatever the case and the separator (`Highly Sensitive`, `non-sensitive`).
///
/// A level that is not known, a number among them, stays as it is: guessing its rank could hide a sensitive query.
pub(super) fn normalise(text: &str) -> Cow<'_, str> {
    if LEVELS.contains(&text) {
        return Cow::Borrowed(text);
    }
    let letters = |text: &str| -> String {
        text.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase()).collect()
    };
    let wanted = letters(text);
    match LEVELS.iter().find(|level| letters(level) == wanted) {
        Some(level) => Cow::Borrowed(level),
        None => Cow::Borrowed(text),
    }
}

/// Of the levels from `start` on, leaves the highest of the known ones; levels that are not known all stay.
pub(super) fn keep_highest(levels: &mut Vec<Cow<'_, str>>, start: usize) {
    let highest = levels[start..].iter().filter_map(|level| rank(level)).max();
    let mut index = 0;
    levels.retain(|level| {
        index += 1;
        index <= start || rank(level).is_none_or(|rank| Some(rank) == highest)
    });
}

fn rank(level: &str) -> Option<usize> {
    LEVELS.iter().position(|known| *known == level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_come_to_one() {
        for text in ["HIGHLY_SENSITIVE", "Highly Sensitive", "highly-sensitive", "highlySensitive"] {
            assert_eq!(normalise(text), "HIGHLY_SENSITIVE", "{text}");
        }
        assert_eq!(normalise("Non Sensitive"), "NONSENSITIVE");
        assert_eq!(normalise("3"), "3");
        assert_eq!(normalise("restricted"), "restricted");
    }

    #[test]
    fn the_highest_level_stays_and_so_do_unknown_ones() {
        let mut levels = vec!["SENSITIVE".into(), "3".into(), "NONSENSITIVE".into(), "INDETERMINATE".into()];
        keep_highest(&mut levels, 0);
        assert_eq!(levels, ["SENSITIVE", "3"]);
        let mut after_others = vec!["INDETERMINATE".into(), "SENSITIVE".into(), "NONSENSITIVE".into()];
        keep_highest(&mut after_others, 1);
        assert_eq!(after_others, ["INDETERMINATE", "SENSITIVE"]);
    }
}
