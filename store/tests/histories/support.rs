//! Time, chance and the steps at which a program may be stopped: all of them the history's.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures::FutureExt;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use simone_booking::Clock;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

/// A history that fails leaves its locks behind; what they hold is not used any more.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A clock that only moves when it is told to, or when somebody sleeps on it.
#[derive(Debug)]
pub struct VirtualClock {
    now: Mutex<DateTime<Utc>>,
}

impl VirtualClock {
    pub fn at(now: DateTime<Utc>) -> Arc<Self> {
        Arc::new(Self { now: Mutex::new(now) })
    }

    pub fn set(&self, now: DateTime<Utc>) {
        *lock(&self.now) = now;
    }

    pub fn advance(&self, by: TimeDelta) {
        *lock(&self.now) += by;
    }
}

#[async_trait]
impl Clock for VirtualClock {
    fn now(&self) -> DateTime<Utc> {
        *lock(&self.now)
    }

    async fn sleep(&self, duration: Duration) {
        self.advance(TimeDelta::from_std(duration).expect("waits are short"));
        tokio::task::yield_now().await;
    }
}

/// The history's chance.
pub struct Dice(SmallRng);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(SmallRng::seed_from_u64(seed))
    }

    /// In `0..end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end)
    }

    /// In `from..=to`.
    pub fn range(&mut self, from: i64, to: i64) -> i64 {
        self.0.random_range(from..=to)
    }

    pub fn chance(&mut self, percent: u32) -> bool {
        self.0.random_range(0..100) < percent
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// One of those named, by weight.
    pub fn weighted<T: Copy>(&mut self, of: &[(T, usize)]) -> T {
        let mut left = self.below(of.iter().map(|(_, weight)| weight).sum());
        for (what, weight) in of {
            match left.checked_sub(*weight) {
                Some(less) => left = less,
                None => return *what,
            }
        }
        of[0].0
    }

    pub fn fork(&mut self) -> Self {
        Self::new(self.0.random())
    }

    pub fn shuffle<T>(&mut self, of: &mut [T]) {
        for last in (1..of.len()).rev() {
            of.swap(last, self.below(last + 1));
        }
    }
}

/// What a suite has reached, by name.
static COVERAGE: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());

pub fn cover(what: &str) {
    let mut coverage = lock(&COVERAGE);
    match coverage.get_mut(what) {
        Some(times) => *times += 1,
        None => {
            coverage.insert(what.to_owned(), 1);
        }
    }
}

pub fn coverage() -> BTreeMap<String, u64> {
    lock(&COVERAGE).clone()
}

/// Every call of a program to its database and to the platform passes here; the program can be stopped before
/// each, and a call to the database can be made to fail, performed or not.
#[derive(Debug)]
pub struct Gate {
    state: Mutex<GateState>,
}

#[derive(Debug, Default)]
struct GateState {
    /// How many more steps it may take; `None`: it runs freely.
    budget: Option<u64>,
    /// It stands before a step that it may not take.
    waits: bool,
    /// Which store call from now fails, and whether it is performed first.
    fails: Option<(u64, bool)>,
    last: &'static str,
}

/// What becomes of a call to the database.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Answered,
    NotPerformed,
    AnswerLost,
}

impl Gate {
    pub fn open() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default() })
    }

    pub fn closed() -> Arc<Self> {
        let gate = Self::open();
        lock(&gate.state).budget = Some(0);
        gate
    }

    /// The `nth` call to the database from now (from 0) fails.
    pub fn failing(nth: u64, performed: bool) -> Arc<Self> {
        let gate = Self::open();
        lock(&gate.state).fails = Some((nth, performed));
        gate
    }

    /// Where the program stands.
    pub fn last(&self) -> &'static str {
        lock(&self.state).last
    }

    pub async fn step(&self, name: &'static str) {
        poll_fn(|_| {
            let mut state = lock(&self.state);
            state.last = name;
            match &mut state.budget {
                None => Poll::Ready(()),
                Some(0) => {
                    // Whoever lets it go on polls it again.
                    state.waits = true;
                    Poll::Pending
                }
                Some(left) => {
                    *left -= 1;
                    Poll::Ready(())
                }
            }
        })
        .await;
    }

    pub fn fate(&self) -> Fate {
        let mut state = lock(&self.state);
        match &mut state.fails {
            None => Fate::Answered,
            Some((0, performed)) => {
                let fate = if *performed { Fate::AnswerLost } else { Fate::NotPerformed };
                state.fails = None;
                fate
            }
            Some((nth, _)) => {
                *nth -= 1;
                Fate::Answered
            }
        }
    }

    /// Lets a program take up to `steps` steps. `None`: it waits before the next one.
    pub async fn advance<F: Future + Unpin>(&self, program: &mut F, steps: u64) -> Option<F::Output> {
        {
            let mut state = lock(&self.state);
            state.budget = Some(steps);
            state.waits = false;
        }
        poll_fn(|context| match program.poll_unpin(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if lock(&self.state).waits => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }
}

/// A generator that can be set to a seed while others hold it, so that each history gets the same ids.
#[derive(Clone)]
pub struct SharedRng(Arc<Mutex<SmallRng>>);

impl SharedRng {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(SmallRng::seed_from_u64(0))))
    }

    pub fn reseed(&self, seed: u64) {
        *lock(&self.0) = SmallRng::seed_from_u64(seed);
    }
}

impl rand::TryRng for SharedRng {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        lock(&self.0).try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        lock(&self.0).try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        lock(&self.0).try_fill_bytes(bytes)
    }
}
