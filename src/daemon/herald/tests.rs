//! The herald in a world in memory: what is told, in which order, and that it is told at least once.

mod holds;
mod parts;
mod wishes;

use std::collections::{BTreeMap, VecDeque};

use self::parts::{Recorder, heard, parts, pass, settings, settled, tell};
use super::*;
use crate::mail::{Flag, Flags, LocalId};
use crate::sim::block_on;
use crate::sim::driver;
use crate::sim::steps::When;
use crate::sim::world::hand::name;
use crate::sync::{Act, Happened, RowId, Side};

#[test]
fn what_happened_in_a_mailbox_is_told_in_order_and_then_that_it_is_synced() {
    let world = settled();
    assert!(heard(&world).is_empty());
    world.arrives("INBOX", 3, "F");
    world.arrives("Archive", 4, "");
    driver::settle(&world, &pass).unwrap();
    world.remote_flags(3, "S", "");
    driver::settle(&world, &pass).unwrap();
    let batches = heard(&world);
    assert_eq!(batches.len(), 2);
    let inbox = batches.iter().find(|it| it.mailbox == Some(name("INBOX")));
    let [first, second, last] = inbox.unwrap().occasions.as_slice() else {
        panic!("{inbox:?}");
    };
    let Occasion::Message {
        id,
        what: Happened::New,
        subject,
        side: Side::Remote,
        by_listener: false,
    } = first
    else {
        panic!("{first:?}");
    };
    let path = subject.path.clone().unwrap();
    assert_eq!(
        subject.flags,
        Flags::new().with(Flag::Flagged).with(Flag::Seen)
    );
    assert!(subject.uid.is_some() && subject.size > 0);
    let later = matches!(second, Occasion::Message { id: later, what: Happened::Flags { .. }, .. } if later > id);
    assert!(later, "{second:?}");
    let synced = Occasion::MailboxSynced {
        mailbox: name("INBOX"),
        changed: vec![path],
        new: 1,
        gone: 0,
    };
    assert_eq!(*last, synced);
    assert!(heard(&world).is_empty(), "nothing is told twice in peace");
}

#[test]
fn a_message_is_told_of_as_it_is_now() {
    let world = settled();
    world.arrives("INBOX", 3, "");
    world.arrives("INBOX", 4, "");
    driver::settle(&world, &pass).unwrap();
    world.remote_move(3, "Archive");
    world.remote_delete(4);
    driver::settle(&world, &pass).unwrap();
    let batches = heard(&world);
    let all = batches.iter().flat_map(|batch| &batch.occasions);
    let news: Vec<_> = all
        .filter_map(|occasion| match occasion {
            Occasion::Message { what, subject, .. } => Some((
                what.clone(),
                subject.mailbox.clone(),
                subject.path.is_some(),
            )),
            _ => None,
        })
        .collect();
    let from = name("INBOX");
    assert_eq!(
        news,
        [
            (Happened::New, name("Archive"), true),
            (Happened::New, name("INBOX"), false),
            (Happened::Deleted, name("INBOX"), false),
            (Happened::Moved { from }, name("Archive"), true),
        ]
    );
}

/// Files what is new and flags it.
fn file_new(occasion: &Occasion) -> Option<Act> {
    match occasion {
        Occasion::Message {
            what: Happened::New,
            side: Side::Remote,
            ..
        } => Some(Act::MoveTo(name("Lists"))),
        Occasion::Message {
            what: Happened::Moved { .. },
            ..
        } => Some(Act::AddFlags(Flags::new().with(Flag::Flagged))),
        _ => None,
    }
}

/// The program is stopped after each effect of passes and herald in turn, and starts again.
#[test]
fn each_event_is_told_at_least_once_wherever_the_program_stops() {
    for crash in [false, true] {
        for effect in 1..200 {
            let world = settled();
            world.arrives("INBOX", 3, "");
            world.arrives("INBOX", 4, "");
            world.steps.reset();
            world.steps.stop_at(effect, When::After);
            let mut told: BTreeMap<NewsId, Vec<Happened>> = BTreeMap::new();
            let mut done: BTreeMap<NewsId, u32> = BTreeMap::new();
            let mut stopped = false;
            for _ in 0..8 {
                let _ = pass(&world);
                let recorder = Recorder {
                    rule: Some(file_new),
                    ..Recorder::default()
                };
                let (heard, over) = (Rc::clone(&recorder.told), Rc::clone(&recorder.done));
                let _ = tell(&world, recorder);
                for occasion in heard.take().into_iter().flat_map(|it| it.occasions) {
                    if let Occasion::Message { id, what, .. } = occasion {
                        told.entry(id).or_default().push(what);
                    }
                }
                for occasion in over.take().into_iter().flat_map(|it| it.occasions) {
                    if let Occasion::Message { id, .. } = occasion {
                        *done.entry(id).or_default() += 1;
                    }
                }
                if world.steps.stopped() {
                    stopped = true;
                    world.restart(crash);
                }
                world.clock.advance(Duration::from_secs(61));
            }
            let same = |all: &Vec<Happened>| all.windows(2).all(|two| two[0] == two[1]);
            assert!(told.values().all(same), "one number, one event: {told:?}");
            assert!(done.values().all(|times| *times == 1), "{done:?}");
            let new = told.values().filter(|all| all[0] == Happened::New).count();
            let torn = world.ledger.any_torn();
            assert!(new == 2 || torn, "effect {effect}: {told:?}");
            if !torn {
                world.is_in(3, &["Lists"]).unwrap();
                world.is_in(4, &["Lists"]).unwrap();
                world.has_flags(3, "F").unwrap();
            }
            world.nothing_lost().unwrap();
            if !stopped {
                assert!(effect > 20, "there must be something to stop");
                break;
            }
        }
    }
}

