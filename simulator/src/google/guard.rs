//! Who asks, and whether their token may: credentials, scopes (2.8), quota (11), roles.

use axum::http::{HeaderMap, header};
use chrono::TimeDelta;

use super::errors::ApiError;
use super::model::{Calendar, Google, Role};
use super::reply::Query;
use crate::simulator::World;

/// The methods' columns of the table of scopes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Method {
    ReadCalendarList,
    ReadCalendar,
    ReadEvents,
    WriteEvents,
}

impl Method {
    /// The scopes of which one is enough, without their common prefix.
    fn scopes(self) -> &'static [&'static str] {
        match self {
            Method::ReadCalendarList => {
                &["calendar", "calendar.readonly", "calendar.calendarlist", "calendar.calendarlist.readonly"]
            }
            Method::ReadCalendar => {
                &["calendar", "calendar.readonly", "calendar.calendars", "calendar.calendars.readonly"]
            }
            Method::ReadEvents => &[
                "calendar",
                "calendar.readonly",
                "calendar.events",
                "calendar.events.readonly",
                "calendar.events.owned",
                "calendar.events.owned.readonly",
            ],
            Method::WriteEvents => &["calendar", "calendar.events", "calendar.events.owned"],
        }
    }
}

/// A request that may go on.
pub(super) struct Caller {
    pub email: String,
    /// Only events of calendars that the account owns.
    owned_only: bool,
}

/// What a caller may do with a calendar.
pub(super) struct Access {
    /// The calendar's own id.
    pub id: String,
    pub role: Role,
}

/// The token of an `Authorization: Bearer` header.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

impl Caller {
    pub fn authorize(
        world: &mut World,
        headers: &HeaderMap,
        query: &Query,
        method: Method,
    ) -> Result<Caller, ApiError> {
        let now = world.now();
        let token = match bearer(headers) {
            Some(token) => token,
            None if headers.contains_key(header::AUTHORIZATION) => return Err(ApiError::bad_credentials()),
            None => query
                .get("access_token")
                .or_else(|| query.get("oauth_token"))
                .ok_or_else(ApiError::login_required)?,
        };
        let token = world.google.access_token(token, now).ok_or_else(ApiError::bad_credentials)?;
        let granted: Vec<_> = token
            .scopes
            .iter()
            .filter_map(|scope| scope.strip_prefix("https://www.googleapis.com/auth/"))
            .filter(|scope| method.scopes().contains(scope))
            .collect();
        if granted.is_empty() {
            return Err(ApiError::missing_scope());
        }
        let caller = Caller {
            email: token.account.clone(),
            owned_only: granted.iter().all(|scope| scope.starts_with("calendar.events.owned")),
        };
        let of = (token.account.clone(), token.client.clone());
        if let Some(quota) = world.google.settings.quota_per_user {
            let recent = world.google.recent.entry(of).or_default();
            recent.retain(|at| *at <= now && now - *at < TimeDelta::minutes(1));
            if recent.len() >= quota {
                return Err(ApiError::user_rate_limit());
            }
            recent.push_back(now);
        }
        Ok(caller)
    }

    /// The calendar of a path, if it can be seen.
    pub fn reach(&self, google: &Google, calendar: &str) -> Result<Access, ApiError> {
        let entry = google.entry(&self.email, calendar).ok_or_else(ApiError::not_found)?;
        if self.owned_only && entry.role != Role::Owner {
            return Err(ApiError::missing_scope());
        }
        if !google.calendars.contains_key(&entry.calendar) {
            return Err(ApiError::not_found());
        }
        Ok(Access { id: entry.calendar.clone(), role: entry.role })
    }

    pub fn reach_to_write(&self, google: &Google, calendar: &str) -> Result<Access, ApiError> {
        let access = self.reach(google, calendar)?;
        if access.role.writes() { Ok(access) } else { Err(ApiError::no_writer_access()) }
    }
}

impl Access {
    pub fn calendar<'a>(&self, google: &'a Google) -> Result<&'a Calendar, ApiError> {
        google.calendars.get(&self.id).ok_or_else(ApiError::not_found)
    }
}
