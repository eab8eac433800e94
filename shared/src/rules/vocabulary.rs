//! The closed words of a rule: levels, routes and questions.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much an alert matters, as in Sigma.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Good to know
    Informational,
    /// Worth a look in the weekly round
    Low,
    /// Worth a look today
    Medium,
    /// Somebody should look now
    High,
    /// Somebody must act now
    Critical,
}

impl Level {
    /// Every level, lowest first.
    pub const ALL: [Level; 5] = [Level::Informational, Level::Low, Level::Medium, Level::High, Level::Critical];

    /// The word that rules use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Informational => "informational",
            Level::Low => "low",
            Level::Medium => "medium",
            Level::High => "high",
            Level::Critical => "critical",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where an alert shows, weakest first: what raises an alert can only take it further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Route {
    /// On the dashboard only
    Dashboard,
    /// It interrupts somebody
    Notification,
    /// It interrupts somebody and has its place on the dashboard
    Both,
}

impl Route {
    /// The word that rules use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Route::Dashboard => "dashboard",
            Route::Notification => "notification",
            Route::Both => "both",
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One of the governance questions that the product answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// How do entitlements shift over time?
    Entitlements,
    /// Who approved access to a data set?
    Approvals,
    /// Are access grants and removals in order?
    Grants,
    /// Were tags put on or taken off data sources or columns?
    Tagging,
    /// Were tags created, updated, deleted?
    TagDefinitions,
    /// Were user attributes added or removed?
    Attributes,
    /// Are users made in Immuta instead of the identity provider?
    Users,
    /// Who was given permissions?
    Permissions,
    /// Which policy was created, updated, deleted, by whom?
    Policies,
    /// What did a policy change do to access?
    PolicyImpact,
    /// Is sensitive data classified?
    Classification,
    /// Who accessed what, and when?
    Access,
    /// Which data sources are new?
    DataSources,
    /// Did the application's settings change?
    Configuration,
    /// Who queries sensitive data?
    SensitiveQueries,
    /// Who tried what they may not see?
    DeniedQueries,
    /// Was new personal or payment data registered?
    NewSensitiveData,
    /// Does somebody blind the watcher itself?
    Watcher,
}

impl Question {
    /// Every question, in the order of the documentation.
    pub const ALL: [Question; 18] = [
        Question::Entitlements,
        Question::Approvals,
        Question::Grants,
        Question::Tagging,
        Question::TagDefinitions,
        Question::Attributes,
        Question::Users,
        Question::Permissions,
        Question::Policies,
        Question::PolicyImpact,
        Question::Classification,
        Question::Access,
        Question::DataSources,
        Question::Configuration,
        Question::SensitiveQueries,
        Question::DeniedQueries,
        Question::NewSensitiveData,
        Question::Watcher,
    ];

    /// The word that rules use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Question::Entitlements => "entitlements",
            Question::Approvals => "approvals",
            Question::Grants => "grants",
            Question::Tagging => "tagging",
            Question::TagDefinitions => "tag-definitions",
            Question::Attributes => "attributes",
            Question::Users => "users",
            Question::Permissions => "permissions",
            Question::Policies => "policies",
            Question::PolicyImpact => "policy-impact",
            Question::Classification => "classification",
            Question::Access => "access",
            Question::DataSources => "data-sources",
            Question::Configuration => "configuration",
            Question::SensitiveQueries => "sensitive-queries",
            Question::DeniedQueries => "denied-queries",
            Question::NewSensitiveData => "new-sensitive-data",
            Question::Watcher => "watcher",
        }
    }
    /// The question itself.
    #[must_use]
    pub fn asks(self) -> &'static str {
        match self {
            Question::Entitlements => "How do entitlements shift over time?",
            Question::Approvals => "Who approved access to a data set?",
            Question::Grants => "Are access grants and removals in order?",
            Question::Tagging => "Were tags put on or taken off data sources or columns?",
            Question::TagDefinitions => "Were tags created, updated, deleted?",
            Question::Attributes => "Were user attributes added or removed?",
            Question::Users => "Are users made in Immuta instead of the identity provider?",
            Question::Permissions => "Who was given permissions?",
            Question::Policies => "Which policy was created, updated, deleted, by whom?",
            Question::PolicyImpact => "What did a policy change do to access?",
            Question::Classification => "Is sensitive data classified?",
            Question::Access => "Who accessed what, and when?",
            Question::DataSources => "Which data sources are new?",
            Question::Configuration => "Did the application's settings change?",
            Question::SensitiveQueries => "Who queries sensitive data?",
            Question::DeniedQueries => "Who tried what they may not see?",
            Question::NewSensitiveData => "Was new personal or payment data registered?",
            Question::Watcher => "Does somebody blind the watcher itself?",
        }
    }

    /// Where the answer stands beside the alerts of its rules.
    #[must_use]
    pub fn also_in(self) -> &'static str {
        match self {
            Question::Access => "every query is a row of the ledger `access`",
            Question::SensitiveQueries => "the ledger `access` (`sensitivity`), rollups by `sensitivity`",
            Question::DeniedQueries => "the ledger `access` (`status`), rollups by `status`",
            _ => "the ledger `changes`",
        }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_that_serde_writes() {
        for level in Level::ALL {
            assert_eq!(serde_json::to_value(level).unwrap(), level.as_str());
        }
        for question in
            [Question::TagDefinitions, Question::PolicyImpact, Question::NewSensitiveData, Question::Watcher]
        {
            assert_eq!(serde_json::to_value(question).unwrap(), question.as_str());
        }
        assert_eq!(serde_json::to_value(Route::Notification).unwrap(), Route::Notification.as_str());
    }
}
