//! Letting everything come to rest.

use super::{History, Verdict, told};
use crate::inspect::CalendarRow;
use crate::platform::Consent;
use crate::support::{Gate, cover, lock};
use crate::world::What;
use chrono::{DateTime, TimeDelta, Utc};
use simone_booking::ConnectionId;
use simone_sync::platform::Platform;
use simone_sync::ports::Choices;
use std::collections::BTreeSet;

impl History<'_> {
    /// Lets everything come to rest, and compares.
    pub(super) async fn quiet(&mut self) -> Verdict {
        self.end_faults();
        self.calm(true);
        // The list of calendars is read hourly, and a series that could not be expanded is asked for again.
        self.pass_some(TimeDelta::minutes(1), 61, 70);
        let mut since = self.now();
        let mut rest = None;
        let mut writes = self.writes();
        let live: usize = self.people.iter().map(|one| one.connections.len()).sum();
        for _ in 0..90 * live.max(1) {
            let resting = self.resting().await;
            lock(&self.sim.state).resting = resting;
            self.program(&Gate::open()).await;
            lock(&self.sim.state).resting.clear();
            self.check().await?;
            match self.unrest(since).await? {
                Unrest::None if self.writes() == writes => {
                    rest = Some(());
                    break;
                }
                Unrest::None => {
                    // Whoever else sees the calendar has yet to hear of what was written.
                    writes = self.writes();
                    self.wake_all().await?;
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
        self.calm(false);
        if self.dice.chance(30) {
            self.slide().await?;
        }
        Ok(())
    }

    /// The calendars, by account, of which everybody knows that they are gone: nothing is asked there. Only who
    /// disconnects knows of no calendar any more.
    async fn resting(&self) -> BTreeSet<(usize, String)> {
        let mut resting = BTreeSet::new();
        {
            let sim = lock(&self.sim.state);
            let gone = sim.world.accounts.iter().flat_map(|account| &account.calendars);
            for calendar in gone.filter(|calendar| !calendar.listed) {
                resting.extend((0..sim.world.accounts.len()).map(|account| (account, calendar.id.clone())));
            }
        }
        for person in &self.people {
            let rows = self.setup.inspect.calendars(person.id).await;
            for connection in self.setup.inspect.connections(person.id).await {
                let of = person.connections.iter().find(|one| one.id.0 == connection.id);
                let Some(of) = of.filter(|_| connection.status != "disconnected") else { continue };
                let mine = |row: &&CalendarRow| row.connection_id == connection.id && !row.gone;
                resting.retain(|(account, id)| {
                    let known = rows.iter().filter(mine).any(|row| row.external_id == *id);
                    *account != of.account || (connection.status != "disconnecting" && !known)
                });
            }
        }
        resting
    }

    pub(super) fn writes(&self) -> u64 {
        lock(&self.sim.state).writes
    }

    /// What is written shows at once, and calendars that receive bookings can be written.
    fn calm(&self, calm: bool) {
        let mut sim = lock(&self.sim.state);
        sim.calm = calm;
        for calendar in sim.world.accounts.iter_mut().flat_map(|account| &mut account.calendars) {
            calendar.writable |= calm;
        }
    }

    /// As time passes, and as the provider travels, blocks come and go without the platform being asked.
    pub(super) async fn slide(&mut self) -> Verdict {
        let (unreadable, bounded) = {
            let sim = lock(&self.sim.state);
            let bounded = sim.world.accounts.iter().any(|one| one.platform == Platform::Outlook);
            let mut events =
                sim.world.accounts.iter().flat_map(|one| &one.calendars).flat_map(|one| one.events.values());
            (events.any(|event| matches!(&event.what, What::Series(series) if !series.readable)), bounded)
        };
        if unreadable {
            return Ok(());
        }
        cover("time passes without a word from the platform");
        // What a bounded feed told of reaches two weeks beyond the horizon.
        self.pass_some(TimeDelta::hours(1), 1, 24 * if bounded { 12 } else { 40 });
        for number in 0..self.people.len() {
            if self.dice.chance(40) {
                self.move_to_another_zone(number).await?;
            }
            self.compare(number).await?;
        }
        Ok(())
    }

    /// Until a connection is due.
    pub(super) async fn wait_for_work(&self) {
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

    pub(super) async fn unrest(&mut self, since: DateTime<Utc>) -> Result<Unrest, String> {
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
                            || row.exports_wanted > row.exports_done
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
                if row.gone && (row.selected || row.receives) {
                    if row.receives {
                        cover("a receiving calendar is gone");
                        let told = self.setup.inspect.failing(id).await;
                        if !told.contains(&(row.connection_id,)) {
                            return Err(format!("a receiving calendar is gone, and nobody is told: {row:?}"));
                        }
                    }
                    if self.dice.chance(50) {
                        self.give_up(number, row, &calendars).await?;
                    } else {
                        if row.receives {
                            cover("a receiving calendar is back");
                        }
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

    /// The provider decides about a calendar that is gone: it is unselected, or another one receives bookings.
    async fn give_up(&mut self, number: usize, gone: &CalendarRow, all: &[CalendarRow]) -> Verdict {
        if gone.receives && (!gone.selected || self.dice.chance(50)) {
            let there = |row: &&CalendarRow| row.connection_id == gone.connection_id && !row.gone;
            let there: Vec<&CalendarRow> = all.iter().filter(there).collect();
            let other = (!there.is_empty() && self.dice.chance(80)).then(|| *self.dice.pick(&there));
            cover("a receiving calendar that is gone is given up");
            return self.receive_in(number, ConnectionId(gone.connection_id), other).await;
        }
        cover("a calendar that is gone is unselected");
        self.select_as(number, gone.id, false).await
    }

    pub(super) fn list_again(&mut self, person: usize, row: &CalendarRow) {
        let account = self.people[person].connections.iter().find(|one| one.id.0 == row.connection_id);
        let account = account.expect("it is theirs").account;
        if let Some(calendar) = lock(&self.sim.state).world.calendar_mut(account, &row.external_id) {
            calendar.listed = true;
        }
        self.tell(format!("{} is listed again", row.name));
        // The list is read within the hour.
        self.pass(TimeDelta::minutes(61));
    }

    pub(super) async fn wake_all(&self) -> Verdict {
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
    pub(super) async fn again(&mut self) -> Verdict {
        let mut before = Vec::new();
        for number in 0..self.people.len() {
            let id = self.people[number].id;
            before.push(self.setup.inspect.rows(id).await);
        }
        let writes = self.writes();
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
        // Of the connections to one account, one is asked about at a time.
        for _ in 0..self.people.len() {
            self.program(&Gate::open()).await;
        }
        let written = self.writes() - writes;
        if written > 0 {
            return Err(format!("{written} writes to the platform, for no reason"));
        }
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
pub(super) enum Unrest {
    None,
    Because(String),
    /// Something was put right, and has to be synced.
    Settled,
}
