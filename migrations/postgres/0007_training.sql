-- Every content that a course ever had, exactly as it was shown: canonical JSON under its SHA-256.
CREATE TABLE course_version (
  digest  TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  course  TEXT COLLATE "C" NOT NULL,
  title   TEXT COLLATE "C" NOT NULL,
  content TEXT COLLATE "C" NOT NULL,
  stored  BIGINT NOT NULL
);

CREATE INDEX course_version_course ON course_version (course, stored);

-- Courses with the version that counts now: a projection of the ledger's records about course/<id>.
CREATE TABLE course (
  id        TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  title     TEXT COLLATE "C" NOT NULL,
  version   TEXT COLLATE "C" NOT NULL,
  published BIGINT NOT NULL
);

-- Who needs which course, and when: a projection of the ledger's records about requirement/<id>. `definition` is
-- canonical JSON, `version` its SHA-256.
CREATE TABLE requirement (
  id         TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  title      TEXT COLLATE "C" NOT NULL,
  course     TEXT COLLATE "C" NOT NULL,
  definition TEXT COLLATE "C" NOT NULL,
  version    TEXT COLLATE "C" NOT NULL,
  active     BIGINT NOT NULL,
  applied    BIGINT NOT NULL
);

-- Assignments: a projection of the ledger's records about assignment/<id>. `due_date` is the day in the person's zone,
-- `due` its end; `away_from` is the first day of the leave that has stopped the clock.
CREATE TABLE assignment (
  id             TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  person         TEXT COLLATE "C" NOT NULL,
  requirement    TEXT COLLATE "C" NOT NULL,
  rule_version   TEXT COLLATE "C" NOT NULL,
  course         TEXT COLLATE "C" NOT NULL,
  course_version TEXT COLLATE "C",
  state          TEXT COLLATE "C" NOT NULL,
  reason         TEXT COLLATE "C" NOT NULL,
  assigned       BIGINT NOT NULL,
  due            BIGINT NOT NULL,
  due_date       TEXT COLLATE "C" NOT NULL,
  first_due_date TEXT COLLATE "C" NOT NULL,
  base_due_date  TEXT COLLATE "C" NOT NULL,
  extended       BIGINT NOT NULL,
  away_from      TEXT COLLATE "C",
  started        BIGINT,
  attempts       BIGINT NOT NULL,
  extra_attempts BIGINT NOT NULL,
  passed         BIGINT NOT NULL,
  score          DOUBLE PRECISION,
  attested       BIGINT,
  completed      BIGINT,
  ended          BIGINT,
  end_reason     TEXT COLLATE "C",
  version        BIGINT NOT NULL
);

CREATE INDEX assignment_person ON assignment (person, requirement);
CREATE INDEX assignment_requirement ON assignment (requirement, state);
CREATE INDEX assignment_state ON assignment (state, due);

-- Where a person is in a course. This is not evidence: what counts is in the ledger.
CREATE TABLE course_progress (
  assignment TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  page       BIGINT NOT NULL,
  furthest   BIGINT NOT NULL,
  turned     BIGINT NOT NULL,
  active     BIGINT NOT NULL,
  attempt    BIGINT NOT NULL,
  answers    TEXT COLLATE "C" NOT NULL,
  planned    BIGINT,
  plans      BIGINT NOT NULL
);

-- The newest digest of each manager, for what has changed since.
CREATE TABLE manager_digest (
  manager TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  key     TEXT COLLATE "C" NOT NULL,
  items   TEXT COLLATE "C" NOT NULL,
  at      BIGINT NOT NULL
);
