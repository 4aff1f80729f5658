//! Operators: who looks after the installation. There is always one left.

use crate::Database;
use crate::audit::audit_by;
use crate::database::{for_update, read, write};
use crate::deliveries::{Email, EmailKind, enqueue_to};
use crate::links::{INVITATION_LIFETIME, insert_link};
use crate::sessions::token_hash;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use simone_booking::{Locale, Operator, OperatorId};
use simone_sync::ports::{StoreError, StoreResult};
use uuid::Uuid;

/// An operator to be.
#[derive(Clone, Debug)]
pub struct NewOperator {
    pub name: String,
    pub email: String,
    pub zone: Tz,
    pub locale: Locale,
}

/// An operator, as the others see them.
#[derive(Clone, Debug)]
pub struct OperatorRow {
    pub operator: Operator,
    pub created_at: DateTime<Utc>,
    /// When one of their sessions was last used, of those that are still open.
    pub last_seen_at: Option<DateTime<Utc>>,
}

/// What became of withdrawing an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withdrawn {
    Done,
    /// Nobody would be left.
    Last,
    /// There is no such operator.
    Missing,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    name: String,
    email: String,
    time_zone: String,
    locale: String,
}

impl Row {
    fn into_operator(self) -> StoreResult<Operator> {
        operator(self.id, self.name, self.email, &self.time_zone, &self.locale)
    }
}

/// An operator from their columns.
pub(crate) fn operator(
    id: Uuid,
    name: String,
    email: String,
    zone: &str,
    locale: &str,
) -> StoreResult<Operator> {
    Ok(Operator {
        id: OperatorId(id),
        name,
        email,
        zone: zone.parse().map_err(|_| StoreError::Corrupt { what: "an operator's time zone" })?,
        locale: locale.parse().map_err(|_| StoreError::Corrupt { what: "an operator's language" })?,
    })
}

/// Makes somebody an operator, or one again. Their id; `None`: they are one already.
macro_rules! insert_operator {
    ($db:expr, $conn:ident, $new:expr, $by:expr, $now:expr) => {{
        let (id, new): (OperatorId, &NewOperator) = ($db.ids.id(), $new);
        let id: Option<Uuid> = sqlx::query_scalar(
            "INSERT INTO operators (id, email, name, time_zone, locale, created_at) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (email) DO UPDATE SET name = excluded.name, time_zone = excluded.time_zone,
                locale = excluded.locale, withdrawn_at = NULL WHERE operators.withdrawn_at IS NOT NULL
             RETURNING id",
        )
        .bind(id.0)
        .bind(new.email.trim().to_lowercase())
        .bind(new.name.trim())
        .bind(new.zone.name())
        .bind(new.locale.code())
        .bind($now)
        .fetch_optional(&mut *$conn)
        .await?;
        if let Some(id) = id {
            audit_by!($db, $conn, $by, Uuid::nil(), "make_operator", id, $now);
        }
        id.map(OperatorId)
    }};
}

impl Database {
    /// Makes somebody an operator. `None`: they are one already. `by` as in the audit log.
    pub async fn add_operator(
        &self,
        new: &NewOperator,
        by: &str,
        now: DateTime<Utc>,
    ) -> StoreResult<Option<OperatorId>> {
        write!(self, |conn| Ok(insert_operator!(self, conn, new, by, now)))
    }

