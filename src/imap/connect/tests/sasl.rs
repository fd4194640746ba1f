//! Mechanisms over IMAP, with servers that keep the rules and servers that do not.

use super::*;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::auth::sasl::scram::{Hash, server::Server};
use crate::auth::sasl::{Binding, Broken};
use crate::auth::{Allowed, Bound, Mechanism};
use crate::engine::{Fault, Pace};
use crate::net::tls::fixture::{Authority, accept, listen, trusting};

/// One login in which the server has `offered` and expects `dialogue`.
async fn offering(
    settings: &Settings,
    offered: &str,
    dialogue: Script<'_>,
) -> Result<Opened, ConnectError> {
    let greeting = line(&format!("* OK [CAPABILITY IMAP4rev1 {offered}] hi"));
    let mut script: Vec<(&[u8], &[u8])> = vec![(b"", &greeting)];
    script.extend_from_slice(dialogue);
    talk(settings, &script, false).await
}

fn with(secret: SecretSource, mechanisms: &[Mechanism]) -> Settings {
    Settings {
        secret,
        allowed: Allowed::only(mechanisms.to_vec()),
        ..plain_settings()
    }
}

fn password(mechanism: Mechanism) -> Settings {
    with(SecretSource::Plain(Secret::new(PASSWORD)), &[mechanism])
}

/// Prints one after the other at each call, and the last one ever after.
fn tokens(place: &std::path::Path, tokens: &str) -> SecretSource {
    let file = place.join("tokens");
    std::fs::write(&file, tokens).unwrap();
    let script = "head -n1 \"$0\"; if [ \"$(wc -l < \"$0\")\" -gt 1 ]; then sed -i 1d \"$0\"; fi";
    let file = file.to_str().unwrap().to_owned();
    SecretSource::Token(["sh".into(), "-c".into(), script.into(), file].into())
}

const DONE: &[u8] = b"A0001 OK [CAPABILITY IMAP4rev1] in\r\n";

#[tokio::test]
async fn an_empty_response_is_written_as_a_sign() {
    let settings = with(SecretSource::Certificate, &[Mechanism::External]);
    let script: Script<'_> = &[(b"A0001 AUTHENTICATE EXTERNAL =\r\n", DONE)];
    let opened = offering(&settings, "AUTH=EXTERNAL SASL-IR", script)
        .await
        .unwrap();
    assert_eq!(opened.way, Some("EXTERNAL"));
    let script: Script<'_> = &[
        (b"A0001 AUTHENTICATE EXTERNAL\r\n", b"+ \r\n"),
        (b"\r\n", DONE),
    ];
    offering(&settings, "AUTH=EXTERNAL", script).await.unwrap();
}

#[tokio::test]
async fn login_and_cram_md5_answer_questions() {
    let script: Script<'_> = &[
        (b"A0001 AUTHENTICATE LOGIN\r\n", b"+ VXNlcm5hbWU6\r\n"),
        (b"YWxpY2U=\r\n", b"+ UGFzc3dvcmQ6\r\n"),
        (b"c2VjcmV0\r\n", DONE),
    ];
    let offer = "AUTH=LOGIN LOGINDISABLED SASL-IR";
    let opened = offering(&password(Mechanism::Login), offer, script)
        .await
        .unwrap();
    assert_eq!((opened.way, opened.round_trips), (Some("LOGIN"), 4));
    let script: Script<'_> = &[
        (b"A0001 AUTHENTICATE CRAM-MD5\r\n", b"+ PHg+\r\n"),
        (
            b"YWxpY2UgZGFkZWJmZTgxYmQ5YzE1NmM5NzlmOTU5MjkzYzVlZWI=\r\n",
            DONE,
        ),
    ];
    let offer = "AUTH=CRAM-MD5 AUTH=PLAIN";
    offering(&password(Mechanism::CramMd5), offer, script)
        .await
        .unwrap();
}

#[tokio::test]
async fn half_a_login_is_none() {
    for (mechanism, offer) in [
        (Mechanism::Login, "AUTH=LOGIN LOGINDISABLED"),
        (Mechanism::CramMd5, "AUTH=CRAM-MD5"),
        (Mechanism::Plain, "AUTH=PLAIN"),
    ] {
        let command = line(&format!("A0001 AUTHENTICATE {}", mechanism.name()));
        let script: Script<'_> = &[(&command, DONE)];
        let error = offering(&password(mechanism), offer, script)
            .await
            .unwrap_err();
        assert!(
            matches!(error, ConnectError::Broken(Broken::Hasty)),
            "{error:?}"
        );
    }
}

