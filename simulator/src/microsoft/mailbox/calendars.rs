//! Calendars and their groups (4).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};

use super::ask::{Answer, Ask, malformed, read_body};
use super::events::entity;
use super::ids;
use super::model::{Group, Mailboxes};
use super::show::CALENDAR;
use crate::microsoft::errors::{GraphError, GraphResult};
use crate::microsoft::guard::Caller;
use crate::simulator::Simulator;

/// Calendars on a page when nobody says.
const PAGE: usize = 10;

const COLORS: &[&str] = &[
    "auto",
    "lightBlue",
    "lightGreen",
    "lightOrange",
    "lightGray",
    "lightYellow",
    "lightTeal",
    "lightPink",
    "lightBrown",
    "lightRed",
    "maxColor",
];

fn account(caller: &Caller) -> String {
    url::form_urlencoded::byte_serialize(caller.account.as_bytes()).collect()
}

/// One calendar of an account's list, its own or someone else's.
pub(super) fn shown(mailboxes: &Mailboxes, account: &str, id: &str) -> GraphResult<Map<String, Value>> {
    let mailbox = mailboxes.of(account)?;
    if let Some(calendar) = mailbox.calendar(id) {
        return Ok(mailbox.show_calendar(calendar));
    }
    if ids::kind_of(id).is_none() {
        return Err(malformed());
    }
    let shared = mailbox.shared.iter().find(|shared| shared.id == id).ok_or_else(GraphError::not_found)?;
    let owner = mailboxes.of(&shared.owner)?;
    // The owner may have deleted it.
    owner.calendar(&shared.calendar).ok_or_else(GraphError::not_found)?;
    Ok(mailbox.show_shared(shared, owner))
}

/// All of an account's list; `group`: those of one group.
fn all(mailboxes: &Mailboxes, account: &str, group: Option<&str>) -> GraphResult<Vec<Map<String, Value>>> {
    let mailbox = mailboxes.of(account)?;
    let first_group = mailbox.groups.first().map(|group| group.id.as_str());
    let own = mailbox.calendars.iter().filter(|calendar| group.is_none_or(|group| calendar.group == group));
    let own = own.map(|calendar| calendar.id.as_str());
    let shared = mailbox.shared.iter().filter(|_| group.is_none_or(|group| first_group == Some(group)));
    let ids: Vec<_> = own.chain(shared.map(|shared| shared.id.as_str())).collect();
    Ok(ids.into_iter().filter_map(|id| shown(mailboxes, account, id).ok()).collect())
}

fn listed(ask: &Ask, items: Vec<Map<String, Value>>, context: &str, known: &[&str], of: &str) -> Answer {
    let query = &ask.query;
    let select = query.select(known, of)?;
    let top = ask.page_size(query.top(ask.prefer.page.unwrap_or(PAGE).min(1000))?);
    let skip = query.number("$skip")?.unwrap_or(0);
    let mut items = items;
    if let Some(filter) = query.filter()? {
        let mut kept = Vec::new();
        for body in items {
            let subject = super::filter::Subject { body: &body, properties: &[] };
            if filter.matches(&subject).map_err(|unknown| super::listing::unknown(&unknown.0))? {
                kept.push(body);
            }
        }
        items = kept;
    }
    for (path, down) in query.order().into_iter().rev() {
        items.sort_by_key(|body| {
            super::show::sortable(super::odata::at_path(body, &path).unwrap_or(&Value::Null))
        });
        if down {
            items.reverse();
        }
    }
    let count = items.len();
    let value: Vec<Value> =
        items.into_iter().skip(skip).take(top).map(|body| select.apply(body, &[]).into()).collect();
    let mut body = json!({"@odata.context": ask.context(context)});
    if query.flag("$count") {
        body["@odata.count"] = count.into();
    }
    body["value"] = value.into();
    if skip.saturating_add(top) < count {
        let mut pairs = query.without(&["$skip"]);
        pairs.push(("$skip".to_owned(), (skip + top).to_string()));
        body["@odata.nextLink"] = ask.link(&pairs).into();
    }
    Ok(ask.reply(StatusCode::OK, body))
}

