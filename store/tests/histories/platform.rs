//! An in-memory platform over the ground truth, with the manners of Google (reference sheet, 2, 5 and 6) and its
//! faults.

use crate::model;
use crate::support::{Dice, VirtualClock, cover, lock};
use crate::world::{Event, Lie, What, World, instance_id};
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use secrecy::{ExposeSecret, SecretString};
use simone_booking::{Clock, Interval};
use simone_sync::event::Series as ObservedSeries;
use simone_sync::event::{Change, Details, Marks, ObservedEvent, OriginalStart, Shape, Span};
use simone_sync::platform::{
    Access, Account, AuthorizationRequest, CalendarPlatform, CalendarsPage, Call, ChangesPage, Done, Grant,
    PageEnd, PlatformError, Position, RemoteCalendar, TokenError,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use url::Url;

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
    /// Calendars, by account and id, that everybody knows to be gone.
    pub resting: BTreeSet<(usize, String)>,
    pub dice: Dice,
    access: BTreeMap<String, AccessToken>,
    codes: BTreeMap<String, Code>,
    verifiers: BTreeMap<String, String>,
    listings: BTreeMap<u64, Listing>,
    /// Whose each refresh token is or was.
    owners: BTreeMap<String, usize>,
    next: u64,
}

/// What a person consented to.
pub struct GrantState {
    pub account: usize,
    pub alive: bool,
    pub covers_calendars: bool,
    /// Those that work.
    refresh: BTreeSet<String>,
}

struct AccessToken {
    grant: usize,
    expires_at: DateTime<Utc>,
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

struct Code {
    account: usize,
    verifier: String,
    consent: Consent,
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

struct Listing {
    account: usize,
    calendar: String,
    generation: u64,
    /// The listing is of what changed since then.
    since: Option<u64>,
    entries: Vec<Entry>,
    cursor: String,
}

#[derive(Clone)]
enum Entry {
    /// The event, as it is when the page is made.
    Now(String),
    /// As it was before its last change.
    Stale(Box<Event>),
    Gone(String),
}

impl Sim {
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
            resting: BTreeSet::new(),
            dice,
            access: BTreeMap::new(),
            codes: BTreeMap::new(),
            verifiers: BTreeMap::new(),
            listings: BTreeMap::new(),
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

impl State {
    pub fn account_of(&mut self, token: &SecretString, now: DateTime<Utc>) -> Result<usize, PlatformError> {
        let Some(access) = self.access.get(token.expose_secret()) else {
            return Err(PlatformError::Unauthorized);
        };
        let grant = &self.grants[access.grant];
        if !grant.alive || access.expires_at <= now {
            return Err(PlatformError::Unauthorized);
        }
        if !grant.covers_calendars {
            cover("fault: scopes lost");
            self.said_dead.insert(grant.account);
            return Err(PlatformError::MissingScopes);
        }
        Ok(grant.account)
    }

    fn new_access(&mut self, grant: usize, now: DateTime<Utc>) -> (SecretString, Duration) {
        self.next += 1;
        let token = format!("access-{}", self.next);
        let life = if self.dice.chance(10) { 240 } else { 3599 };
        let life = Duration::from_secs(life);
        let expires_at = now + TimeDelta::from_std(life).expect("an hour");
        self.access.insert(token.clone(), AccessToken { grant, expires_at });
        (token.into(), life)
    }

    fn new_refresh(&mut self, account: usize) -> String {
        self.next += 1;
        let token = format!("refresh-{}", self.next);
        self.owners.insert(token.clone(), account);
        token
    }

