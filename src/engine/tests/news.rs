//! What is told, and what is not. That each message is told once, wherever a pass stops, is part of every random life.

use super::*;
use crate::sim::server::Poison;
use crate::sim::world::hand;
use crate::sim::{content, driver};
use crate::sync::{HoldVerdict, Side, What};

fn pass_telling(telling: Telling) -> impl Fn(&World) -> Result<(), Fault> {
    move |world: &World| {
        let settings = listening(telling);
        block_on(sync(&ports(world), &settings, &Scope::All, Mode::Apply)).map(drop)
    }
}

fn settled(telling: Telling) -> World {
    let world = World::new(9);
    world.server.create(&hand::name("Archive"), None);
    for number in 1..=3 {
        world.arrives("INBOX", number, "");
    }
    world.local.make_folder(&hand::name("INBOX"));
    world.filed("INBOX", 4, "S");
    driver::settle(&world, &pass_telling(telling)).unwrap();
    world
}

/// What was told, without numbers of anything: side, what, in which mailbox.
fn told(world: &World) -> Vec<String> {
    let name = |id| {
        let all = world.store.mailboxes_now();
        let found = all.into_iter().find(|record| record.id == id);
        found.map_or_else(String::new, |record| record.name.to_string())
    };
    let news = world.store.news_now().into_iter();
    let mut lines: Vec<String> = news
        .map(|news| {
            let side = match news.side {
                Side::Local => "here",
                Side::Remote => "there",
            };
            let place = name(news.mailbox);
            let old = if news.old { " old" } else { "" };
            match news.what {
                What::New => format!("{side}: new in {place}{old}"),
                What::Flags { added, removed } => {
                    format!("{side}: +({added}) -({removed}) in {place}{old}")
                }
                What::Moved { from } => format!("{side}: {} to {place}{old}", name(from)),
                What::Deleted => format!("{side}: deleted in {place}{old}"),
            }
        })
        .collect();
    lines.sort();
    lines
}

fn after(change: impl Fn(&World)) -> Vec<String> {
    let world = settled(Telling::News);
    change(&world);
    driver::settle(&world, &pass).unwrap();
    told(&world)
}

#[test]
fn the_first_sync_is_no_news() {
    assert_eq!(told(&settled(Telling::News)), Vec::<String>::new());
}

/// A filter on the server makes a mailbox for a letter, and with it comes what was moved there.
#[test]
fn mail_in_a_mailbox_that_came_later_is_new_unless_it_is_older_than_the_account() {
    let world = settled(Telling::News);
    let filter = hand::name("Filter");
    world.server.create(&filter, None);
    world.clock.jump(-86_400);
    world.arrives("Filter", 5, "");
    world.clock.jump(86_400);
    world.clock.advance(Duration::from_secs(60));
    world.arrives("Filter", 6, "");
    driver::settle(&world, &pass).unwrap();
    assert_eq!(told(&world), ["there: new in Filter"]);
    world.arrives("Filter", 7, "");
    driver::settle(&world, &pass).unwrap();
    assert_eq!(told(&world).len(), 2);
}

#[test]
fn who_wants_to_know_of_old_mail_is_told_of_it() {
    let told = told(&settled(Telling::Everything));
    assert_eq!(
        told,
        [
            "here: new in INBOX old",
            "there: new in INBOX old",
            "there: new in INBOX old",
            "there: new in INBOX old"
        ]
    );
}

#[test]
fn nobody_is_told_where_nobody_listens() {
    let world = settled(Telling::Nothing);
    world.arrives("INBOX", 5, "");
    world.remote_flags(1, "F", "");
    world.local_delete(2);
    driver::settle(&world, &pass_telling(Telling::Nothing)).unwrap();
    assert_eq!(told(&world), Vec::<String>::new());
}

#[test]
fn arrivals_are_told_by_where_they_came_from() {
    let told = after(|world| {
        world.arrives("INBOX", 5, "");
        world.filed("Archive", 6, "S");
    });
    assert_eq!(told, ["here: new in Archive", "there: new in INBOX"]);
}

