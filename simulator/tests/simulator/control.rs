//! The controls, the demo data, starting and stopping.

use serde_json::{Value, json};
use simone_simulator::{DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, Options};

use crate::support::{ANA, NOW, Sim, instant, timed};

#[tokio::test]
async fn listed_accounts_and_clients_work() {
    let mut sim = Sim::start().await;
    let accounts = sim.observe("accounts").await;
    assert_eq!((&accounts[0]["platform"], &accounts[0]["email"]), (&json!("google"), &json!(ANA)));
    let clients = sim.observe("clients").await;
    assert_eq!(clients[0]["platform"], "google");
    assert_eq!(
        (&clients[0]["client_id"], &clients[0]["client_secret"]),
        (&json!(DEMO_CLIENT_ID), &json!(DEMO_CLIENT_SECRET))
    );
    let form = [
        ("client_id", DEMO_CLIENT_ID),
        ("client_secret", DEMO_CLIENT_SECRET),
        ("grant_type", "refresh_token"),
        ("refresh_token", accounts[0]["refresh_token"].as_str().unwrap()),
    ];
    let tokens: Value =
        sim.http.post(sim.url("/token")).form(&form).send().await.unwrap().json().await.unwrap();
    for token in [&accounts[0]["access_token"], &tokens["access_token"]] {
        sim.token = token.as_str().unwrap().to_owned();
        assert_eq!(sim.get("/users/me/calendarList").await.status, 200);
    }
    let again = sim.observe("accounts").await;
    assert_eq!(again[0]["refresh_token"], accounts[0]["refresh_token"]);
    assert_eq!(sim.observe("grants").await, json!([]), "nobody consented");
}

#[tokio::test]
async fn an_account_can_come_with_calendars_and_events() {
    let mut sim = Sim::start().await;
    let event = timed("X", "2027-03-20T10:00:00", "2027-03-20T11:00:00");
    let added = sim
        .control(
            "accounts",
            json!({
                "platform": "google", "email": "zoe@x.test", "name": "Zoé Z", "zone": "Asia/Tokyo", "events": [event],
                "calendars": [{"summary": "Work", "id": "work@x", "role": "reader", "events": [event, event]}],
            }),
        )
        .await;
    sim.token = added["access_token"].as_str().unwrap().to_owned();
    let list = sim.get("/users/me/calendarList").await.body;
    assert_eq!(list["items"][0]["timeZone"], "Asia/Tokyo");
    assert_eq!(list["items"][1]["accessRole"], "reader");
    assert_eq!(sim.list("").await.0.len(), 1);
    assert_eq!(sim.list_of("work@x", "").await.0.len(), 2);
    for bad in [
        json!({}),
        json!({"email": "x"}),
        json!({"email": "a@b", "zone": "Mars"}),
        json!({"email": "a@b", "platform": "elsewhere"}),
    ] {
        let refused = sim.http.post(sim.url("/_control/accounts")).json(&bad).send().await.unwrap();
        assert_eq!(refused.status(), 400, "{bad}");
    }
}

#[tokio::test]
async fn the_clock_obeys() {
    let sim = Sim::start().await;
    let now = |clock: &Value| instant(clock["now"].as_str().unwrap());
    let clock = sim.observe("clock").await;
    assert_eq!((now(&clock), &clock["frozen"]), (instant(NOW), &json!(true)));
    for (advance, wanted) in [
        (json!(90), "2027-03-19T08:01:30Z"),
        (json!("2h"), "2027-03-19T10:01:30Z"),
        (json!("3w"), "2027-04-09T10:01:30Z"),
        (json!("-1d"), "2027-04-08T10:01:30Z"),
    ] {
        assert_eq!(now(&sim.control("clock", json!({"advance": advance})).await), instant(wanted));
    }
    let set = sim.control("clock", json!({"now": "2030-01-01T00:00:00+01:00", "freeze": false})).await;
    assert_eq!(set["frozen"], false);
    let later = now(&sim.observe("clock").await);
    assert!(later >= instant("2029-12-31T23:00:00Z") && later < instant("2029-12-31T23:10:00Z"), "it runs");
    let frozen = now(&sim.control("clock", json!({"freeze": true})).await);
    assert_eq!(now(&sim.observe("clock").await), frozen);
    sim.control("clock", json!({"follow": true})).await;
    assert!(now(&sim.observe("clock").await) < instant("2029-01-01T00:00:00Z"), "the machine's own time");
    for bad in [
        json!({"advance": "soon"}),
        json!({"now": "x"}),
        json!({"advance": "999999999999999d"}),
        json!({"jump": 1}),
    ] {
        let refused = sim.http.post(sim.url("/_control/clock")).json(&bad).send().await.unwrap();
        assert_eq!(refused.status(), 400, "{bad}");
    }
}

