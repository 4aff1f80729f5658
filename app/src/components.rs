//! Small pieces that several pages use.

use crate::texts::{Lang, text};
use leptos::prelude::*;
use simone_booking::ConnectionId;
use simone_sync::platform::Platform;

/// Pictures of the narrow navigation. Decoration: the word stands beside each.
#[derive(Clone, Copy, Debug)]
pub enum Icon {
    Agenda,
    Conflicts,
    Calendars,
    Log,
    Notices,
    Account,
    People,
    Operators,
    Key,
}

pub fn icon(icon: Icon) -> AnyView {
    let path = match icon {
        Icon::Agenda => "M4 6h16v14H4zM4 10h16M8 3v4M16 3v4",
        // Two stretches of time, one over the other.
        Icon::Conflicts => "M3 5h11v8H3zM10 11h11v8H10z",
        Icon::Calendars => {
            "M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 6 6l1-1"
        }
        Icon::Log => "M9 6h11M9 12h11M9 18h11M4 6h.01M4 12h.01M4 18h.01",
        Icon::Notices => "M6 16V10a6 6 0 0 1 12 0v6l2 2H4zM10 21h4",
        Icon::People => {
            "M9 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM2 21a7 7 0 0 1 14 0M16 3.5a4 4 0 0 1 0 7M18 14.5a7 7 0 0 1 4 6.5"
        }
        Icon::Operators => "M12 3l8 3v6c0 5-3.5 8-8 9-4.5-1-8-4-8-9V6zM9 12l2 2 4-4",
        Icon::Key => "M15 9a6 6 0 1 0-5.7 6L12 18h3v3h3v-3l2-2-5-5zM7 8h.01",
        Icon::Account => "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 21a8 8 0 0 1 16 0",
    };
    view! {
        <svg
            width="22"
            height="22"
            viewBox="0 0 24 24"
            fill="none"
            stroke="currentColor"
            stroke-width="1.8"
            stroke-linecap="round"
            stroke-linejoin="round"
            aria-hidden="true"
        >
            <path d=path/>
        </svg>
    }
    .into_any()
}

/// The form of an action, as `<ActionForm>` makes it; its fields are made before it, and may borrow.
macro_rules! action_form {
    ($action:ty, $fields:expr) => {{
        let fields = $fields;
        leptos::view! { <ActionForm action={ServerAction::<$action>::new()}>{fields}</ActionForm> }
    }};
}
pub(crate) use action_form;

/// A hidden field of a form.
pub fn hidden(name: &'static str, value: impl ToString) -> AnyView {
    view! { <input type="hidden" name=name value=value.to_string()/> }.into_any()
}

/// A part of a page that renews itself while the page is open (`public/live.js`). `said`: what is announced when its
/// words change; what changes with time alone stands in elements marked `data-age`. Names are unique on a page, and a
/// page has the same parts whatever its state. Give `data-key` to what repeats inside.
pub fn live(name: &'static str, said: Option<String>, view: impl IntoView + 'static) -> AnyView {
    view! { <div class="live" data-live=name data-said=said>{view}</div> }.into_any()
}

/// For those whose browser runs no script: the way to see how far something has come.
pub fn refresh_link(lang: Lang, address: String) -> AnyView {
    view! { <a class="btn unscripted" href=address>{text!(lang, app.refresh)}</a> }.into_any()
}

/// The places among the settings.
pub fn settings_nav(lang: Lang, on: &str) -> AnyView {
    let places = [
        ("/settings/services", text!(lang, settings.services)),
        ("/settings/hours", text!(lang, settings.hours)),
        ("/settings/account", text!(lang, settings.account)),
    ];
    let links: Vec<_> = places
        .into_iter()
        .map(|(address, name)| {
            let current = (address == on).then_some("page");
            view! { <a class="btn" href=address aria-current=current>{name}</a> }
        })
        .collect();
    view! { <nav aria-label=text!(lang, settings.nav)><div class="seg">{links}</div></nav> }.into_any()
}

/// A place where nothing is yet: what it will hold, and what to do.
pub fn empty(title: String, words: String, action: impl IntoView + 'static) -> AnyView {
    view! {
        <section class="empty">
            <h2>{title}</h2>
            <p class="lead">{words}</p>
            {action}
        </section>
    }
    .into_any()
}

/// The button that leads to a platform's page. `reconnects`: the connection that is to be renewed.
pub fn connect_button(platform: Platform, words: String, reconnects: Option<ConnectionId>) -> AnyView {
    view! {
        <form method="post" action=format!("/connect/{platform}")>
            {reconnects.map(|connection| hidden("reconnect", connection))}
            <button class="btn main">{words}</button>
        </form>
    }
    .into_any()
}

/// A button that opens a page of someone else's in a tab of its own, which learns nothing of ours. `link` must be safe: see
/// [`crate::reasons::safe_link`].
pub fn outside_link(lang: Lang, link: String, words: String) -> AnyView {
    view! {
        <a class="btn" href=link target="_blank" rel="noopener noreferrer">
            {words}
            <span aria-hidden="true">"↗"</span>
            <span class="unseen">{format!("({})", text!(lang, reason.new_tab))}</span>
        </a>
    }
    .into_any()
}

/// The same where there is room for an arrow only.
pub fn outside_link_named(lang: Lang, link: String, name: String) -> AnyView {
    let name = format!("{name} ({})", text!(lang, reason.new_tab));
    view! {
        <a class="btn quiet step" href=link target="_blank" rel="noopener noreferrer" aria-label=name>
            <span aria-hidden="true">"↗"</span>
        </a>
    }
    .into_any()
}
