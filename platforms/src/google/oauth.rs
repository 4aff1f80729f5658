//! The grant: consent, code exchange, refresh, revocation, and whose it is (reference sheet, section 2).

use super::Google;
use super::config::GoogleConfig;
use super::errors::{Asked, classify, classify_token};
use crate::call::nonsense;
use crate::fields::text;
use crate::grants::{Dialect, OAuth};
use crate::http::Http;
use oauth2::{CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope};
use secrecy::{ExposeSecret, SecretString};
use simone_sync::platform::{Account, AuthorizationRequest, PlatformError};
use std::borrow::Cow;
use url::Url;

const CALENDAR: &str = "https://www.googleapis.com/auth/calendar";
const CALENDAR_READONLY: &str = "https://www.googleapis.com/auth/calendar.readonly";
const CALENDAR_LIST: &str = "https://www.googleapis.com/auth/calendar.calendarlist";
const CALENDAR_LIST_READONLY: &str = "https://www.googleapis.com/auth/calendar.calendarlist.readonly";
const EVENTS: &str = "https://www.googleapis.com/auth/calendar.events";

/// What is asked for, all from the start.
const SCOPES: [&str; 4] = ["openid", "email", EVENTS, CALENDAR_LIST_READONLY];

/// Any of these lets the sync read and write events (reference sheet 2.8). `calendar.events.owned` does not: shared
/// calendars block too.
const FOR_EVENTS: [&str; 2] = [CALENDAR, EVENTS];

/// Any of these lets it list the calendars.
const FOR_THE_LIST: [&str; 4] = [CALENDAR, CALENDAR_READONLY, CALENDAR_LIST, CALENDAR_LIST_READONLY];

pub(super) const DIALECT: Dialect = Dialect { refusal: classify_token, covers_calendars };

pub(super) fn client(config: &GoogleConfig, http: Http) -> OAuth {
    let (authorize, token) = (config.authorize_url.clone(), config.token_url.clone());
    OAuth::new(&config.client_id, &config.client_secret, authorize, token, http, DIALECT)
}

impl Google {
    /// `access_type=offline` and `prompt=consent` together make sure of a refresh token, also for someone who has
    /// consented before. `include_granted_scopes` is not set: the token is to cover what this consent page shows and
    /// nothing that was granted to the same Cloud project for another purpose, and a box that the provider unticks
    /// now must count.
    pub(super) fn consent_page(&self, request: &AuthorizationRequest<'_>) -> Url {
        let verifier = PkceCodeVerifier::new(request.verifier.expose_secret().to_owned());
        let state = request.state.to_owned();
        let mut page = self
            .oauth
            .client
            .authorize_url(|| CsrfToken::new(state))
            .add_scopes(SCOPES.map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .set_redirect_uri(Cow::Owned(RedirectUrl::from_url(request.redirect_uri.clone())))
            .add_extra_param("access_type", "offline");
        page = match request.login_hint {
            Some(hint) => page.add_extra_param("prompt", "consent").add_extra_param("login_hint", hint),
            // A new account: not necessarily the one that the browser is signed in with.
            None => page.add_extra_param("prompt", "consent select_account"),
        };
        page.url().0
    }

    /// Ends the whole grant, the refresh token included, whichever of its tokens is given (reference sheet 2.6).
    pub(super) async fn revoke_grant(&self, token: &SecretString) -> Result<(), PlatformError> {
        let form = [("token", token.expose_secret())];
        let request = self.http.client().post(self.config.revoke_url.clone()).form(&form).build();
        let answer = self.http.send(request.map_err(|_| nonsense("the request cannot be made"))?).await?;
        if answer.status == 200 {
            return Ok(());
        }
        match classify(&answer, Asked::Anew) {
            PlatformError::Refused { status: 400, code } if code == "invalid_token" => Ok(()),
            error => Err(error),
        }
    }

    pub(super) async fn userinfo(&self, access_token: &SecretString) -> Result<Account, PlatformError> {
        let info = self.get(access_token, self.config.userinfo_url.clone(), Asked::Anew).await?;
        let id = text(&info, "sub").ok_or_else(|| nonsense("the account has no id"))?;
        // It is left out when the grant does not cover it.
        let email = text(&info, "email").ok_or(PlatformError::MissingScopes)?;
        Ok(Account { id: id.to_owned(), email: email.to_owned() })
    }
}

/// With granular consent the calendar boxes can be left unticked while all else succeeds (reference sheet 2.3).
fn covers_calendars(granted: &[&str]) -> bool {
    let any = |of: &[&str]| granted.iter().any(|scope| of.contains(scope));
    any(&FOR_EVENTS) && any(&FOR_THE_LIST)
}

#[cfg(test)]
mod tests;
