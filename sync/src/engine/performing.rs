//! One operation on one event of ours, call by call. What comes next hangs on the answer; the calls of several operations
//! travel together.

use super::exporting::row;
use super::stop::{Stop, unavailable};
use super::{Engine, Round};
use crate::event::{Change, ObservedEvent};
use crate::export::{Content, Marker, Operation};
use crate::platform::{Call, Done, PlatformError};
use crate::ports::{ExportInput, Gone, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// What became of one call.
type Answer = Result<Done, PlatformError>;

/// An operation under way.
pub(super) struct Task<'a> {
    pub operation: &'a Operation,
    /// The platform's id of the calendar.
    pub calendar: String,
    marker: Marker,
    step: Step,
}

/// What the next call is for.
enum Step {
    /// To see whether the event was made already, where the platform chooses the ids.
    Find(Content),
    Create(Content),
    /// Something stands under the name: to see what.
    Recognize(Content),
    Update {
        again: bool,
    },
    /// To see what an update was refused for.
    Reread {
        again: bool,
    },
    Look,
    /// Nobody knows whether there is anything to delete: its name tells.
    Locate,
    Delete {
        event_id: String,
        revision: Option<String>,
        read_again: bool,
    },
    /// To see what a deletion was refused for.
    Relocate {
        event_id: String,
        read_again: bool,
    },
}

/// What follows from an answer.
pub(super) enum Next<'a> {
    Done,
    /// It cannot be done now, and why; the others go on.
    Failed(&'static str),
    Call(Task<'a>),
}

impl<'a> Task<'a> {
    pub fn call(&self) -> Call {
        let calendar = self.calendar.clone();
        match &self.step {
            Step::Find(_) | Step::Recognize(_) | Step::Locate => self.read(None),
            Step::Create(content) => {
                Call::Create { calendar, marker: self.marker.clone(), content: content.clone() }
            }
            Step::Update { .. } | Step::Reread { .. } | Step::Look => match self.operation {
                Operation::Update { event_id, revision, patch, .. }
                    if matches!(self.step, Step::Update { .. }) =>
                {
                    Call::Update {
                        calendar,
                        event_id: event_id.clone(),
                        revision: revision.clone(),
                        patch: patch.clone(),
                    }
                }
                Operation::Update { event_id, .. } => self.read(Some(event_id)),
                Operation::Look { event_id, .. } => self.read(event_id.as_deref()),
                Operation::Create { .. } | Operation::Delete { .. } => self.read(None),
            },
            Step::Delete { event_id, revision, .. } => {
                Call::Delete { calendar, event_id: event_id.clone(), revision: revision.clone() }
            }
            Step::Relocate { event_id, .. } => self.read(Some(event_id)),
        }
    }

    fn read(&self, event_id: Option<&str>) -> Call {
        Call::Read {
            calendar: self.calendar.clone(),
            name: self.marker.name.clone(),
            event_id: event_id.map(str::to_owned),
        }
    }

    fn to(self, step: Step) -> Next<'a> {
        Next::Call(Task { step, ..self })
    }
}

