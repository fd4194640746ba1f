use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

fn content(message: &[u8]) -> Content {
    let mut hasher = ContentHasher::new();
    hasher.update(message);
    hasher.finish().1
}

fn same(one: &[u8], other: &[u8]) -> bool {
    content(one).digest == content(other).digest
}

const PLAIN: &[u8] = b"From: a\r\nMessage-ID: <m@x>\r\n\r\nText.\r\n";

#[test]
fn a_message_without_additions_has_one_digest() {
    let mut hasher = ContentHasher::new();
    hasher.update(PLAIN);
    let (exact, content) = hasher.finish();
    let whole: [u8; 32] = Sha256::digest(PLAIN).into();
    assert_eq!(exact.0, whole);
    assert_eq!(content.digest.0, whole);
    assert_eq!(content.bare, PLAIN.len() as u64);
    assert!(!content.copied);
}

#[test]
fn what_programs_add_makes_no_difference() {
    for other in [
        &b"From: a\nMessage-ID: <m@x>\n\nText.\n"[..],
        b"From: a\nMessage-ID: <m@x>\r\n\nText.\r\n",
        b"From: a\r\nMessage-ID: <m@x>\r\nContent-Length: 7\r\nLines: 1\r\n\r\nText.\r\n",
        b"Status: RO\nFrom: a\nX-Status: \n F\nMessage-ID: <m@x>\nX-KEYWORDS: b\nX-UID: 7\n\nText.\n",
        b"From: a\r\nMessage-ID: <m@x>\r\nX-TUID: vIqTTVvbZKaA\r\n\r\nText.\r\n",
        b"From: a\r\nX-Mozilla-Status: 1\r\nX-Mozilla-Keys : \r\nX-UIDL: 1\r\nMessage-ID: <m@x>\r\n\r\nText.\r\n",
        b"Return-Path: <b>\r\nDelivered-To: c\r\nReceived: from d\r\n\tby e; now\r\nFrom: a\r\nMessage-ID: <m@x>\r\n\r\nText.\r\n",
        b"X-Original-To: c\nLines: 1\nReceived: by e\nFrom: a\nMessage-ID: <m@x>\n\nText.\n",
    ] {
        assert!(same(other, PLAIN), "{}", other.escape_ascii());
    }
}

#[test]
fn anything_else_is_another_content() {
    for other in [
        &b"From: a\r\nMessage-ID: <m@x>\r\n\r\nText!\r\n"[..],
        b"From: a\r\nMessage-ID: <m@x>\r\n\r\nText.\r\n\r\n",
        b"From: a\r\nMessage-ID: <m@x>\r\n\r\nText.",
        b"From: a\r\nMessage-ID: <m@x>\r\n\r\nStatus: RO\r\nText.\r\n",
        b"From: a\r\nMessage-ID: <m@x>\r\n\r\n\r\nText.\r\n",
        b"From: a\r\nReceived: by e\r\nMessage-ID: <m@x>\r\n\r\nText.\r\n",
        b"From: a\r\nMessage-ID: <m@x>\r\nDelivered-To: b\r\n\r\nText.\r\n",
        b"From: a\r\nMessage-ID: <m@x>\r\nX-Label: b\r\n\r\nText.\r\n",
        b"Status RO\r\nFrom: a\r\nMessage-ID: <m@x>\r\n\r\nText.\r\n",
        b"Lines-of: 1\r\nFrom: a\r\nMessage-ID: <m@x>\r\n\r\nText.\r\n",
        b"From: a\r\nMessage-ID: <m@x>\r\r\n\r\nText.\r\n",
        b"From: a\rMessage-ID: <m@x>\r\n\r\nText.\r\n",
        b"\r\nFrom: a\r\nMessage-ID: <m@x>\r\n\r\nText.\r\n",
    ] {
        assert!(!same(other, PLAIN), "{}", other.escape_ascii());
    }
    // A trace header counts below the first other one, folded lines included.
    assert!(!same(
        b"A: b\r\nReceived: c\r\n d\r\n\r\n",
        b"A: b\r\nReceived: c\r\n e\r\n\r\n"
    ));
    assert!(same(
        b"Received: c\r\n d\r\nA: b\r\n\r\n",
        b"Received: c\r\n e\r\nA: b\r\n\r\n"
    ));
}

