//! A database of a test's own, and a look at its tables from outside the product.

use chrono::{DateTime, Utc};
use sqlx::{AnyPool, AssertSqlSafe, Connection as _};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

pub struct Database {
    pub kind: Kind,
    /// As the product's configuration names it.
    pub url: String,
    name: String,
    raw: AnyPool,
}

/// `starts_at`, `ends_at`.
pub type Blocks = Vec<(DateTime<Utc>, DateTime<Utc>)>;

static NAMES: AtomicU32 = AtomicU32::new(0);

fn postgres() -> String {
    std::env::var("SIMONE_TEST_POSTGRES")
        .expect("SIMONE_TEST_POSTGRES names no PostgreSQL to test on: run the tests by `cargo xtask test`")
}

impl Database {
    pub async fn create(kind: Kind, folder: &Path) -> Self {
        sqlx::any::install_default_drivers();
        let name = format!("simone_product_{}_{}", std::process::id(), NAMES.fetch_add(1, Ordering::Relaxed));
        let url = match kind {
            Kind::Sqlite => format!("sqlite:{}", folder.join("simone.db").display()),
            Kind::Postgres => {
                let server = postgres();
                let mut admin = sqlx::PgConnection::connect(&server).await.unwrap();
                sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}")))
                    .execute(&mut admin)
                    .await
                    .unwrap();
                admin.close().await.unwrap();
                format!("{}/{name}", server.rsplit_once('/').expect("the address names a database").0)
            }
        };
        // The product makes the tables (and the file) when it first opens them.
        let raw = sqlx::any::AnyPoolOptions::new().max_connections(2).connect_lazy(&url).unwrap();
        Self { kind, url, name, raw }
    }

    /// A database of SQLite that is there already: a copy.
    pub fn of_file(file: &Path) -> Self {
        sqlx::any::install_default_drivers();
        let url = format!("sqlite:{}", file.display());
        let raw = sqlx::any::AnyPoolOptions::new().max_connections(2).connect_lazy(&url).unwrap();
        Self { kind: Kind::Sqlite, url, name: String::new(), raw }
    }

    /// The same database, looked at anew.
    pub fn reopened(&self) -> Self {
        let raw = sqlx::any::AnyPoolOptions::new().max_connections(2).connect_lazy(&self.url).unwrap();
        Self { kind: self.kind, url: self.url.clone(), name: self.name.clone(), raw }
    }

    /// Ends our own looking at it: it is to be nobody's.
    pub async fn leave_alone(&self) {
        self.raw.close().await;
    }

    /// At the end of a test that went well; what a failed one leaves goes with the throw-away server.
    pub async fn remove(&self) {
        self.raw.close().await;
        if self.kind == Kind::Postgres {
            let mut admin = sqlx::PgConnection::connect(&postgres()).await.unwrap();
            let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
            sqlx::query(AssertSqlSafe(drop)).execute(&mut admin).await.unwrap();
            admin.close().await.unwrap();
        }
    }

    /// How many rows `table WHERE …` has.
    pub async fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT COUNT(*) FROM {table}");
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&self.raw).await.unwrap()
    }

    /// The one value of a query, as text; `None` when there is no row or it is NULL.
    pub async fn value(&self, column: &str, rest: &str) -> Option<String> {
        let sql = format!("SELECT CAST({column} AS TEXT) FROM {rest}");
        sqlx::query_scalar::<_, Option<String>>(AssertSqlSafe(sql))
            .fetch_optional(&self.raw)
            .await
            .unwrap()
            .flatten()
    }

    /// The ids that `table WHERE …` has, as the product writes them in addresses and forms.
    pub async fn ids(&self, table: &str) -> Vec<String> {
        let id = match self.kind {
            Kind::Sqlite => "hex(id)",
            Kind::Postgres => "id::text",
        };
        let sql = format!("SELECT {id} FROM {table}");
        let ids: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&self.raw).await.unwrap();
        ids.iter().map(|id| id.parse::<uuid::Uuid>().unwrap().to_string()).collect()
    }

    /// Changes what the product stored, as the passing of time or an operator would.
    pub async fn execute(&self, sql: &str) -> u64 {
        sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&self.raw).await.unwrap().rows_affected()
    }

    /// An instant as the database's SQL writes it.
    pub fn instant(&self, at: DateTime<Utc>) -> String {
        match self.kind {
            Kind::Sqlite => format!("'{}'", at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, false)),
            Kind::Postgres => format!("'{}'::timestamptz", at.to_rfc3339()),
        }
    }

    /// What is blocked for the provider of this e-mail address, in order.
    pub async fn blocks(&self, email: &str) -> Blocks {
        let time = |column: &str| match self.kind {
            Kind::Sqlite => column.to_owned(),
            Kind::Postgres => {
                format!("to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')")
            }
        };
        let sql = format!(
            "SELECT {}, {} FROM unavailabilities WHERE provider_id = (SELECT id FROM providers WHERE email = '{email}')
             ORDER BY starts_at, ends_at, event_id",
            time("starts_at"),
            time("ends_at"),
        );
        let rows: Vec<(String, String)> =
            sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&self.raw).await.unwrap();
        rows.iter().map(|(start, end)| (start.parse().unwrap(), end.parse().unwrap())).collect()
    }

    async fn tables(&self) -> Vec<String> {
        let sql = match self.kind {
            Kind::Sqlite => "SELECT CAST(name AS TEXT) FROM sqlite_master WHERE type = 'table' ORDER BY name",
            Kind::Postgres => {
                "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
            }
        };
        sqlx::query_scalar(sql).fetch_all(&self.raw).await.unwrap()
    }

    /// Every row of every table as text, binary values in hexadecimal.
    pub async fn dump(&self) -> Vec<String> {
        let mut dump = Vec::new();
        for table in self.tables().await {
            let sql = match self.kind {
                Kind::Sqlite => {
                    let columns = format!("SELECT CAST(name AS TEXT) FROM pragma_table_info('{table}')");
                    let columns: Vec<String> =
                        sqlx::query_scalar(AssertSqlSafe(columns)).fetch_all(&self.raw).await.unwrap();
                    let columns: Vec<String> = columns
                        .iter()
                        .map(|it| {
                            format!(
                                "COALESCE(CASE typeof({it}) WHEN 'blob' THEN hex({it}) ELSE {it} END, '')"
                            )
                        })
                        .collect();
                    format!("SELECT CAST({} AS TEXT) FROM {table}", columns.join(" || ' | ' || "))
                }
                Kind::Postgres => format!("SELECT t::text FROM {table} t"),
            };
            let rows: Vec<String> =
                sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&self.raw).await.unwrap();
            dump.extend(rows.into_iter().map(|row| format!("{table}: {row}")));
        }
        dump
    }
}
