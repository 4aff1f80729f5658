//! Changes of a view since the last time (6.2), the unpleasant parts included.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::access::Reach;
use super::ask::{Answer, Ask};
use super::ids::{self, IdKind, Ids};
use super::items::{Item, Window};
use super::model::{Calendar, Event, Mailboxes};
use super::prefer::Prefer;
use super::show::{View, object};
use super::switches::{DeletedSeries, EmptyPage, ExpiredDelta, Masters, Switches};
use crate::microsoft::errors::{GraphError, GraphResult};
use crate::simulator::{Simulator, World};

/// Links that are remembered; an older one has expired.
const REMEMBERED: usize = 8_000;

/// Letters of a token: links are long. By the first of them it is known again.
const TOKEN: usize = 400;
const KNOWN: usize = 40;

/// What the tokens of links stand for.
#[derive(Default, Deserialize, Serialize)]
pub(crate) struct Rounds {
    all: BTreeMap<String, Round>,
    oldest: VecDeque<String>,
}

/// A round of pages, or what a delta link remembers.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Round {
    account: String,
    /// The calendar's id in its owner's mailbox.
    calendar: String,
    /// As the first request named them: frozen.
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    prefer: Prefer,
    /// The calendar's sequence up to which the client knows it; the first time it knows nothing.
    since: Option<u64>,
    /// The calendar's sequence when the round began.
    until: u64,
    generation: u64,
    begun: DateTime<Utc>,
    /// What is still to come; of a delta link nothing was looked up yet.
    left: Option<VecDeque<Unit>>,
}

/// What stays together on a page.
#[derive(Clone, Debug, Deserialize, Serialize)]
enum Unit {
    /// An event, or a series with its occurrences.
    Event(u64),
    Removed(Ids, Option<NaiveDate>),
}

impl Rounds {
    fn get(&self, token: &str) -> Option<&Round> {
        self.all.get(token.get(..KNOWN).filter(|_| token.len() == TOKEN)?)
    }

    fn keep(&mut self, token: &str, round: Round) {
        let token = token.chars().take(KNOWN).collect::<String>();
        self.all.insert(token.clone(), round);
        self.oldest.push_back(token);
        while self.oldest.len() > REMEMBERED {
            if let Some(token) = self.oldest.pop_front() {
                self.all.remove(&token);
            }
        }
    }
}

impl Mailboxes {
    /// What delta remembers of a calendar, or of all of an account, is gone.
    pub fn expire_delta(&mut self, account: &str, calendar: Option<&str>) {
        let Some(mailbox) = self.all.get_mut(account) else { return };
        for one in &mut mailbox.calendars {
            if calendar.is_none_or(|id| one.id == id) {
                one.generation += 1;
            }
        }
    }
}

pub(super) async fn delta(State(simulator): State<Arc<Simulator>>, ask: Ask) -> Answer {
    let mut world = simulator.world();
    let (caller, basic) = ask.may_read(&world)?;
    let reach = ask.calendar(&world, &caller)?;
    let mut round = match token(&ask) {
        Some(token) => resumed(&world, &ask, &caller.account, &reach, token)?,
        None => begun(&world, &ask, &caller.account, &reach)?,
    };
    let switches = world.microsoft.mailboxes.switches.clone();
    let remembered = if switches.delta_remembers_prefer { round.prefer.clone() } else { Prefer::default() };
    let prefer = ask.prefer.clone().or(&remembered);
    round.prefer = prefer.clone();
    let size = ask.page_size(prefer.page.unwrap_or(switches.delta_page).clamp(1, 1000));

    let mut left = match round.left.take() {
        Some(left) => left,
        None => {
            let calendar = world.microsoft.mailboxes.calendar(&reach)?;
            round.until = calendar.sequence;
            let units = changed(calendar, &round, &switches);
            let empty_first = match switches.empty_first_page {
                EmptyPage::Always => true,
                EmptyPage::Never => false,
                EmptyPage::Sometimes => world.rng.random_bool(0.3),
            };
            if empty_first {
                let body = page(&mut world, &ask, round, Vec::new(), units);
                return Ok(reply(&ask, &prefer, body));
            }
            units
        }
    };

    let mut value = Vec::new();
    {
        let mut view = View::new(&world.microsoft.mailboxes, &reach.owner, &prefer)?;
        view.basic = basic;
        view.hides_private = reach.shared && !reach.can_view_private;
        let calendar = world.microsoft.mailboxes.calendar(&reach)?;
        // A series is not split over pages.
        while value.len() < size
            && let Some(unit) = left.pop_front()
        {
            show(&view, calendar, &round, &unit, &mut value);
        }
    }
    let body = page(&mut world, &ask, round, value, left);
    Ok(reply(&ask, &prefer, body))
}

