-- What people ask for about their training, and new requirements that wait for a second person. Written by the ledger's
-- records about `request/<id>`.
CREATE TABLE training_request (
  id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  kind TEXT COLLATE "C" NOT NULL,
  state TEXT COLLATE "C" NOT NULL,
  person TEXT COLLATE "C",
  asker TEXT COLLATE "C",
  assignment TEXT COLLATE "C",
  course TEXT COLLATE "C",
  requirement TEXT COLLATE "C",
  wished TEXT COLLATE "C",
  lane TEXT COLLATE "C" NOT NULL,
  reason TEXT COLLATE "C" NOT NULL,
  definition TEXT COLLATE "C",
  changes BIGINT NOT NULL,
  statement TEXT COLLATE "C",
  approver TEXT COLLATE "C",
  round BIGINT NOT NULL,
  tried TEXT COLLATE "C" NOT NULL,
  since BIGINT NOT NULL,
  reminders BIGINT NOT NULL,
  created BIGINT NOT NULL,
  decided BIGINT,
  decider TEXT COLLATE "C",
  decision TEXT COLLATE "C",
  version BIGINT NOT NULL
);
CREATE INDEX training_request_state ON training_request (state, approver);
CREATE INDEX training_request_person ON training_request (person);
CREATE INDEX training_request_asker ON training_request (asker);
CREATE INDEX training_request_assignment ON training_request (assignment);
