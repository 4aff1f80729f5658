//! What people do in their calendars.

use crate::model;
use crate::support::{Dice, cover};
use crate::world::{Calendar, Ends, Every, Rule, Series, What, World, instance_id, shifted, zone_name};
use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};
use chrono_tz::Tz;
use simone_sync::event::{Marks, OriginalStart, Span};
use simone_sync::platform::Platform;

#[derive(Clone, Copy)]
enum Edit {
    AddSingle,
    AddSeries,
    AddAlone,
    Move,
    Marks,
    Touch,
    Delete,
    Restore,
    MoveOccurrence,
    CancelOccurrence,
    ResetOccurrence,
    MarkOccurrence,
    Split,
    Reschedule,
    Zone,
    Exclude,
    OtherRule,
    Readable,
    IntoSeries,
    IntoSingle,
    Elsewhere,
    Wipe,
}

/// One edit by chance; `None` when there was nothing to do it to.
pub fn edit(
    world: &mut World,
    dice: &mut Dice,
    account: usize,
    at: usize,
    now: DateTime<Utc>,
) -> Option<String> {
    let id = world.id("event");
    let kind = dice.weighted(&[
        (Edit::AddSingle, 14),
        (Edit::AddSeries, 9),
        (Edit::AddAlone, 2),
        (Edit::Move, 7),
        (Edit::Marks, 6),
        (Edit::Touch, 5),
        (Edit::Delete, 7),
        (Edit::Restore, 4),
        (Edit::MoveOccurrence, 8),
        (Edit::CancelOccurrence, 6),
        (Edit::ResetOccurrence, 3),
        (Edit::MarkOccurrence, 3),
        (Edit::Split, 6),
        (Edit::Reschedule, 4),
        (Edit::Zone, 2),
        (Edit::Exclude, 3),
        (Edit::OtherRule, 4),
        (Edit::Readable, 4),
        (Edit::IntoSeries, 2),
        (Edit::IntoSingle, 2),
        (Edit::Elsewhere, 3),
        (Edit::Wipe, 2),
    ]);
    if let Edit::Elsewhere = kind {
        return elsewhere(world, dice, account, at, now);
    }
    let calendar = &mut world.accounts[account].calendars[at];
    let done = match kind {
        Edit::AddSingle => {
            let (what, marks) = (What::Single(span(dice, now, false)), marks(dice));
            calendar.put(&id, what, marks, now);
            Some(format!("add {id}"))
        }
        Edit::AddSeries => {
            let series = series(dice, now);
            let marks = marks(dice);
            let told = format!("add {id}: {:?} in {:?} {:?}", series.first, series.zone, series.lines());
            calendar.put(&id, What::Series(series), marks, now);
            Some(told)
        }
        // Microsoft tells of it as of a single event.
        Edit::AddAlone if calendar.platform == Platform::Outlook => None,
        Edit::AddAlone => {
            let span = span(dice, now, false);
            let slot = span.original_start();
            let master = format!("{id}-elsewhere");
            let (id, marks) = (instance_id(&master, &slot), marks(dice));
            calendar.put(&id, What::Exception { master, slot, span: Some(span), alone: true }, marks, now);
            Some(format!("add {id} alone"))
        }
        Edit::Move => move_single(calendar, dice, now),
        Edit::Marks => {
            let id = some_event(calendar, dice, |what| *what != What::Gone)?;
            let event = &calendar.events[&id];
            let (what, marks) = (event.what.clone(), marks(dice));
            calendar.put(&id, what, marks, now);
            Some(format!("mark {id} {marks:?}"))
        }
        Edit::Touch => {
            let id = some_event(calendar, dice, |what| *what != What::Gone)?;
            calendar.touch(&id, now);
            Some(format!("touch {id}"))
        }
        Edit::Delete => {
            let gone_already =
                |what: &What| matches!(what, What::Gone | What::Exception { alone: false, .. });
            let id = some_event(calendar, dice, |what| !gone_already(what))?;
            delete(calendar, dice, &id, now);
            Some(format!("delete {id}"))
        }
        Edit::Restore => restore(calendar, dice, now),
        Edit::MoveOccurrence | Edit::CancelOccurrence | Edit::MarkOccurrence => {
            occurrence(calendar, dice, now, kind)
        }
        Edit::ResetOccurrence => {
            let id = some_event(calendar, dice, |what| matches!(what, What::Exception { alone: false, .. }))?;
            let What::Exception { master, slot, .. } = calendar.events[&id].what.clone() else { return None };
            let What::Series(series) = calendar.events[&master].what.clone() else { return None };
            let zone = model::series_zone(&series, calendar, Tz::UTC);
            let of = model::expand(&series, zone, now.date_naive() + Days::new(200));
            let (_, own) = of.into_iter().find(|(own, _)| *own == slot)?;
            let what = What::Exception { master: master.clone(), slot, span: Some(own), alone: false };
            let marks = calendar.events[&master].marks;
            calendar.put(&id, what, marks, now);
            Some(format!("put {id} back"))
        }
        Edit::Split => split(calendar, dice, now, &id),
        Edit::Reschedule => {
            let (id, mut series) = some_series(calendar, dice)?;
            series.first = match series.first {
                Span::Timed { .. } => shifted(&series.first, TimeDelta::minutes(dice.range(-400, 400) | 1)),
                Span::AllDay { .. } => shifted(&series.first, TimeDelta::days(dice.range(-3, 3))),
            };
            series.excluded.clear();
            change_series(calendar, &id, series, now, true);
            Some(format!("reschedule {id}"))
        }
        Edit::Zone => {
            let (id, mut series) = some_series(calendar, dice)?;
            series.zone.as_ref()?;
            series.zone = Some(if series.readable { zone_name(dice) } else { "Europe/Paris".to_owned() });
            series.excluded.clear();
            let told = format!("zone of {id}: {:?}", series.zone);
            change_series(calendar, &id, series, now, true);
            Some(told)
        }
        Edit::Exclude => {
            let (id, mut series) = some_series(calendar, dice)?;
            let (slot, _) = some_occurrence(calendar, &series, dice, now)?;
            series.excluded.push(slot);
            change_series(calendar, &id, series, now, false);
            Some(format!("exclude {slot} of {id}"))
        }
        Edit::OtherRule => {
            let (id, mut series) = some_series(calendar, dice)?;
            let all_day = matches!(series.first, Span::AllDay { .. });
            series.rule = rule(dice, now, all_day);
            series.excluded.clear();
            let told = format!("rule of {id}: {:?}", series.lines());
            change_series(calendar, &id, series, now, true);
            Some(told)
        }
        Edit::Readable => {
            let (id, mut series) = some_series(calendar, dice)?;
            if series.zone.as_ref().is_some_and(|zone| zone.parse::<Tz>().is_err()) {
                return None;
            }
            series.readable = !series.readable;
            let told = format!("rule of {id}: {:?}", series.lines());
            change_series(calendar, &id, series, now, false);
            Some(told)
        }
        Edit::IntoSeries => {
            let id = some_event(calendar, dice, |what| matches!(what, What::Single(_)))?;
            let What::Single(first) = calendar.events[&id].what else { return None };
            if calendar.events[&id].was_series {
                return None;
            }
            let mut series = series(dice, now);
            series.first = first;
            let all_day = matches!(first, Span::AllDay { .. });
            series.zone = (!all_day).then(|| "America/New_York".to_owned());
            series.rule = rule(dice, now, all_day);
            let marks = calendar.events[&id].marks;
            let told = format!("{id} becomes a series: {first:?} {:?}", series.lines());
            calendar.put(&id, What::Series(series), marks, now);
            Some(told)
        }
        Edit::IntoSingle => {
            let (id, series) = some_series(calendar, dice)?;
            for exception in calendar.exceptions(&id) {
                calendar.events.remove(&exception);
            }
            let span = shifted(
                &series.first,
                TimeDelta::days((now.date_naive() - date(&series.first)).num_days() + 3),
            );
            let marks = calendar.events[&id].marks;
            calendar.put(&id, What::Single(span), marks, now);
            Some(format!("{id} becomes a single event"))
        }
        Edit::Wipe => {
            let ids: Vec<String> = calendar.events.keys().cloned().collect();
            for id in ids {
                if !matches!(calendar.events[&id].what, What::Gone | What::Exception { alone: false, .. }) {
                    delete(calendar, dice, &id, now);
                }
            }
            Some("delete everything".to_owned())
        }
        Edit::Elsewhere => None,
    }?;
    cover(match kind {
        Edit::AddSingle => "edit: add a single event",
        Edit::AddSeries => "edit: add a series",
        Edit::AddAlone => "edit: add an occurrence without its series",
        Edit::Move => "edit: move",
        Edit::Marks => "edit: marks",
        Edit::Touch => "edit: a title",
        Edit::Delete => "edit: delete",
        Edit::Restore => "edit: restore",
        Edit::MoveOccurrence => "edit: move an occurrence",
        Edit::CancelOccurrence => "edit: cancel an occurrence",
        Edit::ResetOccurrence => "edit: put an occurrence back",
        Edit::MarkOccurrence => "edit: marks of an occurrence",
        Edit::Split => "edit: split",
        Edit::Reschedule => "edit: reschedule",
        Edit::Zone => "edit: a series' zone",
        Edit::Exclude => "edit: exclude",
        Edit::OtherRule => "edit: another rule",
        Edit::Readable => "edit: a rule that cannot be read, or can again",
        Edit::IntoSeries => "edit: into a series",
        Edit::IntoSingle => "edit: into a single event",
        Edit::Elsewhere => "edit: to another calendar",
        Edit::Wipe => "edit: delete everything",
    });
    Some(done)
}

