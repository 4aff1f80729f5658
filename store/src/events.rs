//! Sync events: what the platforms last told us.

use crate::Database;
use crate::crypto::Place;
use crate::database::{for_update, read, write};
use crate::log_changes::record_changes;
use crate::notices::{Notice, settle_notices, tell};
use crate::rounds::{check_lease, events_change, facts_change};
use chrono::{DateTime, TimeDelta, Utc};
use simone_booking::CalendarId;
use simone_sync::event::{Details, ObservedEvent, Shape};
use simone_sync::import::{PullPlan, over_at};
use simone_sync::ports::{KnownEvent, Lease, StoreError, StoreResult, UnreadableSeries};
use simone_sync::schedule::STAND_INS_INTERVAL;
use sqlx::QueryBuilder;
use sqlx::types::Json;
use std::collections::HashMap;
use uuid::Uuid;

/// Rows per statement: well under the limits of both databases on bound values. A statement whose length hangs on what is
/// written is not kept prepared (`persistent(false)`): a thousand rows of it take megabytes.
pub(crate) const CHUNK: usize = 1000;

/// A platform that could not expand a series for us is asked again after this long.
const STAND_INS_RETRY: TimeDelta = TimeDelta::hours(1);

/// Where an event's details are sealed: under keys that outlive an upsert.
fn details_place<'a>(row: &'a [&'a [u8]]) -> Place<'a> {
    Place { table: "calendar_sync_events", column: "details", row }
}

/// If a pull touched events of ours, exports are looked at again. One that is listed is not gone.
macro_rules! exports_touched {
    ($conn:ident, $lease:expr, $events:expr) => {{
        let events: Vec<&String> = $events.iter().collect();
        for ids in events.chunks(CHUNK) {
            let mut query = QueryBuilder::new(
                "UPDATE calendar_connections SET exports_wanted = exports_wanted + 1 WHERE id = ",
            );
            query.push_bind($lease.connection.0);
            query.push(
                " AND EXISTS (SELECT 1 FROM calendar_exported_bookings x WHERE x.connection_id = ",
            );
            query.push_bind($lease.connection.0).push(" AND x.provider_id = ").push_bind($lease.provider.0);
            query.push(" AND (x.event_id IN (");
            let mut list = query.separated(", ");
            for id in ids {
                list.push_bind(*id);
            }
            // One of which the answer that had its id was lost is known by its name.
            query.push(
                ") OR x.event_id IS NULL AND x.connection_id = ",
            );
            query.push_bind($lease.connection.0);
            query.push(
                " AND EXISTS (SELECT 1 FROM calendar_sync_events m JOIN calendars d ON d.id = m.calendar_id
                              WHERE d.connection_id = x.connection_id AND m.marker_booking_id = x.booking_id
                                AND m.marker_name = x.name)))");
            let touched = query.build().persistent(false).execute(&mut *$conn).await?.rows_affected() > 0;
            if touched {
                sqlx::query(
                    "UPDATE calendar_exported_bookings SET gone_at = NULL
                     WHERE connection_id = $1 AND gone_at IS NOT NULL AND retired_at IS NULL AND EXISTS (
                        SELECT 1 FROM calendar_sync_events e JOIN calendars c ON c.id = e.calendar_id
                        WHERE c.connection_id = $1 AND c.external_id = calendar_exported_bookings.calendar_external_id
                          AND e.external_id = calendar_exported_bookings.event_id)",
                )
                .bind($lease.connection.0)
                .execute(&mut *$conn)
                .await?;
                break;
            }
        }
    }};
}

#[derive(sqlx::FromRow)]
struct KnownRow {
    external_id: String,
    master_id: Option<String>,
    original_start: Option<String>,
    revision: String,
    stand_in: bool,
    held: bool,
    over_at: Option<DateTime<Utc>>,
}

impl Database {
    pub(crate) fn seal_details(&self, calendar: CalendarId, event: &str, details: &Details) -> Vec<u8> {
        let plain = serde_json::to_vec(details).expect("details are plain strings");
        self.keys.seal(details_place(&[calendar.0.as_bytes(), event.as_bytes()]), &plain)
    }

