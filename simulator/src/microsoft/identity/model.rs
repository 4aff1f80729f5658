//! Who there is, and what they allowed (2).

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// The tenant of all personal accounts.
pub(crate) const PERSONAL: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
/// Minutes that an authorization code lives.
const CODE_MINUTES: i64 = 10;
/// A refresh token that was unused for so long is dead.
pub(crate) const UNUSED_DAYS: i64 = 90;
/// One that was given to a page (redirect address of the type SPA) dies at this age, used or not.
const SPA_HOURS: i64 = 24;

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Directory {
    pub tenants: Vec<Tenant>,
    pub accounts: Vec<Account>,
    pub clients: Vec<Client>,
    pub grants: Vec<Grant>,
    pub codes: BTreeMap<String, Code>,
    pub refresh: Vec<Refresh>,
    pub access: Vec<Access>,
}

/// An organization.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Tenant {
    pub id: String,
    pub domain: String,
    /// Its people cannot consent themselves (2.1).
    #[serde(default)]
    pub needs_approval: bool,
    /// The clients that an administrator approved.
    #[serde(default)]
    pub approved: BTreeSet<String>,
}

/// A person with a mailbox.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Account {
    /// The object id; of a personal account 16 hexadecimal digits.
    pub id: String,
    pub tenant: String,
    pub email: String,
    pub name: String,
    pub personal: bool,
    #[serde(default)]
    pub disabled: bool,
    /// May be signed in and have no mailbox in the cloud (2.6).
    #[serde(default)]
    pub without_mailbox: bool,
    /// `mail` of the profile is null (2.6).
    #[serde(default)]
    pub without_mail: bool,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Client {
    pub client_id: String,
    pub client_secret: String,
    /// What the consent page calls it.
    #[serde(default)]
    pub name: Option<String>,
    /// To the letter, but for the port of `http://localhost`.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Also accepts `http` on any port of this machine.
    #[serde(default)]
    pub any_loopback: bool,
    /// The secret is right but has expired.
    #[serde(default)]
    pub secret_expired: bool,
    #[serde(default)]
    pub disabled: bool,
    /// Needs no secret.
    #[serde(default)]
    pub public: bool,
    /// Its redirect addresses are of the type SPA: refresh tokens live for a day.
    #[serde(default)]
    pub spa: bool,
}

impl Client {
    pub fn accepts(&self, redirect_uri: &str) -> bool {
        let Ok(url) = url::Url::parse(redirect_uri) else { return false };
        let without_port = |url: &url::Url| {
            let mut bare = url.clone();
            // Fails only for addresses that cannot have a port, which are compared as they are.
            let _ = bare.set_port(None);
            bare
        };
        let registered = |registered: &String| {
            registered == redirect_uri
                || (url.scheme() == "http"
                    && url.host_str() == Some("localhost")
                    && url::Url::parse(registered)
                        .is_ok_and(|other| without_port(&other) == without_port(&url)))
        };
        let loopback = || {
            url.scheme() == "http"
                && url.fragment().is_none()
                && matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"))
        };
        self.redirect_uris.iter().any(registered) || (self.any_loopback && loopback())
    }

    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.client_id)
    }
}

/// What an account allowed a client.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Grant {
    pub account: String,
    pub client: String,
    pub scopes: BTreeSet<String>,
    pub granted: DateTime<Utc>,
}

/// An authorization code.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Code {
    pub account: String,
    pub client: String,
    pub redirect_uri: String,
    pub scopes: BTreeSet<String>,
    /// The client wrote the scopes' names in full.
    pub long: bool,
    pub challenge: Option<Challenge>,
    pub nonce: Option<String>,
    pub issued: DateTime<Utc>,
    pub used: bool,
}

