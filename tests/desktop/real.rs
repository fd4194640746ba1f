//! A server that people use, dunst, on a screen that nobody sees.
//!
//! `MAILFERRY_SCREENSHOT=docs/notifications.png cargo test --test desktop bubbles_as_people` takes a picture.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use mailferry::desktop::{Arrival, Notice, Request, Rules};
use mailferry::mail::MailboxName;
use mailferry::sync::{Act, RowId};
use zbus::Connection;
use zbus::zvariant::{OwnedValue, Value};

use super::private_bus::{PrivateBus, Process};
use super::{arrival, gone, rules, soon, start, state};

const CONFIG: &str = r##"[global]
    width = 380
    height = 170
    origin = top-right
    offset = 12x12
    font = DejaVu Sans 10
    markup = full
    format = "<b>%s</b>\n%b"
    notification_limit = 10
    sort = false
    gap_size = 6
    frame_width = 1
    corner_radius = 4
    padding = 10
    horizontal_padding = 12
    min_icon_size = 32
    max_icon_size = 32
    show_indicators = false
    icon_position = left
    icon_path = /usr/share/icons/Adwaita/32x32/legacy:/usr/share/icons/Adwaita/48x48/legacy
    dmenu = /bin/grep -m 1 Approve
[urgency_normal]
    background = "#2e3440"
    foreground = "#eceff4"
    frame_color = "#4c566a"
    timeout = 0
[urgency_critical]
    background = "#bf616a"
    foreground = "#eceff4"
    timeout = 0
"##;

/// A screen, a bus and dunst. They end with the test.
struct Seat {
    bus: PrivateBus,
    connection: Connection,
    display: String,
    _processes: [Process; 2],
    _directory: tempfile::TempDir,
}

