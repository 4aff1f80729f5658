//! From bookings to events on the platforms: what an event of ours says, how it is told from others.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use simone_booking::BookingId;
use std::fmt;
use uuid::Uuid;

/// What stands on each event of ours, and names it: a copy made by hand carries the marker of another event.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Marker {
    pub installation: Uuid,
    pub booking: BookingId,
    /// What the event was created under: on Google its id, on Graph the `transactionId` of its creation.
    pub name: String,
}

/// What we write of a booking. Personal data: encrypted at rest.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    pub title: String,
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
    /// The provider's zone, in which the times are told.
    pub zone: Tz,
    pub location: String,
    /// Plain text.
    pub description: String,
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Content(…)")
    }
}

/// Those of our fields that are to be written anew.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Patch {
    pub title: Option<String>,
    /// Start, end and zone, written together; with them the event is made a single one again.
    pub times: Option<(DateTime<Utc>, DateTime<Utc>, Tz)>,
    pub location: Option<String>,
    /// Our own text as it was last written (`None`: unknown) and as it should be: what the provider wrote around it
    /// stays.
    pub description: Option<(Option<String>, String)>,
}

impl fmt::Debug for Patch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Patch(…)")
    }
}
