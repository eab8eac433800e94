//! A world in which anything may go wrong at any moment, by chance: workers whose steps interleave, that die or are held
//! up; a store and destinations that fail, or do what they are asked and fail to say so. The chance is that of a seed, so
//! that what happened once can be made to happen again.

use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use immuta_watch::config::Destination;
use immuta_watch::findings::Blob;
use immuta_watch::lake::{Condition, Entry, MemoryStore, Store, StoreError, Stored, Written, names};
use immuta_watch::notify::{Book, Item, Message, Messenger, Sent, Tally};

use crate::world::{TestClock, Yield, poll};

/// A message that a destination took.
#[derive(Debug, Clone)]
pub(crate) struct Acceptance {
    pub(crate) destination: String,
    pub(crate) id: String,
    pub(crate) marked: bool,
    /// The worker that sent it
    pub(crate) worker: usize,
    /// Whether the worker got the answer
    pub(crate) is_known: bool,
    /// Whether its delivery record said already that it had been taken
    pub(crate) was_entered: bool,
    /// How often the store had failed the worker at this destination's records
    pub(crate) failures: u32,
    /// How often the clock had jumped
    pub(crate) jumps: u32,
}

/// What is common to all workers of a sequence.
pub(crate) struct Disturbed {
    pub(crate) store: MemoryStore,
    pub(crate) clock: TestClock,
    pub(crate) taken: Mutex<Vec<Acceptance>>,
    random: Mutex<fastrand::Rng>,
    /// How many of a thousand calls fail
    faults: AtomicU32,
    /// How many of a thousand steps are a worker's last
    deaths: u32,
    jumps: AtomicU32,
    /// Whether the clock will jump by a day, once
    a_day: AtomicBool,
}

impl Disturbed {
    pub(crate) fn of(seed: u64) -> Self {
        let mut world = Self::calm();
        let mut random = fastrand::Rng::with_seed(seed);
        // Some sequences have none, some fail now and then, some at every turn.
        world.faults = [0, 20, 60, 200][random.usize(..4)].into();
        world.deaths = [0, 3, 10, 40][random.usize(..4)];
        match random.u32(..8) {
            0 => world.clock.advance(16 * 3600 - 90), // soon it is another day
            1 => world.a_day = true.into(),
            _ => {}
        }
        world.random = Mutex::new(random);
        world
    }

    /// One in which nothing goes wrong.
    pub(crate) fn calm() -> Self {
        Self {
            store: MemoryStore::default(),
            clock: TestClock::new(),
            taken: Mutex::default(),
            random: Mutex::new(fastrand::Rng::with_seed(0)),
            faults: 0.into(),
            deaths: 0,
            jumps: 0.into(),
            a_day: false.into(),
        }
    }

    pub(crate) fn draw(&self, below: u32) -> u32 {
        self.random.lock().unwrap().u32(..below)
    }

    pub(crate) fn shuffle<T>(&self, list: &mut [T]) {
        self.random.lock().unwrap().shuffle(list);
    }

    fn in_a_thousand(&self, chances: u32) -> bool {
        chances > 0 && self.draw(1000) < chances
    }

    pub(crate) fn jumps(&self) -> u32 {
        self.jumps.load(Ordering::Relaxed)
    }

    /// From now on nothing fails and nobody is held up.
    pub(crate) fn calm_down(&self) {
        self.faults.store(0, Ordering::Relaxed);
    }
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Nothing happened, and the caller knows
    Refused,
    /// Nothing happened, and the caller cannot tell
    LostBefore,
    /// It took effect, and the caller cannot tell
    LostAfter,
}

/// One worker: its view of the store and of the destinations.
pub(crate) struct Worker<'w> {
    world: &'w Disturbed,
    store: MemoryStore,
    number: usize,
    /// Whether others may come in between two steps
    yields: bool,
    /// How much it has asked for that has yet to take effect
    asking: AtomicU32,
    /// Store calls for delivery records that failed
    failures: AtomicU32,
    /// What it counted as possibly repeated
    repeated: AtomicU64,
}

