//! Every event of what a correlation found, where its alert keeps only the first and the last.

use std::collections::BTreeSet;

use super::alerts::ReadError;
use super::signals::{Sources, list_signals};
use super::store::Store;
use crate::alerts::Contribution;
use crate::correlate::{Incident, Moment, Stretch, TimeLines};
use crate::rules::Correlation;

/// The events of an alert of a correlation, in order of time. None are given of an alert that is none of a correlation.
///
/// # Errors
/// [`ReadError`]
pub async fn read_time_line(
    store: &impl Store,
    correlation: &Correlation,
    alert: &Contribution,
) -> Result<Vec<Moment>, ReadError> {
    let (Some(found), Some((first, last))) = (&alert.found, alert.first.zip(alert.last)) else { return Ok(Vec::new()) };
    let values = alert.key.iter().filter_map(|(name, values)| Some((name.clone(), values.first()?.clone())));
    let incident = Incident {
        window_start: alert.window_start,
        group: values.collect(),
        stretches: found.stretches.clone().unwrap_or_else(|| vec![Stretch { from: first, to: last }]),
        events: found.events,
        value: found.value.unwrap_or_default(),
        before: found.before.clone(),
        moments: Vec::new(),
    };
    let rules: BTreeSet<String> = correlation.all_rules().map(|rule| rule.id.clone()).collect();
    let mut lines = TimeLines::whole(correlation, vec![incident]);
    let (first, last) = (first.date_naive(), last.date_naive());
    let files = list_signals(store, &rules, first, last).await?;
    let mut sources = Sources::default();
    for date in first.iter_days().take_while(|date| *date <= last) {
        sources.each_file(store, &files, date, |signals| lines.take(&signals)).await?;
    }
    Ok(lines.finish().into_iter().flat_map(|incident| incident.moments).collect())
}
