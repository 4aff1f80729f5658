//! Microsoft's adapter writes against the simulator, over HTTP: what an event of ours is, how it changes and goes, alone
//! and several at a time.

mod support;

use reqwest::Method;
use serde_json::{Value, json};
use simone_sync::event::{Change, Shape};
use simone_sync::export::{Content, Marker, Patch};
use simone_sync::platform::{CalendarPlatform, Call, Done, PlatformError};
use support::outlook::{World, at, escaped};
use support::{content, event, marker};

/// The event as Graph has it, texts as HTML or as text, by the id that we know.
async fn stored(world: &World, id: &str) -> Value {
    world.graph(Method::GET, &format!("/me/events/{}", escaped(id)), Value::Null).await
}

fn create(world: &World, marker: Marker, content: Content) -> Call {
    Call::Create { calendar: world.calendar.clone(), marker, content }
}

#[tokio::test]
async fn an_event_says_what_was_booked_and_carries_our_marker_but_no_one_else() {
    let world = World::start(json!({})).await;
    let event = world.writer().create(&marker(1), &content()).await.unwrap();
    assert_eq!(event.marker, Some(marker(1)));
    assert_eq!(event.shape.single(), Some(content().interval()));
    let stored = stored(&world, &event.id).await;
    assert_eq!(stored["subject"], content().title);
    assert_eq!(stored["location"]["displayName"], content().location);
    assert_eq!(stored["isReminderOn"], false);
    assert_eq!(stored["attendees"], json!([]));

    // The feed and both ways of reading tell the same of it as the answer did.
    assert_eq!(world.pull(None).await.unwrap().event(&event.id), &event);
    let present = Change::Present(Box::new(event.clone()));
    assert_eq!(world.writer().read(&marker(1).name, None).await.unwrap(), present);
    assert_eq!(world.writer().read(&marker(1).name, Some(&event.id)).await.unwrap(), present);
}

#[tokio::test]
async fn a_name_makes_one_event() {
    let world = World::start(json!({})).await;
    let writer = world.writer();
    let nothing = writer.read(&marker(1).name, None).await;
    assert!(matches!(nothing, Err(PlatformError::NotFound)), "{nothing:?}");
    let event = writer.create(&marker(1), &content()).await.unwrap();
    // The same again is the same event; something else under the name is refused (reference sheet 7.1).
    assert_eq!(writer.create(&marker(1), &content()).await.unwrap().id, event.id);
    let other = Content { title: "Autre".to_owned(), ..content() };
    assert!(matches!(writer.create(&marker(1), &other).await, Err(PlatformError::Exists)));
    assert_eq!(world.pull(None).await.unwrap().present().len(), 1);

    writer.delete(&event.id, Some(&event.revision)).await.unwrap();
    assert!(matches!(writer.delete(&event.id, None).await, Err(PlatformError::NotFound)));
    let gone = writer.read(&marker(1).name, Some(&event.id)).await;
    assert!(matches!(gone, Err(PlatformError::NotFound)), "{gone:?}");
    assert!(matches!(writer.read(&marker(1).name, None).await, Err(PlatformError::NotFound)));
    writer.create(&marker(2), &content()).await.unwrap();
}

#[tokio::test]
async fn an_answer_that_was_lost_is_found_by_its_name() {
    let world = World::start(json!({})).await;
    world.fault(json!({"kind": "reset_after", "path": "*/events", "method": "POST"})).await;
    let lost = world.writer().create(&marker(1), &content()).await;
    assert!(matches!(lost, Err(PlatformError::Unavailable { .. })), "{lost:?}");
    let Change::Present(found) = world.writer().read(&marker(1).name, None).await.unwrap() else { panic!() };
    assert_eq!(found.marker, Some(marker(1)));
}

#[tokio::test]
async fn a_change_touches_our_fields_alone_and_only_what_was_seen() {
    let world = World::start(json!({})).await;
    let event = world.writer().create(&marker(1), &content()).await.unwrap();
    let by_hand = format!(
        "Mon mot à moi\r\n\r\n{}\r\n\r\nSonner deux fois",
        content().description.replace('\n', "\r\n")
    );
    let fields = json!({"categories": ["Red category"], "isReminderOn": true,
                        "body": {"contentType": "text", "content": by_hand}});
    world.change(&event.id, fields).await;
    let moved = Content {
        start: "2026-01-16T08:00:00Z".parse().unwrap(),
        end: "2026-01-16T09:00:00Z".parse().unwrap(),
        description: "Téléphone : 01 02 03 04 05".to_owned(),
        ..content()
    };
    let patch = Patch {
        times: Some((moved.start, moved.end, moved.zone)),
        description: Some((Some(content().description), moved.description.clone())),
        ..Patch::default()
    };
    // What we knew of it is out of date: nothing is written over.
    let stale = world.writer().update(&event.id, &event.revision, &patch).await;
    assert!(matches!(stale, Err(PlatformError::Changed)), "{stale:?}");
    let stale = world.writer().delete(&event.id, Some(&event.revision)).await;
    assert!(matches!(stale, Err(PlatformError::Changed)), "{stale:?}");

    let Change::Present(seen) = world.writer().read(&marker(1).name, None).await.unwrap() else { panic!() };
    let written = world.writer().update(&event.id, &seen.revision, &patch).await.unwrap();
    assert_eq!((written.id.as_str(), written.shape.single()), (&*event.id, Some(moved.interval())));
    let stored = stored(&world, &event.id).await;
    assert_eq!((&stored["categories"], &stored["isReminderOn"]), (&json!(["Red category"]), &json!(true)));
    assert_eq!(stored["subject"], content().title);
    let path = format!("/me/events/{}?$select=body", escaped(&event.id));
    let body = world.graph(Method::GET, &path, Value::Null).await["body"]["content"].to_string();
    for part in ["Mon mot", "01 02 03 04 05", "Sonner deux fois"] {
        assert!(body.contains(part), "{body}");
    }
    assert!(!body.contains("+33 6 12"), "{body}");
}

