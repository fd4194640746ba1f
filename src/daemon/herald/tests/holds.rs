//! Held deletions: told as long as they are open, whoever was told of them before.

use super::*;
use crate::sync::HoldVerdict;

/// Thirty messages, so many of which were deleted here at once.
fn held(deleted: std::ops::RangeInclusive<u64>) -> crate::sim::World {
    let world = settled();
    for number in 3..=30 {
        world.arrives("INBOX", number, "");
    }
    driver::settle(&world, &pass).unwrap();
    assert!(!heard(&world).is_empty());
    for number in deleted {
        world.local_delete(number);
    }
    pass(&world).unwrap();
    assert_eq!(world.store.holds_now().len(), 1);
    world
}

/// The counts of holds that were told of.
fn counts(told: &Rc<std::cell::RefCell<Vec<Batch>>>) -> Vec<u64> {
    let all = told.take().into_iter().flat_map(|it| it.occasions);
    all.filter_map(|occasion| match occasion {
        Occasion::Hold { count, .. } => Some(count),
        _ => None,
    })
    .collect()
}

fn synced(bell: &Bell) {
    bell.say(Tale::Notice(Notice::Synced {
        complete: true,
        problems: Vec::new(),
    }));
}

#[test]
fn a_hold_is_told_at_the_start_and_when_it_grows_and_taken_back_when_it_is_over() {
    let world = held(1..=25);
    for _ in 0..2 {
        let parts = parts(&world);
        let recorder = Recorder::default();
        let (told, decided) = (Rc::clone(&recorder.told), Rc::clone(&recorder.decided));
        let bell: Rc<Bell> = Rc::default();
        let mut herald = Herald::new(&parts, settings(), "a", recorder, Rc::clone(&bell));
        block_on(herald.tell_tales());
        assert_eq!(counts(&told), [25], "whoever starts is told");
        synced(&bell);
        block_on(herald.tell_tales());
        assert_eq!(counts(&told), [0; 0], "but once");
        assert!(decided.borrow().is_empty());
    }
    let parts = parts(&world);
    let recorder = Recorder::default();
    let (told, decided) = (Rc::clone(&recorder.told), Rc::clone(&recorder.decided));
    let bell: Rc<Bell> = Rc::default();
    let mut herald = Herald::new(&parts, settings(), "a", recorder, Rc::clone(&bell));
    block_on(herald.tell_tales());
    assert_eq!(counts(&told), [25]);
    world.local_delete(26);
    pass(&world).unwrap();
    synced(&bell);
    block_on(herald.tell_tales());
    assert_eq!(counts(&told), [26], "it has grown");
    world.store.decide(HoldVerdict::Restore);
    driver::settle(&world, &pass).unwrap();
    synced(&bell);
    block_on(herald.tell_tales());
    assert_eq!(counts(&told), [0; 0]);
    let id = decided.take();
    assert!(id.len() == 1 && id[0].starts_with("a:"), "{id:?}");
    synced(&bell);
    block_on(herald.tell_tales());
    assert!(decided.borrow().is_empty(), "once");
}
