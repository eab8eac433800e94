//! `rules check` and `rules test`; `rules explain` has a file of its own.

use std::collections::BTreeSet;

use anyhow::Result;
use immuta_watch::config::Configuration;
use immuta_watch::event::kind;
use immuta_watch::rules::{ExampleKind, ExampleResult, Pack, RuleErrors};

use super::rules_explain;
use crate::arguments::{PackOptions, Rules, RulesCommand};
use crate::exit::Exit;
use crate::pack;
use crate::terminal::{GREEN, RED, YELLOW, counted, say, styled};

pub(crate) fn rules(arguments: &Rules) -> Result<Exit> {
    match &arguments.command {
        RulesCommand::Check(option) => check(option),
        RulesCommand::Test(option) => test(option),
        RulesCommand::Explain(explain) => rules_explain::explain(explain),
    }
}

fn check(option: &PackOptions) -> Result<Exit> {
    let configuration = pack::configuration(option.config.as_deref())?;
    match pack::try_load(option.rules.as_deref(), &configuration) {
        Ok(found) => {
            say!(
                "{} the pack {} is sound: {}, {}, {} (hash {})",
                styled(GREEN, "ok"),
                pack::name(option.rules.as_deref()),
                counted(found.rules().len() as u64, "rule"),
                counted(found.filters() as u64, "filter"),
                counted(found.lists().len() as u64, "list"),
                found.hash()
            )?;
            print_notes(&found)?;
            Ok(Exit::Done)
        }
        Err(errors) => Ok(report(&errors)),
    }
}

fn test(option: &PackOptions) -> Result<Exit> {
    let configuration = pack::configuration(option.config.as_deref())?;
    let pack = match pack::try_load(option.rules.as_deref(), &configuration) {
        Ok(pack) => pack,
        Err(errors) => return Ok(report(&errors)),
    };
    let mut results = pack.run_examples();
    let differing = if option.config.is_some() { excuse(&mut results, option) } else { 0 };
    let failed = results.iter().filter(|result| result.failure.is_some()).count();
    for result in &results {
        let Some(failure) = &result.failure else { continue };
        let kind = match result.kind {
            ExampleKind::Positive => "positive",
            ExampleKind::Negative => "negative",
        };
        say!(
            "{} {}:{}: {kind} example \"{}\": {failure}",
            styled(RED, "failed"),
            result.file,
            result.line,
            result.name
        )?;
    }
    for result in results.iter().filter(|result| !result.also.is_empty()) {
        say!(
            "{} {}:{}: example \"{}\" is matched by {} as well: one change, and more than one alert",
            styled(YELLOW, "note"),
            result.file,
            result.line,
            result.name,
            result.also.join(", ")
        )?;
    }
    if differing > 0 {
        let examples = counted(differing, "example");
        say!(
            "{} {examples} came out otherwise with your configuration than with the default one",
            styled(YELLOW, "note")
        )?;
    }
    say!(
        "{} of {} rules: {} passed, {failed} failed",
        counted(results.len() as u64, "example"),
        pack.rules().len(),
        results.len() - failed
    )?;
    Ok(if failed == 0 { Exit::Done } else { Exit::LookNeeded })
}

/// Takes the failure from examples that hold with the default configuration: an example is written for that, and what
/// another calendar or list makes of it is what they are for. Says how many those are.
fn excuse(results: &mut [ExampleResult], option: &PackOptions) -> u64 {
    let Ok(pack) = pack::try_load(option.rules.as_deref(), &Configuration::default()) else { return 0 };
    let fail_all_the_same: BTreeSet<_> = pack
        .run_examples()
        .into_iter()
        .filter(|result| result.failure.is_some())
        .map(|result| (result.file, result.line, result.name))
        .collect();
    let mut excused = 0;
    for result in results.iter_mut().filter(|result| result.failure.is_some()) {
        if !fail_all_the_same.contains(&(result.file.clone(), result.line, result.name.clone())) {
            result.failure = None;
            excused += 1;
        }
    }
    excused
}

/// What loads, and is likely to be a mistake all the same.
fn print_notes(pack: &Pack) -> Result<()> {
    let note = |text: String| say!("{} {text}", styled(YELLOW, "note"));
    for rule in pack.rules() {
        for (kind, known) in rule.kinds.iter().filter_map(|found| Some((found, kind::nearly(found)?))) {
            note(format!("{}: {kind} is no event of Immuta's documentation; did you mean {known}?", rule.file))?;
        }
    }
    for list in pack.lists().values().filter(|list| list.values.is_empty()) {
        note(format!("the list {} is empty: nothing is on it", list.name))?;
    }
    Ok(())
}

fn report(errors: &RuleErrors) -> Exit {
    for error in &errors.0 {
        anstream::eprintln!("{} {error}", styled(RED, "error"));
    }
    anstream::eprintln!("{}; the pack cannot be used until they are mended", counted(errors.0.len() as u64, "error"));
    Exit::LookNeeded
}
