//! Google Calendar (API v3) and Google's OAuth 2.0, by the reference sheet of the project.

mod api;
mod calendars;
mod config;
mod errors;
mod events;
mod oauth;
mod parse;
mod write;

pub use config::GoogleConfig;

use crate::grants::OAuth;
use crate::http::{BuildError, Http};
use async_trait::async_trait;
use secrecy::SecretString;
use simone_booking::{Clock, Interval};
use simone_sync::event::Change;
use simone_sync::platform::{
    Account, AuthorizationRequest, CalendarPlatform, CalendarsPage, Call, ChangesPage, Done, Grant,
    PlatformError, Position, TokenError,
};
use std::sync::Arc;
use url::Url;

/// Google's side of the port.
pub struct Google {
    config: GoogleConfig,
    oauth: OAuth,
    http: Http,
}

impl Google {
    /// `clock`: for dates in `Retry-After`.
    pub fn new(config: GoogleConfig, clock: Arc<dyn Clock>) -> Result<Self, BuildError> {
        config.check()?;
        let encrypted = config.addresses().iter().any(|(_, url)| url.scheme() == "https");
        let http = Http::new(encrypted, clock)?;
        Ok(Self { oauth: oauth::client(&config, http.clone()), http, config })
    }
}

#[async_trait]
impl CalendarPlatform for Google {
    fn authorization_url(&self, request: &AuthorizationRequest<'_>) -> Url {
        self.consent_page(request)
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

    async fn revoke(&self, token: &SecretString) -> Result<(), PlatformError> {
        self.revoke_grant(token).await
    }

    async fn account(&self, access_token: &SecretString) -> Result<Account, PlatformError> {
        self.userinfo(access_token).await
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
        self.events(access_token, calendar, position).await
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

    fn event_id(&self, name: &str) -> Option<String> {
        Some(name.to_owned())
    }

    async fn perform(
        &self,
        access_token: &SecretString,
        calls: &[Call],
    ) -> Result<Vec<Result<Done, PlatformError>>, PlatformError> {
        let mut answers = Vec::with_capacity(calls.len());
        for call in calls {
            answers.push(self.perform_one(access_token, call).await);
        }
        Ok(answers)
    }
}

impl Google {
    async fn perform_one(&self, access_token: &SecretString, call: &Call) -> Result<Done, PlatformError> {
        let written = |event| Done::Event(Change::Present(Box::new(event)));
        match call {
            // A name is an id here.
            Call::Read { calendar, name, event_id } => {
                let id = event_id.as_deref().unwrap_or(name);
                self.read_event(access_token, calendar, id).await.map(Done::Event)
            }
            Call::Create { calendar, marker, content } => {
                self.insert_event(access_token, calendar, marker, content).await.map(written)
            }
            Call::Update { calendar, event_id, revision, patch } => {
                self.patch_event(access_token, calendar, event_id, revision, patch).await.map(written)
            }
            Call::Delete { calendar, event_id, revision } => self
                .delete_event(access_token, calendar, event_id, revision.as_deref())
                .await
                .map(|()| Done::Deleted),
        }
    }
}
