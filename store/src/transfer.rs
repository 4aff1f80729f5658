//! All data from one database into another of the other kind, in one transaction: it arrives whole or not at all.
//!
//! What the tables are, what types their columns have and which refer to which is read from PostgreSQL's catalogue, the
//! more precise of the two, so that nothing has to be kept in step with the schema. Ciphertexts go over as they are: no
//! key is needed.

use crate::database::{self, POSTGRES_SCHEMA, SQLITE_SCHEMA};
use chrono::{DateTime, NaiveDate, Utc};
use futures::TryStreamExt as _;
use sha2::{Digest as _, Sha256};
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteLockingMode};
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, QueryBuilder, Row as _, SqliteConnection};
use std::collections::HashSet;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;
use uuid::Uuid;

/// Values that one statement binds, below the limits of both databases.
const BINDS: usize = 15_000;

/// PostgreSQL's code for a lock that was not given in time.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// Belongs to the schema, not to the data.
const MIGRATIONS: &str = "_sqlx_migrations";

/// Says what an installation is: it comes from the source, whatever a first look at the target left there.
const INSTALLATION: &str = "installation";

/// Why the data cannot be moved. Nothing has been changed then, in either database.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    #[error("one of the two addresses must begin with `sqlite:`, the other with `postgres:`")]
    Kinds,
    #[error("there is no database at the address of the {0}")]
    Missing(Side),
    #[error("the {0} cannot be reached")]
    Reach(Side, #[source] sqlx::Error),
    #[error("the {0} is in use: stop `simone serve`, and whatever else has it open, first")]
    InUse(Side),
    #[error(
        "the {0} has the schema of another version of this program: run this version's `simone migrate` on it first"
    )]
    Schema(Side),
    #[error("the schema of the {0} cannot be brought up to date")]
    Migrate(Side, #[source] sqlx::migrate::MigrateError),
    #[error("the target is not empty: there are rows in `{0}`")]
    NotEmpty(String),
    #[error("the column `{0}` has a type that cannot be moved")]
    Type(String),
    #[error("tables refer to each other in a circle")]
    Circle,
    #[error("the table `{0}` cannot be moved")]
    Table(String, #[source] sqlx::Error),
    #[error("the table `{0}` did not arrive as it was")]
    Differs(String),
    #[error("the data cannot be moved")]
    Database(#[from] sqlx::Error),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Source,
    Target,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Target => "target",
        })
    }
}

/// A table that has been moved, and how many rows it has on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    pub table: String,
    pub rows: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Boolean,
    Integer,
    Text,
    Id,
    Bytes,
    Json,
    Instant,
    Date,
}

#[derive(Debug)]
pub(crate) struct Table {
    name: String,
    columns: Vec<(String, Kind)>,
}

/// A value of a row, with its type even where it is NULL, which PostgreSQL wants to know.
enum Value {
    Boolean(Option<bool>),
    Integer(Option<i64>),
    Text(Option<String>),
    Id(Option<Uuid>),
    Bytes(Option<Vec<u8>>),
    Json(Option<Json<serde_json::Value>>),
    Instant(Option<DateTime<Utc>>),
    Date(Option<NaiveDate>),
}

macro_rules! decode {
    ($row:expr, $table:expr) => {
        $table
            .columns
            .iter()
            .enumerate()
            .map(|(index, (_, kind))| {
                Ok(match kind {
                    Kind::Boolean => Value::Boolean($row.try_get(index)?),
                    Kind::Integer => Value::Integer($row.try_get(index)?),
                    Kind::Text => Value::Text($row.try_get(index)?),
                    Kind::Id => Value::Id($row.try_get(index)?),
                    Kind::Bytes => Value::Bytes($row.try_get(index)?),
                    Kind::Json => Value::Json($row.try_get(index)?),
                    Kind::Instant => Value::Instant($row.try_get(index)?),
                    Kind::Date => Value::Date($row.try_get(index)?),
                })
            })
            .collect::<Result<Vec<Value>, sqlx::Error>>()
    };
}

/// How many rows a table has, and a sum over them that does not depend on their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Digest {
    rows: u64,
    sum: [u64; 4],
}

