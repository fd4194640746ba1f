//! A server that lies in every way anybody has thought of: the program ends by itself with a clear word, in little

#![allow(clippy::too_many_lines, reason = "tables of lies and of answers")]
//! memory and little time, deletes nothing, writes nowhere else, tells no password, and is in sync again once the server
//! tells the truth.
//!
//! `MAILFERRY_LIE=word` plays only the lies whose name holds the word.

mod data;
mod opening;
mod wire;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::support::ferry::Outcome;
use crate::support::script::{Asked, Lie, Script, Talk, Told, USUAL, Wire};
use crate::support::server::{PASSWORD, USER};
use crate::support::{Ferry, UNOPTIMISED_KIB, message, oracle};

/// Lies played at once: most wait for a limit of time.
const WORKERS: usize = 12;
/// The longest that any lie may keep the program busy; it has `timeout = "1s"`.
const PATIENCE: Duration = Duration::from_secs(90);
/// Below the 64 MiB that are promised. Three connections may hold a response of 8 MiB each, and a buffer that grows is there twice.
const MEMORY_KIB: u64 = 60 * 1024 + UNOPTIMISED_KIB;
/// No password but this one begins with it.
const CANARY: &str = "k4narien-\"v\\ogel";

/// How the account reaches the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// In plain text, on loopback.
    Plain,
    /// The same, with compression.
    Compressed,
    /// STARTTLS.
    StartTls,
    /// TLS from the start.
    Implicit,
}

/// One lie and what has to come of it.
#[derive(Clone)]
pub(crate) struct Case {
    /// What it is, with the row of the catalogue of failures that it plays.
    name: String,
    way: Way,
    capabilities: String,
    lie: Lie,
    /// Exit codes that are honest.
    codes: Vec<i32>,
    /// What its output must hold, in lower case; one of these.
    says: Vec<&'static str>,
    /// Nothing may be said before TLS.
    secret: bool,
}

impl Case {
    fn new(
        name: impl Into<String>,
        lie: impl Fn(&mut Talk, &Asked) -> Told + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            way: Way::Plain,
            capabilities: USUAL.into(),
            lie: Arc::new(lie),
            codes: vec![1],
            says: Vec::new(),
            secret: false,
        }
    }

    /// A lie about one command.
    fn at(
        name: impl Into<String>,
        verb: &'static str,
        lie: impl Fn(&mut Talk, &Asked) -> Told + Send + Sync + 'static,
    ) -> Self {
        Self::new(name, move |talk, asked| {
            if asked.verb == verb {
                lie(talk, asked)
            } else {
                Told::Truth
            }
        })
    }

    fn ends(mut self, codes: &[i32]) -> Self {
        self.codes = codes.to_vec();
        self
    }

    fn says(mut self, words: &[&'static str]) -> Self {
        self.says = words.to_vec();
        self
    }

    fn over(mut self, way: Way) -> Self {
        self.way = way;
        self.secret = matches!(way, Way::StartTls | Way::Implicit);
        self
    }

    fn offering(mut self, capabilities: &str) -> Self {
        self.capabilities = capabilities.into();
        self
    }
}

/// An account and its server, in sync.
struct Stage {
    script: Script,
    ferry: Ferry,
    made: usize,
    beside: BTreeSet<PathBuf>,
}

impl Stage {
    fn new(way: Way, capabilities: &str) -> Self {
        let wire = if way == Way::Implicit {
            Wire::Tls
        } else {
            Wire::Plain
        };
        let script = Script::start(wire, capabilities);
        let keys = match way {
            Way::Plain => "tls = \"none\"\n".to_owned(),
            Way::Compressed => "tls = \"none\"\ncompress = true\n".to_owned(),
            Way::StartTls => format!(
                "tls = \"starttls\"\ntls_ca_file = \"{}\"\n",
                script.certificate().display()
            ),
            Way::Implicit => format!(
                "tls = \"implicit\"\ntls_ca_file = \"{}\"\n",
                script.certificate().display()
            ),
        };
        let ferry = Ferry::with(script.address, &format!("{keys}timeout = \"1s\"\n"), "");
        let config = ferry.root().with_file_name("config.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        let text = text.replace(
            &format!("password = \"{PASSWORD}\""),
            &format!("password = '{CANARY}'"),
        );
        assert!(text.contains(USER) && text.contains(CANARY));
        std::fs::write(&config, text).unwrap();
        let mut stage = Self {
            script,
            ferry,
            made: 0,
            beside: BTreeSet::new(),
        };
        // A limit of one second is little on a machine that has much to do.
        let calm = (0..10).any(|_| stage.ferry.sync().code == Some(0));
        assert!(calm, "not even the truth is in sync");
        stage.beside = stage.outside();
        stage
    }

