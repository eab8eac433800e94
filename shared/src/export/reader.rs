//! The reader: plain bytes in, numbered lines out, in memory bounded by one line.

use std::io::{self, Read};

use super::Compression;
use super::compression::{Cap, Failure, Plain};
use super::lines::{BYTE_ORDER_MARK, Layout, Scan, is_blank, trimmed};

/// How much an export may ask of the reader.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The longest line that is read as an event, in bytes. A longer one is quarantined.
    pub line: usize,
    /// How much of a longer line is kept, in bytes.
    pub kept_of_long_line: usize,
    /// Plain bytes that any export may expand to, however small it is.
    pub expansion_allowance: u64,
    /// Plain bytes per compressed byte, past the allowance. Audit logs compress 10 to 40 times; the most that gzip
    /// can do is about 1,030.
    pub expansion_ratio: u64,
}

impl Default for Limits {
    /// 16 MiB a line (64 KiB kept of a longer one); 256 MiB and from there on 400 times the compressed size.
    fn default() -> Self {
        Self {
            line: 16 * 1024 * 1024,
            kept_of_long_line: 64 * 1024,
            expansion_allowance: 256 * 1024 * 1024,
            expansion_ratio: 400,
        }
    }
}

/// One line of an export, or one element where the export is a JSON array.
#[derive(Debug, PartialEq, Eq)]
pub struct Line<'b> {
    /// Counted from 1, blank lines included.
    pub number: u64,
    /// Where it begins in the plain (decompressed) bytes.
    pub offset: u64,
    /// What stands there.
    pub content: Content<'b>,
}

/// What stands on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'b> {
    /// White space or nothing
    Blank,
    /// Anything else, without the newline
    Text(&'b [u8]),
    /// More than [`Limits::line`]: its beginning, and its length in bytes
    TooLong {
        /// The first [`Limits::kept_of_long_line`] bytes
        beginning: &'b [u8],
        /// The length of the whole line in bytes
        bytes: u64,
    },
}

impl<'b> Content<'b> {
    /// The bytes that were kept, and the length of the whole line in bytes.
    #[must_use]
    pub fn kept(self) -> (&'b [u8], u64) {
        match self {
            Content::Blank => (&[], 0),
            Content::Text(text) => (text, text.len() as u64),
            Content::TooLong { beginning, bytes } => (beginning, bytes),
        }
    }
}

/// How the reading of an export ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// At its end
    Complete,
    /// Before its end, with the reason. What was read before it counts.
    Early(String),
}

/// Reads an export line by line.
pub struct ExportReader<'r> {
    plain: Plain<'r>,
    limits: Limits,
    layout: Layout,
    buffer: Vec<u8>,
    /// Where the next line begins in the buffer.
    start: usize,
    /// Up to where the buffer was searched for the end of the line that begins at `start`.
    searched: usize,
    scan: Scan,
    /// The offset of `buffer[0]` in the plain bytes.
    base: u64,
    number: u64,
    at_end: bool,
    ending: Ending,
}

/// Plain bytes are asked for in chunks of this size.
const CHUNK: usize = 256 * 1024;

impl<'r> ExportReader<'r> {
    /// Begins to read an export.
    ///
    /// # Errors
    /// Those of the source, when its first bytes are read.
    pub fn new(source: impl Read + 'r, limits: Limits) -> io::Result<Self> {
        let cap = Cap { allowance: limits.expansion_allowance, ratio: limits.expansion_ratio };
        Ok(Self {
            plain: Plain::new(source, cap)?,
            limits,
            layout: Layout::Head,
            buffer: Vec::new(),
            start: 0,
            searched: 0,
            scan: Scan::default(),
            base: 0,
            number: 0,
            at_end: false,
            ending: Ending::Complete,
        })
    }

    /// How the export is compressed.
    #[must_use]
    pub fn compression(&self) -> Compression {
        self.plain.compression()
    }

    /// How the reading ended; of meaning once [`Self::next_line`] has returned `None`.
    #[must_use]
    pub fn ending(&self) -> &Ending {
        &self.ending
    }

    /// Plain bytes read so far.
    #[must_use]
    pub fn plain_bytes(&self) -> u64 {
        self.base + self.buffer.len() as u64
    }

