use super::super::missing::TIMES;
use super::*;
use crate::export::Source;
use crate::lake::{MemoryStore, names};

fn address() -> S3Address {
    "s3://audit/exports".parse().unwrap()
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_793_613_600, 0).unwrap()
}

/// An export of an hour ago.
fn export(name: &str, etag: &str) -> ListedObject {
    ListedObject {
        address: address().at(format!("exports/{name}")),
        bytes: 1,
        etag: etag.to_owned(),
        last_modified: Some(now() - TimeDelta::hours(1)),
    }
}

fn exports(names: impl IntoIterator<Item = usize>) -> Vec<ListedObject> {
    names.into_iter().map(|number| export(&format!("{number:06}"), "v")).collect()
}

async fn commit(store: &MemoryStore, export: &ListedObject, etag: &str) {
    let name = names::manifest(&Source::at(export.address.to_string()).id);
    store.remove(&name).await.unwrap();
    store.put_if(&name, format!(r#"{{"etag":"{etag}"}}"#).into_bytes(), Condition::Absent).await.unwrap();
}

/// A whole run at a time over these exports; what is due, once it was left to the next.
async fn run(store: &MemoryStore, at: DateTime<Utc>, exports: &[ListedObject]) -> Due {
    let mut run = Run::begin(store, &address(), at).await.unwrap();
    for page in exports.chunks(1000) {
        run.take(page.to_vec()).await.unwrap();
    }
    let due = run.finish(true);
    assert!(due.missing.write(store, due.condition.clone()).await.unwrap().is_some());
    due
}

fn keys(due: &Due) -> Vec<&str> {
    due.enqueue.iter().map(|export| export.address.key()).collect()
}

#[tokio::test]
async fn what_has_no_manifest_at_its_version_is_due_unless_it_is_young() {
    let store = MemoryStore::default();
    let (committed, replaced) = (export("committed", "v"), export("replaced", "new"));
    let young = ListedObject { last_modified: Some(now() - TimeDelta::minutes(14)), ..export("young", "v") };
    commit(&store, &committed, "v").await;
    commit(&store, &replaced, "old").await;
    let early = ListedObject { address: address().at("exports/early"), ..young.clone() };
    commit(&store, &early, "v").await;
    let due = run(&store, now(), &[committed, early, export("lost", "v"), replaced.clone(), young]).await;
    assert_eq!(keys(&due), ["exports/lost", "exports/replaced"]);
    let Counts { exports, under_way, missing, read, .. } = due.counts;
    assert_eq!((exports, under_way, missing, read), (5, 1, 2, 3));
    commit(&store, &replaced, "new").await;
    let due = run(&store, now() + TimeDelta::hours(1), &[replaced]).await;
    assert_eq!((keys(&due), due.missing.exports.len(), due.counts.missing), (vec![], 0, 0));
}

#[tokio::test]
async fn a_poison_export_is_enqueued_three_times_told_of_once_and_left_alone_until_it_changes() {
    let (store, mut at, poison) = (MemoryStore::default(), now(), export("poison", "v"));
    for _ in 0..TIMES {
        assert_eq!(keys(&run(&store, at, std::slice::from_ref(&poison)).await).len(), 1);
        // A run that is repeated counts as none.
        assert_eq!(keys(&run(&store, at, std::slice::from_ref(&poison)).await).len(), 0);
        at += TimeDelta::hours(1);
    }
    let due = run(&store, at, std::slice::from_ref(&poison)).await;
    let (uri, etag) = ("s3://audit/exports/poison".to_owned(), "v".to_owned());
    assert_eq!(due.tell, [Notice::ExportNotClassified { uri, etag, since: now() }]);
    for _ in 0..5 {
        at += TimeDelta::hours(1);
        let due = run(&store, at, std::slice::from_ref(&poison)).await;
        assert_eq!((keys(&due), &due.tell, due.counts.missing, due.counts.given_up), (vec![], &vec![], 1, 1));
    }
    assert_eq!(keys(&run(&store, at, &[export("poison", "mended")]).await), ["exports/poison"]);
}

#[tokio::test]
async fn what_was_refused_is_counted_and_not_enqueued() {
    let (store, large) = (MemoryStore::default(), export("large", "v"));
    let (uri, at) = (large.address.to_string(), large.last_modified.unwrap());
    let notice = Notice::ExportTooLarge { uri, etag: "v".to_owned(), bytes: 9, most: 5, at };
    notice.announce(&store, "s3://audit/lake", None, now()).await.unwrap();
    let due = run(&store, now(), &[large]).await;
    assert_eq!((keys(&due), due.counts.missing, due.counts.refused), (vec![], 1, 1));
}

#[tokio::test]
async fn a_run_enqueues_a_thousand_and_the_next_goes_on() {
    let (store, all) = (MemoryStore::default(), exports(0..2300));
    let due = run(&store, now(), &all).await;
    let Counts { missing, waiting, .. } = due.counts;
    assert_eq!((due.enqueue.len(), missing, waiting, due.missing.compared_until), (1000, 2300, 1300, None));
    for export in &due.enqueue {
        commit(&store, export, "v").await;
    }
    let due = run(&store, now() + TimeDelta::hours(1), &all).await;
    assert_eq!((due.enqueue.len(), due.enqueue[0].address.key()), (1000, "exports/001000"));
}

#[tokio::test]
async fn what_nothing_comes_of_does_not_fill_the_queue_for_ever() {
    let (store, all) = (MemoryStore::default(), exports(0..MOST_REMEMBERED + 50));
    let (mut known, condition) = Missing::read(&store, &address()).await.unwrap();
    for export in &all[..MOST_REMEMBERED] {
        let given_up = Known { enqueued: TIMES, told: true, ..Known::new("v", now()) };
        known.exports.insert(export.address.key().to_owned(), given_up);
    }
    known.write(&store, condition).await.unwrap();
    let due = run(&store, now() + TimeDelta::hours(1), &all).await;
    assert_eq!((keys(&due), due.counts.waiting, due.missing.exports.len()), (vec![], 50, MOST_REMEMBERED));
}

#[tokio::test]
async fn a_run_that_comes_to_no_end_is_gone_on_with_and_forgets_nothing() {
    let (store, all) = (MemoryStore::default(), exports(0..30));
    let mut first = Run::begin(&store, &address(), now()).await.unwrap();
    first.take(all[..10].to_vec()).await.unwrap();
    let due = first.finish(false);
    assert_eq!((due.enqueue.len(), due.silence), (10, None));
    due.missing.write(&store, due.condition).await.unwrap();

    let later = now() + TimeDelta::minutes(5);
    let mut second = Run::begin(&store, &address(), later).await.unwrap();
    assert_eq!(second.after(), Some("exports/000009"));
    second.take(all[10..].to_vec()).await.unwrap();
    let due = second.finish(true);
    assert_eq!((due.enqueue.len(), due.missing.exports.len()), (20, 30));
    assert_eq!((due.missing.compared_until, due.missing.unfinished), (Some(now()), None));
}

#[tokio::test]
async fn what_could_not_be_put_into_the_queue_is_due_again() {
    let (store, all) = (MemoryStore::default(), exports(0..5));
    let mut begun = Run::begin(&store, &address(), now()).await.unwrap();
    begun.take(all.clone()).await.unwrap();
    let due = begun.finish(true);
    let left = due.without(&due.enqueue[2..]);
    assert_eq!((left.exports.len(), left.compared_until), (2, None));
    left.write(&store, due.condition).await.unwrap();
    assert_eq!(run(&store, now(), &all).await.enqueue, all[2..]);
}
