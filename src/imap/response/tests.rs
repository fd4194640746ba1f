use proptest::prelude::*;

use super::*;
use crate::mail::{Flag, Flags, ModSeq, SpecialUse, Uid, UidValidity};

fn untagged(line: &str) -> Untagged {
    match parse(format!("* {line}\r\n").as_bytes()) {
        Response::Untagged(untagged) => untagged,
        other => panic!("{other:?}"),
    }
}

fn code(text: &str) -> Code {
    match untagged(&format!("OK {text}")) {
        Untagged::Status(status) => status.code,
        other => panic!("{other:?}"),
    }
}

fn uid(value: u32) -> Uid {
    Uid::new(value).unwrap()
}

fn fetch(line: &str) -> Fetch {
    match untagged(line) {
        Untagged::Fetch(fetch) => fetch,
        other => panic!("{other:?}"),
    }
}

#[test]
fn fetch_items_are_read_and_unknown_ones_passed_over() {
    let found = fetch(
        "7 FETCH (X-GM-LABELS (\"\\\\Inbox\" {2}\r\n)( a) UID 9 MODSEQ (12) FLAGS (\\Seen \\Recent $Forwarded) \
         BODYSTRUCTURE ((NIL \"a)\") x) RFC822.SIZE 5000000000 BODY[TEXT]<0> NIL INTERNALDATE \" 1-Jan-1970 00:00:01 +0000\" ) ",
    );
    assert_eq!(found.seq, 7);
    assert_eq!(found.uid, Some(uid(9)));
    assert_eq!(found.flags.unwrap().to_string(), "\\Seen $Forwarded");
    assert_eq!(found.modseq, ModSeq::new(12));
    assert_eq!(found.size, Some(5_000_000_000));
    assert_eq!(found.date, Some(1));
    assert_eq!(found.body, Body::Nil);
}

#[test]
fn the_first_personal_namespace_is_read() {
    let told = |line: &str| match untagged(line) {
        Untagged::Namespace(personal) => Some(personal.map(|it| {
            let prefix = String::from_utf8(it.prefix).unwrap();
            (prefix, it.delimiter)
        })),
        _ => None,
    };
    let personal = |prefix: &str, delimiter| Some(Some((prefix.to_owned(), delimiter)));
    for (line, expected) in [
        ("NAMESPACE ((\"\" \"/\")) NIL NIL", personal("", Some(b'/'))),
        (
            "NAMESPACE ((\"INBOX.\" \".\")(\"#mh/\" \"/\")) ((\"~\" \"/\")) NIL",
            personal("INBOX.", Some(b'.')),
        ),
        (
            "NAMESPACE ((\"\" \"/\" \"X-PARAM\" (\"FLAG1\" \"FLAG2\"))) NIL NIL",
            personal("", Some(b'/')),
        ),
        (
            "NAMESPACE (({5}\r\nMail/ NIL)) NIL NIL",
            personal("Mail/", None),
        ),
        (
            "NAMESPACE ( (INBOX/ \"/\") )",
            personal("INBOX/", Some(b'/')),
        ),
        ("NAMESPACE NIL NIL ((\"\" \".\"))", Some(None)),
        ("NAMESPACE () NIL NIL", Some(None)),
        ("NAMESPACE", None),
        ("NAMESPACE ((\"INBOX.", None),
        ("NAMESPACE x", None),
    ] {
        assert_eq!(told(line), expected, "{line}");
    }
}

#[test]
fn a_fetch_that_cannot_be_read_still_names_its_message() {
    assert_eq!(
        untagged("1 FETCH (UID 4 FLAGS (\\Seen"),
        Untagged::BrokenFetch(Some(uid(4)))
    );
    assert_eq!(
        untagged("1 FETCH (UID 4294967296 FLAGS ())"),
        Untagged::BrokenFetch(None)
    );
    assert_eq!(untagged("1 FETCH (UID 0)"), Untagged::BrokenFetch(None));
    assert_eq!(untagged("1 FETCH junk"), Untagged::BrokenFetch(None));
    let deep = format!("1 FETCH (UID 3 X {})", "(".repeat(1000));
    assert_eq!(untagged(&deep), Untagged::BrokenFetch(Some(uid(3))));
}

