//! What clients do: book, move, cancel. Forms whose input survives a refusal, since there is nobody to remember it.

use crate::flash::Flash;
use crate::login::FromBody as _;
use crate::page::PageError;
use crate::pages::appointment::{
    Appointment, Found, cannot_move, find, load_picker, moving, nowhere, state_after,
};
use crate::pages::book::{Trouble, Typed, find_offered, new_key, service_screen, withdrawn};
use crate::pages::picker::{Wish, moment};
use crate::pages::visit::{Drawn, not_found, problem_response, visit_response};
use crate::render::Problem;
use crate::session::Session;
use crate::state::AppState;
use crate::visitor::Visit;
use axum::body::Body;
use axum::extract::{Form, Path, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, Request};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use simone_booking::Interval;
use simone_booking::booking::{Actor, Client, Status};
use simone_sync::bookings::{Change, NewBooking, Refusal, RequestKey, Rules};
use std::sync::Arc;
use uuid::Uuid;

/// Who books without an account: keys of requests are theirs together, and cannot be guessed.
const ANYBODY: Uuid = Uuid::nil();

/// How a form ends.
enum Next {
    /// On the page of this private link.
    To(String, Flash),
    /// Where it stands, and seconds to wait where there were too many.
    Stay(Drawn, Option<u64>),
}

impl Next {
    fn stay(drawn: Drawn) -> Self {
        Self::Stay(drawn, None)
    }
}

async fn answer(visit: &Visit, next: Result<Next, PageError>) -> Response {
    match next {
        Ok(Next::To(link, flash)) => {
            if let Some(session) = visit.parts.extensions.get::<Session>() {
                session.flash(flash).await;
            }
            Redirect::to(&format!("/bookings/{link}")).into_response()
        }
        Ok(Next::Stay(drawn, wait)) => {
            let mut response = visit_response(visit, drawn).await;
            if let Some(seconds) = wait {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            }
            response
        }
        Err(PageError::NotFound) => visit_response(visit, Arc::new(not_found)).await,
        Err(PageError::Store(error)) => {
            let problem = visit.state.trouble(&error, "a client's form could not be followed");
            problem_response(visit, problem).await
        }
    }
}

/// Makes a booking.
pub(crate) async fn book(
    State(state): State<AppState>,
    Path((provider, service)): Path<(String, String)>,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    let visit = Visit::new(&state, &parts);
    let Some(typed) = Form::<Typed>::from_request_body(body, &parts).await else {
        return problem_response(&visit, Problem::Bad).await;
    };
    let next = booked(&visit, &provider, &service, typed).await;
    answer(&visit, next).await
}

async fn booked(visit: &Visit, provider: &str, service: &str, typed: Typed) -> Result<Next, PageError> {
    let at = moment(&typed.at);
    let wish = Wish { day: None, at };
    let again = async |typed: Typed, trouble: Trouble, instead: Vec<Interval>| {
        Ok::<_, PageError>(match find_offered(visit, provider, service, wish).await? {
            Ok(offered) => {
                let drawn: Drawn =
                    Arc::new(move |visit| service_screen(visit, &offered, &typed, Some(&trouble), &instead));
                Next::stay(drawn)
            }
            Err(provider) => Next::stay(withdrawn(provider)),
        })
    };
    let offered = match find_offered(visit, provider, service, Wish::default()).await? {
        Ok(offered) => offered,
        Err(provider) => return Ok(Next::stay(withdrawn(provider))),
    };
    let client = Client {
        name: typed.name.clone(),
        email: typed.email.clone(),
        phone: typed.phone.clone(),
        address: typed.address.clone(),
        instructions: typed.instructions.clone(),
        locale: visit.locale(),
        zone: visit.zone.filter(|zone| *zone != offered.provider.zone),
    };
    let client = match client.checked(offered.service.terms.place) {
        Ok(client) => client,
        Err(bad) => return again(typed, Trouble::Fields(bad), Vec::new()).await,
    };
    let Some(start) = at else { return again(typed, Trouble::NoTime, Vec::new()).await };
    if let Err(used_up) = visit.takes_a_booking() {
        let minutes = i64::try_from(used_up.seconds.div_ceil(60)).unwrap_or(1);
        return Ok(match again(typed, Trouble::Many(minutes), Vec::new()).await? {
            Next::Stay(drawn, _) => Next::Stay(drawn, Some(used_up.seconds)),
            next @ Next::To(..) => next,
        });
    }
    let asked = format!("{}\n{}\n{start}\n{}", offered.provider.id, offered.service.id, contents(&client));
    // Whoever goes back and changes something asks for something else, with the key of the same form.
    let key = if typed.key.is_empty() { new_key(visit) } else { format!("{}\n{asked}", typed.key) };
    let booking = NewBooking {
        provider: offered.provider.id,
        service: offered.service.id,
        start,
        client,
        actor: Actor::Client,
        rules: Rules::Offered,
        request: Some(RequestKey { caller: ANYBODY, key, asked }),
    };
    let refusal = match visit.state.bookings.book(booking).await? {
        Ok(done) => {
            let flash =
                if done.booking.status == Status::Pending { Flash::BookingHeld } else { Flash::Booked };
            return Ok(Next::To(done.link, flash));
        }
        Err(refusal) => refusal,
    };
    let instead = refusal.alternatives().to_vec();
    match refusal {
        Refusal::Client(bad) => again(typed, Trouble::Fields(bad), instead).await,
        Refusal::Taken { .. } => again(typed, Trouble::Taken, instead).await,
        Refusal::UnknownProvider => Err(PageError::NotFound),
        Refusal::UnknownService => Ok(Next::stay(withdrawn(offered.provider))),
        other => again(typed, trouble(&other), instead).await,
    }
}

