//! Where bookings and a provider's calendars contradict each other. Read only: the provider settles them.

use super::auth::Caller;
use super::error::ApiError;
use super::input::{Id, Query};
use super::providers::reached;
use super::{Api, cursor, told};
use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use simone_booking::ProviderId;
use simone_store::views::api_conflicts::ConflictRecord;
use utoipa::ToSchema;
use uuid::Uuid;

/// A contradiction that the provider sees on their pages, without what others wrote into their calendars.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Conflict {
    pub id: Uuid,
    /// `overlap`: an event blocks the time of a booking. `export_moved`, `export_deleted`: the provider moved or deleted the
    /// booking's event in their calendar. Others may come.
    pub kind: String,
    pub status: ConflictStatus,
    pub booking_id: Uuid,
    /// Of an overlap: the calendar with the other event.
    #[schema(required)]
    pub calendar_id: Option<Uuid>,
    /// Of a booking's event: the connection that it was written to.
    #[schema(required)]
    pub connection_id: Option<Uuid>,
    /// When the other side is; of a deleted event, when it was.
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
    /// Whole days of the provider's time zone.
    pub all_day: bool,
    pub opened_at: DateTime<Utc>,
    #[schema(required)]
    pub closed_at: Option<DateTime<Utc>>,
    /// What the provider decided: `applied` (to the booking), `put_back` (the event); others may come. Null: nothing yet,
    /// or it went away by itself.
    #[schema(required)]
    pub resolution: Option<String>,
    #[schema(required)]
    pub settled_at: Option<DateTime<Utc>>,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ConflictStatus {
    Open,
    /// Its cause is gone.
    Closed,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Conflicts {
    /// Newest first.
    pub items: Vec<Conflict>,
    /// The `after` of the next page; null on the last one.
    #[schema(required)]
    pub next: Option<String>,
}

impl From<ConflictRecord> for Conflict {
    fn from(record: ConflictRecord) -> Self {
        Self {
            id: record.id.0,
            kind: record.kind,
            status: match record.closed_at {
                None => ConflictStatus::Open,
                Some(_) => ConflictStatus::Closed,
            },
            booking_id: record.booking.0,
            calendar_id: record.calendar.map(|id| id.0),
            connection_id: record.connection.map(|id| id.0),
            start: record.interval.start,
            end: record.interval.end,
            all_day: record.all_day,
            opened_at: record.opened_at,
            closed_at: record.closed_at,
            resolution: record.resolution,
            settled_at: record.settled_at,
        }
    }
}

/// List a provider's conflicts
///
/// Newest first. The provider is told of them and settles them.
#[utoipa::path(
    get, path = "/api/v1/providers/{provider}/conflicts", tag = "conflicts", operation_id = "listConflicts",
    params(
        ("provider" = Uuid, Path, description = "The provider's id"),
        ("status" = Option<ConflictStatus>, Query, description = "Only those"),
        ("limit" = Option<i64>, Query, description = "Rows on a page: 50 unless told, 100 at most", minimum = 1, maximum = 100),
        ("after" = Option<String>, Query, description = "The `next` of the page before this one", min_length = 32, max_length = 32),
    ),
    responses((status = 200, description = "A page of them", body = Conflicts)),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ProviderId>,
    query: Query,
) -> Result<Json<Conflicts>, ApiError> {
    let query = query.only(&["status", "limit", "after"])?;
    reached(&api, &caller, id).await?;
    let (limit, after) = (query.limit()?, query.after(cursor::read_at)?);
    let open = match query.get("status") {
        None => None,
        Some("open") => Some(true),
        Some("closed") => Some(false),
        Some(_) => return Err(ApiError::parameter("status", "expected `open` or `closed`")),
    };
    let rows = api.db.conflict_records(id, open, after, limit + 1).await?;
    let (rows, next) = cursor::page(rows, limit, |last| cursor::at(last.opened_at, last.id.0));
    Ok(Json(Conflicts { items: told(rows), next }))
}
