use super::*;

use crate::auth::sasl::Broken;
use crate::engine::{Fault, Pace, Reach};

/// One login in which the server has `offered` and expects `dialogue`.
async fn with_offer(
    user: &str,
    password: &[u8],
    offered: &str,
    dialogue: Script<'_>,
) -> Result<Opened, ConnectError> {
    let greeting = line(&format!("* OK [CAPABILITY IMAP4rev1 {offered}] hi"));
    let mut script: Vec<(&[u8], &[u8])> = vec![(b"", &greeting)];
    script.extend_from_slice(dialogue);
    let settings = Settings {
        user: user.into(),
        secret: SecretSource::Plain(Secret::new(password)),
        ..plain_settings()
    };
    talk(&settings, &script, false).await
}

#[tokio::test]
async fn any_continuation_gets_the_response_once() {
    let (answer, command) = (
        line(CODED),
        line(&format!("A0001 AUTHENTICATE PLAIN {CODED}")),
    );
    for ask in [
        "+",
        "+ ",
        "+ go ahead",
        "+ AAAA",
        "* OK wait\r\n* 3 EXISTS\r\n+ ",
    ] {
        let ask = line(ask);
        let script: Script<'_> = &[
            (b"A0001 AUTHENTICATE PLAIN\r\n", &ask),
            (&answer, b"A0001 OK [CAPABILITY IMAP4rev1] x\r\n"),
        ];
        with_offer(USER, PASSWORD.as_bytes(), "AUTH=PLAIN", script)
            .await
            .unwrap();
        // A server that asks although it was told.
        let script: Script<'_> = &[
            (&command, &ask),
            (&answer, &ask),
            (b"\r\n", b"A0001 OK [CAPABILITY IMAP4rev1] x\r\n"),
        ];
        with_offer(USER, PASSWORD.as_bytes(), "AUTH=PLAIN SASL-IR", script)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn login_quotes_what_it_can_and_sends_the_rest_as_literals() {
    let done: &[u8] = b"A0001 OK [CAPABILITY IMAP4rev1] x\r\n";
    let script: Script<'_> = &[(b"A0001 LOGIN \"al ice\" \"p\\\"w\\\\{3}\"\r\n", done)];
    with_offer("al ice", b"p\"w\\{3}", "", script)
        .await
        .unwrap();

    let done: &[u8] = b"L1 OK [CAPABILITY IMAP4rev1] x\r\n";
    let script: Script<'_> = &[
        (b"L1 LOGIN {5}\r\n", b"+ go\r\n"),
        (b"alice {4}\r\n", b"* OK wait\r\n+ go\r\n"),
        (b"p\xc3\xbc\"\r\n", done),
    ];
    with_offer(USER, "p\u{fc}\"".as_bytes(), "", script)
        .await
        .unwrap();

    let script: Script<'_> = &[(b"L1 LOGIN {5+}\r\nalice {3+}\r\n\xff\r\n\r\n", done)];
    for offer in ["LITERAL+", "LITERAL-"] {
        with_offer(USER, b"\xff\r\n", offer, script).await.unwrap();
    }

    // Too long for LITERAL-.
    let long = vec![0xff; SHORT_AND_ONE];
    let last = [&long[..], b"\r\n"].concat();
    let script: Script<'_> = &[
        (b"L1 LOGIN {5+}\r\nalice {4097}\r\n", b"+\r\n"),
        (&last, done),
    ];
    with_offer(USER, &long, "LITERAL-", script).await.unwrap();
}

#[tokio::test]
async fn a_server_that_wants_more_or_less_than_the_password_is_left() {
    let script: Script<'_> = &[(b"L1 LOGIN {5}\r\n", b"L1 OK in\r\n")];
    let error = with_offer(USER, b"\xff", "", script).await.unwrap_err();
    assert!(
        matches!(error, ConnectError::Broken(Broken::Hasty)),
        "{error:?}"
    );
    let script: Script<'_> = &[(b"L1 LOGIN {5+}\r\nalice {1+}\r\n\xff\r\n", b"+ more\r\n")];
    let error = with_offer(USER, b"\xff", "LITERAL+", script)
        .await
        .unwrap_err();
    assert!(
        matches!(error, ConnectError::Insatiable { .. }),
        "{error:?}"
    );
    // And one that refuses the user's name.
    let script: Script<'_> = &[(b"L1 LOGIN {5}\r\n", b"L1 NO [LIMIT] too long\r\n")];
    let error = with_offer(USER, b"\xff", "", script).await.unwrap_err();
    assert!(
        matches!(
            error,
            ConnectError::Refused {
                refusal: Refusal::Limit,
                ..
            }
        ),
        "{error:?}"
    );
}

const SHORT_AND_ONE: usize = 4097;

