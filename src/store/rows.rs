//! How values stand in the tables, and back. A value that means nothing is an error, never a guess.

use rusqlite::types::Type;
use rusqlite::{Error, Result, Row};

use crate::mail::{
    ContentDigest, Digest, Flags, Identity, Keyword, LocalId, MailboxName, MessageIdHash, ModSeq,
    SpecialUse, Uid, UidValidity, Uidl,
};
use crate::sync::{
    Deletion, Entry, EntryState, FileStamp, Hold, HoldId, HoldKind, HoldVerdict, Intent, IntentId,
    IntentKind, KnownLetter, Letter, LetterId, LetterState, MailboxId, MailboxRecord, News, NewsId,
    Parked, RowId, Side, What,
};

pub(super) const ENTRY: &str = "SELECT row, mailbox, uid, local, flags, keywords, size, date, message_id, digest, \
     raw, inode, file_size, mtime_ns, linked, hold, content FROM entry";
pub(super) const MAILBOX: &str = "SELECT id, name, role, uidvalidity, uidnext, modseq, marker, object_id, last_sync, \
     problem FROM mailbox";
pub(super) const INTENT: &str = "SELECT id, kind, since, mailbox, uidvalidity, uidnext, row, local, flags, keywords, \
     size, date, message_id, digest FROM intent";
pub(super) const PARKED: &str =
    "SELECT mailbox, uid, local, reason, attempts, retry_at FROM parked";
pub(super) const HOLD: &str = "SELECT id, mailbox, side, kind, since, reason, verdict FROM hold";
pub(super) const DELETION: &str = "SELECT deletion.row, batch.mailbox, batch.side, deletion.at, flags, keywords, \
     size, date, message_id, digest, trash_path FROM deletion JOIN batch ON batch.id = deletion.batch";

pub(super) const LETTER: &str =
    "SELECT id, uidl, size, octets, since, missing, state, local, digest, header FROM letter";

const STATES: [(&str, LetterState); 3] = [
    ("delivering", LetterState::Delivering),
    ("linked", LetterState::Linked),
    ("deleting", LetterState::Deleting),
];
/// The first of each run, and how many there are.
pub(super) const NEWS: &str = "SELECT id, row, mailbox, side, at, old, what, origin, added, added_keywords, removed, \
     removed_keywords, count FROM outbox";

const ROLES: [(&str, SpecialUse); 7] = [
    ("all", SpecialUse::All),
    ("archive", SpecialUse::Archive),
    ("drafts", SpecialUse::Drafts),
    ("flagged", SpecialUse::Flagged),
    ("junk", SpecialUse::Junk),
    ("sent", SpecialUse::Sent),
    ("trash", SpecialUse::Trash),
];
const SIDES: [(&str, Side); 2] = [("local", Side::Local), ("remote", Side::Remote)];
const KINDS: [(&str, HoldKind); 3] = [
    ("flood", HoldKind::Flood),
    ("marker-lost", HoldKind::MarkerLost),
    ("renumbered", HoldKind::Renumbered),
];
const VERDICTS: [(&str, HoldVerdict); 3] = [
    ("open", HoldVerdict::Open),
    ("approved", HoldVerdict::Approved),
    ("restore", HoldVerdict::Restore),
];

fn word_of<T: PartialEq>(table: &[(&'static str, T)], value: &T) -> &'static str {
    table
        .iter()
        .find(|(_, known)| known == value)
        .map_or("", |(word, _)| word)
}

pub(super) fn role_word(role: SpecialUse) -> &'static str {
    word_of(&ROLES, &role)
}

pub(super) fn state_word(state: LetterState) -> &'static str {
    word_of(&STATES, &state)
}

pub(super) fn side_word(side: Side) -> &'static str {
    word_of(&SIDES, &side)
}

pub(super) fn kind_word(kind: &HoldKind) -> &'static str {
    word_of(&KINDS, kind)
}

pub(super) fn verdict_word(verdict: HoldVerdict) -> &'static str {
    word_of(&VERDICTS, &verdict)
}

/// The keywords as they stand in a column.
pub(super) fn keywords_text(flags: &Flags) -> String {
    let mut text = String::new();
    for keyword in flags.keywords() {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(keyword.as_str());
    }
    text
}

