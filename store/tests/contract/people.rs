//! Operators, links, sessions, export and erasure.

use crate::support::{Fixture, on_both};
use crate::{later, now, report, single, weekly};
use chrono::TimeDelta;
use serde_json::Value;
use simone_booking::{Locale, OperatorId, ProviderId};
use simone_store::deliveries::EmailKind;
use simone_store::export::{After, Part};
use simone_store::links::{LinkKind, Resent};
use simone_store::operators::Withdrawn;
use simone_store::sessions::{NewSession, Who, token_hash};
use simone_store::views::oversight::{Health, Standing, Which};
use simone_store::{NewOperator, NewProvider};
use simone_sync::platform::Platform;
use simone_sync::ports::{Choices as _, Recorded, RoundStore as _, StoreError};
use simone_sync::round::{Outcome, RoundReport};

fn operator(name: &str) -> NewOperator {
    let (zone, locale) = (chrono_tz::Europe::Paris, Locale::Fr);
    NewOperator { name: name.to_owned(), email: format!("{name}@Simone.test"), zone, locale }
}

fn invited(name: &str) -> NewProvider {
    let (zone, locale) = (chrono_tz::Europe::Lisbon, Locale::En);
    NewProvider { name: name.to_owned(), email: format!("{name}@simone.test"), zone, locale }
}

impl Fixture {
    async fn operator(&self, name: &str) -> OperatorId {
        self.db.add_operator(&operator(name), "command line", now()).await.unwrap().expect("a new one")
    }

    /// Everything of a provider, as the export gives it.
    async fn exported(&self, provider: ProviderId) -> Vec<(&'static str, Vec<Value>)> {
        let mut all = Vec::new();
        for part in Part::ALL {
            let (mut rows, mut after) = (Vec::new(), Some(After::default()));
            while let Some(from) = after {
                let (more, next) = self.db.export(provider, part, &from).await.unwrap();
                rows.extend(more);
                after = next;
            }
            all.push((part.name(), rows));
        }
        all
    }
}

#[tokio::test]
async fn one_address_is_one_person_in_either_role() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let operator = fixture.operator("A").await;
        let again = fixture.db.add_operator(&self::operator("a"), "command line", now()).await.unwrap();
        assert_eq!(again, None, "they are one already");
        fixture.db.send_login_link("A@simone.test", "both", now()).await.unwrap();
        let both = Who { provider: Some(provider), operator: Some(operator) };
        let enter = async |link: &str, token: &str, at| {
            let token = token_hash(token);
            let session = NewSession { token: &token, device: Some("Firefox/Linux"), flash: None };
            fixture.db.enter_by_link(link, &session, at).await.unwrap()
        };
        assert_eq!(enter("both", "s", now()).await, Some((both, LinkKind::Login)));
        assert_eq!(enter("both", "t", now()).await, None, "once");
        assert!(fixture.db.session(&token_hash("t"), now()).await.unwrap().is_none(), "and one session");
        let session = fixture.db.session(&token_hash("s"), now()).await.unwrap().expect("it began");
        assert_eq!(session.provider.map(|it| it.id), Some(provider));
        assert_eq!(session.operator.map(|it| it.id), Some(operator));

        // Somebody who is an operator alone gets links too, and few at a time.
        fixture.operator("b").await;
        for token in ["1", "2", "3", "4", "5"] {
            fixture.db.send_login_link("b@simone.test", token, now()).await.unwrap();
        }
        assert_eq!(fixture.count("login_tokens").await, 3);
        fixture.db.send_login_link("nobody@simone.test", "6", now()).await.unwrap();
        assert_eq!(fixture.count("login_tokens").await, 3);
    })
    .await;
}

