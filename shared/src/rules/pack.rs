//! The pack: every rule, filter and list, compiled; known by the hash of its files.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use rsigma_eval::Engine;
use sha2::{Digest, Sha256};

use super::correlation::{Correlation, Role, TimelineExample};
use super::document::parts;
use super::error::{RuleError, RuleErrors};
use super::examples::{Example, ExampleKind};
use super::folder::{LISTS, PackFile, read_folder};
use super::lists::{self, List, ListUses, Lists};
use super::loading::Loading;
use super::settings::{KeyField, Raise, Window};
use super::vocabulary::{Level, Question, Route};
use crate::circumstances::{Circumstance, Installation, ManualLists};
use crate::config::Configuration;
use crate::digest;
use crate::event::Service;
use crate::webhook::is_kind;

/// A rule, ready to match.
pub struct Rule {
    /// The UUID of the Sigma document.
    pub id: String,
    /// Whether it is about events of the audit log or of webhooks; others it does not see.
    pub service: Service,
    /// The file's name without its ending, for people.
    pub name: String,
    /// The file, relative to the pack's folder.
    pub file: String,
    /// One line that says what happened.
    pub title: String,
    /// What it means, in a few sentences.
    pub description: String,
    /// What it is for.
    pub role: Role,
    /// The level, before anything raises it.
    pub level: Level,
    /// The route, before anything raises it.
    pub route: Route,
    /// The governance question it answers.
    pub question: Question,
    /// What makes two matches part of one alert; empty where it makes none, and for a correlation, which groups instead.
    pub alert_key: Vec<KeyField>,
    /// How long an alert collects matches.
    pub window: Window,
    /// Steps for whoever looks at the alert.
    pub runbook: Vec<String>,
    /// When the rule fires and nothing is wrong.
    pub falsepositives: Vec<String>,
    /// The controls of standards that it serves.
    pub controls: Vec<String>,
    /// The fields that the rule reads, those of what raises it included.
    pub fields: Vec<String>,
    /// The kinds it is about, if it names them; empty if it may be about any.
    pub kinds: Vec<String>,
    /// Whether a correlation counts its matches.
    pub is_counted: bool,
    /// The fields that correlations ask of its matches.
    pub kept_fields: Vec<KeyField>,
    pub(super) lists: ListUses,
    /// What it compares with, as the file spells it
    pub(super) words: Vec<String>,
    pub(super) raises: Vec<CompiledRaise>,
    pub(super) examples: Vec<Example>,
    /// Where its id stands in the file
    pub(super) id_line: u64,
}

impl Rule {
    /// What raises it, in the order of the file.
    pub fn raises(&self) -> impl Iterator<Item = &Raise> {
        self.raises.iter().map(|compiled| &compiled.raise)
    }

    /// The names of its examples that it must match, or find something in.
    pub fn positive_examples(&self) -> impl Iterator<Item = &str> {
        let single = self.examples.iter().filter(|example| example.is_positive()).map(Example::name);
        let lines = self.time_lines().iter().filter(|line| line.kind == ExampleKind::Positive);
        single.chain(lines.map(|line| line.name.as_str()))
    }

    /// The record of an example, as one JSON text.
    #[must_use]
    pub fn example(&self, name: &str) -> Option<&str> {
        self.examples.iter().find(|example| example.name() == name).map(Example::record)
    }

    /// The names of all its examples.
    pub fn example_names(&self) -> impl Iterator<Item = &str> {
        self.examples.iter().map(Example::name)
    }

    /// What it counts, if it is a correlation.
    #[must_use]
    pub fn correlation(&self) -> Option<&Correlation> {
        match &self.role {
            Role::Correlates(correlation) => Some(correlation),
            Role::Alerts | Role::Counted => None,
        }
    }

    /// The time lines that are its examples, if it is a correlation.
    #[must_use]
    pub fn time_lines(&self) -> &[TimelineExample] {
        self.correlation().map_or(&[], |correlation| &correlation.examples)
    }

    /// Whether its matches become alerts.
    #[must_use]
    pub fn alerts(&self) -> bool {
        matches!(self.role, Role::Alerts)
    }

    /// Whether anything raises it that asks whether a change was done by hand.
    pub(super) fn asks_for_hands(&self) -> bool {
        self.raises.iter().any(|raise| raise.fields.iter().any(|field| field == Circumstance::Manual.name()))
    }
}

/// A filter: what is said of it when it left an event out.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) title: String,
    pub(super) service: Service,
    /// The file, relative to the pack's folder
    pub(super) file: String,
    /// Where its section begins in the file
    pub(super) line: u64,
    pub(super) lists: ListUses,
    /// What it compares with, as the file spells it
    pub(super) words: Vec<String>,
}

/// A raise with its condition compiled.
pub(super) struct CompiledRaise {
    pub(super) raise: Raise,
    pub(super) condition: rsigma_eval::CompiledRule,
    pub(super) lists: ListUses,
    pub(super) words: Vec<String>,
    pub(super) fields: Vec<String>,
}

/// Every rule, filter and list, compiled for an installation.
pub struct Pack {
    hash: String,
    pub(super) rules: Vec<Rule>,
    pub(super) by_id: HashMap<String, usize>,
    pub(super) engine: Engine,
    pub(super) installation: Installation,
    lists: Lists,
    pub(super) filters: Vec<Filter>,
}

