//! Microsoft's adapter against the simulator, over HTTP: the grant, the calendars, the feed.

#![expect(clippy::unwrap_used, reason = "a test may stop where it likes")]

mod support;

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use simone_sync::event::{Change, Marks, Shape, Span};
use simone_sync::platform::{
    Access, AuthorizationRequest, CalendarPlatform, Grant, PlatformError, TokenError,
};
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;
use support::outlook::{EVA, World, at, daily, hour, microsoft};
use support::{interval, window};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const REDIRECT: &str = "http://127.0.0.1:3000/oauth/outlook/callback";

async fn consent(world: &World) -> HashMap<String, String> {
    let mut page = world.microsoft.authorization_url(&AuthorizationRequest {
        state: "the state",
        verifier: &VERIFIER.into(),
        redirect_uri: &REDIRECT.parse().unwrap(),
        login_hint: None,
    });
    let mut form: Vec<(String, String)> = page.query_pairs().into_owned().collect();
    form.push(("account".to_owned(), EVA.to_owned()));
    form.push(("decision".to_owned(), "allow".to_owned()));
    page.set_query(None);
    let answer = world.browser.post(page).form(&form).send().await.unwrap();
    let back: Url = answer.headers()["location"].to_str().unwrap().parse().unwrap();
    assert!(back.as_str().starts_with(REDIRECT), "{back}");
    back.query_pairs().into_owned().collect()
}

async fn exchange(world: &World, back: &HashMap<String, String>) -> Result<Grant, TokenError> {
    let code = SecretString::from(back["code"].as_str());
    world.microsoft.exchange(&code, &VERIFIER.into(), &REDIRECT.parse().unwrap()).await
}

#[tokio::test]
async fn a_provider_consents_and_the_refresh_token_rotates() {
    let world = World::start(json!({})).await;
    let back = consent(&world).await;
    assert_eq!(back["state"], "the state");
    let grant = exchange(&world, &back).await.unwrap();
    assert!(grant.covers_calendars, "{:?}", grant.scopes);
    let account = world.microsoft.account(&grant.access_token).await.unwrap();
    assert_eq!(account.email, EVA);
    assert!(!account.id.is_empty() && account.id != EVA);
    assert!(matches!(exchange(&world, &back).await, Err(TokenError::Dead { .. })), "a code is good for once");

    world.switch(json!({"strict_refresh": true})).await;
    let first = grant.refresh_token.unwrap();
    let refreshed = world.microsoft.refresh(&first).await.unwrap();
    let second = refreshed.refresh_token.unwrap();
    assert_ne!(first.expose_secret(), second.expose_secret());
    assert!(refreshed.covers_calendars);
    assert_eq!(world.microsoft.account(&refreshed.access_token).await.unwrap(), account);
    let reused = world.microsoft.refresh(&first).await;
    assert!(matches!(reused, Err(TokenError::Dead { code }) if code == "invalid_grant"));
    // There is nothing to be told.
    world.microsoft.revoke(&second).await.unwrap();
}

#[tokio::test]
async fn what_ends_a_grant_is_told_from_what_does_not() {
    let world = World::start(json!({})).await;
    let grant = exchange(&world, &consent(&world).await).await.unwrap();
    let refresh_token = grant.refresh_token.unwrap();
    let stranger = microsoft(&world.simulator.base_url(), "not the secret");
    let refused = stranger.refresh(&refresh_token).await;
    assert!(matches!(refused, Err(TokenError::Misconfigured { code }) if code == "invalid_client"));

    let faulty = |mut fault: serde_json::Value| {
        fault["path"] = json!("*/token");
        world.fault(fault)
    };
    faulty(json!({"kind": "status", "status": 429, "retry_after": "17"})).await;
    let wait = Some(Duration::from_secs(17));
    let refused = world.microsoft.refresh(&refresh_token).await;
    assert!(matches!(refused, Err(TokenError::RateLimited { retry_after }) if retry_after == wait));
    for fault in [json!({"kind": "status", "status": 503, "html": true}), json!({"kind": "reset_after"})] {
        faulty(fault.clone()).await;
        let refused = world.microsoft.refresh(&refresh_token).await;
        assert!(matches!(refused, Err(TokenError::Unavailable { .. })), "{fault} {refused:?}");
    }
    for error in ["consent_required", "interaction_required"] {
        faulty(json!({"kind": "oauth_error", "error": error})).await;
        let refused = world.microsoft.refresh(&refresh_token).await;
        assert!(matches!(refused, Err(TokenError::Dead { code }) if code == error));
    }
    world.control("accounts/change", json!({"account": EVA, "end": "password"})).await;
    assert!(matches!(world.microsoft.refresh(&refresh_token).await, Err(TokenError::Dead { .. })));
}

