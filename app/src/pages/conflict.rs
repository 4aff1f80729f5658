//! One conflict: both sides, and what can be done about it.

use super::conflicts::{booking_when, calendar, client, event_title, heading, other_when, place, short_when};
use crate::actions::calendars::SyncNow;
use crate::actions::conflicts::SettleConflict;
use crate::components::{action_form, hidden, live, outside_link};
use crate::format::{self, capital, foreign};
use crate::page::{Here, PageError, Screen, Tab, page};
use crate::picture::side_by_side;
use crate::platform::{hue_class, mark, short_name};
use crate::reasons::safe_link;
use crate::texts::{Lang, text};
use chrono::{DateTime, TimeDelta, Utc};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use simone_booking::booking::Status;
use simone_booking::id::ConflictId;
use simone_store::views::Conflict;
use simone_sync::conflict::{Kind, Resolution};
use simone_sync::ports;

#[component]
pub fn ConflictPage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("conflict"));
    page(Tab::Conflicts, move |here| load(here, id)).into_any()
}

async fn load(here: Here, id: Option<String>) -> Result<Screen, PageError> {
    let id: ConflictId = id.and_then(|id| id.parse().ok()).ok_or(PageError::NotFound)?;
    let conflict = here.state.db.conflict(here.provider_id(), id).await?.ok_or(PageError::NotFound)?;
    let lang = here.lang;
    let title = heading(&here, &conflict);
    let then = if conflict.is_open() { choices(&here, &conflict) } else { ended(&here, &conflict) };
    let state = if conflict.is_open() {
        view! { <span class="state warn">{text!(lang, conflicts.open)}</span> }.into_any()
    } else {
        view! { <span class="state">{text!(lang, conflicts.closed)}</span> }.into_any()
    };
    let told = view! {
        <div>
            <h1>{title.clone()}</h1>
            <p class="lead">
                {lead(&here, &conflict)}" "
                <span data-age="">{text!(lang, conflicts.found, ago = since(&here, conflict.opened_at))}</span>
            </p>
        </div>
        <div>{state}</div>
        {sides(&here, &conflict)}
        {then}
    };
    let body = view! {
        <p><a class="crumb" href="/conflicts">"‹ "{text!(lang, conflicts.back)}</a></p>
        {live("conflict", Some(text!(lang, conflicts.one_said)), told)}
    };
    Ok(Screen { title, fluid: false, body: body.into_any() })
}

/// What has happened, and what it means for the booking.
fn lead(here: &Here, conflict: &Conflict) -> String {
    let lang = here.lang;
    let place = place(here, conflict);
    let other = &conflict.other;
    match conflict.kind {
        Kind::Overlap => {
            let booking = conflict.booking.interval;
            let shared = booking.end.min(other.interval.end) - booking.start.max(other.interval.start);
            // Of a closed one, the booking may lie elsewhere by now.
            let shared = if shared > TimeDelta::zero() { shared } else { booking.end - booking.start };
            text!(lang, conflicts.overlap_lead, place = place, length = length(lang, shared))
        }
        Kind::ExportMoved if other.repeats => text!(lang, conflicts.series_lead, place = place),
        Kind::ExportMoved if other.all_day => text!(lang, conflicts.all_day_lead, place = place),
        Kind::ExportMoved if other.interval.is_empty() => text!(lang, conflicts.empty_lead, place = place),
        Kind::ExportMoved if conflict.is_open() && is_past(here, conflict) => {
            text!(lang, conflicts.past_lead, place = place)
        }
        Kind::ExportMoved => text!(lang, conflicts.moved_lead, place = place),
        Kind::ExportDeleted => {
            text!(lang, conflicts.deleted_lead, place = place, client = client(here, conflict))
        }
    }
}

/// How long ago, inside a sentence: `il y a 3 min`, `le 13 janvier, 18:42`.
fn since(here: &Here, at: DateTime<Utc>) -> String {
    let ago = here.ago(at);
    // What is no "ago" is a time of today, or begins with a date.
    let is_moment = ago.starts_with(|first: char| first.is_ascii_digit()) && ago.contains(':');
    match (here.lang, is_moment, ago.contains(',')) {
        (Lang::fr, true, true) => format!("le {ago}"),
        (Lang::fr, true, false) => format!("à {ago}"),
        (Lang::en, true, true) => format!("on {ago}"),
        (Lang::en, true, false) => format!("at {ago}"),
        (_, false, _) => ago,
    }
}

/// `45 min`, `1 h`, `1 h 30`.
fn length(lang: Lang, length: TimeDelta) -> String {
    let (hours, minutes) = (length.num_hours(), length.num_minutes() % 60);
    match (hours, minutes, lang) {
        (0, minutes, _) => format!("{minutes}\u{a0}min"),
        (hours, 0, _) => format!("{hours}\u{a0}h"),
        (hours, minutes, Lang::fr) => format!("{hours}\u{a0}h\u{a0}{minutes:02}"),
        (hours, minutes, Lang::en) => format!("{hours}\u{a0}h {minutes}\u{a0}min"),
    }
}

