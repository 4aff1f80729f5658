//! Whoever follows the feed holds what stands in the calendar, whatever people do in Outlook: the adapter against the
//! simulator, over HTTP, with the core's own reading of what a feed says.

#![expect(clippy::unwrap_used, reason = "a test may stop where it likes")]

mod support;

use chrono::{DateTime, TimeDelta, Utc};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use secrecy::SecretString;
use serde_json::{Value, json};
use simone_booking::{CalendarId, Interval, SystemClock};
use simone_platforms::{Microsoft, MicrosoftConfig, tls};
use simone_simulator::{DEMO_OUTLOOK_CLIENT_ID, DEMO_OUTLOOK_CLIENT_SECRET, Options, Running};
use simone_sync::event::{ObservedEvent, Shape, Span};
use simone_sync::import::{Draft, Pull};
use simone_sync::platform::{CalendarPlatform, PageEnd, PlatformError, Position};
use simone_sync::ports::KnownEvent;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use uuid::Uuid;

const EVA: &str = "eva@contoso.test";

struct World {
    simulator: Running,
    microsoft: Microsoft,
    http: reqwest::Client,
    token: SecretString,
    calendar: String,
}

/// What the product stores of a calendar.
#[derive(Default)]
struct Held {
    events: BTreeMap<String, ObservedEvent>,
    cursor: Option<String>,
    now: DateTime<Utc>,
}

async fn world(seed: u64) -> World {
    let now = Some("2026-01-10T09:00:00Z".parse().unwrap());
    let simulator = simone_simulator::start(Options { now, seed, ..Options::default() }).await.unwrap();
    tls::install();
    let base = simulator.base_url();
    let config: MicrosoftConfig = serde_json::from_value(json!({
        "client_id": DEMO_OUTLOOK_CLIENT_ID, "client_secret": DEMO_OUTLOOK_CLIENT_SECRET,
        "login_url": base, "api_url": format!("{base}/v1.0")
    }))
    .unwrap();
    let microsoft = Microsoft::new(config, Arc::new(SystemClock)).unwrap();
    let http = reqwest::Client::new();
    let mut world =
        World { simulator, microsoft, http, token: SecretString::from(""), calendar: String::new() };
    let account =
        json!({"platform": "outlook", "email": EVA, "zone": "Europe/Paris", "calendars": [{"name": "Club"}]});
    let account = world.control("accounts", account).await;
    world.token = SecretString::from(account["access_token"].as_str().unwrap());
    let mut page = None;
    loop {
        let list = world.microsoft.calendars(&world.token, page.as_deref()).await.unwrap();
        if let Some(primary) = list.calendars.iter().find(|calendar| calendar.primary) {
            world.calendar.clone_from(&primary.id);
        }
        page = list.next_page;
        if page.is_none() {
            break world;
        }
    }
}

