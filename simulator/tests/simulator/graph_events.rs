//! Calendars and events of Graph, written and read by themselves.

use reqwest::Method;
use serde_json::{Value, json};
use simone_simulator::Options;

use crate::graph_events_client::{
    EVA, MAX, Mail, SPRING, all_day, at, code, escaped, event_path, lunch, starts, subjects, text, timed,
    yoga,
};
use crate::support::{NOW, instant};

#[tokio::test]
async fn a_mailbox_has_a_default_calendar_and_one_that_cannot_be_edited() {
    let mail = Mail::start().await;
    let calendars = mail.all("/me/calendars").await;
    let names: Vec<_> = calendars.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Calendrier", "Anniversaires"]);
    let default = &calendars[0];
    for (name, wanted) in [
        ("color", json!("auto")),
        ("hexColor", json!("")),
        ("isDefaultCalendar", json!(true)),
        ("canEdit", json!(true)),
        ("canShare", json!(true)),
        ("isRemovable", json!(false)),
        ("canViewPrivateItems", json!(true)),
        ("allowedOnlineMeetingProviders", json!(["teamsForBusiness"])),
    ] {
        assert_eq!(default[name], wanted, "{name}");
    }
    assert_eq!(default["owner"]["address"], EVA);
    assert_eq!(calendars[1]["canEdit"], false);
    assert_eq!(mail.get("/me/calendar").await.body["id"], default["id"]);
    let refused =
        mail.post(&format!("/me/calendars/{}/events", escaped(&text(&calendars[1]["id"]))), lunch()).await;
    assert_eq!(code(&refused), (403, "ErrorAccessDenied"), "birthdays are not written by hand");
}

#[tokio::test]
async fn calendars_are_made_renamed_listed_by_pages_and_deleted() {
    let mail = Mail::start().await;
    for number in 0..12 {
        mail.calendar(&format!("C{number:02}")).await;
    }
    let pages = mail.pages("/me/calendars").await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [10, 4], "ten on a page");
    let pages = mail.pages("/me/calendars?$top=6&$select=name").await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [6, 6, 2]);
    assert!(pages[2][0].get("color").is_none() && pages[2][0].get("id").is_some());
    assert_eq!(mail.all("/me/calendars?$skip=12").await.len(), 2);

    let id = text(&pages[2][1]["id"]);
    let path = format!("/me/calendars/{}", escaped(&id));
    let changed = mail.patch(&path, json!({"name": "Chorale", "color": "LightBlue"})).await;
    assert_eq!(
        (changed.status, &changed.body["name"], &changed.body["color"]),
        (200, &json!("Chorale"), &json!("lightBlue"))
    );
    assert_eq!(
        code(&mail.post("/me/calendars", json!({"name": "chorale"})).await),
        (409, "ErrorFolderExists")
    );
    assert_eq!(code(&mail.post("/me/calendars", json!({"color": "pink"})).await).0, 400);
    assert_eq!(mail.delete(&path).await.status, 204);
    assert_eq!(code(&mail.get(&path).await), (404, "ErrorItemNotFound"));
    assert_eq!(mail.delete("/me/calendar").await.status, 403, "the default calendar stays");

    let groups = mail.all("/me/calendarGroups").await;
    let group = format!("/me/calendarGroups/{}", escaped(&text(&groups[0]["id"])));
    assert_eq!(mail.get(&group).await.body["name"], "Mes calendriers");
    assert_eq!(mail.all(&format!("{group}/calendars?$top=50")).await.len(), 13);
}

