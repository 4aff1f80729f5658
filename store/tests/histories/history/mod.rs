//! One history: people edit, platforms fail, programs stop; and whenever all is quiet, what is blocked is what the
//! model says.

use crate::inspect::Inspect;
use crate::model::{Key, Model};
use crate::platform::{Consent, Sim};
use crate::support::{Dice, Gate, SharedRng, VirtualClock, cover, lock};
use crate::world::{Account, Calendar, World, ZONES, zone_name};
use crate::{edits, ours};
use bookings::Booked;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use futures::FutureExt;
use simone_booking::id::{BookingId, ServiceId};
use simone_booking::{Clock, ConnectionId, Ids, Locale, ProviderId};
use simone_store::{Database, NewProvider};
use simone_sync::platform::Platform;
use simone_sync::ports::Choices;
use std::collections::BTreeMap;
use std::sync::Arc;
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

mod bookings;
mod compare;
mod exports;
mod faults;
mod people;
mod programs;
mod quiet;
mod settling;

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
    services: Vec<ServiceId>,
    bookings: BTreeMap<BookingId, Booked>,
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
    receives: bool,
    block_free: bool,
}

#[derive(Clone, Copy)]
enum Step {
    Edit,
    EditOurs,
    Book,
    Rebook,
    Settle,
    Receive,
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
    let platforms = match accounts {
        2 if dice.chance(50) => Platform::ALL,
        _ => [*dice.pick(&Platform::ALL); 2],
    };
    if accounts == 1 || platforms[0] == platforms[1] {
        cover(if platforms[0] == Platform::Google { "only Google" } else { "only Outlook" });
    }
    for (number, platform) in platforms.into_iter().enumerate().take(accounts) {
        let others = dice.below(3);
        let mut account = Account {
            platform,
            sub: format!("person-{seed}-{number}"),
            email: format!("person-{seed}-{number}@example.test"),
            calendars: Vec::new(),
            shared: Vec::new(),
            names: BTreeMap::new(),
        };
        for other in 0..=others {
            let primary = other == 0;
            account.calendars.push(Calendar {
                platform,
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
    if accounts == 2 && platforms[0] == platforms[1] && dice.chance(40) {
        // The second account sees a calendar of the first one's as well.
        let at = dice.below(world.accounts[0].calendars.len());
        let id = world.accounts[0].calendars[at].id.clone();
        world.accounts[1].shared.push((0, id));
        cover("two accounts share a calendar");
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
                services: Vec::new(),
                bookings: BTreeMap::new(),
            });
            self.offer(number).await?;
            self.connect(number, 0, None, Consent::Full).await?;
        }
        let mixed = {
            let sim = lock(&self.sim.state);
            sim.world.accounts.iter().any(|one| one.platform != sim.world.accounts[0].platform)
        };
        if mixed {
            cover("one provider with both");
            self.connect(0, 1, None, Consent::Full).await?;
        }
        if people == 2 {
            let outlook = lock(&self.sim.state).world.accounts[0].platform == Platform::Outlook;
            cover(if outlook {
                "two providers share an account of Outlook"
            } else {
                "two providers share an account"
            });
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
            Step::EditOurs => {
                for _ in 0..=self.dice.below(2) {
                    self.edit_ours();
                }
            }
            Step::Book => self.book(person).await?,
            Step::Rebook => self.rebook(person).await?,
            Step::Settle => self.settle(person).await?,
            Step::Receive => self.receive(person).await?,
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
            self.edit_ours();
        }
        if self.dice.chance(30) {
            self.book(person).await?;
        }
        if self.dice.chance(30) {
            self.rebook(person).await?;
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

    fn edit_ours(&mut self) {
        let now = self.now();
        let done = {
            let mut sim = lock(&self.sim.state);
            let account = self.dice.below(sim.world.accounts.len());
            ours::edit(&mut sim.world, &mut self.dice, account, now)
        };
        if let Some(done) = done {
            self.tell(done);
        }
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
}

fn told(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}

const STEPS: [(Step, usize); 31] = [
    (Step::Edit, 18),
    (Step::EditOurs, 16),
    (Step::Book, 12),
    (Step::Rebook, 12),
    (Step::Settle, 8),
    (Step::Receive, 2),
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
const MEANWHILE: [(Step, usize); 14] = [
    (Step::Edit, 6),
    (Step::EditOurs, 6),
    (Step::Book, 4),
    (Step::Rebook, 6),
    (Step::Settle, 2),
    (Step::Receive, 1),
    (Step::Minutes, 5),
    (Step::Select, 3),
    (Step::Wake, 2),
    (Step::Disconnect, 2),
    (Step::Zone, 1),
    (Step::BlockFree, 1),
    (Step::ExpireCursors, 5),
    (Step::Connect, 1),
];
