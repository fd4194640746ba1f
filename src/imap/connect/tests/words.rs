use super::*;

use crate::engine::{Fault, Reach};

#[tokio::test]
async fn the_shortest_opening_is_the_greeting_and_one_command() {
    let command = line(&format!("A0001 AUTHENTICATE PLAIN {CODED}"));
    let script: Script<'_> = &[
        (b"", GREETING),
        (
            &command,
            b"A0001 OK [CAPABILITY IMAP4rev1 IDLE MOVE] Logged in\r\n",
        ),
    ];
    let opened = talk(&plain_settings(), script, false).await.unwrap();
    assert_eq!(opened.round_trips, 2);
    assert_eq!(opened.server.as_deref(), Some("Hello there"));
    assert_eq!(
        opened.capabilities,
        Capabilities::from_atoms(["IMAP4REV1", "IDLE", "MOVE"])
    );
    assert_eq!(opened.leftover, b"");
}

#[tokio::test]
async fn what_follows_the_ok_is_left_over_octet_for_octet() {
    let command = line(&format!("A0001 AUTHENTICATE PLAIN {CODED}"));
    let more: &[u8] = b"* 5 EXISTS\r\n* ESEARCH (TAG \"x\") UID\r\n\xff\0{3}\r\nhal";
    let mut reply = b"* 1 EXISTS\r\nA0001 OK [CAPABILITY IMAP4rev1] done\r\n".to_vec();
    reply.extend_from_slice(more);
    let script: Script<'_> = &[(b"", GREETING), (&command, &reply)];
    let mut opened = talk(&plain_settings(), script, true).await.unwrap();
    let mut all = opened.leftover.clone();
    opened.stream.read_to_end(&mut all).await.unwrap();
    assert_eq!(all, more);

    // The same, arriving octet by octet.
    let (here, mut there) = duplex(1);
    let settings = plain_settings();
    let serving = async {
        there.write_all(GREETING).await.unwrap();
        let mut got = vec![0; command.len()];
        there.read_exact(&mut got).await.unwrap();
        there.write_all(&reply).await.unwrap();
        drop(there);
    };
    let opening = async {
        let mut opened = converse(&settings, Box::new(here), Privacy::of_a_test(None), 0)
            .await
            .unwrap();
        let mut all = opened.leftover.clone();
        opened.stream.read_to_end(&mut all).await.unwrap();
        all
    };
    assert_eq!(tokio::join!(opening, serving).0, more);
}

#[tokio::test]
async fn a_silent_greeting_and_a_silent_ok_cost_a_question_each() {
    let command = line(&format!("A0002 AUTHENTICATE PLAIN {CODED}"));
    let script: Script<'_> = &[
        (b"", b"* OK hi\r\n"),
        (
            b"A0001 CAPABILITY\r\n",
            b"* CAPABILITY IMAP4rev2 AUTH=PLAIN\r\n* CAPABILITY SASL-IR\r\nA0001 OK x\r\n",
        ),
        (&command, b"A0002 OK in\r\n"),
        (
            b"L1 CAPABILITY\r\n",
            b"* CAPABILITY IMAP4rev2 X\r\nL1 OK\r\n",
        ),
    ];
    let opened = talk(&plain_settings(), script, false).await.unwrap();
    assert_eq!(opened.round_trips, 4);
    assert_eq!(
        opened.capabilities,
        Capabilities::from_atoms(["IMAP4REV2", "X"])
    );
}

#[tokio::test]
async fn an_untagged_capability_line_during_the_login_is_enough() {
    let command = line(&format!("A0001 AUTHENTICATE PLAIN {CODED}"));
    let script: Script<'_> = &[
        (b"", GREETING),
        (&command, b"* CAPABILITY IMAP4rev1 X\r\nA0001 OK in\r\n"),
    ];
    let opened = talk(&plain_settings(), script, false).await.unwrap();
    assert_eq!(
        opened.capabilities,
        Capabilities::from_atoms(["IMAP4REV1", "X"])
    );
}

