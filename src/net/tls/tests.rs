use super::fixture::{Authority, Identity, accept, listen, self_signed, trusting};
use super::*;

use rcgen::KeyPair;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const HOST: &str = "localhost";

/// One handshake with a server of that identity.
async fn shake(server: &Identity, settings: &TlsSettings, host: &str) -> Result<Secured, Error> {
    let (listener, port) = listen().await;
    let acceptor = server.any();
    let serving = async {
        if let Ok(mut stream) = accept(&listener, &acceptor).await {
            let _ = stream.write_all(b"* OK hello\r\n").await;
            let _ = stream.flush().await;
            let _ = stream.read(&mut [0; 10]).await;
        }
    };
    let asking = async {
        let tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let mut secured = settings.handshake(host, tcp).await?;
        let mut greeting = [0; 12];
        secured.stream.read_exact(&mut greeting).await.unwrap();
        assert_eq!(&greeting, b"* OK hello\r\n");
        secured.stream.shutdown().await.unwrap();
        Ok(secured)
    };
    let (result, ()) = tokio::join!(asking, serving);
    result
}

fn implicit() -> TlsSettings {
    TlsSettings::new(TlsMode::Implicit, None, Vec::new())
}

fn pinned(pin: Pin) -> TlsSettings {
    TlsSettings::new(TlsMode::Implicit, None, vec![pin])
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_refused() {
    let stranger = Authority::new();
    let error = shake(&stranger.issue(HOST), &implicit(), HOST)
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::UnknownIssuer { .. } | Error::Platform(_)),
        "{error:?}"
    );
    let (_keep, other) = trusting(TlsMode::Implicit, &Authority::new().pem());
    let error = shake(&stranger.issue(HOST), &other, HOST)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::UnknownIssuer { .. }), "{error:?}");
}

#[tokio::test]
async fn an_authority_in_the_file_is_believed_for_its_hosts_and_dates_only() {
    let authority = Authority::new();
    let pem = format!("{}{}", Authority::new().pem(), authority.pem());
    let (_keep, settings) = trusting(TlsMode::Implicit, &pem);
    shake(&authority.issue(HOST), &settings, HOST)
        .await
        .unwrap();
    shake(&authority.issue("127.0.0.1"), &settings, "127.0.0.1")
        .await
        .unwrap();

    let error = shake(&authority.issue("mail.example.org"), &settings, HOST)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::WrongHost { names, .. } if names == &["mail.example.org"]),
        "{error:?}"
    );
    let error = shake(&authority.issue_until(HOST, 2001), &settings, HOST)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Expired { .. }), "{error:?}");
    assert!(
        error
            .to_string()
            .contains("expired since 2001-01-01 (here it is 2"),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_said_of_a_bad_certificate_trusts_it() {
    let authority = Authority::new();
    let stranger = Authority::new();
    let (_keep, trusting) = trusting(TlsMode::Implicit, &authority.pem());
    for (server, words) in [
        (stranger.issue(HOST), "signed by nobody trusted here"),
        (self_signed(HOST, true), "signed by nobody trusted here"),
        (
            authority.issue("mail.example.org"),
            "is for mail.example.org",
        ),
        (
            authority.issue_until(HOST, 2001),
            "has expired since 2001-01-01",
        ),
        (
            authority.issue_from(HOST, 3000),
            "is not valid yet, but from 3000-01-01 on",
        ),
    ] {
        let said = shake(&server, &trusting, HOST)
            .await
            .unwrap_err()
            .to_string();
        assert!(said.contains(words), "{said}");
        let (_, pin) = said.split_once("tls_pin_sha256 = [\"").unwrap();
        let pin = pin.strip_suffix("\"]").unwrap().parse().unwrap();
        shake(&server, &pinned(pin), HOST).await.unwrap();
    }
}

#[tokio::test]
async fn a_certificate_in_the_file_is_believed_as_itself_for_its_host() {
    let authority = Authority::new();
    let servers = [
        self_signed(HOST, false),
        self_signed(HOST, true),
        authority.issue(HOST),
    ];
    for server in servers {
        let (_keep, settings) = trusting(TlsMode::Implicit, &server.certificate.pem());
        shake(&server, &settings, HOST).await.unwrap();
        let error = shake(&server, &settings, "mail.example.org")
            .await
            .unwrap_err();
        assert!(
            matches!(&error, Error::WrongHost { names, .. } if names == &[HOST]),
            "{error:?}"
        );
        // Another certificate of the same name is not the listed one.
        let error = shake(&authority.issue(HOST), &settings, HOST).await;
        if let Err(error) = error {
            assert!(matches!(error, Error::UnknownIssuer { .. }), "{error:?}");
        } else {
            panic!("a certificate that is not listed was believed");
        }
    }
    let old = authority.issue_until(HOST, 2001);
    let (_keep, settings) = trusting(TlsMode::Implicit, &old.certificate.pem());
    let error = shake(&old, &settings, HOST).await.unwrap_err();
    assert!(matches!(error, Error::Expired { .. }), "{error:?}");
}

#[tokio::test]
async fn a_pin_is_believed_whoever_signed_and_nothing_else_is() {
    let server = self_signed("another.example", true);
    shake(&server, &pinned(server.pin()), HOST).await.unwrap();

    let error = shake(&server, &pinned(self_signed(HOST, false).pin()), HOST)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::NotPinned { presented, .. } if *presented == server.pin()),
        "{error:?}"
    );
    let line = format!("tls_pin_sha256 = [\"{}\"]", server.pin());
    let said = error.to_string();
    assert!(
        said.starts_with("tls_pin_sha256 does not match") && said.ends_with(&line),
        "{said}"
    );

    // A trusted authority does not help a key that is not pinned.
    let authority = Authority::new();
    let (keep, _) = trusting(TlsMode::Implicit, &authority.pem());
    let both = TlsSettings::new(
        TlsMode::Implicit,
        Some(keep.path().join("ca.pem")),
        vec![server.pin()],
    );
    let error = shake(&authority.issue(HOST), &both, HOST)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NotPinned { .. }), "{error:?}");
}

