use super::*;
use crate::sync::{Presence, RemoteView};

fn look(
    capabilities: &str,
    steps: &[Step],
    rows: &[u32],
    modseq: u64,
) -> Result<RemoteView, Fault> {
    let rows = uids(rows);
    play(capabilities, steps, PLAIN, async |session| {
        session
            .observe(&mailbox("INBOX"), Some(known(&rows, modseq)))
            .await
    })
}

/// EXISTS, UIDVALIDITY, UIDNEXT and HIGHESTMODSEQ as SELECT tells them.
fn head(exists: u32, validity: u32, next: u32, modseq: u64) -> String {
    format!(
        "* {exists} EXISTS\n* OK [UIDVALIDITY {validity}] x\n* OK [UIDNEXT {next}] x\n* OK [HIGHESTMODSEQ {modseq}] x\n"
    )
}

const QRESYNC: &str = "ENABLE CONDSTORE QRESYNC ESEARCH";
const ENABLE: (&str, &str) = ("f1 ENABLE QRESYNC\n", "* ENABLED QRESYNC\nf1 OK x\n");
const RESYNC: &str = "f2 SELECT \"INBOX\" (QRESYNC (7 40))\n";

/// Listed UIDs with their flags, rows that are gone, HIGHESTMODSEQ, EXISTS.
type Summary = (Vec<(u32, String)>, Vec<u32>, Option<ModSeq>, u32);

fn summary(view: &RemoteView, rows: &[u32]) -> Summary {
    let listed = view
        .listed
        .iter()
        .map(|one| (one.uid.get(), one.flags.to_string()))
        .collect();
    let gone = rows
        .iter()
        .copied()
        .filter(|row| !view.presence.has(uid(*row)))
        .collect();
    (listed, gone, view.modseq, view.exists)
}

#[test]
fn three_ways_see_the_same() {
    // Before: 1 2 3 5. Now 2 is gone, 3 is seen, 6 is new.
    let rows = [1, 2, 3, 5];
    let select = head(4, 7, 7, 50);
    let resync = [
        step(ENABLE.0, ENABLE.1),
        step(
            RESYNC,
            &format!(
                "* 9 FETCH (UID 77 FLAGS ())\n* VANISHED 5\n* OK [CLOSED] x\n{select}* VANISHED (EARLIER) 2,4,100:4294967295\n* 2 FETCH (UID 3 FLAGS (\\Seen) MODSEQ (49))\n* 4 FETCH (UID 6 FLAGS () MODSEQ (50))\nf2 OK x\n"
            ),
        ),
    ];
    let condstore = [
        step(
            "f1 SELECT \"INBOX\" (CONDSTORE)\n",
            &format!("{select}f1 OK x\n"),
        ),
        step(
            "f2 UID FETCH 1:* (FLAGS) (CHANGEDSINCE 40)\nf3 UID SEARCH ALL\n",
            "* 2 FETCH (UID 3 FLAGS (\\Seen) MODSEQ (49))\n* 4 FETCH (UID 6 FLAGS () MODSEQ (50))\nf2 OK x\n* SEARCH 1 3 5 6\nf3 OK x\n",
        ),
    ];
    let bare = [
        step("f1 SELECT \"INBOX\"\n", &format!("{select}f1 OK x\n")),
        step(
            "f2 UID FETCH 1:* (UID FLAGS)\n",
            "* 1 FETCH (UID 1 FLAGS ())\n* 2 FETCH (UID 3 FLAGS (\\Seen))\n* 3 FETCH (UID 5 FLAGS ())\n* 4 FETCH (UID 6 FLAGS ())\nf2 OK x\n",
        ),
    ];
    let expected = (
        vec![(3, "\\Seen".to_owned()), (6, String::new())],
        vec![2],
        ModSeq::new(50),
        4,
    );
    let view = look(QRESYNC, &resync, &rows, 40).unwrap();
    assert_eq!(summary(&view, &rows), expected);
    assert_eq!(view.presence, Presence::AllBut(uids(&[2])));
    let view = look("CONDSTORE", &condstore, &rows, 40).unwrap();
    assert_eq!(summary(&view, &rows), expected);
    let view = look("", &bare, &rows, 0).unwrap();
    let (mut listed, gone, modseq, exists) = summary(&view, &rows);
    listed.retain(|(uid, flags)| !flags.is_empty() || !rows.contains(uid));
    assert_eq!((listed, gone, modseq, exists), expected);
}

#[test]
fn nothing_new_costs_one_command() {
    let steps = [step(
        "f1 SELECT \"INBOX\" (CONDSTORE)\n",
        &format!("{}f1 OK x\n", head(2, 7, 9, 40)),
    )];
    let view = look("CONDSTORE", &steps, &[1, 2], 40).unwrap();
    assert!(view.listed.is_empty() && view.presence.has(uid(1)));
}

#[test]
fn messages_without_rows_are_listed_though_they_are_old() {
    let steps = [
        step(ENABLE.0, ENABLE.1),
        step(RESYNC, &format!("{}f2 OK x\n", head(3, 7, 9, 40))),
        step(
            "f3 UID SEARCH RETURN (ALL) ALL\n",
            "* ESEARCH (TAG \"f3\") UID ALL 1:3\nf3 OK x\n",
        ),
        step(
            "f4 UID FETCH 3 (UID FLAGS)\n",
            "* 3 FETCH (UID 3 FLAGS (\\Seen))\nf4 OK x\n",
        ),
    ];
    let view = look(QRESYNC, &steps, &[1, 2], 40).unwrap();
    assert_eq!(summary(&view, &[1, 2]).0, [(3, "\\Seen".to_owned())]);
    assert_eq!(view.presence, Presence::Exactly(uids(&[1, 2, 3])));
}