#[tokio::test]
async fn there_is_always_an_operator_left() {
    on_both(async |fixture| {
        assert!(!fixture.db.has_operator().await.unwrap());
        let first = fixture.db.add_first_operator(&operator("a"), "configuration", now()).await.unwrap();
        let first = first.expect("there was none");
        let second = fixture.db.add_first_operator(&operator("b"), "configuration", now()).await.unwrap();
        assert_eq!(second, None, "there is one");
        assert_eq!(
            fixture.db.withdraw_operator(first, "a@simone.test", now()).await.unwrap(),
            Withdrawn::Last
        );
        let second = fixture.operator("b").await;
        fixture.db.send_login_link("a@simone.test", "link", now()).await.unwrap();
        assert!(fixture.db.start_session(&token_hash("s"), first.into(), None, None, now()).await.unwrap());
        let provider = fixture.provider("a").await;
        let both = Who { provider: Some(provider), operator: Some(first) };
        assert!(fixture.db.start_session(&token_hash("both"), both, None, None, now()).await.unwrap());

        // Two who withdraw each other at once.
        let (one, other) = tokio::join!(
            fixture.db.withdraw_operator(first, "b@simone.test", now()),
            fixture.db.withdraw_operator(second, "a@simone.test", now()),
        );
        let mut outcomes = [one.unwrap(), other.unwrap()];
        outcomes.sort_by_key(|outcome| *outcome != Withdrawn::Done);
        assert_eq!(outcomes, [Withdrawn::Done, Withdrawn::Last]);
        if outcomes[0] == Withdrawn::Done && fixture.db.operator(first).await.unwrap().is_some() {
            // The first one won: make it so that they are the one who is withdrawn.
            fixture.operator("b").await;
            let outcome = fixture.db.withdraw_operator(first, "b@simone.test", now()).await.unwrap();
            assert_eq!(outcome, Withdrawn::Done);
        }
        assert!(
            fixture.db.session(&token_hash("s"), now()).await.unwrap().is_none(),
            "their session has ended"
        );
        let session =
            fixture.db.session(&token_hash("both"), now()).await.unwrap().expect("a provider's too");
        assert!(session.operator.is_none() && session.provider.is_some());
        assert_eq!(fixture.db.login_link("link", now()).await.unwrap(), None);
        assert!(!fixture.db.start_session(&token_hash("t"), first.into(), None, None, now()).await.unwrap());
        let missing = fixture.db.withdraw_operator(first, "b@simone.test", now()).await.unwrap();
        assert_eq!(missing, Withdrawn::Missing);
        assert_eq!(fixture.operator("a").await, first, "and may become one again");
    })
    .await;
}

#[tokio::test]
async fn an_invitation_works_once_for_seven_days_and_can_be_sent_again() {
    on_both(async |fixture| {
        let by = "op@simone.test";
        let provider = fixture.db.invite_provider(&invited("ana"), "one", by, now()).await.unwrap();
        let provider = provider.expect("a new address");
        let taken = fixture.db.invite_provider(&invited("ANA"), "two", by, now()).await.unwrap();
        assert_eq!(taken, None);
        assert_eq!(fixture.count("login_tokens").await, 1, "the refused one made no link");
        let week = now() + TimeDelta::days(7);
        let just_before = week - TimeDelta::seconds(1);
        assert_eq!(fixture.db.login_link("one", just_before).await.unwrap(), Some(LinkKind::Invitation));
        assert_eq!(fixture.db.login_link("one", week).await.unwrap(), None);
        let emails = fixture.db.latest_emails(5).await.unwrap();
        assert_eq!(emails[0].kind, EmailKind::Invitation { token: "one".into(), operator: false });
        assert_eq!((emails[0].to.as_str(), emails[0].locale), ("ana@simone.test", Locale::En));

        for token in ["three", "four"] {
            assert_eq!(fixture.db.resend_invitation(provider, token, by, now()).await.unwrap(), Resent::Sent);
        }
        assert_eq!(fixture.db.resend_invitation(provider, "five", by, now()).await.unwrap(), Resent::TooMany);
        let standing = async || {
            fixture.db.provider_sheet(provider, now()).await.unwrap().expect("they are here").standing
        };
        assert_eq!(standing().await, Standing::Invited(now()));
        let token = token_hash("s");
        let session = NewSession { token: &token, device: None, flash: None };
        let used = fixture.db.enter_by_link("three", &session, later(1)).await.unwrap();
        assert_eq!(used, Some((provider.into(), LinkKind::Invitation)));
        for token in ["one", "three", "four"] {
            assert_eq!(fixture.db.login_link(token, later(1)).await.unwrap(), None, "{token}");
        }
        assert_eq!(standing().await, Standing::Here);
        assert_eq!(
            fixture.db.resend_invitation(provider, "six", by, later(30)).await.unwrap(),
            Resent::Missing,
            "who has come in is not invited"
        );
        let log = fixture.db.audit_log(None, 1).await.unwrap();
        let acts: Vec<_> = log.rows.iter().map(|row| (row.action.as_str(), row.actor.as_str())).collect();
        assert_eq!(acts, [("invite_again", by), ("invite_again", by), ("invite", by)]);
    })
    .await;
}

