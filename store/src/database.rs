//! The two databases behind one type, and the macros that run one body on either.

use crate::Keyring;
use simone_booking::Ids;
use simone_sync::ports::{StoreError, StoreResult};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// SQLite embedded, or PostgreSQL. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    pub(crate) pool: Pool,
    pub(crate) keys: Arc<Keyring>,
    pub(crate) ids: Arc<Ids>,
    /// What markers on events name this installation by. A copy of the database keeps it.
    pub(crate) installation: Uuid,
    /// Whether a marketplace is told of bookings and conflicts.
    pub(crate) webhooks: bool,
}

/// The connections.
#[derive(Clone, Debug)]
pub(crate) enum Pool {
    Sqlite {
        /// One connection, whose transactions begin with `BEGIN IMMEDIATE`: a deferred one that later writes fails
        /// with BUSY under load.
        writer: SqlitePool,
        readers: SqlitePool,
    },
    Postgres(PgPool),
}

/// Where the data is.
#[derive(Clone, Debug)]
pub struct Options {
    /// `sqlite:PATH`, `sqlite::memory:` or `postgres://…`.
    pub url: String,
    /// The most connections that are held to PostgreSQL, or readers of SQLite.
    pub connections: u32,
}

/// Why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the database address begins with neither `sqlite:` nor `postgres:`")]
    Address,
    #[error("the database cannot be reached")]
    Reach(#[source] sqlx::Error),
    #[error("the database's schema cannot be brought up to date")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    #[error("the database cannot be prepared")]
    Prepare(#[source] StoreError),
}

pub(crate) static SQLITE_SCHEMA: sqlx::migrate::Migrator = sqlx::migrate!("../migrations/sqlite");
pub(crate) static POSTGRES_SCHEMA: sqlx::migrate::Migrator = sqlx::migrate!("../migrations/postgres");

/// The lock that every connection to PostgreSQL holds a share of, and that moving the data takes whole. (On SQLite the
/// file's own lock is that.)
pub(crate) const IN_USE: i64 = 0x5349_4d4f_4e45;

/// A PostgreSQL that answers nothing for this long, as behind a network that swallows everything, is given up for this
/// time. Longer than the largest calendar takes to be written, shorter than a lease.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Long enough for a busy moment, short enough that whoever waits for a page is told.
const ACQUIRE: Duration = Duration::from_secs(5);

pub(crate) fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres:") || url.starts_with("postgresql:")
}

/// A new file that its owner alone may read; an error if there is one.
pub(crate) fn create_private(file: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}

/// Sees to it that there is a file, and makes it readable by its owner alone if it is new.
pub(crate) fn make_private(file: &Path) -> std::io::Result<()> {
    match create_private(file) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

impl Database {
    /// Opens the database and brings its schema up to date.
    pub async fn open(options: &Options, keys: Arc<Keyring>, ids: Arc<Ids>) -> Result<Self, OpenError> {
        let pool = if options.url.starts_with("sqlite:") {
            open_sqlite(options).await?
        } else if is_postgres(&options.url) {
            let connect = PgConnectOptions::from_str(&options.url).map_err(OpenError::Reach)?;
            let pool = PgPoolOptions::new()
                .max_connections(options.connections)
                .acquire_timeout(ACQUIRE)
                .after_connect(|conn, _| {
                    Box::pin(async move {
                        sqlx::query("SELECT pg_advisory_lock_shared($1)").bind(IN_USE).execute(conn).await?;
                        Ok(())
                    })
                })
                .connect_with(connect.application_name("simone"))
                .await
                .map_err(OpenError::Reach)?;
            POSTGRES_SCHEMA.run(&pool).await.map_err(OpenError::Migrate)?;
            Pool::Postgres(pool)
        } else {
            return Err(OpenError::Address);
        };
        let mut database = Self { pool, installation: ids.id(), keys, ids, webhooks: false };
        database.installation = database.name_installation().await.map_err(OpenError::Prepare)?;
        database.mark_other_versions().await.map_err(OpenError::Prepare)?;
        Ok(database)
    }

    /// The id that this installation has had since its first start.
    async fn name_installation(&self) -> StoreResult<Uuid> {
        let proposed = self.installation.to_string();
        let named: String = write!(self, |conn| {
            sqlx::query(
                "INSERT INTO installation (name, value) VALUES ('id', $1) ON CONFLICT (name) DO NOTHING",
            )
            .bind(&proposed)
            .execute(&mut *conn)
            .await?;
            Ok(sqlx::query_scalar("SELECT value FROM installation WHERE name = 'id'")
                .fetch_one(&mut *conn)
                .await?)
        })?;
        named.parse().map_err(|_| StoreError::Corrupt { what: "the installation's id" })
    }

    /// `sqlite` or `postgres`.
    pub const fn kind(&self) -> &'static str {
        match self.pool {
            Pool::Sqlite { .. } => "sqlite",
            Pool::Postgres(_) => "postgres",
        }
    }

    /// How many rows were inserted, updated and deleted: by this process on SQLite, by everyone on PostgreSQL, where
    /// only what this connection pool's one connection did is counted at once. For benchmarks.
    pub async fn rows_written(&self) -> StoreResult<i64> {
        match &self.pool {
            Pool::Sqlite { writer, .. } => {
                sqlx::query_scalar("SELECT total_changes()").fetch_one(writer).await
            }
            Pool::Postgres(pool) => {
                if let Err(error) = sqlx::query("SELECT pg_stat_force_next_flush()").execute(pool).await {
                    Err(error)
                } else {
                    sqlx::query_scalar(
                        "SELECT COALESCE(SUM(n_tup_ins + n_tup_upd + n_tup_del), 0)::BIGINT FROM pg_stat_user_tables",
                    )
                    .fetch_one(pool)
                    .await
                }
            }
        }
        .map_err(StoreError::database)
    }

    /// Ends all connections; what is under way is awaited.
    pub async fn close(&self) {
        match &self.pool {
            Pool::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Pool::Postgres(pool) => pool.close().await,
        }
    }
}

