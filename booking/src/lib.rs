//! The words that everything else is made of: providers, intervals, the horizon, the clock.
//!
//! Nothing here knows of a database, a network or a page.

pub mod clock;
pub mod horizon;
pub mod id;
pub mod interval;
pub mod provider;

pub use clock::{Clock, SystemClock};
pub use horizon::Horizon;
pub use id::{CalendarId, ConnectionId, Ids, OperatorId, ProviderId};
pub use interval::Interval;
pub use provider::{Locale, Operator, Provider};
