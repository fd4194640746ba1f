//! NOTIFY.

use super::*;

const CAPABILITIES: &str = "ENABLE CONDSTORE NOTIFY IDLE";
const SET: &str = "NOTIFY SET (personal (MessageNew MessageExpunge FlagChange MailboxName))\n";

/// Up to the granted NOTIFY (`f2`), and what else happens.
fn granted(more: Script) -> Vec<Door> {
    let mut script = vec![
        expect("f1 ENABLE CONDSTORE\n"),
        say("* ENABLED CONDSTORE\nf1 OK x\n"),
        expect(&format!("f2 {SET}")),
        say("f2 OK x\n"),
    ];
    script.extend(more);
    vec![Ok((CAPABILITIES, script))]
}

fn notified<R>(more: Script, act: impl AsyncFnOnce(&mut Watched) -> R) -> R {
    watching(granted(more), &["INBOX", "a"], 3, async |watch| {
        let mut watch = watch.unwrap();
        assert_eq!(watch.coverage().way, RemoteWay::Notify);
        act(&mut watch).await
    })
}

const TALK: &str = "* STATUS INBOX (MESSAGES 1)\n* STATUS \"B&AOk-/x\" (HIGHESTMODSEQ 3)\n* STATUS INBOX (MESSAGES 2)\n\
    * LIST (\\HasNoChildren) \"/\" Q (\"OLDNAME\" (N))\n* STATUS {3}\nabc (UIDNEXT 2)\n";

fn heard() -> Vec<Hint> {
    vec![at("Bé/x"), at("INBOX"), at("abc"), Hint::Mailboxes]
}

#[test]
fn each_change_names_its_mailbox_once() {
    notified(vec![say(TALK)], async |watch| {
        assert_eq!(watch.next().await.unwrap(), heard());
        assert_nothing(watch, 7200).await;
    });
}

#[test]
fn octet_by_octet_and_dropped_after_each_nothing_is_lost() {
    notified(vec![spell(TALK)], async |watch| {
        let mut all = Vec::new();
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(5) {
            // Shorter than the pause between two octets: most waits are dropped in the middle of a line.
            let wait = timeout(Duration::from_micros(400), watch.next());
            if let Ok(hints) = wait.await {
                all.extend(hints.unwrap());
            }
            sleep(Duration::from_micros(100)).await;
        }
        all.sort();
        all.dedup();
        assert_eq!(all, heard());
    });
}

#[test]
fn what_is_said_while_notify_is_being_granted_counts() {
    let script = vec![
        expect("f1 ENABLE CONDSTORE\n"),
        say("f1 OK x\n"),
        expect(&format!("f2 {SET}")),
        say("* STATUS a (MESSAGES 1)\nf2 OK x\n* STATUS b (MESSAGES 1)\n"),
    ];
    watching(vec![Ok((CAPABILITIES, script))], &[], 1, async |watch| {
        let hints = watch.unwrap().next().await.unwrap();
        assert_eq!(hints, [at("a"), at("b")]);
    });
}

#[test]
fn an_overflow_means_everything_once_notify_is_set_again() {
    let more = vec![
        Act::Wait(1),
        say(
            "* STATUS a (MESSAGES 1)\n* OK [NOTIFICATIONOVERFLOW] x\n* OK [NOTIFICATIONOVERFLOW] x\n",
        ),
        expect(&format!("f3 {SET}")),
        Act::Wait(5),
        say("* STATUS b (MESSAGES 1)\nf3 OK x\n* STATUS c (MESSAGES 1)\n"),
        Act::Wait(5),
        say("* STATUS d (MESSAGES 1)\n"),
    ];
    notified(more, async |watch| {
        assert_eq!(watch.next().await.unwrap(), [at("a")]);
        assert_nothing(watch, 4).await;
        assert_eq!(watch.next().await.unwrap(), [Hint::Everything]);
        assert_eq!(watch.next().await.unwrap(), [at("d")]);
    });
}

#[test]
fn a_notify_that_is_not_granted_again_ends_the_watch() {
    let more = vec![
        Act::Wait(1),
        say("* OK [NOTIFICATIONOVERFLOW] x\n"),
        expect(&format!("f3 {SET}")),
        say("f3 BAD no more\n"),
    ];
    notified(more, async |watch| {
        let said = assert_connection(watch.next().await);
        assert!(said.contains("no more"), "{said}");
        assert_connection(watch.next().await);
        assert_connection(watch.renew(LIMIT).await);
    });
}

#[test]
fn a_refusal_gives_way_to_idle_and_is_told() {
    for refusal in [
        "NO [BADEVENT (FlagChange)] not that",
        "NO [NOTIFICATIONOVERFLOW] not that",
        "NO not that",
        "BAD not that",
    ] {
        let script = vec![
            expect("f1 ENABLE CONDSTORE\n"),
            say("f1 OK x\n"),
            expect(&format!("f2 {SET}")),
            say(&format!("f2 {refusal}\n")),
            expect("f3 EXAMINE \"INBOX\"\n"),
            say("* 1 EXISTS\nf3 OK x\n"),
            expect("f4 IDLE\n"),
            say("+ idling\n* 2 EXISTS\n"),
        ];
        watching(
            vec![Ok((CAPABILITIES, script))],
            &["INBOX"],
            1,
            async |watch| {
                let mut watch = watch.unwrap();
                let RemoteCoverage { way, reason } = watch.coverage();
                assert_eq!(*way, RemoteWay::Idle(vec![MailboxName::inbox()]));
                assert!(reason.contains("not that"), "{reason}");
                assert_eq!(watch.next().await.unwrap(), [at("INBOX")]);
            },
        );
    }
}

