//! The grant: consent, code exchange, refresh, revocation, and whose it is (reference sheet, section 2).

use super::Google;
use super::api::{nonsense, text};
use super::config::GoogleConfig;
use super::errors::{Asked, classify, classify_token};
use crate::http::{Http, NoAnswer};
use oauth2::basic::{BasicClient, BasicErrorResponse, BasicTokenResponse};
use oauth2::{
    AsyncHttpClient, AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet,
    EndpointSet, HttpRequest, HttpResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken,
    RequestTokenError, Scope, TokenResponse, TokenUrl,
};
use secrecy::{ExposeSecret, SecretString};
use simone_sync::platform::{Account, AuthorizationRequest, Grant, PlatformError, TokenError};
use std::borrow::Cow;
use std::pin::Pin;
use std::time::Duration;
use url::Url;

pub(super) type Client =
    BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

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

/// Google's access tokens live for an hour. Taken when an answer does not say; a token that dies sooner is
/// refreshed on its first 401.
const USUAL_LIFETIME: Duration = Duration::from_hours(1);

pub(super) fn client(config: &GoogleConfig) -> Client {
    BasicClient::new(ClientId::new(config.client_id.clone()))
        .set_client_secret(ClientSecret::new(config.client_secret.expose_secret().to_owned()))
        .set_auth_uri(AuthUrl::from_url(config.authorize_url.clone()))
        .set_token_uri(TokenUrl::from_url(config.token_url.clone()))
        .set_auth_type(AuthType::RequestBody)
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

    pub(super) async fn exchange_code(
        &self,
        code: &SecretString,
        verifier: &SecretString,
        redirect_uri: &Url,
    ) -> Result<Grant, TokenError> {
        let answer = self
            .oauth
            .exchange_code(AuthorizationCode::new(code.expose_secret().to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(verifier.expose_secret().to_owned()))
            .set_redirect_uri(Cow::Owned(RedirectUrl::from_url(redirect_uri.clone())))
            .request_async(&TokenEndpoint(self.http.clone()))
            .await;
        grant(answer)
    }

    pub(super) async fn refresh_grant(&self, refresh_token: &SecretString) -> Result<Grant, TokenError> {
        let refresh_token = RefreshToken::new(refresh_token.expose_secret().to_owned());
        let answer = self
            .oauth
            .exchange_refresh_token(&refresh_token)
            .request_async(&TokenEndpoint(self.http.clone()))
            .await;
        grant(answer)
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

/// The bridge from `oauth2` to our client. Refusals are classified here, where status and headers are known.
struct TokenEndpoint(Http);

impl<'c> AsyncHttpClient<'c> for TokenEndpoint {
    type Error = TokenError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, TokenError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let request = request.try_into().map_err(|_| unavailable("the request cannot be made"))?;
            let answer = self.0.send(request).await?;
            if answer.status != 200 {
                return Err(classify_token(&answer));
            }
            Ok(HttpResponse::new(answer.body))
        })
    }
}

impl From<NoAnswer> for TokenError {
    fn from(NoAnswer(reason): NoAnswer) -> Self {
        Self::Unavailable { reason }
    }
}

fn unavailable(reason: &str) -> TokenError {
    TokenError::Unavailable { reason: reason.to_owned() }
}

fn grant(
    answer: Result<BasicTokenResponse, RequestTokenError<TokenError, BasicErrorResponse>>,
) -> Result<Grant, TokenError> {
    let answer = answer.map_err(|error| match error {
        RequestTokenError::Request(error) => error,
        // These quote the answer, and with it tokens.
        RequestTokenError::ServerResponse(_) | RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            unavailable("the answer holds no grant")
        }
    })?;
    let access_token = answer.access_token().secret();
    if access_token.is_empty() {
        return Err(unavailable("the answer holds no access token"));
    }
    let refresh_token =
        answer.refresh_token().map(|token| token.secret().as_str()).filter(|token| !token.is_empty());
    let scopes: Option<Vec<&str>> = answer
        .scopes()
        .map(|scopes| scopes.iter().map(|scope| scope.as_str()).filter(|scope| !scope.is_empty()).collect());
    let scopes = scopes.filter(|scopes| !scopes.is_empty());
    Ok(Grant {
        access_token: SecretString::from(access_token.as_str()),
        expires_in: answer.expires_in().unwrap_or(USUAL_LIFETIME),
        refresh_token: refresh_token.map(SecretString::from),
        covers_calendars: scopes.as_deref().is_none_or(covers_calendars),
        scopes: scopes.map(|scopes| scopes.join(" ")),
    })
}

/// With granular consent the calendar boxes can be left unticked while all else succeeds (reference sheet 2.3).
fn covers_calendars(granted: &[&str]) -> bool {
    let any = |of: &[&str]| granted.iter().any(|scope| of.contains(scope));
    any(&FOR_EVENTS) && any(&FOR_THE_LIST)
}

#[cfg(test)]
mod tests;
