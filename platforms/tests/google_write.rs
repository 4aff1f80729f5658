//! The adapter writes against the simulator, over HTTP: what an event of ours is, how it changes and goes.

#![expect(clippy::unwrap_used, reason = "a test may stop where it likes")]

mod support;

use axum::extract::State;
use axum::http::{Method, Uri};
use secrecy::SecretString;
use serde_json::{Value, json};
use simone_booking::SystemClock;
use simone_platforms::{Google, GoogleConfig, tls};
use simone_simulator::{DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, Options, Running};
use simone_sync::event::{Change, ObservedEvent, Shape, Span};
use simone_sync::export::{Content, Marker, Patch};
use simone_sync::platform::{CalendarPlatform, PlatformError, Position};
use std::sync::{Arc, Mutex};
use support::{Writer, content, marker, window};

const ANA: &str = "ana@example.com";

struct World {
    simulator: Running,
    google: Google,
    http: reqwest::Client,
    token: SecretString,
}

async fn world() -> World {
    let now = Some("2026-01-10T09:00:00Z".parse().unwrap());
    let simulator = simone_simulator::start(Options { now, ..Options::default() }).await.unwrap();
    tls::install();
    let http = reqwest::Client::new();
    let google = google(&simulator.base_url());
    let mut world = World { simulator, google, http, token: SecretString::from("") };
    world.control("accounts", json!({"email": ANA, "zone": "Europe/Paris"})).await;
    let accounts = world.get("_control/accounts").await;
    world.token = SecretString::from(accounts[0]["access_token"].as_str().unwrap());
    world
}

fn google(base: &str) -> Google {
    let config: GoogleConfig = serde_json::from_value(json!({
        "client_id": DEMO_CLIENT_ID, "client_secret": DEMO_CLIENT_SECRET,
        "authorize_url": format!("{base}/o/oauth2/v2/auth"), "token_url": format!("{base}/token"),
        "revoke_url": format!("{base}/revoke"), "userinfo_url": format!("{base}/v1/userinfo"),
        "api_url": format!("{base}/calendar/v3")
    }))
    .unwrap();
    Google::new(config, Arc::new(SystemClock)).unwrap()
}

impl World {
    async fn control(&self, path: &str, body: Value) -> Value {
        let address = format!("{}/_control/{path}", self.simulator.base_url());
        let answer = self.http.post(address).body(body.to_string()).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        let address = format!("{}/{path}", self.simulator.base_url());
        serde_json::from_str(&self.http.get(address).send().await.unwrap().text().await.unwrap()).unwrap()
    }

    /// The event as Google itself stores it.
    async fn stored(&self, id: &str) -> Value {
        let events = self.get(&format!("_control/events?account={ANA}")).await;
        let found = events.as_array().unwrap().iter().find(|event| event["id"] == id);
        found.unwrap_or_else(|| panic!("no {id} in {events}")).clone()
    }

    /// What somebody changes by any other program.
    async fn patch_by_hand(&self, id: &str, body: Value) {
        use secrecy::ExposeSecret as _;
        let address = format!("{}/calendar/v3/calendars/primary/events/{id}", self.simulator.base_url());
        let answer = self
            .http
            .patch(address)
            .bearer_auth(self.token.expose_secret())
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    }

    fn writer(&self) -> Writer<'_, Google> {
        Writer { platform: &self.google, token: &self.token, calendar: ANA }
    }

    async fn create(&self, marker: &Marker, content: &Content) -> Result<ObservedEvent, PlatformError> {
        self.writer().create(marker, content).await
    }

    async fn read(&self, name: &str) -> Result<Change, PlatformError> {
        self.writer().read(name, None).await
    }
}

#[tokio::test]
async fn an_event_says_what_was_booked_and_carries_our_marker_but_no_one_else() {
    let world = world().await;
    let event = world.create(&marker(1), &content()).await.unwrap();
    assert_eq!(event.id, marker(1).name);
    assert_eq!(event.marker, Some(marker(1)));
    assert_eq!(event.shape.single(), Some(content().interval()));
    assert_eq!(event.ical_uid.as_deref(), Some(format!("{}@google.com", event.id).as_str()));

    let stored = world.stored(&event.id).await;
    assert_eq!(stored["summary"], content().title);
    assert_eq!(stored["location"], content().location);
    assert_eq!(stored["start"]["timeZone"], "Europe/Paris");
    assert_eq!(
        stored["description"],
        "Téléphone : +33 6 12 34 56 78\nInstructions : &lt;b&gt;2e étage&lt;/b&gt; &amp; code 12",
        "Google shows descriptions as HTML: what a client wrote is text"
    );
    assert!(stored.get("attendees").is_none() && stored.get("conferenceData").is_none(), "{stored}");

    // The change feed tells the same of it as the answer did.
    let position = Position { cursor: None, page: None, window: window() };
    let page = world.google.changes(&world.token, ANA, position).await.unwrap();
    assert_eq!(page.changes, [Change::Present(Box::new(event))]);
}

