//! The operator themselves: language and sessions.

use crate::desk::{Desk, Place, desk_page};
use crate::page::{PageError, Screen};
use crate::pages::login::language_choice;
use crate::pages::sessions::sessions;
use crate::texts::text;
use leptos::prelude::*;

#[component]
pub fn OperatorAccountPage() -> impl IntoView {
    desk_page(Place::Account, account).into_any()
}

async fn account(desk: Desk) -> Result<Screen, PageError> {
    const HERE: &str = "/oversight/account";
    let lang = desk.lang;
    let title = text!(lang, account.title);
    let open = desk.state.db.open_sessions(desk.session.who(), desk.session.token_hash(), desk.now).await?;
    let body = view! {
        <h1>{title.clone()}</h1>
        <section class="card">
            <div class="body">
                <dl class="pairs">
                    <dt>{text!(lang, account.name)}</dt>
                    <dd>{desk.operator.name.clone()}</dd>
                    <dt>{text!(lang, account.email)}</dt>
                    <dd>{desk.operator.email.clone()}</dd>
                </dl>
            </div>
        </section>
        <section class="card" aria-labelledby="language-title">
            <div class="body">
                <div>
                    <h2 id="language-title">{text!(lang, account.language_title)}</h2>
                    <p class="small mt-1">{text!(lang, account.language_text)}</p>
                </div>
                {language_choice(lang, HERE.to_owned())}
            </div>
        </section>
        {sessions(lang, &open, HERE, |at| desk.ago(at))}
    };
    Ok(Screen { title, fluid: false, body: body.into_any() })
}
