//! The configuration: what differs from one installation to the next and is no rule.

mod calendar;
mod holidays;
mod notify;
mod period;
mod schema;

use std::collections::BTreeMap;
use std::io;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::calendar::{Calendar, Days, Hours, Moment, Zone};
pub use self::notify::{
    Destination, NotifyConfiguration, RouteChoice, SlackDestination, SnsDestination, WebhookDestination,
};
pub use self::period::Period;
pub use self::schema::schema;
use crate::digest;
use crate::spelling::did_you_mean;

/// The configuration file (YAML). Unknown keys are errors; a key that is left out has its default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Configuration {
    /// What the ledgers hold.
    pub ledger: LedgerConfiguration,
    /// Working days and hours, by a name of your own; without any there is one for all: UTC, Monday to Friday, 08:00 to 18:00.
    pub calendars: BTreeMap<String, Calendar>,
    /// The calendar of actors that no entry of `calendar_of` fits. Needed where there are calendars.
    pub default_calendar: Option<String>,
    /// Whose calendar is which; the first entry that fits decides.
    pub calendar_of: Vec<CalendarChoice>,
    /// Who belongs to which group: audit records do not say.
    pub groups: BTreeMap<String, Group>,
    /// What is different from the lists of the pack.
    pub lists: BTreeMap<String, ListOverlay>,
    /// When a change counts as done by hand.
    pub manual: ManualConfiguration,
    /// How correlations over many exports are judged.
    pub correlations: CorrelationConfiguration,
    /// Who is told what.
    #[serde(skip_serializing)]
    pub notify: NotifyConfiguration,
}

/// One entry of `calendar_of`: everything that it names must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("anyOf" = schema::any_of(["actor", "group", "identity_provider"])))]
pub struct CalendarChoice {
    /// A pattern for the actor's id, name or login: `*` and `?` are wildcards, case does not matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// A group that the actor belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// A pattern for `actor.identityProvider`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_provider: Option<String>,
    /// The calendar's name.
    pub calendar: String,
}

/// The members of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Group {
    /// Patterns for the members' ids, names or logins.
    pub members: Vec<String>,
    /// A file with more of them, one a line, relative to the configuration file; lines that begin with `#` are comments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members_file: Option<String>,
}

/// How a list differs from that of the pack.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListOverlay {
    /// Stands for all values of the pack's list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replace: Option<Vec<String>>,
    /// Values that the pack's list has and this installation does not want, written as they stand there.
    pub remove: Vec<String>,
    /// Values that come on top.
    pub add: Vec<String>,
}

/// When a change counts as done by hand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ManualConfiguration {
    /// For how long an approved request stands behind a grant.
    pub approved_within: Period,
}

/// How correlations over many exports are judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CorrelationConfiguration {
    /// How much later than others an event may come into the log. Nothing is said to be missing before the log goes on for so
    /// long beyond it.
    pub lateness: Period,
}

impl Default for CorrelationConfiguration {
    /// Queries come into Immuta's log up to 24 hours late, and exports are up to 24 hours apart.
    fn default() -> Self {
        Self { lateness: Period::hours(48) }
    }
}

/// What the ledgers hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LedgerConfiguration {
    /// What becomes of the text of queries, in ledgers and in the example events of alerts.
    pub query_text: QueryText,
}

/// What becomes of the text of queries, which holds personal data (`WHERE name = 'Ann'`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum QueryText {
    /// It is kept as it is.
    #[default]
    Keep,
    /// It is replaced by `sha256:` and the hash, so that equal queries can still be told.
    Hash,
    /// It is left out.
    Drop,
}

impl QueryText {
    /// The text as it may be kept.
    #[must_use]
    pub fn apply(self, text: &str) -> Option<String> {
        match self {
            QueryText::Keep => Some(text.to_owned()),
            QueryText::Hash => Some(format!("sha256:{}", digest::full(text.as_bytes()))),
            QueryText::Drop => None,
        }
    }
}

/// The configuration file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigurationError(String);

/// Reads a file that the configuration names.
pub type ReadFile<'f> = &'f dyn Fn(&str) -> io::Result<String>;

