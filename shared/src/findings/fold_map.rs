//! A map that adds values up by key, in bounded memory: what does not fit goes to temporary files, sorted, and comes
//! back merged. The result does not depend on whether, or when, that happened.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::hash::Hash;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};

use hashbrown::{Equivalent, HashMap};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value that can be added to another of the same key, in any order and grouping.
pub trait Fold: Serialize + DeserializeOwned {
    /// Adds the other value to this one.
    fn fold(&mut self, other: Self);
}

/// How many temporary files may lie side by side before they are merged into one.
const RUNS_AT_MOST: usize = 64;

/// Keys to values, in at most about `budget` bytes of memory.
pub struct FoldMap<K, V> {
    entries: HashMap<K, V>,
    weight: usize,
    budget: usize,
    runs: Vec<File>,
}

impl<K, V> FoldMap<K, V>
where
    K: Ord + Hash + Eq + Clone + Serialize + DeserializeOwned,
    V: Fold,
{
    /// An empty map.
    #[must_use]
    pub fn new(budget: usize) -> Self {
        Self { entries: HashMap::new(), weight: 0, budget, runs: Vec::new() }
    }

    /// Lets `update` change the value of `key`, which `vacant` makes if it is not in memory. Both say by how many
    /// bytes the map grew.
    ///
    /// # Errors
    /// Those of the temporary files.
    pub fn update<Q>(
        &mut self,
        key: &Q,
        vacant: impl FnOnce() -> (V, usize),
        update: impl FnOnce(&mut V) -> usize,
    ) -> io::Result<()>
    where
        Q: Hash + Equivalent<K> + ?Sized,
        for<'q> K: From<&'q Q>,
    {
        if let Some(value) = self.entries.get_mut(key) {
            self.weight += update(value);
        } else {
            let (mut value, weight) = vacant();
            self.weight += weight + update(&mut value);
            self.entries.insert(K::from(key), value);
        }
        if self.weight > self.budget { self.spill() } else { Ok(()) }
    }

    /// Writes what is in memory to a temporary file, sorted.
    fn spill(&mut self) -> io::Result<()> {
        let mut entries: Vec<(K, V)> = self.entries.drain().collect();
        self.weight = 0;
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        let run = write_run(entries.into_iter().map(Ok))?;
        self.runs.push(run);
        if self.runs.len() > RUNS_AT_MOST {
            let merged = write_run(Merge::<K, V>::of(std::mem::take(&mut self.runs), Vec::new())?)?;
            self.runs.push(merged);
        }
        Ok(())
    }

    /// Every key once, in order, with all that was added up for it.
    ///
    /// # Errors
    /// Those of the temporary files.
    pub fn into_sorted(self) -> io::Result<Merge<K, V>> {
        let mut entries: Vec<(K, V)> = self.entries.into_iter().collect();
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        Merge::of(self.runs, entries)
    }

    /// How many temporary files hold what did not fit.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.runs.len()
    }
}

