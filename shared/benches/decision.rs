//! What deciding about a webhook takes, network calls apart: from the request as Lambda hands it over to the decision and
//! all that is written with it, into memory.
//!
//! `decision REQUESTS PACK SECRET ROUNDS` reads events of a function URL, one JSON object `{"event": ..., "large": ...}` a
//! line, decides about each of them so often by the pack in a folder, and prints what it took. `make bench` measures it
//! beside a plain Python function (`bench/plain_webhook.py`).

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use immuta_watch::config::Configuration;
use immuta_watch::lake::{Clock, Judge, MemoryStore, SystemClock, keep};
use immuta_watch::rules::Pack;
use immuta_watch::webhook::{Keys, Outcome, Request};
use serde::Deserialize;
use serde_json::{Value, json};

/// One line of the file.
#[derive(Deserialize)]
struct Line {
    event: Value,
    /// Whether its body is near the largest that is taken
    large: bool,
}

/// What came of one request.
enum Came {
    /// Whether the body was what Immuta documents, and whether a rule held
    Decided {
        is_understood: bool,
        has_matched: bool,
    },
    Refused,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, requests, pack, secret, rounds] = &arguments[..] else {
        return Err("call it as: decision REQUESTS PACK SECRET ROUNDS".into());
    };
    let lines: Vec<Line> = fs::read_to_string(requests)?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let configuration = Configuration::default();
    let pack = Pack::load(Path::new(pack), &configuration)?;
    let keys = Keys::read(Some(secret), None)?;
    let judge = Judge { pack: &pack, configuration: &configuration, lake: "s3://bench/lake" };
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let (mut small, mut large) = (Vec::new(), Vec::new());
    let (mut refused, mut understood, mut matched) = (0_u64, 0_u64, 0_u64);
    for _ in 0..rounds.parse::<u32>()? {
        for line in &lines {
            // A lake of its own, so that no notification is the repeat of another.
            let store = MemoryStore::default();
            let begun = Instant::now();
            let came = runtime.block_on(decide(&line.event, &keys, &judge, &store))?;
            let took = begun.elapsed();
            match came {
                // It is refused before anything is read: its time says nothing of a decision.
                Came::Refused => refused += 1,
                Came::Decided { is_understood, has_matched } => {
                    understood += u64::from(is_understood);
                    matched += u64::from(has_matched);
                    if line.large { &mut large } else { &mut small }.push(took);
                }
            }
        }
    }
    let mut all = [small.clone(), large.clone()].concat();
    let found = json!({
        "decided": all.len(), "refused": refused, "understood": understood, "matched": matched, "rules": pack.rules().len(),
        "all": figures(&mut all), "small": figures(&mut small), "large": figures(&mut large),
    });
    println!("{found}");
    Ok(())
}

/// What the function does with a request, but for the network: verify, keep, judge, write.
async fn decide(event: &Value, keys: &Keys, judge: &Judge<'_>, store: &MemoryStore) -> Result<Came, Box<dyn Error>> {
    let Ok(request) = Request::read(event) else { return Ok(Came::Refused) };
    if keys.verify(&request).is_err() {
        return Ok(Came::Refused);
    }
    let kept = keep(store, &request.kind, &request.body, SystemClock.now()).await?;
    let decision = judge.decide(store, &kept, SystemClock.now()).await?;
    let has_matched = !decision.matches().is_empty();
    let is_understood = matches!(decision.outcome, Outcome::Judged { is_understood: true, .. });
    Ok(Came::Decided { is_understood, has_matched })
}

/// Half of them took no longer than the first figure, 99 of 100 no longer than the second, in milliseconds.
fn figures(took: &mut [Duration]) -> Value {
    took.sort_unstable();
    let at = |percent: usize| {
        let place = (took.len() * percent).div_ceil(100).saturating_sub(1);
        took.get(place).map(|took| took.as_secs_f64() * 1e3)
    };
    json!({ "count": took.len(), "p50_ms": at(50), "p99_ms": at(99), "max_ms": at(100) })
}
