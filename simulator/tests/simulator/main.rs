//! The simulator over HTTP, as its clients meet it.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test, as the tests themselves do")]

mod calendar_list;
mod control;
mod events;
mod faults;
mod listing;
mod oauth;
mod page;
mod schema;
mod series;
mod support;
mod wire;
