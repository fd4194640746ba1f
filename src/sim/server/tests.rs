use std::collections::BTreeMap;

use super::*;
use crate::engine::Reach;
use crate::engine::ports::{BodySink, BodySource, Connector, KnownMailbox, Remote};
use crate::mail::{Flag, UidSet};
use crate::sim::steps::{Place, Trouble, When};
use crate::sim::world::hand::{flags, name};
use crate::sim::{Rng, World, block_on, world::Mix};
use crate::sync::{Presence, RemoteView};

type Seen = BTreeMap<Uid, Flags>;

/// What a base would hold after this view, from what it held before.
fn applied(before: &Seen, view: &RemoteView) -> Seen {
    let listed: Seen = view
        .listed
        .iter()
        .map(|m| (m.uid, m.flags.clone()))
        .collect();
    let mut after: Seen = before
        .iter()
        .filter(|(uid, _)| view.presence.has(**uid))
        .map(|(uid, flags)| (*uid, flags.clone()))
        .collect();
    after.extend(listed);
    after
}

fn remote(world: &World) -> SimRemote {
    block_on(world.connector().connect()).unwrap()
}

#[derive(Default)]
struct Sink(Vec<(Uid, Vec<u8>, bool)>);

impl BodySink for Sink {
    async fn begin(
        &mut self,
        uid: Uid,
        _: u64,
        _: i64,
        _: Option<Flags>,
    ) -> Result<(), crate::engine::Fault> {
        self.0.push((uid, Vec::new(), false));
        Ok(())
    }
    async fn write(&mut self, octets: &[u8]) -> Result<(), crate::engine::Fault> {
        self.0.last_mut().unwrap().1.extend_from_slice(octets);
        Ok(())
    }
    async fn end(&mut self) -> Result<(), crate::engine::Fault> {
        self.0.last_mut().unwrap().2 = true;
        Ok(())
    }
}

struct Source(Vec<u8>);

impl BodySource for Source {
    async fn next(&mut self) -> Result<Vec<u8>, crate::engine::Fault> {
        Ok(std::mem::take(&mut self.0))
    }
}

async fn append(remote: &mut SimRemote, number: u64) -> Result<Option<Uid>, crate::engine::Fault> {
    let body = content::mail(number);
    let size = content::size(&body);
    let mut source = Source(body.to_vec());
    let done = remote
        .append(&MailboxName::inbox(), &Flags::new(), 5, size, &mut source)
        .await?;
    Ok(done.uid.map(|(_, uid)| uid))
}

#[test]
fn a_delta_means_the_same_as_the_whole_on_every_kind_of_server() {
    for seed in 0..200 {
        let world = World::new(seed);
        let mut rng = Rng::new(seed);
        world.server.switch(|s| {
            s.condstore = !seed.is_multiple_of(3);
            s.qresync = seed % 3 == 1;
        });
        let inbox = MailboxName::inbox();
        for _ in 0..10 {
            world.random_action(&mut rng, Mix::MESSAGES);
        }
        let mut remote = remote(&world);
        let first = block_on(remote.observe(&inbox, None)).unwrap();
        let mut base = applied(&Seen::new(), &first);
        // Rows that the engine does not have, as after a failed delivery, must be told again.
        let dropped = base.keys().next().copied();
        if let Some(uid) = dropped.filter(|_| rng.one_in(2)) {
            base.remove(&uid);
        }
        for _ in 0..15 {
            world.random_action(&mut rng, Mix::MESSAGES);
        }
        let uids: UidSet = base.keys().copied().collect();
        let known = KnownMailbox {
            uidvalidity: first.uidvalidity.unwrap(),
            modseq: first.modseq,
            uids: &uids,
        };
        let delta = block_on(remote.observe(&inbox, Some(known))).unwrap();
        let whole = block_on(remote.observe(&inbox, None)).unwrap();
        assert!(matches!(whole.presence, Presence::Exactly(_)));
        assert_eq!(matches!(delta.presence, Presence::AllBut(_)), seed % 3 == 1);
        assert_eq!(
            applied(&base, &delta),
            applied(&Seen::new(), &whole),
            "seed {seed}"
        );
    }
}

