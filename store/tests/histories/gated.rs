//! The database and the platform, as a program that may be stopped reaches them.

use crate::platform::Sim;
use crate::support::{Fate, Gate};
use crate::writes::at_once;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use simone_booking::{CalendarId, ConnectionId, Interval, ProviderId};
use simone_store::Database;
use simone_sync::event::ObservedEvent;
use simone_sync::export::{Content, ExportKey};
use simone_sync::import::PullPlan;
use simone_sync::platform::{
    Account, AuthorizationRequest, CalendarPlatform, CalendarsPage, Call, ChangesPage, Done, Grant, Platform,
    PlatformError, Position, RemoteCalendar, TokenError,
};
use simone_sync::ports::{
    Derived, ExportInput, Gone, KnownEvent, Lease, Progress, PullTarget, RoundInput, RoundStore, StoreError,
    StoreResult, UnreadableSeries, Write,
};
use simone_sync::round::RoundReport;
use std::collections::HashMap;
use std::sync::Arc;
use url::Url;

pub struct GatedStore {
    pub database: Database,
    pub gate: Arc<Gate>,
}

impl GatedStore {
    async fn through<T>(
        &self,
        name: &'static str,
        call: impl Future<Output = StoreResult<T>>,
    ) -> StoreResult<T> {
        self.gate.step(name).await;
        match self.gate.fate() {
            Fate::Answered => call.await,
            Fate::NotPerformed => Err(StoreError::database("the database is away")),
            Fate::AnswerLost => {
                let _ = call.await;
                Err(StoreError::database("the answer is lost"))
            }
        }
    }
}

#[async_trait]
impl RoundStore for GatedStore {
    async fn lease_due(
        &self,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
        limit: i64,
    ) -> StoreResult<Vec<Lease>> {
        self.through("lease_due", self.database.lease_due(now, until, limit)).await
    }

    async fn hold_lease(
        &self,
        lease: &mut Lease,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> StoreResult<()> {
        self.through("hold_lease", self.database.hold_lease(lease, now, until)).await
    }

    async fn release_lease(&self, lease: &Lease) -> StoreResult<()> {
        self.through("release_lease", self.database.release_lease(lease)).await
    }

    async fn note_progress(&self, lease: &Lease, progress: Progress) -> StoreResult<()> {
        self.through("note_progress", self.database.note_progress(lease, progress)).await
    }

    async fn note_pulled(&self, lease: &Lease, pulled_from: DateTime<Utc>) -> StoreResult<()> {
        self.through("note_pulled", self.database.note_pulled(lease, pulled_from)).await
    }

    async fn export_input(&self, lease: &Lease, now: DateTime<Utc>) -> StoreResult<Option<ExportInput>> {
        self.through("export_input", self.database.export_input(lease, now)).await
    }

    async fn begin_export(
        &self,
        lease: &Lease,
        key: ExportKey,
        calendar: &str,
        name: &str,
        id: Option<&str>,
        content: &Content,
    ) -> StoreResult<Content> {
        let call = self.database.begin_export(lease, key, calendar, name, id, content);
        self.through("begin_export", call).await
    }

    async fn begin_move(&self, lease: &Lease, key: ExportKey, to: Interval) -> StoreResult<()> {
        self.through("begin_move", self.database.begin_move(lease, key, to)).await
    }

    async fn record_export(
        &self,
        lease: &Lease,
        key: ExportKey,
        write: Write,
        content: &Content,
        event: &ObservedEvent,
        now: DateTime<Utc>,
    ) -> StoreResult<()> {
        let call = self.database.record_export(lease, key, write, content, event, now);
        self.through("record_export", call).await
    }

    async fn record_seen(
        &self,
        lease: &Lease,
        key: ExportKey,
        adopted: Option<Interval>,
        event: &ObservedEvent,
    ) -> StoreResult<()> {
        self.through("record_seen", self.database.record_seen(lease, key, adopted, event)).await
    }

    async fn record_gone(
        &self,
        lease: &Lease,
        key: ExportKey,
        gone: Gone,
        now: DateTime<Utc>,
    ) -> StoreResult<()> {
        self.through("record_gone", self.database.record_gone(lease, key, gone, now)).await
    }

    async fn note_export_failure(
        &self,
        lease: &Lease,
        key: ExportKey,
        code: &str,
        now: DateTime<Utc>,
    ) -> StoreResult<()> {
        self.through("note_export_failure", self.database.note_export_failure(lease, key, code, now)).await
    }

    async fn round_input(&self, lease: &Lease) -> StoreResult<RoundInput> {
        self.through("round_input", self.database.round_input(lease)).await
    }

    async fn replace_tokens(
        &self,
        connection: ConnectionId,
        seal: &[u8],
        access: &SecretString,
        access_expires_at: DateTime<Utc>,
        refresh: Option<&SecretString>,
    ) -> StoreResult<bool> {
        let call = self.database.replace_tokens(connection, seal, access, access_expires_at, refresh);
        self.through("replace_tokens", call).await
    }

    async fn flag_reconnect(
        &self,
        lease: &Lease,
        seal: Option<&[u8]>,
        now: DateTime<Utc>,
    ) -> StoreResult<bool> {
        self.through("flag_reconnect", self.database.flag_reconnect(lease, seal, now)).await
    }

    async fn apply_calendars(
        &self,
        lease: &Lease,
        calendars: &[RemoteCalendar],
        now: DateTime<Utc>,
    ) -> StoreResult<()> {
        self.through("apply_calendars", self.database.apply_calendars(lease, calendars, now)).await
    }

    async fn pull_targets(&self, lease: &Lease) -> StoreResult<Vec<PullTarget>> {
        self.through("pull_targets", self.database.pull_targets(lease)).await
    }

    async fn known_events(
        &self,
        calendar: CalendarId,
        ids: Option<&[String]>,
    ) -> StoreResult<HashMap<String, KnownEvent>> {
        self.through("known_events", self.database.known_events(calendar, ids)).await
    }

    async fn block_counts(
        &self,
        calendar: CalendarId,
        now: DateTime<Utc>,
    ) -> StoreResult<HashMap<String, usize>> {
        self.through("block_counts", self.database.block_counts(calendar, now)).await
    }

    async fn apply_pull(&self, lease: &Lease, plan: &PullPlan, now: DateTime<Utc>) -> StoreResult<bool> {
        self.through("apply_pull", self.database.apply_pull(lease, plan, now)).await
    }

    async fn note_calendar(
        &self,
        lease: &Lease,
        calendar: CalendarId,
        error: Option<&str>,
    ) -> StoreResult<()> {
        self.through("note_calendar", self.database.note_calendar(lease, calendar, error)).await
    }

    async fn unreadable_series(
        &self,
        lease: &Lease,
        before: DateTime<Utc>,
    ) -> StoreResult<Vec<UnreadableSeries>> {
        self.through("unreadable_series", self.database.unreadable_series(lease, before)).await
    }

    async fn apply_stand_ins(
        &self,
        lease: &Lease,
        series: &UnreadableSeries,
        instances: Option<&[ObservedEvent]>,
        now: DateTime<Utc>,
    ) -> StoreResult<()> {
        self.through("apply_stand_ins", self.database.apply_stand_ins(lease, series, instances, now)).await
    }

    async fn finish_disconnect(&self, lease: &Lease, abandoned: bool, now: DateTime<Utc>) -> StoreResult<()> {
        self.through("finish_disconnect", self.database.finish_disconnect(lease, abandoned, now)).await
    }

    async fn end_round(&self, lease: &Lease, report: &RoundReport) -> StoreResult<()> {
        self.through("end_round", self.database.end_round(lease, report)).await
    }

    async fn derive_due(&self, now: DateTime<Utc>, limit: i64) -> StoreResult<Vec<ProviderId>> {
        self.through("derive_due", self.database.derive_due(now, limit)).await
    }

    async fn derive(&self, provider: ProviderId, now: DateTime<Utc>) -> StoreResult<Derived> {
        self.through("derive", self.database.derive(provider, now)).await
    }
}

/// The platform, as a program that may be stopped reaches it.
pub struct Gated {
    pub sim: Arc<Sim>,
    pub platform: Platform,
    pub gate: Arc<Gate>,
}

impl Gated {
    /// A request about a mailbox: whoever else asks about it before the answer is there asks beside it.
    async fn asking<T>(&self, name: &'static str, token: &SecretString, call: impl FnOnce() -> T) -> T {
        self.gate.step(name).await;
        let _asked = self.sim.asked(token);
        let answer = call();
        self.gate.step("platform: answer").await;
        answer
    }
}

#[async_trait]
impl CalendarPlatform for Gated {
    fn authorization_url(&self, request: &AuthorizationRequest<'_>) -> Url {
        self.sim.authorization_url(request)
    }

