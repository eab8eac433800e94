//! A request to the function's address, as Lambda hands it over: a function URL and an HTTP API give payload format 2.0, a
//! REST API and older HTTP APIs format 1.0.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// The largest body that is taken, in bytes. Immuta's are a few kilobytes; Lambda would hand over 6 MB.
pub const LARGEST_BODY: usize = 256 * 1024;

/// The most parts that a path may have: stage, base path, token and type are four, with room for a prefix of one's own.
const MOST_PARTS: usize = 8;

/// The longest name of a notification type; Immuta's longest has 36 characters.
const LONGEST_KIND: usize = 64;

/// The most signatures of one request that are tried: Immuta sends one, and something in between may add its own.
const MOST_SIGNATURES: usize = 8;

/// The header of Immuta's signature.
const SIGNATURE: &str = "x-immuta-webhook-signature-sha256";

/// A request of the right form. Nothing of it is known to be true yet.
pub struct Request {
    /// The type of the notification, the last part of the path. The signature does not cover it
    pub kind: String,
    /// The part of the path before it, which is the token where there is one
    pub token: Option<String>,
    /// The values of the signature's header, at most eight; one that is right is enough
    pub signatures: Vec<String>,
    /// The body, byte by byte as it came
    pub body: Vec<u8>,
}

/// A request holds secrets and personal data: no log shows either.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("kind", &self.kind).field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}

/// Why a request is not taken. The answer is the status alone: whoever knocks learns nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing proves that it comes from Immuta.
    #[error("it is not signed, or not with this secret")]
    Unverified,
    /// The path names no notification type.
    #[error("the path names no notification type; it ends with one, as in /permissionsUpdated")]
    NotFound,
    /// The method is not `POST`.
    #[error("the method is not POST")]
    Method,
    /// The body is larger than [`LARGEST_BODY`].
    #[error("the body is larger than {LARGEST_BODY} bytes")]
    TooLarge,
    /// The body is said to be something else than JSON, or compressed.
    #[error("the content type is not JSON, or the body is compressed")]
    MediaType,
}

impl Refusal {
    /// The HTTP status of the answer.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Refusal::Unverified => 401,
            Refusal::NotFound => 404,
            Refusal::Method => 405,
            Refusal::TooLarge => 413,
            Refusal::MediaType => 415,
        }
    }
}

impl Request {
    /// Reads the event of a function URL or of API Gateway.
    ///
    /// # Errors
    /// [`Refusal`], by everything but the signature: that is for [`Keys::verify`](super::Keys::verify).
    pub fn read(event: &Value) -> Result<Self, Refusal> {
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
        let path = text("/rawPath").or_else(|| text("/path")).ok_or(Refusal::NotFound)?;
        let method = text("/requestContext/http/method").or_else(|| text("/httpMethod")).ok_or(Refusal::Method)?;
        let (kind, token) = parts(path).ok_or(Refusal::NotFound)?;
        if !method.eq_ignore_ascii_case("POST") {
            return Err(Refusal::Method);
        }
        let is_plain = |coding: &str| coding.eq_ignore_ascii_case("identity");
        if headers(event, "content-type").first().is_some_and(|value| !is_json(value))
            || headers(event, "content-encoding").into_iter().any(|coding| !is_plain(coding))
        {
            return Err(Refusal::MediaType);
        }
        let body = text("/body").unwrap_or_default();
        let is_base64 = event.get("isBase64Encoded").and_then(Value::as_bool).unwrap_or(false);
        // Looked at before it is decoded: four characters stand for three bytes.
        let at_least = if is_base64 { (body.len() / 4).saturating_sub(1) * 3 } else { body.len() };
        if at_least > LARGEST_BODY {
            return Err(Refusal::TooLarge);
        }
        // What AWS encodes can be decoded. Anything else was made by somebody else, and is signed by nobody.
        let body = if is_base64 { STANDARD.decode(body).map_err(|_| Refusal::Unverified)? } else { body.into() };
        if body.len() > LARGEST_BODY {
            return Err(Refusal::TooLarge);
        }
        // HTTP joins several values of one header by commas, which no signature contains.
        let signatures = headers(event, SIGNATURE).into_iter().flat_map(|value| value.split(','));
        let signatures = signatures.map(str::trim).filter(|one| !one.is_empty()).take(MOST_SIGNATURES);
        Ok(Self { kind, token, signatures: signatures.map(ToOwned::to_owned).collect(), body })
    }
}

