//! Exports: a handful of record shapes, and small random exports of them.

use std::io::Write;

use proptest::prelude::*;

/// A query. `time` is the value of `eventTimestamp`.
pub(crate) fn query(id: u8, actor: &str, time: &str, status: &str, score: &str) -> String {
    format!(
        r#"{{"id":"q{id}","eventTimestamp":"{time}","receivedTimestamp":"2026-11-24T00:00:00Z","action":"QUERY","actionStatus":"{status}","actor":{{"id":"{actor}"}},"auditPayload":{{"type":"QueryAuditPayload","queryText":"select 1","objectsAccessed":[{{"name":"hr.pay"}}],"securityProfile":{{"sensitivity":{{"score":"{score}"}}}}}}}}"#
    )
}

/// A permission granted: an alert of the shipped pack, per actor, subject and day.
pub(crate) fn grant(id: u8, actor: &str, time: &str, permission: &str) -> String {
    format!(
        r#"{{"id":"g{id}","eventTimestamp":"{time}","action":"UPDATE","actionStatus":"SUCCESS","targetType":"USER","targets":[{{"type":"USER","name":"tom"}}],"actor":{{"id":"{actor}"}},"auditPayload":{{"type":"PermissionAppliedAuditPayload","permission":"{permission}"}}}}"#
    )
}

/// The same grant as the audit service took it, once or twice, with no time of its own.
pub(crate) fn grant_without_time(id: u8, actor: &str, received: &str) -> String {
    format!(
        r#"{{"id":"g{id}","receivedTimestamp":"{received}","targets":[{{"type":"USER","name":"tom"}}],"actor":{{"id":"{actor}"}},"auditPayload":{{"type":"PermissionAppliedAuditPayload","permission":"AUDIT"}}}}"#
    )
}

/// Access given by a person, to tom for the data source 9: manual unless it was approved.
pub(crate) fn access_given(id: u8, actor: &str, time: &str) -> String {
    format!(
        r#"{{"id":"s{id}","eventTimestamp":"{time}","actionStatus":"SUCCESS","targets":[{{"type":"DATASOURCE","id":"9","name":"hr.pay"}},{{"type":"USER","id":"7","name":"tom"}}],"actor":{{"type":"USER_ACTOR","id":"{actor}"}},"auditPayload":{{"type":"SubscriptionCreatedAuditPayload"}}}}"#
    )
}

/// A request of tom for the data source 9, approved.
pub(crate) fn access_approved(id: u8, time: &str) -> String {
    format!(
        r#"{{"id":"r{id}","eventTimestamp":"{time}","actionStatus":"SUCCESS","targets":[{{"type":"DATASOURCE","id":"9","name":"hr.pay"}}],"relatedResources":[{{"type":"USER","id":"7","name":"tom"}}],"actor":{{"type":"USER_ACTOR","id":"owner"}},"auditPayload":{{"type":"SubscriptionRequestApprovedAuditPayload"}}}}"#
    )
}

/// A kind that no rule knows, and that says little.
pub(crate) fn unknown(id: u8) -> String {
    format!(r#"{{"id":{id},"auditPayload":{{"type":"SomethingNewAuditPayload"}},"extra":[1.5,null,"\u00fc"]}}"#)
}

fn time() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        6 => Just("2026-11-02T09:14:05.221Z"),
        2 => Just("2026-11-02T23:59:60Z"),
        2 => Just("2026-11-03T00:30:00+02:00"),
        2 => Just("2026-11-04T10:00:00.123456789Z"),
        1 => Just("9999-12-31T23:59:59Z"),
        1 => Just("0001-01-01T00:00:00Z"),
        1 => Just("1969-12-31T23:59:59.999Z"),
        2 => Just("soon"),
    ]
}

fn actor() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("ann"), Just("bob")]
}

const UNREADABLE: &[&[u8]] = &[b"no json", b"[1,2]", b"{}", b"{\"a\":", b"\"\xff\xfe\""];
const BLANK: &[&[u8]] = &[b"", b"  \t", b"\r"];

/// One line. Few ids, so that the same event comes up in several exports.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let status = prop_oneof![3 => Just("SUCCESS"), 1 => Just("UNAUTHORIZED")];
    let score = prop_oneof![Just("NONSENSITIVE"), Just("HIGHLY_SENSITIVE"), Just("Highly Sensitive")];
    let permission = prop_oneof![Just("CREATE_PROJECT"), Just("GOVERNANCE"), Just("IMPERSONATE_USER")];
    let received =
        prop_oneof![Just("2026-11-02T10:00:00Z"), Just("2026-11-02T11:00:00Z"), Just("2026-11-03T11:00:00Z")];
    prop_oneof![
        6 => (0..4_u8, actor(), time(), status, score)
            .prop_map(|(id, actor, time, status, score)| query(id, actor, time, status, score).into_bytes()),
        6 => (0..6_u8, actor(), time(), permission)
            .prop_map(|(id, actor, time, permission)| grant(id, actor, time, permission).into_bytes()),
        2 => (0..4_u8, actor(), received)
            .prop_map(|(id, actor, received)| grant_without_time(id, actor, received).into_bytes()),
        3 => (0..4_u8, actor(), time()).prop_map(|(id, actor, time)| access_given(id, actor, time).into_bytes()),
        1 => (0..4_u8, time()).prop_map(|(id, time)| access_approved(id, time).into_bytes()),
        2 => (0..2_u8).prop_map(|id| unknown(id).into_bytes()),
        2 => prop::sample::select(UNREADABLE).prop_map(<[u8]>::to_vec),
        1 => prop::sample::select(BLANK).prop_map(<[u8]>::to_vec),
    ]
}

/// A small export, plain or compressed.
pub(crate) fn export() -> impl Strategy<Value = Vec<u8>> {
    (prop::collection::vec(line(), 0..25), any::<bool>(), 0..3_u8).prop_map(|(lines, newline_at_end, compression)| {
        let mut content = lines.join(&b'\n');
        if newline_at_end {
            content.push(b'\n');
        }
        match compression {
            0 => content,
            1 => gzip(&content),
            _ => zstd::encode_all(&*content, 1).unwrap(),
        }
    })
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(content).unwrap();
    out.finish().unwrap()
}