    fn fresh(&mut self, kind: &str) -> Vec<u8> {
        self.made += 1;
        message(&format!("{kind} {}", self.made))
    }

    /// Everything beside Maildir and state, and whatever anybody has put where a name may lead to.
    fn outside(&self) -> BTreeSet<PathBuf> {
        let place = self.ferry.root();
        let place = place.parent().unwrap();
        let mut found = below(place);
        found.retain(|path| {
            !["Mail", "state"]
                .iter()
                .any(|part| path.starts_with(place.join(part)))
        });
        let strangers = ["/tmp", "/", "/etc", "/root", "/var/tmp"]
            .iter()
            .flat_map(|place| {
                let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
                entries
                    .map(|entry| entry.path())
                    .filter(|path| path.to_string_lossy().contains("mf-escape"))
            });
        found.extend(strangers);
        found
    }

    fn here(&self) -> BTreeSet<oracle::Digest> {
        let wire = oracle::digests(&self.script.snapshot());
        oracle::digests(&self.ferry.maildir().snapshot(&wire))
    }

    /// What can be had back: small mailboxes may go to the local trash, as no guard is for them.
    fn kept(&self) -> BTreeSet<oracle::Digest> {
        let mut kept = self.here();
        for path in below(&self.ferry.root().join(".mailferry-trash")) {
            let Ok(octets) = std::fs::read(&path) else {
                continue;
            };
            let text = String::from_utf8_lossy(&octets).replace("\r\n", "\n");
            kept.insert(oracle::digest(text.replace('\n', "\r\n").as_bytes()));
        }
        kept
    }

    /// One lie, and then the truth.
    fn play(&mut self, case: &Case) -> Result<(), String> {
        let (down, up) = (self.fresh("down"), self.fresh("up"));
        self.script.add("INBOX", down);
        self.ferry.maildir().deliver("INBOX", "S", &up);
        let before = self.here();
        self.script.account.lock().unwrap().heard.clear();
        self.script.account.lock().unwrap().in_the_clear.clear();
        self.script.tell(Some(Arc::clone(&case.lie)));
        let outcome = self.ferry.run(if case.name.contains("F102") {
            &["-v", "-v", "sync"]
        } else {
            &["-v", "sync"]
        });
        self.script.tell(None);
        judge(case, &outcome)?;
        self.look(case, &before)?;
        for _ in 0..10 {
            if self.ferry.sync().code == Some(0) {
                break;
            }
        }
        let last = self.ferry.sync();
        if last.code != Some(0) {
            return Err(format!(
                "not in sync once the server tells the truth: {last:?}"
            ));
        }
        self.compare()
    }

    fn look(&self, case: &Case, before: &BTreeSet<oracle::Digest>) -> Result<(), String> {
        let lost: Vec<_> = before.difference(&self.kept()).cloned().collect();
        if !lost.is_empty() {
            return Err(format!("messages are gone from the Maildir: {lost:?}"));
        }
        if self.outside() != self.beside {
            return Err(format!("files beside the roots: {:?}", self.outside()));
        }
        let account = self.script.account.lock().unwrap();
        let destroys = |line: &&String| {
            [
                "EXPUNGE",
                "UID EXPUNGE",
                "UID MOVE",
                "UID COPY",
                "DELETE",
                "RENAME",
            ]
            .iter()
            .any(|verb| line.starts_with(verb))
                || line.contains("+FLAGS") && line.contains("Deleted")
        };
        let destroyed: Vec<_> = account.heard.iter().filter(destroys).collect();
        if !destroyed.is_empty() {
            return Err(format!("deleted on the server: {destroyed:?}"));
        }
        let spoken = |line: &&String| {
            line.split(' ').next().is_some_and(|verb| {
                verb.len() > 2 && verb.bytes().all(|octet| octet.is_ascii_uppercase())
            })
        };
        let clear: Vec<_> = account
            .in_the_clear
            .iter()
            .filter(spoken)
            .filter(|line| !line.starts_with("CAPABILITY"))
            .collect();
        if case.secret && !clear.is_empty() {
            return Err(format!("said in the clear: {clear:?}"));
        }
        let logins = account
            .heard
            .iter()
            .filter(|line| ["AUTHENTICATE", "LOGIN"].contains(&line.trim()))
            .count();
        if logins > 12 {
            return Err(format!("{logins} logins"));
        }
        Ok(())
    }

