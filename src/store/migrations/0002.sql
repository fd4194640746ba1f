-- Folders that were found exactly as their rows say. Whatever changes a row of a mailbox takes this back.
CREATE TABLE rest (
    mailbox INTEGER PRIMARY KEY REFERENCES mailbox (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    token   BLOB    NOT NULL,
    uids    INTEGER NOT NULL,
    since   INTEGER NOT NULL
) STRICT;

CREATE TRIGGER entry_added AFTER INSERT ON entry BEGIN
    DELETE FROM rest WHERE mailbox = NEW.mailbox;
END;

CREATE TRIGGER entry_changed AFTER UPDATE ON entry BEGIN
    DELETE FROM rest WHERE mailbox IN (OLD.mailbox, NEW.mailbox);
END;

CREATE TRIGGER entry_gone AFTER DELETE ON entry BEGIN
    DELETE FROM rest WHERE mailbox = OLD.mailbox;
END;
