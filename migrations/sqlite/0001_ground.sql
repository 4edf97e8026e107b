-- Facts about this store itself: the clock's kind, organisation and log identifiers.
CREATE TABLE meta (
  name  TEXT PRIMARY KEY NOT NULL,
  value TEXT NOT NULL
);

-- The change feed: what changed, in commit order.
CREATE TABLE change (
  position BIGINT PRIMARY KEY NOT NULL,
  topic    TEXT NOT NULL,
  key      TEXT NOT NULL,
  at       BIGINT NOT NULL
);

-- The ledger: append-only records, each one version of its subject.
CREATE TABLE ledger_record (
  id       TEXT PRIMARY KEY NOT NULL,
  position BIGINT NOT NULL UNIQUE,
  subject  TEXT NOT NULL,
  version  BIGINT NOT NULL,
  kind     TEXT NOT NULL,
  at       BIGINT NOT NULL,
  body     TEXT NOT NULL,
  UNIQUE (subject, version)
);

CREATE TRIGGER ledger_record_no_update BEFORE UPDATE ON ledger_record
BEGIN SELECT RAISE(ABORT, 'ledger records are never changed'); END;

CREATE TRIGGER ledger_record_no_delete BEFORE DELETE ON ledger_record
BEGIN SELECT RAISE(ABORT, 'ledger records are never deleted'); END;

-- xAPI statements, as stored, with the searched parts in columns. Positions are those of the change feed; stored times
-- rise with them.
CREATE TABLE statement (
  position     BIGINT PRIMARY KEY NOT NULL,
  id           TEXT NOT NULL UNIQUE,
  stored       BIGINT NOT NULL UNIQUE,
  timestamp    BIGINT NOT NULL,
  verb         TEXT NOT NULL,
  registration TEXT,
  voids        TEXT,
  voided       BIGINT NOT NULL DEFAULT 0,
  authority    TEXT NOT NULL,
  digest       TEXT NOT NULL,
  size         BIGINT NOT NULL,
  body         TEXT NOT NULL
);

CREATE INDEX statement_verb ON statement (verb, position);
CREATE INDEX statement_registration ON statement (registration, position);
CREATE INDEX statement_authority ON statement (authority, position);
CREATE INDEX statement_voids ON statement (voids);

-- Who is mentioned in a statement; related = 1 counts only with related_agents.
CREATE TABLE statement_agent (
  agent    TEXT NOT NULL,
  position BIGINT NOT NULL,
  related  BIGINT NOT NULL,
  PRIMARY KEY (agent, position)
);

-- Which activities are mentioned in a statement; related = 1 counts only with related_activities.
CREATE TABLE statement_activity (
  activity TEXT NOT NULL,
  position BIGINT NOT NULL,
  related  BIGINT NOT NULL,
  PRIMARY KEY (activity, position)
);

-- Which statements a statement refers to as its object, and those that these refer to, and so on. They need not exist.
CREATE TABLE statement_target (
  target   TEXT NOT NULL,
  position BIGINT NOT NULL,
  PRIMARY KEY (target, position)
);

CREATE INDEX statement_target_position ON statement_target (position);

-- The definition of each activity, as put together from the statements that defined it.
CREATE TABLE activity_definition (
  id         TEXT PRIMARY KEY NOT NULL,
  definition TEXT NOT NULL
);

-- Keys for the Learning Record Store; the secret only as its SHA-256 digest.
CREATE TABLE lrs_credential (
  key     TEXT PRIMARY KEY NOT NULL,
  secret  TEXT NOT NULL,
  name    TEXT NOT NULL,
  scopes  TEXT NOT NULL,
  created BIGINT NOT NULL
);
