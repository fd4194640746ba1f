//! Notifications from end to end: a letter on a real server, the daemon, a bus, and a server that writes down what it is told.

#[path = "../desktop/fake.rs"]
#[allow(dead_code, reason = "the tests of notifications alone need all of it")]
mod fake;
#[path = "../desktop/private_bus.rs"]
#[allow(dead_code, reason = "the tests of notifications alone need all of it")]
mod private_bus;

use std::sync::mpsc;
use std::time::{Duration, Instant};

use fake::{Fake, Shown, Told};
use private_bus::PrivateBus;

use crate::Setting;
use crate::living::{alive, ends, until};
use crate::support::server::Server;
use crate::support::{Variant, message};
use crate::trials::say;

/// For the fake, which is asked all the time.
async fn soon<T>(work: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(600);
    tokio::time::timeout(limit, work).await.expect("in time")
}

/// What the desktop of an account's user is told, with the bus it goes over.
struct Screen {
    told: mpsc::Receiver<Told>,
    _bus: PrivateBus,
}

impl Screen {
    fn of(setting: &Setting) -> Self {
        let home = setting.ferry.root();
        let home = home.parent().unwrap();
        let bus = PrivateBus::listening(&format!("unix:path={}/bus", home.display()));
        let address = bus.address.clone();
        let (tell, told) = mpsc::channel();
        let (ready, is_ready) = mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_all().build().unwrap();
            runtime.block_on(async {
                let mut fake = Fake::start(&address).await;
                ready.send(()).unwrap();
                while tell.send(fake.next().await).is_ok() {}
            });
        });
        is_ready.recv().unwrap();
        Self { told, _bus: bus }
    }

    #[track_caller]
    fn shows(&self) -> Shown {
        match self.told.recv_timeout(Duration::from_secs(60)).unwrap() {
            Told::Notify(shown) => shown,
            other @ Told::Close(_) => panic!("{other:?} instead of a notification"),
        }
    }

    #[track_caller]
    fn closes(&self) -> u32 {
        match self.told.recv_timeout(Duration::from_secs(60)).unwrap() {
            Told::Close(id) => id,
            other @ Told::Notify(_) => panic!("{other:?} instead of a withdrawal"),
        }
    }
}

#[test]
fn a_letter_is_shown_once_and_withdrawn_when_it_is_read_elsewhere() {
    let setting = Setting::with_messages(Variant::Dovecot, 1);
    let screen = Screen::of(&setting);
    let daemon = alive(&setting);
    let Server::Dovecot(dovecot) = &setting.server else {
        unreachable!("this variant is Dovecot");
    };
    let begun = Instant::now();
    let letter = b"From: Ann <ann@example.org>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <shown@x>\r\n\r\nHello\r\n";
    dovecot.save("INBOX", letter);
    let shown = screen.shows();
    say(&format!("shown {:?} after the delivery", begun.elapsed()));
    let text = format!("{} {}", shown.summary, shown.body);
    assert!(text.contains("Ann") && text.contains("Grüße"), "{shown:?}");
    let status = setting.ferry.run(&["status", "--json"]).json();
    assert_eq!(status["notifications"]["state"], "ready", "{status}");
    // What is in no chosen mailbox is not shown, and what was shown is not shown again.
    dovecot.save("Box", &message("of no interest"));
    until("it arrives", || {
        setting.ferry.maildir().files("Box").len() == 2
    });
    let mut client = setting.client();
    client.select("INBOX");
    client.store("1", '+', "\\Seen");
    assert_eq!(screen.closes(), shown.id);
    ends(daemon);
    assert!(screen.told.try_recv().is_err(), "something else was told");
}

#[test]
fn whoever_is_not_let_in_is_asked_to_sign_in_again() {
    let setting = Setting::new(Variant::Dovecot);
    let config = setting.ferry.root().with_file_name("config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let wrong = text.replace("password = \"secret\"", "password = \"stale\"");
    std::fs::write(&config, wrong).unwrap();
    let screen = Screen::of(&setting);
    let daemon = setting.ferry.start(&["run"]);
    let shown = screen.shows();
    let told = format!("{} {}", shown.summary, shown.body);
    assert!(told.to_lowercase().contains("sign in"), "{shown:?}");
    assert!(!told.contains("stale"), "{shown:?}");
    std::fs::write(&config, text).unwrap();
    // It alone: the program that measures it would end of this.
    let pid = rustix::process::Pid::from_raw(daemon.process().try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    assert_eq!(screen.closes(), shown.id);
    ends(daemon);
}
