//! What goes wrong, when incidents are planted, and beside each incident what only looks as if it did: its near misses.
//!
//! An incident is one event that a rule must find. A near miss is of the same sort with one thing different, so that nobody
//! may be notified of it. The areas below list them, `correlations` what takes several events, and `planting` decides when
//! each happens.

mod correlations;
mod data;
mod governance;
mod people;
mod permissions;
mod planting;
mod subscriptions;

use chrono::{DateTime, Timelike};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::activity::Activity;
use crate::catalogue::Level;
use crate::dice::{chance, weighted};
use crate::kinds::QUERY;
use crate::offices::{BERLIN, Clocks, Day, MANY, OFFICES, SINGAPORE};
use crate::query::Reading;
use crate::tenant::{Person, Source, Tenant};

pub(crate) use correlations::Course;
pub(crate) use planting::{Planted, plant};

/// An incident as the rules should see it.
pub(crate) struct Incident {
    /// What happened, in words.
    pub(crate) name: &'static str,
    /// The governance question that it answers.
    pub(crate) question: &'static str,
    /// The file name, without its ending, of the rule that should find it.
    pub(crate) rule: &'static str,
    /// The level of the alert.
    pub(crate) level: &'static str,
    /// Where the alert goes.
    pub(crate) route: &'static str,
    case: Case,
    near: &'static [NearMiss],
}

/// What must not notify anybody, beside the incident that it looks like.
pub(crate) struct NearMiss {
    /// What happened, in words.
    pub(crate) name: &'static str,
    /// Why it is none of the rule's business, in a sentence.
    pub(crate) why: &'static str,
    case: Case,
}

/// When, who and what.
struct Case {
    when: When,
    who: Who,
    /// Received 8 to 32 hours after it happened instead of within seconds.
    late: bool,
    /// Makes the events, each with the milliseconds after the moment of the case; that at 0 is the one to be found. Nothing if
    /// the tenant has not what is needed.
    make: fn(&mut ChaCha8Rng, &Scene) -> Option<Acts>,
}

const fn case(when: When, who: Who, make: fn(&mut ChaCha8Rng, &Scene) -> Option<Acts>) -> Case {
    Case { when, who, late: false, make }
}

/// The hours at which something happens, by the clock of the office of whoever does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// At any time.
    Any,
    /// While the office is open.
    Open,
    /// While the office is open, and it is night in UTC and in the main office.
    OpenAtNightInBerlin,
    /// While the office is open, on a day that is a holiday of another one.
    OpenOnAHolidayElsewhere,
    /// Outside business hours: nights, weekends, holidays.
    Shut,
    /// So shortly before midnight in UTC that what takes an hour goes on into the next day, and into the next export.
    BeforeMidnight,
    /// At night between working days.
    Night,
    /// On a Saturday or Sunday.
    Weekend,
    /// On a working day of the week, at an hour of work, on a holiday of the office.
    Holiday,
}

impl When {
    fn fits(self, clocks: &Clocks, office: usize, at: i64) -> bool {
        match self {
            Self::Any => true,
            Self::Open => clocks.open(office, at),
            Self::OpenAtNightInBerlin => {
                let utc = DateTime::from_timestamp_millis(at).unwrap_or_default().hour();
                clocks.open(office, at) && clocks.night(BERLIN, at) && !(6..18).contains(&utc)
            }
            Self::OpenOnAHolidayElsewhere => {
                let elsewhere = (0..MANY).any(|other| other != office && clocks.day(other, at) == Day::Holiday);
                clocks.open(office, at) && elsewhere
            }
            Self::Shut => clocks.shut(office, at),
            Self::BeforeMidnight => {
                let utc = DateTime::from_timestamp_millis(at).unwrap_or_default();
                utc.hour() == 23 && (30..50).contains(&utc.minute())
            }
            Self::Night => clocks.night(office, at),
            Self::Weekend => clocks.day(office, at) == Day::Weekend,
            Self::Holiday => clocks.shut_for_a_holiday(office, at),
        }
    }
}

/// Who does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    /// Anybody of any office, at times a steward: those who should not have, as well as those who may.
    Somebody,
    /// Somebody of any office who looks after governance.
    Steward,
    /// Somebody of the office that is open while it is night in Europe.
    StewardInSingapore,
    /// An administrator that exists in Immuta only.
    LocalAdministrator,
    /// A service account that reads data.
    ServiceAccount,
    /// No person: Immuta, the identity provider or a service account, as the events say. Their hours are those of the main
    /// office.
    Machine,
}