/// The event was given a time at which nothing can be booked any more.
fn is_past(here: &Here, conflict: &Conflict) -> bool {
    conflict.kind == Kind::ExportMoved && conflict.other.interval.start <= here.now
}

fn sides(here: &Here, conflict: &Conflict) -> AnyView {
    let lang = here.lang;
    let booking = &conflict.booking;
    let service = foreign(&booking.service);
    let status = match booking.status {
        Status::Pending => Some(text!(lang, conflicts.pending)),
        Status::Cancelled => Some(text!(lang, conflicts.cancelled)),
        Status::Confirmed => None,
    };
    let status = status.map(|words| view! { " · "<b>{words}</b> });
    let booked_on = booking.booked_at.with_timezone(&here.zone()).date_naive();
    let booked_on = format::day_and_month(lang, booked_on, here.today());
    let ours = view! {
        <div class="side">
            <span class="kicker ours">{text!(lang, conflicts.booking_side)}</span>
            <h2><bdi>{service.clone()}</bdi></h2>
            <p class="num">{capital(&booking_when(here, conflict))}</p>
            <p class="small">
                <bdi>{capital(&client(here, conflict))}</bdi>" · "
                {text!(lang, conflicts.booked, date = booked_on)}
                {status}
            </p>
            <a class="btn" href=format!("/agenda/bookings/{}", booking.id)>{text!(lang, conflicts.open_booking)}</a>
        </div>
    };
    let other = &conflict.other;
    let color = hue_class(other.source.as_ref().and_then(|source| source.color.as_deref()));
    let deleted = conflict.kind == Kind::ExportDeleted;
    let kicker = match (&other.source, calendar(here, conflict)) {
        (Some(source), Some(calendar)) => format!("{} · {calendar}", short_name(source.platform)),
        _ => place(here, conflict),
    };
    let mark = other.source.as_ref().map(|source| mark(source.platform));
    let title = if deleted {
        text!(lang, conflicts.deleted_side)
    } else if conflict.kind == Kind::ExportMoved && other.details.title.is_empty() {
        service.clone()
    } else {
        event_title(here, conflict)
    };
    let link = safe_link(other.details.link.as_deref(), &here.state.authorize_origins);
    let open = link.filter(|_| !deleted).zip(other.source.as_ref()).map(|(link, source)| {
        outside_link(lang, link, text!(lang, reason.open, platform = short_name(source.platform)))
    });
    let block = other.block.filter(|_| conflict.is_open()).map(|block| {
        view! { <a class="crumb" href=format!("/agenda/{block}")>{text!(lang, conflicts.why_blocked)}</a> }
    });
    let changed = other.changed_at.map(|at| {
        view! { <span data-age="">{text!(lang, conflicts.changed, ago = since(here, at))}</span> }
    });
    let repeats = other.repeats.then(|| text!(lang, conflicts.repeats) + " · ");
    let when = other_when(here, conflict);
    let when = match conflict.kind {
        Kind::Overlap => capital(&when),
        Kind::ExportMoved => format!("{} : {when}", capital(&text!(lang, conflicts.now_side))),
        Kind::ExportDeleted => format!("{} : {when}", capital(&text!(lang, conflicts.was_side))),
    };
    let when = if lang == Lang::en { when.replacen(" : ", ": ", 1) } else { when };
    let theirs = view! {
        <div class=format!("side {color}")>
            <span class="kicker theirs">{mark}{kicker}</span>
            <h2><bdi>{title.clone()}</bdi></h2>
            <p class="num">{when}</p>
            <p class="small">{repeats}{changed}</p>
            <div class="actions">{open}{block}</div>
        </div>
    };
    let picture = (!deleted && conflict.is_open()).then(|| {
        view! {
            <div class="drawn">
                {side_by_side((booking.interval, service), (other.interval, title), color, here.zone())}
            </div>
        }
    });
    view! {
        <section class="card">
            <div class="two">{ours}{theirs}</div>
            {picture}
        </section>
    }
    .into_any()
}

fn choices(here: &Here, conflict: &Conflict) -> AnyView {
    match conflict.kind {
        Kind::Overlap => by_hand(here, conflict),
        Kind::ExportMoved | Kind::ExportDeleted => decisions(here, conflict),
    }
}

