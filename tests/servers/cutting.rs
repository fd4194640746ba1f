//! The wire cut at every place where it matters, and answers changed on their way: whatever happens, the next passes
//! make both sides equal, with nothing lost and nothing doubled.
//!
//! `MAILFERRY_CUT_SEED=n` repeats a sample. `MAILFERRY_CUT_EVERY=1` cuts after every octet, in each way (`just cut`).

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a sample says how to repeat it"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::ferry::Outcome;
use crate::support::proxy::{Cut, End, Manners, Proxy, Rewrite, Way, append_length};
use crate::support::server::{PASSWORD, USER};
use crate::support::{Client, Ferry, Random, Server, Variant, assert_equal, message, oracle};

/// Benches at work at once: most of the time they wait for an upload's fate to be certain.
const WORKERS: usize = 12;
/// Cuts made on one bench before the next begins with an empty account.
const CUTS: usize = 40;
/// A network that is cut makes the program wait this long; a busy machine's server must have answered by then.
const KEYS: &str = "tls = \"none\"\ntimeout = \"5s\"\nconnections = 1\nmailboxes = [\"INBOX\", \"Archive\", \"Trash\"]\n";

static USERS: AtomicUsize = AtomicUsize::new(0);

/// One account of one user, behind a proxy, and what there should be in its INBOX.
struct Bench {
    proxy: Proxy,
    ferry: Ferry,
    client: Client,
    user: String,
    made: usize,
    /// How often each content has to be there.
    expected: BTreeMap<oracle::Digest, usize>,
    before: Vec<PathBuf>,
}

impl Bench {
    fn new(server: &Server) -> Self {
        let user = format!("u{}", USERS.fetch_add(1, Ordering::Relaxed));
        let proxy = Proxy::to(server.plain());
        let ferry = Ferry::with(proxy.address, KEYS, "");
        let config = ferry.root().with_file_name("config.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        let text = text.replace(&format!("user = \"{USER}\""), &format!("user = \"{user}\""));
        std::fs::write(&config, text).unwrap();
        let client = Client::login(server.plain(), &user, PASSWORD);
        let mut bench = Self {
            proxy,
            ferry,
            client,
            user,
            made: 0,
            expected: BTreeMap::new(),
            before: Vec::new(),
        };
        bench.there("");
        bench.first_sync();
        bench.here("S");
        bench.first_sync();
        bench.before = bench.outside();
        bench
    }

    /// Nothing is cut yet, but the short time that cuts are waited for may be too short for a busy machine.
    fn first_sync(&self) {
        let mut outcome = self.ferry.sync();
        for _ in 0..5 {
            if outcome.code == Some(0) {
                break;
            }
            outcome = self.ferry.sync();
        }
        outcome.in_sync();
    }

    fn fresh(&mut self, kind: &str) -> Vec<u8> {
        self.made += 1;
        let body = message(&format!("{kind} {}", self.made));
        self.expected.insert(oracle::digest(&body), 1);
        body
    }

    /// A new message on the server.
    fn there(&mut self, flags: &str) {
        let body = self.fresh("down");
        self.client.append("INBOX", flags, &body);
    }

    /// A new message in the Maildir.
    fn here(&mut self, letters: &str) {
        let body = self.fresh("up");
        self.ferry.maildir().deliver("INBOX", letters, &body);
    }

    /// Whatever lies beside Maildir, state and configuration.
    fn outside(&self) -> Vec<PathBuf> {
        let place = self.ferry.root();
        let place = place.parent().unwrap();
        let mut found: Vec<PathBuf> = list(place);
        found.retain(|path| {
            !["Mail", "state"]
                .iter()
                .any(|part| path.starts_with(place.join(part)))
        });
        found
    }

    /// Passes without interference until one says that all is in sync.
    #[track_caller]
    fn rest(&self) -> Outcome {
        self.proxy.behave(Manners::default());
        let begun = Instant::now();
        loop {
            let outcome = self.ferry.sync();
            sound(&outcome);
            if outcome.code == Some(0) {
                return outcome;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(90),
                "it never comes to rest: {outcome:?}"
            );
        }
    }

    /// Both sides are equal and hold what they should, once.
    #[track_caller]
    fn assert_whole(&mut self) {
        let there = oracle::server(&mut self.client, false);
        let here = self.ferry.maildir().snapshot(&oracle::digests(&there));
        let covered = |mut snapshot: oracle::Snapshot| {
            snapshot.retain(|name, _| ["INBOX", "Archive", "Trash"].contains(&name.as_str()));
            snapshot
        };
        let (there, here) = (covered(there), covered(here));
        assert_equal(&there, &here);
        let mut found: BTreeMap<oracle::Digest, usize> = BTreeMap::new();
        for (digest, _) in there.values().flatten() {
            *found.entry(digest.clone()).or_default() += 1;
        }
        let wrong: Vec<_> = self
            .expected
            .keys()
            .chain(found.keys())
            .filter(|digest| found.get(*digest) != self.expected.get(*digest))
            .collect();
        assert!(wrong.is_empty(), "lost or doubled: {wrong:?}\n{there:#?}");
        assert_eq!(self.outside(), self.before, "files beside the roots");
    }

    /// Two passes to rest, one of which finds nothing left to do, and everything is where it should be.
    #[track_caller]
    fn settle(&mut self) {
        self.rest();
        self.assert_whole();
        let before = self.ferry.maildir().footprint();
        self.ferry.sync().in_sync();
        assert_eq!(
            self.ferry.maildir().footprint(),
            before,
            "the Maildir was written again"
        );
    }
}

