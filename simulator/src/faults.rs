//! Faults: what goes wrong, for which requests, when and how often.
//!
//! Some faults answer in place of the platform, some spoil its answer on the way out, and some are looked up
//! by the handler that they concern.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::clock::pause;
use crate::connection::Connection;
use crate::google;
use crate::microsoft;
use crate::microsoft::batch::InBatch;
use crate::simulator::Simulator;
use crate::{push, requests};

/// The largest request that is read.
pub(crate) const LARGEST: usize = 2 * 1024 * 1024;

/// One fault as it is set and listed. See the README for each kind.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    /// Given by the simulator.
    #[serde(default)]
    pub id: u64,
    pub kind: Kind,

    // Which requests: all that match every pattern given. `*` stands for anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Of the percent-decoded path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// A part of the raw query, such as `pageToken=`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<String>,

    // When and how often.
    /// How many matching requests pass first.
    #[serde(default)]
    pub after: u64,
    /// How many it strikes then; `null`: all.
    #[serde(default = "once")]
    pub times: Option<u64>,
    /// How many requests have matched.
    #[serde(default)]
    pub matched: u64,
    /// How many it has struck.
    #[serde(default)]
    pub struck: u64,

    // What is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Seconds, or an HTTP date, sent as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<String>,
    /// An HTML page instead of JSON.
    #[serde(default)]
    pub html: bool,
    /// Milliseconds of real time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
    /// The largest page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_subtype: Option<String>,
}

fn once() -> Option<u64> {
    Some(1)
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Answers `status` with the platform's error body; nothing is done.
    Status,
    /// Answers the token endpoint's error body; nothing is done. (Of Microsoft's, `error_subtype` is the `suberror`.)
    OauthError,
    /// The connection is reset; nothing is done.
    ResetBefore,
    /// The request is carried out, then the connection is reset: the answer is lost.
    ResetAfter,
    /// The request is carried out at once, the answer comes after `ms` of real time.
    Slow,
    /// The connection is cut in the middle of the answer.
    Truncated,
    /// The answer is whole but its JSON is broken.
    Garbled,
    /// A page without items whose `nextPageToken` leads on.
    EmptyPage,
    /// A complete answer without items, with a fresh `nextSyncToken`, although there are some.
    EmptyListing,
    /// No page has more than `size` items.
    SmallPages,
    /// The code exchange returns no refresh token.
    NoRefreshToken,
    /// An incremental listing of events does not know the latest changes yet: no items, and the same token.
    StaleListing,
    /// A push message is not sent.
    PushLost,
    /// A push message is sent twice.
    PushTwice,
    /// A push message is sent after `ms` of real time, so that a later one can overtake it.
    PushLate,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Status => "status",
            Kind::OauthError => "oauth_error",
            Kind::ResetBefore => "reset_before",
            Kind::ResetAfter => "reset_after",
            Kind::Slow => "slow",
            Kind::Truncated => "truncated",
            Kind::Garbled => "garbled",
            Kind::EmptyPage => "empty_page",
            Kind::EmptyListing => "empty_listing",
            Kind::SmallPages => "small_pages",
            Kind::NoRefreshToken => "no_refresh_token",
            Kind::StaleListing => "stale_listing",
            Kind::PushLost => "push_lost",
            Kind::PushTwice => "push_twice",
            Kind::PushLate => "push_late",
        }
    }

    /// Concerns what the platform sends, not what it is asked.
    fn is_push(self) -> bool {
        matches!(self, Kind::PushLost | Kind::PushTwice | Kind::PushLate)
    }

    /// Nothing that comes later in the list can strike a request that this answers.
    fn answers_alone(self) -> bool {
        matches!(self, Kind::Status | Kind::OauthError | Kind::ResetBefore)
    }
}

/// What is known of a request before it is carried out.
pub(crate) struct Subject<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub query: &'a str,
    pub account: Option<&'a str>,
    pub calendar: Option<&'a str>,
    /// It is a push message: the path is that of the watched resource.
    pub push: bool,
}

#[derive(Default)]
pub(crate) struct Faults {
    next: u64,
    list: Vec<Fault>,
}

