-- Who had their voluntary data erased, and when: a backup keeps this list beside itself, and a restore replays it.
CREATE TABLE erasure (
  person TEXT NOT NULL,
  at     BIGINT NOT NULL,
  PRIMARY KEY (person, at)
);
