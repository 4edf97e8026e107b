-- Discord: whose a direct conversation is, asked before each message into it.
CREATE INDEX discord_user_direct ON discord_user (direct);
