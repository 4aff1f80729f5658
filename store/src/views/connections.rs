//! A provider's connections with their calendars: the settings, and the notes above the agenda.

use crate::Database;
use crate::database::read;
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use simone_booking::{CalendarId, ConnectionId, Horizon, Provider, ProviderId};
use simone_sync::platform::{Access, Platform};
use simone_sync::ports::{Status, StoreError, StoreResult};
use simone_sync::round::Outcome;

pub use simone_sync::ports::Progress;
use simone_sync::zone;
use std::collections::HashMap;
use uuid::Uuid;

/// One account of a provider, as the settings show it.
#[derive(Clone, Debug)]
pub struct Connection {
    pub id: ConnectionId,
    pub platform: Platform,
    pub account: String,
    /// Never [`Status::Disconnected`]: those are not shown.
    pub status: Status,
    pub created_at: DateTime<Utc>,
    /// When the last good round ended.
    pub last_synced_at: Option<DateTime<Utc>>,
    pub next_sync_at: DateTime<Utc>,
    /// A wake-up has not been followed yet, or a round is running.
    pub under_way: bool,
    /// Why the last round failed: an [`simone_sync::round::Outcome`]'s code. `None` when it did not.
    pub last_error: Option<String>,
    /// The platform asked to wait until then.
    pub not_before: Option<DateTime<Utc>>,
    /// Requests made for this connection today (UTC).
    pub requests_today: i64,
    /// How far the round that is running has read, when there is more than a page to read.
    pub progress: Option<Progress>,
    /// All that is to be read is read, and the blocks are being derived from it.
    pub computing: bool,
    /// The primary one first, those that are gone last.
    pub calendars: Vec<Calendar>,
}

/// One calendar, as the settings show it.
#[derive(Clone, Debug)]
pub struct Calendar {
    pub id: CalendarId,
    pub name: String,
    /// `#rrggbb`
    pub color: Option<String>,
    pub access: Access,
    /// As the platform names it.
    pub zone: Option<String>,
    pub primary: bool,
    pub selected: bool,
    pub block_free: bool,
    /// When it was last read; `None` while its first import is to come.
    pub synced_at: Option<DateTime<Utc>>,
    pub last_error: Option<String>,
    /// No longer listed by the platform.
    pub gone: bool,
    /// It is the one of its connection that receives bookings.
    pub receives: bool,
    /// Series and single events stored, and blocks to come.
    pub events: i64,
    pub blocks: i64,
    /// Whether removals await the provider's decision, and how many blocks to come they would free.
    pub held: Option<i64>,
}

impl Connection {
    /// Whether a selected calendar's first import is to come, or the first blocks of all are still being derived.
    pub fn importing(&self) -> bool {
        let deriving = self.computing && self.last_synced_at.is_none();
        self.status == Status::Connected
            && (self.calendars.is_empty() || self.calendars.iter().any(Calendar::importing) || deriving)
            && self.last_error.is_none()
    }

    /// The platform said, when it was last asked, that the account has no calendars, and none are known from before.
    pub fn has_no_calendars(&self) -> bool {
        self.calendars.is_empty() && self.last_error.as_deref() == Some(Outcome::NoCalendars.code())
    }

    /// Blocks to come of all its calendars.
    pub fn blocks(&self) -> i64 {
        self.calendars.iter().map(|calendar| calendar.blocks).sum()
    }
}

impl Calendar {
    pub fn importing(&self) -> bool {
        self.selected && !self.gone && self.synced_at.is_none() && self.last_error.is_none()
    }
}

/// A primary calendar in another zone than its provider's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneQuestion {
    pub zone: Tz,
}

#[derive(sqlx::FromRow)]
struct ConnectionRow {
    id: Uuid,
    platform: String,
    account_email: String,
    status: String,
    created_at: DateTime<Utc>,
    last_synced_at: Option<DateTime<Utc>>,
    next_sync_at: DateTime<Utc>,
    leased_until: Option<DateTime<Utc>>,
    woken: bool,
    last_error: Option<String>,
    not_before: Option<DateTime<Utc>>,
    requests_day: Option<NaiveDate>,
    requests: i64,
    pages_read: i64,
    events_read: i64,
    behind: bool,
}

