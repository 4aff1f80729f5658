//! The background worker: due rounds, derivations, erasures, e-mails and webhooks. It keeps no list of its own; what is due stands in
//! the tables.

use crate::live::Live;
use crate::mail::Mailer;
use crate::webhooks::Messenger;
use simone_booking::Clock;
use simone_store::Database;
use simone_sync::engine::Engine;
use simone_sync::ports::StoreResult;
use simone_sync::schedule::backoff;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often the tables are asked when nobody knocks.
const PULSE: Duration = Duration::from_secs(1);

/// How long a stop waits for the rounds under way.
const GRACE: Duration = Duration::from_secs(8);

/// How often what is too old is pruned.
const PRUNING: Duration = Duration::from_secs(60 * 60);

pub(crate) struct Worker {
    pub engine: Engine,
    pub database: Database,
    pub clock: Arc<dyn Clock>,
    /// Rings whenever something may have become due.
    pub wake: Arc<Notify>,
    pub stop: CancellationToken,
    pub concurrent_rounds: usize,
    pub mailer: Arc<Mailer>,
    /// `None`: no marketplace is to be told.
    pub messenger: Option<Messenger>,
    /// Told when something may have changed that an open page shows.
    pub live: Live,
}

/// Runs until stopped. Rounds, derivations, erasures, e-mails, webhooks and pruning go their own ways: none of them waits
/// for another.
pub(crate) async fn run(worker: Worker) {
    let worker = Arc::new(worker);
    let rounds = TaskTracker::new();
    let places = Arc::new(Semaphore::new(worker.concurrent_rounds));
    tokio::join!(
        repeat(&worker, true, "rounds cannot be started", || start_rounds(&worker, &rounds, &places)),
        repeat(&worker, true, "providers cannot be derived", || async {
            if worker.engine.derive_due(64).await? > 0 {
                worker.live.ring();
            }
            Ok(())
        }),
        repeat(&worker, true, "accounts cannot be erased", || erase(&worker)),
        repeat(&worker, false, "e-mails cannot be read", || {
            crate::mail::deliver(&worker.database, &worker.mailer, worker.clock.as_ref())
        }),
        repeat(&worker, false, "webhooks cannot be read", || async {
            match &worker.messenger {
                Some(messenger) => {
                    messenger.deliver(&worker.database, worker.clock.as_ref(), &worker.stop).await
                }
                None => Ok(()),
            }
        }),
        prune(&worker),
    );
    rounds.close();
    tokio::select! {
        () = rounds.wait() => {}
        // Their leases run out, and the next start takes over.
        () = worker.clock.sleep(GRACE) => tracing::warn!(rounds = rounds.len(), "rounds were cut short"),
    }
}

/// Does one thing again and again: every second, or when rung; in growing pauses while the database is away, which the
/// log is told once, and once when it is over.
async fn repeat<F: Future<Output = StoreResult<()>>>(
    worker: &Worker,
    rung: bool,
    trouble: &'static str,
    mut act: impl FnMut() -> F,
) {
    let mut troubles = 0;
    while !worker.stop.is_cancelled() {
        let pause = match act().await {
            Ok(()) => {
                if troubles > 0 {
                    tracing::info!(tries = troubles, "over: {trouble}");
                }
                troubles = 0;
                PULSE
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                match troubles {
                    0 => tracing::error!(error, "{trouble}; tried again until it works"),
                    _ => tracing::debug!(error, "{trouble}"),
                }
                troubles += 1;
                backoff(troubles, 0.0)
            }
        };
        tokio::select! {
            () = worker.wake.notified(), if rung && troubles == 0 => {}
            () = worker.clock.sleep(pause) => {}
            () = worker.stop.cancelled() => {}
        }
    }
}

/// Removes those who wished to be erased and whose connections have all been ended.
async fn erase(worker: &Worker) -> StoreResult<()> {
    for provider in worker.database.finish_erasures(worker.clock.now()).await? {
        tracing::info!(%provider, "a provider's account was erased");
    }
    Ok(())
}

/// Removes what is too old, every hour.
async fn prune(worker: &Worker) {
    while !worker.stop.is_cancelled() {
        if let Err(error) = worker.database.prune(worker.clock.now()).await {
            tracing::error!(error = &error as &dyn std::error::Error, "what is too old cannot be removed");
        }
        tokio::select! {
            () = worker.clock.sleep(PRUNING) => {}
            () = worker.stop.cancelled() => {}
        }
    }
}

async fn start_rounds(worker: &Worker, rounds: &TaskTracker, places: &Arc<Semaphore>) -> StoreResult<()> {
    loop {
        let free = places.available_permits();
        if free == 0 {
            return Ok(());
        }
        let leases = worker.engine.lease_due(i64::try_from(free).unwrap_or(i64::MAX)).await?;
        if leases.is_empty() {
            return Ok(());
        }
        worker.live.ring();
        for lease in leases {
            let place = places.clone().acquire_owned().await.expect("the semaphore is never closed");
            let (engine, wake, live) = (worker.engine.clone(), worker.wake.clone(), worker.live.clone());
            rounds.spawn(async move {
                engine.round(lease).await;
                drop(place);
                live.ring();
                // To who waits, and to who is about to.
                wake.notify_waiters();
                wake.notify_one();
            });
        }
    }
}
