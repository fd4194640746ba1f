use proptest::prelude::*;

use super::server::Server;
use super::*;

fn plain(hash: Hash, user: &str, password: &str, nonce: &str) -> Scram {
    Scram::new(
        hash,
        ChannelFlag::Unable,
        user,
        password.as_bytes(),
        nonce.to_owned(),
    )
}

/// Our answer to a first message of the server.
fn answer(first: &str) -> Result<String, Broken> {
    let mut scram = plain(Hash::Sha256, "user", "pencil", "ours");
    let answer = scram.respond(first.as_bytes())?;
    Ok(String::from_utf8(answer.to_vec()).unwrap())
}

fn vector(hash: Hash, nonce: &str, [first, answer, last, end]: [&str; 4]) {
    let mut scram = plain(hash, "user", "pencil", nonce);
    assert_eq!(scram.first().as_slice(), first.as_bytes());
    let said = scram.respond(answer.as_bytes()).unwrap();
    assert_eq!(std::str::from_utf8(&said).unwrap(), last);
    assert!(!scram.is_verified());
    assert!(scram.respond(end.as_bytes()).unwrap().is_empty());
    assert!(scram.is_verified());
    assert!(scram.respond(end.as_bytes()).is_err());
}

#[test]
fn the_example_of_rfc_5802() {
    vector(
        Hash::Sha1,
        "fyko+d2lbbFgONRv9qkxdawL",
        [
            "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
            "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        ],
    );
}

#[test]
fn the_example_of_rfc_7677() {
    vector(
        Hash::Sha256,
        "rOprNGfwEbeRWgbNEkqO",
        [
            "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ],
    );
}

/// One login with a server; whether both are content.
fn meet(
    channel: ChannelFlag,
    server: &Server,
    user: &str,
    password: &[u8],
) -> Result<bool, Broken> {
    let mut scram = Scram::new(server.hash, channel, user, password, "ours".to_owned());
    let first = scram.first();
    let said = server.first(&first);
    let proof = scram.respond(said.as_bytes())?;
    match server.last(&first, &said, &proof) {
        Some(last) => scram.respond(last.as_bytes())?,
        None => scram.respond(b"e=invalid-proof")?,
    };
    Ok(scram.is_verified())
}

#[test]
fn a_bound_login_works_only_over_the_same_connection() {
    let bound = |data: &[u8]| {
        ChannelFlag::Bound(Binding {
            name: "tls-exporter",
            data: data.to_vec(),
        })
    };
    for hash in [Hash::Sha1, Hash::Sha256] {
        let server = Server {
            binding: b"ends".to_vec(),
            ..Server::new(hash, "secret")
        };
        assert!(meet(bound(b"ends"), &server, "alice", b"secret").unwrap());
        assert!(!meet(bound(b"other"), &server, "alice", b"secret").unwrap());
        assert!(!meet(bound(b"ends"), &server, "alice", b"wrong").unwrap());
    }
    let first = |channel| Scram::new(Hash::Sha1, channel, "a=b,c", b"x", "r".to_owned()).first();
    assert_eq!(
        first(bound(b"x")).as_slice(),
        b"p=tls-exporter,,n=a=3Db=2Cc,r=r"
    );
    assert_eq!(
        first(ChannelFlag::NotOffered).as_slice(),
        b"y,,n=a=3Db=2Cc,r=r"
    );
}

#[test]
fn passwords_are_prepared_where_that_is_possible() {
    let server = Server::new(Hash::Sha256, "IX \u{e4}");
    let meet = |password: &[u8]| meet(ChannelFlag::Unable, &server, "u", password).unwrap();
    // A Roman numeral, a soft hyphen, a no-break space, a letter in two parts.
    assert!(meet("\u{2168}\u{ad}\u{a0}a\u{308}".as_bytes()));
    assert!(!meet(b"\xff"));
    let control = Server::new(Hash::Sha256, "\u{7}bell");
    assert!(self::meet(ChannelFlag::Unable, &control, "u", b"\x07bell").unwrap());
}

#[test]
fn a_lying_server_gets_no_proof() {
    let fine = "r=oursTHEIRS,s=c2FsdA==,i=4096";
    assert!(answer(fine).unwrap().starts_with("c=biws,r=oursTHEIRS,p="));
    assert!(answer(&format!("{fine},x=new,y=newer")).is_ok());
    for nonce in ["", "our", "ours", "OURStheirs", "xours", "theirs"] {
        let refused = answer(&format!("r={nonce},s=c2FsdA==,i=4096")).unwrap_err();
        assert_eq!(refused, Broken::Nonce, "{nonce}");
    }
    for (rounds, asked) in [
        ("0", 0),
        ("1", 1),
        ("4095", 4095),
        ("2000001", 2_000_001),
        ("2147483648", 1 << 31),
        ("99999999999999999999", u32::MAX),
    ] {
        let refused = answer(&format!("r=oursTHEIRS,s=c2FsdA==,i={rounds}")).unwrap_err();
        let named = matches!(refused, Broken::Iterations { asked: said, .. } if said == asked);
        assert!(named, "{rounds}: {refused}");
    }
    for malformed in [
        "",
        "r=oursTHEIRS",
        "r=oursTHEIRS,s=c2FsdA==",
        "s=c2FsdA==,r=oursTHEIRS,i=4096",
        "m=must,r=oursTHEIRS,s=c2FsdA==,i=4096",
        "r=oursTHEIRS,s=,i=4096",
        "r=oursTHEIRS,s=?,i=4096",
        "r=oursTHEIRS,s=c2FsdA==,i=",
        "r=oursTHEIRS,s=c2FsdA==,i=+4096",
        "r=oursTHEIRS,s=c2FsdA==,i=-1",
        "r=oursTHEIRS,s=c2FsdA==,i=4096,",
        "r=oursTHEIRS,s=c2FsdA==,i=4096,x",
        "r=ours\u{e4},s=c2FsdA==,i=4096",
        "e=other-error",
    ] {
        let refused = answer(malformed).unwrap_err();
        assert!(
            matches!(refused, Broken::Message(_)),
            "{malformed}: {refused}"
        );
    }
    let long = format!("r=ours{},s=c2FsdA==,i=4096", "x".repeat(5000));
    assert_eq!(answer(&long).unwrap_err(), Broken::Message("too long"));
}

#[test]
fn a_server_without_the_right_signature_has_proved_nothing() {
    let ended = |last: &[u8]| {
        let mut scram = plain(Hash::Sha256, "user", "pencil", "ours");
        scram.respond(b"r=oursTHEIRS,s=c2FsdA==,i=4096").unwrap();
        let result = scram.respond(last);
        (result.map(drop), scram.is_verified())
    };
    let wrong = STANDARD.encode([7; 32]);
    assert_eq!(
        ended(format!("v={wrong}").as_bytes()),
        (Err(Broken::Signature), false)
    );
    assert_eq!(ended(b"v="), (Err(Broken::Signature), false));
    assert_eq!(ended(b"v=AA=="), (Err(Broken::Signature), false));
    assert_eq!(ended(b"e=invalid-proof"), (Ok(()), false));
    for nonsense in [
        &b""[..],
        b"v",
        b"v=?",
        b"\xff",
        b"x=y",
        b"v=AA==,",
        b"r=1,s=c2FsdA==,i=4096",
    ] {
        let (result, verified) = ended(nonsense);
        assert!(matches!(result, Err(Broken::Message(_))), "{nonsense:?}");
        assert!(!verified);
    }
}

proptest! {
    /// Whatever a server says, nothing breaks, and without its proof it is not believed.
    #[test]
    fn no_message_does_harm(
        first in prop_oneof!["[rsimve=,0-9a-z+/]{0,40}", "r=ours[a-z]{0,3},s=[A-Za-z0-9]{0,8},i=[0-9]{1,4}"],
        last in prop_oneof!["[ve]=[A-Za-z0-9+/=,]{0,60}", ".*"],
    ) {
        let mut scram = plain(Hash::Sha1, "user", "pencil", "ours");
        if scram.respond(first.as_bytes()).is_ok() {
            let _ = scram.respond(last.as_bytes());
        }
        prop_assert!(!scram.is_verified());
    }
}
