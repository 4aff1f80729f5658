//! A provider's accounts on the platforms, their log, and "sync now".

use super::auth::Caller;
use super::error::{ApiError, Code};
use super::input::{Id, Query};
use super::providers::reached;
use super::{Api, cursor, told};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use serde::Serialize;
use simone_booking::{ConnectionId, ProviderId};
use simone_store::views::api::{ConnectionRecord, LogRecord, ProviderRecord};
use simone_sync::ports::{Choices as _, Status};
use utoipa::ToSchema;
use uuid::Uuid;

/// What a connection is in.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ConnectionStatus {
    Connected,
    /// The platform no longer accepts the grant; the last known unavailabilities stay until the provider reconnects.
    NeedsReconnect,
    /// The provider has disconnected it; nothing of it blocks any more.
    Disconnecting,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CalendarCounts {
    /// Calendars that the platform lists.
    pub listed: i64,
    /// Those of them that the provider has selected: their events block.
    pub selected: i64,
}

/// How far what was asked for has come.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SyncProgress {
    /// A number that each "sync now" raises.
    pub requested: i64,
    /// Up to which of these numbers a round has followed, whether it succeeded or not.
    pub done: i64,
    /// A round is running.
    pub under_way: bool,
}

/// One account of a provider on a platform.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Connection {
    pub id: Uuid,
    pub provider_id: Uuid,
    /// `google`, `outlook`; others may come.
    pub platform: String,
    /// Null unless the provider allows it: it is personal.
    #[schema(required)]
    pub account_email: Option<String>,
    pub status: ConnectionStatus,
    pub calendars: CalendarCounts,
    pub created_at: DateTime<Utc>,
    /// When the last round that did not fail ended.
    #[schema(required)]
    pub last_synced_at: Option<DateTime<Utc>>,
    pub next_sync_at: DateTime<Utc>,
    /// Why the last round failed: the outcome of a sync log. Null when it did not.
    #[schema(required)]
    pub last_error: Option<String>,
    /// The platform asked to wait until then, and no "sync now" overrides it.
    #[schema(required)]
    pub not_before: Option<DateTime<Utc>>,
    pub sync: SyncProgress,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Connections {
    /// All of them: a provider has few.
    pub items: Vec<Connection>,
}

/// A sync was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SyncRequested {
    pub connection_id: Uuid,
    /// It has been followed when the connection's `sync.done` is at least this.
    pub requested: i64,
    /// Where to look: the connection's address, also in `Location`.
    #[schema(format = "uri")]
    pub follow: String,
}

/// One round, or consecutive ones in which nothing happened.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SyncLog {
    pub id: Uuid,
    pub started_at: DateTime<Utc>,
    pub ended_at: DateTime<Utc>,
    /// How many rounds the row stands for.
    pub rounds: i64,
    /// `ok`, `partial`, or why it failed: `needs_reconnect`, `rate_limited`, `quota_exhausted`, `unavailable`,
    /// `unauthorized`, `misconfigured`, `no_calendars` (the account has none), `refused`, `database`; others may come.
    pub outcome: String,
    pub added: i64,
    pub changed: i64,
    pub removed: i64,
    /// Events whose removal awaits the provider's decision.
    pub held: i64,
    /// Requests made to the platform, and how many of them refreshed a token.
    pub requests: i64,
    pub refreshes: i64,
    /// Of all the rounds together.
    pub duration_ms: i64,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SyncLogs {
    /// Newest first.
    pub items: Vec<SyncLog>,
    /// The `after` of the next page; null on the last one.
    #[schema(required)]
    pub next: Option<String>,
}

impl Connection {
    fn of(record: ConnectionRecord, provider: &ProviderRecord) -> Self {
        Self {
            id: record.id.0,
            provider_id: record.provider.0,
            platform: record.platform.to_string(),
            account_email: provider.share_titles.then_some(record.account),
            status: match record.status {
                Status::Connected => ConnectionStatus::Connected,
                Status::NeedsReconnect => ConnectionStatus::NeedsReconnect,
                Status::Disconnecting | Status::Disconnected => ConnectionStatus::Disconnecting,
            },
            calendars: CalendarCounts { listed: record.calendars, selected: record.selected },
            created_at: record.created_at,
            last_synced_at: record.last_synced_at,
            next_sync_at: record.next_sync_at,
            last_error: record.last_error,
            not_before: record.not_before,
            sync: SyncProgress { requested: record.wanted, done: record.covered, under_way: record.running },
        }
    }
}

impl From<LogRecord> for SyncLog {
    fn from(record: LogRecord) -> Self {
        Self {
            id: record.id.0,
            started_at: record.started_at,
            ended_at: record.ended_at,
            rounds: record.rounds,
            outcome: record.outcome,
            added: record.added,
            changed: record.changed,
            removed: record.removed,
            held: record.held,
            requests: record.requests,
            refreshes: record.refreshes,
            duration_ms: record.duration_ms,
        }
    }
}

