//! The world that the lake stands in, made so that tests can break it: exports that are replaced, a clock that jumps,
//! processes that die at a chosen call or are held up between two calls.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::{self, Cursor, Read};
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};
use std::task::{Context as TaskContext, Poll, Waker};

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use immuta_watch::config::Configuration;
use immuta_watch::export::{Limits, Source};
use immuta_watch::findings::{Blob, Bounds, Context};
use immuta_watch::lake::{
    Clock, CommitError, Condition, Entry, Lake, MemoryStore, OpenExport, Outcome, Store, StoreError, Stored, Version,
    Written, names,
};
use immuta_watch::rules::{Pack, PackFile, read_folder};

/// Everything in a lake, byte for byte.
pub(crate) type Files = BTreeMap<String, Bytes>;

// ---- Rules

fn shipped() -> Vec<PackFile> {
    read_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules")).unwrap()
}

/// The pack that ships.
pub(crate) static PACK: LazyLock<Pack> = LazyLock::new(|| Pack::compile(&shipped(), &CONFIGURATION).unwrap());

/// The pack that ships without its rules about queries, and without correlations: other alerts, on fewer dates.
pub(crate) static OTHER_PACK: LazyLock<Pack> = LazyLock::new(|| {
    let is_kept = |file: &PackFile| {
        let is_alerting = file.text.contains("question:") && !file.text.contains("\ncorrelation:");
        !file.path.starts_with("queries/") && (is_alerting || file.path.starts_with("lists/"))
    };
    let files: Vec<_> = shipped().into_iter().filter(is_kept).collect();
    Pack::compile(&files, &CONFIGURATION).unwrap()
});

static CONFIGURATION: LazyLock<Configuration> = LazyLock::new(Configuration::default);

/// What exports are classified with.
pub(crate) fn context(pack: &'static Pack) -> Context<'static> {
    Context { pack, configuration: &CONFIGURATION, limits: Limits::default(), bounds: Bounds::default() }
}

// ---- Time

/// A clock that stands still until it is moved.
pub(crate) struct TestClock(AtomicU64);

/// Longer than any lease.
const A_LEASE: u64 = 16 * 60;

impl TestClock {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Lets every lease run out.
    pub(crate) fn outlast_every_lease(&self) {
        self.advance(A_LEASE);
    }

    /// Moves it on by so many seconds.
    pub(crate) fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        let start = DateTime::parse_from_rfc3339("2026-11-23T08:00:00Z").unwrap().to_utc();
        start + TimeDelta::seconds(self.0.load(Ordering::Relaxed).try_into().unwrap())
    }
}

// ---- Exports

/// An export that can be replaced or removed.
pub(crate) struct TestExport {
    source: Source,
    content: Mutex<Option<Vec<u8>>>,
    opened: AtomicUsize,
}

impl TestExport {
    pub(crate) fn new(uri: &str, content: impl AsRef<[u8]>) -> Self {
        let content = Mutex::new(Some(content.as_ref().to_vec()));
        Self { source: Source::at(uri), content, opened: AtomicUsize::new(0) }
    }

    pub(crate) fn replace(&self, content: impl AsRef<[u8]>) {
        *self.content.lock().unwrap() = Some(content.as_ref().to_vec());
    }

    pub(crate) fn remove(&self) {
        *self.content.lock().unwrap() = None;
    }

    /// How often it was read.
    pub(crate) fn opened(&self) -> usize {
        self.opened.load(Ordering::Relaxed)
    }
}

impl OpenExport for TestExport {
    fn source(&self) -> &Source {
        &self.source
    }

    async fn version(&self) -> io::Result<Option<Version>> {
        let content = self.content.lock().unwrap();
        let version = |content: &Vec<u8>| Version { etag: sha256(content), bytes: content.len() as u64 };
        Ok(content.as_ref().map(version))
    }

    async fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        let content = self.content.lock().unwrap().clone();
        content.map_or(Err(io::ErrorKind::NotFound.into()), |content| Ok(Box::new(Cursor::new(content)) as _))
    }
}

/// SHA-256 as 64 hexadecimal digits.
pub(crate) fn sha256(content: &[u8]) -> String {
    Blob::of(content).sha256().to_owned()
}

// ---- Stores that fail and wait

/// When a process dies, seen from the store call that it dies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    BeforeTheEffect,
    AfterTheEffect,
}

pub(crate) const MOMENTS: [Moment; 2] = [Moment::BeforeTheEffect, Moment::AfterTheEffect];

/// Where a process is held up, for others to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pause {
    Never,
    /// On both sides of each call's effect
    Around,
    /// Once a call took effect: no write is under way
    After,
}

/// The store as one process sees it.
pub(crate) struct Process<S> {
    store: S,
    calls: AtomicUsize,
    dies: Option<(usize, Moment)>,
    pause: Pause,
    knows_the_dead: bool,
    dead: AtomicBool,
}

impl<S: Store> Process<S> {
    pub(crate) fn on(store: S) -> Self {
        let (calls, dead) = (AtomicUsize::new(0), AtomicBool::new(false));
        Self { store, calls, dies: None, pause: Pause::Never, knows_the_dead: false, dead }
    }

    /// Dies in the store call of this number, counted from 1: that call fails, and so does every later one.
    pub(crate) fn that_dies(mut self, call: usize, moment: Moment) -> Self {
        self.dies = Some((call, moment));
        self
    }

