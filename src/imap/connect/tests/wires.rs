use super::*;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::engine::Fault;
use crate::net::tls::fixture::{Authority, accept, listen, self_signed, trusting};
use crate::net::{dial, tls};

const CLEAR: &[u8] = b"* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] hi\r\n";
const SECRET: &[u8] = b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi\r\n";
const LOGIN: &[u8] = b"A0001 AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==\r\n";
const DONE: &[u8] = b"A0001 OK [CAPABILITY IMAP4rev1 IDLE] in\r\n* 1 EXISTS\r\n";

#[tokio::test]
async fn implicit_tls_end_to_end_in_four_round_trips() {
    let authority = Authority::new();
    let acceptor = authority.issue("localhost").any();
    let (_keep, trust) = trusting(TlsMode::Implicit, &authority.pem());
    let (listener, port) = listen().await;
    let settings = Settings {
        port,
        tls: trust,
        ..settings(TlsMode::Implicit)
    };
    let serving = async {
        let stream = accept(&listener, &acceptor).await.unwrap();
        let mut stream = play(stream, &[(b"", SECRET), (LOGIN, DONE)]).await;
        let mut got = [0; 9];
        stream.read_exact(&mut got).await.unwrap();
        got
    };
    let opening = async {
        let mut opened = open(&settings).await.unwrap();
        opened.stream.write_all(b"A1 NOOP\r\n").await.unwrap();
        opened.stream.flush().await.unwrap();
        opened
    };
    let (opened, got) = tokio::join!(opening, serving);
    assert_eq!(opened.round_trips, 4);
    assert!(opened.capabilities.has("IDLE"));
    assert_eq!(&got, b"A1 NOOP\r\n");
}

#[tokio::test]
async fn an_untrusted_server_hears_nothing_and_no_password_is_fetched() {
    let acceptor = self_signed("localhost", false).any();
    let (_keep, trust) = trusting(TlsMode::Implicit, &Authority::new().pem());
    let (listener, port) = listen().await;
    let settings = Settings {
        port,
        tls: trust,
        secret: SecretSource::Command(vec!["no-such-program-here".into()]),
        ..settings(TlsMode::Implicit)
    };
    let serving = async { accept(&listener, &acceptor).await.is_ok() };
    let (result, shaken) = tokio::join!(open(&settings), serving);
    let error = result.unwrap_err();
    assert!(!shaken);
    assert!(
        matches!(error, ConnectError::Tls(tls::Error::UnknownIssuer { .. })),
        "{error:?}"
    );
    assert!(Fault::from(error).retry);
}

/// A STARTTLS server: what it says in the clear, and whether it begins TLS after that.
async fn start(
    clear: Script<'_>,
    encrypted: Option<(Script<'_>, &TlsAcceptor)>,
    settings: Settings,
) -> Result<Opened, ConnectError> {
    let (listener, port) = listen().await;
    let settings = Settings { port, ..settings };
    let serving = async {
        let (tcp, _) = listener.accept().await.unwrap();
        let tcp: TcpStream = play(tcp, clear).await;
        let Some((script, acceptor)) = encrypted else {
            return;
        };
        if let Ok(stream) = acceptor.accept(tcp).await {
            play(stream, script).await;
        }
    };
    let (result, ()) = tokio::join!(open(&settings), serving);
    result
}

#[tokio::test]
async fn starttls_forgets_what_was_said_in_the_clear() {
    let server = self_signed("localhost", false);
    let acceptor = server.any();
    let pinned = Settings {
        tls: TlsSettings::new(TlsMode::StartTls, None, vec![server.pin()]),
        ..settings(TlsMode::StartTls)
    };
    let login: &[u8] = b"A0002 AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==\r\n";
    let encrypted: Script<'_> = &[
        (
            b"A0001 CAPABILITY\r\n",
            b"* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN\r\nA0001 OK\r\n",
        ),
        (login, b"A0002 OK [CAPABILITY IMAP4rev1 IDLE] in\r\n"),
    ];
    // Whether or not the clear greeting tells, and whatever lies it tells about the rest.
    for greeting in [
        CLEAR,
        b"* OK hi\r\n",
        b"* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=X] hi\r\n",
    ] {
        let clear: Script<'_> = &[
            (b"", greeting),
            (
                b"A0001 STARTTLS\r\n",
                b"* CAPABILITY IMAP4rev1 EVIL\r\nA0001 OK [CAPABILITY IMAP4rev1 EVIL] go\r\n",
            ),
        ];
        let opened = start(clear, Some((encrypted, &acceptor)), pinned.clone())
            .await
            .unwrap();
        assert_eq!(
            opened.capabilities,
            Capabilities::from_atoms(["IMAP4REV1", "IDLE"])
        );
        assert_eq!(opened.round_trips, 6);
    }
}

#[tokio::test]
async fn starttls_that_is_not_there_is_not_done_without() {
    let settings = || settings(TlsMode::StartTls);
    let stripped: Script<'_> = &[(
        b"",
        b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hi\r\n",
    )];
    let error = start(stripped, None, settings()).await.unwrap_err();
    assert!(matches!(error, ConnectError::NoStartTls), "{error:?}");

    for word in ["NO", "BAD"] {
        let refusal = line(&format!("A0001 {word} what?"));
        let refused: Script<'_> = &[(b"", CLEAR), (b"A0001 STARTTLS\r\n", &refusal)];
        let error = start(refused, None, settings()).await.unwrap_err();
        assert!(matches!(error, ConnectError::NoStartTls), "{error:?}");
    }

    let preauth: Script<'_> = &[(b"", b"* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n")];
    let error = start(preauth, None, settings()).await.unwrap_err();
    assert!(matches!(error, ConnectError::Preauth), "{error:?}");
}

