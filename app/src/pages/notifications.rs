//! What the provider was told.

use crate::actions::account::ReadNotices;
use crate::components::{action_form, empty, live};
use crate::format::{self, foreign};
use crate::page::{Here, PageError, Screen, Tab, page};
use crate::platform::{face, platform_name};
use crate::texts::text;
use leptos::prelude::*;
use simone_booking::booking::{ChangeKind, Status};
use simone_store::views::{Notice, StoredNotice};
use simone_sync::conflict;

#[component]
pub fn NotificationsPage() -> impl IntoView {
    page(Tab::Notices, load).into_any()
}

async fn load(here: Here) -> Result<Screen, PageError> {
    let lang = here.lang;
    let notices = here.state.db.notices(here.provider_id()).await?;
    let unread = notices.iter().any(|notice| notice.unread);
    let read_all = unread.then(|| {
        view! {
            {action_form!(ReadNotices, view! {
                <button class="btn">{text!(lang, notices.read_all)}</button>
            })}
        }
    });
    let list = if notices.is_empty() {
        empty(text!(lang, notices.empty_title), text!(lang, notices.empty), ()).into_any()
    } else {
        let rows: Vec<_> = notices.iter().map(|notice| line(&here, notice)).collect();
        view! { <ol class="card feed">{rows}</ol> }.into_any()
    };
    let title = text!(lang, notices.title);
    let body = view! {
        <div class="bar">
            <div class="grow">
                <h1>{title.clone()}</h1>
                <p class="lead">{text!(lang, notices.lead)}</p>
            </div>
            {live("read-all", None, read_all)}
        </div>
        {live("notices", Some(text!(lang, app.unread_said)), list)}
    };
    Ok(Screen { title, fluid: false, body: body.into_any() })
}

fn line(here: &Here, stored: &StoredNotice) -> AnyView {
    let lang = here.lang;
    let calendar = stored.calendar.clone().unwrap_or_else(|| text!(lang, notices.this_calendar));
    let connection = stored.connection.map_or_else(
        || "/settings/calendars".to_owned(),
        |connection| format!("/settings/calendars/{connection}"),
    );
    let (title, words, links) = match &stored.notice {
        Some(Notice::NeedsReconnect { platform, account }) => (
            text!(lang, notices.needs_reconnect, platform = platform_name(*platform)),
            text!(lang, notices.needs_reconnect_text, account = account.as_str()),
            vec![(connection, text!(lang, notices.act_reconnect))],
        ),
        Some(Notice::RemovalsHeld { calendar: id, .. }) => (
            text!(lang, notices.removals_held, calendar = calendar),
            text!(lang, notices.removals_held_text),
            vec![(format!("/settings/calendars#{id}"), text!(lang, notices.act_decide))],
        ),
        Some(Notice::UnreadableSeries { .. }) => (
            text!(lang, notices.unreadable_series, calendar = calendar),
            text!(lang, notices.unreadable_series_text),
            vec![("/agenda".to_owned(), text!(lang, notices.act_agenda))],
        ),
        Some(Notice::DisconnectAbandoned { platform, account }) => {
            let face = face(*platform);
            (
                text!(lang, notices.disconnect_abandoned, platform = face.name),
                (face.abandoned)(lang, account.as_str()),
                face.permissions.iter().map(|page| (page.address.to_owned(), (page.words)(lang))).collect(),
            )
        }
        Some(Notice::ExportsFailing { platform, account }) => (
            text!(lang, notices.exports_failing, platform = platform_name(*platform)),
            text!(lang, notices.exports_failing_text, account = account.as_str()),
            vec![(connection, text!(lang, notices.act_look))],
        ),
        Some(Notice::Booking { booking, change, status, service, starts_at }) => {
            let service = foreign(service);
            let title = match change {
                ChangeKind::Booked => text!(lang, notices.booking_booked, service = service),
                ChangeKind::Held => text!(lang, notices.booking_held, service = service),
                ChangeKind::Confirmed => text!(lang, notices.booking_confirmed, service = service),
                ChangeKind::Moved => text!(lang, notices.booking_moved, service = service),
                ChangeKind::Changed => text!(lang, notices.booking_changed, service = service),
                ChangeKind::Cancelled => text!(lang, notices.booking_cancelled, service = service),
            };
            let day = starts_at.with_timezone(&here.zone()).date_naive();
            let when = text!(
                lang,
                notices.booking_when,
                date = format::capital(&format::date(lang, day, here.today())),
                time = format::time(*starts_at, here.zone())
            );
            let words = match status {
                Status::Pending => format!("{when} {}", text!(lang, notices.booking_awaits)),
                Status::Confirmed => when,
                Status::Cancelled => format!("{when} {}", text!(lang, notices.booking_freed)),
            };
            (title, words, vec![(format!("/agenda/bookings/{booking}"), text!(lang, notices.act_booking))])
        }
        Some(Notice::Conflict { conflict, about, at }) => {
            let day = at.with_timezone(&here.zone()).date_naive();
            let title = match about {
                conflict::Kind::Overlap => text!(lang, notices.conflict_overlap),
                conflict::Kind::ExportMoved => text!(lang, notices.conflict_moved),
                conflict::Kind::ExportDeleted => text!(lang, notices.conflict_deleted),
            };
            let words = text!(
                lang,
                notices.conflict_text,
                date = format::date(lang, day, here.today()),
                time = format::time(*at, here.zone())
            );
            (title, words, vec![(format!("/conflicts/{conflict}"), text!(lang, notices.act_conflict))])
        }
        None => (
            text!(lang, notices.other),
            text!(lang, notices.other_text),
            vec![("/settings/calendars".to_owned(), text!(lang, notices.act_calendars))],
        ),
    };
    let open: Vec<_> = links
        .into_iter()
        .filter(|_| !stored.settled)
        .map(|(address, words)| view! { <p class="then"><a class="crumb" href=address>{words}" ›"</a></p> })
        .collect();
    let fresh = stored.unread && !stored.settled;
    let mark = if stored.settled {
        Some(text!(lang, notices.settled))
    } else {
        fresh.then(|| text!(lang, notices.fresh))
    };
    view! {
        <li class:done=!fresh>
            <span class="mark"></span>
            <div>
                <h2>{title}</h2>
                <p>{words}</p>
            </div>
            <small class="num" data-age="">{mark.map(|mark| mark + " · ")}{here.ago(stored.created_at)}</small>
            {open}
        </li>
    }
    .into_any()
}