/// Whether a text can be the name of a notification type, and so the last part of a path: letters, digits, `_` and `-`, 64
/// of them at the most, the first a small letter.
#[must_use]
pub fn is_kind(text: &str) -> bool {
    text.len() <= LONGEST_KIND
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// The last part of the path, and the one before it. One slash at the end says nothing.
fn parts(path: &str) -> Option<(String, Option<String>)> {
    let path = path.strip_prefix('/')?;
    let parts: Vec<&str> = path.strip_suffix('/').unwrap_or(path).split('/').collect();
    let (kind, before) = parts.split_last()?;
    let fits = is_kind(kind) && parts.len() <= MOST_PARTS && before.iter().all(|part| !part.is_empty());
    fits.then(|| ((*kind).to_owned(), before.last().map(|token| (*token).to_owned())))
}

/// The values of a header, whatever the case of its name. Payload format 1.0 has the last one in `headers`, and all of them
/// in `multiValueHeaders`.
fn headers<'e>(event: &'e Value, name: &str) -> Vec<&'e str> {
    let find = |headers: &str| {
        let named = event.get(headers).and_then(Value::as_object).into_iter().flatten();
        let named = named.filter(|(found, _)| found.eq_ignore_ascii_case(name));
        let values = named.flat_map(|(_, value)| value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice));
        values.filter_map(Value::as_str).map(str::trim).filter(|value| !value.is_empty()).collect::<Vec<_>>()
    };
    let several = find("multiValueHeaders");
    if several.is_empty() { find("headers") } else { several }
}

