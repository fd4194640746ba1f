//! Is this the Maildir that the state speaks of? Asked before anything else, because an empty directory where a
//! Maildir was looks exactly like a user who deleted all mail.

use thiserror::Error;

use super::context::{Home, Mode, Pass};
use super::fault::{Fault, Reach};
use super::ports::{Local, Marker, Root, StateId, Store};
use crate::sync::Change;

/// Why an account's Maildir is not touched.
#[derive(Debug, Error)]
enum RootError {
    #[error(
        "the Maildir root is missing; is a disk not mounted? Nothing was concluded from it. To fetch all mail again, \
         remove the account's state file"
    )]
    Missing,
    #[error(
        "the Maildir root has lost its marker file .mailferry; is a disk not mounted? Nothing was concluded from it. \
         To join this directory with the server again, remove the account's state file"
    )]
    Unmarked,
    #[error(
        "the Maildir root belongs to another state (its marker file .mailferry says so). To join it with this \
         account, remove the account's state file"
    )]
    Foreign,
    #[error(
        "the state and the Maildir are of different times (one of them came from a backup?); the next sync compares \
         everything anew and deletes nothing, which a dry run cannot foretell"
    )]
    OutOfStep,
}

/// Checks the root against the state; afterwards both belong together.
pub(super) async fn check<P: Home>(pass: &Pass<'_, P>) -> Result<(), Fault> {
    let state = pass.store().id().await?;
    let root = pass.local().root().await?;
    let used = !pass.store().mailboxes().await?.is_empty();
    match root {
        Root::Missing if used => Err(stop(RootError::Missing)),
        Root::Unmarked { .. } if used => Err(stop(RootError::Unmarked)),
        Root::Marked(marker) if used && marker.id != state.id => Err(stop(RootError::Foreign)),
        Root::Marked(marker) if marker.id == state.id => check_epoch(pass, &state, &marker).await,
        _ => mark(pass, &state).await,
    }
}

fn stop(error: RootError) -> Fault {
    Fault::new(Reach::Account, false, error)
}

async fn mark<P: Home>(pass: &Pass<'_, P>, state: &StateId) -> Result<(), Fault> {
    if pass.mode == Mode::DryRun {
        return Ok(());
    }
    let marker = Marker {
        id: state.id.clone(),
        epoch: state.epoch,
    };
    pass.local().mark_root(&marker).await
}

/// A state or a Maildir that is older than the other came from a backup: what it does not know of was not deleted.
async fn check_epoch<P: Home>(
    pass: &Pass<'_, P>,
    state: &StateId,
    marker: &Marker,
) -> Result<(), Fault> {
    if marker.epoch == state.epoch {
        return Ok(());
    }
    if Some(marker.epoch) == state.pending {
        // The marker was written and then the program ended. Settled before a further epoch is announced: stopped
        // again in between, neither of the two epochs the state knows would be the marker's.
        if pass.mode == Mode::DryRun {
            return Ok(());
        }
        // It may not be on the disk yet: what failed may have been its sync.
        pass.local().mark_root(marker).await?;
        return pass.store().set_epoch(marker.epoch, None).await;
    }
    if pass.mode == Mode::DryRun {
        return Err(stop(RootError::OutOfStep));
    }
    pass.remark(
        "the state and the Maildir are of different times (one of them came from a backup?); everything is compared \
          anew and nothing is deleted",
    );
    // First the mailboxes: without them the state knows nothing, whatever its id. Stopped anywhere in between, the
    // next pass goes on as with a state that was lost.
    let known = pass.store().mailboxes().await?;
    let gone = known
        .iter()
        .map(|record| Change::DropMailbox(record.id))
        .collect();
    pass.store().commit(gone).await?;
    let fresh = pass.store().start_over().await?;
    mark(pass, &fresh).await
}
