//! What is shown, and what is not.

use super::*;

#[test]
fn one_message_is_one_bubble_after_it_has_settled() {
    let mut world = World::new(rules());
    world.arrives([arrival(1)]);
    world.pass(Duration::from_millis(249));
    assert_eq!(world.calls, 0);
    world.pass(Duration::from_millis(1));
    let bubble = world.only();
    assert_eq!(
        (bubble.summary.as_str(), bubble.body.as_str()),
        ("Sender 1", "Subject 1\nText 1")
    );
    assert_eq!(bubble.category, Some("email.arrived"));
    assert_eq!(bubble.sound, Some("message-new-email"));
}

#[test]
fn a_message_that_is_read_or_filed_while_it_settles_is_never_shown() {
    let mut world = World::new(rules());
    world.arrives([arrival(1), arrival(2)]);
    world.pass(Duration::from_millis(100));
    world.goes([1]);
    let elsewhere = Gone {
        row: RowId(77),
        local: LocalId::new(b"2.x"),
        ..gone(2)
    };
    world.board.gone("work", &[elsewhere], &world.now);
    world.settle();
    assert_eq!(world.calls, 0);
}

#[test]
fn what_is_no_news_is_not_told() {
    type Change = fn(&mut Arrival);
    let changes: [(&str, Change); 9] = [
        ("read", |it| it.subject.flags.set(Flag::Seen)),
        ("a draft", |it| it.subject.flags.set(Flag::Draft)),
        ("deleted", |it| it.subject.flags.set(Flag::Deleted)),
        ("made here", |it| it.side = Side::Local),
        ("silenced", |it| it.wish.silent = true),
        ("gone", |it| it.subject.local = None),
        ("in another mailbox", |it| {
            it.subject.mailbox = mailbox("Other");
        }),
        ("older than the first sync", |it| {
            it.subject.date = TODAY - 1001;
        }),
        ("very old", |it| it.subject.date = TODAY - 31 * 24 * 3600),
    ];
    for (what, change) in changes {
        let mut world = World::new(rules());
        let mut arrival = arrival(1);
        change(&mut arrival);
        let since = if what == "very old" {
            None
        } else {
            Some(TODAY - 1000)
        };
        world
            .board
            .arrived("work", since, vec![arrival], &world.now);
        world.settle();
        assert_eq!(world.calls, 0, "{what}");
    }
    let mut world = World::new(rules());
    world
        .board
        .arrived("work", Some(TODAY - 1000), vec![arrival(1)], &world.now);
    world
        .board
        .arrived("nobody", None, vec![arrival(2)], &world.now);
    world.settle();
    assert_eq!(world.headlines(), ["Sender 1"]);
}

#[test]
fn an_event_is_told_once_though_mailboxes_are_told_of_one_after_the_other() {
    let mut world = World::new(rules());
    for number in [5, 9, 4, 8, 5, 4] {
        world.arrives([arrival_in("Lists", number)]);
        world.settle();
    }
    assert_eq!(
        (world.calls, told(world.only())),
        (3 + 1 + 2, 4),
        "{:?}",
        world.headlines()
    );
    let mut world = World::new(Rules {
        burst: 1,
        ..rules()
    });
    world.arrives((1..=10_000).map(arrival));
    world.arrives((1..=10_000).map(arrival));
    world.settle();
    assert_eq!(told(world.only()), 10_000);
}

#[test]
fn quiet_hours_are_quiet_and_notices_wait_for_their_end() {
    let quiet = Some(Quiet {
        from: 1320,
        to: 420,
    });
    let mut world = World::new(Rules { quiet, ..rules() });
    world.now.minute = 1319;
    world.arrives([arrival(1)]);
    world.now.minute = 1320;
    world.settle();
    world.arrives([arrival(2)]);
    world.says(Notice::SignIn {
        reason: "no".to_owned(),
    });
    world.says(Notice::Said {
        title: "t".to_owned(),
        body: String::new(),
        urgency: Urgency::Critical,
        copy: None,
    });
    world.settle();
    assert_eq!(world.calls, 0);
    assert!(world.board.due().unwrap() >= world.now.at + Duration::from_secs(60));
    // A clock that stands still while the machine sleeps, or a change to summer time, makes no difference.
    world.now.minute = 420;
    world.pass(Duration::from_secs(5 * 60));
    assert_eq!(world.headlines(), ["Sign in again: work"]);
}

#[test]
fn what_comes_while_the_server_is_inhibited_is_shown_later_if_it_is_still_unread() {
    let mut world = World::new(rules());
    world.board.inhibit(true);
    world.arrives([arrival(1), arrival(2)]);
    world.settle();
    assert_eq!((world.calls, world.board.due()), (0, None));
    world.goes([1]);
    world.board.inhibit(false);
    world.work();
    assert_eq!(world.headlines(), ["Sender 2"]);
}

