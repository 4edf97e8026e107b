-- INSERT OR REPLACE deletes without asking the triggers for deletes, also what it meets by its rowid alone.
DROP TRIGGER ledger_record_no_replace;

CREATE TRIGGER ledger_record_no_replace BEFORE INSERT ON ledger_record
WHEN EXISTS (SELECT 1 FROM ledger_record WHERE rowid = NEW.rowid OR id = NEW.id OR position = NEW.position OR (subject = NEW.subject AND version = NEW.version))
BEGIN SELECT RAISE(ABORT, 'ledger records are never replaced'); END;

CREATE TRIGGER ledger_value_no_replace BEFORE INSERT ON ledger_value
WHEN EXISTS (SELECT 1 FROM ledger_value WHERE rowid = NEW.rowid OR (record = NEW.record AND part = NEW.part))
BEGIN SELECT RAISE(ABORT, 'values of ledger records are never replaced'); END;

CREATE TRIGGER log_leaf_no_replace BEFORE INSERT ON log_leaf
WHEN EXISTS (SELECT 1 FROM log_leaf WHERE leaf = NEW.leaf OR record = NEW.record)
BEGIN SELECT RAISE(ABORT, 'leaves of the log are never replaced'); END;

CREATE TRIGGER log_tile_no_replace BEFORE INSERT ON log_tile
WHEN EXISTS (SELECT 1 FROM log_tile WHERE rowid = NEW.rowid OR (level = NEW.level AND tile = NEW.tile))
BEGIN SELECT RAISE(ABORT, 'tiles of the log are never replaced'); END;

CREATE TRIGGER log_checkpoint_no_replace BEFORE INSERT ON log_checkpoint
WHEN EXISTS (SELECT 1 FROM log_checkpoint WHERE rowid = NEW.rowid OR size = NEW.size)
BEGIN SELECT RAISE(ABORT, 'checkpoints are never replaced'); END;

-- The same content may come again: it is the one that is there.
CREATE TRIGGER course_version_no_replace BEFORE INSERT ON course_version
WHEN EXISTS (SELECT 1 FROM course_version WHERE (rowid = NEW.rowid OR digest = NEW.digest)
  AND NOT (digest = NEW.digest AND course = NEW.course AND title = NEW.title AND content = NEW.content))
BEGIN SELECT RAISE(ABORT, 'content that was shown is never replaced'); END;
