-- Channels in which what whoever asked marks as the answer is kept as a page.
CREATE TABLE learning_channel (
  platform  TEXT COLLATE "C" NOT NULL,
  workspace TEXT COLLATE "C" NOT NULL,
  channel   TEXT COLLATE "C" NOT NULL,
  set_by    TEXT COLLATE "C" NOT NULL,
  at        BIGINT NOT NULL,
  PRIMARY KEY (platform, workspace, channel)
);

-- Of a thread that was not logged as a whole the message that was marked as the answer; and where it stands on the web.
ALTER TABLE discussion ADD COLUMN answer TEXT COLLATE "C";
ALTER TABLE discussion ADD COLUMN link TEXT COLLATE "C";
