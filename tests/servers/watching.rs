//! The server says where to look: every kind of change leads to the right hint, soon, and by whatever way there is.

use std::collections::BTreeSet;
use std::time::Duration;

use mailferry::auth::{Accepted, Allowed, Bound, Secret, SecretSource};
use mailferry::engine::ports::{
    Hint, Remote as _, RemoteWatch as _, RemoteWatcher as _, RemoteWay,
};
use mailferry::engine::{Reach, ports::Connector as _};
use mailferry::imap::connect::{Settings, Ways};
use mailferry::imap::watch::foretell;
use mailferry::imap::{ImapConnector, ImapWatch, SessionOptions};
use mailferry::mail::MailboxName;
use mailferry::net::BoxStream;
use mailferry::net::tls::{TlsMode, TlsSettings};

use crate::support::server::{PASSWORD, USER};
use crate::support::{Server, Variant, message};

/// Dovecot waits half a second before it tells, a second and a half after a RENAME; the rest is for slow machines.
const SOON: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_secs(10);

fn connector(server: &Server, hidden: &[&str]) -> ImapConnector {
    let address = server.plain();
    ImapConnector {
        settings: Settings {
            account: "test".into(),
            host: address.ip().to_string(),
            port: address.port(),
            tls: TlsSettings::new(TlsMode::None, None, Vec::new()),
            user: USER.into(),
            secret: SecretSource::Plain(Secret::new(PASSWORD)),
            allowed: Allowed::default(),
            accepted: Accepted::default(),
            ways: Ways::default(),
            bound: Bound::default(),
            hide_capabilities: hidden.iter().map(ToString::to_string).collect(),
            timeout: Duration::from_secs(30),
        },
        options: SessionOptions {
            // Shorter than the watch: it must not be ended by silence.
            silence: Duration::from_secs(5),
            ..SessionOptions::default()
        },
        compress: true,
    }
}

fn run<R>(future: impl Future<Output = R>) -> R {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap().block_on(future)
}

fn name(text: &str) -> MailboxName {
    MailboxName::parse(text).unwrap()
}

fn at(text: &str) -> Hint {
    Hint::Mailbox(name(text))
}

type Watch = ImapWatch<BoxStream>;

/// Waits until all of these have been told.
async fn told(watch: &mut Watch, wanted: &[Hint]) {
    let mut missing: BTreeSet<Hint> = wanted.iter().cloned().collect();
    while !missing.is_empty() {
        let hints = tokio::time::timeout(SOON, watch.next()).await;
        let hints = hints.unwrap_or_else(|_| panic!("not told in time: {missing:?}"));
        for hint in hints.unwrap() {
            missing.remove(&hint);
        }
    }
}

/// Takes what is still under way.
async fn quiet(watch: &mut Watch) {
    while let Ok(hints) = tokio::time::timeout(Duration::from_millis(1500), watch.next()).await {
        hints.unwrap();
    }
}

/// Lets the server say all it knows, so that what is told next is about what happens next.
async fn catch_up(watch: &mut Watch) {
    watch.renew(LIMIT).await.unwrap();
    while let Ok(hints) = tokio::time::timeout(Duration::from_millis(2), watch.next()).await {
        hints.unwrap();
    }
}

/// Nothing is told any more, and the connections are alive.
async fn silent(watch: &mut Watch) {
    let waited = tokio::time::timeout(Duration::from_secs(6), watch.next()).await;
    assert!(waited.is_err(), "{waited:?}");
    watch.renew(LIMIT).await.unwrap();
}

fn deliver(server: &Server, mailbox: &str) {
    let Server::Dovecot(dovecot) = server else {
        panic!("only Dovecot has doveadm");
    };
    dovecot.save(mailbox, &message("delivered"));
}

/// New mail, flags, moves and expunges in INBOX and in `Box/ü`.
async fn changes_of_messages(server: &Server, watch: &mut Watch) {
    let mut client = server.client();
    for mailbox in ["INBOX", "Box/ü"] {
        let here = [at(mailbox)];
        catch_up(watch).await;
        deliver(server, mailbox);
        told(watch, &here).await;
        catch_up(watch).await;
        client.append(mailbox, "", &message("appended"));
        told(watch, &here).await;
        client.select(mailbox);
        for (sign, flag) in [('+', "\\Flagged"), ('-', "\\Flagged"), ('+', "\\Deleted")] {
            catch_up(watch).await;
            client.store("1", sign, flag);
            told(watch, &here).await;
        }
        catch_up(watch).await;
        client.ok("EXPUNGE");
        told(watch, &here).await;
    }
    catch_up(watch).await;
    client.select("Box/ü");
    client.rehome("1:*", "INBOX");
    told(watch, &[at("INBOX"), at("Box/ü")]).await;
    quiet(watch).await;
}

fn with_mailboxes() -> Server {
    let server = Server::start(Variant::Dovecot);
    let mut client = server.client();
    client.create("Box");
    client.create("Box/ü");
    server
}