#[test]
fn from_the_burst_on_there_is_one_summary_in_place_of_the_newest() {
    let mut world = World::new(rules());
    world.arrives([arrival(1), arrival(2), arrival(3)]);
    world.settle();
    assert_eq!(world.headlines(), ["Sender 1", "Sender 2", "Sender 3"]);
    world.arrives([arrival_in("Lists", 4)]);
    world.settle();
    assert_eq!(world.screen.keys().copied().collect::<Vec<_>>(), [3]);
    assert_eq!(world.only().summary, "4 new messages in 2 mailboxes");
    assert_eq!(
        world.only().body,
        "Sender 4: Subject 4\nSender 3: Subject 3\nSender 2: Subject 2\nSender 1: Subject 1"
    );
    world.goes([1, 2, 3]);
    world.settle();
    assert_eq!(world.only().summary, "1 new message in Lists");
    assert!(world.only().hushed && world.only().sound.is_none());
}

#[test]
fn bubbles_that_were_put_away_do_not_count() {
    let mut world = World::new(rules());
    for number in 1..=20 {
        world.arrives([arrival(number)]);
        world.settle();
        assert_eq!(world.headlines(), [format!("Sender {number}")]);
        let id = world.last;
        world.screen.remove(&id);
        world.board.closed(id);
    }
    assert_eq!(world.calls, 20);
}

#[test]
fn a_server_that_is_another_one_is_not_asked_for_what_the_first_one_showed() {
    let mut world = World::new(rules());
    world.arrives([arrival(1)]);
    world.says(Notice::SignIn {
        reason: "no".to_owned(),
    });
    world.settle();
    assert_eq!(world.screen.len(), 2);
    world.screen.clear();
    world.last = 0;
    world.board.lost(&world.now);
    assert!(world.board.wants_server(), "the notice still holds");
    world.board.ready(ALL, &world.now);
    world.settle();
    assert_eq!(world.headlines(), ["Sign in again: work"]);
    let before = world.calls;
    world.goes([1]);
    world.settle();
    assert_eq!(world.calls, before, "number 1 is another bubble now");
}

#[test]
fn a_notice_that_ends_the_server_each_time_is_given_up() {
    let mut world = World::new(rules());
    world.says(Notice::SignIn {
        reason: "no".to_owned(),
    });
    for _ in 0..10 {
        world.settle();
        world.board.lost(&world.now);
        world.board.ready(ALL, &world.now);
    }
    assert_eq!(world.calls, 3);
}

#[test]
fn without_a_server_messages_are_dropped_and_notices_are_kept() {
    let mut world = World::new(rules());
    world.board.lost(&world.now);
    world.arrives([arrival(1)]);
    world.says(Notice::SignIn {
        reason: "no".to_owned(),
    });
    assert!(world.board.wants_server());
    world.board.absent();
    assert!(!world.board.wants_server(), "nobody knocks for ever");
    world.arrives([arrival(2)]);
    assert!(world.board.wants_server());
    world.board.ready(ALL, &world.now);
    world.settle();
    assert_eq!(world.headlines(), ["Sign in again: work", "Sender 2"]);
}

#[test]
fn a_notice_is_shown_once_until_it_is_over_or_says_more() {
    let hold = |count| Notice::Hold {
        id: "work:3".to_owned(),
        mailbox: mailbox("Lists"),
        count,
        reason: "25 of 30 messages at once".to_owned(),
    };
    let mut world = World::new(rules());
    world.says(hold(25));
    world.says(hold(25));
    world.settle();
    assert_eq!(world.only().summary, "25 deletions held in Lists (work)");
    assert!(world.only().lasting);
    world.says(hold(26));
    world.settle();
    assert_eq!(world.only().summary, "26 deletions held in Lists (work)");
    let id = world.last;
    world.screen.remove(&id);
    world.board.closed(id);
    world.says(hold(26));
    world.settle();
    assert_eq!(
        (world.calls, world.screen.len()),
        (2, 0),
        "the user has seen it"
    );
    world.board.over("work", &Topic::Hold("work:3".to_owned()));
    world.says(hold(26));
    world.settle();
    assert_eq!(world.screen.len(), 1);
    world.board.over("work", &Topic::Hold("work:3".to_owned()));
    world.settle();
    assert!(world.screen.is_empty());
}

#[test]
fn plugins_that_talk_much_get_one_bubble() {
    let mut world = World::new(rules());
    for number in 0..5000 {
        let title = format!("Note {number}");
        world.says(Notice::Said {
            title,
            body: String::new(),
            urgency: Urgency::Normal,
            copy: None,
        });
        world.pass(Duration::from_millis(10));
    }
    world.settle();
    assert!(world.calls <= 9, "{} calls", world.calls);
    assert!(
        world
            .headlines()
            .iter()
            .any(|headline| headline.ends_with("notes from plugins"))
    );
}

#[test]
fn an_account_that_is_no_more_leaves_nothing_behind() {
    let mut world = World::new(rules());
    world.arrives([arrival(1), arrival(2)]);
    world.says(Notice::SignIn {
        reason: "no".to_owned(),
    });
    world.settle();
    assert_eq!(world.screen.len(), 3);
    world.board.configure(vec![("work".to_owned(), rules())]);
    world.settle();
    assert_eq!(world.screen.len(), 3);
    world.board.configure(vec![("other".to_owned(), rules())]);
    world.settle();
    assert!(world.screen.is_empty());
}
