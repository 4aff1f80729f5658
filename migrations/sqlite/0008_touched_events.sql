-- Blocks are written by the thousand: the table is kept in the order of its ids, which grow with time, instead of in one
-- of its own beside an index of ids.
CREATE TABLE unavailabilities_by_id (
    id BLOB PRIMARY KEY NOT NULL,
    provider_id BLOB NOT NULL REFERENCES providers ON DELETE CASCADE,
    -- Imported: the calendar, the event (a series by its master) and the occurrence ('' for a single event).
    -- NULL: an unavailability of its own.
    calendar_id BLOB REFERENCES calendars ON DELETE CASCADE,
    event_id TEXT,
    original_start TEXT,
    -- The event that gives the title: the exception, where there is one.
    detail_id TEXT,
    starts_at TEXT NOT NULL,
    ends_at TEXT NOT NULL,
    all_day BOOLEAN NOT NULL,
    -- By which rule it blocks: busy, tentative, unanswered, free_wanted, unreadable, kept
    reason TEXT NOT NULL,
    -- Of one of its own: its title, encrypted.
    details BLOB,
    created_at TEXT NOT NULL,
    UNIQUE (calendar_id, event_id, original_start)
) WITHOUT ROWID;
INSERT INTO unavailabilities_by_id
SELECT id, provider_id, calendar_id, event_id, original_start, detail_id, starts_at, ends_at, all_day, reason, details,
       created_at
FROM unavailabilities;
DROP TABLE unavailabilities;
ALTER TABLE unavailabilities_by_id RENAME TO unavailabilities;
CREATE INDEX unavailabilities_provider ON unavailabilities (provider_id, ends_at, starts_at);

-- Which events a raise of `derive_wanted` was about, so that deriving need not look at the others. A raise that was
-- about more than some events (a switch, a zone, a whole calendar) stands in `derive_all` instead.
ALTER TABLE providers ADD COLUMN derive_all INTEGER NOT NULL DEFAULT 0;
UPDATE providers SET derive_all = derive_wanted;
CREATE TABLE touched_events (
    provider_id BLOB NOT NULL REFERENCES providers ON DELETE CASCADE,
    wanted INTEGER NOT NULL,
    calendar_id BLOB NOT NULL REFERENCES calendars ON DELETE CASCADE,
    -- An occurrence that differs touches its series too.
    event_id TEXT NOT NULL,
    PRIMARY KEY (provider_id, wanted, calendar_id, event_id)
) WITHOUT ROWID;

-- Whose blocks were derived by a clock that was ahead.
CREATE INDEX providers_derived ON providers (derived_at);