async fn open_sqlite(options: &Options) -> Result<Pool, OpenError> {
    let in_memory = options.url.contains(":memory:");
    let connect = SqliteConnectOptions::from_str(&options.url).map_err(OpenError::Reach)?;
    if !in_memory {
        // It holds what is personal: SQLite gives its journal the same permissions.
        make_private(connect.get_filename()).map_err(|error| OpenError::Reach(sqlx::Error::Io(error)))?;
    }
    let connect = connect
        .create_if_missing(true)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(10))
        .journal_mode(SqliteJournalMode::Wal)
        // Room for what a first import writes (in KiB), so that it is not spilled before it is committed.
        .pragma("cache_size", "-16384")
        // With WAL, NORMAL loses no consistency; FULL also keeps the last transactions through a power cut.
        .synchronous(if in_memory { SqliteSynchronous::Off } else { SqliteSynchronous::Full })
        .statement_cache_capacity(256);
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .min_connections(1)
        // There is no network on which it could have been lost; what fails is given up where it fails.
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(Duration::from_secs(30))
        .connect_with(connect.clone())
        .await
        .map_err(OpenError::Reach)?;
    SQLITE_SCHEMA.run(&writer).await.map_err(OpenError::Migrate)?;
    // A database in memory lives in its one connection.
    let readers = if in_memory {
        writer.clone()
    } else {
        SqlitePoolOptions::new()
            .max_connections(options.connections)
            .test_before_acquire(false)
            .acquire_timeout(ACQUIRE)
            .connect_with(connect.read_only(true))
            .await
            .map_err(OpenError::Reach)?
    };
    Ok(Pool::Sqlite { writer, readers })
}

/// What may go wrong inside a body; becomes a [`StoreError`] where the body ends.
#[derive(Debug)]
pub(crate) enum Failure {
    Sqlx(sqlx::Error),
    Store(StoreError),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Sqlx(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Sqlx(error) => Self::database(error),
            Failure::Store(error) => error,
        }
    }
}

/// Runs a body that only reads: `read!(db, |conn| { … Ok(value) })`. Within it `conn` is the connection and `?`
/// works on sqlx's errors.
macro_rules! read {
    ($db:expr, |$conn:ident| $body:expr) => {{
        use $crate::database::{Failure, Pool};
        match &$db.pool {
            Pool::Sqlite { readers, .. } => {
                let done: Result<_, Failure> = async {
                    let mut held = readers.acquire().await?;
                    let done: Result<_, Failure> = async {
                        let $conn: &mut sqlx::SqliteConnection = &mut held;
                        $body
                    }
                    .await;
                    if matches!(done, Err(Failure::Sqlx(_))) {
                        held.close_on_drop();
                    }
                    done
                }
                .await;
                done.map_err(simone_sync::ports::StoreError::from)
            }
            Pool::Postgres(pool) => {
                let done: Result<_, Failure> = async {
                    let mut held = pool.acquire().await?;
                    let done = tokio::time::timeout($crate::database::PATIENCE, async {
                        let $conn: &mut sqlx::PgConnection = &mut held;
                        $body
                    })
                    .await;
                    done.unwrap_or_else(|_| {
                        held.close_on_drop();
                        Err(Failure::Sqlx(sqlx::Error::PoolTimedOut))
                    })
                }
                .await;
                done.map_err(simone_sync::ports::StoreError::from)
            }
        }
    }};
}

