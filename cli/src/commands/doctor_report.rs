//! The report of `doctor`: a line for each check, what to do beneath it where it is not well, and a next step at the end.

use anstyle::Style;
use anyhow::Result;
use immuta_watch::doctor::{Area, Finding, Verdict, worst};
use serde_json::json;
use textwrap::{Options, WordSeparator, WordSplitter};

use crate::arguments::Doctor;
use crate::terminal::{BOLD, GREEN, RED, YELLOW, counted, harmless, say, styled};

/// The longest text of a line, in characters; reasons of services are shorter.
const LONGEST: usize = 1500;

/// The widest line, in columns, as of other reports.
const WIDEST: usize = 100;

/// The widest word for a verdict.
const VERDICT: usize = "warning".len();

pub(super) fn print(found: &[Finding], arguments: &Doctor) -> Result<()> {
    let width = found.iter().map(|finding| harmless(&finding.about, LONGEST).chars().count()).max().unwrap_or(0);
    let mut area = None;
    for finding in found {
        if area.replace(finding.area) != Some(finding.area) {
            let above = if finding.area == found[0].area { "" } else { "\n" };
            say!("{above}{}", styled(BOLD, heading(finding.area, arguments)))?;
        }
        print_one(finding, width)?;
    }
    say!("")?;
    summary(found, arguments)
}

fn heading(area: Area, arguments: &Doctor) -> String {
    let place = match area {
        Area::Lake => Some(arguments.lake.to_string()),
        Area::Exports => arguments.exports.as_ref().map(ToString::to_string),
        Area::Configuration => arguments.config.as_ref().map(|file| file.display().to_string()),
        _ => None,
    };
    place.map_or_else(|| area.title().to_owned(), |place| format!("{} {}", area.title(), harmless(&place, LONGEST)))
}

fn print_one(finding: &Finding, width: usize) -> Result<()> {
    let word = finding.verdict.as_str();
    let about = harmless(&finding.about, LONGEST);
    let gap = " ".repeat(VERDICT - word.len());
    let first = format!("  {}{gap}  {about:<width$}  ", styled(style(finding.verdict), word));
    let later = " ".repeat(2 + VERDICT + 2 + width + 2);
    say!("{}", broken(&harmless(&finding.found, LONGEST), &first, &later))?;
    if let Some(to_do) = &finding.to_do {
        say!("{}", broken(&harmless(to_do, LONGEST), &format!("{later}→ "), &format!("{later}  ")))?;
    }
    Ok(())
}

fn style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Ok => GREEN,
        Verdict::Warning => YELLOW,
        Verdict::Failed => RED,
    }
}

/// How it stands as a whole, and what to do next.
fn summary(found: &[Finding], arguments: &Doctor) -> Result<()> {
    let count = |verdict| found.iter().filter(|finding| finding.verdict == verdict).count() as u64;
    let (failed, warnings) = (count(Verdict::Failed), count(Verdict::Warning));
    let checks = counted(found.len() as u64, "check");
    let Some(first) = found.iter().find(|finding| finding.verdict == worst(found) && finding.to_do.is_some()) else {
        say!("{} all of {checks}", styled(GREEN, "ok"))?;
        let has_destinations = found.iter().any(|finding| finding.about.starts_with("destination "));
        if has_destinations && !arguments.send {
            say!("Nothing was sent. With --send each destination gets a test message.")?;
        } else if arguments.exports.is_none() {
            say!("Give --exports s3://bucket/prefix to have the exports looked at, too.")?;
        }
        return Ok(());
    };
    let mut parts = Vec::new();
    if failed > 0 {
        parts.push(styled(RED, format!("{failed} failed")));
    }
    if warnings > 0 {
        parts.push(styled(YELLOW, counted(warnings, "warning")));
    }
    say!("{} of {checks}", parts.join(", "))?;
    let Finding { area, about, found, to_do, .. } = first;
    let next = format!("{}, {about}: {found}. {}", area.title(), to_do.as_deref().unwrap_or_default());
    say!("{}", broken(&harmless(&next, LONGEST), "Begin with: ", "  "))?;
    Ok(())
}

/// Text broken into lines between words only: an address, a date or a command is to be copied.
fn broken(text: &str, first: &str, later: &str) -> String {
    let options = Options::new(textwrap::termwidth().min(WIDEST))
        .initial_indent(first)
        .subsequent_indent(later)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .break_words(false);
    textwrap::fill(text, options)
}

pub(super) fn print_json(found: &[Finding]) -> Result<()> {
    let report = json!({ "verdict": worst(found), "findings": found });
    say!("{}", serde_json::to_string_pretty(&report)?)?;
    Ok(())
}
