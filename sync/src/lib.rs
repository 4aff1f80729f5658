//! The sync core.
//!
//! Observations are persisted, the rest is derived: see the architecture document.

pub mod bookings;
pub mod busy;
pub mod conflict;
pub mod connect;
pub mod derive;
pub mod engine;
pub mod entered;
pub mod event;
pub mod export;
pub mod import;
pub mod judge;
pub mod log;
pub mod platform;
pub mod ports;
pub mod recurrence;
pub mod round;
pub mod schedule;
pub mod settle;
pub mod zone;