#[test]
fn flags_are_told_by_who_changed_them() {
    let told = after(|world| {
        world.remote_flags(1, "F", "");
        world.local_flags(1, "S");
        world.local_flags(4, "");
    });
    assert_eq!(
        told,
        [
            "here: +() -(\\Seen) in INBOX",
            "here: +(\\Seen) -() in INBOX",
            "there: +(\\Flagged) -() in INBOX"
        ]
    );
}

#[test]
fn moves_and_deletions_are_told_by_who_made_them() {
    let told = after(|world| {
        world.remote_move(1, "Archive");
        world.local_move(2, "Archive", crate::sim::local::NameOnMove::Kept);
        world.remote_delete(3);
        world.local_delete(4);
    });
    assert_eq!(
        told,
        [
            "here: INBOX to Archive",
            "here: deleted in INBOX",
            "there: INBOX to Archive",
            "there: deleted in INBOX"
        ],
        "what a deletion brings to the trash is no new mail"
    );
}

/// Seeds 1795446984708, 1795448251214 and 1795448598655 of the stormy lives.
#[test]
fn what_is_done_to_known_mail_is_told_in_a_mailbox_that_came_just_now() {
    let told = after(|world| {
        world.local.make_folder(&hand::name("Box"));
        world.local_move(1, "Box", crate::sim::local::NameOnMove::Kept);
        world.local_flags(1, "F");
    });
    assert_eq!(
        told,
        ["here: +(\\Flagged) -() in Box", "here: INBOX to Box"]
    );
}

#[test]
fn who_was_told_of_mail_is_told_of_its_end() {
    let world = settled(Telling::News);
    let filter = hand::name("Filter");
    world.server.create(&filter, None);
    world.arrives("Filter", 5, "");
    world.arrives("Filter", 6, "");
    let uid = world.server.find(&filter, &content::mail(6)).unwrap();
    let poison = |poison| {
        world.server.change(&filter, |mailbox| {
            mailbox.messages.get_mut(&uid).unwrap().poison = poison;
        });
    };
    // As long as one of its messages cannot be fetched, the mailbox is not synced whole.
    poison(Some(Poison::Refused));
    let _ = pass(&world);
    world.remote_delete(5);
    let _ = pass(&world);
    assert_eq!(
        told(&world),
        ["there: deleted in Filter", "there: new in Filter"]
    );
}

#[test]
fn what_is_paired_after_a_lost_state_is_no_news() {
    let world = settled(Telling::News);
    world.store.lose();
    world.arrives("INBOX", 5, "");
    driver::settle(&world, &pass).unwrap();
    assert_eq!(told(&world), Vec::<String>::new());
    world.arrives("INBOX", 6, "");
    driver::settle(&world, &pass).unwrap();
    assert_eq!(told(&world), ["there: new in INBOX"]);
}

#[test]
fn what_is_numbered_anew_is_no_news() {
    let told = after(|world| world.server.renumber(&hand::name("INBOX")));
    assert_eq!(told, Vec::<String>::new());
}

#[test]
fn what_was_held_and_comes_back_is_no_news() {
    let scenario = scenario::named("flood of deletions here");
    let world = driver::prepare(&scenario, &pass);
    driver::settle(&world, &pass).unwrap();
    let before = told(&world);
    world.store.decide(HoldVerdict::Restore);
    driver::settle(&world, &pass).unwrap();
    assert_eq!(told(&world), before);
}

/// Listeners change nothing: the same life leaves the same traces on both sides, whoever is told of it.
#[test]
fn both_sides_are_the_same_whoever_listens() {
    let chaos = Chaos {
        told: false,
        ..Chaos::CALM
    };
    // In odd lives mailboxes take turns at each call, and there are more calls when somebody listens.
    for seed in (2..300).step_by(2) {
        let lived = [Telling::Nothing, Telling::News, Telling::Everything].map(|telling| {
            let mut trace = driver::random(seed, chaos, &pass_telling(telling));
            trace.retain(|line| !line.contains("store "));
            trace
        });
        assert_eq!(lived[0], lived[1], "seed {seed}");
        assert_eq!(lived[0], lived[2], "seed {seed}");
    }
}