pub(super) async fn list(State(simulator): State<Arc<Simulator>>, ask: Ask) -> Answer {
    let world = simulator.world();
    let (caller, _) = ask.may_read(&world)?;
    let items = all(&world.microsoft.mailboxes, &caller.account, None)?;
    listed(&ask, items, &format!("users('{}')/calendars", account(&caller)), CALENDAR, "calendar")
}

/// The default calendar, or the one that the address names.
pub(super) async fn get(State(simulator): State<Arc<Simulator>>, ask: Ask) -> Answer {
    let world = simulator.world();
    let (caller, _) = ask.may_read(&world)?;
    let reach = ask.calendar(&world, &caller)?;
    let select = ask.query.select(CALENDAR, "calendar")?;
    let body = shown(&world.microsoft.mailboxes, &caller.account, &reach.listed)?;
    let context = format!("users('{}')/calendars/$entity", account(&caller));
    Ok(ask.reply(StatusCode::OK, entity(&ask, &context, select.apply(body, &[]))))
}

/// What a body says of a calendar: name and color.
fn said(body: &Value) -> GraphResult<(Option<String>, Option<&'static str>)> {
    let text = |name: &str| {
        let found =
            body.as_object().into_iter().flatten().find(|(other, _)| other.eq_ignore_ascii_case(name));
        match found.map(|(_, value)| value) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(GraphError::new(400, "RequestBodyRead", format!("'{name}' must be a string."))),
        }
    };
    let color = match text("color")? {
        None => None,
        Some(color) => {
            let known = COLORS.iter().find(|known| known.eq_ignore_ascii_case(&color));
            Some(*known.ok_or_else(|| {
                GraphError::new(400, "RequestBodyRead", format!("Cannot convert the literal '{color}' to the expected type 'microsoft.graph.calendarColor'."))
            })?)
        }
    };
    Ok((text("name")?.filter(|name| !name.trim().is_empty()), color))
}

pub(super) async fn create(State(simulator): State<Arc<Simulator>>, ask: Ask, body: Bytes) -> Answer {
    let body = read_body(&body)?;
    let mut world = simulator.world();
    let caller = ask.may_write(&world)?;
    let (name, color) = said(&body)?;
    let name = name.ok_or_else(|| GraphError::new(400, "ErrorInvalidRequest", "A calendar needs a name."))?;
    let crate::simulator::World { microsoft, rng, .. } = &mut *world;
    let mailbox = microsoft.mailboxes.of_mut(&caller.account)?;
    if mailbox.calendars.iter().any(|calendar| calendar.name.eq_ignore_ascii_case(&name)) {
        return Err(GraphError::new(
            409,
            "ErrorFolderExists",
            "A folder with the specified name already exists.",
        ));
    }
    let group = ask.param("group").to_owned();
    let id = mailbox.add_calendar(&name, rng);
    if let Some(calendar) = mailbox.calendar_mut(&id) {
        calendar.color = color.unwrap_or("auto").to_owned();
        if !group.is_empty() {
            calendar.group = group;
        }
    }
    let body = shown(&microsoft.mailboxes, &caller.account, &id)?;
    let context = format!("users('{}')/calendars/$entity", account(&caller));
    Ok(ask.reply(StatusCode::CREATED, entity(&ask, &context, body)))
}

