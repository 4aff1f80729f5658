//! Appointments, as their provider sees them.

pub mod detail;
pub mod making;
pub mod moving;

use crate::format;
use crate::page::{Here, PageError};
use crate::texts::{Lang, text};
use crate::typed::Typed;
use chrono::{DateTime, LocalResult, NaiveDate, NaiveTime, TimeZone as _, Utc};
use leptos::prelude::*;
use simone_booking::booking::{Booking, Status};
use simone_booking::horizon::resolve_wall_time;
use simone_booking::{BookingId, Interval};
use simone_store::views::BookingDetails;
use simone_sync::bookings::Refusal;

/// The booking that the address names, if it is this provider's.
async fn find(here: &Here, id: Option<String>) -> Result<BookingDetails, PageError> {
    let id: BookingId = id.and_then(|id| id.parse().ok()).ok_or(PageError::NotFound)?;
    here.state.db.booking(here.provider_id(), id).await?.ok_or(PageError::NotFound)
}

/// Whether anything can still be done about it.
fn is_ahead(here: &Here, booking: &Booking) -> bool {
    booking.status != Status::Cancelled && booking.interval.end > here.now
}

/// What a booking is in, in a word.
pub fn status_words(lang: Lang, booking: &Booking, now: DateTime<Utc>) -> String {
    match booking.status {
        Status::Cancelled => text!(lang, bookings.cancelled),
        _ if booking.interval.end <= now => text!(lang, bookings.over),
        Status::Pending => text!(lang, bookings.pending),
        Status::Confirmed => text!(lang, bookings.confirmed),
    }
}

/// Why a booking was not made or changed, and what to do, for the provider.
fn refusal_words(lang: Lang, refusal: &Refusal) -> String {
    match refusal {
        Refusal::Past => text!(lang, bookings.refused_past),
        Refusal::TooSoon { .. } => text!(lang, bookings.refused_soon),
        Refusal::BeyondHorizon => text!(lang, bookings.refused_beyond),
        Refusal::OutsideHours { .. } => text!(lang, bookings.refused_hours),
        Refusal::Taken { alternatives } if alternatives.is_empty() => text!(lang, bookings.refused_taken),
        Refusal::Taken { .. } => text!(lang, bookings.refused_taken_text),
        Refusal::NotReady => text!(lang, bookings.refused_not_ready),
        Refusal::Cancelled => text!(lang, bookings.refused_cancelled),
        Refusal::Over => text!(lang, bookings.refused_over),
        Refusal::Changed | Refusal::KeyReused => text!(lang, bookings.refused_changed),
        Refusal::UnknownService | Refusal::UnknownProvider => text!(lang, bookings.refused_service),
        Refusal::UnknownBooking | Refusal::Client(_) => text!(lang, flash.missing),
    }
}

/// When it begins: a slot whose button was pressed, or the date and time that were typed.
fn read_start(here: &Here, typed: &Typed) -> Result<DateTime<Utc>, (&'static str, String)> {
    let lang = here.lang;
    if let Ok(start) = typed.get("start").parse::<DateTime<Utc>>() {
        return Ok(start);
    }
    let date = typed.get("date").parse::<NaiveDate>();
    let date = date.map_err(|_| ("date", text!(lang, bookings.date_wrong)))?;
    let time = NaiveTime::parse_from_str(typed.get("time"), "%H:%M")
        .or_else(|_| NaiveTime::parse_from_str(typed.get("time"), "%H:%M:%S"))
        .map_err(|_| ("time", text!(lang, bookings.date_wrong)))?;
    let wall = date.and_time(time);
    match here.zone().from_local_datetime(&wall) {
        LocalResult::None => {
            let time = time.format("%-H:%M").to_string();
            Err(("time", text!(lang, unavailable.skipped, time = time)))
        }
        _ => Ok(resolve_wall_time(wall, here.zone())),
    }
}

/// Slots as buttons of the form around them: pressing one sends it.
fn slots(here: &Here, title: String, slots: &[Interval]) -> Option<AnyView> {
    let buttons: Vec<_> = slots
        .iter()
        .map(|slot| {
            let day = slot.start.with_timezone(&here.zone()).date_naive();
            let words = format!(
                "{}, {}",
                format::date(here.lang, day, here.today()),
                format::time(slot.start, here.zone())
            );
            view! { <button class="btn num" name="start" value=slot.start.to_rfc3339()>{words}</button> }
        })
        .collect();
    (!buttons.is_empty()).then(|| {
        view! {
            <div class="stack slots">
                <h2>{title}</h2>
                <div class="actions">{buttons}</div>
            </div>
        }
        .into_any()
    })
}
