//! The words that everything else is made of: providers, intervals, the horizon, the clock.
//!
//! Nothing here knows of a database, a network or a page.

pub mod booking;
pub mod clock;
pub mod horizon;
pub mod hours;
pub mod id;
pub mod interval;
pub mod provider;
pub mod service;
pub mod slots;

pub use clock::{Clock, SystemClock};
pub use horizon::Horizon;
pub use id::{BookingId, CalendarId, ConnectionId, Ids, OperatorId, ProviderId, ServiceId};
pub use interval::Interval;
pub use provider::{Locale, Operator, Provider};
