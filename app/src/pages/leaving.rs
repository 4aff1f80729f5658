//! The step before a provider erases their account: what will happen, named.

use crate::actions::account::EraseAccount;
use crate::components::{action_form, hidden};
use crate::page::{Here, PageError, Screen, Tab, page};
use crate::platform::{face, permission_links};
use crate::texts::text;
use leptos::prelude::*;
use simone_sync::ports::Status;

#[component]
pub fn LeavingPage() -> impl IntoView {
    page(Tab::Account, leaving).into_any()
}

async fn leaving(here: Here) -> Result<Screen, PageError> {
    let lang = here.lang;
    let title = text!(lang, erase.title);
    let connections = here.state.db.connections(here.provider_id(), here.now).await?;
    let kept = here.state.db.count_kept_blocks(here.provider_id(), here.now).await?;
    let slots = kept + connections.iter().map(simone_store::views::Connection::blocks).sum::<i64>();
    let slots =
        if slots == 0 { text!(lang, erase.slots_none) } else { text!(lang, erase.slots, count = slots) };
    let accounts: Vec<_> = connections
        .iter()
        .filter(|connection| connection.status != Status::Disconnected)
        .map(|connection| {
            let what = text!(lang, erase.account, account = connection.account.as_str());
            let ending = (face(connection.platform).ending)(lang);
            view! { <li>{what}" "{ending}{permission_links(lang, connection.platform)}</li> }
        })
        .collect();
    let operator = here.session.operator.is_some().then(|| view! { <li>{text!(lang, erase.operator)}</li> });
    let body = view! {
        <div>
            <a class="crumb" href="/settings/account">"‹ "{text!(lang, account.title)}</a>
            <h1>{title.clone()}</h1>
            <p class="lead">{text!(lang, erase.lead)}</p>
        </div>
        <section class="card">
            <div class="body">
                <ul class="what">
                    <li>{text!(lang, erase.out)}</li>
                    <li>{slots}</li>
                    {accounts}
                    <li>{text!(lang, erase.data)}</li>
                    <li>{text!(lang, erase.untouched)}</li>
                    <li>{text!(lang, erase.email, email = here.provider.email.as_str())}</li>
                    {operator}
                </ul>
                <p><b>{text!(lang, erase.for_good)}</b>" "{text!(lang, erase.export_first)}</p>
                <div class="actions">
                    <a class="btn" href="/settings/account/export" download>{text!(lang, account.export)}</a>
                </div>
            </div>
        </section>
        <div class="actions">
            {action_form!(EraseAccount, view! {
                {hidden("sure", true)}
                <button class="btn main bad">{text!(lang, erase.confirm)}</button>
            })}
            <a class="btn" href="/settings/account">{text!(lang, erase.cancel)}</a>
        </div>
    };
    Ok(Screen { title, fluid: false, body: body.into_any() })
}