#[tokio::test]
async fn an_event_shows_all_that_is_not_set() {
    let mail = Mail::start().await;
    let made = mail.made(lunch()).await;
    for (name, wanted) in [
        ("subject", json!("Lunch")),
        ("start", json!({"dateTime": "2027-03-22T11:00:00.0000000", "timeZone": "UTC"})),
        ("end", json!({"dateTime": "2027-03-22T12:00:00.0000000", "timeZone": "UTC"})),
        ("originalStartTimeZone", json!("Romance Standard Time")),
        ("type", json!("singleInstance")),
        ("showAs", json!("busy")),
        ("sensitivity", json!("normal")),
        ("transactionId", Value::Null),
        ("seriesMasterId", Value::Null),
        ("recurrence", Value::Null),
        ("onlineMeeting", Value::Null),
        ("attendees", json!([])),
        ("isOrganizer", json!(true)),
        ("responseStatus", json!({"response": "organizer", "time": "0001-01-01T00:00:00Z"})),
    ] {
        assert_eq!(made[name], wanted, "{name}");
    }
    assert_eq!(made["organizer"]["emailAddress"]["address"], EVA);
    assert_eq!(made["@odata.etag"], format!("W/\"{}\"", text(&made["changeKey"])));
    assert!(made.get("originalStart").is_none(), "of occurrences only");
    assert_eq!(mail.get(&event_path(&made["id"])).await.body["id"], made["id"]);
    assert_eq!(subjects(&mail.all("/me/events").await), ["Lunch"]);
    let listed = mail.get("/me/calendar/events?$select=Subject,start&$count=true").await;
    let item = listed.body["value"][0].as_object().unwrap();
    assert_eq!(item.keys().collect::<Vec<_>>(), ["@odata.etag", "id", "start", "subject"]);
    assert_eq!(listed.body["@odata.count"], 1);
}

#[tokio::test]
async fn times_are_shown_in_the_zone_that_is_preferred() {
    let mail = Mail::start().await.preferring("outlook.timezone=\"Pacific Standard Time\"");
    let made = mail.made(lunch()).await;
    assert_eq!(
        made["start"],
        json!({"dateTime": "2027-03-22T04:00:00.0000000", "timeZone": "Pacific Standard Time"})
    );
    let day = mail.made(all_day("Fête", "2027-03-29", "2027-03-30")).await;
    let midnight = json!({"dateTime": "2027-03-29T00:00:00.0000000", "timeZone": "Pacific Standard Time"});
    assert_eq!(day["start"], midnight, "all-day events float");
    // What the client writes is in its own zone all the same; a `Z` behind it means nothing.
    let mut event = lunch();
    event["start"] = json!({"dateTime": "2027-03-22T12:00:00Z", "timeZone": "Europe/Zurich"});
    let made = mail.made(event).await;
    assert_eq!(starts(std::slice::from_ref(&made)), ["2027-03-22T04:00"]);
    assert_eq!(made["originalStartTimeZone"], "W. Europe Standard Time", "Windows keeps its own names");

    let mail = Mail { prefer: vec!["outlook.timezone=\"Mars\"".to_owned()], ..mail };
    assert_eq!(code(&mail.get("/me/events").await), (400, "TimeZoneNotSupportedException"));
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let mail = Mail::start().await;
    let with = |name: &str, value: Value| {
        let mut event = lunch();
        event[name] = value;
        event
    };
    let mut noon = all_day("Noon", "2027-03-29", "2027-03-30");
    noon["start"] = at("2027-03-29T12:00:00");
    for (event, wanted) in [
        (with("showAs", json!("napping")), "RequestBodyRead"),
        (with("subject", json!(7)), "RequestBodyRead"),
        (with("isOnlineMeeting", json!("no")), "RequestBodyRead"),
        (with("colour", json!("red")), "RequestBodyRead"),
        (with("start", json!({"timeZone": "UTC"})), "RequestBodyRead"),
        (with("start", json!({"dateTime": "soon", "timeZone": "UTC"})), "ErrorPropertyValidationFailure"),
        (
            with("start", json!({"dateTime": "2027-03-22T12:00:00", "timeZone": "Mars"})),
            "TimeZoneNotSupportedException",
        ),
        (with("end", at("2027-03-22T11:00:00")), "ErrorPropertyValidationFailure"),
        (with("end", Value::Null), "ErrorPropertyValidationFailure"),
        (with("isAllDay", json!(true)), "ErrorInvalidRequest"),
        (noon, "ErrorInvalidRequest"),
        (all_day("Nothing", "2027-03-29", "2027-03-29"), "ErrorInvalidRequest"),
        (
            with("recurrence", json!({"pattern": {"type": "daily", "interval": 1}})),
            "ErrorPropertyValidationFailure",
        ),
        (
            with("singleValueExtendedProperties", json!([{"id": "OriginKey", "value": "x"}])),
            "ErrorInvalidProperty",
        ),
    ] {
        let reply = mail.post("/me/events", event.clone()).await;
        assert_eq!(code(&reply), (400, wanted), "{event}");
    }
    let broken = mail.request(Method::POST, "/me/events").body("{").send().await;
    assert_eq!(broken.status, 400);
    assert!(mail.all("/me/events").await.is_empty(), "nothing of it was kept");
    assert_eq!(mail.made(with("ShowAs", json!("OOF"))).await["showAs"], "oof", "letters do not matter");
    // As text: a library that many use writes it so.
    let said = mail.post("/me/events", with("isOnlineMeeting", json!("false"))).await;
    assert_eq!((said.status, &said.body["isOnlineMeeting"]), (201, &json!(false)));
}

