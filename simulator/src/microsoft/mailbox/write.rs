//! Making, changing and deleting events (7).

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value};

use super::access::Reach;
use super::draft::{
    Draft, allow_meeting, begin_with_first, change, check_neighbours, check_times, invalid, set_properties,
    times,
};
use super::fields;
use super::ids::{self, Ids};
use super::items::{Item, Target};
use super::model::{Changed, Event, Exception, Gone, Kind, Mailboxes, Response, Transaction};
use super::recurrence::Recurrence;
use crate::microsoft::errors::{GraphError, GraphResult};
use crate::simulator::World;

/// Whoever writes: into one calendar, at one instant.
pub(crate) struct Editor<'a> {
    pub mailboxes: &'a mut Mailboxes,
    rng: &'a mut ChaCha8Rng,
    now: DateTime<Utc>,
    pub reach: Reach,
    /// A client's `If-Match`.
    pub if_match: Option<String>,
    /// By hand: a `transactionId` is not looked at.
    pub by_hand: bool,
}

impl<'a> Editor<'a> {
    pub fn new(world: &'a mut World, reach: Reach) -> Self {
        let now = world.now();
        let World { microsoft, rng, .. } = world;
        Editor { mailboxes: &mut microsoft.mailboxes, rng, now, reach, if_match: None, by_hand: false }
    }

    /// Makes an event; where it stands. The same `transactionId` with the same body finds the same event (7.1).
    pub fn create(&mut self, body: &Value) -> GraphResult<Target> {
        let draft = Draft::read(body)?;
        let transaction = draft.transaction.clone().filter(|_| !self.by_hand);
        if let Some(transaction) = &transaction
            && let Some(before) = self.replayed(transaction, body)?
        {
            return Ok(before);
        }
        let mut event = self.new_event(draft)?;
        if self.by_hand {
            event.transaction = None;
        }
        let immutable = event.ids.immutable.clone();
        let target = self.insert(event)?;
        if let Some(name) = transaction {
            let calendar = self.reach.calendar.clone();
            let made = Transaction { calendar, event: immutable, body: body.clone() };
            self.mailboxes.of_mut(&self.reach.owner)?.transactions.insert(name, made);
        }
        Ok(target)
    }

    fn replayed(&self, transaction: &str, body: &Value) -> GraphResult<Option<Target>> {
        let mailbox = self.mailboxes.of(&self.reach.owner)?;
        let Some(made) = mailbox.transactions.get(transaction) else { return Ok(None) };
        let find = |calendar: &super::model::Calendar| {
            let mut events = calendar.events.iter();
            events.find(|(_, event)| event.ids.immutable == made.event).map(|(key, _)| *key)
        };
        let found = mailbox.calendars.iter().find_map(|calendar| Some((&calendar.id, find(calendar)?)));
        let switches = &self.mailboxes.switches;
        match found {
            None if !switches.transactions_outlive_events => Ok(None),
            Some((calendar, key)) if made.body == *body && *calendar == self.reach.calendar => {
                Ok(Some(Target { key, day: None }))
            }
            _ => Err(GraphError::new(
                switches.duplicate_transaction_status,
                "ErrorDuplicateTransactionId",
                "Your request can't be completed. The TransactionId specified in the request has already been used to create a different event.",
            )),
        }
    }

    fn new_event(&mut self, mut draft: Draft) -> GraphResult<Event> {
        let (Some(start), Some(end)) = (draft.start, draft.end) else {
            return Err(invalid("An event needs a start and an end."));
        };
        let all_day = draft.all_day.unwrap_or(false);
        check_times(&start, &end, all_day)?;
        let recurrence = match draft.recurrence {
            None | Some(Value::Null) => None,
            Some(recurrence) => Some(Recurrence::read(&recurrence, start.day())?),
        };
        let mailbox = self.mailboxes.of(&self.reach.owner)?;
        let mut fields = fields::defaults();
        allow_meeting(&mut draft.fields, mailbox.personal);
        fields.extend(draft.fields);
        let mut event = Event {
            ids: Ids::new(self.rng),
            uid: ids::uid(self.rng),
            created: self.now,
            modified: self.now,
            version: 0,
            changed: 0,
            arrived: 0,
            start,
            end,
            all_day,
            recurrence,
            exceptions: Default::default(),
            cancelled: Default::default(),
            fields,
            organizer: mailbox.person(),
            own: true,
            is_cancelled: false,
            response: Response { response: "organizer".to_owned(), time: None },
            properties: Default::default(),
            extensions: draft.extensions.into_iter().collect(),
            transaction: draft.transaction,
        };
        begin_with_first(&mut event)?;
        set_properties(&mut event.properties, &draft.properties);
        Ok(event)
    }

    /// Puts a new event into the calendar.
    pub fn insert(&mut self, mut event: Event) -> GraphResult<Target> {
        let version = self.mailboxes.of_mut(&self.reach.owner)?.next_version();
        let calendar = self.mailboxes.calendar_mut(&self.reach)?;
        calendar.last_key += 1;
        let key = calendar.last_key;
        (event.version, event.changed) = (version, calendar.next_sequence());
        event.arrived = 0;
        calendar.events.insert(key, event);
        self.tell(key, Kind::Created)?;
        Ok(Target { key, day: None })
    }

