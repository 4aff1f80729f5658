//! The first page of who has accepted an invitation: where they are, and in which language.

use crate::actions::account::Welcome;
use crate::components::action_form;
use crate::page::{Here, PageError, Screen, Tab, page};
use crate::pages::account::zones;
use crate::texts::{Lang, text};
use leptos::prelude::*;
use simone_booking::Locale;

#[component]
pub fn WelcomePage() -> impl IntoView {
    page(Tab::Account, welcome).into_any()
}

async fn welcome(here: Here) -> Result<Screen, PageError> {
    let lang = here.lang;
    let title = text!(lang, welcome.title, name = here.provider.name.split(' ').next().unwrap_or_default());
    let option = |of: Locale, mine: Lang, name: &'static str| {
        view! { <option value=of.code() selected=mine == lang>{name}</option> }
    };
    let body = view! {
        <div class="stack narrow centered">
            <div>
                <h1>{title.clone()}</h1>
                <p class="lead">{text!(lang, welcome.lead)}</p>
            </div>
            <section class="card">
                <div class="body">
                    {action_form!(Welcome, view! {
                        <div class="stack">
                            <div class="field">
                                <label for="language">{text!(lang, account.language_title)}</label>
                                <select id="language" name="language">
                                    {option(Locale::Fr, Lang::fr, "Français")}
                                    {option(Locale::En, Lang::en, "English")}
                                </select>
                            </div>
                            <div class="field">
                                <label for="zone">{text!(lang, account.zone_label)}</label>
                                <select id="zone" name="zone" aria-describedby="zone-text">{zones(lang, here.zone())}</select>
                                <p class="small" id="zone-text">{text!(lang, account.zone_text)}</p>
                            </div>
                            <div class="actions"><button class="btn main">{text!(lang, welcome.button)}</button></div>
                        </div>
                    })}
                </div>
            </section>
        </div>
    };
    Ok(Screen { title, fluid: false, body: body.into_any() })
}
