-- Evidence: the values behind the ledger's commitments, the Merkle log over its records, checkpoints and their anchors.

-- What the commitments of a record stand for: values and the secret that salts come from. Part 0 belongs to the person
-- whom the record is about, further parts to other people in it; sealed under the person's key (`sealed_by`), or as it is
-- where it belongs to nobody. `body` is NULL once it was erased.
CREATE TABLE ledger_value (
  record    TEXT COLLATE "C" NOT NULL,
  part      BIGINT NOT NULL,
  person    TEXT COLLATE "C" NOT NULL,
  sealed_by TEXT COLLATE "C",
  body      BYTEA,
  erased    BIGINT,
  PRIMARY KEY (record, part)
);

CREATE INDEX ledger_value_person ON ledger_value (person);

CREATE FUNCTION ledger_value_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP = 'UPDATE' THEN IF NEW.record = OLD.record AND NEW.part = OLD.part AND NEW.person = OLD.person AND NEW.body IS NULL AND NEW.erased IS NOT NULL THEN RETURN NEW; END IF; END IF; RAISE EXCEPTION 'values of ledger records are never changed, only erased'; END $$;

CREATE TRIGGER ledger_value_no_update BEFORE UPDATE ON ledger_value FOR EACH ROW EXECUTE FUNCTION ledger_value_kept();

CREATE TRIGGER ledger_value_no_delete BEFORE DELETE ON ledger_value FOR EACH ROW EXECUTE FUNCTION ledger_value_kept();

-- Each person's key, wrapped by the master key; `wrapped` is NULL once it was destroyed. The key of nobody (`person` is
-- empty) makes the pseudonyms of subjects.
CREATE TABLE ledger_key (
  id        TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  person    TEXT COLLATE "C" NOT NULL,
  wrapped   BYTEA,
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
  leaf   BIGINT PRIMARY KEY NOT NULL,
  record TEXT COLLATE "C" NOT NULL UNIQUE
);

CREATE FUNCTION log_leaf_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'leaves of the log are never changed or deleted'; END $$;

CREATE TRIGGER log_leaf_no_update BEFORE UPDATE ON log_leaf FOR EACH ROW EXECUTE FUNCTION log_leaf_kept();

CREATE TRIGGER log_leaf_no_delete BEFORE DELETE ON log_leaf FOR EACH ROW EXECUTE FUNCTION log_leaf_kept();

-- Hashes of the tree in tiles of 256 (C2SP tlog-tiles): 32 bytes each, the rightmost tile of a level partly full.
CREATE TABLE log_tile (
  level  BIGINT NOT NULL,
  tile   BIGINT NOT NULL,
  hashes BYTEA NOT NULL,
  PRIMARY KEY (level, tile)
);

CREATE FUNCTION log_tile_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP = 'UPDATE' THEN IF NEW.level = OLD.level AND NEW.tile = OLD.tile AND length(NEW.hashes) > length(OLD.hashes) AND substr(NEW.hashes, 1, length(OLD.hashes)) = OLD.hashes THEN RETURN NEW; END IF; END IF; RAISE EXCEPTION 'tiles of the log only grow'; END $$;

CREATE TRIGGER log_tile_grows BEFORE UPDATE ON log_tile FOR EACH ROW EXECUTE FUNCTION log_tile_kept();

CREATE TRIGGER log_tile_no_delete BEFORE DELETE ON log_tile FOR EACH ROW EXECUTE FUNCTION log_tile_kept();

-- The keys that sign checkpoints: a projection of the ledger's records about log-key/<origin>. `statement` is the note in
-- which the key before it names it.
CREATE TABLE log_key (
  number    BIGINT PRIMARY KEY NOT NULL,
  vkey      TEXT COLLATE "C" NOT NULL,
  since     BIGINT NOT NULL,
  how       TEXT COLLATE "C" NOT NULL,
  statement TEXT COLLATE "C"
);

-- Signed checkpoints, exactly as they were made.
CREATE TABLE log_checkpoint (
  size BIGINT PRIMARY KEY NOT NULL,
  made BIGINT NOT NULL,
  note TEXT COLLATE "C" NOT NULL
);

CREATE FUNCTION log_checkpoint_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'checkpoints are never changed or deleted'; END $$;

CREATE TRIGGER log_checkpoint_no_update BEFORE UPDATE ON log_checkpoint FOR EACH ROW EXECUTE FUNCTION log_checkpoint_kept();

CREATE TRIGGER log_checkpoint_no_delete BEFORE DELETE ON log_checkpoint FOR EACH ROW EXECUTE FUNCTION log_checkpoint_kept();

-- Where checkpoints were put outside: `proof` is what came back (a cosignature line, a time stamp in base64).
CREATE TABLE log_anchor (
  size   BIGINT NOT NULL,
  anchor TEXT COLLATE "C" NOT NULL,
  at     BIGINT NOT NULL,
  proof  TEXT COLLATE "C",
  PRIMARY KEY (size, anchor)
);

-- What must not be erased, whatever its retention: a projection of the ledger's records about hold/<id>.
CREATE TABLE legal_hold (
  id     TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  scope  TEXT COLLATE "C" NOT NULL,
  reason TEXT COLLATE "C" NOT NULL,
  actor  TEXT COLLATE "C" NOT NULL,
  at     BIGINT NOT NULL
);

-- What people were shown stays as it was shown.
CREATE FUNCTION course_version_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'content that was shown is never changed or deleted'; END $$;

CREATE TRIGGER course_version_no_update BEFORE UPDATE ON course_version FOR EACH ROW EXECUTE FUNCTION course_version_kept();

CREATE TRIGGER course_version_no_delete BEFORE DELETE ON course_version FOR EACH ROW EXECUTE FUNCTION course_version_kept();

-- TRUNCATE asks no trigger for rows.
CREATE FUNCTION evidence_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'evidence is never deleted'; END $$;

CREATE TRIGGER ledger_record_no_truncate BEFORE TRUNCATE ON ledger_record FOR EACH STATEMENT EXECUTE FUNCTION evidence_kept();

CREATE TRIGGER ledger_value_no_truncate BEFORE TRUNCATE ON ledger_value FOR EACH STATEMENT EXECUTE FUNCTION evidence_kept();

CREATE TRIGGER log_leaf_no_truncate BEFORE TRUNCATE ON log_leaf FOR EACH STATEMENT EXECUTE FUNCTION evidence_kept();

CREATE TRIGGER log_tile_no_truncate BEFORE TRUNCATE ON log_tile FOR EACH STATEMENT EXECUTE FUNCTION evidence_kept();

CREATE TRIGGER log_checkpoint_no_truncate BEFORE TRUNCATE ON log_checkpoint FOR EACH STATEMENT EXECUTE FUNCTION evidence_kept();

CREATE TRIGGER course_version_no_truncate BEFORE TRUNCATE ON course_version FOR EACH STATEMENT EXECUTE FUNCTION evidence_kept();
