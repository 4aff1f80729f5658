-- The epoch of a round's lease names the round: what a pull does is told of the round while it runs, and its end
-- completes the same row. NULL: of a round before this was noted.
ALTER TABLE calendar_sync_logs ADD COLUMN epoch INTEGER;
CREATE UNIQUE INDEX calendar_sync_logs_round ON calendar_sync_logs (connection_id, epoch);

-- What one pull of a calendar added, changed, removed and held, event by event.
CREATE TABLE calendar_sync_changes (
    id BLOB PRIMARY KEY NOT NULL,
    log_id BLOB NOT NULL REFERENCES calendar_sync_logs ON DELETE CASCADE,
    provider_id BLOB NOT NULL REFERENCES providers ON DELETE CASCADE,
    -- No reference: the log outlives a calendar that has left the account.
    calendar_id BLOB NOT NULL,
    -- Titles and times, from what to what, encrypted. Erased when the connection ends.
    changes BLOB NOT NULL
);
CREATE INDEX calendar_sync_changes_log ON calendar_sync_changes (log_id);
CREATE INDEX calendar_sync_changes_provider ON calendar_sync_changes (provider_id);
