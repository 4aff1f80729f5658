//! Writing: bookings become events, and follow every change.

use super::stop::{Stop, unavailable};
use super::{Engine, Round};
use crate::event::{Change, ObservedEvent};
use crate::export::{Content, ExportKey, Marker, Operation, Patch, Written, farewell, plan};
use crate::platform::PlatformError;
use crate::ports::{ExportInput, Gone, Write};
use std::collections::HashMap;

/// What one operation finds may call for another: so often is planned again in a round. The next one goes on.
const PASSES: usize = 6;

/// After so many requests in a row that got no proper answer, the platform is taken to be away.
const MOST_UNANSWERED: usize = 3;

/// What one operation met.
enum Met {
    Done,
    /// It cannot be done now, and why; the others go on.
    Failed(&'static str),
}

impl Engine {
    /// Brings what stands in the calendar that receives bookings in line with what is booked.
    pub(super) async fn export(&self, round: &mut Round<'_>) -> Result<(), Stop> {
        let mut failed = HashMap::new();
        let mut changed = false;
        for pass in 0..PASSES {
            let Some(input) = self.store.export_input(&round.lease, self.clock.now()).await? else { break };
            let contents: Vec<_> = input
                .bookings
                .iter()
                .map(|(booking, address)| {
                    (booking.id, Content::of(booking, address, input.zone, input.locale, &self.pages))
                })
                .collect();
            let mut operations = plan(&contents, input.receiving.as_deref(), &input.written, input.zone);
            // What aims at a calendar that is gone rests until it is listed again, which wakes the exports.
            operations.retain(|operation| {
                let listed = |calendar| input.listed.contains(calendar);
                !failed.contains_key(&operation.key()) && calendar_of(&input, operation).is_some_and(listed)
            });
            if operations.is_empty() {
                round.exports.covered = failed.is_empty().then_some(input.wanted);
                break;
            }
            if pass == 0
                && let Some(pulled_from) = round.pulled_from
            {
                // A booking may wait for what was read; it need not wait for what is written.
                self.store.note_pulled(&round.lease, pulled_from).await?;
            }
            changed = true;
            self.perform_all(round, &input, operations, &mut failed).await?;
        }
        round.exports.failed = failed.len();
        // What was found gone, or put back, opens and closes conflicts.
        if changed { Ok(self.derive(round.lease.provider).await?) } else { Ok(()) }
    }

    /// The events of what is to come go before the connection does. `false`: some remain, and will.
    pub(super) async fn remove_events(&self, round: &mut Round<'_>) -> Result<bool, Stop> {
        let Some(input) = self.store.export_input(&round.lease, self.clock.now()).await? else {
            return Ok(true);
        };
        let mut failed = HashMap::new();
        self.perform_all(round, &input, farewell(&input.written), &mut failed).await?;
        if failed.values().any(|code| matches!(*code, "unavailable" | "changed")) {
            return Err(Stop::Platform(unavailable("events could not be removed")));
        }
        Ok(failed.is_empty())
    }

    async fn perform_all(
        &self,
        round: &mut Round<'_>,
        input: &ExportInput,
        operations: Vec<Operation>,
        failed: &mut HashMap<ExportKey, &'static str>,
    ) -> Result<(), Stop> {
        let mut unanswered = 0;
        for operation in operations {
            let key = operation.key();
            let calendar = calendar_of(input, &operation);
            let unseen = calendar.is_some_and(|calendar| round.unseen.contains(calendar));
            let done = if unseen {
                if let (Operation::Create { key, content }, Some(calendar)) = (&operation, calendar) {
                    // So that there is something of which to say that it failed.
                    let marker = Marker::new(input.installation, key.booking, key.generation);
                    let id = round.platform.event_id(&marker.name);
                    let (lease, name) = (&round.lease, &marker.name);
                    self.store.begin_export(lease, *key, calendar, name, id.as_deref(), content).await?;
                }
                // That an event is not found there does not mean that it is gone.
                Ok(Met::Failed("not_found"))
            } else {
                self.perform_one(round, input, operation).await
            };
            let code = match done {
                Ok(Met::Done) => {
                    unanswered = 0;
                    continue;
                }
                Ok(Met::Failed(code)) => code,
                Err(stop) => {
                    let Some(code) = stop.of_one_calendar() else { return Err(stop) };
                    if let Stop::Platform(PlatformError::Unavailable { .. }) = stop {
                        unanswered += 1;
                        if unanswered >= MOST_UNANSWERED {
                            return Err(stop);
                        }
                    }
                    if let Stop::Platform(PlatformError::NotFound | PlatformError::Forbidden { .. }) = stop {
                        round.list_doubted = true;
                    }
                    code
                }
            };
            tracing::warn!(connection = %round.lease.connection, booking = %key.booking, code, "a booking could not be exported");
            self.store.note_export_failure(&round.lease, key, code, self.clock.now()).await?;
            failed.insert(key, code);
        }
        Ok(())
    }

