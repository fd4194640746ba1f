//! Buttons: what comes out of them, and what becomes of it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mailferry::desktop::{Bus, Desktop, Notice, Request, Rules, Setup};
use mailferry::mail::{Flag, Flags, MailboxName};
use mailferry::sync::{Act, RowId};

use super::fake::Fake;
use super::private_bus::PrivateBus;
use super::{arrival, rules, soon, start};

#[tokio::test]
async fn a_button_asks_for_its_message_and_a_failure_is_told() {
    let bus = PrivateBus::start();
    let mut fake = Fake::start(&bus.address).await;
    let (desktop, mut requests) = start(&bus, rules());
    desktop.arrived("work", None, vec![arrival(1), arrival(2)]);
    let (_, shown) = (fake.shows().await, fake.shows().await);
    fake.press(shown.id, &shown.key("Delete")).await;
    let Some(Request::Act {
        account,
        wanted,
        done,
    }) = soon(requests.recv()).await
    else {
        panic!("not an act");
    };
    assert_eq!((account.as_str(), wanted.len()), ("work", 1));
    assert_eq!((wanted[0].row, &wanted[0].act), (RowId(2), &Act::Delete));
    assert_eq!(wanted[0].local.as_bytes(), b"2.x");
    done.send(Err("the folder is <gone>".to_owned())).unwrap();
    let failure = fake.shows().await;
    assert_eq!(
        (failure.summary.as_str(), failure.body.as_str()),
        ("Could not delete", "the folder is &lt;gone&gt;")
    );
    assert!(failure.hints.contains(&"transient=true".to_owned()));
    fake.press(shown.id, &shown.key("Mark as read")).await;
    let Some(Request::Act { wanted, done, .. }) = soon(requests.recv()).await else {
        panic!("not an act");
    };
    assert_eq!(wanted[0].act, Act::AddFlags(Flags::new().with(Flag::Seen)));
    drop(done);
    let failure = fake.shows().await;
    assert_eq!(
        (failure.summary.as_str(), failure.body.as_str()),
        ("Could not mark as read", "mailferry is stopping")
    );
}

#[tokio::test]
async fn held_deletions_can_be_approved_and_restored() {
    let bus = PrivateBus::start();
    let mut fake = Fake::start(&bus.address).await;
    let (desktop, mut requests) = start(&bus, rules());
    desktop.notice(
        "work",
        Notice::Hold {
            id: "work:7".to_owned(),
            mailbox: MailboxName::inbox(),
            count: 30,
            reason: String::new(),
        },
    );
    let shown = fake.shows().await;
    fake.press(shown.id, &shown.key("Approve")).await;
    let request = soon(requests.recv()).await;
    let Some(Request::Approve { id, done, .. }) = request else {
        panic!("{request:?}")
    };
    assert_eq!(id, "work:7");
    done.send(Ok(())).unwrap();
    fake.press(shown.id, &shown.key("Restore")).await;
    let request = soon(requests.recv()).await;
    let Some(Request::Restore { id, done, .. }) = request else {
        panic!("{request:?}")
    };
    assert_eq!(id, "work:7");
    done.send(Err("there is no hold `work:7`".to_owned()))
        .unwrap();
    assert_eq!(fake.shows().await.summary, "Could not restore the messages");
}

/// A program that writes down how it was called.
fn witness(directory: &Path, code: i32) -> (PathBuf, PathBuf) {
    let (program, log) = (directory.join("program"), directory.join("log"));
    let text = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$@\" \"$XDG_ACTIVATION_TOKEN\" >'{0}.new' && mv '{0}.new' '{0}'\nexit {code}\n",
        log.display()
    );
    std::fs::write(&program, text).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    (program, log)
}

async fn read(log: &Path) -> String {
    soon(async {
        loop {
            if let Ok(text) = std::fs::read_to_string(log) {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
}

#[tokio::test]
async fn open_runs_the_users_program_with_the_file_as_it_is_called_now() {
    let (bus, room) = (PrivateBus::start(), tempfile::tempdir().unwrap());
    let (program, log) = witness(room.path(), 3);
    let folder = room.path().join("INBOX");
    for directory in ["new", "cur"] {
        std::fs::create_dir_all(folder.join(directory)).unwrap();
    }
    let file = folder.join("cur/1.x:2,F");
    std::fs::write(&file, "Subject: x\n\n").unwrap();
    let open = vec![
        program.display().to_string(),
        "--".to_owned(),
        "a b".to_owned(),
    ];
    let mut fake = Fake::start(&bus.address).await;
    let (desktop, _requests) = start(&bus, Rules { open, ..rules() });
    let mut one = arrival(1);
    one.subject.path = Some(folder.join("new/1.x"));
    desktop.arrived("work", None, vec![one]);
    let shown = fake.shows().await;
    fake.emit("ActivationToken", &(shown.id, "token-1")).await;
    fake.press(shown.id, "default").await;
    assert_eq!(
        read(&log).await,
        format!("--\na b\n{}\ntoken-1\n", file.display())
    );
    let failure = fake.shows().await;
    assert_eq!(failure.summary, "Could not open the message");
    assert!(
        failure.body.ends_with("ended with exit status: 3"),
        "{}",
        failure.body
    );
    std::fs::remove_file(&file).unwrap();
    fake.press(shown.id, "default").await;
    assert_eq!(
        fake.shows().await.body,
        "the message is not in its folder any more"
    );
}

#[tokio::test]
async fn muted_threads_are_remembered_over_restarts() {
    let (bus, room) = (PrivateBus::start(), tempfile::tempdir().unwrap());
    let file = room.path().join("muted");
    let begin = || {
        Desktop::start(Setup {
            bus: Bus::At(bus.address.clone()),
            accounts: vec![("work".to_owned(), rules())],
            muted: Some(file.clone()),
        })
    };
    let mut fake = Fake::start(&bus.address).await;
    let (desktop, mut requests) = begin();
    desktop.arrived("work", None, vec![arrival(1)]);
    let shown = fake.shows().await;
    fake.press(shown.id, &shown.key("Mute thread")).await;
    let Some(Request::Act { wanted, done, .. }) = soon(requests.recv()).await else {
        panic!("not an act");
    };
    assert!(matches!(&wanted[0].act, Act::AddFlags(flags) if flags.to_string().contains("$Muted")));
    done.send(Ok(())).unwrap();
    assert_eq!(read(&file).await, "1@x\n");
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    soon(desktop.end()).await;
    fake.closes().await;
    let (desktop, _requests) = begin();
    let mut answer = arrival(2);
    answer.letter.references = vec!["1@x".to_owned()];
    desktop.arrived("work", None, vec![answer, arrival(3)]);
    assert_eq!(fake.shows().await.summary, "Sender 3");
    assert!(fake.rest().is_empty());
}
