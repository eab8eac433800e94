//! Immuta's API over HTTP: one attempt a call, in a bounded time, and no redirect, since the key would go along.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;

use super::error::{ShapeError, said};
use super::page::{Page, types_in};
use super::webhooks::creation;
use super::{ActionType, Hidden, HistoryRecord, ImmutaError, NewWebhook, Registered, Tenant, Webhook};
use crate::aws::causes;

/// The longest that one call may take, to the answer's last byte: a list of a large tenant takes its time.
const ATTEMPT: Duration = Duration::from_secs(15);

/// The longest that making a connection may take.
const CONNECT: Duration = Duration::from_secs(4);

/// The largest answer that is read, in bytes: ten thousand records of a kilobyte fit.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

/// The most items of a list that are held.
const MOST_ITEMS: usize = 10_000;

/// So many items are asked for at once, after the first page; who gives fewer is asked more often.
const PAGE: usize = 200;

/// The most pages of a list that are asked for.
const MOST_PAGES: usize = 100;

/// What stands in a path as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// A list, and whether it is all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// What was listed
    pub items: Vec<T>,
    /// False if there is more than was read
    pub is_complete: bool,
}

/// A client of one tenant's API.
#[derive(Debug)]
pub struct Client {
    tenant: Tenant,
    key: Hidden,
    /// What no error may repeat
    hidden: Vec<Hidden>,
    http: reqwest::Client,
    /// Whether the key is sent without `Bearer`
    is_raw: AtomicBool,
    /// Whether the tenant has taken the key as it is sent
    is_known: AtomicBool,
}

