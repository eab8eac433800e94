//! Cutting plain bytes into lines, or a JSON array into its elements. Pure: bytes in, cuts out.

/// What the bytes look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Before the first record: blank lines count as lines
    Head,
    /// Behind a JSON array, where another may follow, or lines: white space is of no account
    BehindArray,
    /// One record a line
    Lines,
    /// Records between the brackets of a JSON array
    Array,
}

/// Where the search for the end of the current line or element stands.
#[derive(Debug, Clone, Default)]
pub(super) struct Scan {
    depth: u32,
    in_string: bool,
    escaped: bool,
}

/// How an element of an array ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ElementEnd {
    /// The element's bytes, without the character that ended it.
    pub(super) at: usize,
    /// Whether that character closed the array.
    pub(super) closed: bool,
}

impl Scan {
    /// Looks for the end of an array's element in `bytes`, which go on from where the last call ended.
    pub(super) fn element_end(&mut self, bytes: &[u8]) -> Option<ElementEnd> {
        let mut at = 0;
        while at < bytes.len() {
            if self.in_string {
                if self.escaped {
                    self.escaped = false;
                    at += 1;
                    continue;
                }
                match memchr::memchr2(b'"', b'\\', &bytes[at..]) {
                    None => return None,
                    Some(found) => {
                        at += found + 1;
                        if bytes[at - 1] == b'"' {
                            self.in_string = false;
                        } else {
                            self.escaped = true;
                        }
                    }
                }
                continue;
            }
            match bytes[at] {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth = self.depth.saturating_add(1),
                b']' if self.depth == 0 => return Some(ElementEnd { at, closed: true }),
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                b',' if self.depth == 0 => return Some(ElementEnd { at, closed: false }),
                _ => {}
            }
            at += 1;
        }
        None
    }
}

/// Whether nothing but white space stands here.
pub(super) fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_whitespace)
}

/// The bytes without a byte order mark before them and a carriage return behind them.
pub(super) fn trimmed(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

/// U+FEFF in UTF-8: some tools put it at the head of a file, and of each file that was joined to it.
pub(super) const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_ends_at_a_comma_or_bracket_outside_strings_and_nesting() {
        let text = br#"{"a":"],}\"","b":[1,{}]} , 2]"#;
        let mut scan = Scan::default();
        let first = scan.element_end(text).unwrap();
        assert_eq!(&text[..first.at], br#"{"a":"],}\"","b":[1,{}]} "#);
        assert!(!first.closed);
        let rest = &text[first.at + 1..];
        let second = Scan::default().element_end(rest).unwrap();
        assert_eq!((&rest[..second.at], second.closed), (&b" 2"[..], true));
    }

    #[test]
    fn the_search_goes_on_wherever_the_bytes_were_cut() {
        let text = br#"{"a":"x\",]"},"#;
        for cut in 0..text.len() {
            let mut scan = Scan::default();
            let end = scan.element_end(&text[..cut]);
            let end = end.or_else(|| {
                scan.element_end(&text[cut..]).map(|end| ElementEnd { at: end.at + cut, closed: end.closed })
            });
            assert_eq!(end, Some(ElementEnd { at: text.len() - 1, closed: false }), "cut at {cut}");
        }
    }
}
