//! A server that lies, breaks off, says no, or forgets: no letter is lost or doubled by it, and nothing grows.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::script::{Held, Lie, Script, Told};
use super::{LIMIT_KIB, digests, here};
use crate::support::{Ferry, message, oracle};

fn account(script: &Script, keys: &str) -> Ferry {
    let keys = format!("tls = \"none\"\ntimeout = \"3s\"\n{keys}");
    Ferry::letters(script.address, &keys)
}

/// Three letters, one of them with dots.
fn three() -> Vec<Vec<u8>> {
    let dots = b"Subject: dots\r\n\r\n.\r\n..\r\n".to_vec();
    vec![message("one"), dots, message("three")]
}

/// What a server says that gives out a letter that it does not have.
const INVENTED: &[u8] = b"1 x\r\n";

/// What is here, but for what the server made up.
fn real(ferry: &Ferry, all: &[oracle::Digest]) -> Vec<oracle::Digest> {
    let invented = oracle::digest(INVENTED);
    let wire: Vec<_> = all.iter().chain([&invented]).cloned().collect();
    let mut here = here(ferry, &wire);
    here.retain(|it| *it != invented);
    here
}

fn filled() -> Script {
    let script = Script::able();
    for (at, body) in three().iter().enumerate() {
        script.add(&format!("u{at}"), body);
    }
    script
}

/// Says this in answer to commands that begin so.
fn says(verb: &'static str, octets: impl Into<Vec<u8>>) -> Lie {
    let octets = octets.into();
    Arc::new(move |command, stream: &mut TcpStream| {
        let meant = if verb.is_empty() {
            command.is_empty()
        } else {
            command.starts_with(verb)
        };
        if !meant {
            return Told::Truth;
        }
        // Whoever does not listen any more has heard enough.
        let _ = stream.write_all(&octets);
        Told::Said
    })
}

/// Says this again and again, for as long as somebody listens.
fn without_end(verb: &'static str, first: &'static str, again: &'static [u8]) -> Lie {
    Arc::new(move |command, stream: &mut TcpStream| {
        if !command.starts_with(verb) || (verb.is_empty() && !command.is_empty()) {
            return Told::Truth;
        }
        let _ = stream.write_all(first.as_bytes());
        let piece: Vec<u8> = again
            .iter()
            .copied()
            .cycle()
            .take(again.len() * 4096)
            .collect();
        while stream.write_all(&piece).is_ok() {}
        Told::HangUp
    })
}

/// All letters are here, each once.
#[track_caller]
fn all_home(ferry: &Ferry, letters: &[Vec<u8>], why: &str) {
    let all = digests(letters);
    assert_eq!(real(ferry, &all), all, "{why}");
}

/// Each letter is here or there, and here at most once.
#[track_caller]
fn nothing_lost(script: &Script, ferry: &Ferry, why: &str) {
    let all = digests(&three());
    let (there, here) = (digests(&script.held()), real(ferry, &all));
    for letter in &all {
        let copies = here.iter().filter(|it| *it == letter).count();
        assert!(
            copies <= 1 && (copies == 1 || there.contains(letter)),
            "{why}: {copies}"
        );
    }
    assert!(
        here.iter().all(|it| all.contains(it)),
        "{why}: half a letter"
    );
}

