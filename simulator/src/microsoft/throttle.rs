//! How much one client may ask of one mailbox (9): so many requests at a time, so many in ten minutes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use axum::http::{HeaderMap, header};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::errors::GraphError;
use super::front::behind_version;
use super::guard::bearer_of;
use crate::simulator::{Simulator, World};

const WINDOW: TimeDelta = TimeDelta::minutes(10);

/// A mailbox (by its account's id) and a client.
type Who = (String, String);

#[derive(Default)]
pub(crate) struct Throttle(BTreeMap<Who, Use>);

#[derive(Default)]
struct Use {
    in_flight: usize,
    highest: usize,
    refused: u64,
    /// When requests of the last ten minutes came, those that were refused too.
    recent: VecDeque<DateTime<Utc>>,
}

/// A request that is being carried out; dropping it makes room for the next.
pub(crate) struct Place {
    simulator: Arc<Simulator>,
    who: Who,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut world = self.simulator.world();
        if let Some(used) = world.microsoft.throttle.0.get_mut(&self.who) {
            used.in_flight = used.in_flight.saturating_sub(1);
        }
    }
}

/// Whether a path, behind `/v1.0`, is about what stands in a mailbox.
pub(crate) fn is_of_mailbox(path: &str) -> bool {
    let mut segments = path.trim_start_matches('/').split('/');
    let mut first = segments.next().unwrap_or_default();
    if first == "users" {
        segments.next();
        first = "me";
    }
    let about = segments.next().unwrap_or_default();
    first == "me"
        && [
            "calendar",
            "calendars",
            "calendarGroup",
            "calendarGroups",
            "calendarView",
            "events",
            "mailboxSettings",
            "outlook",
        ]
        .contains(&about)
}

/// Whose mailbox a request is about and who asks, if that counts.
fn who(world: &World, headers: &HeaderMap, path: &str) -> Option<Who> {
    is_of_mailbox(behind_version(path)?).then_some(())?;
    let access = world.microsoft.directory.access_token(bearer_of(headers)?, world.now())?;
    Some((access.account.clone(), access.client.clone()))
}

/// Takes a place for a request, as long as there is one. `None`: the request is not counted.
pub(crate) fn enter(
    simulator: &Arc<Simulator>,
    headers: &HeaderMap,
    path: &str,
) -> Result<Option<Place>, GraphError> {
    let mut world = simulator.world();
    let Some(who) = who(&world, headers, path) else { return Ok(None) };
    let now = world.now();
    let settings = world.microsoft.settings.clone();
    let used = world.microsoft.throttle.0.entry(who.clone()).or_default();
    if let Some(limit) = settings.requests_per_10_minutes {
        used.recent.retain(|at| *at <= now && now - *at < WINDOW);
        used.recent.push_back(now);
        if used.recent.len() > limit {
            // Requests made while throttled count, but not for ever more.
            while used.recent.len() > 2 * limit.max(1) {
                used.recent.pop_front();
            }
            used.refused += 1;
            let oldest = used.recent[used.recent.len() - limit.max(1)];
            let wait = (oldest + WINDOW - now).num_seconds().max(1);
            return Err(too_many("ApplicationThrottled", "Application is over its request limit.", wait));
        }
    }
    used.highest = used.highest.max(used.in_flight + 1);
    if settings.concurrency.is_some_and(|limit| used.in_flight >= limit) {
        used.refused += 1;
        return Err(over_concurrency(settings.retry_after_seconds));
    }
    used.in_flight += 1;
    Ok(Some(Place { simulator: simulator.clone(), who }))
}

/// How many of so many requests of a mailbox that a batch would send at once may go on.
pub(crate) fn places_for(world: &mut World, headers: &HeaderMap, wanted: usize) -> usize {
    let now = world.now();
    let Some(token) = bearer_of(headers) else { return wanted };
    let Some(access) = world.microsoft.directory.access_token(token, now) else { return wanted };
    let who = (access.account.clone(), access.client.clone());
    let settings = &world.microsoft.settings;
    let limit = settings.concurrency.filter(|_| settings.batch_throttled).unwrap_or(usize::MAX);
    let used = world.microsoft.throttle.0.entry(who).or_default();
    used.highest = used.highest.max(used.in_flight + wanted);
    let places = limit.saturating_sub(used.in_flight).min(wanted);
    used.refused += u64::try_from(wanted - places).unwrap_or_default();
    places
}

pub(crate) fn over_concurrency(seconds: u32) -> GraphError {
    too_many("ApplicationThrottled", "Application is over its MailboxConcurrency limit.", seconds.into())
}

fn too_many(code: &'static str, message: &str, seconds: i64) -> GraphError {
    GraphError::new(429, code, message).with(header::RETRY_AFTER, seconds.to_string())
}

/// What was seen of each mailbox and client, for tests that look at it.
pub(crate) fn shown(world: &World) -> Value {
    let now = world.now();
    let directory = &world.microsoft.directory;
    let all = world.microsoft.throttle.0.iter().map(|((account, client), used)| {
        json!({
            "platform": "outlook",
            "account": directory.account(account).map(|account| account.email.as_str()),
            "client_id": client,
            "in_flight": used.in_flight,
            "highest": used.highest,
            "refused": used.refused,
            "in_10_minutes": used.recent.iter().filter(|at| **at <= now && now - **at < WINDOW).count(),
        })
    });
    all.collect()
}

/// What was seen so far no longer counts.
pub(crate) fn forget(world: &mut World) {
    for used in world.microsoft.throttle.0.values_mut() {
        used.highest = used.in_flight;
        used.refused = 0;
        used.recent.clear();
    }
}
