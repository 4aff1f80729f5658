//! One-time links: those that are asked for on the login page, and invitations.
//!
//! A link's token is 256 random bits; only its SHA-256 is stored. Looking at a link changes nothing; using it uses it up.

use crate::Database;
use crate::audit::audit_by;
use crate::database::{for_update, read, write};
use crate::deliveries::{Email, EmailKind, enqueue, enqueue_to};
use crate::providers::NewProvider;
use crate::sessions::{NewSession, Who, begin_session, token_hash};
use chrono::{DateTime, TimeDelta, Utc};
use simone_booking::id::SessionId;
use simone_booking::{OperatorId, ProviderId};
use simone_sync::ports::StoreResult;
use uuid::Uuid;

/// How long a link to log in with works.
pub const LOGIN_LIFETIME: TimeDelta = TimeDelta::minutes(15);
/// How long an invitation works.
pub const INVITATION_LIFETIME: TimeDelta = TimeDelta::days(7);
/// Links that are sent to one person in the time that a link works.
const LOGIN_LINKS: i64 = 3;

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    Login,
    Invitation,
}

impl LinkKind {
    fn from_code(code: &str) -> Self {
        if code == "invitation" { Self::Invitation } else { Self::Login }
    }
}

/// What became of sending an invitation once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resent {
    Sent,
    /// Enough were sent for now.
    TooMany,
    /// There is no such provider, or they came in meanwhile.
    Missing,
}

