//! Tokens: how they look, and whose they are (2.3, 2.6).

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use rand::RngExt;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::model::{Access, Account, Refresh};
use super::scopes;
use crate::google::model::secret;
use crate::google::oauth::token::hmac_sha256;
use crate::microsoft::errors::{GraphError, GraphResult};
use crate::microsoft::guard::Caller;
use crate::microsoft::ids::dashed;
use crate::simulator::{Simulator, World};

/// For whom a token is made.
pub(crate) struct Holder<'a> {
    pub account: &'a Account,
    pub client: &'a str,
    pub scopes: &'a BTreeSet<String>,
    pub by_control: bool,
}

/// An access token and the seconds that it lives. Those of work accounts look like a JWT, which nobody may rely on.
pub(crate) fn issue_access(world: &mut World, holder: &Holder<'_>) -> (String, u32) {
    let now = world.now();
    let seconds = match world.microsoft.settings.access_token_seconds {
        Some(seconds) => seconds,
        None => world.rng.random_range(3600..5400),
    };
    let expires = now + TimeDelta::seconds(seconds.into());
    let token = if holder.account.personal {
        format!("EwB{}", secret(&mut world.rng, 300))
    } else {
        looking_like_a_jwt(world, holder, now, expires)
    };
    let directory = &mut world.microsoft.directory;
    directory.forget(now);
    directory.access.push(Access {
        token: token.clone(),
        account: holder.account.id.clone(),
        client: holder.client.to_owned(),
        scopes: holder.scopes.clone(),
        expires,
        by_control: holder.by_control,
    });
    (token, seconds)
}

fn looking_like_a_jwt(
    world: &mut World,
    holder: &Holder<'_>,
    now: DateTime<Utc>,
    expires: DateTime<Utc>,
) -> String {
    let account = holder.account;
    let header =
        json!({"typ": "JWT", "nonce": secret(&mut world.rng, 43), "alg": "RS256", "kid": "simulated"});
    let scopes: Vec<_> =
        holder.scopes.iter().map(String::as_str).filter(|scope| *scope != "offline_access").collect();
    let claims = json!({
        "aud": "00000003-0000-0000-c000-000000000000",
        "iss": format!("https://sts.windows.net/{}/", account.tenant),
        "iat": now.timestamp(),
        "nbf": now.timestamp(),
        "exp": expires.timestamp(),
        "appid": holder.client,
        "oid": account.id,
        "scp": scopes.join(" "),
        "tid": account.tenant,
        "upn": account.email,
        "uti": secret(&mut world.rng, 22),
        "ver": "1.0",
    });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{}", part(&header), part(&claims), secret(&mut world.rng, 342))
}

/// A refresh token; `signed_in` is kept when it takes the place of another.
pub(crate) fn issue_refresh(
    world: &mut World,
    holder: &Holder<'_>,
    long: bool,
    signed_in: DateTime<Utc>,
) -> String {
    let now = world.now();
    let kind = if holder.account.personal { "M.C540_BAY.0.U.-" } else { "1.AX0A" };
    let token = format!("{kind}{}", secret(&mut world.rng, 400));
    world.microsoft.directory.refresh.push(Refresh {
        token: token.clone(),
        account: holder.account.id.clone(),
        client: holder.client.to_owned(),
        scopes: holder.scopes.clone(),
        long,
        by_control: holder.by_control,
        signed_in,
        used: now,
        replaced: None,
        ended: None,
    });
    token
}

/// 2.6. Signed by HMAC with the client's secret, which OpenID Connect also knows: the simulator has no RSA key whose
/// certificates a client could fetch.
pub(super) fn id_token(world: &mut World, holder: &Holder<'_>, nonce: Option<&str>) -> String {
    let now = world.now().timestamp();
    let Holder { account, client, scopes, .. } = holder;
    let mut claims = json!({
        "ver": "2.0",
        "iss": format!("https://login.microsoftonline.com/{}/v2.0", account.tenant),
        "sub": pairwise(account, client),
        "aud": client,
        "exp": now + 86_400,
        "iat": now,
        "nbf": now,
        "tid": account.tenant,
        "oid": object_id(account),
        "uti": secret(&mut world.rng, 22),
    });
    if scopes.contains("profile") {
        claims["name"] = account.name.as_str().into();
        claims["preferred_username"] = account.email.as_str().into();
    }
    // An address that nobody has verified is left out for work accounts without a mailbox.
    if scopes.contains("email") && !account.without_mail {
        claims["email"] = account.email.as_str().into();
    }
    if let Some(nonce) = nonce {
        claims["nonce"] = nonce.into();
    }
    let key = world.microsoft.directory.client(client).map(|client| client.client_secret.clone());
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({"alg": "HS256", "typ": "JWT"})), part(&claims));
    let signature = hmac_sha256(key.unwrap_or_default().as_bytes(), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// One person has another `sub` for each application.
fn pairwise(account: &Account, client: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{} {client}", account.id)))
}

/// In tokens, personal accounts have a GUID too.
pub(crate) fn object_id(account: &Account) -> String {
    if account.personal { dashed(&format!("{:0>32}", account.id)) } else { account.id.clone() }
}

pub(super) fn named(world: &World, holder: &Holder<'_>, long: bool) -> String {
    scopes::named(holder.scopes, long, world.microsoft.settings.scope_names, holder.account.personal)
}

/// OpenID's user info.
pub(crate) async fn user_info(
    State(simulator): State<Arc<Simulator>>,
    headers: HeaderMap,
) -> GraphResult<Json<Value>> {
    let world = simulator.world();
    let caller = Caller::authorize(&world, &headers, &["openid", "User.Read", "profile", "email"])?;
    let directory = &world.microsoft.directory;
    let account = directory
        .account(&caller.account)
        .ok_or_else(|| GraphError::unauthorized("Access token has expired or is not yet valid."))?;
    Ok(Json(json!({
        "sub": pairwise(account, &caller.client),
        "name": account.name,
        "email": account.email,
        "picture": "https://graph.microsoft.com/v1.0/me/photo/$value",
    })))
}

/// What a control hands out: an access token for everything, and a refresh token if the account has none yet from here.
pub(crate) fn by_control(world: &mut World, account: &Account, client: &str) -> (String, String) {
    let now = world.now();
    let scopes: BTreeSet<String> = [
        "openid",
        "profile",
        "email",
        "offline_access",
        "User.Read",
        "MailboxSettings.Read",
        "Calendars.Read",
        "Calendars.ReadWrite",
        "Calendars.ReadWrite.Shared",
    ]
    .map(str::to_owned)
    .into();
    let holder = Holder { account, client, scopes: &scopes, by_control: true };
    let (access, _) = issue_access(world, &holder);
    let kept = world
        .microsoft
        .directory
        .refresh
        .iter()
        .find(|one| {
            one.by_control
                && one.account == account.id
                && one.replaced.is_none()
                && one.ended.is_none()
                && !one.is_inactive(now)
        })
        .map(|one| one.token.clone());
    let refresh = kept.unwrap_or_else(|| issue_refresh(world, &holder, false, now));
    (access, refresh)
}
