//! Programs: all that is due, as the worker does it; stopped anywhere, and two at once.

use super::{History, MEANWHILE, Step, Verdict};
use crate::gated::{Gated, GatedStore};
use crate::support::{Gate, cover};
use chrono::TimeDelta;
use futures::future::BoxFuture;
use simone_sync::engine::Engine;
use simone_sync::platform::{CalendarPlatform, Platform, Platforms};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

impl History<'_> {
    pub(super) fn platforms(&self, gate: &Arc<Gate>) -> Arc<Platforms> {
        let gated = |platform| -> (Platform, Arc<dyn CalendarPlatform>) {
            (platform, Arc::new(Gated { sim: self.sim.clone(), platform, gate: gate.clone() }))
        };
        Arc::new(Platform::ALL.into_iter().map(gated).collect::<Platforms>())
    }

    pub(super) fn engine(&self, gate: &Arc<Gate>) -> Engine {
        let store = GatedStore { database: self.setup.database.clone(), gate: gate.clone() };
        Engine::new(
            Arc::new(store),
            self.platforms(gate),
            self.setup.clock.clone(),
            self.ids.clone(),
            "https://simone.test/".parse().unwrap(),
        )
    }

    /// A program that does all that is due, once, as the worker does.
    pub(super) fn program(&self, gate: &Arc<Gate>) -> BoxFuture<'static, ()> {
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

    /// Of the connections to one account, one at a time is leased.
    async fn check_leases(&self) -> Verdict {
        let mut leased: BTreeMap<usize, Uuid> = BTreeMap::new();
        for person in &self.people {
            for row in self.setup.inspect.connections(person.id).await {
                let one = person.connections.iter().find(|one| one.id.0 == row.id);
                if let Some(one) = one
                    && row.leased_until.is_some_and(|until| until > self.now())
                    && let Some(other) = leased.insert(one.account, row.id)
                {
                    return Err(format!("{other} and {} of one account are leased at once", row.id));
                }
            }
        }
        Ok(())
    }

    pub(super) async fn crash(&mut self, within: usize) {
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
    pub(super) async fn race(&mut self) -> Verdict {
        self.tell("two programs {");
        cover("two programs");
        let gates = [Gate::closed(), Gate::closed()];
        let mut programs = [Some(self.program(&gates[0])), Some(self.program(&gates[1]))];
        let mut events = 0;
        while programs.iter().any(Option::is_some) {
            let which = self.dice.below(2);
            self.check_leases().await?;
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
}
