-- Discord. Sessions of the gateway, one for each shard: who holds it, and where it goes on after a restart.
CREATE TABLE discord_session (
  shard      BIGINT PRIMARY KEY NOT NULL,
  held_by    TEXT COLLATE "C" NOT NULL,
  held_until BIGINT NOT NULL,
  session    TEXT COLLATE "C",
  sequence   BIGINT NOT NULL DEFAULT 0,
  url        TEXT COLLATE "C"
);

-- The last message that was stored of each conversation; after downtime those since then are fetched. The row '*' stands
-- for conversations that have none.
CREATE TABLE discord_seen (
  channel TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  message BIGINT NOT NULL,
  direct  BIGINT NOT NULL DEFAULT 0
);

-- Where somebody is reached: the direct conversation that they opened, since when it is closed to us, and the private
-- thread in a server in which they are told that something waits.
CREATE TABLE discord_user (
  user_id       TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  direct        TEXT COLLATE "C",
  opened        BIGINT,
  closed        BIGINT,
  guild         TEXT COLLATE "C",
  thread        TEXT COLLATE "C",
  thread_parent TEXT COLLATE "C"
);

-- Interactions that can still be answered, for fifteen minutes.
CREATE TABLE discord_interaction (
  id       TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  token    TEXT COLLATE "C" NOT NULL,
  kind     TEXT COLLATE "C" NOT NULL,
  came     BIGINT NOT NULL,
  answered BIGINT NOT NULL DEFAULT 0
);

CREATE INDEX discord_interaction_came ON discord_interaction (came);

-- Commands of buttons that are too long for a component's id.
CREATE TABLE discord_command (
  name    TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  command TEXT COLLATE "C" NOT NULL
);

-- What was about to be said without a button, and messages of several parts, by the hash of the delivery key.
CREATE TABLE discord_post (
  hash   TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  digest TEXT COLLATE "C" NOT NULL,
  begun  BIGINT NOT NULL,
  parts  TEXT COLLATE "C"
);

-- The digest of the commands that are registered, for each server or for all.
CREATE TABLE discord_registered (
  scope  TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  digest TEXT COLLATE "C" NOT NULL
);
