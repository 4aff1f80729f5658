-- What a provider offers, what clients book of it, what was written of it to the platforms, and where the two differ.

-- Weekly hours: seven lists of windows, Monday first, in minutes of the day of the provider's zone.
ALTER TABLE providers ADD COLUMN weekly_hours TEXT NOT NULL DEFAULT '[[],[],[],[],[],[],[]]';
-- How long before its start a slot can still be booked.
ALTER TABLE providers ADD COLUMN notice_minutes INTEGER NOT NULL DEFAULT 120;
-- When the calendars cannot be asked in time: accept with the last known state, or hold for the provider's confirmation.
ALTER TABLE providers ADD COLUMN stale_policy TEXT NOT NULL DEFAULT 'accept';

-- The windows of one date, instead of its weekday's; an empty list: closed.
CREATE TABLE hours_exceptions (
    provider_id BLOB NOT NULL REFERENCES providers ON DELETE CASCADE,
    date TEXT NOT NULL,
    windows TEXT NOT NULL,
    PRIMARY KEY (provider_id, date)
) WITHOUT ROWID;

CREATE TABLE services (
    id BLOB PRIMARY KEY NOT NULL,
    provider_id BLOB NOT NULL REFERENCES providers ON DELETE CASCADE,
    name TEXT NOT NULL,
    duration_minutes INTEGER NOT NULL,
    -- NULL: told on request.
    price_cents INTEGER,
    buffer_before_minutes INTEGER NOT NULL DEFAULT 0,
    buffer_after_minutes INTEGER NOT NULL DEFAULT 0,
    -- client, provider, remote
    place TEXT NOT NULL,
    -- Of the provider's place.
    address TEXT NOT NULL DEFAULT '',
    created_at TEXT NOT NULL,
    -- No longer offered; kept for the bookings of it.
    withdrawn_at TEXT
);
CREATE INDEX services_provider ON services (provider_id, created_at);

-- Unavailabilities that the provider enters by hand, once or with a rule. What blocks is derived from them.
CREATE TABLE entered_unavailabilities (
    id BLOB PRIMARY KEY NOT NULL,
    provider_id BLOB NOT NULL REFERENCES providers ON DELETE CASCADE,
    shape TEXT NOT NULL,
    -- The title, encrypted.
    details BLOB NOT NULL,
    created_at TEXT NOT NULL,
    -- When nothing of it is to come any more; NULL: it is endless.
    over_at TEXT
);
CREATE INDEX entered_unavailabilities_over ON entered_unavailabilities (over_at) WHERE over_at IS NOT NULL;
CREATE INDEX entered_unavailabilities_provider ON entered_unavailabilities (provider_id);
ALTER TABLE unavailabilities ADD COLUMN entered_id BLOB REFERENCES entered_unavailabilities ON DELETE CASCADE;
CREATE UNIQUE INDEX unavailabilities_entered ON unavailabilities (entered_id, original_start) WHERE entered_id IS NOT NULL;