fn some_event(calendar: &Calendar, dice: &mut Dice, fits: impl Fn(&What) -> bool) -> Option<String> {
    let fitting: Vec<&String> =
        calendar.events.values().filter(|event| fits(&event.what)).map(|event| &event.id).collect();
    (!fitting.is_empty()).then(|| (*dice.pick(&fitting)).clone())
}

fn some_series(calendar: &Calendar, dice: &mut Dice) -> Option<(String, Series)> {
    let id = some_event(calendar, dice, |what| matches!(what, What::Series(_)))?;
    let What::Series(series) = calendar.events[&id].what.clone() else { return None };
    Some((id, series))
}

/// An occurrence within the weeks to come.
fn some_occurrence(
    calendar: &Calendar,
    series: &Series,
    dice: &mut Dice,
    now: DateTime<Utc>,
) -> Option<(OriginalStart, Span)> {
    // Without a zone that is known, its days would be those of whoever looks.
    if series.zone.as_ref().is_some_and(|zone| zone.parse::<Tz>().is_err()) {
        return None;
    }
    let zone = model::series_zone(series, calendar, Tz::UTC);
    let today = now.date_naive();
    let mut occurrences = model::expand(series, zone, today + Days::new(95));
    occurrences.retain(|(_, span)| date(span) + Days::new(3) > today);
    (!occurrences.is_empty()).then(|| *dice.pick(&occurrences))
}

