//! Copies, their restoring, and the way to another database.

use crate::commands::{refused, said};
use crate::support::browser::Consent;
use crate::support::database::{Database, Kind};
use crate::support::{
    ACCOUNT, CAMILLE, Stage, a_monday, add_account, at, eventually, now, on_both, on_each, timed,
};
use chrono::{Days, TimeDelta};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Starts the product on a copy: on PostgreSQL moved into an empty database, on SQLite as it is.
pub async fn restore(stage: &mut Stage, copy: &Path) {
    restore_into(stage, copy, stage.database.kind).await;
}

/// Whatever the copy was made from, either database will do.
async fn restore_into(stage: &mut Stage, copy: &Path, kind: Kind) {
    let restored = match kind {
        Kind::Sqlite => Database::of_file(copy),
        Kind::Postgres => {
            let database = Database::create(Kind::Postgres, &stage.folder).await;
            let from = format!("sqlite:{}", copy.display());
            let moved = stage.product.run(&["migrate", "--from", &from, "--to", &database.url]).await;
            assert!(moved.status.success(), "{}", said(&moved));
            database
        }
    };
    std::mem::replace(&mut stage.database, restored).remove().await;
    stage.product.set("SIMONE_DATABASE__URL", &stage.database.url);
    stage.product.start().await;
}

pub async fn back_up(stage: &Stage, name: &str) -> PathBuf {
    let copy = stage.folder.join(name);
    let made = stage.product.run(&["backup", copy.to_str().unwrap()]).await;
    assert!(made.status.success(), "{}", said(&made));
    copy
}

