//! Lies up to the end of the login.

use std::time::Duration;

use super::{CANARY, Case, Way, coded};
use crate::support::script::{Told, USUAL};

const AFTER_TLS: &str = "IMAP4rev1 AUTH=PLAIN SASL-IR LITERAL+ UIDPLUS MOVE STARTTLS";
const NEVER: Duration = Duration::ZERO;

#[test]
fn no_greeting_and_no_login_leads_astray() {
    let mut cases = greetings();
    cases.extend(encryption());
    cases.extend(logins());
    super::play(cases);
}

fn greetings() -> Vec<Case> {
    let greet = |name: &str, text: &'static [u8]| {
        Case::at(name, "GREETING", move |talk, _| {
            talk.say(text);
            talk.wait()
        })
    };
    vec![
        greet(
            "F69 F135 a web server answers",
            b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
        )
        .says(&["no imap server"]),
        greet(
            "F140 a literal of 4 GiB in the greeting",
            b"* OK hello {4294967295}\r\nxxxx",
        )
        .says(&["no answer to"]),
        greet(
            "F140 a list with a literal of 4 GiB for a greeting",
            b"* LIST () \"/\" {4294967295}\r\nxxxx",
        )
        .says(&["no imap server"]),
        greet(
            "F71 BYE for a greeting",
            b"* BYE \x1b]0;owned\x07 go away\r\n",
        )
        .says(&["hung up"]),
        greet(
            "F72 too many connections",
            b"* BYE [LIMIT] Too many simultaneous connections\r\n",
        )
        .says(&["too many"]),
        greet("F76 silence for a greeting", b"").says(&["no answer to the greeting"]),
        greet("F83 a bare star", b"*\r\n").says(&["no imap server"]),
        Case::at(
            "F71 a closed connection for a greeting",
            "GREETING",
            |_, _| Told::Close,
        )
        .says(&["closed"]),
        Case::at("F140 an endless greeting", "GREETING", |talk, _| {
            talk.say("* OK ");
            talk.go_on(&[b'x'; 8192], NEVER)
        })
        .says(&["too long"]),
        Case::at("F76 a greeting octet by octet", "GREETING", |talk, _| {
            talk.say("* OK ");
            talk.go_on(b"x", Duration::from_millis(200))
        })
        .says(&["no answer to the greeting"]),
        Case::at("F142 escapes in the greeting", "GREETING", |talk, _| {
            talk.say("* OK [ALERT] \x1b[2J\x1b]0;owned\x07 \u{202e}hello\u{9b}31m\r\n");
            Told::All
        })
        .ends(&[0, 1]),
    ]
}

fn encryption() -> Vec<Case> {
    let starttls = |name: &str, text: &'static str| {
        Case::at(name, "STARTTLS", move |talk, asked| {
            talk.say(text.replace("TAG", &asked.tag));
            talk.encrypt();
            Told::All
        })
        .over(Way::StartTls)
        .offering(AFTER_TLS)
    };
    vec![
        starttls(
            "F133 capabilities behind the OK to STARTTLS",
            "TAG OK begin\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n",
        )
        .says(&["plain text followed"]),
        starttls(
            "F133 an answer behind the OK to STARTTLS",
            "TAG OK begin\r\nA0002 OK logged in\r\n",
        )
        .says(&["plain text followed"]),
        starttls(
            "F133 half a line behind the OK to STARTTLS",
            "TAG OK begin\r\n*",
        )
        .says(&["plain text followed"]),
        starttls(
            "F133 an alert before the OK to STARTTLS",
            "* OK [ALERT] visit http://evil.example\r\nTAG OK begin\r\n",
        )
        .ends(&[0]),
        Case::at(
            "F133 garbage instead of the handshake",
            "STARTTLS",
            |talk, asked| {
                talk.say(format!("{} OK begin\r\n", asked.tag));
                std::thread::sleep(Duration::from_millis(300));
                talk.say("* OK [CAPABILITY IMAP4rev1] not encrypted at all\r\n");
                talk.wait()
            },
        )
        .over(Way::StartTls)
        .offering(AFTER_TLS),
        Case::at("F132 STARTTLS is not offered", "GREETING", |talk, _| {
            talk.say(format!("* OK [CAPABILITY {USUAL}] hello\r\n"));
            Told::All
        })
        .over(Way::StartTls)
        .offering(AFTER_TLS)
        .says(&["starttls"]),
        Case::at("F132 STARTTLS is refused", "STARTTLS", |talk, asked| {
            talk.say(format!("{} NO not today\r\n", asked.tag));
            Told::All
        })
        .over(Way::StartTls)
        .offering(AFTER_TLS)
        .says(&["starttls"]),
        Case::at(
            "F132 STARTTLS is not understood",
            "STARTTLS",
            |talk, asked| {
                talk.say(format!("{} BAD what\r\n", asked.tag));
                Told::All
            },
        )
        .over(Way::StartTls)
        .offering(AFTER_TLS)
        .says(&["starttls"]),
        Case::at("F134 PREAUTH before STARTTLS", "GREETING", |talk, _| {
            talk.say(format!("* PREAUTH [CAPABILITY {USUAL}] welcome\r\n"));
            Told::All
        })
        .over(Way::StartTls)
        .offering(AFTER_TLS)
        .says(&["preauth"]),
        Case::at(
            "F132 F136 a certificate, and then another name is asked for",
            "STARTTLS",
            |talk, asked| {
                talk.say(format!("{} OK begin\r\n", asked.tag));
                talk.wait()
            },
        )
        .over(Way::StartTls)
        .offering(AFTER_TLS)
        .says(&["no answer to the tls handshake"]),
        Case::at("F134 PREAUTH with TLS is taken", "GREETING", |talk, _| {
            talk.say(format!("* PREAUTH [CAPABILITY {USUAL}] welcome\r\n"));
            Told::All
        })
        .over(Way::Implicit)
        .ends(&[0]),
    ]
}

