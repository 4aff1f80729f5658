//! The engine: performs rounds. What is decided stands in the pure modules beside it.

mod asking;
mod disconnecting;
mod ending;
mod exporting;
mod performing;
mod pulling;
mod stop;

use crate::import::Counts;
use crate::platform::{CalendarPlatform, Platforms};
use crate::ports::{Lease, Progress, RoundInput, RoundStore, Status, StoreError, StoreResult, Tokens};
use crate::round::{Advance, Exports, Outcome};
use crate::schedule::{CALENDARS_INTERVAL, DISCONNECT_PATIENCE, LEASE};
use chrono::{DateTime, TimeDelta, Utc};
use simone_booking::{Clock, Ids, ProviderId};
use std::sync::Arc;
use stop::Stop;
use url::Url;

/// A listing that goes on for longer than this many pages is taken for a fault of the platform.
const MOST_PAGES: usize = 2_000;

/// How often a long listing says how far it is.
const PROGRESS_INTERVAL: TimeDelta = TimeDelta::milliseconds(500);

/// How often a request is repeated when the platform asks to wait, and when it does not answer properly.
const REPEATS_RATE_LIMITED: u32 = 4;
const REPEATS_UNAVAILABLE: u32 = 2;

/// Performs rounds of connections over a store and the platforms.
#[derive(Clone)]
pub struct Engine {
    store: Arc<dyn RoundStore>,
    platforms: Arc<Platforms>,
    clock: Arc<dyn Clock>,
    ids: Arc<Ids>,
    /// Where the product is: events lead back to it.
    pages: Url,
}

/// The state of one round under way.
struct Round<'a> {
    lease: Lease,
    platform: &'a dyn CalendarPlatform,
    tokens: Option<Tokens>,
    /// An access token that the API refused is refreshed once a round.
    refreshed: bool,
    failures: i64,
    started_at: DateTime<Utc>,
    requests: i64,
    refreshes: i64,
    counts: Counts,
    delays: (usize, i64),
    list_doubted: bool,
    failed_calendars: usize,
    /// Calendars that are not there, or may not be seen, at present: what is asked of their events says nothing of these.
    unseen: Vec<String>,
    disconnected: bool,
    advances: Vec<Advance>,
    /// Something that blocks depend on was written.
    facts_changed: bool,
    /// Nothing has been asked of the platform since the lease was last looked at.
    held: bool,
    progress: Progress,
    /// When the progress was last noted.
    noted_at: DateTime<Utc>,
    /// When its pull of all calendars began, once that is derived from.
    pulled_from: Option<DateTime<Utc>>,
    exports: Exports,
    /// How often this round may still repeat a request that was not answered properly.
    repeats_unavailable: u32,
}

impl Engine {
    pub fn new(
        store: Arc<dyn RoundStore>,
        platforms: Arc<Platforms>,
        clock: Arc<dyn Clock>,
        ids: Arc<Ids>,
        pages: Url,
    ) -> Self {
        Self { store, platforms, clock, ids, pages }
    }

    /// Leases up to `limit` connections that are due. Each lease is to be passed to [`Engine::round`].
    pub async fn lease_due(&self, limit: i64) -> StoreResult<Vec<Lease>> {
        let now = self.clock.now();
        self.store.lease_due(now, now + LEASE, limit).await
    }

    /// Derives the blocks of all providers whose facts have changed, or whose day has.
    pub async fn derive_due(&self, limit: i64) -> StoreResult<usize> {
        let providers = self.store.derive_due(self.clock.now(), limit).await?;
        for provider in &providers {
            // One that cannot be derived does not keep the others waiting.
            if let Err(error) = self.derive(*provider).await {
                let error = &error as &dyn std::error::Error;
                tracing::error!(%provider, error, "a provider's blocks cannot be derived");
            }
        }
        Ok(providers.len())
    }

    async fn derive(&self, provider: ProviderId) -> StoreResult<()> {
        self.store.derive(provider, self.clock.now()).await?;
        Ok(())
    }

