-- Which events a raise of `derive_wanted` was about, so that deriving need not look at the others. A raise that was
-- about more than some events (a switch, a zone, a whole calendar) stands in `derive_all` instead.
ALTER TABLE providers ADD COLUMN derive_all BIGINT NOT NULL DEFAULT 0;
UPDATE providers SET derive_all = derive_wanted;
CREATE TABLE touched_events (
    provider_id UUID NOT NULL REFERENCES providers ON DELETE CASCADE,
    wanted BIGINT NOT NULL,
    calendar_id UUID NOT NULL REFERENCES calendars ON DELETE CASCADE,
    -- An occurrence that differs touches its series too.
    event_id TEXT NOT NULL,
    PRIMARY KEY (provider_id, wanted, calendar_id, event_id)
);

-- Whose blocks were derived by a clock that was ahead.
CREATE INDEX providers_derived ON providers (derived_at);
