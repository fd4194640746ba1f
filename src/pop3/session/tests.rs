//! Sessions over a stream in memory: what is said, and what is made of the answers.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::auth::sasl::{Broken, Identity};
use crate::auth::veil::Veil;
use crate::auth::{Mechanism, Secret};

const LIMIT: Duration = Duration::from_secs(5);

fn block<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(future)
}

/// A session with a server that says all this whatever it is told; what it was told in the end.
async fn told<T>(
    answers: &[u8],
    capabilities: &[&str],
    talk: impl AsyncFnOnce(&mut Session) -> T,
) -> (T, String) {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let (mut input, mut output) = tokio::io::split(theirs);
    output.write_all(answers).await.unwrap();
    output.shutdown().await.unwrap();
    let mut offered = Capabilities::default();
    for line in capabilities {
        offered.add(line.as_bytes()).unwrap();
    }
    let stream: BoxStream = Box::new(ours);
    let wire = Wire::new(stream, LIMIT);
    let mut session = Session::new(wire, b"ready", Some(offered), &Way::User, false);
    let result = talk(&mut session).await;
    drop(session);
    let mut said = String::new();
    input.read_to_string(&mut said).await.unwrap();
    (result, said)
}

#[derive(Default)]
struct Kept {
    letters: Vec<(u32, Vec<u8>, bool)>,
    refused: Vec<u32>,
}

impl LetterSink for Kept {
    async fn begin(&mut self, number: u32) -> Result<(), Fault> {
        self.letters.push((number, Vec::new(), false));
        Ok(())
    }

    async fn write(&mut self, octets: &[u8]) -> Result<(), Fault> {
        self.letters.last_mut().unwrap().1.extend_from_slice(octets);
        Ok(())
    }

    async fn end(&mut self) -> Result<(), Fault> {
        self.letters.last_mut().unwrap().2 = true;
        Ok(())
    }

    fn refused(&mut self, number: u32, _: Fault) {
        self.refused.push(number);
    }
}

const THREE: &[u8] = b"+OK\r\n..\r\n.\r\n-ERR no\r\n+OK 5\r\nhello\r\n.\r\n";

fn fetch(answers: &[u8], capabilities: &[&str]) -> (Result<(), Fault>, Kept, String) {
    let mut kept = Kept::default();
    let (result, said) = block(told(answers, capabilities, async |session| {
        let letters = [(1, 3), (2, 9), (7, 7)];
        session.fetch(&letters, &mut kept).await
    }));
    (result, kept, said)
}

#[test]
fn letters_come_one_after_the_other_with_and_without_pipelining() {
    for capabilities in [&["PIPELINING"][..], &[]] {
        let (result, kept, said) = fetch(THREE, capabilities);
        result.unwrap();
        let expected = [
            (1, b".\r\n".to_vec(), true),
            (7, b"hello\r\n".to_vec(), true),
        ];
        assert_eq!(kept.letters, expected);
        assert_eq!(kept.refused, [2]);
        assert_eq!(said, "RETR 1\r\nRETR 2\r\nRETR 7\r\n");
    }
}

#[test]
fn a_letter_that_is_cut_off_anywhere_is_never_whole() {
    for cut in 0..THREE.len() {
        let (result, kept, _) = fetch(&THREE[..cut], &["PIPELINING"]);
        assert!(result.is_err());
        for (number, body, whole) in kept.letters {
            let expected: &[u8] = if number == 1 { b".\r\n" } else { b"hello\r\n" };
            assert!(!whole || body == expected, "{cut}: {number}");
        }
    }
}

#[test]
fn a_letter_much_longer_than_listed_ends_the_session() {
    let long = [b"+OK\r\n".as_slice(), &vec![b'x'; 70_000], b"\r\n.\r\n"].concat();
    let (result, kept, _) = fetch(&long, &[]);
    let fault = result.unwrap_err();
    assert_eq!(fault.reach, Reach::Account);
    assert!(fault.to_string().contains("letter 1"), "{fault}");
    assert!(kept.letters.iter().all(|(_, _, whole)| !whole));
}

fn list(answers: &[u8], capabilities: &[&str]) -> Result<Listed, Fault> {
    block(told(answers, capabilities, async |session| {
        session.list().await
    }))
    .0
}

#[test]
fn a_listing_counts_only_when_it_is_complete() {
    let whole = b"+OK\r\n1 10\r\n2 20\r\n.\r\n+OK\r\n1 a\r\n2 b\r\n.\r\n";
    let listed = list(whole, &["UIDL"]).unwrap();
    assert!(listed.named && listed.letters.len() == 2);
    for cut in 0..whole.len() {
        assert!(list(&whole[..cut], &["UIDL"]).is_err(), "{cut}");
    }
}

#[test]
fn a_refused_uidl_is_no_uidl_only_where_none_was_announced() {
    let answers = b"+OK\r\n1 10\r\n.\r\n-ERR\r\n";
    assert!(!list(answers, &["TOP"]).unwrap().named);
    assert!(list(answers, &["UIDL"]).is_err());
}

#[test]
fn a_header_by_top_is_the_header_of_the_letter() {
    let answers = b"+OK\r\nA: b\r\n..c\r\n\r\n.\r\n-ERR\r\n";
    let (found, said) = block(told(answers, &["PIPELINING"], async |session| {
        session.headers(&[3, 4]).await
    }));
    let mut hasher = HeaderHasher::default();
    hasher.update(b"A: b\r\n.c\r\n\r\nbody\r\n");
    assert_eq!(found.unwrap(), [Some(hasher.finish()), None]);
    assert_eq!(said, "TOP 3 0\r\nTOP 4 0\r\n");
}

