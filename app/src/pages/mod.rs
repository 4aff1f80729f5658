//! The pages.

pub mod account;
pub mod agenda;
pub mod calendars;
pub mod connection;
pub mod leaving;
pub mod login;
pub mod notifications;
pub mod oversight;
pub mod reason;
pub mod sessions;
pub mod sharing;
pub mod sync_log;
pub mod sync_round;
pub mod unavailable;
pub mod upcoming;
pub mod welcome;
