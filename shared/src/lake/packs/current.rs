//! What is in force, and what was before: the content of `packs/current`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The version of the form of `packs/current`; a later one may add fields, never change the meaning of one.
const VERSION: u32 = 1;

/// How many flips are remembered: as far back as anybody rolls back.
pub const REMEMBERED: usize = 20;

/// What is in force: one bundle, how it came to be, and what was before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Current {
    #[serde(rename = "current_version")]
    version: u32,
    /// The hash of the bundle, which names it
    pub hash: String,
    /// The hash of its pack, as manifests name it
    pub pack: String,
    /// The hash of its configuration, as manifests name it; who is told what is not part of that
    pub configuration: String,
    /// When it was put in force (wall-clock time)
    pub at: DateTime<Utc>,
    /// By whom
    pub by: String,
    /// The last flips, latest first: the first one put this bundle in force. At most [`REMEMBERED`]
    pub history: Vec<Flip>,
}

/// One change of what is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flip {
    /// The bundle that was in force before; none at the first time
    pub from: Option<String>,
    /// The bundle that is in force since
    pub to: String,
    /// When (wall-clock time)
    pub at: DateTime<Utc>,
    /// By whom
    pub by: String,
    /// Whether it went back to an earlier one
    pub rollback: bool,
    /// The release that did it
    pub release: String,
}

/// What a bundle is known by.
pub(super) struct Hashes {
    pub(super) bundle: String,
    pub(super) pack: String,
    pub(super) configuration: String,
}

impl Current {
    /// What is in force after a flip.
    pub(super) fn after(former: Option<&Current>, hashes: Hashes, flip: Flip) -> Self {
        let earlier = former.into_iter().flat_map(|former| former.history.iter().cloned());
        Self {
            version: VERSION,
            hash: hashes.bundle,
            pack: hashes.pack,
            configuration: hashes.configuration,
            at: flip.at,
            by: flip.by.clone(),
            history: std::iter::once(flip).chain(earlier).take(REMEMBERED).collect(),
        }
    }

    /// The bundle that a rollback goes to: what was in force before this one was published.
    ///
    /// Rollbacks count as if what they took back had never been published, so that a second one goes further back and
    /// never returns to what the first one took away.
    #[must_use]
    pub fn before(&self) -> Option<&str> {
        let mut stack: Vec<&str> = Vec::new();
        for flip in self.history.iter().rev() {
            if stack.is_empty() {
                // The flips before the first one that is remembered; of them, only this is still known.
                stack.extend(flip.from.as_deref());
            }
            if flip.rollback {
                stack.pop();
                // What it went back to was published before anything that is remembered.
                if stack.last() != Some(&flip.to.as_str()) {
                    stack = vec![&flip.to];
                }
            } else {
                stack.push(&flip.to);
            }
        }
        stack.pop();
        stack.pop()
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        text
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let current: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        // Hashes become parts of names.
        let flips = current.history.iter().flat_map(|flip| [Some(&flip.to), flip.from.as_ref()]).flatten();
        if let Some(wrong) = flips.chain([&current.hash]).find(|hash| !is_hash(hash)) {
            return Err(format!("{wrong:?} is no hash of a bundle"));
        }
        Ok(current)
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is in force after these flips; a leading `<` is a rollback.
    fn after(flips: &[&str]) -> Current {
        let mut current: Option<Current> = None;
        for text in flips {
            let (rollback, to) = text.strip_prefix('<').map_or((false, *text), |to| (true, to));
            let from = current.as_ref().map(|current| current.hash.clone());
            let (to, by, release) = (to.to_owned(), String::new(), String::new());
            let hashes = Hashes { bundle: to.clone(), pack: String::new(), configuration: String::new() };
            let flip = Flip { from, to, at: DateTime::UNIX_EPOCH, by, rollback, release };
            current = Some(Current::after(current.as_ref(), hashes, flip));
        }
        current.unwrap()
    }

    #[test]
    fn a_rollback_goes_to_what_was_there_before_and_a_second_one_further_back() {
        for (flips, before) in [
            (&["a"][..], None),
            (&["a", "b"], Some("a")),
            (&["a", "b", "c"], Some("b")),
            (&["a", "b", "c", "<b"], Some("a")),
            (&["a", "b", "c", "<b", "<a"], None),
            (&["a", "b", "<a", "c"], Some("a")),
            (&["a", "b", "<a", "b"], Some("a")),
            (&["a", "b", "a"], Some("b")),
            (&["a", "b", "a", "<b"], Some("a")),
        ] {
            assert_eq!(after(flips).before(), before, "{flips:?}");
        }
    }

    #[test]
    fn what_is_no_longer_remembered_cannot_be_gone_back_to() {
        let many: Vec<String> = (0..50).map(|number| number.to_string()).collect();
        let mut flips: Vec<&str> = many.iter().map(String::as_str).collect();
        let mut taken_back = 0;
        let texts: Vec<String> = (0..50).rev().map(|number| format!("<{number}")).collect();
        loop {
            let current = after(&flips);
            assert!(current.history.len() <= REMEMBERED);
            let Some(before) = current.before() else { break };
            taken_back += 1;
            assert_eq!(before, many[49 - taken_back], "never to what was taken back");
            flips.push(&texts[taken_back]);
        }
        assert!((REMEMBERED / 2..=REMEMBERED).contains(&taken_back), "{taken_back}");
    }
}
