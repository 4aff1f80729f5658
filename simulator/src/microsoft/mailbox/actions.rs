//! What can be done to an event besides writing it (7.5): 202, and no body.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;

use super::ask::{Answer, Ask};
use super::items::Target;
use super::model::Response;
use super::write::{Editor, exception_of};
use crate::microsoft::errors::{GraphError, GraphResult};
use crate::simulator::Simulator;

/// The answer to an invitation, as its event shows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reply {
    Accepted,
    Tentative,
    Declined,
}

pub(super) async fn accept(State(simulator): State<Arc<Simulator>>, ask: Ask) -> Answer {
    answer(&simulator, &ask, Reply::Accepted)
}

pub(super) async fn tentatively_accept(State(simulator): State<Arc<Simulator>>, ask: Ask) -> Answer {
    answer(&simulator, &ask, Reply::Tentative)
}

pub(super) async fn decline(State(simulator): State<Arc<Simulator>>, ask: Ask) -> Answer {
    answer(&simulator, &ask, Reply::Declined)
}

fn answer(simulator: &Simulator, ask: &Ask, reply: Reply) -> Answer {
    let mut world = simulator.world();
    let caller = ask.may_write(&world)?;
    let (reach, target) = ask.event(&world, &caller)?;
    ask.writable(&world, &reach)?;
    Editor::new(&mut world, reach).respond(target, reply)?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// The organizer calls the meeting off: it leaves the organizer's calendar.
pub(super) async fn cancel(State(simulator): State<Arc<Simulator>>, ask: Ask) -> Answer {
    let mut world = simulator.world();
    let caller = ask.may_write(&world)?;
    let (reach, target) = ask.event(&world, &caller)?;
    ask.writable(&world, &reach)?;
    if !world.microsoft.mailboxes.item(&reach, target)?.event.own {
        return Err(GraphError::invalid(
            "Your request can't be completed. You need to be an organizer to cancel a meeting.",
        ));
    }
    Editor::new(&mut world, reach).delete(target)?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// A mail to others, which nobody here reads.
pub(super) async fn forward(State(simulator): State<Arc<Simulator>>, ask: Ask, _body: Bytes) -> Answer {
    let world = simulator.world();
    let caller = ask.may_write(&world)?;
    ask.event(&world, &caller)?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// `dismissReminder` and `snoozeReminder` move `lastModifiedDateTime` and nothing else that is shown (5.2).
pub(super) async fn reminder(State(simulator): State<Arc<Simulator>>, ask: Ask) -> Answer {
    let mut world = simulator.world();
    let caller = ask.may_write(&world)?;
    let (reach, target) = ask.event(&world, &caller)?;
    ask.writable(&world, &reach)?;
    Editor::new(&mut world, reach).touch(target)?;
    Ok(StatusCode::ACCEPTED.into_response())
}

impl Editor<'_> {
    /// What was declined goes to the bin; an occurrence leaves its series.
    pub fn respond(&mut self, target: Target, reply: Reply) -> GraphResult<()> {
        let item = self.mailboxes.item(&self.reach, target)?;
        if item.event.own {
            return Err(GraphError::invalid(
                "Your request can't be completed. You can't respond to this meeting because you're the meeting organizer.",
            ));
        }
        let mut exception = exception_of(&item);
        let (response, show_as) = match reply {
            Reply::Accepted => ("accepted", "busy"),
            Reply::Tentative => ("tentativelyAccepted", "tentative"),
            Reply::Declined => return self.delete(target),
        };
        let response = Response { response: response.to_owned(), time: Some(self.now()) };
        let event = self.event(target.key)?;
        match target.day {
            Some(day) => {
                exception.response = Some(response);
                exception.fields.insert("showAs".to_owned(), show_as.into());
                event.exceptions.insert(day, exception);
            }
            None => {
                event.response = response;
                event.fields.insert("showAs".to_owned(), show_as.into());
            }
        }
        self.touch(target)
    }
}
