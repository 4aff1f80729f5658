//! Who asks, and whether their token may: credentials, scopes (2.8), quotas (11), roles.

use std::collections::VecDeque;

use axum::http::{HeaderMap, header};
use chrono::{DateTime, TimeDelta, Utc};

use super::errors::ApiError;
use super::model::{Calendar, Google, Role};
use super::reply::Query;
use super::schema;
use crate::simulator::World;

/// A request that may go on.
pub(super) struct Caller {
    pub email: String,
    /// The id of the OAuth client that the token was given to.
    pub client: String,
    /// The token was handed out by a control.
    pub by_control: bool,
    /// How far each of the scopes reaches that the method accepts and the token has.
    reaches: Vec<Reach>,
}

/// The calendars that a scope is good for.
#[derive(Clone, Copy, PartialEq)]
enum Reach {
    All,
    /// Those that the account owns.
    Owned,
    /// Secondary ones that the client has made.
    Made,
    /// All, but of their events only the times.
    Times,
    /// Those that everybody may read.
    Public,
}

impl Reach {
    fn of(scope: &str) -> Self {
        match scope {
            "calendar.events.owned" | "calendar.events.owned.readonly" => Reach::Owned,
            "calendar.app.created" => Reach::Made,
            "calendar.events.freebusy" => Reach::Times,
            "calendar.events.public.readonly" => Reach::Public,
            _ => Reach::All,
        }
    }
}

/// What a caller may do with a calendar.
pub(super) struct Access {
    /// The calendar's own id.
    pub id: String,
    pub role: Role,
}

/// The token of an `Authorization: Bearer` header.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

impl Caller {
    /// `method`: as Google's description of the API names it, such as `events.list`.
    pub fn authorize(
        world: &mut World,
        headers: &HeaderMap,
        query: &Query,
        method: &str,
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
        let (token, by_control) =
            world.google.access_token(token, now).ok_or_else(ApiError::bad_credentials)?;
        let granted: Vec<_> = token
            .scopes
            .iter()
            .filter_map(|scope| scope.strip_prefix("https://www.googleapis.com/auth/"))
            .collect();
        let reaches: Vec<_> =
            schema::scopes(method).filter(|scope| granted.contains(scope)).map(Reach::of).collect();
        if reaches.is_empty() {
            return Err(ApiError::missing_scope());
        }
        let caller =
            Caller { email: token.account.clone(), client: token.client.clone(), by_control, reaches };
        caller.spend(world, query, if method.ends_with(".patch") { 3 } else { 1 })?;
        query.check_common()?;
        Ok(caller)
    }

    /// Counts a request's units against the quotas.
    fn spend(&self, world: &mut World, query: &Query, units: usize) -> Result<(), ApiError> {
        let now = world.now();
        let Google { settings, recent, .. } = &mut world.google;
        // Whoever acts for many users of its own can name them.
        let user = query.get("quotaUser").unwrap_or(&self.email);
        let limits = [(settings.quota_per_user, Some(user.to_owned())), (settings.quota_per_project, None)];
        for (limit, user) in &limits {
            let Some(limit) = limit else { continue };
            let spent = recent.entry((self.client.clone(), user.clone())).or_default();
            forget(spent, now);
            if spent.len() + units > *limit {
                return Err(ApiError::rate_limit(user.is_some(), settings.quota_status));
            }
        }
        for (_, user) in limits.into_iter().filter(|(limit, _)| limit.is_some()) {
            let spent = recent.entry((self.client.clone(), user)).or_default();
            spent.extend(std::iter::repeat_n(now, units));
        }
        Ok(())
    }

    /// The calendar of a path, if it can be seen.
    pub fn reach(&self, google: &Google, calendar: &str) -> Result<Access, ApiError> {
        let (id, mut role) = google.access(&self.email, calendar).ok_or_else(ApiError::not_found)?;
        let calendar = google.calendars.get(&id).ok_or_else(ApiError::not_found)?;
        let good: Vec<_> = self
            .reaches
            .iter()
            .filter(|reach| match reach {
                Reach::All | Reach::Times => true,
                Reach::Owned => role == Role::Owner,
                Reach::Made => calendar.made_by.as_deref() == Some(self.client.as_str()),
                Reach::Public => calendar.public_role().is_some_and(|role| role >= Role::Reader),
            })
            .collect();
        if good.is_empty() {
            return Err(ApiError::missing_scope());
        }
        if good.iter().all(|reach| **reach == Reach::Times) {
            role = Role::FreeBusyReader;
        }
        Ok(Access { id, role })
    }

    pub fn reach_to_write(&self, google: &Google, calendar: &str) -> Result<Access, ApiError> {
        let access = self.reach(google, calendar)?;
        if access.role.writes() { Ok(access) } else { Err(ApiError::no_writer_access()) }
    }

    /// For what only owners may do: the calendar itself and who sees it.
    pub fn reach_as_owner(&self, google: &Google, calendar: &str) -> Result<Access, ApiError> {
        let access = self.reach(google, calendar)?;
        if access.role == Role::Owner { Ok(access) } else { Err(ApiError::no_owner_access()) }
    }
}

/// Drops what was spent a minute ago, or, after the clock went back, in the future.
fn forget(spent: &mut VecDeque<DateTime<Utc>>, now: DateTime<Utc>) {
    spent.retain(|at| *at <= now && now - *at < TimeDelta::minutes(1));
}

impl Access {
    pub fn calendar<'a>(&self, google: &'a Google) -> Result<&'a Calendar, ApiError> {
        google.calendars.get(&self.id).ok_or_else(ApiError::not_found)
    }

    pub fn calendar_mut<'a>(&self, google: &'a mut Google) -> Result<&'a mut Calendar, ApiError> {
        google.calendars.get_mut(&self.id).ok_or_else(ApiError::not_found)
    }
}
