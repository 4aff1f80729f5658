//! What a provider was told.

use crate::Database;
use crate::database::read;
use crate::notices::Notice;
use chrono::{DateTime, Utc};
use simone_booking::{CalendarId, ConnectionId, ProviderId};
use simone_sync::ports::StoreResult;
use sqlx::types::Json;
use std::collections::HashMap;
use uuid::Uuid;

/// The newest are shown.
const SHOWN: i64 = 100;

/// A notice with what its words need.
#[derive(Clone, Debug)]
pub struct StoredNotice {
    /// `None`: of a kind that this version does not know.
    pub notice: Option<Notice>,
    pub connection: Option<ConnectionId>,
    /// The calendar that it is about, if it is still there.
    pub calendar: Option<String>,
    pub created_at: DateTime<Utc>,
    pub unread: bool,
    /// Its cause has gone away.
    pub settled: bool,
}

#[derive(sqlx::FromRow)]
struct Row {
    params: Json<serde_json::Value>,
    connection_id: Option<Uuid>,
    created_at: DateTime<Utc>,
    unread: bool,
    settled: bool,
}

impl Database {
    /// How many notices a provider has not read, and still should.
    pub async fn unread_notices(&self, provider: ProviderId) -> StoreResult<i64> {
        read!(self, |conn| Ok(sqlx::query_scalar(
            "SELECT COUNT(*) FROM notices WHERE provider_id = $1 AND read_at IS NULL AND settled_at IS NULL"
        )
        .bind(provider.0)
        .fetch_one(&mut *conn)
        .await?))
    }

    /// The newest notices of a provider.
    pub async fn notices(&self, provider: ProviderId) -> StoreResult<Vec<StoredNotice>> {
        let (rows, calendars): (Vec<Row>, Vec<(Uuid, String)>) = read!(self, |conn| {
            let rows = sqlx::query_as(
                "SELECT params, connection_id, created_at, read_at IS NULL AS unread, settled_at IS NOT NULL AS settled
                 FROM notices WHERE provider_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2",
            )
            .bind(provider.0)
            .bind(SHOWN)
            .fetch_all(&mut *conn)
            .await?;
            let calendars = sqlx::query_as("SELECT id, name FROM calendars WHERE provider_id = $1")
                .bind(provider.0)
                .fetch_all(&mut *conn)
                .await?;
            Ok((rows, calendars))
        })?;
        let names: HashMap<CalendarId, String> =
            calendars.into_iter().map(|(id, name)| (CalendarId(id), name)).collect();
        Ok(rows
            .into_iter()
            .map(|row| {
                let notice: Option<Notice> = serde_json::from_value(row.params.0).ok();
                let calendar = match &notice {
                    Some(
                        Notice::RemovalsHeld { calendar, .. } | Notice::UnreadableSeries { calendar, .. },
                    ) => names.get(calendar).cloned(),
                    _ => None,
                };
                StoredNotice {
                    notice,
                    connection: row.connection_id.map(ConnectionId),
                    calendar,
                    created_at: row.created_at,
                    unread: row.unread,
                    settled: row.settled,
                }
            })
            .collect())
    }
}
