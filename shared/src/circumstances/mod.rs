//! Circumstances: what the configuration of an installation adds to the facts of a record. Was it within the business
//! hours of whoever did it, and was it done by hand?
//!
//! Rules read them like derived fields, under `watch.`; ledgers never do, for what the configuration says tomorrow must
//! not make yesterday's rows wrong.

mod manual;
mod patterns;

use std::cell::OnceCell;
use std::collections::BTreeMap;

use self::manual::Hands;
pub use self::manual::{Grant, MOST_PARTIES, Manual, ManualLists};
use self::patterns::Patterns;
use crate::config::{Calendar, Configuration, Moment};
use crate::event::{Event, Json};

/// A circumstance by the name that rules use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Circumstance {
    /// Whether it was within the business hours of the actor's calendar
    BusinessHours,
    /// The weekday there
    Weekday,
    /// The hour there
    Hour,
    /// Whether it was a holiday there
    Holiday,
    /// The name of the calendar
    Calendar,
    /// Whether it was done by hand
    Manual,
}

impl Circumstance {
    /// Every circumstance.
    pub const ALL: [Circumstance; 6] = [
        Circumstance::BusinessHours,
        Circumstance::Weekday,
        Circumstance::Hour,
        Circumstance::Holiday,
        Circumstance::Calendar,
        Circumstance::Manual,
    ];

    /// The name that rules use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Circumstance::BusinessHours => "watch.business_hours",
            Circumstance::Weekday => "watch.weekday",
            Circumstance::Hour => "watch.hour",
            Circumstance::Holiday => "watch.holiday",
            Circumstance::Calendar => "watch.calendar",
            Circumstance::Manual => "watch.manual",
        }
    }

    /// The circumstance that rules call `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|circumstance| circumstance.name() == name)
    }

    /// What it says, for the documentation.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Circumstance::BusinessHours => {
                "`true` or `false`: whether it was within the working hours of the actor's calendar; not there for an event \
                 without a readable time"
            }
            Circumstance::Weekday => "`monday` to `sunday`, in the zone of that calendar",
            Circumstance::Hour => "`0` to `23`, in that zone; a number, so that `watch.hour|lt: 6` works",
            Circumstance::Holiday => "`true` or `false`: whether the local date is a holiday of that calendar",
            Circumstance::Calendar => "the calendar's name; `default` where none is configured",
            Circumstance::Manual => {
                "`true` or `false`: whether it was done by hand; only in `when` of a raise, since an approval may lie in \
                 another export"
            }
        }
    }
}

/// The value of a circumstance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'v> {
    /// A word
    Text(&'v str),
    /// A whole number
    Number(u16),
}

/// The configuration, ready to be asked about events.
#[derive(Debug)]
pub struct Installation {
    calendars: Vec<(String, Calendar)>,
    choices: Vec<Choice>,
    /// The calendar of whom no choice fits, as an index into `calendars`
    default: usize,
    hands: Hands,
}

/// One entry of `calendar_of`, its patterns compiled.
#[derive(Debug)]
struct Choice {
    actor: Option<Patterns>,
    members: Option<Patterns>,
    identity_provider: Option<Patterns>,
    calendar: usize,
}

/// The calendar of an installation that configured none.
const UNCONFIGURED: &str = "default";

impl Installation {
    /// Compiles a configuration that was checked, with the lists of the pack that it goes with.
    #[must_use]
    pub fn new(configuration: &Configuration, lists: &ManualLists<'_>) -> Self {
        let mut calendars: Vec<(String, Calendar)> =
            configuration.calendars.iter().map(|(name, calendar)| (name.clone(), calendar.clone())).collect();
        if calendars.is_empty() {
            calendars.push((UNCONFIGURED.to_owned(), Calendar::default()));
        }
        let index: BTreeMap<&str, usize> =
            (0..).zip(&calendars).map(|(index, (name, _))| (name.as_str(), index)).collect();
        let of = |name: &str| index.get(name).copied().unwrap_or(0);
        let choices = configuration.calendar_of.iter().map(|choice| Choice {
            actor: choice.actor.as_ref().map(|pattern| Patterns::new([pattern])),
            members: choice.group.as_ref().map(|group| {
                Patterns::new(configuration.groups.get(group).into_iter().flat_map(|group| &group.members))
            }),
            identity_provider: choice.identity_provider.as_ref().map(|pattern| Patterns::new([pattern])),
            calendar: of(&choice.calendar),
        });
        let choices = choices.collect();
        let default = configuration.default_calendar.as_deref().map_or(0, of);
        let hands = Hands::new(lists, configuration.manual.approved_within.delta());
        Self { calendars, choices, default, hands }
    }