fn write_run<K: Serialize, V: Serialize>(entries: impl Iterator<Item = io::Result<(K, V)>>) -> io::Result<File> {
    let mut out = BufWriter::new(tempfile::tempfile()?);
    for entry in entries {
        let text = serde_json::to_vec(&entry?)?;
        let length = u32::try_from(text.len()).map_err(io::Error::other)?;
        out.write_all(&length.to_le_bytes())?;
        out.write_all(&text)?;
    }
    let mut file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

/// The merged entries, in the order of their keys.
pub struct Merge<K, V> {
    runs: Vec<Run<K, V>>,
    heads: BinaryHeap<Reverse<(K, usize)>>,
}

struct Run<K, V> {
    rest: Rest<K, V>,
    head: Option<V>,
}

enum Rest<K, V> {
    File(BufReader<File>),
    Memory(std::vec::IntoIter<(K, V)>),
}

impl<K: Ord + DeserializeOwned, V: Fold> Merge<K, V> {
    fn of(files: Vec<File>, memory: Vec<(K, V)>) -> io::Result<Self> {
        let mut merge = Self { runs: Vec::new(), heads: BinaryHeap::new() };
        let files = files.into_iter().map(|file| Rest::File(BufReader::new(file)));
        for rest in files.chain([Rest::Memory(memory.into_iter())]) {
            merge.runs.push(Run { rest, head: None });
            merge.advance(merge.runs.len() - 1)?;
        }
        Ok(merge)
    }

    /// Takes the next entry of a run to its head.
    fn advance(&mut self, index: usize) -> io::Result<()> {
        let run = &mut self.runs[index];
        let next = match &mut run.rest {
            Rest::Memory(entries) => entries.next(),
            Rest::File(file) => read_entry(file)?,
        };
        if let Some((key, value)) = next {
            run.head = Some(value);
            self.heads.push(Reverse((key, index)));
        }
        Ok(())
    }

    fn pop(&mut self) -> io::Result<Option<(K, V)>> {
        let Some(Reverse((key, index))) = self.heads.pop() else { return Ok(None) };
        let value = self.runs[index].head.take();
        self.advance(index)?;
        Ok(value.map(|value| (key, value)))
    }
}

fn read_entry<K: DeserializeOwned, V: DeserializeOwned>(file: &mut BufReader<File>) -> io::Result<Option<(K, V)>> {
    let mut length = [0; 4];
    match file.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut text = vec![0; u32::from_le_bytes(length) as usize];
    file.read_exact(&mut text)?;
    Ok(Some(serde_json::from_slice(&text)?))
}

impl<K: Ord + DeserializeOwned, V: Fold> Iterator for Merge<K, V> {
    type Item = io::Result<(K, V)>;

    fn next(&mut self) -> Option<Self::Item> {
        let (key, mut value) = match self.pop().transpose()? {
            Ok(entry) => entry,
            Err(error) => return Some(Err(error)),
        };
        while self.heads.peek().is_some_and(|Reverse((next, _))| *next == key) {
            match self.pop() {
                Ok(Some((_, other))) => value.fold(other),
                Ok(None) => break,
                Err(error) => return Some(Err(error)),
            }
        }
        Some(Ok((key, value)))
    }
}

/// Counts add up.
impl Fold for u64 {
    fn fold(&mut self, other: Self) {
        *self += other;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize)]
    struct Key(String);

    impl From<&str> for Key {
        fn from(text: &str) -> Self {
            Self(text.to_owned())
        }
    }

    impl Equivalent<Key> for str {
        fn equivalent(&self, key: &Key) -> bool {
            key.0 == self
        }
    }

    fn counted(words: &[String], budget: usize) -> (BTreeMap<String, u64>, usize) {
        let mut map: FoldMap<Key, u64> = FoldMap::new(budget);
        for word in words {
            map.update(
                word.as_str(),
                || (0, 1),
                |count| {
                    *count += 1;
                    0
                },
            )
            .unwrap();
        }
        let runs = map.runs();
        let sorted: Vec<_> = map.into_sorted().unwrap().map(Result::unwrap).collect();
        assert!(sorted.is_sorted_by(|a, b| a.0 < b.0));
        (sorted.into_iter().map(|(key, count)| (key.0, count)).collect(), runs)
    }

    proptest! {
        #[test]
        fn spilling_changes_nothing(words in prop::collection::vec("[a-d]{1,2}", 0..300), budget in 0_usize..30) {
            let mut expected = BTreeMap::new();
            for word in &words {
                *expected.entry(word.clone()).or_default() += 1;
            }
            prop_assert_eq!(counted(&words, budget).0, expected);
        }
    }

    #[test]
    fn many_runs_are_merged_into_one() {
        let words: Vec<String> = (0..RUNS_AT_MOST * 3).map(|n| format!("{}", n % 7)).collect();
        let (counts, runs) = counted(&words, 0);
        assert!(runs <= RUNS_AT_MOST);
        assert_eq!(counts.values().sum::<u64>(), words.len() as u64);
    }
}
