//! `webhooks replay`: notifications on this machine through the rules. Nothing is written and nobody is told.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use chrono::{DateTime, SecondsFormat, Utc};
use immuta_watch::circumstances::Circumstance;
use immuta_watch::event::{Event, Field, Record, Service};
use immuta_watch::rules::{Level, Pack, Route};
use immuta_watch::webhook::{LARGEST_BODY, Notification, Receipt, is_kind};
use serde_json::{Value, json};

use super::webhooks::wrong;
use super::webhooks_select::select;
use crate::arguments::Replay;
use crate::exit::Exit;
use crate::terminal::{BOLD, DIM, GREEN, RED, YELLOW, counted, harmless, of_level, program, say, styled};

/// Receipts are a third larger than their bodies at the most, where they hold base64; what is larger is read by nobody.
const LARGEST_FILE: u64 = 2 * LARGEST_BODY as u64;

/// A field shows so many values at the most.
const MOST_VALUES: usize = 10;

pub(super) fn replay(arguments: &Replay) -> Result<Exit> {
    if arguments.kind.as_deref().is_some_and(|kind| !is_kind(Service::Webhook.spelled(kind))) {
        wrong("--type: a type is letters, digits, _ and -, and begins with a small letter, as in permissionsUpdated");
    }
    let files = files(&arguments.files)?;
    let selected = select(arguments.lake.as_ref(), &arguments.pack)?;
    let is_single = arguments.files.len() == 1 && arguments.files[0].is_file();
    if is_single && !arguments.json {
        let judged = Judged::read(&files[0], arguments, &selected.pack)?;
        judged.print()?;
        if !judged.is_receipt {
            return Ok(Exit::Done);
        }
        say!("\nBy the pack {}. Why a rule holds, or does not:", selected.name)?;
        let rule = judged.matches.first().map_or("RULE", |matched| matched.rule.as_str());
        say!("  {} rules explain {rule} {}", program(), harmless(&files[0].display().to_string(), 300))?;
        return Ok(Exit::Done);
    }
    let mut tally = Tally::default();
    for file in &files {
        let judged = Judged::read(file, arguments, &selected.pack);
        tally.count(&judged);
        let name = harmless(&file.display().to_string(), 300);
        match &judged {
            Ok(judged) if arguments.json => say!("{}", judged.json())?,
            Ok(judged) => say!("{name}: {} {}", harmless(&judged.kind, 64), judged.in_a_line())?,
            Err(error) if arguments.json => say!("{}", json!({ "file": file, "error": format!("{error:#}") }))?,
            Err(error) => say!("{name}: {} {}", styled(RED, "error"), harmless(&format!("{error:#}"), 300))?,
        }
    }
    if !arguments.json {
        tally.print(&selected.name)?;
    }
    Ok(if tally.unread == 0 { Exit::Done } else { Exit::LookNeeded })
}

/// The files, those in folders among them, in the order of their names. Decisions are no notifications.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            let before = found.len();
            walk(path, &mut found)?;
            found[before..].sort();
            if found.len() == before {
                bail!("there is no .json file in {}", path.display());
            }
        } else {
            found.push(path.clone());
        }
    }
    Ok(found)
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let failed = || format!("{} cannot be read", folder.display());
    for entry in fs::read_dir(folder).with_context(failed)? {
        let entry = entry.with_context(failed)?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        // A link to a folder may lead round in a circle.
        if entry.file_type().with_context(failed)?.is_dir() {
            walk(&path, found)?;
        } else if path.extension().is_some_and(|ending| ending == "json") && !name.ends_with(".decision.json") {
            found.push(path);
        }
    }
    Ok(())
}

/// A rule that holds.
struct Held {
    rule: String,
    level: Level,
    route: Route,
    because: Vec<String>,
}

/// What would become of one notification.
struct Judged {
    file: PathBuf,
    kind: String,
    received: DateTime<Utc>,
    /// Whether it is a file of a lake
    is_receipt: bool,
    is_understood: bool,
    /// The sentence, if there is one
    text: Option<String>,
    fields: BTreeMap<&'static str, Vec<String>>,
    /// In words, if the notification has a time and the calendar says something
    business_hours: Option<String>,
    matches: Vec<Held>,
}

