//! The notes of mbsync (isync): pure parsers of its sync state and of its `.uidvalidity`.
//!
//! A sync state begins with lines of a name and a number, ended by an empty line. After it each line is one message: its
//! UID on the far and on the near side, and the flags that both had. Before version 1.4 the sides were called master and
//! slave.

use super::lines;
use crate::mail::Flags;

/// The length of the line that mbsync puts into the header of what it copies, with its CRLF: `X-TUID: ` and 12 letters.
pub(super) const MARK: u64 = 22;

/// What mbsync noted of one pair of mailboxes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SyncState {
    /// UIDVALIDITY of the far side and of the near one.
    pub validity: (u32, u32),
    /// Messages that both sides have.
    pub rows: Vec<Row>,
}

/// One message that both sides have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Its UID on the far side.
    pub far: u32,
    /// And on the near side.
    pub near: u32,
    /// The flags that both had.
    pub flags: Flags,
}

impl SyncState {
    /// Reads a sync state; `None` if it is none. A line that cannot be read is left out.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut lines = lines(text);
        let (mut far, mut near) = (None, None);
        for line in lines.by_ref().take_while(|line| !line.is_empty()) {
            let (name, value) = line.split_once(' ')?;
            match name {
                "FarUidValidity" | "MasterUidValidity" => far = value.parse().ok(),
                "NearUidValidity" | "SlaveUidValidity" => near = value.parse().ok(),
                _ => {}
            }
        }
        Some(Self {
            validity: (far?, near?),
            rows: lines.filter_map(row).collect(),
        })
    }

    /// The same with the sides exchanged: either of them may be the Maildir.
    pub fn turned(self) -> Self {
        let turn = |row: Row| Row {
            far: row.near,
            near: row.far,
            ..row
        };
        Self {
            validity: (self.validity.1, self.validity.0),
            rows: self.rows.into_iter().map(turn).collect(),
        }
    }
}

/// A message that is on both sides whole. `<` and `>` mark the side that has only a placeholder of a large message;
/// whatever else is not known is not believed either.
fn row(line: &str) -> Option<Row> {
    let mut words = line.splitn(3, ' ');
    let far = words.next()?.parse().ok().filter(|uid| *uid > 0)?;
    let near = words.next()?.parse().ok().filter(|uid| *uid > 0)?;
    // Messages that expired stay on one side only, later.
    let letters = words.next().unwrap_or("").trim_start_matches(['~', 'X']);
    Some(Row {
        far,
        near,
        flags: super::flags_of(letters)?,
    })
}

/// The UIDVALIDITY in the `.uidvalidity` of a folder whose file names have `U=`.
pub(super) fn folder_validity(text: &[u8]) -> Option<u32> {
    lines(text).next()?.trim().parse().ok()
}

/// The UID in a file name, `,U=7`.
pub(super) fn uid_in_name(unique: &[u8]) -> Option<u32> {
    let at = unique.windows(3).position(|part| part == b",U=")?;
    let rest = unique.get(at + 3..)?;
    let end = rest.iter().position(|octet| !octet.is_ascii_digit());
    let digits = rest.get(..end.unwrap_or(rest.len()))?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{Flag, Keyword};

    /// As mbsync 1.4.4 writes it.
    const STATE: &[u8] = b"FarUidValidity 1796127317\nNearUidValidity 1796127318\nMaxPulledUid 60\nMaxPushedUid 61\n\n\
        1 1 \n2 3 FP\n4 5 ~RS\n7 0 \n0 9 S\n8 9 <\n10 11 >F\n12 13 ?S\nx 1 \n14 15 DT\n16";

    #[test]
    fn messages_that_both_sides_have_whole_are_read_with_their_flags() {
        let state = SyncState::parse(STATE).unwrap();
        assert_eq!(state.validity, (1_796_127_317, 1_796_127_318));
        let row = |far, near, flags: Flags| Row { far, near, flags };
        let flags = |list: &[Flag]| list.iter().fold(Flags::new(), |all, flag| all.with(*flag));
        let forwarded = flags(&[Flag::Flagged]).with_keyword(Keyword::forwarded());
        let expected = [
            row(1, 1, Flags::new()),
            row(2, 3, forwarded),
            row(4, 5, flags(&[Flag::Answered, Flag::Seen])),
            row(14, 15, flags(&[Flag::Draft, Flag::Deleted])),
        ];
        assert_eq!(state.rows, expected);
        let turned = state.turned();
        assert_eq!(turned.validity, (1_796_127_318, 1_796_127_317));
        assert_eq!((turned.rows[1].far, turned.rows[1].near), (3, 2));
    }

    #[test]
    fn the_names_before_version_1_4_are_known() {
        let old = b"MasterUidValidity 5\nSlaveUidValidity 6\nMaxPulledUid 2\n\n2 3 XFS\n";
        let state = SyncState::parse(old).unwrap();
        assert_eq!((state.validity, state.rows.len()), ((5, 6), 1));
    }

    #[test]
    fn what_is_no_sync_state_says_nothing() {
        for other in [
            &b""[..],
            b"FarUidValidity 5\n\n1 1 \n",
            b"FarUidValidity x\nNearUidValidity 6\n\n1 1 \n",
            b"1:5 2:6\n1 1 \n",
            b"\xff\xfe",
        ] {
            assert_eq!(SyncState::parse(other), None, "{}", other.escape_ascii());
        }
    }

    #[test]
    fn uids_in_names_and_the_folders_own_validity() {
        assert_eq!(uid_in_name(b"1796127318.19473_12.vm,U=12"), Some(12));
        assert_eq!(uid_in_name(b"1.2.host,U=7,FMD5=abc"), Some(7));
        for none in [
            &b"1.2.host"[..],
            b"1.2.host,U=",
            b"1.2.host,U=x",
            b"1,U=99999999999",
        ] {
            assert_eq!(uid_in_name(none), None, "{}", none.escape_ascii());
        }
        assert_eq!(folder_validity(b"1796127318\n60\n"), Some(1_796_127_318));
        assert_eq!(folder_validity(b"\n"), None);
    }
}
