//! The pages.

pub mod account;
pub mod agenda;
pub mod calendars;
pub mod connection;
pub mod login;
pub mod notifications;
pub mod sharing;
pub mod sync_log;
