//! Expansion of series: against an independent program, at clock changes, and with hostile lines.
#![expect(clippy::unwrap_used, reason = "tests may, but the lint spares only functions marked as tests")]

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use chrono_tz::{Europe, Tz};
use proptest::prelude::*;
use serde::Deserialize;
use simone_booking::Interval;
use simone_sync::event::{Occurrence, OriginalStart, Series, Span};
use simone_sync::recurrence::{Unreadable, expand};
use std::sync::mpsc;
use std::time::Duration;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn interval(start: &str, end: &str) -> Interval {
    Interval::new(at(start), at(end))
}

fn timed(start: &str, end: &str, lines: &[&str]) -> Series {
    Series {
        first: Span::Timed { start: at(start), end: at(end) },
        zone: None,
        lines: lines.iter().map(|&line| line.to_owned()).collect(),
    }
}

fn all_day(start: &str, end: &str, lines: &[&str]) -> Series {
    Series {
        first: Span::AllDay { start: start.parse().unwrap(), end: end.parse().unwrap() },
        zone: None,
        lines: lines.iter().map(|&line| line.to_owned()).collect(),
    }
}

/// As `start/end`, for short expectations.
fn shown(occurrences: &[Occurrence]) -> Vec<String> {
    let minutes = |at: DateTime<Utc>| at.format("%m-%dT%H:%M").to_string();
    let show = |occurrence: &Occurrence| match occurrence.span {
        Span::Timed { start, end } => format!("{}/{}", minutes(start), minutes(end)),
        Span::AllDay { start, end } => format!("{start}/{end}"),
    };
    occurrences.iter().map(show).collect()
}

// ---- against an independent program (fixtures/generate.py) ----

#[derive(Deserialize)]
struct Case {
    /// None: all-day.
    zone: Option<String>,
    start: String,
    end: String,
    lines: Vec<String>,
    window: (DateTime<Utc>, DateTime<Utc>),
    /// Start, and length in minutes or days.
    occurrences: Vec<(String, u32)>,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("fixtures/recurrence.json")).unwrap()
}