#[tokio::test]
async fn a_patch_changes_what_it_names() {
    let mail = Mail::start().await;
    let made = mail.made(lunch()).await;
    let path = event_path(&made["id"]);
    let body = json!({"subject": "Dinner", "location": {"displayName": "Bar"}, "body": {"contentType": "text", "content": "a\nb"},
        "categories": ["Red"], "reminderMinutesBeforeStart": 5});
    let changed = mail.patch(&path, body).await.body;
    assert_eq!((&changed["subject"], &changed["start"]), (&json!("Dinner"), &made["start"]));
    assert_eq!(changed["location"]["displayName"], "Bar");
    assert_eq!(changed["locations"][0]["displayName"], "Bar", "`location` replaces `locations`");
    assert_eq!(
        (&changed["body"]["contentType"], &changed["bodyPreview"]),
        (&json!("html"), &json!("a\r\nb"))
    );
    assert_ne!(changed["changeKey"], made["changeKey"]);
    let mail = mail.preferring("outlook.body-content-type=\"text\"");
    let reply = mail.get(&path).await;
    assert_eq!(reply.body["body"], json!({"contentType": "text", "content": "a\r\nb"}));
    assert!(reply.headers["preference-applied"].to_str().unwrap().contains("body-content-type"));

    let moved = mail
        .patch(&path, json!({"start": at("2027-03-23T12:00:00"), "end": at("2027-03-23T12:30:00")}))
        .await
        .body;
    assert_eq!(starts(std::slice::from_ref(&moved)), ["2027-03-23T11:00"]);
    let day = json!({"isAllDay": true, "start": at("2027-03-24T00:00:00"), "end": at("2027-03-26T00:00:00")});
    assert_eq!(mail.patch(&path, day).await.body["end"]["dateTime"], "2027-03-26T00:00:00.0000000");
    let timed =
        json!({"isAllDay": false, "start": at("2027-03-24T10:00:00"), "end": at("2027-03-24T11:00:00")});
    assert_eq!(mail.patch(&path, timed).await.body["start"]["dateTime"], "2027-03-24T09:00:00.0000000");
}