/// A refusal would be one of the token; BAD is none.
#[tokio::test]
async fn a_mechanism_that_is_answered_with_bad_is_followed_by_the_next_one() {
    let place = tempfile::tempdir().unwrap();
    let settings = Settings {
        secret: tokens(place.path(), "one\n"),
        ..plain_settings()
    };
    let bearer =
        STANDARD.encode("n,a=alice,\x01host=localhost\x01port=1\x01auth=Bearer one\x01\x01");
    let bearer = line(&format!("A0001 AUTHENTICATE OAUTHBEARER {bearer}"));
    let other = STANDARD.encode("user=alice\x01auth=Bearer one\x01\x01");
    let other = line(&format!("A0003 AUTHENTICATE XOAUTH2 {other}"));
    let script: Script<'_> = &[
        (&bearer, b"A0001 BAD what\r\n"),
        (b"A0002 AUTHENTICATE OAUTHBEARER\r\n", b"A0002 BAD what\r\n"),
        (&other, b"A0003 OK [CAPABILITY IMAP4rev1] in\r\n"),
    ];
    let offer = "AUTH=OAUTHBEARER AUTH=XOAUTH2 AUTH=PLAIN SASL-IR";
    let opened = offering(&settings, offer, script).await.unwrap();
    assert_eq!(opened.way, Some("XOAUTH2"));
}

#[tokio::test]
async fn a_refused_token_ends_the_exchange_and_is_not_sent_again() {
    let place = tempfile::tempdir().unwrap();
    let settings = with(tokens(place.path(), "one\n"), &[Mechanism::OAuthBearer]);
    let first =
        STANDARD.encode("n,a=alice,\x01host=localhost\x01port=1\x01auth=Bearer one\x01\x01");
    let command = line(&format!("A0001 AUTHENTICATE OAUTHBEARER {first}"));
    let error = line(&format!(
        "+ {}",
        STANDARD.encode(r#"{"status":"invalid_token"}"#)
    ));
    let script: Script<'_> = &[
        (&command, &error),
        (b"AQ==\r\n", b"A0001 NO [AUTHENTICATIONFAILED] no\r\n"),
    ];
    let offer = "AUTH=OAUTHBEARER AUTH=XOAUTH2 SASL-IR";
    let refused = offering(&settings, offer, script).await.unwrap_err();
    let said = refused.to_string();
    assert!(said.contains("invalid_token"), "{said}");
    let fault = Fault::from(refused);
    assert!(fault.retry && !fault.advice.barred);
    assert_eq!(fault.advice.pace, Pace::Asking);
    // The same token again: nothing is said.
    let stale = offering(&settings, offer, &[]).await.unwrap_err();
    assert!(matches!(stale, ConnectError::StaleToken), "{stale:?}");
    assert_eq!(Fault::from(stale).advice.pace, Pace::Asking);
    // Another one is tried.
    let settings = Settings {
        secret: tokens(place.path(), "two\n"),
        ..settings
    };
    let first =
        STANDARD.encode("n,a=alice,\x01host=localhost\x01port=1\x01auth=Bearer two\x01\x01");
    let command = line(&format!("A0001 AUTHENTICATE OAUTHBEARER {first}"));
    offering(&settings, offer, &[(&command, DONE)])
        .await
        .unwrap();
}

/// Takes connections, each with its own dialogue, one after the other.
async fn in_turn(
    scripts: &[Script<'_>],
    settings: Settings,
) -> (Result<Opened, ConnectError>, usize) {
    let (listener, port) = listen().await;
    let settings = Settings {
        host: "127.0.0.1".into(),
        port,
        ..settings
    };
    let mut taken = 0;
    let serving = async {
        for script in scripts {
            let (tcp, _) = listener.accept().await.unwrap();
            taken += 1;
            play(tcp, script).await;
        }
        std::future::pending::<()>().await;
    };
    let result = tokio::select! {
        result = open(&settings) => result,
        () = serving => unreachable!(),
    };
    (result, taken)
}

#[tokio::test]
async fn the_program_is_asked_again_when_its_token_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let greeting: &[u8] = b"* OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR] hi\r\n";
    let command = |token: &str| {
        let first = STANDARD.encode(format!("user=alice\x01auth=Bearer {token}\x01\x01"));
        line(&format!("A0001 AUTHENTICATE XOAUTH2 {first}"))
    };
    let (old, new) = (command("old"), command("new"));
    let refusal: &[u8] = b"+ eyJzdGF0dXMiOiI0MDEifQ==\r\n";
    let refused: Script<'_> = &[
        (b"", greeting),
        (&old, refusal),
        (b"\r\n", b"A0001 NO bad token\r\n"),
    ];
    let accepted: Script<'_> = &[(b"", greeting), (&new, DONE)];
    let settings = with(tokens(place.path(), "old\nnew\n"), &[Mechanism::XOAuth2]);
    let (result, taken) = in_turn(&[refused, accepted], settings).await;
    assert_eq!((result.unwrap().way, taken), (Some("XOAUTH2"), 2));
    // A program that has no other: the server is not asked a second time.
    let settings = with(tokens(place.path(), "old\n"), &[Mechanism::XOAuth2]);
    let only_greeting: Script<'_> = &[(b"", greeting)];
    let (result, _) = in_turn(&[refused, only_greeting], settings).await;
    let error = result.unwrap_err();
    assert!(
        matches!(&error, ConnectError::TokenRefused { text } if text.contains("401")),
        "{error:?}"
    );
}

