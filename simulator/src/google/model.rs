//! What Google knows: accounts, their lists of calendars, calendars, events, OAuth clients and grants.

use std::collections::{BTreeMap, BTreeSet};
use std::collections::{HashMap, HashSet, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::acl::{Rule, Scope};
use super::channels::Channel;
use super::oauth::model::{Client, Code, Grant};
use super::paging::Snapshots;
use super::switches::Settings;
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
    /// Events that a client wrote with guests on them, oldest first.
    #[serde(default)]
    pub guests: Vec<Guests>,
    /// Push channels that were opened and not stopped; expired ones go when the next is opened.
    #[serde(default)]
    pub channels: Vec<Channel>,
    /// The ids that channels of a client ever had, which cannot be used again.
    #[serde(default)]
    pub channel_ids: HashSet<(String, String)>,
    /// Units spent in the last minute, per client and user, or per client, for the quotas.
    #[serde(skip)]
    pub recent: HashMap<(String, Option<String>), VecDeque<DateTime<Utc>>>,
    last_stamp: Stamp,
}

/// A write of a client that named guests, whether or not they were told: some mails go out in spite of
/// `sendUpdates=none` (7.2).
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Guests {
    pub at: DateTime<Utc>,
    pub calendar: String,
    pub event: String,
    pub guests: usize,
    /// Whether the client asked for them to be told.
    pub told: bool,
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
    /// What the account has set otherwise than usual, by Google's names (`users/me/settings`).
    #[serde(default)]
    pub preferences: BTreeMap<String, Preference>,
    /// Rises with each change of a preference.
    #[serde(default)]
    pub preferences_sequence: u64,
    /// When it made calendars through the API, for the limit of a day.
    #[serde(default)]
    pub calendars_made: Vec<DateTime<Utc>>,
}

#[derive(Deserialize, Serialize)]
pub(crate) struct Preference {
    pub value: String,
    pub stamp: Stamp,
    pub changed: u64,
}

/// A calendar as it stands in an account's list (4.1).
#[derive(Deserialize, Serialize)]
pub(crate) struct Entry {
    pub calendar: String,
    pub summary_override: Option<String>,
    pub color: u8,
    /// What the account says of it besides, by Google's names: colours of its own, reminders, notifications.
    #[serde(default)]
    pub own: Map<String, Value>,
    pub selected: bool,
    pub hidden: bool,
    /// It was taken off the list, was withdrawn from this account, or is gone.
    pub deleted: bool,
    pub stamp: Stamp,
    pub changed: u64,
    /// Sync tokens for this calendar's events issued before are no longer valid for this account.
    pub sync_from: Stamp,
    /// The account's role in a state file from before calendars had rules; see `Google::upgraded`.
    #[serde(default, rename = "role", skip_serializing)]
    pub older_role: Option<Role>,
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
    #[serde(default)]
    pub location: Option<String>,
    /// IANA name.
    pub zone: String,
    /// The account that owns a secondary calendar.
    pub owner: Option<String>,
    /// The id of the OAuth client that made it.
    #[serde(default)]
    pub made_by: Option<String>,
    /// Who may do what, by the rules' ids; those that were taken back too.
    #[serde(default)]
    pub acl: BTreeMap<String, Rule>,
    /// Rises with each change of a rule.
    #[serde(default)]
    pub acl_sequence: u64,
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

    /// The account's entry for a calendar on its list; `primary` stands for its own.
    pub fn entry(&self, email: &str, calendar: &str) -> Option<&Entry> {
        let account = self.account(email)?;
        let id = if calendar == "primary" { &account.primary } else { calendar };
        account.entries.iter().find(|entry| entry.calendar == *id && !entry.deleted)
    }

