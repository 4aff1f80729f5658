//! Deriving: one provider's blocks brought in line with the facts, under a lock on the provider's row.

use crate::Database;
use crate::conflicts::conflicts_in_line;
use crate::database::{for_update, read, write};
use crate::events::CHUNK;
use crate::exports::ours;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use simone_booking::{CalendarId, Horizon, Interval, ProviderId, id::UnavailabilityId};
use simone_sync::derive::{self, Block, BlockKey, CalendarFacts, Difference, ENTERED, EventFacts};
use simone_sync::event::{Marks, Shape};
use simone_sync::import::dropped_before;
use simone_sync::ports::{Derived, StoreError, StoreResult};
use sqlx::QueryBuilder;
use sqlx::types::Json;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

#[derive(sqlx::FromRow)]
struct EventRow {
    calendar_id: Uuid,
    external_id: String,
    shape: Json<Shape>,
    marks: Json<Marks>,
    unreadable: bool,
    expanded: bool,
    ours: bool,
}

#[derive(sqlx::FromRow)]
struct BlockRow {
    id: Uuid,
    calendar_id: Option<Uuid>,
    entered_id: Option<Uuid>,
    event_id: Option<String>,
    original_start: String,
    detail_id: Option<String>,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    all_day: bool,
    reason: String,
}

/// What a provider's derivation covered, and what it has to.
#[derive(Clone, PartialEq, sqlx::FromRow)]
struct State {
    time_zone: String,
    derive_wanted: i64,
    derive_done: i64,
    derive_all: i64,
    derive_due_at: DateTime<Utc>,
    derive_version: String,
    derived_at: Option<DateTime<Utc>>,
}

/// What a derivation begins from.
struct Facts {
    zone: Tz,
    calendars: Vec<(Uuid, bool, Option<String>)>,
    events: Vec<EventRow>,
    /// What the provider entered by hand; none where only touched events are derived.
    entered: Vec<(Uuid, Json<Shape>)>,
    rows: Vec<BlockRow>,
}

/// What a derivation writes.
struct Plan {
    zone: Tz,
    difference: Difference<UnavailabilityId>,
    /// Series that have become readable, or unreadable (`true`).
    flags: Vec<(CalendarId, String, bool)>,
}

impl Facts {
    fn plan(self, now: DateTime<Utc>) -> Plan {
        let flagged: HashSet<(CalendarId, String)> = self
            .events
            .iter()
            .filter(|event| event.unreadable)
            .map(|event| (CalendarId(event.calendar_id), event.external_id.clone()))
            .collect();
        let mut calendars = by_calendar(self.calendars, self.events);
        calendars.push(entered_calendar(self.entered));
        let wanted = derive::blocks(&calendars, self.zone, now);
        let flags = wanted
            .unreadable
            .symmetric_difference(&flagged)
            .filter(|(calendar, _)| *calendar != ENTERED)
            .map(|(calendar, event)| {
                (*calendar, event.clone(), !flagged.contains(&(*calendar, event.clone())))
            })
            .collect();
        let rows = self.rows.into_iter().map(BlockRow::split).collect();
        Plan { zone: self.zone, difference: derive::difference(wanted, rows, now, self.zone), flags }
    }
}

impl State {
    /// Whether all events have to be looked at, not only those that were touched.
    fn covers_all(&self, now: DateTime<Utc>) -> bool {
        self.derive_all > self.derive_done
            || self.derive_due_at <= now
            || self.derive_version != derive::version()
            || self.was_ahead(now)
    }

    /// The clock was ahead when this was derived last: what lies between was taken for over.
    fn was_ahead(&self, now: DateTime<Utc>) -> bool {
        self.derived_at.is_some_and(|at| at > now + CLOCKS_DIFFER)
    }

    fn is_behind(&self, now: DateTime<Utc>) -> bool {
        self.derive_wanted > self.derive_done || self.covers_all(now)
    }
}

/// Two processes may be so far apart.
pub(crate) const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(1);

/// More events than this that one change touches are as well derived with all the others.
pub(crate) const FEW: usize = 200;