#[test]
fn flags_that_cannot_be_read_are_unknown() {
    let found = fetch("1 FETCH (UID 3 FLAGS NIL)");
    assert_eq!(found.flags, None);
    let found = fetch("1 FETCH (FLAGS (\"q\" \\Seen) UID 3)");
    assert_eq!((found.flags, found.uid), (None, Some(uid(3))));
}

#[test]
fn the_head_of_a_body_is_told_from_other_literals() {
    let head = Fetch::head(b"* 2 FETCH (UID 8 FLAGS (\\Seen) BODY[] {10}\r\n").unwrap();
    assert_eq!(
        (head.uid, head.body.clone()),
        (Some(uid(8)), Body::Coming(10))
    );
    let mut whole = head;
    whole.tail(b" MODSEQ (5))\r\n").unwrap();
    assert_eq!(whole.modseq, ModSeq::new(5));
    assert!(whole.tail(b" MODSEQ (5\r\n").is_err());
    assert!(Fetch::head(b"* 2 FETCH (UID 8 X-LABEL {10}\r\n").is_none());
    assert!(Fetch::head(b"* LIST () \"/\" {10}\r\n").is_none());
    assert!(Fetch::head(b"* 2 FETCH (BODY[HEADER.FIELDS (MESSAGE-ID)] ~{10}\r\n").is_some());
}

#[test]
fn codes_are_typed() {
    assert_eq!(
        code("[UIDVALIDITY 7] x"),
        Code::UidValidity(UidValidity::new(7))
    );
    assert_eq!(code("[UIDVALIDITY 0]"), Code::UidValidity(None));
    assert_eq!(code("[UIDVALIDITY 4294967296] x"), Code::UidValidity(None));
    assert_eq!(code("[HIGHESTMODSEQ 0] x"), Code::HighestModSeq(None));
    assert_eq!(code("[uidnext 5] x"), Code::UidNext(Some(uid(5))));
    assert_eq!(
        code("[MODIFIED 7,9] x"),
        Code::Modified([7, 9].into_iter().map(uid).collect())
    );
    assert_eq!(
        code("[APPENDUID 3 44]\u{e9}lan"),
        Code::AppendUid(UidValidity::new(3).unwrap(), uid(44))
    );
    assert_eq!(
        code("[COPYUID 3 2,1 10:11] x"),
        Code::CopyUid(
            UidValidity::new(3).unwrap(),
            vec![(uid(2), uid(10)), (uid(1), uid(11))]
        )
    );
    assert_eq!(
        code("[COPYUID 3 1:4294967295 1:4294967294] x"),
        Code::CopyUid(UidValidity::new(3).unwrap(), vec![])
    );
    assert_eq!(code("[APPENDUID 3 44:45] x"), Code::Other);
    assert_eq!(code("[NEWTHING \"]\"] x"), Code::Other);
    assert_eq!(code("[OPEN x"), Code::None);
    assert_eq!(code(""), Code::None);
    let Code::PermanentFlags(kept) = code("[PERMANENTFLAGS (\\Seen Junk \\*)] x") else {
        panic!();
    };
    assert!(kept.any_keyword && kept.flags.has(Flag::Seen) && !kept.flags.has(Flag::Draft));
}

#[test]
fn tagged_lines_may_lack_their_text() {
    let Response::Tagged(12, status) = parse(b"f12 OK\r\n") else {
        panic!();
    };
    assert_eq!(status.condition, Condition::Ok);
    let Response::Tagged(3, status) = parse(b"f3 no [OVERQUOTA] full\n") else {
        panic!();
    };
    assert_eq!(
        (status.condition, status.code),
        (Condition::No, Code::OverQuota)
    );
    assert_eq!(parse(b"A1 OK\r\n"), Response::Untagged(Untagged::Other));
    assert_eq!(parse(b"f3 FINE\r\n"), Response::Untagged(Untagged::Other));
    assert_eq!(parse(b"+\r\n"), Response::Continue);
    assert_eq!(parse(b"\r\n"), Response::Untagged(Untagged::Other));
}