/// The two ways to settle an edit of our event, each with what follows from it.
fn decisions(here: &Here, conflict: &Conflict) -> AnyView {
    let lang = here.lang;
    let (client, place) = (client(here, conflict), place(here, conflict));
    let booked = short_when(here, conflict.booking.interval.start);
    let deleted = conflict.kind == Kind::ExportDeleted;
    let apply = (conflict.can_be_applied() && !is_past(here, conflict)).then(|| {
        let (title, words) = if deleted {
            let words = text!(lang, conflicts.apply_deleted_text, client = client.as_str());
            (text!(lang, conflicts.apply_deleted), capital(&words))
        } else {
            let when = other_when(here, conflict);
            let words = text!(lang, conflicts.apply_moved_text, when = when, client = capital(&client));
            (text!(lang, conflicts.apply_moved), words)
        };
        choice(conflict, Resolution::Applied, title, words, None)
    });
    let can_follow = apply.is_some();
    let words = if deleted {
        text!(lang, conflicts.put_back_deleted_text, place = place.as_str(), when = booked, client = client)
    } else if can_follow {
        text!(lang, conflicts.put_back_moved_text, place = place.as_str(), when = booked, client = client)
    } else {
        text!(lang, conflicts.put_back_shape_text, place = place.as_str(), when = booked, client = client)
    };
    let reconnect = conflict
        .other
        .connection
        .filter(|(_, status)| *status == ports::Status::NeedsReconnect)
        .map(|_| text!(lang, conflicts.reconnect_first, place = place));
    let put_back = choice(conflict, Resolution::PutBack, text!(lang, conflicts.put_back), words, reconnect);
    view! {
        <section class="stack" aria-labelledby="choices">
            <h2 id="choices">{text!(lang, conflicts.what)}</h2>
            {apply}
            {put_back}
        </section>
    }
    .into_any()
}

fn choice(
    conflict: &Conflict,
    resolution: Resolution,
    title: String,
    words: String,
    more: Option<String>,
) -> AnyView {
    let cancels = resolution == Resolution::Applied && conflict.kind == Kind::ExportDeleted;
    let class = if cancels { "btn bad" } else { "btn" };
    let event = conflict.seen.event.as_ref().map(|event| hidden("event", event));
    view! {
        <div class="card">
            <div class="body">
                <p>{words}</p>
                {more.map(|more| view! { <p><b>{more}</b></p> })}
                <div class="actions">
                    {action_form!(SettleConflict, view! {
                        {hidden("conflict", conflict.id)}
                        {hidden("resolution", resolution.code())}
                        {event}
                        {hidden("booking", conflict.seen.booking)}
                        <button class=class>{title}</button>
                    })}
                </div>
            </div>
        </div>
    }
    .into_any()
}

/// What can be done about an overlap today: change one of the two where it is.
fn by_hand(here: &Here, conflict: &Conflict) -> AnyView {
    let lang = here.lang;
    let place = place(here, conflict);
    let event = text!(lang, conflicts.by_hand_event, event = event_title(here, conflict), place = place);
    let connection = conflict.other.connection.filter(|(_, status)| *status == ports::Status::Connected);
    let sync = connection.map(|(connection, _)| {
        action_form!(
            SyncNow,
            view! {
                {hidden("connection", connection)}
                {hidden("back", here.address())}
                <button class="btn">{text!(lang, reason.sync)}</button>
            }
        )
    });
    view! {
        <section class="card" aria-labelledby="choices">
            <div class="body">
                <h2 id="choices">{text!(lang, conflicts.what_overlap)}</h2>
                <ul class="what">
                    <li>{event}</li>
                    <li>{text!(lang, conflicts.by_hand_booking, client = client(here, conflict))}</li>
                    <li>{text!(lang, conflicts.by_hand_nothing)}</li>
                </ul>
                <div class="actions">
                    {sync}
                    <a class="btn" href=format!("/agenda/bookings/{}", conflict.booking.id)>
                        {text!(lang, conflicts.open_booking)}
                    </a>
                </div>
            </div>
        </section>
    }
    .into_any()
}

/// How it ended.
fn ended(here: &Here, conflict: &Conflict) -> AnyView {
    let lang = here.lang;
    let client = client(here, conflict);
    let words = match (conflict.resolution, conflict.kind) {
        (None, _) => text!(lang, conflicts.ended_itself),
        (Some(Resolution::PutBack), _) => text!(lang, conflicts.ended_put_back, client = client),
        (Some(Resolution::Applied), Kind::ExportDeleted) => {
            text!(lang, conflicts.ended_cancelled, client = client)
        }
        (Some(Resolution::Applied), _) => text!(lang, conflicts.ended_moved, client = client),
    };
    let when = conflict.closed_at.map(|at| text!(lang, conflicts.closed_when, ago = since(here, at)));
    view! {
        <section class="note calm">
            <p class="grow"><b data-age="">{when}</b>" "{format::elided(lang, &words)}</p>
        </section>
    }
    .into_any()
}