#[tokio::test]
async fn plain_carries_any_octets() {
    let done: &[u8] = b"A0001 OK [CAPABILITY IMAP4rev1] x\r\n";
    let command = line("A0001 AUTHENTICATE PLAIN AMO8AP8NCiI=");
    with_offer(
        "\u{fc}",
        b"\xff\r\n\"",
        "AUTH=PLAIN SASL-IR",
        &[(&command, done)],
    )
    .await
    .unwrap();
    let error = with_offer(USER, b"a\0b", "AUTH=PLAIN SASL-IR", &[])
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectError::Unspeakable(_)));
    let error = with_offer(USER, b"a\0b", "", &[]).await.unwrap_err();
    assert!(matches!(error, ConnectError::Unspeakable(_)));
}

#[tokio::test]
async fn without_a_way_to_log_in_no_password_is_fetched() {
    let settings = Settings {
        secret: SecretSource::Command(vec!["no-such-program-here".into()]),
        ..plain_settings()
    };
    let script: Script<'_> = &[(
        b"",
        b"* OK [CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=GSSAPI] x\r\n",
    )];
    let error = talk(&settings, script, false).await.unwrap_err();
    assert!(
        matches!(&error, ConnectError::NoMechanism { offered, .. } if offered == "AUTH=GSSAPI LOGINDISABLED"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_refusal_is_typed_by_its_code() {
    use Reach::{Account, Connection};
    use Refusal as R;
    let command = line(&format!("A0001 AUTHENTICATE PLAIN {CODED}"));
    for (code, expected, reach, retry) in [
        (
            "[AUTHENTICATIONFAILED] ",
            R::AuthenticationFailed,
            Account,
            false,
        ),
        (
            "[authorizationfailed] ",
            R::AuthorizationFailed,
            Account,
            false,
        ),
        ("[EXPIRED] ", R::Expired, Account, false),
        ("[PRIVACYREQUIRED] ", R::PrivacyRequired, Account, false),
        ("[CONTACTADMIN] ", R::ContactAdmin, Account, false),
        ("[UNAVAILABLE] ", R::Unavailable, Account, true),
        ("[SERVERBUG] ", R::Unavailable, Account, true),
        ("[LIMIT] ", R::Limit, Connection, true),
        ("[INUSE] ", R::Limit, Connection, true),
        ("[OVERQUOTA] ", R::Exhausted, Account, true),
        ("AUTHENTICATIONFAILED ", R::Unknown, Account, false),
        ("", R::Unknown, Account, false),
    ] {
        for word in ["NO", "BAD"] {
            if (word, expected) == ("BAD", R::Unknown) {
                // It leads to the next way, below.
                continue;
            }
            let reply = line(&format!("A0001 {word} {code}so it is"));
            let script: Script<'_> = &[(b"", GREETING), (&command, &reply)];
            let error = talk(&plain_settings(), script, false).await.unwrap_err();
            let ConnectError::Refused {
                step: Step::Login,
                refusal,
                ..
            } = &error
            else {
                panic!("{error:?}");
            };
            assert_eq!(*refusal, expected, "{code}");
            assert!(error.to_string().ends_with("so it is"));
            let fault = Fault::from(error);
            assert_eq!((fault.reach, fault.retry), (reach, retry), "{code}");
        }
    }
}

#[tokio::test]
async fn a_complaint_that_repeats_the_password_is_left_out() {
    let command = line(&format!("A0001 AUTHENTICATE PLAIN {CODED}"));
    let padding = "x".repeat(195);
    for echo in [
        "cannot understand LOGIN alice secret".to_owned(),
        format!("cannot understand {CODED}"),
        format!("{padding}secret"),
    ] {
        let reply = line(&format!("A0001 NO {echo}"));
        let script: Script<'_> = &[(b"", GREETING), (&command, &reply)];
        let error = talk(&plain_settings(), script, false).await.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("left out"), "{shown}");
        assert!(!shown.contains("secr") && !shown.contains(CODED), "{shown}");
    }
}

/// Gmail says this while connections that died still count, and it says the same to whoever has a wrong password.
#[tokio::test]
async fn a_password_that_was_accepted_before_is_not_what_an_unknown_refusal_means() {
    let settings = plain_settings();
    let command = line(&format!("A0001 AUTHENTICATE PLAIN {CODED}"));
    let log_in = async |answer: &str| {
        let reply = line(&format!("A0001 {answer}"));
        let script: Script<'_> = &[(b"", GREETING), (&command, &reply)];
        talk(&settings, script, false).await
    };
    let full = "NO [ALERT] Too many simultaneous connections. (Failure)";
    let fault = Fault::from(log_in(full).await.unwrap_err());
    assert!(fault.advice.barred && !fault.retry);
    log_in("OK [CAPABILITY IMAP4rev1] in").await.unwrap();
    for refusal in [full, "NO go away", "NO what"] {
        let fault = Fault::from(log_in(refusal).await.unwrap_err());
        assert!(!fault.advice.barred && fault.retry, "{fault}");
        assert_eq!(fault.advice.pace, Pace::Refused);
        assert!(fault.to_string().contains("before"), "{fault}");
    }
    for code in ["AUTHENTICATIONFAILED", "EXPIRED", "AUTHORIZATIONFAILED"] {
        let fault = Fault::from(log_in(&format!("NO [{code}] x")).await.unwrap_err());
        assert!(fault.advice.barred && !fault.retry, "{fault}");
    }
}

/// What the server is told in each way, in the order in which they are tried.
fn by_plain_at_once(tag: u8) -> Vec<u8> {
    line(&format!("A000{tag} AUTHENTICATE PLAIN {CODED}"))
}

fn by_login(tag: u8) -> Vec<u8> {
    line(&format!("A000{tag} LOGIN \"alice\" \"secret\""))
}

const OFFER: &[u8] = b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi\r\n";

/// Coremail announces SASL-IR and does not take it.
#[tokio::test]
async fn bad_says_nothing_of_the_password_and_leads_to_the_next_way() {
    let settings = plain_settings();
    let (at_once, answer) = (by_plain_at_once(1), line(CODED));
    let script: Script<'_> = &[
        (b"", OFFER),
        (&at_once, b"A0001 BAD Parse command error\r\n"),
        (b"A0002 AUTHENTICATE PLAIN\r\n", b"+ \r\n"),
        (&answer, b"A0002 OK [CAPABILITY IMAP4rev1 IDLE] in\r\n"),
    ];
    let opened = talk(&settings, script, false).await.unwrap();
    assert!(opened.capabilities.has("IDLE"));
    // The next login does not begin with it.
    let script: Script<'_> = &[
        (b"", OFFER),
        (b"A0001 AUTHENTICATE PLAIN\r\n", b"+ \r\n"),
        (&answer, b"A0001 OK [CAPABILITY IMAP4rev1] in\r\n"),
    ];
    talk(&settings, script, false).await.unwrap();
}

