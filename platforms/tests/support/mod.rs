//! What the tests of all adapters share.

#![allow(dead_code, clippy::allow_attributes, reason = "each test uses a part of it")]
#![expect(clippy::unwrap_used, reason = "a test may stop where it likes")]

use secrecy::SecretString;
use simone_booking::{BookingId, Interval};
use simone_sync::event::{Change, ObservedEvent};
use simone_sync::export::{Content, Marker, Patch};
use simone_sync::platform::{CalendarPlatform, Call, Done, PlatformError};
use uuid::Uuid;

pub fn interval(start: &str, end: &str) -> Interval {
    Interval::new(start.parse().unwrap(), end.parse().unwrap())
}

/// From some days before the time of these tests to the end of a horizon.
pub fn window() -> Interval {
    interval("2026-01-07T09:00:00Z", "2026-04-25T09:00:00Z")
}

/// One call, and what became of it.
pub async fn perform(
    platform: &impl CalendarPlatform,
    token: &SecretString,
    call: Call,
) -> Result<Done, PlatformError> {
    let mut answers = platform.perform(token, &[call]).await?;
    assert_eq!(answers.len(), 1, "an answer for each call");
    answers.remove(0)
}

/// The calls on one calendar, each alone.
pub struct Writer<'a, P> {
    pub platform: &'a P,
    pub token: &'a SecretString,
    pub calendar: &'a str,
}

impl<P: CalendarPlatform> Writer<'_, P> {
    async fn call(&self, call: Call) -> Result<Done, PlatformError> {
        perform(self.platform, self.token, call).await
    }

    pub async fn read(&self, name: &str, event_id: Option<&str>) -> Result<Change, PlatformError> {
        let (calendar, name) = (self.calendar.to_owned(), name.to_owned());
        let call = Call::Read { calendar, name, event_id: event_id.map(str::to_owned) };
        match self.call(call).await? {
            Done::Event(change) => Ok(change),
            Done::Deleted => panic!("nothing was to be deleted"),
        }
    }

    pub async fn create(&self, marker: &Marker, content: &Content) -> Result<ObservedEvent, PlatformError> {
        let (marker, content) = (marker.clone(), content.clone());
        let call = Call::Create { calendar: self.calendar.to_owned(), marker, content };
        self.call(call).await.map(event)
    }

    pub async fn update(
        &self,
        event_id: &str,
        revision: &str,
        patch: &Patch,
    ) -> Result<ObservedEvent, PlatformError> {
        let call = Call::Update {
            calendar: self.calendar.to_owned(),
            event_id: event_id.to_owned(),
            revision: revision.to_owned(),
            patch: patch.clone(),
        };
        self.call(call).await.map(event)
    }

    pub async fn delete(&self, event_id: &str, revision: Option<&str>) -> Result<(), PlatformError> {
        let call = Call::Delete {
            calendar: self.calendar.to_owned(),
            event_id: event_id.to_owned(),
            revision: revision.map(str::to_owned),
        };
        match self.call(call).await? {
            Done::Deleted => Ok(()),
            Done::Event(event) => panic!("it is still there: {event:?}"),
        }
    }
}

/// The event that was read or written.
pub fn event(done: Done) -> ObservedEvent {
    match done {
        Done::Event(Change::Present(event)) => *event,
        other => panic!("{other:?}"),
    }
}

pub fn marker(generation: i64) -> Marker {
    Marker::new(Uuid::from_u128(7), BookingId(Uuid::from_u128(8)), generation)
}

pub fn content() -> Content {
    Content {
        title: "Réservation Simone - Massage 60min - Client: Marie D.".to_owned(),
        start: "2026-01-15T13:00:00Z".parse().unwrap(),
        end: "2026-01-15T14:00:00Z".parse().unwrap(),
        zone: chrono_tz::Europe::Paris,
        location: "3 rue des Lilas, 75020 Paris".to_owned(),
        description: "Téléphone : +33 6 12 34 56 78\nInstructions : <b>2e étage</b> & code 12".to_owned(),
    }
}