    async fn exchange(
        &self,
        code: &SecretString,
        verifier: &SecretString,
        redirect_uri: &Url,
    ) -> Result<Grant, TokenError> {
        self.gate.step("platform: exchange").await;
        self.sim.exchange(self.platform, code, verifier, redirect_uri)
    }

    async fn refresh(&self, refresh_token: &SecretString) -> Result<Grant, TokenError> {
        self.gate.step("platform: refresh").await;
        self.sim.refresh(refresh_token)
    }

    async fn revoke(&self, token: &SecretString) -> Result<(), PlatformError> {
        self.gate.step("platform: revoke").await;
        self.sim.revoke(self.platform, token)
    }

    async fn account(&self, access_token: &SecretString) -> Result<Account, PlatformError> {
        self.gate.step("platform: account").await;
        self.sim.account(access_token)
    }

    async fn calendars(
        &self,
        access_token: &SecretString,
        page: Option<&str>,
    ) -> Result<CalendarsPage, PlatformError> {
        self.asking("platform: calendars", access_token, || self.sim.calendars(access_token, page)).await
    }

    async fn changes(
        &self,
        access_token: &SecretString,
        calendar: &str,
        position: Position<'_>,
    ) -> Result<ChangesPage, PlatformError> {
        self.asking("platform: changes", access_token, || self.sim.changes(access_token, calendar, position))
            .await
    }

    async fn instances(
        &self,
        access_token: &SecretString,
        calendar: &str,
        master: &str,
        window: Interval,
        page: Option<&str>,
    ) -> Result<ChangesPage, PlatformError> {
        self.asking("platform: instances", access_token, || {
            self.sim.instances(access_token, calendar, master, window, page)
        })
        .await
    }

    fn event_id(&self, name: &str) -> Option<String> {
        (self.platform == Platform::Google).then(|| name.to_owned())
    }

    fn at_once(&self) -> usize {
        at_once(self.platform)
    }

    async fn perform(
        &self,
        access_token: &SecretString,
        calls: &[Call],
    ) -> Result<Vec<Result<Done, PlatformError>>, PlatformError> {
        let step = match calls.first() {
            Some(Call::Read { .. }) => "platform: event",
            Some(Call::Create { .. }) => "platform: create",
            Some(Call::Update { .. }) => "platform: update",
            Some(Call::Delete { .. }) | None => "platform: delete",
        };
        self.asking(step, access_token, || self.sim.perform(self.platform, access_token, calls)).await
    }
}