    /// Performs one round of a leased connection, and records how it ended. `None`: it was overtaken, or the
    /// database did not let it be recorded; then the lease runs out and the next round finishes the work.
    pub async fn round(&self, lease: Lease) -> Option<Outcome> {
        let connection = lease.connection;
        let Some(platform) = self.platforms.get(&lease.platform).cloned() else {
            tracing::error!(%connection, platform = %lease.platform, "this platform is not configured");
            let ended = self.without_adapter(&lease).await;
            return self.ended(&lease, ended).await;
        };
        let mut round = Round {
            lease,
            platform: platform.as_ref(),
            tokens: None,
            refreshed: false,
            failures: 0,
            started_at: self.clock.now(),
            requests: 0,
            refreshes: 0,
            counts: Counts::default(),
            delays: (0, 0),
            list_doubted: false,
            failed_calendars: 0,
            unseen: Vec::new(),
            disconnected: false,
            advances: Vec::new(),
            facts_changed: false,
            held: false,
            progress: Progress::default(),
            noted_at: DateTime::UNIX_EPOCH,
            pulled_from: None,
            exports: Exports::default(),
            repeats_unavailable: REPEATS_UNAVAILABLE,
        };
        let result = self.perform(&mut round).await;
        let lease = round.lease.clone();
        let ended = self.end(round, result).await;
        self.ended(&lease, ended).await
    }

    /// What became of a round. One that was overtaken asks nothing more, and whoever overtook it may begin.
    async fn ended(&self, lease: &Lease, ended: StoreResult<Option<Outcome>>) -> Option<Outcome> {
        let connection = lease.connection;
        let error = match ended {
            Ok(outcome) => return outcome,
            Err(StoreError::LeaseLost) => {
                tracing::debug!(%connection, "a round was overtaken");
                self.store.release_lease(lease).await.err()?
            }
            Err(error) => error,
        };
        tracing::error!(%connection, error = &error as &dyn std::error::Error, "a round could not be recorded");
        None
    }

    /// A platform that is no longer configured is as good as unreachable: a disconnect is given up in its time.
    async fn without_adapter(&self, lease: &Lease) -> StoreResult<Option<Outcome>> {
        let now = self.clock.now();
        let input = self.store.round_input(lease).await?;
        if input.status == Status::Disconnecting && patience_is_over(&input, now) {
            self.store.finish_disconnect(lease, !input.account_shared, now).await?;
        }
        Ok(None)
    }

    async fn perform(&self, round: &mut Round<'_>) -> Result<(), Stop> {
        let input = self.store.round_input(&round.lease).await?;
        round.failures = input.failures;
        round.held = true;
        match input.status {
            Status::Connected => self.sync(round, input).await,
            Status::Disconnecting => self.disconnect(round, input).await,
            Status::NeedsReconnect | Status::Disconnected => Err(Stop::Overtaken),
        }
    }

    async fn sync(&self, round: &mut Round<'_>, input: RoundInput) -> Result<(), Stop> {
        let Some(tokens) = input.tokens else {
            // The key that sealed them is lost: only the provider can give new ones.
            return Err(self.needs_reconnect(round).await);
        };
        round.tokens = Some(tokens);
        let now = self.clock.now();
        let mut targets = input.targets;
        if input.calendars_listed_at.is_none_or(|at| at + CALENDARS_INTERVAL <= now) {
            let calendars = self.list_calendars(round).await?;
            self.store.apply_calendars(&round.lease, &calendars, self.clock.now()).await?;
            targets = self.store.pull_targets(&round.lease).await?;
            round.facts_changed = true;
        }
        for target in &targets {
            let Err(stop) = self.pull_calendar(round, target).await else { continue };
            // One failing calendar does not stop another, unless what failed concerns them all.
            let Some(code) = stop.of_one_calendar() else { return Err(stop) };
            tracing::warn!(
                connection = %round.lease.connection,
                calendar = %target.calendar,
                error = &stop as &dyn std::error::Error,
                "a calendar could not be read"
            );
            self.store.note_calendar(&round.lease, target.calendar, Some(code)).await?;
            round.failed_calendars += 1;
            if stop.doubts_the_list() {
                round.list_doubted = true;
                round.unseen.push(target.external_id.clone());
            } else if round.failed_calendars == targets.len() {
                return Err(stop);
            }
        }
        if round.facts_changed || input.unreadable {
            // What others changed, they have derived, or the worker will.
            self.derive(round.lease.provider).await?;
            self.expand_unreadable(round).await?;
        }
        round.pulled_from = Some(now).filter(|_| round.failed_calendars == 0);
        if round.facts_changed || input.exports_pending {
            self.export(round).await?;
        }
        Ok(())
    }
}

fn patience_is_over(input: &RoundInput, now: DateTime<Utc>) -> bool {
    input.disconnect_requested_at.is_some_and(|at| at + DISCONNECT_PATIENCE <= now)
}
