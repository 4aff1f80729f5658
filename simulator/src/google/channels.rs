//! Push channels (8): what they watch, and the messages that are due on them.
//!
//! No change is queued anywhere: a channel remembers how far its resource had come when it was last told, and
//! whatever lies behind that is due.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::model::Google;

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) enum Resource {
    /// Of a calendar, by its own id.
    Events(String),
    Acl(String),
    /// Of the channel's account.
    CalendarList,
    Settings,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Channel {
    pub id: String,
    pub resource: Resource,
    /// As the client was told it.
    pub uri: String,
    pub address: String,
    pub token: Option<String>,
    pub expires: DateTime<Utc>,
    pub account: String,
    /// The id of the OAuth client that opened it.
    pub client: String,
    /// It was opened with a token that a control handed out.
    pub by_control: bool,
    /// The resource's sequence that was last told.
    pub told: u64,
    /// Of the last message; 0: the first one is due.
    pub number: u64,
}

/// One message as it is sent (8.2).
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub channel: Channel,
    pub state: &'static str,
}

impl Resource {
    /// The calendar that is watched, if it is one.
    pub fn calendar(&self) -> Option<&str> {
        match self {
            Resource::Events(calendar) | Resource::Acl(calendar) => Some(calendar),
            Resource::CalendarList | Resource::Settings => None,
        }
    }

    /// Behind `/calendar/v3`.
    pub fn path(&self) -> String {
        match self {
            Resource::Events(calendar) => format!("/calendars/{}/events", segment(calendar)),
            Resource::Acl(calendar) => format!("/calendars/{}/acl", segment(calendar)),
            Resource::CalendarList => "/users/me/calendarList".to_owned(),
            Resource::Settings => "/users/me/settings".to_owned(),
        }
    }

    /// The same for all channels of an account on the resource.
    pub fn id(&self, account: &str) -> String {
        let digest = Sha256::digest(format!("{account} {}", self.path()));
        URL_SAFE_NO_PAD.encode(&digest[..20])
    }

    /// How far it has come; `None`: it is gone, or the account can no longer see it.
    pub fn sequence(&self, google: &Google, account: &str) -> Option<u64> {
        if let Some(calendar) = self.calendar() {
            google.access(account, calendar)?;
        }
        match self {
            Resource::Events(calendar) => Some(google.calendars.get(calendar)?.sequence),
            Resource::Acl(calendar) => Some(google.calendars.get(calendar)?.acl_sequence),
            Resource::CalendarList => Some(google.account(account)?.sequence),
            Resource::Settings => Some(google.account(account)?.preferences_sequence),
        }
    }
}

impl Channel {
    pub fn resource_id(&self) -> String {
        self.resource.id(&self.account)
    }
}

impl Google {
    /// The messages that are due now. Whoever asks must send them: they count as told.
    pub fn due_messages(&mut self, now: DateTime<Utc>, rng: &mut impl Rng) -> Vec<Message> {
        let mut channels = std::mem::take(&mut self.channels);
        let mut due = Vec::new();
        channels.retain_mut(|channel| {
            if channel.expires <= now {
                return false;
            }
            let sequence = channel.resource.sequence(self, &channel.account);
            let state = match sequence {
                _ if channel.number == 0 => "sync",
                Some(sequence) if sequence == channel.told => return true,
                Some(_) => "exists",
                None => "not_exists",
            };
            // Numbers rise, but not by one.
            channel.number += if channel.number == 0 { 1 } else { rng.random_range(1..1000) };
            channel.told = sequence.unwrap_or(channel.told);
            due.push(Message { channel: channel.clone(), state });
            sequence.is_some()
        });
        self.channels = channels;
        due
    }
}

/// One segment of a path, percent-encoded as Google does it.
fn segment(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a string does not fail");
        }
    }
    encoded
}
