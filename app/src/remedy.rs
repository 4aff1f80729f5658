//! What a provider can do about a round that went wrong, as a button where there is something to press.

use crate::actions::calendars::SyncNow;
use crate::components::{action_form, connect_button, hidden};
use crate::format;
use crate::page::Here;
use crate::texts::text;
use leptos::prelude::*;
use simone_store::views::{Connection, LogRow};
use simone_sync::ports::Status;
use simone_sync::round::Outcome;

/// Whether a round needs words of its own.
pub fn went_wrong(row: &LogRow) -> bool {
    let fine = [Outcome::Ok.code(), Outcome::Disconnected.code()].contains(&row.outcome.as_str());
    !fine && !row.under_way
}

/// What is left to do after a round that went wrong. `connection`: as it is now, `None` when it is no longer there.
pub fn remedy(here: &Here, row: &LogRow, connection: Option<&Connection>) -> AnyView {
    let lang = here.lang;
    let words = |words: String| view! { <p>{words}</p> }.into_any();
    let Some(connection) = connection.filter(|connection| connection.status != Status::Disconnecting) else {
        return words(text!(lang, round.gone));
    };
    if connection.status == Status::NeedsReconnect {
        return view! {
            <p class="grow">{text!(lang, round.reconnect)}</p>
            {connect_button(row.platform, text!(lang, agenda.reconnect_button), Some(connection.id))}
        }
        .into_any();
    }
    let later = connection.last_synced_at.filter(|at| *at > row.ended_at);
    if row.outcome == Outcome::Partial.code() {
        if connection.calendars.iter().all(|calendar| calendar.last_error.is_none()) {
            return words(text!(lang, round.solved_calendars));
        }
        return view! {
            <p class="grow">{text!(lang, round.partial)}</p>
            <div class="actions">
                {sync_button(here, connection)}
                <a class="btn" href=format!("/settings/calendars/{}", connection.id)>{text!(lang, round.calendars)}</a>
            </div>
        }
        .into_any();
    }
    if let Some(at) = later {
        return words(text!(lang, round.solved, when = here.moment(at)));
    }
    if connection.under_way {
        return words(text!(lang, round.again_now));
    }
    let planned = connection.not_before.map_or(connection.next_sync_at, |at| at.max(connection.next_sync_at));
    let moment = here.moment(planned);
    let today = planned.with_timezone(&here.zone()).date_naive() == here.today();
    let when = if planned <= here.now {
        format::ahead(lang, planned, here.now, here.zone())
    } else if today {
        text!(lang, time.clock, time = moment)
    } else {
        moment
    };
    // Who is asked to wait has nothing to press.
    let slowed =
        [Outcome::RateLimited.code(), Outcome::QuotaExhausted.code()].contains(&row.outcome.as_str());
    let button = (connection.not_before.is_none() && !slowed).then(|| sync_button(here, connection));
    view! {
        <p class="grow">{text!(lang, round.again, when = when)}</p>
        {button}
    }
    .into_any()
}

fn sync_button(here: &Here, connection: &Connection) -> AnyView {
    let lang = here.lang;
    let name = text!(lang, calendars.sync_named, account = connection.account.as_str());
    view! {
        {action_form!(SyncNow, view! {
            {hidden("connection", connection.id)}
            {hidden("back", here.address())}
            <button class="btn main" aria-label=name>{text!(lang, calendars.sync)}</button>
        })}
    }
    .into_any()
}
