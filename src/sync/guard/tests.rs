use crate::sync::planner::tests::fixture::{Fixture, op_names};
use crate::sync::*;

/// A mailbox of `all` messages of which the first `gone` were deleted locally.
fn deleted(all: u32, gone: u32) -> Fixture {
    let mut it = Fixture::new();
    (1..=all).for_each(|number| it.row(1, number));
    (1..=gone).for_each(|number| it.local_gone(number));
    it
}

fn held(it: &Fixture) -> usize {
    let plan = it.plan();
    let rows = plan.ops.iter().map(|op| match op {
        Op::Hold { rows, .. } => rows.len(),
        _ => 0,
    });
    rows.sum()
}

#[test]
fn a_flood_is_held_only_when_it_is_both_many_and_much() {
    assert_eq!(held(&deleted(100, 19)), 0);
    assert_eq!(held(&deleted(100, 24)), 0);
    assert_eq!(held(&deleted(100, 25)), 25);
    assert_eq!(held(&deleted(60, 20)), 20);
}

#[test]
fn a_mailbox_of_five_or_more_is_not_emptied() {
    assert_eq!(held(&deleted(5, 5)), 5);
    assert_eq!(held(&deleted(5, 4)), 0);
    assert_eq!(held(&deleted(4, 4)), 0);
}

#[test]
fn what_went_within_the_last_ten_minutes_counts() {
    let mut it = deleted(60, 10);
    assert_eq!(held(&it), 0);
    it.input.recent.insert((MailboxId(1), Side::Remote), 10);
    assert_eq!(held(&it), 10);
}

#[test]
fn a_mailbox_that_is_emptied_step_by_step_keeps_its_last_messages() {
    let mut it = deleted(4, 4);
    assert_eq!(held(&it), 0);
    it.input.recent.insert((MailboxId(1), Side::Remote), 6);
    assert_eq!(held(&it), 4);
    let mut it = deleted(4, 3);
    it.input.recent.insert((MailboxId(1), Side::Remote), 6);
    assert_eq!(held(&it), 0);
}

#[test]
fn marks_that_came_before_a_flood_on_the_server_do_not_let_it_through() {
    let mut it = Fixture::new();
    (1..=6).for_each(|number| it.row(1, number));
    (1..=6).for_each(|number| it.local_flags(number, "\\Deleted"));
    (1..=6).for_each(|number| it.remote_gone(number));
    assert_eq!(held(&it), 6);
}

#[test]
fn the_trash_and_what_the_user_marked_are_exempt() {
    let mut it = deleted(5, 5);
    it.input.trash = Some(MailboxId(1));
    assert_eq!(held(&it), 0);
    let mut it = deleted(5, 5);
    (1..=5).for_each(|number| it.remote_flags(number, "\\Deleted"));
    assert_eq!(held(&it), 0);
    assert_eq!(it.plan().ops.len(), 5);
}

#[test]
fn both_sides_are_guarded() {
    let mut it = Fixture::new();
    (1..=6).for_each(|number| it.row(1, number));
    (1..=6).for_each(|number| it.remote_gone(number));
    let plan = it.plan();
    assert!(matches!(
        plan.ops.as_slice(),
        [Op::Hold {
            side: Side::Local,
            kind: HoldKind::Flood,
            ..
        }]
    ));
}

#[test]
fn the_rest_goes_on_while_deletions_are_held() {
    let mut it = deleted(6, 6);
    it.new_mail(1, 70, None);
    it.new_file(2, 71);
    assert_eq!(op_names(&it.plan()), "Download Upload Hold");
}

#[test]
fn more_deletions_join_an_open_hold() {
    let mut it = deleted(10, 2);
    it.held(1, Side::Remote, HoldKind::Flood, HoldVerdict::Open);
    let plan = it.plan();
    assert!(
        matches!(plan.ops.as_slice(), [Op::Hold { rows, .. }] if *rows == [RowId(2)]),
        "{plan:?}"
    );
}

#[test]
fn the_user_decides_what_happens_to_a_hold() {
    let mut it = deleted(5, 1);
    it.held(1, Side::Remote, HoldKind::Flood, HoldVerdict::Open);
    assert_eq!(op_names(&it.plan()), "");
    it.input.holds[0].verdict = HoldVerdict::Approved;
    assert_eq!(op_names(&it.plan()), "DeleteRemote");
    it.input.holds[0].verdict = HoldVerdict::Restore;
    assert_eq!(op_names(&it.plan()), "Download");
}

#[test]
fn held_local_deletions_are_sent_again_on_restore() {
    let mut it = Fixture::new();
    it.row(1, 1);
    it.remote_gone(1);
    it.held(1, Side::Local, HoldKind::Flood, HoldVerdict::Restore);
    assert_eq!(op_names(&it.plan()), "Upload");
    it.input.holds[0].verdict = HoldVerdict::Approved;
    assert_eq!(op_names(&it.plan()), "DeleteLocal");
}

#[test]
fn what_comes_back_leaves_its_hold_and_the_last_one_ends_it() {
    let mut it = deleted(5, 0);
    it.held(1, Side::Remote, HoldKind::Flood, HoldVerdict::Open);
    let plan = it.plan();
    let Some(Op::Record(changes)) = plan.ops.first() else {
        panic!("{plan:?}")
    };
    assert!(changes.contains(&Change::SetHold(vec![RowId(1)], None)));
    assert!(changes.contains(&Change::DropHold(HoldId(1))));
}
