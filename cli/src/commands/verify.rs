//! `verify`: counting a lake again.

use anyhow::{Context, Result};
use immuta_watch::export::Limits;
use immuta_watch::lake::{self, Verification};
use serde_json::json;

use super::open_lake;
use crate::arguments::Verify;
use crate::exit::Exit;
use crate::exports;
use crate::runtime::block_on;
use crate::stores::AnyExport;
use crate::terminal::{GREEN, RED, counted, harmless, number, progress, say, styled};

pub(crate) fn verify(arguments: &Verify) -> Result<Exit> {
    let store = open_lake(&arguments.lake)?;
    let exports::Found { exports: expected, notes, .. } = if arguments.exports.is_empty() {
        exports::Found::default()
    } else {
        exports::find(&arguments.exports, Some(&arguments.lake))?
    };
    let bar = progress(expected.len() as u64, "Verifying");
    let mut found = block_on(lake::verify(&store, &expected, AnyExport::at, Limits::default(), &mut || {
        bar.inc(1);
        bar.set_message(counted(bar.position(), "manifest"));
    }))?
    .context("the lake cannot be verified")?;
    bar.finish_and_clear();
    found.problems.extend(notes.into_iter().map(|(about, what)| lake::Problem { about, what }));
    if arguments.json {
        print_json(&found)?;
    } else {
        print(arguments, &found)?;
    }
    Ok(if found.problems.is_empty() { Exit::Done } else { Exit::LookNeeded })
}

fn print(arguments: &Verify, found: &Verification) -> Result<()> {
    for problem in &found.problems {
        say!("{} {}", styled(RED, "wrong"), harmless(&problem.to_string(), 1000))?;
    }
    let counts = found.counts;
    say!(
        "{} with {} read; {} counted again line by line{}",
        counted(found.manifests, "manifest"),
        counted(found.files, "file"),
        counted(found.exports_recounted, "export"),
        if found.exports_absent == 0 {
            String::new()
        } else {
            format!(", {} no longer there to count", counted(found.exports_absent, "export"))
        }
    )?;
    say!(
        "  {} read = {} classified + {} quarantined + {} blank",
        number(counts.read),
        number(counts.classified),
        number(counts.quarantined),
        number(counts.blank)
    )?;
    say!(
        "  {} classified = {} rows in access + {} in changes",
        number(counts.classified),
        number(counts.access),
        number(counts.changes)
    )?;
    if found.lists > 0 {
        say!("  {} of the inventory read", counted(found.lists, "list"))?;
    }
    if found.problems.is_empty() {
        say!("{} the lake is whole", styled(GREEN, "ok"))?;
        if arguments.exports.is_empty() {
            say!("Give --exports FOLDER to learn as well whether every export of a folder is in it.")?;
        }
    } else {
        say!("{}", styled(RED, counted(found.problems.len() as u64, "problem")))?;
    }
    Ok(())
}

fn print_json(found: &Verification) -> Result<()> {
    let problems: Vec<_> =
        found.problems.iter().map(|problem| json!({ "about": problem.about, "what": problem.what })).collect();
    let report = json!({
        "whole": found.problems.is_empty(),
        "problems": problems,
        "manifests": found.manifests,
        "files": found.files,
        "lists": found.lists,
        "exports_recounted": found.exports_recounted,
        "exports_absent": found.exports_absent,
        "counts": found.counts,
    });
    say!("{}", serde_json::to_string_pretty(&report)?)?;
    Ok(())
}
