//! Read models of the pages: what a page shows, read for one provider.

mod account;
mod agenda;
mod connections;
mod live;
mod notices;
mod sync_log;

pub use crate::notices::Notice;
pub use account::ZonePreview;
pub use agenda::{Block, BlockSource};
pub use connections::{Calendar, Connection, Progress, ZoneQuestion};
pub use live::Stamp;
pub use notices::StoredNotice;
pub use sync_log::{LogPage, LogRow};
