//! Bringing what hooks want into an order in which all of it can be done.

use crate::sync::{Act, Wanted};

/// What is wanted, with acts that take a message from its place after the others, and only the last of these for each
/// message: a message that was moved would not be found any more by what came after.
#[must_use]
pub fn settle(wanted: Vec<Wanted>) -> Vec<Wanted> {
    let (leaving, mut staying): (Vec<Wanted>, Vec<Wanted>) = wanted
        .into_iter()
        .partition(|one| matches!(one.act, Act::MoveTo(_) | Act::Delete));
    let mut last = std::collections::HashMap::new();
    for (place, one) in leaving.iter().enumerate() {
        last.insert((one.mailbox.clone(), one.local.clone()), place);
    }
    let kept = leaving.into_iter().enumerate().filter(|(place, one)| {
        let key = (one.mailbox.clone(), one.local.clone());
        // Where it is already it need not go.
        last.get(&key) == Some(place)
            && !matches!(&one.act, Act::MoveTo(target) if *target == one.mailbox)
    });
    staying.extend(kept.map(|(_, one)| one));
    staying
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{Flag, Flags, LocalId, MailboxName};
    use crate::sync::RowId;

    fn wanted(local: &str, act: Act) -> Wanted {
        Wanted {
            row: RowId(1),
            mailbox: MailboxName::inbox(),
            local: LocalId::new(local.as_bytes()).unwrap(),
            act,
        }
    }

    #[test]
    fn a_message_is_flagged_before_it_leaves_and_leaves_once() {
        let to = |name| Act::MoveTo(MailboxName::parse(name).unwrap());
        let flag = Act::AddFlags(Flags::new().with(Flag::Seen));
        let settled = settle(vec![
            wanted("a", to("One")),
            wanted("b", Act::Delete),
            wanted("a", flag.clone()),
            wanted("a", to("Two")),
            wanted("c", to("INBOX")),
        ]);
        assert_eq!(
            settled,
            [
                wanted("a", flag),
                wanted("b", Act::Delete),
                wanted("a", to("Two"))
            ]
        );
    }
}
