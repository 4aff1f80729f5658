//! `events.list` and `events.instances` (6, 7.7).

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::calendar_list::usual_reminders;
use super::errors::ApiError;
use super::events::view;
use super::guard::{Access, Caller};
use super::model::{Calendar, Event, show_stamp};
use super::paging::{self, Listing, Page};
use super::recurrence::{Span, has_slot, same_slot, slots};
use super::reply::{self, Query};
use super::switches::{Constraints, Delta, Settings, Tombstones};
use super::sync_token::SyncToken;
use super::times::{When, parse_instant};
use super::view::instance;
use crate::faults::{Kind, Struck};
use crate::simulator::{Simulator, World};

/// Not allowed together with `syncToken` (6.3).
const NOT_WITH_SYNC_TOKEN: [&str; 8] = [
    "iCalUID",
    "orderBy",
    "privateExtendedProperty",
    "q",
    "sharedExtendedProperty",
    "timeMin",
    "timeMax",
    "updatedMin",
];

/// A listing with one of these yields no sync token (6.3).
const WITHOUT_SYNC_TOKEN: [&str; 6] =
    ["iCalUID", "orderBy", "privateExtendedProperty", "q", "sharedExtendedProperty", "updatedMin"];

/// How far back `updatedMin` may lie; Google does not say.
const UPDATED_MIN_DAYS: i64 = 28;

const EVENT_TYPES: [&str; 6] =
    ["birthday", "default", "focusTime", "fromGmail", "outOfOffice", "workingLocation"];

pub(super) async fn list(
    State(simulator): State<Arc<Simulator>>,
    Path(calendar): Path<String>,
    RawQuery(query): RawQuery,
    Extension(struck): Extension<Struck>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let query = Query::parse(query.as_deref());
    let mut world = simulator.world();
    let caller = Caller::authorize(&mut world, &headers, &query, "events.list")?;
    let access = caller.reach(&world.google, &calendar)?;
    let size = query.page_size(&world.google.settings, 250, 2500)?;
    let wanted = Wanted::read(&query, &world.google.settings)?;
    let of = paging::identity(&format!("events {}", access.id), &caller.email, &query);
    let page = match query.get("pageToken") {
        Some(token) => world.google.snapshots.follow(token, of, size, &struck)?,
        None => {
            let mut listing = collect(&mut world, &caller, &access, &query, &wanted)?;
            if let Some(token) = query.get("syncToken").filter(|_| struck.has(Kind::StaleListing)) {
                listing = Listing { items: Vec::new(), sync_token: Some(token.to_owned()) };
            }
            world.google.snapshots.begin(listing, of, size, &struck)
        }
    };
    let calendar = access.calendar(&world.google)?;
    let body = envelope(calendar, &world, &caller, &access, &query, page, of);
    reply::resource(&query, &headers, true, "Events", body)
}

fn envelope(
    calendar: &Calendar,
    world: &World,
    caller: &Caller,
    access: &Access,
    query: &Query,
    page: Page,
    of: u64,
) -> Value {
    let updated = calendar.events.values().map(|event| event.updated).max().unwrap_or(calendar.stamp);
    let part = (query.get("pageToken"), access.role.name());
    let etag = format!("\"p{:x}\"", paging::hash((of, calendar.sequence, calendar.stamp, part)));
    let mut body = json!({
        "kind": "calendar#events",
        "etag": etag,
        "summary": calendar.summary,
        "description": calendar.description.as_deref().unwrap_or_default(),
        "updated": show_stamp(updated),
        "timeZone": calendar.zone,
        "accessRole": access.role.name(),
        "defaultReminders": [],
        "items": page.items,
    });
    let entry = world.google.entry(&caller.email, &access.id);
    if let Some(own) = entry.and_then(|entry| entry.own.get("defaultReminders")) {
        body["defaultReminders"] = own.clone();
    } else if calendar.primary_of.as_deref() == Some(caller.email.as_str()) {
        body["defaultReminders"] = usual_reminders();
    }
    if let Some(token) = page.next_page_token {
        body["nextPageToken"] = token.into();
    }
    if let Some(token) = page.next_sync_token {
        body["nextSyncToken"] = token.into();
    }
    body
}

