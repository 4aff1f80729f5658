//! Methods on one event (5, 7).

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{ANA, BEN, Reply, Sim, reply, timed, yoga};

const EVENTS: &str = "/calendars/primary/events";

fn dentist() -> Value {
    timed("Dentist", "2027-03-25T15:00:00+01:00", "2027-03-25T16:00:00+01:00")
}

impl Sim {
    async fn insert(&self, event: Value) -> Reply {
        self.send(Method::POST, EVENTS, event).await
    }

    async fn with_etag(&self, method: Method, id: &str, etag: &str, body: Value) -> Reply {
        let request = self.request(method, &format!("{EVENTS}/{id}")).header("if-match", etag).json(&body);
        reply(request.send().await.unwrap()).await
    }
}

#[tokio::test]
async fn an_event_is_made_whole() {
    let sim = Sim::start().await;
    let made = sim.insert(dentist()).await;
    assert_eq!(made.status, 200, "not 201");
    let event = &made.body;
    assert_eq!(event["kind"], "calendar#event");
    let id = event["id"].as_str().unwrap();
    assert!(id.len() == 26 && id.bytes().all(|b| matches!(b, b'a'..=b'v' | b'0'..=b'9')));
    assert_eq!(event["iCalUID"], format!("{id}@google.com"));
    assert_eq!(event["status"], "confirmed");
    assert_eq!(event["eventType"], "default");
    assert_eq!(event["sequence"], 0);
    assert_eq!(event["reminders"], json!({"useDefault": true}));
    assert_eq!(event["creator"], json!({"email": ANA, "self": true}));
    assert_eq!(event["organizer"], json!({"email": ANA, "self": true}));
    assert_eq!(event["start"], json!({"dateTime": "2027-03-25T15:00:00+01:00", "timeZone": "Europe/Paris"}));
    assert_eq!(
        (&event["created"], &event["updated"]),
        (&json!("2027-03-19T08:00:00.000Z"), &json!("2027-03-19T08:00:00.000Z"))
    );
    // Twice the microseconds of `updated`, give or take the fraction that it does not show.
    let etag: i64 = event["etag"].as_str().unwrap().trim_matches('"').parse().unwrap();
    assert_eq!(etag / 2_000_000, 1_805_443_200);
    assert_eq!(made.headers["etag"], event["etag"].as_str().unwrap());
    for absent in ["transparency", "visibility", "recurrence", "attendees", "recurringEventId"] {
        assert!(event.get(absent).is_none(), "{absent}");
    }
    assert_eq!(sim.get(&format!("{EVENTS}/{id}")).await.body, *event);
}

#[tokio::test]
async fn times_are_shown_in_the_zone_of_the_calendar_or_of_the_question() {
    let sim = Sim::start().await;
    let event = json!({
        "start": {"dateTime": "2027-07-01T10:00:00", "timeZone": "America/New_York"},
        "end": {"dateTime": "2027-07-01T16:00:00Z"},
    });
    let made = sim.insert(event).await.body;
    assert_eq!(
        made["start"],
        json!({"dateTime": "2027-07-01T16:00:00+02:00", "timeZone": "America/New_York"})
    );
    assert_eq!(made["end"], json!({"dateTime": "2027-07-01T18:00:00+02:00", "timeZone": "Europe/Paris"}));
    let id = made["id"].as_str().unwrap();
    let utc = sim.get(&format!("{EVENTS}/{id}?timeZone=UTC")).await.body;
    assert_eq!(utc["start"]["dateTime"], "2027-07-01T14:00:00Z");
    assert_eq!(sim.get(&format!("{EVENTS}/{id}?timeZone=Mars/Base")).await.status, 400);
}