impl Engine {
    /// What has to be written before the first call of an operation is, and the call; `None`: there is nothing to do.
    pub(super) async fn begin<'a>(
        &self,
        round: &Round<'_>,
        input: &ExportInput,
        operation: &'a Operation,
    ) -> Result<Option<Task<'a>>, Stop> {
        let key = operation.key();
        let platform = round.platform;
        let mut marker = Marker::new(input.installation, key.booking, key.generation);
        let (calendar, step) = match operation {
            Operation::Create { content, .. } => {
                let Some(calendar) = &input.receiving else { return Ok(None) };
                let id = platform.event_id(&marker.name);
                // Written before the call: whatever becomes of it, the event is known to be ours.
                let (lease, name) = (&round.lease, &marker.name);
                let content =
                    self.store.begin_export(lease, key, calendar, name, id.as_deref(), content).await?;
                let step = if id.is_some() { Step::Create(content) } else { Step::Find(content) };
                (calendar.clone(), step)
            }
            Operation::Update { patch, content, .. } => {
                let Some(row) = row(input, key) else { return Ok(None) };
                if patch.times.is_some() {
                    self.store.begin_move(&round.lease, key, content.interval()).await?;
                }
                marker.name.clone_from(&row.name);
                (row.calendar.clone(), Step::Update { again: false })
            }
            Operation::Delete { calendar, name, event_id, revision, .. } => {
                marker.name.clone_from(name);
                let step = match event_id.clone().or_else(|| platform.event_id(name)) {
                    Some(event_id) => {
                        Step::Delete { event_id, revision: revision.clone(), read_again: false }
                    }
                    None => Step::Locate,
                };
                (calendar.clone(), step)
            }
            Operation::Look { name, .. } => {
                let Some(row) = row(input, key) else { return Ok(None) };
                marker.name.clone_from(name);
                (row.calendar.clone(), Step::Look)
            }
        };
        Ok(Some(Task { operation, calendar, marker, step }))
    }

    /// Takes note of an answer, and says what comes next.
    pub(super) async fn go_on<'a>(
        &self,
        round: &mut Round<'_>,
        input: &ExportInput,
        mut task: Task<'a>,
        answer: Answer,
    ) -> Result<Next<'a>, Stop> {
        let key = task.operation.key();
        let now = self.clock.now();
        let step = std::mem::replace(&mut task.step, Step::Look);
        match step {
            Step::Find(content) => {
                match found(answer)?.filter(|event| event.marker.as_ref() == Some(&task.marker)) {
                    Some(event) => self.adopt(round, input, &task, &content, &event).await,
                    None => Ok(task.to(Step::Create(content))),
                }
            }
            Step::Create(content) => match answer {
                // Made before, by a call whose answer was lost, by another connection or another time of this database;
                // or the name is used up.
                Err(PlatformError::Exists) => Ok(task.to(Step::Recognize(content))),
                answer => {
                    let event = written(answer, &task.marker)?;
                    self.store
                        .record_export(&round.lease, key, Write::Created, &content, &event, now)
                        .await?;
                    round.exports.done += 1;
                    Ok(Next::Done)
                }
            },
            Step::Recognize(content) => {
                match found(answer)?.filter(|event| event.marker.as_ref() == Some(&task.marker)) {
                    Some(event) => self.adopt(round, input, &task, &content, &event).await,
                    None => {
                        self.store.record_gone(&round.lease, key, Gone::UsedUp, now).await?;
                        Ok(Next::Done)
                    }
                }
            }
            Step::Update { again } => match answer {
                // Read again, and decide again.
                Err(PlatformError::Changed | PlatformError::NotFound) => Ok(task.to(Step::Reread { again })),
                answer => {
                    let event = written(answer, &task.marker)?;
                    if let Operation::Update { content, .. } = task.operation {
                        let lease = &round.lease;
                        self.store.record_export(lease, key, Write::Updated, content, &event, now).await?;
                    }
                    round.exports.done += 1;
                    Ok(Next::Done)
                }
            },
            Step::Reread { again } => {
                let refused = match task.operation {
                    Operation::Update { revision, .. } => Some(revision),
                    _ => None,
                };
                match found(answer)? {
                    // Refused for nothing that can be seen: platforms do so now and then.
                    Some(event) if Some(&event.revision) == refused && again => {
                        return Ok(Next::Failed("changed"));
                    }
                    Some(event) if Some(&event.revision) == refused => {
                        return Ok(task.to(Step::Update { again: true }));
                    }
                    Some(event) => self.store.record_seen(&round.lease, key, None, &event).await?,
                    None => self.store.record_gone(&round.lease, key, Gone::Found, now).await?,
                }
                Ok(Next::Done)
            }
            Step::Look => {
                match found(answer)? {
                    Some(event) => self.store.record_seen(&round.lease, key, None, &event).await?,
                    None => self.store.record_gone(&round.lease, key, Gone::Found, now).await?,
                }
                Ok(Next::Done)
            }
            Step::Locate => match found(answer)? {
                Some(event) => {
                    let (event_id, revision) = (event.id, Some(event.revision));
                    Ok(task.to(Step::Delete { event_id, revision, read_again: false }))
                }
                None => self.deleted(round, &task).await,
            },
            // A cancellation wins over whatever was changed meanwhile.
            Step::Delete { event_id, revision, read_again } => match answer {
                Ok(_) => {
                    round.exports.done += 1;
                    self.deleted(round, &task).await
                }
                Err(PlatformError::NotFound) => self.deleted(round, &task).await,
                Err(PlatformError::Changed) if revision.is_some() => {
                    Ok(task.to(Step::Relocate { event_id, read_again }))
                }
                Err(error) => Err(Stop::Platform(error)),
            },
            Step::Relocate { event_id, read_again } => match found(answer)? {
                Some(event) => {
                    // The third time without a condition.
                    let revision = Some(event.revision).filter(|_| !read_again);
                    Ok(task.to(Step::Delete { event_id, revision, read_again: true }))
                }
                None => self.deleted(round, &task).await,
            },
        }
    }

    async fn deleted<'a>(&self, round: &Round<'_>, task: &Task<'_>) -> Result<Next<'a>, Stop> {
        let key = task.operation.key();
        self.store.record_gone(&round.lease, key, Gone::Deleted, self.clock.now()).await?;
        Ok(Next::Done)
    }

    /// The event stands already. What was written of it, by another connection or first by this one, tells our own hand
    /// from the provider's.
    async fn adopt<'a>(
        &self,
        round: &Round<'_>,
        input: &ExportInput,
        task: &Task<'_>,
        content: &Content,
        event: &ObservedEvent,
    ) -> Result<Next<'a>, Stop> {
        let times = input.elsewhere.get(&task.marker.name).copied().unwrap_or(content.interval());
        self.store.record_seen(&round.lease, task.operation.key(), Some(times), event).await?;
        Ok(Next::Done)
    }

    /// Performs calls in one request; those that got no proper answer once more, while the platform asks for it. Each
    /// answer in its place, and why the others are missing.
    pub(super) async fn send(
        &self,
        round: &mut Round<'_>,
        calls: Vec<Call>,
    ) -> (Vec<Option<Answer>>, Option<Stop>) {
        let platform = round.platform;
        let answers: Arc<Mutex<Vec<Option<Answer>>>> =
            Arc::new(Mutex::new(calls.iter().map(|_| None).collect()));
        let calls = Arc::new(calls);
        let asked = self
            .ask(round, |token| {
                let (answers, calls) = (answers.clone(), calls.clone());
                Box::pin(async move {
                    let open: Vec<usize> = {
                        let answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
                        (0..calls.len()).filter(|at| answers[*at].is_none()).collect()
                    };
                    let asked: Vec<Call> = open.iter().map(|at| calls[*at].clone()).collect();
                    let mut given = platform.perform(&token, &asked).await?.into_iter();
                    let mut again: Option<PlatformError> = None;
                    let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
                    for at in open {
                        match given.next() {
                            Some(Err(error)) if error.is_of_the_whole() => {
                                again = Some(match again {
                                    Some(other) => other.and(error),
                                    None => error,
                                });
                            }
                            Some(answer) => answers[at] = Some(answer),
                            None => again = again.or_else(|| Some(unavailable("an answer is missing"))),
                        }
                    }
                    match again {
                        Some(error) => Err(error),
                        None => Ok(()),
                    }
                })
            })
            .await;
        let answers = std::mem::take(&mut *answers.lock().unwrap_or_else(PoisonError::into_inner));
        (answers, asked.err())
    }
}

/// The event that was read, if it is there.
fn found(answer: Answer) -> Result<Option<ObservedEvent>, Stop> {
    match answer {
        Ok(Done::Event(Change::Present(event))) => Ok(Some(*event)),
        Ok(Done::Event(Change::Gone { .. }) | Done::Deleted) | Err(PlatformError::NotFound) => Ok(None),
        Ok(Done::Event(Change::Unreadable { .. })) => {
            Err(Stop::Platform(unavailable("an event of ours cannot be read")))
        }
        Err(error) => Err(Stop::Platform(error)),
    }
}

/// The event as it was written. It is ours, whether or not the answer says so.
fn written(answer: Answer, marker: &Marker) -> Result<ObservedEvent, Stop> {
    match answer {
        Ok(Done::Event(Change::Present(event))) => {
            Ok(ObservedEvent { marker: Some(marker.clone()), ..*event })
        }
        Ok(_) => Err(Stop::Platform(unavailable("the answer is not the event that was written"))),
        Err(error) => Err(Stop::Platform(error)),
    }
}
