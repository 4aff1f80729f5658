//! Everything travels from one database to the other and back, whatever tables and columns there are.

use crate::now;
use crate::support::{Fixture, on_both};
use chrono::TimeDelta;
use simone_store::deliveries::EmailKind;
use simone_store::transfer::{TransferError, transfer};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use uuid::Uuid;

/// A database of PostgreSQL beside the fixture's, for as long as a test needs it.
struct Beside {
    admin: PgConnection,
    name: String,
    url: String,
}

impl Beside {
    async fn create(name: &str) -> Self {
        let server = std::env::var("SIMONE_TEST_POSTGRES").expect("as for the fixture");
        let name = format!("simone_beside_{}_{name}", std::process::id());
        let mut admin = PgConnection::connect(&server).await.unwrap();
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut admin).await.unwrap();
        let url = format!("{}/{name}", server.rsplit_once('/').unwrap().0);
        Self { admin, name, url }
    }

    /// Every row of every table, as text.
    async fn dump(&self) -> Vec<String> {
        let mut conn = PgConnection::connect(&self.url).await.unwrap();
        let mut dump = Vec::new();
        for table in tables(&mut conn).await {
            let rows: Vec<String> =
                sqlx::query_scalar(AssertSqlSafe(format!("SELECT t::text FROM {table} t ORDER BY 1")))
                    .fetch_all(&mut conn)
                    .await
                    .unwrap();
            // An installation has an id of its own beside them.
            assert_eq!(rows.len(), if table == "installation" { 3 } else { 2 }, "{table}");
            dump.extend(rows.into_iter().map(|row| format!("{table}: {row}")));
        }
        conn.close().await.unwrap();
        dump
    }

    async fn drop(mut self) {
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        sqlx::query(AssertSqlSafe(drop)).execute(&mut self.admin).await.unwrap();
    }
}

async fn tables(conn: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' AND tablename <> '_sqlx_migrations' ORDER BY 1",
    )
    .fetch_all(conn)
    .await
    .unwrap()
}

/// Two rows in every table: one with a value in every column, one with NULL wherever it may be. Ids are the same in all
/// tables, so that whatever refers to something finds it.
async fn fill(url: &str) {
    let mut conn = PgConnection::connect(url).await.unwrap();
    let columns: Vec<(String, String, String, bool)> = sqlx::query_as(
        "SELECT table_name::text, column_name::text, udt_name::text, is_nullable = 'YES'
         FROM information_schema.columns
         WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations' AND is_generated = 'NEVER'",
    )
    .fetch_all(&mut conn)
    .await
    .unwrap();
    let mut waiting = tables(&mut conn).await;
    // In whatever order the references let them in.
    while !waiting.is_empty() {
        let before = waiting.len();
        let mut refused = Vec::new();
        for table in waiting {
            let of: Vec<_> = columns.iter().filter(|(of, ..)| *of == table).collect();
            let mut written = true;
            // Where not everything may be missing at once, the second row is full too.
            for (number, sparse) in [(1_u128, false), (2, true), (2, false)] {
                let id = Uuid::from_u128(number);
                let values: Vec<String> = of
                    .iter()
                    .map(|(_, _, kind, nullable)| match kind.as_str() {
                        _ if sparse && *nullable => "NULL".to_owned(),
                        "uuid" => format!("'{id}'"),
                        "text" => format!("'{number} « é » 🗓 '' \\'"),
                        "bytea" => format!("'\\x00ff{number:02x}'"),
                        "int8" => format!("-{number}"),
                        "bool" => (number == 1).to_string(),
                        "jsonb" => format!("'{{\"b\": [{number}, 2.5, 1e3, \"é\\n\"], \"a\": null}}'"),
                        "timestamptz" => format!("'2026-03-29T01:30:0{number}.123456Z'"),
                        "date" => format!("'2026-03-2{number}'"),
                        other => panic!("{table}: no value for a column of type {other}"),
                    })
                    .collect();
                let names: Vec<&str> = of.iter().map(|(_, name, ..)| name.as_str()).collect();
                let sql = format!(
                    "INSERT INTO {table} ({}) VALUES ({}) ON CONFLICT DO NOTHING",
                    names.join(", "),
                    values.join(", ")
                );
                match sqlx::query(AssertSqlSafe(sql)).execute(&mut conn).await {
                    Ok(_) => {}
                    Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => written = false,
                    Err(sqlx::Error::Database(error)) if sparse && error.is_check_violation() => {}
                    Err(error) => panic!("{table}: {error}"),
                }
            }
            if !written {
                refused.push(table);
            }
        }
        assert!(refused.len() < before, "these let nothing in: {refused:?}");
        waiting = refused;
    }
    conn.close().await.unwrap();
}

