//! Microsoft Graph (v1.0) and Microsoft's identity platform, by the reference sheet of the project.

mod api;
mod calendars;
mod config;
mod declined;
mod errors;
mod feed;
mod oauth;
mod parse;
mod write;

pub use config::MicrosoftConfig;

use crate::grants::OAuth;
use crate::http::{BuildError, Http};
use async_trait::async_trait;
use secrecy::SecretString;
use simone_booking::{Clock, Interval};
use simone_sync::platform::{
    Account, AuthorizationRequest, CalendarPlatform, CalendarsPage, Call, ChangesPage, Declined, Done, Grant,
    PlatformError, Position, TokenError,
};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use url::Url;

/// Microsoft's side of the port.
pub struct Microsoft {
    config: MicrosoftConfig,
    oauth: OAuth,
    http: Http,
    /// How many requests were made, so that each has an id of its own.
    asked: AtomicU64,
}

impl Microsoft {
    /// `clock`: for dates in `Retry-After`, and for the ids of requests.
    pub fn new(config: MicrosoftConfig, clock: Arc<dyn Clock>) -> Result<Self, BuildError> {
        config.check()?;
        let encrypted = config.addresses().iter().any(|(_, url)| url.scheme() == "https");
        let http = Http::new(encrypted, clock)?;
        Ok(Self { oauth: oauth::client(&config, http.clone()), http, config, asked: AtomicU64::new(0) })
    }
}

#[async_trait]
impl CalendarPlatform for Microsoft {
    fn authorization_url(&self, request: &AuthorizationRequest<'_>) -> Url {
        self.consent_page(request)
    }

    fn declined(&self, error: &str, description: &str) -> Declined {
        declined::declined(error, description)
    }

    fn approval_page(&self) -> Option<Url> {
        declined::approval_page(&self.config)
    }

    async fn exchange(
        &self,
        code: &SecretString,
        verifier: &SecretString,
        redirect_uri: &Url,
    ) -> Result<Grant, TokenError> {
        self.oauth.exchange(code, verifier, redirect_uri).await
    }

    async fn refresh(&self, refresh_token: &SecretString) -> Result<Grant, TokenError> {
        self.oauth.refresh(refresh_token).await
    }

    /// Nothing that one application may ask for ends its own grant (reference sheet 2.5): only the person can withdraw it.
    async fn revoke(&self, _token: &SecretString) -> Result<(), PlatformError> {
        Ok(())
    }

    async fn account(&self, access_token: &SecretString) -> Result<Account, PlatformError> {
        self.me(access_token).await
    }

    async fn calendars(
        &self,
        access_token: &SecretString,
        page: Option<&str>,
    ) -> Result<CalendarsPage, PlatformError> {
        self.calendar_list(access_token, page).await
    }

    async fn changes(
        &self,
        access_token: &SecretString,
        calendar: &str,
        position: Position<'_>,
    ) -> Result<ChangesPage, PlatformError> {
        self.feed(access_token, calendar, position).await
    }

    async fn instances(
        &self,
        access_token: &SecretString,
        calendar: &str,
        master: &str,
        window: Interval,
        page: Option<&str>,
    ) -> Result<ChangesPage, PlatformError> {
        self.event_instances(access_token, calendar, master, window, page).await
    }

    /// The platform chooses it.
    fn event_id(&self, _name: &str) -> Option<String> {
        None
    }

    /// As many requests as a mailbox takes at the same time (reference sheet 9, 10).
    fn at_once(&self) -> usize {
        AT_ONCE
    }

    async fn perform(
        &self,
        access_token: &SecretString,
        calls: &[Call],
    ) -> Result<Vec<Result<Done, PlatformError>>, PlatformError> {
        self.perform_all(access_token, calls).await
    }
}

/// The calendar requests in one batch, at most.
const AT_ONCE: usize = 4;
