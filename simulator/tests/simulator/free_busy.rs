//! `freeBusy.query` (9).

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{ANA, BEN, Sim, timed, yoga};

async fn ask(sim: &Sim, more: Value) -> crate::support::Reply {
    let mut asked = json!({
        "timeMin": "2027-03-22T00:00:00Z", "timeMax": "2027-03-26T00:00:00Z", "items": [{"id": "primary"}],
    });
    for (name, value) in more.as_object().unwrap() {
        asked[name] = value.clone();
    }
    sim.send(Method::POST, "/freeBusy", asked).await
}

#[tokio::test]
async fn busy_times_are_merged_and_cut() {
    let sim = Sim::start().await;
    sim.add(timed("A", "2027-03-22T10:00:00", "2027-03-22T11:00:00")).await;
    sim.add(timed("B", "2027-03-22T10:30:00", "2027-03-22T12:00:00")).await;
    sim.add(timed("C", "2027-03-22T12:00:00", "2027-03-22T12:30:00")).await;
    sim.add(yoga()).await;
    let mut free = timed("Free", "2027-03-24T10:00:00", "2027-03-24T11:00:00");
    free["transparency"] = "transparent".into();
    sim.add(free).await;
    sim.add(json!({"summary": "Away", "start": {"date": "2027-03-25"}, "end": {"date": "2027-03-28"}})).await;
    let invited = timed("No", "2027-03-24T15:00:00", "2027-03-24T16:00:00");
    let invited = sim.edit(json!({"do": "invite", "from": "boss@x.test", "event": invited})).await;
    sim.edit(json!({"do": "respond", "event": invited["event"]["id"], "response": "declined"})).await;
    let answer = ask(&sim, json!({})).await.body;
    assert_eq!(
        (&answer["kind"], &answer["timeMin"]),
        (&json!("calendar#freeBusy"), &json!("2027-03-22T00:00:00.000Z"))
    );
    assert_eq!(
        answer["calendars"]["primary"]["busy"],
        json!([
            {"start": "2027-03-22T09:00:00Z", "end": "2027-03-22T11:30:00Z"},
            {"start": "2027-03-23T17:00:00Z", "end": "2027-03-23T18:00:00Z"},
            {"start": "2027-03-24T23:00:00Z", "end": "2027-03-26T00:00:00Z"},
        ])
    );
    let paris = ask(&sim, json!({"timeZone": "Europe/Paris"})).await.body;
    assert_eq!(paris["calendars"]["primary"]["busy"][1]["start"], "2027-03-23T18:00:00+01:00");
    sim.control("settings", json!({"free_busy_key": "own"})).await;
    assert!(ask(&sim, json!({})).await.body["calendars"][ANA]["busy"].is_array());
}

#[tokio::test]
async fn a_calendar_that_cannot_be_read_is_an_error_of_its_own() {
    let sim = Sim::start().await;
    sim.account(BEN).await;
    let both = json!({"items": [{"id": "primary"}, {"id": BEN}]});
    let answer = ask(&sim, both.clone()).await.body;
    assert_eq!(answer["calendars"][BEN]["errors"], json!([{"domain": "global", "reason": "notFound"}]));
    assert!(answer["calendars"]["primary"].get("errors").is_none());
    sim.edit(json!({"do": "set_role", "account": ANA, "calendar": BEN, "role": "freeBusyReader"})).await;
    assert!(ask(&sim, both).await.body["calendars"][BEN].get("errors").is_none());
    let many: Vec<Value> = (0..51).map(|number| json!({"id": format!("c{number}@x")})).collect();
    let answer = ask(&sim, json!({"items": many})).await.body;
    assert_eq!(answer["calendars"]["c49@x"]["errors"][0]["reason"], "notFound");
    assert_eq!(answer["calendars"]["c50@x"]["errors"][0]["reason"], "tooManyCalendarsRequested");
}

#[tokio::test]
async fn odd_questions_are_refused() {
    let sim = Sim::start().await;
    for (odd, reason) in [
        (json!({"timeMin": null}), "required"),
        (json!({"timeMax": "2027-03-22T00:00:00Z"}), "timeRangeEmpty"),
        (json!({"timeMax": "2047-03-22T00:00:00Z"}), "timeRangeTooLong"),
        (json!({"timeMax": "soon"}), "badRequest"),
        (json!({"timeZone": "Mars"}), "invalid"),
        (json!({"items": "primary"}), "invalid"),
    ] {
        let refused = ask(&sim, odd.clone()).await;
        assert_eq!((refused.status, refused.reason()), (400, reason), "{odd}");
    }
}
