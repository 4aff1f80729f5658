//! Sessions, and the one-time links that begin them.
//!
//! A token is 256 random bits, known to the browser alone: only its SHA-256 is stored.

use crate::Database;
use crate::database::{read, write};
use crate::deliveries::{EmailKind, enqueue};
use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};
use simone_booking::{Provider, ProviderId};
use simone_sync::ports::{StoreError, StoreResult};
use uuid::Uuid;

/// How long a session lives after it was last used.
pub const SESSION_LIFETIME: TimeDelta = TimeDelta::days(30);
/// How long a visitor's session lives, which holds a message and nothing else.
pub const VISIT_LIFETIME: TimeDelta = TimeDelta::hours(1);
/// How long a link to log in with works.
pub const LOGIN_LIFETIME: TimeDelta = TimeDelta::minutes(15);
/// Links that are sent to one provider in the time that a link works.
const LOGIN_LINKS: i64 = 3;
/// A session's use is noted at most this often.
const TOUCH_INTERVAL: TimeDelta = TimeDelta::days(1);

/// What a token is stored as.
pub type TokenHash = [u8; 32];

pub fn token_hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

/// A session that has not expired.
#[derive(Clone, Debug)]
pub struct StoredSession {
    /// `None`: a visitor who has not logged in.
    pub provider: Option<Provider>,
    pub created_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
    /// A message for the next page, as JSON.
    pub flash: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    created_at: DateTime<Utc>,
    last_seen_at: DateTime<Utc>,
    flash: Option<String>,
    provider_id: Option<Uuid>,
    name: Option<String>,
    email: Option<String>,
    time_zone: Option<String>,
    locale: Option<String>,
}

impl Row {
    fn into_session(self) -> StoreResult<StoredSession> {
        let Self { created_at, last_seen_at, flash, provider_id, name, email, time_zone, locale } = self;
        let provider = match (provider_id, name, email, time_zone, locale) {
            (Some(id), Some(name), Some(email), Some(zone), Some(locale)) => Some(Provider {
                id: ProviderId(id),
                name,
                email,
                zone: zone.parse().map_err(|_| StoreError::Corrupt { what: "a provider's time zone" })?,
                locale: locale.parse().map_err(|_| StoreError::Corrupt { what: "a provider's language" })?,
            }),
            _ => None,
        };
        Ok(StoredSession { provider, created_at, last_seen_at, flash })
    }
}

impl Database {
    /// The session that a token names. Its expiry slides, with a write at most once a day.
    pub async fn session(&self, token: &TokenHash, now: DateTime<Utc>) -> StoreResult<Option<StoredSession>> {
        let row: Option<Row> = read!(self, |conn| {
            Ok(sqlx::query_as(
            "SELECT s.created_at, s.last_seen_at, s.flash, p.id AS provider_id, p.name, p.email, p.time_zone, p.locale
             FROM sessions s LEFT JOIN providers p ON p.id = s.provider_id
             WHERE s.token_hash = $1 AND s.expires_at > $2"
        )
        .bind(token.as_slice())
        .bind(now)
        .fetch_optional(&mut *conn)
        .await?)
        })?;
        let Some(session) = row.map(Row::into_session).transpose()? else { return Ok(None) };
        if session.provider.is_some() && now - session.last_seen_at >= TOUCH_INTERVAL {
            let touched: StoreResult<()> = write!(self, |conn| {
                sqlx::query("UPDATE sessions SET last_seen_at = $2, expires_at = $3 WHERE token_hash = $1")
                    .bind(token.as_slice())
                    .bind(now)
                    .bind(now + SESSION_LIFETIME)
                    .execute(&mut *conn)
                    .await?;
                Ok(())
            });
            if let Err(error) = touched {
                // It is tried again with the next request: a full disk lets people in.
                tracing::debug!(error = &error as &dyn std::error::Error, "a session could not be prolonged");
            }
        }
        Ok(Some(session))
    }

    /// Begins a session of a provider.
    pub async fn start_session(
        &self,
        token: &TokenHash,
        provider: ProviderId,
        flash: Option<&str>,
        now: DateTime<Utc>,
    ) -> StoreResult<()> {
        write!(self, |conn| {
            sqlx::query(
                "INSERT INTO sessions (token_hash, provider_id, created_at, last_seen_at, expires_at, flash)
                 VALUES ($1, $2, $3, $3, $4, $5)",
            )
            .bind(token.as_slice())
            .bind(provider.0)
            .bind(now)
            .bind(now + SESSION_LIFETIME)
            .bind(flash)
            .execute(&mut *conn)
            .await?;
            Ok(())
        })
    }

