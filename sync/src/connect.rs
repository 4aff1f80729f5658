//! Connecting an account: OAuth's code flow with PKCE and a one-time state tied to the session.

use crate::platform::{
    AuthorizationRequest, CalendarPlatform, Declined, Grant, Platform, PlatformError, Platforms, TokenError,
};
use crate::ports::{Attempt, ConnectStore, Recorded, StoreError};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use secrecy::SecretString;
use simone_booking::{Clock, ConnectionId, Ids, ProviderId};
use std::sync::Arc;
use url::Url;

/// How long the provider may take on the platform's pages.
pub const ATTEMPT_LIFETIME: TimeDelta = TimeDelta::minutes(15);

/// Begins and completes authorizations.
#[derive(Clone)]
pub struct Connect {
    store: Arc<dyn ConnectStore>,
    platforms: Arc<Platforms>,
    clock: Arc<dyn Clock>,
    ids: Arc<Ids>,
    public_url: Url,
}

/// What came back to the callback's address.
#[derive(Debug)]
pub struct Callback {
    pub state: Option<String>,
    pub code: Option<SecretString>,
    /// OAuth's error code.
    pub error: Option<String>,
    /// The platform's words about the error.
    pub description: Option<String>,
}

/// What became of an authorization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connected {
    New(ConnectionId),
    Again(ConnectionId),
}

/// Why nothing was connected. Nothing half-made is left behind.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The provider said no.
    #[error("the provider refused")]
    Refused,
    /// Only an administrator of the provider's organisation can agree.
    #[error("an administrator of the account's organisation has to agree first")]
    AwaitsApproval,
    /// The state is unknown, used, too old, or was begun in another session.
    #[error("the authorization is not, or no longer, under way in this session")]
    NotUnderWay,
    /// The box of the calendars was unticked.
    #[error("the calendar permission was not granted")]
    PermissionMissing,
    #[error("the platform gave no lasting access")]
    NoLastingAccess,
    #[error("another account than the one to be reconnected")]
    OtherAccount,
    #[error("this account is already connected")]
    AlreadyConnected,
    /// The connection to be reconnected was disconnected meanwhile, or is not this provider's.
    #[error("the connection to be reconnected is no longer there")]
    Vanished,
    #[error("this platform is not configured")]
    NotConfigured,
    /// The platform answers that our request is wrong.
    #[error("the platform refuses this installation")]
    Misconfigured(#[source] TokenError),
    #[error("the platform does not answer")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ConnectError {
    /// A stable code, for the page that explains it.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::AwaitsApproval => "awaits_approval",
            Self::NotUnderWay => "not_under_way",
            Self::PermissionMissing => "permission_missing",
            Self::NoLastingAccess => "no_lasting_access",
            Self::OtherAccount => "other_account",
            Self::AlreadyConnected => "already_connected",
            Self::Vanished => "vanished",
            Self::NotConfigured => "not_configured",
            Self::Misconfigured(_) => "misconfigured",
            Self::Unavailable(_) | Self::Store(_) => "unavailable",
        }
    }
}

impl From<PlatformError> for ConnectError {
    fn from(error: PlatformError) -> Self {
        match error {
            PlatformError::MissingScopes => Self::PermissionMissing,
            other => Self::Unavailable(Box::new(other)),
        }
    }
}

/// Why the platform sent the browser back without a code.
fn declined(adapter: &dyn CalendarPlatform, error: &str, description: &str) -> ConnectError {
    match adapter.declined(error, description) {
        Declined::ByThePerson => ConnectError::Refused,
        Declined::AwaitsApproval => ConnectError::AwaitsApproval,
        Declined::Unavailable => ConnectError::Unavailable("it says so of itself".into()),
        // The code is one of OAuth's own words, or the adapter would not have known it.
        Declined::Misconfigured => {
            ConnectError::Misconfigured(TokenError::Misconfigured { code: error.to_owned() })
        }
    }
}

impl Connect {
    /// `public_url`: where the product itself stands, as the platforms know it.
    pub fn new(
        store: Arc<dyn ConnectStore>,
        platforms: Arc<Platforms>,
        clock: Arc<dyn Clock>,
        ids: Arc<Ids>,
        public_url: Url,
    ) -> Self {
        Self { store, platforms, clock, ids, public_url }
    }

    fn platform(&self, platform: Platform) -> Result<&dyn CalendarPlatform, ConnectError> {
        self.platforms.get(&platform).map(AsRef::as_ref).ok_or(ConnectError::NotConfigured)
    }

    fn redirect_uri(&self, platform: Platform) -> Url {
        let mut url = self.public_url.clone();
        url.set_path(&format!("{}/oauth/{platform}/callback", self.public_url.path().trim_end_matches('/')));
        url
    }

    /// Where an administrator agrees for all of their organisation, if the platform has such a page.
    pub fn approval_page(&self, platform: Platform) -> Option<Url> {
        self.platforms.get(&platform)?.approval_page()
    }

