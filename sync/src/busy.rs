//! Which events block bookings, and when.

use crate::event::{Marks, Span};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use simone_booking::Interval;
use simone_booking::horizon::start_of_day;

/// Whether an event blocks bookings, and what decided it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Blocks(Because),
    Free(Because),
}

/// What decided a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// Blocks: nothing speaks against it.
    Busy,
    /// Blocks: its organizer is not certain yet, but the time may well be taken.
    Tentative,
    /// Blocks: the provider may still accept.
    Unanswered,
    /// Blocks: marked free, but the calendar's switch "also block free events" is on.
    FreeButWanted,
    /// Blocks, to be on the safe side: of a series whose rule cannot be read.
    Unreadable,
    /// Free: the provider does not go.
    Declined,
    /// Free: its owner marked it so.
    MarkedFree,
    /// Free: tells where the provider works.
    WorkingLocation,
    /// Free: takes no time.
    Birthday,
    /// Free: it was called off, or, of a series, this occurrence was.
    Cancelled,
    /// Free: it ends when it begins.
    NoTime,
    /// Free as yet: it begins after the horizon.
    Beyond,
    /// Free: it is a booking of ours, which takes its time by itself.
    Ours,
}

impl Because {
    pub const ALL: [Self; 13] = [
        Self::Busy,
        Self::Tentative,
        Self::Unanswered,
        Self::FreeButWanted,
        Self::Unreadable,
        Self::Declined,
        Self::MarkedFree,
        Self::WorkingLocation,
        Self::Birthday,
        Self::Cancelled,
        Self::NoTime,
        Self::Beyond,
        Self::Ours,
    ];

    /// As it stands in the database and in addresses.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Tentative => "tentative",
            Self::Unanswered => "unanswered",
            Self::FreeButWanted => "free_wanted",
            Self::Unreadable => "unreadable",
            Self::Declined => "declined",
            Self::MarkedFree => "marked_free",
            Self::WorkingLocation => "working_location",
            Self::Birthday => "birthday",
            Self::Cancelled => "cancelled",
            Self::NoTime => "no_time",
            Self::Beyond => "beyond",
            Self::Ours => "ours",
        }
    }

    /// Whether a verdict for this reason blocks.
    pub const fn blocks(self) -> bool {
        matches!(
            self,
            Self::Busy | Self::Tentative | Self::Unanswered | Self::FreeButWanted | Self::Unreadable
        )
    }

    /// The reverse of [`Because::code`].
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|because| because.code() == code)
    }
}

impl Verdict {
    pub const fn blocks(self) -> bool {
        matches!(self, Self::Blocks(_))
    }

    pub const fn because(self) -> Because {
        match self {
            Self::Blocks(because) | Self::Free(because) => because,
        }
    }
}

/// Decides by an event's marks (design, section 6; trap 21). `block_free` is the calendar's switch "also
/// block free events": it overrules the owner's mark and nothing else. A declined invitation, a working
/// location and a birthday take no time whatever they are marked as, so the switch leaves them free.
///
/// A cancelled occurrence has no span, so it never comes here.
pub const fn verdict(marks: &Marks, block_free: bool) -> Verdict {
    if marks.called_off {
        Verdict::Free(Because::Cancelled)
    } else if marks.declined {
        Verdict::Free(Because::Declined)
    } else if marks.working_location {
        Verdict::Free(Because::WorkingLocation)
    } else if marks.birthday {
        Verdict::Free(Because::Birthday)
    } else if marks.free && !block_free {
        Verdict::Free(Because::MarkedFree)
    } else if marks.free {
        Verdict::Blocks(Because::FreeButWanted)
    } else if marks.unanswered {
        Verdict::Blocks(Because::Unanswered)
    } else if marks.tentative {
        Verdict::Blocks(Because::Tentative)
    } else {
        Verdict::Blocks(Because::Busy)
    }
}

/// The time that a span takes. An all-day one from 00:00 of its first day to 00:00 of its exclusive end in
/// the provider's zone: 23 or 25 hours on a day on which the clocks change. `None` if it takes none.
pub fn interval(span: &Span, provider_zone: Tz) -> Option<Interval> {
    let interval = match *span {
        Span::AllDay { start, end } => {
            Interval::new(start_of_day(dated(start), provider_zone), start_of_day(dated(end), provider_zone))
        }
        Span::Timed { start, end } => Interval::new(start, end.min(last_instant())),
    };
    (!interval.is_empty()).then_some(interval)
}

/// When a span begins. An all-day one at 00:00 of its first day in the provider's zone.
pub fn start(span: &Span, provider_zone: Tz) -> DateTime<Utc> {
    match *span {
        Span::AllDay { start, .. } => start_of_day(dated(start), provider_zone),
        Span::Timed { start, .. } => start,
    }
}

/// The end of the year 9999: later years are written with more digits, and texts of instants would no longer sort.
fn last_instant() -> DateTime<Utc> {
    dated(NaiveDate::MAX).and_time(NaiveTime::MIN).and_utc()
}

