//! What should be blocked, from the ground truth alone. Written apart from the engine, and naively: a series is
//! walked day by day from its start.

use crate::world::{Calendar, Ends, Event, Every, Rule, Series, What, World};
use chrono::offset::LocalResult;
use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use simone_booking::{BookingId, ConnectionId};
use simone_sync::event::{Marks, OriginalStart, Span};
use simone_sync::platform::Platform;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// What names a block: the calendar, the event (a series by its master), the occurrence (of a single event: none).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub connection: ConnectionId,
    pub calendar: String,
    pub event: String,
    pub slot: String,
}

pub type Blocked = BTreeMap<Key, (DateTime<Utc>, DateTime<Utc>)>;

/// A calendar that a provider selected.
pub struct Chosen {
    pub connection: ConnectionId,
    pub account: usize,
    pub calendar: String,
    pub block_free: bool,
}

/// Until when, and what.
type Expansion = (NaiveDate, Vec<(OriginalStart, Span)>);

/// Expansions, by series and zone.
#[derive(Default)]
pub struct Model {
    expanded: HashMap<(usize, String, String, u64, Tz), Expansion>,
}

impl Model {
    /// `booked`: what was booked with this provider; its events take no time by themselves.
    pub fn blocked(
        &mut self,
        world: &World,
        chosen: &[Chosen],
        booked: &dyn Fn(BookingId) -> bool,
        zone: Tz,
        now: DateTime<Utc>,
    ) -> Blocked {
        let mut blocked = Blocked::new();
        let today = now.with_timezone(&zone).date_naive();
        let from = instant(midnight(today), zone);
        let to = instant(midnight(today + Days::new(91)), zone);
        for chosen in chosen {
            let Some(calendar) = world.calendar(chosen.account, &chosen.calendar) else { continue };
            let mut block = |event: &str, slot: String, marks: &Marks, span: &Span| {
                if !is_busy(marks, chosen.block_free) {
                    return;
                }
                let (start, end) = bounds(span, zone);
                if start < end && start < to && end > from {
                    let key = Key {
                        connection: chosen.connection,
                        calendar: chosen.calendar.clone(),
                        event: event.to_owned(),
                        slot,
                    };
                    blocked.insert(key, (start, end));
                }
            };
            // An event of ours names itself; the occurrences of one that was made a series go with it.
            let ours = |id: &str| {
                let marker = calendar.events.get(id).and_then(Event::own_marker);
                marker.is_some_and(|marker| booked(marker.booking))
            };
            let mut replaced: HashMap<&str, HashSet<OriginalStart>> = HashMap::new();
            for event in calendar.events.values() {
                if let What::Exception { master, slot, .. } = &event.what {
                    replaced.entry(master).or_default().insert(*slot);
                }
            }
            for event in calendar.events.values() {
                let whole = match &event.what {
                    What::Exception { master, .. } => master,
                    _ => &event.id,
                };
                if ours(whole) {
                    continue;
                }
                match &event.what {
                    What::Gone => {}
                    What::Single(span) => block(&event.id, String::new(), &event.marks, span),
                    What::Exception { master, slot, span, alone } => {
                        if let Some(span) = span
                            && (*alone || calendar.has_series(master))
                        {
                            block(master, slot.to_string(), &event.marks, span);
                        }
                    }
                    What::Series(series) => {
                        let replaced = replaced.get(event.id.as_str());
                        for (slot, span) in self.expansion(chosen.account, calendar, event, series, zone, to)
                        {
                            if !replaced.is_some_and(|slots| slots.contains(slot)) {
                                block(&event.id, slot.to_string(), &event.marks, span);
                            }
                        }
                    }
                }
            }
        }
        blocked
    }

    fn expansion(
        &mut self,
        account: usize,
        calendar: &Calendar,
        event: &Event,
        series: &Series,
        provider: Tz,
        to: DateTime<Utc>,
    ) -> &[(OriginalStart, Span)] {
        let zone = series_zone(series, calendar, provider);
        let needed = to.date_naive() + Days::new(2);
        let key = (account, calendar.id.clone(), event.id.clone(), event.changed, zone);
        let (until, occurrences) = self.expanded.entry(key).or_default();
        if *until < needed {
            *until = needed + Days::new(40);
            *occurrences = expand(series, zone, *until);
        }
        occurrences
    }
}

/// The zone in which a platform expands a series by itself.
pub fn own_zone(series: &Series) -> Tz {
    series.zone.as_deref().and_then(known_zone).unwrap_or(Tz::UTC)
}

/// The zone that a series is read in: its own, else its calendar's, else the provider's.
pub fn series_zone(series: &Series, calendar: &Calendar, provider: Tz) -> Tz {
    if calendar.platform == Platform::Outlook {
        return own_zone(series);
    }
    let own = series.zone.as_deref().and_then(known_zone);
    own.or_else(|| known_zone(&calendar.zone)).unwrap_or(provider)
}

fn known_zone(name: &str) -> Option<Tz> {
    match name {
        "Romance Standard Time" => Some(chrono_tz::Europe::Paris),
        name => name.parse().ok(),
    }
}

