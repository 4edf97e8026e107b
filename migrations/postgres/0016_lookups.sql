-- What is looked up for every learner on every day: whether a lesson was tried before, and what was asked since the day began.
CREATE INDEX lesson_drop_tried ON lesson_drop (person, lesson);
CREATE INDEX lesson_attempt_made ON lesson_attempt (person, made);

DROP INDEX lesson_attempt_person;

-- Almost every message is posted. An index of all states leads a planner without statistics through all of them, where the
-- key or the person would lead to a few; only the few that are on their way are looked for by their state.
DROP INDEX outbox_state;

CREATE INDEX outbox_queued ON outbox (due) WHERE state = 'queued';
CREATE INDEX outbox_sending ON outbox (lease_until) WHERE state = 'sending';
CREATE INDEX outbox_parked ON outbox (position) WHERE state = 'parked';
CREATE INDEX outbox_unreachable ON outbox (person) WHERE state = 'unreachable';
