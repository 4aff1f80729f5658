//! Dates, times and numbers as the reader's language writes them.
//!
//! Instants come in UTC and are shown in the zone that is given with them.

use crate::texts::{Lang, text};
use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;
use simone_booking::Interval;

const FRENCH_DAYS: [&str; 7] = ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"];
const ENGLISH_DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const FRENCH_MONTHS: [&str; 12] = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
];
const ENGLISH_MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// `18:00` on the wall of `zone`.
pub fn time(at: DateTime<Utc>, zone: Tz) -> String {
    let wall = at.with_timezone(&zone);
    format!("{}:{:02}", wall.hour(), wall.minute())
}

/// `18:00 – 19:00` on the wall of `zone`, never broken over two lines.
pub fn span(interval: Interval, zone: Tz) -> String {
    format!("{}\u{a0}–\u{a0}{}", time(interval.start, zone), time(interval.end, zone))
}

/// `mardi 13 janvier`, `Tuesday 13 January`. With the year when it is not `today`'s.
pub fn date(lang: Lang, date: NaiveDate, today: NaiveDate) -> String {
    let day = weekday(lang, date);
    format!("{day} {}", day_and_month(lang, date, today))
}

/// `13 janvier`, `1er mars 2027`.
pub fn day_and_month(lang: Lang, date: NaiveDate, today: NaiveDate) -> String {
    let month = month(lang, date);
    let day = day_number(lang, date);
    if date.year() == today.year() {
        format!("{day} {month}")
    } else {
        format!("{day} {month} {}", date.year())
    }
}

/// The seven days from `first` on: `12 – 18 janvier`, `29 juin – 5 juillet`.
pub fn week(lang: Lang, first: NaiveDate, today: NaiveDate) -> String {
    let last = first + TimeDelta::days(6);
    let end = day_and_month(lang, last, today);
    if first.year() != last.year() {
        format!("{} {} {} – {}", day_number(lang, first), month(lang, first), first.year(), full(lang, last))
    } else if first.month() == last.month() {
        format!("{} – {end}", day_number(lang, first))
    } else {
        format!("{} {} – {end}", day_number(lang, first), month(lang, first))
    }
}

fn full(lang: Lang, date: NaiveDate) -> String {
    format!("{} {} {}", day_number(lang, date), month(lang, date), date.year())
}

/// `lundi`, `Monday`.
pub fn weekday(lang: Lang, date: NaiveDate) -> &'static str {
    let index = date.weekday().num_days_from_monday() as usize;
    match lang {
        Lang::fr => FRENCH_DAYS[index],
        Lang::en => ENGLISH_DAYS[index],
    }
}

/// `lun.`, `Mon`.
pub fn short_weekday(lang: Lang, date: NaiveDate) -> String {
    let short: String = weekday(lang, date).chars().take(3).collect();
    match lang {
        Lang::fr => format!("{short}."),
        Lang::en => short,
    }
}

fn month(lang: Lang, date: NaiveDate) -> &'static str {
    match lang {
        Lang::fr => FRENCH_MONTHS[date.month0() as usize],
        Lang::en => ENGLISH_MONTHS[date.month0() as usize],
    }
}

fn day_number(lang: Lang, date: NaiveDate) -> String {
    match (lang, date.day()) {
        (Lang::fr, 1) => "1er".to_owned(),
        (_, day) => day.to_string(),
    }
}

/// With a capital first letter.
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// What someone wrote elsewhere, as one short line: without control characters, and without the marks that reorder the
/// text around them.
pub fn foreign(text: &str) -> String {
    const LONGEST: usize = 120;
    let reorders = |letter: &char| matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    // A hostile one may be long: no more of it is looked at than can be shown.
    let line: String = text.chars().take(8 * LONGEST).filter(|letter| !reorders(letter)).map(plain).collect();
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= LONGEST {
        return line;
    }
    let short: String = line.chars().take(LONGEST).collect();
    format!("{}…", short.trim_end())
}

