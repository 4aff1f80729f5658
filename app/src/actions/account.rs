//! The provider themselves: zone, language, notices, sessions.

use super::{done, here, leave_for, settled, unavailable};
use crate::flash::Flash;
use crate::page::Here;
use crate::session::{Session, local_path};
use crate::state::AppState;
use crate::texts::LANGUAGE_COOKIE;
use axum::http::HeaderValue;
use axum::http::header::SET_COOKIE;
use axum::http::request::Parts;
use chrono_tz::Tz;
use leptos::prelude::*;
use leptos_axum::ResponseOptions;
use simone_booking::{Locale, Provider};
use simone_sync::ports::Choices;

/// Moves the provider to another zone.
#[server(prefix = "/actions", endpoint = "zone")]
pub async fn change_zone(zone: Tz) -> Result<(), ServerFnError> {
    let here = here()?;
    let outcome = async {
        if !here.state.db.set_zone(here.provider_id(), zone, here.now).await? {
            return Ok(Flash::Missing);
        }
        // Who chooses a zone by hand has seen that their calendar's differs: they are not asked until it changes.
        let connections = here.state.db.connections(here.provider_id(), here.now).await?;
        let provider = Provider { zone, ..here.provider.clone() };
        if let Some(other) = here.state.db.zone_question(&provider, &connections, here.now).await? {
            here.state.db.keep_zone(here.provider_id(), other.zone, here.now).await?;
        }
        settled(&here.state, here.provider_id()).await?;
        Ok(Flash::ZoneChanged { zone })
    };
    done(&here, outcome.await, None, "/settings/account").await;
    Ok(())
}

/// Keeps the provider's zone although their calendar's differs.
#[server(prefix = "/actions", endpoint = "keep-zone")]
pub async fn keep_zone(other: Tz, back: Option<String>) -> Result<(), ServerFnError> {
    let here = here()?;
    let outcome = async {
        Ok(match here.state.db.keep_zone(here.provider_id(), other, here.now).await? {
            true => Flash::ZoneKept { zone: here.zone() },
            false => Flash::Missing,
        })
    };
    done(&here, outcome.await, back.as_deref(), "/agenda").await;
    Ok(())
}

/// The language of this browser's pages, and of the provider's e-mails when one is logged in.
#[server(prefix = "/actions", endpoint = "language")]
pub async fn change_language(language: Locale, back: Option<String>) -> Result<(), ServerFnError> {
    if let Some(options) = use_context::<ResponseOptions>() {
        let secure = use_context::<AppState>().is_some_and(|state| state.is_https()).then_some("; Secure");
        let cookie = format!(
            "{LANGUAGE_COOKIE}={}; Path=/; HttpOnly; SameSite=Lax; Max-Age=31536000{}",
            language.code(),
            secure.unwrap_or_default()
        );
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            options.append_header(SET_COOKIE, cookie);
        }
    }
    match Here::find() {
        Some(here) => {
            let outcome = async {
                here.state.db.set_locale(here.provider_id(), language).await?;
                Ok(Flash::LanguageChanged)
            };
            done(&here, outcome.await, back.as_deref(), "/settings/account").await;
        }
        None => leave_for(local_path(back.as_deref(), "/login")),
    }
    Ok(())
}

/// Lets the API tell titles and accounts' addresses, or no longer.
#[server(prefix = "/actions", endpoint = "share-titles")]
pub async fn share_titles(share: bool) -> Result<(), ServerFnError> {
    let here = here()?;
    let outcome = async {
        Ok(match here.state.db.share_titles(here.provider_id(), share, here.now).await? {
            true => Flash::TitlesShared { share },
            false => Flash::Missing,
        })
    };
    done(&here, outcome.await, None, "/settings/account").await;
    Ok(())
}

/// Marks all notices as read.
#[server(prefix = "/actions", endpoint = "read-notices")]
pub async fn read_notices() -> Result<(), ServerFnError> {
    let here = here()?;
    let outcome = async {
        here.state.db.read_notices(here.provider_id(), here.now).await?;
        Ok(Flash::NoticesRead)
    };
    done(&here, outcome.await, None, "/notifications").await;
    Ok(())
}

/// Ends this session, or all of the provider's.
#[server(prefix = "/actions", endpoint = "log-out")]
pub async fn log_out(everywhere: bool) -> Result<(), ServerFnError> {
    let session = use_context::<Parts>().and_then(|parts| parts.extensions.get::<Session>().cloned());
    if let (Some(session), Some(state)) = (session, use_context::<AppState>())
        && let Err(error) = session.log_out(everywhere).await
    {
        // Who is not logged out is to know it.
        state.trouble(&error, "logging out failed");
        if error.is_passing() {
            unavailable();
        } else {
            session.flash(Flash::Failed).await;
            leave_for("/settings/account");
        }
        return Ok(());
    }
    leave_for("/login?left=1");
    Ok(())
}
