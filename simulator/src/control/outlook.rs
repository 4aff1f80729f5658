//! What the controls do with Microsoft's side.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Answer, Problem, read};
use crate::DEMO_OUTLOOK_CLIENT_ID;
use crate::microsoft::identity::model::{Account, Client, End, PERSONAL, Tenant};
use crate::microsoft::identity::tokens;
use crate::microsoft::ids::{guid, short};
use crate::microsoft::mailbox::edits::{Edit, apply, reach};
use crate::microsoft::mailbox::ids::IdKind;
use crate::microsoft::mailbox::items::Item;
use crate::microsoft::mailbox::prefer::Prefer;
use crate::microsoft::mailbox::show::View;
use crate::microsoft::mailbox::zones;
use crate::microsoft::settings::Settings;
use crate::microsoft::subscriptions::due::{Event, Lifecycle};
use crate::microsoft::throttle;
use crate::simulator::{Simulator, World};

/// Of a mailbox of which nothing is said.
const ZONE: &str = "Europe/Paris";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAccount {
    #[expect(dead_code, reason = "it has led here")]
    platform: String,
    email: String,
    #[serde(default)]
    name: Option<String>,
    /// As Windows or as IANA names it.
    #[serde(default)]
    zone: Option<String>,
    /// An id, or a domain, which is that of the address if nothing is said.
    #[serde(default)]
    tenant: Option<String>,
    #[serde(default)]
    personal: bool,
    #[serde(default)]
    without_mailbox: bool,
    #[serde(default)]
    without_mail: bool,
    /// Of the default calendar, as Graph takes them.
    #[serde(default)]
    events: Vec<Value>,
    /// Besides the default one.
    #[serde(default)]
    calendars: Vec<NewCalendar>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCalendar {
    #[serde(alias = "summary")]
    name: String,
    #[serde(default)]
    color: Option<String>,
    /// As `hexColor` shows it.
    #[serde(default)]
    hex: Option<String>,
    #[serde(default = "yes")]
    can_edit: bool,
    #[serde(default)]
    events: Vec<Value>,
}

pub(super) fn accounts(world: &mut World) -> Vec<Value> {
    let all = world.microsoft.directory.accounts.clone();
    all.iter().map(|account| with_tokens(world, account)).collect()
}

/// Adds an account, or adds to one.
pub(crate) fn add(world: &mut World, said: Value) -> Result<Value, Problem> {
    let new: NewAccount = serde_json::from_value(said).map_err(|error| Problem::bad(error.to_string()))?;
    if !new.email.contains('@') {
        return Err(Problem::bad("email: not an address"));
    }
    let zone = new.zone.clone().unwrap_or_else(|| ZONE.to_owned());
    zones::kept(&zone).ok_or_else(|| Problem::bad("zone: not a name of a time zone"))?;
    let account = match world.microsoft.directory.account(&new.email) {
        Some(account) => account.clone(),
        None => made(world, &new, &zone),
    };
    let email = account.email.clone();
    add_events(world, &email, "primary", new.events)?;
    for NewCalendar { name, color, hex, can_edit, events } in new.calendars {
        let made =
            apply(world, Edit::AddCalendar { account: email.clone(), name, color, hex, can_edit: true })?;
        let id = made["calendar"].as_str().unwrap_or_default().to_owned();
        add_events(world, &email, &id, events)?;
        if !can_edit {
            close(world, &account.id, &id);
        }
    }
    Ok(with_tokens(world, &account))
}

fn add_events(world: &mut World, account: &str, calendar: &str, events: Vec<Value>) -> Result<(), Problem> {
    for event in events {
        let (account, calendar) = (account.to_owned(), calendar.to_owned());
        apply(world, Edit::AddEvent { account, calendar, event, _unchecked: true })?;
    }
    Ok(())
}

/// From now on nobody but the simulator's owner writes there.
fn close(world: &mut World, account: &str, calendar: &str) {
    let mailbox = world.microsoft.mailboxes.all.get_mut(account);
    if let Some(calendar) = mailbox.and_then(|mailbox| mailbox.calendar_mut(calendar)) {
        calendar.can_edit = false;
    }
}

fn yes() -> bool {
    true
}

/// What a person does in Outlook.
pub(super) fn edit(world: &mut World, said: Value) -> Result<Value, Problem> {
    let edit: Edit = serde_json::from_value(said).map_err(|error| Problem::bad(error.to_string()))?;
    apply(world, edit)
}

/// Everything that a calendar holds, as its owner sees it: single events and series, and what was changed in these.
pub(super) fn events(world: &World, account: &str, calendar: &str) -> Result<Value, Problem> {
    let id =
        account_id(world, account).ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "no such account"))?;
    let reach = reach(world, &id, calendar)?;
    let mailboxes = &world.microsoft.mailboxes;
    let view = View::new(mailboxes, &reach.owner, &Prefer::default())?;
    let shown = |item: &Item<'_>| {
        let mut shown = view.full(item);
        shown.insert("immutableId".to_owned(), item.id(IdKind::Immutable).into());
        let properties: Vec<Value> =
            item.properties().map(|(id, value)| json!({"id": id, "value": value})).collect();
        shown.insert("singleValueExtendedProperties".to_owned(), properties.into());
        Value::Object(shown)
    };
    let mut all = Vec::new();
    for event in mailboxes.calendar(&reach)?.events.values() {
        all.push(shown(&Item::of(event)));
        all.extend(event.exceptions.keys().filter_map(|day| event.occurrence(*day)).map(|item| shown(&item)));
    }
    Ok(all.into())
}

