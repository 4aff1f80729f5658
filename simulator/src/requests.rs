//! The log of what the platforms were asked, for tests that count requests. Secrets never enter it.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use serde::Serialize;

/// Older entries are forgotten.
const KEPT: usize = 20_000;

/// The value of these query parameters never enters the log.
const SECRET: [&str; 10] = [
    "access_token",
    "client_secret",
    "code",
    "code_verifier",
    "key",
    "oauth_token",
    "refresh_token",
    "state",
    "token",
    "id_token_hint",
];

#[derive(Default)]
pub(crate) struct RequestLog {
    next: u64,
    entries: VecDeque<Entry>,
}

#[derive(Clone, Serialize)]
pub(crate) struct Entry {
    /// Rises by one with each request.
    pub number: u64,
    /// In the simulator's time.
    pub at: DateTime<Utc>,
    pub method: String,
    /// Percent-decoded.
    pub path: String,
    /// Without secrets; of cursors only that they were there.
    pub query: String,
    /// What the client was sent; 0 when the connection was reset.
    pub status: u16,
    pub account: Option<String>,
    /// The kinds of the faults that struck.
    pub faults: Vec<&'static str>,
    /// It came in a batch of Graph's.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub batch: bool,
}

impl RequestLog {
    pub fn push(&mut self, mut entry: Entry) {
        self.next += 1;
        entry.number = self.next;
        self.entries.push_back(entry);
        if self.entries.len() > KEPT {
            self.entries.pop_front();
        }
    }

    pub fn since(&self, number: u64) -> Vec<Entry> {
        self.entries.iter().filter(|entry| entry.number > number).cloned().collect()
    }

    pub fn clear(&mut self) {
        self.entries.clear();
    }
}

/// A query as it may be kept.
pub(crate) fn without_secrets(query: &str) -> String {
    let mut kept = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let hidden = SECRET.contains(&name.as_ref())
            || name.ends_with("Token")
            || ["$skiptoken", "$deltatoken"].contains(&name.as_ref());
        kept.append_pair(&name, if hidden { "…" } else { &value });
    }
    kept.finish()
}
