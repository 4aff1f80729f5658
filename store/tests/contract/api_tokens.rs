//! The tokens of the API.

use super::{later, now};
use crate::support::on_both;
use secrecy::{ExposeSecret as _, SecretString};
use simone_booking::id::ApiTokenId;

#[tokio::test]
async fn a_token_is_known_to_who_made_it_and_to_nobody_else() {
    on_both(async |it| {
        let camille = it.provider("camille").await;
        let (all, token) = it.db.make_api_token("Marché", None, "ops@simone.test", now()).await.unwrap();
        let (one, limited) =
            it.db.make_api_token("Camille", Some(camille), "ops@simone.test", later(1)).await.unwrap();
        assert!(token.expose_secret().starts_with("simone_") && token.expose_secret().len() == 50);
        assert_ne!(token.expose_secret(), limited.expose_secret());
        let dump = it.dump().await.join("\n");
        for token in [&token, &limited] {
            assert!(!dump.contains(&token.expose_secret()["simone_".len()..]), "the token itself is stored");
        }

        let caller = it.db.api_caller(token.expose_secret(), later(2)).await.unwrap().unwrap();
        assert_eq!((caller.token, caller.reach, caller.name.as_str()), (all, None, "Marché"));
        let caller = it.db.api_caller(limited.expose_secret(), later(2)).await.unwrap().unwrap();
        assert_eq!((caller.token, caller.reach), (one, Some(camille)));
        for wrong in ["", "simone_", "demo", &token.expose_secret()[..49]] {
            assert_eq!(it.db.api_caller(wrong, later(2)).await.unwrap(), None, "{wrong}");
        }

        let used = async |id: ApiTokenId| {
            let rows = it.db.api_tokens().await.unwrap();
            rows.iter().find(|row| row.id == id).unwrap().last_used_at
        };
        assert_eq!(used(all).await, Some(later(2)));
        it.db.api_caller(token.expose_secret(), later(61)).await.unwrap();
        assert_eq!(used(all).await, Some(later(2)), "noted once an hour");
        it.db.api_caller(token.expose_secret(), later(62)).await.unwrap();
        assert_eq!(used(all).await, Some(later(62)));

        assert!(it.db.withdraw_api_token(all, "ops@simone.test", later(63)).await.unwrap());
        assert!(!it.db.withdraw_api_token(all, "ops@simone.test", later(64)).await.unwrap(), "once");
        assert_eq!(it.db.api_caller(token.expose_secret(), later(63)).await.unwrap(), None);
        assert!(it.db.api_caller(limited.expose_secret(), later(63)).await.unwrap().is_some());
        let rows = it.db.api_tokens().await.unwrap();
        assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), [one, all], "the withdrawn one last");
        assert_eq!(rows[1].withdrawn_at, Some(later(63)));
        assert_eq!(rows[0].reach, Some((camille, "camille".to_owned())));
        assert_eq!(
            it.count("audit_log WHERE actor = 'ops@simone.test' AND action LIKE '%_token'").await,
            3,
            "two were made, one withdrawn"
        );

        it.db.delete_provider(camille).await.unwrap();
        assert_eq!(it.db.api_caller(limited.expose_secret(), later(65)).await.unwrap(), None);
        assert_eq!(it.count("api_tokens").await, 1, "it goes with its provider");
    })
    .await;
}

#[tokio::test]
async fn the_configuration_names_one_token_at_a_time() {
    on_both(async |it| {
        let works = async |token: &str| it.db.api_caller(token, now()).await.unwrap().is_some();
        let configure = async |token: Option<&str>| {
            let token = token.map(SecretString::from);
            it.db.configure_api_token(token.as_ref(), now()).await.unwrap()
        };
        let (_, made) = it.db.make_api_token("Marché", None, "ops@simone.test", now()).await.unwrap();
        assert!(configure(None).await && configure(Some("first")).await && configure(Some("first")).await);
        assert_eq!(it.count("api_tokens").await, 2, "once, however often the program starts");
        assert!(works("first").await);
        assert!(configure(Some("second")).await);
        assert!(works("second").await && !works("first").await);
        assert!(configure(Some("first")).await, "what was replaced can be named again");
        assert!(works("first").await && !works("second").await);
        let rows = it.db.api_tokens().await.unwrap();
        let first = rows.iter().find(|row| row.created_by == "configuration").unwrap().id;
        it.db.withdraw_api_token(first, "ops@simone.test", now()).await.unwrap();
        assert!(!configure(Some("first")).await, "what an operator withdrew stays withdrawn");
        assert!(!works("first").await);
        assert!(configure(Some("third")).await && configure(None).await);
        assert!(!works("third").await);
        assert!(works(made.expose_secret()).await, "the others are not touched");
    })
    .await;
}
