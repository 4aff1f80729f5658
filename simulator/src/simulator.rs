//! What all handlers share: the world behind a mutex, and how it began.

use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::faults::Faults;
use crate::google::model::Google;
use crate::microsoft::Microsoft;
use crate::push::Deliveries;
use crate::requests::RequestLog;
use crate::{
    DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, DEMO_OUTLOOK_CLIENT_ID, DEMO_OUTLOOK_CLIENT_SECRET, Options, demo,
    push, state_file,
};

pub(crate) struct Simulator {
    options: Options,
    world: Mutex<World>,
    /// For push messages.
    client: reqwest::Client,
    /// Push messages on their way; they end with the simulator.
    running: Mutex<JoinSet<()>>,
}

/// Everything that the simulator knows.
pub(crate) struct World {
    pub clock: Clock,
    pub rng: ChaCha8Rng,
    pub faults: Faults,
    pub requests: RequestLog,
    pub deliveries: Deliveries,
    pub google: Google,
    pub microsoft: Microsoft,
}

impl Simulator {
    /// Goes on from the state file, if there is one.
    pub fn new(options: Options) -> io::Result<Self> {
        let mut world = World::new(&options);
        if let Some(file) = &options.state_file
            && let Some((google, microsoft)) = state_file::read(file, &mut world.rng)?
        {
            world.google = google;
            // A file from before there was Microsoft: it begins as if there were no file.
            world.microsoft = microsoft.unwrap_or(world.microsoft);
        }
        let client = push::client().map_err(io::Error::other)?;
        Ok(Simulator { options, world: Mutex::new(world), client, running: Mutex::default() })
    }

    pub fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// Runs a task beside the requests, until the simulator ends.
    pub fn run(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        while running.try_join_next().is_some() {}
        running.spawn(task);
    }

    pub fn state_file(&self) -> Option<&Path> {
        self.options.state_file.as_deref()
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        // A handler that panicked is a defect of the simulator; the others can still be served.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn reset(&self) {
        *self.world() = World::new(&self.options);
    }
}

impl World {
    fn new(options: &Options) -> Self {
        let mut world = World {
            clock: Clock::new(options.now),
            rng: ChaCha8Rng::seed_from_u64(options.seed),
            faults: Faults::default(),
            requests: RequestLog::default(),
            deliveries: Deliveries::default(),
            google: Google::default(),
            microsoft: Microsoft::default(),
        };
        world.google.add_demo_client(DEMO_CLIENT_ID, DEMO_CLIENT_SECRET);
        world.microsoft.directory.add_demo_client(DEMO_OUTLOOK_CLIENT_ID, DEMO_OUTLOOK_CLIENT_SECRET);
        if options.demo {
            demo::load(&mut world);
        }
        world
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}