/// Whose connection this is, if this caller reaches them.
async fn owner(api: &Api, caller: &Caller, id: ConnectionId) -> Result<ProviderRecord, ApiError> {
    let owner = api.db.connection_owner(id).await?.ok_or_else(ApiError::not_found)?;
    reached(api, caller, owner).await
}

async fn one(api: &Api, provider: &ProviderRecord, id: ConnectionId) -> Result<Connection, ApiError> {
    let connections = api.db.connection_records(provider.id, api.clock.now()).await?;
    let found = connections.into_iter().find(|connection| connection.id == id);
    Ok(Connection::of(found.ok_or_else(ApiError::not_found)?, provider))
}

/// List a provider's connections
///
/// Oldest first; those that are fully disconnected are not listed.
#[utoipa::path(
    get, path = "/api/v1/providers/{provider}/connections", tag = "connections", operation_id = "listConnections",
    params(("provider" = Uuid, Path, description = "The provider's id")),
    responses((status = 200, description = "The connections", body = Connections)),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ProviderId>,
    query: Query,
) -> Result<Json<Connections>, ApiError> {
    query.only(&[])?;
    let provider = reached(&api, &caller, id).await?;
    let records = api.db.connection_records(id, api.clock.now()).await?;
    let items = records.into_iter().map(|record| Connection::of(record, &provider)).collect();
    Ok(Json(Connections { items }))
}

/// Read a connection
#[utoipa::path(
    get, path = "/api/v1/connections/{connection}", tag = "connections", operation_id = "readConnection",
    params(("connection" = Uuid, Path, description = "The connection's id")),
    responses((status = 200, description = "The connection", body = Connection)),
)]
pub(crate) async fn read(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ConnectionId>,
    query: Query,
) -> Result<Json<Connection>, ApiError> {
    query.only(&[])?;
    let provider = owner(&api, &caller, id).await?;
    Ok(Json(one(&api, &provider, id).await?))
}

/// Sync now
///
/// Returns at once. Look at the connection until its `sync.done` has reached `requested`; `last_error` and the sync logs
/// then say what came of it. A time that the platform named (`not_before`) is waited for.
#[utoipa::path(
    post, path = "/api/v1/connections/{connection}/sync", tag = "connections", operation_id = "syncConnection",
    params(("connection" = Uuid, Path, description = "The connection's id")),
    responses(
        (status = 202, description = "Asked for", body = SyncRequested,
         headers(("Location" = String, description = "The connection's address"))),
        (status = 409, description = "`not_connected`: the provider has to reconnect first, or is disconnecting it", body = super::error::ErrorBody),
    ),
)]
pub(crate) async fn sync(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ConnectionId>,
    query: Query,
) -> Result<Response, ApiError> {
    query.only(&[])?;
    let provider = owner(&api, &caller, id).await?;
    if !api.db.wake(provider.id, id).await? {
        return Err(ApiError::new(
            Code::NotConnected,
            "this account cannot be synced: the provider has to reconnect it first, or is disconnecting it",
        ));
    }
    api.wake();
    let connection = one(&api, &provider, id).await?;
    let follow = api.address(&format!("api/v1/connections/{id}"));
    let requested =
        SyncRequested { connection_id: id.0, requested: connection.sync.requested, follow: follow.clone() };
    Ok((StatusCode::ACCEPTED, [(LOCATION, follow)], Json(requested)).into_response())
}

/// List a connection's sync logs
///
/// Newest first; consecutive rounds in which nothing happened share a row. They are kept for 90 days.
#[utoipa::path(
    get, path = "/api/v1/connections/{connection}/sync-logs", tag = "connections", operation_id = "listSyncLogs",
    params(
        ("connection" = Uuid, Path, description = "The connection's id"),
        ("limit" = Option<i64>, Query, description = "Rows on a page: 50 unless told, 100 at most", minimum = 1, maximum = 100),
        ("after" = Option<String>, Query, description = "The `next` of the page before this one", min_length = 32, max_length = 32),
    ),
    responses((status = 200, description = "A page of them", body = SyncLogs)),
)]
pub(crate) async fn logs(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ConnectionId>,
    query: Query,
) -> Result<Json<SyncLogs>, ApiError> {
    let query = query.only(&["limit", "after"])?;
    let provider = owner(&api, &caller, id).await?;
    let (limit, after) = (query.limit()?, query.after(cursor::read_at)?);
    let rows = api.db.log_records(provider.id, id, after, limit + 1).await?;
    let (rows, next) = cursor::page(rows, limit, |last| cursor::at(last.started_at, last.id.0));
    Ok(Json(SyncLogs { items: told(rows), next }))
}
