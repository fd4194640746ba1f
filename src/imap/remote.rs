//! The engine's port, on top of a session.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::command::Command;
use super::error::Error;
use super::session::Session;
use crate::engine::Fault;
use crate::engine::ports::{
    Abilities, Appended, BodySink, BodySource, KnownMailbox, MailboxStatus, Remote, RemoteMailbox,
    Transferred,
};
use crate::mail::{FlagDelta, Flags, Identity, MailboxName, ModSeq, Uid, UidSet, UidValidity};
use crate::sync::RemoteView;

/// How long a server may take over LOGOUT.
const FAREWELL: Duration = Duration::from_secs(2);

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Calls about messages make no sense without a mailbox.
    fn need_selected(&self) -> Result<(), Error> {
        self.selected.as_ref().map(|_| ()).ok_or(Error::NotSelected)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Remote for Session<S> {
    fn abilities(&self) -> Abilities {
        Abilities {
            uidplus: self.offers("UIDPLUS"),
            uid_move: self.moves(),
            append_limit: self
                .capabilities
                .value("APPENDLIMIT")
                .and_then(|limit| limit.parse().ok()),
        }
    }

    async fn list(&mut self) -> Result<Vec<RemoteMailbox>, Fault> {
        Ok(self.mailboxes().await?)
    }

    async fn status(&mut self, mailbox: &MailboxName) -> Result<MailboxStatus, Fault> {
        let mut status = self.stat(mailbox).await?;
        if status.uidvalidity.is_none() || status.uidnext.is_none() {
            // A server that left out what it was asked for says it when the mailbox is opened.
            let with = self.select_condstore();
            let selected = self.select_with(mailbox, with, |_| {}).await?;
            status.uidvalidity = selected.uidvalidity;
            status.uidnext = selected.uidnext;
        }
        Ok(status)
    }

    async fn observe(
        &mut self,
        mailbox: &MailboxName,
        known: Option<KnownMailbox<'_>>,
    ) -> Result<RemoteView, Fault> {
        Ok(self.look(mailbox, known).await?)
    }

    async fn select(&mut self, mailbox: &MailboxName) -> Result<Option<UidValidity>, Fault> {
        if let Some(selected) = self
            .selected
            .as_ref()
            .filter(|selected| selected.name == *mailbox)
        {
            return Ok(selected.uidvalidity);
        }
        self.prepare().await?;
        let with = self.select_condstore();
        let selected = self.select_with(mailbox, with, |_| {}).await?;
        Ok(selected.uidvalidity)
    }

    async fn existing(&mut self, uids: &UidSet) -> Result<UidSet, Fault> {
        self.need_selected()?;
        Ok(self.present(uids).await?)
    }

    async fn identify(&mut self, uids: &UidSet) -> Result<Vec<(Uid, Identity)>, Fault> {
        self.need_selected()?;
        Ok(self.identities(uids).await?)
    }

    async fn fetch(&mut self, uids: &UidSet, sink: &mut impl BodySink) -> Result<(), Fault> {
        self.need_selected()?;
        Ok(self.bodies(uids, sink).await?)
    }

    async fn append(
        &mut self,
        mailbox: &MailboxName,
        flags: &Flags,
        date: i64,
        octets: u64,
        body: &mut impl BodySource,
    ) -> Result<Appended, Fault> {
        Ok(self.upload(mailbox, flags, date, octets, body).await?)
    }

    async fn store(
        &mut self,
        uids: &UidSet,
        delta: &FlagDelta,
        unchanged_since: Option<ModSeq>,
    ) -> Result<UidSet, Fault> {
        self.need_selected()?;
        Ok(self.relabel(uids, delta, unchanged_since).await?)
    }

    async fn transfer(
        &mut self,
        uids: &UidSet,
        to: &MailboxName,
        copy: bool,
    ) -> Result<Transferred, Fault> {
        self.need_selected()?;
        Ok(self.carry(uids, to, copy).await?)
    }

    async fn expunge(&mut self, uids: &UidSet) -> Result<bool, Fault> {
        self.need_selected()?;
        Ok(self.remove(uids).await?)
    }

    async fn expunges(&mut self) -> Result<bool, Fault> {
        self.need_selected()?;
        Ok(self.may_remove().await?)
    }

    async fn create(&mut self, mailbox: &MailboxName) -> Result<(), Fault> {
        Ok(self.make(mailbox).await?)
    }

    async fn rename(&mut self, from: &MailboxName, to: &MailboxName) -> Result<(), Fault> {
        Ok(self.rename_mailbox(from, to).await?)
    }

    async fn close(mut self) {
        let logout = Command::new("LOGOUT", "LOGOUT");
        // The answer begins with BYE; whatever comes, the connection is over.
        let _ = timeout(FAREWELL, self.run_one(logout, |_| {})).await;
    }
}
