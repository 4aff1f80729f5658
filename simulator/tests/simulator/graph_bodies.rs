//! Every body of Graph's side fits Microsoft's description of its type: each answer that any test here gets through
//! `Asking` is checked, inner answers of batches and errors too, and one broad scenario makes every route answer.
//! Notifications are checked by `Hook`.

use std::collections::BTreeSet;

use chrono::NaiveDateTime;
use reqwest::Method;
use serde_json::{Value, json};
use simone_simulator::Options;

use crate::graph_events_client::{EVA, MAX, Mail, PROPERTY, SPRING, escaped, lunch, text, yoga};
use crate::graph_schema::{fits, fits_page, fits_wrapped, part};
use crate::graph_support::{Hook, LEO};
use crate::support::{NOW, Reply, Sim, instant};

/// What a route answers when all is well.
#[derive(Clone, Copy)]
enum Body {
    Nothing,
    One(&'static str),
    Page(&'static str),
    /// The property of a type that the path ends with.
    Part(&'static str),
    Batch,
}

use Body::{Batch, Nothing, One, Page, Part};

/// Method, path, status, body. `{}` is any one segment.
type Route = (&'static str, String, u16, Body);

const FIXED: &[(&str, &str, u16, Body)] = &[
    ("POST", "/$batch", 200, Batch),
    ("GET", "/me", 200, One("user")),
    ("GET", "/users/{}", 200, One("user")),
    ("GET", "/me/mailboxSettings", 200, One("mailboxSettings")),
    ("GET", "/me/mailboxSettings/{}", 200, Part("mailboxSettings")),
    ("GET", "/me/outlook/supportedTimeZones", 200, Page("timeZoneInformation")),
    ("GET", "/me/outlook/supportedTimeZones/{}", 200, Page("timeZoneInformation")),
    ("GET", "/me/calendars", 200, Page("calendar")),
    ("POST", "/me/calendars", 201, One("calendar")),
    ("GET", "/me/calendarGroups", 200, Page("calendarGroup")),
    ("GET", "/me/calendarGroups/{}", 200, One("calendarGroup")),
    ("GET", "/me/calendarGroups/{}/calendars", 200, Page("calendar")),
    ("POST", "/me/calendarGroups/{}/calendars", 201, One("calendar")),
    ("POST", "/me/calendar/getSchedule", 200, Page("scheduleInformation")),
    ("GET", "/subscriptions", 200, Page("subscription")),
    ("POST", "/subscriptions", 201, One("subscription")),
    ("GET", "/subscriptions/{}", 200, One("subscription")),
    ("PATCH", "/subscriptions/{}", 200, One("subscription")),
    ("DELETE", "/subscriptions/{}", 204, Nothing),
    ("POST", "/subscriptions/{}/reauthorize", 204, Nothing),
];

/// How calendars are named: first the mailbox, as if it was one, and the default one, which cannot be deleted.
const CALENDARS: [&str; 4] =
    ["/me", "/me/calendar", "/me/calendars/{}", "/me/calendarGroups/{}/calendars/{}"];

const OF_CALENDAR: &[(&str, &str, u16, Body)] =
    &[("GET", "", 200, One("calendar")), ("PATCH", "", 200, One("calendar")), ("DELETE", "", 204, Nothing)];

const BELOW_CALENDAR: &[(&str, &str, u16, Body)] = &[
    ("GET", "/events", 200, Page("event")),
    ("POST", "/events", 201, One("event")),
    ("GET", "/events/{}", 200, One("event")),
    ("PATCH", "/events/{}", 200, One("event")),
    ("DELETE", "/events/{}", 204, Nothing),
    ("GET", "/events/{}/instances", 200, Page("event")),
    ("POST", "/events/{}/accept", 202, Nothing),
    ("POST", "/events/{}/tentativelyAccept", 202, Nothing),
    ("POST", "/events/{}/decline", 202, Nothing),
    ("POST", "/events/{}/cancel", 202, Nothing),
    ("POST", "/events/{}/forward", 202, Nothing),
    ("POST", "/events/{}/dismissReminder", 202, Nothing),
    ("POST", "/events/{}/snoozeReminder", 202, Nothing),
    ("GET", "/events/{}/extensions", 200, Page("extension")),
    ("POST", "/events/{}/extensions", 201, One("openTypeExtension")),
    ("GET", "/events/{}/extensions/{}", 200, One("openTypeExtension")),
    ("PATCH", "/events/{}/extensions/{}", 200, One("openTypeExtension")),
    ("DELETE", "/events/{}/extensions/{}", 204, Nothing),
    ("GET", "/calendarView", 200, Page("event")),
    ("GET", "/calendarView/delta", 200, Page("event")),
];

fn routes() -> Vec<Route> {
    let route = |prefix: &str, (method, path, status, body): &(&'static str, &str, u16, Body)| {
        (*method, format!("{prefix}{path}"), *status, *body)
    };
    let mut routes: Vec<Route> = FIXED.iter().map(|one| route("", one)).collect();
    routes.extend(OF_CALENDAR[..2].iter().map(|one| route(CALENDARS[1], one)));
    routes.extend(CALENDARS[2..].iter().flat_map(|prefix| OF_CALENDAR.iter().map(|one| route(prefix, one))));
    routes.extend(CALENDARS.iter().flat_map(|prefix| BELOW_CALENDAR.iter().map(|one| route(prefix, one))));
    routes
}

/// The segments of a path behind the version: keys and arguments in parentheses stand on their own (3).
fn segments(path: &str) -> Vec<String> {
    let path =
        path.get(..5).filter(|version| version.eq_ignore_ascii_case("/v1.0")).map_or(path, |_| &path[5..]);
    let mut segments = Vec::new();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        let plain = segment.replace("%28", "(").replace("%29", ")").replace("%27", "'").replace("%24", "$");
        let (name, argument) = plain.split_once('(').unwrap_or((&plain, ""));
        segments.push(name.trim_start_matches("microsoft.graph.").to_owned());
        let argument = argument.trim_end_matches(')').trim_end_matches('\'');
        if !argument.is_empty() {
            segments.push(argument.rsplit('\'').next().unwrap_or_default().to_owned());
        }
    }
    segments
}

fn matches(template: &str, given: &[String]) -> bool {
    let wanted: Vec<_> = template.split('/').skip(1).collect();
    wanted.len() == given.len()
        && wanted
            .iter()
            .zip(given)
            .all(|(wanted, given)| *wanted == "{}" || wanted.eq_ignore_ascii_case(given))
}

/// The route of a request, and the last segment of its path. `/users/{…}` with more behind it is the caller's `/me`.
fn route_of(method: &str, path: &str) -> (Option<Route>, String) {
    let mut given = segments(path);
    if given.len() > 2 && given[0].eq_ignore_ascii_case("users") {
        given.splice(..2, ["me".to_owned()]);
    }
    let found = routes()
        .into_iter()
        .filter(|(other, template, ..)| *other == method && matches(template, &given))
        .min_by_key(|(_, template, ..)| template.matches("{}").count());
    (found, given.pop().unwrap_or_default())
}

/// Checks an answer, and names the routes that have answered: of a batch, also those inside. `asked` is the body of the
/// request.
pub fn check(method: &str, path: &str, asked: &Value, reply: &Reply) -> Vec<String> {
    if reply.status >= 400 {
        let header = |name: &str| reply.headers.get(name).and_then(|value| value.to_str().ok());
        check_error(&reply.body, header("request-id"), header("client-request-id"));
        return Vec::new();
    }
    check_body(method, path, asked, reply.status, &reply.body)
}

fn check_body(method: &str, path: &str, asked: &Value, status: u16, body: &Value) -> Vec<String> {
    let (route, last) = route_of(method, path.split('?').next().unwrap_or_default());
    let Some((_, template, wanted, of)) = route else {
        panic!("{method} {path} has answered {status} and is no route that this test knows: {body}")
    };
    assert_eq!(status, wanted, "{method} {path}");
    let mut answered = vec![format!("{method} {template}")];
    match of {
        Nothing => assert_eq!(body, "", "{method} {path}"),
        One(of) => fits(of, body),
        Page(of) => fits_page(of, body),
        Part(whole) => match part(whole, &last) {
            (of, true) => fits(of.trim_start_matches("graph."), body),
            // Null alone would be of no type.
            _ if body.get("value") == Some(&Value::Null) => fits(whole, &json!({last: null})),
            (of, false) => fits_wrapped(of, body),
        },
        Batch => answered.extend(check_batch(asked, body)),
    }
    answered
}

/// The answers of a batch, each by the request that it is for (10).
fn check_batch(asked: &Value, body: &Value) -> Vec<String> {
    assert_eq!(keys(body), ["responses"]);
    let responses = body["responses"].as_array().unwrap();
    let requests = asked["requests"].as_array().unwrap();
    assert_eq!(responses.len(), requests.len(), "an answer each: {body}");
    let mut answered = Vec::new();
    for response in responses {
        let known = ["body", "headers", "id", "status"];
        assert!(keys(response).iter().all(|name| known.contains(name)), "{response}");
        let request =
            requests.iter().find(|one| one["id"] == response["id"]).expect("a request for each answer");
        let status = u16::try_from(response["status"].as_u64().unwrap()).unwrap();
        let headers = response["headers"].as_object().unwrap();
        assert!(headers.values().all(Value::is_string), "{response}");
        let header = |name: &str| headers.get(name).and_then(Value::as_str);
        if status >= 400 {
            check_error(&response["body"], header("request-id"), header("client-request-id"));
            continue;
        }
        let (method, url) = (text(&request["method"]), text(&request["url"]));
        let inner = response.get("body").cloned().unwrap_or_else(|| "".into());
        answered.extend(check_body(&method, &url, &request["body"], status, &inner));
    }
    answered
}

/// Errors have Graph's envelope (3.2), which its description of types leaves out
/// (`https://learn.microsoft.com/graph/errors`). A fault's page has none.
fn check_error(body: &Value, request: Option<&str>, client: Option<&str>) {
    if body.as_str().is_some_and(|page| page.starts_with("<!DOCTYPE HTML")) {
        return;
    }
    assert_eq!(keys(body), ["error"], "{body}");
    let error = &body["error"];
    assert_eq!(keys(error), ["code", "innerError", "message"], "{body}");
    assert!(error["code"].as_str().is_some_and(|code| !code.is_empty()), "{body}");
    assert!(error["message"].is_string(), "{body}");
    let inner = &error["innerError"];
    assert_eq!(keys(inner), ["client-request-id", "date", "request-id"], "{body}");
    let date = inner["date"].as_str().unwrap_or_default();
    assert!(NaiveDateTime::parse_from_str(date, "%Y-%m-%dT%H:%M:%S").is_ok(), "{body}");
    for (name, header) in [("request-id", request), ("client-request-id", client)] {
        let said = inner[name].as_str().unwrap_or_else(|| panic!("{name} is no text: {body}"));
        // What was not carried out in a batch has no headers of its own.
        assert!(header.is_none_or(|header| header == said), "{name} is {header:?}: {body}");
    }
}

/// In alphabetical order; none of what is no object.
fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = value.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn an_error_of_another_shape_is_found() {
    let inner = json!({"date": "2027-03-19T08:00:00", "request-id": "r", "client-request-id": "c"});
    let error = |error: Value| std::panic::catch_unwind(|| check_error(&error, Some("r"), Some("c"))).is_ok();
    let with = |inner: &Value, name: &str, value: &str| {
        let mut inner = inner.clone();
        inner[name] = value.into();
        json!({"error": {"code": "C", "message": "", "innerError": inner}})
    };
    assert!(error(with(&inner, "request-id", "r")));
    for wrong in [
        json!({"error": {"code": "", "message": "", "innerError": inner}}),
        json!({"error": {"code": "C", "message": 1, "innerError": inner}}),
        json!({"error": {"code": "C", "message": "", "innerError": {}}}),
        json!({"error": {"code": "C", "message": "", "innerError": inner, "status": 400}}),
        with(&inner, "date", "now"),
        with(&inner, "request-id", "x"),
        with(&inner, "client-request-id", "x"),
        json!({"error": "invalid_grant"}),
        json!("lost"),
    ] {
        assert!(!error(wrong.clone()), "{wrong}");
    }
}

#[tokio::test]
async fn demo_bodies_fit_microsofts_schema() {
    let sim = Sim::with(Options { now: Some(instant(NOW)), demo: true, ..Options::default() }).await;
    let accounts = sim.observe("accounts").await;
    let tokens = accounts.as_array().unwrap().iter().filter(|one| one["platform"] == "outlook");
    let mut seen = 0;
    for token in tokens.map(|one| text(&one["access_token"])) {
        let get = async |path: &str| {
            let reply = sim.graph_get_as(&token, path).await;
            assert_eq!(reply.status, 200, "{path}: {}", reply.body);
            reply.body
        };
        for path in
            ["/me", "/me/mailboxSettings", "/me/calendarGroups", "/me/calendar", "/me/events?$top=100"]
        {
            get(path).await;
        }
        for calendar in get("/me/calendars?$top=100").await["value"].as_array().unwrap() {
            let path = format!("/me/calendars/{}", escaped(&text(&calendar["id"])));
            get(&format!("{path}/events?$top=100&$expand=extensions,exceptionOccurrences,calendar")).await;
            let view = get(&format!("{path}/calendarView?{SPRING}&$top=1000")).await;
            seen += view["value"].as_array().unwrap().len();
            get(&format!("{path}/calendarView/delta?{SPRING}")).await;
        }
    }
    assert!(seen > 10, "{seen} events");
}

/// A request that must succeed.
async fn done(mail: &Mail, method: &str, path: &str, body: Value) -> Value {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let reply = match method {
        Method::GET | Method::DELETE => mail.request(method, path).send().await,
        _ => mail.send(method, path, body).await,
    };
    assert!((200..300).contains(&reply.status), "{path}: {}", reply.body);
    reply.body
}

async fn get(mail: &Mail, path: &str) -> Value {
    done(mail, "GET", path, Value::Null).await
}

fn rich() -> Value {
    let mut event = yoga();
    for (name, value) in [
        ("body", json!({"contentType": "html", "content": "<b>bold</b>"})),
        (
            "location",
            json!({"displayName": "Bar", "address": {"city": "Paris"}, "coordinates": {"latitude": 48.8}}),
        ),
        ("attendees", json!([{"emailAddress": {"address": MAX, "name": "Max"}, "type": "optional"}])),
        ("categories", json!(["Red"])),
        ("isOnlineMeeting", json!(true)),
        ("reminderMinutesBeforeStart", json!(5)),
        ("sensitivity", json!("private")),
        ("showAs", json!("workingElsewhere")),
        ("transactionId", json!("once")),
        ("singleValueExtendedProperties", json!([{"id": PROPERTY, "value": "x"}])),
    ] {
        event[name] = value;
    }
    event
}

/// Everything that there is below a calendar.
async fn below(mail: &Mail, calendar: &str) {
    let events = format!("{calendar}/events");
    let delta = get(mail, &format!("{calendar}/calendarView/delta?{SPRING}")).await;
    let mut event = rich();
    event["transactionId"] = calendar.into();
    let made = done(mail, "POST", &events, event).await;
    let path = format!("{events}/{}", escaped(&text(&made["id"])));
    let extension =
        json!({"@odata.type": "microsoft.graph.openTypeExtension", "extensionName": "a.b", "n": 1});
    done(mail, "POST", &format!("{path}/extensions"), extension).await;
    get(mail, &format!("{path}/extensions")).await;
    get(mail, &format!("{path}/extensions/a.b")).await;
    done(mail, "PATCH", &format!("{path}/extensions/a.b"), json!({"n": {"m": [null]}})).await;
    let instances = get(mail, &format!("{path}/instances?{SPRING}")).await;
    let occurrence =
        |number: usize| format!("{events}/{}", escaped(&text(&instances["value"][number]["id"])));
    done(mail, "PATCH", &occurrence(1), json!({"subject": "Not as the others"})).await;
    done(mail, "DELETE", &occurrence(2), Value::Null).await;
    get(mail, &occurrence(1)).await;
    let property = escaped(&format!("singleValueExtendedProperties($filter=id eq '{PROPERTY}')"));
    let expand = format!(
        "$expand=extensions,calendar,exceptionOccurrences,attachments,multiValueExtendedProperties,{property}"
    );
    for query in ["", &expand, "$select=id,cancelledOccurrences,recurrence"] {
        get(mail, &format!("{path}?{query}")).await;
    }
    for query in [expand.as_str(), "$count=true&$top=1", "$select=subject,onlineMeeting,isOnlineMeeting"] {
        get(mail, &format!("{events}?{query}")).await;
        get(mail, &format!("{calendar}/calendarView?{SPRING}&{query}")).await;
    }
    done(mail, "PATCH", &path, json!({"subject": "R"})).await;
    done(mail, "POST", &format!("{path}/dismissReminder"), json!({})).await;
    done(mail, "POST", &format!("{path}/snoozeReminder"), json!({"newReminderTime": lunch()["start"]})).await;
    let forwarded = json!({"toRecipients": [{"emailAddress": {"address": MAX}}]});
    done(mail, "POST", &format!("{path}/forward"), forwarded).await;
    for answer in ["accept", "tentativelyAccept", "decline"] {
        let invited = mail.edit(json!({"do": "invite", "from": MAX, "event": lunch()})).await;
        let invited = format!("{events}/{}", escaped(&text(&invited["id"])));
        done(mail, "POST", &format!("{invited}/{answer}"), json!({})).await;
        if answer != "decline" {
            get(mail, &invited).await;
        }
    }
    let link = text(&delta["@odata.deltaLink"]);
    let link = text(&get(mail, &link).await["@odata.deltaLink"]);
    done(mail, "DELETE", &format!("{path}/extensions/a.b"), Value::Null).await;
    done(mail, "POST", &format!("{path}/cancel"), json!({})).await;
    let brief = done(mail, "POST", &events, lunch()).await;
    done(mail, "DELETE", &format!("{events}/{}", escaped(&text(&brief["id"]))), Value::Null).await;
    assert!(
        get(mail, &link).await["value"].as_array().unwrap().iter().any(|one| one.get("@removed").is_some())
    );
}

async fn mailbox_and_profile(mail: &Mail) {
    for setting in
        ["", "/archiveFolder", "/automaticRepliesSetting", "/dateFormat", "/language", "/timeFormat"]
    {
        get(mail, &format!("/me/mailboxSettings{setting}")).await;
    }
    for setting in ["delegateMeetingMessageDeliveryOptions", "timeZone", "userPurpose", "workingHours"] {
        get(mail, &format!("/me/mailboxSettings/{setting}")).await;
    }
    let zones = "/me/outlook/supportedTimeZones";
    get(mail, zones).await;
    get(mail, &format!("{zones}(TimeZoneStandard=microsoft.graph.timeZoneStandard'Iana')")).await;
    get(mail, "/me?$select=id,businessPhones,mail").await;
    let asked = json!({
        "schedules": [EVA, "nobody@contoso.test"], "startTime": lunch()["start"], "endTime": lunch()["end"],
    });
    mail.made(lunch()).await;
    let told = done(mail, "POST", "/me/calendar/getSchedule", asked).await;
    assert!(told["value"][0]["scheduleItems"][0].is_object() && told["value"][1]["error"].is_object());
    // Of a colleague, with a token that allows it.
    let code = mail.sim.consented(EVA, &[("scope", "openid User.ReadBasic.All")]).await;
    let token = text(&mail.sim.exchanged(&code, &[]).await.body["access_token"]);
    let colleague = mail.sim.graph_get_as(&token, &format!("/users/{MAX}")).await;
    assert_eq!(colleague.body["mail"], MAX, "{}", colleague.body);
}

async fn subscriptions(mail: &mut Mail) {
    let hook = Hook::start().await;
    let said = json!({
        "changeType": "created,updated,deleted", "resource": "me/events", "clientState": "s3cret",
        "notificationUrl": hook.address, "lifecycleNotificationUrl": hook.address,
        "expirationDateTime": "2027-03-25T08:00:00Z",
    });
    let made = done(mail, "POST", "/subscriptions", said.clone()).await;
    let path = format!("/subscriptions/{}", text(&made["id"]));
    get(mail, "/subscriptions").await;
    get(mail, &path).await;
    done(mail, "PATCH", &path, json!({"expirationDateTime": "2027-03-25T09:00:00Z"})).await;
    done(mail, "POST", &format!("{path}/reauthorize"), json!({})).await;
    mail.made(lunch()).await;
    hook.heard(1).await;
    let missed = json!({"event": "missed", "account": EVA});
    mail.sim.control("subscriptions/lifecycle", missed).await;
    assert_eq!(hook.heard(2).await[1]["value"][0]["lifecycleEvent"], "missed");
    hook.forget();
    done(mail, "DELETE", &path, Value::Null).await;
    // A personal account is of no tenant.
    let theirs = mail.add(LEO, json!({"personal": true})).await;
    let own = std::mem::replace(&mut mail.token, theirs);
    done(mail, "POST", "/subscriptions", said).await;
    mail.made(lunch()).await;
    hook.heard(1).await;
    mail.token = own;
}

async fn batch(mail: &Mail) {
    let requests = json!([
        {"id": "1", "method": "GET", "url": "/me/calendarView?".to_owned() + SPRING},
        {"id": "2", "method": "POST", "url": "/me/calendars", "headers": {"Content-Type": "application/json"},
         "body": {"name": "Of a batch"}},
        {"id": "3", "method": "GET", "url": "/me/events/nothing"},
        {"id": "4", "method": "GET", "url": "/me", "dependsOn": ["3"]},
    ]);
    let told = done(mail, "POST", "/$batch", json!({"requests": requests})).await;
    let mut statuses: Vec<_> =
        told["responses"].as_array().unwrap().iter().map(|one| one["status"].as_u64().unwrap()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 201, 400, 424]);
}

#[tokio::test]
async fn every_routes_body_fits_microsofts_schema() {
    let mut mail = Mail::start().await;
    mail.add(MAX, json!({})).await;
    mailbox_and_profile(&mail).await;

    let groups = get(&mail, "/me/calendarGroups").await;
    let group = format!("/me/calendarGroups/{}", escaped(&text(&groups["value"][0]["id"])));
    get(&mail, &group).await;
    let default = format!("calendars/{}", escaped(&text(&get(&mail, "/me/calendar").await["id"])));
    let named = [format!("/me/{default}"), format!("{group}/{default}")];
    for calendar in ["/me", "/me/calendar", &named[0], &named[1]] {
        if calendar != "/me" {
            get(&mail, calendar).await;
            done(&mail, "PATCH", calendar, json!({"color": "lightTeal"})).await;
        }
        below(&mail, calendar).await;
    }
    for parent in ["/me", &group] {
        let calendars = format!("{parent}/calendars");
        let made = done(&mail, "POST", &calendars, json!({"name": parent})).await;
        get(&mail, &format!("{calendars}?$count=true&$top=1")).await;
        done(&mail, "DELETE", &format!("{calendars}/{}", escaped(&text(&made["id"]))), Value::Null).await;
    }
    // One of somebody else's stands among one's own.
    mail.edit(json!({"do": "share_calendar", "from": MAX, "calendar": "primary", "can_edit": true})).await;
    get(&mail, "/me/calendars").await;
    batch(&mail).await;
    subscriptions(&mut mail).await;

    let answered = std::mem::take(&mut *mail.sim.answered.lock().unwrap());
    let all: BTreeSet<String> =
        routes().into_iter().map(|(method, template, ..)| format!("{method} {template}")).collect();
    assert_eq!(answered, all, "each route has answered");
}
