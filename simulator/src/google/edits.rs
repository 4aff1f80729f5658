//! What a person does in Google's own pages, as data: used by the controls and by the page (5.5, 13.6).

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::acl::Scope;
use super::errors::ApiError;
use super::model::{Event, Role, new_id};
use super::recurrence::{Span, has_slot, slots};
use super::times::{When, is_sane, localize, parse_instant};
use super::view::{View, find, split_instance_id};
use super::write::{Editor, How, as_sent};
use super::{calendar_list, rule};
use crate::simulator::World;

fn primary() -> String {
    "primary".to_owned()
}

/// An action of the owner of an account. `calendar` is an id or `primary`, `event` an id, also of an instance.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Edit {
    /// `event`: as Google's API takes it. `unchecked` also takes what Google would refuse.
    AddEvent {
        account: String,
        #[serde(default = "primary")]
        calendar: String,
        event: Value,
        #[serde(default)]
        unchecked: bool,
    },
    /// `changes`: as a patch of Google's API.
    ChangeEvent {
        account: String,
        #[serde(default = "primary")]
        calendar: String,
        event: String,
        changes: Value,
        #[serde(default)]
        unchecked: bool,
    },
    /// Later by so many minutes (all-day events by whole days), or to a new start with the same length, or both
    /// ends. A series moves as a whole, an instance alone.
    MoveEvent {
        account: String,
        #[serde(default = "primary")]
        calendar: String,
        event: String,
        #[serde(default)]
        by_minutes: Option<i64>,
        #[serde(default)]
        start: Option<String>,
        #[serde(default)]
        end: Option<String>,
    },
    DeleteEvent {
        account: String,
        #[serde(default = "primary")]
        calendar: String,
        event: String,
    },
    /// Out of the bin.
    RestoreEvent {
        account: String,
        #[serde(default = "primary")]
        calendar: String,
        event: String,
    },
    /// Changes nothing but `updated` and the etag.
    TouchEvent {
        account: String,
        #[serde(default = "primary")]
        calendar: String,
        event: String,
    },
    /// A copy made by hand: it carries the original's properties, the private ones too.
    DuplicateEvent {
        account: String,
        #[serde(default = "primary")]
        calendar: String,
        event: String,
    },
    /// One occurrence of a series, named by its original start.
    MoveInstance {
        account: String,
        #[serde(default = "primary")]
        calendar: String,
        event: String,
        original_start: String,
        #[serde(default)]
        by_minutes: Option<i64>,
        #[serde(default)]
        start: Option<String>,
        #[serde(default)]
        end: Option<String>,
    },
    CancelInstance {
        account: String,
        #[serde(default = "primary")]
        calendar: String,
        event: String,
        original_start: String,
    },
    /// "This and following": the new series begins at this slot, changed as said.
    SplitSeries {
        account: String,
        #[serde(default = "primary")]
        calendar: String,
        event: String,
        original_start: String,
        #[serde(default)]
        changes: Map<String, Value>,
    },
    /// Drags an event or a series to another calendar.
    DragEvent {
        account: String,
        #[serde(default = "primary")]
        calendar: String,
        event: String,
        to: String,
    },
    /// The series keeps its wall time in another zone.
    ChangeSeriesZone {
        account: String,
        #[serde(default = "primary")]
        calendar: String,
        event: String,
        zone: String,
    },
    /// Someone invites the account: a copy with an organizer elsewhere appears on its calendar.
    Invite {
        account: String,
        #[serde(default = "primary")]
        calendar: String,
        from: String,
        event: Value,
    },
    /// `needsAction`, `declined`, `tentative` or `accepted`.
    Respond {
        account: String,
        #[serde(default = "primary")]
        calendar: String,
        event: String,
        response: String,
    },
    SetCalendarZone {
        account: String,
        #[serde(default = "primary")]
        calendar: String,
        zone: String,
    },
    AddCalendar {
        account: String,
        summary: String,
        #[serde(default)]
        id: Option<String>,
        #[serde(default)]
        zone: Option<String>,
        #[serde(default)]
        role: Option<Role>,
        #[serde(default)]
        color: Option<u8>,
    },
    /// The calendar's own title, for all who see it. An incremental list of calendars does not show it (4.1).
    RenameCalendar {
        account: String,
        #[serde(default = "primary")]
        calendar: String,
        summary: String,
    },
    /// The title that this account gives it; `null` takes it away.
    OverrideSummary {
        account: String,
        #[serde(default = "primary")]
        calendar: String,
        summary: Option<String>,
    },
    HideCalendar {
        account: String,
        calendar: String,
        #[serde(default = "yes")]
        hidden: bool,
    },
    SelectCalendar {
        account: String,
        #[serde(default = "primary")]
        calendar: String,
        #[serde(default = "yes")]
        selected: bool,
    },
    /// Shares a calendar of any account with this one, or changes this one's role there.
    SetRole { account: String, calendar: String, role: Role },
    /// This account can no longer see it.
    WithdrawCalendar { account: String, calendar: String },
    /// Puts a calendar that the account may see on its list, or takes it off.
    ListCalendar {
        account: String,
        calendar: String,
        #[serde(default = "yes")]
        listed: bool,
    },
    /// One of the account's own settings, by Google's name.
    ChangeSetting { account: String, setting: String, value: String },
    /// Gone for everybody.
    DeleteCalendar { account: String, calendar: String },
}