#[derive(sqlx::FromRow)]
struct CalendarRow {
    id: Uuid,
    connection_id: Uuid,
    name: String,
    color: Option<String>,
    access: String,
    time_zone: Option<String>,
    is_primary: bool,
    selected: bool,
    block_free: bool,
    synced_at: Option<DateTime<Utc>>,
    last_error: Option<String>,
    gone: bool,
    receives: bool,
}

impl Database {
    /// The connections of a provider that are not fully disconnected, oldest first.
    pub async fn connections(
        &self,
        provider: ProviderId,
        now: DateTime<Utc>,
    ) -> StoreResult<Vec<Connection>> {
        let (connections, calendars, events, blocks, held) = read!(self, |conn| {
            let connections: Vec<ConnectionRow> = sqlx::query_as(
                "SELECT c.id, c.platform, c.account_email, c.status, c.created_at, c.last_synced_at, c.next_sync_at,
                        c.leased_until, c.wanted > c.covered AS woken, c.last_error, a.not_before, c.requests_day,
                        c.requests, c.pages_read, c.events_read, p.derive_wanted > p.derive_done AS behind
                 FROM calendar_connections c JOIN providers p ON p.id = c.provider_id
                 LEFT JOIN calendar_accounts a ON a.platform = c.platform AND a.account_id = c.account_id
                 WHERE c.provider_id = $1 AND c.status <> 'disconnected' ORDER BY c.created_at, c.id",
            )
            .bind(provider.0)
            .fetch_all(&mut *conn)
            .await?;
            let calendars: Vec<CalendarRow> = sqlx::query_as(
                "SELECT id, connection_id, name, color, access, time_zone, is_primary, selected, block_free, synced_at,
                        last_error, gone_at IS NOT NULL AS gone, receives
                 FROM calendars WHERE provider_id = $1
                 ORDER BY gone_at IS NOT NULL, is_primary DESC, LOWER(name), id",
            )
            .bind(provider.0)
            .fetch_all(&mut *conn)
            .await?;
            let events: Vec<(Uuid, i64)> = sqlx::query_as(
                "SELECT e.calendar_id, COUNT(*) FROM calendar_sync_events e JOIN calendars c ON c.id = e.calendar_id
                 WHERE c.provider_id = $1 AND e.master_id IS NULL GROUP BY e.calendar_id",
            )
            .bind(provider.0)
            .fetch_all(&mut *conn)
            .await?;
            let blocks: Vec<(Uuid, i64)> = sqlx::query_as(
                "SELECT calendar_id, COUNT(*) FROM unavailabilities
                 WHERE provider_id = $1 AND calendar_id IS NOT NULL AND ends_at > $2 GROUP BY calendar_id",
            )
            .bind(provider.0)
            .bind(now)
            .fetch_all(&mut *conn)
            .await?;
            // Counted per event, so that a block that both its series and its exception carry counts once.
            let held: Vec<(Uuid, i64)> = sqlx::query_as(
                "SELECT h.calendar_id, COUNT(u.id)
                 FROM (SELECT DISTINCT e.calendar_id FROM calendar_sync_events e
                       JOIN calendars c ON c.id = e.calendar_id
                       WHERE c.provider_id = $1 AND e.held_at IS NOT NULL) h
                 LEFT JOIN unavailabilities u ON u.calendar_id = h.calendar_id AND u.ends_at > $2 AND EXISTS (
                       SELECT 1 FROM calendar_sync_events e WHERE e.calendar_id = u.calendar_id
                       AND e.held_at IS NOT NULL AND (e.external_id = u.event_id OR e.external_id = u.detail_id))
                 GROUP BY h.calendar_id",
            )
            .bind(provider.0)
            .bind(now)
            .fetch_all(&mut *conn)
            .await?;
            Ok((connections, calendars, events, blocks, held))
        })?;
        let events: HashMap<Uuid, i64> = events.into_iter().collect();
        let blocks: HashMap<Uuid, i64> = blocks.into_iter().collect();
        let held: HashMap<Uuid, i64> = held.into_iter().collect();
        let mut of: HashMap<Uuid, Vec<Calendar>> = HashMap::new();
        for row in calendars {
            let calendar = Calendar {
                id: CalendarId(row.id),
                name: row.name,
                color: row.color,
                access: Access::from_code(&row.access),
                zone: row.time_zone,
                primary: row.is_primary,
                selected: row.selected,
                block_free: row.block_free,
                synced_at: row.synced_at,
                last_error: row.last_error,
                gone: row.gone,
                receives: row.receives,
                events: events.get(&row.id).copied().unwrap_or(0),
                blocks: blocks.get(&row.id).copied().unwrap_or(0),
                held: held.get(&row.id).copied(),
            };
            of.entry(row.connection_id).or_default().push(calendar);
        }
        let today = now.date_naive();
        connections
            .into_iter()
            .map(|row| {
                let running = row.leased_until.is_some_and(|until| until > now);
                let calendars: Vec<Calendar> = of.remove(&row.id).unwrap_or_default();
                let unread = calendars.is_empty() || calendars.iter().any(Calendar::importing);
                Ok(Connection {
                    id: ConnectionId(row.id),
                    platform: row
                        .platform
                        .parse()
                        .map_err(|_| StoreError::Corrupt { what: "a connection's platform" })?,
                    account: row.account_email,
                    status: Status::from_code(&row.status)
                        .ok_or(StoreError::Corrupt { what: "a connection's status" })?,
                    created_at: row.created_at,
                    last_synced_at: row.last_synced_at,
                    next_sync_at: row.next_sync_at,
                    under_way: row.woken || running,
                    progress: (running && row.pages_read > 0)
                        .then_some(Progress { pages: row.pages_read, events: row.events_read }),
                    computing: running && row.behind && !unread,
                    last_error: row.last_error,
                    not_before: row.not_before.filter(|until| *until > now),
                    requests_today: row.requests_day.filter(|day| *day == today).map_or(0, |_| row.requests),
                    calendars,
                })
            })
            .collect()
    }

