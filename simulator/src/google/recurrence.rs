//! A series' slots: its rules, dates and exceptions to them, in the series' own zone across clock changes.

use std::collections::BTreeSet;
use std::iter::Peekable;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::model::{Calendar, Event};
use super::rule::{Occurrences, Rule, compact, compact_day};
use super::times::{When, localize};

/// However far a client asks, a series has no more instances than this in one answer.
const MOST: usize = 20_000;

/// The recurrence holds a line that cannot be read.
#[derive(Debug)]
pub(crate) struct Unreadable;

/// The lines of `recurrence`, read.
#[derive(Default)]
struct Lines {
    rules: Vec<Rule>,
    without: Vec<Rule>,
    dates: BTreeSet<NaiveDateTime>,
    without_dates: BTreeSet<NaiveDateTime>,
}

impl Lines {
    fn read(recurrence: &[String], all_day: bool, tz: Tz) -> Result<Lines, Unreadable> {
        let mut lines = Lines::default();
        for line in recurrence {
            let (head, value) = line.split_once(':').ok_or(Unreadable)?;
            let mut head = head.split(';');
            let name = head.next().unwrap_or_default().to_ascii_uppercase();
            match name.as_str() {
                "RRULE" => lines.rules.push(Rule::parse(value).ok_or(Unreadable)?),
                "EXRULE" => lines.without.push(Rule::parse(value).ok_or(Unreadable)?),
                "RDATE" | "EXDATE" => {
                    let zone = head.find_map(|parameter| {
                        let (name, zone) = parameter.split_once('=')?;
                        name.eq_ignore_ascii_case("TZID").then_some(zone)
                    });
                    let own: Tz = match zone {
                        Some(zone) => zone.parse().map_err(|_| Unreadable)?,
                        None => tz,
                    };
                    for date in value.split(',').map(str::trim).filter(|date| !date.is_empty()) {
                        let wall = date_line(date, all_day, own, tz).ok_or(Unreadable)?;
                        if name == "RDATE" {
                            lines.dates.insert(wall);
                        } else {
                            lines.without_dates.insert(wall);
                        }
                    }
                }
                _ => return Err(Unreadable),
            }
        }
        Ok(lines)
    }
}

/// One value of an RDATE or EXDATE as a wall time in the series' zone.
fn date_line(text: &str, all_day: bool, own: Tz, series: Tz) -> Option<NaiveDateTime> {
    let wall = if let Some(utc) = text.strip_suffix('Z') {
        compact(utc)?.and_utc().with_timezone(&series).naive_local()
    } else if let Some(wall) = compact(text) {
        if own == series { wall } else { localize(wall, own).with_timezone(&series).naive_local() }
    } else {
        compact_day(text)?.and_hms_opt(0, 0, 0)?
    };
    if all_day { wall.date().and_hms_opt(0, 0, 0) } else { Some(wall) }
}

/// Which of a series' instances are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    /// They end after this.
    pub from: Option<DateTime<Utc>>,
    /// They start before this.
    pub to: Option<DateTime<Utc>>,
    /// At most so many that start after the instant.
    pub ahead: Option<(DateTime<Utc>, usize)>,
}

/// The original starts of a series' instances within the span, in order. Those that a stored exception moved or
/// cancelled are among them.
pub(crate) fn slots(master: &Event, calendar: &Calendar, span: Span) -> Result<Vec<When>, Unreadable> {
    let Span { from, to, ahead } = span;
    let tz = master.tz(calendar);
    let all_day = master.start.is_day();
    let day_tz = calendar.tz();
    let lines = Lines::read(&master.recurrence, all_day, tz)?;
    let start = master.start.wall(tz);
    let length = master.length();
    // An EXDATE at a skipped wall time, or written in UTC, names the instant.
    let without: BTreeSet<DateTime<Utc>> =
        lines.without_dates.iter().map(|wall| localize(*wall, tz)).collect();
    // Wall time and instants differ by less than this: enough to stop without missing any.
    let slack = TimeDelta::days(2);
    let last_wall = to.and_then(|to| to.naive_utc().checked_add_signed(slack));

    let mut excluded: Vec<_> =
        lines.without.iter().map(|rule| rule.occurrences(start, tz).peekable()).collect();

    let mut slots = Vec::new();
    let mut after = 0;
    for wall in Merged::new(&lines, start, tz) {
        if last_wall.is_some_and(|last| wall > last) || slots.len() >= MOST {
            break;
        }
        let at = localize(wall, tz);
        let mut is_excluded = without.contains(&at);
        for rule in &mut excluded {
            while rule.next_if(|other| *other < wall).is_some() {}
            is_excluded |= rule.peek() == Some(&wall);
        }
        if is_excluded {
            continue;
        }
        let slot = if all_day {
            When::Day(wall.date())
        } else {
            When::Time { at, zone: master.start.zone().map(str::to_owned) }
        };
        let begins = slot.instant(day_tz);
        let ends = slot.plus(length).instant(day_tz);
        if from.is_some_and(|from| ends <= from) || to.is_some_and(|to| begins >= to) {
            continue;
        }
        if let Some((now, most)) = ahead
            && begins > now
        {
            after += 1;
            if after > most {
                break;
            }
        }
        slots.push(slot);
    }
    // A skipped wall time can fall behind the next one.
    slots.sort_by_key(|slot| slot.instant(day_tz));
    slots.dedup();
    Ok(slots)
}

/// Whether a series has this slot.
pub(crate) fn has_slot(master: &Event, calendar: &Calendar, slot: &When) -> bool {
    // An instance without length does not end after its start: look at all that start until then.
    let to = slot.instant(calendar.tz()) + TimeDelta::seconds(1);
    slots(master, calendar, Span { to: Some(to), ..Span::default() })
        .is_ok_and(|slots| slots.iter().any(|other| same_slot(other, slot)))
}

/// The same slot, however its zone is named.
pub(crate) fn same_slot(one: &When, other: &When) -> bool {
    match (one, other) {
        (When::Day(one), When::Day(other)) => one == other,
        (When::Time { at: one, .. }, When::Time { at: other, .. }) => one == other,
        _ => false,
    }
}

/// The occurrences of all rules and the extra dates, in order, each once.
struct Merged<'a> {
    rules: Vec<Peekable<Occurrences<'a>>>,
    dates: Peekable<std::vec::IntoIter<NaiveDateTime>>,
}

impl<'a> Merged<'a> {
    fn new(lines: &'a Lines, start: NaiveDateTime, tz: Tz) -> Self {
        let mut dates: Vec<_> = lines.dates.iter().copied().collect();
        // Without a rule the start itself is the first instance (RFC 5545, 3.8.5.2).
        if lines.rules.is_empty() && !dates.contains(&start) {
            dates.push(start);
            dates.sort_unstable();
        }
        Merged {
            rules: lines.rules.iter().map(|rule| rule.occurrences(start, tz).peekable()).collect(),
            dates: dates.into_iter().peekable(),
        }
    }
}

impl Iterator for Merged<'_> {
    type Item = NaiveDateTime;

    fn next(&mut self) -> Option<NaiveDateTime> {
        let next = self
            .rules
            .iter_mut()
            .filter_map(|rule| rule.peek().copied())
            .chain(self.dates.peek().copied())
            .min()?;
        for rule in &mut self.rules {
            rule.next_if_eq(&next);
        }
        self.dates.next_if_eq(&next);
        Some(next)
    }
}