fn yes() -> bool {
    true
}

/// Carries an edit out. The answer shows what it was about, as its owner sees it.
pub(crate) fn apply(world: &mut World, edit: Edit) -> Result<Value, ApiError> {
    match edit {
        Edit::AddEvent { account, calendar, event, unchecked } => {
            let mut editor = editor(world, &account, &calendar)?;
            editor.unchecked = unchecked;
            editor.tell = true;
            let id = editor.insert(&event)?;
            shown(&editor, &[&id])
        }
        Edit::ChangeEvent { account, calendar, event, changes, unchecked } => {
            let mut editor = editor(world, &account, &calendar)?;
            editor.unchecked = unchecked;
            editor.tell = true;
            editor.update(&event, &changes, How::Patch)?;
            shown(&editor, &[&event])
        }
        Edit::MoveEvent { account, calendar, event, by_minutes, start, end } => {
            let mut editor = editor(world, &account, &calendar)?;
            shift(&mut editor, &event, by_minutes, start, end)?;
            shown(&editor, &[&event])
        }
        Edit::DeleteEvent { account, calendar, event } => {
            let mut editor = editor(world, &account, &calendar)?;
            editor.delete(&event)?;
            shown(&editor, &[&event])
        }
        Edit::RestoreEvent { account, calendar, event } => {
            let mut editor = editor(world, &account, &calendar)?;
            editor.restore(&event)?;
            shown(&editor, &[&event])
        }
        Edit::TouchEvent { account, calendar, event } => {
            let mut editor = editor(world, &account, &calendar)?;
            editor.touch(&event)?;
            shown(&editor, &[&event])
        }
        Edit::DuplicateEvent { account, calendar, event } => {
            let mut editor = editor(world, &account, &calendar)?;
            let original = find(editor.calendar()?, &event).ok_or_else(ApiError::not_found)?;
            let mut copy = as_sent(&original);
            if !editor.google.settings.duplicates_keep_private
                && let Some(Value::Object(properties)) = copy.get_mut("extendedProperties")
            {
                properties.remove("private");
            }
            let id = editor.insert(&Value::Object(copy))?;
            shown(&editor, &[&id])
        }
        Edit::MoveInstance { account, calendar, event, original_start, by_minutes, start, end } => {
            let mut editor = editor(world, &account, &calendar)?;
            let id = instance_id(&editor, &event, &original_start)?;
            shift(&mut editor, &id, by_minutes, start, end)?;
            shown(&editor, &[&id])
        }
        Edit::CancelInstance { account, calendar, event, original_start } => {
            let mut editor = editor(world, &account, &calendar)?;
            let id = instance_id(&editor, &event, &original_start)?;
            editor.delete(&id)?;
            shown(&editor, &[&id])
        }
        Edit::SplitSeries { account, calendar, event, original_start, changes } => {
            let mut editor = editor(world, &account, &calendar)?;
            let id = instance_id(&editor, &event, &original_start)?;
            let (_, slot) = split_instance_id(&id, editor.calendar()?).ok_or_else(ApiError::not_found)?;
            let new = editor.split(&event, &slot, &changes)?;
            shown(&editor, &[&event, &new])
        }
        Edit::DragEvent { account, calendar, event, to } => {
            let to = reach(world, &account, &to)?;
            let mut source = editor(world, &account, &calendar)?;
            source.unchecked = true;
            source.relocate(&event, &to)?;
            shown(&editor(world, &account, &to)?, &[&event])
        }
        Edit::ChangeSeriesZone { account, calendar, event, zone } => {
            let mut editor = editor(world, &account, &calendar)?;
            let master = find(editor.calendar()?, &event).ok_or_else(ApiError::not_found)?;
            let before = master.tz(editor.calendar()?);
            let tz: chrono_tz::Tz = zone.parse().map_err(|_| ApiError::invalid("Unknown time zone."))?;
            let moved = |when: &When| {
                let wall = when.wall(before);
                When::Time { at: localize(wall, tz), zone: Some(zone.clone()) }.as_sent()
            };
            if master.start.is_day() {
                return Err(ApiError::invalid("An all-day event has no time zone."));
            }
            let changes = json!({"start": moved(&master.start), "end": moved(&master.end)});
            editor.update(&event, &changes, How::Patch)?;
            shown(&editor, &[&event])
        }
        Edit::Invite { account, calendar, from, mut event } => {
            let mut editor = editor(world, &account, &calendar)?;
            let fields = event.as_object_mut().ok_or_else(ApiError::parse)?;
            fields.insert("organizer".to_owned(), json!({"email": from}));
            fields.entry("attendees").or_insert_with(|| {
                json!([
                    {"email": from, "responseStatus": "accepted"},
                    {"email": editor.calendar, "responseStatus": "needsAction"},
                ])
            });
            editor.unchecked = true;
            let id = editor.insert(&event)?;
            shown(&editor, &[&id])
        }
        Edit::Respond { account, calendar, event, response } => {
            let mut editor = editor(world, &account, &calendar)?;
            if !matches!(response.as_str(), "needsAction" | "declined" | "tentative" | "accepted") {
                return Err(ApiError::invalid("Unknown response."));
            }
            let found = find(editor.calendar()?, &event).ok_or_else(ApiError::not_found)?;
            let mut attendees = found.content.get("attendees").cloned().unwrap_or_else(|| json!([]));
            let own = editor.calendar.clone();
            let mine = attendees
                .as_array_mut()
                .into_iter()
                .flatten()
                .find(|attendee| {
                    attendee["email"].as_str().is_some_and(|email| email.eq_ignore_ascii_case(&own))
                })
                .ok_or_else(|| ApiError::invalid("Not invited."))?;
            mine["responseStatus"] = response.into();
            editor.update(&event, &json!({"attendees": attendees}), How::Patch)?;
            shown(&editor, &[&event])
        }
        Edit::SetCalendarZone { account, calendar, zone } => {
            let id = reach(world, &account, &calendar)?;
            zone.parse::<chrono_tz::Tz>().map_err(|_| ApiError::invalid("Unknown time zone."))?;
            let stamp = world.google.stamp(world.clock.now());
            if let Some(calendar) = world.google.calendars.get_mut(&id) {
                calendar.zone = zone;
                calendar.stamp = stamp;
            }
            note_entry(world, &account, &id, |_| {});
            calendar_shown(world, &account, &id)
        }
        Edit::AddCalendar { account, summary, id, zone, role, color } => {
            let now = world.now();
            let owner = world.google.account(&account).ok_or_else(ApiError::not_found)?;
            let (email, primary) = (owner.email.clone(), owner.primary.clone());
            let id = id.unwrap_or_else(|| format!("{}@group.calendar.google.com", new_id(&mut world.rng)));
            let usual = world.google.calendars.get(&primary).map(|calendar| calendar.zone.clone());
            let zone = zone.or(usual).unwrap_or_else(|| "UTC".to_owned());
            let role = role.unwrap_or(Role::Owner);
            if !world.google.calendars.contains_key(&id) {
                let owner = (role == Role::Owner).then_some(email.as_str());
                world.google.add_calendar(now, &id, &summary, &zone, owner);
            }
            world.google.list_calendar(now, &email, &id, role, color.unwrap_or(16));
            calendar_shown(world, &account, &id)
        }
        Edit::RenameCalendar { account, calendar, summary } => {
            let id = reach(world, &account, &calendar)?;
            let stamp = world.google.stamp(world.clock.now());
            if let Some(calendar) = world.google.calendars.get_mut(&id) {
                calendar.summary = summary;
                calendar.stamp = stamp;
            }
            calendar_shown(world, &account, &id)
        }
        Edit::OverrideSummary { account, calendar, summary } => {
            let id = reach(world, &account, &calendar)?;
            note_entry(world, &account, &id, |entry| entry.summary_override = summary);
            calendar_shown(world, &account, &id)
        }
        Edit::HideCalendar { account, calendar, hidden } => {
            let id = reach(world, &account, &calendar)?;
            note_entry(world, &account, &id, |entry| entry.hidden = hidden);
            calendar_shown(world, &account, &id)
        }
        Edit::SelectCalendar { account, calendar, selected } => {
            let id = reach(world, &account, &calendar)?;
            note_entry(world, &account, &id, |entry| entry.selected = selected);
            calendar_shown(world, &account, &id)
        }
        Edit::SetRole { account, calendar, role } => {
            let now = world.now();
            let email = world.google.account(&account).ok_or_else(ApiError::not_found)?.email.clone();
            if !world.google.calendars.contains_key(&calendar) {
                return Err(ApiError::not_found());
            }
            world.google.list_calendar(now, &email, &calendar, role, 16);
            calendar_shown(world, &account, &calendar)
        }
        Edit::ListCalendar { account, calendar, listed } => {
            let (id, now) = (reach(world, &account, &calendar)?, world.now());
            if listed {
                world.google.put_on_list(now, &account, &id, 16);
                return calendar_shown(world, &account, &id);
            }
            note_entry(world, &account, &id, |entry| entry.deleted = true);
            Ok(json!({"calendar": id}))
        }
        Edit::ChangeSetting { account, setting, value } => {
            let now = world.now();
            if !world.google.set_preference(now, &account, &setting, &value) {
                return Err(ApiError::not_found());
            }
            Ok(json!({"setting": setting, "value": value}))
        }
        Edit::WithdrawCalendar { account, calendar } => {
            let id = reach(world, &account, &calendar)?;
            let now = world.now();
            let email = world.google.account(&account).ok_or_else(ApiError::not_found)?.email.clone();
            world.google.share(now, &id, Scope::user(&email), None);
            Ok(json!({"calendar": id}))
        }
        Edit::DeleteCalendar { account, calendar } => {
            let id = reach(world, &account, &calendar)?;
            if world.google.calendars.get(&id).is_some_and(|calendar| calendar.primary_of.is_some()) {
                return Err(ApiError::forbidden());
            }
            let now = world.now();
            world.google.delete_calendar(now, &id);
            Ok(json!({"calendar": id}))
        }
    }
}

