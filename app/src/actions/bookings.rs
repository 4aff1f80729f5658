//! What a provider decides about an appointment.

use super::{done, here, settled};
use crate::flash::Flash;
use crate::page::Here;
use crate::pages::bookings::moving::refusal_code;
use leptos::prelude::*;
use simone_booking::BookingId;
use simone_booking::booking::Actor;
use simone_sync::bookings::{Change, Refusal};
use simone_sync::ports::StoreResult;

/// Changes a booking that still stands at the revision that the provider saw.
async fn change(
    here: &Here,
    booking: BookingId,
    revision: i64,
    change: &Change,
    flash: Flash,
) -> StoreResult<Flash> {
    let bookings = &here.state.bookings;
    let provider = here.provider_id();
    match bookings.change(provider, booking, Some(revision), change, Actor::Provider).await? {
        Ok(_) => {
            settled(&here.state, provider).await?;
            Ok(flash)
        }
        Err(Refusal::UnknownBooking) => Ok(Flash::Missing),
        Err(refusal) => Ok(Flash::BookingRefused { reason: refusal_code(&refusal) }),
    }
}

/// The provider's yes to a booking that is held.
#[server(prefix = "/actions", endpoint = "confirm-booking")]
pub async fn confirm_booking(booking: BookingId, revision: i64) -> Result<(), ServerFnError> {
    let here = here()?;
    let outcome = change(&here, booking, revision, &Change::Confirm, Flash::BookingConfirmed).await;
    leave(&here, outcome, booking).await;
    Ok(())
}

/// Cancels a booking; of one that is held it is the provider's no.
#[server(prefix = "/actions", endpoint = "cancel-booking")]
pub async fn cancel_booking(booking: BookingId, revision: i64) -> Result<(), ServerFnError> {
    let here = here()?;
    let outcome = change(&here, booking, revision, &Change::Cancel, Flash::BookingCancelled).await;
    leave(&here, outcome, booking).await;
    Ok(())
}

/// To the page of the booking, if there is one for them.
async fn leave(here: &Here, outcome: StoreResult<Flash>, booking: BookingId) {
    let there = !matches!(outcome, Ok(Flash::Missing));
    let back = if there { format!("/agenda/bookings/{booking}") } else { "/agenda".to_owned() };
    done(here, outcome, None, &back).await;
}
