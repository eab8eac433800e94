//! An AWS for tests: a server on this machine that answers each request as the test says, and may break off.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};

use crate::aws::{self, S3Client};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Without the query
    pub(crate) path: String,
    query: String,
    /// By their names in lower case
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// A value of the query, decoded as far as these tests need.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(found, _)| *found == name).map(|(_, value)| value.replace("%2F", "/")).next()
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    breaks: Option<Breaks>,
}

#[derive(Debug, Clone, Copy)]
enum Breaks {
    Unanswered,
    After(usize),
}

impl Reply {
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, headers: Vec::new(), body: body.into(), breaks: None }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self { status, ..Self::ok("") }
    }

    /// An error as S3 words it.
    pub(crate) fn error(status: u16, code: &str) -> Self {
        let body = format!("<Error><Code>{code}</Code><Message>as the test says</Message></Error>");
        Self { status, ..Self::ok(body) }
    }

    /// Part of an object, from a byte on.
    pub(crate) fn rest(content: &[u8], from: usize) -> Self {
        let range = format!("bytes {from}-{}/{}", content.len() - 1, content.len());
        Self { status: 206, ..Self::ok(&content[from..]) }.with("content-range", &range)
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The connection breaks after so many bytes of the body.
    pub(crate) fn that_breaks_after(mut self, bytes: usize) -> Self {
        self.breaks = Some(Breaks::After(bytes));
        self
    }

    /// The connection breaks before the answer: whoever asked does not learn what became of it.
    pub(crate) fn that_is_lost(mut self) -> Self {
        self.breaks = Some(Breaks::Unanswered);
        self
    }
}

/// The server.
pub(crate) struct Replies {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

type Answer = Arc<Mutex<dyn FnMut(&Request) -> Reply + Send>>;

impl Replies {
    /// Answers as a function says, one request at a time.
    pub(crate) fn given_by(answer: impl FnMut(&Request) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (answer, log): (Answer, _) = (Arc::new(Mutex::new(answer)), Arc::clone(&requests));
        std::thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
                // A connection that breaks is what the tests are about.
                std::thread::spawn(move || drop(serve(&connection, &answer, &log)));
            }
        });
        Self { address, requests }
    }

    /// Everything that was asked.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Settings of clients that ask this server, and try a second time at once.
    pub(crate) fn settings(&self) -> SdkConfig {
        let retries = RetryConfig::standard().with_max_attempts(2).with_initial_backoff(Duration::from_millis(1));
        let credentials = Credentials::new("id", "secret", None, None, "test");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(format!("http://{}", self.address))
            .retry_config(retries)
            .build()
    }

    /// A client for S3 that asks this server.
    pub(crate) fn client(&self) -> S3Client {
        aws::s3(&self.settings())
    }
}

fn serve(connection: &TcpStream, answer: &Answer, log: &Mutex<Vec<Request>>) -> io::Result<()> {
    let mut reader = BufReader::new(connection);
    while let Some(request) = receive(&mut reader, connection)? {
        let reply = (answer.lock().unwrap())(&request);
        let is_head = request.method == "HEAD";
        log.lock().unwrap().push(request);
        if let Some(Breaks::Unanswered) = reply.breaks {
            return connection.shutdown(Shutdown::Both);
        }
        let mut writer = connection;
        write!(writer, "HTTP/1.1 {} x\r\ncontent-length: {}\r\n", reply.status, reply.body.len())?;
        for (name, value) in &reply.headers {
            write!(writer, "{name}: {value}\r\n")?;
        }
        writer.write_all(b"\r\n")?;
        if let Some(Breaks::After(bytes)) = reply.breaks {
            writer.write_all(&reply.body[..bytes])?;
            return connection.shutdown(Shutdown::Both);
        }
        if !is_head {
            writer.write_all(&reply.body)?;
        }
    }
    Ok(())
}

fn receive(reader: &mut impl BufRead, mut writer: &TcpStream) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap().to_owned(), words.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (path, query) = (path.to_owned(), query.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    if headers.contains_key("expect") {
        writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(Request { method, path, query, headers, body }))
}
