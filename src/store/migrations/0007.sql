-- SHA-256 of the canonical form of a message: without the headers that mail programs and deliveries add, lines ended by
-- CRLF. Rows from before do not have it; it is learned when it is needed.
ALTER TABLE entry ADD COLUMN content BLOB CHECK (length(content) = 32);
