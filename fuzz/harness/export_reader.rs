//! The reader of exports, given any bytes, in any pieces, under any limits, compressed or not.
//!
//! The first four bytes choose the limits, the size of the pieces and the compression; the rest is the export.

use std::io::{self, Read, Write};

use immuta_watch::export::{Compression, Content, Ending, ExportReader, Limits};
use serde_json::value::RawValue;

/// One line as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    offset: u64,
    text: Text,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Text {
    Blank,
    Whole(Vec<u8>),
    TooLong { beginning: Vec<u8>, bytes: u64 },
}

pub(crate) fn check(data: &[u8]) {
    let Some(([line, kept, piece, form], plain)) = data.split_first_chunk() else { return };
    let line = usize::from(*line) + 1;
    let limits = Limits { line, kept_of_long_line: usize::from(*kept) % (line + 1), ..Limits::default() };
    let (lines, ending, compression) = read(plain, usize::from(*piece) + 1, limits);
    let (at_once, same_ending, _) = read(plain, usize::MAX, limits);
    assert_eq!((&lines, &ending), (&at_once, &same_ending), "the pieces make a difference");
    check_lengths(&lines, limits);

    if compression != Compression::None {
        return; // damaged or, by a miracle, sound
    }
    check_that_nothing_is_left_out(plain, &lines);
    let (blank, records) = head(plain);
    assert_eq!(lines[..blank.len()], blank, "blank lines at the head");
    if plain[records..].starts_with(b"[") {
        check_elements(&plain[records..], &lines[blank.len()..], limits);
    } else {
        assert_eq!(lines[blank.len()..], by_newlines(plain, records, limits));
        assert_eq!(ending, Ending::Complete);
    }
    let packed = match form % 4 {
        0 => return,
        1 => gzip(plain),
        2 => zstd::encode_all(plain, 1).unwrap_or_default(),
        _ => {
            let whole = gzip(plain);
            let cut = &whole[..whole.len() - 1 - usize::from(form / 4) % (whole.len() - 3)];
            let (some, ending, _) = read(cut, usize::from(*piece) + 1, limits);
            assert!(matches!(ending, Ending::Early(_)), "a truncated stream is not complete");
            let whole_lines = some.len().saturating_sub(1);
            assert_eq!(some[..whole_lines], lines[..whole_lines], "what stands before the cut counts");
            return;
        }
    };
    let (unpacked, unpacked_ending, _) = read(&packed, usize::from(*piece) + 1, limits);
    assert_eq!((unpacked, unpacked_ending), (lines, ending), "compression makes a difference");
}

/// Hands out at most so many bytes at a time, and is interrupted now and then.
struct Pieces<'b> {
    rest: &'b [u8],
    size: usize,
    calls: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.calls += 1;
        if self.calls.is_multiple_of(7) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let count = self.size.min(self.rest.len()).min(buffer.len());
        let (now, later) = self.rest.split_at(count);
        buffer[..count].copy_from_slice(now);
        self.rest = later;
        Ok(count)
    }
}

fn read(bytes: &[u8], piece: usize, limits: Limits) -> (Vec<Found>, Ending, Compression) {
    let mut reader =
        ExportReader::new(Pieces { rest: bytes, size: piece, calls: 0 }, limits).expect("the source never fails");
    let mut lines = Vec::new();
    while let Some(line) = reader.next_line().expect("the source never fails") {
        assert_eq!(line.number, lines.len() as u64 + 1, "lines are numbered from 1 on");
        let text = match line.content {
            Content::Blank => Text::Blank,
            Content::Text(text) => Text::Whole(text.to_vec()),
            Content::TooLong { beginning, bytes } => Text::TooLong { beginning: beginning.to_vec(), bytes },
        };
        lines.push(Found { offset: line.offset, text });
    }
    for _ in 0..2 {
        assert!(reader.next_line().expect("the source never fails").is_none(), "the end stays the end");
    }
    (lines, reader.ending().clone(), reader.compression())
}