    /// The title and link of an event; empty when the key that sealed them is lost.
    pub fn open_details(&self, calendar: CalendarId, event: &str, sealed: &[u8]) -> Details {
        let opened = self.keys.open(details_place(&[calendar.0.as_bytes(), event.as_bytes()]), sealed);
        opened.ok().and_then(|plain| serde_json::from_slice(&plain).ok()).unwrap_or_default()
    }

    pub(crate) async fn load_known_events(
        &self,
        calendar: CalendarId,
        ids: Option<&[String]>,
    ) -> StoreResult<HashMap<String, KnownEvent>> {
        const COLUMNS: &str = "SELECT external_id, master_id, original_start, revision, stand_in,
                                      held_at IS NOT NULL AS held, over_at
                               FROM calendar_sync_events WHERE calendar_id = ";
        let rows: Vec<KnownRow> = read!(self, |conn| {
            let mut rows = Vec::new();
            match ids {
                None => {
                    let mut query = QueryBuilder::new(COLUMNS);
                    query.push_bind(calendar.0);
                    rows = query.build_query_as().fetch_all(&mut *conn).await?;
                }
                Some(ids) => {
                    for ids in ids.chunks(CHUNK) {
                        // Each part by its own index. Of a deleted exception only the id may be told.
                        let mut query = QueryBuilder::new("");
                        for (number, named) in ["external_id IN (", "master_id IN (", ""].iter().enumerate() {
                            query.push(if number > 0 { " UNION " } else { "" }).push(COLUMNS);
                            query.push_bind(calendar.0).push(" AND ").push(named);
                            if named.is_empty() {
                                query.push(
                                    "external_id IN (SELECT x.master_id FROM calendar_sync_events x
                                     WHERE x.calendar_id = ",
                                );
                                query.push_bind(calendar.0).push(" AND x.external_id IN (");
                            }
                            let mut list = query.separated(", ");
                            for id in ids {
                                list.push_bind(id);
                            }
                            query.push(if named.is_empty() { "))" } else { ")" });
                        }
                        rows.append(
                            &mut query.build_query_as().persistent(false).fetch_all(&mut *conn).await?,
                        );
                    }
                }
            }
            Ok(rows)
        })?;
        rows.into_iter()
            .map(|row| {
                let exception = match (row.master_id, row.original_start) {
                    (Some(master), Some(start)) => {
                        let start =
                            start.parse().map_err(|_| StoreError::Corrupt { what: "an original start" })?;
                        Some((master, start))
                    }
                    _ => None,
                };
                let known = KnownEvent {
                    id: row.external_id.clone(),
                    revision: row.revision,
                    exception,
                    stand_in: row.stand_in,
                    held: row.held,
                    over_at: row.over_at,
                };
                Ok((row.external_id, known))
            })
            .collect()
    }