/// What is read of a provider's events, in a stable order: of two exceptions of one occurrence, the same one always
/// counts. Those that are over are left out.
fn events_query<D: sqlx::Database>(provider: ProviderId, now: DateTime<Utc>) -> QueryBuilder<D>
where
    Uuid: sqlx::Type<D> + for<'q> sqlx::Encode<'q, D>,
    DateTime<Utc>: sqlx::Type<D> + for<'q> sqlx::Encode<'q, D>,
{
    let mut query = QueryBuilder::new(concat!(
        "SELECT e.calendar_id, e.external_id, e.shape, e.marks, e.unreadable, e.expanded_at IS NOT NULL AS expanded, ",
        ours!(),
        " AS ours FROM calendar_sync_events e JOIN calendars k ON k.id = e.calendar_id AND k.provider_id = "
    ));
    query.push_bind(provider.0);
    query.push(" WHERE (e.over_at IS NULL OR e.over_at >= ").push_bind(dropped_before(now));
    query.push(" OR e.held_at IS NOT NULL) AND ");
    query
}

/// What is read of the blocks that are there.
const BLOCKS: &str =
    "SELECT id, calendar_id, entered_id, event_id, original_start, detail_id, starts_at, ends_at, all_day, reason
                      FROM unavailabilities WHERE ";

/// Whether what blocks a provider may differ from what the facts say. Bookings and offers raise `derive_wanted` too, so
/// that conflicts are looked for and pages follow; no block hangs on them.
macro_rules! blocks_behind {
    ($conn:ident, $provider:expr, $now:expr) => {
        sqlx::query_scalar::<_, bool>(
            "SELECT derive_all > derive_done OR derive_due_at <= $2 OR derive_version <> $3
                    OR COALESCE(derived_at > $4, FALSE)
                    OR EXISTS (SELECT 1 FROM touched_events t WHERE t.provider_id = p.id AND t.wanted > p.derive_done)
             FROM providers p WHERE p.id = $1",
        )
        .bind($provider.0)
        .bind($now)
        .bind(simone_sync::derive::version())
        .bind($now + $crate::derive::CLOCKS_DIFFER)
        .fetch_optional(&mut *$conn)
        .await?
        .unwrap_or_default()
    };
}
pub(crate) use blocks_behind;

/// How often a derivation begins anew when facts change while it computes; then the worker comes back to it.
const ATTEMPTS: usize = 5;

impl Database {
    /// What another version of the code, or of the zone database, derived is to be derived again.
    pub(crate) async fn mark_other_versions(&self) -> StoreResult<()> {
        write!(self, |conn| {
            sqlx::query("UPDATE providers SET derive_due_at = created_at WHERE derive_version <> $1")
                .bind(derive::version())
                .execute(&mut *conn)
                .await?;
            Ok(())
        })
    }

    pub(crate) async fn providers_behind(
        &self,
        now: DateTime<Utc>,
        limit: i64,
    ) -> StoreResult<Vec<ProviderId>> {
        let rows: Vec<Uuid> = read!(self, |conn| {
            Ok(sqlx::query_scalar(
                "SELECT id FROM providers WHERE derive_wanted > derive_done AND erasure_requested_at IS NULL
             UNION SELECT id FROM providers WHERE derive_due_at <= $1 AND erasure_requested_at IS NULL
             UNION SELECT id FROM providers WHERE derived_at > $3 AND erasure_requested_at IS NULL LIMIT $2",
            )
            .bind(now)
            .bind(limit)
            .bind(now + CLOCKS_DIFFER)
            .fetch_all(&mut *conn)
            .await?)
        })?;
        Ok(rows.into_iter().map(ProviderId).collect())
    }

