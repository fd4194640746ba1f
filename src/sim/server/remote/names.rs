//! Names of mailboxes where the server keeps all of them below INBOX: what is called `Sent` there is `INBOX.Sent` on the
//! wire, and here one or the other.

use super::{SimRemote, no_mailbox};
use crate::engine::Fault;
use crate::mail::MailboxName;
use crate::sync::Naming;

impl SimRemote {
    /// Which mailbox is meant by a name.
    pub(super) fn meant(&self, name: &MailboxName) -> Result<MailboxName, Fault> {
        if !self.server.switches().prefix || name.is_inbox() {
            return Ok(name.clone());
        }
        let rest = name.as_str().strip_prefix("INBOX/");
        let meant = match (self.naming.get(), rest) {
            (Some(Naming::Full), Some(rest)) => MailboxName::parse(rest),
            (Some(Naming::Full), None) | (_, Some(_)) => None,
            (_, None) => Some(name.clone()),
        };
        meant.ok_or_else(|| no_mailbox(name))
    }

    /// What a mailbox is called, and what with the prefix, if that is another name.
    pub(super) fn called(&self, name: &MailboxName) -> (MailboxName, Option<MailboxName>) {
        let full = (self.server.switches().prefix && !name.is_inbox())
            .then(|| MailboxName::parse(&format!("INBOX/{name}")))
            .flatten();
        match full {
            Some(full) if self.naming.get() == Some(Naming::Full) => (full, None),
            full => (name.clone(), full),
        }
    }
}
