//! One history: people edit, platforms fail, programs stop; and whenever all is quiet, what is blocked is what the
//! model says.

use crate::edits;
use crate::gated::{Gated, GatedStore};
use crate::inspect::{CalendarRow, ConnectionRow, Inspect, Row};
use crate::model::{Blocked, Chosen, Key, Model};
use crate::platform::{Consent, Fault, Sim};
use crate::support::{Dice, Gate, SharedRng, VirtualClock, cover, lock};
use crate::world::{Account, Calendar, Lie, What, World, ZONES, zone_name};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use futures::FutureExt;
use futures::future::BoxFuture;
use simone_booking::id::UnavailabilityId;
use simone_booking::{CalendarId, Clock, ConnectionId, Ids, Locale, ProviderId};
use simone_store::views::Which;
use simone_store::{Database, NewProvider};
use simone_sync::connect::{Callback, Connect, ConnectError, Connected};
use simone_sync::engine::Engine;
use simone_sync::log::Kind;
use simone_sync::platform::{CalendarPlatform, Platform, Platforms};
use simone_sync::ports::Choices;
use std::collections::BTreeMap;
use std::sync::Arc;
use url::Url;
use uuid::Uuid;

/// A database that histories run on, one after the other.
pub struct Setup {
    pub database: Database,
    pub inspect: Inspect,
    pub clock: Arc<VirtualClock>,
    pub rng: SharedRng,
}

/// What went wrong, and all that had happened.
pub struct Failure {
    pub seed: u64,
    pub reason: String,
    pub trace: Vec<String>,
}

type Verdict = Result<(), String>;

struct History<'a> {
    setup: &'a Setup,
    seed: u64,
    dice: Dice,
    ids: Arc<Ids>,
    sim: Arc<Sim>,
    people: Vec<Person>,
    model: Model,
    trace: Vec<String>,
    aloud: bool,
}

struct Person {
    id: ProviderId,
    zone: Tz,
    connections: Vec<Connection>,
    /// What they chose, by our calendar.
    choices: BTreeMap<Uuid, Choice>,
    /// What must stay blocked, row and all: blocked at the last quiet point, and ever since by the ground truth.
    must: BTreeMap<Key, (DateTime<Utc>, DateTime<Utc>, Uuid)>,
}

struct Connection {
    id: ConnectionId,
    account: usize,
    /// They did not disconnect it.
    live: bool,
}

#[derive(Clone)]
struct Choice {
    connection: ConnectionId,
    calendar: String,
    selected: bool,
    block_free: bool,
}

#[derive(Clone, Copy)]
enum Step {
    Edit,
    Rounds,
    Crash,
    StoreFails,
    Race,
    Derive,
    Minutes,
    Hours,
    Days,
    Weeks,
    Fault,
    FaultsEnd,
    Calendars,
    ExpireCursors,
    Select,
    BlockFree,
    Zone,
    Wake,
    Connect,
    Disconnect,
    Reconnect,
    Withdraw,
    Decide,
    Lie,
    Garble,
    Quiet,
}

/// Runs the history of a seed.
pub async fn run(setup: &Setup, seed: u64, aloud: bool) -> Result<(), Failure> {
    let mut dice = Dice::new(seed);
    setup.rng.reseed(seed);
    let start: DateTime<Utc> = dice
        .pick(&[
            "2026-03-20T10:00:00Z",
            "2026-10-10T10:00:00Z",
            "2026-01-05T10:00:00Z",
            "2018-10-20T10:00:00Z",
            "2027-06-01T10:00:00Z",
        ])
        .parse()
        .expect("an instant");
    let start = start + TimeDelta::minutes(dice.range(0, 60 * 24 * 14));
    setup.clock.set(start);
    let world = make_world(&mut dice, seed, start);
    let sim = Sim::new(world, dice.fork(), setup.clock.clone());
    let ids = Arc::new(Ids::seeded(setup.clock.clone(), seed));
    let mut history = History {
        setup,
        seed,
        dice,
        ids,
        sim,
        people: Vec::new(),
        model: Model::default(),
        trace: Vec::new(),
        aloud,
    };
    let lived = std::panic::AssertUnwindSafe(history.live()).catch_unwind().await;
    let verdict = match lived {
        Ok(verdict) => verdict,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(format!("panicked: {}", text.unwrap_or_default()))
        }
    };
    // Leases are taken from the whole database: nothing may be left for the next history.
    for person in &history.people {
        setup.database.delete_provider(person.id).await.expect("the database answers");
    }
    verdict.map_err(|reason| Failure { seed, reason, trace: history.trace })
}

fn make_world(dice: &mut Dice, seed: u64, now: DateTime<Utc>) -> World {
    let mut world = World::default();
    let accounts = if dice.chance(30) { 2 } else { 1 };
    for number in 0..accounts {
        let others = dice.below(3);
        let mut account = Account {
            sub: format!("person-{seed}-{number}"),
            email: format!("person-{seed}-{number}@example.test"),
            calendars: Vec::new(),
            shared: Vec::new(),
        };
        for other in 0..=others {
            let primary = other == 0;
            account.calendars.push(Calendar {
                id: if primary { account.email.clone() } else { format!("c{other}-{number}@group") },
                name: format!("Calendar {number}.{other}"),
                writable: primary || dice.chance(50),
                zone: if primary { (*dice.pick(&ZONES)).to_owned() } else { zone_name(dice) },
                primary,
                listed: true,
                changes: 0,
                generation: 0,
                events: BTreeMap::new(),
                lie: None,
                lag: None,
            });
        }
        world.accounts.push(account);
        for at in 0..=others {
            for _ in 0..2 + dice.below(8) {
                edits::edit(&mut world, dice, number, at, now);
            }
        }
    }
    world
}