#[test]
fn a_delta_is_shorter_than_the_whole() {
    let world = World::new(1);
    (1..20).for_each(|number| world.arrives("INBOX", number, ""));
    let mut remote = remote(&world);
    let inbox = MailboxName::inbox();
    let first = block_on(remote.observe(&inbox, None)).unwrap();
    world.remote_flags(3, "S", "");
    world.remote_delete(4);
    let uids: UidSet = first.listed.iter().map(|m| m.uid).collect();
    let known = KnownMailbox {
        uidvalidity: first.uidvalidity.unwrap(),
        modseq: first.modseq,
        uids: &uids,
    };
    let delta = block_on(remote.observe(&inbox, Some(known.clone()))).unwrap();
    assert_eq!(delta.listed.len(), 1);
    assert_eq!(
        delta.presence,
        Presence::AllBut([Uid::new(4).unwrap()].into_iter().collect())
    );
    world.server.renumber(&inbox);
    let other = block_on(remote.observe(&inbox, Some(known))).unwrap();
    assert_eq!(
        other.listed.len(),
        18,
        "another UIDVALIDITY: the base means nothing"
    );
}

#[test]
fn a_false_vanished_names_a_message_that_exists() {
    let world = World::new(1);
    world.arrives("INBOX", 1, "");
    world.server.switch(|s| s.false_vanished = true);
    let mut remote = remote(&world);
    let inbox = MailboxName::inbox();
    let first = block_on(remote.observe(&inbox, None)).unwrap();
    let uids: UidSet = [Uid::MIN].into_iter().collect();
    let known = KnownMailbox {
        uidvalidity: first.uidvalidity.unwrap(),
        modseq: first.modseq,
        uids: &uids,
    };
    let delta = block_on(remote.observe(&inbox, Some(known))).unwrap();
    assert!(!delta.presence.has(Uid::MIN));
    assert!(block_on(remote.existing(&uids)).unwrap().contains(Uid::MIN));
}

#[test]
fn a_store_leaves_alone_what_was_modified_since() {
    let world = World::new(1);
    world.arrives("INBOX", 1, "");
    world.arrives("INBOX", 2, "");
    let mut remote = remote(&world);
    let view = block_on(remote.observe(&MailboxName::inbox(), None)).unwrap();
    world.remote_flags(1, "F", "");
    let uids: UidSet = view.listed.iter().map(|m| m.uid).collect();
    let delta = Flags::new().delta_to(&flags("S"));
    let modified = block_on(remote.store(&uids, &delta, view.modseq)).unwrap();
    assert_eq!(modified, [Uid::MIN].into_iter().collect());
    world.has_flags(1, "F").unwrap();
    world.has_flags(2, "S").unwrap();
}

#[test]
fn an_append_cut_before_its_end_is_not_there_and_after_it_is() {
    for (when, there) in [(When::Before, 0), (When::Middle, 0), (When::After, 1)] {
        let world = World::new(1);
        let mut remote = remote(&world);
        world.steps.trouble_at(Place::Server, 2, Trouble::Cut(when));
        let fault = block_on(append(&mut remote, 1)).unwrap_err();
        assert_eq!(fault.reach, Reach::Connection);
        assert_eq!(
            world.server.uids(&MailboxName::inbox()).len(),
            there,
            "{when:?}"
        );
        let again = block_on(append(&mut remote, 2)).unwrap_err();
        assert_eq!(again.reach, Reach::Connection, "the connection is dead");
    }
}

#[test]
fn late_octets_are_carried_out_later() {
    let world = World::new(1);
    world.server.switch(|s| s.late = Some(10));
    let mut remote = remote(&world);
    world
        .steps
        .trouble_at(Place::Server, 2, Trouble::Cut(When::After));
    assert!(block_on(append(&mut remote, 1)).is_err());
    assert!(world.server.uids(&MailboxName::inbox()).is_empty());
    assert!(!world.server.is_settled());
    world.clock.advance(std::time::Duration::from_secs(10));
    assert_eq!(world.server.uids(&MailboxName::inbox()).len(), 1);
}

#[test]
fn an_append_says_its_uid_as_the_switch_wants() {
    let world = World::new(1);
    let mut remote = remote(&world);
    assert_eq!(block_on(append(&mut remote, 1)).unwrap(), Uid::new(1));
    world.server.switch(|s| s.append_uid = AppendUid::Wrong);
    assert_eq!(block_on(append(&mut remote, 2)).unwrap(), Uid::new(1));
    world.server.switch(|s| s.append_uid = AppendUid::Missing);
    assert_eq!(block_on(append(&mut remote, 3)).unwrap(), None);
}

