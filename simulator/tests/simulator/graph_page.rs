//! Outlook's calendars on the page on which a person edits them.

use reqwest::Method;
use serde_json::{Value, json};
use simone_simulator::Options;

use crate::graph_support::{EVA, LEO};
use crate::support::{NOW, Sim, instant};

impl Sim {
    async fn outlook_page(&self) -> String {
        let page = self.http.get(self.url("/")).header("accept-language", "fr").send().await.unwrap();
        page.text().await.unwrap()
    }

    async fn outlook_press(&self, form: &[(&str, &str)]) -> u16 {
        let mut fields = vec![("platform", "outlook"), ("account", EVA), ("at", "o0-0")];
        if !form.iter().any(|(name, _)| *name == "calendar") {
            fields.push(("calendar", "primary"));
        }
        fields.extend(form);
        let done = self.http.post(self.url("/_simulator/edit")).form(&fields).send().await.unwrap();
        if done.status() == 303 {
            assert_eq!(done.headers()["location"], "/#calendar-o0-0");
        }
        done.status().as_u16()
    }

    async fn held(&self) -> Vec<Value> {
        self.observe(&format!("events?platform=outlook&account={EVA}")).await.as_array().unwrap().clone()
    }

    async fn added(&self, title: &str, more: &[(&str, &str)]) -> Value {
        let form =
            [("do", "add"), ("title", title), ("start", "2027-03-23T09:30"), ("end", "2027-03-23T10:00")];
        assert_eq!(self.outlook_press(&[&form[..], more].concat()).await, 303);
        self.held().await.into_iter().find(|event| event["subject"] == title).unwrap()
    }
}

#[tokio::test]
async fn outlook_stands_beside_google() {
    let sim = Sim::with(Options { now: Some(instant(NOW)), demo: true, ..Options::default() }).await;
    let page = sim.outlook_page().await;
    for text in [
        "aria-label=\"Compte camille.moreau@gmail.test\"",
        "aria-label=\"Compte camille@maison-moreau.test\"",
        "aria-label=\"Compte camille.moreau@outlook.test\"",
        "aria-label=\"Agenda Calendrier\"",
        "aria-label=\"Agenda Salle de soin\"",
        "Romance Standard Time",
        "Entretien annuel",
        "Déplacer vers cet agenda",
        "Annuler cette occurrence",
        "lecture seule",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("<script") && !page.contains(" style="));
}

#[tokio::test]
async fn events_are_added_by_hand() {
    let sim = Sim::graph().await;
    let plain = sim.added("Plain", &[]).await;
    assert_eq!(plain["start"]["dateTime"], "2027-03-23T08:30:00.0000000", "in the mailbox' zone");
    let day = sim.added("Day", &[("all_day", "on"), ("free", "on")]).await;
    assert_eq!((&day["isAllDay"], &day["showAs"]), (&json!(true), &json!("free")));
    assert_eq!(day["end"]["dateTime"], "2027-03-24T00:00:00.0000000");
    let weekly = sim.added("Weekly", &[("weekly", "on")]).await;
    assert_eq!(weekly["recurrence"]["pattern"]["daysOfWeek"], json!(["tuesday"]));
    assert!(sim.outlook_page().await.contains("mar. 30 mars 2027, 09:30 – 10:00"), "its next occurrence");
    assert_eq!(sim.outlook_press(&[("do", "add"), ("start", "soon")]).await, 400);
    assert_eq!(sim.outlook_press(&[("do", "add"), ("start", "é"), ("all_day", "on")]).await, 400);
    assert_eq!(sim.outlook_press(&[("do", "juggle")]).await, 400);
    assert_eq!(sim.outlook_press(&[("do", "delete"), ("event", "nothing")]).await, 404);
}

