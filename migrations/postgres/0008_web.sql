-- The local web chat: a chat platform of its own. Users are people; their user id is the person's id.
-- A conversation: a channel with a name, or the one in which a user and the bot talk alone (`direct_user`).
CREATE TABLE web_channel (
  id          TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  name        TEXT COLLATE "C" NOT NULL,
  direct_user TEXT COLLATE "C" UNIQUE,
  created     BIGINT NOT NULL
);

-- Who reads a conversation, and up to which message (its position) it was read.
CREATE TABLE web_member (
  channel TEXT COLLATE "C" NOT NULL,
  user_id TEXT COLLATE "C" NOT NULL,
  read_to BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (channel, user_id)
);

CREATE INDEX web_member_user ON web_member (user_id);

-- Messages. `author` is NULL for the bot, whose message is JSON in `body`; people's words are in `text`.
-- `key` is the delivery key or the event key: the same one is never posted twice.
-- `revision` is the position in the change feed of the last change of this message.
CREATE TABLE web_message (
  id       TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  position BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  channel  TEXT COLLATE "C" NOT NULL,
  thread   TEXT COLLATE "C",
  author   TEXT COLLATE "C",
  only_for TEXT COLLATE "C",
  key      TEXT COLLATE "C" UNIQUE,
  body     TEXT COLLATE "C",
  text     TEXT COLLATE "C",
  created  BIGINT NOT NULL,
  edited   BIGINT,
  deleted  BIGINT
);

CREATE UNIQUE INDEX web_message_position ON web_message (position);
CREATE INDEX web_message_channel ON web_message (channel, thread, position);
CREATE INDEX web_message_revision ON web_message (channel, revision);
CREATE INDEX web_message_thread ON web_message (thread);

-- Who is signed in: the SHA-256 of the cookie in hexadecimal digits, never the cookie. `expires` is business time.
CREATE TABLE web_session (
  digest  TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  person  TEXT COLLATE "C" NOT NULL,
  created BIGINT NOT NULL,
  expires BIGINT NOT NULL
);

CREATE INDEX web_session_person ON web_session (person);
