//! What Google knows: accounts, their lists of calendars, calendars, events, OAuth clients and grants.

use std::collections::{BTreeMap, BTreeSet};
use std::collections::{HashMap, HashSet, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::oauth::model::{Client, Code, Grant};
use super::paging::Snapshots;
use super::times::When;

/// Microseconds since 1970: what an etag is made of.
pub(crate) type Stamp = i64;

#[derive(Default, Deserialize, Serialize)]
pub(crate) struct Google {
    pub accounts: Vec<Account>,
    pub calendars: BTreeMap<String, Calendar>,
    pub clients: Vec<Client>,
    pub grants: Vec<Grant>,
    pub codes: HashMap<String, Code>,
    /// Refresh tokens that once were.
    pub dead: HashSet<String>,
    #[serde(skip)]
    pub snapshots: Snapshots,
    pub settings: Settings,
    /// Mails that Google would have sent, oldest first.
    pub mails: Vec<Mail>,
    /// Requests of the last minute per account and client, for the quota.
    #[serde(skip)]
    pub recent: HashMap<(String, String), VecDeque<DateTime<Utc>>>,
    last_stamp: Stamp,
}

/// Switches between behaviours that Google shows at different times (6.3, 11).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// Of a series that changed, an incremental listing with `singleEvents=true` brings …
    pub delta: Delta,
    /// … at most this many instances after now.
    pub instances_ahead: usize,
    /// Requests per minute of simulator time, per account and client.
    pub quota_per_user: Option<usize>,
    /// Sync tokens older than this many hours have expired.
    pub sync_token_hours: Option<i64>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            delta: Delta::Unbounded,
            instances_ahead: 730,
            quota_per_user: None,
            sync_token_hours: None,
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Delta {
    /// Every instance, whatever the window of the first listing was: observed.
    Unbounded,
    /// Those within the window of the first listing.
    Window,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Mail {
    pub at: DateTime<Utc>,
    pub from: String,
    pub to: String,
    pub about: String,
    pub calendar: String,
    pub event: String,
}

#[derive(Deserialize, Serialize)]
pub(crate) struct Account {
    pub email: String,
    /// OpenID's stable id: a string of digits.
    pub sub: String,
    pub name: String,
    pub given_name: String,
    pub family_name: String,
    /// The id of the primary calendar, which is the address.
    pub primary: String,
    pub entries: Vec<Entry>,
    /// Rises with each change that an incremental listing of the calendars shows.
    pub sequence: u64,
    pub sync_from: Stamp,
}

/// A calendar as it stands in an account's list (4.1).
#[derive(Deserialize, Serialize)]
pub(crate) struct Entry {
    pub calendar: String,
    pub role: Role,
    pub summary_override: Option<String>,
    pub color: u8,
    pub selected: bool,
    pub hidden: bool,
    /// The calendar was withdrawn from this account, or is gone.
    pub deleted: bool,
    pub stamp: Stamp,
    pub changed: u64,
    /// Sync tokens for this calendar's events issued before are no longer valid for this account.
    pub sync_from: Stamp,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Role {
    FreeBusyReader,
    Reader,
    WriterWithoutPrivateAccess,
    Writer,
    Owner,
}

impl Role {
    pub fn name(self) -> &'static str {
        match self {
            Role::FreeBusyReader => "freeBusyReader",
            Role::Reader => "reader",
            Role::WriterWithoutPrivateAccess => "writerWithoutPrivateAccess",
            Role::Writer => "writer",
            Role::Owner => "owner",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [Role::FreeBusyReader, Role::Reader, Role::WriterWithoutPrivateAccess, Role::Writer, Role::Owner]
            .into_iter()
            .find(|role| role.name() == name)
    }

    pub fn writes(self) -> bool {
        self >= Role::WriterWithoutPrivateAccess
    }

    /// May read the details of an event of this visibility.
    pub fn reads(self, private: bool) -> bool {
        match self {
            Role::FreeBusyReader => false,
            Role::Reader | Role::WriterWithoutPrivateAccess => !private,
            Role::Writer | Role::Owner => true,
        }
    }
}

#[derive(Deserialize, Serialize)]
pub(crate) struct Calendar {
    pub id: String,
    pub summary: String,
    pub description: Option<String>,
    /// IANA name.
    pub zone: String,
    /// The account that owns a secondary calendar.
    pub owner: Option<String>,
    /// The account whose primary calendar this is.
    pub primary_of: Option<String>,
    pub events: BTreeMap<String, Event>,
    /// Rises with each change of an event.
    pub sequence: u64,
    pub stamp: Stamp,
    /// Sync tokens issued before are no longer valid.
    pub sync_from: Stamp,
}

/// A single event, the master of a series, or an exception of one.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Event {
    pub id: String,
    pub ical_uid: String,
    pub created: Stamp,
    pub updated: Stamp,
    /// The calendar's sequence at the last change.
    pub changed: u64,
    pub cancelled: bool,
    pub start: When,
    pub end: When,
    pub recurrence: Vec<String>,
    pub exception: Option<Exception>,
    /// Slots that a change of the series took away, with the calendar's sequence then.
    pub dropped: Vec<(When, u64)>,
    /// iCalendar's sequence number.
    pub sequence: i64,
    pub creator: Person,
    pub organizer: Person,
    /// What clients write, besides the above, by Google's names. Defaults are absent.
    pub content: Map<String, Value>,
}

#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Exception {
    pub master: String,
    /// The slot that the rule gave it.
    pub original: When,
    /// Whether its times are its own; else they follow the master's.
    pub moved: bool,
    /// The names in `content` that are its own; the others follow the master's.
    pub own: BTreeSet<String>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Person {
    pub email: String,
    pub name: Option<String>,
}

impl Google {
    /// A stamp that no other change has.
    pub fn stamp(&mut self, now: DateTime<Utc>) -> Stamp {
        self.last_stamp = now.timestamp_micros().max(self.last_stamp + 1);
        self.last_stamp
    }

    pub fn account(&self, email: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.email.eq_ignore_ascii_case(email))
    }

    pub fn account_mut(&mut self, email: &str) -> Option<&mut Account> {
        self.accounts.iter_mut().find(|account| account.email.eq_ignore_ascii_case(email))
    }

    /// The account's entry for a calendar that it can see; `primary` stands for its own.
    pub fn entry(&self, email: &str, calendar: &str) -> Option<&Entry> {
        let account = self.account(email)?;
        let id = if calendar == "primary" { &account.primary } else { calendar };
        account.entries.iter().find(|entry| entry.calendar == *id && !entry.deleted)
    }

    /// Adds an account with its primary calendar, or changes nothing if it is there.
    pub fn add_account(
        &mut self,
        now: DateTime<Utc>,
        rng: &mut impl Rng,
        email: &str,
        name: &str,
        zone: &str,
    ) {
        if self.account(email).is_some() {
            return;
        }
        let (given_name, family_name) = name.split_once(' ').unwrap_or((name, ""));
        self.accounts.push(Account {
            email: email.to_owned(),
            sub: format!("1{}", digits(rng, 20)),
            name: name.to_owned(),
            given_name: given_name.to_owned(),
            family_name: family_name.to_owned(),
            primary: email.to_owned(),
            entries: Vec::new(),
            sequence: 0,
            sync_from: 0,
        });
        let stamp = self.stamp(now);
        self.calendars.insert(
            email.to_owned(),
            Calendar {
                id: email.to_owned(),
                summary: email.to_owned(),
                description: None,
                zone: zone.to_owned(),
                owner: None,
                primary_of: Some(email.to_owned()),
                events: BTreeMap::new(),
                sequence: 0,
                stamp,
                sync_from: 0,
            },
        );
        self.list_calendar(now, email, email, Role::Owner, 14);
    }

    /// Adds a secondary calendar that nobody sees yet.
    pub fn add_calendar(
        &mut self,
        now: DateTime<Utc>,
        id: &str,
        summary: &str,
        zone: &str,
        owner: Option<&str>,
    ) {
        let stamp = self.stamp(now);
        self.calendars.insert(
            id.to_owned(),
            Calendar {
                id: id.to_owned(),
                summary: summary.to_owned(),
                description: None,
                zone: zone.to_owned(),
                owner: owner.map(str::to_owned),
                primary_of: None,
                events: BTreeMap::new(),
                sequence: 0,
                stamp,
                sync_from: 0,
            },
        );
    }

    /// Puts a calendar on an account's list with a role, or changes its role there. A change of role ends the
    /// account's sync tokens for that calendar (6.3).
    pub fn list_calendar(&mut self, now: DateTime<Utc>, email: &str, calendar: &str, role: Role, color: u8) {
        let stamp = self.stamp(now);
        let Some(account) = self.account_mut(email) else { return };
        account.sequence += 1;
        let changed = account.sequence;
        match account.entries.iter_mut().find(|entry| entry.calendar == calendar) {
            Some(entry) => {
                if entry.role != role || entry.deleted {
                    entry.sync_from = stamp;
                }
                // A role alone is a read-only property: an incremental listing does not show it (4.1).
                if entry.deleted {
                    entry.changed = changed;
                }
                entry.role = role;
                entry.deleted = false;
                entry.stamp = stamp;
            }
            None => account.entries.push(Entry {
                calendar: calendar.to_owned(),
                role,
                summary_override: None,
                color,
                selected: true,
                hidden: false,
                deleted: false,
                stamp,
                changed,
                sync_from: 0,
            }),
        }
    }
}

impl Calendar {
    /// The calendar's zone; UTC if its name means nothing.
    pub fn tz(&self) -> chrono_tz::Tz {
        self.zone.parse().unwrap_or(chrono_tz::UTC)
    }

    /// The exceptions of a series, in the order of their slots.
    pub fn exceptions<'a>(&'a self, master: &'a str) -> impl Iterator<Item = &'a Event> + 'a {
        let from = format!("{master}_");
        let to = format!("{master}`");
        self.events
            .range(from..to)
            .map(|(_, event)| event)
            .filter(move |event| event.exception.as_ref().is_some_and(|exception| exception.master == master))
    }

    pub fn exception_ids(&self, master: &str) -> Vec<String> {
        self.exceptions(master).map(|event| event.id.clone()).collect()
    }

    /// Notes that events changed, with one stamp and one step of the sequence.
    pub fn touch(&mut self, stamp: Stamp, ids: &[String]) {
        self.sequence += 1;
        for id in ids {
            if let Some(event) = self.events.get_mut(id) {
                event.changed = self.sequence;
                event.updated = stamp;
            }
        }
    }

    pub fn organizer(&self) -> Person {
        match &self.primary_of {
            Some(email) => Person { email: email.clone(), name: None },
            None => Person { email: self.id.clone(), name: Some(self.summary.clone()) },
        }
    }

    /// Whether an event's organizer is this calendar.
    pub fn organizes(&self, event: &Event) -> bool {
        event.organizer.email.eq_ignore_ascii_case(&self.id)
    }

    /// Cancelled itself, or with its series.
    pub fn is_cancelled(&self, event: &Event) -> bool {
        event.cancelled
            || event.exception.as_ref().is_some_and(|exception| {
                self.events.get(&exception.master).is_some_and(|master| master.cancelled)
            })
    }
}

