use crate::sync::planner::tests::fixture::{Fixture, local, uid};
use crate::sync::*;

fn asked(it: &Fixture) -> (usize, usize) {
    let needs = needs(&it.input, &it.known);
    let mails = needs.remote.values().map(|uids| uids.iter().count()).sum();
    let files = needs
        .local
        .values()
        .map(std::collections::BTreeSet::len)
        .sum();
    (mails, files)
}

#[test]
fn a_first_sync_and_new_mail_need_nothing() {
    let mut it = Fixture::new();
    (1..50).for_each(|number| it.new_mail(1, number, None));
    assert_eq!(asked(&it), (0, 0));
    it.row(1, 51);
    it.local_gone(51);
    assert_eq!(
        asked(&it),
        (0, 0),
        "not even when something was deleted here"
    );
}

#[test]
fn new_mail_is_identified_when_something_is_missing_there() {
    let mut it = Fixture::new();
    it.row(1, 1);
    it.remote_gone(1);
    it.new_mail(2, 7, None);
    assert_eq!(asked(&it), (1, 0));
    it.input.parked.push(Parked {
        mailbox: MailboxId(2),
        uid: Some(uid(7)),
        local: None,
        reason: String::new(),
        attempts: 1,
        retry_at: 0,
    });
    assert_eq!(asked(&it), (0, 0));
}

#[test]
fn a_new_file_is_read_and_new_mail_beside_it_identified() {
    let mut it = Fixture::new();
    it.new_file(1, 9);
    it.known.local.clear();
    it.new_mail(1, 7, None);
    it.new_mail(2, 8, None);
    assert_eq!(asked(&it), (1, 1));
}

#[test]
fn a_moved_file_is_known_by_its_inode() {
    let mut it = Fixture::new();
    it.row(1, 1);
    it.local_moved(1, 2);
    assert_eq!(asked(&it), (0, 0));
    it.at(2).local.appeared[0].stamp.mtime_ns += 1;
    assert_eq!(asked(&it), (0, 1));
}

#[test]
fn an_edited_file_is_read() {
    let mut it = Fixture::new();
    it.row(1, 1);
    it.local_edited(1);
    it.known.local.clear();
    let needs = needs(&it.input, &it.known);
    assert!(needs.local[&MailboxId(1)].contains(&local(1)));
}

#[test]
fn after_renumbering_the_mailbox_is_identified() {
    let mut it = Fixture::new();
    it.row(1, 1);
    it.at(1).remote.renumbered = true;
    it.new_mail(1, 70, None);
    it.new_mail(2, 71, None);
    assert_eq!(asked(&it), (1, 0));
}