#[test]
fn lists_carry_role_delimiter_and_extended_items() {
    let Untagged::List(found) = untagged(
        "LIST (\\HasNoChildren \\Sent) \"/\" \"a \\\"b\" (\"CHILDINFO\" (\"SUBSCRIBED\")) ",
    ) else {
        panic!();
    };
    assert_eq!(found.wire, b"a \"b");
    assert_eq!(
        (found.delimiter, found.role),
        (Some(b'/'), Some(SpecialUse::Sent))
    );
    let Untagged::List(found) = untagged("LIST (\\Noselect) NIL nil") else {
        panic!();
    };
    assert_eq!((found.delimiter, found.selectable), (None, false));
    assert_eq!(found.wire, b"nil");
}

#[test]
fn status_takes_what_it_knows() {
    let Untagged::Stated(found) = untagged(
        "STATUS {5}\r\nINBOX (MESSAGES 4 SIZE 99 X (a b) MAILBOXID (M1) HIGHESTMODSEQ 0 UIDNEXT 6)",
    ) else {
        panic!();
    };
    assert_eq!(found.wire, b"INBOX");
    assert_eq!(found.status.messages, Some(4));
    assert_eq!(found.status.uidnext, Some(uid(6)));
    assert_eq!(found.status.modseq, None);
    assert_eq!(found.status.object_id.as_deref(), Some("M1"));
    assert!(matches!(untagged("STATUS x ()"), Untagged::Stated(_)));
}

#[test]
fn searches_and_vanished_are_sets() {
    let set = |text: &str| Some(Ranges::parse(text.as_bytes()).unwrap().to_set());
    assert_eq!(
        untagged("SEARCH 3 1 2 (MODSEQ 9)"),
        Untagged::Search(set("1:3"))
    );
    assert_eq!(untagged("SEARCH"), Untagged::Search(Some(UidSet::new())));
    assert_eq!(untagged("SEARCH 1 x"), Untagged::Search(None));
    assert_eq!(
        untagged("ESEARCH (TAG \"f3\") UID COUNT 3 ALL 1:2,9 MODSEQ 7"),
        Untagged::Search(set("1:2,9"))
    );
    assert_eq!(
        untagged("ESEARCH (TAG \"f3\") UID"),
        Untagged::Search(Some(UidSet::new()))
    );
    assert_eq!(
        untagged("VANISHED (EARLIER) 41,43:116"),
        Untagged::Vanished(set("41,43:116").unwrap(), true)
    );
    assert_eq!(
        untagged("VANISHED 4"),
        Untagged::Vanished(set("4").unwrap(), false)
    );
    assert_eq!(untagged("12 EXISTS"), Untagged::Exists(12));
    assert_eq!(untagged("99999999999 EXISTS"), Untagged::Other);
    assert_eq!(untagged(""), Untagged::Other);
}

proptest! {
    #[test]
    fn no_line_panics(bytes in proptest::collection::vec(any::<u8>(), 0..120), head in 0_usize..8) {
        let heads: [&[u8]; 8] = [
            b"", b"* ", b"* 1 FETCH (", b"* LIST (", b"* OK [", b"* STATUS x (", b"* ESEARCH ", b"* 1 FETCH (BODY[",
        ];
        let line = [heads[head], &bytes].concat();
        let _ = parse(&line);
        let _ = Fetch::head(&line);
    }

    #[test]
    fn flags_go_there_and_back(bits in 0_u8..32, words in proptest::collection::vec("[a-zA-Z$][a-zA-Z0-9_.+-]{0,9}", 0..4)) {
        let words = words.iter().filter_map(|word| crate::mail::Keyword::new(word));
        let flags = Flags::from_parts(bits, words.filter(|word| !word.as_str().eq_ignore_ascii_case("forwarded")));
        prop_assert_eq!(fetch(&format!("1 FETCH (FLAGS ({flags}))")).flags.unwrap(), flags);
    }
}
