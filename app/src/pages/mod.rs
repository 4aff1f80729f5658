//! The pages.

pub mod account;
pub mod agenda;
pub mod calendars;
pub mod connection;
pub mod login;
pub mod notifications;
pub mod reason;
pub mod sharing;
pub mod sync_log;
pub mod sync_round;
pub mod upcoming;