#[tokio::test]
async fn a_pinned_certificate_without_its_key_is_refused() {
    let victim = self_signed(HOST, false);
    let pin = victim.pin();
    let imposter = Identity {
        certificate: victim.certificate,
        key: KeyPair::generate().unwrap(),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivatePkcs8KeyDer::from(imposter.key.serialize_der());
    let signer = provider.key_provider.load_private_key(key.into()).unwrap();
    let chain = vec![imposter.certificate.der().clone()];
    let resolver = Arc::new(rustls::sign::SingleCertAndKey::from(
        rustls::sign::CertifiedKey::new(chain, signer),
    ));
    for version in rustls::ALL_VERSIONS {
        let config = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(resolver.clone());
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let (listener, port) = listen().await;
        let tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let settings = pinned(pin);
        let (result, _) = tokio::join!(settings.handshake(HOST, tcp), accept(&listener, &acceptor));
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Certificate { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn handshakes_are_counted_and_resumed() {
    let authority = Authority::new();
    let server = authority.issue(HOST);
    for (version, full) in [(&rustls::version::TLS13, 1), (&rustls::version::TLS12, 2)] {
        let acceptor = server.acceptor(&[version]);
        let (_keep, settings) = trusting(TlsMode::Implicit, &authority.pem());
        let mut kinds = Vec::new();
        for (settings, expected) in [(settings.clone(), full), (settings, 1)] {
            let (listener, port) = listen().await;
            let tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let serving = async {
                let mut stream = accept(&listener, &acceptor).await.unwrap();
                stream.write_all(b"x").await.unwrap();
                stream.flush().await.unwrap();
                stream
            };
            let asking = async {
                let mut secured = settings.handshake(HOST, tcp).await.unwrap();
                secured.stream.read_u8().await.unwrap();
                secured
            };
            let (secured, _server) = tokio::join!(asking, serving);
            assert_eq!(secured.round_trips, expected);
            kinds.push(secured.stream.get_ref().get_ref().1.handshake_kind());
        }
        assert_eq!(
            kinds,
            [Some(HandshakeKind::Full), Some(HandshakeKind::Resumed)]
        );
    }
}

/// A server that asks for a certificate gets it, and each connection begins anew: a session that is resumed shows none.
#[tokio::test]
async fn who_asks_for_a_certificate_gets_it_in_each_handshake() {
    let authority = Authority::new();
    let server = authority.issue(HOST);
    let (place, mine) = (tempfile::tempdir().unwrap(), authority.issue("alice"));
    let identity = written(&place, &mine.certificate.pem(), &mine.key.serialize_pem());
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let acceptor = server.asking(version, &authority);
        for identity in [Some(identity.clone()), None] {
            let (_keep, settings) = trusting(TlsMode::Implicit, &authority.pem());
            let shows = identity.is_some();
            let settings = settings.identified(identity);
            for _ in 0..2 {
                let (listener, port) = listen().await;
                let tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let serving = async {
                    let mut stream = accept(&listener, &acceptor).await.unwrap();
                    stream.write_all(b"x").await.unwrap();
                    stream.flush().await.unwrap();
                    stream
                };
                let asking = async {
                    let mut secured = settings.handshake(HOST, tcp).await.unwrap();
                    secured.stream.read_u8().await.unwrap();
                    secured
                };
                let (secured, served) = tokio::join!(asking, serving);
                let kind = secured.stream.get_ref().get_ref().1.handshake_kind();
                assert_eq!(kind, Some(HandshakeKind::Full));
                let shown = served.get_ref().1.peer_certificates();
                let shown = shown.map(|all| all[0].clone());
                assert_eq!(shown, shows.then(|| mine.certificate.der().clone()));
                assert_eq!(secured.certificate, shows);
            }
        }
    }
}

/// A client certificate and its key in two files, the key readable by its owner alone.
fn written(place: &tempfile::TempDir, certificate: &str, key: &str) -> ClientIdentity {
    let [certificate, key] = [("me.pem", certificate), ("me.key", key)].map(|(name, text)| {
        let path = place.path().join(name);
        std::fs::write(&path, text).unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, private).unwrap();
        path
    });
    ClientIdentity { certificate, key }
}

#[tokio::test]
async fn a_client_certificate_that_cannot_be_used_names_its_file() {
    let authority = Authority::new();
    let (_keep, settings) = trusting(TlsMode::Implicit, &authority.pem());
    let (mine, other) = (authority.issue("alice"), authority.issue("bob"));
    let (certificate, key) = (mine.certificate.pem(), mine.key.serialize_pem());
    let place = tempfile::tempdir().unwrap();
    for (certificate, key, words) in [
        ("nothing", key.as_str(), "me.pem"),
        (&certificate, "nothing", "me.key"),
        (
            &certificate,
            &other.key.serialize_pem(),
            "cannot be used with",
        ),
    ] {
        let identity = written(&place, certificate, key);
        let error = settings.clone().identified(Some(identity));
        let error = error.prepare().await.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let identity = written(&place, &certificate, &key);
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o640);
    std::fs::set_permissions(&identity.key, open).unwrap();
    let error = settings.clone().identified(Some(identity)).prepare().await;
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("chmod 600") && error.contains("0640"),
        "{error}"
    );
}

#[tokio::test]
async fn writes_between_two_flushes_are_one_record() {
    let server = self_signed(HOST, false);
    let acceptor = server.any();
    let (listener, port) = listen().await;
    let tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let settings = pinned(server.pin());
    let (secured, peer) = tokio::join!(settings.handshake(HOST, tcp), accept(&listener, &acceptor));
    let (mut stream, peer) = (secured.unwrap().stream, peer.unwrap());
    for part in ["A1", " ", "NOOP", "\r\n"] {
        stream.write_all(part.as_bytes()).await.unwrap();
    }
    stream.flush().await.unwrap();
    let (mut tcp, _) = peer.into_inner();
    let mut raw = [0; 1000];
    let count = tcp.read(&mut raw).await.unwrap();
    let length = usize::from(u16::from_be_bytes([raw[3], raw[4]]));
    assert_eq!((raw[0], count), (23, 5 + length), "one application record");
}

#[tokio::test]
async fn what_is_not_tls_is_no_handshake() {
    let (listener, port) = listen().await;
    let tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (mut portal, _) = listener.accept().await.unwrap();
    portal
        .write_all(b"HTTP/1.1 302 Found\r\n\r\n")
        .await
        .unwrap();
    let error = pinned(self_signed(HOST, false).pin())
        .handshake(HOST, tcp)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Handshake { .. }), "{error:?}");
}