#[test]
fn a_letter_that_cannot_be_marked_does_not_stop_the_others() {
    let answers = b"+OK\r\n-ERR gone\r\n+OK\r\n";
    let (done, said) = block(told(answers, &[], async |session| {
        session.delete(&[1, 2, 3]).await
    }));
    let done: Vec<bool> = done.unwrap().iter().map(Result::is_ok).collect();
    assert_eq!(done, [true, false, true]);
    assert_eq!(said, "DELE 1\r\nDELE 2\r\nDELE 3\r\n");
}

fn log_in(answers: &[u8], way: &Way, password: &str) -> (Result<Way, Error>, String) {
    log_in_as("tim", answers, way, false, password)
}

fn log_in_or_user(answers: &[u8], way: &Way, password: &str) -> (Result<Way, Error>, String) {
    log_in_as("tim", answers, way, true, password)
}

fn log_in_as(
    user: &str,
    answers: &[u8],
    way: &Way,
    or_user: bool,
    password: &str,
) -> (Result<Way, Error>, String) {
    let way = way.clone();
    let secret = Secret::new(password);
    let identity = Identity {
        user,
        secret: &secret,
        host: "localhost",
        port: 110,
        binding: None,
        may_bind: false,
    };
    block(told(answers, &[], async |session| {
        login::log_in(&mut session.wire, way, or_user, &identity).await
    }))
}

const SASL_PLAIN: Way = Way::Sasl(Mechanism::Plain);

#[test]
fn each_way_of_logging_in_says_what_the_rfc_says() {
    // The example of RFC 1939 section 7.
    let apop = Way::Apop("<1896.697170952@dbc.mtview.ca.us>".to_owned());
    let (done, said) = log_in_as("mrose", b"+OK\r\n", &apop, false, "tanstaaf");
    done.unwrap();
    assert_eq!(said, "APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n");

    let (done, said) = log_in(b"+OK\r\n+OK\r\n", &Way::User, "a b");
    done.unwrap();
    assert_eq!(said, "USER tim\r\nPASS a b\r\n");

    let (done, said) = log_in(b"+ \r\n+OK\r\n", &SASL_PLAIN, "secret");
    done.unwrap();
    assert_eq!(said, "AUTH PLAIN\r\nAHRpbQBzZWNyZXQ=\r\n");
}

#[test]
fn a_server_that_wants_more_or_less_than_the_password_is_left() {
    let (refused, said) = log_in(b"+OK\r\n", &SASL_PLAIN, "secret");
    assert!(matches!(refused, Err(Error::Broken(Broken::Hasty))));
    assert_eq!(said, "AUTH PLAIN\r\n");
    let (refused, said) = log_in(&b"+ \r\n".repeat(9), &SASL_PLAIN, "secret");
    assert_eq!(said.matches("AHRpbQBzZWNyZXQ=").count(), 1);
    assert!(matches!(refused, Err(Error::Insatiable { .. })));
}

/// The refusal of AUTH itself comes before the password, so it says nothing of it.
#[test]
fn who_does_not_know_the_auth_it_announces_is_told_user_and_pass() {
    let plain = &SASL_PLAIN;
    let (done, said) = log_in_or_user(b"-ERR what\r\n+OK\r\n+OK\r\n", plain, "secret");
    assert_eq!(done.unwrap(), Way::User);
    assert_eq!(said, "AUTH PLAIN\r\nUSER tim\r\nPASS secret\r\n");
    let (refused, _) = log_in_or_user(b"-ERR what\r\n+OK\r\n-ERR no\r\n", plain, "secret");
    assert!(matches!(refused, Err(Error::Refused { .. })));
    for answers in [
        &b"+ \r\n-ERR no\r\n+OK\r\n+OK\r\n"[..],
        b"-ERR [SYS/TEMP] later\r\n+OK\r\n+OK\r\n",
    ] {
        let (refused, said) = log_in_or_user(answers, plain, "secret");
        assert!(matches!(refused, Err(Error::Refused { .. })));
        assert!(!said.contains("USER"), "{said}");
    }
    let (refused, said) = log_in(b"-ERR what\r\n+OK\r\n+OK\r\n", plain, "secret");
    assert!(matches!(refused, Err(Error::Refused { .. })));
    assert_eq!(said, "AUTH PLAIN\r\n");
}

#[test]
fn a_password_cannot_say_a_command() {
    for password in ["x\r\nDELE 1", "x\0"] {
        let (refused, said) = log_in(b"+OK\r\n+OK\r\n", &Way::User, password);
        assert!(matches!(refused, Err(Error::Unspeakable)));
        assert_eq!(said, "");
    }
}

/// What is shown of answers to LIST and UIDL, or of those to CAPA, after the password was said.
fn shown_of(answers: &[u8], listing: bool) -> String {
    let (shown, _) = block(told(answers, &["UIDL"], async |session| {
        session.wire.veil = Veil::new(&Secret::new("secret"), open::shown);
        if listing {
            return session.list().await.unwrap_err().to_string();
        }
        let found = open::ask(&mut session.wire).await.unwrap().unwrap();
        found.iter().collect::<Vec<_>>().join(" ")
    }));
    shown
}

#[test]
fn a_password_that_is_repeated_in_a_list_is_not_shown() {
    for answers in [
        &b"+OK\r\nPASS secret\r\n.\r\n"[..],
        b"+OK\r\n1 5\r\n.\r\n+OK\r\nPASS secret\r\n.\r\n",
    ] {
        let shown = shown_of(answers, true);
        assert!(shown.contains("left out"), "{shown}");
        assert!(!shown.contains("secret"), "{shown}");
    }
    let shown = shown_of(b"+OK\r\nTOP\r\nX secret\r\n.\r\n", false);
    assert_eq!(shown, "TOP");
}