    async fn perform_one(
        &self,
        round: &mut Round<'_>,
        input: &ExportInput,
        operation: Operation,
    ) -> Result<Met, Stop> {
        match operation {
            Operation::Create { key, content } => {
                let Some(receiving) = &input.receiving else { return Ok(Met::Done) };
                self.create_event(round, input, key, receiving, &content).await
            }
            Operation::Update { key, event_id, revision, patch, content } => {
                let Some(row) = row(input, key) else { return Ok(Met::Done) };
                self.update_event(round, row, &event_id, &revision, &patch, &content).await
            }
            Operation::Delete { key, calendar, name, event_id, revision } => {
                self.delete_event(round, key, &calendar, &name, event_id, revision).await
            }
            Operation::Look { key, name, event_id } => {
                let Some(row) = row(input, key) else { return Ok(Met::Done) };
                match self.look(round, &row.calendar, &name, event_id.as_deref()).await? {
                    Some(event) => {
                        self.store.record_seen(&round.lease, key, None, &event).await?;
                    }
                    None => self.store.record_gone(&round.lease, key, Gone::Found, self.clock.now()).await?,
                }
                Ok(Met::Done)
            }
        }
    }

    async fn create_event(
        &self,
        round: &mut Round<'_>,
        input: &ExportInput,
        key: ExportKey,
        calendar: &str,
        content: &Content,
    ) -> Result<Met, Stop> {
        let platform = round.platform;
        let marker = Marker::new(input.installation, key.booking, key.generation);
        let id = platform.event_id(&marker.name);
        // Written before the call: whatever becomes of it, the event is known to be ours.
        let content = &self
            .store
            .begin_export(&round.lease, key, calendar, &marker.name, id.as_deref(), content)
            .await?;
        let answer = self
            .ask(round, |token| {
                let (calendar, marker, content) = (calendar.to_owned(), marker.clone(), content.clone());
                Box::pin(async move { platform.create(&token, &calendar, &marker, &content).await })
            })
            .await;
        match answer {
            Ok(event) => {
                let now = self.clock.now();
                self.store.record_export(&round.lease, key, Write::Created, content, &event, now).await?;
                round.exports.done += 1;
                Ok(Met::Done)
            }
            // Made before, by a call whose answer was lost, by another connection or another time of this database; or
            // the name is used up.
            Err(Stop::Platform(PlatformError::Exists)) => {
                let found = self.look(round, calendar, &marker.name, id.as_deref()).await?;
                let now = self.clock.now();
                match found.filter(|event| event.marker.as_ref() == Some(&marker)) {
                    Some(event) => {
                        // What was written of it, by another connection or first by this one, tells our own hand from
                        // the provider's.
                        let times = input.elsewhere.get(&marker.name).copied().unwrap_or(content.interval());
                        self.store.record_seen(&round.lease, key, Some(times), &event).await?;
                    }
                    None => self.store.record_gone(&round.lease, key, Gone::UsedUp, now).await?,
                }
                Ok(Met::Done)
            }
            Err(stop) => Err(stop),
        }
    }