fn date(span: &Span) -> NaiveDate {
    match span {
        Span::Timed { start, .. } => start.date_naive(),
        Span::AllDay { start, .. } => *start,
    }
}

fn delete(calendar: &mut Calendar, dice: &mut Dice, id: &str, now: DateTime<Utc>) {
    let marks = calendar.events[id].marks;
    calendar.put(id, What::Gone, marks, now);
    for exception in calendar.exceptions(id) {
        let event = &calendar.events[&exception];
        let marks = event.marks;
        if dice.chance(50) {
            calendar.put(&exception, What::Gone, marks, now);
        } else {
            // Gone as well, but the platform does not say so.
            let changed = event.changed;
            calendar.put(&exception, What::Gone, marks, now);
            calendar.events.get_mut(&exception).expect("it was put").changed = changed;
        }
    }
}

fn restore(calendar: &mut Calendar, dice: &mut Dice, now: DateTime<Utc>) -> Option<String> {
    let gone: Vec<String> = calendar
        .events
        .values()
        .filter(|event| {
            event.what == What::Gone
                && matches!(
                    event.before,
                    Some(What::Single(_) | What::Series(_) | What::Exception { alone: true, .. })
                )
        })
        .map(|event| event.id.clone())
        .collect();
    if gone.is_empty() {
        return None;
    }
    let id = dice.pick(&gone).clone();
    // The series and its exceptions come anew together.
    for id in std::iter::once(id.clone()).chain(calendar.exceptions(&id)) {
        let event = &calendar.events[&id];
        let (before, marks) = (event.before.clone().expect("it was something"), event.marks);
        calendar.put(&id, before, marks, now);
    }
    Some(format!("restore {id}"))
}

