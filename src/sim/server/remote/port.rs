//! The port [`Remote`], as its documentation has it.

use std::rc::Rc;

use super::{Course, SimRemote, no_mailbox, refused};
use crate::engine::ports::{
    Abilities, Appended, BodySink, BodySource, KnownMailbox, MailboxStatus, Remote, RemoteMailbox,
    Transferred,
};
use crate::engine::{Fault, Reach};
use crate::mail::{
    Flag, FlagDelta, Flags, Identity, MailboxName, ModSeq, Uid, UidSet, UidValidity,
};
use crate::sim::content::{self, Body};
use crate::sim::server::{Poison, SimMailbox, SimMessage, SimServer, rename_in};
use crate::sim::steps::{Place, fault};
use crate::sync::RemoteView;

impl Remote for SimRemote {
    fn abilities(&self) -> Abilities {
        let switches = self.server.state.borrow().switches;
        Abilities {
            uidplus: switches.uidplus,
            uid_move: switches.uid_move && !self.immovable,
            append_limit: switches.append_limit,
        }
    }

    async fn list(&mut self) -> Result<Vec<RemoteMailbox>, Fault> {
        let course = self.begin("list", Reach::Account).await?;
        let state = self.server.settled();
        let switches = state.switches;
        if switches.empty_list || !state.mailboxes.contains_key(&MailboxName::inbox()) {
            return Err(fault(Reach::Account, true, "the server lists no INBOX"));
        }
        let told = |(name, found): (&MailboxName, &SimMailbox)| {
            let (name, full) = self.called(name);
            RemoteMailbox {
                name,
                full,
                role: found.role,
                selectable: found.selectable,
                status: (switches.list_status && found.selectable).then(|| self.status_of(found)),
            }
        };
        let all: Vec<RemoteMailbox> = state.mailboxes.iter().map(told).collect();
        drop(state);
        self.finish(course, "list", all)
    }

    async fn status(&mut self, mailbox: &MailboxName) -> Result<MailboxStatus, Fault> {
        let what = format!("status {mailbox}");
        let course = self.begin(&what, Reach::Mailbox).await?;
        let status = self.with(&self.meant(mailbox)?, |found| self.status_of(found))?;
        self.finish(course, &what, status)
    }

    async fn observe(
        &mut self,
        mailbox: &MailboxName,
        known: Option<KnownMailbox<'_>>,
    ) -> Result<RemoteView, Fault> {
        let what = format!("observe {mailbox}");
        let course = self.begin(&what, Reach::Mailbox).await?;
        self.selected = None;
        let meant = self.meant(mailbox)?;
        let view = self.with(&meant, |found| self.view(found, known.as_ref()))?;
        self.selected = Some(meant);
        self.finish(course, &what, view)
    }

    async fn select(&mut self, mailbox: &MailboxName) -> Result<Option<UidValidity>, Fault> {
        let what = format!("select {mailbox}");
        let course = self.begin(&what, Reach::Mailbox).await?;
        self.selected = None;
        let meant = self.meant(mailbox)?;
        let validity = self.with(&meant, |found| found.uidvalidity)?;
        self.selected = Some(meant);
        let hidden = self.server.switches().no_uidvalidity;
        self.finish(course, &what, Some(validity).filter(|_| !hidden))
    }

    async fn existing(&mut self, uids: &UidSet) -> Result<UidSet, Fault> {
        let name = self.selected()?;
        let course = self.begin("existing", Reach::Mailbox).await?;
        let found = self.with(&name, |found| {
            // Asked from the messages: a range may reach up to the last UID there can be.
            let there = found.messages.keys().copied();
            there.filter(|uid| uids.contains(*uid)).collect()
        })?;
        self.finish(course, "existing", found)
    }

    async fn identify(&mut self, uids: &UidSet) -> Result<Vec<(Uid, Identity)>, Fault> {
        let name = self.selected()?;
        let course = self.begin("identify", Reach::Mailbox).await?;
        let known = self.with(&name, |found| {
            let asked = found
                .messages
                .iter()
                .filter(|(uid, _)| uids.contains(**uid));
            let told = asked.map(|(uid, message)| {
                (*uid, content::identity(&message.body, message.date, false))
            });
            told.collect()
        })?;
        self.finish(course, "identify", known)
    }

