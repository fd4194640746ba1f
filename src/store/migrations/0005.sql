-- Keywords that a message is to get or to lose here although names in its folder have no letter for them. Each counts as
-- a change made in the Maildir until the agreed flags say the same.
CREATE TABLE label (
    row     INTEGER NOT NULL REFERENCES entry (row) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    keyword TEXT    NOT NULL COLLATE NOCASE,
    wanted  INTEGER NOT NULL,
    PRIMARY KEY (row, keyword)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER label_added AFTER INSERT ON label BEGIN
    DELETE FROM rest WHERE mailbox = (SELECT mailbox FROM entry WHERE row = NEW.row);
END;

CREATE TRIGGER label_met AFTER UPDATE OF keywords ON entry BEGIN
    DELETE FROM label WHERE row = NEW.row
        AND wanted = (instr(' ' || lower(NEW.keywords) || ' ', ' ' || lower(keyword) || ' ') > 0);
END;

-- When a state of an earlier version learns that it is synced: now.
INSERT INTO fact (key, value)
    SELECT 'begun', strftime('%s', 'now') WHERE EXISTS (SELECT 1 FROM heard);
