//! Calendars and events (4 to 7).

pub(crate) mod access;
mod actions;
mod ask;
mod bodies;
mod calendars;
mod delta;
mod draft;
pub(crate) mod edits;
mod events;
mod expand;
mod extensions;
mod fields;
mod filter;
pub(crate) mod ids;
pub(crate) mod items;
mod listing;
pub(crate) mod model;
mod odata;
pub(crate) mod prefer;
mod recurrence;
mod schedule;
pub(crate) mod show;
pub(crate) mod switches;
pub(crate) mod times;
mod views;
mod write;
pub(crate) mod zones;

use std::sync::Arc;

use axum::routing::{get, post};
use axum::{Extension, Router};

use crate::simulator::Simulator;
use ask::Scope;

/// Under `/v1.0`. The front has brought names to their usual letters, `/users/{…}` of the caller to `/me`, and has taken
/// off the parentheses of `delta()`.
pub(crate) fn router() -> Router<Arc<Simulator>> {
    let one = get(calendars::get).patch(calendars::update).delete(calendars::delete);
    let lists = Router::new()
        .route("/me/calendars", get(calendars::list).post(calendars::create))
        .route("/me/calendarGroups", get(calendars::groups))
        .route("/me/calendarGroups/{group}", get(calendars::group))
        .route(
            "/me/calendarGroups/{group}/calendars",
            get(calendars::list_of_group).post(calendars::create_in_group),
        )
        .route("/me/calendar/getSchedule", post(schedule::get_schedule))
        .route("/me/calendar/microsoft.graph.getSchedule", post(schedule::get_schedule));
    let default = Router::new().route("/me/calendar", one.clone()).layer(Extension(Scope::Default));
    let named = Router::new()
        .route("/me/calendars/{calendar}", one.clone())
        .route("/me/calendarGroups/{group}/calendars/{calendar}", one)
        .layer(Extension(Scope::Named));
    Router::new()
        .merge(lists)
        .merge(default)
        .merge(named)
        .nest("/me", of_calendar(Scope::Mailbox))
        .nest("/me/calendar", of_calendar(Scope::Default))
        .nest("/me/calendars/{calendar}", of_calendar(Scope::Named))
        .nest("/me/calendarGroups/{group}/calendars/{calendar}", of_calendar(Scope::Named))
}

/// What there is below a calendar, however the calendar is named.
fn of_calendar(scope: Scope) -> Router<Arc<Simulator>> {
    Router::new()
        .route("/events", get(events::list).post(events::create))
        .route("/events/{event}", get(events::get).patch(events::update).delete(events::delete))
        .route("/events/{event}/instances", get(views::instances))
        .route("/events/{event}/accept", post(actions::accept))
        .route("/events/{event}/tentativelyAccept", post(actions::tentatively_accept))
        .route("/events/{event}/decline", post(actions::decline))
        .route("/events/{event}/cancel", post(actions::cancel))
        .route("/events/{event}/forward", post(actions::forward))
        .route("/events/{event}/dismissReminder", post(actions::reminder))
        .route("/events/{event}/snoozeReminder", post(actions::reminder))
        .route("/events/{event}/extensions", get(extensions::list).post(extensions::create))
        .route(
            "/events/{event}/extensions/{extension}",
            get(extensions::get).patch(extensions::update).delete(extensions::delete),
        )
        .route("/calendarView", get(views::calendar_view))
        .route("/calendarView/delta", get(delta::delta))
        .layer(Extension(scope))
}
