//! The engine: performs rounds. What is decided stands in the pure modules beside it.

use crate::event::{Change, ObservedEvent};
use crate::import::{Counts, Draft, Pull};
use crate::platform::{
    CalendarPlatform, PageEnd, PlatformError, Platforms, Position, RemoteCalendar, TokenError,
};
use crate::ports::{
    Lease, Progress, PullTarget, RoundInput, RoundStore, Status, StoreError, StoreResult, Tokens,
    UnreadableSeries,
};
use crate::round::{Advance, Outcome, RoundReport};
use crate::schedule::{
    self, CALENDARS_INTERVAL, CURSOR_INTERVAL, DISCONNECT_PATIENCE, LEASE, LONGEST_WAIT, REFRESH_BEFORE,
    STAND_INS_INTERVAL,
};
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;
use secrecy::SecretString;
use simone_booking::{Clock, Ids, Interval, ProviderId, horizon::HORIZON_DAYS};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

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
}

/// Why a round cannot go on.
#[derive(Debug, thiserror::Error)]
enum Stop {
    /// Someone else holds the connection: write nothing more.
    #[error("overtaken")]
    Overtaken,
    #[error("the grant is dead or lacks a permission")]
    NeedsReconnect,
    #[error(transparent)]
    Platform(PlatformError),
    #[error(transparent)]
    Token(TokenError),
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::LeaseLost => Self::Overtaken,
            other => Self::Store(other),
        }
    }
}

impl Stop {
    /// What a failure of one calendar says of that calendar; `None` when it concerns the whole connection.
    fn of_one_calendar(&self) -> Option<&'static str> {
        match self {
            Self::Platform(PlatformError::NotFound) => Some("not_found"),
            Self::Platform(PlatformError::Forbidden { .. }) => Some("forbidden"),
            Self::Platform(PlatformError::Refused { .. }) => Some("refused"),
            Self::Platform(PlatformError::CursorExpired) => Some("cursor_expired"),
            Self::Platform(PlatformError::Unavailable { .. }) => Some("unavailable"),
            _ => None,
        }
    }

    fn outcome(&self) -> Outcome {
        match self {
            Self::NeedsReconnect | Self::Platform(PlatformError::MissingScopes) => Outcome::NeedsReconnect,
            Self::Token(TokenError::Dead { .. }) => Outcome::NeedsReconnect,
            Self::Token(TokenError::Misconfigured { .. }) => Outcome::Misconfigured,
            Self::Token(TokenError::RateLimited { .. })
            | Self::Platform(PlatformError::RateLimited { .. }) => Outcome::RateLimited,
            Self::Token(TokenError::Unavailable { .. })
            | Self::Platform(PlatformError::Unavailable { .. }) => Outcome::Unavailable,
            Self::Platform(PlatformError::QuotaExhausted { .. }) => Outcome::QuotaExhausted,
            Self::Platform(PlatformError::Unauthorized) => Outcome::Unauthorized,
            Self::Platform(_) => Outcome::Refused,
            Self::Store(_) | Self::Overtaken => Outcome::Database,
        }
    }

    /// How long the platform asked to wait.
    const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Token(TokenError::RateLimited { retry_after })
            | Self::Platform(
                PlatformError::RateLimited { retry_after }
                | PlatformError::QuotaExhausted { retry_after }
                | PlatformError::Unavailable { retry_after, .. },
            ) => *retry_after,
            _ => None,
        }
    }
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
    disconnected: bool,
    advances: Vec<Advance>,
    /// Something that blocks depend on was written.
    facts_changed: bool,
    /// Nothing has been asked of the platform since the lease was last looked at.
    held: bool,
    progress: Progress,
    /// When the progress was last noted.
    noted_at: DateTime<Utc>,
    /// How often this round may still repeat a request that was not answered properly.
    repeats_unavailable: u32,
}

/// All pages of a change feed.
struct Feed {
    changes: Vec<Change>,
    cursor: String,
    zone: Option<String>,
}