impl Who {
    /// The offices at which such people work, the larger ones more often at the front.
    fn offices(self, rng: &mut ChaCha8Rng, tenant: &Tenant) -> Vec<usize> {
        match self {
            Self::Somebody | Self::Steward => {
                let mut left: Vec<(usize, u32)> = (0..MANY).map(|office| (office, OFFICES[office].share)).collect();
                let mut order = Vec::with_capacity(MANY);
                while !left.is_empty() {
                    let office = weighted(rng, &left);
                    left.retain(|(other, _)| *other != office);
                    order.push(office);
                }
                order.retain(|office| tenant.staffed(*office));
                order
            }
            Self::StewardInSingapore if !tenant.staffed(SINGAPORE) => Vec::new(),
            Self::StewardInSingapore => vec![SINGAPORE],
            Self::LocalAdministrator | Self::ServiceAccount | Self::Machine => vec![BERLIN],
        }
    }

    fn person<'a>(self, rng: &mut ChaCha8Rng, tenant: &'a Tenant, office: usize) -> &'a Person {
        let one_of = |rng: &mut ChaCha8Rng, people: &'a [Person]| &people[rng.random_range(0..people.len())];
        match self {
            Self::Somebody if chance(rng, 700) => tenant.somebody(rng, office),
            Self::Somebody | Self::Steward | Self::StewardInSingapore | Self::Machine => tenant.steward(rng, office),
            Self::LocalAdministrator => one_of(rng, tenant.admins()),
            Self::ServiceAccount => one_of(rng, tenant.services()),
        }
    }
}

/// Where a case is set.
struct Scene<'a> {
    tenant: &'a Tenant,
    clocks: &'a Clocks,
    person: &'a Person,
    /// Milliseconds since the epoch.
    at: i64,
    /// When the simulation begins.
    start: i64,
    /// The how-manieth of its sort this is: some take turns.
    turn: usize,
}

impl<'a> Scene<'a> {
    /// Anybody but the person of the scene.
    fn other(&self, rng: &mut ChaCha8Rng) -> &'a Person {
        self.tenant.other_than(rng, self.person)
    }

    /// A table with data of this level, to which nothing happens but what is planted.
    fn table(&self, rng: &mut ChaCha8Rng, level: Level) -> Source {
        self.tenant.new_source(rng, level)
    }

    /// Somebody else who bears the name of the person of the scene.
    fn namesake(&self, rng: &mut ChaCha8Rng) -> Person {
        self.person.namesake(rng.random_range(300_000..400_000))
    }
}

/// Something that a planted event tells of.
#[derive(Clone)]
#[expect(clippy::large_enum_variant, reason = "there are few, and most are of the large variant")]
pub(crate) enum Deed {
    /// Done in Immuta.
    Done(Activity),
    /// Read on a platform.
    Read(Reading),
}

impl Deed {
    /// The kind of the event.
    fn kind(&self) -> &'static str {
        match self {
            Self::Done(activity) => activity.kind,
            Self::Read(_) => QUERY,
        }
    }

    /// The id of whoever it is that did it.
    fn actor(&self) -> &str {
        match self {
            Self::Done(activity) => &activity.actor.id,
            Self::Read(reading) => &reading.reader.actor.id,
        }
    }
}

/// Deeds with their milliseconds after the moment of the case.
type Acts = Vec<(i64, Deed)>;

/// The one deed that most cases consist of.
#[expect(clippy::unnecessary_wraps, reason = "what makes a case may find that the tenant has not what is needed")]
fn alone(activity: Activity) -> Option<Acts> {
    Some(vec![(0, Deed::Done(activity))])
}

/// An event that is planted.
pub(crate) struct PlantedEvent {
    pub(crate) at: i64,
    pub(crate) event_id: String,
    pub(crate) deed: Deed,
    /// Milliseconds from the event to its receipt, beyond the usual.
    pub(crate) late: i64,
}

/// What is to be made of a planted event.
pub(crate) struct Finding {
    pub(crate) incident: &'static Incident,
    /// Which near miss of the incident it is, unless it is the incident itself.
    pub(crate) near_miss: Option<&'static NearMiss>,
    pub(crate) at: i64,
    pub(crate) event_id: String,
    pub(crate) kind: &'static str,
    pub(crate) actor: String,
}

/// Everything that can go wrong.
fn incidents() -> impl Iterator<Item = &'static Incident> {
    let areas = [permissions::INCIDENTS, subscriptions::INCIDENTS, people::INCIDENTS];
    areas.into_iter().chain([governance::INCIDENTS, data::INCIDENTS]).flatten()
}