/// Runs a body in one writing transaction, committed when the body ends in `Ok`.
///
/// A connection whose transaction does not end as told is given up: on a full disk SQLite ends a transaction by itself,
/// which the driver does not notice, and with its one writer nothing could ever be written again.
macro_rules! write {
    ($db:expr, |$conn:ident| $body:expr) => {{
        use sqlx::Connection as _;
        use $crate::database::{Failure, Pool};
        match &$db.pool {
            Pool::Sqlite { writer, .. } => {
                let done: Result<_, Failure> = async {
                    let mut held = writer.acquire().await?;
                    let (done, sound) = match held.begin_with("BEGIN IMMEDIATE").await {
                        Ok(mut transaction) => {
                            let done: Result<_, Failure> = async {
                                let $conn: &mut sqlx::SqliteConnection = &mut transaction;
                                $body
                            }
                            .await;
                            let committing = done.is_ok();
                            let ended = if committing {
                                transaction.commit().await
                            } else {
                                transaction.rollback().await
                            };
                            match ended {
                                Ok(()) => (done, true),
                                Err(error) if committing => (Err(error.into()), false),
                                Err(_) => (done, false),
                            }
                        }
                        Err(error) => (Err(Failure::from(error)), false),
                    };
                    if !sound {
                        held.close_on_drop();
                    }
                    done
                }
                .await;
                done.map_err(simone_sync::ports::StoreError::from)
            }
            Pool::Postgres(pool) => {
                let done: Result<_, Failure> = async {
                    let mut held = pool.acquire().await?;
                    let done = tokio::time::timeout($crate::database::PATIENCE, async {
                        let mut transaction = held.begin().await?;
                        let done: Result<_, Failure> = async {
                            let $conn: &mut sqlx::PgConnection = &mut transaction;
                            $body
                        }
                        .await;
                        if done.is_ok() {
                            transaction.commit().await?;
                        } else {
                            transaction.rollback().await?;
                        }
                        done
                    })
                    .await;
                    done.unwrap_or_else(|_| {
                        held.close_on_drop();
                        Err(Failure::Sqlx(sqlx::Error::PoolTimedOut))
                    })
                }
                .await;
                done.map_err(simone_sync::ports::StoreError::from)
            }
        }
    }};
}

/// Runs one statement that writes: `write_one!(db, |executor| sqlx::query(…).execute(executor).await)`. It is a
/// transaction of its own, without a word to begin it and one to end it.
macro_rules! write_one {
    ($db:expr, |$executor:ident| $statement:expr) => {{
        use $crate::database::Pool;
        let done: Result<_, sqlx::Error> = match &$db.pool {
            Pool::Sqlite { writer, .. } => {
                async {
                    let mut held = writer.acquire().await?;
                    let done = {
                        let $executor: &mut sqlx::SqliteConnection = &mut held;
                        $statement
                    };
                    if done.is_err() {
                        held.close_on_drop();
                    }
                    done
                }
                .await
            }
            Pool::Postgres(pool) => {
                async {
                    let mut held = pool.acquire().await?;
                    let done = tokio::time::timeout($crate::database::PATIENCE, async {
                        let $executor: &mut sqlx::PgConnection = &mut held;
                        $statement
                    })
                    .await;
                    done.unwrap_or_else(|_| {
                        held.close_on_drop();
                        Err(sqlx::Error::PoolTimedOut)
                    })
                }
                .await
            }
        };
        done.map_err(simone_sync::ports::StoreError::database)
    }};
}

/// A `SELECT` that locks its rows until the transaction ends, without keeping others from referring to them. SQLite
/// has one writer, who needs no lock.
macro_rules! for_update {
    ($db:expr, $sql:literal) => {
        match &$db.pool {
            $crate::database::Pool::Sqlite { .. } => $sql,
            $crate::database::Pool::Postgres(_) => concat!($sql, " FOR NO KEY UPDATE"),
        }
    };
}

pub(crate) use {for_update, read, write, write_one};