impl Seat {
    async fn new() -> Self {
        let (bus, directory) = (PrivateBus::start(), tempfile::tempdir().unwrap());
        let (screen, display) = screen();
        let config = directory.path().join("dunstrc");
        std::fs::write(&config, CONFIG).unwrap();
        let dunst = Command::new("dunst")
            .arg("-config")
            .arg(&config)
            .env("DISPLAY", &display)
            .env("DBUS_SESSION_BUS_ADDRESS", &bus.address)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("dunst is needed: apt-get install dunst");
        let builder = zbus::connection::Builder::address(bus.address.as_str()).unwrap();
        let connection = soon(builder.build()).await.unwrap();
        let seat = Self {
            bus,
            connection,
            display,
            _processes: [screen, Process(dunst)],
            _directory: directory,
        };
        soon(async {
            while seat.property("displayedLength").await.is_none() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
        seat
    }

    async fn property(&self, name: &str) -> Option<u32> {
        let properties = Some("org.freedesktop.DBus.Properties");
        let asked = ("org.dunstproject.cmd0", name);
        let reply = self.dunst(properties, "Get", &asked).await.ok()?;
        let value: OwnedValue = reply.body().deserialize().ok()?;
        match &*value {
            Value::U32(number) => Some(*number),
            other => panic!("{other:?}"),
        }
    }

    async fn dunst<B>(
        &self,
        interface: Option<&str>,
        method: &str,
        body: &B,
    ) -> zbus::Result<zbus::Message>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        let (name, path) = (
            "org.freedesktop.Notifications",
            "/org/freedesktop/Notifications",
        );
        self.connection
            .call_method(Some(name), path, interface, method, body)
            .await
    }

    /// Waits until so many bubbles are on the screen.
    async fn displays(&self, count: u32) {
        let mut seen = None;
        let waited = tokio::time::timeout(Duration::from_secs(20), async {
            while seen != Some(count) {
                tokio::time::sleep(Duration::from_millis(20)).await;
                seen = self.property("displayedLength").await;
            }
        });
        assert!(waited.await.is_ok(), "{seen:?} bubbles instead of {count}");
    }

    /// The picture on the screen, in the format of xwd.
    fn picture(&self) -> Vec<u8> {
        let taken = Command::new("xwd")
            .args(["-root", "-silent", "-display", &self.display])
            .output();
        taken
            .expect("xwd is needed: apt-get install x11-apps")
            .stdout
    }
}

/// Xvfb on a display that is free.
fn screen() -> (Process, String) {
    let mut child = Command::new("Xvfb")
        .args([
            "-displayfd",
            "1",
            "-screen",
            "0",
            "420x560x24",
            "-nolisten",
            "tcp",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("Xvfb is needed: apt-get install xvfb");
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let number = line.trim();
    assert!(!number.is_empty(), "Xvfb did not start");
    (Process(child), format!(":{number}"))
}

#[tokio::test]
async fn dunst_shows_replaces_withdraws_and_passes_presses_on() {
    let seat = Seat::new().await;
    let (desktop, mut requests) = start(&seat.bus, rules());
    desktop.arrived("work", None, vec![arrival(1), arrival(2), arrival(3)]);
    seat.displays(3).await;
    let said = state(&desktop, "ready").await.to_string();
    assert!(said.starts_with("shown by dunst"), "{said}");
    desktop.gone("work", vec![gone(1)]);
    seat.displays(2).await;
    desktop.arrived("work", None, vec![arrival(4), arrival(5)]);
    seat.displays(1).await;
    desktop.gone("work", vec![gone(2), gone(3), gone(4), gone(5)]);
    seat.displays(0).await;
    desktop.notice(
        "work",
        Notice::Hold {
            id: "work:1".to_owned(),
            mailbox: MailboxName::inbox(),
            count: 30,
            reason: "30 of 40 messages at once".to_owned(),
        },
    );
    seat.displays(1).await;
    let control = Some("org.dunstproject.cmd0");
    seat.dunst(control, "NotificationAction", &0_u32)
        .await
        .unwrap();
    let request = soon(requests.recv()).await;
    let Some(Request::Approve { id, done, .. }) = request else {
        panic!("{request:?}")
    };
    assert_eq!(id, "work:1");
    done.send(Ok(())).unwrap();
    let reply = seat
        .dunst(control, "NotificationListHistory", &())
        .await
        .unwrap();
    let history: Vec<std::collections::HashMap<String, OwnedValue>> =
        reply.body().deserialize().unwrap();
    let text = |value: &OwnedValue| value.downcast_ref::<&str>().unwrap().to_owned();
    let texts: Vec<_> = history
        .iter()
        .map(|entry| (text(&entry["summary"]), text(&entry["body"])))
        .collect();
    let first = (
        "Sender 1".to_owned(),
        "Subject &lt;1&gt;\nText &amp; more 1".to_owned(),
    );
    assert!(texts.contains(&first), "{texts:?}");
}

#[tokio::test]
async fn a_press_in_dunst_is_for_the_message_shown() {
    let seat = Seat::new().await;
    let buttons = vec![mailferry::desktop::Button::Delete];
    let (desktop, mut requests) = start(&seat.bus, Rules { buttons, ..rules() });
    desktop.arrived("work", None, vec![arrival(7)]);
    seat.displays(1).await;
    seat.dunst(Some("org.dunstproject.cmd0"), "NotificationAction", &0_u32)
        .await
        .unwrap();
    let Some(Request::Act { wanted, done, .. }) = soon(requests.recv()).await else {
        panic!("not an act")
    };
    assert_eq!((wanted[0].row, &wanted[0].act), (RowId(7), &Act::Delete));
    done.send(Err("the Maildir is not there".to_owned()))
        .unwrap();
    // dunst leaves the bubble there after a press over the bus; the other one says that it failed.
    seat.displays(2).await;
}

/// A message with these words.
fn letter(number: i64, mailbox: &str, name: &str, subject: &str, text: &str) -> Arrival {
    let mut one = arrival(number);
    one.subject.mailbox = MailboxName::parse(mailbox).unwrap();
    one.letter.name = name.to_owned();
    one.letter.subject = subject.to_owned();
    one.letter.text = text.to_owned();
    one
}

/// Letters for one bubble each, and letters for one summary.
fn letters() -> [Vec<Arrival>; 2] {
    let few = vec![
        letter(
            1,
            "INBOX",
            "Ada Lovelace",
            "Notes on the engine",
            "I have added a note G, with the numbers of Bernoulli in full.",
        ),
        letter(
            2,
            "INBOX",
            "Café <Zoë> & Söhne",
            "Ihre Bestellung: 3 × „Löwe“",
            "Vielen Dank! <b>Rechnung</b> & Lieferschein liegen bei.",
        ),
    ];
    let names = "rust-lang Linus Greg neomutt-devel Debian Dovecot LWN".split(' ');
    let many = names.zip(1..).map(|(name, number)| {
        let subject = format!("[PATCH v2 {number}/7] never lose a mail");
        letter(10 + number, "Lists", name, &subject, "")
    });
    [few, many.collect()]
}

fn write_picture(picture: &[u8], file: &OsStr) {
    let raw = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(raw.path(), picture).unwrap();
    let mut convert = Command::new("convert");
    convert
        .arg(format!("xwd:{}", raw.path().display()))
        .args(["-colors", "64", "-strip"])
        .arg(file);
    let made = convert
        .status()
        .expect("convert is needed: apt-get install imagemagick");
    assert!(made.success());
}

#[tokio::test]
async fn bubbles_as_people_see_them() {
    let seat = Seat::new().await;
    let empty = seat.picture();
    let [few, many] = letters();
    let (desktop, _requests) = start(&seat.bus, rules());
    desktop.arrived("work", None, few);
    seat.displays(2).await;
    let reason = "212 of 230 messages within ten minutes. Approve lets them go on, Restore brings them back.";
    desktop.notice(
        "work",
        Notice::Hold {
            id: "work:1".to_owned(),
            mailbox: MailboxName::parse("Lists").unwrap(),
            count: 212,
            reason: reason.to_owned(),
        },
    );
    seat.displays(3).await;
    let reason = "The server says: invalid credentials".to_owned();
    desktop.notice("work", Notice::SignIn { reason });
    seat.displays(4).await;
    // Another one: the first would put its own messages into the summary, too.
    let (other, _others) = start(&seat.bus, rules());
    other.arrived("work", None, many);
    seat.displays(5).await;
    let mut picture = seat.picture();
    // dunst counts a bubble before it has drawn it.
    soon(async {
        loop {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let next = seat.picture();
            if next == picture && next != empty {
                break;
            }
            picture = next;
        }
    })
    .await;
    assert!(picture.len() > 100_000, "no picture was taken");
    if let Some(file) = std::env::var_os("MAILFERRY_SCREENSHOT") {
        write_picture(&picture, &file);
    }
}
