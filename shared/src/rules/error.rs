//! What is wrong with a pack, and where.

use std::fmt;

/// One thing that is wrong, with the place to mend it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleError {
    /// The file, relative to the pack's folder.
    pub file: String,
    /// The line, counted from 1; `None` where the whole file is meant.
    pub line: Option<u64>,
    /// What is wrong and, where it is not plain, what to write instead.
    pub message: String,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

/// Everything that is wrong with a pack, in the order of files and lines. A pack with one error is not loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct RuleErrors(pub Vec<RuleError>);

/// Collects errors of one file.
pub(super) struct Reporter<'f> {
    file: &'f str,
    first_line: u64,
    text: &'f str,
    errors: Vec<RuleError>,
}

impl<'f> Reporter<'f> {
    /// For a document that begins at `first_line` of `file`.
    pub(super) fn new(file: &'f str, first_line: u64, text: &'f str) -> Self {
        Self { file, first_line, text, errors: Vec::new() }
    }

    /// An error at a line of the document, counted from 1 within it.
    pub(super) fn at(&mut self, line_in_document: u64, message: impl Into<String>) {
        let line = Some(self.first_line + line_in_document.saturating_sub(1));
        self.errors.push(RuleError { file: self.file.to_owned(), line, message: message.into() });
    }

    /// An error at the first line of the document that holds `token`, or at the key `fallback`, or at its head.
    pub(super) fn near(&mut self, token: &str, fallback: &str, message: impl Into<String>) {
        let line = self.line_with(token).or_else(|| self.line_with(fallback)).unwrap_or(1);
        self.at(line, message);
    }

    /// An error at the first line from `line` on that holds `token`, or at `line` itself.
    pub(super) fn after(&mut self, line: u64, token: &str, message: impl Into<String>) {
        // A section's values begin on the line after its key, and on the same line where it is written in one.
        let first = line.saturating_sub(1).max(1);
        let found = self.line_from(first, token).unwrap_or(line);
        self.at(found, message);
    }

    fn line_with(&self, token: &str) -> Option<u64> {
        self.line_from(1, token)
    }

    fn line_from(&self, first: u64, token: &str) -> Option<u64> {
        let holds = |line: &str| !line.trim_start().starts_with('#') && line.contains(token);
        let found =
            (1..).zip(self.text.lines()).skip_while(|(number, _)| *number < first).find(|(_, line)| holds(line));
        found.map(|(number, _)| number).filter(|_| !token.is_empty())
    }

    pub(super) fn is_clean(&self) -> bool {
        self.errors.is_empty()
    }

    pub(super) fn into_errors(self) -> Vec<RuleError> {
        self.errors
    }
}
