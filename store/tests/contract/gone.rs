//! A calendar that receives bookings and is gone: it keeps its place, the exports rest, and the provider is told once.

use super::bookings::{asked, at};
use super::*;
use simone_booking::{BookingId, Interval};
use simone_store::views::Standing;
use simone_sync::export::{Content, ExportKey, Marker};
use simone_sync::ports::{ExportInput, Write};
use std::collections::HashSet;

impl Fixture {
    /// The platform lists these calendars, in a round that covers what there is to export.
    async fn lists(&self, at: DateTime<Utc>, ids: &[&str]) -> ExportInput {
        let lease = self.lease(at).await.expect("something has woken it");
        let listed: Vec<_> = ids.iter().map(|id| remote(id, *id == "primary")).collect();
        self.db.apply_calendars(&lease, &listed, at).await.unwrap();
        self.db.derive(lease.provider, at).await.unwrap();
        let input = self.db.export_input(&lease, at).await.unwrap().expect("there is something to export");
        let mut report = report(at, Outcome::Ok, 0);
        report.exports.covered = Some(input.wanted);
        self.db.end_round(&lease, &report).await.unwrap();
        input
    }

    async fn told(&self) -> (i64, i64, i64) {
        (
            self.count("notices WHERE kind = 'exports_failing' AND settled_at IS NULL").await,
            self.count("notices WHERE kind = 'exports_failing'").await,
            self.count("deliveries WHERE cause LIKE 'exports_failing:%'").await,
        )
    }

    async fn standing(&self, provider: ProviderId, booking: BookingId) -> Standing {
        let states = self.db.export_states(provider, Interval::new(now(), later(7 * 24 * 60))).await.unwrap();
        states[&booking][0].standing.clone()
    }
}

fn not_there() -> Standing {
    Standing::Failed { code: "not_found".to_owned() }
}

#[tokio::test]
async fn a_receiving_calendar_that_is_gone_keeps_its_place_and_is_told_once() {
    on_both(async |fixture| {
        let (me, service) = fixture.open_provider("me", 0).await;
        let (lease, _) = fixture.imported(me, "x", vec![]).await;
        let connection = lease.connection;
        let id = async |external: &str| {
            let sql = format!("SELECT id FROM calendars WHERE external_id = '{external}'");
            CalendarId(fixture.ids(&sql).await[0])
        };
        let (primary, other) = (id("primary").await, id("other").await);
        assert!(fixture.db.set_receiving(me, connection, Some(other), now()).await.unwrap());
        let written = fixture.book(&asked(me, service, at(10, 0))).await.unwrap().booking;
        let waiting = fixture.book(&asked(me, service, at(14, 0))).await.unwrap().booking;
        let key = ExportKey { booking: written.id, generation: 0 };
        let input = fixture.db.export_input(&lease, now()).await.unwrap().unwrap();
        let content =
            Content::of(&written, "", input.zone, input.locale, &"https://simone.test".parse().unwrap());
        let name = Marker::new(input.installation, written.id, 0).name;
        fixture.db.begin_export(&lease, key, "other", &name, Some(&name), &content).await.unwrap();
        let event = single(&name, written.interval.start);
        fixture.db.record_export(&lease, key, Write::Created, &content, &event, now()).await.unwrap();
        fixture.db.end_round(&lease, &report(now(), Outcome::Ok, 1)).await.unwrap();

        // Gone: it is no longer listed, and each booking to come says so, whether it was written or not.
        let input = fixture.lists(later(1), &["primary"]).await;
        assert_eq!(input.receiving.as_deref(), Some("other"), "it is the provider's choice still");
        assert_eq!(input.listed, HashSet::from(["primary".to_owned()]));
        assert_eq!(fixture.count("calendars WHERE receives AND gone_at IS NOT NULL").await, 1);
        for booking in [written.id, waiting.id] {
            assert_eq!(fixture.standing(me, booking).await, not_there());
        }
        assert_eq!(fixture.told().await, (1, 1, 1), "exports have come to rest, and yet it stays told");
        assert_eq!(fixture.count("calendar_connections WHERE exports_wanted > exports_done").await, 0);
        assert!(fixture.db.set_locale(me, Locale::En).await.unwrap(), "something else wakes the exports");
        fixture.lists(later(2), &["primary"]).await;
        assert_eq!(fixture.told().await, (1, 1, 1));
        // Unselecting it takes nothing away either.
        assert!(fixture.db.select_calendar(me, other, true, later(2)).await.unwrap());
        assert!(fixture.db.select_calendar(me, other, false, later(2)).await.unwrap());
        assert_eq!(fixture.count("calendars WHERE receives AND gone_at IS NOT NULL").await, 1);
        assert_eq!(fixture.count("calendar_conflicts").await, 0);

        // Back: all is as it was.
        let input = fixture.lists(later(3), &["primary", "other"]).await;
        assert!(input.listed.contains("other"));
        let [row] = input.written.as_slice() else { panic!("{:?}", input.written) };
        assert!(row.key == key && !row.gone && !row.retired && row.event_id.as_ref() == Some(&name));
        assert!(matches!(fixture.standing(me, written.id).await, Standing::Written { .. }));
        assert_eq!(fixture.standing(me, waiting.id).await, Standing::Waiting);
        assert_eq!(fixture.told().await, (0, 1, 1));

        // Gone once more, and another is chosen: it leaves the list, and what was written there stays known.
        fixture.execute("UPDATE calendar_connections SET wanted = wanted + 1").await;
        fixture.lists(later(4), &["primary"]).await;
        assert_eq!(fixture.told().await, (1, 2, 2));
        assert!(!fixture.db.set_receiving(me, connection, Some(other), later(4)).await.unwrap());
        assert!(fixture.db.set_receiving(me, connection, Some(primary), later(4)).await.unwrap());
        assert_eq!(fixture.count("calendars").await, 1);
        assert_eq!(fixture.standing(me, written.id).await, Standing::Waiting);
        let input = fixture.lists(later(5), &["primary"]).await;
        assert_eq!((input.receiving.as_deref(), input.listed.len()), (Some("primary"), 1));
        assert_eq!(fixture.told().await, (0, 2, 2));
        let input = fixture.lists(later(66), &["primary", "other"]).await;
        assert_eq!(input.receiving.as_deref(), Some("primary"));
        assert!(input.listed.contains("other") && !input.written[0].gone, "what stands there can be removed");
    })
    .await;
}
