//! From bookings to events on the platforms: what an event of ours says, and the operations that bring what was written
//! in line with what is booked. Pure; [`crate::engine`] performs them.

use crate::conflict::{self, divergence};
use crate::event::Shape;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use simone_booking::booking::Booking;
use simone_booking::service::Place;
use simone_booking::{BookingId, Interval, Locale};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use url::Url;
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

impl Marker {
    /// The marker of one event of a booking. The name is made from what it names, so that whoever makes it again makes
    /// the same: after a crash, in another process, out of an older copy of the database, on another connection.
    pub fn new(installation: Uuid, booking: BookingId, generation: i64) -> Self {
        let digest = Sha256::new()
            .chain_update(b"simone event")
            .chain_update(installation.as_bytes())
            .chain_update(booking.0.as_bytes())
            .chain_update(generation.to_be_bytes())
            .finalize();
        // Hexadecimal digits are all that Google takes and more (reference sheet 7.2: a to v, 0 to 9).
        let name = digest.iter().take(20).map(|byte| format!("{byte:02x}")).collect();
        Self { installation, booking, name }
    }
}

impl Content {
    /// What an event says of a booking, in the provider's language. `address`: of the provider's own place, if it is
    /// there; `pages`: where the product is.
    pub fn of(booking: &Booking, address: &str, zone: Tz, locale: Locale, pages: &Url) -> Self {
        let client = booking.client.as_ref();
        let short = client.map(simone_booking::booking::Client::short_name).unwrap_or_default();
        let link = format!("{}/agenda/bookings/{}", pages.as_str().trim_end_matches('/'), booking.id);
        let (title, words, closing) = match locale {
            Locale::Fr => (
                format!("Réservation Simone - {} - Client: {short}", booking.service_name),
                ["Client", "Téléphone", "Instructions"].map(|word| format!("{word} : ")),
                "Voir dans Simone : ",
            ),
            Locale::En => (
                format!("Simone booking - {} - Client: {short}", booking.service_name),
                ["Client", "Phone", "Instructions"].map(|word| format!("{word}: ")),
                "Open in Simone: ",
            ),
        };
        let mut description = String::new();
        if let Some(client) = client {
            for (word, text) in words.iter().zip([&client.name, &client.phone, &client.instructions]) {
                if !text.is_empty() {
                    description.push_str(word);
                    description.push_str(text);
                    description.push('\n');
                }
            }
            description.push('\n');
        }
        description.push_str(closing);
        description.push_str(&link);
        Self {
            title,
            start: booking.interval.start,
            end: booking.interval.end,
            zone,
            location: match client {
                Some(client) if booking.place == Place::Client => client.address.clone(),
                _ => address.to_owned(),
            },
            description,
        }
    }

    pub const fn interval(&self) -> Interval {
        Interval::new(self.start, self.end)
    }

    /// Another one for other content, in whatever version of the product.
    pub fn fingerprint(&self) -> String {
        let plain = serde_json::to_vec(self).expect("content is plain values");
        Sha256::digest(plain).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// What has to be written so that an event says this. `was`: what we last wrote, where it is known, and `sure`: that
    /// it is what the event says; `stands`: when the event is.
    fn patch(&self, was: Option<&Self>, sure: bool, stands: Option<Interval>) -> Patch {
        let text =
            |of: fn(&Self) -> &String| (!sure || was.map(of) != Some(of(self))).then(|| of(self).clone());
        let same_times = was.is_some_and(|was| was.interval() == self.interval() && was.zone == self.zone);
        Patch {
            title: text(|content| &content.title),
            times: (!same_times || stands != Some(self.interval()))
                .then_some((self.start, self.end, self.zone)),
            location: text(|content| &content.location),
            description: text(|content| &content.description)
                .map(|becomes| (was.map(|was| was.description.clone()), becomes)),
        }
    }
}

/// In place of the digest of an event's content: it was found to have been made, by an attempt whose outcome was not known,
/// and is written once more.
pub const ADOPTED: &str = "adopted";

/// What names an event that we wrote, on one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExportKey {
    pub booking: BookingId,
    pub generation: i64,
}

/// The event as its calendar last told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub shape: Shape,
    pub revision: String,
}

/// An event that we wrote, or were about to.
#[derive(Clone, Debug)]
pub struct Written {
    pub key: ExportKey,
    pub name: String,
    /// The platform's id of the calendar.
    pub calendar: String,
    pub event_id: Option<String>,
    /// What was last written, if it is known and can be opened.
    pub content: Option<Content>,
    /// Of that content. `None`: it is not known whether the event was ever made.
    pub fingerprint: Option<String>,
    /// When we last wrote that it is.
    pub times: Option<Interval>,
    /// To when we were about to move it, and did not learn whether we did.
    pub tried: Option<Interval>,
    /// The revision that the provider lets us overwrite.
    pub overwrite: Option<String>,
    /// Another event takes its place.
    pub retired: bool,
    /// Reading it showed that it is gone.
    pub gone: bool,
    /// The last attempt failed: it is tried after the others.
    pub failed: bool,
    /// What stands in its calendar, as far as that is known.
    pub seen: Option<Seen>,
    /// The booking is confirmed and its appointment over: it stays as it is.
    pub past: bool,
    /// It stands for the booking on another connection of the provider as well: on the same account, connected anew, or by
    /// a calendar that both see.
    pub shared: bool,
}