    /// The next line, or `None` at the end.
    ///
    /// # Errors
    /// Those of the source. Damaged bytes are no error: they end the export, see [`Self::ending`].
    pub fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        match self.begin()? {
            Begun::Nothing => return Ok(None),
            Begun::BlankLine(offset) => {
                self.number += 1;
                return Ok(Some(Line { number: self.number, offset, content: Content::Blank }));
            }
            Begun::Record => {}
        }
        let Some(cut) = self.find_cut()? else { return Ok(None) };
        self.number += 1;
        let offset = self.base + self.start as u64;
        let (start, end) = (self.start, cut.end);
        self.start = cut.next;
        self.searched = cut.next;
        self.scan = Scan::default();
        if cut.closed_array {
            self.layout = Layout::BehindArray;
        }
        if cut.skipped > 0 {
            let bytes = (end - start) as u64 + cut.skipped;
            let kept = end.min(start + self.limits.kept_of_long_line);
            let content = Content::TooLong { beginning: &self.buffer[start..kept], bytes };
            // The skipped bytes are no longer in the buffer, so its base moves past them.
            self.base += cut.skipped;
            return Ok(Some(Line { number: self.number, offset, content }));
        }
        let text = trimmed(&self.buffer[start..end]);
        let content = if is_blank(text) { Content::Blank } else { Content::Text(text) };
        Ok(Some(Line { number: self.number, offset, content }))
    }

    /// Skips what may stand before records, and tells the layout. White space is let go of as it comes, so that no
    /// amount of it takes memory.
    fn begin(&mut self) -> io::Result<Begun> {
        let mut line_offset = None;
        loop {
            if !matches!(self.layout, Layout::Head | Layout::BehindArray) {
                return Ok(Begun::Record);
            }
            let rest = &self.buffer[self.start..];
            if rest.len() < BYTE_ORDER_MARK.len() && !self.at_end {
                self.fill()?;
                continue;
            }
            if line_offset.is_none() && rest.starts_with(BYTE_ORDER_MARK) {
                self.skip(BYTE_ORDER_MARK.len());
                continue;
            }
            let offset = *line_offset.get_or_insert(self.base + self.start as u64);
            let blank = rest.iter().take_while(|byte| byte.is_ascii_whitespace() && **byte != b'\n').count();
            match rest.get(blank) {
                Some(b'\n') => {
                    self.skip(blank + 1);
                    // At the head of an export blank lines are lines like others; behind an array they are what is
                    // left of its last line.
                    if self.layout == Layout::Head {
                        return Ok(Begun::BlankLine(offset));
                    }
                    line_offset = None;
                }
                Some(b'[') => {
                    self.skip(blank + 1);
                    self.layout = Layout::Array;
                    self.skip_empty_array()?;
                }
                Some(_) => {
                    self.skip(blank);
                    self.layout = Layout::Lines;
                }
                None if self.at_end => {
                    self.skip(blank);
                    let is_line = self.layout == Layout::Head && self.base + self.start as u64 > offset;
                    self.layout = Layout::BehindArray; // nothing follows
                    return Ok(if is_line { Begun::BlankLine(offset) } else { Begun::Nothing });
                }
                None => {
                    self.skip(blank);
                    self.fill()?;
                }
            }
        }
    }

    /// `[]` has no elements, not one blank one.
    fn skip_empty_array(&mut self) -> io::Result<()> {
        loop {
            let rest = &self.buffer[self.start..];
            let blank = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let next = rest.get(blank).copied();
            self.skip(blank);
            match next {
                Some(b']') => {
                    self.skip(1);
                    self.layout = Layout::BehindArray;
                    return Ok(());
                }
                Some(_) => return Ok(()),
                None if self.at_end => {
                    self.end_early("the JSON array is not closed".to_owned());
                    self.layout = Layout::BehindArray;
                    return Ok(());
                }
                None => self.fill()?,
            }
        }
    }

    fn skip(&mut self, bytes: usize) {
        self.start += bytes;
        self.searched = self.start;
    }

    /// Finds the end of the line that begins at `start`, reading on as needed.
    fn find_cut(&mut self) -> io::Result<Option<Cut>> {
        let mut skipped = 0;
        loop {
            let found = match self.layout {
                Layout::Array => self.scan.element_end(&self.buffer[self.searched..]).map(|end| {
                    let at = self.searched + end.at;
                    Cut { end: at, next: at + 1, closed_array: end.closed, skipped }
                }),
                Layout::Lines | Layout::Head | Layout::BehindArray => {
                    memchr::memchr(b'\n', &self.buffer[self.searched..]).map(|found| {
                        let at = self.searched + found;
                        Cut { end: at, next: at + 1, closed_array: false, skipped }
                    })
                }
            };
            if let Some(cut) = found {
                return Ok(Some(self.within_limits(cut)));
            }
            self.searched = self.buffer.len();
            if self.at_end {
                let last = self.last_cut(skipped);
                return Ok(last.map(|cut| self.within_limits(cut)));
            }
            if skipped > 0 || self.buffer.len() - self.start > self.limits.line {
                skipped += self.forget_tail(self.buffer.len()) as u64;
                self.searched = self.buffer.len();
            }
            self.fill()?;
        }
    }

    /// A line that was found whole within the buffer may be too long all the same: it is cut down to the part that is
    /// kept.
    fn within_limits(&mut self, mut cut: Cut) -> Cut {
        if cut.skipped == 0 && cut.end - self.start > self.limits.line {
            let forgotten = self.forget_tail(cut.end);
            cut.skipped = forgotten as u64;
            cut.end -= forgotten;
            cut.next -= forgotten;
        }
        cut
    }

    /// Removes what stands between the kept beginning of a long line and `end`; returns how many bytes that were.
    fn forget_tail(&mut self, end: usize) -> usize {
        let kept = (self.start + self.limits.kept_of_long_line).min(end);
        self.buffer.drain(kept..end);
        end - kept
    }

    /// What stands between the last line end and the end of the export.
    fn last_cut(&mut self, skipped: u64) -> Option<Cut> {
        let end = self.buffer.len();
        let rest = &self.buffer[self.start..end];
        let in_array = self.layout == Layout::Array;
        let nothing = skipped == 0 && if in_array { is_blank(rest) } else { rest.is_empty() };
        if in_array {
            self.end_early("the JSON array is not closed".to_owned());
        }
        if nothing {
            self.start = end;
            self.layout = Layout::BehindArray; // nothing follows
            return None;
        }
        Some(Cut { end, next: end, closed_array: in_array, skipped })
    }

    /// Reads on. The first reason for an early end is the one that counts.
    fn fill(&mut self) -> io::Result<()> {
        if self.start > 0 {
            self.base += self.start as u64;
            self.buffer.drain(..self.start);
            self.searched -= self.start;
            self.start = 0;
        }
        let length = self.buffer.len();
        self.buffer.resize(length + CHUNK, 0);
        let result = self.plain.read(&mut self.buffer[length..]);
        self.buffer.truncate(length + *result.as_ref().unwrap_or(&0));
        match result {
            Ok(0) => self.at_end = true,
            Ok(_) => {}
            Err(Failure::Content(damage)) => {
                self.at_end = true;
                self.end_early(damage.to_string());
            }
            Err(Failure::Source(error)) => return Err(error),
        }
        Ok(())
    }

    fn end_early(&mut self, reason: String) {
        if self.ending == Ending::Complete {
            self.ending = Ending::Early(reason);
        }
    }
}

