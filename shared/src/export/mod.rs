//! Exports: the objects that Immuta writes, read as a stream of lines in bounded memory.
//!
//! Nothing is read from an export's name. Compression is told by magic bytes, NDJSON from a JSON array by the first
//! character; byte order marks, CRLF, blank lines and a missing last newline are taken as they come. What cannot be
//! read any further (a truncated gzip stream, a decompression bomb) ends the export, with the reason, and keeps what
//! was read before it.

mod arrival;
mod compression;
mod lines;
mod reader;
mod source;

pub use arrival::{Arrival, MARK, Notification, NotificationError};
pub use compression::Compression;
pub use reader::{Content, Ending, ExportReader, Limits, Line};
pub use source::{Source, SourceId, local_uri};
