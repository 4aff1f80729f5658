//! What must hold: at any moment, and when all is quiet.

use super::{Choice, History, Verdict, told};
use crate::inspect::Row;
use crate::model::{Blocked, Chosen, Key};
use crate::support::{Gate, cover, lock};
use chrono::{DateTime, Utc};
use simone_booking::id::UnavailabilityId;
use simone_booking::{BookingId, CalendarId, Clock, ConnectionId};
use simone_store::views::Which;
use simone_sync::log::Kind;
use std::collections::BTreeMap;
use uuid::Uuid;

impl History<'_> {
    pub(super) fn truth(&mut self, person: usize) -> Blocked {
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
        let booked = |id: BookingId| person.bookings.contains_key(&id);
        self.model.blocked(&sim.world, &chosen, &booked, person.zone, self.setup.clock.now())
    }

    /// At any moment: nothing is missing that was there when all was quiet and that nobody has touched since.
    pub(super) async fn check(&mut self) -> Verdict {
        self.check_exports()?;
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
    pub(super) async fn adopt(&mut self, number: usize) -> Verdict {
        let id = self.people[number].id;
        let rows = self.setup.inspect.calendars(id).await;
        let person = &mut self.people[number];
        for row in &rows {
            let known = person.choices.get(&row.id);
            match known {
                Some(choice) => {
                    let chosen = (choice.selected, choice.receives, choice.block_free);
                    if chosen != (row.selected, row.receives, row.block_free) {
                        return Err(format!("a choice was changed: {row:?}"));
                    }
                }
                None => {
                    // A first list selects the primary one, which receives bookings if it can be written.
                    if row.selected != row.is_primary || row.receives && !row.is_primary || row.block_free {
                        return Err(format!("a choice that nobody made: {row:?}"));
                    }
                    person.choices.insert(
                        row.id,
                        Choice {
                            connection: ConnectionId(row.connection_id),
                            calendar: row.external_id.clone(),
                            selected: row.selected,
                            receives: row.receives,
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
            if choice.selected || choice.receives {
                return Err(format!("a chosen calendar was forgotten: {}", choice.calendar));
            }
        }
        Ok(())
    }

    /// What is blocked is what the model says.
    pub(super) async fn compare(&mut self, number: usize) -> Verdict {
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
        self.compare_exports(number, &truth).await?;
        let failing = self.setup.inspect.failing(id).await;
        if !failing.is_empty() {
            return Err(format!("bookings get into calendars, and it is told that they do not: {failing:?}"));
        }
        self.compare_calendars(number).await?;
        self.compare_told(number, &rows).await?;
        self.compare_log(number).await
    }

    /// The lists of what is to come say of the very blocks that are there that they block, and when.
    pub(super) async fn compare_told(&self, number: usize, rows: &[Row]) -> Verdict {
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
    pub(super) async fn compare_log(&self, number: usize) -> Verdict {
        let (db, person) = (&self.setup.database, &self.people[number]);
        for row in db.sync_log(person.id, None, 1).await.map_err(told)?.rows {
            let live = person.connections.iter().any(|one| one.id == row.connection && one.live);
            let round = db.sync_round(person.id, row.id).await.map_err(told)?.ok_or("a round is gone")?;
            let mut counted = [row.added, row.changed, row.removed, row.held];
            if !live {
                // Of its last round, what was removed of ours.
                if round.calendars.iter().any(|one| !one.calendar.0.is_nil()) {
                    return Err(format!("the log of a connection that ended still tells: {row:?}"));
                }
                continue;
            }
            // What was exported is counted apart.
            for calendar in round.calendars.iter().filter(|one| !one.calendar.0.is_nil()) {
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
    pub(super) async fn compare_calendars(&self, number: usize) -> Verdict {
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
        match rows.iter().find(|row| !row.selected && !row.receives && row.events > 0) {
            Some(row) => Err(format!("unselected, and its events are still stored: {row:?}")),
            None => Ok(()),
        }
    }
}
