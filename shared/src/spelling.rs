//! "Did you mean": the known word that a misspelt one is nearest to.

/// The known word that is nearest to a wrong one, if any is near enough to have been meant.
pub(crate) fn did_you_mean<'w>(wrong: &str, known: impl IntoIterator<Item = &'w str>) -> String {
    let nearest = known.into_iter().map(|word| (distance(wrong, word), word)).min();
    match nearest {
        Some((distance, word)) if distance <= 2.max(wrong.len() / 4) => format!("; did you mean {word}?"),
        _ => String::new(),
    }
}

/// Levenshtein distance over bytes.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let b = b.as_bytes();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, byte) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for j in 0..b.len() {
            let substituted = diagonal + usize::from(byte != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_word_is_suggested_and_a_far_one_is_not() {
        assert_eq!(
            did_you_mean("watch.permision", ["watch.kind", "watch.permission"]),
            "; did you mean watch.permission?"
        );
        assert_eq!(did_you_mean("elephants", ["watch.kind", "watch.permission"]), "");
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