#[test]
fn expands_as_an_independent_program_does() {
    let cases = cases();
    assert!(cases.len() > 900, "only {} cases", cases.len());
    let mut wrong = Vec::new();
    let mut occurrences = 0;
    for case in &cases {
        let lines: Vec<_> = case.lines.iter().map(String::as_str).collect();
        let window = Interval::new(case.window.0, case.window.1);
        let (found, expected): (Result<Vec<_>, _>, Vec<_>) = match &case.zone {
            Some(zone) => {
                let series = timed(&case.start, &case.end, &lines);
                let expected = case.occurrences.iter().map(|(start, minutes)| {
                    let start = at(start);
                    let end = start + TimeDelta::minutes((*minutes).into());
                    Occurrence {
                        original_start: OriginalStart::Instant(start),
                        span: Span::Timed { start, end },
                    }
                });
                (expand(&series, zone.parse().unwrap(), window), expected.collect())
            }
            None => {
                let series = all_day(&case.start, &case.end, &lines);
                let expected = case.occurrences.iter().map(|(start, days)| {
                    let start: NaiveDate = start.parse().unwrap();
                    let end = start + Days::new((*days).into());
                    Occurrence {
                        original_start: OriginalStart::Date(start),
                        span: Span::AllDay { start, end },
                    }
                });
                (
                    expand(&series, Tz::UTC, window).map(|found| within_dates(found, window)),
                    expected.collect(),
                )
            }
        };
        occurrences += expected.len();
        if found.as_ref() != Ok(&expected) {
            let found = found.as_deref().map(shown);
            wrong.push(format!(
                "{:?} {} {:?}\n  expected {:?}\n  found    {found:?}",
                case.zone,
                case.start,
                case.lines,
                shown(&expected)
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {} are wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(occurrences > 10_000, "only {occurrences} occurrences compared");
}

/// Those that overlap the window's dates in UTC. The others must be at most a day beside them.
fn within_dates(found: Vec<Occurrence>, window: Interval) -> Vec<Occurrence> {
    let (first, end) = (window.start.date_naive(), window.end.date_naive());
    let overlaps = |occurrence: &Occurrence, margin: u64| match occurrence.span {
        Span::AllDay { start, end: until } => {
            start < end + Days::new(margin) && until > first - Days::new(margin)
        }
        Span::Timed { .. } => false,
    };
    assert!(found.iter().all(|occurrence| overlaps(occurrence, 1)), "more than a day outside: {found:?}");
    found.into_iter().filter(|occurrence| overlaps(occurrence, 0)).collect()
}

// ---- what is agreed ----

#[test]
fn a_daily_half_past_two_goes_through_both_clock_changes() {
    let series = timed("2026-01-05T01:30:00Z", "2026-01-05T02:30:00Z", &["RRULE:FREQ=DAILY"]);
    let spring = expand(&series, Europe::Paris, interval("2026-03-28T00:00:00Z", "2026-03-31T00:00:00Z"));
    assert_eq!(
        shown(&spring.unwrap()),
        ["03-28T01:30/03-28T02:30", "03-29T01:30/03-29T02:30", "03-30T00:30/03-30T01:30"],
        "03:30 on the day that skips 02:30"
    );
    let autumn = expand(&series, Europe::Paris, interval("2026-10-24T00:00:00Z", "2026-10-27T00:00:00Z"));
    assert_eq!(
        shown(&autumn.unwrap()),
        ["10-24T00:30/10-24T01:30", "10-25T00:30/10-25T02:30", "10-26T01:30/10-26T02:30"],
        "the first 02:30 of two, until 03:30"
    );
}

#[test]
fn a_night_ends_at_the_same_wall_time() {
    let series = timed("2026-01-05T22:00:00Z", "2026-01-06T06:00:00Z", &["RRULE:FREQ=WEEKLY;BYDAY=SA"]);
    let found = expand(&series, Europe::Paris, interval("2026-03-21T00:00:00Z", "2026-03-30T00:00:00Z"));
    assert_eq!(
        shown(&found.unwrap()),
        ["03-21T22:00/03-22T06:00", "03-28T22:00/03-29T05:00"],
        "23:00 to 07:00, seven hours in the night of the change"
    );
}

#[test]
fn the_start_is_an_occurrence_beside_those_of_the_rule() {
    let window = interval("2024-05-01T00:00:00Z", "2024-08-01T00:00:00Z");
    let rule = "RRULE:FREQ=WEEKLY;COUNT=3;INTERVAL=1;BYDAY=WE";
    let series = timed("2024-05-30T18:00:00Z", "2024-05-30T19:00:00Z", &[rule]);
    assert_eq!(
        shown(&expand(&series, Europe::Berlin, window).unwrap()),
        [
            "05-30T18:00/05-30T19:00",
            "06-05T18:00/06-05T19:00",
            "06-12T18:00/06-12T19:00",
            "06-19T18:00/06-19T19:00"
        ]
    );
    let excluded = timed(
        "2024-05-30T18:00:00Z",
        "2024-05-30T19:00:00Z",
        &[rule, "EXDATE;TZID=Europe/Berlin:20240530T200000"],
    );
    assert_eq!(expand(&excluded, Europe::Berlin, window).unwrap().len(), 3);
}

#[test]
fn a_window_cuts_exactly() {
    let series = timed("2026-01-05T09:00:00Z", "2026-01-05T10:00:00Z", &["RRULE:FREQ=DAILY"]);
    let count = |start, end| expand(&series, Tz::UTC, interval(start, end)).unwrap().len();
    assert_eq!(count("2026-02-01T10:00:00Z", "2026-02-02T09:00:00Z"), 0, "touching is not overlapping");
    assert_eq!(count("2026-02-01T09:59:59Z", "2026-02-02T09:00:00Z"), 1);
    assert_eq!(count("2026-02-01T10:00:00Z", "2026-02-02T09:00:01Z"), 1);
    assert_eq!(count("2025-01-01T00:00:00Z", "2026-01-05T09:00:00Z"), 0, "not begun yet");
}

#[test]
fn an_all_day_series_reaches_a_day_further_on_each_side() {
    let series = all_day("2026-01-01", "2026-01-02", &["RRULE:FREQ=DAILY"]);
    // In Auckland the 10th begins on the 9th in UTC; in Honolulu it ends on the 11th.
    for zone in [Europe::Paris, chrono_tz::Pacific::Auckland, chrono_tz::Pacific::Honolulu] {
        let found = expand(&series, zone, interval("2026-01-10T12:00:00Z", "2026-01-10T13:00:00Z")).unwrap();
        assert_eq!(
            shown(&found),
            ["2026-01-09/2026-01-10", "2026-01-10/2026-01-11", "2026-01-11/2026-01-12"]
        );
    }
}

#[test]
fn lines_are_read_in_all_their_forms() {
    let window = interval("2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z");
    let expect = |lines: &[&str], count: usize| {
        let series = timed("2026-01-05T08:00:00Z", "2026-01-05T09:00:00Z", lines);
        assert_eq!(expand(&series, Europe::Paris, window).map(|found| found.len()), Ok(count), "{lines:?}");
    };
    expect(&[], 1);
    expect(&["RRULE:FREQ=WEEKLY;COUNT=4"], 4);
    expect(&["rrule:freq=weekly;count=4;"], 4);
    expect(&[" RRULE:FREQ=WEEKLY;COUNT=4\r\n", ""], 4);
    expect(&["RRULE:FREQ=WEEKLY;UNTIL=20260126T080000Z"], 4);
    expect(&["RRULE:FREQ=WEEKLY;UNTIL=20260126T075959Z"], 3);
    expect(&["RRULE:FREQ=WEEKLY;UNTIL=20260126T090000"], 4);
    expect(&["RRULE:FREQ=WEEKLY;UNTIL=20260126T085959"], 3);
    expect(&["RRULE:FREQ=WEEKLY;UNTIL=20260126"], 4);
    expect(&["RRULE:FREQ=WEEKLY;UNTIL=20260125"], 3);
    expect(&["RRULE:FREQ=WEEKLY;COUNT=4", "EXDATE:20260112T080000Z,20260119T090000"], 2);
    expect(&["RRULE:FREQ=WEEKLY;COUNT=4", "EXDATE;TZID=\"America/New_York\":20260112T030000"], 3);
    expect(
        &["RRULE:FREQ=WEEKLY;COUNT=4", "EXDATE;VALUE=DATE-TIME;TZID=Romance Standard Time:20260112T090000"],
        3,
    );
    expect(&["RRULE:FREQ=WEEKLY;COUNT=4", "EXDATE;TZID=\"a:b;c\":20260112T090000"], 3);
    expect(&["RRULE:FREQ=WEEKLY;COUNT=4", "EXDATE;VALUE=DATE:20260112"], 4);
    expect(&["RRULE:FREQ=WEEKLY;COUNT=4", "RRULE:FREQ=DAILY;COUNT=3"], 6);
    expect(&["RDATE:20260106T080000Z,20260106T090000,20260107T080000Z"], 3);
}

#[test]
fn the_day_of_an_until_ends_at_midnight() {
    let window = interval("2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z");
    let series = timed("2026-01-04T23:00:00Z", "2026-01-05T00:00:00Z", &["RRULE:FREQ=DAILY;UNTIL=20260106"]);
    let found = expand(&series, Europe::Paris, window).unwrap();
    assert_eq!(
        shown(&found),
        ["01-04T23:00/01-05T00:00", "01-05T23:00/01-06T00:00"],
        "00:00 of the 5th and 6th"
    );
}

#[test]
fn positions_are_counted_in_whole_weeks() {
    let window = interval("2026-01-01T00:00:00Z", "2026-01-23T00:00:00Z");
    for count in ["", ";COUNT=2"] {
        // From a Wednesday: that week's first day of the three was its Monday.
        let rule = format!("RRULE:FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=1,3{count}");
        let series = timed("2026-01-07T08:00:00Z", "2026-01-07T09:00:00Z", &[&rule]);
        let days: Vec<_> = expand(&series, Tz::UTC, window)
            .unwrap()
            .iter()
            .map(|occurrence| occurrence.original_start.to_string()[..10].to_owned())
            .collect();
        let expected = ["2026-01-07", "2026-01-09", "2026-01-12", "2026-01-16", "2026-01-19"];
        assert_eq!(
            days,
            if count.is_empty() { &expected[..] } else { &expected[..3] },
            "the start, then the rule's"
        );
    }
}

#[test]
fn a_rule_of_a_kind_that_cannot_be_expanded_is_refused() {
    let window = interval("2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z");
    let series = timed("2026-01-05T08:00:00Z", "2026-01-05T09:00:00Z", &["RRULE:FREQ=MONTHLY;BYDAY=-5MO"]);
    assert_eq!(expand(&series, Europe::Paris, window), Err(Unreadable::Unsupported));
}

#[test]
fn what_has_no_agreed_meaning_is_refused() {
    let window = interval("2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z");
    for line in [
        "RRULE",
        "RRULE:",
        "RRULE:WEEKLY",
        "RRULE:INTERVAL=2",
        "RRULE:FREQ=FORTNIGHTLY",
        "RRULE:FREQ=SECONDLY",
        "RRULE:FREQ=MINUTELY;INTERVAL=30",
        "RRULE:FREQ=DAILY;INTERVAL=0",
        "RRULE:FREQ=DAILY;INTERVAL=-1",
        "RRULE:FREQ=DAILY;INTERVAL=99999999999",
        "RRULE:FREQ=DAILY;COUNT=0",
        "RRULE:FREQ=DAILY;COUNT=2;COUNT=3",
        "RRULE:FREQ=DAILY;UNTIL=tomorrow",
        "RRULE:FREQ=DAILY;UNTIL=20260231",
        "RRULE:FREQ=DAILY;UNTIL=20260101T250000Z",
        "RRULE:FREQ=DAILY;UNTIL=+2026101",
        "RRULE:FREQ=DAILY;SKIP=FORWARD",
        "RRULE:FREQ=WEEKLY;BYDAY=XX",
        "RRULE:FREQ=WEEKLY;BYDAY=é",
        "RRULE:FREQ=WEEKLY;BYDAY=日曜",
        "RRULE:FREQ=WEEKLY;BYDAY=",
        "RRULE:FREQ=WEEKLY;BYDAY=2TU",
        "RRULE:FREQ=MONTHLY;BYDAY=MO,2TU",
        "RRULE:FREQ=MONTHLY;BYDAY=0TU",
        "RRULE:FREQ=MONTHLY;BYMONTHDAY=32",
        "RRULE:FREQ=MONTHLY;BYMONTHDAY=0",
        "RRULE:FREQ=WEEKLY;BYMONTHDAY=3",
        "RRULE:FREQ=YEARLY;BYWEEKNO=20",
        "RRULE:FREQ=MONTHLY;BYMONTH=13",
        "RRULE:FREQ=DAILY;BYSECOND=0,1,2;BYMINUTE=0,1,2,3,4;BYHOUR=1,2,3,4",
        "RRULE:FREQ=HOURLY;BYMINUTE=0,20,40",
        "RDATE;VALUE=PERIOD:20260106T080000Z/PT1H",
        "RDATE;VALUE=DATE:20260106",
        "RDATE:20260106T0800",
        "EXDATE:",
        "EXDATE;TZID:20260106T080000Z",
        "DTSTART:20260105T080000Z",
        "nonsense",
    ] {
        let series = timed("2026-01-05T08:00:00Z", "2026-01-05T09:00:00Z", &["RRULE:FREQ=WEEKLY", line]);
        let found = expand(&series, Europe::Paris, window);
        assert!(matches!(found, Err(Unreadable::Line { line: 2, .. })), "{line}: {found:?}");
    }
    for line in ["RRULE:FREQ=DAILY;BYHOUR=9", "RRULE:FREQ=HOURLY", "RDATE:20260106T090000"] {
        let found = expand(&all_day("2026-01-05", "2026-01-06", &[line]), Europe::Paris, window);
        assert!(matches!(found, Err(Unreadable::Line { line: 1, .. })), "{line}: {found:?}");
    }
}

#[test]
fn what_is_beyond_the_calendar_is_refused() {
    let window = interval("2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z");
    let expected = Err(Unreadable::OutOfRange);
    let far = Series {
        first: Span::AllDay { start: NaiveDate::MIN, end: NaiveDate::MAX },
        zone: None,
        lines: vec!["RRULE:FREQ=DAILY".to_owned()],
    };
    assert_eq!(expand(&far, Tz::UTC, window), expected);
    let far = Series {
        first: Span::Timed { start: DateTime::<Utc>::MIN_UTC, end: DateTime::<Utc>::MAX_UTC },
        ..far
    };
    assert_eq!(expand(&far, Europe::Paris, window), expected);
    let series = timed("2026-01-05T08:00:00Z", "2026-01-05T09:00:00Z", &["RRULE:FREQ=WEEKLY"]);
    let all_time = Interval::new(DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
    assert_eq!(expand(&series, Tz::UTC, all_time), expected);
}

// ---- hostile lines ----

/// Fails if an answer takes longer than any slow machine could be blamed for.
fn promptly<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(work()));
    match receiver.recv_timeout(Duration::from_secs(5)) {
        Ok(result) => result,
        Err(error) => panic!("{}: {error}", what.chars().take(100).collect::<String>()),
    }
}

#[test]
fn hostile_lines_are_answered_promptly() {
    let every = |to: u32| (0..to).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let dates: Vec<_> = (0..20_000)
        .map(|n| format!("{:04}{:02}{:02}T080000Z", 1 + n / 300, 1 + n % 12, 1 + n % 28))
        .collect();
    let single = |line: &str| vec![line.to_owned()];
    let mut hostile = vec![
        vec![format!(
            "RRULE:FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR={};BYMINUTE={}",
            every(24),
            every(60)
        )],
        vec![format!("RRULE:FREQ=DAILY;BYHOUR={};BYMINUTE=0,30", every(24))],
        vec![format!("RRULE:FREQ=DAILY;BYSECOND={}", every(100_000))],
        vec![format!("RRULE:FREQ=DAILY;X={}", "y".repeat(100_000))],
        vec!["RRULE:".to_owned() + &"FREQ=DAILY;".repeat(10_000)],
        vec!["RRULE:".to_owned() + &";".repeat(100_000)],
        vec!["RRULE:".to_owned() + &"A=;B=;C=".repeat(20_000)],
        vec!["X".repeat(100_000)],
        vec!["EXDATE".to_owned() + &";A=\"".repeat(50_000)],
        vec!["EXDATE".to_owned() + &";TZID=nowhere".repeat(10_000) + ":20260101T000000Z"],
        vec!["RRULE:FREQ=DAILY".to_owned(), format!("EXDATE:{}", dates.join(","))],
        vec![format!("RDATE;TZID=nowhere:{}", dates.join(","))],
        dates.iter().map(|date| format!("EXDATE:{date}")).collect(),
        vec!["RRULE:FREQ=YEARLY;BYDAY=53MO".to_owned(); 1_000],
        vec!["EXRULE:FREQ=HOURLY".to_owned(); 1_000],
    ];
    for line in [
        "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "RRULE:FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30",
        "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "RRULE:FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30",
        "RRULE:FREQ=HOURLY;BYHOUR=5;BYMONTH=2;BYMONTHDAY=30",
        "RRULE:FREQ=HOURLY;INTERVAL=24;BYHOUR=5",
        "RRULE:FREQ=HOURLY;INTERVAL=65535",
        "RRULE:FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO;BYMONTH=6",
        "RRULE:FREQ=YEARLY;BYYEARDAY=366;BYMONTH=3",
        "RRULE:FREQ=YEARLY;BYDAY=5MO;BYMONTH=2;BYMONTHDAY=1",
        "RRULE:FREQ=YEARLY;INTERVAL=65535",
        "RRULE:FREQ=YEARLY;INTERVAL=65535;BYMONTHDAY=-1",
        "RRULE:FREQ=MONTHLY;INTERVAL=65535;BYDAY=-1MO",
        "RRULE:FREQ=WEEKLY;INTERVAL=65535;BYMONTH=2",
        "RRULE:FREQ=DAILY;INTERVAL=65535;BYMONTH=2",
        "RRULE:FREQ=DAILY;COUNT=4294967295",
        "RRULE:FREQ=HOURLY;COUNT=4294967295",
        "RRULE:FREQ=DAILY;BYHOUR=1,2,3;COUNT=4294967295;BYSETPOS=-1",
        "RRULE:FREQ=DAILY;UNTIL=99991231T235959Z",
        "RRULE:FREQ=DAILY;UNTIL=00010101",
    ] {
        hostile.push(single(line));
    }
    let starts = [
        ("0001-01-05T08:00:00Z", "0001-01-05T09:00:00Z"),
        ("1900-01-31T08:00:00Z", "1900-01-31T09:00:00Z"),
        ("2026-01-05T08:00:00Z", "2026-01-05T09:00:00Z"),
        ("0001-01-05T08:00:00Z", "9998-01-05T09:00:00Z"),
        ("9999-12-30T08:00:00Z", "9999-12-31T09:00:00Z"),
    ];
    let windows = [
        interval("2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z"),
        interval("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
    ];
    for lines in hostile {
        for (start, end) in starts {
            for window in windows {
                let first = Span::Timed { start: at(start), end: at(end) };
                let series = Series { first, zone: None, lines: lines.clone() };
                let what = format!("{start} {window:?} {}", lines.first().map_or("", String::as_str));
                let found = promptly(&what, move || expand(&series, Europe::Paris, window));
                if let Ok(found) = found {
                    assert!(found.len() <= 10_000, "{what}");
                    assert!(
                        found.is_sorted_by(|one, next| one.original_start < next.original_start),
                        "{what}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_rule_that_never_comes_true_leaves_the_start() {
    let window = interval("2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z");
    for rule in [
        "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30,31",
        "RRULE:FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30",
    ] {
        let series = timed("2026-01-05T08:00:00Z", "2026-01-05T09:00:00Z", &[rule]);
        let found = promptly(rule, move || expand(&series, Europe::Paris, window));
        assert_eq!(shown(&found.unwrap()), ["01-05T08:00/01-05T09:00"], "{rule}");
    }
}

// ---- properties ----

/// Lines that often are good.
fn line() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("FREQ=DAILY".to_owned()),
        Just("FREQ=WEEKLY".to_owned()),
        Just("FREQ=MONTHLY".to_owned()),
        Just("FREQ=YEARLY".to_owned()),
        Just("FREQ=HOURLY".to_owned()),
        (1..40_u32).prop_map(|n| format!("INTERVAL={n}")),
        (1..500_u32).prop_map(|n| format!("COUNT={n}")),
        (1..=28, 1..=12).prop_map(|(day, month)| format!("UNTIL=2026{month:02}{day:02}T020000Z")),
        proptest::sample::subsequence(vec!["MO", "TU", "FR", "SU"], 1..=4)
            .prop_map(|days| format!("BYDAY={}", days.join(","))),
        (-6..6_i32).prop_map(|nth| format!("BYDAY={nth}SU,1SU")),
        (-31..=31_i32).prop_map(|day| format!("BYMONTHDAY={day}")),
        proptest::sample::subsequence(vec!["2", "3", "10", "11"], 1..=4)
            .prop_map(|months| format!("BYMONTH={}", months.join(","))),
        (-3..3_i32).prop_map(|nth| format!("BYSETPOS={nth}")),
        (0..24_u32).prop_map(|hour| format!("BYHOUR=2,{hour}")),
        (1..53_u32).prop_map(|week| format!("BYWEEKNO={week}")),
        (1..366_u32).prop_map(|day| format!("BYYEARDAY={day}")),
        "[A-Z]{1,8}=[A-Z0-9,+-]{0,8}",
    ];
    let rule =
        (prop_oneof![Just("RRULE"), Just("RRULE"), Just("EXRULE")], proptest::collection::vec(part, 1..5));
    let date = prop_oneof![Just("RDATE"), Just("EXDATE"), Just("EXDATE;TZID=America/New_York")];
    prop_oneof![
        4 => rule.prop_map(|(name, parts)| format!("{name}:{}", parts.join(";"))),
        1 => (date, 1..=12, 1..=28, 0..24)
            .prop_map(|(name, month, day, hour)| format!("{name}:2026{month:02}{day:02}T{hour:02}3000")),
    ]
}

/// A rule that can be read, so that the properties see occurrences.
fn good_rule() -> impl Strategy<Value = String> {
    let shape = prop_oneof![
        Just("FREQ=DAILY"),
        Just("FREQ=WEEKLY;BYDAY=SA,SU"),
        Just("FREQ=MONTHLY;BYDAY=-1SU"),
        Just("FREQ=MONTHLY;BYMONTHDAY=29,-1"),
        Just("FREQ=YEARLY;BYMONTH=3,10;BYDAY=-1SU"),
        Just("FREQ=DAILY;BYHOUR=1,2,3"),
        Just("FREQ=HOURLY"),
    ];
    (shape, 1..5_u32).prop_map(|(shape, interval)| format!("RRULE:{shape};INTERVAL={interval}"))
}

fn series() -> impl Strategy<Value = Series> {
    let lines = (good_rule(), proptest::collection::vec(line(), 0..3), any::<bool>()).prop_map(
        |(good, mut more, strict)| {
            if strict {
                more.clear();
            }
            more.insert(0, good);
            more
        },
    );
    (lines, 0..4_000_i64, 0..1_440_i64, 0..4_000_i64, any::<bool>()).prop_map(
        |(lines, day, minute, length, timed)| {
            let start = at("2016-01-01T00:00:00Z") + TimeDelta::days(day) + TimeDelta::minutes(minute);
            let first = if timed {
                Span::Timed { start, end: start + TimeDelta::minutes(length) }
            } else {
                Span::AllDay {
                    start: start.date_naive(),
                    end: start.date_naive() + Days::new(length.unsigned_abs() / 1_000),
                }
            };
            Series { first, zone: None, lines }
        },
    )
}

fn zone() -> impl Strategy<Value = Tz> {
    prop_oneof![
        Just(Europe::Paris),
        Just(chrono_tz::America::New_York),
        Just(chrono_tz::Australia::Lord_Howe),
        Just(chrono_tz::America::Sao_Paulo),
        Just(chrono_tz::Pacific::Apia),
        Just(Tz::UTC),
    ]
}

/// Up to 150 days somewhere in the years around.
fn window() -> impl Strategy<Value = Interval> {
    (0..4_500_i64, 0..1_440_i64, 0..150_i64).prop_map(|(day, minute, length)| {
        let start = at("2016-01-01T00:00:00Z") + TimeDelta::days(day) + TimeDelta::minutes(minute);
        Interval::new(start, start + TimeDelta::days(length))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn occurrences_come_in_order_and_once(series in series(), zone in zone(), window in window()) {
        if let Ok(found) = expand(&series, zone, window) {
            prop_assert!(found.is_sorted_by(|one, next| one.original_start < next.original_start));
            for occurrence in found {
                prop_assert_eq!(occurrence.original_start, occurrence.span.original_start());
                if let Span::Timed { start, end } = occurrence.span {
                    prop_assert!(start <= end && start < window.end && end > window.start);
                }
            }
        }
    }

    #[test]
    fn a_small_window_is_a_cut_of_a_large_one(
        series in series(),
        zone in zone(),
        window in window(),
        before in 0..400_i64,
        after in 0..60_i64,
    ) {
        let large = Interval::new(window.start - TimeDelta::days(before), window.end + TimeDelta::days(after));
        if let (Ok(small), Ok(large)) = (expand(&series, zone, window), expand(&series, zone, large)) {
            let cut: Vec<_> = large.into_iter().filter(|occurrence| match occurrence.span {
                Span::Timed { start, end } => start < window.end && end > window.start,
                Span::AllDay { start, end } => {
                    let midnight = |date: NaiveDate| date.and_hms_opt(0, 0, 0).unwrap().and_utc();
                    let day = TimeDelta::days(1);
                    midnight(start) < window.end + day && midnight(end) > window.start - day
                }
            }).collect();
            prop_assert_eq!(small, cut);
        }
    }

    #[test]
    fn garbage_is_answered(
        lines in proptest::collection::vec(prop_oneof![line(), "\\PC{0,60}", "(RRULE|EXDATE|RDATE)[;:]\\PC{0,40}"], 0..5),
        start in any::<i64>(),
        length in any::<i32>(),
        all_day in any::<bool>(),
        zone in zone(),
        window in window(),
    ) {
        // Any instant there is.
        let start = DateTime::from_timestamp(start % 8_000_000_000_000, 0).unwrap_or_default();
        let end = start.checked_add_signed(TimeDelta::seconds(length.into())).unwrap_or(start);
        let first = if all_day {
            Span::AllDay { start: start.date_naive(), end: end.date_naive() }
        } else {
            Span::Timed { start, end }
        };
        if let Ok(found) = expand(&Series { first, zone: None, lines }, zone, window) {
            prop_assert!(found.len() <= 10_000);
        }
    }
}
