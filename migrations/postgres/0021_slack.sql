-- The zone that a person's chat says; it counts where the roster says none.
ALTER TABLE person ADD COLUMN chat_timezone TEXT COLLATE "C";

-- Workspaces and organisations in which a Slack app was installed by its own page. `token` is sealed; `workspace` is the id
-- of the organisation (E…) where the app was installed in all of its workspaces.
CREATE TABLE slack_install (
  app TEXT COLLATE "C" NOT NULL,
  workspace TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  token BYTEA NOT NULL,
  refresh BYTEA,
  expires BIGINT,
  installed BIGINT NOT NULL,
  ended BIGINT,
  PRIMARY KEY (app, workspace)
);
