//! The sync log, as the provider reads it.

use crate::Database;
use crate::database::read;
use chrono::{DateTime, Utc};
use simone_booking::{ConnectionId, ProviderId};
use simone_sync::platform::Platform;
use simone_sync::ports::{StoreError, StoreResult};
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
    pub platform: Platform,
    pub account: String,
    pub started_at: DateTime<Utc>,
    pub ended_at: DateTime<Utc>,
    pub rounds: i64,
    /// An [`simone_sync::round::Outcome`]'s code.
    pub outcome: String,
    pub added: i64,
    pub changed: i64,
    pub removed: i64,
    pub held: i64,
    pub requests: i64,
    /// Of all the rounds together.
    pub duration_ms: i64,
}

#[derive(sqlx::FromRow)]
struct Row {
    platform: String,
    account_email: String,
    started_at: DateTime<Utc>,
    ended_at: DateTime<Utc>,
    rounds: i64,
    outcome: String,
    added: i64,
    changed: i64,
    removed: i64,
    held: i64,
    requests: i64,
    duration_ms: i64,
}

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
            Ok(sqlx::query_as(
            "SELECT c.platform, c.account_email, l.started_at, l.ended_at, l.rounds, l.outcome, l.added, l.changed,
                    l.removed, l.held, l.requests, l.duration_ms
             FROM calendar_sync_log_lines l JOIN calendar_connections c ON c.id = l.connection_id
             WHERE l.provider_id = $1 AND ($2 IS NULL OR l.connection_id = $2)
             ORDER BY l.ended_at DESC, l.id DESC LIMIT $3 OFFSET $4"
        )
        .bind(provider.0)
        .bind::<Option<Uuid>>(connection.map(|connection| connection.0))
        .bind(PAGE + 1)
        .bind(i64::from(page - 1) * PAGE)
        .fetch_all(&mut *conn)
        .await?)
        })?;
        let older = rows.len() > PAGE as usize && page < PAGES;
        let rows = rows
            .into_iter()
            .take(PAGE as usize)
            .map(|row| {
                Ok(LogRow {
                    platform: row
                        .platform
                        .parse()
                        .map_err(|_| StoreError::Corrupt { what: "a connection's platform" })?,
                    account: row.account_email,
                    started_at: row.started_at,
                    ended_at: row.ended_at,
                    rounds: row.rounds,
                    outcome: row.outcome,
                    added: row.added,
                    changed: row.changed,
                    removed: row.removed,
                    held: row.held,
                    requests: row.requests,
                    duration_ms: row.duration_ms,
                })
            })
            .collect::<StoreResult<_>>()?;
        Ok(LogPage { rows, page, older })
    }
}
