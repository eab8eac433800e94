use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex};

use super::*;
use crate::digest;
use crate::findings::BlobWriter;
use crate::replies::{Replies, Reply, Request};

fn store(s3: &Replies) -> S3Store {
    S3Store::new(s3.client(), &"s3://bucket/the/lake".parse().unwrap())
}

/// A bucket that holds what is written to it and heeds conditions; the answers to some requests, counted from 1, are
/// lost once they took effect.
fn bucket(lost: &'static [usize]) -> Replies {
    let (objects, mut asked) = (Arc::new(Mutex::new(BTreeMap::<String, Vec<u8>>::new())), 0);
    let etag = |content: &[u8]| format!("\"{}\"", digest::short(content));
    Replies::given_by(move |request: &Request| {
        asked += 1;
        let mut objects = objects.lock().unwrap();
        let current = objects.get(&request.path).cloned();
        let reply = match request.method.as_str() {
            "GET" => match &current {
                Some(content) => Reply::ok(content.clone()).with("etag", &etag(content)),
                None => Reply::error(404, "NoSuchKey"),
            },
            "PUT" => {
                let is_absent = request.header("if-none-match").is_none_or(|_| current.is_none());
                let wanted = request.header("if-match");
                if wanted.is_some() && current.is_none() {
                    Reply::error(404, "NoSuchKey")
                } else if !is_absent
                    || wanted.is_some_and(|wanted| Some(wanted.to_owned()) != current.as_deref().map(etag))
                {
                    Reply::error(412, "PreconditionFailed")
                } else {
                    objects.insert(request.path.clone(), request.body.clone());
                    Reply::ok("").with("etag", &etag(&request.body))
                }
            }
            _ => {
                objects.remove(&request.path);
                Reply::status(204)
            }
        };
        if lost.contains(&asked) { reply.that_is_lost() } else { reply }
    })
}