    pub(crate) fn that_pauses(mut self, pause: Pause) -> Self {
        self.pause = pause;
        self
    }

    /// Can tell that every other process is gone, so that it need not wait for their leases.
    pub(crate) fn that_knows_the_dead(mut self) -> Self {
        self.knows_the_dead = true;
        self
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    async fn call<T>(
        &self,
        operation: &'static str,
        name: &str,
        effect: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let died =
            || StoreError { operation, name: name.to_owned(), reason: format!("the process died in call {call}") };
        let now = |moment| self.dies == Some((call, moment));
        if self.pause == Pause::Around {
            Yield::once().await;
        }
        if now(Moment::BeforeTheEffect) {
            self.dead.store(true, Ordering::Relaxed);
        }
        if self.is_dead() {
            return Err(died());
        }
        let result = effect.await;
        if self.pause != Pause::Never {
            Yield::once().await;
        }
        if now(Moment::AfterTheEffect) {
            self.dead.store(true, Ordering::Relaxed);
            return Err(died());
        }
        result
    }
}

impl<S: Store> Store for Process<S> {
    async fn get(&self, name: &str) -> Result<Option<Stored>, StoreError> {
        self.call("read", name, self.store.get(name)).await
    }

    async fn put(&self, name: &str, blob: &mut Blob) -> Result<(), StoreError> {
        self.call("write", name, self.store.put(name, blob)).await
    }

    async fn put_if(&self, name: &str, content: Vec<u8>, condition: Condition) -> Result<Written, StoreError> {
        self.call("write", name, self.store.put_if(name, content, condition)).await
    }

    async fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.call("remove", name, self.store.remove(name)).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Entry>, StoreError> {
        self.call("list", prefix, self.store.list(prefix)).await
    }

    fn holder(&self) -> String {
        self.store.holder()
    }

    fn is_gone(&self, holder: &str) -> bool {
        (self.knows_the_dead && holder != self.holder()) || self.store.is_gone(holder)
    }
}

/// Lets others go on.
pub(crate) struct Yield(bool);

impl Yield {
    pub(crate) fn once() -> Self {
        Self(false)
    }
}

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Runs a future to its end. Nothing here waits for anything but its turn, so it is polled until it is done.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = poll(future.as_mut()) {
            return value;
        }
    }
}

/// Lets a future go on until it is held up again.
pub(crate) fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut TaskContext::from_waker(Waker::noop()))
}

// ---- Committing

pub(crate) type Committed = Result<Outcome, CommitError>;

/// Commits one export, to the end.
pub(crate) fn commit(store: &impl Store, clock: &TestClock, export: &TestExport, pack: &'static Pack) -> Committed {
    run(begin(store, clock, export, pack, false))
}

/// Classifies and commits one export although it was committed.
pub(crate) fn commit_again(
    store: &impl Store,
    clock: &TestClock,
    export: &TestExport,
    pack: &'static Pack,
) -> Committed {
    run(begin(store, clock, export, pack, true))
}

/// A commit that has yet to be run.
pub(crate) async fn begin(
    store: &impl Store,
    clock: &TestClock,
    export: &TestExport,
    pack: &'static Pack,
    again: bool,
) -> Committed {
    Lake::new(store, clock).commit(export, &context(pack), again, None, &mut |_| {}).await
}

/// The lake of these exports, where nothing ever went wrong.
pub(crate) fn lake_of<'e>(exports: impl IntoIterator<Item = &'e TestExport>, pack: &'static Pack) -> Files {
    let (store, clock) = (MemoryStore::default(), TestClock::new());
    for export in exports {
        assert!(matches!(commit(&store, &clock, export, pack).unwrap(), Outcome::Committed(_)));
    }
    store.files()
}

/// A store with these files.
pub(crate) fn store_with(files: &Files) -> MemoryStore {
    let store = MemoryStore::default();
    for (name, content) in files {
        run(store.put(name, &mut Blob::of(content))).unwrap();
    }
    store
}

/// Fails with the names of the files that differ, instead of with all their bytes. What has yet to be correlated is of no
/// account: how much that is depends on what went wrong, and what comes of it does not.
#[track_caller]
pub(crate) fn assert_same(found: &Files, expected: &Files, when: &str) {
    let correlated = |files: &Files| -> Files {
        let done = files.iter().filter(|(name, _)| !name.starts_with(names::TOUCHED));
        done.map(|(name, content)| (name.clone(), content.clone())).collect()
    };
    assert_same_swept(&correlated(found), &correlated(expected), when);
}

/// The same, with everything correlated.
#[track_caller]
pub(crate) fn assert_same_swept(found: &Files, expected: &Files, when: &str) {
    let names = found.keys().chain(expected.keys()).collect::<std::collections::BTreeSet<_>>();
    let differing: Vec<_> = names
        .into_iter()
        .filter(|name| found.get(*name) != expected.get(*name))
        .map(|name| match (found.get(name), expected.get(name)) {
            (Some(_), None) => format!("{name} should not be there"),
            (None, _) => format!("{name} is missing"),
            _ => format!("{name} has other bytes"),
        })
        .collect();
    assert!(differing.is_empty(), "{when}: {differing:#?}");
}
