-- Facts of three kinds, as the architecture document says: observed (calendars, events, cursors), desired (the
-- provider's choices), written. Unavailabilities are derived from them.

-- What this installation is (for instance: the demo).
CREATE TABLE installation (
    name TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
);

CREATE TABLE providers (
    id UUID PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    -- Lower case.
    email TEXT NOT NULL UNIQUE,
    time_zone TEXT NOT NULL,
    -- The zone of the primary calendar that the provider chose not to follow.
    zone_kept TEXT,
    locale TEXT NOT NULL,
    -- Raised by every change of a fact; what the last derivation covered.
    derive_wanted BIGINT NOT NULL DEFAULT 1,
    derive_done BIGINT NOT NULL DEFAULT 0,
    -- The next local midnight, when the horizon moves on; long ago when it never derived.
    derive_due_at TIMESTAMPTZ NOT NULL DEFAULT '1970-01-01T00:00:00+00:00',
    -- What derived last: the code's version and the zone database's.
    derive_version TEXT NOT NULL DEFAULT '',
    derived_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX providers_derive_due ON providers (derive_due_at);
CREATE INDEX providers_derive_behind ON providers (id) WHERE derive_wanted > derive_done;

CREATE TABLE sessions (
    -- SHA-256 of the cookie's token.
    token_hash BYTEA PRIMARY KEY NOT NULL,
    provider_id UUID REFERENCES providers ON DELETE CASCADE,
    created_at TIMESTAMPTZ NOT NULL,
    last_seen_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    -- A message for the next page, read once.
    flash TEXT
);
CREATE INDEX sessions_provider ON sessions (provider_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE login_tokens (
    token_hash BYTEA PRIMARY KEY NOT NULL,
    provider_id UUID NOT NULL REFERENCES providers ON DELETE CASCADE,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX login_tokens_provider ON login_tokens (provider_id, created_at);

-- Authorizations that were begun and have not come back.
CREATE TABLE oauth_attempts (
    state_hash BYTEA PRIMARY KEY NOT NULL,
    session_hash BYTEA NOT NULL,
    provider_id UUID NOT NULL REFERENCES providers ON DELETE CASCADE,
    platform TEXT NOT NULL,
    reconnects UUID,
    -- Encrypted.
    verifier BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX oauth_attempts_expiry ON oauth_attempts (expires_at);

-- What belongs to a platform's account, which two providers may share.
CREATE TABLE calendar_accounts (
    platform TEXT NOT NULL,
    -- The platform's stable id of the person.
    account_id TEXT NOT NULL,
    -- The platform asked to wait until then; no click overrides it.
    not_before TIMESTAMPTZ,
    PRIMARY KEY (platform, account_id)
);

CREATE TABLE calendar_connections (
    id UUID PRIMARY KEY NOT NULL,
    provider_id UUID NOT NULL REFERENCES providers ON DELETE CASCADE,
    platform TEXT NOT NULL,
    account_id TEXT NOT NULL,
    account_email TEXT NOT NULL,
    -- connected, needs_reconnect, disconnecting, disconnected
    status TEXT NOT NULL,
    -- Encrypted; gone once disconnected.
    access_token BYTEA,
    access_expires_at TIMESTAMPTZ,
    refresh_token BYTEA,
    scopes TEXT NOT NULL,
    -- Raised by each lease and by a disconnect; a round writes only under its own.
    epoch BIGINT NOT NULL DEFAULT 0,
    leased_until TIMESTAMPTZ,
    -- Raised by each wake-up; what the last round covered.
    wanted BIGINT NOT NULL DEFAULT 1,
    covered BIGINT NOT NULL DEFAULT 0,
    next_sync_at TIMESTAMPTZ NOT NULL,
    -- Failed rounds since the last good one, and the last one's reason.
    failures BIGINT NOT NULL DEFAULT 0,
    last_error TEXT,
    last_synced_at TIMESTAMPTZ,
    -- Requests made on this day (UTC).
    requests_day DATE,
    requests BIGINT NOT NULL DEFAULT 0,
    calendars_listed_at TIMESTAMPTZ,
    disconnect_requested_at TIMESTAMPTZ,
    disconnected_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE UNIQUE INDEX calendar_connections_live ON calendar_connections (provider_id, platform, account_id)
    WHERE status IN ('connected', 'needs_reconnect');
CREATE INDEX calendar_connections_due ON calendar_connections (next_sync_at)
    WHERE status IN ('connected', 'disconnecting');
CREATE INDEX calendar_connections_wanted ON calendar_connections (id)
    WHERE status IN ('connected', 'disconnecting') AND wanted > covered;
CREATE INDEX calendar_connections_account ON calendar_connections (platform, account_id);

CREATE TABLE calendars (
    id UUID PRIMARY KEY NOT NULL,
    connection_id UUID NOT NULL REFERENCES calendar_connections ON DELETE CASCADE,
    provider_id UUID NOT NULL REFERENCES providers ON DELETE CASCADE,
    external_id TEXT NOT NULL,
    name TEXT NOT NULL,
    -- #rrggbb
    color TEXT,
    -- busy_only, read, write
    access TEXT NOT NULL,
    -- As the platform names it.
    time_zone TEXT,
    is_primary BOOLEAN NOT NULL,
    -- The provider's choices.
    selected BOOLEAN NOT NULL,
    block_free BOOLEAN NOT NULL DEFAULT FALSE,
    -- Where the next pull begins; without one it lists in full.
    cursor TEXT,
    synced_at TIMESTAMPTZ,
    last_error TEXT,
    -- No longer listed by the platform; its blocks stay until the provider says so.
    gone_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    UNIQUE (connection_id, external_id)
);
CREATE INDEX calendars_provider ON calendars (provider_id);

CREATE TABLE calendar_sync_events (
    calendar_id UUID NOT NULL REFERENCES calendars ON DELETE CASCADE,
    external_id TEXT NOT NULL,
    -- Of an exception.
    master_id TEXT,
    original_start TEXT,
    -- When it is, and what decides whether it blocks.
    shape JSONB NOT NULL,
    marks JSONB NOT NULL,
    -- Title and link, encrypted.
    details BYTEA NOT NULL,
    revision TEXT NOT NULL,
    changed_at TIMESTAMPTZ,
    -- Of a single event: when it is over at the latest, in whatever zone.
    over_at TIMESTAMPTZ,
    -- A series whose rule cannot be read here, and when the platform last expanded it for us.
    unreadable BOOLEAN NOT NULL DEFAULT FALSE,
    expanded_at TIMESTAMPTZ,
    -- An occurrence that stands in for such a rule.
    stand_in BOOLEAN NOT NULL DEFAULT FALSE,
    -- Its removal awaits the provider's decision.
    held_at TIMESTAMPTZ,
    PRIMARY KEY (calendar_id, external_id)
);
CREATE INDEX calendar_sync_events_master ON calendar_sync_events (calendar_id, master_id) WHERE master_id IS NOT NULL;
CREATE INDEX calendar_sync_events_over ON calendar_sync_events (calendar_id, over_at) WHERE over_at IS NOT NULL;
CREATE INDEX calendar_sync_events_unreadable ON calendar_sync_events (calendar_id) WHERE unreadable;
CREATE INDEX calendar_sync_events_held ON calendar_sync_events (calendar_id) WHERE held_at IS NOT NULL;

CREATE TABLE unavailabilities (
    id UUID PRIMARY KEY NOT NULL,
    provider_id UUID NOT NULL REFERENCES providers ON DELETE CASCADE,
    -- Imported: the calendar, the event (a series by its master) and the occurrence ('' for a single event).
    -- NULL: an unavailability of its own.
    calendar_id UUID REFERENCES calendars ON DELETE CASCADE,
    event_id TEXT,
    original_start TEXT,
    -- The event that gives the title: the exception, where there is one.
    detail_id TEXT,
    starts_at TIMESTAMPTZ NOT NULL,
    ends_at TIMESTAMPTZ NOT NULL,
    all_day BOOLEAN NOT NULL,
    -- By which rule it blocks: busy, tentative, unanswered, free_wanted, unreadable, kept
    reason TEXT NOT NULL,
    -- Of one of its own: its title, encrypted.
    details BYTEA,
    created_at TIMESTAMPTZ NOT NULL,
    UNIQUE (calendar_id, event_id, original_start)
);
CREATE INDEX unavailabilities_provider ON unavailabilities (provider_id, ends_at, starts_at);

CREATE TABLE calendar_sync_logs (
    id UUID PRIMARY KEY NOT NULL,
    connection_id UUID NOT NULL REFERENCES calendar_connections ON DELETE CASCADE,
    provider_id UUID NOT NULL REFERENCES providers ON DELETE CASCADE,
    -- Of the first round and of the last: rounds in which nothing happened share a row.
    started_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ NOT NULL,
    rounds BIGINT NOT NULL,
    -- ok, partial, or why it failed
    outcome TEXT NOT NULL,
    added BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    removed BIGINT NOT NULL,
    held BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    refreshes BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    -- From a change on the platform to its block here: how many were measured, and their sum.
    delays BIGINT NOT NULL,
    delay_ms BIGINT NOT NULL
);
CREATE INDEX calendar_sync_logs_connection ON calendar_sync_logs (connection_id, started_at);
CREATE INDEX calendar_sync_logs_provider ON calendar_sync_logs (provider_id, started_at);

-- What a provider is told, in the product itself.
CREATE TABLE notices (
    id UUID PRIMARY KEY NOT NULL,
    provider_id UUID NOT NULL REFERENCES providers ON DELETE CASCADE,
    -- Derived from the fact that causes it, so that it is said once.
    cause TEXT NOT NULL,
    -- needs_reconnect, removals_held, unreadable_series, disconnect_abandoned
    kind TEXT NOT NULL,
    params JSONB NOT NULL,
    connection_id UUID REFERENCES calendar_connections ON DELETE CASCADE,
    created_at TIMESTAMPTZ NOT NULL,
    read_at TIMESTAMPTZ,
    -- Its cause has gone away.
    settled_at TIMESTAMPTZ,
    UNIQUE (provider_id, cause)
);
CREATE INDEX notices_provider ON notices (provider_id, created_at);

-- What leaves the house in another way: e-mails. Delivered at least once.
CREATE TABLE deliveries (
    id UUID PRIMARY KEY NOT NULL,
    -- Derived from the fact that causes it.
    cause TEXT NOT NULL UNIQUE,
    -- email
    channel TEXT NOT NULL,
    provider_id UUID REFERENCES providers ON DELETE CASCADE,
    -- Kind and parameters of the message and its recipient, encrypted: a login link is a secret.
    message BYTEA NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    next_at TIMESTAMPTZ,
    last_error TEXT,
    delivered_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX deliveries_due ON deliveries (next_at) WHERE delivered_at IS NULL;

-- Who connected, selected, disconnected, settled, exported or erased what, and when.
CREATE TABLE audit_log (
    id UUID PRIMARY KEY NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    -- No reference: it outlives the provider's account.
    provider_id UUID NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL
);
CREATE INDEX audit_log_provider ON audit_log (provider_id, at);
