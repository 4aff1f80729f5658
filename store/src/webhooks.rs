//! What the marketplace is told: a row in `deliveries` for each thing that happened to a booking or a conflict, written
//! in its transaction, delivered at least once, with the row's id as the stable one. It names ids and times, and nothing
//! personal: the receiver reads the rest through the API.

use crate::Database;
use crate::database::{read, write};
use crate::deliveries::Channel;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use simone_booking::booking::{Booking, ChangeKind, Status};
use simone_booking::id::ConflictId;
use simone_booking::{BookingId, ProviderId};
use simone_sync::ports::StoreResult;
use uuid::Uuid;

/// Something that the marketplace is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Webhook {
    Booking { kind: ChangeKind, booking: BookingState },
    Conflict { opened: bool, conflict: ConflictState },
}

/// A booking as it stands after what is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookingState {
    pub id: BookingId,
    pub status: Status,
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
    /// Raised by every change: of two messages about a booking, the one with the higher revision is the later one.
    pub revision: i64,
}

/// A conflict as it stands after what is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConflictState {
    pub id: ConflictId,
    /// The code in `calendar_conflicts.kind`.
    pub kind: String,
    pub booking: BookingId,
    /// What the provider decided, as the code in `calendar_conflicts.resolution`. `None`: open, or it went away by itself.
    pub resolution: Option<String>,
}

impl Webhook {
    pub fn booking(kind: ChangeKind, booking: &Booking) -> Self {
        Self::Booking {
            kind,
            booking: BookingState {
                id: booking.id,
                status: booking.status,
                start: booking.interval.start,
                end: booking.interval.end,
                revision: booking.revision,
            },
        }
    }

    pub fn conflict_opened(id: ConflictId, kind: &str, booking: BookingId) -> Self {
        let conflict = ConflictState { id, kind: kind.to_owned(), booking, resolution: None };
        Self::Conflict { opened: true, conflict }
    }

    /// `resolution`: what the provider decided, if anything.
    pub fn conflict_closed(id: ConflictId, kind: &str, booking: BookingId, resolution: Option<&str>) -> Self {
        let resolution = resolution.map(str::to_owned);
        let conflict = ConflictState { id, kind: kind.to_owned(), booking, resolution };
        Self::Conflict { opened: false, conflict }
    }

    /// Its type, as receivers know it.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Booking { kind, .. } => match kind {
                ChangeKind::Booked => "booking.created",
                ChangeKind::Held => "booking.held",
                ChangeKind::Confirmed => "booking.confirmed",
                ChangeKind::Moved => "booking.moved",
                ChangeKind::Changed => "booking.changed",
                ChangeKind::Cancelled => "booking.cancelled",
            },
            Self::Conflict { opened: true, .. } => "conflict.opened",
            Self::Conflict { opened: false, .. } => "conflict.closed",
        }
    }
}

/// A webhook as it is stored until it is delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    pub provider: ProviderId,
    pub at: DateTime<Utc>,
    pub webhook: Webhook,
}

/// A webhook that is due.
#[derive(Clone, Debug)]
pub struct DueWebhook {
    /// The same in every attempt.
    pub id: Uuid,
    pub told: Told,
    /// This one included.
    pub attempts: i64,
}

/// Queues a webhook in the transaction of the fact that causes it, if this installation tells anybody. It is nobody's row:
/// what happened while a provider was being erased is told all the same.
macro_rules! enqueue_webhook {
    ($db:expr, $conn:ident, $provider:expr, $cause:expr, $webhook:expr, $now:expr) => {{
        if $db.webhooks {
            let id: uuid::Uuid = $db.ids.id();
            let cause = &$cause;
            let cause: &str = cause.as_ref();
            let webhook: &$crate::webhooks::Webhook = $webhook;
            let told = $crate::webhooks::Told { provider: $provider, at: $now, webhook: webhook.clone() };
            sqlx::query(
                "INSERT INTO deliveries (id, cause, channel, provider_id, message, next_at, created_at)
                 VALUES ($1, $2, 'webhook', NULL, $3, $4, $4) ON CONFLICT (cause) DO NOTHING",
            )
            .bind(id)
            .bind(cause)
            .bind($db.seal_webhook(cause, &told))
            .bind($now)
            .execute(&mut *$conn)
            .await?;
        }
    }};
}

pub(crate) use enqueue_webhook;

impl Database {
    /// Whether what happens to bookings and conflicts is queued for a marketplace. Without one, nothing is.
    #[must_use]
    pub const fn with_webhooks(mut self, webhooks: bool) -> Self {
        self.webhooks = webhooks;
        self
    }

    pub(crate) fn seal_webhook(&self, cause: &str, told: &Told) -> Vec<u8> {
        let plain = serde_json::to_vec(told).expect("a webhook is plain values");
        self.seal_message(cause, &plain)
    }

    /// The webhooks that are due. What is returned is not due again for a minute.
    pub async fn due_webhooks(&self, now: DateTime<Utc>, limit: i64) -> StoreResult<Vec<DueWebhook>> {
        let due = self.due(Channel::Webhook, now, limit).await?;
        Ok(due.into_iter().map(|(id, told, attempts)| DueWebhook { id, told, attempts }).collect())
    }

    /// How many webhooks failed and wait to be tried again, and how many were given up.
    pub async fn failing_webhooks(&self) -> StoreResult<(i64, i64)> {
        read!(self, |conn| Ok(sqlx::query_as(
            "SELECT COUNT(next_at), COUNT(*) - COUNT(next_at) FROM deliveries
             WHERE channel = 'webhook' AND delivered_at IS NULL AND last_error IS NOT NULL",
        )
        .fetch_one(&mut *conn)
        .await?))
    }

    /// Queues a webhook outside any fact. A cause that was told already is not told again.
    pub async fn send_webhook(
        &self,
        provider: ProviderId,
        cause: &str,
        webhook: &Webhook,
        now: DateTime<Utc>,
    ) -> StoreResult<()> {
        write!(self, |conn| {
            enqueue_webhook!(self, conn, provider, cause, webhook, now);
            Ok(())
        })
    }
}