    /// Makes somebody an operator if there is none. `None`: there is one.
    pub async fn add_first_operator(
        &self,
        new: &NewOperator,
        by: &str,
        now: DateTime<Utc>,
    ) -> StoreResult<Option<OperatorId>> {
        write!(self, |conn| {
            let any: bool =
                sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM operators WHERE withdrawn_at IS NULL)")
                    .fetch_one(&mut *conn)
                    .await?;
            if any {
                return Ok(None);
            }
            Ok(insert_operator!(self, conn, new, by, now))
        })
    }

    /// Makes somebody an operator and sends them a link to come in by. `None`: they are one already.
    pub async fn invite_operator(
        &self,
        new: &NewOperator,
        token: &str,
        by: &str,
        now: DateTime<Utc>,
    ) -> StoreResult<Option<OperatorId>> {
        let hash = token_hash(token);
        write!(self, |conn| {
            let Some(id) = insert_operator!(self, conn, new, by, now) else { return Ok(None) };
            insert_link!(conn, hash, "invitation", true, None, Some(id.0), now, now + INVITATION_LIFETIME);
            let email = Email {
                to: new.email.trim().to_lowercase(),
                name: new.name.trim().to_owned(),
                locale: new.locale,
                kind: EmailKind::Invitation { token: token.to_owned(), operator: true },
            };
            let cause = format!("login:{}", Uuid::from_slice(&hash[..16]).expect("16 bytes"));
            enqueue_to!(self, conn, None, &cause, email, now);
            Ok(Some(id))
        })
    }

    /// Whether there is an operator.
    pub async fn has_operator(&self) -> StoreResult<bool> {
        read!(self, |conn| Ok(sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM operators WHERE withdrawn_at IS NULL)"
        )
        .fetch_one(&mut *conn)
        .await?))
    }

    pub async fn operator(&self, id: OperatorId) -> StoreResult<Option<Operator>> {
        let row: Option<Row> = read!(self, |conn| {
            Ok(sqlx::query_as(
            "SELECT id, name, email, time_zone, locale FROM operators WHERE id = $1 AND withdrawn_at IS NULL"
        )
        .bind(id.0)
        .fetch_optional(&mut *conn)
        .await?)
        })?;
        row.map(Row::into_operator).transpose()
    }

    pub async fn operator_by_email(&self, email: &str) -> StoreResult<Option<Operator>> {
        let row: Option<Row> = read!(self, |conn| {
            Ok(sqlx::query_as(
            "SELECT id, name, email, time_zone, locale FROM operators WHERE email = $1 AND withdrawn_at IS NULL"
        )
        .bind(email.trim().to_lowercase())
        .fetch_optional(&mut *conn)
        .await?)
        })?;
        row.map(Row::into_operator).transpose()
    }

    /// All operators, by name.
    pub async fn operators(&self, now: DateTime<Utc>) -> StoreResult<Vec<OperatorRow>> {
        type Columns = (Uuid, String, String, String, String, DateTime<Utc>, Option<DateTime<Utc>>);
        let rows: Vec<Columns> = read!(self, |conn| {
            Ok(sqlx::query_as(
                "SELECT o.id, o.name, o.email, o.time_zone, o.locale, o.created_at,
                        (SELECT MAX(s.last_seen_at) FROM sessions s WHERE s.operator_id = o.id AND s.expires_at > $1)
                 FROM operators o WHERE o.withdrawn_at IS NULL ORDER BY LOWER(o.name), o.id",
            )
            .bind(now)
            .fetch_all(&mut *conn)
            .await?)
        })?;
        rows.into_iter()
            .map(|(id, name, email, zone, locale, created_at, last_seen_at)| {
                let operator = operator(id, name, email, &zone, &locale)?;
                Ok(OperatorRow { operator, created_at, last_seen_at })
            })
            .collect()
    }

    /// Makes an operator one no longer: their sessions end as far as they are an operator's, and so do their links.
    pub async fn withdraw_operator(
        &self,
        id: OperatorId,
        by: &str,
        now: DateTime<Utc>,
    ) -> StoreResult<Withdrawn> {
        write!(self, |conn| {
            // All of them are locked: two who withdraw each other at once do not leave nobody.
            let sql = for_update!(self, "SELECT id FROM operators WHERE withdrawn_at IS NULL ORDER BY id");
            let all: Vec<Uuid> = sqlx::query_scalar(sql).fetch_all(&mut *conn).await?;
            if !all.contains(&id.0) {
                return Ok(Withdrawn::Missing);
            }
            if all.len() == 1 {
                return Ok(Withdrawn::Last);
            }
            sqlx::query("UPDATE operators SET withdrawn_at = $2 WHERE id = $1")
                .bind(id.0)
                .bind(now)
                .execute(&mut *conn)
                .await?;
            for sql in [
                "DELETE FROM sessions WHERE operator_id = $1 AND provider_id IS NULL",
                "UPDATE sessions SET operator_id = NULL WHERE operator_id = $1",
                "DELETE FROM login_tokens WHERE operator_id = $1",
            ] {
                sqlx::query(sql).bind(id.0).execute(&mut *conn).await?;
            }
            audit_by!(self, conn, by, Uuid::nil(), "withdraw_operator", id, now);
            Ok(Withdrawn::Done)
        })
    }

    /// The language of an operator's e-mails.
    pub async fn set_operator_locale(&self, id: OperatorId, locale: Locale) -> StoreResult<bool> {
        write!(self, |conn| Ok(sqlx::query(
            "UPDATE operators SET locale = $2 WHERE id = $1 AND withdrawn_at IS NULL"
        )
        .bind(id.0)
        .bind(locale.code())
        .execute(&mut *conn)
        .await?
        .rows_affected()
            > 0))
    }
}