impl World {
    async fn control(&self, path: &str, body: Value) -> Value {
        let address = format!("{}/_control/{path}", self.simulator.base_url());
        let answer = self.http.post(address).body(body.to_string()).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {body} {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// What a person does, if they can.
    async fn edit(&self, mut body: Value) -> Option<Value> {
        body["account"] = EVA.into();
        body["platform"] = "outlook".into();
        let address = format!("{}/_control/edits", self.simulator.base_url());
        let answer = self.http.post(address).body(body.to_string()).send().await.unwrap();
        let (done, text) = (answer.status().is_success(), answer.text().await.unwrap());
        // An occurrence may not pass its neighbours, and what is gone cannot be changed.
        assert!(
            done || text.contains("no such")
                || text.contains("Error")
                || text.contains("no series")
                || text.contains("whole events"),
            "{body} {text}"
        );
        done.then(|| serde_json::from_str(&text).unwrap())
    }

    async fn fresh_token(&self) -> SecretString {
        let address = format!("{}/_control/accounts", self.simulator.base_url());
        let text = self.http.get(address).send().await.unwrap().text().await.unwrap();
        let accounts: Value = serde_json::from_str(&text).unwrap();
        SecretString::from(accounts[0]["access_token"].as_str().unwrap())
    }

    async fn requests(&self) -> usize {
        let address = format!("{}/_control/requests", self.simulator.base_url());
        let text = self.http.get(address).send().await.unwrap().text().await.unwrap();
        let requests: Value = serde_json::from_str(&text).unwrap();
        requests.as_array().unwrap().iter().filter(|one| one["batch"] != true).count()
    }

    /// One pull, as the engine makes it.
    async fn pull(&self, held: &mut Held) {
        let window = simone_sync::schedule::pull_window(held.now);
        let from = held.cursor.clone();
        match self.pull_from(held, from, window).await {
            Err(PlatformError::CursorExpired) => self.pull_from(held, None, window).await.unwrap(),
            other => other.unwrap(),
        }
    }

    async fn pull_from(
        &self,
        held: &mut Held,
        from: Option<String>,
        window: Interval,
    ) -> Result<(), PlatformError> {
        let (mut changes, mut whole, mut page) = (Vec::new(), BTreeSet::new(), None::<String>);
        let cursor = loop {
            let position = Position { cursor: from.as_deref(), page: page.as_deref(), window };
            let mut answer = self.microsoft.changes(&self.token, &self.calendar, position).await?;
            assert!(answer.covers.unwrap() >= window.end - TimeDelta::days(1), "{:?}", answer.covers);
            changes.append(&mut answer.changes);
            whole.extend(answer.whole);
            match answer.end {
                PageEnd::More(next) => page = Some(next),
                PageEnd::Cursor(cursor) => break cursor,
                PageEnd::Cut => panic!("the feed is cut"),
            }
        };
        let known: HashMap<String, KnownEvent> = held.events.values().map(known).collect();
        let complete = from.is_none();
        let calendar = CalendarId(Uuid::nil());
        let pull = Pull {
            calendar,
            expected_cursor: from,
            complete,
            changes,
            whole,
            cursor,
            covers: None,
            zone: None,
        };
        let plan = Draft::new(pull, &known, held.now).brake(&HashMap::new());
        for id in &plan.remove {
            held.events.remove(id);
        }
        held.events.extend(plan.upserts.into_iter().map(|event| (event.id.clone(), event)));
        held.cursor = plan.cursor;
        Ok(())
    }
}

fn known(event: &ObservedEvent) -> (String, KnownEvent) {
    let exception = match &event.shape {
        Shape::Exception { master, original_start, .. } => Some((master.clone(), *original_start)),
        _ => None,
    };
    let (id, revision) = (event.id.clone(), event.revision.clone());
    let over_at = simone_sync::import::over_at(&event.shape);
    (event.id.clone(), KnownEvent { id, revision, exception, stand_in: false, held: false, over_at })
}

/// What of it can matter: when what stands there, short of the ends of windows that were opened at other times.
fn told(held: &Held) -> BTreeMap<&str, (&Shape, &str)> {
    let (from, until) = (held.now - TimeDelta::days(1), held.now + TimeDelta::days(100));
    let matters = |event: &&ObservedEvent| match event.shape {
        Shape::Single { span: Span::Timed { start, end } }
        | Shape::Exception { span: Some(Span::Timed { start, end }), .. } => start < until && end > from,
        _ => true,
    };
    let events = held.events.values().filter(matters);
    events.map(|event| (event.id.as_str(), (&event.shape, event.details.title.as_str()))).collect()
}

fn at(time: DateTime<Utc>) -> Value {
    json!({"dateTime": time.format("%Y-%m-%dT%H:%M:%S").to_string(), "timeZone": "UTC"})
}

fn some(rng: &mut impl Rng, list: &[String]) -> Option<String> {
    (!list.is_empty()).then(|| list[rng.random_range(0..list.len())].clone())
}

/// One thing that a person does; whether they could.
async fn act(world: &World, rng: &mut ChaCha8Rng, events: &mut Vec<String>, held: &Held) -> bool {
    let start: DateTime<Utc> = "2026-01-12T08:00:00Z".parse().unwrap();
    let start = start + TimeDelta::hours(rng.random_range(0..24 * 110));
    let end = start + TimeDelta::minutes(45);
    let one = some(rng, events);
    let occurrences: Vec<(String, String)> = held
        .events
        .values()
        .filter_map(|event| match &event.shape {
            Shape::Exception { master, original_start, .. } => {
                Some((master.clone(), original_start.to_string()))
            }
            _ => None,
        })
        .collect();
    let occurrence =
        (!occurrences.is_empty()).then(|| occurrences[rng.random_range(0..occurrences.len())].clone());
    let calendar = "primary";
    let edit = match (rng.random_range(0..11), one, occurrence) {
        (0 | 1, ..) => {
            let event = json!({"subject": format!("Single {}", rng.random_range(0..99)), "start": at(start), "end": at(end)});
            json!({"do": "add_event", "calendar": calendar, "event": event})
        }
        (2 | 3, ..) => {
            let day = start.format("%Y-%m-%d").to_string();
            let event = json!({"subject": "Yoga", "start": at(start), "end": at(end), "recurrence": {
                "pattern": {"type": "daily", "interval": rng.random_range(1..9)},
                "range": {"type": "numbered", "startDate": day, "numberOfOccurrences": rng.random_range(2..12)}}});
            json!({"do": "add_event", "calendar": calendar, "event": event})
        }
        (4, _, Some((event, slot))) => {
            let by = rng.random_range(-90..90);
            let edit =
                json!({"do": "move_occurrence", "event": event, "original_start": slot, "by_minutes": by});
            edit
        }
        (5, _, Some((event, slot))) => {
            json!({"do": "delete_occurrence", "event": event, "original_start": slot})
        }
        (6, Some(event), _) => {
            let days = rng.random_range(-40..40);
            json!({"do": "move_event", "event": event, "by_minutes": 60 * 24 * days})
        }
        (7, Some(event), _) => {
            json!({"do": "reschedule_series", "event": event, "by_days": 1})
        }
        (8, Some(event), _) => {
            json!({"do": "delete_event", "event": event})
        }
        (9, Some(event), _) => {
            let changes = json!({"subject": format!("Renamed {}", rng.random_range(0..99))});
            json!({"do": "change_event", "event": event, "changes": changes})
        }
        (10, Some(event), _) => {
            // Away and back, of which only the leaving is told. The name of an event is another one elsewhere.
            let away = world.edit(json!({"do": "drag_to_calendar", "event": event, "to": "Club"})).await;
            let Some(away) = away else { return false };
            json!({"do": "drag_to_calendar", "event": away["id"], "to": "primary"})
        }
        _ => return false,
    };
    let made = world.edit(edit).await;
    let done = made.is_some();
    events.extend(made.and_then(|made| made["id"].as_str().map(str::to_owned)));
    done
}

#[tokio::test]
async fn who_follows_the_feed_holds_what_stands_in_the_calendar() {
    let (mut done, mut occurrences) = (0, 0);
    for seed in 0..16 {
        let mut world = world(seed).await;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let masters = ["always", "inside", "never", "removed"][rng.random_range(0..4)];
        let switches = json!({"microsoft": {
            "empty_first_page": "sometimes",
            "delta_masters": masters,
            "sparse_exceptions": rng.random_bool(0.5),
            "delta_duplicates": rng.random_bool(0.3),
        }});
        world.control("settings", switches).await;
        let mut held = Held { now: "2026-01-10T09:00:00Z".parse().unwrap(), ..Held::default() };
        let mut events = Vec::new();
        for round in 0..10 {
            // Sometimes more than ten series at once.
            let acts = if rng.random_bool(0.2) { 40 } else { rng.random_range(0..6) };
            for _ in 0..acts {
                done += usize::from(act(&world, &mut rng, &mut events, &held).await);
            }
            world.pull(&mut held).await;
            let mut afresh = Held { now: held.now, ..Held::default() };
            world.pull(&mut afresh).await;
            assert_eq!(told(&held), told(&afresh), "seed {seed}, round {round}");
            occurrences += held.events.values().filter(|event| event.shape.master().is_some()).count();
            if rng.random_bool(0.2) {
                // The window is opened anew.
                let passed = TimeDelta::hours(rng.random_range(1..60));
                held.now += passed;
                world.control("clock", json!({"advance": format!("{}h", passed.num_hours())})).await;
                world.token = world.fresh_token().await;
                if rng.random_bool(0.5) {
                    world.control("sync-tokens/expire", json!({"account": EVA})).await;
                }
            }
        }
    }
    assert!(done > 400 && occurrences > 1000, "little happened: {done} edits, {occurrences} occurrences");
}

#[tokio::test]
async fn a_first_import_takes_tens_of_requests_and_a_round_without_news_one() {
    let mut world = world(1).await;
    world.control("settings", json!({"microsoft": {"empty_first_page": "never"}})).await;
    let first: DateTime<Utc> = "2026-01-12T08:00:00Z".parse().unwrap();
    let mut events = Vec::new();
    for number in 0..1_500 {
        let start = first + TimeDelta::hours(number);
        let (start, end) = (at(start), at(start + TimeDelta::minutes(30)));
        events.push(json!({"subject": "Single", "start": start, "end": end}));
    }
    for number in 0..100 {
        let start = first + TimeDelta::minutes(7 * number);
        let range = json!({"type": "numbered", "startDate": start.format("%Y-%m-%d").to_string(),
                           "numberOfOccurrences": 10});
        let recurrence = json!({"pattern": {"type": "daily", "interval": 1}, "range": range});
        let (start, end) = (at(start), at(start + TimeDelta::minutes(5)));
        events.push(json!({"subject": "Daily", "start": start, "end": end, "recurrence": recurrence}));
    }
    let account = json!({"platform": "outlook", "email": EVA, "events": events});
    world.control("accounts", account).await;
    world.token = world.fresh_token().await;
    let mut held = Held { now: "2026-01-10T09:00:00Z".parse().unwrap(), ..Held::default() };
    let before = world.requests().await;
    world.pull(&mut held).await;
    let first = world.requests().await - before;
    assert!(held.events.len() == 2_500 && first < 40, "{} events in {first} requests", held.events.len());
    world.pull(&mut held).await;
    assert_eq!(world.requests().await - before - first, 1);
    // Two series and a single event that change: the delta, and one batch.
    for subject in ["Single", "Daily", "Daily"] {
        let one = held.events.values().filter(|event| event.details.title == subject);
        let one: Vec<&ObservedEvent> = one.collect();
        let at = one.len() / 2;
        let event = one[at].shape.master().unwrap_or(&one[at].id);
        let changes = json!({"subject": "Changed"});
        world.edit(json!({"do": "change_event", "event": event, "changes": changes})).await.unwrap();
        world.pull(&mut held).await;
    }
    let changed = held.events.values().filter(|event| event.details.title == "Changed").count();
    assert_eq!((changed, world.requests().await - before - first - 1), (21, 6));
}