#[tokio::test]
async fn files_are_written_read_and_removed_below_the_prefix() {
    let s3 = bucket(&[]);
    let store = store(&s3);
    assert!(store.get("manifests/a.json").await.unwrap().is_none());
    store.put("manifests/a.json", &mut Blob::of(b"1")).await.unwrap();
    assert_eq!(store.get("manifests/a.json").await.unwrap().unwrap().content, "1");
    store.remove("manifests/a.json").await.unwrap();
    store.remove("manifests/a.json").await.unwrap();
    assert!(store.get("manifests/a.json").await.unwrap().is_none());
    let put = &s3.requests()[1];
    assert_eq!(put.path, "/bucket/the/lake/manifests/a.json");
    assert_eq!(put.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn conditional_writes_have_one_winner() {
    let store = store(&bucket(&[]));
    let Written::Done(first) = store.put_if("x", b"1".to_vec(), Condition::Absent).await.unwrap() else { panic!() };
    assert_eq!(store.put_if("x", b"2".to_vec(), Condition::Absent).await.unwrap(), Written::Conflict);
    let matches = Condition::Matches(first.clone());
    assert!(matches!(store.put_if("x", b"2".to_vec(), matches.clone()).await.unwrap(), Written::Done(_)));
    assert_eq!(store.put_if("x", b"3".to_vec(), matches.clone()).await.unwrap(), Written::Conflict);
    assert_eq!(store.put_if("nothing", b"3".to_vec(), matches).await.unwrap(), Written::Conflict);
    assert_eq!(store.get("x").await.unwrap().unwrap().content, "2");
}

#[tokio::test]
async fn a_conditional_write_whose_answer_was_lost_took_place() {
    let s3 = bucket(&[1, 4]);
    let store = store(&s3);
    let Written::Done(first) = store.put_if("x", b"1".to_vec(), Condition::Absent).await.unwrap() else { panic!() };
    let puts = s3.requests().iter().filter(|request| request.method == "PUT").count();
    assert_eq!(puts, 2, "the SDK tried again, and met its own write");
    let second = store.put_if("x", b"2".to_vec(), Condition::Matches(first)).await.unwrap();
    let stored = store.get("x").await.unwrap().unwrap();
    assert_eq!((second, stored.content), (Written::Done(stored.etag), Bytes::from_static(b"2")));
}

#[tokio::test]
async fn a_conditional_write_that_met_another_ones_is_a_conflict_though_its_answer_was_lost() {
    let s3 = bucket(&[2]);
    let store = store(&s3);
    store.put("x", &mut Blob::of(b"another's")).await.unwrap();
    assert_eq!(store.put_if("x", b"mine".to_vec(), Condition::Absent).await.unwrap(), Written::Conflict);
}

#[tokio::test]
async fn a_write_beside_another_one_to_the_same_file_is_a_conflict() {
    let s3 = Replies::given_by(|request| match request.method.as_str() {
        "PUT" => Reply::error(409, "ConditionalRequestConflict"),
        _ => Reply::ok("another's").with("etag", "\"e\""),
    });
    assert_eq!(store(&s3).put_if("x", b"1".to_vec(), Condition::Absent).await.unwrap(), Written::Conflict);
}

#[tokio::test]
async fn a_file_on_disk_is_sent_again_from_its_beginning() {
    let content: Vec<u8> = (0..9_000_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    let mut writer = BlobWriter::new();
    writer.write_all(&content).unwrap();
    let mut blob = writer.finish();
    assert!(matches!(blob.held(), crate::findings::Held::File(_)));
    let s3 = bucket(&[1]);
    store(&s3).put("ledger/x.parquet", &mut blob).await.unwrap();
    let puts = s3.requests();
    assert_eq!(puts.len(), 2);
    for put in puts {
        assert!(put.body == content, "a body of {} bytes", put.body.len());
        assert_eq!(put.header("content-length"), Some("9000000"));
        assert_eq!(put.header("content-type"), Some("application/vnd.apache.parquet"));
        assert_eq!(put.header("x-amz-checksum-sha256").map(ToOwned::to_owned), in_base64(blob.sha256()));
    }
}

#[tokio::test]
async fn an_object_that_may_not_be_read_is_not_one_that_is_missing() {
    let s3 = Replies::given_by(|_| Reply::error(403, "AccessDenied"));
    let error = store(&s3).get("x").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "read x: access denied; s3:GetObject is needed, and without s3:ListBucket S3 denies access to what does not exist, too"
    );
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_not_a_file_that_is_missing() {
    let s3 = Replies::given_by(|_| Reply::error(404, "NoSuchBucket"));
    assert!(store(&s3).get("x").await.unwrap_err().reason.starts_with("there is no bucket bucket"));
    assert!(store(&s3).put_if("x", Vec::new(), Condition::Matches(ETag("\"e\"".to_owned()))).await.is_err());
}

#[tokio::test]
async fn a_file_whose_bytes_break_off_is_read_again() {
    let mut asked = 0;
    let s3 = Replies::given_by(move |_| {
        asked += 1;
        let reply = Reply::ok("12345").with("etag", "\"e\"");
        if asked == 1 { reply.that_breaks_after(2) } else { reply }
    });
    assert_eq!(store(&s3).get("x").await.unwrap().unwrap().content, "12345");
    assert_eq!(s3.requests().len(), 2);
}

#[tokio::test]
async fn every_page_of_a_list_is_read() {
    let s3 = Replies::given_by(|request| {
        assert_eq!(request.query("prefix").as_deref(), Some("the/lake/manifests/"));
        match request.query("continuation-token") {
            None => Reply::ok(
                "<ListBucketResult><Contents><Key>the/lake/manifests/</Key><Size>0</Size></Contents>\
                 <Contents><Key>the/lake/manifests/a</Key><Size>7</Size></Contents>\
                 <NextContinuationToken>t</NextContinuationToken><IsTruncated>true</IsTruncated></ListBucketResult>",
            ),
            Some(_) => Reply::ok(
                "<ListBucketResult><Contents><Key>the/lake/manifests/b</Key><Size>8</Size>\
                 <LastModified>2026-11-02T10:00:00.000Z</LastModified></Contents></ListBucketResult>",
            ),
        }
    });
    let found = store(&s3).list("manifests/").await.unwrap();
    let written = found.iter().map(|entry| entry.written.map(|time| time.timestamp())).collect::<Vec<_>>();
    let found: Vec<_> = found.iter().map(|entry| (entry.name.as_str(), entry.bytes)).collect();
    assert_eq!(found, [("manifests/a", 7), ("manifests/b", 8)]);
    assert_eq!(written, [None, Some(1_793_613_600)]);
}

#[tokio::test]
async fn nothing_outside_the_lake_is_read_written_or_removed() {
    let s3 = bucket(&[]);
    let store = store(&s3);
    for name in ["../precious", "a/../../precious", "", "a//b", "/etc/passwd"] {
        assert!(store.get(name).await.is_err(), "{name}");
        assert!(store.put(name, &mut Blob::of(b"2")).await.is_err(), "{name}");
        assert!(store.put_if(name, Vec::new(), Condition::Absent).await.is_err(), "{name}");
        assert!(store.remove(name).await.is_err(), "{name}");
    }
    assert!(s3.requests().is_empty());
}

#[test]
fn no_two_processes_have_the_same_name() {
    let names: std::collections::BTreeSet<_> = (0..1000).map(|_| holder()).collect();
    assert_eq!(names.len(), 1000);
}
