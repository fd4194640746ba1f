//! Whether the Maildir has anything to say: asked when its watch hints at a change, which may be our own.

use std::collections::BTreeSet;

use super::context::{Announced, Mode, Pass, Ports, Scope, Settings};
use super::fault::{Fault, Reach};
use super::observe::local_side;
use super::ports::{Local, Store};
use crate::mail::MailboxName;
use crate::sync::LocalChanges;

/// How the Maildir differs from what was last agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// Folders were made, removed or renamed, or lost their marker.
    pub folders: bool,
    /// Mailboxes whose folders hold something else than their rows say.
    pub mailboxes: BTreeSet<MailboxName>,
}

/// Compares folders with the state, without a word to the server. `names` are looked at, or all.
///
/// # Errors
/// Faults that reach the whole account. A folder that cannot be looked at counts as different.
pub async fn differences<P: Ports>(
    ports: &P,
    settings: &Settings,
    names: Option<&BTreeSet<MailboxName>>,
) -> Result<Differences, Fault> {
    let announced = Announced::default();
    let pass = Pass::new(ports, settings, &Scope::All, Mode::DryRun, &announced);
    let folders = pass.local().folders().await?;
    let mut found = Differences::default();
    let mut known = 0;
    for record in pass.store().mailboxes().await? {
        if !pass.covers(&record.name) {
            continue;
        }
        known += 1;
        let at_home = folders.iter().any(|folder| {
            let marker = folder.marker.as_ref().map(|marker| &marker.id);
            folder.name == record.name && marker == Some(&record.marker)
        });
        if !at_home {
            found.folders = true;
            continue;
        }
        if names.is_some_and(|names| !names.contains(&record.name)) {
            continue;
        }
        match local_side(&pass, &record).await {
            Ok(side) if side.changes == LocalChanges::default() => {}
            Err(fault) if fault.reach >= Reach::Account => return Err(fault),
            Ok(_) | Err(_) => drop(found.mailboxes.insert(record.name)),
        }
    }
    let present = folders.iter().filter(|folder| pass.covers(&folder.name));
    found.folders |= present.count() != known;
    Ok(found)
}