impl Engine {
    pub fn new(
        store: Arc<dyn RoundStore>,
        platforms: Arc<Platforms>,
        clock: Arc<dyn Clock>,
        ids: Arc<Ids>,
    ) -> Self {
        Self { store, platforms, clock, ids }
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
            return self.without_adapter(&lease).await;
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
            disconnected: false,
            advances: Vec::new(),
            facts_changed: false,
            held: false,
            progress: Progress::default(),
            noted_at: DateTime::UNIX_EPOCH,
            repeats_unavailable: REPEATS_UNAVAILABLE,
        };
        let result = self.perform(&mut round).await;
        match self.end(round, result).await {
            Ok(outcome) => outcome,
            Err(StoreError::LeaseLost) => None,
            Err(error) => {
                tracing::error!(%connection, error = &error as &dyn std::error::Error, "a round could not be recorded");
                None
            }
        }
    }

    /// A platform that is no longer configured is as good as unreachable: a disconnect is given up in its time.
    async fn without_adapter(&self, lease: &Lease) -> Option<Outcome> {
        let now = self.clock.now();
        let input = self.store.round_input(lease).await.ok()?;
        if input.status == Status::Disconnecting && patience_is_over(&input, now) {
            self.store.finish_disconnect(lease, !input.account_shared, now).await.ok()?;
        }
        None
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
            if let Stop::Platform(PlatformError::NotFound | PlatformError::Forbidden { .. }) = stop {
                // It may have been withdrawn: the list tells.
                round.list_doubted = true;
            } else if round.failed_calendars == targets.len() {
                return Err(stop);
            }
        }
        if !round.facts_changed && !input.unreadable {
            // What others changed, they have derived, or the worker will.
            return Ok(());
        }
        self.derive(round.lease.provider).await?;
        self.expand_unreadable(round).await
    }

    async fn list_calendars(&self, round: &mut Round<'_>) -> Result<Vec<RemoteCalendar>, Stop> {
        let platform = round.platform;
        let mut calendars = Vec::new();
        let mut page: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let mut answer = self
                .ask(round, |token| {
                    let page = page.clone();
                    Box::pin(async move { platform.calendars(&token, page.as_deref()).await })
                })
                .await?;
            calendars.append(&mut answer.calendars);
            match answer.next_page {
                Some(next) => page = Some(next),
                None => return Ok(calendars),
            }
        }
        Err(Stop::Platform(unavailable("the listing does not end")))
    }

    /// Brings one calendar's observations up to date.
    async fn pull_calendar(&self, round: &mut Round<'_>, target: &PullTarget) -> Result<(), Stop> {
        let mut stored_cursor = target.cursor.clone();
        // A loss that was held back leaves no cursor: the calendar is then listed in full, at once, to check it.
        for _ in 0..2 {
            let pull = self.pull(round, target, stored_cursor).await?;
            let named: Option<Vec<String>> =
                (!pull.complete).then(|| pull.changes.iter().map(|change| change.id().to_owned()).collect());
            let known = match named.as_deref() {
                Some([]) => HashMap::new(),
                named => self.store.known_events(target.calendar, named).await?,
            };
            let now = self.clock.now();
            // An answer that had to be looked through is not to be given again.
            let looked_through = !pull.changes.is_empty();
            let draft = Draft::new(pull, &known, now);
            let blocks = if draft.loses() {
                // The brake weighs blocks: they have to be those of what is stored.
                self.derive(round.lease.provider).await?;
                self.store.block_counts(target.calendar, now).await?
            } else {
                HashMap::new()
            };
            let plan = draft.brake(&blocks);
            if let Some(settled_at) = target.settled_at
                && !plan.changes_facts()
                && plan.cursor.is_some() == plan.expected_cursor.is_some()
            {
                // The platform had nothing to say: there is at most a cursor to move on.
                if looked_through || settled_at + CURSOR_INTERVAL <= now {
                    round.advances.extend(plan.advance());
                }
                return Ok(());
            }
            self.hold(round).await?;
            if !self.store.apply_pull(&round.lease, &plan, now).await? {
                // Unselected, or selected anew, while we read: the next round begins from what stands now.
                return Ok(());
            }
            round.facts_changed |= plan.changes_facts();
            round.counts += plan.counts;
            round.delays.0 += plan.delays.0;
            round.delays.1 += plan.delays.1;
            if plan.hold.is_empty() {
                return Ok(());
            }
            tracing::warn!(
                connection = %round.lease.connection,
                calendar = %target.calendar,
                events = plan.counts.held,
                "an abnormal loss of events is held back"
            );
            stored_cursor = None;
        }
        Ok(())
    }

    /// Fetches all pages since a cursor; all there is, when the cursor has expired.
    async fn pull(
        &self,
        round: &mut Round<'_>,
        target: &PullTarget,
        stored_cursor: Option<String>,
    ) -> Result<Pull, Stop> {
        let mut from = stored_cursor.as_deref();
        let feed = match self.feed(round, &target.external_id, from).await {
            Err(Stop::Platform(PlatformError::CursorExpired)) if from.is_some() => {
                from = None;
                self.feed(round, &target.external_id, None).await?
            }
            other => other?,
        };
        let complete = from.is_none();
        Ok(Pull {
            calendar: target.calendar,
            expected_cursor: stored_cursor,
            complete,
            changes: feed.changes,
            cursor: feed.cursor,
            zone: feed.zone.filter(|zone| target.zone.as_ref() != Some(zone)),
        })
    }

    async fn feed(&self, round: &mut Round<'_>, calendar: &str, cursor: Option<&str>) -> Result<Feed, Stop> {
        let platform = round.platform;
        let mut changes = Vec::new();
        let mut zone = None;
        let mut page: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let mut answer = self
                .ask(round, |token| {
                    let (calendar, cursor, page) =
                        (calendar.to_owned(), cursor.map(str::to_owned), page.clone());
                    Box::pin(async move {
                        let position = Position { cursor: cursor.as_deref(), page: page.as_deref() };
                        platform.changes(&token, &calendar, position).await
                    })
                })
                .await?;
            self.count_page(round, answer.changes.len(), matches!(answer.end, PageEnd::More(_))).await?;
            changes.append(&mut answer.changes);
            zone = answer.zone.or(zone);
            match answer.end {
                PageEnd::More(next) => page = Some(next),
                PageEnd::Cursor(cursor) => return Ok(Feed { changes, cursor, zone }),
                PageEnd::Cut => return Err(Stop::Platform(unavailable("the listing ends without a cursor"))),
            }
        }
        Err(Stop::Platform(unavailable("the listing does not end")))
    }

    /// Counts a page that was read. It is noted only when another follows, and not more often than people look: a round
    /// in which each calendar answers with one page writes nothing of it.
    async fn count_page(&self, round: &mut Round<'_>, events: usize, more: bool) -> StoreResult<()> {
        round.progress.pages += 1;
        round.progress.events += i64::try_from(events).unwrap_or(i64::MAX);
        let now = self.clock.now();
        if !more || now - round.noted_at < PROGRESS_INTERVAL {
            return Ok(());
        }
        round.noted_at = now;
        self.store.note_progress(&round.lease, round.progress).await
    }

    /// Asks the platform to expand the series whose rules cannot be read here.
    async fn expand_unreadable(&self, round: &mut Round<'_>) -> Result<(), Stop> {
        let now = self.clock.now();
        let series = self.store.unreadable_series(&round.lease, now - STAND_INS_INTERVAL).await?;
        for series in &series {
            let instances = match self.instances(round, series, now).await {
                Ok(instances) => Some(instances),
                Err(stop) if stop.of_one_calendar().is_some() => None,
                Err(stop) => return Err(stop),
            };
            self.hold(round).await?;
            self.store.apply_stand_ins(&round.lease, series, instances.as_deref(), now).await?;
        }
        if series.is_empty() { Ok(()) } else { Ok(self.derive(round.lease.provider).await?) }
    }

    async fn instances(
        &self,
        round: &mut Round<'_>,
        series: &UnreadableSeries,
        now: DateTime<Utc>,
    ) -> Result<Vec<ObservedEvent>, Stop> {
        let platform = round.platform;
        // A day more on either side, for zones; a day more ahead, since it is asked again each day.
        let window = Interval::new(
            now - TimeDelta::days(2),
            now + TimeDelta::days(i64::try_from(HORIZON_DAYS).unwrap_or(90) + 3),
        );
        let mut events = Vec::new();
        let mut page: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let answer = self
                .ask(round, |token| {
                    let (page, series) = (page.clone(), series.clone());
                    Box::pin(async move {
                        platform
                            .instances(
                                &token,
                                &series.calendar_external_id,
                                &series.master,
                                window,
                                page.as_deref(),
                            )
                            .await
                    })
                })
                .await?;
            for change in answer.changes {
                match change {
                    Change::Present(event) => events.push(*event),
                    Change::Gone { .. } => {}
                    // Incomplete: what is known is not to be replaced by it.
                    Change::Unreadable { .. } => {
                        return Err(Stop::Platform(unavailable("an occurrence cannot be read")));
                    }
                }
            }
            match answer.end {
                PageEnd::More(next) => page = Some(next),
                // A list of occurrences ends without a cursor to go on from.
                PageEnd::Cursor(_) => return Ok(events),
                PageEnd::Cut => return Err(Stop::Platform(unavailable("the listing ends too early"))),
            }
        }
        Err(Stop::Platform(unavailable("the listing does not end")))
    }

    /// The provider wished to disconnect: the grant is revoked, unless others live on it, and the tokens go.
    async fn disconnect(&self, round: &mut Round<'_>, input: RoundInput) -> Result<(), Stop> {
        let now = self.clock.now();
        let expired = patience_is_over(&input, now);
        // Without tokens (their key is lost) nothing can be revoked: what remains is the provider's to withdraw.
        let mut abandoned = input.tokens.is_none() && !input.account_shared;
        if let (Some(tokens), false) = (input.tokens, input.account_shared) {
            // Once a round, right after looking who else lives on the account: a repetition could end a grant that
            // was given meanwhile.
            self.hold(round).await?;
            round.requests += 1;
            match round.platform.revoke(&tokens.refresh).await {
                Ok(()) => {}
                Err(error) if !expired => return Err(Stop::Platform(error)),
                Err(_) => abandoned = true,
            }
        }
        self.store.finish_disconnect(&round.lease, abandoned, now).await?;
        tracing::info!(connection = %round.lease.connection, abandoned, "disconnected");
        round.disconnected = true;
        Ok(())
    }

    /// One request with a live access token.
    async fn ask<'p, T>(
        &self,
        round: &mut Round<'p>,
        mut request: impl FnMut(SecretString) -> BoxFuture<'p, Result<T, PlatformError>> + Send,
    ) -> Result<T, Stop> {
        let token = self.access_token(round).await?;
        let mut answer = self.request(round, || request(token.clone())).await;
        if let Err(Stop::Platform(PlatformError::Unauthorized)) = answer
            && !round.refreshed
        {
            round.refreshed = true;
            let token = self.refresh(round).await?;
            answer = self.request(round, || request(token.clone())).await;
        }
        if let Err(Stop::Platform(PlatformError::MissingScopes)) = answer {
            return Err(self.needs_reconnect(round).await);
        }
        answer
    }

    /// One request, repeated with growing waits while the platform asks for it or does not answer properly.
    async fn request<'p, T>(
        &self,
        round: &mut Round<'p>,
        mut request: impl FnMut() -> BoxFuture<'p, Result<T, PlatformError>> + Send,
    ) -> Result<T, Stop> {
        let mut repeated = 0;
        loop {
            // Reading what the round begins from has shown that it is.
            if !std::mem::take(&mut round.held) {
                self.hold(round).await?;
            }
            round.requests += 1;
            let error = match request().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let retry_after = match &error {
                PlatformError::RateLimited { retry_after } if repeated < REPEATS_RATE_LIMITED => *retry_after,
                PlatformError::Unavailable { retry_after, .. } if round.repeats_unavailable > 0 => {
                    round.repeats_unavailable -= 1;
                    *retry_after
                }
                _ => return Err(Stop::Platform(error)),
            };
            if !self.wait(repeated, retry_after).await {
                return Err(Stop::Platform(error));
            }
            repeated += 1;
        }
    }

    /// Waits before a repetition; `false` when the platform asks for more than a round can wait.
    async fn wait(&self, repeated: u32, retry_after: Option<Duration>) -> bool {
        let wait = schedule::backoff(repeated, self.ids.fraction()).max(retry_after.unwrap_or_default());
        let bearable = wait <= LONGEST_WAIT;
        if bearable {
            self.clock.sleep(wait).await;
        }
        bearable
    }

    /// Whether the connection is still ours: asked before every call.
    async fn hold(&self, round: &mut Round<'_>) -> StoreResult<()> {
        let now = self.clock.now();
        self.store.hold_lease(&mut round.lease, now, now + LEASE).await
    }

    /// An access token with some minutes to live.
    async fn access_token(&self, round: &mut Round<'_>) -> Result<SecretString, Stop> {
        let tokens = round.tokens.as_ref().ok_or(Stop::NeedsReconnect)?;
        // One that was refreshed in this very round is used as long as it lives, however short that is.
        let reserve = if round.refreshes > 0 { TimeDelta::zero() } else { REFRESH_BEFORE };
        if tokens.access_expires_at - reserve > self.clock.now() {
            return Ok(tokens.access.clone());
        }
        self.refresh(round).await
    }

    /// Refreshes the grant, and stores it before its access token is used.
    async fn refresh(&self, round: &mut Round<'_>) -> Result<SecretString, Stop> {
        let mut repeated = 0;
        loop {
            let tokens = round.tokens.as_ref().ok_or(Stop::NeedsReconnect)?;
            let (refresh_token, seal) = (tokens.refresh.clone(), tokens.seal.clone());
            self.hold(round).await?;
            round.requests += 1;
            round.refreshes += 1;
            let asked_at = self.clock.now();
            match round.platform.refresh(&refresh_token).await {
                Ok(grant) => {
                    let expires_at = grant.expires_at(asked_at);
                    let (access, refresh) = (&grant.access_token, grant.refresh_token.as_ref());
                    let connection = round.lease.connection;
                    // `false`: the provider reconnected meanwhile, and what stands there now is newer.
                    self.store.replace_tokens(connection, &seal, access, expires_at, refresh).await?;
                    self.reread_tokens(round).await?;
                    if !grant.covers_calendars {
                        return Err(self.needs_reconnect(round).await);
                    }
                    return Ok(grant.access_token);
                }
                Err(TokenError::Dead { code }) => {
                    self.reread_tokens(round).await?;
                    if round.tokens.as_ref().is_none_or(|tokens| tokens.seal == seal) {
                        tracing::warn!(connection = %round.lease.connection, code, "the grant is dead");
                        return Err(self.needs_reconnect(round).await);
                    }
                }
                Err(error) => {
                    let (most, retry_after) = match &error {
                        TokenError::RateLimited { retry_after } => (REPEATS_RATE_LIMITED, *retry_after),
                        TokenError::Unavailable { .. } => (REPEATS_UNAVAILABLE, None),
                        TokenError::Misconfigured { .. } | TokenError::Dead { .. } => (0, None),
                    };
                    if repeated >= most || !self.wait(repeated, retry_after).await {
                        return Err(Stop::Token(error));
                    }
                    repeated += 1;
                }
            }
        }
    }

    async fn reread_tokens(&self, round: &mut Round<'_>) -> Result<(), Stop> {
        round.tokens = self.store.round_input(&round.lease).await?.tokens;
        Ok(())
    }

    /// Only the provider can help: they are told, and what is known stays.
    async fn needs_reconnect(&self, round: &Round<'_>) -> Stop {
        let seal = round.tokens.as_ref().map(|tokens| tokens.seal.as_slice());
        match self.store.flag_reconnect(&round.lease, seal, self.clock.now()).await {
            Ok(_) => Stop::NeedsReconnect,
            Err(error) => error.into(),
        }
    }

    /// Records how the round ended.
    async fn end(&self, round: Round<'_>, result: Result<(), Stop>) -> StoreResult<Option<Outcome>> {
        let now = self.clock.now();
        let outcome = match &result {
            Err(Stop::Overtaken) => {
                tracing::debug!(connection = %round.lease.connection, "a round was overtaken");
                return Ok(None);
            }
            Ok(()) if round.failed_calendars > 0 => Outcome::Partial,
            Ok(()) if round.disconnected => Outcome::Disconnected,
            Ok(()) => Outcome::Ok,
            Err(stop) => stop.outcome(),
        };
        let mut not_before = None;
        if let Err(stop) = &result {
            not_before = stop
                .retry_after()
                .and_then(|wait| TimeDelta::from_std(wait).ok())
                .map(|wait| now + wait.min(TimeDelta::days(1)));
            tracing::warn!(
                connection = %round.lease.connection,
                outcome = outcome.code(),
                error = stop as &dyn std::error::Error,
                "a round failed"
            );
        }
        let failures = round.failures + i64::from(outcome.is_failure());
        let report = RoundReport {
            started_at: round.started_at,
            ended_at: now,
            outcome,
            counts: round.counts,
            requests: round.requests,
            refreshes: round.refreshes,
            delays: round.delays,
            advances: round.advances,
            next_sync_at: schedule::next_round(now, outcome, failures, self.ids.fraction(), not_before),
            not_before,
            list_doubted: round.list_doubted,
        };
        self.store.end_round(&round.lease, &report).await?;
        Ok(Some(outcome))
    }
}

fn patience_is_over(input: &RoundInput, now: DateTime<Utc>) -> bool {
    input.disconnect_requested_at.is_some_and(|at| at + DISCONNECT_PATIENCE <= now)
}

fn unavailable(reason: &str) -> PlatformError {
    PlatformError::Unavailable { reason: reason.to_owned(), retry_after: None }
}
