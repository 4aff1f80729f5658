//! The controls of Microsoft's side, which tests drive as they drive Google's.

use reqwest::Method;
use serde_json::json;
use simone_simulator::{DEMO_OUTLOOK_CLIENT_ID, DEMO_OUTLOOK_CLIENT_SECRET, Options};

use crate::graph_support::{EVA, LEO};
use crate::support::{NOW, Sim, instant};

#[tokio::test]
async fn accounts_come_with_tokens_that_work_and_what_stands_in_their_calendars() {
    let sim = Sim::graph().await;
    let event = json!({
        "subject": "Dentist",
        "start": {"dateTime": "2027-03-25T09:00:00", "timeZone": "Romance Standard Time"},
        "end": {"dateTime": "2027-03-25T10:00:00", "timeZone": "Romance Standard Time"},
    });
    let account = sim
        .control(
            "accounts",
            json!({
                "platform": "outlook", "email": "zoe@fabrikam.test", "name": "Zoé", "zone": "Asia/Tokyo",
                "events": [event], "calendars": [{"name": "Club", "can_edit": false, "events": [event]}],
            }),
        )
        .await;
    assert_eq!((&account["platform"], &account["personal"]), (&json!("outlook"), &json!(false)));
    let refreshed = sim.refreshed(account["refresh_token"].as_str().unwrap(), &[]).await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.body);
    let token = refreshed.body["access_token"].as_str().unwrap();
    let get = async |path: &str| sim.graph_get_as(token, path).await.body;
    assert_eq!(get("/me/events").await["value"][0]["subject"], "Dentist");
    let calendars = get("/me/calendars").await;
    let club = calendars["value"].as_array().unwrap().iter().find(|one| one["name"] == "Club").unwrap();
    assert_eq!(club["canEdit"], false);
    assert_eq!(get("/me/mailboxSettings/timeZone").await["value"], "Tokyo Standard Time");
    for wrong in [
        json!({"platform": "outlook", "email": "no address"}),
        json!({"platform": "outlook", "email": "a@b", "zone": "Middle-earth"}),
        json!({"platform": "outlook", "email": "a@b", "colour": "red"}),
        json!({"platform": "elsewhere", "email": "a@b"}),
    ] {
        let refused = sim.http.post(sim.url("/_control/accounts")).json(&wrong).send().await.unwrap();
        assert_eq!(refused.status(), 400, "{wrong}");
    }
    let clients = sim.observe("clients").await;
    let demo = clients.as_array().unwrap().iter().find(|one| one["platform"] == "outlook").unwrap();
    assert_eq!(
        (&demo["client_id"], &demo["client_secret"]),
        (&json!(DEMO_OUTLOOK_CLIENT_ID), &json!(DEMO_OUTLOOK_CLIENT_SECRET))
    );
}

#[tokio::test]
async fn edits_find_the_platform_of_their_account() {
    let sim = Sim::graph().await;
    sim.control("accounts", json!({"email": "ana@example.test"})).await;
    let event = json!({
        "subject": "X",
        "start": {"dateTime": "2027-03-25T09:00:00", "timeZone": "UTC"},
        "end": {"dateTime": "2027-03-25T10:00:00", "timeZone": "UTC"},
    });
    let added = sim.control("edits", json!({"do": "add_event", "account": EVA, "event": event})).await;
    let id = added["event"]["id"].as_str().unwrap();
    sim.control("edits", json!({"do": "move_event", "account": EVA, "event": id, "by_minutes": 60})).await;
    let held = sim.observe(&format!("events?account={EVA}")).await;
    assert_eq!(held[0]["start"]["dateTime"], "2027-03-25T10:00:00.0000000");
    assert_eq!(sim.observe("events?account=ana@example.test").await, json!([]));
    sim.control("edits", json!({"do": "delete_event", "platform": "outlook", "account": EVA, "event": id}))
        .await;
    assert_eq!(sim.observe(&format!("events?account={EVA}&platform=outlook")).await, json!([]));
}

#[tokio::test]
async fn delta_links_expire_when_told_to() {
    let sim = Sim::graph().await;
    let window = "startDateTime=2027-03-01T00:00:00Z&endDateTime=2027-04-01T00:00:00Z";
    let mut page = sim.graph_get(&format!("/me/calendarView/delta?{window}")).await.body;
    let base = sim.url("/v1.0");
    while let Some(next) = page["@odata.nextLink"].as_str() {
        page = sim.graph_get(next.strip_prefix(&base).unwrap()).await.body;
    }
    let link = page["@odata.deltaLink"].as_str().unwrap().strip_prefix(&base).unwrap().to_owned();
    assert_eq!(sim.graph_get(&link).await.status, 200);
    sim.control("sync-tokens/expire", json!({"account": EVA})).await;
    assert_eq!(sim.graph_get(&link).await.status, 410);
}