impl Digest {
    fn add(&mut self, row: &[Value]) {
        let mut hash = Sha256::new();
        for value in row {
            // Each value with its length, so that no two rows read the same.
            let bytes: Option<Vec<u8>> = match value {
                Value::Boolean(value) => value.map(|it| vec![u8::from(it)]),
                Value::Integer(value) => value.map(|it| it.to_be_bytes().to_vec()),
                Value::Text(value) => value.as_ref().map(|it| it.as_bytes().to_vec()),
                Value::Id(value) => value.map(|it| it.as_bytes().to_vec()),
                Value::Bytes(value) => value.clone(),
                Value::Json(value) => value.as_ref().map(|it| it.0.to_string().into_bytes()),
                Value::Instant(value) => value.map(|it| it.timestamp_micros().to_be_bytes().to_vec()),
                Value::Date(value) => value.map(|it| it.to_string().into_bytes()),
            };
            hash.update(bytes.as_ref().map_or(u64::MAX, |bytes| bytes.len() as u64).to_be_bytes());
            hash.update(bytes.unwrap_or_default());
        }
        self.rows += 1;
        for (sum, part) in self.sum.iter_mut().zip(hash.finalize().chunks_exact(8)) {
            *sum = sum.wrapping_add(u64::from_be_bytes(part.try_into().expect("eight bytes")));
        }
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Table {
    fn columns(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(|(name, _)| quoted(name)).collect();
        names.join(", ")
    }

    fn select(&self) -> AssertSqlSafe<String> {
        AssertSqlSafe(format!("SELECT {} FROM {}", self.columns(), quoted(&self.name)))
    }
}

/// The tables in an order in which each comes after those that it refers to.
pub(crate) async fn tables(conn: &mut PgConnection) -> Result<Vec<Table>, TransferError> {
    let columns: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT c.relname::text, a.attname::text, t.typname::text FROM pg_class c
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
         JOIN pg_type t ON t.oid = a.atttypid
         WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace AND c.relname <> $1
         ORDER BY c.relname, a.attnum",
    )
    .bind(MIGRATIONS)
    .fetch_all(&mut *conn)
    .await?;
    let references: Vec<(String, String)> = sqlx::query_as(
        "SELECT f.relname::text, t.relname::text FROM pg_constraint r
         JOIN pg_class f ON f.oid = r.conrelid JOIN pg_class t ON t.oid = r.confrelid
         WHERE r.contype = 'f' AND r.connamespace = current_schema()::regnamespace",
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut unplaced: Vec<Table> = Vec::new();
    for (table, column, kind) in columns {
        let kind = match kind.as_str() {
            "bool" => Kind::Boolean,
            "int8" => Kind::Integer,
            "text" | "varchar" => Kind::Text,
            "uuid" => Kind::Id,
            "bytea" => Kind::Bytes,
            "jsonb" => Kind::Json,
            "timestamptz" => Kind::Instant,
            "date" => Kind::Date,
            _ => return Err(TransferError::Type(format!("{table}.{column}"))),
        };
        match unplaced.last_mut() {
            Some(last) if last.name == table => last.columns.push((column, kind)),
            _ => unplaced.push(Table { name: table, columns: vec![(column, kind)] }),
        }
    }
    let mut placed: Vec<Table> = Vec::new();
    let mut names: HashSet<String> = HashSet::new();
    while !unplaced.is_empty() {
        let (ready, waiting) = unplaced.into_iter().partition::<Vec<_>, _>(|table| {
            references.iter().all(|(from, to)| *from != table.name || names.contains(to))
        });
        if ready.is_empty() {
            return Err(TransferError::Circle);
        }
        names.extend(ready.iter().map(|table| table.name.clone()));
        placed.extend(ready);
        unplaced = waiting;
    }
    Ok(placed)
}

macro_rules! digest {
    ($conn:expr, $table:expr) => {{
        let mut digest = Digest::default();
        let mut rows = sqlx::query($table.select()).fetch(&mut *$conn);
        while let Some(row) = rows.try_next().await? {
            digest.add(&decode!(row, $table)?);
        }
        Ok::<_, sqlx::Error>(digest)
    }};
}

/// Streams a table over in batches, and reads it again on the other side.
macro_rules! copy {
    ($from:expr, $to:expr, $table:expr) => {{
        let into = format!("INSERT INTO {} ({}) ", quoted(&$table.name), $table.columns());
        let size = (BINDS / $table.columns.len()).clamp(1, 500);
        let mut digest = Digest::default();
        let mut rows = sqlx::query($table.select()).fetch(&mut *$from);
        loop {
            let mut batch: Vec<Vec<Value>> = Vec::with_capacity(size);
            while batch.len() < size
                && let Some(row) = rows.try_next().await?
            {
                let values = decode!(row, $table)?;
                digest.add(&values);
                batch.push(values);
            }
            if batch.is_empty() {
                break;
            }
            let mut query = QueryBuilder::new(into.as_str());
            query.push_values(batch, |mut row, values| {
                for value in values {
                    match value {
                        Value::Boolean(value) => row.push_bind(value),
                        Value::Integer(value) => row.push_bind(value),
                        Value::Text(value) => row.push_bind(value),
                        Value::Id(value) => row.push_bind(value),
                        Value::Bytes(value) => row.push_bind(value),
                        Value::Json(value) => row.push_bind(value),
                        Value::Instant(value) => row.push_bind(value),
                        Value::Date(value) => row.push_bind(value),
                    };
                }
            });
            query.build().persistent(false).execute(&mut *$to).await?;
        }
        drop(rows);
        let arrived = digest!($to, $table)?;
        Ok::<_, sqlx::Error>((digest, arrived))
    }};
}

macro_rules! copy_all {
    ($from:expr, $to:expr, $tables:expr) => {{
        let mut moved = Vec::new();
        for table in $tables {
            if table.name == INSTALLATION {
                sqlx::query("DELETE FROM installation").execute(&mut *$to).await?;
            }
            let there: bool = sqlx::query_scalar(AssertSqlSafe(format!(
                "SELECT EXISTS (SELECT 1 FROM {})",
                quoted(&table.name)
            )))
            .fetch_one(&mut *$to)
            .await?;
            if there {
                return Err(TransferError::NotEmpty(table.name.clone()));
            }
        }
        for table in $tables {
            let copied: Result<(Digest, Digest), sqlx::Error> = async { copy!($from, $to, table) }.await;
            let (left, arrived) = copied.map_err(|error| TransferError::Table(table.name.clone(), error))?;
            if left != arrived {
                return Err(TransferError::Differs(table.name.clone()));
            }
            moved.push(Moved { table: table.name.clone(), rows: left.rows });
        }
        Ok(moved)
    }};
}

/// From PostgreSQL into SQLite, within transactions of the caller.
pub(crate) async fn copy_to_sqlite(
    from: &mut PgConnection,
    to: &mut SqliteConnection,
    tables: &[Table],
) -> Result<Vec<Moved>, TransferError> {
    copy_all!(from, to, tables)
}

async fn copy_to_postgres(
    from: &mut SqliteConnection,
    to: &mut PgConnection,
    tables: &[Table],
) -> Result<Vec<Moved>, TransferError> {
    copy_all!(from, to, tables)
}

/// Moves everything from the database at `from` into the empty one at `to`, whose schema is made. Neither may be in use
/// meanwhile. The source is left as it was.
pub async fn transfer(from: &str, to: &str) -> Result<Vec<Moved>, TransferError> {
    match (from.starts_with("sqlite:"), to.starts_with("sqlite:")) {
        (true, false) if database::is_postgres(to) => {
            let mut source = whole_sqlite(from, Side::Source).await?;
            check_schema(&sqlite_versions(&mut source).await?, &SQLITE_SCHEMA, Side::Source)?;
            let mut target = whole_postgres(to, Side::Target).await?;
            POSTGRES_SCHEMA
                .run(&mut target)
                .await
                .map_err(|error| TransferError::Migrate(Side::Target, error))?;
            let tables = tables(&mut target).await?;
            let mut reading = source.begin().await?;
            let mut writing = target.begin().await?;
            let moved = copy_to_postgres(&mut reading, &mut writing, &tables).await?;
            writing.commit().await?;
            reading.rollback().await?;
            target.close().await?;
            source.close().await?;
            Ok(moved)
        }
        (false, true) if database::is_postgres(from) => {
            let mut source = whole_postgres(from, Side::Source).await?;
            check_schema(&postgres_versions(&mut source).await?, &POSTGRES_SCHEMA, Side::Source)?;
            let mut target = whole_sqlite(to, Side::Target).await?;
            SQLITE_SCHEMA
                .run(&mut target)
                .await
                .map_err(|error| TransferError::Migrate(Side::Target, error))?;
            let tables = tables(&mut source).await?;
            let mut reading = source.begin().await?;
            let mut writing = target.begin_with("BEGIN IMMEDIATE").await?;
            let moved = copy_to_sqlite(&mut reading, &mut writing, &tables).await?;
            writing.commit().await?;
            reading.rollback().await?;
            target.close().await?;
            source.close().await?;
            Ok(moved)
        }
        _ => Err(TransferError::Kinds),
    }
}

/// A connection that has the file to itself: SQLite's own lock, which everyone who has the file open holds a share of.
async fn whole_sqlite(url: &str, side: Side) -> Result<SqliteConnection, TransferError> {
    let options = SqliteConnectOptions::from_str(url).map_err(|error| TransferError::Reach(side, error))?;
    if side == Side::Target {
        database::make_private(options.get_filename())
            .map_err(|error| TransferError::Reach(side, sqlx::Error::Io(error)))?;
    } else if !options.get_filename().exists() {
        return Err(TransferError::Missing(side));
    }
    let options = options
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(2))
        .locking_mode(SqliteLockingMode::Exclusive)
        .journal_mode(SqliteJournalMode::Wal);
    let reach = |error: sqlx::Error| match error {
        sqlx::Error::Database(error) if error.message().contains("locked") => TransferError::InUse(side),
        error => TransferError::Reach(side, error),
    };
    let mut conn = SqliteConnection::connect_with(&options).await.map_err(reach)?;
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut conn).await.map_err(reach)?;
    sqlx::query("COMMIT").execute(&mut conn).await.map_err(reach)?;
    Ok(conn)
}