/// Within the years that have four digits: the arithmetic of instants ends somewhere beyond.
fn dated(date: NaiveDate) -> NaiveDate {
    let bound = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).expect("a date of the calendar");
    date.clamp(bound(1, 1, 1), bound(9999, 12, 31))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::{America, Australia, Europe, Pacific};

    const PLAIN: Marks = Marks {
        free: false,
        declined: false,
        unanswered: false,
        working_location: false,
        birthday: false,
        tentative: false,
        called_off: false,
    };

    #[test]
    fn decides_by_each_mark() {
        use Because::*;
        use Verdict::*;
        for (marks, usual, with_free) in [
            (PLAIN, Blocks(Busy), Blocks(Busy)),
            (Marks { tentative: true, ..PLAIN }, Blocks(Tentative), Blocks(Tentative)),
            (Marks { unanswered: true, ..PLAIN }, Blocks(Unanswered), Blocks(Unanswered)),
            (Marks { free: true, ..PLAIN }, Free(MarkedFree), Blocks(FreeButWanted)),
            (Marks { declined: true, ..PLAIN }, Free(Declined), Free(Declined)),
            (Marks { working_location: true, ..PLAIN }, Free(WorkingLocation), Free(WorkingLocation)),
            (Marks { birthday: true, ..PLAIN }, Free(Birthday), Free(Birthday)),
            (Marks { called_off: true, ..PLAIN }, Free(Cancelled), Free(Cancelled)),
        ] {
            assert_eq!(verdict(&marks, false), usual, "{marks:?}");
            assert_eq!(verdict(&marks, true), with_free, "{marks:?}");
        }
    }

    #[test]
    fn the_matrix_of_all_marks_follows_the_design() {
        for bits in 0..=255_u8 {
            let is = |bit: u8| bits & (1 << bit) != 0;
            let marks = Marks {
                free: is(0),
                declined: is(1),
                unanswered: is(2),
                working_location: is(3),
                birthday: is(4),
                tentative: is(5),
                called_off: is(7),
            };
            let block_free = is(6);
            let expected = !marks.called_off
                && !marks.declined
                && !marks.working_location
                && !marks.birthday
                && (!marks.free || block_free);
            assert_eq!(verdict(&marks, block_free).blocks(), expected, "{marks:?} {block_free}");
        }
    }

    #[test]
    fn an_all_day_event_takes_the_days_of_the_providers_zone() {
        let all_day = |start: &str, end: &str| Span::AllDay {
            start: start.parse().unwrap(),
            end: end.parse().unwrap(),
        };
        let at = |start: &str, end: &str| Some(Interval::new(start.parse().unwrap(), end.parse().unwrap()));
        for (span, zone, expected) in [
            (
                all_day("2026-01-10", "2026-01-16"),
                Europe::Paris,
                at("2026-01-09T23:00:00Z", "2026-01-15T23:00:00Z"),
            ),
            // 23 and 25 hours.
            (
                all_day("2026-03-29", "2026-03-30"),
                Europe::Paris,
                at("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
            ),
            (
                all_day("2026-10-25", "2026-10-26"),
                Europe::Paris,
                at("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),
            ),
            // Half an hour of summer time, and midnight skipped.
            (
                all_day("2026-10-04", "2026-10-05"),
                Australia::Lord_Howe,
                at("2026-10-03T13:30:00Z", "2026-10-04T13:00:00Z"),
            ),
            (
                all_day("2018-11-04", "2018-11-05"),
                America::Sao_Paulo,
                at("2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"),
            ),
            (
                all_day("2026-06-01", "2026-06-02"),
                Pacific::Apia,
                at("2026-05-31T11:00:00Z", "2026-06-01T11:00:00Z"),
            ),
            // A day that Samoa did not have.
            (all_day("2011-12-30", "2011-12-31"), Pacific::Apia, None),
            (all_day("2026-01-10", "2026-01-10"), Europe::Paris, None),
            (all_day("2026-01-10", "2026-01-09"), Europe::Paris, None),
        ] {
            assert_eq!(interval(&span, zone), expected, "{span:?} {zone}");
        }
    }

    #[test]
    fn a_timed_event_takes_its_own_time() {
        let (start, end) = ("2026-01-10T09:00:00Z".parse().unwrap(), "2026-01-10T10:00:00Z".parse().unwrap());
        let zone = Europe::Paris;
        assert_eq!(interval(&Span::Timed { start, end }, zone), Some(Interval::new(start, end)));
        assert_eq!(interval(&Span::Timed { start, end: start }, zone), None);
        assert_eq!(interval(&Span::Timed { start: end, end: start }, zone), None);
    }

    #[test]
    fn the_ends_of_the_calendar_are_no_trouble() {
        for zone in chrono_tz::TZ_VARIANTS {
            let span = Span::AllDay { start: NaiveDate::MIN, end: NaiveDate::MAX };
            assert!(interval(&span, zone).is_some());
            let span = Span::AllDay { start: NaiveDate::MAX, end: NaiveDate::MAX };
            assert!(interval(&span, zone).is_none());
        }
    }
}