    /// Computes outside any lock (a hostile calendar may take a while), then writes if the facts are still the ones it
    /// began from.
    pub(crate) async fn derive_blocks(
        &self,
        provider: ProviderId,
        now: DateTime<Utc>,
    ) -> StoreResult<Derived> {
        for _ in 0..ATTEMPTS {
            let Some((state, facts)) = self.facts(provider, now).await? else {
                return Ok(Derived::default());
            };
            let plan = tokio::task::spawn_blocking(move || facts.plan(now))
                .await
                .map_err(|_| StoreError::Corrupt { what: "the facts of a provider" })?;
            if let Some(derived) = self.write_blocks(provider, &state, &plan, now).await? {
                return Ok(derived);
            }
        }
        Ok(Derived::default())
    }

    /// `None`: the provider's blocks are not behind. The state is read first: facts that change later change it too.
    async fn facts(&self, provider: ProviderId, now: DateTime<Utc>) -> StoreResult<Option<(State, Facts)>> {
        read!(self, |conn| {
            let state: Option<State> = sqlx::query_as(
                "SELECT time_zone, derive_wanted, derive_done, derive_all, derive_due_at, derive_version, derived_at
                 FROM providers WHERE id = $1 AND erasure_requested_at IS NULL",
            )
            .bind(provider.0)
            .fetch_optional(&mut *conn)
            .await?;
            let Some(state) = state.filter(|state| state.is_behind(now)) else { return Ok(None) };
            let zone: Tz = state
                .time_zone
                .parse()
                .map_err(|_| StoreError::Corrupt { what: "a provider's time zone" })?;
            let calendars: Vec<(Uuid, bool, Option<String>)> = sqlx::query_as(
                "SELECT c.id, c.block_free, c.time_zone FROM calendars c
                 JOIN calendar_connections n ON n.id = c.connection_id
                 WHERE c.provider_id = $1 AND c.selected AND n.status IN ('connected', 'needs_reconnect')",
            )
            .bind(provider.0)
            .fetch_all(&mut *conn)
            .await?;
            if !state.covers_all(now) {
                let touched: Vec<(Uuid, String)> = sqlx::query_as(
                    "SELECT DISTINCT calendar_id, event_id FROM touched_events
                     WHERE provider_id = $1 AND wanted > $2 AND wanted <= $3",
                )
                .bind(provider.0)
                .bind(state.derive_done)
                .bind(state.derive_wanted)
                .fetch_all(&mut *conn)
                .await?;
                let (mut events, mut rows) = (Vec::new(), Vec::new());
                for (calendar, ..) in &calendars {
                    let ids =
                        touched.iter().filter(|(of, _)| of == calendar).map(|(_, event)| event.as_str());
                    let ids: Vec<&str> = ids.collect();
                    for ids in ids.chunks(CHUNK) {
                        let mut query = events_query(provider, now);
                        query.push("e.calendar_id = ").push_bind(calendar).push(" AND (e.external_id IN (");
                        let mut list = query.separated(", ");
                        for id in ids {
                            list.push_bind(*id);
                        }
                        query.push(") OR e.master_id IN (");
                        let mut list = query.separated(", ");
                        for id in ids {
                            list.push_bind(*id);
                        }
                        query.push(")) ORDER BY e.external_id");
                        events.append(
                            &mut query.build_query_as().persistent(false).fetch_all(&mut *conn).await?,
                        );
                        let mut query = QueryBuilder::new(BLOCKS);
                        query.push("calendar_id = ").push_bind(calendar).push(" AND event_id IN (");
                        let mut list = query.separated(", ");
                        for id in ids {
                            list.push_bind(*id);
                        }
                        query.push(")");
                        rows.append(
                            &mut query.build_query_as().persistent(false).fetch_all(&mut *conn).await?,
                        );
                    }
                }
                return Ok(Some((state, Facts { zone, calendars, events, entered: Vec::new(), rows })));
            }
            let mut query = events_query(provider, now);
            query.push("k.selected ORDER BY e.calendar_id, e.external_id");
            let events: Vec<EventRow> = query.build_query_as().fetch_all(&mut *conn).await?;
            let mut query = QueryBuilder::new(BLOCKS);
            query.push("(calendar_id IS NOT NULL OR entered_id IS NOT NULL) AND provider_id = ");
            query.push_bind(provider.0);
            let rows: Vec<BlockRow> = query.build_query_as().fetch_all(&mut *conn).await?;
            let entered: Vec<(Uuid, Json<Shape>)> = sqlx::query_as(
                "SELECT id, shape FROM entered_unavailabilities
                 WHERE provider_id = $1 AND (over_at IS NULL OR over_at >= $2) ORDER BY id",
            )
            .bind(provider.0)
            .bind(dropped_before(now))
            .fetch_all(&mut *conn)
            .await?;
            Ok(Some((state, Facts { zone, calendars, events, entered, rows })))
        })
    }

