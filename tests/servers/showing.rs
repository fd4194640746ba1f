//! Notifications from end to end: a letter on a real server, the daemon, a bus, and a server that writes down what it is told.

#[path = "../desktop/fake.rs"]
#[allow(dead_code, reason = "the tests of notifications alone need all of it")]
mod fake;
#[path = "../desktop/private_bus.rs"]
#[allow(dead_code, reason = "the tests of notifications alone need all of it")]
mod private_bus;

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use fake::Fake;
pub use fake::{Shown, Told};
use private_bus::PrivateBus;

use crate::Setting;
use crate::living::{alive, ends, until};
use crate::support::server::Server;
use crate::support::{Ferry, Variant, message};
use crate::trials::{again, chance, say, seed};

/// For the fake, which is asked all the time.
async fn soon<T>(work: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(600);
    tokio::time::timeout(limit, work).await.expect("in time")
}

/// What the desktop of an account's user is told, with the bus it goes over.
pub struct Screen {
    pub told: mpsc::Receiver<Told>,
    presses: tokio::sync::mpsc::UnboundedSender<(u32, String)>,
    _bus: PrivateBus,
}

impl Screen {
    pub fn of(setting: &Setting) -> Self {
        Self::at(&setting.ferry)
    }

    /// Of the user who owns this account.
    pub fn at(ferry: &Ferry) -> Self {
        let home = ferry.root();
        let home = home.parent().unwrap();
        let bus = PrivateBus::listening(&format!("unix:path={}/bus", home.display()));
        let address = bus.address.clone();
        let (tell, told) = mpsc::channel();
        let (ready, is_ready) = mpsc::channel();
        let (presses, mut pressed) = tokio::sync::mpsc::unbounded_channel::<(u32, String)>();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_all().build().unwrap();
            runtime.block_on(async {
                let mut fake = Fake::start(&address).await;
                ready.send(()).unwrap();
                loop {
                    tokio::select! {
                        told = fake.next() => {
                            if tell.send(told).is_err() {
                                break;
                            }
                        }
                        Some((id, action)) = pressed.recv() => fake.press(id, &action).await,
                    }
                }
            });
        });
        is_ready.recv().unwrap();
        Self {
            told,
            presses,
            _bus: bus,
        }
    }

    /// The user presses the button with this label.
    pub fn press(&self, shown: &Shown, label: &str) {
        self.presses.send((shown.id, shown.key(label))).unwrap();
    }

    #[track_caller]
    pub fn shows(&self) -> Shown {
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

/// An account with this hook, and settings of notifications.
fn with_hook(script: &str, notify: &str) -> Setting {
    let setting = Setting::with_messages(Variant::Dovecot, 1);
    let file = setting.ferry.state().with_file_name("hook.lua");
    std::fs::write(&file, script).unwrap();
    let file = file.display();
    let more = format!(
        "[accounts.test.notify]\n{notify}\n[[hooks]]\nfile = \"{file}\"\nallow = [\"notify\"]\n"
    );
    let address = setting.relay.address;
    setting.ferry.configure(address, "tls = \"none\"\n", &more);
    setting
}

#[test]
fn what_hooks_say_of_a_notification_and_want_because_of_it_happens() {
    let setting = with_hook(
        r#"
mailferry.on("notification", function(note)
    local msg = note.messages[1]
    if msg.subject:find("file me") then
        msg:move_to("Lists")
    elseif msg.subject:find("quiet") then
        note:silence()
    else
        note.title, note.urgency = "Changed", "critical"
        msg:add_flags("flagged")
    end
end)
"#,
        "",
    );
    let screen = Screen::of(&setting);
    let daemon = alive(&setting);
    let mut client = setting.client();
    let mails = ["file me", "quiet", "usual"].map(message);
    client.append_unseen("INBOX", mails.into_iter());
    let shown = screen.shows();
    assert!(shown.body.starts_with("Changed"), "{shown:?}");
    assert!(shown.hints.contains(&"urgency=2".to_owned()), "{shown:?}");
    until("one is flagged and one is filed", || {
        let there = setting.there();
        let flagged = there["INBOX"]
            .iter()
            .filter(|(_, flags)| flags.contains("\\flagged"));
        flagged.count() == 1 && there.get("Lists").is_some_and(|all| all.len() == 1)
    });
    ends(daemon);
    let rest: Vec<Told> = screen.told.try_iter().collect();
    assert!(
        !rest.iter().any(|it| matches!(it, Told::Notify(_))),
        "{rest:?}"
    );
}

/// Nobody else would hear of it.
#[test]
fn a_message_that_a_hook_cannot_file_is_announced() {
    let setting = with_hook(
        r#"
mailferry.on("message.new", function(msg)
    if msg.subject:find("first") then msg:move_to("Nowhere") end
end)
mailferry.on("notification", function(note)
    local msg = note.messages[1]
    if msg.subject:find("second") then msg:move_to("Nowhere") end
end)
"#,
        "burst = 1000",
    );
    let config = setting.ferry.config();
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text.replace(
        "[accounts.test]\n",
        "[accounts.test]\nmailboxes = [\"*\", \"!Nowhere\"]\n",
    );
    std::fs::write(&config, text).unwrap();
    let screen = Screen::of(&setting);
    let daemon = alive(&setting);
    let mails = ["the first", "the second"].map(message);
    setting.client().append_unseen("INBOX", mails.into_iter());
    let mut shown: Vec<String> = (0..2).map(|_| screen.shows().body).collect();
    shown.sort();
    let told = shown[0].starts_with("the first") && shown[1].starts_with("the second");
    assert!(told, "{shown:?}");
    ends(daemon);
}

/// Killed at any moment, also between the outbox and the screen: some bubbles may be missing then, none is there twice.
#[test]
fn no_message_is_shown_twice_however_often_the_daemon_is_killed() {
    let seed = seed();
    let mut random = chance(seed, 0);
    let rounds = crate::trials::setting("MAILFERRY_KILLS").unwrap_or(8) as usize;
    let setting = with_hook("", "burst = 1000");
    let screen = Screen::of(&setting);
    let mut sent = 0;
    for _ in 0..rounds {
        let daemon = alive(&setting);
        for _ in 0..3 {
            let mail = message(&format!("mail {sent}."));
            setting
                .client()
                .append_unseen("INBOX", std::iter::once(mail));
            sent += 1;
        }
        std::thread::sleep(Duration::from_millis(400 + random.below(900) as u64));
        daemon.signal(rustix::process::Signal::KILL);
        drop(daemon);
    }
    let daemon = alive(&setting);
    let last = message("the last one.");
    setting
        .client()
        .append_unseen("INBOX", std::iter::once(last));
    let mut shown: BTreeMap<String, usize> = BTreeMap::new();
    loop {
        let one = screen.shows();
        *shown
            .entry(one.body.lines().next().unwrap().to_owned())
            .or_default() += 1;
        if one.body.contains("the last one.") {
            break;
        }
    }
    ends(daemon);
    let again = again(seed, "no_message_is_shown_twice");
    say(&format!(
        "{} of {sent} messages were shown in {rounds} lives",
        shown.len() - 1
    ));
    assert!(
        shown.values().all(|times| *times == 1),
        "{shown:?}; again: {again}"
    );
    assert!(shown.len() > 1, "none was shown");
    assert_eq!(setting.there()["INBOX"].len(), sent + 1);
}

#[test]
fn a_summary_counts_down_as_messages_are_read_elsewhere() {
    let setting = with_hook("", "burst = 2");
    let screen = Screen::of(&setting);
    let daemon = alive(&setting);
    let mut client = setting.client();
    client.append_unseen(
        "INBOX",
        (0..4).map(|at| message(&format!("one of four {at}"))),
    );
    let mut shown = screen.shows();
    while !shown.summary.starts_with("4 new messages") {
        shown = screen.shows();
    }
    client.select("INBOX");
    client.store("1:3", '+', "\\Seen");
    let fewer = screen.shows();
    assert!(fewer.summary.starts_with("1 new message"), "{fewer:?}");
    assert_eq!(fewer.replaces, shown.id);
    client.store("4", '+', "\\Deleted");
    client.ok("EXPUNGE");
    assert_eq!(screen.closes(), shown.id);
    ends(daemon);
}

/// Each by the ordinary sync, to exactly the message that was shown.
#[test]
fn buttons_do_on_the_server_what_they_say() {
    let setting = with_hook("", "burst = 1000");
    let screen = Screen::of(&setting);
    let daemon = alive(&setting);
    let labels = ["Mark as read", "Archive", "Delete", "Mute thread"];
    let mut client = setting.client();
    client.append_unseen("INBOX", labels.iter().map(|label| message(label)));
    for _ in labels {
        let shown = screen.shows();
        let label = labels
            .iter()
            .find(|label| shown.body.starts_with(**label))
            .unwrap();
        screen.press(&shown, label);
    }
    until("all of it is done", || {
        let there = setting.there();
        let count = |mailbox: &str, flag: &str| {
            let all = there.get(mailbox).cloned().unwrap_or_default();
            let has = all
                .iter()
                .filter(|(_, flags)| flag.is_empty() || flags.contains(flag));
            has.count()
        };
        count("INBOX", "") == 2
            && count("INBOX", "\\seen") == 1
            && count("INBOX", "$muted") == 1
            && count("Archive", "") == 1
            && count("Trash", "") == 1
    });
    ends(daemon);
    let failed = screen
        .told
        .try_iter()
        .any(|told| matches!(told, Told::Notify(shown) if shown.summary.starts_with("Could not")));
    assert!(!failed, "something was said to have failed");
}

#[test]
fn held_deletions_are_restored_and_approved_from_their_bubble() {
    let setting = Setting::with_messages(Variant::Dovecot, 30);
    let screen = Screen::of(&setting);
    let daemon = alive(&setting);
    let maildir = setting.ferry.maildir();
    let delete = || {
        for file in maildir.files("Box").iter().take(25) {
            std::fs::remove_file(file).unwrap();
        }
    };
    for (label, left) in [("Restore", 30), ("Approve", 5)] {
        delete();
        // The bubble of the one before is taken away meanwhile.
        let shown = loop {
            match screen.told.recv_timeout(Duration::from_secs(60)).unwrap() {
                Told::Notify(shown) if shown.summary.contains("deletions held in Box") => {
                    break shown;
                }
                _ => {}
            }
        };
        assert_eq!(
            setting.there()["Box"].len(),
            30,
            "it did not wait for a word"
        );
        screen.press(&shown, label);
        until("it is done", || {
            maildir.files("Box").len() == left && setting.there()["Box"].len() == left
        });
        until("nothing is held", || {
            let status = setting.ferry.run(&["status", "--json"]).json();
            status["accounts"][0]["holds"]
                .as_array()
                .is_some_and(Vec::is_empty)
        });
    }
    ends(daemon);
}

/// The daemon takes its bubbles off the screen when it ends.
#[test]
fn held_deletions_are_shown_again_after_a_restart_and_when_they_grow() {
    let setting = Setting::with_messages(Variant::Dovecot, 30);
    let screen = Screen::of(&setting);
    let daemon = alive(&setting);
    let maildir = setting.ferry.maildir();
    let delete = |count: usize| {
        for file in maildir.files("Box").iter().take(count) {
            std::fs::remove_file(file).unwrap();
        }
    };
    let held = || loop {
        if let Told::Notify(shown) = screen.told.recv_timeout(Duration::from_secs(60)).unwrap()
            && shown.summary.contains("held in Box")
        {
            break shown;
        }
    };
    delete(25);
    let first = held();
    assert!(first.summary.starts_with("25 "), "{first:?}");
    ends(daemon);
    // It is not in sync.
    let daemon = setting.ferry.start(&["run"]);
    let again = held();
    assert!(again.summary.starts_with("25 "), "{again:?}");
    delete(1);
    let more = held();
    assert!(more.summary.starts_with("26 "), "{more:?}");
    assert_eq!(more.replaces, again.id);
    // Decided elsewhere, it is taken away.
    let status = setting.ferry.run(&["status", "--json"]).json();
    let id = status["accounts"][0]["holds"][0]["id"].as_str();
    let id = id.unwrap().to_owned();
    setting.ferry.run(&["restore", &id]).in_sync();
    assert_eq!(screen.closes(), more.id);
    ends(daemon);
}
