-- People, as the roster has them. `timezone` is what counts; `roster_timezone` is what the roster said, if anything.
-- `version` counts the changes of one person, so that a plan made from an older state is refused.
CREATE TABLE person (
  id              TEXT PRIMARY KEY NOT NULL,
  employee_id     TEXT NOT NULL UNIQUE,
  name            TEXT NOT NULL,
  name_key        TEXT NOT NULL,
  email           TEXT,
  timezone        TEXT NOT NULL,
  roster_timezone TEXT,
  locale          TEXT NOT NULL,
  manager         TEXT,
  title           TEXT,
  department      TEXT,
  location        TEXT,
  country         TEXT,
  state           TEXT,
  worker_type     TEXT,
  hire_date       TEXT,
  status          TEXT NOT NULL,
  leave_from      TEXT,
  leave_to        TEXT,
  version         BIGINT NOT NULL,
  updated         BIGINT NOT NULL
);

CREATE INDEX person_email ON person (email);
CREATE INDEX person_name_key ON person (name_key);
CREATE INDEX person_manager ON person (manager);

-- Accounts on chat platforms. An empty workspace means: the user id holds in every workspace of the platform.
CREATE TABLE identity (
  platform  TEXT NOT NULL,
  workspace TEXT NOT NULL,
  user_id   TEXT NOT NULL,
  person    TEXT NOT NULL,
  linked    BIGINT NOT NULL,
  PRIMARY KEY (platform, workspace, user_id)
);

CREATE INDEX identity_person ON identity (person);

-- Granted roles: a projection of the ledger's records about role/<person id>.
CREATE TABLE role_grant (
  person TEXT NOT NULL,
  role   TEXT NOT NULL,
  source TEXT NOT NULL,
  actor  TEXT NOT NULL,
  reason TEXT NOT NULL,
  at     BIGINT NOT NULL,
  PRIMARY KEY (person, role, source)
);

CREATE INDEX role_grant_role ON role_grant (role);

-- What a person chose: preferred place, drop time, paused, quiet hours, opted out of capture.
CREATE TABLE person_setting (
  person TEXT NOT NULL,
  name   TEXT NOT NULL,
  value  TEXT NOT NULL,
  PRIMARY KEY (person, name)
);

CREATE INDEX person_setting_name ON person_setting (name);

-- One-time sign-in links: the SHA-256 of the token in hexadecimal digits, never the token.
CREATE TABLE sign_in_link (
  digest  TEXT PRIMARY KEY NOT NULL,
  person  TEXT NOT NULL,
  created BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  used    BIGINT
);
