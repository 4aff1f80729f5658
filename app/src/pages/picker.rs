//! Choosing a moment: the days of a week with what is free on them, and the slots of one day. Each choice is a link.

use super::account::zones;
use crate::format;
use crate::texts::text;
use crate::visitor::Visit;
use chrono::{DateTime, Days, NaiveDate, SecondsFormat, Utc};
use chrono_tz::Tz;
use leptos::prelude::*;
use simone_booking::horizon::start_of_day;
use simone_booking::{Horizon, Interval, Provider, ServiceId};
use simone_sync::bookings::Refusal;
use simone_sync::ports::{StoreError, StoreResult};

const DAYS: u64 = 7;
/// More than a week can hold.
const MOST: usize = 7 * 24 * 12;
/// Moments offered in the place of one that cannot be had.
const ALTERNATIVES: usize = 6;

/// What is wished for by an address or a form. What is not a date or an instant is none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish {
    pub day: Option<NaiveDate>,
    pub at: Option<DateTime<Utc>>,
}

impl Wish {
    pub fn of(visit: &Visit) -> Self {
        let day = visit.query("day").and_then(|day| day.parse().ok());
        Self { day, at: visit.query("at").as_deref().and_then(moment) }
    }
}

/// An instant as addresses and forms write it.
pub fn moment(text: &str) -> Option<DateTime<Utc>> {
    // Without an escape, a plus is a space in an address.
    let at = DateTime::parse_from_rfc3339(&text.trim().replace(' ', "+")).ok()?;
    Some(at.to_utc())
}