impl Judged {
    fn read(file: &Path, arguments: &Replay, pack: &Pack) -> Result<Self> {
        let failed = || format!("{} cannot be read", file.display());
        if fs::metadata(file).with_context(failed)?.len() > LARGEST_FILE {
            bail!("{} is larger than any notification that is taken", file.display());
        }
        let content = fs::read(file).with_context(failed)?;
        let given = arguments.kind.as_deref().map(|kind| Service::Webhook.spelled(kind).to_owned());
        let receipt = Receipt::read(&content);
        let is_receipt = receipt.is_ok();
        let (kind, body, received) = match (receipt, given) {
            (Ok(receipt), given) => {
                let body = receipt.body().unwrap_or_default();
                (given.unwrap_or(receipt.kind), body, arguments.at.unwrap_or(receipt.received))
            }
            (Err(_), Some(given)) => (given, content, arguments.at.unwrap_or_else(Utc::now)),
            (Err(_), None) => bail!(
                "{} is no file of the lake's folder webhooks/; if it is a body, say its type: --type permissionsUpdated",
                file.display()
            ),
        };
        let notification = Notification::read(&kind, &body, received);
        let record = match Record::parse(notification.record.as_bytes()) {
            Ok(record) => record,
            Err(reason) => bail!("{} makes no record: {reason}", file.display()),
        };
        let event = Event::of_service(&record, Service::Webhook);
        let named = |field: Field| {
            let values: Vec<String> = event.field(field).iter().take(MOST_VALUES).map(ToString::to_string).collect();
            (!values.is_empty()).then(|| (field.name(), values))
        };
        let circumstances = pack.installation().circumstances(&event);
        let held = pack.matches(&event).into_iter().map(|matched| Held {
            rule: matched.rule.name.clone(),
            level: matched.outcome.level,
            route: matched.outcome.route,
            because: matched.outcome.raised.iter().map(|raise| raise.because.clone()).collect(),
        });
        Ok(Self {
            file: file.to_owned(),
            kind: event.kind().to_owned(),
            received,
            is_receipt,
            is_understood: notification.is_understood,
            text: event.text_at(&["text"]).map(std::borrow::Cow::into_owned),
            fields: Field::all().filter_map(named).collect(),
            business_hours: circumstances.because(Circumstance::BusinessHours),
            matches: held.collect(),
        })
    }

    /// Whether somebody would be told.
    fn notifies(&self) -> bool {
        self.matches.iter().any(|matched| matched.route > Route::Dashboard)
    }

    /// What would become of it, in a word.
    fn fate(&self) -> &'static str {
        match (self.matches.is_empty(), self.notifies()) {
            (true, _) => "no rule holds",
            (false, true) => "would notify",
            (false, false) => "dashboard only",
        }
    }

    fn in_a_line(&self) -> String {
        let style = match (self.matches.is_empty(), self.notifies()) {
            (true, _) => DIM,
            (false, true) => YELLOW,
            (false, false) => GREEN,
        };
        let rules: Vec<String> =
            self.matches.iter().map(|held| format!("{} ({}, {})", held.rule, held.level, held.route)).collect();
        let rules = if rules.is_empty() { String::new() } else { format!(": {}", rules.join(", ")) };
        let not_understood = if self.is_understood { "" } else { " · not understood, only its text is known" };
        format!("{}{rules}{not_understood}", styled(style, self.fate()))
    }

    fn print(&self) -> Result<()> {
        say!("{} {}", styled(BOLD, harmless(&self.kind, 64)), self.in_a_line())?;
        if let Some(text) = &self.text {
            say!("  {}", styled(DIM, harmless(text, 200)))?;
        }
        say!("  received {}", self.received.to_rfc3339_opts(SecondsFormat::Millis, true))?;
        if let Some(hours) = &self.business_hours {
            say!("  {}", harmless(hours, 200))?;
        }
        say!("\n{}", styled(BOLD, "Fields found"))?;
        for (name, values) in &self.fields {
            say!("  {name}: {}", harmless(&values.join(", "), 300))?;
        }
        for held in &self.matches {
            let level = styled(of_level(held.level), held.level);
            say!("\n{} holds: {level}, {}", styled(BOLD, &held.rule), held.route)?;
            for because in &held.because {
                say!("  - {}", harmless(because, 500))?;
            }
        }
        Ok(())
    }

    fn json(&self) -> Value {
        let held = |held: &Held| json!({ "rule": held.rule, "level": held.level, "route": held.route, "because": held.because });
        json!({
            "file": self.file, "kind": self.kind, "received": self.received, "understood": self.is_understood,
            "text": self.text, "fields": self.fields, "business_hours": self.business_hours,
            "matches": self.matches.iter().map(held).collect::<Vec<_>>(), "notifies": self.notifies(),
        })
    }
}

/// What became of several.
#[derive(Default)]
struct Tally {
    notify: u64,
    dashboard: u64,
    nothing: u64,
    not_understood: u64,
    unread: u64,
}

impl Tally {
    fn count(&mut self, judged: &Result<Judged>) {
        let Ok(judged) = judged else {
            self.unread += 1;
            return;
        };
        match (judged.matches.is_empty(), judged.notifies()) {
            (true, _) => self.nothing += 1,
            (false, true) => self.notify += 1,
            (false, false) => self.dashboard += 1,
        }
        self.not_understood += u64::from(!judged.is_understood);
    }

    fn print(&self, pack: &str) -> Result<()> {
        let all = self.notify + self.dashboard + self.nothing;
        say!(
            "\n{} by the pack {pack}: {} would notify, {} dashboard only, {} held by no rule",
            styled(BOLD, counted(all, "notification")),
            self.notify,
            self.dashboard,
            self.nothing
        )?;
        if self.not_understood > 0 {
            say!("  {} not understood: only their text was looked at", self.not_understood)?;
        }
        if self.unread > 0 {
            say!("  {} could not be read", counted(self.unread, "file"))?;
        }
        Ok(say!("\nOne alone says more: {} webhooks replay FILE", program())?)
    }
}
