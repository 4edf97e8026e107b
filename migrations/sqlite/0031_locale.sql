-- The language in which a person reads their chat (BCP 47), as the chat says it.
ALTER TABLE person ADD COLUMN chat_locale TEXT;