/// The token of a link; the one that an expired link is answered with is empty.
fn token(ask: &Ask) -> Option<&str> {
    ["$skiptoken", "$deltatoken"]
        .iter()
        .find_map(|name| ask.query.get(name).filter(|token| !token.is_empty()))
}

/// The first request of all.
fn begun(world: &World, ask: &Ask, account: &str, reach: &Reach) -> GraphResult<Round> {
    let refused: Vec<_> = ["$filter", "$expand", "$orderby", "$search"]
        .into_iter()
        .filter(|name| ask.query.get(name).is_some())
        .collect();
    if !refused.is_empty() {
        return Err(GraphError::new(
            400,
            "ErrorInvalidUrlQuery",
            format!(
                "The following parameters are not supported with change tracking over the 'CalendarView' resource: '{}'.",
                refused.join(", ")
            ),
        ));
    }
    let window = ask.window()?;
    let calendar = world.microsoft.mailboxes.calendar(reach)?;
    Ok(Round {
        account: account.to_owned(),
        calendar: reach.calendar.clone(),
        from: window.from,
        to: window.to,
        prefer: ask.prefer.clone(),
        since: None,
        until: calendar.sequence,
        generation: calendar.generation,
        begun: world.now(),
        left: None,
    })
}

/// What a link stands for, unless it has expired.
fn resumed(world: &World, ask: &Ask, account: &str, reach: &Reach, token: &str) -> GraphResult<Round> {
    let mailboxes = &world.microsoft.mailboxes;
    let calendar = mailboxes.calendar(reach)?;
    let Some(round) = mailboxes.rounds.get(token) else {
        let is_token = token.len() == TOKEN;
        return Err(if is_token { expired(world, ask, None) } else { badly_formed() });
    };
    if round.account != account || round.calendar != reach.calendar {
        return Err(badly_formed());
    }
    let age = world.now() - round.begun;
    let hours = mailboxes.switches.delta_hours.and_then(TimeDelta::try_hours);
    if round.generation != calendar.generation || hours.is_some_and(|hours| age > hours) {
        return Err(expired(world, ask, Some(round)));
    }
    Ok(round.clone())
}

fn badly_formed() -> GraphError {
    GraphError::new(400, "ErrorInvalidUrlQuery", "Badly formed token.")
}

/// In one of the forms in which it was seen.
fn expired(world: &World, ask: &Ask, round: Option<&Round>) -> GraphError {
    let message = "The sync state generation is not found; generation=149;[highest=157][157][155][156].";
    let (status, code) = match world.microsoft.mailboxes.switches.expired_delta {
        ExpiredDelta::Gone => (410, "SyncStateNotFound"),
        ExpiredDelta::Resync => (410, "resyncRequired"),
        ExpiredDelta::BadRequest => (400, "syncStateNotFound"),
        ExpiredDelta::NotFound => (404, "SYNCSTATENOTFOUND"),
    };
    let error = GraphError::new(status, code, message);
    if status != 410 {
        return error;
    }
    let mut pairs = Vec::new();
    if let Some(round) = round {
        pairs.push(("startDateTime".to_owned(), super::times::show_slot(round.from)));
        pairs.push(("endDateTime".to_owned(), super::times::show_slot(round.to)));
    }
    pairs.push(("$deltatoken".to_owned(), String::new()));
    error.with(header::LOCATION, ask.link(&pairs))
}

/// What changed since the client last asked, or all that there is.
fn changed(calendar: &Calendar, round: &Round, switches: &Switches) -> VecDeque<Unit> {
    let mut units = VecDeque::new();
    let since = round.since.unwrap_or(0);
    if round.since.is_some() {
        // Before what is there: an item that left and came back has the same immutable id.
        for gone in calendar.gone.iter().filter(|gone| gone.sequence > since) {
            units.push_back(Unit::Removed(gone.ids.clone(), None));
            if switches.deleted_series == DeletedSeries::Occurrences {
                let begins = |day: &NaiveDate| day.and_time(chrono::NaiveTime::MIN).and_utc();
                let inside = |day: &&NaiveDate| (round.from..round.to).contains(&begins(day));
                let days = gone.days.iter().filter(inside);
                units.extend(days.map(|day| Unit::Removed(gone.ids.clone(), Some(*day))));
            }
        }
    }
    for (key, event) in &calendar.events {
        if event.changed > since && !is_lost(calendar, event, round, switches) {
            units.push_back(Unit::Event(*key));
        }
    }
    if switches.delta_duplicates
        && let Some(first) = units.front().cloned()
    {
        units.push_back(first);
    }
    units
}

