//! Everything that is stored of a provider, for themselves: read in small batches, so that a large account costs no more
//! memory than a small one. Tokens and other secrets are not theirs but keys to them, and are left out.

use crate::Database;
use crate::database::read;
use crate::deliveries::{Email, message_place};
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};
use simone_booking::{CalendarId, ProviderId, id::UnavailabilityId};
use simone_sync::ports::StoreResult;
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

/// Rows that are read at once.
pub(crate) const BATCH: i64 = 250;

/// A part of what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Profile,
    Connections,
    Calendars,
    Events,
    Unavailabilities,
    Entered,
    Services,
    Hours,
    Bookings,
    Conflicts,
    Log,
    Changes,
    Notices,
    Emails,
    Sessions,
    Audit,
}

impl Part {
    /// All parts, in the order of the document.
    pub const ALL: [Self; 16] = [
        Self::Profile,
        Self::Connections,
        Self::Calendars,
        Self::Events,
        Self::Unavailabilities,
        Self::Entered,
        Self::Services,
        Self::Hours,
        Self::Bookings,
        Self::Conflicts,
        Self::Log,
        Self::Changes,
        Self::Notices,
        Self::Emails,
        Self::Sessions,
        Self::Audit,
    ];

    /// Its name in the document.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::Connections => "connections",
            Self::Calendars => "calendars",
            Self::Events => "events",
            Self::Unavailabilities => "unavailabilities",
            Self::Entered => "entered_unavailabilities",
            Self::Services => "services",
            Self::Hours => "working_hours",
            Self::Bookings => "bookings",
            Self::Conflicts => "conflicts",
            Self::Log => "sync_log",
            Self::Changes => "sync_log_changes",
            Self::Notices => "notices",
            Self::Emails => "emails",
            Self::Sessions => "sessions",
            Self::Audit => "audit_log",
        }
    }
}

/// Where a batch ended, and the next one begins.
#[derive(Clone, Debug, Default)]
pub struct After {
    pub(crate) id: Uuid,
    /// Of an event, whose `id` is its calendar's.
    pub(crate) event: String,
}

impl After {
    /// Whether nothing was read before.
    pub fn is_start(&self) -> bool {
        self.id.is_nil() && self.event.is_empty()
    }
}

#[derive(FromRow)]
struct ProfileRow {
    id: Uuid,
    name: String,
    email: String,
    time_zone: String,
    zone_kept: Option<String>,
    locale: String,
    share_titles: bool,
    created_at: DateTime<Utc>,
    invited_at: Option<DateTime<Utc>>,
    entered_at: Option<DateTime<Utc>>,
}

#[derive(FromRow)]
struct ConnectionRow {
    id: Uuid,
    platform: String,
    account_id: String,
    account_email: String,
    status: String,
    scopes: String,
    created_at: DateTime<Utc>,
    last_synced_at: Option<DateTime<Utc>>,
    last_error: Option<String>,
    requests_day: Option<NaiveDate>,
    requests: i64,
    disconnect_requested_at: Option<DateTime<Utc>>,
    disconnected_at: Option<DateTime<Utc>>,
}