/// The id of a calendar that the account sees.
pub(crate) fn reach(world: &World, account: &str, calendar: &str) -> Result<String, ApiError> {
    world.google.access(account, calendar).map(|(id, _)| id).ok_or_else(ApiError::not_found)
}

fn editor<'a>(world: &'a mut World, account: &str, calendar: &str) -> Result<Editor<'a>, ApiError> {
    let id = reach(world, account, calendar)?;
    let email = world.google.account(account).ok_or_else(ApiError::not_found)?.email.clone();
    Ok(Editor::new(world, &email, &id))
}

fn shown(editor: &Editor<'_>, ids: &[&String]) -> Result<Value, ApiError> {
    let calendar = editor.calendar()?;
    let view = View::of_owner(calendar);
    let events: Vec<_> =
        ids.iter().filter_map(|id| find(calendar, id)).map(|event| view.full(&event)).collect();
    Ok(json!({"calendar": calendar.id, "event": events.last(), "events": events}))
}

fn calendar_shown(world: &World, account: &str, id: &str) -> Result<Value, ApiError> {
    let account = world.google.account(account).ok_or_else(ApiError::not_found)?;
    let entry = world.google.entry(&account.email, id).ok_or_else(ApiError::not_found)?;
    Ok(json!({"calendar": id, "entry": calendar_list::show(&world.google, account, entry)}))
}