impl Client {
    /// A client with an API key. Nothing is asked yet.
    ///
    /// # Errors
    /// There is no HTTP client.
    pub fn new(tenant: Tenant, key: Hidden) -> Result<Self, ImmutaError> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("immuta-watch/", env!("CARGO_PKG_VERSION")))
            .timeout(ATTEMPT)
            .connect_timeout(CONNECT)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .build()
            .map_err(|error| ImmutaError::Client(causes(&error)))?;
        let (is_raw, is_known) = (AtomicBool::new(false), AtomicBool::new(false));
        Ok(Self { tenant, hidden: vec![key.clone()], key, http, is_raw, is_known })
    }

    /// The tenant's address.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// The webhooks that the key's user sees; an administrator sees all.
    ///
    /// # Errors
    /// [`ImmutaError`]
    pub async fn webhooks(&self) -> Result<Listed<Webhook>, ImmutaError> {
        self.list("/webhooks", Webhook::read).await
    }

    /// The notification types that the tenant knows.
    ///
    /// # Errors
    /// [`ImmutaError`]
    pub async fn types(&self) -> Result<BTreeSet<String>, ImmutaError> {
        const PATH: &str = "/webhooks/actions";
        let answer = self.json(Method::GET, PATH, None).await?;
        types_in(&answer).map_err(|shape| misshapen(PATH, shape))
    }

    /// What became of the requests that webhooks made.
    ///
    /// # Errors
    /// [`ImmutaError`]
    pub async fn history(&self) -> Result<Listed<HistoryRecord>, ImmutaError> {
        self.list("/webhooks/history", HistoryRecord::read).await
    }

    /// Registers webhooks, with one request.
    ///
    /// # Errors
    /// [`ImmutaError`]. A webhook that Immuta does not make stands in the answer.
    pub async fn register(
        &self,
        wanted: &[NewWebhook],
        action: ActionType,
        secret: Option<&Hidden>,
        token: Option<&Hidden>,
    ) -> Result<Registered, ImmutaError> {
        const PATH: &str = "/webhooks";
        let hidden: Vec<Hidden> = self.hidden.iter().chain(secret).chain(token).cloned().collect();
        let body = creation(wanted, action, secret);
        let response = self.send(Method::POST, PATH, Some(body)).await?;
        let answer = self.judge(response, PATH, &hidden).await?;
        Registered::read(&answer, wanted, &hidden).map_err(|shape| misshapen(PATH, shape))
    }

    /// Removes a webhook.
    ///
    /// # Errors
    /// [`ImmutaError`]
    pub async fn remove(&self, id: &str) -> Result<(), ImmutaError> {
        self.order(Method::DELETE, &format!("/webhooks/{}", utf8_percent_encode(id, PLAIN))).await
    }

    /// Has the request of a record of the history made again.
    ///
    /// # Errors
    /// [`ImmutaError`]
    pub async fn retry(&self, id: &str) -> Result<(), ImmutaError> {
        self.order(Method::POST, &format!("/webhooks/history/retry/{}", utf8_percent_encode(id, PLAIN))).await
    }

    /// A call of whose answer nothing but the status counts.
    async fn order(&self, method: Method, path: &str) -> Result<(), ImmutaError> {
        let response = self.send(method, path, None).await?;
        if response.status().is_success() {
            return Ok(());
        }
        self.judge(response, path, &self.hidden).await.map(|_| ())
    }

    /// Reads a list to its end, as far as the answers say that there is more. The first page is asked for without
    /// parameters, since none is documented.
    async fn list<T>(&self, path: &str, read: fn(&Value) -> Result<T, ShapeError>) -> Result<Listed<T>, ImmutaError> {
        let page = async |path: &str| {
            let answer = self.json(Method::GET, path, None).await?;
            Page::read(&answer).map_err(|shape| misshapen(path, shape))
        };
        let first = page(path).await?;
        let total = first.total.unwrap_or(0);
        let mut items = first.items;
        let mut pages = 1;
        while (items.len() as u64) < total && pages < MOST_PAGES && items.len() < MOST_ITEMS {
            let next = page(&format!("{path}?offset={}&size={PAGE}", items.len())).await?;
            // One that does not know the parameters gives the first page again.
            if next.items.is_empty() || next.items.first() == items.first() {
                break;
            }
            items.extend(next.items);
            pages += 1;
        }
        let is_complete = items.len() as u64 >= total;
        let items = items.iter().map(read).collect::<Result<_, _>>().map_err(|shape| misshapen(path, shape))?;
        Ok(Listed { items, is_complete })
    }

    async fn json(&self, method: Method, path: &str, body: Option<String>) -> Result<Value, ImmutaError> {
        let response = self.send(method, path, body).await?;
        self.judge(response, path, &self.hidden).await
    }

    /// Sends a request with the key as it works. What is answered with 401 was not done, so that it may be sent again.
    async fn send(&self, method: Method, path: &str, body: Option<String>) -> Result<Response, ImmutaError> {
        let is_raw = self.is_raw.load(Ordering::Relaxed);
        let mut response = self.attempt(method.clone(), path, body.clone(), is_raw).await?;
        if response.status() == StatusCode::UNAUTHORIZED && !self.is_known.load(Ordering::Relaxed) {
            // The documentation's examples say `Bearer`; others who describe the API send the key alone.
            response = self.attempt(method, path, body, !is_raw).await?;
            if response.status() != StatusCode::UNAUTHORIZED {
                self.is_raw.store(!is_raw, Ordering::Relaxed);
            }
        }
        if response.status() != StatusCode::UNAUTHORIZED {
            self.is_known.store(true, Ordering::Relaxed);
        }
        Ok(response)
    }

    async fn attempt(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
        is_raw: bool,
    ) -> Result<Response, ImmutaError> {
        let key = self.key.expose();
        let key = if is_raw { key.to_owned() } else { format!("Bearer {key}") };
        let Ok(mut authorization) = HeaderValue::from_str(&key) else { return Err(ImmutaError::Unauthorized) };
        authorization.set_sensitive(true);
        let mut request = self.http.request(method, self.tenant.route(path));
        request = request.header(AUTHORIZATION, authorization).header(ACCEPT, "application/json");
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        request.send().await.map_err(|error| self.lost(error))
    }

    /// What it means that there was no answer, or no whole one.
    fn lost(&self, error: reqwest::Error) -> ImmutaError {
        let tenant = self.tenant.to_string();
        let error = error.without_url();
        if error.is_connect() || error.is_builder() {
            return ImmutaError::Connection { tenant, reason: causes(&error) };
        }
        let reason = if error.is_timeout() { format!("none within {} s", ATTEMPT.as_secs()) } else { causes(&error) };
        ImmutaError::Lost { tenant, reason }
    }

    /// The JSON of an answer, or what its status means.
    async fn judge(&self, response: Response, path: &str, hidden: &[Hidden]) -> Result<Value, ImmutaError> {
        let status = response.status();
        match status {
            StatusCode::UNAUTHORIZED => return Err(ImmutaError::Unauthorized),
            StatusCode::FORBIDDEN => return Err(ImmutaError::Forbidden),
            StatusCode::NOT_FOUND => {
                return Err(ImmutaError::NotFound { tenant: self.tenant.to_string(), path: path.to_owned() });
            }
            _ if status.is_redirection() => return Err(ImmutaError::Redirected(self.tenant.to_string())),
            _ => {}
        }
        let body = self.body(response, path).await?;
        let answer: Result<Value, _> = serde_json::from_slice(&body);
        if !status.is_success() {
            let said = answer.ok().and_then(|answer| said(&answer, hidden));
            let said = said.map_or_else(String::new, |said| format!(": {said}"));
            return Err(ImmutaError::Status { status: status.as_u16(), said });
        }
        answer.map_err(|_| misshapen(path, ShapeError::no_json("JSON")))
    }

    async fn body(&self, mut response: Response, path: &str) -> Result<Vec<u8>, ImmutaError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.lost(error))? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(ImmutaError::TooLarge { path: path.to_owned(), most: LARGEST_ANSWER });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