#[tokio::test]
async fn a_name_is_used_once_and_for_good() {
    let world = world().await;
    assert!(matches!(world.read(&marker(1).name).await, Err(PlatformError::NotFound)));
    let event = world.create(&marker(1), &content()).await.unwrap();
    assert!(matches!(world.create(&marker(1), &content()).await, Err(PlatformError::Exists)));
    assert_eq!(world.read(&event.id).await.unwrap(), Change::Present(Box::new(event.clone())));

    world.writer().delete(&event.id, Some(&event.revision)).await.unwrap();
    let again = world.writer().delete(&event.id, None).await;
    assert!(matches!(again, Err(PlatformError::NotFound)), "{again:?}");
    assert_eq!(world.read(&event.id).await.unwrap(), Change::Gone { id: event.id.clone() });
    assert!(matches!(world.create(&marker(1), &content()).await, Err(PlatformError::Exists)));
    world.create(&marker(2), &content()).await.unwrap();
}

#[tokio::test]
async fn a_change_touches_our_fields_alone_and_only_what_was_seen() {
    let world = world().await;
    let event = world.create(&marker(1), &content()).await.unwrap();
    world
        .patch_by_hand(
            &event.id,
            json!({
                "colorId": "5", "reminders": {"useDefault": false, "overrides": [{"method": "popup", "minutes": 5}]},
                "description": "Mon mot à moi\n\nTéléphone : +33 6 12 34 56 78\nInstructions : &lt;b&gt;2e étage&lt;/b&gt; &amp; code 12\n\nSonner deux fois"
            }),
        )
        .await;
    let moved = Content {
        start: "2026-01-16T08:00:00Z".parse().unwrap(),
        end: "2026-01-16T09:00:00Z".parse().unwrap(),
        description: "Téléphone : 01 02 03 04 05".to_owned(),
        ..content()
    };
    let patch = Patch {
        times: Some((moved.start, moved.end, moved.zone)),
        description: Some((Some(content().description), moved.description.clone())),
        ..Patch::default()
    };
    // What we knew of it is out of date: nothing is written over.
    let stale = world.writer().update(&event.id, &event.revision, &patch).await;
    assert!(matches!(stale, Err(PlatformError::Changed)), "{stale:?}");
    let stale = world.writer().delete(&event.id, Some(&event.revision)).await;
    assert!(matches!(stale, Err(PlatformError::Changed)), "{stale:?}");

    let Change::Present(seen) = world.read(&event.id).await.unwrap() else { panic!("it is there") };
    let written = world.writer().update(&event.id, &seen.revision, &patch).await.unwrap();
    assert_eq!(written.shape.single(), Some(moved.interval()));
    assert_eq!(written.marker, Some(marker(1)));
    let stored = world.stored(&event.id).await;
    assert_eq!(stored["colorId"], "5");
    assert_eq!(stored["reminders"]["overrides"][0]["minutes"], 5);
    assert_eq!(stored["summary"], content().title);
    assert_eq!(stored["description"], "Mon mot à moi\n\nTéléphone : 01 02 03 04 05\n\nSonner deux fois");
}

#[tokio::test]
async fn an_event_that_was_made_all_day_is_given_its_time_back() {
    let world = world().await;
    let event = world.create(&marker(1), &content()).await.unwrap();
    let all_day = json!({
        "start": {"date": "2026-01-15", "dateTime": null, "timeZone": null},
        "end": {"date": "2026-01-16", "dateTime": null, "timeZone": null},
        "recurrence": ["RRULE:FREQ=WEEKLY"]
    });
    world.patch_by_hand(&event.id, all_day).await;
    let Change::Present(seen) = world.read(&event.id).await.unwrap() else { panic!("it is there") };
    let Shape::Master { series } = &seen.shape else { panic!("{:?}", seen.shape) };
    assert!(matches!(series.first, Span::AllDay { .. }));

    let patch = Patch { times: Some((content().start, content().end, content().zone)), ..Patch::default() };
    let back = world.writer().update(&event.id, &seen.revision, &patch).await.unwrap();
    assert_eq!(
        back.shape,
        Shape::Single { span: Span::Timed { start: content().start, end: content().end } }
    );
}

