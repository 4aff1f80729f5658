//! The token endpoint, of whatever platform: the bridge from `oauth2` to our client, and what is made of its answers.

use crate::http::{Answer, Http, NoAnswer};
use oauth2::basic::{BasicClient, BasicErrorResponse, BasicTokenResponse};
use oauth2::{
    AsyncHttpClient, AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, EndpointNotSet,
    EndpointSet, HttpRequest, HttpResponse, PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError,
    TokenResponse, TokenUrl,
};
use secrecy::{ExposeSecret, SecretString};
use simone_sync::platform::{Grant, TokenError};
use std::borrow::Cow;
use std::pin::Pin;
use std::time::Duration;
use url::Url;

type Client = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// Access tokens live for an hour or a little more. Taken when an answer does not say; a token that dies sooner is
/// refreshed on its first 401.
pub(crate) const USUAL_LIFETIME: Duration = Duration::from_hours(1);

/// What a platform makes of its own answers.
#[derive(Clone, Copy)]
pub(crate) struct Dialect {
    /// What an answer other than 200 means.
    pub refusal: fn(&Answer) -> TokenError,
    /// Whether these scopes are enough for the sync.
    pub covers_calendars: fn(&[&str]) -> bool,
}

/// A platform's OAuth client: who we are, and where its two pages are.
pub(crate) struct OAuth {
    pub client: Client,
    endpoint: TokenEndpoint,
    covers_calendars: fn(&[&str]) -> bool,
}

impl OAuth {
    pub fn new(
        client_id: &str,
        client_secret: &SecretString,
        authorize: Url,
        token: Url,
        http: Http,
        dialect: Dialect,
    ) -> Self {
        let client = BasicClient::new(ClientId::new(client_id.to_owned()))
            .set_client_secret(ClientSecret::new(client_secret.expose_secret().to_owned()))
            .set_auth_uri(AuthUrl::from_url(authorize))
            .set_token_uri(TokenUrl::from_url(token))
            .set_auth_type(AuthType::RequestBody);
        let endpoint = TokenEndpoint { http, refusal: dialect.refusal };
        Self { client, endpoint, covers_calendars: dialect.covers_calendars }
    }

    pub async fn exchange(
        &self,
        code: &SecretString,
        verifier: &SecretString,
        redirect_uri: &Url,
    ) -> Result<Grant, TokenError> {
        let answer = self
            .client
            .exchange_code(AuthorizationCode::new(code.expose_secret().to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(verifier.expose_secret().to_owned()))
            .set_redirect_uri(Cow::Owned(RedirectUrl::from_url(redirect_uri.clone())))
            .request_async(&self.endpoint)
            .await;
        grant(answer, self.covers_calendars)
    }

    pub async fn refresh(&self, refresh_token: &SecretString) -> Result<Grant, TokenError> {
        let refresh_token = RefreshToken::new(refresh_token.expose_secret().to_owned());
        let answer = self.client.exchange_refresh_token(&refresh_token).request_async(&self.endpoint).await;
        grant(answer, self.covers_calendars)
    }
}

/// The bridge from `oauth2` to our client. Refusals are classified here, where status and headers are known.
struct TokenEndpoint {
    http: Http,
    refusal: fn(&Answer) -> TokenError,
}

impl<'c> AsyncHttpClient<'c> for TokenEndpoint {
    type Error = TokenError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, TokenError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let request = request.try_into().map_err(|_| unavailable("the request cannot be made"))?;
            let answer = self.http.send(request).await?;
            if answer.status != 200 {
                return Err((self.refusal)(&answer));
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

pub(crate) fn grant(
    answer: Result<BasicTokenResponse, RequestTokenError<TokenError, BasicErrorResponse>>,
    covers_calendars: fn(&[&str]) -> bool,
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
