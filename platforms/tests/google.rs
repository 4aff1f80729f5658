//! The adapter against the simulator, over HTTP.

#![expect(clippy::unwrap_used, reason = "a test may stop where it likes")]

mod support;

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use simone_booking::{Interval, SystemClock};
use simone_platforms::{Google, GoogleConfig, tls};
use simone_simulator::{DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, Options, Running};
use simone_sync::event::{Change, Marks, ObservedEvent, OriginalStart, Shape, Span};
use simone_sync::platform::{
    Access, AuthorizationRequest, CalendarPlatform, Grant, PageEnd, PlatformError, Position, RemoteCalendar,
    TokenError,
};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use support::window;

const ANA: &str = "ana@example.com";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const REDIRECT: &str = "http://127.0.0.1:3000/oauth/google/callback";
const EVENTS_SCOPE: &str = "https://www.googleapis.com/auth/calendar.events";

struct World {
    simulator: Running,
    google: Google,
    browser: reqwest::Client,
}

fn google(base: &str, secret: &str) -> Google {
    let config: GoogleConfig = serde_json::from_value(json!({
        "client_id": DEMO_CLIENT_ID, "client_secret": secret,
        "authorize_url": format!("{base}/o/oauth2/v2/auth"), "token_url": format!("{base}/token"),
        "revoke_url": format!("{base}/revoke"), "userinfo_url": format!("{base}/v1/userinfo"),
        "api_url": format!("{base}/calendar/v3")
    }))
    .unwrap();
    Google::new(config, Arc::new(SystemClock)).unwrap()
}

/// A simulator with one account, Ana's.
async fn world(account: Value) -> World {
    let now = Some("2026-01-10T09:00:00Z".parse().unwrap());
    let simulator = simone_simulator::start(Options { now, ..Options::default() }).await.unwrap();
    tls::install();
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let google = google(&simulator.base_url(), DEMO_CLIENT_SECRET);
    let world = World { simulator, google, browser };
    let mut new = json!({"email": ANA, "zone": "Europe/Paris"});
    new.as_object_mut().unwrap().extend(account.as_object().unwrap().clone());
    world.control("accounts", new).await;
    world
}

impl World {
    async fn control(&self, path: &str, body: Value) -> Value {
        let address = format!("{}/_control/{path}", self.simulator.base_url());
        let answer = self.browser.post(address).body(body.to_string()).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    async fn fault(&self, fault: Value) {
        self.control("faults", fault).await;
    }

    async fn token(&self) -> SecretString {
        let address = format!("{}/_control/accounts", self.simulator.base_url());
        let text = self.browser.get(address).send().await.unwrap().text().await.unwrap();
        let accounts: Value = serde_json::from_str(&text).unwrap();
        SecretString::from(accounts[0]["access_token"].as_str().unwrap())
    }

    fn authorization(&self, login_hint: Option<&str>) -> Url {
        self.google.authorization_url(&AuthorizationRequest {
            state: "the state",
            verifier: &VERIFIER.into(),
            redirect_uri: &REDIRECT.parse().unwrap(),
            login_hint,
        })
    }

    /// Goes through Google's pages as a person does, ticking these boxes, and returns what comes back.
    async fn consent(&self, mut page: Url, ticks: impl Fn(&str) -> bool) -> HashMap<String, String> {
        let mut html = self.show(page.clone()).await;
        if inputs(&html).iter().all(|(name, _)| name != "account") {
            assert!(html.contains(ANA), "the accounts are offered");
            page.query_pairs_mut().append_pair("account", ANA);
            html = self.show(page.clone()).await;
        }
        let mut form = inputs(&html);
        form.retain(|(name, value)| name != "granted" || ticks(value));
        form.push(("decision".to_owned(), "allow".to_owned()));
        page.set_query(None);
        let answer = self.browser.post(page).form(&form).send().await.unwrap();
        let back: Url = answer.headers()["location"].to_str().unwrap().parse().unwrap();
        assert!(back.as_str().starts_with(REDIRECT));
        back.query_pairs().into_owned().collect()
    }

    async fn show(&self, page: Url) -> String {
        let answer = self.browser.get(page).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.text().await.unwrap()
    }

    async fn exchange(&self, back: &HashMap<String, String>) -> Result<Grant, TokenError> {
        let code = SecretString::from(back["code"].as_str());
        self.google.exchange(&code, &VERIFIER.into(), &REDIRECT.parse().unwrap()).await
    }

    async fn connect(&self) -> Grant {
        let back = self.consent(self.authorization(None), |_| true).await;
        self.exchange(&back).await.unwrap()
    }

    /// All pages of a feed: its events by id, its cursor, and how many pages there were.
    async fn pull(
        &self,
        token: &SecretString,
        calendar: &str,
        cursor: Option<&str>,
    ) -> Result<(HashMap<String, Change>, String, usize), PlatformError> {
        let (mut changes, mut page, mut pages) = (HashMap::new(), None::<String>, 0);
        loop {
            pages += 1;
            let position = Position { cursor, page: page.as_deref(), window: window() };
            let answer = self.google.changes(token, calendar, position).await?;
            assert_eq!(answer.zone.as_deref(), Some("Europe/Paris"));
            for change in answer.changes {
                assert!(changes.insert(change.id().to_owned(), change).is_none(), "each event once");
            }
            match answer.end {
                PageEnd::More(next) => page = Some(next),
                PageEnd::Cursor(cursor) => return Ok((changes, cursor, pages)),
                PageEnd::Cut => panic!("neither a page nor a cursor"),
            }
        }
    }
}

/// The names and values of a page's hidden fields and boxes.
fn inputs(html: &str) -> Vec<(String, String)> {
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
        let value = rest.split_once('"')?.0;
        Some(value.replace("&quot;", "\"").replace("&#39;", "'").replace("&lt;", "<").replace("&amp;", "&"))
    };
    let tags = html.split("<input ").skip(1).filter_map(|rest| Some(format!(" {}", rest.split_once('>')?.0)));
    tags.filter_map(|tag| Some((attribute(&tag, "name")?, attribute(&tag, "value")?))).collect()
}

