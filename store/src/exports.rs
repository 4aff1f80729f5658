//! What was written of bookings to the platforms: the engine's port, and how events of ours are told from others.

use crate::Database;
use crate::booking_rows::{BookingRow, booking_columns};
use crate::crypto::Place;
use crate::database::{for_update, read, write};
use crate::log_changes::{SealedChanges, record_changes};
use crate::rounds::check_lease;
use chrono::{DateTime, Utc};
use simone_booking::{BookingId, CalendarId, Interval, ProviderId};
use simone_sync::event::{ObservedEvent, Shape};
use simone_sync::export::{self, Content, ExportKey, Seen, Written};
use simone_sync::import::{Counts, over_at};
use simone_sync::log::{Changes, Entry, Kind, export_entry};
use simone_sync::ports::{ExportInput, Gone, Lease, StoreError, StoreResult, Write};
use sqlx::types::Json;
use std::collections::HashMap;
use uuid::Uuid;

/// Whether an event `e` is an export of ours, for a query of one provider's events, of which the id is bound as `$1`:
/// its id (or its series') is in what we wrote, over all connections; or its marker names it, and a known booking of
/// this provider; or another account of theirs sees what we wrote, by its iCalendar uid.
macro_rules! ours {
    () => {
        "(COALESCE(e.master_id, e.external_id) IN
            (SELECT x.event_id FROM calendar_exported_bookings x WHERE x.provider_id = $1 AND x.event_id IS NOT NULL)
          OR COALESCE(e.ical_uid IN
            (SELECT x.ical_uid FROM calendar_exported_bookings x WHERE x.provider_id = $1 AND x.ical_uid IS NOT NULL), FALSE)
          OR EXISTS (SELECT 1 FROM bookings b WHERE b.id = e.marker_booking_id AND b.provider_id = $1))"
    };
}
pub(crate) use ours;

/// What exports depend on has changed: the provider's connections are woken for it. To be called under the lock on the
/// provider's row.
macro_rules! exports_change {
    ($conn:ident, $provider:expr) => {
        sqlx::query(
            "UPDATE calendar_connections SET wanted = wanted + 1, exports_wanted = exports_wanted + 1
             WHERE provider_id = $1 AND status IN ('connected', 'needs_reconnect')",
        )
        .bind($provider.0)
        .execute(&mut *$conn)
        .await?
    };
}
pub(crate) use exports_change;

/// Bookings do not get into the calendar that receives them. Told once for as long as that lasts: since the first failure,
/// or since that calendar is gone, which name it.
macro_rules! tell_exports_failing {
    ($db:expr, $conn:ident, $lease:expr, $now:expr) => {{
        let account: Option<String> = sqlx::query_scalar(
            "SELECT account_email FROM calendar_connections WHERE id = $1 AND status = 'connected'",
        )
        .bind($lease.connection.0)
        .fetch_optional(&mut *$conn)
        .await?;
        if let Some(account) = account {
            let since: Option<chrono::DateTime<chrono::Utc>> = sqlx::query_scalar(
                "SELECT MIN(since) FROM (
                    SELECT failing_since AS since FROM calendar_exported_bookings
                    WHERE connection_id = $1 AND failing_since IS NOT NULL
                    UNION ALL
                    SELECT gone_at FROM calendars WHERE connection_id = $1 AND receives AND gone_at IS NOT NULL) f",
            )
            .bind($lease.connection.0)
            .fetch_one(&mut *$conn)
            .await?;
            let since = since.unwrap_or($now);
            let cause = format!("exports_failing:{}:{}", $lease.connection, since.timestamp_micros());
            let platform = $lease.platform;
            let notice = $crate::notices::Notice::ExportsFailing { platform, account: account.clone() };
            $crate::notices::tell!(
                $db,
                $conn,
                $lease.provider,
                Some($lease.connection),
                &cause,
                &notice,
                $now
            );
            let email = $crate::deliveries::EmailKind::ExportsFailing { platform, account };
            $crate::deliveries::enqueue!($db, $conn, $lease.provider, &cause, email, $now);
        }
    }};
}
pub(crate) use tell_exports_failing;