impl<'w> Worker<'w> {
    pub(crate) fn new(world: &'w Disturbed, number: usize, yields: bool) -> Self {
        let store = world.store.as_holder(&format!("worker-{number}"));
        Self {
            world,
            store,
            number,
            yields,
            asking: AtomicU32::new(0),
            failures: AtomicU32::new(0),
            repeated: AtomicU64::new(0),
        }
    }

    /// Takes down what came of delivering.
    pub(crate) fn count(&self, tally: &Tally) {
        self.repeated.fetch_add(tally.possibly_repeated, Ordering::Relaxed);
    }

    pub(crate) fn counted(&self) -> u64 {
        self.repeated.load(Ordering::Relaxed)
    }

    pub(crate) fn failures(&self) -> u32 {
        self.failures.load(Ordering::Relaxed)
    }

    async fn wait(&self, most: u32) {
        if self.yields {
            for _ in 0..self.world.draw(most + 1) {
                Yield::once().await;
            }
        }
    }

    async fn call<T>(&self, effect: impl Future<Output = T>) -> Result<T, Fault> {
        self.asking.fetch_add(1, Ordering::Relaxed);
        self.wait(2).await;
        let world = self.world;
        let fault = world
            .in_a_thousand(world.faults.load(Ordering::Relaxed))
            .then(|| [Fault::Refused, Fault::LostBefore, Fault::LostAfter][world.draw(3) as usize]);
        let result = match fault {
            Some(fault @ (Fault::Refused | Fault::LostBefore)) => Err(fault),
            _ => Ok(effect.await),
        };
        self.asking.fetch_sub(1, Ordering::Relaxed);
        self.wait(1).await;
        result.and_then(|result| fault.map_or(Ok(result), Err))
    }

    async fn stored<T>(
        &self,
        operation: &'static str,
        name: &str,
        effect: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.call(effect).await.unwrap_or_else(|fault| {
            self.failures.fetch_add(u32::from(name.starts_with(names::DELIVERIES)), Ordering::Relaxed);
            Err(StoreError { operation, name: name.to_owned(), reason: format!("{fault:?}") })
        })
    }

    /// Notes that a destination took a message.
    fn note(&self, destination: &str, message: &Message) -> usize {
        let books = self.world.store.files();
        let book = |(name, content): (&String, &bytes::Bytes)| {
            let ends = format!("/{destination}.json");
            (name.starts_with(names::DELIVERIES) && name.ends_with(&ends))
                .then(|| (name.clone(), serde_json::from_slice::<Book>(content).unwrap()))
        };
        let was_entered = books.iter().filter_map(book).any(|(name, book)| {
            deliveries_in(&name, &book).any(|(id, delivery)| id == message.id && delivery.is_settled())
        });
        let mut taken = self.world.taken.lock().unwrap();
        taken.push(Acceptance {
            destination: destination.to_owned(),
            id: message.id.clone(),
            marked: message.possibly_repeated,
            worker: self.number,
            is_known: false,
            was_entered,
            failures: self.failures(),
            jumps: self.world.jumps(),
        });
        taken.len() - 1
    }
}

/// The deliveries of a record, by the ids that their messages have.
pub(crate) fn deliveries_in<'b>(
    name: &str,
    book: &'b Book,
) -> impl Iterator<Item = (String, &'b immuta_watch::notify::Delivery)> {
    let parts: Vec<&str> = name.trim_start_matches(names::DELIVERIES).split('/').collect();
    let date = parts[0].trim_start_matches("date=");
    let time = format!("{}T{}", date.replace('-', ""), parts[2]);
    let (folded, closing) = match parts[1] {
        "late" => (format!("late-{}", time.replacen('-', "Z-", 1)), String::new()),
        rule => (format!("storm-{rule}-{time}Z"), format!("closing-{rule}-{time}Z")),
    };
    let single = book.alerts.iter().map(|(id, delivery)| (id.to_string(), delivery));
    let folded = book.delivery(&Item::Folded(0)).map(|delivery| (folded, delivery));
    single.chain(folded).chain(book.delivery(&Item::Closing(0)).map(|delivery| (closing, delivery)))
}

