//! Who did what, and when: the newest first.

use super::pager;
use crate::components::empty;
use crate::desk::{Desk, Place, desk_page};
use crate::page::{PageError, Screen};
use crate::texts::{Lang, text};
use leptos::prelude::*;
use simone_booking::ProviderId;
use simone_store::views::oversight::AuditRow;

#[component]
pub fn AuditPage() -> impl IntoView {
    desk_page(Place::Audit, audit).into_any()
}

async fn audit(desk: Desk) -> Result<Screen, PageError> {
    let lang = desk.lang;
    let of: Option<ProviderId> = desk.query("provider").and_then(|id| id.parse().ok());
    let listed = desk.state.db.audit_log(of, desk.page_number()).await?;
    let title = text!(lang, audit.title);
    let list = if listed.rows.is_empty() {
        empty(text!(lang, audit.empty_title), text!(lang, audit.empty), ())
    } else {
        let rows: Vec<_> = listed.rows.iter().map(|row| entry(&desk, row)).collect();
        view! { <section class="card"><ol class="log plain">{rows}</ol></section> }.into_any()
    };
    let only = of.map(|of| {
        let name = listed.rows.first().and_then(|row| row.provider_name.clone());
        let name = name.unwrap_or_else(|| short(&of.to_string()));
        view! {
            <p class="facts">
                <span>{text!(lang, audit.only, name = name)}</span>
                <a href="/oversight/audit">{text!(lang, audit.all)}</a>
            </p>
        }
    });
    let address =
        of.map_or_else(|| "/oversight/audit?".to_owned(), |of| format!("/oversight/audit?provider={of}&"));
    let body = view! {
        <div>
            <h1>{title.clone()}</h1>
            <p class="lead">{text!(lang, audit.lead)}</p>
        </div>
        {only}
        {list}
        {pager(lang, &address, listed.page, listed.more)}
    };
    Ok(Screen { title, fluid: false, body: body.into_any() })
}

/// Enough of an id to recognize it.
fn short(id: &str) -> String {
    id.chars().rev().take(6).collect::<Vec<_>>().into_iter().rev().collect()
}

fn entry(desk: &Desk, row: &AuditRow) -> AnyView {
    let lang = desk.lang;
    let whose = row.provider.map(|id| {
        let name = row.provider_name.clone();
        match name {
            Some(name) => view! { <a href=format!("/oversight/providers/{id}")>{name}</a> }.into_any(),
            None => text!(lang, audit.gone, id = short(&id.to_string())).into_any(),
        }
    });
    let by = match row.actor.as_str() {
        "provider" => text!(lang, audit.by_provider),
        "worker" => text!(lang, audit.by_simone),
        "command line" => text!(lang, audit.by_terminal),
        "configuration" => text!(lang, audit.by_configuration),
        token if token.starts_with("token:") => text!(lang, audit.by_token),
        other => other.to_owned(),
    };
    let operator = row.operator_name.clone();
    view! {
        <li>
            <span class="num">{desk.moment(row.at)}</span>
            <span>{words(lang, row)}{operator.map(|name| format!(" : {name}"))}</span>
            <small class="detail">{by}{whose.map(|whose| view! { " · "{whose} })}</small>
        </li>
    }
    .into_any()
}

/// What was done.
fn words(lang: Lang, row: &AuditRow) -> String {
    match row.action.as_str() {
        "connect" => text!(lang, audit.connect),
        "reconnect" => text!(lang, audit.reconnect),
        "disconnect" => text!(lang, audit.disconnect),
        "select" => text!(lang, audit.select),
        "unselect" => text!(lang, audit.unselect),
        "block_free" => text!(lang, audit.block_free),
        "ignore_free" => text!(lang, audit.ignore_free),
        "accept_removals" => text!(lang, audit.accept_removals),
        "refuse_removals" => text!(lang, audit.refuse_removals),
        "remove_unavailability" => text!(lang, audit.remove_unavailability),
        "set_zone" => text!(lang, audit.set_zone, zone = row.subject.as_str()),
        "keep_zone" => text!(lang, audit.keep_zone, zone = row.subject.as_str()),
        "export" => text!(lang, audit.export),
        "request_erasure" => text!(lang, audit.request_erasure),
        "erased" => text!(lang, audit.erased),
        "register_provider" => text!(lang, audit.register_provider),
        "change_provider" => text!(lang, audit.change_provider),
        "make_login_link" => text!(lang, audit.make_login_link),
        "share_titles" => text!(lang, audit.share_titles),
        "hide_titles" => text!(lang, audit.hide_titles),
        "invite" => text!(lang, audit.invite),
        "invite_again" => text!(lang, audit.invite_again),
        "make_operator" => text!(lang, audit.make_operator),
        "withdraw_operator" => text!(lang, audit.withdraw_operator),
        "make_token" => text!(lang, audit.make_token),
        "withdraw_token" => text!(lang, audit.withdraw_token),
        other => text!(lang, audit.other, action = other.replace('_', " ")),
    }
}
