use super::*;
use crate::mail::{Uid, UidValidity};
use crate::sync::{Absent, MailboxId, SeenFolder, SeenMailbox};

fn name(text: &str) -> MailboxName {
    MailboxName::parse(text).unwrap()
}

/// Known, on the server and in the Maildir: INBOX and these.
fn input(names: &[&str]) -> MailboxesInput {
    let mut input = MailboxesInput::default();
    for (at, text) in std::iter::once(&"INBOX").chain(names).enumerate() {
        let number = u32::try_from(at).unwrap() + 1;
        let marker = format!("marker{number}");
        input.known.push(MailboxRecord {
            id: MailboxId(i64::from(number)),
            name: name(text),
            role: None,
            uidvalidity: UidValidity::new(number),
            uidnext: Uid::new(10),
            modseq: None,
            marker: marker.clone(),
            object_id: None,
            last_sync: None,
            problem: None,
        });
        input.remote.push(seen(text, number));
        input.folders.push(folder(text, Some(&marker)));
    }
    input
}

fn seen(text: &str, uidvalidity: u32) -> SeenMailbox {
    SeenMailbox {
        name: name(text),
        role: None,
        selectable: true,
        uidvalidity: UidValidity::new(uidvalidity),
        uidnext: Uid::new(10),
        object_id: None,
    }
}

fn folder(text: &str, marker: Option<&str>) -> SeenFolder {
    SeenFolder {
        name: name(text),
        marker: marker.map(str::to_owned),
    }
}

fn planned(input: &MailboxesInput) -> Vec<String> {
    let ops = plan_mailboxes(input, &Policy::default()).unwrap();
    let short = |op: &MailboxOp| match op {
        MailboxOp::RenameLocal { from, to, .. } => format!("local {from}>{to}"),
        MailboxOp::RenameRemote { from, to, .. } => format!("remote {from}>{to}"),
        MailboxOp::RenameRecord { to, .. } => format!("record >{to}"),
        MailboxOp::CreateLocal { name, .. } => format!("create here {name}"),
        MailboxOp::CreateRemote { name } => format!("create there {name}"),
        MailboxOp::Adopt { name, .. } => format!("adopt {name}"),
        MailboxOp::RecreateLocal { id } => format!("recreate {}", id.0),
        MailboxOp::MarkerLost { id } => format!("marker {}", id.0),
        MailboxOp::RemoteGone { id } => format!("gone {}", id.0),
        MailboxOp::Forget { id } => format!("forget {}", id.0),
    };
    ops.iter().map(short).collect()
}

#[test]
fn nothing_changed() {
    assert!(planned(&input(&["A", "A/x"])).is_empty());
}

#[test]
fn a_list_without_inbox_is_not_believed() {
    let mut it = input(&["A"]);
    it.remote.remove(0);
    let refused = plan_mailboxes(&it, &Policy::default());
    assert_eq!(refused, Err(ListRefused::NoInbox));
    let nothing = plan_mailboxes(&MailboxesInput::default(), &Policy::default());
    assert_eq!(nothing, Err(ListRefused::NoInbox));
}

#[test]
fn a_list_that_lacks_much_is_not_believed() {
    let mut it = input(&["A", "B", "C", "D", "E"]);
    it.remote.truncate(4);
    assert_eq!(planned(&it), ["gone 5", "gone 6"]);
    it.remote.truncate(3);
    let refused = plan_mailboxes(&it, &Policy::default());
    let gone = BTreeSet::from([4, 5, 6].map(MailboxId));
    let expected = Err(ListRefused::TooManyGone { gone, known: 6 });
    assert_eq!(refused, expected);
}