fn list(place: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(place).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(list(&path));
        }
        found.push(path);
    }
    found.sort();
    found
}

/// It ended by itself and did not fall over.
#[track_caller]
fn sound(outcome: &Outcome) {
    assert!(matches!(outcome.code, Some(0 | 1 | 3)), "{outcome:?}");
    assert!(!outcome.stderr.contains("panicked"), "{outcome:?}");
}

/// What a cut is made in.
#[derive(Clone, Copy, Debug)]
struct Region {
    after: &'static str,
    way: Way,
}

const REGIONS: [Region; 4] = [
    Region {
        after: " APPEND ",
        way: Way::Up,
    },
    Region {
        after: " APPEND ",
        way: Way::Down,
    },
    Region {
        after: "BODY.PEEK[])",
        way: Way::Up,
    },
    Region {
        after: "BODY.PEEK[])",
        way: Way::Down,
    },
];

const ENDS: [End; 3] = [End::Fin, End::Rst, End::Hole];

/// What passes in a region when nothing disturbs it.
fn passing(bench: &mut Bench, region: Region) -> Vec<u8> {
    bench.there("");
    bench.here("S");
    bench.proxy.behave(Manners {
        watch: Some(region.after),
        ..Manners::default()
    });
    bench.ferry.sync().in_sync();
    let (up, down) = bench.proxy.seen();
    let line = |octets: &[u8]| octets.iter().position(|octet| *octet == b'\n').unwrap() + 1;
    let whole = match region.way {
        Way::Up => append_length(&up).unwrap_or_else(|| line(&up)),
        Way::Down => {
            let tag: Vec<u8> = up
                .iter()
                .copied()
                .take_while(|octet| *octet != b' ')
                .collect();
            let tagged = [b"\n", tag.as_slice(), b" "].concat();
            let begun = if down.starts_with(&tagged[1..]) {
                0
            } else {
                down.windows(tagged.len())
                    .position(|here| here == tagged)
                    .expect("an answer")
                    + 1
            };
            begun + line(&down[begun..])
        }
    };
    match region.way {
        Way::Up => up[..whole].to_vec(),
        Way::Down => down[..whole].to_vec(),
    }
}

/// Where a cut means something else than beside it.
fn boundaries(octets: &[u8]) -> Vec<usize> {
    let mut places = vec![0, 1, octets.len() - 1, octets.len()];
    let mut at = 0;
    while at < octets.len() {
        let end = octets[at..]
            .iter()
            .position(|octet| *octet == b'\n')
            .map_or(octets.len(), |end| at + end + 1);
        let line = &octets[at..end];
        // Around the tag, in the middle, before and between CR and LF, after the line.
        let tag = line.iter().position(|octet| *octet == b' ').unwrap_or(0);
        places.extend([
            at,
            at + 1,
            at + tag,
            at + tag + 1,
            usize::midpoint(at, end),
            end - 2,
            end - 1,
            end,
        ]);
        at = end;
        if let Some(size) = crate::support::proxy::literal(line) {
            let open = line.iter().rposition(|octet| *octet == b'{').unwrap();
            let from = end - line.len() + open;
            places.extend([from, from + 1, from + 2, end + 1, end + size / 2]);
            places.extend(end + size - 4..=end + size);
            at = end + size;
        }
    }
    places.retain(|place| *place <= octets.len());
    places.sort_unstable();
    places.dedup();
    places
}

