-- The roster's history: how a person stood in the roster from an instant on (business time). Written by triggers, so that
-- whatever changes a person leaves what was before. What is not here is what the roster never knew.
CREATE TABLE person_history (
  person      TEXT COLLATE "C" NOT NULL,
  since       BIGINT NOT NULL,
  employee_id TEXT COLLATE "C" NOT NULL,
  name        TEXT COLLATE "C" NOT NULL,
  email       TEXT COLLATE "C",
  timezone    TEXT COLLATE "C" NOT NULL,
  locale      TEXT COLLATE "C" NOT NULL,
  manager     TEXT COLLATE "C",
  title       TEXT COLLATE "C",
  department  TEXT COLLATE "C",
  location    TEXT COLLATE "C",
  country     TEXT COLLATE "C",
  state       TEXT COLLATE "C",
  worker_type TEXT COLLATE "C",
  hire_date   TEXT COLLATE "C",
  status      TEXT COLLATE "C" NOT NULL,
  leave_from  TEXT COLLATE "C",
  leave_to    TEXT COLLATE "C",
  PRIMARY KEY (person, since)
);

INSERT INTO person_history (person, since, employee_id, name, email, timezone, locale, manager, title, department, location,
  country, state, worker_type, hire_date, status, leave_from, leave_to)
SELECT id, updated, employee_id, name, email, timezone, locale, manager, title, department, location,
  country, state, worker_type, hire_date, status, leave_from, leave_to FROM person;

CREATE FUNCTION person_remembered() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
INSERT INTO person_history (person, since, employee_id, name, email, timezone, locale, manager, title, department,
  location, country, state, worker_type, hire_date, status, leave_from, leave_to) VALUES (NEW.id, NEW.updated,
  NEW.employee_id, NEW.name, NEW.email, NEW.timezone, NEW.locale, NEW.manager, NEW.title, NEW.department,
  NEW.location, NEW.country, NEW.state, NEW.worker_type, NEW.hire_date, NEW.status, NEW.leave_from, NEW.leave_to) ON
  CONFLICT (person, since) DO UPDATE SET employee_id = excluded.employee_id, name = excluded.name, email =
  excluded.email, timezone = excluded.timezone, locale = excluded.locale, manager = excluded.manager, title =
  excluded.title, department = excluded.department, location = excluded.location, country = excluded.country, state =
  excluded.state, worker_type = excluded.worker_type, hire_date = excluded.hire_date, status = excluded.status,
  leave_from = excluded.leave_from, leave_to = excluded.leave_to; RETURN NULL; END $$;

-- A restore brings the history before the people.
CREATE FUNCTION person_begun() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
IF NOT EXISTS (SELECT 1 FROM person_history WHERE person = NEW.id) THEN
INSERT INTO person_history (person, since, employee_id, name, email, timezone, locale, manager, title, department,
  location, country, state, worker_type, hire_date, status, leave_from, leave_to) VALUES (NEW.id, NEW.updated,
  NEW.employee_id, NEW.name, NEW.email, NEW.timezone, NEW.locale, NEW.manager, NEW.title, NEW.department,
  NEW.location, NEW.country, NEW.state, NEW.worker_type, NEW.hire_date, NEW.status, NEW.leave_from, NEW.leave_to); END IF; RETURN NULL; END $$;

CREATE TRIGGER person_begins AFTER INSERT ON person FOR EACH ROW EXECUTE FUNCTION person_begun();

CREATE TRIGGER person_changes AFTER UPDATE ON person FOR EACH ROW
WHEN ((OLD.employee_id, OLD.name, OLD.email, OLD.timezone, OLD.locale, OLD.manager, OLD.title, OLD.department,
  OLD.location, OLD.country, OLD.state, OLD.worker_type, OLD.hire_date, OLD.status, OLD.leave_from, OLD.leave_to) IS
  DISTINCT FROM (NEW.employee_id, NEW.name, NEW.email, NEW.timezone, NEW.locale, NEW.manager, NEW.title,
  NEW.department, NEW.location, NEW.country, NEW.state, NEW.worker_type, NEW.hire_date, NEW.status, NEW.leave_from,
  NEW.leave_to))
EXECUTE FUNCTION person_remembered();
