-- What the passages mean, as vectors of a model: rebuilt from the passages when they are lost. `key` tells the passage's
-- id and text from others; `vector` is a step (f32, little-endian) and one signed byte for each dimension.
CREATE TABLE passage_vector (
  document_id TEXT   NOT NULL,
  ordinal     BIGINT NOT NULL,
  model       TEXT   NOT NULL,
  key         BIGINT NOT NULL,
  vector      BLOB   NOT NULL,
  PRIMARY KEY (document_id, ordinal, model)
);
