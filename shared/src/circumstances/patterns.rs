//! Patterns for the names of actors: `*` and `?` are wildcards, case does not matter, as in lists.

use wildmatch::WildMatch;

/// Patterns of which one must fit.
#[derive(Debug, Clone, Default)]
pub(super) struct Patterns(Vec<WildMatch>);

impl Patterns {
    pub(super) fn new(patterns: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        Self(patterns.into_iter().map(|pattern| WildMatch::new_case_insensitive(pattern.as_ref())).collect())
    }

    pub(super) fn fit(&self, text: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(text))
    }

    pub(super) fn fit_any(&self, texts: &[&str]) -> bool {
        texts.iter().any(|text| self.fit(text))
    }
}
