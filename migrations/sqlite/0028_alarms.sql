-- What needs the operator's look. `told`: when the message `delivery` told of it; `settled`: when it was over.
CREATE TABLE alarm (
  key TEXT PRIMARY KEY NOT NULL,
  text TEXT NOT NULL,
  since BIGINT NOT NULL,
  told BIGINT,
  delivery TEXT,
  settled BIGINT
);