#[test]
fn notify_tells_of_every_mailbox_with_one_connection() {
    let server = with_mailboxes();
    run(async {
        let connector = connector(&server, &[]);
        let mut watch = connector.watch(&[], 1).await.unwrap();
        assert_eq!(
            watch.coverage().way,
            RemoteWay::Notify,
            "{:?}",
            watch.coverage()
        );
        changes_of_messages(&server, &mut watch).await;
        let mut client = server.client();
        for command in ["CREATE New", "RENAME New Newer", "DELETE Newer"] {
            client.ok(command);
            told(&mut watch, &[Hint::Mailboxes]).await;
            quiet(&mut watch).await;
        }
        silent(&mut watch).await;
        // Hints that come with the answer to a renewal are not lost.
        deliver(&server, "Box/ü");
        watch.renew(LIMIT).await.unwrap();
        assert_eq!(watch.next().await.unwrap(), [at("Box/ü")]);
        watch.close().await;
    });
}

#[test]
fn idle_tells_of_each_mailbox_it_is_used_on() {
    let server = with_mailboxes();
    run(async {
        let connector = connector(&server, &["NOTIFY"]);
        let idle = ["INBOX", "Gone", "Box/ü", "Box"].map(name);
        let mut watch = connector.watch(&idle, 2).await.unwrap();
        let coverage = watch.coverage().clone();
        assert_eq!(
            coverage.way,
            RemoteWay::Idle(vec![name("INBOX"), name("Box/ü")]),
            "{coverage:?}"
        );
        assert!(coverage.reason.contains("Gone"), "{}", coverage.reason);
        changes_of_messages(&server, &mut watch).await;
        silent(&mut watch).await;
        deliver(&server, "INBOX");
        watch.renew(LIMIT).await.unwrap();
        told(&mut watch, &[at("INBOX")]).await;
        watch.close().await;
    });
}

#[test]
fn what_a_server_offers_is_what_it_grants() {
    let server = with_mailboxes();
    run(async {
        for (hidden, mailboxes) in [
            (&[][..], &[][..]),
            (&["NOTIFY"], &["INBOX"]),
            (&["QRESYNC", "CONDSTORE"], &["INBOX"]),
            (&["NOTIFY", "IDLE"], &[]),
        ] {
            let connector = connector(&server, hidden);
            let session = connector.connect().await.unwrap();
            let foretold = foretell(session.capabilities());
            session.close().await;
            let watch = connector.watch(&[MailboxName::inbox()], 1).await.unwrap();
            let mut expected = foretold.clone();
            if let RemoteWay::Idle(all) = &mut expected.way {
                all.extend(mailboxes.iter().map(|one| name(one)));
            }
            assert_eq!(*watch.coverage(), expected);
            watch.close().await;
        }
    });
}

#[test]
fn without_an_index_of_mailboxes_dovecot_refuses_notify_and_idles() {
    let server = Server::dovecot_with("mailbox_list_index = no\n");
    run(async {
        let connector = connector(&server, &[]);
        let idle = [MailboxName::inbox()];
        let mut watch = connector.watch(&idle, 3).await.unwrap();
        let coverage = watch.coverage();
        assert_eq!(coverage.way, RemoteWay::Idle(idle.to_vec()));
        assert!(coverage.reason.contains("NOTIFY"), "{}", coverage.reason);
        deliver(&server, "INBOX");
        told(&mut watch, &[at("INBOX")]).await;
        watch.close().await;
    });
}

#[test]
fn a_server_that_goes_away_breaks_the_watch() {
    for hidden in [&[][..], &["NOTIFY"]] {
        let server = Server::start(Variant::Dovecot);
        run(async {
            let connector = connector(&server, hidden);
            let idle = [MailboxName::inbox()];
            let mut watch = connector.watch(&idle, 1).await.unwrap();
            drop(server);
            // Dovecot's processes take some ten seconds to notice that their master is gone.
            let gone = tokio::time::timeout(SOON * 6, async {
                loop {
                    if let Err(fault) = watch.next().await {
                        return fault;
                    }
                }
            });
            assert_eq!(gone.await.unwrap().reach, Reach::Connection);
        });
    }
}

#[test]
fn cyrus_is_watched_by_idle() {
    let server = Server::start(Variant::Cyrus);
    run(async {
        // Cyrus 3.10 has it, 3.6 has not.
        let connector = connector(&server, &["NOTIFY"]);
        let idle = [MailboxName::inbox()];
        let mut watch = connector.watch(&idle, 1).await.unwrap();
        assert_eq!(watch.coverage().way, RemoteWay::Idle(idle.to_vec()));
        let mut client = server.client();
        client.append("INBOX", "", &message("appended"));
        told(&mut watch, &[at("INBOX")]).await;
        client.select("INBOX");
        client.store("1", '+', "\\Flagged");
        told(&mut watch, &[at("INBOX")]).await;
        watch.close().await;
    });
}
