//! Why a stretch of time is blocked.

use super::{Block, BlockSource};
use crate::Database;
use crate::database::read;
use chrono::{DateTime, Utc};
use simone_booking::id::{EnteredId, UnavailabilityId};
use simone_booking::{CalendarId, ConnectionId, Interval, ProviderId};
use simone_sync::busy::Because;
use simone_sync::ports::{Status, StoreError, StoreResult};
use uuid::Uuid;

/// A block, and what it follows from.
#[derive(Clone, Debug)]
pub struct Reason {
    pub block: Block,
    /// `None`: one of its own, entered by hand or kept after refused removals.
    pub imported: Option<Imported>,
    /// One occurrence of something entered by hand that comes back.
    pub comes_back: bool,
    pub created_at: DateTime<Utc>,
    /// When blocks were last brought in line with what was read.
    pub derived_at: Option<DateTime<Utc>>,
}

/// Where an imported block comes from.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The rule by which it blocks.
    pub because: Because,
    pub connection: ConnectionId,
    pub calendar: CalendarId,
    pub status: Status,
    /// When its connection was last read.
    pub last_synced_at: Option<DateTime<Utc>>,
    /// The calendar could not be read then.
    pub unread: bool,
    /// One occurrence of a series.
    pub of_series: bool,
    /// An occurrence that differs from its series.
    pub exception: bool,
    /// The removal of its event awaits the provider's decision.
    pub held: bool,
    /// Its calendar is no longer listed by the platform.
    pub gone: bool,
}

#[derive(sqlx::FromRow)]
struct Row {
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    all_day: bool,
    reason: String,
    created_at: DateTime<Utc>,
    derived_at: Option<DateTime<Utc>>,
    own_details: Option<Vec<u8>>,
    calendar_id: Option<Uuid>,
    event_id: Option<String>,
    original_start: Option<String>,
    detail_id: Option<String>,
    entered_id: Option<Uuid>,
    entered: Option<Vec<u8>>,
}

#[derive(sqlx::FromRow)]
struct SourceRow {
    connection_id: Uuid,
    platform: String,
    account_email: String,
    status: String,
    last_synced_at: Option<DateTime<Utc>>,
    name: String,
    color: Option<String>,
    unread: bool,
    gone: bool,
    details: Option<Vec<u8>>,
    held: bool,
    unreadable: bool,
}

impl Database {
    /// Why a provider's block is there; `None` if it is not theirs, or not there any more.
    pub async fn block_reason(
        &self,
        provider: ProviderId,
        id: UnavailabilityId,
    ) -> StoreResult<Option<Reason>> {
        let (row, source): (Option<Row>, Option<SourceRow>) = read!(self, |conn| {
            let row: Option<Row> = sqlx::query_as(
                "SELECT u.starts_at, u.ends_at, u.all_day, u.reason, u.created_at, p.derived_at,
                        u.details AS own_details, u.calendar_id, u.event_id, u.original_start, u.detail_id,
                        u.entered_id, n.details AS entered
                 FROM unavailabilities u JOIN providers p ON p.id = u.provider_id
                 LEFT JOIN entered_unavailabilities n ON n.id = u.entered_id
                 WHERE u.id = $1 AND u.provider_id = $2",
            )
            .bind(id.0)
            .bind(provider.0)
            .fetch_optional(&mut *conn)
            .await?;
            let Some(row) = row else { return Ok((None, None)) };
            let source = sqlx::query_as(
                "SELECT k.id AS connection_id, k.platform, k.account_email, k.status, k.last_synced_at,
                        c.name, c.color, c.last_error IS NOT NULL AS unread, c.gone_at IS NOT NULL AS gone, e.details,
                        EXISTS (SELECT 1 FROM calendar_sync_events h WHERE h.calendar_id = c.id
                                AND h.external_id IN ($3, $4) AND h.held_at IS NOT NULL) AS held,
                        EXISTS (SELECT 1 FROM calendar_sync_events h WHERE h.calendar_id = c.id AND h.external_id = $3
                                AND $3 = $4 AND h.unreadable AND h.expanded_at IS NULL) AS unreadable
                 FROM calendars c JOIN calendar_connections k ON k.id = c.connection_id
                 LEFT JOIN calendar_sync_events e ON e.calendar_id = c.id AND e.external_id = $4
                 WHERE c.id = $1 AND c.provider_id = $2",
            )
            .bind(row.calendar_id)
            .bind(provider.0)
            .bind(&row.event_id)
            .bind(&row.detail_id)
            .fetch_optional(&mut *conn)
            .await?;
            Ok((Some(row), source))
        })?;
        let Some(row) = row else { return Ok(None) };
        let mut details =
            row.own_details.map(|sealed| self.open_own_details(id, &sealed)).unwrap_or_default();
        let comes_back = row.original_start.as_ref().is_some_and(|slot| !slot.is_empty());
        let mut imported = None;
        let mut shown = None;
        if let (Some(calendar), Some(event), Some(detail), Some(source)) =
            (row.calendar_id, row.event_id, row.detail_id, source)
        {
            let calendar = CalendarId(calendar);
            if let Some(sealed) = &source.details {
                details = self.open_details(calendar, &detail, sealed);
            }
            let because = Because::from_code(&row.reason)
                .ok_or(StoreError::Corrupt { what: "why a block is there" })?;
            imported = Some(Imported {
                // It was derived while its series could be read, and stays because that is over.
                because: if source.unreadable { Because::Unreadable } else { because },
                connection: ConnectionId(source.connection_id),
                calendar,
                status: Status::from_code(&source.status)
                    .ok_or(StoreError::Corrupt { what: "a connection's status" })?,
                last_synced_at: source.last_synced_at,
                unread: source.unread,
                of_series: comes_back,
                exception: detail != event,
                held: source.held,
                gone: source.gone,
            });
            shown = Some(BlockSource {
                platform: source
                    .platform
                    .parse()
                    .map_err(|_| StoreError::Corrupt { what: "a connection's platform" })?,
                calendar: source.name,
                account: source.account_email,
                color: source.color,
            });
        }
        let entered = row.entered_id.map(EnteredId);
        let typed = entered.zip(row.entered).map(|(entered, sealed)| self.open_entered(entered, &sealed));
        let comes_back = entered.is_some() && comes_back;
        let block = Block {
            id,
            interval: Interval::new(row.starts_at, row.ends_at),
            all_day: row.all_day,
            title: typed.unwrap_or(details.title),
            link: details.link,
            source: shown,
            entered,
        };
        let (created_at, derived_at) = (row.created_at, row.derived_at);
        Ok(Some(Reason { block, imported, comes_back, created_at, derived_at }))
    }
}
