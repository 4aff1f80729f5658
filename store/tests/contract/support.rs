//! A fresh store on each of the two databases.

use chrono::{DateTime, Utc};
use secrecy::SecretBox;
use simone_booking::{Ids, ProviderId, SystemClock};
use simone_store::{Database, Keyring, Options};
use sqlx::{Connection as _, Row as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use uuid::Uuid;

/// A store of a test's own, and a way to look at its tables from outside.
pub struct Fixture {
    pub db: Database,
    url: String,
    raw: sqlx::AnyPool,
}

static NAMES: AtomicU32 = AtomicU32::new(0);

/// Runs a test on SQLite (a file, as in production) and on PostgreSQL.
pub async fn on_both(test: impl AsyncFn(&Fixture)) {
    sqlx::any::install_default_drivers();
    let number = NAMES.fetch_add(1, Ordering::Relaxed);
    let name = format!("simone_contract_{}_{number}", std::process::id());

    let folder = std::env::temp_dir().join(&name);
    std::fs::create_dir_all(&folder).unwrap();
    let fixture = Fixture::open(&format!("sqlite:{}", folder.join("simone.db").display())).await;
    test(&fixture).await;
    fixture.close().await;
    std::fs::remove_dir_all(&folder).unwrap();

    let server = std::env::var("SIMONE_TEST_POSTGRES")
        .expect("SIMONE_TEST_POSTGRES names no PostgreSQL to test on: run the tests by `cargo xtask test`");
    let mut admin = sqlx::PgConnection::connect(&server).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut admin).await.unwrap();
    let base = server.rsplit_once('/').expect("the address names a database").0;
    let fixture = Fixture::open(&format!("{base}/{name}")).await;
    test(&fixture).await;
    fixture.close().await;
    sqlx::query(sqlx::AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)")))
        .execute(&mut admin)
        .await
        .unwrap();
}

/// `keys`: ids and the byte that each key is made of, the current one first.
async fn open(url: &str, keys: &[(&str, u8)]) -> Database {
    let ids = Arc::new(Ids::seeded(Arc::new(SystemClock), 7 + keys.len() as u64));
    let key = |(id, byte): &(&str, u8)| ((*id).to_owned(), SecretBox::new(Box::new(vec![*byte; 32])));
    let keys = Arc::new(Keyring::new(keys.iter().map(key), ids.clone()).unwrap());
    let options = Options { url: url.to_owned(), connections: 8 };
    Database::open(&options, keys, ids).await.unwrap()
}

impl Fixture {
    async fn open(url: &str) -> Self {
        let db = open(url, &[("test", 7)]).await;
        Self { db, url: url.to_owned(), raw: sqlx::AnyPool::connect(url).await.unwrap() }
    }

    /// The same data, opened without the key that sealed it.
    pub async fn with_another_key(&self) -> Database {
        self.with_keys(&[("another", 7)]).await
    }

    /// The same data, opened with these keys, the current one first. `test`, made of 7, sealed it.
    pub async fn with_keys(&self, keys: &[(&str, u8)]) -> Database {
        open(&self.url, keys).await
    }

    /// Another database, opened as the product opens its own.
    pub async fn with_keys_at(&self, url: &str) -> Database {
        open(url, &[("test", 7)]).await
    }

    /// Changes what is stored, from outside.
    pub async fn execute(&self, sql: &str) -> u64 {
        sqlx::query(sqlx::AssertSqlSafe(sql.to_owned())).execute(&self.raw).await.unwrap().rows_affected()
    }

    /// An id as this database writes it.
    pub fn id(&self, id: Uuid) -> String {
        if self.is_sqlite() { format!("x'{}'", id.simple()) } else { format!("'{id}'") }
    }

    /// Bytes as this database writes them.
    pub fn bytes(&self, bytes: &[u8]) -> String {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        if self.is_sqlite() { format!("x'{hex}'") } else { format!("'\\x{hex}'") }
    }

    /// Table and column of all columns of bytes in the schema that are no ids.
    pub async fn columns_of_bytes(&self) -> Vec<(String, String)> {
        let sql = if self.is_sqlite() {
            // Here ids are bytes too; they are told by their names.
            "SELECT CAST(m.name AS TEXT), CAST(c.name AS TEXT) FROM sqlite_master m
             JOIN pragma_table_info(m.name) c
             WHERE m.type = 'table' AND m.name <> '_sqlx_migrations' AND c.type = 'BLOB'
               AND c.name <> 'id' AND substr(c.name, -3) <> '_id' AND c.name <> 'reconnects'"
        } else {
            "SELECT table_name::text, column_name::text FROM information_schema.columns
             WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations' AND data_type = 'bytea'"
        };
        sqlx::query_as(sql).fetch_all(&self.raw).await.unwrap()
    }