    /// Lists what a feed has to tell.
    fn list(&mut self, account: usize, calendar_id: &str, since: Option<u64>) -> Listing {
        let dice = &mut self.dice;
        let calendar = self.world.calendar_mut(account, calendar_id).expect("the caller found it");
        if let Some(lag) = &mut calendar.lag {
            lag.listings = lag.listings.saturating_sub(1);
            if lag.listings == 0 {
                calendar.lag = None;
            }
        }
        let lagging = calendar.lag.is_some();
        let (changes, events) = match &calendar.lag {
            Some(lag) => {
                cover("feed: lags behind a write");
                (lag.changes, &lag.events)
            }
            None => (calendar.changes, &calendar.events),
        };
        let mut entries = Vec::new();
        let lied = match (calendar.lie, since) {
            (Some(Lie::Listing | Lie::Both), None) => {
                cover("fault: a listing lies");
                true
            }
            (Some(Lie::Delta | Lie::Both), Some(_)) => {
                cover("fault: a delta lies");
                entries.extend(events.keys().map(|id| Entry::Gone(id.clone())));
                true
            }
            _ => false,
        };
        if !lied {
            for event in events.values() {
                let gone = event.what == What::Gone;
                let tells = match since {
                    Some(since) => event.changed > since,
                    None => !gone,
                };
                if !tells {
                    continue;
                }
                if gone
                    && matches!(event.before, Some(What::Exception { alone: false, .. }))
                    && dice.chance(50)
                {
                    // Of a deleted series, not every occurrence is told (reference sheet, 6.3).
                    cover("feed: a deletion is under-reported");
                    continue;
                }
                entries.push(if lagging {
                    Entry::Stale(Box::new(event.clone()))
                } else {
                    Entry::Now(event.id.clone())
                });
                if let Some(previous) = &event.previous
                    && dice.chance(8)
                {
                    cover("feed: an item comes twice");
                    entries.insert(0, Entry::Stale(previous.clone()));
                } else if dice.chance(3) {
                    cover("feed: an item is repeated");
                    entries.insert(0, Entry::Now(event.id.clone()));
                }
            }
            if dice.chance(30) && !entries.iter().any(|entry| matches!(entry, Entry::Stale(_))) {
                cover("feed: exceptions before their series");
                dice.shuffle(&mut entries);
            }
            if dice.chance(5) {
                entries.push(Entry::Gone("never-seen".to_owned()));
            }
        }
        let cursor = format!("cursor|{account}|{calendar_id}|{}|{changes}", calendar.generation);
        Listing {
            account,
            calendar: calendar_id.to_owned(),
            generation: calendar.generation,
            since,
            entries,
            cursor,
        }
    }