#[test]
fn whatever_goes_wrong_at_any_command_no_letter_is_lost_or_doubled() {
    let steps = [
        "", "CAPA", "USER", "PASS", "LIST", "UIDL", "RETR 1", "RETR 2", "RETR 3", "DELE 1",
        "DELE 3", "QUIT",
    ];
    let answers: [&[u8]; 8] = [
        b"-ERR no\r\n",
        b"-ERR [IN-USE] busy\r\n",
        b"-ERR [SYS/TEMP] later\r\n",
        b"nonsense\r\n",
        b"+OK\r\nSubject: half a let",
        b"+OK\r\n1 x\r\n.\r\n",
        b"+ \r\n",
        b"",
    ];
    for keep in ["forever", "never"] {
        for step in steps {
            for (number, words) in answers.iter().enumerate() {
                let script = filled();
                let ferry = account(&script, &format!("keep = \"{keep}\"\n"));
                let why = format!("keep {keep}, {step:?} answered by {}", words.escape_ascii());
                let truth = says(step, *words);
                // Said and then hung up, so that no test waits for a time limit.
                script.tell(Some(Arc::new(move |command, stream| {
                    match truth(command, stream) {
                        Told::Said if number > 2 => Told::HangUp,
                        told => told,
                    }
                })));
                ferry.sync();
                nothing_lost(&script, &ferry, &why);
                script.tell(None);
                ferry.sync().in_sync();
                ferry.sync().in_sync();
                all_home(&ferry, &three(), &why);
                let left = if keep == "never" { 0 } else { 3 };
                assert_eq!(script.held().len(), left, "{why}");
            }
        }
    }
}

#[test]
fn nothing_without_end_fills_memory_or_disk() {
    let lies = [
        without_end("", "", b"x"),
        without_end("CAPA", "+OK\r\n", b"x"),
        without_end("CAPA", "+OK\r\n", b"TOP\r\n"),
        without_end("LIST", "+OK\r\n", b"x"),
        without_end("UIDL", "+OK\r\n", b"1 u1\r\n"),
        without_end("RETR 1", "", b"x"),
        without_end("RETR 1", "+OK\r\n", b"line\r\n"),
        without_end("RETR 1", "+OK\r\n", b"line"),
        without_end("TOP", "+OK\r\n", b"X: y\r\n"),
        without_end("QUIT", "", b"x"),
    ];
    for (number, lie) in lies.into_iter().enumerate() {
        let script = filled();
        // Headers are compared before letters are deleted that came in an earlier pass.
        let keep = |age: &str| format!("keep = \"{age}\"\n");
        let ferry = account(&script, &keep("30d"));
        if number == 8 {
            ferry.sync().in_sync();
            std::thread::sleep(std::time::Duration::from_millis(2100));
        }
        ferry.reconfigure(|text| text.replace(&keep("30d"), &keep("1s")));
        script.tell(Some(lie));
        let outcome = ferry.sync();
        outcome.exits(1);
        assert!(
            outcome.peak_kib < LIMIT_KIB + 8 * 1024,
            "{number}: {} KiB",
            outcome.peak_kib
        );
        nothing_lost(&script, &ferry, &number.to_string());
        script.tell(None);
        ferry.sync().in_sync();
        all_home(&ferry, &three(), &number.to_string());
    }
}