fn event(changes: &HashMap<String, Change>, id: &str) -> ObservedEvent {
    match &changes[id] {
        Change::Present(event) => (**event).clone(),
        other => panic!("{other:?}"),
    }
}

fn timed(start: &str, end: &str) -> Span {
    Span::Timed { start: start.parse().unwrap(), end: end.parse().unwrap() }
}

fn hour(id: &str, start: &str, end: &str) -> Value {
    json!({"id": id, "summary": id, "start": {"dateTime": start, "timeZone": "Europe/Paris"},
           "end": {"dateTime": end, "timeZone": "Europe/Paris"}})
}

#[tokio::test]
async fn a_provider_consents_and_the_grant_lives_until_it_is_revoked() {
    let world = world(json!({})).await;
    let back = world.consent(world.authorization(None), |_| true).await;
    assert_eq!(back["state"], "the state");
    let grant = world.exchange(&back).await.unwrap();
    assert!(grant.covers_calendars, "{:?}", grant.scopes);
    assert!((3500..=3600).contains(&grant.expires_in.as_secs()));
    let refresh_token = grant.refresh_token.unwrap();

    let account = world.google.account(&grant.access_token).await.unwrap();
    assert_eq!(account.email, ANA);
    assert!(!account.id.is_empty() && account.id != ANA);

    let refreshed = world.google.refresh(&refresh_token).await.unwrap();
    assert!(refreshed.refresh_token.is_none(), "the stored one stays");
    assert!(refreshed.covers_calendars);
    assert_ne!(refreshed.access_token.expose_secret(), grant.access_token.expose_secret());
    assert_eq!(world.google.account(&refreshed.access_token).await.unwrap(), account);

    // A code is good for once.
    assert!(matches!(world.exchange(&back).await, Err(TokenError::Dead { code }) if code == "invalid_grant"));

    world.google.revoke(&refresh_token).await.unwrap();
    world.google.revoke(&refresh_token).await.unwrap();
    assert!(matches!(world.google.refresh(&refresh_token).await, Err(TokenError::Dead { .. })));
    let answer = world.google.account(&refreshed.access_token).await;
    assert!(matches!(answer, Err(PlatformError::Unauthorized)), "{answer:?}");
    let answer = world.google.calendars(&refreshed.access_token, None).await;
    assert!(matches!(answer, Err(PlatformError::Unauthorized)), "{answer:?}");
}

