//! Is the folder that letters come into the right one, and what became of those that were on their way into it?

use thiserror::Error;

use super::LetterPorts;
use super::commit::news_of;
use super::holdings;
use crate::engine::context::{Mode, Pass};
use crate::engine::fault::{Fault, Reach};
use crate::engine::folders::marker_of;
use crate::engine::ports::{Local, Serial, Store};
use crate::mail::{LocalId, MailboxName};
use crate::sync::{Change, Letter, LetterState, MailboxId, MailboxRecord};

/// Why the folder is not touched.
#[derive(Debug, Error)]
enum DoorstepError {
    #[error(
        "the folder INBOX is gone or has lost its marker file .mailferry; is a disk not mounted? Nothing is fetched into \
         what is there, and nothing deleted on the server. To begin anew with this folder, remove the account's state \
         file"
    )]
    NotOurs,
}

/// The folder that letters come into.
pub(super) struct Inbox {
    pub(super) record: MailboxRecord,
    /// Whether no session has been complete yet.
    pub(super) first: bool,
}

/// The folder, made if there never was one. What is not there any more is not made again: an empty mount point looks
/// just like that.
pub(super) async fn inbox<P: LetterPorts>(pass: &Pass<'_, P>) -> Result<Inbox, Fault> {
    let name = MailboxName::inbox();
    let records = pass.store().mailboxes().await?;
    let Some(record) = records.into_iter().find(|record| record.name == name) else {
        return begin(pass, name).await;
    };
    let folders = pass.local().folders().await?;
    let ours = folders.iter().any(|folder| {
        let marker = folder.marker.as_ref();
        folder.name == name && marker.is_some_and(|marker| marker.id == record.marker)
    });
    if !ours {
        return Err(Fault::new(Reach::Account, false, DoorstepError::NotOurs));
    }
    let first = record.last_sync.is_none();
    Ok(Inbox { record, first })
}

/// The folder first, then the record: stopped in between, the folder is taken over by the next pass.
async fn begin<P: LetterPorts>(pass: &Pass<'_, P>, name: MailboxName) -> Result<Inbox, Fault> {
    let mut record = MailboxRecord {
        id: MailboxId(0),
        name,
        role: None,
        uidvalidity: None,
        uidnext: None,
        modseq: None,
        marker: pass.store().random_id()?,
        object_id: None,
        last_sync: None,
        problem: None,
    };
    if pass.mode == Mode::Apply {
        record.id = MailboxId(pass.store().reserve(Serial::Mailbox).await?);
        pass.announce().await?;
        pass.local()
            .create_folder(&record.name, &marker_of(&record))
            .await?;
        pass.commit(vec![Change::PutMailbox(record.clone())])
            .await?;
    }
    Ok(Inbox {
        record,
        first: true,
    })
}

/// Settles deliveries that were under way when an earlier run ended: what has its name is here, what has not is fetched
/// again. One that is found nowhere was moved on and renamed by a mail program, or is gone; its content tells.
pub(super) async fn settle<P: LetterPorts>(
    pass: &Pass<'_, P>,
    inbox: &Inbox,
    letters: &mut Vec<Letter>,
) -> Result<(), Fault> {
    let open = |letter: &&Letter| letter.known.state == LetterState::Delivering;
    let files: Vec<LocalId> = letters
        .iter()
        .filter(open)
        .map(|letter| letter.local.clone())
        .collect();
    if files.is_empty() {
        return Ok(());
    }
    let name = &inbox.record.name;
    // What had its name may not have been on the disk with it.
    pass.local().settle(name, &[]).await?;
    let view = pass.local().scan(name).await?;
    let staged = pass.local().staged(name, &files).await?;
    let here = |file: &LocalId| view.files.binary_search_by(|it| it.id.cmp(file)).is_ok();
    let is_lost =
        |letter: &Letter| open(&letter) && !here(&letter.local) && !staged.contains(&letter.local);
    let elsewhere = if letters.iter().any(is_lost) {
        // A file that another letter stands for is not this one's, whatever its content.
        let others = letters.iter().filter(|letter| !is_lost(letter)).cloned();
        Some(holdings::look(pass, &others.collect::<Vec<_>>()).await?)
    } else {
        None
    };
    let mut changes = Vec::new();
    letters.retain_mut(|letter| {
        if letter.known.state != LetterState::Delivering {
            return true;
        }
        let moved = || {
            let waits = staged.contains(&letter.local);
            let elsewhere = elsewhere.as_ref().filter(|_| !waits);
            elsewhere.is_some_and(|it| it.take(&letter.digest).is_some())
        };
        let home = here(&letter.local) || moved();
        if home {
            letter.known.state = LetterState::Linked;
            changes.push(Change::SetLetters(
                vec![letter.known.id],
                LetterState::Linked,
            ));
            changes.extend(news_of(pass, inbox, letter));
        } else {
            changes.push(Change::DropLetter(letter.known.id));
        }
        home
    });
    pass.commit(changes).await
}
