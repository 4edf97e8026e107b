-- Whom the last message could not reach in any place, and since when.
CREATE TABLE unreachable (
  person TEXT PRIMARY KEY NOT NULL,
  since  BIGINT NOT NULL,
  reason TEXT NOT NULL
);