/// Logs Camille in by a link that she asks for.
async fn log_in(stage: &mut Stage) {
    let before = stage.product.mails();
    stage.browser = stage.product.browser();
    let login = stage.browser.open("/login").await;
    let form = login.form("Recevoir un lien").with("email", CAMILLE);
    stage.browser.send(&login, &form).await;
    let mail = eventually("the link arrives", async || {
        stage.product.mails().into_iter().find(|mail| mail.contains("/login/") && !before.contains(mail))
    })
    .await;
    let link = mail.split_whitespace().find(|word| word.contains("/login/")).unwrap().to_owned();
    stage.browser.enter(&link).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn yesterdays_copy_leads_back_to_the_right_state() {
    on_each("restore", async |stage| {
        add_account(&stage.simulator).await;
        stage.browser.connect(ACCOUNT, Consent::Allow).await;
        stage.imported().await;
        stage.settled().await;
        let (tuesday, thursday) = (a_monday() + Days::new(1), a_monday() + Days::new(3));
        let events = stage.simulator.events(&format!("account={ACCOUNT}")).await;
        let dentist = &events.iter().find(|it| it["summary"] == "Dentiste").unwrap()["id"];
        // E-mails that could not leave yet, and a lease that is held.
        let folder = stage.folder.join("mail");
        eventually("the first e-mail leaves", async || (stage.product.mails().len() == 1).then_some(()))
            .await;
        std::fs::rename(&folder, stage.folder.join("mail-so-far")).unwrap();
        std::fs::write(&folder, "in the way").unwrap();
        let mut other = stage.product.browser();
        let login = other.open("/login").await;
        let form = login.form("Recevoir un lien").with("email", CAMILLE);
        other.send(&login, &form).await;
        eventually("an e-mail waits", async || {
            (stage.database.count("deliveries WHERE delivered_at IS NULL AND attempts > 0").await == 1)
                .then_some(())
        })
        .await;
        let long = stage.database.instant(now() + TimeDelta::hours(30));
        stage.database.execute(&format!("UPDATE calendar_connections SET leased_until = {long}")).await;

        let copy = back_up(stage, "copy.db").await;
        let again = stage.product.run(&["backup", copy.to_str().unwrap()]).await;
        refused(&again, "is there already");
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&copy.metadata().unwrap().permissions()) & 0o777,
            0o600
        );
        refused(&stage.product.run(&["backup", "/nowhere/at/all/copy.db"]).await, "there is no copy");
        assert!(!stage.folder.join("copy.db.unfinished").exists());

        // What happens after it: the e-mail leaves, a calendar is chosen, events come, move and go, sessions end.
        stage.database.execute("UPDATE calendar_connections SET leased_until = NULL").await;
        std::fs::remove_file(&folder).unwrap();
        let due = stage.database.instant(now());
        stage
            .database
            .execute(&format!("UPDATE deliveries SET next_at = {due} WHERE delivered_at IS NULL"))
            .await;
        eventually("the e-mail leaves", async || (stage.product.mails().len() == 1).then_some(())).await;
        let settings = stage.browser.open("/settings/calendars").await;
        stage.browser.press(&settings, "Bloquer les créneaux de « Famille »").await;
        stage.simulator.add_event(ACCOUNT, timed("Kiné", tuesday, (8, 0), (9, 0))).await;
        stage
            .simulator
            .edit(json!({"do": "move_event", "account": ACCOUNT, "event": dentist, "by_minutes": 60}))
            .await;
        stage.simulator.expire_tokens(ACCOUNT).await;
        stage.sync(ACCOUNT).await;
        assert!(stage.day(tuesday).await.contains("Kiné"));
        assert_eq!(stage.product.stop().await, Some(0));
        stage.simulator.add_event(ACCOUNT, timed("Après la copie", thursday, (8, 0), (9, 0))).await;
        stage.simulator.forget_requests().await;

        restore(stage, &copy).await;
        eventually("it catches up", async || {
            let blocks = stage.database.blocks(CAMILLE).await;
            (blocks.contains(&(at(tuesday, 8, 0), at(tuesday, 9, 0)))
                && blocks.contains(&(at(thursday, 16, 0), at(thursday, 17, 0)))
                && blocks.contains(&(at(thursday, 8, 0), at(thursday, 9, 0)))
                && !blocks.contains(&(at(thursday, 15, 0), at(thursday, 16, 0))))
            .then_some(())
        })
        .await;
        let listings = stage.simulator.requests(stage.side.feed()).await;
        assert!(
            listings.iter().all(|request| stage.side.goes_on(request)),
            "from where the copy was, without listing in full: {listings:#?}"
        );
        assert_eq!(stage.database.count("calendars WHERE name = 'Famille' AND NOT selected").await, 1);
        let agenda = stage.browser.open("/agenda").await;
        assert_eq!(agenda.url.path(), "/login", "no session lives again");
        assert_eq!(stage.product.mails().len(), 1, "nothing is sent twice");
        log_in(stage).await;
        assert_eq!(stage.product.mails().len(), 2);
        assert!(stage.day(thursday).await.contains("Après la copie"));
        stage.sync(ACCOUNT).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_whose_access_and_cursor_have_expired() {
    on_each("expired", async |stage| {
        add_account(&stage.simulator).await;
        stage.browser.connect(ACCOUNT, Consent::Allow).await;
        stage.imported().await;
        stage.settled().await;
        let blocks = stage.database.blocks(CAMILLE).await;
        let tuesday = a_monday() + Days::new(1);
        let copy = back_up(stage, "copy.db").await;
        let second = back_up(stage, "second.db").await;

        // An old cursor has expired: everything is listed, and compared.
        assert_eq!(stage.product.stop().await, Some(0));
        stage.simulator.add_event(ACCOUNT, timed("Kiné", tuesday, (8, 0), (9, 0))).await;
        stage.simulator.post("sync-tokens/expire", json!({})).await;
        restore(stage, &copy).await;
        eventually("it catches up", async || {
            (stage.database.blocks(CAMILLE).await.len() == blocks.len() + 1).then_some(())
        })
        .await;
        assert_eq!(stage.status().await.as_deref(), Some("connected"));

        // The access was withdrawn since: its owner is told once, and what was blocked stays.
        assert_eq!(stage.product.stop().await, Some(0));
        stage.simulator.withdraw(ACCOUNT).await;
        restore_into(stage, &second, Kind::Sqlite).await;
        eventually("the connection asks for a new access", async || {
            (stage.status().await.as_deref() == Some("needs_reconnect")).then_some(())
        })
        .await;
        assert_eq!(stage.database.blocks(CAMILLE).await, blocks);
        log_in(stage).await;
        let agenda = stage.browser.open("/agenda").await;
        let back = stage.browser.consent(&agenda, "Reconnecter", ACCOUNT, Consent::Allow).await;
        stage.browser.open(back.as_str()).await.says(&format!("{} est reconnecté.", stage.side.name()));
        stage.imported().await;
        stage.settled().await;
        assert_eq!(stage.database.blocks(CAMILLE).await.len(), blocks.len() + 1);
        assert_eq!(
            stage.product.mails().iter().filter(|mail| mail.contains("settings/calendars")).count(),
            1
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_moves_to_the_other_database_and_back() {
    on_each("move", async |stage| {
        add_account(&stage.simulator).await;
        stage.browser.connect(ACCOUNT, Consent::Allow).await;
        stage.imported().await;
        stage.settled().await;
        let blocks = stage.database.blocks(CAMILLE).await;
        let own = stage.database.kind;
        let other = if own == Kind::Sqlite { Kind::Postgres } else { Kind::Sqlite };
        let (there, back) = (stage.folder.join("there"), stage.folder.join("back"));
        std::fs::create_dir_all(&there).unwrap();
        std::fs::create_dir_all(&back).unwrap();
        let there = Database::create(other, &there).await;
        let back = Database::create(own, &back).await;
        let (here, there_url, back_url) = (stage.database.url.clone(), there.url.clone(), back.url.clone());
        let migrate = async |stage: &Stage, from: &str, to: &str| {
            stage.product.run(&["migrate", "--from", from, "--to", to]).await
        };

        // Not while it is served, not to its like, not by half.
        stage.database.leave_alone().await;
        refused(&migrate(stage, &here, &there_url).await, "the source is in use");
        stage.browser.open("/agenda").await.says("Agenda");
        refused(&migrate(stage, &here, &back_url).await, "one of the two addresses");
        let half = stage.product.run(&["migrate", "--from", &here]).await;
        assert_eq!(half.status.code(), Some(2), "{}", said(&half));
        let missing = format!("sqlite:{}", stage.folder.join("none.db").display());
        if other == Kind::Postgres {
            refused(&migrate(stage, &missing, &there_url).await, "there is no database");
            assert!(!stage.folder.join("none.db").exists());
        }
        assert_eq!(stage.product.stop().await, Some(0));

        let moved = migrate(stage, &here, &there_url).await;
        assert!(moved.status.success(), "{}", said(&moved));
        assert!(said(&moved).contains("calendar_sync_events"), "{}", said(&moved));
        refused(&migrate(stage, &here, &there_url).await, "the target is not empty");
        there.leave_alone().await;
        let returned = migrate(stage, &there_url, &back_url).await;
        assert!(returned.status.success(), "{}", said(&returned));
        if own == Kind::Postgres {
            // Where values are kept in one form, they are the same to the letter.
            let untouched = stage.database.reopened();
            let (mut was, mut is) = (untouched.dump().await, back.dump().await);
            was.retain(|row| !row.starts_with("_sqlx_migrations"));
            is.retain(|row| !row.starts_with("_sqlx_migrations"));
            was.sort();
            is.sort();
            assert_eq!(was, is);
            untouched.leave_alone().await;
        }
        back.remove().await;

        // It goes on there, where it left off: same session, same cursor.
        let left = std::mem::replace(&mut stage.database, there.reopened());
        left.remove().await;
        stage.product.set("SIMONE_DATABASE__URL", &there_url);
        stage.simulator.forget_requests().await;
        stage.product.start().await;
        assert_eq!(stage.database.blocks(CAMILLE).await, blocks);
        let tuesday = a_monday() + Days::new(1);
        stage.simulator.add_event(ACCOUNT, timed("Kiné", tuesday, (8, 0), (9, 0))).await;
        stage.sync(ACCOUNT).await;
        assert!(stage.day(tuesday).await.contains("Kiné"));
        assert!(stage.day(a_monday() + Days::new(3)).await.contains("Dentiste"));
        let listings = stage.simulator.requests(stage.side.feed()).await;
        assert!(!listings.is_empty());
        assert!(
            listings.iter().all(|request| stage.side.goes_on(request)),
            "without listing in full: {listings:#?}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_that_fails_leaves_both_as_they_were() {
    on_both("half", async |stage| {
        add_account(&stage.simulator).await;
        stage.browser.connect(ACCOUNT, Consent::Allow).await;
        stage.imported().await;
        stage.settled().await;
        assert_eq!(stage.product.stop().await, Some(0));
        let other = if stage.database.kind == Kind::Sqlite { Kind::Postgres } else { Kind::Sqlite };
        let there = stage.folder.join("there");
        std::fs::create_dir_all(&there).unwrap();
        let there = Database::create(other, &there).await;

        // Something that the other side cannot take, late in the order: a letter that PostgreSQL knows none of, and a
        // row that refers to nothing.
        let events = stage.database.count("calendar_sync_events").await;
        assert!(events > 0);
        let spoil: &[&str] = match stage.database.kind {
            Kind::Sqlite => &["UPDATE calendar_sync_events SET revision = 'a' || char(0) || 'b'"],
            Kind::Postgres => &[
                "ALTER TABLE calendar_sync_events DROP CONSTRAINT calendar_sync_events_calendar_id_fkey",
                "UPDATE calendar_sync_events SET calendar_id = gen_random_uuid()",
            ],
        };
        for sql in spoil {
            stage.database.execute(sql).await;
        }
        let (here, to) = (stage.database.url.clone(), there.url.clone());
        stage.database.leave_alone().await;
        let failed = stage.product.run(&["migrate", "--from", &here, "--to", &to]).await;
        refused(&failed, "nothing was moved");
        refused(&failed, "`calendar_sync_events` cannot be moved");
        assert!(!said(&failed).contains("Dentiste") && !said(&failed).contains(CAMILLE), "{}", said(&failed));
        for table in ["providers", "calendars", "calendar_sync_events", "installation"] {
            assert_eq!(there.count(table).await, 0, "{table}");
        }
        // Of another version's schema nothing is moved at all.
        let reopened = stage.database.reopened();
        assert_eq!(reopened.count("calendar_sync_events").await, events, "the source is as it was");
        reopened.execute("UPDATE _sqlx_migrations SET version = 9999 WHERE version = 1").await;
        reopened.leave_alone().await;
        there.leave_alone().await;
        let other_version = stage.product.run(&["migrate", "--from", &here, "--to", &to]).await;
        refused(&other_version, "the schema of another version");
        there.remove().await;
        // Something to end on.
        let fresh = stage.folder.join("fresh");
        std::fs::create_dir_all(&fresh).unwrap();
        let fresh = Database::create(stage.database.kind, &fresh).await;
        stage.product.set("SIMONE_DATABASE__URL", &fresh.url);
        std::mem::replace(&mut stage.database, fresh).remove().await;
        stage.product.start().await;
    })
    .await;
}
