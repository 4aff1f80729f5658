//! Erasing an account: shut at once, gone in the end, whatever stands in the way.

use crate::exports::{exported, open, ours_of};
use crate::support::browser::{Browser, Consent};
use crate::support::html::Form;
use crate::support::{ACCOUNT, CAMILLE, Stage, eventually, imported, now, on_each};
use chrono::TimeDelta;
use serde_json::json;

/// Camille with a connected account and a booking in it, and a neighbour with an account of the same platform.
async fn two(stage: &mut Stage) -> Browser {
    open(stage).await.book(0).await;
    exported(stage).await;
    assert_eq!(ours_of(stage, ACCOUNT).await.len(), 1);
    crate::support::add_other_account(&stage.simulator).await;
    let link = stage.product.add_provider("Inès Diallo", "ines@simone.test").await;
    let mut ines = stage.product.browser();
    ines.enter(&link).await;
    ines.connect(crate::support::OTHER_ACCOUNT, Consent::Allow).await;
    imported(&mut ines).await;
    ines
}

/// What will happen is named, and done when it is confirmed.
async fn erase(stage: &mut Stage) {
    let account = stage.browser.open("/settings/account").await;
    let page = stage.browser.click(&account, "Effacer mon compte").await;
    for words in [ACCOUNT, CAMILLE, "créneaux bloqués se libèrent", "On ne peut pas revenir en arrière."]
    {
        page.says(words);
    }
    assert_eq!(
        stage.database.count("providers WHERE erasure_requested_at IS NOT NULL").await,
        0,
        "looking does nothing"
    );
    let left = stage.browser.press(&page, "Effacer mon compte pour toujours").await;
    assert_eq!(left.url.path(), "/login");
    left.says("Votre compte s’efface.");
}

/// She cannot get in, and nothing of hers blocks.
async fn shut(stage: &mut Stage) {
    assert_eq!(stage.browser.open("/agenda").await.url.path(), "/login");
    assert_eq!(stage.database.blocks(CAMILLE).await, []);
    assert_eq!(
        stage
            .database
            .count(&format!(
                "login_tokens t JOIN providers p ON p.id = t.provider_id WHERE p.email = '{CAMILLE}'"
            ))
            .await,
        0
    );
}

/// All is gone but ids, and she was told.
async fn gone(stage: &mut Stage) {
    eventually("the account is gone", async || (stage.database.count("providers").await == 1).then_some(()))
        .await;
    assert!(ours_of(stage, ACCOUNT).await.is_empty(), "the booking's event went along");
    let mail = eventually("she is told", async || {
        let mails = stage.product.mails().into_iter().map(|mail| mail.replace("=\r\n", ""));
        mails
            .filter(|mail| mail.contains(CAMILLE))
            .find(|mail| mail.contains("Simone") && mail.contains("dernier message"))
    })
    .await;
    assert!(!mail.contains("Yoga"));
    // Where a program cannot give back what it was allowed, she is told where she can.
    let told = stage.side.permissions().iter().any(|page| mail.contains(page));
    assert_eq!(told, !stage.side.revokes(), "{mail}");
    for row in stage.database.dump().await {
        assert!(!row.contains(CAMILLE) && !row.contains(ACCOUNT), "{row}");
    }
    let acts = stage.database.count("audit_log WHERE action IN ('request_erasure', 'erased')").await;
    assert_eq!(acts, 2);
}

