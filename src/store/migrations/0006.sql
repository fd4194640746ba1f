-- How many events a row stands for: the following ones have the following numbers, and are of the messages with the
-- following numbers. The mail of a first sync takes a row for each batch, and not for each message.
ALTER TABLE outbox ADD COLUMN count INTEGER NOT NULL DEFAULT 1;
