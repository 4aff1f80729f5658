//! What can be booked.

use super::auth::Caller;
use super::bookings::refused;
use super::error::{ApiError, Code};
use super::input::{Id, Query};
use super::providers::reached;
use super::unavailabilities::{DoubtAnswer, Stretch, doubts};
use super::{Api, told};
use axum::Json;
use axum::extract::State;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use simone_booking::{Interval, ProviderId, ServiceId};
use simone_sync::bookings::Refusal;
use utoipa::ToSchema;
use uuid::Uuid;

/// The longest stretch that can be asked for, and the one that is meant without an end.
const LONGEST_DAYS: i64 = 31;
const USUAL_DAYS: i64 = 14;

/// More than begin in that stretch, even every five minutes.
const MOST_SLOTS: usize = 10_000;

/// A time that can be booked, as long as the service.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Slot {
    pub start: DateTime<Utc>,
    /// Exclusive.
    pub end: DateTime<Utc>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Availability {
    pub provider_id: Uuid,
    pub service_id: Uuid,
    /// The provider's time zone: an IANA name.
    pub time_zone: String,
    /// What was asked for.
    pub asked: Stretch,
    /// False while a calendar of the provider is read for the first time: nothing can be offered yet.
    pub ready: bool,
    /// Whether every selected calendar was read lately and all that was read shows here: `doubts` is empty. A booking asks
    /// the calendars once more in any case.
    pub reliable: bool,
    pub doubts: Vec<DoubtAnswer>,
    /// By their start. Those that begin in the stretch asked for.
    pub items: Vec<Slot>,
}

impl From<Interval> for Slot {
    fn from(interval: Interval) -> Self {
        Self { start: interval.start, end: interval.end }
    }
}

/// List what can be booked
///
/// The provider's working hours less what blocks them, their bookings, the service's buffers and their notice. Nothing is
/// offered in the past or more than some 90 days ahead.
#[utoipa::path(
    get, path = "/api/v1/providers/{provider}/availability", tag = "bookings", operation_id = "listAvailability",
    params(
        ("provider" = Uuid, Path, description = "The provider's id"),
        ("service" = Uuid, Query, description = "The service's id"),
        ("from" = Option<DateTime<Utc>>, Query, description = "An instant of RFC 3339, with `Z` or an offset (a `+` is written %2B); now unless told"),
        ("to" = Option<DateTime<Utc>>, Query, description = "Exclusive, at most 31 days after `from`; 14 days after it unless told"),
    ),
    responses((status = 200, description = "The slots", body = Availability)),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ProviderId>,
    query: Query,
) -> Result<Json<Availability>, ApiError> {
    let query = query.only(&["service", "from", "to"])?;
    // Read before the slots, so that they are never older than is said.
    let provider = reached(&api, &caller, id).await?;
    let now = api.clock.now();
    let from = query.instant("from")?.unwrap_or(now);
    let to = query.instant("to")?.unwrap_or(from + TimeDelta::days(USUAL_DAYS));
    if to <= from {
        return Err(ApiError::parameter("to", "expected an instant after `from`"));
    }
    if to - from > TimeDelta::days(LONGEST_DAYS) {
        return Err(ApiError::parameter("to", "expected an instant at most 31 days after `from`"));
    }
    let expected = || ApiError::parameter("service", "expected the id of one of the provider's services");
    let service: ServiceId = query.get("service").and_then(|id| id.parse().ok()).ok_or_else(expected)?;
    let (_, doubts) = doubts(&api, &provider, now).await?;
    let asked = Interval::new(from, to);
    let offer =
        api.bookings().offer(id, service, asked, MOST_SLOTS).await?.map_err(|refusal| match refusal {
            Refusal::UnknownProvider => ApiError::not_found(),
            Refusal::UnknownService => {
                ApiError::new(Code::NotFound, "there is no such service, or it is no longer offered")
                    .at("service")
            }
            other => refused(&other),
        })?;
    Ok(Json(Availability {
        provider_id: id.0,
        service_id: service.0,
        time_zone: provider.zone.name().to_owned(),
        asked: asked.into(),
        ready: !offer.not_ready,
        reliable: doubts.is_empty(),
        doubts,
        items: told(offer.slots),
    }))
}