/// Delta links given so far are no longer valid.
pub(super) fn expire_delta(
    world: &mut World,
    account: Option<&str>,
    calendar: Option<&str>,
) -> Result<(), Problem> {
    let mailboxes = &world.microsoft.mailboxes;
    let accounts: Vec<String> = match account {
        Some(name) => mailboxes.account(name).map(str::to_owned).into_iter().collect(),
        None => mailboxes.all.keys().cloned().collect(),
    };
    for account in accounts {
        apply(world, Edit::ExpireDelta { account, calendar: calendar.map(str::to_owned) })?;
    }
    Ok(())
}

fn made(world: &mut World, new: &NewAccount, zone: &str) -> Account {
    let local = new.email.split('@').next().unwrap_or_default();
    let tenant = if new.personal {
        PERSONAL.to_owned()
    } else {
        let domain = new.email.rsplit('@').next().unwrap_or_default();
        tenant(world, new.tenant.as_deref().unwrap_or(domain)).id.clone()
    };
    let World { rng, microsoft, .. } = world;
    let account = Account {
        id: if new.personal { short(rng) } else { guid(rng) },
        tenant,
        email: new.email.clone(),
        name: new.name.clone().unwrap_or_else(|| local.to_owned()),
        personal: new.personal,
        disabled: false,
        without_mailbox: new.without_mailbox,
        without_mail: new.without_mail,
    };
    microsoft.directory.accounts.push(account.clone());
    if !new.without_mailbox {
        microsoft.mailboxes.add(&account.id, &account.email, &account.name, zone, rng);
    }
    account
}

/// The tenant of an id or a domain, which begins to exist if it does not.
fn tenant<'a>(world: &'a mut World, name: &str) -> &'a mut Tenant {
    let World { rng, microsoft, .. } = world;
    let tenants = &mut microsoft.directory.tenants;
    let at = tenants.iter().position(|one| one.id == name || one.domain.eq_ignore_ascii_case(name));
    let at = at.unwrap_or_else(|| {
        let (id, domain) = match name.contains('.') {
            true => (guid(rng), name.to_owned()),
            false => (name.to_owned(), format!("{name}.onmicrosoft.test")),
        };
        tenants.push(Tenant { id, domain, needs_approval: false, approved: BTreeSet::new() });
        tenants.len() - 1
    });
    &mut tenants[at]
}