/// What a listing is asked for.
struct Wanted {
    single: bool,
    show_deleted: bool,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    updated_from: Option<DateTime<Utc>>,
    order: Option<Order>,
    /// Of the free text, in lower case.
    terms: Vec<String>,
    ical_uid: Option<String>,
    /// Kind, name and value.
    properties: Vec<(&'static str, String, String)>,
    /// Whether all of them must fit, or one.
    constraints: Constraints,
    types: Vec<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum Order {
    Start,
    Updated,
}

impl Wanted {
    fn read(query: &Query, settings: &Settings) -> Result<Wanted, ApiError> {
        if query.get("syncToken").is_some() {
            for name in NOT_WITH_SYNC_TOKEN {
                if query.get(name).is_some() {
                    return Err(ApiError::not_with_sync_token(name));
                }
            }
            if query.flag("showDeleted")? == Some(false) {
                return Err(ApiError::not_with_sync_token("showDeleted=false"));
            }
        }
        let single = query.flag("singleEvents")?.unwrap_or(false);
        let (from, to) = (query.instant("timeMin")?, query.instant("timeMax")?);
        if from.zip(to).is_some_and(|(from, to)| from >= to) {
            return Err(ApiError::time_range_empty());
        }
        let order = match query.get("orderBy") {
            None => None,
            Some("updated") => Some(Order::Updated),
            Some("startTime") if single => Some(Order::Start),
            Some("startTime") => {
                return Err(ApiError::bad_request(
                    "The requested ordering is not available for the particular query.",
                ));
            }
            Some(other) => {
                return Err(ApiError::invalid_parameter(
                    "orderBy",
                    format!("Invalid string value: '{other}'."),
                ));
            }
        };
        let mut properties = Vec::new();
        for (parameter, kind) in
            [("privateExtendedProperty", "private"), ("sharedExtendedProperty", "shared")]
        {
            for constraint in query.all(parameter) {
                let (name, value) = constraint.split_once('=').ok_or_else(|| {
                    ApiError::invalid_parameter(parameter, "Invalid extended property constraint.")
                })?;
                properties.push((kind, name.to_owned(), value.to_owned()));
            }
        }
        let types: Vec<String> = query.all("eventTypes").map(str::to_owned).collect();
        if let Some(unknown) = types.iter().find(|kind| !EVENT_TYPES.contains(&kind.as_str())) {
            return Err(ApiError::invalid_parameter(
                "eventTypes",
                format!("Invalid string value: '{unknown}'."),
            ));
        }
        Ok(Wanted {
            single,
            show_deleted: query.flag("showDeleted")?.unwrap_or(false),
            from,
            to,
            updated_from: query.instant("updatedMin")?,
            order,
            terms: query
                .get("q")
                .unwrap_or_default()
                .to_lowercase()
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
            ical_uid: query.get("iCalUID").map(str::to_owned),
            properties,
            constraints: settings.property_constraints,
            types,
        })
    }

    fn takes(&self, event: &Event) -> bool {
        (self.types.is_empty() || self.types.iter().any(|kind| kind == event.kind()))
            && self.ical_uid.as_ref().is_none_or(|uid| *uid == event.ical_uid)
            && self.updated_from.is_none_or(|from| event.updated >= from.timestamp_micros())
            && self.takes_properties(event)
            && self.takes_text(event)
    }

    /// Each term begins a word of some field (6.1).
    fn takes_text(&self, event: &Event) -> bool {
        if self.terms.is_empty() {
            return true;
        }
        let people = event.content.get("attendees").and_then(Value::as_array).into_iter().flatten();
        let people = people.flat_map(|attendee| [&attendee["displayName"], &attendee["email"]]);
        let fields: Vec<String> = ["summary", "description", "location"]
            .iter()
            .filter_map(|name| event.text(name))
            .chain(people.filter_map(Value::as_str))
            .chain([event.organizer.email.as_str()])
            .chain(event.organizer.name.as_deref())
            .map(str::to_lowercase)
            .collect();
        let begins_word = |field: &String, term: &str| {
            field
                .match_indices(term)
                .any(|(at, _)| !field[..at].chars().next_back().is_some_and(char::is_alphanumeric))
        };
        self.terms.iter().all(|term| fields.iter().any(|field| begins_word(field, term)))
    }

    fn takes_properties(&self, event: &Event) -> bool {
        let fits = |(kind, name, value): &(&str, String, String)| {
            event
                .content
                .get("extendedProperties")
                .and_then(|all| all.get(*kind)?.get(name)?.as_str())
                .is_some_and(|other| other == value)
        };
        match self.constraints {
            Constraints::All => self.properties.iter().all(fits),
            Constraints::Any => self.properties.is_empty() || self.properties.iter().any(fits),
        }
    }

    /// Deletions are shown (6.1).
    fn shows_deleted(&self) -> bool {
        self.show_deleted || self.updated_from.is_some()
    }
}

fn collect(
    world: &mut World,
    caller: &Caller,
    access: &Access,
    query: &Query,
    wanted: &Wanted,
) -> Result<Listing, ApiError> {
    let now = world.now();
    let stamp = world.google.stamp(now);
    let settings = world.google.settings.clone();
    let calendar = access.calendar(&world.google)?;
    let entry = world
        .google
        .account(&caller.email)
        .and_then(|account| account.entries.iter().find(|entry| entry.calendar == access.id));
    if wanted.updated_from.is_some_and(|from| now - from > TimeDelta::days(UPDATED_MIN_DAYS)) {
        return Err(ApiError::updated_min_too_long_ago());
    }
    let of = paging::hash((&access.id, &caller.email, wanted.single, &wanted.types));
    let valid_from = calendar.sync_from.max(entry.map_or(0, |entry| entry.sync_from));
    let token = match query.get("syncToken") {
        Some(token) => Some(SyncToken::accept(token, of, now, calendar.sequence, valid_from, &settings)?),
        None => None,
    };
    let found = match token {
        Some(token) => changes(calendar, wanted, token, now, &settings),
        None => current(calendar, wanted, now, &settings),
    };
    let view = view(calendar, access, query)?;
    let show = |event| match settings.tombstones {
        Tombstones::Minimal => view.listed(event),
        Tombstones::Full => view.full(event),
    };
    let items = found.iter().map(show).collect();
    let (from, to) = token.map_or((wanted.from, wanted.to), |token| (token.from, token.to));
    let next = SyncToken { of, sequence: calendar.sequence, issued: stamp, from, to };
    let gives_token = WITHOUT_SYNC_TOKEN.iter().all(|name| query.get(name).is_none());
    Ok(Listing { items, sync_token: gives_token.then(|| next.show()) })
}

fn overlaps(
    calendar: &Calendar,
    event: &Event,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
) -> bool {
    let tz = calendar.tz();
    from.is_none_or(|from| event.end.instant(tz) > from) && to.is_none_or(|to| event.start.instant(tz) < to)
}

/// A series' slots; of one that cannot be read, the master's own.
fn slots_or_own(master: &Event, calendar: &Calendar, span: Span) -> Vec<When> {
    slots(master, calendar, span).unwrap_or_else(|_| {
        if overlaps(calendar, master, span.from, span.to) { vec![master.start.clone()] } else { Vec::new() }
    })
}

/// The instances of a series that nothing has changed.
fn plain_instances(master: &Event, calendar: &Calendar, span: Span) -> Vec<Event> {
    slots_or_own(master, calendar, span)
        .iter()
        .map(|slot| instance(master, slot))
        .filter(|event| !calendar.events.contains_key(&event.id))
        .collect()
}

/// What is there now.
fn current(calendar: &Calendar, wanted: &Wanted, now: DateTime<Utc>, settings: &Settings) -> Vec<Event> {
    let mut found = Vec::new();
    let ahead = wanted.to.is_none().then_some((now, settings.instances_ahead));
    let span = Span { from: wanted.from, to: wanted.to, ahead };
    for event in calendar.events.values().filter(|event| wanted.takes(event)) {
        let cancelled = calendar.is_cancelled(event);
        match &event.exception {
            Some(exception) => {
                let master_lives =
                    calendar.events.get(&exception.master).is_some_and(|master| !master.cancelled);
                // Of a live series, cancelled instances are part of what it is (6.1).
                let shown = !cancelled || wanted.shows_deleted() || (master_lives && !wanted.single);
                if shown && overlaps(calendar, event, wanted.from, wanted.to) {
                    found.push(event.clone());
                }
            }
            None if event.is_master() && wanted.single => {
                if !cancelled {
                    found.extend(plain_instances(event, calendar, span));
                } else if wanted.shows_deleted() {
                    found.extend(deleted_instances(event, calendar, now, settings));
                }
            }
            None => {
                let overlaps = if event.is_master() && (wanted.from.is_some() || wanted.to.is_some()) {
                    let first = Span { ahead: Some((now, 1)), ..span };
                    !slots_or_own(event, calendar, first).is_empty()
                } else {
                    overlaps(calendar, event, wanted.from, wanted.to)
                };
                if overlaps && (!cancelled || wanted.shows_deleted()) {
                    found.push(event.clone());
                }
            }
        }
    }
    match wanted.order {
        Some(Order::Start) => found.sort_by_key(|event| event.start.instant(calendar.tz())),
        Some(Order::Updated) => found.sort_by_key(|event| event.updated),
        None => {}
    }
    found
}

fn deleted_instances(
    master: &Event,
    calendar: &Calendar,
    now: DateTime<Utc>,
    settings: &Settings,
) -> Vec<Event> {
    let to = now + TimeDelta::days(settings.deleted_instances_days.into());
    let span = Span { from: Some(now), to: Some(to), ahead: None };
    plain_instances(master, calendar, span)
        .into_iter()
        .map(|event| Event { cancelled: true, ..event })
        .collect()
}

/// What changed since a token, each event once, as it is now (6.3).
fn changes(
    calendar: &Calendar,
    wanted: &Wanted,
    token: SyncToken,
    now: DateTime<Utc>,
    settings: &Settings,
) -> Vec<Event> {
    let changed =
        calendar.events.values().filter(|event| event.changed > token.sequence && wanted.takes(event));
    if !wanted.single {
        return changed.cloned().collect();
    }
    let window = match settings.delta {
        Delta::Unbounded => Span { from: None, to: None, ahead: Some((now, settings.instances_ahead)) },
        Delta::Window => Span {
            from: token.from,
            to: token.to,
            ahead: token.to.is_none().then_some((now, settings.instances_ahead)),
        },
    };
    let mut found: BTreeMap<String, Event> = BTreeMap::new();
    for event in changed {
        if !event.is_master() {
            // A single event that was a series, too, comes with what is left of it.
            found.insert(event.id.clone(), event.clone());
        } else if event.cancelled {
            found.extend(
                deleted_instances(event, calendar, now, settings)
                    .into_iter()
                    .map(|event| (event.id.clone(), event)),
            );
        } else {
            let live = plain_instances(event, calendar, window);
            found.extend(live.into_iter().map(|event| (event.id.clone(), event)));
        }
        let dropped = event.dropped.iter().filter(|(slot, at)| {
            *at > token.sequence && !(event.is_master() && has_slot(event, calendar, slot))
        });
        for (slot, _) in dropped {
            let gone = Event { cancelled: true, ..instance(event, slot) };
            found.entry(gone.id.clone()).or_insert(gone);
        }
    }
    found.into_values().collect()
}

pub(super) async fn instances(
    State(simulator): State<Arc<Simulator>>,
    Path((calendar, master)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    Extension(struck): Extension<Struck>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let query = Query::parse(query.as_deref());
    let mut world = simulator.world();
    let caller = Caller::authorize(&mut world, &headers, &query, "events.instances")?;
    let access = caller.reach(&world.google, &calendar)?;
    let size = query.page_size(&world.google.settings, 250, 2500)?;
    let of = paging::identity(&format!("instances {} {master}", access.id), &caller.email, &query);
    let page = match query.get("pageToken") {
        Some(token) => world.google.snapshots.follow(token, of, size, &struck)?,
        None => {
            let listing = instances_of(&world, &access, &query, &master)?;
            world.google.snapshots.begin(listing, of, size, &struck)
        }
    };
    let calendar = access.calendar(&world.google)?;
    let body = envelope(calendar, &world, &caller, &access, &query, page, of);
    reply::resource(&query, &headers, true, "Events", body)
}

fn instances_of(world: &World, access: &Access, query: &Query, id: &str) -> Result<Listing, ApiError> {
    let calendar = access.calendar(&world.google)?;
    let (from, to) = (query.instant("timeMin")?, query.instant("timeMax")?);
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        return Err(ApiError::time_range_empty());
    }
    let show_deleted = query.flag("showDeleted")?.unwrap_or(false);
    let master = calendar.events.get(id).ok_or_else(ApiError::not_found)?;
    if !master.is_master() {
        return Err(ApiError::invalid("Not a recurring event."));
    }
    // Here the lower bound belongs to the range (7.7).
    let from = from.map(|from| from - TimeDelta::milliseconds(1));
    let ahead = to.is_none().then_some((world.now(), world.google.settings.instances_ahead));
    let span = Span { from, to, ahead };
    let mut found = if master.cancelled { Vec::new() } else { plain_instances(master, calendar, span) };
    found.extend(
        calendar
            .exceptions(id)
            .filter(|event| show_deleted || !calendar.is_cancelled(event))
            .filter(|event| overlaps(calendar, event, from, to))
            .cloned(),
    );
    if let Some(original) = query.get("originalStart") {
        let wanted = match original.parse() {
            Ok(day) => When::Day(day),
            Err(_) => When::Time {
                at: parse_instant(original)
                    .ok_or_else(|| ApiError::invalid_parameter("originalStart", "Invalid original start."))?,
                zone: None,
            },
        };
        found.retain(|event| {
            event.exception.as_ref().is_some_and(|exception| same_slot(&exception.original, &wanted))
        });
    }
    found.sort_by_key(|event| {
        event.exception.as_ref().map(|exception| exception.original.instant(calendar.tz()))
    });
    let view = view(calendar, access, query)?;
    let items = found.iter().map(|event| view.listed(event)).collect();
    Ok(Listing { items, sync_token: None })
}
