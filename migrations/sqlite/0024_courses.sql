-- What belongs to a course and not to its content: who teaches it, and which completions elsewhere count. JSON.
ALTER TABLE course ADD COLUMN particulars TEXT;

-- One-time codes with which people sign: the newest of each assignment. `digest` is SHA-256 over the code and what it was
-- made for, which is in `bound`; `recent` is when codes were sent in the last hour.
CREATE TABLE attest_code (
  assignment TEXT PRIMARY KEY NOT NULL,
  digest     TEXT NOT NULL,
  bound      TEXT NOT NULL,
  expires    BIGINT NOT NULL,
  tries      BIGINT NOT NULL,
  used       BIGINT,
  recent     TEXT NOT NULL
);

-- Questions to trainers: a projection of the ledger's records about trainer-question/<id>, which have the texts. `asked_of` has
-- everybody who was asked, in order; `trainer` is the one whose clock runs until `due`.
CREATE TABLE trainer_question (
  id         TEXT PRIMARY KEY NOT NULL,
  person     TEXT NOT NULL,
  assignment TEXT NOT NULL,
  course     TEXT NOT NULL,
  place      TEXT NOT NULL,
  digest     TEXT NOT NULL,
  trainer    TEXT,
  asked_of   TEXT NOT NULL,
  asked      BIGINT NOT NULL,
  due        BIGINT NOT NULL,
  answered   BIGINT,
  answerer   TEXT
);

CREATE INDEX trainer_question_person ON trainer_question (person, asked);
CREATE INDEX trainer_question_trainer ON trainer_question (trainer, answered);
CREATE INDEX trainer_question_assignment ON trainer_question (assignment);

-- Statements of other systems that were held against the rules of courses: a projection of the ledger's records about
-- completion/<statement>. `state` is counted, refused or voided.
CREATE TABLE completion_statement (
  statement  TEXT NOT NULL,
  course     TEXT NOT NULL,
  person     TEXT,
  state      TEXT NOT NULL,
  why        TEXT NOT NULL,
  at         BIGINT NOT NULL,
  PRIMARY KEY (statement, course)
);