/// Where the content of an export is sealed.
fn content_place<'a>(row: &'a [&'a [u8]]) -> Place<'a> {
    Place { table: "calendar_exported_bookings", column: "content", row }
}

#[derive(sqlx::FromRow)]
struct Head {
    status: String,
    exports_wanted: i64,
    exports_done: i64,
    time_zone: String,
    locale: String,
    receiving: Option<String>,
}

#[derive(sqlx::FromRow)]
struct WrittenRow {
    booking_id: Uuid,
    generation: i64,
    name: String,
    calendar_external_id: String,
    event_id: Option<String>,
    content: Option<Vec<u8>>,
    fingerprint: Option<String>,
    starts_at: Option<DateTime<Utc>>,
    ends_at: Option<DateTime<Utc>>,
    trying_starts_at: Option<DateTime<Utc>>,
    trying_ends_at: Option<DateTime<Utc>>,
    overwrite: Option<String>,
    retired: bool,
    gone: bool,
    failed: bool,
    past: bool,
    shared: bool,
    shape: Option<Json<Shape>>,
    revision: Option<String>,
}

/// With the calendars that are listed, and the times that other connections wrote, by the names of events.
type ExportFacts =
    (Head, Vec<String>, Vec<WantedRow>, Vec<WrittenRow>, Vec<(String, DateTime<Utc>, DateTime<Utc>)>);

#[derive(sqlx::FromRow)]
struct WantedRow {
    #[sqlx(flatten)]
    booking: BookingRow,
    address: String,
}

/// What a write of ours leaves in the log.
struct Told {
    kind: Kind,
    before: Option<(String, Interval)>,
    after: Option<(String, Interval)>,
}

/// The observation of an event of ours, as the platform answered with it: what the change feed will say of it too.
macro_rules! observe {
    ($db:expr, $conn:ident, $lease:expr, $key:expr, $event:expr) => {{
        let calendar: Option<Uuid> = sqlx::query_scalar(
            "SELECT c.id FROM calendars c JOIN calendar_exported_bookings x
                ON x.connection_id = c.connection_id AND x.calendar_external_id = c.external_id
             WHERE x.connection_id = $1 AND x.booking_id = $2 AND x.generation = $3 AND (c.selected OR c.receives)",
        )
        .bind($lease.connection.0)
        .bind($key.booking.0)
        .bind($key.generation)
        .fetch_optional(&mut *$conn)
        .await?;
        if let Some(calendar) = calendar {
            sqlx::query(
                "INSERT INTO calendar_sync_events (calendar_id, external_id, shape, marks, details, revision, changed_at,
                                                   over_at, ical_uid, marker_booking_id, marker_name)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
                 ON CONFLICT (calendar_id, external_id) DO UPDATE SET master_id = NULL, original_start = NULL,
                        shape = excluded.shape, marks = excluded.marks, details = excluded.details,
                        revision = excluded.revision, changed_at = excluded.changed_at, over_at = excluded.over_at,
                        ical_uid = excluded.ical_uid, marker_booking_id = excluded.marker_booking_id,
                        marker_name = excluded.marker_name,
                        unreadable = FALSE, expanded_at = NULL, stand_in = FALSE, held_at = NULL",
            )
            .bind(calendar)
            .bind(&$event.id)
            .bind(Json(&$event.shape))
            .bind(Json(&$event.marks))
            .bind($db.seal_details(CalendarId(calendar), &$event.id, &$event.details))
            .bind(&$event.revision)
            .bind($event.updated)
            .bind(over_at(&$event.shape))
            .bind(&$event.ical_uid)
            .bind($db.marker_of($event).0.map(|booking| booking.0))
            .bind($db.marker_of($event).1)
            .execute(&mut *$conn)
            .await?;
        }
    }};
}

/// What conflicts depend on has changed: they are found anew, and nothing else is derived.
macro_rules! exports_moved {
    ($db:expr, $conn:ident, $lease:expr) => {{
        sqlx::query("UPDATE providers SET derive_wanted = derive_wanted + 1 WHERE id = $1")
            .bind($lease.provider.0)
            .execute(&mut *$conn)
            .await?;
        check_lease!($db, $conn, $lease);
    }};
}

