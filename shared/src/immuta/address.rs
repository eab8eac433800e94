//! Addresses: that of a tenant, and that of the function which takes its webhooks. What is shown of one never has a token
//! in it.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;

use crate::webhook::is_kind;

/// Stands for the token wherever an address is shown.
const TOKEN: &str = "TOKEN";

/// An address cannot be used. It is not quoted: a secret may have slipped into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is none.
    #[error("that is no address; one looks like https://acme.example.com")]
    NoAddress,
    /// Whoever is in between could read what is sent.
    #[error("that is not https; plain http is for 127.0.0.1 and localhost alone")]
    Plain,
    /// A key does not belong there.
    #[error("there is a name or password in it; give the address alone")]
    Credentials,
    /// What follows the path is of no use.
    #[error("there is a ? or # in it; give the address alone")]
    Query,
}

/// An address without a slash at its end.
fn read(text: &str) -> Result<String, AddressError> {
    let url = Url::parse(text.trim()).map_err(|_| AddressError::NoAddress)?;
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or(AddressError::NoAddress)?;
    match url.scheme() {
        "https" => {}
        "http" if ["127.0.0.1", "localhost", "[::1]"].contains(&host) => {}
        "http" => return Err(AddressError::Plain),
        _ => return Err(AddressError::NoAddress),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(AddressError::Credentials);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(AddressError::Query);
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// A URL in the one spelling by which two are compared; as it is, if it is none.
pub(super) fn normal(url: &str) -> String {
    Url::parse(url.trim()).map_or_else(|_| url.trim().to_owned(), |url| url.as_str().to_owned())
}

/// The last part of a URL's path, if it can be the name of a notification type.
pub(super) fn kind_in(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let (_, path) = rest.split_once('/')?;
    path.rsplit('/').next().filter(|kind| is_kind(kind))
}

/// The address of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant(String);

impl Tenant {
    /// The address of a route of its API; `path` begins with a slash.
    pub(super) fn route(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl FromStr for Tenant {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        read(text).map(Self)
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The address of the function that takes webhooks, without token and type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionUrl(String);

impl FunctionUrl {
    /// Where notifications of a type are sent to. A token has characters that a path may have
    /// ([`Hidden::is_path_part`](super::Hidden::is_path_part)).
    #[must_use]
    pub fn of(&self, token: Option<&str>, kind: &str) -> String {
        match token {
            Some(token) => format!("{}/{token}/{kind}", self.0),
            None => format!("{}/{kind}", self.0),
        }
    }

    /// The type that a URL is for, if it lies below this address, with or without a token.
    #[must_use]
    pub fn kind_of<'u>(&self, url: &'u str) -> Option<&'u str> {
        let mut parts = url.strip_prefix(&self.0)?.strip_prefix('/')?.split('/');
        let (first, second, more) = (parts.next()?, parts.next(), parts.next());
        let kind = second.unwrap_or(first);
        (more.is_none() && !first.is_empty() && is_kind(kind)).then_some(kind)
    }

    /// A URL as it may be shown: below this address with `TOKEN` for the token, elsewhere without most of its path.
    #[must_use]
    pub fn shown(&self, url: &str) -> String {
        match self.kind_of(url) {
            Some(kind) if url.len() > self.0.len() + 1 + kind.len() => self.of(Some(TOKEN), kind),
            Some(kind) => self.of(None, kind),
            None => without_path(url),
        }
    }
}

impl FromStr for FunctionUrl {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        read(text).map(Self)
    }
}

impl fmt::Display for FunctionUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A URL of which nobody knows where a token stands: its host, and the type if it ends with one.
pub(super) fn without_path(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "…".to_owned() };
    // What stands before an @ is a name and a password.
    let (host, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
    let host = host.rsplit('@').next().unwrap_or_default().split(['?', '#']).next().unwrap_or_default();
    match kind_in(url) {
        Some(kind) if kind == path => format!("{scheme}://{host}/{kind}"),
        // A short path of a service that is not ours may be nothing but a secret.
        Some(kind) if super::webhooks::is_documented(kind) => format!("{scheme}://{host}/…/{kind}"),
        _ if path.is_empty() => format!("{scheme}://{host}"),
        _ => format!("{scheme}://{host}/…"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_https_and_nothing_but_an_address() {
        let tenant = |text: &str| text.parse::<Tenant>().map(|tenant| tenant.to_string());
        assert_eq!(tenant(" https://Acme.example.com/ "), Ok("https://acme.example.com".to_owned()));
        assert_eq!(tenant("https://example.com/immuta/"), Ok("https://example.com/immuta".to_owned()));
        assert_eq!(tenant("http://127.0.0.1:8080"), Ok("http://127.0.0.1:8080".to_owned()));
        assert_eq!(tenant("http://acme.example.com"), Err(AddressError::Plain));
        assert_eq!(tenant("https://ann:hush@acme.example.com"), Err(AddressError::Credentials));
        assert_eq!(tenant("https://acme.example.com/?key=hush"), Err(AddressError::Query));
        for text in ["", "acme", "acme.example.com", "ftp://acme", "file:///etc/passwd", "https://"] {
            assert_eq!(tenant(text), Err(AddressError::NoAddress), "{text}");
        }
    }

    #[test]
    fn token_and_type_are_the_end_of_the_path() {
        let base: FunctionUrl = "https://x.example.com/prod/".parse().unwrap();
        assert_eq!(base.of(None, "tagCreated"), "https://x.example.com/prod/tagCreated");
        let with_token = base.of(Some("hush"), "tagCreated");
        assert_eq!(with_token, "https://x.example.com/prod/hush/tagCreated");
        assert_eq!(base.kind_of(&with_token), Some("tagCreated"));
        assert_eq!(base.shown(&with_token), "https://x.example.com/prod/TOKEN/tagCreated");
        assert_eq!(base.shown(&base.of(None, "tagCreated")), "https://x.example.com/prod/tagCreated");
        for elsewhere in ["https://x.example.com/tagCreated", "https://x.example.com/prodigy/tagCreated"] {
            assert_eq!(base.kind_of(elsewhere), None, "{elsewhere}");
        }
        for deeper in ["https://x.example.com/prod", "https://x.example.com/prod/a/b/tagCreated"] {
            assert_eq!(base.kind_of(deeper), None, "{deeper}");
        }
    }

    #[test]
    fn nothing_that_may_be_a_secret_is_shown_of_an_address_elsewhere() {
        let base: FunctionUrl = "https://x.example.com".parse().unwrap();
        for (url, shown) in [
            ("https://hooks.slack.com/services/T0/B0/hush", "https://hooks.slack.com/…"),
            ("https://ann:hush@y.example.com/hush?hush", "https://y.example.com/…"),
            ("https://y.example.com/hush/tagCreated", "https://y.example.com/…/tagCreated"),
            ("https://y.example.com?hush", "https://y.example.com"),
            ("hush", "…"),
        ] {
            assert_eq!(base.shown(url), shown);
        }
    }
}
