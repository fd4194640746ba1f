//! What each call sends and what comes of it, when all goes well.

use futures_util::future::LocalBoxFuture;

use super::super::script::{Client, Pieces, Step, step, uids};
use crate::engine::ports::Remote;
use crate::engine::{Fault, Reach};
use crate::mail::{Flag, FlagDelta, Flags, Keyword, MailboxName, ModSeq};

pub(super) type Act = for<'a> fn(&'a mut Client) -> LocalBoxFuture<'a, Result<String, Fault>>;

pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) capabilities: &'static str,
    pub(super) steps: Vec<Step>,
    pub(super) act: Act,
    pub(super) result: &'static str,
    /// How far a NO to the last command reaches; `None` if it is no fault.
    pub(super) refused: Option<Reach>,
}

pub(super) fn name(text: &str) -> MailboxName {
    MailboxName::parse(text).unwrap()
}

const SELECTED: &str = "* 3 EXISTS\n* OK [UIDVALIDITY 7] x\n* OK [UIDNEXT 9] x\n* OK [HIGHESTMODSEQ 40] x\nf1 OK [READ-WRITE] x\n";

pub(super) fn selected() -> Step {
    step("f1 SELECT \"INBOX\"\n", SELECTED)
}

fn show<T: std::fmt::Debug>(result: Result<T, Fault>) -> Result<String, Fault> {
    result.map(|value| format!("{value:?}"))
}

/// All of them.
pub(super) fn cases() -> Vec<Case> {
    vec![
        list(),
        status(),
        select(),
        existing(),
        identify(),
        store(),
        moving(),
        move_without_move(),
        move_that_is_refused(),
        move_that_leaves_the_source(),
        expunge_without_uidplus(),
        expunge_that_is_refused(),
        create(),
        rename(),
        observe_bare(),
        append(),
    ]
}

fn list() -> Case {
    Case {
        name: "list",
        capabilities: "ID ENABLE CONDSTORE LIST-EXTENDED LIST-STATUS SPECIAL-USE",
        steps: vec![step(
            "f1 ID (\"name\" \"mailferry\" \"version\" \"0.1.0\")\nf2 ENABLE CONDSTORE\nf3 LIST \"\" \"*\" RETURN (SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ))\n",
            "* ID NIL\nf1 OK x\n* ENABLED CONDSTORE\nf2 OK x\n* LIST () \"/\" inbox\n* STATUS INBOX (MESSAGES 2 UIDNEXT 4 UIDVALIDITY 7 HIGHESTMODSEQ 9)\n\
             * LIST (\\Trash) \"/\" \"B&AOk-/x\"\nf3 OK x\n",
        )],
        act: |session| {
            Box::pin(async {
                show(session.list().await.map(|all| {
                    all.into_iter()
                        .map(|one| (one.name, one.role, one.status.map(|status| status.messages)))
                        .collect::<Vec<_>>()
                }))
            })
        },
        result: "[(\"Bé/x\", Some(Trash), None), (\"INBOX\", None, Some(Some(2)))]",
        refused: None,
    }
}

fn status() -> Case {
    Case {
        name: "status",
        capabilities: "",
        steps: vec![step(
            "f1 STATUS \"a\" (MESSAGES UIDNEXT UIDVALIDITY)\n",
            "* STATUS a (MESSAGES 2 UIDNEXT 4 UIDVALIDITY 7)\nf1 OK x\n",
        )],
        act: |session| {
            Box::pin(async {
                show(
                    session
                        .status(&name("a"))
                        .await
                        .map(|status| status.messages),
                )
            })
        },
        result: "Some(2)",
        refused: Some(Reach::Mailbox),
    }
}

fn select() -> Case {
    Case {
        name: "select",
        capabilities: "",
        steps: vec![selected()],
        act: |session| {
            Box::pin(async {
                show(session.select(&name("INBOX")).await)?;
                show(session.select(&name("INBOX")).await)
            })
        },
        result: "Some(UidValidity(7))",
        refused: Some(Reach::Mailbox),
    }
}

fn existing() -> Case {
    Case {
        name: "existing",
        capabilities: "",
        steps: vec![
            selected(),
            step(
                "f2 UID FETCH 1:4 (UID)\n",
                "* 1 FETCH (UID 2)\n* 2 FETCH (UID 4 FLAGS ())\n* 3 FETCH (UID 9)\nf2 OK x\n",
            ),
        ],
        act: |session| {
            Box::pin(async {
                session.select(&name("INBOX")).await?;
                show(session.existing(&uids(&[1, 2, 3, 4])).await)
            })
        },
        result: "UidSet(2,4)",
        refused: Some(Reach::Message),
    }
}

