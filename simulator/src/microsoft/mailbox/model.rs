//! What stands in people's calendars.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[derive(Default, Deserialize, Serialize)]
pub(crate) struct Mailboxes {
    /// By the account's id.
    pub all: BTreeMap<String, Mailbox>,
    /// What changed and was not yet told to subscriptions.
    #[serde(skip)]
    pub changes: Vec<Changed>,
    #[serde(default)]
    pub switches: super::switches::Switches,
}

impl Mailboxes {
    pub fn add(&mut self, account: &str, _email: &str, _name: &str, zone: &str, _rng: &mut impl rand::Rng) {
        self.all.insert(account.to_owned(), Mailbox { zone: zone.to_owned() });
    }
}

#[derive(Default, Deserialize, Serialize)]
pub(crate) struct Mailbox {
    /// As Windows names it.
    pub zone: String,
}

/// A change of one event, as subscriptions are told of it.
#[derive(Clone, Debug)]
pub(crate) struct Changed {
    /// The account's id.
    pub mailbox: String,
    /// The calendar's id.
    pub calendar: String,
    /// Of a change to one occurrence: its series' id. Both forms: the usual one and the immutable one.
    pub event: String,
    pub immutable: String,
    pub etag: String,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Created,
    Updated,
    Deleted,
}
