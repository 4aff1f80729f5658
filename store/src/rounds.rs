//! The engine's port: leases, tokens, calendars, the end of a round.

use crate::database::{IN_USE, for_update, read, write};
use crate::deliveries::{EmailKind, enqueue};
use crate::notices::{Notice, tell};
use crate::{Database, crypto::Place};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use simone_booking::{CalendarId, ConnectionId, Interval, ProviderId};
use simone_sync::event::ObservedEvent;
use simone_sync::export::{Content, ExportKey};
use simone_sync::import::PullPlan;
use simone_sync::platform::RemoteCalendar;
use simone_sync::ports::{
    Derived, ExportInput, Gone, KnownEvent, Lease, Progress, PullTarget, RoundInput, RoundStore, Status,
    StoreError, StoreResult, Tokens, UnreadableSeries, Write,
};
use simone_sync::round::RoundReport;
use simone_sync::schedule::{DISCONNECT_PATIENCE, LEASE_RESERVE};
use std::collections::HashMap;
use uuid::Uuid;

/// Refuses unless the lease is still the connection's, and keeps it so until the transaction ends.
macro_rules! check_lease {
    ($db:expr, $conn:ident, $lease:expr) => {{
        let sql = for_update!($db, "SELECT epoch FROM calendar_connections WHERE id = $1");
        let epoch: Option<i64> =
            sqlx::query_scalar(sql).bind($lease.connection.0).fetch_optional(&mut *$conn).await?;
        if epoch != Some($lease.epoch) {
            return Err(StoreError::LeaseLost.into());
        }
    }};
}
pub(crate) use check_lease;

/// A fact of the provider changes: raises what deriving has to cover, and locks the provider's row, which comes
/// before any other lock. `false`: there is no such provider, or not for long, and nothing of theirs changes any more.
macro_rules! facts_change {
    ($conn:ident, $provider:expr) => {
        sqlx::query(
            "UPDATE providers SET derive_wanted = derive_wanted + 1, derive_all = derive_wanted + 1
             WHERE id = $1 AND erasure_requested_at IS NULL",
        )
        .bind($provider.0)
        .execute(&mut *$conn)
        .await?
        .rows_affected()
            > 0
    };
}
pub(crate) use facts_change;

/// The same for some events of a calendar, under a lease that is checked here: only they are derived anew, unless they
/// are many.
macro_rules! events_change {
    ($db:expr, $conn:ident, $lease:expr, $calendar:expr, $events:expr) => {{
        let few = (1..=$crate::derive::FEW).contains(&$events.len());
        let wanted: Option<i64> = sqlx::query_scalar(
            "UPDATE providers SET derive_wanted = derive_wanted + 1,
                    derive_all = CASE WHEN $2 THEN derive_all ELSE derive_wanted + 1 END
             WHERE id = $1 RETURNING derive_wanted",
        )
        .bind($lease.provider.0)
        .bind(few)
        .fetch_optional(&mut *$conn)
        .await?;
        check_lease!($db, $conn, $lease);
        if let Some(wanted) = wanted.filter(|_| few) {
            let mut query = sqlx::QueryBuilder::new(
                "INSERT INTO touched_events (provider_id, wanted, calendar_id, event_id) ",
            );
            query.push_values($events, |mut values, event| {
                values.push_bind($lease.provider.0).push_bind(wanted).push_bind($calendar.0).push_bind(event);
            });
            query.build().persistent(false).execute(&mut *$conn).await?;
        }
    }};
}
pub(crate) use events_change;

/// Where a connection's tokens are sealed.
pub(crate) const fn token_place<'a>(column: &'static str, row: &'a [&'a [u8]]) -> Place<'a> {
    Place { table: "calendar_connections", column, row }
}

impl Database {
    /// Frees the connections that a process held when it ended without warning. Only on SQLite, which one process
    /// has to itself; on PostgreSQL another may well be working, and the leases run out.
    pub async fn release_leases(&self) -> StoreResult<()> {
        if self.kind() != "sqlite" {
            return Ok(());
        }
        write!(self, |conn| {
            sqlx::query("UPDATE calendar_connections SET leased_until = NULL WHERE leased_until IS NOT NULL")
                .execute(&mut *conn)
                .await?;
            Ok(())
        })
    }

