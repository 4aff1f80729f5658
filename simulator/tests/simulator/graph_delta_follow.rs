//! Whoever follows the changes by the rules (6.2) sees what a view shows, whatever happens in the calendar.

use std::collections::BTreeMap;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::graph_events_client::{Mail, SPRING, at, escaped, event_path, text, timed, yoga};

/// What a client holds: by id the series, the start and the end.
type Held = BTreeMap<String, (Option<String>, String, String)>;

fn entry(item: &Value) -> (Option<String>, String, String) {
    let series = item["seriesMasterId"].as_str().map(str::to_owned);
    (series, text(&item["start"]["dateTime"]), text(&item["end"]["dateTime"]))
}

/// Removals by id; of a series that is named at all, what came replaces what was.
fn applied(held: &mut Held, round: &[Value]) {
    for item in round {
        let id = text(&item["id"]);
        if item.get("@removed").is_some() {
            held.remove(&id);
            held.retain(|_, (series, _, _)| series.as_ref() != Some(&id));
        } else if item["type"] == "seriesMaster" {
            held.remove(&id);
        } else if let Some(series) = item["seriesMasterId"].as_str() {
            let came = |id: &String| round.iter().any(|item| item["id"] == **id);
            held.retain(|id, (other, _, _)| other.as_deref() != Some(series) || came(id));
            held.remove(series);
        }
    }
    for item in round.iter().filter(|item| item.get("@removed").is_none() && item["type"] != "seriesMaster") {
        // The last of several is right; a removal behind it would be.
        held.insert(text(&item["id"]), entry(item));
    }
}

fn time(rng: &mut impl Rng) -> (String, String) {
    let (month, day, hour) = (rng.random_range(1..8), rng.random_range(1..29), rng.random_range(8..20));
    (format!("2027-{month:02}-{day:02}T{hour:02}:00:00"), format!("2027-{month:02}-{day:02}T{hour:02}:45:00"))
}

/// Something that a person or a client does in a calendar.
async fn act(mail: &Mail, rng: &mut impl Rng, other: &str) {
    let view = mail.all(&format!("/me/calendarView?{SPRING}&$top=1000")).await;
    let all = mail.all("/me/events?$top=1000").await;
    let (start, end) = time(rng);
    let some = |rng: &mut ChaCha8Rng, list: &[Value]| {
        (!list.is_empty()).then(|| list[rng.random_range(0..list.len())]["id"].clone())
    };
    let mut dice = ChaCha8Rng::seed_from_u64(rng.random());
    let (one, occurrence) = (some(&mut dice, &all), some(&mut dice, &view));
    match (rng.random_range(0..9), one, occurrence) {
        (0 | 1, ..) => {
            mail.made(timed("Single", &start, &end)).await;
        }
        (2, ..) => {
            let mut series = yoga();
            let (weeks, count) = (rng.random_range(1..4), rng.random_range(1..9));
            series["recurrence"]["pattern"]["interval"] = weeks.into();
            series["recurrence"]["range"] =
                json!({"type": "numbered", "startDate": "2027-03-02", "numberOfOccurrences": count});
            mail.made(series).await;
        }
        (3 | 4, _, Some(id)) => {
            let body = json!({"start": at(&start), "end": at(&end)});
            // An occurrence may not pass its neighbours.
            mail.patch(&event_path(&id), body).await;
        }
        (5, _, Some(id)) => {
            mail.delete(&event_path(&id)).await;
        }
        (6, Some(id), _) => {
            mail.delete(&event_path(&id)).await;
        }
        (7, Some(id), _) => {
            mail.edit(json!({"do": "move_event", "event": id, "by_minutes": 60 * 24 * 3})).await;
        }
        (8, Some(id), _) => {
            let moved = mail.edit(json!({"do": "drag_to_calendar", "event": id, "to": other})).await;
            if rng.random_bool(0.5) {
                mail.edit(json!({"do": "drag_to_calendar", "event": moved["id"], "to": "primary"})).await;
            }
        }
        _ => {}
    }
}

async fn followed(seed: u64, prefer: Option<&str>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut mail = Mail::start().await;
    let other = mail.calendar("Travail").await;
    let masters = ["always", "inside", "never"][rng.random_range(0..3)];
    mail.switch(json!({
        "empty_first_page": "sometimes",
        "moved_back_is_lost": false,
        "delta_masters": masters,
        "sparse_exceptions": rng.random_bool(0.5),
        "delta_duplicates": rng.random_bool(0.3),
    }))
    .await;
    let calendar = escaped(&text(&mail.get("/me/calendar").await.body["id"]));
    let mut link = format!("/me/calendars/{calendar}/calendarView/delta?{SPRING}");
    let mut held = Held::new();
    for round in 0..8 {
        for _ in 0..rng.random_range(0..5) {
            act(&mail, &mut rng, &other).await;
        }
        mail.prefer =
            prefer.into_iter().map(str::to_owned).chain(["odata.maxpagesize=5".to_owned()]).collect();
        let (pages, next) = mail.round(&link).await;
        link = next;
        applied(&mut held, &pages.concat());
        let view = mail.all(&format!("/me/calendarView?{SPRING}&$top=1000")).await;
        let wanted: Held = view.iter().map(|item| (text(&item["id"]), entry(item))).collect();
        assert_eq!(held, wanted, "seed {seed}, round {round}");
        mail.prefer.clear();
    }
}

#[tokio::test]
async fn whoever_follows_the_rules_sees_what_a_view_shows() {
    for seed in 0..12 {
        followed(seed, None).await;
    }
}

#[tokio::test]
async fn the_same_with_immutable_ids() {
    for seed in 100..112 {
        followed(seed, Some("IdType=\"ImmutableId\"")).await;
    }
}
