//! Keys: whether those that are configured fit the data, and sealing everything anew under the current one.
//!
//! The canary is a ciphertext in `installation` that tells at the start, before anything is written under another key,
//! that a key is missing. It is sealed anew last, so that it stands for all the rest.

use crate::Database;
use crate::crypto::{Place, key_of, prefix};
use crate::database::{for_update, read, write};
use crate::sealed::{KeyCount, Part, SEALED, SealedColumn};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use simone_sync::ports::StoreResult;
use sqlx::{QueryBuilder, Row as _};
use std::collections::BTreeSet;
use uuid::Uuid;

const CANARY: &str = "canary";

/// The key that the product seals with, as of its last start.
const SERVED: &str = "served_key";

const fn canary_place() -> Place<'static> {
    Place { table: "installation", column: "value", row: &[b"canary"] }
}

/// Rows that one transaction seals anew: few enough that nobody waits for it.
const BATCH: usize = 500;

/// Rows that others write meanwhile are come back to this often.
const PASSES: usize = 4;

/// Why these keys are not to be used on this database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysRefused {
    #[error("what is stored is sealed under the key `{}`, which is missing", .0.join("`, `"))]
    Missing(Vec<String>),
    #[error("what is stored is sealed under another key of the same id, `{0}`")]
    Another(String),
}

/// How far a rotation is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub table: &'static str,
    pub column: &'static str,
    /// Rows looked at, of all that were to be looked at when it began with this column.
    pub done: i64,
    pub of: i64,
}

/// What a rotation came to.
#[derive(Clone, Debug, Default)]
pub struct Rotation {
    pub resealed: i64,
    /// What no configured key opened, whatever key it says it is under.
    pub unopened: i64,
    /// What is not under the current key, read from the data after the last row was written.
    pub left: Vec<KeyCount>,
    /// Keys that are configured, and that nothing is sealed under any more.
    pub removable: Vec<String>,
}

/// What names a row, as it is in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    Id(Uuid),
    Bytes(Vec<u8>),
    Text(String),
}

impl Key {
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Id(id) => id.as_bytes(),
            Self::Bytes(bytes) => bytes,
            Self::Text(text) => text.as_bytes(),
        }
    }
}

macro_rules! push_key {
    ($query:expr, $key:expr) => {
        match $key {
            Key::Id(id) => $query.push_bind(*id),
            Key::Bytes(bytes) => $query.push_bind(bytes.clone()),
            Key::Text(text) => $query.push_bind(text.clone()),
        }
    };
}

/// What came of one batch.
#[derive(Default)]
struct Batch {
    looked_at: i64,
    resealed: i64,
    /// The last row that was looked at.
    last: Option<Vec<Key>>,
    /// Rows that no key of ours opens.
    unopened: Vec<Vec<Key>>,
}

impl Database {
    /// Whether these keys fit the data. The first time, and while nothing is sealed yet, the canary is written.
    pub async fn check_keys(&self) -> StoreResult<Result<(), KeysRefused>> {
        if let Some(canary) = self.installation(CANARY).await? {
            let canary = STANDARD.decode(canary).unwrap_or_default();
            if self.keys.open(canary_place(), &canary).is_ok() {
                return Ok(Ok(()));
            }
            let mut any = false;
            for sealed in SEALED {
                any = any || self.count_sealed(sealed).await? > 0;
            }
            if any {
                return Ok(Err(match key_of(&canary).filter(|key| self.keys.names().any(|it| it == *key)) {
                    Some(key) => KeysRefused::Another(key.to_owned()),
                    None => KeysRefused::Missing(key_of(&canary).map(str::to_owned).into_iter().collect()),
                }));
            }
        } else {
            // Of a version that had no canary: the rows themselves tell.
            let missing: BTreeSet<String> = self
                .key_counts()
                .await?
                .into_iter()
                .filter_map(|count| count.key)
                .filter(|key| self.keys.names().all(|it| it != key))
                .collect();
            if !missing.is_empty() {
                return Ok(Err(KeysRefused::Missing(missing.into_iter().collect())));
            }
        }
        self.set_canary().await?;
        Ok(Ok(()))
    }

