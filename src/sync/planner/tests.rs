//! One message at a time: every cell of the table of messages.

mod claims;
pub(in crate::sync) mod fixture;
mod noted;

use super::*;
use crate::sync::*;
use fixture::{Fixture, flags, local, op_names, uid};

#[derive(Clone, Copy, Debug)]
enum L {
    Same,
    Read,
    Flagged,
    Gone,
    ToB,
    Edited,
}

#[derive(Clone, Copy, Debug)]
enum R {
    Same,
    Read,
    Flagged,
    Gone,
    ToB,
    ToC,
}

/// The names of the operations for one row, that came to be in these states.
fn cell(here: L, there: R) -> String {
    let mut it = Fixture::new();
    it.row(1, 1);
    match here {
        L::Same => {}
        L::Read => it.local_flags(1, "\\Seen"),
        L::Flagged => it.local_flags(1, "\\Flagged"),
        L::Gone => it.local_gone(1),
        L::ToB => it.local_moved(1, 2),
        L::Edited => it.local_edited(1),
    }
    match there {
        R::Same => {}
        R::Read => it.remote_flags(1, "\\Seen"),
        R::Flagged => it.remote_flags(1, "\\Flagged"),
        R::Gone => it.remote_gone(1),
        R::ToB => it.remote_moved(1, 2),
        R::ToC => it.remote_moved(1, 3),
    }
    op_names(&it.plan())
}

#[test]
fn unchanged_on_the_server() {
    assert_eq!(cell(L::Same, R::Same), "");
    assert_eq!(cell(L::Read, R::Same), "SetFlags");
    assert_eq!(cell(L::Gone, R::Same), "DeleteRemote");
    assert_eq!(cell(L::ToB, R::Same), "MoveRemote");
    assert_eq!(cell(L::Edited, R::Same), "Record Upload DeleteRemote");
}

#[test]
fn flags_edited_on_the_server() {
    assert_eq!(cell(L::Same, R::Read), "SetFlags");
    assert_eq!(cell(L::Flagged, R::Read), "SetFlags");
    assert_eq!(cell(L::Gone, R::Read), "DeleteRemote");
    assert_eq!(cell(L::Gone, R::Flagged), "Download");
    assert_eq!(cell(L::ToB, R::Read), "MoveRemote");
    assert_eq!(cell(L::Edited, R::Read), "Record Upload DeleteRemote");
}

#[test]
fn deleted_on_the_server() {
    assert_eq!(cell(L::Same, R::Gone), "DeleteLocal");
    assert_eq!(cell(L::Read, R::Gone), "DeleteLocal");
    assert_eq!(cell(L::Flagged, R::Gone), "Upload");
    assert_eq!(cell(L::Gone, R::Gone), "Record");
    assert_eq!(cell(L::ToB, R::Gone), "Record Upload");
    assert_eq!(cell(L::Edited, R::Gone), "Upload");
}

#[test]
fn moved_on_the_server() {
    assert_eq!(cell(L::Same, R::ToB), "MoveLocal");
    assert_eq!(cell(L::Read, R::ToB), "MoveLocal");
    assert_eq!(cell(L::Gone, R::ToB), "Record Download");
    assert_eq!(cell(L::ToB, R::ToB), "Record");
    assert_eq!(cell(L::ToB, R::ToC), "MoveLocal");
    assert_eq!(cell(L::Edited, R::ToB), "Record Upload DeleteRemote");
}

#[test]
fn an_edit_frees_the_file_before_it_goes_up() {
    let mut it = Fixture::new();
    it.row(1, 1);
    it.local_edited(1);
    let plan = it.plan();
    let Some(Op::Record(changes)) = plan.ops.first() else {
        panic!("{plan:?}")
    };
    let Some(Change::Relink {
        uid: still,
        local: Some(ghost),
        ..
    }) = changes.first()
    else {
        panic!("{changes:?}")
    };
    assert_eq!(*still, Some(uid(1)));
    assert_ne!(*ghost, local(1));
}

#[test]
fn an_edit_in_the_trash_deletes_nothing_there() {
    let mut it = Fixture::new();
    it.input.trash = Some(MailboxId(1));
    it.row(1, 1);
    it.local_edited(1);
    assert_eq!(op_names(&it.plan()), "Record Upload");
}