impl Database {
    /// The name of an event's marker, if it names this very event, and the booking, if it is of this installation.
    pub(crate) fn marker_of<'a>(&self, event: &'a ObservedEvent) -> (Option<BookingId>, Option<&'a str>) {
        let Some(marker) = event.marker.as_ref() else { return (None, None) };
        let booking = (marker.installation == self.installation).then_some(marker.booking);
        (booking, Some(marker.name.as_str()))
    }

    fn seal_content(&self, lease: &Lease, key: ExportKey, name: &str, content: &Content) -> Vec<u8> {
        let plain = serde_json::to_vec(content).expect("content is plain values");
        let row: &[&[u8]] = &[lease.connection.0.as_bytes(), key.booking.0.as_bytes(), name.as_bytes()];
        self.keys.seal(content_place(row), &plain)
    }

    fn open_content(&self, lease: &Lease, row: &WrittenRow) -> Option<Content> {
        self.open_sealed_content(lease, row.booking_id, &row.name, row.content.as_deref()?)
    }

    fn open_sealed_content(
        &self,
        lease: &Lease,
        booking: Uuid,
        name: &str,
        sealed: &[u8],
    ) -> Option<Content> {
        let named: &[&[u8]] = &[lease.connection.0.as_bytes(), booking.as_bytes(), name.as_bytes()];
        let plain = self.keys.open(content_place(named), sealed).ok()?;
        serde_json::from_slice(&plain).ok()
    }

    fn written(&self, lease: &Lease, row: WrittenRow) -> Written {
        let interval =
            |start: Option<DateTime<Utc>>, end: Option<DateTime<Utc>>| Some(Interval::new(start?, end?));
        let content = self.open_content(lease, &row);
        Written {
            key: ExportKey { booking: BookingId(row.booking_id), generation: row.generation },
            content,
            name: row.name,
            calendar: row.calendar_external_id,
            event_id: row.event_id,
            fingerprint: row.fingerprint,
            times: interval(row.starts_at, row.ends_at),
            tried: interval(row.trying_starts_at, row.trying_ends_at),
            overwrite: row.overwrite,
            retired: row.retired,
            gone: row.gone,
            failed: row.failed,
            past: row.past,
            shared: row.shared,
            seen: row.shape.zip(row.revision).map(|(shape, revision)| Seen { shape: shape.0, revision }),
        }
    }

    pub(crate) async fn read_export_input(
        &self,
        lease: &Lease,
        now: DateTime<Utc>,
    ) -> StoreResult<Option<ExportInput>> {
        let read: Option<ExportFacts> = read!(self, |conn| {
            let head: Option<Head> = sqlx::query_as(
                "SELECT n.status, n.exports_wanted, n.exports_done, p.time_zone, p.locale,
                            c.external_id AS receiving
                     FROM calendar_connections n JOIN providers p ON p.id = n.provider_id
                     LEFT JOIN calendars c ON c.connection_id = n.id AND c.receives
                     WHERE n.id = $1 AND n.epoch = $2",
            )
            .bind(lease.connection.0)
            .bind(lease.epoch)
            .fetch_optional(&mut *conn)
            .await?;
            let head = head.ok_or(StoreError::LeaseLost)?;
            if head.exports_wanted <= head.exports_done && head.status == "connected" {
                return Ok(None);
            }
            let listed: Vec<String> = sqlx::query_scalar(
                "SELECT external_id FROM calendars WHERE connection_id = $1 AND gone_at IS NULL",
            )
            .bind(lease.connection.0)
            .fetch_all(&mut *conn)
            .await?;
            let wanted: Vec<WantedRow> = sqlx::query_as(concat!(
                    "SELECT ",
                    booking_columns!(),
                    ", b.address FROM bookings b
                     WHERE b.provider_id = $1 AND b.ends_at > $2 AND b.status = 'confirmed' ORDER BY b.starts_at, b.id"
                ))
                .bind(lease.provider.0)
                .bind(now)
                .fetch_all(&mut *conn)
                .await?;
            // Of what is over and stands as it should, nothing is ever to be done.
            let written: Vec<WrittenRow> = sqlx::query_as(
                    "SELECT x.booking_id, x.generation, x.name, x.calendar_external_id,
                            COALESCE(x.event_id, e.external_id) AS event_id, x.content, x.fingerprint, x.starts_at, x.ends_at, x.trying_starts_at, x.trying_ends_at, x.overwrite,
                            x.retired_at IS NOT NULL AS retired,
                            x.gone_at IS NOT NULL AS gone, x.error IS NOT NULL AS failed,
                            b.status = 'confirmed' AND (b.ends_at <= $2 OR $3 AND b.starts_at <= $2) AS past,
                            b.status = 'confirmed' AND EXISTS (
                                SELECT 1 FROM calendar_exported_bookings y
                                JOIN calendar_connections m ON m.id = y.connection_id
                                    AND m.status IN ('connected', 'needs_reconnect')
                                JOIN calendars d ON d.connection_id = m.id AND d.receives
                                    AND d.external_id = y.calendar_external_id
                                WHERE y.booking_id = x.booking_id AND y.connection_id <> x.connection_id
                                  AND y.platform = x.platform AND y.name = x.name AND y.retired_at IS NULL
                                  AND y.calendar_external_id = x.calendar_external_id) AS shared,
                            e.shape, e.revision
                     FROM calendar_exported_bookings x
                     JOIN bookings b ON b.id = x.booking_id
                     LEFT JOIN calendars c ON c.connection_id = x.connection_id
                        AND c.external_id = x.calendar_external_id
                     LEFT JOIN calendar_sync_events e ON e.calendar_id = c.id
                        -- Where the answer that had its id was lost, its name tells.
                        AND e.external_id = COALESCE(x.event_id, (
                            SELECT MIN(m.external_id) FROM calendar_sync_events m
                            WHERE m.calendar_id = c.id AND m.marker_booking_id = x.booking_id AND m.marker_name = x.name))
                     WHERE x.connection_id = $1 AND (b.ends_at > $2
                        OR b.status <> 'confirmed' AND (x.gone_at IS NULL OR e.external_id IS NOT NULL))
                     ORDER BY x.booking_id, x.generation",
                )
                .bind(lease.connection.0)
                .bind(now)
                // What has begun is no longer to come.
                .bind(head.status == "disconnecting")
                .fetch_all(&mut *conn)
                .await?;
            // What somebody deleted may stand again as we wrote it; what we deleted, somebody made stand again.
            let elsewhere = sqlx::query_as(
                "SELECT x.name, x.starts_at, x.ends_at FROM calendar_exported_bookings x
                     JOIN bookings b ON b.id = x.booking_id
                     WHERE x.provider_id = $1 AND x.connection_id <> $2 AND x.platform = $3
                       AND (x.gone_at IS NULL OR x.retired_at IS NULL)
                       AND x.starts_at IS NOT NULL AND x.ends_at IS NOT NULL AND b.ends_at > $4
                     ORDER BY x.gone_at IS NULL, x.written_at",
            )
            .bind(lease.provider.0)
            .bind(lease.connection.0)
            .bind(lease.platform.code())
            .bind(now)
            .fetch_all(&mut *conn)
            .await?;
            Ok(Some((head, listed, wanted, written, elsewhere)))
        })?;
        let Some((head, listed, wanted, written, elsewhere)) = read else { return Ok(None) };
        let mut bookings = Vec::with_capacity(wanted.len());
        for row in wanted {
            bookings.push((self.open_booking(row.booking)?.0, row.address));
        }
        Ok(Some(ExportInput {
            installation: self.installation,
            wanted: head.exports_wanted,
            receiving: head.receiving,
            listed: listed.into_iter().collect(),
            zone: head
                .time_zone
                .parse()
                .map_err(|_| StoreError::Corrupt { what: "a provider's time zone" })?,
            locale: head.locale.parse().map_err(|_| StoreError::Corrupt { what: "a provider's language" })?,
            bookings,
            written: written.into_iter().map(|row| self.written(lease, row)).collect(),
            elsewhere: elsewhere
                .into_iter()
                .map(|(name, start, end)| (name, Interval::new(start, end)))
                .collect::<HashMap<_, _>>(),
        }))
    }

    pub(crate) async fn write_intent(
        &self,
        lease: &Lease,
        key: ExportKey,
        calendar: &str,
        name: &str,
        id: Option<&str>,
        content: &Content,
    ) -> StoreResult<Content> {
        let first = self.seal_content(lease, key, name, content);
        let sealed: Option<Vec<u8>> = write!(self, |conn| {
            check_lease!(self, conn, lease);
            // One whose outcome is known is made by no other attempt.
            Ok(sqlx::query_scalar(
                "INSERT INTO calendar_exported_bookings (connection_id, booking_id, generation, provider_id, platform,
                        calendar_external_id, name, event_id, content)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
                 ON CONFLICT (connection_id, booking_id, generation) DO UPDATE
                    SET content = COALESCE(calendar_exported_bookings.content, excluded.content)
                 RETURNING content",
            )
            .bind(lease.connection.0)
            .bind(key.booking.0)
            .bind(key.generation)
            .bind(lease.provider.0)
            .bind(lease.platform.code())
            .bind(calendar)
            .bind(name)
            .bind(id)
            .bind(&first)
            .fetch_one(&mut *conn)
            .await?)
        })?;
        // Content whose key is lost is nobody's to compare with.
        let stored = sealed.and_then(|sealed| self.open_sealed_content(lease, key.booking.0, name, &sealed));
        Ok(stored.unwrap_or_else(|| content.clone()))
    }

    pub(crate) async fn write_export(
        &self,
        lease: &Lease,
        key: ExportKey,
        write: Write,
        content: &Content,
        event: &ObservedEvent,
        now: DateTime<Utc>,
    ) -> StoreResult<()> {
        let (name, before) = self.written_before(lease, key).await?;
        let told = Told {
            kind: if write == Write::Created { Kind::Added } else { Kind::Changed },
            before: before.map(|before| (before.title.clone(), before.interval())),
            after: Some((content.title.clone(), content.interval())),
        };
        let changes = self.seal_told(told);
        let sealed = self.seal_content(lease, key, &name, content);
        write!(self, |conn| {
            exports_moved!(self, conn, lease);
            sqlx::query(
                "UPDATE calendar_exported_bookings SET event_id = $4, ical_uid = $5, content = $6, fingerprint = $7,
                        starts_at = $8, ends_at = $9, written_at = $10, overwrite = NULL, gone_at = NULL, error = NULL,
                        failing_since = NULL, trying_starts_at = NULL, trying_ends_at = NULL
                 WHERE connection_id = $1 AND booking_id = $2 AND generation = $3",
            )
            .bind(lease.connection.0)
            .bind(key.booking.0)
            .bind(key.generation)
            .bind(&event.id)
            .bind(&event.ical_uid)
            .bind(&sealed)
            .bind(content.fingerprint())
            .bind(content.start)
            .bind(content.end)
            .bind(now)
            .execute(&mut *conn)
            .await?;
            observe!(self, conn, lease, key, event);
            record_changes!(self, conn, lease, exported, changes, now);
            Ok(())
        })
    }

    pub(crate) async fn write_attempt(&self, lease: &Lease, key: ExportKey, to: Interval) -> StoreResult<()> {
        write!(self, |conn| {
            check_lease!(self, conn, lease);
            sqlx::query(
                "UPDATE calendar_exported_bookings SET trying_starts_at = $4, trying_ends_at = $5
                 WHERE connection_id = $1 AND booking_id = $2 AND generation = $3",
            )
            .bind(lease.connection.0)
            .bind(key.booking.0)
            .bind(key.generation)
            .bind(to.start)
            .bind(to.end)
            .execute(&mut *conn)
            .await?;
            Ok(())
        })
    }

    pub(crate) async fn write_seen(
        &self,
        lease: &Lease,
        key: ExportKey,
        adopted: Option<Interval>,
        event: &ObservedEvent,
    ) -> StoreResult<()> {
        write!(self, |conn| {
            exports_moved!(self, conn, lease);
            // What an adopted event says is not known: its digest is no content's, so that it is written once more.
            sqlx::query(
                "UPDATE calendar_exported_bookings SET event_id = $4, ical_uid = COALESCE($5, ical_uid), gone_at = NULL,
                        fingerprint = CASE WHEN $6 IS NULL THEN fingerprint ELSE $8 END,
                        starts_at = COALESCE($6, starts_at), ends_at = COALESCE($7, ends_at)
                 WHERE connection_id = $1 AND booking_id = $2 AND generation = $3",
            )
            .bind(lease.connection.0)
            .bind(key.booking.0)
            .bind(key.generation)
            .bind(&event.id)
            .bind(&event.ical_uid)
            .bind(adopted.map(|interval| interval.start))
            .bind(adopted.map(|interval| interval.end))
            .bind(export::ADOPTED)
            .execute(&mut *conn)
            .await?;
            observe!(self, conn, lease, key, event);
            Ok(())
        })
    }

    pub(crate) async fn write_gone(
        &self,
        lease: &Lease,
        key: ExportKey,
        gone: Gone,
        now: DateTime<Utc>,
    ) -> StoreResult<()> {
        let changes = match (gone, self.written_before(lease, key).await?.1) {
            (Gone::Deleted, Some(before)) => {
                let before = Some((before.title.clone(), before.interval()));
                Some(self.seal_told(Told { kind: Kind::Removed, before, after: None }))
            }
            _ => None,
        };
        write!(self, |conn| {
            exports_moved!(self, conn, lease);
            // Who else deleted it, the provider is asked about; where we did, or its name is of no use, another
            // generation may follow.
            sqlx::query(
                "UPDATE calendar_exported_bookings SET gone_at = $4, error = NULL, failing_since = NULL,
                        retired_at = CASE WHEN $5 THEN COALESCE(retired_at, $4) ELSE retired_at END
                 WHERE connection_id = $1 AND booking_id = $2 AND generation = $3",
            )
            .bind(lease.connection.0)
            .bind(key.booking.0)
            .bind(key.generation)
            .bind(now)
            .bind(gone != Gone::Found)
            .execute(&mut *conn)
            .await?;
            sqlx::query(
                "DELETE FROM calendar_sync_events WHERE calendar_id IN
                    (SELECT id FROM calendars WHERE connection_id = $1)
                 AND (external_id = (SELECT event_id FROM calendar_exported_bookings
                                     WHERE connection_id = $1 AND booking_id = $2 AND generation = $3)
                   OR marker_booking_id = $2 AND marker_name =
                                    (SELECT name FROM calendar_exported_bookings
                                     WHERE connection_id = $1 AND booking_id = $2 AND generation = $3))",
            )
            .bind(lease.connection.0)
            .bind(key.booking.0)
            .bind(key.generation)
            .execute(&mut *conn)
            .await?;
            if let Some(changes) = changes {
                record_changes!(self, conn, lease, exported, changes, now);
            }
            Ok(())
        })
    }

    pub(crate) async fn write_export_failure(
        &self,
        lease: &Lease,
        key: ExportKey,
        code: &str,
        now: DateTime<Utc>,
    ) -> StoreResult<()> {
        write!(self, |conn| {
            check_lease!(self, conn, lease);
            sqlx::query(
                "UPDATE calendar_exported_bookings SET error = $4, failing_since = COALESCE(failing_since, $5)
                 WHERE connection_id = $1 AND booking_id = $2 AND generation = $3",
            )
            .bind(lease.connection.0)
            .bind(key.booking.0)
            .bind(key.generation)
            .bind(code)
            .bind(now)
            .execute(&mut *conn)
            .await?;
            tell_exports_failing!(self, conn, lease, now);
            Ok(())
        })
    }

    /// The name of an export, and what was last written of it.
    async fn written_before(&self, lease: &Lease, key: ExportKey) -> StoreResult<(String, Option<Content>)> {
        let row: Option<(String, Option<Vec<u8>>)> = read!(self, |conn| Ok(sqlx::query_as(
            "SELECT name, content FROM calendar_exported_bookings
             WHERE connection_id = $1 AND booking_id = $2 AND generation = $3"
        )
        .bind(lease.connection.0)
        .bind(key.booking.0)
        .bind(key.generation)
        .fetch_optional(&mut *conn)
        .await?))?;
        let Some((name, sealed)) = row else { return Err(StoreError::LeaseLost) };
        let content =
            sealed.and_then(|sealed| self.open_sealed_content(lease, key.booking.0, &name, &sealed));
        Ok((name, content))
    }

    fn seal_told(&self, told: Told) -> SealedChanges {
        let entry: Entry = export_entry(told.kind, told.before, told.after);
        self.seal_changes(&Changes { entries: vec![entry], more: 0 })
    }

    /// The exports of a provider of which some row failed, for tests and pages.
    pub async fn failing_exports(&self, provider: ProviderId) -> StoreResult<i64> {
        read!(self, |conn| Ok(sqlx::query_scalar(
            "SELECT COUNT(*) FROM calendar_exported_bookings WHERE provider_id = $1 AND error IS NOT NULL"
        )
        .bind(provider.0)
        .fetch_one(&mut *conn)
        .await?))
    }
}