/// A connection that has the database to itself: every connection of the product holds a share of the same lock.
async fn whole_postgres(url: &str, side: Side) -> Result<PgConnection, TransferError> {
    let mut conn = PgConnection::connect(url).await.map_err(|error| TransferError::Reach(side, error))?;
    // Whoever has just left may still be seen for a moment.
    sqlx::query("SET lock_timeout = '2s'").execute(&mut conn).await?;
    match sqlx::query("SELECT pg_advisory_lock($1)").bind(database::IN_USE).execute(&mut conn).await {
        Ok(_) => {}
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(LOCK_NOT_AVAILABLE) => {
            return Err(TransferError::InUse(side));
        }
        Err(error) => return Err(error.into()),
    }
    sqlx::query("SET lock_timeout = 0").execute(&mut conn).await?;
    Ok(conn)
}

async fn sqlite_versions(conn: &mut SqliteConnection) -> Result<Vec<i64>, TransferError> {
    let migrated: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = '_sqlx_migrations')")
            .fetch_one(&mut *conn)
            .await?;
    if !migrated {
        return Ok(Vec::new());
    }
    Ok(sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success ORDER BY version")
        .fetch_all(&mut *conn)
        .await?)
}

pub(crate) async fn postgres_versions(conn: &mut PgConnection) -> Result<Vec<i64>, TransferError> {
    let migrated: bool = sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
        .fetch_one(&mut *conn)
        .await?;
    if !migrated {
        return Ok(Vec::new());
    }
    Ok(sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success ORDER BY version")
        .fetch_all(&mut *conn)
        .await?)
}

