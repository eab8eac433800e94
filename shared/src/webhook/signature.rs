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

/// The length of a signature in bytes.
const LENGTH: usize = 32;

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: [GeneralPurpose; 2] =
    [GeneralPurpose::new(&alphabet::STANDARD, LENIENT), GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT)];

/// Under which members a secret that is kept as a JSON object has its texts, the one in use first.
const MEMBERS: [&str; 4] = ["current", "secret", "token", "previous"];

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

/// What is kept for verifying holds nothing to verify by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "it holds neither a plain text nor a JSON object with the text `secret` (or `current`), and `previous` if there is one"
)]
pub struct NoKeys;

impl Keys {
    /// The keys in what is kept at one or two places: a secret for signatures, a token for the path.
    ///
    /// # Errors
    /// A place that holds no text; and none given at all.
    pub fn read(secret: Option<&str>, token: Option<&str>) -> Result<Self, NoKeys> {
        let texts = |kept: Option<&str>| kept.map_or(Ok(Vec::new()), texts_in);
        let keys = Self { secrets: texts(secret)?, tokens: texts(token)? };
        if keys.secrets.is_empty() && keys.tokens.is_empty() { Err(NoKeys) } else { Ok(keys) }
    }

    /// Whether a request comes from who has the keys. Takes as long for any wrong signature or token as for any other.
    ///
    /// # Errors
    /// [`Refusal::Unverified`]
    pub fn verify(&self, request: &Request) -> Result<(), Refusal> {
        let signed =
            self.secrets.is_empty()
                || request.signature.as_deref().and_then(decoded).is_some_and(|signature| {
                    one_holds(&self.secrets, |secret| is_tag(secret, &request.body, &signature))
                });
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

fn texts_in(kept: &str) -> Result<Vec<Vec<u8>>, NoKeys> {
    let texts: Vec<String> = match serde_json::from_str(kept.trim()) {
        Ok(Value::Object(object)) => {
            let text = |member: &str| Some(object.get(member)?.as_str()?.trim().to_owned());
            MEMBERS.into_iter().filter_map(text).collect()
        }
        _ => vec![kept.trim().to_owned()],
    };
    // An empty key would verify what anybody can sign.
    let texts: Vec<Vec<u8>> = texts.into_iter().filter(|text| !text.is_empty()).map(String::into_bytes).collect();
    if texts.is_empty() { Err(NoKeys) } else { Ok(texts) }
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
mod tests {
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;
    use crate::digest;

    // printf '{"text":"hello"}' | openssl dgst -sha256 -hmac 'a secret'
    const BODY: &str = r#"{"text":"hello"}"#;

    fn tag(secret: &str, body: &[u8]) -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(body);
        mac.finalize().into_bytes().to_vec()
    }

    fn request(signature: Option<&str>, token: Option<&str>, body: &[u8]) -> Request {
        let owned = |text: Option<&str>| text.map(ToOwned::to_owned);
        Request { kind: "tagCreated".to_owned(), token: owned(token), signature: owned(signature), body: body.to_vec() }
    }

    fn keys(secret: Option<&str>, token: Option<&str>) -> Keys {
        Keys::read(secret, token).unwrap()
    }

    #[test]
    fn the_signature_is_what_openssl_computes() {
        let tag = digest::text(&tag("a secret", BODY.as_bytes()));
        assert_eq!(tag, "2f8465afb2c548ba1fecc1dfe506cd082fa04105be715efd8b29d5e7cc0c045b");
    }

    #[test]
    fn every_way_of_writing_a_signature_is_read() {
        let tag = tag("a secret", BODY.as_bytes());
        let hexadecimal = digest::text(&tag);
        for signature in [
            hexadecimal.clone(),
            hexadecimal.to_uppercase(),
            format!("sha256={hexadecimal}"),
            format!("SHA256={hexadecimal}"),
            BASE64_STANDARD.encode(&tag),
            format!("sha256={}", BASE64_STANDARD.encode(&tag)),
            BASE64_URL_SAFE_NO_PAD.encode(&tag),
        ] {
            let verified = keys(Some("a secret"), None).verify(&request(Some(&signature), None, BODY.as_bytes()));
            assert_eq!(verified, Ok(()), "{signature}");
        }
    }

    #[test]
    fn the_current_and_the_previous_secret_count() {
        let kept = r#"{"current": "new", "previous": "old"}"#;
        let signed = |secret: &str| {
            let signature = digest::text(&tag(secret, BODY.as_bytes()));
            keys(Some(kept), None).verify(&request(Some(&signature), None, BODY.as_bytes()))
        };
        assert_eq!((signed("new"), signed("old")), (Ok(()), Ok(())));
        assert_eq!((signed("older"), signed("")), (Err(Refusal::Unverified), Err(Refusal::Unverified)));
    }

    #[test]
    fn a_body_that_was_changed_or_not_signed_is_refused() {
        let signature = digest::text(&tag("a secret", BODY.as_bytes()));
        let of = |signature: Option<&str>, body: &str| {
            keys(Some("a secret"), None).verify(&request(signature, None, body.as_bytes()))
        };
        assert_eq!(of(Some(&signature), &BODY.replace("hello", "hallo")), Err(Refusal::Unverified));
        assert_eq!(of(Some(&signature), &format!("{BODY} ")), Err(Refusal::Unverified));
        for unsigned in [None, Some(""), Some("sha256="), Some(&signature[..62]), Some("sha1=abc")] {
            assert_eq!(of(unsigned, BODY), Err(Refusal::Unverified), "{unsigned:?}");
        }
    }

    #[test]
    fn a_token_stands_in_for_a_signature_only_where_there_is_no_secret() {
        let of = |keys: Keys, signature, token| keys.verify(&request(signature, token, BODY.as_bytes()));
        assert_eq!(of(keys(None, Some("t-1")), None, Some("t-1")), Ok(()));
        for wrong in [None, Some(""), Some("t-"), Some("t-11"), Some("T-1")] {
            assert_eq!(of(keys(None, Some("t-1")), None, wrong), Err(Refusal::Unverified), "{wrong:?}");
        }
        let signature = digest::text(&tag("a secret", BODY.as_bytes()));
        let both = || keys(Some("a secret"), Some(r#"{"token": "t-1", "previous": "t-0"}"#));
        assert_eq!(of(both(), Some(&signature), Some("t-0")), Ok(()));
        assert_eq!(of(both(), None, Some("t-1")), Err(Refusal::Unverified));
        assert_eq!(of(both(), Some(&signature), Some("t-2")), Err(Refusal::Unverified));
    }

    #[test]
    fn nothing_to_verify_by_is_an_error_and_no_open_door() {
        assert_eq!(Keys::read(None, None).unwrap_err(), NoKeys);
        for kept in ["", "  ", r#"{"secret": ""}"#, r#"{"key": "x"}"#, r#"{"secret": 7}"#] {
            assert_eq!(Keys::read(Some(kept), None).unwrap_err(), NoKeys, "{kept}");
        }
        assert_eq!(format!("{:?}", keys(Some("hush"), None)), "Keys");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn what_nobody_signed_is_never_verified(body in prop::collection::vec(any::<u8>(), 0..200), header in header()) {
            let verified = keys(Some("a secret"), None).verify(&request(header.as_deref(), None, &body));
            prop_assert_eq!(verified, Err(Refusal::Unverified));
        }

        #[test]
        fn what_was_signed_is_verified_and_one_bit_more_or_less_is_not(
            body in prop::collection::vec(any::<u8>(), 1..200), at: prop::sample::Index, bit in 0..8_u8,
        ) {
            let signature = BASE64_STANDARD.encode(tag("a secret", &body));
            let keys = keys(Some("a secret"), None);
            prop_assert_eq!(keys.verify(&request(Some(&signature), None, &body)), Ok(()));
            let mut changed = body.clone();
            changed[at.index(body.len())] ^= 1 << bit;
            prop_assert_eq!(keys.verify(&request(Some(&signature), None, &changed)), Err(Refusal::Unverified));
        }
    }

    /// No header, any text, and what looks like a signature.
    fn header() -> impl Strategy<Value = Option<String>> {
        prop_oneof![
            Just(None),
            ".{0,100}".prop_map(Some),
            prop::collection::vec(any::<u8>(), 32).prop_map(|bytes| Some(format!("sha256={}", digest::text(&bytes)))),
            prop::collection::vec(any::<u8>(), 30..35).prop_map(|bytes| Some(BASE64_STANDARD.encode(bytes))),
        ]
    }
}
