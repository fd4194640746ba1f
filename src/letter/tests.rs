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
    let mut unread = Vec::new();
    for (charset, encoded, text) in [
        ("us-ascii", "YWJj", "abc"),
        ("utf-8", "R3LDvMOfZSDwn5KM", "Gr\u{fc}\u{df}e \u{1f48c}"),
        ("utf-7", "R3IrQVB3QTN3LWU=", "Gr\u{fc}\u{df}e"),
        ("utf-16", "//5HAHIA/ADfAGUA", "Gr\u{fc}\u{df}e"),
        ("utf-16le", "RwByAPwA3wBlAA==", "Gr\u{fc}\u{df}e"),
        ("utf-16be", "AEcAcgD8AN8AZQ==", "Gr\u{fc}\u{df}e"),
        ("iso-8859-1", "R3L832U=", "Gr\u{fc}\u{df}e"),
        ("latin1", "R3L832U=", "Gr\u{fc}\u{df}e"),
        ("iso-8859-2", "o/NkvA==", "\u{141}\u{f3}d\u{17a}"),
        ("iso-8859-3", "xnU=", "\u{108}u"),
        ("iso-8859-4", "sejq", "\u{105}\u{10d}\u{119}"),
        ("iso-8859-5", "vNjg", "\u{41c}\u{438}\u{440}"),
        ("iso-8859-6", "0+TH5Q==", "\u{633}\u{644}\u{627}\u{645}"),
        (
            "iso-8859-7",
            "xevr3OTh",
            "\u{395}\u{3bb}\u{3bb}\u{3ac}\u{3b4}\u{3b1}",
        ),
        ("iso-8859-8", "+ezl7Q==", "\u{5e9}\u{5dc}\u{5d5}\u{5dd}"),
        ("iso-8859-8-i", "+ezl7Q==", "\u{5e9}\u{5dc}\u{5d5}\u{5dd}"),
        ("iso-8859-9", "3fD+", "\u{130}\u{11f}\u{15f}"),
        ("iso-8859-10", "xb8=", "\u{c5}\u{14b}"),
        ("iso-8859-13", "4Ojm", "\u{105}\u{10d}\u{119}"),
        ("iso-8859-14", "0A==", "\u{174}"),
        ("iso-8859-15", "NSCk", "5 \u{20ac}"),
        ("iso-8859-16", "qg==", "\u{218}"),
        ("windows-1250", "o/Nknw==", "\u{141}\u{f3}d\u{17a}"),
        ("windows-1251", "zOjw", "\u{41c}\u{438}\u{440}"),
        ("windows-1252", "NSCA", "5 \u{20ac}"),
        ("cp1252", "NSCA", "5 \u{20ac}"),
        (
            "windows-1253",
            "xevr3OTh",
            "\u{395}\u{3bb}\u{3bb}\u{3ac}\u{3b4}\u{3b1}",
        ),
        ("windows-1254", "3fD+", "\u{130}\u{11f}\u{15f}"),
        ("windows-1255", "+ezl7Q==", "\u{5e9}\u{5dc}\u{5d5}\u{5dd}"),
        ("windows-1256", "0+HH4w==", "\u{633}\u{644}\u{627}\u{645}"),
        ("windows-1257", "4Ojm", "\u{105}\u{10d}\u{119}"),
        ("windows-1258", "0A==", "\u{110}"),
        ("koi8-r", "7cnS", "\u{41c}\u{438}\u{440}"),
        ("koi8-u", "t9bB", "\u{407}\u{436}\u{430}"),
        ("macintosh", "R3Kfp2U=", "Gr\u{fc}\u{df}e"),
        ("x-mac-cyrillic", "jOjw", "\u{41c}\u{438}\u{440}"),
        ("ibm866", "jKjg", "\u{41c}\u{438}\u{440}"),
        ("cp866", "jKjg", "\u{41c}\u{438}\u{440}"),
        ("ibm850", "R3KB4WU=", "Gr\u{fc}\u{df}e"),
        ("gb2312", "1tDOxA==", "\u{4e2d}\u{6587}"),
        ("gbk", "1tDOxA==", "\u{4e2d}\u{6587}"),
        ("gb18030", "1tDOxA==", "\u{4e2d}\u{6587}"),
        ("big5", "pKSk5Q==", "\u{4e2d}\u{6587}"),
        ("big5-hkscs", "pKSk5Q==", "\u{4e2d}\u{6587}"),
        ("shift_jis", "k/qWe4zq", "\u{65e5}\u{672c}\u{8a9e}"),
        ("windows-31j", "k/qWe4zq", "\u{65e5}\u{672c}\u{8a9e}"),
        (
            "iso-2022-jp",
            "GyRCRnxLXDhsGyhC",
            "\u{65e5}\u{672c}\u{8a9e}",
        ),
        ("euc-jp", "xvzL3Ljs", "\u{65e5}\u{672c}\u{8a9e}"),
        ("euc-kr", "x9Gxub7u", "\u{d55c}\u{ad6d}\u{c5b4}"),
        ("ks_c_5601-1987", "x9Gxub7u", "\u{d55c}\u{ad6d}\u{c5b4}"),
        ("tis-620", "5LfC", "\u{e44}\u{e17}\u{e22}"),
        ("windows-874", "5LfC", "\u{e44}\u{e17}\u{e22}"),
        ("nonsense", "YWJj", "abc"),
    ] {
        let message = format!(
            "Subject: =?{charset}?B?{encoded}?=\nContent-Type: text/plain; charset={charset}\n\
             Content-Transfer-Encoding: base64\n\n{encoded}\n"
        );
        let subject = Letter::parse(message.as_bytes()).subject();
        let body = Body::parse(message.as_bytes(), 1000).text;
        if subject != text || body.trim_end() != text {
            unread.push((charset, text, subject, body));
        }
    }
    assert_eq!(unread, []);
}