    /// Whether all that this provider's wishes and facts have set going is done: no wake-up open, no round running,
    /// no derivation behind.
    pub async fn is_settled(&self, provider: ProviderId, now: DateTime<Utc>) -> StoreResult<bool> {
        read!(self, |conn| {
            Ok(sqlx::query_scalar(
            "SELECT NOT EXISTS (SELECT 1 FROM calendar_connections WHERE provider_id = $1 AND status = 'connected'
                                AND (wanted > covered OR leased_until > $2))
                AND NOT EXISTS (SELECT 1 FROM providers WHERE id = $1 AND derive_wanted > derive_done)"
        )
        .bind(provider.0)
        .bind(now)
        .fetch_one(&mut *conn)
        .await?)
        })
    }

    /// Whether to ask the provider about their zone: a primary calendar's clock differs from theirs within the
    /// horizon, and they have not said that they keep theirs.
    pub async fn zone_question(
        &self,
        provider: &Provider,
        connections: &[Connection],
        now: DateTime<Utc>,
    ) -> StoreResult<Option<ZoneQuestion>> {
        let horizon = Horizon::at(now, provider.zone).interval();
        let other = connections
            .iter()
            .filter(|connection| connection.status == Status::Connected)
            .flat_map(|connection| &connection.calendars)
            .filter(|calendar| calendar.primary && !calendar.gone)
            .filter_map(|calendar| zone::parse(calendar.zone.as_deref()?))
            .find(|zone| !zone::equivalent(*zone, provider.zone, horizon));
        let Some(other) = other else { return Ok(None) };
        let kept: Option<String> =
            read!(self, |conn| Ok(sqlx::query_scalar("SELECT zone_kept FROM providers WHERE id = $1")
                .bind(provider.id.0)
                .fetch_optional(&mut *conn)
                .await?
                .flatten()))?;
        Ok((kept.as_deref() != Some(other.name())).then_some(ZoneQuestion { zone: other }))
    }
}