impl Written {
    /// Whether it may still stand in its calendar.
    fn may_stand(&self) -> bool {
        !self.gone || self.seen.is_some()
    }

    fn seen(&self) -> Option<conflict::Seen<'_>> {
        self.seen.as_ref().map(|seen| conflict::Seen { shape: &seen.shape, revision: &seen.revision })
    }
}

/// One request to a platform (in the ordinary case), and what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Make the event, or find that it was made.
    Create {
        key: ExportKey,
        content: Content,
    },
    Update {
        key: ExportKey,
        event_id: String,
        revision: String,
        patch: Patch,
        content: Content,
    },
    Delete {
        key: ExportKey,
        calendar: String,
        name: String,
        event_id: Option<String>,
        revision: Option<String>,
    },
    /// See whether an event is still there of which its calendar says nothing.
    Look {
        key: ExportKey,
        name: String,
        event_id: Option<String>,
    },
}

impl Operation {
    pub const fn key(&self) -> ExportKey {
        match self {
            Self::Create { key, .. }
            | Self::Update { key, .. }
            | Self::Delete { key, .. }
            | Self::Look { key, .. } => *key,
        }
    }
}

/// What to do so that the calendar that receives bookings says what is booked. `wanted`: the bookings that should stand
/// there (confirmed, and not over); `receiving`: the platform's id of that calendar. What the provider moved or deleted
/// is left as it is until they decide. First what is new and changed, by time, then what goes.
pub fn plan(
    wanted: &[(BookingId, Content)],
    receiving: Option<&str>,
    written: &[Written],
    zone: Tz,
) -> Vec<Operation> {
    let mut by_booking: HashMap<BookingId, Vec<&Written>> = HashMap::new();
    for row in written {
        by_booking.entry(row.key.booking).or_default().push(row);
    }
    let mut operations: BTreeMap<(bool, bool, DateTime<Utc>, ExportKey), Operation> = BTreeMap::new();
    let mut current: HashSet<ExportKey> = HashSet::new();
    for (booking, content) in wanted {
        let Some(receiving) = receiving else { break };
        let rows = by_booking.get(booking).map(Vec::as_slice).unwrap_or_default();
        let last = rows.iter().max_by_key(|row| row.key.generation);
        let standing = last.filter(|row| !row.retired && row.calendar == receiving);
        let generation = last.map_or(0, |row| row.key.generation) + i64::from(standing.is_none());
        let key = ExportKey { booking: *booking, generation };
        current.insert(key);
        let operation = match standing {
            None => Some(Operation::Create { key, content: content.clone() }),
            Some(row) => bring_in_line(row, content, zone),
        };
        if let Some(operation) = operation {
            let failed = standing.is_some_and(|row| row.failed);
            operations.insert((failed, false, content.start, key), operation);
        }
    }
    for row in written {
        if current.contains(&row.key) || row.past || row.shared || !row.may_stand() {
            continue;
        }
        let delete = Operation::Delete {
            key: row.key,
            calendar: row.calendar.clone(),
            name: row.name.clone(),
            event_id: row.event_id.clone(),
            revision: row.seen.as_ref().map(|seen| seen.revision.clone()),
        };
        operations.insert((row.failed, true, DateTime::UNIX_EPOCH, row.key), delete);
    }
    operations.into_values().collect()
}

fn bring_in_line(row: &Written, content: &Content, zone: Tz) -> Option<Operation> {
    let key = row.key;
    if !row.may_stand() {
        // Deleted by hand: a conflict.
        return None;
    }
    if row.fingerprint.is_none() {
        return Some(Operation::Create { key, content: content.clone() });
    }
    let (Some(seen), Some(event_id)) = (&row.seen, &row.event_id) else {
        let (name, event_id) = (row.name.clone(), row.event_id.clone());
        return Some(Operation::Look { key, name, event_id });
    };
    if divergence([row.times, row.tried], content.interval(), row.seen(), row.overwrite.as_deref(), zone)
        .is_some()
    {
        // Moved by hand: a conflict.
        return None;
    }
    let overwrites = row.overwrite.as_deref() == Some(seen.revision.as_str());
    if row.fingerprint.as_deref() == Some(&content.fingerprint()) && !overwrites {
        return None;
    }
    let sure = row.fingerprint.as_deref() != Some(ADOPTED);
    Some(Operation::Update {
        key,
        event_id: event_id.clone(),
        revision: seen.revision.clone(),
        patch: content.patch(row.content.as_ref(), sure, seen.shape.single()),
        content: content.clone(),
    })
}

/// What goes when a connection ends: what is to come, unless the provider keeps it. Past appointments stay.
pub fn farewell(written: &[Written]) -> Vec<Operation> {
    plan(&[], None, written, Tz::UTC)
}
