//! The writing side of the platform: what it makes of events that are read, created, changed and deleted one by one
//! (reference sheet, 7.1 to 7.5, 7.9 and 7.10).

use crate::feed::shown;
use crate::outlook;
use crate::platform::{Faults, Sim, State, observed, unavailable};
use crate::support::{Dice, cover, lock};
use crate::world::{Calendar, Event, Lag, What, Written};
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use simone_booking::Clock;
use simone_sync::event::{Change, Marks, ObservedEvent, Shape, Span};
use simone_sync::export::{Content, Marker, Patch};
use simone_sync::platform::{Call, Done, Platform, PlatformError};
use std::collections::BTreeSet;
use std::sync::MutexGuard;

impl Sim {
    /// What a request for one event of a calendar meets before it is looked at.
    fn arrives(
        &self,
        access_token: &SecretString,
        calendar: &str,
        writes: bool,
    ) -> Result<(MutexGuard<'_, State>, usize), PlatformError> {
        let now = self.clock.now();
        let mut sim = lock(&self.state);
        let account = sim.account_of(access_token, now)?;
        let named = (account, calendar.to_owned());
        if sim.faults.not_found.contains(&named) {
            cover("fault: a calendar is not found");
            return Err(sim.not_there(account));
        }
        if sim.faults.forbidden.contains(&named) {
            cover("fault: a calendar is forbidden");
            return Err(PlatformError::Forbidden { code: "forbidden".to_owned() });
        }
        let found = sim.world.calendar(account, calendar).filter(|calendar| calendar.listed);
        let Some(found) = found else {
            sim.asked_for_nothing(&named);
            return Err(sim.not_there(account));
        };
        if writes && !found.writable {
            cover("write: into a calendar that can only be read");
            return Err(PlatformError::Forbidden { code: "requiredAccessLevel".to_owned() });
        }
        Ok((sim, account))
    }

    /// Performs calls as one request: what befalls it may befall all of them, or some.
    pub fn perform(
        &self,
        platform: Platform,
        access_token: &SecretString,
        calls: &[Call],
    ) -> Result<Vec<Result<Done, PlatformError>>, PlatformError> {
        assert!((1..=at_once(platform)).contains(&calls.len()), "{} calls at a time", calls.len());
        if let [call] = calls {
            self.fault(false)?;
            return Ok(vec![self.one(access_token, call)]);
        }
        cover("write: several at a time");
        let named: BTreeSet<String> = calls.iter().map(name_of).collect();
        assert_eq!(named.len(), calls.len(), "an event is called for twice at a time: {calls:?}");
        if lock(&self.state).dice.chance(40) {
            self.fault(false)?;
        }
        let mut answers = Vec::new();
        for call in calls {
            answers.push(self.befalls(false).and_then(|_| self.one(access_token, call)));
        }
        if answers.iter().any(Result::is_ok) && answers.iter().any(Result::is_err) {
            cover("write: some of several are done");
        }
        let mut sim = lock(&self.state);
        if sim.faults.lost_batches > 0 {
            cover("fault: the answers to several writes are lost");
            sim.faults.lost_batches -= 1;
            return Err(unavailable(None));
        }
        Ok(answers)
    }

    fn one(&self, access_token: &SecretString, call: &Call) -> Result<Done, PlatformError> {
        let written = |event| Done::Event(Change::Present(Box::new(event)));
        match call {
            Call::Read { calendar, name, event_id } => {
                self.read(access_token, calendar, name, event_id.as_deref()).map(Done::Event)
            }
            Call::Create { calendar, marker, content } => {
                self.insert(access_token, calendar, marker, content).map(written)
            }
            Call::Update { calendar, event_id, revision, patch } => {
                self.patch(access_token, calendar, event_id, revision, patch).map(written)
            }
            Call::Delete { calendar, event_id, revision } => {
                self.remove(access_token, calendar, event_id, revision.as_deref()).map(|()| Done::Deleted)
            }
        }
    }

