//! The mailbox that is selected.

use crate::imap::response::{Code, Untagged};
use crate::mail::{MailboxName, ModSeq, Uid, UidValidity};
use crate::sync::PermanentFlags;

/// The mailbox that is selected, kept up to date by what the server says unasked.
#[derive(Clone, Debug)]
pub(crate) struct Selected {
    pub name: MailboxName,
    pub uidvalidity: Option<UidValidity>,
    pub uidnext: Option<Uid>,
    pub modseq: Option<ModSeq>,
    pub permanent: PermanentFlags,
    pub read_only: bool,
    pub exists: u32,
    /// Messages that came since it was selected, as far as EXISTS told.
    pub grown: u64,
    /// EXPUNGE responses since it was selected.
    pub expunged: u64,
    /// UIDs last beyond the session.
    pub sticky: bool,
    /// EXISTS has come.
    pub counted: bool,
}

impl Selected {
    pub fn new(name: &MailboxName) -> Self {
        Self {
            name: name.clone(),
            uidvalidity: None,
            uidnext: None,
            modseq: None,
            permanent: PermanentFlags::everything(),
            read_only: false,
            exists: 0,
            grown: 0,
            expunged: 0,
            sticky: true,
            counted: false,
        }
    }

    pub fn note_code(&mut self, code: &Code) {
        match code {
            Code::UidValidity(value) => self.uidvalidity = *value,
            Code::UidNext(value) => self.uidnext = *value,
            Code::HighestModSeq(value) => self.modseq = *value,
            Code::NoModSeq => self.modseq = None,
            Code::PermanentFlags(flags) => self.permanent = flags.clone(),
            Code::ReadOnly => self.read_only = true,
            Code::ReadWrite => self.read_only = false,
            Code::UidNotSticky => self.sticky = false,
            _ => {}
        }
    }

    pub fn note(&mut self, untagged: &Untagged) {
        match untagged {
            Untagged::Exists(count) => {
                if self.counted {
                    self.grown += u64::from(count.saturating_sub(self.exists));
                }
                self.counted = true;
                self.exists = *count;
            }
            Untagged::Expunge(_) => {
                self.expunged += 1;
                self.exists = self.exists.saturating_sub(1);
            }
            Untagged::Vanished(uids, false) => {
                let count = u32::try_from(uids.len()).unwrap_or(u32::MAX);
                self.exists = self.exists.saturating_sub(count);
            }
            Untagged::Status(status) => self.note_code(&status.code),
            _ => {}
        }
    }
}
