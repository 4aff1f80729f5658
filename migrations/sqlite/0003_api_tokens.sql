-- What a marketplace proves itself with when it uses the API.
CREATE TABLE api_tokens (
    id BLOB PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    -- SHA-256 of the token.
    token_hash BLOB NOT NULL UNIQUE,
    -- The one provider that it reaches; NULL: the whole installation.
    provider_id BLOB REFERENCES providers ON DELETE CASCADE,
    created_at TEXT NOT NULL,
    -- An operator's e-mail address, `configuration` or `command line`.
    created_by TEXT NOT NULL,
    -- Noted at most once an hour.
    last_used_at TEXT,
    withdrawn_at TEXT
);
CREATE INDEX api_tokens_provider ON api_tokens (provider_id) WHERE provider_id IS NOT NULL;

-- Whether the API may tell the titles of what blocks a provider's slots: theirs to allow.
ALTER TABLE providers ADD COLUMN share_titles BOOLEAN NOT NULL DEFAULT FALSE;

-- Whether a link to log in with left by e-mail, of which few are sent at a time; the API answers with others.
ALTER TABLE login_tokens ADD COLUMN mailed BOOLEAN NOT NULL DEFAULT TRUE;
