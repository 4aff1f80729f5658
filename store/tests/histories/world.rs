//! The ground truth: accounts, their calendars, and what is in them. Nothing here knows of the engine beyond the
//! plain types that say when an event is.

use crate::support::Dice;
use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc, Weekday};
use simone_booking::BookingId;
use simone_sync::event::{Marks, OriginalStart, Span};
use simone_sync::export::Marker;
use simone_sync::platform::Platform;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub struct World {
    pub accounts: Vec<Account>,
    pub next_id: u64,
}

#[derive(Debug)]
pub struct Account {
    pub platform: Platform,
    pub sub: String,
    pub email: String,
    pub calendars: Vec<Calendar>,
    /// Calendars of other accounts that this one sees too: whose, and which.
    pub shared: Vec<(usize, String)>,
    /// Where the platform chooses the ids: the names under which events were created, and when. It forgets them in time.
    pub names: BTreeMap<String, DateTime<Utc>>,
}

#[derive(Debug)]
pub struct Calendar {
    pub platform: Platform,
    pub id: String,
    pub name: String,
    pub writable: bool,
    pub zone: String,
    pub primary: bool,
    /// Withdrawn calendars are not listed, and not found.
    pub listed: bool,
    /// One sequence of changes per calendar.
    pub changes: u64,
    /// Raised when its cursors expire.
    pub generation: u64,
    pub events: BTreeMap<String, Event>,
    pub lie: Option<Lie>,
    /// What its feed still shows, after a write.
    pub lag: Option<Lag>,
}

/// The feed does not know the latest changes yet.
#[derive(Debug)]
pub struct Lag {
    pub changes: u64,
    pub events: BTreeMap<String, Event>,
    /// So many listings more.
    pub listings: u32,
}

/// A feed that wrongly says that everything is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// A full listing is empty.
    Listing,
    /// What changed: everything is gone.
    Delta,
    Both,
}

#[derive(Clone, Debug)]
pub struct Event {
    pub id: String,
    /// The calendar's change that made it what it is.
    pub changed: u64,
    /// Since which change it has been there without interruption.
    pub known_since: u64,
    pub updated: DateTime<Utc>,
    pub title: u64,
    /// What was written through the API; a copy by hand has it too.
    pub written: Option<Box<Written>>,
    /// Where the platform chose its id: the name it was created under, and when. A copy by hand has none.
    pub created: Option<(String, DateTime<Utc>)>,
    /// What people add to it: a colour, say.
    pub decoration: u64,
    pub marks: Marks,
    pub what: What,
    /// It was a series once, of whose exceptions nothing more is told.
    pub was_series: bool,
    /// What a deleted one was.
    pub before: Option<What>,
    /// The platform's answer of it cannot be read at present.
    pub garbled: bool,
    /// What it was before its last change; some pages still show it so.
    pub previous: Option<Box<Event>>,
}

