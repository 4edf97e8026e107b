-- What waits for the person's sign-in with the identity provider, where the secret was sent as a link and not as a code: sealed.
ALTER TABLE attest_code ADD COLUMN pending BLOB;