    async fn close(&self) {
        self.raw.close().await;
        self.db.close().await;
    }

    fn is_sqlite(&self) -> bool {
        self.db.kind() == "sqlite"
    }

    /// An id, as this database writes it.
    pub fn literal(&self, id: Uuid) -> String {
        if self.is_sqlite() { format!("x'{}'", id.simple()) } else { format!("'{id}'") }
    }

    /// The ids that a statement selects, as `id`.
    pub async fn ids(&self, sql: &str) -> Vec<Uuid> {
        let text = if self.is_sqlite() { "hex(id)" } else { "id::text" };
        let sql = sql.replacen("SELECT id", &format!("SELECT {text}"), 1);
        let ids: Vec<String> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(&self.raw).await.unwrap();
        ids.iter().map(|id| id.parse().unwrap()).collect()
    }

    /// How many rows `table WHERE …` has.
    pub async fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT COUNT(*) FROM {table}");
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&self.raw).await.unwrap()
    }

    async fn texts(&self, sql: &str, provider: ProviderId) -> Vec<Vec<String>> {
        let id = if self.is_sqlite() {
            format!("x'{}'", provider.0.simple())
        } else {
            format!("'{}'", provider.0)
        };
        let sql = sql.replace("$1", &id);
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&self.raw).await.unwrap();
        rows.iter().map(|row| (0..row.len()).map(|column| row.get::<String, _>(column)).collect()).collect()
    }

    /// What is blocked, in order.
    pub async fn blocks(&self, provider: ProviderId) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
        let sql = if self.is_sqlite() {
            "SELECT starts_at, ends_at FROM unavailabilities WHERE provider_id = $1 ORDER BY starts_at, ends_at"
        } else {
            "SELECT to_char(starts_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),
                    to_char(ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')
             FROM unavailabilities WHERE provider_id = $1 ORDER BY starts_at, ends_at"
        };
        let rows = self.texts(sql, provider).await;
        rows.iter().map(|row| (row[0].parse().unwrap(), row[1].parse().unwrap())).collect()
    }

    pub async fn block_ids(&self, provider: ProviderId) -> Vec<Uuid> {
        let sql = if self.is_sqlite() {
            "SELECT hex(id) FROM unavailabilities WHERE provider_id = $1 ORDER BY id"
        } else {
            "SELECT id::text FROM unavailabilities WHERE provider_id = $1 ORDER BY id"
        };
        self.texts(sql, provider).await.iter().map(|row| row[0].parse().unwrap()).collect()
    }

    /// How many rounds each row of the log stands for, oldest first.
    pub async fn log_rounds(&self, provider: ProviderId) -> Vec<i64> {
        let sql = "SELECT CAST(rounds AS TEXT) FROM calendar_sync_log_lines WHERE provider_id = $1 ORDER BY started_at";
        self.texts(sql, provider).await.iter().map(|row| row[0].parse().unwrap()).collect()
    }

    /// Every row of every table, as text.
    pub async fn dump(&self) -> Vec<String> {
        let tables = [
            "installation",
            "operators",
            "providers",
            "sessions",
            "login_tokens",
            "oauth_attempts",
            "calendar_accounts",
            "calendar_connections",
            "calendars",
            "calendar_sync_events",
            "unavailabilities",
            "calendar_sync_logs",
            "calendar_sync_changes",
            "notices",
            "deliveries",
            "audit_log",
            "api_tokens",
            "services",
            "hours_exceptions",
            "entered_unavailabilities",
            "bookings",
            "booking_changes",
            "booking_requests",
            "calendar_exported_bookings",
            "calendar_conflicts",
        ];
        let mut dump = Vec::new();
        for table in tables {
            let sql = if self.is_sqlite() {
                let columns: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
                    "SELECT name FROM pragma_table_info('{table}')"
                )))
                .fetch_all(&self.raw)
                .await
                .unwrap();
                let columns: Vec<String> = columns
                    .iter()
                    .map(|column| format!("COALESCE(CASE typeof({column}) WHEN 'blob' THEN hex({column}) ELSE {column} END, '')"))
                    .collect();
                format!("SELECT {} FROM {table}", columns.join(" || ' | ' || "))
            } else {
                format!("SELECT t::text FROM {table} t")
            };
            let rows: Vec<String> =
                sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(&self.raw).await.unwrap();
            dump.extend(rows.into_iter().map(|row| format!("{table}: {row}")));
        }
        dump.sort();
        dump
    }
}