impl Code {
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        now - self.issued < TimeDelta::minutes(CODE_MINUTES)
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) enum Challenge {
    Plain(String),
    Sha256(String),
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Refresh {
    pub token: String,
    pub account: String,
    pub client: String,
    pub scopes: BTreeSet<String>,
    pub long: bool,
    /// Made by the controls, not by a person's consent.
    pub by_control: bool,
    /// When the person signed in; refreshing does not change it.
    pub signed_in: DateTime<Utc>,
    pub used: DateTime<Utc>,
    pub replaced: Option<DateTime<Utc>>,
    pub ended: Option<End>,
}

/// Why refresh tokens of an account no longer work (2.3, 2.4).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum End {
    /// The password was changed.
    Password,
    /// The sessions were revoked by the person or by an administrator.
    Sessions,
    /// The organization wants a second factor.
    Mfa,
    /// A rule of the organization forbids it.
    ConditionalAccess,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Access {
    pub token: String,
    pub account: String,
    pub client: String,
    /// Short names.
    pub scopes: BTreeSet<String>,
    pub expires: DateTime<Utc>,
    #[serde(default)]
    pub by_control: bool,
}

impl Refresh {
    pub fn is_inactive(&self, now: DateTime<Utc>) -> bool {
        now - self.used >= TimeDelta::days(UNUSED_DAYS)
    }

    pub fn is_past_the_day_of_a_page(&self, now: DateTime<Utc>) -> bool {
        now - self.signed_in >= TimeDelta::hours(SPA_HOURS)
    }
}

impl Directory {
    pub fn access_token(&self, token: &str, now: DateTime<Utc>) -> Option<&Access> {
        self.access.iter().find(|access| access.token == token && now < access.expires)
    }

    /// By id or address.
    pub fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().find(|one| one.id == name || one.email.eq_ignore_ascii_case(name))
    }

    pub fn client(&self, id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.client_id.eq_ignore_ascii_case(id))
    }

    /// By id or domain.
    pub fn tenant(&self, name: &str) -> Option<&Tenant> {
        self.tenants.iter().find(|one| one.id == name || one.domain.eq_ignore_ascii_case(name))
    }

    pub fn add_demo_client(&mut self, id: &str, secret: &str) {
        self.clients.push(Client {
            client_id: id.to_owned(),
            client_secret: secret.to_owned(),
            name: Some("Simone".to_owned()),
            redirect_uris: Vec::new(),
            any_loopback: true,
            secret_expired: false,
            disabled: false,
            public: false,
            spa: false,
        });
    }

    /// Whose a token or code is, live or not: the account's id.
    pub fn account_of_secret(&self, secret: &str) -> Option<&str> {
        if let Some(code) = self.codes.get(secret) {
            return Some(&code.account);
        }
        let access = self.access.iter().filter(|one| one.token == secret).map(|one| one.account.as_str());
        let refresh = self.refresh.iter().filter(|one| one.token == secret).map(|one| one.account.as_str());
        access.chain(refresh).next()
    }

    pub fn grant(&self, account: &str, client: &str) -> Option<&Grant> {
        self.grants.iter().find(|grant| grant.account == account && grant.client == client)
    }

    pub fn consent(&mut self, account: &str, client: &str, scopes: &BTreeSet<String>, now: DateTime<Utc>) {
        let known = self.grants.iter_mut().find(|grant| grant.account == account && grant.client == client);
        match known {
            Some(grant) => grant.scopes.extend(scopes.iter().cloned()),
            None => self.grants.push(Grant {
                account: account.to_owned(),
                client: client.to_owned(),
                scopes: scopes.clone(),
                granted: now,
            }),
        }
    }

    /// An administrator has to approve the client first, and has not.
    pub fn waits_for_approval(&self, account: &Account, client: &str) -> bool {
        self.tenant(&account.tenant)
            .is_some_and(|tenant| tenant.needs_approval && !tenant.approved.contains(client))
    }

    /// Nobody asks for what died long ago.
    pub fn forget(&mut self, now: DateTime<Utc>) {
        self.access.retain(|access| now - access.expires < TimeDelta::days(1));
        self.codes.retain(|_, code| now - code.issued < TimeDelta::days(1));
        self.refresh.retain(|one| now - one.used < TimeDelta::days(2 * UNUSED_DAYS));
    }
}