    fn read(
        &self,
        access_token: &SecretString,
        calendar: &str,
        name: &str,
        id: Option<&str>,
    ) -> Result<Change, PlatformError> {
        let (sim, account) = self.arrives(access_token, calendar, false)?;
        let found = sim.world.calendar(account, calendar).expect("it was found");
        if found.platform == Platform::Google {
            let event = found.events.get(id.unwrap_or(name)).ok_or(PlatformError::NotFound)?;
            cover(if event.what == What::Gone { "read: an event that is gone" } else { "read: an event" });
            return Ok(shown(event, None, &mut Dice::new(0)).expect("each event shows"));
        }
        let event = match id {
            Some(id) => found.events.get(id),
            None => {
                cover("read: by name");
                let created = |event: &&Event| match &event.created {
                    Some((of, at)) if of == name && event.what != What::Gone => Some(*at),
                    _ => None,
                };
                found.events.values().filter(|event| created(event).is_some()).min_by_key(created)
            }
        };
        let event = event.filter(|event| event.what != What::Gone).ok_or(PlatformError::NotFound)?;
        cover(if id.is_some() { "read: an event" } else { "read: found by its name" });
        Ok(outlook::read(event))
    }

    fn insert(
        &self,
        access_token: &SecretString,
        calendar: &str,
        marker: &Marker,
        content: &Content,
    ) -> Result<ObservedEvent, PlatformError> {
        let (mut sim, account) = self.arrives(access_token, calendar, true)?;
        let now = self.clock.now();
        let id = &sim.chosen(account, calendar, marker, now)?;
        let found = sim.world.calendar_mut(account, calendar).expect("it was found");
        let against = found.events.values().find(|event| {
            event.own_marker().is_some_and(|own| own.booking == marker.booking)
                && event.what == What::Gone
                && event.made_by_hand()
        });
        let against = against.map(|event| format!("{calendar} {}", event.id));
        // Before the deletion was told as a conflict, it may not have been known that the event had been made.
        let against = against.filter(|against| sim.told_deleted.contains(against));
        let found = sim.allow(against, "an event that was deleted by hand is made anew", account, calendar);
        let lag = lag(found);
        assert!(content.start < content.end, "an event that ends before it begins");
        let what = What::Single(Span::Timed { start: content.start, end: content.end });
        found.put(id, what.clone(), Marks::default(), now);
        let event = found.events.get_mut(id).expect("it was put");
        event.created = (*id != marker.name).then(|| (marker.name.clone(), now));
        event.written = Some(Box::new(Written {
            marker: marker.clone(),
            wrote: what,
            agreed: None,
            notes: Vec::new(),
            brought_back: false,
            title: content.title.clone(),
            location: content.location.clone(),
            description: content.description.clone(),
            own_title: false,
            own_location: false,
            own_description: false,
        }));
        cover("write: create");
        sim.after_write(account, calendar, id, lag, now)
    }