#[tokio::test]
async fn scopes_that_are_withheld_are_noticed() {
    let world = World::start(json!({})).await;
    world.switch(json!({"scope_names": "long", "withheld_scopes": ["MailboxSettings.Read"]})).await;
    let mut grant = exchange(&world, &consent(&world).await).await.unwrap();
    assert!(grant.covers_calendars, "{:?}", grant.scopes);
    let world = World { token: grant.access_token, ..world };
    let listed = world.calendars().await.unwrap();
    assert!(listed.iter().all(|calendar| calendar.zone.is_none()), "the settings are not to be seen");

    world.switch(json!({"withheld_scopes": ["Calendars.ReadWrite", "Calendars.ReadWrite.Shared"]})).await;
    grant = exchange(&world, &consent(&world).await).await.unwrap();
    assert!(!grant.covers_calendars, "{:?}", grant.scopes);
    let world = World { token: grant.access_token, ..world };
    let refused = world.pull(None).await;
    assert!(
        matches!(refused, Err(PlatformError::MissingScopes | PlatformError::Forbidden { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn the_list_of_calendars() {
    let calendars: Vec<_> =
        (0..25).map(|at| json!({"name": format!("C{at}"), "color": "lightTeal"})).collect();
    let world = World::start(json!({"calendars": calendars})).await;
    world.edit(json!({"do": "add_calendar", "name": "Club", "hex": "#FF8C00", "can_edit": false})).await;
    let listed = world.calendars().await.unwrap();
    let named = |name: &str| listed.iter().find(|calendar| calendar.name == name).unwrap();
    assert_eq!((named("Club").access, named("Club").color.as_deref()), (Access::Read, Some("#ff8c00")));
    assert_eq!((named("C24").access, named("C24").color.as_deref()), (Access::Write, Some("#4adacc")));
    assert_eq!(listed.iter().filter(|calendar| calendar.primary).count(), 1);
    assert!(listed.iter().all(|calendar| calendar.zone.as_deref() == Some("Romance Standard Time")));
    let ids: BTreeSet<&str> = listed.iter().map(|calendar| calendar.id.as_str()).collect();
    assert_eq!(ids.len(), listed.len());
}

#[tokio::test]
async fn a_first_round_tells_all_that_stands_in_the_window() {
    let world = World::start(json!({})).await;
    let lunch = world.made(hour("Lunch", "2026-01-12T12:00:00", "2026-01-12T13:00:00")).await;
    world.made(hour("Far", "2027-01-12T12:00:00", "2027-01-12T13:00:00")).await;
    let yoga = world.made(daily("Yoga", 5)).await;
    let mut holiday = hour("Holiday", "2026-02-01T00:00:00", "2026-02-03T00:00:00");
    holiday["isAllDay"] = json!(true);
    let holiday = world.made(holiday).await;
    let pulled = world.pull(None).await.unwrap();
    assert_eq!(pulled.titles(), ["Holiday", "Lunch", "Yoga", "Yoga", "Yoga", "Yoga", "Yoga"]);
    let span = interval("2026-01-12T11:00:00Z", "2026-01-12T12:00:00Z");
    assert_eq!(pulled.event(&lunch).shape.single(), Some(span), "told in UTC");
    assert_eq!(
        pulled.event(&holiday).shape,
        Shape::Single {
            span: Span::AllDay { start: "2026-02-01".parse().unwrap(), end: "2026-02-03".parse().unwrap() }
        }
    );
    let of_yoga = pulled.present().into_iter().filter(|event| event.shape.master() == Some(&yoga));
    assert_eq!(of_yoga.count(), 5);
    assert!(!pulled.changes.contains_key(&yoga), "a master is no event");

    let again = world.pull(Some(&pulled.cursor)).await.unwrap();
    assert!(again.changes.is_empty() && again.pages == 1, "nothing happened: one request");
}

#[tokio::test]
async fn a_large_calendar_takes_tens_of_requests() {
    let world = World::start(json!({})).await;
    let events: Vec<_> = (0..40).map(|at| daily(&format!("S{at}"), 60)).collect();
    for event in events {
        world.made(event).await;
    }
    let pulled = world.pull(None).await.unwrap();
    assert_eq!(pulled.present().len(), 2400);
    assert!(pulled.pages < 40, "{} requests", pulled.pages);
}

#[tokio::test]
async fn a_later_round_tells_what_changed() {
    let world = World::start(json!({})).await;
    let lunch = world.made(hour("Lunch", "2026-01-12T12:00:00", "2026-01-12T13:00:00")).await;
    let dentist = world.made(hour("Dentist", "2026-01-13T12:00:00", "2026-01-13T13:00:00")).await;
    world.made(daily("Yoga", 5)).await;
    let before = world.pull(None).await.unwrap();

    world.change(&lunch, json!({"subject": "Dinner", "showAs": "free"})).await;
    world.remove(&dentist).await;
    let after = world.pull(Some(&before.cursor)).await.unwrap();
    assert_eq!(after.titles(), ["Dinner"]);
    assert_eq!(after.event(&lunch).marks, Marks { free: true, ..Marks::default() });
    assert_ne!(after.event(&lunch).revision, before.event(&lunch).revision);
    assert_eq!(after.changes[&dentist], Change::Gone { id: dentist });
    assert_eq!(after.pages, 2);
    assert!(after.whole.is_empty());

    // Out of the window: it is removed, though it is still there.
    world.change(&lunch, json!({"start": at("2027-01-12T12:00:00"), "end": at("2027-01-12T13:00:00")})).await;
    let moved = world.pull(Some(&after.cursor)).await.unwrap();
    assert_eq!(moved.changes[&lunch], Change::Gone { id: lunch.clone() });
    assert!(world.pull(Some(&moved.cursor)).await.unwrap().changes.is_empty());
}

#[tokio::test]
async fn an_event_that_was_dragged_away_and_back_still_blocks() {
    let world = World::start(json!({"calendars": [{"name": "Club"}]})).await;
    let lunch = world.made(hour("Lunch", "2026-01-12T12:00:00", "2026-01-12T13:00:00")).await;
    let before = world.pull(None).await.unwrap();
    world.edit(json!({"do": "drag_to_calendar", "event": lunch, "to": "Club"})).await;
    let moved = world.pull(Some(&before.cursor)).await.unwrap();
    assert_eq!(moved.changes[&lunch], Change::Gone { id: lunch.clone() });
    world.edit(json!({"do": "drag_to_calendar", "event": lunch, "to": "primary"})).await;
    let back = world.pull(Some(&moved.cursor)).await.unwrap();
    assert_eq!(back.titles(), ["Lunch"]);
    // Between two rounds, with immutable ids only its leaving is told (reference sheet 6.2).
    world.edit(json!({"do": "drag_to_calendar", "event": lunch, "to": "Club"})).await;
    world.edit(json!({"do": "drag_to_calendar", "event": lunch, "to": "primary"})).await;
    let there = world.pull(Some(&back.cursor)).await.unwrap();
    assert_eq!(there.titles(), ["Lunch"]);
}

#[tokio::test]
async fn a_series_is_read_again_as_a_whole() {
    for masters in ["inside", "never", "always", "removed"] {
        let world = World::start(json!({})).await;
        world.switch(json!({"delta_masters": masters})).await;
        let yoga = world.made(daily("Yoga", 5)).await;
        let before = world.pull(None).await.unwrap();
        let ids = |pulled: &support::outlook::Pulled| -> BTreeSet<String> {
            pulled.present().iter().map(|event| event.id.clone()).collect()
        };
        // A deleted occurrence is not announced (reference sheet 6.2).
        let slot = "2026-01-13";
        world.edit(json!({"do": "delete_occurrence", "event": yoga, "original_start": slot})).await;
        let after = world.pull(Some(&before.cursor)).await.unwrap();
        assert_eq!(after.whole, BTreeSet::from([yoga.clone()]), "{masters}");
        assert!(ids(&after).is_subset(&ids(&before)) && ids(&after).len() == 4);

        // Neither are those of a series that was put on other days.
        world.edit(json!({"do": "reschedule_series", "event": yoga, "by_days": 1})).await;
        let moved = world.pull(Some(&after.cursor)).await.unwrap();
        assert_eq!(moved.whole, BTreeSet::from([yoga.clone()]));
        assert!(!ids(&moved).is_empty() && !ids(&moved).is_subset(&ids(&after)));

        // An exception keeps the name that its slot gave it.
        let one = moved.present()[0].clone();
        world.change(&one.id, json!({"subject": "Pilates"})).await;
        let changed = world.pull(Some(&moved.cursor)).await.unwrap();
        assert_eq!(changed.event(&one.id).shape.original_start(), one.shape.original_start());
        assert_eq!(changed.event(&one.id).details.title, "Pilates");

        world.remove(&yoga).await;
        let gone = world.pull(Some(&changed.cursor)).await.unwrap();
        assert!(gone.present().is_empty());
        assert_eq!(gone.changes.get(&yoga), Some(&Change::Gone { id: yoga.clone() }), "{masters}");
    }
}

#[tokio::test]
async fn when_many_series_are_touched_the_view_tells_of_them() {
    let world = World::start(json!({})).await;
    let mut series = Vec::new();
    for at in 0..12 {
        series.push(world.made(daily(&format!("S{at}"), 3)).await);
    }
    let before = world.pull(None).await.unwrap();
    for id in &series[1..] {
        world.change(id, json!({"subject": "Yoga"})).await;
    }
    world.remove(&series[0]).await;
    let after = world.pull(Some(&before.cursor)).await.unwrap();
    assert_eq!(after.titles(), vec!["Yoga"; 33]);
    for id in &series[1..] {
        assert!(after.whole.contains(id));
    }
    assert!(after.whole.contains(&series[0]) || after.changes.contains_key(&series[0]), "it is gone");
    assert_eq!(after.pages, 2);
}

#[tokio::test]
async fn a_cursor_expires_in_whatever_disguise_and_with_its_window() {
    let world = World::start(json!({})).await;
    world.made(hour("Lunch", "2026-01-12T12:00:00", "2026-01-12T13:00:00")).await;
    let pulled = world.pull(None).await.unwrap();
    let tomorrow = interval("2026-01-08T09:00:00Z", "2026-04-26T09:00:00Z");
    let expired = world.pull_of(&world.calendar, Some(&pulled.cursor), tomorrow).await;
    assert!(matches!(expired, Err(PlatformError::CursorExpired)), "{expired:?}");
    let nonsense = world.pull(Some("nonsense")).await;
    assert!(matches!(nonsense, Err(PlatformError::CursorExpired)), "{nonsense:?}");
    assert!(world.pull(Some(&pulled.cursor)).await.is_ok());
    world.edit(json!({"do": "expire_delta", "calendar": "primary"})).await;
    let expired = world.pull(Some(&pulled.cursor)).await;
    assert!(matches!(expired, Err(PlatformError::CursorExpired)), "{expired:?}");
    assert_eq!(world.pull(None).await.unwrap().titles(), ["Lunch"]);
}

#[tokio::test]
async fn a_shared_calendar_is_read_through_its_own_path_and_may_be_withdrawn() {
    let world = World::start(json!({})).await;
    let owner = "max@contoso.test";
    let lunch = hour("Lunch", "2026-01-12T12:00:00", "2026-01-12T13:00:00");
    world
        .control("accounts", json!({"platform": "outlook", "email": owner, "zone": "UTC", "events": [lunch]}))
        .await;
    let shared = json!({"do": "share_calendar", "from": owner, "calendar": "primary", "can_edit": false});
    world.edit(shared).await;
    let before = world.calendars().await.unwrap();
    let mut theirs = None;
    for calendar in before.iter().filter(|calendar| !calendar.primary) {
        let pulled = world.pull_of(&calendar.id, None, window()).await.unwrap();
        if pulled.titles() == ["Lunch"] {
            theirs = Some((calendar.id.clone(), pulled));
        }
    }
    let (id, pulled) = theirs.expect("it is listed");
    let edit = json!({"platform": "outlook", "do": "change_event", "account": owner,
                      "event": pulled.present()[0].id, "changes": {"subject": "Dinner"}});
    world.control("edits", edit).await;
    let after = world.pull_of(&id, Some(&pulled.cursor), window()).await.unwrap();
    assert_eq!(after.titles(), ["Dinner"]);
    world.edit(json!({"do": "withdraw_calendar", "calendar": id})).await;
    let gone = world.pull_of(&id, Some(&after.cursor), window()).await;
    assert!(matches!(gone, Err(PlatformError::NotFound | PlatformError::Forbidden { .. })), "{gone:?}");
}

#[tokio::test]
async fn faults_say_what_they_are() {
    let world = World::start(json!({})).await;
    let pulled = world.pull(None).await.unwrap();
    let delta = |mut fault: serde_json::Value| {
        fault["path"] = json!("*/calendarView/delta");
        world.fault(fault)
    };
    delta(json!({"kind": "status", "status": 429, "retry_after": "Sat, 10 Jan 2099 09:00:00 GMT"})).await;
    let limited = world.pull(Some(&pulled.cursor)).await;
    assert!(matches!(limited, Err(PlatformError::RateLimited { retry_after: Some(_) })), "{limited:?}");
    for fault in [
        json!({"kind": "status", "status": 503, "html": true}),
        json!({"kind": "reset_before"}),
        json!({"kind": "truncated"}),
        json!({"kind": "garbled"}),
    ] {
        delta(fault.clone()).await;
        let refused = world.pull(Some(&pulled.cursor)).await;
        assert!(matches!(refused, Err(PlatformError::Unavailable { .. })), "{fault} {refused:?}");
    }
    let stranger = SecretString::from("not a token");
    let refused = world.microsoft.calendars(&stranger, None).await;
    assert!(matches!(refused, Err(PlatformError::Unauthorized)), "{refused:?}");
    assert!(world.pull(Some(&pulled.cursor)).await.is_ok());
}
