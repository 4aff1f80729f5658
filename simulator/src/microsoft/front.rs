//! What Graph's front end does to each request and answer: names in their usual letters, `/users/{me}` as `/me`, ids for
//! finding it again (3).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use axum::middleware::Next;
use axum::response::Response;
use chrono::{DateTime, Utc};

use super::guard::bearer_of;
use super::ids::guid;
use crate::google::decoded_path;
use crate::simulator::Simulator;

/// Segments whose letters count in any case, as they are documented.
const NAMES: [&str; 42] = [
    "$batch",
    "$count",
    "$metadata",
    "$value",
    "accept",
    "allowedCalendarSharingRoles",
    "attachments",
    "calendar",
    "calendarGroup",
    "calendarGroups",
    "calendarPermissions",
    "calendarView",
    "calendars",
    "cancel",
    "dateFormat",
    "decline",
    "delta",
    "dismissReminder",
    "events",
    "exceptionOccurrences",
    "extensions",
    "forward",
    "getSchedule",
    "instances",
    "language",
    "mailFolders",
    "mailboxSettings",
    "me",
    "messages",
    "multiValueExtendedProperties",
    "organization",
    "outlook",
    "reauthorize",
    "singleValueExtendedProperties",
    "snoozeReminder",
    "subscriptions",
    "supportedTimeZones",
    "tentativelyAccept",
    "timeFormat",
    "timeZone",
    "users",
    "workingHours",
];

/// What comes after one of these is an id, unless it is one of `NOT_IDS`.
const COLLECTIONS: [&str; 10] = [
    "attachments",
    "calendarGroups",
    "calendarPermissions",
    "calendarView",
    "calendars",
    "events",
    "extensions",
    "instances",
    "subscriptions",
    "users",
];
const NOT_IDS: [&str; 3] = ["delta", "$count", "microsoft.graph.delta"];

/// Query options whose letters count in any case; those of OData also without their `$`.
const OPTIONS: [&str; 13] = [
    "$count",
    "$deltatoken",
    "$expand",
    "$filter",
    "$orderby",
    "$search",
    "$select",
    "$skip",
    "$skiptoken",
    "$top",
    "endDateTime",
    "startDateTime",
    "$format",
];

const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// What stands behind `/v1.0`, slash and all.
pub(crate) fn behind_version(path: &str) -> Option<&str> {
    let version = path.get(..5)?;
    let rest = path.get(5..)?;
    (version.eq_ignore_ascii_case("/v1.0") && (rest.is_empty() || rest.starts_with('/'))).then_some(rest)
}

/// Brings a request for Graph into the form in which the routes, the faults and the log know it. This comes before the
/// routes are looked at.
pub(crate) async fn tidy(State(simulator): State<Arc<Simulator>>, mut request: Request) -> Request {
    let Some(rest) = behind_version(request.uri().path()) else { return request };
    let mut segments = tidied(rest);
    let by_name = segments.len() >= 2 && segments[0] == "users";
    if by_name && is_caller(&simulator, request.headers(), &segments[1]) {
        segments.splice(..2, ["me".to_owned()]);
    }
    let (query, id) = tidied_query(request.uri().query().unwrap_or_default());
    let mut target = format!("/v1.0/{}", segments.join("/"));
    if !query.is_empty() {
        target.push('?');
        target.push_str(&query);
    }
    if let Ok(uri) = target.parse::<Uri>() {
        *request.uri_mut() = uri;
    }
    if let Some(value) = id.and_then(|id| HeaderValue::from_str(&id).ok()) {
        request.headers_mut().entry(CLIENT_REQUEST_ID).or_insert(value);
    }
    request
}

fn is_caller(simulator: &Simulator, headers: &HeaderMap, name: &str) -> bool {
    let world = simulator.world();
    let name = decoded_path(name);
    let directory = &world.microsoft.directory;
    bearer_of(headers)
        .and_then(|token| directory.access_token(token, world.now()))
        .and_then(|access| directory.account(&access.account))
        .is_some_and(|account| {
            account.id.eq_ignore_ascii_case(&name) || account.email.eq_ignore_ascii_case(&name)
        })
}