#[tokio::test]
async fn a_stale_tag_is_refused() {
    let mail = Mail::start().await;
    let made = mail.made(lunch()).await;
    let path = event_path(&made["id"]);
    let old = text(&made["@odata.etag"]);
    let changed = mail.patch(&path, json!({"subject": "Dinner"})).await.body;
    let send = async |method: Method, tag: &str| {
        let request = mail.request(method, &path).header("if-match", tag).json(&json!({"subject": "Tea"}));
        request.send().await
    };
    assert_eq!(code(&send(Method::PATCH, &old).await), (412, "ErrorIrresolvableConflict"));
    assert_eq!(code(&send(Method::DELETE, &old).await), (412, "ErrorIrresolvableConflict"));
    assert_eq!(mail.get(&path).await.body["subject"], "Dinner");
    assert_eq!(send(Method::PATCH, &text(&changed["@odata.etag"])).await.status, 200);
    assert_eq!(send(Method::PATCH, "*").await.status, 200);
    let now = text(&mail.get(&path).await.body["@odata.etag"]);
    assert_eq!(send(Method::DELETE, &now).await.status, 204);
    assert_eq!(code(&mail.get(&path).await), (404, "ErrorItemNotFound"));
    assert_eq!(
        code(&mail.delete(&path).await),
        (404, "ErrorItemNotFound"),
        "the second time it is not there"
    );
}

#[tokio::test]
async fn a_transaction_makes_one_event() {
    let mail = Mail::start().await;
    let mut event = lunch();
    event["transactionId"] = "t-1".into();
    let made = mail.made(event.clone()).await;
    assert_eq!(made["transactionId"], "t-1");
    assert_eq!(mail.made(event.clone()).await["id"], made["id"], "the same event again");
    let mut other = event.clone();
    other["subject"] = "Dinner".into();
    assert_eq!(code(&mail.post("/me/events", other.clone()).await), (409, "ErrorDuplicateTransactionId"));
    mail.switch(json!({"duplicate_transaction_status": 400})).await;
    assert_eq!(code(&mail.post("/me/events", other.clone()).await), (400, "ErrorDuplicateTransactionId"));
    assert_eq!(mail.all("/me/events").await.len(), 1);
    mail.delete(&event_path(&made["id"])).await;
    assert_eq!(mail.post("/me/events", other).await.status, 201, "forgotten with its event");
}

#[tokio::test]
async fn ids_are_of_the_kind_that_is_preferred() {
    let mail = Mail::start().await;
    let usual = mail.made(lunch()).await;
    let work = mail.calendar("Travail").await;
    let mail = mail.preferring("IdType=\"ImmutableId\"");
    let reply = mail.get("/me/events").await;
    assert_eq!(reply.headers["preference-applied"], "IdType=\"ImmutableId\"");
    let immutable = reply.body["value"][0]["id"].clone();
    assert_ne!(immutable, usual["id"]);
    assert_eq!(mail.get(&event_path(&immutable)).await.status, 200);
    assert_eq!(code(&mail.get(&event_path(&usual["id"])).await), (400, "ErrorInvalidIdMalformed"));
    assert_eq!(code(&mail.get("/me/events/x%2Fy").await), (400, "ErrorInvalidIdMalformed"));
    mail.switch(json!({"wrong_id": "not_found"})).await;
    assert_eq!(code(&mail.get(&event_path(&usual["id"])).await), (404, "ErrorItemNotFound"));

    let dragged = mail.edit(json!({"do": "drag_to_calendar", "event": usual["id"], "to": work})).await;
    assert_eq!(dragged["immutable_id"], immutable, "one form survives a move");
    assert_ne!(dragged["id"], usual["id"], "the other does not");
    let there = format!("/me/calendars/{}/events", escaped(&work));
    assert_eq!(mail.all(&there).await[0]["id"], immutable);
    assert_eq!(mail.get(&format!("/me/calendar/events/{}", escaped(&text(&immutable)))).await.status, 404);
    assert_eq!(
        mail.get(&event_path(&immutable)).await.status,
        200,
        "`/me/events` looks into all one's calendars"
    );
    assert!(mail.all("/me/events").await.is_empty(), "and lists the default one");
}

