-- The zone that a person's chat says; it counts where the roster says none.
ALTER TABLE person ADD COLUMN chat_timezone TEXT;

-- Workspaces and organisations in which a Slack app was installed by its own page. `token` is sealed; `workspace` is the id
-- of the organisation (E…) where the app was installed in all of its workspaces.
CREATE TABLE slack_install (
  app TEXT NOT NULL,
  workspace TEXT NOT NULL,
  name TEXT NOT NULL,
  token BLOB NOT NULL,
  refresh BLOB,
  expires BIGINT,
  installed BIGINT NOT NULL,
  ended BIGINT,
  PRIMARY KEY (app, workspace)
);
