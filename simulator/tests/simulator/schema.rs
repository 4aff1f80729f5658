//! Every body fits Google's own description of the API, the discovery document (revision in the file): each
//! answer that any test here gets through `Sim::get` and `Sim::send` is checked, and one broad scenario makes
//! every method answer.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use reqwest::Method;
use serde_json::{Value, json};
use simone_simulator::Options;

use crate::support::{ANA, BEN, NOW, Reply, Sim, instant, timed, yoga};

static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../schema/google-calendar-v3.discovery.json")).unwrap()
});

/// All methods: id, HTTP method, path, and the schema of the answer.
fn methods() -> impl Iterator<Item = (&'static str, &'static str, &'static str, Option<&'static str>)> {
    let resources = DESCRIPTION["resources"].as_object().unwrap().values();
    resources.flat_map(|resource| resource["methods"].as_object().unwrap().values()).map(|method| {
        let text = |name: &str| method[name].as_str().unwrap();
        (text("id"), text("httpMethod"), text("path"), method["response"]["$ref"].as_str())
    })
}

/// Checks an answer against the method that a request was for, and names the method; `None` if there is none such
/// or it was refused.
pub fn check(http_method: &str, path: &str, reply: &Reply) -> Option<String> {
    let path = path.split('?').next().unwrap().trim_start_matches('/');
    let fits = |template: &str| {
        let (given, wanted): (Vec<_>, Vec<_>) = (path.split('/').collect(), template.split('/').collect());
        given.len() == wanted.len()
            && given.iter().zip(wanted).all(|(given, wanted)| wanted.starts_with('{') || wanted == *given)
    };
    // `events/import` is no event's id.
    let (id, _, _, schema) = methods()
        .filter(|(_, method, template, _)| *method == http_method && fits(template))
        .min_by_key(|(_, _, template, _)| template.matches('{').count())?;
    if !(200..300).contains(&reply.status) {
        check_error(id, reply);
        return None;
    }
    match schema {
        Some(schema) => {
            assert_eq!(reply.status, 200, "{id}");
            let mut found = Vec::new();
            misfits(&json!({"$ref": schema}), &reply.body, schema, &mut found);
            assert!(found.is_empty(), "{id}: {found:#?}");
        }
        None => assert_eq!((reply.status, reply.body.as_str()), (204, Some("")), "{id}"),
    }
    Some(id.to_owned())
}

/// Errors have Google's envelope (3.1), which its description of the API leaves out; a fault's page has none.
fn check_error(id: &str, reply: &Reply) {
    let Some(error) = reply.body.get("error") else { return };
    assert_eq!(error["code"], reply.status, "{id}: {error}");
    assert!(error["message"].is_string(), "{id}: {error}");
    for name in ["domain", "reason", "message"] {
        assert!(error["errors"][0][name].is_string(), "{id}: {error}");
    }
}

