//! IDLE.

use super::*;

/// Up to the `+` of the IDLE (`f2`), and what else happens.
fn idling(mailbox: &str, more: Script) -> Door {
    let mut script = vec![
        expect(&format!("f1 EXAMINE \"{mailbox}\"\n")),
        say("* 3 EXISTS\n* OK [UIDVALIDITY 7] x\nf1 OK [READ-ONLY] x\n"),
        expect("f2 IDLE\n"),
        say("+ idling\n"),
    ];
    script.extend(more);
    Ok(("IDLE", script))
}

fn refused(mailbox: &str, answer: &str) -> Script {
    vec![
        expect(&format!("f1 EXAMINE \"{mailbox}\"\n")),
        say(&format!("f1 {answer}\n")),
    ]
}

fn logout(tag: u32) -> Script {
    vec![
        expect(&format!("f{tag} LOGOUT\n")),
        say(&format!("* BYE\nf{tag} OK\n")),
        Act::Closed,
    ]
}

/// Watches INBOX alone.
fn inbox<R>(more: Script, act: impl AsyncFnOnce(&mut Watched) -> R) -> R {
    watching(vec![idling("INBOX", more)], &["INBOX"], 1, async |watch| {
        let mut watch = watch.unwrap();
        assert_eq!(
            watch.coverage().way,
            RemoteWay::Idle(vec![MailboxName::inbox()])
        );
        act(&mut watch).await
    })
}

#[test]
fn every_kind_of_change_points_at_its_mailbox() {
    for line in [
        "* 4 EXISTS\n",
        "* 2 EXPUNGE\n",
        "* VANISHED 4:7\n",
        "* 1 FETCH (UID 2 FLAGS (\\Seen))\n",
        "* 1 FETCH (UID 2 FLAGS\n",
    ] {
        inbox(vec![spell(line)], async |watch| {
            assert_eq!(watch.next().await.unwrap(), [at("INBOX")], "{line}");
        });
    }
    inbox(
        vec![say("* LIST () \"/\" a\n* STATUS b (MESSAGES 1)\n")],
        async |watch| {
            assert_eq!(watch.next().await.unwrap(), [at("b"), Hint::Mailboxes]);
        },
    );
}

#[test]
fn several_mailboxes_idle_on_a_connection_each() {
    let doors = vec![
        idling("INBOX", vec![Act::Wait(2), say("* 1 EXPUNGE\n")]),
        idling("a/b", vec![Act::Wait(1), say("* 4 EXISTS\n")]),
    ];
    let idle = ["INBOX", "a/b", "INBOX", "c"];
    watching(doors, &idle, 2, async |watch| {
        let mut watch = watch.unwrap();
        let RemoteCoverage { way, reason } = watch.coverage();
        assert_eq!(*way, RemoteWay::Idle(vec![name("INBOX"), name("a/b")]));
        assert!(reason.contains("1 mailbox goes without"), "{reason}");
        assert_eq!(watch.next().await.unwrap(), [at("a/b")]);
        assert_eq!(watch.next().await.unwrap(), [at("INBOX")]);
    });
}

#[test]
fn one_that_talks_without_end_does_not_drown_the_other() {
    let flood = || {
        (0..50)
            .flat_map(|_| [say("* 4 EXISTS\n"), Act::Wait(0)])
            .collect()
    };
    let doors = vec![
        idling("INBOX", flood()),
        idling("a", vec![say("* 4 EXISTS\n")]),
    ];
    watching(doors, &["INBOX", "a"], 2, async |watch| {
        let mut watch = watch.unwrap();
        let hints = gather(&mut watch, 2).await;
        assert!(hints.contains(&at("a")), "{hints:?}");
    });
}

