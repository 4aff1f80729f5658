//! Stamps: whether what a provider's pages show has changed. Open pages watch theirs.
//!
//! A stamp is derived from the tables, so that it is the same in every process and outlives a restart. It follows the
//! counters and instants that every transaction on which a page depends moves, not the rows that the page shows: it
//! costs a few short reads however much there is to see.

use crate::Database;
use crate::database::read;
use crate::sessions::TokenHash;
use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};
use simone_sync::ports::StoreResult;
use sqlx::QueryBuilder;
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use uuid::Uuid;

/// Sessions asked for in one statement, below what SQLite binds.
const CHUNK: usize = 500;

/// What a provider's pages show, as 16 hexadecimal digits. Says nothing of what that is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stamp(String);

impl Stamp {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The provider: deriving, and what they chose about themselves. Every choice about calendars, and
/// every booking, raises `derive_wanted`; conflicts are found by deriving.
type ProviderFacts = (String, Option<String>, String, String, i64, i64, Option<DateTime<Utc>>);

#[derive(Debug, sqlx::FromRow)]
#[expect(dead_code, reason = "written into the stamp by `Debug`")]
struct ConnectionFacts {
    id: Uuid,
    status: String,
    /// Raised by each lease, each unselection, each disconnect.
    epoch: i64,
    leased: bool,
    wanted: i64,
    covered: i64,
    exports_wanted: i64,
    exports_done: i64,
    /// Set anew by each round's end, which also writes the log.
    next_sync_at: DateTime<Utc>,
    calendars_listed_at: Option<DateTime<Utc>>,
    pages_read: i64,
    events_read: i64,
}

/// Notices, and how many of them were read and settled.
type NoticeFacts = (i64, i64, i64, Option<DateTime<Utc>>);

impl Database {
    /// The stamps of those sessions that someone is logged in with and that have not ended.
    pub async fn stamps(
        &self,
        sessions: &[TokenHash],
        now: DateTime<Utc>,
    ) -> StoreResult<HashMap<TokenHash, Stamp>> {
        let mut stamps = HashMap::with_capacity(sessions.len());
        for sessions in sessions.chunks(CHUNK) {
            self.stamps_of(sessions, now, &mut stamps).await?;
        }
        Ok(stamps)
    }

    async fn stamps_of(
        &self,
        sessions: &[TokenHash],
        now: DateTime<Utc>,
        stamps: &mut HashMap<TokenHash, Stamp>,
    ) -> StoreResult<()> {
        read!(self, |conn| {
            let mut query =
                QueryBuilder::new("SELECT token_hash, provider_id FROM sessions WHERE expires_at > ");
            query.push_bind(now).push(" AND provider_id IS NOT NULL AND token_hash IN (");
            let mut list = query.separated(", ");
            for session in sessions {
                list.push_bind(session.as_slice());
            }
            query.push(")");
            let owners: Vec<(Vec<u8>, Uuid)> =
                query.build_query_as().persistent(false).fetch_all(&mut *conn).await?;
            let providers: HashSet<Uuid> = owners.iter().map(|(_, provider)| *provider).collect();
            if providers.is_empty() {
                return Ok(());
            }
            let mut of: HashMap<Uuid, Sha256> = HashMap::with_capacity(providers.len());
            macro_rules! gather {
                ($row:ty, $select:literal, $rest:literal) => {
                    let mut query = QueryBuilder::new(concat!("SELECT ", $select, " IN ("));
                    let mut list = query.separated(", ");
                    for provider in &providers {
                        list.push_bind(*provider);
                    }
                    query.push(concat!(") ", $rest));
                    for row in query.build().persistent(false).fetch_all(&mut *conn).await? {
                        let provider: Uuid = sqlx::Row::try_get(&row, "of_provider")?;
                        let facts = <$row as sqlx::FromRow<'_, _>>::from_row(&row)?;
                        of.entry(provider).or_default().update(format!("{facts:?}\n"));
                    }
                };
            }
            gather!(
                ProviderFacts,
                "time_zone, zone_kept, locale, name, derive_wanted, derive_done, derived_at, id AS of_provider
                 FROM providers WHERE id",
                ""
            );
            gather!(
                ConnectionFacts,
                "id, status, epoch, leased_until IS NOT NULL AS leased, wanted, covered, exports_wanted,
                        exports_done, next_sync_at,
                        calendars_listed_at, pages_read, events_read, provider_id AS of_provider
                 FROM calendar_connections WHERE provider_id",
                "ORDER BY id"
            );
            gather!(
                NoticeFacts,
                "COUNT(*), COUNT(read_at), COUNT(settled_at), MAX(created_at), provider_id AS of_provider
                 FROM notices WHERE provider_id",
                "GROUP BY provider_id"
            );
            let of: HashMap<Uuid, Stamp> =
                of.into_iter().map(|(id, digest)| (id, stamp(&digest.finalize()))).collect();
            for (session, provider) in owners {
                if let (Ok(session), Some(stamp)) = (TokenHash::try_from(session), of.get(&provider)) {
                    stamps.insert(session, stamp.clone());
                }
            }
            Ok(())
        })
    }
}

fn stamp(digest: &[u8]) -> Stamp {
    Stamp(digest.iter().take(8).fold(String::with_capacity(16), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    }))
}
