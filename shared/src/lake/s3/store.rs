//! A lake in an S3 bucket, below a prefix.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;

use super::address::S3Address;
use super::export::time_of;
use super::{failure, upload};
use crate::aws;
use crate::findings::Blob;
use crate::lake::names;
use crate::lake::store::{Condition, ETag, Entry, Store, StoreError, Stored, Written};

/// The most that S3 takes in one piece. No file of a lake comes near it, since one export yields it for one date; so
/// there is no upload in parts.
const LARGEST: u64 = 5 * 1024 * 1024 * 1024;

/// How often a file is read whose bytes break off on the way. (The SDK makes up for failures up to the head of an
/// answer, not for those in its body.)
const READS: u32 = 4;

/// How long to wait before the second read; each further wait is twice as long.
const READ_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// The most memory that is set aside for a file on the word of an answer's head.
const MOST_AT_FIRST: usize = 64 * 1024 * 1024;

/// Files in a bucket.
#[derive(Debug, Clone)]
pub struct S3Store {
    client: Client,
    address: S3Address,
    /// What all keys begin with
    folder: String,
    holder: String,
}

impl S3Store {
    /// The lake at an address. Nothing is asked of S3 yet. See [`crate::aws::s3`] for the client.
    #[must_use]
    pub fn new(client: Client, address: &S3Address) -> Self {
        Self { client, folder: address.folder(), address: address.clone(), holder: holder() }
    }

    /// Where the lake is.
    #[must_use]
    pub fn address(&self) -> &S3Address {
        &self.address
    }

    /// Whether anything was ever committed to this lake.
    ///
    /// # Errors
    /// The bucket is not there, or may not be listed.
    pub async fn has_manifests(&self) -> Result<bool, StoreError> {
        let prefix = format!("{}{}", self.folder, names::MANIFESTS);
        let request = self.client.list_objects_v2().bucket(self.bucket()).prefix(prefix).max_keys(1);
        let page = request.send().await.map_err(|error| {
            let reason = failure::in_words(&error, self.bucket(), "s3:ListBucket");
            StoreError::new("list", &self.address.to_string(), reason)
        })?;
        Ok(!page.contents().is_empty())
    }

    fn bucket(&self) -> &str {
        self.address.bucket()
    }

    /// The key of a file. What cannot be a name in a lake is refused, so that a changed manifest leads nowhere.
    fn key(&self, operation: &'static str, name: &str) -> Result<String, StoreError> {
        if names::is_plain(name) {
            return Ok(format!("{}{name}", self.folder));
        }
        Err(StoreError::new(operation, name, "this is no name of a file in the lake"))
    }

    /// Reads a file once; an error of the bytes on their way is told apart, since reading again helps.
    async fn read(&self, name: &str, key: &str) -> Result<Result<Option<Stored>, String>, StoreError> {
        let answer = match self.client.get_object().bucket(self.bucket()).key(key).send().await {
            Ok(answer) => answer,
            Err(error) if failure::is_missing(&error) => return Ok(Ok(None)),
            Err(error) => {
                let reason = failure::in_words(&error, self.bucket(), "s3:GetObject");
                return Err(StoreError::new("read", name, reason));
            }
        };
        let etag = version(answer.e_tag).map_err(|reason| StoreError::new("read", name, reason))?;
        // Into one piece of memory from the start: pieces that are put together at the end would take twice as much.
        let length = answer.content_length.and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
        let (mut content, mut body) = (Vec::with_capacity(length.min(MOST_AT_FIRST)), answer.body);
        while let Some(chunk) = body.next().await {
            match chunk {
                Ok(chunk) => content.extend_from_slice(&chunk),
                Err(error) => return Ok(Err(aws::causes(&error))),
            }
        }
        Ok(Ok(Some(Stored { content: content.into(), etag })))
    }

    /// The version of a file, if it holds exactly these bytes.
    async fn version_holding(&self, name: &str, content: &Bytes) -> Result<Option<ETag>, StoreError> {
        let stored = self.get(name).await?.filter(|stored| stored.content == content);
        Ok(stored.map(|stored| stored.etag))
    }
}

impl Store for S3Store {
    async fn get(&self, name: &str) -> Result<Option<Stored>, StoreError> {
        let key = self.key("read", name)?;
        let mut wait = READ_AGAIN_AFTER;
        let mut reads = 1;
        loop {
            match self.read(name, &key).await? {
                Ok(stored) => return Ok(stored),
                Err(reason) if reads == READS => {
                    return Err(StoreError::new("read", name, format!("it broke off {READS} times: {reason}")));
                }
                Err(_) => {}
            }
            tokio::time::sleep(jittered(wait)).await;
            wait *= 2;
            reads += 1;
        }
    }

