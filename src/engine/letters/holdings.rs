//! What the Maildir holds, by content: asked when the state cannot know, so that nothing is brought a second time.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::LetterPorts;
use crate::engine::context::Pass;
use crate::engine::fault::Fault;
use crate::engine::ports::Local;
use crate::mail::{Digest, LocalId};
use crate::sync::Letter;

/// So many files are read at once.
const PORTION: usize = 256;

/// Files that no known letter stands for. Each stands for one letter.
#[derive(Debug, Default)]
pub(super) struct Holdings {
    files: RefCell<Vec<Option<LocalId>>>,
    by_content: BTreeMap<Digest, Vec<usize>>,
}

/// Reads all files of the account's Maildir but those that known letters stand for.
pub(super) async fn look<P: LetterPorts>(
    pass: &Pass<'_, P>,
    known: &[Letter],
) -> Result<Holdings, Fault> {
    let taken: BTreeSet<&LocalId> = known.iter().map(|letter| &letter.local).collect();
    let mut found = Holdings::default();
    for folder in pass.local().folders().await? {
        let view = pass.local().scan(&folder.name).await?;
        let files: Vec<LocalId> = view
            .files
            .into_iter()
            .map(|file| file.id)
            .filter(|file| !taken.contains(file))
            .collect();
        for some in files.chunks(PORTION) {
            for (file, inspected) in pass.local().inspect(&folder.name, some).await? {
                // What cannot be read is no letter that came whole.
                let Ok(inspected) = inspected else { continue };
                let verbatim = inspected.verbatim.map(|(_, digest)| digest);
                found.add(file, inspected.identity.digest.into_iter().chain(verbatim));
            }
        }
    }
    Ok(found)
}

impl Holdings {
    fn add(&mut self, file: LocalId, contents: impl Iterator<Item = Digest>) {
        let mut files = self.files.borrow_mut();
        for digest in contents {
            self.by_content.entry(digest).or_default().push(files.len());
        }
        files.push(Some(file));
    }

    /// A file with this content; not given out again.
    pub(super) fn take(&self, content: &Digest) -> Option<LocalId> {
        let mut files = self.files.borrow_mut();
        let places = self.by_content.get(content)?;
        places
            .iter()
            .find_map(|at| files.get_mut(*at).and_then(Option::take))
    }
}
