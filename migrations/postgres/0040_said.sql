-- A digest of what a message says as it stands in the chat: what would say the same again is not edited.
ALTER TABLE outbox ADD COLUMN said BIGINT;
