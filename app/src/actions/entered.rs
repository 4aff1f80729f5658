//! What was entered by hand.

use super::{done, here, settled};
use crate::flash::Flash;
use leptos::prelude::*;
use simone_booking::id::{EnteredId, UnavailabilityId};

/// Removes what was entered, with all its occurrences.
#[server(prefix = "/actions", endpoint = "remove-entered")]
pub async fn remove_entered(entered: EnteredId, back: Option<String>) -> Result<(), ServerFnError> {
    let here = here()?;
    let outcome = async {
        if !here.state.db.remove_entered(here.provider_id(), entered, here.now).await? {
            return Ok(Flash::Missing);
        }
        settled(&here.state, here.provider_id()).await?;
        Ok(Flash::Unblocked)
    };
    done(&here, outcome.await, back.as_deref(), "/agenda").await;
    Ok(())
}

/// Takes out the one occurrence that a block is of.
#[server(prefix = "/actions", endpoint = "skip-entered")]
pub async fn skip_entered(block: UnavailabilityId, back: Option<String>) -> Result<(), ServerFnError> {
    let here = here()?;
    let outcome = async {
        if !here.state.db.skip_entered(here.provider_id(), block, here.now).await? {
            return Ok(Flash::Missing);
        }
        settled(&here.state, here.provider_id()).await?;
        Ok(Flash::Unblocked)
    };
    done(&here, outcome.await, back.as_deref(), "/agenda").await;
    Ok(())
}
