//! What the planner asks for: messages on the server without rows identified, files without rows read.

use std::collections::{BTreeMap, BTreeSet};

use super::Observed;
use super::claimed::take_claims;
use super::versions::read_contents;
use crate::engine::context::{Pass, Ports};
use crate::engine::fault::{Fault, Reach};
use crate::engine::pool::Pool;
use crate::engine::ports::{Local, Remote};
use crate::mail::{LocalId, MailboxName, UidSet};
use crate::sync::{Entry, LocalKnown, MailboxId, Needs, RowId, needs};

/// Learns whatever the planner must know of messages without rows, until it needs nothing more.
pub(in crate::engine) async fn learn<P: Ports>(
    pass: &Pass<'_, P>,
    pool: &Pool<P>,
    observed: &mut Observed,
) -> Result<(), Fault> {
    take_claims(pass, observed).await?;
    let mut asked = Needs::default();
    let mut searched = false;
    loop {
        let mut wanted = needs(&observed.input, &observed.known);
        for (mailbox, files) in &mut wanted.local {
            files.retain(|file| !observed.unread.contains_key(&(*mailbox, file.clone())));
        }
        wanted.local.retain(|_, files| !files.is_empty());
        // Once, and not before it is known what is new in the folders.
        if searched || !wanted.local.is_empty() {
            wanted.unsynced.clear();
        }
        // What was asked for twice and is still not known will not be known in this pass.
        if wanted.is_empty() || wanted == asked {
            return Ok(());
        }
        asked = wanted.clone();
        for (mailbox, files) in wanted.local {
            read_files(pass, observed, mailbox, files).await?;
        }
        if !wanted.remote.is_empty() {
            ask_server(pass, pool, observed, wanted.remote).await?;
        }
        if !wanted.contents.is_empty() {
            read_contents(pass, pool, observed, &wanted.contents).await?;
        }
        if !wanted.unsynced.is_empty() {
            searched = true;
            search(pass, observed, &wanted.unsynced).await?;
        }
    }
}

/// Looks for files that are gone from their folders where nothing is synced. If that fails, nobody knows where they are,
/// and their messages stay.
async fn search<P: Ports>(
    pass: &Pass<'_, P>,
    observed: &mut Observed,
    rows: &BTreeSet<RowId>,
) -> Result<(), Fault> {
    let places = &observed.input.mailboxes;
    let synced: Vec<MailboxName> = places
        .iter()
        .map(|input| input.base.mailbox.name.clone())
        .collect();
    let gone: Vec<Entry> = places
        .iter()
        .flat_map(|input| &input.base.entries)
        .filter(|entry| rows.contains(&entry.row))
        .cloned()
        .collect();
    match pass.local().find_unsynced(&synced, &gone).await {
        Ok(found) => {
            let answers = gone.into_iter().map(|entry| entry.row).zip(found);
            observed.known.unsynced.extend(answers);
            Ok(())
        }
        Err(fault) if fault.reach >= Reach::Account => Err(fault),
        Err(fault) => {
            let text = format_args!(
                "{} messages whose files are gone stay on the server, as the files may be where they could not be \
                 looked for: {fault}",
                gone.len()
            );
            pass.problem(None, &text);
            let places = gone.iter().map(|entry| entry.mailbox);
            observed.doubtful.extend(places);
            Ok(())
        }
    }
}

async fn read_files<P: Ports>(
    pass: &Pass<'_, P>,
    observed: &mut Observed,
    mailbox: MailboxId,
    files: BTreeSet<LocalId>,
) -> Result<(), Fault> {
    let Some(name) = observed.name(mailbox).cloned() else {
        return Ok(());
    };
    let wanted: Vec<LocalId> = files.iter().cloned().collect();
    let mut gone = files;
    for (file, result) in pass.local().inspect(&name, &wanted).await? {
        gone.remove(&file);
        match result {
            Ok(found) => {
                let known = LocalKnown {
                    identity: found.identity,
                    verbatim: found.verbatim,
                    content: found.content,
                };
                observed.known.local.insert((mailbox, file.clone()), known);
                observed.inspected.insert((mailbox, file), found);
            }
            Err(fault) if fault.reach >= Reach::Account => return Err(fault),
            Err(fault) => {
                observed.doubtful.insert(mailbox);
                if !observed.is_parked(mailbox, &file) {
                    pass.problem(Some(&name), &format_args!("{file}: {fault}"));
                }
                observed.unread.insert((mailbox, file), fault.to_string());
            }
        }
    }
    for gone in gone {
        observed.ignore_file(mailbox, &gone);
    }
    Ok(())
}

pub(in crate::engine) async fn ask_server<P: Ports>(
    pass: &Pass<'_, P>,
    pool: &Pool<P>,
    observed: &mut Observed,
    wanted: BTreeMap<MailboxId, UidSet>,
) -> Result<(), Fault> {
    let mut remote = pool.take(pass).await?;
    for (mailbox, uids) in wanted {
        let Some(name) = observed.name(mailbox).cloned() else {
            continue;
        };
        remote.select(&name).await?;
        let mut missing = uids;
        for (uid, identity) in remote.identify(&missing).await? {
            observed.known.remote.insert((mailbox, uid), identity);
        }
        for uid in missing.iter().collect::<Vec<_>>() {
            if observed.known.remote.contains_key(&(mailbox, uid)) {
                missing.remove(uid);
            }
        }
        observed.ignore_messages(mailbox, &missing);
    }
    pool.give(remote);
    Ok(())
}

impl Observed {
    /// Whether a file waits for its next try, and was only read because another one is gone.
    pub(in crate::engine) fn is_parked(&self, mailbox: MailboxId, file: &LocalId) -> bool {
        let mut parked = self.input.parked.iter();
        parked.any(|parked| parked.mailbox == mailbox && parked.local.as_ref() == Some(file))
    }

    /// A file that went while it was asked for is not looked at in this pass.
    fn ignore_file(&mut self, mailbox: MailboxId, file: &LocalId) {
        let input = self
            .input
            .mailboxes
            .iter_mut()
            .find(|input| input.base.mailbox.id == mailbox);
        if let Some(input) = input {
            input.local.appeared.retain(|found| found.id != *file);
            input.local.edited.retain(|(_, found)| found.id != *file);
            self.doubtful.insert(mailbox);
        }
    }

    /// Messages that went while they were asked for are not looked at in this pass.
    pub(in crate::engine) fn ignore_messages(&mut self, mailbox: MailboxId, uids: &UidSet) {
        let input = self
            .input
            .mailboxes
            .iter_mut()
            .find(|input| input.base.mailbox.id == mailbox);
        if let Some(input) = input.filter(|_| !uids.is_empty()) {
            input
                .remote
                .appeared
                .retain(|found| !uids.contains(found.uid));
            self.doubtful.insert(mailbox);
        }
    }
}