/// How long ago: `à l’instant`, `il y a 2 min`, `il y a 3 h`, `hier, 18:42`, `13 janvier, 18:42`.
pub fn ago(lang: Lang, at: DateTime<Utc>, now: DateTime<Utc>, zone: Tz) -> String {
    let minutes = (now - at).num_minutes();
    match minutes {
        ..1 => text!(lang, time.just_now),
        1..60 => text!(lang, time.minutes_ago, n = minutes),
        60..360 => text!(lang, time.hours_ago, n = minutes / 60),
        _ => moment(lang, at, now, zone),
    }
}

/// When: `18:42` today, `hier, 18:42`, `13 janvier, 18:42`.
pub fn moment(lang: Lang, at: DateTime<Utc>, now: DateTime<Utc>, zone: Tz) -> String {
    let (day, today) = (at.with_timezone(&zone).date_naive(), now.with_timezone(&zone).date_naive());
    let time = time(at, zone);
    if day == today {
        time
    } else if Some(day) == today.pred_opt() {
        text!(lang, time.yesterday, time = time)
    } else {
        text!(lang, time.at, day = day_and_month(lang, day, today), time = time)
    }
}

/// How far ahead: `d’un instant à l’autre`, `dans 3 min`, `dans 2 h`, `13 janvier, 18:42`.
pub fn ahead(lang: Lang, at: DateTime<Utc>, now: DateTime<Utc>, zone: Tz) -> String {
    // A round that is 59.9 seconds away is a minute away.
    let minutes = (at - now + TimeDelta::seconds(30)).num_minutes();
    match minutes {
        ..1 => text!(lang, time.soon),
        1..60 => text!(lang, time.in_minutes, n = minutes),
        60..360 => text!(lang, time.in_hours, n = minutes / 60),
        _ => moment(lang, at, now, zone),
    }
}

/// `0,8 s`, `12 s`, `3 min`.
pub fn duration(lang: Lang, millis: i64) -> String {
    let millis = millis.max(0);
    match millis {
        ..9_950 => {
            let tenths = ((millis + 50) / 100).max(1);
            let comma = match lang {
                Lang::fr => ',',
                Lang::en => '.',
            };
            format!("{}{comma}{}\u{a0}s", tenths / 10, tenths % 10)
        }
        9_950..90_000 => format!("{}\u{a0}s", (millis + 500) / 1000),
        _ => format!("{}\u{a0}min", (millis + 30_000) / 60_000),
    }
}

/// In groups of three digits: `7 500` with a space that does not break, `7,500`.
pub fn number(lang: Lang, number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let separator = match lang {
        Lang::fr => '\u{a0}',
        Lang::en => ',',
    };
    let mut text = if number < 0 { "-".to_owned() } else { String::new() };
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(separator);
        }
        text.push(digit);
    }
    text
}

/// `70 €`, `72,50 €` with spaces that do not break; `€70`, `€72.50`.
pub fn price(lang: Lang, cents: i64) -> String {
    let euros = number(lang, cents / 100);
    let rest = match cents % 100 {
        0 => String::new(),
        rest => format!("{rest:02}"),
    };
    match (lang, rest.is_empty()) {
        (Lang::fr, true) => format!("{euros}\u{a0}€"),
        (Lang::fr, false) => format!("{euros},{rest}\u{a0}€"),
        (Lang::en, true) => format!("€{euros}"),
        (Lang::en, false) => format!("€{euros}.{rest}"),
    }
}

