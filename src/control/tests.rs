//! Both ends on one socket, as they are used.

use std::path::Path;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::sync::mpsc;

use super::*;

/// Whoever waits longer than this waits for something that does not come.
const SOON: Duration = Duration::from_secs(20);

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.unwrap()
}

/// A daemon on a socket below this directory.
async fn daemon(root: &Path) -> (Place, Server, mpsc::Receiver<Call>) {
    let place = Place::at(&root.join("m/control.sock"), Path::new("/c.toml"));
    let (calls, called) = mpsc::channel(8);
    let server = serve(&place, calls).await.unwrap();
    (place, server, called)
}

async fn client(place: &Place) -> Client {
    soon(connect(place)).await.unwrap().unwrap()
}

#[tokio::test]
async fn every_request_arrives_as_it_was_asked_and_so_does_its_answer() {
    let root = tempfile::tempdir().unwrap();
    let (place, _server, mut called) = daemon(root.path()).await;
    let mut client = client(&place).await;
    let account = Some("work".to_owned());
    let id = "work:3".to_owned();
    for (request, answer) in [
        (
            Request::Sync {
                targets: vec!["work:INBOX".to_owned(), "home".to_owned()],
                dry_run: true,
            },
            Ok("{\"dry_run\":true}"),
        ),
        (Request::Status, Ok("{}")),
        (Request::Holds, Ok("[]")),
        (
            Request::Pause {
                account: account.clone(),
            },
            Ok("null"),
        ),
        (Request::Pause { account: None }, Ok("null")),
        (Request::Resume { account }, Ok("null")),
        (Request::Resume { account: None }, Ok("null")),
        (Request::Approve { id: id.clone() }, Ok("null")),
        (Request::Restore { id }, Err(Refusal::usage("no such hold"))),
        (Request::Reload, Err(Refusal::failed("line 3"))),
    ] {
        let answer = answer.map(str::to_owned);
        let asked = client.call(request.clone());
        let (answered, ()) = soon(async {
            tokio::join!(asked, async {
                let call = called.recv().await.unwrap();
                assert_eq!(call.request, request);
                call.answer.send(answer.clone()).unwrap();
            })
        })
        .await;
        assert_eq!(answered.unwrap(), answer);
    }
}

#[tokio::test]
async fn a_call_that_takes_long_holds_up_no_other() {
    let root = tempfile::tempdir().unwrap();
    let (place, _server, mut called) = daemon(root.path()).await;
    let (mut one, mut other) = (client(&place).await, client(&place).await);
    let slow = tokio::spawn(async move { one.call(Request::Holds).await });
    let first = soon(called.recv()).await.unwrap();
    let answers = tokio::spawn(async move {
        let call = called.recv().await.unwrap();
        call.answer.send(Ok("2".to_owned())).unwrap();
    });
    let quick = soon(other.call(Request::Status)).await.unwrap();
    assert_eq!(quick, Ok("2".to_owned()));
    soon(answers).await.unwrap();
    first.answer.send(Ok("1".to_owned())).unwrap();
    assert_eq!(soon(slow).await.unwrap().unwrap(), Ok("1".to_owned()));
}

#[tokio::test]
async fn signals_reach_everybody_who_listens() {
    let root = tempfile::tempdir().unwrap();
    let (place, server, _called) = daemon(root.path()).await;
    let (one, other) = (client(&place).await, client(&place).await);
    let mut heard = [one.signals().await.unwrap(), other.signals().await.unwrap()];
    let (account, mailbox) = ("work".to_owned(), "INBOX".to_owned());
    let told = [
        Signal::NewMail {
            account: account.clone(),
            mailbox: mailbox.clone(),
            count: 3,
        },
        Signal::AccountChanged {
            account: account.clone(),
            state: "held".to_owned(),
        },
        Signal::HoldRaised {
            account,
            mailbox,
            count: u64::MAX,
        },
    ];
    for signal in &told {
        server.emit(signal.clone());
    }
    for heard in &mut heard {
        for signal in &told {
            assert_eq!(soon(heard.next()).await.as_ref(), Some(signal));
        }
    }
    soon(server.close()).await;
    assert_eq!(soon(heard[0].next()).await, None);
}

