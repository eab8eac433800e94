//! Reading one version of an object from its first byte to its last, whatever breaks on the way.

use std::io;
use std::time::Duration;

use async_channel::Sender;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

use super::address::S3Address;
use super::failure;
use super::store::jittered;
use crate::aws;

/// How often reading is taken up again without a single byte having come in between.
const FRUITLESS: u32 = 5;

/// How long to wait before reading is taken up again; each further wait without a byte is twice as long.
const AGAIN_AFTER: Duration = Duration::from_millis(200);

/// After so long without a byte, the connection counts as broken.
const STALLED_AFTER: Duration = Duration::from_secs(20);

/// The object was replaced while it was read.
#[derive(Debug, thiserror::Error)]
#[error("the object was replaced while it was read")]
pub(super) struct Replaced;

/// A download under way.
pub(super) struct Download {
    pub(super) client: Client,
    pub(super) address: S3Address,
    /// The version that is read, and no other
    pub(super) etag: String,
    /// Its length
    pub(super) bytes: u64,
    /// How much of it was handed on
    pub(super) position: u64,
}

/// Why a request did not bring the bytes.
pub(super) enum NotNow {
    /// Asking again would end the same way.
    Never(io::Error),
    /// Asking again may help.
    Later(String),
}

impl From<NotNow> for io::Error {
    fn from(why: NotNow) -> Self {
        match why {
            NotNow::Never(error) => error,
            NotNow::Later(reason) => io::Error::other(reason),
        }
    }
}

impl Download {
    /// Asks for the bytes from the position on.
    pub(super) async fn ask(&self) -> Result<ByteStream, NotNow> {
        let request = self.client.get_object().bucket(self.address.bucket()).key(self.address.key());
        let from = self.position;
        let range = (from > 0).then(|| format!("bytes={from}-"));
        let answer = request.if_match(&self.etag).set_range(range).send().await.map_err(|error| {
            if failure::is_conflict(&error) {
                return NotNow::Never(io::Error::other(Replaced));
            }
            if failure::is_missing(&error) {
                return NotNow::Never(io::Error::new(io::ErrorKind::NotFound, "the object is gone"));
            }
            let reason = failure::in_words(&error, self.address.bucket(), "s3:GetObject");
            if failure::is_refusal(&error) { NotNow::Never(io::Error::other(reason)) } else { NotNow::Later(reason) }
        })?;
        let is_the_rest = answer.content_range().is_some_and(|range| range.starts_with(&format!("bytes {from}-")));
        if from > 0 && !is_the_rest {
            return Err(NotNow::Never(io::Error::other(
                "the store does not give a part of an object when asked for it",
            )));
        }
        Ok(answer.body)
    }

    /// Hands on all bytes; at the end, or after an error, the channel is closed. Ends early if nobody reads on.
    pub(super) async fn run(mut self, first: ByteStream, chunks: Sender<io::Result<Bytes>>) {
        if let Err(error) = self.hand_on(first, &chunks).await {
            let _ = chunks.send(Err(error)).await; // nobody reads on
        }
    }

    async fn hand_on(&mut self, first: ByteStream, chunks: &Sender<io::Result<Bytes>>) -> io::Result<()> {
        let mut asked = Ok(first);
        let mut fruitless = 0;
        loop {
            let before = self.position;
            let reason = match asked {
                Ok(body) => match self.read(body, chunks).await? {
                    Ended::AsAWhole | Ended::NobodyReads => return Ok(()),
                    Ended::Early(reason) => reason,
                },
                Err(NotNow::Later(reason)) => reason,
                Err(NotNow::Never(error)) => return Err(error),
            };
            fruitless = if self.position > before { 0 } else { fruitless + 1 };
            if fruitless == FRUITLESS {
                let (position, bytes) = (self.position, self.bytes);
                let message = format!("reading broke off at byte {position} of {bytes}, {FRUITLESS} times: {reason}");
                return Err(io::Error::other(message));
            }
            tokio::time::sleep(jittered(AGAIN_AFTER * 2_u32.pow(fruitless))).await;
            asked = self.ask().await;
        }
    }

    /// Hands on the bytes of one answer.
    async fn read(&mut self, mut body: ByteStream, chunks: &Sender<io::Result<Bytes>>) -> io::Result<Ended> {
        loop {
            let reason = match tokio::time::timeout(STALLED_AFTER, body.next()).await {
                Ok(Some(Ok(chunk))) => {
                    self.position += chunk.len() as u64;
                    if self.position > self.bytes {
                        return Err(io::Error::other(format!(
                            "the store gave more than the {} bytes it said",
                            self.bytes
                        )));
                    }
                    if chunks.send(Ok(chunk)).await.is_err() {
                        return Ok(Ended::NobodyReads);
                    }
                    continue;
                }
                Ok(None) => "the answer ended early".to_owned(),
                Ok(Some(Err(error))) if self.position == self.bytes => {
                    // All is there, and yet something is wrong: the checksum.
                    return Err(io::Error::other(aws::causes(&error)));
                }
                Ok(Some(Err(error))) => aws::causes(&error),
                Err(_) => format!("no byte came for {} s", STALLED_AFTER.as_secs()),
            };
            return Ok(if self.position == self.bytes { Ended::AsAWhole } else { Ended::Early(reason) });
        }
    }
}

/// How an answer's body ended.
enum Ended {
    AsAWhole,
    Early(String),
    NobodyReads,
}