#[test]
fn a_mailbox_that_is_not_there_is_left_out_and_its_connection_used() {
    let mut script = refused("gone", "NO [NONEXISTENT] no such thing");
    script.extend([
        expect("f2 EXAMINE \"a\"\n"),
        say("f2 OK x\n"),
        expect("f3 IDLE\n"),
        say("* 4 EXISTS\n+ idling\n"),
    ]);
    watching(
        vec![Ok(("IDLE", script))],
        &["gone", "a"],
        1,
        async |watch| {
            let mut watch = watch.unwrap();
            let RemoteCoverage { way, reason } = watch.coverage();
            assert_eq!(*way, RemoteWay::Idle(vec![name("a")]));
            assert!(reason.contains("no such thing"), "{reason}");
            assert!(!reason.contains("without"), "{reason}");
            assert_eq!(
                watch.next().await.unwrap(),
                [at("a")],
                "what comes before the + counts"
            );
        },
    );
}

#[test]
fn without_any_mailbox_to_idle_on_nothing_is_held() {
    let mut script = refused("gone", "NO [NONEXISTENT] no such thing");
    script.extend(logout(2));
    watching(vec![Ok(("IDLE", script))], &["gone"], 2, async |watch| {
        assert_eq!(watch.unwrap().coverage().way, RemoteWay::Poll);
    });
}

#[test]
fn fewer_connections_than_asked_for_will_do() {
    let refusals: Vec<Door> = vec![
        Err(Fault::new(Reach::Connection, true, "[LIMIT] too many")),
        Ok((
            "IDLE",
            vec![expect("f1 EXAMINE \"a\"\n"), say("* BYE too many\n")],
        )),
        Ok(("IDLE", vec![expect("f1 EXAMINE \"a\"\n"), Act::Hang])),
    ];
    for refusal in refusals {
        let doors = vec![idling("INBOX", vec![say("* 4 EXISTS\n")]), refusal];
        watching(doors, &["INBOX", "a", "b"], 3, async |watch| {
            let mut watch = watch.unwrap();
            let RemoteCoverage { way, reason } = watch.coverage();
            assert_eq!(*way, RemoteWay::Idle(vec![name("INBOX")]));
            assert!(reason.contains("connection 2 failed"), "{reason}");
            assert!(reason.contains("2 mailboxes go without"), "{reason}");
            assert_eq!(watch.next().await.unwrap(), [at("INBOX")]);
        });
    }
}

#[test]
fn an_idle_that_is_refused_is_told() {
    let mut script = vec![
        expect("f1 EXAMINE \"INBOX\"\n"),
        say("f1 OK x\n"),
        expect("f2 IDLE\n"),
        say("f2 NO not today\n"),
    ];
    script.extend(logout(3));
    watching(
        vec![Ok(("IDLE", script))],
        &["INBOX", "a"],
        2,
        async |watch| {
            let watch = watch.unwrap();
            assert_eq!(watch.coverage().way, RemoteWay::Poll);
            assert!(watch.coverage().reason.contains("not today"));
        },
    );
}

#[test]
fn still_here_is_no_event_and_silence_is_no_fault() {
    let more = vec![
        Act::Wait(120),
        say("* OK Still here\n"),
        Act::Wait(120),
        say("* OK Still here\n* 0 RECENT\n"),
        Act::Wait(3000),
        say("* 4 EXISTS\n"),
    ];
    inbox(more, async |watch| {
        assert_nothing(watch, 3239).await;
        assert_eq!(watch.next().await.unwrap(), [at("INBOX")]);
    });
}

#[test]
fn a_renewal_ends_and_begins_anew_and_keeps_what_comes_meanwhile() {
    let more = vec![
        expect("DONE\n"),
        say("* 4 EXISTS\nf2 OK done\n"),
        expect("f3 IDLE\n"),
        say("* 1 EXPUNGE\n+ idling\n"),
        Act::Wait(10),
        say("* 5 EXISTS\n"),
    ];
    inbox(more, async |watch| {
        watch.renew(LIMIT).await.unwrap();
        assert_eq!(watch.next().await.unwrap(), [at("INBOX")]);
        assert_nothing(watch, 9).await;
        assert_eq!(watch.next().await.unwrap(), [at("INBOX")]);
    });
}

