//! The database, as a program that may be stopped reaches it.

use crate::support::{Fate, Gate};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use simone_booking::{CalendarId, ConnectionId, ProviderId};
use simone_store::Database;
use simone_sync::event::ObservedEvent;
use simone_sync::import::PullPlan;
use simone_sync::platform::RemoteCalendar;
use simone_sync::ports::{
    Derived, KnownEvent, Lease, Progress, PullTarget, RoundInput, RoundStore, StoreError, StoreResult,
    UnreadableSeries,
};
use simone_sync::round::RoundReport;
use std::collections::HashMap;
use std::sync::Arc;

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

    async fn note_progress(&self, lease: &Lease, progress: Progress) -> StoreResult<()> {
        self.through("note_progress", self.database.note_progress(lease, progress)).await
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
