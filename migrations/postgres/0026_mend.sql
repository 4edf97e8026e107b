-- From when on the token of an installation is renewed. The server that renews it moves this ahead, so that no other does;
-- `expires` says until when the token holds, and nothing else.
ALTER TABLE slack_install ADD COLUMN renew BIGINT;
UPDATE slack_install SET renew = expires - 1800000000;

-- Which of several servers reads a source just now, and for how long without saying so again.
ALTER TABLE source ADD COLUMN held_by TEXT COLLATE "C";
ALTER TABLE source ADD COLUMN held_until BIGINT;