    fn patch(
        &self,
        access_token: &SecretString,
        calendar: &str,
        id: &str,
        revision: &str,
        patch: &Patch,
    ) -> Result<ObservedEvent, PlatformError> {
        let (mut sim, account) = self.arrives(access_token, calendar, true)?;
        let now = self.clock.now();
        let State { world, dice, faults, .. } = &mut *sim;
        let found = world.calendar_mut(account, calendar).expect("it was found");
        let Some(event) = found.events.get(id) else { return Err(PlatformError::NotFound) };
        if event.what == What::Gone {
            // Which of the two is looked at first is not said.
            cover("write: an update of an event that is gone");
            return Err(if dice.chance(50) { PlatformError::NotFound } else { PlatformError::Changed });
        }
        if event.changed.to_string() != revision || faults.refuse_write() {
            cover("write: changed meanwhile");
            return Err(PlatformError::Changed);
        }
        let to = patch.times.map(|(start, end, _)| What::Single(Span::Timed { start, end }));
        let agreed = event.written.as_ref().and_then(|written| written.agreed.as_ref()) == Some(&event.what);
        let overwrites = event.made_by_hand() && !agreed && to.as_ref().is_some_and(|to| *to != event.what);
        let booking = event.own_marker().map(|marker| marker.booking);
        let against = booking.filter(|_| overwrites).map(|booking| format!("{booking} {revision}"));
        let found = sim.allow(against, "an event that was moved by hand is overwritten", account, calendar);
        let lag = lag(found);
        let event = &found.events[id];
        let (mut what, marks) = (event.what.clone(), event.marks);
        if let Some((start, end, _)) = patch.times {
            assert!(start < end, "an event that ends before it begins");
            let exceptions = found.exceptions(id);
            if !exceptions.is_empty() {
                cover("write: a series is made a single event");
            }
            for exception in exceptions {
                found.events.remove(&exception);
            }
            what = What::Single(Span::Timed { start, end });
        }
        found.put(id, what.clone(), marks, now);
        let event = found.events.get_mut(id).expect("it was put");
        let written = event.written.as_mut().expect("only what was written through the API is changed so");
        if patch.times.is_some() {
            written.wrote = what;
        }
        if let Some(title) = &patch.title {
            written.title.clone_from(title);
            written.own_title = false;
        }
        if let Some(location) = &patch.location {
            written.location.clone_from(location);
            written.own_location = false;
        }
        if let Some((was, becomes)) = &patch.description {
            let stands = &written.description;
            written.description = match was.as_deref().filter(|was| !was.is_empty()) {
                Some(was) if stands.contains(was) => stands.replacen(was, becomes, 1),
                _ if stands.is_empty() || stands == becomes => becomes.clone(),
                _ => format!("{becomes}\n\n{stands}"),
            };
            written.own_description = false;
        }
        cover("write: update");
        sim.after_write(account, calendar, id, lag, now)
    }

    fn remove(
        &self,
        access_token: &SecretString,
        calendar: &str,
        id: &str,
        revision: Option<&str>,
    ) -> Result<(), PlatformError> {
        let (mut sim, account) = self.arrives(access_token, calendar, true)?;
        let now = self.clock.now();
        let State { world, dice, faults, writes, calm, .. } = &mut *sim;
        let found = world.calendar_mut(account, calendar).expect("it was found");
        let Some(event) = found.events.get(id) else { return Err(PlatformError::NotFound) };
        if event.what == What::Gone {
            cover("write: a second deletion");
            return Err(PlatformError::NotFound);
        }
        if revision.is_some_and(|revision| event.changed.to_string() != revision || faults.refuse_write()) {
            cover("write: changed meanwhile");
            return Err(PlatformError::Changed);
        }
        assert!(event.written.is_some(), "an event that is not ours is deleted: {id}");
        let lag = lag(found);
        let marks = found.events[id].marks;
        for exception in found.exceptions(id) {
            found.put(&exception, What::Gone, marks, now);
        }
        found.put(id, What::Gone, marks, now);
        let event = found.events.get_mut(id).expect("it was put");
        event.written.as_mut().expect("it is ours").wrote = What::Gone;
        found.begin_lag(lag, *calm, dice);
        cover("write: delete");
        *writes += 1;
        if faults.lost_writes > 0 {
            cover("fault: a deletion's answer is lost");
            faults.lost_writes -= 1;
            return Err(unavailable(None));
        }
        Ok(())
    }
}

/// How many calls a platform takes at a time.
pub const fn at_once(platform: Platform) -> usize {
    match platform {
        Platform::Google => 1,
        Platform::Outlook => 4,
    }
}

/// The event that a call is about.
fn name_of(call: &Call) -> String {
    match call {
        Call::Read { calendar, name, event_id } => {
            format!("{calendar} {}", event_id.as_ref().unwrap_or(name))
        }
        Call::Create { calendar, marker, .. } => format!("{calendar} {}", marker.name),
        Call::Update { calendar, event_id, .. } | Call::Delete { calendar, event_id, .. } => {
            format!("{calendar} {event_id}")
        }
    }
}

/// What the feed may go on to show.
fn lag(calendar: &Calendar) -> Lag {
    Lag { changes: calendar.changes, events: calendar.events.clone(), listings: 0 }
}

impl Calendar {
    /// Some writes reach the feed only after a while. One that lags already goes on to show what it shows.
    fn begin_lag(&mut self, lag: Lag, calm: bool, dice: &mut Dice) {
        if self.lag.is_none() && !calm && dice.chance(12) {
            let listings = 2 + u32::try_from(dice.below(2)).expect("it is small");
            self.lag = Some(Lag { listings, ..lag });
        }
    }
}