impl History<'_> {
    fn now(&self) -> DateTime<Utc> {
        self.setup.clock.now()
    }

    fn tell(&mut self, what: impl Into<String>) {
        let line = format!("{}  {}", self.now().format("%Y-%m-%d %H:%M:%S"), what.into());
        if self.aloud {
            println!("{line}");
        }
        self.trace.push(line);
    }

    async fn live(&mut self) -> Verdict {
        let people = if self.dice.chance(15) { 2 } else { 1 };
        for number in 0..people {
            let zone: Tz = self.dice.pick(&ZONES).parse().expect("a zone");
            let new = NewProvider {
                name: "Camille".to_owned(),
                email: format!("provider-{}-{number}@example.test", self.seed),
                zone,
                locale: Locale::Fr,
            };
            let id = self.setup.database.add_provider(&new, self.now()).await.map_err(told)?;
            let id = id.ok_or("the address is taken")?;
            self.tell(format!("provider {number} in {zone}"));
            self.people.push(Person {
                id,
                zone,
                connections: Vec::new(),
                choices: BTreeMap::new(),
                must: BTreeMap::new(),
            });
            self.connect(number, 0, None, Consent::Full).await?;
        }
        if people == 2 {
            cover("two providers share an account");
        }
        let steps = self.dice.range(20, 45);
        for _ in 0..steps {
            let mut step = self.dice.weighted(&STEPS);
            if self.dice.chance(25)
                && self.people.iter().any(|person| !person.connections.iter().any(|one| one.live))
            {
                step = Step::Connect;
            }
            self.step(step).await?;
            self.check().await?;
        }
        self.quiet().await
    }

    async fn step(&mut self, step: Step) -> Verdict {
        let person = self.dice.below(self.people.len());
        match step {
            Step::Edit => {
                for _ in 0..=self.dice.below(4) {
                    self.edit();
                }
            }
            Step::Rounds => {
                self.stir(person).await?;
                self.tell("rounds");
                self.program(&Gate::open()).await;
            }
            Step::Crash => {
                self.stir(person).await?;
                self.crash(32).await;
            }
            Step::StoreFails => {
                self.stir(person).await?;
                let (nth, performed) = (self.dice.below(25) as u64, self.dice.chance(50));
                self.tell(format!(
                    "rounds, and the {nth}th call to the database fails, performed: {performed}"
                ));
                cover(if performed { "a database's answer is lost" } else { "the database fails" });
                self.program(&Gate::failing(nth, performed)).await;
            }
            Step::Race => {
                self.stir(person).await?;
                self.race().await?;
            }
            Step::Derive => {
                self.tell("derive");
                let engine = self.engine(&Gate::open());
                engine.derive_due(10).await.map_err(told)?;
                cover("derive alone");
            }
            Step::Minutes => self.pass_some(TimeDelta::seconds(1), 20, 1200),
            Step::Hours => self.pass_some(TimeDelta::minutes(1), 60, 1500),
            Step::Days => self.pass_some(TimeDelta::hours(1), 20, 100),
            Step::Weeks => {
                cover("weeks pass");
                self.pass_some(TimeDelta::hours(1), 24 * 7, 24 * 45);
            }
            Step::Fault => self.fault(),
            Step::FaultsEnd => self.end_faults(),
            Step::Calendars => self.change_calendars(),
            Step::ExpireCursors => {
                self.tell("cursors expire");
                let mut sim = lock(&self.sim.state);
                for calendar in sim.world.accounts.iter_mut().flat_map(|account| &mut account.calendars) {
                    calendar.generation += 1;
                }
            }
            Step::Select => self.select(person).await?,
            Step::BlockFree => self.block_free(person).await?,
            Step::Zone => self.move_to_another_zone(person).await?,
            Step::Wake => {
                let id = self.people[person].id;
                if self.dice.chance(50) {
                    self.tell("the settings are opened");
                    self.setup.database.refresh_calendars(id, self.now()).await.map_err(told)?;
                    cover("the settings are opened");
                } else if let Some(connection) = self.some_live(person) {
                    self.tell("sync now");
                    self.setup.database.wake(id, connection).await.map_err(told)?;
                    cover("sync now");
                }
            }
            Step::Connect => {
                let accounts = lock(&self.sim.state).world.accounts.len();
                let account = self.dice.below(accounts);
                let consent =
                    self.dice.weighted(&[(Consent::Full, 6), (Consent::Unticked, 1), (Consent::Fleeting, 1)]);
                self.connect(person, account, None, consent).await?;
            }
            Step::Disconnect => self.disconnect(person).await?,
            Step::Reconnect => {
                if let Some(connection) = self.some_live(person) {
                    let accounts = lock(&self.sim.state).world.accounts.len();
                    let account = self.dice.below(accounts);
                    self.connect(person, account, Some(connection), Consent::Full).await?;
                }
            }
            Step::Withdraw => self.withdraw(),
            Step::Decide => self.decide(person).await?,
            Step::Lie => self.lie(),
            Step::Garble => self.garble(),
            Step::Quiet => {
                self.tell("let it be quiet");
                self.quiet().await?;
            }
        }
        Ok(())
    }

    /// Gives a program something to do, mostly.
    async fn stir(&mut self, person: usize) -> Verdict {
        if self.dice.chance(40) {
            self.edit();
        }
        if self.dice.chance(30) {
            self.pass(TimeDelta::minutes(6));
        } else if self.dice.chance(60)
            && let Some(connection) = self.some_live(person)
        {
            self.tell("sync now");
            cover("sync now");
            self.setup.database.wake(self.people[person].id, connection).await.map_err(told)?;
        }
        Ok(())
    }

    fn pass_some(&mut self, unit: TimeDelta, from: i32, to: i32) {
        let units = self.dice.range(from.into(), to.into());
        self.pass(unit * i32::try_from(units).expect("it is between the two"));
    }

    fn pass(&mut self, time: TimeDelta) {
        self.setup.clock.advance(time);
        self.tell(format!("{} minutes pass", time.num_minutes()));
    }

    fn edit(&mut self) {
        let now = self.now();
        let done = {
            let mut sim = lock(&self.sim.state);
            let account = self.dice.below(sim.world.accounts.len());
            // Mostly in the primary one, which is selected.
            let calendars = sim.world.accounts[account].calendars.len();
            let at = if self.dice.chance(50) { 0 } else { self.dice.below(calendars) };
            let name = sim.world.accounts[account].calendars[at].name.clone();
            edits::edit(&mut sim.world, &mut self.dice, account, at, now)
                .map(|done| format!("{name}: {done}"))
        };
        if let Some(done) = done {
            self.tell(done);
        }
    }

    // Programs.

    fn platforms(&self, gate: &Arc<Gate>) -> Arc<Platforms> {
        let gated: Arc<dyn CalendarPlatform> = Arc::new(Gated { sim: self.sim.clone(), gate: gate.clone() });
        Arc::new(Platforms::from([(Platform::Google, gated)]))
    }

    fn engine(&self, gate: &Arc<Gate>) -> Engine {
        let store = GatedStore { database: self.setup.database.clone(), gate: gate.clone() };
        Engine::new(Arc::new(store), self.platforms(gate), self.setup.clock.clone(), self.ids.clone())
    }

    /// A program that does all that is due, once, as the worker does.
    fn program(&self, gate: &Arc<Gate>) -> BoxFuture<'static, ()> {
        let engine = self.engine(gate);
        Box::pin(async move {
            // At a lost database it gives up, to be started again.
            let Ok(leases) = engine.lease_due(10).await else { return };
            for lease in leases {
                match engine.round(lease).await {
                    Some(outcome) => cover(&format!("round: {}", outcome.code())),
                    None => cover("round: overtaken or not recorded"),
                }
            }
            let _ = engine.derive_due(10).await;
        })
    }

    async fn crash(&mut self, within: usize) {
        let gate = Gate::closed();
        let mut program = self.program(&gate);
        let steps = self.dice.below(within) as u64;
        if gate.advance(&mut program, steps).await.is_none() {
            cover(&format!("crash before {}", gate.last()));
            cover("crash");
            self.tell(format!("rounds, and a crash at step {steps}, before {}", gate.last()));
        } else {
            self.tell("rounds");
        }
    }

    /// Two programs, step by step, and whatever else happens meanwhile.
    async fn race(&mut self) -> Verdict {
        self.tell("two programs {");
        cover("two programs");
        let gates = [Gate::closed(), Gate::closed()];
        let mut programs = [Some(self.program(&gates[0])), Some(self.program(&gates[1]))];
        let mut events = 0;
        while programs.iter().any(Option::is_some) {
            let which = self.dice.below(2);
            if let Some(program) = &mut programs[which] {
                let steps = self.dice.range(1, 12).unsigned_abs();
                if gates[which].advance(program, steps).await.is_some() {
                    programs[which] = None;
                } else if self.aloud {
                    let at = gates[which].last();
                    self.tell(format!("program {which} is before {at}"));
                }
            } else if self.dice.chance(40) {
                // One ended: start it again.
                programs[which] = Some(self.program(&gates[which]));
                events += 1;
            }
            if self.dice.chance(25) && events < 6 {
                events += 1;
                let step = self.dice.weighted(&MEANWHILE);
                if let Step::Minutes = step {
                    // Longer than a lease.
                    self.pass(TimeDelta::seconds(130));
                } else {
                    Box::pin(self.step(step)).await?;
                }
                self.check().await?;
            }
            if events >= 6 {
                for (program, gate) in programs.iter_mut().zip(&gates) {
                    if let Some(running) = program {
                        gate.advance(running, u64::MAX).await;
                    }
                    *program = None;
                }
            }
        }
        self.tell("}");
        Ok(())
    }

    // The platform's side.

    fn fault(&mut self) {
        let mut sim = lock(&self.sim.state);
        let dice = &mut self.dice;
        let accounts = sim.world.accounts.len();
        let told = match dice.below(13) {
            0..4 => {
                let fault = match dice.below(10) {
                    0 => Fault::Unauthorized,
                    1 => Fault::RateLimited(None),
                    2 => Fault::RateLimited(Some(*dice.pick(&[3, 20, 600]))),
                    3 => Fault::Quota(Some(7200)),
                    4 => Fault::Quota(None),
                    5 => Fault::Unavailable(None),
                    6 => Fault::Unavailable(Some(*dice.pick(&[5, 900]))),
                    7 => Fault::Refused,
                    8 => Fault::CursorExpired,
                    _ => Fault::Cut,
                };
                for _ in 0..=dice.below(5) {
                    sim.faults.next.push_back(fault);
                }
                format!("{fault:?} {} times", sim.faults.next.len())
            }
            4 => {
                sim.faults.outage = true;
                "an outage".to_owned()
            }
            5 => {
                sim.faults.token_outage = true;
                "an outage of the token endpoint".to_owned()
            }
            6 => {
                sim.faults.misconfigured = true;
                "a wrong client secret".to_owned()
            }
            7 => {
                sim.faults.instances_fail = true;
                "instances fail".to_owned()
            }
            8 => {
                sim.faults.slow = true;
                "slow".to_owned()
            }
            9 => {
                sim.faults.lost_refreshes = 1 + u32::try_from(dice.below(3)).expect("it is small");
                "answers of refreshes are lost".to_owned()
            }
            10 => {
                sim.faults.token_limits = 1 + u32::try_from(dice.below(6)).expect("it is small");
                "the token endpoint asks to wait".to_owned()
            }
            kind => {
                let account = dice.below(accounts);
                let at = dice.below(sim.world.accounts[account].calendars.len());
                let id = sim.world.accounts[account].calendars[at].id.clone();
                let told = format!("{id} is {}", if kind == 11 { "not found" } else { "forbidden" });
                let set = if kind == 11 { &mut sim.faults.not_found } else { &mut sim.faults.forbidden };
                set.insert((account, id));
                told
            }
        };
        drop(sim);
        self.tell(format!("fault: {told}"));
        if self.dice.chance(40) {
            self.sim.forget_access();
            self.tell("access tokens are forgotten");
        }
    }

    fn end_faults(&mut self) {
        let now = self.now();
        {
            let mut sim = lock(&self.sim.state);
            sim.faults = Default::default();
            for calendar in sim.world.accounts.iter_mut().flat_map(|account| &mut account.calendars) {
                calendar.lag = None;
                let lied = calendar.lie.take().is_some();
                let ids: Vec<String> = calendar
                    .events
                    .values()
                    .filter(|event| event.garbled || (lied && event.what != What::Gone))
                    .map(|event| event.id.clone())
                    .collect();
                for id in ids {
                    calendar.events.get_mut(&id).expect("it is there").garbled = false;
                    // What it said falsely, it says anew.
                    let event = &calendar.events[&id];
                    let (what, marks) = (event.what.clone(), event.marks);
                    calendar.put(&id, what, marks, now);
                    let changed = calendar.changes;
                    if lied {
                        calendar.events.get_mut(&id).expect("it was put").known_since = changed;
                    }
                }
            }
        }
        self.tell("faults end");
    }

    fn lie(&mut self) {
        let lie = *self.dice.pick(&[Lie::Listing, Lie::Delta, Lie::Both]);
        let name = {
            let mut sim = lock(&self.sim.state);
            let account = self.dice.below(sim.world.accounts.len());
            let calendars = sim.world.accounts[account].calendars.len();
            let at = if self.dice.chance(60) { 0 } else { self.dice.below(calendars) };
            let calendar = &mut sim.world.accounts[account].calendars[at];
            calendar.lie = Some(lie);
            if lie != Lie::Delta {
                calendar.generation += 1;
            }
            calendar.name.clone()
        };
        self.tell(format!("{name} lies: {lie:?}"));
    }

    fn garble(&mut self) {
        let now = self.now();
        let garbled = {
            let mut sim = lock(&self.sim.state);
            let account = self.dice.below(sim.world.accounts.len());
            let at = self.dice.below(sim.world.accounts[account].calendars.len());
            let calendar = &mut sim.world.accounts[account].calendars[at];
            let ids: Vec<&String> = calendar
                .events
                .values()
                .filter(|event| event.what != What::Gone)
                .map(|event| &event.id)
                .collect();
            if ids.is_empty() {
                return;
            }
            let id = (*self.dice.pick(&ids)).clone();
            calendar.touch(&id, now);
            calendar.events.get_mut(&id).expect("it is there").garbled = true;
            id
        };
        self.tell(format!("the answer of {garbled} cannot be read"));
    }

    fn change_calendars(&mut self) {
        let told = {
            let mut sim = lock(&self.sim.state);
            let account = self.dice.below(sim.world.accounts.len());
            let calendars = &mut sim.world.accounts[account].calendars;
            let at = self.dice.below(calendars.len());
            match self.dice.below(6) {
                0 => {
                    cover("calendar: renamed");
                    calendars[at].name += "'";
                    format!("{} renamed", calendars[at].name)
                }
                1 => {
                    cover("calendar: another zone");
                    calendars[at].zone = zone_name(&mut self.dice);
                    format!("{} goes to {}", calendars[at].name, calendars[at].zone)
                }
                2 if calendars.len() < 5 => {
                    cover("calendar: new");
                    let (id, name) = (
                        format!("n{}-{account}@group", calendars.len()),
                        format!("New {account}.{}", calendars.len()),
                    );
                    calendars.push(Calendar {
                        id,
                        name: name.clone(),
                        writable: true,
                        zone: "Europe/Paris".to_owned(),
                        primary: false,
                        listed: true,
                        changes: 0,
                        generation: 0,
                        events: BTreeMap::new(),
                        lie: None,
                        lag: None,
                    });
                    format!("{name} is new")
                }
                3 => {
                    calendars[at].writable = !calendars[at].writable;
                    format!("{} writable: {}", calendars[at].name, calendars[at].writable)
                }
                _ if !calendars[at].primary => {
                    cover(if calendars[at].listed { "calendar: withdrawn" } else { "calendar: there again" });
                    calendars[at].listed = !calendars[at].listed;
                    if self.dice.chance(30) {
                        calendars[at].generation += 1;
                    }
                    format!("{} listed: {}", calendars[at].name, calendars[at].listed)
                }
                _ => return,
            }
        };
        self.tell(told);
    }

    /// The person takes the grant back, or part of it.
    fn withdraw(&mut self) {
        let told = {
            let mut sim = lock(&self.sim.state);
            let account = self.dice.below(sim.world.accounts.len());
            let whole = self.dice.chance(60);
            cover(if whole { "a grant is withdrawn" } else { "a scope is withdrawn" });
            for grant in sim.grants.iter_mut().filter(|grant| grant.account == account) {
                if whole {
                    grant.alive = false;
                } else {
                    grant.covers_calendars = false;
                }
            }
            format!("account {account} withdraws {}", if whole { "its grant" } else { "a scope" })
        };
        self.tell(told);
    }

    // The provider's side.

    fn some_live(&mut self, person: usize) -> Option<ConnectionId> {
        let live: Vec<ConnectionId> =
            self.people[person].connections.iter().filter(|one| one.live).map(|one| one.id).collect();
        (!live.is_empty()).then(|| *self.dice.pick(&live))
    }

    /// Their calendars, in an order that does not hang on ids.
    fn some_choice(&mut self, person: usize) -> Option<Uuid> {
        let person = &self.people[person];
        let place = |choice: &Choice| person.connections.iter().position(|one| one.id == choice.connection);
        let mut choices: Vec<(Option<usize>, &str, Uuid)> = person
            .choices
            .iter()
            .map(|(id, choice)| (place(choice), choice.calendar.as_str(), *id))
            .collect();
        choices.sort_unstable();
        (!choices.is_empty()).then(|| self.dice.pick(&choices).2)
    }

    async fn move_to_another_zone(&mut self, person: usize) -> Verdict {
        let zone: Tz = self.dice.pick(&ZONES).parse().expect("a zone");
        self.tell(format!("provider {person} moves to {zone}"));
        cover("the provider's zone changes");
        let id = self.people[person].id;
        self.setup.database.set_zone(id, zone, self.now()).await.map_err(told)?;
        self.people[person].zone = zone;
        Ok(())
    }

    async fn select(&mut self, person: usize) -> Verdict {
        let Some(calendar) = self.some_choice(person) else { return Ok(()) };
        let choice = &self.people[person].choices[&calendar];
        // One that is selected already may be selected again: no harm is done.
        let selected = if self.dice.chance(80) { !choice.selected } else { choice.selected };
        self.select_as(person, calendar, selected).await
    }

    async fn select_as(&mut self, person: usize, calendar: Uuid, selected: bool) -> Verdict {
        let (now, id) = (self.now(), self.people[person].id);
        let name = self.people[person].choices[&calendar].calendar.clone();
        self.tell(format!("{name} selected: {selected}"));
        cover(if selected { "select" } else { "unselect" });
        let done = self
            .setup
            .database
            .select_calendar(id, CalendarId(calendar), selected, now)
            .await
            .map_err(told)?;
        if !done {
            return Err(format!("{name} cannot be selected"));
        }
        self.people[person].choices.get_mut(&calendar).expect("it is there").selected = selected;
        if !selected {
            let rows = self.setup.inspect.rows(id).await;
            if rows.iter().any(|row| row.calendar_id == Some(calendar)) {
                return Err(format!("{name} is unselected and blocks"));
            }
        }
        Ok(())
    }

    async fn block_free(&mut self, person: usize) -> Verdict {
        let Some(calendar) = self.some_choice(person) else { return Ok(()) };
        let (now, id) = (self.now(), self.people[person].id);
        let choice = self.people[person].choices.get_mut(&calendar).expect("it is there");
        choice.block_free = !choice.block_free;
        let choice = choice.clone();
        self.tell(format!("{} blocks free: {}", choice.calendar, choice.block_free));
        cover("also block free events");
        let done = self.setup.database.block_free(id, CalendarId(calendar), choice.block_free, now).await;
        if done.map_err(told)? { Ok(()) } else { Err("the switch is not there".to_owned()) }
    }

    async fn disconnect(&mut self, person: usize) -> Verdict {
        let Some(connection) = self.some_live(person) else { return Ok(()) };
        self.tell("disconnect");
        cover("disconnect");
        let id = self.people[person].id;
        if !self.setup.database.disconnect(id, connection, self.now()).await.map_err(told)? {
            return Err("a connection cannot be disconnected".to_owned());
        }
        let person = &mut self.people[person];
        person.connections.iter_mut().find(|one| one.id == connection).expect("it is theirs").live = false;
        let rows = self.setup.inspect.rows(id).await;
        let of = |row: &&Row| {
            let choice = row.calendar_id.and_then(|calendar| person.choices.get(&calendar));
            choice.is_some_and(|choice| choice.connection == connection)
        };
        if let Some(row) = rows.iter().find(of) {
            return Err(format!("disconnected, and still blocked: {row:?}"));
        }
        person.choices.retain(|_, choice| choice.connection != connection);
        if self.dice.chance(40) {
            self.crash(7).await;
        }
        Ok(())
    }

    async fn connect(
        &mut self,
        person: usize,
        account: usize,
        reconnects: Option<ConnectionId>,
        consent: Consent,
    ) -> Verdict {
        let provider = self.people[person].id;
        let connect = Connect::new(
            Arc::new(self.setup.database.clone()),
            self.platforms(&Gate::open()),
            self.setup.clock.clone(),
            self.ids.clone(),
            Url::parse("https://simone.test").expect("an address"),
        );
        let before = self.setup.inspect.connections(provider).await;
        let url = connect.begin(provider, b"session", Platform::Google, reconnects).await.map_err(told)?;
        let state = url.query_pairs().find(|(key, _)| key == "state").map(|(_, value)| value.into_owned());
        let state = state.ok_or("no state")?;
        let callback = |code: Option<String>, error: Option<&str>| Callback {
            state: Some(state.clone()),
            code: code.map(Into::into),
            error: error.map(str::to_owned),
        };
        if self.dice.chance(8) {
            self.tell("connect: refused");
            cover("connect: refused");
            let done =
                connect.complete(Platform::Google, b"session", callback(None, Some("access_denied"))).await;
            return match done {
                Err(ConnectError::Refused) => self.unchanged(person, &before).await,
                other => Err(format!("a refusal gave {other:?}")),
            };
        }
        let code = self.sim.consent(&state, account, consent);
        if self.dice.chance(8) {
            cover("connect: another session");
            let done = connect.complete(Platform::Google, b"other", callback(Some(code.clone()), None)).await;
            if !matches!(done, Err(ConnectError::NotUnderWay)) {
                return Err(format!("another session's callback gave {done:?}"));
            }
        }
        let done = connect.complete(Platform::Google, b"session", callback(Some(code.clone()), None)).await;
        if self.dice.chance(8) {
            cover("connect: the callback twice");
            let again = connect.complete(Platform::Google, b"session", callback(Some(code), None)).await;
            if !matches!(again, Err(ConnectError::NotUnderWay)) {
                return Err(format!("a repeated callback gave {again:?}"));
            }
        }
        self.tell(format!(
            "connect account {account} ({consent:?}), again: {}: {done:?}",
            reconnects.is_some()
        ));
        let standing = self.people[person].connections.iter().find(|one| one.live && one.account == account);
        let standing = standing.map(|one| one.id);
        match done {
            Ok(Connected::New(id)) => {
                cover("connect: new");
                if consent != Consent::Full || standing.is_some() || reconnects.is_some() {
                    return Err("a connection that should not be".to_owned());
                }
                self.people[person].connections.push(Connection { id, account, live: true });
                Ok(())
            }
            Ok(Connected::Again(id)) => {
                cover("connect: again");
                if consent == Consent::Full
                    && standing == Some(id)
                    && reconnects.is_none_or(|wanted| wanted == id)
                {
                    Ok(())
                } else {
                    Err("another connection was reconnected".to_owned())
                }
            }
            Err(error) => {
                cover(&format!("connect: {}", error.code()));
                let faulty = {
                    let sim = lock(&self.sim.state);
                    sim.faults.outage
                        || sim.faults.token_outage
                        || sim.faults.misconfigured
                        || self.dice_was_faulty(&error)
                };
                let expected = match &error {
                    ConnectError::PermissionMissing => consent == Consent::Unticked,
                    ConnectError::NoLastingAccess => consent == Consent::Fleeting,
                    ConnectError::OtherAccount => reconnects.is_some() && standing != reconnects,
                    ConnectError::AlreadyConnected => standing.is_some() && reconnects.is_none(),
                    _ => faulty,
                };
                if !expected {
                    return Err(format!("connecting gave {error:?}"));
                }
                self.unchanged(person, &before).await
            }
        }
    }

    /// A fault may have befallen the one request for the account.
    fn dice_was_faulty(&self, error: &ConnectError) -> bool {
        matches!(error, ConnectError::Unavailable(_))
    }

    /// A connection that did not come about leaves nothing half-made.
    async fn unchanged(&self, person: usize, before: &[ConnectionRow]) -> Verdict {
        let after = self.setup.inspect.connections(self.people[person].id).await;
        let told = |rows: &[ConnectionRow]| -> Vec<(Uuid, String, bool)> {
            rows.iter().map(|row| (row.id, row.status.clone(), row.has_tokens)).collect()
        };
        if told(&after) == told(before) { Ok(()) } else { Err(format!("half-made: {before:?} {after:?}")) }
    }

    /// About what is held.
    async fn decide(&mut self, person: usize) -> Verdict {
        let id = self.people[person].id;
        let mut held = self.setup.inspect.calendars(id).await;
        held.retain(|row| row.held > 0);
        held.sort_by(|one, other| one.external_id.cmp(&other.external_id));
        for row in held {
            if self.dice.chance(50) {
                self.tell(format!("the removals of {} are accepted", row.name));
                cover("removals accepted");
                if !self
                    .setup
                    .database
                    .accept_removals(id, CalendarId(row.id), self.now())
                    .await
                    .map_err(told)?
                {
                    return Err("nothing to accept".to_owned());
                }
            } else {
                self.tell(format!("the removals of {} are refused", row.name));
                cover("removals refused");
                self.engine(&Gate::open()).derive_due(10).await.map_err(told)?;
                let before = self.setup.inspect.rows(id).await;
                if !self
                    .setup
                    .database
                    .refuse_removals(id, CalendarId(row.id), self.now())
                    .await
                    .map_err(told)?
                {
                    return Err("nothing to refuse".to_owned());
                }
                self.engine(&Gate::open()).derive_due(10).await.map_err(told)?;
                let after = self.setup.inspect.rows(id).await;
                let lost = before.iter().filter(|row| row.ends_at > self.now()).find(|row| {
                    !after
                        .iter()
                        .any(|other| (other.starts_at, other.ends_at) == (row.starts_at, row.ends_at))
                });
                if let Some(lost) = lost {
                    return Err(format!("refused, and yet unblocked: {lost:?}"));
                }
            }
            let connection = ConnectionId(row.connection_id);
            let of = |key: &Key| key.connection == connection && key.calendar == row.external_id;
            self.people[person].must.retain(|key, _| !of(key));
        }
        Ok(())
    }

    // What must hold.

    fn truth(&mut self, person: usize) -> Blocked {
        let person = &self.people[person];
        let chosen: Vec<Chosen> = person
            .choices
            .values()
            .filter(|choice| choice.selected)
            .filter_map(|choice| {
                let connection =
                    person.connections.iter().find(|one| one.live && one.id == choice.connection)?;
                Some(Chosen {
                    connection: choice.connection,
                    account: connection.account,
                    calendar: choice.calendar.clone(),
                    block_free: choice.block_free,
                })
            })
            .collect();
        let sim = lock(&self.sim.state);
        self.model.blocked(&sim.world, &chosen, person.zone, self.setup.clock.now())
    }

    /// At any moment: nothing is missing that was there when all was quiet and that nobody has touched since.
    async fn check(&mut self) -> Verdict {
        for number in 0..self.people.len() {
            self.adopt(number).await?;
            let truth = self.truth(number);
            let now = self.now();
            let person = &mut self.people[number];
            person.must.retain(|key, (start, end, _)| truth.get(key) == Some(&(*start, *end)));
            // A lie is only held back where it would cost more than twenty blocks that are not over.
            let mut ahead: BTreeMap<(ConnectionId, String), usize> = BTreeMap::new();
            for (key, (_, end, _)) in &person.must {
                if *end > now {
                    *ahead.entry((key.connection, key.calendar.clone())).or_default() += 1;
                }
            }
            {
                let sim = lock(&self.sim.state);
                let connections = &person.connections;
                person.must.retain(|key, _| {
                    let account =
                        connections.iter().find(|one| one.id == key.connection).map(|one| one.account);
                    let lied = account
                        .and_then(|account| sim.world.calendar(account, &key.calendar))
                        .is_some_and(|calendar| calendar.lie.is_some());
                    let many =
                        ahead.get(&(key.connection, key.calendar.clone())).is_some_and(|blocks| *blocks > 20);
                    if lied && many {
                        cover("a lie is borne");
                    }
                    !lied || many
                });
            }
            let rows = self.setup.inspect.rows(person.id).await;
            let rows: BTreeMap<Uuid, &Row> = rows.iter().map(|row| (row.id, row)).collect();
            for (key, (start, end, id)) in &person.must {
                match rows.get(id) {
                    Some(row) if (row.starts_at, row.ends_at) == (*start, *end) => {}
                    Some(row) => {
                        return Err(format!("a block was moved: {key:?} {start} {end}, now {row:?}"));
                    }
                    None => return Err(format!("a block was lost: {key:?} {start} {end}")),
                }
            }
        }
        Ok(())
    }

    /// Takes note of calendars that the store has come to know, and of the ones that it has forgotten.
    async fn adopt(&mut self, number: usize) -> Verdict {
        let id = self.people[number].id;
        let rows = self.setup.inspect.calendars(id).await;
        let person = &mut self.people[number];
        for row in &rows {
            let known = person.choices.get(&row.id);
            match known {
                Some(choice) => {
                    if (choice.selected, choice.block_free) != (row.selected, row.block_free) {
                        return Err(format!("a choice was changed: {row:?}"));
                    }
                }
                None => {
                    // A first list selects the primary one.
                    if row.selected != row.is_primary || row.block_free {
                        return Err(format!("a choice that nobody made: {row:?}"));
                    }
                    person.choices.insert(
                        row.id,
                        Choice {
                            connection: ConnectionId(row.connection_id),
                            calendar: row.external_id.clone(),
                            selected: row.selected,
                            block_free: row.block_free,
                        },
                    );
                }
            }
        }
        let forgotten: Vec<Uuid> =
            person.choices.keys().filter(|id| !rows.iter().any(|row| row.id == **id)).copied().collect();
        for id in forgotten {
            let choice = person.choices.remove(&id).expect("it is there");
            if choice.selected {
                return Err(format!("a selected calendar was forgotten: {}", choice.calendar));
            }
        }
        Ok(())
    }

    /// Lets everything come to rest, and compares.
    async fn quiet(&mut self) -> Verdict {
        self.end_faults();
        // The list of calendars is read hourly, and a series that could not be expanded is asked for again.
        self.pass_some(TimeDelta::minutes(1), 61, 70);
        let mut since = self.now();
        let mut rest = None;
        for _ in 0..60 {
            self.program(&Gate::open()).await;
            self.check().await?;
            match self.unrest(since).await? {
                Unrest::None => {
                    rest = Some(());
                    break;
                }
                Unrest::Because(what) => {
                    rest = None;
                    if self.aloud {
                        self.tell(format!("not quiet: {what}"));
                    }
                }
                Unrest::Settled => {
                    since = self.now();
                }
            }
            self.wait_for_work().await;
        }
        if rest.is_none() {
            let why = self.unrest(since).await?;
            return Err(format!("it never gets quiet: {why:?}"));
        }
        cover("quiet");
        for number in 0..self.people.len() {
            self.compare(number).await?;
        }
        self.again().await?;
        if self.dice.chance(30) {
            self.slide().await?;
        }
        Ok(())
    }

    /// As time passes, and as the provider travels, blocks come and go without the platform being asked.
    async fn slide(&mut self) -> Verdict {
        let unreadable = {
            let sim = lock(&self.sim.state);
            let mut events =
                sim.world.accounts.iter().flat_map(|one| &one.calendars).flat_map(|one| one.events.values());
            events.any(|event| matches!(&event.what, What::Series(series) if !series.readable))
        };
        if unreadable {
            return Ok(());
        }
        cover("time passes without a word from the platform");
        self.pass_some(TimeDelta::hours(1), 1, 24 * 40);
        for number in 0..self.people.len() {
            if self.dice.chance(40) {
                self.move_to_another_zone(number).await?;
            }
            self.compare(number).await?;
        }
        Ok(())
    }

    /// Until a connection is due.
    async fn wait_for_work(&self) {
        let now = self.now();
        let mut next = now + TimeDelta::minutes(10);
        for person in &self.people {
            for row in self.setup.inspect.connections(person.id).await {
                if matches!(row.status.as_str(), "connected" | "disconnecting") {
                    let due = if row.wanted > row.covered { now } else { row.next_sync_at };
                    next =
                        next.min(due.max(row.leased_until.unwrap_or(now)).max(row.not_before.unwrap_or(now)));
                }
            }
        }
        self.setup.clock.set(next.max(now + TimeDelta::seconds(5)));
    }

    async fn unrest(&mut self, since: DateTime<Utc>) -> Result<Unrest, String> {
        for number in 0..self.people.len() {
            let id = self.people[number].id;
            let mut settled = false;
            for row in self.setup.inspect.connections(id).await {
                let one = self.people[number].connections.iter().find(|one| one.id.0 == row.id);
                let one = one.ok_or_else(|| format!("a connection from nowhere: {row:?}"))?;
                let (live, account) = (one.live, one.account);
                match row.status.as_str() {
                    "needs_reconnect" if live => {
                        if !lock(&self.sim.state).said_dead.contains(&account) {
                            return Err(format!("flagged without a reason: {row:?}"));
                        }
                        cover("needs to be reconnected");
                        self.connect(number, account, Some(ConnectionId(row.id)), Consent::Full).await?;
                        settled = true;
                    }
                    "connected" if live => {
                        let fresh = |at: Option<DateTime<Utc>>| at.is_some_and(|at| at >= since);
                        if !(fresh(row.last_synced_at) && fresh(row.calendars_listed_at))
                            || row.wanted > row.covered
                            || row.leased_until.is_some()
                            || row.failures > 0
                            || row.next_sync_at <= self.now()
                        {
                            return Ok(Unrest::Because(format!("{row:?}")));
                        }
                    }
                    "disconnecting" if !live => return Ok(Unrest::Because(format!("{row:?}"))),
                    "disconnected" if !live => {
                        if row.has_tokens {
                            return Err(format!("disconnected, with tokens: {row:?}"));
                        }
                        cover("disconnected");
                    }
                    _ => return Err(format!("a connection is not what was wished: {row:?}")),
                }
            }
            let mut calendars = self.setup.inspect.calendars(id).await;
            calendars.sort_by(|one, other| one.external_id.cmp(&other.external_id));
            for row in &calendars {
                if row.gone && row.selected {
                    if self.dice.chance(50) {
                        cover("a calendar that is gone is unselected");
                        self.select_as(number, row.id, false).await?;
                    } else {
                        self.list_again(number, row);
                    }
                    settled = true;
                }
            }
            if settled {
                return Ok(Unrest::Settled);
            }
            if calendars.iter().any(|row| row.held > 0) {
                self.decide(number).await?;
                return Ok(Unrest::Settled);
            }
            if let Some(row) = calendars.iter().find(|row| row.selected && row.last_error.is_some()) {
                return Ok(Unrest::Because(format!("{row:?}")));
            }
            let (zone, behind) = self.setup.inspect.provider(id).await;
            if zone != self.people[number].zone.name() {
                return Err(format!("the provider's zone is {zone}"));
            }
            if behind {
                return Ok(Unrest::Because("to be derived".to_owned()));
            }
        }
        Ok(Unrest::None)
    }

    fn list_again(&mut self, person: usize, row: &CalendarRow) {
        let account = self.people[person].connections.iter().find(|one| one.id.0 == row.connection_id);
        let account = account.expect("it is theirs").account;
        if let Some(calendar) = lock(&self.sim.state).world.calendar_mut(account, &row.external_id) {
            calendar.listed = true;
        }
        self.tell(format!("{} is listed again", row.name));
        // The list is read within the hour.
        self.pass(TimeDelta::minutes(61));
    }

    /// What is blocked is what the model says.
    async fn compare(&mut self, number: usize) -> Verdict {
        // The day may have changed since the last round.
        self.engine(&Gate::open()).derive_due(10).await.map_err(told)?;
        let truth = self.truth(number);
        let id = self.people[number].id;
        let rows = self.setup.inspect.rows(id).await;
        let person = &self.people[number];
        let mut blocked: BTreeMap<Key, (DateTime<Utc>, DateTime<Utc>, Uuid)> = BTreeMap::new();
        for row in &rows {
            let Some(calendar) = row.calendar_id else { continue };
            let choice = person.choices.get(&calendar);
            let choice = choice.ok_or_else(|| format!("a block of an unknown calendar: {row:?}"))?;
            let key = Key {
                connection: choice.connection,
                calendar: choice.calendar.clone(),
                event: row.event_id.clone().unwrap_or_default(),
                slot: row.original_start.clone().unwrap_or_default(),
            };
            blocked.insert(key, (row.starts_at, row.ends_at, row.id));
        }
        for (key, (start, end)) in &truth {
            match blocked.get(key) {
                Some((starts, ends, _)) if (starts, ends) == (start, end) => {}
                Some((starts, ends, _)) => {
                    return Err(format!(
                        "blocked at another time: {key:?} {starts} {ends}, should be {start} {end}"
                    ));
                }
                None => return Err(format!("not blocked: {key:?} {start} {end}")),
            }
        }
        if let Some((key, at)) = blocked.iter().find(|(key, _)| !truth.contains_key(*key)) {
            return Err(format!("blocked without a reason: {key:?} {at:?}"));
        }
        if !blocked.is_empty() {
            cover("quiet with blocks");
        }
        self.people[number].must = blocked;
        self.compare_calendars(number).await?;
        self.compare_told(number, &rows).await?;
        self.compare_log(number).await
    }

    /// The lists of what is to come say of the very blocks that are there that they block, and when.
    async fn compare_told(&self, number: usize, rows: &[Row]) -> Verdict {
        let (db, now) = (&self.setup.database, self.now());
        let person = &self.people[number];
        let provider = db.provider(person.id).await.map_err(told)?.ok_or("the provider is gone")?;
        for calendar in self.setup.inspect.calendars(person.id).await {
            let mut blocks = BTreeMap::new();
            let mut page = 1;
            loop {
                let id = CalendarId(calendar.id);
                let shown = db.upcoming(&provider, id, Which::All, page, now).await.map_err(told)?;
                let shown = shown.ok_or("their own calendar is not theirs")?;
                for row in shown.rows {
                    if !row.verdict.blocks() {
                        cover("told why it does not block");
                        continue;
                    }
                    let block = row.block.ok_or_else(|| format!("blocks without a block: {row:?}"))?;
                    blocks.insert(block.0, (row.interval.start, row.interval.end));
                }
                if !shown.more {
                    break;
                }
                page += 1;
            }
            let there = rows.iter().filter(|row| row.calendar_id == Some(calendar.id) && row.ends_at > now);
            let there: BTreeMap<_, _> = there.map(|row| (row.id, (row.starts_at, row.ends_at))).collect();
            if blocks != there {
                return Err(format!("{}: told to block {blocks:?}, blocked are {there:?}", calendar.name));
            }
            if let Some(id) = there.keys().next() {
                let reason = db.block_reason(person.id, UnavailabilityId(*id)).await.map_err(told)?;
                let imported = reason.and_then(|reason| reason.imported).ok_or("a block without a reason")?;
                if imported.calendar.0 != calendar.id || !imported.because.blocks() {
                    return Err(format!("a block for no reason: {imported:?}"));
                }
            }
        }
        Ok(())
    }

    /// What the log counts is what it tells, event by event.
    async fn compare_log(&self, number: usize) -> Verdict {
        let (db, person) = (&self.setup.database, &self.people[number]);
        for row in db.sync_log(person.id, None, 1).await.map_err(told)?.rows {
            let live = person.connections.iter().any(|one| one.id == row.connection && one.live);
            let round = db.sync_round(person.id, row.id).await.map_err(told)?.ok_or("a round is gone")?;
            let mut counted = [row.added, row.changed, row.removed, row.held];
            if !live {
                if !round.calendars.is_empty() {
                    return Err(format!("the log of a connection that ended still tells: {row:?}"));
                }
                continue;
            }
            for calendar in &round.calendars {
                let changes = calendar.changes.as_ref().ok_or("changes do not open")?;
                if changes.more > 0 {
                    return Err(format!("more than is noted: {changes:?}"));
                }
                for entry in &changes.entries {
                    cover(match entry.kind {
                        Kind::Added => "log: added",
                        Kind::Changed => "log: changed",
                        Kind::Removed => "log: removed",
                        Kind::Held => "log: held",
                    });
                    counted[entry.kind as usize] -= 1;
                    let lacks_before = entry.before.is_none() && entry.kind != Kind::Added;
                    let lacks_after =
                        entry.after.is_none() && matches!(entry.kind, Kind::Added | Kind::Changed);
                    if lacks_before || lacks_after {
                        cover("log: an entry that knows only one side");
                    }
                }
            }
            if counted != [0; 4] {
                return Err(format!("the log counts {row:?}, and tells {:?}", round.calendars));
            }
            if row.outcome == "unfinished" {
                cover("log: a round was cut off");
            }
        }
        Ok(())
    }

    /// The calendars are those that are listed, and hold only what they should.
    async fn compare_calendars(&self, number: usize) -> Verdict {
        let person = &self.people[number];
        let rows = self.setup.inspect.calendars(person.id).await;
        let sim = lock(&self.sim.state);
        for connection in &person.connections {
            let mut stored: Vec<(&str, &str, Option<&str>)> = rows
                .iter()
                .filter(|row| row.connection_id == connection.id.0)
                .map(|row| (row.external_id.as_str(), row.name.as_str(), row.time_zone.as_deref()))
                .collect();
            let listed = sim.world.seen_by(connection.account).into_iter();
            let mut listed: Vec<(&str, &str, Option<&str>)> = listed
                .filter(|_| connection.live)
                .map(|(calendar, _)| {
                    (calendar.id.as_str(), calendar.name.as_str(), Some(calendar.zone.as_str()))
                })
                .collect();
            stored.sort_unstable();
            listed.sort_unstable();
            if stored != listed {
                return Err(format!("calendars: {stored:?}, should be {listed:?}"));
            }
        }
        drop(sim);
        match rows.iter().find(|row| !row.selected && row.events > 0) {
            Some(row) => Err(format!("unselected, and its events are still stored: {row:?}")),
            None => Ok(()),
        }
    }

    async fn wake_all(&self) -> Verdict {
        for person in &self.people {
            for connection in person.connections.iter().filter(|one| one.live) {
                if !self.setup.database.wake(person.id, connection.id).await.map_err(told)? {
                    return Err("a live connection cannot be woken".to_owned());
                }
            }
        }
        Ok(())
    }

    /// A further round writes nothing that blocks; and a wake-up during a round is followed by another one.
    async fn again(&mut self) -> Verdict {
        let mut before = Vec::new();
        for number in 0..self.people.len() {
            let id = self.people[number].id;
            before.push(self.setup.inspect.rows(id).await);
        }
        self.wake_all().await?;
        let gate = Gate::closed();
        let mut program = self.program(&gate);
        // It has taken the leases.
        if gate.advance(&mut program, 1).await.is_none() {
            self.wake_all().await?;
            gate.advance(&mut program, u64::MAX).await;
        }
        let asked = self.now();
        self.setup.clock.advance(TimeDelta::seconds(1));
        let woken = self.now();
        self.program(&Gate::open()).await;
        for (number, before) in before.iter().enumerate() {
            let id = self.people[number].id;
            let day = |at: DateTime<Utc>| at.with_timezone(&self.people[number].zone).date_naive();
            if day(asked) == day(woken) && self.setup.inspect.rows(id).await != *before {
                return Err("a round with no news wrote blocks".to_owned());
            }
            for row in self.setup.inspect.connections(id).await {
                // A program that stopped right after a disconnect leaves a lease that nobody can want any more.
                let over = row.status == "disconnected";
                if !over && (row.leased_until.is_some() || row.wanted > row.covered) {
                    return Err(format!("a lease or a wake-up is left: {row:?}"));
                }
                if row.status == "connected" && row.last_synced_at.is_none_or(|at| at < woken) {
                    return Err(format!("a wake-up was lost: {row:?}"));
                }
                if row.last_synced_at.is_some() && row.rounds == 0 {
                    return Err(format!("rounds are not in the log: {row:?}"));
                }
            }
        }
        self.check().await
    }
}