    async fn fetch(&mut self, uids: &UidSet, sink: &mut impl BodySink) -> Result<(), Fault> {
        let name = self.selected()?;
        let course = self.begin("fetch", Reach::Message).await?;
        for uid in Self::part(uids, course) {
            let Some(message) = self.with(&name, |found| found.messages.get(&uid).cloned())? else {
                continue;
            };
            match message.poison {
                None => {}
                Some(Poison::LeftOut) => continue,
                Some(Poison::Refused) => return Err(refused(Reach::Message, "fetch")),
                Some(Poison::Cuts) => return Err(self.break_off("fetch")),
            }
            let title = content::title(&message.body);
            self.server
                .steps
                .note(format!("server fetch {name} {uid} {title}"));
            let sent = send_to(sink, uid, &message).await;
            // A literal was left half read: nothing else can be read from this connection.
            self.dead |= sent.is_err();
            sent?;
        }
        if course == Course::Half
            && let Some(uid) = uids.last()
            && let Some(message) = self.with(&name, |found| found.messages.get(&uid).cloned())?
        {
            let size = content::size(&message.body);
            sink.begin(uid, size, message.date, Some(message.flags))
                .await?;
            sink.write(&message.body[..message.body.len() / 2]).await?;
        }
        self.finish(course, "fetch", ())
    }

    async fn append(
        &mut self,
        mailbox: &MailboxName,
        flags: &Flags,
        date: i64,
        octets: u64,
        body: &mut impl BodySource,
    ) -> Result<Appended, Fault> {
        let course = self
            .begin(&format!("append {mailbox}"), Reach::Message)
            .await?;
        let mailbox = &self.meant(mailbox)?;
        let read_only = self.with(mailbox, |found| found.read_only)?;
        let limit = self.server.switches().append_limit;
        if read_only || limit.is_some_and(|limit| octets > limit) {
            return Err(refused(Reach::Message, "append"));
        }
        let sent = read_all(body, octets).await;
        self.dead |= sent.is_err();
        let sent = sent?;
        let what = format!("append {mailbox} {}", content::title(&sent));
        if course == Course::Half {
            return Err(self.break_off(&what));
        }
        let unheard = course == Course::Unheard;
        let steps = self.server.steps.clone();
        let uid = steps.effect(Place::Server, &what, || {
            self.accept(mailbox, sent, flags, date, unheard)
        })?;
        if course == Course::Whole && uid.is_none() {
            return Err(no_mailbox(mailbox));
        }
        let uid = uid.and_then(|uid| self.append_uid(mailbox, uid));
        self.finish(course, &what, Appended { uid })
    }

    async fn store(
        &mut self,
        uids: &UidSet,
        delta: &FlagDelta,
        unchanged_since: Option<ModSeq>,
    ) -> Result<UidSet, Fault> {
        let name = self.selected()?;
        let what = format!("store {name} {uids} +({}) -({})", delta.add, delta.remove);
        let course = self.begin(&what, Reach::Mailbox).await?;
        let condstore = self.server.switches().condstore;
        let since = unchanged_since.filter(|_| condstore);
        let half = self.server.switches().half_store;
        let spared = Self::part(uids, if half { Course::Half } else { Course::Whole }).len();
        let modified = self.change(&what, &name, |found| {
            let mut modified = UidSet::new();
            for (at, uid) in Self::part(uids, course).into_iter().enumerate() {
                let Some(message) = found.messages.get(&uid) else {
                    continue;
                };
                let changed = since.is_some_and(|since| message.modseq > since.get());
                if changed || (half && uids.len() > 1 && at >= spared) {
                    modified.insert(uid);
                } else {
                    found.change(uid, delta);
                }
            }
            modified
        })?;
        self.finish(course, &what, modified)
    }

    async fn transfer(
        &mut self,
        uids: &UidSet,
        to: &MailboxName,
        copy: bool,
    ) -> Result<Transferred, Fault> {
        let name = self.selected()?;
        let verb = if copy { "copy" } else { "move" };
        let what = format!("{verb} {name} {uids} to {to}");
        let course = self.begin(&what, Reach::Mailbox).await?;
        let to = &self.meant(to)?;
        self.with(to, |_| ())?;
        let mut switches = self.server.switches();
        switches.uid_move &= !self.immovable;
        if switches.refuse_move && switches.uid_move && !copy {
            self.immovable = true;
            return Err(refused(Reach::Mailbox, &what));
        }
        // Without MOVE all is copied first, so half of the way nothing has been removed yet.
        let (copied, removed) = match (copy, switches.uid_move) {
            (true, _) => (Self::part(uids, course), Vec::new()),
            (false, true) => (Self::part(uids, course), Self::part(uids, course)),
            (false, false) if course == Course::Half => (uids.iter().collect(), Vec::new()),
            (false, false) => (uids.iter().collect(), uids.iter().collect()),
        };
        let server = self.server.clone();
        let expunge = switches.uid_move || (switches.uidplus && !switches.refuse_expunge);
        if self.with(&name, |found| found.read_only)? && !copy {
            return Err(refused(Reach::Mailbox, &what));
        }
        let two_steps = copy || !switches.uid_move;
        let done = server.steps.effect(Place::Server, &what, || {
            if two_steps && self.copy_later(&name, to, &copied, course == Course::Unheard) {
                return Transferred::default();
            }
            carry(&server, &name, to, &copied, &removed, expunge)
        })?;
        let mut done = if switches.uidplus {
            done
        } else {
            Transferred::default()
        };
        done.left = !copy && !expunge;
        self.finish(course, &what, done)
    }

