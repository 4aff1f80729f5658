//! All that the API's document names, walked: without a token, with a neighbour's, and with what nobody should send.

use crate::support::api::{Answer, Api, Ids, Operation};
use crate::support::bookings::{booking, open_for_booking};
use crate::support::browser::{Browser, Consent};
use crate::support::schema::fits;
use crate::support::{ACCOUNT, CAMILLE, Stage, add_account, on_both};
use reqwest::header::{ALLOW, CONTENT_TYPE, COOKIE};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};

const ABSENT: &str = "00000000-0000-7000-8000-000000000000";
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];

/// Camille with a connection, Inès beside her, and their tokens.
struct Walk {
    api: Api,
    /// Reaches Inès alone.
    neighbour: Api,
    ines: Browser,
    camille: Ids,
    /// Of her service, one that is free.
    slot: String,
}

impl Walk {
    async fn set(stage: &mut Stage) -> Self {
        stage.product.stop().await;
        stage.product.set("SIMONE_API__REQUESTS_PER_MINUTE", "1000000");
        stage.product.start().await;
        add_account(&stage.simulator).await;
        stage.browser.connect(ACCOUNT, Consent::Allow).await;
        stage.imported().await;
        let link = stage.product.add_provider("Inès Diallo", "ines@simone.test").await;
        let mut ines = stage.product.browser();
        ines.enter(&link).await;
        stage.settled().await;
        let api = stage.product.api(None).await;
        let id = |email: &str| {
            let wanted = format!("providers WHERE email = '{email}'");
            let database = &stage.database;
            async move { database.ids(&wanted).await.remove(0) }
        };
        let camille = id(CAMILLE).await;
        let neighbour = stage.product.api(Some(&id("ines@simone.test").await)).await;
        let connection = stage.database.ids("calendar_connections").await.remove(0);
        let (service, slots) = open_for_booking(&api, &camille).await;
        let booking = api.post("/api/v1/bookings", booking(&camille, &service, &slots[0])).await;
        let booking = booking.is(StatusCode::CREATED)["id"].as_str().unwrap().to_owned();
        // What the booking sets going is over before anything is compared.
        stage.settled().await;
        stage.sync(ACCOUNT).await;
        let camille = Ids { provider: camille, connection, service, booking };
        Self { api, neighbour, ines, camille, slot: slots[9].clone() }
    }

    /// The address of an operation on what is Camille's.
    fn of_camille(&self, operation: &Operation) -> String {
        operation.at(&self.camille)
    }

    fn good(&self, operation: &Operation) -> (Option<Value>, StatusCode) {
        good(operation, &self.camille, &self.slot)
    }
}

/// A body that fits, and the status that a good request answers. Knows every operation, so that none is walked past.
fn good(operation: &Operation, ids: &Ids, slot: &str) -> (Option<Value>, StatusCode) {
    match operation.id.as_str() {
        "createBooking" => (Some(booking(&ids.provider, &ids.service, slot)), StatusCode::CREATED),
        "changeBooking" => (Some(json!({"client": {"instructions": "Sonnez deux fois"}})), StatusCode::OK),
        "createService" => (Some(terms()), StatusCode::CREATED),
        "replaceService" => (Some(terms()), StatusCode::OK),
        "replaceHours" => {
            let hours = json!({"weekly": {}, "exceptions": [], "notice_minutes": 60, "when_stale": "hold"});
            (Some(hours), StatusCode::OK)
        }
        "cancelBooking" | "confirmBooking" | "readBooking" | "listBookings" | "listAvailability"
        | "listServices" | "readService" | "withdrawService" | "readHours" | "listConflicts" => {
            (None, StatusCode::OK)
        }
        "createProvider" => (Some(json!({"name": "Ana", "email": "ana@simone.test"})), StatusCode::CREATED),
        "changeProvider" => (Some(json!({"locale": "fr"})), StatusCode::OK),
        "eraseProvider" => (None, StatusCode::ACCEPTED),
        "makeLoginLink" => (None, StatusCode::CREATED),
        "syncConnection" => (None, StatusCode::ACCEPTED),
        "listProviders"
        | "readProvider"
        | "listUnavailabilities"
        | "listConnections"
        | "readConnection"
        | "listSyncLogs" => (None, StatusCode::OK),
        other => panic!("{other} is documented, and this test does not know it"),
    }
}

