//! Who the operators are, and the step before one is so no longer.

use crate::actions::oversight::WithdrawOperator;
use crate::components::{action_form, hidden};
use crate::desk::{Desk, Place, desk_page};
use crate::page::{PageError, Screen};
use crate::texts::text;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use simone_booking::OperatorId;

#[component]
pub fn OperatorsPage() -> impl IntoView {
    desk_page(Place::Operators, operators).into_any()
}

#[component]
pub fn WithdrawOperatorPage() -> impl IntoView {
    let asked: Option<OperatorId> =
        use_params_map().with_untracked(|params| params.get("operator")).and_then(|id| id.parse().ok());
    desk_page(Place::Operators, move |desk| async move { withdraw(&desk, asked).await }).into_any()
}

async fn operators(desk: Desk) -> Result<Screen, PageError> {
    let lang = desk.lang;
    let rows = desk.state.db.operators(desk.now).await?;
    let several = rows.len() > 1;
    let title = text!(lang, oversight.operators);
    let list: Vec<_> = rows
        .iter()
        .map(|row| {
            let id = row.operator.id;
            let you = (id == desk.operator.id)
                .then(|| view! { <span class="state busy">{text!(lang, operators.you)}</span> });
            let seen = row.last_seen_at.map_or_else(
                || text!(lang, operators.not_here),
                |at| text!(lang, operators.seen, ago = desk.ago(at)),
            );
            let name = row.operator.name.clone();
            let withdraw = several.then(|| {
                let label = text!(lang, operators.withdraw_named, name = name.as_str());
                view! {
                    <a class="btn quiet bad" href=format!("/oversight/operators/{id}/withdraw") aria-label=label>
                        {text!(lang, operators.withdraw)}
                    </a>
                }
            });
            view! {
                <li class="entry">
                    <span class="grow">
                        <b>{name.clone()}</b>
                        <small>{row.operator.email.clone()}</small>
                    </span>
                    <small>{seen}</small>
                    {you}
                    {withdraw}
                </li>
            }
        })
        .collect();
    let body = view! {
        <div class="bar">
            <div class="grow">
                <h1>{title.clone()}</h1>
                <p class="lead">{text!(lang, operators.lead)}</p>
            </div>
            <a class="btn main" href="/oversight/operators/new">{text!(lang, operators.add)}</a>
        </div>
        <section class="card"><ul class="people">{list}</ul></section>
        {(!several).then(|| view! { <p class="small">{text!(lang, operators.only_one)}</p> })}
    };
    Ok(Screen { title, fluid: false, body: body.into_any() })
}

async fn withdraw(desk: &Desk, asked: Option<OperatorId>) -> Result<Screen, PageError> {
    let lang = desk.lang;
    let id = asked.ok_or(PageError::NotFound)?;
    let operator = desk.state.db.operator(id).await?.ok_or(PageError::NotFound)?;
    let title = text!(lang, operators.withdraw_title, name = operator.name.as_str());
    let own = (id == desk.operator.id).then(|| view! { <li>{text!(lang, operators.withdraw_self)}</li> });
    let body = view! {
        <div>
            <a class="crumb" href="/oversight/operators">"‹ "{text!(lang, oversight.operators)}</a>
            <h1>{title.clone()}</h1>
        </div>
        <section class="card">
            <div class="body">
                <ul class="what">
                    <li>{text!(lang, operators.withdraw_out)}</li>
                    <li>{text!(lang, operators.withdraw_provider)}</li>
                    {own}
                </ul>
            </div>
        </section>
        <div class="actions">
            {action_form!(WithdrawOperator, view! {
                {hidden("operator", id)}
                <button class="btn main bad">{text!(lang, operators.withdraw_confirm)}</button>
            })}
            <a class="btn" href="/oversight/operators">{text!(lang, operators.withdraw_cancel)}</a>
        </div>
    };
    Ok(Screen { title, fluid: false, body: body.into_any() })
}
