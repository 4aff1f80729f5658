//! The demo accounts, relative to the clock's today in Paris.

use chrono::{Datelike, Days, NaiveDate, Weekday};
use serde_json::{Value, json};

use crate::control::add_outlook_account;
use crate::google::edits::{Edit, apply};
use crate::google::model::Role;
use crate::google::times::localize;
use crate::microsoft::weekly_on as weekly_at_outlook;
use crate::simulator::World;

const ZONE: &str = "Europe/Paris";
const OUTLOOK_ZONE: &str = "Romance Standard Time";
pub(crate) const CAMILLE: &str = "camille.moreau@gmail.test";
pub(crate) const CAMILLE_PRO: &str = "camille.pro@gmail.test";
/// At work, with an organization of its own.
pub(crate) const CAMILLE_WORK: &str = "camille@maison-moreau.test";
pub(crate) const CAMILLE_OUTLOOK: &str = "camille.moreau@outlook.test";
const FAMILY: &str = "famille3h1bqn0pmn2qmvc7m0b6ip@group.calendar.google.com";
const HOLIDAYS: &str = "fr.french#holiday@group.v.calendar.google.com";
const STUDIO: &str = "studio7k2bqn0pmn2qmvc7m0b6ip2q@group.calendar.google.com";

pub(crate) fn load(world: &mut World) {
    let now = world.now();
    let today = now.with_timezone(&chrono_tz::Europe::Paris).date_naive();
    {
        let World { rng, google, .. } = world;
        google.add_account(now, rng, CAMILLE, "Camille Moreau", ZONE);
        google.add_account(now, rng, CAMILLE_PRO, "Camille Moreau (pro)", ZONE);
        google.add_calendar(now, FAMILY, "Famille", ZONE, Some(CAMILLE));
        google.add_calendar(now, HOLIDAYS, "Jours fériés en France", ZONE, None);
        google.add_calendar(now, STUDIO, "Studio partagé", ZONE, None);
        google.list_calendar(now, CAMILLE, FAMILY, Role::Owner, 11);
        // Written as its owner, read by Camille.
        google.list_calendar(now, CAMILLE, HOLIDAYS, Role::Owner, 8);
        google.list_calendar(now, CAMILLE_PRO, STUDIO, Role::Owner, 3);
    }
    let next = |weekday: Weekday| next(today, weekday);
    let this_week = today.week(Weekday::Mon).first_day();
    let in_two_weeks = this_week + Days::new(14);

    for event in [
        weekly("Yoga", next_or_today(today, Weekday::Tue) - Days::new(28), (18, 0), (19, 0)),
        timed("Dentiste", next(Weekday::Thu), (15, 0), (16, 0)),
        all_day("Vacances", in_two_weeks, 5),
        with(timed("Café avec Inès ?", next(Weekday::Fri), (10, 0), (11, 0)), json!({"status": "tentative"})),
        with(
            timed("Courses (si j’ai le temps)", next(Weekday::Wed), (12, 30), (13, 30)),
            json!({"transparency": "transparent"}),
        ),
        with(
            all_day("Maison", next(Weekday::Mon), 1),
            json!({
                "eventType": "workingLocation",
                "visibility": "public",
                "transparency": "transparent",
                "workingLocationProperties": {"type": "homeOffice", "homeOffice": {}},
            }),
        ),
        with(
            all_day("Anniversaire de Léa", next(Weekday::Sat), 1),
            json!({
                "eventType": "birthday",
                "visibility": "private",
                "transparency": "transparent",
                "recurrence": ["RRULE:FREQ=YEARLY"],
                "birthdayProperties": {"type": "birthday"},
            }),
        ),
    ] {
        add(world, CAMILLE, "primary", event);
    }
    for event in [
        weekly("Déjeuner chez mamie", next_or_today(today, Weekday::Sun) - Days::new(28), (12, 30), (15, 0)),
        timed("Réunion parents-profs", next(Weekday::Mon), (17, 30), (18, 30)),
        all_day("Week-end à la mer", next(Weekday::Sat) + Days::new(7), 2),
    ] {
        add(world, CAMILLE, FAMILY, event);
    }
    for year in today.year()..=today.year() + 1 {
        for (day, name) in french_holidays(year) {
            let event = with(
                all_day(name, day, 1),
                json!({"transparency": "transparent", "visibility": "public", "description": "Jour férié"}),
            );
            add(world, CAMILLE, HOLIDAYS, event);
        }
    }
    world.google.list_calendar(now, CAMILLE, HOLIDAYS, Role::Reader, 8);

    add(
        world,
        CAMILLE_PRO,
        "primary",
        timed("Formation massage suédois", next(Weekday::Tue), (9, 0), (12, 0)),
    );
    add(world, CAMILLE_PRO, "primary", timed("Comptable", next(Weekday::Fri), (14, 0), (15, 30)));
    add(world, CAMILLE_PRO, STUDIO, weekly("Cours de Sophie", next(Weekday::Wed), (9, 0), (11, 0)));
    world.google.list_calendar(now, CAMILLE_PRO, STUDIO, Role::FreeBusyReader, 3);
    load_outlook(world, today);
}