async fn neighbour_is_well(stage: &Stage, ines: &mut Browser) {
    assert!(!stage.database.blocks("ines@simone.test").await.is_empty());
    ines.open("/settings/calendars").await.says("Connecté");
    // At Microsoft only the person can withdraw what they allowed.
    let standing = if stage.side.revokes() { 1 } else { 2 };
    assert_eq!(stage.simulator.grants().await.len(), standing);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_all_is_well() {
    on_each("erase-up", async |stage| {
        let mut ines = two(stage).await;
        assert_eq!(stage.simulator.grants().await.len(), 2);
        erase(stage).await;
        shut(stage).await;
        gone(stage).await;
        neighbour_is_well(stage, &mut ines).await;
        // The address is free again.
        let link = stage.product.add_provider("Camille Moreau", CAMILLE).await;
        stage.browser.enter(&link).await.says(&stage.side.button());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_platform_is_down_and_the_program_is_killed() {
    on_each("erase-down", async |stage| {
        let mut ines = two(stage).await;
        let path = stage.side.farewell_path();
        stage.simulator.fault(json!({"kind": "status", "status": 503, "path": path, "times": null})).await;
        erase(stage).await;
        stage.product.kill();
        stage.product.start().await;
        shut(stage).await;
        assert_eq!(stage.database.count("providers").await, 2, "the platform has not been told yet");
        // No link lets her in, and the answer is the same as ever.
        let login = stage.browser.open("/login").await;
        let form = login.form("Recevoir un lien").with("email", CAMILLE);
        stage.browser.send(&login, &form).await.says("Regardez vos e-mails");
        shut(stage).await;
        // Killed once more, just when the platform is back.
        stage.product.kill();
        stage.simulator.clear_faults().await;
        stage.database.execute("UPDATE calendar_connections SET leased_until = NULL").await;
        let due = stage.database.instant(now());
        stage
            .database
            .execute(&format!(
                "UPDATE calendar_connections SET next_sync_at = {due} WHERE status = 'disconnecting'"
            ))
            .await;
        stage.product.start().await;
        gone(stage).await;
        neighbour_is_well(stage, &mut ines).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn given_up_after_a_day_at_an_operator_s_word() {
    on_each("erase-abandoned", async |stage| {
        two(stage).await;
        let added = stage.product.run(&["operator", "add", "--email", "robin@simone.test"]).await;
        let said = String::from_utf8(added.stdout).unwrap();
        let link = said.split_whitespace().find(|word| word.contains("/login/")).unwrap();
        let mut robin = stage.product.browser();
        let page = robin.open(link).await;
        robin.press(&page, "Entrer").await;
        let path = stage.side.farewell_path();
        stage.simulator.fault(json!({"kind": "status", "status": 503, "path": path, "times": null})).await;
        let camille = stage.database.ids(&format!("providers WHERE email = '{CAMILLE}'")).await.remove(0);
        let page = robin.open(&format!("/oversight/providers/{camille}/erase")).await;
        robin.press(&page, "Effacer ce compte pour toujours").await.says("L’effacement est demandé.");
        shut(stage).await;
        robin.open(&format!("/oversight/providers/{camille}")).await.says("Effacement en cours");
        let again = Form { action: "/oversight/actions/erase-provider".to_owned(), post: true, ..Form::default() };
        robin.send(&page, &again.with("provider", &camille)).await.says("Rien n’a changé");
        let yesterday = stage.database.instant(now() - TimeDelta::hours(25));
        let sql = format!("UPDATE calendar_connections SET disconnect_requested_at = {yesterday} WHERE status = 'disconnecting'");
        stage.database.execute(&sql).await;
        eventually("its round gives it up", async || {
            let due = stage.database.instant(now());
            let sql = format!("UPDATE calendar_connections SET next_sync_at = {due} WHERE status = 'disconnecting'");
            stage.database.execute(&sql).await;
            (stage.database.count("providers").await == 1).then_some(())
        })
        .await;
        eventually("she is told what is left", async || {
            let mails = stage.product.mails().into_iter().map(|mail| mail.replace("=\r\n", ""));
            let mut mails = mails.filter(|mail| mail.contains(CAMILLE) && mail.contains("dernier message"));
            let pages = stage.side.permissions();
            mails.next().filter(|mail| pages.iter().all(|page| mail.contains(page)) && mail.contains(ACCOUNT))
        })
        .await;
        robin.open("/oversight/audit").await.says("compte effacé");
    })
    .await;
}
