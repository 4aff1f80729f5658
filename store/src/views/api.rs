//! What the API tells. Lists are read from where the last page ended, so that what is added meanwhile neither repeats
//! nor hides a row.

use crate::Database;
use crate::database::read;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use simone_booking::id::{EnteredId, SyncLogId, UnavailabilityId};
use simone_booking::{CalendarId, ConnectionId, Horizon, Interval, Locale, ProviderId};
use simone_sync::platform::Platform;
use simone_sync::ports::{Status, StoreError, StoreResult};
use simone_sync::round::Outcome;
use uuid::Uuid;

/// What was read longer ago than this is in doubt: a round every five minutes, and its repetitions after a failure.
const STALE: TimeDelta = TimeDelta::minutes(15);

/// A provider, as whoever is entrusted with them sees them.
#[derive(Clone, Debug)]
pub struct ProviderRecord {
    pub id: ProviderId,
    pub name: String,
    pub email: String,
    pub zone: Tz,
    pub locale: Locale,
    /// Whether they let titles and their accounts' addresses be told.
    pub share_titles: bool,
    pub created_at: DateTime<Utc>,
    /// When what blocks their slots was last derived.
    pub derived_at: Option<DateTime<Utc>>,
    /// Whether facts have changed since.
    pub behind: bool,
}

impl ProviderRecord {
    /// The stretch that the last derivation covered.
    pub fn covered(&self) -> Option<Interval> {
        Some(Horizon::at(self.derived_at?, self.zone).interval())
    }
}

/// A stretch that blocks bookings.
#[derive(Clone, Debug)]
pub struct BlockRecord {
    pub id: UnavailabilityId,
    pub interval: Interval,
    pub all_day: bool,
    /// The code of the rule by which it blocks.
    pub reason: String,
    /// Where it was imported from; `None`: one of the provider's own.
    pub source: Option<(Platform, ConnectionId)>,
    /// Only when titles were asked for. Personal.
    pub title: Option<String>,
}

/// One account of a provider.
#[derive(Clone, Debug)]
pub struct ConnectionRecord {
    pub id: ConnectionId,
    pub provider: ProviderId,
    pub platform: Platform,
    /// Personal.
    pub account: String,
    /// Never [`Status::Disconnected`].
    pub status: Status,
    /// Calendars that the platform listed, and those of them that block.
    pub calendars: i64,
    pub selected: i64,
    pub created_at: DateTime<Utc>,
    pub last_synced_at: Option<DateTime<Utc>>,
    pub next_sync_at: DateTime<Utc>,
    /// Why the last round failed: an [`simone_sync::round::Outcome`]'s code.
    pub last_error: Option<String>,
    /// The platform asked to wait until then.
    pub not_before: Option<DateTime<Utc>>,
    /// Wake-ups so far, and those that a round has covered.
    pub wanted: i64,
    pub covered: i64,
    /// A round is running.
    pub running: bool,
}

/// Why what a calendar blocks may not be what it says now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoubtKind {
    /// The grant is dead: nothing is read until the provider reconnects.
    NeedsReconnect,
    /// The first import is to come.
    NotReadYet,
    /// The platform no longer lists the calendar.
    Gone,
    /// The calendar could not be read last time.
    Failing,
    /// No round has succeeded for a quarter of an hour.
    Stale,
    /// Many events vanished at once; their blocks stay until the provider decides.
    RemovalsHeld,
}

/// A selected calendar in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    pub kind: DoubtKind,
    pub connection: ConnectionId,
    /// `None`: the connection's calendars are not known yet.
    pub calendar: Option<CalendarId>,
}

/// How far what blocks a provider's slots can be trusted.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// The end of the last good round, of the connection where it is longest ago. `None`: nothing is imported.
    pub synced_at: Option<DateTime<Utc>>,
    pub doubts: Vec<Doubt>,
}

/// A row of the sync log.
#[derive(Clone, Debug)]
pub struct LogRecord {
    pub id: SyncLogId,
    pub started_at: DateTime<Utc>,
    pub ended_at: DateTime<Utc>,
    pub rounds: i64,
    pub outcome: String,
    pub added: i64,
    pub changed: i64,
    pub removed: i64,
    pub held: i64,
    pub requests: i64,
    pub refreshes: i64,
    pub duration_ms: i64,
}

#[derive(sqlx::FromRow)]
struct ProviderRow {
    id: Uuid,
    name: String,
    email: String,
    time_zone: String,
    locale: String,
    share_titles: bool,
    created_at: DateTime<Utc>,
    derived_at: Option<DateTime<Utc>>,
    behind: bool,
}

