//! What blocks a provider's slots, and how far that can be trusted.

use super::auth::Caller;
use super::error::ApiError;
use super::input::{Id, Query};
use super::providers::reached;
use super::{Api, cursor, told};
use axum::Json;
use axum::extract::State;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use simone_booking::horizon::HORIZON_DAYS;
use simone_booking::{Interval, ProviderId};
use simone_store::views::api::{BlockRecord, Doubt, DoubtKind, ProviderRecord};
use utoipa::ToSchema;
use uuid::Uuid;

/// The longest stretch that can be asked for.
const LONGEST_DAYS: i64 = 100;

/// A stretch that blocks bookings: from `start` to `end`, which is exclusive.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Unavailability {
    /// Stays the same as long as the stretch does.
    pub id: Uuid,
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
    /// Whole days of the provider's time zone.
    pub all_day: bool,
    pub source: Source,
    /// The platform that it was imported from; null for one of the provider's own.
    #[schema(required)]
    pub platform: Option<String>,
    /// The connection that it was imported through; null for one of the provider's own.
    #[schema(required)]
    pub connection_id: Option<Uuid>,
    /// By which rule it blocks: `busy`, `tentative`, `unanswered`, `free_wanted`, `unreadable`, `kept`; others may come.
    pub reason: String,
    /// Null unless the provider allows titles to be told, and the event has one.
    #[schema(required)]
    pub title: Option<String>,
}

/// Where an unavailability comes from.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    /// An event of a calendar.
    Imported,
    /// The provider themselves.
    Own,
}

/// Why what is said here may not be what a calendar says now; other reasons may come.
///
/// - `needs_reconnect`: the account must be reconnected; the last known stretches stay.
/// - `not_read_yet`: the first import is to come: stretches are missing.
/// - `gone`: the platform no longer lists the calendar; its last known stretches stay.
/// - `failing`: the calendar could not be read last time; its last known stretches stay.
/// - `stale`: nothing was read for a quarter of an hour.
/// - `removals_held`: many events vanished at once; what they blocked stays until the provider decides.
/// - `pending`: changes were read and are about to show here.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DoubtCode {
    NeedsReconnect,
    NotReadYet,
    Gone,
    Failing,
    Stale,
    RemovalsHeld,
    Pending,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Doubt)]
pub(crate) struct DoubtAnswer {
    pub code: DoubtCode,
    #[schema(required)]
    pub connection_id: Option<Uuid>,
    #[schema(required)]
    pub calendar_id: Option<Uuid>,
}

/// A stretch of time; the end is exclusive.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Stretch {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Unavailabilities {
    pub provider_id: Uuid,
    /// The provider's time zone: an IANA name.
    pub time_zone: String,
    /// What was asked for.
    pub asked: Stretch,
    /// The stretch for which unavailabilities are known at all, some 90 days ahead; do not offer slots outside it. Null
    /// before they are first worked out.
    #[schema(required)]
    pub known: Option<Stretch>,
    /// When they were last worked out from what is stored of the calendars: after each change of it, and at midnight.
    #[schema(required)]
    pub as_of: Option<DateTime<Utc>>,
    /// When the calendars were last read, the one that waits longest. Null: nothing is imported.
    #[schema(required)]
    pub synced_at: Option<DateTime<Utc>>,
    /// Whether every selected calendar was read lately and all that was read shows here: `doubts` is empty.
    pub reliable: bool,
    pub doubts: Vec<DoubtAnswer>,
    /// By their start. They may overlap each other, and reach beyond what was asked for.
    pub items: Vec<Unavailability>,
    /// The `after` of the next page; null on the last one.
    #[schema(required)]
    pub next: Option<String>,
}

impl From<BlockRecord> for Unavailability {
    fn from(record: BlockRecord) -> Self {
        Self {
            id: record.id.0,
            start: record.interval.start,
            end: record.interval.end,
            all_day: record.all_day,
            source: if record.source.is_some() { Source::Imported } else { Source::Own },
            platform: record.source.map(|(platform, _)| platform.to_string()),
            connection_id: record.source.map(|(_, connection)| connection.0),
            reason: record.reason,
            title: record.title,
        }
    }
}

