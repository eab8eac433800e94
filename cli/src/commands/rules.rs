//! `rules check` and `rules test`; `rules explain` has a file of its own.

use anyhow::Result;
use immuta_watch::rules::{ExampleKind, RuleErrors};

use super::rules_explain;
use crate::arguments::{PackOptions, Rules, RulesCommand};
use crate::exit::Exit;
use crate::pack;
use crate::terminal::{GREEN, RED, counted, say, styled};

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
    let results = pack.run_examples();
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
    say!(
        "{} of {} rules: {} passed, {failed} failed",
        counted(results.len() as u64, "example"),
        pack.rules().len(),
        results.len() - failed
    )?;
    Ok(if failed == 0 { Exit::Done } else { Exit::LookNeeded })
}

fn report(errors: &RuleErrors) -> Exit {
    for error in &errors.0 {
        anstream::eprintln!("{} {error}", styled(RED, "error"));
    }
    anstream::eprintln!("{}; the pack cannot be used until they are mended", counted(errors.0.len() as u64, "error"));
    Exit::LookNeeded
}
