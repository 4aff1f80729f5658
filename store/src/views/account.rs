//! What the account page shows before a provider's zone changes.

use super::Block;
use crate::Database;
use crate::database::read;
use chrono::{DateTime, TimeDelta, Utc};
use simone_booking::{Horizon, Interval, Provider};
use simone_sync::ports::StoreResult;

/// How far ahead examples are looked for.
const EXAMPLES_WITHIN: TimeDelta = TimeDelta::days(30);

/// What a change of zone touches.
#[derive(Clone, Debug)]
pub struct ZonePreview {
    /// All-day blocks to come.
    pub all_day: i64,
    /// The next all-day blocks and the next timed ones, two of each at most.
    pub examples: Vec<Block>,
}

impl Database {
    /// What changes for a provider when their zone does.
    pub async fn zone_preview(&self, provider: &Provider, now: DateTime<Utc>) -> StoreResult<ZonePreview> {
        let all_day: i64 = read!(self, |conn| {
            Ok(sqlx::query_scalar(
            "SELECT COUNT(*) FROM unavailabilities
             WHERE provider_id = $1 AND all_day AND (calendar_id IS NOT NULL OR entered_id IS NOT NULL) AND ends_at > $2"
        )
        .bind(provider.id.0)
        .bind(now)
        .fetch_one(&mut *conn)
        .await?)
        })?;
        let start = Horizon::at(now, provider.zone).interval().start;
        let ahead = self.blocks(provider.id, Interval::new(start, start + EXAMPLES_WITHIN)).await?;
        let next = |all_day: bool| {
            ahead
                .iter()
                .filter(move |block| block.all_day == all_day && block.source.is_some())
                .filter(|block| block.interval.end > now)
                .take(2)
                .cloned()
        };
        Ok(ZonePreview { all_day, examples: next(true).chain(next(false)).collect() })
    }
}