#[test]
fn a_list_that_lacks_much_is_believed_once_it_has_said_so_for_long() {
    let mut it = input(&["A", "B", "C", "D", "E"]);
    it.remote.truncate(3);
    let absent = |ids: &[i64]| {
        let mailboxes = ids.iter().copied().map(MailboxId).collect();
        Some(Absent {
            since: 1000,
            mailboxes,
        })
    };
    let refuses = |it: &MailboxesInput| plan_mailboxes(it, &Policy::default()).is_err();
    it.absent = absent(&[4, 5, 6]);
    it.now = 1000 + BELIEVED_AFTER - 1;
    assert!(refuses(&it));
    it.now += 1;
    assert_eq!(planned(&it), ["gone 4", "gone 5", "gone 6"]);
    it.absent = absent(&[4, 5]);
    assert!(refuses(&it), "one more is missing than before");
    it.absent = absent(&[3, 4, 5, 6]);
    assert!(!refuses(&it));
}

#[test]
fn new_ones_are_created_on_the_other_side_or_adopted() {
    let mut it = input(&[]);
    it.remote
        .extend([seen("There", 20), seen("Both", 21), seen("Not", 22)]);
    it.remote[3].selectable = false;
    it.folders
        .extend([folder("Here", None), folder("Both", Some("old"))]);
    assert_eq!(
        planned(&it),
        ["create here There", "create there Here", "adopt Both"]
    );
    let mut policy = Policy::default();
    (policy.pull.mailboxes, policy.push.mailboxes) = (false, false);
    assert_eq!(plan_mailboxes(&it, &policy).unwrap().len(), 1);
}

#[test]
fn a_rename_on_the_server_is_followed_with_what_lies_below() {
    let mut it = input(&["A", "A/x"]);
    it.remote[1].name = name("B");
    it.remote[2].name = name("B/x");
    assert_eq!(planned(&it), ["local A>B", "local A/x>B/x"]);
    it.remote[2].uidnext = None;
    assert_eq!(
        planned(&it),
        ["local A>B", "local A/x>B/x"],
        "even an empty one"
    );
    it.remote[1].uidvalidity = UidValidity::new(77);
    assert_eq!(
        planned(&it),
        ["create here B", "create here B/x", "gone 2", "gone 3"]
    );
}

#[test]
fn two_candidates_are_no_proof_of_a_rename() {
    let mut it = input(&["A"]);
    it.remote[1].name = name("B");
    it.remote.push(seen("C", 2));
    assert_eq!(planned(&it), ["create here B", "create here C", "gone 2"]);
    it.known[1].object_id = Some("id".into());
    it.remote[1].object_id = Some("id".into());
    it.remote[2].object_id = Some("other".into());
    assert_eq!(planned(&it), ["local A>B", "create here C"]);
}

#[test]
fn a_local_rename_is_pushed() {
    let mut it = input(&["A"]);
    it.folders[1].name = name("B");
    assert_eq!(planned(&it), ["remote A>B"]);
    it.folders.push(folder("A", None));
    assert_eq!(planned(&it), ["remote A>B", "create there A"]);
}

#[test]
fn inbox_is_not_renamed() {
    let mut it = input(&[]);
    it.folders[0].name = name("Old");
    assert_eq!(planned(&it), ["recreate 1", "create there Old"]);
}

#[test]
fn a_copied_folder_is_a_new_one() {
    let mut it = input(&["A"]);
    it.folders.push(folder("Copy", Some("marker2")));
    assert_eq!(planned(&it), ["create there Copy"]);
}

#[test]
fn renamed_on_both_sides() {
    let mut it = input(&["A"]);
    it.remote[1].name = name("B");
    it.folders[1].name = name("B");
    assert_eq!(planned(&it), ["record >B"]);
    it.folders[1].name = name("C");
    assert_eq!(planned(&it), ["local C>B"], "the server's name wins");
}

#[test]
fn a_missing_folder_deletes_nothing() {
    let mut it = input(&["A", "B"]);
    it.folders[1].marker = None;
    it.folders.remove(2);
    assert_eq!(planned(&it), ["recreate 3", "marker 2"]);
}

#[test]
fn gone_from_the_server() {
    let mut it = input(&["A"]);
    it.remote.remove(1);
    assert_eq!(planned(&it), ["gone 2"]);
    let mut renamed = it.clone();
    renamed.folders[1].name = name("B");
    assert_eq!(planned(&renamed), ["forget 2", "create there B"]);
    it.folders.remove(1);
    assert_eq!(planned(&it), ["forget 2"]);
}