fn is_busy(marks: &Marks, block_free: bool) -> bool {
    if marks.called_off || marks.declined || marks.birthday || marks.working_location {
        return false;
    }
    !marks.free || block_free
}

/// When a span begins and ends for this provider.
fn bounds(span: &Span, zone: Tz) -> (DateTime<Utc>, DateTime<Utc>) {
    match *span {
        Span::Timed { start, end } => (start, end),
        Span::AllDay { start, end } => (instant(midnight(start), zone), instant(midnight(end), zone)),
    }
}

fn midnight(date: NaiveDate) -> NaiveDateTime {
    date.and_time(NaiveTime::MIN)
}

/// The instant of a wall time: of two the earlier; one that the clocks skip is as much later as they skip.
pub fn instant(wall: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    match zone.from_local_datetime(&wall) {
        LocalResult::Single(at) => at.to_utc(),
        LocalResult::Ambiguous(one, other) => one.min(other).to_utc(),
        LocalResult::None => {
            let minute = TimeDelta::minutes(1);
            let exists = |wall: &NaiveDateTime| zone.from_local_datetime(wall) != LocalResult::None;
            let (mut before, mut after) = (wall, wall);
            while !exists(&before) {
                before -= minute;
            }
            while !exists(&after) {
                after += minute;
            }
            instant(wall + (after - before - minute), zone)
        }
    }
}

/// All occurrences of a series whose rule begins them by `until`, in order.
pub fn expand(series: &Series, zone: Tz, until: NaiveDate) -> Vec<(OriginalStart, Span)> {
    match series.first {
        Span::AllDay { start, end } => {
            let mut days: BTreeSet<NaiveDate> = BTreeSet::from([start]);
            walk(&series.rule, start, until, |day| {
                let within = match series.rule.ends {
                    Ends::At(at) => day <= at.date_naive(),
                    Ends::On(last) => day <= last,
                    Ends::Never | Ends::After(_) => true,
                };
                if within {
                    days.insert(day);
                }
                within
            });
            days.into_iter()
                .filter(|day| !series.excluded.contains(&OriginalStart::Date(*day)))
                .map(|day| (OriginalStart::Date(day), Span::AllDay { start: day, end: day + (end - start) }))
                .collect()
        }
        Span::Timed { start, end } => {
            let wall = start.with_timezone(&zone).naive_local();
            let elapsed = end - start;
            let mut on_the_clock = end.with_timezone(&zone).naive_local() - wall;
            if on_the_clock <= TimeDelta::zero() {
                on_the_clock = elapsed;
            }
            let mut starts: BTreeSet<DateTime<Utc>> = BTreeSet::from([start]);
            walk(&series.rule, wall.date(), until, |day| {
                let own = day.and_time(wall.time());
                let at = if own == wall { start } else { instant(own, zone) };
                let within = match series.rule.ends {
                    Ends::At(last) => at <= last,
                    Ends::On(last) => at < instant(midnight(last + Days::new(1)), zone),
                    Ends::Never | Ends::After(_) => true,
                };
                if within {
                    starts.insert(at);
                }
                within
            });
            starts
                .into_iter()
                .filter(|at| !series.excluded.contains(&OriginalStart::Instant(*at)))
                .map(|at| {
                    // An occurrence ends at the same time on the wall clock as the first.
                    let ends = instant(at.with_timezone(&zone).naive_local() + on_the_clock, zone);
                    let ends = if at == start || ends <= at { at + elapsed } else { ends };
                    (OriginalStart::Instant(at), Span::Timed { start: at, end: ends })
                })
                .collect()
        }
    }
}

/// Calls for each day that the rule names, as long as the call says to go on.
fn walk(rule: &Rule, start: NaiveDate, until: NaiveDate, mut each: impl FnMut(NaiveDate) -> bool) {
    let mut left = match rule.ends {
        Ends::After(count) => count,
        _ => u32::MAX,
    };
    for day in start.iter_days().take_while(|day| *day <= until) {
        if left == 0 {
            return;
        }
        if names(rule, start, day) {
            left -= 1;
            if !each(day) {
                return;
            }
        }
    }
}

fn names(rule: &Rule, start: NaiveDate, day: NaiveDate) -> bool {
    let months =
        || i64::from((day.year() - start.year()) * 12) + i64::from(day.month()) - i64::from(start.month());
    match &rule.every {
        Every::Day => (day - start).num_days() % rule.interval == 0,
        Every::Week(days) => {
            let monday = |day: NaiveDate| day - Days::new(day.weekday().num_days_from_monday().into());
            let weeks = (monday(day) - monday(start)).num_days() / 7;
            let named = if days.is_empty() {
                day.weekday() == start.weekday()
            } else {
                days.contains(&day.weekday())
            };
            named && weeks % rule.interval == 0
        }
        Every::MonthOnDay => day.day() == start.day() && months() % rule.interval == 0,
        Every::MonthOnNth(nth, weekday) => {
            let from_front = (day.day() - 1) / 7 + 1;
            let last = day.num_days_in_month();
            let from_end = (u32::from(last) - day.day()) / 7 + 1;
            let which = if *nth > 0 { from_front } else { from_end };
            day.weekday() == *weekday
                && which == u32::from(nth.unsigned_abs())
                && months() % rule.interval == 0
        }
    }
}
