-- From when on the token of an installation is renewed. The server that renews it moves this ahead, so that no other does;
-- `expires` says until when the token holds, and nothing else.
ALTER TABLE slack_install ADD COLUMN renew BIGINT;
UPDATE slack_install SET renew = expires - 1800000000;
