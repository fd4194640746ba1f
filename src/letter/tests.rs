//! What real and hostile messages become.

use proptest::prelude::*;

use super::*;

const LIST: &[u8] = b"From: =?utf-8?q?J=C3=B6rg?= <joerg@example.org>\r\nTo: \"Doe, Jane\" <jane@example.com>, bob@example.com\r\n\
    Cc: Team: a@example.com, b@example.com;\r\nSubject: =?iso-8859-1?Q?Gr=FC=DFe?=\r\n from here\r\n\
    Date: Mon, 23 Nov 2026 08:00:00 +0100\r\nMessage-ID: <1@example.org>\r\nList-Id: The list <Dev.Example.ORG>\r\n\
    X-Thing: one\r\nx-thing: two\r\n\r\nBody: no header\r\n";

#[test]
fn a_header_is_read_decoded() {
    let letter = Letter::parse(LIST);
    let from = letter.from().unwrap();
    assert_eq!(
        (from.name.as_str(), from.address.as_str()),
        ("J\u{f6}rg", "joerg@example.org")
    );
    let to = letter.to();
    assert_eq!(to[0].name, "Doe, Jane");
    assert_eq!(to[1].shown(), "bob@example.com");
    assert_eq!(letter.cc().len(), 2);
    assert_eq!(letter.subject(), "Gr\u{fc}\u{df}e from here");
    assert_eq!(letter.date(), Some(1_795_417_200));
    assert_eq!(letter.message_id().unwrap(), "1@example.org");
    assert_eq!(letter.list_id().unwrap(), "dev.example.org");
    assert_eq!(letter.headers("X-Thing"), ["one", "two"]);
    assert_eq!(letter.header("Body"), None);
    assert_eq!(letter.names().count(), 9);
}

#[test]
fn charsets_of_the_world_are_read() {
    for (header, text) in [
        ("=?gb18030?B?1tDOxA==?=", "\u{4e2d}\u{6587}"),
        ("=?shift_jis?B?k/qWew==?=", "\u{65e5}\u{672c}"),
        ("=?koi8-r?B?7cnS?=", "\u{41c}\u{438}\u{440}"),
        ("=?nonsense?B?YWJj?=", "abc"),
    ] {
        let letter = Letter::parse(format!("Subject: {header}\n\n").as_bytes());
        assert_eq!(letter.subject(), text, "{header}");
    }
}

#[test]
fn an_encoded_word_brings_no_control_characters() {
    let letter = Letter::parse(b"Subject: =?utf-8?q?a=0AX-Evil:=1B[2Jb=00?=\n\n");
    assert_eq!(letter.subject(), "a X-Evil: [2Jb");
}

#[test]
fn the_text_is_plain_whatever_it_was_and_attachments_are_listed() {
    let octets = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n\
        <p>Hello <b>you</b></p><style>p{}</style>\r\n--x\r\nContent-Type: application/PDF; name=\"../a.pdf\"\r\n\
        Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment\r\n\r\naGVsbG8=\r\n--x--\r\n";
    let body = Body::parse(octets, 1000);
    assert!(body.text.contains("Hello you"), "{:?}", body.text);
    assert!(!body.text.contains("p{}"), "{:?}", body.text);
    assert_eq!(body.attachments.len(), 1);
    let attachment = &body.attachments[0];
    assert_eq!(
        (attachment.name.as_str(), attachment.kind.as_str()),
        ("../a.pdf", "application/pdf")
    );
    assert_eq!(attachment.size, 5);
    assert_eq!(Body::attachment(octets, 0).unwrap(), b"hello");
    assert_eq!(Body::attachment(octets, 1), None);
}

#[test]
fn text_is_cut_between_characters() {
    let body = Body::parse("Subject: x\n\n\u{e4}\u{e4}\u{e4}".as_bytes(), 3);
    assert_eq!(body.text, "\u{e4}");
}

#[test]
fn a_message_in_a_message_in_a_message_and_so_on_is_no_trouble() {
    let shell = "Content-Type: message/rfc822\n\n";
    for depth in [1, 1400, 100_000] {
        let octets = shell.repeat(depth) + "Subject: x\n\ninnermost\n";
        let body = Body::parse(octets.as_bytes(), 1 << 20);
        assert!(body.attachments.len() <= 1 || depth == 1, "{depth}");
    }
    let digest = "Content-Type: multipart/digest; boundary=x\n\n--x\n\n".repeat(50_000);
    let _ = Body::parse(digest.as_bytes(), 1 << 20);
}

#[test]
fn a_header_is_found_in_a_file_that_changed_its_flags() {
    let folder = tempfile::tempdir().unwrap();
    for part in ["cur", "new"] {
        std::fs::create_dir(folder.path().join(part)).unwrap();
    }
    std::fs::write(folder.path().join("cur/1.a:2,S"), LIST).unwrap();
    let head = read_head(&folder.path().join("new/1.a")).unwrap();
    assert_eq!(Letter::parse(&head).headers("x-thing").len(), 2);
    assert_eq!(
        read(&folder.path().join("cur/1.a:2,F"), 10).unwrap(),
        LIST[..10]
    );
    assert!(read_head(&folder.path().join("cur/2.a")).is_err());
    assert!(read_head(folder.path()).is_err());
}

#[test]
fn of_a_large_message_only_the_beginning_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    std::fs::write(&path, [LIST, &vec![b'x'; 1 << 20]].concat()).unwrap();
    assert!(read_head(&path).unwrap().len() <= 16 * 1024);
    std::fs::write(&path, [b"X: ".as_slice(), &vec![b'x'; 1 << 20]].concat()).unwrap();
    let head = read_head(&path).unwrap();
    assert!(head.len() <= HEAD_LIMIT + 16 * 1024);
    assert_eq!(Letter::parse(&head).names().count(), 1);
}

proptest! {
    #[test]
    fn any_octets_will_do(octets in proptest::collection::vec(any::<u8>(), 0..600)) {
        whole(&octets);
    }

    #[test]
    fn anything_that_looks_like_mail_will_do(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just("Content-Type: multipart/mixed; boundary=x\n"), Just("\n"), Just("--x\n"), Just("--x--"),
                Just("Content-Type: message/rfc822\n"), Just("Content-Transfer-Encoding: base64\n"), Just("=?utf-8?q?"),
                Just("Content-Type: text/html; charset=utf-16\n"), Just("From: "), Just("\"<,;:@>("), Just("=?="), Just("\r\n"),
                Just("Date: Mon, 99 Foo"), Just("Subject: "), Just("<p a='"), Just("&#x"), Just("--"),
                Just("Content-Type: multipart/digest; boundary=\"\"\n"),
            ],
            0..40,
        ),
    ) {
        whole(pieces.concat().as_bytes());
    }
}

/// Asks for all there is.
fn whole(octets: &[u8]) {
    let letter = Letter::parse(octets);
    let _ = (letter.from(), letter.to(), letter.cc(), letter.date());
    let _ = (letter.message_id(), letter.list_id());
    for name in letter.names() {
        let value = letter.header(name).unwrap();
        assert!(!value.chars().any(char::is_control));
        let _ = letter.addresses(name);
    }
    let body = Body::parse(octets, 100);
    assert!(body.text.len() <= 100);
    for place in 0..body.attachments.len() {
        assert!(Body::attachment(octets, place).is_some());
    }
}
