//! What a person does in Outlook's own pages, as data: used by the controls and by the page. Names that Google's edits
//! have, too, are understood here.

mod edit;
mod hands;

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::access::Reach;
use super::actions::Reply;
use super::ids;
use super::items::{Item, Target, Window};
use super::model::{Mailbox, Person, Response, Shared};
use super::prefer::Prefer;
use super::show::View;
use super::write::Editor;
use super::zones;
use crate::control::Problem;
use crate::microsoft::errors::GraphError;
use crate::simulator::World;
pub(crate) use edit::Edit;

impl From<GraphError> for Problem {
    fn from(error: GraphError) -> Self {
        Problem::new(error.status, format!("{}: {}", error.code, error.message))
    }
}

type Done = Result<Value, Problem>;

pub(super) fn missing(what: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("there is no such {what}"))
}

/// Carries an edit out. The answer shows what it was about, as its owner sees it.
pub(crate) fn apply(world: &mut World, edit: Edit) -> Done {
    match edit {
        Edit::AddCalendar { account, name, color, hex, can_edit } => {
            let account = account_of(world, &account)?;
            let World { microsoft, rng, .. } = world;
            let mailbox = microsoft.mailboxes.of_mut(&account)?;
            let id = mailbox.add_calendar(&name, rng);
            if let Some(calendar) = mailbox.calendar_mut(&id) {
                calendar.color = color.unwrap_or_else(|| "auto".to_owned());
                calendar.hex = hex.unwrap_or_default();
                calendar.can_edit = can_edit;
            }
            calendar_shown(world, &account, &id)
        }
        Edit::RenameCalendar { account, calendar, name } => {
            let account = account_of(world, &account)?;
            let reach = reach(world, &account, &calendar)?;
            let mailbox = world.microsoft.mailboxes.of_mut(&account)?;
            let version = mailbox.next_version();
            if let Some(shared) = mailbox.shared.iter_mut().find(|shared| shared.id == reach.listed) {
                (shared.name, shared.version) = (name, version);
            } else if let Some(calendar) = mailbox.calendar_mut(&reach.calendar) {
                (calendar.name, calendar.version) = (name, version);
            }
            calendar_shown(world, &account, &reach.listed)
        }
        Edit::ShareCalendar { account, from, calendar, can_edit, can_view_private } => {
            let (account, owner) = (account_of(world, &account)?, account_of(world, &from)?);
            let theirs = reach(world, &owner, &calendar)?;
            if account == owner || theirs.shared {
                return Err(Problem::bad("a calendar is shared by its owner, with others"));
            }
            let name = world.microsoft.mailboxes.calendar(&theirs)?.name.clone();
            let World { microsoft, rng, .. } = world;
            let mailbox = microsoft.mailboxes.of_mut(&account)?;
            let before = mailbox.shared.iter().find(|shared| shared.calendar == theirs.calendar);
            let (id, name) = before
                .map_or_else(|| (ids::folder(rng), name), |shared| (shared.id.clone(), shared.name.clone()));
            mailbox.shared.retain(|shared| shared.id != id);
            let version = mailbox.next_version();
            mailbox.shared.push(Shared {
                id: id.clone(),
                owner,
                calendar: theirs.calendar,
                name,
                color: "auto".to_owned(),
                can_edit,
                can_view_private,
                version,
                withdrawn: false,
            });
            calendar_shown(world, &account, &id)
        }
        Edit::WithdrawCalendar { account, calendar, keep_listed: true } => {
            let account = account_of(world, &account)?;
            let reach = reach(world, &account, &calendar)?;
            let mailbox = world.microsoft.mailboxes.of_mut(&account)?;
            let shared = mailbox.shared.iter_mut().find(|shared| shared.id == reach.listed);
            shared.ok_or_else(|| missing("shared calendar"))?.withdrawn = true;
            Ok(json!({"calendar": reach.listed}))
        }
        Edit::RenewCalendarId { account, calendar } => {
            let account = account_of(world, &account)?;
            let old = reach(world, &account, &calendar)?;
            let World { microsoft, rng, .. } = world;
            let id = ids::folder(rng);
            microsoft.mailboxes.renew_id(&old.owner, &old.calendar, &id);
            calendar_shown(world, &account, &id)
        }
        Edit::WithdrawCalendar { account, calendar, .. } | Edit::RemoveCalendar { account, calendar } => {
            let account = account_of(world, &account)?;
            let reach = reach(world, &account, &calendar)?;
            let mailbox = world.microsoft.mailboxes.of_mut(&account)?;
            if !reach.shared && mailbox.calendars.first().is_some_and(|first| first.id == reach.calendar) {
                return Err(Problem::new(StatusCode::FORBIDDEN, "the default calendar cannot be removed"));
            }
            mailbox.shared.retain(|shared| shared.id != reach.listed);
            mailbox.calendars.retain(|calendar| calendar.id != reach.listed);
            Ok(json!({"calendar": reach.listed}))
        }
        Edit::AddEvent { account, calendar, event, .. } => {
            let account = account_of(world, &account)?;
            let reach = reach(world, &account, &calendar)?;
            let mut editor = by_hand(world, reach.clone());
            let target = editor.create(&event)?;
            shown(world, &reach, target)
        }
        Edit::ChangeEvent { account, calendar, event, changes, .. } => {
            let (reach, target) = find(world, &account, calendar.as_deref(), &event)?;
            by_hand(world, reach.clone()).update(target, &changes)?;
            shown(world, &reach, target)
        }
        Edit::MoveEvent { account, calendar, event, by_minutes, start, end } => {
            let (reach, target) = find(world, &account, calendar.as_deref(), &event)?;
            let item = world.microsoft.mailboxes.item(&reach, target)?;
            let changes = hands::moved(&item, by_minutes, start.as_deref(), end.as_deref())?;
            by_hand(world, reach.clone()).update(target, &changes)?;
            shown(world, &reach, target)
        }
        Edit::MoveOccurrence { account, calendar, event, original_start, by_minutes, start, end } => {
            let (reach, target) = find(world, &account, calendar.as_deref(), &event)?;
            let target = hands::occurrence(world, &reach, target, &original_start)?;
            let item = world.microsoft.mailboxes.item(&reach, target)?;
            let changes = hands::moved(&item, by_minutes, start.as_deref(), end.as_deref())?;
            by_hand(world, reach.clone()).update(target, &changes)?;
            shown(world, &reach, target)
        }
        Edit::DeleteEvent { account, calendar, event } => {
            let (reach, target) = find(world, &account, calendar.as_deref(), &event)?;
            deleted(world, reach, target)
        }
        Edit::DeleteOccurrence { account, calendar, event, original_start } => {
            let (reach, target) = find(world, &account, calendar.as_deref(), &event)?;
            let target = hands::occurrence(world, &reach, target, &original_start)?;
            deleted(world, reach, target)
        }
        Edit::TouchEvent { account, calendar, event } => {
            let (reach, target) = find(world, &account, calendar.as_deref(), &event)?;
            by_hand(world, reach.clone()).touch(target)?;
            shown(world, &reach, target)
        }
        Edit::RescheduleSeries { account, calendar, event, by_days, recurrence } => {
            let (reach, target) = find(world, &account, calendar.as_deref(), &event)?;
            let item = world.microsoft.mailboxes.item(&reach, target)?;
            let changes = match recurrence {
                Some(recurrence) => json!({"recurrence": recurrence}),
                None => {
                    let minutes = by_days.unwrap_or(1).checked_mul(24 * 60);
                    hands::moved(&item, minutes, None, None)?
                }
            };
            if !item.event.is_series() {
                return Err(Problem::bad("this is no series"));
            }
            by_hand(world, reach.clone()).update(target, &changes)?;
            shown(world, &reach, target)
        }
        Edit::SplitSeries { account, calendar, event, original_start, changes } => {
            let (reach, target) = find(world, &account, calendar.as_deref(), &event)?;
            let slot = hands::occurrence(world, &reach, target, &original_start)?;
            let new = hands::split(by_hand(world, reach.clone()), slot, changes)?;
            shown(world, &reach, new)
        }
        Edit::DragToCalendar { account, calendar, event, to } => {
            let (from, target) = find(world, &account, calendar.as_deref(), &event)?;
            let account = account_of(world, &account)?;
            let to = reach(world, &account, &to)?;
            if from.shared || to.shared || target.day.is_some() {
                return Err(Problem::bad("whole events are dragged, between one's own calendars"));
            }
            let target = by_hand(world, from).drag(target.key, to.clone())?;
            shown(world, &to, target)
        }
        Edit::Duplicate { account, calendar, event } => {
            let (reach, target) = find(world, &account, calendar.as_deref(), &event)?;
            let target = by_hand(world, reach.clone()).duplicate(target)?;
            shown(world, &reach, target)
        }
        Edit::Invite { account, calendar, from, event, uid } => {
            let account = account_of(world, &account)?;
            let reach = reach(world, &account, &calendar)?;
            let me = world.microsoft.mailboxes.of(&account)?.person();
            let known = world.microsoft.mailboxes.account(&from).map(str::to_owned);
            let organizer = match known.and_then(|id| world.microsoft.mailboxes.all.get(&id)) {
                Some(mailbox) => mailbox.person(),
                None => Person { name: from.clone(), address: from },
            };
            let mut editor = by_hand(world, reach.clone());
            let target = editor.create(&hands::invitation(event, &me))?;
            let event = editor.event(target.key)?;
            (event.organizer, event.own) = (organizer, false);
            event.uid = uid.unwrap_or_else(|| event.uid.clone());
            event.response = Response { response: "notResponded".to_owned(), time: None };
            // An invitation that nobody has answered blocks as tentative (5.2).
            event.fields.insert("showAs".to_owned(), "tentative".into());
            shown(world, &reach, target)
        }
        Edit::Accept { account, calendar, event } => {
            respond(world, &account, calendar.as_deref(), &event, Reply::Accepted)
        }
        Edit::Decline { account, calendar, event } => {
            respond(world, &account, calendar.as_deref(), &event, Reply::Declined)
        }
        Edit::Respond { account, calendar, event, response, keep } => {
            let reply = match response.as_str() {
                "accepted" => Reply::Accepted,
                "tentative" | "tentativelyAccepted" => Reply::Tentative,
                "declined" if keep => {
                    let (reach, target) = find(world, &account, calendar.as_deref(), &event)?;
                    by_hand(world, reach.clone()).decline_and_keep(target)?;
                    return shown(world, &reach, target);
                }
                "declined" => Reply::Declined,
                _ => return Err(Problem::bad("response: accepted, tentative or declined")),
            };
            respond(world, &account, calendar.as_deref(), &event, reply)
        }
        Edit::CancelByOrganizer { account, calendar, event } => {
            let (reach, target) = find(world, &account, calendar.as_deref(), &event)?;
            by_hand(world, reach.clone()).cancelled(target)?;
            shown(world, &reach, target)
        }
        Edit::ChangeSeriesZone { account, calendar, event, zone } => {
            let (reach, target) = find(world, &account, calendar.as_deref(), &event)?;
            by_hand(world, reach.clone()).change_zone(target, &zone)?;
            shown(world, &reach, target)
        }
        Edit::ChangeZone { account, zone, .. } => {
            let account = account_of(world, &account)?;
            let (zone, _) = zones::kept(&zone).ok_or_else(|| Problem::bad("there is no such zone"))?;
            world.microsoft.mailboxes.of_mut(&account)?.zone.clone_from(&zone);
            Ok(json!({"zone": zone}))
        }
        Edit::ExpireDelta { account, calendar } => {
            let account = account_of(world, &account)?;
            match calendar {
                Some(calendar) => {
                    let reach = reach(world, &account, &calendar)?;
                    world.microsoft.mailboxes.expire_delta(&reach.owner, Some(&reach.calendar));
                }
                None => world.microsoft.mailboxes.expire_delta(&account, None),
            }
            Ok(json!({}))
        }
    }
}