/// The city that stands for a zone: `Paris` for `Europe/Paris`, in French `Lisbonne` for `Europe/Lisbon`.
pub fn city(lang: Lang, zone: Tz) -> String {
    let name = zone.name();
    let last = name.rsplit('/').next().unwrap_or(name).replace('_', " ");
    if lang == Lang::en {
        return last;
    }
    let french = match name {
        "Europe/London" => "Londres",
        "Europe/Lisbon" => "Lisbonne",
        "Europe/Brussels" => "Bruxelles",
        "Europe/Zurich" => "Zurich",
        "Europe/Rome" => "Rome",
        "Europe/Vienna" => "Vienne",
        "Europe/Athens" => "Athènes",
        "Europe/Copenhagen" => "Copenhague",
        "Europe/Warsaw" => "Varsovie",
        "Europe/Prague" => "Prague",
        "Europe/Bucharest" => "Bucarest",
        "Europe/Moscow" => "Moscou",
        "Europe/Kiev" | "Europe/Kyiv" => "Kiev",
        "Africa/Algiers" => "Alger",
        "Africa/Cairo" => "Le Caire",
        "America/Montreal" | "America/Toronto" if last == "Montreal" => "Montréal",
        "America/Guadeloupe" => "Guadeloupe",
        "America/Cayenne" => "Cayenne",
        "America/Sao_Paulo" => "São Paulo",
        "America/Mexico_City" => "Mexico",
        "Asia/Jerusalem" => "Jérusalem",
        "Asia/Beirut" => "Beyrouth",
        "Asia/Dubai" => "Dubaï",
        "Asia/Seoul" => "Séoul",
        "Asia/Singapore" => "Singapour",
        "Indian/Reunion" => "La Réunion",
        "Pacific/Noumea" => "Nouméa",
        "Atlantic/Canary" => "Canaries",
        _ => return last,
    };
    french.to_owned()
}

