//! Messages that look like what was being sent, and are copies of another version of it.

use super::is_it;
use crate::engine::context::{Pass, Ports};
use crate::engine::fault::Fault;
use crate::engine::late;
use crate::engine::pool::RemoteOf;
use crate::engine::ports::Store;
use crate::mail::{Identity, Uid, UidSet};
use crate::sync::{Intent, IntentKind};

/// Leaves out messages of another size than what was sent that are another mail which the state knows: an older or a
/// newer version of a file, which somebody copied. What the server made of a mail in its own way nobody knows.
pub(super) async fn leave_copies<P: Ports>(
    pass: &Pass<'_, P>,
    remote: &mut RemoteOf<P>,
    intents: &[Intent],
    found: &mut Vec<(Uid, Identity)>,
) -> Result<(), Fault> {
    let sent = intents.iter().filter_map(|intent| match &intent.kind {
        IntentKind::Upload { identity, .. } => Some(identity),
        IntentKind::Transfer { .. } | IntentKind::Overdue { .. } => None,
    });
    let sent: Vec<&Identity> = sent.collect();
    let mut others = UidSet::new();
    for (uid, there) in &*found {
        let alike = sent.iter().any(|sent| is_it(sent, there));
        let exact = |sent: &&&Identity| sent.size == there.size && sent.date == there.date;
        if !alike || sent.iter().any(|sent| exact(&sent)) {
            continue;
        }
        let content = late::content_of(remote, &UidSet::from_range(*uid, *uid)).await?;
        if let Some(digest) = content
            && !sent.iter().any(|sent| sent.digest == Some(digest))
            && !pass.store().with_digest(&[digest]).await?.is_empty()
        {
            others.insert(*uid);
        }
    }
    found.retain(|(uid, _)| !others.contains(*uid));
    Ok(())
}
