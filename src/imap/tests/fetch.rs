use super::*;

fn fetched(steps: &[Step], wanted: &[u32], manner: Manner) -> (Result<(), Fault>, Vec<String>) {
    let mut sink = Record::default();
    let mut all = vec![selected()];
    all.extend(steps.iter().cloned());
    let result = play("", &all, manner, async |session| {
        session.select(&mailbox("INBOX")).await?;
        session.fetch(&uids(wanted), &mut sink).await
    });
    (result, sink.calls)
}

const ASK: &str = "(UID FLAGS INTERNALDATE BODY.PEEK[])";
const DATE: &str = "INTERNALDATE \"01-Jan-1970 00:00:09 +0000\"";

#[test]
fn bodies_go_to_the_sink_and_what_has_none_is_left_out() {
    let reply = format!(
        "* 1 FETCH (UID 1 FLAGS (\\Seen) {DATE} BODY[] {{4}}\na\n))\n* 9 FETCH (FLAGS (\\Seen))\n\
         * 2 FETCH (UID 2 {DATE} BODY[] NIL)\n* 3 FETCH (UID 3 {DATE} BODY[] \"q\" MODSEQ (4))\n\
         * 4 FETCH (UID 4 {DATE} BODY[] {{1}}\nz)\n* 5 FETCH (UID 5)\n* 6 FETCH (X {{2}}\n() UID 6 {DATE} BODY[] ~{{3}}\n\0\nFLAGS ())\nf2 OK x\n"
    );
    let steps = [step(&format!("f2 UID FETCH 1:3,5:6 {ASK}\n"), &reply)];
    for buffer in [1 << 16, 1, 2, 3, 7] {
        let (result, calls) = fetched(&steps, &[1, 2, 3, 5, 6], Manner { buffer, cut: None });
        result.unwrap();
        assert_eq!(
            calls,
            [
                "begin 1 4 9 Some((\\Seen))",
                "end a\\r\\n)",
                "begin 3 1 9 None",
                "end q",
                "begin 6 3 9 None",
                "end \\x00\\r\\n",
            ]
        );
    }
}

#[test]
fn a_cut_never_ends_a_message() {
    let reply = format!("* 1 FETCH (UID 1 {DATE} BODY[] {{4}}\na\n) X y)\nf2 OK x\n");
    let steps = [step(&format!("f2 UID FETCH 1 {ASK}\n"), &reply)];
    let whole = reply.replace('\n', "\r\n").find("X y)\r\n").unwrap() + 6;
    for cut in 0..whole {
        let (result, calls) = fetched(
            &steps,
            &[1],
            Manner {
                cut: Some(cut),
                ..PLAIN
            },
        );
        assert_eq!(result.unwrap_err().reach, Reach::Connection);
        assert!(
            !calls.iter().any(|call| call.starts_with("end")),
            "cut at {cut}"
        );
    }
}

#[test]
fn a_poisoned_message_costs_only_itself() {
    let steps = [
        step(
            &format!("f2 UID FETCH 1:3 {ASK}\n"),
            &format!("* 1 FETCH (UID 1 {DATE} BODY[] {{1}}\na)\nf2 NO cannot read\n"),
        ),
        step(
            &format!("f3 UID FETCH 2 {ASK}\nf4 UID FETCH 3 {ASK}\n"),
            &format!("f3 BAD cannot read\n* 3 FETCH (UID 3 {DATE} BODY[] {{1}}\nc)\nf4 OK x\n"),
        ),
    ];
    let (result, calls) = fetched(&steps, &[1, 2, 3], PLAIN);
    result.unwrap();
    assert_eq!(
        calls,
        ["begin 1 1 9 None", "end a", "begin 3 1 9 None", "end c"]
    );
}

#[test]
fn a_server_that_is_unavailable_poisons_no_message() {
    let steps = [step(
        &format!("f2 UID FETCH 1:3 {ASK}\n"),
        "f2 NO [UNAVAILABLE] later\n",
    )];
    let (result, _) = fetched(&steps, &[1, 2, 3], PLAIN);
    let fault = result.unwrap_err();
    assert!(fault.retry);
}

