//! When a provider works, and the rules of booking.

use super::Api;
use super::auth::Caller;
use super::error::{ApiError, Code};
use super::input::{Id, Json as Body, Object, Query};
use super::providers::reached;
use axum::Json;
use axum::extract::State;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use simone_booking::ProviderId;
use simone_booking::hours::{self, DAY_MINUTES, Hours, StalePolicy, Window};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A month: who needs longer than that plans by other means.
const LONGEST_NOTICE_MINUTES: i64 = 30 * 24 * 60;

const MOST_EXCEPTIONS: usize = 400;

/// When a provider can be booked, in wall time of their time zone.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Hours)]
pub(crate) struct HoursBody {
    #[schema(value_type = Weekly)]
    weekly: Object<Weekly>,
    /// Of single days, instead of their weekday's; at most 400.
    #[schema(value_type = Vec<Exception>)]
    exceptions: Vec<Object<Exception>>,
    /// How long before its start a slot can still be booked.
    #[schema(minimum = 0, maximum = 43_200)]
    notice_minutes: i64,
    when_stale: WhenStale,
}

/// The windows of each weekday; a day that is left out is closed.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = WeeklyHours)]
pub(crate) struct Weekly {
    #[schema(value_type = Vec<WindowBody>)]
    monday: Vec<Object<WindowBody>>,
    #[schema(value_type = Vec<WindowBody>)]
    tuesday: Vec<Object<WindowBody>>,
    #[schema(value_type = Vec<WindowBody>)]
    wednesday: Vec<Object<WindowBody>>,
    #[schema(value_type = Vec<WindowBody>)]
    thursday: Vec<Object<WindowBody>>,
    #[schema(value_type = Vec<WindowBody>)]
    friday: Vec<Object<WindowBody>>,
    #[schema(value_type = Vec<WindowBody>)]
    saturday: Vec<Object<WindowBody>>,
    #[schema(value_type = Vec<WindowBody>)]
    sunday: Vec<Object<WindowBody>>,
}

/// The windows of one day.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = HoursException)]
pub(crate) struct Exception {
    #[schema(example = "2026-12-24")]
    date: NaiveDate,
    /// None: closed.
    #[schema(value_type = Vec<WindowBody>)]
    windows: Vec<Object<WindowBody>>,
}

/// A stretch of a day in which appointments can take place. At most six a day, which do not overlap.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Window)]
pub(crate) struct WindowBody {
    #[schema(value_type = String, example = "09:00")]
    start: Minutes,
    /// Exclusive; `24:00` is midnight.
    #[schema(value_type = String, example = "18:30")]
    end: Minutes,
}

/// Minutes of a day, written like `09:30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Minutes(u16);

/// What is done with a booking when the provider's calendars cannot be asked in time.
///
/// - `accept`: it is confirmed, with the last known state.
/// - `hold`: it is held until the provider confirms.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WhenStale {
    Accept,
    Hold,
}

impl TryFrom<String> for Minutes {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let read = || {
            let [b'0'..=b'2', b'0'..=b'9', b':', b'0'..=b'5', b'0'..=b'9'] = text.as_bytes() else {
                return None;
            };
            let (hours, minutes) = text.split_once(':')?;
            Some(hours.parse::<u16>().ok()? * 60 + minutes.parse::<u16>().ok()?)
        };
        let minutes = read().filter(|minutes| *minutes <= DAY_MINUTES);
        minutes.map(Self).ok_or("expected a time of day like 09:30, up to 24:00")
    }
}