impl ProviderRow {
    fn into_record(self) -> StoreResult<ProviderRecord> {
        Ok(ProviderRecord {
            id: ProviderId(self.id),
            name: self.name,
            email: self.email,
            zone: self
                .time_zone
                .parse()
                .map_err(|_| StoreError::Corrupt { what: "a provider's time zone" })?,
            locale: self.locale.parse().map_err(|_| StoreError::Corrupt { what: "a provider's language" })?,
            share_titles: self.share_titles,
            created_at: self.created_at,
            derived_at: self.derived_at,
            behind: self.behind,
        })
    }
}

#[derive(sqlx::FromRow)]
struct BlockRow {
    id: Uuid,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    all_day: bool,
    reason: String,
    own_details: Option<Vec<u8>>,
    calendar_id: Option<Uuid>,
    detail_id: Option<String>,
    details: Option<Vec<u8>>,
    platform: Option<String>,
    connection_id: Option<Uuid>,
    entered_id: Option<Uuid>,
    entered: Option<Vec<u8>>,
}

#[derive(sqlx::FromRow)]
struct ConnectionRow {
    id: Uuid,
    provider_id: Uuid,
    platform: String,
    account_email: String,
    status: String,
    calendars: i64,
    selected: i64,
    created_at: DateTime<Utc>,
    last_synced_at: Option<DateTime<Utc>>,
    next_sync_at: DateTime<Utc>,
    last_error: Option<String>,
    not_before: Option<DateTime<Utc>>,
    wanted: i64,
    covered: i64,
    leased_until: Option<DateTime<Utc>>,
}

#[derive(sqlx::FromRow)]
struct TrustRow {
    connection_id: Uuid,
    calendar_id: Option<Uuid>,
    status: String,
    last_synced_at: Option<DateTime<Utc>>,
    unread: bool,
    failing: bool,
    gone: bool,
    /// Of its account the platform says that it has no calendars.
    has_none: bool,
    held: bool,
}

#[derive(sqlx::FromRow)]
struct LogRow {
    id: Uuid,
    started_at: DateTime<Utc>,
    ended_at: DateTime<Utc>,
    rounds: i64,
    outcome: String,
    added: i64,
    changed: i64,
    removed: i64,
    held: i64,
    requests: i64,
    refreshes: i64,
    duration_ms: i64,
}

fn platform(code: &str) -> StoreResult<Platform> {
    code.parse().map_err(|_| StoreError::Corrupt { what: "a connection's platform" })
}

impl Database {
    /// Providers in the order in which they came, after one of them.
    pub async fn provider_records(
        &self,
        after: Option<ProviderId>,
        limit: i64,
    ) -> StoreResult<Vec<ProviderRecord>> {
        let rows: Vec<ProviderRow> = read!(self, |conn| {
            Ok(sqlx::query_as(
                "SELECT id, name, email, time_zone, locale, share_titles, created_at, derived_at,
                        derive_wanted > derive_done AS behind
                 FROM providers WHERE id > $1 AND erasure_requested_at IS NULL ORDER BY id LIMIT $2",
            )
            .bind(after.map_or(Uuid::nil(), |after| after.0))
            .bind(limit)
            .fetch_all(&mut *conn)
            .await?)
        })?;
        rows.into_iter().map(ProviderRow::into_record).collect()
    }

    pub async fn provider_record(&self, id: ProviderId) -> StoreResult<Option<ProviderRecord>> {
        let row: Option<ProviderRow> = read!(self, |conn| {
            Ok(sqlx::query_as(
                "SELECT id, name, email, time_zone, locale, share_titles, created_at, derived_at,
                        derive_wanted > derive_done AS behind
                 FROM providers WHERE id = $1 AND erasure_requested_at IS NULL",
            )
            .bind(id.0)
            .fetch_optional(&mut *conn)
            .await?)
        })?;
        row.map(ProviderRow::into_record).transpose()
    }