    /// One page of a listing, from `offset`.
    fn page(&mut self, number: u64, offset: usize, cut: bool) -> ChangesPage {
        let listing = &self.listings[&number];
        let calendar =
            self.world.calendar(listing.account, &listing.calendar).expect("calendars are never forgotten");
        let left = listing.entries.len() - offset;
        let size = match self.dice.below(10) {
            0 if self.dice.chance(50) => {
                cover("feed: an empty page");
                0
            }
            0..5 => left.min(1 + self.dice.below(4)),
            _ => left,
        };
        let mut changes: Vec<Change> = Vec::new();
        for entry in &listing.entries[offset..offset + size] {
            match entry {
                Entry::Gone(id) => changes.push(Change::Gone { id: id.clone() }),
                Entry::Stale(event) => changes.extend(shown(event, listing.since, &mut self.dice)),
                Entry::Now(id) => {
                    let event = calendar.events.get(id);
                    // What was converted away since the listing was made is left out.
                    changes.extend(event.and_then(|event| shown(event, listing.since, &mut self.dice)));
                }
            }
        }
        self.next += 1;
        let end = if cut {
            cover("fault: a page is cut");
            let keep = self.dice.below(changes.len() + 1);
            changes.truncate(keep);
            PageEnd::Cut
        } else if offset + size < listing.entries.len() || (size == 0 && self.dice.chance(50)) {
            cover("feed: more than one page");
            PageEnd::More(format!("page|{number}|{}|{}", offset + size, self.next))
        } else {
            PageEnd::Cursor(listing.cursor.clone())
        };
        ChangesPage { changes, zone: Some(calendar.zone.clone()), end, ..ChangesPage::default() }
    }
}

/// An event as a feed shows it.
pub fn shown(event: &Event, since: Option<u64>, dice: &mut Dice) -> Option<Change> {
    if event.garbled {
        cover("feed: an item that cannot be read");
        return Some(Change::Unreadable { id: event.id.clone() });
    }
    let shape = match &event.what {
        What::Gone => return Some(Change::Gone { id: event.id.clone() }),
        What::Single(span) => Shape::Single { span: *span },
        What::Series(series) => Shape::Master {
            series: ObservedSeries { first: series.first, zone: series.zone.clone(), lines: series.lines() },
        },
        What::Exception { master, slot, span, .. } => {
            if span.is_none() && since.is_some_and(|since| event.known_since <= since) && dice.chance(30) {
                // All that can be relied on of a tombstone is its id (5.4); we told the exception before.
                cover("feed: a minimal tombstone of an occurrence");
                return Some(Change::Gone { id: event.id.clone() });
            }
            Shape::Exception { master: master.clone(), original_start: *slot, span: *span }
        }
    };
    Some(Change::Present(Box::new(observed(event, shape))))
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

fn details(event: &Event) -> Details {
    let title = match &event.written {
        Some(written) => written.title.clone(),
        None => format!("Private {}", event.title),
    };
    Details { title, link: None }
}

pub fn unavailable(after: Option<u64>) -> PlatformError {
    PlatformError::Unavailable { reason: "no answer".to_owned(), retry_after: after.map(Duration::from_secs) }
}

fn read_page(token: &str) -> Option<(u64, usize)> {
    let mut parts = token.strip_prefix("page|")?.split('|');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Generation and change of a cursor that is this calendar's.
fn read_cursor(cursor: &str, account: usize, calendar: &str) -> Option<(u64, u64)> {
    let rest = cursor.strip_prefix(&format!("cursor|{account}|{calendar}|"))?;
    let (generation, change) = rest.split_once('|')?;
    Some((generation.parse().ok()?, change.parse().ok()?))
}

#[async_trait]
impl CalendarPlatform for Sim {
    fn authorization_url(&self, request: &AuthorizationRequest<'_>) -> Url {
        let mut sim = lock(&self.state);
        sim.verifiers.insert(request.state.to_owned(), request.verifier.expose_secret().to_owned());
        let mut url = Url::parse("https://platform.test/auth").expect("an address");
        url.query_pairs_mut().append_pair("state", request.state);
        url
    }

    async fn exchange(
        &self,
        code: &SecretString,
        verifier: &SecretString,
        _redirect_uri: &Url,
    ) -> Result<Grant, TokenError> {
        let now = self.clock.now();
        let mut sim = lock(&self.state);
        if sim.faults.token_outage || sim.faults.outage {
            return Err(TokenError::Unavailable { reason: "no answer".to_owned() });
        }
        if sim.faults.misconfigured {
            return Err(TokenError::Misconfigured { code: "invalid_client".to_owned() });
        }
        let dead = || TokenError::Dead { code: "invalid_grant".to_owned() };
        let code = sim.codes.remove(code.expose_secret()).ok_or_else(dead)?;
        if code.verifier != verifier.expose_secret() {
            return Err(dead());
        }
        let refresh = sim.new_refresh(code.account);
        let covers_calendars = code.consent != Consent::Unticked;
        let lasting = code.consent != Consent::Fleeting;
        let refreshes = if lasting { BTreeSet::from([refresh.clone()]) } else { BTreeSet::new() };
        sim.grants.push(GrantState {
            account: code.account,
            alive: true,
            covers_calendars,
            refresh: refreshes,
        });
        let grant = sim.grants.len() - 1;
        let (access_token, expires_in) = sim.new_access(grant, now);
        Ok(Grant {
            access_token,
            expires_in,
            refresh_token: lasting.then(|| refresh.into()),
            scopes: Some("calendar".to_owned()),
            covers_calendars,
        })
    }

    async fn refresh(&self, refresh_token: &SecretString) -> Result<Grant, TokenError> {
        let now = self.clock.now();
        let mut sim = lock(&self.state);
        let unavailable = || TokenError::Unavailable { reason: "no answer".to_owned() };
        if sim.faults.token_outage || sim.faults.outage {
            cover("fault: the token endpoint is out");
            return Err(unavailable());
        }
        if sim.faults.misconfigured {
            cover("fault: misconfigured");
            return Err(TokenError::Misconfigured { code: "invalid_client".to_owned() });
        }
        if sim.faults.token_limits > 0 {
            cover("fault: the token endpoint asks to wait");
            sim.faults.token_limits -= 1;
            let retry_after =
                sim.dice.chance(50).then(|| Duration::from_secs(sim.dice.range(1, 90).unsigned_abs()));
            return Err(TokenError::RateLimited { retry_after });
        }
        let old = refresh_token.expose_secret();
        let found = sim.grants.iter().position(|grant| grant.alive && grant.refresh.contains(old));
        let Some(grant) = found else {
            cover("fault: a dead grant");
            let account = *sim.owners.get(old).expect("a refresh token that was never given");
            sim.said_dead.insert(account);
            return Err(TokenError::Dead { code: "invalid_grant".to_owned() });
        };
        let (access_token, expires_in) = sim.new_access(grant, now);
        let mut refresh_token = None;
        if sim.dice.chance(20) {
            cover("tokens: a new refresh token");
            let account = sim.grants[grant].account;
            let new = sim.new_refresh(account);
            if sim.dice.chance(30) {
                cover("tokens: the old refresh token is dead");
                sim.grants[grant].refresh.clear();
            }
            sim.grants[grant].refresh.insert(new.clone());
            refresh_token = Some(new.into());
        }
        if sim.faults.lost_refreshes > 0 {
            cover("fault: a refresh's answer is lost");
            sim.faults.lost_refreshes -= 1;
            return Err(unavailable());
        }
        let covers_calendars = sim.grants[grant].covers_calendars;
        if !covers_calendars {
            let account = sim.grants[grant].account;
            sim.said_dead.insert(account);
        }
        Ok(Grant { access_token, expires_in, refresh_token, scopes: None, covers_calendars })
    }

    async fn revoke(&self, token: &SecretString) -> Result<(), PlatformError> {
        self.fault(false)?;
        let mut sim = lock(&self.state);
        let token = token.expose_secret();
        let of_access = sim.access.get(token).map(|access| access.grant);
        let grant = of_access.or_else(|| sim.grants.iter().position(|grant| grant.refresh.contains(token)));
        if let Some(grant) = grant.filter(|grant| sim.grants[*grant].alive) {
            cover("tokens: revoked");
            // The whole grant of the person goes (reference sheet, 2.6).
            let account = sim.grants[grant].account;
            for grant in sim.grants.iter_mut().filter(|grant| grant.account == account) {
                grant.alive = false;
            }
        }
        Ok(())
    }

    async fn account(&self, access_token: &SecretString) -> Result<Account, PlatformError> {
        self.fault(false)?;
        let now = self.clock.now();
        let mut sim = lock(&self.state);
        let account = match sim.account_of(access_token, now) {
            // Its scope is another.
            Err(PlatformError::MissingScopes) => {
                sim.grants[sim.access[access_token.expose_secret()].grant].account
            }
            other => other?,
        };
        let account = &sim.world.accounts[account];
        Ok(Account { id: account.sub.clone(), email: account.email.clone() })
    }

    async fn calendars(
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

    async fn changes(
        &self,
        access_token: &SecretString,
        calendar: &str,
        position: Position<'_>,
    ) -> Result<ChangesPage, PlatformError> {
        let cut = self.fault(true)?;
        let now = self.clock.now();
        let mut sim = lock(&self.state);
        let account = sim.account_of(access_token, now)?;
        let named = (account, calendar.to_owned());
        if sim.faults.not_found.contains(&named) {
            cover("fault: a calendar is not found");
            return Err(PlatformError::NotFound);
        }
        if sim.faults.forbidden.contains(&named) {
            cover("fault: a calendar is forbidden");
            return Err(PlatformError::Forbidden { code: "forbidden".to_owned() });
        }
        let Some(found) = sim.world.calendar(account, calendar).filter(|calendar| calendar.listed) else {
            cover("fault: a withdrawn calendar is asked for");
            sim.asked_for_nothing(&named);
            return Err(PlatformError::NotFound);
        };
        let generation = found.generation;
        let since = match position.cursor {
            None => None,
            Some(cursor) => match read_cursor(cursor, account, calendar) {
                Some((of, since)) if of == generation => Some(since),
                Some(_) => {
                    cover("feed: an expired cursor");
                    return Err(PlatformError::CursorExpired);
                }
                None => panic!("a cursor of another calendar: {cursor} for {calendar} of {account}"),
            },
        };
        let (number, offset) = match position.page {
            None => {
                let listing = sim.list(account, calendar, since);
                sim.next += 1;
                let number = sim.next;
                sim.listings.insert(number, listing);
                (number, 0)
            }
            Some(page) => {
                let (number, offset) = read_page(page).expect("our own token");
                let listing = &sim.listings[&number];
                assert_eq!(listing.calendar, calendar, "a page of another calendar");
                assert_eq!(listing.since, since, "a page of another listing");
                if listing.generation != generation {
                    cover("feed: a cursor expires between pages");
                    return Err(PlatformError::CursorExpired);
                }
                (number, offset)
            }
        };
        Ok(sim.page(number, offset, cut))
    }

    async fn instances(
        &self,
        access_token: &SecretString,
        calendar: &str,
        master: &str,
        window: Interval,
        page: Option<&str>,
    ) -> Result<ChangesPage, PlatformError> {
        self.fault(false)?;
        let now = self.clock.now();
        let mut sim = lock(&self.state);
        let account = sim.account_of(access_token, now)?;
        if sim.faults.instances_fail {
            cover("fault: instances fail");
            return Err(if sim.dice.chance(50) {
                PlatformError::Refused { status: 400, code: "badRequest".to_owned() }
            } else {
                unavailable(None)
            });
        }
        let found = sim.world.calendar(account, calendar).filter(|calendar| calendar.listed);
        let Some(found) = found else { return Err(PlatformError::NotFound) };
        let Some(event) = found.events.get(master) else { return Err(PlatformError::NotFound) };
        let What::Series(series) = &event.what else { return Err(PlatformError::NotFound) };
        cover("feed: instances");
        let zone = model::series_zone(series, found, Tz::UTC);
        let mut changes = Vec::new();
        let mut slots = BTreeSet::new();
        for exception in found.events.values() {
            if let What::Exception { master: of, slot, span, .. } = &exception.what
                && of == master
            {
                slots.insert(*slot);
                if span.is_some_and(|span| overlaps(&span, window)) {
                    changes.extend(shown(exception, None, &mut Dice::new(0)));
                }
            }
        }
        for (slot, span) in model::expand(series, zone, window.end.date_naive() + TimeDelta::days(2)) {
            if !slots.contains(&slot) && overlaps(&span, window) {
                changes.push(instance(event, slot, span));
            }
        }
        let from: usize = page.map_or(0, |page| page.parse().expect("our own token")).min(changes.len());
        let size = if sim.dice.chance(60) { changes.len() } else { sim.dice.below(30) };
        let to = (from + size).min(changes.len());
        let end =
            if to < changes.len() { PageEnd::More(to.to_string()) } else { PageEnd::Cursor(String::new()) };
        Ok(ChangesPage { changes: changes[from..to].to_vec(), end, ..ChangesPage::default() })
    }

    fn event_id(&self, name: &str) -> Option<String> {
        Some(name.to_owned())
    }

    async fn perform(
        &self,
        access_token: &SecretString,
        calls: &[Call],
    ) -> Result<Vec<Result<Done, PlatformError>>, PlatformError> {
        let one = |call: &Call| {
            let written = |event| Done::Event(Change::Present(Box::new(event)));
            match call {
                Call::Read { calendar, name, event_id } => {
                    self.read(access_token, calendar, event_id.as_deref().unwrap_or(name)).map(Done::Event)
                }
                Call::Create { calendar, marker, content } => {
                    self.insert(access_token, calendar, marker, content).map(written)
                }
                Call::Update { calendar, event_id, revision, patch } => {
                    self.patch(access_token, calendar, event_id, revision, patch).map(written)
                }
                Call::Delete { calendar, event_id, revision } => {
                    self.remove(access_token, calendar, event_id, revision.as_deref()).map(|()| Done::Deleted)
                }
            }
        };
        Ok(calls.iter().map(one).collect())
    }
}

fn overlaps(span: &Span, window: Interval) -> bool {
    let (start, end) = match *span {
        Span::Timed { start, end } => (start, end),
        Span::AllDay { start, end } => {
            (start.and_time(chrono::NaiveTime::MIN).and_utc(), end.and_time(chrono::NaiveTime::MIN).and_utc())
        }
    };
    start < window.end && end > window.start
}

fn instance(event: &Event, slot: OriginalStart, span: Span) -> Change {
    Change::Present(Box::new(ObservedEvent {
        id: instance_id(&event.id, &slot),
        revision: format!("of {}", event.changed),
        shape: Shape::Exception { master: event.id.clone(), original_start: slot, span: Some(span) },
        marks: Marks { ..event.marks },
        details: details(event),
        updated: Some(event.updated),
        ical_uid: Some(format!("{}@platform.test", event.id)),
        // Occurrences inherit the properties of their series (7.9), which name that.
        marker: None,
    }))
}