fn by_hand(world: &mut World, reach: Reach) -> Editor<'_> {
    let mut editor = Editor::new(world, reach);
    editor.by_hand = true;
    editor
}

fn account_of(world: &World, name: &str) -> Result<String, Problem> {
    world.microsoft.mailboxes.account(name).map(str::to_owned).ok_or_else(|| missing("account"))
}

/// A calendar of an account's list by its id, its name, or as `primary`.
pub(crate) fn reach(world: &World, account: &str, calendar: &str) -> Result<Reach, Problem> {
    let mailboxes = &world.microsoft.mailboxes;
    let mailbox = mailboxes.of(account)?;
    let own = mailbox.calendars.iter().map(|one| (&one.id, &one.name));
    let all: Vec<_> = own.chain(mailbox.shared.iter().map(|one| (&one.id, &one.name))).collect();
    let by_id = all.iter().find(|(id, _)| *id == calendar);
    let by_name = || all.iter().find(|(_, name)| *name == calendar);
    let default = || all.first().filter(|_| matches!(calendar, "primary" | "default"));
    let (id, _) = by_id.or_else(by_name).or_else(default).ok_or_else(|| missing("calendar"))?;
    Ok(mailboxes.reach(account, id)?)
}

/// An event by an id of either kind, in a calendar or in any of the account's list.
fn find(
    world: &World,
    account: &str,
    calendar: Option<&str>,
    event: &str,
) -> Result<(Reach, Target), Problem> {
    let account = account_of(world, account)?;
    let mailboxes = &world.microsoft.mailboxes;
    let mailbox = mailboxes.of(&account)?;
    let reaches = match calendar {
        Some(calendar) if calendar != "primary" => vec![reach(world, &account, calendar)?],
        _ => {
            let own = mailbox.calendars.iter().map(|one| &one.id);
            let all = own.chain(mailbox.shared.iter().map(|one| &one.id));
            all.filter_map(|id| mailboxes.reach(&account, id).ok()).collect()
        }
    };
    let kind = ids::kind_of(event).ok_or_else(|| missing("event"))?;
    reaches
        .into_iter()
        .find_map(|reach| {
            let target = mailboxes.calendar(&reach).ok()?.find(event, kind)?;
            Some((reach, target))
        })
        .ok_or_else(|| missing("event"))
}

