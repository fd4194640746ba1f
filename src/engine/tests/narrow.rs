//! Passes over some mailboxes: what moved into or out of them is a move, and nothing else is touched.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::{SimPorts, pass, ports, settings};
use crate::engine::pool::Pool;
use crate::engine::ports::Connector as _;
use crate::engine::{Fault, Mode, Report, Scope, Settings, sync};
use crate::sim::content;
use crate::sim::local::NameOnMove;
use crate::sim::world::hand::name;
use crate::sim::{World, block_on, driver};

/// Mails 1 to 3 are in INBOX, 4 to 6 in Work, on both sides.
fn synced() -> World {
    let world = World::new(3);
    world.server.create(&name("Work"), None);
    for number in 1..=6 {
        let place = if number < 4 { "INBOX" } else { "Work" };
        world.arrives(place, number, "");
    }
    driver::settle(&world, &pass).unwrap();
    world
}

fn ask(world: &World, mailbox: &str, mode: Mode) -> Result<Report, Fault> {
    let ports: SimPorts = ports(world);
    let scope = Scope::Only(BTreeSet::from([name(mailbox)]));
    block_on(sync(&ports, &settings(), &scope, mode))
}

/// Who watches may need one of the connections that a pass has left.
#[test]
fn connections_that_are_too_many_now_are_closed_at_once() {
    let world = World::new(3);
    let pool: Pool<SimPorts> = Pool::new(2);
    for _ in 0..2 {
        pool.give(block_on(world.connector().connect()).unwrap());
    }
    assert_eq!(world.server.connections(), 2);
    pool.set_limit(1);
    assert_eq!(world.server.connections(), 1);
    assert!(pool.has_idle());
}

/// Each of those that want one wants it while another one has it.
#[test]
fn who_gets_fewer_connections_than_wanted_goes_on_with_those() {
    let world = World::new(3);
    for (mailbox, number) in ["A", "B", "C"].into_iter().zip(1..) {
        world.server.create(&name(mailbox), None);
        world.arrives(mailbox, number, "");
    }
    world
        .server
        .switch(|switches| switches.connections = Some(1));
    world.steps.set_yielding(true);
    pass(&world).unwrap();
    world.equal().unwrap();
}

/// A name that nothing is called by is a mistake of whoever asked: no problem of the account, and nothing is done.
#[test]
fn a_mailbox_that_is_nowhere_or_left_out_is_unknown() {
    let world = synced();
    world.arrives("INBOX", 7, "");
    let asked = BTreeSet::from([name("INBOX"), name("Wrok")]);
    for mode in [Mode::DryRun, Mode::Apply] {
        let scope = Scope::Only(asked.clone());
        let report = block_on(sync(&ports(&world), &settings(), &scope, mode)).unwrap();
        let unknown = &report.unknown[0];
        assert_eq!((&unknown.name, unknown.left_out), (&name("Wrok"), false));
        assert!(unknown.others.contains(&name("Work")));
        assert_eq!(report.problems, []);
        assert!(report.mailboxes.is_empty(), "{report:?}");
        let file = world.local.find(&name("INBOX"), &content::mail(7));
        assert!(file.is_none());
    }
    world.server.create(&name("Later"), None);
    assert_eq!(ask(&world, "Later", Mode::DryRun).unwrap().unknown, []);
    let narrow = Settings {
        selects: Rc::new(|mailbox| mailbox.as_str() != "Work"),
        ..settings()
    };
    let scope = Scope::Only(BTreeSet::from([name("Work")]));
    let report = block_on(sync(&ports(&world), &narrow, &scope, Mode::Apply)).unwrap();
    assert!(report.unknown[0].left_out);
    assert!(!report.unknown[0].others.contains(&name("Work")));
}

#[test]
fn other_mailboxes_are_neither_made_nor_told_of() {
    let world = World::new(3);
    world.server.create(&name("Work"), None);
    world.arrives("INBOX", 1, "");
    world.arrives("Work", 2, "");
    let foretold = ask(&world, "INBOX", Mode::DryRun).unwrap();
    assert_eq!(foretold.planned.len(), 1, "{:?}", foretold.planned);
    let told: Vec<_> = foretold.mailboxes.keys().collect();
    assert_eq!(told, [&name("INBOX")]);
    only(&world, "INBOX");
    world.is_in(1, &["INBOX"]).unwrap();
    assert!(!world.local.folders_now().contains_key(&name("Work")));
    world.local.make_folder(&name("Notes"));
    only(&world, "INBOX");
    assert!(!world.server.mailboxes().contains_key(&name("Notes")));
    driver::settle(&world, &pass).unwrap();
    world.equal().unwrap();
    world.is_in(2, &["Work"]).unwrap();
}

