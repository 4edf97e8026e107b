-- Discord: the servers that call it as the same bot, and until when each says so: they share the calls of a second.
CREATE TABLE discord_server (
  server     TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  held_until BIGINT NOT NULL
);
