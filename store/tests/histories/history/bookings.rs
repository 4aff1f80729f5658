//! What is booked, and what becomes of it.

use super::{History, Verdict, told};
use crate::support::cover;
use chrono::{DateTime, TimeDelta, Timelike, Utc};
use simone_booking::booking::{Actor, Booking, Client, Status};
use simone_booking::hours::{StalePolicy, WeeklyHours, Window};
use simone_booking::id::{BookingId, ServiceId};
use simone_booking::service::{Place, ServiceTerms};
use simone_booking::{Interval, Locale};
use simone_sync::bookings::{BookingStore, Certainty, Change, Done, NewBooking, Refusal, Rules};

/// What was agreed.
#[derive(Clone, Debug)]
pub(super) struct Booked {
    pub interval: Interval,
    pub status: Status,
    /// What its event should say.
    pub title: String,
    pub location: String,
    /// What stands somewhere in its description.
    pub told: Vec<String>,
}

impl Booked {
    pub fn of(booking: &Booking) -> Self {
        let client = booking.client.as_ref().expect("nobody erased it");
        let (first, last) = client.name.split_once(' ').expect("two words");
        Self {
            interval: booking.interval,
            status: booking.status,
            title: format!("Réservation Simone - {} - Client: {first} {}.", booking.service_name, &last[..1]),
            location: client.address.clone(),
            told: vec![
                client.name.clone(),
                client.phone.clone(),
                client.instructions.clone(),
                format!("https://simone.test/agenda/bookings/{}", booking.id),
            ],
        }
    }

    /// Whether it should stand in the calendars.
    pub fn stands(&self, now: DateTime<Utc>) -> bool {
        self.status == Status::Confirmed && self.interval.end > now
    }
}

