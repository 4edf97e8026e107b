-- What is looked up for every message: the lessons of a track in their order, without their rows, and whether somebody was
-- told that nothing came back.
CREATE INDEX lesson_open ON lesson (track, retired, position, id);
DROP INDEX lesson_track;
CREATE INDEX decision_ignored ON decision (person, at) WHERE reason = 'ignored';

-- Few rows were merged, and none has a message id before it is posted: the others are not written into these indexes.
DROP INDEX outbox_into;
CREATE INDEX outbox_into ON outbox (into_key) WHERE into_key IS NOT NULL;
DROP INDEX outbox_message;
CREATE INDEX outbox_message ON outbox (message_id) WHERE message_id IS NOT NULL;
