//! A mail server in memory, and what other clients do to it.

mod actor;
mod remote;
mod switches;
#[cfg(test)]
mod tests;

use std::cell::{Ref, RefCell, RefMut};
use std::collections::BTreeMap;
use std::rc::Rc;

pub use remote::{SimConnector, SimRemote};
pub use switches::{AppendUid, Poison, Switches};

use super::SimClock;
use super::content::{self, Body};
use super::ledger::Ledger;
use super::rng::Rng;
use super::steps::Steps;
use crate::engine::ports::Clock;
use crate::mail::{FlagDelta, Flags, MailboxName, ModSeq, SpecialUse, Uid, UidValidity};
use crate::sync::{PermanentFlags, Side};

/// A message on the server.
#[derive(Clone, Debug)]
pub struct SimMessage {
    /// Its octets.
    pub body: Body,
    /// Its flags.
    pub flags: Flags,
    /// INTERNALDATE, seconds since 1970.
    pub date: i64,
    /// Its modification sequence.
    pub modseq: u64,
    /// What is wrong with it.
    pub poison: Option<Poison>,
    /// A dead connection's APPEND made it, and nobody has touched it since.
    pub late: bool,
}

/// A mailbox on the server.
#[derive(Clone, Debug)]
pub struct SimMailbox {
    /// UIDVALIDITY.
    pub uidvalidity: UidValidity,
    /// UIDNEXT.
    pub uidnext: u32,
    /// HIGHESTMODSEQ.
    pub modseq: u64,
    /// What it is for.
    pub role: Option<SpecialUse>,
    /// Whether it can be selected.
    pub selectable: bool,
    /// MAILBOXID.
    pub object_id: String,
    /// Flags that it keeps.
    pub permanent: PermanentFlags,
    /// Whether it can only be read.
    pub read_only: bool,
    /// Its messages.
    pub messages: BTreeMap<Uid, SimMessage>,
}

impl SimMailbox {
    fn add(&mut self, body: Body, flags: &Flags, date: i64, poison: Option<Poison>) -> Uid {
        let uid = Uid::new(self.uidnext).expect("UIDs last");
        self.uidnext += 1;
        self.modseq += 1;
        let message = SimMessage {
            body,
            flags: self.permanent.kept(flags),
            date,
            modseq: self.modseq,
            poison,
            late: false,
        };
        self.messages.insert(uid, message);
        uid
    }

    /// A message with this content.
    fn holding(&self, body: &Body) -> Option<Uid> {
        let mut all = self.messages.iter();
        all.find(|(_, message)| message.body == *body)
            .map(|(uid, _)| *uid)
    }

    fn change(&mut self, uid: Uid, delta: &FlagDelta) {
        let kept = self.permanent.clone();
        let Some(message) = self.messages.get_mut(&uid) else {
            return;
        };
        let target = delta.apply(&message.flags);
        let target = kept.kept(&target);
        if target != message.flags {
            self.modseq += 1;
            message.flags = target;
            message.modseq = self.modseq;
        }
    }

    fn remove(&mut self, uid: Uid) -> Option<SimMessage> {
        let gone = self.messages.remove(&uid);
        if gone.is_some() {
            self.modseq += 1;
        }
        gone
    }

    fn highest(&self) -> Option<ModSeq> {
        ModSeq::new(self.modseq)
    }
}

#[derive(Clone, Debug)]
struct Late {
    due: i64,
    /// What it is a COPY of; `None` for an APPEND.
    source: Option<(MailboxName, Uid)>,
    mailbox: MailboxName,
    body: Body,
    flags: Flags,
    date: i64,
}

/// All that is on the server.
#[derive(Clone, Debug)]
pub struct ServerState {
    switches: Switches,
    mailboxes: BTreeMap<MailboxName, SimMailbox>,
    generations: u32,
    objects: u32,
    late: Vec<Late>,
    /// Draws how late.
    delays: Rng,
    connections: u32,
    /// How often all connections were cut.
    cuts: u64,
}

/// The server; clones are the same one.
#[derive(Clone)]
pub struct SimServer {
    state: Rc<RefCell<ServerState>>,
    steps: Steps,
    clock: SimClock,
    ledger: Ledger,
}

impl SimServer {
    /// A server with INBOX and Trash.
    #[must_use]
    pub fn new(seed: u64, steps: Steps, clock: SimClock, ledger: Ledger) -> Self {
        let state = ServerState {
            switches: Switches::default(),
            mailboxes: BTreeMap::new(),
            generations: 1000,
            objects: 0,
            late: Vec::new(),
            delays: Rng::new(seed ^ 0x1a7e),
            connections: 0,
            cuts: 0,
        };
        let server = Self {
            state: Rc::new(RefCell::new(state)),
            steps,
            clock,
            ledger,
        };
        server.make(&MailboxName::inbox(), None);
        let trash = MailboxName::parse("Trash").expect("a name");
        server.make(&trash, Some(SpecialUse::Trash));
        server
    }