#[tokio::test]
async fn bodies_that_make_no_sense_are_refused() {
    let sim = Sim::start().await;
    let with = |name: &str, value: Value| {
        let mut event = dentist();
        event[name] = value;
        event
    };
    for (event, reason, message) in [
        (json!({}), "required", "Missing start time."),
        (json!({"start": {"date": "2027-03-25"}}), "required", "Missing end time."),
        (with("start", json!({"dateTime": "tomorrow"})), "invalid", "Invalid start time."),
        (
            with("end", json!({"dateTime": "2027-03-25T15:00:00+01:00", "date": "2027-03-25"})),
            "invalid",
            "Invalid end time.",
        ),
        (
            with("end", json!({"date": "2027-03-26"})),
            "invalid",
            "Start and end times must either both be date or both be dateTime.",
        ),
        (
            with("end", json!({"dateTime": "2027-03-25T14:00:00+01:00"})),
            "timeRangeEmpty",
            "The specified time range is empty.",
        ),
        (
            json!({"start": {"date": "2027-03-25"}, "end": {"date": "2027-03-25"}}),
            "timeRangeEmpty",
            "The specified time range is empty.",
        ),
        (
            with("start", json!({"dateTime": "2027-03-25T15:00:00"})),
            "required",
            "Missing time zone definition for start time.",
        ),
        (
            with("start", json!({"dateTime": "2027-03-25T15:00:00", "timeZone": "Mars/Base"})),
            "invalid",
            "Invalid time zone definition for start time.",
        ),
        (with("recurrence", json!(["DTSTART:20270325T150000Z"])), "invalid", "Invalid recurrence rule."),
        (with("summary", json!(7)), "invalid", "Invalid value for: summary"),
        (with("attendees", json!([{"email": {"a": 1}}])), "invalid", "Invalid value for: attendees.email"),
        (with("attendees", json!([{}])), "invalid", "Invalid attendee email."),
        (with("transparency", json!("murky")), "invalid", "Invalid value for: transparency"),
        (with("id", json!("UPPER-case")), "invalid", "Invalid resource id value."),
        (with("id", json!("abcd")), "invalid", "Invalid resource id value."),
        (
            with("eventType", json!("fromGmail")),
            "eventTypeRestriction",
            "Events of this type cannot be created.",
        ),
        (
            json!({"start": {"date": "+262142-12-31"}, "end": {"date": "2027-03-25"}}),
            "invalid",
            "Invalid start time.",
        ),
        (
            with("end", json!({"dateTime": "+262142-12-31T00:00:00", "timeZone": "UTC"})),
            "invalid",
            "Invalid end time.",
        ),
        (with("end", json!({"dateTime": "9999-12-31T23:59:59-12:00"})), "invalid", "Invalid end time."),
        (json!([]), "parseError", "Parse Error"),
    ] {
        let reply = sim.insert(event.clone()).await;
        let got = (reply.status, reply.reason(), reply.body["error"]["message"].as_str().unwrap());
        assert_eq!(got, (400, reason, message), "{event}");
    }
    let broken = sim.request(Method::POST, EVENTS).body("{\"start\":").send().await.unwrap();
    assert_eq!(reply(broken).await.reason(), "parseError");
    let mut yoga = yoga();
    yoga["start"] = json!({"dateTime": "2027-03-02T18:00:00+01:00"});
    assert_eq!(sim.insert(yoga).await.reason(), "required", "a series needs a zone");
    assert_eq!(sim.list("").await.0, Vec::<Value>::new(), "nothing was written");
}

#[tokio::test]
async fn a_chosen_id_is_taken_for_ever() {
    let sim = Sim::start().await;
    let mut event = dentist();
    event["id"] = "0123456789abcdefghijklmnopqrstuv".into();
    let path = format!("{EVENTS}/0123456789abcdefghijklmnopqrstuv");
    assert_eq!(sim.insert(event.clone()).await.status, 200);
    let again = sim.insert(event.clone()).await;
    assert_eq!((again.status, again.reason()), (409, "duplicate"));
    let deleted = sim.send(Method::DELETE, &path, json!({})).await;
    assert_eq!((deleted.status, deleted.body), (204, json!("")));
    let gone = sim.send(Method::DELETE, &path, json!({})).await;
    assert_eq!((gone.status, gone.reason()), (410, "deleted"));
    assert_eq!(sim.insert(event.clone()).await.status, 409, "a deleted event keeps its id");
    let there = sim.get(&path).await;
    assert_eq!((there.status, &there.body["status"]), (200, &json!("cancelled")));
    // Only a change of the status brings it back.
    let still = sim.send(Method::PATCH, &path, json!({"summary": "x"})).await;
    assert_eq!(still.body["status"], "cancelled");
    event["status"] = "confirmed".into();
    assert_eq!(sim.send(Method::PUT, &path, event).await.body["status"], "confirmed");
    assert_eq!(sim.send(Method::DELETE, &format!("{EVENTS}/nothing"), json!({})).await.reason(), "notFound");
}

