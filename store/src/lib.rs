//! Persistence on SQLite or PostgreSQL: the implementation of the ports of the sync core, sessions, and the read
//! models of the pages. Each query is written once and runs on both.

mod api_hours;
mod api_providers;
pub mod api_tokens;
mod audit;
mod backup;
mod booking_changes;
pub mod booking_mail;
mod booking_news;
mod booking_rows;
mod booking_slots;
mod bookings;
mod choices;
mod conflicts;
mod connect;
pub mod crypto;
mod database;
pub mod deliveries;
mod derive;
mod erasure;
mod events;
pub mod export;
mod export_bookings;
mod exports;
pub mod links;
mod log_changes;
mod notices;
mod offers;
pub mod operators;
mod providers;
mod prune;
pub mod rotation;
mod rounds;
pub mod sealed;
pub mod sessions;
mod settle;
pub mod transfer;
pub mod views;
pub mod webhooks;

pub use api_providers::ProviderChanges;
pub use backup::{BackupError, backup};
pub use crypto::{Keyring, Sealed};
pub use database::{Database, OpenError, Options};
pub use operators::NewOperator;
pub use providers::NewProvider;
