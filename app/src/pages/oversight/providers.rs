//! All providers, by name, with how their connections are.

use super::{badge, pager};
use crate::components::{empty, hidden};
use crate::desk::{Desk, Place, desk_page};
use crate::page::{PageError, Screen};
use crate::texts::text;
use leptos::prelude::*;
use simone_store::views::oversight::{ProviderRow, Standing, Which};

#[component]
pub fn ProvidersPage() -> impl IntoView {
    desk_page(Place::Providers, providers).into_any()
}

async fn providers(desk: Desk) -> Result<Screen, PageError> {
    let lang = desk.lang;
    // Nobody has a longer name; and a pattern costs what it is long.
    let words: String =
        desk.query("q").unwrap_or_default().chars().filter(|letter| !letter.is_control()).take(100).collect();
    let (which, code) = match desk.query("which").as_deref() {
        Some("attention") => (Which::Attention, "attention"),
        Some("reconnect") => (Which::Reconnect, "reconnect"),
        _ => (Which::All, "all"),
    };
    let listed = desk.state.db.list_providers(&words, which, desk.page_number()).await?;
    let title = text!(lang, oversight.providers);
    let address = |which: &str| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if !words.is_empty() {
            query.append_pair("q", &words);
        }
        query.append_pair("which", which);
        format!("/oversight?{}", query.finish())
    };
    let filter = |to: &'static str, name: String| {
        let current = (to == code).then_some("true");
        view! { <a class="btn" href=address(to) aria-current=current>{name}</a> }
    };
    let invite = view! { <a class="btn main" href="/oversight/invite">{text!(lang, oversight.invite)}</a> };
    let searched = !words.is_empty() || which != Which::All;
    let list = if listed.rows.is_empty() && !searched {
        empty(text!(lang, oversight.empty_title), text!(lang, oversight.empty), ())
    } else if listed.rows.is_empty() && words.is_empty() {
        empty(text!(lang, oversight.well_title), text!(lang, oversight.well), ())
    } else if listed.rows.is_empty() {
        let all = view! { <a class="btn" href="/oversight">{text!(lang, oversight.show_all)}</a> };
        empty(text!(lang, oversight.none_title), text!(lang, oversight.none), all)
    } else {
        let rows: Vec<_> =
            listed.rows.iter().map(|row| view! { <li>{provider_row(&desk, row)}</li> }).collect();
        view! { <section class="card"><ul class="people">{rows}</ul></section> }.into_any()
    };
    let body = view! {
        <div class="bar">
            <div class="grow">
                <h1>{title.clone()}</h1>
                <p class="lead">{text!(lang, oversight.lead)}</p>
            </div>
            {invite}
        </div>
        <div class="bar">
            <form class="search grow" method="get" action="/oversight" role="search">
                {(which != Which::All).then(|| hidden("which", code))}
                <div class="field grow">
                    <label for="q">{text!(lang, oversight.search)}</label>
                    <input id="q" name="q" type="search" value=words.clone() maxlength="100" autocomplete="off"/>
                </div>
                <button class="btn">{text!(lang, oversight.search_button)}</button>
            </form>
            <nav class="seg" aria-label=text!(lang, oversight.filter)>
                {filter("all", text!(lang, oversight.filter_all))}
                {filter("attention", text!(lang, oversight.filter_attention))}
                {filter("reconnect", text!(lang, oversight.filter_reconnect))}
            </nav>
        </div>
        {list}
        {pager(lang, &format!("{}&", address(code)), listed.page, listed.more)}
    };
    Ok(Screen { title, fluid: false, body: body.into_any() })
}

fn provider_row(desk: &Desk, row: &ProviderRow) -> AnyView {
    let lang = desk.lang;
    let connections = text!(lang, oversight.connections, count = row.connections);
    let when = match (row.standing, row.last_synced_at) {
        (Standing::Invited(at), _) => text!(lang, oversight.invited, ago = desk.ago(at)),
        (_, Some(at)) => text!(lang, oversight.synced, ago = desk.ago(at)),
        (_, None) => text!(lang, oversight.never_synced),
    };
    let facts = if row.connections > 0 { format!("{connections} · {when}") } else { when };
    view! {
        <a href=format!("/oversight/providers/{}", row.id)>
            <span class="grow">
                <b>{row.name.clone()}</b>
                <small>{row.email.clone()}</small>
            </span>
            <small class="num">{facts}</small>
            {badge(lang, row.standing, row.health)}
        </a>
    }
    .into_any()
}
