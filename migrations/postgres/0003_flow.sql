-- The durable inbox: every event under the platform's key, stored before it is acknowledged.
CREATE TABLE inbox (
  key      TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  position BIGINT NOT NULL,
  account  TEXT COLLATE "C" NOT NULL,
  body     TEXT COLLATE "C" NOT NULL,
  received BIGINT NOT NULL,
  state    TEXT COLLATE "C" NOT NULL,
  attempts BIGINT NOT NULL DEFAULT 0,
  retry_at BIGINT NOT NULL DEFAULT 0,
  error    TEXT COLLATE "C"
);

CREATE UNIQUE INDEX inbox_position ON inbox (position);
CREATE INDEX inbox_state ON inbox (state, position);

-- The durable outbox: what to say to whom, under a unique key; rendered when it is sent.
CREATE TABLE outbox (
  key        TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  position   BIGINT NOT NULL,
  kind       TEXT COLLATE "C" NOT NULL,
  person     TEXT COLLATE "C",
  recipient  TEXT COLLATE "C" NOT NULL,
  place      TEXT COLLATE "C",
  only_for   TEXT COLLATE "C",
  payload    TEXT COLLATE "C" NOT NULL,
  item       TEXT COLLATE "C" NOT NULL,
  step       TEXT COLLATE "C" NOT NULL,
  counted    BIGINT NOT NULL DEFAULT 0,
  voluntary  BIGINT NOT NULL DEFAULT 0,
  created    BIGINT NOT NULL,
  due        BIGINT NOT NULL,
  expires    BIGINT,
  state      TEXT COLLATE "C" NOT NULL,
  revise     BIGINT NOT NULL DEFAULT 0,
  shown      TEXT COLLATE "C",
  posted     TEXT COLLATE "C",
  channel    TEXT COLLATE "C",
  message_id TEXT COLLATE "C",
  sent_at    BIGINT,
  into_key   TEXT COLLATE "C",
  attempts   BIGINT NOT NULL DEFAULT 0,
  retry_at   BIGINT NOT NULL DEFAULT 0,
  error      TEXT COLLATE "C"
);

CREATE UNIQUE INDEX outbox_position ON outbox (position);
CREATE INDEX outbox_into ON outbox (into_key);
CREATE INDEX outbox_state ON outbox (state, due);
CREATE INDEX outbox_recipient ON outbox (recipient, state);
CREATE INDEX outbox_person ON outbox (person, sent_at);
CREATE INDEX outbox_message ON outbox (message_id);
CREATE INDEX outbox_revise ON outbox (revise);

-- What the arbiter decided about a delivery, stored when it changes, so that a person can ask why.
CREATE TABLE decision (
  position     BIGINT PRIMARY KEY NOT NULL,
  delivery_key TEXT COLLATE "C" NOT NULL,
  person       TEXT COLLATE "C" NOT NULL,
  kind         TEXT COLLATE "C" NOT NULL,
  item         TEXT COLLATE "C" NOT NULL,
  at           BIGINT NOT NULL,
  decision     TEXT COLLATE "C" NOT NULL,
  reason       TEXT COLLATE "C" NOT NULL,
  until        BIGINT,
  into_key     TEXT COLLATE "C"
);

CREATE INDEX decision_person ON decision (person, position);
CREATE INDEX decision_delivery ON decision (delivery_key, position);

-- When and where a person last did something with the bot.
CREATE TABLE last_activity (
  person  TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  at      BIGINT NOT NULL,
  place   TEXT COLLATE "C" NOT NULL,
  account TEXT COLLATE "C" NOT NULL
);

-- Durable schedules. `due` is business time; a job that was missed runs once, late.
CREATE TABLE job (
  key      TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  kind     TEXT COLLATE "C" NOT NULL,
  due      BIGINT NOT NULL,
  payload  TEXT COLLATE "C" NOT NULL,
  attempts BIGINT NOT NULL DEFAULT 0,
  retry_at BIGINT NOT NULL DEFAULT 0,
  state    TEXT COLLATE "C" NOT NULL,
  error    TEXT COLLATE "C"
);

CREATE INDEX job_due ON job (state, due);
