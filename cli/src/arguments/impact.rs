//! The command line of `impact`.

use chrono::{NaiveDate, TimeDelta};
use clap::Args;
use immuta_watch::config::Period;
use immuta_watch::report::impact::{LEAST, LONGEST};

use crate::place::Place;

#[derive(Debug, Args)]
#[command(
    after_help = "The window before has the same hours of the same weekdays, one week earlier or as many whole weeks as the span \
                  needs. docs/impact.md says what is counted, and how sure it is."
)]
pub(crate) struct ShowImpact {
    /// The change: its event's key or id, or how that begins (6 characters at least) [default: lists the changes]
    pub(crate) event: Option<String>,
    /// The lake, a folder or s3://bucket/prefix
    #[arg(long, value_parser = Place::parser())]
    pub(crate) lake: Place,
    /// How long after the change, and before it, to look: 12h, 1d, up to 28d
    #[arg(long, value_name = "PERIOD", default_value = "1d", value_parser = span)]
    pub(crate) span: TimeDelta,
    /// List only changes on or after this date (UTC)
    #[arg(long, alias = "since", value_name = "DATE", conflicts_with = "event")]
    pub(crate) from: Option<NaiveDate>,
    /// List only changes on or before this date (UTC)
    #[arg(long, alias = "until", value_name = "DATE", conflicts_with = "event")]
    pub(crate) to: Option<NaiveDate>,
    /// List at most so many, the newest first
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=200), conflicts_with = "event")]
    pub(crate) limit: u16,
    /// Print it as JSON; of a list one object per change, a line each
    #[arg(long)]
    pub(crate) json: bool,
}

/// Reads how long to look.
fn span(text: &str) -> Result<TimeDelta, String> {
    let span = Period::parse(text).map(Period::delta).ok_or("write a number of hours or days: 12h, 1d, 7d")?;
    if (LEAST..=LONGEST).contains(&span) { Ok(span) } else { Err("it is between 1h and 28d".to_owned()) }
}