/// A text that names a city: French says `d’Athènes` and `du Caire`, not `de Athènes` and `de Le Caire`.
pub fn elided(lang: Lang, text: &str) -> String {
    if lang == Lang::en {
        return text.to_owned();
    }
    let text = text.replace(" de Le ", " du ");
    let mut result = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find("de ") {
        let (before, after) = (&rest[..at], &rest[at + 3..]);
        result += before;
        let word_starts = before.is_empty() || before.ends_with([' ', '\u{a0}', '’']);
        let vowel_follows = after.starts_with(|letter: char| "AEIOUYÀÂÉÈÊÎÔÛH".contains(letter));
        result += if word_starts && vowel_follows { "d’" } else { "de " };
        rest = after;
    }
    result + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARIS: Tz = chrono_tz::Europe::Paris;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn times_are_those_of_the_zone() {
        assert_eq!(time(at("2026-01-13T17:00:00Z"), PARIS), "18:00");
        assert_eq!(time(at("2026-07-13T07:05:00Z"), PARIS), "9:05");
    }

    #[test]
    fn dates_carry_the_year_only_when_it_is_another() {
        let today = day("2026-01-13");
        assert_eq!(date(Lang::fr, today, today), "mardi 13 janvier");
        assert_eq!(date(Lang::en, today, today), "Tuesday 13 January");
        assert_eq!(date(Lang::fr, day("2027-03-01"), today), "lundi 1er mars 2027");
    }

    #[test]
    fn weeks_name_each_month_and_year_once() {
        let today = day("2026-01-13");
        assert_eq!(week(Lang::fr, day("2026-01-12"), today), "12 – 18 janvier");
        assert_eq!(week(Lang::fr, day("2026-06-29"), today), "29 juin – 5 juillet");
        assert_eq!(week(Lang::en, day("2026-12-28"), today), "28 December 2026 – 3 January 2027");
        assert_eq!(week(Lang::fr, day("2026-08-31"), day("2025-01-01")), "31 août – 6 septembre 2026");
    }

    #[test]
    fn the_past_is_told_more_coarsely_the_older_it_is() {
        let now = at("2026-01-13T17:00:00Z");
        let ago = |text| ago(Lang::fr, at(text), now, PARIS);
        assert_eq!(ago("2026-01-13T16:59:30Z"), "à l’instant");
        assert_eq!(ago("2026-01-13T17:00:30Z"), "à l’instant", "a clock that runs ahead");
        assert_eq!(ago("2026-01-13T16:58:00Z"), "il y a 2 min");
        assert_eq!(ago("2026-01-13T14:00:00Z"), "il y a 3 h");
        assert_eq!(ago("2026-01-13T07:12:00Z"), "8:12");
        assert_eq!(ago("2026-01-12T17:42:00Z"), "hier, 18:42");
        assert_eq!(ago("2025-12-31T17:42:00Z"), "31 décembre 2025, 18:42");
    }

    #[test]
    fn yesterday_is_that_of_the_zone() {
        // Half past midnight in Paris: 23:10 UTC of the 12th is already the 13th there.
        let now = at("2026-01-13T23:30:00Z");
        assert_eq!(moment(Lang::en, at("2026-01-12T23:10:00Z"), now, PARIS), "yesterday, 0:10");
    }

    #[test]
    fn the_future_is_rounded_to_minutes() {
        let now = at("2026-01-13T17:00:00Z");
        let ahead = |text| ahead(Lang::fr, at(text), now, PARIS);
        assert_eq!(ahead("2026-01-13T17:00:10Z"), "d’un instant à l’autre");
        assert_eq!(ahead("2026-01-13T16:00:10Z"), "d’un instant à l’autre", "overdue");
        assert_eq!(ahead("2026-01-13T17:02:50Z"), "dans 3 min");
        assert_eq!(ahead("2026-01-13T19:20:00Z"), "dans 2 h");
    }

    #[test]
    fn durations() {
        assert_eq!(duration(Lang::fr, 812), "0,8\u{a0}s");
        assert_eq!(duration(Lang::en, 3), "0.1\u{a0}s");
        assert_eq!(duration(Lang::fr, 9_960), "10\u{a0}s");
        assert_eq!(duration(Lang::fr, 150_000), "3\u{a0}min");
        assert_eq!(duration(Lang::fr, -5), "0,1\u{a0}s");
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(number(Lang::fr, 0), "0");
        assert_eq!(number(Lang::fr, 750), "750");
        assert_eq!(number(Lang::fr, 7_500), "7\u{a0}500");
        assert_eq!(number(Lang::en, 1_234_567), "1,234,567");
        assert_eq!(number(Lang::en, -1_000), "-1,000");
    }

    #[test]
    fn prices() {
        assert_eq!(price(Lang::fr, 7_000), "70\u{a0}€");
        assert_eq!(price(Lang::fr, 7_205), "72,05\u{a0}€");
        assert_eq!(price(Lang::en, 0), "€0");
        assert_eq!(price(Lang::en, 123_450), "€1,234.50");
    }

    #[test]
    fn cities_speak_the_language() {
        assert_eq!(city(Lang::fr, chrono_tz::Europe::Lisbon), "Lisbonne");
        assert_eq!(city(Lang::en, chrono_tz::Europe::Lisbon), "Lisbon");
        assert_eq!(city(Lang::fr, chrono_tz::America::New_York), "New York");
        assert_eq!(city(Lang::fr, chrono_tz::UTC), "UTC");
        assert_eq!(elided(Lang::fr, "Heure de Athènes"), "Heure d’Athènes");
        assert_eq!(elided(Lang::fr, "à l’heure de Le Caire, de Paris"), "à l’heure du Caire, de Paris");
        assert_eq!(elided(Lang::fr, "à l’heure de Paris"), "à l’heure de Paris");
        assert_eq!(elided(Lang::fr, "Heure de Honolulu"), "Heure d’Honolulu");
    }

    #[test]
    fn what_others_wrote_is_one_short_line() {
        assert_eq!(foreign("  Yoga\r\n doux\u{0} "), "Yoga doux");
        assert_eq!(foreign("\u{202e}agoY\u{202c} \u{2067}x\u{2069}"), "agoY x");
        assert_eq!(foreign("يوغا"), "يوغا");
        assert_eq!(foreign(&"é".repeat(10_000)).chars().count(), 121);
        assert_eq!(foreign(&"\u{202e}".repeat(10_000)), "");
    }

    #[test]
    fn capitals() {
        assert_eq!(capital("mardi 13"), "Mardi 13");
        assert_eq!(capital("éé"), "Éé");
        assert_eq!(capital(""), "");
    }
}
