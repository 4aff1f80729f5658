//! Writing: bookings become events, and follow every change.

use super::performing::{Next, Task};
use super::stop::{Stop, unavailable};
use super::{Engine, Round};
use crate::export::{Content, ExportKey, Operation, Written, farewell, plan};
use crate::ports::ExportInput;
use std::collections::HashMap;

/// What one operation finds may call for another: so often is planned again in a round. The next one goes on.
const PASSES: usize = 6;

/// After so many requests in a row that got no proper answer, the platform is taken to be away.
const MOST_UNANSWERED: usize = 3;

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
        let operations = farewell(&input.written);
        let places: HashMap<_, _> = operations
            .iter()
            .filter_map(|operation| Some((operation.key(), calendar_of(&input, operation)?)))
            .collect();
        self.perform_all(round, &input, operations.clone(), &mut failed).await?;
        if failed.values().any(|code| *code == "not_found") {
            // With a calendar that is not there any more, its events are not there either: the list tells.
            let listed = self.list_calendars(round).await?;
            failed.retain(|key, code| {
                let place = places.get(key);
                *code != "not_found" || listed.iter().any(|calendar| Some(&&calendar.id) == place)
            });
        }
        if failed.values().any(|code| matches!(*code, "unavailable" | "changed" | "not_found")) {
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
        for operations in operations.chunks(round.platform.at_once().max(1)) {
            let mut tasks = Vec::with_capacity(operations.len());
            for operation in operations {
                let key = operation.key();
                let unseen =
                    calendar_of(input, operation).is_some_and(|calendar| round.unseen.contains(calendar));
                // What is to be made is noted in any case, so that there is something of which to say that it failed.
                let noted = matches!(operation, Operation::Create { .. });
                let task = if noted || !unseen { self.begin(round, input, operation).await? } else { None };
                if unseen {
                    // That an event is not found there does not mean that it is gone.
                    self.fail(round, failed, key, "not_found").await?;
                } else {
                    tasks.extend(task);
                }
            }
            while !tasks.is_empty() {
                let calls: Vec<_> = tasks.iter().map(Task::call).collect();
                let (answers, stop) = self.send(round, calls).await;
                let mut open = Vec::new();
                let mut unasked = Vec::new();
                for (task, answer) in tasks.into_iter().zip(answers) {
                    let key = task.operation.key();
                    let Some(answer) = answer else {
                        unasked.push(key);
                        continue;
                    };
                    match self.go_on(round, input, task, answer).await {
                        Ok(Next::Done) => {}
                        Ok(Next::Failed(code)) => self.fail(round, failed, key, code).await?,
                        Ok(Next::Call(task)) => open.push(task),
                        Err(stop) => {
                            let Some(code) = stop.of_one_calendar() else { return Err(stop) };
                            round.list_doubted |= stop.doubts_the_list();
                            self.fail(round, failed, key, code).await?;
                        }
                    }
                }
                match stop {
                    None => unanswered = 0,
                    Some(stop) => {
                        let Some(code) = stop.of_one_calendar() else { return Err(stop) };
                        for key in unasked {
                            self.fail(round, failed, key, code).await?;
                        }
                        unanswered += 1;
                        if unanswered >= MOST_UNANSWERED {
                            return Err(stop);
                        }
                    }
                }
                tasks = open;
            }
        }
        Ok(())
    }

    async fn fail(
        &self,
        round: &Round<'_>,
        failed: &mut HashMap<ExportKey, &'static str>,
        key: ExportKey,
        code: &'static str,
    ) -> Result<(), Stop> {
        tracing::warn!(connection = %round.lease.connection, booking = %key.booking, code, "a booking could not be exported");
        self.store.note_export_failure(&round.lease, key, code, self.clock.now()).await?;
        failed.insert(key, code);
        Ok(())
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

pub(super) fn row(input: &ExportInput, key: ExportKey) -> Option<&Written> {
    input.written.iter().find(|row| row.key == key)
}
