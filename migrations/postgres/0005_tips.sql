-- 0005_tips
-- What was asked, and what was answered: passages by id and version, so that both are looked at again before it is shown.
-- Questions are voluntary: their texts never leave in statements and no manager sees them.
CREATE TABLE question (
  id        TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  person    TEXT COLLATE "C",
  platform  TEXT COLLATE "C" NOT NULL,
  channel   TEXT COLLATE "C" NOT NULL,
  event     TEXT COLLATE "C" NOT NULL,
  text      TEXT COLLATE "C" NOT NULL,
  answer    TEXT COLLATE "C" NOT NULL,
  abstained BIGINT NOT NULL,
  gap       TEXT COLLATE "C",
  statement TEXT COLLATE "C",
  asked     BIGINT NOT NULL
);

CREATE INDEX question_person ON question (person, asked);

-- Which documents an answer quotes.
CREATE TABLE question_document (
  question TEXT COLLATE "C" NOT NULL REFERENCES question (id),
  document TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (question, document)
);

CREATE INDEX question_document_document ON question_document (document);

-- One person's judgement of one answer.
CREATE TABLE answer_vote (
  question  TEXT COLLATE "C" NOT NULL REFERENCES question (id),
  person    TEXT COLLATE "C" NOT NULL,
  helpful   BIGINT NOT NULL,
  missing   TEXT COLLATE "C",
  statement TEXT COLLATE "C" NOT NULL,
  voted     BIGINT NOT NULL,
  PRIMARY KEY (question, person)
);

-- What could not be answered, without names. The key is the question's telling words.
CREATE TABLE gap (
  id    TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  key   TEXT COLLATE "C" NOT NULL UNIQUE,
  text  TEXT COLLATE "C" NOT NULL,
  count BIGINT NOT NULL,
  first BIGINT NOT NULL,
  last  BIGINT NOT NULL
);

-- A tip: draft, asked (its author's consent is asked for), shared, declined or withdrawn. The text of one that is not
-- shared any more is empty.
CREATE TABLE tip (
  id          TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  author      TEXT COLLATE "C" NOT NULL,
  state       TEXT COLLATE "C" NOT NULL,
  text        TEXT COLLATE "C" NOT NULL,
  topic       TEXT COLLATE "C",
  suggested   TEXT COLLATE "C",
  platform    TEXT COLLATE "C",
  channel     TEXT COLLATE "C",
  message     TEXT COLLATE "C",
  document    TEXT COLLATE "C",
  verified_by TEXT COLLATE "C",
  statement   TEXT COLLATE "C",
  created     BIGINT NOT NULL,
  shared      BIGINT,
  UNIQUE (platform, channel, message)
);

CREATE INDEX tip_author ON tip (author, created);

-- One person's rating of one tip.
CREATE TABLE tip_vote (
  tip       TEXT COLLATE "C" NOT NULL REFERENCES tip (id),
  person    TEXT COLLATE "C" NOT NULL,
  up        BIGINT NOT NULL,
  statement TEXT COLLATE "C" NOT NULL,
  voted     BIGINT NOT NULL,
  PRIMARY KEY (tip, person)
);

-- A thread that was logged as a discussion. members is the JSON list of the people in its statement.
CREATE TABLE discussion (
  id        TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  title     TEXT COLLATE "C" NOT NULL,
  platform  TEXT COLLATE "C" NOT NULL,
  workspace TEXT COLLATE "C" NOT NULL,
  channel   TEXT COLLATE "C" NOT NULL,
  thread    TEXT COLLATE "C" NOT NULL,
  logged_by TEXT COLLATE "C" NOT NULL,
  members   TEXT COLLATE "C" NOT NULL,
  document  TEXT COLLATE "C",
  statement TEXT COLLATE "C",
  logged    BIGINT NOT NULL,
  UNIQUE (platform, channel, thread)
);

-- A message of a discussion. The text is kept only once its author agreed; the digest (SHA-256) tells edits.
CREATE TABLE discussion_message (
  discussion TEXT COLLATE "C" NOT NULL REFERENCES discussion (id),
  message    TEXT COLLATE "C" NOT NULL,
  person     TEXT COLLATE "C" NOT NULL,
  digest     TEXT COLLATE "C" NOT NULL,
  text       TEXT COLLATE "C",
  written    BIGINT NOT NULL,
  PRIMARY KEY (discussion, message)
);

CREATE INDEX discussion_message_message ON discussion_message (message);

-- Whether an author of a discussion agreed: asked, yes, no or withdrawn. digest is that of the texts in the statement.
CREATE TABLE discussion_member (
  discussion TEXT COLLATE "C" NOT NULL REFERENCES discussion (id),
  person     TEXT COLLATE "C" NOT NULL,
  state      TEXT COLLATE "C" NOT NULL,
  digest     TEXT COLLATE "C",
  statement  TEXT COLLATE "C",
  changed    BIGINT NOT NULL,
  PRIMARY KEY (discussion, person)
);

CREATE INDEX discussion_member_person ON discussion_member (person);

-- "I did this". confirmation: none, asked, confirmed or declined, by the colleague in confirmer.
CREATE TABLE experience (
  id           TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  person       TEXT COLLATE "C" NOT NULL,
  text         TEXT COLLATE "C" NOT NULL,
  day          TEXT COLLATE "C" NOT NULL,
  minutes      BIGINT,
  link         TEXT COLLATE "C",
  confirmer    TEXT COLLATE "C",
  confirmation TEXT COLLATE "C" NOT NULL,
  statement    TEXT COLLATE "C" NOT NULL,
  logged       BIGINT NOT NULL
);

CREATE INDEX experience_person ON experience (person, logged);