#[tokio::test]
async fn a_patch_changes_what_it_names() {
    let sim = Sim::start().await;
    let mut event = dentist();
    event["location"] = "Rue de la Paix".into();
    event["extendedProperties"] = json!({"private": {"a": "1", "b": "2"}});
    event["attendees"] = json!([{"email": BEN}, {"email": ANA}]);
    let id = sim.insert(event).await.body["id"].as_str().unwrap().to_owned();
    let path = format!("{EVENTS}/{id}");
    let patched = sim
        .send(
            Method::PATCH,
            &path,
            json!({
                "location": null,
                "transparency": "transparent",
                "extendedProperties": {"private": {"a": null, "c": "3"}},
                "attendees": [{"email": ANA, "responseStatus": "declined"}],
            }),
        )
        .await
        .body;
    assert_eq!(patched["summary"], "Dentist");
    assert!(patched.get("location").is_none());
    assert_eq!(patched["extendedProperties"], json!({"private": {"b": "2", "c": "3"}}));
    let ana = json!({"email": ANA, "responseStatus": "declined", "self": true, "organizer": true});
    assert_eq!(patched["attendees"], json!([ana]), "arrays are replaced whole");
    assert_eq!(patched["sequence"], 0);

    let all_day = json!({
        "start": {"date": "2027-06-01", "dateTime": null, "timeZone": null},
        "end": {"date": "2027-06-02", "dateTime": null, "timeZone": null},
    });
    let patched = sim.send(Method::PATCH, &path, all_day).await.body;
    assert_eq!((&patched["start"], &patched["sequence"]), (&json!({"date": "2027-06-01"}), &json!(1)));
    let half = sim.send(Method::PATCH, &path, json!({"start": {"dateTime": "2027-06-01T10:00:00Z"}})).await;
    assert_eq!(half.status, 400, "the other member must be cleared");
    assert_eq!(sim.send(Method::PATCH, &path, json!({"eventType": "focusTime"})).await.status, 400);
}

#[tokio::test]
async fn an_update_replaces_everything() {
    let sim = Sim::start().await;
    let mut event = dentist();
    event["location"] = "Rue de la Paix".into();
    event["guestsCanInviteOthers"] = false.into();
    let made = sim.insert(event).await.body;
    assert_eq!(made["guestsCanInviteOthers"], false);
    let path = format!("{EVENTS}/{}", made["id"].as_str().unwrap());
    let updated = sim.send(Method::PUT, &path, dentist()).await.body;
    assert!(updated.get("location").is_none() && updated.get("guestsCanInviteOthers").is_none());
    assert_eq!(updated["id"], made["id"]);
    assert_eq!(updated["iCalUID"], made["iCalUID"]);
    assert_ne!(updated["etag"], made["etag"]);
    assert_eq!(sim.send(Method::PUT, &path, json!({"summary": "x"})).await.reason(), "required");
}

#[tokio::test]
async fn etags_guard_reads_and_writes() {
    let sim = Sim::start().await;
    let made = sim.insert(dentist()).await.body;
    let (id, etag) = (made["id"].as_str().unwrap(), made["etag"].as_str().unwrap());
    let path = format!("{EVENTS}/{id}");
    let unchanged = sim.request(Method::GET, &path).header("if-none-match", etag).send().await.unwrap();
    assert_eq!(unchanged.status(), 304);
    assert_eq!(unchanged.headers()["etag"], etag);
    assert_eq!(unchanged.text().await.unwrap(), "");
    let patched = sim.with_etag(Method::PATCH, id, etag, json!({"summary": "Tooth"})).await;
    assert_eq!(patched.status, 200);
    let now = patched.body["etag"].as_str().unwrap();
    for method in [Method::PATCH, Method::PUT, Method::DELETE] {
        let stale = sim.with_etag(method, id, etag, dentist()).await;
        assert_eq!((stale.status, stale.reason()), (412, "conditionNotMet"));
        let error = &stale.body["error"]["errors"][0];
        assert_eq!((&error["locationType"], &error["location"]), (&json!("header"), &json!("If-Match")));
    }
    assert_eq!(sim.with_etag(Method::PATCH, id, "*", json!({"summary": "T"})).await.status, 200);
    let listed = sim.request(Method::GET, EVENTS).send().await.unwrap();
    let list = listed.headers()["etag"].clone();
    let again = sim.request(Method::GET, EVENTS).header("if-none-match", list).send().await.unwrap();
    assert_eq!(again.status(), 304);
    assert_eq!(sim.with_etag(Method::DELETE, id, now, json!({})).await.status, 412);
    // A change of the reminders alone is none (5.2).
    let before = sim.get(&path).await.body["etag"].clone();
    let reminded = sim.send(Method::PATCH, &path, json!({"reminders": {"useDefault": false}})).await.body;
    assert_eq!((&reminded["etag"], &reminded["reminders"]), (&before, &json!({"useDefault": false})));
}

