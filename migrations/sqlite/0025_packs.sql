-- The roster's history: how a person stood in the roster from an instant on (business time). Written by triggers, so that
-- whatever changes a person leaves what was before. What is not here is what the roster never knew.
CREATE TABLE person_history (
  person      TEXT NOT NULL,
  since       BIGINT NOT NULL,
  employee_id TEXT NOT NULL,
  name        TEXT NOT NULL,
  email       TEXT,
  timezone    TEXT NOT NULL,
  locale      TEXT NOT NULL,
  manager     TEXT,
  title       TEXT,
  department  TEXT,
  location    TEXT,
  country     TEXT,
  state       TEXT,
  worker_type TEXT,
  hire_date   TEXT,
  status      TEXT NOT NULL,
  leave_from  TEXT,
  leave_to    TEXT,
  PRIMARY KEY (person, since)
);

INSERT INTO person_history (person, since, employee_id, name, email, timezone, locale, manager, title, department, location,
  country, state, worker_type, hire_date, status, leave_from, leave_to)
SELECT id, updated, employee_id, name, email, timezone, locale, manager, title, department, location,
  country, state, worker_type, hire_date, status, leave_from, leave_to FROM person;

-- A restore brings the history before the people.
CREATE TRIGGER person_begins AFTER INSERT ON person
WHEN NOT EXISTS (SELECT 1 FROM person_history WHERE person = NEW.id)
BEGIN
  INSERT INTO person_history (person, since, employee_id, name, email, timezone, locale, manager, title, department, location,
    country, state, worker_type, hire_date, status, leave_from, leave_to)
  VALUES (NEW.id, NEW.updated, NEW.employee_id, NEW.name, NEW.email, NEW.timezone, NEW.locale, NEW.manager, NEW.title,
    NEW.department, NEW.location, NEW.country, NEW.state, NEW.worker_type, NEW.hire_date, NEW.status, NEW.leave_from,
    NEW.leave_to); END;

CREATE TRIGGER person_changes AFTER UPDATE ON person
WHEN OLD.employee_id IS NOT NEW.employee_id OR OLD.name IS NOT NEW.name OR OLD.email IS NOT NEW.email
  OR OLD.timezone IS NOT NEW.timezone OR OLD.locale IS NOT NEW.locale OR OLD.manager IS NOT NEW.manager
  OR OLD.title IS NOT NEW.title OR OLD.department IS NOT NEW.department OR OLD.location IS NOT NEW.location
  OR OLD.country IS NOT NEW.country OR OLD.state IS NOT NEW.state OR OLD.worker_type IS NOT NEW.worker_type
  OR OLD.hire_date IS NOT NEW.hire_date OR OLD.status IS NOT NEW.status OR OLD.leave_from IS NOT NEW.leave_from
  OR OLD.leave_to IS NOT NEW.leave_to
BEGIN
  INSERT INTO person_history (person, since, employee_id, name, email, timezone, locale, manager, title, department, location,
    country, state, worker_type, hire_date, status, leave_from, leave_to)
  VALUES (NEW.id, NEW.updated, NEW.employee_id, NEW.name, NEW.email, NEW.timezone, NEW.locale, NEW.manager, NEW.title,
    NEW.department, NEW.location, NEW.country, NEW.state, NEW.worker_type, NEW.hire_date, NEW.status, NEW.leave_from,
    NEW.leave_to)
  ON CONFLICT (person, since) DO UPDATE SET employee_id = excluded.employee_id, name = excluded.name,
    email = excluded.email, timezone = excluded.timezone, locale = excluded.locale, manager = excluded.manager,
    title = excluded.title, department = excluded.department, location = excluded.location, country = excluded.country,
    state = excluded.state, worker_type = excluded.worker_type, hire_date = excluded.hire_date, status = excluded.status,
    leave_from = excluded.leave_from, leave_to = excluded.leave_to; END;
