//! The configuration file of the tenant, with the two files it refers to: what the product has to know about the offices, so
//! that it sees business hours as the simulated people keep them. It doubles as an example.

use std::fmt::Write as _;

use crate::offices::{BERLIN, NEW_YORK, OFFICES, SINGAPORE};
use crate::plan::{HOUR, Plan};
use crate::record::civil;
use crate::tenant::Tenant;

/// The configuration file.
pub(crate) const NAME: &str = "immuta-watch.yml";
/// The holidays of New York, in the format of calendars.
const HOLIDAYS: &str = "new-york-holidays.ics";
/// The ids of the people in Singapore.
const MEMBERS: &str = "singapore-office.txt";

/// The files of the configuration: name and content.
pub(crate) fn files(plan: &Plan, tenant: &Tenant) -> [(&'static str, String); 3] {
    let years = years(plan);
    [
        (NAME, configuration(&years)),
        (HOLIDAYS, calendar(&years)),
        (MEMBERS, tenant.people_of(SINGAPORE).fold(String::new(), |list, person| list + &person.actor.id + "\n")),
    ]
}

/// Every year that any day of the plan falls into, in any office.
fn years(plan: &Plan) -> Vec<i16> {
    let year = |at| civil(at).year;
    // A plan's dates lie between 1970 and 9998, and offices are at most 14 hours from UTC.
    let (first, last) = (year(plan.start_ms() - 24 * HOUR), year(plan.end_ms() + 24 * HOUR));
    (first..=last).filter_map(|year| i16::try_from(year).ok()).collect()
}

fn configuration(years: &[i16]) -> String {
    let [berlin, new_york, singapore] = [BERLIN, NEW_YORK, SINGAPORE].map(|office| &OFFICES[office]);
    let (berlin_days, singapore_days) = (dates(BERLIN, years), dates(SINGAPORE, years));
    format!(
        r#"# The configuration of the made-up company Northwind, for `immuta-watch run --config {NAME}` and the like.
# It tells what no audit record says: when people work, and which accounts are no people.

# Business hours. A change outside the hours of whoever made it can raise an alert's level.
calendars:
  # The main office, with its holidays as dates.
  {}:
    zone: {}
    days: [monday, tuesday, wednesday, thursday, friday]
    hours: "08:00-18:00"
    holidays:
{berlin_days}
  # Holidays from a calendar file, as calendar programs export them. The file lies beside this one.
  {}:
    zone: {}
    hours: "08:00-18:00"
    holidays_file: {HOLIDAYS}
  # Days and hours that are not named are Monday to Friday, 08:00 to 18:00.
  {}:
    zone: {}
    holidays:
{singapore_days}

# The calendar of everybody whom the list below does not name, of service accounts and of unknown users.
default_calendar: {}

# Whose calendar is another one. The first entry that fits decides.
calendar_of:
  # By a pattern for the id, the name or the login of the actor: `*` stands for any characters.
  - {{actor: "*@{}", calendar: {}}}
  # By a group, where ids do not tell the office.
  - {{group: singapore-office, calendar: {}}}

# Who belongs to a group. Audit records do not say, so the members are listed here, in a file with one pattern a line, or both.
groups:
  singapore-office:
    members: ["singapore-desk@{}"]
    members_file: {MEMBERS}

# Changes to the lists of the rule pack.
lists:
  # Accounts that programs use. What they do is not done by hand.
  service_accounts: {{add: ["svc-*"]}}
  # Accounts through which the identity provider adds, changes and removes people.
  provisioning_actors: {{add: [okta-scim]}}

# A grant counts as made by hand unless a request of the same person for the same data source was approved this long before.
manual:
  approved_within: 7d
"#,
        berlin.calendar,
        berlin.zone,
        new_york.calendar,
        new_york.zone,
        singapore.calendar,
        singapore.zone,
        berlin.calendar,
        new_york.domain,
        new_york.calendar,
        singapore.calendar,
        singapore.domain,
    )
}

/// The holidays of an office as entries of a list.
fn dates(office: usize, years: &[i16]) -> String {
    let days = years.iter().flat_map(|year| OFFICES[office].holidays(*year));
    let lines: Vec<String> = days.map(|(date, name)| format!("      - {date}  # {name}")).collect();
    lines.join("\n")
}

/// The holidays of New York as whole days of a calendar.
fn calendar(years: &[i16]) -> String {
    let mut text = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Northwind//Office holidays//EN\r\n".to_owned();
    for (date, name) in years.iter().flat_map(|year| OFFICES[NEW_YORK].holidays(*year)) {
        let (day, next) = (date.strftime("%Y%m%d"), date.tomorrow().unwrap_or(date).strftime("%Y%m%d"));
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "BEGIN:VEVENT\r\nUID:{day}@{}\r\nDTSTAMP:{day}T000000Z\r\nDTSTART;VALUE=DATE:{day}\r\n\
             DTEND;VALUE=DATE:{next}\r\nSUMMARY:{name}\r\nEND:VEVENT\r\n",
            OFFICES[NEW_YORK].domain
        );
    }
    text + "END:VCALENDAR\r\n"
}