impl From<Doubt> for DoubtAnswer {
    fn from(doubt: Doubt) -> Self {
        let code = match doubt.kind {
            DoubtKind::NeedsReconnect => DoubtCode::NeedsReconnect,
            DoubtKind::NotReadYet => DoubtCode::NotReadYet,
            DoubtKind::Gone => DoubtCode::Gone,
            DoubtKind::Failing => DoubtCode::Failing,
            DoubtKind::Stale => DoubtCode::Stale,
            DoubtKind::RemovalsHeld => DoubtCode::RemovalsHeld,
        };
        Self {
            code,
            connection_id: Some(doubt.connection.0),
            calendar_id: doubt.calendar.map(|calendar| calendar.0),
        }
    }
}

impl From<Interval> for Stretch {
    fn from(interval: Interval) -> Self {
        Self { from: interval.start, to: interval.end }
    }
}

/// When a provider's calendars were last read, the one that waits longest, and what there is to doubt.
pub(crate) async fn doubts(
    api: &Api,
    provider: &ProviderRecord,
    now: DateTime<Utc>,
) -> Result<(Option<DateTime<Utc>>, Vec<DoubtAnswer>), ApiError> {
    let trust = api.db.trust(provider.id, now).await?;
    let mut doubts: Vec<DoubtAnswer> = told(trust.doubts);
    if provider.behind {
        doubts.push(DoubtAnswer { code: DoubtCode::Pending, connection_id: None, calendar_id: None });
    }
    Ok((trust.synced_at, doubts))
}

/// List what blocks a provider's slots
///
/// All that overlaps the stretch asked for, whose end is exclusive. Read `reliable` and `doubts` before you offer a slot.
#[utoipa::path(
    get, path = "/api/v1/providers/{provider}/unavailabilities", tag = "unavailabilities",
    operation_id = "listUnavailabilities",
    params(
        ("provider" = Uuid, Path, description = "The provider's id"),
        ("from" = Option<DateTime<Utc>>, Query, description = "An instant of RFC 3339, with `Z` or an offset (a `+` is written %2B); now unless told"),
        ("to" = Option<DateTime<Utc>>, Query, description = "Exclusive, at most 100 days after `from`; 90 days after it unless told"),
        ("limit" = Option<i64>, Query, description = "Rows on a page: 50 unless told, 100 at most", minimum = 1, maximum = 100),
        ("after" = Option<String>, Query, description = "The `next` of the page before this one", min_length = 32, max_length = 32),
    ),
    responses((status = 200, description = "A page of them", body = Unavailabilities)),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ProviderId>,
    query: Query,
) -> Result<Json<Unavailabilities>, ApiError> {
    let query = query.only(&["from", "to", "limit", "after"])?;
    // Read before the rows, so that they are never older than is said.
    let provider = reached(&api, &caller, id).await?;
    let now = api.clock.now();
    let from = query.instant("from")?.unwrap_or(now);
    let usual = i64::try_from(HORIZON_DAYS).unwrap_or(LONGEST_DAYS);
    let to = query.instant("to")?.unwrap_or(from + TimeDelta::days(usual));
    if to <= from {
        return Err(ApiError::parameter("to", "expected an instant after `from`"));
    }
    if to - from > TimeDelta::days(LONGEST_DAYS) {
        return Err(ApiError::parameter("to", "expected an instant at most 100 days after `from`"));
    }
    let (limit, after) = (query.limit()?, query.after(cursor::read_at)?);
    let (synced_at, doubts) = doubts(&api, &provider, now).await?;
    let asked = Interval::new(from, to);
    let rows = api.db.block_records(id, asked, provider.share_titles, after, limit + 1).await?;
    let (rows, next) = cursor::page(rows, limit, |last| cursor::at(last.interval.start, last.id.0));
    Ok(Json(Unavailabilities {
        provider_id: id.0,
        time_zone: provider.zone.name().to_owned(),
        asked: asked.into(),
        known: provider.covered().map(Stretch::from),
        as_of: provider.derived_at,
        synced_at,
        reliable: doubts.is_empty(),
        doubts,
        items: told(rows),
        next,
    }))
}
