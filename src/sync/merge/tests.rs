use proptest::prelude::*;

use super::*;

fn flags(text: &str) -> Flags {
    let mut flags = Flags::new();
    text.split_whitespace()
        .for_each(|word| flags.insert_wire(word));
    flags
}

fn merged(base: &str, local: &str, remote: &str) -> String {
    merge_flags(&flags(base), &flags(local), &flags(remote)).to_string()
}

#[test]
fn whoever_differs_from_the_base_wins() {
    assert_eq!(merged("", "\\Seen", ""), "\\Seen");
    assert_eq!(merged("", "", "\\Seen"), "\\Seen");
    assert_eq!(merged("\\Seen", "", "\\Seen"), "");
    assert_eq!(merged("\\Seen", "\\Seen", ""), "");
    assert_eq!(merged("\\Seen a", "\\Seen \\Flagged", "a b"), "\\Flagged b");
}

#[test]
fn of_junk_and_not_junk_the_newer_stays() {
    assert_eq!(merged("$Junk", "$Junk $NotJunk", "$Junk"), "$NotJunk");
    assert_eq!(merged("$NotJunk", "$NotJunk", "$NotJunk $Junk"), "$Junk");
    assert_eq!(merged("", "$Junk", "$NotJunk"), "$NotJunk");
    assert_eq!(merged("", "$NotJunk", "$Junk"), "$Junk");
}

#[test]
fn deleted_counts_only_when_both_say_so_and_there_is_no_base() {
    let union = |one, other| merge_without_base(&flags(one), &flags(other)).to_string();
    assert_eq!(union("\\Deleted", "\\Seen a"), "\\Seen a");
    assert_eq!(union("\\Deleted", "\\Deleted \\Seen"), "\\Deleted \\Seen");
}

#[test]
fn reading_and_answering_weigh_less_than_a_deletion() {
    let important = |base, now| is_important(&flags(base), &flags(now));
    assert!(!important("", "\\Seen \\Answered $Forwarded \\Draft"));
    assert!(!important("\\Flagged a", ""));
    assert!(important("", "\\Flagged"));
    assert!(important("", "todo"));
    assert!(important("\\Deleted", ""));
}

fn any_flags() -> impl Strategy<Value = Flags> {
    let words = proptest::sample::subsequence(vec!["a", "b", "$Forwarded"], 0..=3);
    (0..32_u8, words).prop_map(|(bits, words)| {
        Flags::from_parts(bits, words.into_iter().filter_map(Keyword::new))
    })
}

proptest! {
    #[test]
    fn sides_may_be_swapped_and_merging_again_changes_nothing(
        base in any_flags(), local in any_flags(), remote in any_flags(),
    ) {
        let once = merge_flags(&base, &local, &remote);
        prop_assert_eq!(&once, &merge_flags(&base, &remote, &local));
        prop_assert_eq!(&once, &merge_flags(&base, &once, &remote));
        prop_assert_eq!(&once, &merge_flags(&base, &once, &once));
        prop_assert_eq!(&once, &merge_flags(&once, &once, &once));
    }
}
