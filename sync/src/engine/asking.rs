//! One request: under the lease, with a live token, repeated while the platform asks for it.

use super::stop::Stop;
use super::{Engine, REPEATS_RATE_LIMITED, REPEATS_UNAVAILABLE, Round};
use crate::platform::{PlatformError, TokenError};
use crate::ports::StoreResult;
use crate::schedule::{self, LEASE, LONGEST_WAIT, REFRESH_BEFORE};
use chrono::TimeDelta;
use futures::future::BoxFuture;
use secrecy::SecretString;
use std::time::Duration;

impl Engine {
    /// One request with a live access token.
    pub(super) async fn ask<'p, T>(
        &self,
        round: &mut Round<'p>,
        mut request: impl FnMut(SecretString) -> BoxFuture<'p, Result<T, PlatformError>> + Send,
    ) -> Result<T, Stop> {
        let token = self.access_token(round).await?;
        let mut answer = self.request(round, || request(token.clone())).await;
        if let Err(Stop::Platform(PlatformError::Unauthorized)) = answer
            && !round.refreshed
        {
            round.refreshed = true;
            let token = self.refresh(round).await?;
            answer = self.request(round, || request(token.clone())).await;
        }
        if let Err(Stop::Platform(PlatformError::MissingScopes)) = answer {
            return Err(self.needs_reconnect(round).await);
        }
        answer
    }

    /// One request, repeated with growing waits while the platform asks for it or does not answer properly.
    pub(super) async fn request<'p, T>(
        &self,
        round: &mut Round<'p>,
        mut request: impl FnMut() -> BoxFuture<'p, Result<T, PlatformError>> + Send,
    ) -> Result<T, Stop> {
        let mut repeated = 0;
        loop {
            // Reading what the round begins from has shown that it is.
            if !std::mem::take(&mut round.held) {
                self.hold(round).await?;
            }
            round.requests += 1;
            let error = match request().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let retry_after = match &error {
                PlatformError::RateLimited { retry_after } if repeated < REPEATS_RATE_LIMITED => *retry_after,
                PlatformError::Unavailable { retry_after, .. } if round.repeats_unavailable > 0 => {
                    round.repeats_unavailable -= 1;
                    *retry_after
                }
                _ => return Err(Stop::Platform(error)),
            };
            if !self.wait(repeated, retry_after).await {
                return Err(Stop::Platform(error));
            }
            repeated += 1;
        }
    }

    /// Waits before a repetition; `false` when the platform asks for more than a round can wait.
    pub(super) async fn wait(&self, repeated: u32, retry_after: Option<Duration>) -> bool {
        let wait = schedule::backoff(repeated, self.ids.fraction()).max(retry_after.unwrap_or_default());
        let bearable = wait <= LONGEST_WAIT;
        if bearable {
            self.clock.sleep(wait).await;
        }
        bearable
    }

    /// Whether the connection is still ours: asked before every call.
    pub(super) async fn hold(&self, round: &mut Round<'_>) -> StoreResult<()> {
        let now = self.clock.now();
        self.store.hold_lease(&mut round.lease, now, now + LEASE).await
    }

    /// An access token with some minutes to live.
    pub(super) async fn access_token(&self, round: &mut Round<'_>) -> Result<SecretString, Stop> {
        let tokens = round.tokens.as_ref().ok_or(Stop::NeedsReconnect)?;
        // One that was refreshed in this very round is used as long as it lives, however short that is.
        let reserve = if round.refreshes > 0 { TimeDelta::zero() } else { REFRESH_BEFORE };
        if tokens.access_expires_at - reserve > self.clock.now() {
            return Ok(tokens.access.clone());
        }
        self.refresh(round).await
    }

    /// Refreshes the grant, and stores it before its access token is used.
    pub(super) async fn refresh(&self, round: &mut Round<'_>) -> Result<SecretString, Stop> {
        let mut repeated = 0;
        loop {
            let tokens = round.tokens.as_ref().ok_or(Stop::NeedsReconnect)?;
            let (refresh_token, seal) = (tokens.refresh.clone(), tokens.seal.clone());
            self.hold(round).await?;
            round.requests += 1;
            round.refreshes += 1;
            let asked_at = self.clock.now();
            match round.platform.refresh(&refresh_token).await {
                Ok(grant) => {
                    let expires_at = grant.expires_at(asked_at);
                    let (access, refresh) = (&grant.access_token, grant.refresh_token.as_ref());
                    let connection = round.lease.connection;
                    // `false`: the provider reconnected meanwhile, and what stands there now is newer.
                    self.store.replace_tokens(connection, &seal, access, expires_at, refresh).await?;
                    self.reread_tokens(round).await?;
                    if !grant.covers_calendars {
                        return Err(self.needs_reconnect(round).await);
                    }
                    return Ok(grant.access_token);
                }
                Err(TokenError::Dead { code }) => {
                    self.reread_tokens(round).await?;
                    if round.tokens.as_ref().is_none_or(|tokens| tokens.seal == seal) {
                        tracing::warn!(connection = %round.lease.connection, code, "the grant is dead");
                        return Err(self.needs_reconnect(round).await);
                    }
                }
                Err(error) => {
                    let (most, retry_after) = match &error {
                        TokenError::RateLimited { retry_after } => (REPEATS_RATE_LIMITED, *retry_after),
                        TokenError::Unavailable { .. } => (REPEATS_UNAVAILABLE, None),
                        TokenError::Misconfigured { .. } | TokenError::Dead { .. } => (0, None),
                    };
                    if repeated >= most || !self.wait(repeated, retry_after).await {
                        return Err(Stop::Token(error));
                    }
                    repeated += 1;
                }
            }
        }
    }

    pub(super) async fn reread_tokens(&self, round: &mut Round<'_>) -> Result<(), Stop> {
        round.tokens = self.store.round_input(&round.lease).await?.tokens;
        Ok(())
    }

    /// Only the provider can help: they are told, and what is known stays.
    pub(super) async fn needs_reconnect(&self, round: &Round<'_>) -> Stop {
        let seal = round.tokens.as_ref().map(|tokens| tokens.seal.as_slice());
        match self.store.flag_reconnect(&round.lease, seal, self.clock.now()).await {
            Ok(_) => Stop::NeedsReconnect,
            Err(error) => error.into(),
        }
    }
}
