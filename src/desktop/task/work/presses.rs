//! What the user asks for from a bubble. It is done beside everything else; what fails is shown in its turn.

use std::path::Path;

use tokio::sync::oneshot;

use super::Work;
use crate::desktop::board::Press;
use crate::desktop::clipboard;
use crate::desktop::open::open;
use crate::desktop::words::{Done, Request};

impl Work {
    pub(super) fn press(&mut self, id: u32, action: &str) {
        let token = self
            .token
            .take()
            .filter(|(whose, _)| *whose == id)
            .map(|(_, token)| token);
        let Some((account, press)) = self.board.pressed(id, action) else {
            return;
        };
        tracing::debug!(account = %account, "pressed: {press:?}");
        self.remember();
        match press {
            Press::Open {
                detail,
                member,
                command,
            } => self.outcomes.push(Box::pin(async move {
                let opened = open(&member, &detail, &command, token).await;
                ("open the message", opened)
            })),
            Press::Muted => {}
            Press::Copy(text) => self.outcomes.push(Box::pin(async move {
                ("copy the text", clipboard::copy(&text).await)
            })),
            Press::Act { what, wanted } => self.ask(what, |done| Request::Act {
                account,
                wanted,
                done,
            }),
            Press::Approve(id) => self.ask("approve the deletions", |done| Request::Approve {
                account,
                id,
                done,
            }),
            Press::Restore(id) => self.ask("restore the messages", |done| Request::Restore {
                account,
                id,
                done,
            }),
            Press::SignIn => self.ask("sign in", |done| Request::SignIn { account, done }),
        }
    }

    /// Asks the daemon for something, and waits beside everything else for what becomes of it.
    fn ask(&self, what: &'static str, request: impl FnOnce(Done) -> Request) {
        let (done, is_done) = oneshot::channel();
        // If nobody takes it, nobody answers either.
        let _ = self.requests.send(request(done));
        self.outcomes.push(Box::pin(async move {
            let stopping = || Err("mailferry is stopping".to_owned());
            (what, is_done.await.unwrap_or_else(|_| stopping()))
        }));
    }

    /// Writes down which threads are muted, if that has changed.
    pub(super) fn remember(&mut self) {
        let (Some(text), Some(file)) = (self.board.changed_muted(), self.muted.clone()) else {
            return;
        };
        // One after the other: the last one written is the last one said.
        let before = self.writing.take();
        let (over, is_over) = oneshot::channel();
        self.writing = Some(is_over);
        self.outcomes.push(Box::pin(async move {
            if let Some(before) = before {
                let _ = before.await;
            }
            let writing = tokio::task::spawn_blocking(move || write(&file, &text));
            let written = writing.await.map_err(|error| error.to_string());
            let _ = over.send(());
            (
                "remember the muted thread",
                written.and_then(|written| written.map_err(|error| error.to_string())),
            )
        }));
    }
}

fn write(file: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    let fresh = file.with_extension("new");
    let mut options = std::fs::OpenOptions::new();
    let mut writing = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)?;
    writing.write_all(text.as_bytes())?;
    std::fs::rename(&fresh, file)
}