fn check_lengths(lines: &[Found], limits: Limits) {
    for line in lines {
        match &line.text {
            Text::Blank => {}
            Text::Whole(text) => assert!(text.len() <= limits.line && !text.is_empty()),
            Text::TooLong { beginning, bytes } => {
                assert!(*bytes > limits.line as u64 && beginning.len() == limits.kept_of_long_line);
            }
        }
    }
}

/// Lines stand where they say, and between them there is nothing but white space and what separates records.
fn check_that_nothing_is_left_out(plain: &[u8], lines: &[Found]) {
    let mut at = 0;
    for line in lines {
        let offset = usize::try_from(line.offset).expect("an offset within the bytes");
        assert!(offset >= at, "lines overlap");
        assert!(is_separator(&plain[at..offset]), "left out: {:?}", &plain[at..offset]);
        let here = &plain[offset..];
        at = offset
            + match &line.text {
                Text::Blank => 0,
                Text::Whole(text) => {
                    let mark = if here.starts_with(text) { 0 } else { BYTE_ORDER_MARK.len() };
                    assert!(here[mark..].starts_with(text), "the line does not stand at its offset");
                    mark + text.len()
                }
                Text::TooLong { beginning, bytes } => {
                    assert!(here.starts_with(beginning), "the line does not stand at its offset");
                    usize::try_from(*bytes).expect("a length within the bytes")
                }
            };
    }
    assert!(is_separator(&plain[at..]), "left out at the end: {:?}", &plain[at..]);
}

const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];

fn is_separator(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| byte.is_ascii_whitespace() || b"[],".contains(byte) || BYTE_ORDER_MARK.contains(byte))
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
}

/// The blank lines before the first record, and where that begins.
fn head(plain: &[u8]) -> (Vec<Found>, usize) {
    let (mut blank, mut at) = (Vec::new(), 0);
    loop {
        while plain[at..].starts_with(BYTE_ORDER_MARK) {
            at += BYTE_ORDER_MARK.len();
        }
        let line = plain[at..].split(|byte| *byte == b'\n').next().unwrap_or_default();
        let space = line.len() - line.trim_ascii_start().len();
        let ends = at + line.len() == plain.len();
        if space < line.len() || (ends && line.is_empty()) {
            return (blank, at + space);
        }
        blank.push(Found { offset: at as u64, text: Text::Blank });
        at += line.len() + usize::from(!ends);
    }
}

/// NDJSON as anybody would read it who has all of it in memory.
fn by_newlines(plain: &[u8], start: usize, limits: Limits) -> Vec<Found> {
    let mut lines: Vec<&[u8]> = plain[start..].split(|byte| *byte == b'\n').collect();
    if lines.last().is_some_and(|last| last.is_empty()) {
        lines.pop();
    }
    let (mut found, mut offset) = (Vec::new(), start as u64);
    for line in lines {
        let text = without_mark(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let text = if line.len() > limits.line {
            Text::TooLong { beginning: line[..limits.kept_of_long_line].to_vec(), bytes: line.len() as u64 }
        } else if text.trim_ascii().is_empty() {
            Text::Blank
        } else {
            Text::Whole(text.to_vec())
        };
        found.push(Found { offset, text });
        offset += line.len() as u64 + 1;
    }
    found
}

/// A sound JSON array has the elements that a JSON parser finds.
fn check_elements(array: &[u8], lines: &[Found], limits: Limits) {
    let Ok(elements) = serde_json::from_slice::<Vec<&RawValue>>(array) else { return };
    assert_eq!(elements.len(), lines.len());
    for (element, line) in elements.iter().zip(lines) {
        match &line.text {
            Text::Whole(text) => assert_eq!(text.trim_ascii(), element.get().as_bytes()),
            Text::TooLong { bytes, .. } => assert!(*bytes > limits.line as u64),
            Text::Blank => panic!("an element is no blank line"),
        }
    }
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let _ = out.write_all(plain); // memory takes every write
    out.finish().unwrap_or_default()
}