    /// The own id of a calendar that the account can see, on its list or not, and its role there.
    pub fn access(&self, email: &str, calendar: &str) -> Option<(String, Role)> {
        let account = self.account(email)?;
        let id = if calendar == "primary" { &account.primary } else { calendar };
        let calendar = self.calendars.get(id)?;
        Some((calendar.id.clone(), calendar.role_of(&account.email)?))
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
            preferences: BTreeMap::new(),
            preferences_sequence: 0,
            calendars_made: Vec::new(),
        });
        let stamp = self.stamp(now);
        let mut calendar = Calendar::new(email, email, zone, stamp);
        calendar.primary_of = Some(email.to_owned());
        self.calendars.insert(email.to_owned(), calendar);
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
        let mut calendar = Calendar::new(id, summary, zone, stamp);
        calendar.owner = owner.map(str::to_owned);
        self.calendars.insert(id.to_owned(), calendar);
    }

    /// Gives an account a role on a calendar and puts it on the account's list.
    pub fn list_calendar(&mut self, now: DateTime<Utc>, email: &str, calendar: &str, role: Role, color: u8) {
        self.share(now, calendar, Scope::user(email), Some(role));
        self.put_on_list(now, email, calendar, color);
    }

    /// Puts a calendar on an account's list, unless it is there.
    pub fn put_on_list(&mut self, now: DateTime<Utc>, email: &str, calendar: &str, color: u8) {
        let stamp = self.stamp(now);
        let Some(account) = self.account_mut(email) else { return };
        let changed = account.sequence + 1;
        match account.entries.iter_mut().find(|entry| entry.calendar == calendar) {
            Some(entry) if entry.deleted => {
                entry.deleted = false;
                entry.stamp = stamp;
                entry.changed = changed;
                entry.sync_from = stamp;
            }
            // A role alone is a read-only property: an incremental listing does not show it (4.1).
            Some(entry) => {
                entry.stamp = stamp;
                return;
            }
            None => account.entries.push(Entry {
                calendar: calendar.to_owned(),
                summary_override: None,
                color,
                own: Map::new(),
                selected: true,
                hidden: false,
                deleted: false,
                stamp,
                changed,
                sync_from: 0,
                older_role: None,
            }),
        }
        account.sequence = changed;
    }

    /// Changes an entry of an account's list so that an incremental listing shows it.
    pub fn change_entry(
        &mut self,
        now: DateTime<Utc>,
        email: &str,
        calendar: &str,
        change: impl FnOnce(&mut Entry),
    ) {
        let stamp = self.stamp(now);
        let Some(account) = self.account_mut(email) else { return };
        let Some(entry) = account.entries.iter_mut().find(|entry| entry.calendar == calendar) else { return };
        account.sequence += 1;
        entry.changed = account.sequence;
        entry.stamp = stamp;
        change(entry);
    }

    /// Deletes a calendar for everybody.
    pub fn delete_calendar(&mut self, now: DateTime<Utc>, calendar: &str) {
        self.calendars.remove(calendar);
        for email in self.emails() {
            self.change_entry(now, &email, calendar, |entry| entry.deleted = true);
        }
    }

    /// Brings what an older program has kept into today's shape: roles become rules.
    pub fn upgraded(mut self) -> Self {
        for account in &mut self.accounts {
            for entry in &mut account.entries {
                let Some(role) = entry.older_role.take().filter(|_| !entry.deleted) else { continue };
                let Some(calendar) = self.calendars.get_mut(&entry.calendar) else { continue };
                let scope = Scope::user(&account.email);
                calendar
                    .acl
                    .insert(scope.id(), Rule { scope, role: Some(role), stamp: entry.stamp, changed: 0 });
            }
        }
        self
    }

    pub fn emails(&self) -> Vec<String> {
        self.accounts.iter().map(|account| account.email.clone()).collect()
    }
}

impl Calendar {
    fn new(id: &str, summary: &str, zone: &str, stamp: Stamp) -> Self {
        Calendar {
            id: id.to_owned(),
            summary: summary.to_owned(),
            description: None,
            location: None,
            zone: zone.to_owned(),
            owner: None,
            made_by: None,
            acl: BTreeMap::new(),
            acl_sequence: 0,
            primary_of: None,
            events: BTreeMap::new(),
            sequence: 0,
            stamp,
            sync_from: 0,
        }
    }

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