#[tokio::test]
async fn a_reconnection_preselects_the_account_and_asks_again() {
    let world = world(json!({})).await;
    world.control("accounts", json!({"email": "other@example.com"})).await;
    world.connect().await;
    let html = world.show(world.authorization(Some(ANA))).await;
    assert!(inputs(&html).contains(&("account".to_owned(), ANA.to_owned())), "straight to the consent page");
    let back = world.consent(world.authorization(Some(ANA)), |_| true).await;
    let again = world.exchange(&back).await.unwrap();
    assert!(again.refresh_token.is_some(), "also for someone who has consented before");
    assert_eq!(world.google.account(&again.access_token).await.unwrap().email, ANA);
}

#[tokio::test]
async fn a_box_left_unticked_is_noticed() {
    let world = world(json!({})).await;
    let back = world.consent(world.authorization(None), |scope| scope != EVENTS_SCOPE).await;
    let grant = world.exchange(&back).await.unwrap();
    assert!(!grant.covers_calendars, "{:?}", grant.scopes);
    assert!(world.google.calendars(&grant.access_token, None).await.is_ok(), "that box was ticked");
    let answer = world.pull(&grant.access_token, ANA, None).await;
    assert!(matches!(answer, Err(PlatformError::MissingScopes)), "{answer:?}");
    // What was granted before does not hide it.
    world.connect().await;
    let back = world.consent(world.authorization(Some(ANA)), |_| false).await;
    assert!(!world.exchange(&back).await.unwrap().covers_calendars);
}

#[tokio::test]
async fn the_token_endpoint_refuses_in_its_own_ways() {
    let world = world(json!({})).await;
    let refresh_token = world.connect().await.refresh_token.unwrap();

    let stranger = google(&world.simulator.base_url(), "not the secret");
    let refused = stranger.refresh(&refresh_token).await;
    assert!(matches!(refused, Err(TokenError::Misconfigured { code }) if code == "invalid_client"));
    let back = world.consent(world.authorization(None), |_| true).await;
    let code = SecretString::from(back["code"].as_str());
    let elsewhere = "http://127.0.0.1:3000/elsewhere".parse().unwrap();
    let refused = world.google.exchange(&code, &VERIFIER.into(), &elsewhere).await;
    assert!(matches!(refused, Err(TokenError::Misconfigured { code }) if code == "redirect_uri_mismatch"));
    let verifier = "another".repeat(9);
    let refused = world.google.exchange(&code, &verifier.into(), &REDIRECT.parse().unwrap()).await;
    assert!(matches!(refused, Err(TokenError::Dead { .. })));

    let at_the_token_endpoint = |mut fault: Value| {
        fault["path"] = json!("/token");
        world.fault(fault)
    };
    at_the_token_endpoint(json!({"kind": "status", "status": 429, "retry_after": "17"})).await;
    let wait = Some(Duration::from_secs(17));
    let refused = world.google.refresh(&refresh_token).await;
    assert!(matches!(refused, Err(TokenError::RateLimited { retry_after }) if retry_after == wait));
    for fault in [
        json!({"kind": "status", "status": 500}),
        json!({"kind": "status", "status": 503, "html": true}),
        json!({"kind": "reset_before"}),
        json!({"kind": "reset_after"}),
        json!({"kind": "garbled"}),
        json!({"kind": "truncated"}),
    ] {
        at_the_token_endpoint(fault.clone()).await;
        let refused = world.google.refresh(&refresh_token).await;
        assert!(matches!(refused, Err(TokenError::Unavailable { .. })), "{fault} {refused:?}");
    }
    at_the_token_endpoint(json!({"kind": "oauth_error", "error": "consent_required"})).await;
    let refused = world.google.refresh(&refresh_token).await;
    assert!(matches!(refused, Err(TokenError::Dead { code }) if code == "consent_required"));
    assert!(world.google.refresh(&refresh_token).await.is_ok());
}

