//! Scripted servers: `tests/words.rs` and `tests/logins.rs` over memory, `tests/wires.rs` over TCP and TLS.

use super::*;

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader, duplex};

use crate::auth::Secret;
use crate::net::Stream;

mod logins;
mod sasl;
mod wires;
mod words;

/// What the server waits for, and what it says then. Nothing to wait for: it begins.
type Script<'a> = &'a [(&'a [u8], &'a [u8])];

/// `AGFsaWNlAHNlY3JldA==` is this user with this password.
const USER: &str = "alice";
const PASSWORD: &str = "secret";
const CODED: &str = "AGFsaWNlAHNlY3JldA==";

fn settings(mode: TlsMode) -> Settings {
    Settings {
        account: "test".into(),
        host: "localhost".into(),
        port: 1,
        tls: TlsSettings::new(mode, None, Vec::new()),
        user: USER.into(),
        secret: SecretSource::Plain(Secret::new(PASSWORD)),
        allowed: Allowed::default(),
        accepted: Accepted::default(),
        ways: Ways::default(),
        bound: Bound::default(),
        hide_capabilities: Vec::new(),
        timeout: Duration::from_secs(10),
    }
}

/// Plays the server's part; what is not in the script must not come. Gives the stream back to be held open.
async fn play<S: Stream>(stream: S, script: Script<'_>) -> S {
    let mut stream = BufReader::new(stream);
    for (expected, reply) in script {
        let mut got = vec![0; expected.len()];
        if stream.read_exact(&mut got).await.is_err() {
            break;
        }
        assert_eq!(
            String::from_utf8_lossy(&got),
            String::from_utf8_lossy(expected)
        );
        if stream.write_all(reply).await.is_err() {
            break;
        }
        stream.flush().await.unwrap();
    }
    assert_eq!(stream.buffer(), b"", "the client said more than expected");
    stream.into_inner()
}

/// Opens over memory against a script, after which the server hangs up if `hang_up`.
async fn talk(
    settings: &Settings,
    script: Script<'_>,
    hang_up: bool,
) -> Result<Opened, ConnectError> {
    let (here, there) = duplex(1 << 20);
    let serving = async {
        let stream = play(there, script).await;
        if hang_up { None } else { Some(stream) }
    };
    let opening = converse(settings, Box::new(here), Privacy::of_a_test(None), 0);
    tokio::pin!(opening);
    // A script that is over must not end the opening, and the other way round.
    let (result, _held) = tokio::join!(opening, serving);
    result
}

const GREETING: &[u8] = b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN LITERAL+] Hello there\r\n";

fn plain_settings() -> Settings {
    settings(TlsMode::None)
}

fn line(text: &str) -> Vec<u8> {
    format!("{text}\r\n").into_bytes()
}
