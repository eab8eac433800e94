//! Telling the compression by magic bytes, and undoing it under a cap.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufReader, Read};
use std::rc::Rc;

use serde::{Deserialize, Serialize};

/// RFC 1952, section 2.3.1.
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
/// RFC 8878, section 3.1.1.
const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// The largest window that a zstd stream may ask for: 2^27 bytes, the most that the `zstd` command line takes
/// without being told otherwise. A stream that asks for more ends the export.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// Compressed bytes are read in chunks of this size.
const CHUNK: usize = 128 * 1024;

/// Plain bytes are asked of a decompressor in pieces of this size. One that comes upon damage says nothing of the
/// plain bytes it had made in the same call, so these are lost; they are few.
const DECOMPRESSED_AT_A_TIME: usize = 16 * 1024;

/// How an export is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all
    None,
    /// gzip, of one or several members
    Gzip,
    /// Zstandard, of one or several frames
    Zstd,
}

impl Compression {
    /// Tells the compression by an export's first bytes.
    #[must_use]
    pub fn of(first_bytes: &[u8]) -> Self {
        if first_bytes.starts_with(GZIP_MAGIC) {
            Self::Gzip
        } else if first_bytes.starts_with(ZSTD_MAGIC) {
            Self::Zstd
        } else {
            Self::None
        }
    }
}

/// Why reading stopped.
#[derive(Debug)]
pub(super) enum Failure {
    /// The bytes themselves: reading again would end the same way.
    Content(Damage),
    /// Whatever holds the bytes (a disk, a network): reading again may help.
    Source(io::Error),
}

/// What is wrong with compressed bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Damage {
    /// They end in the middle.
    Truncated,
    /// They cannot be decompressed.
    Corrupt(String),
    /// They expand past the cap.
    Bomb,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::Truncated => f.write_str("the compressed stream ends in the middle"),
            Damage::Corrupt(reason) => write!(f, "the compressed stream is damaged: {reason}"),
            Damage::Bomb => f.write_str("the export expands further than an audit log can; the rest was not read"),
        }
    }
}

/// The cap against decompression bombs: `allowance` bytes, and from there on at most `ratio` times what was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cap {
    pub(super) allowance: u64,
    pub(super) ratio: u64,
}

/// The plain bytes of an export.
pub(super) struct Plain<'r> {
    decoder: Box<dyn Read + 'r>,
    compression: Compression,
    taken: Rc<Taken>,
    given: u64,
    cap: Cap,
    /// Why reading stopped, if that is still to be said
    failure: Option<Failure>,
}

/// What the innermost reader saw, so that a failing source is told from damaged bytes.
#[derive(Default)]
struct Taken {
    bytes: Cell<u64>,
    failed: Cell<bool>,
}

/// Counts bytes, and fills every buffer to the brim: where a decoder stops in a damaged stream depends on the pieces
/// that it is handed, and must not depend on those in which a network delivers.
struct Counting<R> {
    inner: R,
    taken: Rc<Taken>,
    /// What failed after some bytes of a buffer had come
    failure: Option<io::Error>,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() && self.failure.is_none() {
            match self.inner.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.failure = Some(error),
            }
        }
        self.taken.bytes.set(self.taken.bytes.get() + filled as u64);
        match self.failure.take() {
            Some(error) if filled == 0 => {
                self.taken.failed.set(true);
                Err(error)
            }
            failure => {
                self.failure = failure;
                Ok(filled)
            }
        }
    }
}

impl<'r> Plain<'r> {
    pub(super) fn new(source: impl Read + 'r, cap: Cap) -> io::Result<Self> {
        let taken = Rc::new(Taken::default());
        let mut source = Counting { inner: source, taken: Rc::clone(&taken), failure: None };
        // A source may hand out its first bytes one at a time; the magic bytes are asked for until they are there.
        let mut head = Vec::with_capacity(ZSTD_MAGIC.len());
        source.by_ref().take(ZSTD_MAGIC.len() as u64).read_to_end(&mut head)?;
        let compression = Compression::of(&head);
        let source = BufReader::with_capacity(CHUNK, io::Cursor::new(head).chain(source));
        let decoder: Box<dyn Read + 'r> = match compression {
            Compression::None => Box::new(source),
            Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(source)),
            Compression::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(source)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                Box::new(decoder)
            }
        };
        Ok(Self { decoder, compression, taken, given: 0, cap, failure: None })
    }

    pub(super) fn compression(&self) -> Compression {
        self.compression
    }

    /// Fills the buffer with plain bytes, as far as there are some; 0 at the end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Failure> {
        let at_a_time = if self.compression == Compression::None { buffer.len() } else { DECOMPRESSED_AT_A_TIME };
        let mut filled = 0;
        while filled < buffer.len() && self.failure.is_none() {
            let end = buffer.len().min(filled + at_a_time);
            match self.read_some(&mut buffer[filled..end]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(failure) => self.failure = Some(failure),
            }
        }
        // What was read before a failure counts, and is handed out first.
        match self.failure.take() {
            Some(failure) if filled == 0 => Err(failure),
            failure => {
                self.failure = failure;
                Ok(filled)
            }
        }
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize, Failure> {
        if self.given > self.cap.allowance.saturating_add(self.taken.bytes.get().saturating_mul(self.cap.ratio)) {
            return Err(Failure::Content(Damage::Bomb));
        }
        loop {
            match self.decoder.read(buffer) {
                Ok(count) => {
                    self.given += count as u64;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if self.taken.failed.get() || self.compression == Compression::None => {
                    return Err(Failure::Source(error));
                }
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(Failure::Content(Damage::Truncated));
                }
                Err(error) if error.to_string().contains("incomplete frame") => {
                    return Err(Failure::Content(Damage::Truncated));
                }
                Err(error) => return Err(Failure::Content(Damage::Corrupt(error.to_string()))),
            }
        }
    }
}
