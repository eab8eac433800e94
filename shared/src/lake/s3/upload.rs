//! Sending a file of the lake to S3: from memory or straight from its temporary file, again if an attempt fails.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};

use crate::aws;
use crate::findings::{Blob, Held};

/// A file is read and sent in pieces of this many bytes: large enough that calls cost nothing beside the network, small
/// beside the memory of a function.
const PIECE: usize = 256 * 1024;

/// The slowest line that an upload may take, in bytes a second (2 Mbit/s): what is slower counts as broken.
const SLOWEST: u64 = 250_000;

/// The bytes of a blob as the body of a request. A file is never read into memory as a whole.
pub(super) fn body(blob: &Blob) -> io::Result<ByteStream> {
    let file = match blob.held() {
        Held::Memory(content) => return Ok(ByteStream::from(content.clone())),
        Held::File(file) => Arc::new(Mutex::new(file.try_clone()?)),
    };
    let bytes = blob.bytes();
    // Each attempt reads from the beginning; an attempt that was given up may still be reading.
    let attempt = move || SdkBody::from_body_1_x(FileBody { file: Arc::clone(&file), position: 0, bytes });
    Ok(ByteStream::new(SdkBody::retryable(attempt)))
}

/// Time-outs for a call that sends so many bytes.
pub(super) fn timeouts(bytes: u64) -> TimeoutConfig {
    let sending = Duration::from_secs(bytes / SLOWEST);
    TimeoutConfig::builder()
        .connect_timeout(aws::CONNECT_TIMEOUT)
        .read_timeout(aws::READ_TIMEOUT + sending)
        .operation_attempt_timeout(aws::ATTEMPT_TIMEOUT + sending)
        .build()
}

/// A file from its beginning. Reading blocks, but the file was written a moment ago: it comes from the system's memory.
struct FileBody {
    file: Arc<Mutex<File>>,
    position: u64,
    bytes: u64,
}

impl FileBody {
    fn next_piece(&mut self) -> io::Result<Option<Bytes>> {
        let left = usize::try_from(self.bytes - self.position).unwrap_or(usize::MAX);
        if left == 0 {
            return Ok(None);
        }
        let mut piece = BytesMut::zeroed(left.min(PIECE));
        // The position in the file is shared with other attempts, so it is set for each piece.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.position))?;
        file.read_exact(&mut piece)?;
        self.position += piece.len() as u64;
        Ok(Some(piece.freeze()))
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(self.get_mut().next_piece().map(|piece| piece.map(Frame::data)).transpose())
    }

    fn is_end_stream(&self) -> bool {
        self.position == self.bytes
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes - self.position)
    }
}
