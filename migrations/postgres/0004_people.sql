-- A person is a provider, an operator or both: who has one e-mail address logs in once, as both.

CREATE TABLE operators (
    id UUID PRIMARY KEY NOT NULL,
    -- Lower case.
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    -- In which the pages show times.
    time_zone TEXT NOT NULL,
    locale TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    -- Is one no longer; kept, so that the audit log can name who did what.
    withdrawn_at TIMESTAMPTZ
);

-- When an operator last invited them, and when they first came in; NULL: never.
ALTER TABLE providers ADD COLUMN invited_at TIMESTAMPTZ;
ALTER TABLE providers ADD COLUMN entered_at TIMESTAMPTZ;
-- The wish that everything be erased. The row goes once no connection is left to be ended; until then nobody gets in,
-- and nothing is derived or shown.
ALTER TABLE providers ADD COLUMN erasure_requested_at TIMESTAMPTZ;
CREATE INDEX providers_erasure ON providers (erasure_requested_at) WHERE erasure_requested_at IS NOT NULL;
CREATE INDEX providers_name ON providers (LOWER(name), id);
CREATE INDEX calendar_connections_provider ON calendar_connections (provider_id);
CREATE INDEX calendar_connections_reconnect ON calendar_connections (provider_id) WHERE status = 'needs_reconnect';
CREATE INDEX calendar_connections_failing ON calendar_connections (provider_id) WHERE failures > 1;
CREATE INDEX audit_log_at ON audit_log (at, id);

ALTER TABLE sessions ADD COLUMN operator_id UUID REFERENCES operators ON DELETE CASCADE;
-- What forms name a session by; NULL: a visitor's.
ALTER TABLE sessions ADD COLUMN id UUID;
-- Browser and system in a few words, as the User-Agent tells them.
ALTER TABLE sessions ADD COLUMN device TEXT;
UPDATE sessions SET id = gen_random_uuid() WHERE provider_id IS NOT NULL;
CREATE UNIQUE INDEX sessions_id ON sessions (id);
CREATE INDEX sessions_operator ON sessions (operator_id) WHERE operator_id IS NOT NULL;

-- A link may let in an operator, a provider, or one who is both.
ALTER TABLE login_tokens ALTER COLUMN provider_id DROP NOT NULL;
-- login, invitation
ALTER TABLE login_tokens ADD COLUMN kind TEXT NOT NULL DEFAULT 'login';
ALTER TABLE login_tokens ADD COLUMN operator_id UUID REFERENCES operators ON DELETE CASCADE;
ALTER TABLE login_tokens ADD CHECK (provider_id IS NOT NULL OR operator_id IS NOT NULL);
CREATE INDEX login_tokens_operator ON login_tokens (operator_id, created_at) WHERE operator_id IS NOT NULL;
