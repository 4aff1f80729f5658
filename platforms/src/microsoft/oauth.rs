//! The grant: consent, code exchange, refresh, and whose it is (reference sheet, section 2).

use super::Microsoft;
use super::api::{Ask, with_query};
use super::config::MicrosoftConfig;
use super::errors::{Asked, classify_token};
use crate::call::nonsense;
use crate::fields::text;
use crate::grants::{Dialect, OAuth};
use crate::http::Http;
use oauth2::{CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope};
use secrecy::{ExposeSecret, SecretString};
use simone_sync::platform::{Account, AuthorizationRequest, PlatformError};
use std::borrow::Cow;
use url::Url;

/// What is asked for, all from the start.
const SCOPES: [&str; 8] = [
    "openid",
    "profile",
    "email",
    "offline_access",
    "User.Read",
    "MailboxSettings.Read",
    NEEDED,
    "Calendars.ReadWrite.Shared",
];

/// The sync cannot do without it; without the others it does less (2.2).
const NEEDED: &str = "Calendars.ReadWrite";

const DIALECT: Dialect = Dialect { refusal: classify_token, covers_calendars };

pub(super) fn client(config: &MicrosoftConfig, http: Http) -> OAuth {
    let (authorize, token) = (config.endpoint("authorize"), config.endpoint("token"));
    OAuth::new(&config.client_id, &config.client_secret, authorize, token, http, DIALECT)
}

impl Microsoft {
    pub(super) fn consent_page(&self, request: &AuthorizationRequest<'_>) -> Url {
        let verifier = PkceCodeVerifier::new(request.verifier.expose_secret().to_owned());
        let state = request.state.to_owned();
        let page = self
            .oauth
            .client
            .authorize_url(|| CsrfToken::new(state))
            .add_scopes(SCOPES.map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .set_redirect_uri(Cow::Owned(RedirectUrl::from_url(request.redirect_uri.clone())))
            .add_extra_param("response_mode", "query");
        let page = match request.login_hint {
            Some(hint) => page.add_extra_param("login_hint", hint),
            // A new account: not necessarily the one that the browser is signed in with.
            None => page.add_extra_param("prompt", "select_account"),
        };
        page.url().0
    }

    /// The access token is not to be read (2.3): `/me` says whose it is. Its `id` is the person's for good, in an
    /// organisation and for a personal account alike; addresses change (2.6).
    pub(super) async fn me(&self, access_token: &SecretString) -> Result<Account, PlatformError> {
        let url = with_query(self.resource(&["me"])?, &[("$select", "id,mail,userPrincipalName")]);
        let me = self.get(access_token, Ask::get(url), Asked::Anew).await?;
        let id = text(&me, "id").ok_or_else(|| nonsense("the account has no id"))?;
        let email = text(&me, "mail").or_else(|| text(&me, "userPrincipalName"));
        let email = email.ok_or_else(|| nonsense("the account has no address"))?;
        Ok(Account { id: id.to_owned(), email: email.to_owned() })
    }
}

/// Names come back as they were asked for, or with the resource before them (2.2).
fn covers_calendars(granted: &[&str]) -> bool {
    granted.iter().any(|scope| {
        let name = scope.rsplit_once('/').map_or(*scope, |(_, name)| name);
        name.eq_ignore_ascii_case(NEEDED)
    })
}

#[cfg(test)]
mod tests;