#[test]
fn the_bare_size_lacks_notes_and_nothing_else() {
    let noted =
        b"Received: by e\r\nFrom: a\r\nMessage-ID: <m@x>\r\nX-TUID: vIqTTVvbZKaA\r\n\r\nText.\r\n";
    let found = content(noted);
    assert!(found.copied);
    assert_eq!(
        found.bare,
        (PLAIN.len() + "Received: by e\r\n".len()) as u64
    );
    let disk = b"From: a\nMessage-ID: <m@x>\nStatus: RO\n\nText.\n";
    assert_eq!(content(disk).bare, PLAIN.len() as u64);
}

fn header() -> impl Strategy<Value = String> {
    let names = [
        "From",
        "Subject",
        "Message-ID",
        "X-Label",
        "Date",
        "Received",
    ];
    (select(names.to_vec()), "[ -~]{0,20}", any::<bool>()).prop_map(|(name, value, folded)| {
        let fold = if folded { "\r\n\tmore" } else { "" };
        format!("{name}: {value}{fold}\r\n")
    })
}

fn note() -> impl Strategy<Value = String> {
    let names = [
        "Content-Length",
        "lines",
        "Status",
        "X-STATUS",
        "X-Keywords",
        "X-TUID",
        "X-UID",
        "X-UIDL",
        "X-Mozilla-Status2",
    ];
    (select(names.to_vec()), "[ -~]{0,20}", any::<bool>()).prop_map(|(name, value, folded)| {
        let fold = if folded { "\r\n more: x" } else { "" };
        format!("{name}: {value}{fold}\r\n")
    })
}

fn trace() -> impl Strategy<Value = String> {
    let names = ["Received", "Return-Path", "Delivered-To", "X-Original-To"];
    (select(names.to_vec()), "[ -~]{0,20}").prop_map(|(name, value)| format!("{name}: {value}\r\n"))
}

/// The same message with notes between its headers, trace on top and any line ends.
fn dressed(
    headers: &[String],
    body: &str,
    notes: &[(usize, String)],
    trace: &[String],
    ends: u64,
) -> Vec<u8> {
    let mut lines: Vec<String> = headers.to_vec();
    for (at, note) in notes {
        lines.insert(at % (lines.len() + 1), note.clone());
    }
    let text = format!("{}{}\r\n{body}", trace.concat(), lines.concat());
    let mut out = Vec::new();
    for (at, piece) in text.split_inclusive("\r\n").enumerate() {
        let bare = piece
            .strip_suffix("\r\n")
            .filter(|_| ends >> (at % 64) & 1 == 1);
        out.extend_from_slice(bare.unwrap_or(piece).as_bytes());
        out.extend_from_slice(if bare.is_some() { b"\n" } else { b"" });
    }
    out
}

proptest! {
    #[test]
    fn notes_trace_and_line_ends_never_count(
        headers in vec(header(), 1..5), body in "([ -~]{0,12}\r\n){0,5}[ -~]{0,3}",
        notes in vec((any::<usize>(), note()), 0..4), trace in vec(trace(), 0..4), ends: u64, cut: usize,
    ) {
        let headers = [vec!["To: x\r\n".to_owned()], headers].concat();
        let plain = dressed(&headers, &body, &[], &[], 0);
        let other = dressed(&headers, &body, &notes, &trace, ends);
        let wanted = content(&plain);
        prop_assert_eq!(content(&other).digest, wanted.digest);
        // However it comes in pieces.
        let mut pieces = ContentHasher::new();
        let (head, tail) = other.split_at(cut % (other.len() + 1));
        pieces.update(head);
        tail.chunks(1).for_each(|octet| pieces.update(octet));
        let mut whole = ContentHasher::new();
        whole.update(&other);
        prop_assert_eq!(pieces.finish(), whole.finish());
    }

    #[test]
    fn any_other_octet_counts(
        headers in vec(header(), 1..5), body in "([ -~]{0,12}\r\n){0,5}[ -~]{0,3}", at: usize, octet in 33u8..127,
    ) {
        let headers = [vec!["To: x\r\n".to_owned()], headers].concat();
        let plain = dressed(&headers, &body, &[], &[], 0);
        let mut other = plain.clone();
        let at = at % other.len();
        prop_assume!(other[at] != octet && !matches!(other[at], b'\r' | b'\n'));
        // A name may become one of those that do not count, a value may not.
        let line = other[..at].rsplit(|octet| *octet == b'\n').next().unwrap_or_default();
        prop_assume!(line.contains(&b':'));
        other[at] = octet;
        prop_assert_ne!(content(&other).digest, content(&plain).digest);
    }
}
