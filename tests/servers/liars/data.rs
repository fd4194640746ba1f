//! Lies in what is said: names, numbers, and mail that is not there.

use super::Case;
use crate::support::message;
use crate::support::script::{Mail, QUICK, Told, USUAL, fetched};

#[test]
fn no_name_leads_out_of_the_roots() {
    const NAMES: [&str; 34] = [
        "\"../../mf-escape-1\"",
        "\"/tmp/mf-escape-2\"",
        "\"/etc/mf-escape-3\"",
        "\"..\"",
        "\".\"",
        "\"../..\"",
        "\"INBOX/../../../mf-escape-4\"",
        "\"x/../../../../tmp/mf-escape-5\"",
        "\"a//mf-escape-6\"",
        "\"/\"",
        "\"//\"",
        "\"\"",
        "\"cur\"",
        "\"new\"",
        "\"tmp\"",
        "\"INBOX/cur\"",
        "\"Box/tmp\"",
        "\"Box/new/x\"",
        "\".mailferry\"",
        "\".mailferry-trash\"",
        "\"Box/.mailferry\"",
        "\"a\0b\"",
        "{3}\r\na\0b",
        "{4}\r\na\r\nb",
        "{5}\r\na\nb\tc",
        "\"a\x1b]0;owned\x07\"",
        "\"&AC4ALg-/&AC4ALg-/mf-escape-7\"",
        "\"..&AC8-..&AC8-mf-escape-8\"",
        "\"&AAA-\"",
        "\"&ANk-\"",
        "\"&2AA-\"",
        "\"~root/mf-escape-9\"",
        "\"$HOME/mf-escape-10\"",
        "\"a\\\\b\\\"c\"",
    ];
    let list = |name: String, lines: Vec<u8>| {
        Case::at(name, "LIST", move |talk, _| {
            talk.say(&lines);
            Told::Truth
        })
        .ends(&[0, 1])
    };
    let one = |name: &[u8]| [b"* LIST () \"/\" ", name, b"\r\n"].concat();
    let mut cases: Vec<Case> = NAMES
        .iter()
        .map(|name| {
            list(
                format!("F137 F138 the mailbox {}", name.escape_debug()),
                one(name.as_bytes()),
            )
        })
        .collect();
    cases.push(list(
        "F137 a name of 20,000 letters".into(),
        one(format!("\"{}\"", "x".repeat(20_000)).as_bytes()),
    ));
    cases.push(list(
        "F137 20,000 levels".into(),
        one(format!("\"{}x\"", "x/".repeat(20_000)).as_bytes()),
    ));
    cases.push(list(
        "F137 300 letters in Greek".into(),
        one(format!("\"{}\"", "&A7E-".repeat(300)).as_bytes()),
    ));
    cases.push(list(
        "F138 octets that are no UTF-8".into(),
        one(b"\"\xff\xfe\xc0\xaf..\xc0\xaf\""),
    ));
    cases.push(list("F137 a delimiter of its own".into(), b"* LIST () \".\" \"x./../mf-escape\"\r\n* LIST () \"\\\\\" \"..\\\\..\\\\mf-escape\"\r\n* LIST () NIL \"../mf-escape\"\r\n".to_vec()));
    cases.push(list("F92 all twice, in other cases".into(), b"* LIST () \"/\" inbox\r\n* LIST () \"/\" InBoX\r\n* LIST () \"/\" box\r\n* LIST (\\Noselect) \"/\" Box\r\n".to_vec()));
    super::play(cases);
}

/// What is listed instead of the truth.
fn listing(name: &str, text: &'static str) -> Case {
    Case::at(name, "LIST", move |talk, asked| {
        if asked.rest.starts_with("\"\" \"\"") {
            return Told::Truth;
        }
        talk.say(format!("{text}{} OK done\r\n", asked.tag));
        Told::All
    })
}

