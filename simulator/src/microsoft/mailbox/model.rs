//! What stands in people's calendars.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, NaiveDate, Utc};
use rand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::delta::Rounds;
use super::ids::{self, Ids};
use super::recurrence::Recurrence;
use super::switches::Switches;
use super::times::Time;
use super::zones;

#[derive(Default, Deserialize, Serialize)]
pub(crate) struct Mailboxes {
    /// By the account's id.
    pub all: BTreeMap<String, Mailbox>,
    pub switches: Switches,
    /// What the links of delta stand for.
    pub rounds: Rounds,
    /// What changed and was not yet told to subscriptions.
    #[serde(skip)]
    pub changes: Vec<Changed>,
}

#[derive(Default, Deserialize, Serialize)]
pub(crate) struct Mailbox {
    pub email: String,
    pub name: String,
    /// As Windows names it.
    pub zone: String,
    /// Of a personal account: without Teams.
    pub personal: bool,
    /// The first one is the default.
    pub calendars: Vec<Calendar>,
    /// Calendars of others that are on this account's list.
    pub shared: Vec<Shared>,
    pub groups: Vec<Group>,
    /// What all change keys of this mailbox begin with.
    pub stem: String,
    /// Counts writes, for change keys.
    pub versions: u64,
    /// Which events were made under which `transactionId`, and from what (7.1).
    pub transactions: BTreeMap<String, Transaction>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Transaction {
    pub calendar: String,
    /// The event's immutable id.
    pub event: String,
    pub body: Value,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Group {
    pub id: String,
    pub name: String,
    pub class: String,
    pub version: u64,
}

/// A calendar of someone else, as it stands on a list.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Shared {
    /// Its id on this list, which is not the one that its owner sees.
    pub id: String,
    /// The owner's account.
    pub owner: String,
    /// Its id for the owner.
    pub calendar: String,
    pub name: String,
    pub color: String,
    pub can_edit: bool,
    pub can_view_private: bool,
    pub version: u64,
    /// Its owner took back what was allowed.
    pub withdrawn: bool,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Calendar {
    pub id: String,
    pub name: String,
    pub color: String,
    /// Empty when no own color was chosen.
    pub hex: String,
    pub can_edit: bool,
    pub removable: bool,
    /// The id of its group.
    pub group: String,
    pub version: u64,
    /// By a number that grows with each event made.
    pub events: BTreeMap<u64, Event>,
    pub last_key: u64,
    /// Counts changes, for delta.
    pub sequence: u64,
    /// What left the calendar, and when.
    pub gone: Vec<Gone>,
    /// Delta links of an earlier generation have expired.
    pub generation: u64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Gone {
    pub sequence: u64,
    pub ids: Ids,
    /// The days of a series' occurrences.
    pub days: Vec<NaiveDate>,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Person {
    pub name: String,
    pub address: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Event {
    pub ids: Ids,
    /// `iCalUId`
    pub uid: String,
    pub created: DateTime<Utc>,
    pub modified: DateTime<Utc>,
    pub version: u64,
    /// The calendar's sequence at the last change.
    pub changed: u64,
    /// The calendar's sequence at which it came here from another one.
    pub arrived: u64,
    pub start: Time,
    pub end: Time,
    pub all_day: bool,
    pub recurrence: Option<Recurrence>,
    /// By the day on which the occurrence stood at first.
    pub exceptions: BTreeMap<NaiveDate, Exception>,
    pub cancelled: BTreeSet<NaiveDate>,
    /// By Graph's names, as they are shown.
    pub fields: Map<String, Value>,
    pub organizer: Person,
    pub own: bool,
    pub is_cancelled: bool,
    pub response: Response,
    /// Single-value extended properties by their ids (7.6).
    pub properties: BTreeMap<String, String>,
    /// Open extensions by their names.
    pub extensions: BTreeMap<String, Map<String, Value>>,
    pub transaction: Option<String>,
}

/// What the account answered to an invitation.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Response {
    pub response: String,
    pub time: Option<DateTime<Utc>>,
}

/// An occurrence that was changed by itself. What it does not say it has from its series.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Exception {
    pub start: Time,
    pub end: Time,
    pub all_day: bool,
    pub fields: Map<String, Value>,
    pub response: Option<Response>,
    pub is_cancelled: bool,
    pub properties: BTreeMap<String, String>,
    pub modified: DateTime<Utc>,
    pub version: u64,
    /// The calendar's sequence at its last change.
    pub changed: u64,
}

/// A change of one event, as subscriptions are told of it.
#[derive(Clone, Debug)]
pub(crate) struct Changed {
    /// The account's id.
    pub mailbox: String,
    /// The calendar's id.
    pub calendar: String,
    /// Of a change to one occurrence: its series' id. Both forms: the usual one and the immutable one.
    pub event: String,
    pub immutable: String,
    pub etag: String,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Created,
    Updated,
    Deleted,
}

impl Mailboxes {
    /// A mailbox as it is on the first day: the default calendar, and one of birthdays that cannot be edited.
    pub fn add(&mut self, account: &str, email: &str, name: &str, zone: &str, rng: &mut impl Rng) {
        let zone = zones::kept(zone).map_or_else(|| "UTC".to_owned(), |(name, _)| name);
        // The words of whoever set the mailbox up; there is no knowing but by the zone.
        let french = zone == "Romance Standard Time";
        let say = |french_words: &'static str, words: &'static str| if french { french_words } else { words };
        let mut mailbox = Mailbox {
            email: email.to_owned(),
            name: name.to_owned(),
            zone,
            // The ids of personal accounts are 16 hexadecimal digits (2.6).
            personal: account.len() == 16,
            stem: ids::letters(rng, 20),
            ..Mailbox::default()
        };
        let group = Group {
            id: ids::folder(rng),
            name: say("Mes calendriers", "My Calendars").to_owned(),
            class: "0006f0b7-0000-0000-c000-000000000046".to_owned(),
            version: mailbox.next_version(),
        };
        mailbox.groups.push(group);
        mailbox.add_calendar(say("Calendrier", "Calendar"), rng);
        let birthdays = mailbox.add_calendar(say("Anniversaires", "Birthdays"), rng);
        if let Some(default) = mailbox.calendars.first_mut() {
            default.removable = false;
        }
        if let Some(birthdays) = mailbox.calendar_mut(&birthdays) {
            (birthdays.can_edit, birthdays.removable) = (false, false);
        }
        self.all.insert(account.to_owned(), mailbox);
    }

    /// The account of a mailbox, by id or address.
    pub fn account(&self, name: &str) -> Option<&str> {
        let found = self.all.iter().find(|(id, one)| *id == name || one.email.eq_ignore_ascii_case(name));
        found.map(|(id, _)| id.as_str())
    }
}

impl Mailboxes {
    /// Gives one of an account's own calendars another id.
    pub fn renew_id(&mut self, account: &str, old: &str, new: &str) {
        for (owner, mailbox) in &mut self.all {
            if owner == account
                && let Some(calendar) = mailbox.calendar_mut(old)
            {
                new.clone_into(&mut calendar.id);
            }
            for shared in mailbox.shared.iter_mut().filter(|shared| shared.calendar == old) {
                new.clone_into(&mut shared.calendar);
            }
        }
    }
}

impl Mailbox {
    pub fn next_version(&mut self) -> u64 {
        self.versions += 1;
        self.versions
    }

    /// Adds a calendar of one's own; its id.
    pub fn add_calendar(&mut self, name: &str, rng: &mut impl Rng) -> String {
        let id = ids::folder(rng);
        let calendar = Calendar {
            id: id.clone(),
            name: name.to_owned(),
            color: "auto".to_owned(),
            hex: String::new(),
            can_edit: true,
            removable: true,
            group: self.groups.first().map(|group| group.id.clone()).unwrap_or_default(),
            version: self.next_version(),
            events: BTreeMap::new(),
            last_key: 0,
            sequence: 1,
            gone: Vec::new(),
            generation: 1,
        };
        self.calendars.push(calendar);
        id
    }

    pub fn calendar(&self, id: &str) -> Option<&Calendar> {
        self.calendars.iter().find(|calendar| calendar.id == id)
    }

    pub fn calendar_mut(&mut self, id: &str) -> Option<&mut Calendar> {
        self.calendars.iter_mut().find(|calendar| calendar.id == id)
    }

    pub fn change_key(&self, version: u64) -> String {
        let mut bytes = self.stem.as_bytes().to_vec();
        bytes.extend(version.to_be_bytes().iter().skip(2));
        STANDARD.encode(bytes)
    }

    pub fn etag(&self, version: u64) -> String {
        format!("W/\"{}\"", self.change_key(version))
    }

    pub fn person(&self) -> Person {
        Person { name: self.name.clone(), address: self.email.clone() }
    }
}

impl Calendar {
    pub fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }
}

impl Event {
    pub fn is_series(&self) -> bool {
        self.recurrence.is_some()
    }
}
