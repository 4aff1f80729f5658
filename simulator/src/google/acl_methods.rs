//! The methods on a calendar's rules of access (`acl`).

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::Value;

use super::acl::{Rule, Scope};
use super::errors::ApiError;
use super::guard::{Access, Caller};
use super::model::{Google, Mail, Role, etag};
use super::paging::{self, Listing};
use super::reply::{self, Query};
use super::sync_token::SyncToken;
use crate::faults::Struck;
use crate::simulator::{Simulator, World};

type Answer = Result<Response, ApiError>;

pub(super) async fn list(
    State(simulator): State<Arc<Simulator>>,
    Path(calendar): Path<String>,
    RawQuery(query): RawQuery,
    Extension(struck): Extension<Struck>,
    headers: HeaderMap,
) -> Answer {
    let query = Query::parse(query.as_deref());
    let mut world = simulator.world();
    let caller = Caller::authorize(&mut world, &headers, &query, "acl.list")?;
    let access = readable(&caller, &world.google, &calendar)?;
    let size = query.page_size(&world.google.settings, 100, 250)?;
    let of = paging::identity(&format!("acl {}", access.id), &caller.email, &query);
    let page = match query.get("pageToken") {
        Some(token) => world.google.snapshots.follow(token, of, size, &struck)?,
        None => {
            let listing = collect(&mut world, &caller, &access, &query)?;
            world.google.snapshots.begin(listing, of, size, &struck)
        }
    };
    reply::resource(&query, &headers, true, "Acl", page.into_body("calendar#acl", of))
}

/// Writers may read the rules, owners may change them.
fn readable(caller: &Caller, google: &Google, calendar: &str) -> Result<Access, ApiError> {
    let access = caller.reach(google, calendar)?;
    if access.role >= Role::Writer { Ok(access) } else { Err(ApiError::no_owner_access()) }
}

fn collect(world: &mut World, caller: &Caller, access: &Access, query: &Query) -> Result<Listing, ApiError> {
    let show_deleted = query.flag("showDeleted")?;
    let now = world.now();
    let stamp = world.google.stamp(now);
    let calendar = access.calendar(&world.google)?;
    let of = paging::hash(("acl", &access.id, &caller.email));
    let since = match query.get("syncToken") {
        None => None,
        Some(_) if show_deleted == Some(false) => {
            return Err(ApiError::not_with_sync_token("showDeleted=false"));
        }
        Some(token) => Some(SyncToken::accept(
            token,
            of,
            now,
            calendar.acl_sequence,
            calendar.sync_from,
            &world.google.settings,
        )?),
    };
    let wanted = |rule: &&Rule| match since {
        Some(token) => rule.changed > token.sequence,
        None => rule.role.is_some() || show_deleted == Some(true),
    };
    let items = calendar.acl.values().filter(wanted).map(Rule::show).collect();
    let token = SyncToken { of, sequence: calendar.acl_sequence, issued: stamp, from: None, to: None };
    Ok(Listing { items, sync_token: Some(token.show()) })
}

