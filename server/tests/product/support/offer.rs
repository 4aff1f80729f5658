//! What a provider offers, for tests of those who book it.

use super::database::{Database, Kind};
use super::{Stage, now};
use reqwest::Url;
use uuid::Uuid;

/// From 8 to 20 h on each day.
const HOURS: &str = r#"[{"start":480,"end":1200}]"#;

/// A service of Camille's.
pub struct Offered {
    pub provider: String,
    pub service: String,
}

impl Offered {
    /// Where it is booked.
    pub fn path(&self) -> String {
        format!("/book/{}/{}", self.provider, self.service)
    }
}

fn sql_id(database: &Database, id: &str) -> String {
    match database.kind {
        Kind::Sqlite => format!("x'{}'", id.replace('-', "")),
        Kind::Postgres => format!("'{id}'"),
    }
}

impl Stage {
    /// Camille works each day from 8 to 20 h and offers an hour's massage at her clients', for 70 €.
    pub async fn offer(&self) -> Offered {
        let provider = self.database.ids("providers WHERE email = 'camille@simone.test'").await.remove(0);
        let days = [HOURS; 7].join(",");
        let hours =
            format!("UPDATE providers SET weekly_hours = '[{days}]' WHERE email = 'camille@simone.test'");
        assert_eq!(self.database.execute(&hours).await, 1);
        let service = self.add_service(&provider, "Massage 60min", "client").await;
        Offered { provider, service }
    }

    /// One more service of an hour.
    pub async fn add_service(&self, provider: &str, name: &str, place: &str) -> String {
        let id = Uuid::from_u128(now().timestamp_micros().unsigned_abs().into()).to_string();
        let add = format!(
            "INSERT INTO services (id, provider_id, name, duration_minutes, price_cents, buffer_before_minutes,
                                   buffer_after_minutes, place, address, created_at)
             VALUES ({}, {}, '{name}', 60, 7000, 15, 15, '{place}', '5 rue de la Paix, Paris', {})",
            sql_id(&self.database, &id),
            sql_id(&self.database, provider),
            self.database.instant(now()),
        );
        assert_eq!(self.database.execute(&add).await, 1);
        id
    }
}

/// The token in the address of a private link.
pub fn token(url: &Url) -> String {
    url.path().strip_prefix("/bookings/").expect("a private link").to_owned()
}
