-- Letters of a POP3 maildrop that came home. `uidl` is not unique: copies of a letter may share one. Numbers are those
-- of entries, so that an event names one message only. Rows stay until the server has not listed them for long.
CREATE TABLE letter (
    id      INTEGER PRIMARY KEY,
    uidl    TEXT    NOT NULL,
    -- As the server listed it, and what came.
    size    INTEGER NOT NULL,
    octets  INTEGER NOT NULL,
    since   INTEGER NOT NULL,
    missing INTEGER,
    state   TEXT    NOT NULL,
    local   BLOB    NOT NULL,
    digest  BLOB    NOT NULL,
    header  BLOB    NOT NULL
) STRICT;