/// Where and how a value departs from a schema.
fn misfits(schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let named = &DESCRIPTION["schemas"][name];
        assert!(named.is_object(), "no schema {name}");
        return misfits(named, value, path, found);
    }
    let mut wrong = |what: &str| found.push(format!("{path}: {what}: {value}"));
    match schema["type"].as_str() {
        Some("object") => {
            let Some(fields) = value.as_object() else { return wrong("not an object") };
            for (name, inner) in fields {
                let path = format!("{path}.{name}");
                match schema["properties"].get(name).or_else(|| schema.get("additionalProperties")) {
                    Some(schema) => misfits(schema, inner, &path, found),
                    None => found.push(format!("{path}: unknown field")),
                }
            }
        }
        Some("array") => {
            let Some(items) = value.as_array() else { return wrong("not an array") };
            for (number, item) in items.iter().enumerate() {
                misfits(&schema["items"], item, &format!("{path}[{number}]"), found);
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

#[test]
fn what_does_not_fit_is_found() {
    let mut found = Vec::new();
    let odd = json!({
        "items": [{"id": 7, "start": {"date": "soon", "day": 1}, "sequence": "1"}], "nextSyncToken": null, "updated": "now",
    });
    misfits(&json!({"$ref": "Events"}), &odd, "Events", &mut found);
    assert_eq!(found.len(), 6, "{found:#?}");
}

/// A request that must succeed.
async fn done(sim: &Sim, method: Method, path: &str, body: Value) -> Reply {
    let reply = match method {
        Method::GET => sim.get(path).await,
        _ => sim.send(method, path, body).await,
    };
    assert!((200..300).contains(&reply.status), "{path}: {}", reply.body);
    reply
}

async fn get(sim: &Sim, path: &str) -> Value {
    done(sim, Method::GET, path, Value::Null).await.body
}

#[tokio::test]
async fn demo_bodies_fit_googles_schema() {
    let mut sim = Sim::with(Options { now: Some(instant(NOW)), demo: true, ..Options::default() }).await;
    // All demo accounts, all their calendars, in every way of listing.
    let accounts = sim.observe("accounts").await;
    for account in accounts.as_array().unwrap().iter().filter(|one| one["platform"] == "google") {
        sim.token = account["access_token"].as_str().unwrap().to_owned();
        let list = get(&sim, "/users/me/calendarList?showHidden=true&showDeleted=true").await;
        for entry in list["items"].as_array().unwrap() {
            let id = entry["id"].as_str().unwrap().replace('#', "%23");
            get(&sim, &format!("/users/me/calendarList/{id}")).await;
            get(&sim, &format!("/calendars/{id}")).await;
            for query in ["", "singleEvents=true&maxResults=20", "showDeleted=true", "timeZone=Asia/Tokyo"] {
                get(&sim, &format!("/calendars/{id}/events?{query}")).await;
            }
        }
    }
}

#[tokio::test]
async fn every_methods_body_fits_googles_schema() {
    let sim = Sim::start().await;
    sim.account(BEN).await;
    let (post, put, patch, delete) = (Method::POST, Method::PUT, Method::PATCH, Method::DELETE);
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
    let made = done(&sim, post.clone(), events, rich.clone()).await;
    assert!(made.body.get("unknownField").is_none());
    let path = format!("{events}/richrichrich");
    get(&sim, &path).await;
    get(&sim, &format!("{path}?maxAttendees=1")).await;
    done(&sim, patch.clone(), &path, json!({"summary": "R"})).await;
    done(&sim, put.clone(), &path, rich).await;
    done(&sim, post.clone(), &format!("{events}/quickAdd?text=Tea%20tomorrow%2010am"), json!({})).await;

    let yoga = done(&sim, post.clone(), events, yoga()).await;
    let id = yoga.body["id"].as_str().unwrap();
    get(&sim, &format!("{events}/{id}/instances?maxResults=5")).await;
    let token = sim.list("").await.1.unwrap();
    sim.edit(json!({"do": "move_instance", "event": id, "original_start": "2027-03-23T17:00:00Z", "by_minutes": 30})).await;
    sim.edit(json!({"do": "cancel_instance", "event": id, "original_start": "2027-03-30T16:00:00Z"})).await;
    sim.edit(json!({"do": "split_series", "event": id, "original_start": "2027-04-20T16:00:00Z"})).await;
    sim.edit(json!({"do": "invite", "from": "boss@x.test", "event": timed("M", "2027-03-26T10:00:00", "2027-03-26T11:00:00")})).await;
    done(&sim, delete.clone(), &path, json!({})).await;
    get(&sim, &path).await;
    for tombstones in ["minimal", "full"] {
        sim.control("settings", json!({"tombstones": tombstones})).await;
        get(&sim, &format!("{events}?syncToken={token}")).await;
        get(&sim, &format!("{events}?singleEvents=true&showDeleted=true&timeMax=2028-01-01T00:00:00Z")).await;
    }

    let family = json!({"summary": "F", "description": "D", "location": "L", "timeZone": "Asia/Tokyo"});
    let family = done(&sim, post.clone(), "/calendars", family).await.body["id"].as_str().unwrap().to_owned();
    let calendar = format!("/calendars/{family}");
    get(&sim, &calendar).await;
    done(&sim, put.clone(), &calendar, json!({"summary": "G"})).await;
    done(&sim, patch.clone(), &calendar, json!({"description": "E"})).await;
    done(&sim, post.clone(), &format!("{events}/{id}/move?destination={family}"), json!({})).await;
    let mut import = timed("I", "2027-03-26T10:00:00", "2027-03-26T11:00:00");
    import["iCalUID"] = "u@x".into();
    done(&sim, post.clone(), &format!("{events}/import"), import).await;

    let rule = json!({"scope": {"type": "user", "value": BEN}, "role": "reader"});
    let rule = done(&sim, post.clone(), &format!("{calendar}/acl"), rule).await.body["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let public = json!({"scope": {"type": "default"}, "role": "freeBusyReader"});
    done(&sim, post.clone(), &format!("{calendar}/acl"), public).await;
    let acl = get(&sim, &format!("{calendar}/acl")).await;
    let rule = format!("{calendar}/acl/{rule}");
    get(&sim, &rule).await;
    done(&sim, put.clone(), &rule, json!({"role": "owner"})).await;
    done(&sim, patch.clone(), &rule, json!({"role": "writer"})).await;
    done(&sim, delete.clone(), &rule, json!({})).await;
    get(&sim, &format!("{calendar}/acl?syncToken={}", acl["nextSyncToken"].as_str().unwrap())).await;

    let entry = format!("/users/me/calendarList/{family}");
    let list = get(&sim, "/users/me/calendarList").await;
    get(&sim, &entry).await;
    done(&sim, put, &entry, json!({"summaryOverride": "H", "colorId": "3", "selected": true})).await;
    let more = json!({
        "hidden": true, "defaultReminders": [{"method": "email", "minutes": 5}], "backgroundColor": "#123456",
        "foregroundColor": "#ffffff", "notificationSettings": {"notifications": [{"type": "agenda", "method": "email"}]},
    });
    done(&sim, patch, &format!("{entry}?colorRgbFormat=true"), more).await;
    get(&sim, &format!("{calendar}/events")).await;
    done(&sim, delete.clone(), &entry, json!({})).await;
    get(&sim, &format!("/users/me/calendarList?syncToken={}", list["nextSyncToken"].as_str().unwrap())).await;
    done(&sim, post.clone(), "/users/me/calendarList", json!({"id": family})).await;

    get(&sim, "/users/me/settings").await;
    get(&sim, "/users/me/settings/timezone").await;
    get(&sim, "/colors").await;
    let asked = json!({
        "timeMin": "2027-03-20T00:00:00Z", "timeMax": "2027-04-20T00:00:00Z",
        "items": [{"id": "primary"}, {"id": "nobody@x.test"}],
    });
    done(&sim, post.clone(), "/freeBusy", asked).await;

    for (number, watched) in [
        "/calendars/primary/events",
        "/calendars/primary/acl",
        "/users/me/calendarList",
        "/users/me/settings",
    ]
    .iter()
    .enumerate()
    {
        let channel = json!({
            "id": format!("channel-{number}"), "type": "web_hook", "address": "https://localhost:9/hook", "token": "t",
        });
        let opened = done(&sim, post.clone(), &format!("{watched}/watch"), channel).await;
        let stop = json!({"id": opened.body["id"], "resourceId": opened.body["resourceId"]});
        done(&sim, post.clone(), "/channels/stop", stop).await;
    }

    let transfer = format!("{calendar}/transferOwnership?newDataOwner={BEN}&useAdminAccess=true");
    done(&sim, post.clone(), &transfer, json!({})).await;
    done(&sim, delete, &calendar, json!({})).await;
    done(&sim, post, "/calendars/primary/clear", json!({})).await;

    let answered = std::mem::take(&mut *sim.answered.lock().unwrap());
    let all: BTreeSet<String> = methods().map(|(id, ..)| id.to_owned()).collect();
    assert_eq!(answered, all, "each method has answered");
}
