-- A person is a provider, an operator or both: who has one e-mail address logs in once, as both.

CREATE TABLE operators (
    id BLOB PRIMARY KEY NOT NULL,
    -- Lower case.
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    -- In which the pages show times.
    time_zone TEXT NOT NULL,
    locale TEXT NOT NULL,
    created_at TEXT NOT NULL,
    -- Is one no longer; kept, so that the audit log can name who did what.
    withdrawn_at TEXT
);

-- When an operator last invited them, and when they first came in; NULL: never.
ALTER TABLE providers ADD COLUMN invited_at TEXT;
ALTER TABLE providers ADD COLUMN entered_at TEXT;
-- The wish that everything be erased. The row goes once no connection is left to be ended; until then nobody gets in,
-- and nothing is derived or shown.
ALTER TABLE providers ADD COLUMN erasure_requested_at TEXT;
CREATE INDEX providers_erasure ON providers (erasure_requested_at) WHERE erasure_requested_at IS NOT NULL;
CREATE INDEX providers_name ON providers (LOWER(name), id);
CREATE INDEX calendar_connections_provider ON calendar_connections (provider_id);
CREATE INDEX calendar_connections_reconnect ON calendar_connections (provider_id) WHERE status = 'needs_reconnect';
CREATE INDEX calendar_connections_failing ON calendar_connections (provider_id) WHERE failures > 1;
CREATE INDEX audit_log_at ON audit_log (at, id);

ALTER TABLE sessions ADD COLUMN operator_id BLOB REFERENCES operators ON DELETE CASCADE;
-- What forms name a session by; NULL: a visitor's.
ALTER TABLE sessions ADD COLUMN id BLOB;
-- Browser and system in a few words, as the User-Agent tells them.
ALTER TABLE sessions ADD COLUMN device TEXT;
UPDATE sessions SET id = randomblob(16) WHERE provider_id IS NOT NULL;
CREATE UNIQUE INDEX sessions_id ON sessions (id);
CREATE INDEX sessions_operator ON sessions (operator_id) WHERE operator_id IS NOT NULL;

-- A link may let in an operator, a provider, or one who is both.
CREATE TABLE login_tokens_new (
    token_hash BLOB PRIMARY KEY NOT NULL,
    -- login, invitation
    kind TEXT NOT NULL DEFAULT 'login',
    provider_id BLOB REFERENCES providers ON DELETE CASCADE,
    operator_id BLOB REFERENCES operators ON DELETE CASCADE,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    -- Whether it left by e-mail, of which few are sent at a time.
    mailed BOOLEAN NOT NULL DEFAULT TRUE,
    CHECK (provider_id IS NOT NULL OR operator_id IS NOT NULL)
);
INSERT INTO login_tokens_new (token_hash, provider_id, created_at, expires_at, mailed)
    SELECT token_hash, provider_id, created_at, expires_at, mailed FROM login_tokens;
DROP TABLE login_tokens;
ALTER TABLE login_tokens_new RENAME TO login_tokens;
CREATE INDEX login_tokens_provider ON login_tokens (provider_id, created_at);
CREATE INDEX login_tokens_operator ON login_tokens (operator_id, created_at) WHERE operator_id IS NOT NULL;