    /// Changes the switches.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.state.borrow_mut().switches);
    }

    /// The switches.
    #[must_use]
    pub fn switches(&self) -> Switches {
        self.state.borrow().switches
    }

    /// What opens connections to it.
    #[must_use]
    pub fn connector(&self) -> SimConnector {
        SimConnector::new(self.clone())
    }

    /// Everything as it is now, for a backup.
    #[must_use]
    pub fn snapshot(&self) -> ServerState {
        self.settled().clone()
    }

    /// Everything as it was then: the server was restored from a backup.
    pub fn restore(&self, from: ServerState) {
        self.steps.note("ext: server restored");
        let (connections, cuts) = (self.connections(), self.state.borrow().cuts);
        *self.state.borrow_mut() = ServerState {
            connections,
            cuts,
            ..from
        };
    }

    /// How many connections are open.
    #[must_use]
    pub fn connections(&self) -> u32 {
        self.state.borrow().connections
    }

    /// Breaks all connections there are.
    pub fn cut_all(&self) {
        self.state.borrow_mut().cuts += 1;
    }

    /// Every mailbox with numbers that change whenever something in it does.
    #[must_use]
    pub fn marks(&self) -> BTreeMap<MailboxName, (UidValidity, u64)> {
        let state = self.settled();
        let all = state.mailboxes.iter();
        all.map(|(name, found)| (name.clone(), (found.uidvalidity, found.modseq)))
            .collect()
    }

    /// All mailboxes.
    #[must_use]
    pub fn mailboxes(&self) -> BTreeMap<MailboxName, SimMailbox> {
        self.settled().mailboxes.clone()
    }

    /// The UIDs of a mailbox.
    #[must_use]
    pub fn uids(&self, mailbox: &MailboxName) -> Vec<Uid> {
        let state = self.settled();
        let found = state.mailboxes.get(mailbox);
        found.map_or_else(Vec::new, |found| found.messages.keys().copied().collect())
    }

    /// The first message with this content in a mailbox.
    #[must_use]
    pub fn find(&self, mailbox: &MailboxName, body: &Body) -> Option<Uid> {
        let state = self.settled();
        let messages = &state.mailboxes.get(mailbox)?.messages;
        let mut found = messages.iter().filter(|(_, message)| message.body == *body);
        found.next().map(|(uid, _)| *uid)
    }

    /// Whether APPENDs of broken connections are still on their way.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.settled().late.is_empty()
    }

    fn settled(&self) -> Ref<'_, ServerState> {
        self.settle();
        self.state.borrow()
    }

    fn open(&self) -> RefMut<'_, ServerState> {
        self.settle();
        self.state.borrow_mut()
    }

    /// Carries out what came late and is due.
    fn settle(&self) {
        let now = self.clock.now();
        let mut state = self.state.borrow_mut();
        let (due, rest): (Vec<Late>, Vec<Late>) =
            state.late.drain(..).partition(|late| late.due <= now);
        state.late = rest;
        for mut late in due {
            if let Some((mailbox, uid)) = &late.source {
                let source = state.mailboxes.get(mailbox);
                let Some(source) = source.and_then(|found| found.messages.get(uid)) else {
                    continue;
                };
                late.flags = source.flags.clone();
            }
            let verb = if late.source.is_some() {
                "copy"
            } else {
                "append"
            };
            let line = format!(
                "ext: late {verb} {} {}",
                late.mailbox,
                content::title(&late.body)
            );
            self.steps.note(line);
            if let Some(mailbox) = state.mailboxes.get_mut(&late.mailbox) {
                self.ledger.seen(&late.body, Side::Remote);
                let mut there = mailbox.messages.values();
                if late.source.is_some() && there.all(|other| other.body != late.body) {
                    // Nobody can tell it from a copy that somebody else made.
                    self.ledger.born(&late.body, Side::Remote);
                }
                let uid = mailbox.add(late.body, &late.flags, late.date, None);
                if let Some(message) = mailbox.messages.get_mut(&uid) {
                    message.late = true;
                }
            }
        }
    }

    fn make(&self, name: &MailboxName, role: Option<SpecialUse>) {
        let mut state = self.state.borrow_mut();
        state.generations += 1;
        state.objects += 1;
        let mailbox = SimMailbox {
            uidvalidity: UidValidity::new(state.generations).expect("not zero"),
            uidnext: 1,
            modseq: 1,
            role,
            selectable: true,
            object_id: format!("F{}", state.objects),
            permanent: PermanentFlags::everything(),
            read_only: false,
            messages: BTreeMap::new(),
        };
        state.mailboxes.entry(name.clone()).or_insert(mailbox);
    }
}

/// Renames a key and all below it; nothing if the target is taken.
pub(super) fn rename_in<T>(
    all: &mut BTreeMap<MailboxName, T>,
    from: &MailboxName,
    to: &MailboxName,
) -> bool {
    if all.contains_key(to) || to.is_below(from) {
        return false;
    }
    let moved = |name: &MailboxName| *name == *from || name.is_below(from);
    let names: Vec<MailboxName> = all.keys().filter(|name| moved(name)).cloned().collect();
    for name in &names {
        let rest = name
            .as_str()
            .strip_prefix(from.as_str())
            .unwrap_or_default();
        let target = MailboxName::parse(&format!("{to}{rest}")).expect("a name");
        if let Some(value) = all.remove(name) {
            all.insert(target, value);
        }
    }
    !names.is_empty()
}