    /// The product starts, and knows all keys that are configured.
    pub async fn note_served_key(&self) -> StoreResult<()> {
        if self.served_key().await?.as_deref() == Some(self.keys.current()) {
            return Ok(());
        }
        self.set_installation(SERVED, self.keys.current()).await
    }

    /// The key that the product seals with; `None` before it was first started.
    pub async fn served_key(&self) -> StoreResult<Option<String>> {
        self.installation(SERVED).await
    }

    async fn set_canary(&self) -> StoreResult<()> {
        let sealed = self.keys.seal(canary_place(), b"This installation's keys open this.");
        self.set_installation(CANARY, &STANDARD.encode(sealed)).await
    }

    /// Seals everything anew under the current key. May stop anywhere and be repeated: what is still to be done is read
    /// from the ciphertexts. Works beside processes that have both keys.
    ///
    /// `lost`: a missing key will not come back. What only it can open stays as it is, in case it does; the canary no
    /// longer asks for it, and the calendars with such titles are read again from the beginning.
    pub async fn rotate_keys(&self, lost: bool, mut tell: impl FnMut(Progress)) -> StoreResult<Rotation> {
        let mut rotation = Rotation::default();
        for _ in 0..PASSES {
            let before = rotation.resealed;
            rotation.unopened = 0;
            for sealed in SEALED {
                self.reseal_column(sealed, lost, &mut rotation, &mut tell).await?;
            }
            if rotation.resealed == before {
                break;
            }
        }
        if lost {
            // Who has lost their access is told at once.
            write!(self, |conn| {
                sqlx::query("UPDATE calendar_connections SET wanted = wanted + 1 WHERE status IN ('connected', 'disconnecting')")
                    .execute(&mut *conn)
                    .await?;
                Ok(())
            })?;
        }
        let current = self.keys.current();
        let counts = self.key_counts().await?;
        let in_use = |key: &str| counts.iter().any(|count| count.key.as_deref() == Some(key));
        rotation.removable =
            self.keys.names().filter(|key| *key != current && !in_use(key)).map(str::to_owned).collect();
        if self.keys.names().all(|key| key == current || !in_use(key)) {
            self.set_canary().await?;
        }
        rotation.left = counts.into_iter().filter(|count| count.key.as_deref() != Some(current)).collect();
        Ok(rotation)
    }

    /// `all`: looks at every row, also at those that say they are under the current key, and has what cannot be opened
    /// read again.
    async fn reseal_column(
        &self,
        sealed: &SealedColumn,
        all: bool,
        rotation: &mut Rotation,
        tell: &mut impl FnMut(Progress),
    ) -> StoreResult<()> {
        let mut of = self.count_sealed(sealed).await?;
        if !all {
            of -= self.count_under(sealed, self.keys.current()).await?;
        }
        let (mut done, mut after) = (0, None);
        let mut reread = BTreeSet::new();
        loop {
            let batch = self.reseal_batch(sealed, all, after.as_deref()).await?;
            rotation.resealed += batch.resealed;
            for key in batch.unopened {
                rotation.unopened += 1;
                if let (true, "calendar_sync_events", [Key::Id(calendar), ..]) =
                    (all, sealed.table, key.as_slice())
                {
                    reread.insert(*calendar);
                }
            }
            let Some(last) = batch.last else { break };
            done += batch.looked_at;
            tell(Progress { table: sealed.table, column: sealed.column, done, of: of.max(done) });
            after = Some(last);
        }
        for calendar in reread {
            self.read_again(calendar).await?;
        }
        Ok(())
    }

