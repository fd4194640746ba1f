//! Changes messages of the selected mailbox: flags, moves, copies, expunging. Always by exact UIDs, flags always as
//! deltas.

use tokio::io::{AsyncRead, AsyncWrite};

use super::command::{Command, SET_LIMIT};
use super::error::Error;
use super::observe::intersection;
use super::response::{Code, Untagged};
use super::session::Session;
use crate::engine::ports::Transferred;
use crate::mail::{Flag, FlagDelta, Flags, MailboxName, ModSeq, Uid, UidSet};

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Which of these UIDs are there.
    pub(crate) async fn present(&mut self, uids: &UidSet) -> Result<UidSet, Error> {
        let commands = over(uids, |set| {
            Command::new("FETCH", "UID FETCH ").text(set).text(" (UID)")
        });
        let mut found = Vec::new();
        let mut gone = UidSet::new();
        let outcomes = self
            .run(&commands, |untagged| match untagged {
                Untagged::Fetch(fetch) => found.extend(fetch.uid),
                Untagged::BrokenFetch(uid) => found.extend(uid),
                Untagged::Vanished(uids, false) => {
                    uids.ranges()
                        .for_each(|(low, high)| gone.insert_range(low, high));
                }
                _ => {}
            })
            .await?;
        for outcome in outcomes {
            outcome.ok().map_err(Error::Refused)?;
        }
        found.retain(|uid| uids.contains(*uid) && !gone.contains(*uid));
        Ok(found.into_iter().collect())
    }

    /// Changes flags; returns what was not changed because it had been modified.
    pub(crate) async fn relabel(
        &mut self,
        uids: &UidSet,
        delta: &FlagDelta,
        unchanged_since: Option<ModSeq>,
    ) -> Result<UidSet, Error> {
        let conditional = self
            .selected
            .as_ref()
            .is_some_and(|selected| selected.modseq.is_some());
        let since = unchanged_since.filter(|_| conditional);
        let parts: Vec<(char, &Flags)> = [('+', &delta.add), ('-', &delta.remove)]
            .into_iter()
            .filter(|(_, flags)| !flags.is_empty())
            .collect();
        let Some(since) = since else {
            let commands: Vec<Command> = parts
                .iter()
                .flat_map(|(sign, flags)| store_commands(uids, *sign, flags, None))
                .collect();
            return self.store_all(&commands).await;
        };
        // The first change moves MODSEQ past the condition, so the second one goes without, to those that met it.
        let mut modified = UidSet::new();
        let mut left = uids.clone();
        let mut condition = Some(since);
        for (sign, flags) in parts {
            let commands = store_commands(&left, sign, flags, condition.take());
            let failed = self.store_all(&commands).await?;
            // By ranges: a server may name four billion.
            for uid in intersection(&failed, uids).iter() {
                left.remove(uid);
                modified.insert(uid);
            }
        }
        Ok(modified)
    }

    /// MODIFIED comes with OK, and with NO when some of the messages are gone (RFC 7162 section 3.1.3).
    async fn store_all(&mut self, commands: &[Command]) -> Result<UidSet, Error> {
        let mut modified = UidSet::new();
        for outcome in self.run(commands, |_| {}).await? {
            let code = match outcome.ok() {
                Ok(code) => code,
                Err(refusal) if matches!(refusal.code, Code::Modified(_)) => refusal.code,
                Err(refusal) => return Err(Error::Refused(refusal)),
            };
            if let Code::Modified(uids) = code {
                uids.ranges()
                    .for_each(|(low, high)| modified.insert_range(low, high));
            }
        }
        Ok(modified)
    }

    /// Moves or copies messages.
    pub(crate) async fn carry(
        &mut self,
        uids: &UidSet,
        to: &MailboxName,
        copy: bool,
    ) -> Result<Transferred, Error> {
        let moves = !copy && self.moves();
        let (name, verb) = if moves {
            ("MOVE", "UID MOVE ")
        } else {
            ("COPY", "UID COPY ")
        };
        let mut commands = Vec::new();
        for set in uids.chunks(SET_LIMIT) {
            let command = Command::new(name, verb).text(set).text(' ');
            commands.push(self.add_name(command, to).await?);
        }
        let mut codes = Vec::new();
        let outcomes = self
            .run(&commands, |untagged| {
                if let Untagged::Status(status) = untagged {
                    codes.push(status.code);
                }
            })
            .await?;
        for outcome in outcomes {
            codes.push(outcome.ok().map_err(|refusal| match refusal.code {
                // Some servers offer MOVE and refuse it, always.
                Code::None if moves => {
                    self.immovable = true;
                    Error::Refused(refusal)
                }
                Code::TryCreate | Code::OverQuota | Code::NoPermission => Error::Mailbox {
                    mailbox: to.clone(),
                    refusal,
                },
                _ => Error::Refused(refusal),
            })?);
        }
        let mut transferred = paired(uids, codes);
        if !copy && !moves {
            transferred.left = !self.remove(uids).await?;
        }
        Ok(transferred)
    }

    /// Whether messages can be moved in one step.
    pub(crate) fn moves(&self) -> bool {
        self.offers("MOVE") && !self.immovable
    }

    /// Marks messages with `\Deleted` and expunges exactly these, if the server can do that; whether it did.
    pub(crate) async fn remove(&mut self, uids: &UidSet) -> Result<bool, Error> {
        let deleted = Flags::new().with(Flag::Deleted);
        let mut commands = store_commands(uids, '+', &deleted, None);
        let marks = commands.len();
        let able = self.offers("UIDPLUS");
        if able {
            commands.extend(over(uids, |set| {
                Command::new("EXPUNGE", "UID EXPUNGE ").text(set)
            }));
        }
        let mut outcomes = self.run(&commands, |_| {}).await?.into_iter();
        for marked in outcomes.by_ref().take(marks) {
            marked.ok().map_err(Error::Refused)?;
        }
        // That is a right of its own (RFC 4314 section 4). A message that is marked and stays is not lost.
        Ok(able && outcomes.all(|outcome| outcome.ok().is_ok()))
    }

    /// Whether messages can be expunged. Of the last UID there is no mailbox has a message: it would be full.
    pub(crate) async fn may_remove(&mut self) -> Result<bool, Error> {
        if !self.offers("UIDPLUS") {
            return Ok(false);
        }
        let last = UidSet::from_range(Uid::MAX, Uid::MAX);
        let none = Command::new("EXPUNGE", "UID EXPUNGE ").text(&last);
        Ok(self.run_one(none, |_| {}).await?.ok().is_ok())
    }
}

