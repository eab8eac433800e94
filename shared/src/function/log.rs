//! Standard output, which Lambda takes as the function's log.

use std::io::Write;

use chrono::Utc;
use tracing_subscriber::filter::LevelFilter;

use super::telemetry::Line;

/// Writes lines of the log.
#[derive(Debug)]
pub struct Log {
    function: String,
}

impl Log {
    /// A log of a function, by its name.
    #[must_use]
    pub fn new(function: impl Into<String>) -> Self {
        Self { function: function.into() }
    }

    /// Writes a line, as one piece. A log that cannot be written is no reason to stop.
    pub fn write(&self, line: &Line) {
        let text = format!("{}\n", line.encode(&self.function, Utc::now()));
        let _ = std::io::stdout().lock().write_all(text.as_bytes());
    }
}

/// Has what Lambda's runtime and AWS's clients say written to the log as well, at the level that `AWS_LAMBDA_LOG_LEVEL` or
/// `RUST_LOG` names, INFO if neither does, and never at a lower one: at DEBUG and TRACE they write whole events and bodies,
/// which hold personal data, tokens and signatures. As JSON if `AWS_LAMBDA_LOG_FORMAT` says so.
pub fn write_what_others_say() {
    let get = |name: &str| std::env::var(name).ok();
    let lines = tracing_subscriber::fmt().with_target(false).without_time();
    let lines = lines.with_max_level(level(get("AWS_LAMBDA_LOG_LEVEL").or_else(|| get("RUST_LOG")).as_deref()));
    // It fails if somebody does the same already; then theirs stands.
    let _ = match get("AWS_LAMBDA_LOG_FORMAT") {
        Some(format) if format.eq_ignore_ascii_case("json") => lines.json().try_init(),
        _ => lines.try_init(),
    };
}

fn level(named: Option<&str>) -> LevelFilter {
    let level = named
        .filter(|named| !named.trim().is_empty())
        .and_then(|named| named.trim().parse().ok())
        .unwrap_or(LevelFilter::INFO);
    level.min(LevelFilter::INFO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_level_lets_an_event_into_the_log() {
        for named in
            [None, Some("TRACE"), Some("debug"), Some("5"), Some("info"), Some("lambda_runtime=trace"), Some("")]
        {
            assert_eq!(level(named), LevelFilter::INFO, "{named:?}");
        }
        assert_eq!((level(Some("ERROR")), level(Some("off"))), (LevelFilter::ERROR, LevelFilter::OFF));
    }
}