#[tokio::test]
async fn hidden_capabilities_are_absent_before_and_after_the_login() {
    let settings = Settings {
        hide_capabilities: vec!["sasl-ir".into(), "idle".into()],
        ..plain_settings()
    };
    let answer = line(CODED);
    let script: Script<'_> = &[
        (b"", GREETING),
        (b"A0001 AUTHENTICATE PLAIN\r\n", b"+ \r\n"),
        (&answer, b"A0001 OK [CAPABILITY IMAP4rev1 IDLE] in\r\n"),
    ];
    let opened = talk(&settings, script, false).await.unwrap();
    assert_eq!(opened.capabilities, Capabilities::from_atoms(["IMAP4REV1"]));
    assert_eq!(opened.round_trips, 3);
}

#[tokio::test]
async fn preauth_is_taken_as_logged_in() {
    let script: Script<'_> = &[(
        b"",
        b"* PREAUTH [CAPABILITY IMAP4rev1 X] root\r\n* 1 EXISTS\r\n",
    )];
    let opened = talk(&plain_settings(), script, false).await.unwrap();
    assert!(opened.capabilities.has("X"));
    assert_eq!(
        (opened.round_trips, &*opened.leftover),
        (1, &b"* 1 EXISTS\r\n"[..])
    );
}

#[tokio::test]
async fn a_bye_is_an_error_wherever_it_comes() {
    let bye: &[u8] = b"* BYE [UNAVAILABLE] later\r\n";
    let command = line(&format!("A0001 AUTHENTICATE PLAIN {CODED}"));
    let scripts: [Script<'_>; 3] = [
        &[(b"", bye)],
        &[(b"", b"* OK hi\r\n"), (b"A0001 CAPABILITY\r\n", bye)],
        &[(b"", GREETING), (&command, bye)],
    ];
    for script in scripts {
        for hang_up in [true, false] {
            let error = talk(&plain_settings(), script, hang_up).await.unwrap_err();
            assert!(
                matches!(&error, ConnectError::Bye { refusal: Refusal::Unavailable, text }
                    if text == "[UNAVAILABLE] later"),
                "{error:?}"
            );
        }
    }
}

#[tokio::test]
async fn what_does_not_greet_gets_no_word_from_us() {
    for garbage in [
        "HTTP/1.1 400 Bad Request",
        "220 mail ESMTP",
        "+OK POP3",
        "",
        "* NO go away",
        "* BAD x",
        "A0001 OK x",
        "+ x",
        "* CAPABILITY IMAP4rev1",
        "* 3 FETCH (INTERNALDATE NIL)",
        "\u{1b}]0;x\u{7}\u{fffd}",
    ] {
        let garbage = line(garbage);
        let script: Script<'_> = &[(b"", &garbage), (b"", b"* OK hi\r\n")];
        let error = talk(&plain_settings(), script, false).await.unwrap_err();
        assert!(matches!(error, ConnectError::NotImap { .. }), "{error:?}");
        assert!(!error.to_string().contains(char::is_control));
        let fault = Fault::from(error);
        assert_eq!((fault.reach, fault.retry), (Reach::Account, true));
    }
}

#[tokio::test]
async fn a_dialogue_cut_anywhere_is_an_error() {
    let command = line(&format!("A0001 AUTHENTICATE PLAIN {CODED}"));
    let reply = b"* CAPABILITY IMAP4rev1\r\nA0001 OK [CAPABILITY IMAP4rev1] in\r\n";
    for end in 0..GREETING.len() {
        let script: Script<'_> = &[(b"", &GREETING[..end])];
        let error = talk(&plain_settings(), script, true).await.unwrap_err();
        assert!(
            matches!(
                error,
                ConnectError::Closed {
                    step: Step::Greeting
                }
            ),
            "{end}: {error:?}"
        );
    }
    for end in 0..reply.len() {
        let script: Script<'_> = &[(b"", GREETING), (&command, &reply[..end])];
        let error = talk(&plain_settings(), script, true).await.unwrap_err();
        assert!(
            matches!(
                error,
                ConnectError::Closed { step: Step::Login } | ConnectError::Io { .. }
            ),
            "{end}: {error:?}"
        );
    }
}