fn misshapen(path: &str, shape: ShapeError) -> ImmutaError {
    ImmutaError::Shape { path: path.to_owned(), shape }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::senders::fake::{Answer, Server, free_address};

    async fn client(answers: Vec<Answer>) -> (Client, Server) {
        let server = Server::start(answers).await;
        (Client::new(server.url.parse().unwrap(), Hidden::new("hush-hush")).unwrap(), server)
    }

    fn ok(body: &str) -> Answer {
        Answer::status(200, "content-type: application/json\r\n", body)
    }

    #[tokio::test]
    async fn a_key_is_sent_as_bearer_then_raw_and_as_it_works_from_then_on() {
        let answers = vec![Answer::status(401, "", ""), ok("[]"), ok("[]")];
        let (client, server) = client(answers).await;
        assert!(client.webhooks().await.unwrap().items.is_empty());
        client.webhooks().await.unwrap();
        let keys: Vec<String> = server
            .requests()
            .iter()
            .map(|request| {
                request.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap_or_default().to_owned()
            })
            .collect();
        assert_eq!(keys, ["Bearer hush-hush", "hush-hush", "hush-hush"]);
    }

    #[tokio::test]
    async fn a_list_is_read_to_its_end() {
        let item = |id: u32| format!(r#"{{"id":{id},"url":"https://x.example.com/tagCreated"}}"#);
        let page = |ids: &[u32]| {
            let items: Vec<String> = ids.iter().copied().map(item).collect();
            ok(&format!(r#"{{"count":5,"hits":[{}]}}"#, items.join(",")))
        };
        let (client, server) = client(vec![page(&[1, 2]), page(&[3, 4]), page(&[5])]).await;
        let found = client.webhooks().await.unwrap();
        assert_eq!((found.items.len(), found.is_complete), (5, true));
        assert!(server.requests()[2].starts_with("GET /webhooks?offset=4&size=200 "), "{:?}", server.requests());
    }

    #[tokio::test]
    async fn one_that_knows_no_pages_is_not_asked_for_ever() {
        let page = || ok(r#"{"count":9,"hits":[{"id":1,"url":"https://x.example.com/tagCreated"}]}"#);
        let (client, _server) = client(vec![page(), page()]).await;
        let found = client.webhooks().await.unwrap();
        assert_eq!((found.items.len(), found.is_complete), (1, false));
    }

    #[tokio::test]
    async fn every_failure_says_what_to_do_and_shows_no_key() {
        for (answer, word) in [
            (vec![Answer::status(401, "", "hush-hush"), Answer::status(401, "", "hush-hush")], "API key"),
            (vec![Answer::status(403, "", "hush-hush")], "APPLICATION_ADMIN"),
            (vec![Answer::status(404, "", "hush-hush")], "is that the tenant's address"),
            (vec![Answer::status(302, "location: /hush-hush\r\n", "")], "redirect"),
            (vec![Answer::status(500, "", r#"{"message":"no hush-hush today"}"#)], "500: no [...] today"),
            (vec![Answer::status(502, "", "<html>hush-hush</html>")], "answered 502"),
            (vec![ok("hush-hush")], "what came is no JSON"),
            (vec![ok(r#"{"stuff":"hush-hush"}"#)], "an object with the keys stuff"),
            (vec![Answer::Close], "no whole answer"),
        ] {
            let (client, _server) = client(answer).await;
            let error = client.webhooks().await.unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
            assert!(!format!("{error:?} {error} {client:?}").contains("hush-hush"), "{error:?}");
        }
        let nobody = format!("http://{}", free_address().await);
        let client = Client::new(nobody.parse().unwrap(), Hidden::new("hush-hush")).unwrap();
        assert!(client.types().await.unwrap_err().to_string().starts_with("no connection to http://127.0.0.1:"));
    }

    #[tokio::test]
    async fn an_id_cannot_lead_elsewhere() {
        let (client, server) = client(vec![ok(""), Answer::status(204, "", "")]).await;
        client.retry("../../x?y").await.unwrap();
        client.remove("7").await.unwrap();
        assert!(server.requests()[0].starts_with("POST /webhooks/history/retry/%2E%2E%2F%2E%2E%2Fx%3Fy "));
        assert!(server.requests()[1].starts_with("DELETE /webhooks/7 "));
    }
}
