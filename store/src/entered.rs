//! What a provider enters by hand. What it blocks is derived.

use crate::Database;
use crate::choices::audit;
use crate::crypto::Place;
use crate::database::{read, write};
use crate::rounds::facts_change;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use simone_booking::ProviderId;
use simone_booking::id::{EnteredId, UnavailabilityId};
use simone_sync::entered::{over_at, without};
use simone_sync::event::{Details, OriginalStart, Shape};
use simone_sync::ports::{StoreError, StoreResult};
use sqlx::types::Json;
use uuid::Uuid;

/// Of one provider, not over: more is no agenda kept by hand.
const MOST: i64 = 200;

/// An unavailability as it was entered.
#[derive(Clone, Debug)]
pub struct Entered {
    pub id: EnteredId,
    /// Personal: for the provider alone.
    pub title: String,
    pub shape: Shape,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    shape: Json<Shape>,
    details: Vec<u8>,
}

fn entered_place<'a>(row: &'a [&'a [u8]]) -> Place<'a> {
    Place { table: "entered_unavailabilities", column: "details", row }
}

/// The zone in which the provider's days begin and end.
macro_rules! zone_of {
    ($conn:ident, $provider:expr) => {{
        let zone: Option<String> = sqlx::query_scalar("SELECT time_zone FROM providers WHERE id = $1")
            .bind($provider.0)
            .fetch_optional(&mut *$conn)
            .await?;
        zone.and_then(|zone| zone.parse::<Tz>().ok())
            .ok_or(StoreError::Corrupt { what: "a provider's time zone" })?
    }};
}

impl Database {
    fn seal_entered(&self, entered: EnteredId, title: &str) -> Vec<u8> {
        let details = Details { title: title.to_owned(), link: None, ..Details::default() };
        let plain = serde_json::to_vec(&details).expect("details are plain strings");
        self.keys.seal(entered_place(&[entered.0.as_bytes()]), &plain)
    }

    /// The title of what was entered; empty when the key that sealed it is lost.
    pub fn open_entered(&self, entered: EnteredId, sealed: &[u8]) -> String {
        let opened = self.keys.open(entered_place(&[entered.0.as_bytes()]), sealed);
        let details: Option<Details> = opened.ok().and_then(|plain| serde_json::from_slice(&plain).ok());
        details.unwrap_or_default().title
    }

    /// `None`: the provider has as many as there can be.
    pub async fn add_entered(
        &self,
        provider: ProviderId,
        title: &str,
        shape: &Shape,
        now: DateTime<Utc>,
    ) -> StoreResult<Option<EnteredId>> {
        let id = EnteredId(self.ids.id());
        let details = self.seal_entered(id, title);
        write!(self, |conn| {
            if !facts_change!(conn, provider) {
                return Ok(None);
            }
            let zone = zone_of!(conn, provider);
            let there: i64 = sqlx::query_scalar(
                "SELECT COUNT(*) FROM entered_unavailabilities
                 WHERE provider_id = $1 AND (over_at IS NULL OR over_at > $2)",
            )
            .bind(provider.0)
            .bind(now)
            .fetch_one(&mut *conn)
            .await?;
            if there >= MOST {
                return Ok(None);
            }
            sqlx::query(
                "INSERT INTO entered_unavailabilities (id, provider_id, shape, details, created_at, over_at)
                 VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(id.0)
            .bind(provider.0)
            .bind(Json(shape))
            .bind(&details)
            .bind(now)
            .bind(over_at(shape, zone))
            .execute(&mut *conn)
            .await?;
            audit!(self, conn, provider, "enter_unavailability", id, now);
            Ok(Some(id))
        })
    }

    /// `false`: it is not there, or not theirs.
    pub async fn change_entered(
        &self,
        provider: ProviderId,
        entered: EnteredId,
        title: &str,
        shape: &Shape,
        now: DateTime<Utc>,
    ) -> StoreResult<bool> {
        let details = self.seal_entered(entered, title);
        write!(self, |conn| {
            if !facts_change!(conn, provider) {
                return Ok(false);
            }
            let zone = zone_of!(conn, provider);
            let changed = sqlx::query(
                "UPDATE entered_unavailabilities SET shape = $3, details = $4, over_at = $5
                 WHERE id = $1 AND provider_id = $2",
            )
            .bind(entered.0)
            .bind(provider.0)
            .bind(Json(shape))
            .bind(&details)
            .bind(over_at(shape, zone))
            .execute(&mut *conn)
            .await?;
            if changed.rows_affected() == 0 {
                return Ok(false);
            }
            audit!(self, conn, provider, "change_unavailability", entered, now);
            Ok(true)
        })
    }

    /// Removes it with all its occurrences.
    pub async fn remove_entered(
        &self,
        provider: ProviderId,
        entered: EnteredId,
        now: DateTime<Utc>,
    ) -> StoreResult<bool> {
        write!(self, |conn| {
            if !facts_change!(conn, provider) {
                return Ok(false);
            }
            let removed =
                sqlx::query("DELETE FROM entered_unavailabilities WHERE id = $1 AND provider_id = $2")
                    .bind(entered.0)
                    .bind(provider.0)
                    .execute(&mut *conn)
                    .await?;
            if removed.rows_affected() == 0 {
                return Ok(false);
            }
            audit!(self, conn, provider, "remove_unavailability", entered, now);
            Ok(true)
        })
    }

    /// Takes one occurrence out of its series: the one that this block is of.
    pub async fn skip_entered(
        &self,
        provider: ProviderId,
        block: UnavailabilityId,
        now: DateTime<Utc>,
    ) -> StoreResult<bool> {
        write!(self, |conn| {
            if !facts_change!(conn, provider) {
                return Ok(false);
            }
            let found: Option<(Uuid, String, Json<Shape>)> = sqlx::query_as(
                "SELECT n.id, u.original_start, n.shape
                 FROM unavailabilities u JOIN entered_unavailabilities n ON n.id = u.entered_id
                 WHERE u.id = $1 AND u.provider_id = $2",
            )
            .bind(block.0)
            .bind(provider.0)
            .fetch_optional(&mut *conn)
            .await?;
            let Some((entered, original_start, shape)) = found else { return Ok(false) };
            let occurrence: Option<OriginalStart> = original_start.parse().ok();
            let Some(shape) = occurrence.and_then(|occurrence| without(&shape.0, occurrence)) else {
                return Ok(false);
            };
            sqlx::query("UPDATE entered_unavailabilities SET shape = $2 WHERE id = $1")
                .bind(entered)
                .bind(Json(&shape))
                .execute(&mut *conn)
                .await?;
            audit!(self, conn, provider, "skip_unavailability", entered, now);
            Ok(true)
        })
    }

    /// What was entered, if it is theirs.
    pub async fn entered(&self, provider: ProviderId, entered: EnteredId) -> StoreResult<Option<Entered>> {
        let row: Option<Row> = read!(self, |conn| Ok(sqlx::query_as(
            "SELECT id, shape, details FROM entered_unavailabilities WHERE id = $1 AND provider_id = $2"
        )
        .bind(entered.0)
        .bind(provider.0)
        .fetch_optional(&mut *conn)
        .await?))?;
        Ok(row.map(|row| {
            let id = EnteredId(row.id);
            Entered { id, title: self.open_entered(id, &row.details), shape: row.shape.0 }
        }))
    }

    /// How many appointments to come stand in what was entered, as far as it is derived.
    pub async fn bookings_within(
        &self,
        provider: ProviderId,
        entered: EnteredId,
        now: DateTime<Utc>,
    ) -> StoreResult<i64> {
        read!(self, |conn| Ok(sqlx::query_scalar(
            "SELECT COUNT(*) FROM bookings b
             WHERE b.provider_id = $1 AND b.status <> 'cancelled' AND b.ends_at > $3
               AND EXISTS (SELECT 1 FROM unavailabilities u WHERE u.entered_id = $2
                           AND u.starts_at < b.ends_at AND u.ends_at > b.starts_at)"
        )
        .bind(provider.0)
        .bind(entered.0)
        .bind(now)
        .fetch_one(&mut *conn)
        .await?))
    }
}