    async fn reseal_batch(
        &self,
        sealed: &SealedColumn,
        all: bool,
        after: Option<&[Key]>,
    ) -> StoreResult<Batch> {
        let SealedColumn { table, column, row } = *sealed;
        let names: Vec<&str> = row.iter().map(|(name, _)| *name).collect();
        let names = names.join(", ");
        let current = prefix(self.keys.current());
        // Whoever holds a row is not waited for, so that no one who holds several can wait for us in turn; the next
        // pass comes back to it.
        let lock = for_update!(self, "").trim_start();
        write!(self, |conn| {
            let mut query = QueryBuilder::new(format!(
                "SELECT {names}, {column} FROM {table} WHERE {column} IS NOT NULL"
            ));
            if !all {
                query.push(format!(" AND substr({column}, 1, {}) <> ", current.len())).push_bind(&current);
            }
            if let Some(after) = after {
                query.push(format!(" AND ({names}) > ("));
                for (index, key) in after.iter().enumerate() {
                    query.push(if index == 0 { "" } else { ", " });
                    push_key!(query, key);
                }
                query.push(")");
            }
            query.push(format!(" ORDER BY {names} LIMIT {BATCH} {lock}"));
            if !lock.is_empty() {
                query.push(" SKIP LOCKED");
            }
            let rows = query.build().fetch_all(&mut *conn).await?;
            let mut batch = Batch::default();
            for found in rows {
                let mut key = Vec::with_capacity(row.len());
                for (index, (_, part)) in row.iter().enumerate() {
                    key.push(match part {
                        Part::Id => Key::Id(found.try_get(index)?),
                        Part::Bytes => Key::Bytes(found.try_get(index)?),
                        Part::Text => Key::Text(found.try_get(index)?),
                    });
                }
                let old: Vec<u8> = found.try_get(row.len())?;
                let parts: Vec<&[u8]> = key.iter().map(Key::as_bytes).collect();
                let place = Place { table, column, row: &parts };
                batch.looked_at += 1;
                match self.keys.open(place, &old) {
                    Err(_) => batch.unopened.push(key.clone()),
                    Ok(_) if old.starts_with(&current) => {}
                    Ok(plain) => {
                        let mut query = QueryBuilder::new(format!("UPDATE {table} SET {column} = "));
                        query.push_bind(self.keys.seal(place, &plain));
                        // Whoever wrote meanwhile wins.
                        query.push(format!(" WHERE {column} = ")).push_bind(&old);
                        for ((name, _), key) in row.iter().zip(&key) {
                            query.push(format!(" AND {name} = "));
                            push_key!(query, key);
                        }
                        let updated = query.build().execute(&mut *conn).await?.rows_affected();
                        batch.resealed += i64::try_from(updated).unwrap_or(0);
                    }
                }
                batch.last = Some(key);
            }
            Ok(batch)
        })
    }

    /// The next round lists the calendar in full and takes every event for changed: what cannot be opened comes back.
    async fn read_again(&self, calendar: Uuid) -> StoreResult<()> {
        write!(self, |conn| {
            for sql in [
                // A round that is reading it now has compared already: it is overtaken.
                "UPDATE calendar_connections SET epoch = epoch + 1
                 WHERE id = (SELECT connection_id FROM calendars WHERE id = $1)",
                "UPDATE calendars SET cursor = NULL WHERE id = $1",
                "UPDATE calendar_sync_events SET revision = '' WHERE calendar_id = $1",
            ] {
                sqlx::query(sql).bind(calendar).execute(&mut *conn).await?;
            }
            Ok(())
        })
    }

    /// Whether a connection's stored refresh token is this ciphertext's, whatever key either is under; then the stored
    /// ciphertext.
    pub(crate) async fn same_token(&self, connection: Uuid, seal: &[u8]) -> StoreResult<Option<Vec<u8>>> {
        let stored: Option<Option<Vec<u8>>> = read!(self, |conn| Ok(sqlx::query_scalar(
            "SELECT refresh_token FROM calendar_connections WHERE id = $1"
        )
        .bind(connection)
        .fetch_optional(&mut *conn)
        .await?))?;
        let row: &[&[u8]] = &[connection.as_bytes()];
        let open =
            |sealed: &[u8]| self.keys.open(crate::rounds::token_place("refresh_token", row), sealed).ok();
        Ok(stored.flatten().filter(|stored| {
            stored.as_slice() != seal && open(stored).is_some_and(|plain| Some(plain) == open(seal))
        }))
    }
}