fn move_single(calendar: &mut Calendar, dice: &mut Dice, now: DateTime<Utc>) -> Option<String> {
    let id = some_event(calendar, dice, |what| matches!(what, What::Single(_)))?;
    let to = span(dice, now, dice_all_day(calendar, &id));
    let marks = calendar.events[&id].marks;
    calendar.put(&id, What::Single(to), marks, now);
    Some(format!("move {id} to {to:?}"))
}

/// Moved events mostly keep their kind.
fn dice_all_day(calendar: &Calendar, id: &str) -> bool {
    matches!(calendar.events[id].what, What::Single(Span::AllDay { .. }))
}

fn occurrence(calendar: &mut Calendar, dice: &mut Dice, now: DateTime<Utc>, kind: Edit) -> Option<String> {
    let (master, series) = some_series(calendar, dice)?;
    let (slot, own) = some_occurrence(calendar, &series, dice, now)?;
    let id = instance_id(&master, &slot);
    let mut marks = calendar.events[&master].marks;
    let span = match kind {
        Edit::CancelOccurrence => None,
        Edit::MarkOccurrence => {
            marks = self::marks(dice);
            Some(own)
        }
        _ if dice.chance(25) => {
            // Onto another one's slot.
            some_occurrence(calendar, &series, dice, now).map(|(_, span)| span)
        }
        _ => Some(shifted(
            &own,
            TimeDelta::days(dice.range(-20, 20)) + TimeDelta::minutes(dice.range(-300, 300)),
        )),
    };
    let told = format!("occurrence {slot} of {master}: {span:?} {marks:?}");
    calendar.put(&id, What::Exception { master, slot, span, alone: false }, marks, now);
    Some(told)
}

/// "This and following" (reference sheet, 5.5).
fn split(calendar: &mut Calendar, dice: &mut Dice, now: DateTime<Utc>, fallback: &str) -> Option<String> {
    let (id, mut series) = some_series(calendar, dice)?;
    let (slot, span) = some_occurrence(calendar, &series, dice, now)?;
    if slot == series.first.original_start() {
        return None;
    }
    let mut following = series.clone();
    let suffix = match span {
        Span::Timed { start, .. } => {
            let zone = model::series_zone(&series, calendar, Tz::UTC);
            let day = start.with_timezone(&zone).date_naive();
            // The last second of the day before, local.
            let last = model::instant(day.and_time(NaiveTime::MIN), zone) - TimeDelta::seconds(1);
            series.rule.ends = Ends::At(last);
            following.first = Span::Timed {
                start: start + TimeDelta::minutes(30),
                end: span_end(&span) + TimeDelta::minutes(dice.range(30, 90)),
            };
            start.format("%Y%m%dT%H%M%S").to_string()
        }
        Span::AllDay { start, .. } => {
            series.rule.ends = Ends::On(start - Days::new(1));
            following.first = span;
            start.format("%Y%m%d").to_string()
        }
    };
    if !matches!(following.rule.ends, Ends::Never | Ends::At(_) | Ends::On(_)) {
        following.rule.ends = Ends::Never;
    }
    following.excluded.clear();
    let marks = calendar.events[&id].marks;
    let told = format!("split {id} at {slot}");
    // Later exceptions do not come over to the new series.
    let cut = |of: &OriginalStart| match (of, &slot) {
        (OriginalStart::Instant(one), OriginalStart::Instant(other)) => one >= other,
        (OriginalStart::Date(one), OriginalStart::Date(other)) => one >= other,
        _ => false,
    };
    for exception in calendar.exceptions(&id) {
        let event = &calendar.events[&exception];
        if let What::Exception { master, slot, .. } = event.what.clone()
            && cut(&slot)
        {
            let marks = event.marks;
            calendar.put(&exception, What::Exception { master, slot, span: None, alone: false }, marks, now);
        }
    }
    change_series(calendar, &id, series, now, false);
    let mut new = format!("{id}_R{suffix}");
    if calendar.events.contains_key(&new) || dice.chance(10) {
        fallback.clone_into(&mut new);
    }
    calendar.put(&new, What::Series(following), marks, now);
    let written = calendar.events[&id].written.clone();
    calendar.events.get_mut(&new).expect("it was put").written = written;
    Some(told)
}

