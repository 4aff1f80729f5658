//! The API's tokens: which there are, one made and shown once, and the step before one is withdrawn.

use crate::actions::oversight::WithdrawToken;
use crate::components::{action_form, empty, hidden};
use crate::desk::{Desk, Place, desk_page};
use crate::page::{PageError, Screen};
use crate::texts::text;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use simone_booking::id::ApiTokenId;
use simone_store::api_tokens::ApiTokenRow;

/// What was typed, and what is wrong with it.
#[derive(Clone, Debug, Default)]
pub struct TokenForm {
    pub name: String,
    /// The e-mail address of the one provider that it reaches.
    pub reach: String,
    pub problem: Option<TokenProblem>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenProblem {
    Name,
    /// No provider has this address.
    Reach,
}

#[component]
pub fn TokensPage() -> impl IntoView {
    desk_page(Place::Tokens, tokens).into_any()
}

#[component]
pub fn NewTokenPage() -> impl IntoView {
    desk_page(Place::Tokens, |desk| async move { Ok(new_screen(&desk, TokenForm::default())) }).into_any()
}

#[component]
pub fn WithdrawTokenPage() -> impl IntoView {
    let asked: Option<ApiTokenId> =
        use_params_map().with_untracked(|params| params.get("token")).and_then(|id| id.parse().ok());
    desk_page(Place::Tokens, move |desk| async move { withdraw(&desk, asked).await }).into_any()
}

async fn tokens(desk: Desk) -> Result<Screen, PageError> {
    let lang = desk.lang;
    let rows = desk.state.db.api_tokens().await?;
    let title = text!(lang, oversight.tokens);
    let list = if rows.is_empty() {
        empty(text!(lang, tokens.empty_title), text!(lang, tokens.empty), ())
    } else {
        let list: Vec<_> = rows.iter().map(|row| entry(&desk, row)).collect();
        view! { <section class="card"><ul class="people">{list}</ul></section> }.into_any()
    };
    let body = view! {
        <div class="bar">
            <div class="grow">
                <h1>{title.clone()}</h1>
                <p class="lead">{text!(lang, tokens.lead)}</p>
            </div>
            <a class="btn main" href="/oversight/tokens/new">{text!(lang, tokens.add)}</a>
        </div>
        {list}
    };
    Ok(Screen { title, fluid: false, body: body.into_any() })
}

fn entry(desk: &Desk, row: &ApiTokenRow) -> AnyView {
    let lang = desk.lang;
    let id = row.id;
    let reach = match &row.reach {
        Some((_, name)) => name.clone(),
        None => text!(lang, tokens.everything),
    };
    let made = text!(lang, tokens.made, when = desk.ago(row.created_at), by = row.created_by.as_str());
    let used = row
        .last_used_at
        .map_or_else(|| text!(lang, tokens.unused), |at| text!(lang, tokens.used, when = desk.ago(at)));
    let state = match row.withdrawn_at {
        Some(_) => view! { <span class="state busy">{text!(lang, tokens.state_withdrawn)}</span> }.into_any(),
        None => {
            let label = text!(lang, tokens.withdraw_named, name = row.name.as_str());
            view! {
                <span class="state">{text!(lang, tokens.state_ok)}</span>
                <a class="btn quiet bad" href=format!("/oversight/tokens/{id}/withdraw") aria-label=label>
                    {text!(lang, tokens.withdraw)}
                </a>
            }
            .into_any()
        }
    };
    view! {
        <li class="entry">
            <span class="grow">
                <b>{row.name.clone()}</b>
                <small>{reach}" · "{made}" · "{used}</small>
            </span>
            {state}
        </li>
    }
    .into_any()
}

pub fn new_screen(desk: &Desk, form: TokenForm) -> Screen {
    let lang = desk.lang;
    let title = text!(lang, tokens.new_title);
    let TokenForm { name, reach, problem } = form;
    let wrong = |of: TokenProblem, words: String| {
        (problem == Some(of)).then(|| view! { <p class="wrong" role="alert">{words}</p> })
    };
    let invalid = |of: TokenProblem| (problem == Some(of)).then_some("true");
    let body = view! {
        <div>
            <a class="crumb" href="/oversight/tokens">"‹ "{text!(lang, oversight.tokens)}</a>
            <h1>{title.clone()}</h1>
            <p class="lead">{text!(lang, tokens.new_lead)}</p>
        </div>
        <section class="card narrow">
            <form class="body" method="post" action="/oversight/tokens/new" novalidate>
                <div class="field">
                    <label for="name">{text!(lang, tokens.name)}</label>
                    <input
                        id="name"
                        name="name"
                        required
                        maxlength="100"
                        autocomplete="off"
                        value=name
                        aria-invalid=invalid(TokenProblem::Name)
                        aria-describedby="name-hint"
                    />
                    {wrong(TokenProblem::Name, text!(lang, tokens.name_wrong))}
                    <p class="small" id="name-hint">{text!(lang, tokens.name_hint)}</p>
                </div>
                <div class="field">
                    <label for="reach">{text!(lang, tokens.reach)}</label>
                    <input
                        id="reach"
                        name="reach"
                        type="email"
                        autocomplete="off"
                        value=reach
                        aria-invalid=invalid(TokenProblem::Reach)
                        aria-describedby="reach-hint"
                    />
                    {wrong(TokenProblem::Reach, text!(lang, tokens.reach_wrong))}
                    <p class="small" id="reach-hint">{text!(lang, tokens.reach_hint)}</p>
                </div>
                <div class="actions"><button class="btn main">{text!(lang, tokens.button)}</button></div>
            </form>
        </section>
    };
    Screen { title, fluid: false, body: body.into_any() }
}

/// The one page on which a token can be read.
pub fn shown_screen(desk: &Desk, name: &str, token: &str) -> Screen {
    let lang = desk.lang;
    let title = text!(lang, tokens.shown_title);
    let body = view! {
        <div>
            <h1>{title.clone()}</h1>
            <p class="lead" role="status">{text!(lang, tokens.shown_lead)}</p>
        </div>
        <section class="card">
            <div class="body">
                <div class="field">
                    <label for="token">{text!(lang, tokens.shown_label, name = name)}</label>
                    <input id="token" class="num" readonly value=token.to_owned() autocomplete="off" spellcheck="false"/>
                </div>
            </div>
        </section>
        <div class="actions"><a class="btn main" href="/oversight/tokens">{text!(lang, tokens.back)}</a></div>
    };
    Screen { title, fluid: false, body: body.into_any() }
}

async fn withdraw(desk: &Desk, asked: Option<ApiTokenId>) -> Result<Screen, PageError> {
    let lang = desk.lang;
    let id = asked.ok_or(PageError::NotFound)?;
    let rows = desk.state.db.api_tokens().await?;
    let row = rows.into_iter().find(|row| row.id == id && row.withdrawn_at.is_none());
    let row = row.ok_or(PageError::NotFound)?;
    let title = text!(lang, tokens.withdraw_title, name = row.name.as_str());
    let body = view! {
        <div>
            <a class="crumb" href="/oversight/tokens">"‹ "{text!(lang, oversight.tokens)}</a>
            <h1>{title.clone()}</h1>
            <p class="lead">{text!(lang, tokens.withdraw_lead)}</p>
        </div>
        <div class="actions">
            {action_form!(WithdrawToken, view! {
                {hidden("token", id)}
                <button class="btn main bad">{text!(lang, tokens.withdraw_confirm)}</button>
            })}
            <a class="btn" href="/oversight/tokens">{text!(lang, tokens.withdraw_cancel)}</a>
        </div>
    };
    Ok(Screen { title, fluid: false, body: body.into_any() })
}
