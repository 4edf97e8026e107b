-- Sources of several kinds: what a source itself restricts, what is missing there, where its reader stands, and the items
-- that could not be read.

-- Who may read the document at most, as its source says (JSON list of readers); NULL when the source says nothing.
ALTER TABLE document ADD COLUMN restricted TEXT COLLATE "C";
-- When the document was first found missing in its source, as long as it is not sure that it is gone.
ALTER TABLE document ADD COLUMN missing BIGINT;
-- What the source's reader wants to know at the next sync, for example the address of the next changes.
ALTER TABLE source ADD COLUMN state TEXT COLLATE "C";

-- What could not be read at the last sync; the location is empty for the source itself.
CREATE TABLE source_problem (
  source   TEXT COLLATE "C" NOT NULL REFERENCES source (name),
  location TEXT COLLATE "C" NOT NULL,
  sentence TEXT COLLATE "C" NOT NULL,
  since    BIGINT NOT NULL,
  PRIMARY KEY (source, location)
);