#[tokio::test]
async fn lines_that_bring_the_parser_down_never_reach_it() {
    let command = line(&format!("A0001 AUTHENTICATE PLAIN {CODED}"));
    let nested = format!("* 1 FETCH (BODYSTRUCTURE {}\r\n", "(".repeat(5000));
    for hostile in [
        nested.as_bytes(),
        b"* 3 FETCH (INTERNALDATE NIL)\r\n",
        b"* OK [ALERT]\xc3\xa9lan\r\n",
        b"* ESEARCH (TAG \"A\") UID ALL 1\r\n* XYZZY\r\n\r\n\n",
        b"* LIST () \"/\" {32}\r\nA0001 NO this is a mailbox's name\r\n (x)\r\n",
        b"A0001 YES\r\nA0001\r\nA0001 PREAUTH x\r\n",
        b"* BYTE\r\n",
    ] {
        let reply = [hostile, b"A0001 OK [CAPABILITY IMAP4rev1]\xc3\xa9\0\r\n"].concat();
        let script: Script<'_> = &[(b"", GREETING), (&command, &reply)];
        talk(&plain_settings(), script, false).await.unwrap();
    }
}

#[tokio::test]
async fn a_line_or_literal_without_measure_ends_it() {
    let command = line(&format!("A0001 AUTHENTICATE PLAIN {CODED}"));
    let endless = vec![b'x'; 70_000];
    for hostile in [&endless[..], b"* LIST () \"/\" {4294967295}\r\n"] {
        let script: Script<'_> = &[(b"", GREETING), (&command, hostile)];
        let error = talk(&plain_settings(), script, false).await.unwrap_err();
        assert!(
            matches!(error, ConnectError::TooLong { step: Step::Login }),
            "{error:?}"
        );
    }
    let error = talk(&plain_settings(), &[(b"", &endless)], false)
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectError::TooLong { .. }), "{error:?}");
}

#[tokio::test]
async fn capabilities_without_end_end_it() {
    let command = line(&format!("A0001 AUTHENTICATE PLAIN {CODED}"));
    let mut hostile = Vec::new();
    for letter in ["a", "b", "c"] {
        hostile.extend(format!("* CAPABILITY {}\r\n", letter.repeat(30_000)).bytes());
    }
    let script: Script<'_> = &[(b"", GREETING), (&command, &hostile)];
    let error = talk(&plain_settings(), script, false).await.unwrap_err();
    assert!(matches!(error, ConnectError::TooLong { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn silence_ends_every_step() {
    let command = line(&format!("A0001 AUTHENTICATE PLAIN {CODED}"));
    let scripts: [(Script<'_>, Step); 4] = [
        (&[], Step::Greeting),
        (&[(b"", b"* OK hi\r\n")], Step::Capability),
        (&[(b"", GREETING)], Step::Login),
        (
            &[(b"", GREETING), (&command, b"* OK still here\r\n")],
            Step::Login,
        ),
    ];
    for (script, expected) in scripts {
        let (here, mut there) = duplex(1 << 20);
        for (_, reply) in script {
            there.write_all(reply).await.unwrap();
        }
        let settings = plain_settings();
        let error = converse(&settings, Box::new(here), Privacy::of_a_test(None), 0)
            .await
            .unwrap_err();
        assert!(
            matches!(&error, ConnectError::Timeout { step, .. } if *step == expected),
            "{error:?}"
        );
    }
}

#[test]
fn debug_shows_no_password() {
    let settings = Settings {
        secret: SecretSource::Plain(Secret::new("hunter2")),
        ..plain_settings()
    };
    let shown = format!("{settings:?}");
    assert!(
        shown.contains(USER) && !shown.contains("hunter2"),
        "{shown}"
    );
}