/// Names that some mail programs have for charsets that have others.
#[test]
fn charsets_have_many_names() {
    let mut unread = Vec::new();
    for (names, encoded, text) in [
        (
            "cp932 CP932 ms932 sjis x-sjis windows-31j shift-jis",
            "k/qWew==",
            "\u{65e5}\u{672c}",
        ),
        (
            "cp949 ms949 uhc windows-949 x-windows-949 ksc5601 ks_c_5601-1987 euc_kr",
            "mNQ=",
            "\u{c0f0}",
        ),
        (
            "cp936 ms936 gbk x-gbk windows-936 gb_2312-80",
            "1tDOxA==",
            "\u{4e2d}\u{6587}",
        ),
        (
            "cp950 ms950 x-big5 big-5 windows-950",
            "pKSk5Q==",
            "\u{4e2d}\u{6587}",
        ),
        (
            "cp1251 win-1251 windows1251",
            "zOjw",
            "\u{41c}\u{438}\u{440}",
        ),
        (
            "iso8859-1 iso_8859-1 latin1 l1 8859-1",
            "R3L832U=",
            "Gr\u{fc}\u{df}e",
        ),
        ("iso8859-15 latin9 latin-9", "pA==", "\u{20ac}"),
        (
            "utf8 UTF8 unicode-1-1-utf-8",
            "R3LDvMOfZQ==",
            "Gr\u{fc}\u{df}e",
        ),
        (
            "ascii ansi_x3.4-1968 646 unknown-8bit x-unknown",
            "YWJj",
            "abc",
        ),
        ("x-euc-jp eucjp", "xvzL3A==", "\u{65e5}\u{672c}"),
        ("koi8r koi8 koi", "7cnS", "\u{41c}\u{438}\u{440}"),
    ] {
        for name in names.split(' ') {
            let letter = Letter::parse(format!("Subject: =?{name}?B?{encoded}?=\n\n").as_bytes());
            if letter.subject() != text {
                unread.push((name, letter.subject()));
            }
            let body = format!(
                "Content-Type: text/plain; charset={name}\nContent-Transfer-Encoding: base64\n\n{encoded}\n"
            );
            let body = Body::parse(body.as_bytes(), 100).text;
            if body.trim_end() != text {
                unread.push((name, body));
            }
        }
    }
    assert_eq!(unread, []);
}

/// Some mail of old clients says nothing of its charset: what is UTF-8 is read as that.
#[test]
fn a_header_without_a_charset_is_utf_8_or_has_replacements() {
    let letter = Letter::parse("Subject: Gr\u{fc}\u{df}e\n\n".as_bytes());
    assert_eq!(letter.subject(), "Gr\u{fc}\u{df}e");
    let letter = Letter::parse(b"Subject: Gr\xfc\xdfe\n\n");
    assert!(letter.subject().starts_with("Gr") && letter.subject().ends_with('e'));
}