#[test]
fn new_messages_go_to_the_other_side_by_ascending_uid() {
    let mut it = Fixture::new();
    it.new_mail(1, 9, None);
    it.new_mail(1, 7, None);
    it.new_file(1, 8);
    assert_eq!(op_names(&it.plan()), "Download Download Upload");
    let plan = it.plan();
    assert!(matches!(&plan.ops[0], Op::Download { uid: first, .. } if *first == uid(7)));
}

#[test]
fn new_on_both_sides_is_linked() {
    let mut it = Fixture::new();
    it.new_mail(1, 8, Some(8));
    it.new_file(1, 8);
    let verified = |plan: Plan| match plan.ops.as_slice() {
        [Op::Adopt { verify, .. }] => *verify,
        other => panic!("{other:?}"),
    };
    assert!(verified(it.plan()));
    it.at(1).recovering = true;
    assert!(!verified(it.plan()));
}

#[test]
fn a_copy_is_copied_on_the_server() {
    let mut it = Fixture::new();
    it.row(1, 1);
    it.new_file_of(2, 50, 1);
    let plan = it.plan();
    assert!(
        matches!(
            plan.ops.as_slice(),
            [Op::CopyRemote {
                source: RowId(1),
                ..
            }]
        ),
        "{plan:?}"
    );
}

#[test]
fn a_rename_in_the_folder_is_no_move_on_the_server() {
    let mut it = Fixture::new();
    it.row(1, 1);
    it.at(1).writable = false;
    it.local_moved(1, 1);
    let plan = it.plan();
    assert!(
        matches!(
            plan.ops.as_slice(),
            [Op::MoveRemote {
                to: MailboxId(1),
                ..
            }]
        ),
        "{plan:?}"
    );
}

#[test]
fn without_moves_the_file_goes_up_before_the_old_one_goes() {
    let mut it = Fixture::new();
    it.row(1, 1);
    it.local_moved(1, 2);
    it.policy.push.moves = false;
    assert_eq!(op_names(&it.plan()), "Upload DeleteRemote");
    it.policy.push.new = false;
    assert_eq!(op_names(&it.plan()), "");
}

#[test]
fn what_is_switched_off_does_not_happen() {
    let with = |change: fn(&mut Policy), act: fn(&mut Fixture)| {
        let mut it = Fixture::new();
        it.row(1, 1);
        act(&mut it);
        change(&mut it.policy);
        op_names(&it.plan())
    };
    assert_eq!(
        with(
            |it| it.pull.flags = false,
            |it| it.remote_flags(1, "\\Seen")
        ),
        ""
    );
    assert_eq!(
        with(|it| it.push.flags = false, |it| it.local_flags(1, "\\Seen")),
        ""
    );
    assert_eq!(
        with(|it| it.pull.deletions = false, |it| it.remote_gone(1)),
        ""
    );
    assert_eq!(
        with(|it| it.push.deletions = false, |it| it.local_gone(1)),
        ""
    );
    assert_eq!(
        with(|it| it.deletions = Deletions::Never, |it| it.local_gone(1)),
        ""
    );
    assert_eq!(
        with(|it| it.deletions = Deletions::Never, |it| it.remote_gone(1)),
        ""
    );
    assert_eq!(
        with(|it| it.pull.new = false, |it| it.new_mail(1, 9, None)),
        ""
    );
    assert_eq!(with(|it| it.push.new = false, |it| it.new_file(1, 9)), "");
}

#[test]
fn a_mailbox_that_can_only_be_read_gets_nothing() {
    for act in [
        (|it| it.local_gone(1)) as fn(&mut Fixture),
        |it| it.local_flags(1, "\\Seen"),
        |it| it.local_moved(1, 2),
        |it| it.local_edited(1),
        |it| it.new_file(1, 9),
    ] {
        let mut it = Fixture::new();
        it.row(1, 1);
        it.at(1).writable = false;
        it.input.mailboxes[1].writable = false;
        act(&mut it);
        assert_eq!(op_names(&it.plan()), "");
    }
}

