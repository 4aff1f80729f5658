//! Connections and calendars.

use super::{done, here, settled};
use crate::flash::Flash;
use crate::page::Here;
use crate::platform::calendar_name;
use leptos::prelude::*;
use simone_booking::id::UnavailabilityId;
use simone_booking::{CalendarId, ConnectionId};
use simone_store::views::{Calendar, Connection};
use simone_sync::ports::{Choices, StoreResult};

const SETTINGS: &str = "/settings/calendars";

async fn connection(here: &Here, id: ConnectionId) -> StoreResult<Option<Connection>> {
    let connections = here.state.db.connections(here.provider_id(), here.now).await?;
    Ok(connections.into_iter().find(|connection| connection.id == id))
}

/// A calendar of this provider, and what it is called.
async fn calendar(here: &Here, id: CalendarId) -> StoreResult<Option<(Calendar, String)>> {
    let connections = here.state.db.connections(here.provider_id(), here.now).await?;
    Ok(connections.into_iter().find_map(|connection| {
        let account = connection.account;
        let found = connection.calendars.into_iter().find(|calendar| calendar.id == id)?;
        let name = calendar_name(here.lang, &found.name, &account);
        Some((found, name))
    }))
}

/// "Sync now".
#[server(prefix = "/actions", endpoint = "sync")]
pub async fn sync_now(connection: ConnectionId, back: Option<String>) -> Result<(), ServerFnError> {
    let here = here()?;
    let outcome = async {
        if !here.state.db.wake(here.provider_id(), connection).await? {
            return Ok(Flash::Missing);
        }
        let settled = settled(&here.state, here.provider_id()).await?;
        let Some(after) = self::connection(&here, connection).await? else { return Ok(Flash::Missing) };
        Ok(match (after.not_before, after.last_error) {
            (Some(_), _) => Flash::Waiting { platform: after.platform },
            (None, Some(outcome)) if settled => Flash::SyncFailed { platform: after.platform, outcome },
            (None, _) if settled => Flash::Synced,
            (None, _) => Flash::Syncing,
        })
    };
    done(&here, outcome.await, back.as_deref(), SETTINGS).await;
    Ok(())
}

/// Records the wish to disconnect.
#[server(prefix = "/actions", endpoint = "disconnect")]
pub async fn disconnect(
    connection: ConnectionId,
    #[server(default)] keep_events: bool,
) -> Result<(), ServerFnError> {
    let here = here()?;
    let outcome = async {
        let Some(before) = self::connection(&here, connection).await? else { return Ok(Flash::Missing) };
        if !here.state.db.disconnect(here.provider_id(), connection, keep_events, here.now).await? {
            return Ok(Flash::Missing);
        }
        settled(&here.state, here.provider_id()).await?;
        Ok(Flash::Disconnected { account: before.account, platform: Some(before.platform) })
    };
    done(&here, outcome.await, None, SETTINGS).await;
    Ok(())
}

/// Selects or unselects a calendar.
#[server(prefix = "/actions", endpoint = "select")]
pub async fn select(calendar: CalendarId, selected: bool, back: Option<String>) -> Result<(), ServerFnError> {
    let here = here()?;
    let outcome = async {
        let Some((before, name)) = self::calendar(&here, calendar).await? else { return Ok(Flash::Missing) };
        if !here.state.db.select_calendar(here.provider_id(), calendar, selected, here.now).await? {
            return Ok(Flash::Missing);
        }
        settled(&here.state, here.provider_id()).await?;
        Ok(if before.gone && !before.receives {
            Flash::GoneDismissed { calendar: name }
        } else {
            Flash::Selected { calendar: name, selected }
        })
    };
    done(&here, outcome.await, back.as_deref(), SETTINGS).await;
    Ok(())
}

/// Which calendar of a connection receives bookings; none if it is not named.
#[server(prefix = "/actions", endpoint = "receive")]
pub async fn receive(connection: ConnectionId, calendar: String) -> Result<(), ServerFnError> {
    let here = here()?;
    let outcome = async {
        let chosen = match calendar.as_str() {
            "" => None,
            id => {
                let Ok(id) = id.parse::<CalendarId>() else { return Ok(Flash::Missing) };
                let Some((_, name)) = self::calendar(&here, id).await? else { return Ok(Flash::Missing) };
                Some((id, name))
            }
        };
        let (id, name) = chosen.unzip();
        if !here.state.db.set_receiving(here.provider_id(), connection, id, here.now).await? {
            return Ok(Flash::Missing);
        }
        settled(&here.state, here.provider_id()).await?;
        Ok(Flash::Receiving { calendar: name })
    };
    let outcome = outcome.await;
    let theirs = !matches!(outcome, Ok(Flash::Missing));
    let back = if theirs { format!("{SETTINGS}/{connection}") } else { SETTINGS.to_owned() };
    done(&here, outcome, None, &back).await;
    Ok(())
}

/// The switch "also block free events".
#[server(prefix = "/actions", endpoint = "block-free")]
pub async fn block_free(
    calendar: CalendarId,
    block_free: bool,
    back: Option<String>,
) -> Result<(), ServerFnError> {
    let here = here()?;
    let outcome = async {
        let Some((_, name)) = self::calendar(&here, calendar).await? else { return Ok(Flash::Missing) };
        if !here.state.db.block_free(here.provider_id(), calendar, block_free, here.now).await? {
            return Ok(Flash::Missing);
        }
        settled(&here.state, here.provider_id()).await?;
        Ok(Flash::BlockFree { calendar: name, block_free })
    };
    done(&here, outcome.await, back.as_deref(), SETTINGS).await;
    Ok(())
}

/// The provider's answer to an abnormal loss of events.
#[server(prefix = "/actions", endpoint = "removals")]
pub async fn decide_removals(
    calendar: CalendarId,
    accept: bool,
    back: Option<String>,
) -> Result<(), ServerFnError> {
    let here = here()?;
    let outcome = async {
        let (db, provider) = (&here.state.db, here.provider_id());
        let decided = if accept {
            db.accept_removals(provider, calendar, here.now).await?
        } else {
            db.refuse_removals(provider, calendar, here.now).await?
        };
        if !decided {
            return Ok(Flash::Missing);
        }
        settled(&here.state, provider).await?;
        Ok(if accept { Flash::RemovalsAccepted } else { Flash::RemovalsRefused })
    };
    done(&here, outcome.await, back.as_deref(), SETTINGS).await;
    Ok(())
}

/// Removes a block that was kept after refused removals.
#[server(prefix = "/actions", endpoint = "remove-kept")]
pub async fn remove_kept(block: UnavailabilityId, back: Option<String>) -> Result<(), ServerFnError> {
    let here = here()?;
    let outcome = async {
        if !here.state.db.remove_unavailability(here.provider_id(), block, here.now).await? {
            return Ok(Flash::Missing);
        }
        Ok(Flash::KeptRemoved)
    };
    done(&here, outcome.await, back.as_deref(), "/agenda").await;
    Ok(())
}
