//! What a provider lets the marketplace know beside when they are busy.

use super::calendars::switch;
use crate::actions::account::ShareTitles;
use crate::components::{action_form, hidden};
use crate::page::{Here, PageError};
use crate::texts::text;
use leptos::prelude::*;

/// The switch that lets titles be told through the API.
pub async fn titles_choice(here: &Here) -> Result<AnyView, PageError> {
    let lang = here.lang;
    let shared = here.state.db.shares_titles(here.provider_id()).await?;
    let label = text!(lang, sharing.switch);
    Ok(view! {
        <section class="card" aria-labelledby="sharing-title">
            <div class="body">
                <div>
                    <h2 id="sharing-title">{text!(lang, sharing.title)}</h2>
                    <p class="small mt-1">{text!(lang, sharing.text)}</p>
                </div>
                <div class="actions">
                    <p class="name grow">{label.clone()}</p>
                    {action_form!(ShareTitles, switch(label, shared, hidden("share", !shared)))}
                </div>
            </div>
        </section>
    }
    .into_any())
}