#[derive(FromRow)]
struct CalendarRow {
    id: Uuid,
    connection_id: Uuid,
    external_id: String,
    name: String,
    color: Option<String>,
    access: String,
    time_zone: Option<String>,
    is_primary: bool,
    selected: bool,
    block_free: bool,
    synced_at: Option<DateTime<Utc>>,
    gone_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

#[derive(FromRow)]
struct EventRow {
    calendar_id: Uuid,
    external_id: String,
    master_id: Option<String>,
    original_start: Option<String>,
    shape: Json<Value>,
    marks: Json<Value>,
    details: Vec<u8>,
    changed_at: Option<DateTime<Utc>>,
    held_at: Option<DateTime<Utc>>,
}

#[derive(FromRow)]
struct BlockRow {
    id: Uuid,
    calendar_id: Option<Uuid>,
    event_id: Option<String>,
    original_start: Option<String>,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    all_day: bool,
    reason: String,
    details: Option<Vec<u8>>,
    created_at: DateTime<Utc>,
}

#[derive(FromRow)]
struct LogRow {
    id: Uuid,
    connection_id: Uuid,
    started_at: DateTime<Utc>,
    ended_at: DateTime<Utc>,
    rounds: i64,
    outcome: String,
    added: i64,
    changed: i64,
    removed: i64,
    held: i64,
    requests: i64,
    duration_ms: i64,
}

#[derive(FromRow)]
struct ChangesRow {
    id: Uuid,
    log_id: Uuid,
    calendar_id: Uuid,
    changes: Vec<u8>,
}

#[derive(FromRow)]
struct NoticeRow {
    id: Uuid,
    kind: String,
    params: Json<Value>,
    created_at: DateTime<Utc>,
    read_at: Option<DateTime<Utc>>,
    settled_at: Option<DateTime<Utc>>,
}

#[derive(FromRow)]
struct EmailRow {
    id: Uuid,
    cause: String,
    message: Vec<u8>,
    created_at: DateTime<Utc>,
    delivered_at: Option<DateTime<Utc>>,
}

#[derive(FromRow)]
struct SessionRow {
    id: Uuid,
    device: Option<String>,
    created_at: DateTime<Utc>,
    last_seen_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

#[derive(FromRow)]
struct AuditRow {
    id: Uuid,
    at: DateTime<Utc>,
    actor: String,
    action: String,
    subject: String,
}

/// A batch of rows of the provider that come after an id, in its order.
macro_rules! batch {
    ($db:expr, $row:ty, $sql:literal, $provider:expr, $after:expr) => {{
        let rows: Vec<$row> = read!($db, |conn| Ok(sqlx::query_as($sql)
            .bind($provider.0)
            .bind($after.id)
            .bind($crate::export::BATCH)
            .fetch_all(&mut *conn)
            .await?))?;
        let last = rows.last().map(|row| $crate::export::After { id: row.id, event: String::new() });
        (rows, last)
    }};
}
pub(crate) use batch;

impl Database {
    /// The rows of a part after the ones that were read before, and where they end; `None`: that was the last of them.
    pub async fn export(
        &self,
        provider: ProviderId,
        part: Part,
        after: &After,
    ) -> StoreResult<(Vec<Value>, Option<After>)> {
        let (rows, last) = self.export_batch(provider, part, after).await?;
        let full = i64::try_from(rows.len()).is_ok_and(|rows| rows >= BATCH);
        Ok((rows, last.filter(|_| full)))
    }

