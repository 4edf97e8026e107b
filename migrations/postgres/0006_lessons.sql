-- 0006_lessons
-- Tracks: lessons in an order, with the time of day at which they come.
CREATE TABLE track (
  id          TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  title       TEXT COLLATE "C" NOT NULL,
  description TEXT COLLATE "C" NOT NULL,
  owner       TEXT COLLATE "C",
  time        TEXT COLLATE "C" NOT NULL,
  language    TEXT COLLATE "C",
  retired     BIGINT NOT NULL,
  updated     BIGINT NOT NULL
);

-- A lesson is a place in a track, or stands alone (a lesson written in chat for one drop); its version is the digest of
-- the content that stands there now.
CREATE TABLE lesson (
  id       TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  track    TEXT COLLATE "C",
  position BIGINT NOT NULL,
  version  TEXT COLLATE "C" NOT NULL,
  retired  BIGINT NOT NULL
);

CREATE INDEX lesson_track ON lesson (track, position);

-- Every content that a lesson ever had.
CREATE TABLE lesson_version (
  lesson    TEXT COLLATE "C" NOT NULL,
  digest    TEXT COLLATE "C" NOT NULL,
  title     TEXT COLLATE "C" NOT NULL,
  minutes   BIGINT NOT NULL,
  body      TEXT COLLATE "C" NOT NULL,
  questions TEXT COLLATE "C" NOT NULL,
  stored    BIGINT NOT NULL,
  PRIMARY KEY (lesson, digest)
);

-- Who takes part in a track. `source` is `self`, or the id of the scheduled drop that began it.
CREATE TABLE lesson_enrolment (
  id        TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  person    TEXT COLLATE "C" NOT NULL,
  track     TEXT COLLATE "C" NOT NULL,
  source    TEXT COLLATE "C" NOT NULL,
  joined    BIGINT NOT NULL,
  ended     BIGINT,
  completed BIGINT,
  last_drop BIGINT,
  UNIQUE (person, track)
);

-- Which lessons a person was sent, saw and answered.
CREATE TABLE lesson_progress (
  person      TEXT COLLATE "C" NOT NULL,
  lesson      TEXT COLLATE "C" NOT NULL,
  version     TEXT COLLATE "C" NOT NULL,
  sent        BIGINT NOT NULL,
  experienced BIGINT,
  PRIMARY KEY (person, lesson)
);

-- A lesson on its way to a person, pushed or pulled. The key is the delivery's. `day` is the person's own day.
CREATE TABLE lesson_drop (
  key       TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  person    TEXT COLLATE "C" NOT NULL,
  lesson    TEXT COLLATE "C" NOT NULL,
  version   TEXT COLLATE "C" NOT NULL,
  enrolment TEXT COLLATE "C",
  scheduled TEXT COLLATE "C",
  day       TEXT COLLATE "C" NOT NULL,
  expires   BIGINT NOT NULL,
  sent      BIGINT
);

CREATE INDEX lesson_drop_person ON lesson_drop (person, day);
CREATE INDEX lesson_drop_lesson ON lesson_drop (lesson);

-- A question that was put to a person once, and what came back. `occasion` is the key of the drop or of the review.
CREATE TABLE lesson_attempt (
  id       TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  person   TEXT COLLATE "C" NOT NULL,
  lesson   TEXT COLLATE "C" NOT NULL,
  version  TEXT COLLATE "C" NOT NULL,
  question TEXT COLLATE "C" NOT NULL,
  occasion TEXT COLLATE "C" NOT NULL,
  position BIGINT NOT NULL,
  made     BIGINT NOT NULL,
  response TEXT COLLATE "C",
  correct  BIGINT,
  answered BIGINT,
  day      TEXT COLLATE "C"
);

CREATE INDEX lesson_attempt_occasion ON lesson_attempt (occasion, position);
CREATE INDEX lesson_attempt_person ON lesson_attempt (person, answered);

-- What is known about a person's memory of a question, and the day on which it comes back.
CREATE TABLE lesson_card (
  person   TEXT COLLATE "C" NOT NULL,
  lesson   TEXT COLLATE "C" NOT NULL,
  question TEXT COLLATE "C" NOT NULL,
  memory   TEXT COLLATE "C" NOT NULL,
  due      TEXT COLLATE "C" NOT NULL,
  answered TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (person, lesson, question)
);

CREATE INDEX lesson_card_due ON lesson_card (person, due);

-- A drop that somebody of the learning team scheduled for an audience: the beginning of a track, or a lesson of its own.
CREATE TABLE scheduled_drop (
  id       TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  author   TEXT COLLATE "C" NOT NULL,
  track    TEXT COLLATE "C",
  lesson   TEXT COLLATE "C",
  audience TEXT COLLATE "C" NOT NULL,
  date     TEXT COLLATE "C" NOT NULL,
  time     TEXT COLLATE "C" NOT NULL,
  state    TEXT COLLATE "C" NOT NULL,
  created  BIGINT NOT NULL
);
