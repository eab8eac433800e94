use super::*;
use crate::replies::{Replies, Reply, Request};

const CONTENT: &[u8] = b"0123456789";

/// An object whose version is asked for by HEAD; `get` answers the rest.
fn object(mut get: impl FnMut(&Request, usize) -> Reply + Send + 'static) -> Replies {
    let mut gets = 0;
    Replies::given_by(move |request| {
        if request.method == "HEAD" {
            let modified = "Mon, 02 Nov 2026 10:00:00 GMT";
            return Reply::ok(CONTENT).with("etag", "\"v1\"").with("last-modified", modified);
        }
        assert_eq!(request.header("if-match"), Some("\"v1\""));
        gets += 1;
        get(request, gets)
    })
}

fn export(s3: &Replies) -> S3Export {
    S3Export::new(s3.client(), S3Address::new("bucket", "a key+with ü").unwrap())
}

async fn read(export: &S3Export) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    export.open().await?.read_to_end(&mut content)?;
    Ok(content)
}

/// Where the request wants to begin.
fn from(request: &Request) -> usize {
    request.header("range").map_or(0, |range| range.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_is_the_etag_without_quotes() {
    let s3 = object(|_, _| Reply::ok(CONTENT));
    let export = export(&s3);
    assert_eq!(export.source().uri, "s3://bucket/a key+with ü");
    assert_eq!(export.last_modified(), None);
    let version = export.version().await.unwrap().unwrap();
    assert_eq!(version, Version { etag: "v1".to_owned(), bytes: 10 });
    assert_eq!(export.last_modified().unwrap().to_rfc3339(), "2026-11-02T10:00:00+00:00");
    assert_eq!(s3.requests()[0].path, "/bucket/a%20key%2Bwith%20%C3%BC");
    assert_eq!(read(&export).await.unwrap(), CONTENT);
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_goes_on_where_it_broke_off() {
    let s3 = object(|request, _| {
        let from = from(request);
        let reply = if from == 0 { Reply::ok(CONTENT) } else { Reply::rest(CONTENT, from) };
        if from < 8 { reply.that_breaks_after(4) } else { reply }
    });
    assert_eq!(read(&export(&s3)).await.unwrap(), CONTENT);
    let ranges: Vec<_> =
        s3.requests().iter().filter_map(|request| request.header("range").map(str::to_owned)).collect();
    assert_eq!(ranges, ["bytes=4-", "bytes=8-"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_is_given_up_when_no_byte_comes_any_more() {
    let s3 = object(|_, get| {
        if get == 1 { Reply::ok(CONTENT).that_breaks_after(4) } else { Reply::rest(CONTENT, 4).that_breaks_after(0) }
    });
    let error = read(&export(&s3)).await.unwrap_err().to_string();
    assert!(error.starts_with("reading broke off at byte 4 of 10, 5 times"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_replaced_while_it_is_read_is_an_error() {
    let s3 = object(|_, get| {
        if get == 1 { Reply::ok(CONTENT).that_breaks_after(4) } else { Reply::error(412, "PreconditionFailed") }
    });
    let error = read(&export(&s3)).await.unwrap_err();
    assert!(was_replaced(&error));
    assert_eq!(error.to_string(), "the object was replaced while it was read");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_was_replaced_since_it_was_looked_at_is_not_opened() {
    let s3 = object(|_, _| Reply::error(412, "PreconditionFailed"));
    let export = export(&s3);
    export.version().await.unwrap();
    assert!(was_replaced(&export.open().await.err().unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_removed_while_it_is_read_is_gone() {
    let s3 = object(
        |_, get| {
            if get == 1 { Reply::ok(CONTENT).that_breaks_after(4) } else { Reply::error(404, "NoSuchKey") }
        },
    );
    assert_eq!(read(&export(&s3)).await.unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_gives_the_whole_object_again_is_not_believed() {
    let s3 = object(|_, get| if get == 1 { Reply::ok(CONTENT).that_breaks_after(4) } else { Reply::ok(CONTENT) });
    assert!(read(&export(&s3)).await.unwrap_err().to_string().contains("does not give a part"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_missing_is_told_from_one_that_may_not_be_read() {
    let missing = Replies::given_by(|_| Reply::status(404));
    assert_eq!(export(&missing).version().await.unwrap(), None);
    assert_eq!(read(&export(&missing)).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    let denied = Replies::given_by(|_| Reply::status(403));
    let error = export(&denied).version().await.unwrap_err().to_string();
    assert!(error.contains("access denied; s3:GetObject is needed") && error.contains("s3:ListBucket"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_missing_is_told_from_an_object_that_is() {
    let s3 = Replies::given_by(|request| {
        if request.method == "HEAD" { Reply::status(404) } else { Reply::error(404, "NoSuchBucket") }
    });
    let error = export(&s3).version().await.unwrap_err();
    assert!(error.to_string().contains("there is no bucket bucket"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_runtime_with_one_thread_reads_an_export_of_many_chunks() {
    let content = vec![7_u8; 20_000_000];
    let served = content.clone();
    let s3 = Replies::given_by(move |_| Reply::ok(served.clone()).with("etag", "\"v1\""));
    let read = tokio::spawn(async move { read(&export(&s3)).await.unwrap() }).await.unwrap();
    assert!(read == content);
}

#[tokio::test]
async fn a_runtime_that_would_hang_is_refused() {
    let s3 = object(|_, _| Reply::ok(CONTENT));
    let error = export(&s3).open().await.err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::Unsupported);
}
