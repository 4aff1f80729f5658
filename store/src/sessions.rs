//! Sessions: who is logged in where.
//!
//! A token is 256 random bits, known to the browser alone: only its SHA-256 is stored.

use crate::Database;
use crate::database::{read, write};
use crate::operators;
use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};
use simone_booking::id::SessionId;
use simone_booking::{Operator, OperatorId, Provider, ProviderId};
use simone_sync::ports::{StoreError, StoreResult};
use uuid::Uuid;

/// How long a session lives after it was last used.
pub const SESSION_LIFETIME: TimeDelta = TimeDelta::days(30);
/// How long a visitor's session lives, which holds a message and nothing else.
pub const VISIT_LIFETIME: TimeDelta = TimeDelta::hours(1);
/// A session's use is noted at most this often.
const TOUCH_INTERVAL: TimeDelta = TimeDelta::minutes(15);
/// More devices than these are listed to nobody.
const LISTED: i64 = 100;

/// What a token is stored as.
pub type TokenHash = [u8; 32];

pub fn token_hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

/// Whose a session or a link is: a provider's, an operator's, or one's who is both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Who {
    pub provider: Option<ProviderId>,
    pub operator: Option<OperatorId>,
}

impl From<ProviderId> for Who {
    fn from(provider: ProviderId) -> Self {
        Self { provider: Some(provider), operator: None }
    }
}

impl From<OperatorId> for Who {
    fn from(operator: OperatorId) -> Self {
        Self { provider: None, operator: Some(operator) }
    }
}

impl Who {
    pub(crate) fn columns(self) -> (Option<Uuid>, Option<Uuid>) {
        (self.provider.map(|id| id.0), self.operator.map(|id| id.0))
    }
}

/// A session that has not expired. Neither provider nor operator: a visitor's who has not logged in.
#[derive(Clone, Debug)]
pub struct StoredSession {
    pub provider: Option<Provider>,
    pub operator: Option<Operator>,
    pub created_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
    /// A message for the next page, as JSON.
    pub flash: Option<String>,
}

/// A session, as the one whose it is sees it.
#[derive(Clone, Debug)]
pub struct OpenSession {
    pub id: SessionId,
    /// Browser and system, as they were told at the beginning.
    pub device: Option<String>,
    pub created_at: DateTime<Utc>,
    /// To a quarter of an hour.
    pub last_seen_at: DateTime<Utc>,
    /// The one that asks.
    pub this: bool,
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
    operator_id: Option<Uuid>,
    operator_name: Option<String>,
    operator_email: Option<String>,
    operator_zone: Option<String>,
    operator_locale: Option<String>,
}

impl Row {
    fn into_session(self) -> StoreResult<StoredSession> {
        let provider = match (self.provider_id, self.name, self.email, self.time_zone, self.locale) {
            (Some(id), Some(name), Some(email), Some(zone), Some(locale)) => Some(Provider {
                id: ProviderId(id),
                name,
                email,
                zone: zone.parse().map_err(|_| StoreError::Corrupt { what: "a provider's time zone" })?,
                locale: locale.parse().map_err(|_| StoreError::Corrupt { what: "a provider's language" })?,
            }),
            _ => None,
        };
        let operator = match (
            self.operator_id,
            self.operator_name,
            self.operator_email,
            self.operator_zone,
            self.operator_locale,
        ) {
            (Some(id), Some(name), Some(email), Some(zone), Some(locale)) => {
                Some(operators::operator(id, name, email, &zone, &locale)?)
            }
            _ => None,
        };
        let Self { created_at, last_seen_at, flash, .. } = self;
        Ok(StoredSession { provider, operator, created_at, last_seen_at, flash })
    }
}

/// A session to be.
#[derive(Clone, Copy, Debug)]
pub struct NewSession<'a> {
    pub token: &'a TokenHash,
    /// What its list calls it.
    pub device: Option<&'a str>,
    /// A message for its first page, as JSON.
    pub flash: Option<&'a str>,
}

/// Begins a session within a transaction; `false` when whoever it was for is no longer there. It locks them: an erasure
/// or a withdrawal that comes at the same time ends this session too.
macro_rules! begin_session {
    ($db:expr, $conn:ident, $id:expr, $who:expr, $session:expr, $now:expr) => {{
        let (provider, operator) = $who.columns();
        let entered = sqlx::query(
            "UPDATE providers SET entered_at = COALESCE(entered_at, $2)
             WHERE id = $1 AND erasure_requested_at IS NULL",
        )
        .bind(provider)
        .bind($now)
        .execute(&mut *$conn)
        .await?;
        let provider = provider.filter(|_| entered.rows_affected() > 0);
        let sql = $crate::database::for_update!(
            $db,
            "SELECT id FROM operators WHERE id = $1 AND withdrawn_at IS NULL"
        );
        let operator: Option<Uuid> =
            sqlx::query_scalar(sql).bind(operator).fetch_optional(&mut *$conn).await?;
        let there = provider.is_some() || operator.is_some();
        if there {
            sqlx::query(
                "INSERT INTO sessions (token_hash, id, provider_id, operator_id, device, created_at, last_seen_at,
                                       expires_at, flash)
                 VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8)",
            )
            .bind($session.token.as_slice())
            .bind($id.0)
            .bind(provider)
            .bind(operator)
            .bind($session.device)
            .bind($now)
            .bind($now + $crate::sessions::SESSION_LIFETIME)
            .bind($session.flash)
            .execute(&mut *$conn)
            .await?;
        }
        there
    }};
}
pub(crate) use begin_session;

