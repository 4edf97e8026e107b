-- Whom the last message could not reach in any place, and since when.
CREATE TABLE unreachable (
  person TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  since  BIGINT NOT NULL,
  reason TEXT COLLATE "C" NOT NULL
);
