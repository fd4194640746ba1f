//! Waiting for either side, for orders and for time; and the end.

use std::time::Duration;

use super::super::Watched;
use super::super::inbox::Inbox;
use super::super::jobs::From;
use super::Account;
use crate::engine::Fault;
use crate::engine::ports::{Clock, Hint, LocalWatch, RemoteWatch};

/// So long servers have to say goodbye.
const GOODBYE: Duration = Duration::from_millis(700);

/// What was waited for.
enum Heard {
    Nothing,
    Local(Vec<Hint>),
    Remote(Result<Vec<Hint>, Fault>),
}

impl<P: Watched> Account<'_, P> {
    /// A server that does not answer any more is not waited for: whoever ends the program does not wait long either.
    pub(super) async fn say_goodbye(&mut self) {
        let remote = self.remote.take();
        let all = async {
            let watching = async {
                if let Some(remote) = remote {
                    remote.close().await;
                }
            };
            tokio::join!(watching, self.link.close());
        };
        tokio::select! {
            biased;
            () = all => {}
            () = self.parts.clock().sleep(GOODBYE) => {}
        }
    }

    pub(super) async fn wait(&mut self, until: Option<Duration>, inbox: &mut Inbox) {
        let now = self.now();
        let time = until.map(|until| until.saturating_sub(now));
        let heard = {
            let clock = self.parts.clock();
            let timer = async {
                match time {
                    Some(time) if time < Duration::MAX - now => clock.sleep(time).await,
                    _ => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = inbox.next() => Heard::Nothing,
                hints = next_remote(&mut self.remote) => Heard::Remote(hints),
                hints = next_local(&mut self.folders) => Heard::Local(hints),
                () = timer => Heard::Nothing,
            }
        };
        let now = self.now();
        match heard {
            Heard::Nothing => {}
            Heard::Local(hints) => {
                for hint in hints {
                    self.jobs.hint(hint, From::Local, now);
                }
                let coverage = self.folders.as_ref().map(LocalWatch::coverage);
                self.show(|view| view.local = coverage.unwrap_or_default());
            }
            Heard::Remote(Ok(hints)) => {
                for hint in hints {
                    self.jobs.hint(hint, From::Remote, now);
                }
            }
            Heard::Remote(Err(fault)) => self.lost(&fault),
        }
    }
}

async fn next_remote<W: RemoteWatch>(watch: &mut Option<W>) -> Result<Vec<Hint>, Fault> {
    match watch {
        Some(watch) => watch.next().await,
        None => std::future::pending().await,
    }
}

async fn next_local<W: LocalWatch>(watch: &mut Option<W>) -> Vec<Hint> {
    match watch {
        Some(watch) => watch.next().await,
        None => std::future::pending().await,
    }
}
