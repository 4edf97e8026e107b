-- `revise` counts how often a message was asked to be shown anew since it last was, so that a change that comes in the
-- middle of an edit is not taken for shown.
DROP INDEX outbox_revise;

CREATE INDEX outbox_revise ON outbox (position) WHERE revise > 0;