impl Configuration {
    /// Reads the text of a configuration file; an empty one is the default. Files that it names are asked of `read`,
    /// and what they hold becomes part of the configuration and of its hash.
    ///
    /// # Errors
    /// What is no YAML, an unknown key, a value of the wrong kind, with line and column; a name of a calendar or group
    /// that there is none of; a file that cannot be read.
    pub fn parse(text: &str, read: ReadFile<'_>) -> Result<Self, ConfigurationError> {
        if text.lines().all(|line| line.trim().is_empty() || line.trim().starts_with('#')) {
            return Ok(Self::default());
        }
        let mut configuration: Self =
            serde_saphyr::from_str(text).map_err(|error| ConfigurationError(error.without_snippet().to_string()))?;
        configuration.resolve(read)?;
        configuration.check()?;
        Ok(configuration)
    }

    /// Takes in what stands in files of their own.
    fn resolve(&mut self, read: ReadFile<'_>) -> Result<(), ConfigurationError> {
        let text_of = |key: &str, file: &str| {
            read(file).map_err(|error| ConfigurationError(format!("{key}: {file} cannot be read: {error}")))
        };
        for (name, calendar) in &mut self.calendars {
            if let Some(file) = &calendar.holidays_file {
                let key = format!("calendars.{name}.holidays_file");
                let holidays = holidays::read(&text_of(&key, file)?);
                calendar
                    .holidays
                    .extend(holidays.map_err(|what| ConfigurationError(format!("{key}: {file}: {what}")))?);
            }
        }
        for (name, group) in &mut self.groups {
            if let Some(file) = &group.members_file {
                let text = text_of(&format!("groups.{name}.members_file"), file)?;
                group.members.extend(lines(&text));
            }
        }
        Ok(())
    }

    /// Every name that is used must be there: one that is misspelt would silently mean somebody else's hours.
    fn check(&self) -> Result<(), ConfigurationError> {
        let known = |key: String, name: &str| {
            if self.calendars.contains_key(name) {
                return Ok(());
            }
            let hint = did_you_mean(name, self.calendars.keys().map(String::as_str));
            Err(ConfigurationError(format!("{key}: there is no calendar {name}{hint}")))
        };
        match &self.default_calendar {
            Some(name) => known("default_calendar".to_owned(), name)?,
            None if self.calendars.is_empty() => {}
            None => {
                let names = self.calendars.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                let message =
                    format!("default_calendar is missing: say which of {names} is everybody's who has no other");
                return Err(ConfigurationError(message));
            }
        }
        for (number, choice) in (1..).zip(&self.calendar_of) {
            let key = format!("calendar_of, entry {number}");
            known(key.clone(), &choice.calendar)?;
            if choice.actor.is_none() && choice.group.is_none() && choice.identity_provider.is_none() {
                let message = format!("{key}: it names nobody; say actor, group or identity_provider");
                return Err(ConfigurationError(message));
            }
            if let Some(group) = choice.group.as_ref().filter(|group| !self.groups.contains_key(*group)) {
                let hint = did_you_mean(group, self.groups.keys().map(String::as_str));
                let message = format!("{key}: there is no group {group}{hint}; say under groups who belongs to it");
                return Err(ConfigurationError(message));
            }
        }
        if let Some((name, group)) = self.groups.iter().find(|(_, group)| group.members.is_empty()) {
            let from = group.members_file.as_ref().map_or_else(String::new, |file| format!(" ({file} has none)"));
            return Err(ConfigurationError(format!("groups.{name}: it has no members{from}")));
        }
        let patterns = self.calendar_of.iter().flat_map(|choice| [&choice.actor, &choice.identity_provider]).flatten();
        let members = self.groups.values().flat_map(|group| &group.members);
        let values = self.lists.values().flat_map(|overlay| overlay.add.iter().chain(overlay.replace.iter().flatten()));
        if patterns.chain(members).chain(values).any(|text| text.trim().is_empty()) {
            return Err(ConfigurationError("an empty text is no pattern; write * for everybody".to_owned()));
        }
        for (name, overlay) in &self.lists {
            if overlay.replace.is_some() && !overlay.remove.is_empty() {
                let message = format!("lists.{name}: replace leaves nothing to remove; use one or the other");
                return Err(ConfigurationError(message));
            }
        }
        self.notify.check().map_err(ConfigurationError)
    }

