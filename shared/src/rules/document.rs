//! A file of the pack as YAML documents, read strictly: every key is one that Sigma or this project knows.

use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::Spanned;

use super::correlation::CorrelationSection;
use super::error::Reporter;
use super::rule_id::RuleId;
use crate::event::Service;

/// A document of a file, with the line of the file that it begins on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'f> {
    pub(super) first_line: u64,
    pub(super) text: &'f str,
}

/// Cuts a file at its `---` lines; parts of comments and white space only are left out.
pub(super) fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let (mut start, mut first_line) = (0, 1);
    let mut at = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if line.trim_end() == "---" {
            parts.push(Part { first_line, text: &text[start..at] });
            start = at + line.len();
            first_line = index as u64 + 2;
        }
        at += line.len();
    }
    parts.push(Part { first_line, text: &text[start..] });
    parts.retain(|part| part.text.lines().any(|line| !line.trim().is_empty() && !line.trim().starts_with('#')));
    parts
}

impl Part<'_> {
    /// Whether the document is a correlation.
    pub(super) fn is_correlation(&self) -> bool {
        self.text.lines().any(|line| line.starts_with("correlation:"))
    }

    /// Whether it is a rule that is only counted: it has no level, and answers no question.
    pub(super) fn is_only_counted(&self) -> bool {
        /// The keys of `watch:` stand no further in than this.
        const INDENT: usize = 4;
        let says = |line: &str| {
            let indent = line.len() - line.trim_start().len();
            let is_top = line.starts_with("filter:") || line.starts_with("level:");
            is_top || (indent <= INDENT && line.contains("question:"))
        };
        !self.text.lines().any(says)
    }
}

/// A Sigma rule, filter or correlation. The keys are those of the Sigma specification 2.1 and `watch`, of which each has its
/// own form.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, bound = "W: serde::de::DeserializeOwned")]
pub(super) struct Document<W> {
    pub(super) title: Spanned<String>,
    #[serde(default)]
    pub(super) id: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) status: Option<Status>,
    #[serde(default)]
    pub(super) description: Option<String>,
    #[serde(default)]
    pub(super) level: Option<Spanned<super::Level>>,
    #[serde(default)]
    pub(super) falsepositives: Vec<String>,
    #[serde(default)]
    pub(super) logsource: Option<Spanned<LogSource>>,
    #[serde(default)]
    pub(super) detection: Option<Spanned<Value>>,
    #[serde(default)]
    pub(super) filter: Option<Spanned<Value>>,
    #[serde(default)]
    pub(super) correlation: Option<Spanned<CorrelationSection>>,
    /// Whether the rules that a correlation counts alert by themselves as well
    #[serde(default)]
    pub(super) generate: Option<Spanned<bool>>,
    #[serde(default)]
    pub(super) watch: Option<Spanned<W>>,
    #[serde(default, rename = "sigma-version")]
    pub(super) sigma_version: Option<Value>,
    /// What correlations call it
    #[serde(default)]
    pub(super) name: Option<Spanned<String>>,
    /// What has no bearing on matching.
    #[serde(default, rename = "related")]
    _related: Option<Value>,
    #[serde(default, rename = "tags")]
    _tags: Option<Value>,
    #[serde(default, rename = "taxonomy")]
    _taxonomy: Option<Value>,
    #[serde(default, rename = "license")]
    _license: Option<Value>,
    #[serde(default, rename = "author")]
    _author: Option<Value>,
    #[serde(default, rename = "references")]
    _references: Option<Value>,
    #[serde(default, rename = "date")]
    _date: Option<Value>,
    #[serde(default, rename = "modified")]
    _modified: Option<Value>,
    #[serde(default, rename = "fields")]
    _fields: Option<Value>,
    #[serde(default, rename = "scope")]
    _scope: Option<Value>,
}

/// How far a rule is trusted, as in Sigma.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Stable,
    Test,
    Experimental,
    Deprecated,
    Unsupported,
}