    fn compare(&self) -> Result<(), String> {
        let there = self.script.snapshot();
        let mut here = self.ferry.maildir().snapshot(&oracle::digests(&there));
        // Mailboxes that only a lie has made stay in the Maildir until the server is asked to make them.
        here.retain(|name, mails| there.contains_key(name) || !mails.is_empty());
        for mails in here.values_mut() {
            mails.iter_mut().for_each(|(_, flags)| flags.clear());
            mails.sort();
        }
        let differences = oracle::differences(&there, &here);
        if differences.is_empty() {
            Ok(())
        } else {
            Err(format!("the sides differ: {differences:#?}"))
        }
    }
}

fn below(place: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(place).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(below(&entry.path()));
        }
        found.insert(entry.path());
    }
    found
}

/// What a run may cost and say whatever the server does.
fn judge(case: &Case, outcome: &Outcome) -> Result<(), String> {
    let said = format!("{}{}", outcome.stdout, outcome.stderr);
    let shown: String = said.chars().take(3000).collect();
    let wrong = |what: &str| {
        Err(format!(
            "{what}: code {:?}, {} KiB, {:?}\n{shown}",
            outcome.code, outcome.peak_kib, outcome.took
        ))
    };
    if said.contains("panicked") {
        return wrong("it panicked");
    }
    if !outcome.code.is_some_and(|code| case.codes.contains(&code)) {
        return wrong("the wrong exit code");
    }
    if outcome.took > PATIENCE {
        return wrong("it took too long");
    }
    if outcome.peak_kib > MEMORY_KIB {
        return wrong("too much memory");
    }
    if said.len() > 256 * 1024 {
        return wrong("it says too much");
    }
    if said.contains("k4narien") || said.contains(&coded()) {
        return wrong("the password is shown");
    }
    if said
        .chars()
        .any(|letter| letter != '\n' && letter.is_control())
    {
        return wrong("control characters are shown");
    }
    let lower = said.to_lowercase();
    if !case.says.is_empty() && !case.says.iter().any(|word| lower.contains(word)) {
        return wrong("it does not say what is wrong");
    }
    if outcome.code == Some(1) && !lower.contains("error") && !lower.contains("test") {
        return wrong("it does not name the account");
    }
    Ok(())
}

/// The password as AUTHENTICATE PLAIN has it.
fn coded() -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let plain = format!("\0{USER}\0{CANARY}");
    let mut text = String::new();
    for three in plain.as_bytes().chunks_exact(3) {
        let bits = three
            .iter()
            .fold(0_usize, |bits, octet| bits << 8 | usize::from(*octet));
        text.extend([18, 12, 6, 0].map(|shift| char::from(LETTERS[bits >> shift & 63])));
    }
    text
}

/// Plays all, several at a time, and tells of all that went wrong.
#[track_caller]
fn play(cases: Vec<Case>) {
    let only = std::env::var("MAILFERRY_LIE").unwrap_or_default();
    let mut cases = cases;
    cases.retain(|case| case.name.contains(&only));
    cases.sort_by_key(|case| (case.way as u8, case.capabilities.clone()));
    let count = cases.len();
    let queue = Mutex::new(cases.into_iter());
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..WORKERS.min(count) {
            scope.spawn(|| {
                let mut stage: Option<(Stage, Way, String)> = None;
                loop {
                    let Some(case) = queue.lock().unwrap().next() else {
                        return;
                    };
                    let fits = |(_, way, offered): &(Stage, Way, String)| {
                        *way == case.way && *offered == case.capabilities
                    };
                    let (mut here, ..) = stage.take().filter(fits).unwrap_or_else(|| {
                        (
                            Stage::new(case.way, &case.capabilities),
                            case.way,
                            String::new(),
                        )
                    });
                    match here.play(&case) {
                        Ok(()) => stage = Some((here, case.way, case.capabilities)),
                        Err(error) => failures
                            .lock()
                            .unwrap()
                            .push(format!("{}: {error}", case.name)),
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(
        failures.is_empty(),
        "{} of {count} lies do harm; again with: MAILFERRY_LIE=\"name\" cargo test --test servers liars\n\n{}",
        failures.len(),
        failures.join("\n\n")
    );
}