    /// What can be asked of an event; nothing is worked out before it is.
    #[must_use]
    pub fn circumstances<'e>(&'e self, event: &'e Event<'e>) -> Circumstances<'e> {
        Circumstances { installation: self, event, here: OnceCell::new(), manual: OnceCell::new() }
    }

    /// The calendar of the actor, as an index.
    fn calendar_of(&self, event: &Event<'_>) -> usize {
        if self.choices.is_empty() {
            return self.default;
        }
        let names = actor_names(event);
        let provider = event.record().json().at(&["actor", "identityProvider"]).and_then(Json::as_str);
        let fits = |choice: &&Choice| {
            choice.actor.as_ref().is_none_or(|patterns| patterns.fit_any(&names))
                && choice.members.as_ref().is_none_or(|patterns| patterns.fit_any(&names))
                && choice
                    .identity_provider
                    .as_ref()
                    .is_none_or(|patterns| provider.is_some_and(|name| patterns.fit(name)))
        };
        self.choices.iter().find(fits).map_or(self.default, |choice| choice.calendar)
    }
}

/// What an actor is called: id, name, and the login on a platform.
fn actor_names<'e>(event: &'e Event<'_>) -> Vec<&'e str> {
    let json = event.record().json();
    let places: [&[&str]; 3] =
        [&["actor", "id"], &["actor", "name"], &["auditPayload", "technologyContext", "account", "username"]];
    places.into_iter().filter_map(|path| json.at(path)?.as_str()).collect()
}

/// The circumstances of one event.
#[derive(Debug)]
pub struct Circumstances<'e> {
    installation: &'e Installation,
    event: &'e Event<'e>,
    here: OnceCell<Option<Here>>,
    manual: OnceCell<Manual>,
}

/// A calendar, as its index in the installation, and what the event's time is in it.
#[derive(Debug)]
struct Here {
    calendar: usize,
    moment: Moment,
}

