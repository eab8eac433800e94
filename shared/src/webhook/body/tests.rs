//! Notifications read, in every form that a body may have.

use proptest::prelude::*;

use super::*;
use crate::event::{DEEPEST, Event, Field};

fn received() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-11-23T14:00:05.123456Z").unwrap().to_utc()
}

fn slack(text: &str, inner: &Value) -> Vec<u8> {
    json!({ "text": text, "attachments": [{ "text": inner.to_string() }] }).to_string().into_bytes()
}

fn values(notification: &Notification, field: Field) -> Vec<String> {
    let record = Record::parse(notification.record.as_bytes()).unwrap();
    Event::of_service(&record, Service::Webhook).field(field).iter().map(ToString::to_string).collect()
}

#[test]
fn what_a_notification_says_comes_by_the_same_derived_fields() {
    let inner = json!({
        "performedBy": {"userid": "ann@example.com", "name": "Ann"}, "tenantId": "acme",
        "user": {"id": 7, "name": "tom@example.com"}, "permissions": ["USER_ADMIN", {"name": "AUDIT"}],
    });
    let found = Notification::read("permissionsUpdated", &slack("Ann changed Tom", &inner), received());
    assert!(found.is_understood);
    assert_eq!(values(&found, Field::Kind), ["permissionsUpdated"]);
    assert_eq!(values(&found, Field::Actor), ["ann@example.com"]);
    assert_eq!(values(&found, Field::Subject), ["tom@example.com"]);
    assert_eq!(values(&found, Field::Permission), ["USER_ADMIN", "AUDIT"]);
    let record: Value = serde_json::from_str(&found.record).unwrap();
    assert_eq!(record["eventTimestamp"], "2026-11-23T14:00:05.123Z");
    assert_eq!((&record["text"], &record["tenantId"]), (&json!("Ann changed Tom"), &json!("acme")));
    assert_eq!(record["attachments"], json!([inner]), "it is kept whole");
    assert_eq!(record["strings"].as_array().unwrap().len(), 6);
}

#[test]
fn the_body_knows_better_than_the_path_which_is_not_signed() {
    let read = |inner: Value| Notification::read("tagcreated", &slack("x", &inner), received()).kind;
    assert_eq!(read(json!({"type": "PermissionsUpdated"})), "permissionsUpdated");
    assert_eq!(read(json!({"type": "data source", "action": "modelDeleted"})), "modelDeleted");
    assert_eq!(read(json!({"type": "data source"})), "tagCreated");
    assert_eq!(Notification::read("somethingNew", b"{}", received()).kind, "somethingNew");
}

