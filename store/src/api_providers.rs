//! What a marketplace does with its providers, and what they allow it. Who did it is in the audit table.

use crate::database::write;
use crate::links::LOGIN_LIFETIME;
use crate::sessions::token_hash;
use crate::{Database, NewProvider};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use simone_booking::{Locale, ProviderId};
use simone_sync::ports::StoreResult;
use uuid::Uuid;

/// What of a provider is to change.
#[derive(Clone, Debug, Default)]
pub struct ProviderChanges {
    pub name: Option<String>,
    pub zone: Option<Tz>,
    pub locale: Option<Locale>,
}

macro_rules! audit {
    ($db:expr, $conn:ident, $provider:expr, $by:expr, $action:expr, $subject:expr, $now:expr) => {{
        let id: Uuid = $db.ids.id();
        sqlx::query(
            "INSERT INTO audit_log (id, at, provider_id, actor, action, subject) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(id)
        .bind($now)
        .bind($provider.0)
        .bind($by)
        .bind($action)
        .bind($subject)
        .execute(&mut *$conn)
        .await?;
    }};
}

impl Database {
    /// Adds a provider on behalf of `by`; `None` when the e-mail address is another's already.
    pub async fn register_provider(
        &self,
        new: &NewProvider,
        by: &str,
        now: DateTime<Utc>,
    ) -> StoreResult<Option<ProviderId>> {
        let id: ProviderId = self.ids.id();
        write!(self, |conn| {
            let added = sqlx::query(
                "INSERT INTO providers (id, name, email, time_zone, locale, created_at)
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (email) DO NOTHING",
            )
            .bind(id.0)
            .bind(&new.name)
            .bind(new.email.trim().to_lowercase())
            .bind(new.zone.name())
            .bind(new.locale.code())
            .bind(now)
            .execute(&mut *conn)
            .await?;
            if added.rows_affected() == 0 {
                return Ok(None);
            }
            audit!(self, conn, id, by, "register_provider", "", now);
            Ok(Some(id))
        })
    }

    /// Changes a provider on behalf of `by`; another zone moves their days, and what blocks them is derived anew.
    pub async fn change_provider(
        &self,
        provider: ProviderId,
        changes: &ProviderChanges,
        by: &str,
        now: DateTime<Utc>,
    ) -> StoreResult<bool> {
        write!(self, |conn| {
            let changed = sqlx::query(
                "UPDATE providers SET name = COALESCE($2, name), locale = COALESCE($3, locale),
                        zone_kept = CASE WHEN COALESCE($4, time_zone) = time_zone THEN zone_kept ELSE NULL END,
                        derive_wanted = derive_wanted +
                            CASE WHEN COALESCE($4, time_zone) = time_zone THEN 0 ELSE 1 END,
                        derive_all = CASE WHEN COALESCE($4, time_zone) = time_zone THEN derive_all
                            ELSE derive_wanted + 1 END,
                        time_zone = COALESCE($4, time_zone)
                 WHERE id = $1 AND erasure_requested_at IS NULL",
            )
            .bind(provider.0)
            .bind(changes.name.as_deref())
            .bind(changes.locale.map(Locale::code))
            .bind(changes.zone.map(|zone| zone.name()))
            .execute(&mut *conn)
            .await?;
            if changed.rows_affected() == 0 {
                return Ok(false);
            }
            let what = [
                changes.name.as_ref().map(|_| "name"),
                changes.locale.map(|_| "locale"),
                changes.zone.map(|_| "time_zone"),
            ];
            let what: Vec<_> = what.into_iter().flatten().collect();
            if !what.is_empty() {
                audit!(self, conn, provider, by, "change_provider", what.join(" "), now);
            }
            Ok(true)
        })
    }

    /// Makes a one-time link for whoever lets this provider in; when it ends. `None`: there is no such provider.
    pub async fn make_login_link(
        &self,
        provider: ProviderId,
        token: &str,
        by: &str,
        now: DateTime<Utc>,
    ) -> StoreResult<Option<DateTime<Utc>>> {
        let expires_at = now + LOGIN_LIFETIME;
        write!(self, |conn| {
            let made = sqlx::query(
                "INSERT INTO login_tokens (token_hash, provider_id, created_at, expires_at, mailed)
                 SELECT $1, id, $3, $4, FALSE FROM providers WHERE id = $2 AND erasure_requested_at IS NULL",
            )
            .bind(token_hash(token).as_slice())
            .bind(provider.0)
            .bind(now)
            .bind(expires_at)
            .execute(&mut *conn)
            .await?;
            if made.rows_affected() == 0 {
                return Ok(None);
            }
            audit!(self, conn, provider, by, "make_login_link", "", now);
            Ok(Some(expires_at))
        })
    }

    /// Whether a provider lets the API tell the titles of what blocks their slots, and their accounts' addresses.
    pub async fn shares_titles(&self, provider: ProviderId) -> StoreResult<bool> {
        Ok(self.provider_record(provider).await?.is_some_and(|record| record.share_titles))
    }

    /// The provider's own switch for [`Database::shares_titles`].
    pub async fn share_titles(
        &self,
        provider: ProviderId,
        share: bool,
        now: DateTime<Utc>,
    ) -> StoreResult<bool> {
        write!(self, |conn| {
            let set = sqlx::query(
                "UPDATE providers SET share_titles = $2 WHERE id = $1 AND erasure_requested_at IS NULL",
            )
            .bind(provider.0)
            .bind(share)
            .execute(&mut *conn)
            .await?;
            if set.rows_affected() == 0 {
                return Ok(false);
            }
            let action = if share { "share_titles" } else { "hide_titles" };
            audit!(self, conn, provider, "provider", action, "", now);
            Ok(true)
        })
    }
}
