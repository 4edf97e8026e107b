-- Evidence: the values behind the ledger's commitments, the Merkle log over its records, checkpoints and their anchors.

-- What the commitments of a record stand for: values and the secret that salts come from. Part 0 belongs to the person
-- whom the record is about, further parts to other people in it; sealed under the person's key (`sealed_by`), or as it is
-- where it belongs to nobody. `body` is NULL once it was erased.
CREATE TABLE ledger_value (
  record    TEXT NOT NULL,
  part      BIGINT NOT NULL,
  person    TEXT NOT NULL,
  sealed_by TEXT,
  body      BLOB,
  erased    BIGINT,
  PRIMARY KEY (record, part)
);

CREATE INDEX ledger_value_person ON ledger_value (person);

CREATE TRIGGER ledger_value_no_update BEFORE UPDATE ON ledger_value
WHEN NOT (NEW.record = OLD.record AND NEW.part = OLD.part AND NEW.person = OLD.person AND NEW.body IS NULL AND NEW.erased IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'values of ledger records are never changed, only erased'); END;

CREATE TRIGGER ledger_value_no_delete BEFORE DELETE ON ledger_value
BEGIN SELECT RAISE(ABORT, 'values of ledger records leave a tombstone'); END;

-- Each person's key, wrapped by the master key; `wrapped` is NULL once it was destroyed. The key of nobody (`person` is
-- empty) makes the pseudonyms of subjects.
CREATE TABLE ledger_key (
  id        TEXT PRIMARY KEY NOT NULL,
  person    TEXT NOT NULL,
  wrapped   BLOB,
  made      BIGINT NOT NULL,
  destroyed BIGINT
);

CREATE UNIQUE INDEX ledger_key_person ON ledger_key (person) WHERE destroyed IS NULL;

-- How far the log has come: its number of leaves, and the position in the change feed of the last record in it.
CREATE TABLE log_state (
  id       BIGINT PRIMARY KEY NOT NULL,
  size     BIGINT NOT NULL,
  position BIGINT NOT NULL
);

-- Which record is which leaf, counted from 0.
CREATE TABLE log_leaf (
  leaf   INTEGER PRIMARY KEY NOT NULL,
  record TEXT NOT NULL UNIQUE
);

CREATE TRIGGER log_leaf_no_update BEFORE UPDATE ON log_leaf
BEGIN SELECT RAISE(ABORT, 'leaves of the log are never changed'); END;

CREATE TRIGGER log_leaf_no_delete BEFORE DELETE ON log_leaf
BEGIN SELECT RAISE(ABORT, 'leaves of the log are never deleted'); END;

-- Hashes of the tree in tiles of 256 (C2SP tlog-tiles): 32 bytes each, the rightmost tile of a level partly full.
CREATE TABLE log_tile (
  level  BIGINT NOT NULL,
  tile   BIGINT NOT NULL,
  hashes BLOB NOT NULL,
  PRIMARY KEY (level, tile)
);

CREATE TRIGGER log_tile_grows BEFORE UPDATE ON log_tile
WHEN NOT (NEW.level = OLD.level AND NEW.tile = OLD.tile AND length(NEW.hashes) > length(OLD.hashes)
  AND substr(NEW.hashes, 1, length(OLD.hashes)) = OLD.hashes)
BEGIN SELECT RAISE(ABORT, 'tiles of the log only grow'); END;

CREATE TRIGGER log_tile_no_delete BEFORE DELETE ON log_tile
BEGIN SELECT RAISE(ABORT, 'tiles of the log are never deleted'); END;

-- The keys that sign checkpoints: a projection of the ledger's records about log-key/<origin>. `statement` is the note in
-- which the key before it names it.
CREATE TABLE log_key (
  number    BIGINT PRIMARY KEY NOT NULL,
  vkey      TEXT NOT NULL,
  since     BIGINT NOT NULL,
  how       TEXT NOT NULL,
  statement TEXT
);

-- Signed checkpoints, exactly as they were made.
CREATE TABLE log_checkpoint (
  size BIGINT PRIMARY KEY NOT NULL,
  made BIGINT NOT NULL,
  note TEXT NOT NULL
);

CREATE TRIGGER log_checkpoint_no_update BEFORE UPDATE ON log_checkpoint
BEGIN SELECT RAISE(ABORT, 'checkpoints are never changed'); END;

CREATE TRIGGER log_checkpoint_no_delete BEFORE DELETE ON log_checkpoint
BEGIN SELECT RAISE(ABORT, 'checkpoints are never deleted'); END;

-- Where checkpoints were put outside: `proof` is what came back (a cosignature line, a time stamp in base64).
CREATE TABLE log_anchor (
  size   BIGINT NOT NULL,
  anchor TEXT NOT NULL,
  at     BIGINT NOT NULL,
  proof  TEXT,
  PRIMARY KEY (size, anchor)
);

-- What must not be erased, whatever its retention: a projection of the ledger's records about hold/<id>.
CREATE TABLE legal_hold (
  id     TEXT PRIMARY KEY NOT NULL,
  scope  TEXT NOT NULL,
  reason TEXT NOT NULL,
  actor  TEXT NOT NULL,
  at     BIGINT NOT NULL
);

-- INSERT OR REPLACE deletes without asking the trigger for deletes.
CREATE TRIGGER ledger_record_no_replace BEFORE INSERT ON ledger_record
WHEN EXISTS (SELECT 1 FROM ledger_record WHERE id = NEW.id OR position = NEW.position OR (subject = NEW.subject AND version = NEW.version))
BEGIN SELECT RAISE(ABORT, 'ledger records are never replaced'); END;

-- What people were shown stays as it was shown.
CREATE TRIGGER course_version_no_update BEFORE UPDATE ON course_version
BEGIN SELECT RAISE(ABORT, 'content that was shown is never changed'); END;

CREATE TRIGGER course_version_no_delete BEFORE DELETE ON course_version
BEGIN SELECT RAISE(ABORT, 'content that was shown is never deleted'); END;
