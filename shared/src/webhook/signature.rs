//! Whether a request comes from Immuta: the HMAC-SHA256 of its body under a shared secret, and a token in its path for a
//! tenant that signs nothing. Immuta's documentation does not print how the signature is encoded, so hexadecimal digits and
//! base64 are both read, with and without `sha256=`.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use super::request::{Refusal, Request};
use super::said::is_invisible;

/// The length of a signature in bytes.
const LENGTH: usize = 32;

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: [GeneralPurpose; 2] =
    [GeneralPurpose::new(&alphabet::STANDARD, LENIENT), GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT)];

/// Under which members a secret that is kept as a JSON object has its texts, the one in use first. A token is not among
/// them: it stands in addresses, and whoever saw one must not be able to sign.
const SECRETS: [&str; 3] = ["current", "secret", "previous"];

/// The same for a token.
const TOKENS: [&str; 3] = ["current", "token", "previous"];

/// The shortest key, in bytes: of 128 bits nobody guesses the value.
const SHORTEST: usize = 16;

/// What requests are verified by. Each of the two that is there must hold: nobody speaks for a tenant that signs
/// by the address alone.
pub struct Keys {
    secrets: Vec<Vec<u8>>,
    tokens: Vec<Vec<u8>>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

/// What is kept for verifying cannot be verified by. Says why, and nothing of what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoKeys {
    /// There is no text where one should be.
    #[error(
        "it holds neither a plain text nor a JSON object with the text {} (or `current`), and `previous` if there is one",
        if *.0 { "`token`" } else { "`secret`" }
    )]
    Missing(bool),
    /// It is JSON, or begins as such, and no object.
    #[error(
        "it is neither a plain text nor a whole JSON object, but an array, a text in quotation marks or a part of JSON"
    )]
    NoObject,
    /// Anybody could guess it.
    #[error(
        "one of its texts is shorter than {SHORTEST} bytes, so that it could be guessed; make a new one with \
         `openssl rand -hex 32`"
    )]
    TooShort,
    /// It is no text that anybody wrote.
    #[error(
        "one of its texts has characters that cannot be seen, so that it may be damaged; make a new one with \
         `openssl rand -hex 32`"
    )]
    Invisible,
}

impl Keys {
    /// The keys in what is kept at one or two places: a secret for signatures, a token for the path.
    ///
    /// # Errors
    /// A place that holds no text, or one that is shorter than 16 bytes or has characters that cannot be seen; and none
    /// given at all.
    pub fn read(secret: Option<&str>, token: Option<&str>) -> Result<Self, NoKeys> {
        let texts = |kept: Option<&str>, members| kept.map_or(Ok(Vec::new()), |kept| texts_in(kept, members));
        let keys = Self { secrets: texts(secret, &SECRETS)?, tokens: texts(token, &TOKENS)? };
        if keys.secrets.is_empty() && keys.tokens.is_empty() { Err(NoKeys::Missing(false)) } else { Ok(keys) }
    }

    /// Whether a request comes from who has the keys. Takes as long for any wrong signature or token as for any other.
    ///
    /// # Errors
    /// [`Refusal::Unverified`]
    pub fn verify(&self, request: &Request) -> Result<(), Refusal> {
        let is_right =
            |signature: &Vec<u8>| one_holds(&self.secrets, |secret| is_tag(secret, &request.body, signature));
        let signatures = || request.signatures.iter().filter_map(|signature| decoded(signature));
        let signed = self.secrets.is_empty() || signatures().any(|signature| is_right(&signature));
        let known = self.tokens.is_empty()
            || request
                .token
                .as_deref()
                .is_some_and(|token| one_holds(&self.tokens, |expected| is_same(expected, token.as_bytes())));
        if signed && known { Ok(()) } else { Err(Refusal::Unverified) }
    }
}

/// Whether one holds; all are tried, so that the time does not tell which.
fn one_holds(keys: &[Vec<u8>], holds: impl Fn(&[u8]) -> bool) -> bool {
    keys.iter().fold(false, |found, key| holds(key) | found)
}

fn texts_in(kept: &str, members: &[&str; 3]) -> Result<Vec<Vec<u8>>, NoKeys> {
    let kept = kept.trim();
    let texts: Vec<String> = match serde_json::from_str(kept) {
        Ok(Value::Object(object)) => {
            let text = |member: &&str| Some(object.get(*member)?.as_str()?.trim().to_owned());
            members.iter().filter_map(text).collect()
        }
        _ if kept.starts_with(['{', '[', '"']) => return Err(NoKeys::NoObject),
        _ => vec![kept.to_owned()],
    };
    // An empty key would verify what anybody can sign.
    let texts: Vec<String> = texts.into_iter().filter(|text| !text.is_empty()).collect();
    if texts.is_empty() {
        return Err(NoKeys::Missing(*members == TOKENS));
    }
    // HMAC fills a short key up with NULs: one that consists of them is the empty one.
    if texts.iter().any(|text| text.chars().any(is_invisible)) {
        return Err(NoKeys::Invisible);
    }
    if texts.iter().any(|text| text.len() < SHORTEST) {
        return Err(NoKeys::TooShort);
    }
    Ok(texts.into_iter().map(String::into_bytes).collect())
}

/// The 32 bytes of a signature, however they are written.
fn decoded(header: &str) -> Option<Vec<u8>> {
    const PREFIX: &str = "sha256=";
    let header = header.trim();
    let has_prefix = header.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX));
    let text = if has_prefix { &header[PREFIX.len()..] } else { header };
    if text.len() == 2 * LENGTH && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let byte = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
        return (0..text.len()).step_by(2).map(byte).collect();
    }
    // Longer than any: not worth decoding.
    if text.len() > 2 * LENGTH {
        return None;
    }
    BASE64.iter().find_map(|engine| engine.decode(text).ok()).filter(|bytes| bytes.len() == LENGTH)
}

/// Whether a tag is the HMAC-SHA256 of a text under a key, in constant time. HMAC takes keys of any length.
fn is_tag(key: &[u8], text: &[u8], tag: &[u8]) -> bool {
    Hmac::<Sha256>::new_from_slice(key).is_ok_and(|mut mac| {
        mac.update(text);
        mac.verify_slice(tag).is_ok()
    })
}

/// Whether two texts are the same, in a time that does not depend on how much of them is: their tags are compared.
fn is_same(expected: &[u8], given: &[u8]) -> bool {
    Hmac::<Sha256>::new_from_slice(expected).is_ok_and(|mut mac| {
        mac.update(expected);
        is_tag(expected, given, &mac.finalize().into_bytes())
    })
}

#[cfg(test)]
mod tests;
