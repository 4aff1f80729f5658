use super::*;
use simone_booking::Locale;
use simone_booking::service::{Place, ServiceTerms};
use std::sync::Mutex;

/// Time that passes only while someone waits.
struct Waiting(Mutex<DateTime<Utc>>);

#[async_trait]
impl Clock for Waiting {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        *self.0.lock().unwrap() += TimeDelta::from_std(duration).unwrap();
    }
}

/// A store that says what it is told to, and remembers what it was asked.
struct Scripted {
    staleness: Staleness,
    /// When the calendars are heard.
    heard_at: Option<DateTime<Utc>>,
    clock: Arc<Waiting>,
    asked: Mutex<Vec<String>>,
}

impl Scripted {
    fn note(&self, what: impl Into<String>) {
        self.asked.lock().unwrap().push(what.into());
    }
}

#[async_trait]
impl BookingStore for Scripted {
    async fn wake_stale(
        &self,
        _: ProviderId,
        before: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> StoreResult<Staleness> {
        assert_eq!(now - before, FRESH);
        self.note("wake");
        Ok(self.staleness)
    }

    async fn heard_since(
        &self,
        _: ProviderId,
        since: DateTime<Utc>,
        _: Option<DateTime<Utc>>,
    ) -> StoreResult<bool> {
        assert_eq!(since, began() - FRESH, "the pull may have begun before it was asked for");
        Ok(self.heard_at.is_some_and(|at| at <= self.clock.now()))
    }

    async fn offer(
        &self,
        _: ProviderId,
        _: ServiceId,
        _: Interval,
        _: usize,
        _: DateTime<Utc>,
    ) -> StoreResult<Result<Offer, Refusal>> {
        unreachable!("nobody asks for it")
    }

    async fn book(
        &self,
        booking: &NewBooking,
        certainty: Certainty,
        now: DateTime<Utc>,
    ) -> StoreResult<Result<Done, Refusal>> {
        assert_eq!(booking.client.name, "Marie", "trimmed");
        self.note(format!("book {certainty:?} after {} ms", (now - began()).num_milliseconds()));
        Ok(Err(Refusal::Past))
    }

    async fn change(
        &self,
        _: ProviderId,
        _: BookingId,
        _: Option<i64>,
        _: &Change,
        _: Actor,
        certainty: Certainty,
        _: DateTime<Utc>,
    ) -> StoreResult<Result<Done, Refusal>> {
        self.note(format!("change {certainty:?}"));
        Ok(Err(Refusal::Over))
    }

    async fn by_link(&self, _: &str, _: DateTime<Utc>) -> StoreResult<Option<Booking>> {
        unreachable!("nobody asks for it")
    }

    async fn made_before(
        &self,
        _: ProviderId,
        request: &RequestKey,
    ) -> StoreResult<Option<Result<Done, Refusal>>> {
        Ok((request.key == "used").then_some(Err(Refusal::KeyReused)))
    }

    async fn service(&self, _: ProviderId, service: ServiceId) -> StoreResult<Option<Service>> {
        let terms = ServiceTerms {
            name: "Massage".to_owned(),
            duration_minutes: 60,
            price_cents: None,
            buffer_before_minutes: 0,
            buffer_after_minutes: 0,
            place: Place::Remote,
            address: String::new(),
        };
        let offered = !service.0.is_nil();
        Ok(offered.then_some(Service { id: service, terms, withdrawn: false }))
    }
}

fn began() -> DateTime<Utc> {
    "2026-01-06T09:00:00Z".parse().unwrap()
}

fn asked() -> NewBooking {
    NewBooking {
        provider: ProviderId(Uuid::nil()),
        service: ServiceId(Uuid::from_u128(1)),
        start: began(),
        client: Client {
            name: " Marie ".to_owned(),
            email: "marie@example.test".to_owned(),
            phone: "0612345678".to_owned(),
            address: String::new(),
            instructions: String::new(),
            locale: Locale::Fr,
            zone: None,
        },
        actor: Actor::Client,
        rules: Rules::Offered,
        request: None,
    }
}

/// Bookings over a store whose calendars are heard so many milliseconds after they were woken.
fn bookings(staleness: Staleness, heard: Option<i64>) -> (Bookings, Arc<Scripted>) {
    let clock = Arc::new(Waiting(Mutex::new(began())));
    let heard_at = heard.map(|millis| began() + TimeDelta::milliseconds(millis));
    let store = Arc::new(Scripted { staleness, heard_at, clock: clock.clone(), asked: Mutex::default() });
    (Bookings::new(store.clone(), clock, Arc::default()), store)
}

async fn heard(staleness: Staleness, heard: Option<i64>) -> Vec<String> {
    let (bookings, store) = bookings(staleness, heard);
    assert_eq!(bookings.book(asked()).await.unwrap(), Err(Refusal::Past));
    store.asked.lock().unwrap().clone()
}

#[tokio::test]
async fn a_booking_waits_for_the_calendars_as_long_as_it_takes_but_two_seconds_at_most() {
    assert_eq!(heard(Staleness::Fresh, None).await, ["wake", "book Sure after 0 ms"]);
    assert_eq!(heard(Staleness::Unaskable, None).await, ["wake", "book Stale after 0 ms"]);
    assert_eq!(heard(Staleness::Woken, Some(0)).await, ["wake", "book Sure after 0 ms"]);
    assert_eq!(heard(Staleness::Woken, Some(310)).await, ["wake", "book Sure after 350 ms"]);
    assert_eq!(heard(Staleness::Woken, Some(2_500)).await, ["wake", "book Stale after 2000 ms"]);
    assert_eq!(heard(Staleness::PartlyWoken, Some(310)).await, ["wake", "book Stale after 350 ms"]);
    assert_eq!(heard(Staleness::Woken, None).await, ["wake", "book Stale after 2000 ms"]);
}

#[tokio::test]
async fn what_is_refused_anyway_wakes_nobody() {
    let (bookings, store) = bookings(Staleness::Woken, None);
    let unknown = NewBooking { service: ServiceId(Uuid::nil()), ..asked() };
    assert_eq!(bookings.book(unknown).await.unwrap(), Err(Refusal::UnknownService));
    let mut nobody = asked();
    nobody.client.email = "nobody".to_owned();
    assert_eq!(bookings.book(nobody).await.unwrap(), Err(Refusal::Client(vec![BadClient::Email])));
    let request = RequestKey { caller: Uuid::nil(), key: "used".to_owned(), asked: "secret".to_owned() };
    assert!(!format!("{request:?}").contains("secret"));
    let repeated = NewBooking { request: Some(request), ..asked() };
    assert_eq!(bookings.book(repeated).await.unwrap(), Err(Refusal::KeyReused));
    assert!(store.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn only_a_change_of_time_or_its_confirmation_asks_the_calendars() {
    let (bookings, store) = bookings(Staleness::Unaskable, None);
    let nobody = (ProviderId(Uuid::nil()), BookingId(Uuid::nil()));
    for change in [
        Change::Cancel,
        Change::Client(asked().client),
        Change::MoveTo { interval: Interval::new(began(), began()) },
        Change::Confirm,
        Change::Move { start: began(), rules: Rules::Offered },
    ] {
        let done = bookings.change(nobody.0, nobody.1, None, &change, Actor::Client).await.unwrap();
        assert_eq!(done, Err(Refusal::Over));
    }
    assert_eq!(
        *store.asked.lock().unwrap(),
        ["change Sure", "change Sure", "change Sure", "wake", "change Stale", "wake", "change Stale"]
    );
}
