//! What an e-mail about a booking has to know: the appointment as it stood after the change that it tells of. It is kept in
//! the message itself, so that a later change, or the erasure of the client's data, does not alter what was told.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use simone_booking::booking::{Actor, Booking, ChangeKind, Client, Status};
use simone_booking::service::Place;
use simone_booking::{BookingId, Interval};
use std::fmt;

/// An e-mail about a booking, to its client or to its provider. Personal data: encrypted with the message.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookingMail {
    pub booking: BookingId,
    /// Of the booking, after the change.
    pub revision: i64,
    pub changed_at: DateTime<Utc>,
    /// What is told.
    pub change: ChangeKind,
    /// Who did it.
    pub actor: Actor,
    pub status: Status,
    /// The token of the client's private link, a secret. `None`: it is the provider who reads.
    pub link: Option<String>,
    pub provider_name: String,
    /// Of the provider.
    pub zone: Tz,
    pub client_name: String,
    pub client_phone: String,
    /// The client's, if they are told times in another than the provider's.
    pub client_zone: Option<Tz>,
    pub service_name: String,
    pub price_cents: Option<i64>,
    pub place: Place,
    /// Where it takes place: the client's address, or the provider's; empty where there is none.
    pub address: String,
    pub instructions: String,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    /// Of a move: when it began before.
    pub moved_from: Option<DateTime<Utc>>,
}

impl fmt::Debug for BookingMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BookingMail({}, {}, {:?})", self.booking, self.revision, self.change)
    }
}

/// With whom and where an appointment is.
#[derive(Clone, Copy, Debug)]
pub struct Host<'a> {
    pub name: &'a str,
    pub zone: Tz,
    /// Of the service, where it takes place at the provider's.
    pub address: &'a str,
}

impl BookingMail {
    /// What is to be told of a booking as it stands. `link`: the client's private link, where the client reads it.
    pub fn new(
        booking: &Booking,
        client: &Client,
        host: Host<'_>,
        change: ChangeKind,
        actor: Actor,
        moved_from: Option<DateTime<Utc>>,
        link: Option<&str>,
    ) -> Self {
        let address = match booking.place {
            Place::Client => client.address.as_str(),
            Place::Provider => host.address,
            Place::Remote => "",
        };
        Self {
            booking: booking.id,
            revision: booking.revision,
            changed_at: booking.changed_at,
            change,
            actor,
            status: booking.status,
            link: link.map(str::to_owned),
            provider_name: host.name.to_owned(),
            zone: host.zone,
            client_name: client.name.clone(),
            client_phone: client.phone.clone(),
            client_zone: client.zone,
            service_name: booking.service_name.clone(),
            price_cents: booking.price_cents,
            place: booking.place,
            address: address.to_owned(),
            instructions: client.instructions.clone(),
            starts_at: booking.interval.start,
            ends_at: booking.interval.end,
            moved_from,
        }
    }

    pub fn interval(&self) -> Interval {
        Interval::new(self.starts_at, self.ends_at)
    }
}