#[tokio::test]
async fn a_bad_file_says_what_is_bad_and_may_be_mended() {
    let authority = Authority::new();
    let server = authority.issue(HOST);
    let (keep, settings) = trusting(TlsMode::Implicit, "nothing");
    let file = keep.path().join("ca.pem");
    let error = shake(&server, &settings, HOST).await.unwrap_err();
    assert!(error.to_string().contains(file.to_str().unwrap()));
    assert!(matches!(
        error,
        Error::CaFile {
            source: trust::CaFileError::Empty,
            ..
        }
    ));
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    std::fs::write(&file, format!("{}{broken}", authority.pem())).unwrap();
    let error = shake(&server, &settings, HOST).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::CaFile {
                source: trust::CaFileError::Certificate { number: 2, .. },
                ..
            }
        ),
        "{error:?}"
    );
    std::fs::write(&file, authority.pem()).unwrap();
    shake(&server, &settings, HOST).await.unwrap();
}

#[test]
fn a_pin_is_a_sha256_in_base64() {
    let text = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let pin: Pin = text.parse().unwrap();
    assert_eq!(pin.to_string(), text);
    for bad in [
        "",
        "AAAA",
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
        "*",
    ] {
        assert_eq!(bad.parse::<Pin>(), Err(PinError));
    }
}

#[test]
fn names_from_a_certificate_are_shown_without_their_control_characters() {
    assert_eq!(plain("DnsName(\"a.example\")"), "a.example");
    assert_eq!(plain("\u{1b}[31m"), "\\u{1b}[31m");
}