impl From<Minutes> for String {
    fn from(Minutes(minutes): Minutes) -> Self {
        format!("{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

impl Weekly {
    fn days(self) -> [(&'static str, Vec<Object<WindowBody>>); 7] {
        [
            ("monday", self.monday),
            ("tuesday", self.tuesday),
            ("wednesday", self.wednesday),
            ("thursday", self.thursday),
            ("friday", self.friday),
            ("saturday", self.saturday),
            ("sunday", self.sunday),
        ]
    }
}

fn windows(body: Vec<Object<WindowBody>>, place: &str) -> Result<Vec<Window>, ApiError> {
    let windows = body.into_iter().map(|Object(it)| Window { start: it.start.0, end: it.end.0 }).collect();
    hours::checked(windows).map_err(|bad| ApiError::new(Code::InvalidField, bad.to_string()).at(place))
}

impl HoursBody {
    fn hours(self) -> Result<Hours, ApiError> {
        let mut hours = Hours::default();
        for (day, (name, body)) in hours.weekly.iter_mut().zip(self.weekly.0.days()) {
            *day = windows(body, &format!("weekly.{name}"))?;
        }
        if self.exceptions.len() > MOST_EXCEPTIONS {
            let message = format!("at most {MOST_EXCEPTIONS} days can have hours of their own");
            return Err(ApiError::new(Code::InvalidField, message).at("exceptions"));
        }
        for (index, Object(exception)) in self.exceptions.into_iter().enumerate() {
            let place = format!("exceptions[{index}]");
            let is_near = (1900..=2200).contains(&chrono::Datelike::year(&exception.date));
            if !is_near {
                let message = "expected a date in the years 1900 to 2200";
                return Err(ApiError::new(Code::InvalidField, message).at(format!("{place}.date")));
            }
            let windows = windows(exception.windows, &format!("{place}.windows"))?;
            if hours.exceptions.insert(exception.date, windows).is_some() {
                return Err(ApiError::new(Code::InvalidField, "this date stands there twice").at(place));
            }
        }
        if !(0..=LONGEST_NOTICE_MINUTES).contains(&self.notice_minutes) {
            let message = format!("expected minutes from 0 to {LONGEST_NOTICE_MINUTES}");
            return Err(ApiError::new(Code::InvalidField, message).at("notice_minutes"));
        }
        hours.notice_minutes = self.notice_minutes;
        hours.stale_policy = match self.when_stale {
            WhenStale::Accept => StalePolicy::Accept,
            WhenStale::Hold => StalePolicy::Hold,
        };
        Ok(hours)
    }
}

impl From<Hours> for HoursBody {
    fn from(hours: Hours) -> Self {
        let body = |windows: Vec<Window>| -> Vec<_> {
            let one = |it: Window| Object(WindowBody { start: Minutes(it.start), end: Minutes(it.end) });
            windows.into_iter().map(one).collect()
        };
        let [monday, tuesday, wednesday, thursday, friday, saturday, sunday] = hours.weekly.map(body);
        let exceptions: BTreeMap<_, _> = hours.exceptions;
        Self {
            weekly: Object(Weekly { monday, tuesday, wednesday, thursday, friday, saturday, sunday }),
            exceptions: exceptions
                .into_iter()
                .map(|(date, windows)| Object(Exception { date, windows: body(windows) }))
                .collect(),
            notice_minutes: hours.notice_minutes,
            when_stale: match hours.stale_policy {
                StalePolicy::Accept => WhenStale::Accept,
                StalePolicy::Hold => WhenStale::Hold,
            },
        }
    }
}

/// Read when a provider works
#[utoipa::path(
    get, path = "/api/v1/providers/{provider}/hours", tag = "services", operation_id = "readHours",
    params(("provider" = uuid::Uuid, Path, description = "The provider's id")),
    responses((status = 200, description = "Their hours and rules", body = HoursBody)),
)]
pub(crate) async fn read(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ProviderId>,
    query: Query,
) -> Result<Json<HoursBody>, ApiError> {
    query.only(&[])?;
    reached(&api, &caller, id).await?;
    Ok(Json(api.db.hours(id).await?.ok_or_else(ApiError::not_found)?.into()))
}

/// Replace when a provider works
///
/// All of it, in one go. Bookings that were made stand, whatever the hours.
#[utoipa::path(
    put, path = "/api/v1/providers/{provider}/hours", tag = "services", operation_id = "replaceHours",
    params(("provider" = uuid::Uuid, Path, description = "The provider's id")),
    request_body = HoursBody,
    responses((status = 200, description = "Their hours and rules as they are now", body = HoursBody)),
)]
pub(crate) async fn replace(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ProviderId>,
    query: Query,
    body: Body,
) -> Result<Json<HoursBody>, ApiError> {
    query.only(&[])?;
    reached(&api, &caller, id).await?;
    let hours = body.read::<HoursBody>()?.hours()?;
    if !api.db.replace_hours(id, &hours, &caller.actor(), api.clock.now()).await? {
        return Err(ApiError::not_found());
    }
    api.wake();
    Ok(Json(api.db.hours(id).await?.ok_or_else(ApiError::not_found)?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day() {
        let read = |text: &str| Minutes::try_from(text.to_owned()).map(|minutes| minutes.0);
        assert_eq!(read("00:00"), Ok(0));
        assert_eq!(read("09:30"), Ok(570));
        assert_eq!(read("24:00"), Ok(1440));
        for bad in
            ["", "9:30", "24:01", "29:00", "09:60", "09h30", "0930", "-1:00", "09:30:00", "0é:00", "+9:30"]
        {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert_eq!(String::from(Minutes(570)), "09:30");
    }
}
