//! Logging in.

use crate::actions::account::ChangeLanguage;
use crate::components::{action_form, hidden};
use crate::page::{flash_note, frame_problem, plain_frame, query_value};
use crate::render::Problem;
use crate::session::{Session, local_path};
use crate::state::AppState;
use crate::texts::{Lang, code, language_of, text};
use axum::http::StatusCode;
use axum::http::request::Parts;
use leptos::prelude::*;
use leptos_axum::ResponseOptions;
use leptos_router::hooks::use_params_map;
use simone_store::links::LinkKind;

/// What was typed, and what is wrong with it.
#[derive(Clone, Debug, Default)]
pub struct LoginForm {
    pub email: String,
    pub next: Option<String>,
    pub problem: Option<LoginProblem>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginProblem {
    /// The address has not the form of one.
    Email,
    TooMany,
}

#[component]
pub fn LoginPage() -> impl IntoView {
    let next = use_context::<Parts>().and_then(|parts| query_value(&parts, "next"));
    login_view(LoginForm { next, ..LoginForm::default() }).into_any()
}

pub fn login_view(form: LoginForm) -> AnyView {
    let (Some(parts), Some(state)) = (use_context::<Parts>(), use_context::<AppState>()) else {
        return frame_problem(Problem::Failed).into_any();
    };
    let lang = language_of(&parts);
    let is_set = |name| query_value(&parts, name).is_some();
    let shown = parts.extensions.get::<Session>().and_then(|session| session.shown.clone());
    let note = if is_set("left") {
        Some(text!(lang, login.left))
    } else if is_set("erased") {
        Some(text!(lang, login.erased))
    } else if form.next.as_deref().is_some_and(|next| !matches!(next, "/" | "/agenda"))
        && shown.is_none()
        && form.problem.is_none()
    {
        Some(text!(lang, login.expired))
    } else {
        None
    };
    let next = form.next.as_deref().map(|next| local_path(Some(next), "/agenda").to_owned());
    let demo = state.demo.clone();
    let mailbox = demo.as_ref().and_then(|demo| demo.mailbox.clone());
    let title = text!(lang, login.title);
    let body = if is_set("sent") {
        view! {
            <div class="stack narrow centered">
                <div>
                    <h1>{text!(lang, login.sent_title)}</h1>
                    <p class="lead" role="status">{text!(lang, login.sent)}</p>
                </div>
                <div class="actions">
                    {mailbox.map(|mailbox| view! { <a class="btn main" href=mailbox>{text!(lang, login.mailbox)}</a> })}
                    <a class="btn" href="/login">{text!(lang, login.sent_again)}</a>
                </div>
            </div>
        }
        .into_any()
    } else {
        let problem = form.problem.map(|problem| match problem {
            LoginProblem::Email => text!(lang, login.email_wrong),
            LoginProblem::TooMany => text!(lang, login.too_many),
        });
        let demo_next = next.clone();
        let operator_next = next.clone();
        view! {
            <div class="stack narrow centered">
                <div>
                    <h1>{title.clone()}</h1>
                    <p class="lead">{text!(lang, login.lead)}</p>
                </div>
                {note.map(|note| view! { <p class="note calm inset" role="status">{note}</p> })}
                {flash_note(lang, shown.as_ref())}
                {demo.map(|demo| view! {
                    <section class="card" aria-labelledby="demo">
                        <div class="body">
                            <div>
                                <h2 id="demo">{text!(lang, login.demo_title)}</h2>
                                <p class="small mt-1">{text!(lang, login.demo_lead)}</p>
                            </div>
                            <form method="post" action="/login/demo">
                                {demo_next.map(|next| hidden("next", next))}
                                <button class="btn main wide">{text!(lang, login.demo_button, name = demo.name.as_str())}</button>
                            </form>
                            {demo.operator.map(|operator| view! {
                                <form method="post" action="/login/demo">
                                    {operator_next.map(|next| hidden("next", next))}
                                    {hidden("as", "operator")}
                                    <button class="btn wide">{text!(lang, login.demo_operator, name = operator.name.as_str())}</button>
                                </form>
                            })}
                        </div>
                    </section>
                })}
                <section class="card">
                    <form class="body" method="post" action="/login" novalidate>
                        {next.map(|next| hidden("next", next))}
                        <div class="field">
                            <label for="email">{text!(lang, login.email)}</label>
                            <input
                                id="email"
                                name="email"
                                type="email"
                                autocomplete="email"
                                required
                                value=form.email
                                aria-describedby="email-hint"
                                aria-invalid=problem.is_some().then_some("true")
                            />
                            {problem.map(|problem| view! { <p class="wrong" role="alert">{problem}</p> })}
                            <p class="small" id="email-hint">{text!(lang, login.email_hint)}</p>
                        </div>
                        <div class="actions"><button class="btn">{text!(lang, login.send)}</button></div>
                    </form>
                </section>
                {language_choice(lang, "/login".to_owned())}
            </div>
        }
        .into_any()
    };
    plain_frame(title, lang, body).into_any()
}

/// The two languages, each in its own words.
pub fn language_choice(lang: Lang, back: String) -> AnyView {
    let button = move |of: Lang, name: &'static str| {
        view! {
            <button class="btn" name="language" value=code(of) lang=code(of) aria-pressed=(of == lang).to_string()>
                {name}
            </button>
        }
    };
    view! {
        {action_form!(ChangeLanguage, view! {
            {hidden("back", back)}
            <div class="seg">{button(Lang::fr, "Français")}{button(Lang::en, "English")}</div>
        })}
    }
    .into_any()
}

