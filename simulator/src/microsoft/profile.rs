//! Who the account is, and how its mailbox is set (2.6, 12).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::errors::{GraphError, GraphResult};
use super::guard::Caller;
use super::identity::model::Account;
use super::mailbox::zones::{supported, supported_iana};
use crate::google::base_url;
use crate::google::reply::Query;
use crate::simulator::{Simulator, World};

const SETTINGS: [&str; 2] = ["MailboxSettings.Read", "MailboxSettings.ReadWrite"];
const PROFILE: [&str; 3] = ["User.Read", "User.ReadWrite", "User.Read.All"];
const OTHERS: [&str; 2] = ["User.ReadBasic.All", "User.Read.All"];

pub(crate) fn context(headers: &HeaderMap, what: &str) -> String {
    format!("{}/v1.0/$metadata#{what}", base_url(headers))
}

pub(super) async fn me(
    State(simulator): State<Arc<Simulator>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> GraphResult<Json<Value>> {
    let world = simulator.world();
    let caller = Caller::authorize(&world, &headers, &PROFILE)?;
    let account = world.microsoft.directory.account(&caller.account).ok_or_else(nobody)?;
    Ok(Json(shown(account, query.as_deref(), &headers)))
}

/// Somebody else of the same organization; oneself comes as `/me`.
pub(super) async fn user(
    State(simulator): State<Arc<Simulator>>,
    Path(user): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> GraphResult<Json<Value>> {
    let world = simulator.world();
    let caller =
        Caller::authorize(&world, &headers, &OTHERS).map_err(|error| match error.status.as_u16() {
            403 => GraphError::new(
                403,
                "Authorization_RequestDenied",
                "Insufficient privileges to complete the operation.",
            ),
            _ => error,
        })?;
    let directory = &world.microsoft.directory;
    let tenant = directory.account(&caller.account).map(|account| account.tenant.as_str());
    let account = directory
        .account(&user)
        .filter(|other| !other.personal && Some(other.tenant.as_str()) == tenant)
        .ok_or_else(|| {
            let text = format!("Resource '{user}' does not exist or one of its queried reference-property objects are not present.");
            GraphError::new(404, "Request_ResourceNotFound", text)
        })?;
    Ok(Json(shown(account, query.as_deref(), &headers)))
}

fn nobody() -> GraphError {
    GraphError::unauthorized("Access token validation failure. The user no longer exists.")
}

fn shown(account: &Account, query: Option<&str>, headers: &HeaderMap) -> Value {
    let mut names = account.name.splitn(2, ' ');
    let (given, family) = (names.next(), names.next());
    let mut body = json!({
        "businessPhones": [],
        "displayName": account.name,
        "givenName": given,
        "jobTitle": null,
        "mail": if account.without_mail { None } else { Some(account.email.as_str()) },
        "mobilePhone": null,
        "officeLocation": null,
        "preferredLanguage": null,
        "surname": family,
        "userPrincipalName": account.email,
        "id": account.id,
    });
    let query = Query::parse(query);
    let wanted: Option<Vec<&str>> =
        query.get("$select").map(|names| names.split(',').map(str::trim).collect());
    if let (Some(wanted), Some(fields)) = (&wanted, body.as_object_mut()) {
        fields.retain(|name, _| wanted.iter().any(|other| other.eq_ignore_ascii_case(name)));
    }
    let what = wanted.map_or_else(String::new, |wanted| format!("({})", wanted.join(",")));
    body["@odata.context"] = context(headers, &format!("users{what}/$entity")).into();
    body
}

/// As Windows names it.
fn zone(world: &World, caller: &Caller) -> GraphResult<String> {
    let mailbox = world.microsoft.mailboxes.all.get(&caller.account).ok_or_else(GraphError::no_mailbox)?;
    Ok(mailbox.zone.clone())
}

fn settings(world: &World, headers: &HeaderMap) -> GraphResult<Value> {
    let caller = Caller::authorize(world, headers, &SETTINGS)?;
    let zone = zone(world, &caller)?;
    Ok(json!({
        "archiveFolder": null,
        "timeZone": zone,
        "delegateMeetingMessageDeliveryOptions": "sendToDelegateOnly",
        "dateFormat": "dd/MM/yyyy",
        "timeFormat": "HH:mm",
        "userPurpose": "user",
        "automaticRepliesSetting": {
            "status": "disabled",
            "externalAudience": "all",
            "internalReplyMessage": "",
            "externalReplyMessage": "",
            "scheduledStartDateTime": {"dateTime": "2026-11-22T08:00:00.0000000", "timeZone": "UTC"},
            "scheduledEndDateTime": {"dateTime": "2026-11-23T08:00:00.0000000", "timeZone": "UTC"},
        },
        "language": {"locale": "fr-FR", "displayName": "français (France)"},
        "workingHours": {
            "daysOfWeek": ["monday", "tuesday", "wednesday", "thursday", "friday"],
            "startTime": "08:00:00.0000000",
            "endTime": "17:00:00.0000000",
            "timeZone": {"name": zone},
        },
    }))
}

pub(super) async fn mailbox_settings(
    State(simulator): State<Arc<Simulator>>,
    headers: HeaderMap,
) -> GraphResult<Json<Value>> {
    let world = simulator.world();
    let mut body = settings(&world, &headers)?;
    body["@odata.context"] = context(&headers, "users('me')/mailboxSettings").into();
    Ok(Json(body))
}

pub(super) async fn mailbox_setting(
    State(simulator): State<Arc<Simulator>>,
    Path(setting): Path<String>,
    headers: HeaderMap,
) -> GraphResult<Json<Value>> {
    let world = simulator.world();
    let mut all = settings(&world, &headers)?;
    let value = all.as_object_mut().and_then(|all| all.remove(&setting));
    let value = value.ok_or_else(|| GraphError::no_segment(&setting))?;
    let context = context(&headers, &format!("users('me')/mailboxSettings/{setting}"));
    Ok(Json(match value {
        Value::Object(mut fields) => {
            fields.insert("@odata.context".to_owned(), context.into());
            fields.into()
        }
        value => json!({"@odata.context": context, "value": value}),
    }))
}

pub(super) async fn windows_zones(
    State(simulator): State<Arc<Simulator>>,
    headers: HeaderMap,
) -> GraphResult<Json<Value>> {
    listed(&simulator, &headers, false)
}

pub(super) async fn zones(
    State(simulator): State<Arc<Simulator>>,
    Path(standard): Path<String>,
    headers: HeaderMap,
) -> GraphResult<Json<Value>> {
    match standard.to_ascii_lowercase().as_str() {
        "windows" => listed(&simulator, &headers, false),
        "iana" => listed(&simulator, &headers, true),
        _ => Err(GraphError::no_segment(&standard)),
    }
}

fn listed(simulator: &Simulator, headers: &HeaderMap, iana: bool) -> GraphResult<Json<Value>> {
    let world = simulator.world();
    let any = [&PROFILE[..2], &SETTINGS[..]].concat();
    Caller::authorize(&world, headers, &any)?;
    let zones: Vec<Value> = if iana {
        supported_iana().into_iter().map(|name| json!({"alias": name, "displayName": name})).collect()
    } else {
        supported().into_iter().map(|(alias, name)| json!({"alias": alias, "displayName": name})).collect()
    };
    let context = context(headers, "Collection(microsoft.graph.timeZoneInformation)");
    Ok(Json(json!({"@odata.context": context, "value": zones})))
}