fn identify() -> Case {
    Case {
        name: "identify",
        capabilities: "",
        steps: vec![
            selected(),
            step(
                "f2 UID FETCH 2:3 (UID RFC822.SIZE INTERNALDATE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])\n",
                "* 1 FETCH (UID 2 RFC822.SIZE 10 INTERNALDATE \"01-Jan-1970 00:00:05 +0000\" BODY[HEADER.FIELDS (MESSAGE-ID)] {21}\nMessage-ID: <a@b>\n\n)\n\
             * 2 FETCH (RFC822.SIZE 11 BODY[HEADER.FIELDS (\"MESSAGE-ID\")] \"\" UID 3)\nf2 OK x\n",
            ),
        ],
        act: |session| {
            Box::pin(async {
                session.select(&name("INBOX")).await?;
                let found = session.identify(&uids(&[2, 3])).await?;
                show(Ok(found
                    .into_iter()
                    .map(|(uid, id)| (uid.get(), id.size, id.date, id.message_id.is_some()))
                    .collect::<Vec<_>>()))
            })
        },
        result: "[(2, 10, 5, true), (3, 11, 0, false)]",
        refused: None,
    }
}

fn store() -> Case {
    Case {
        name: "store",
        capabilities: "CONDSTORE",
        steps: vec![
            step("f1 SELECT \"INBOX\" (CONDSTORE)\n", SELECTED),
            step(
                "f2 UID STORE 1:3 (UNCHANGEDSINCE 40) +FLAGS.SILENT (\\Seen $Forwarded)\n",
                "* 2 FETCH (UID 2 MODSEQ (41))\nf2 OK [MODIFIED 2] x\n",
            ),
            step("f3 UID STORE 1,3 -FLAGS.SILENT (\\Flagged)\n", "f3 OK x\n"),
        ],
        act: |session| {
            Box::pin(async {
                session.select(&name("INBOX")).await?;
                let delta = FlagDelta {
                    add: Flags::new()
                        .with(Flag::Seen)
                        .with_keyword(Keyword::forwarded()),
                    remove: Flags::new().with(Flag::Flagged),
                };
                show(
                    session
                        .store(&uids(&[1, 2, 3]), &delta, ModSeq::new(40))
                        .await,
                )
            })
        },
        result: "UidSet(2)",
        refused: Some(Reach::Message),
    }
}

fn moving() -> Case {
    Case {
        name: "move",
        capabilities: "MOVE UIDPLUS",
        steps: vec![
            selected(),
            step(
                "f2 UID MOVE 1,3 \"Old/x\"\n",
                "* OK [COPYUID 5 3,1 10:11] x\n* 3 EXPUNGE\n* 1 EXPUNGE\nf2 OK x\n",
            ),
        ],
        act: |session| {
            Box::pin(async {
                session.select(&name("INBOX")).await?;
                let moved = session
                    .transfer(&uids(&[1, 3]), &name("Old/x"), false)
                    .await?;
                Ok(format!(
                    "{:?}",
                    moved
                        .pairs
                        .iter()
                        .map(|(from, to)| (from.get(), to.get()))
                        .collect::<Vec<_>>()
                ))
            })
        },
        result: "[(1, 11), (3, 10)]",
        refused: Some(Reach::Message),
    }
}

fn move_without_move() -> Case {
    in_two_steps(
        "move without MOVE",
        "f3 OK x\n* 1 EXPUNGE\nf4 OK x\n",
        "(1, false)",
    )
}

/// Who may mark messages need not be allowed to expunge them (RFC 4314 section 4).
fn move_that_leaves_the_source() -> Case {
    in_two_steps(
        "move that leaves the source",
        "f3 OK x\nf4 NO [NOPERM] x\n",
        "(1, true)",
    )
}

fn in_two_steps(name_of: &'static str, end: &'static str, result: &'static str) -> Case {
    Case {
        name: name_of,
        capabilities: "UIDPLUS",
        steps: vec![
            selected(),
            step("f2 UID COPY 1 \"B\"\n", "f2 OK [COPYUID 5 1 10] x\n"),
            step(
                "f3 UID STORE 1 +FLAGS.SILENT (\\Deleted)\nf4 UID EXPUNGE 1\n",
                end,
            ),
        ],
        act: |session| {
            Box::pin(async {
                session.select(&name("INBOX")).await?;
                let moved = session.transfer(&uids(&[1]), &name("B"), false).await;
                show(moved.map(|moved| (moved.pairs.len(), moved.left)))
            })
        },
        result,
        refused: None,
    }
}