fn terms() -> Value {
    json!({
        "name": "Massage 90min", "duration_minutes": 90, "price_cents": 9500, "buffer_before_minutes": 15,
        "buffer_after_minutes": 15, "place": "provider", "address": "3 rue des Lilas, Paris",
    })
}

/// In which order they do not stand in each other's way.
fn rank(operation: &Operation) -> usize {
    match operation.id.as_str() {
        "replaceHours" => 1,
        "cancelBooking" | "withdrawService" => 2,
        "eraseProvider" => 3,
        _ => 0,
    }
}

async fn send(api: &Api, operation: &Operation, path: &str, body: Option<&Value>) -> Answer {
    let request = api.request(operation.method.clone(), path);
    api.send(match body {
        Some(body) => request.json(body),
        None => request,
    })
    .await
}

/// What must not change by requests that are refused. Rounds and sessions go on by themselves.
async fn standing(stage: &Stage) -> Vec<String> {
    let moving = [
        "sessions:",
        "api_tokens:",
        "calendar_sync_logs:",
        "calendar_sync_changes:",
        "calendar_connections:",
        // The booking's event, and its echo.
        "calendar_exported_bookings:",
        "calendar_sync_events:",
        "calendars:",
        "deliveries:",
    ];
    let mut dump = stage.database.dump().await;
    dump.retain(|row| !moving.iter().any(|table| row.starts_with(table)));
    dump.sort();
    dump
}

