//! Read models: what a page shows, or the API tells, read for one provider.

mod account;
mod agenda;
pub mod api;
pub mod api_conflicts;
mod bookings;
mod conflicts;
mod connections;
mod exports;
mod live;
mod notices;
pub mod oversight;
mod reason;
mod sync_log;
mod upcoming;

pub use crate::notices::Notice;
pub use account::ZonePreview;
pub use agenda::{Block, BlockSource};
pub use bookings::{BookingDetails, BookingFilter};
pub use conflicts::{BookingSide, Conflict, Conflicts, OtherSide};
pub use connections::{Calendar, Connection, Progress, ZoneQuestion};
pub use exports::{ExportState, Standing};
pub use live::Stamp;
pub use notices::StoredNotice;
pub use reason::{Imported, Reason};
pub use sync_log::{CalendarChanges, LogPage, LogRow, RoundView};
pub use upcoming::{UpcomingPage, UpcomingRow, Which};