impl Event {
    pub fn is_master(&self) -> bool {
        self.exception.is_none() && !self.recurrence.is_empty()
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.content.get(name).and_then(Value::as_str)
    }

    pub fn kind(&self) -> &str {
        self.text("eventType").unwrap_or("default")
    }

    pub fn is_private(&self) -> bool {
        matches!(self.text("visibility"), Some("private" | "confidential"))
    }

    /// How long it lasts; the same for each instance.
    pub fn length(&self) -> TimeDelta {
        self.end.instant(chrono_tz::UTC) - self.start.instant(chrono_tz::UTC)
    }

    /// The zone in which its series repeats.
    pub fn tz(&self, calendar: &Calendar) -> chrono_tz::Tz {
        self.start.zone().and_then(|zone| zone.parse().ok()).unwrap_or_else(|| calendar.tz())
    }
}

/// An instant as `updated` and `created` show it: milliseconds, `Z` (3).
pub(crate) fn show_stamp(stamp: Stamp) -> String {
    DateTime::<Utc>::from_timestamp_micros(stamp)
        .unwrap_or_default()
        .to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// Twice the microseconds, quoted (5.2).
pub(crate) fn etag(stamp: Stamp) -> String {
    format!("\"{}\"", stamp.saturating_mul(2))
}

pub(crate) fn digits(rng: &mut impl Rng, count: usize) -> String {
    random_text(rng, b"0123456789", count)
}

/// A server-made id: 26 characters of base32hex (5.2).
pub(crate) fn new_id(rng: &mut impl Rng) -> String {
    random_text(rng, b"0123456789abcdefghijklmnopqrstuv", 26)
}

pub(crate) fn secret(rng: &mut impl Rng, count: usize) -> String {
    random_text(rng, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", count)
}

fn random_text(rng: &mut impl Rng, alphabet: &[u8], count: usize) -> String {
    (0..count).map(|_| char::from(alphabet[rng.random_range(0..alphabet.len())])).collect()
}