impl Database {
    /// The session that a token names. Its expiry slides, with a write every quarter of an hour at most.
    pub async fn session(&self, token: &TokenHash, now: DateTime<Utc>) -> StoreResult<Option<StoredSession>> {
        let row: Option<Row> = read!(self, |conn| {
            Ok(sqlx::query_as(
                "SELECT s.created_at, s.last_seen_at, s.flash, p.id AS provider_id, p.name, p.email, p.time_zone,
                        p.locale, o.id AS operator_id, o.name AS operator_name, o.email AS operator_email,
                        o.time_zone AS operator_zone, o.locale AS operator_locale
                 FROM sessions s
                 LEFT JOIN providers p ON p.id = s.provider_id AND p.erasure_requested_at IS NULL
                 LEFT JOIN operators o ON o.id = s.operator_id AND o.withdrawn_at IS NULL
                 WHERE s.token_hash = $1 AND s.expires_at > $2",
            )
            .bind(token.as_slice())
            .bind(now)
            .fetch_optional(&mut *conn)
            .await?)
        })?;
        let Some(session) = row.map(Row::into_session).transpose()? else { return Ok(None) };
        let logged_in = session.provider.is_some() || session.operator.is_some();
        if logged_in && now - session.last_seen_at >= TOUCH_INTERVAL {
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

    /// Begins a session. `device` is what its list calls it. `false`: whoever it was for is no longer there.
    pub async fn start_session(
        &self,
        token: &TokenHash,
        who: Who,
        device: Option<&str>,
        flash: Option<&str>,
        now: DateTime<Utc>,
    ) -> StoreResult<bool> {
        let id: SessionId = self.ids.id();
        let session = NewSession { token, device, flash };
        write!(self, |conn| Ok(begin_session!(self, conn, id, who, session, now)))
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

    /// Ends all sessions of a person, but for the one that is kept, and the links that could begin one.
    pub async fn end_all_sessions(&self, who: Who, kept: Option<&TokenHash>) -> StoreResult<()> {
        let (provider, operator) = who.columns();
        write!(self, |conn| {
            sqlx::query(
                "DELETE FROM sessions WHERE (provider_id = $1 OR operator_id = $2)
                 AND ($3 IS NULL OR token_hash <> $3)",
            )
            .bind(provider)
            .bind(operator)
            .bind(kept.map(TokenHash::as_slice))
            .execute(&mut *conn)
            .await?;
            sqlx::query("DELETE FROM login_tokens WHERE provider_id = $1 OR operator_id = $2")
                .bind(provider)
                .bind(operator)
                .execute(&mut *conn)
                .await?;
            Ok(())
        })
    }

    /// The open sessions of a person: the one that asks first, then the one last used.
    pub async fn open_sessions(
        &self,
        who: Who,
        this: &TokenHash,
        now: DateTime<Utc>,
    ) -> StoreResult<Vec<OpenSession>> {
        let (provider, operator) = who.columns();
        type Columns = (Uuid, Option<String>, DateTime<Utc>, DateTime<Utc>, bool);
        let rows: Vec<Columns> = read!(self, |conn| {
            Ok(sqlx::query_as(
                "SELECT id, device, created_at, last_seen_at, token_hash = $3 FROM sessions
                 WHERE (provider_id = $1 OR operator_id = $2) AND id IS NOT NULL AND expires_at > $4
                 ORDER BY CASE WHEN token_hash = $3 THEN 0 ELSE 1 END, last_seen_at DESC, id DESC LIMIT $5",
            )
            .bind(provider)
            .bind(operator)
            .bind(this.as_slice())
            .bind(now)
            .bind(LISTED)
            .fetch_all(&mut *conn)
            .await?)
        })?;
        let session = |(id, device, created_at, last_seen_at, this)| OpenSession {
            id: SessionId(id),
            device,
            created_at,
            last_seen_at,
            this,
        };
        Ok(rows.into_iter().map(session).collect())
    }

    /// Ends one session of a person. `false`: there is none of this id, or it is another's.
    pub async fn end_session_of(&self, who: Who, session: SessionId) -> StoreResult<bool> {
        let (provider, operator) = who.columns();
        write!(self, |conn| Ok(sqlx::query(
            "DELETE FROM sessions WHERE id = $1 AND (provider_id = $2 OR operator_id = $3)"
        )
        .bind(session.0)
        .bind(provider)
        .bind(operator)
        .execute(&mut *conn)
        .await?
        .rows_affected()
            > 0))
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
}
