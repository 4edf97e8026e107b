-- What two engines and several servers need: rows numbered by the engine, the change feed numbered in commit order, leases.

-- `number` is given when a change is written, `position` in commit order: at once where there is one writer (SQLite), by
-- the sequencer after the commit where there are several (PostgreSQL). Rows that refer to a position hold -number until then.
CREATE TABLE change_9 (
  number   INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  position BIGINT UNIQUE,
  topic    TEXT NOT NULL,
  key      TEXT NOT NULL,
  at       BIGINT NOT NULL
);

INSERT INTO change_9 (number, position, topic, key, at) SELECT position, position, topic, key, at FROM change;

DROP TABLE change;

ALTER TABLE change_9 RENAME TO change;

CREATE INDEX change_new ON change (number) WHERE position IS NULL;
CREATE INDEX change_topic ON change (topic, position);
CREATE INDEX ledger_record_new ON ledger_record (position) WHERE position < 0;
CREATE INDEX statement_new ON statement (position) WHERE position < 0;
CREATE INDEX statement_agent_new ON statement_agent (position) WHERE position < 0;
CREATE INDEX statement_activity_new ON statement_activity (position) WHERE position < 0;
CREATE INDEX statement_target_new ON statement_target (position) WHERE position < 0;
CREATE INDEX web_message_new ON web_message (revision) WHERE revision < 0;

-- The inbox with rows numbered by the engine. Who works on an event holds its lease; times of leases and retries are the
-- machine's, on PostgreSQL the database's.
CREATE TABLE inbox_9 (
  position    INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  key         TEXT NOT NULL UNIQUE,
  account     TEXT NOT NULL,
  body        TEXT NOT NULL,
  received    BIGINT NOT NULL,
  state       TEXT NOT NULL,
  attempts    BIGINT NOT NULL DEFAULT 0,
  retry_at    BIGINT NOT NULL DEFAULT 0,
  lease_until BIGINT NOT NULL DEFAULT 0,
  error       TEXT
);

INSERT INTO inbox_9 (position, key, account, body, received, state, attempts, retry_at, error)
SELECT position, key, account, body, received, state, attempts, retry_at, error FROM inbox;

DROP TABLE inbox;

ALTER TABLE inbox_9 RENAME TO inbox;

CREATE INDEX inbox_state ON inbox (state, position);
CREATE INDEX inbox_account ON inbox (account, state, position);

-- The outbox, likewise. `lease_by` is the server that sends it.
CREATE TABLE outbox_9 (
  position    INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  key         TEXT NOT NULL UNIQUE,
  kind        TEXT NOT NULL,
  person      TEXT,
  recipient   TEXT NOT NULL,
  place       TEXT,
  only_for    TEXT,
  payload     TEXT NOT NULL,
  item        TEXT NOT NULL,
  step        TEXT NOT NULL,
  counted     BIGINT NOT NULL DEFAULT 0,
  voluntary   BIGINT NOT NULL DEFAULT 0,
  created     BIGINT NOT NULL,
  due         BIGINT NOT NULL,
  expires     BIGINT,
  state       TEXT NOT NULL,
  revise      BIGINT NOT NULL DEFAULT 0,
  shown       TEXT,
  posted      TEXT,
  channel     TEXT,
  message_id  TEXT,
  sent_at     BIGINT,
  into_key    TEXT,
  attempts    BIGINT NOT NULL DEFAULT 0,
  retry_at    BIGINT NOT NULL DEFAULT 0,
  lease_until BIGINT NOT NULL DEFAULT 0,
  lease_by    TEXT,
  error       TEXT
);

INSERT INTO outbox_9 (position, key, kind, person, recipient, place, only_for, payload, item, step, counted, voluntary, created, due,
  expires, state, revise, shown, posted, channel, message_id, sent_at, into_key, attempts, retry_at, error)
SELECT position, key, kind, person, recipient, place, only_for, payload, item, step, counted, voluntary, created, due,
  expires, state, revise, shown, posted, channel, message_id, sent_at, into_key, attempts, retry_at, error FROM outbox;

DROP TABLE outbox;

ALTER TABLE outbox_9 RENAME TO outbox;

CREATE INDEX outbox_into ON outbox (into_key);
CREATE INDEX outbox_state ON outbox (state, due);
CREATE INDEX outbox_recipient ON outbox (recipient, state);
CREATE INDEX outbox_person ON outbox (person, sent_at);
CREATE INDEX outbox_message ON outbox (message_id);
CREATE INDEX outbox_revise ON outbox (position) WHERE revise = 1;

CREATE TABLE decision_9 (
  position     INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  delivery_key TEXT NOT NULL,
  person       TEXT NOT NULL,
  kind         TEXT NOT NULL,
  item         TEXT NOT NULL,
  at           BIGINT NOT NULL,
  decision     TEXT NOT NULL,
  reason       TEXT NOT NULL,
  until        BIGINT,
  into_key     TEXT
);

INSERT INTO decision_9 (position, delivery_key, person, kind, item, at, decision, reason, until, into_key)
SELECT position, delivery_key, person, kind, item, at, decision, reason, until, into_key FROM decision;

DROP TABLE decision;

ALTER TABLE decision_9 RENAME TO decision;

CREATE INDEX decision_person ON decision (person, position);
CREATE INDEX decision_delivery ON decision (delivery_key, position);
