//! What was taken over from another program lives on like any other mail.

use super::*;
use crate::sim::scenario;

/// The file has a date of its own: the row must have the server's, by which the message is known again.
#[test]
fn what_was_linked_by_notes_is_known_again_where_it_moves() {
    let world = World::new(6);
    let taken = scenario::named("a folder that another program filled");
    (taken.setup)(&world);
    driver::settle(&world, &pass).unwrap();
    (taken.change)(&world);
    driver::settle(&world, &pass).unwrap();
    let mark = world.steps.trace_len();
    world.remote_move(30, "Work");
    world.local_move(31, "Work", crate::sim::local::NameOnMove::Rewritten);
    driver::settle(&world, &pass).unwrap();
    assert_eq!(world.steps.traced(mark, "server fetch"), 0);
    assert_eq!(world.steps.traced(mark, "server append"), 0);
    world.is_in(30, &["Work"]).unwrap();
    world.is_in(31, &["Work"]).unwrap();
}

#[test]
fn a_dry_run_tells_what_will_be_linked_and_writes_nothing() {
    let world = World::new(6);
    let taken = scenario::named("a folder that another program filled");
    (taken.setup)(&world);
    driver::settle(&world, &pass).unwrap();
    (taken.change)(&world);
    let mark = world.steps.trace_len();
    let report = report(&world, Mode::DryRun).unwrap();
    let counts = report.mailboxes.values().next().unwrap();
    assert_eq!(
        (counts.linked, counts.downloaded, counts.uploaded),
        (4, 0, 0)
    );
    for place in ["server ", "local ", "store "] {
        assert_eq!(world.steps.traced(mark, place), 0, "{place}");
    }
}