/// A link that came by e-mail. Opening it changes nothing: mail scanners do; the press of its button logs in.
#[component]
pub fn LinkPage() -> impl IntoView {
    let token = use_params_map().with_untracked(|params| params.get("token")).unwrap_or_default();
    let (parts, state) = (use_context::<Parts>(), use_context::<AppState>());
    let response = use_context::<ResponseOptions>();
    view! {
        <Suspense>
            {Suspend::new(async move {
                let (Some(parts), Some(state), Some(response)) = (parts, state, response) else {
                    return frame_problem(Problem::Failed).into_any();
                };
                let lang = language_of(&parts);
                match state.db.login_link(&token, state.clock.now()).await {
                    Ok(Some(kind)) => {
                        let (title, lead, button) = match kind {
                            LinkKind::Login => (
                                text!(lang, login.token_title),
                                text!(lang, login.token_lead),
                                text!(lang, login.token_button),
                            ),
                            LinkKind::Invitation => (
                                text!(lang, login.invited_title),
                                text!(lang, login.invited_lead),
                                text!(lang, login.invited_button),
                            ),
                        };
                        let body = view! {
                            <div class="stack narrow centered">
                                <div>
                                    <h1>{title.clone()}</h1>
                                    <p class="lead">{lead}</p>
                                </div>
                                <form method="post">
                                    <button class="btn main">{button}</button>
                                </form>
                            </div>
                        };
                        plain_frame(title, lang, body).into_any()
                    }
                    Ok(None) => {
                        response.set_status(StatusCode::GONE);
                        let title = text!(lang, login.token_dead_title);
                        let body = view! {
                            <div class="stack narrow centered">
                                <div>
                                    <h1>{title.clone()}</h1>
                                    <p class="lead">{text!(lang, login.token_dead)}</p>
                                </div>
                                <div class="actions">
                                    <a class="btn main" href="/login">{text!(lang, login.token_new)}</a>
                                </div>
                            </div>
                        };
                        plain_frame(title, lang, body).into_any()
                    }
                    Err(error) => {
                        tracing::error!(error = &error as &dyn std::error::Error, "a login link could not be read");
                        response.set_status(Problem::Failed.status());
                        frame_problem(Problem::Failed).into_any()
                    }
                }
            })}
        </Suspense>
    }.into_any()
}
