-- Discord: forms that are open, and forms that had errors, with what was filled in; by the hash of whose they are and of what
-- they are about. For a day.
CREATE TABLE discord_form (
  name TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  form TEXT COLLATE "C" NOT NULL,
  kept BIGINT NOT NULL
);

CREATE INDEX discord_form_kept ON discord_form (kept);

-- When a command was kept last; 0 for those from before this was written down.
ALTER TABLE discord_command ADD COLUMN kept BIGINT NOT NULL DEFAULT 0;

CREATE INDEX discord_command_kept ON discord_command (kept);