/// Changes an entry of an account's list so that an incremental listing shows it.
fn note_entry(
    world: &mut World,
    account: &str,
    calendar: &str,
    change: impl FnOnce(&mut super::model::Entry),
) {
    let now = world.now();
    world.google.change_entry(now, account, calendar, change);
}

/// The id of the instance of a series at an original start: a date, an instant, or as in an instance's id.
fn instance_id(editor: &Editor<'_>, master: &str, original_start: &str) -> Result<String, ApiError> {
    let calendar = editor.calendar()?;
    let event =
        calendar.events.get(master).filter(|event| event.is_master()).ok_or_else(ApiError::not_found)?;
    let time = |at: DateTime<Utc>| When::Time { at, zone: None };
    let slot = original_start
        .parse()
        .map(When::Day)
        .ok()
        .or_else(|| parse_instant(original_start).map(time))
        .or_else(|| rule::compact(original_start.strip_suffix('Z')?).map(|wall| time(wall.and_utc())))
        .ok_or_else(|| ApiError::invalid("Invalid original start."))?;
    let id = format!("{master}_{}", slot.suffix());
    if calendar.events.contains_key(&id) || has_slot(event, calendar, &slot) {
        Ok(id)
    } else {
        Err(ApiError::not_found())
    }
}

fn shift(
    editor: &mut Editor<'_>,
    id: &str,
    by_minutes: Option<i64>,
    start: Option<String>,
    end: Option<String>,
) -> Result<(), ApiError> {
    let calendar = editor.calendar()?;
    let event = find(calendar, id).ok_or_else(ApiError::not_found)?;
    let invalid = || ApiError::invalid("Invalid time.");
    let read = |text: &str, like: &When| -> Result<When, ApiError> {
        if let Ok(day) = text.parse() {
            return Ok(When::Day(day));
        }
        let zone = like.zone().map(str::to_owned);
        let at = parse_instant(text)
            .or_else(|| super::times::parse_wall(text).map(|wall| localize(wall, event.tz(calendar))))
            .ok_or_else(invalid)?;
        Ok(When::Time { at, zone })
    };
    let new_start = match (start, by_minutes) {
        (Some(start), _) => read(&start, &event.start)?,
        (None, Some(minutes)) => move_by(&event, &event.start, calendar, minutes).ok_or_else(invalid)?,
        (None, None) => event.start.clone(),
    };
    let new_end = match end {
        Some(end) => read(&end, &event.end)?,
        None => match (new_start.plus(event.length()), event.end.zone()) {
            (When::Time { at, .. }, zone) => When::Time { at, zone: zone.map(str::to_owned) },
            (day, _) => day,
        },
    };
    if new_start.is_day() != new_end.is_day() || !is_sane(&new_start) || !is_sane(&new_end) {
        return Err(invalid());
    }
    let mut changes = Map::new();
    for (name, time) in [("start", new_start.as_sent()), ("end", new_end.as_sent())] {
        // What is not said of the new time must not stay from the old one.
        let mut field = Map::new();
        for part in ["date", "dateTime", "timeZone"] {
            field.insert(part.to_owned(), time.get(part).cloned().unwrap_or(Value::Null));
        }
        changes.insert(name.to_owned(), field.into());
    }
    // A weekly series that moves to another weekday takes its BYDAY along.
    if event.is_master() {
        let tz = event.tz(calendar);
        let days = (new_start.wall(tz).date() - event.start.wall(tz).date()).num_days();
        changes.insert("recurrence".to_owned(), move_weekdays(&event.recurrence, days).into());
    }
    editor.update(id, &Value::Object(changes), How::Patch)
}

