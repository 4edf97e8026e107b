-- People, as the roster has them. `timezone` is what counts; `roster_timezone` is what the roster said, if anything.
-- `version` counts the changes of one person, so that a plan made from an older state is refused.
CREATE TABLE person (
  id              TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  employee_id     TEXT COLLATE "C" NOT NULL UNIQUE,
  name            TEXT COLLATE "C" NOT NULL,
  name_key        TEXT COLLATE "C" NOT NULL,
  email           TEXT COLLATE "C",
  timezone        TEXT COLLATE "C" NOT NULL,
  roster_timezone TEXT COLLATE "C",
  locale          TEXT COLLATE "C" NOT NULL,
  manager         TEXT COLLATE "C",
  title           TEXT COLLATE "C",
  department      TEXT COLLATE "C",
  location        TEXT COLLATE "C",
  country         TEXT COLLATE "C",
  state           TEXT COLLATE "C",
  worker_type     TEXT COLLATE "C",
  hire_date       TEXT COLLATE "C",
  status          TEXT COLLATE "C" NOT NULL,
  leave_from      TEXT COLLATE "C",
  leave_to        TEXT COLLATE "C",
  version         BIGINT NOT NULL,
  updated         BIGINT NOT NULL
);

CREATE INDEX person_email ON person (email);
CREATE INDEX person_name_key ON person (name_key);
CREATE INDEX person_manager ON person (manager);

-- Accounts on chat platforms. An empty workspace means: the user id holds in every workspace of the platform.
CREATE TABLE identity (
  platform  TEXT COLLATE "C" NOT NULL,
  workspace TEXT COLLATE "C" NOT NULL,
  user_id   TEXT COLLATE "C" NOT NULL,
  person    TEXT COLLATE "C" NOT NULL,
  linked    BIGINT NOT NULL,
  PRIMARY KEY (platform, workspace, user_id)
);

CREATE INDEX identity_person ON identity (person);

-- Granted roles: a projection of the ledger's records about role/<person id>.
CREATE TABLE role_grant (
  person TEXT COLLATE "C" NOT NULL,
  role   TEXT COLLATE "C" NOT NULL,
  source TEXT COLLATE "C" NOT NULL,
  actor  TEXT COLLATE "C" NOT NULL,
  reason TEXT COLLATE "C" NOT NULL,
  at     BIGINT NOT NULL,
  PRIMARY KEY (person, role, source)
);

CREATE INDEX role_grant_role ON role_grant (role);

-- What a person chose: preferred place, drop time, paused, quiet hours, opted out of capture.
CREATE TABLE person_setting (
  person TEXT COLLATE "C" NOT NULL,
  name   TEXT COLLATE "C" NOT NULL,
  value  TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (person, name)
);

CREATE INDEX person_setting_name ON person_setting (name);

-- One-time sign-in links: the SHA-256 of the token in hexadecimal digits, never the token.
CREATE TABLE sign_in_link (
  digest  TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  person  TEXT COLLATE "C" NOT NULL,
  created BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  used    BIGINT
);
