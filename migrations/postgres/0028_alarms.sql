-- What needs the operator's look. `told`: when the message `delivery` told of it; `settled`: when it was over.
CREATE TABLE alarm (
  key TEXT COLLATE "C" PRIMARY KEY NOT NULL,
  text TEXT COLLATE "C" NOT NULL,
  since BIGINT NOT NULL,
  told BIGINT,
  delivery TEXT COLLATE "C",
  settled BIGINT
);
