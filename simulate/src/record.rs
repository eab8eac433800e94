//! The envelope that every audit record has, and how its times are written.

use std::fmt::Write as _;

use chrono::{DateTime, Datelike, Timelike};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// Something that an event is about: an entry of `targets[]` or `relatedResources[]`.
#[derive(Clone, serde::Serialize)]
pub(crate) struct Resource {
    pub(crate) r#type: &'static str,
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) technology: Option<&'static str>,
    /// What it is tagged with already, where the record says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tags: Option<&'static [&'static str]>,
}

/// Who did it.
#[derive(Clone, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Actor {
    pub(crate) r#type: &'static str,
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) identity_provider: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) profile_id: Option<ProfileId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) impersonated_by: Option<Box<Actor>>,
}

/// The profile's number, which Immuta writes as a string and sometimes as a number.
#[derive(Clone, serde::Serialize)]
#[serde(untagged)]
pub(crate) enum ProfileId {
    Text(String),
    Number(u32),
}

/// One audit record, `P` being its payload.
pub(crate) struct Record<'a, P> {
    pub(crate) id: Option<&'a str>,
    pub(crate) event_timestamp: &'a str,
    pub(crate) received_timestamp: Option<String>,
    pub(crate) action: &'a str,
    pub(crate) action_status: &'a str,
    pub(crate) action_status_reason: Option<&'a str>,
    pub(crate) target_type: &'a str,
    pub(crate) targets: &'a [Resource],
    pub(crate) related_resources: &'a [Resource],
    pub(crate) actor: &'a Actor,
    pub(crate) actor_ip: Option<&'a str>,
    pub(crate) session_id: Option<&'a str>,
    pub(crate) request_id: Option<&'a str>,
    pub(crate) tenant_id: &'a str,
    pub(crate) user_agent: Option<&'a str>,
    pub(crate) payload: &'a P,
    /// Which of the orders of keys to use, modulo their number.
    pub(crate) order: usize,
}

/// Orders of the keys: they differ from record to record in real exports, so a reader must not count on one.
const ORDERS: [[Key; 16]; 3] = {
    use Key::{
        Action, Actor, ActorIp, Event, Id, Payload, Reason, Received, Related, Request, Session, Status, TargetType,
        Targets, Tenant, UserAgent,
    };
    [
        [
            Id, Event, Received, Action, Status, Reason, TargetType, Targets, Related, Actor, ActorIp, Session,
            Request, Tenant, UserAgent, Payload,
        ],
        [
            Action, Status, Reason, Actor, ActorIp, Payload, Event, Id, Received, Related, Request, Session,
            TargetType, Targets, Tenant, UserAgent,
        ],
        [
            Tenant, Id, Actor, Session, Request, ActorIp, UserAgent, Action, TargetType, Targets, Related, Status,
            Reason, Payload, Received, Event,
        ],
    ]
};

#[derive(Clone, Copy)]
enum Key {
    Id,
    Event,
    Received,
    Action,
    Status,
    Reason,
    TargetType,
    Targets,
    Related,
    Actor,
    ActorIp,
    Session,
    Request,
    Tenant,
    UserAgent,
    Payload,
}

impl<P: Serialize> Serialize for Record<'_, P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for key in &ORDERS[self.order % ORDERS.len()] {
            match key {
                Key::Id => present(&mut map, "id", self.id)?,
                Key::Event => map.serialize_entry("eventTimestamp", self.event_timestamp)?,
                Key::Received => present(&mut map, "receivedTimestamp", self.received_timestamp.as_deref())?,
                Key::Action => map.serialize_entry("action", self.action)?,
                Key::Status => map.serialize_entry("actionStatus", self.action_status)?,
                Key::Reason => {
                    map.serialize_entry("actionStatusReason", &self.action_status_reason)?;
                }
                Key::TargetType => map.serialize_entry("targetType", self.target_type)?,
                Key::Targets => map.serialize_entry("targets", self.targets)?,
                Key::Related => map.serialize_entry("relatedResources", self.related_resources)?,
                Key::Actor => map.serialize_entry("actor", self.actor)?,
                Key::ActorIp => present(&mut map, "actorIp", self.actor_ip)?,
                Key::Session => present(&mut map, "sessionId", self.session_id)?,
                Key::Request => present(&mut map, "requestId", self.request_id)?,
                Key::Tenant => map.serialize_entry("tenantId", self.tenant_id)?,
                Key::UserAgent => present(&mut map, "userAgent", self.user_agent)?,
                Key::Payload => map.serialize_entry("auditPayload", self.payload)?,
            }
        }
        map.end()
    }
}

fn present<M: SerializeMap>(map: &mut M, key: &str, value: Option<&str>) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(key, value))
}

/// A moment, taken apart.
pub(crate) struct Civil {
    pub(crate) year: i32,
    pub(crate) month: u32,
    pub(crate) day: u32,
    pub(crate) hour: u32,
    pub(crate) minute: u32,
    pub(crate) second: u32,
}

/// Takes a moment in milliseconds since the epoch apart, in UTC.
pub(crate) fn civil(at: i64) -> Civil {
    // A plan's dates lie between 1970 and 9998, all of which chrono can hold.
    let time = DateTime::from_timestamp_millis(at).unwrap_or_default();
    Civil {
        year: time.year(),
        month: time.month(),
        day: time.day(),
        hour: time.hour(),
        minute: time.minute(),
        second: time.second(),
    }
}

/// The usual spelling of a moment: `2026-10-01T08:15:02.117Z`.
pub(crate) fn zulu(at: i64) -> String {
    let mut text = seconds(at);
    // Writing to a string does not fail.
    let _ = write!(text, ".{:03}Z", at.rem_euclid(1000));
    text
}

/// The rare spelling of a moment, with an offset and microseconds: `2026-10-01T10:15:02.117431+02:00`.
pub(crate) fn with_offset(at: i64, micros: u32) -> String {
    let mut text = seconds(at + 2 * crate::plan::HOUR);
    let _ = write!(text, ".{:03}{micros:03}+02:00", at.rem_euclid(1000));
    text
}

fn seconds(at: i64) -> String {
    let time = civil(at);
    let mut text = String::with_capacity(32);
    let _ = write!(
        text,
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
        time.year, time.month, time.day, time.hour, time.minute, time.second
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_name_the_same_moment() {
        let at = 1_790_842_502_117;
        let plain = DateTime::parse_from_rfc3339(&zulu(at)).unwrap();
        let offset = DateTime::parse_from_rfc3339(&with_offset(at, 431)).unwrap();
        assert_eq!(plain.timestamp_millis(), at);
        assert_eq!(offset.timestamp_micros(), at * 1000 + 431);
    }
}
