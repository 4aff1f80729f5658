//! Accounts, with tokens that work.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Platform, Problem, outlook, read};
use crate::DEMO_CLIENT_ID;
use crate::google::edits::{Edit, apply};
use crate::google::model::Role;
use crate::simulator::{Simulator, World};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAccount {
    #[expect(dead_code, reason = "it has led here")]
    #[serde(default)]
    platform: Option<String>,
    email: String,
    #[serde(default)]
    name: Option<String>,
    /// IANA name.
    #[serde(default)]
    zone: Option<String>,
    /// Of the primary calendar, as Google's API takes them.
    #[serde(default)]
    events: Vec<Value>,
    /// Besides the primary one.
    #[serde(default)]
    calendars: Vec<NewCalendar>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCalendar {
    summary: String,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    zone: Option<String>,
    #[serde(default)]
    role: Option<Role>,
    #[serde(default)]
    color: Option<u8>,
    #[serde(default)]
    events: Vec<Value>,
}

pub(super) async fn list(State(simulator): State<Arc<Simulator>>) -> Json<Value> {
    let mut world = simulator.world();
    let emails: Vec<_> = world.google.accounts.iter().map(|account| account.email.clone()).collect();
    let mut accounts: Vec<_> = emails.iter().map(|email| with_tokens(&mut world, email)).collect();
    accounts.extend(outlook::accounts(&mut world));
    Json(accounts.into())
}

pub(super) async fn add(State(simulator): State<Arc<Simulator>>, body: Bytes) -> Answer {
    let said: Value = read(&body)?;
    if Platform::named(said["platform"].as_str())? == Platform::Outlook {
        return Ok(Json(outlook::add(&mut simulator.world(), said)?));
    }
    let new: NewAccount = serde_json::from_value(said).map_err(|error| Problem::bad(error.to_string()))?;
    if !new.email.contains('@') {
        return Err(Problem::bad("email: not an address"));
    }
    let zone = new.zone.unwrap_or_else(|| "Europe/Paris".to_owned());
    if zone.parse::<chrono_tz::Tz>().is_err() {
        return Err(Problem::bad("zone: not an IANA name"));
    }
    let mut world = simulator.world();
    let World { clock, rng, google, .. } = &mut *world;
    let name = new.name.as_deref().unwrap_or_else(|| new.email.split('@').next().unwrap_or_default());
    google.add_account(clock.now(), rng, &new.email, name, &zone);
    let add_events = |world: &mut World, calendar: &str, events: Vec<Value>| -> Result<(), Problem> {
        for event in events {
            let (account, calendar) = (new.email.clone(), calendar.to_owned());
            apply(world, Edit::AddEvent { account, calendar, event, unchecked: true })?;
        }
        Ok(())
    };
    add_events(&mut world, "primary", new.events)?;
    for calendar in new.calendars {
        let account = new.email.clone();
        let NewCalendar { summary, id, zone, role, color, events } = calendar;
        let made = apply(&mut world, Edit::AddCalendar { account, summary, id, zone, role, color })?;
        let id = made["calendar"].as_str().unwrap_or_default();
        add_events(&mut world, id, events)?;
    }
    Ok(Json(with_tokens(&mut world, &new.email)))
}

/// An account with a fresh access token and a refresh token of the demo client, both for everything.
fn with_tokens(world: &mut World, email: &str) -> Value {
    let now = world.now();
    let scopes: BTreeSet<String> = [
        "openid",
        "https://www.googleapis.com/auth/userinfo.email",
        "https://www.googleapis.com/auth/userinfo.profile",
        "https://www.googleapis.com/auth/calendar",
        "https://www.googleapis.com/auth/calendar.events",
        "https://www.googleapis.com/auth/calendar.calendarlist.readonly",
    ]
    .into_iter()
    .map(str::to_owned)
    .collect();
    let World { rng, google, .. } = world;
    let access = google.issue_access(now, rng, email, DEMO_CLIENT_ID, &scopes, true);
    let kept = google
        .grants
        .iter()
        .find(|grant| grant.account == email && grant.by_control)
        .and_then(|grant| grant.refresh.first())
        .map(|refresh| refresh.token.clone());
    let refresh =
        kept.unwrap_or_else(|| google.issue_refresh(now, rng, email, DEMO_CLIENT_ID, &scopes, true).0);
    let account = google.account(email);
    json!({
        "platform": "google",
        "email": email,
        "name": account.map(|account| account.name.as_str()),
        "sub": account.map(|account| account.sub.as_str()),
        "access_token": access,
        "refresh_token": refresh,
    })
}