#[tokio::test]
async fn a_word_between_starttls_and_tls_is_fatal() {
    let server = self_signed("localhost", false);
    let acceptor = server.any();
    for injected in [
        "A0001 OK x",
        "A0002 OK [CAPABILITY IMAP4rev1] in",
        "* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR",
        "* PREAUTH x",
        "",
    ] {
        let pinned = Settings {
            tls: TlsSettings::new(TlsMode::StartTls, None, vec![server.pin()]),
            ..settings(TlsMode::StartTls)
        };
        let reply = line(&format!("A0001 OK go\r\n{injected}"));
        let clear: Script<'_> = &[(b"", CLEAR), (b"A0001 STARTTLS\r\n", &reply)];
        let error = start(clear, Some((&[], &acceptor)), pinned)
            .await
            .unwrap_err();
        assert!(matches!(error, ConnectError::Injected), "{error:?}");
    }
}

#[tokio::test]
async fn a_word_that_comes_later_breaks_the_handshake() {
    let (listener, port) = listen().await;
    let settings = Settings {
        port,
        ..settings(TlsMode::StartTls)
    };
    let serving = async {
        let (tcp, _) = listener.accept().await.unwrap();
        let clear: Script<'_> = &[(b"", CLEAR), (b"A0001 STARTTLS\r\n", b"A0001 OK go\r\n")];
        let mut tcp = play(tcp, clear).await;
        // Not before the client has begun the handshake.
        tcp.read_u8().await.unwrap();
        tcp.write_all(b"A0001 OK x\r\n").await.unwrap();
        let mut rest = Vec::new();
        let _ = tcp.read_to_end(&mut rest).await;
        rest
    };
    let (result, rest) = tokio::join!(open(&settings), serving);
    let error = result.unwrap_err();
    assert!(
        matches!(error, ConnectError::Tls(tls::Error::Handshake { .. })),
        "{error:?}"
    );
    assert!(!rest.windows(4).any(|part| part == b"AUTH"));
}

#[tokio::test]
async fn without_tls_only_this_machine_is_spoken_to() {
    let (listener, port) = listen().await;
    let local = Settings {
        port,
        ..settings(TlsMode::None)
    };
    let serving = async {
        let (tcp, _) = listener.accept().await.unwrap();
        play(tcp, &[(b"", SECRET), (LOGIN, DONE)]).await
    };
    let (opened, _server) = tokio::join!(open(&local), serving);
    assert_eq!(opened.unwrap().round_trips, 3);
}

#[tokio::test]
async fn without_tls_an_address_of_the_network_is_refused() {
    // An address of this machine that is not loopback, if it has one: no packet leaves for that.
    let probe = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let Some(outside) = probe
        .connect("192.0.2.1:9")
        .and_then(|()| probe.local_addr())
        .ok()
        .filter(|address| !address.ip().is_loopback())
    else {
        return;
    };
    let listener = tokio::net::TcpListener::bind((outside.ip(), 0))
        .await
        .unwrap();
    let settings = Settings {
        host: outside.ip().to_string(),
        port: listener.local_addr().unwrap().port(),
        ..settings(TlsMode::None)
    };
    let serving = async {
        let (mut tcp, _) = listener.accept().await.unwrap();
        let _ = tcp.write_all(SECRET).await;
        let mut said = Vec::new();
        let _ = tcp.read_to_end(&mut said).await;
        said
    };
    let (result, said) = tokio::join!(open(&settings), serving);
    let error = result.unwrap_err();
    assert!(
        matches!(error, ConnectError::Dial(dial::Error::NotLoopback { .. })),
        "{error:?}"
    );
    assert!(!Fault::from(error).retry);
    assert_eq!(said, b"");
}

#[tokio::test]
async fn where_the_server_hangs_up_after_bad_the_next_way_goes_over_a_new_connection() {
    let server = self_signed("localhost", false);
    let acceptor = server.any();
    let (listener, port) = listen().await;
    let settings = Settings {
        port,
        tls: TlsSettings::new(TlsMode::Implicit, None, vec![server.pin()]),
        ..settings(TlsMode::Implicit)
    };
    let scripts: [Script<'_>; 3] = [
        &[(b"", SECRET), (LOGIN, b"A0001 BAD what\r\n")],
        &[
            (b"", SECRET),
            (
                b"A0001 AUTHENTICATE PLAIN\r\n",
                b"A0001 BAD what\r\n* BYE enough\r\n",
            ),
        ],
        &[
            (b"", SECRET),
            (b"A0001 LOGIN \"alice\" \"secret\"\r\n", DONE),
        ],
    ];
    let serving = async {
        for script in scripts {
            let stream = accept(&listener, &acceptor).await.unwrap();
            play(stream, script).await;
        }
    };
    let (opened, ()) = tokio::join!(open(&settings), serving);
    assert!(opened.unwrap().capabilities.has("IDLE"));
}