#[tokio::test]
async fn sessions_are_listed_and_ended_by_whose_they_are_alone() {
    on_both(async |fixture| {
        let (one, other) = (fixture.provider("a").await, fixture.provider("b").await);
        for (token, who, at) in [("a1", one, 0), ("a2", one, 1), ("a3", one, 2), ("b1", other, 3)] {
            let device = Some("Safari/iPhone");
            assert!(
                fixture
                    .db
                    .start_session(&token_hash(token), who.into(), device, None, later(at))
                    .await
                    .unwrap()
            );
        }
        fixture.db.set_flash(&token_hash("visitor"), "{}", now()).await.unwrap();
        let list = async |who: ProviderId, token: &str| {
            fixture.db.open_sessions(who.into(), &token_hash(token), later(5)).await.unwrap()
        };
        let of_one = list(one, "a2").await;
        assert_eq!(of_one.iter().map(|it| it.this).collect::<Vec<_>>(), [true, false, false]);
        assert_eq!(of_one[0].device.as_deref(), Some("Safari/iPhone"));
        assert_eq!((of_one[0].created_at, of_one[1].created_at), (later(1), later(2)), "then the latest");

        let theirs = list(other, "b1").await[0].id;
        assert!(!fixture.db.end_session_of(one.into(), theirs).await.unwrap(), "a neighbour's");
        assert!(!fixture.db.end_session_of(Who::default(), theirs).await.unwrap());
        assert!(fixture.db.end_session_of(one.into(), of_one[2].id).await.unwrap());
        assert!(fixture.db.session(&token_hash("a1"), later(5)).await.unwrap().is_none());
        fixture.db.end_all_sessions(one.into(), Some(&token_hash("a2"))).await.unwrap();
        assert_eq!(list(one, "a2").await.len(), 1);
        assert_eq!(list(other, "b1").await.len(), 1);
        fixture.db.end_all_sessions(one.into(), None).await.unwrap();
        assert!(list(one, "a2").await.is_empty());
        assert_eq!(fixture.count("sessions").await, 2, "the neighbour's and the visitor's");
    })
    .await;
}

#[tokio::test]
async fn an_export_holds_everything_of_a_provider_and_nothing_of_the_neighbour() {
    on_both(async |fixture| {
        let (one, other) = (fixture.provider("a").await, fixture.provider("b").await);
        // More than one batch of events, so that the reading goes on where it stopped.
        let many = (0..620).map(|n| single(&format!("event-{n:04}"), later(60 + n))).collect();
        let (lease, _) = fixture.imported(one, "x", many).await;
        fixture.db.end_round(&lease, &report(now(), Outcome::Ok, 620)).await.unwrap();
        let mut foreign = single("foreign", later(90));
        foreign.details.title = "Neighbour's secret".to_owned();
        fixture.imported(other, "y", vec![foreign]).await;
        for (token, who) in [("a1", one), ("b1", other)] {
            assert!(
                fixture
                    .db
                    .start_session(&token_hash(token), who.into(), Some("Edge/Windows"), None, now())
                    .await
                    .unwrap()
            );
        }
        fixture.db.send_login_link("a@simone.test", "very-secret-link", now()).await.unwrap();
        fixture.db.note_export(one, now()).await.unwrap();

        let exported = fixture.exported(one).await;
        let rows = |part: &str| &exported.iter().find(|(name, _)| *name == part).expect("a part").1;
        assert_eq!(rows("profile")[0]["email"], "a@simone.test");
        assert_eq!(rows("connections").len(), 1);
        assert_eq!(rows("calendars").len(), 2);
        assert_eq!(rows("events").len(), 620);
        assert!(rows("events").iter().all(|event| event["title"] == "Secret dentist"));
        let mut ids: Vec<_> = rows("events").iter().map(|event| event["id"].as_str().unwrap()).collect();
        ids.dedup();
        assert_eq!(ids.len(), 620, "each once");
        assert_eq!(rows("unavailabilities").len(), 620);
        assert_eq!(rows("sync_log")[0]["added"], 620);
        assert_eq!(rows("sessions")[0]["device"], "Edge/Windows");
        assert_eq!(rows("emails")[0]["kind"], "login_link");
        let acts: Vec<_> = rows("audit_log").iter().map(|act| act["action"].as_str().unwrap()).collect();
        assert_eq!(acts, ["connect", "export"]);
        let text = exported.iter().flat_map(|(_, rows)| rows).map(Value::to_string).collect::<String>();
        for secret in ["secret-access", "secret-refresh", "very-secret-link", "Neighbour", "b@simone.test"] {
            assert!(!text.contains(secret), "{secret} is in the export");
        }
        assert!(!text.contains(&other.to_string()));
    })
    .await;
}