/// Does the jobs on many threads; each thread has a bench and takes another one now and then.
fn on_benches<J: Copy + Send + std::fmt::Debug>(
    server: &Server,
    jobs: Vec<J>,
    work: impl Fn(&mut Bench, J) + Sync,
) {
    let queue = Mutex::new(jobs.into_iter());
    let workers = std::env::var("MAILFERRY_CUT_WORKERS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(WORKERS);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                let mut bench: Option<(Bench, usize)> = None;
                loop {
                    let Some(job) = queue.lock().unwrap().next() else {
                        return;
                    };
                    let (mut here, used) = bench
                        .take()
                        .filter(|(_, used)| *used < CUTS)
                        .unwrap_or_else(|| (Bench::new(server), 0));
                    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                        work(&mut here, job);
                    }));
                    if let Err(panic) = done {
                        eprintln!("it was with {job:?}");
                        std::panic::resume_unwind(panic);
                    }
                    bench = Some((here, used + 1));
                }
            });
        }
    });
}

fn cut_once(bench: &mut Bench, cut: Cut) {
    bench.there("\\Flagged");
    bench.here("RS");
    bench.proxy.behave(Manners {
        cut: Some(cut),
        ..Manners::default()
    });
    let outcome = bench.ferry.sync();
    sound(&outcome);
    // Behind the last octet of an answer the cut may come too late for this pass.
    assert!(
        bench.proxy.fired() || outcome.code == Some(0),
        "the cut was not made: {outcome:?}"
    );
    bench.rest();
    bench.assert_whole();
}

fn seed(name: &str) -> u64 {
    let given = std::env::var(name).ok().and_then(|text| text.parse().ok());
    given.unwrap_or_else(|| {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        now.as_secs() % 1_000_000
    })
}

#[test]
fn a_cut_after_any_octet_loses_and_doubles_nothing() {
    let every = std::env::var_os("MAILFERRY_CUT_EVERY").is_some();
    let seed = seed("MAILFERRY_CUT_SEED");
    let mut random = Random::new(seed);
    let server = Server::start(Variant::Dovecot);
    let mut bench = Bench::new(&server);
    let mut cuts = Vec::new();
    for region in REGIONS {
        let octets = passing(&mut bench, region);
        let wanted: Vec<(usize, &[End])> = if every {
            (0..=octets.len()).map(|at| (at, &ENDS[..])).collect()
        } else {
            let mut places = boundaries(&octets);
            places.extend((0..4).map(|_| random.below(octets.len())));
            let one = |at| (at, std::slice::from_ref(random.pick(&ENDS)));
            places.into_iter().map(one).collect()
        };
        for (at, ends) in wanted {
            cuts.extend(ends.iter().map(|end| Cut {
                after: region.after,
                way: region.way,
                at,
                end: *end,
            }));
        }
    }
    println!(
        "{} cuts; again with: MAILFERRY_CUT_SEED={seed} cargo test --test servers a_cut_after_any",
        cuts.len()
    );
    on_benches(&server, cuts, cut_once);
}

/// The client dies after its whole APPEND has left it; so much of it stays on the way for a while.
fn die_and_deliver(delay: Duration) {
    let server = Server::start(Variant::Dovecot);
    let mut bench = Bench::new(&server);
    let octets = passing(&mut bench, REGIONS[0]);
    let header = octets.iter().position(|octet| *octet == b'\n').unwrap() + 1;
    let places = vec![
        0,
        3,
        header - 2,
        header,
        header + 9,
        octets.len() - 2,
        octets.len() - 1,
    ];
    on_benches(&server, places, |bench, at| {
        bench.there("");
        bench.here("S");
        let cut = Cut {
            after: " APPEND ",
            way: Way::Up,
            at,
            end: End::Late(delay),
        };
        bench.proxy.behave(Manners {
            cut: Some(cut),
            ..Manners::default()
        });
        bench.ferry.sync().exits(1);
        assert!(bench.proxy.fired());
        // Not through the proxy, whose memory of the dead client has to live on.
        let begun = Instant::now();
        while bench.ferry.sync().code != Some(0) || !bench.proxy.delivered() {
            assert!(
                begun.elapsed() < delay + Duration::from_secs(60),
                "it never comes to rest"
            );
        }
        bench.settle();
    });
}

#[test]
fn what_a_dead_client_sent_and_arrives_late_is_not_doubled() {
    die_and_deliver(Duration::from_secs(4));
}

#[test]
fn what_a_dead_client_sent_and_arrives_much_later_is_not_doubled() {
    die_and_deliver(Duration::from_secs(15));
}

