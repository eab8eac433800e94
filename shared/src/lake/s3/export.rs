//! An export in S3.

use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};

use async_channel::{Receiver, TryRecvError};
use aws_sdk_s3::Client;
use bytes::{Buf, Bytes};
use chrono::{DateTime, Utc};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

use super::address::S3Address;
use super::download::{Download, Replaced};
use super::failure;
use crate::export::Source;
use crate::lake::commit::{OpenExport, Version};

/// How many chunks may wait to be read. A chunk is what came from the network at once, 8 KiB to 512 KiB: enough to read
/// while the next one is on its way, and at the most 4 MiB of memory.
const CHUNKS_AHEAD: usize = 8;

/// An export in S3. Its version is its `ETag`.
#[derive(Debug)]
pub struct S3Export {
    client: Client,
    address: S3Address,
    source: Source,
    seen: Mutex<Option<Seen>>,
}

/// The object as it was seen last.
#[derive(Debug, Clone)]
struct Seen {
    /// As S3 gave it, in quotes
    etag: String,
    bytes: u64,
    last_modified: Option<DateTime<Utc>>,
}

/// Whether an export could not be read because it was replaced while it was read. Reading it again reads what replaced
/// it.
#[must_use]
pub fn was_replaced(error: &io::Error) -> bool {
    let Some(inner) = error.get_ref() else { return false };
    inner.is::<Replaced>()
}

impl S3Export {
    /// The export in the object at an address. Nothing is asked of S3 yet. See [`crate::aws::s3`] for the client.
    #[must_use]
    pub fn new(client: Client, address: S3Address) -> Self {
        Self { client, source: Source::at(address.to_string()), address, seen: Mutex::new(None) }
    }

    /// The object.
    #[must_use]
    pub fn address(&self) -> &S3Address {
        &self.address
    }

    /// When the object was written, by S3's clock; `None` before [`OpenExport::version`] was asked.
    #[must_use]
    pub fn last_modified(&self) -> Option<DateTime<Utc>> {
        self.seen()?.last_modified
    }

    /// Reads the first byte, which says whether the object may be read, and decrypted, at all; `None` if it is not there,
    /// or has none.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn first_byte(&self) -> io::Result<Option<u8>> {
        let request = self.client.get_object().bucket(self.address.bucket()).key(self.address.key()).range("bytes=0-0");
        match request.send().await {
            Ok(answer) => {
                let bytes = answer.body.collect().await.map_err(io::Error::other)?.into_bytes();
                Ok(bytes.first().copied())
            }
            Err(error) if failure::is_missing(&error) => Ok(None),
            Err(error) => Err(io::Error::other(failure::in_words(&error, self.address.bucket(), "s3:GetObject"))),
        }
    }

    fn seen(&self) -> Option<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks at the object as it is now.
    async fn look(&self) -> io::Result<Option<Seen>> {
        let request = self.client.head_object().bucket(self.address.bucket()).key(self.address.key());
        let seen = match request.send().await {
            Ok(answer) => Some(Seen {
                bytes: answer.content_length().and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default(),
                last_modified: answer.last_modified().and_then(time_of),
                etag: answer.e_tag.ok_or_else(|| io::Error::other("S3 answered without an ETag"))?,
            }),
            Err(error) if failure::is_missing(&error) => {
                self.is_there_a_bucket().await?;
                None
            }
            Err(error) => {
                return Err(io::Error::other(failure::in_words(&error, self.address.bucket(), "s3:GetObject")));
            }
        };
        (*self.seen.lock().unwrap_or_else(PoisonError::into_inner)).clone_from(&seen);
        Ok(seen)
    }

    /// The answer to `HEAD` has no body, so that it does not say whether it is the object or the bucket that is not there.
    async fn is_there_a_bucket(&self) -> io::Result<()> {
        let request = self.client.get_object().bucket(self.address.bucket()).key(self.address.key()).range("bytes=0-0");
        match request.send().await {
            Err(error) if failure::is_no_bucket(&error) => {
                Err(io::Error::other(failure::in_words(&error, self.address.bucket(), "s3:GetObject")))
            }
            // Whatever else it is: the object was not there a moment ago.
            _ => Ok(()),
        }
    }
}

impl OpenExport for S3Export {
    fn source(&self) -> &Source {
        &self.source
    }

    async fn version(&self) -> io::Result<Option<Version>> {
        let seen = self.look().await?;
        Ok(seen.map(|seen| Version { etag: seen.etag.trim_matches('"').to_owned(), bytes: seen.bytes }))
    }

    /// The bytes of the version that was seen last, and of no other: an object that is replaced meanwhile is an error
    /// ([`was_replaced`]).
    ///
    /// A task of the current runtime fetches; whoever reads blocks meanwhile, and lets another thread take over what
    /// else the runtime has to do. So the runtime must be a multi-threaded one.
    async fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        let runtime = Handle::try_current().map_err(io::Error::other)?;
        if runtime.runtime_flavor() == RuntimeFlavor::CurrentThread {
            let message = "an export in S3 is read on a multi-threaded runtime only";
            return Err(io::Error::new(io::ErrorKind::Unsupported, message));
        }
        let seen = match self.seen() {
            Some(seen) => seen,
            None => {
                self.look().await?.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "there is no such object"))?
            }
        };
        let download = Download {
            client: self.client.clone(),
            address: self.address.clone(),
            etag: seen.etag,
            bytes: seen.bytes,
            position: 0,
        };
        let body = download.ask().await?;
        let (sender, coming) = async_channel::bounded(CHUNKS_AHEAD);
        runtime.spawn(download.run(body, sender));
        Ok(Box::new(Chunks { coming, current: Bytes::new(), left: seen.bytes }))
    }
}

/// A time of S3, to the second.
pub(super) fn time_of(time: &aws_sdk_s3::primitives::DateTime) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(time.secs(), 0)
}

/// The blocking side of a download.
struct Chunks {
    coming: Receiver<io::Result<Bytes>>,
    current: Bytes,
    /// What has yet to come: the end of the channel before that is not the end of the object
    left: u64,
}

impl Chunks {
    fn next_chunk(&mut self) -> io::Result<Option<Bytes>> {
        let next = match self.coming.try_recv() {
            // Whatever this thread had to do for the runtime must go on, the download above all.
            Err(TryRecvError::Empty) => block_in_place(|| self.coming.recv_blocking().ok()),
            next => next.ok(),
        };
        match next {
            Some(chunk) => chunk.map(Some),
            None if self.left == 0 => Ok(None),
            None => Err(io::Error::other("the download was given up")),
        }
    }
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            let Some(chunk) = self.next_chunk()? else { return Ok(0) };
            self.left = self.left.saturating_sub(chunk.len() as u64);
            self.current = chunk;
        }
        let count = buffer.len().min(self.current.len());
        self.current.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