    pub(crate) fn seal_token(
        &self,
        column: &'static str,
        connection: ConnectionId,
        token: &SecretString,
    ) -> Vec<u8> {
        self.keys.seal(token_place(column, &[connection.0.as_bytes()]), token.expose_secret().as_bytes())
    }

    pub(crate) fn open_token(
        &self,
        column: &'static str,
        connection: ConnectionId,
        sealed: &[u8],
    ) -> Option<SecretString> {
        match self.keys.open(token_place(column, &[connection.0.as_bytes()]), sealed) {
            Ok(plain) => String::from_utf8(plain).ok().map(SecretString::from),
            Err(error) => {
                tracing::error!(%connection, column, %error, "a stored token cannot be opened");
                None
            }
        }
    }
}

/// The advisory lock of PostgreSQL under which leases are taken: not the one that says that the database is in use, which
/// every process shares for as long as it runs.
const LEASING: i64 = IN_USE + 1;

/// Of two connections to one mailbox, which two providers may share, only one is asked about at a time: whoever looks
/// whether a mailbox is free does so alone.
macro_rules! alone {
    ($db:expr, $conn:ident) => {
        if $db.kind() != "sqlite" {
            sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LEASING).execute(&mut *$conn).await?;
        }
    };
}

/// A connection and one of its selected calendars, if there is any.
#[derive(sqlx::FromRow)]
struct InputRow {
    status: String,
    access_token: Option<Vec<u8>>,
    access_expires_at: Option<DateTime<Utc>>,
    refresh_token: Option<Vec<u8>>,
    calendars_listed_at: Option<DateTime<Utc>>,
    disconnect_requested_at: Option<DateTime<Utc>>,
    failures: i64,
    account_shared: bool,
    exports_pending: bool,
    keep_events: bool,
    #[sqlx(flatten)]
    target: TargetRow,
    unreadable: bool,
}

#[derive(sqlx::FromRow)]
struct TargetRow {
    calendar_id: Option<Uuid>,
    external_id: Option<String>,
    cursor: Option<String>,
    time_zone: Option<String>,
    synced_at: Option<DateTime<Utc>>,
    sound: bool,
    selected: bool,
}

impl TargetRow {
    fn into_target(self) -> Option<PullTarget> {
        Some(PullTarget {
            calendar: CalendarId(self.calendar_id?),
            external_id: self.external_id?,
            cursor: self.cursor,
            zone: self.time_zone,
            selected: self.selected,
            settled_at: self.synced_at.filter(|_| self.sound),
        })
    }
}