#[tokio::test]
async fn the_last_message_names_the_accounts_that_went_with_the_provider() {
    on_both(async |fixture| {
        let one = fixture.provider("a").await;
        let before = fixture.connection(one, "before").await;
        assert!(fixture.db.disconnect(one, before, false, now()).await.unwrap());
        let lease = fixture.lease(now()).await.expect("it is to be ended");
        fixture.db.finish_disconnect(&lease, false, later(1)).await.unwrap();
        fixture.connection(one, "with").await;
        assert!(fixture.db.request_erasure(one, "provider", later(2)).await.unwrap());
        let lease = fixture.lease(later(2)).await.expect("the other one, too");
        fixture.db.finish_disconnect(&lease, false, later(3)).await.unwrap();
        assert_eq!(fixture.db.finish_erasures(later(3)).await.unwrap(), [one]);
        let goodbye = fixture.db.latest_emails(1).await.unwrap().remove(0);
        let EmailKind::Erased { abandoned, disconnected } = goodbye.kind else {
            panic!("{:?}", goodbye.kind)
        };
        assert_eq!(abandoned, []);
        assert_eq!(disconnected, [(Platform::Google, "with@gmail.test".to_owned())]);
    })
    .await;
}

#[tokio::test]
async fn erasing_shuts_everything_at_once_and_ends_when_no_connection_is_left() {
    on_both(async |fixture| {
        let (one, other) = (fixture.provider("a").await, fixture.provider("b").await);
        let (lease, calendar) = fixture.imported(one, "x", vec![weekly("yoga", later(60))]).await;
        fixture.db.end_round(&lease, &report(now(), Outcome::Ok, 1)).await.unwrap();
        let (theirs, _) = fixture.imported(other, "y", vec![weekly("choir", later(60))]).await;
        let rests = RoundReport { next_sync_at: later(60), ..report(now(), Outcome::Ok, 1) };
        fixture.db.end_round(&theirs, &rests).await.unwrap();
        let neighbours = fixture.blocks(other).await;
        assert!(fixture.db.start_session(&token_hash("s"), one.into(), None, None, now()).await.unwrap());
        fixture.db.send_login_link("a@simone.test", "link", now()).await.unwrap();
        fixture.db.make_api_token("own", Some(one), "op@simone.test", now()).await.unwrap();
        assert!(fixture.db.finish_erasures(now()).await.unwrap().is_empty(), "nobody wished it");

        let running = fixture.lease(later(6)).await.expect("a round is under way");
        assert!(fixture.db.request_erasure(one, "provider", later(6)).await.unwrap());
        assert!(!fixture.db.request_erasure(one, "provider", later(6)).await.unwrap(), "once");
        assert!(
            !fixture.db.request_erasure(ProviderId(uuid::Uuid::nil()), "provider", later(6)).await.unwrap()
        );

        // Nobody gets in, nothing blocks, nothing can be chosen, connected or derived.
        assert!(fixture.db.session(&token_hash("s"), later(6)).await.unwrap().is_none());
        assert_eq!(fixture.db.login_link("link", later(6)).await.unwrap(), None);
        fixture.db.send_login_link("a@simone.test", "another", later(6)).await.unwrap();
        assert_eq!(fixture.count("login_tokens").await, 0);
        assert!(!fixture.db.start_session(&token_hash("t"), one.into(), None, None, later(6)).await.unwrap());
        assert!(fixture.db.provider(one).await.unwrap().is_none());
        assert!(fixture.db.provider_by_email("a@simone.test").await.unwrap().is_none());
        assert!(fixture.blocks(one).await.is_empty());
        assert!(!fixture.db.select_calendar(one, calendar, true, later(6)).await.unwrap());
        assert_eq!(fixture.connect(one, "z", None).await, Recorded::Vanished);
        let behind = fixture.db.derive_due(later(60 * 24), 10).await.unwrap();
        assert!(!behind.contains(&one), "nothing is derived of them");
        assert_eq!(fixture.count("api_tokens").await, 0);
        let lost = fixture.db.end_round(&running, &report(later(6), Outcome::Ok, 0)).await;
        assert!(matches!(lost, Err(StoreError::LeaseLost)), "a running round is overtaken");
        let sheet = fixture.db.provider_sheet(one, later(6)).await.unwrap().expect("they are not gone yet");
        assert_eq!(sheet.standing, Standing::Leaving);

        // The platform is down: the wish stands, whatever is tried in between.
        assert!(fixture.db.finish_erasures(later(7)).await.unwrap().is_empty());
        assert_eq!(fixture.count("providers").await, 2);
        fixture.db.release_lease(&running).await.unwrap();
        let lease = fixture.lease(later(7)).await.expect("its connection is to be ended");
        assert_eq!(lease.connection, running.connection);
        fixture.db.finish_disconnect(&lease, true, later(8)).await.unwrap();
        assert_eq!(fixture.db.finish_erasures(later(8)).await.unwrap(), [one]);
        assert!(fixture.db.finish_erasures(later(8)).await.unwrap().is_empty());

        // What is left of them are ids, and one e-mail on its way.
        let dump = fixture.dump().await;
        let left: Vec<_> =
            dump.iter().filter(|row| row.contains("a@simone.test") || row.contains("x@gmail")).collect();
        assert!(left.is_empty(), "{left:?}");
        let id = one.0.simple().to_string();
        let named = |row: &&String| row.to_lowercase().replace('-', "").contains(&id);
        for row in dump.iter().filter(named) {
            assert!(row.starts_with("audit_log") || row.starts_with("deliveries"), "{row}");
        }
        assert_eq!(fixture.count("calendar_accounts").await, 0);
        let goodbye = fixture.db.latest_emails(1).await.unwrap().remove(0);
        assert_eq!(goodbye.to, "a@simone.test");
        let EmailKind::Erased { abandoned, disconnected } = goodbye.kind else {
            panic!("{:?}", goodbye.kind)
        };
        assert_eq!(abandoned, [(Platform::Google, "x@gmail.test".to_owned())]);
        assert_eq!(disconnected, []);
        while let Some(due) = fixture.db.due_emails(later(9), 1).await.unwrap().pop() {
            fixture.db.settle_delivery(due.id, later(9), None, None).await.unwrap();
        }
        fixture.db.prune(later(9)).await.unwrap();
        assert_eq!(fixture.count("deliveries WHERE cause LIKE 'erased:%'").await, 1);
        fixture.db.prune(later(9 + 60)).await.unwrap();
        assert_eq!(
            fixture.count("deliveries WHERE cause LIKE 'erased:%'").await,
            0,
            "and then not even that"
        );
        assert_eq!(fixture.blocks(other).await, neighbours);
        fixture.provider("a").await;
    })
    .await;
}

