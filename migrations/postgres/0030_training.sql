-- Which version of a requirement a draft changes, so that it does not undo what came into force meanwhile.
ALTER TABLE training_request ADD COLUMN base TEXT COLLATE "C";

-- In whose newest digest an assignment stands.
CREATE TABLE manager_digest_item (
  assignment TEXT COLLATE "C" NOT NULL,
  manager TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (assignment, manager)
);
CREATE INDEX manager_digest_item_manager ON manager_digest_item (manager);
INSERT INTO manager_digest_item (assignment, manager)
  SELECT DISTINCT item.value, manager_digest.manager
  FROM manager_digest, json_array_elements_text(CASE WHEN manager_digest.items LIKE '[%]' THEN manager_digest.items ELSE '[]' END::json) AS item (value);

-- Who stands in for a manager, and until the end of which day of the manager's (`ends`): a projection of the ledger's records about
-- `delegation/<id>`.
CREATE TABLE delegation (
  id TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  person TEXT COLLATE "C" NOT NULL,
  delegate TEXT COLLATE "C" NOT NULL,
  until TEXT COLLATE "C" NOT NULL,
  reason TEXT COLLATE "C" NOT NULL,
  ends BIGINT NOT NULL,
  began BIGINT NOT NULL,
  ended BIGINT
);
CREATE INDEX delegation_person ON delegation (person);
CREATE INDEX delegation_delegate ON delegation (delegate);

-- Under which token the calendar file about the moment that somebody chose lies.
ALTER TABLE course_progress ADD COLUMN calendar TEXT COLLATE "C";
CREATE UNIQUE INDEX course_progress_calendar ON course_progress (calendar);

-- Trainers can be a department or a location.
CREATE INDEX person_department ON person (department);
CREATE INDEX person_location ON person (location);
