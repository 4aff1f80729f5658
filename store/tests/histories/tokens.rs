//! Consent and tokens, as both platforms give them: Microsoft's refresh tokens change with each use.

use crate::platform::{AccessToken, Consent, GrantState, Sim, State};
use crate::support::{cover, lock};
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use simone_booking::Clock;
use simone_sync::platform::{Account, AuthorizationRequest, Grant, Platform, PlatformError, TokenError};
use std::collections::BTreeSet;
use std::time::Duration;
use url::Url;

impl State {
    pub fn account_of(&mut self, token: &SecretString, now: DateTime<Utc>) -> Result<usize, PlatformError> {
        let Some(access) = self.access.get(token.expose_secret()) else {
            return Err(PlatformError::Unauthorized);
        };
        let grant = &self.grants[access.grant];
        if !grant.alive || access.expires_at <= now {
            return Err(PlatformError::Unauthorized);
        }
        if !grant.covers_calendars {
            cover("fault: scopes lost");
            self.said_dead.insert(grant.account);
            return Err(PlatformError::MissingScopes);
        }
        Ok(grant.account)
    }

    fn new_access(&mut self, grant: usize, now: DateTime<Utc>) -> (SecretString, Duration) {
        self.next += 1;
        let token = format!("access-{}", self.next);
        let life = if self.dice.chance(10) { 240 } else { 3599 };
        let life = Duration::from_secs(life);
        let expires_at = now + TimeDelta::from_std(life).expect("an hour");
        self.access.insert(token.clone(), AccessToken { grant, expires_at });
        (token.into(), life)
    }

    fn new_refresh(&mut self, account: usize) -> String {
        self.next += 1;
        let token = format!("refresh-{}", self.next);
        self.owners.insert(token.clone(), account);
        token
    }
}

impl Sim {
    pub fn authorization_url(&self, request: &AuthorizationRequest<'_>) -> Url {
        let mut sim = lock(&self.state);
        sim.verifiers.insert(request.state.to_owned(), request.verifier.expose_secret().to_owned());
        let mut url = Url::parse("https://platform.test/auth").expect("an address");
        url.query_pairs_mut().append_pair("state", request.state);
        url
    }

    pub fn exchange(
        &self,
        platform: Platform,
        code: &SecretString,
        verifier: &SecretString,
        _redirect_uri: &Url,
    ) -> Result<Grant, TokenError> {
        let now = self.clock.now();
        let mut sim = lock(&self.state);
        if sim.faults.token_outage || sim.faults.outage {
            return Err(TokenError::Unavailable { reason: "no answer".to_owned() });
        }
        if sim.faults.misconfigured {
            return Err(TokenError::Misconfigured { code: "invalid_client".to_owned() });
        }
        let dead = || TokenError::Dead { code: "invalid_grant".to_owned() };
        let code = sim.codes.remove(code.expose_secret()).ok_or_else(dead)?;
        assert_eq!(sim.world.accounts[code.account].platform, platform, "consented to elsewhere");
        if code.verifier != verifier.expose_secret() {
            return Err(dead());
        }
        let refresh = sim.new_refresh(code.account);
        let covers_calendars = code.consent != Consent::Unticked;
        let lasting = code.consent != Consent::Fleeting;
        let refreshes = if lasting { BTreeSet::from([refresh.clone()]) } else { BTreeSet::new() };
        sim.grants.push(GrantState {
            account: code.account,
            alive: true,
            covers_calendars,
            refresh: refreshes,
        });
        let grant = sim.grants.len() - 1;
        let (access_token, expires_in) = sim.new_access(grant, now);
        Ok(Grant {
            access_token,
            expires_in,
            refresh_token: lasting.then(|| refresh.into()),
            scopes: Some("calendar".to_owned()),
            covers_calendars,
        })
    }

    pub fn refresh(&self, refresh_token: &SecretString) -> Result<Grant, TokenError> {
        let now = self.clock.now();
        let mut sim = lock(&self.state);
        let unavailable = || TokenError::Unavailable { reason: "no answer".to_owned() };
        if sim.faults.token_outage || sim.faults.outage {
            cover("fault: the token endpoint is out");
            return Err(unavailable());
        }
        if sim.faults.misconfigured {
            cover("fault: misconfigured");
            return Err(TokenError::Misconfigured { code: "invalid_client".to_owned() });
        }
        if sim.faults.token_limits > 0 {
            cover("fault: the token endpoint asks to wait");
            sim.faults.token_limits -= 1;
            let retry_after =
                sim.dice.chance(50).then(|| Duration::from_secs(sim.dice.range(1, 90).unsigned_abs()));
            return Err(TokenError::RateLimited { retry_after });
        }
        let old = refresh_token.expose_secret();
        let found = sim.grants.iter().position(|grant| grant.alive && grant.refresh.contains(old));
        let Some(grant) = found else {
            cover("fault: a dead grant");
            let account = *sim.owners.get(old).expect("a refresh token that was never given");
            sim.said_dead.insert(account);
            return Err(TokenError::Dead { code: "invalid_grant".to_owned() });
        };
        let (access_token, expires_in) = sim.new_access(grant, now);
        let mut refresh_token = None;
        let account = sim.grants[grant].account;
        // Each use of one of Microsoft's gives another.
        let rotates = sim.world.accounts[account].platform == Platform::Outlook;
        if rotates || sim.dice.chance(20) {
            cover("tokens: a new refresh token");
            let new = sim.new_refresh(account);
            if sim.dice.chance(30) {
                cover("tokens: the old refresh token is dead");
                sim.grants[grant].refresh.clear();
            }
            sim.grants[grant].refresh.insert(new.clone());
            refresh_token = Some(new.into());
        }
        if sim.faults.lost_refreshes > 0 {
            cover("fault: a refresh's answer is lost");
            sim.faults.lost_refreshes -= 1;
            return Err(unavailable());
        }
        let covers_calendars = sim.grants[grant].covers_calendars;
        if !covers_calendars {
            let account = sim.grants[grant].account;
            sim.said_dead.insert(account);
        }
        Ok(Grant { access_token, expires_in, refresh_token, scopes: None, covers_calendars })
    }

    pub fn revoke(&self, platform: Platform, token: &SecretString) -> Result<(), PlatformError> {
        if platform == Platform::Outlook {
            // There is nothing to ask (reference sheet, 2.5).
            return Ok(());
        }
        self.fault(false)?;
        let mut sim = lock(&self.state);
        let token = token.expose_secret();
        let of_access = sim.access.get(token).map(|access| access.grant);
        let grant = of_access.or_else(|| sim.grants.iter().position(|grant| grant.refresh.contains(token)));
        if let Some(grant) = grant.filter(|grant| sim.grants[*grant].alive) {
            cover("tokens: revoked");
            // The whole grant of the person goes (reference sheet, 2.6).
            let account = sim.grants[grant].account;
            for grant in sim.grants.iter_mut().filter(|grant| grant.account == account) {
                grant.alive = false;
            }
        }
        Ok(())
    }

    pub fn account(&self, access_token: &SecretString) -> Result<Account, PlatformError> {
        self.fault(false)?;
        let now = self.clock.now();
        let mut sim = lock(&self.state);
        let account = match sim.account_of(access_token, now) {
            // Its scope is another.
            Err(PlatformError::MissingScopes) => {
                sim.grants[sim.access[access_token.expose_secret()].grant].account
            }
            other => other?,
        };
        let account = &sim.world.accounts[account];
        Ok(Account { id: account.sub.clone(), email: account.email.clone() })
    }
}