/// An account with a fresh access token and a refresh token of the demo client, both for everything.
fn with_tokens(world: &mut World, account: &Account) -> Value {
    let (access, refresh) = tokens::by_control(world, account, DEMO_OUTLOOK_CLIENT_ID);
    json!({
        "platform": "outlook",
        "email": account.email,
        "name": account.name,
        "id": account.id,
        "tenant": account.tenant,
        "personal": account.personal,
        "disabled": account.disabled,
        "access_token": access,
        "refresh_token": refresh,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    account: String,
    #[serde(default)]
    disabled: Option<bool>,
    #[serde(default)]
    without_mail: Option<bool>,
    #[serde(default)]
    without_mailbox: Option<bool>,
    /// Refresh tokens given so far no longer work, and why.
    #[serde(default)]
    end: Option<End>,
}

/// What befalls an account: it is disabled, its password changes, its organization wants more, it gets or loses its
/// mailbox.
pub(super) async fn change_account(State(simulator): State<Arc<Simulator>>, body: Bytes) -> Answer {
    let change: Change = read(&body)?;
    let mut world = simulator.world();
    let World { rng, microsoft, .. } = &mut *world;
    let account = microsoft
        .directory
        .accounts
        .iter_mut()
        .find(|one| one.id == change.account || one.email.eq_ignore_ascii_case(&change.account))
        .ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "no such account"))?;
    account.disabled = change.disabled.unwrap_or(account.disabled);
    account.without_mail = change.without_mail.unwrap_or(account.without_mail);
    account.without_mailbox = change.without_mailbox.unwrap_or(account.without_mailbox);
    if !account.without_mailbox && !microsoft.mailboxes.all.contains_key(&account.id) {
        microsoft.mailboxes.add(&account.id, &account.email, &account.name, ZONE, rng);
    }
    let (id, shown) = (account.id.clone(), json!(account));
    if change.end.is_some() {
        for refresh in
            microsoft.directory.refresh.iter_mut().filter(|one| one.account == id && !one.by_control)
        {
            refresh.ended = change.end;
        }
        microsoft.end_subscriptions(&id, None);
    }
    Ok(Json(shown))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TenantChange {
    tenant: String,
    #[serde(default)]
    needs_approval: Option<bool>,
    /// The ids of clients that an administrator approved.
    #[serde(default)]
    approved: Option<BTreeSet<String>>,
}

pub(super) async fn tenants(State(simulator): State<Arc<Simulator>>) -> Json<Value> {
    Json(json!(simulator.world().microsoft.directory.tenants))
}

pub(super) async fn change_tenant(State(simulator): State<Arc<Simulator>>, body: Bytes) -> Answer {
    let change: TenantChange = read(&body)?;
    let mut world = simulator.world();
    let tenant = tenant(&mut world, &change.tenant);
    tenant.needs_approval = change.needs_approval.unwrap_or(tenant.needs_approval);
    if let Some(approved) = change.approved {
        tenant.approved = approved;
    }
    Ok(Json(json!(tenant)))
}

pub(super) fn clients(world: &World) -> Vec<Value> {
    world.microsoft.directory.clients.iter().map(shown).collect()
}

fn shown(client: &Client) -> Value {
    let mut shown = json!(client);
    shown["platform"] = "outlook".into();
    shown
}

/// Adds a client, or changes what is said of one that is there.
pub(super) fn set_client(world: &mut World, said: Map<String, Value>) -> Result<Value, Problem> {
    let id = said.get("client_id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let clients = &mut world.microsoft.directory.clients;
    let at = clients.iter().position(|client| client.client_id.eq_ignore_ascii_case(&id));
    let mut whole = match at {
        Some(at) => json!(clients[at]),
        None => json!({}),
    };
    for (name, value) in said {
        whole[name] = value;
    }
    let client: Client = serde_json::from_value(whole).map_err(|error| Problem::bad(error.to_string()))?;
    let shown = shown(&client);
    match at {
        Some(at) => clients[at] = client,
        None => clients.push(client),
    }
    Ok(shown)
}

/// What people allowed: no tokens.
pub(super) fn grants(world: &World) -> Vec<Value> {
    let now = world.now();
    let directory = &world.microsoft.directory;
    let of = |account: &str, client: &str, by_control: bool, other: &str, whose: &str| {
        !by_control && account == whose && client == other
    };
    let shown = |grant: &crate::microsoft::identity::model::Grant| {
        let refresh = directory.refresh.iter().filter(|one| {
            of(&one.account, &one.client, one.by_control, &grant.client, &grant.account)
                && one.replaced.is_none()
                && one.ended.is_none()
                && !one.is_inactive(now)
        });
        let access = directory.access.iter().filter(|one| {
            of(&one.account, &one.client, one.by_control, &grant.client, &grant.account) && now < one.expires
        });
        json!({
            "platform": "outlook",
            "account": directory.account(&grant.account).map(|account| account.email.as_str()),
            "client_id": grant.client,
            "scopes": grant.scopes,
            "refresh_tokens": refresh.count(),
            "access_tokens": access.count(),
            "granted": grant.granted,
        })
    };
    directory.grants.iter().map(shown).collect()
}

/// The account's id.
pub(super) fn account_id(world: &World, name: &str) -> Option<String> {
    world.microsoft.directory.account(name).map(|account| account.id.clone())
}

/// The person or an administrator removes the consent: refresh tokens end; access tokens live on until they expire,
/// unless they are to end `at_once`.
pub(super) fn revoke(world: &mut World, account: &str, client: Option<&str>, at_once: bool) -> usize {
    let Some(id) = account_id(world, account) else { return 0 };
    let directory = &mut world.microsoft.directory;
    let of = |account: &str, other: &str| account == id && client.is_none_or(|client| client == other);
    let before = directory.grants.len();
    directory.grants.retain(|grant| !of(&grant.account, &grant.client));
    directory.codes.retain(|_, code| !of(&code.account, &code.client));
    let ended = before - directory.grants.len();
    if at_once {
        expire(world, account, client);
    }
    world.microsoft.end_subscriptions(&id, client);
    ended
}

/// Access tokens end now, as if an hour had passed.
pub(super) fn expire(world: &mut World, account: &str, client: Option<&str>) -> usize {
    let Some(id) = account_id(world, account) else { return 0 };
    let now = world.now();
    let live = world.microsoft.directory.access.iter_mut().filter(|one| {
        !one.by_control
            && one.account == id
            && client.is_none_or(|client| client == one.client)
            && now < one.expires
    });
    let mut ended = 0;
    for access in live {
        access.expires = now - TimeDelta::seconds(1);
        ended += 1;
    }
    ended
}

/// Subscriptions that are active; no secrets.
pub(super) async fn subscriptions(State(simulator): State<Arc<Simulator>>) -> Json<Value> {
    let world = simulator.world();
    let now = world.now();
    let microsoft = &world.microsoft;
    let shown = microsoft.subscriptions.iter().filter(|one| now < one.expires).map(|one| {
        json!({
            "platform": "outlook",
            "id": one.id,
            "resource": one.resource,
            "change_type": one.change_type(),
            "address": one.notification_url,
            "lifecycle_address": one.lifecycle_url,
            "account": microsoft.directory.account(&one.mailbox).map(|account| account.email.as_str()),
            "client_id": one.client,
            "immutable_ids": one.immutable,
            "expires": one.expires,
        })
    });
    Json(shown.collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tell {
    event: Event,
    /// Of this account; of all if absent.
    #[serde(default)]
    account: Option<String>,
    /// This one only.
    #[serde(default)]
    id: Option<String>,
}

/// Graph has something to say of subscriptions. Those that it removed are gone.
pub(super) async fn tell(State(simulator): State<Arc<Simulator>>, body: Bytes) -> Answer {
    let tell: Tell = read(&body)?;
    let mut world = simulator.world();
    let account = match &tell.account {
        None => None,
        Some(name) => Some(
            account_id(&world, name).ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "no such account"))?,
        ),
    };
    let microsoft = &mut world.microsoft;
    let mut told = Vec::new();
    microsoft.subscriptions.retain(|one| {
        let meant = account.as_ref().is_none_or(|account| *account == one.mailbox)
            && tell.id.as_ref().is_none_or(|id| *id == one.id);
        if meant {
            told.push(Lifecycle { subscription: one.clone(), event: tell.event });
        }
        !(meant && tell.event == Event::SubscriptionRemoved)
    });
    let count = told.len();
    microsoft.lifecycle.extend(told);
    Ok(Json(json!({"told": count})))
}

pub(super) async fn throttle_shown(State(simulator): State<Arc<Simulator>>) -> Json<Value> {
    Json(throttle::shown(&simulator.world()))
}

pub(super) async fn throttle_forgotten(State(simulator): State<Arc<Simulator>>) -> Json<Value> {
    throttle::forget(&mut simulator.world());
    Json(json!({}))
}

/// The switches of the identity platform and of Graph, and those of mailboxes, in one.
pub(super) fn settings(world: &World) -> Value {
    let mut all = json!(world.microsoft.settings);
    if let (Some(all), Value::Object(more)) = (all.as_object_mut(), json!(world.microsoft.mailboxes.switches))
    {
        all.extend(more);
    }
    all
}

pub(super) fn change_settings(world: &mut World, said: &Map<String, Value>) -> Result<(), Problem> {
    let mut own = json!(world.microsoft.settings);
    let mut switches = json!(world.microsoft.mailboxes.switches);
    for (name, value) in said {
        let into = if own.get(name).is_some() { &mut own } else { &mut switches };
        into[name] = value.clone();
    }
    let wrong = |error: serde_json::Error| Problem::bad(format!("microsoft: {error}"));
    let own: Settings = serde_json::from_value(own).map_err(wrong)?;
    world.microsoft.mailboxes.switches = serde_json::from_value(switches).map_err(wrong)?;
    world.microsoft.settings = own;
    Ok(())
}
