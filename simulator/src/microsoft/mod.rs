//! Microsoft's identity platform and the calendars of Graph v1.0. Section numbers in this module are those of the
//! project's reference sheet of the two.

pub(crate) mod batch;
pub(crate) mod errors;
pub(crate) mod front;
pub(crate) mod guard;
pub(crate) mod guests;
pub(crate) mod identity;
pub(crate) mod ids;
pub(crate) mod mailbox;
pub(crate) mod profile;
pub(crate) mod settings;
pub(crate) mod subscriptions;
pub(crate) mod throttle;

use std::sync::Arc;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::google::decoded_path;
use crate::google::reply::Query;
use crate::simulator::Simulator;

/// What Microsoft knows.
#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Microsoft {
    /// Who there is: tenants, accounts, clients, grants, tokens.
    pub directory: identity::model::Directory,
    /// What stands in people's calendars, by the account's id.
    pub mailboxes: mailbox::model::Mailboxes,
    pub subscriptions: Vec<subscriptions::model::Subscription>,
    pub settings: settings::Settings,
    /// Writes of clients with guests on them, oldest first.
    pub guests: Vec<guests::Guests>,
    #[serde(skip)]
    pub throttle: throttle::Throttle,
    /// What is to be told to subscribers besides changes.
    #[serde(skip)]
    pub lifecycle: Vec<subscriptions::due::Lifecycle>,
}

pub(crate) fn router() -> Router<Arc<Simulator>> {
    Router::new().merge(identity::router()).nest("/v1.0", graph())
}

/// The front has tidied the paths.
fn graph() -> Router<Arc<Simulator>> {
    mailbox::router()
        .merge(subscriptions::router())
        .route("/me", get(profile::me))
        .route("/users/{user}", get(profile::user))
        .route("/me/mailboxSettings", get(profile::mailbox_settings))
        .route("/me/mailboxSettings/{setting}", get(profile::mailbox_setting))
        .route("/me/outlook/supportedTimeZones", get(profile::windows_zones))
        .route("/me/outlook/supportedTimeZones/{standard}", get(profile::zones))
        .fallback(nowhere)
        .method_not_allowed_fallback(not_here)
}

async fn nowhere(uri: axum::http::Uri) -> errors::GraphError {
    let last = uri.path().rsplit('/').next().unwrap_or_default();
    errors::GraphError::no_segment(last)
}

async fn not_here() -> errors::GraphError {
    errors::GraphError::new(
        405,
        "Request_BadRequest",
        "Specified HTTP method is not allowed for the request target.",
    )
}

/// Whether a path, percent-decoded, is one of Microsoft's.
pub(crate) fn serves(path: &str) -> bool {
    front::behind_version(path).is_some()
        || path.contains("/oauth2/v2.0/")
        || path.ends_with("/v2.0/.well-known/openid-configuration")
        || path.ends_with("/discovery/v2.0/keys")
        || path == "/oidc/userinfo"
}

impl Microsoft {
    /// Whose request this is (their address) and which calendar it names, as far as can be told before it is carried out.
    /// The path is still percent-encoded: ids have slashes.
    pub fn whose(&self, headers: &HeaderMap, path: &str, body: &[u8]) -> (Option<String>, Option<String>) {
        let email = |id: &str| self.directory.account(id).map(|account| account.email.clone());
        if path.ends_with("/oauth2/v2.0/token") {
            let form = Query::parse(std::str::from_utf8(body).ok());
            let secret = form.get("refresh_token").or_else(|| form.get("code"));
            return (
                secret.and_then(|secret| self.directory.account_of_secret(secret)).and_then(email),
                None,
            );
        }
        let account = guard::bearer_of(headers).and_then(|token| self.directory.account_of_secret(token));
        let named =
            path.split_once("/calendars/").map(|(_, rest)| rest.split('/').next().unwrap_or_default());
        let default = |account: &str| self.mailboxes.default_of(account).ok().map(|reach| reach.calendar);
        let calendar = match (named, account) {
            (Some(named), _) => Some(decoded_path(named)),
            (None, Some(account))
                if throttle::is_of_mailbox(front::behind_version(path).unwrap_or_default()) =>
            {
                default(account)
            }
            (None, _) => None,
        };
        (account.and_then(email), calendar)
    }
}

/// A recurrence, as Graph takes it: each week on the weekday of the first day, without an end.
pub(crate) fn weekly_on(first: NaiveDate) -> Value {
    let weekday = first.format("%A").to_string().to_lowercase();
    json!({
        "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": [weekday], "firstDayOfWeek": "monday"},
        "range": {"type": "noEnd", "startDate": first.to_string()},
    })
}
