-- 0005_tips
-- What was asked, and what was answered: passages by id and version, so that both are looked at again before it is shown.
-- Questions are voluntary: their texts never leave in statements and no manager sees them.
CREATE TABLE question (
  id        TEXT PRIMARY KEY NOT NULL,
  person    TEXT,
  platform  TEXT NOT NULL,
  channel   TEXT NOT NULL,
  event     TEXT NOT NULL,
  text      TEXT NOT NULL,
  answer    TEXT NOT NULL,
  abstained BIGINT NOT NULL,
  gap       TEXT,
  statement TEXT,
  asked     BIGINT NOT NULL
);

CREATE INDEX question_person ON question (person, asked);

-- Which documents an answer quotes.
CREATE TABLE question_document (
  question TEXT NOT NULL REFERENCES question (id),
  document TEXT NOT NULL,
  PRIMARY KEY (question, document)
);

CREATE INDEX question_document_document ON question_document (document);

-- One person's judgement of one answer.
CREATE TABLE answer_vote (
  question  TEXT NOT NULL REFERENCES question (id),
  person    TEXT NOT NULL,
  helpful   BIGINT NOT NULL,
  missing   TEXT,
  statement TEXT NOT NULL,
  voted     BIGINT NOT NULL,
  PRIMARY KEY (question, person)
);

-- What could not be answered, without names. The key is the question's telling words.
CREATE TABLE gap (
  id    TEXT PRIMARY KEY NOT NULL,
  key   TEXT NOT NULL UNIQUE,
  text  TEXT NOT NULL,
  count BIGINT NOT NULL,
  first BIGINT NOT NULL,
  last  BIGINT NOT NULL
);

-- A tip: draft, asked (its author's consent is asked for), shared, declined or withdrawn. The text of one that is not
-- shared any more is empty.
CREATE TABLE tip (
  id          TEXT PRIMARY KEY NOT NULL,
  author      TEXT NOT NULL,
  state       TEXT NOT NULL,
  text        TEXT NOT NULL,
  topic       TEXT,
  suggested   TEXT,
  platform    TEXT,
  channel     TEXT,
  message     TEXT,
  document    TEXT,
  verified_by TEXT,
  statement   TEXT,
  created     BIGINT NOT NULL,
  shared      BIGINT,
  UNIQUE (platform, channel, message)
);

CREATE INDEX tip_author ON tip (author, created);

-- One person's rating of one tip.
CREATE TABLE tip_vote (
  tip       TEXT NOT NULL REFERENCES tip (id),
  person    TEXT NOT NULL,
  up        BIGINT NOT NULL,
  statement TEXT NOT NULL,
  voted     BIGINT NOT NULL,
  PRIMARY KEY (tip, person)
);

-- A thread that was logged as a discussion. members is the JSON list of the people in its statement.
CREATE TABLE discussion (
  id        TEXT PRIMARY KEY NOT NULL,
  title     TEXT NOT NULL,
  platform  TEXT NOT NULL,
  workspace TEXT NOT NULL,
  channel   TEXT NOT NULL,
  thread    TEXT NOT NULL,
  logged_by TEXT NOT NULL,
  members   TEXT NOT NULL,
  document  TEXT,
  statement TEXT,
  logged    BIGINT NOT NULL,
  UNIQUE (platform, channel, thread)
);

-- A message of a discussion. The text is kept only once its author agreed; the digest (SHA-256) tells edits.
CREATE TABLE discussion_message (
  discussion TEXT NOT NULL REFERENCES discussion (id),
  message    TEXT NOT NULL,
  person     TEXT NOT NULL,
  digest     TEXT NOT NULL,
  text       TEXT,
  written    BIGINT NOT NULL,
  PRIMARY KEY (discussion, message)
);

CREATE INDEX discussion_message_message ON discussion_message (message);

-- Whether an author of a discussion agreed: asked, yes, no or withdrawn. digest is that of the texts in the statement.
CREATE TABLE discussion_member (
  discussion TEXT NOT NULL REFERENCES discussion (id),
  person     TEXT NOT NULL,
  state      TEXT NOT NULL,
  digest     TEXT,
  statement  TEXT,
  changed    BIGINT NOT NULL,
  PRIMARY KEY (discussion, person)
);

CREATE INDEX discussion_member_person ON discussion_member (person);

-- "I did this". confirmation: none, asked, confirmed or declined, by the colleague in confirmer.
CREATE TABLE experience (
  id           TEXT PRIMARY KEY NOT NULL,
  person       TEXT NOT NULL,
  text         TEXT NOT NULL,
  day          TEXT NOT NULL,
  minutes      BIGINT,
  link         TEXT,
  confirmer    TEXT,
  confirmation TEXT NOT NULL,
  statement    TEXT NOT NULL,
  logged       BIGINT NOT NULL
);

CREATE INDEX experience_person ON experience (person, logged);