/// What stands where the next line begins.
enum Begun {
    Record,
    /// A blank line before any record, at this offset
    BlankLine(u64),
    Nothing,
}

/// Where a line ends, and the next one begins, in the buffer.
struct Cut {
    end: usize,
    next: usize,
    closed_array: bool,
    /// Bytes of a long line that were already forgotten.
    skipped: u64,
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    /// Hands out its bytes in pieces of a given size, so that every boundary falls everywhere.
    struct Pieces<'b>(&'b [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    /// Lines as text, `<blank>` and `<long N>` for the others, and how the reading ended.
    fn read_with(bytes: &[u8], limits: Limits, piece: usize) -> (Vec<String>, Ending) {
        let mut reader = ExportReader::new(Pieces(bytes, piece), limits).unwrap();
        let mut lines = Vec::new();
        while let Some(line) = reader.next_line().unwrap() {
            assert_eq!(line.number, lines.len() as u64 + 1);
            lines.push(match line.content {
                Content::Blank => "<blank>".to_owned(),
                Content::Text(text) => String::from_utf8_lossy(text).into_owned(),
                Content::TooLong { beginning, bytes } => {
                    format!("<long {bytes} {}>", String::from_utf8_lossy(beginning))
                }
            });
        }
        let ending = reader.ending().clone();
        (lines, ending)
    }

    fn read(bytes: &[u8]) -> (Vec<String>, Ending) {
        read_with(bytes, Limits::default(), usize::MAX)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn ndjson_with_every_kind_of_line_end() {
        let (lines, ending) = read(b"\xef\xbb\xbf{\"a\":1}\r\n\n  \n{\"b\":2}");
        assert_eq!(lines, [r#"{"a":1}"#, "<blank>", "<blank>", r#"{"b":2}"#]);
        assert_eq!(ending, Ending::Complete);
        assert_eq!(read(b"").0, Vec::<String>::new());
        assert_eq!(read(b"\n\n").0, ["<blank>", "<blank>"]);
    }

    #[test]
    fn white_space_before_records_takes_neither_memory_nor_time() {
        for space in [b"\n", b" ", b"\t"] {
            for before in ["", "["] {
                let text = [before.as_bytes(), &space.repeat(8 << 20), b"{}"].concat();
                let mut reader = ExportReader::new(&text[..], Limits::default()).unwrap();
                while let Some(line) = reader.next_line().unwrap() {
                    assert!(matches!(line.content, Content::Blank | Content::Text(b"{}")));
                }
                assert!(
                    reader.buffer.capacity() < 4 << 20,
                    "{} bytes for {before:?} {space:?}",
                    reader.buffer.capacity()
                );
            }
        }
    }

    #[test]
    fn an_array_is_read_element_by_element() {
        let (lines, ending) = read(b" [ {\"a\":\n1}, {\"b\":\"],[\"} ]\n");
        assert_eq!(lines, ["{\"a\":\n1}", " {\"b\":\"],[\"} "]);
        assert_eq!(ending, Ending::Complete);
        assert_eq!(read(b"[]").0, Vec::<String>::new());
        assert_eq!(read(b"[ ]\n[1]").0, ["1"]);
    }

    #[test]
    fn an_array_that_is_not_closed_keeps_its_elements() {
        let (lines, ending) = read(b"[{\"a\":1},{\"b\":");
        assert_eq!(lines, ["{\"a\":1}", "{\"b\":"]);
        assert_eq!(ending, Ending::Early("the JSON array is not closed".to_owned()));
    }

    #[test]
    fn lines_after_an_array_are_read_as_lines() {
        assert_eq!(read(b"[1,2]\n{\"a\":1}\n{\"b\":2}\n").0, ["1", "2", "{\"a\":1}", "{\"b\":2}"]);
    }

    #[test]
    fn gzip_of_several_members_and_zstd_are_told_by_magic_bytes() {
        let members = [gzip(b"{\"a\":1}\n"), gzip(b"{\"b\":2}\n")].concat();
        assert_eq!(read(&members), (vec!["{\"a\":1}".into(), "{\"b\":2}".into()], Ending::Complete));
        let frames =
            [zstd::encode_all(&b"{\"a\":1}\n"[..], 1).unwrap(), zstd::encode_all(&b"{}"[..], 1).unwrap()].concat();
        assert_eq!(read(&frames), (vec!["{\"a\":1}".into(), "{}".into()], Ending::Complete));
    }

    #[test]
    fn a_truncated_stream_keeps_what_was_read_and_says_so() {
        let text = "{\"a\":1}\n".repeat(50_000);
        for compressed in [gzip(text.as_bytes()), zstd::encode_all(text.as_bytes(), 1).unwrap()] {
            let (lines, ending) = read(&compressed[..compressed.len() - 20]);
            assert_eq!(ending, Ending::Early("the compressed stream ends in the middle".to_owned()));
            assert!(!lines.is_empty() && lines[0] == "{\"a\":1}");
        }
    }

    #[test]
    fn a_damaged_stream_ends_the_export_with_the_reason() {
        let text: Vec<u8> = (0..60_000_u32).flat_map(|n| format!("{{\"n\":{}}}\n", n * 7919).into_bytes()).collect();
        let mut compressed = gzip(&text);
        let middle = compressed.len() / 2;
        compressed[middle..middle + 64].fill(0xff);
        let (lines, ending) = read(&compressed);
        assert!(
            matches!(&ending, Ending::Early(reason) if reason.starts_with("the compressed stream is")),
            "{ending:?}"
        );
        assert!(lines.len() > 1000);
    }

    #[test]
    fn a_bomb_is_not_read_to_its_end() {
        let limits = Limits { expansion_allowance: 1 << 20, expansion_ratio: 10, ..Limits::default() };
        let (lines, ending) = read_with(&gzip(&vec![b'\n'; 50 << 20]), limits, usize::MAX);
        assert!(lines.len() < 5 << 20, "{}", lines.len());
        assert!(matches!(ending, Ending::Early(reason) if reason.contains("expands further")));
    }

    #[test]
    fn a_source_that_fails_is_an_error_and_not_the_end() {
        struct Failing(usize);
        impl Read for Failing {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                if self.0 == 0 {
                    return Err(io::Error::other("the disk is gone"));
                }
                self.0 -= 1;
                buffer[..2].copy_from_slice(b"1\n");
                Ok(2)
            }
        }
        let mut reader = ExportReader::new(Failing(3), Limits::default()).unwrap();
        let mut lines = 0;
        let error = loop {
            match reader.next_line() {
                Ok(Some(_)) => lines += 1,
                Ok(None) => panic!("no end was reached"),
                Err(error) => break error,
            }
        };
        assert!(lines <= 3);
        assert_eq!(error.to_string(), "the disk is gone");
    }

    #[test]
    fn a_long_line_is_cut_short_and_its_neighbours_are_whole() {
        let limits = Limits { line: 10, kept_of_long_line: 4, ..Limits::default() };
        for piece in [1, 3, 7, 64] {
            let (lines, _) = read_with(b"short\nthis one is too long\n0123456789\nend", limits, piece);
            assert_eq!(lines, ["short", "<long 20 this>", "0123456789", "end"], "pieces of {piece}");
            let (lines, _) = read_with(b"a\nthe last one too", limits, piece);
            assert_eq!(lines, ["a", "<long 16 the >"], "pieces of {piece}");
            let (lines, _) = read_with(b"[\"0123456789\",1]", limits, piece);
            assert_eq!(lines, ["<long 12 \"012>", "1"], "pieces of {piece}");
        }
    }

    #[test]
    fn offsets_count_plain_bytes_past_long_lines_too() {
        let limits = Limits { line: 10, kept_of_long_line: 4, ..Limits::default() };
        let text = b"a\nthis one is too long\nb\n";
        let mut reader = ExportReader::new(Pieces(text, 3), limits).unwrap();
        let mut offsets = Vec::new();
        while let Some(line) = reader.next_line().unwrap() {
            offsets.push(line.offset);
        }
        assert_eq!(offsets, [0, 2, 23]);
        assert_eq!(reader.plain_bytes(), text.len() as u64);
    }

    proptest! {
        /// However the bytes arrive, the lines are those that splitting the whole text gives.
        #[test]
        fn lines_do_not_depend_on_how_the_bytes_arrive(
            text in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b' '), Just(b'a'), Just(b'"')], 0..200),
            piece in 1_usize..20,
            compressed in any::<bool>(),
        ) {
            let mut expected: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
            if expected.last() == Some(&&b""[..]) {
                expected.pop();
            }
            let expected: Vec<String> = expected
                .into_iter()
                .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
                .map(|line| if is_blank(line) { "<blank>".into() } else { String::from_utf8_lossy(line).trim_start().to_owned() })
                .collect();
            let bytes = if compressed { gzip(&text) } else { text.clone() };
            let (lines, ending) = read_with(&bytes, Limits::default(), piece);
            // White space before the first record is let go of as it comes.
            let lines: Vec<String> = lines.iter().map(|line| line.trim_start().to_owned()).collect();
            prop_assert_eq!(lines, expected);
            prop_assert_eq!(ending, Ending::Complete);
        }

        /// Every element of an array comes out as it went in.
        #[test]
        fn elements_do_not_depend_on_how_the_bytes_arrive(
            elements in prop::collection::vec("\\{\"[a-z,\\]\\[{}]{0,9}\":[0-9]{1,3}\\}", 0..9),
            piece in 1_usize..20,
        ) {
            let text = format!("[{}]", elements.join(","));
            let (lines, ending) = read_with(text.as_bytes(), Limits::default(), piece);
            prop_assert_eq!(lines, elements);
            prop_assert_eq!(ending, Ending::Complete);
        }
    }
}
