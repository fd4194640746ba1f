//! The task of one POP3 account.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::sync::{mpsc, watch};

use super::{Hearing, Shown, Told, pass_notices_on, say_states};
use crate::cli::backend::letters::{LetterParts, policy};
use crate::cli::progress::Terminal;
use crate::config::{Account, Config, Pop3Account};
use crate::daemon::{self, Order, View};
use crate::engine::{self, Fault, Home as _, Telling};

/// What the task of a POP3 account is made of.
pub(super) struct LetterTask {
    pub(super) config: Config,
    pub(super) account: Account,
    pub(super) pop3: Pop3Account,
    pub(super) parts: Rc<RefCell<Option<Rc<LetterParts>>>>,
    pub(super) hearing: Hearing,
}

impl LetterTask {
    pub(super) async fn live(
        &self,
        orders: mpsc::UnboundedReceiver<Order>,
        show: watch::Sender<View>,
        tell: mpsc::UnboundedSender<Told>,
    ) -> Result<(), Fault> {
        let terminal = Terminal::hidden();
        let parts = LetterParts::open(&self.config, &self.account, &terminal).await?;
        let parts = Rc::new(parts);
        let shown = Shown::new(&self.parts, &parts);
        let (notices, noticed) = mpsc::unbounded_channel();
        let poll = self.account.poll;
        let bell = parts.observer().bell();
        let hearing = &self.hearing;
        let listeners = hearing.listeners(&self.config, &self.account, Rc::clone(&bell));
        let telling = listeners.telling();
        let views = show.subscribe();
        let policy = policy(&self.pop3);
        let life = daemon::Letters::new(&*parts, policy, poll, telling, show, notices);
        let name = self.account.name.to_string();
        let acts = engine::letter_acts();
        let hear = listeners.hear(&*parts, acts, &name, |acted| hearing.look(acted));
        let heard = (telling != Telling::Nothing).then(|| Rc::clone(&bell));
        let pass_on = pass_notices_on(name.clone(), noticed, tell, heard);
        tokio::select! {
            _ = futures_util::future::join(life.run(orders), pass_on) => {}
            () = hear => {}
            () = say_states(views, &bell), if telling != Telling::Nothing => {}
        }
        drop(shown);
        if let Some(parts) = Rc::into_inner(parts)
            && let Err(fault) = parts.close().await
        {
            tracing::warn!("the state was not closed properly: {fault}");
        }
        Ok(())
    }
}