fn load_outlook(world: &mut World, today: NaiveDate) {
    let next = |weekday: Weekday| next(today, weekday);
    let work = json!({
        "platform": "outlook",
        "email": CAMILLE_WORK,
        "name": "Camille Moreau",
        "zone": ZONE,
        "events": [
            at_outlook("Point d’équipe", next_or_today(today, Weekday::Mon) - Days::new(28), (9, 30), (10, 0), true),
            at_outlook("Entretien annuel", next(Weekday::Thu), (11, 0), (12, 0), false),
            with(
                at_outlook("Déjeuner avec Sophie", next(Weekday::Wed), (12, 30), (14, 0), false),
                json!({"showAs": "tentative"}),
            ),
            with(
                at_outlook("Veille (si j’ai le temps)", next(Weekday::Fri), (16, 0), (17, 0), false),
                json!({"showAs": "free"}),
            ),
            day_at_outlook("Salon du bien-être", next(Weekday::Tue) + Days::new(7), 2),
        ],
        "calendars": [{
            "name": "Salle de soin",
            "color": "lightTeal",
            "events": [at_outlook("Ménage", next_or_today(today, Weekday::Fri) - Days::new(28), (18, 0), (19, 0), true)],
        }],
    });
    let personal = json!({
        "platform": "outlook",
        "email": CAMILLE_OUTLOOK,
        "name": "Camille Moreau",
        "zone": ZONE,
        "personal": true,
        "events": [
            at_outlook("Chorale", next_or_today(today, Weekday::Thu) - Days::new(28), (20, 0), (22, 0), true),
            at_outlook("Vétérinaire", next(Weekday::Sat), (10, 0), (10, 30), false),
        ],
    });
    for account in [work, personal] {
        if let Err(error) = add_outlook_account(world, account) {
            tracing::error!(error = error.message(), "an Outlook account of the demo was refused");
        }
    }
}

fn at_outlook(subject: &str, day: NaiveDate, from: (u32, u32), to: (u32, u32), weekly: bool) -> Value {
    let time = |(hour, minute): (u32, u32)| {
        let wall = day.and_hms_opt(hour, minute, 0).unwrap_or_default();
        json!({"dateTime": wall.format("%Y-%m-%dT%H:%M:%S").to_string(), "timeZone": OUTLOOK_ZONE})
    };
    let mut event = json!({"subject": subject, "start": time(from), "end": time(to)});
    if weekly {
        event["recurrence"] = weekly_at_outlook(day);
    }
    event
}

fn day_at_outlook(subject: &str, first: NaiveDate, days: u64) -> Value {
    let midnight = |day: NaiveDate| json!({"dateTime": format!("{day}T00:00:00"), "timeZone": OUTLOOK_ZONE});
    json!({"subject": subject, "isAllDay": true, "start": midnight(first), "end": midnight(first + Days::new(days))})
}

