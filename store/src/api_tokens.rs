//! The tokens of the API: 256 random bits, shown once to whoever makes one; only their SHA-256 is stored.

use crate::Database;
use crate::database::{read, write};
use crate::sessions::token_hash;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use simone_booking::ProviderId;
use simone_booking::id::ApiTokenId;
use simone_sync::ports::StoreResult;
use uuid::Uuid;

/// What tokens begin with, so that one that leaked is recognized for what it is.
pub const TOKEN_PREFIX: &str = "simone_";
/// Who makes the token that the configuration names.
pub const CONFIGURATION: &str = "configuration";
/// A token's use is noted at most this often.
const TOUCH_INTERVAL: TimeDelta = TimeDelta::hours(1);

/// A token, as an operator sees it.
#[derive(Clone, Debug)]
pub struct ApiTokenRow {
    pub id: ApiTokenId,
    pub name: String,
    /// The one provider that it reaches, and their name; `None`: the whole installation.
    pub reach: Option<(ProviderId, String)>,
    pub created_at: DateTime<Utc>,
    /// An operator's e-mail address, `configuration` or `command line`.
    pub created_by: String,
    /// To the hour.
    pub last_used_at: Option<DateTime<Utc>>,
    pub withdrawn_at: Option<DateTime<Utc>>,
}

/// Who uses the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiCaller {
    pub token: ApiTokenId,
    pub name: String,
    /// The one provider that it reaches; `None`: the whole installation.
    pub reach: Option<ProviderId>,
}

