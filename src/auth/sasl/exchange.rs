//! One login by one mechanism: what is said first, and what answers each challenge.

use std::fmt::{self, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use zeroize::Zeroizing;

use super::scram::{ChannelFlag, Hash, Scram};
use super::{Binding, Mechanism};
use crate::auth::Secret;

/// No more is shown of what a server says of a token.
const SHOWN: usize = 200;

/// Who logs in, where, and with what.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// The user's name.
    pub user: &'a str,
    /// The password or token; empty for EXTERNAL.
    pub secret: &'a Secret,
    /// The server's name, as it is configured.
    pub host: &'a str,
    /// Its port.
    pub port: u16,
    /// What the connection is known by.
    pub binding: Option<&'a Binding>,
    /// Whether we would make a login that is bound to the connection if the server offered one.
    pub may_bind: bool,
}

/// A user name or secret that the mechanism cannot carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("user name and password must not contain {what}")]
pub struct Unspeakable {
    /// What is in it and cannot be.
    pub what: &'static str,
}

/// A server that does not play by the rules of the mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A message of SCRAM that makes no sense.
    #[error("the server's message in the login makes no sense: {0}")]
    Message(&'static str),
    /// A nonce that is not made of ours: an old conversation is played again.
    #[error("the server's nonce does not continue ours")]
    Nonce,
    /// Too few rounds make guessing the password cheap, too many stop this machine.
    #[error("the server asks for {asked} rounds of hashing; {least} to {most} are accepted")]
    Iterations {
        /// So many.
        asked: u32,
        /// The fewest that are safe.
        least: u32,
        /// The most that are bearable.
        most: u32,
    },
    /// The server does not know the password.
    #[error("the server could not prove that it knows the password")]
    Signature,
    /// The server lets us in without having proved that it knows the password.
    #[error("the server did not prove that it knows the password")]
    Unproven,
    /// The server lets us in before it has heard everything.
    #[error("the server took half a login for a whole one")]
    Hasty,
}

/// A login that has begun, or is about to.
pub struct Exchange {
    mechanism: Mechanism,
    state: State,
    /// Whether the first message went out with the command.
    told: bool,
    /// Whether anything was answered.
    answered: bool,
    detail: Option<String>,
}

enum State {
    /// All is said at once.
    Fixed(Zeroizing<Vec<u8>>),
    /// What answers the first question, and the second; how many were answered.
    Login([Zeroizing<Vec<u8>>; 2], usize),
    CramMd5 {
        user: String,
        password: Secret,
        done: bool,
    },
    Bearer {
        first: Zeroizing<Vec<u8>>,
        /// What answers an error, so that the server can end the exchange.
        closing: &'static [u8],
    },
    Scram(Box<Scram>),
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exchange({})", self.mechanism.name())
    }
}

impl Exchange {
    /// Begins a login.
    ///
    /// # Errors
    /// A character in the user's name or in the secret that would end a field.
    pub fn new(mechanism: Mechanism, identity: &Identity<'_>) -> Result<Self, Unspeakable> {
        use Mechanism as M;
        let secret = identity.secret;
        let no = |octets: &[u8], what| {
            let found =
                contains(identity.user.as_bytes(), octets) || contains(secret.expose(), octets);
            if found {
                Err(Unspeakable { what })
            } else {
                Ok(())
            }
        };
        no(b"\0", "NUL")?;
        let state = match mechanism {
            M::Plain => State::Fixed(plain(identity.user, secret)),
            M::External => State::Fixed(Zeroizing::default()),
            M::Login | M::Apop => {
                let user = identity.user.as_bytes().to_vec();
                let password = secret.expose().to_vec();
                State::Login([user, password].map(Zeroizing::new), 0)
            }
            M::CramMd5 => State::CramMd5 {
                user: identity.user.to_owned(),
                password: secret.clone(),
                done: false,
            },
            M::XOAuth2 | M::OAuthBearer => {
                no(b"\x01", "control characters")?;
                bearer(mechanism, identity)
            }
            M::ScramSha256Plus | M::ScramSha256 => {
                State::Scram(scram(mechanism, Hash::Sha256, identity))
            }
            M::ScramSha1Plus | M::ScramSha1 => State::Scram(scram(mechanism, Hash::Sha1, identity)),
        };
        Ok(Self {
            mechanism,
            state,
            told: false,
            answered: false,
            detail: None,
        })
    }

    /// Its mechanism.
    #[must_use]
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    fn first(&self) -> Option<Zeroizing<Vec<u8>>> {
        match &self.state {
            State::Fixed(response)
            | State::Bearer {
                first: response, ..
            } => Some(response.clone()),
            State::Scram(scram) => Some(scram.first()),
            State::Login(..) | State::CramMd5 { .. } => None,
        }
    }

    /// How long the first message is; `None` where the server begins.
    #[must_use]
    pub fn first_length(&self) -> Option<usize> {
        self.first().map(|first| first.len())
    }

    /// The first message, to go out with the command; before any base64.
    pub fn tell(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        let first = self.first()?;
        self.told = true;
        Some(first)
    }