impl Faults {
    fn refuse_write(&mut self) -> bool {
        let refuses = self.refused_writes > 0;
        if refuses {
            cover("fault: a write is refused for nothing");
            self.refused_writes -= 1;
        }
        refuses
    }
}

impl State {
    /// Notes that something is asked of a calendar that is known to be gone.
    pub fn asked_for_nothing(&mut self, named: &(usize, String)) {
        if self.resting.contains(named) {
            self.violations.push(format!("a calendar that is gone is asked for: {named:?}"));
        }
    }

    /// Google says the same of an event and of its calendar; Microsoft tells them apart, most of the time.
    fn not_there(&mut self, account: usize) -> PlatformError {
        if self.world.accounts[account].platform == Platform::Outlook && self.dice.chance(70) {
            return PlatformError::CalendarNotFound;
        }
        PlatformError::NotFound
    }

    /// The id of an event that is to be created.
    fn chosen(
        &mut self,
        account: usize,
        calendar: &str,
        marker: &Marker,
        now: DateTime<Utc>,
    ) -> Result<String, PlatformError> {
        let name = &marker.name;
        let found = self.world.calendar(account, calendar).expect("it was found");
        if found.platform == Platform::Google {
            let fits = |c: char| matches!(c, '0'..='9' | 'a'..='v');
            assert!(
                (5..=1024).contains(&name.len()) && name.chars().all(fits),
                "not an id of Google's: {name}"
            );
            if found.events.contains_key(name) {
                cover("write: the name is used up");
                return Err(PlatformError::Exists);
            }
            return Ok(name.clone());
        }
        // Of the whole mailbox; how long they are remembered is not said (7.1).
        let owner = self.world.owner(account, calendar);
        let names = &mut self.world.accounts[owner].names;
        if let Some(at) = names.get(name) {
            if now - *at < TimeDelta::hours(1) || self.dice.chance(60) {
                cover("write: the name is used up, and its event has an id of its own");
                return Err(PlatformError::Exists);
            }
            cover("write: a name is forgotten");
        }
        names.insert(name.clone(), now);
        Ok(format!("{}/{:x}=", self.world.id("AAMk"), self.dice.below(1 << 32)))
    }

    /// Notes what is done against a person's will, unless they agreed to it.
    fn allow(
        &mut self,
        against: Option<String>,
        what: &str,
        account: usize,
        calendar: &str,
    ) -> &mut Calendar {
        if let Some(against) = against.filter(|against| !self.allowed.contains(against)) {
            self.violations.push(format!("{what}: {against}"));
        }
        self.world.calendar_mut(account, calendar).expect("it was found")
    }

    /// The answer to a write, if it arrives.
    fn after_write(
        &mut self,
        account: usize,
        calendar: &str,
        id: &str,
        lag: Lag,
        now: DateTime<Utc>,
    ) -> Result<ObservedEvent, PlatformError> {
        let Self { world, dice, faults, writes, calm, .. } = self;
        *writes += 1;
        let found = world.calendar_mut(account, calendar).expect("it was found");
        found.begin_lag(lag, *calm, dice);
        let event = &found.events[id];
        let What::Single(span) = event.what else {
            // An update of other fields than the times of what the provider made a series.
            let told = match found.platform {
                Platform::Google => shown(event, None, &mut Dice::new(0)),
                Platform::Outlook => Some(outlook::read(event)),
            };
            let Some(Change::Present(event)) = told else { return Err(unavailable(None)) };
            return Ok(*event);
        };
        let answer = observed(event, Shape::Single { span });
        if dice.chance(8) {
            // The platform goes over it once more (7.10).
            cover("write: an event changes by itself right after it was written");
            let (what, marks) = (event.what.clone(), event.marks);
            found.put(id, what, marks, now);
        }
        if faults.lost_writes > 0 {
            cover("fault: a write's answer is lost");
            faults.lost_writes -= 1;
            return Err(unavailable(None));
        }
        Ok(answer)
    }
}