impl Store for Worker<'_> {
    async fn get(&self, name: &str) -> Result<Option<Stored>, StoreError> {
        self.stored("read", name, self.store.get(name)).await
    }

    async fn put(&self, name: &str, blob: &mut Blob) -> Result<(), StoreError> {
        self.stored("write", name, self.store.put(name, blob)).await
    }

    async fn put_if(&self, name: &str, content: Vec<u8>, condition: Condition) -> Result<Written, StoreError> {
        self.stored("write", name, self.store.put_if(name, content, condition)).await
    }

    async fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.stored("remove", name, self.store.remove(name)).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Entry>, StoreError> {
        self.stored("list", prefix, self.store.list(prefix)).await
    }

    fn holder(&self) -> String {
        self.store.holder()
    }

    fn is_gone(&self, _: &str) -> bool {
        false
    }
}

impl Messenger for Worker<'_> {
    async fn send(&self, name: &str, _: &Destination, message: &Message) -> Sent {
        match self.call(async { self.note(name, message) }).await {
            Ok(taken) => {
                self.world.taken.lock().unwrap()[taken].is_known = true;
                Sent::Accepted { reference: None }
            }
            Err(Fault::Refused) => {
                let retry_after = (self.world.draw(2) == 0).then(|| chrono::TimeDelta::seconds(90));
                Sent::NotTaken { reason: "no connection".to_owned(), retry_after }
            }
            Err(_) => Sent::Unknown { reason: "no answer".to_owned() },
        }
    }
}

/// How a worker's life ended, with what had happened by then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    pub(crate) died: bool,
    pub(crate) failures: u32,
    pub(crate) jumps: u32,
}

/// Longer than anything in the outbox waits for its commit; short enough for this morning's events to be news.
const A_DAY: u64 = 25 * 3600;

/// What a worker does with its life.
pub(crate) type Life<'l> = Pin<Box<dyn Future<Output = ()> + 'l>>;

/// Lets workers go on by turns, in an order of chance, until each is done or dead. Between two turns the clock moves: a
/// little, or, while nobody has asked for anything that has yet to take effect, past claims and leases. `between` is
/// called before each turn.
pub(crate) fn interleave<'l>(
    world: &Disturbed,
    workers: &'l [Worker<'l>],
    live: impl Fn(&'l Worker<'l>) -> Life<'l>,
    mut between: impl FnMut(),
) -> Vec<End> {
    let mut ends = vec![None; workers.len()];
    let mut lives: Vec<(usize, Life<'l>)> = workers.iter().map(live).enumerate().collect();
    while !lives.is_empty() {
        between();
        if world.in_a_thousand(30) {
            let nobody_asks = lives.iter().all(|(number, _)| workers[*number].asking.load(Ordering::Relaxed) == 0);
            if nobody_asks {
                let a_day = world.draw(3) == 0 && world.a_day.swap(false, Ordering::Relaxed);
                let seconds = if a_day { A_DAY } else { [40, 130, 1000][world.draw(3) as usize] };
                world.clock.advance(seconds);
                world.jumps.fetch_add(1, Ordering::Relaxed);
            } else {
                world.clock.advance(1);
            }
        }
        let turn = world.draw(lives.len().try_into().unwrap()) as usize;
        let died = world.in_a_thousand(world.deaths);
        let is_over = died || poll(lives[turn].1.as_mut()).is_ready();
        if is_over {
            let (number, _) = lives.swap_remove(turn);
            ends[number] = Some(End { died, failures: workers[number].failures(), jumps: world.jumps() });
        }
    }
    ends.into_iter().flatten().collect()
}
