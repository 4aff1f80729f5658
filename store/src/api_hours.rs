//! All of a provider's hours and rules at once, as a marketplace sets them.

use crate::Database;
use crate::audit::audit_by;
use crate::database::write;
use chrono::{DateTime, Utc};
use simone_booking::ProviderId;
use simone_booking::hours::Hours;
use simone_sync::ports::StoreResult;
use sqlx::types::Json;

impl Database {
    /// The windows of each day as [`simone_booking::hours::checked`] gives them. `by` as in the audit log. `false`: there
    /// is no such provider.
    pub async fn replace_hours(
        &self,
        provider: ProviderId,
        hours: &Hours,
        by: &str,
        now: DateTime<Utc>,
    ) -> StoreResult<bool> {
        write!(self, |conn| {
            let found = sqlx::query(
                "UPDATE providers SET derive_wanted = derive_wanted + 1, weekly_hours = $2, notice_minutes = $3,
                        stale_policy = $4
                 WHERE id = $1 AND erasure_requested_at IS NULL",
            )
            .bind(provider.0)
            .bind(Json(&hours.weekly))
            .bind(hours.notice_minutes)
            .bind(hours.stale_policy.code())
            .execute(&mut *conn)
            .await?;
            if found.rows_affected() == 0 {
                return Ok(false);
            }
            sqlx::query("DELETE FROM hours_exceptions WHERE provider_id = $1")
                .bind(provider.0)
                .execute(&mut *conn)
                .await?;
            for (date, windows) in &hours.exceptions {
                sqlx::query("INSERT INTO hours_exceptions (provider_id, date, windows) VALUES ($1, $2, $3)")
                    .bind(provider.0)
                    .bind(date)
                    .bind(Json(windows))
                    .execute(&mut *conn)
                    .await?;
            }
            audit_by!(self, conn, by, provider.0, "replace_hours", provider, now);
            Ok(true)
        })
    }
}
