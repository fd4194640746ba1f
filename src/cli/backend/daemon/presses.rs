//! What the user asks for from bubbles.

use tokio::sync::oneshot;

use super::Daemon;
use crate::control::{Call, Request as Asked};
use crate::daemon::Order;
use crate::desktop::{Done, Request};
use crate::sync::Wanted;

impl Daemon<'_> {
    /// Does what somebody pressed a button for.
    pub(super) fn press(&mut self, request: Request) {
        match request {
            Request::Act {
                account,
                wanted,
                done,
            } => self.act(&account, wanted, done),
            Request::Approve { id, done, .. } => {
                self.ask(Asked::Approve { id }, done);
            }
            Request::Restore { id, done, .. } => {
                self.ask(Asked::Restore { id }, done);
            }
            Request::SignIn { account, done } => {
                let resumed = self.tell_accounts(Some(&account), || Order::Resume);
                let _ = done.send(resumed.map(drop).map_err(|refusal| refusal.message));
            }
        }
    }

    /// As if it came over the bus; a pass follows, in which the user sees what it leads to.
    fn ask(&mut self, request: Asked, done: Done) {
        let (answer, answered) = oneshot::channel();
        self.answer(Call { request, answer });
        let (answer, synced) = oneshot::channel();
        let everything = Asked::Sync {
            targets: Vec::new(),
            dry_run: false,
        };
        self.answer(Call {
            request: everything,
            answer,
        });
        tokio::task::spawn_local(async move {
            let result = match answered.await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(refusal)) => Err(refusal.message),
                Err(_) => Err("the daemon is stopping".to_owned()),
            };
            // Whoever asked sees in the mailbox what came of it.
            let _ = synced.await;
            let _ = done.send(result);
        });
    }

    fn act(&self, account: &str, wanted: Vec<Wanted>, done: Done) {
        let mut running = self.running.iter();
        let running = running.find(|it| it.account.name.as_str() == account);
        let acting = running.and_then(|it| Some((it.act(wanted)?, it.sender())));
        let Some((acting, orders)) = acting else {
            let _ = done.send(Err("the account does not run".to_owned()));
            return;
        };
        tokio::task::spawn_local(async move {
            let result = match acting.await {
                Err(fault) => Err(fault.to_string()),
                Ok(acted) => {
                    let problem = match acted.refused.first() {
                        Some((_, why)) => Err(why.clone()),
                        None if acted.skipped > 0 => {
                            Err("the message is not there any more".to_owned())
                        }
                        None => Ok(()),
                    };
                    let _ = orders.send(Order::Look(acted.touched, acted.folders));
                    problem
                }
            };
            let _ = done.send(result);
        });
    }
}
