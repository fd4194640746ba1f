//! How soon a letter is on the screen.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{sized, still, tell, within_at_full_size};
use crate::Setting;
use crate::living::{alive, ends, until};
use crate::showing::{Screen, Told as Shown};
use crate::support::script::{Asked, Script, Talk, Told, USUAL, Wire, covers, fetched};
use crate::support::{Ferry, Variant, message, server::Server};

/// How long a message waits for what may follow.
const SETTLE: Duration = Duration::from_millis(250);
/// Beyond that.
const LIMIT: Duration = Duration::from_millis(50);

/// A server that tells of new mail in the very moment, which is today's.
fn tells_at_once(talk: &mut Talk, asked: &Asked) -> Told {
    let account = Arc::clone(&talk.account);
    let inbox = || {
        let account = account.lock().unwrap();
        account
            .boxes
            .iter()
            .find(|it| it.name == "INBOX")
            .unwrap()
            .mails
            .clone()
    };
    match (asked.verb.as_str(), asked.tag.as_str()) {
        ("IDLE", tag) => {
            // The client goes on idling whatever it is told.
            let mut before = inbox().len();
            let mut alive = talk.say(format!("+ idling {tag}\r\n"));
            let until = Instant::now() + Duration::from_secs(sized(90, 240));
            while alive && Instant::now() < until {
                let count = inbox().len();
                if count != before {
                    before = count;
                    alive = talk.say(format!("* {count} EXISTS\r\n"));
                }
                std::thread::sleep(Duration::from_micros(200));
            }
            Told::Close
        }
        ("UID FETCH", tag) if asked.rest.contains("BODY.PEEK[]") => {
            let today = jiff::Zoned::now()
                .strftime("%d-%b-%Y %H:%M:%S %z")
                .to_string();
            for (at, mail) in inbox()
                .iter()
                .enumerate()
                .filter(|(_, mail)| covers(&asked.rest, mail.uid))
            {
                let said = fetched(at + 1, mail, &asked.rest);
                let text = String::from_utf8(said).unwrap();
                talk.say(text.replace("12-Mar-2024 10:11:12 +0000", &today));
            }
            talk.say(format!("{tag} OK done\r\n"));
            Told::All
        }
        _ => Told::Truth,
    }
}

fn shown(screen: &Screen) -> Instant {
    match screen.told.recv_timeout(Duration::from_secs(60)).unwrap() {
        Shown::Notify(shown) => shown.at,
        other @ Shown::Close(_) => panic!("{other:?}"),
    }
}

#[test]
fn a_letter_is_on_the_screen_at_once_where_the_server_tells_at_once() {
    let script = Script::start(Wire::Plain, &format!("{USUAL} IDLE"));
    script.tell(Some(Arc::new(tells_at_once)));
    let ferry = Ferry::with(
        script.address,
        "tls = \"none\"\nmailboxes = [\"INBOX\"]\n",
        "[accounts.test.notify]\nburst = 1000",
    );
    let screen = Screen::at(&ferry);
    let daemon = ferry.start(&["run"]);
    until("it watches", || {
        let status = ferry.run(&["status", "--json"]).json();
        status["accounts"][0]["state"] == "in-sync" && status["accounts"][0]["watch"] == "idle"
    });
    let mut times = Vec::new();
    for number in 0..sized(10, 100) {
        // Long enough for the watch to be at rest again.
        std::thread::sleep(Duration::from_millis(300));
        let mail = message(&format!("at once {number}"));
        let begun = Instant::now();
        script.add("INBOX", mail);
        times.push((shown(&screen) - begun).saturating_sub(SETTLE));
    }
    let (half, _, _) = tell("delivered until Notify, beyond settle time", &times);
    within_at_full_size(half, LIMIT);
    ends(daemon);
}

/// Dovecot takes half a second to tell; the clock runs from then on.
#[test]
fn a_letter_is_on_the_screen_soon_after_dovecot_tells_of_it() {
    let setting = Setting::with_messages(Variant::Dovecot, 3);
    let more = "[accounts.test.notify]\nburst = 1000";
    setting
        .ferry
        .configure(setting.relay.address, "tls = \"none\"\n", more);
    let screen = Screen::of(&setting);
    let daemon = alive(&setting);
    let Server::Dovecot(dovecot) = &setting.server else {
        unreachable!("this variant is Dovecot");
    };
    let mut times = Vec::new();
    for number in 0..sized(8, 60) {
        still(&setting, Duration::from_millis(700));
        setting.relay.reset();
        dovecot.save("INBOX", &message(&format!("soon {number}")));
        super::soon(Instant::now(), || setting.relay.down() > 0);
        let told = Instant::now();
        times.push(
            shown(&screen)
                .saturating_duration_since(told)
                .saturating_sub(SETTLE),
        );
    }
    let (half, _, _) = tell("told by Dovecot until Notify, beyond settle time", &times);
    within_at_full_size(half, LIMIT);
    ends(daemon);
}
