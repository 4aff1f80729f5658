//! Connecting: pending authorizations, and the grants that come of them.

use crate::Database;
use crate::choices::audit;
use crate::crypto::Place;
use crate::database::{read, write};
use crate::notices::settle_notices;
use crate::rounds::facts_change;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use simone_booking::{ConnectionId, ProviderId};
use simone_sync::platform::{Account, Platform};
use simone_sync::ports::{Attempt, ConnectStore, Recorded, StoreError, StoreResult};
use uuid::Uuid;

fn hash(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

fn verifier_place<'a>(row: &'a [&'a [u8]]) -> Place<'a> {
    Place { table: "oauth_attempts", column: "verifier", row }
}

#[async_trait]
impl ConnectStore for Database {
    async fn begin_attempt(
        &self,
        state: &str,
        session: &[u8],
        attempt: &Attempt,
        now: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> StoreResult<()> {
        let state = hash(state.as_bytes());
        let verifier = self.keys.seal(verifier_place(&[&state]), attempt.verifier.expose_secret().as_bytes());
        write!(self, |conn| {
            sqlx::query("DELETE FROM oauth_attempts WHERE expires_at <= $1")
                .bind(now)
                .execute(&mut *conn)
                .await?;
            sqlx::query(
                "INSERT INTO oauth_attempts (state_hash, session_hash, provider_id, platform, reconnects, verifier,
                                             created_at, expires_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(&state)
            .bind(hash(session))
            .bind(attempt.provider.0)
            .bind(attempt.platform.code())
            .bind(attempt.reconnects.map(|connection| connection.0))
            .bind(&verifier)
            .bind(now)
            .bind(expires_at)
            .execute(&mut *conn)
            .await?;
            Ok(())
        })
    }

    async fn take_attempt(
        &self,
        state: &str,
        session: &[u8],
        now: DateTime<Utc>,
    ) -> StoreResult<Option<Attempt>> {
        let state = hash(state.as_bytes());
        let row: Option<(Uuid, String, Option<Uuid>, Vec<u8>)> = write!(self, |conn| Ok(sqlx::query_as(
            "DELETE FROM oauth_attempts WHERE state_hash = $1 AND session_hash = $2 AND expires_at > $3
             RETURNING provider_id, platform, reconnects, verifier"
        )
        .bind(&state)
        .bind(hash(session))
        .bind(now)
        .fetch_optional(&mut *conn)
        .await?))?;
        let Some((provider, platform, reconnects, verifier)) = row else { return Ok(None) };
        // Of a key that is lost: as good as expired, and begun anew with a press.
        let Ok(verifier) = self.keys.open(verifier_place(&[&state]), &verifier) else { return Ok(None) };
        Ok(Some(Attempt {
            provider: ProviderId(provider),
            platform: platform.parse().map_err(|_| StoreError::Corrupt { what: "a platform" })?,
            reconnects: reconnects.map(ConnectionId),
            verifier: String::from_utf8(verifier)
                .map_err(|_| StoreError::Corrupt { what: "a code verifier" })?
                .into(),
        }))
    }

    async fn account_email(
        &self,
        provider: ProviderId,
        connection: ConnectionId,
    ) -> StoreResult<Option<String>> {
        read!(self, |conn| Ok(sqlx::query_scalar(
            "SELECT account_email FROM calendar_connections
             WHERE id = $1 AND provider_id = $2 AND status IN ('connected', 'needs_reconnect')"
        )
        .bind(connection.0)
        .bind(provider.0)
        .fetch_optional(&mut *conn)
        .await?))
    }

    async fn record_grant(
        &self,
        attempt: &Attempt,
        account: &Account,
        access: &SecretString,
        access_expires_at: DateTime<Utc>,
        refresh: &SecretString,
        scopes: &str,
        now: DateTime<Utc>,
    ) -> StoreResult<Recorded> {
        let provider = attempt.provider;
        write!(self, |conn| {
            if !facts_change!(conn, provider) {
                return Ok(Recorded::Vanished);
            }
            if let Some(connection) = attempt.reconnects {
                let standing: Option<String> = sqlx::query_scalar(
                    "SELECT account_id FROM calendar_connections
                     WHERE id = $1 AND provider_id = $2 AND platform = $3
                       AND status IN ('connected', 'needs_reconnect')",
                )
                .bind(connection.0)
                .bind(provider.0)
                .bind(attempt.platform.code())
                .fetch_optional(&mut *conn)
                .await?;
                match standing {
                    None => return Ok(Recorded::Vanished),
                    Some(standing) if standing != account.id => return Ok(Recorded::OtherAccount),
                    Some(_) => {}
                }
            }
            let live: Option<(Uuid, String)> = sqlx::query_as(
                "SELECT id, status FROM calendar_connections
                 WHERE provider_id = $1 AND platform = $2 AND account_id = $3
                   AND status IN ('connected', 'needs_reconnect')",
            )
            .bind(provider.0)
            .bind(attempt.platform.code())
            .bind(&account.id)
            .fetch_optional(&mut *conn)
            .await?;
            let recorded = match live {
                Some((id, status)) if status == "connected" && attempt.reconnects.is_none() => {
                    return Ok(Recorded::AlreadyConnected(ConnectionId(id)));
                }
                Some((id, _)) => Recorded::Reconnected(ConnectionId(id)),
                None => Recorded::Connected(self.ids.id()),
            };
            let (Recorded::Connected(connection) | Recorded::Reconnected(connection)) = recorded else {
                return Ok(recorded);
            };
            if let Recorded::Reconnected(connection) = recorded {
                let sealed: Option<Vec<u8>> =
                    sqlx::query_scalar("SELECT refresh_token FROM calendar_connections WHERE id = $1")
                        .bind(connection.0)
                        .fetch_one(&mut *conn)
                        .await?;
                if sealed.is_none_or(|sealed| self.open_token("refresh_token", connection, &sealed).is_none())
                {
                    // The key is lost, and with it the titles: everything is read again, as if it were changed.
                    for sql in [
                        "UPDATE calendars SET cursor = NULL WHERE connection_id = $1",
                        "UPDATE calendar_sync_events SET revision = ''
                         WHERE calendar_id IN (SELECT id FROM calendars WHERE connection_id = $1)",
                    ] {
                        sqlx::query(sql).bind(connection.0).execute(&mut *conn).await?;
                    }
                }
            }
            let access = self.seal_token("access_token", connection, access);
            let refresh = self.seal_token("refresh_token", connection, refresh);
            // A new epoch: a round that still works with the old grant is overtaken.
            sqlx::query(
                "INSERT INTO calendar_connections (id, provider_id, platform, account_id, account_email, status,
                        access_token, access_expires_at, refresh_token, scopes, next_sync_at, created_at)
                 VALUES ($1, $2, $3, $4, $5, 'connected', $6, $7, $8, $9, $10, $10)
                 ON CONFLICT (id) DO UPDATE SET account_email = excluded.account_email, status = 'connected',
                        access_token = excluded.access_token, access_expires_at = excluded.access_expires_at,
                        refresh_token = excluded.refresh_token, scopes = excluded.scopes,
                        epoch = calendar_connections.epoch + 1,
                        wanted = calendar_connections.wanted + 1, failures = 0, last_error = NULL,
                        exports_wanted = calendar_connections.exports_wanted + 1",
            )
            .bind(connection.0)
            .bind(provider.0)
            .bind(attempt.platform.code())
            .bind(&account.id)
            .bind(&account.email)
            .bind(&access)
            .bind(access_expires_at)
            .bind(&refresh)
            .bind(scopes)
            .bind(now)
            .execute(&mut *conn)
            .await?;
            let about = format!("needs_reconnect:{connection}:");
            settle_notices!(conn, provider, &about, now);
            let action = if matches!(recorded, Recorded::Connected(_)) { "connect" } else { "reconnect" };
            audit!(self, conn, provider, action, connection, now);
            Ok(recorded)
        })
    }

    async fn account_in_use(&self, platform: Platform, account: &str) -> StoreResult<bool> {
        read!(self, |conn| Ok(sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM calendar_connections
             WHERE platform = $1 AND account_id = $2 AND status = 'connected')"
        )
        .bind(platform.code())
        .bind(account)
        .fetch_one(&mut *conn)
        .await?))
    }
}
