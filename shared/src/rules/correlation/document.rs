//! A correlation's parts as they stand in the file.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::Spanned;

use super::condition::Look;
use super::timeline::TimelineAttribute;
use crate::rules::settings::ExamplesAttribute;
use crate::rules::{Level, Question, Route};

/// The section `correlation`. The keys are those of the Sigma specification 2.1, and `look` of an absence.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::rules) struct CorrelationSection {
    #[serde(rename = "type")]
    pub(super) kind: Spanned<String>,
    pub(super) rules: Spanned<OneOrMany>,
    #[serde(default, rename = "group-by")]
    pub(super) group_by: Option<Spanned<OneOrMany>>,
    #[serde(default)]
    pub(super) aliases: BTreeMap<String, BTreeMap<String, String>>,
    pub(super) timespan: Spanned<String>,
    #[serde(default)]
    pub(super) condition: Option<Spanned<Value>>,
    /// Some tools look for it here
    #[serde(default)]
    pub(super) generate: bool,
    #[serde(default)]
    pub(super) look: Option<Spanned<Look>>,
}

/// One text or a list of them.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(in crate::rules) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(super) fn texts(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

/// The attribute `watch:` of a correlation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::rules) struct CorrelationWatch {
    pub(super) question: Question,
    pub(super) route: Route,
    pub(super) window: Spanned<String>,
    #[serde(default)]
    pub(super) unless: Option<Spanned<OneOrMany>>,
    pub(super) runbook: Vec<String>,
    #[serde(default)]
    pub(super) controls: Vec<String>,
    pub(super) examples: Spanned<TimelinesAttribute>,
}

/// The time lines that `rules test` runs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TimelinesAttribute {
    pub(super) positive: Vec<Spanned<TimelineAttribute>>,
    pub(super) negative: Vec<Spanned<TimelineAttribute>>,
}

/// The attribute `watch:` of a rule that is only counted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::rules) struct CountedWatch {
    pub(in crate::rules) examples: Spanned<ExamplesAttribute>,
}

/// What a level is where a rule has none: nobody is told of it.
pub(in crate::rules) const NO_LEVEL: Level = Level::Informational;