#[tokio::test]
async fn the_list_of_calendars_over_pages() {
    let holidays = "en.usa#holiday@group.v.calendar.google.com";
    let world = world(json!({"calendars": [
        {"summary": "Shared", "id": "shared@group.calendar.google.com", "role": "freeBusyReader", "color": 14},
        {"summary": "Holidays", "id": holidays, "role": "reader", "zone": "America/New_York",
         "events": [{"id": "newyear", "start": {"date": "2026-01-01"}, "end": {"date": "2026-01-02"}}]},
        {"summary": "Hidden", "id": "hidden@group.calendar.google.com", "role": "writer"},
        {"summary": "Gone", "id": "gone@group.calendar.google.com"}
    ]}))
    .await;
    world
        .control(
            "edits",
            json!([
                {"do": "override_summary", "account": ANA, "calendar": holidays, "summary": "Jours fériés"},
                {"do": "hide_calendar", "account": ANA, "calendar": "hidden@group.calendar.google.com"},
                {"do": "withdraw_calendar", "account": ANA, "calendar": "gone@group.calendar.google.com"}
            ]),
        )
        .await;
    let token = world.connect().await.access_token;
    world.fault(json!({"kind": "small_pages", "size": 2, "path": "*/calendarList", "times": null})).await;
    world.fault(json!({"kind": "empty_page", "path": "*/calendarList"})).await;
    let (mut found, mut page, mut pages) = (HashMap::new(), None::<String>, 0);
    loop {
        let answer = world.google.calendars(&token, page.as_deref()).await.unwrap();
        pages += 1;
        found.extend(answer.calendars.into_iter().map(|calendar| (calendar.id.clone(), calendar)));
        match answer.next_page {
            Some(next) => page = Some(next),
            None => break,
        }
    }
    assert_eq!((found.len(), pages), (4, 3), "an empty page and two of two");
    assert_eq!(found[ANA].access, Access::Write);
    assert!(found[ANA].primary && found[ANA].zone.as_deref() == Some("Europe/Paris"));
    assert_eq!(
        found[holidays],
        RemoteCalendar {
            id: holidays.to_owned(),
            name: "Jours fériés".to_owned(),
            color: found[holidays].color.clone(),
            access: Access::Read,
            zone: Some("America/New_York".to_owned()),
            primary: false,
        }
    );
    assert_eq!(found["shared@group.calendar.google.com"].access, Access::BusyOnly);
    assert_eq!(found["shared@group.calendar.google.com"].color.as_deref(), Some("#9fe1e7"));
    assert_eq!(found["hidden@group.calendar.google.com"].access, Access::Write);

    // An id with a `#` in it is found at its address.
    let page = world
        .google
        .changes(&token, holidays, Position { cursor: None, page: None, window: window() })
        .await
        .unwrap();
    assert_eq!(page.changes.iter().map(Change::id).collect::<Vec<_>>(), ["newyear"]);
    assert_eq!(page.zone.as_deref(), Some("America/New_York"));
}

