//! The week as a grid or a list: what blocks, and what is booked.

use super::agenda::title_of;
use crate::format;
use crate::page::Here;
use crate::pages::bookings::status_words;
use crate::platform::{calendar_name, hue_class, mark, short_name};
use crate::texts::text;
use crate::week::{self, PartKind, Week};
use chrono::{Datelike, Weekday};
use leptos::prelude::*;
use simone_booking::booking::{Booking, Status};
use simone_booking::{BookingId, Horizon, Interval};
use simone_store::views::{Block, ExportState};
use simone_sync::ports::StoreResult;
use std::collections::HashSet;

/// What stands in a week.
pub struct Shown<'a> {
    pub blocks: &'a [Block],
    pub bookings: &'a [Booking],
    /// Bookings that are not in a calendar of theirs, and why they do not get there is known.
    pub failing: HashSet<BookingId>,
    /// There is more than one account, so that a block says which it is from.
    pub several: bool,
}

/// The week's bookings that could not be exported.
pub async fn failing(here: &Here, week: Week) -> StoreResult<HashSet<BookingId>> {
    let interval = week.interval();
    let ahead = Interval::new(interval.start.max(here.now), interval.end);
    let states = here.state.db.export_states(here.provider_id(), ahead).await?;
    let fails = |states: &[ExportState]| states.iter().any(|state| state.standing.is_failure());
    Ok(states.into_iter().filter(|(_, states)| fails(states)).map(|(booking, _)| booking).collect())
}

pub fn days(here: &Here, week: Week, shown: &Shown<'_>) -> AnyView {
    let lang = here.lang;
    let blocks = shown.blocks.iter().map(|block| (block.interval, block.all_day));
    let spans: Vec<(Interval, bool)> =
        blocks.chain(shown.bookings.iter().map(|booking| (booking.interval, false))).collect();
    let part_view = |part: &week::Part, first: u32| match shown.blocks.get(part.block) {
        Some(block) => block_view(here, block, part.kind, first, shown.several),
        None => booking_view(here, &shown.bookings[part.block - shown.blocks.len()], part.kind, first, shown),
    };
    let layout = week::layout(week, &spans);
    let (first, last) = layout.hours;
    let known_until = Horizon::at(here.now, here.zone()).end;
    let is_whole = |part: &week::Part| part.kind == PartKind::WholeDay;
    let flat = if layout.days.iter().flat_map(|day| &day.parts).any(is_whole) { "" } else { " flat" };
    let hours: Vec<_> = (first..last).map(|hour| view! { <span>{hour}</span> }).collect();
    let days: Vec<_> = layout
        .days
        .iter()
        .map(|day| {
            let today = day.date == here.today();
            let weekend = matches!(day.date.weekday(), Weekday::Sat | Weekday::Sun);
            let long = format::capital(&format::date(lang, day.date, here.today()));
            let number = if today {
                format!("{} · {}", day.date.day(), text!(lang, agenda.is_today))
            } else {
                day.date.day().to_string()
            };
            let whole: Vec<_> = day
                .parts
                .iter()
                .filter(|part| part.kind == PartKind::WholeDay)
                .map(|part| part_view(part, first))
                .collect();
            let timed: Vec<_> = day
                .parts
                .iter()
                .filter(|part| part.kind != PartKind::WholeDay)
                .map(|part| part_view(part, first))
                .collect();
            let free = whole.is_empty() && timed.is_empty();
            let past = day.date < here.today();
            // Nobody has looked beyond the horizon yet.
            let words = if day.date < known_until {
                text!(lang, agenda.nothing)
            } else {
                text!(lang, agenda.not_yet)
            };
            let nothing = free.then(|| view! { <p class="none">{words}</p> });
            // The wide layout needs both cells, also empty; a list may not be.
            let whole = if whole.is_empty() {
                view! { <div class="blocks"></div> }.into_any()
            } else {
                view! { <ul class="blocks">{whole}</ul> }.into_any()
            };
            let timed = if timed.is_empty() {
                view! { <div class="blocks timed"></div> }.into_any()
            } else {
                view! { <ul class="blocks timed">{timed}</ul> }.into_any()
            };
            view! {
                <section class="day" class:is-today=today class:weekend=weekend class:free=free class:past=past>
                    <h2>
                        <span class="long">{long}</span>
                        <span class="wide" aria-hidden="true">
                            {format::short_weekday(lang, day.date)}<small>{number}</small>
                        </span>
                    </h2>
                    {nothing}
                    {whole}
                    {timed}
                </section>
            }
        })
        .collect();
    view! {
        <div class=format!("week h{}{flat}", last - first) role="group" aria-label=text!(lang, agenda.week)>
            <div class="hours" aria-hidden="true">{hours}</div>
            {days}
        </div>
    }
    .into_any()
}