    async fn expunge(&mut self, uids: &UidSet) -> Result<bool, Fault> {
        let name = self.selected()?;
        let what = format!("expunge {name} {uids}");
        let course = self.begin(&what, Reach::Mailbox).await?;
        let switches = self.server.switches();
        let able = switches.uidplus && !switches.refuse_expunge;
        if switches.idle_expunge {
            return self.finish(course, &what, able);
        }
        self.change(&what, &name, |found| {
            for uid in uids.iter() {
                found.change(uid, &deleted());
            }
            for uid in Self::part(uids, course) {
                if able {
                    found.remove(uid);
                }
            }
        })?;
        self.finish(course, &what, able)
    }

    async fn expunges(&mut self) -> Result<bool, Fault> {
        let name = self.selected()?;
        let what = format!("expunge {name} none");
        let course = self.begin(&what, Reach::Mailbox).await?;
        let switches = self.server.switches();
        self.finish(course, &what, switches.uidplus && !switches.refuse_expunge)
    }

    async fn create(&mut self, mailbox: &MailboxName) -> Result<(), Fault> {
        let what = format!("create {mailbox}");
        let course = self.begin(&what, Reach::Mailbox).await?;
        let mailbox = &self.meant(mailbox)?;
        let server = self.server.clone();
        let there = server.settled().mailboxes.contains_key(mailbox);
        if server.switches().refuse_create && !there {
            return Err(refused(Reach::Mailbox, &what));
        }
        if !there && course != Course::Half {
            server
                .steps
                .effect(Place::Server, &what, || server.make(mailbox, None))?;
        }
        self.finish(course, &what, ())
    }

    async fn rename(&mut self, from: &MailboxName, to: &MailboxName) -> Result<(), Fault> {
        let what = format!("rename {from} to {to}");
        let course = self.begin(&what, Reach::Mailbox).await?;
        if course == Course::Half {
            return Err(self.break_off(&what));
        }
        let (from, to) = (&self.meant(from)?, &self.meant(to)?);
        let server = self.server.clone();
        let taken = server.settled().mailboxes.contains_key(to);
        if taken || from.is_inbox() || !server.settled().mailboxes.contains_key(from) {
            return Err(refused(Reach::Mailbox, &what));
        }
        server.steps.effect(Place::Server, &what, || {
            rename_in(&mut server.open().mailboxes, from, to)
        })?;
        self.finish(course, &what, ())
    }

    async fn close(self) {}
}

fn deleted() -> FlagDelta {
    FlagDelta {
        add: Flags::new().with(Flag::Deleted),
        remove: Flags::new(),
    }
}

async fn send_to(sink: &mut impl BodySink, uid: Uid, message: &SimMessage) -> Result<(), Fault> {
    let (head, tail) = message.body.split_at(message.body.len() / 2);
    let size = content::size(&message.body);
    sink.begin(uid, size, message.date, Some(message.flags.clone()))
        .await?;
    sink.write(head).await?;
    sink.write(tail).await?;
    sink.end().await
}

async fn read_all(body: &mut impl BodySource, octets: u64) -> Result<Body, Fault> {
    let mut all = Vec::new();
    loop {
        let next = body.next().await?;
        if next.is_empty() {
            break;
        }
        all.extend_from_slice(&next);
    }
    if content::size(&all) != octets {
        return Err(fault(
            Reach::Message,
            false,
            "the body is not as long as announced",
        ));
    }
    Ok(Rc::from(all))
}

/// Copies messages, then takes the sources away (or marks them).
fn carry(
    server: &SimServer,
    from: &MailboxName,
    to: &MailboxName,
    copied: &[Uid],
    removed: &[Uid],
    expunge: bool,
) -> Transferred {
    let mut state = server.open();
    let mut done = Transferred {
        uidvalidity: state.mailboxes.get(to).map(|found| found.uidvalidity),
        pairs: Vec::new(),
        left: false,
    };
    if done.uidvalidity.is_none() {
        return done;
    }
    for uid in copied {
        let source = state
            .mailboxes
            .get(from)
            .and_then(|found| found.messages.get(uid));
        let Some(SimMessage {
            body,
            flags,
            date,
            poison,
            ..
        }) = source.cloned()
        else {
            continue;
        };
        let unique = state.switches.one_of_each;
        if let Some(found) = state.mailboxes.get_mut(to) {
            let uid_there = match found.holding(&body).filter(|_| unique) {
                Some(there) => there,
                None => found.add(body, &flags, date, poison),
            };
            done.pairs.push((*uid, uid_there));
        }
    }
    let Some(source) = state.mailboxes.get_mut(from) else {
        return done;
    };
    for uid in removed {
        if expunge {
            source.remove(*uid);
        } else {
            source.change(*uid, &deleted());
        }
    }
    done
}
