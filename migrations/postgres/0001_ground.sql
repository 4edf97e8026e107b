-- Facts about this store itself: the clock's kind, organisation and log identifiers.
CREATE TABLE meta (
  name  TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  value TEXT COLLATE "C" NOT NULL
);

-- The change feed: what changed, in commit order.
CREATE TABLE change (
  position BIGINT PRIMARY KEY NOT NULL,
  topic    TEXT COLLATE "C" NOT NULL,
  key      TEXT COLLATE "C" NOT NULL,
  at       BIGINT NOT NULL
);

-- The ledger: append-only records, each one version of its subject.
CREATE TABLE ledger_record (
  id       TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  position BIGINT NOT NULL UNIQUE,
  subject  TEXT COLLATE "C" NOT NULL,
  version  BIGINT NOT NULL,
  kind     TEXT COLLATE "C" NOT NULL,
  at       BIGINT NOT NULL,
  body     TEXT COLLATE "C" NOT NULL,
  UNIQUE (subject, version)
);

CREATE FUNCTION ledger_record_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'ledger records are never changed or deleted'; END $$;

CREATE TRIGGER ledger_record_no_update BEFORE UPDATE ON ledger_record FOR EACH ROW EXECUTE FUNCTION ledger_record_kept();

CREATE TRIGGER ledger_record_no_delete BEFORE DELETE ON ledger_record FOR EACH ROW EXECUTE FUNCTION ledger_record_kept();

-- xAPI statements, as stored, with the searched parts in columns. Positions are those of the change feed; stored times
-- rise with them.
CREATE TABLE statement (
  position     BIGINT PRIMARY KEY NOT NULL,
  id           TEXT COLLATE "C" NOT NULL UNIQUE,
  stored       BIGINT NOT NULL UNIQUE,
  timestamp    BIGINT NOT NULL,
  verb         TEXT COLLATE "C" NOT NULL,
  registration TEXT COLLATE "C",
  voids        TEXT COLLATE "C",
  voided       BIGINT NOT NULL DEFAULT 0,
  authority    TEXT COLLATE "C" NOT NULL,
  digest       TEXT COLLATE "C" NOT NULL,
  size         BIGINT NOT NULL,
  body         TEXT COLLATE "C" NOT NULL
);

CREATE INDEX statement_verb ON statement (verb, position);
CREATE INDEX statement_registration ON statement (registration, position);
CREATE INDEX statement_authority ON statement (authority, position);
CREATE INDEX statement_voids ON statement (voids);

-- Who is mentioned in a statement; related = 1 counts only with related_agents.
CREATE TABLE statement_agent (
  agent    TEXT COLLATE "C" NOT NULL,
  position BIGINT NOT NULL,
  related  BIGINT NOT NULL,
  PRIMARY KEY (agent, position)
);

-- Which activities are mentioned in a statement; related = 1 counts only with related_activities.
CREATE TABLE statement_activity (
  activity TEXT COLLATE "C" NOT NULL,
  position BIGINT NOT NULL,
  related  BIGINT NOT NULL,
  PRIMARY KEY (activity, position)
);

-- Which statements a statement refers to as its object, and those that these refer to, and so on. They need not exist.
CREATE TABLE statement_target (
  target   TEXT COLLATE "C" NOT NULL,
  position BIGINT NOT NULL,
  PRIMARY KEY (target, position)
);

CREATE INDEX statement_target_position ON statement_target (position);

-- The definition of each activity, as put together from the statements that defined it.
CREATE TABLE activity_definition (
  id         TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  definition TEXT COLLATE "C" NOT NULL
);

-- Keys for the Learning Record Store; the secret only as its SHA-256 digest.
CREATE TABLE lrs_credential (
  key     TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  secret  TEXT COLLATE "C" NOT NULL,
  name    TEXT COLLATE "C" NOT NULL,
  scopes  TEXT COLLATE "C" NOT NULL,
  created BIGINT NOT NULL
);
