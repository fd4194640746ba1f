//! Changes to what is not a message: intents, deletions, parked messages, holds.

use rusqlite::{OptionalExtension, Result, params};

use super::super::rows;
use super::{Apply, digest_bytes, message_id_bytes};
use crate::mail::{LocalId, Uid};
use crate::sync::{Deletion, Hold, HoldId, Intent, IntentKind, MailboxId, Parked, RowId};

const PUT_INTENT: &str =
    "INSERT OR REPLACE INTO intent (id, kind, since, mailbox, uidvalidity, uidnext, row, local,
         flags, keywords, size, date, message_id, digest)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
const PUT_DELETION: &str =
    "INSERT INTO deletion (batch, row, at, flags, keywords, size, date, message_id, digest,
         trash_path)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const PUT_HOLD: &str =
    "INSERT OR REPLACE INTO hold (id, mailbox, side, kind, since, reason, verdict)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

impl Apply<'_, '_> {
    pub(super) fn put_intent(&mut self, intent: &Intent) -> Result<()> {
        self.used.intent = self.used.intent.max(intent.id.0);
        let id = intent.id.0;
        match &intent.kind {
            IntentKind::Upload {
                mailbox,
                local,
                identity,
                flags,
                uidvalidity,
                uidnext,
                replaces,
            } => self.run(
                PUT_INTENT,
                params![
                    id,
                    "upload",
                    intent.since,
                    mailbox.0,
                    uidvalidity.get(),
                    uidnext.get(),
                    replaces.map(|row| row.0),
                    local.as_bytes(),
                    flags.system_bits(),
                    rows::keywords_text(flags),
                    identity.size.cast_signed(),
                    identity.date,
                    identity.message_id.as_ref().map(message_id_bytes),
                    identity.digest.as_ref().map(digest_bytes),
                ],
            ),
            IntentKind::Overdue { .. } => self.put_overdue(intent),
            IntentKind::Transfer {
                row,
                to,
                uidvalidity,
                uidnext,
                local,
                copy,
            } => self.run(
                PUT_INTENT,
                params![
                    id,
                    if *copy { "copy" } else { "move" },
                    intent.since,
                    to.0,
                    uidvalidity.get(),
                    uidnext.get(),
                    row.0,
                    local.as_ref().map(LocalId::as_bytes),
                    0,
                    "",
                    0,
                    0,
                    None::<&[u8]>,
                    None::<&[u8]>,
                ],
            ),
        }
    }

    fn put_overdue(&mut self, intent: &Intent) -> Result<()> {
        let IntentKind::Overdue {
            copied,
            mailbox,
            identity,
            flags,
            uidvalidity,
            uidnext,
        } = &intent.kind
        else {
            return Ok(());
        };
        self.run(
            PUT_INTENT,
            params![
                intent.id.0,
                if *copied { "overdue copy" } else { "overdue" },
                intent.since,
                mailbox.0,
                uidvalidity.get(),
                uidnext.get(),
                None::<i64>,
                None::<&[u8]>,
                flags.system_bits(),
                rows::keywords_text(flags),
                identity.size.cast_signed(),
                identity.date,
                identity.message_id.as_ref().map(message_id_bytes),
                identity.digest.as_ref().map(digest_bytes),
            ],
        )
    }

    pub(super) fn put_deletion(&mut self, deletion: &Deletion) -> Result<()> {
        let batch = self.batch_of(deletion)?;
        self.run(
            PUT_DELETION,
            params![
                batch,
                deletion.row.0,
                deletion.at,
                deletion.flags.system_bits(),
                rows::keywords_text(&deletion.flags),
                deletion.identity.size.cast_signed(),
                deletion.identity.date,
                deletion.identity.message_id.as_ref().map(message_id_bytes),
                deletion.identity.digest.as_ref().map(digest_bytes),
                deletion.trash_path,
            ],
        )
    }

    /// The batch of this transaction that a deletion belongs to; made when it is the first.
    fn batch_of(&mut self, deletion: &Deletion) -> Result<i64> {
        let key = (deletion.mailbox, deletion.side);
        if let Some(batch) = self.batches.get(&key) {
            return Ok(*batch);
        }
        let name: Option<String> = self
            .statements
            .conn
            .query_row(
                "SELECT name FROM mailbox WHERE id = ?1",
                [deletion.mailbox.0],
                |row| row.get(0),
            )
            .optional()?;
        self.used.batch += 1;
        let batch = self.used.batch;
        self.run(
            "INSERT INTO batch (id, mailbox, name, side, at) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                batch,
                deletion.mailbox.0,
                name.unwrap_or_default(),
                rows::side_word(deletion.side),
                deletion.at
            ],
        )?;
        self.batches.insert(key, batch);
        Ok(batch)
    }

    pub(super) fn park(&mut self, parked: &Parked) -> Result<()> {
        let local = parked.local.as_ref().map(LocalId::as_bytes);
        self.unpark(parked.mailbox, parked.uid, local)?;
        self.run(
            "INSERT INTO parked (mailbox, uid, local, reason, attempts, retry_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                parked.mailbox.0,
                parked.uid.map(Uid::get),
                local,
                parked.reason,
                parked.attempts,
                parked.retry_at
            ],
        )
    }

    pub(super) fn unpark(
        &mut self,
        mailbox: MailboxId,
        uid: Option<Uid>,
        local: Option<&[u8]>,
    ) -> Result<()> {
        // A comparison with NULL is not true: what is not given matches nothing.
        self.run(
            "DELETE FROM parked WHERE mailbox = ?1 AND (uid = ?2 OR local = ?3)",
            params![mailbox.0, uid.map(Uid::get), local],
        )
    }

    pub(super) fn put_hold(&mut self, hold: &Hold) -> Result<()> {
        self.used.hold = self.used.hold.max(hold.id.0);
        self.run(
            PUT_HOLD,
            params![
                hold.id.0,
                hold.mailbox.0,
                rows::side_word(hold.side),
                rows::kind_word(&hold.kind),
                hold.since,
                hold.reason,
                rows::verdict_word(hold.verdict)
            ],
        )
    }

    pub(super) fn set_hold(&mut self, rows: &[RowId], hold: Option<HoldId>) -> Result<()> {
        for row in rows {
            self.run(
                "UPDATE entry SET hold = ?2 WHERE row = ?1",
                params![row.0, hold.map(|hold| hold.0)],
            )?;
        }
        Ok(())
    }

    pub(super) fn drop_hold(&mut self, hold: HoldId) -> Result<()> {
        self.run("UPDATE entry SET hold = NULL WHERE hold = ?1", [hold.0])?;
        self.run("DELETE FROM hold WHERE id = ?1", [hold.0])
    }
}
