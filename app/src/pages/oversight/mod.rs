//! The operators' pages: who is here and how their connections are, who may see that, and who did what. Never what is in
//! anybody's calendar.

pub mod account;
pub mod audit;
pub mod operators;
pub mod person;
pub mod provider;
pub mod providers;
pub mod tokens;

use crate::texts::{Lang, text};
use leptos::prelude::*;
use simone_store::views::oversight::{Health, Standing};

/// How a provider, or a connection, is: one badge.
fn badge(lang: Lang, standing: Standing, health: Health) -> AnyView {
    let (class, words) = match (standing, health) {
        (Standing::Leaving, _) => ("state busy", text!(lang, oversight.state_leaving)),
        (_, Health::Reconnect) => ("state warn", text!(lang, oversight.state_reconnect)),
        (_, Health::Attention) => ("state warn", text!(lang, oversight.state_attention)),
        (_, Health::Ok) => ("state", text!(lang, oversight.state_ok)),
        (Standing::Invited(_), Health::None) => ("state busy", text!(lang, oversight.state_invited)),
        (Standing::Here, Health::None) => ("state busy", text!(lang, oversight.state_none)),
    };
    view! { <span class=class>{words}</span> }.into_any()
}

/// The links from one page of a list to the next. `address` ends in what the page's number is appended to.
fn pager(lang: Lang, address: &str, page: u32, more: bool) -> AnyView {
    if page == 1 && !more {
        return ().into_any();
    }
    let to = |page: u32| format!("{address}page={page}");
    view! {
        <nav class="actions" aria-label=text!(lang, oversight.pages)>
            {(page > 1).then(|| view! { <a class="btn" href=to(page - 1)>{text!(lang, oversight.previous)}</a> })}
            {more.then(|| view! { <a class="btn" href=to(page + 1)>{text!(lang, oversight.next)}</a> })}
        </nav>
    }
    .into_any()
}
