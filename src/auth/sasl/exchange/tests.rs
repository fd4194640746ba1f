use super::*;
use crate::auth::sasl::scram::server::Server;

fn identity<'a>(user: &'a str, secret: &'a Secret) -> Identity<'a> {
    Identity {
        user,
        secret,
        host: "server.example.com",
        port: 143,
        binding: None,
        may_bind: false,
    }
}

fn exchange(mechanism: Mechanism, user: &str, secret: &str) -> Exchange {
    Exchange::new(mechanism, &identity(user, &Secret::new(secret))).unwrap()
}

fn told(mechanism: Mechanism, user: &str, secret: &str) -> String {
    let first = exchange(mechanism, user, secret).tell().unwrap();
    String::from_utf8(first.to_vec()).unwrap()
}

#[test]
fn plain_sends_no_authorization_identity() {
    let said = told(Mechanism::Plain, "tim", "tanstaaf\u{fc}");
    assert_eq!(said, "\0tim\0tanstaaf\u{fc}");
}

#[test]
fn no_field_can_be_shifted() {
    for (user, secret) in [("a\0b", "x"), ("a", "x\0y")] {
        for mechanism in Mechanism::ALL {
            assert!(Exchange::new(mechanism, &identity(user, &Secret::new(secret))).is_err());
        }
    }
    for mechanism in [Mechanism::XOAuth2, Mechanism::OAuthBearer] {
        let secret = Secret::new("x\x01auth=Bearer y");
        assert!(Exchange::new(mechanism, &identity("a", &secret)).is_err());
    }
}

#[test]
fn debug_shows_no_secret() {
    for mechanism in Mechanism::ALL {
        let shown = format!("{:?}", exchange(mechanism, "tim", "hunter2"));
        assert_eq!(shown, format!("Exchange({})", mechanism.name()));
    }
}

#[test]
fn the_example_of_rfc_2195() {
    let mut exchange = exchange(Mechanism::CramMd5, "tim", "tanstaaftanstaaf");
    assert_eq!(exchange.first_length(), None);
    assert_eq!(exchange.finish(), Err(Broken::Hasty));
    let answer = exchange.respond(b"<1896.697170952@postoffice.reston.mci.net>");
    assert_eq!(
        answer.unwrap().as_slice(),
        b"tim b913a602c7eda7a495b4e6e7334d3890"
    );
    assert_eq!(exchange.finish(), Ok(()));
    // Nobody gets two digests out of one login.
    assert!(exchange.respond(b"<other>").unwrap().is_empty());
}