    /// `None`, and nothing written: the facts have changed.
    async fn write_blocks(
        &self,
        provider: ProviderId,
        began_from: &State,
        plan: &Plan,
        now: DateTime<Utc>,
    ) -> StoreResult<Option<Derived>> {
        let difference = &plan.difference;
        let changed = difference.put.len() + difference.remove.len();
        write!(self, |conn| {
            let sql = for_update!(
                self,
                "SELECT time_zone, derive_wanted, derive_done, derive_all, derive_due_at, derive_version, derived_at
                 FROM providers WHERE id = $1 AND erasure_requested_at IS NULL"
            );
            let state: Option<State> =
                sqlx::query_as(sql).bind(provider.0).fetch_optional(&mut *conn).await?;
            if state.as_ref() != Some(began_from) {
                return Ok(None);
            }
            sqlx::query("DELETE FROM touched_events WHERE provider_id = $1 AND wanted <= $2")
                .bind(provider.0)
                .bind(began_from.derive_wanted)
                .execute(&mut *conn)
                .await?;
            if began_from.was_ahead(now) {
                // Events that were taken for over may have been dropped: only a full listing brings them back.
                sqlx::query("UPDATE calendars SET cursor = NULL WHERE provider_id = $1 AND selected")
                    .bind(provider.0)
                    .execute(&mut *conn)
                    .await?;
            }
            if began_from.covers_all(now) {
                sqlx::query(
                    "DELETE FROM calendar_sync_events WHERE over_at < $2 AND held_at IS NULL
                     AND calendar_id IN (SELECT id FROM calendars WHERE provider_id = $1)
                     AND NOT EXISTS (SELECT 1 FROM bookings b WHERE b.id = calendar_sync_events.marker_booking_id
                        AND b.provider_id = $1 AND b.ends_at > $3 AND b.status = 'confirmed')",
                )
                .bind(provider.0)
                .bind(dropped_before(now))
                .bind(now)
                .execute(&mut *conn)
                .await?;
            }
            for ids in difference.remove.chunks(CHUNK) {
                let mut query = QueryBuilder::new("DELETE FROM unavailabilities WHERE id IN (");
                let mut list = query.separated(", ");
                for id in ids {
                    list.push_bind(id.0);
                }
                query.push(")");
                query.build().persistent(false).execute(&mut *conn).await?;
            }
            let (entered, imported): (Vec<_>, Vec<_>) =
                difference.put.iter().partition(|(key, _)| key.calendar == ENTERED);
            for chunk in imported.chunks(CHUNK) {
                let mut query = QueryBuilder::new(
                    "INSERT INTO unavailabilities (id, provider_id, calendar_id, event_id, original_start, detail_id,
                                                   starts_at, ends_at, all_day, reason, created_at) ",
                );
                query.push_values(chunk, |mut values, (key, block)| {
                    values
                        .push_bind(self.ids.id::<Uuid>())
                        .push_bind(provider.0)
                        .push_bind(key.calendar.0)
                        .push_bind(&key.event)
                        .push_bind(&key.original_start)
                        .push_bind(&block.detail)
                        .push_bind(block.interval.start)
                        .push_bind(block.interval.end)
                        .push_bind(block.all_day)
                        .push_bind(&block.reason)
                        .push_bind(now);
                });
                // One that is there keeps its row and id.
                query.push(
                    " ON CONFLICT (calendar_id, event_id, original_start) DO UPDATE SET detail_id = excluded.detail_id,
                        starts_at = excluded.starts_at, ends_at = excluded.ends_at, all_day = excluded.all_day,
                        reason = excluded.reason",
                );
                query.build().persistent(false).execute(&mut *conn).await?;
            }
            for chunk in entered.chunks(CHUNK) {
                let mut query = QueryBuilder::new(
                    "INSERT INTO unavailabilities (id, provider_id, entered_id, original_start, starts_at, ends_at, all_day,
                                                   reason, created_at) ",
                );
                query.push_values(chunk, |mut values, (key, block)| {
                    values
                        .push_bind(self.ids.id::<Uuid>())
                        .push_bind(provider.0)
                        .push_bind(key.event.parse::<Uuid>().expect("the key was made of an id"))
                        .push_bind(&key.original_start)
                        .push_bind(block.interval.start)
                        .push_bind(block.interval.end)
                        .push_bind(block.all_day)
                        .push_bind(&block.reason)
                        .push_bind(now);
                });
                query.push(
                    " ON CONFLICT (entered_id, original_start) WHERE entered_id IS NOT NULL DO UPDATE SET
                        starts_at = excluded.starts_at, ends_at = excluded.ends_at, all_day = excluded.all_day,
                        reason = excluded.reason",
                );
                query.build().persistent(false).execute(&mut *conn).await?;
            }
            for (calendar, event, unreadable) in &plan.flags {
                sqlx::query(
                    "UPDATE calendar_sync_events SET unreadable = $3 WHERE calendar_id = $1 AND external_id = $2",
                )
                .bind(calendar.0)
                .bind(event)
                .bind(unreadable)
                .execute(&mut *conn)
                .await?;
            }
            conflicts_in_line!(self, conn, provider, plan.zone, now);
            sqlx::query(
                "UPDATE providers SET derive_done = $2, derive_due_at = $3, derive_version = $4, derived_at = $5
                 WHERE id = $1",
            )
            .bind(provider.0)
            .bind(began_from.derive_wanted)
            .bind(Horizon::at(now, plan.zone).next_midnight())
            .bind(derive::version())
            .bind(now)
            .execute(&mut *conn)
            .await?;
            Ok(Some(Derived { rows: changed }))
        })
    }
}