impl Faults {
    /// The fault with its id, or what is wrong with it.
    pub fn add(&mut self, mut fault: Fault) -> Result<Fault, String> {
        match fault.kind {
            Kind::Status if fault.status.is_none_or(|status| StatusCode::from_u16(status).is_err()) => {
                return Err("a fault of kind `status` needs a `status` from 100 to 999".to_owned());
            }
            Kind::OauthError if fault.error.is_none() => {
                return Err("a fault of kind `oauth_error` needs an `error`".to_owned());
            }
            Kind::OauthError if fault.status.is_some_and(|status| StatusCode::from_u16(status).is_err()) => {
                return Err("`status` is not an HTTP status".to_owned());
            }
            Kind::Slow | Kind::PushLate if fault.ms.is_none() => {
                return Err(format!("a fault of kind `{}` needs `ms`", fault.kind.name()));
            }
            Kind::SmallPages if fault.size.is_none_or(|size| size == 0) => {
                return Err("a fault of kind `small_pages` needs a `size` of at least 1".to_owned());
            }
            _ => {}
        }
        if fault.retry_after.as_deref().is_some_and(|value| HeaderValue::from_str(value).is_err()) {
            return Err("`retry_after` cannot stand in a header".to_owned());
        }
        self.next += 1;
        fault.id = self.next;
        fault.matched = 0;
        fault.struck = 0;
        self.list.push(fault.clone());
        Ok(fault)
    }

    pub fn list(&self) -> &[Fault] {
        &self.list
    }

    pub fn clear(&mut self) {
        self.list.clear();
    }

    pub fn remove(&mut self, id: u64) -> bool {
        let before = self.list.len();
        self.list.retain(|fault| fault.id != id);
        self.list.len() < before
    }

    /// The faults that strike this request, in the order in which they were set.
    pub fn strike(&mut self, subject: &Subject<'_>) -> Vec<Fault> {
        let mut struck = Vec::new();
        for fault in self.list.iter_mut().filter(|fault| fault.matches(subject)) {
            fault.matched += 1;
            if fault.matched <= fault.after || fault.times.is_some_and(|times| fault.struck >= times) {
                continue;
            }
            fault.struck += 1;
            struck.push(fault.clone());
            if fault.kind.answers_alone() {
                break;
            }
        }
        struck
    }
}

impl Fault {
    fn matches(&self, subject: &Subject<'_>) -> bool {
        let fits = |pattern: &Option<String>, value: Option<&str>| match (pattern, value) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(pattern), Some(value)) => glob(pattern, value),
        };
        self.kind.is_push() == subject.push
            && fits(&self.method, Some(subject.method))
            && fits(&self.path, Some(subject.path))
            && fits(&self.account, subject.account)
            && fits(&self.calendar, subject.calendar)
            && self.query.as_ref().is_none_or(|part| subject.query.contains(part.as_str()))
    }
}

