-- What people ask for about their training, and new requirements that wait for a second person. Written by the ledger's
-- records about `request/<id>`.
CREATE TABLE training_request (
  id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  person TEXT,
  asker TEXT,
  assignment TEXT,
  course TEXT,
  requirement TEXT,
  wished TEXT,
  lane TEXT NOT NULL,
  reason TEXT NOT NULL,
  definition TEXT,
  changes BIGINT NOT NULL,
  statement TEXT,
  approver TEXT,
  round BIGINT NOT NULL,
  tried TEXT NOT NULL,
  since BIGINT NOT NULL,
  reminders BIGINT NOT NULL,
  created BIGINT NOT NULL,
  decided BIGINT,
  decider TEXT,
  decision TEXT,
  version BIGINT NOT NULL
);
CREATE INDEX training_request_state ON training_request (state, approver);
CREATE INDEX training_request_person ON training_request (person);
CREATE INDEX training_request_asker ON training_request (asker);
CREATE INDEX training_request_assignment ON training_request (assignment);
