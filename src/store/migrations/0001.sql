-- The first form of an account's state.
--
-- Numbers of 64 bits without a sign (octets, inodes, modification sequences) are stored as the signed number with the
-- same bits. Times are seconds since 1970 unless the name says otherwise. Keywords are separated by spaces.

CREATE TABLE state (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    id      TEXT    NOT NULL,
    epoch   INTEGER NOT NULL,
    pending INTEGER,
    -- Whether the last process that wrote has closed the file properly.
    clean   INTEGER NOT NULL
) STRICT;

-- The highest number that was ever used of each kind, so that none comes back after a deletion.
CREATE TABLE serial (
    kind TEXT    PRIMARY KEY,
    last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO serial (kind, last) VALUES ('mailbox', 0), ('entry', 0), ('intent', 0), ('hold', 0), ('batch', 0);

CREATE TABLE fact (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Names are unique at the end of every commit; the store looks after that, so that two mailboxes can swap names.
CREATE TABLE mailbox (
    id          INTEGER PRIMARY KEY,
    name        TEXT    NOT NULL,
    role        TEXT,
    uidvalidity INTEGER,
    uidnext     INTEGER,
    modseq      INTEGER,
    marker      TEXT    NOT NULL,
    object_id   TEXT,
    last_sync   INTEGER,
    problem     TEXT
) STRICT;

CREATE TABLE entry (
    row        INTEGER PRIMARY KEY,
    mailbox    INTEGER NOT NULL REFERENCES mailbox (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    uid        INTEGER,
    local      BLOB,
    flags      INTEGER NOT NULL,
    keywords   TEXT    NOT NULL,
    size       INTEGER NOT NULL,
    date       INTEGER NOT NULL,
    message_id BLOB,
    digest     BLOB,
    raw        INTEGER NOT NULL,
    inode      INTEGER NOT NULL,
    file_size  INTEGER NOT NULL,
    mtime_ns   INTEGER NOT NULL,
    linked     INTEGER NOT NULL,
    hold       INTEGER
) STRICT;

-- No NULL equals another: rows without UID or file do not get into each other's way.
CREATE UNIQUE INDEX entry_uid ON entry (mailbox, uid);
CREATE UNIQUE INDEX entry_local ON entry (mailbox, local);
CREATE INDEX entry_digest ON entry (digest) WHERE digest IS NOT NULL;
CREATE INDEX entry_hold ON entry (hold) WHERE hold IS NOT NULL;

-- `mailbox` is where the act leads to. An upload has `row` if it continues one; a transfer always.
CREATE TABLE intent (
    id          INTEGER PRIMARY KEY,
    kind        TEXT    NOT NULL,
    since       INTEGER NOT NULL,
    mailbox     INTEGER NOT NULL REFERENCES mailbox (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    uidvalidity INTEGER NOT NULL,
    uidnext     INTEGER NOT NULL,
    row         INTEGER,
    local       BLOB,
    flags       INTEGER NOT NULL,
    keywords    TEXT    NOT NULL,
    size        INTEGER NOT NULL,
    date        INTEGER NOT NULL,
    message_id  BLOB,
    digest      BLOB
) STRICT;

CREATE TABLE parked (
    id       INTEGER PRIMARY KEY,
    mailbox  INTEGER NOT NULL REFERENCES mailbox (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    uid      INTEGER,
    local    BLOB,
    reason   TEXT    NOT NULL,
    attempts INTEGER NOT NULL,
    retry_at INTEGER NOT NULL,
    CHECK (uid IS NOT NULL OR local IS NOT NULL)
) STRICT;

CREATE UNIQUE INDEX parked_uid ON parked (mailbox, uid);
CREATE UNIQUE INDEX parked_local ON parked (mailbox, local);

CREATE TABLE hold (
    id      INTEGER PRIMARY KEY,
    mailbox INTEGER NOT NULL REFERENCES mailbox (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    side    TEXT    NOT NULL,
    kind    TEXT    NOT NULL,
    since   INTEGER NOT NULL,
    reason  TEXT    NOT NULL,
    verdict TEXT    NOT NULL
) STRICT;

-- Deletions of one commit, one mailbox and one side: what `restore` brings back together. The mailbox may be gone.
CREATE TABLE batch (
    id      INTEGER PRIMARY KEY,
    mailbox INTEGER NOT NULL,
    name    TEXT    NOT NULL,
    side    TEXT    NOT NULL,
    at      INTEGER NOT NULL
) STRICT;

CREATE TABLE deletion (
    id         INTEGER PRIMARY KEY,
    batch      INTEGER NOT NULL REFERENCES batch (id) ON DELETE CASCADE,
    row        INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    flags      INTEGER NOT NULL,
    keywords   TEXT    NOT NULL,
    size       INTEGER NOT NULL,
    date       INTEGER NOT NULL,
    message_id BLOB,
    digest     BLOB,
    trash_path BLOB
) STRICT;

CREATE INDEX deletion_batch ON deletion (batch);
CREATE INDEX deletion_at ON deletion (at);
