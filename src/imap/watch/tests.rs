//! Watches against scripted servers, byte for byte.

use std::cell::RefCell;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, sleep, timeout};

use super::{ImapWatch, foretell, setup};
use crate::engine::ports::{Hint, RemoteCoverage, RemoteWatch, RemoteWay};
use crate::engine::{Fault, Reach};
use crate::imap::capabilities::Capabilities;
use crate::imap::{Session, SessionOptions};
use crate::mail::MailboxName;

mod idle;
mod notify;

/// One act of a scripted server.
enum Act {
    /// The client must send exactly this.
    Expect(String),
    /// The server says this.
    Say(Vec<u8>),
    /// The server says this octet by octet, each once nobody has anything else to do.
    Spell(Vec<u8>),
    /// The server hangs up.
    Hang,
    /// The server says nothing more and takes whatever comes.
    Fall,
    /// The client has closed its stream without another word.
    Closed,
    /// The server waits so many seconds.
    Wait(u64),
}

fn wire(text: &str) -> String {
    text.replace('\n', "\r\n")
}

fn expect(text: &str) -> Act {
    Act::Expect(wire(text))
}

fn say(text: &str) -> Act {
    Act::Say(wire(text).into_bytes())
}

fn spell(text: &str) -> Act {
    Act::Spell(wire(text).into_bytes())
}

type Script = Vec<Act>;

async fn serve(mut stream: DuplexStream, script: Script) {
    for act in script {
        match act {
            Act::Expect(text) => {
                let mut sent = vec![0; text.len()];
                let mut got = 0;
                while got < sent.len() {
                    let count = stream.read(&mut sent[got..]).await.unwrap();
                    if count == 0 {
                        break;
                    }
                    got += count;
                }
                assert_eq!(String::from_utf8_lossy(&sent[..got]), text);
            }
            Act::Say(octets) => stream.write_all(&octets).await.unwrap(),
            Act::Spell(octets) => {
                for octet in octets {
                    stream.write_all(&[octet]).await.unwrap();
                    sleep(Duration::from_millis(1)).await;
                }
            }
            Act::Hang => return,
            Act::Fall => {
                let mut rest = Vec::new();
                let _ = stream.read_to_end(&mut rest).await;
                return;
            }
            Act::Closed => {
                let mut rest = Vec::new();
                stream.read_to_end(&mut rest).await.unwrap();
                assert_eq!(String::from_utf8_lossy(&rest), "");
            }
            Act::Wait(seconds) => sleep(Duration::from_secs(seconds)).await,
        }
    }
    // What is over is no reason to hang up.
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert_eq!(String::from_utf8_lossy(&rest), "", "said behind the script");
}

/// What opening one connection brings: a server, or a fault.
type Door = Result<(&'static str, Script), Fault>;

type Watched = ImapWatch<DuplexStream>;

/// Watches `idle` with so many connections, behind these doors in turn, and does `act` with the watch.
fn watching<R>(
    doors: Vec<Door>,
    idle: &[&str],
    connections: usize,
    act: impl AsyncFnOnce(Result<Watched, Fault>) -> R,
) -> R {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let mut doors = doors.into_iter();
        let doors = RefCell::new(&mut doors);
        let servers = RefCell::new(Vec::new());
        let open = async || {
            let door = doors
                .borrow_mut()
                .next()
                .expect("no more connections than doors");
            let (capabilities, script) = door?;
            let (near, far) = duplex(1 << 16);
            let served = tokio::task::spawn_local(serve(far, script));
            servers.borrow_mut().push(served);
            let capabilities = Capabilities::from_atoms(capabilities.split_ascii_whitespace());
            let session = Session::new(near, Vec::new(), capabilities, SessionOptions::default());
            session.options.names.learn_delimiter(Some(b'/'));
            Ok(session)
        };
        let idle: Vec<MailboxName> = idle.iter().map(|text| name(text)).collect();
        let watch = setup::establish(open, &idle, connections).await;
        let result = act(watch).await;
        let served = timeout(
            Duration::from_secs(3600),
            futures_util::future::join_all(servers.take()),
        );
        for one in served.await.expect("the scripts come to their ends") {
            one.unwrap();
        }
        assert!(doors.borrow_mut().next().is_none(), "a door was not opened");
        result
    })
}

fn name(text: &str) -> MailboxName {
    MailboxName::parse(text).unwrap()
}

fn at(text: &str) -> Hint {
    Hint::Mailbox(name(text))
}

/// Hints until there are so many.
async fn gather(watch: &mut Watched, count: usize) -> Vec<Hint> {
    let mut all = Vec::new();
    while all.len() < count {
        all.extend(watch.next().await.unwrap());
    }
    all
}

async fn assert_nothing(watch: &mut Watched, seconds: u64) {
    let waited = timeout(Duration::from_secs(seconds), watch.next()).await;
    assert!(waited.is_err(), "{waited:?}");
}

#[track_caller]
fn assert_connection<T: std::fmt::Debug>(result: Result<T, Fault>) -> String {
    let fault = result.unwrap_err();
    assert_eq!((fault.reach, fault.retry), (Reach::Connection, true));
    fault.to_string()
}

const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn what_is_offered_foretells_the_way() {
    let way = |atoms: &str| {
        let RemoteCoverage { way, reason } =
            foretell(&Capabilities::from_atoms(atoms.split_ascii_whitespace()));
        assert!(!reason.is_empty() && !reason.contains('\n'));
        way
    };
    let idle = RemoteWay::Idle(Vec::new());
    assert_eq!(way("IDLE NOTIFY ENABLE CONDSTORE"), RemoteWay::Notify);
    assert_eq!(way("notify enable qresync"), RemoteWay::Notify);
    assert_eq!(way("IDLE NOTIFY CONDSTORE"), idle);
    assert_eq!(way("IDLE ENABLE CONDSTORE"), idle);
    assert_eq!(way("IMAP4rev2"), idle);
    assert_eq!(way("NOTIFY"), RemoteWay::Poll);
    assert_eq!(way(""), RemoteWay::Poll);
}

#[test]
fn without_notify_and_idle_no_connection_is_held_and_nothing_comes() {
    let script = vec![expect("f1 LOGOUT\n"), say("* BYE\nf1 OK\n"), Act::Closed];
    watching(
        vec![Ok(("CONDSTORE", script))],
        &["INBOX"],
        3,
        async |watch| {
            let mut watch = watch.unwrap();
            assert_eq!(watch.coverage().way, RemoteWay::Poll);
            assert_nothing(&mut watch, 7200).await;
            watch.renew(LIMIT).await.unwrap();
            watch.close().await;
        },
    );
}

#[test]
fn with_no_connection_allowed_none_is_made() {
    watching(Vec::new(), &["INBOX"], 0, async |watch| {
        assert_eq!(watch.unwrap().coverage().way, RemoteWay::Poll);
    });
}

#[test]
fn a_first_connection_that_cannot_be_had_is_its_own_fault() {
    let fault = Fault::new(Reach::Account, false, "wrong password");
    watching(vec![Err(fault)], &["INBOX"], 2, async |watch| {
        let fault = watch.unwrap_err();
        assert_eq!((fault.reach, fault.retry), (Reach::Account, false));
    });
}
