//! What operators see: providers and how their connections are, and who did what. Never what is in a calendar.

use crate::Database;
use crate::database::read;
use chrono::{DateTime, NaiveDate, Utc};
use simone_booking::{ConnectionId, OperatorId, ProviderId};
use simone_sync::platform::Platform;
use simone_sync::ports::{Status, StoreError, StoreResult};
use std::collections::HashMap;
use uuid::Uuid;

/// Rows on a page.
pub const PAGE: i64 = 50;
/// Nobody reads further; and an offset costs what it skips.
const PAGES: u32 = 400;
/// Rounds that a provider's page shows.
const ROUNDS: i64 = 20;

/// How a provider's connections are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Nothing is connected.
    None,
    Ok,
    /// Rounds have failed twice or more in a row.
    Attention,
    /// A connection asks to be reconnected.
    Reconnect,
}

/// Which providers are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Which {
    #[default]
    All,
    Attention,
    Reconnect,
}

/// How far a provider has come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Was invited then, and has not come in yet.
    Invited(DateTime<Utc>),
    Here,
    /// Is being erased.
    Leaving,
}

/// A provider in the list.
#[derive(Clone, Debug)]
pub struct ProviderRow {
    pub id: ProviderId,
    pub name: String,
    pub email: String,
    pub standing: Standing,
    pub health: Health,
    /// Those that are connected or ask to be reconnected.
    pub connections: i64,
    pub last_synced_at: Option<DateTime<Utc>>,
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Listed<T> {
    pub rows: Vec<T>,
    /// From 1.
    pub page: u32,
    pub more: bool,
}

/// A provider as an operator sees them.
#[derive(Clone, Debug)]
pub struct ProviderSheet {
    pub id: ProviderId,
    pub name: String,
    pub email: String,
    pub zone: String,
    pub locale: String,
    pub created_at: DateTime<Utc>,
    pub entered_at: Option<DateTime<Utc>>,
    pub standing: Standing,
    pub connections: Vec<ConnectionSheet>,
    pub rounds: Vec<RoundRow>,
}

/// A connection as an operator sees it.
#[derive(Clone, Debug)]
pub struct ConnectionSheet {
    pub id: ConnectionId,
    pub platform: Platform,
    pub account: String,
    pub status: Status,
    /// How many of its calendars block slots.
    pub selected: i64,
    pub calendars: i64,
    pub failures: i64,
    pub last_error: Option<String>,
    pub last_synced_at: Option<DateTime<Utc>>,
    pub next_sync_at: DateTime<Utc>,
    pub requests_today: i64,
    pub created_at: DateTime<Utc>,
}

/// A round, or consecutive ones in which nothing happened.
#[derive(Clone, Debug)]
pub struct RoundRow {
    pub platform: Platform,
    pub account: String,
    pub started_at: DateTime<Utc>,
    pub ended_at: DateTime<Utc>,
    pub rounds: i64,
    pub outcome: String,
    pub requests: i64,
    pub duration_ms: i64,
}

/// What somebody did.
#[derive(Clone, Debug)]
pub struct AuditRow {
    pub at: DateTime<Utc>,
    /// `provider`, an operator's e-mail address, or a name like `worker`.
    pub actor: String,
    pub action: String,
    /// What it was done to or with: an id, or a word.
    pub subject: String,
    /// Whose it is; `None`: the installation's.
    pub provider: Option<ProviderId>,
    /// Their name, while they are here.
    pub provider_name: Option<String>,
    /// The operator that it was done to.
    pub operator_name: Option<String>,
}

#[derive(sqlx::FromRow)]
struct ListRow {
    id: Uuid,
    name: String,
    email: String,
    invited_at: Option<DateTime<Utc>>,
    entered_at: Option<DateTime<Utc>>,
    erasure_requested_at: Option<DateTime<Utc>>,
    connections: i64,
    reconnect: i64,
    failing: i64,
    last_synced_at: Option<DateTime<Utc>>,
}

#[derive(sqlx::FromRow)]
struct SheetRow {
    name: String,
    email: String,
    time_zone: String,
    locale: String,
    created_at: DateTime<Utc>,
    invited_at: Option<DateTime<Utc>>,
    entered_at: Option<DateTime<Utc>>,
    erasure_requested_at: Option<DateTime<Utc>>,
}

#[derive(sqlx::FromRow)]
struct ConnectionRow {
    id: Uuid,
    platform: String,
    account_email: String,
    status: String,
    selected: i64,
    calendars: i64,
    failures: i64,
    last_error: Option<String>,
    last_synced_at: Option<DateTime<Utc>>,
    next_sync_at: DateTime<Utc>,
    requests_day: Option<NaiveDate>,
    requests: i64,
    created_at: DateTime<Utc>,
}

#[derive(sqlx::FromRow)]
struct LogRow {
    platform: String,
    account_email: String,
    started_at: DateTime<Utc>,
    ended_at: DateTime<Utc>,
    rounds: i64,
    outcome: String,
    requests: i64,
    duration_ms: i64,
}

#[derive(sqlx::FromRow)]
struct AuditColumns {
    at: DateTime<Utc>,
    provider_id: Uuid,
    actor: String,
    action: String,
    subject: String,
    name: Option<String>,
}

const fn standing(
    invited: Option<DateTime<Utc>>,
    entered: Option<DateTime<Utc>>,
    erasure: Option<DateTime<Utc>>,
) -> Standing {
    match (erasure, entered, invited) {
        (Some(_), ..) => Standing::Leaving,
        (None, None, Some(invited)) => Standing::Invited(invited),
        _ => Standing::Here,
    }
}

fn platform(code: &str) -> StoreResult<Platform> {
    code.parse().map_err(|_| StoreError::Corrupt { what: "a connection's platform" })
}

/// What `LIKE` takes for these words anywhere.
fn containing(words: &str) -> String {
    let escaped = words.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}

/// SQLite's `LOWER` knows no letters but ASCII's: names that begin with another are looked for as they are written too.
fn patterns(words: &str) -> (String, String) {
    let lower = words.trim().to_lowercase();
    let mut letters = lower.chars();
    let titled: String =
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect());
    (containing(&lower), containing(&titled.to_ascii_lowercase()))
}