macro_rules! insert_link {
    ($conn:ident, $hash:expr, $kind:literal, $mailed:literal, $provider:expr, $operator:expr, $now:expr,
     $expires_at:expr) => {{
        let (provider, operator): (Option<Uuid>, Option<Uuid>) = ($provider, $operator);
        sqlx::query(
            "INSERT INTO login_tokens (token_hash, kind, mailed, provider_id, operator_id, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind($hash.as_slice())
        .bind($kind)
        .bind($mailed)
        .bind(provider)
        .bind(operator)
        .bind($now)
        .bind($expires_at)
        .execute(&mut *$conn)
        .await?;
    }};
}
pub(crate) use insert_link;

/// An e-mail's cause that names its link without telling it.
fn cause_of(hash: &[u8; 32]) -> String {
    format!("login:{}", Uuid::from_slice(&hash[..16]).expect("16 bytes"))
}

impl Database {
    /// Sends a link to log in with, if the address is somebody's and not too many were sent. Nobody is told which.
    pub async fn send_login_link(&self, email: &str, token: &str, now: DateTime<Utc>) -> StoreResult<()> {
        let provider = self.provider_by_email(email).await?;
        let operator = self.operator_by_email(email).await?;
        let recipient = match (&provider, &operator) {
            (Some(provider), _) => (provider.email.clone(), provider.name.clone(), provider.locale),
            (None, Some(operator)) => (operator.email.clone(), operator.name.clone(), operator.locale),
            (None, None) => return Ok(()),
        };
        let (to, name, locale) = recipient;
        let provider = provider.map(|provider| provider.id.0);
        let operator = operator.map(|operator| operator.id.0);
        let hash = token_hash(token);
        write!(self, |conn| {
            // Who is erased or withdrawn while this is under way gets no link.
            let sql =
                for_update!(self, "SELECT id FROM providers WHERE id = $1 AND erasure_requested_at IS NULL");
            let provider: Option<Uuid> =
                sqlx::query_scalar(sql).bind(provider).fetch_optional(&mut *conn).await?;
            let sql = for_update!(self, "SELECT id FROM operators WHERE id = $1 AND withdrawn_at IS NULL");
            let operator: Option<Uuid> =
                sqlx::query_scalar(sql).bind(operator).fetch_optional(&mut *conn).await?;
            if provider.is_none() && operator.is_none() {
                return Ok(());
            }
            let sent: i64 = sqlx::query_scalar(
                "SELECT COUNT(*) FROM login_tokens
                 WHERE (provider_id = $1 OR operator_id = $2) AND kind = 'login' AND created_at > $3
                   AND mailed",
            )
            .bind(provider)
            .bind(operator)
            .bind(now - LOGIN_LIFETIME)
            .fetch_one(&mut *conn)
            .await?;
            if sent < LOGIN_LINKS {
                insert_link!(conn, hash, "login", true, provider, operator, now, now + LOGIN_LIFETIME);
                let email =
                    Email { to, name, locale, kind: EmailKind::LoginLink { token: token.to_owned() } };
                enqueue_to!(self, conn, provider, &cause_of(&hash), email, now);
            }
            Ok(())
        })
    }

    /// Makes a link that is told rather than sent: to whoever runs the program, and may come in as anybody.
    pub async fn tell_login_link(&self, email: &str, token: &str, now: DateTime<Utc>) -> StoreResult<bool> {
        let provider = self.provider_by_email(email).await?.map(|provider| provider.id.0);
        let operator = self.operator_by_email(email).await?.map(|operator| operator.id.0);
        if provider.is_none() && operator.is_none() {
            return Ok(false);
        }
        let hash = token_hash(token);
        write!(self, |conn| {
            insert_link!(conn, hash, "login", false, provider, operator, now, now + LOGIN_LIFETIME);
            Ok(true)
        })
    }

    /// Adds a provider and sends them an invitation. `None` when the e-mail address is another's already.
    pub async fn invite_provider(
        &self,
        new: &NewProvider,
        token: &str,
        by: &str,
        now: DateTime<Utc>,
    ) -> StoreResult<Option<ProviderId>> {
        let (id, hash): (ProviderId, _) = (self.ids.id(), token_hash(token));
        write!(self, |conn| {
            let added = sqlx::query(
                "INSERT INTO providers (id, name, email, time_zone, locale, created_at, invited_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (email) DO NOTHING",
            )
            .bind(id.0)
            .bind(new.name.trim())
            .bind(new.email.trim().to_lowercase())
            .bind(new.zone.name())
            .bind(new.locale.code())
            .bind(now)
            .execute(&mut *conn)
            .await?;
            if added.rows_affected() == 0 {
                return Ok(None);
            }
            insert_link!(conn, hash, "invitation", true, Some(id.0), None, now, now + INVITATION_LIFETIME);
            let kind = EmailKind::Invitation { token: token.to_owned(), operator: false };
            enqueue!(self, conn, id, &cause_of(&hash), kind, now);
            audit_by!(self, conn, by, id.0, "invite", id, now);
            Ok(Some(id))
        })
    }

    /// Sends a provider who never came in another invitation. Those sent before work as long as they would have.
    pub async fn resend_invitation(
        &self,
        provider: ProviderId,
        token: &str,
        by: &str,
        now: DateTime<Utc>,
    ) -> StoreResult<Resent> {
        let hash = token_hash(token);
        write!(self, |conn| {
            let sent: i64 = sqlx::query_scalar(
                "SELECT COUNT(*) FROM login_tokens
                 WHERE provider_id = $1 AND kind = 'invitation' AND created_at > $2",
            )
            .bind(provider.0)
            .bind(now - LOGIN_LIFETIME)
            .fetch_one(&mut *conn)
            .await?;
            if sent >= LOGIN_LINKS {
                return Ok(Resent::TooMany);
            }
            let invited = sqlx::query(
                "UPDATE providers SET invited_at = $2
                 WHERE id = $1 AND entered_at IS NULL AND erasure_requested_at IS NULL",
            )
            .bind(provider.0)
            .bind(now)
            .execute(&mut *conn)
            .await?;
            if invited.rows_affected() == 0 {
                return Ok(Resent::Missing);
            }
            insert_link!(
                conn,
                hash,
                "invitation",
                true,
                Some(provider.0),
                None,
                now,
                now + INVITATION_LIFETIME
            );
            let kind = EmailKind::Invitation { token: token.to_owned(), operator: false };
            enqueue!(self, conn, provider, &cause_of(&hash), kind, now);
            audit_by!(self, conn, by, provider.0, "invite_again", provider, now);
            Ok(Resent::Sent)
        })
    }

    /// What a link is for, if it still works. Changes nothing: mail scanners open links.
    pub async fn login_link(&self, token: &str, now: DateTime<Utc>) -> StoreResult<Option<LinkKind>> {
        let kind: Option<String> = read!(self, |conn| Ok(sqlx::query_scalar(
            "SELECT kind FROM login_tokens WHERE token_hash = $1 AND expires_at > $2"
        )
        .bind(token_hash(token).as_slice())
        .bind(now)
        .fetch_optional(&mut *conn)
        .await?))?;
        Ok(kind.as_deref().map(LinkKind::from_code))
    }

    /// Whom a link would let in, and what it is for. Changes nothing.
    pub async fn link_holder(&self, token: &str, now: DateTime<Utc>) -> StoreResult<Option<(Who, LinkKind)>> {
        let row: Option<(Option<Uuid>, Option<Uuid>, String)> = read!(self, |conn| {
            Ok(sqlx::query_as(
            "SELECT provider_id, operator_id, kind FROM login_tokens WHERE token_hash = $1 AND expires_at > $2"
        )
        .bind(token_hash(token).as_slice())
        .bind(now)
        .fetch_optional(&mut *conn)
        .await?)
        })?;
        Ok(row.map(|(provider, operator, kind)| {
            let who = Who { provider: provider.map(ProviderId), operator: operator.map(OperatorId) };
            (who, LinkKind::from_code(&kind))
        }))
    }

    /// Uses a link up, once (with an invitation, the others of the same person too), and begins the session that it is
    /// for, in one go: nobody loses their only link to an outage in between. `None`: it does not work, or whoever it was
    /// for is no longer there.
    pub async fn enter_by_link(
        &self,
        link: &str,
        session: &NewSession<'_>,
        now: DateTime<Utc>,
    ) -> StoreResult<Option<(Who, LinkKind)>> {
        let Some((who, kind)) = self.link_holder(link, now).await? else { return Ok(None) };
        let id: SessionId = self.ids.id();
        write!(self, |conn| {
            // Before the link goes, so that the locks come in their order.
            if !begin_session!(self, conn, id, who, session, now) {
                return Ok(None);
            }
            let used = sqlx::query("DELETE FROM login_tokens WHERE token_hash = $1 AND expires_at > $2")
                .bind(token_hash(link).as_slice())
                .bind(now)
                .execute(&mut *conn)
                .await?;
            if used.rows_affected() == 0 {
                // Somebody was faster: the session that was begun goes again.
                sqlx::query("DELETE FROM sessions WHERE id = $1").bind(id.0).execute(&mut *conn).await?;
                return Ok(None);
            }
            if kind == LinkKind::Invitation {
                sqlx::query(
                    "DELETE FROM login_tokens
                     WHERE (provider_id = $1 OR operator_id = $2) AND kind = 'invitation'",
                )
                .bind(who.provider.map(|id| id.0))
                .bind(who.operator.map(|id| id.0))
                .execute(&mut *conn)
                .await?;
            }
            Ok(Some((who, kind)))
        })
    }
}
