-- Rows of `person` that are one human: `person` was merged into `into_person`, and `stands_for` is the row that stands for
-- both now. A projection of the ledger's records about person/<id>.
CREATE TABLE person_alias (
  person      TEXT PRIMARY KEY NOT NULL,
  into_person TEXT NOT NULL,
  stands_for  TEXT NOT NULL,
  actor       TEXT NOT NULL,
  reason      TEXT NOT NULL,
  at          BIGINT NOT NULL
);

CREATE INDEX person_alias_stands_for ON person_alias (stands_for);

-- E-mail addresses that people had before, and until when.
CREATE TABLE person_address (
  person TEXT NOT NULL,
  email  TEXT NOT NULL,
  until  BIGINT NOT NULL,
  PRIMARY KEY (email, person)
);

CREATE INDEX person_address_person ON person_address (person);

-- `manager` is who counts, `roster_manager` the row that the roster named.
ALTER TABLE person ADD COLUMN roster_manager TEXT;

UPDATE person SET roster_manager = manager;

CREATE INDEX person_roster_manager ON person (roster_manager);

-- When somebody left; nothing for those who left before this was kept.
ALTER TABLE person ADD COLUMN left_at BIGINT;