fn is_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media_type == "application/json" || (media_type.starts_with("application/") && media_type.ends_with("+json"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// As a function URL and an HTTP API say it.
    fn version_2(method: &str, path: &str, headers: &Value, body: &str) -> Value {
        json!({
            "version": "2.0", "rawPath": path, "headers": headers, "body": body, "isBase64Encoded": false,
            "requestContext": {"http": {"method": method, "path": path}},
        })
    }

    fn refused(event: &Value) -> Refusal {
        Request::read(event).unwrap_err()
    }

    #[test]
    fn both_payload_formats_and_encodings_are_read() {
        let headers = json!({"Content-Type": "application/json", "X-Immuta-Webhook-Signature-SHA256": " abc "});
        let new = version_2("POST", "/prod/hooks/secret/permissionsUpdated", &headers, "{}");
        let old = json!({
            "version": "1.0", "path": "/permissionsUpdated", "httpMethod": "POST", "body": "e30=", "isBase64Encoded": true,
            "multiValueHeaders": {"x-immuta-webhook-signature-sha256": ["abc", "def"]}, "headers": null,
        });
        let (new, old) = (Request::read(&new).unwrap(), Request::read(&old).unwrap());
        assert_eq!((new.kind.as_str(), new.token.as_deref()), ("permissionsUpdated", Some("secret")));
        assert_eq!((old.kind.as_str(), old.token.as_deref()), ("permissionsUpdated", None));
        for request in [new, old] {
            assert_eq!((request.signatures.first().map(String::as_str), &request.body[..]), (Some("abc"), &b"{}"[..]));
        }
    }

    #[test]
    fn a_path_that_names_no_type_is_not_found() {
        let long = format!("/{}", "a".repeat(LONGEST_KIND + 1));
        let deep = "/a".repeat(MOST_PARTS + 1);
        for path in [
            "",
            "/",
            "//",
            "/x//tagCreated",
            "/tagCreated//",
            "/Query/",
            "/Query",
            "/tag%20",
            "/..",
            "/täg",
            &long,
            &deep,
        ] {
            assert_eq!(refused(&version_2("POST", path, &json!({}), "{}")), Refusal::NotFound, "{path}");
        }
        assert_eq!(refused(&version_2("GET", "/", &json!({}), "")), Refusal::NotFound);
        assert_eq!(refused(&json!({"Records": []})), Refusal::NotFound);
    }

    #[test]
    fn a_slash_at_the_end_of_the_path_says_nothing() {
        let request = Request::read(&version_2("POST", "/prod/secret/tagCreated/", &json!({}), "{}")).unwrap();
        assert_eq!((request.kind.as_str(), request.token.as_deref()), ("tagCreated", Some("secret")));
    }

    #[test]
    fn of_several_signatures_each_counts_up_to_a_bound() {
        let of = |headers: &Value| {
            let mut event = version_2("POST", "/tagCreated", &json!({}), "{}");
            event.as_object_mut().unwrap().extend(headers.as_object().unwrap().clone());
            Request::read(&event).unwrap().signatures
        };
        let several =
            json!({"headers": {SIGNATURE: "b"}, "multiValueHeaders": {SIGNATURE.to_uppercase(): ["a", " b ", ""]}});
        assert_eq!(of(&several), ["a", "b"]);
        assert_eq!(of(&json!({"headers": {SIGNATURE: " a, b,,c"}})), ["a", "b", "c"]);
        assert_eq!(of(&json!({"headers": {SIGNATURE: "x,".repeat(100)}})).len(), MOST_SIGNATURES);
        assert!(of(&json!({"headers": {SIGNATURE: 7}, "multiValueHeaders": null})).is_empty());
    }

    #[test]
    fn a_body_that_is_compressed_is_refused() {
        let of = |coding: &str| {
            let headers = json!({ "content-encoding": coding });
            Request::read(&version_2("POST", "/tagCreated", &headers, "{}")).err()
        };
        assert_eq!((of("gzip"), of("identity, br")), (Some(Refusal::MediaType), Some(Refusal::MediaType)));
        assert_eq!((of("identity"), of("")), (None, None));
    }

    #[test]
    fn another_method_or_content_type_is_refused() {
        assert_eq!(refused(&version_2("GET", "/tagCreated", &json!({}), "")), Refusal::Method);
        let of = |media_type: &str| {
            let headers = json!({ "content-type": media_type });
            Request::read(&version_2("POST", "/tagCreated", &headers, "{}")).err()
        };
        assert_eq!(of("text/plain"), Some(Refusal::MediaType));
        assert_eq!(of("application/x-www-form-urlencoded"), Some(Refusal::MediaType));
        for media_type in ["", "Application/JSON; charset=utf-8", "application/vnd.immuta+json"] {
            assert_eq!(of(media_type), None, "{media_type}");
        }
    }

    #[test]
    fn a_body_may_be_so_large_and_no_larger() {
        let of = |bytes: usize, is_base64: bool| {
            let body = if is_base64 { STANDARD.encode(vec![b'x'; bytes]) } else { "x".repeat(bytes) };
            let mut event = version_2("POST", "/tagCreated", &json!({}), &body);
            event["isBase64Encoded"] = is_base64.into();
            Request::read(&event).map(|request| request.body.len())
        };
        for is_base64 in [false, true] {
            assert_eq!(of(LARGEST_BODY, is_base64), Ok(LARGEST_BODY));
            assert_eq!(of(LARGEST_BODY + 1, is_base64), Err(Refusal::TooLarge));
            assert_eq!(of(4 * LARGEST_BODY, is_base64), Err(Refusal::TooLarge));
        }
    }

    #[test]
    fn a_request_shows_neither_token_nor_signature_nor_body() {
        let headers = json!({"x-immuta-webhook-signature-sha256": "hush"});
        let request = Request::read(&version_2("POST", "/hush/tagCreated", &headers, "hush")).unwrap();
        assert!(!format!("{request:?}").contains("hush"), "{request:?}");
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(path in ".{0,40}", method in ".{0,6}", name in ".{0,12}", value in ".{0,40}", body in ".{0,80}", is_base64: bool) {
            let mut event = version_2(&method, &path, &json!({ name: value }), &body);
            event["isBase64Encoded"] = is_base64.into();
            let _ = Request::read(&event);
        }
    }
}
