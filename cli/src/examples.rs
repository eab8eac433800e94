//! Running the examples of a pack, and saying which of them fail.

use std::collections::BTreeSet;

use anyhow::Result;
use immuta_watch::correlate::run_examples;
use immuta_watch::rules::{ExampleKind, ExampleResult, Pack};

use crate::terminal::{RED, YELLOW, counted, say, styled};

/// What became of the examples of a pack.
pub(crate) struct Examples {
    pub(crate) results: Vec<ExampleResult>,
    /// How many fail with the configuration of this installation, and pass with the default one
    differing: u64,
}

impl Examples {
    /// Runs them. An example is written for the default configuration, and what another calendar or list makes of it is
    /// what they are for: one that passes with `by_default`, the same pack without a configuration, has not failed.
    pub(crate) fn run(pack: &Pack, by_default: Option<&Pack>) -> Self {
        let mut examples = Self { results: run_examples(pack), differing: 0 };
        let Some(by_default) = by_default else { return examples };
        let fail_all_the_same: BTreeSet<_> = run_examples(by_default)
            .into_iter()
            .filter(|result| result.failure.is_some())
            .map(|result| (result.file, result.line, result.name))
            .collect();
        for result in examples.results.iter_mut().filter(|result| result.failure.is_some()) {
            if !fail_all_the_same.contains(&(result.file.clone(), result.line, result.name.clone())) {
                result.failure = None;
                examples.differing += 1;
            }
        }
        examples
    }

    pub(crate) fn failed(&self) -> usize {
        self.results.iter().filter(|result| result.failure.is_some()).count()
    }

    /// Each failure, with file and line.
    pub(crate) fn failures(&self) -> impl Iterator<Item = String> {
        self.results.iter().filter_map(|result| {
            let failure = result.failure.as_ref()?;
            let kind = match result.kind {
                ExampleKind::Positive => "positive",
                ExampleKind::Negative => "negative",
            };
            let failed = styled(RED, "failed");
            Some(format!("{failed} {}:{}: {kind} example \"{}\": {failure}", result.file, result.line, result.name))
        })
    }

    /// Says how many came out otherwise than with the default configuration, if any did.
    pub(crate) fn say_differing(&self) -> Result<()> {
        if self.differing > 0 {
            let examples = counted(self.differing, "example");
            say!(
                "{} {examples} came out otherwise with your configuration than with the default one",
                styled(YELLOW, "note")
            )?;
        }
        Ok(())
    }
}
