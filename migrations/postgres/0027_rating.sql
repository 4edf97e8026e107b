-- How much a document's answers helped, in thousandths: what people's judgements of the content that stands there make of it.
ALTER TABLE document ADD COLUMN rating BIGINT NOT NULL DEFAULT 0;