#[track_caller]
fn unchanged(before: &[String], after: &[String]) {
    let gone: Vec<_> = before.iter().filter(|row| !after.contains(row)).collect();
    let come: Vec<_> = after.iter().filter(|row| !before.contains(row)).collect();
    assert!(gone.is_empty() && come.is_empty(), "something changed: {gone:#?} became {come:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_is_documented_answers_and_nothing_else_does() {
    on_both("api-document", async |stage| {
        let walk = Walk::set(stage).await;
        let operations = walk.api.operations();
        let ids: std::collections::BTreeSet<_> = operations.iter().map(|operation| &operation.id).collect();
        assert_eq!(ids.len(), operations.len(), "an operation's id is its own");
        assert!(walk.api.document["openapi"].as_str().unwrap().starts_with("3.1."));
        let answers = async |operation: &Operation| {
            let (body, status) = walk.good(operation);
            assert_eq!(operation.has_body(), body.is_some(), "{}", operation.id);
            let answer = send(&walk.api, operation, &walk.of_camille(operation), body.as_ref()).await;
            answer.is(status);
        };
        // There is nobody left to ask about after the last one.
        let mut ordered: Vec<_> = operations.iter().collect();
        ordered.sort_by_key(|operation| rank(operation));
        let last = ordered.split_off(ordered.partition_point(|operation| rank(operation) < 2));
        for operation in ordered {
            answers(operation).await;
        }
        // No address answers a method that is not documented, and each says which it does.
        let mut paths: Vec<_> = operations.iter().map(|operation| operation.path.clone()).collect();
        paths.push("/api/v1/openapi.json".to_owned());
        paths.dedup();
        for path in paths {
            let here: Vec<_> = operations.iter().filter(|it| it.path == path).collect();
            let known: Vec<_> = here.iter().map(|it| it.method.as_str()).collect();
            let known = if known.is_empty() { vec!["GET"] } else { known };
            let reading = here.iter().find(|it| it.method == Method::GET).or(here.first());
            let at = reading.map_or(path.clone(), |operation| walk.of_camille(operation));
            for method in METHODS.into_iter().filter(|method| !known.contains(method)) {
                let answer = walk.api.send(walk.api.request(method.parse().unwrap(), &at)).await;
                answer.refused(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed");
                let mut allowed: Vec<_> =
                    answer.headers[ALLOW].to_str().unwrap().split(',').filter(|it| *it != "HEAD").collect();
                allowed.sort_unstable();
                let mut known = known.clone();
                known.sort_unstable();
                assert_eq!(allowed, known, "{method} {path}");
            }
            let head = walk.api.request(Method::HEAD, &at).send().await.unwrap();
            let expected =
                if known.contains(&"GET") { StatusCode::OK } else { StatusCode::METHOD_NOT_ALLOWED };
            assert_eq!(head.status(), expected, "{path}");
        }
        for path in [
            "/api",
            "/api/",
            "/api/v1",
            "/api/v1/",
            "/api/v2/providers",
            "/api/v1/providers/",
            "/api/v1/nothing",
            "/api/v1/providers/x/y/z",
            "/api/v1/%ff",
            "/api/v1//providers",
            "/api/v1/openapi.json/x",
        ] {
            walk.api.get(path).await.refused(StatusCode::NOT_FOUND, "not_found");
            walk.api
                .send(walk.api.bare(Method::POST, path))
                .await
                .refused(StatusCode::NOT_FOUND, "not_found");
        }
        for operation in last {
            answers(operation).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_asks_without_a_token_and_a_session_is_none() {
    on_both("api-nobody", async |stage| {
        let walk = Walk::set(stage).await;
        let before = standing(stage).await;
        let cookies: Vec<_> =
            stage.browser.cookies().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let session = stage.browser.cookies()["simone"].clone();
        for operation in walk.api.operations() {
            let path = walk.of_camille(&operation);
            let (body, _) = walk.good(&operation);
            let bare = || {
                let request = walk.api.bare(operation.method.clone(), &path);
                body.iter().fold(request, |request, body| request.json(body))
            };
            let origin = stage.product.url.origin().ascii_serialization();
            let requests = [
                bare(),
                // As the pages would send it, with everything that opens them.
                bare()
                    .header(COOKIE, &cookies)
                    .header("origin", origin)
                    .header("sec-fetch-site", "same-origin"),
                bare().bearer_auth(&session),
                bare().bearer_auth(""),
                bare().header("authorization", "Bearer"),
                bare().basic_auth("demo", Some("demo")),
                bare().header("authorization", &b"Bearer \xe9\xff"[..]),
                bare().bearer_auth("simone_x").bearer_auth("simone_y"),
                bare().header("x-api-key", "demo"),
            ];
            for request in requests {
                let answer = walk.api.send(request).await;
                // Too many wrong ones are no longer looked at.
                if answer.status != StatusCode::TOO_MANY_REQUESTS {
                    answer.refused(StatusCode::UNAUTHORIZED, "unauthorized");
                    assert!(answer.header("www-authenticate").starts_with("Bearer"));
                }
            }
        }
        unchanged(&before, &standing(stage).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_neighbour_s_ids_lead_nowhere_by_token_too() {
    on_both("api-neighbour", async |stage| {
        let mut walk = Walk::set(stage).await;
        let before = standing(stage).await;
        let woken = stage.database.value("wanted", "calendar_connections").await;
        let own = stage.database.ids("providers WHERE email = 'ines@simone.test'").await.remove(0);
        for operation in walk.api.operations() {
            let (body, _) = walk.good(&operation);
            let path = walk.of_camille(&operation);
            let answer = send(&walk.neighbour, &operation, &path, body.as_ref()).await;
            if !operation.names_somebody() && !operation.asks_for_somebody() {
                answer.refused(StatusCode::FORBIDDEN, "forbidden");
                continue;
            }
            answer.refused(StatusCode::NOT_FOUND, "not_found");
            // The same as for what is nobody's, with whatever body.
            let nobody_s = Ids::all(ABSENT);
            let (about_nobody, _) = good(&operation, &nobody_s, &walk.slot);
            let at = operation.at(&nobody_s);
            let absent = send(&walk.neighbour, &operation, &at, about_nobody.as_ref()).await;
            assert_eq!(absent.body, answer.body, "{}", operation.id);
            let nobody = send(&walk.api, &operation, &at, about_nobody.as_ref()).await;
            assert_eq!(nobody.body, answer.body, "{}", operation.id);
            // What is hers is not to be had by one's own id either.
            let mixed = Ids { provider: own.clone(), ..walk.camille.clone() };
            if operation.path.contains("{service}") || about(&operation, "service") {
                let (body, _) = good(&operation, &mixed, &walk.slot);
                let answer = send(&walk.neighbour, &operation, &operation.at(&mixed), body.as_ref()).await;
                answer.refused(StatusCode::NOT_FOUND, "not_found");
            }
            if !operation.names_somebody() {
                continue;
            }
            if operation.has_body() {
                let wrong = send(&walk.neighbour, &operation, &path, Some(&json!({"name": 1}))).await;
                assert_eq!(wrong.body, answer.body, "{}", operation.id);
            }
            for id in ["x", "0", "-1", "%00", "%ff", "..%2f..%2fproviders", "'%20OR%201=1--", "null"] {
                let path = operation.at(&Ids { service: walk.camille.service.clone(), ..Ids::all(id) });
                let answer = send(&walk.api, &operation, &path, body.as_ref()).await;
                answer.refused(StatusCode::NOT_FOUND, "not_found");
            }
            // One's own is there.
            let is_about_a_service = operation.path.contains("{service}") || about(&operation, "service");
            if operation.path.contains("{provider}") && !is_about_a_service && operation.method == Method::GET
            {
                send(&walk.neighbour, &operation, &operation.at(&mixed), None).await.is(StatusCode::OK);
            }
        }
        unchanged(&before, &standing(stage).await);
        assert_eq!(
            stage.database.value("wanted", "calendar_connections").await,
            woken,
            "something was woken"
        );
        assert_eq!(walk.ines.open("/agenda").await.status, StatusCode::OK);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_should_send_is_answered_clearly() {
    on_both("api-hostile", async |stage| {
        let walk = Walk::set(stage).await;
        let before = standing(stage).await;
        for operation in walk.api.operations() {
            let path = walk.of_camille(&operation);
            hostile_queries(&walk, &operation).await;
            if operation.has_body() {
                hostile_bodies(&walk, &operation, &path).await;
            }
            // A body is too large whether it is wanted or not, and whether it says so or not.
            let large = "x".repeat(64 * 1024 + 1);
            let request =
                walk.api.request(operation.method.clone(), &path).header(CONTENT_TYPE, "application/json");
            let answer = walk.api.send(request.body(large)).await;
            answer.refused(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large");
        }
        chunked(stage, &walk).await;
        unchanged(&before, &standing(stage).await);
        assert_eq!(stage.product.log().matches("panicked").count(), 0, "{}", stage.product.log());
        assert!(!stage.product.log().contains("a request to the API failed"), "{}", stage.product.log());
    })
    .await;
}

/// Whether it asks for something of this name in its query or its body.
fn about(operation: &Operation, name: &str) -> bool {
    operation.id == "createBooking" || operation.parameters().iter().any(|parameter| parameter == name)
}

async fn hostile_queries(walk: &Walk, operation: &Operation) {
    let (body, _) = walk.good(operation);
    let ask = async |query: &str| {
        send(&walk.api, operation, &operation.asking(&walk.camille, query), body.as_ref()).await
    };
    let bad = StatusCode::BAD_REQUEST;
    for (query, named) in [("nonsense=1", "nonsense"), ("token=demo", "token"), ("%00=%00", "\0"), ("=", "")]
    {
        ask(query).await.refused(bad, "unknown_parameter").naming(named);
    }
    let known = operation.parameters();
    for name in &known {
        let good = match name.as_str() {
            "limit" => "1",
            "from" | "to" => "2026-01-01T00:00:00Z",
            _ => "x",
        };
        ask(&format!("{name}={good}&{name}={good}")).await.refused(bad, "repeated_parameter").naming(name);
        ask(&format!("{}={good}", name.to_uppercase())).await.refused(bad, "unknown_parameter");
        let long = "9".repeat(5_000);
        for value in [
            "",
            "x",
            "-1",
            "0",
            "1e3",
            "%00",
            "%FF",
            "null",
            "'--",
            "%F0%9F%A7%98",
            "9999999999999999999999",
            &long,
        ] {
            ask(&format!("{name}={value}")).await.refused(bad, "invalid_parameter").naming(name);
        }
    }
    // The longest stretch that can be asked for, in days.
    let longest = match operation.id.as_str() {
        "listUnavailabilities" => Some(100),
        "listAvailability" => Some(31),
        "listBookings" => None,
        other => {
            assert!(!known.iter().any(|name| name == "from"), "{other} is not known to ask for a stretch");
            return;
        }
    };
    {
        let year = |name: &str, year: &str| format!("{name}={year}-01-01T00:00:00Z");
        for (query, named) in [
            (year("from", "0000"), "from"),
            (year("from", "9999"), "from"),
            (year("to", "-262143"), "to"),
            (year("to", "%2B262142"), "to"),
            ("from=2026-02-30T00:00:00Z".to_owned(), "from"),
            ("from=2026-01-01T00:00:00+01:00".to_owned(), "from"),
            ("from=2026-01-01T00:00:60Z".to_owned(), "from"),
            (format!("{}&{}", year("from", "2026"), year("to", "2026")), "to"),
            (format!("{}&{}", year("from", "2026"), year("to", "2025")), "to"),
        ] {
            ask(&query).await.refused(bad, "invalid_parameter").naming(named);
        }
        for year in [1900, 2200] {
            ask(&format!("from={year}-01-01T00:00:00Z")).await.is(StatusCode::OK);
        }
        let from: chrono::DateTime<chrono::Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
        let stretch = |seconds: i64| {
            let to = from + chrono::TimeDelta::seconds(seconds);
            format!("from=2026-01-01T00:00:00Z&to={}", to.format("%Y-%m-%dT%H:%M:%SZ"))
        };
        let seconds = longest.unwrap_or(36_500) * 24 * 60 * 60;
        ask(&stretch(seconds)).await.is(StatusCode::OK);
        if longest.is_some() {
            ask(&stretch(seconds + 1)).await.refused(bad, "invalid_parameter").naming("to");
        }
    }
}

async fn hostile_bodies(walk: &Walk, operation: &Operation, path: &str) {
    let api = &walk.api;
    let raw = async |kind: Option<&str>, body: Vec<u8>| {
        let request = api.request(operation.method.clone(), path);
        let request = kind.into_iter().fold(request, |request, kind| request.header(CONTENT_TYPE, kind));
        api.send(request.body(body)).await
    };
    let (fine, _) = walk.good(operation);
    let fine = fine.unwrap();
    for kind in [
        None,
        Some(""),
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("application/jsonx"),
    ] {
        let answer = raw(kind, fine.to_string().into_bytes()).await;
        answer.refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type");
    }
    let json = Some("application/json; charset=utf-8");
    let deep = [b"[".repeat(30_000), b"{\"a\":".repeat(10_000)];
    let malformed: [&[u8]; 12] = [
        b"",
        b"{",
        b"{]",
        b"{\"name\": \"\xff\xfe\"}",
        b"nul",
        b"{'name': 'x'}",
        b"{\"name\": \"x\"} x",
        b"\0",
        b"{\"name\": NaN}",
        b"{\"name\": 1e999999}",
        &deep[0],
        &deep[1],
    ];
    for body in malformed {
        raw(json, body.to_vec()).await.refused(StatusCode::BAD_REQUEST, "malformed_body");
    }
    for body in ["null", "1", "\"x\"", "[]", "[\"Ana\", \"ana@simone.test\"]", "true"] {
        raw(json, body.into()).await.refused(StatusCode::UNPROCESSABLE_ENTITY, "invalid_field");
    }
    let wrong = async |field: &str, value: Value| {
        let mut body = fine.clone();
        body[field] = value;
        let answer = api.send(api.request(operation.method.clone(), path).json(&body)).await;
        answer.refused(StatusCode::UNPROCESSABLE_ENTITY, "invalid_field").naming(field);
        assert!(answer.body["error"]["message"].as_str().unwrap().chars().count() <= 300);
    };
    let schema = &operation.said["requestBody"]["content"]["application/json"]["schema"];
    let schema = crate::support::schema::resolve(&api.document, schema);
    for (field, said) in schema["properties"].as_object().unwrap() {
        for value in [json!(null), json!(1), json!(true), json!([]), json!({}), json!([field]), json!("")] {
            // A list that may be empty, a number that may be one.
            let may_be = !value.is_string() && fits(&api.document, said, &value, field).is_ok();
            if !may_be {
                wrong(field, value).await;
            }
        }
        for text in ["\0", "a\0b", "a\nb", "\u{7f}", &"x".repeat(60_000)] {
            wrong(field, json!(text)).await;
        }
        let twice = format!("{{\"{field}\": {0}, \"{field}\": {0}}}", json!("x"));
        raw(json, twice.into()).await.refused(StatusCode::UNPROCESSABLE_ENTITY, "invalid_field");
    }
    for (field, values) in [
        (
            "email",
            &[
                "camille",
                "@",
                "a@b",
                "a b@simone.test",
                "a@b@simone.test",
                "a@simone.test\r\nBcc: b@simone.test",
            ][..],
        ),
        ("time_zone", &["Mars/Phobos", "../../etc/passwd", "+01:00", "europe/paris "]),
        ("locale", &["de", "FR", "fr-FR"]),
        ("id", &["00000000-0000-7000-8000-000000000000"]),
        ("titles_shared", &["true"]),
        ("__proto__", &["x"]),
    ] {
        let known = schema["properties"].get(field).is_some();
        for value in values {
            if known || !matches!(field, "time_zone" | "locale") {
                wrong(field, json!(value)).await;
            }
        }
    }
}

/// A body whose length nobody says beforehand, without end.
async fn chunked(stage: &Stage, walk: &Walk) {
    let operations: Vec<_> = walk.api.operations().into_iter().filter(Operation::has_body).collect();
    for operation in operations {
        let address = format!("127.0.0.1:{}", stage.product.url.port().unwrap());
        let head = format!(
            "{} {} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
             transfer-encoding: chunked\r\n\r\n",
            operation.method,
            walk.of_camille(&operation),
            walk.api.token,
        );
        let answer = tokio::task::spawn_blocking(move || {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream.write_all(head.as_bytes()).unwrap();
            let chunk = format!("2000\r\n{}\r\n", "x".repeat(0x2000));
            // Just over what is read of such a body, so that the answer is not lost by a reset.
            for _ in 0..129 {
                if stream.write_all(chunk.as_bytes()).is_err() {
                    break;
                }
            }
            let mut answer = vec![0; 16];
            stream.read_exact(&mut answer).unwrap();
            String::from_utf8(answer).unwrap()
        });
        assert!(answer.await.unwrap().starts_with("HTTP/1.1 413"), "{}", operation.id);
    }
}
