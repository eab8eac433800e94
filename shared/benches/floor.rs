//! The floor under every reader of exports: how long decompressing and parsing alone take.
//!
//! `floor plain|envelope|record EXPORT` reads one gzip export, does that much with every line and prints what it
//! counted. It keeps nothing. `make bench` measures it beside `immuta-watch run`.

use std::borrow::Cow;
use std::error::Error;
use std::fs::File;
use std::io::{BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use immuta_watch::event::Record;
use serde::Deserialize;

/// Plain bytes are asked for in chunks of this size, as the library's own reader does.
const CHUNK: usize = 256 * 1024;

/// What a reader that knows the records would take: the envelope, and of the payload what happened. `serde_json` checks
/// and skips the rest.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    event_timestamp: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    action_status: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    actor: Option<Actor<'a>>,
    #[serde(borrow)]
    audit_payload: Payload<'a>,
}

#[derive(Deserialize)]
struct Actor<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
}

impl Envelope<'_> {
    /// Something that depends on every field, so that none is optimised away.
    fn length(&self) -> usize {
        let actor = self.actor.as_ref().and_then(|actor| actor.id.as_ref());
        let texts = [self.id.as_ref(), self.event_timestamp.as_ref(), self.action_status.as_ref(), actor];
        texts.into_iter().flatten().map(|text| text.len()).sum::<usize>() + self.audit_payload.kind.len()
    }
}

/// What is done with a line; `None` if it is no event.
type Task = fn(&[u8]) -> Option<usize>;

fn task(name: &str) -> Option<Task> {
    match name {
        "plain" => Some(|line| Some(line.len())),
        "envelope" => Some(|line| Some(serde_json::from_slice::<Envelope<'_>>(line).ok()?.length())),
        "record" => Some(|line| Some(Record::parse(line).ok()?.raw().len())),
        _ => None,
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, name, export] = arguments.as_slice() else {
        return Err("usage: floor plain|envelope|record EXPORT".into());
    };
    let task = task(name).ok_or("the first argument is plain, envelope or record")?;
    let mut plain = MultiGzDecoder::new(BufReader::with_capacity(CHUNK, File::open(export)?));
    let (mut lines, mut events, mut bytes, mut sum) = (0_u64, 0_u64, 0_usize, 0_usize);
    let mut buffer = Vec::with_capacity(2 * CHUNK);
    loop {
        let kept = buffer.len();
        buffer.resize(kept + CHUNK, 0);
        let read = plain.read(&mut buffer[kept..])?;
        buffer.truncate(kept + read);
        bytes += read;
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', &buffer) {
            lines += 1;
            if let Some(length) = task(&buffer[start..end]) {
                events += 1;
                sum = sum.wrapping_add(length);
            }
            start = end + 1;
        }
        if read == 0 {
            break;
        }
        buffer.drain(..start);
    }
    println!(r#"{{"lines":{lines},"events":{events},"bytes":{bytes},"sum":{sum}}}"#);
    Ok(())
}
