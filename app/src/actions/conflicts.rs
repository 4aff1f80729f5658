//! What a provider decides about an event of ours that they changed.

use super::{done, here, settled};
use crate::flash::Flash;
use leptos::prelude::*;
use simone_booking::id::ConflictId;
use simone_sync::bookings::Refusal;
use simone_sync::conflict::{Kind, Resolution};
use simone_sync::settle::{ConflictStore as _, Seen, Unsettled, settle};

/// Applies the edit to the booking, or puts the event back; about what was seen, and nothing else.
#[server(prefix = "/actions", endpoint = "settle-conflict")]
pub async fn settle_conflict(
    conflict: ConflictId,
    resolution: String,
    event: Option<String>,
    booking: i64,
) -> Result<(), ServerFnError> {
    let here = here()?;
    let provider = here.provider_id();
    let db = &here.state.db;
    let mut known = false;
    let outcome = async {
        let Some(resolution) = Resolution::from_code(&resolution) else { return Ok(Flash::Missing) };
        let Some(before) = db.settleable(provider, conflict).await? else { return Ok(Flash::Missing) };
        known = true;
        let seen = Seen { event, booking };
        let decided =
            settle(db, &here.state.bookings, provider, conflict, &seen, resolution, here.now).await?;
        Ok(match decided {
            Ok(()) => {
                settled(&here.state, provider).await?;
                match (resolution, before.kind) {
                    (Resolution::PutBack, _) => Flash::EventPutBack,
                    (Resolution::Applied, Kind::ExportDeleted) => Flash::BookingCalledOff,
                    (Resolution::Applied, _) => Flash::BookingFollowed,
                }
            }
            Err(Unsettled::Unknown) => Flash::Missing,
            Err(Unsettled::Changed | Unsettled::NoChoice) => Flash::ConflictChanged,
            Err(Unsettled::Refused(refusal)) => Flash::ConflictRefused {
                reason: match refusal {
                    Refusal::Taken { .. } => "taken",
                    Refusal::Past => "past",
                    Refusal::BeyondHorizon => "beyond",
                    _ => "refused",
                }
                .to_owned(),
            },
        })
    };
    let outcome = outcome.await;
    let back = if known { format!("/conflicts/{conflict}") } else { "/conflicts".to_owned() };
    done(&here, outcome, Some(&back), "/conflicts").await;
    Ok(())
}
