//! The pack in force: which it is, since when and by whom, and whether this release can work by it.

use chrono::SecondsFormat;

use super::exports::counted;
use super::finding::{Area, Finding};
use crate::RELEASE;
use crate::config::Configuration;
use crate::lake::Store;
use crate::lake::packs::{self, Bundle, Current, PacksError};
use crate::rules::Pack;

/// What is in force, ready to be looked into.
pub struct InForce {
    /// Its configuration
    pub configuration: Configuration,
    /// Its rules, compiled for that configuration
    pub pack: Pack,
    /// As it was published
    pub bundle: Bundle,
}

/// Looks at what is in force in a lake, and gives it if it can be used. `own` is the hash of the pack inside the program
/// that asks; `is_local` is a lake in a folder, which no function watches.
pub async fn look_at_pack(
    store: &impl Store,
    lake: &str,
    own: &str,
    is_local: bool,
) -> (Vec<Finding>, Option<InForce>) {
    let current = match packs::current(store).await {
        Ok(Some(current)) => current,
        Ok(None) => return (vec![nothing(lake, is_local)], None),
        Err(error) => return (vec![unreadable("in force", &error)], None),
    };
    let mut found = vec![in_force(&current)];
    let bundle = match packs::load(store, &current.hash).await {
        Ok(bundle) => bundle,
        Err(error) => {
            found.push(unreadable("rules", &error));
            return (found, None);
        }
    };
    match bundle.compile() {
        Ok((configuration, pack)) => {
            found.push(rules(&current, &pack, own, lake));
            (found, Some(InForce { configuration, pack, bundle }))
        }
        Err(error) => {
            let to_do = "Publish a pack that this release can read, or use the release that published it; `immuta-watch rules \
                         check` says what is wrong, with file and line.";
            found.push(Finding::failed(
                Area::Pack,
                "rules",
                format!("release {RELEASE} cannot use it: {error}"),
                to_do,
            ));
            (found, None)
        }
    }
}

fn nothing(lake: &str, is_local: bool) -> Finding {
    if is_local {
        let found = "nothing was published; `immuta-watch run` takes the pack inside the program";
        return Finding::ok(Area::Pack, "in force", found);
    }
    let to_do = format!("Put one in force: immuta-watch publish --lake {lake} --config FILE");
    Finding::failed(
        Area::Pack,
        "in force",
        "nothing was published, so that the functions have nothing to work by",
        to_do,
    )
}

fn unreadable(about: &str, error: &PacksError) -> Finding {
    Finding::failed(
        Area::Pack,
        about,
        error.to_string(),
        "Publish again: `immuta-watch publish` mends what is damaged.",
    )
}

fn in_force(current: &Current) -> Finding {
    let at = current.at.to_rfc3339_opts(SecondsFormat::Secs, true);
    Finding::ok(Area::Pack, "in force", format!("{} since {at}, by {}", current.hash, current.by))
}

/// The rules of what is in force. Another pack than the program's own is nothing wrong by itself: many have one of their
/// own. But whoever has another release than the one that published it may have meant to publish anew.
fn rules(current: &Current, pack: &Pack, own: &str, lake: &str) -> Finding {
    let rules = counted(pack.rules().len() as u64, "rule");
    if current.pack == own {
        return Finding::ok(Area::Pack, "rules", format!("{rules}, those inside this program"));
    }
    let other = format!("{rules}, others than those inside this program");
    match current.history.first() {
        Some(flip) if flip.release != RELEASE => {
            let found = format!("{other}; release {} published them, and this is {RELEASE}", flip.release);
            let to_do = format!(
                "If they are to be those of this release, publish again: immuta-watch publish --lake {lake} --config FILE"
            );
            Finding::warning(Area::Pack, "rules", found, to_do)
        }
        _ => Finding::ok(Area::Pack, "rules", format!("{other}, and this release can use them")),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::super::finding::{Verdict, worst};
    use super::*;
    use crate::lake::{Condition, MemoryStore, names};
    use crate::rules::PackFile;

    const RULE: &str = include_str!("../../../rules/watcher/webhook_deleted.yml");

    async fn published() -> MemoryStore {
        let store = MemoryStore::default();
        let files = [PackFile { path: "webhook_deleted.yml".to_owned(), text: RULE.to_owned() }];
        let bundle = Bundle::gather(files, "", &|_| Err(std::io::ErrorKind::NotFound.into())).unwrap();
        packs::publish(&store, &bundle, "ann", DateTime::UNIX_EPOCH).await.unwrap();
        store
    }

    #[tokio::test]
    async fn what_is_in_force_is_named_and_given() {
        let store = published().await;
        let (found, in_force) = look_at_pack(&store, "s3://b/lake", "another", false).await;
        assert_eq!(worst(&found), Verdict::Ok, "{found:?}");
        assert!(found[0].found.ends_with("since 1970-01-01T00:00:00Z, by ann"), "{found:?}");
        assert!(found[1].found.starts_with("1 rule, others than"), "{found:?}");
        let own = in_force.unwrap().pack.hash().to_owned();
        let (found, _) = look_at_pack(&store, "s3://b/lake", &own, false).await;
        assert_eq!(found[1].found, "1 rule, those inside this program");
    }

    #[tokio::test]
    async fn another_release_that_published_another_pack_is_worth_a_look() {
        let store = published().await;
        let stored = store.get(names::CURRENT).await.unwrap().unwrap();
        let text = String::from_utf8(stored.content.to_vec()).unwrap();
        let text = text.replace(&format!("\"release\": \"{RELEASE}\""), "\"release\": \"0.0.1\"");
        store.put_if(names::CURRENT, text.into_bytes(), Condition::Matches(stored.etag)).await.unwrap();
        let (found, _) = look_at_pack(&store, "s3://b/lake", "another", false).await;
        assert_eq!(found[1].verdict, Verdict::Warning, "{found:?}");
    }

    #[tokio::test]
    async fn nothing_in_force_is_a_failure_where_functions_work_and_else_is_none() {
        let store = MemoryStore::default();
        for (is_local, verdict) in [(false, Verdict::Failed), (true, Verdict::Ok)] {
            let (found, in_force) = look_at_pack(&store, "s3://b/lake", "own", is_local).await;
            assert_eq!((found[0].verdict, in_force.is_none()), (verdict, true));
        }
    }

    #[tokio::test]
    async fn a_bundle_that_is_gone_is_a_failure() {
        let store = published().await;
        let hash = packs::current(&store).await.unwrap().unwrap().hash;
        store.remove(&names::bundle(&hash)).await.unwrap();
        let (found, in_force) = look_at_pack(&store, "s3://b/lake", "own", false).await;
        assert_eq!((worst(&found), in_force.is_none()), (Verdict::Failed, true));
    }
}
