//! Pages: a listing is made once, as a snapshot, and handed out in parts.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use serde_json::{Value, json};

use super::errors::ApiError;
use super::reply::Query;
use crate::faults::{Kind, Struck};

/// Snapshots whose pages can still be asked for; the oldest go first.
const KEPT: usize = 256;

/// Parameters that do not belong to what a listing is of.
const INCIDENTAL: [&str; 12] = [
    "access_token",
    "alt",
    "callback",
    "fields",
    "key",
    "maxResults",
    "oauth_token",
    "pageToken",
    "prettyPrint",
    "quotaUser",
    "userIp",
    "alwaysIncludeEmail",
];

#[derive(Default)]
pub(crate) struct Snapshots {
    /// Counts the tokens, so that none is given twice.
    tokens: u64,
    next: u64,
    list: VecDeque<Snapshot>,
}

struct Snapshot {
    number: u64,
    /// Of whom and with which parameters it was made.
    of: u64,
    items: Arc<Vec<Value>>,
    sync_token: Option<String>,
}

/// One page as it is sent.
pub(crate) struct Page {
    pub items: Vec<Value>,
    pub next_page_token: Option<String>,
    pub next_sync_token: Option<String>,
}

impl Page {
    /// The body of a listing that has no more than items and tokens. `of`: what it is a listing of.
    pub fn into_body(self, kind: &str, of: u64) -> Value {
        let shown: Vec<_> = self.items.iter().map(Value::to_string).collect();
        let etag = hash((of, shown));
        let mut body = json!({"kind": kind, "etag": format!("\"p{etag:x}\""), "items": self.items});
        if let Some(token) = self.next_page_token {
            body["nextPageToken"] = token.into();
        }
        if let Some(token) = self.next_sync_token {
            body["nextSyncToken"] = token.into();
        }
        body
    }
}

/// All that a listing has to say.
pub(crate) struct Listing {
    pub items: Vec<Value>,
    /// For the last page.
    pub sync_token: Option<String>,
}

pub(super) fn hash(parts: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

/// What a listing is of: the place, the account and the parameters, which every page must repeat (6.1).
pub(super) fn identity(place: &str, email: &str, query: &Query) -> u64 {
    let mut parameters: Vec<_> = query.pairs().filter(|(name, _)| !INCIDENTAL.contains(name)).collect();
    parameters.sort_unstable();
    hash((place, email, parameters))
}

impl Snapshots {
    /// The page that a token names.
    pub fn follow(&mut self, token: &str, of: u64, size: usize, struck: &Struck) -> Result<Page, ApiError> {
        let (number, offset) = read(token).ok_or_else(ApiError::bad_page_token)?;
        let at = self.list.iter().position(|snapshot| snapshot.number == number);
        let snapshot = at.and_then(|at| self.list.get(at)).ok_or_else(ApiError::bad_page_token)?;
        if snapshot.of != of || offset > snapshot.items.len() {
            return Err(ApiError::bad_page_token());
        }
        let (items, sync_token) = (snapshot.items.clone(), snapshot.sync_token.clone());
        Ok(self.page(number, &items, sync_token, offset, size, struck))
    }

    /// The first page of a fresh listing.
    pub fn begin(&mut self, listing: Listing, of: u64, size: usize, struck: &Struck) -> Page {
        if struck.has(Kind::EmptyListing) {
            return Page { items: Vec::new(), next_page_token: None, next_sync_token: listing.sync_token };
        }
        let size = struck.smallest_page().map_or(size, |small| small.min(size));
        if listing.items.len() <= size && !struck.has(Kind::EmptyPage) {
            return Page { items: listing.items, next_page_token: None, next_sync_token: listing.sync_token };
        }
        self.next += 1;
        let (number, items) = (self.next, Arc::new(listing.items));
        let page = self.page(number, &items, listing.sync_token.clone(), 0, size, struck);
        self.list.push_back(Snapshot { number, of, items, sync_token: listing.sync_token });
        if self.list.len() > KEPT {
            self.list.pop_front();
        }
        page
    }

    fn page(
        &mut self,
        number: u64,
        items: &[Value],
        sync_token: Option<String>,
        offset: usize,
        size: usize,
        struck: &Struck,
    ) -> Page {
        if struck.has(Kind::EmptyListing) {
            return Page { items: Vec::new(), next_page_token: None, next_sync_token: sync_token };
        }
        let size = if struck.has(Kind::EmptyPage) {
            0
        } else {
            struck.smallest_page().map_or(size, |small| small.min(size))
        };
        let end = (offset + size).min(items.len());
        let more = end < items.len() || struck.has(Kind::EmptyPage);
        Page {
            items: items[offset..end].to_vec(),
            next_page_token: more.then(|| self.token(number, end)),
            next_sync_token: sync_token.filter(|_| !more),
        }
    }

    fn token(&mut self, number: u64, offset: usize) -> String {
        self.tokens += 1;
        URL_SAFE.encode(format!("page {number} {offset} {}", self.tokens))
    }
}

fn read(token: &str) -> Option<(u64, usize)> {
    let text = String::from_utf8(URL_SAFE.decode(token).ok()?).ok()?;
    let mut parts = text.strip_prefix("page ")?.split(' ');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}
