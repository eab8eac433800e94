//! Quarantine: lines that could not be read, kept whole, with the reason and the place.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::blob::{Blob, BlobWriter};
use crate::event::Unreadable;

/// One line, as it stands in the quarantine file (one JSON object a line).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// The line in the export, counted from 1
    pub line: u64,
    /// Where it begins in the export's plain bytes
    pub offset: u64,
    /// Its length in bytes
    pub bytes: u64,
    /// Why it could not be read
    pub reason: String,
    /// The line, if it is UTF-8; of a line past the cap only its beginning
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub text: Option<String>,
    /// The line in base64 (RFC 4648, with padding), if it is not UTF-8
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub base64: Option<String>,
}

/// Collects the quarantined lines of one export.
#[derive(Debug)]
pub(super) struct Quarantine {
    out: BlobWriter,
    lines: u64,
}

impl Quarantine {
    pub(super) fn new() -> Self {
        Self { out: BlobWriter::new(), lines: 0 }
    }

    pub(super) fn add(
        &mut self,
        line: u64,
        offset: u64,
        bytes: u64,
        content: &[u8],
        reason: &Unreadable,
    ) -> io::Result<()> {
        let (text, base64) = match std::str::from_utf8(content) {
            Ok(text) => (Some(text.to_owned()), None),
            Err(_) => (None, Some(STANDARD.encode(content))),
        };
        let entry = Quarantined { line, offset, bytes, reason: reason.to_string(), text, base64 };
        serde_json::to_writer(&mut self.out, &entry)?;
        self.lines += 1;
        self.out.write_all(b"\n")
    }

    pub(super) fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// The file and the number of its lines.
    pub(super) fn finish(self) -> (Blob, u64) {
        (self.out.finish(), self.lines)
    }
}
