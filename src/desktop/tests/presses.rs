//! What buttons do, and to what.

use super::*;
use crate::desktop::board::Press;
use crate::mail::Keyword;
use crate::sync::Act;

impl World {
    fn key(&self, id: u32, word: &str) -> String {
        let actions = &self.screen[&id].actions;
        let found = actions
            .iter()
            .find(|(key, _)| key.split(':').next() == Some(word));
        found
            .unwrap_or_else(|| panic!("{word} is not in {actions:?}"))
            .0
            .clone()
    }

    /// The rows that a press is for, and what is to be done to them.
    fn acts(&mut self, id: u32, key: &str) -> Option<(Vec<i64>, Act)> {
        match self.board.pressed(id, key)?.1 {
            Press::Act { wanted, .. } => {
                let act = wanted.first()?.act.clone();
                assert!(
                    wanted
                        .iter()
                        .all(|it| it.act == act && it.mailbox.is_inbox())
                );
                Some((wanted.iter().map(|it| it.row.0).collect(), act))
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn each_button_does_its_own_thing_to_the_message_shown() {
    let mut world = World::new(rules());
    world.arrives([arrival(1), arrival(2)]);
    world.settle();
    let labels: Vec<_> = world.screen[&2]
        .actions
        .iter()
        .map(|(_, label)| label.as_str())
        .collect();
    assert_eq!(
        labels,
        ["Open", "Mark as read", "Archive", "Delete", "Mute thread"]
    );
    let muted = Flags::new().with_keyword(Keyword::new("$Muted").unwrap());
    for (word, act) in [
        ("read", Act::AddFlags(Flags::new().with(Flag::Seen))),
        ("archive", Act::MoveTo(mailbox("Archive"))),
        ("delete", Act::Delete),
        ("mute", Act::AddFlags(muted)),
    ] {
        let key = world.key(2, word);
        assert_eq!(world.acts(2, &key), Some((vec![2], act)), "{word}");
        assert_eq!(world.acts(1, &key), None, "a key of another bubble");
    }
    assert!(
        matches!(world.board.pressed(1, "default"), Some((_, Press::Open { detail, .. }))
        if detail.message_id.as_deref() == Some("1@x"))
    );
    for nonsense in [
        "",
        "default:1",
        "read",
        "delete:",
        "delete:x",
        "approve",
        "delete:999",
    ] {
        assert_eq!(world.board.pressed(2, nonsense), None, "{nonsense}");
    }
    assert_eq!(world.board.pressed(99, "default"), None);
}

#[test]
fn a_click_that_was_on_its_way_is_for_what_was_shown_then() {
    let mut world = World::new(rules());
    world.arrives((1..=3).map(arrival));
    world.settle();
    let delete_three = world.key(3, "delete");
    world.arrives([arrival(4)]);
    world.settle();
    let read_four = world.key(3, "read");
    world.arrives([arrival(5)]);
    world.settle();
    assert_eq!(world.only().summary, "5 new messages in INBOX");
    let labels: Vec<_> = world
        .only()
        .actions
        .iter()
        .map(|(_, label)| label.as_str())
        .collect();
    assert_eq!(
        labels,
        ["Open", "Mark all 5 as read"],
        "nobody deletes what they have not seen"
    );
    let seen = || Act::AddFlags(Flags::new().with(Flag::Seen));
    let read_five = world.key(3, "read");
    assert_eq!(world.acts(3, &delete_three), Some((vec![3], Act::Delete)));
    assert_eq!(world.acts(3, &read_four), Some((vec![1, 2, 3, 4], seen())));
    assert_eq!(
        world.acts(3, &read_five),
        Some((vec![1, 2, 3, 4, 5], seen()))
    );
    assert!(
        matches!(world.board.pressed(3, "default"), Some((_, Press::Open { member, .. })) if member.row == RowId(5))
    );
}

#[test]
fn very_many_messages_are_not_marked_at_once() {
    let mut world = World::new(rules());
    world.arrives((1..=101).map(arrival));
    world.settle();
    assert_eq!(world.only().actions.len(), 1, "{:?}", world.only().actions);
    world.goes([101]);
    world.settle();
    let (id, bubble) = world.screen.iter().next().unwrap();
    assert_eq!(
        bubble.actions.len(),
        1,
        "one of them is known by its number only"
    );
    assert_eq!(*id, 1);
}

#[test]
fn a_muted_thread_is_silent_from_then_on() {
    let mut world = World::new(rules());
    world.arrives([arrival(1)]);
    world.settle();
    let key = world.key(1, "mute");
    world.board.pressed(1, &key);
    assert_eq!(world.board.changed_muted().as_deref(), Some("1@x\n"));
    world.goes([1]);
    let mut answer = arrival(2);
    answer.letter.references = vec!["1@x".to_owned()];
    let mut next = arrival(3);
    next.letter.references = vec!["2@x".to_owned()];
    world.arrives([answer, next, arrival(4)]);
    world.settle();
    assert_eq!(world.headlines(), ["Sender 4"]);
}

#[test]
fn notices_ask_for_what_their_buttons_say() {
    let mut world = World::new(rules());
    world.says(Notice::Hold {
        id: "work:3".to_owned(),
        mailbox: mailbox("Lists"),
        count: 2,
        reason: String::new(),
    });
    world.says(Notice::SignIn {
        reason: "no".to_owned(),
    });
    world.settle();
    let mut press = |id, key| {
        world
            .board
            .pressed(id, key)
            .map(|(account, press)| (account == "work", press))
    };
    assert_eq!(
        press(1, "approve"),
        Some((true, Press::Approve("work:3".to_owned())))
    );
    assert_eq!(
        press(1, "restore"),
        Some((true, Press::Restore("work:3".to_owned())))
    );
    assert_eq!(
        press(1, "default"),
        None,
        "a click beside the buttons decides nothing"
    );
    assert_eq!(press(2, "default"), Some((true, Press::SignIn)));
    assert_eq!(press(2, "approve"), None);
}

#[test]
fn what_could_not_be_done_is_said_at_any_hour_and_stays() {
    let mut world = World::new(Rules {
        quiet: Some(Quiet { from: 0, to: 1439 }),
        ..rules()
    });
    world.board.inhibit(true);
    world.board.failed("delete", "the folder is not there");
    world.settle();
    let bubble = world.only();
    assert_eq!(
        (bubble.summary.as_str(), bubble.body.as_str()),
        ("Could not delete", "the folder is not there")
    );
    assert!(bubble.transient);
}

#[test]
fn a_text_that_a_hook_gives_is_copied_from_bubbles_of_ours_only() {
    let mut world = World::new(rules());
    let mut one = arrival(1);
    one.wish.copy = Some("482\u{202e} 913\n".to_owned());
    world.arrives([one]);
    world.says(Notice::Said {
        title: "t".to_owned(),
        body: String::new(),
        urgency: Urgency::Normal,
        copy: Some("x".repeat(1000)),
    });
    world.settle();
    let (message, said) = (2, 1);
    let labels: Vec<_> = world.screen[&message].actions.iter().collect();
    assert_eq!(labels[1].1, "Copy 482 913");
    let key = world.key(message, "copy");
    let copied = |world: &mut World, id| match world.board.pressed(id, &key) {
        Some((_, Press::Copy(text))) => Some(text),
        None => None,
        other => panic!("{other:?}"),
    };
    assert_eq!(copied(&mut world, message).as_deref(), Some("482 913"));
    assert_eq!(copied(&mut world, 99), None, "somebody else's");
    let long = world.key(said, "copy");
    assert!(
        matches!(world.board.pressed(said, &long), Some((_, Press::Copy(text))) if text.chars().count() <= 200)
    );
    world.board.closed(said);
    assert_eq!(world.board.pressed(said, &long), None);
    let privacy = Privacy::Sender;
    let mut world = World::new(Rules { privacy, ..rules() });
    let mut one = arrival(1);
    one.wish.copy = Some("482913".to_owned());
    world.arrives([one]);
    world.settle();
    assert!(!format!("{:?}", world.only()).contains("482913"));
}

#[test]
fn where_nobody_keeps_keywords_muting_is_all_that_is_done() {
    let keywords = false;
    let mut world = World::new(Rules {
        keywords,
        ..rules()
    });
    world.arrives([arrival(1)]);
    world.settle();
    let key = world.key(1, "mute");
    let pressed = world.board.pressed(1, &key);
    assert_eq!(pressed, Some(("work".to_owned(), Press::Muted)));
    assert_eq!(world.board.changed_muted().as_deref(), Some("1@x\n"));
}
