//! Files into which mail programs have put headers of their own.

use super::fixture::{Fixture, local, op_names, uid};
use crate::mail::*;
use crate::sync::*;

/// Content `number` as a mail program writes it: other octets, the same Message-ID, more of it.
fn noted(it: &mut Fixture, mailbox: usize, file: u32, number: u32) {
    it.new_file_of(mailbox, file, number);
    let id = it.at(mailbox).base.mailbox.id;
    let known = it.known.local.get_mut(&(id, local(file))).unwrap();
    known.identity.size += 30;
    known.identity.digest = Some(Digest([200; 32]));
}

#[test]
fn a_file_that_was_saved_elsewhere_with_a_header_more_has_moved() {
    let mut it = Fixture::new();
    it.row(1, 1);
    it.local_gone(1);
    noted(&mut it, 2, 101, 1);
    assert_eq!(op_names(&it.plan()), "Record MoveRemote");
}

#[test]
fn a_header_more_in_its_own_file_is_no_edit() {
    let mut it = Fixture::new();
    it.row(1, 1);
    it.local_edited(1);
    let key = (MailboxId(1), local(1));
    let content = {
        let mut other = Fixture::new();
        other.new_file(1, 1);
        other.known.local[&key].content
    };
    it.known.local.get_mut(&key).unwrap().content = content;
    assert_eq!(op_names(&it.plan()), "Record");
}

#[test]
fn a_copy_with_a_header_more_is_copied_on_the_server() {
    let mut it = Fixture::new();
    it.row(1, 1);
    noted(&mut it, 2, 101, 1);
    assert_eq!(op_names(&it.plan()), "CopyRemote");
    // Other trace headers on top: another delivery, which goes up as it is.
    let known = it.known.local.get_mut(&(MailboxId(2), local(101))).unwrap();
    known.content.bare += 50;
    assert_eq!(op_names(&it.plan()), "Upload");
}

#[test]
fn a_file_of_mbsync_is_a_candidate_for_its_message() {
    let mut it = Fixture::new();
    noted(&mut it, 1, 5, 5);
    it.new_mail(1, 5, Some(5));
    let plan = it.plan();
    let adopted = plan.ops.iter().any(|op| {
        matches!(op, Op::Adopt { uid: of, local: file, .. } if *of == uid(5) && *file == local(5))
    });
    assert!(adopted && plan.ops.len() == 1, "{plan:?}");
}

/// Mail programs save a copy first and delete the original later: the guard has nothing to protect.
#[test]
fn what_was_filed_by_copying_it_is_not_held() {
    let mut it = Fixture::new();
    for number in 1..=30 {
        it.row(1, number);
        it.local_gone(number);
    }
    assert!(
        !it.plan()
            .ops
            .iter()
            .any(|op| matches!(op, Op::DeleteRemote { .. }))
    );
    for number in 1..=30 {
        it.row(2, number + 100);
        let content = it.at(1).base.entries[number as usize - 1].content;
        it.at(2).base.entries.last_mut().unwrap().content = content;
    }
    let deletes = it.plan().ops;
    let deletes = deletes
        .iter()
        .filter(|op| matches!(op, Op::DeleteRemote { .. }));
    assert_eq!(deletes.count(), 30);
}