    pub async fn end_session(&self, token: &TokenHash) -> StoreResult<()> {
        write!(self, |conn| {
            sqlx::query("DELETE FROM sessions WHERE token_hash = $1")
                .bind(token.as_slice())
                .execute(&mut *conn)
                .await?;
            Ok(())
        })
    }

    /// Ends all sessions of a provider, and the links that could begin one.
    pub async fn end_all_sessions(&self, provider: ProviderId) -> StoreResult<()> {
        write!(self, |conn| {
            for statement in [
                "DELETE FROM sessions WHERE provider_id = $1",
                "DELETE FROM login_tokens WHERE provider_id = $1",
            ] {
                sqlx::query(statement).bind(provider.0).execute(&mut *conn).await?;
            }
            Ok(())
        })
    }

    /// How many sessions a provider has.
    pub async fn count_sessions(&self, provider: ProviderId, now: DateTime<Utc>) -> StoreResult<i64> {
        read!(self, |conn| Ok(sqlx::query_scalar(
            "SELECT COUNT(*) FROM sessions WHERE provider_id = $1 AND expires_at > $2"
        )
        .bind(provider.0)
        .bind(now)
        .fetch_one(&mut *conn)
        .await?))
    }

    /// Leaves a message for the next page; a visitor without a session gets one that holds it.
    pub async fn set_flash(&self, token: &TokenHash, flash: &str, now: DateTime<Utc>) -> StoreResult<()> {
        write!(self, |conn| {
            sqlx::query(
                "INSERT INTO sessions (token_hash, created_at, last_seen_at, expires_at, flash)
                 VALUES ($1, $2, $2, $3, $4) ON CONFLICT (token_hash) DO UPDATE SET flash = excluded.flash",
            )
            .bind(token.as_slice())
            .bind(now)
            .bind(now + VISIT_LIFETIME)
            .bind(flash)
            .execute(&mut *conn)
            .await?;
            Ok(())
        })
    }

    /// The message was shown. A newer one stays.
    pub async fn clear_flash(&self, token: &TokenHash, shown: &str) -> StoreResult<()> {
        write!(self, |conn| {
            sqlx::query("UPDATE sessions SET flash = NULL WHERE token_hash = $1 AND flash = $2")
                .bind(token.as_slice())
                .bind(shown)
                .execute(&mut *conn)
                .await?;
            Ok(())
        })
    }

    /// Sends a link to log in with, if the address is a provider's and not too many were sent. Nobody is told which.
    pub async fn send_login_link(&self, email: &str, token: &str, now: DateTime<Utc>) -> StoreResult<()> {
        let Some(provider) = self.provider_by_email(email).await? else { return Ok(()) };
        let hash = token_hash(token);
        write!(self, |conn| {
            let sent: i64 = sqlx::query_scalar(
                "SELECT COUNT(*) FROM login_tokens WHERE provider_id = $1 AND created_at > $2 AND mailed",
            )
            .bind(provider.id.0)
            .bind(now - LOGIN_LIFETIME)
            .fetch_one(&mut *conn)
            .await?;
            if sent < LOGIN_LINKS {
                sqlx::query(
                    "INSERT INTO login_tokens (token_hash, provider_id, created_at, expires_at)
                     VALUES ($1, $2, $3, $4)",
                )
                .bind(hash.as_slice())
                .bind(provider.id.0)
                .bind(now)
                .bind(now + LOGIN_LIFETIME)
                .execute(&mut *conn)
                .await?;
                let cause = format!("login:{}", Uuid::from_slice(&hash[..16]).expect("16 bytes"));
                let kind = EmailKind::LoginLink { token: token.to_owned() };
                enqueue!(self, conn, provider.id, &cause, kind, now);
            }
            Ok(())
        })
    }

    /// Whether a link still works. Changes nothing: mail scanners open links.
    pub async fn login_link_works(&self, token: &str, now: DateTime<Utc>) -> StoreResult<bool> {
        read!(self, |conn| Ok(sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM login_tokens WHERE token_hash = $1 AND expires_at > $2)"
        )
        .bind(token_hash(token).as_slice())
        .bind(now)
        .fetch_one(&mut *conn)
        .await?))
    }

    /// Uses a link up, once.
    pub async fn use_login_link(&self, token: &str, now: DateTime<Utc>) -> StoreResult<Option<ProviderId>> {
        let provider: Option<Uuid> = write!(self, |conn| Ok(sqlx::query_scalar(
            "DELETE FROM login_tokens WHERE token_hash = $1 AND expires_at > $2 RETURNING provider_id"
        )
        .bind(token_hash(token).as_slice())
        .bind(now)
        .fetch_optional(&mut *conn)
        .await?))?;
        Ok(provider.map(ProviderId))
    }
}
