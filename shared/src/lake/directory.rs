//! A lake in a local folder, safe for several processes at once.
//!
//! Beside the lake's own files it keeps a hidden folder, `.immuta-watch/`: files being written (`tmp/`), the lock that
//! makes conditional writes one step (`lock`), and one locked file per process at work (`processes/`). The kernel
//! drops a dead process's lock, so its leases and half-written files are known to be abandoned at once.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::memory::etag_of;
use super::names;
use super::store::{Condition, Entry, Store, StoreError, Stored, Written};
use crate::findings::Blob;

const HIDDEN: &str = ".immuta-watch";

/// Files in a folder.
#[derive(Debug)]
pub struct DirectoryStore {
    root: PathBuf,
    holder: String,
    /// Locked as long as this process is at work.
    _process: Option<File>,
    written: AtomicU64,
}

impl DirectoryStore {
    /// Opens a lake to read it. Nothing is written, so that a read-only disk will do.
    #[must_use]
    pub fn open_to_read(root: &Path) -> Self {
        Self { root: root.to_owned(), holder: String::new(), _process: None, written: AtomicU64::new(0) }
    }

    /// Opens the lake in a folder, which is made if there is none.
    ///
    /// # Errors
    /// The folder cannot be made or written.
    pub fn open(root: &Path) -> io::Result<Self> {
        let hidden = root.join(HIDDEN);
        fs::create_dir_all(hidden.join("tmp"))?;
        fs::create_dir_all(hidden.join("processes"))?;
        let (holder, process) = register(&hidden.join("processes"))?;
        let store = Self { root: root.to_owned(), holder, _process: Some(process), written: AtomicU64::new(0) };
        store.clear_after_the_dead()?;
        Ok(store)
    }

    /// Where a file lies. A name that leads out of the lake, or to its hidden folder, is refused.
    fn path(&self, name: &str) -> io::Result<PathBuf> {
        if names::is_plain(name) {
            return Ok(self.root.join(name));
        }
        Err(io::Error::new(io::ErrorKind::InvalidInput, "this is no name of a file in the lake"))
    }

    fn hidden(&self, folder: &str) -> PathBuf {
        self.root.join(HIDDEN).join(folder)
    }