#[derive(Debug)]
enum Unrest {
    None,
    Because(String),
    /// Something was put right, and has to be synced.
    Settled,
}

fn told(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}

const STEPS: [(Step, usize); 26] = [
    (Step::Edit, 24),
    (Step::Rounds, 16),
    (Step::Crash, 8),
    (Step::StoreFails, 4),
    (Step::Race, 4),
    (Step::Derive, 2),
    (Step::Minutes, 10),
    (Step::Hours, 5),
    (Step::Days, 3),
    (Step::Weeks, 2),
    (Step::Fault, 8),
    (Step::FaultsEnd, 5),
    (Step::Calendars, 5),
    (Step::ExpireCursors, 3),
    (Step::Select, 7),
    (Step::BlockFree, 2),
    (Step::Zone, 2),
    (Step::Wake, 4),
    (Step::Connect, 3),
    (Step::Disconnect, 1),
    (Step::Reconnect, 2),
    (Step::Withdraw, 1),
    (Step::Decide, 3),
    (Step::Lie, 3),
    (Step::Garble, 2),
    (Step::Quiet, 4),
];

/// What may happen while programs run.
const MEANWHILE: [(Step, usize); 9] = [
    (Step::Edit, 6),
    (Step::Minutes, 5),
    (Step::Select, 3),
    (Step::Wake, 2),
    (Step::Disconnect, 2),
    (Step::Zone, 1),
    (Step::BlockFree, 1),
    (Step::ExpireCursors, 5),
    (Step::Connect, 1),
];
