//! What a booking looks like to a marketplace.

use super::{Api, told};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use simone_booking::Locale;
use simone_booking::booking::{Booking, BookingChange, Client, Status};
use simone_store::views::BookingDetails;
use utoipa::ToSchema;
use uuid::Uuid;

/// In which all prices are.
pub(crate) const CURRENCY: &str = "EUR";

/// An appointment of a client with a provider.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Booking)]
pub(crate) struct BookingAnswer {
    pub id: Uuid,
    pub provider_id: Uuid,
    pub service: BookedService,
    pub start: DateTime<Utc>,
    /// Exclusive.
    pub end: DateTime<Utc>,
    /// The provider's: an IANA name.
    pub time_zone: String,
    pub status: BookingStatus,
    /// As it was agreed, in cents; null: on request.
    #[schema(required)]
    pub price_cents: Option<i64>,
    #[schema(example = "EUR")]
    pub currency: String,
    pub place: PlaceCode,
    /// Null: erased, some time after the appointment.
    #[schema(required)]
    pub client: Option<ClientAnswer>,
    /// Who made it: `client`, `provider`, `marketplace`.
    pub origin: String,
    /// Each change raises it.
    pub revision: i64,
    pub created_at: DateTime<Utc>,
    pub changed_at: DateTime<Utc>,
    /// The client's private page, on which they can move and cancel it until the appointment is over: a secret of theirs.
    /// Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uri", nullable = false)]
    pub link: Option<String>,
    /// What happened to it, oldest first. Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub history: Option<Vec<BookingEvent>>,
}

/// A service as it was agreed, whatever becomes of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BookedService {
    pub id: Uuid,
    pub name: String,
}

/// What becomes of a booking.
///
/// - `pending`: the time is held until the provider confirms.
/// - `confirmed`: it takes place.
/// - `cancelled`: it does not.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BookingStatus {
    Pending,
    Confirmed,
    Cancelled,
}

/// Where an appointment takes place: at the client's, at the provider's, or by telephone or video.
#[derive(Clone, Copy, Debug, Serialize, serde::Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Place)]
pub(crate) enum PlaceCode {
    Client,
    Provider,
    Remote,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Client)]
pub(crate) struct ClientAnswer {
    pub name: String,
    pub email: String,
    pub phone: String,
    pub address: String,
    pub instructions: String,
    #[schema(value_type = super::providers::Language)]
    pub locale: Locale,
    /// In which they are told times; null: the provider's.
    #[schema(required)]
    pub time_zone: Option<String>,
}

/// Something that happened to a booking.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BookingEvent {
    pub at: DateTime<Utc>,
    /// Who did it: `client`, `provider`, `marketplace`, `system`.
    pub actor: String,
    /// `booked`, `held`, `confirmed`, `moved`, `changed` (the client's data), `cancelled`; others may come.
    pub kind: String,
    /// Of a move: when it began before, and when since.
    #[schema(required)]
    pub from_start: Option<DateTime<Utc>>,
    #[schema(required)]
    pub to_start: Option<DateTime<Utc>>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Bookings)]
pub(crate) struct BookingsPage {
    pub items: Vec<BookingAnswer>,
    /// The `after` of the next page; null on the last one.
    #[schema(required)]
    pub next: Option<String>,
}

impl BookingAnswer {
    /// As it stands in a list.
    pub(crate) fn listed(booking: Booking, zone: Tz) -> Self {
        Self {
            id: booking.id.0,
            provider_id: booking.provider.0,
            service: BookedService { id: booking.service.0, name: booking.service_name },
            start: booking.interval.start,
            end: booking.interval.end,
            time_zone: zone.name().to_owned(),
            status: match booking.status {
                Status::Pending => BookingStatus::Pending,
                Status::Confirmed => BookingStatus::Confirmed,
                Status::Cancelled => BookingStatus::Cancelled,
            },
            price_cents: booking.price_cents,
            currency: CURRENCY.to_owned(),
            place: booking.place.into(),
            client: booking.client.map(ClientAnswer::from),
            origin: booking.origin.code().to_owned(),
            revision: booking.revision,
            created_at: booking.created_at,
            changed_at: booking.changed_at,
            link: None,
            history: None,
        }
    }

    pub(crate) fn with_all(details: BookingDetails, zone: Tz, api: &Api) -> Self {
        let link = api.address(&format!("bookings/{}", details.link));
        let history = told(details.history);
        Self { link: Some(link), history: Some(history), ..Self::listed(details.booking, zone) }
    }
}

impl From<simone_booking::service::Place> for PlaceCode {
    fn from(place: simone_booking::service::Place) -> Self {
        match place {
            simone_booking::service::Place::Client => Self::Client,
            simone_booking::service::Place::Provider => Self::Provider,
            simone_booking::service::Place::Remote => Self::Remote,
        }
    }
}

impl From<PlaceCode> for simone_booking::service::Place {
    fn from(place: PlaceCode) -> Self {
        match place {
            PlaceCode::Client => Self::Client,
            PlaceCode::Provider => Self::Provider,
            PlaceCode::Remote => Self::Remote,
        }
    }
}

impl From<Client> for ClientAnswer {
    fn from(client: Client) -> Self {
        Self {
            name: client.name,
            email: client.email,
            phone: client.phone,
            address: client.address,
            instructions: client.instructions,
            locale: client.locale,
            time_zone: client.zone.map(|zone| zone.name().to_owned()),
        }
    }
}

impl From<BookingChange> for BookingEvent {
    fn from(change: BookingChange) -> Self {
        Self {
            at: change.at,
            actor: change.actor.code().to_owned(),
            kind: change.kind.code().to_owned(),
            from_start: change.moved.map(|(from, _)| from),
            to_start: change.moved.map(|(_, to)| to),
        }
    }
}
