//! What other programs have noted of the folders that they filled.

use super::Observed;
use crate::engine::context::{Pass, Ports};
use crate::engine::fault::{Fault, Reach};
use crate::engine::ports::Local;
use crate::mail::LocalId;
use crate::sync::{MailboxInput, believed};

/// Asks for notes about files without rows, in mailboxes that were never synced to their end. Without notes the headers
/// and the contents decide, so that none is no failure.
pub(super) async fn take_claims<P: Ports>(
    pass: &Pass<'_, P>,
    observed: &mut Observed,
) -> Result<(), Fault> {
    let Observed {
        input,
        known,
        facts,
        ..
    } = observed;
    for mailbox in input.mailboxes.iter().filter(|input| is_new(input)) {
        let id = mailbox.base.mailbox.id;
        let appeared = mailbox.local.appeared.iter();
        let files: Vec<LocalId> = appeared.map(|file| file.id.clone()).collect();
        let notes = match pass.local().notes(&mailbox.base.mailbox.name, &files).await {
            Ok(notes) => notes,
            Err(fault) if fault.reach >= Reach::Account => return Err(fault),
            Err(_) => continue,
        };
        let uidvalidity = facts.get(&id).and_then(|facts| facts.uidvalidity);
        let claims = believed(notes, uidvalidity).into_iter();
        known
            .claims
            .extend(claims.map(|(file, claim)| ((id, file), claim)));
    }
    Ok(())
}

/// Whether both sides are joined for the first time.
fn is_new(input: &MailboxInput) -> bool {
    let both = !input.local.appeared.is_empty() && !input.remote.appeared.is_empty();
    both && input.base.mailbox.last_sync.is_none()
}
