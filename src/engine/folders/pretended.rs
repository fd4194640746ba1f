//! Mailboxes that only a dry run knows: both sides have them, the state has not, and nothing is written down.

use std::collections::BTreeMap;

use crate::engine::context::{Pass, Ports};
use crate::engine::fault::Fault;
use crate::engine::ports::Store;
use crate::mail::{MailboxName, SpecialUse};
use crate::sync::{Base, MailboxId, MailboxRecord};

/// A record with a number that the state never gives.
pub(super) fn record(
    records: &BTreeMap<MailboxId, MailboxRecord>,
    name: MailboxName,
    role: Option<SpecialUse>,
) -> MailboxRecord {
    let first = records.keys().next().map_or(0, |id| id.0.min(0));
    MailboxRecord {
        id: MailboxId(first - 1),
        name,
        role,
        uidvalidity: None,
        uidnext: None,
        modseq: None,
        marker: String::new(),
        object_id: None,
        last_sync: None,
        problem: None,
    }
}

/// What the state has of a mailbox.
pub(in crate::engine) async fn base_of<P: Ports>(
    pass: &Pass<'_, P>,
    record: &MailboxRecord,
) -> Result<Base, Fault> {
    if record.id.0 >= 0 {
        return pass.store().base(record.id).await;
    }
    Ok(Base {
        mailbox: record.clone(),
        entries: Vec::new(),
        labels: Vec::new(),
    })
}
