-- On which day of their own a person was sent a message: the day's budget holds for that day, wherever they are later.
ALTER TABLE outbox ADD COLUMN sent_day TEXT COLLATE "C";

-- Leaves that are known beside the one in `leave_from` and `leave_to`, as JSON; and the day since which the person is back from
-- a leave that the row says no more.
ALTER TABLE person ADD COLUMN other_leaves TEXT COLLATE "C";
ALTER TABLE person ADD COLUMN back_since TEXT COLLATE "C";
