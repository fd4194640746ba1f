//! What the server says became of the files it took, and whether that can be.
//!
//! APPENDUID is wrong on some servers, and next to a message that arrives in the same moment a wrong one looks right.
//! To believe it would tie a file to somebody else's message. Asking once per batch costs one FETCH.

use std::collections::BTreeSet;

use super::{Before, Ready};
use crate::engine::fault::Fault;
use crate::engine::ports::{Appended, Remote};
use crate::mail::{Identity, MailboxName, Uid, UidSet, UidValidity};

/// A file and the UID that the server says it got.
pub(super) struct Claim<'r, 'o> {
    pub(super) file: &'r Ready<'o>,
    pub(super) uid: Uid,
}

/// The UID of APPENDUID, if it can be right: of this generation, not there before, and no other file's.
pub(super) fn plausible(
    appended: Appended,
    before: Before,
    taken: impl Fn(Uid) -> bool,
) -> Option<Uid> {
    let (uidvalidity, uid) = appended.uid?;
    (uidvalidity == before.uidvalidity && uid >= before.uidnext && !taken(uid)).then_some(uid)
}

/// The UIDs among the claims that are another message's. One that is not there (any more) is not among them: it may
/// have been moved on or expunged meanwhile.
///
/// # Errors
/// The server could not be asked.
pub(super) async fn impostors<R: Remote>(
    remote: &mut R,
    mailbox: &MailboxName,
    uidvalidity: UidValidity,
    claims: &[Claim<'_, '_>],
) -> Result<BTreeSet<Uid>, Fault> {
    let uids: UidSet = claims.iter().map(|claim| claim.uid).collect();
    if uids.is_empty() {
        return Ok(BTreeSet::new());
    }
    if remote.select(mailbox).await? != Some(uidvalidity) {
        return Ok(uids.iter().collect());
    }
    let there = remote.identify(&uids).await?;
    let other = |claim: &&Claim<'_, '_>| {
        let sent = &claim.file.found.identity;
        there
            .iter()
            .any(|(uid, there)| *uid == claim.uid && denies(sent, there))
    };
    Ok(claims.iter().filter(other).map(|claim| claim.uid).collect())
}

/// Whether a message is certainly not what was sent. Servers that rewrite mail may change its size, or its date, and
/// even its header, but hardly all of it at once.
fn denies(sent: &Identity, there: &Identity) -> bool {
    match (sent.message_id, there.message_id) {
        (Some(ours), Some(theirs)) => ours != theirs,
        _ => sent.size != there.size && sent.date != there.date,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::MessageIdHash;

    fn mail(id: Option<u8>, size: u64, date: i64) -> Identity {
        Identity {
            message_id: id.map(|id| MessageIdHash([id; 16])),
            size,
            date,
            digest: None,
        }
    }

    fn said(uidvalidity: u32, uid: u32, others: &[u32]) -> Option<u32> {
        let before = Before {
            uidvalidity: UidValidity::new(7).unwrap(),
            uidnext: Uid::new(10).unwrap(),
        };
        let uid = (
            UidValidity::new(uidvalidity).unwrap(),
            Uid::new(uid).unwrap(),
        );
        let taken = |uid: Uid| others.contains(&uid.get());
        plausible(Appended { uid: Some(uid) }, before, taken).map(Uid::get)
    }

    #[test]
    fn only_a_new_uid_of_this_generation_is_plausible() {
        assert_eq!(said(7, 10, &[11]), Some(10));
        assert_eq!(said(8, 10, &[]), None);
        assert_eq!(said(7, 9, &[]), None);
        assert_eq!(said(7, 11, &[11]), None);
    }

    #[test]
    fn another_message_id_denies() {
        assert!(denies(&mail(Some(1), 10, 5), &mail(Some(2), 10, 5)));
    }

    #[test]
    fn the_same_message_id_is_believed_whatever_the_server_made_of_the_mail() {
        assert!(!denies(&mail(Some(1), 10, 5), &mail(Some(1), 12, 7)));
    }

    #[test]
    fn without_message_ids_size_or_date_is_enough() {
        assert!(!denies(&mail(None, 10, 5), &mail(None, 12, 5)));
        assert!(!denies(&mail(None, 10, 5), &mail(Some(3), 10, 9)));
        assert!(denies(&mail(None, 10, 5), &mail(None, 12, 9)));
    }
}