#[test]
fn a_list_of_more_letters_than_anybody_has_is_refused() {
    let script = filled();
    let ferry = account(&script, "");
    script.tell(Some(Arc::new(|command, stream| {
        if command != "LIST" {
            return Told::Truth;
        }
        let lines: String = (1..300_000).map(|n| format!("{n} 5\r\n")).collect();
        let _ = stream.write_all(format!("+OK\r\n{lines}.\r\n").as_bytes());
        Told::Said
    })));
    let outcome = ferry.sync();
    assert!(
        outcome.exits(1).stderr.contains("200000"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.peak_kib < LIMIT_KIB + 16 * 1024,
        "{} KiB",
        outcome.peak_kib
    );
}

#[test]
fn before_tls_no_password_is_said_and_nothing_is_believed() {
    for words in [
        &b"+OK\r\n+OK injected\r\n"[..],
        b"-ERR not here\r\n",
        b"+OK\r\n",
    ] {
        let script = filled();
        let ferry = Ferry::letters(script.address, "tls = \"starttls\"\ntimeout = \"1s\"\n");
        script.tell(Some(says("STLS", words)));
        ferry.sync().exits(1);
        let said = script.commands().join(" ");
        assert!(said.contains("STLS") && !said.contains("USER"), "{said}");
        assert!(!said.contains("PASS") && !said.contains("AUTH"), "{said}");
    }
}

#[test]
fn a_password_that_the_server_repeats_is_not_shown() {
    for words in ["-ERR PASS secret is wrong\r\n", "you said: PASS secret\r\n"] {
        let script = filled();
        let ferry = account(&script, "");
        script.tell(Some(says("PASS", words)));
        let outcome = ferry.run(&["-vv", "sync"]);
        let all = format!("{}{}", outcome.exits(1).stdout, outcome.stderr);
        assert!(!all.contains("secret"), "{all}");
    }
}

#[test]
fn a_name_that_is_given_to_another_letter_of_the_same_size_deletes_neither() {
    let script = Script::able();
    script.add("u", &message("first"));
    let ferry = account(&script, "keep = \"1s\"\n");
    ferry.sync().in_sync();
    std::thread::sleep(std::time::Duration::from_millis(2100));
    let other = message("other");
    assert_eq!(other.len(), message("first").len());
    script.change(|letters| letters[0].body.clone_from(&other));
    ferry.sync().in_sync();
    all_home(
        &ferry,
        &[message("first"), other.clone()],
        "the name was used again",
    );
    std::thread::sleep(std::time::Duration::from_millis(2100));
    ferry.sync().in_sync();
    assert_eq!(script.held().len(), 0);
    all_home(&ferry, &[message("first"), other], "and at last deleted");
}

#[test]
fn copies_under_one_name_come_home_as_often_as_they_are_there() {
    let script = Script::able();
    for _ in 0..3 {
        script.add("same", &message("copy"));
    }
    let ferry = account(&script, "");
    ferry.sync().in_sync();
    ferry.sync().in_sync();
    let three = [message("copy"), message("copy"), message("copy")];
    all_home(&ferry, &three, "three copies");
    script.add("same", &message("copy"));
    ferry.sync().in_sync();
    assert_eq!(here(&ferry, &digests(&three)).len(), 4);
}

#[test]
fn names_that_all_change_bring_no_letter_twice() {
    let script = filled();
    let ferry = account(&script, "");
    ferry.sync().in_sync();
    script.change(|letters| letters.iter_mut().for_each(|it| it.uidl.insert(0, 'x')));
    let outcome = ferry.sync();
    assert!(
        outcome
            .in_sync()
            .stderr
            .contains("3 letters that are here have new names"),
        "{}",
        outcome.stderr
    );
    all_home(&ferry, &three(), "renamed");
    script.commands();
    ferry.sync().in_sync();
    assert!(!script.commands().join(" ").contains("RETR"));
}

#[test]
fn a_maildrop_that_looks_empty_for_a_while_brings_no_letter_twice() {
    let script = filled();
    let ferry = account(&script, "keep = \"never\"\n");
    script.tell(Some(says("QUIT", "-ERR some are not deleted\r\n")));
    ferry.sync().exits(1);
    let mut aside = Vec::new();
    script.change(|letters| aside.append(letters));
    script.tell(None);
    ferry.sync().in_sync();
    script.change(|letters| letters.append(&mut aside));
    ferry.sync().in_sync();
    all_home(&ferry, &three(), "back again");
    ferry.sync().in_sync();
    assert_eq!(script.held().len(), 0);
}

#[test]
fn letters_without_names_are_known_by_their_headers() {
    let script = Script::start(&["TOP", "USER"]);
    three().iter().for_each(|body| script.add("", body));
    let ferry = account(&script, "keep = \"5s\"\n");
    let outcome = ferry.sync();
    assert!(
        outcome.in_sync().stderr.contains("no names"),
        "{}",
        outcome.stderr
    );
    ferry.sync().in_sync();
    all_home(&ferry, &three(), "by header");
    // The same header and size, another content: only what was compared whole is deleted.
    let twin: Vec<u8> = message("one")
        .iter()
        .map(|it| if *it == b'B' { b'C' } else { *it })
        .collect();
    script.change(|letters| letters[0].body.clone_from(&twin));
    std::thread::sleep(std::time::Duration::from_millis(6100));
    ferry.sync().in_sync();
    let mut all = three();
    all.push(twin);
    all_home(&ferry, &all, "a twin");
}

#[test]
fn letters_with_neither_names_nor_headers_stay_and_are_told_of() {
    let script = Script::start(&["USER"]);
    three().iter().for_each(|body| script.add("", body));
    let ferry = account(&script, "keep = \"never\"\n");
    let outcome = ferry.sync();
    assert!(
        outcome
            .exits(1)
            .stderr
            .contains("3 letters are left on the server"),
        "{}",
        outcome.stderr
    );
    assert_eq!(script.held().len(), 3);
}

#[test]
fn a_server_that_forgets_how_to_name_its_letters_sends_none_twice() {
    let script = filled();
    let ferry = account(&script, "");
    ferry.sync().in_sync();
    script.tell(Some(Arc::new(|command, stream| match command {
        "CAPA" => {
            let _ = stream.write_all(b"+OK\r\nTOP\r\nUSER\r\n.\r\n");
            Told::Said
        }
        "UIDL" => {
            let _ = stream.write_all(b"-ERR what?\r\n");
            Told::Said
        }
        _ => Told::Truth,
    })));
    ferry.sync().exits(1);
    all_home(&ferry, &three(), "no names any more");
}

#[test]
fn a_letter_that_comes_shorter_than_it_was_listed_is_deleted_only_when_it_comes_so_again() {
    let script = Script::able();
    let body = message("short");
    script.put(Held {
        uidl: "u".to_owned(),
        size: body.len() + 7,
        body: body.clone(),
    });
    let ferry = account(&script, "keep = \"never\"\n");
    ferry.sync().in_sync();
    assert_eq!(script.held().len(), 1);
    all_home(&ferry, std::slice::from_ref(&body), "as it came");
    ferry.sync().in_sync();
    assert_eq!(script.held().len(), 0);
    all_home(&ferry, &[body], "once");
}

#[test]
fn a_letter_that_is_never_given_out_keeps_no_other_away() {
    let script = filled();
    let ferry = account(&script, "max_per_session = 1\nkeep = \"never\"\n");
    let tried = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tried);
    script.tell(Some(Arc::new(move |command, stream| {
        if command != "RETR 1" {
            return Told::Truth;
        }
        counted.fetch_add(1, Ordering::Relaxed);
        let _ = stream.write_all(b"-ERR damaged\r\n");
        Told::Said
    })));
    for _ in 0..2 {
        ferry.sync().exits(1);
    }
    assert!(tried.load(Ordering::Relaxed) >= 2);
    all_home(&ferry, &three()[1..], "the others");
    assert_eq!(script.held(), &three()[..1]);
}