#[tokio::test]
async fn shared_calendars_are_reached_by_their_path_only() {
    let mail = Mail::start().await;
    let max = mail.add(MAX, json!({})).await;
    let mut secret = timed("Secret", "2027-03-24T10:00:00", "2027-03-24T11:00:00");
    secret["sensitivity"] = "private".into();
    mail.edit(json!({"do": "add_event", "account": MAX, "event": secret})).await;
    let made = mail.edit(json!({"do": "add_event", "account": MAX, "event": lunch()})).await;
    let shared = mail.edit(json!({"do": "share_calendar", "from": MAX})).await["entry"].clone();
    assert_eq!((&shared["canEdit"], &shared["owner"]["address"]), (&json!(false), &json!(MAX)));
    assert_eq!(mail.all("/me/calendars").await.len(), 3);

    let path = format!("/me/calendars/{}", escaped(&text(&shared["id"])));
    let listed = mail.all(&format!("{path}/calendarView?{SPRING}")).await;
    assert_eq!(subjects(&listed), ["Lunch", "-"], "private items come without details");
    let id = escaped(&text(&made["id"]));
    assert_eq!(mail.get(&format!("{path}/events/{id}")).await.status, 200);
    assert_eq!(code(&mail.get(&format!("/me/events/{id}")).await), (404, "ErrorItemNotFound"));
    assert_eq!(
        code(&mail.patch(&format!("{path}/events/{id}"), json!({"subject": "x"})).await),
        (403, "ErrorAccessDenied")
    );

    let edit = json!({"do": "share_calendar", "from": MAX, "can_edit": true, "can_view_private": true});
    assert_eq!(mail.edit(edit).await["calendar"], shared["id"], "the same entry");
    assert_eq!(subjects(&mail.all(&format!("{path}/events")).await), ["Secret", "Lunch"]);
    assert_eq!(mail.patch(&format!("{path}/events/{id}"), json!({"subject": "x"})).await.status, 200);
    let own = Mail { token: max, ..mail };
    assert_eq!(own.get(&format!("/me/events/{id}")).await.body["subject"], "x", "it is the owner's event");
    own.edit(json!({"do": "withdraw_calendar", "calendar": shared["id"]})).await;
}

#[tokio::test]
async fn invitations_are_answered_and_one_s_own_meetings_are_not() {
    let mail = Mail::start().await;
    let invite = async |subject: &str| {
        let event = timed(subject, "2027-03-24T10:00:00", "2027-03-24T11:00:00");
        let done = mail.edit(json!({"do": "invite", "from": "boss@contoso.test", "event": event})).await;
        done["event"].clone()
    };
    let one = invite("One").await;
    assert_eq!(
        (&one["showAs"], &one["responseStatus"]["response"]),
        (&json!("tentative"), &json!("notResponded"))
    );
    assert_eq!(
        (&one["isOrganizer"], &one["organizer"]["emailAddress"]["address"]),
        (&json!(false), &json!("boss@contoso.test"))
    );
    assert_eq!(one["attendees"][0]["emailAddress"]["address"], EVA);
    let path = event_path(&one["id"]);
    let accepted = mail.post(&format!("{path}/accept"), json!({"sendResponse": false})).await;
    assert_eq!((accepted.status, accepted.body), (202, json!("")));
    let now = mail.get(&path).await.body;
    assert_eq!((&now["showAs"], &now["responseStatus"]["response"]), (&json!("busy"), &json!("accepted")));
    assert_eq!(mail.post(&format!("{path}/tentativelyAccept"), json!({})).await.status, 202);
    assert_eq!(mail.get(&path).await.body["responseStatus"]["response"], "tentativelyAccepted");
    assert_eq!(mail.post(&format!("{path}/decline"), json!({})).await.status, 202);
    assert_eq!(mail.get(&path).await.status, 404, "what was declined goes to the bin");

    let two = invite("Two").await;
    mail.edit(json!({"do": "respond", "event": two["id"], "response": "declined", "keep": true})).await;
    assert_eq!(mail.get(&event_path(&two["id"])).await.body["responseStatus"]["response"], "declined");
    mail.edit(json!({"do": "cancel_by_organizer", "event": two["id"]})).await;
    assert_eq!(mail.get(&event_path(&two["id"])).await.body["isCancelled"], true);

    let own = mail.made(lunch()).await;
    let refused = mail.post(&format!("{}/accept", event_path(&own["id"])), json!({})).await;
    assert_eq!(code(&refused), (400, "ErrorInvalidRequest"));
    assert_eq!(mail.post(&format!("{}/cancel", event_path(&own["id"])), json!({})).await.status, 202);
    assert_eq!(mail.get(&event_path(&own["id"])).await.status, 404);
}