/// New messages, flags and deletions on both sides.
fn change(bench: &mut Bench) {
    for flags in ["", "\\Seen", "\\Flagged \\Seen"] {
        bench.there(flags);
    }
    for letters in ["", "S", "FRS"] {
        bench.here(letters);
    }
}

/// Changes to messages that both sides know.
fn change_old(bench: &mut Bench) {
    bench.client.select("INBOX");
    bench.client.store("1", '+', "\\Answered");
    bench.client.rehome("2", "Archive");
    let maildir = bench.ferry.maildir();
    let files = maildir.files("INBOX");
    let clean = |file: &&PathBuf| !file.to_string_lossy().ends_with('R');
    let file = files.iter().rev().find(clean).unwrap();
    maildir.relabel(file, "FS");
}

/// A whole life under one kind of interference; each pass may fail, none may do harm.
fn live(bench: &mut Bench, manners: &Manners) {
    bench.proxy.behave(manners.clone());
    change(bench);
    sound(&bench.ferry.sync());
    sound(&bench.ferry.sync());
    change_old(bench);
    change(bench);
    sound(&bench.ferry.sync());
    change(bench);
    sound(&bench.ferry.sync());
    // What is there when nobody remembers it is joined by content.
    std::fs::remove_dir_all(bench.ferry.state()).unwrap();
    sound(&bench.ferry.sync());
    sound(&bench.ferry.sync());
    bench.settle();
}

#[test]
fn octets_that_come_one_by_one_mean_the_same() {
    let server = Server::start(Variant::Dovecot);
    let mut bench = Bench::new(&server);
    bench.proxy.behave(Manners {
        chopped: true,
        ..Manners::default()
    });
    change(&mut bench);
    bench.ferry.sync().in_sync();
    bench.ferry.sync().in_sync();
    bench.assert_whole();
    change_old(&mut bench);
    bench.ferry.sync().in_sync();
    bench.ferry.sync().in_sync();
    bench.assert_whole();
}

/// A change to lines of the server that hold a word.
fn rewriting(
    word: &'static str,
    change: impl Fn(&str) -> String + Send + Sync + 'static,
) -> Manners {
    let rewrite: Rewrite = Arc::new(move |line| line.contains(word).then(|| change(line)));
    Manners {
        rewrite: Some(rewrite),
        ..Manners::default()
    }
}

/// Replaces the number behind a word.
fn renumber(line: &str, word: &str, change: impl Fn(u64) -> String) -> String {
    let Some((before, rest)) = line.split_once(word) else {
        return line.to_owned();
    };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    match rest[..digits].parse() {
        Ok(number) => format!("{before}{word}{}{}", change(number), &rest[digits..]),
        Err(_) => line.to_owned(),
    }
}