#[tokio::test]
async fn a_full_listing_then_only_what_changed() {
    let mut events: Vec<Value> = (0..7)
        .map(|day| {
            hour(
                &format!("single{day}"),
                &format!("2026-02-0{}T10:00:00", day + 1),
                &format!("2026-02-0{}T11:00:00", day + 1),
            )
        })
        .collect();
    let mut weekly = hour("weekly", "2026-01-13T18:00:00", "2026-01-13T19:00:00");
    weekly["recurrence"] = json!(["RRULE:FREQ=WEEKLY;BYDAY=TU"]);
    events.push(weekly);
    events.push(json!({"id": "vacation", "summary": "Away", "start": {"date": "2026-03-01"}, "end": {"date": "2026-03-06"}}));
    let world = world(json!({"events": events})).await;
    let slot = |day: &str| format!("{day}T17:00:00Z");
    world
        .control(
            "edits",
            json!([
                {"do": "cancel_instance", "account": ANA, "event": "weekly", "original_start": slot("2026-01-20")},
                {"do": "move_instance", "account": ANA, "event": "weekly", "original_start": slot("2026-01-27"),
                 "by_minutes": 90}
            ]),
        )
        .await;
    let token = world.connect().await.access_token;
    world.fault(json!({"kind": "small_pages", "size": 3, "path": "*/events", "times": null})).await;

    let (all, cursor, pages) = world.pull(&token, ANA, None).await.unwrap();
    assert_eq!((all.len(), pages), (11, 4));
    let vacation = event(&all, "vacation");
    let days = Span::AllDay { start: "2026-03-01".parse().unwrap(), end: "2026-03-06".parse().unwrap() };
    assert_eq!((&vacation.shape, vacation.details.title.as_str()), (&Shape::Single { span: days }, "Away"));
    assert!(vacation.details.link.is_some_and(|link| link.starts_with("https://www.google.com/calendar/")));
    assert!(vacation.revision.starts_with("3:\"") && vacation.updated.is_some());
    match event(&all, "weekly").shape {
        Shape::Master { series } => {
            assert_eq!(series.first, timed("2026-01-13T17:00:00Z", "2026-01-13T18:00:00Z"));
            assert_eq!(series.zone.as_deref(), Some("Europe/Paris"));
            assert_eq!(series.lines, ["RRULE:FREQ=WEEKLY;BYDAY=TU"]);
        }
        other => panic!("{other:?}"),
    }
    let exception = |day: &str, span: Option<Span>| Shape::Exception {
        master: "weekly".to_owned(),
        original_start: OriginalStart::Instant(slot(day).parse().unwrap()),
        span,
    };
    assert_eq!(event(&all, "weekly_20260120T170000Z").shape, exception("2026-01-20", None));
    let moved = timed("2026-01-27T18:30:00Z", "2026-01-27T19:30:00Z");
    assert_eq!(event(&all, "weekly_20260127T170000Z").shape, exception("2026-01-27", Some(moved)));

    // Nothing has changed.
    let (none, cursor, _) = world.pull(&token, ANA, Some(&cursor)).await.unwrap();
    assert!(none.is_empty(), "{none:?}");

    world
        .control(
            "edits",
            json!([
                {"do": "delete_event", "account": ANA, "event": "single0"},
                {"do": "move_event", "account": ANA, "event": "single1", "by_minutes": 60},
                {"do": "change_event", "account": ANA, "event": "single2", "changes": {"transparency": "transparent"}},
                {"do": "change_event", "account": ANA, "event": "single3", "changes": {"summary": "New"}},
                {"do": "add_event", "account": ANA, "event": hour("added1", "2026-02-10T10:00:00", "2026-02-10T09:59:00"),
                 "unchecked": true}
            ]),
        )
        .await;
    let (changed, next, pages) = world.pull(&token, ANA, Some(&cursor)).await.unwrap();
    assert_eq!((changed.len(), pages), (5, 2), "a delta is paged too: {changed:?}");
    assert_eq!(changed["single0"], Change::Gone { id: "single0".to_owned() });
    let single = event(&changed, "single1");
    assert_eq!(single.shape, Shape::Single { span: timed("2026-02-02T10:00:00Z", "2026-02-02T11:00:00Z") });
    assert_ne!(single.revision, event(&all, "single1").revision);
    assert_eq!(event(&changed, "single2").marks, Marks { free: true, ..Marks::default() });
    assert_eq!(event(&changed, "single3").details.title, "New");

    // A series that goes takes its exceptions along.
    world.control("edits", json!({"do": "delete_event", "account": ANA, "event": "weekly"})).await;
    let (gone, _, _) = world.pull(&token, ANA, Some(&next)).await.unwrap();
    assert_eq!(gone["weekly"], Change::Gone { id: "weekly".to_owned() });
    let (left, _, _) = world.pull(&token, ANA, None).await.unwrap();
    assert!(left.values().all(|change| !change.id().starts_with("weekly")), "{left:?}");
}

#[tokio::test]
async fn whether_an_invitation_blocks_follows_the_answer() {
    let world = world(json!({})).await;
    let token = world.token().await;
    let invitation = hour("meeting", "2026-02-01T10:00:00", "2026-02-01T11:00:00");
    let invite = json!({"do": "invite", "account": ANA, "from": "boss@example.com", "event": invitation});
    world.control("edits", invite).await;
    let (all, mut cursor, _) = world.pull(&token, ANA, None).await.unwrap();
    let unanswered = Marks { unanswered: true, ..Marks::default() };
    assert_eq!(event(&all, "meeting").marks, unanswered);
    for (response, marks) in [
        ("declined", Marks { declined: true, ..Marks::default() }),
        ("tentative", unanswered),
        ("accepted", Marks::default()),
    ] {
        let respond = json!({"do": "respond", "account": ANA, "event": "meeting", "response": response});
        world.control("edits", respond).await;
        let (changed, next, _) = world.pull(&token, ANA, Some(&cursor)).await.unwrap();
        assert_eq!(event(&changed, "meeting").marks, marks, "{response}");
        cursor = next;
    }
}

