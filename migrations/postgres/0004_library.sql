-- 0004_library
-- Where content comes from: a configured source, or a capability (tips, lessons, courses).
CREATE TABLE source (
  name   TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  kind   TEXT COLLATE "C" NOT NULL,
  synced BIGINT,
  failed TEXT COLLATE "C"
);

-- A document is a place in a source. Its version is the digest of the content that stands there now; NULL while staged.
CREATE TABLE document (
  id          TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  source      TEXT COLLATE "C" NOT NULL REFERENCES source (name),
  location    TEXT COLLATE "C" NOT NULL,
  title       TEXT COLLATE "C" NOT NULL,
  language    TEXT COLLATE "C",
  owner       TEXT COLLATE "C",
  review_date TEXT COLLATE "C",
  keywords    TEXT COLLATE "C" NOT NULL,
  readers     TEXT COLLATE "C" NOT NULL,
  verified    BIGINT NOT NULL,
  status      TEXT COLLATE "C" NOT NULL,
  reason      TEXT COLLATE "C",
  version     TEXT COLLATE "C",
  fingerprint TEXT COLLATE "C",
  updated     BIGINT NOT NULL,
  UNIQUE (source, location)
);

CREATE INDEX document_by_version ON document (version);

-- Every content that a document ever had. Passages are complete when whole is 1, and cut by rule number cutting.
CREATE TABLE document_version (
  document_id TEXT COLLATE "C" NOT NULL REFERENCES document (id),
  digest      TEXT COLLATE "C" NOT NULL,
  title       TEXT COLLATE "C" NOT NULL,
  passages    BIGINT NOT NULL,
  cutting     BIGINT NOT NULL,
  whole       BIGINT NOT NULL,
  stored      BIGINT NOT NULL,
  PRIMARY KEY (document_id, digest)
);

CREATE TABLE passage (
  document_id TEXT COLLATE "C" NOT NULL REFERENCES document (id),
  version     TEXT COLLATE "C" NOT NULL,
  ordinal     BIGINT NOT NULL,
  headings    TEXT COLLATE "C" NOT NULL,
  anchor      TEXT COLLATE "C",
  text        TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (document_id, version, ordinal)
);