/// Whole days keep the wall time, less is real time.
fn move_by(event: &Event, when: &When, calendar: &super::model::Calendar, minutes: i64) -> Option<When> {
    let by = TimeDelta::try_minutes(minutes)?;
    match when {
        When::Day(_) => Some(when.plus(by)),
        When::Time { zone, .. } if minutes % (24 * 60) == 0 => {
            let tz = event.tz(calendar);
            let wall = when.wall(tz).checked_add_signed(by)?;
            Some(When::Time { at: localize(wall, tz), zone: zone.clone() })
        }
        When::Time { at, zone } => Some(When::Time { at: at.checked_add_signed(by)?, zone: zone.clone() }),
    }
}

/// The weekdays of plain weekly rules, moved by some days.
fn move_weekdays(recurrence: &[String], days: i64) -> Vec<String> {
    const NAMES: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
    let moved = |name: &str| {
        let at = NAMES.iter().position(|other| *other == name)?;
        let at = (i64::try_from(at).ok()? + days).rem_euclid(7);
        NAMES.get(usize::try_from(at).ok()?).copied()
    };
    let part = |part: &str| match part.strip_prefix("BYDAY=") {
        Some(list) => {
            let list: Option<Vec<_>> = list.split(',').map(moved).collect();
            list.map_or_else(|| part.to_owned(), |list| format!("BYDAY={}", list.join(",")))
        }
        None => part.to_owned(),
    };
    recurrence
        .iter()
        .map(|line| match line.strip_prefix("RRULE:") {
            Some(rule) if rule.contains("FREQ=WEEKLY") => {
                format!("RRULE:{}", rule.split(';').map(part).collect::<Vec<_>>().join(";"))
            }
            _ => line.clone(),
        })
        .collect()
}

/// An event or instance as the page lists it.
pub(crate) fn upcoming(
    calendar: &super::model::Calendar,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Vec<Event> {
    let tz = calendar.tz();
    let mut found = Vec::new();
    for event in calendar.events.values().filter(|event| !calendar.is_cancelled(event)) {
        let overlaps = event.end.instant(tz) > from && event.start.instant(tz) < to;
        if !event.is_master() {
            if overlaps {
                found.push(event.clone());
            }
            continue;
        }
        let span = Span { from: Some(from), to: Some(to), ahead: None };
        match slots(event, calendar, span) {
            Ok(slots) => found.extend(
                slots
                    .iter()
                    .map(|slot| super::view::instance(event, slot))
                    .filter(|instance| !calendar.events.contains_key(&instance.id)),
            ),
            Err(_) if overlaps => found.push(event.clone()),
            Err(_) => {}
        }
    }
    found.sort_by_key(|event| event.start.instant(tz));
    found
}
