-- Whether the answer quotes the document, or only names it: where to read on, or where the same stands.
ALTER TABLE question_document ADD COLUMN cited BIGINT NOT NULL DEFAULT 1;

-- Why its source says that a document should not be relied on, where it says so.
ALTER TABLE document ADD COLUMN deprecated TEXT;