pub(super) async fn get(
    State(simulator): State<Arc<Simulator>>,
    Path((calendar, rule)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let query = Query::parse(query.as_deref());
    let mut world = simulator.world();
    let caller = Caller::authorize(&mut world, &headers, &query, "acl.get")?;
    let access = readable(&caller, &world.google, &calendar)?;
    let rule = access.calendar(&world.google)?.acl.get(&rule).ok_or_else(ApiError::not_found)?;
    reply::resource(&query, &headers, true, "AclRule", rule.show())
}

pub(super) async fn insert(
    State(simulator): State<Arc<Simulator>>,
    Path(calendar): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let query = Query::parse(query.as_deref());
    let mut world = simulator.world();
    let caller = Caller::authorize(&mut world, &headers, &query, "acl.insert")?;
    let access = caller.reach_as_owner(&world.google, &calendar)?;
    let said = reply::body(&body, "AclRule")?;
    let scope = scope(&said)?;
    let role = role(&said)?.ok_or_else(|| ApiError::required("Missing role."))?;
    set(&mut world, &caller, &access, &query, &headers, scope, role)
}

pub(super) async fn update(
    State(simulator): State<Arc<Simulator>>,
    Path((calendar, rule)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    change(&simulator, "acl.update", (&calendar, &rule), query.as_deref(), &headers, &body)
}

pub(super) async fn patch(
    State(simulator): State<Arc<Simulator>>,
    Path((calendar, rule)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    change(&simulator, "acl.patch", (&calendar, &rule), query.as_deref(), &headers, &body)
}

/// Only the role of a rule can change.
fn change(
    simulator: &Simulator,
    method: &str,
    (calendar, rule): (&str, &str),
    query: Option<&str>,
    headers: &HeaderMap,
    body: &[u8],
) -> Answer {
    let query = Query::parse(query);
    let mut world = simulator.world();
    let caller = Caller::authorize(&mut world, headers, &query, method)?;
    let access = caller.reach_as_owner(&world.google, calendar)?;
    let said = reply::body(body, "AclRule")?;
    let old = access.calendar(&world.google)?.acl.get(rule).ok_or_else(ApiError::not_found)?.clone();
    reply::check_if_match(headers, &etag(old.stamp))?;
    let role = match role(&said)? {
        Some(role) => role,
        None if method == "acl.patch" => old.role,
        None => return Err(ApiError::required("Missing role.")),
    };
    set(&mut world, &caller, &access, &query, headers, old.scope, role)
}

pub(super) async fn delete(
    State(simulator): State<Arc<Simulator>>,
    Path((calendar, rule)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let query = Query::parse(query.as_deref());
    let mut world = simulator.world();
    let caller = Caller::authorize(&mut world, &headers, &query, "acl.delete")?;
    let access = caller.reach_as_owner(&world.google, &calendar)?;
    let rule = access.calendar(&world.google)?.acl.get(&rule).filter(|rule| rule.role.is_some());
    let rule = rule.ok_or_else(ApiError::not_found)?.clone();
    reply::check_if_match(&headers, &etag(rule.stamp))?;
    check_own(&world.google, &caller, &access, &rule.scope, None)?;
    let now = world.now();
    world.google.share(now, &access.id, rule.scope, None);
    Ok(reply::nothing())
}

fn set(
    world: &mut World,
    caller: &Caller,
    access: &Access,
    query: &Query,
    headers: &HeaderMap,
    scope: Scope,
    role: Option<Role>,
) -> Answer {
    check_own(&world.google, caller, access, &scope, role)?;
    query.fields("AclRule")?;
    let tell = query.flag("sendNotifications")?.unwrap_or(true);
    let now = world.now();
    world.google.share(now, &access.id, scope.clone(), role);
    if let (Some(_), "user", Some(email)) = (role, scope.kind.as_str(), &scope.value) {
        if world.google.settings.shared_calendars_listed {
            world.google.put_on_list(now, email, &access.id, 16);
        }
        if tell && !email.eq_ignore_ascii_case(&caller.email) {
            world.google.mails.push(Mail {
                at: now,
                from: caller.email.clone(),
                to: email.clone(),
                about: "shared calendar".to_owned(),
                calendar: access.id.clone(),
                event: String::new(),
            });
        }
    }
    let rule = access.calendar(&world.google)?.acl.get(&scope.id()).ok_or_else(ApiError::not_found)?;
    reply::resource(query, headers, false, "AclRule", rule.show())
}

/// A calendar keeps its data owner, and nobody takes their own access away.
fn check_own(
    google: &Google,
    caller: &Caller,
    access: &Access,
    scope: &Scope,
    role: Option<Role>,
) -> Result<(), ApiError> {
    let calendar = access.calendar(google)?;
    let is = |email: &str| *scope == Scope::user(email);
    let owner = calendar.primary_of.as_deref().or(calendar.owner.as_deref());
    if role != Some(Role::Owner) && (is(&caller.email) || owner.is_some_and(is)) {
        return Err(ApiError::own_access());
    }
    Ok(())
}

fn scope(said: &Value) -> Result<Scope, ApiError> {
    let kind = said["scope"]["type"].as_str().ok_or_else(|| ApiError::required("Missing scope type."))?;
    let value = said["scope"]["value"].as_str().filter(|value| !value.is_empty());
    match (kind, value) {
        ("default", _) => Ok(Scope { kind: kind.to_owned(), value: None }),
        ("user" | "group", Some(value)) if value.contains('@') => {
            Ok(Scope { kind: kind.to_owned(), value: Some(value.to_owned()) })
        }
        ("domain", Some(value)) => Ok(Scope { kind: kind.to_owned(), value: Some(value.to_owned()) }),
        _ => Err(ApiError::invalid("Invalid scope value.")),
    }
}

/// `None`: not said; `Some(None)`: the role `none`.
fn role(said: &Value) -> Result<Option<Option<Role>>, ApiError> {
    match said["role"].as_str() {
        None => Ok(None),
        Some("none") => Ok(Some(None)),
        Some(name) => match Role::from_name(name) {
            Some(role) => Ok(Some(Some(role))),
            None => Err(ApiError::invalid("Invalid role.")),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scopes_need_a_value_that_fits() {
        assert_eq!(scope(&json!({"scope": {"type": "default"}})).unwrap().id(), "default");
        assert_eq!(scope(&json!({"scope": {"type": "user", "value": "a@b"}})).unwrap().id(), "user:a@b");
        for bad in
            [json!({}), json!({"scope": {"type": "user"}}), json!({"scope": {"type": "king", "value": "x"}})]
        {
            assert!(scope(&bad).is_err(), "{bad}");
        }
    }
}