    async fn export_batch(
        &self,
        provider: ProviderId,
        part: Part,
        after: &After,
    ) -> StoreResult<(Vec<Value>, Option<After>)> {
        Ok(match part {
            Part::Profile => {
                let (rows, last) = batch!(
                    self,
                    ProfileRow,
                    "SELECT id, name, email, time_zone, zone_kept, locale, share_titles, created_at, invited_at,
                            entered_at
                     FROM providers WHERE id = $1 AND id > $2 LIMIT $3",
                    provider,
                    after
                );
                let rows = rows.into_iter().map(|row| {
                    json!({"id": row.id, "name": row.name, "email": row.email, "time_zone": row.time_zone,
                        "time_zone_kept": row.zone_kept, "language": row.locale, "shares_titles": row.share_titles, "created_at": row.created_at,
                        "invited_at": row.invited_at, "first_entered_at": row.entered_at})
                });
                (rows.collect(), last)
            }
            Part::Connections => {
                let (rows, last) = batch!(
                    self,
                    ConnectionRow,
                    "SELECT id, platform, account_id, account_email, status, scopes, created_at, last_synced_at,
                            last_error, requests_day, requests, disconnect_requested_at, disconnected_at
                     FROM calendar_connections WHERE provider_id = $1 AND id > $2 ORDER BY id LIMIT $3",
                    provider,
                    after
                );
                let rows = rows.into_iter().map(|row| {
                    json!({"id": row.id, "platform": row.platform, "account_id": row.account_id,
                        "account_email": row.account_email, "status": row.status, "permissions": row.scopes,
                        "connected_at": row.created_at, "last_synced_at": row.last_synced_at,
                        "last_error": row.last_error, "requests_day": row.requests_day, "requests": row.requests,
                        "disconnect_requested_at": row.disconnect_requested_at,
                        "disconnected_at": row.disconnected_at})
                });
                (rows.collect(), last)
            }
            Part::Calendars => {
                let (rows, last) = batch!(
                    self,
                    CalendarRow,
                    "SELECT id, connection_id, external_id, name, color, access, time_zone, is_primary, selected,
                            block_free, synced_at, gone_at, created_at
                     FROM calendars WHERE provider_id = $1 AND id > $2 ORDER BY id LIMIT $3",
                    provider,
                    after
                );
                let rows = rows.into_iter().map(|row| {
                    json!({"id": row.id, "connection_id": row.connection_id, "external_id": row.external_id,
                        "name": row.name, "color": row.color, "access": row.access, "time_zone": row.time_zone,
                        "primary": row.is_primary, "selected": row.selected,
                        "blocks_free_events": row.block_free, "synced_at": row.synced_at, "gone_at": row.gone_at,
                        "created_at": row.created_at})
                });
                (rows.collect(), last)
            }
            Part::Events => self.export_events(provider, after).await?,
            Part::Unavailabilities => {
                let (rows, last) = batch!(
                    self,
                    BlockRow,
                    "SELECT id, calendar_id, event_id, original_start, starts_at, ends_at, all_day, reason, details,
                            created_at
                     FROM unavailabilities WHERE provider_id = $1 AND id > $2 ORDER BY id LIMIT $3",
                    provider,
                    after
                );
                let rows = rows.into_iter().map(|row| {
                    let own =
                        row.details.map(|sealed| self.open_own_details(UnavailabilityId(row.id), &sealed));
                    json!({"id": row.id, "calendar_id": row.calendar_id, "event_id": row.event_id,
                        "original_start": row.original_start, "starts_at": row.starts_at, "ends_at": row.ends_at,
                        "all_day": row.all_day, "reason": row.reason, "title": own.map(|own| own.title),
                        "created_at": row.created_at})
                });
                (rows.collect(), last)
            }
            Part::Entered => self.export_entered(provider, after).await?,
            Part::Services => self.export_services(provider, after).await?,
            Part::Hours => self.export_hours(provider).await?,
            Part::Bookings => self.export_bookings(provider, after).await?,
            Part::Conflicts => self.export_conflicts(provider, after).await?,
            Part::Log => {
                let (rows, last) = batch!(
                    self,
                    LogRow,
                    "SELECT id, connection_id, started_at, ended_at, rounds, outcome, added, changed, removed, held,
                            requests, duration_ms
                     FROM calendar_sync_log_lines WHERE provider_id = $1 AND id > $2 ORDER BY id LIMIT $3",
                    provider,
                    after
                );
                let rows = rows.into_iter().map(|row| {
                    json!({"id": row.id, "connection_id": row.connection_id, "started_at": row.started_at,
                        "ended_at": row.ended_at, "rounds": row.rounds, "outcome": row.outcome,
                        "added": row.added, "changed": row.changed, "removed": row.removed, "held": row.held,
                        "requests": row.requests, "duration_ms": row.duration_ms})
                });
                (rows.collect(), last)
            }
            Part::Changes => {
                let (rows, last) = batch!(
                    self,
                    ChangesRow,
                    "SELECT id, log_id, calendar_id, changes
                     FROM calendar_sync_changes WHERE provider_id = $1 AND id > $2 ORDER BY id LIMIT $3",
                    provider,
                    after
                );
                let rows = rows.into_iter().map(|row| {
                    json!({"sync_log_id": row.log_id, "calendar_id": row.calendar_id,
                        "changes": self.open_changes(row.id, &row.changes)})
                });
                (rows.collect(), last)
            }
            Part::Notices => {
                let (rows, last) = batch!(
                    self,
                    NoticeRow,
                    "SELECT id, kind, params, created_at, read_at, settled_at
                     FROM notices WHERE provider_id = $1 AND id > $2 ORDER BY id LIMIT $3",
                    provider,
                    after
                );
                let rows = rows.into_iter().map(|row| {
                    json!({"id": row.id, "kind": row.kind, "about": row.params.0, "created_at": row.created_at,
                        "read_at": row.read_at, "settled_at": row.settled_at})
                });
                (rows.collect(), last)
            }
            Part::Emails => {
                let (rows, last) = batch!(
                    self,
                    EmailRow,
                    "SELECT id, cause, message, created_at, delivered_at
                     FROM deliveries WHERE provider_id = $1 AND id > $2 ORDER BY id LIMIT $3",
                    provider,
                    after
                );
                let rows = rows.into_iter().map(|row| {
                    let opened = self.keys.open(message_place(&[row.cause.as_bytes()]), &row.message);
                    let email = opened.ok().and_then(|plain| serde_json::from_slice::<Email>(&plain).ok());
                    // What it said is found from its kind; a link in it was a key.
                    let kind = email.as_ref().and_then(|email| serde_json::to_value(&email.kind).ok());
                    json!({"id": row.id, "to": email.map(|email| email.to),
                        "kind": kind.as_ref().map(|kind| kind["kind"].clone()), "created_at": row.created_at,
                        "delivered_at": row.delivered_at})
                });
                (rows.collect(), last)
            }
            Part::Sessions => {
                let (rows, last) = batch!(
                    self,
                    SessionRow,
                    "SELECT id, device, created_at, last_seen_at, expires_at
                     FROM sessions WHERE provider_id = $1 AND id > $2 ORDER BY id LIMIT $3",
                    provider,
                    after
                );
                let rows = rows.into_iter().map(|row| {
                    json!({"id": row.id, "device": row.device, "created_at": row.created_at,
                        "last_seen_at": row.last_seen_at, "expires_at": row.expires_at})
                });
                (rows.collect(), last)
            }
            Part::Audit => {
                let (rows, last) = batch!(
                    self,
                    AuditRow,
                    "SELECT id, at, actor, action, subject
                     FROM audit_log WHERE provider_id = $1 AND id > $2 ORDER BY id LIMIT $3",
                    provider,
                    after
                );
                let rows = rows.into_iter().map(|row| {
                    // Who an operator is, is theirs.
                    let actor = if row.actor.contains('@') { "operator" } else { row.actor.as_str() };
                    json!({"id": row.id, "at": row.at, "actor": actor, "action": row.action,
                        "subject": row.subject})
                });
                (rows.collect(), last)
            }
        })
    }

