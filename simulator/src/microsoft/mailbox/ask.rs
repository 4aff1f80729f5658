//! A request to the mailbox, as far as it can be read without the world; and how its answer leaves.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{FromRequestParts, OriginalUri, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::odata::Query;
use super::prefer::Prefer;
use crate::faults::Struck;
use crate::microsoft::errors::{GraphError, GraphResult};
use crate::microsoft::guard::Caller;
use crate::simulator::{Simulator, World};

/// Which of a mailbox' calendars an address is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Scope {
    /// `/me/events`: the default calendar, or the mailbox for what has an id.
    Mailbox,
    /// `/me/calendar`
    Default,
    /// `/me/calendars/{calendar}`
    Named,
}

pub(super) struct Ask {
    pub headers: HeaderMap,
    pub scope: Scope,
    /// The whole path as it was asked for.
    pub path: String,
    pub query: Query,
    pub prefer: Prefer,
    /// By a fault, no page has more items.
    smallest_page: Option<usize>,
    params: BTreeMap<String, String>,
}

/// What a handler answers.
pub(super) type Answer = GraphResult<Response>;

/// The scopes of which one lets a client read; the last ones show times and subjects only.
pub(super) const READ: [&str; 4] =
    ["Calendars.Read", "Calendars.ReadWrite", "Calendars.Read.Shared", "Calendars.ReadWrite.Shared"];
pub(super) const BASIC: [&str; 1] = ["Calendars.ReadBasic"];
pub(super) const WRITE: [&str; 2] = ["Calendars.ReadWrite", "Calendars.ReadWrite.Shared"];

impl FromRequestParts<Arc<Simulator>> for Ask {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<Simulator>) -> Result<Self, Response> {
        let OriginalUri(uri) =
            OriginalUri::from_request_parts(parts, state).await.unwrap_or_else(|never| match never {});
        let params = match RawPathParams::from_request_parts(parts, state).await {
            Ok(params) => params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            Err(_) => return Err(malformed().into_response()),
        };
        let prefer = Prefer::read(&parts.headers).map_err(IntoResponse::into_response)?;
        Ok(Ask {
            scope: parts.extensions.get().copied().unwrap_or(Scope::Mailbox),
            path: uri.path().to_owned(),
            query: Query::parse(uri.query()),
            headers: parts.headers.clone(),
            prefer,
            smallest_page: parts.extensions.get::<Struck>().and_then(Struck::smallest_page),
            params,
        })
    }
}

pub(super) fn malformed() -> GraphError {
    GraphError::new(400, "ErrorInvalidIdMalformed", "Id is malformed.")
}

impl Ask {
    /// A part of the path, decoded.
    pub fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }

    /// How many items a page has at most, of which a client wants so many.
    pub fn page_size(&self, wanted: usize) -> usize {
        self.smallest_page.map_or(wanted, |small| small.min(wanted))
    }

    pub fn may_read(&self, world: &World) -> GraphResult<(Caller, bool)> {
        match Caller::authorize(world, &self.headers, &READ) {
            Ok(caller) => Ok((caller, false)),
            Err(error) => Caller::authorize(world, &self.headers, &BASIC)
                .map(|caller| (caller, true))
                .map_err(|_| error),
        }
    }

    pub fn may_write(&self, world: &World) -> GraphResult<Caller> {
        Caller::authorize(world, &self.headers, &WRITE)
    }

    /// Where the request came to, without a slash at the end.
    pub fn base(&self) -> String {
        let host = self.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
        format!("http://{host}")
    }

    pub fn context(&self, of: &str) -> String {
        format!("{}/v1.0/$metadata#{of}", self.base())
    }

    /// A link to this address with another query.
    pub fn link(&self, pairs: &[(String, String)]) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(pairs);
        // As Graph writes it: the dollar stays, a space is `%20`.
        let query = query.finish().replace('+', "%20").replace("%24", "$");
        format!("{}{}?{query}", self.base(), self.path)
    }

    pub fn reply(&self, status: StatusCode, body: Value) -> Response {
        let etag = body["@odata.etag"].as_str().and_then(|etag| HeaderValue::from_str(etag).ok());
        let mut response = (status, body.to_string()).into_response();
        let kind = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert("odata-version", HeaderValue::from_static("4.0"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private"));
        if let Some(etag) = etag {
            headers.insert(header::ETAG, etag);
        }
        self.prefer.applied(headers, &[]);
        response
    }

    /// `If-Match`: the tags of which one has to be the item's.
    pub fn if_match(&self) -> Option<String> {
        let value = self.headers.get(header::IF_MATCH)?.to_str().ok()?.trim();
        (!value.is_empty() && value != "*").then(|| value.to_owned())
    }
}

/// The body of a write.
pub(super) fn read_body(body: &[u8]) -> GraphResult<Value> {
    let unreadable = || {
        GraphError::new(
            400,
            "BadRequest",
            "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.",
        )
    };
    let value: Value = serde_json::from_slice(body).map_err(|_| unreadable())?;
    if value.is_object() { Ok(value) } else { Err(unreadable()) }
}
