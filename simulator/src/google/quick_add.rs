//! `events.quickAdd`: an event from a line of text. Google reads far more than this does: a day (`today`,
//! `tomorrow`, a weekday, `June 3rd`, `3 June`, `2027-06-03`) and a time or two (`10am`, `at 10:30`,
//! `10am-10:25am`, `from 3pm to 4pm`), in English.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Timelike, Utc, Weekday};
use chrono_tz::Tz;
use serde_json::{Value, json};

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// The event as a client would send it. What is neither day nor time is its title. Without a time it lasts all
/// day; with one and no end, an hour; with neither day nor time it begins with the next hour.
pub(super) fn event(text: &str, now: DateTime<Utc>, tz: Tz) -> Value {
    let here = now.with_timezone(&tz).naive_local();
    let words: Vec<&str> = text.split_whitespace().collect();
    let (mut day, mut start, mut end) = (None, None, None);
    let mut title: Vec<&str> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let word = words[at];
        let next = words.get(at + 1).copied().unwrap_or_default();
        let taken = if day.is_none()
            && let Some((found, taken)) = read_day(word, next, here.date())
        {
            day = Some(found);
            taken
        } else if start.is_none()
            && let Some((from, to)) = read_times(word)
        {
            (start, end) = (Some(from), to);
            1
        } else if start.is_some()
            && end.is_none()
            && word == "to"
            && let Some((to, None)) = read_times(next)
        {
            end = Some(to);
            2
        } else {
            title.push(word);
            at += 1;
            continue;
        };
        // The word that led to it belongs to it.
        if title.last().is_some_and(|last| ["on", "at", "from"].contains(&last.to_ascii_lowercase().as_str()))
        {
            title.pop();
        }
        at += taken;
    }
    let summary = title.join(" ");
    let zone = tz.name();
    let span = |day: NaiveDate, from: NaiveTime, to: Option<NaiveTime>| {
        let from = day.and_time(from);
        let to = match to.map(|to| day.and_time(to)) {
            Some(to) if to > from => to,
            // Past midnight.
            Some(to) => to + TimeDelta::days(1),
            None => from + TimeDelta::hours(1),
        };
        json!({
            "summary": summary,
            "start": {"dateTime": from.format("%Y-%m-%dT%H:%M:%S").to_string(), "timeZone": zone},
            "end": {"dateTime": to.format("%Y-%m-%dT%H:%M:%S").to_string(), "timeZone": zone},
        })
    };
    match (day, start) {
        (Some(day), None) => json!({
            "summary": summary,
            "start": {"date": day.to_string()},
            "end": {"date": (day + TimeDelta::days(1)).to_string()},
        }),
        (Some(day), Some(start)) => span(day, start, end),
        (None, Some(start)) => {
            let day = if start > here.time() { here.date() } else { here.date() + TimeDelta::days(1) };
            span(day, start, end)
        }
        (None, None) => {
            let next = here + TimeDelta::hours(1);
            span(next.date(), NaiveTime::from_hms_opt(next.hour(), 0, 0).unwrap_or_default(), None)
        }
    }
}

/// A day, and how many words name it.
fn read_day(word: &str, next: &str, today: NaiveDate) -> Option<(NaiveDate, usize)> {
    let plain = |word: &str| word.trim_end_matches([',', '.', ';']).to_ascii_lowercase();
    let (word, next) = (plain(word), plain(next));
    match word.as_str() {
        "today" => return Some((today, 1)),
        "tomorrow" => return Some((today + TimeDelta::days(1), 1)),
        _ => {}
    }
    if let Ok(day) = word.parse::<NaiveDate>() {
        return ((2000..2200).contains(&day.year())).then_some((day, 1));
    }
    if word.len() >= 6
        && word.ends_with("day")
        && let Ok(weekday) = word.parse::<Weekday>()
    {
        let ahead = weekday.days_since(today.weekday());
        return Some((today + TimeDelta::days(if ahead == 0 { 7 } else { ahead.into() }), 1));
    }
    let (month, day) = match (read_month(&word), read_month(&next)) {
        (Some(month), _) => (month, read_number(&next)?),
        (None, Some(month)) => (month, read_number(&word)?),
        (None, None) => return None,
    };
    let this_year = NaiveDate::from_ymd_opt(today.year(), month, day);
    let found = this_year
        .filter(|day| *day >= today)
        .or_else(|| NaiveDate::from_ymd_opt(today.year() + 1, month, day))?;
    Some((found, 2))
}