impl std::fmt::Debug for Pack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pack").field("hash", &self.hash).field("rules", &self.rules.len()).finish_non_exhaustive()
    }
}

impl Pack {
    /// Loads a folder, for an installation with this configuration.
    ///
    /// # Errors
    /// Everything that is wrong with it, with file and line.
    pub fn load(folder: &Path, configuration: &Configuration) -> Result<Self, RuleErrors> {
        Self::compile(&read_folder(folder)?, configuration)
    }

    /// Compiles files that were read already.
    ///
    /// # Errors
    /// Everything that is wrong with them, with file and line.
    pub fn compile(files: &[PackFile], configuration: &Configuration) -> Result<Self, RuleErrors> {
        let mut files: Vec<&PackFile> = files.iter().collect();
        files.sort();
        let mut lists: Lists = files
            .iter()
            .filter_map(|file| Some((file, file.path.strip_prefix(LISTS)?.strip_suffix(".txt")?)))
            .map(|(file, name)| (name.to_owned(), List::parse(name, &file.text)))
            .collect();
        lists::overlay(&mut lists, &configuration.lists).map_err(|messages| {
            let error = |message| RuleError { file: "the configuration".to_owned(), line: None, message };
            RuleErrors(messages.into_iter().map(error).collect())
        })?;
        let mut loading = Loading::with(&lists);
        for file in files.iter().filter(|file| !file.path.starts_with(LISTS)) {
            for part in parts(&file.text) {
                loading.document(file, part);
            }
        }
        loading.resolve_correlations();
        loading.check_ids();
        loading.check_filters();
        let Loading { rules, filters, sigma, mut errors, .. } = loading;
        if rules.is_empty() && errors.is_empty() {
            let message = "there is no rule in this folder".to_owned();
            errors.push(RuleError { file: ".".to_owned(), line: None, message });
        }
        let mut engine = Engine::new();
        if errors.is_empty()
            && let Err(error) = engine.add_collection(&sigma)
        {
            errors.push(RuleError { file: ".".to_owned(), line: None, message: error.to_string() });
        }
        if !errors.is_empty() {
            errors.sort();
            errors.dedup();
            return Err(RuleErrors(errors));
        }
        let by_id = rules.iter().enumerate().map(|(index, rule)| (rule.id.clone(), index)).collect();
        let installation = Installation::new(configuration, &manual_lists(&lists));
        Ok(Self { hash: hash_of(&files), rules, by_id, engine, installation, lists, filters })
    }

    /// The first 128 bits of SHA-256 over names and texts of the files, as 32 hexadecimal digits.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The rules, in the order of their files, and behind them the correlations.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The correlations, each with what it counts.
    pub fn correlations(&self) -> impl Iterator<Item = (&Rule, &Correlation)> {
        self.rules.iter().filter_map(|rule| Some((rule, rule.correlation()?)))
    }

    /// The names of the lists that something in the pack refers to.
    #[must_use]
    pub fn used_lists(&self) -> BTreeSet<&str> {
        let of_rules = self
            .rules
            .iter()
            .flat_map(|rule| rule.lists.iter().chain(rule.raises.iter().flat_map(|raise| &raise.lists)));
        let of_filters = self.filters.iter().flat_map(|filter| &filter.lists);
        let named = of_rules.chain(of_filters).map(|used| used.list.as_str());
        let of_hands = self.rules.iter().any(Rule::asks_for_hands).then_some(ManualLists::NAMES).into_iter().flatten();
        named.chain(of_hands).collect()
    }

    /// The rule with this id, name or file.
    #[must_use]
    pub fn rule(&self, id_or_name: &str) -> Option<&Rule> {
        let file =
            id_or_name.rsplit('/').next().and_then(|last| last.rsplit_once('.')).map_or(id_or_name, |file| file.0);
        self.rules.iter().find(|rule| rule.id == id_or_name || rule.name == file)
    }

    /// The notification types that rules about webhooks ask for, each with the names of those rules. A rule that may be
    /// about any type adds none.
    #[must_use]
    pub fn notification_types(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut types: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for rule in self.rules.iter().filter(|rule| rule.service == Service::Webhook) {
            for kind in rule.kinds.iter().filter(|kind| is_kind(kind)) {
                types.entry(kind).or_default().push(&rule.name);
            }
        }
        types
    }

    /// What the configuration says of events.
    #[must_use]
    pub fn installation(&self) -> &Installation {
        &self.installation
    }

    /// The lists by name, as the installation has them.
    #[must_use]
    pub fn lists(&self) -> &BTreeMap<String, List> {
        &self.lists
    }

    /// How many filters there are.
    #[must_use]
    pub fn filters(&self) -> usize {
        self.filters.len()
    }
}

/// The lists that tell whose hands did something; a pack that lacks one has no rule that asks.
fn manual_lists(lists: &Lists) -> ManualLists<'_> {
    let [service_accounts, provisioning_actors, system_actor_types] =
        ManualLists::NAMES.map(|name| lists.get(name).map_or(&[][..], |list| list.values.as_slice()));
    ManualLists { service_accounts, provisioning_actors, system_actor_types }
}

fn hash_of(files: &[&PackFile]) -> String {
    let mut hasher = Sha256::new();
    for file in files {
        for part in [&file.path, &file.text] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
    }
    digest::text(&hasher.finalize()[..16])
}
