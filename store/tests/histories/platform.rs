//! An in-memory platform over the ground truth, with the manners of Google or of Microsoft, and its faults.

use crate::support::{Dice, VirtualClock, cover, lock};
use crate::world::{Event, World};
use crate::{feed, outlook};
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use simone_booking::{Clock, Interval};
use simone_sync::event::{Details, ObservedEvent, Shape, Span};
use simone_sync::platform::{Access, CalendarsPage, PlatformError, RemoteCalendar};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub struct Sim {
    pub state: Mutex<State>,
    pub clock: Arc<VirtualClock>,
}

pub struct State {
    pub world: World,
    pub faults: Faults,
    pub grants: Vec<GrantState>,
    /// Accounts of whom the platform has said that only the person can help.
    pub said_dead: BTreeSet<usize>,
    /// Writes that were performed.
    pub writes: u64,
    /// What people let be overwritten: the event of a booking, at a revision.
    pub allowed: BTreeSet<String>,
    /// Deletions that a quiet point found open conflicts about: a calendar, and an event.
    pub told_deleted: BTreeSet<String>,
    /// The feed shows each write at once.
    pub calm: bool,
    /// What was done against their will.
    pub violations: Vec<String>,
    /// Requests without an answer as yet: whose mailbox they are about, and since when.
    pub under_way: BTreeMap<u64, (usize, DateTime<Utc>)>,
    /// Calendars, by account and id, that everybody knows to be gone.
    pub resting: BTreeSet<(usize, String)>,
    pub dice: Dice,
    pub access: BTreeMap<String, AccessToken>,
    pub codes: BTreeMap<String, Code>,
    pub verifiers: BTreeMap<String, String>,
    pub listings: BTreeMap<u64, feed::Listing>,
    pub windowed: BTreeMap<u64, outlook::Listing>,
    /// Whose each refresh token is or was.
    pub owners: BTreeMap<String, usize>,
    pub next: u64,
}

/// What a person consented to.
pub struct GrantState {
    pub account: usize,
    pub alive: bool,
    pub covers_calendars: bool,
    /// Those that work.
    pub refresh: BTreeSet<String>,
}

pub struct AccessToken {
    pub grant: usize,
    pub expires_at: DateTime<Utc>,
}

/// What a person does on the consent page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    Full,
    /// The box of the calendars is unticked.
    Unticked,
    /// The platform gives no refresh token.
    Fleeting,
}

pub struct Code {
    pub account: usize,
    pub verifier: String,
    pub consent: Consent,
}

/// What fails at present.
#[derive(Default)]
pub struct Faults {
    /// Each befalls the next request.
    pub next: VecDeque<Fault>,
    pub outage: bool,
    pub token_outage: bool,
    pub misconfigured: bool,
    pub instances_fail: bool,
    pub slow: bool,
    /// The next refreshes are done, but their answers are lost.
    pub lost_refreshes: u32,
    /// The next writes are done, but their answers are lost.
    pub lost_writes: u32,
    /// The answers to the next requests that write several events are lost as a whole.
    pub lost_batches: u32,
    /// The next conditional writes are refused, though nobody changed the event (Graph, 7.4).
    pub refused_writes: u32,
    pub token_limits: u32,
    /// By account and id.
    pub not_found: BTreeSet<(usize, String)>,
    pub forbidden: BTreeSet<(usize, String)>,
}

#[derive(Clone, Copy, Debug)]
pub enum Fault {
    Unauthorized,
    RateLimited(Option<u64>),
    Quota(Option<u64>),
    Unavailable(Option<u64>),
    Refused,
    Cut,
    CursorExpired,
}

/// A request without an answer as yet.
pub struct Asked<'a> {
    sim: &'a Sim,
    number: u64,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        lock(&self.sim.state).under_way.remove(&self.number);
    }
}

/// A request that is not answered for so long is given up.
const GIVEN_UP: TimeDelta = TimeDelta::seconds(25);