#[tokio::test]
async fn the_log_knows_whose_requests_there_were() {
    let sim = Sim::graph().await;
    sim.graph_get("/me/calendars").await;
    let (_, refresh) = sim.connected(LEO).await;
    sim.refreshed(&refresh, &[]).await;
    let log = sim.observe("requests").await;
    let log = log.as_array().unwrap();
    assert!(log.iter().any(|one| one["path"] == "/v1.0/me/calendars" && one["account"] == EVA));
    assert!(log.iter().any(|one| one["path"] == "/common/oauth2/v2.0/token" && one["account"] == LEO));
    assert!(!json!(log).to_string().contains(&refresh), "no secrets");
}

#[tokio::test]
async fn writes_with_guests_are_noted() {
    let sim = Sim::graph().await;
    let event = json!({
        "subject": "X",
        "start": {"dateTime": "2027-03-25T09:00:00", "timeZone": "UTC"},
        "end": {"dateTime": "2027-03-25T10:00:00", "timeZone": "UTC"},
    });
    sim.graph_send(Method::POST, "/me/events", event.clone()).await;
    assert_eq!(sim.observe("guests").await, json!([]));
    let mut invited = event;
    invited["attendees"] = json!([{"type": "required", "emailAddress": {"address": "bob@x.test"}}]);
    let made = sim.graph_send(Method::POST, "/me/events", invited).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let guests = sim.observe("guests").await;
    assert_eq!((&guests[0]["account"], &guests[0]["guests"]), (&json!(EVA), &json!(1)));
}

#[tokio::test]
async fn switches_of_microsoft_stand_under_its_name() {
    let sim = Sim::graph().await;
    let set =
        sim.control("settings", json!({"microsoft": {"concurrency": 2, "delta_duplicates": true}})).await;
    assert_eq!(
        (&set["microsoft"]["concurrency"], &set["microsoft"]["delta_duplicates"]),
        (&json!(2), &json!(true))
    );
    assert_eq!(set["microsoft"]["strict_refresh"], false, "the rest stays");
    for wrong in [json!({"microsoft": {"colour": 1}}), json!({"microsoft": {"concurrency": "two"}})] {
        let refused = sim.http.post(sim.url("/_control/settings")).json(&wrong).send().await.unwrap();
        assert_eq!(refused.status(), 400, "{wrong}");
    }
}

#[tokio::test]
async fn the_state_file_holds_microsoft_too() {
    let file = std::env::temp_dir().join(format!("simulator-outlook-{}.json", std::process::id()));
    let _ = std::fs::remove_file(&file);
    let options =
        Options { now: Some(instant(NOW)), seed: 7, state_file: Some(file.clone()), ..Options::default() };
    let sim = Sim::with(options.clone()).await;
    sim.control("accounts", json!({"platform": "outlook", "email": EVA})).await;
    let (_, refresh) = sim.connected(EVA).await;
    sim.stop().await;
    let sim = Sim::with(options.clone()).await;
    assert_eq!(sim.refreshed(&refresh, &[]).await.status, 200, "grants outlive the process");
    sim.stop().await;
    // A file from before there was Microsoft.
    let mut older: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    older.as_object_mut().unwrap().remove("microsoft");
    std::fs::write(&file, older.to_string()).unwrap();
    let sim = Sim::with(options).await;
    let clients = sim.observe("clients").await;
    assert!(clients.as_array().unwrap().iter().any(|one| one["client_id"] == DEMO_OUTLOOK_CLIENT_ID));
    let _ = std::fs::remove_file(&file);
}

#[tokio::test]
async fn the_demo_has_a_work_account_and_a_personal_one() {
    let sim = Sim::with(Options { now: Some(instant(NOW)), demo: true, ..Options::default() }).await;
    let accounts = sim.observe("accounts").await;
    let outlook: Vec<_> =
        accounts.as_array().unwrap().iter().filter(|one| one["platform"] == "outlook").collect();
    assert_eq!(outlook.len(), 2);
    assert!(
        outlook.iter().any(|one| one["personal"] == true)
            && outlook.iter().any(|one| one["personal"] == false)
    );
    for account in outlook {
        let email = account["email"].as_str().unwrap();
        let held = sim.observe(&format!("events?platform=outlook&account={email}")).await;
        assert!(held.as_array().unwrap().iter().any(|one| one["type"] == "seriesMaster"), "{email}: {held}");
    }
}
