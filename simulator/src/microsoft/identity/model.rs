//! Who there is, and what they allowed.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

#[derive(Default, Deserialize, Serialize)]
pub(crate) struct Directory {
    pub accounts: Vec<Account>,
    pub access: Vec<Access>,
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
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Access {
    pub token: String,
    pub account: String,
    pub client: String,
    /// Short names.
    pub scopes: BTreeSet<String>,
    pub expires: DateTime<Utc>,
}

impl Directory {
    pub fn access_token(&self, token: &str, now: DateTime<Utc>) -> Option<&Access> {
        self.access.iter().find(|access| access.token == token && now < access.expires)
    }

    /// By id or address.
    pub fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().find(|one| one.id == name || one.email.eq_ignore_ascii_case(name))
    }
}