#[test]
fn a_qresync_that_forgets_what_vanished_is_not_believed_again() {
    let steps = [
        step(ENABLE.0, ENABLE.1),
        step(RESYNC, &format!("{}f2 OK x\n", head(1, 7, 9, 41))),
        step(
            "f3 UID FETCH 1:* (UID FLAGS)\n",
            "* 1 FETCH (UID 2 FLAGS ())\nf3 OK x\n",
        ),
        step(
            "f4 SELECT \"INBOX\"\n",
            &format!("* OK [CLOSED] x\n{}f4 OK x\n", head(1, 7, 9, 41)),
        ),
    ];
    let rows = uids(&[1, 2]);
    let left = uids(&[2]);
    play(QRESYNC, &steps, PLAIN, async |session| {
        let view = session
            .observe(&mailbox("INBOX"), Some(known(&rows, 40)))
            .await
            .unwrap();
        assert!(!view.presence.has(uid(1)) && view.presence.has(uid(2)));
        session
            .observe(&mailbox("INBOX"), Some(known(&left, 41)))
            .await
            .unwrap();
    });
}

#[test]
fn another_uidvalidity_a_lower_modseq_and_none_lead_to_a_full_listing() {
    let nomodseq = "* 1 EXISTS\n* OK [UIDVALIDITY 7] x\n* OK [NOMODSEQ] x\n".to_owned();
    for (select, modseq) in [
        (head(1, 8, 9, 50), Some(50)),
        (head(1, 7, 9, 39), Some(39)),
        (nomodseq, None),
        (head(1, 7, 1, 50), Some(50)),
    ] {
        let steps = [
            step(ENABLE.0, ENABLE.1),
            step(RESYNC, &format!("{select}f2 OK x\n")),
            step(
                "f3 UID FETCH 1:* (UID FLAGS)\n",
                "* 1 FETCH (UID 1 FLAGS ())\nf3 OK x\n",
            ),
        ];
        let view = look(QRESYNC, &steps, &[1], 40).unwrap();
        assert_eq!(view.presence, Presence::Exactly(uids(&[1])));
        assert_eq!(view.modseq, modseq.and_then(ModSeq::new));
    }
}

#[test]
fn an_empty_mailbox_is_not_asked_for_messages() {
    let steps = [step(
        "f1 SELECT \"INBOX\"\n",
        "* 0 EXISTS\n* OK [UIDNOTSTICKY] x\n* OK [UIDVALIDITY 7] x\nf1 OK [READ-ONLY] x\n",
    )];
    let view = look("", &steps, &[1], 0).unwrap();
    assert_eq!(
        (view.exists, view.uidvalidity, view.read_only),
        (0, None, true)
    );
    assert!(!view.presence.has(uid(1)));
}

#[test]
fn a_listing_that_never_adds_up_is_a_fault() {
    let mut steps = vec![step(
        "f1 SELECT \"INBOX\"\n",
        &format!("{}f1 OK x\n", head(2, 7, 9, 1)),
    )];
    for round in 0..3 {
        let (fetch, noop) = (2 + round * 2, 3 + round * 2);
        steps.push(step(
            &format!("f{fetch} UID FETCH 1:* (UID FLAGS)\n"),
            &format!("* 1 FETCH (UID 1 FLAGS ())\nf{fetch} OK x\n"),
        ));
        steps.push(step(&format!("f{noop} NOOP\n"), &format!("f{noop} OK x\n")));
    }
    let fault = look("", &steps, &[1, 2], 0).unwrap_err();
    assert_eq!((fault.reach, fault.retry), (Reach::Mailbox, true));
}

#[test]
fn what_comes_and_goes_meanwhile_is_taken_in() {
    let steps = [
        step(
            "f1 SELECT \"INBOX\"\n",
            &format!("{}f1 OK x\n", head(2, 7, 9, 1)),
        ),
        step(
            "f2 UID FETCH 1:* (UID FLAGS)\n",
            "* 1 FETCH (UID 1 FLAGS ())\n* 1 EXPUNGE\n* 1 FETCH (UID 2 FLAGS ())\nf2 OK x\n",
        ),
        step("f3 NOOP\n", "f3 OK x\n"),
        step(
            "f4 UID FETCH 1:* (UID FLAGS)\n",
            "* 1 FETCH (UID 2 FLAGS ())\n* 2 EXISTS\nf4 OK x\n",
        ),
    ];
    let view = look("", &steps, &[1, 2], 0).unwrap();
    assert_eq!(view.presence, Presence::Exactly(uids(&[2])));
    assert_eq!(view.exists, 2);
}

#[test]
fn a_message_that_cannot_be_read_is_present_with_unknown_flags() {
    let steps = [
        step(
            "f1 SELECT \"INBOX\"\n",
            &format!("{}f1 OK x\n", head(2, 7, 9, 1)),
        ),
        step(
            "f2 UID FETCH 1:* (UID FLAGS)\n",
            "* 1 FETCH (UID 1 FLAGS (\n* 2 FETCH (UID 2 FLAGS ())\nf2 OK x\n",
        ),
    ];
    let view = look("", &steps, &[1, 2], 0).unwrap();
    assert_eq!(summary(&view, &[1, 2]).0, [(2, String::new())]);
    assert!(view.presence.has(uid(1)));
}
