//! A consistent copy of everything in one SQLite file, made while the product runs.

use crate::database::{self, POSTGRES_SCHEMA, SQLITE_SCHEMA};
use crate::transfer::{Side, TransferError, check_schema, copy_to_sqlite, postgres_versions, tables};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What must not live again when a copy does: a session that was ended since, a link that was used, a lease, and e-mails
/// that the original has sent meanwhile. And its connections are to catch up at once.
const NOT_IN_A_COPY: &[&str] = &[
    "DELETE FROM sessions",
    "DELETE FROM login_tokens",
    "DELETE FROM oauth_attempts",
    "UPDATE calendar_connections SET leased_until = NULL",
    "UPDATE calendar_connections SET wanted = wanted + 1 WHERE status IN ('connected', 'disconnecting')",
    "UPDATE deliveries SET next_at = NULL, last_error = 'left to the original of this copy' WHERE delivered_at IS NULL",
];

/// Why there is no copy. Nothing is left at its place then.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{} is there already, and is not overwritten", .0.display())]
    Exists(PathBuf),
    #[error("{} cannot be written", .0.display())]
    File(PathBuf, #[source] io::Error),
    #[error("the database cannot be copied")]
    Source(#[from] TransferError),
    #[error("the copy cannot be written")]
    Copy(#[from] sqlx::Error),
    #[error("the schema of the copy cannot be made")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    #[error("the copy is damaged: {0}")]
    Damaged(String),
}

/// Writes a copy of the database at `url` into a new file, readable by its owner alone. It appears under its name once it
/// is whole, checked, and on the disk.
pub async fn backup(url: &str, target: &Path) -> Result<(), BackupError> {
    if target.exists() {
        return Err(BackupError::Exists(target.to_owned()));
    }
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".unfinished");
    let unfinished = target.with_file_name(name);
    let file = database::create_private(&unfinished).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Exists(unfinished.clone()),
        _ => BackupError::File(unfinished.clone(), error),
    })?;
    let finished = async {
        fill(url, &unfinished).await?;
        let written = || BackupError::File;
        file.sync_all().map_err(|error| written()(unfinished.clone(), error))?;
        std::fs::rename(&unfinished, target).map_err(|error| written()(target.to_owned(), error))?;
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        // The new name too is on the disk.
        std::fs::File::open(folder.unwrap_or(Path::new(".")))
            .and_then(|folder| folder.sync_all())
            .map_err(|error| written()(target.to_owned(), error))
    }
    .await;
    if finished.is_err() {
        let mut journal = unfinished.clone().into_os_string();
        journal.push("-journal");
        for leftover in [unfinished.as_os_str(), &journal] {
            let _ = std::fs::remove_file(leftover);
        }
    }
    finished
}

async fn fill(url: &str, file: &Path) -> Result<(), BackupError> {
    let copy = SqliteConnectOptions::new().filename(file).foreign_keys(true);
    if url.starts_with("sqlite:") {
        let reach = |error| BackupError::Source(TransferError::Reach(Side::Source, error));
        let options = SqliteConnectOptions::from_str(url).map_err(reach)?;
        if !options.get_filename().exists() {
            return Err(TransferError::Missing(Side::Source).into());
        }
        let mut source = SqliteConnection::connect_with(&options).await.map_err(reach)?;
        let name = file.to_str().ok_or_else(|| {
            BackupError::File(file.to_owned(), io::Error::new(io::ErrorKind::InvalidInput, "not UTF-8"))
        })?;
        sqlx::query("VACUUM INTO $1").bind(name).execute(&mut source).await?;
        source.close().await?;
    } else if database::is_postgres(url) {
        let reach = |error| BackupError::Source(TransferError::Reach(Side::Source, error));
        let mut source = PgConnection::connect(url).await.map_err(reach)?;
        let mut reading =
            source.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.map_err(reach)?;
        check_schema(&postgres_versions(&mut reading).await?, &POSTGRES_SCHEMA, Side::Source)?;
        let tables = tables(&mut reading).await?;
        let mut target = SqliteConnection::connect_with(&copy).await?;
        SQLITE_SCHEMA.run(&mut target).await?;
        let mut writing = target.begin_with("BEGIN IMMEDIATE").await?;
        copy_to_sqlite(&mut reading, &mut writing, &tables).await?;
        writing.commit().await?;
        reading.rollback().await?;
        target.close().await?;
        source.close().await?;
    } else {
        return Err(TransferError::Kinds.into());
    }
    let mut copy = SqliteConnection::connect_with(&copy.pragma("secure_delete", "ON")).await?;
    for sql in NOT_IN_A_COPY {
        sqlx::query(AssertSqlSafe(*sql)).execute(&mut copy).await?;
    }
    let health: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&mut copy).await?;
    if health != ["ok"] {
        return Err(BackupError::Damaged(health.into_iter().next().unwrap_or_default()));
    }
    let orphans = sqlx::query("PRAGMA foreign_key_check").fetch_all(&mut copy).await?;
    if !orphans.is_empty() {
        return Err(BackupError::Damaged(format!("{} rows refer to nothing", orphans.len())));
    }
    copy.close().await?;
    Ok(())
}
