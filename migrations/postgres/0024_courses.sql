-- What belongs to a course and not to its content: who teaches it, and which completions elsewhere count. JSON.
ALTER TABLE course ADD COLUMN particulars TEXT COLLATE "C";

-- One-time codes with which people sign: the newest of each assignment. `digest` is SHA-256 over the code and what it was
-- made for, which is in `bound`; `recent` is when codes were sent in the last hour.
CREATE TABLE attest_code (
  assignment TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  digest     TEXT COLLATE "C" NOT NULL,
  bound      TEXT COLLATE "C" NOT NULL,
  expires    BIGINT NOT NULL,
  tries      BIGINT NOT NULL,
  used       BIGINT,
  recent     TEXT COLLATE "C" NOT NULL
);

-- Questions to trainers: a projection of the ledger's records about trainer-question/<id>, which have the texts. `asked_of` has
-- everybody who was asked, in order; `trainer` is the one whose clock runs until `due`.
CREATE TABLE trainer_question (
  id         TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  person     TEXT COLLATE "C" NOT NULL,
  assignment TEXT COLLATE "C" NOT NULL,
  course     TEXT COLLATE "C" NOT NULL,
  place      TEXT COLLATE "C" NOT NULL,
  digest     TEXT COLLATE "C" NOT NULL,
  trainer    TEXT COLLATE "C",
  asked_of   TEXT COLLATE "C" NOT NULL,
  asked      BIGINT NOT NULL,
  due        BIGINT NOT NULL,
  answered   BIGINT,
  answerer   TEXT COLLATE "C"
);

CREATE INDEX trainer_question_person ON trainer_question (person, asked);
CREATE INDEX trainer_question_trainer ON trainer_question (trainer, answered);
CREATE INDEX trainer_question_assignment ON trainer_question (assignment);

-- Statements of other systems that were held against the rules of courses: a projection of the ledger's records about
-- completion/<statement>. `state` is counted, refused or voided.
CREATE TABLE completion_statement (
  statement  TEXT COLLATE "C" NOT NULL,
  course     TEXT COLLATE "C" NOT NULL,
  person     TEXT COLLATE "C",
  state      TEXT COLLATE "C" NOT NULL,
  why        TEXT COLLATE "C" NOT NULL,
  at         BIGINT NOT NULL,
  PRIMARY KEY (statement, course)
);