#[test]
fn attributes_after_the_body_make_it_be_asked_for_alone() {
    let late = |seq: u32, uid: u32| format!("* {seq} FETCH (BODY[] {{1}}\na UID {uid} {DATE})\n");
    let steps = [
        step(
            &format!("f2 UID FETCH 1:2 {ASK}\n"),
            &format!("{}{}f2 OK x\n", late(1, 1), late(2, 2)),
        ),
        step(
            &format!("f3 UID FETCH 1 {ASK}\n"),
            &format!("{}f3 OK x\n", late(1, 1)),
        ),
        step(
            &format!("f4 UID FETCH 2 {ASK}\n"),
            "* 2 FETCH (BODY[] {1}\nb)\nf4 OK x\n",
        ),
    ];
    let (result, calls) = fetched(&steps, &[1, 2], PLAIN);
    result.unwrap();
    assert_eq!(
        calls,
        ["begin 1 1 9 None", "end a", "begin 2 1 9 None", "end b"]
    );
}

#[test]
fn a_message_without_a_date_is_taken_when_alone() {
    let one = "* 1 FETCH (UID 1 INTERNALDATE NIL BODY[] {1}\na)\n";
    let steps = [
        step(
            &format!("f2 UID FETCH 1 {ASK}\n"),
            &format!("{one}f2 OK x\n"),
        ),
        step(
            &format!("f3 UID FETCH 1 {ASK}\n"),
            &format!("{one}f3 OK x\n"),
        ),
    ];
    let (result, calls) = fetched(&steps, &[1], PLAIN);
    result.unwrap();
    assert_eq!(calls, ["begin 1 1 0 None", "end a"]);
}

#[test]
fn a_monstrous_announcement_is_an_error_before_anything_is_taken() {
    let reply = format!("* 1 FETCH (UID 1 {DATE} BODY[] {{4294967295}}\nabc");
    let (result, calls) = fetched(
        &[step(&format!("f2 UID FETCH 1 {ASK}\n"), &reply)],
        &[1],
        PLAIN,
    );
    let fault = result.unwrap_err();
    assert_eq!((fault.reach, fault.retry), (Reach::Connection, false));
    assert!(calls.is_empty());
}

#[test]
fn many_messages_are_asked_for_a_few_commands_ahead() {
    let sets = ["1:200", "201:400", "401:600", "601:700"];
    let ask = |tag: usize, set: &str| format!("f{tag} UID FETCH {set} {ASK}\n");
    let first: String = (2..5).map(|tag| ask(tag, sets[tag - 2])).collect();
    let steps = [
        step(&first, "f2 OK x\n"),
        step(&ask(5, sets[3]), "f3 OK x\nf5 OK x\nf4 OK x\n"),
    ];
    let wanted: Vec<u32> = (1..=700).collect();
    let (result, calls) = fetched(&steps, &wanted, PLAIN);
    result.unwrap();
    assert!(calls.is_empty());
}

#[test]
fn two_mailboxes_are_never_taken_for_one() {
    // The first is valid and means `&AC8-`, the second is not and is shown as it is.
    let (one, other) = ("* LIST () \"/\" &-AC8-\n", "* LIST () \"/\" &AC8-\n");
    for both in [[one, other], [other, one]] {
        let reply = format!(
            "* LIST () \"/\" INBOX\n{}* LIST (\\Sent) \"/\" &-AC8-/\nf1 OK x\n",
            both.concat()
        );
        let steps = [
            step("f1 LIST \"\" \"*\"\n", &reply),
            step(
                "f2 STATUS \"&-AC8-\" (MESSAGES UIDNEXT UIDVALIDITY)\n",
                "f2 NO x\n",
            ),
        ];
        let listed = play("", &steps, PLAIN, async |session| {
            let listed = session.list().await;
            let _ = session.status(&name("&AC8-")).await;
            listed
        });
        let names: Vec<String> = listed
            .unwrap()
            .into_iter()
            .map(|one| one.name.to_string())
            .collect();
        assert_eq!(names, ["&AC8-", "INBOX"]);
    }
}
