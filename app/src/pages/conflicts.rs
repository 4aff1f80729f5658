//! Where calendars and bookings contradict each other: the list, and the words that it shares with the page of one.

use super::agenda::when_in;
use crate::components::{empty, live};
use crate::format::{self, capital, foreign};
use crate::page::{Here, PageError, Screen, Tab, page};
use crate::platform::{calendar_name, mark, platform_name};
use crate::texts::text;
use chrono::{DateTime, Utc};
use leptos::prelude::*;
use simone_store::views::Conflict;
use simone_sync::conflict::{Kind, Resolution};

#[component]
pub fn ConflictsPage() -> impl IntoView {
    page(Tab::Conflicts, load).into_any()
}

async fn load(here: Here) -> Result<Screen, PageError> {
    let lang = here.lang;
    let found = here.state.db.conflicts(here.provider_id(), here.now).await?;
    let open = if found.open.is_empty() {
        empty(text!(lang, conflicts.empty_title), text!(lang, conflicts.empty), ()).into_any()
    } else {
        let shown = found.open.len();
        let more = (i64::try_from(shown).unwrap_or(i64::MAX) < found.open_count).then(|| {
            let shown = format::number(lang, i64::try_from(shown).unwrap_or(i64::MAX));
            let count = format::number(lang, found.open_count);
            view! { <p class="small">{text!(lang, conflicts.more, shown = shown, count = count)}</p> }
        });
        let rows: Vec<_> = found.open.iter().map(|conflict| open_line(&here, conflict)).collect();
        view! { <ol class="card feed">{rows}</ol>{more} }.into_any()
    };
    let closed = (!found.closed.is_empty()).then(|| {
        let rows: Vec<_> = found.closed.iter().map(|conflict| closed_line(&here, conflict)).collect();
        view! {
            <section class="stack" aria-labelledby="closed">
                <h2 id="closed">{text!(lang, conflicts.closed_title)}</h2>
                <ol class="card feed">{rows}</ol>
            </section>
        }
    });
    let title = text!(lang, conflicts.title);
    let body = view! {
        <div>
            <h1>{title.clone()}</h1>
            <p class="lead">{text!(lang, conflicts.lead)}</p>
        </div>
        {live("conflicts", Some(text!(lang, conflicts.said)), open)}
        {live("closed-conflicts", None, closed)}
    };
    Ok(Screen { title, fluid: false, body: body.into_any() })
}

fn open_line(here: &Here, conflict: &Conflict) -> AnyView {
    let mark = conflict.other.source.as_ref().map(|source| mark(source.platform));
    view! {
        <li data-key=conflict.id.to_string()>
            <span class="mark"></span>
            <div>
                <h2><a class="plain" href=format!("/conflicts/{}", conflict.id)>{heading(here, conflict)}</a></h2>
                <p>{mark}{summary(here, conflict)}</p>
            </div>
            <small class="num" data-age="">{here.ago(conflict.opened_at)}</small>
        </li>
    }
    .into_any()
}

fn closed_line(here: &Here, conflict: &Conflict) -> AnyView {
    let closed_at = conflict.closed_at.unwrap_or(here.now);
    view! {
        <li class="done" data-key=conflict.id.to_string()>
            <span class="mark"></span>
            <div>
                <h3><a class="plain" href=format!("/conflicts/{}", conflict.id)>{heading(here, conflict)}</a></h3>
                <p>{ended_in_short(here, conflict)}" · "<bdi>{booking_words(here, conflict)}</bdi></p>
            </div>
            <small class="num" data-age="">{here.ago(closed_at)}</small>
        </li>
    }
    .into_any()
}