    pub fn rng(&mut self) -> &mut ChaCha8Rng {
        self.rng
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    pub fn event(&mut self, key: u64) -> GraphResult<&mut Event> {
        self.mailboxes.calendar_mut(&self.reach)?.events.get_mut(&key).ok_or_else(GraphError::not_found)
    }

    fn check_tag(&self, target: Target) -> GraphResult<()> {
        let Some(tags) = &self.if_match else { return Ok(()) };
        let version = self.mailboxes.item(&self.reach, target)?.version();
        let tag = self.mailboxes.of(&self.reach.owner)?.etag(version);
        let bare = |tag: &str| tag.trim().trim_start_matches("W/").trim_matches('"').to_owned();
        if tags.split(',').any(|other| bare(other) == bare(&tag)) {
            return Ok(());
        }
        Err(GraphError::new(
            412,
            "ErrorIrresolvableConflict",
            "The send or update operation could not be performed because the change key passed in the request does not match the current change key for the item.",
        ))
    }

    /// Changes what the body says (7.2).
    pub fn update(&mut self, target: Target, body: &Value) -> GraphResult<()> {
        self.check_tag(target)?;
        let mut draft = Draft::read(body)?;
        let personal = self.mailboxes.of(&self.reach.owner)?.personal;
        allow_meeting(&mut draft.fields, personal);
        match target.day {
            Some(day) => {
                let exception = self.excepted(target, day, draft)?;
                self.event(target.key)?.exceptions.insert(day, exception);
                self.touch(target)
            }
            None => {
                let mut event = self.event(target.key)?.clone();
                change(&mut event, draft)?;
                *self.event(target.key)? = event;
                self.touch(target)
            }
        }
    }

    /// The exception that an occurrence becomes.
    fn excepted(&self, target: Target, day: NaiveDate, draft: Draft) -> GraphResult<Exception> {
        let item = self.mailboxes.item(&self.reach, target)?;
        if draft.recurrence.as_ref().is_some_and(|recurrence| !recurrence.is_null()) {
            return Err(invalid("An occurrence has no recurrence of its own."));
        }
        let mut exception = exception_of(&item);
        if draft.changes_times() {
            let all_day = draft.all_day.unwrap_or(exception.all_day);
            let (start, end) = times(&draft, &exception.start, &exception.end)?;
            check_times(&start, &end, all_day)?;
            check_neighbours(item.event, day, &start)?;
            (exception.start, exception.end, exception.all_day) = (start, end, all_day);
        }
        exception.fields.extend(draft.fields);
        set_properties(&mut exception.properties, &draft.properties);
        Ok(exception)
    }

    /// A new version, and a place in what delta tells next.
    pub fn touch(&mut self, target: Target) -> GraphResult<()> {
        let now = self.now;
        let version = self.mailboxes.of_mut(&self.reach.owner)?.next_version();
        let calendar = self.mailboxes.calendar_mut(&self.reach)?;
        let sequence = calendar.next_sequence();
        let event = calendar.events.get_mut(&target.key).ok_or_else(GraphError::not_found)?;
        event.changed = sequence;
        event.version = version;
        match target.day.and_then(|day| event.exceptions.get_mut(&day)) {
            Some(exception) => {
                (exception.modified, exception.version, exception.changed) = (now, version, sequence);
            }
            None => event.modified = now,
        }
        self.tell(target.key, Kind::Updated)
    }

    /// To the bin. An occurrence is cancelled without a word of its own in delta (6.2).
    pub fn delete(&mut self, target: Target) -> GraphResult<()> {
        self.check_tag(target)?;
        if let Some(day) = target.day {
            let event = self.event(target.key)?;
            event.exceptions.remove(&day);
            event.cancelled.insert(day);
            if !event.is_empty_series() {
                return self.touch(Target { day: None, ..target });
            }
        }
        self.tell(target.key, Kind::Deleted)?;
        self.take(target.key).map(|_| ())
    }

    /// Takes an event out of the calendar; delta tells that it is gone.
    pub fn take(&mut self, key: u64) -> GraphResult<Event> {
        let calendar = self.mailboxes.calendar_mut(&self.reach)?;
        let event = calendar.events.remove(&key).ok_or_else(GraphError::not_found)?;
        let sequence = calendar.next_sequence();
        // So far ahead do occurrences stand that delta could have shown.
        let days = event.days().take(2000).collect();
        calendar.gone.push(Gone { sequence, ids: event.ids.clone(), days });
        Ok(event)
    }

    /// Drags an event to another calendar of the same mailbox: the usual id changes.
    pub fn drag(&mut self, key: u64, to: Reach) -> GraphResult<Target> {
        self.mailboxes.calendar(&to)?;
        self.tell(key, Kind::Deleted)?;
        let mut event = self.take(key)?;
        event.ids.moved(self.rng);
        self.reach = to;
        let target = self.insert(event)?;
        let event = self.event(target.key)?;
        event.arrived = event.changed;
        Ok(target)
    }

    fn tell(&mut self, key: u64, kind: Kind) -> GraphResult<()> {
        let event = self.event(key)?;
        let (ids, version) = (event.ids.clone(), event.version);
        let etag = self.mailboxes.of(&self.reach.owner)?.etag(version);
        self.mailboxes.changes.push(Changed {
            mailbox: self.reach.owner.clone(),
            calendar: self.reach.calendar.clone(),
            event: ids.usual,
            immutable: ids.immutable,
            etag,
            kind,
        });
        Ok(())
    }
}

/// An occurrence as an exception in which nothing is different yet.
pub(super) fn exception_of(item: &Item<'_>) -> Exception {
    item.exception.cloned().unwrap_or_else(|| Exception {
        start: item.start(),
        end: item.end(),
        all_day: item.all_day(),
        fields: Map::new(),
        response: None,
        is_cancelled: false,
        properties: Default::default(),
        modified: item.modified(),
        version: item.version(),
        changed: 0,
    })
}

/// A wall time as it is written in bodies that this program makes itself.
pub(super) fn written(wall: NaiveDateTime) -> String {
    wall.format("%Y-%m-%dT%H:%M:%S").to_string()
}
