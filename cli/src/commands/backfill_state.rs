//! How far a backfill came, in a file: so that one that was stopped goes on where it was.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::arguments::Backfill;

/// What to do about a file that is not this backfill's.
const ADVICE: &str = "name another file with --state, or remove it to begin again";

/// How far a backfill came.
pub(super) struct State {
    /// None in a dry run, which leaves no file
    file: Option<PathBuf>,
    /// What the backfill is of: going on from where another one stopped would leave exports out
    of: Value,
    /// The key of the last export that the queue took, in the order of keys
    pub(super) last_key: Option<String>,
    /// The exports that the queue took, in all runs together
    pub(super) fed: u64,
}

impl State {
    /// Reads the file, if there is one.
    ///
    /// # Errors
    /// It cannot be read, or is of another backfill, or of none.
    pub(super) fn open(arguments: &Backfill) -> Result<Self> {
        let file = arguments.state.clone().unwrap_or_else(|| default_file(arguments.exports.bucket()));
        let of = json!({
            "exports": arguments.exports.to_string(), "queue": arguments.queue, "since": arguments.since,
            "until": arguments.until, "notify": arguments.notify,
        });
        let mut state = Self { file: (!arguments.dry_run).then(|| file.clone()), of, last_key: None, fed: 0 };
        state.take(&file, arguments.dry_run)?;
        Ok(state)
    }

    fn take(&mut self, file: &Path, is_dry_run: bool) -> Result<()> {
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read", file.display())),
        };
        let is_none = || format!("{} is not the state of a backfill; {ADVICE}", file.display());
        let found: Value = serde_json::from_str(&text).with_context(is_none)?;
        let (Some(of), Some(fed)) = (found["backfill"].as_object(), found["fed"].as_u64()) else { bail!(is_none()) };
        // Nothing was fed: it does not matter what was meant to be.
        let Some(last_key) = found["last_key"].as_str() else { return Ok(()) };
        for name in ["exports", "queue", "since", "until", "notify"] {
            // A dry run need not say where to and how.
            let is_open = is_dry_run && matches!(name, "queue" | "notify");
            if !is_open && of.get(name) != Some(&self.of[name]) {
                let value = of.get(name).map_or_else(|| "nothing".to_owned(), Value::to_string);
                bail!("{} is the state of another backfill, with {value} for {name}; {ADVICE}", file.display());
            }
        }
        (self.last_key, self.fed) = (Some(last_key.to_owned()), fed);
        Ok(())
    }

    /// Enters that the queue took exports up to this key.
    pub(super) fn came_to(&mut self, last_key: &str, exports: u64) -> Result<()> {
        self.last_key = Some(last_key.to_owned());
        self.fed += exports;
        self.write()
    }

    /// Writes the file, which is seen whole or not at all. Whether that can be done at all is to be known before anything
    /// is fed.
    pub(super) fn write(&self) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let text = json!({ "backfill": self.of, "last_key": self.last_key, "fed": self.fed });
        let mut beside = file.clone().into_os_string();
        beside.push(".new");
        let write = || {
            fs::write(&beside, format!("{text:#}\n"))?;
            fs::rename(&beside, file)
        };
        write().with_context(|| {
            let file = file.display();
            format!("how far the backfill came cannot be written to {file}; name another file with --state")
        })
    }

    /// All was fed, or nothing: a file that is there stands for a backfill that was stopped on the way.
    pub(super) fn remove(&self) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        fs::remove_file(file).with_context(|| format!("{} cannot be removed; remove it", file.display()))
    }

    /// The file, where people are told of it.
    pub(super) fn name(&self) -> String {
        self.file.as_ref().map_or_else(String::new, |file| file.display().to_string())
    }
}

/// Bucket names can be names of files.
fn default_file(bucket: &str) -> PathBuf {
    PathBuf::from(format!("backfill-{bucket}.json"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::{Arguments, Command};

    const Q: &str = "https://sqs/q";

    fn arguments(more: &[&str]) -> Backfill {
        let call = ["immuta-watch", "backfill"];
        let Command::Backfill(backfill) = Arguments::parse_from(call.iter().chain(more)).command else { panic!() };
        backfill
    }

    #[test]
    fn what_was_entered_is_read_again_and_of_another_backfill_refused() {
        let folder = std::env::temp_dir().join(format!("immuta-watch-backfill-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("state.json");
        let path = file.to_str().unwrap();
        let call = ["s3://bucket/a", "--queue", Q, "--state", path];
        let mut state = State::open(&arguments(&call)).unwrap();
        assert_eq!((&state.last_key, state.fed), (&None, 0));
        state.write().unwrap();
        state.came_to("a/1", 10).unwrap();
        state.came_to("a/2", 7).unwrap();
        let state = State::open(&arguments(&call)).unwrap();
        assert_eq!((state.last_key.as_deref(), state.fed), (Some("a/2"), 17));
        let differing: [&[&str]; 4] = [
            &["s3://bucket/b", "--queue", Q, "--state", path],
            &["s3://bucket/a", "--queue", "https://sqs/another", "--state", path],
            &["s3://bucket/a", "--queue", Q, "--state", path, "--since", "2026-01-01"],
            &["s3://bucket/a", "--queue", Q, "--state", path, "--notify"],
        ];
        for other in differing {
            let error = State::open(&arguments(other)).err().unwrap().to_string();
            assert!(error.contains("another backfill"), "{error}");
        }
        let dry = arguments(&["s3://bucket/a", "--state", path, "--notify", "--dry-run"]);
        assert_eq!(State::open(&dry).unwrap().fed, 17);
        fs::write(&file, "{}").unwrap();
        assert!(State::open(&arguments(&call)).is_err());
        state.remove().unwrap();
        assert!(State::open(&dry).unwrap().last_key.is_none());
        assert!(!file.exists(), "a dry run leaves no file");
        fs::remove_dir_all(&folder).unwrap();
    }
}
