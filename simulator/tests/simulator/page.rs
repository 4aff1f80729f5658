//! The page on which a person edits the calendars.

use reqwest::Method;
use serde_json::{Value, json};
use simone_simulator::Options;

use crate::support::{ANA, NOW, Sim, instant, timed, yoga};

impl Sim {
    async fn page(&self, language: &str) -> String {
        let page = self.http.get(self.url("/")).header("accept-language", language).send().await.unwrap();
        assert_eq!(page.status(), 200);
        let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        page.text().await.unwrap()
    }

    async fn press(&self, form: &[(&str, &str)]) -> u16 {
        let mut fields = vec![("account", ANA), ("calendar", ANA), ("at", "0-0")];
        fields.extend(form);
        let done = self.http.post(self.url("/_simulator/edit")).form(&fields).send().await.unwrap();
        if done.status() == 303 {
            assert_eq!(done.headers()["location"], "/#calendar-0-0");
        }
        done.status().as_u16()
    }

    async fn event(&self, id: &str) -> Value {
        self.get(&format!("/calendars/primary/events/{id}")).await.body
    }
}

#[tokio::test]
async fn it_shows_calendars_and_what_is_coming_up() {
    let sim = Sim::with(Options { now: Some(instant(NOW)), demo: true, ..Options::default() }).await;
    let french = sim.page("fr").await;
    for text in [
        "Compte camille.moreau@gmail.test",
        "Agenda Famille",
        "lecture seule",
        "Yoga",
        "jeu. 25 mars 2027, 15:00 – 16:00",
        "lun. 29 mars 2027 – ven. 2 avr. 2027, toute la journée",
        "Ajouter un événement",
        "Supprimer",
        "Annuler cette occurrence",
        "aria-label=\"Déplacer de +1 h\"",
        "Changer le fuseau",
    ] {
        assert!(french.contains(text), "{text}");
    }
    let english = sim.page("en").await;
    for text in ["lang=\"en\"", "Thu 25 Mar 2027", "Add an event", "read only"] {
        assert!(english.contains(text), "{text}");
    }
    assert!(!english.contains("<script") && !english.contains(" style="));
    let style = sim.http.get(sim.url("/_simulator/style.css")).send().await.unwrap();
    assert_eq!(style.headers()["content-type"], "text/css; charset=utf-8");
}

#[tokio::test]
async fn hostile_texts_are_harmless() {
    let sim = Sim::start().await;
    let hostile = "\"'><script>alert(1)</script>&amp;<img src=x onerror=alert(1)>";
    sim.add(timed(hostile, "2027-03-20T10:00:00", "2027-03-20T11:00:00")).await;
    sim.edit(json!({"do": "add_calendar", "summary": hostile, "id": hostile})).await;
    let page = sim.page("fr").await;
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("'>"));
    assert!(page.contains("&lt;script&gt;"));
}

#[tokio::test]
async fn events_are_added() {
    let sim = Sim::start().await;
    let at = [("start", "2027-03-23T09:30"), ("end", "2027-03-23T10:00")];
    let add = async |title: &str, more: &[(&str, &str)]| {
        assert_eq!(sim.press(&[&[("do", "add"), ("title", title)], &at[..], more].concat()).await, 303);
        sim.list("orderBy=updated").await.0.pop().unwrap()
    };
    let plain = add("Plain", &[]).await;
    assert_eq!(plain["start"], json!({"dateTime": "2027-03-23T09:30:00+01:00", "timeZone": "Europe/Paris"}));
    let day = add("Day", &[("all_day", "on"), ("free", "on")]).await;
    assert_eq!((&day["start"]["date"], &day["end"]["date"]), (&json!("2027-03-23"), &json!("2027-03-24")));
    assert_eq!(day["transparency"], "transparent");
    let weekly = add("Weekly", &[("weekly", "on")]).await;
    assert_eq!(weekly["recurrence"], json!(["RRULE:FREQ=WEEKLY;BYDAY=TU"]));
    assert_eq!(sim.press(&[("do", "add"), ("title", "x"), ("start", "soon"), ("end", "")]).await, 400);
    assert_eq!(sim.press(&[("do", "add"), ("start", "é"), ("all_day", "on")]).await, 400);
    assert_eq!(sim.press(&[("do", "juggle")]).await, 400);
    assert_eq!(sim.press(&[("do", "delete"), ("event", "nothing")]).await, 404);
}