#[tokio::test]
async fn online_meetings_are_for_those_who_have_teams() {
    let mail = Mail::start().await;
    let leo = mail.add("leo@outlook.test", json!({"personal": true})).await;
    let mut event = lunch();
    event["isOnlineMeeting"] = true.into();
    let made = mail.made(event.clone()).await;
    assert_eq!(
        (&made["isOnlineMeeting"], &made["onlineMeetingProvider"]),
        (&json!(true), &json!("teamsForBusiness"))
    );
    let turned = mail.patch(&event_path(&made["id"]), json!({"isOnlineMeeting": false})).await;
    assert_eq!(turned.body["isOnlineMeeting"], true, "it cannot be turned off again");
    let view = mail.all(&format!("/me/calendarView?{SPRING}&$select=onlineMeeting")).await;
    assert_eq!(view[0]["onlineMeeting"], Value::Null);
    let view = mail.all(&format!("/me/calendarView?{SPRING}&$select=onlineMeeting,isOnlineMeeting")).await;
    assert!(view[0]["onlineMeeting"]["joinUrl"].is_string());
    let mail = Mail { token: leo, ..mail };
    assert_eq!(mail.made(event).await["isOnlineMeeting"], false, "passed over in silence");
}

#[tokio::test]
async fn the_hand_copies_splits_and_changes_zones() {
    let mail = Mail::start().await;
    let mut event = yoga();
    event["transactionId"] = "t-1".into();
    let made = mail.made(event).await;
    let copy = mail.edit(json!({"do": "duplicate", "event": made["id"]})).await["event"].clone();
    assert_ne!(copy["id"], made["id"]);
    assert_eq!((&copy["transactionId"], &copy["recurrence"]), (&Value::Null, &made["recurrence"]));
    mail.edit(json!({"do": "delete_event", "event": copy["id"]})).await;

    let split = json!({"do": "split_series", "event": made["id"], "original_start": "2027-04-06", "changes": {"subject": "Pilates"}});
    mail.edit(split).await;
    let view = mail.all(&format!("/me/calendarView?{SPRING}&$top=100")).await;
    assert_eq!(subjects(&view)[4..6], ["Yoga", "Pilates"]);
    assert_eq!(view.len(), 13, "each Tuesday once");
    assert_eq!(mail.get(&event_path(&made["id"])).await.body["recurrence"]["range"]["endDate"], "2027-03-30");

    mail.edit(json!({"do": "change_series_zone", "event": made["id"], "zone": "tzone://Microsoft/Custom"}))
        .await;
    let odd = mail.get(&event_path(&made["id"])).await.body;
    assert_eq!(odd["originalStartTimeZone"], "tzone://Microsoft/Custom");
    assert_eq!(odd["start"], made["start"]);
    mail.edit(json!({"do": "change_series_zone", "event": made["id"], "zone": "America/New_York"})).await;
    let moved = mail.get(&event_path(&made["id"])).await.body;
    assert_eq!(moved["start"]["dateTime"], "2027-03-02T23:00:00.0000000", "the wall time stays");
}