fn respond(world: &mut World, account: &str, calendar: Option<&str>, event: &str, reply: Reply) -> Done {
    let (reach, target) = find(world, account, calendar, event)?;
    if reply == Reply::Declined {
        let before = shown(world, &reach, target)?;
        by_hand(world, reach).respond(target, reply)?;
        return Ok(before);
    }
    by_hand(world, reach.clone()).respond(target, reply)?;
    shown(world, &reach, target)
}

/// Deletes; shows what was there.
fn deleted(world: &mut World, reach: Reach, target: Target) -> Done {
    let before = shown(world, &reach, target)?;
    by_hand(world, reach).delete(target)?;
    Ok(before)
}

fn shown(world: &World, reach: &Reach, target: Target) -> Done {
    let mailboxes = &world.microsoft.mailboxes;
    let view = View::new(mailboxes, &reach.owner, &Prefer::default())?;
    let item = mailboxes.item(reach, target)?;
    let event = Value::Object(view.full(&item));
    Ok(json!({
        "calendar": reach.listed,
        "id": event["id"],
        "immutable_id": item.id(ids::IdKind::Immutable),
        "event": event,
    }))
}

fn calendar_shown(world: &World, account: &str, id: &str) -> Done {
    let entry = crate::microsoft::mailbox::calendars::shown(&world.microsoft.mailboxes, account, id)?;
    Ok(json!({"calendar": id, "entry": entry}))
}

/// What the page lists of one of a mailbox' own calendars.
pub(crate) fn upcoming<'a>(
    mailbox: &'a Mailbox,
    calendar: &str,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Vec<Item<'a>> {
    mailbox.calendar(calendar).map(|calendar| calendar.view(Window { from, to: until })).unwrap_or_default()
}