/// Some servers offer MOVE and refuse it, always.
fn move_that_is_refused() -> Case {
    Case {
        name: "move with a MOVE that is refused",
        capabilities: "MOVE UIDPLUS",
        steps: vec![
            selected(),
            step("f2 UID MOVE 1 \"B\"\n", "f2 NO not here\n"),
            step("f3 UID COPY 1 \"B\"\n", "f3 OK [COPYUID 5 1 10] x\n"),
            step(
                "f4 UID STORE 1 +FLAGS.SILENT (\\Deleted)\nf5 UID EXPUNGE 1\n",
                "f4 OK x\n* 1 EXPUNGE\nf5 OK x\n",
            ),
        ],
        act: |session| {
            Box::pin(async {
                session.select(&name("INBOX")).await?;
                let offered = session.abilities().uid_move;
                let first = session.transfer(&uids(&[1]), &name("B"), false).await;
                let refused = first.is_err_and(|fault| fault.reach < Reach::Connection);
                let left = session.abilities().uid_move;
                show(
                    session
                        .transfer(&uids(&[1]), &name("B"), false)
                        .await
                        .map(|moved| (offered, refused, left, moved.pairs.len())),
                )
            })
        },
        result: "(true, true, false, 1)",
        refused: Some(Reach::Message),
    }
}

fn expunge_without_uidplus() -> Case {
    Case {
        name: "expunge without UIDPLUS",
        capabilities: "",
        steps: vec![
            selected(),
            step("f2 UID STORE 1 +FLAGS.SILENT (\\Deleted)\n", "f2 OK x\n"),
        ],
        act: |session| {
            Box::pin(async {
                session.select(&name("INBOX")).await?;
                let able = session.expunges().await?;
                show(session.expunge(&uids(&[1])).await.map(|gone| (able, gone)))
            })
        },
        result: "(false, false)",
        refused: Some(Reach::Message),
    }
}

fn expunge_that_is_refused() -> Case {
    Case {
        name: "expunge that is refused",
        capabilities: "UIDPLUS",
        steps: vec![
            selected(),
            step("f2 UID EXPUNGE 4294967295\n", "f2 OK x\n"),
            step(
                "f3 UID STORE 1:2 +FLAGS.SILENT (\\Deleted)\nf4 UID EXPUNGE 1:2\n",
                "f3 OK x\nf4 NO x\n",
            ),
            step("f5 UID EXPUNGE 4294967295\n", "f5 NO x\n"),
        ],
        act: |session| {
            Box::pin(async {
                session.select(&name("INBOX")).await?;
                let before = session.expunges().await?;
                let gone = session.expunge(&uids(&[1, 2])).await?;
                show(session.expunges().await.map(|able| (before, gone, able)))
            })
        },
        result: "(true, false, false)",
        refused: None,
    }
}

fn create() -> Case {
    Case {
        name: "create",
        capabilities: "",
        steps: vec![
            step("f1 CREATE \"A\"\n", "f1 NO [ALREADYEXISTS] x\n"),
            step("f2 SUBSCRIBE \"A\"\n", "f2 OK x\n"),
        ],
        act: |session| Box::pin(async { show(session.create(&name("A")).await) }),
        result: "()",
        refused: None,
    }
}

fn rename() -> Case {
    Case {
        name: "rename",
        capabilities: "",
        steps: vec![step("f1 RENAME \"A\" \"B/c\"\n", "f1 OK x\n")],
        act: |session| Box::pin(async { show(session.rename(&name("A"), &name("B/c")).await) }),
        result: "()",
        refused: Some(Reach::Mailbox),
    }
}

fn observe_bare() -> Case {
    Case {
        name: "observe bare",
        capabilities: "",
        steps: vec![
            selected(),
            step(
                "f2 UID FETCH 1:* (UID FLAGS)\n",
                "* 1 FETCH (UID 2 FLAGS (\\Seen))\n* 2 FETCH (FLAGS () UID 4)\n* 3 FETCH (UID 8 FLAGS ())\n* 1 FETCH (FLAGS (\\Flagged))\nf2 OK x\n",
            ),
        ],
        act: |session| {
            Box::pin(async {
                let view = session.observe(&name("INBOX"), None).await?;
                show(Ok((
                    view.listed
                        .iter()
                        .map(|one| (one.uid.get(), one.flags.clone()))
                        .collect::<Vec<_>>(),
                    view.presence,
                )))
            })
        },
        result: "([(2, (\\Flagged)), (4, ()), (8, ())], Exactly(UidSet(2,4,8)))",
        refused: Some(Reach::Mailbox),
    }
}

fn append() -> Case {
    Case {
        name: "append",
        capabilities: "LITERAL+ UIDPLUS",
        steps: vec![step(
            "f1 APPEND \"INBOX\" (\\Seen) \"01-Jan-1970 00:00:07 +0000\" {6+}\na\nb\n\n",
            "* 4 EXISTS\nf1 OK [APPENDUID 7 44] x\n",
        )],
        act: |session| {
            Box::pin(async {
                let flags = Flags::new().with(Flag::Seen);
                show(
                    session
                        .append(
                            &name("INBOX"),
                            &flags,
                            7,
                            6,
                            &mut Pieces(vec!["a\r\n", "b\r\n"]),
                        )
                        .await,
                )
            })
        },
        result: "Appended { uid: Some((UidValidity(7), Uid(44))) }",
        refused: Some(Reach::Message),
    }
}