#[tokio::test]
async fn a_server_that_knows_only_login_is_told_login() {
    let settings = plain_settings();
    let (at_once, login, again) = (by_plain_at_once(1), by_login(3), by_login(1));
    let script: Script<'_> = &[
        (b"", OFFER),
        (&at_once, b"A0001 BAD what\r\n"),
        (
            b"A0002 AUTHENTICATE PLAIN\r\n",
            b"* 1 EXISTS\r\nA0002 BAD what\r\n",
        ),
        (&login, b"A0003 OK [CAPABILITY IMAP4rev1] in\r\n"),
    ];
    talk(&settings, script, false).await.unwrap();
    for (answer, accepted) in [
        (&b"A0001 OK [CAPABILITY IMAP4rev1] in\r\n"[..], true),
        (b"A0001 NO [AUTHENTICATIONFAILED] no\r\n", false),
    ] {
        let script: Script<'_> = &[(b"", OFFER), (&again, answer)];
        assert_eq!(talk(&settings, script, false).await.is_ok(), accepted);
    }
}

#[tokio::test]
async fn a_refusal_is_no_reason_to_try_another_way() {
    let at_once = by_plain_at_once(1);
    for refusal in [
        "NO what",
        "NO [AUTHENTICATIONFAILED] what",
        "BAD [AUTHENTICATIONFAILED] what",
        "BAD [LIMIT] what",
    ] {
        let reply = line(&format!("A0001 {refusal}"));
        let script: Script<'_> = &[(b"", OFFER), (&at_once, &reply)];
        let error = talk(&plain_settings(), script, false).await.unwrap_err();
        assert!(matches!(error, ConnectError::Refused { .. }), "{error:?}");
    }
    // Nor is LOGIN tried where the server forbids it.
    let script: Script<'_> = &[
        (
            b"",
            b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN LOGINDISABLED] hi\r\n",
        ),
        (b"A0001 AUTHENTICATE PLAIN\r\n", b"A0001 BAD what\r\n"),
    ];
    let error = talk(&plain_settings(), script, false).await.unwrap_err();
    assert!(error.to_string().ends_with(": what"), "{error}");
}

#[tokio::test]
async fn a_server_that_knows_none_of_its_ways_is_quoted_and_asked_anew_next_time() {
    let settings = plain_settings();
    let (at_once, login) = (by_plain_at_once(1), by_login(3));
    let script: Script<'_> = &[
        (b"", OFFER),
        (&at_once, b"A0001 BAD one\r\n"),
        (b"A0002 AUTHENTICATE PLAIN\r\n", b"A0002 BAD two\r\n"),
        (&login, b"A0003 BAD three\r\n"),
    ];
    for _ in 0..2 {
        let error = talk(&settings, script, false).await.unwrap_err();
        assert!(
            error.to_string().ends_with(
                "one (to AUTHENTICATE PLAIN with an initial response); two (to AUTHENTICATE PLAIN); three (to LOGIN)"
            ),
            "{error}"
        );
        let fault = Fault::from(error);
        assert!(fault.advice.barred && !fault.retry);
    }
}
