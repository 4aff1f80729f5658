//! The sync log, as the provider reads it.

use crate::Database;
use crate::database::read;
use chrono::{DateTime, Utc};
use simone_booking::id::SyncLogId;
use simone_booking::{CalendarId, ConnectionId, ProviderId};
use simone_sync::log::Changes;
use simone_sync::platform::Platform;
use simone_sync::ports::{StoreError, StoreResult};
use sqlx::QueryBuilder;
use uuid::Uuid;

/// Rows on a page.
const PAGE: i64 = 40;
/// Nobody reads further; and an offset costs what it skips.
const PAGES: u32 = 250;

/// A page of the log, newest first.
#[derive(Clone, Debug)]
pub struct LogPage {
    pub rows: Vec<LogRow>,
    /// From 1.
    pub page: u32,
    pub older: bool,
}

/// One round, or consecutive ones in which nothing happened.
#[derive(Clone, Debug)]
pub struct LogRow {
    pub id: SyncLogId,
    pub connection: ConnectionId,
    pub platform: Platform,
    pub account: String,
    pub started_at: DateTime<Utc>,
    pub ended_at: DateTime<Utc>,
    pub rounds: i64,
    /// An [`simone_sync::round::Outcome`]'s code.
    pub outcome: String,
    /// Of one that is unfinished: it is being worked on.
    pub under_way: bool,
    pub added: i64,
    pub changed: i64,
    pub removed: i64,
    pub held: i64,
    /// Bookings that were written to the platform, and attempts that failed.
    pub exported: i64,
    pub export_failures: i64,
    pub requests: i64,
    /// How many of the requests renewed a token.
    pub refreshes: i64,
    /// Of all the rounds together.
    pub duration_ms: i64,
}

/// One row of the log, with what it did event by event.
#[derive(Clone, Debug)]
pub struct RoundView {
    pub row: LogRow,
    /// In the order in which they were read; one that was read twice is there twice.
    pub calendars: Vec<CalendarChanges>,
    /// Whether its connection is gone, and what was read of its events with it.
    pub erased: bool,
}

/// What a round read of one calendar, or wrote to the platform.
#[derive(Clone, Debug)]
pub struct CalendarChanges {
    pub calendar: CalendarId,
    /// Bookings that it wrote, all of them together.
    pub exported: bool,
    /// `None`: it has left the account.
    pub name: Option<String>,
    /// `None`: the key that sealed them is lost.
    pub changes: Option<Changes>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    connection_id: Uuid,
    platform: String,
    account_email: String,
    started_at: DateTime<Utc>,
    ended_at: DateTime<Utc>,
    rounds: i64,
    outcome: String,
    under_way: bool,
    live: bool,
    added: i64,
    changed: i64,
    removed: i64,
    held: i64,
    exported: i64,
    export_failures: i64,
    requests: i64,
    refreshes: i64,
    duration_ms: i64,
}

impl Row {
    fn read(self) -> StoreResult<LogRow> {
        Ok(LogRow {
            id: SyncLogId(self.id),
            connection: ConnectionId(self.connection_id),
            platform: self
                .platform
                .parse()
                .map_err(|_| StoreError::Corrupt { what: "a connection's platform" })?,
            account: self.account_email,
            started_at: self.started_at,
            ended_at: self.ended_at,
            rounds: self.rounds,
            outcome: self.outcome,
            under_way: self.under_way,
            added: self.added,
            changed: self.changed,
            removed: self.removed,
            held: self.held,
            exported: self.exported,
            export_failures: self.export_failures,
            requests: self.requests,
            refreshes: self.refreshes,
            duration_ms: self.duration_ms,
        })
    }
}

/// A line of the log with its connection.
const LINES: &str = "
    SELECT l.id, l.connection_id, c.platform, c.account_email, l.started_at, l.ended_at, l.rounds, l.outcome, l.added,
           l.changed, l.removed, l.held, l.exported, l.export_failures, l.requests, l.refreshes, l.duration_ms,
           c.leased_until IS NOT NULL AND EXISTS (SELECT 1 FROM calendar_sync_logs r WHERE r.id = l.id
                AND r.epoch = c.epoch AND r.outcome = 'unfinished') AS under_way,
           c.status IN ('connected', 'needs_reconnect') AS live
    FROM calendar_sync_log_lines l JOIN calendar_connections c ON c.id = l.connection_id
    WHERE l.provider_id = ";

impl Database {
    /// A page of a provider's log, of all their connections or of one.
    pub async fn sync_log(
        &self,
        provider: ProviderId,
        connection: Option<ConnectionId>,
        page: u32,
    ) -> StoreResult<LogPage> {
        let page = page.clamp(1, PAGES);
        let rows: Vec<Row> = read!(self, |conn| {
            let mut query = QueryBuilder::new(LINES);
            query.push_bind(provider.0);
            if let Some(connection) = connection {
                query.push(" AND l.connection_id = ").push_bind(connection.0);
            }
            query.push(" ORDER BY l.ended_at DESC, l.id DESC LIMIT ").push_bind(PAGE + 1);
            query.push(" OFFSET ").push_bind(i64::from(page - 1) * PAGE);
            Ok(query.build_query_as().fetch_all(&mut *conn).await?)
        })?;
        let older = rows.len() > PAGE as usize && page < PAGES;
        let rows = rows.into_iter().take(PAGE as usize).map(Row::read).collect::<StoreResult<_>>()?;
        Ok(LogPage { rows, page, older })
    }

    /// One row of a provider's log, with its events; `None` if it is not theirs, or no longer kept.
    pub async fn sync_round(&self, provider: ProviderId, round: SyncLogId) -> StoreResult<Option<RoundView>> {
        type ChangesRow = (Uuid, Uuid, bool, Option<String>, Vec<u8>);
        let (row, changes): (Option<Row>, Vec<ChangesRow>) = read!(self, |conn| {
            let mut query = QueryBuilder::new(LINES);
            query.push_bind(provider.0).push(" AND l.id = ").push_bind(round.0);
            let row = query.build_query_as().fetch_optional(&mut *conn).await?;
            let changes = sqlx::query_as(
                "SELECT x.id, x.calendar_id, x.kind = 'export' AS exported, c.name, x.changes
                 FROM calendar_sync_changes x LEFT JOIN calendars c ON c.id = x.calendar_id
                 WHERE x.log_id = $1 AND x.provider_id = $2 ORDER BY x.id",
            )
            .bind(round.0)
            .bind(provider.0)
            .fetch_all(&mut *conn)
            .await?;
            Ok((row, changes))
        })?;
        let Some(row) = row else { return Ok(None) };
        let mut calendars: Vec<CalendarChanges> = Vec::new();
        for (id, calendar, exported, name, sealed) in changes {
            let changes = self.open_changes(id, &sealed);
            let before = calendars.iter_mut().find(|before| exported && before.exported);
            match (before, changes) {
                // Each is written by itself.
                (Some(CalendarChanges { changes: Some(before), .. }), Some(mut changes)) => {
                    before.entries.append(&mut changes.entries);
                }
                (_, changes) => {
                    calendars.push(CalendarChanges {
                        calendar: CalendarId(calendar),
                        exported,
                        name,
                        changes,
                    });
                }
            }
        }
        Ok(Some(RoundView { erased: !row.live, row: row.read()?, calendars }))
    }
}
