//! A request to the webhooks' address, given any body: it is refused unless it is signed, and what is signed becomes an event
//! of its kind, whatever the body holds.

use std::path::Path;
use std::sync::LazyLock;

use immuta_watch::config::Configuration;
use immuta_watch::event::{Event, Field, Record, Service};
use immuta_watch::export::Source;
use immuta_watch::findings::contributions;
use immuta_watch::rules::Pack;
use immuta_watch::webhook::{Keys, Notification, Receipt, Request};

static PACK: LazyLock<Pack> = LazyLock::new(|| {
    Pack::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules"), &Configuration::default())
        .unwrap_or_else(|errors| panic!("{errors}"))
});

pub(crate) fn check(body: &[u8]) {
    // The input as the event of a request, if it is one, and as the body and the signature of one.
    if let Ok(event) = serde_json::from_slice(body) {
        let _ = Request::read(&event);
    }
    let keys = Keys::read(Some("a secret of 24 characters"), None).expect("a text is a key");
    let signatures = vec![String::from_utf8_lossy(body).into_owned()];
    let request = Request { kind: "permissionsUpdated".to_owned(), token: None, signatures, body: body.to_vec() };
    assert!(keys.verify(&request).is_err(), "it signs itself");

    let received = "2026-11-23T14:00:05Z".parse().expect("a time");
    let receipt = Receipt::new(&request.kind, body, received);
    let receipt = Receipt::read(&receipt.encode()).expect("a receipt can be read");
    assert_eq!(receipt.body().as_deref(), Some(body), "another body was kept");

    let notification = Notification::read(&receipt.kind, body, received);
    let record = Record::parse(notification.record.as_bytes()).expect("a notification makes a record");
    let event = Event::of_service(&record, Service::Webhook);
    assert_eq!((event.kind(), event.time()), (notification.kind.as_str(), Some(received)));
    assert!(!event.field(Field::Actor).is_empty());
    let source = Source::at("s3://fuzzed/webhooks/x.json").id;
    let (contributions, matches) = contributions(&event, &source, &PACK, &Configuration::default());
    assert_eq!(contributions.len(), matches.len(), "two rules of one alert");
}