#[test]
fn long_keys_of_hmac_md5_are_hashed() {
    // RFC 2202, test cases 6 and 2.
    let long = Secret::new(vec![0xaa; 80]);
    let answer = cram_md5(
        "u",
        &long,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
    );
    assert_eq!(answer.as_slice(), b"u 6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
    let answer = cram_md5("u", &Secret::new("Jefe"), b"what do ya want for nothing?");
    assert_eq!(answer.as_slice(), b"u 750c783e6ab0b503eaa86e310a5db738");
}

#[test]
fn the_example_of_rfc_1939() {
    let digest = apop(
        "<1896.697170952@dbc.mtview.ca.us>",
        &Secret::new("tanstaaf"),
    );
    assert_eq!(digest, "c4c9334bac560ecc979e58001b3e22fb");
}

#[test]
fn the_example_of_rfc_7628() {
    let token = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";
    let said = told(Mechanism::OAuthBearer, "user@example.com", token);
    assert_eq!(
        said,
        format!(
            "n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer {token}\x01\x01"
        )
    );
    let said = told(Mechanism::OAuthBearer, "a=b,c", token);
    assert!(said.starts_with("n,a=a=3Db=2Cc,\x01host="), "{said}");
    let said = told(
        Mechanism::XOAuth2,
        "someuser@example.com",
        "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg",
    );
    assert_eq!(
        said,
        "user=someuser@example.com\x01auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\x01\x01"
    );
}

#[test]
fn a_refused_token_is_acknowledged_so_that_the_server_can_end() {
    let error =
        br#"{"status":"invalid_token","scope":"example_scope","openid-configuration":"https://x"}"#;
    for (mechanism, closing) in [
        (Mechanism::OAuthBearer, &b"\x01"[..]),
        (Mechanism::XOAuth2, b""),
    ] {
        let mut told = exchange(mechanism, "u", "t");
        told.tell();
        assert_eq!(told.respond(error).unwrap().as_slice(), closing);
        assert_eq!(told.detail(), Some("invalid_token"));
        // In two steps.
        let mut asked = exchange(mechanism, "u", "t");
        assert!(
            asked
                .respond(b"")
                .unwrap()
                .ends_with(b"auth=Bearer t\x01\x01")
        );
        assert_eq!(
            asked.respond(br#"{"status":401}"#).unwrap().as_slice(),
            closing
        );
        assert_eq!(asked.detail(), Some("401"));
        for nonsense in [&b"{"[..], b"[]", b"{\"status\":[]}", b"\xff"] {
            let mut told = exchange(mechanism, "u", "t");
            told.tell();
            assert_eq!(told.respond(nonsense).unwrap().as_slice(), closing);
            assert_eq!(told.detail(), None);
        }
        let mut told = exchange(mechanism, "u", "t");
        told.tell();
        let loud = format!("{{\"status\":\"a\\u001b[31m{}\"}}", "x".repeat(1000));
        told.respond(loud.as_bytes()).unwrap();
        let shown = told.detail().unwrap();
        assert!(shown.len() <= SHOWN && !shown.contains('\x1b'), "{shown}");
    }
}

#[test]
fn login_answers_by_the_order_of_the_questions() {
    let mut exchange = exchange(Mechanism::Login, "tim", "secret");
    assert_eq!(exchange.respond(b"User Name\0").unwrap().as_slice(), b"tim");
    assert_eq!(exchange.finish(), Err(Broken::Hasty));
    assert_eq!(exchange.respond(b"").unwrap().as_slice(), b"secret");
    assert_eq!(exchange.finish(), Ok(()));
    assert!(exchange.respond(b"more?").unwrap().is_empty());
}

#[test]
fn a_server_that_asks_although_it_was_told_is_told_once_more() {
    for mechanism in [
        Mechanism::ScramSha1,
        Mechanism::XOAuth2,
        Mechanism::External,
    ] {
        let mut exchange = exchange(mechanism, "tim", "secret");
        let first = exchange.tell().unwrap();
        assert_eq!(*exchange.respond(b"").unwrap(), *first);
    }
    let mut plain = exchange(Mechanism::Plain, "tim", "secret");
    let first = plain.tell().unwrap();
    assert_eq!(*plain.respond(b"go ahead").unwrap(), *first);
    assert!(plain.respond(b"").unwrap().is_empty());
}

#[test]
fn scram_is_over_only_when_the_server_has_proved_itself() {
    let secret = Secret::new("secret");
    let binding = Binding {
        name: "tls-exporter",
        data: vec![1, 2, 3],
    };
    for (mechanism, may_bind, header) in [
        (Mechanism::ScramSha256Plus, true, "p=tls-exporter,,"),
        (Mechanism::ScramSha256, true, "y,,"),
        (Mechanism::ScramSha256, false, "n,,"),
    ] {
        let identity = Identity {
            binding: Some(&binding),
            may_bind,
            ..identity("tim", &secret)
        };
        let mut exchange = Exchange::new(mechanism, &identity).unwrap();
        let first = exchange.tell().unwrap();
        assert!(first.starts_with(header.as_bytes()));
        let server = Server {
            binding: if mechanism.binds() {
                binding.data.clone()
            } else {
                Vec::new()
            },
            ..Server::new(Hash::Sha256, "secret")
        };
        let said = server.first(&first);
        assert_eq!(exchange.finish(), Err(Broken::Unproven));
        let proof = exchange.respond(said.as_bytes()).unwrap();
        assert_eq!(exchange.finish(), Err(Broken::Unproven));
        let last = server.last(&first, &said, &proof).unwrap();
        assert!(exchange.respond(last.as_bytes()).unwrap().is_empty());
        assert_eq!(exchange.finish(), Ok(()));
    }
    let nonce = |mechanism| told(mechanism, "tim", "secret");
    assert_ne!(nonce(Mechanism::ScramSha1), nonce(Mechanism::ScramSha1));
}
