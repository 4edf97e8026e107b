-- Channels in which what whoever asked marks as the answer is kept as a page.
CREATE TABLE learning_channel (
  platform  TEXT NOT NULL,
  workspace TEXT NOT NULL,
  channel   TEXT NOT NULL,
  set_by    TEXT NOT NULL,
  at        BIGINT NOT NULL,
  PRIMARY KEY (platform, workspace, channel)
);

-- Of a thread that was not logged as a whole the message that was marked as the answer; and where it stands on the web.
ALTER TABLE discussion ADD COLUMN answer TEXT;
ALTER TABLE discussion ADD COLUMN link TEXT;