    async fn put(&self, name: &str, blob: &mut Blob) -> Result<(), StoreError> {
        let failed = |reason: String| StoreError::new("write", name, reason);
        let (key, bytes) = (self.key("write", name)?, blob.bytes());
        if bytes > LARGEST {
            return Err(failed(format!("it has {bytes} bytes, and S3 takes {LARGEST} in one piece; split the export")));
        }
        let body = upload::body(blob).map_err(|error| failed(error.to_string()))?;
        let request = self.client.put_object().bucket(self.bucket()).key(key).body(body);
        let request = request
            .content_length(i64::try_from(bytes).unwrap_or(i64::MAX))
            .content_type(content_type(name))
            // S3 takes the file only if it has this hash.
            .set_checksum_sha256(in_base64(blob.sha256()))
            .customize()
            .config_override(Builder::new().timeout_config(upload::timeouts(bytes)));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(failed(failure::in_words(&error, self.bucket(), "s3:PutObject"))),
        }
    }

    /// As the trait says. The SDK tries again when an answer was lost; if the lost answer was that the write took place,
    /// the second attempt meets its own write and is told of a conflict. So at a conflict the file is read, and if it
    /// holds what was to be written, the write took place.
    async fn put_if(&self, name: &str, content: Vec<u8>, condition: Condition) -> Result<Written, StoreError> {
        let content = Bytes::from(content);
        let request = self
            .client
            .put_object()
            .bucket(self.bucket())
            .key(self.key("write", name)?)
            .content_type(content_type(name))
            .body(content.clone().into());
        let is_replaced = matches!(condition, Condition::Matches(_));
        let request = match condition {
            Condition::Absent => request.if_none_match("*"),
            Condition::Matches(ETag(etag)) => request.if_match(etag),
        };
        match request.send().await {
            Ok(answer) => {
                let etag = version(answer.e_tag).map_err(|reason| StoreError::new("write", name, reason))?;
                Ok(Written::Done(etag))
            }
            Err(error) if failure::is_conflict(&error) => {
                let its_own = self.version_holding(name, &content).await?;
                Ok(its_own.map_or(Written::Conflict, Written::Done))
            }
            // There is nothing of the version that was to be replaced.
            Err(error) if is_replaced && failure::is_missing(&error) => Ok(Written::Conflict),
            Err(error) => Err(StoreError::new("write", name, failure::in_words(&error, self.bucket(), "s3:PutObject"))),
        }
    }

    async fn remove(&self, name: &str) -> Result<(), StoreError> {
        let key = self.key("remove", name)?;
        match self.client.delete_object().bucket(self.bucket()).key(key).send().await {
            Ok(_) => Ok(()),
            Err(error) if failure::is_missing(&error) => Ok(()),
            Err(error) => {
                Err(StoreError::new("remove", name, failure::in_words(&error, self.bucket(), "s3:DeleteObject")))
            }
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Entry>, StoreError> {
        let mut found = Vec::new();
        self.visit(prefix, &mut |entry| found.push(entry)).await?;
        // S3's order is that of the bytes of keys, which is the order of names; another server's may be another.
        found.sort();
        Ok(found)
    }

    async fn visit(&self, prefix: &str, take: &mut (dyn FnMut(Entry) + Send)) -> Result<(), StoreError> {
        let below = format!("{}{prefix}", self.folder);
        let mut pages = self.client.list_objects_v2().bucket(self.bucket()).prefix(below).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| {
                StoreError::new("list", prefix, failure::in_words(&error, self.bucket(), "s3:ListBucket"))
            })?;
            for object in page.contents() {
                let name = object.key().and_then(|key| key.strip_prefix(self.folder.as_str()));
                // Consoles make objects that stand for folders, which are no files of the lake.
                let Some(name) = name.filter(|name| names::is_plain(name)) else { continue };
                let bytes = object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or_default();
                let written = object.last_modified().and_then(time_of);
                take(Entry { name: name.to_owned(), bytes, written });
            }
        }
        Ok(())
    }

    fn holder(&self) -> String {
        self.holder.clone()
    }

    fn is_gone(&self, _holder: &str) -> bool {
        false
    }
}

/// The version that S3 gave in an answer, as it gave it.
fn version(etag: Option<String>) -> Result<ETag, &'static str> {
    etag.map(ETag).ok_or("S3 answered without an ETag")
}

/// A name that no other process has: 128 bits that the system drew by chance, after the process's number for whoever
/// reads a lease. (A hash map's keys are such bits; `fastrand` seeds itself from the clock, which machines share.)
fn holder() -> String {
    let drawn = || RandomState::new().build_hasher().finish();
    format!("{}-{:016x}{:016x}", std::process::id(), drawn(), drawn())
}

/// What a file is said to be, for whoever opens it in a browser.
fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.') {
        Some((_, "json")) => "application/json",
        Some((_, "ndjson")) => "application/x-ndjson",
        Some((_, "parquet")) => "application/vnd.apache.parquet",
        Some((_, "yml" | "yaml")) => "application/yaml",
        _ => "application/octet-stream",
    }
}

/// Hexadecimal digits as S3 wants a hash.
fn in_base64(digits: &str) -> Option<String> {
    let pair = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(pair).collect();
    Some(BASE64_STANDARD.encode(bytes?))
}

/// A wait between half as long and as long as said, so that readers that failed together come back one by one.
pub(super) fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(0.5 + fastrand::f64() / 2.0)
}

#[cfg(test)]
mod tests;