impl History<'_> {
    /// Services, and hours in which everything can be booked.
    pub(super) async fn offer(&mut self, person: usize) -> Verdict {
        let (db, id, now) = (&self.setup.database, self.people[person].id, self.now());
        let mut services: Vec<ServiceId> = Vec::new();
        for (name, minutes, buffer) in [("Massage 60min", 60, 0), ("Massage 25min", 25, 15)] {
            let terms = ServiceTerms {
                name: name.to_owned(),
                duration_minutes: minutes,
                price_cents: Some(7000),
                buffer_before_minutes: buffer,
                buffer_after_minutes: buffer,
                place: Place::Client,
                address: String::new(),
            };
            let service = db.add_service(id, &terms, now).await.map_err(told)?;
            services.push(service.ok_or("a service is not taken")?);
        }
        let weekly: WeeklyHours = std::array::from_fn(|_| vec![Window { start: 0, end: 1440 }]);
        db.set_weekly_hours(id, &weekly, now).await.map_err(told)?;
        let policy = if self.dice.chance(30) { StalePolicy::Hold } else { StalePolicy::Accept };
        db.set_booking_rules(id, 0, policy, now).await.map_err(told)?;
        self.people[person].services = services;
        Ok(())
    }

    fn client(&mut self) -> Client {
        let number = self.dice.below(1000);
        let (first, last) = *self.dice.pick(&[("Marie", "Durand"), ("Paul", "Martin"), ("Zoé", "Kahn")]);
        Client {
            name: format!("{first} {last}"),
            email: format!("client-{number}@example.test"),
            phone: format!("06 00 00 {number:04}"),
            address: format!("{number} rue des Lilas"),
            instructions: format!("Code <{number}> & sonnette"),
            locale: Locale::Fr,
            zone: None,
        }
    }

    /// Mostly soon, sometimes at the horizon's ends or beyond.
    fn some_start(&mut self) -> DateTime<Utc> {
        let now = self.now().with_second(0).and_then(|now| now.with_nanosecond(0)).expect("a minute");
        let ahead = match self.dice.below(10) {
            0 => self.dice.range(-30, 180),
            1 => self.dice.range(0, 92 * 24 * 60),
            _ => self.dice.range(60, 12 * 24 * 60),
        };
        now + TimeDelta::minutes(ahead / 5 * 5)
    }

    pub(super) async fn book(&mut self, person: usize) -> Verdict {
        for _ in 0..=self.dice.below(3) {
            let of = &self.people[person];
            let (provider, services) = (of.id, of.services.clone());
            let (actor, rules) = self.dice.weighted(&[
                ((Actor::Provider, Rules::Free), 4),
                ((Actor::Client, Rules::Offered), 4),
                ((Actor::Marketplace, Rules::Offered), 1),
            ]);
            let booking = NewBooking {
                provider,
                service: *self.dice.pick(&services),
                start: self.some_start(),
                client: self.client(),
                actor,
                rules,
                request: None,
            };
            let certainty = if self.dice.chance(15) { Certainty::Stale } else { Certainty::Sure };
            let done = self.setup.database.book(&booking, certainty, self.now()).await.map_err(told)?;
            match done {
                Ok(done) => {
                    let Done { booking, .. } = done;
                    self.tell(format!(
                        "provider {person}: book {} {} ({:?})",
                        booking.id, booking.interval.start, booking.status
                    ));
                    cover(if booking.status == Status::Pending { "booking: held" } else { "booking: made" });
                    self.check_booked(person, &booking).await?;
                    self.people[person].bookings.insert(booking.id, Booked::of(&booking));
                }
                Err(refusal) => self.refused(&refusal)?,
            }
        }
        Ok(())
    }

    fn refused(&mut self, refusal: &Refusal) -> Verdict {
        match refusal {
            Refusal::Taken { .. } => cover("booking: taken"),
            Refusal::Past | Refusal::TooSoon { .. } | Refusal::BeyondHorizon => {
                cover("booking: at no time to book");
            }
            // Appointments across midnight lie between two days' windows only if those do not touch.
            Refusal::NotReady => cover("booking: a calendar was not read yet"),
            Refusal::Over | Refusal::Cancelled => cover("booking: over"),
            other => return Err(format!("a booking was refused: {other:?}")),
        }
        self.tell(format!("refused: {refusal}"));
        Ok(())
    }

    /// Nothing that is known stands in the way of what was just confirmed or held.
    async fn check_booked(&self, person: usize, booking: &Booking) -> Verdict {
        let of = &self.people[person];
        let rows = self.setup.inspect.rows(of.id).await;
        let blocks = rows.iter().map(|row| Interval::new(row.starts_at, row.ends_at));
        let others =
            of.bookings.iter().filter(|(id, other)| **id != booking.id && other.status != Status::Cancelled);
        let others = others.map(|(_, other)| other.interval);
        match blocks.chain(others).find(|taken| taken.overlaps(&booking.interval)) {
            Some(taken) => Err(format!("booked over {taken:?}: {booking:?}")),
            None => Ok(()),
        }
    }

    /// One that is not over, mostly one that is not cancelled.
    pub(super) fn some_booking(&mut self, person: usize) -> Option<BookingId> {
        let now = self.now();
        let any = self.dice.chance(5);
        let fitting: Vec<BookingId> = self.people[person]
            .bookings
            .iter()
            .filter(|(_, of)| any || (of.status != Status::Cancelled && of.interval.end > now))
            .map(|(id, _)| *id)
            .collect();
        (!fitting.is_empty()).then(|| *self.dice.pick(&fitting))
    }

    pub(super) async fn rebook(&mut self, person: usize) -> Verdict {
        let Some(id) = self.some_booking(person) else { return Ok(()) };
        let pending = self.people[person].bookings[&id].status == Status::Pending;
        let change = match self.dice.below(10) {
            _ if pending && self.dice.chance(50) => Change::Confirm,
            0..4 => {
                let near = self.people[person].bookings[&id].interval.start;
                let start = if self.dice.chance(40) {
                    near + TimeDelta::minutes(5 * self.dice.range(-12, 12))
                } else {
                    self.some_start()
                };
                let rules = if self.dice.chance(50) { Rules::Free } else { Rules::Offered };
                Change::Move { start, rules }
            }
            4..6 => Change::Client(self.client()),
            _ => Change::Cancel,
        };
        let actor = match change {
            Change::Confirm => Actor::Provider,
            Change::Move { rules: Rules::Free, .. } => Actor::Provider,
            _ => *self.dice.pick(&[Actor::Client, Actor::Provider, Actor::Marketplace]),
        };
        self.tell(format!("provider {person}: {actor:?} {} {id}", name(&change)));
        let certainty = if self.dice.chance(15) { Certainty::Stale } else { Certainty::Sure };
        let (provider, now) = (self.people[person].id, self.now());
        let done = self
            .setup
            .database
            .change(provider, id, None, &change, actor, certainty, now)
            .await
            .map_err(told)?;
        match done {
            Ok(Done { booking, repeated, .. }) => {
                cover(&format!("booking: {}", name(&change)));
                if !repeated && matches!(change, Change::Move { .. }) {
                    self.check_booked(person, &booking).await?;
                }
                self.people[person].bookings.insert(id, Booked::of(&booking));
                Ok(())
            }
            Err(refusal) => self.refused(&refusal),
        }
    }
}

const fn name(change: &Change) -> &'static str {
    match change {
        Change::Move { .. } | Change::MoveTo { .. } => "moves",
        Change::Client(_) => "changes the client of",
        Change::Confirm => "confirms",
        Change::Cancel => "cancels",
    }
}
