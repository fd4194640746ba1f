//! Exact words, for every kind of server and wish for privacy.

use super::*;

fn shown(rules: Rules, arrivals: Vec<Arrival>) -> Bubble {
    let mut world = World::new(rules);
    world.arrives(arrivals);
    world.settle();
    world.only().clone()
}

fn texts(bubble: &Bubble) -> (&str, &str) {
    (&bubble.summary, &bubble.body)
}

fn letter(name: &str, address: &str, subject: &str, text: &str) -> Arrival {
    let mut arrival = arrival(1);
    let said = &mut arrival.letter;
    (said.name, said.address) = (name.to_owned(), address.to_owned());
    (said.subject, said.text) = (subject.to_owned(), text.to_owned());
    arrival
}

#[test]
fn what_is_missing_or_poses_is_replaced() {
    for ((name, address, subject, text), headline, body) in [
        (("", "a@b.c", "", ""), "a@b.c", "(no subject)"),
        (("", "", "s", ""), "(unknown sender)", "s"),
        (("boss@corp.com", "evil@x.org", "s", ""), "evil@x.org", "s"),
        (("A@b.c", "a@b.c", "s", ""), "A@b.c", "s"),
        (
            ("\u{202e}ecilA", "a@b.c", "s\r\nBcc: x", "t\n\nu"),
            "ecilA",
            "s Bcc: x\nt u",
        ),
        (
            ("Jürgen 💌", "a@b.c", "年賀状", "<b>&"),
            "Jürgen 💌",
            "年賀状\n<b>&",
        ),
    ] {
        let bubble = shown(rules(), vec![letter(name, address, subject, text)]);
        assert_eq!(texts(&bubble), (headline, body));
    }
}

#[test]
fn long_words_are_cut() {
    let bubble = shown(
        rules(),
        vec![letter(
            &"n".repeat(500),
            "",
            &"s".repeat(500),
            &"t".repeat(1_000_000),
        )],
    );
    let lengths: Vec<usize> = bubble
        .body
        .lines()
        .map(|line| line.chars().count())
        .collect();
    assert_eq!(
        (bubble.summary.chars().count(), lengths),
        (60, vec![120, 160])
    );
    assert!(bubble.summary.ends_with("n…"));
}

#[test]
fn privacy_leaves_out_what_it_says() {
    let sender = || Rules {
        privacy: Privacy::Sender,
        ..rules()
    };
    let count = || Rules {
        privacy: Privacy::Count,
        ..rules()
    };
    let labels = |bubble: &Bubble| {
        bubble
            .actions
            .iter()
            .map(|(_, label)| label.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        texts(&shown(sender(), vec![arrival(1)])),
        ("Sender 1", "New message")
    );
    let bubble = shown(count(), vec![arrival(1)]);
    assert_eq!(texts(&bubble), ("1 new message in INBOX", ""));
    assert_eq!(labels(&bubble), ["Open", "Mark as read"]);
    let many = || (1..=6).map(arrival).collect::<Vec<_>>();
    let bubble = shown(sender(), many());
    assert_eq!(
        texts(&bubble),
        (
            "6 new messages in INBOX",
            "Sender 6, Sender 5, Sender 4 and 3 more messages"
        )
    );
    assert_eq!(
        texts(&shown(count(), many())),
        ("6 new messages in INBOX", "")
    );
    let bubble = shown(rules(), many());
    assert_eq!(bubble.body.lines().last(), Some("and 1 more"));
    for rules in [sender(), count()] {
        let all = format!("{:?}", shown(rules, many()));
        assert!(!all.contains("Subject") && !all.contains("Text"), "{all}");
    }
}

#[test]
fn the_place_is_told_where_it_is_not_plain() {
    let mut world = World::with(vec![("work", rules()), ("home", rules())]);
    world.arrives([arrival(1), arrival_in("Lists/rust", 2)]);
    world.settle();
    assert_eq!(
        world.headlines(),
        ["Sender 1 (work)", "Sender 2 (work: Lists/rust)"]
    );
    world.arrives((3..6).map(arrival));
    world.settle();
    assert_eq!(world.only().summary, "5 new messages in 2 mailboxes (work)");
    let bubble = shown(rules(), vec![arrival_in("Lists", 1)]);
    assert_eq!(bubble.summary, "Sender 1 (Lists)");
}

#[test]
fn hooks_say_how_much_a_message_matters() {
    let mut low = arrival(1);
    low.wish.urgency = Some(Urgency::Low);
    assert_eq!(shown(rules(), vec![low.clone()]).urgency, Urgency::Low);
    let mut high = arrival(5);
    high.wish.urgency = Some(Urgency::Critical);
    let all = vec![low, arrival(2), arrival(3), arrival(4), high];
    assert_eq!(shown(rules(), all).urgency, Urgency::Critical);
}

#[test]
fn a_server_gets_nothing_that_it_does_not_know() {
    let bubble = shown(
        rules(),
        vec![letter("A & <B>", "", "1 < 2", "\"x\" & <img src='y'>")],
    );
    let bare = bubble.clone().for_server(&Abilities::of(["icon-static"]));
    assert_eq!(texts(&bare), ("A & <B>: 1 < 2", ""));
    assert!(bare.actions.is_empty() && bare.sound.is_none());
    let plain = bubble
        .clone()
        .for_server(&Abilities::of(["body", "actions"]));
    assert_eq!(texts(&plain), ("A & <B>", "1 < 2\n\"x\" & <img src='y'>"));
    assert_eq!(plain.actions.len(), 5);
    let markup = bubble.for_server(&Abilities::of(["body", "body-markup", "sound"]));
    assert_eq!(
        texts(&markup),
        (
            "A & <B>",
            "1 &lt; 2\n&quot;x&quot; &amp; &lt;img src=&apos;y&apos;&gt;"
        )
    );
    assert_eq!(markup.sound, Some("message-new-email"));
}

#[test]
fn withdrawals_follow_from_events() {
    use crate::sync::{Happened, Occasion};

    let occasion = |what| Occasion::Message {
        id: NewsId(9),
        side: Side::Local,
        by_listener: false,
        what,
        subject: arrival_in("Lists", 7).subject.into(),
    };
    let flags = |added: Flags| Happened::Flags {
        added,
        removed: Flags::new(),
    };
    let of =
        |what| Gone::of(&occasion(what)).map(|gone| (gone.mailbox.as_str().to_owned(), gone.row.0));
    assert_eq!(of(Happened::New), None);
    assert_eq!(of(flags(Flags::new().with(Flag::Flagged))), None);
    assert_eq!(
        of(flags(Flags::new().with(Flag::Seen))),
        Some(("Lists".to_owned(), 7))
    );
    assert_eq!(of(Happened::Deleted), Some(("Lists".to_owned(), 7)));
    assert_eq!(
        of(Happened::Moved {
            from: mailbox("INBOX")
        }),
        Some(("INBOX".to_owned(), 7))
    );
    let over = Occasion::AccountSynced { complete: true };
    assert_eq!(Gone::of(&over), None);
}
