//! What a provider offers: services, working hours, the rules of booking. All of it counts from the next booking on;
//! what was agreed before stays.

use crate::Database;
use crate::choices::audit;
use crate::database::write;
use chrono::{DateTime, NaiveDate, Utc};
use simone_booking::hours::{StalePolicy, WeeklyHours, Window};
use simone_booking::service::ServiceTerms;
use simone_booking::{ProviderId, ServiceId};
use simone_sync::ports::StoreResult;
use sqlx::types::Json;

/// Locks the provider's row, and moves the stamp of their pages on. `false`: there is no such provider, or not for long.
macro_rules! offer_changes {
    ($conn:ident, $provider:expr) => {
        sqlx::query(
            "UPDATE providers SET derive_wanted = derive_wanted + 1 WHERE id = $1 AND erasure_requested_at IS NULL",
        )
        .bind($provider.0)
        .execute(&mut *$conn)
        .await?
        .rows_affected()
            > 0
    };
}

impl Database {
    /// `None`: there is no such provider. The terms are taken as they are: [`ServiceTerms::checked`] comes before.
    pub async fn add_service(
        &self,
        provider: ProviderId,
        terms: &ServiceTerms,
        now: DateTime<Utc>,
    ) -> StoreResult<Option<ServiceId>> {
        let id: ServiceId = self.ids.id();
        write!(self, |conn| {
            if !offer_changes!(conn, provider) {
                return Ok(None);
            }
            sqlx::query(
                "INSERT INTO services (id, provider_id, name, duration_minutes, price_cents, buffer_before_minutes,
                                       buffer_after_minutes, place, address, created_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            )
            .bind(id.0)
            .bind(provider.0)
            .bind(&terms.name)
            .bind(terms.duration_minutes)
            .bind(terms.price_cents)
            .bind(terms.buffer_before_minutes)
            .bind(terms.buffer_after_minutes)
            .bind(terms.place.code())
            .bind(&terms.address)
            .bind(now)
            .execute(&mut *conn)
            .await?;
            audit!(self, conn, provider, "add_service", id, now);
            Ok(Some(id))
        })
    }

    /// `false`: there is no such service, or it is no longer offered.
    pub async fn change_service(
        &self,
        provider: ProviderId,
        service: ServiceId,
        terms: &ServiceTerms,
        now: DateTime<Utc>,
    ) -> StoreResult<bool> {
        write!(self, |conn| {
            if !offer_changes!(conn, provider) {
                return Ok(false);
            }
            let changed = sqlx::query(
                "UPDATE services SET name = $3, duration_minutes = $4, price_cents = $5, buffer_before_minutes = $6,
                        buffer_after_minutes = $7, place = $8, address = $9
                 WHERE id = $2 AND provider_id = $1 AND withdrawn_at IS NULL",
            )
            .bind(provider.0)
            .bind(service.0)
            .bind(&terms.name)
            .bind(terms.duration_minutes)
            .bind(terms.price_cents)
            .bind(terms.buffer_before_minutes)
            .bind(terms.buffer_after_minutes)
            .bind(terms.place.code())
            .bind(&terms.address)
            .execute(&mut *conn)
            .await?
            .rows_affected()
                > 0;
            if changed {
                audit!(self, conn, provider, "change_service", service, now);
            }
            Ok(changed)
        })
    }

    /// Offers a service no longer; the bookings of it stand. `false`: there is no such service, or it was withdrawn
    /// before.
    pub async fn withdraw_service(
        &self,
        provider: ProviderId,
        service: ServiceId,
        now: DateTime<Utc>,
    ) -> StoreResult<bool> {
        write!(self, |conn| {
            if !offer_changes!(conn, provider) {
                return Ok(false);
            }
            let withdrawn = sqlx::query(
                "UPDATE services SET withdrawn_at = $3
                 WHERE id = $2 AND provider_id = $1 AND withdrawn_at IS NULL",
            )
            .bind(provider.0)
            .bind(service.0)
            .bind(now)
            .execute(&mut *conn)
            .await?
            .rows_affected()
                > 0;
            if withdrawn {
                audit!(self, conn, provider, "withdraw_service", service, now);
            }
            Ok(withdrawn)
        })
    }

    /// Each day's windows as [`simone_booking::hours::checked`] gives them.
    pub async fn set_weekly_hours(
        &self,
        provider: ProviderId,
        hours: &WeeklyHours,
        now: DateTime<Utc>,
    ) -> StoreResult<bool> {
        write!(self, |conn| {
            if !offer_changes!(conn, provider) {
                return Ok(false);
            }
            sqlx::query("UPDATE providers SET weekly_hours = $2 WHERE id = $1")
                .bind(provider.0)
                .bind(Json(hours))
                .execute(&mut *conn)
                .await?;
            audit!(self, conn, provider, "set_weekly_hours", provider, now);
            Ok(true)
        })
    }

    /// The windows of one date, as [`simone_booking::hours::checked`] gives them (none: closed), or its weekday's again.
    pub async fn set_hours_exception(
        &self,
        provider: ProviderId,
        date: NaiveDate,
        windows: Option<&[Window]>,
        now: DateTime<Utc>,
    ) -> StoreResult<bool> {
        write!(self, |conn| {
            if !offer_changes!(conn, provider) {
                return Ok(false);
            }
            match windows {
                Some(windows) => {
                    sqlx::query(
                        "INSERT INTO hours_exceptions (provider_id, date, windows) VALUES ($1, $2, $3)
                         ON CONFLICT (provider_id, date) DO UPDATE SET windows = excluded.windows",
                    )
                    .bind(provider.0)
                    .bind(date)
                    .bind(Json(windows))
                    .execute(&mut *conn)
                    .await?;
                }
                None => {
                    sqlx::query("DELETE FROM hours_exceptions WHERE provider_id = $1 AND date = $2")
                        .bind(provider.0)
                        .bind(date)
                        .execute(&mut *conn)
                        .await?;
                }
            }
            audit!(self, conn, provider, "set_hours_exception", date, now);
            Ok(true)
        })
    }

    pub async fn set_booking_rules(
        &self,
        provider: ProviderId,
        notice_minutes: i64,
        policy: StalePolicy,
        now: DateTime<Utc>,
    ) -> StoreResult<bool> {
        write!(self, |conn| {
            if !offer_changes!(conn, provider) {
                return Ok(false);
            }
            sqlx::query("UPDATE providers SET notice_minutes = $2, stale_policy = $3 WHERE id = $1")
                .bind(provider.0)
                .bind(notice_minutes)
                .bind(policy.code())
                .execute(&mut *conn)
                .await?;
            audit!(self, conn, provider, "set_booking_rules", provider, now);
            Ok(true)
        })
    }
}
