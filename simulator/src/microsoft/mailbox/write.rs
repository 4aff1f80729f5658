//! Making, changing and deleting events (7).

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value};

use super::access::Reach;
use super::fields;
use super::ids::{self, Ids};
use super::items::{Item, Target};
use super::model::{Changed, Event, Exception, Gone, Kind, Mailboxes, Response, Transaction};
use super::recurrence::Recurrence;
use super::times::Time;
use crate::microsoft::errors::{GraphError, GraphResult};
use crate::simulator::World;

/// What a client's body says of an event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    fields: Map<String, Value>,
    start: Option<Time>,
    end: Option<Time>,
    all_day: Option<bool>,
    /// `Some(Null)`: the series becomes a single event.
    recurrence: Option<Value>,
    transaction: Option<String>,
    properties: Vec<(String, Option<String>)>,
    extensions: Vec<(String, Map<String, Value>)>,
}

fn invalid(message: &str) -> GraphError {
    GraphError::new(400, "ErrorPropertyValidationFailure", message)
}

fn crossing() -> GraphError {
    GraphError::new(
        400,
        "ErrorOccurrenceCrossingBoundary",
        "Modified occurrence is crossing or overlapping adjacent occurrence.",
    )
}

impl Draft {
    pub fn read(body: &Value) -> GraphResult<Draft> {
        let body = fields::named(body)?;
        let time = |name: &str| match body.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(time) => Time::read(name, time).map(Some),
        };
        let all_day = match body.get("isAllDay") {
            None | Some(Value::Null) => None,
            Some(Value::Bool(all_day)) => Some(*all_day),
            Some(_) => {
                return Err(GraphError::new(400, "RequestBodyRead", "'isAllDay' must be true or false."));
            }
        };
        let transaction = match body.get("transactionId") {
            None | Some(Value::Null) => None,
            Some(Value::String(transaction)) => Some(transaction.clone()),
            Some(_) => {
                return Err(GraphError::new(400, "RequestBodyRead", "'transactionId' must be a string."));
            }
        };
        let mut extensions = Vec::new();
        for one in body.get("extensions").and_then(Value::as_array).into_iter().flatten() {
            extensions.push(super::extensions::read(one)?);
        }
        Ok(Draft {
            fields: fields::read(&body)?,
            start: time("start")?,
            end: time("end")?,
            all_day,
            recurrence: body.get("recurrence").cloned(),
            transaction: transaction.filter(|transaction| !transaction.is_empty()),
            properties: fields::properties(&body)?,
            extensions,
        })
    }

    fn changes_times(&self) -> bool {
        self.start.is_some() || self.end.is_some() || self.all_day.is_some()
    }
}

/// All-day events lie from midnight to midnight of one zone; others do not end before they begin (5.3).
fn check_times(start: &Time, end: &Time, all_day: bool) -> GraphResult<()> {
    if !all_day {
        return match start.at() <= end.at() {
            true => Ok(()),
            false => Err(invalid("The Event.End property must not be before the Event.Start property.")),
        };
    }
    for (name, time) in [("Start", start), ("End", end)] {
        if !time.is_midnight() {
            return Err(GraphError::invalid(format!(
                "The Event.{name} property for an all-day event needs to be set to midnight."
            )));
        }
    }
    if start.tz != end.tz {
        return Err(GraphError::invalid(
            "The Event.Start and Event.End properties for an all-day event need to be in the same time zone.",
        ));
    }
    if start.wall >= end.wall {
        return Err(GraphError::invalid("The duration of an all-day event must be at least 24 hours."));
    }
    Ok(())
}

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
            uid: format!(
                "040000008200E00074C5B7101A82E008{}",
                ids::guid(self.rng).replace('-', "").to_uppercase()
            ),
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

/// The times that follow from the draft. A start alone takes the end along.
fn times(draft: &Draft, start: &Time, end: &Time) -> GraphResult<(Time, Time)> {
    let new_start = draft.start.clone().unwrap_or_else(|| start.clone());
    let new_end = match (&draft.end, &draft.start) {
        (Some(end), _) => end.clone(),
        (None, Some(moved)) => moved
            .shifted(end.wall - start.wall)
            .ok_or_else(|| invalid("The Event.End property is out of range."))?,
        (None, None) => end.clone(),
    };
    Ok((new_start, new_end))
}