pub(crate) fn check_schema(applied: &[i64], schema: &Migrator, side: Side) -> Result<(), TransferError> {
    let wanted: Vec<i64> = schema.iter().map(|migration| migration.version).collect();
    if applied == wanted { Ok(()) } else { Err(TransferError::Schema(side)) }
}

/// The schema of a database as it stands, without opening it for use: how many migrations are applied, of how many, and
/// whether they are this version's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schema {
    pub applied: usize,
    pub known: usize,
    pub current: bool,
}

/// Looks at a database's schema and changes nothing.
pub async fn schema(url: &str) -> Result<Schema, TransferError> {
    let reach = |error| TransferError::Reach(Side::Source, error);
    let (applied, wanted) = if url.starts_with("sqlite:") {
        let options = SqliteConnectOptions::from_str(url).map_err(reach)?;
        if !Path::new(options.get_filename()).exists() {
            return Err(TransferError::Missing(Side::Source));
        }
        let mut conn = SqliteConnection::connect_with(&options.read_only(true)).await.map_err(reach)?;
        (sqlite_versions(&mut conn).await?, &SQLITE_SCHEMA)
    } else if database::is_postgres(url) {
        let mut conn = PgConnection::connect(url).await.map_err(reach)?;
        (postgres_versions(&mut conn).await?, &POSTGRES_SCHEMA)
    } else {
        return Err(TransferError::Kinds);
    };
    Ok(Schema {
        applied: applied.len(),
        known: wanted.iter().count(),
        current: check_schema(&applied, wanted, Side::Source).is_ok(),
    })
}