/// The demo's own events are ones that the simulator takes.
fn add(world: &mut World, account: &str, calendar: &str, event: Value) {
    let edit =
        Edit::AddEvent { account: account.to_owned(), calendar: calendar.to_owned(), event, unchecked: true };
    if let Err(error) = apply(world, edit) {
        tracing::error!(error = error.message(), "an event of the demo was refused");
    }
}

/// The first such weekday after the day.
fn next(day: NaiveDate, weekday: Weekday) -> NaiveDate {
    next_or_today(day + Days::new(1), weekday)
}

fn next_or_today(day: NaiveDate, weekday: Weekday) -> NaiveDate {
    day + Days::new(u64::from(weekday.days_since(day.weekday())))
}

fn time(day: NaiveDate, (hour, minute): (u32, u32)) -> Value {
    let wall = day.and_hms_opt(hour, minute, 0).unwrap_or_default();
    json!({"dateTime": localize(wall, chrono_tz::Europe::Paris).to_rfc3339(), "timeZone": ZONE})
}

fn timed(summary: &str, day: NaiveDate, from: (u32, u32), to: (u32, u32)) -> Value {
    json!({"summary": summary, "start": time(day, from), "end": time(day, to)})
}

fn weekly(summary: &str, first: NaiveDate, from: (u32, u32), to: (u32, u32)) -> Value {
    let day = first.weekday().to_string().to_uppercase();
    let rule = format!("RRULE:FREQ=WEEKLY;BYDAY={}", &day[..2]);
    with(timed(summary, first, from, to), json!({"recurrence": [rule]}))
}

fn all_day(summary: &str, first: NaiveDate, days: u64) -> Value {
    let end = first + Days::new(days);
    json!({"summary": summary, "start": {"date": first.to_string()}, "end": {"date": end.to_string()}})
}

fn with(mut event: Value, more: Value) -> Value {
    if let Value::Object(more) = more {
        for (name, value) in more {
            event[name] = value;
        }
    }
    event
}

fn french_holidays(year: i32) -> Vec<(NaiveDate, &'static str)> {
    let day = |month, day| NaiveDate::from_ymd_opt(year, month, day);
    let easter = easter(year);
    let after_easter = |days| easter.map(|easter| easter + Days::new(days));
    [
        (day(1, 1), "Jour de l’an"),
        (after_easter(1), "Lundi de Pâques"),
        (day(5, 1), "Fête du Travail"),
        (day(5, 8), "Victoire 1945"),
        (after_easter(39), "Ascension"),
        (after_easter(50), "Lundi de Pentecôte"),
        (day(7, 14), "Fête nationale"),
        (day(8, 15), "Assomption"),
        (day(11, 1), "Toussaint"),
        (day(11, 11), "Armistice 1918"),
        (day(12, 25), "Noël"),
    ]
    .into_iter()
    .filter_map(|(day, name)| Some((day?, name)))
    .collect()
}

/// The Gregorian computus (Meeus, Jones, Butcher).
fn easter(year: i32) -> Option<NaiveDate> {
    let a = year % 19;
    let (b, c) = (year / 100, year % 100);
    let (d, e) = (b / 4, b % 4);
    let f = (b + 8) / 25;
    let g = (b - f + 1) / 3;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let month = (h + l - 7 * m + 114) / 31;
    let day = (h + l - 7 * m + 114) % 31 + 1;
    NaiveDate::from_ymd_opt(year, u32::try_from(month).ok()?, u32::try_from(day).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn easter_falls_where_the_almanac_says() {
        for (year, month, day) in [(2024, 3, 31), (2025, 4, 20), (2026, 4, 5), (2027, 3, 28), (2038, 4, 25)] {
            assert_eq!(easter(year), NaiveDate::from_ymd_opt(year, month, day));
        }
    }
}
