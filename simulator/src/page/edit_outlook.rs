//! What the forms of Outlook's calendars do.

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::edit::Form;
use crate::control::Problem;
use crate::google::times::parse_wall;
use crate::microsoft::mailbox::edits::{Edit, apply};
use crate::microsoft::weekly_on;
use crate::simulator::World;

pub(super) fn edit(world: &mut World, form: &Form) -> Result<(), Problem> {
    let edit = wanted(world, form)?;
    apply(world, edit).map(|_| ())
}

/// The edit that the pressed button means.
fn wanted(world: &World, form: &Form) -> Result<Edit, Problem> {
    let (account, calendar) = (form.text("account"), Some(form.text("calendar")));
    let event = form.text("event");
    let action = form.get("do");
    let shifted = |event: String, by: &str| -> Result<Edit, Problem> {
        let by_minutes = Some(by.parse().map_err(|_| Problem::bad("Invalid number of minutes."))?);
        let (account, calendar) = (form.text("account"), Some(form.text("calendar")));
        Ok(Edit::MoveEvent { account, calendar, event, by_minutes, start: None, end: None })
    };
    if let Some(by) = action.strip_prefix("move:") {
        return shifted(event, by);
    }
    if let Some(by) = action.strip_prefix("series:move:") {
        return shifted(form.text("series"), by);
    }
    Ok(match action {
        "add" => Edit::AddEvent {
            account,
            calendar: form.text("calendar"),
            event: new_event(world, form)?,
            _unchecked: false,
        },
        "change" => {
            Edit::ChangeEvent { account, calendar, event, changes: content(world, form)?, _unchecked: false }
        }
        "duplicate" => Edit::Duplicate { account, calendar, event },
        "delete" => Edit::DeleteEvent { account, calendar, event },
        "series:delete" => Edit::DeleteEvent { account, calendar, event: form.text("series") },
        "accept" => Edit::Accept { account, calendar, event },
        "decline" => Edit::Decline { account, calendar, event },
        "drag" => Edit::DragToCalendar { account, calendar, event, to: form.text("to") },
        "zone" => Edit::ChangeZone { account, _calendar: None, zone: form.text("zone") },
        _ => return Err(Problem::bad("Unknown action.")),
    })
}

/// A day of a `date` or `datetime-local` field.
fn day(text: &str) -> Result<NaiveDate, Problem> {
    text.get(..10).and_then(|day| day.parse().ok()).ok_or_else(|| Problem::bad("Invalid date."))
}

fn new_event(world: &World, form: &Form) -> Result<Value, Problem> {
    let mut event = content(world, form)?;
    if form.has("weekly") {
        event["recurrence"] = weekly_on(day(form.get("start"))?);
    }
    Ok(event)
}

/// Times are those of the mailbox' zone.
fn content(world: &World, form: &Form) -> Result<Value, Problem> {
    let mailboxes = &world.microsoft.mailboxes;
    let mailbox = mailboxes.account(form.get("account")).and_then(|id| mailboxes.all.get(id));
    let zone =
        mailbox.map(|mailbox| mailbox.zone.as_str()).ok_or_else(|| Problem::bad("Unknown account."))?;
    let all_day = form.has("all_day");
    let mut event = json!({
        "subject": form.get("title"),
        "showAs": if form.has("free") { "free" } else { "busy" },
        "isAllDay": all_day,
    });
    let (start, end) = (form.get("start"), form.get("end"));
    if all_day {
        let first = day(start)?;
        let last = day(end)?.max(first);
        let midnight = |day: NaiveDate| json!({"dateTime": format!("{day}T00:00:00"), "timeZone": zone});
        event["start"] = midnight(first);
        event["end"] = midnight(last.succ_opt().unwrap_or(last));
        return Ok(event);
    }
    for (name, text) in [("start", start), ("end", end)] {
        let wall = parse_wall(text).ok_or_else(|| Problem::bad(format!("Invalid {name} time.")))?;
        event[name] = json!({"dateTime": wall.format("%Y-%m-%dT%H:%M:%S").to_string(), "timeZone": zone});
    }
    Ok(event)
}
