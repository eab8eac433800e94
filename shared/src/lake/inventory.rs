//! The lists of the inventory in the lake: one of each kind and date, written conditionally, so that no list replaces another
//! unless somebody wants it.

use super::alerts::ReadError;
use super::at_once::at_once;
use super::names;
use super::store::{Condition, ETag, Store, StoreError, Written};
use crate::inventory::List;

/// How many lists are fetched while one is read; each is held in memory as a whole.
const LISTS_AHEAD: usize = 4;

/// What stands where a list would be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListPlace {
    /// Nothing
    Free,
    /// This very list
    Same,
    /// Another list of this kind and date
    Taken {
        /// How many rows it has; none if it is damaged
        rows: Option<u64>,
        /// Its version
        etag: ETag,
    },
}

/// What stands in the lake where a list would be written.
///
/// # Errors
/// Those of the store.
pub async fn place_of(store: &impl Store, list: &List) -> Result<ListPlace, StoreError> {
    let Some(stored) = store.get(&names::inventory(list.kind, list.date)).await? else { return Ok(ListPlace::Free) };
    if stored.content == list.encode() {
        return Ok(ListPlace::Same);
    }
    let rows = List::decode(&stored.content).ok().map(|other| other.rows().len() as u64);
    Ok(ListPlace::Taken { rows, etag: stored.etag })
}

/// Writes a list over what [`place_of`] found, and says whether it could: not if somebody else wrote there since.
///
/// # Errors
/// Those of the store.
pub async fn keep_list(store: &impl Store, list: &List, place: ListPlace) -> Result<bool, StoreError> {
    let condition = match place {
        ListPlace::Free => Condition::Absent,
        ListPlace::Same => return Ok(true),
        ListPlace::Taken { etag, .. } => Condition::Matches(etag),
    };
    let written = store.put_if(&names::inventory(list.kind, list.date), list.encode(), condition).await?;
    Ok(written != Written::Conflict)
}

/// Every list, in the order of dates and kinds.
///
/// # Errors
/// [`ReadError`]
pub async fn lists(store: &impl Store) -> Result<Vec<List>, ReadError> {
    let mut found = Vec::new();
    let entries = store.list(names::INVENTORY).await?;
    let named = entries.into_iter().filter(|entry| names::inventory_of(&entry.name).is_some());
    let reads = named.map(|entry| read(store, entry.name));
    at_once(LISTS_AHEAD, reads, |list: Option<List>| found.extend(list)).await?;
    found.sort_by_key(|list| (list.date, list.kind));
    Ok(found)
}

async fn read(store: &impl Store, name: String) -> Result<Option<List>, ReadError> {
    let Some(stored) = store.get(&name).await? else { return Ok(None) };
    match decode(&name, &stored.content) {
        Ok(list) => Ok(Some(list)),
        Err((line, reason)) => Err(ReadError::Damaged { name, line, reason }),
    }
}

fn decode(name: &str, content: &[u8]) -> Result<List, (usize, String)> {
    let list = List::decode(content)?;
    if names::inventory(list.kind, list.date) == name {
        Ok(list)
    } else {
        Err((1, "it is the list of another kind or date".to_owned()))
    }
}

/// What is wrong with a file of the inventory, if anything is.
pub(super) fn check(name: &str, content: &[u8]) -> Result<(), String> {
    if names::inventory_of(name).is_none() {
        return Err("no list has this name; remove it".to_owned());
    }
    let mend = "`inventory import FILE --replace` writes it anew";
    decode(name, content).map(|_| ()).map_err(|(line, reason)| format!("it is damaged (line {line}: {reason}); {mend}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::findings::Blob;
    use crate::inventory::{ListKind, Row};
    use crate::lake::MemoryStore;

    fn list(day: u32, names: &[&str]) -> List {
        let row = |name: &&str| Row { name: (*name).to_owned(), ..Row::default() };
        let date = chrono::NaiveDate::from_ymd_opt(2026, 11, day).unwrap();
        List::new(ListKind::DataSource, date, names.iter().map(row).collect::<BTreeSet<_>>())
    }

    #[tokio::test]
    async fn a_list_is_kept_once_and_replaced_only_over_what_was_seen() {
        let store = MemoryStore::default();
        let (first, other) = (list(1, &["a", "b"]), list(1, &["a"]));
        assert_eq!(place_of(&store, &first).await.unwrap(), ListPlace::Free);
        assert!(keep_list(&store, &first, ListPlace::Free).await.unwrap());
        assert_eq!(place_of(&store, &first).await.unwrap(), ListPlace::Same);
        assert!(keep_list(&store, &first, ListPlace::Same).await.unwrap());
        let place = place_of(&store, &other).await.unwrap();
        assert!(matches!(place, ListPlace::Taken { rows: Some(2), .. }));
        assert!(!keep_list(&store, &other, ListPlace::Free).await.unwrap());
        assert!(keep_list(&store, &other, place.clone()).await.unwrap());
        assert!(!keep_list(&store, &first, place).await.unwrap(), "somebody else was there since");
        assert_eq!(lists(&store).await.unwrap(), [other]);
    }

    #[tokio::test]
    async fn lists_come_in_order_and_a_damaged_one_is_an_error_that_names_it() {
        let store = MemoryStore::default();
        for each in [list(20, &["b"]), list(3, &["a"])] {
            keep_list(&store, &each, ListPlace::Free).await.unwrap();
        }
        assert_eq!(lists(&store).await.unwrap(), [list(3, &["a"]), list(20, &["b"])]);
        let (one, other) =
            ("inventory/date=2026-11-03/data-sources.ndjson", "inventory/date=2026-11-20/data-sources.ndjson");
        let content = store.get(one).await.unwrap().unwrap().content;
        assert_eq!(check(one, &content), Ok(()));
        store.put(other, &mut Blob::of(&content)).await.unwrap();
        let said = lists(&store).await.unwrap_err().to_string();
        assert!(said.contains(other) && said.contains("another kind or date"), "{said}");
        assert!(check(other, &content).unwrap_err().contains("--replace"));
        assert!(check("inventory/notes.txt", b"").unwrap_err().contains("remove it"));
    }
}
