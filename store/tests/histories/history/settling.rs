//! What providers decide about events of ours that they changed.

use super::bookings::Booked;
use super::{History, Verdict, told};
use crate::inspect::ConflictRow;
use crate::support::{cover, lock};
use simone_booking::id::{BookingId, ConflictId};
use simone_sync::bookings::{Bookings, Refusal};
use simone_sync::conflict::Resolution;
use simone_sync::event::Span;
use simone_sync::settle::{ConflictStore, Unsettled, settle};
use std::sync::Arc;
use tokio::sync::Notify;

impl History<'_> {
    /// One open conflict about an event of ours, as the provider saw it.
    pub(super) async fn settle(&mut self, person: usize) -> Verdict {
        let provider = self.people[person].id;
        let mut open = self.setup.inspect.open_conflicts(provider).await;
        open.retain(|row| row.kind != "overlap");
        if open.is_empty() {
            return Ok(());
        }
        let row = self.dice.pick(&open).clone();
        let resolution = if self.dice.chance(50) { Resolution::Applied } else { Resolution::PutBack };
        let db = &self.setup.database;
        let conflict = ConflictId(row.id);
        let is =
            db.settleable(provider, conflict).await.map_err(told)?.ok_or("an open conflict is unknown")?;
        let seen = is.seen.clone();
        // Whatever may happen between the look and the decision.
        if self.dice.chance(20) {
            self.edit_ours();
        }
        self.tell(format!("settle {} of {}: {}", row.kind, row.booking_id, resolution.code()));
        let allowed = self.allow(&row, resolution);
        let store = Arc::new(self.setup.database.clone());
        let bookings = Bookings::new(store.clone(), self.setup.clock.clone(), Arc::new(Notify::new()));
        let done = settle(store.as_ref(), &bookings, provider, conflict, &seen, resolution, self.now()).await;
        let done = done.map_err(told)?;
        match &done {
            Ok(()) => cover(&format!("settled: {} {}", row.kind, resolution.code())),
            Err(Unsettled::Changed) => cover("settle: changed meanwhile"),
            Err(Unsettled::NoChoice) if !is.can_be_applied => cover("settle: no choice"),
            // Conflicts about what was cancelled close when conflicts are looked for again.
            Err(Unsettled::Refused(
                Refusal::Taken { .. } | Refusal::Past | Refusal::Over | Refusal::Cancelled,
            )) => {
                cover("settle: refused");
            }
            Err(other) => return Err(format!("settling gave {other:?}: {row:?}")),
        }
        if let (Err(_), Some(allowed)) = (&done, allowed) {
            lock(&self.sim.state).allowed.remove(&allowed);
        }
        if let (Ok(()), Resolution::Applied) = (&done, resolution) {
            let to = Span::Timed { start: row.starts_at, end: row.ends_at };
            lock(&self.sim.state).world.agree(BookingId(row.booking_id), to);
        }
        self.read_booking(person, BookingId(row.booking_id)).await
    }

    /// What putting back lets us do.
    fn allow(&self, row: &ConflictRow, resolution: Resolution) -> Option<String> {
        let mut sim = lock(&self.sim.state);
        if resolution == Resolution::PutBack
            && let Some(revision) = &row.revision
        {
            let allowed = format!("{} {revision}", row.booking_id);
            sim.allowed.insert(allowed.clone());
            return Some(allowed);
        }
        // A deleted one may be made anew.
        sim.told_deleted.clear();
        None
    }

    async fn read_booking(&mut self, person: usize, id: BookingId) -> Verdict {
        let of = &self.people[person];
        let found = self.setup.database.booking(of.id, id).await.map_err(told)?;
        let booking = found.ok_or("a booking is gone")?.booking;
        self.people[person].bookings.insert(id, Booked::of(&booking));
        Ok(())
    }
}
