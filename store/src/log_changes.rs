//! What a round did, event by event: sealed beside its row of the log, in the transaction that does it.

use crate::Database;
use crate::crypto::Place;
use crate::database::read;
use crate::events::CHUNK;
use simone_booking::CalendarId;
use simone_sync::event::{Marks, Shape};
use simone_sync::import::PullPlan;
use simone_sync::log::{Changes, Entry, Stored, entry};
use simone_sync::ports::StoreResult;
use sqlx::QueryBuilder;
use sqlx::types::Json;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// Where a pull's changes are sealed.
pub(crate) fn changes_place<'a>(row: &'a [&'a [u8]]) -> Place<'a> {
    Place { table: "calendar_sync_changes", column: "changes", row }
}

/// What a pull leaves in the log, ready to be written.
pub(crate) struct SealedChanges {
    pub id: Uuid,
    pub sealed: Vec<u8>,
}

#[derive(sqlx::FromRow)]
struct StoredRow {
    external_id: String,
    shape: Json<Shape>,
    marks: Json<Marks>,
    details: Vec<u8>,
    held: bool,
}

impl Database {
    /// What a plan changes, from what to what; `None` if it changes no event. To be called before the plan is written.
    pub(crate) async fn changes_of(&self, plan: &PullPlan) -> StoreResult<Option<SealedChanges>> {
        if plan.counts.is_zero() {
            return Ok(None);
        }
        let (block_free, before) = self.stored_before(plan).await?;
        let mut entries: Vec<_> = plan
            .noted
            .iter()
            .map(|noted| {
                let master = noted.now.as_ref().and_then(|event| event.shape.master());
                let master = master.and_then(|id| before.get(id));
                entry(noted, before.get(&noted.id), master, block_free)
            })
            .collect();
        entries.sort_by_key(Entry::starts);
        let counts = plan.counts;
        let all = counts.added + counts.changed + counts.removed + counts.held;
        let changes = Changes { more: all.saturating_sub(entries.len()), entries };
        Ok(Some(self.seal_changes(&changes)))
    }

    pub(crate) fn seal_changes(&self, changes: &Changes) -> SealedChanges {
        let plain = serde_json::to_vec(changes).expect("changes are plain values");
        let id: Uuid = self.ids.id();
        SealedChanges { id, sealed: self.keys.seal(changes_place(&[id.as_bytes()]), &plain) }
    }

    /// The calendar's switch "also block free events", and what is stored of the events that a plan notes.
    async fn stored_before(&self, plan: &PullPlan) -> StoreResult<(bool, HashMap<String, Stored>)> {
        let ids: HashSet<&str> = plan.noted.iter().flat_map(|noted| noted.looks_at()).collect();
        let ids: Vec<&str> = ids.into_iter().collect();
        let (block_free, rows): (Option<bool>, Vec<StoredRow>) = read!(self, |conn| {
            let block_free = sqlx::query_scalar("SELECT block_free FROM calendars WHERE id = $1")
                .bind(plan.calendar.0)
                .fetch_optional(&mut *conn)
                .await?;
            let mut rows = Vec::new();
            for ids in ids.chunks(CHUNK) {
                let mut query = QueryBuilder::new(
                    "SELECT external_id, shape, marks, details, held_at IS NOT NULL AS held
                     FROM calendar_sync_events WHERE calendar_id = ",
                );
                query.push_bind(plan.calendar.0).push(" AND external_id IN (");
                let mut list = query.separated(", ");
                for id in ids {
                    list.push_bind(*id);
                }
                query.push(")");
                rows.append(&mut query.build_query_as().persistent(false).fetch_all(&mut *conn).await?);
            }
            Ok((block_free, rows))
        })?;
        let rows = rows.into_iter().map(|row| self.stored(plan.calendar, row)).collect();
        Ok((block_free.unwrap_or(false), rows))
    }

    fn stored(&self, calendar: CalendarId, row: StoredRow) -> (String, Stored) {
        let details = self.open_details(calendar, &row.external_id, &row.details);
        (row.external_id, Stored { shape: row.shape.0, marks: row.marks.0, details, held: row.held })
    }

    /// `None` when the key that sealed them is lost.
    pub(crate) fn open_changes(&self, id: Uuid, sealed: &[u8]) -> Option<Changes> {
        let plain = self.keys.open(changes_place(&[id.as_bytes()]), sealed).ok()?;
        serde_json::from_slice(&plain).ok()
    }
}

/// Writes what a pull changed, or an export: into the row of the log that its round's end completes, which is made if it
/// is not there. A round that is cut off before its end leaves that row as it is.
macro_rules! record_changes {
    ($db:expr, $conn:ident, $lease:expr, exported, $changes:expr, $now:expr) => {
        // Of no calendar: where it stands, its booking tells.
        record_changes!(@row $db, $conn, $lease, Counts::default(), 1_i64, "export", Uuid::nil(), $changes, $now);
    };
    ($db:expr, $conn:ident, $lease:expr, $plan:expr, $changes:expr, $now:expr) => {
        if let Some(changes) = $changes {
            let counts = $plan.counts;
            record_changes!(@row $db, $conn, $lease, counts, 0_i64, "pull", $plan.calendar.0, changes, $now);
        }
    };
    (@row $db:expr, $conn:ident, $lease:expr, $counts:expr, $exported:expr, $kind:literal, $calendar:expr,
     $changes:expr, $now:expr) => {{
        let counts = $counts;
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let log: uuid::Uuid = sqlx::query_scalar(
            "INSERT INTO calendar_sync_logs (id, connection_id, provider_id, epoch, started_at, ended_at, rounds,
                    outcome, added, changed, removed, held, exported, requests, refreshes, duration_ms, delays, delay_ms)
             VALUES ($1, $2, $3, $4, $5, $5, 1, $6, $7, $8, $9, $10, $11, 0, 0, 0, 0, 0)
             ON CONFLICT (connection_id, epoch) DO UPDATE SET ended_at = excluded.ended_at,
                    added = calendar_sync_logs.added + excluded.added,
                    changed = calendar_sync_logs.changed + excluded.changed,
                    removed = calendar_sync_logs.removed + excluded.removed,
                    held = calendar_sync_logs.held + excluded.held,
                    exported = calendar_sync_logs.exported + excluded.exported
             RETURNING id",
        )
        .bind($db.ids.id::<uuid::Uuid>())
        .bind($lease.connection.0)
        .bind($lease.provider.0)
        .bind($lease.epoch)
        .bind($now)
        .bind(simone_sync::round::Outcome::Unfinished.code())
        .bind(count(counts.added))
        .bind(count(counts.changed))
        .bind(count(counts.removed))
        .bind(count(counts.held))
        .bind($exported)
        .fetch_one(&mut *$conn)
        .await?;
        sqlx::query(
            "INSERT INTO calendar_sync_changes (id, log_id, provider_id, calendar_id, kind, changes)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind($changes.id)
        .bind(log)
        .bind($lease.provider.0)
        .bind($calendar)
        .bind($kind)
        .bind(&$changes.sealed)
        .execute(&mut *$conn)
        .await?;
    }};
}
pub(crate) use record_changes;