#[tokio::test]
async fn the_log_holds_no_secrets() {
    let sim = Sim::start().await;
    sim.get("/calendars/primary/events?access_token=very-secret&syncToken=cursor&maxResults=7&q=a%20b").await;
    sim.http.post(sim.url("/token?code=very-secret")).body("refresh_token=very-secret").send().await.unwrap();
    let log = sim.observe("requests").await;
    let text = log.to_string();
    assert!(!text.contains("very-secret") && !text.contains("cursor") && !text.contains(&sim.token));
    assert!(log[0]["query"].as_str().unwrap().contains("maxResults=7&q=a+b"));
    assert_eq!(log[0]["account"], ANA);
    let since = log[0]["number"].as_u64().unwrap();
    assert_eq!(sim.observe(&format!("requests?since={since}")).await.as_array().unwrap().len(), 1);
    sim.http.delete(sim.url("/_control/requests")).send().await.unwrap();
    assert_eq!(sim.observe("requests").await, json!([]));
}

#[tokio::test]
async fn a_reset_starts_afresh_and_the_same_seed_gives_the_same_world() {
    let options = Options { now: Some(instant(NOW)), seed: 3, demo: true, ..Options::default() };
    let (one, two) = (Sim::with(options.clone()).await, Sim::with(options).await);
    let events = async |sim: &Sim| sim.observe("events?account=camille.moreau@gmail.test").await;
    let before = events(&one).await;
    assert_eq!(before, events(&two).await);
    let edit =
        json!({"do": "delete_event", "account": "camille.moreau@gmail.test", "event": before[0]["id"]});
    one.edit(edit).await;
    one.control("faults", json!({"kind": "garbled"})).await;
    assert_ne!(before, events(&one).await);
    one.control("reset", json!({})).await;
    assert_eq!(before, events(&one).await);
    assert_eq!(one.observe("faults").await, json!([]));
}

#[tokio::test]
async fn the_demo_is_what_the_tour_shows() {
    let mut sim = Sim::with(Options { now: Some(instant(NOW)), demo: true, ..Options::default() }).await;
    let accounts = sim.observe("accounts").await;
    assert_eq!(
        (&accounts[0]["email"], &accounts[1]["email"]),
        (&json!("camille.moreau@gmail.test"), &json!("camille.pro@gmail.test"))
    );
    sim.token = accounts[0]["access_token"].as_str().unwrap().to_owned();
    let list = sim.get("/users/me/calendarList").await.body;
    let shown: Vec<_> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["summary"].as_str().unwrap(), item["accessRole"].as_str().unwrap()))
        .collect();
    assert_eq!(
        shown,
        [("camille.moreau@gmail.test", "owner"), ("Famille", "owner"), ("Jours fériés en France", "reader")]
    );
    // From a Friday: the coming weeks.
    let window =
        "singleEvents=true&orderBy=startTime&timeMin=2027-03-19T08:00:00Z&timeMax=2027-04-05T00:00:00Z";
    let (events, _) = sim.list(window).await;
    let find = |summary: &str| events.iter().filter(|event| event["summary"] == summary).collect::<Vec<_>>();
    let yoga: Vec<_> =
        find("Yoga").iter().map(|event| event["start"]["dateTime"].as_str().unwrap()).collect();
    assert_eq!(yoga, ["2027-03-23T18:00:00+01:00", "2027-03-30T18:00:00+02:00"]);
    assert_eq!(find("Dentiste")[0]["start"]["dateTime"], "2027-03-25T15:00:00+01:00");
    let holiday = find("Vacances")[0];
    assert_eq!(
        (&holiday["start"]["date"], &holiday["end"]["date"]),
        (&json!("2027-03-29"), &json!("2027-04-03"))
    );
    assert!(events.iter().any(|event| event["eventType"] == "workingLocation"));
    assert!(events.iter().any(|event| event["eventType"] == "birthday"));
    assert!(events.iter().any(|event| event["status"] == "tentative"));
    let holidays = list["items"][2]["id"].as_str().unwrap().replace('#', "%23");
    let (days, _) = sim.list_of(&holidays, "maxResults=2500").await;
    assert!(days.iter().all(|day| day["transparency"] == "transparent" && day["start"]["date"].is_string()));
    assert!(
        days.iter().any(|day| day["summary"] == "Lundi de Pâques" && day["start"]["date"] == "2027-03-29")
    );
    sim.token = accounts[1]["access_token"].as_str().unwrap().to_owned();
    let list = sim.get("/users/me/calendarList").await.body;
    assert_eq!(list["items"][1]["accessRole"], "freeBusyReader");
}

