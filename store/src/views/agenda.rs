//! What blocks a provider's slots within a stretch of time.

use crate::Database;
use crate::database::read;
use chrono::{DateTime, Utc};
use simone_booking::id::{EnteredId, UnavailabilityId};
use simone_booking::{CalendarId, Interval, ProviderId};
use simone_sync::platform::Platform;
use simone_sync::ports::{StoreError, StoreResult};
use uuid::Uuid;

/// A stretch that blocks bookings.
#[derive(Clone, Debug)]
pub struct Block {
    pub id: UnavailabilityId,
    pub interval: Interval,
    pub all_day: bool,
    /// Empty when the event has none, or only its time may be seen. Personal: for the provider alone.
    pub title: String,
    /// Where the event can be opened on its platform.
    pub link: Option<String>,
    /// `None`: one of its own, entered by hand or kept after refused removals.
    pub source: Option<BlockSource>,
    /// What the provider entered, from which it follows.
    pub entered: Option<EnteredId>,
}

impl Block {
    /// Kept after refused removals.
    pub const fn is_kept(&self) -> bool {
        self.source.is_none() && self.entered.is_none()
    }
}

/// The calendar that a block comes from.
#[derive(Clone, Debug)]
pub struct BlockSource {
    pub platform: Platform,
    pub calendar: String,
    /// The e-mail address of its account: an account's main calendar is often named after it.
    pub account: String,
    /// `#rrggbb`
    pub color: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    all_day: bool,
    own_details: Option<Vec<u8>>,
    calendar_id: Option<Uuid>,
    detail_id: Option<String>,
    details: Option<Vec<u8>>,
    platform: Option<String>,
    account_email: Option<String>,
    name: Option<String>,
    color: Option<String>,
    entered_id: Option<Uuid>,
    entered: Option<Vec<u8>>,
}

impl Database {
    /// The blocks that overlap `within`, in the order of time.
    pub async fn blocks(&self, provider: ProviderId, within: Interval) -> StoreResult<Vec<Block>> {
        let rows: Vec<Row> = read!(self, |conn| {
            Ok(sqlx::query_as(
            "SELECT u.id, u.starts_at, u.ends_at, u.all_day, u.details AS own_details, u.calendar_id, u.detail_id,
                    e.details, k.platform, k.account_email, c.name, c.color, u.entered_id, n.details AS entered
             FROM unavailabilities u
             LEFT JOIN entered_unavailabilities n ON n.id = u.entered_id
             LEFT JOIN calendars c ON c.id = u.calendar_id
             LEFT JOIN calendar_connections k ON k.id = c.connection_id
             LEFT JOIN calendar_sync_events e ON e.calendar_id = u.calendar_id AND e.external_id = u.detail_id
             WHERE u.provider_id = $1 AND u.ends_at > $2 AND u.starts_at < $3
             ORDER BY u.starts_at, u.ends_at DESC, u.id"
        )
        .bind(provider.0)
        .bind(within.start)
        .bind(within.end)
        .fetch_all(&mut *conn)
        .await?)
        })?;
        rows.into_iter().map(|row| self.block(row)).collect()
    }

    /// How many unavailabilities of their own a provider has that are not over: those kept after refused removals.
    pub async fn count_kept_blocks(&self, provider: ProviderId, now: DateTime<Utc>) -> StoreResult<i64> {
        read!(self, |conn| {
            Ok(sqlx::query_scalar(
                "SELECT COUNT(*) FROM unavailabilities WHERE provider_id = $1 AND ends_at > $2
               AND calendar_id IS NULL AND entered_id IS NULL",
            )
            .bind(provider.0)
            .bind(now)
            .fetch_one(&mut *conn)
            .await?)
        })
    }

    fn block(&self, row: Row) -> StoreResult<Block> {
        let id = UnavailabilityId(row.id);
        let entered = row.entered_id.map(EnteredId);
        let typed = entered.zip(row.entered).map(|(entered, sealed)| self.open_entered(entered, &sealed));
        let details = match (row.calendar_id, row.detail_id, row.details, row.own_details) {
            (Some(calendar), Some(event), Some(sealed), _) => {
                self.open_details(CalendarId(calendar), &event, &sealed)
            }
            (None, _, _, Some(sealed)) => self.open_own_details(id, &sealed),
            _ => Default::default(),
        };
        let source = match (row.platform, row.account_email, row.name) {
            (Some(platform), Some(account), Some(calendar)) => Some(BlockSource {
                platform: platform
                    .parse()
                    .map_err(|_| StoreError::Corrupt { what: "a connection's platform" })?,
                calendar,
                account,
                color: row.color,
            }),
            _ => None,
        };
        Ok(Block {
            id,
            interval: Interval::new(row.starts_at, row.ends_at),
            all_day: row.all_day,
            title: typed.unwrap_or(details.title),
            link: details.link,
            source,
            entered,
        })
    }
}