#[tokio::test]
async fn who_has_nothing_connected_is_erased_at_once_and_an_account_that_others_use_stays_known() {
    on_both(async |fixture| {
        let (one, other, third) =
            (fixture.provider("a").await, fixture.provider("b").await, fixture.provider("c").await);
        for (provider, at) in [(one, now()), (other, later(4))] {
            fixture.connection(provider, "shared").await;
            let lease = fixture.lease(at).await.expect("a new connection is due");
            let waits = RoundReport {
                not_before: Some(at + TimeDelta::minutes(3)),
                next_sync_at: at + TimeDelta::minutes(60),
                ..report(at, Outcome::RateLimited, 0)
            };
            fixture.db.end_round(&lease, &waits).await.unwrap();
        }
        assert!(fixture.db.request_erasure(third, "op@simone.test", now()).await.unwrap());
        assert_eq!(fixture.db.finish_erasures(now()).await.unwrap(), [third]);
        assert!(fixture.db.request_erasure(one, "op@simone.test", later(10)).await.unwrap());
        let lease = fixture.lease(later(10)).await.expect("it is to be ended");
        assert_eq!(lease.provider, one);
        fixture.db.finish_disconnect(&lease, false, later(10)).await.unwrap();
        assert_eq!(fixture.db.finish_erasures(later(10)).await.unwrap(), [one]);
        assert_eq!(fixture.count("calendar_accounts").await, 1, "it is the other's too");
        let log = fixture.db.audit_log(Some(one), 1).await.unwrap();
        let acts: Vec<_> = log.rows.iter().map(|row| (row.action.as_str(), row.actor.as_str())).collect();
        assert_eq!(
            acts,
            [("erased", "worker"), ("request_erasure", "op@simone.test"), ("connect", "provider")]
        );
        assert!(log.rows.iter().all(|row| row.provider_name.is_none()));
    })
    .await;
}