fn by_calendar(calendars: Vec<(Uuid, bool, Option<String>)>, events: Vec<EventRow>) -> Vec<CalendarFacts> {
    let mut by_calendar: HashMap<Uuid, Vec<EventFacts>> = HashMap::new();
    for event in events {
        by_calendar.entry(event.calendar_id).or_default().push(EventFacts {
            id: event.external_id,
            shape: event.shape.0,
            marks: event.marks.0,
            ours: event.ours,
            expanded: event.expanded,
        });
    }
    calendars
        .into_iter()
        .map(|(id, block_free, zone)| CalendarFacts {
            id: CalendarId(id),
            block_free,
            zone,
            events: by_calendar.remove(&id).unwrap_or_default(),
        })
        .collect()
}

/// What the provider entered by hand, as a calendar of busy events.
fn entered_calendar(entered: Vec<(Uuid, Json<Shape>)>) -> CalendarFacts {
    let events = entered
        .into_iter()
        .map(|(id, shape)| EventFacts {
            id: id.to_string(),
            shape: shape.0,
            marks: Marks::default(),
            expanded: false,
            ours: false,
        })
        .collect();
    CalendarFacts { id: ENTERED, block_free: false, zone: None, events }
}

impl BlockRow {
    fn split(self) -> (UnavailabilityId, BlockKey, Block) {
        let entered = self.entered_id.map(|id| id.to_string());
        let event = entered.or(self.event_id).unwrap_or_default();
        (
            UnavailabilityId(self.id),
            BlockKey {
                calendar: self.calendar_id.map_or(ENTERED, CalendarId),
                event: event.clone(),
                original_start: self.original_start,
            },
            Block {
                interval: Interval::new(self.starts_at, self.ends_at),
                all_day: self.all_day,
                reason: self.reason,
                detail: self.detail_id.unwrap_or(event),
            },
        )
    }
}
