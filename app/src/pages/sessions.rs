//! Where somebody is logged in, and how that ends.

use crate::actions::account::{EndOtherSessions, EndSession, LogOut};
use crate::components::{action_form, hidden};
use crate::device;
use crate::texts::{Lang, text};
use chrono::{DateTime, Utc};
use leptos::prelude::*;
use simone_store::sessions::OpenSession;

/// The list of a person's sessions. `back`: the page that it is on.
pub fn sessions(
    lang: Lang,
    open: &[OpenSession],
    back: &'static str,
    ago: impl Fn(DateTime<Utc>) -> String,
) -> AnyView {
    let rows: Vec<_> = open
        .iter()
        .map(|session| {
            let device = device::words(lang, session.device.as_deref());
            let opened = text!(lang, sessions.opened, when = ago(session.created_at));
            let facts = if session.this {
                opened
            } else {
                format!("{} · {opened}", text!(lang, sessions.seen, when = ago(session.last_seen_at)))
            };
            let end = if session.this {
                view! { <span class="state">{text!(lang, sessions.this)}</span> }.into_any()
            } else {
                let label = text!(lang, sessions.end_named, device = device.as_str(), facts = facts.as_str());
                let id = session.id;
                action_form!(
                    EndSession,
                    view! {
                        {hidden("session", id)}
                        {hidden("back", back)}
                        <button class="btn quiet bad" aria-label=label>{text!(lang, sessions.end)}</button>
                    }
                )
                .into_any()
            };
            view! {
                <li class="row plain">
                    <span><b class="name">{device}</b><br/><small class="num">{facts}</small></span>
                    {end}
                </li>
            }
        })
        .collect();
    let others = (open.len() > 1).then(|| {
        action_form!(
            EndOtherSessions,
            view! {
                {hidden("back", back)}
                <button class="btn bad">{text!(lang, sessions.end_others)}</button>
            }
        )
    });
    view! {
        <section class="card" aria-labelledby="session-title">
            <div class="body">
                <div>
                    <h2 id="session-title">{text!(lang, sessions.title)}</h2>
                    <p class="small mt-1">{text!(lang, account.session_text)}</p>
                </div>
                <ul>{rows}</ul>
                <div class="actions">
                    {action_form!(LogOut, view! {
                        {hidden("everywhere", false)}
                        <button class="btn">{text!(lang, account.logout)}</button>
                    })}
                    {others}
                </div>
            </div>
        </section>
    }
    .into_any()
}