#[tokio::test]
async fn what_a_role_allows() {
    let mut sim = Sim::start().await;
    let ben = sim.account(BEN).await;
    let mut private = dentist();
    private["visibility"] = "private".into();
    let private = sim.add(private).await;
    let open = sim.add(dentist()).await;
    sim.token = ben;
    let base = format!("/calendars/{ANA}/events");
    let read = async |sim: &Sim, id: &str| sim.get(&format!("{base}/{id}")).await;
    let write =
        async |sim: &Sim| sim.send(Method::PATCH, &format!("{base}/{open}"), json!({"colorId": "2"})).await;
    assert_eq!(read(&sim, &open).await.reason(), "notFound", "not shared");
    for (role, details, secrets, writes) in [
        ("freeBusyReader", false, false, false),
        ("reader", true, false, false),
        ("writerWithoutPrivateAccess", true, false, true),
        ("writer", true, true, true),
        ("owner", true, true, true),
    ] {
        sim.edit(json!({"do": "set_role", "account": BEN, "calendar": ANA, "role": role})).await;
        let shown = |reply: Reply| {
            assert_eq!(reply.status, 200);
            assert!(reply.body["start"].is_object(), "when it is busy is always known");
            reply.body.get("summary").is_some()
        };
        assert_eq!(shown(read(&sim, &open).await), details, "{role}");
        assert_eq!(shown(read(&sim, &private).await), secrets, "{role}");
        let wrote = write(&sim).await;
        if writes {
            assert_eq!(wrote.status, 200, "{role}");
        } else {
            assert_eq!((wrote.status, wrote.reason()), (403, "requiredAccessLevel"), "{role}");
            assert_eq!(wrote.body["error"]["message"], "You need to have writer access to this calendar.");
        }
    }
    sim.edit(json!({"do": "withdraw_calendar", "account": BEN, "calendar": ANA})).await;
    assert_eq!(sim.get(&base).await.reason(), "notFound");
}

#[tokio::test]
async fn someone_elses_meeting_can_be_answered_but_not_changed() {
    let sim = Sim::start().await;
    let done = sim.edit(json!({"do": "invite", "from": "boss@elsewhere.test", "event": dentist()})).await;
    let event = &done["event"];
    assert_eq!(event["organizer"], json!({"email": "boss@elsewhere.test"}));
    let path = format!("{EVENTS}/{}", event["id"].as_str().unwrap());
    let refused = sim.send(Method::PATCH, &path, json!({"summary": "Mine"})).await;
    assert_eq!((refused.status, refused.reason()), (403, "forbiddenForNonOrganizer"));
    let later = json!({"end": {"dateTime": "2027-03-25T17:00:00+01:00"}});
    assert_eq!(sim.send(Method::PATCH, &path, later).await.reason(), "forbiddenForNonOrganizer");
    assert_eq!(sim.send(Method::PATCH, &path, json!({"colorId": "3"})).await.status, 200);
    sim.edit(json!({"do": "respond", "event": event["id"], "response": "declined"})).await;
    let answered = sim.get(&path).await.body;
    let mine = answered["attendees"].as_array().unwrap().iter().find(|one| one["self"] == true).unwrap();
    assert_eq!(mine["responseStatus"], "declined");
    let few = sim.get(&format!("{path}?maxAttendees=1")).await.body;
    assert_eq!((few["attendees"].as_array().unwrap().len(), &few["attendeesOmitted"]), (1, &json!(true)));
}

#[tokio::test]
async fn kinds_of_events_have_their_places() {
    let sim = Sim::start().await;
    let family = "fam@group.calendar.google.com";
    sim.edit(json!({"do": "add_calendar", "summary": "Family", "id": family})).await;
    let mut away = dentist();
    away["eventType"] = "outOfOffice".into();
    away["outOfOfficeProperties"] = json!({"autoDeclineMode": "declineNone"});
    assert_eq!(sim.insert(away.clone()).await.body["eventType"], "outOfOffice");
    let elsewhere = sim.send(Method::POST, &format!("/calendars/{family}/events"), away).await;
    assert_eq!((elsewhere.status, elsewhere.reason()), (400, "eventTypeRestriction"));
}