#[test]
fn what_does_not_parse_is_an_event_all_the_same() {
    let deep = format!("{}{}", "[".repeat(DEEPEST - 1), "]".repeat(DEEPEST - 1));
    for body in
        [&b""[..], b"Ann changed Tom", b"\"Ann changed Tom\"", b"\xff\xfe", b"{\"text\":", b"[7]", deep.as_bytes()]
    {
        let found = Notification::read("tagCreated", body, received());
        assert!(!found.is_understood);
        assert_eq!(values(&found, Field::Kind), ["tagCreated"]);
        assert_eq!(values(&found, Field::Actor), ["unknown"]);
        let record: Value = serde_json::from_str(&found.record).unwrap();
        assert_eq!(record["text"], String::from_utf8_lossy(body).into_owned());
    }
    let found = Notification::read("tagCreated", br#"{"text":"x","attachments":[{"text":"no {json"}]}"#, received());
    let record: Value = serde_json::from_str(&found.record).unwrap();
    assert_eq!((found.is_understood, &record["attachments"]), (false, &json!(["no {json"])));
}

#[test]
fn a_body_that_is_not_shaped_for_slack_is_read_as_it_is() {
    let found = Notification::read("tagCreated", br#"{"actor":"ann","tag":"PII"}"#, received());
    assert_eq!((values(&found, Field::Actor), values(&found, Field::Tag)), (vec!["ann".into()], vec!["PII".into()]));
    let of_objects = br#"{"attachments":{"text":{"tag":"PII"}}}"#;
    assert_eq!(values(&Notification::read("tagCreated", of_objects, received()), Field::Tag), ["PII"]);
}

#[test]
fn of_several_attachments_the_first_that_says_something_counts() {
    let body =
        br#"{"text":"x","attachments":[{"text":"{\"tag\":\"A\"}"},{"text":"{\"tag\":\"B\",\"user\":\"tom\"}"}]}"#;
    let found = Notification::read("modelTagAdded", body, received());
    assert_eq!((values(&found, Field::Tag), values(&found, Field::Subject)), (vec!["A".into()], vec!["tom".into()]));
}

#[test]
fn texts_are_listed_up_to_a_bound() {
    let inner = json!({ "a": (0..2 * MOST_STRINGS).map(|n| n.to_string()).collect::<Vec<_>>(), "b": "x".repeat(5000) });
    let found = Notification::read("tagCreated", &slack("x", &inner), received());
    let record: Value = serde_json::from_str(&found.record).unwrap();
    assert_eq!(record["strings"].as_array().unwrap().len(), MOST_STRINGS);
}

#[test]
fn what_stands_beside_the_text_counts_too_but_after_what_stands_in_attachments() {
    let body = json!({
        "text": "x", "tag": "C", "user": "tom", "notificationType": "modelTagRemoved",
        "attachments": [{"text": json!({"tag": "A"}).to_string(), "tag": "B", "performedBy": "ann"}],
    });
    let found = Notification::read("tagCreated", body.to_string().as_bytes(), received());
    assert!(found.is_understood);
    assert_eq!(found.kind, "modelTagRemoved", "a type beside the text counts before the path");
    let of = |field| values(&found, field).join(" ");
    assert_eq!((of(Field::Tag), of(Field::Subject), of(Field::Actor)), ("A".into(), "tom".into(), "ann".into()));
}

#[test]
fn an_attachment_is_read_however_often_it_is_wrapped() {
    let inner = json!({"tag": "PII"}).to_string();
    let twice = Value::from(inner.clone()).to_string();
    let all = json!([{ "text": inner }]).to_string();
    for attachments in [json!([{ "text": twice }]), json!(all), json!([inner]), json!({ "text": inner })] {
        let body = json!({ "text": "x", "attachments": attachments }).to_string();
        let found = Notification::read("tagCreated", format!("\u{feff}{body}").as_bytes(), received());
        assert_eq!((values(&found, Field::Tag), found.is_understood), (vec!["PII".into()], true), "{body}");
    }
}

#[test]
fn what_is_not_of_the_known_form_is_not_understood() {
    let understood =
        |body: Value| Notification::read("tagCreated", body.to_string().as_bytes(), received()).is_understood;
    assert!(understood(json!({"text": "x", "tag": "PII"})));
    assert!(understood(json!({"text": "x", "attachments": [{"text": "{}", "color": "red"}]})));
    for body in [
        json!({"text": "Ann gave Tom a permission"}),
        json!({"text": "x", "attachments": [{"text": "Ann gave Tom a permission"}], "permission": "AUDIT"}),
        json!({"text": "x", "attachments": [{"text": "{}"}, {"text": "{\"permission\":"}]}),
        json!({"text": "x", "attachments": [], "blocks": [{"text": "Ann gave Tom a permission"}]}),
        json!({"tag": "x".repeat(70_000)}),
    ] {
        assert!(!understood(body.clone()), "{body}");
    }
}

#[test]
fn everything_is_said_even_where_the_record_cannot_hold_it() {
    let deep = format!("{}\"USER_ADMIN\"{}", "[".repeat(DEEPEST - 2), "]".repeat(DEEPEST - 2));
    for body in [
        deep.clone(),
        format!(r#"{{"text":"x","attachments":[{{"text":{}}}]}}"#, Value::from(deep)),
        r#"{"text":"x","attachments":[{"text":"{\"permissions\":[\"USER_ADMIN\"],\"n\":1e999}"}]}"#.to_owned(),
        r#"{"text":"x","attachments":[{"text":"{\"permissions\":[\"USER_ADMIN\""#.to_owned(),
    ] {
        let found = Notification::read("permissionsUpdated", body.as_bytes(), received());
        let record: Value = serde_json::from_str(&found.record).unwrap();
        let said = record["said"].as_array().unwrap();
        assert!(said.iter().any(|text| text.as_str().unwrap().contains(" USER_ADMIN ")), "{body} {said:?}");
    }
}

#[test]
fn the_same_words_at_another_time_are_another_record() {
    let id = |milliseconds: i64| {
        let received = received() + chrono::TimeDelta::milliseconds(milliseconds);
        let found = Notification::read("tagCreated", b"{}", received);
        serde_json::from_str::<Value>(&found.record).unwrap()["id"].clone()
    };
    assert_eq!(id(0), id(0));
    assert_ne!(id(0), id(1));
}

#[test]
fn whoever_made_something_once_is_not_who_changes_it_now() {
    let actor = |kind: &str, member: &str| {
        let body = json!({ member: "okta-scim", "user": "tom" }).to_string();
        values(&Notification::read(kind, body.as_bytes(), received()), Field::Actor).join(" ")
    };
    for member in ["createdBy", "requestedBy", "initiator"] {
        assert_eq!(actor("attributeAdded", member), "unknown", "{member}");
    }
    assert_eq!(actor("userCreated", "createdBy"), "okta-scim");
    assert_eq!(actor("modelAccessRequested", "requestedBy"), "okta-scim");
    assert_eq!(actor("modelAccessApproved", "requestedBy"), "unknown");
}

fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let texts = prop_oneof![".{0,60}", "\\PC{0,20}", Just("{\"actor\":null}".to_owned()), Just("[1e999]".to_owned())];
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        (texts.clone(), texts.clone()).prop_map(|(text, inner)| {
            json!({ "text": text, "attachments": [{ "text": inner }] }).to_string().into_bytes()
        }),
        (texts, any::<i64>()).prop_map(|(text, number)| {
            json!({ "attachments": [{ "text": json!({ "actor": number, "targets": text, "type": number }) }] })
                .to_string()
                .into_bytes()
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_the_body_it_becomes_an_event_of_its_time_and_kind(body in any_body(), kind in "[a-z][A-Za-z0-9]{0,20}") {
        let found = Notification::read(&kind, &body, received());
        let record = Record::parse(found.record.as_bytes()).unwrap();
        let event = Event::of_service(&record, Service::Webhook);
        prop_assert_eq!(event.kind(), &found.kind);
        prop_assert_eq!(event.time(), Some(received().trunc_subsecs(3)));
        prop_assert!(!event.field(Field::Actor).is_empty());
    }
}
