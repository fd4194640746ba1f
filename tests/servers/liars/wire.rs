//! Lies in how things are said: after the login, about any command.

use std::time::Duration;

use super::{Case, Way};
use crate::support::script::{QUICK, Told, USUAL};

const NEVER: Duration = Duration::ZERO;
const ANY: [&str; 6] = ["ENABLE", "LIST", "STATUS", "SELECT", "UID FETCH", "APPEND"];

#[test]
fn no_answer_and_no_silence_does_harm() {
    let mut cases = Vec::new();
    for verb in ANY {
        cases.extend(endings(verb));
    }
    cases.push(Case::at("F71 BYE to LOGOUT", "LOGOUT", |_, _| Told::Close).ends(&[0]));
    cases.push(Case::at("F76 silence to LOGOUT", "LOGOUT", |talk, _| talk.wait()).ends(&[0]));
    super::play(cases);
}

fn endings(verb: &'static str) -> Vec<Case> {
    let answer = |what: &str, text: &'static str| {
        Case::at(format!("{what} to {verb}"), verb, move |talk, asked| {
            talk.say(text.replace("TAG", &asked.tag));
            Told::All
        })
        .offering(QUICK)
        .ends(&[0, 1])
    };
    let close = |what: &str, text: &'static str| {
        Case::at(format!("{what} to {verb}"), verb, move |talk, asked| {
            talk.say(text.replace("TAG", &asked.tag));
            Told::Close
        })
        .offering(QUICK)
    };
    vec![
        answer("F85 F93 NO", "TAG NO \x1b[31mno\u{202e}\r\n"),
        answer("F83 BAD", "TAG BAD what\r\n"),
        answer("F83 OK without a text", "TAG OK\r\n"),
        answer(
            "F147 a referral",
            "TAG NO [REFERRAL imap://evil.example/x] elsewhere\r\n",
        ),
        answer("F72 NO [UNAVAILABLE]", "TAG NO [UNAVAILABLE] later\r\n"),
        answer("F91 NO [OVERQUOTA]", "TAG NO [OVERQUOTA] full\r\n"),
        close("F71 BYE", "* BYE [UNAVAILABLE] down\r\n").says(&["closed the connection"]),
        close("F73 the end", "").says(&["ended before", "connection failed"]),
        close("F73 the end in the middle of the answer", "TAG O")
            .says(&["ended before", "connection failed"]),
        close(
            "F84 the OK of another tag, and the end",
            "f999999 OK done\r\nx1 OK done\r\nTAGx OK done\r\n",
        )
        .says(&["ended before", "connection failed"]),
        Case::at(format!("F76 silence to {verb}"), verb, |talk, _| {
            talk.wait()
        })
        .offering(QUICK)
        .says(&["nothing came"]),
    ]
}

#[test]
fn nothing_without_measure_takes_memory_or_time() {
    let mut cases = Vec::new();
    for verb in ["LIST", "SELECT", "UID FETCH"] {
        cases.extend(floods(verb));
    }
    cases.push(
        Case::at("F140 a literal of 4 GiB for a body", "UID FETCH", |talk, asked| {
            if !asked.rest.contains("BODY.PEEK[]") {
                return Told::Truth;
            }
            talk.say("* 7 FETCH (UID 7 FLAGS () INTERNALDATE \"12-Mar-2024 10:11:12 +0000\" BODY[] {4294967295}\r\nSubject: x\r\n");
            talk.wait()
        })
        .says(&["4294967295", "nothing came"]),
    );
    cases.push(
        Case::at("F76 a body octet by octet", "UID FETCH", |talk, asked| {
            if !asked.rest.contains("BODY.PEEK[]") {
                return Told::Truth;
            }
            let uid = asked.rest.split([':', ',', ' ']).next().unwrap_or("1");
            talk.say(format!("* 7 FETCH (UID {uid} FLAGS () INTERNALDATE \"12-Mar-2024 10:11:12 +0000\" BODY[] {{100000}}\r\n"));
            talk.go_on(b"x", Duration::from_millis(300))
        }),
    );
    cases.push(
        Case::at("F79 a body with an end too early", "UID FETCH", |talk, asked| {
            if !asked.rest.contains("BODY.PEEK[]") {
                return Told::Truth;
            }
            let uid = asked.rest.split([':', ',', ' ']).next().unwrap_or("1");
            talk.say(format!("* 7 FETCH (UID {uid} FLAGS () INTERNALDATE \"12-Mar-2024 10:11:12 +0000\" BODY[] {{5}}\r\nSubject: too long\r\n)\r\n{} OK x\r\n", asked.tag));
            talk.wait()
        })
        .says(&["body does not end"]),
    );
    cases.push(
        Case::at(
            "F141 a bomb behind COMPRESS: one line",
            "LIST",
            |talk, _| talk.go_on(&vec![b'x'; 1 << 20], NEVER),
        )
        .over(Way::Compressed)
        .offering(&format!("{USUAL} COMPRESS=DEFLATE"))
        .says(&["longer than"]),
    );
    cases.push(
        Case::at(
            "F141 a bomb behind COMPRESS: many lines",
            "LIST",
            |talk, _| talk.go_on("* OK nothing new here\r\n".repeat(50_000).as_bytes(), NEVER),
        )
        .over(Way::Compressed)
        .offering(&format!("{USUAL} COMPRESS=DEFLATE")),
    );
    cases.push(
        Case::at("F141 garbage behind COMPRESS", "COMPRESS", |talk, asked| {
            talk.say(format!(
                "{} OK go\r\n* OK not compressed at all\r\n\x07\x07\x07\x07",
                asked.tag
            ));
            talk.wait()
        })
        .over(Way::Compressed)
        .offering(&format!("{USUAL} COMPRESS=DEFLATE")),
    );
    super::play(cases);
}

