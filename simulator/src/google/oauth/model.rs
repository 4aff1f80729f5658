//! OAuth clients, grants and tokens (2.3, 2.9).

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::scopes;
use crate::google::model::{Account, Google, secret};

/// Minutes that an authorization code lives.
const CODE_MINUTES: i64 = 10;
/// Live refresh tokens per account and client; the oldest is dropped silently.
const MOST_REFRESH_TOKENS: usize = 100;
/// A refresh token that was unused for so long is dead.
const UNUSED_DAYS: i64 = 183;
/// How long a refresh token of a client in testing lives.
const TESTING_DAYS: i64 = 7;

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Client {
    pub client_id: String,
    pub client_secret: String,
    /// What the consent page calls it.
    #[serde(default)]
    pub name: Option<String>,
    /// To the letter.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Also accepts `http` on any port of this machine.
    #[serde(default)]
    pub any_loopback: bool,
    #[serde(default)]
    pub deleted: bool,
    /// In "Testing" status: refresh tokens live for seven days.
    #[serde(default)]
    pub testing: bool,
}

impl Client {
    pub fn accepts(&self, redirect_uri: &str) -> bool {
        if self.redirect_uris.iter().any(|registered| registered == redirect_uri) {
            return true;
        }
        self.any_loopback
            && url::Url::parse(redirect_uri).is_ok_and(|url| {
                url.scheme() == "http"
                    && url.fragment().is_none()
                    && matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"))
            })
    }

    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.client_id)
    }
}

/// What an account allowed a client.
#[derive(Deserialize, Serialize)]
pub(crate) struct Grant {
    pub account: String,
    pub client: String,
    pub scopes: BTreeSet<String>,
    pub refresh: Vec<RefreshToken>,
    pub access: Vec<AccessToken>,
    /// Made by the controls, not by a person's consent: it stands apart.
    pub by_control: bool,
}

#[derive(Deserialize, Serialize)]
pub(crate) struct RefreshToken {
    pub token: String,
    pub scopes: BTreeSet<String>,
    pub issued: DateTime<Utc>,
    pub used: DateTime<Utc>,
    pub expires: Option<DateTime<Utc>>,
}

#[derive(Deserialize, Serialize)]
pub(crate) struct AccessToken {
    pub token: String,
    pub account: String,
    pub client: String,
    pub scopes: BTreeSet<String>,
    pub expires: DateTime<Utc>,
}

/// An authorization code.
#[derive(Deserialize, Serialize)]
pub(crate) struct Code {
    pub account: String,
    pub client: String,
    pub redirect_uri: String,
    pub scopes: BTreeSet<String>,
    pub challenge: Option<Challenge>,
    pub nonce: Option<String>,
    /// Offline access on a consent page that was shown.
    pub refreshable: bool,
    pub issued: DateTime<Utc>,
    pub used: bool,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) enum Challenge {
    Plain(String),
    Sha256(String),
}

impl Code {
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        !self.used && now - self.issued < TimeDelta::minutes(CODE_MINUTES)
    }
}

impl RefreshToken {
    fn is_live(&self, now: DateTime<Utc>) -> bool {
        self.expires.is_none_or(|expires| now < expires) && now - self.used < TimeDelta::days(UNUSED_DAYS)
    }
}

impl Google {
    pub fn add_demo_client(&mut self, id: &str, secret: &str) {
        self.clients.push(Client {
            client_id: id.to_owned(),
            client_secret: secret.to_owned(),
            name: Some("Simone".to_owned()),
            redirect_uris: Vec::new(),
            any_loopback: true,
            deleted: false,
            testing: false,
        });
    }