    /// Begins an authorization and returns where the browser goes. `session` names the session, in which alone
    /// it can be completed.
    pub async fn begin(
        &self,
        provider: ProviderId,
        session: &[u8],
        platform: Platform,
        reconnects: Option<ConnectionId>,
    ) -> Result<Url, ConnectError> {
        let adapter = self.platform(platform)?;
        let login_hint = match reconnects {
            None => None,
            Some(connection) => {
                Some(self.store.account_email(provider, connection).await?.ok_or(ConnectError::Vanished)?)
            }
        };
        let state = URL_SAFE_NO_PAD.encode(self.ids.bytes::<32>());
        // 64 characters: PKCE asks for 43 to 128.
        let verifier = SecretString::from(URL_SAFE_NO_PAD.encode(self.ids.bytes::<48>()));
        let url = adapter.authorization_url(&AuthorizationRequest {
            state: &state,
            verifier: &verifier,
            redirect_uri: &self.redirect_uri(platform),
            login_hint: login_hint.as_deref(),
        });
        let now = self.clock.now();
        let attempt = Attempt { provider, platform, reconnects, verifier };
        self.store.begin_attempt(&state, session, &attempt, now, now + ATTEMPT_LIFETIME).await?;
        Ok(url)
    }

    /// Completes the authorization that the callback names.
    pub async fn complete(
        &self,
        platform: Platform,
        session: &[u8],
        callback: Callback,
    ) -> Result<Connected, ConnectError> {
        let adapter = self.platform(platform)?;
        let state = callback.state.ok_or(ConnectError::NotUnderWay)?;
        let attempt = self.store.take_attempt(&state, session, self.clock.now()).await?;
        let attempt =
            attempt.filter(|attempt| attempt.platform == platform).ok_or(ConnectError::NotUnderWay)?;
        let code = match (callback.code, callback.error) {
            (Some(code), None) => code,
            (_, error) => {
                return Err(declined(
                    adapter,
                    &error.unwrap_or_default(),
                    &callback.description.unwrap_or_default(),
                ));
            }
        };
        let asked_at = self.clock.now();
        let grant = adapter.exchange(&code, &attempt.verifier, &self.redirect_uri(platform)).await.map_err(
            |error| match error {
                // Some say only here that they would have had to ask an administrator.
                TokenError::Dead { code } if adapter.declined(&code, "") == Declined::AwaitsApproval => {
                    ConnectError::AwaitsApproval
                }
                // A code that is used up, expired or forged.
                TokenError::Dead { .. } => ConnectError::NotUnderWay,
                TokenError::Misconfigured { .. } => ConnectError::Misconfigured(error),
                other => ConnectError::Unavailable(Box::new(other)),
            },
        )?;
        match self.accept(adapter, &attempt, &grant, asked_at).await {
            Ok(connected) => Ok(connected),
            Err(refusal) => {
                self.give_back(adapter, &attempt, &grant, &refusal).await;
                Err(refusal)
            }
        }
    }

    async fn accept(
        &self,
        adapter: &dyn CalendarPlatform,
        attempt: &Attempt,
        grant: &Grant,
        asked_at: chrono::DateTime<chrono::Utc>,
    ) -> Result<Connected, ConnectError> {
        if !grant.covers_calendars {
            return Err(ConnectError::PermissionMissing);
        }
        let refresh = grant.refresh_token.as_ref().ok_or(ConnectError::NoLastingAccess)?;
        let account = adapter.account(&grant.access_token).await?;
        let expires_at = grant.expires_at(asked_at);
        let scopes = grant.scopes.as_deref().unwrap_or_default();
        let recorded = self
            .store
            .record_grant(
                attempt,
                &account,
                &grant.access_token,
                expires_at,
                refresh,
                scopes,
                self.clock.now(),
            )
            .await?;
        match recorded {
            Recorded::Connected(connection) => Ok(Connected::New(connection)),
            Recorded::Reconnected(connection) => Ok(Connected::Again(connection)),
            Recorded::AlreadyConnected(_) => Err(ConnectError::AlreadyConnected),
            Recorded::OtherAccount => Err(ConnectError::OtherAccount),
            Recorded::Vanished => Err(ConnectError::Vanished),
        }
    }

    /// Ends a grant that we do not use, so that nothing half-made stays at the platform. Not if another connection
    /// lives on that account, or may do: revoking ends the whole grant of the person (reference sheet, 2.6).
    async fn give_back(
        &self,
        adapter: &dyn CalendarPlatform,
        attempt: &Attempt,
        grant: &Grant,
        refusal: &ConnectError,
    ) {
        if matches!(refusal, ConnectError::AlreadyConnected | ConnectError::Store(_)) {
            return;
        }
        let Ok(account) = adapter.account(&grant.access_token).await else { return };
        let Ok(false) = self.store.account_in_use(attempt.platform, &account.id).await else { return };
        let token = grant.refresh_token.as_ref().unwrap_or(&grant.access_token);
        if let Err(error) = adapter.revoke(token).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(platform = %attempt.platform, error, "a grant that is not used could not be given back");
        }
    }
}