pub fn written(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// A week of what is free.
#[derive(Clone)]
pub struct Picker {
    /// The path of the page that it is on.
    base: String,
    provider: String,
    zone: Tz,
    days: Vec<Day>,
    /// The one whose slots are shown.
    day: NaiveDate,
    chosen: Option<Interval>,
    previous: Option<NaiveDate>,
    next: Option<NaiveDate>,
    /// The first day after this week on which something is free, when nothing is in it.
    later: Option<NaiveDate>,
    not_ready: bool,
}

#[derive(Clone)]
struct Day {
    date: NaiveDate,
    slots: Vec<Interval>,
}

impl Picker {
    /// The week of the wished day, else of the first one on which something is free.
    pub async fn load(
        visit: &Visit,
        provider: &Provider,
        service: ServiceId,
        wish: Wish,
        base: String,
    ) -> StoreResult<Result<Self, Refusal>> {
        let zone = provider.zone;
        let local = |at: DateTime<Utc>| at.with_timezone(&zone).date_naive();
        let horizon = Horizon::at(visit.now, zone);
        let bookings = &visit.state.bookings;
        let first_free = async |from: DateTime<Utc>| {
            let window = Interval::new(from, horizon.interval().end.max(from));
            let found = bookings.offer(provider.id, service, window, 1).await?;
            Ok::<_, StoreError>(found.map(|offer| offer.slots.first().map(|slot| local(slot.start))))
        };
        let inside = |date: &NaiveDate| (horizon.first..horizon.end).contains(date);
        let wished = wish.day.or(wish.at.map(local)).filter(inside);
        let wanted = match wished {
            Some(day) => day,
            None => match first_free(visit.now).await? {
                Ok(found) => found.unwrap_or(horizon.first),
                Err(refusal) => return Ok(Err(refusal)),
            },
        };
        let week = u64::try_from((wanted - horizon.first).num_days()).unwrap_or(0) / DAYS;
        let begin = horizon.first + Days::new(week * DAYS);
        let end = (begin + Days::new(DAYS)).min(horizon.end);
        let window = Interval::new(start_of_day(begin, zone), start_of_day(end, zone));
        let offer = match bookings.offer(provider.id, service, window, MOST).await? {
            Ok(offer) => offer,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let mut days: Vec<Day> = begin
            .iter_days()
            .take_while(|date| *date < end)
            .map(|date| Day { date, slots: Vec::new() })
            .collect();
        for slot in offer.slots {
            let date = local(slot.start);
            if let Some(day) = days.iter_mut().find(|day| day.date == date) {
                day.slots.push(slot);
            }
        }
        let has_slots = |date: NaiveDate| days.iter().any(|day| day.date == date && !day.slots.is_empty());
        let day = if has_slots(wanted) {
            wanted
        } else {
            days.iter().find(|day| !day.slots.is_empty()).map_or(wanted, |day| day.date)
        };
        let nothing = days.iter().all(|day| day.slots.is_empty());
        let later = if nothing && !offer.not_ready {
            match first_free(window.end).await? {
                Ok(found) => found,
                Err(refusal) => return Ok(Err(refusal)),
            }
        } else {
            None
        };
        let chosen = wish
            .at
            .and_then(|at| days.iter().flat_map(|day| &day.slots).find(|slot| slot.start == at).copied());
        Ok(Ok(Self {
            base,
            provider: provider.name.clone(),
            zone,
            day,
            chosen,
            previous: (begin > horizon.first).then(|| begin - Days::new(DAYS)),
            next: Some(end).filter(|end| *end < horizon.end),
            later,
            not_ready: offer.not_ready,
            days,
        }))
    }

    /// The slot that is wished for, if it is free.
    pub const fn chosen(&self) -> Option<Interval> {
        self.chosen
    }

    pub const fn not_ready(&self) -> bool {
        self.not_ready
    }

    /// Whether there is nothing to choose, in this week or in any later one.
    pub fn is_empty(&self) -> bool {
        self.later.is_none() && self.days.iter().all(|day| day.slots.is_empty())
    }

    /// Some moments of the shown day, in the place of one that cannot be had.
    pub fn some(&self) -> Vec<Interval> {
        let day = self.days.iter().find(|day| day.date == self.day);
        day.map(|day| day.slots.iter().take(ALTERNATIVES).copied().collect()).unwrap_or_default()
    }

    fn link(&self, date: NaiveDate) -> String {
        format!("{}?day={date}", self.base)
    }

    pub fn view(&self, visit: &Visit) -> AnyView {
        let lang = visit.lang;
        if self.not_ready {
            return said(
                text!(lang, book.not_ready_title),
                text!(lang, book.not_ready, name = self.provider.as_str()),
                Some(
                    view! { <a class="btn" href=self.base.clone()>{text!(lang, app.refresh)}</a> }.into_any(),
                ),
            );
        }
        if self.is_empty() && self.previous.is_none() {
            return said(
                text!(lang, book.nothing_title),
                text!(lang, book.nothing, name = self.provider.as_str()),
                None,
            );
        }
        let today = visit.today(self.zone);
        let first = self.days.first().map_or(today, |day| day.date);
        let step = |to: Option<NaiveDate>, name: String, sign: &'static str| match to {
            Some(to) => {
                view! { <a class="btn quiet step" href=self.link(to) aria-label=name>{sign}</a> }.into_any()
            }
            None => view! { <span class="btn quiet step off" aria-hidden="true">{sign}</span> }.into_any(),
        };
        let days: Vec<_> = self.days.iter().map(|day| self.day(day, visit)).collect();
        view! {
            <nav class="stack" aria-label=text!(lang, book.days)>
                <div class="bar middle">
                    {step(self.previous, text!(lang, book.earlier), "‹")}
                    <b class="grow center">{format::week(lang, first, today)}</b>
                    {step(self.next, text!(lang, book.later), "›")}
                </div>
                <ul class="days">{days}</ul>
            </nav>
            <section class="stack" aria-labelledby="day">{self.slots(visit)}</section>
        }
        .into_any()
    }

    fn day(&self, day: &Day, visit: &Visit) -> AnyView {
        let lang = visit.lang;
        let (name, number) = (format::short_weekday(lang, day.date), day.date.format("%-d").to_string());
        let full = format::date(lang, day.date, visit.today(self.zone));
        let count = i64::try_from(day.slots.len()).unwrap_or(i64::MAX);
        if count == 0 {
            let label = format!("{full}, {}", text!(lang, book.no_free));
            return view! {
                <li><span class="pick none"><span class="unseen">{label}</span>
                    <span aria-hidden="true">{name}</span><b aria-hidden="true">{number}</b><span aria-hidden="true">"—"</span>
                </span></li>
            }
            .into_any();
        }
        let free = text!(lang, book.free, count = count);
        let label = format!("{full}, {free}");
        let current = (day.date == self.day).then_some("date");
        view! {
            <li><a class="pick" href=self.link(day.date) aria-label=label aria-current=current>
                <span>{name}</span><b>{number}</b><span class="full">{free}</span><span class="short">{count}</span>
            </a></li>
        }
        .into_any()
    }

    fn slots(&self, visit: &Visit) -> AnyView {
        let lang = visit.lang;
        let today = visit.today(self.zone);
        let slots = self.days.iter().find(|day| day.date == self.day).map_or(&[][..], |day| &day.slots);
        if slots.is_empty() {
            let later = self.later.map(|date| {
                let words = text!(lang, book.next_free, day = format::date(lang, date, today));
                view! { <p><a class="btn main" href=self.link(date)>{words}</a></p> }
            });
            let nobody = text!(lang, book.week_none);
            return view! { <h2 id="day">{nobody}</h2>{later} }.into_any();
        }
        let elsewhere = slots.iter().find_map(|slot| visit.elsewhere(slot.start, self.zone));
        let items: Vec<_> = slots
            .iter()
            .map(|slot| {
                let href = format!("{}&at={}#form", self.link(self.day), written(slot.start));
                let current = (self.chosen == Some(*slot)).then_some("true");
                let theirs = visit.elsewhere(slot.start, self.zone).map(|zone| {
                    let time = other_time(visit, slot.start, self.zone, zone);
                    let spoken =
                        text!(lang, book.in_zone, time = time.as_str(), city = format::city(lang, zone));
                    view! { <small aria-hidden="true">{time}</small><span class="unseen">{spoken}</span> }
                });
                view! {
                    <li><a class="slot" href=href aria-current=current>
                        <span>{format::time(slot.start, self.zone)}</span>{theirs}
                    </a></li>
                }
            })
            .collect();
        let title = format::capital(&format::date(lang, self.day, today));
        view! {
            <h2 id="day">{title}</h2>
            <ul class="slots num">{items}</ul>
            {self.zone_note(visit, elsewhere)}
        }
        .into_any()
    }

    /// In which zone the times are, and the way to see them in another.
    fn zone_note(&self, visit: &Visit, elsewhere: Option<Tz>) -> AnyView {
        let lang = visit.lang;
        let mut words = text!(lang, book.hours_of, city = format::city(lang, self.zone));
        if let Some(zone) = elsewhere {
            words += " ";
            words += &text!(lang, book.hours_yours, city = format::city(lang, zone));
        }
        let words = format::elided(lang, &words);
        let chosen = self.chosen.map(|slot| written(slot.start));
        let change = if visit.query("zones").is_some() {
            let selected = visit.zone.unwrap_or(self.zone);
            view! {
                <form class="search" method="get" action=format!("{}#day", self.base)>
                    <input type="hidden" name="day" value=self.day.to_string()/>
                    {chosen.map(|at| view! { <input type="hidden" name="at" value=at/> })}
                    <div class="field grow">
                        <label for="zone">{text!(lang, book.zone_label)}</label>
                        <select id="zone" name="zone">{zones(lang, selected)}</select>
                    </div>
                    <button class="btn">{text!(lang, book.zone_show)}</button>
                </form>
            }
            .into_any()
        } else {
            let at = chosen.map(|at| format!("&at={at}")).unwrap_or_default();
            let href = format!("{}{at}&zones=1#zone", self.link(self.day));
            view! { <a class="crumb" href=href>{text!(lang, book.zone_change)}</a> }.into_any()
        };
        view! {
            <div class="zone-note"><p class="small">{words}</p>{change}</div>
        }
        .into_any()
    }
}

/// A time in another zone, with its day where it is another one.
fn other_time(visit: &Visit, at: DateTime<Utc>, zone: Tz, other: Tz) -> String {
    let time = format::time(at, other);
    let date = |zone: Tz| at.with_timezone(&zone).date_naive();
    if date(zone) == date(other) {
        time
    } else {
        format!("{} {time}", format::short_weekday(visit.lang, date(other)))
    }
}

/// `jeudi 15 janvier, 14:30 – 15:30`, and the same in the visitor's zone where it is another time there.
pub fn when(visit: &Visit, interval: Interval, zone: Tz) -> (String, Option<String>) {
    let lang = visit.lang;
    let full = |zone: Tz| {
        let date = format::date(lang, interval.start.with_timezone(&zone).date_naive(), visit.today(zone));
        format!("{date}, {}", format::span(interval, zone))
    };
    let theirs = visit.elsewhere(interval.start, zone).map(|other| {
        let words = text!(lang, book.in_zone, time = full(other), city = format::city(lang, other));
        format::elided(lang, &words)
    });
    (full(zone), theirs)
}

/// A state in the place of what could be chosen.
fn said(title: String, words: String, action: Option<AnyView>) -> AnyView {
    view! {
        <section class="empty">
            <h2>{title}</h2>
            <p class="lead">{words}</p>
            {action}
        </section>
    }
    .into_any()
}