/// An exception stays between the days of its neighbours (5.4).
fn check_neighbours(event: &Event, day: NaiveDate, start: &Time) -> GraphResult<()> {
    let tz = event.start.tz;
    let stands = |other: NaiveDate| match event.exceptions.get(&other) {
        Some(exception) if exception.all_day => exception.start.day(),
        Some(exception) => exception.start.at().with_timezone(&tz).date_naive(),
        None => other,
    };
    let new = if event.all_day { start.day() } else { start.at().with_timezone(&tz).date_naive() };
    let mut before = None;
    for other in event.days() {
        if other < day {
            before = Some(other);
        } else if other > day {
            if new >= stands(other) {
                return Err(crossing());
            }
            break;
        }
    }
    match before {
        Some(before) if new <= stands(before) => Err(crossing()),
        _ => Ok(()),
    }
}

/// A change of a single event or of a series as a whole.
fn change(event: &mut Event, draft: Draft) -> GraphResult<()> {
    let before = event.recurrence.clone();
    let was = (event.start.clone(), event.end.clone(), event.all_day);
    if draft.changes_times() {
        let all_day = draft.all_day.unwrap_or(event.all_day);
        let (start, end) = times(&draft, &event.start, &event.end)?;
        check_times(&start, &end, all_day)?;
        (event.start, event.end, event.all_day) = (start, end, all_day);
    }
    match draft.recurrence {
        Some(Value::Null) => event.recurrence = None,
        Some(mut recurrence) => {
            if recurrence["range"]["startDate"].is_null() {
                fields::set_range_start(&mut recurrence, event.start.day());
            }
            // A series whose start was not sent begins where the range says.
            if draft.start.is_none()
                && let Some(day) = recurrence["range"]["startDate"].as_str().and_then(|day| day.parse().ok())
            {
                (event.start, event.end) = (event.start_on(day), event.end_on(day));
            }
            event.recurrence = Some(Recurrence::read(&recurrence, event.start.day())?);
        }
        None => {
            if let Some(recurrence) = &mut event.recurrence
                && event.start.day() != was.0.day()
            {
                let by = (event.start.day() - was.0.day()).num_days();
                *recurrence = recurrence.shifted(by, event.start.day());
            }
        }
    }
    begin_with_first(event)?;
    let same_pattern = match (&before, &event.recurrence) {
        (Some(before), Some(after)) => before.same_pattern(after),
        _ => false,
    };
    // Outlook forgets what was changed by itself when the pattern or the times change.
    if !same_pattern || was != (event.start.clone(), event.end.clone(), event.all_day) {
        event.exceptions.clear();
        event.cancelled.clear();
    } else {
        let days: std::collections::BTreeSet<_> = event
            .recurrence
            .iter()
            .flat_map(|recurrence| recurrence.dates())
            .take_while(|day| event.exceptions.keys().next_back().is_some_and(|last| day <= last))
            .collect();
        event.exceptions.retain(|day, _| days.contains(day));
    }
    event.fields.extend(draft.fields);
    set_properties(&mut event.properties, &draft.properties);
    event.extensions.extend(draft.extensions);
    Ok(())
}

/// The first occurrence is where the series begins, also when its start was another day.
fn begin_with_first(event: &mut Event) -> GraphResult<()> {
    let Some(recurrence) = &event.recurrence else { return Ok(()) };
    let Some(first) = recurrence.dates().next() else {
        return Err(invalid("The recurrence has no occurrence."));
    };
    if first != event.start.day() {
        (event.start, event.end) = (event.start_on(first), event.end_on(first));
        if let Some(recurrence) = &mut event.recurrence {
            recurrence.start = first;
        }
    }
    Ok(())
}

/// Online meetings are for those who have Teams, else the wish is passed over in silence; nobody can turn them off
/// again (7.2).
fn allow_meeting(fields: &mut Map<String, Value>, personal: bool) {
    if fields.get("isOnlineMeeting") != Some(&Value::Bool(true)) {
        fields.remove("isOnlineMeeting");
        fields.remove("onlineMeetingProvider");
    } else if personal {
        fields.insert("isOnlineMeeting".to_owned(), false.into());
        fields.insert("onlineMeetingProvider".to_owned(), "unknown".into());
    } else {
        fields.insert("onlineMeetingProvider".to_owned(), "teamsForBusiness".into());
    }
}

fn set_properties(
    properties: &mut std::collections::BTreeMap<String, String>,
    said: &[(String, Option<String>)],
) {
    for (id, value) in said {
        properties.retain(|other, _| !super::items::same_property(other, id));
        if let Some(value) = value {
            properties.insert(id.clone(), value.clone());
        }
    }
}

/// A wall time as it is written in bodies that this program makes itself.
pub(super) fn written(wall: NaiveDateTime) -> String {
    wall.format("%Y-%m-%dT%H:%M:%S").to_string()
}
