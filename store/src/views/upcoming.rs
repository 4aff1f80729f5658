//! What is to come in one calendar: each event, and whether it blocks.

use crate::Database;
use crate::database::read;
use crate::events::CHUNK;
use crate::exports::ours;
use chrono::{DateTime, Utc};
use simone_booking::id::UnavailabilityId;
use simone_booking::{CalendarId, Interval, Provider};
use simone_sync::busy::Verdict;
use simone_sync::derive::{Block, BlockKey, CalendarFacts, EventFacts};
use simone_sync::event::{Details, Marks, Shape};
use simone_sync::import::dropped_before;
use simone_sync::judge::{self, Upcoming, upcoming};
use simone_sync::ports::{StoreError, StoreResult};
use sqlx::QueryBuilder;
use sqlx::types::Json;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// Occurrences on a page: as many as keep it, with the stylesheet, well under 60 kB.
const PAGE: usize = 40;

/// Which occurrences are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    All,
    NotBlocking,
}

/// A page of what is to come, soonest first.
#[derive(Clone, Debug)]
pub struct UpcomingPage {
    pub rows: Vec<UpcomingRow>,
    /// From 1.
    pub page: usize,
    pub more: bool,
    /// Of all pages.
    pub blocking: usize,
    pub not_blocking: usize,
}

/// One occurrence.
#[derive(Clone, Debug)]
pub struct UpcomingRow {
    pub interval: Interval,
    pub all_day: bool,
    /// Personal: for the provider alone.
    pub title: String,
    pub link: Option<String>,
    pub verdict: Verdict,
    /// Of a series.
    pub repeats: bool,
    /// Its block, if it is derived already.
    pub block: Option<UnavailabilityId>,
}

#[derive(sqlx::FromRow)]
struct CalendarRow {
    block_free: bool,
    time_zone: Option<String>,
}

#[derive(sqlx::FromRow)]
struct EventRow {
    external_id: String,
    shape: Json<Shape>,
    marks: Json<Marks>,
    expanded: bool,
    unreadable: bool,
    ours: bool,
}

#[derive(sqlx::FromRow)]
struct StandingRow {
    id: Uuid,
    event_id: String,
    original_start: String,
    detail_id: String,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    all_day: bool,
    reason: String,
}

impl StandingRow {
    fn split(self, calendar: CalendarId) -> (UnavailabilityId, BlockKey, Block) {
        (
            UnavailabilityId(self.id),
            BlockKey { calendar, event: self.event_id, original_start: self.original_start },
            Block {
                interval: Interval::new(self.starts_at, self.ends_at),
                all_day: self.all_day,
                reason: self.reason,
                detail: self.detail_id,
            },
        )
    }
}

const STANDING: &str = "SELECT id, event_id, original_start, detail_id, starts_at, ends_at, all_day, reason
                        FROM unavailabilities WHERE calendar_id = ";

impl Database {
    /// What is to come in a provider's calendar, if it is imported: one that only receives bookings blocks nothing.
    /// Titles are opened for the page alone. `None` if it is not theirs.
    pub async fn upcoming(
        &self,
        provider: &Provider,
        calendar: CalendarId,
        which: Which,
        page: usize,
        now: DateTime<Utc>,
    ) -> StoreResult<Option<UpcomingPage>> {
        let Some((facts, standing)) = self.upcoming_facts(provider, calendar, now).await? else {
            return Ok(None);
        };
        // Apart from what serves other pages: a hostile calendar may take a while.
        let zone = provider.zone;
        let only_free = which == Which::NotBlocking;
        let shown = tokio::task::spawn_blocking(move || {
            upcoming(&facts, &standing, zone, now, only_free, (page, PAGE))
        })
        .await
        .map_err(|_| StoreError::Corrupt { what: "the facts of a calendar" })?;
        let (details, blocks) = self.upcoming_details(calendar, &shown.rows).await?;
        let rows = shown
            .rows
            .into_iter()
            .map(|row| {
                let mut details_ = details.get(&row.detail).cloned().unwrap_or_default();
                if details_.title.is_empty()
                    && row.detail != row.key.event
                    && let Some(series) = details.get(&row.key.event)
                {
                    // A cancelled occurrence says nothing of itself.
                    details_.title.clone_from(&series.title);
                }
                UpcomingRow {
                    interval: row.interval,
                    all_day: row.all_day,
                    title: details_.title,
                    link: details_.link,
                    verdict: row.verdict,
                    repeats: !row.key.original_start.is_empty(),
                    block: blocks.get(&row.key).copied().filter(|_| row.verdict.blocks()),
                }
            })
            .collect();
        let judge::UpcomingPage { page, more, blocking, not_blocking, .. } = shown;
        Ok(Some(UpcomingPage { rows, page, more, blocking, not_blocking }))
    }

