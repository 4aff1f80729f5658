-- Until when what the platform told of a calendar's events reaches; NULL: without end, or nothing was told yet.
ALTER TABLE calendars ADD COLUMN covered_until TIMESTAMPTZ;
