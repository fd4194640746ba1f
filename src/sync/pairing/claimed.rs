//! Files of which another program says which message they are.

use std::collections::BTreeMap;

use super::new::{Twin, readings};
use crate::mail::{Identity, Uid};
use crate::sync::base::MailboxId;
use crate::sync::claims::Claim;
use crate::sync::input::LocalKnown;
use crate::sync::planner::scene::Scene;

/// Pairs files with the messages that they are said to be, where all that is known of both agrees. What contradicts it is
/// judged as if nobody had said anything.
pub(super) fn pair_claimed(scene: &mut Scene<'_>, twins: &mut Vec<Twin>) {
    let mails = scene.mails.iter().enumerate();
    let free = mails.filter(|(_, mail)| mail.usable && !mail.taken);
    let places: BTreeMap<(MailboxId, Uid), usize> = free
        .map(|(at, mail)| ((mail.mailbox, mail.message.uid), at))
        .collect();
    let files = scene.files.iter().enumerate();
    let found = files.filter_map(|(at, file)| {
        let claim = file.claim.filter(|_| file.usable && !file.taken)?;
        let mail = *places.get(&(file.mailbox, claim.uid))?;
        let seen = scene.mails.get(mail)?.known?;
        agrees(file.known?, seen, claim).then_some(Twin {
            file: at,
            mail,
            verify: false,
            claimed: true,
        })
    });
    let found: Vec<Twin> = found.collect();
    for twin in &found {
        if let Some(file) = scene.files.get_mut(twin.file) {
            file.taken = true;
        }
        if let Some(mail) = scene.mails.get_mut(twin.mail) {
            mail.taken = true;
        }
    }
    twins.extend(found);
}

/// Whether a file can be this message: Message-ID and size are the same, but for what the program put into one of them.
fn agrees(file: &LocalKnown, mail: &Identity, claim: &Claim) -> bool {
    let same_name = file.identity.message_id == mail.message_id;
    let same_size = |reading: Identity| {
        let more = reading.size.abs_diff(mail.size);
        more == 0 || more == claim.added
    };
    same_name && readings(file).any(same_size)
}
