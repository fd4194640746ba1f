use std::collections::BTreeSet;

use super::*;
use crate::mail::{Keyword, UidSet, UidValidity};
use crate::sync::planner::tests::fixture::{Fixture, flags, local, uid};
use crate::sync::{KeywordScope, Presence, RowId};

fn base() -> Base {
    let mut it = Fixture::new();
    (1..=3).for_each(|number| it.row(1, number));
    it.input.mailboxes.remove(0).base
}

fn file(base: &Base, number: usize) -> LocalMessage {
    let entry = &base.entries[number - 1];
    LocalMessage {
        id: entry.local.clone().unwrap(),
        flags: entry.flags.clone(),
        stamp: entry.stamp,
    }
}

fn view(base: &Base) -> LocalView {
    LocalView {
        files: (1..=3).map(|number| file(base, number)).collect(),
        scope: KeywordScope::default(),
        token: None,
    }
}

#[test]
fn an_unchanged_folder_has_no_changes() {
    let base = base();
    assert_eq!(diff_local(&base, &view(&base)), LocalChanges::default());
}

#[test]
fn files_vanish_and_appear() {
    let (base, mut view) = (base(), view(&base()));
    view.files[1].id = local(9);
    let changes = diff_local(&base, &view);
    assert_eq!(changes.vanished, [RowId(2)]);
    assert_eq!(changes.appeared, [view.files[1].clone()]);
}

#[test]
fn only_size_or_time_make_an_edit() {
    let (base, mut view) = (base(), view(&base()));
    view.files[0].stamp.inode = 99;
    view.files[1].stamp.mtime_ns += 1;
    let changes = diff_local(&base, &view);
    assert_eq!(changes.edited, [(RowId(2), view.files[1].clone())]);
    assert_eq!(changes.copied, [(RowId(1), view.files[0].stamp)]);
}

#[test]
fn a_keyword_without_a_letter_is_not_missed() {
    let mut base = base();
    base.entries[0].flags = flags("hidden shown");
    let mut view = view(&base);
    view.scope.lettered = BTreeSet::from([Keyword::new("shown").unwrap()]);
    view.files[0].flags = flags("shown");
    assert!(diff_local(&base, &view).flags.is_empty());
    view.files[0].flags = flags("\\Seen");
    assert_eq!(
        diff_local(&base, &view).flags,
        [(RowId(1), flags("\\Seen hidden"))]
    );
}

#[test]
fn deliveries_are_done_or_not() {
    let mut base = base();
    base.entries[0].state = EntryState::Delivering;
    base.entries[1].state = EntryState::Delivering;
    base.entries[2].local = None;
    let mut view = view(&self::base());
    view.files.truncate(1);
    let changes = diff_local(&base, &view);
    assert_eq!(changes.delivered, [(RowId(1), view.files[0].stamp)]);
    assert_eq!(changes.undelivered, [RowId(2)]);
    assert!(changes.vanished.is_empty());
}

#[test]
fn a_file_edited_before_its_delivery_was_written_down_is_delivered_and_edited() {
    let mut base = base();
    base.entries[0].state = EntryState::Delivering;
    let mut view = view(&base);
    let agreed = view.files[0].stamp;
    view.files[0].stamp.size += 1;
    let changes = diff_local(&base, &view);
    assert_eq!(changes.delivered, [(RowId(1), agreed)]);
    assert_eq!(changes.edited, [(RowId(1), view.files[0].clone())]);
}

fn remote(listed: &[(u32, &str)], presence: Presence) -> RemoteView {
    RemoteView {
        uidvalidity: UidValidity::new(1),
        uidnext: None,
        modseq: None,
        exists: 0,
        permanent: PermanentFlags::everything(),
        read_only: false,
        listed: listed
            .iter()
            .map(|(number, text)| RemoteMessage {
                uid: uid(*number),
                flags: flags(text),
                size: None,
            })
            .collect(),
        presence,
    }
}

fn uids(numbers: &[u32]) -> UidSet {
    let mut set = UidSet::new();
    numbers.iter().for_each(|number| set.insert(uid(*number)));
    set
}

#[test]
fn a_delta_and_a_whole_listing_say_the_same() {
    let base = base();
    let delta = remote(&[(2, "\\Seen"), (7, "")], Presence::AllBut(uids(&[3])));
    let whole = remote(
        &[(1, ""), (2, "\\Seen"), (7, "")],
        Presence::Exactly(uids(&[1, 2, 7])),
    );
    let changes = diff_remote(&base, &delta);
    assert_eq!(changes, diff_remote(&base, &whole));
    assert_eq!(changes.vanished, [RowId(3)]);
    assert_eq!(changes.flags, [(RowId(2), flags("\\Seen"))]);
    assert_eq!(changes.appeared.len(), 1);
}

#[test]
fn what_the_server_does_not_keep_is_the_bases() {
    let mut base = base();
    base.entries[0].flags = flags("work");
    let mut view = remote(&[(1, "\\Seen")], Presence::AllBut(UidSet::new()));
    view.permanent.any_keyword = false;
    assert_eq!(
        diff_remote(&base, &view).flags,
        [(RowId(1), flags("\\Seen work"))]
    );
}

#[test]
fn after_renumbering_nothing_vanished_and_all_is_new() {
    let base = base();
    let mut view = remote(&[(1, ""), (2, "")], Presence::Exactly(uids(&[1, 2])));
    for other in [UidValidity::new(2), None] {
        view.uidvalidity = other;
        let changes = diff_remote(&base, &view);
        assert!(changes.renumbered && changes.vanished.is_empty());
        assert_eq!(changes.appeared.len(), 2);
    }
}
