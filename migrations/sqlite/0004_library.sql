-- 0004_library
-- Where content comes from: a configured source, or a capability (tips, lessons, courses).
CREATE TABLE source (
  name   TEXT PRIMARY KEY NOT NULL,
  kind   TEXT NOT NULL,
  synced BIGINT,
  failed TEXT
);

-- A document is a place in a source. Its version is the digest of the content that stands there now; NULL while staged.
CREATE TABLE document (
  id          TEXT PRIMARY KEY NOT NULL,
  source      TEXT NOT NULL REFERENCES source (name),
  location    TEXT NOT NULL,
  title       TEXT NOT NULL,
  language    TEXT,
  owner       TEXT,
  review_date TEXT,
  keywords    TEXT NOT NULL,
  readers     TEXT NOT NULL,
  verified    BIGINT NOT NULL,
  status      TEXT NOT NULL,
  reason      TEXT,
  version     TEXT,
  fingerprint TEXT,
  updated     BIGINT NOT NULL,
  UNIQUE (source, location)
);

CREATE INDEX document_by_version ON document (version);

-- Every content that a document ever had. Passages are complete when whole is 1, and cut by rule number cutting.
CREATE TABLE document_version (
  document_id TEXT NOT NULL REFERENCES document (id),
  digest      TEXT NOT NULL,
  title       TEXT NOT NULL,
  passages    BIGINT NOT NULL,
  cutting     BIGINT NOT NULL,
  whole       BIGINT NOT NULL,
  stored      BIGINT NOT NULL,
  PRIMARY KEY (document_id, digest)
);

CREATE TABLE passage (
  document_id TEXT NOT NULL REFERENCES document (id),
  version     TEXT NOT NULL,
  ordinal     BIGINT NOT NULL,
  headings    TEXT NOT NULL,
  anchor      TEXT,
  text        TEXT NOT NULL,
  PRIMARY KEY (document_id, version, ordinal)
);