/// What a client typed, in a stable form.
fn contents(client: &Client) -> String {
    serde_json::to_string(client).unwrap_or_default()
}

/// Why a moment cannot be had.
const fn trouble(refusal: &Refusal) -> Trouble {
    match refusal {
        Refusal::Past => Trouble::Past,
        Refusal::TooSoon { .. } => Trouble::TooSoon,
        Refusal::BeyondHorizon => Trouble::BeyondHorizon,
        Refusal::OutsideHours { .. } => Trouble::Closed,
        _ => Trouble::Taken,
    }
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct TypedMove {
    at: String,
    revision: String,
}

/// The appointment of a form's link, else the page to show instead.
async fn appointment(visit: &Visit, token: &str) -> Result<Result<Appointment, Drawn>, PageError> {
    Ok(match find(visit, token).await? {
        Found::Appointment(appointment) => Ok(*appointment),
        Found::Over => Err(nowhere(true)),
        Found::Unknown => Err(nowhere(false)),
    })
}

/// Moves an appointment.
pub(crate) async fn shift(
    State(state): State<AppState>,
    Path(token): Path<String>,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    let visit = Visit::new(&state, &parts);
    let Some(typed) = Form::<TypedMove>::from_request_body(body, &parts).await else {
        return problem_response(&visit, Problem::Bad).await;
    };
    let next = moved(&visit, &token, &typed).await;
    answer(&visit, next).await
}

async fn moved(visit: &Visit, token: &str, typed: &TypedMove) -> Result<Next, PageError> {
    let appointment = match appointment(visit, token).await? {
        Ok(appointment) => appointment,
        Err(drawn) => return Ok(Next::stay(drawn)),
    };
    if let Some(refusal) = cannot_move(visit, &appointment) {
        return Ok(Next::stay(state_after(appointment, refusal)));
    }
    let at = moment(&typed.at);
    let again = async |appointment: Appointment, trouble: Trouble, instead: Vec<Interval>| {
        let picker = load_picker(visit, &appointment, Wish { day: None, at }).await?;
        Ok::<_, PageError>(Next::stay(match picker {
            Ok(picker) => moving(appointment, picker, Some(trouble), instead, true),
            Err(drawn) => drawn,
        }))
    };
    let Some(start) = at else { return again(appointment, Trouble::NoTime, Vec::new()).await };
    if let Err(used_up) = visit.takes_a_booking() {
        let minutes = i64::try_from(used_up.seconds.div_ceil(60)).unwrap_or(1);
        return Ok(match again(appointment, Trouble::Many(minutes), Vec::new()).await? {
            Next::Stay(drawn, _) => Next::Stay(drawn, Some(used_up.seconds)),
            next @ Next::To(..) => next,
        });
    }
    let change = Change::Move { start, rules: Rules::Offered };
    let (provider, id) = (appointment.booking.provider, appointment.booking.id);
    let revision = typed.revision.parse().ok();
    let refusal = match visit.state.bookings.change(provider, id, revision, &change, Actor::Client).await? {
        Ok(done) => {
            let flash =
                if done.booking.status == Status::Pending { Flash::BookingHeld } else { Flash::VisitMoved };
            return Ok(Next::To(done.link, flash));
        }
        Err(refusal) => refusal,
    };
    let instead = refusal.alternatives().to_vec();
    match refusal {
        Refusal::UnknownBooking => Ok(Next::stay(nowhere(false))),
        Refusal::Changed | Refusal::Cancelled | Refusal::Over => {
            // As it stands by now.
            Ok(Next::stay(match self::appointment(visit, token).await? {
                Ok(appointment) => state_after(appointment, refusal),
                Err(drawn) => drawn,
            }))
        }
        other => again(appointment, trouble(&other), instead).await,
    }
}

/// Cancels an appointment.
pub(crate) async fn cancel(
    State(state): State<AppState>,
    Path(token): Path<String>,
    request: Request<Body>,
) -> Response {
    let (parts, _) = request.into_parts();
    let visit = Visit::new(&state, &parts);
    let next = cancelled(&visit, &token).await;
    answer(&visit, next).await
}

async fn cancelled(visit: &Visit, token: &str) -> Result<Next, PageError> {
    let appointment = match appointment(visit, token).await? {
        Ok(appointment) => appointment,
        Err(drawn) => return Ok(Next::stay(drawn)),
    };
    let (provider, id) = (appointment.booking.provider, appointment.booking.id);
    match visit.state.bookings.change(provider, id, None, &Change::Cancel, Actor::Client).await? {
        // Pressed twice it is cancelled all the same.
        Ok(_) | Err(Refusal::Cancelled) => Ok(Next::To(token.to_owned(), Flash::VisitCancelled)),
        Err(Refusal::Over) => Ok(Next::stay(nowhere(true))),
        Err(_) => Ok(Next::stay(nowhere(false))),
    }
}
