//! The whole product over HTTP: the `simone` program against the simulator, on SQLite and on PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test may stop where it likes")]

mod api;
mod api_bookings;
mod api_walk;
mod both;
mod commands;
mod conflicts;
mod copies;
mod crashes;
mod dead_grant;
mod disconnecting;
mod erasing;
mod exports;
mod keys;
mod live;
mod neighbours;
mod no_calendars;
mod offering;
mod outages;
mod people;
mod pressure;
mod public;
mod public_limits;
mod refusals;
mod security;
mod story;
mod support;
mod two_processes;
mod webhooks;
mod weight;