#[test]
fn a_dry_run_of_the_first_pass_counts_what_would_travel() {
    let world = World::new(3);
    world.arrives("INBOX", 1, "");
    world.arrives("INBOX", 2, "");
    let foretold = || {
        let found = block_on(sync(&ports(&world), &settings(), &Scope::All, Mode::DryRun));
        found.unwrap().mailboxes
    };
    // There is not even a root.
    assert_eq!(foretold()[&name("INBOX")].downloaded, 2);
    driver::settle(&world, &pass).unwrap();
    world.local.make_folder(&name("Notes"));
    world.filed("Notes", 3, "");
    assert_eq!(foretold()[&name("Notes")].uploaded, 1);
    assert_eq!(world.server.uids(&name("INBOX")).len(), 2);
}

fn only(world: &World, mailbox: &str) {
    let report = ask(world, mailbox, Mode::Apply).unwrap();
    assert_eq!(report.problems, []);
}

/// Nothing was sent, fetched or deleted since.
fn nothing_travelled(world: &World, mark: usize) {
    for what in ["server append", "server fetch", "local trash"] {
        let trace = world.steps.trace().split_off(mark);
        assert_eq!(world.steps.traced(mark, what), 0, "{what}: {trace:#?}");
    }
}

#[test]
fn what_moved_out_of_the_mailbox_here_moves_on_the_server() {
    for how in [NameOnMove::New, NameOnMove::Kept, NameOnMove::Rewritten] {
        for asked in ["INBOX", "Work"] {
            let world = synced();
            world.local_move(1, "Work", how);
            let mark = world.steps.trace_len();
            only(&world, asked);
            nothing_travelled(&world, mark);
            world.equal().unwrap();
            world.is_in(1, &["Work"]).unwrap();
        }
    }
}

#[test]
fn what_moved_on_the_server_moves_here() {
    for asked in ["INBOX", "Work"] {
        let world = synced();
        world.remote_move(1, "Work");
        let mark = world.steps.trace_len();
        only(&world, asked);
        assert_eq!(world.steps.traced(mark, "local trash"), 0, "{asked}");
        assert_eq!(world.steps.traced(mark, "local publish"), 0, "{asked}");
        world.equal().unwrap();
        world.is_in(1, &["Work"]).unwrap();
    }
}

#[test]
fn what_moved_to_a_folder_that_is_new_moves_on_the_server() {
    let world = synced();
    world.local.make_folder(&name("Later"));
    world.local_move(1, "Later", NameOnMove::New);
    let mark = world.steps.trace_len();
    only(&world, "INBOX");
    nothing_travelled(&world, mark);
    driver::settle(&world, &pass).unwrap();
    world.equal().unwrap();
    world.is_in(1, &["Later"]).unwrap();
    nothing_travelled(&world, mark);
}

#[test]
fn a_copy_of_what_another_mailbox_has_is_copied() {
    let world = synced();
    world.local_copy(1, "Work");
    only(&world, "Work");
    world.is_in(1, &["INBOX", "Work"]).unwrap();
    world.equal().unwrap();
    let world = synced();
    world.server.append(
        &name("Work"),
        &content::mail(1),
        crate::sim::world::hand::flags(""),
    );
    only(&world, "Work");
    world.is_in(1, &["INBOX", "Work"]).unwrap();
    world.equal().unwrap();
}

#[test]
fn a_deletion_is_a_deletion() {
    let world = synced();
    world.local_delete(1);
    world.remote_delete(2);
    only(&world, "INBOX");
    world.is_in_local_trash(2).unwrap();
    assert_eq!(world.server.uids(&name("INBOX")).len(), 1);
    driver::settle(&world, &pass).unwrap();
    world.is_in(1, &["Trash"]).unwrap();
    world.equal().unwrap();
}

#[test]
fn nothing_is_done_about_other_mailboxes() {
    let world = synced();
    world.local_move(1, "Work", NameOnMove::New);
    world.local_delete(4);
    world.local_flags(5, "F");
    world.remote_delete(6);
    world.arrives("Work", 7, "");
    world.filed("Work", 8, "");
    world.arrives("INBOX", 9, "");
    let work = world.server.uids(&name("Work")).len();
    only(&world, "INBOX");
    world.is_in(1, &["Work"]).unwrap();
    world.is_in(9, &["INBOX"]).unwrap();
    assert_eq!(world.server.uids(&name("Work")).len(), work + 1);
    for number in [6, 8] {
        let file = world.local.find(&name("Work"), &content::mail(number));
        assert!(file.is_some(), "{number}");
    }
    let file = world.local.find(&name("Work"), &content::mail(7));
    assert!(file.is_none());
    driver::settle(&world, &pass).unwrap();
    world.equal().unwrap();
    world.has_flags(5, "F").unwrap();
    world.nothing_doubled().unwrap();
}

#[test]
fn a_dry_run_tells_of_the_move_only() {
    let world = synced();
    world.local_move(1, "Work", NameOnMove::New);
    world.filed("Work", 8, "");
    let report = ask(&world, "INBOX", Mode::DryRun).unwrap();
    assert_eq!(report.planned.len(), 1, "{:?}", report.planned);
}
