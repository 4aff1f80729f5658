//! What a provider decided about a conflict.

use crate::Database;
use crate::choices::audit;
use crate::conflicts::closed;
use crate::database::{for_update, read, write};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use simone_booking::id::ConflictId;
use simone_booking::{BookingId, Interval, ProviderId};
use simone_sync::conflict::{Kind, Moved, Resolution};
use simone_sync::ports::{StoreError, StoreResult};
use simone_sync::settle::{ConflictStore, Seen, Settleable};
use uuid::Uuid;

#[derive(sqlx::FromRow)]
struct Row {
    kind: String,
    booking_id: Uuid,
    connection_id: Option<Uuid>,
    generation: Option<i64>,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    all_day: bool,
    repeats: bool,
    revision: Option<String>,
    booking_revision: i64,
    closed: bool,
    resolution: Option<String>,
}

const CONFLICT: &str = "SELECT k.kind, k.booking_id, k.connection_id, k.generation, k.starts_at, k.ends_at, k.all_day, k.repeats,
           k.revision, b.revision AS booking_revision, k.closed_at IS NOT NULL AS closed, k.resolution
    FROM calendar_conflicts k JOIN bookings b ON b.id = k.booking_id
    WHERE k.id = $1 AND k.provider_id = $2";

impl Row {
    fn read(&self) -> Result<Settleable, StoreError> {
        let kind = Kind::from_code(&self.kind).ok_or(StoreError::Corrupt { what: "a conflict" })?;
        let interval = Interval::new(self.starts_at, self.ends_at);
        let moved = Moved { interval, all_day: self.all_day, repeats: self.repeats };
        Ok(Settleable {
            kind,
            booking: BookingId(self.booking_id),
            interval,
            can_be_applied: match kind {
                Kind::Overlap => false,
                Kind::ExportMoved => moved.can_be_applied(),
                Kind::ExportDeleted => true,
            },
            seen: Seen { event: self.revision.clone(), booking: self.booking_revision },
            open: !self.closed,
            resolution: self.resolution.as_deref().and_then(Resolution::from_code),
        })
    }
}

#[async_trait]
impl ConflictStore for Database {
    async fn settleable(
        &self,
        provider: ProviderId,
        conflict: ConflictId,
    ) -> StoreResult<Option<Settleable>> {
        let row: Option<Row> = read!(self, |conn| Ok(sqlx::query_as(CONFLICT)
            .bind(conflict.0)
            .bind(provider.0)
            .fetch_optional(&mut *conn)
            .await?))?;
        row.as_ref().map(Row::read).transpose()
    }

    async fn put_back(
        &self,
        provider: ProviderId,
        conflict: ConflictId,
        seen: &Seen,
        now: DateTime<Utc>,
    ) -> StoreResult<bool> {
        write!(self, |conn| {
            let sql =
                for_update!(self, "SELECT id FROM providers WHERE id = $1 AND erasure_requested_at IS NULL");
            let known: Option<Uuid> =
                sqlx::query_scalar(sql).bind(provider.0).fetch_optional(&mut *conn).await?;
            let row: Option<Row> =
                sqlx::query_as(CONFLICT).bind(conflict.0).bind(provider.0).fetch_optional(&mut *conn).await?;
            let (Some(_), Some(row)) = (known, row) else { return Ok(false) };
            let is = row.read()?;
            if !is.open || is.kind == Kind::Overlap || is.seen != *seen {
                return Ok(false);
            }
            sqlx::query(
                "UPDATE calendar_connections SET wanted = wanted + 1, exports_wanted = exports_wanted + 1
                 WHERE id = $1 AND provider_id = $2",
            )
            .bind(row.connection_id)
            .bind(provider.0)
            .execute(&mut *conn)
            .await?;
            // A moved event is written over at the very revision that was seen; a deleted one has left its id used up.
            let retired_at = (is.kind == Kind::ExportDeleted).then_some(now);
            let let_go = sqlx::query(
                "UPDATE calendar_exported_bookings SET overwrite = $5, retired_at = $6
                 WHERE connection_id = $1 AND booking_id = $2 AND generation = $3 AND provider_id = $4
                   AND retired_at IS NULL",
            )
            .bind(row.connection_id)
            .bind(row.booking_id)
            .bind(row.generation)
            .bind(provider.0)
            .bind(&row.revision)
            .bind(retired_at)
            .execute(&mut *conn)
            .await?;
            if let_go.rows_affected() == 0 {
                return Ok(false);
            }
            sqlx::query("UPDATE providers SET derive_wanted = derive_wanted + 1 WHERE id = $1")
                .bind(provider.0)
                .execute(&mut *conn)
                .await?;
            sqlx::query(
                "UPDATE calendar_conflicts SET resolution = $2, settled_at = $3, closed_at = $3 WHERE id = $1",
            )
            .bind(conflict.0)
            .bind(Resolution::PutBack.code())
            .bind(now)
            .execute(&mut *conn)
            .await?;
            let resolution = Some(Resolution::PutBack.code());
            closed!(self, conn, provider, conflict, is.kind, is.booking, resolution, now);
            audit!(self, conn, provider, "put_back", conflict, now);
            Ok(true)
        })
    }

    async fn intend(
        &self,
        provider: ProviderId,
        conflict: ConflictId,
        resolution: Option<Resolution>,
    ) -> StoreResult<()> {
        write!(self, |conn| {
            sqlx::query(
                "UPDATE calendar_conflicts SET resolution = $3
                 WHERE id = $1 AND provider_id = $2 AND closed_at IS NULL AND settled_at IS NULL",
            )
            .bind(conflict.0)
            .bind(provider.0)
            .bind(resolution.map(Resolution::code))
            .execute(&mut *conn)
            .await?;
            Ok(())
        })
    }

    async fn applied(
        &self,
        provider: ProviderId,
        conflict: ConflictId,
        now: DateTime<Utc>,
    ) -> StoreResult<()> {
        write!(self, |conn| {
            let sql = for_update!(self, "SELECT id FROM providers WHERE id = $1");
            let _: Option<Uuid> = sqlx::query_scalar(sql).bind(provider.0).fetch_optional(&mut *conn).await?;
            let row: Option<Row> =
                sqlx::query_as(CONFLICT).bind(conflict.0).bind(provider.0).fetch_optional(&mut *conn).await?;
            let Some(row) = row else { return Ok(()) };
            let is = row.read()?;
            let noted = sqlx::query(
                "UPDATE calendar_conflicts SET resolution = $2, settled_at = $3, closed_at = COALESCE(closed_at, $3)
                 WHERE id = $1 AND settled_at IS NULL",
            )
            .bind(conflict.0)
            .bind(Resolution::Applied.code())
            .bind(now)
            .execute(&mut *conn)
            .await?;
            if noted.rows_affected() == 0 {
                return Ok(());
            }
            // What the pages show is told by it.
            sqlx::query("UPDATE providers SET derive_wanted = derive_wanted + 1 WHERE id = $1")
                .bind(provider.0)
                .execute(&mut *conn)
                .await?;
            let resolution = Some(Resolution::Applied.code());
            closed!(self, conn, provider, conflict, is.kind, is.booking, resolution, now);
            audit!(self, conn, provider, "apply", conflict, now);
            Ok(())
        })
    }
}