    async fn export_events(
        &self,
        provider: ProviderId,
        after: &After,
    ) -> StoreResult<(Vec<Value>, Option<After>)> {
        let rows: Vec<EventRow> = read!(self, |conn| {
            Ok(sqlx::query_as(
            "SELECT calendar_id, external_id, master_id, original_start, shape, marks, details, changed_at, held_at
             FROM calendar_sync_events
             WHERE calendar_id IN (SELECT id FROM calendars WHERE provider_id = $1)
               AND (calendar_id > $2 OR (calendar_id = $2 AND external_id > $3))
             ORDER BY calendar_id, external_id LIMIT $4"
        )
        .bind(provider.0)
        .bind(after.id)
        .bind(&after.event)
        .bind(BATCH)
        .fetch_all(&mut *conn)
        .await?)
        })?;
        let last = rows.last().map(|row| After { id: row.calendar_id, event: row.external_id.clone() });
        let rows = rows.into_iter().map(|row| {
            let details = self.open_details(CalendarId(row.calendar_id), &row.external_id, &row.details);
            json!({"calendar_id": row.calendar_id, "id": row.external_id, "title": details.title,
                "link": details.link, "when": row.shape.0, "marks": row.marks.0, "exception_of": row.master_id,
                "original_start": row.original_start, "changed_at": row.changed_at, "held_at": row.held_at})
        });
        Ok((rows.collect(), last))
    }

    /// Notes that a provider took a copy of everything.
    pub async fn note_export(&self, provider: ProviderId, now: DateTime<Utc>) -> StoreResult<()> {
        crate::database::write!(self, |conn| {
            crate::choices::audit!(self, conn, provider, "export", provider, now);
            Ok(())
        })
    }
}
