//! A small HTTP server for the tests of the senders: it answers, or fails to, as it is told.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sns::config::{Credentials, SharedCredentialsProvider};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What becomes of one request.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// These bytes, and then the connection stays open
    Raw(String),
    /// Nothing, for as long as the client waits
    Never,
    /// The connection is closed once the request was read
    Close,
}

impl Answer {
    /// A whole answer; each of `headers` ends with CR LF.
    pub(crate) fn status(status: u16, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::Raw(format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\n\r\n{body}"))
    }

    /// An answer of an AWS service that speaks JSON.
    pub(crate) fn json(body: &str) -> Self {
        Self::status(200, "content-type: application/x-amz-json-1.1\r\n", body)
    }
}

/// Gives one answer to each request, in order; past the last one it closes connections.
pub(crate) struct Server {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) async fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let answers = Arc::new(Mutex::new(VecDeque::from(answers)));
        let seen = requests.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, seen.clone(), answers.clone()));
            }
        });
        Self { url, requests }
    }

    /// The requests so far, head and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Settings of AWS clients that talk to this server.
    pub(crate) fn settings(&self) -> SdkConfig {
        settings(&self.url)
    }
}

pub(crate) fn settings(url: &str) -> SdkConfig {
    let credentials = Credentials::new("AKIDEXAMPLE", "a test's", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(url)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

/// An address that nobody listens on.
pub(crate) async fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

async fn serve(mut stream: TcpStream, requests: Arc<Mutex<Vec<String>>>, answers: Arc<Mutex<VecDeque<Answer>>>) {
    while let Some(request) = read(&mut stream).await {
        requests.lock().unwrap().push(request);
        let answer = answers.lock().unwrap().pop_front();
        match answer {
            Some(Answer::Raw(bytes)) => stream.write_all(bytes.as_bytes()).await.unwrap(),
            Some(Answer::Never) => std::future::pending().await,
            Some(Answer::Close) | None => return,
        }
    }
}

/// One request, by its `content-length`.
async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
            });
            if body.len() >= length.unwrap_or(0) {
                return Some(text);
            }
        }
        let mut piece = [0; 8192];
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return None,
            Ok(length) => read.extend_from_slice(&piece[..length]),
        }
    }
}