#[tokio::test]
async fn every_table_and_every_type_travels() {
    on_both(async |fixture: &Fixture| {
        // The fixture's own database is of no use here; what its tables are is the same everywhere.
        if fixture.db.kind() == "sqlite" {
            return;
        }
        let (first, second, third) =
            (Beside::create("first").await, Beside::create("second").await, Beside::create("third").await);
        fixture.with_keys_at(&first.url).await.close().await;
        fill(&first.url).await;
        let folder = std::env::temp_dir().join(format!("simone_transfer_{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = format!("sqlite:{}", folder.join("between.db").display());

        let there = transfer(&first.url, &file).await.unwrap();
        let back = transfer(&file, &second.url).await.unwrap();
        assert_eq!(there, back);
        let before = first.dump().await;
        assert!(before.len() >= 28, "two rows of each of the tables");
        assert_eq!(second.dump().await, before);
        assert!(matches!(transfer(&file, &second.url).await, Err(TransferError::NotEmpty(_))));
        assert!(matches!(transfer(&second.url, &first.url).await, Err(TransferError::Kinds)));

        // Whoever has it open is in the way, on either side.
        let open = fixture.with_keys_at(&third.url).await;
        assert!(matches!(transfer(&file, &third.url).await, Err(TransferError::InUse(_))));
        open.close().await;
        let open = fixture.with_keys_at(&file).await;
        assert!(matches!(transfer(&file, &third.url).await, Err(TransferError::InUse(_))));
        open.close().await;
        transfer(&file, &third.url).await.unwrap();

        // A copy of it, of which sessions and links are no part.
        let copy = folder.join("copy.db");
        simone_store::backup(&first.url, &copy).await.unwrap();
        let mut copied =
            sqlx::SqliteConnection::connect(&format!("sqlite:{}", copy.display())).await.unwrap();
        for (table, rows) in
            [("providers", 2), ("calendar_sync_events", 2), ("sessions", 0), ("login_tokens", 0)]
        {
            let count: i64 = sqlx::query_scalar(AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}")))
                .fetch_one(&mut copied)
                .await
                .unwrap();
            assert_eq!(count, rows, "{table}");
        }
        copied.close().await.unwrap();
        for beside in [first, second, third] {
            beside.drop().await;
        }
        std::fs::remove_dir_all(folder).unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_email_that_is_more_than_a_day_late_is_dropped() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let link = |cause: &'static str, at| {
            let kind = EmailKind::LoginLink { token: cause.to_owned() };
            fixture.db.send_email(provider, cause, kind, at)
        };
        for cause in ["one", "two", "three"] {
            link(cause, now() - TimeDelta::hours(25)).await.unwrap();
        }
        link("four", now() - TimeDelta::hours(23)).await.unwrap();
        let due = fixture.db.due_emails(now(), 10).await.unwrap();
        assert_eq!(due.len(), 1, "of a copy that was restored, or a product that stood still");
        assert_eq!(due[0].email.kind, EmailKind::LoginLink { token: "four".to_owned() });
        assert_eq!(
            fixture.count("deliveries WHERE last_error = 'too late' AND delivered_at IS NULL").await,
            3
        );
        assert!(fixture.db.due_emails(now() + TimeDelta::seconds(1), 10).await.unwrap().is_empty());
    })
    .await;
}