/// Such clients write the header in the charset of the text.
#[test]
fn a_header_that_is_no_utf_8_is_read_in_the_charset_of_the_mail() {
    let read = |kind: &str, octets: &[u8]| {
        let head = [
            b"Subject: ",
            octets,
            b"\nFrom: ",
            octets,
            b" <a@x>\nX: =?utf-8?q?=C3=BC?= ",
            octets,
        ]
        .concat();
        let whole = [
            &head,
            format!("\nContent-Type: text/plain; {kind}\n\n").as_bytes(),
        ]
        .concat();
        let letter = Letter::parse(&whole);
        assert_eq!(letter.from().unwrap().name, letter.subject());
        assert_eq!(
            letter.header("X").unwrap(),
            format!("\u{fc} {}", letter.subject())
        );
        letter.subject()
    };
    assert_eq!(
        read("charset=iso-8859-1", b"Gr\xfc\xdfe"),
        "Gr\u{fc}\u{df}e"
    );
    assert_eq!(
        read("format=flowed;\n CharSet=\"KOI8-R\"", b"\xed\xc9\xd2"),
        "\u{41c}\u{438}\u{440}"
    );
    assert_eq!(read("charset=cp949", b"\x98\xd4"), "\u{c0f0}");
    assert_eq!(
        read("charset=iso-8859-1", "Gr\u{fc}\u{df}e".as_bytes()),
        "Gr\u{fc}\u{df}e"
    );
    assert!(read("charset=nonsense", b"Gr\xfc\xdfe").starts_with("Gr"));
    assert!(read("charset=utf-16", b"Gr\xfc\xdfe").starts_with("Gr"));
}

#[test]
fn names_of_charsets_that_the_parser_does_not_know_are_known_in_bodies_too() {
    let html = "Content-Type: text/html; charset=\"cp932\"\nContent-Transfer-Encoding: base64\n\nk/qWew==\n";
    let mail = format!(
        "Subject: x\nContent-Type: multipart/mixed; boundary=b\n\ncharset=cp932\n--b\n{html}--b\n\
         Content-Type: text/plain;\n\tcharset=UHC;\n\tx=\"charset=cp949\"\nContent-Transfer-Encoding: base64\n\nmNQ=\n\
         --b\nContent-Type: text/plain; name=\"charset=cp949\"\nContent-Disposition: attachment\n\ncharset=cp949\n--b--\n"
    );
    let body = Body::parse(mail.as_bytes(), 1000);
    assert!(
        body.text.contains("\u{65e5}\u{672c}") && body.text.contains('\u{c0f0}'),
        "{body:?}"
    );
    assert_eq!(body.attachments.last().unwrap().name, "charset=cp949");
    let place = body.attachments.len() - 1;
    assert_eq!(
        Body::attachment(mail.as_bytes(), place).unwrap(),
        b"charset=cp949"
    );
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
fn a_message_that_fails_an_assertion_of_the_parser_has_its_raw_text() {
    // A multipart message whose last parts are messages with too few headers, found by fuzzing.
    let octets = b"Subject: x\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/html\n\n<p>Hello</p>\n\
        --x\nContent-Type: message/rfc822\n\nSu8=\n--x\nContent-Type: message/rfc822\n\nSubject: inner\n\ntext\n--x--\n";
    let body = Body::parse(octets, 1000);
    assert!(body.text.contains("Hello"), "{body:?}");
    assert_eq!(Letter::parse(octets).subject(), "x");
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
    // Nobody writes into it: whoever waits for that waits for ever.
    let pipe = folder.path().join("cur/3.a");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    assert!(read_head(&pipe).is_err());
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
        fuzz::letter(&octets);
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
        fuzz::letter(pieces.concat().as_bytes());
    }
}

/// What takes a parser long: nesting, repetition, what begins and never ends. Unoptimized, on a busy machine.
#[test]
fn nothing_takes_long_or_much() {
    for piece in [
        "(",
        "<",
        "\"",
        "\\",
        "a:",
        ",",
        ";",
        "@",
        "=?",
        "=?utf-8?q?",
        "=?utf-8?b?AAAA?= ",
        "[",
        "<a@b>, ",
        "\n ",
        "\t",
        "&",
        "<p>",
        "<!--",
        "=",
        "%",
        "*0*=",
        "\u{feff}",
        "\0",
    ] {
        let many = piece.repeat(300_000 / piece.len());
        let header = format!(
            "From: {many}\nTo: {many}\nDate: {many}\nSubject: {many}\nContent-Type: multipart/mixed; boundary={many}\n\n{many}"
        );
        let html = format!("Content-Type: text/html; charset=utf-7\n\n{many}");
        let parts = format!(
            "Content-Type: multipart/mixed; boundary=x\n\n{}",
            format!("--x\n{many}\n").repeat(3)
        );
        for text in [header, html, parts] {
            let begun = std::time::Instant::now();
            fuzz::letter(text.as_bytes());
            let took = begun.elapsed();
            assert!(took.as_secs() < 10, "{piece:?}: {took:?}");
        }
    }
}