/// What a server does instead of what it should.
#[derive(Clone, Copy, PartialEq)]
enum Lie {
    None,
    /// It forgets the end of the client's nonce.
    Nonce,
    /// It wants this many rounds.
    Rounds(u32),
    /// It does not know the password.
    Signature,
    /// It says OK instead of proving anything.
    NoProof,
}

/// Speaks SCRAM; what the client said last.
async fn serve_scram<S: Stream>(stream: S, offered: &str, mut server: Server, lie: Lie) -> String {
    let mut stream = BufReader::new(stream);
    let greeting = line(&format!("* OK [CAPABILITY IMAP4rev1 SASL-IR {offered}] hi"));
    stream.write_all(&greeting).await.unwrap();
    stream.flush().await.unwrap();
    let mut text = String::new();
    stream.read_line(&mut text).await.unwrap();
    let first = text.split_whitespace().next_back().unwrap_or_default();
    let first = STANDARD.decode(first).unwrap();
    if let Lie::Rounds(rounds) = lie {
        server.rounds = rounds;
    }
    let mut answer = server.first(&first);
    if lie == Lie::Nonce {
        answer.replace_range(2..6, "");
    }
    let mut ask = async |text: &str| {
        let asked = line(&format!("+ {}", STANDARD.encode(text)));
        stream.write_all(&asked).await.unwrap();
        stream.flush().await.unwrap();
        let mut said = String::new();
        stream.read_line(&mut said).await.unwrap();
        said.trim_end().to_owned()
    };
    let mut said = ask(&answer).await;
    if said != "*" && lie != Lie::NoProof {
        let proof = STANDARD.decode(&said).unwrap();
        let last = match server.last(&first, &answer, &proof) {
            Some(_) if lie == Lie::Signature => format!("v={}", STANDARD.encode([0; 32])),
            Some(last) => last,
            None => "e=channel-bindings-dont-match".to_owned(),
        };
        said = ask(&last).await;
    }
    let end = if said == "*" {
        "A0001 BAD cancelled"
    } else {
        "A0001 OK [CAPABILITY IMAP4rev1] in"
    };
    stream.write_all(&line(end)).await.unwrap();
    stream.flush().await.unwrap();
    let mut rest = [0; 1];
    let _ = stream.read(&mut rest).await;
    said
}

async fn scram(settings: &Settings, lie: Lie) -> (Result<Opened, ConnectError>, String) {
    let (here, there) = duplex(1 << 16);
    let server = Server::new(Hash::Sha256, PASSWORD);
    let opening = async {
        let opened = converse(settings, Box::new(here), Privacy::of_a_test(None), 0).await;
        opened.map(|opened| Opened {
            stream: Box::new(duplex(1).0),
            ..opened
        })
    };
    tokio::join!(
        opening,
        serve_scram(there, "AUTH=SCRAM-SHA-256", server, lie)
    )
}

#[tokio::test]
async fn scram_lets_nobody_in_who_does_not_know_the_password() {
    let settings = password(Mechanism::ScramSha256);
    let (opened, said) = scram(&settings, Lie::None).await;
    assert_eq!(opened.unwrap().way, Some("SCRAM-SHA-256"));
    assert_eq!(said, "");
    for (lie, expected, last) in [
        (Lie::Nonce, Some(Broken::Nonce), Some("*")),
        (Lie::Rounds(1), None, Some("*")),
        (Lie::Rounds(1 << 31), None, Some("*")),
        (Lie::Signature, Some(Broken::Signature), Some("*")),
        (Lie::NoProof, Some(Broken::Unproven), None),
    ] {
        let (result, said) = scram(&settings, lie).await;
        let error = result.unwrap_err();
        let ConnectError::Broken(broken) = &error else {
            panic!("{error:?}")
        };
        assert!(
            expected.is_none_or(|expected| expected == *broken),
            "{broken:?}"
        );
        assert!(last.is_none_or(|last| last == said), "{said}");
        assert!(Fault::from(error).retry);
    }
}