impl Database {
    /// A page of the providers whose name or e-mail address contains these words, by name.
    pub async fn list_providers(
        &self,
        words: &str,
        which: Which,
        page: u32,
    ) -> StoreResult<Listed<ProviderRow>> {
        let page = page.clamp(1, PAGES);
        let (lower, titled) = patterns(words);
        // The page is cut first, so that only its providers' connections are looked at.
        macro_rules! sql {
            ($which:literal) => {
                concat!(
                    "SELECT p.id, p.name, p.email, p.invited_at, p.entered_at, p.erasure_requested_at,
                            COUNT(c.id) AS connections,
                            COUNT(CASE WHEN c.status = 'needs_reconnect' THEN 1 END) AS reconnect,
                            COUNT(CASE WHEN c.failures > 1 THEN 1 END) AS failing,
                            MAX(c.last_synced_at) AS last_synced_at
                     FROM (SELECT id, name, email, invited_at, entered_at, erasure_requested_at FROM providers
                           WHERE ($1 = '%%' OR LOWER(name) LIKE $1 ESCAPE '\\' OR LOWER(name) LIKE $2 ESCAPE '\\'
                                  OR email LIKE $1 ESCAPE '\\')",
                    $which,
                    " ORDER BY LOWER(name), id LIMIT $3 OFFSET $4) p
                     LEFT JOIN calendar_connections c
                        ON c.provider_id = p.id AND c.status IN ('connected', 'needs_reconnect')
                     GROUP BY p.id, p.name, p.email, p.invited_at, p.entered_at, p.erasure_requested_at
                     ORDER BY LOWER(p.name), p.id"
                )
            };
        }
        let sql = match which {
            Which::All => sql!(""),
            Which::Attention => sql!(
                " AND id IN (SELECT provider_id FROM calendar_connections WHERE failures > 1 AND status = 'connected')"
            ),
            Which::Reconnect => sql!(
                " AND id IN (SELECT provider_id FROM calendar_connections WHERE status = 'needs_reconnect')"
            ),
        };
        let rows: Vec<ListRow> = read!(self, |conn| Ok(sqlx::query_as(sql)
            .bind(&lower)
            .bind(&titled)
            .bind(PAGE + 1)
            .bind(i64::from(page - 1) * PAGE)
            .fetch_all(&mut *conn)
            .await?))?;
        let more = rows.len() > PAGE as usize && page < PAGES;
        let row = |row: ListRow| ProviderRow {
            id: ProviderId(row.id),
            name: row.name,
            email: row.email,
            standing: standing(row.invited_at, row.entered_at, row.erasure_requested_at),
            health: match row {
                ListRow { reconnect: 1.., .. } => Health::Reconnect,
                ListRow { failing: 1.., .. } => Health::Attention,
                ListRow { connections: 0, .. } => Health::None,
                _ => Health::Ok,
            },
            connections: row.connections,
            last_synced_at: row.last_synced_at,
        };
        Ok(Listed { rows: rows.into_iter().take(PAGE as usize).map(row).collect(), page, more })
    }

    /// A provider, also one who is being erased.
    pub async fn provider_sheet(
        &self,
        provider: ProviderId,
        now: DateTime<Utc>,
    ) -> StoreResult<Option<ProviderSheet>> {
        let (person, connections, rounds) = read!(self, |conn| {
            let person: Option<SheetRow> = sqlx::query_as(
                "SELECT name, email, time_zone, locale, created_at, invited_at, entered_at, erasure_requested_at
                 FROM providers WHERE id = $1",
            )
            .bind(provider.0)
            .fetch_optional(&mut *conn)
            .await?;
            let connections: Vec<ConnectionRow> = sqlx::query_as(
                "SELECT c.id, c.platform, c.account_email, c.status, c.failures, c.last_error, c.last_synced_at,
                        c.next_sync_at, c.requests_day, c.requests, c.created_at,
                        COUNT(CASE WHEN k.selected THEN 1 END) AS selected, COUNT(k.id) AS calendars
                 FROM calendar_connections c LEFT JOIN calendars k ON k.connection_id = c.id
                 WHERE c.provider_id = $1
                 GROUP BY c.id, c.platform, c.account_email, c.status, c.failures, c.last_error, c.last_synced_at,
                          c.next_sync_at, c.requests_day, c.requests, c.created_at
                 ORDER BY c.status = 'disconnected', c.created_at, c.id",
            )
            .bind(provider.0)
            .fetch_all(&mut *conn)
            .await?;
            let rounds: Vec<LogRow> = sqlx::query_as(
                "SELECT c.platform, c.account_email, l.started_at, l.ended_at, l.rounds, l.outcome, l.requests,
                        l.duration_ms
                 FROM calendar_sync_log_lines l JOIN calendar_connections c ON c.id = l.connection_id
                 WHERE l.provider_id = $1 ORDER BY l.started_at DESC, l.id DESC LIMIT $2",
            )
            .bind(provider.0)
            .bind(ROUNDS)
            .fetch_all(&mut *conn)
            .await?;
            Ok((person, connections, rounds))
        })?;
        let Some(person) = person else { return Ok(None) };
        let today = now.date_naive();
        let connections = connections.into_iter().map(|row| {
            Ok(ConnectionSheet {
                id: ConnectionId(row.id),
                platform: platform(&row.platform)?,
                account: row.account_email,
                status: Status::from_code(&row.status)
                    .ok_or(StoreError::Corrupt { what: "a connection's status" })?,
                selected: row.selected,
                calendars: row.calendars,
                failures: row.failures,
                last_error: row.last_error,
                last_synced_at: row.last_synced_at,
                next_sync_at: row.next_sync_at,
                requests_today: row.requests_day.filter(|day| *day == today).map_or(0, |_| row.requests),
                created_at: row.created_at,
            })
        });
        let rounds = rounds.into_iter().map(|row| {
            Ok(RoundRow {
                platform: platform(&row.platform)?,
                account: row.account_email,
                started_at: row.started_at,
                ended_at: row.ended_at,
                rounds: row.rounds,
                outcome: row.outcome,
                requests: row.requests,
                duration_ms: row.duration_ms,
            })
        });
        Ok(Some(ProviderSheet {
            id: provider,
            name: person.name,
            email: person.email,
            zone: person.time_zone,
            locale: person.locale,
            created_at: person.created_at,
            entered_at: person.entered_at,
            standing: standing(person.invited_at, person.entered_at, person.erasure_requested_at),
            connections: connections.collect::<StoreResult<_>>()?,
            rounds: rounds.collect::<StoreResult<_>>()?,
        }))
    }

    /// A page of who did what, the newest first: of all, or what concerns one provider.
    pub async fn audit_log(&self, of: Option<ProviderId>, page: u32) -> StoreResult<Listed<AuditRow>> {
        let page = page.clamp(1, PAGES);
        macro_rules! sql {
            ($whose:literal) => {
                concat!(
                    "SELECT a.at, a.provider_id, a.actor, a.action, a.subject, p.name
                     FROM audit_log a LEFT JOIN providers p ON p.id = a.provider_id ",
                    $whose,
                    " ORDER BY a.at DESC, a.id DESC LIMIT $2 OFFSET $3"
                )
            };
        }
        let sql = match of {
            None => sql!("WHERE $1 = $1"),
            Some(_) => sql!("WHERE a.provider_id = $1"),
        };
        let (rows, operators): (Vec<AuditColumns>, Vec<(Uuid, String)>) = read!(self, |conn| {
            let rows = sqlx::query_as(sql)
                .bind(of.map_or(Uuid::nil(), |provider| provider.0))
                .bind(PAGE + 1)
                .bind(i64::from(page - 1) * PAGE)
                .fetch_all(&mut *conn)
                .await?;
            let operators = sqlx::query_as("SELECT id, name FROM operators").fetch_all(&mut *conn).await?;
            Ok((rows, operators))
        })?;
        let operators: HashMap<OperatorId, String> =
            operators.into_iter().map(|(id, name)| (OperatorId(id), name)).collect();
        let more = rows.len() > PAGE as usize && page < PAGES;
        let row = |row: AuditColumns| {
            let operator = row.subject.parse().ok().and_then(|id: OperatorId| operators.get(&id).cloned());
            AuditRow {
                at: row.at,
                actor: row.actor,
                action: row.action,
                subject: row.subject,
                provider: (row.provider_id != Uuid::nil()).then_some(ProviderId(row.provider_id)),
                provider_name: row.name,
                operator_name: operator,
            }
        };
        Ok(Listed { rows: rows.into_iter().take(PAGE as usize).map(row).collect(), page, more })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_for_is_no_pattern() {
        assert_eq!(containing("50%_\\"), "%50\\%\\_\\\\%");
        assert_eq!(patterns(" Élise "), ("%élise%".to_owned(), "%Élise%".to_owned()));
        assert_eq!(patterns(""), ("%%".to_owned(), "%%".to_owned()));
    }
}