#[test]
fn a_refusal_without_idle_leaves_polling() {
    let script = vec![
        expect("f1 ENABLE CONDSTORE\n"),
        say("f1 OK x\n"),
        expect(&format!("f2 {SET}")),
        say("f2 NO not that\n"),
        expect("f3 LOGOUT\n"),
        say("* BYE\nf3 OK\n"),
        Act::Closed,
    ];
    let doors = vec![Ok(("ENABLE CONDSTORE NOTIFY", script))];
    watching(doors, &["INBOX"], 1, async |watch| {
        let watch = watch.unwrap();
        assert_eq!(watch.coverage().way, RemoteWay::Poll);
        assert!(watch.coverage().reason.contains("not that"));
    });
}

#[test]
fn noise_is_passed_over_and_silence_is_no_fault() {
    let more = vec![
        say(
            "* OK Still here\n* XYZZY (a {3}\n\0\n) b\n*\n\n* 5 FROB\n* 4 EXISTS\n+ huh\nf99 OK stray\n* STATUS \"//\" (MESSAGES 1)\n",
        ),
        Act::Wait(1000),
        say("* STATUS a (MESSAGES 1)\n"),
    ];
    notified(more, async |watch| {
        assert_nothing(watch, 999).await;
        assert_eq!(watch.next().await.unwrap(), [at("a")]);
    });
}

#[test]
fn a_renewal_asks_for_a_sign_of_life_and_keeps_what_comes_meanwhile() {
    let more = vec![
        expect("f3 NOOP\n"),
        say("* STATUS a (MESSAGES 1)\n* LIST () \"/\" b\nf3 OK x\n"),
        expect("f4 NOOP\n"),
        say("f4 OK x\n"),
    ];
    notified(more, async |watch| {
        watch.renew(LIMIT).await.unwrap();
        watch.renew(LIMIT).await.unwrap();
        assert_eq!(watch.next().await.unwrap(), [at("a"), Hint::Mailboxes]);
        assert_nothing(watch, 100).await;
    });
}

#[test]
fn a_renewal_waits_for_an_overflow_to_be_repaired() {
    let more = vec![
        expect("f3 NOOP\n"),
        say("* OK [NOTIFICATIONOVERFLOW] x\nf3 OK x\n"),
        expect(&format!("f4 {SET}")),
        say("f4 OK x\n"),
    ];
    notified(more, async |watch| {
        watch.renew(LIMIT).await.unwrap();
        assert_eq!(watch.next().await.unwrap(), [Hint::Everything]);
    });
}

#[test]
fn a_server_that_does_not_answer_is_found_out_within_the_limit() {
    notified(vec![Act::Fall], async |watch| {
        let begin = Instant::now();
        let said = assert_connection(watch.renew(LIMIT).await);
        assert!(begin.elapsed() <= LIMIT + Duration::from_millis(5));
        assert!(said.contains("30 seconds"), "{said}");
        assert_connection(watch.next().await);
        assert_connection(watch.renew(LIMIT).await);
    });
}

#[test]
fn farewells_and_cuts_anywhere_are_faults_of_the_connection() {
    let line = wire("* STATUS \"a b\" (MESSAGES 1)\n");
    for cut in 0..line.len() {
        let more = vec![Act::Say(line.as_bytes()[..cut].to_vec()), Act::Hang];
        notified(more, async |watch| {
            assert_connection(watch.next().await);
            assert_connection(watch.next().await);
        });
    }
    notified(
        vec![Act::Wait(1), say("* BYE [UNAVAILABLE] later\n")],
        async |watch| {
            let said = assert_connection(watch.next().await);
            assert!(said.contains("later"), "{said}");
            assert_connection(watch.next().await);
        },
    );
}

#[test]
fn a_flood_of_names_takes_bounded_memory() {
    let flood: String = (0..5000)
        .map(|number| format!("* STATUS \"&x{number}\" (MESSAGES 1)\n"))
        .collect();
    let more = vec![
        Act::Wait(1),
        say(&flood),
        Act::Wait(1),
        say("* STATUS end (MESSAGES 1)\n"),
    ];
    notified(more, async |watch| {
        // Nobody listens, so that all of it lies there at once.
        sleep(Duration::from_millis(1500)).await;
        let mut most = 0;
        loop {
            let hints = watch.next().await.unwrap();
            most = most.max(hints.len());
            if hints.contains(&at("end")) {
                break;
            }
        }
        assert!(most <= 1024, "{most}");
    });
}

#[test]
fn it_ends_politely() {
    let more = vec![expect("f3 LOGOUT\n"), say("* BYE\nf3 OK\n"), Act::Closed];
    watching(granted(more), &[], 1, async |watch| {
        watch.unwrap().close().await;
    });
}