#[test]
fn a_flag_that_is_not_pulled_stays_a_difference() {
    let mut it = Fixture::new();
    it.row(1, 1);
    it.local_flags(1, "\\Flagged");
    it.remote_flags(1, "\\Seen");
    it.policy.pull.flags = false;
    let plan = it.plan();
    let Some(Op::SetFlags { flags: set, .. }) = plan.ops.first() else {
        panic!("{plan:?}")
    };
    assert_eq!((&set.agreed, &set.local), (&flags("\\Flagged"), &None));
    assert_eq!(
        (&set.remote.add, &set.remote.remove),
        (&flags("\\Flagged"), &flags(""))
    );
}

#[test]
fn after_renumbering_messages_are_found_again_and_the_rest_is_held() {
    let mut it = Fixture::new();
    it.row(1, 1);
    it.row(1, 2);
    it.at(1).remote.renumbered = true;
    it.new_mail(1, 71, Some(1));
    let plan = it.plan();
    assert_eq!(op_names(&plan), "Record Rebind Hold");
    assert!(
        matches!(plan.ops.last(), Some(Op::Hold { kind: HoldKind::Renumbered, rows, .. }) if *rows == [RowId(2)])
    );
}

#[test]
fn a_delivery_that_was_cut_off_is_done_again() {
    let mut it = Fixture::new();
    it.row(1, 1);
    it.at(1).base.entries[0].state = EntryState::Delivering;
    it.at(1).local.undelivered.push(RowId(1));
    assert_eq!(op_names(&it.plan()), "Download");
    it.at(1).remote.vanished.push(RowId(1));
    assert_eq!(op_names(&it.plan()), "Record");
}

#[test]
fn what_is_parked_is_left_alone() {
    let mut it = Fixture::new();
    it.new_mail(1, 9, None);
    it.row(1, 1);
    it.local_gone(1);
    for parked in [9, 1] {
        it.input.parked.push(Parked {
            mailbox: MailboxId(1),
            uid: Some(uid(parked)),
            local: None,
            reason: String::new(),
            attempts: 1,
            retry_at: 0,
        });
    }
    assert_eq!(op_names(&it.plan()), "");
}

#[test]
fn a_folder_without_its_marker_proves_nothing() {
    let mut it = Fixture::new();
    it.row(1, 1);
    it.local_gone(1);
    it.new_file(1, 9);
    it.new_mail(1, 8, None);
    it.at(1).marker_lost = true;
    assert_eq!(op_names(&it.plan()), "Hold");
    it.held(1, Side::Remote, HoldKind::MarkerLost, HoldVerdict::Open);
    assert_eq!(op_names(&it.plan()), "");
    it.input.holds[0].verdict = HoldVerdict::Approved;
    assert_eq!(op_names(&it.plan()), "Download DeleteRemote");
    it.input.holds[0].verdict = HoldVerdict::Restore;
    assert_eq!(op_names(&it.plan()), "Download Download");
}

#[test]
fn a_touched_file_is_the_same_file() {
    let mut it = Fixture::new();
    it.row(1, 1);
    it.local_edited(1);
    it.knows_file(1, 1, 1);
    assert_eq!(op_names(&it.plan()), "Record");
    it.known.local.clear();
    assert_eq!(op_names(&it.plan()), "", "not before it has been read");
}

#[test]
fn what_could_be_half_of_a_suspected_pair_waits() {
    let mut it = Fixture::new();
    it.new_mail(1, 8, Some(8));
    it.new_file(1, 8);
    it.new_file_of(1, 9, 8);
    it.new_mail(1, 10, Some(8));
    it.new_mail(1, 11, Some(8));
    assert_eq!(op_names(&it.plan()), "Adopt Adopt");
}

#[test]
fn a_file_that_nobody_has_read_yet_keeps_a_deletion_back() {
    let mut it = Fixture::new();
    it.row(1, 1);
    it.local_moved(1, 2);
    it.at(2).local.appeared[0].stamp.mtime_ns += 1;
    assert_eq!(op_names(&it.plan()), "");
}

#[test]
fn mail_that_may_be_a_file_that_nobody_has_read_yet_waits() {
    let mut it = Fixture::new();
    it.new_mail(1, 8, Some(8));
    it.new_file(1, 9);
    it.known.local.clear();
    for (size, ops) in [(100, ""), (200, "Download")] {
        it.at(1).local.appeared[0].stamp.size = size;
        assert_eq!(op_names(&it.plan()), ops, "{size} octets");
    }
}