#[async_trait]
impl RoundStore for Database {
    async fn lease_due(
        &self,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
        limit: i64,
    ) -> StoreResult<Vec<Lease>> {
        macro_rules! sql {
            ($lock:literal) => {
                concat!(
                    "UPDATE calendar_connections SET epoch = epoch + 1, leased_until = $2, pages_read = 0, events_read = 0
                     WHERE id IN (
                        SELECT c.id FROM calendar_connections c
                        LEFT JOIN calendar_accounts a ON a.platform = c.platform AND a.account_id = c.account_id
                        WHERE c.id IN (
                            SELECT id FROM calendar_connections
                            WHERE status IN ('connected', 'disconnecting') AND next_sync_at <= $1
                            UNION SELECT id FROM calendar_connections
                            WHERE status IN ('connected', 'disconnecting') AND wanted > covered
                            UNION SELECT id FROM calendar_connections
                            WHERE status = 'disconnecting' AND disconnect_requested_at <= $4)
                          AND (c.leased_until IS NULL OR c.leased_until <= $1)
                          AND NOT EXISTS (
                            SELECT 1 FROM calendar_connections o
                            WHERE o.platform = c.platform AND o.account_id = c.account_id AND o.id <> c.id
                              AND (o.leased_until > $1
                                   OR (o.leased_until IS NOT NULL, o.next_sync_at, o.id)
                                      < (c.leased_until IS NOT NULL, c.next_sync_at, c.id)
                                   AND (o.status IN ('connected', 'disconnecting')
                                        AND (o.next_sync_at <= $1 OR o.wanted > o.covered)
                                        AND (a.not_before IS NULL OR a.not_before <= $1)
                                        OR o.status = 'disconnecting' AND o.disconnect_requested_at <= $4)))
                          AND (a.not_before IS NULL OR a.not_before <= $1
                               OR (c.status = 'disconnecting' AND c.disconnect_requested_at <= $4))
                        ORDER BY c.next_sync_at LIMIT $3 ",
                    $lock,
                    ") RETURNING id, provider_id, platform, epoch, wanted"
                )
            };
        }
        let sql = match self.kind().as_bytes() {
            b"sqlite" => sql!(""),
            _ => sql!("FOR UPDATE OF c SKIP LOCKED"),
        };
        let rows: Vec<(Uuid, Uuid, String, i64, i64)> = write!(self, |conn| {
            alone!(self, conn);
            Ok(sqlx::query_as(sql)
                .bind(now)
                .bind(until)
                .bind(limit)
                .bind(now - DISCONNECT_PATIENCE)
                .fetch_all(&mut *conn)
                .await?)
        })?;
        let lease = |(connection, provider, platform, epoch, wanted): (Uuid, Uuid, String, i64, i64)| {
            let Ok(platform) = platform.parse() else {
                tracing::error!(%connection, "a connection is to a platform that this version does not know");
                return None;
            };
            let (connection, provider) = (ConnectionId(connection), ProviderId(provider));
            Some(Lease { connection, provider, platform, epoch, wanted, until })
        };
        Ok(rows.into_iter().filter_map(lease).collect())
    }

    async fn hold_lease(
        &self,
        lease: &mut Lease,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> StoreResult<()> {
        if lease.until - now >= LEASE_RESERVE {
            let epoch: Option<i64> = read!(self, |conn| Ok(sqlx::query_scalar(
                "SELECT epoch FROM calendar_connections WHERE id = $1"
            )
            .bind(lease.connection.0)
            .fetch_optional(&mut *conn)
            .await?))?;
            return if epoch == Some(lease.epoch) { Ok(()) } else { Err(StoreError::LeaseLost) };
        }
        let ran_out = lease.until <= now;
        let renewed = write!(self, |conn| {
            if ran_out {
                alone!(self, conn);
            }
            // One that ran out may have left the mailbox to another connection of the same account.
            Ok(sqlx::query(
                "UPDATE calendar_connections SET leased_until = $3 WHERE id = $1 AND epoch = $2 AND NOT ($4 AND EXISTS (
                    SELECT 1 FROM calendar_connections o
                    WHERE o.platform = calendar_connections.platform
                      AND o.account_id = calendar_connections.account_id
                      AND o.id <> calendar_connections.id AND o.leased_until > $5))",
            )
            .bind(lease.connection.0)
            .bind(lease.epoch)
            .bind(until)
            .bind(ran_out)
            .bind(now)
            .execute(&mut *conn)
            .await?
            .rows_affected())
        })?;
        if renewed == 0 {
            return Err(StoreError::LeaseLost);
        }
        lease.until = until;
        Ok(())
    }

    async fn release_lease(&self, lease: &Lease) -> StoreResult<()> {
        write!(self, |conn| {
            sqlx::query(
                "UPDATE calendar_connections SET leased_until = NULL WHERE id = $1 AND epoch > $2 AND leased_until = $3",
            )
            .bind(lease.connection.0)
            .bind(lease.epoch)
            .bind(lease.until)
            .execute(&mut *conn)
            .await?;
            Ok(())
        })
    }

    async fn note_progress(&self, lease: &Lease, progress: Progress) -> StoreResult<()> {
        let noted = write!(self, |conn| {
            Ok(sqlx::query(
            "UPDATE calendar_connections SET pages_read = $3, events_read = $4 WHERE id = $1 AND epoch = $2"
        )
        .bind(lease.connection.0)
        .bind(lease.epoch)
        .bind(progress.pages)
        .bind(progress.events)
        .execute(&mut *conn)
        .await?
        .rows_affected())
        })?;
        if noted == 0 { Err(StoreError::LeaseLost) } else { Ok(()) }
    }