fn span_end(span: &Span) -> DateTime<Utc> {
    match span {
        Span::Timed { end, .. } => *end,
        Span::AllDay { end, .. } => end.and_time(NaiveTime::MIN).and_utc(),
    }
}

/// A changed series brings its exceptions along; one with other slots loses what was moved.
fn change_series(calendar: &mut Calendar, id: &str, series: Series, now: DateTime<Utc>, other_slots: bool) {
    let marks = calendar.events[id].marks;
    calendar.put(id, What::Series(series), marks, now);
    for exception in calendar.exceptions(id) {
        let event = &calendar.events[&exception];
        let (mut what, marks) = (event.what.clone(), event.marks);
        if let What::Exception { span, .. } = &mut what {
            if other_slots {
                *span = None;
            }
            calendar.put(&exception, what, marks, now);
        }
    }
}

/// Dragged to another calendar: a tombstone here, the same id there.
fn elsewhere(
    world: &mut World,
    dice: &mut Dice,
    account: usize,
    at: usize,
    now: DateTime<Utc>,
) -> Option<String> {
    let calendars = &mut world.accounts[account].calendars;
    let to = dice.below(calendars.len());
    if to == at {
        return None;
    }
    let id = some_event(&calendars[at], dice, |what| matches!(what, What::Single(_) | What::Series(_)))?;
    let moved: Vec<String> = std::iter::once(id.clone()).chain(calendars[at].exceptions(&id)).collect();
    for id in &moved {
        let event = &calendars[at].events[id];
        let (what, marks) = (event.what.clone(), event.marks);
        if what != What::Gone {
            let (written, decoration) = (event.written.clone(), event.decoration);
            let created = event.created.clone();
            calendars[to].put(id, what, marks, now);
            let there = calendars[to].events.get_mut(id).expect("it was put");
            (there.written, there.decoration, there.created) = (written, decoration, created);
            there.brought_by_hand();
            calendars[at].put(id, What::Gone, marks, now);
        }
    }
    let name = calendars[to].name.clone();
    cover("edit: to another calendar");
    Some(format!("drag {id} to {name}"))
}

fn marks(dice: &mut Dice) -> Marks {
    let plain = Marks::default();
    match dice.below(16) {
        0 => Marks { free: true, ..plain },
        1 => Marks { declined: true, ..plain },
        2 => Marks { unanswered: true, ..plain },
        3 => Marks { working_location: true, free: dice.chance(50), ..plain },
        4 => Marks { birthday: true, ..plain },
        5 => Marks { tentative: true, called_off: dice.chance(40), ..plain },
        6 => Marks { free: true, declined: dice.chance(30), tentative: dice.chance(30), ..plain },
        _ => plain,
    }
}