impl Sim {
    /// A request about a mailbox begins. No other may be under way: of rounds, one at a time asks about it.
    pub fn asked(&self, token: &SecretString) -> Asked<'_> {
        let now = self.clock.now();
        let mut state = lock(&self.state);
        let number = state.under_way.keys().next_back().map_or(0, |last| last + 1);
        if let Some(account) =
            state.access.get(token.expose_secret()).map(|access| state.grants[access.grant].account)
        {
            let beside =
                state.under_way.values().any(|(other, since)| *other == account && *since + GIVEN_UP > now);
            if beside {
                state.violations.push(format!("account {account} is asked by two rounds at once"));
            }
            state.under_way.insert(number, (account, now));
        }
        Asked { sim: self, number }
    }

    pub fn new(world: World, dice: Dice, clock: Arc<VirtualClock>) -> Arc<Self> {
        let state = State {
            world,
            faults: Faults::default(),
            grants: Vec::new(),
            said_dead: BTreeSet::new(),
            writes: 0,
            allowed: BTreeSet::new(),
            told_deleted: BTreeSet::new(),
            calm: false,
            violations: Vec::new(),
            under_way: BTreeMap::new(),
            resting: BTreeSet::new(),
            dice,
            access: BTreeMap::new(),
            codes: BTreeMap::new(),
            verifiers: BTreeMap::new(),
            listings: BTreeMap::new(),
            windowed: BTreeMap::new(),
            owners: BTreeMap::new(),
            next: 0,
        };
        Arc::new(Self { state: Mutex::new(state), clock })
    }

    /// The person consents on the platform's page: the code that comes back.
    pub fn consent(&self, state: &str, account: usize, consent: Consent) -> String {
        let mut sim = lock(&self.state);
        let verifier = sim.verifiers.get(state).cloned().expect("the authorization was begun");
        sim.next += 1;
        let code = format!("code/{}", sim.next);
        sim.codes.insert(code.clone(), Code { account, verifier, consent });
        code
    }

    /// All access tokens stop working, as after a change of keys.
    pub fn forget_access(&self) {
        lock(&self.state).access.clear();
    }

    /// What a request meets before it is looked at.
    pub fn fault(&self, paged: bool) -> Result<bool, PlatformError> {
        let mut sim = lock(&self.state);
        if sim.faults.slow {
            let seconds = sim.dice.range(1, 50);
            self.clock.advance(TimeDelta::seconds(seconds));
        }
        drop(sim);
        self.befalls(paged)
    }

    /// The same, of one of several that travel together.
    pub fn befalls(&self, paged: bool) -> Result<bool, PlatformError> {
        let mut sim = lock(&self.state);
        if sim.faults.outage {
            cover("fault: outage");
            return Err(unavailable(None));
        }
        let Some(fault) = sim.faults.next.pop_front() else { return Ok(false) };
        match fault {
            Fault::Unauthorized => {
                cover("fault: unauthorized");
                Err(PlatformError::Unauthorized)
            }
            Fault::RateLimited(after) => {
                cover(if after.is_some() { "fault: rate limited, told when" } else { "fault: rate limited" });
                Err(PlatformError::RateLimited { retry_after: after.map(Duration::from_secs) })
            }
            Fault::Quota(after) => {
                cover("fault: quota");
                Err(PlatformError::QuotaExhausted { retry_after: after.map(Duration::from_secs) })
            }
            Fault::Unavailable(after) => {
                cover("fault: unavailable");
                Err(unavailable(after))
            }
            Fault::Refused => {
                cover("fault: refused");
                Err(PlatformError::Refused { status: 400, code: "badRequest".to_owned() })
            }
            Fault::CursorExpired if paged => {
                cover("fault: cursor expired anywhere");
                Err(PlatformError::CursorExpired)
            }
            Fault::Cut if paged => Ok(true),
            Fault::CursorExpired | Fault::Cut => Ok(false),
        }
    }
}

pub fn observed(event: &Event, shape: Shape) -> ObservedEvent {
    ObservedEvent {
        id: event.id.clone(),
        revision: event.changed.to_string(),
        shape,
        marks: event.marks,
        details: details(event),
        updated: Some(event.updated),
        ical_uid: Some(format!("{}@platform.test", event.id)),
        marker: event.own_marker().cloned(),
    }
}

pub fn details(event: &Event) -> Details {
    let title = match &event.written {
        Some(written) => written.title.clone(),
        None => format!("Private {}", event.title),
    };
    Details { title, link: None, ..Details::default() }
}

pub fn unavailable(after: Option<u64>) -> PlatformError {
    PlatformError::Unavailable { reason: "no answer".to_owned(), retry_after: after.map(Duration::from_secs) }
}

impl Sim {
    pub fn calendars(
        &self,
        access_token: &SecretString,
        page: Option<&str>,
    ) -> Result<CalendarsPage, PlatformError> {
        self.fault(false)?;
        let now = self.clock.now();
        let mut sim = lock(&self.state);
        let account = sim.account_of(access_token, now)?;
        let from: usize = page.map_or(0, |page| page.parse().expect("our own token"));
        let listed: Vec<RemoteCalendar> = sim
            .world
            .seen_by(account)
            .into_iter()
            .map(|(calendar, own)| RemoteCalendar {
                id: calendar.id.clone(),
                name: calendar.name.clone(),
                color: None,
                access: if calendar.writable { Access::Write } else { Access::Read },
                zone: Some(calendar.zone.clone()),
                primary: calendar.primary && own,
            })
            .collect();
        let from = from.min(listed.len());
        let size = if sim.dice.chance(70) { listed.len() } else { sim.dice.below(2) };
        let to = (from + size).min(listed.len());
        let next_page = (to < listed.len()).then(|| to.to_string());
        Ok(CalendarsPage { calendars: listed[from..to].to_vec(), next_page })
    }
}

pub fn overlaps(span: &Span, window: Interval) -> bool {
    let (start, end) = match *span {
        Span::Timed { start, end } => (start, end),
        Span::AllDay { start, end } => {
            (start.and_time(chrono::NaiveTime::MIN).and_utc(), end.and_time(chrono::NaiveTime::MIN).and_utc())
        }
    };
    start < window.end && end > window.start
}
