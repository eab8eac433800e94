//! Publishing packs: what is in force is the old bundle or the new one, whole, whatever fails and whoever else publishes.

use std::future::Future;
use std::io;
use std::pin::pin;

use chrono::{DateTime, TimeDelta, Utc};
use immuta_watch::lake::packs::{self, Bundle, PacksError, Published};
use immuta_watch::lake::{Condition, MemoryStore, Store, names};
use immuta_watch::rules::PackFile;

use super::world::{MOMENTS, Pause, Process, poll, run};

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

/// A bundle of one rule, with a title of its own.
fn bundle(title: &str) -> Bundle {
    let text = format!(
        "title: {title}\nid: c2e7341b-083b-4d56-abff-42083f6e2de9\nstatus: test\ndescription: Something happened.\n\
         author: somebody\ndate: 2026-11-23\nlogsource: {{product: immuta, service: audit}}\n\
         detection:\n  selection:\n    watch.kind: WebhookDeleted\n  condition: selection\n\
         falsepositives: [None]\nlevel: high\n\
         watch:\n  question: watcher\n  route: notification\n  alert_key: [watch.actor]\n  window: 1h\n\
         \x20 runbook: [Look.]\n  controls: [\"SOC 2 CC7.2\"]\n  examples:\n    positive:\n\
         \x20     - {{name: Deleted, event: {{action: DELETE, auditPayload: {{type: WebhookDeletedAuditPayload}}}}}}\n\
         \x20   negative:\n\
         \x20     - {{name: Created, event: {{action: CREATE, auditPayload: {{type: WebhookCreatedAuditPayload}}}}}}\n"
    );
    let files = [PackFile { path: "webhook_deleted.yml".to_owned(), text }];
    let read = |name: &str| match name {
        "office.txt" => Ok("ann@x.example\n".to_owned()),
        _ => Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    Bundle::gather(files, "groups: {office: {members_file: office.txt}}\n", &read).unwrap()
}

fn publish(store: &impl Store, title: &str) -> Result<Published, PacksError> {
    run(packs::publish(store, &bundle(title), "ann", now()))
}

fn roll_back(store: &impl Store) -> Result<packs::Flip, PacksError> {
    run(packs::roll_back(store, "ann", now()))
}

/// The hash of what a function would load; it must load.
fn in_force(store: &impl Store) -> Option<String> {
    let current = run(packs::current(store)).unwrap()?;
    run(packs::load(store, &current.hash)).unwrap().compile().unwrap();
    Some(current.hash)
}

fn store_with(titles: &[&str]) -> MemoryStore {
    let store = MemoryStore::default();
    for title in titles {
        publish(&store, title).unwrap();
    }
    store
}

fn overwrite(store: &MemoryStore, name: &str, content: &str) {
    let etag = run(store.get(name)).unwrap().unwrap().etag;
    run(store.put_if(name, content.into(), Condition::Matches(etag))).unwrap();
}

#[test]
fn what_was_published_is_what_is_loaded_with_the_files_that_it_names() {
    let store = store_with(&["One"]);
    let current = run(packs::current(&store)).unwrap().unwrap();
    let loaded = run(packs::load(&store, &current.hash)).unwrap();
    assert_eq!(loaded, bundle("One"));
    let (configuration, pack) = loaded.compile().unwrap();
    assert_eq!(configuration.groups["office"].members, ["ann@x.example"]);
    assert_eq!((pack.hash(), configuration.hash().as_str()), (&*current.pack, &*current.configuration));
    assert_eq!((current.by.as_str(), current.at), ("ann", now()));
}

#[test]
fn publishing_the_same_again_changes_nothing() {
    let store = store_with(&["One"]);
    let before = store.files();
    let Published::AlreadyCurrent(current) = publish(&store, "One").unwrap() else { panic!("it was in force") };
    assert_eq!(current.hash, bundle("One").hash());
    assert_eq!(store.files(), before);
}

#[test]
fn a_pack_that_does_not_compile_leaves_everything_as_it_was() {
    let store = store_with(&["One"]);
    let before = store.files();
    let files = [PackFile { path: "a.yml".to_owned(), text: "title: Half a rule\n".to_owned() }];
    let read = |_: &str| Err(io::ErrorKind::NotFound.into());
    let broken = Bundle::gather(files, "", &read).unwrap();
    let error = run(packs::publish(&store, &broken, "ann", now())).unwrap_err();
    assert!(error.to_string().contains("a.yml:1"), "{error}");
    assert_eq!(store.files(), before);
}

#[test]
fn a_rollback_goes_one_back_and_a_second_one_further() {
    let store = store_with(&["One", "Two", "Three"]);
    for back_to in ["Two", "One"] {
        let flip = roll_back(&store).unwrap();
        assert!(flip.rollback);
        assert_eq!(in_force(&store), Some(bundle(back_to).hash()));
        assert_eq!(flip.to, bundle(back_to).hash());
    }
    assert!(matches!(roll_back(&store), Err(PacksError::NothingBefore)));
    assert_eq!(in_force(&store), Some(bundle("One").hash()));
    assert!(matches!(roll_back(&MemoryStore::default()), Err(PacksError::NothingPublished)));
}

#[test]
fn a_damaged_bundle_is_refused_and_publishing_again_mends_it() {
    let store = store_with(&["One"]);
    let name = names::bundle(&bundle("One").hash());
    let whole = String::from_utf8(bundle("One").encode()).unwrap();
    for damaged in [whole.replace("high", "low"), String::new(), whole[..whole.len() / 2].to_owned()] {
        overwrite(&store, &name, &damaged);
        let error = run(packs::load(&store, &bundle("One").hash())).unwrap_err();
        assert!(matches!(error, PacksError::DamagedBundle(_)), "{error}");
        assert!(matches!(publish(&store, "One").unwrap(), Published::AlreadyCurrent(_)));
        assert_eq!(in_force(&store), Some(bundle("One").hash()));
    }
    run(store.remove(&name)).unwrap();
    assert!(matches!(run(packs::load(&store, &bundle("One").hash())), Err(PacksError::MissingBundle(_))));
    publish(&store, "One").unwrap();
    assert_eq!(in_force(&store), Some(bundle("One").hash()));
}

#[test]
fn nobody_goes_back_to_a_damaged_bundle() {
    let store = store_with(&["One", "Two"]);
    overwrite(&store, &names::bundle(&bundle("One").hash()), "{}");
    assert!(matches!(roll_back(&store), Err(PacksError::DamagedBundle(hash)) if hash == bundle("One").hash()));
    assert_eq!(in_force(&store), Some(bundle("Two").hash()));
}

#[test]
fn a_damaged_or_hostile_current_is_an_error_and_never_a_name() {
    let store = store_with(&["One"]);
    let whole = String::from_utf8(store.files()[names::CURRENT].to_vec()).unwrap();
    for damaged in ["", "{}", &whole.replace(&bundle("One").hash(), "../../manifests")] {
        overwrite(&store, names::CURRENT, damaged);
        assert!(matches!(run(packs::current(&store)), Err(PacksError::DamagedCurrent(_))), "{damaged}");
        assert!(matches!(publish(&store, "Two"), Err(PacksError::DamagedCurrent(_))), "{damaged}");
    }
}

#[test]
fn a_bundle_of_a_later_release_is_refused_by_its_version() {
    let later = String::from_utf8(bundle("One").encode()).unwrap();
    let later = later.replace("\"bundle_version\": 1", "\"bundle_version\": 2, \"more\": true");
    let error = Bundle::decode(later.as_bytes()).unwrap_err();
    assert!(matches!(error, packs::BundleError::Later(2)), "{error}");
}

/// Publishes or rolls back with a process that dies in every call in turn, before and after its effect.
fn dying_everywhere(begun: &[&str], intended: &str, act: impl Fn(&Process<MemoryStore>) -> bool) {
    let old = begun.last().map(|title| bundle(title).hash());
    let new = bundle(intended).hash();
    for moment in MOMENTS {
        let mut deaths = 0;
        for call in 1.. {
            let store = store_with(begun);
            let process = Process::on(store.clone()).that_dies(call, moment);
            let done = act(&process);
            let found = in_force(&store);
            let when = format!("call {call}, {moment:?}");
            assert!(found == old || found.as_ref() == Some(&new), "{when}: {found:?}");
            if !process.is_dead() {
                assert!(done && found.as_ref() == Some(&new), "{when}");
                break;
            }
            deaths += 1;
            assert!(!done || found.as_ref() == Some(&new), "{when}: said to be done");
            publish(&store, intended).unwrap();
            assert_eq!(in_force(&store).as_ref(), Some(&new), "{when}: publishing again");
        }
        assert!(deaths >= 3, "{deaths} calls");
    }
}

#[test]
fn a_publisher_that_dies_in_any_call_leaves_the_old_or_the_new_and_publishing_again_mends_it() {
    dying_everywhere(&[], "One", |store| publish(store, "One").is_ok());
    dying_everywhere(&["One"], "Two", |store| publish(store, "Two").is_ok());
    dying_everywhere(&["One", "Two"], "One", |store| roll_back(store).is_ok());
}

/// Lets two futures go on in turn: first `head_start` steps of the first one, then one step each.
fn in_turn<A, B>(one: impl Future<Output = A>, other: impl Future<Output = B>, head_start: usize) -> (A, B) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut first, mut second) = (None, None);
    for step in 0.. {
        if first.is_none()
            && let std::task::Poll::Ready(value) = poll(one.as_mut())
        {
            first = Some(value);
        }
        if step >= head_start
            && second.is_none()
            && let std::task::Poll::Ready(value) = poll(other.as_mut())
        {
            second = Some(value);
        }
        if first.is_some() && second.is_some() {
            break;
        }
    }
    (first.unwrap(), second.unwrap())
}

