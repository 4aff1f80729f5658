//! The simulator over HTTP, as its clients meet it.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test, as the tests themselves do")]

mod acl;
mod batch;
mod calendar_list;
mod calendars;
mod control;
mod events;
mod faults;
mod free_busy;
mod graph_batch;
mod graph_bodies;
mod graph_control;
mod graph_delta;
mod graph_delta_follow;
mod graph_events;
mod graph_events_client;
mod graph_identity;
mod graph_odata;
mod graph_page;
mod graph_schema;
mod graph_subscriptions;
mod graph_support;
mod graph_throttle;
mod graph_views;
mod graph_wire;
mod listing;
mod oauth;
mod page;
mod push;
mod schema;
mod series;
mod support;
mod switches;
mod wire;
