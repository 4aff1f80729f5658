//! The forms by which a provider is invited and an operator made.

use crate::desk::{Desk, Place, desk_page};
use crate::page::Screen;
use crate::pages::account::zones;
use crate::texts::{Lang, text};
use chrono_tz::Tz;
use leptos::prelude::*;
use simone_booking::Locale;

/// What was typed, and what is wrong with it.
#[derive(Clone, Debug)]
pub struct PersonForm {
    pub name: String,
    pub email: String,
    pub zone: Option<Tz>,
    pub locale: Locale,
    pub problem: Option<PersonProblem>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonProblem {
    Name,
    Email,
    Zone,
    /// Somebody has this address already.
    Known,
}

impl PersonForm {
    fn fresh(desk: &Desk) -> Self {
        let (zone, locale) = (Some(desk.operator.zone), desk.operator.locale);
        Self { name: String::new(), email: String::new(), zone, locale, problem: None }
    }
}

#[component]
pub fn InvitePage() -> impl IntoView {
    desk_page(Place::Providers, |desk| async move {
        let form = PersonForm::fresh(&desk);
        Ok(invite_screen(&desk, form))
    })
    .into_any()
}

#[component]
pub fn NewOperatorPage() -> impl IntoView {
    desk_page(Place::Operators, |desk| async move {
        let form = PersonForm::fresh(&desk);
        Ok(operator_screen(&desk, form))
    })
    .into_any()
}

pub fn invite_screen(desk: &Desk, form: PersonForm) -> Screen {
    let lang = desk.lang;
    let title = text!(lang, invite.title);
    let body = view! {
        <div>
            <a class="crumb" href="/oversight">"‹ "{text!(lang, oversight.providers)}</a>
            <h1>{title.clone()}</h1>
            <p class="lead">{text!(lang, invite.lead)}</p>
        </div>
        {person(lang, "/oversight/invite", form, text!(lang, invite.known), text!(lang, invite.button))}
    };
    Screen { title, fluid: false, body: body.into_any() }
}

pub fn operator_screen(desk: &Desk, form: PersonForm) -> Screen {
    let lang = desk.lang;
    let title = text!(lang, operators.new_title);
    let body = view! {
        <div>
            <a class="crumb" href="/oversight/operators">"‹ "{text!(lang, oversight.operators)}</a>
            <h1>{title.clone()}</h1>
            <p class="lead">{text!(lang, operators.new_lead)}</p>
        </div>
        {person(lang, "/oversight/operators/new", form, text!(lang, operators.known), text!(lang, operators.button))}
    };
    Screen { title, fluid: false, body: body.into_any() }
}

fn person(lang: Lang, action: &'static str, form: PersonForm, known: String, button: String) -> AnyView {
    let PersonForm { name, email, zone, locale, problem } = form;
    let wrong = |of: &[PersonProblem], words: String| {
        problem
            .is_some_and(|problem| of.contains(&problem))
            .then(|| view! { <p class="wrong" role="alert">{words}</p> })
    };
    let is = |of: PersonProblem| (problem == Some(of)).then_some("true");
    let email_words =
        if problem == Some(PersonProblem::Known) { known } else { text!(lang, login.email_wrong) };
    let email_invalid = is(PersonProblem::Email).or(is(PersonProblem::Known));
    let option = |of: Locale, name: &'static str| {
        view! { <option value=of.code() selected=of == locale>{name}</option> }
    };
    view! {
        <section class="card narrow">
            <form class="body" method="post" action=action novalidate>
                <div class="field">
                    <label for="name">{text!(lang, account.name)}</label>
                    <input id="name" name="name" required maxlength="120" autocomplete="off" value=name aria-invalid=is(PersonProblem::Name)/>
                    {wrong(&[PersonProblem::Name], text!(lang, invite.name_wrong))}
                </div>
                <div class="field">
                    <label for="email">{text!(lang, account.email)}</label>
                    <input id="email" name="email" type="email" required autocomplete="off" value=email aria-invalid=email_invalid/>
                    {wrong(&[PersonProblem::Email, PersonProblem::Known], email_words)}
                </div>
                <div class="field">
                    <label for="zone">{text!(lang, account.zone_label)}</label>
                    <select id="zone" name="zone" aria-invalid=is(PersonProblem::Zone)>
                        {zones(lang, zone.unwrap_or(chrono_tz::Europe::Paris))}
                    </select>
                    {wrong(&[PersonProblem::Zone], text!(lang, zone.unknown_title))}
                </div>
                <div class="field">
                    <label for="language">{text!(lang, account.language_title)}</label>
                    <select id="language" name="language">
                        {option(Locale::Fr, "Français")}
                        {option(Locale::En, "English")}
                    </select>
                </div>
                <div class="actions"><button class="btn main">{button}</button></div>
            </form>
        </section>
    }
    .into_any()
}
