//! The account's mailboxes: LIST, STATUS, CREATE, RENAME.

use tokio::io::{AsyncRead, AsyncWrite};

use super::command::Command;
use super::error::Error;
use super::response::{Code, Listed, Stated, Untagged};
use super::session::Session;
use crate::engine::ports::{MailboxStatus, RemoteMailbox};
use crate::mail::MailboxName;

/// The most mailboxes that an account may have.
const MAILBOXES: usize = 50_000;

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// All mailboxes, with their STATUS where the server gives that along (RFC 5819).
    pub(crate) async fn mailboxes(&mut self) -> Result<Vec<RemoteMailbox>, Error> {
        let extended =
            self.offers("LIST-EXTENDED") && self.offers("LIST-STATUS") && !self.plain_list;
        if extended {
            let items = self.status_items();
            let roles = if self.offers("SPECIAL-USE") {
                "SPECIAL-USE "
            } else {
                ""
            };
            let command = Command::new("LIST", "LIST \"\" \"*\" RETURN ")
                .text(format_args!("({roles}STATUS ({items}))"));
            match self.list_by(command).await {
                Err(Error::AccountRefused(refusal)) => {
                    tracing::debug!(%refusal, "the extended LIST does not work here, going on without");
                    self.plain_list = true;
                }
                other => return other,
            }
        }
        self.list_by(Command::new("LIST", "LIST \"\" \"*\"")).await
    }

    async fn list_by(&mut self, command: Command) -> Result<Vec<RemoteMailbox>, Error> {
        let mut listed: Vec<Listed> = Vec::new();
        let mut stated: Vec<Stated> = Vec::new();
        let leaving = self.leave().await?;
        let opening = self.opening(true).into_iter().chain(leaving);
        let commands: Vec<Command> = opening.chain([command]).collect();
        let outcomes = self
            .run(&commands, |untagged| match untagged {
                Untagged::List(item) if listed.len() <= MAILBOXES => listed.push(item),
                Untagged::Stated(item) if stated.len() <= MAILBOXES => stated.push(item),
                _ => {}
            })
            .await?;
        self.opened(&outcomes)?;
        // ID, ENABLE and UNSELECT before it may be refused.
        if let Some(outcome) = outcomes.into_iter().next_back() {
            outcome.ok().map_err(Error::AccountRefused)?;
        }
        if listed.len() > MAILBOXES {
            return Err(Error::TooMany(MAILBOXES));
        }
        self.assemble(listed, stated)
    }

    /// What makes the server look again at the mailbox that is selected: Dovecot 2.3 gives the STATUS that it had when
    /// this connection last heard of it. The command to be sent in front, if it needs no flight of its own.
    async fn leave(&mut self) -> Result<Option<Command>, Error> {
        if self.selected.is_some() && self.offers("UNSELECT") {
            self.selected = None;
            return Ok(Some(Command::new("UNSELECT", "UNSELECT")));
        }
        self.refresh().await?;
        Ok(None)
    }

    /// The same without leaving the mailbox. Dovecot puts a NOOP off until the commands behind it are done, so nothing
    /// may follow it in its flight.
    async fn refresh(&mut self) -> Result<(), Error> {
        if self.selected.is_some() {
            self.run_one(Command::new("NOOP", "NOOP"), |_| {}).await?;
        }
        Ok(())
    }

    fn assemble(
        &self,
        mut listed: Vec<Listed>,
        stated: Vec<Stated>,
    ) -> Result<Vec<RemoteMailbox>, Error> {
        let mut statuses: std::collections::HashMap<Vec<u8>, MailboxStatus> = stated
            .into_iter()
            .map(|item| (key(&item.wire), item.status))
            .collect();
        let mut mailboxes: std::collections::BTreeMap<MailboxName, RemoteMailbox> =
            std::collections::BTreeMap::new();
        let names = &self.options.names;
        names.survey(listed.iter().map(|item| (&*item.wire, item.delimiter)));
        // Two names may read the same, one of them being no valid modified UTF-7 or outside the personal namespace. Two
        // mailboxes must never be taken for one: the same one of them is left out every time.
        let full = |item: &Listed| names.full(&item.wire, item.delimiter, self.utf8);
        listed.sort_by_cached_key(|item| (full(item).is_none(), item.wire.clone()));
        let mut wires: std::collections::HashMap<MailboxName, Listed> =
            std::collections::HashMap::new();
        for item in listed {
            let Some(name) = self
                .options
                .names
                .learn(&item.wire, item.delimiter, self.utf8)
            else {
                tracing::warn!(name = %super::error::Words::new(&item.wire), "left out a mailbox whose name cannot be used");
                continue;
            };
            let first = wires.entry(name.clone()).or_insert_with(|| item.clone());
            if place(first) != place(&item) {
                tracing::warn!(name = %super::error::Words::new(&item.wire), kept = %super::error::Words::new(&first.wire),
                    "left out a mailbox whose name reads like another's");
                self.options
                    .names
                    .learn(&first.wire, first.delimiter, self.utf8);
                continue;
            }
            let mailbox = RemoteMailbox {
                name: name.clone(),
                full: full(&item),
                role: item.role,
                selectable: item.selectable,
                status: statuses.remove(&key(&item.wire)),
            };
            // Some servers list a mailbox twice, once for its role or for its children.
            let known = mailboxes.entry(name).or_insert_with(|| mailbox.clone());
            known.role = known.role.or(mailbox.role);
            known.selectable |= mailbox.selectable;
            known.status = known.status.take().or(mailbox.status);
        }
        if !mailboxes.contains_key(&MailboxName::inbox()) {
            return Err(Error::NoInbox(mailboxes.len()));
        }
        Ok(mailboxes.into_values().collect())
    }

    fn status_items(&self) -> String {
        let mut items = String::from("MESSAGES UIDNEXT UIDVALIDITY");
        if self.condstore() {
            items.push_str(" HIGHESTMODSEQ");
        }
        if self.capabilities.has("OBJECTID") {
            items.push_str(" MAILBOXID");
        }
        items
    }

    /// STATUS of one mailbox.
    pub(crate) async fn stat(&mut self, mailbox: &MailboxName) -> Result<MailboxStatus, Error> {
        let items = self.status_items();
        let open = self.selected.as_ref();
        if open.is_some_and(|open| open.name == *mailbox) {
            self.refresh().await?;
        }
        let command = self.named("STATUS", "STATUS", mailbox).await?;
        let wire = key(&self.options.names.wire(mailbox, self.utf8)?);
        let mut found = None;
        let command = command.text(format_args!(" ({items})"));
        let outcome = self.run_one(command, |untagged| {
            // What is said of another mailbox, unasked, is not the answer.
            if let Untagged::Stated(stated) = untagged
                && key(&stated.wire) == wire
            {
                found = Some(stated.status);
            }
        });
        outcome.await?.ok().map_err(|refusal| Error::Mailbox {
            mailbox: mailbox.clone(),
            refusal,
        })?;
        Ok(found.unwrap_or_default())
    }

    /// Creates a mailbox and subscribes to it. One that exists is as good.
    pub(crate) async fn make(&mut self, mailbox: &MailboxName) -> Result<(), Error> {
        let command = self.named("CREATE", "CREATE", mailbox).await?;
        if let Err(refusal) = self.run_one(command, |_| {}).await?.ok()
            && refusal.code != Code::AlreadyExists
            && !self.is_there(mailbox).await?
        {
            return Err(Error::Mailbox {
                mailbox: mailbox.clone(),
                refusal,
            });
        }
        let command = self.named("SUBSCRIBE", "SUBSCRIBE", mailbox).await?;
        if let Err(refusal) = self.run_one(command, |_| {}).await?.ok() {
            tracing::debug!(%mailbox, %refusal, "not subscribed");
        }
        Ok(())
    }

    /// Many servers refuse to create what exists without saying that this is why.
    async fn is_there(&mut self, mailbox: &MailboxName) -> Result<bool, Error> {
        let wire = self.options.names.wire(mailbox, self.utf8)?;
        // In a LIST these two mean any name, which proves nothing.
        if wire.iter().any(|byte| matches!(byte, b'*' | b'%')) {
            return Ok(false);
        }
        let command = self.named("LIST", "LIST \"\"", mailbox).await?;
        let mut found = false;
        let outcome = self.run_one(command, |untagged| {
            if let Untagged::List(item) = untagged {
                found |= item.selectable && item.wire == wire;
            }
        });
        Ok(outcome.await?.ok().is_ok() && found)
    }

    /// Renames a mailbox.
    pub(crate) async fn rename_mailbox(
        &mut self,
        from: &MailboxName,
        to: &MailboxName,
    ) -> Result<(), Error> {
        let command = self.named("RENAME", "RENAME", from).await?.text(' ');
        let command = self.add_name(command, to).await?;
        self.run_one(command, |_| {})
            .await?
            .ok()
            .map_err(|refusal| Error::Mailbox {
                mailbox: from.clone(),
                refusal,
            })?;
        self.options.names.forget(from);
        // What was selected may have another name now.
        self.selected = None;
        Ok(())
    }
}

/// The name without the delimiter that some servers put behind one with children.
fn place(item: &Listed) -> Vec<u8> {
    let trimmed = item
        .delimiter
        .and_then(|delimiter| item.wire.strip_suffix(&[delimiter]));
    key(trimmed.unwrap_or(&item.wire))
}

/// STATUS may spell INBOX otherwise than LIST.
fn key(wire: &[u8]) -> Vec<u8> {
    if wire.eq_ignore_ascii_case(b"INBOX") {
        b"INBOX".to_vec()
    } else {
        wire.to_vec()
    }
}