    /// The first 128 bits of SHA-256 over the configuration with all defaults filled in, as 32 hexadecimal digits. Who is
    /// told what is left out: nothing in the lake depends on it.
    #[must_use]
    pub fn hash(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        digest::short(text.as_bytes())
    }
}

/// The lines of a file of values, without comments.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = String> + '_ {
    let lines = text.lines().map(|line| line.trim_start_matches('\u{feff}').trim());
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Configuration, String> {
        let read = |file: &str| match file {
            "de.ics" => {
                Ok("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20261003\nEND:VEVENT\nEND:VCALENDAR\n".into())
            }
            "sg.txt" => Ok("# the office\nann@x.example\n\n".into()),
            _ => Err(io::Error::from(io::ErrorKind::NotFound)),
        };
        Configuration::parse(text, &read).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_left_out_has_its_default_and_the_same_hash() {
        let full = parse("ledger:\n  query_text: keep\nmanual: {approved_within: 7d}\n").unwrap();
        assert_eq!(full, parse("# nothing\n\n").unwrap());
        assert_eq!(full.hash(), Configuration::default().hash());
        assert_ne!(full.hash(), parse("ledger: {query_text: drop}").unwrap().hash());
    }

    #[test]
    fn what_a_named_file_holds_is_part_of_the_configuration() {
        let berlin = "calendars: {de: {zone: Europe/Berlin, holidays_file: de.ics}}\ndefault_calendar: de\n";
        let found = parse(berlin).unwrap();
        assert_eq!(found.calendars["de"].holidays.len(), 1);
        let without = parse(&berlin.replace(", holidays_file: de.ics", "")).unwrap();
        assert_ne!(found.hash(), without.hash());
        let group = parse("groups: {sg: {members: [bob], members_file: sg.txt}}").unwrap();
        assert_eq!(group.groups["sg"].members, ["bob", "ann@x.example"]);
    }

    #[test]
    fn unknown_keys_and_values_are_errors_with_their_line() {
        let error = parse("ledger:\n  query_txt: keep\n").unwrap_err();
        assert!(error.contains("unknown field `query_txt`") && error.contains("line 2"), "{error}");
        let error = parse("ledger:\n  query_text: sometimes\n").unwrap_err();
        assert!(error.contains("unknown variant `sometimes`") && error.contains("line 2"), "{error}");
        let error = parse("calendars:\n  a:\n    zone: Europe/Nowhere\ndefault_calendar: a").unwrap_err();
        assert!(error.contains("is no time zone") && error.contains("line 3"), "{error}");
    }

    #[test]
    fn names_that_mean_nothing_are_errors_with_a_hint() {
        let berlin = "calendars: {berlin: {zone: Europe/Berlin}}\n";
        for (text, hint) in [
            (berlin.to_owned(), "default_calendar is missing"),
            (format!("{berlin}default_calendar: berln"), "did you mean berlin"),
            (
                format!("{berlin}default_calendar: berlin\ncalendar_of: [{{actor: a, calendar: paris}}]"),
                "no calendar paris",
            ),
            (format!("{berlin}default_calendar: berlin\ncalendar_of: [{{calendar: berlin}}]"), "names nobody"),
            (
                format!("{berlin}default_calendar: berlin\ncalendar_of: [{{group: sg, calendar: berlin}}]"),
                "no group sg",
            ),
            ("calendars: {a: {zone: UTC, holidays_file: no.ics}}\ndefault_calendar: a".into(), "no.ics cannot be read"),
            ("calendars: {a: {zone: UTC, holidays_file: sg.txt}}\ndefault_calendar: a".into(), "no iCalendar"),
            ("groups: {sg: {members: []}}".into(), "groups.sg: it has no members"),
            ("lists: {x: {add: [\"\"]}}".into(), "is no pattern"),
            ("lists: {x: {replace: [a], remove: [b]}}".into(), "one or the other"),
            ("manual: {approved_within: soon}".into(), "is no period"),
        ] {
            let error = parse(&text).unwrap_err();
            assert!(error.contains(hint), "{error}");
        }
    }
}
