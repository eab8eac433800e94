//! What one notification of a webhook contributes to alerts: the same as an export with this one event would. It is in no
//! ledger, since the export with the same change is to come.

use std::collections::BTreeMap;

use super::classify::details;
use crate::alerts::{AlertId, Contribution, Finding};
use crate::config::Configuration;
use crate::event::Event;
use crate::export::SourceId;
use crate::rules::{Match, Pack};

/// A notification is one record.
const LINE: u64 = 1;

/// The contributions of an event from this source, and the matches that they are made of.
#[must_use]
pub fn contributions<'p>(
    event: &Event<'_>,
    source: &SourceId,
    pack: &'p Pack,
    configuration: &Configuration,
) -> (BTreeMap<AlertId, Contribution>, Vec<(AlertId, Match<'p>)>) {
    let mut contributions = BTreeMap::new();
    let mut matches = Vec::new();
    for matched in pack.matches(event) {
        let finding = Finding { matched: &matched, event, source, line: LINE };
        let id = finding.alert_id();
        let contribution = contributions.entry(id.clone()).or_insert_with(|| Contribution::begin(&finding).0);
        contribution.add(&finding, || details(pack, &matched, event, configuration.ledger.query_text));
        matches.push((id, matched));
    }
    (contributions, matches)
}
