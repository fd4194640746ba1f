//! NAMESPACE (RFC 2342) on the wire: when it is asked, and what follows from the answer.

use super::super::script::{Client, PLAIN, play, step};
use super::cases::name;
use crate::engine::Reach;
use crate::engine::ports::Remote;
use crate::sync::Naming;

const TOLD: &str = "* NAMESPACE ((\"INBOX.\" \".\")) NIL ((\"shared.\" \".\"))\n";
const ALL: &str =
    "* LIST () \".\" INBOX\n* LIST (\\Trash) \".\" INBOX.Trash\n* LIST () \".\" shared.x\n";

async fn list(session: &mut Client) -> Vec<(String, Option<String>)> {
    let all = session.list().await.unwrap();
    let text = |name: crate::mail::MailboxName| name.as_str().to_owned();
    all.into_iter()
        .map(|one| (text(one.name), one.full.map(text)))
        .collect()
}

fn expected() -> Vec<(String, Option<String>)> {
    [
        ("INBOX", None),
        ("Trash", Some("INBOX/Trash")),
        ("shared/x", None),
    ]
    .map(|(name, full)| (name.to_owned(), full.map(str::to_owned)))
    .to_vec()
}

#[test]
fn it_is_asked_in_the_flight_of_the_first_list() {
    let steps = [
        step(
            "f1 NAMESPACE\nf2 LIST \"\" \"*\"\n",
            &format!("{TOLD}f1 OK x\n{ALL}f2 OK x\n"),
        ),
        step("f3 LIST \"\" \"*\"\n", &format!("{ALL}f3 OK x\n")),
        step("f4 CREATE \"INBOX.New.Sub\"\n", "f4 OK x\n"),
        step("f5 SUBSCRIBE \"INBOX.New.Sub\"\n", "f5 OK x\n"),
        step("f6 RENAME \"INBOX.New\" \"INBOX.Old\"\n", "f6 OK x\n"),
        step(
            "f7 STATUS \"shared.x\" (MESSAGES UIDNEXT UIDVALIDITY)\n",
            "* STATUS shared.x (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 7)\nf7 OK x\n",
        ),
    ];
    play("NAMESPACE", &steps, PLAIN, async |session| {
        assert_eq!(list(session).await, expected());
        assert_eq!(list(session).await, expected());
        session.create(&name("New/Sub")).await.unwrap();
        session.rename(&name("New"), &name("Old")).await.unwrap();
        session.status(&name("shared/x")).await.unwrap();
        let below = session.create(&name("INBOX/Sub")).await.unwrap_err();
        assert_eq!((below.reach, below.retry), (Reach::Mailbox, false));
    });
}

#[test]
fn it_is_asked_before_the_first_mailbox_is_named() {
    let steps = [
        step("f1 NAMESPACE\n", &format!("{TOLD}f1 OK x\n")),
        step(
            "f2 STATUS \"INBOX.a\" (MESSAGES UIDNEXT UIDVALIDITY)\n",
            "* STATUS INBOX.a (MESSAGES 2 UIDNEXT 4 UIDVALIDITY 7)\nf2 OK x\n",
        ),
    ];
    let status = play("NAMESPACE", &steps, PLAIN, async |session| {
        session.status(&name("a")).await
    });
    assert_eq!(status.unwrap().messages, Some(2));
}

/// Without an answer, names that are called without their prefix here would mean other mailboxes.
#[test]
fn a_server_that_does_not_answer_it_is_done_without_unless_names_depend_on_it() {
    for refusal in [
        "f1 BAD x\n",
        "f1 NO x\n",
        "f1 OK x\n",
        "* NAMESPACE x\nf1 OK x\n",
    ] {
        let first = step(
            "f1 NAMESPACE\nf2 LIST \"\" \"*\"\n",
            &format!("{refusal}{ALL}f2 OK x\n"),
        );
        let names = play("NAMESPACE", std::slice::from_ref(&first), PLAIN, list);
        let names: Vec<String> = names.into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["INBOX", "INBOX/Trash", "shared/x"]);
        let fault = play("NAMESPACE", &[first], PLAIN, async |session| {
            session.options.names.set_naming(Some(Naming::Short));
            session.list().await.unwrap_err()
        });
        assert_eq!((fault.reach, fault.retry), (Reach::Account, true));
    }
}

#[test]
fn nobody_is_told_of_a_namespace_that_was_not_asked_for() {
    let steps = [step(
        "f1 LIST \"\" \"*\"\n",
        &format!("{TOLD}{ALL}f1 OK x\n"),
    )];
    let names = play("", &steps, PLAIN, list);
    assert_eq!(names[1].0, "INBOX/Trash");
}