#[tokio::test]
async fn a_cursor_expires() {
    let world = world(json!({"events": [hour("one01", "2026-02-01T10:00:00", "2026-02-01T11:00:00")]})).await;
    let token = world.token().await;
    let (_, cursor, _) = world.pull(&token, ANA, None).await.unwrap();
    world.control("clock", json!({"advance": "1s"})).await;
    world.control("sync-tokens/expire", json!({"account": ANA})).await;
    let expired = world.pull(&token, ANA, Some(&cursor)).await;
    assert!(matches!(expired, Err(PlatformError::CursorExpired)), "{expired:?}");
    let (all, fresh, _) = world.pull(&token, ANA, None).await.unwrap();
    assert_eq!(all.len(), 1);
    assert!(world.pull(&token, ANA, Some(&fresh)).await.is_ok());
    // One that never was a token, as after a change of the simulator's or Google's format.
    let nonsense = world.pull(&token, ANA, Some("nonsense")).await;
    assert!(matches!(nonsense, Err(PlatformError::CursorExpired)), "{nonsense:?}");
    let position = Position { cursor: Some(&fresh), page: Some("nonsense"), window: window() };
    let nonsense = world.google.changes(&token, ANA, position).await;
    assert!(matches!(nonsense, Err(PlatformError::CursorExpired)), "{nonsense:?}");
}

#[tokio::test]
async fn the_platform_expands_a_series() {
    let mut daily = hour("daily", "2026-03-27T10:00:00", "2026-03-27T11:00:00");
    daily["recurrence"] = json!(["RRULE:FREQ=DAILY;COUNT=6"]);
    let single = hour("single", "2026-03-27T10:00:00", "2026-03-27T11:00:00");
    let world = world(json!({"events": [daily, single]})).await;
    world
        .control(
            "edits",
            json!([
                {"do": "cancel_instance", "account": ANA, "event": "daily", "original_start": "2026-03-28T09:00:00Z"},
                {"do": "move_instance", "account": ANA, "event": "daily", "original_start": "2026-03-29T08:00:00Z",
                 "by_minutes": 30}
            ]),
        )
        .await;
    let token = world.token().await;
    world.fault(json!({"kind": "small_pages", "size": 2, "path": "*/instances", "times": null})).await;
    let window =
        Interval::new("2026-03-27T12:00:00Z".parse().unwrap(), "2026-03-31T12:00:00Z".parse().unwrap());
    let (mut spans, mut page, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let answer = world.google.instances(&token, ANA, "daily", window, page.as_deref()).await.unwrap();
        pages += 1;
        for change in answer.changes {
            let Change::Present(event) = change else { panic!("{change:?}") };
            let Shape::Exception { master, original_start, span: Some(span) } = event.shape else { panic!() };
            assert_eq!(master, "daily");
            spans.push((original_start.to_string(), span));
        }
        match answer.end {
            PageEnd::More(next) => page = Some(next),
            end => {
                assert_eq!(end, PageEnd::Cursor(String::new()));
                break;
            }
        }
    }
    spans.sort();
    let hour_of = |at: &str, start: &str, end: &str| (at.to_owned(), timed(start, end));
    assert_eq!(
        spans,
        [
            hour_of("2026-03-29T08:00:00Z", "2026-03-29T08:30:00Z", "2026-03-29T09:30:00Z"),
            hour_of("2026-03-30T08:00:00Z", "2026-03-30T08:00:00Z", "2026-03-30T09:00:00Z"),
            hour_of("2026-03-31T08:00:00Z", "2026-03-31T08:00:00Z", "2026-03-31T09:00:00Z"),
        ],
        "not the one before the window, nor the cancelled one"
    );
    assert_eq!(pages, 2);

    let answer = world.google.instances(&token, ANA, "nothing", window, None).await;
    assert!(matches!(answer, Err(PlatformError::NotFound)), "{answer:?}");
    let answer = world.google.instances(&token, ANA, "single", window, None).await;
    assert!(matches!(answer, Err(PlatformError::Refused { status: 400, .. })), "{answer:?}");
}