/// Which log a rule is about.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogSource {
    #[serde(default)]
    pub(super) product: Option<String>,
    #[serde(default)]
    pub(super) service: Option<String>,
    #[serde(default, rename = "definition")]
    _definition: Option<String>,
}

/// The product in every `logsource`; its services are those of [`Service`].
pub(super) const PRODUCT: &str = "immuta";

impl<W: serde::de::DeserializeOwned> Document<W> {
    /// Reads one document, reporting what is wrong with its form.
    pub(super) fn read(part: Part<'_>, report: &mut Reporter<'_>) -> Option<Self> {
        match serde_saphyr::from_str(part.text) {
            Ok(document) => Some(document),
            Err(error) => {
                let line = error.location().map_or(1, |location| location.line());
                report.at(line, without_location(&error));
                None
            }
        }
    }

    /// Its id, or an error.
    pub(super) fn checked_id(&self, report: &mut Reporter<'_>) -> String {
        let id = self.id.as_ref().map(|id| id.value.clone()).unwrap_or_default();
        if id.parse::<RuleId>().is_err() {
            let line = self.id.as_ref().map_or(1, |id| id.referenced.line());
            report.at(line, "a rule needs an id: a UUID such as `uuidgen` prints, lower case");
        }
        id
    }

    /// The line of its id.
    pub(super) fn id_line(&self) -> u64 {
        self.id.as_ref().map_or(1, |id| id.referenced.line())
    }

    /// Reports a status that no rule of a pack has, and a version of Sigma.
    pub(super) fn check_status(&self, report: &mut Reporter<'_>) {
        if matches!(self.status, None | Some(Status::Deprecated | Status::Unsupported)) {
            let message =
                "the status is stable, test or experimental; take a rule that is none of these out of the pack";
            report.near("status:", "title:", message);
        }
        if let Some(version) = &self.sigma_version {
            report.near("sigma-version", "title:", format!("sigma-version {version} is not supported; leave it out"));
        }
    }

    /// Reports a name that is not that of the file: correlations, people and other tools shall use one.
    pub(super) fn check_name(&self, file: &str, report: &mut Reporter<'_>) {
        let stem = stem(file);
        if let Some(name) = self.name.as_ref().filter(|name| name.value != stem) {
            report.at(name.referenced.line(), format!("the name is that of the file: {stem}"));
        }
    }

    /// The service that the document is about. Reports a log source that no event comes from.
    pub(super) fn checked_service(&self, report: &mut Reporter<'_>) -> Option<Service> {
        let services = Service::ALL.map(|service| format!("`service: {}`", service.as_str())).join(" or ");
        let expected = format!("write `product: {PRODUCT}` and {services}");
        let Some(source) = &self.logsource else {
            report.at(1, format!("there is no logsource; {expected}"));
            return None;
        };
        let is_ours = source.value.product.as_deref() == Some(PRODUCT);
        let service = source.value.service.as_deref().and_then(Service::named).filter(|_| is_ours);
        if service.is_none() {
            report.at(source.referenced.line(), format!("no event comes from this logsource; {expected}"));
        }
        service
    }
}

/// The file's name without folder and ending.
pub(super) fn stem(file: &str) -> &str {
    file.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map_or("", |(stem, _)| stem)
}

/// The reader's message without its own way of saying where.
fn without_location(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    match error.location() {
        Some(location) => {
            let position = format!(" at line {}, column {}", location.line(), location.column());
            text.strip_suffix(&position).unwrap_or(&text).to_owned()
        }
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_know_the_line_they_begin_on() {
        let text = "# head\n---\ntitle: a\n---\n# nothing\n---\ntitle: b\n";
        let found: Vec<_> = parts(text).iter().map(|part| (part.first_line, part.text)).collect();
        assert_eq!(found, [(3, "title: a\n"), (7, "title: b\n")]);
    }
}
