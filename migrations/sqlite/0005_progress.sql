-- How far the round that holds the lease has read a listing of several pages; both are zero again at the next lease.
ALTER TABLE calendar_connections ADD COLUMN pages_read INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calendar_connections ADD COLUMN events_read INTEGER NOT NULL DEFAULT 0;