fn meaningless(column: usize, kind: Type) -> Error {
    Error::FromSqlConversionFailure(column, kind, "a value that means nothing".into())
}

fn need<T>(column: usize, kind: Type, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| meaningless(column, kind))
}

/// A word from a fixed list.
fn word<T: Clone>(row: &Row<'_>, column: usize, table: &[(&str, T)]) -> Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    let found = table.iter().find(|(word, _)| *word == text);
    need(column, Type::Text, found.map(|(_, value)| value.clone()))
}

fn uid(row: &Row<'_>, column: usize) -> Result<Option<Uid>> {
    row.get::<_, Option<u32>>(column)?
        .map(|number| need(column, Type::Integer, Uid::new(number)))
        .transpose()
}

fn uidvalidity(row: &Row<'_>, column: usize) -> Result<Option<UidValidity>> {
    row.get::<_, Option<u32>>(column)?
        .map(|number| need(column, Type::Integer, UidValidity::new(number)))
        .transpose()
}

fn local(row: &Row<'_>, column: usize) -> Result<Option<LocalId>> {
    row.get_ref(column)?
        .as_blob_or_null()?
        .map(|bytes| need(column, Type::Blob, LocalId::new(bytes)))
        .transpose()
}

/// Number without a sign.
pub(super) fn unsigned(row: &Row<'_>, column: usize) -> Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}

/// Two columns: bits and keywords.
fn flags(row: &Row<'_>, column: usize) -> Result<Flags> {
    let bits = row.get(column)?;
    let text = row.get_ref(column + 1)?.as_str()?;
    Ok(Flags::from_parts(
        bits,
        text.split_ascii_whitespace().filter_map(Keyword::new),
    ))
}

/// Four columns: size, date, Message-ID and digest.
fn identity(row: &Row<'_>, column: usize) -> Result<Identity> {
    Ok(Identity {
        size: unsigned(row, column)?,
        date: row.get(column + 1)?,
        message_id: row
            .get::<_, Option<[u8; 16]>>(column + 2)?
            .map(MessageIdHash),
        digest: row.get::<_, Option<[u8; 32]>>(column + 3)?.map(Digest),
    })
}

pub(super) fn entry(row: &Row<'_>) -> Result<Entry> {
    let identity = identity(row, 6)?;
    Ok(Entry {
        row: RowId(row.get(0)?),
        mailbox: MailboxId(row.get(1)?),
        uid: uid(row, 2)?,
        local: local(row, 3)?,
        flags: flags(row, 4)?,
        size: identity.size,
        date: identity.date,
        message_id: identity.message_id,
        digest: identity.digest,
        content: row.get::<_, Option<[u8; 32]>>(16)?.map(ContentDigest),
        raw: row.get(10)?,
        stamp: FileStamp {
            inode: unsigned(row, 11)?,
            size: unsigned(row, 12)?,
            mtime_ns: row.get(13)?,
        },
        state: if row.get(14)? {
            EntryState::Linked
        } else {
            EntryState::Delivering
        },
        hold: row.get::<_, Option<i64>>(15)?.map(HoldId),
    })
}

pub(super) fn mailbox(row: &Row<'_>) -> Result<MailboxRecord> {
    let modseq = row
        .get::<_, Option<i64>>(5)?
        .map(|number| need(5, Type::Integer, ModSeq::new(number.cast_unsigned())))
        .transpose()?;
    let role = match row.get_ref(2)? {
        rusqlite::types::ValueRef::Null => None,
        _ => Some(word(row, 2, &ROLES)?),
    };
    Ok(MailboxRecord {
        id: MailboxId(row.get(0)?),
        name: name(row, 1)?,
        role,
        uidvalidity: uidvalidity(row, 3)?,
        uidnext: uid(row, 4)?,
        modseq,
        marker: row.get(6)?,
        object_id: row.get(7)?,
        last_sync: row.get(8)?,
        problem: row.get(9)?,
    })
}

/// A mailbox name; the stored text is the one `as_str` gave.
pub(super) fn name(row: &Row<'_>, column: usize) -> Result<MailboxName> {
    let text = row.get_ref(column)?.as_str()?;
    need(column, Type::Text, MailboxName::parse(text))
}

pub(super) fn intent(row: &Row<'_>) -> Result<Intent> {
    let mailbox = MailboxId(row.get(3)?);
    let validity = need(4, Type::Null, uidvalidity(row, 4)?)?;
    let uidnext = need(5, Type::Null, uid(row, 5)?)?;
    let message = row.get::<_, Option<i64>>(6)?.map(RowId);
    let file = local(row, 7)?;
    let kind = row.get_ref(1)?.as_str()?;
    let kind = match kind {
        "upload" => IntentKind::Upload {
            mailbox,
            local: need(7, Type::Null, file)?,
            identity: identity(row, 10)?,
            flags: flags(row, 8)?,
            uidvalidity: validity,
            uidnext,
            replaces: message,
        },
        "overdue" | "overdue copy" => IntentKind::Overdue {
            copied: kind == "overdue copy",
            mailbox,
            identity: identity(row, 10)?,
            flags: flags(row, 8)?,
            uidvalidity: validity,
            uidnext,
        },
        "move" | "copy" => IntentKind::Transfer {
            row: need(6, Type::Null, message)?,
            to: mailbox,
            uidvalidity: validity,
            uidnext,
            local: file,
            copy: kind == "copy",
        },
        _ => return Err(meaningless(1, Type::Text)),
    };
    Ok(Intent {
        id: IntentId(row.get(0)?),
        kind,
        since: row.get(2)?,
    })
}

pub(super) fn parked(row: &Row<'_>) -> Result<Parked> {
    Ok(Parked {
        mailbox: MailboxId(row.get(0)?),
        uid: uid(row, 1)?,
        local: local(row, 2)?,
        reason: row.get(3)?,
        attempts: row.get(4)?,
        retry_at: row.get(5)?,
    })
}

pub(super) fn hold(row: &Row<'_>) -> Result<Hold> {
    Ok(Hold {
        id: HoldId(row.get(0)?),
        mailbox: MailboxId(row.get(1)?),
        side: side(row, 2)?,
        kind: word(row, 3, &KINDS)?,
        since: row.get(4)?,
        reason: row.get(5)?,
        verdict: word(row, 6, &VERDICTS)?,
    })
}

pub(super) fn side(row: &Row<'_>, column: usize) -> Result<Side> {
    word(row, column, &SIDES)
}

pub(super) fn deletion(row: &Row<'_>) -> Result<Deletion> {
    Ok(Deletion {
        row: RowId(row.get(0)?),
        mailbox: MailboxId(row.get(1)?),
        side: side(row, 2)?,
        at: row.get(3)?,
        identity: identity(row, 6)?,
        flags: flags(row, 4)?,
        trash_path: row.get(10)?,
    })
}

pub(super) fn letter(row: &Row<'_>) -> Result<Letter> {
    let uidl = row.get_ref(1)?.as_str()?;
    Ok(Letter {
        known: KnownLetter {
            id: LetterId(row.get(0)?),
            uidl: need(1, Type::Text, Uidl::new(uidl.as_bytes()))?,
            size: unsigned(row, 2)?,
            since: row.get(4)?,
            missing: row.get(5)?,
            state: word(row, 6, &STATES)?,
        },
        octets: unsigned(row, 3)?,
        local: need(7, Type::Null, local(row, 7)?)?,
        digest: Digest(row.get(8)?),
        header: Digest(row.get(9)?),
    })
}

/// Events with numbers that follow each other, of messages with numbers that do: the first of them, and how many there are.
pub(super) fn news(row: &Row<'_>) -> Result<(News, i64)> {
    let what = match row.get_ref(6)?.as_str()? {
        "new" => What::New,
        "flags" => What::Flags {
            added: flags(row, 8)?,
            removed: flags(row, 10)?,
        },
        "moved" => What::Moved {
            from: MailboxId(row.get(7)?),
        },
        "deleted" => What::Deleted,
        _ => return Err(meaningless(6, Type::Text)),
    };
    let first = News {
        id: NewsId(row.get(0)?),
        row: RowId(row.get(1)?),
        mailbox: MailboxId(row.get(2)?),
        side: side(row, 3)?,
        at: row.get(4)?,
        old: row.get(5)?,
        what,
    };
    Ok((first, row.get(12)?))
}