#[tokio::test]
async fn mails_are_counted() {
    let sim = Sim::start().await;
    let mut event = dentist();
    event["attendees"] = json!([{"email": BEN}, {"email": ANA}]);
    sim.insert(event.clone()).await;
    sim.send(Method::POST, &format!("{EVENTS}?sendUpdates=none"), event.clone()).await;
    assert_eq!(sim.observe("mails").await, json!([]));
    sim.send(Method::POST, &format!("{EVENTS}?sendUpdates=all"), event.clone()).await;
    let mails = sim.observe("mails").await;
    assert_eq!((mails.as_array().unwrap().len(), &mails[0]["to"]), (1, &json!(BEN)));
    assert_eq!(sim.send(Method::POST, &format!("{EVENTS}?sendUpdates=some"), event).await.status, 400);
}

#[tokio::test]
async fn what_clients_write_with_guests_on_it_is_noted_told_or_not() {
    let sim = Sim::start().await;
    let id = sim.insert(dentist()).await.body["id"].as_str().unwrap().to_owned();
    // People may invite whom they like.
    let mut event = dentist();
    event["attendees"] = json!([{"email": BEN}]);
    sim.edit(json!({"do": "add_event", "account": ANA, "event": event})).await;
    assert_eq!(sim.observe("guests").await, json!([]));
    let with_guest = json!({"attendees": [{"email": BEN}]});
    sim.send(Method::PATCH, &format!("{EVENTS}/{id}?sendUpdates=none"), with_guest).await;
    let noted = sim.observe("guests").await;
    assert_eq!(noted.as_array().unwrap().len(), 1);
    assert_eq!(
        (&noted[0]["event"], &noted[0]["guests"], &noted[0]["told"]),
        (&json!(id), &json!(1), &json!(false))
    );
}

#[tokio::test]
async fn moving_keeps_the_id_and_leaves_a_tombstone() {
    let sim = Sim::start().await;
    let family = "fam@group.calendar.google.com";
    sim.edit(json!({"do": "add_calendar", "summary": "Family", "id": family})).await;
    let (_, token) = sim.list("").await;
    let id = sim.add(dentist()).await;
    let moved = sim.send(Method::POST, &format!("{EVENTS}/{id}/move?destination={family}"), json!({})).await;
    assert_eq!((moved.status, &moved.body["id"]), (200, &json!(id)));
    assert_eq!(moved.body["organizer"], json!({"email": family, "displayName": "Family", "self": true}));
    let (left, _) = sim.list(&format!("syncToken={}", token.unwrap())).await;
    assert_eq!(left.len(), 1);
    assert_eq!((&left[0]["id"], &left[0]["status"]), (&json!(id), &json!("cancelled")));
    // And back, by hand.
    sim.edit(json!({"do": "drag_event", "calendar": family, "event": id, "to": ANA})).await;
    assert_eq!(sim.get(&format!("{EVENTS}/{id}")).await.body["status"], "confirmed");
    let nowhere = sim.send(Method::POST, &format!("{EVENTS}/{id}/move"), json!({})).await;
    assert_eq!((nowhere.status, nowhere.reason()), (400, "required"));
}

#[tokio::test]
async fn importing_knows_events_by_their_uid() {
    let sim = Sim::start().await;
    let mut event = dentist();
    event["iCalUID"] = "abc@elsewhere".into();
    event["organizer"] = json!({"email": "boss@elsewhere.test"});
    let path = format!("{EVENTS}/import");
    let one = sim.send(Method::POST, &path, event.clone()).await;
    assert_eq!((one.status, &one.body["iCalUID"]), (200, &json!("abc@elsewhere")));
    assert!(one.body["id"].as_str().unwrap().starts_with('_'));
    let two = sim.send(Method::POST, &path, event).await;
    assert_eq!(two.body["id"], one.body["id"]);
    assert_eq!(sim.send(Method::POST, &path, dentist()).await.reason(), "required");
}

#[tokio::test]
async fn extended_properties_have_limits() {
    let sim = Sim::start().await;
    let mut event = dentist();
    event["extendedProperties"] =
        json!({"private": {"k".repeat(45): "x", "long": "é".repeat(2000), "n": "1"}});
    let kept = sim.insert(event.clone()).await.body["extendedProperties"]["private"].clone();
    assert_eq!(kept.as_object().unwrap().len(), 2);
    assert_eq!(kept["long"].as_str().unwrap().chars().count(), 1024);
    let many: serde_json::Map<String, Value> = (0..301).map(|n| (format!("k{n}"), json!("v"))).collect();
    event["extendedProperties"] = json!({"shared": many});
    assert_eq!(sim.insert(event).await.status, 400);
}
