//! Forms of the operators whose typed input must survive a mistake: each renders its page again, with what was typed and
//! what is wrong with it.

use crate::desk::{Desk, Place, desk_frame};
use crate::flash::Flash;
use crate::login::{FromBody as _, looks_like_email, new_token};
use crate::page::{Screen, frame_problem};
use crate::pages::oversight::person::{PersonForm, PersonProblem, invite_screen, operator_screen};
use crate::pages::oversight::tokens::{TokenForm, TokenProblem, new_screen, shown_screen};
use crate::render::{Problem, document_response, problem_page};
use crate::session::Session;
use crate::state::AppState;
use axum::body::Body;
use axum::extract::{Form, State};
use axum::http::request::Parts;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use chrono_tz::Tz;
use leptos::prelude::*;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use simone_booking::Locale;
use simone_store::{NewOperator, NewProvider};
use simone_sync::ports::StoreError;
use simone_sync::zone;
use std::sync::Arc;

/// Nobody's name is longer.
const LONGEST_NAME: usize = 120;
const LONGEST_TOKEN_NAME: usize = 100;

#[derive(Deserialize)]
struct Typed {
    #[serde(default)]
    name: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    zone: String,
    #[serde(default)]
    language: String,
}

/// A person as they were typed, once nothing is wrong with them.
struct Person {
    name: String,
    email: String,
    zone: Tz,
    locale: Locale,
}

impl Typed {
    fn check(&self) -> Result<Person, PersonProblem> {
        let name = self.name.trim();
        if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
            return Err(PersonProblem::Name);
        }
        let email = self.email.trim().to_lowercase();
        if !looks_like_email(&email) {
            return Err(PersonProblem::Email);
        }
        let zone = zone::parse(&self.zone).ok_or(PersonProblem::Zone)?;
        let locale = self.language.parse().unwrap_or_default();
        Ok(Person { name: name.to_owned(), email, zone, locale })
    }

    fn again(&self, problem: PersonProblem) -> PersonForm {
        PersonForm {
            name: self.name.clone(),
            email: self.email.clone(),
            zone: zone::parse(&self.zone),
            locale: self.language.parse().unwrap_or_default(),
            problem: Some(problem),
        }
    }
}

/// What a form of a person leads to.
enum Next {
    To(String, Flash),
    Again(PersonProblem),
}

/// A form of a person, from what was typed to the next page.
async fn person<F: Future<Output = Result<Next, StoreError>>>(
    state: AppState,
    request: Request<Body>,
    place: Place,
    screen: fn(&Desk, PersonForm) -> Screen,
    act: impl FnOnce(Person, String) -> F,
) -> Response {
    let (parts, body) = request.into_parts();
    let (Some(typed), Some(session)) =
        (Form::<Typed>::from_request_body(body, &parts).await, parts.extensions.get::<Session>().cloned())
    else {
        return problem_page(&state, &parts, Problem::Bad).await;
    };
    let Some(operator) = session.operator.clone() else {
        return problem_page(&state, &parts, Problem::Operators).await;
    };
    let next = match typed.check() {
        Ok(person) => act(person, operator.email).await,
        Err(problem) => Ok(Next::Again(problem)),
    };
    match next {
        Ok(Next::To(address, flash)) => {
            session.flash(flash).await;
            state.wake.notify_waiters();
            Redirect::to(&address).into_response()
        }
        Ok(Next::Again(problem)) => again(&state, &parts, place, screen, typed.again(problem)).await,
        Err(error) => state.trouble(&error, "a form could not be followed").status().into_response(),
    }
}

async fn again(
    state: &AppState,
    parts: &Parts,
    place: Place,
    screen: fn(&Desk, PersonForm) -> Screen,
    form: PersonForm,
) -> Response {
    let body = move || match Desk::find() {
        Some(desk) => desk_frame(&desk, place, screen(&desk, form.clone())),
        None => frame_problem(Problem::Operators).into_any(),
    };
    document_response(state, parts, body, StatusCode::UNPROCESSABLE_ENTITY).await
}