/// What has happened, and to the appointment of when.
pub(super) fn heading(here: &Here, conflict: &Conflict) -> String {
    let lang = here.lang;
    // An overlap is named by the time that is taken twice; an event of ours by when its booking is.
    let at = match conflict.kind {
        Kind::Overlap if conflict.is_open() => {
            conflict.booking.interval.start.max(conflict.other.interval.start)
        }
        Kind::Overlap => conflict.other.interval.start,
        Kind::ExportMoved | Kind::ExportDeleted => conflict.booking.interval.start,
    };
    let when = short_when(here, at);
    capital(&match conflict.kind {
        Kind::Overlap => text!(lang, conflicts.taken_twice, when = when),
        Kind::ExportMoved if conflict.other.repeats => text!(lang, conflicts.became_series, when = when),
        Kind::ExportMoved if conflict.other.all_day => text!(lang, conflicts.became_all_day, when = when),
        Kind::ExportMoved => text!(lang, conflicts.moved, when = when),
        Kind::ExportDeleted => text!(lang, conflicts.deleted, when = when),
    })
}

/// Both sides in a sentence.
fn summary(here: &Here, conflict: &Conflict) -> String {
    let lang = here.lang;
    let booking = booking_words(here, conflict);
    let place = place(here, conflict);
    match conflict.kind {
        Kind::Overlap => {
            let event = event_title(here, conflict);
            text!(lang, conflicts.overlap_line, booking = booking, event = event, place = place)
        }
        Kind::ExportMoved => {
            let when = other_when(here, conflict);
            text!(lang, conflicts.moved_line, booking = booking, place = place, when = when)
        }
        Kind::ExportDeleted => text!(lang, conflicts.deleted_line, booking = booking, place = place),
    }
}

/// How it ended, in few words.
fn ended_in_short(here: &Here, conflict: &Conflict) -> String {
    let lang = here.lang;
    match (conflict.resolution, conflict.kind) {
        (None, _) => text!(lang, conflicts.short_itself),
        (Some(Resolution::PutBack), _) => text!(lang, conflicts.short_put_back),
        (Some(Resolution::Applied), Kind::ExportDeleted) => text!(lang, conflicts.short_cancelled),
        (Some(Resolution::Applied), _) => text!(lang, conflicts.short_moved),
    }
}

/// `jeudi 15 janvier, 13:00`.
pub(super) fn short_when(here: &Here, at: DateTime<Utc>) -> String {
    let day = format::date(here.lang, at.with_timezone(&here.zone()).date_naive(), here.today());
    format!("{day}, {}", format::time(at, here.zone()))
}

/// When the booking is: `jeudi 15 janvier, 13:00 – 14:00`.
pub(super) fn booking_when(here: &Here, conflict: &Conflict) -> String {
    when_in(here, conflict.booking.interval, false, here.zone())
}

/// When the event is, or was.
pub(super) fn other_when(here: &Here, conflict: &Conflict) -> String {
    when_in(here, conflict.other.interval, conflict.other.all_day, here.zone())
}

/// `Marie D.`; of one whose data are erased, "the client".
pub(super) fn client(here: &Here, conflict: &Conflict) -> String {
    let name = conflict.booking.client.as_ref().map(|client| foreign(&client.short_name()));
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| text!(here.lang, conflicts.a_client))
}

/// `Massage 60min · Marie D.`
fn booking_words(here: &Here, conflict: &Conflict) -> String {
    let service = foreign(&conflict.booking.service);
    match conflict.booking.client {
        Some(_) => {
            text!(here.lang, conflicts.booking_of, service = service, client = client(here, conflict))
        }
        None => service,
    }
}

/// `Google Calendar`; "your calendar" once that is no longer connected.
pub(super) fn place(here: &Here, conflict: &Conflict) -> String {
    conflict.other.source.as_ref().map_or_else(
        || text!(here.lang, conflicts.your_calendar),
        |source| platform_name(source.platform).to_owned(),
    )
}

/// `Personnel`, as its owner calls it.
pub(super) fn calendar(here: &Here, conflict: &Conflict) -> Option<String> {
    let source = conflict.other.source.as_ref()?;
    Some(foreign(&calendar_name(here.lang, &source.calendar, &source.account)))
}

pub(super) fn event_title(here: &Here, conflict: &Conflict) -> String {
    let title = foreign(&conflict.other.details.title);
    if title.is_empty() { text!(here.lang, app.busy) } else { title }
}