#[test]
fn any_capability_may_be_missing() {
    const ALL: [&str; 15] = [
        "LITERAL+",
        "SASL-IR",
        "ID",
        "ENABLE",
        "UIDPLUS",
        "LIST-EXTENDED",
        "LIST-STATUS",
        "SPECIAL-USE",
        "CONDSTORE",
        "QRESYNC",
        "ESEARCH",
        "MOVE",
        "BINARY",
        "NAMESPACE",
        "UNSELECT",
    ];
    let server = Server::start(Variant::Dovecot);
    let mut jobs: Vec<&[&'static str]> = ALL.iter().map(std::slice::from_ref).collect();
    jobs.push(&["CONDSTORE", "QRESYNC", "ENABLE"]);
    jobs.push(&[
        "LIST-EXTENDED",
        "LIST-STATUS",
        "SPECIAL-USE",
        "ESEARCH",
        "LITERAL+",
        "SASL-IR",
    ]);
    on_benches(&server, jobs, |bench, hidden| {
        let rewrite: Rewrite = Arc::new(move |line| {
            let shown = |word: &&str| !hidden.contains(word);
            let (before, rest) = line.split_once("CAPABILITY ")?;
            let (list, after) = rest.split_once(']').map_or_else(
                || (rest.trim_end(), "\r\n".to_owned()),
                |(list, text)| (list, format!("]{text}")),
            );
            let list: Vec<&str> = list.split(' ').filter(shown).collect();
            Some(format!("{before}CAPABILITY {}{after}", list.join(" ")))
        });
        live(
            bench,
            &Manners {
                rewrite: Some(rewrite),
                ..Manners::default()
            },
        );
    });
}

#[test]
fn false_sizes_and_false_news_of_changes_do_no_harm() {
    type Lie = (&'static str, &'static str, fn(&str) -> String);
    let lies: [Lie; 13] = [
        ("three times the size", "RFC822.SIZE ", |line| {
            renumber(line, "RFC822.SIZE ", |size| (size * 3).to_string())
        }),
        ("one octet more", "RFC822.SIZE ", |line| {
            renumber(line, "RFC822.SIZE ", |size| (size + 1).to_string())
        }),
        ("size 0", "RFC822.SIZE ", |line| {
            renumber(line, "RFC822.SIZE ", |_| "0".into())
        }),
        ("size NIL", "RFC822.SIZE ", |line| {
            renumber(line, "RFC822.SIZE ", |_| "NIL".into())
        }),
        ("HIGHESTMODSEQ far ahead", "HIGHESTMODSEQ ", |line| {
            renumber(line, "HIGHESTMODSEQ ", |it| (it + 1_000_000).to_string())
        }),
        ("HIGHESTMODSEQ behind", "HIGHESTMODSEQ ", |line| {
            renumber(line, "HIGHESTMODSEQ ", |it| {
                it.saturating_sub(3).max(1).to_string()
            })
        }),
        ("HIGHESTMODSEQ always 1", "HIGHESTMODSEQ ", |line| {
            renumber(line, "HIGHESTMODSEQ ", |_| "1".into())
        }),
        ("MODSEQ far ahead", "MODSEQ (", |line| {
            renumber(line, "MODSEQ (", |it| (it + 1_000_000).to_string())
        }),
        ("MODSEQ always 1", "MODSEQ (", |line| {
            renumber(line, "MODSEQ (", |_| "1".into())
        }),
        ("all vanished earlier", "[HIGHESTMODSEQ ", |line| {
            format!("{line}* VANISHED (EARLIER) 1:1000\r\n")
        }),
        ("two vanished earlier", "[HIGHESTMODSEQ ", |line| {
            format!("{line}* VANISHED (EARLIER) 1,3\r\n")
        }),
        ("no VANISHED at all", "VANISHED (EARLIER)", |_| {
            "* OK nothing\r\n".into()
        }),
        ("UIDNEXT too high", "UIDNEXT ", |line| {
            renumber(line, "UIDNEXT ", |it| (it + 100).to_string())
        }),
    ];
    let server = Server::start(Variant::Dovecot);
    on_benches(&server, lies.to_vec(), |bench, (name, word, lie)| {
        println!("{name}");
        live(bench, &rewriting(word, lie));
    });
}

#[test]
fn an_appenduid_of_another_message_is_found_out() {
    let lies = vec![
        ("an old message", -2, false),
        ("none yet", 5, false),
        ("far away", 1_000_000, false),
    ];
    mislead(lies);
}

#[test]
fn an_appenduid_of_a_message_that_came_meanwhile_is_found_out() {
    mislead(vec![("somebody else's message", -1, true)]);
}

/// Plays lies in APPENDUID: how far it is off, and whether a message arrives between STATUS and APPEND.
fn mislead(lies: Vec<(&'static str, i64, bool)>) {
    let server = Server::start(Variant::Dovecot);
    on_benches(&server, lies, |bench, (name, by, meanwhile)| {
        println!("{name}");
        let shift = move |line: &str| {
            let (before, rest) = line.split_once("APPENDUID ").unwrap();
            let (validity, rest) = rest.split_once(' ').unwrap();
            let line = renumber(&format!("APPENDUID {rest}"), "APPENDUID ", |uid| {
                (uid as i64 + by).max(1).to_string()
            });
            format!(
                "{before}APPENDUID {validity} {}",
                &line["APPENDUID ".len()..]
            )
        };
        let lie: Rewrite = if meanwhile {
            // Another message arrives between STATUS and APPEND, and gets the UID before ours.
            let body = bench.fresh("meanwhile");
            let client = Client::login(server.plain(), &bench.user, PASSWORD);
            let other = Mutex::new((client, 0));
            Arc::new(move |line| {
                if line.starts_with("* STATUS INBOX") {
                    let (client, asked) = &mut *other.lock().unwrap();
                    *asked += 1;
                    if *asked == 2 {
                        client.append("INBOX", "", &body);
                    }
                }
                line.contains("APPENDUID ").then(|| shift(line))
            })
        } else {
            Arc::new(move |line| line.contains("APPENDUID ").then(|| shift(line)))
        };
        bench.here("S");
        bench.proxy.behave(Manners {
            rewrite: Some(lie),
            ..Manners::default()
        });
        sound(&bench.ferry.sync());
        bench.settle();
    });
}