/// RFC 6856: said before the login, or letters come downgraded; who refuses it gets along without.
#[test]
fn letters_come_in_utf_8_where_the_server_has_it() {
    let letter = "Subject: \u{fc}ber\r\nFrom: \u{e4}@b\u{fc}cher.example\r\n\r\n\u{2709}\r\n";
    for answer in ["+OK\r\n", "-ERR not now\r\n"] {
        let script = Script::start(&["UIDL", "TOP", "USER", "UTF8"]);
        script.add("u", letter.as_bytes());
        script.tell(Some(says("UTF8", answer)));
        let ferry = account(&script, "");
        ferry.sync().in_sync();
        all_home(&ferry, &[letter.as_bytes().to_vec()], answer);
        let said = script.commands();
        let at = |verb: &str| said.iter().position(|it| it.starts_with(verb)).unwrap();
        assert!(
            at("UTF8") < at("USER") && at("CAPA") < at("UTF8"),
            "{said:?}"
        );
        let check = ferry.run(&["check", "--json"]).in_sync().json();
        let features = check["accounts"][0]["server"]["features"]
            .as_array()
            .unwrap();
        let utf8 = features.iter().find(|it| it["name"] == "UTF8").unwrap();
        assert_eq!(utf8["used"], answer.starts_with('+'), "{utf8}");
    }
}