#[tokio::test]
async fn events_are_changed_moved_dragged_and_deleted_by_hand() {
    let sim = Sim::graph().await;
    let event = sim.added("X", &[]).await;
    let id = event["immutableId"].as_str().unwrap();
    assert_eq!(sim.outlook_press(&[("do", "move:60"), ("event", id)]).await, 303);
    assert_eq!(sim.held().await[0]["start"]["dateTime"], "2027-03-23T09:30:00.0000000");
    let form = [
        ("do", "change"),
        ("event", id),
        ("title", "Y"),
        ("start", "2027-03-29T08:00"),
        ("end", "2027-03-29T09:15"),
    ];
    assert_eq!(sim.outlook_press(&form).await, 303);
    let changed = &sim.held().await[0];
    assert_eq!(
        (&changed["subject"], &changed["end"]["dateTime"]),
        (&json!("Y"), &json!("2027-03-29T07:15:00.0000000"))
    );
    assert_eq!(sim.outlook_press(&[("do", "duplicate"), ("event", id)]).await, 303);
    assert_eq!(sim.held().await.len(), 2);
    let club = sim.graph_send(Method::POST, "/me/calendars", json!({"name": "Club"})).await.body;
    let club = club["id"].as_str().unwrap();
    assert_eq!(sim.outlook_press(&[("do", "drag"), ("event", id), ("to", club)]).await, 303);
    assert_eq!(sim.held().await.len(), 1);
    assert_eq!(sim.outlook_press(&[("do", "delete"), ("event", id), ("calendar", club)]).await, 303);
    assert_eq!(sim.outlook_press(&[("do", "delete"), ("event", id), ("calendar", club)]).await, 404);
}

#[tokio::test]
async fn series_and_invitations_are_handled_by_hand() {
    let sim = Sim::graph().await;
    let weekly = sim.added("Weekly", &[("weekly", "on")]).await;
    let series = weekly["immutableId"].as_str().unwrap();
    let window = "startDateTime=2027-03-20T00:00:00Z&endDateTime=2027-04-03T00:00:00Z";
    let starts = async || {
        let view = sim.graph_get(&format!("/me/calendarView?{window}&$orderby=start/dateTime")).await.body;
        let all = view["value"].as_array().unwrap().clone();
        all.iter().map(|one| one["start"]["dateTime"].as_str().unwrap()[..16].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(sim.outlook_press(&[("do", "series:move:60"), ("series", series)]).await, 303);
    // The clocks change in between.
    assert_eq!(starts().await, ["2027-03-23T09:30", "2027-03-30T08:30"]);
    assert_eq!(sim.outlook_press(&[("do", "series:move:1440"), ("series", series)]).await, 303);
    assert_eq!(starts().await, ["2027-03-24T09:30", "2027-03-31T08:30"]);
    let view = sim
        .asking(Method::GET, &format!("/me/calendarView?{window}"))
        .header("prefer", "IdType=\"ImmutableId\"");
    let view = view.send().await.body;
    let occurrence = view["value"][0]["id"].as_str().unwrap();
    assert_eq!(sim.outlook_press(&[("do", "move:60"), ("event", occurrence)]).await, 303);
    assert_eq!(sim.outlook_press(&[("do", "delete"), ("event", occurrence)]).await, 303);
    assert_eq!(starts().await.len(), 1);
    assert_eq!(sim.outlook_press(&[("do", "series:delete"), ("series", series)]).await, 303);
    let event = json!({
        "subject": "Invited",
        "start": {"dateTime": "2027-03-24T09:00:00", "timeZone": "UTC"},
        "end": {"dateTime": "2027-03-24T10:00:00", "timeZone": "UTC"},
    });
    let invite = json!({"platform": "outlook", "do": "invite", "account": EVA, "from": LEO, "event": event});
    let invited = sim.control("edits", invite).await;
    assert!(sim.outlook_page().await.contains("sans réponse"));
    let id = invited["immutable_id"].as_str().unwrap();
    assert_eq!(sim.outlook_press(&[("do", "accept"), ("event", id)]).await, 303);
    assert_eq!(sim.held().await[0]["responseStatus"]["response"], "accepted");
    assert_eq!(sim.outlook_press(&[("do", "decline"), ("event", id)]).await, 303);
    assert_eq!(sim.held().await, Vec::<Value>::new(), "what is declined leaves the calendar");
    assert_eq!(sim.outlook_press(&[("do", "zone"), ("zone", "Asia/Tokyo")]).await, 303);
    assert_eq!(sim.graph_get("/me/mailboxSettings/timeZone").await.body["value"], "Tokyo Standard Time");
}

#[tokio::test]
async fn hostile_texts_are_harmless_in_outlook() {
    let sim = Sim::graph().await;
    let hostile = "\"'><script>alert(1)</script>&amp;<img src=x onerror=alert(1)>";
    sim.added(hostile, &[]).await;
    sim.control(
        "edits",
        json!({"platform": "outlook", "do": "add_calendar", "account": EVA, "name": hostile}),
    )
    .await;
    let page = sim.outlook_page().await;
    assert!(!page.contains("<script") && !page.contains("<img") && page.contains("&lt;script&gt;"));
}
