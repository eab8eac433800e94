//! Signatures and tokens, right and wrong, and what keys may be.

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;
use crate::digest;

// printf '{"text":"hello"}' | openssl dgst -sha256 -hmac 'a secret of 24 characters'
const BODY: &str = r#"{"text":"hello"}"#;
const SECRET: &str = "a secret of 24 characters";

fn tag(secret: &str, body: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    mac.finalize().into_bytes().to_vec()
}

fn request(signature: Option<&str>, token: Option<&str>, body: &[u8]) -> Request {
    let owned = |text: Option<&str>| text.map(ToOwned::to_owned);
    let signatures = owned(signature).into_iter().collect();
    Request { kind: "tagCreated".to_owned(), token: owned(token), signatures, body: body.to_vec() }
}

fn keys(secret: Option<&str>, token: Option<&str>) -> Keys {
    Keys::read(secret, token).unwrap()
}

#[test]
fn the_signature_is_what_openssl_computes() {
    let tag = digest::text(&tag(SECRET, BODY.as_bytes()));
    assert_eq!(tag, "d218fd996eabca739ba9e8ac53f803b4365408695198c62db1de5a50323ca162");
}

#[test]
fn every_way_of_writing_a_signature_is_read() {
    let tag = tag(SECRET, BODY.as_bytes());
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
        let verified = keys(Some(SECRET), None).verify(&request(Some(&signature), None, BODY.as_bytes()));
        assert_eq!(verified, Ok(()), "{signature}");
    }
}

#[test]
fn the_current_and_the_previous_secret_count() {
    let kept = r#"{"current": "the new one of 1 year", "previous": "the old one of 1 year", "token": "one that is no secret"}"#;
    let signed = |secret: &str| {
        let signature = digest::text(&tag(secret, BODY.as_bytes()));
        keys(Some(kept), None).verify(&request(Some(&signature), None, BODY.as_bytes()))
    };
    assert_eq!((signed("the new one of 1 year"), signed("the old one of 1 year")), (Ok(()), Ok(())));
    for wrong in ["an older one of 1 year", "", "one that is no secret"] {
        assert_eq!(signed(wrong), Err(Refusal::Unverified), "{wrong}");
    }
}

#[test]
fn a_body_that_was_changed_or_not_signed_is_refused() {
    let signature = digest::text(&tag(SECRET, BODY.as_bytes()));
    let of = |signature: Option<&str>, body: &str| {
        keys(Some(SECRET), None).verify(&request(signature, None, body.as_bytes()))
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
    let (known, before) = ("a-token-of-17-ch1", "a-token-of-17-ch0");
    assert_eq!(of(keys(None, Some(known)), None, Some(known)), Ok(()));
    for wrong in [None, Some(""), Some("a-token-of-17-ch"), Some("a-token-of-17-ch11"), Some("A-token-of-17-ch1")] {
        assert_eq!(of(keys(None, Some(known)), None, wrong), Err(Refusal::Unverified), "{wrong:?}");
    }
    let signature = digest::text(&tag(SECRET, BODY.as_bytes()));
    let kept = format!(r#"{{"token": "{known}", "previous": "{before}", "secret": "{SECRET}"}}"#);
    let both = || keys(Some(&kept.replace("previous", "former")), Some(&kept));
    assert_eq!(of(both(), Some(&signature), Some(before)), Ok(()));
    assert_eq!(of(both(), None, Some(known)), Err(Refusal::Unverified));
    assert_eq!(of(both(), Some(&signature), Some("a-token-of-17-ch2")), Err(Refusal::Unverified));
    assert_eq!(of(both(), Some(&signature), Some(SECRET)), Err(Refusal::Unverified), "the secret is no token");
    let signed_by_token = digest::text(&tag(known, BODY.as_bytes()));
    assert_eq!(of(both(), Some(&signed_by_token), Some(known)), Err(Refusal::Unverified), "nor the token a secret");
}

#[test]
fn of_several_signatures_one_that_is_right_is_enough() {
    let right = digest::text(&tag(SECRET, BODY.as_bytes()));
    let of = |signatures: Vec<String>| {
        let request = Request { signatures, ..request(None, None, BODY.as_bytes()) };
        keys(Some(SECRET), None).verify(&request)
    };
    assert_eq!(of(vec!["x".to_owned(), "0".repeat(64), right]), Ok(()));
    assert_eq!(of(vec!["x".to_owned(), "0".repeat(64)]), Err(Refusal::Unverified));
}

#[test]
fn nothing_to_verify_by_is_an_error_and_no_open_door() {
    let error = |kept: &str| Keys::read(Some(kept), None).unwrap_err();
    assert_eq!(Keys::read(None, None).unwrap_err(), NoKeys::Missing(false));
    for kept in
        ["", "  ", r#"{"secret": ""}"#, r#"{"key": "x"}"#, r#"{"secret": 7}"#, r#"{"token":"one of 17 letters"}"#]
    {
        assert_eq!(error(kept), NoKeys::Missing(false), "{kept}");
    }
    let token = Keys::read(Some(SECRET), Some(r#"{"secret":"one of 17 letters"}"#)).unwrap_err();
    assert_eq!(token, NoKeys::Missing(true));
    for kept in [r#"["one of 17 letters"]"#, r#""one of 17 letters""#, r#"{"secret":"one of 17 letters"#] {
        assert_eq!(error(kept), NoKeys::NoObject, "{kept}");
    }
    let short = r#"{"current":"one of 17 letters","previous":"hush"}"#;
    for kept in ["fifteen letters", "hush", short, "0"] {
        assert_eq!(error(kept), NoKeys::TooShort, "{kept}");
    }
    let escaped = r#"{"secret":"\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000"}"#;
    for kept in
        [&"\0".repeat(40), escaped, "one of 17\nletters", "\u{feff}one of 17 letters", "one of 17\u{200b}letters"]
    {
        assert_eq!(error(kept), NoKeys::Invisible, "{kept:?}");
    }
    assert!(!error(short).to_string().contains("hush"));
    assert!(error(short).to_string().contains("openssl rand -hex 32"));
    assert_eq!(format!("{:?}", keys(Some(SECRET), None)), "Keys");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn what_nobody_signed_is_never_verified(body in prop::collection::vec(any::<u8>(), 0..200), header in header()) {
        let verified = keys(Some(SECRET), None).verify(&request(header.as_deref(), None, &body));
        prop_assert_eq!(verified, Err(Refusal::Unverified));
    }

    #[test]
    fn what_was_signed_is_verified_and_one_bit_more_or_less_is_not(
        body in prop::collection::vec(any::<u8>(), 1..200), at: prop::sample::Index, bit in 0..8_u8,
    ) {
        let signature = BASE64_STANDARD.encode(tag(SECRET, &body));
        let keys = keys(Some(SECRET), None);
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
