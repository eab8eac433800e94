//! What goes wrong in several events together, and what only looks as if it did: a count just below its threshold, the same
//! in another order, by somebody else, or put right in time.
//!
//! Whom and what these events are about, nothing else happens to; so no quiet event can lift a near miss over its threshold.

mod access;
mod baselines;
mod permissions;
mod policies;
mod queries;
mod tags;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{Deed, Incident, Scene, When, Who};
use crate::plan::HOUR;

/// A correlation of the pack, as far as one has to know it to plant something for it.
pub(crate) struct Pattern {
    /// The governance question that it answers.
    pub(crate) question: &'static str,
    /// The file name, without its ending, of the correlation.
    pub(crate) rule: &'static str,
    /// The level of the alert.
    pub(crate) level: &'static str,
    /// Where the alert goes.
    pub(crate) route: &'static str,
    /// The fields whose values its events share.
    by: &'static [&'static str],
    /// How long the log must go on behind the first event before anybody can say that another one is missing, in milliseconds:
    /// the time span, and as long as an event may take to arrive. 0 where nothing has to be missing.
    pub(super) due: i64,
}

/// How late an event may arrive.
const LATENESS: i64 = 48 * HOUR;

/// An incident of several events, with its near misses.
pub(super) struct Correlation {
    pub(super) pattern: &'static Pattern,
    /// What happened, in words.
    pub(super) name: &'static str,
    pub(super) tale: Tale,
    pub(super) near: &'static [NearMissOfMany],
}

/// What a correlation must leave alone, beside the incident that it looks like.
pub(super) struct NearMissOfMany {
    /// What happened, in words.
    pub(super) name: &'static str,
    /// Why it is none of the correlation's business, in a sentence.
    pub(super) why: &'static str,
    pub(super) tale: Tale,
}

/// When, who and what.
pub(super) struct Tale {
    pub(super) when: When,
    pub(super) who: Who,
    /// Makes the events.
    pub(super) tell: fn(&mut ChaCha8Rng, &Scene) -> Vec<Act>,
}

const fn tale(when: When, who: Who, tell: fn(&mut ChaCha8Rng, &Scene) -> Vec<Act>) -> Tale {
    Tale { when, who, tell }
}

/// One event of a tale.
#[derive(Clone)]
pub(super) struct Act {
    /// Milliseconds after the moment of the tale.
    pub(super) after: i64,
    pub(super) deed: Deed,
    /// Milliseconds that it is received later than usual.
    pub(super) late: i64,
    /// Whether the correlation counts it.
    pub(super) counts: bool,
    /// The name of the incident that it is by itself.
    pub(super) alone: Option<&'static str>,
}

fn act(after: i64, deed: Deed) -> Act {
    Act { after, deed, late: 0, counts: true, alone: None }
}

impl Act {
    /// Is received so late that it stands in a later export, behind what happened after it.
    fn late(mut self, rng: &mut ChaCha8Rng) -> Self {
        self.late = rng.random_range(25 * HOUR..40 * HOUR);
        self
    }

    /// Belongs to the tale, but the correlation does not count it.
    fn uncounted(mut self) -> Self {
        self.counts = false;
        self
    }

    /// Is an incident by itself.
    fn alone(mut self, name: &'static str) -> Self {
        self.alone = Some(name);
        self
    }
}

/// What is to be made of several planted events.
pub(crate) struct Course {
    pub(crate) pattern: &'static Pattern,
    /// What happened, in words.
    pub(crate) name: &'static str,
    /// The name of the incident that it looks like, and why it is none; nothing for an incident.
    pub(crate) near: Option<(&'static str, &'static str)>,
    /// The fields that the correlation groups by, and their values in its first event.
    pub(crate) group: Vec<(&'static str, String)>,
    /// The events that count, with their times.
    pub(crate) events: Vec<(i64, String)>,
}

impl Course {
    /// An incident with no events yet.
    pub(super) fn new(pattern: &'static Pattern, name: &'static str) -> Self {
        Self { pattern, name, near: None, group: Vec::new(), events: Vec::new() }
    }

    /// Adds an event that happened at `at`.
    pub(super) fn take(&mut self, deed: &Deed, at: i64, event_id: &str) {
        let first = self.events.iter().all(|(other, _)| at < *other);
        if first {
            let fields = self.pattern.by.iter();
            self.group = fields.filter_map(|field| Some((*field, value(deed, field)?))).collect();
        }
        self.events.push((at, event_id.to_owned()));
        self.events.sort_unstable();
    }
}

/// The value of a field that a correlation groups by.
fn value(deed: &Deed, field: &str) -> Option<String> {
    match deed {
        Deed::Done(activity) => {
            let id = |what| activity.about(what).map(|resource| resource.id.clone());
            match field {
                "watch.object_id" => id("DATASOURCE"),
                "watch.column" => activity.about("COLUMN").map(|resource| resource.name.clone()),
                "watch.policy" => activity.about("GLOBAL_POLICY").map(|resource| resource.name.clone()),
                "watch.subject_id" => id("USER"),
                "watch.tag" => activity.tag().map(str::to_owned),
                // Whoever was granted the permission, and whoever did something with it.
                "person" if activity.kind == "PermissionApplied" => id("USER"),
                "watch.actor" | "person" => Some(activity.actor.id.clone()),
                _ => None,
            }
        }
        Deed::Read(reading) => match field {
            "watch.actor" => Some(reading.reader.actor.id.clone()),
            "watch.object_id" => Some(reading.source.target.id.clone()),
            // The field has the name, not the id.
            "watch.impersonated_by" => reading.behind.as_ref().map(|behind| behind.name.clone()),
            _ => None,
        },
    }
}

/// All that can go wrong in several events together.
pub(super) fn correlations() -> impl Iterator<Item = &'static Correlation> {
    let areas = [queries::CORRELATIONS, permissions::CORRELATIONS, tags::CORRELATIONS];
    areas.into_iter().chain([access::CORRELATIONS, policies::CORRELATIONS, baselines::CORRELATIONS]).flatten()
}

/// The correlation that an incident of one event is part of as well, with what came before it, or with what never follows.
pub(super) fn consequence(incident: &Incident) -> Option<&'static Pattern> {
    Some(match incident.name {
        "access granted without any request" | "access that somebody granted to themselves" => &access::UNREQUESTED,
        "request approved by the one who made it" => &access::SELF_APPROVED,
        "sensitive tag removed from a column" => &tags::NOT_RESTORED,
        "global policy deleted" => &policies::NOT_REPLACED,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::incidents;
    use super::*;

    #[test]
    fn names_tell_incidents_apart_and_what_they_refer_to_is_there() {
        let alone: Vec<&str> = incidents().map(|incident| incident.name).collect();
        let many: Vec<&str> = correlations().map(|correlation| correlation.name).collect();
        let near = correlations().flat_map(|correlation| correlation.near).map(|near| near.name);
        let all: Vec<&str> = alone.iter().copied().chain(many.iter().copied()).chain(near).collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        assert_eq!(incidents().filter_map(consequence).count(), 5);
    }

    #[test]
    fn every_correlation_has_an_incident_and_a_near_miss() {
        let patterns: BTreeSet<&str> = correlations().map(|correlation| correlation.pattern.rule).collect();
        assert_eq!(patterns.len(), 20);
        for rule in patterns {
            let of_it = correlations().filter(|correlation| correlation.pattern.rule == rule);
            assert!(of_it.flat_map(|correlation| correlation.near).count() >= 1, "{rule}");
        }
    }
}