#[tokio::test]
async fn edits_that_make_no_sense_are_refused() {
    let sim = Sim::start().await;
    let id = sim.add(timed("X", "2027-03-20T10:00:00", "2027-03-20T11:00:00")).await;
    for (edit, status) in [
        (json!({"do": "dance"}), 400),
        (json!({"do": "delete_event", "account": "nobody@x", "event": "x"}), 404),
        (json!({"do": "delete_event", "account": ANA, "event": "x"}), 404),
        (json!({"do": "move_instance", "account": ANA, "event": "x", "original_start": "y"}), 404),
        (json!({"do": "set_calendar_zone", "account": ANA, "zone": "Mars"}), 400),
        (json!({"do": "delete_calendar", "account": ANA, "calendar": ANA}), 403),
        (json!({"do": "add_event", "account": ANA, "event": {"start": 1}}), 400),
        (json!({"do": "move_event", "account": ANA, "event": id, "by_minutes": i64::MAX}), 400),
        (json!({"do": "move_event", "account": ANA, "event": id, "by_minutes": 137_000_000_000_i64}), 400),
        (json!({"do": "move_event", "account": ANA, "event": id, "by_minuts": 1}), 400),
    ] {
        let refused = sim.http.post(sim.url("/_control/edits")).json(&edit).send().await.unwrap();
        assert_eq!(refused.status(), status, "{edit}");
    }
    let many = json!([{"do": "add_calendar", "account": ANA, "summary": "A"}, {"do": "add_calendar", "account": ANA, "summary": "B"}]);
    assert_eq!(sim.control("edits", many).await.as_array().unwrap().len(), 2);
    assert_eq!(sim.http.get(sim.url("/_control/nothing")).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_deleted_calendar_is_gone_for_everybody() {
    let sim = Sim::start().await;
    sim.edit(json!({"do": "add_calendar", "summary": "F", "id": "fam@x"})).await;
    let token = sim.get("/users/me/calendarList").await.body["nextSyncToken"].as_str().unwrap().to_owned();
    sim.edit(json!({"do": "delete_calendar", "calendar": "fam@x"})).await;
    assert_eq!(sim.get("/calendars/fam@x/events").await.reason(), "notFound");
    let news = sim.get(&format!("/users/me/calendarList?syncToken={token}")).await.body;
    assert_eq!((&news["items"][0]["id"], &news["items"][0]["deleted"]), (&json!("fam@x"), &json!(true)));
}

#[tokio::test]
async fn a_stopped_simulator_frees_its_port() {
    let sim = Sim::with(Options { demo: true, ..Options::default() }).await;
    let port: u16 = sim.url("").rsplit(':').next().unwrap().parse().unwrap();
    assert_eq!(sim.observe("clock").await["frozen"], false);
    sim.stop().await;
    let again = Sim::with(Options { port, ..Options::default() }).await;
    assert_eq!(again.observe("accounts").await, json!([]));
}

#[tokio::test]
async fn a_state_file_outlives_the_process() {
    let file = std::env::temp_dir().join(format!("simone-simulator-{}.json", std::process::id()));
    let options = || Options {
        demo: true,
        state_file: Some(file.clone()),
        now: Some(instant(NOW)),
        ..Options::default()
    };
    let mut sim = Sim::with(options()).await;
    sim.token = sim.account(ANA).await;
    let id = sim.add(timed("Kept", "2025-06-02T10:00:00+02:00", "2025-06-02T11:00:00+02:00")).await;
    let (_, cursor) = sim.list("").await;
    let token = sim.token.clone();
    // As a crash would end it: nothing is asked to be saved.
    drop(sim);

    let mut again = Sim::with(options()).await;
    again.token = token;
    assert_eq!(again.get(&format!("/calendars/primary/events/{id}")).await.body["summary"], "Kept");
    let added = again.add(timed("New", "2025-06-03T10:00:00+02:00", "2025-06-03T11:00:00+02:00")).await;
    assert_ne!(added, id);
    let (news, _) = again.list(&format!("syncToken={}", cursor.unwrap())).await;
    assert_eq!(crate::support::ids(&news), [added.as_str()]);
    again.stop().await;
    std::fs::remove_file(&file).unwrap();
}

#[tokio::test]
async fn a_state_file_from_before_there_were_rules_is_read() {
    let file = std::env::temp_dir().join(format!("simone-simulator-older-{}.json", std::process::id()));
    let options =
        || Options { state_file: Some(file.clone()), now: Some(instant(NOW)), ..Options::default() };
    let mut sim = Sim::with(options()).await;
    sim.token = sim.account(ANA).await;
    sim.edit(json!({"do": "add_calendar", "summary": "Club", "id": "club@x", "role": "reader"})).await;
    let token = sim.token.clone();
    sim.stop().await;
    let mut state: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let google = &mut state["google"];
    for calendar in google["calendars"].as_object_mut().unwrap().values_mut() {
        calendar.as_object_mut().unwrap().retain(|name, _| !name.starts_with("acl"));
    }
    for (entry, role) in
        google["accounts"][0]["entries"].as_array_mut().unwrap().iter_mut().zip(["owner", "reader"])
    {
        entry["role"] = role.into();
    }
    for name in ["channels", "channel_ids"] {
        google.as_object_mut().unwrap().remove(name);
    }
    std::fs::write(&file, state.to_string()).unwrap();

    let mut sim = Sim::with(options()).await;
    sim.token = token;
    let list = sim.get("/users/me/calendarList").await.body;
    let roles: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|entry| entry["accessRole"].as_str().unwrap()).collect();
    assert_eq!(roles, ["owner", "reader"]);
    sim.stop().await;
    std::fs::remove_file(&file).unwrap();
}
