//! What a provider offers.

use super::{done, here};
use crate::flash::Flash;
use crate::format;
use chrono::NaiveDate;
use leptos::prelude::*;
use simone_booking::ServiceId;

/// Offers a service no longer.
#[server(prefix = "/actions", endpoint = "withdraw-service")]
pub async fn withdraw_service(service: ServiceId) -> Result<(), ServerFnError> {
    let here = here()?;
    let outcome = async {
        let db = &here.state.db;
        let before = db.service(here.provider_id(), service).await?;
        let Some(before) = before.filter(|before| !before.withdrawn) else { return Ok(Flash::Missing) };
        if !db.withdraw_service(here.provider_id(), service, here.now).await? {
            return Ok(Flash::Missing);
        }
        Ok(Flash::ServiceWithdrawn { name: format::foreign(&before.terms.name) })
    };
    done(&here, outcome.await, None, "/settings/services").await;
    Ok(())
}

/// Lets a date follow the weekly hours again.
#[server(prefix = "/actions", endpoint = "usual-hours")]
pub async fn usual_hours(date: NaiveDate) -> Result<(), ServerFnError> {
    let here = here()?;
    let outcome = async {
        let set = here.state.db.set_hours_exception(here.provider_id(), date, None, here.now).await?;
        Ok(if set { Flash::DayUsual { date } } else { Flash::Missing })
    };
    done(&here, outcome.await, None, "/settings/hours").await;
    Ok(())
}