#[tokio::test]
async fn an_event_that_was_made_all_day_or_a_series_is_given_its_time_back() {
    let world = World::start(json!({})).await;
    let times = Patch { times: Some((content().start, content().end, content().zone)), ..Patch::default() };
    let all_day =
        json!({"isAllDay": true, "start": at("2026-01-15T00:00:00"), "end": at("2026-01-16T00:00:00")});
    let weekly = json!({"recurrence": {
        "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": ["thursday"]},
        "range": {"type": "noEnd", "startDate": "2026-01-15"}
    }});
    for (generation, by_hand) in [(1, all_day), (2, weekly)] {
        let event = world.writer().create(&marker(generation), &content()).await.unwrap();
        world.change(&event.id, by_hand.clone()).await;
        let name = marker(generation).name;
        let Change::Present(seen) = world.writer().read(&name, Some(&event.id)).await.unwrap() else {
            panic!()
        };
        assert_eq!(seen.shape.single(), None, "{by_hand}");
        assert_eq!(seen.marker, Some(marker(generation)));
        let back = world.writer().update(&event.id, &seen.revision, &times).await.unwrap();
        assert_eq!(back.shape.single(), Some(content().interval()), "{by_hand}");
        assert!(matches!(back.shape, Shape::Single { .. }));
    }
}

#[tokio::test]
async fn a_copy_made_by_hand_is_none_of_ours() {
    let world = World::start(json!({})).await;
    let event = world.writer().create(&marker(1), &content()).await.unwrap();
    world.edit(json!({"do": "duplicate", "event": event.id})).await;
    let pulled = world.pull(None).await.unwrap();
    assert_eq!(pulled.present().len(), 2);
    for seen in pulled.present() {
        assert_eq!(seen.marker.is_some(), seen.id == event.id);
    }
    // Nor is it found under the name, also when the original is gone.
    world.writer().delete(&event.id, None).await.unwrap();
    assert!(matches!(world.writer().read(&marker(1).name, None).await, Err(PlatformError::NotFound)));
}

#[tokio::test]
async fn several_travel_together_and_each_is_answered_for_itself() {
    let world = World::start(json!({})).await;
    assert_eq!(world.microsoft.at_once(), 4);
    let calls: Vec<Call> = (1..=4).map(|generation| create(&world, marker(generation), content())).collect();
    let made = world.microsoft.perform(&world.token, &calls).await.unwrap();
    let made: Vec<_> = made.into_iter().map(|done| event(done.unwrap())).collect();
    for (generation, event) in (1..).zip(&made) {
        assert_eq!(event.marker, Some(marker(generation)));
    }
    let calendar = || world.calendar.clone();
    let described =
        Patch { description: Some((Some(content().description), "Nouveau".to_owned())), ..Patch::default() };
    let calls = [
        Call::Update {
            calendar: calendar(),
            event_id: made[0].id.clone(),
            revision: made[0].revision.clone(),
            patch: described.clone(),
        },
        Call::Update {
            calendar: calendar(),
            event_id: made[1].id.clone(),
            revision: "1:W/\"another\"".to_owned(),
            patch: described,
        },
        Call::Delete {
            calendar: calendar(),
            event_id: made[2].id.clone(),
            revision: Some(made[2].revision.clone()),
        },
        Call::Read { calendar: calendar(), name: marker(9).name, event_id: None },
    ];
    let answers = world.microsoft.perform(&world.token, &calls).await.unwrap();
    assert!(matches!(&answers[0], Ok(Done::Event(Change::Present(event))) if event.id == made[0].id));
    assert!(matches!(answers[1], Err(PlatformError::Changed)), "{:?}", answers[1]);
    assert!(matches!(answers[2], Ok(Done::Deleted)), "{:?}", answers[2]);
    assert!(matches!(answers[3], Err(PlatformError::NotFound)), "{:?}", answers[3]);
    assert_eq!(world.pull(None).await.unwrap().present().len(), 3);
}

#[tokio::test]
async fn who_may_only_read_is_told_so() {
    let world = World::start(json!({"calendars": [{"name": "Club", "can_edit": false}]})).await;
    let listed = world.calendars().await.unwrap();
    let club = listed.iter().find(|calendar| calendar.name == "Club").unwrap();
    let call = Call::Create { calendar: club.id.clone(), marker: marker(1), content: content() };
    let refused = support::perform(&world.microsoft, &world.token, call).await;
    assert!(
        matches!(&refused, Err(PlatformError::Forbidden { code }) if code == "ErrorAccessDenied"),
        "{refused:?}"
    );
}