#[tokio::test]
async fn events_are_changed_moved_and_deleted() {
    let sim = Sim::start().await;
    let id = sim.add(timed("X", "2027-03-27T10:00:00", "2027-03-27T11:00:00")).await;
    assert_eq!(sim.press(&[("do", "move:60"), ("event", &id)]).await, 303);
    assert_eq!(sim.event(&id).await["start"]["dateTime"], "2027-03-27T11:00:00+01:00");
    // A day later is the same wall time, also across the change of the clocks.
    assert_eq!(sim.press(&[("do", "move:1440"), ("event", &id)]).await, 303);
    assert_eq!(sim.event(&id).await["start"]["dateTime"], "2027-03-28T11:00:00+02:00");
    let form = [
        ("do", "change"),
        ("event", &id),
        ("title", "Y"),
        ("start", "2027-03-29T08:00"),
        ("end", "2027-03-29T09:15"),
        ("free", "on"),
    ];
    assert_eq!(sim.press(&form).await, 303);
    let changed = sim.event(&id).await;
    assert_eq!((&changed["summary"], &changed["transparency"]), (&json!("Y"), &json!("transparent")));
    assert_eq!(changed["end"]["dateTime"], "2027-03-29T09:15:00+02:00");
    let back = [
        ("do", "change"),
        ("event", id.as_str()),
        ("title", "Y"),
        ("start", "2027-03-29T10:00"),
        ("end", "2027-03-29T09:15"),
    ];
    assert_eq!(sim.press(&back).await, 400);
    assert_eq!(sim.press(&[("do", "zone"), ("zone", "America/New_York")]).await, 303);
    assert_eq!(sim.event(&id).await["start"]["dateTime"], "2027-03-29T02:00:00-04:00");
    assert_eq!(sim.press(&[("do", "zone"), ("zone", "Mars")]).await, 400);
    assert_eq!(sim.press(&[("do", "delete"), ("event", &id)]).await, 303);
    assert_eq!(sim.event(&id).await["status"], "cancelled");
}

#[tokio::test]
async fn what_applications_wrote_is_told_and_can_be_copied() {
    let sim = Sim::start().await;
    let mut event = timed("Massage", "2027-03-20T10:00:00", "2027-03-20T11:00:00");
    event["location"] = json!("12 rue <b>des Lilas</b>");
    event["description"] = json!("Téléphone : 06\nCode &lt;b&gt;12&lt;/b&gt; &amp; <i>sonnette</i>");
    event["extendedProperties"] = json!({"private": {"source": "simone"}});
    let made = sim.send(Method::POST, "/calendars/primary/events", event).await;
    let id = made.body["id"].as_str().unwrap().to_owned();
    let page = sim.page("fr").await;
    for text in [
        "écrit par simone",
        // A place is text, a description is HTML: neither brings markup onto the page.
        "12 rue &lt;b&gt;des Lilas&lt;/b&gt;",
        "Téléphone : 06\nCode &lt;b&gt;12&lt;/b&gt; &amp; sonnette",
        "Dupliquer",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let private = async || -> Vec<Value> {
        let (events, _) = sim.list("").await;
        let of = |event: &Value| event["extendedProperties"]["private"]["source"].clone();
        events.iter().filter(|event| event["id"] != json!(id)).map(of).collect()
    };
    assert_eq!(sim.press(&[("do", "duplicate"), ("event", &id)]).await, 303);
    assert_eq!(private().await, [json!("simone")]);
    sim.control("settings", json!({"duplicates_keep_private": false})).await;
    assert_eq!(sim.press(&[("do", "duplicate"), ("event", &id)]).await, 303);
    let mut kept = private().await;
    kept.sort_by_key(Value::is_null);
    assert_eq!(kept, [json!("simone"), Value::Null]);
}

#[tokio::test]
async fn one_occurrence_the_following_or_the_whole_series() {
    let sim = Sim::start().await;
    let yoga = sim.add(yoga()).await;
    let first = format!("{yoga}_20270323T170000Z");
    let second = format!("{yoga}_20270330T160000Z");
    assert!(sim.page("fr").await.contains(&format!("value=\"{first}\"")));
    assert_eq!(sim.press(&[("do", "move:-60"), ("event", &first)]).await, 303);
    assert_eq!(sim.event(&first).await["start"]["dateTime"], "2027-03-23T17:00:00+01:00");
    assert_eq!(sim.press(&[("do", "delete"), ("event", &second)]).await, 303);
    assert_eq!(sim.event(&second).await["status"], "cancelled");
    let split = [("do", "split:60"), ("series", &yoga), ("slot", "20270406T160000Z")];
    assert_eq!(sim.press(&split).await, 303);
    let new = format!("{yoga}_R20270406T170000");
    assert_eq!(sim.event(&new).await["start"]["dateTime"], "2027-04-06T19:00:00+02:00");
    assert_eq!(sim.press(&[("do", "series:move:60"), ("series", &new)]).await, 303);
    assert_eq!(sim.event(&new).await["start"]["dateTime"], "2027-04-06T20:00:00+02:00");
    assert_eq!(sim.press(&[("do", "series:delete"), ("series", &new)]).await, 303);
    assert_eq!(sim.event(&new).await["status"], "cancelled");
}