/// What was written through the API.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    pub marker: Marker,
    /// What the last write made of it; anything else that it is, people made of it.
    pub wrote: What,
    /// What people made of it and let the booking follow: from there it may be moved on.
    pub agreed: Option<What>,
    pub title: String,
    pub location: String,
    pub description: String,
    /// Which of these people have put their own words in place of since they were written last.
    pub own_title: bool,
    pub own_location: bool,
    pub own_description: bool,
    /// What people added to the description.
    pub notes: Vec<String>,
    /// People took it out of the bin, or dragged it here, once.
    pub brought_back: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum What {
    Gone,
    Single(Span),
    Series(Series),
    Exception {
        master: String,
        slot: OriginalStart,
        /// `None`: the occurrence is cancelled.
        span: Option<Span>,
        /// The provider was invited to this one occurrence: its series is not in this calendar.
        alone: bool,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    pub first: Span,
    /// `None` for all-day ones.
    pub zone: Option<String>,
    pub rule: Rule,
    pub excluded: Vec<OriginalStart>,
    /// Whether the lines that the platform shows can be read by anyone but itself.
    pub readable: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    pub every: Every,
    pub interval: i64,
    pub ends: Ends,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Every {
    Day,
    /// On these days; none: on that of the start.
    Week(Vec<Weekday>),
    /// On the start's day of the month; months that lack it are left out.
    MonthOnDay,
    /// The nth such weekday from the front, or from the end.
    MonthOnNth(i8, Weekday),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Ends {
    Never,
    After(u32),
    At(DateTime<Utc>),
    /// With this day, in the series' zone.
    On(NaiveDate),
}

impl World {
    pub fn id(&mut self, kind: &str) -> String {
        self.next_id += 1;
        format!("{kind}{}", self.next_id)
    }

    /// Whose calendar it is that this account sees under this id.
    pub fn owner(&self, account: usize, id: &str) -> usize {
        let shared = self.accounts[account].shared.iter().find(|(_, shared)| shared == id);
        shared.map_or(account, |(owner, _)| *owner)
    }

    pub fn calendar(&self, account: usize, id: &str) -> Option<&Calendar> {
        let owner = self.owner(account, id);
        self.accounts[owner].calendars.iter().find(|calendar| calendar.id == id)
    }

    pub fn calendar_mut(&mut self, account: usize, id: &str) -> Option<&mut Calendar> {
        let owner = self.owner(account, id);
        self.accounts[owner].calendars.iter_mut().find(|calendar| calendar.id == id)
    }

    /// The booking follows its event to where people put it.
    pub fn agree(&mut self, booking: BookingId, to: Span) {
        let calendars = self.accounts.iter_mut().flat_map(|account| &mut account.calendars);
        for event in calendars.flat_map(|calendar| calendar.events.values_mut()) {
            let own = event.own_marker().is_some_and(|marker| marker.booking == booking);
            if let Some(written) = event.written.as_mut().filter(|_| own) {
                written.agreed = Some(What::Single(to));
            }
        }
    }

    /// What an account sees: each calendar, and whether it is its own.
    pub fn seen_by(&self, account: usize) -> Vec<(&Calendar, bool)> {
        let own = self.accounts[account].calendars.iter().map(|calendar| (calendar, true));
        let shared = self.accounts[account].shared.iter();
        let shared = shared.filter_map(|(_, id)| Some((self.calendar(account, id)?, false)));
        own.chain(shared).filter(|(calendar, _)| calendar.listed).collect()
    }
}

impl Calendar {
    /// Puts what an event now is, as the calendar's next change.
    pub fn put(&mut self, id: &str, what: What, marks: Marks, now: DateTime<Utc>) {
        self.changes += 1;
        let changed = self.changes;
        let previous = self.events.remove(id);
        let inherited = match &what {
            What::Exception { master, .. } => {
                self.events.get(master).and_then(|master| master.written.clone())
            }
            _ => None,
        };
        let event = Event {
            id: id.to_owned(),
            changed,
            known_since: match &previous {
                Some(old) if old.what != What::Gone && what != What::Gone => old.known_since,
                Some(old) if what == What::Gone => old.known_since,
                _ => changed,
            },
            updated: now,
            title: previous.as_ref().map_or(changed, |old| old.title),
            written: previous.as_ref().map_or(inherited, |old| old.written.clone()),
            created: previous.as_ref().and_then(|old| old.created.clone()),
            decoration: previous.as_ref().map_or(0, |old| old.decoration),
            marks,
            before: match &previous {
                Some(old) if what == What::Gone && old.what != What::Gone => Some(old.what.clone()),
                Some(old) if what == What::Gone => old.before.clone(),
                _ => None,
            },
            was_series: previous
                .as_ref()
                .is_some_and(|old| old.was_series || matches!(old.what, What::Series(_))),
            what,
            garbled: previous.as_ref().is_some_and(|old| old.garbled),
            previous: previous.map(|mut old| {
                old.previous = None;
                Box::new(old)
            }),
        };
        let brought_back = event.what != What::Gone
            && event.previous.as_ref().is_some_and(|previous| previous.what == What::Gone);
        self.events.insert(id.to_owned(), event);
        if brought_back {
            self.events.get_mut(id).expect("it was put").brought_by_hand();
        }
    }

    /// Tells an event anew: its title changed, or something that only the platform knows of.
    pub fn touch(&mut self, id: &str, now: DateTime<Utc>) {
        if let Some(event) = self.events.get(id) {
            let (what, marks, title) = (event.what.clone(), event.marks, event.title + 1);
            self.put(id, what, marks, now);
            self.events.get_mut(id).expect("it was put").title = title;
        }
    }

    pub fn exceptions(&self, of: &str) -> Vec<String> {
        let of = |event: &&Event| match &event.what {
            What::Exception { master, .. } => master == of,
            What::Gone => matches!(&event.before, Some(What::Exception { master, .. }) if master == of),
            What::Single(_) | What::Series(_) => false,
        };
        self.events.values().filter(of).map(|event| event.id.clone()).collect()
    }

    /// Another listing is made: what it does not know yet, it will know soon.
    pub fn lag_less(&mut self) {
        if let Some(lag) = &mut self.lag {
            lag.listings = lag.listings.saturating_sub(1);
            if lag.listings == 0 {
                self.lag = None;
            }
        }
    }

    /// Whether the series of an exception is there.
    pub fn has_series(&self, id: &str) -> bool {
        self.events.get(id).is_some_and(|event| matches!(event.what, What::Series(_)))
    }
}

impl Event {
    /// The marker, if it names this very event: a copy made by hand carries that of another one.
    pub fn own_marker(&self) -> Option<&Marker> {
        let name = self.created.as_ref().map_or(&self.id, |(name, _)| name);
        self.written.as_ref().map(|written| &written.marker).filter(|marker| marker.name == *name)
    }

    /// People took it out of the bin, or dragged it here.
    pub fn brought_by_hand(&mut self) {
        if let Some(written) = &mut self.written {
            written.brought_back = true;
        }
    }

    pub fn is_brought_back(&self) -> bool {
        self.written.as_ref().is_some_and(|written| written.brought_back)
    }

    /// People gave an event of ours another time, or deleted it, or brought it back.
    pub fn made_by_hand(&self) -> bool {
        self.written.as_ref().is_some_and(|written| written.wrote != self.what)
    }
}

impl Series {
    pub fn lines(&self) -> Vec<String> {
        if !self.readable {
            return vec!["RRULE:FREQ=SOMETIMES".to_owned()];
        }
        let mut rule = match &self.rule.every {
            Every::Day => "FREQ=DAILY".to_owned(),
            Every::Week(days) if days.is_empty() => "FREQ=WEEKLY".to_owned(),
            Every::Week(days) => {
                let days: Vec<&str> = days.iter().map(|day| day_code(*day)).collect();
                format!("FREQ=WEEKLY;BYDAY={}", days.join(","))
            }
            Every::MonthOnDay => "FREQ=MONTHLY".to_owned(),
            Every::MonthOnNth(nth, day) => format!("FREQ=MONTHLY;BYDAY={nth}{}", day_code(*day)),
        };
        if self.rule.interval != 1 {
            rule += &format!(";INTERVAL={}", self.rule.interval);
        }
        match self.rule.ends {
            Ends::Never => {}
            Ends::After(count) => rule += &format!(";COUNT={count}"),
            Ends::At(at) => rule += &format!(";UNTIL={}", at.format("%Y%m%dT%H%M%SZ")),
            Ends::On(date) => rule += &format!(";UNTIL={}", date.format("%Y%m%d")),
        }
        let mut lines = vec![format!("RRULE:{rule}")];
        for slot in &self.excluded {
            lines.push(match slot {
                OriginalStart::Date(date) => format!("EXDATE;VALUE=DATE:{}", date.format("%Y%m%d")),
                OriginalStart::Instant(at) => self.exclusion(*at),
            });
        }
        lines
    }

    /// As wall time in the series' zone, as Google writes it, where that says the same.
    fn exclusion(&self, at: DateTime<Utc>) -> String {
        if let Some(name) = &self.zone
            && let Ok(zone) = name.parse::<chrono_tz::Tz>()
            && at.day().is_multiple_of(2)
        {
            let wall = at.with_timezone(&zone).naive_local();
            if crate::model::instant(wall, zone) == at {
                return format!("EXDATE;TZID={name}:{}", wall.format("%Y%m%dT%H%M%S"));
            }
        }
        format!("EXDATE:{}", at.format("%Y%m%dT%H%M%SZ"))
    }
}

fn day_code(day: Weekday) -> &'static str {
    match day {
        Weekday::Mon => "MO",
        Weekday::Tue => "TU",
        Weekday::Wed => "WE",
        Weekday::Thu => "TH",
        Weekday::Fri => "FR",
        Weekday::Sat => "SA",
        Weekday::Sun => "SU",
    }
}

/// An instance's id on Google (reference sheet, 5.5).
pub fn instance_id(master: &str, slot: &OriginalStart) -> String {
    match slot {
        OriginalStart::Date(date) => format!("{master}_{}", date.format("%Y%m%d")),
        OriginalStart::Instant(at) => format!("{master}_{}", at.format("%Y%m%dT%H%M%SZ")),
    }
}

/// The same stretch, later.
pub fn shifted(span: &Span, by: TimeDelta) -> Span {
    match *span {
        Span::Timed { start, end } => Span::Timed { start: start + by, end: end + by },
        Span::AllDay { start, end } => {
            let days = TimeDelta::days(by.num_days());
            Span::AllDay { start: start + days, end: end + days }
        }
    }
}

pub const ZONES: [&str; 6] =
    ["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC", "America/Sao_Paulo"];

/// A name as a calendar may write it: mostly one of ours, sometimes Windows', sometimes nobody's.
pub fn zone_name(dice: &mut Dice) -> String {
    match dice.below(20) {
        0 => "Mars/Olympus Mons".to_owned(),
        1 => "Romance Standard Time".to_owned(),
        _ => (*dice.pick(&ZONES)).to_owned(),
    }
}