fn read_month(word: &str) -> Option<u32> {
    let short = word.get(..3)?;
    let known = word.len() == 3 || word.parse::<chrono::Month>().is_ok();
    let at = MONTHS.iter().position(|month| *month == short && known)?;
    u32::try_from(at + 1).ok()
}

/// `3`, `3rd`
fn read_number(word: &str) -> Option<u32> {
    word.trim_end_matches(char::is_alphabetic).parse().ok()
}

/// A time, or two with a dash between them.
fn read_times(word: &str) -> Option<(NaiveTime, Option<NaiveTime>)> {
    let word = word.trim_end_matches([',', '.', ';']).to_ascii_lowercase();
    match word.split_once(['-', '–']) {
        Some((from, to)) => Some((read_time(from)?, Some(read_time(to)?))),
        None => Some((read_time(&word)?, None)),
    }
}

/// `10am`, `10:25pm`, `22:25`; a bare number is no time.
fn read_time(word: &str) -> Option<NaiveTime> {
    let (clock, half) = match (word.strip_suffix("am"), word.strip_suffix("pm")) {
        (Some(clock), _) => (clock, Some(0)),
        (_, Some(clock)) => (clock, Some(12)),
        _ => (word, None),
    };
    let (hour, minute): (u32, u32) = match clock.split_once(':') {
        Some((hour, minute)) if minute.len() == 2 => (hour.parse().ok()?, minute.parse().ok()?),
        None if half.is_some() => (clock.parse().ok()?, 0),
        _ => return None,
    };
    let hour = match half {
        Some(half) if (1..=12).contains(&hour) => hour % 12 + half,
        Some(_) => return None,
        None => hour,
    };
    NaiveTime::from_hms_opt(hour, minute, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, String, String) {
        let now = "2027-03-19T08:00:00Z".parse().unwrap();
        let event = event(text, now, chrono_tz::Europe::Paris);
        let time = |name: &str| {
            let time = &event[name];
            time["dateTime"].as_str().or(time["date"].as_str()).unwrap().to_owned()
        };
        (event["summary"].as_str().unwrap().to_owned(), time("start"), time("end"))
    }

    #[test]
    fn days_and_times_are_read_and_the_rest_is_the_title() {
        for (text, title, start, end) in [
            (
                "Appointment at Somewhere on June 3rd 10am-10:25am",
                "Appointment at Somewhere",
                "2027-06-03T10:00:00",
                "2027-06-03T10:25:00",
            ),
            ("Lunch tomorrow at 12:30", "Lunch", "2027-03-20T12:30:00", "2027-03-20T13:30:00"),
            ("Party on Saturday from 10pm to 2am", "Party", "2027-03-20T22:00:00", "2027-03-21T02:00:00"),
            ("Holiday 14 July", "Holiday", "2027-07-14", "2027-07-15"),
            ("Holiday Jan 2", "Holiday", "2028-01-02", "2028-01-03"),
            ("Call 8am", "Call", "2027-03-20T08:00:00", "2027-03-20T09:00:00"),
            ("Call the 3 bears", "Call the 3 bears", "2027-03-19T10:00:00", "2027-03-19T11:00:00"),
            ("Sunday lunch", "lunch", "2027-03-21", "2027-03-22"),
            ("Monday", "", "2027-03-22", "2027-03-23"),
            ("", "", "2027-03-19T10:00:00", "2027-03-19T11:00:00"),
        ] {
            let expected = (title.to_owned(), start.to_owned(), end.to_owned());
            assert_eq!(read(text), expected, "{text}");
        }
        for odd in ["99:99", "13pm", "May", "may 99", "é", "2027-99-99", "ma\u{301}y 3"] {
            let _ = read(odd);
        }
    }
}
