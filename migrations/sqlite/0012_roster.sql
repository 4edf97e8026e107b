-- A roster import on its way: one row for each person who changes, written in parts, then decided on at once (the row
-- roster.import in meta), then carried out in parts. A decided import goes on after a crash.
CREATE TABLE roster_step (
  import  TEXT NOT NULL,
  ordinal BIGINT NOT NULL,
  person  TEXT NOT NULL,
  version BIGINT NOT NULL,
  body    TEXT NOT NULL,
  PRIMARY KEY (import, ordinal)
);