/// Still percent-encoded.
fn tidied(path: &str) -> Vec<String> {
    let mut segments: Vec<String> = Vec::new();
    // The segment before names a collection: this one is an id.
    let mut in_collection = false;
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        let plain = segment.replace("%28", "(").replace("%29", ")").replace("%27", "'").replace("%24", "$");
        let bare = plain.split('(').next().unwrap_or_default();
        if in_collection && !NOT_IDS.iter().any(|name| name.eq_ignore_ascii_case(bare)) {
            segments.push(segment.to_owned());
            in_collection = false;
            continue;
        }
        let bare = match bare.get(..16) {
            Some(start) if start.eq_ignore_ascii_case("microsoft.graph.") => &bare[16..],
            _ => bare,
        };
        let name = NAMES.iter().find(|name| name.eq_ignore_ascii_case(bare));
        let Some(&name) = name else {
            segments.push(segment.to_owned());
            in_collection = false;
            continue;
        };
        segments.push(name.to_owned());
        in_collection = COLLECTIONS.contains(&name);
        let argument = plain.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or_default();
        if let Some(key) = argument.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
            segments.push(key.replace("''", "'"));
            in_collection = false;
        } else if let Some((_, kind)) = argument.split_once('=') {
            // `supportedTimeZones(TimeZoneStandard=microsoft.graph.timeZoneStandard'Iana')`
            let kind = kind.trim_end_matches('\'').rsplit('\'').next().unwrap_or_default();
            segments.push(kind.to_owned());
        }
    }
    segments
}

/// The query with names in their usual letters, and the id that a client gave its request there.
fn tidied_query(query: &str) -> (String, Option<String>) {
    let mut id = None;
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let plain = name.replace("%24", "$");
        if plain.eq_ignore_ascii_case("client-request-id") {
            id = url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned());
            continue;
        }
        let known = OPTIONS.iter().find(|option| {
            option.eq_ignore_ascii_case(&plain)
                || option.strip_prefix('$').is_some_and(|option| option.eq_ignore_ascii_case(&plain))
        });
        match known {
            Some(option) => kept.push(format!("{option}={value}")),
            None => kept.push(pair.to_owned()),
        }
    }
    (kept.join("&"), id)
}

/// What an answer is found again by.
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    pub request: String,
    pub client: String,
    pub at: DateTime<Utc>,
}

tokio::task_local! {
    /// Of the request in hand, for errors, which name it.
    static IDS: Ids;
}

/// Of the request in hand, if it is one of Graph's.
pub(crate) fn ids() -> Option<Ids> {
    IDS.try_with(Clone::clone).ok()
}

/// Gives each request to Graph an id, and sends it along with the answer.
pub(crate) async fn identify(
    State(simulator): State<Arc<Simulator>>,
    request: Request,
    next: Next,
) -> Response {
    if behind_version(request.uri().path()).is_none() {
        return next.run(request).await;
    }
    let ids = {
        let mut world = simulator.world();
        let id = guid(&mut world.rng);
        let given = request.headers().get(CLIENT_REQUEST_ID).and_then(|id| id.to_str().ok());
        Ids { client: given.unwrap_or(&id).to_owned(), request: id, at: world.now() }
    };
    let mut response = IDS.scope(ids.clone(), next.run(request)).await;
    let headers = response.headers_mut();
    for (name, value) in [(REQUEST_ID, &ids.request), (CLIENT_REQUEST_ID, &ids.client)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    headers.insert("x-ms-ags-diagnostic", HeaderValue::from_static(DIAGNOSTIC));
    headers.insert("odata-version", HeaderValue::from_static("4.0"));
    response
}

const DIAGNOSTIC: &str = "{\"ServerInfo\":{\"DataCenter\":\"Simulated\",\"Slice\":\"E\",\"Ring\":\"5\",\"ScaleUnit\":\"000\",\
                          \"RoleInstance\":\"SIM\"}}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_brought_into_one_form() {
        let tidy = |path: &str| tidied(path).join("/");
        assert_eq!(tidy("/Me/Calendars/AbC=/CalendarView/delta()"), "me/calendars/AbC=/calendarView/delta");
        assert_eq!(tidy("/me/calendars('A%2Fb=')/events('x')/"), "me/calendars/A%2Fb=/events/x");
        assert_eq!(tidy("/me/calendars%28%27A%27%29"), "me/calendars/A");
        assert_eq!(tidy("/me/calendars/Events/events/me"), "me/calendars/Events/events/me");
        assert_eq!(tidy("/users('ana@x')/calendar"), "users/ana@x/calendar");
        assert_eq!(tidy("/me/events/x/microsoft.graph.Accept"), "me/events/x/accept");
        assert_eq!(tidy("/me/calendarview/microsoft.graph.delta()"), "me/calendarView/delta");
        assert_eq!(
            tidy("/me/outlook/supportedTimeZones(TimeZoneStandard=microsoft.graph.timeZoneStandard'Iana')"),
            "me/outlook/supportedTimeZones/Iana"
        );
        assert_eq!(
            tidy("/me/calendarGroups/calendars/calendars/events/events"),
            "me/calendarGroups/calendars/calendars/events/events"
        );
        assert_eq!(tidy("//me//é"), "me/é");
    }

    #[test]
    fn options_are_named_in_any_letters() {
        let (query, id) = tidied_query("$Top=5&STARTDATETIME=a%2Bb&select=id&Client-Request-Id=a%20b&x=1");
        assert_eq!(query, "$top=5&startDateTime=a%2Bb&$select=id&x=1");
        assert_eq!(id.as_deref(), Some("a b"));
    }
}
