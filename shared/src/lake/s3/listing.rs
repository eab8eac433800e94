//! Listing the exports below an address, page by page.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::Object;
use chrono::{DateTime, Utc};

use super::address::S3Address;
use super::export::time_of;
use super::failure;
use crate::aws;
use crate::lake::store::StoreError;

/// An object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedObject {
    /// Where it is
    pub address: S3Address,
    /// Its length in bytes
    pub bytes: u64,
    /// Its version, as [`crate::lake::Version`] has it
    pub etag: String,
    /// When it was written, by S3's clock
    pub last_modified: Option<DateTime<Utc>>,
}

/// What a listing passed over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PassedOver {
    /// Objects without a byte, such as those that stand for folders
    pub empty: u64,
    /// Files of the lake
    pub lakes_own: u64,
}

/// All exports below an address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// In the order of keys
    pub exports: Vec<ListedObject>,
    /// What is none
    pub passed_over: PassedOver,
}

/// Lists the exports at an address: one object, or all below a folder. The lake's own files are passed over.
///
/// # Errors
/// The bucket is not there, or may not be listed.
pub async fn list_exports(
    client: &Client,
    address: &S3Address,
    lake: Option<&S3Address>,
) -> Result<Listing, StoreError> {
    let mut pages = ExportPages::new(client, address, lake);
    let mut exports = Vec::new();
    while let Some(page) = pages.next().await? {
        exports.extend(page);
    }
    Ok(Listing { exports, passed_over: pages.passed_over })
}

/// The pages of a listing, up to a thousand objects each: a bucket may hold more than memory should.
#[derive(Debug)]
pub struct ExportPages {
    client: Client,
    address: S3Address,
    lake: Option<S3Address>,
    next: Next,
    /// What was passed over so far
    pub passed_over: PassedOver,
}

/// What is to be asked next.
#[derive(Debug)]
enum Next {
    /// Whether the address is one object
    Object,
    FirstPage {
        after: Option<String>,
    },
    Page {
        token: String,
    },
    Nothing,
}

impl ExportPages {
    /// The exports at an address: one object, or all below a folder.
    #[must_use]
    pub fn new(client: &Client, address: &S3Address, lake: Option<&S3Address>) -> Self {
        // What ends in a slash is meant to be a folder.
        let next = if address.key() == address.folder() { Next::FirstPage { after: None } } else { Next::Object };
        Self {
            client: client.clone(),
            address: address.clone(),
            lake: lake.cloned(),
            next,
            passed_over: PassedOver::default(),
        }
    }

    /// Begins behind a key, in S3's order of keys (that of their bytes).
    #[must_use]
    pub fn after(mut self, key: impl Into<String>) -> Self {
        self.next = Next::FirstPage { after: Some(key.into()) };
        self
    }

    /// The next exports; `None` at the end. There may be none in a page that is not the last.
    ///
    /// # Errors
    /// The bucket is not there, or may not be listed. Asking again asks for the same page.
    pub async fn next(&mut self) -> Result<Option<Vec<ListedObject>>, StoreError> {
        let (after, token) = match &self.next {
            Next::Nothing => return Ok(None),
            Next::Object => {
                if let Some(object) = self.as_object().await? {
                    self.next = Next::Nothing;
                    return Ok(Some(self.sorted_out(vec![object])));
                }
                (None, None)
            }
            Next::FirstPage { after } => (after.clone(), None),
            Next::Page { token } => (None, Some(token.clone())),
        };
        let request = self.client.list_objects_v2().bucket(self.address.bucket()).prefix(self.address.folder());
        let page = request.set_start_after(after).set_continuation_token(token).send().await.map_err(|error| {
            let reason = failure::in_words(&error, self.address.bucket(), "s3:ListBucket");
            StoreError::new("list", &self.address.to_string(), reason)
        })?;
        let objects = page.contents().iter().filter_map(|object| self.listed(object)).collect();
        self.next = match page.next_continuation_token {
            Some(token) if page.is_truncated == Some(true) => Next::Page { token },
            _ => Next::Nothing,
        };
        Ok(Some(self.sorted_out(objects)))
    }

    /// The object that has the address as its key. If S3 answers that there is none, or does not say, it is taken for a
    /// folder, and the listing says what is wrong.
    async fn as_object(&self) -> Result<Option<ListedObject>, StoreError> {
        let request = self.client.head_object().bucket(self.address.bucket()).key(self.address.key());
        let found = match request.send().await {
            Ok(found) => found,
            Err(error) if aws::status(&error).is_some() => return Ok(None),
            Err(error) => {
                let reason = failure::in_words(&error, self.address.bucket(), "s3:GetObject");
                return Err(StoreError::new("look at", &self.address.to_string(), reason));
            }
        };
        Ok(Some(ListedObject {
            address: self.address.clone(),
            bytes: found.content_length().and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default(),
            etag: found.e_tag().unwrap_or_default().trim_matches('"').to_owned(),
            last_modified: found.last_modified().and_then(time_of),
        }))
    }

