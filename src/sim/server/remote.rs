//! A connection to the server: how its calls begin and end, and what it sees.

mod names;
mod port;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use super::{AppendUid, Late, ServerState, SimMailbox, SimMessage, SimServer, Switches};
use crate::engine::ports::{Clock, Connector, KnownMailbox, MailboxStatus};
use crate::engine::{Fault, Reach};
use crate::mail::{Flags, MailboxName, ModSeq, Uid, UidSet, UidValidity};
use crate::sim::content::{self, Body};
use crate::sim::steps::{Place, SimError, Trouble, When, fault};
use crate::sync::{Naming, Presence, RemoteMessage, RemoteView, Side};

/// Whoever is not answered for so long gives the connection up.
const SILENCE: Duration = Duration::from_secs(60);

/// Opens connections.
#[derive(Clone)]
pub struct SimConnector {
    server: SimServer,
    naming: Rc<Cell<Option<Naming>>>,
}

impl SimConnector {
    pub(super) fn new(server: SimServer) -> Self {
        let naming = Rc::default();
        Self { server, naming }
    }
}

impl Connector for SimConnector {
    type Remote = SimRemote;

    async fn connect(&self) -> Result<SimRemote, Fault> {
        let steps = &self.server.steps;
        steps.pause().await;
        let trouble = steps.call(Place::Server, "connect")?;
        if trouble.is_some() {
            return Err(cut("connect"));
        }
        let mut state = self.server.open();
        if state.switches.refuse_login {
            return Err(fault(Reach::Account, false, "the login was refused"));
        }
        let limit = state.switches.connections;
        if limit.is_some_and(|limit| state.connections >= limit) {
            return Err(fault(Reach::Connection, true, "too many connections"));
        }
        state.connections += 1;
        let cuts = state.cuts;
        drop(state);
        Ok(SimRemote {
            used: self.server.clock.monotonic(),
            cuts,
            generation: steps.generation(),
            server: self.server.clone(),
            naming: Rc::clone(&self.naming),
            selected: None,
            dead: false,
            immovable: false,
        })
    }

    fn set_naming(&self, naming: Option<Naming>) {
        self.naming.set(naming);
    }
}

fn cut(what: &str) -> Fault {
    Fault::new(Reach::Connection, true, SimError::Cut(what.to_owned()))
}

fn refused(reach: Reach, what: &str) -> Fault {
    Fault::new(reach, true, SimError::Refused(what.to_owned()))
}

/// One connection.
pub struct SimRemote {
    server: SimServer,
    used: Duration,
    cuts: u64,
    generation: u64,
    naming: Rc<Cell<Option<Naming>>>,
    selected: Option<MailboxName>,
    dead: bool,
    /// A MOVE was refused.
    immovable: bool,
}

impl Drop for SimRemote {
    fn drop(&mut self) {
        let mut state = self.server.state.borrow_mut();
        state.connections = state.connections.saturating_sub(1);
    }
}

/// How a call is to end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Course {
    Whole,
    /// The connection breaks when half of it is done.
    Half,
    /// All of it is done, and then the connection breaks.
    Unheard,
}

impl SimRemote {
    async fn begin(&mut self, what: &str, reach: Reach) -> Result<Course, Fault> {
        let server = self.server.clone();
        server.steps.pause().await;
        if server.switches().silent {
            server.clock.sleep(SILENCE).await;
            return Err(self.break_off(what));
        }
        let current = (server.steps.generation(), server.state.borrow().cuts);
        let now = server.clock.monotonic();
        let used = std::mem::replace(&mut self.used, now);
        let closed = server
            .switches()
            .closes_after
            .is_some_and(|time| now - used > time);
        if self.dead || closed || (self.generation, self.cuts) != current {
            self.dead = true;
            return Err(cut(what));
        }
        server.settle();
        match server.steps.call(Place::Server, what)? {
            None | Some(Trouble::Stop(_) | Trouble::Disk(..)) => Ok(Course::Whole),
            Some(Trouble::Refuse) => Err(refused(reach, what)),
            Some(Trouble::Cut(When::Before)) => Err(self.break_off(what)),
            Some(Trouble::Cut(When::Middle)) => Ok(Course::Half),
            Some(Trouble::Cut(When::After)) => Ok(Course::Unheard),
        }
    }