/// The classes of a part's place in the grid, and its time.
fn placed(here: &Here, interval: Interval, part: PartKind, first_hour: u32) -> (String, AnyView) {
    let lang = here.lang;
    let clock = |at| format::time(at, here.zone());
    let (start, end) = (clock(interval.start), clock(interval.end));
    let (place, (start, end)) = match part {
        PartKind::WholeDay => (String::new(), (text!(lang, agenda.all_day), None)),
        PartKind::Timed { from_before, to_after, start: from, end: to, lane, lanes } => {
            let (row, length) = week::place(from, to, first_hour);
            let mut place = format!(" f{row} l{length}");
            if lanes > 1 {
                place += &format!(" of{lanes} n{lane}");
            }
            if length >= 5 {
                place += " tall";
            }
            let time = match (from_before, to_after) {
                (true, _) => (text!(lang, agenda.until, time = end), None),
                (false, true) => (text!(lang, agenda.from, time = start), None),
                (false, false) => (start, Some(end)),
            };
            (place, time)
        }
    };
    let end = end.map(|end| view! { <span class="dash">" – "</span><small>{end}</small> });
    (place, view! { <span class="time">{start}{end}</span> }.into_any())
}

/// An appointment: what it is, whose, and whether something is to be done about it.
fn booking_view(
    here: &Here,
    booking: &Booking,
    part: PartKind,
    first_hour: u32,
    shown: &Shown<'_>,
) -> AnyView {
    let lang = here.lang;
    let (place, time) = placed(here, booking.interval, part, first_hour);
    let pending = if booking.status == Status::Pending { " pending" } else { "" };
    let status = if shown.failing.contains(&booking.id) {
        text!(lang, agenda.not_exported)
    } else {
        status_words(lang, booking, here.now)
    };
    let who = booking.client.as_ref().map(|client| format::foreign(&client.short_name()));
    let name = format::foreign(&booking.service_name);
    let name = who.map_or_else(|| name.clone(), |who| format!("{name} · {who}"));
    let hint = format!("{name} · {status}");
    view! {
        <li class=format!("block booking{place}{pending}") title=hint data-key=booking.id.to_string()>
            <a href=format!("/agenda/bookings/{}", booking.id)>
                <b><bdi>{name}</bdi></b>
                {time}
                <span class="edge"></span>
                <span class="from">{status}</span>
            </a>
        </li>
    }
    .into_any()
}

fn block_view(here: &Here, block: &Block, part: PartKind, first_hour: u32, several: bool) -> AnyView {
    let lang = here.lang;
    let (place, time) = placed(here, block.interval, part, first_hour);
    let kept = if block.is_kept() { " kept" } else { "" };
    let color = hue_class(block.source.as_ref().and_then(|source| source.color.as_deref()));
    let mark = block.source.as_ref().map(|source| mark(source.platform));
    let from = block.source.as_ref().map_or_else(
        || {
            if block.is_kept() { text!(lang, agenda.kept_source) } else { text!(lang, unavailable.by_hand) }
        },
        |source| {
            let calendar = calendar_name(lang, &source.calendar, &source.account);
            if several {
                format!("{calendar} · {}", source.account)
            } else {
                format!("{} · {calendar}", short_name(source.platform))
            }
        },
    );
    // The mark says it to who sees it.
    let hint = match block.source.as_ref().filter(|_| several) {
        Some(source) => format!("{} · {from}", short_name(source.platform)),
        None => from.clone(),
    };
    view! {
        <li class=format!("block {color}{place}{kept}") title=hint data-key=block.id.to_string()>
            <a href=format!("/agenda/{}", block.id)>
                <b><bdi>{title_of(here, block)}</bdi></b>
                {time}
                <span class="edge"></span>
                <span class="from">{mark}{from}</span>
            </a>
        </li>
    }
    .into_any()
}
