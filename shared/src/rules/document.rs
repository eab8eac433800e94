//! A file of the pack as YAML documents, read strictly: every key is one that Sigma or this project knows.

use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::Spanned;

use super::error::Reporter;
use super::settings::WatchAttribute;
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

/// A Sigma rule or filter. The keys are those of the Sigma specification 2.1 and `watch`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
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
    pub(super) correlation: Option<Spanned<Value>>,
    #[serde(default)]
    pub(super) watch: Option<Spanned<WatchAttribute>>,
    #[serde(default, rename = "sigma-version")]
    pub(super) sigma_version: Option<Value>,
    /// What has no bearing on matching.
    #[serde(default, rename = "name")]
    _name: Option<Value>,
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

impl Document {
    /// Reads one document, reporting what is wrong with its form.
    pub(super) fn read(part: Part<'_>, report: &mut Reporter<'_>) -> Option<Self> {
        let document: Self = match serde_saphyr::from_str(part.text) {
            Ok(document) => document,
            Err(error) => {
                let line = error.location().map_or(1, |location| location.line());
                report.at(line, without_location(&error));
                return None;
            }
        };
        if let Some(correlation) = &document.correlation {
            report.at(
                correlation.referenced.line(),
                "correlation rules are not supported by this release; write a rule about single events",
            );
        }
        Some(document)
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