CREATE TABLE bookings (
    id BLOB PRIMARY KEY NOT NULL,
    provider_id BLOB NOT NULL REFERENCES providers ON DELETE CASCADE,
    service_id BLOB NOT NULL REFERENCES services ON DELETE CASCADE,
    -- What was agreed, whatever becomes of the service.
    service_name TEXT NOT NULL,
    price_cents INTEGER,
    buffer_before_minutes INTEGER NOT NULL,
    buffer_after_minutes INTEGER NOT NULL,
    place TEXT NOT NULL,
    -- Of the provider's place.
    address TEXT NOT NULL DEFAULT '',
    starts_at TEXT NOT NULL,
    ends_at TEXT NOT NULL,
    -- pending (awaits the provider's confirmation), confirmed, cancelled
    status TEXT NOT NULL,
    -- Name, e-mail, phone, address, instructions, language and zone of the client, encrypted. NULL: erased.
    client BLOB,
    -- The token of the client's private link: by which it is found, and encrypted, for the next e-mail.
    link_hash BLOB NOT NULL UNIQUE,
    link BLOB NOT NULL,
    -- client, provider, marketplace
    origin TEXT NOT NULL,
    -- Raised by every change.
    revision INTEGER NOT NULL DEFAULT 1,
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL
);
CREATE INDEX bookings_provider ON bookings (provider_id, ends_at);
CREATE INDEX bookings_kept ON bookings (ends_at) WHERE client IS NOT NULL;
CREATE INDEX bookings_service ON bookings (service_id);

-- The history of a booking.
CREATE TABLE booking_changes (
    id BLOB PRIMARY KEY NOT NULL,
    booking_id BLOB NOT NULL REFERENCES bookings ON DELETE CASCADE,
    provider_id BLOB NOT NULL REFERENCES providers ON DELETE CASCADE,
    at TEXT NOT NULL,
    -- client, provider, marketplace, system
    actor TEXT NOT NULL,
    -- booked, held, confirmed, moved, changed, cancelled
    kind TEXT NOT NULL,
    -- Of a move.
    from_starts_at TEXT,
    to_starts_at TEXT
);
CREATE INDEX booking_changes_booking ON booking_changes (booking_id, at);
CREATE INDEX booking_changes_provider ON booking_changes (provider_id);

-- A request that may be repeated, and the booking that it made.
CREATE TABLE booking_requests (
    -- Whose key it is: a token of the API.
    caller_id BLOB NOT NULL,
    key_hash BLOB NOT NULL,
    -- Of what was asked: the same key for something else is refused.
    request_hash BLOB NOT NULL,
    booking_id BLOB NOT NULL REFERENCES bookings ON DELETE CASCADE,
    created_at TEXT NOT NULL,
    PRIMARY KEY (caller_id, key_hash)
) WITHOUT ROWID;
CREATE INDEX booking_requests_booking ON booking_requests (booking_id);
CREATE INDEX booking_requests_age ON booking_requests (created_at);

-- The one calendar of a connection that receives bookings, if any: by default the primary, if it can be written.
ALTER TABLE calendars ADD COLUMN receives BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE calendars SET receives = TRUE WHERE is_primary AND access = 'write' AND gone_at IS NULL;
CREATE UNIQUE INDEX calendars_receives ON calendars (connection_id) WHERE receives;

-- Raised by whatever exports depend on; what the last round that performed all of them covered.
ALTER TABLE calendar_connections ADD COLUMN exports_wanted INTEGER NOT NULL DEFAULT 1;
ALTER TABLE calendar_connections ADD COLUMN exports_done INTEGER NOT NULL DEFAULT 0;
-- When the last pull of all its calendars began that has been derived from.
ALTER TABLE calendar_connections ADD COLUMN pulled_at TEXT;
-- The provider's choice at a disconnect: their future events stay.
ALTER TABLE calendar_connections ADD COLUMN keep_events BOOLEAN NOT NULL DEFAULT FALSE;

-- What tells an event of ours: its iCalendar uid, and the marker that names it, whosever it is; the booking only if it is
-- of this installation.
ALTER TABLE calendar_sync_events ADD COLUMN ical_uid TEXT;
ALTER TABLE calendar_sync_events ADD COLUMN marker_booking_id BLOB;
ALTER TABLE calendar_sync_events ADD COLUMN marker_name TEXT;
CREATE INDEX calendar_sync_events_marker ON calendar_sync_events (calendar_id) WHERE marker_booking_id IS NOT NULL;

-- What was last written of a booking to a connection: a row for each event.
CREATE TABLE calendar_exported_bookings (
    connection_id BLOB NOT NULL REFERENCES calendar_connections ON DELETE CASCADE,
    booking_id BLOB NOT NULL REFERENCES bookings ON DELETE CASCADE,
    -- An event that was deleted leaves its id used up: the next one has the next generation.
    generation INTEGER NOT NULL,
    provider_id BLOB NOT NULL REFERENCES providers ON DELETE CASCADE,
    platform TEXT NOT NULL,
    -- The platform's id of the calendar that it was written to.
    calendar_external_id TEXT NOT NULL,
    -- What names the event, made from installation, booking and generation.
    name TEXT NOT NULL,
    -- The platform's id of the event, as soon as it is known.
    event_id TEXT,
    ical_uid TEXT,
    -- What was last written, encrypted, and a digest of it. NULL: the creation is under way, or its outcome is unknown.
    content BLOB,
    fingerprint TEXT,
    starts_at TEXT,
    ends_at TEXT,
    written_at TEXT,
    -- To when it was about to be moved, before the answer was known.
    trying_starts_at TEXT,
    trying_ends_at TEXT,
    -- The platform's revision of the event that the provider lets us overwrite.
    overwrite TEXT,
    -- Another event takes its place, as the provider decided.
    retired_at TEXT,
    -- Reading it showed that it is gone.
    gone_at TEXT,
    -- Why the last attempt failed, and since when they do.
    error TEXT,
    failing_since TEXT,
    PRIMARY KEY (connection_id, booking_id, generation)
) WITHOUT ROWID;
CREATE INDEX calendar_exported_bookings_event ON calendar_exported_bookings (provider_id, event_id);
CREATE INDEX calendar_exported_bookings_booking ON calendar_exported_bookings (booking_id);
CREATE INDEX calendar_exported_bookings_failed ON calendar_exported_bookings (provider_id) WHERE error IS NOT NULL;

-- Contradictions that the provider has to see.
CREATE TABLE calendar_conflicts (
    id BLOB PRIMARY KEY NOT NULL,
    provider_id BLOB NOT NULL REFERENCES providers ON DELETE CASCADE,
    -- overlap, export_moved, export_deleted
    kind TEXT NOT NULL,
    booking_id BLOB NOT NULL REFERENCES bookings ON DELETE CASCADE,
    -- Derived from what it is about: there is one open conflict about one thing.
    cause TEXT NOT NULL,
    -- Of an overlap: the imported block.
    calendar_id BLOB,
    event_id TEXT,
    original_start TEXT,
    -- Of an export: the event that we wrote.
    connection_id BLOB REFERENCES calendar_connections ON DELETE CASCADE,
    generation INTEGER,
    -- When the other side is, in UTC; of a deleted event, when it was. All day: as the provider's zone has it.
    starts_at TEXT NOT NULL,
    ends_at TEXT NOT NULL,
    all_day BOOLEAN NOT NULL DEFAULT FALSE,
    -- Our event was made into a series; its first occurrence is told.
    repeats BOOLEAN NOT NULL DEFAULT FALSE,
    -- The platform's revision that shows the edit: what the provider decides is about this one.
    revision TEXT,
    opened_at TEXT NOT NULL,
    -- Its cause is gone, by whatever.
    closed_at TEXT,
    -- What the provider decided, and when: applied, put_back. NULL: it went away by itself.
    resolution TEXT,
    settled_at TEXT
);
CREATE UNIQUE INDEX calendar_conflicts_open ON calendar_conflicts (provider_id, cause) WHERE closed_at IS NULL;
CREATE INDEX calendar_conflicts_provider ON calendar_conflicts (provider_id, opened_at);
CREATE INDEX calendar_conflicts_closed ON calendar_conflicts (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX calendar_conflicts_booking ON calendar_conflicts (booking_id);
CREATE INDEX calendar_conflicts_connection ON calendar_conflicts (connection_id) WHERE connection_id IS NOT NULL;

-- What a round exported.
ALTER TABLE calendar_sync_logs ADD COLUMN exported INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calendar_sync_logs ADD COLUMN export_failures INTEGER NOT NULL DEFAULT 0;
DROP VIEW calendar_sync_log_lines;
CREATE VIEW calendar_sync_log_lines AS
    SELECT id, connection_id, provider_id, started_at, ended_at, rounds, outcome, added, changed, removed, held,
           exported, export_failures, requests, refreshes, duration_ms
    FROM calendar_sync_logs
    UNION ALL
    SELECT idle_log_id, id, provider_id, idle_since, last_synced_at, idle_rounds, 'ok', 0, 0, 0, 0, 0, 0, idle_requests,
           idle_refreshes, idle_duration_ms
    FROM calendar_connections WHERE idle_rounds > 0;
-- What a round wrote to the platform is told beside what it read: kind (pull, export).
ALTER TABLE calendar_sync_changes ADD COLUMN kind TEXT NOT NULL DEFAULT 'pull';