#[test]
fn false_lists_of_mailboxes_delete_nothing() {
    super::play(vec![
        listing("F92 an empty LIST", "").says(&["no inbox"]),
        listing("F92 a LIST without INBOX", "* LIST () \"/\" \"Box\"\r\n").says(&["no inbox"]),
        listing("F92 a LIST with INBOX alone", "* LIST () \"/\" \"INBOX\"\r\n").says(&["4 of 5 known mailboxes"]),
        listing("F92 nothing can be selected", "* LIST (\\Noselect) \"/\" \"INBOX\"\r\n* LIST (\\NonExistent) \"/\" \"Box\"\r\n* LIST (\\Noselect) \"/\" \"Trash\"\r\n").ends(&[0, 1, 3]),
        listing("F92 a LIST without a delimiter", "* LIST () NIL \"INBOX\"\r\n* LIST () NIL \"Box\"\r\n* LIST () NIL Trash\r\n").ends(&[0, 1]),
    ]);
}

/// Another answer to SELECT.
fn select(name: &str, text: &'static str) -> Case {
    Case::at(name, "SELECT", move |talk, asked| {
        talk.say(text.replace("TAG", &asked.tag));
        Told::All
    })
    .offering(QUICK)
    .ends(&[0, 1, 3])
}

#[test]
fn false_news_of_a_mailbox_deletes_nothing() {
    let mut cases = vec![
        select("F94 0 EXISTS", "* 0 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 9] x\r\n* OK [HIGHESTMODSEQ 90] x\r\nTAG OK x\r\n"),
        select("F94 nothing at all", "TAG OK [READ-WRITE] x\r\n"),
        select("F149 all vanished earlier, and 0 EXISTS", "* 0 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 9] x\r\n* OK [HIGHESTMODSEQ 90] x\r\n* VANISHED (EARLIER) 1:4294967295\r\nTAG OK x\r\n"),
        select("F149 all vanishes, now", "* 6 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 9] x\r\n* OK [HIGHESTMODSEQ 90] x\r\n* VANISHED 1:4294967295\r\nTAG OK x\r\n"),
        select("F140 4 G messages", "* 4294967295 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 4294967295] x\r\n* OK [HIGHESTMODSEQ 9223372036854775807] x\r\nTAG OK x\r\n"),
        select("F80 UIDVALIDITY 0", "* 6 EXISTS\r\n* OK [UIDVALIDITY 0] x\r\n* OK [UIDNEXT 0] x\r\n* OK [HIGHESTMODSEQ 0] x\r\nTAG OK x\r\n"),
        select("F80 UIDs that do not last", "* 6 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* NO [UIDNOTSTICKY] x\r\n* OK [UIDNEXT 9] x\r\nTAG OK x\r\n"),
        Case::at("F80 renumbering behind the SELECT", "SELECT", |talk, asked| {
            let told = talk.answer(asked);
            talk.say("* OK [UIDVALIDITY 99] renumbered\r\n* OK [UIDNEXT 2] x\r\n");
            told
        })
        .ends(&[0, 1, 3]),
        Case::new("F80 renumbering from one look to the next", |talk, asked| {
            let mut account = talk.account.lock().unwrap();
            let count = account.heard.len() as u32;
            for mailbox in &mut account.boxes {
                mailbox.uidvalidity = if asked.verb == "LOGOUT" { 7 } else { 7 + count };
            }
            Told::Truth
        })
        .ends(&[0, 1, 3]),
        Case::at("F80 EXISTS shrinks without an EXPUNGE", "UID FETCH", |talk, _| {
            talk.say("* 2 EXISTS\r\n");
            Told::Truth
        })
        .ends(&[0, 1]),
        Case::at("F80 EXPUNGE of what is there", "UID FETCH", |talk, _| {
            talk.say("* 1 EXPUNGE\r\n* 1 EXPUNGE\r\n");
            Told::Truth
        })
        .ends(&[0, 1]),
        Case::at("F149 VANISHED of all during a FETCH", "UID FETCH", |talk, _| {
            talk.say("* VANISHED 1:4294967295\r\n");
            Told::Truth
        })
        .offering(QUICK)
        .ends(&[0, 1, 3]),
        Case::at("F149 VANISHED of all during a SEARCH", "UID SEARCH", |talk, _| {
            talk.say("* VANISHED 1:4294967295\r\n");
            Told::Truth
        })
        .offering(QUICK)
        .ends(&[0, 1, 3]),
        Case::at("F95 no capability is true", "GREETING", |talk, _| {
            talk.say(format!("* OK [CAPABILITY {USUAL} ENABLE QRESYNC CONDSTORE ESEARCH LIST-EXTENDED LIST-STATUS SPECIAL-USE ID OBJECTID UTF8=ACCEPT BINARY] hello\r\n"));
            Told::All
        })
        .ends(&[0, 1]),
    ];
    cases.push(
        Case::new("F95 every extension is offered and refused", |talk, asked| {
            let extended = ["ENABLE", "ID", "UID SEARCH", "COMPRESS"].contains(&asked.verb.as_str())
                || asked.rest.contains("RETURN") || asked.rest.contains("(CONDSTORE)") || asked.rest.contains("QRESYNC") || asked.rest.contains("HIGHESTMODSEQ");
            if extended {
                talk.say(format!("{} BAD what is that\r\n", asked.tag));
                return Told::All;
            }
            if asked.verb == "AUTHENTICATE" {
                talk.say(format!("{} OK [CAPABILITY {QUICK} ESEARCH LIST-EXTENDED LIST-STATUS SPECIAL-USE ID] in\r\n", asked.tag));
                return Told::All;
            }
            Told::Truth
        })
        .ends(&[0, 1]),
    );
    super::play(cases);
}