/// Who did something to which token, and when. What concerns the installation is the nil provider's.
macro_rules! audit {
    ($db:expr, $conn:ident, $reach:expr, $by:expr, $action:literal, $token:expr, $now:expr) => {{
        let (id, reach): (Uuid, Option<Uuid>) = ($db.ids.id(), $reach);
        sqlx::query(
            "INSERT INTO audit_log (id, at, provider_id, actor, action, subject) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(id)
        .bind($now)
        .bind(reach.unwrap_or(Uuid::nil()))
        .bind($by)
        .bind($action)
        .bind($token.to_string())
        .execute(&mut *$conn)
        .await?;
    }};
}

/// Stores a token.
macro_rules! insert {
    ($db:expr, $conn:ident, $id:expr, $name:expr, $token:expr, $reach:expr, $by:expr, $now:expr) => {{
        sqlx::query(
            "INSERT INTO api_tokens (id, name, token_hash, provider_id, created_at, created_by)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (token_hash) DO NOTHING",
        )
        .bind($id.0)
        .bind($name)
        .bind(token_hash($token.expose_secret()).as_slice())
        .bind::<Option<Uuid>>($reach)
        .bind($now)
        .bind($by)
        .execute(&mut *$conn)
        .await?;
        audit!($db, $conn, $reach, $by, "make_token", $id, $now);
    }};
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    name: String,
    provider_id: Option<Uuid>,
    provider_name: Option<String>,
    created_at: DateTime<Utc>,
    created_by: String,
    last_used_at: Option<DateTime<Utc>>,
    withdrawn_at: Option<DateTime<Utc>>,
}

#[derive(sqlx::FromRow)]
struct CallerRow {
    id: Uuid,
    name: String,
    provider_id: Option<Uuid>,
    last_used_at: Option<DateTime<Utc>>,
}

impl Database {
    /// Makes a token. It is known to whoever reads it here, and can never be shown again. `reach` must be a provider
    /// of this installation.
    pub async fn make_api_token(
        &self,
        name: &str,
        reach: Option<ProviderId>,
        by: &str,
        now: DateTime<Utc>,
    ) -> StoreResult<(ApiTokenId, SecretString)> {
        let token =
            SecretString::from(format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(self.ids.bytes::<32>())));
        let id: ApiTokenId = self.ids.id();
        let reach = reach.map(|provider| provider.0);
        write!(self, |conn| {
            insert!(self, conn, id, name, token, reach, by, now);
            Ok(())
        })?;
        Ok((id, token))
    }

    /// All tokens, the newest first, those that were withdrawn last.
    pub async fn api_tokens(&self) -> StoreResult<Vec<ApiTokenRow>> {
        let rows: Vec<Row> = read!(self, |conn| {
            Ok(sqlx::query_as(
                "SELECT t.id, t.name, t.provider_id, p.name AS provider_name, t.created_at, t.created_by,
                        t.last_used_at, t.withdrawn_at
                 FROM api_tokens t LEFT JOIN providers p ON p.id = t.provider_id
                 ORDER BY t.withdrawn_at IS NOT NULL, t.created_at DESC, t.id DESC",
            )
            .fetch_all(&mut *conn)
            .await?)
        })?;
        let token = |row: Row| ApiTokenRow {
            id: ApiTokenId(row.id),
            name: row.name,
            reach: row.provider_id.map(ProviderId).zip(row.provider_name),
            created_at: row.created_at,
            created_by: row.created_by,
            last_used_at: row.last_used_at,
            withdrawn_at: row.withdrawn_at,
        };
        Ok(rows.into_iter().map(token).collect())
    }

    /// Withdraws a token: its next request is refused. `false` when there is none, or it was withdrawn before.
    pub async fn withdraw_api_token(
        &self,
        id: ApiTokenId,
        by: &str,
        now: DateTime<Utc>,
    ) -> StoreResult<bool> {
        write!(self, |conn| {
            let reach: Option<(Option<Uuid>,)> = sqlx::query_as(
                "UPDATE api_tokens SET withdrawn_at = $2 WHERE id = $1 AND withdrawn_at IS NULL
                 RETURNING provider_id",
            )
            .bind(id.0)
            .bind(now)
            .fetch_optional(&mut *conn)
            .await?;
            let Some((reach,)) = reach else { return Ok(false) };
            audit!(self, conn, reach, by, "withdraw_token", id, now);
            Ok(true)
        })
    }

    /// Who this token is; `None`: nobody, or it was withdrawn.
    pub async fn api_caller(&self, token: &str, now: DateTime<Utc>) -> StoreResult<Option<ApiCaller>> {
        let row: Option<CallerRow> = read!(self, |conn| {
            Ok(sqlx::query_as(
                "SELECT id, name, provider_id, last_used_at FROM api_tokens
                 WHERE token_hash = $1 AND withdrawn_at IS NULL",
            )
            .bind(token_hash(token).as_slice())
            .fetch_optional(&mut *conn)
            .await?)
        })?;
        let Some(CallerRow { id, name, provider_id, last_used_at }) = row else { return Ok(None) };
        if last_used_at.is_none_or(|used| now - used >= TOUCH_INTERVAL)
            && let Err(error) = self.touch_api_token(id, now).await
        {
            // Whoever only reads is served although the disk is full.
            tracing::warn!(error = &error as &dyn std::error::Error, "the use of a token could not be noted");
        }
        Ok(Some(ApiCaller { token: ApiTokenId(id), name, reach: provider_id.map(ProviderId) }))
    }

    async fn touch_api_token(&self, id: Uuid, now: DateTime<Utc>) -> StoreResult<()> {
        write!(self, |conn| {
            sqlx::query("UPDATE api_tokens SET last_used_at = $2 WHERE id = $1")
                .bind(id)
                .bind(now)
                .execute(&mut *conn)
                .await?;
            Ok(())
        })
    }

    /// Makes the token that the configuration names usable, and every other that it named before unusable. `false`
    /// when an operator has withdrawn this very token: it stays so.
    pub async fn configure_api_token(
        &self,
        token: Option<&SecretString>,
        now: DateTime<Utc>,
    ) -> StoreResult<bool> {
        let hash = token.map(|token| token_hash(token.expose_secret()).to_vec());
        write!(self, |conn| {
            let before: Vec<(Uuid,)> = sqlx::query_as(
                "DELETE FROM api_tokens WHERE created_by = $1 AND withdrawn_at IS NULL
                 AND ($2 IS NULL OR token_hash <> $2) RETURNING id",
            )
            .bind(CONFIGURATION)
            .bind(hash.as_deref())
            .fetch_all(&mut *conn)
            .await?;
            for (id,) in before {
                audit!(self, conn, None, CONFIGURATION, "withdraw_token", id, now);
            }
            let (Some(token), Some(hash)) = (token, hash.as_deref()) else { return Ok(true) };
            let known: Option<(bool,)> =
                sqlx::query_as("SELECT withdrawn_at IS NULL FROM api_tokens WHERE token_hash = $1")
                    .bind(hash)
                    .fetch_optional(&mut *conn)
                    .await?;
            if let Some((usable,)) = known {
                return Ok(usable);
            }
            let id: ApiTokenId = self.ids.id();
            insert!(self, conn, id, CONFIGURATION, token, None, CONFIGURATION, now);
            Ok(true)
        })
    }
}