/// Invites a provider.
pub(crate) async fn invite(State(state): State<AppState>, request: Request<Body>) -> Response {
    let (db, now, token) = (state.db.clone(), state.clock.now(), new_token(&state));
    person(state, request, Place::Providers, invite_screen, |person, by| async move {
        let Person { name, email, zone, locale } = person;
        let new = NewProvider { name: name.clone(), email, zone, locale };
        Ok(match db.invite_provider(&new, &token, &by, now).await? {
            Some(id) => Next::To(format!("/oversight/providers/{id}"), Flash::Invited { name }),
            None => Next::Again(PersonProblem::Known),
        })
    })
    .await
}

/// Makes somebody an operator.
pub(crate) async fn add_operator(State(state): State<AppState>, request: Request<Body>) -> Response {
    let (db, now, token) = (state.db.clone(), state.clock.now(), new_token(&state));
    person(state, request, Place::Operators, operator_screen, |person, by| async move {
        let Person { name, email, zone, locale } = person;
        let new = NewOperator { name: name.clone(), email, zone, locale };
        Ok(match db.invite_operator(&new, &token, &by, now).await? {
            Some(_) => Next::To("/oversight/operators".to_owned(), Flash::OperatorMade { name }),
            None => Next::Again(PersonProblem::Known),
        })
    })
    .await
}

#[derive(Deserialize)]
struct TypedToken {
    #[serde(default)]
    name: String,
    #[serde(default)]
    reach: String,
}

/// What the form of a token leads to.
enum Made {
    Token { name: String, token: SecretString },
    Again(TokenProblem),
}

/// A screen that is drawn within the page around it.
type Drawn = Arc<dyn Fn(&Desk) -> Screen + Send + Sync>;

/// Makes a token of the API. The answer is the one page on which it can be read.
pub(crate) async fn make_token(State(state): State<AppState>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let (Some(typed), Some(session)) =
        (Form::<TypedToken>::from_request_body(body, &parts).await, parts.extensions.get::<Session>())
    else {
        return problem_page(&state, &parts, Problem::Bad).await;
    };
    let Some(operator) = session.operator.clone() else {
        return problem_page(&state, &parts, Problem::Operators).await;
    };
    let made = async {
        let name = typed.name.trim();
        if name.is_empty() || name.chars().count() > LONGEST_TOKEN_NAME || name.chars().any(char::is_control)
        {
            return Ok(Made::Again(TokenProblem::Name));
        }
        let reach = match typed.reach.trim() {
            "" => None,
            email if !looks_like_email(email) => return Ok(Made::Again(TokenProblem::Reach)),
            email => match state.db.provider_by_email(email).await? {
                Some(provider) => Some(provider.id),
                None => return Ok(Made::Again(TokenProblem::Reach)),
            },
        };
        let (_, token) = state.db.make_api_token(name, reach, &operator.email, state.clock.now()).await?;
        Ok::<_, StoreError>(Made::Token { name: name.to_owned(), token })
    };
    let (status, screen): (_, Drawn) = match made.await {
        Ok(Made::Token { name, token }) => {
            (StatusCode::OK, Arc::new(move |desk| shown_screen(desk, &name, token.expose_secret())))
        }
        Ok(Made::Again(problem)) => {
            let form = TokenForm { name: typed.name, reach: typed.reach, problem: Some(problem) };
            (StatusCode::UNPROCESSABLE_ENTITY, Arc::new(move |desk| new_screen(desk, form.clone())))
        }
        Err(error) => {
            return state.trouble(&error, "a token could not be made").status().into_response();
        }
    };
    let body = move || match Desk::find() {
        Some(desk) => desk_frame(&desk, Place::Tokens, screen(&desk)),
        None => frame_problem(Problem::Operators).into_any(),
    };
    document_response(&state, &parts, body, status).await
}
