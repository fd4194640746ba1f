//! How the mailboxes of the personal namespace are called: decided once, when the server first shows that it has a prefix.

use std::collections::BTreeSet;

use crate::engine::context::{Mode, Pass, Ports};
use crate::engine::fault::Fault;
use crate::engine::pool::RemoteOf;
use crate::engine::ports::{Connector, Folder, Remote, RemoteMailbox, Store};
use crate::mail::MailboxName;
use crate::sync::{Change, Naming, naming};

/// What the server lists, under the names that are used here.
pub(in crate::engine) async fn decide<P: Ports>(
    pass: &Pass<'_, P>,
    remote: &mut RemoteOf<P>,
    listed: Vec<RemoteMailbox>,
    folders: &[Folder],
) -> Result<Vec<RemoteMailbox>, Fault> {
    let full: BTreeSet<&MailboxName> = listed
        .iter()
        .filter_map(|seen| seen.full.as_ref())
        .collect();
    if full.is_empty() || pass.store().naming().await?.is_some() {
        return Ok(listed);
    }
    let records = pass.store().mailboxes().await?;
    let known = records.iter().map(|record| &record.name);
    let decided = naming(
        &full,
        known.chain(folders.iter().map(|folder| &folder.name)),
    );
    if pass.mode == Mode::Apply {
        pass.commit(vec![Change::SetNaming(decided)]).await?;
    }
    pass.ports.connector().set_naming(Some(decided));
    match decided {
        Naming::Short => Ok(listed),
        Naming::Full => remote.list().await,
    }
}
