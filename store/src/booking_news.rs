//! What is told of a booking, and to whom: queued in the transaction of the change.

use crate::booking_mail::{BookingMail, Host};
use chrono::{DateTime, Utc};
use simone_booking::booking::{Actor, Booking, ChangeKind};
use simone_sync::ports::{StoreError, StoreResult};

/// A provider as those who are told of a booking know them: name, zone, and the address of the service.
pub(crate) type HostRow = (String, String, String);

/// What a client (with their link) or the provider (without) reads; `None`: who the client is was erased.
pub(crate) fn booking_mail(
    host: &HostRow,
    booking: &Booking,
    kind: ChangeKind,
    actor: Actor,
    moved_from: Option<DateTime<Utc>>,
    link: Option<&str>,
) -> StoreResult<Option<Box<BookingMail>>> {
    let Some(client) = &booking.client else { return Ok(None) };
    let (name, zone, address) = host;
    let zone = zone.parse().map_err(|_| StoreError::Corrupt { what: "a provider's time zone" })?;
    let host = Host { name, zone, address };
    Ok(Some(Box::new(BookingMail::new(booking, client, host, kind, actor, moved_from, link))))
}

/// Queues what is told of a change of a booking, which stands changed already: an e-mail to the client, a webhook to the
/// marketplace, and a notice and an e-mail to the provider, where it was not their own doing. `owner`: with whom the
/// e-mail to the client goes, should they go.
macro_rules! tell_of_booking {
    ($db:expr, $conn:ident, $owner:expr, $booking:expr, $link:expr, $kind:expr, $actor:expr, $moved:expr, $now:expr) => {{
        use simone_booking::booking::Actor;
        let booking: &simone_booking::booking::Booking = $booking;
        let moved: Option<(chrono::DateTime<chrono::Utc>, chrono::DateTime<chrono::Utc>)> = $moved;
        let moved_from = moved.map(|(from, _)| from);
        let host: $crate::booking_news::HostRow = sqlx::query_as(
            "SELECT p.name, p.time_zone, b.address FROM providers p JOIN bookings b ON b.provider_id = p.id
             WHERE p.id = $1 AND b.id = $2",
        )
        .bind(booking.provider.0)
        .bind(booking.id.0)
        .fetch_one(&mut *$conn)
        .await?;
        let cause = |to: &str| format!("booking:{}:{}:{to}", booking.id, booking.revision);
        let mail = |link: Option<&str>| {
            $crate::booking_news::booking_mail(&host, booking, $kind, $actor, moved_from, link)
        };
        if let (Some(client), Some(mail)) = (&booking.client, mail(Some($link))?) {
            let email = $crate::deliveries::Email {
                to: client.email.clone(),
                name: client.name.clone(),
                locale: client.locale,
                kind: $crate::deliveries::EmailKind::Booking(mail),
            };
            let owner: Option<simone_booking::ProviderId> = $owner;
            let cause = cause("client");
            $crate::deliveries::enqueue_to!($db, $conn, owner.map(|owner| owner.0), &cause, email, $now);
        }
        let webhook = $crate::webhooks::Webhook::booking($kind, booking);
        $crate::webhooks::enqueue_webhook!($db, $conn, booking.provider, cause("webhook"), &webhook, $now);
        if !matches!($actor, Actor::Provider | Actor::System) {
            let notice = $crate::notices::Notice::Booking {
                booking: booking.id,
                change: $kind,
                status: booking.status,
                service: booking.service_name.clone(),
                starts_at: booking.interval.start,
            };
            let cause = cause("provider");
            $crate::notices::tell!($db, $conn, booking.provider, None, &cause, notice, $now);
            if let Some(mail) = mail(None)? {
                let kind = $crate::deliveries::EmailKind::Booking(mail);
                $crate::deliveries::enqueue!($db, $conn, booking.provider, &cause, kind, $now);
            }
        }
    }};
}
pub(crate) use tell_of_booking;
