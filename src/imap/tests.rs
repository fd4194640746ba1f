//! Every call against a scripted server, and every call under every kind of trouble.

use super::script::{Manner, PLAIN, Pieces, Record, Step, play, step, uid, uids};
use crate::engine::ports::{KnownMailbox, Remote};
use crate::engine::{Fault, Reach};
use crate::mail::{Flags, ModSeq, UidValidity};

#[test]
fn every_call_does_its_work() {
    for case in cases() {
        let result = play(case.capabilities, &case.steps, PLAIN, async |session| {
            (case.act)(session).await
        });
        assert_eq!(result.unwrap(), case.result, "{}", case.name);
    }
}

#[test]
fn one_octet_at_a_time_makes_no_difference() {
    for case in cases() {
        let manner = Manner {
            buffer: 1,
            cut: None,
        };
        let result = play(case.capabilities, &case.steps, manner, async |session| {
            (case.act)(session).await
        });
        assert_eq!(result.unwrap(), case.result, "{}", case.name);
    }
}

#[test]
fn a_cut_anywhere_in_an_answer_is_a_broken_connection() {
    for case in cases() {
        let size = case.steps.last().unwrap().1.len();
        for cut in 0..size {
            let manner = Manner {
                cut: Some(cut),
                ..PLAIN
            };
            let result = play(case.capabilities, &case.steps, manner, async |session| {
                let first = (case.act)(session).await;
                let again = session.status(&name("a")).await;
                assert_eq!(
                    again.unwrap_err().reach,
                    Reach::Connection,
                    "a broken session is not used again"
                );
                first
            });
            let fault = result.expect_err(case.name);
            assert_eq!(fault.reach, Reach::Connection, "{} cut at {cut}", case.name);
        }
    }
}

#[test]
fn refusals_and_farewells_are_faults() {
    for case in cases() {
        for (word, usual) in [
            ("NO", case.refused),
            ("BAD", case.refused),
            ("BYE", Some(Reach::Connection)),
        ] {
            let mut steps = case.steps.clone();
            let (sent, reply) = steps.last_mut().unwrap();
            let tags: Vec<&str> = sent
                .split("\r\n")
                .filter_map(|line| line.split(' ').next())
                .filter(|tag| tag.starts_with('f'))
                .collect();
            *reply = if word == "BYE" {
                b"* BYE gone\r\n".to_vec()
            } else {
                tags.iter()
                    .map(|tag| format!("{tag} {word} x\r\n"))
                    .collect::<String>()
                    .into_bytes()
            };
            let Some(reach) = usual else {
                continue;
            };
            let result = play(case.capabilities, &steps, PLAIN, async |session| {
                (case.act)(session).await
            });
            assert_eq!(
                result.expect_err(case.name).reach,
                reach,
                "{} {word}",
                case.name
            );
        }
    }
}

#[test]
fn lines_nobody_knows_are_passed_over() {
    let noise = "* XYZZY (a {3}\r\n\x00\r\n) b\r\n*\r\n\r\n* 5 FROB\r\n* OK \u{e9} {5}\r\n* FLAGS (x)\r\nA1 OK stray\r\nf99 OK stray\r\n";
    for case in cases() {
        let mut steps = case.steps.clone();
        for (_, reply) in &mut steps {
            let text = String::from_utf8(reply.clone()).unwrap();
            let lines = text.replace("\r\n* ", &format!("\r\n{noise}* "));
            *reply = format!("{noise}{lines}").into_bytes();
        }
        let result = play(case.capabilities, &steps, PLAIN, async |session| {
            (case.act)(session).await
        });
        assert_eq!(result.unwrap(), case.result, "{}", case.name);
    }
}

#[test]
fn silence_ends_the_wait() {
    let steps = [step(
        "f1 STATUS \"a\" (MESSAGES UIDNEXT UIDVALIDITY)\n",
        "* OK still here\n",
    )];
    let result = play("", &steps, PLAIN, async |session| {
        session.status(&name("a")).await
    });
    assert!(result.unwrap_err().to_string().contains("60 seconds"));
}

#[test]
fn a_list_without_inbox_is_a_fault_of_the_account() {
    for reply in ["f1 OK x\n", "* LIST () \"/\" Archive\nf1 OK x\n"] {
        let steps = [step("f1 LIST \"\" \"*\"\n", reply)];
        let fault = play("", &steps, PLAIN, async |session| session.list().await).unwrap_err();
        assert_eq!((fault.reach, fault.retry), (Reach::Account, true));
    }
}

#[test]
fn a_refused_extended_list_gives_way_to_the_plain_one() {
    let steps = [
        step(
            "f1 LIST \"\" \"*\" RETURN (STATUS (MESSAGES UIDNEXT UIDVALIDITY))\n",
            "f1 BAD x\n",
        ),
        step("f2 LIST \"\" \"*\"\n", "* LIST () NIL INBOX\nf2 OK x\n"),
    ];
    let all = play(
        "LIST-EXTENDED LIST-STATUS",
        &steps,
        PLAIN,
        async |session| session.list().await,
    )
    .unwrap();
    assert_eq!(all.len(), 1);
}

#[test]
fn before_it_asks_for_the_status_of_what_is_open_it_has_the_server_look_again() {
    let all = "* LIST () NIL INBOX\n";
    let with_unselect = [
        selected(),
        step(
            "f2 UNSELECT\nf3 LIST \"\" \"*\"\n",
            &format!("f2 OK x\n{all}f3 OK x\n"),
        ),
    ];
    // A NOOP is answered before anything follows it: Dovecot would do it last.
    let without = [
        selected(),
        step("f2 NOOP\n", "* 4 EXISTS\nf2 OK x\n"),
        step("f3 LIST \"\" \"*\"\n", &format!("{all}f3 OK x\n")),
        step("f4 NOOP\n", "f4 OK x\n"),
        step(
            "f5 STATUS \"INBOX\" (MESSAGES UIDNEXT UIDVALIDITY)\n",
            "* STATUS INBOX (MESSAGES 4 UIDNEXT 9 UIDVALIDITY 7)\nf5 OK x\n",
        ),
    ];
    play("UNSELECT", &with_unselect, PLAIN, async |session| {
        session.select(&name("INBOX")).await?;
        session.list().await
    })
    .unwrap();
    play("", &without, PLAIN, async |session| {
        session.select(&name("INBOX")).await?;
        session.list().await?;
        session.status(&name("INBOX")).await
    })
    .unwrap();
}

mod append;
mod cases;
mod fetch;
mod namespace;
mod observing;

use self::cases::name as mailbox;
use self::cases::{cases, name, selected};

fn known<'a>(uids: &'a crate::mail::UidSet, modseq: u64) -> KnownMailbox<'a> {
    KnownMailbox {
        uidvalidity: UidValidity::new(7).unwrap(),
        modseq: ModSeq::new(modseq),
        uids,
    }
}

#[test]
fn what_is_not_selected_cannot_be_fetched() {
    let mut sink = Record::default();
    let fault = play("", &[], PLAIN, async |session| {
        session.fetch(&uids(&[1]), &mut sink).await
    });
    assert_eq!(fault.unwrap_err().reach, Reach::Mailbox);
    let _ = uid(1);
}
