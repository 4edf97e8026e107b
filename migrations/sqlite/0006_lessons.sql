-- 0006_lessons
-- Tracks: lessons in an order, with the time of day at which they come.
CREATE TABLE track (
  id          TEXT PRIMARY KEY NOT NULL,
  title       TEXT NOT NULL,
  description TEXT NOT NULL,
  owner       TEXT,
  time        TEXT NOT NULL,
  language    TEXT,
  retired     BIGINT NOT NULL,
  updated     BIGINT NOT NULL
);

-- A lesson is a place in a track, or stands alone (a lesson written in chat for one drop); its version is the digest of
-- the content that stands there now.
CREATE TABLE lesson (
  id       TEXT PRIMARY KEY NOT NULL,
  track    TEXT,
  position BIGINT NOT NULL,
  version  TEXT NOT NULL,
  retired  BIGINT NOT NULL
);

CREATE INDEX lesson_track ON lesson (track, position);

-- Every content that a lesson ever had.
CREATE TABLE lesson_version (
  lesson    TEXT NOT NULL,
  digest    TEXT NOT NULL,
  title     TEXT NOT NULL,
  minutes   BIGINT NOT NULL,
  body      TEXT NOT NULL,
  questions TEXT NOT NULL,
  stored    BIGINT NOT NULL,
  PRIMARY KEY (lesson, digest)
);

-- Who takes part in a track. `source` is `self`, or the id of the scheduled drop that began it.
CREATE TABLE lesson_enrolment (
  id        TEXT PRIMARY KEY NOT NULL,
  person    TEXT NOT NULL,
  track     TEXT NOT NULL,
  source    TEXT NOT NULL,
  joined    BIGINT NOT NULL,
  ended     BIGINT,
  completed BIGINT,
  last_drop BIGINT,
  UNIQUE (person, track)
);

-- Which lessons a person was sent, saw and answered.
CREATE TABLE lesson_progress (
  person      TEXT NOT NULL,
  lesson      TEXT NOT NULL,
  version     TEXT NOT NULL,
  sent        BIGINT NOT NULL,
  experienced BIGINT,
  PRIMARY KEY (person, lesson)
);

-- A lesson on its way to a person, pushed or pulled. The key is the delivery's. `day` is the person's own day.
CREATE TABLE lesson_drop (
  key       TEXT PRIMARY KEY NOT NULL,
  person    TEXT NOT NULL,
  lesson    TEXT NOT NULL,
  version   TEXT NOT NULL,
  enrolment TEXT,
  scheduled TEXT,
  day       TEXT NOT NULL,
  expires   BIGINT NOT NULL,
  sent      BIGINT
);

CREATE INDEX lesson_drop_person ON lesson_drop (person, day);
CREATE INDEX lesson_drop_lesson ON lesson_drop (lesson);

-- A question that was put to a person once, and what came back. `occasion` is the key of the drop or of the review.
CREATE TABLE lesson_attempt (
  id       TEXT PRIMARY KEY NOT NULL,
  person   TEXT NOT NULL,
  lesson   TEXT NOT NULL,
  version  TEXT NOT NULL,
  question TEXT NOT NULL,
  occasion TEXT NOT NULL,
  position BIGINT NOT NULL,
  made     BIGINT NOT NULL,
  response TEXT,
  correct  BIGINT,
  answered BIGINT,
  day      TEXT
);

CREATE INDEX lesson_attempt_occasion ON lesson_attempt (occasion, position);
CREATE INDEX lesson_attempt_person ON lesson_attempt (person, answered);

-- What is known about a person's memory of a question, and the day on which it comes back.
CREATE TABLE lesson_card (
  person   TEXT NOT NULL,
  lesson   TEXT NOT NULL,
  question TEXT NOT NULL,
  memory   TEXT NOT NULL,
  due      TEXT NOT NULL,
  answered TEXT NOT NULL,
  PRIMARY KEY (person, lesson, question)
);

CREATE INDEX lesson_card_due ON lesson_card (person, due);

-- A drop that somebody of the learning team scheduled for an audience: the beginning of a track, or a lesson of its own.
CREATE TABLE scheduled_drop (
  id       TEXT PRIMARY KEY NOT NULL,
  author   TEXT NOT NULL,
  track    TEXT,
  lesson   TEXT,
  audience TEXT NOT NULL,
  date     TEXT NOT NULL,
  time     TEXT NOT NULL,
  state    TEXT NOT NULL,
  created  BIGINT NOT NULL
);