#[tokio::test]
async fn without_a_token_there_is_no_calendar() {
    let mail = Mail::start().await;
    mail.made(lunch()).await;
    let none = mail.sim.unsigned(Method::GET, "/me/events").send().await;
    assert_eq!(code(&none), (401, "InvalidAuthenticationToken"));
    assert!(none.headers.contains_key("www-authenticate"));
}

#[tokio::test]
async fn what_is_taken_back_is_refused_or_gone() {
    let mail = Mail::start().await;
    mail.add(MAX, json!({})).await;
    let shared =
        text(&mail.edit(json!({"do": "share_calendar", "from": MAX, "can_edit": true})).await["calendar"]);
    let path = format!("/me/calendars/{}", escaped(&shared));
    assert_eq!(mail.post(&format!("{path}/events"), lunch()).await.status, 201);
    mail.edit(json!({"do": "withdraw_calendar", "calendar": shared, "keep_listed": true})).await;
    assert_eq!(mail.all("/me/calendars").await.len(), 3, "it still stands on the list");
    for path in [path.clone(), format!("{path}/events"), format!("{path}/calendarView/delta?{SPRING}")] {
        assert_eq!(code(&mail.get(&path).await), (403, "ErrorAccessDenied"), "{path}");
    }
    mail.edit(json!({"do": "share_calendar", "from": MAX})).await;
    assert_eq!(mail.all(&format!("{path}/events")).await.len(), 1);
    mail.edit(json!({"do": "withdraw_calendar", "calendar": shared})).await;
    assert_eq!(code(&mail.get(&path).await), (404, "ErrorItemNotFound"));

    let work = mail.calendar("Travail").await;
    let renewed = text(&mail.edit(json!({"do": "renew_calendar_id", "calendar": work})).await["calendar"]);
    assert_eq!(mail.get(&format!("/me/calendars/{}", escaped(&work))).await.status, 404);
    assert_eq!(mail.get(&format!("/me/calendars/{}", escaped(&renewed))).await.body["name"], "Travail");
}

#[tokio::test]
async fn one_meeting_has_one_uid_in_all_mailboxes() {
    let mail = Mail::start().await;
    mail.add(MAX, json!({})).await;
    let mut edit = json!({"do": "invite", "from": "boss@contoso.test", "event": lunch(), "uid": "0400AB"});
    let one = mail.edit(edit.clone()).await;
    edit["account"] = MAX.into();
    let other = mail.edit(edit).await;
    assert_eq!((&one["event"]["iCalUId"], &other["event"]["iCalUId"]), (&json!("0400AB"), &json!("0400AB")));
    assert_ne!(one["id"], other["id"]);
}

#[tokio::test]
async fn mailboxes_outlive_the_process() {
    let file = std::env::temp_dir().join(format!("simone-mailboxes-{}.json", std::process::id()));
    let options =
        || Options { now: Some(instant(NOW)), seed: 7, state_file: Some(file.clone()), ..Options::default() };
    let mail = Mail::with(options()).await;
    let master = mail.made(yoga()).await;
    let view = format!("/me/calendarView?{SPRING}&$top=100");
    let before = mail.all(&view).await;
    mail.patch(&event_path(&before[2]["id"]), json!({"subject": "Pilates"})).await;
    mail.delete(&event_path(&before[3]["id"])).await;
    let (_, link) = mail.round(&format!("/me/calendarView/delta?{SPRING}")).await;
    mail.patch(&event_path(&master["id"]), json!({"subject": "Gym"})).await;
    let before = mail.all(&view).await;
    mail.sim.stop().await;

    let mail = Mail::with(options()).await;
    assert_eq!(mail.all(&view).await, before);
    let path = link.split_once("/v1.0").unwrap().1;
    assert_eq!(mail.round(path).await.0.concat().len(), 13, "the series, and links are still good");
    std::fs::remove_file(&file).unwrap();
}
