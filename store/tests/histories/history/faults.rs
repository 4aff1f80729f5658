//! The platform's side: what fails, and what becomes of calendars and grants.

use super::History;
use crate::platform::Fault;
use crate::support::{cover, lock};
use crate::world::{Calendar, Lie, What, zone_name};
use std::collections::BTreeMap;

impl History<'_> {
    pub(super) fn fault(&mut self) {
        let mut sim = lock(&self.sim.state);
        let dice = &mut self.dice;
        let accounts = sim.world.accounts.len();
        let told = match dice.below(15) {
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
            11 | 12 => {
                let times = 1 + u32::try_from(dice.below(4)).expect("it is small");
                let (which, told) = match dice.below(4) {
                    0 => (&mut sim.faults.lost_batches, "answers of several writes are lost"),
                    1 => (&mut sim.faults.refused_writes, "writes are refused"),
                    _ => (&mut sim.faults.lost_writes, "answers of writes are lost"),
                };
                *which = times;
                told.to_owned()
            }
            kind => {
                let account = dice.below(accounts);
                let at = dice.below(sim.world.accounts[account].calendars.len());
                let id = sim.world.accounts[account].calendars[at].id.clone();
                let told = format!("{id} is {}", if kind == 13 { "not found" } else { "forbidden" });
                let set = if kind == 13 { &mut sim.faults.not_found } else { &mut sim.faults.forbidden };
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

    pub(super) fn end_faults(&mut self) {
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
                    calendar.events.get_mut(&id).expect("it was put").known_since = changed;
                }
            }
        }
        self.tell("faults end");
    }

    pub(super) fn lie(&mut self) {
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

    pub(super) fn garble(&mut self) {
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

    pub(super) fn change_calendars(&mut self) {
        let told = {
            let mut sim = lock(&self.sim.state);
            let account = self.dice.below(sim.world.accounts.len());
            let platform = sim.world.accounts[account].platform;
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
                        platform,
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
    pub(super) fn withdraw(&mut self) {
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
}
