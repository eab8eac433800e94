//! `rules check` and `rules test`; `rules explain` has a file of its own.

use anyhow::Result;
use immuta_watch::config::Configuration;
use immuta_watch::event::kind;
use immuta_watch::rules::{Pack, RuleErrors};

use super::rules_explain;
use crate::arguments::{PackOptions, Rules, RulesCommand};
use crate::examples::Examples;
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
                "{} the pack {} is sound: {}, {}, {}, {} (hash {})",
                styled(GREEN, "ok"),
                pack::name(option.rules.as_deref()),
                counted((found.rules().len() - found.correlations().count()) as u64, "rule"),
                counted(found.correlations().count() as u64, "correlation"),
                counted(found.filters() as u64, "filter"),
                counted(found.lists().len() as u64, "list"),
                found.hash()
            )?;
            print_notes(&found)?;
            Ok(Exit::Done)
        }
        Err(errors) => {
            report(&errors);
            Ok(Exit::LookNeeded)
        }
    }
}

fn test(option: &PackOptions) -> Result<Exit> {
    let configuration = pack::configuration(option.config.as_deref())?;
    let pack = match pack::try_load(option.rules.as_deref(), &configuration) {
        Ok(pack) => pack,
        Err(errors) => {
            report(&errors);
            return Ok(Exit::LookNeeded);
        }
    };
    // Without a configuration there is nothing that it could change.
    let by_default = option.config.as_ref().map(|_| pack::try_load(option.rules.as_deref(), &Configuration::default()));
    let examples = Examples::run(&pack, by_default.and_then(Result::ok).as_ref());
    for failure in examples.failures() {
        say!("{failure}")?;
    }
    for result in examples.results.iter().filter(|result| !result.also.is_empty()) {
        say!(
            "{} {}:{}: example \"{}\" is matched by {} as well: one change, and more than one alert",
            styled(YELLOW, "note"),
            result.file,
            result.line,
            result.name,
            result.also.join(", ")
        )?;
    }
    examples.say_differing()?;
    let failed = examples.failed();
    say!(
        "{} of {} rules: {} passed, {failed} failed",
        counted(examples.results.len() as u64, "example"),
        pack.rules().len(),
        examples.results.len() - failed
    )?;
    Ok(if failed == 0 { Exit::Done } else { Exit::LookNeeded })
}

/// What loads, and is likely to be a mistake all the same.
fn print_notes(pack: &Pack) -> Result<()> {
    let note = |text: String| say!("{} {text}", styled(YELLOW, "note"));
    for rule in pack.rules() {
        for (kind, known) in rule.kinds.iter().filter_map(|found| Some((found, kind::nearly(found, rule.service)?))) {
            note(format!("{}: {kind} is no event of Immuta's documentation; did you mean {known}?", rule.file))?;
        }
    }
    for list in pack.lists().values().filter(|list| list.values.is_empty()) {
        note(format!("the list {} is empty: nothing is on it", list.name))?;
    }
    Ok(())
}

/// Says what is wrong with a pack.
pub(super) fn report(errors: &RuleErrors) {
    for error in &errors.0 {
        anstream::eprintln!("{} {error}", styled(RED, "error"));
    }
    anstream::eprintln!("{}; the pack cannot be used until they are mended", counted(errors.0.len() as u64, "error"));
}