/// Around now and the horizon's ends.
fn span(dice: &mut Dice, now: DateTime<Utc>, all_day: bool) -> Span {
    let day = now.date_naive()
        + TimeDelta::days(dice.weighted(&[((-6, 1), 3), ((0, 14), 6), ((0, 95), 4)]).around(dice));
    if all_day || dice.chance(25) {
        let days = if dice.chance(60) { 1 } else { dice.range(0, 7) };
        return Span::AllDay { start: day, end: day + TimeDelta::days(days) };
    }
    let start = if dice.chance(10) {
        // In progress.
        now - TimeDelta::minutes(dice.range(1, 50))
    } else {
        day.and_time(NaiveTime::MIN).and_utc() + TimeDelta::minutes(dice.range(0, 1439))
    };
    let start = start - TimeDelta::nanoseconds(i64::from(start.timestamp_subsec_nanos()));
    let length = match dice.below(12) {
        0 => TimeDelta::zero(),
        1..4 => TimeDelta::hours(dice.range(20, 90)),
        _ => TimeDelta::minutes(dice.range(10, 240)),
    };
    Span::Timed { start, end: start + length }
}

trait Around {
    fn around(self, dice: &mut Dice) -> i64;
}

impl Around for (i64, i64) {
    fn around(self, dice: &mut Dice) -> i64 {
        dice.range(self.0, self.1)
    }
}

fn series(dice: &mut Dice, now: DateTime<Utc>) -> Series {
    let begins = dice.weighted(&[((-300, -1), 5), ((-10, 5), 4), ((5, 100), 2)]).around(dice);
    let day = now.date_naive() + TimeDelta::days(begins);
    let readable = dice.chance(88);
    if dice.chance(25) {
        let days = if dice.chance(70) { 1 } else { dice.range(2, 4) };
        return Series {
            first: Span::AllDay { start: day, end: day + TimeDelta::days(days) },
            zone: None,
            rule: rule(dice, now, true),
            excluded: Vec::new(),
            readable,
        };
    }
    let zone = match dice.below(10) {
        _ if !readable => "America/New_York".to_owned(),
        0 => "Mars/Olympus Mons".to_owned(),
        _ => zone_name(dice),
    };
    // Wall times, with a liking for those at which clocks change.
    let minute = if dice.chance(40) { dice.range(0, 200) } else { dice.range(0, 1439) };
    let wall = day.and_time(NaiveTime::MIN) + TimeDelta::minutes(minute);
    let start = model::instant(wall, zone.parse().unwrap_or(Tz::UTC));
    let length = if dice.chance(10) { dice.range(1000, 1700) } else { dice.range(10, 600) };
    Series {
        first: Span::Timed { start, end: start + TimeDelta::minutes(length) },
        zone: Some(zone),
        rule: rule(dice, now, false),
        excluded: Vec::new(),
        readable,
    }
}

fn rule(dice: &mut Dice, now: DateTime<Utc>, all_day: bool) -> Rule {
    const WEEK: [Weekday; 7] =
        [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];
    let every = match dice.below(10) {
        0..3 => Every::Day,
        3..6 => Every::Week(Vec::new()),
        6 | 7 => {
            let mut days: Vec<Weekday> = WEEK.into_iter().filter(|_| dice.chance(40)).collect();
            dice.shuffle(&mut days);
            Every::Week(days)
        }
        8 => Every::MonthOnDay,
        _ => Every::MonthOnNth(*dice.pick(&[1, 2, 3, 4, 5, -1, -2]), *dice.pick(&WEEK)),
    };
    let interval = match every {
        Every::Day => *dice.pick(&[1, 1, 1, 2, 3, 7]),
        Every::Week(_) => dice.range(1, 3),
        Every::MonthOnDay | Every::MonthOnNth(..) => dice.range(1, 2),
    };
    let ends = match dice.below(10) {
        0 | 1 => Ends::After(u32::try_from(dice.range(1, 60)).expect("it is positive")),
        2 if !all_day => Ends::At(now + TimeDelta::minutes(dice.range(-10_000, 150_000))).whole_seconds(),
        2 | 3 => Ends::On(now.date_naive() + TimeDelta::days(dice.range(-10, 100))),
        _ => Ends::Never,
    };
    Rule { every, interval, ends }
}

impl Ends {
    fn whole_seconds(self) -> Self {
        match self {
            Self::At(at) => Self::At(at - TimeDelta::nanoseconds(i64::from(at.timestamp_subsec_nanos()))),
            other => other,
        }
    }
}
