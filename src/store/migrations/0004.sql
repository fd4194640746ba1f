-- What listeners are to be told of, in the order of its numbers. The message and its mailbox may be gone.
CREATE TABLE outbox (
    id               INTEGER PRIMARY KEY,
    row              INTEGER NOT NULL,
    mailbox          INTEGER NOT NULL,
    side             TEXT    NOT NULL,
    at               INTEGER NOT NULL,
    -- Of a mailbox that had never been synced whole.
    old              INTEGER NOT NULL,
    what             TEXT    NOT NULL,
    -- Of a move: where from.
    origin           INTEGER,
    -- Of flags.
    added            INTEGER NOT NULL,
    added_keywords   TEXT    NOT NULL,
    removed          INTEGER NOT NULL,
    removed_keywords TEXT    NOT NULL
) STRICT;

-- Numbers are not used again by a state that takes the place of this one.
INSERT INTO serial (kind, last) VALUES ('news', CAST(strftime('%s', 'now') AS INTEGER) * 1000000);

-- Mailboxes that were synced whole once. Those of an older state were, or nearly.
CREATE TABLE heard (
    mailbox INTEGER PRIMARY KEY REFERENCES mailbox (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
) STRICT;

INSERT INTO heard (mailbox) SELECT id FROM mailbox WHERE uidvalidity IS NOT NULL;

CREATE INDEX deletion_row ON deletion (row);
CREATE INDEX deletion_digest ON deletion (digest) WHERE digest IS NOT NULL;

-- What was undone is remembered: what comes back by it is no new mail.
ALTER TABLE batch ADD COLUMN undone INTEGER NOT NULL DEFAULT 0;