/// Another answer to a FETCH of flags (`false`) or bodies.
fn fetch(name: &str, bodies: bool, text: &'static str) -> Case {
    Case::at(name, "UID FETCH", move |talk, asked| {
        if asked.rest.contains("BODY.PEEK[]") != bodies {
            return Told::Truth;
        }
        talk.say(text.replace("TAG", &asked.tag));
        Told::All
    })
    .ends(&[0, 1, 3])
}

#[test]
fn false_messages_are_kept_out_and_true_ones_are_kept() {
    let mut cases = vec![
        fetch(
            "F84 UID 0",
            false,
            "* 1 FETCH (UID 0 FLAGS ())\r\n* 2 FETCH (UID 0 FLAGS ())\r\nTAG OK x\r\n",
        ),
        fetch(
            "F84 UIDs that do not go up",
            false,
            "* 1 FETCH (UID 6 FLAGS ())\r\n* 2 FETCH (UID 3 FLAGS ())\r\n* 3 FETCH (UID 5 FLAGS ())\r\n* 4 FETCH (UID 1 FLAGS ())\r\nTAG OK x\r\n",
        ),
        fetch(
            "F84 UIDs above UIDNEXT",
            false,
            "* 1 FETCH (UID 4294967295 FLAGS ())\r\n* 2 FETCH (UID 4294967294 FLAGS ())\r\n* 3 FETCH (UID 999 FLAGS ())\r\nTAG OK x\r\n",
        ),
        fetch(
            "F84 two messages with one UID",
            false,
            "* 1 FETCH (UID 1 FLAGS ())\r\n* 2 FETCH (UID 1 FLAGS (\\Seen))\r\n* 3 FETCH (UID 2 FLAGS ())\r\n* 4 FETCH (UID 2 FLAGS ())\r\nTAG OK x\r\n",
        ),
        fetch(
            "F84 one message for two numbers",
            false,
            "* 1 FETCH (UID 1 FLAGS ())\r\n* 1 FETCH (UID 2 FLAGS ())\r\n* 0 FETCH (UID 3 FLAGS ())\r\nTAG OK x\r\n",
        ),
        fetch("F94 an empty listing", false, "TAG OK x\r\n"),
        fetch(
            "F83 a listing that cannot be read",
            false,
            "* 1 FETCH UID 1\r\n* 2 FETCH (UID\r\n* 3 FETCH (UID 3 FLAGS (\\Seen)\r\n* x FETCH ()\r\n* 4 FETCH (UID 4 FLAGS)\r\nTAG OK x\r\n",
        ),
        fetch(
            "F79 something pushed into the answer",
            false,
            "* 1 FETCH (UID 1 FLAGS ())\r\n* XAPPLEPUSHSERVICE x\r\nnonsense without a star\r\nTAG OK x\r\n",
        ),
        fetch(
            "F85 NIL for a body",
            true,
            "* 7 FETCH (UID 7 FLAGS () BODY[] NIL)\r\nTAG OK x\r\n",
        ),
        fetch(
            "F85 an empty body",
            true,
            "* 7 FETCH (UID 7 FLAGS () INTERNALDATE \"12-Mar-2024 10:11:12 +0000\" BODY[] \"\")\r\nTAG OK x\r\n",
        ),
        fetch("F85 no body", true, "TAG OK x\r\n"),
        fetch(
            "F85 NO to a body",
            true,
            "TAG NO [SERVERBUG] cannot read it\r\n",
        ),
    ];
    cases.push(
        Case::at(
            "F84 bodies of messages nobody asked for",
            "UID FETCH",
            |talk, asked| {
                if asked.rest.contains("BODY.PEEK[]") {
                    for uid in [1, 3, 999, 4_294_967_295] {
                        let mail = Mail {
                            uid,
                            body: message(&format!("not asked for {uid}")),
                        };
                        talk.say(fetched(1, &mail, &asked.rest));
                    }
                }
                Told::Truth
            },
        )
        .ends(&[0, 1]),
    );
    cases.push(
        Case::at("F84 every body twice", "UID FETCH", |talk, asked| {
            if asked.rest.contains("BODY.PEEK[]") {
                let mails = talk.account.lock().unwrap().boxes[0].mails.clone();
                for mail in &mails {
                    talk.say(fetched(1, mail, &asked.rest));
                }
            }
            Told::Truth
        })
        .ends(&[0, 1]),
    );
    cases.push(Case::at("F84 an answer in pieces", "UID FETCH", |talk, asked| {
        let mails = talk.account.lock().unwrap().boxes[0].mails.clone();
        if !asked.rest.contains("BODY.PEEK[]") {
            return Told::Truth;
        }
        for (at, mail) in mails.iter().enumerate().filter(|(_, mail)| crate::support::script::covers(&asked.rest, mail.uid)) {
            talk.say(format!("* {} FETCH (FLAGS ())\r\n* {0} FETCH (UID {} INTERNALDATE \"12-Mar-2024 10:11:12 +0000\")\r\n", at + 1, mail.uid));
            talk.say(fetched(at + 1, mail, &asked.rest));
        }
        talk.say(format!("{} OK x\r\n", asked.tag));
        Told::All
    }).ends(&[0]));
    cases.push(Case::at("F83 spaces, bare stars and what nobody knows", "LIST", |talk, _| {
        talk.say("*\r\n* \r\n\r\n* OK\r\n* STATUS\r\n* STATUS \"x\" ()\r\n* LIST\r\n* ESEARCH\r\n* CAPABILITY\r\n* 3 XFETCH\r\n* FETCH\r\n+\r\n");
        Told::Truth
    }).ends(&[0]));
    for text in [
        "[APPENDUID 7 0]",
        "[APPENDUID 7 4294967295]",
        "[APPENDUID 7 1]",
        "[APPENDUID 99 8]",
        "[APPENDUID 7 1:4294967295]",
        "[APPENDUID",
        "[COPYUID 7 1:4294967295 1:4294967295]",
        "",
    ] {
        cases.push(
            Case::at(
                format!("F90 an APPEND answered with {text:?}"),
                "APPEND",
                move |talk, asked| {
                    let mut account = talk.account.lock().unwrap();
                    let inbox = &mut account.boxes[0];
                    let mail = Mail {
                        uid: inbox.uidnext,
                        body: asked.literals[0].clone(),
                    };
                    inbox.mails.push(mail);
                    inbox.uidnext += 1;
                    drop(account);
                    talk.say(format!("{} OK {text} x\r\n", asked.tag));
                    Told::All
                },
            )
            .ends(&[0, 1]),
        );
    }
    super::play(cases);
}
