//! The pack and configuration in force, as a function uses them.

use std::sync::Arc;

use crate::config::{Configuration, NotifyConfiguration};
use crate::lake::Store;
use crate::lake::packs::{self, Current, Flip, PacksError};
use crate::notify::Notice;
use crate::rules::Pack;

use super::Settings;

/// What is in force.
pub struct InForce {
    /// Which bundle it is, and which were before
    pub current: Current,
    /// The configuration, with the destinations of the template
    pub configuration: Configuration,
    /// The rules
    pub pack: Pack,
}

/// There is nothing to classify by.
#[derive(Debug, thiserror::Error)]
pub enum InForceError {
    /// Nothing was published.
    #[error("no pack of rules is in force; `immuta-watch publish --lake {0}` puts one in force")]
    NothingPublished(String),
    /// What was published cannot be used.
    #[error(transparent)]
    Packs(#[from] PacksError),
}

/// Reads what is in force, unless it is what is known already: then that is given back.
///
/// # Errors
/// [`InForceError`]
pub async fn load(
    store: &impl Store,
    settings: &Settings,
    known: Option<&Arc<InForce>>,
) -> Result<Arc<InForce>, InForceError> {
    let Some(current) = packs::current(store).await? else {
        return Err(InForceError::NothingPublished(settings.lake.to_string()));
    };
    if let Some(known) = known.filter(|known| known.current == current) {
        return Ok(Arc::clone(known));
    }
    let bundle = packs::load(store, &current.hash).await?;
    let compiled = bundle.compile().map_err(|error| PacksError::Bundle { hash: current.hash.clone(), error });
    let (mut configuration, pack) = compiled?;
    configuration.notify.add_defaults(&settings.destinations);
    Ok(Arc::new(InForce { current, configuration, pack }))
}

impl InForce {
    /// Who is told what.
    #[must_use]
    pub fn notify(&self) -> &NotifyConfiguration {
        &self.configuration.notify
    }

    /// The notices of what was put in force, the latest first. That somebody put the very first pack in force is none:
    /// before it there was nothing to watch by.
    pub fn changes(&self) -> impl Iterator<Item = Notice> + '_ {
        self.current.history.iter().filter(|flip| flip.from.is_some()).map(notice)
    }
}

impl InForce {
    /// The notice of a change that no history tells of.
    pub(super) fn change_from(&self, former: Option<String>) -> Notice {
        let Current { hash, by, at, .. } = &self.current;
        Notice::PackChanged { from: former, to: hash.clone(), by: by.clone(), at: *at }
    }
}

fn notice(flip: &Flip) -> Notice {
    Notice::PackChanged { from: flip.from.clone(), to: flip.to.clone(), by: flip.by.clone(), at: flip.at }
}