    pub(crate) async fn write_pull(
        &self,
        lease: &Lease,
        plan: &PullPlan,
        now: DateTime<Utc>,
    ) -> StoreResult<bool> {
        let rows = self.seal_rows(plan);
        let changes = self.changes_of(plan).await?;
        write!(self, |conn| {
            // The zone of a calendar is that of all its events.
            if plan.zone.is_some() {
                if !facts_change!(conn, lease.provider) {
                    return Err(StoreError::LeaseLost.into());
                }
                check_lease!(self, conn, lease);
            } else if plan.changes_facts() {
                events_change!(self, conn, lease, plan.calendar, &plan.touched);
            } else {
                check_lease!(self, conn, lease);
            }
            let sql =
                for_update!(self, "SELECT cursor FROM calendars WHERE id = $1 AND (selected OR receives)");
            let stored: Option<Option<String>> =
                sqlx::query_scalar(sql).bind(plan.calendar.0).fetch_optional(&mut *conn).await?;
            // Unselected, or selected anew, while the platform was read.
            if stored.as_ref() != Some(&plan.expected_cursor) {
                return Ok(false);
            }
            for ids in plan.remove.chunks(CHUNK) {
                let mut query = QueryBuilder::new("DELETE FROM calendar_sync_events WHERE calendar_id = ");
                query.push_bind(plan.calendar.0).push(" AND external_id IN (");
                let mut list = query.separated(", ");
                for id in ids {
                    list.push_bind(id);
                }
                query.push(")");
                query.build().persistent(false).execute(&mut *conn).await?;
            }
            for ids in plan.hold.chunks(CHUNK) {
                let mut query = QueryBuilder::new("UPDATE calendar_sync_events SET held_at = ");
                query.push_bind(now).push(" WHERE calendar_id = ").push_bind(plan.calendar.0);
                query.push(" AND external_id IN (");
                let mut list = query.separated(", ");
                for id in ids {
                    list.push_bind(id);
                }
                query.push(")");
                query.build().persistent(false).execute(&mut *conn).await?;
            }
            for rows in rows.chunks(CHUNK) {
                let mut query = QueryBuilder::new(
                    "INSERT INTO calendar_sync_events (calendar_id, external_id, master_id, original_start, shape,
                                                       marks, details, revision, changed_at, over_at, ical_uid,
                                                       marker_booking_id, marker_name) ",
                );
                query.push_values(rows, |mut values, row| {
                    let (booking, name) = self.marker_of(row.event);
                    values
                        .push_bind(plan.calendar.0)
                        .push_bind(&row.event.id)
                        .push_bind(row.event.shape.master())
                        .push_bind(row.original_start.as_deref())
                        .push_bind(Json(&row.event.shape))
                        .push_bind(Json(&row.event.marks))
                        .push_bind(&row.details)
                        .push_bind(&row.event.revision)
                        .push_bind(row.event.updated)
                        .push_bind(over_at(&row.event.shape))
                        .push_bind(row.event.ical_uid.as_deref())
                        .push_bind(booking.map(|booking| booking.0))
                        .push_bind(name);
                });
                query.push(
                    " ON CONFLICT (calendar_id, external_id) DO UPDATE SET
                        master_id = excluded.master_id, original_start = excluded.original_start,
                        shape = excluded.shape, marks = excluded.marks, details = excluded.details,
                        revision = excluded.revision, changed_at = excluded.changed_at, over_at = excluded.over_at,
                        ical_uid = excluded.ical_uid, marker_booking_id = excluded.marker_booking_id,
                        marker_name = excluded.marker_name, unreadable = FALSE, expanded_at = NULL, stand_in = FALSE, held_at = NULL",
                );
                query.build().persistent(false).execute(&mut *conn).await?;
            }
            sqlx::query(
                "UPDATE calendars SET cursor = $2, synced_at = $3, last_error = NULL,
                        time_zone = COALESCE($4, time_zone), covered_until = $5 WHERE id = $1",
            )
            .bind(plan.calendar.0)
            .bind(&plan.cursor)
            .bind(now)
            .bind(&plan.zone)
            .bind(plan.covers)
            .execute(&mut *conn)
            .await?;
            if plan.changes_facts() {
                exports_touched!(conn, lease, &plan.touched);
            }
            record_changes!(self, conn, lease, plan, &changes, now);
            let about = format!("removals_held:{}:", plan.calendar);
            if !plan.hold.is_empty() {
                let cause = format!("{about}{}", now.timestamp_micros());
                let notice = Notice::RemovalsHeld { calendar: plan.calendar, events: plan.counts.held };
                tell!(self, conn, lease.provider, Some(lease.connection), &cause, &notice, now);
            } else if plan.cursor.is_some() && plan.expected_cursor.is_none() {
                // A full listing that leaves nothing held: the events were there after all.
                settle_notices!(conn, lease.provider, &about, now);
            }
            Ok(true)
        })
    }

    fn seal_rows<'a>(&self, plan: &'a PullPlan) -> Vec<EventRow<'a>> {
        plan.upserts
            .iter()
            .map(|event| EventRow {
                details: self.seal_details(plan.calendar, &event.id, &event.details),
                original_start: original_start(&event.shape),
                event,
            })
            .collect()
    }

    pub(crate) async fn write_stand_ins(
        &self,
        lease: &Lease,
        series: &UnreadableSeries,
        instances: Option<&[ObservedEvent]>,
        now: DateTime<Utc>,
    ) -> StoreResult<()> {
        let Some(instances) = instances else {
            return write!(self, |conn| {
                check_lease!(self, conn, lease);
                // One that was never expanded stays so: what deriving keeps hangs on it. It is asked for again by the
                // next round.
                sqlx::query(
                    "UPDATE calendar_sync_events SET expanded_at = $3
                     WHERE calendar_id = $1 AND external_id = $2 AND unreadable AND expanded_at IS NOT NULL",
                )
                .bind(series.calendar.0)
                .bind(&series.master)
                .bind(now - STAND_INS_INTERVAL + STAND_INS_RETRY)
                .execute(&mut *conn)
                .await?;
                let cause = format!("unreadable_series:{}:{}", series.calendar, series.master);
                let notice =
                    Notice::UnreadableSeries { calendar: series.calendar, event: series.master.clone() };
                tell!(self, conn, lease.provider, Some(lease.connection), &cause, &notice, now);
                Ok(())
            });
        };
        write!(self, |conn| {
            events_change!(self, conn, lease, series.calendar, [&series.master]);
            let still: Option<Uuid> = sqlx::query_scalar(
                "SELECT e.calendar_id FROM calendar_sync_events e JOIN calendars c ON c.id = e.calendar_id
                 WHERE e.calendar_id = $1 AND e.external_id = $2 AND e.unreadable AND c.selected",
            )
            .bind(series.calendar.0)
            .bind(&series.master)
            .fetch_optional(&mut *conn)
            .await?;
            if still.is_none() {
                return Ok(());
            }
            sqlx::query(
                "DELETE FROM calendar_sync_events WHERE calendar_id = $1 AND master_id = $2 AND stand_in",
            )
            .bind(series.calendar.0)
            .bind(&series.master)
            .execute(&mut *conn)
            .await?;
            for chunk in instances.chunks(CHUNK) {
                let mut query = QueryBuilder::new(
                    "INSERT INTO calendar_sync_events (calendar_id, external_id, master_id, original_start, shape,
                                                       marks, details, revision, changed_at, stand_in) ",
                );
                query.push_values(chunk, |mut values, event| {
                    values
                        .push_bind(series.calendar.0)
                        .push_bind(&event.id)
                        .push_bind(&series.master)
                        .push_bind(original_start(&event.shape))
                        .push_bind(Json(&event.shape))
                        .push_bind(Json(&event.marks))
                        .push_bind(self.seal_details(series.calendar, &event.id, &event.details))
                        .push_bind(&event.revision)
                        .push_bind(event.updated)
                        .push_bind(true);
                });
                // An exception that the feed told us of says more than its stand-in.
                query.push(" ON CONFLICT (calendar_id, external_id) DO NOTHING");
                query.build().persistent(false).execute(&mut *conn).await?;
            }
            sqlx::query("UPDATE calendar_sync_events SET expanded_at = $3 WHERE calendar_id = $1 AND external_id = $2")
                .bind(series.calendar.0)
                .bind(&series.master)
                .bind(now)
                .execute(&mut *conn)
                .await?;
            let cause = format!("unreadable_series:{}:{}", series.calendar, series.master);
            let notice = Notice::UnreadableSeries { calendar: series.calendar, event: series.master.clone() };
            tell!(self, conn, lease.provider, Some(lease.connection), &cause, &notice, now);
            Ok(())
        })
    }
}

struct EventRow<'a> {
    event: &'a ObservedEvent,
    details: Vec<u8>,
    original_start: Option<String>,
}

fn original_start(shape: &Shape) -> Option<String> {
    match shape {
        Shape::Exception { original_start, .. } => Some(original_start.to_string()),
        Shape::Single { .. } | Shape::Master { .. } => None,
    }
}
