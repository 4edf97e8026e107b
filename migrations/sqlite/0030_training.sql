-- Which version of a requirement a draft changes, so that it does not undo what came into force meanwhile.
ALTER TABLE training_request ADD COLUMN base TEXT;

-- In whose newest digest an assignment stands.
CREATE TABLE manager_digest_item (
  assignment TEXT NOT NULL,
  manager TEXT NOT NULL,
  PRIMARY KEY (assignment, manager)
);
CREATE INDEX manager_digest_item_manager ON manager_digest_item (manager);
INSERT INTO manager_digest_item (assignment, manager)
  SELECT DISTINCT item.value, manager_digest.manager FROM manager_digest, json_each(CASE WHEN json_valid(manager_digest.items) THEN manager_digest.items ELSE '[]' END) AS item;

-- Who stands in for a manager, and until the end of which day of the manager's (`ends`): a projection of the ledger's records about
-- `delegation/<id>`.
CREATE TABLE delegation (
  id TEXT PRIMARY KEY NOT NULL,
  person TEXT NOT NULL,
  delegate TEXT NOT NULL,
  until TEXT NOT NULL,
  reason TEXT NOT NULL,
  ends BIGINT NOT NULL,
  began BIGINT NOT NULL,
  ended BIGINT
);
CREATE INDEX delegation_person ON delegation (person);
CREATE INDEX delegation_delegate ON delegation (delegate);

-- Under which token the calendar file about the moment that somebody chose lies.
ALTER TABLE course_progress ADD COLUMN calendar TEXT;
CREATE UNIQUE INDEX course_progress_calendar ON course_progress (calendar);

-- Trainers can be a department or a location.
CREATE INDEX person_department ON person (department);
CREATE INDEX person_location ON person (location);