#[tokio::test]
async fn what_goes_wrong_is_told_apart() {
    let world = world(json!({"events": [hour("one01", "2026-02-01T10:00:00", "2026-02-01T11:00:00")]})).await;
    let token = world.token().await;
    let status = |status: u16, reason: &str| json!({"kind": "status", "status": status, "reason": reason});
    let waits = |mut fault: Value| {
        fault["retry_after"] = json!("42");
        fault
    };
    let wait = format!("{:?}", Some(Duration::from_secs(42)));
    for (fault, meaning) in [
        (status(401, "authError"), "Unauthorized".to_owned()),
        (waits(status(403, "userRateLimitExceeded")), format!("RateLimited {{ retry_after: {wait} }}")),
        (status(403, "rateLimitExceeded"), "RateLimited { retry_after: None }".to_owned()),
        (waits(status(429, "rateLimitExceeded")), format!("RateLimited {{ retry_after: {wait} }}")),
        (status(403, "quotaExceeded"), "QuotaExhausted { retry_after: None }".to_owned()),
        (status(403, "insufficientPermissions"), "MissingScopes".to_owned()),
        (
            status(403, "accessNotConfigured"),
            "Refused { status: 403, code: \"accessNotConfigured\" }".to_owned(),
        ),
        (status(403, "forbidden"), "Forbidden { code: \"forbidden\" }".to_owned()),
        (status(404, "notFound"), "NotFound".to_owned()),
        (status(410, "fullSyncRequired"), "CursorExpired".to_owned()),
        (status(410, "deleted"), "NotFound".to_owned()),
        (status(400, "timeRangeEmpty"), "Refused { status: 400, code: \"timeRangeEmpty\" }".to_owned()),
        (
            waits(status(500, "backendError")),
            format!("Unavailable {{ reason: \"status 500\", retry_after: {wait} }}"),
        ),
    ] {
        world.fault(fault.clone()).await;
        let error = world.pull(&token, ANA, None).await.unwrap_err();
        assert_eq!(format!("{error:?}"), meaning, "{fault}");
    }
    for fault in [
        json!({"kind": "status", "status": 503, "html": true}),
        json!({"kind": "reset_before"}),
        json!({"kind": "reset_after"}),
        json!({"kind": "truncated"}),
        json!({"kind": "garbled"}),
    ] {
        world.fault(fault.clone()).await;
        match world.pull(&token, ANA, None).await {
            Err(PlatformError::Unavailable { reason, .. }) => assert!(!reason.contains(ANA), "{reason}"),
            other => panic!("{fault}: {other:?}"),
        }
    }
    // A calendar that cannot be seen.
    let answer = world
        .google
        .changes(&token, "bob@example.com", Position { cursor: None, page: None, window: window() })
        .await;
    assert!(matches!(answer, Err(PlatformError::NotFound)), "{answer:?}");
    assert_eq!(world.pull(&token, ANA, None).await.unwrap().0.len(), 1, "and all is well again");
}

#[tokio::test]
async fn events_that_make_no_sense_do_not_stop_the_others() {
    let odd = json!({"id": "backwards", "start": {"dateTime": "2026-02-01T10:00:00Z"},
                     "end": {"dateTime": "2026-02-01T09:00:00Z"}});
    let plain = hour("plain", "2026-02-01T10:00:00", "2026-02-01T11:00:00");
    let world = world(json!({"events": [odd, plain]})).await;
    let token = world.token().await;
    let (all, _, _) = world.pull(&token, ANA, None).await.unwrap();
    let empty = timed("2026-02-01T10:00:00Z", "2026-02-01T10:00:00Z");
    assert_eq!(event(&all, "backwards").shape, Shape::Single { span: empty });
    assert_eq!(
        event(&all, "plain").shape,
        Shape::Single { span: timed("2026-02-01T09:00:00Z", "2026-02-01T10:00:00Z") }
    );
}