    async fn update_event(
        &self,
        round: &mut Round<'_>,
        row: &Written,
        event_id: &str,
        revision: &str,
        patch: &Patch,
        content: &Content,
    ) -> Result<Met, Stop> {
        let platform = round.platform;
        if patch.times.is_some() {
            self.store.begin_move(&round.lease, row.key, content.interval()).await?;
        }
        let answer = self
            .ask(round, |token| {
                let (calendar, event_id) = (row.calendar.clone(), event_id.to_owned());
                let (revision, patch) = (revision.to_owned(), patch.clone());
                Box::pin(
                    async move { platform.update(&token, &calendar, &event_id, &revision, &patch).await },
                )
            })
            .await;
        match answer {
            Ok(event) => {
                let now = self.clock.now();
                self.store.record_export(&round.lease, row.key, Write::Updated, content, &event, now).await?;
                round.exports.done += 1;
                Ok(Met::Done)
            }
            // Read again, and decide again.
            Err(Stop::Platform(PlatformError::Changed | PlatformError::NotFound)) => {
                let found = self.look(round, &row.calendar, &row.name, Some(event_id)).await?;
                let now = self.clock.now();
                match found {
                    Some(event) if event.revision == revision => return Ok(Met::Failed("changed")),
                    Some(event) => {
                        self.store.record_seen(&round.lease, row.key, None, &event).await?;
                    }
                    None => self.store.record_gone(&round.lease, row.key, Gone::Found, now).await?,
                }
                Ok(Met::Done)
            }
            Err(stop) => Err(stop),
        }
    }

    /// A cancellation wins over whatever was changed meanwhile.
    async fn delete_event(
        &self,
        round: &mut Round<'_>,
        key: ExportKey,
        calendar: &str,
        name: &str,
        event_id: Option<String>,
        mut revision: Option<String>,
    ) -> Result<Met, Stop> {
        let platform = round.platform;
        let mut id = event_id.or_else(|| platform.event_id(name));
        let mut read_again = false;
        loop {
            let Some(event_id) = id.clone() else {
                // Nobody knows whether it was made: its name tells.
                let Some(event) = self.look(round, calendar, name, None).await? else { break };
                (id, revision) = (Some(event.id), Some(event.revision));
                continue;
            };
            let answer = self
                .ask(round, |token| {
                    let (calendar, event_id, revision) =
                        (calendar.to_owned(), event_id.clone(), revision.clone());
                    Box::pin(async move {
                        platform.delete(&token, &calendar, &event_id, revision.as_deref()).await
                    })
                })
                .await;
            match answer {
                Ok(()) => {
                    round.exports.done += 1;
                    break;
                }
                Err(Stop::Platform(PlatformError::NotFound)) => break,
                // The third time without a condition.
                Err(Stop::Platform(PlatformError::Changed)) if revision.is_some() => {
                    let Some(event) = self.look(round, calendar, name, Some(&event_id)).await? else { break };
                    revision = Some(event.revision).filter(|_| !read_again);
                    read_again = true;
                }
                Err(stop) => return Err(stop),
            }
        }
        self.store.record_gone(&round.lease, key, Gone::Deleted, self.clock.now()).await?;
        Ok(Met::Done)
    }

    /// Whether an event of ours is there.
    async fn look(
        &self,
        round: &mut Round<'_>,
        calendar: &str,
        name: &str,
        event_id: Option<&str>,
    ) -> Result<Option<ObservedEvent>, Stop> {
        let platform = round.platform;
        let answer = self
            .ask(round, |token| {
                let (calendar, name, event_id) =
                    (calendar.to_owned(), name.to_owned(), event_id.map(str::to_owned));
                Box::pin(async move { platform.event(&token, &calendar, &name, event_id.as_deref()).await })
            })
            .await;
        match answer {
            Ok(Change::Present(event)) => Ok(Some(*event)),
            Ok(Change::Gone { .. }) | Err(Stop::Platform(PlatformError::NotFound)) => Ok(None),
            Ok(Change::Unreadable { .. }) => {
                Err(Stop::Platform(unavailable("an event of ours cannot be read")))
            }
            Err(stop) => Err(stop),
        }
    }
}

/// The calendar that an operation asks something of.
fn calendar_of<'a>(input: &'a ExportInput, operation: &'a Operation) -> Option<&'a String> {
    match operation {
        Operation::Create { .. } => input.receiving.as_ref(),
        Operation::Delete { calendar, .. } => Some(calendar),
        Operation::Update { key, .. } | Operation::Look { key, .. } => {
            row(input, *key).map(|row| &row.calendar)
        }
    }
}

fn row(input: &ExportInput, key: ExportKey) -> Option<&Written> {
    input.written.iter().find(|row| row.key == key)
}
