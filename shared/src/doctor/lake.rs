//! The lake: whether it can be listed, written, read and removed from, and whether a conditional write is refused when it
//! should be, which is what makes one writer of two.

use super::finding::{Area, Finding};
use crate::findings::Blob;
use crate::lake::{Condition, ETag, Store, StoreError, Written, names};

/// No store gives a file this version: quotes stand around those of S3, and a hash is what a folder gives.
const NO_VERSION: &str = "\"00000000000000000000000000000000\"";

const MEND_CONDITIONS: &str = "Keep the lake in a store that holds to If-None-Match and If-Match, as S3 does. On this one two \
                               functions at once undo each other's work, and people are told twice.";

/// Looks at a lake by a small file of its own, which is removed again.
pub async fn look_at_lake(store: &impl Store) -> Vec<Finding> {
    match store.list(names::DOCTOR).await {
        Ok(_) => {}
        Err(error) => return vec![failed("list", &error)],
    }
    let mut found = vec![Finding::ok(Area::Lake, "list", "its files can be listed")];
    let name = names::probe(fastrand::u128(..));
    found.extend(try_out(store, &name).await);
    // Whatever came of it; a write that failed may have taken effect.
    match store.remove(&name).await {
        Err(error) if found.iter().all(|finding| finding.about != "write") => {
            let mut finding = failed("remove", &error);
            finding.to_do = finding.to_do.map(|to_do| format!("{to_do} Then remove {name}."));
            found.push(finding);
        }
        Ok(()) if is_written(&found) => found.push(match store.get(&name).await {
            Ok(None) => Finding::ok(Area::Lake, "remove", "what was written was removed again"),
            Ok(Some(_)) => {
                let what = format!("{name} is still there after it was removed");
                Finding::failed(Area::Lake, "remove", what, "Keep the lake in a store that forgets what is removed.")
            }
            Err(error) => failed("remove", &error),
        }),
        Err(_) | Ok(()) => {}
    }
    found
}

fn is_written(found: &[Finding]) -> bool {
    found.iter().any(|finding| finding.about == "write and read")
}

/// Writes, reads, and writes against conditions that do not hold.
async fn try_out(store: &impl Store, name: &str) -> Vec<Finding> {
    let (first, second) = (b"{\"probe\":1}\n".to_vec(), b"{\"probe\":2}\n".to_vec());
    match store.put_if(name, first.clone(), Condition::Absent).await {
        Ok(Written::Done(_)) => {}
        Ok(Written::Conflict) => {
            let what = "the store says that a file is there which cannot be";
            return vec![Finding::failed(Area::Lake, "conditional writes", what, MEND_CONDITIONS)];
        }
        Err(error) => return vec![failed("write", &error)],
    }
    // Files of exports are written without a condition.
    if let Err(error) = store.put(name, &mut Blob::of(&first)).await {
        return vec![failed("write", &error)];
    }
    let mut found = Vec::new();
    found.push(match store.get(name).await {
        Ok(Some(stored)) if stored.content == first => {
            Finding::ok(Area::Lake, "write and read", "a file was written, and reads as it was written")
        }
        Ok(_) => {
            let to_do = "Keep the lake in a store where a write is seen by everybody once it is done, as in S3.";
            Finding::failed(Area::Lake, "write and read", "what was written does not read as it was written", to_do)
        }
        Err(error) => failed("write and read", &error),
    });
    let absent = store.put_if(name, second.clone(), Condition::Absent).await;
    let matches = store.put_if(name, second, Condition::Matches(ETag(NO_VERSION.to_owned()))).await;
    found.push(conditions(&absent, &matches));
    found
}

/// What it means how two writes ended of which neither may take place.
fn conditions(absent: &Result<Written, StoreError>, matches: &Result<Written, StoreError>) -> Finding {
    let about = "conditional writes";
    let ignored = match (absent, matches) {
        (Err(error), _) | (_, Err(error)) => return failed(about, error),
        (Ok(Written::Conflict), Ok(Written::Conflict)) => {
            return Finding::ok(Area::Lake, about, "one that must be refused is refused");
        }
        (Ok(Written::Done(_)), Ok(Written::Conflict)) => "If-None-Match",
        (Ok(Written::Conflict), Ok(Written::Done(_))) => "If-Match",
        (Ok(Written::Done(_)), Ok(Written::Done(_))) => "If-None-Match and If-Match",
    };
    Finding::failed(Area::Lake, about, format!("the store ignores {ignored}"), MEND_CONDITIONS)
}

fn failed(about: &str, error: &StoreError) -> Finding {
    let permissions =
        "s3:ListBucket on the bucket; s3:GetObject, s3:PutObject and s3:DeleteObject on what is below the lake";
    let to_do = if error.reason.starts_with("access denied") {
        format!(
            "Allow whoever runs this, and the functions: {permissions}. If the bucket has a key of its own: kms:Decrypt and kms:GenerateDataKey, too."
        )
    } else if error.reason.starts_with("there is no bucket") {
        "Check --lake; the bucket is for you, or the template, to make.".to_owned()
    } else {
        "Mend what it says; nothing works without the lake.".to_owned()
    };
    Finding::failed(Area::Lake, about, error.reason.clone(), to_do)
}

#[cfg(test)]
mod tests {
    use super::super::finding::{Verdict, worst};
    use super::*;
    use crate::lake::{DirectoryStore, MemoryStore};

    #[tokio::test]
    async fn a_lake_that_works_is_well_and_nothing_of_the_look_stays_in_it() {
        let folder = tempfile::tempdir().unwrap();
        for found in [
            look_at_lake(&MemoryStore::default()).await,
            look_at_lake(&DirectoryStore::open(folder.path()).unwrap()).await,
        ] {
            assert_eq!(worst(&found), Verdict::Ok, "{found:?}");
            assert_eq!(found.len(), 4);
        }
        let store = DirectoryStore::open(folder.path()).unwrap();
        assert_eq!(store.list("").await.unwrap(), []);
    }

    #[test]
    fn a_store_that_ignores_a_condition_is_found_out() {
        let done = || Ok(Written::Done(ETag("x".to_owned())));
        for (absent, matches, said) in [
            (done(), done(), "If-None-Match and If-Match"),
            (done(), Ok(Written::Conflict), "If-None-Match"),
            (Ok(Written::Conflict), done(), "If-Match"),
        ] {
            let finding = conditions(&absent, &matches);
            assert_eq!(finding.verdict, Verdict::Failed);
            assert_eq!(finding.found, format!("the store ignores {said}"));
        }
        assert_eq!(conditions(&Ok(Written::Conflict), &Ok(Written::Conflict)).verdict, Verdict::Ok);
    }
}