#[tokio::test]
async fn a_flood_of_signals_that_nobody_reads_holds_up_no_answer() {
    let root = tempfile::tempdir().unwrap();
    let (place, server, mut called) = daemon(root.path()).await;
    let mut client = client(&place).await;
    let _unread = client.signals().await.unwrap();
    tokio::spawn(async move {
        while let Some(call) = called.recv().await {
            for count in 0..5000 {
                let (account, mailbox) = ("work".to_owned(), "INBOX".to_owned());
                server.emit(Signal::NewMail {
                    account,
                    mailbox,
                    count,
                });
                tokio::task::yield_now().await;
            }
            call.answer.send(Ok("{}".to_owned())).unwrap();
        }
    });
    let answer = soon(client.call(Request::Status)).await.unwrap();
    assert_eq!(answer, Ok("{}".to_owned()));
}

#[tokio::test]
async fn a_daemon_that_ends_tells_those_who_wait() {
    let root = tempfile::tempdir().unwrap();
    let (place, server, mut called) = daemon(root.path()).await;
    let mut client = client(&place).await;
    let waiting = tokio::spawn(async move { (client.call(Request::Status).await, client) });
    drop(soon(called.recv()).await.unwrap());
    let (answer, mut client) = soon(waiting).await.unwrap();
    assert_eq!(
        answer.unwrap(),
        Err(Refusal::failed("the daemon is stopping"))
    );
    soon(server.close()).await;
    let late = soon(client.call(Request::Status)).await;
    assert!(matches!(late, Err(ControlError::Gone)), "{late:?}");
    assert!(soon(connect(&place)).await.unwrap().is_none());
}

#[tokio::test]
async fn the_last_answer_goes_out_before_the_end() {
    let root = tempfile::tempdir().unwrap();
    let (place, server, mut called) = daemon(root.path()).await;
    let mut client = client(&place).await;
    let waiting = tokio::spawn(async move { client.call(Request::Status).await });
    let call = soon(called.recv()).await.unwrap();
    call.answer.send(Ok("{}".to_owned())).unwrap();
    soon(server.close()).await;
    assert_eq!(soon(waiting).await.unwrap().unwrap(), Ok("{}".to_owned()));
}

#[tokio::test]
async fn daemons_of_two_configurations_live_side_by_side() {
    let root = tempfile::tempdir().unwrap();
    let place = |config: &str| Place::new(Some(root.path()), Path::new("/s"), Path::new(config));
    let (one, other, third) = (place("/1"), place("/2"), place("/3"));
    let (calls, _called) = mpsc::channel(1);
    let first = soon(serve(&one, calls.clone())).await.unwrap();
    assert!(first.socket().ends_with("mailferry/control.sock"));
    assert!(soon(connect(&other)).await.unwrap().is_none());
    let second = soon(serve(&other, calls.clone())).await.unwrap();
    assert_ne!(first.socket(), second.socket());
    for (place, server) in [(&one, &first), (&other, &second)] {
        assert_eq!(client(place).await.socket(), server.socket());
        let again = soon(serve(place, calls.clone())).await;
        assert!(matches!(again, Err(ControlError::Live(_))), "{again:?}");
    }
    assert!(soon(connect(&third)).await.unwrap().is_none());
}

#[tokio::test]
async fn whoever_says_nothing_holds_up_nobody() {
    let root = tempfile::tempdir().unwrap();
    let (place, server, _called) = daemon(root.path()).await;
    let mut mute = Vec::new();
    for _ in 0..20 {
        mute.push(UnixStream::connect(server.socket()).await.unwrap());
    }
    client(&place).await;
    soon(server.close()).await;
}