pub(super) async fn update(State(simulator): State<Arc<Simulator>>, ask: Ask, body: Bytes) -> Answer {
    let body = read_body(&body)?;
    let mut world = simulator.world();
    let caller = ask.may_write(&world)?;
    let reach = ask.calendar(&world, &caller)?;
    let (name, color) = said(&body)?;
    let mailbox = world.microsoft.mailboxes.of_mut(&caller.account)?;
    let version = mailbox.next_version();
    if reach.shared {
        // One's own name and color for it.
        if let Some(shared) = mailbox.shared.iter_mut().find(|shared| shared.id == reach.listed) {
            shared.name = name.unwrap_or_else(|| shared.name.clone());
            shared.color = color.map_or_else(|| shared.color.clone(), str::to_owned);
            shared.version = version;
        }
    } else if let Some(calendar) = mailbox.calendar_mut(&reach.calendar) {
        calendar.name = name.unwrap_or_else(|| calendar.name.clone());
        calendar.color = color.map_or_else(|| calendar.color.clone(), str::to_owned);
        calendar.version = version;
    }
    let body = shown(&world.microsoft.mailboxes, &caller.account, &reach.listed)?;
    let context = format!("users('{}')/calendars/$entity", account(&caller));
    Ok(ask.reply(StatusCode::OK, entity(&ask, &context, body)))
}

pub(super) async fn delete(State(simulator): State<Arc<Simulator>>, ask: Ask) -> Answer {
    let mut world = simulator.world();
    let caller = ask.may_write(&world)?;
    let reach = ask.calendar(&world, &caller)?;
    let mailbox = world.microsoft.mailboxes.of_mut(&caller.account)?;
    if reach.shared {
        mailbox.shared.retain(|shared| shared.id != reach.listed);
    } else if mailbox.calendar(&reach.calendar).is_some_and(|calendar| calendar.removable) {
        mailbox.calendars.retain(|calendar| calendar.id != reach.calendar);
    } else {
        return Err(GraphError::new(
            403,
            "ErrorAccessDenied",
            "Access is denied. The calendar cannot be removed.",
        ));
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn groups(State(simulator): State<Arc<Simulator>>, ask: Ask) -> Answer {
    let world = simulator.world();
    let (caller, _) = ask.may_read(&world)?;
    let mailbox = world.microsoft.mailboxes.of(&caller.account)?;
    let items = mailbox.groups.iter().map(|group| mailbox.show_group(group)).collect();
    let known = ["id", "name", "classId", "changeKey"];
    listed(&ask, items, &format!("users('{}')/calendarGroups", account(&caller)), &known, "calendarGroup")
}

fn find_group<'a>(mailboxes: &'a Mailboxes, ask: &Ask, caller: &Caller) -> GraphResult<&'a Group> {
    let groups = &mailboxes.of(&caller.account)?.groups;
    groups.iter().find(|group| group.id == ask.param("group")).ok_or_else(GraphError::not_found)
}

pub(super) async fn group(State(simulator): State<Arc<Simulator>>, ask: Ask) -> Answer {
    let world = simulator.world();
    let (caller, _) = ask.may_read(&world)?;
    let mailboxes = &world.microsoft.mailboxes;
    let group = find_group(mailboxes, &ask, &caller)?;
    let body = mailboxes.of(&caller.account)?.show_group(group);
    let context = format!("users('{}')/calendarGroups/$entity", account(&caller));
    Ok(ask.reply(StatusCode::OK, entity(&ask, &context, body)))
}

pub(super) async fn list_of_group(State(simulator): State<Arc<Simulator>>, ask: Ask) -> Answer {
    let world = simulator.world();
    let (caller, _) = ask.may_read(&world)?;
    let mailboxes = &world.microsoft.mailboxes;
    let group = find_group(mailboxes, &ask, &caller)?;
    let items = all(mailboxes, &caller.account, Some(&group.id))?;
    let context = format!("users('{}')/calendarGroups('{}')/calendars", account(&caller), group.id);
    listed(&ask, items, &context, CALENDAR, "calendar")
}

pub(super) async fn create_in_group(
    State(simulator): State<Arc<Simulator>>,
    ask: Ask,
    body: Bytes,
) -> Answer {
    {
        let world = simulator.world();
        let caller = ask.may_write(&world)?;
        find_group(&world.microsoft.mailboxes, &ask, &caller)?;
    }
    create(State(simulator), ask, body).await
}