    fn break_off(&mut self, what: &str) -> Fault {
        self.dead = true;
        cut(what)
    }

    fn finish<T>(&mut self, course: Course, what: &str, value: T) -> Result<T, Fault> {
        if course == Course::Whole {
            Ok(value)
        } else {
            Err(self.break_off(what))
        }
    }

    fn selected(&self) -> Result<MailboxName, Fault> {
        self.selected
            .clone()
            .ok_or_else(|| fault(Reach::Mailbox, false, "no mailbox is selected"))
    }

    fn with<T>(&self, name: &MailboxName, look: impl FnOnce(&SimMailbox) -> T) -> Result<T, Fault> {
        let state = self.server.settled();
        let found = state.mailboxes.get(name).filter(|found| found.selectable);
        found.map(look).ok_or_else(|| no_mailbox(name))
    }

    /// One effect on a mailbox that can be written.
    fn change<T>(
        &self,
        what: &str,
        name: &MailboxName,
        act: impl FnOnce(&mut SimMailbox) -> T,
    ) -> Result<T, Fault> {
        let read_only = self.with(name, |found| found.read_only)?;
        if read_only {
            return Err(refused(Reach::Mailbox, what));
        }
        let server = &self.server;
        let done = server.steps.effect(Place::Server, what, || {
            server.open().mailboxes.get_mut(name).map(act)
        })?;
        done.ok_or_else(|| no_mailbox(name))
    }

    /// What can be done of the course: all, or the first half of the UIDs.
    fn part(uids: &UidSet, course: Course) -> Vec<Uid> {
        let all: Vec<Uid> = uids.iter().collect();
        let count = if course == Course::Half {
            all.len() / 2
        } else {
            all.len()
        };
        all.into_iter().take(count).collect()
    }

    fn status_of(&self, found: &SimMailbox) -> MailboxStatus {
        let switches = self.server.state.borrow().switches;
        MailboxStatus {
            messages: u32::try_from(found.messages.len()).ok(),
            uidnext: told_uidnext(found, &switches),
            uidvalidity: Some(found.uidvalidity).filter(|_| !switches.no_uidvalidity),
            modseq: told_modseq(found, &switches),
            object_id: switches.object_id.then(|| found.object_id.clone()),
        }
    }

    fn view(&self, found: &SimMailbox, known: Option<&KnownMailbox<'_>>) -> RemoteView {
        let switches = self.server.state.borrow().switches;
        let usable =
            known.filter(|known| switches.condstore && known.uidvalidity == found.uidvalidity);
        let since = usable.and_then(|known| known.modseq.map(|since| (since.get(), known.uids)));
        let since = since.filter(|(since, _)| *since <= found.modseq);
        let told = |uid: Uid, message: &SimMessage| {
            since.is_none_or(|(since, uids)| message.modseq > since || !uids.contains(uid))
        };
        let all = found.messages.iter();
        let listed = all
            .filter(|(uid, message)| told(**uid, message))
            .map(|(uid, message)| RemoteMessage {
                uid: *uid,
                flags: message.flags.clone(),
                size: Some(content::size(&message.body)),
            });
        let presence = match since.filter(|_| switches.qresync) {
            Some((_, uids)) => Presence::AllBut(vanished(found, uids, switches.false_vanished)),
            None => Presence::Exactly(found.messages.keys().copied().collect()),
        };
        RemoteView {
            uidvalidity: Some(found.uidvalidity).filter(|_| !switches.no_uidvalidity),
            uidnext: told_uidnext(found, &switches),
            modseq: told_modseq(found, &switches),
            exists: u32::try_from(found.messages.len()).unwrap_or(u32::MAX),
            permanent: found.permanent.clone(),
            read_only: found.read_only,
            listed: listed.collect(),
            presence,
        }
    }

