//! Views of a time range, and the instances of one series (6.1).

use std::sync::Arc;

use axum::extract::State;
use chrono::TimeDelta;

use super::ask::{Answer, Ask};
use super::events::{context, view};
use super::items::Window;
use super::listing;
use super::times::read_instant;
use crate::microsoft::errors::{GraphError, GraphResult};
use crate::simulator::Simulator;

/// The longest range of a view in days.
const LONGEST: i64 = 1825;

impl Ask {
    /// The range that the query names. `Prefer` has no part in it.
    pub(super) fn window(&self) -> GraphResult<Window> {
        let (Some(from), Some(to)) = (self.query.get("startDateTime"), self.query.get("endDateTime")) else {
            return Err(GraphError::new(
                400,
                "ErrorInvalidParameter",
                "This request requires a time window specified by the query string parameters StartDateTime and EndDateTime.",
            ));
        };
        let read = |text: &str| {
            read_instant(text).ok_or_else(|| {
                GraphError::new(
                    400,
                    "ErrorInvalidParameter",
                    format!("The value '{text}' of a parameter is not a valid date and time."),
                )
            })
        };
        let window = Window { from: read(from)?, to: read(to)? };
        if window.to < window.from {
            return Err(GraphError::new(
                400,
                "ErrorInvalidParameter",
                "The EndDateTime must not be before the StartDateTime.",
            ));
        }
        if window.to - window.from > TimeDelta::days(LONGEST) {
            return Err(GraphError::invalid(format!(
                "The requested time duration specified for calendar view is too long. (Allowed limit = {LONGEST} days)"
            )));
        }
        Ok(window)
    }
}

pub(super) async fn calendar_view(State(simulator): State<Arc<Simulator>>, ask: Ask) -> Answer {
    let world = simulator.world();
    let (caller, basic) = ask.may_read(&world)?;
    let reach = ask.calendar(&world, &caller)?;
    let window = ask.window()?;
    let view = view(&world, &ask, &reach, basic)?;
    let items = world.microsoft.mailboxes.calendar(&reach)?.view(window);
    listing::answer(&ask, &view, items, &context(&caller, &ask, &reach, "calendarView"))
}

pub(super) async fn instances(State(simulator): State<Arc<Simulator>>, ask: Ask) -> Answer {
    let world = simulator.world();
    let (caller, basic) = ask.may_read(&world)?;
    let (reach, target) = ask.event(&world, &caller)?;
    let window = ask.window()?;
    let view = view(&world, &ask, &reach, basic)?;
    let event = world.microsoft.mailboxes.item(&reach, target)?.event;
    if target.day.is_some() || !event.is_series() {
        return Err(GraphError::invalid("Your request can't be completed. Only a series has instances."));
    }
    listing::answer(
        &ask,
        &view,
        event.occurrences(window),
        &context(&caller, &ask, &reach, "events/instances"),
    )
}
