-- A question as it goes on: where it was asked, as what it was understood, and whether an answer is still being written
-- (state: writing or answered; the lease is counted in machine time).
ALTER TABLE question ADD COLUMN workspace TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE question ADD COLUMN thread TEXT COLLATE "C";
ALTER TABLE question ADD COLUMN meant TEXT COLLATE "C";
ALTER TABLE question ADD COLUMN before TEXT COLLATE "C";
ALTER TABLE question ADD COLUMN counted BIGINT NOT NULL DEFAULT 1;
ALTER TABLE question ADD COLUMN private BIGINT NOT NULL DEFAULT 0;
ALTER TABLE question ADD COLUMN unasked BIGINT NOT NULL DEFAULT 0;
ALTER TABLE question ADD COLUMN state TEXT COLLATE "C" NOT NULL DEFAULT 'answered';
ALTER TABLE question ADD COLUMN delivery TEXT COLLATE "C";
ALTER TABLE question ADD COLUMN reply TEXT COLLATE "C";
ALTER TABLE question ADD COLUMN lease_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE question ADD COLUMN attempts BIGINT NOT NULL DEFAULT 0;

CREATE INDEX question_state ON question (state, asked);
CREATE INDEX question_place ON question (platform, channel, asked);
CREATE INDEX question_gap ON question (gap);

-- What somebody says about an answer: helpful, missing, wrong or outdated.
ALTER TABLE answer_vote ADD COLUMN kind TEXT COLLATE "C" NOT NULL DEFAULT '';
UPDATE answer_vote SET kind = CASE WHEN helpful = 1 THEN 'helpful' ELSE 'missing' END;

-- A gap is open or closed; its owner has a clock.
ALTER TABLE gap ADD COLUMN state TEXT COLLATE "C" NOT NULL DEFAULT 'open';
ALTER TABLE gap ADD COLUMN owner TEXT COLLATE "C";
ALTER TABLE gap ADD COLUMN due BIGINT;
ALTER TABLE gap ADD COLUMN closed BIGINT;

-- Documents that arrived and were not yet held against the open gaps.
CREATE TABLE gap_arrival (
  document TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  at       BIGINT NOT NULL
);

-- What people say about a document through its answers, for its owner: one open row for a document and a kind (missing,
-- wrong or outdated).
CREATE TABLE answer_concern (
  id       TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  document TEXT COLLATE "C" NOT NULL,
  kind     TEXT COLLATE "C" NOT NULL,
  version  TEXT COLLATE "C" NOT NULL,
  owner    TEXT COLLATE "C",
  due      BIGINT NOT NULL,
  first    BIGINT NOT NULL,
  settled  BIGINT
);

CREATE INDEX answer_concern_document ON answer_concern (document, settled);

-- What people keep for later: a passage.
CREATE TABLE answer_saved (
  person    TEXT COLLATE "C" NOT NULL,
  passage   TEXT COLLATE "C" NOT NULL,
  document  TEXT COLLATE "C" NOT NULL,
  statement TEXT COLLATE "C" NOT NULL,
  at        BIGINT NOT NULL,
  PRIMARY KEY (person, passage)
);

CREATE INDEX answer_saved_document ON answer_saved (document);

-- When the bot speaks in a channel: mention, questions or unasked.
CREATE TABLE answer_channel (
  platform  TEXT COLLATE "C" NOT NULL,
  workspace TEXT COLLATE "C" NOT NULL,
  channel   TEXT COLLATE "C" NOT NULL,
  speak     TEXT COLLATE "C" NOT NULL,
  set_by    TEXT COLLATE "C" NOT NULL,
  at        BIGINT NOT NULL,
  PRIMARY KEY (platform, workspace, channel)
);

-- Answers that a person wrote for questions that come often. patterns and readers are JSON lists; state is draft,
-- approved or retired. document is the library's, while it is approved.
CREATE TABLE curated (
  id          TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  patterns    TEXT COLLATE "C" NOT NULL,
  text        TEXT COLLATE "C" NOT NULL,
  readers     TEXT COLLATE "C" NOT NULL,
  language    TEXT COLLATE "C",
  author      TEXT COLLATE "C" NOT NULL,
  owner       TEXT COLLATE "C",
  review_date TEXT COLLATE "C",
  state       TEXT COLLATE "C" NOT NULL,
  document    TEXT COLLATE "C",
  created     BIGINT NOT NULL,
  approved    BIGINT
);

-- The telling words of each pattern, by which a question finds its answer.
CREATE TABLE curated_pattern (
  key     TEXT COLLATE "C" NOT NULL,
  curated TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (key, curated)
);

-- A question that was passed on to a colleague who agreed to be asked: asked, answered, passed or expired.
-- replied and accepted are the statements of the one who answered and of the one who asked.
CREATE TABLE expert_request (
  id       TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  question TEXT COLLATE "C" NOT NULL,
  text     TEXT COLLATE "C" NOT NULL,
  gap      TEXT COLLATE "C",
  asker    TEXT COLLATE "C" NOT NULL,
  expert   TEXT COLLATE "C" NOT NULL,
  state    TEXT COLLATE "C" NOT NULL,
  answer   TEXT COLLATE "C",
  replied  TEXT COLLATE "C",
  accepted TEXT COLLATE "C",
  asked    BIGINT NOT NULL,
  answered BIGINT,
  UNIQUE (question, expert)
);

CREATE INDEX expert_request_expert ON expert_request (expert, asked);
CREATE INDEX expert_request_asker ON expert_request (asker);

-- Who showed to know something, by the documents that say it. kind: tip or answer.
CREATE TABLE knowledge (
  person   TEXT COLLATE "C" NOT NULL,
  document TEXT COLLATE "C" NOT NULL,
  kind     TEXT COLLATE "C" NOT NULL,
  at       BIGINT NOT NULL,
  PRIMARY KEY (person, document, kind)
);

CREATE INDEX knowledge_document ON knowledge (document);

INSERT INTO knowledge (person, document, kind, at)
SELECT author, document, 'tip', shared FROM tip WHERE state = 'shared' AND document IS NOT NULL AND shared IS NOT NULL;

-- What a person used of the language model on a day (UTC). The person is empty for all together.
CREATE TABLE model_use (
  person TEXT COLLATE "C" NOT NULL,
  day    TEXT COLLATE "C" NOT NULL,
  calls  BIGINT NOT NULL,
  tokens BIGINT NOT NULL,
  PRIMARY KEY (person, day)
);

-- Documents that changed, were deprecated or withdrawn while something relied on them. told is when the report went out.
CREATE TABLE impact (
  document TEXT COLLATE "C" NOT NULL,
  version  TEXT COLLATE "C" NOT NULL,
  what     TEXT COLLATE "C" NOT NULL,
  at       BIGINT NOT NULL,
  told     BIGINT,
  PRIMARY KEY (document, version, what)
);

CREATE INDEX impact_at ON impact (at);
