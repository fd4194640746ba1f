//! What another program says of files and messages that are new to us.

use super::fixture::{Fixture, local, uid};
use crate::mail::{Flag, Flags, Uid};
use crate::sync::claims::Claim;
use crate::sync::plan::{FlagPlan, Op};
use crate::sync::{MailboxId, PermanentFlags};

fn with(list: &[Flag]) -> Flags {
    list.iter().fold(Flags::new(), |all, flag| all.with(*flag))
}

/// A file with the content of `file`, which is said to be the message `claimed`; the messages have the numbers of their
/// contents.
fn said(it: &mut Fixture, file: u32, claimed: Uid, flags: Option<Flags>) {
    it.new_file(1, file);
    let claim = Claim {
        uid: claimed,
        flags,
        added: 0,
    };
    it.known.claims.insert((MailboxId(1), local(file)), claim);
}

/// The only operation, which links the message without reading it.
fn linked(it: &Fixture) -> (Uid, FlagPlan, Option<Flags>) {
    match it.plan().ops.as_slice() {
        [
            Op::Adopt {
                uid,
                flags,
                base,
                verify: false,
                ..
            },
        ] => (*uid, flags.clone(), base.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_said_is_believed_where_the_header_agrees() {
    let mut it = Fixture::new();
    it.new_mail(1, 8, Some(8));
    said(&mut it, 8, uid(8), None);
    assert_eq!(linked(&it), (uid(8), FlagPlan::default(), None));
}

#[test]
fn what_is_said_is_not_believed_where_the_header_is_another() {
    let mut it = Fixture::new();
    it.new_mail(1, 7, Some(7));
    it.new_mail(1, 8, Some(8));
    said(&mut it, 8, uid(7), None);
    it.at(1).recovering = true;
    let plan = it.plan();
    let pairs = plan.ops.iter().filter_map(|op| match op {
        Op::Adopt { uid, .. } => Some(*uid),
        _ => None,
    });
    assert_eq!(pairs.collect::<Vec<_>>(), [uid(8)], "by its header");
}

#[test]
fn what_has_another_size_is_compared_unless_the_program_made_it_longer() {
    let mut it = Fixture::new();
    it.new_mail(1, 8, Some(8));
    said(&mut it, 8, uid(8), Some(Flags::new()));
    let known = it.known.local.values_mut().next().unwrap();
    known.identity.size += 22;
    known.identity.date += 1;
    let compared =
        |it: &Fixture| matches!(it.plan().ops.as_slice(), [Op::Adopt { verify: false, .. }]);
    assert!(!compared(&it));
    it.known.claims.values_mut().next().unwrap().added = 22;
    assert!(compared(&it));
}

#[test]
fn flags_are_merged_with_what_both_had() {
    let mut it = Fixture::new();
    it.new_mail(1, 8, Some(8));
    let both = with(&[Flag::Seen, Flag::Flagged, Flag::Draft]);
    said(&mut it, 8, uid(8), Some(both.clone()));
    it.at(1).local.appeared[0].flags = with(&[Flag::Flagged, Flag::Draft]);
    it.at(1).remote.appeared[0].flags = with(&[Flag::Seen, Flag::Draft, Flag::Answered]);
    let (_, plan, base) = linked(&it);
    assert_eq!(plan.agreed, with(&[Flag::Draft, Flag::Answered]));
    assert_eq!(plan.local, Some(plan.agreed.clone()));
    assert_eq!(plan.remote.remove, with(&[Flag::Seen]));
    assert_eq!(base, Some(both));
}

#[test]
fn a_flag_that_the_server_does_not_keep_was_not_taken_away_there() {
    let mut it = Fixture::new();
    it.new_mail(1, 8, Some(8));
    let both = with(&[Flag::Seen, Flag::Flagged]);
    said(&mut it, 8, uid(8), Some(both.clone()));
    it.at(1).permanent = PermanentFlags {
        flags: with(&[Flag::Seen]),
        any_keyword: false,
    };
    it.at(1).local.appeared[0].flags = both.clone();
    it.at(1).remote.appeared[0].flags = with(&[Flag::Seen]);
    let (_, plan, _) = linked(&it);
    assert_eq!((plan.agreed, plan.local), (both, None));
}
