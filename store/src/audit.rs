//! Who did what, and when. Holds ids, and of persons only the e-mail addresses of operators: it outlives the accounts that
//! it tells of.

/// What somebody did. `by` is `provider` (the provider themselves), an operator's e-mail address, or a name like
/// `command line` and `worker`; what concerns the installation, and no provider, is the nil provider's.
macro_rules! audit_by {
    ($db:expr, $conn:ident, $by:expr, $provider:expr, $action:expr, $subject:expr, $now:expr) => {{
        let id: uuid::Uuid = $db.ids.id();
        sqlx::query(
            "INSERT INTO audit_log (id, at, provider_id, actor, action, subject) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(id)
        .bind($now)
        .bind($provider)
        .bind($by)
        .bind($action)
        .bind($subject.to_string())
        .execute(&mut *$conn)
        .await?;
    }};
}
pub(crate) use audit_by;