/// Moved away and back since the last time, and not touched afterwards: with immutable ids only its leaving is told.
fn is_lost(calendar: &Calendar, event: &Event, round: &Round, switches: &Switches) -> bool {
    let Some(since) = round.since else { return false };
    let left = |gone: &super::model::Gone| gone.sequence > since && gone.ids.immutable == event.ids.immutable;
    switches.moved_back_is_lost
        && round.prefer.ids() == IdKind::Immutable
        && event.changed == event.arrived
        && calendar.gone.iter().any(left)
}

fn show(view: &View<'_>, calendar: &Calendar, round: &Round, unit: &Unit, value: &mut Vec<Value>) {
    let key = match unit {
        Unit::Removed(ids, day) => {
            let id = ids.get(view.ids);
            value.push(removed(&day.map_or_else(|| id.to_owned(), |day| ids::occurrence(id, day))));
            return;
        }
        Unit::Event(key) => key,
    };
    // What was deleted meanwhile comes with the next round.
    let Some(event) = calendar.events.get(key) else { return };
    let window = Window { from: round.from, to: round.to };
    let incremental = round.since.is_some();
    let master = Item::of(event);
    if !event.is_series() {
        if window.overlaps(&master) {
            value.push(full(view, &master));
        } else if incremental {
            value.push(removed(&master.id(view.ids)));
        }
        return;
    }
    let occurrences = event.occurrences(window);
    if incremental {
        // A change of what lies outside is told as a removal.
        let outside = event.exceptions.iter().filter(|(_, one)| Some(one.changed) > round.since);
        for (day, _) in outside {
            if let Some(item) = event.occurrence(*day).filter(|item| !window.overlaps(item)) {
                value.push(removed(&item.id(view.ids)));
            }
        }
        let begins_outside =
            matches!(view.switches.delta_masters, Masters::Removed) && master.starts() < round.from;
        if occurrences.is_empty() || begins_outside {
            value.push(removed(&master.id(view.ids)));
        }
    }
    if occurrences.is_empty() {
        return;
    }
    let with_master = match view.switches.delta_masters {
        Masters::Always => true,
        Masters::Inside | Masters::Removed => master.starts() >= round.from,
        Masters::Never => false,
    };
    if with_master {
        value.push(full(view, &master));
    }
    for item in &occurrences {
        let is_sparse = item.exception.is_none() || view.switches.sparse_exceptions;
        value.push(if is_sparse { view.sparse(item).into() } else { full(view, item) });
    }
}

fn full(view: &View<'_>, item: &Item<'_>) -> Value {
    let mut shown = Map::new();
    shown.insert("@odata.type".to_owned(), "#microsoft.graph.event".into());
    shown.extend(view.full(item));
    shown.into()
}

fn removed(id: &str) -> Value {
    json!({"@odata.type": "#microsoft.graph.event", "id": id, "@removed": {"reason": "deleted"}})
}

/// The page, with a link to what is left, or to what will have changed.
fn page(world: &mut World, ask: &Ask, mut round: Round, value: Vec<Value>, left: VecDeque<Unit>) -> Value {
    let now = world.now();
    let World { rng, microsoft, .. } = world;
    let token = ids::token(rng, TOKEN);
    let mut body = object(json!({
        "@odata.context": ask.context("Collection(event)"),
        "value": value,
    }));
    let (link, parameter) = if left.is_empty() {
        // Whoever gets things twice gets the last round again.
        round.since = match round.since {
            Some(since) if microsoft.mailboxes.switches.delta_duplicates => Some(since),
            _ => Some(round.until),
        };
        (round.left, round.begun) = (None, now);
        ("@odata.deltaLink", "$deltatoken")
    } else {
        round.left = Some(left);
        ("@odata.nextLink", "$skiptoken")
    };
    let pairs = [(parameter.to_owned(), token.clone())];
    body.insert(link.to_owned(), ask.link(&pairs).into());
    microsoft.mailboxes.rounds.keep(&token, round);
    body.into()
}

fn reply(ask: &Ask, prefer: &Prefer, body: Value) -> axum::response::Response {
    let mut response = ask.reply(StatusCode::OK, body);
    let size = prefer.page.map(|page| format!("odata.maxpagesize={page}"));
    let mut more = vec!["odata.track-changes"];
    more.extend(size.as_deref());
    prefer.applied(response.headers_mut(), &more);
    response
}
