//! The provider's side: what they connect, choose and decide.

use super::{Choice, Connection, History, Verdict, told};
use crate::inspect::{CalendarRow, ConnectionRow, Row};
use crate::model::Key;
use crate::platform::Consent;
use crate::support::{Gate, cover, lock};
use crate::world::ZONES;
use chrono_tz::Tz;
use simone_booking::{CalendarId, ConnectionId};
use simone_sync::connect::{Callback, Connect, ConnectError, Connected};
use simone_sync::ports::Choices;
use std::sync::Arc;
use url::Url;
use uuid::Uuid;

impl History<'_> {
    pub(super) fn some_live(&mut self, person: usize) -> Option<ConnectionId> {
        let live: Vec<ConnectionId> =
            self.people[person].connections.iter().filter(|one| one.live).map(|one| one.id).collect();
        (!live.is_empty()).then(|| *self.dice.pick(&live))
    }

    /// Their calendars, in an order that does not hang on ids.
    pub(super) fn some_choice(&mut self, person: usize) -> Option<Uuid> {
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

    pub(super) async fn move_to_another_zone(&mut self, person: usize) -> Verdict {
        let zone: Tz = self.dice.pick(&ZONES).parse().expect("a zone");
        self.tell(format!("provider {person} moves to {zone}"));
        cover("the provider's zone changes");
        let id = self.people[person].id;
        self.setup.database.set_zone(id, zone, self.now()).await.map_err(told)?;
        self.people[person].zone = zone;
        Ok(())
    }

    pub(super) async fn select(&mut self, person: usize) -> Verdict {
        let Some(calendar) = self.some_choice(person) else { return Ok(()) };
        let choice = &self.people[person].choices[&calendar];
        // One that is selected already may be selected again: no harm is done.
        let selected = if self.dice.chance(80) { !choice.selected } else { choice.selected };
        self.select_as(person, calendar, selected).await
    }

    pub(super) async fn select_as(&mut self, person: usize, calendar: Uuid, selected: bool) -> Verdict {
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

    /// Which calendar of a connection receives bookings.
    pub(super) async fn receive(&mut self, person: usize) -> Verdict {
        let Some(connection) = self.some_live(person) else { return Ok(()) };
        let id = self.people[person].id;
        let mut rows = self.setup.inspect.calendars(id).await;
        rows.retain(|row| row.connection_id == connection.0);
        rows.sort_by(|one, other| one.external_id.cmp(&other.external_id));
        let row = (!rows.is_empty() && self.dice.chance(85)).then(|| self.dice.pick(&rows).clone());
        self.receive_in(person, connection, row.as_ref()).await
    }

    pub(super) async fn receive_in(
        &mut self,
        person: usize,
        connection: ConnectionId,
        row: Option<&CalendarRow>,
    ) -> Verdict {
        // What a round under way has come to know can be chosen at once.
        self.adopt(person).await?;
        let id = self.people[person].id;
        self.tell(format!("{} is to receive bookings", row.map_or("no calendar", |row| &row.name)));
        let calendar = row.map(|row| CalendarId(row.id));
        let done =
            self.setup.database.set_receiving(id, connection, calendar, self.now()).await.map_err(told)?;
        cover(match (done, calendar) {
            (false, _) => "receive: not possible",
            (true, None) => "receive: nowhere",
            (true, Some(_)) => "receive: another calendar",
        });
        if done {
            let choices = self.people[person].choices.iter_mut();
            for (id, choice) in choices.filter(|(_, choice)| choice.connection == connection) {
                choice.receives = calendar == Some(CalendarId(*id));
            }
        }
        self.release_all();
        Ok(())
    }

    /// What was deleted by hand may be made anew: the calendars are to be filled afresh.
    pub(super) fn release_all(&self) {
        lock(&self.sim.state).told_deleted.clear();
    }

    pub(super) async fn block_free(&mut self, person: usize) -> Verdict {
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

    pub(super) async fn disconnect(&mut self, person: usize) -> Verdict {
        let Some(connection) = self.some_live(person) else { return Ok(()) };
        let keep = self.dice.chance(40);
        self.tell(format!("disconnect, and keep our events: {keep}"));
        cover(if keep { "disconnect, keep events" } else { "disconnect" });
        let id = self.people[person].id;
        if !self.setup.database.disconnect(id, connection, keep, self.now()).await.map_err(told)? {
            return Err("a connection cannot be disconnected".to_owned());
        }
        self.release_all();
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

    pub(super) async fn connect(
        &mut self,
        person: usize,
        account: usize,
        reconnects: Option<ConnectionId>,
        consent: Consent,
    ) -> Verdict {
        let provider = self.people[person].id;
        let of = |account: usize| lock(&self.sim.state).world.accounts[account].platform;
        // Reconnecting leads to the platform of what is reconnected, where they may log in as somebody else.
        let connected = &self.people[person].connections;
        let known = connected.iter().find(|one| Some(one.id) == reconnects).map(|one| one.account);
        let account = known.filter(|known| of(*known) != of(account)).unwrap_or(account);
        let platform = of(account);
        let connect = Connect::new(
            Arc::new(self.setup.database.clone()),
            self.platforms(&Gate::open()),
            self.setup.clock.clone(),
            self.ids.clone(),
            Url::parse("https://simone.test").expect("an address"),
        );
        let before = self.setup.inspect.connections(provider).await;
        let url = connect.begin(provider, b"session", platform, reconnects).await.map_err(told)?;
        let state = url.query_pairs().find(|(key, _)| key == "state").map(|(_, value)| value.into_owned());
        let state = state.ok_or("no state")?;
        let callback = |code: Option<String>, error: Option<&str>| Callback {
            state: Some(state.clone()),
            code: code.map(Into::into),
            error: error.map(str::to_owned),
            description: None,
        };
        if self.dice.chance(8) {
            self.tell("connect: refused");
            cover("connect: refused");
            let done = connect.complete(platform, b"session", callback(None, Some("access_denied"))).await;
            return match done {
                Err(ConnectError::Refused) => self.unchanged(person, &before).await,
                other => Err(format!("a refusal gave {other:?}")),
            };
        }
        let code = self.sim.consent(&state, account, consent);
        if self.dice.chance(8) {
            cover("connect: another session");
            let done = connect.complete(platform, b"other", callback(Some(code.clone()), None)).await;
            if !matches!(done, Err(ConnectError::NotUnderWay)) {
                return Err(format!("another session's callback gave {done:?}"));
            }
        }
        let done = connect.complete(platform, b"session", callback(Some(code.clone()), None)).await;
        if self.dice.chance(8) {
            cover("connect: the callback twice");
            let again = connect.complete(platform, b"session", callback(Some(code), None)).await;
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
                self.release_all();
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
    pub(super) fn dice_was_faulty(&self, error: &ConnectError) -> bool {
        matches!(error, ConnectError::Unavailable(_))
    }

    /// A connection that did not come about leaves nothing half-made.
    pub(super) async fn unchanged(&self, person: usize, before: &[ConnectionRow]) -> Verdict {
        let after = self.setup.inspect.connections(self.people[person].id).await;
        let told = |rows: &[ConnectionRow]| -> Vec<(Uuid, String, bool)> {
            rows.iter().map(|row| (row.id, row.status.clone(), row.has_tokens)).collect()
        };
        if told(&after) == told(before) { Ok(()) } else { Err(format!("half-made: {before:?} {after:?}")) }
    }

    /// About what is held.
    pub(super) async fn decide(&mut self, person: usize) -> Verdict {
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
}