    async fn round_input(&self, lease: &Lease) -> StoreResult<RoundInput> {
        let rows: Vec<InputRow> = read!(self, |conn| {
            Ok(sqlx::query_as(
            "SELECT n.status, n.access_token, n.access_expires_at, n.refresh_token, n.calendars_listed_at,
                    n.disconnect_requested_at, n.failures,
                    EXISTS (SELECT 1 FROM calendar_connections o WHERE o.platform = n.platform
                            AND o.account_id = n.account_id AND o.id <> n.id AND o.status = 'connected')
                        AS account_shared,
                    c.id AS calendar_id, c.external_id, c.cursor, c.time_zone,
                    c.synced_at, c.last_error IS NULL AS sound, COALESCE(c.selected, FALSE) AS selected,
                    n.exports_wanted > n.exports_done AS exports_pending, n.keep_events,
                    EXISTS (SELECT 1 FROM calendar_sync_events e WHERE e.calendar_id = c.id AND e.unreadable)
                        AS unreadable
             FROM calendar_connections n
             LEFT JOIN calendars c ON c.connection_id = n.id AND (c.selected OR c.receives) AND c.gone_at IS NULL
             WHERE n.id = $1 AND n.epoch = $2 ORDER BY c.is_primary DESC, c.id"
        )
        .bind(lease.connection.0)
        .bind(lease.epoch)
        .fetch_all(&mut *conn)
        .await?)
        })?;
        let unreadable = rows.iter().any(|row| row.unreadable);
        let mut rows = rows.into_iter();
        let row = rows.next().ok_or(StoreError::LeaseLost)?;
        let targets = std::iter::once(row.target).chain(rows.map(|row| row.target));
        let targets = targets.filter_map(TargetRow::into_target).collect();
        let tokens = match (row.access_token, row.access_expires_at, row.refresh_token) {
            (Some(access), Some(access_expires_at), Some(seal)) => {
                match (
                    self.open_token("access_token", lease.connection, &access),
                    self.open_token("refresh_token", lease.connection, &seal),
                ) {
                    (Some(access), Some(refresh)) => {
                        Some(Tokens { access, access_expires_at, refresh, seal })
                    }
                    _ => None,
                }
            }
            _ => None,
        };
        Ok(RoundInput {
            status: Status::from_code(&row.status)
                .ok_or(StoreError::Corrupt { what: "a connection's status" })?,
            tokens,
            calendars_listed_at: row.calendars_listed_at,
            disconnect_requested_at: row.disconnect_requested_at,
            account_shared: row.account_shared,
            failures: row.failures,
            targets,
            exports_pending: row.exports_pending,
            keep_events: row.keep_events,
            unreadable,
        })
    }

    async fn replace_tokens(
        &self,
        connection: ConnectionId,
        seal: &[u8],
        access: &SecretString,
        access_expires_at: DateTime<Utc>,
        refresh: Option<&SecretString>,
    ) -> StoreResult<bool> {
        let access = self.seal_token("access_token", connection, access);
        let refresh = refresh.map(|refresh| self.seal_token("refresh_token", connection, refresh));
        let mut seal = seal.to_vec();
        loop {
            let replaced = write!(self, |conn| {
                Ok(sqlx::query(
                    "UPDATE calendar_connections SET access_token = $3, access_expires_at = $4, refresh_token = $5
                     WHERE id = $1 AND refresh_token = $2",
                )
                .bind(connection.0)
                .bind(&seal)
                .bind(&access)
                .bind(access_expires_at)
                .bind(refresh.as_ref().unwrap_or(&seal))
                .execute(&mut *conn)
                .await?
                .rows_affected())
            })?;
            if replaced > 0 {
                return Ok(true);
            }
            // A rotation of keys may have sealed the very same token anew.
            match self.same_token(connection.0, &seal).await? {
                Some(anew) => seal = anew,
                None => return Ok(false),
            }
        }
    }