#[test]
fn a_move_leaves_exactly_one_and_a_cut_one_never_none() {
    for (uid_move, when) in [
        (true, When::Middle),
        (false, When::Middle),
        (true, When::After),
    ] {
        let world = World::new(1);
        world.server.create(&name("Work"), None);
        (1..5).for_each(|number| world.arrives("INBOX", number, ""));
        world.server.switch(|s| s.uid_move = uid_move);
        let mut remote = remote(&world);
        block_on(remote.select(&MailboxName::inbox())).unwrap();
        world.steps.trouble_at(Place::Server, 3, Trouble::Cut(when));
        let uids: UidSet = world
            .server
            .uids(&MailboxName::inbox())
            .into_iter()
            .collect();
        assert!(block_on(remote.transfer(&uids, &name("Work"), false)).is_err());
        world.nothing_lost().unwrap();
        let moved = world.server.uids(&name("Work")).len();
        let left = world.server.uids(&MailboxName::inbox()).len();
        let wanted = match (uid_move, when) {
            (true, When::Middle) => (2, 2),
            (true, _) => (4, 0),
            (false, _) => (4, 4),
        };
        assert_eq!((moved, left), wanted);
    }
}

#[test]
fn without_uidplus_an_expunge_only_marks() {
    let world = World::new(1);
    world.arrives("INBOX", 1, "");
    world.server.switch(|s| s.uidplus = false);
    let mut remote = remote(&world);
    block_on(remote.select(&MailboxName::inbox())).unwrap();
    block_on(remote.expunge(&[Uid::MIN].into_iter().collect())).unwrap();
    let all = world.server.mailboxes();
    assert!(
        all[&MailboxName::inbox()].messages[&Uid::MIN]
            .flags
            .has(Flag::Deleted)
    );
    world.server.switch(|s| s.uidplus = true);
    block_on(remote.expunge(&[Uid::MIN].into_iter().collect())).unwrap();
    assert!(world.server.uids(&MailboxName::inbox()).is_empty());
}

#[test]
fn a_fetch_leaves_out_what_is_poisoned_and_a_cut_one_ends_nothing_by_half() {
    let world = World::new(1);
    (1..4).for_each(|number| world.arrives("INBOX", number, ""));
    let inbox = MailboxName::inbox();
    world.server.change(&inbox, |mailbox| {
        mailbox
            .messages
            .get_mut(&Uid::new(2).unwrap())
            .unwrap()
            .poison = Some(Poison::LeftOut);
    });
    let mut remote = remote(&world);
    block_on(remote.select(&inbox)).unwrap();
    let all: UidSet = world.server.uids(&inbox).into_iter().collect();
    let mut sink = Sink::default();
    block_on(remote.fetch(&all, &mut sink)).unwrap();
    let uids: Vec<u32> = sink.0.iter().map(|got| got.0.get()).collect();
    assert_eq!(uids, [1, 3]);
    assert!(sink.0.iter().all(|got| got.2));
    world
        .steps
        .trouble_at(Place::Server, 4, Trouble::Cut(When::Middle));
    let mut sink = Sink::default();
    assert!(block_on(remote.fetch(&all, &mut sink)).is_err());
    let (last, before) = sink.0.split_last().unwrap();
    assert!(!last.2 && before.iter().all(|got| got.2));
    assert!(last.1.len() < content::mail(3).len());
}

#[test]
fn an_empty_list_is_a_fault_and_a_rename_takes_what_is_below() {
    let world = World::new(1);
    let mut remote = remote(&world);
    world.server.create(&name("A"), None);
    world.server.create(&name("A/B"), None);
    block_on(remote.rename(&name("A"), &name("C"))).unwrap();
    let names: Vec<String> = block_on(remote.list())
        .unwrap()
        .iter()
        .map(|m| m.name.to_string())
        .collect();
    assert_eq!(names, ["C", "C/B", "INBOX", "Trash"]);
    world.server.switch(|s| s.empty_list = true);
    assert!(block_on(remote.list()).is_err());
}

#[test]
fn a_stopped_program_does_nothing_more_and_its_connections_are_dead() {
    let world = World::new(1);
    let mut old = remote(&world);
    world.steps.stop_at(1, When::After);
    assert_eq!(
        block_on(append(&mut old, 1)).unwrap_err().reach,
        Reach::Process
    );
    assert_eq!(
        block_on(append(&mut old, 2)).unwrap_err().reach,
        Reach::Process
    );
    assert_eq!(world.server.uids(&MailboxName::inbox()).len(), 1);
    world.restart(false);
    assert_eq!(
        block_on(append(&mut old, 2)).unwrap_err().reach,
        Reach::Connection
    );
    assert!(block_on(append(&mut remote(&world), 2)).is_ok());
}
