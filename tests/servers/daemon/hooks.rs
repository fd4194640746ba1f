//! What hooks cost: the first sync with three of them that are told of old mail, beside the same without any.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::sized;
use crate::living::ends;
use crate::support::messages::sized_message;
use crate::support::{Ferry, Server, Variant};
use crate::trials::say;

/// Two that look at the header of each message and one that counts them, and says when it has seen the last one.
fn hooks(count: usize, mark: &str) -> String {
    format!(
        "[[hooks]]\nplugin = \"list-filter\"\nold_mail = true\n\n\
         [[hooks]]\nplugin = \"rules\"\nold_mail = true\noptions = {{ rules = [\
         {{ from = \"shop@example.org\", subject = \"invoice\", move = \"Invoices\" }}, \
         {{ header = {{ X-Spam-Flag = \"yes\" }}, move = \"Junk\" }} ] }}\n\n\
         [[hooks]]\nfile = \"{mark}.lua\"\nold_mail = true\nallow = [\"exec\"]\n\
         options = {{ count = {count}, mark = \"{mark}\" }}\n"
    )
}

const COUNTING: &str = r#"
local seen, octets = 0, 0
mailferry.on("message.new", function(msg)
    seen, octets = seen + 1, octets + msg.size
    if seen == mailferry.options.count then
        mailferry.exec { argv = { "touch", mailferry.options.mark } }
    end
end)
"#;

/// One account with or without hooks, and where the last hook leaves its mark.
struct One {
    ferry: Ferry,
    mark: PathBuf,
}

impl One {
    fn new(server: &Server, count: usize, hooked: bool) -> Self {
        // As mail is fetched over a network.
        let keys = format!("tls_ca_file = \"{}\"\n", server.certificate().display());
        let ferry = Ferry::with(server.tls(), &keys, "");
        let mark = ferry.state().with_file_name("mark");
        fs::write(mark.with_extension("lua"), COUNTING).unwrap();
        let more = match hooked {
            true => hooks(count, mark.to_str().unwrap()),
            false => String::new(),
        };
        ferry.configure(server.tls(), &keys, &more);
        Self { ferry, mark }
    }

    /// How long one pass takes, hooks and all.
    fn pass(&self) -> Duration {
        let ended = self.ferry.sync();
        ended.in_sync();
        ended.took
    }

    /// When the daemon says that both sides are equal, and when the last hook has run.
    fn daemon(&self, hooked: bool) -> (Duration, Duration) {
        let begun = Instant::now();
        let daemon = self.ferry.start(&["run"]);
        let (mut synced, mut told) = (None, (!hooked).then_some(Duration::ZERO));
        while synced.is_none() || told.is_none() {
            assert!(begun.elapsed() < Duration::from_secs(120), "not in time");
            std::thread::sleep(Duration::from_millis(10));
            if told.is_none() && self.mark.exists() {
                told = Some(begun.elapsed());
            }
            if synced.is_none() {
                let said = self.ferry.run(&["status", "--json"]).stdout;
                let status: serde_json::Value = serde_json::from_str(&said).unwrap_or_default();
                let is_synced = status["accounts"][0]["state"] == "in-sync";
                synced = is_synced.then(|| begun.elapsed());
            }
        }
        ends(daemon);
        (synced.unwrap(), told.unwrap())
    }
}

/// Waits until nothing is left to be written of what went before.
fn at_rest() {
    let synced = std::process::Command::new("sync").status().unwrap();
    assert!(synced.success());
}

fn middle(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// The middle one of the ratios of pairs that were measured one after the other.
fn ratio(what: &str, pairs: &[(Duration, Duration)]) -> f64 {
    let ratios = pairs
        .iter()
        .map(|(with, without)| with.as_secs_f64() / without.as_secs_f64());
    let ratio = middle(ratios.collect());
    say(&format!("{what}: {ratio:.3} of {pairs:.2?}"));
    ratio
}

/// The wall time of the first sync: until `mailferry sync` has ended, and all hooks with it; and until the daemon says that
/// both sides are equal. There hooks go on beside whatever comes next.
#[test]
fn ten_thousand_messages_through_three_hooks_do_not_hold_up_the_first_sync() {
    let server = Server::start(Variant::Dovecot);
    let count = sized(1000, 10_000);
    let letters = (0..count).map(|at| sized_message(&format!("letter {at}"), at % 11 * 2000));
    server.client().append_many("INBOX", letters);
    let (mut passes, mut daemons, mut last) = (Vec::new(), Vec::new(), Vec::new());
    // A file system may be slow for a while where as many files have just been removed.
    let mut kept = Vec::new();
    for round in 0..sized(3, 11) {
        // Who comes second finds what the first one has left behind, whatever that is: in turns.
        let mut order = [true, false];
        order.rotate_left(round % 2);
        let mut pass = [Duration::ZERO; 2];
        let mut daemon = [(Duration::ZERO, Duration::ZERO); 2];
        for hooked in order {
            let one = One::new(&server, count, hooked);
            at_rest();
            pass[usize::from(hooked)] = one.pass();
            assert!(!hooked || one.mark.exists(), "not all were told");
            kept.push(one);
        }
        for hooked in order {
            let one = One::new(&server, count, hooked);
            at_rest();
            daemon[usize::from(hooked)] = one.daemon(hooked);
            kept.push(one);
        }
        let [without, with] = pass;
        passes.push((with, without));
        let [without, with] = daemon;
        daemons.push((with.0, without.0));
        last.push((with.1, without.0));
    }
    let pass = ratio("`sync` with all hooks", &passes);
    let daemon = ratio("`run` until in sync", &daemons);
    ratio("`run` until the last hook has run", &last);
    assert!(pass < sized(4.0, 1.1), "{pass}");
    assert!(daemon < sized(3.0, 1.1), "{daemon}");
}
