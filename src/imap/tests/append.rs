use super::*;

fn append(
    capabilities: &str,
    steps: &[Step],
    octets: u64,
    pieces: Vec<&'static str>,
) -> Result<String, Fault> {
    play(
        capabilities,
        steps,
        Manner {
            buffer: 1 << 16,
            cut: None,
        },
        async |session| {
            let appended = session
                .append(&mailbox("A"), &Flags::new(), 0, octets, &mut Pieces(pieces))
                .await?;
            Ok(format!("{:?}", appended.uid.map(|(_, uid)| uid.get())))
        },
    )
}

const HEAD: &str = "f1 APPEND \"A\" \"01-Jan-1970 00:00:00 +0000\"";

#[test]
fn a_synchronizing_literal_waits_for_its_permission() {
    for capabilities in ["", "LITERAL-"] {
        let body = "x".repeat(5000);
        let leaked: &'static str = Box::leak(body.clone().into_boxed_str());
        let steps = [
            step(
                &format!("{HEAD} {{5000}}\n"),
                "* 3 EXISTS\n* OK still here\n+ go\n",
            ),
            step(&format!("{body}\n"), "f1 OK x\n"),
        ];
        assert_eq!(
            append(capabilities, &steps, 5000, vec![leaked]).unwrap(),
            "None"
        );
    }
}

#[test]
fn a_short_literal_needs_no_permission_with_literal_minus() {
    let steps = [step(
        &format!("{HEAD} {{2+}}\nab\n"),
        "f1 OK [APPENDUID 7 3] x\n",
    )];
    assert_eq!(
        append("LITERAL-", &steps, 2, vec!["a", "b"]).unwrap(),
        "Some(3)"
    );
}

#[test]
fn a_refusal_instead_of_permission_leaves_the_session_usable() {
    for (code, reach) in [
        ("[TRYCREATE]", Reach::Mailbox),
        ("[OVERQUOTA]", Reach::Mailbox),
        ("[LIMIT]", Reach::Message),
        ("[TOOBIG]", Reach::Message),
    ] {
        let steps = [
            step(&format!("{HEAD} {{2}}\n"), &format!("f1 NO {code} x\n")),
            step(
                "f2 STATUS \"A\" (MESSAGES UIDNEXT UIDVALIDITY)\n",
                "* STATUS A (MESSAGES 1 UIDNEXT 4 UIDVALIDITY 7)\nf2 OK x\n",
            ),
        ];
        let fault = play("", &steps, PLAIN, async |session| {
            let fault = session
                .append(&mailbox("A"), &Flags::new(), 0, 2, &mut Pieces(vec!["ab"]))
                .await
                .unwrap_err();
            session.status(&mailbox("A")).await.unwrap();
            fault
        });
        assert_eq!(fault.reach, reach, "{code}");
    }
}

#[test]
fn a_wrong_length_is_never_committed() {
    for (pieces, sent) in [(vec!["a"], "a"), (vec!["a", "bcd"], "a")] {
        // The stream closes with the session: nothing follows what was sent, above all no line end.
        let head = format!("{HEAD} {{2+}}\n{sent}");
        let steps = [step(&head, "")];
        let fault = append("LITERAL+", &steps, 2, pieces).unwrap_err();
        assert_eq!((fault.reach, fault.retry), (Reach::Message, true));
    }
}

#[test]
fn a_slow_answer_is_waited_for() {
    let (near, mut far) = tokio::io::duplex(1 << 16);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let capabilities = crate::imap::capabilities::Capabilities::from_atoms(["LITERAL+"]);
    let appended = runtime.block_on(async {
        let mut session = crate::imap::Session::new(
            near,
            Vec::new(),
            capabilities,
            crate::imap::SessionOptions::default(),
        );
        session.options.names.learn_delimiter(Some(b'/'));
        let server = async {
            tokio::time::sleep(std::time::Duration::from_secs(500)).await;
            tokio::io::AsyncWriteExt::write_all(&mut far, b"f1 OK x\r\n")
                .await
                .unwrap();
        };
        let mut body = Pieces(vec!["ab"]);
        let name = mailbox("A");
        let flags = Flags::new();
        tokio::join!(session.append(&name, &flags, 0, 2, &mut body), server).0
    });
    appended.unwrap();
}

#[test]
fn what_status_leaves_out_is_learned_by_opening_the_mailbox() {
    let steps = [
        step(
            "f1 STATUS \"A\" (MESSAGES UIDNEXT UIDVALIDITY)\n",
            "* STATUS Other (MESSAGES 9 UIDNEXT 9 UIDVALIDITY 9)\n* STATUS A (MESSAGES 1)\nf1 OK x\n",
        ),
        step(
            "f2 SELECT \"A\"\n",
            "* 1 EXISTS\n* OK [UIDVALIDITY 7] x\n* OK [UIDNEXT 4] x\nf2 OK x\n",
        ),
    ];
    let manner = Manner {
        buffer: 1 << 16,
        cut: None,
    };
    let status = play("", &steps, manner, async |session| {
        session.status(&mailbox("A")).await
    })
    .unwrap();
    assert_eq!(status.messages, Some(1));
    assert_eq!(status.uidnext.map(crate::mail::Uid::get), Some(4));
    assert_eq!(status.uidvalidity.map(UidValidity::get), Some(7));
}