    /// Removes what processes that are gone left half written.
    fn clear_after_the_dead(&self) -> io::Result<()> {
        for entry in fs::read_dir(self.hidden("processes"))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if !name.starts_with('.') && self.is_gone(&name) {
                remove_if_there(&self.hidden("processes").join(&name))?;
            }
        }
        for entry in fs::read_dir(self.hidden("tmp"))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let (holder, _) = name.split_once('.').unwrap_or((&name, ""));
            if self.is_gone(holder) {
                remove_if_there(&self.hidden("tmp").join(&name))?;
            }
        }
        Ok(())
    }

    /// Writes a file beside the lake and moves it into its place, so that it is seen whole or not at all, even after a
    /// power cut.
    fn write(&self, name: &str, content: &mut dyn Read) -> io::Result<()> {
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let temporary = self.hidden("tmp").join(format!("{}.{number}", self.holder));
        let target = self.path(name)?;
        let mut write = || {
            let mut file = File::create(&temporary)?;
            io::copy(content, &mut file)?;
            file.flush()?;
            file.sync_all()?;
            if let Some(folder) = target.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::rename(&temporary, &target)
        };
        write().inspect_err(|_| {
            let _ = fs::remove_file(&temporary); // what counts is the first error
        })
    }

    fn read(&self, name: &str) -> io::Result<Option<Stored>> {
        match fs::read(self.path(name)?) {
            Ok(content) => Ok(Some(Stored { etag: etag_of(&content), content: Bytes::from(content) })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write_if(&self, name: &str, content: &[u8], condition: &Condition) -> io::Result<Written> {
        let lock = File::options().create(true).truncate(false).write(true).open(self.hidden("lock"))?;
        lock.lock()?; // until the file is closed
        let current = self.read(name)?.map(|stored| stored.etag);
        if !condition.holds_for(current.as_ref()) {
            return Ok(Written::Conflict);
        }
        self.write(name, &mut &*content)?;
        Ok(Written::Done(etag_of(content)))
    }
}

impl Drop for DirectoryStore {
    fn drop(&mut self) {
        if !self.holder.is_empty() {
            let _ = fs::remove_file(self.hidden("processes").join(&self.holder)); // else the next process removes it
        }
    }
}

/// Enters this process in the register: a file that is locked before it has its name, so that nobody ever sees it
/// unlocked while its process lives.
fn register(folder: &Path) -> io::Result<(String, File)> {
    let new = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
    new.as_file().lock()?;
    let random = new.path().file_name().map(|name| name.to_string_lossy().replace(".new-", "")).unwrap_or_default();
    let holder = format!("{}-{random}", std::process::id());
    let file = new.persist(folder.join(&holder)).map_err(|error| error.error)?;
    Ok((holder, file))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl Store for DirectoryStore {
    async fn get(&self, name: &str) -> Result<Option<Stored>, StoreError> {
        self.read(name).map_err(|error| StoreError::new("read", name, error))
    }

    async fn put(&self, name: &str, blob: &mut Blob) -> Result<(), StoreError> {
        let mut reader = blob.reader().map_err(|error| StoreError::new("write", name, error))?;
        self.write(name, &mut reader).map_err(|error| StoreError::new("write", name, error))
    }

    async fn put_if(&self, name: &str, content: Vec<u8>, condition: Condition) -> Result<Written, StoreError> {
        self.write_if(name, &content, &condition).map_err(|error| StoreError::new("write", name, error))
    }

    async fn remove(&self, name: &str) -> Result<(), StoreError> {
        let remove = || remove_if_there(&self.path(name)?);
        remove().map_err(|error| StoreError::new("remove", name, error))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Entry>, StoreError> {
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut found = Vec::new();
        list_below(&self.root, folder, &mut found).map_err(|error| StoreError::new("list", prefix, error))?;
        found.retain(|entry| entry.name.starts_with(prefix));
        found.sort();
        Ok(found)
    }

    fn holder(&self) -> String {
        self.holder.clone()
    }

    fn is_gone(&self, holder: &str) -> bool {
        if holder == self.holder || holder.is_empty() || holder.contains(['/', '.', '\\']) {
            return false;
        }
        let file = match File::open(self.hidden("processes").join(holder)) {
            Ok(file) => file,
            Err(error) => return error.kind() == io::ErrorKind::NotFound,
        };
        match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
        }
    }
}

fn list_below(root: &Path, folder: &str, found: &mut Vec<Entry>) -> io::Result<()> {
    let entries = match fs::read_dir(root.join(folder)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let name = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue, // removed meanwhile
            Err(error) => return Err(error),
        };
        if metadata.is_dir() {
            list_below(root, &name, found)?;
        } else {
            let written = metadata.modified().ok().map(Into::into);
            found.push(Entry { name, bytes: metadata.len(), written });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(text: &str) -> Blob {
        Blob::of(text.as_bytes())
    }

    #[tokio::test]
    async fn files_are_written_read_listed_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let store = DirectoryStore::open(folder.path()).unwrap();
        store.put("a/b/one", &mut blob("1")).await.unwrap();
        store.put("a/b/one", &mut blob("11")).await.unwrap();
        store.put("a/two", &mut blob("2")).await.unwrap();
        let names: Vec<_> =
            store.list("a/").await.unwrap().into_iter().map(|entry| (entry.name, entry.bytes)).collect();
        assert_eq!(names, [("a/b/one".to_owned(), 2), ("a/two".to_owned(), 1)]);
        assert_eq!(store.get("a/b/one").await.unwrap().unwrap().content, "11");
        store.remove("a/b/one").await.unwrap();
        store.remove("a/b/one").await.unwrap();
        assert!(store.get("a/b/one").await.unwrap().is_none());
        assert!(store.list("nowhere/").await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn conditional_writes_have_one_winner() {
        let folder = tempfile::tempdir().unwrap();
        let store = DirectoryStore::open(folder.path()).unwrap();
        let Written::Done(first) = store.put_if("x", b"1".to_vec(), Condition::Absent).await.unwrap() else { panic!() };
        assert_eq!(store.put_if("x", b"2".to_vec(), Condition::Absent).await.unwrap(), Written::Conflict);
        let matches = Condition::Matches(first);
        assert!(matches!(store.put_if("x", b"2".to_vec(), matches.clone()).await.unwrap(), Written::Done(_)));
        assert_eq!(store.put_if("x", b"3".to_vec(), matches).await.unwrap(), Written::Conflict);
        assert_eq!(store.get("x").await.unwrap().unwrap().content, "2");
    }

    #[tokio::test]
    async fn nothing_outside_the_lake_is_read_written_or_removed() {
        let folder = tempfile::tempdir().unwrap();
        let store = DirectoryStore::open(&folder.path().join("lake")).unwrap();
        fs::write(folder.path().join("precious"), "1").unwrap();
        let absolute = folder.path().join("precious").to_string_lossy().into_owned();
        for name in ["../precious", "a/../../precious", ".immuta-watch/lock", "", "a//b", &absolute] {
            assert!(store.get(name).await.is_err(), "{name}");
            assert!(store.put(name, &mut blob("2")).await.is_err(), "{name}");
            assert!(store.remove(name).await.is_err(), "{name}");
        }
        assert_eq!(fs::read_to_string(folder.path().join("precious")).unwrap(), "1");
    }

    #[test]
    fn of_many_threads_one_makes_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let wins: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|number: u8| {
                    let store = DirectoryStore::open(folder.path()).unwrap();
                    scope
                        .spawn(move || store.write_if("x", &[number], &Condition::Absent).unwrap() != Written::Conflict)
                })
                .collect();
            threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum()
        });
        assert_eq!(wins, 1);
    }

    #[test]
    fn a_process_is_gone_when_its_lock_is() {
        let folder = tempfile::tempdir().unwrap();
        let one = DirectoryStore::open(folder.path()).unwrap();
        let other = DirectoryStore::open(folder.path()).unwrap();
        assert!(!one.is_gone(&other.holder()));
        let holder = other.holder();
        drop(other);
        assert!(one.is_gone(&holder));
        assert!(!one.is_gone("../../etc/passwd"));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(DirectoryStore::open(&file.join("lake")).is_err());
    }
}