/// `*` stands for anything, also nothing; the rest is literal.
fn glob(pattern: &str, value: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = value.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// The faults that strike the request in hand, for handlers.
#[derive(Clone, Default)]
pub(crate) struct Struck(Arc<Vec<Fault>>);

impl Struck {
    pub fn has(&self, kind: Kind) -> bool {
        self.0.iter().any(|fault| fault.kind == kind)
    }

    pub fn smallest_page(&self) -> Option<usize> {
        self.0.iter().filter(|fault| fault.kind == Kind::SmallPages).filter_map(|fault| fault.size).min()
    }
}

/// Reads the request, lets faults strike, has it carried out, and notes it in the log.
pub(crate) async fn apply(
    State(simulator): State<Arc<Simulator>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST).await else {
        return (StatusCode::PAYLOAD_TOO_LARGE, "Request too large").into_response();
    };
    let method = parts.method.as_str().to_owned();
    let path = google::decoded_path(parts.uri.path());
    let query = parts.uri.query().unwrap_or_default().to_owned();

    let of_microsoft = microsoft::serves(&path);
    let batch = parts.extensions.get::<InBatch>().is_some();
    // A request has its place until its answer has left, however late that is.
    let place = microsoft::throttle::enter(&simulator, &parts.headers, &path);
    let (account, struck) = {
        let mut world = simulator.world();
        let (account, calendar) = if of_microsoft {
            world.microsoft.whose(&parts.headers, parts.uri.path(), &body)
        } else {
            google::whose(&world.google, &parts.headers, &path, &query, &body)
        };
        let subject = Subject {
            method: &method,
            path: &path,
            query: &query,
            account: account.as_deref(),
            calendar: calendar.as_deref(),
            push: false,
        };
        let struck = world.faults.strike(&subject);
        (account, struck)
    };

    let names: Vec<_> = struck.iter().map(|fault| fault.kind.name()).collect();
    let note = |status: u16, account: Option<String>| {
        let mut world = simulator.world();
        let at = world.now();
        world.requests.push(requests::Entry {
            number: 0,
            at,
            method: method.clone(),
            path: path.clone(),
            query: requests::without_secrets(&query),
            status,
            account,
            faults: names.clone(),
            batch,
        });
    };

    let _place = match place {
        Ok(place) => place,
        Err(error) => {
            note(error.status.as_u16(), account);
            return error.into_response();
        }
    };
    let delay: u64 =
        struck.iter().filter(|fault| fault.kind == Kind::Slow).filter_map(|fault| fault.ms).sum();
    if let Some(fault) = struck.iter().find(|fault| fault.kind.answers_alone()) {
        let response = match fault.kind {
            Kind::ResetBefore => {
                note(0, account);
                pause(Duration::from_millis(delay)).await;
                connection.cut();
                return StatusCode::OK.into_response();
            }
            _ if of_microsoft => microsoft::errors::from_fault(fault, path.ends_with("/token")),
            _ => google::errors::from_fault(fault),
        };
        note(response.status().as_u16(), account);
        pause(Duration::from_millis(delay)).await;
        return response;
    }

    let struck = Struck(Arc::new(struck));
    parts.extensions.insert(struck.clone());
    let response = next.run(Request::from_parts(parts, Body::from(body.clone()))).await;
    if of_microsoft && response.status().is_success() {
        microsoft::guests::note(&mut simulator.world(), account.as_deref(), &method, &path, &body);
    }
    let lost = struck.has(Kind::ResetAfter);
    note(if lost { 0 } else { response.status().as_u16() }, account);
    if delay > 0 {
        if of_microsoft {
            // What was done is told when it is done, which may be before whoever did it hears of it.
            push::send_due(&simulator);
        }
        pause(Duration::from_millis(delay)).await;
    }
    if lost {
        connection.cut();
        return response;
    }
    if struck.has(Kind::Garbled) {
        return garbled(response).await;
    }
    if struck.has(Kind::Truncated) {
        return truncated(response, connection).await;
    }
    response
}

async fn whole(response: Response) -> (axum::http::response::Parts, Bytes) {
    let (parts, body) = response.into_parts();
    // Our own bodies are in memory: reading them does not fail.
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    (parts, body)
}

async fn garbled(response: Response) -> Response {
    let (mut parts, _) = whole(response).await;
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.remove(header::CONTENT_ENCODING);
    Response::from_parts(parts, Body::from("{\"kind\": \"calendar#events\", \"items\": [{\"id\": \"a\", "))
}

async fn truncated(response: Response, connection: Connection) -> Response {
    let (mut parts, body) = whole(response).await;
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    let half = body.slice(..body.len() / 2);
    let first = futures::stream::once(async move { Ok::<_, std::io::Error>(half) });
    let then = futures::stream::once(async move {
        // The first half must have left before the connection is cut.
        pause(Duration::from_millis(20)).await;
        connection.cut();
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
    });
    Response::from_parts(parts, Body::from_stream(futures::StreamExt::chain(first, then)))
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn a_star_stands_for_anything() {
        assert!(glob("/token", "/token"));
        assert!(!glob("/token", "/token/x"));
        assert!(glob("*/events", "/calendar/v3/calendars/a@b/events"));
        assert!(glob("*/calendars/*/events*", "/calendar/v3/calendars/a@b/events/x"));
        assert!(!glob("*/calendars/*/events", "/calendar/v3/calendars/a@b/events/x"));
        assert!(glob("*", ""));
        assert!(!glob("a*a", "a"));
    }
}
