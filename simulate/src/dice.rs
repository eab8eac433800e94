//! Seeded randomness: every hour, export and list draws from a stream of its own, so that no order of work can change a result.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What a stream of random numbers is for; two purposes never share a stream.
#[derive(Clone, Copy)]
pub(crate) enum Stream {
    /// Who and what the tenant consists of.
    Tenant,
    /// What happens at a set time: incidents, and one event of each kind.
    Schedule,
    /// The events of one hour.
    Hour,
    /// Blank and damaged lines of one export.
    Export,
}

/// The random numbers for `stream` number `index` under `seed`.
pub(crate) fn dice(seed: u64, stream: Stream, index: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&(stream as u64).to_le_bytes());
    key[16..24].copy_from_slice(&index.to_le_bytes());
    ChaCha8Rng::from_seed(key)
}

/// True `per_mille` times in a thousand.
pub(crate) fn chance(rng: &mut ChaCha8Rng, per_mille: u32) -> bool {
    rng.random_range(0..1000) < per_mille
}

/// One of `choices`, which is never empty here: all lists that are drawn from are constants or hold at least one entry.
pub(crate) fn pick<'a, T>(rng: &mut ChaCha8Rng, choices: &'a [T]) -> &'a T {
    &choices[rng.random_range(0..choices.len())]
}

/// One of a list of words.
pub(crate) fn word(rng: &mut ChaCha8Rng, words: &[&'static str]) -> &'static str {
    words[rng.random_range(0..words.len())]
}

/// An index below `len`, the low ones far more often: the habit of using a few things much and the rest seldom.
pub(crate) fn habitual(rng: &mut ChaCha8Rng, len: usize) -> usize {
    rng.random_range(0..len).min(rng.random_range(0..len))
}

/// One of `choices` with its weight.
pub(crate) fn weighted<T: Copy>(rng: &mut ChaCha8Rng, choices: &[(T, u32)]) -> T {
    let total = choices.iter().map(|(_, weight)| weight).sum();
    let mut left = rng.random_range(0..total);
    for (choice, weight) in choices {
        if left < *weight {
            return *choice;
        }
        left -= weight;
    }
    choices[0].0
}

/// A random UUID of version 4.
pub(crate) fn uuid(rng: &mut ChaCha8Rng) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut bytes = [0; 16];
    rng.fill_bytes(&mut bytes);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let mut text = String::with_capacity(36);
    for (position, byte) in bytes.into_iter().enumerate() {
        if matches!(position, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push(char::from(HEX[usize::from(byte >> 4)]));
        text.push(char::from(HEX[usize::from(byte & 15)]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_and_indexes_differ() {
        let first = uuid(&mut dice(1, Stream::Hour, 0));
        assert_eq!(first, uuid(&mut dice(1, Stream::Hour, 0)));
        assert_ne!(first, uuid(&mut dice(1, Stream::Hour, 1)));
        assert_ne!(first, uuid(&mut dice(1, Stream::Export, 0)));
        assert_ne!(first, uuid(&mut dice(2, Stream::Hour, 0)));
    }
}