#[test]
fn going_round_in_circles_ends() {
    fn back_and_forth(occasion: &Occasion) -> Option<Act> {
        let Occasion::Message { subject, .. } = occasion else {
            return None;
        };
        let inbox = subject.mailbox.is_inbox();
        Some(Act::MoveTo(name(if inbox { "Archive" } else { "INBOX" })))
    }
    let world = settled();
    world.arrives("INBOX", 3, "");
    let parts = parts(&world);
    let recorder = Recorder {
        rule: Some(back_and_forth),
        ..Recorder::default()
    };
    let mut herald = Herald::new(&parts, settings(), "a", recorder, Rc::default());
    let mut moves = 0;
    for _ in 0..60 {
        pass(&world).unwrap();
        moves += block_on(herald.empty()).unwrap().acted.done;
    }
    assert_eq!(moves, 16);
}

#[test]
fn copying_without_end_ends() {
    fn copy(occasion: &Occasion) -> Option<Act> {
        let Occasion::Message {
            what: Happened::New,
            subject,
            ..
        } = occasion
        else {
            return None;
        };
        let inbox = subject.mailbox.is_inbox();
        Some(Act::CopyTo(name(if inbox { "Archive" } else { "INBOX" })))
    }
    let world = settled();
    world.arrives("INBOX", 3, "");
    let parts = parts(&world);
    let recorder = Recorder {
        rule: Some(copy),
        ..Recorder::default()
    };
    let mut herald = Herald::new(&parts, settings(), "a", recorder, Rc::default());
    for _ in 0..60 {
        pass(&world).unwrap();
        block_on(herald.empty()).unwrap();
    }
    let copies = world.local_places(&crate::sim::content::mail(3)).len();
    assert!(copies <= 17, "{copies}");
}

#[test]
fn what_concerns_the_account_is_told_when_it_changes() {
    let world = settled();
    let parts = parts(&world);
    let recorder = Recorder::default();
    let told = Rc::clone(&recorder.told);
    let bell: Rc<Bell> = Rc::default();
    let mut herald = Herald::new(&parts, settings(), "a", recorder, Rc::clone(&bell));
    let problem = Problem {
        mailbox: None,
        text: "no".to_owned(),
    };
    for _ in 0..2 {
        bell.say(Tale::State("failed".to_owned()));
        bell.say(Tale::Notice(Notice::Synced {
            complete: false,
            problems: vec![problem.clone()],
        }));
    }
    block_on(herald.tell_tales());
    let synced = || Occasion::AccountSynced { complete: false };
    let mut batches: VecDeque<Batch> = told.take().into();
    let batch = batches.pop_front().unwrap();
    assert_eq!(batch.mailbox, None);
    assert_eq!(
        batch.occasions,
        [
            Occasion::AccountState {
                state: "failed".to_owned()
            },
            Occasion::Error {
                mailbox: None,
                text: "no".to_owned()
            },
            synced(),
            synced(),
        ]
    );
}

#[test]
fn what_is_wanted_once_all_is_done_with_is_done_too() {
    let world = settled();
    world.arrives("INBOX", 3, "");
    driver::settle(&world, &pass).unwrap();
    let recorder = Recorder {
        afterwards: Some(|occasion| match occasion {
            Occasion::Message {
                what: Happened::New,
                ..
            } => Some(Act::AddFlags(crate::sim::world::hand::flags("F Work"))),
            _ => None,
        }),
        ..Recorder::default()
    };
    let told = tell(&world, recorder).unwrap();
    assert_eq!(told.acted.done, 1);
    driver::settle(&world, &pass).unwrap();
    world.has_flags(3, "F Work").unwrap();
}

#[test]
fn a_great_many_wishes_that_are_refused_take_one_line() {
    let wish = || Wanted {
        row: RowId(1),
        mailbox: name("INBOX"),
        local: LocalId::new(b"1.R0.x").unwrap(),
        act: Act::Delete,
    };
    assert_eq!(refusals(&[]), None);
    let refused: Vec<_> = (0..1000).map(|_| (wish(), "no".to_owned())).collect();
    let line = refusals(&refused[..1]).unwrap();
    assert!(
        line.contains("INBOX") && line.ends_with("carried out: no"),
        "{line}"
    );
    let line = refusals(&refused).unwrap();
    assert!(line.ends_with("no; with it 999 more"), "{line}");
}