impl<'e> Circumstances<'e> {
    /// The value of a circumstance; `None` for what depends on an event time that cannot be read. `approved` says whether a
    /// change that is manual [unless it was approved](Manual::UnlessApproved) was.
    #[must_use]
    pub fn value(&self, circumstance: Circumstance, approved: bool) -> Option<Value<'e>> {
        let yes_or_no = |yes: bool| Some(Value::Text(if yes { "true" } else { "false" }));
        match circumstance {
            Circumstance::Manual => yes_or_no(self.manual().holds(approved)),
            Circumstance::BusinessHours => yes_or_no(self.here()?.moment.business_hours),
            Circumstance::Holiday => yes_or_no(self.here()?.moment.holiday),
            Circumstance::Weekday => Some(Value::Text(self.here()?.moment.weekday_name())),
            Circumstance::Hour => Some(Value::Number(self.here()?.moment.hour())),
            Circumstance::Calendar => Some(Value::Text(&self.installation.calendars[self.here()?.calendar].0)),
        }
    }

    /// Whether it was done by hand.
    #[must_use]
    pub fn manual(&self) -> &Manual {
        self.manual.get_or_init(|| self.installation.hands.judge(self.event))
    }

    /// How a circumstance came about, in words for the reader of an alert.
    #[must_use]
    pub fn because(&self, circumstance: Circumstance) -> Option<String> {
        if circumstance == Circumstance::Manual {
            return Some(self.manual().to_string());
        }
        let Here { calendar, moment } = self.here()?;
        let (name, calendar) = &self.installation.calendars[*calendar];
        let state = match (moment.business_hours, moment.holiday) {
            (true, _) => "within",
            (false, true) => "a holiday, outside",
            (false, false) => "outside",
        };
        Some(format!("{moment} in the calendar {name}, {state} {calendar}"))
    }

    fn here(&self) -> Option<&Here> {
        let find = || {
            let time = self.event.time()?;
            let calendar = self.installation.calendar_of(self.event);
            Some(Here { calendar, moment: self.installation.calendars[calendar].1.moment(time) })
        };
        self.here.get_or_init(find).as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Record;

    const CONFIGURATION: &str = "
calendars:
  berlin: {zone: Europe/Berlin}
  new-york: {zone: America/New_York}
  singapore: {zone: Asia/Singapore}
default_calendar: berlin
calendar_of:
  - {actor: '*@us.x.example', calendar: new-york}
  - {group: sg, identity_provider: okta, calendar: singapore}
  - {identity_provider: 'azure*', calendar: new-york}
groups: {sg: {members: [mei@x.example, 'Li *']}}
";

    fn installation(yaml: &str) -> Installation {
        let read = |_: &str| Err(std::io::Error::from(std::io::ErrorKind::NotFound));
        Installation::new(&Configuration::parse(yaml, &read).unwrap(), &ManualLists::default())
    }

    fn value(yaml: &str, actor: &str, time: &str, circumstance: Circumstance) -> Option<String> {
        let line = format!(r#"{{"eventTimestamp":"{time}","actor":{actor},"auditPayload":{{"type":"X"}}}}"#);
        let record = Record::parse(line.as_bytes()).unwrap();
        let event = Event::of(&record);
        let installation = installation(yaml);
        installation.circumstances(&event).value(circumstance, false).map(|value| match value {
            Value::Text(text) => text.to_owned(),
            Value::Number(number) => number.to_string(),
        })
    }

    #[test]
    fn the_first_entry_that_fits_chooses_the_calendar() {
        let calendar = |actor| value(CONFIGURATION, actor, "2026-11-02T12:00:00Z", Circumstance::Calendar).unwrap();
        assert_eq!(calendar(r#"{"id":"bob@US.x.example","identityProvider":"okta"}"#), "new-york");
        assert_eq!(calendar(r#"{"id":"mei@x.example","identityProvider":"okta"}"#), "singapore");
        assert_eq!(calendar(r#"{"id":"7","name":"Li Wei","identityProvider":"okta"}"#), "singapore");
        assert_eq!(calendar(r#"{"id":"7","name":"Li Wei","identityProvider":"azure-ad"}"#), "new-york");
        assert_eq!(calendar(r#"{"id":"ann@x.example","identityProvider":"okta"}"#), "berlin");
        assert_eq!(calendar("null"), "berlin");
    }

    #[test]
    fn one_moment_is_day_for_one_actor_and_night_for_another() {
        let at = |actor, circumstance| value(CONFIGURATION, actor, "2026-11-02T07:30:00Z", circumstance).unwrap();
        let (ann, bob) = (r#"{"id":"ann@x.example"}"#, r#"{"id":"bob@us.x.example"}"#);
        assert_eq!((at(ann, Circumstance::Hour), at(ann, Circumstance::BusinessHours)), ("8".into(), "true".into()));
        assert_eq!((at(bob, Circumstance::Hour), at(bob, Circumstance::BusinessHours)), ("2".into(), "false".into()));
        assert_eq!(at(bob, Circumstance::Weekday), "monday");
    }

    #[test]
    fn without_calendars_there_is_one_in_utc_and_without_a_time_none() {
        let at = |time, circumstance| value("# nothing", r#"{"id":"ann"}"#, time, circumstance);
        assert_eq!(at("2026-11-02T07:30:00Z", Circumstance::BusinessHours).unwrap(), "false");
        assert_eq!(at("2026-11-02T08:00:00Z", Circumstance::BusinessHours).unwrap(), "true");
        assert_eq!(at("2026-11-02T08:00:00Z", Circumstance::Calendar).unwrap(), "default");
        for circumstance in Circumstance::ALL.into_iter().filter(|found| *found != Circumstance::Manual) {
            assert_eq!(at("soon", circumstance), None);
        }
    }

    #[test]
    fn a_circumstance_says_how_it_came_about() {
        let line = br#"{"eventTimestamp":"2026-11-21T01:37:00Z","actor":{"id":"ann"},"auditPayload":{"type":"X"}}"#;
        let record = Record::parse(line).unwrap();
        let (event, installation) = (Event::of(&record), installation(CONFIGURATION));
        let because = installation.circumstances(&event).because(Circumstance::BusinessHours).unwrap();
        let expected =
            "saturday 2026-11-21 02:37 in the calendar berlin, outside monday to friday 08:00-18:00 Europe/Berlin";
        assert_eq!(because, expected);
    }
}