    fn listed(&self, object: &Object) -> Option<ListedObject> {
        Some(ListedObject {
            address: self.address.at(object.key()?),
            bytes: object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
            etag: object.e_tag().unwrap_or_default().trim_matches('"').to_owned(),
            last_modified: object.last_modified().and_then(time_of),
        })
    }

    /// Leaves out what is no export, and counts it.
    fn sorted_out(&mut self, mut objects: Vec<ListedObject>) -> Vec<ListedObject> {
        objects.retain(|object| {
            let (bucket, key) = (object.address.bucket(), object.address.key());
            if self.lake.as_ref().is_some_and(|lake| lake.is_lakes_own(&self.address, bucket, key)) {
                self.passed_over.lakes_own += 1;
                false
            } else if object.bytes == 0 {
                self.passed_over.empty += 1;
                false
            } else {
                true
            }
        });
        objects
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replies::{Replies, Reply};

    fn page(keys: &[(&str, u64)], token: Option<&str>) -> Reply {
        let object = |(key, size): &(&str, u64)| {
            format!("<Contents><Key>{key}</Key><Size>{size}</Size><ETag>\"e\"</ETag></Contents>")
        };
        let contents = keys.iter().map(object).collect::<Vec<_>>().concat();
        let next = token.map_or_else(String::new, |token| {
            format!("<NextContinuationToken>{token}</NextContinuationToken><IsTruncated>true</IsTruncated>")
        });
        Reply::ok(format!("<ListBucketResult>{contents}{next}</ListBucketResult>"))
    }

    fn address(text: &str) -> S3Address {
        text.parse().unwrap()
    }

    fn keys(listing: &Listing) -> Vec<&str> {
        listing.exports.iter().map(|object| object.address.key()).collect()
    }

    #[tokio::test]
    async fn every_page_is_listed_and_what_is_no_export_is_counted() {
        let s3 = Replies::given_by(|request| {
            let all = [("x/", 0), ("x/a", 1), ("x/lake/manifests/m.json", 9)];
            match request.query("continuation-token") {
                None => page(&all, Some("more")),
                Some(token) if token == "more" => page(&[("x/empty", 0), ("x/z", 2)], None),
                Some(other) => panic!("nobody gave the token {other}"),
            }
        });
        let lake = address("s3://bucket/x/lake");
        let listing = list_exports(&s3.client(), &address("s3://bucket/x/"), Some(&lake)).await.unwrap();
        assert_eq!(keys(&listing), ["x/a", "x/z"]);
        assert_eq!(listing.passed_over, PassedOver { empty: 2, lakes_own: 1 });
        assert_eq!(listing.exports[0].etag, "e");
    }

    #[tokio::test]
    async fn an_address_is_an_object_or_a_folder() {
        let s3 = Replies::given_by(|request| match (request.method.as_str(), request.path.as_str()) {
            ("HEAD", "/bucket/x/one") => Reply::ok("12345").with("etag", "\"v\""),
            ("HEAD", _) => Reply::status(404),
            _ => page(&[("x/one", 5)], None),
        });
        let listing = list_exports(&s3.client(), &address("s3://bucket/x/one"), None).await.unwrap();
        assert_eq!((keys(&listing), listing.exports[0].bytes), (vec!["x/one"], 5));
        let listing = list_exports(&s3.client(), &address("s3://bucket/x"), None).await.unwrap();
        assert_eq!(keys(&listing), ["x/one"]);
    }

    #[tokio::test]
    async fn a_listing_goes_on_behind_a_key() {
        let s3 = Replies::given_by(|request| {
            assert_eq!(request.query("start-after").as_deref(), Some("x/a"));
            page(&[("x/b", 1)], None)
        });
        let mut pages = ExportPages::new(&s3.client(), &address("s3://bucket/x/"), None).after("x/a");
        assert_eq!(pages.next().await.unwrap().unwrap().len(), 1);
        assert!(pages.next().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_bucket_that_is_not_there_is_said_so() {
        let s3 = Replies::given_by(|_| Reply::error(404, "NoSuchBucket"));
        let error = list_exports(&s3.client(), &address("s3://bucket/x/"), None).await.unwrap_err();
        assert_eq!(error.reason, "there is no bucket bucket; check its name, and whose account the credentials are of");
    }
}