    /// The blocks that overlap `within`, by their start, after one of them. Titles are opened only if asked for.
    pub async fn block_records(
        &self,
        provider: ProviderId,
        within: Interval,
        titles: bool,
        after: Option<(DateTime<Utc>, UnavailabilityId)>,
        limit: i64,
    ) -> StoreResult<Vec<BlockRecord>> {
        let rows: Vec<BlockRow> = read!(self, |conn| {
            Ok(sqlx::query_as(
                "SELECT u.id, u.starts_at, u.ends_at, u.all_day, u.reason, u.details AS own_details, u.calendar_id,
                        u.detail_id, e.details, k.platform, k.id AS connection_id, u.entered_id, n.details AS entered
                 FROM unavailabilities u
                 LEFT JOIN entered_unavailabilities n ON n.id = u.entered_id AND $6
                 LEFT JOIN calendars c ON c.id = u.calendar_id
                 LEFT JOIN calendar_connections k ON k.id = c.connection_id
                 LEFT JOIN calendar_sync_events e
                        ON e.calendar_id = u.calendar_id AND e.external_id = u.detail_id AND $6
                 WHERE u.provider_id = $1 AND u.ends_at > $2 AND u.starts_at < $3
                   AND ($4 IS NULL OR (u.starts_at, u.id) > ($4, $5))
                 ORDER BY u.starts_at, u.id LIMIT $7",
            )
            .bind(provider.0)
            .bind(within.start)
            .bind(within.end)
            .bind(after.map(|(start, _)| start))
            .bind(after.map(|(_, id)| id.0))
            .bind(titles)
            .bind(limit)
            .fetch_all(&mut *conn)
            .await?)
        })?;
        rows.into_iter().map(|row| self.block_record(row, titles)).collect()
    }

    fn block_record(&self, row: BlockRow, titles: bool) -> StoreResult<BlockRecord> {
        let id = UnavailabilityId(row.id);
        let details = match (row.calendar_id, row.detail_id, row.details, row.own_details) {
            _ if !titles => None,
            (Some(calendar), Some(event), Some(sealed), _) => {
                Some(self.open_details(CalendarId(calendar), &event, &sealed))
            }
            (None, _, _, Some(sealed)) => Some(self.open_own_details(id, &sealed)),
            _ => None,
        };
        let shared = details.filter(|details| !details.private);
        let typed = row.entered_id.zip(row.entered);
        let typed = typed.map(|(entered, sealed)| self.open_entered(EnteredId(entered), &sealed));
        let source = match (row.platform, row.connection_id) {
            (Some(code), Some(connection)) => Some((platform(&code)?, ConnectionId(connection))),
            _ => None,
        };
        Ok(BlockRecord {
            id,
            interval: Interval::new(row.starts_at, row.ends_at),
            all_day: row.all_day,
            reason: row.reason,
            source,
            title: typed.or(shared.map(|details| details.title)).filter(|title| !title.is_empty()),
        })
    }

    /// How far what blocks a provider's slots can be trusted.
    pub async fn trust(&self, provider: ProviderId, now: DateTime<Utc>) -> StoreResult<Trust> {
        let rows: Vec<TrustRow> = read!(self, |conn| {
            Ok(sqlx::query_as(
                "SELECT k.id AS connection_id, c.id AS calendar_id, k.status, k.last_synced_at,
                        c.synced_at IS NULL AS unread, c.last_error IS NOT NULL AS failing,
                        c.gone_at IS NOT NULL AS gone, COALESCE(k.last_error = $2, FALSE) AS has_none,
                        EXISTS (SELECT 1 FROM calendar_sync_events e
                                WHERE e.calendar_id = c.id AND e.held_at IS NOT NULL) AS held
                 FROM calendar_connections k LEFT JOIN calendars c ON c.connection_id = k.id AND c.selected
                 WHERE k.provider_id = $1 AND k.status IN ('connected', 'needs_reconnect')
                 ORDER BY k.created_at, k.id, c.is_primary DESC, c.id",
            )
            .bind(provider.0)
            .bind(Outcome::NoCalendars.code())
            .fetch_all(&mut *conn)
            .await?)
        })?;
        let mut trust = Trust::default();
        for row in rows {
            // An account none of whose calendars is selected blocks nothing; one never read may have something to say,
            // unless it is known to have no calendars.
            if row.calendar_id.is_none() && (row.last_synced_at.is_some() || row.has_none) {
                continue;
            }
            trust.synced_at = match (trust.synced_at, row.last_synced_at) {
                (Some(oldest), Some(other)) => Some(oldest.min(other)),
                (oldest, other) => oldest.or(other),
            };
            if let Some(kind) = row.doubt(now) {
                trust.doubts.push(Doubt {
                    kind,
                    connection: ConnectionId(row.connection_id),
                    calendar: row.calendar_id.map(CalendarId),
                });
            }
        }
        Ok(trust)
    }

