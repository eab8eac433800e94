//! SHA-256 as the hexadecimal text that names and seals things.

use sha2::{Digest, Sha256};

/// All 256 bits: 64 hexadecimal digits.
pub(crate) fn full(bytes: &[u8]) -> String {
    text(&Sha256::digest(bytes))
}

/// The first 128 bits: 32 hexadecimal digits, enough for names.
pub(crate) fn short(bytes: &[u8]) -> String {
    text(&Sha256::digest(bytes)[..16])
}

/// Bytes as hexadecimal digits.
pub(crate) fn text(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn digests_are_what_sha256sum_prints() {
        // printf abc | sha256sum
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(super::full(b"abc"), abc);
        assert_eq!(super::short(b"abc"), abc[..32]);
    }
}
