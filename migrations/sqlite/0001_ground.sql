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

-- xAPI statements, as stored, with the searched parts in columns.
CREATE TABLE statement (
  id           TEXT PRIMARY KEY NOT NULL,
  position     BIGINT NOT NULL UNIQUE,
  stored       BIGINT NOT NULL,
  timestamp    BIGINT NOT NULL,
  verb         TEXT NOT NULL,
  actor        TEXT NOT NULL,
  activity     TEXT,
  registration TEXT,
  voids        TEXT,
  voided       BIGINT NOT NULL DEFAULT 0,
  digest       TEXT NOT NULL,
  authority    TEXT NOT NULL,
  body         TEXT NOT NULL
);

CREATE INDEX statement_stored ON statement (stored);
CREATE INDEX statement_verb ON statement (verb, stored);
CREATE INDEX statement_activity ON statement (activity, stored);

-- Who is mentioned in a statement, for the agent filter of GET /statements (related_agents widens it).
CREATE TABLE statement_agent (
  statement_id TEXT NOT NULL,
  agent        TEXT NOT NULL,
  role         TEXT NOT NULL,
  PRIMARY KEY (statement_id, agent, role)
);

CREATE INDEX statement_agent_agent ON statement_agent (agent);

-- Which activities are mentioned in a statement, for related_activities.
CREATE TABLE statement_activity_related (
  statement_id TEXT NOT NULL,
  activity     TEXT NOT NULL,
  PRIMARY KEY (statement_id, activity)
);

CREATE INDEX statement_activity_related_activity ON statement_activity_related (activity);