fn floods(verb: &'static str) -> Vec<Case> {
    let flood = |what: &str, text: String| {
        Case::at(
            format!("{what} in answer to {verb}"),
            verb,
            move |talk, _| talk.go_on(text.as_bytes(), NEVER),
        )
        .offering(QUICK)
    };
    let once = |what: &str, text: String| {
        Case::at(
            format!("{what} in answer to {verb}"),
            verb,
            move |talk, _| {
                talk.say(&text);
                Told::Truth
            },
        )
        .offering(QUICK)
        .ends(&[0, 1])
    };
    let numbered = move |what: &str, line: fn(u32) -> String| {
        Case::at(
            format!("{what} in answer to {verb}"),
            verb,
            move |talk, _| {
                let mut from = 1;
                loop {
                    let text: String = (from..from + 1000).map(line).collect();
                    from += 1000;
                    if !talk.say(text) {
                        return Told::Close;
                    }
                }
            },
        )
        .offering(QUICK)
    };
    vec![
        flood("F76 endless news", "* OK still here\r\n".repeat(500)),
        flood("F76 endless continuations", "+ go on\r\n".repeat(500)),
        flood("F76 endless blank lines", "\r\n".repeat(2000)),
        flood("F76 endless answers to others", "f99999999 OK x\r\n".repeat(500)),
        flood("F76 endless EXISTS", "* 4294967295 EXISTS\r\n* 1 EXISTS\r\n".repeat(300)),
        flood("F140 an endless line", "x".repeat(8192)).says(&["longer than"]),
        flood("F140 an endless long line", "* SEARCH 1".to_owned()).says(&["longer than"]),
        numbered("F150 endless mailboxes", |number| format!("* LIST () \"/\" \"x{number}\"\r\n")),
        numbered("F84 F150 endless messages nobody asked for", |number| format!("* {number} FETCH (UID {number} FLAGS (\\Seen))\r\n")),
        numbered("F149 endless VANISHED", |number| format!("* VANISHED {}\r\n", u64::from(number) * 2 + 100)),
        numbered("F84 endless SEARCH", |number| format!("* SEARCH {}\r\n", u64::from(number) * 2 + 100)),
        numbered("F87 endless flags", |number| format!("* {number} FETCH (UID {number} FLAGS (k{number} l{number} m{number}))\r\n")),
        flood("F142 endless alerts", "* OK [ALERT] \x1b[2Jlook here\r\n".repeat(200)),
        once("F142 ten thousand alerts", "* OK [ALERT] \x1b]0;owned\x07 read this\r\n".repeat(10_000)),
        once("F140 100,000 parentheses", format!("* 1 FETCH (BODYSTRUCTURE {}\r\n", "(".repeat(100_000))),
        once("F140 60,000 parentheses", format!("* 1 FETCH (BODYSTRUCTURE {}\r\n", "(".repeat(60_000))),
        once("F140 60,000 parentheses in a LIST", format!("* LIST {}\r\n", "(".repeat(60_000))),
        once("F140 60,000 parentheses in a STATUS", format!("* STATUS INBOX {}\r\n", "(".repeat(60_000))),
        once("F140 a literal of 4 GiB for a name", "* LIST () \"/\" {4294967295}\r\n".into()),
        once("F140 a literal of 4 GiB among flags", "* 1 FETCH (FLAGS ({4294967295}\r\n".into()),
        once("F140 a number beyond all numbers", "* 99999999999999999999999 FETCH (UID 99999999999999999999 RFC822.SIZE 999999999999999999999999)\r\n* 99999999999999 EXISTS\r\n".into()),
    ]
}
