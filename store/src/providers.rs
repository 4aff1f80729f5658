//! Providers.

use crate::Database;
use crate::database::{read, write};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use simone_booking::{Locale, Provider, ProviderId};
use simone_sync::ports::{StoreError, StoreResult};
use uuid::Uuid;

/// A provider to be.
#[derive(Clone, Debug)]
pub struct NewProvider {
    pub name: String,
    pub email: String,
    pub zone: Tz,
    pub locale: Locale,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    name: String,
    email: String,
    time_zone: String,
    locale: String,
}

impl Row {
    fn into_provider(self) -> StoreResult<Provider> {
        Ok(Provider {
            id: ProviderId(self.id),
            name: self.name,
            email: self.email,
            zone: self
                .time_zone
                .parse()
                .map_err(|_| StoreError::Corrupt { what: "a provider's time zone" })?,
            locale: self.locale.parse().map_err(|_| StoreError::Corrupt { what: "a provider's language" })?,
        })
    }
}

impl Database {
    /// Adds a provider; `None` when the e-mail address is another's already.
    pub async fn add_provider(
        &self,
        new: &NewProvider,
        now: DateTime<Utc>,
    ) -> StoreResult<Option<ProviderId>> {
        let id: ProviderId = self.ids.id();
        let added = write!(self, |conn| {
            Ok(sqlx::query(
            "INSERT INTO providers (id, name, email, time_zone, locale, created_at) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (email) DO NOTHING"
        )
        .bind(id.0)
        .bind(&new.name)
        .bind(new.email.trim().to_lowercase())
        .bind(new.zone.name())
        .bind(new.locale.code())
        .bind(now)
        .execute(&mut *conn)
        .await?
        .rows_affected())
        })?;
        Ok((added > 0).then_some(id))
    }

    /// `None` also for one who is being erased.
    pub async fn provider(&self, id: ProviderId) -> StoreResult<Option<Provider>> {
        let row: Option<Row> = read!(self, |conn| Ok(sqlx::query_as(
            "SELECT id, name, email, time_zone, locale FROM providers
             WHERE id = $1 AND erasure_requested_at IS NULL"
        )
        .bind(id.0)
        .fetch_optional(&mut *conn)
        .await?))?;
        row.map(Row::into_provider).transpose()
    }

    /// `None` also for one who is being erased.
    pub async fn provider_by_email(&self, email: &str) -> StoreResult<Option<Provider>> {
        let row: Option<Row> = read!(self, |conn| Ok(sqlx::query_as(
            "SELECT id, name, email, time_zone, locale FROM providers
             WHERE email = $1 AND erasure_requested_at IS NULL"
        )
        .bind(email.trim().to_lowercase())
        .fetch_optional(&mut *conn)
        .await?))?;
        row.map(Row::into_provider).transpose()
    }

    /// Removes a provider and all that is theirs, without regard to what stands at the platforms: for those who wish to
    /// go there is [`Database::request_erasure`].
    pub async fn delete_provider(&self, id: ProviderId) -> StoreResult<bool> {
        write!(self, |conn| Ok(sqlx::query("DELETE FROM providers WHERE id = $1")
            .bind(id.0)
            .execute(&mut *conn)
            .await?
            .rows_affected()
            > 0))
    }

    /// How many unavailabilities a provider has.
    pub async fn count_blocks(&self, id: ProviderId) -> StoreResult<i64> {
        read!(self, |conn| Ok(sqlx::query_scalar(
            "SELECT COUNT(*) FROM unavailabilities WHERE provider_id = $1"
        )
        .bind(id.0)
        .fetch_one(&mut *conn)
        .await?))
    }

    /// What this installation says of itself under a name.
    pub async fn installation(&self, name: &str) -> StoreResult<Option<String>> {
        read!(self, |conn| Ok(sqlx::query_scalar("SELECT value FROM installation WHERE name = $1")
            .bind(name)
            .fetch_optional(&mut *conn)
            .await?))
    }

    pub async fn set_installation(&self, name: &str, value: &str) -> StoreResult<()> {
        write!(self, |conn| {
            sqlx::query(
                "INSERT INTO installation (name, value) VALUES ($1, $2)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            )
            .bind(name)
            .bind(value)
            .execute(&mut *conn)
            .await?;
            Ok(())
        })
    }
}