#[tokio::test]
async fn a_login_is_bound_to_its_connection_and_stays_so() {
    let authority = Authority::new();
    let identity = authority.issue("localhost");
    let (_keep, trust) = trusting(TlsMode::Implicit, &authority.pem());
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("bound");
    for (version, name) in [
        (&rustls::version::TLS13, "tls-exporter"),
        (&rustls::version::TLS12, "tls-server-end-point"),
    ] {
        let acceptor = identity.acceptor(&[version]);
        let (listener, port) = listen().await;
        let settings = Settings {
            port,
            tls: trust.clone(),
            bound: Bound::in_file(file.clone()),
            ..settings(TlsMode::Implicit)
        };
        let attempt = async |settings: &Settings, offered: &str, spoil: bool| {
            let serving = async {
                let stream = accept(&listener, &acceptor).await.unwrap();
                let mut data = if name == "tls-exporter" {
                    let (_, connection) = stream.get_ref();
                    connection
                        .export_keying_material(vec![0; 32], b"EXPORTER-Channel-Binding", Some(b""))
                        .unwrap()
                } else {
                    use sha2::Digest as _;
                    sha2::Sha256::digest(identity.certificate.der()).to_vec()
                };
                data[0] ^= u8::from(spoil);
                let server = Server {
                    binding: data,
                    ..Server::new(Hash::Sha256, PASSWORD)
                };
                serve_scram(stream, offered, server, Lie::None).await
            };
            let opening = async {
                let opened = open(settings).await;
                opened.map(|opened| opened.way)
            };
            tokio::select! {
                result = async { tokio::join!(opening, serving).0 } => result,
                () = time::sleep(Duration::from_secs(60)) => panic!("it takes for ever"),
            }
        };
        let both = "AUTH=SCRAM-SHA-256-PLUS AUTH=SCRAM-SHA-256 AUTH=PLAIN";
        let way = attempt(&settings, both, false).await.unwrap();
        assert_eq!(way, Some("SCRAM-SHA-256-PLUS"));
        // The ends of two connections: somebody stands between them.
        assert!(attempt(&settings, both, true).await.is_err());
        // And takes out what would show it, also after a restart.
        let later = Settings {
            bound: Bound::in_file(file.clone()),
            ..settings.clone()
        };
        let serving = async {
            let stream = accept(&listener, &acceptor).await.unwrap();
            let greeting = b"* OK [CAPABILITY IMAP4rev1 AUTH=SCRAM-SHA-256 AUTH=PLAIN] hi\r\n";
            play(stream, &[(b"", greeting)]).await
        };
        let (result, _) = tokio::join!(open(&later), serving);
        let error = result.unwrap_err();
        assert!(matches!(error, ConnectError::Downgraded), "{error:?}");
        assert!(Fault::from(error).retry);
    }
}

#[tokio::test]
async fn what_is_not_offered_is_said_so_that_a_server_that_does_can_tell() {
    let binding = Binding {
        name: "tls-exporter",
        data: vec![7; 32],
    };
    for (mechanisms, header) in [(None, "y,,"), (Some(vec![Mechanism::ScramSha256]), "n,,")] {
        let settings = Settings {
            allowed: mechanisms.map_or_else(Allowed::default, Allowed::only),
            ..plain_settings()
        };
        let (here, there) = duplex(1 << 16);
        let privacy = Privacy::of_a_test(Some(binding.clone()));
        let opening = converse(&settings, Box::new(here), privacy, 0);
        let serving = async {
            let mut stream = BufReader::new(there);
            let greeting = b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=SCRAM-SHA-256] hi\r\n";
            stream.write_all(greeting).await.unwrap();
            let mut text = String::new();
            stream.read_line(&mut text).await.unwrap();
            text
        };
        let (_, said) = tokio::join!(opening, serving);
        let first = said.split_whitespace().next_back().unwrap();
        assert!(
            STANDARD
                .decode(first)
                .unwrap()
                .starts_with(header.as_bytes()),
            "{said}"
        );
    }
}
