//! What a check found, and what to do about it.

use std::future::Future;
use std::time::Duration;

use serde::Serialize;

/// The longest that one check may take. Longer than any call with its second attempt; whoever waits at a terminal for an
/// answer begins to wonder after that.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How well a thing is, worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be
    Ok,
    /// It works, or may work, and somebody should look
    Warning,
    /// It does not work
    Failed,
}

impl Verdict {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Failed => "failed",
        }
    }
}

/// What a check is about, in the order in which they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Area {
    /// Where everything is kept
    Lake,
    /// What Immuta writes
    Exports,
    /// The rules that functions work by
    Pack,
    /// Calendars and lists
    Configuration,
    /// Who is told what
    Destinations,
    /// What Immuta tells by itself
    Webhooks,
    /// What has yet to be told, and what never will be
    Outbox,
}

impl Area {
    /// Its heading.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Area::Lake => "Lake",
            Area::Exports => "Exports",
            Area::Pack => "Pack in force",
            Area::Configuration => "Configuration",
            Area::Destinations => "Destinations",
            Area::Webhooks => "Webhooks",
            Area::Outbox => "Outbox",
        }
    }
}

/// What a check found. No secret is ever in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about
    pub area: Area,
    /// The one thing of it, such as `destination slack`
    pub about: String,
    /// How well that is
    pub verdict: Verdict,
    /// What was found, in words. Names in it may be anybody's
    pub found: String,
    /// What to do; always there where it is not well
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_do: Option<String>,
}

impl Finding {
    /// All is well.
    pub fn ok(area: Area, about: impl Into<String>, found: impl Into<String>) -> Self {
        Self { area, about: about.into(), verdict: Verdict::Ok, found: found.into(), to_do: None }
    }

    /// Somebody should look.
    pub fn warning(area: Area, about: impl Into<String>, found: impl Into<String>, to_do: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warning, to_do: Some(to_do.into()), ..Self::ok(area, about, found) }
    }

    /// It does not work.
    pub fn failed(area: Area, about: impl Into<String>, found: impl Into<String>, to_do: impl Into<String>) -> Self {
        Self { verdict: Verdict::Failed, to_do: Some(to_do.into()), ..Self::ok(area, about, found) }
    }
}

/// The worst of some verdicts; [`Verdict::Ok`] of none.
#[must_use]
pub fn worst(findings: &[Finding]) -> Verdict {
    findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Ok)
}

/// What a check finds within [`PATIENCE`]; past that, that it did not come to an end.
pub fn bounded(
    area: Area,
    about: &str,
    check: impl Future<Output = Vec<Finding>>,
) -> impl Future<Output = Vec<Finding>> {
    // In a box: with the requests of an SDK in it, it is large and would make every future around it as large.
    let check = Box::pin(check);
    async move {
        tokio::time::timeout(PATIENCE, check).await.unwrap_or_else(|_| {
            let found = format!("no answer within {} seconds", PATIENCE.as_secs());
            let to_do =
                "Look whether the service can be reached from here: network, proxy, VPC endpoint; then try again.";
            vec![Finding::failed(area, about, found, to_do)]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_failed_decides_and_warnings_come_before_nothing() {
        let ok = Finding::ok(Area::Lake, "a", "b");
        let warning = Finding::warning(Area::Lake, "a", "b", "c");
        let failed = Finding::failed(Area::Lake, "a", "b", "c");
        assert_eq!(worst(&[]), Verdict::Ok);
        assert_eq!(worst(&[ok.clone(), warning.clone()]), Verdict::Warning);
        assert_eq!(worst(&[failed, ok, warning]), Verdict::Failed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_that_never_ends_is_given_up_and_says_so() {
        let found = bounded(Area::Lake, "list", std::future::pending()).await;
        assert_eq!((found.len(), found[0].verdict), (1, Verdict::Failed));
        assert!(found[0].found.contains("10 seconds") && found[0].to_do.is_some());
    }
}