    pub fn client(&self, id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.client_id == id)
    }

    /// The account's address that a token or code belongs to, live or not.
    pub fn account_of_secret(&self, secret: &str) -> Option<String> {
        if let Some(code) = self.codes.get(secret) {
            return Some(code.account.clone());
        }
        self.grants
            .iter()
            .find(|grant| {
                grant.access.iter().any(|access| access.token == secret)
                    || grant.refresh.iter().any(|refresh| refresh.token == secret)
            })
            .map(|grant| grant.account.clone())
    }

    /// A live token, and whether a control handed it out.
    pub fn access_token(&self, token: &str, now: DateTime<Utc>) -> Option<(&AccessToken, bool)> {
        self.grants
            .iter()
            .flat_map(|grant| grant.access.iter().map(|access| (access, grant.by_control)))
            .find(|(access, _)| access.token == token && now < access.expires)
    }

    pub fn account_of_token(&self, token: &str, now: DateTime<Utc>) -> Option<(&Account, &AccessToken)> {
        let (token, _) = self.access_token(token, now)?;
        Some((self.account(&token.account)?, token))
    }

    /// What an account has consented to for a client.
    pub fn consented(&self, account: &str, client: &str) -> BTreeSet<String> {
        self.grants
            .iter()
            .find(|grant| grant.account == account && grant.client == client && !grant.by_control)
            .map(|grant| grant.scopes.clone())
            .unwrap_or_default()
    }

    pub fn consent(&mut self, account: &str, client: &str, scopes: &BTreeSet<String>) {
        self.grant(account, client, false).scopes.extend(scopes.iter().cloned());
    }

    fn grant(&mut self, account: &str, client: &str, by_control: bool) -> &mut Grant {
        let at = self.grants.iter().position(|grant| {
            grant.account == account && grant.client == client && grant.by_control == by_control
        });
        let at = at.unwrap_or_else(|| {
            self.grants.push(Grant {
                account: account.to_owned(),
                client: client.to_owned(),
                scopes: BTreeSet::new(),
                refresh: Vec::new(),
                access: Vec::new(),
                by_control,
            });
            self.grants.len() - 1
        });
        &mut self.grants[at]
    }

    pub fn issue_access(
        &mut self,
        now: DateTime<Utc>,
        rng: &mut impl Rng,
        account: &str,
        client: &str,
        scopes: &BTreeSet<String>,
        by_control: bool,
    ) -> String {
        let token = format!("ya29.a0{}", secret(rng, 160));
        let expires = now + TimeDelta::seconds(self.settings.access_token_seconds.into());
        let grant = self.grant(account, client, by_control);
        // Nobody asks whose a token was that died long ago.
        grant.access.retain(|access| now - access.expires < TimeDelta::days(1));
        grant.access.push(AccessToken {
            token: token.clone(),
            account: account.to_owned(),
            client: client.to_owned(),
            scopes: scopes.clone(),
            expires,
        });
        token
    }

    /// The token, and the seconds it lives if that is limited.
    pub fn issue_refresh(
        &mut self,
        now: DateTime<Utc>,
        rng: &mut impl Rng,
        account: &str,
        client: &str,
        scopes: &BTreeSet<String>,
        by_control: bool,
    ) -> (String, Option<i64>) {
        let token = format!("1//0{}", secret(rng, 96));
        let calendar = scopes.iter().any(|scope| scopes::is_optional(scope));
        let limited = self.client(client).is_some_and(|client| client.testing) && calendar;
        let life = limited.then(|| TimeDelta::days(TESTING_DAYS) - TimeDelta::seconds(1));
        let grant = self.grant(account, client, by_control);
        grant.refresh.push(RefreshToken {
            token: token.clone(),
            scopes: scopes.clone(),
            issued: now,
            used: now,
            expires: life.map(|life| now + life),
        });
        let dropped = (grant.refresh.len() > MOST_REFRESH_TOKENS).then(|| grant.refresh.remove(0).token);
        self.dead.extend(dropped);
        (token, life.map(|life| life.num_seconds()))
    }

    /// The account and scopes of a live refresh token of this client, which this counts as using.
    pub fn use_refresh(
        &mut self,
        now: DateTime<Utc>,
        token: &str,
        client: &str,
    ) -> Option<(String, BTreeSet<String>, bool)> {
        let grant =
            self.grants.iter_mut().find(|grant| grant.client == client && grant.has_refresh(token))?;
        let (account, by_control) = (grant.account.clone(), grant.by_control);
        let refresh = grant.refresh.iter_mut().find(|refresh| refresh.token == token)?;
        if !refresh.is_live(now) {
            return None;
        }
        refresh.used = now;
        Some((account, refresh.scopes.clone(), by_control))
    }

    /// Ends the whole grant that a token belongs to (2.6); `false` if there is none.
    pub fn revoke(&mut self, token: &str, now: DateTime<Utc>) -> bool {
        let at = self.grants.iter().position(|grant| {
            grant.refresh.iter().any(|refresh| refresh.token == token && refresh.is_live(now))
                || grant.access.iter().any(|access| access.token == token && now < access.expires)
        });
        let Some(at) = at else { return false };
        self.end_grant(at);
        true
    }

    pub fn end_grant(&mut self, at: usize) {
        let grant = self.grants.remove(at);
        self.dead.extend(grant.refresh.into_iter().map(|refresh| refresh.token));
        // Push messages end without notice (8.3).
        self.channels.retain(|channel| {
            channel.account != grant.account
                || channel.client != grant.client
                || channel.by_control != grant.by_control
        });
        // A code that was not exchanged yet dies with the rest.
        self.codes.retain(|_, code| code.account != grant.account || code.client != grant.client);
    }
}

impl Grant {
    fn has_refresh(&self, token: &str) -> bool {
        self.refresh.iter().any(|refresh| refresh.token == token)
    }
}
