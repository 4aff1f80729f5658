//! Which columns hold ciphertexts, and under which keys they are. The one list: what is not on it is not rotated, so a
//! test compares it with the schema.

use crate::Database;
use crate::crypto::{LONGEST_PREFIX, key_of, prefix};
use crate::database::read;
use simone_sync::ports::StoreResult;
use sqlx::QueryBuilder;

/// A column that holds ciphertexts.
#[derive(Clone, Copy, Debug)]
pub struct SealedColumn {
    pub table: &'static str,
    pub column: &'static str,
    /// The columns that name a row in [`crate::crypto::Place::row`], in its order. Unique together, so that they order
    /// the rows too.
    pub row: &'static [(&'static str, Part)],
}

/// The type of a column that names a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Id,
    Bytes,
    Text,
}

/// Every column that is sealed.
pub const SEALED: &[SealedColumn] = &[
    SealedColumn { table: "calendar_connections", column: "access_token", row: &[("id", Part::Id)] },
    SealedColumn { table: "calendar_connections", column: "refresh_token", row: &[("id", Part::Id)] },
    SealedColumn {
        table: "calendar_sync_events",
        column: "details",
        row: &[("calendar_id", Part::Id), ("external_id", Part::Text)],
    },
    SealedColumn { table: "unavailabilities", column: "details", row: &[("id", Part::Id)] },
    SealedColumn { table: "calendar_sync_changes", column: "changes", row: &[("id", Part::Id)] },
    SealedColumn { table: "oauth_attempts", column: "verifier", row: &[("state_hash", Part::Bytes)] },
    SealedColumn { table: "entered_unavailabilities", column: "details", row: &[("id", Part::Id)] },
    SealedColumn { table: "bookings", column: "client", row: &[("id", Part::Id)] },
    SealedColumn { table: "bookings", column: "link", row: &[("id", Part::Id)] },
    SealedColumn {
        table: "calendar_exported_bookings",
        column: "content",
        row: &[("connection_id", Part::Id), ("booking_id", Part::Id), ("name", Part::Text)],
    },
    SealedColumn { table: "deliveries", column: "message", row: &[("cause", Part::Text)] },
];

/// Every other column of bytes that are no id: hashes.
pub const NOT_SEALED: &[(&str, &str)] = &[
    ("sessions", "token_hash"),
    ("login_tokens", "token_hash"),
    ("api_tokens", "token_hash"),
    ("bookings", "link_hash"),
    ("booking_requests", "key_hash"),
    ("booking_requests", "request_hash"),
    ("oauth_attempts", "state_hash"),
    ("oauth_attempts", "session_hash"),
];

/// How many ciphertexts of a column are under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyCount {
    pub table: &'static str,
    pub column: &'static str,
    /// `None`: they name no key at all, so nothing can open them.
    pub key: Option<String>,
    pub rows: i64,
}

impl Database {
    /// Under which keys all that is sealed is.
    pub async fn key_counts(&self) -> StoreResult<Vec<KeyCount>> {
        let mut counts = Vec::new();
        for sealed in SEALED {
            // The keys are found one after another: each time a row under none of those that were found names the next.
            let mut known: Vec<String> = self.keys.names().map(str::to_owned).collect();
            for key in &known {
                counts.push((sealed, Some(key.clone()), self.count_under(sealed, key).await?));
            }
            while let Some(beginning) = self.beginning_under_none_of(sealed, &known).await? {
                let Some(key) = key_of(&beginning).map(str::to_owned) else {
                    let all = self.count_sealed(sealed).await?;
                    let named: i64 = counts
                        .iter()
                        .filter(|(of, ..)| std::ptr::eq(*of, sealed))
                        .map(|(.., rows)| rows)
                        .sum();
                    counts.push((sealed, None, all - named));
                    break;
                };
                counts.push((sealed, Some(key.clone()), self.count_under(sealed, &key).await?));
                known.push(key);
            }
        }
        let count = |(sealed, key, rows): (&SealedColumn, Option<String>, i64)| KeyCount {
            table: sealed.table,
            column: sealed.column,
            key,
            rows,
        };
        Ok(counts.into_iter().filter(|(.., rows)| *rows > 0).map(count).collect())
    }

    pub(crate) async fn count_sealed(&self, sealed: &SealedColumn) -> StoreResult<i64> {
        let SealedColumn { table, column, .. } = sealed;
        read!(self, |conn| {
            let mut query = QueryBuilder::new(format!("SELECT COUNT({column}) FROM {table}"));
            Ok(query.build_query_scalar().fetch_one(&mut *conn).await?)
        })
    }

    pub(crate) async fn count_under(&self, sealed: &SealedColumn, key: &str) -> StoreResult<i64> {
        let SealedColumn { table, column, .. } = sealed;
        let prefix = prefix(key);
        read!(self, |conn| {
            let mut query = QueryBuilder::new(format!(
                "SELECT COUNT(*) FROM {table} WHERE substr({column}, 1, {}) = ",
                prefix.len()
            ));
            query.push_bind(&prefix);
            Ok(query.build_query_scalar().fetch_one(&mut *conn).await?)
        })
    }

    /// How a ciphertext begins that is under none of these keys, if there is one.
    async fn beginning_under_none_of(
        &self,
        sealed: &SealedColumn,
        keys: &[String],
    ) -> StoreResult<Option<Vec<u8>>> {
        let SealedColumn { table, column, .. } = sealed;
        read!(self, |conn| {
            let mut query = QueryBuilder::new(format!(
                "SELECT substr({column}, 1, {LONGEST_PREFIX}) FROM {table} WHERE {column} IS NOT NULL"
            ));
            for key in keys {
                let prefix = prefix(key);
                query.push(format!(" AND substr({column}, 1, {}) <> ", prefix.len())).push_bind(prefix);
            }
            query.push(" LIMIT 1");
            Ok(query.build_query_scalar().fetch_optional(&mut *conn).await?)
        })
    }
}