    async fn flag_reconnect(
        &self,
        lease: &Lease,
        seal: Option<&[u8]>,
        now: DateTime<Utc>,
    ) -> StoreResult<bool> {
        write!(self, |conn| {
            let flagged: Option<(String,)> = sqlx::query_as(
                "UPDATE calendar_connections SET status = 'needs_reconnect'
                 WHERE id = $1 AND epoch = $2 AND status = 'connected' AND ($3 IS NULL OR refresh_token = $3)
                 RETURNING account_email",
            )
            .bind(lease.connection.0)
            .bind(lease.epoch)
            .bind(seal)
            .fetch_optional(&mut *conn)
            .await?;
            let Some((account,)) = flagged else { return Ok(false) };
            let cause = format!("needs_reconnect:{}:{}", lease.connection, lease.epoch);
            let notice = Notice::NeedsReconnect { platform: lease.platform, account: account.clone() };
            tell!(self, conn, lease.provider, Some(lease.connection), &cause, &notice, now);
            let email = EmailKind::NeedsReconnect { platform: lease.platform, account };
            enqueue!(self, conn, lease.provider, &cause, email, now);
            Ok(true)
        })
    }

    async fn apply_calendars(
        &self,
        lease: &Lease,
        calendars: &[RemoteCalendar],
        now: DateTime<Utc>,
    ) -> StoreResult<()> {
        self.write_calendars(lease, calendars, now).await
    }

    async fn pull_targets(&self, lease: &Lease) -> StoreResult<Vec<PullTarget>> {
        let rows: Vec<TargetRow> = read!(self, |conn| {
            Ok(sqlx::query_as(
            "SELECT id AS calendar_id, external_id, cursor, time_zone, synced_at, last_error IS NULL AS sound, selected
             FROM calendars
             WHERE connection_id = $1 AND (selected OR receives) AND gone_at IS NULL ORDER BY is_primary DESC, id"
        )
        .bind(lease.connection.0)
        .fetch_all(&mut *conn)
        .await?)
        })?;
        Ok(rows.into_iter().filter_map(TargetRow::into_target).collect())
    }

    async fn known_events(
        &self,
        calendar: CalendarId,
        ids: Option<&[String]>,
    ) -> StoreResult<HashMap<String, KnownEvent>> {
        self.load_known_events(calendar, ids).await
    }

    async fn block_counts(
        &self,
        calendar: CalendarId,
        now: DateTime<Utc>,
    ) -> StoreResult<HashMap<String, usize>> {
        let rows: Vec<(String, i64)> = read!(self, |conn| {
            Ok(sqlx::query_as(
            "SELECT event_id, COUNT(*) FROM unavailabilities WHERE calendar_id = $1 AND ends_at > $2 GROUP BY event_id"
        )
        .bind(calendar.0)
        .bind(now)
        .fetch_all(&mut *conn)
        .await?)
        })?;
        Ok(rows.into_iter().map(|(event, count)| (event, usize::try_from(count).unwrap_or(0))).collect())
    }

    async fn apply_pull(&self, lease: &Lease, plan: &PullPlan, now: DateTime<Utc>) -> StoreResult<bool> {
        self.write_pull(lease, plan, now).await
    }

    async fn note_calendar(
        &self,
        lease: &Lease,
        calendar: CalendarId,
        error: Option<&str>,
    ) -> StoreResult<()> {
        write!(self, |conn| {
            check_lease!(self, conn, lease);
            sqlx::query("UPDATE calendars SET last_error = $3 WHERE id = $1 AND connection_id = $2")
                .bind(calendar.0)
                .bind(lease.connection.0)
                .bind(error)
                .execute(&mut *conn)
                .await?;
            Ok(())
        })
    }

    async fn unreadable_series(
        &self,
        lease: &Lease,
        before: DateTime<Utc>,
    ) -> StoreResult<Vec<UnreadableSeries>> {
        let rows: Vec<(Uuid, String, String)> = read!(self, |conn| Ok(sqlx::query_as(
            "SELECT c.id, c.external_id, e.external_id FROM calendar_sync_events e
             JOIN calendars c ON c.id = e.calendar_id
             WHERE c.connection_id = $1 AND c.selected AND c.gone_at IS NULL AND e.unreadable
               AND e.held_at IS NULL AND (e.expanded_at IS NULL OR e.expanded_at <= $2)
             ORDER BY c.id, e.external_id"
        )
        .bind(lease.connection.0)
        .bind(before)
        .fetch_all(&mut *conn)
        .await?))?;
        Ok(rows
            .into_iter()
            .map(|(calendar, calendar_external_id, master)| UnreadableSeries {
                calendar: CalendarId(calendar),
                calendar_external_id,
                master,
            })
            .collect())
    }

