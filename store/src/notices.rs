//! What a provider is told, in the product itself.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use simone_booking::booking::{self, ChangeKind};
use simone_booking::id::ConflictId;
use simone_booking::{BookingId, CalendarId};
use simone_sync::conflict;
use simone_sync::platform::Platform;

/// Something that a provider is told. Stored as it stands; the pages put it into words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Notice {
    /// The grant is dead; the last known blocks stay.
    NeedsReconnect { platform: Platform, account: String },
    /// An abnormal loss of events awaits a decision.
    RemovalsHeld { calendar: CalendarId, events: usize },
    /// A series whose rule cannot be read; the platform's own expansion, or the last known blocks, stand in.
    UnreadableSeries { calendar: CalendarId, event: String },
    /// The platform could not be reached to end the grant: what remains there is to be withdrawn there.
    DisconnectAbandoned { platform: Platform, account: String },
    /// Bookings do not get into the calendar that receives them.
    ExportsFailing { platform: Platform, account: String },
    /// A booking and a calendar contradict each other. `at`: when the booking begins.
    Conflict { conflict: ConflictId, about: conflict::Kind, at: DateTime<Utc> },
    /// Somebody else made or changed a booking, which stands so now. Names no client: what they are told is not sealed.
    Booking {
        booking: BookingId,
        change: ChangeKind,
        status: booking::Status,
        service: String,
        starts_at: DateTime<Utc>,
    },
}

impl Notice {
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NeedsReconnect { .. } => "needs_reconnect",
            Self::RemovalsHeld { .. } => "removals_held",
            Self::UnreadableSeries { .. } => "unreadable_series",
            Self::DisconnectAbandoned { .. } => "disconnect_abandoned",
            Self::ExportsFailing { .. } => "exports_failing",
            Self::Conflict { .. } => "conflict",
            Self::Booking { .. } => "booking",
        }
    }
}

/// Tells the provider once: a cause that was told already is not told again.
macro_rules! tell {
    ($db:expr, $conn:ident, $provider:expr, $connection:expr, $cause:expr, $notice:expr, $now:expr) => {{
        let id: simone_booking::id::NoticeId = $db.ids.id();
        let connection: Option<simone_booking::ConnectionId> = $connection;
        sqlx::query(
            "INSERT INTO notices (id, provider_id, cause, kind, params, connection_id, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (provider_id, cause) DO NOTHING",
        )
        .bind(id.0)
        .bind($provider.0)
        .bind($cause)
        .bind($notice.kind())
        .bind(sqlx::types::Json($notice))
        .bind(connection.map(|connection| connection.0))
        .bind($now)
        .execute(&mut *$conn)
        .await?;
    }};
}

/// The cause of the notices whose cause begins so has gone away.
macro_rules! settle_notices {
    ($conn:ident, $provider:expr, $about:expr, $now:expr) => {{
        sqlx::query(
            "UPDATE notices SET settled_at = $3
             WHERE provider_id = $1 AND settled_at IS NULL AND SUBSTR(cause, 1, LENGTH($2)) = $2",
        )
        .bind($provider.0)
        .bind($about)
        .bind($now)
        .execute(&mut *$conn)
        .await?;
    }};
}

pub(crate) use {settle_notices, tell};
