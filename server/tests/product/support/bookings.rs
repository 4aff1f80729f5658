//! Something to book, and who books it.

use super::api::{Answer, Api};
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::StatusCode;
use serde_json::{Value, json};

pub const CLIENT_EMAIL: &str = "marie.dupont@client.test";

/// Opens every day from eight to eight, adds a service of an hour, and waits until it can be booked: its id, and free
/// slots from two weeks ahead on.
pub async fn open_for_booking(api: &Api, provider: &str) -> (String, Vec<String>) {
    let day = json!([{"start": "08:00", "end": "20:00"}]);
    let weekly = json!({
        "monday": day, "tuesday": day, "wednesday": day, "thursday": day, "friday": day, "saturday": day, "sunday": day,
    });
    let hours = json!({"weekly": weekly, "exceptions": [], "notice_minutes": 60, "when_stale": "accept"});
    let set = api.put(&format!("/api/v1/providers/{provider}/hours"), hours.clone()).await;
    assert_eq!(set.is(StatusCode::OK), &hours);
    let terms =
        json!({"name": "Massage 60min", "duration_minutes": 60, "price_cents": 7000, "place": "client"});
    let made = api.post(&format!("/api/v1/providers/{provider}/services"), terms).await;
    let service = made.is(StatusCode::CREATED)["id"].as_str().unwrap().to_owned();
    let slots = super::eventually("there are free slots", async || {
        let slots = free(api, provider, &service).await;
        (slots.len() > 20).then_some(slots)
    })
    .await;
    (service, slots)
}

/// Free slots from two weeks ahead on, for two weeks.
pub async fn free(api: &Api, provider: &str, service: &str) -> Vec<String> {
    let from = super::a_monday().and_hms_opt(0, 0, 0).unwrap().and_utc();
    let rfc = |at: DateTime<Utc>| at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let to = from + TimeDelta::days(14);
    let path = format!(
        "/api/v1/providers/{provider}/availability?service={service}&from={}&to={}",
        rfc(from),
        rfc(to)
    );
    let answer = api.get(&path).await;
    let items = answer.is(StatusCode::OK)["items"].as_array().unwrap();
    items.iter().map(|slot| slot["start"].as_str().unwrap().to_owned()).collect()
}

pub fn client(name: &str) -> Value {
    json!({
        "name": name, "email": CLIENT_EMAIL, "phone": "+33 6 12 34 56 78", "address": "12 rue des Acacias, 75017 Paris",
        "instructions": "Code 4512, troisième étage", "locale": "fr", "time_zone": "America/Montreal",
    })
}

/// The body of a request for a booking.
pub fn booking(provider: &str, service: &str, start: &str) -> Value {
    json!({"provider_id": provider, "service_id": service, "start": start, "client": client("Marie Dupont")})
}

pub async fn book(api: &Api, provider: &str, service: &str, start: &str) -> Answer {
    api.post("/api/v1/bookings", booking(provider, service, start)).await
}
