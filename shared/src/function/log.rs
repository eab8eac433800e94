//! Standard output, which Lambda takes as the function's log.

use std::io::Write;

use chrono::Utc;

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