    /// Puts a message where it was sent to, now or later.
    fn accept(
        &self,
        mailbox: &MailboxName,
        body: Body,
        flags: &Flags,
        date: i64,
        unheard: bool,
    ) -> Option<Uid> {
        let server = &self.server;
        let mut state = server.open();
        if let Some(due) = self.later(&mut state, unheard) {
            state.late.push(Late {
                due,
                source: None,
                mailbox: mailbox.clone(),
                body,
                flags: flags.clone(),
                date,
            });
            return None;
        }
        server.ledger.seen(&body, Side::Remote);
        let unique = state.switches.one_of_each;
        let found = state.mailboxes.get_mut(mailbox)?;
        match found.holding(&body).filter(|_| unique) {
            Some(uid) => Some(uid),
            None => Some(found.add(body, flags, date, None)),
        }
    }

    /// When the server carries out what it is told by a connection that dies, if not at once.
    fn later(&self, state: &mut ServerState, unheard: bool) -> Option<i64> {
        let late = state.switches.late;
        let seconds = late.filter(|_| unheard || self.server.steps.stopping())?;
        let most = usize::try_from(seconds).unwrap_or(0);
        let delay = 1 + state.delays.below(most);
        Some(self.server.clock.now() + i64::try_from(delay).unwrap_or(0))
    }

    /// Copies later, if that is how it is to be.
    fn copy_later(
        &self,
        from: &MailboxName,
        to: &MailboxName,
        uids: &[Uid],
        unheard: bool,
    ) -> bool {
        let mut state = self.server.open();
        let Some(due) = self.later(&mut state, unheard) else {
            return false;
        };
        let source = state.mailboxes.get(from);
        let copies: Vec<Late> = uids
            .iter()
            .filter_map(|uid| Some((uid, source?.messages.get(uid)?)))
            .map(|(uid, message)| Late {
                due,
                source: Some((from.clone(), *uid)),
                mailbox: to.clone(),
                body: message.body.clone(),
                flags: message.flags.clone(),
                date: message.date,
            })
            .collect();
        state.late.extend(copies);
        true
    }

    fn append_uid(&self, mailbox: &MailboxName, uid: Uid) -> Option<(UidValidity, Uid)> {
        let state = self.server.state.borrow();
        let found = state.mailboxes.get(mailbox)?;
        let validity = found.uidvalidity;
        if !state.switches.uidplus {
            return None;
        }
        match state.switches.append_uid {
            AppendUid::Right => Some((validity, uid)),
            AppendUid::Missing => None,
            AppendUid::Wrong => found.messages.keys().next().map(|first| (validity, *first)),
            AppendUid::Nothing => Uid::new(uid.get() + 1000).map(|uid| (validity, uid)),
            AppendUid::OtherValidity => {
                UidValidity::new(validity.get() + 77).map(|other| (other, uid))
            }
        }
    }
}

fn told_uidnext(found: &SimMailbox, switches: &Switches) -> Option<Uid> {
    if switches.no_uidnext {
        return None;
    }
    Uid::new(if switches.uidnext_back {
        1
    } else {
        found.uidnext
    })
}

fn told_modseq(found: &SimMailbox, switches: &Switches) -> Option<ModSeq> {
    let told = if switches.modseq_back {
        ModSeq::new(1)
    } else {
        found.highest()
    };
    told.filter(|_| switches.condstore)
}

fn no_mailbox(name: &MailboxName) -> Fault {
    fault(Reach::Mailbox, true, format!("no mailbox {name}"))
}

fn vanished(found: &SimMailbox, known: &UidSet, falsely: bool) -> UidSet {
    let mut gone: UidSet = known
        .iter()
        .filter(|uid| !found.messages.contains_key(uid))
        .collect();
    if falsely {
        gone.extend(known.iter().find(|uid| found.messages.contains_key(uid)));
    }
    gone
}