    async fn upcoming_facts(
        &self,
        provider: &Provider,
        calendar: CalendarId,
        now: DateTime<Utc>,
    ) -> StoreResult<Option<(CalendarFacts, Vec<(BlockKey, Block)>)>> {
        let (stored, events, standing): (Option<CalendarRow>, Vec<EventRow>, Vec<StandingRow>) = read!(
            self,
            |conn| {
                let stored = sqlx::query_as(
                    "SELECT block_free, time_zone FROM calendars WHERE id = $1 AND provider_id = $2",
                )
                .bind(calendar.0)
                .bind(provider.id.0)
                .fetch_optional(&mut *conn)
                .await?;
                if stored.is_none() {
                    return Ok((None, Vec::new(), Vec::new()));
                }
                let events: Vec<EventRow> = sqlx::query_as(concat!(
                    "SELECT e.external_id, e.shape, e.marks, e.expanded_at IS NOT NULL AS expanded, e.unreadable, ",
                    ours!(),
                    " AS ours FROM calendar_sync_events e
                     JOIN calendars c ON c.id = e.calendar_id
                     WHERE e.calendar_id = $2 AND c.selected AND (e.over_at IS NULL OR e.over_at >= $3 OR e.held_at IS NOT NULL)
                     ORDER BY e.external_id"
                ))
                .bind(provider.id.0)
                .bind(calendar.0)
                .bind(dropped_before(now))
                .fetch_all(&mut *conn)
                .await?;
                let mut standing = Vec::new();
                let unreadable: Vec<&str> = events
                    .iter()
                    .filter(|event| event.unreadable && !event.expanded)
                    .map(|event| event.external_id.as_str())
                    .collect();
                for ids in unreadable.chunks(CHUNK) {
                    let mut query = QueryBuilder::new(STANDING);
                    query.push_bind(calendar.0).push(" AND event_id IN (");
                    let mut list = query.separated(", ");
                    for id in ids {
                        list.push_bind(*id);
                    }
                    query.push(")");
                    standing
                        .append(&mut query.build_query_as().persistent(false).fetch_all(&mut *conn).await?);
                }
                Ok((stored, events, standing))
            }
        )?;
        let Some(stored) = stored else { return Ok(None) };
        let events = events
            .into_iter()
            .map(|row| EventFacts {
                id: row.external_id,
                shape: row.shape.0,
                marks: row.marks.0,
                ours: row.ours,
                expanded: row.expanded,
            })
            .collect();
        let facts =
            CalendarFacts { id: calendar, block_free: stored.block_free, zone: stored.time_zone, events };
        let standing =
            standing.into_iter().map(|row| row.split(calendar)).map(|(_, key, block)| (key, block));
        Ok(Some((facts, standing.collect())))
    }

    /// The titles and the blocks of what a page shows.
    async fn upcoming_details(
        &self,
        calendar: CalendarId,
        shown: &[Upcoming],
    ) -> StoreResult<(HashMap<String, Details>, HashMap<BlockKey, UnavailabilityId>)> {
        let (Some(first), Some(last)) = (shown.first(), shown.last()) else { return Ok(Default::default()) };
        let ids: HashSet<&str> =
            shown.iter().flat_map(|row| [row.detail.as_str(), row.key.event.as_str()]).collect();
        let (details, blocks): (Vec<(String, Vec<u8>)>, Vec<StandingRow>) = read!(self, |conn| {
            let mut query = QueryBuilder::new(
                "SELECT external_id, details FROM calendar_sync_events WHERE calendar_id = ",
            );
            query.push_bind(calendar.0).push(" AND external_id IN (");
            let mut list = query.separated(", ");
            for id in &ids {
                list.push_bind(*id);
            }
            query.push(")");
            let details = query.build_query_as().persistent(false).fetch_all(&mut *conn).await?;
            let mut query = QueryBuilder::new(STANDING);
            query.push_bind(calendar.0);
            query.push(" AND starts_at >= ").push_bind(first.interval.start);
            query.push(" AND starts_at <= ").push_bind(last.interval.start);
            query.push(" AND event_id IN (");
            let mut list = query.separated(", ");
            for id in &ids {
                list.push_bind(*id);
            }
            query.push(")");
            Ok((details, query.build_query_as().persistent(false).fetch_all(&mut *conn).await?))
        })?;
        let details = details
            .into_iter()
            .map(|(id, sealed)| {
                let opened = self.open_details(calendar, &id, &sealed);
                (id, opened)
            })
            .collect();
        let blocks =
            blocks.into_iter().map(|row| row.split(calendar)).map(|(id, key, _)| (key, id)).collect();
        Ok((details, blocks))
    }
}