    async fn apply_stand_ins(
        &self,
        lease: &Lease,
        series: &UnreadableSeries,
        instances: Option<&[ObservedEvent]>,
        now: DateTime<Utc>,
    ) -> StoreResult<()> {
        self.write_stand_ins(lease, series, instances, now).await
    }

    async fn note_pulled(&self, lease: &Lease, pulled_from: DateTime<Utc>) -> StoreResult<()> {
        write!(self, |conn| {
            sqlx::query("UPDATE calendar_connections SET pulled_at = $3 WHERE id = $1 AND epoch = $2")
                .bind(lease.connection.0)
                .bind(lease.epoch)
                .bind(pulled_from)
                .execute(&mut *conn)
                .await?;
            Ok(())
        })
    }

    async fn export_input(&self, lease: &Lease, now: DateTime<Utc>) -> StoreResult<Option<ExportInput>> {
        self.read_export_input(lease, now).await
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
        self.write_intent(lease, key, calendar, name, id, content).await
    }

    async fn begin_move(&self, lease: &Lease, key: ExportKey, to: Interval) -> StoreResult<()> {
        self.write_attempt(lease, key, to).await
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
        self.write_export(lease, key, write, content, event, now).await
    }

    async fn record_seen(
        &self,
        lease: &Lease,
        key: ExportKey,
        adopted: Option<Interval>,
        event: &ObservedEvent,
    ) -> StoreResult<()> {
        self.write_seen(lease, key, adopted, event).await
    }

    async fn record_gone(
        &self,
        lease: &Lease,
        key: ExportKey,
        gone: Gone,
        now: DateTime<Utc>,
    ) -> StoreResult<()> {
        self.write_gone(lease, key, gone, now).await
    }

    async fn note_export_failure(
        &self,
        lease: &Lease,
        key: ExportKey,
        code: &str,
        now: DateTime<Utc>,
    ) -> StoreResult<()> {
        self.write_export_failure(lease, key, code, now).await
    }

    async fn finish_disconnect(&self, lease: &Lease, abandoned: bool, now: DateTime<Utc>) -> StoreResult<()> {
        write!(self, |conn| {
            let finished: Option<(String,)> = sqlx::query_as(
                "UPDATE calendar_connections SET status = 'disconnected', disconnected_at = $3, leased_until = NULL,
                        covered = wanted, access_token = NULL,
                        access_expires_at = NULL, refresh_token = NULL
                 WHERE id = $1 AND epoch = $2 AND status = 'disconnecting' RETURNING account_email",
            )
            .bind(lease.connection.0)
            .bind(lease.epoch)
            .bind(now)
            .fetch_optional(&mut *conn)
            .await?;
            let Some((account,)) = finished else { return Err(StoreError::LeaseLost.into()) };
            if abandoned {
                let cause = format!("disconnect_abandoned:{}", lease.connection);
                let notice =
                    Notice::DisconnectAbandoned { platform: lease.platform, account: account.clone() };
                tell!(self, conn, lease.provider, Some(lease.connection), &cause, &notice, now);
                let email = EmailKind::DisconnectAbandoned { platform: lease.platform, account };
                enqueue!(self, conn, lease.provider, &cause, email, now);
            }
            Ok(())
        })
    }

    async fn end_round(&self, lease: &Lease, report: &RoundReport) -> StoreResult<()> {
        self.write_end(lease, report).await
    }

    async fn derive_due(&self, now: DateTime<Utc>, limit: i64) -> StoreResult<Vec<ProviderId>> {
        self.providers_behind(now, limit).await
    }

    async fn derive(&self, provider: ProviderId, now: DateTime<Utc>) -> StoreResult<Derived> {
        self.derive_blocks(provider, now).await
    }
}