    /// What answers a challenge, both before any base64.
    ///
    /// # Errors
    /// Whatever makes the server untrustworthy; the exchange must be cancelled.
    pub fn respond(&mut self, challenge: &[u8]) -> Result<Zeroizing<Vec<u8>>, Broken> {
        let again = !std::mem::replace(&mut self.answered, true)
            // Some servers ask although they were told.
            && (!self.told || challenge.is_empty() || matches!(self.state, State::Fixed(_)));
        if again && let Some(first) = self.first() {
            return Ok(first);
        }
        match &mut self.state {
            State::Fixed(_) => Ok(Zeroizing::default()),
            State::Login(parts, at) => {
                let part = parts.get(*at).cloned().unwrap_or_default();
                *at += 1;
                Ok(part)
            }
            State::CramMd5 { done: true, .. } => Ok(Zeroizing::default()),
            State::CramMd5 {
                user,
                password,
                done,
            } => {
                *done = true;
                Ok(cram_md5(user, password, challenge))
            }
            State::Bearer { closing, .. } => {
                self.detail = status(challenge);
                Ok(Zeroizing::new(closing.to_vec()))
            }
            State::Scram(scram) => scram.respond(challenge),
        }
    }

    /// The server lets us in: whether it may be believed.
    ///
    /// # Errors
    /// [`Broken::Unproven`] and [`Broken::Hasty`].
    pub fn finish(&self) -> Result<(), Broken> {
        match &self.state {
            State::Scram(scram) if !scram.is_verified() => Err(Broken::Unproven),
            State::Login(_, at) if *at < 2 => Err(Broken::Hasty),
            State::CramMd5 { done: false, .. } => Err(Broken::Hasty),
            _ if !self.told && !self.answered => Err(Broken::Hasty),
            _ => Ok(()),
        }
    }

    /// What the server said of a token that it refuses: one word, such as `invalid_token` or `401`.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }
}

fn contains(text: &[u8], octets: &[u8]) -> bool {
    text.iter().any(|octet| octets.contains(octet))
}

/// RFC 4616 section 2, without an authorization identity.
fn plain(user: &str, secret: &Secret) -> Zeroizing<Vec<u8>> {
    let password = secret.expose();
    let mut response = Zeroizing::new(Vec::with_capacity(2 + user.len() + password.len()));
    response.push(0);
    response.extend_from_slice(user.as_bytes());
    response.push(0);
    response.extend_from_slice(password);
    response
}

/// RFC 7628 section 3.1, and the form of it that is older.
fn bearer(mechanism: Mechanism, identity: &Identity<'_>) -> State {
    let token = identity.secret.expose();
    let (head, closing): (String, &'static [u8]) = if mechanism == Mechanism::XOAuth2 {
        (format!("user={}\x01", identity.user), b"")
    } else {
        let user = identity.user.replace('=', "=3D").replace(',', "=2C");
        let (host, port) = (identity.host, identity.port);
        (
            format!("n,a={user},\x01host={host}\x01port={port}\x01"),
            b"\x01",
        )
    };
    let mut first = Zeroizing::new(Vec::with_capacity(head.len() + token.len() + 16));
    first.extend_from_slice(head.as_bytes());
    first.extend_from_slice(b"auth=Bearer ");
    first.extend_from_slice(token);
    first.extend_from_slice(b"\x01\x01");
    State::Bearer { first, closing }
}

fn scram(mechanism: Mechanism, hash: Hash, identity: &Identity<'_>) -> Box<Scram> {
    let channel = match identity.binding {
        Some(binding) if mechanism.binds() => ChannelFlag::Bound(binding.clone()),
        Some(_) if identity.may_bind => ChannelFlag::NotOffered,
        _ => ChannelFlag::Unable,
    };
    let mut chance = [0; 24];
    // Without chance the nonce is made of what is known of the moment, which still differs from any before.
    if getrandom::fill(&mut chance).is_err() {
        let now = std::time::SystemTime::now();
        let since = now
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        let (low, _) = chance.split_at_mut(16);
        low.copy_from_slice(&since.as_nanos().to_le_bytes());
    }
    let nonce = STANDARD.encode(chance);
    let secret = identity.secret.expose();
    Box::new(Scram::new(hash, channel, identity.user, secret, nonce))
}

/// HMAC-MD5 (RFC 2104) of the challenge, in hexadecimal behind the user's name (RFC 2195).
fn cram_md5(user: &str, password: &Secret, challenge: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new([0_u8; 64]);
    let password = password.expose();
    let hashed = Md5::digest(password);
    let short = if password.len() > key.len() {
        hashed.as_slice()
    } else {
        password
    };
    for (slot, octet) in key.iter_mut().zip(short) {
        *slot = *octet;
    }
    let pad = |octet: u8| Zeroizing::new(key.map(|one| one ^ octet));
    let inner = Md5::new()
        .chain_update(pad(0x36).as_slice())
        .chain_update(challenge)
        .finalize();
    let digest = Md5::new()
        .chain_update(pad(0x5c).as_slice())
        .chain_update(inner)
        .finalize();
    Zeroizing::new(format!("{user} {}", hex(&digest)).into_bytes())
}

/// The digest that APOP sends (RFC 1939 section 7): MD5 of the greeting's timestamp and the password.
#[must_use]
pub fn apop(timestamp: &str, password: &Secret) -> String {
    let digest = Md5::new()
        .chain_update(timestamp)
        .chain_update(password.expose())
        .finalize();
    hex(&digest)
}

fn hex(octets: &[u8]) -> String {
    let mut text = String::with_capacity(2 * octets.len());
    for octet in octets {
        // Writing to a string does not fail.
        let _ = write!(text, "{octet:02x}");
    }
    text
}

/// The status in an error of OAuth (RFC 7628 section 3.2.2), fit to be shown.
fn status(challenge: &[u8]) -> Option<String> {
    let fields: serde_json::Value = serde_json::from_slice(challenge).ok()?;
    let text = match fields.get("status")? {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let shown = text.chars().take(SHOWN);
    Some(shown.filter(char::is_ascii_graphic).collect())
}

#[cfg(test)]
mod tests;