#[tokio::test]
async fn a_copy_made_by_hand_is_none_of_ours() {
    let world = world().await;
    let event = world.create(&marker(1), &content()).await.unwrap();
    let mut copy = world.stored(&event.id).await;
    for field in ["id", "iCalUID", "etag", "htmlLink", "sequence"] {
        copy.as_object_mut().unwrap().remove(field);
    }
    use secrecy::ExposeSecret as _;
    let address = format!("{}/calendar/v3/calendars/primary/events", world.simulator.base_url());
    let request = world.http.post(address).bearer_auth(world.token.expose_secret());
    let answer =
        request.header("content-type", "application/json").body(copy.to_string()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let made: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let Change::Present(seen) = world.read(made["id"].as_str().unwrap()).await.unwrap() else { panic!() };
    assert_eq!(seen.marker, None, "it does not name this one");
}

/// Fields of an object are fields of the schema, of its types.
fn check_body(value: &Value, schema: &Value, description: &Value, place: &str) {
    let schema = match schema["$ref"].as_str() {
        Some(name) => &description["schemas"][name],
        None => schema,
    };
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let inner = schema["properties"].get(name).or_else(|| schema.get("additionalProperties"));
                let inner = inner.unwrap_or_else(|| panic!("no field {place}.{name}"));
                check_body(value, inner, description, &format!("{place}.{name}"));
            }
        }
        Value::String(_) => assert_eq!(schema["type"], "string", "{place}"),
        Value::Array(items) => {
            items.iter().for_each(|item| check_body(item, &schema["items"], description, place));
        }
        // A patch removes by null.
        Value::Null => {}
        other => panic!("{place} is {other}"),
    }
}

type Bodies = Arc<Mutex<Vec<(String, Uri, Value)>>>;

/// A server that keeps what it is told, and answers every call alike.
async fn listen(State(bodies): State<Bodies>, method: Method, uri: Uri, body: String) -> axum::Json<Value> {
    let body = serde_json::from_str(&body).unwrap_or_default();
    bodies.lock().unwrap().push((method.to_string(), uri, body));
    let at = json!({"dateTime": "2026-01-15T14:00:00+01:00"});
    axum::Json(json!({"id": "x", "etag": "\"1\"", "start": at, "end": at}))
}

#[tokio::test]
async fn what_is_written_fits_googles_own_description() {
    let bodies = Bodies::default();
    let app = axum::Router::new().fallback(listen).with_state(bodies.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let (google, token) = (google(&base), SecretString::from("token"));
    let writer = Writer { platform: &google, token: &token, calendar: ANA };
    let patch = Patch {
        title: Some("Autre".to_owned()),
        times: Some((content().start, content().end, content().zone)),
        location: Some("ailleurs".to_owned()),
        description: Some((None, "x".to_owned())),
    };
    writer.create(&marker(1), &content()).await.unwrap();
    writer.update("x", "2:\"1\"", &patch).await.unwrap();
    writer.delete("x", Some("2:\"1\"")).await.unwrap();

    let description: Value = serde_json::from_str(include_str!("google-calendar-v3.json")).unwrap();
    let bodies = bodies.lock().unwrap();
    let methods: Vec<&str> = bodies.iter().map(|(method, ..)| method.as_str()).collect();
    assert_eq!(methods, ["POST", "GET", "PATCH", "DELETE"], "a description is read before it is changed");
    for (method, uri, body) in bodies.iter() {
        let name = match method.as_str() {
            "POST" => "events.insert",
            "PATCH" => "events.patch",
            "DELETE" => "events.delete",
            _ => "events.get",
        };
        let described = &description["methods"][name];
        assert_eq!(described["httpMethod"], method.as_str());
        let query = uri.query().unwrap_or_default();
        for (parameter, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let known =
                described["parameters"].get(&*parameter).or(description["parameters"].get(&*parameter));
            let known = known.unwrap_or_else(|| panic!("{name} has no parameter {parameter}"));
            if let Some(allowed) = known["enum"].as_array() {
                assert!(allowed.contains(&json!(value)), "{parameter}={value}");
            }
        }
        if method != "GET" {
            assert!(query.contains("sendUpdates=none"), "{name}?{query}");
            check_body(body, &json!({"$ref": "Event"}), &description, name);
            assert!(body.get("attendees").is_none());
        }
    }
}
