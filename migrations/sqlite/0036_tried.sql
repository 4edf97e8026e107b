-- The accounts to which a message is being sent, as JSON: whoever looks for it later looks there, wherever the person is by then.
ALTER TABLE outbox ADD COLUMN tried TEXT;