    /// A provider's connections that are not fully disconnected, oldest first.
    pub async fn connection_records(
        &self,
        provider: ProviderId,
        now: DateTime<Utc>,
    ) -> StoreResult<Vec<ConnectionRecord>> {
        let rows: Vec<ConnectionRow> = read!(self, |conn| {
            Ok(sqlx::query_as(
                "SELECT k.id, k.provider_id, k.platform, k.account_email, k.status, k.created_at, k.last_synced_at,
                        k.next_sync_at, k.last_error, a.not_before, k.wanted, k.covered, k.leased_until,
                        (SELECT COUNT(*) FROM calendars c WHERE c.connection_id = k.id) AS calendars,
                        (SELECT COUNT(*) FROM calendars c WHERE c.connection_id = k.id AND c.selected) AS selected
                 FROM calendar_connections k
                 LEFT JOIN calendar_accounts a ON a.platform = k.platform AND a.account_id = k.account_id
                 WHERE k.provider_id = $1 AND k.status <> 'disconnected' ORDER BY k.created_at, k.id",
            )
            .bind(provider.0)
            .fetch_all(&mut *conn)
            .await?)
        })?;
        rows.into_iter().map(|row| row.into_record(now)).collect()
    }

    /// Whose connection this is, if it is not fully disconnected.
    pub async fn connection_owner(&self, connection: ConnectionId) -> StoreResult<Option<ProviderId>> {
        let owner: Option<Uuid> = read!(self, |conn| {
            Ok(sqlx::query_scalar(
                "SELECT provider_id FROM calendar_connections WHERE id = $1 AND status <> 'disconnected'",
            )
            .bind(connection.0)
            .fetch_optional(&mut *conn)
            .await?)
        })?;
        Ok(owner.map(ProviderId))
    }

    /// The log of one connection, by the start of its rounds, newest first, after one of them.
    pub async fn log_records(
        &self,
        provider: ProviderId,
        connection: ConnectionId,
        after: Option<(DateTime<Utc>, SyncLogId)>,
        limit: i64,
    ) -> StoreResult<Vec<LogRecord>> {
        let rows: Vec<LogRow> = read!(self, |conn| {
            Ok(sqlx::query_as(
                "SELECT id, started_at, ended_at, rounds, outcome, added, changed, removed, held, requests, refreshes,
                        duration_ms
                 FROM calendar_sync_log_lines
                 WHERE provider_id = $1 AND connection_id = $2 AND ($3 IS NULL OR (started_at, id) < ($3, $4))
                 ORDER BY started_at DESC, id DESC LIMIT $5",
            )
            .bind(provider.0)
            .bind(connection.0)
            .bind(after.map(|(started_at, _)| started_at))
            .bind(after.map(|(_, id)| id.0))
            .bind(limit)
            .fetch_all(&mut *conn)
            .await?)
        })?;
        let record = |row: LogRow| LogRecord {
            id: SyncLogId(row.id),
            started_at: row.started_at,
            ended_at: row.ended_at,
            rounds: row.rounds,
            outcome: row.outcome,
            added: row.added,
            changed: row.changed,
            removed: row.removed,
            held: row.held,
            requests: row.requests,
            refreshes: row.refreshes,
            duration_ms: row.duration_ms,
        };
        Ok(rows.into_iter().map(record).collect())
    }
}

impl TrustRow {
    fn doubt(&self, now: DateTime<Utc>) -> Option<DoubtKind> {
        let stale = self.last_synced_at.is_none_or(|synced| now - synced > STALE);
        let kinds = [
            (self.status != Status::Connected.code(), DoubtKind::NeedsReconnect),
            (self.gone, DoubtKind::Gone),
            (self.unread, DoubtKind::NotReadYet),
            (self.failing, DoubtKind::Failing),
            (stale, DoubtKind::Stale),
            (self.held, DoubtKind::RemovalsHeld),
        ];
        kinds.into_iter().find_map(|(applies, kind)| applies.then_some(kind))
    }
}

impl ConnectionRow {
    fn into_record(self, now: DateTime<Utc>) -> StoreResult<ConnectionRecord> {
        Ok(ConnectionRecord {
            id: ConnectionId(self.id),
            provider: ProviderId(self.provider_id),
            platform: platform(&self.platform)?,
            account: self.account_email,
            status: Status::from_code(&self.status)
                .ok_or(StoreError::Corrupt { what: "a connection's status" })?,
            calendars: self.calendars,
            selected: self.selected,
            created_at: self.created_at,
            last_synced_at: self.last_synced_at,
            next_sync_at: self.next_sync_at,
            last_error: self.last_error,
            not_before: self.not_before.filter(|until| *until > now),
            wanted: self.wanted,
            covered: self.covered,
            running: self.leased_until.is_some_and(|until| until > now),
        })
    }
}