#[test]
fn of_two_who_publish_at_once_one_wins_and_the_other_is_told() {
    let mut conflicts = 0;
    for head_start in 0..12 {
        let store = store_with(&["Before"]);
        let (ann, bob) = (Process::on(store.clone()), Process::on(store.clone()));
        let (ann, bob) = (ann.that_pauses(Pause::Around), bob.that_pauses(Pause::Around));
        let (one, two) = (bundle("One"), bundle("Two"));
        let ann = packs::publish(&ann, &one, "ann", now());
        let bob = packs::publish(&bob, &two, "bob", now());
        let (ann, bob) = in_turn(ann, bob, head_start);
        let current = run(packs::current(&store)).unwrap().unwrap();
        assert_eq!(in_force(&store), Some(current.hash.clone()));
        match (ann, bob) {
            (Ok(_), Err(PacksError::Conflict { by, .. })) => {
                conflicts += 1;
                assert_eq!((by.as_str(), &current.hash), ("ann", &one.hash()));
            }
            (Err(PacksError::Conflict { by, .. }), Ok(_)) => {
                conflicts += 1;
                assert_eq!((by.as_str(), &current.hash), ("bob", &two.hash()));
            }
            // One after the other: the history has both.
            (Ok(_), Ok(_)) => assert_eq!(current.history.len(), 3),
            (ann, bob) => panic!("{ann:?} and {bob:?}"),
        }
    }
    assert!(conflicts > 0, "they never met");
}

#[test]
fn two_who_publish_the_same_at_once_both_succeed() {
    for head_start in 0..12 {
        let store = store_with(&["Before"]);
        let (ann, bob) = (Process::on(store.clone()), Process::on(store.clone()));
        let (ann, bob) = (ann.that_pauses(Pause::Around), bob.that_pauses(Pause::Around));
        let one = bundle("One");
        let (ann, bob) =
            in_turn(packs::publish(&ann, &one, "ann", now()), packs::publish(&bob, &one, "bob", now()), head_start);
        let flips = [ann, bob].into_iter().filter(|result| matches!(result.as_ref().unwrap(), Published::Flipped(_)));
        assert_eq!(flips.count(), 1, "one of them did it");
        assert_eq!(in_force(&store), Some(one.hash()));
    }
}
