//! What of all that was observed a pass is about, and whether that can be judged alone.

use super::Observed;
use crate::engine::context::{Pass, Ports};
use crate::mail::{MailboxName, Uid};
use crate::sync::{MailboxId, MailboxInput};

impl Observed {
    /// Whether nothing in it can be half of a move.
    pub(in crate::engine) fn is_simple(&self) -> bool {
        self.input.mailboxes.iter().all(|input| {
            input.local.vanished.is_empty()
                && input.local.published.is_empty()
                && input.local.appeared.is_empty()
                && input.local.edited.is_empty()
                && input.remote.vanished.is_empty()
                && !input.remote.renumbered
        })
    }

    /// Notes what something is to be done about, if that is not everything.
    pub(in crate::engine) fn focus<P: Ports>(&mut self, pass: &Pass<'_, P>) {
        let inputs = self.input.mailboxes.iter().map(|it| &it.base.mailbox);
        let (near, far): (Vec<_>, Vec<_>) = inputs.partition(|it| pass.concerns(&it.name));
        if !far.is_empty() {
            self.input.focus = Some(near.into_iter().map(|it| it.id).collect());
        }
    }

    /// Messages on the server without rows.
    pub(in crate::engine) fn new_messages(
        &self,
    ) -> impl Iterator<Item = (MailboxId, &MailboxName, Uid)> {
        self.input.mailboxes.iter().flat_map(|input| {
            let record = &input.base.mailbox;
            let new = input.remote.appeared.iter();
            new.map(move |message| (record.id, &record.name, message.uid))
        })
    }

    /// The mailboxes that something is to be done about.
    pub(in crate::engine) fn in_focus(&self) -> impl Iterator<Item = &MailboxInput> {
        let inputs = self.input.mailboxes.iter();
        inputs.filter(|input| self.input.concerns(input.base.mailbox.id))
    }
}