fn logins() -> Vec<Case> {
    let login = |name: &str, text: String| {
        Case::at(name, "AUTHENTICATE", move |talk, asked| {
            talk.say(text.replace("TAG", &asked.tag));
            Told::All
        })
    };
    let long = "p".repeat(190);
    vec![
        login(
            "F102 the password comes back in a NO",
            format!("TAG NO you said {CANARY}\r\n"),
        )
        .says(&["refused"]),
        login(
            "F102 the password comes back coded",
            format!("TAG NO you said {}\r\n", coded()),
        )
        .says(&["refused"]),
        login(
            "F102 the password comes back in a BAD, and LOGIN works",
            format!("TAG BAD LOGIN alice {CANARY}\r\n"),
        )
        .ends(&[0]),
        Case::new(
            "F102 the password comes back in a BAD to every way to log in",
            |talk, asked| {
                if matches!(asked.verb.as_str(), "AUTHENTICATE" | "LOGIN") {
                    talk.say(format!("{} BAD {CANARY}\r\n", asked.tag));
                    return Told::All;
                }
                Told::Truth
            },
        )
        .says(&["to login)"]),
        login(
            "F102 the password comes back cut",
            format!("TAG NO {long}{CANARY}\r\n"),
        ),
        login(
            "F102 the password comes back in a BYE",
            format!("* BYE you said {CANARY}\r\n"),
        ),
        login(
            "F102 the password comes back in an alert",
            format!("* OK [ALERT] you said {CANARY}\r\nTAG OK welcome\r\n"),
        )
        .ends(&[0, 1]),
        login(
            "F102 the password comes back as a capability",
            format!("TAG OK [CAPABILITY IMAP4rev1 {CANARY}] you said {CANARY}\r\n"),
        )
        .ends(&[0, 1]),
        login(
            "F102 the password comes back as a continuation",
            format!("+ {}\r\nTAG NO {CANARY}\r\n", coded()),
        ),
        login(
            "F72 the login is refused without a reason",
            "TAG NO\r\n".into(),
        )
        .says(&["refused"]),
        login(
            "F147 the login refers to another server",
            "TAG NO [REFERRAL imap://evil.example/] go there\r\n".into(),
        )
        .says(&["refused"]),
        login(
            "F84 the OK to the login has another tag",
            "Z9 OK welcome\r\n".into(),
        )
        .says(&["no answer"]),
        login("F71 BYE for a login", "* BYE [UNAVAILABLE] down\r\n".into()).says(&["hung up"]),
        login(
            "F140 100,000 parentheses before the login's answer",
            format!(
                "* 1 FETCH (BODYSTRUCTURE {}\r\nTAG OK x\r\n",
                "(".repeat(100_000)
            ),
        ),
        login(
            "F140 50,000 parentheses before the login's answer",
            format!(
                "* 1 FETCH (BODYSTRUCTURE {}\r\nTAG OK x\r\n",
                "(".repeat(50_000)
            ),
        )
        .ends(&[0]),
        login(
            "F140 a literal of 4 GiB before the login's answer",
            "* LIST () \"/\" {4294967295}\r\nx".into(),
        ),
        Case::at(
            "F76 endless untagged lines before the login's answer",
            "AUTHENTICATE",
            |talk, _| talk.go_on("* OK wait a little\r\n".repeat(500).as_bytes(), NEVER),
        ),
        Case::at("F76 endless continuations", "AUTHENTICATE", |talk, _| {
            talk.go_on("+ more\r\n".repeat(500).as_bytes(), NEVER)
        }),
        Case::at(
            "F76 the login's answer octet by octet",
            "AUTHENTICATE",
            |talk, _| talk.go_on(b"*", Duration::from_millis(200)),
        ),
        Case::at(
            "F140 an endless line before the login's answer",
            "AUTHENTICATE",
            |talk, _| talk.go_on(&[b'x'; 8192], NEVER),
        )
        .says(&["too long"]),
        Case::at("F132 nothing to log in with", "GREETING", |talk, _| {
            talk.say("* OK [CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=\x1b[31mX] hello\r\n");
            Told::All
        })
        .says(&["no way to log in"]),
    ]
}

#[test]
fn a_password_that_comes_back_after_the_login_is_not_shown() {
    super::play(vec![Case::at(
        "F102 the password comes back after the login",
        "LIST",
        |talk, asked| {
            talk.say(format!(
                "* OK [ALERT] your password is {CANARY}\r\n* NO {CANARY}\r\n{} NO {CANARY}\r\n",
                asked.tag
            ));
            Told::All
        },
    )]);
}
