-- Cycles of an assignment: until when a completion (or a waiver) holds, which cycle it is, and what it renews. `since` is
-- when it came into its state, `changed` when its newest record was made.
ALTER TABLE assignment ADD COLUMN expires BIGINT;
ALTER TABLE assignment ADD COLUMN expires_date TEXT COLLATE "C";
ALTER TABLE assignment ADD COLUMN cycle BIGINT NOT NULL DEFAULT 1;
ALTER TABLE assignment ADD COLUMN renews TEXT COLLATE "C";
ALTER TABLE assignment ADD COLUMN renews_until TEXT COLLATE "C";
ALTER TABLE assignment ADD COLUMN since BIGINT NOT NULL DEFAULT 0;
ALTER TABLE assignment ADD COLUMN changed BIGINT NOT NULL DEFAULT 0;

UPDATE assignment SET
  since = COALESCE((SELECT MAX(r.at) FROM ledger_record r WHERE r.subject = 'assignment/' || assignment.id AND r.kind =
    CASE assignment.state WHEN 'on_leave' THEN 'paused' WHEN 'in_progress' THEN 'started' WHEN 'exempt' THEN 'exempted'
    ELSE assignment.state END), assigned),
  changed = COALESCE((SELECT MAX(r.at) FROM ledger_record r WHERE r.subject = 'assignment/' || assignment.id), assigned);

-- When the roster said another title or department than before.
ALTER TABLE person ADD COLUMN role_since BIGINT;
