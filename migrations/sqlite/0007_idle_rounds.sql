-- The rounds in which nothing happened since the last one of the log: most rounds are such, and each writes the
-- connection's row anyway. They become a row of the log when something happens.
ALTER TABLE calendar_connections ADD COLUMN idle_log_id BLOB;
ALTER TABLE calendar_connections ADD COLUMN idle_since TEXT;
ALTER TABLE calendar_connections ADD COLUMN idle_rounds INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calendar_connections ADD COLUMN idle_requests INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calendar_connections ADD COLUMN idle_refreshes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calendar_connections ADD COLUMN idle_duration_ms INTEGER NOT NULL DEFAULT 0;

-- The log as it is read: with the line that is still growing, under the id that its row will have.
CREATE VIEW calendar_sync_log_lines AS
    SELECT id, connection_id, provider_id, started_at, ended_at, rounds, outcome, added, changed, removed, held,
           requests, refreshes, duration_ms
    FROM calendar_sync_logs
    UNION ALL
    SELECT idle_log_id, id, provider_id, idle_since, last_synced_at, idle_rounds, 'ok', 0, 0, 0, 0, idle_requests, idle_refreshes,
           idle_duration_ms
    FROM calendar_connections WHERE idle_rounds > 0;
