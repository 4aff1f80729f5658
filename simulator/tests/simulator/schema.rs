//! Every body of a broad scenario fits Google's own description of the API.
//!
//! `schema/google-calendar-v3.json` is trimmed from that description; its `source` says which revision.

use reqwest::Method;
use serde_json::{Value, json};
use simone_simulator::Options;

use crate::support::{ANA, NOW, Reply, Sim, instant, timed, yoga};

fn schemas() -> Value {
    serde_json::from_str(include_str!("../../schema/google-calendar-v3.json")).unwrap()
}

/// Where and how a value departs from a schema.
fn misfits(schemas: &Value, schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let named = &schemas["schemas"][name];
        assert!(named.is_object(), "no schema {name}");
        return misfits(schemas, named, value, path, found);
    }
    let mut wrong = |what: &str| found.push(format!("{path}: {what}: {value}"));
    match schema["type"].as_str() {
        Some("object") => {
            let Some(fields) = value.as_object() else { return wrong("not an object") };
            for (name, inner) in fields {
                let path = format!("{path}.{name}");
                match schema["properties"].get(name).or_else(|| schema.get("additionalProperties")) {
                    Some(schema) => misfits(schemas, schema, inner, &path, found),
                    None => found.push(format!("{path}: unknown field")),
                }
            }
        }
        Some("array") => {
            let Some(items) = value.as_array() else { return wrong("not an array") };
            for (number, item) in items.iter().enumerate() {
                misfits(schemas, &schema["items"], item, &format!("{path}[{number}]"), found);
            }
        }
        Some("boolean") if !value.is_boolean() => wrong("not a boolean"),
        Some("integer") if !value.is_i64() => wrong("not an integer"),
        Some("string") => {
            let Some(text) = value.as_str() else { return wrong("not a string") };
            match schema["format"].as_str() {
                Some("date") if text.parse::<chrono::NaiveDate>().is_err() => wrong("not a date"),
                Some("date-time") if chrono::DateTime::parse_from_rfc3339(text).is_err() => {
                    wrong("not a time")
                }
                _ => {}
            }
        }
        Some("any" | "boolean" | "integer") => {}
        other => panic!("{path}: a type that this test does not know: {other:?}"),
    }
}

fn check(schema: &str, reply: &Reply) {
    assert_eq!(reply.status, 200, "{}", reply.body);
    let schemas = schemas();
    let mut found = Vec::new();
    misfits(&schemas, &json!({"$ref": schema}), &reply.body, schema, &mut found);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn what_does_not_fit_is_found() {
    let mut found = Vec::new();
    let odd = json!({
        "items": [{"id": 7, "start": {"date": "soon", "day": 1}, "sequence": "1"}], "nextSyncToken": null, "updated": "now",
    });
    misfits(&schemas(), &json!({"$ref": "Events"}), &odd, "Events", &mut found);
    assert_eq!(found.len(), 6, "{found:#?}");
}

#[tokio::test]
async fn bodies_fit_googles_schema() {
    let mut sim = Sim::with(Options { now: Some(instant(NOW)), demo: true, ..Options::default() }).await;
    // All demo accounts, all their calendars, in every way of listing.
    let accounts = sim.observe("accounts").await;
    for account in accounts.as_array().unwrap() {
        sim.token = account["access_token"].as_str().unwrap().to_owned();
        let list = sim.get("/users/me/calendarList?showHidden=true&showDeleted=true").await;
        check("CalendarList", &list);
        for entry in list.body["items"].as_array().unwrap() {
            let id = entry["id"].as_str().unwrap().replace('#', "%23");
            check("CalendarListEntry", &sim.get(&format!("/users/me/calendarList/{id}")).await);
            check("Calendar", &sim.get(&format!("/calendars/{id}")).await);
            for query in ["", "singleEvents=true&maxResults=20", "showDeleted=true", "timeZone=Asia/Tokyo"] {
                check("Events", &sim.get(&format!("/calendars/{id}/events?{query}")).await);
            }
        }
    }

    sim.token = sim.account(ANA).await;
    let events = "/calendars/primary/events";
    let rich = json!({
        "id": "richrichrich", "summary": "Rich", "description": "<b>bold</b>", "location": "L", "colorId": "5",
        "start": {"dateTime": "2027-03-25T10:00:00+01:00"}, "end": {"dateTime": "2027-03-25T11:00:00+01:00"},
        "attendees": [{"email": ANA, "displayName": "Ana", "optional": true}, {"email": "c@x.test", "additionalGuests": 2}],
        "extendedProperties": {"private": {"a": "1"}, "shared": {"b": "2"}},
        "reminders": {"useDefault": false, "overrides": [{"method": "popup", "minutes": 5}]},
        "source": {"url": "https://example.com/x", "title": "x"}, "transparency": "transparent", "visibility": "private",
        "guestsCanModify": true, "guestsCanInviteOthers": false, "status": "tentative", "unknownField": {"x": 1},
    });
    let made = sim.send(Method::POST, events, rich.clone()).await;
    check("Event", &made);
    assert!(made.body.get("unknownField").is_none());
    let path = format!("{events}/richrichrich");
    check("Event", &sim.get(&path).await);
    check("Event", &sim.get(&format!("{path}?maxAttendees=1")).await);
    check("Event", &sim.send(Method::PATCH, &path, json!({"summary": "R"})).await);
    check("Event", &sim.send(Method::PUT, &path, rich).await);

    let yoga = sim.send(Method::POST, events, yoga()).await;
    check("Event", &yoga);
    let id = yoga.body["id"].as_str().unwrap();
    check("Events", &sim.get(&format!("{events}/{id}/instances?maxResults=5")).await);
    let token = sim.list("").await.1.unwrap();
    sim.edit(json!({"do": "move_instance", "event": id, "original_start": "2027-03-23T17:00:00Z", "by_minutes": 30})).await;
    sim.edit(json!({"do": "cancel_instance", "event": id, "original_start": "2027-03-30T16:00:00Z"})).await;
    sim.edit(json!({"do": "split_series", "event": id, "original_start": "2027-04-20T16:00:00Z"})).await;
    sim.edit(json!({"do": "invite", "from": "boss@x.test", "event": timed("M", "2027-03-26T10:00:00", "2027-03-26T11:00:00")})).await;
    sim.edit(json!({"do": "delete_event", "event": "richrichrich"})).await;
    check("Event", &sim.get(&path).await);
    check("Events", &sim.get(&format!("{events}?syncToken={token}")).await);
    check(
        "Events",
        &sim.get(&format!("{events}?singleEvents=true&showDeleted=true&timeMax=2028-01-01T00:00:00Z")).await,
    );
    sim.edit(json!({"do": "add_calendar", "summary": "F", "id": "fam@x"})).await;
    check(
        "Event",
        &sim.send(Method::POST, &format!("{events}/{id}/move?destination=fam@x"), json!({})).await,
    );
    let mut import = timed("I", "2027-03-26T10:00:00", "2027-03-26T11:00:00");
    import["iCalUID"] = "u@x".into();
    check("Event", &sim.send(Method::POST, &format!("{events}/import"), import).await);
}
