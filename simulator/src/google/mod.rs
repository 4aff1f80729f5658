//! Google's OAuth and Calendar API v3. Section numbers in this module are those of the project's reference
//! sheet of the two.

pub(crate) mod acl;
mod acl_methods;
pub(crate) mod batch;
mod body;
pub(crate) mod calendar_list;
mod calendars;
pub(crate) mod channels;
mod colors;
mod discovery;
pub(crate) mod edits;
pub(crate) mod errors;
pub(crate) mod events;
mod fields;
mod free_busy;
pub(crate) mod front;
mod guard;
mod list_entries;
pub(crate) mod listing;
pub(crate) mod model;
pub(crate) mod oauth;
mod paging;
mod preferences;
mod quick_add;
pub(crate) mod recurrence;
pub(crate) mod reply;
mod rule;
mod schema;
mod split;
pub(crate) mod switches;
mod sync_token;
pub(crate) mod times;
pub(crate) mod view;
mod watch;
pub(crate) mod write;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, header};
use axum::routing::{get, post};

use crate::simulator::Simulator;
pub(crate) use guard::bearer;
use model::Google;

pub(crate) fn router() -> Router<Arc<Simulator>> {
    Router::new()
        .route("/o/oauth2/v2/auth", get(oauth::authorize::show).post(oauth::authorize::decide))
        .route("/o/oauth2/auth", get(oauth::authorize::show).post(oauth::authorize::decide))
        .route("/token", post(oauth::token::token))
        .route("/o/oauth2/token", post(oauth::token::token))
        .route("/revoke", get(oauth::token::revoke).post(oauth::token::revoke))
        .route("/o/oauth2/revoke", get(oauth::token::revoke).post(oauth::token::revoke))
        .route("/v1/userinfo", get(oauth::userinfo::openid).post(oauth::userinfo::openid))
        .route("/oauth2/v3/userinfo", get(oauth::userinfo::openid).post(oauth::userinfo::openid))
        .route("/oauth2/v2/userinfo", get(oauth::userinfo::older))
        .route("/oauth2/v1/userinfo", get(oauth::userinfo::older))
        .route("/tokeninfo", get(oauth::userinfo::token_info).post(oauth::userinfo::token_info))
        .route("/oauth2/v3/tokeninfo", get(oauth::userinfo::token_info).post(oauth::userinfo::token_info))
        .route("/.well-known/openid-configuration", get(oauth::userinfo::configuration))
        .route("/oauth2/v3/certs", get(oauth::userinfo::certificates))
        .route("/discovery/v1/apis", get(discovery::directory))
        .route("/discovery/v1/apis/{api}/{version}/rest", get(discovery::older))
        .route("/$discovery/rest", get(discovery::newer))
        .nest("/calendar/v3", api())
}

fn api() -> Router<Arc<Simulator>> {
    Router::new()
        .route("/users/me/calendarList", get(calendar_list::list).post(list_entries::insert))
        .route("/users/me/calendarList/watch", post(watch::calendar_list))
        .route(
            "/users/me/calendarList/{calendar}",
            get(calendar_list::get)
                .put(list_entries::update)
                .patch(list_entries::patch)
                .delete(list_entries::delete),
        )
        .route("/users/me/settings", get(preferences::list))
        .route("/users/me/settings/watch", post(watch::settings))
        .route("/users/me/settings/{setting}", get(preferences::get))
        .route("/colors", get(colors::get))
        .route("/freeBusy", post(free_busy::query))
        .route("/channels/stop", post(watch::stop))
        .route("/calendars", post(calendars::insert))
        .route(
            "/calendars/{calendar}",
            get(calendars::get).put(calendars::update).patch(calendars::patch).delete(calendars::delete),
        )
        .route("/calendars/{calendar}/clear", post(calendars::clear))
        .route("/calendars/{calendar}/transferOwnership", post(calendars::transfer))
        .route("/calendars/{calendar}/acl", get(acl_methods::list).post(acl_methods::insert))
        .route("/calendars/{calendar}/acl/watch", post(watch::acl))
        .route(
            "/calendars/{calendar}/acl/{rule}",
            get(acl_methods::get)
                .put(acl_methods::update)
                .patch(acl_methods::patch)
                .delete(acl_methods::delete),
        )
        .route("/calendars/{calendar}/events", get(listing::list).post(events::insert))
        .route("/calendars/{calendar}/events/import", post(events::import))
        .route("/calendars/{calendar}/events/quickAdd", post(events::quick_add))
        .route("/calendars/{calendar}/events/watch", post(watch::events))
        .route(
            "/calendars/{calendar}/events/{event}",
            get(events::get).put(events::update).patch(events::patch).delete(events::delete),
        )
        .route("/calendars/{calendar}/events/{event}/instances", get(listing::instances))
        .route("/calendars/{calendar}/events/{event}/move", post(events::relocate))
        .fallback(|| async { errors::ApiError::not_found() })
        .method_not_allowed_fallback(|| async { errors::ApiError::not_found() })
}

/// The path with its percent-escapes undone, for patterns and the log; broken escapes stay as they are.
pub(crate) fn decoded_path(path: &str) -> String {
    // Only `+` means something else in a form: keep it.
    let form = path.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    url::form_urlencoded::parse(form.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}

/// Whose request this is and which calendar it names, as far as can be told before it is carried out.
pub(crate) fn whose(
    google: &Google,
    headers: &HeaderMap,
    path: &str,
    query: &str,
    body: &[u8],
) -> (Option<String>, Option<String>) {
    let parameter = |text: &[u8], names: &[&str]| {
        url::form_urlencoded::parse(text)
            .find(|(name, _)| names.contains(&name.as_ref()))
            .map(|(_, value)| value.into_owned())
    };
    if path.ends_with("/token") || path.ends_with("/revoke") {
        let token = parameter(body, &["refresh_token", "code", "token"])
            .or_else(|| parameter(query.as_bytes(), &["token"]));
        return (token.and_then(|token| google.account_of_secret(&token)), None);
    }
    let token = bearer(headers)
        .map(str::to_owned)
        .or_else(|| parameter(query.as_bytes(), &["access_token", "oauth_token"]));
    let account = token.and_then(|token| google.account_of_secret(&token));
    let calendar = path
        .split_once("/calendars/")
        .or_else(|| path.split_once("/calendarList/"))
        .map(|(_, rest)| rest.split('/').next().unwrap_or_default().to_owned());
    let calendar = match (calendar, &account) {
        (Some(name), Some(email)) if name == "primary" => {
            google.account(email).map(|account| account.primary.clone()).or(Some(name))
        }
        (calendar, _) => calendar,
    };
    (account, calendar)
}

/// Where the client sees the simulator, for absolute addresses in answers.
pub(crate) fn base_url(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
    format!("http://{host}")
}