#[tokio::test]
async fn providers_are_found_listed_in_pages_and_told_by_their_health() {
    on_both(async |fixture| {
        let names = ["Élise", "zoé", "Ana", "ana maria", "50%_off"];
        let mut ids = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let new = NewProvider { email: format!("p{index}@simone.test"), ..invited(name) };
            ids.push(fixture.db.add_provider(&new, now()).await.unwrap().expect("new"));
        }
        let found = async |words: &str, which: Which| {
            let listed = fixture.db.list_providers(words, which, 1).await.unwrap();
            listed.rows.into_iter().map(|row| row.name).collect::<Vec<_>>()
        };
        assert_eq!(found("ana", Which::All).await, ["Ana", "ana maria"]);
        assert_eq!(found("ANA M", Which::All).await, ["ana maria"]);
        assert_eq!(found("élise", Which::All).await, ["Élise"]);
        assert_eq!(found("P4@SIMONE", Which::All).await, ["50%_off"], "by address");
        assert_eq!(found("50%_", Which::All).await, ["50%_off"], "words are no pattern");
        assert!(found("%", Which::All).await.len() == 1 && found("nobody", Which::All).await.is_empty());

        let (failing, asks) = (ids[2], ids[3]);
        fixture.connection(failing, "x").await;
        for round in 0..2 {
            let lease = fixture.lease(later(round * 30)).await.expect("it is due");
            fixture.db.end_round(&lease, &report(later(round * 30), Outcome::Unavailable, 0)).await.unwrap();
        }
        fixture.connection(asks, "y").await;
        let lease = fixture.lease(later(31)).await.expect("a new one is due");
        assert!(fixture.db.flag_reconnect(&lease, None, later(31)).await.unwrap());
        assert_eq!(found("", Which::Attention).await, ["Ana"]);
        assert_eq!(found("", Which::Reconnect).await, ["ana maria"]);
        assert!(found("zoé", Which::Reconnect).await.is_empty());
        let listed = fixture.db.list_providers("", Which::All, 1).await.unwrap();
        let health = |id| listed.rows.iter().find(|row| row.id == id).expect("listed").health;
        assert_eq!(
            (health(failing), health(asks), health(ids[0])),
            (Health::Attention, Health::Reconnect, Health::None)
        );

        for number in 0..100 {
            let new =
                NewProvider { email: format!("n{number}@simone.test"), ..invited(&format!("N {number:03}")) };
            fixture.db.add_provider(&new, now()).await.unwrap();
        }
        let mut seen = Vec::new();
        for page in 1.. {
            let listed = fixture.db.list_providers("n 0", Which::All, page).await.unwrap();
            assert_eq!(listed.page, page);
            seen.extend(listed.rows.into_iter().map(|row| row.name));
            if !listed.more {
                break;
            }
        }
        assert_eq!(seen.len(), 100);
        assert!(seen.is_sorted());
    })
    .await;
}