#[test]
fn a_renewal_that_is_dropped_is_carried_on() {
    let more = vec![
        expect("DONE\n"),
        Act::Wait(2),
        say("f2 OK done\n"),
        expect("f3 IDLE\n"),
        Act::Wait(2),
        say("+ idling\n* 4 EXISTS\n"),
    ];
    inbox(more, async |watch| {
        for _ in 0..3 {
            let broken_off = timeout(Duration::from_secs(1), watch.renew(LIMIT));
            assert!(broken_off.await.is_err());
        }
        watch.renew(LIMIT).await.unwrap();
        assert_eq!(watch.next().await.unwrap(), [at("INBOX")]);
    });
}

#[test]
fn all_connections_are_renewed_within_one_limit() {
    let renewal = || {
        vec![
            expect("DONE\n"),
            Act::Wait(20),
            say("f2 OK done\n"),
            expect("f3 IDLE\n"),
            say("+ idling\n"),
        ]
    };
    let doors = vec![idling("INBOX", renewal()), idling("a", renewal())];
    watching(doors, &["INBOX", "a"], 2, async |watch| {
        watch.unwrap().renew(LIMIT).await.unwrap();
    });
}

#[test]
fn a_done_that_is_never_answered_is_a_fault_within_the_limit() {
    for more in [
        vec![Act::Fall],
        vec![expect("DONE\n"), Act::Fall],
        vec![expect("DONE\n"), say("f2 OK done\n"), Act::Fall],
        vec![expect("DONE\n"), say("f2 OK do"), Act::Fall],
    ] {
        inbox(more, async |watch| {
            let begin = Instant::now();
            assert_connection(watch.renew(LIMIT).await);
            assert!(begin.elapsed() <= LIMIT + Duration::from_millis(5));
            assert_connection(watch.next().await);
        });
    }
}

#[test]
fn a_server_that_ends_idle_or_refuses_to_go_on_is_a_fault() {
    inbox(vec![Act::Wait(1), say("f2 OK enough\n")], async |watch| {
        let said = assert_connection(watch.next().await);
        assert!(said.contains("enough"), "{said}");
    });
    let more = vec![
        expect("DONE\n"),
        say("f2 OK done\n"),
        expect("f3 IDLE\n"),
        say("f3 BAD never again\n"),
    ];
    inbox(more, async |watch| {
        let said = assert_connection(watch.renew(LIMIT).await);
        assert!(said.contains("never again"), "{said}");
    });
}

#[test]
fn farewells_and_cuts_anywhere_are_faults_of_the_connection() {
    let line = "* 1 FETCH (FLAGS (\\Seen))\r\n";
    for cut in 0..line.len() {
        let more = vec![Act::Say(line.as_bytes()[..cut].to_vec()), Act::Hang];
        inbox(more, async |watch| {
            assert_connection(watch.next().await);
            assert_connection(watch.next().await);
        });
    }
    inbox(vec![Act::Wait(1), say("* BYE bye\n")], async |watch| {
        assert_connection(watch.next().await);
    });
}

#[test]
fn one_connection_that_is_gone_ends_the_watch() {
    let doors = vec![
        idling("INBOX", Vec::new()),
        idling("a", vec![Act::Wait(1), Act::Hang]),
    ];
    watching(doors, &["INBOX", "a"], 2, async |watch| {
        let mut watch = watch.unwrap();
        assert_connection(watch.next().await);
        assert_connection(watch.next().await);
    });
}

#[test]
fn it_ends_politely_and_does_not_wait_for_a_dead_server() {
    let mut polite = vec![expect("DONE\n"), say("f2 OK done\n")];
    polite.extend(logout(3));
    let doors = vec![idling("INBOX", polite), idling("a", vec![Act::Fall])];
    watching(doors, &["INBOX", "a"], 2, async |watch| {
        let begin = Instant::now();
        watch.unwrap().close().await;
        assert!(begin.elapsed() < Duration::from_secs(5));
    });
}
