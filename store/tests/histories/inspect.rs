//! What stands in the database, read past the store.

use chrono::{DateTime, Utc};
use simone_booking::{BookingId, ConnectionId, ProviderId};
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{PgPool, SqlitePool};
use uuid::Uuid;

pub enum Inspect {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Row {
    pub id: Uuid,
    pub calendar_id: Option<Uuid>,
    pub event_id: Option<String>,
    pub original_start: Option<String>,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub reason: String,
}

#[derive(Clone, Debug, sqlx::FromRow)]
pub struct ConnectionRow {
    pub id: Uuid,
    pub status: String,
    pub has_tokens: bool,
    pub leased_until: Option<DateTime<Utc>>,
    /// Of its account.
    pub not_before: Option<DateTime<Utc>>,
    pub wanted: i64,
    pub covered: i64,
    pub failures: i64,
    pub next_sync_at: DateTime<Utc>,
    pub last_synced_at: Option<DateTime<Utc>>,
    pub calendars_listed_at: Option<DateTime<Utc>>,
    pub exports_wanted: i64,
    pub exports_done: i64,
    pub rounds: i64,
}

/// An event that was written, or was about to be.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct ExportedRow {
    pub connection_id: Uuid,
    pub booking_id: Uuid,
    pub generation: i64,
    pub calendar_external_id: String,
    pub event_id: Option<String>,
    pub retired: bool,
    pub gone: bool,
    pub error: Option<String>,
}

impl ExportedRow {
    pub fn is_of(&self, connection: ConnectionId, booking: BookingId) -> bool {
        (self.connection_id, self.booking_id) == (connection.0, booking.0)
    }
}

#[derive(Clone, Debug, sqlx::FromRow)]
pub struct ConflictRow {
    pub id: Uuid,
    pub kind: String,
    pub booking_id: Uuid,
    pub calendar_id: Option<Uuid>,
    pub event_id: Option<String>,
    pub original_start: Option<String>,
    pub connection_id: Option<Uuid>,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub revision: Option<String>,
}

#[derive(Clone, Debug, sqlx::FromRow)]
pub struct CalendarRow {
    pub id: Uuid,
    pub connection_id: Uuid,
    pub external_id: String,
    pub name: String,
    pub time_zone: Option<String>,
    pub is_primary: bool,
    pub selected: bool,
    pub block_free: bool,
    pub receives: bool,
    pub gone: bool,
    pub last_error: Option<String>,
    pub events: i64,
    pub held: i64,
}

macro_rules! all {
    ($inspect:expr, $sql:expr, $provider:expr) => {
        match $inspect {
            Inspect::Sqlite(pool) => sqlx::query_as($sql).bind($provider.0).fetch_all(pool).await,
            Inspect::Postgres(pool) => sqlx::query_as($sql).bind($provider.0).fetch_all(pool).await,
        }
        .expect("the database answers")
    };
}

impl Inspect {
    /// A second connection to a database that is open.
    pub async fn open(url: &str) -> Self {
        if url.starts_with("sqlite:") {
            let pool = SqlitePoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
            Self::Sqlite(pool.connect(url).await.expect("the database is there"))
        } else {
            let pool = PgPoolOptions::new().max_connections(1);
            Self::Postgres(pool.connect(url).await.expect("the database is there"))
        }
    }

    pub async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }

    /// All that blocks, in a stable order.
    pub async fn rows(&self, provider: ProviderId) -> Vec<Row> {
        all!(
            self,
            "SELECT id, calendar_id, event_id, original_start, starts_at, ends_at, reason
             FROM unavailabilities WHERE provider_id = $1 ORDER BY id",
            provider
        )
    }

    pub async fn connections(&self, provider: ProviderId) -> Vec<ConnectionRow> {
        all!(
            self,
            "SELECT id, status,
                    access_token IS NOT NULL OR refresh_token IS NOT NULL OR access_expires_at IS NOT NULL AS has_tokens,
                    leased_until, wanted, covered, failures, next_sync_at, last_synced_at, calendars_listed_at,
                    exports_wanted, exports_done,
                    (SELECT a.not_before FROM calendar_accounts a WHERE a.platform = c.platform
                     AND a.account_id = c.account_id) AS not_before,
                    (SELECT COUNT(*) FROM calendar_sync_log_lines l WHERE l.connection_id = c.id) AS rounds
             FROM calendar_connections c WHERE provider_id = $1 ORDER BY id",
            provider
        )
    }

    pub async fn calendars(&self, provider: ProviderId) -> Vec<CalendarRow> {
        all!(
            self,
            "SELECT id, connection_id, external_id, name, time_zone, is_primary, selected, block_free, receives,
                    gone_at IS NOT NULL AS gone, last_error,
                    (SELECT COUNT(*) FROM calendar_sync_events e WHERE e.calendar_id = c.id) AS events,
                    (SELECT COUNT(*) FROM calendar_sync_events e WHERE e.calendar_id = c.id
                     AND e.held_at IS NOT NULL) AS held
             FROM calendars c WHERE provider_id = $1 ORDER BY connection_id, external_id",
            provider
        )
    }

    pub async fn exported(&self, provider: ProviderId) -> Vec<ExportedRow> {
        all!(
            self,
            "SELECT connection_id, booking_id, generation, calendar_external_id, event_id,
                    retired_at IS NOT NULL AS retired, gone_at IS NOT NULL AS gone, error
             FROM calendar_exported_bookings WHERE provider_id = $1
             ORDER BY connection_id, booking_id, generation",
            provider
        )
    }

    pub async fn open_conflicts(&self, provider: ProviderId) -> Vec<ConflictRow> {
        all!(
            self,
            "SELECT id, kind, booking_id, calendar_id, event_id, original_start, connection_id, starts_at, ends_at,
                    revision
             FROM calendar_conflicts WHERE provider_id = $1 AND closed_at IS NULL ORDER BY id",
            provider
        )
    }

    /// The connections of which it is told that bookings do not get into their calendars.
    pub async fn failing(&self, provider: ProviderId) -> Vec<(Uuid,)> {
        all!(
            self,
            "SELECT connection_id FROM notices
             WHERE provider_id = $1 AND kind = 'exports_failing' AND settled_at IS NULL",
            provider
        )
    }

    /// Zone, and whether blocks are behind the facts.
    pub async fn provider(&self, provider: ProviderId) -> (String, bool) {
        let rows: Vec<(String, bool)> = all!(
            self,
            "SELECT time_zone, derive_wanted > derive_done FROM providers WHERE id = $1",
            provider
        );
        rows.into_iter().next().expect("the provider is there")
    }
}