fn over(uids: &UidSet, command: impl Fn(&UidSet) -> Command) -> Vec<Command> {
    uids.chunks(SET_LIMIT).iter().map(command).collect()
}

/// Flags go into lines of their own when there are very many, so that no line grows too long.
fn store_commands(uids: &UidSet, sign: char, flags: &Flags, since: Option<ModSeq>) -> Vec<Command> {
    let condition = since.map_or_else(String::new, |since| format!(" (UNCHANGEDSINCE {since})"));
    over(uids, |set| {
        Command::new("STORE", "UID STORE ")
            .text(set)
            .text(format_args!("{condition} {sign}FLAGS.SILENT "))
            .flags(flags)
    })
}

/// All pairs the server told of messages that were asked for, each once.
fn paired(uids: &UidSet, codes: Vec<Code>) -> Transferred {
    let mut transferred = Transferred::default();
    for code in codes {
        if let Code::CopyUid(uidvalidity, pairs) = code {
            transferred.uidvalidity = Some(uidvalidity);
            transferred
                .pairs
                .extend(pairs.into_iter().filter(|(from, _)| uids.contains(*from)));
        }
    }
    transferred.pairs.sort_unstable();
    transferred
        .pairs
        .dedup_by_key(|(from, _): &mut (Uid, Uid)| *from);
    transferred
}
