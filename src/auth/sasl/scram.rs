//! SCRAM (RFC 5802, RFC 7677), the client's side: neither the password nor what it can be guessed from goes to a server
//! that does not know it, and the server proves that it does.

mod message;
#[cfg(test)]
pub(crate) mod server;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};
use zeroize::Zeroizing;

use super::{Binding, Broken};
use message::{ServerFinal, ServerFirst};

/// Fewer rounds make guessing too cheap (RFC 5802 section 5.1, RFC 7677 section 4).
const FEWEST: u32 = 4096;
/// More rounds take seconds; no honest server asks for so many.
const MOST: u32 = 2_000_000;

/// Which hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl Hash {
    fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
        }
    }

    fn digest(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
        }
    }

    fn pbkdf2(self) -> pbkdf2::Algorithm {
        match self {
            Self::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        }
    }

    fn sign(self, key: &[u8], text: &[u8]) -> hmac::Tag {
        hmac::sign(&hmac::Key::new(self.hmac(), key), text)
    }
}

/// What is said of channel binding in the first message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelFlag {
    /// `p`: the login is bound to the connection.
    Bound(Binding),
    /// `y`: we could, and the server does not offer it. One that does knows then that somebody has taken it out.
    NotOffered,
    /// `n`: there is nothing to bind to, or the configuration does not want it.
    Unable,
}

impl ChannelFlag {
    fn header(&self) -> String {
        match self {
            Self::Bound(binding) => format!("p={},,", binding.name),
            Self::NotOffered => "y,,".to_owned(),
            Self::Unable => "n,,".to_owned(),
        }
    }
}

/// One login.
pub struct Scram {
    hash: Hash,
    channel: ChannelFlag,
    nonce: String,
    first_bare: Zeroizing<String>,
    password: Zeroizing<Vec<u8>>,
    step: Step,
}

#[derive(Clone, Copy)]
enum Step {
    /// The server's first message comes next.
    First,
    /// Our proof was sent; what the server's signature has to be.
    Proved(hmac::Tag),
    /// The server has proved itself.
    Verified,
    /// The server said an error.
    Failed,
}

/// The text as servers are to keep it (SASLprep, RFC 4013), or as it is where that has no form for it.
fn prepared(text: &str) -> Cow<'_, str> {
    stringprep::saslprep(text).unwrap_or(Cow::Borrowed(text))
}

impl Scram {
    /// Begins a login with a nonce that nobody has used before.
    #[must_use]
    pub fn new(
        hash: Hash,
        channel: ChannelFlag,
        user: &str,
        password: &[u8],
        nonce: String,
    ) -> Self {
        let name = prepared(user).replace('=', "=3D").replace(',', "=2C");
        let password = match std::str::from_utf8(password) {
            Ok(text) => Zeroizing::new(prepared(text).into_owned().into_bytes()),
            Err(_) => Zeroizing::new(password.to_vec()),
        };
        Self {
            hash,
            channel,
            first_bare: Zeroizing::new(format!("n={name},r={nonce}")),
            nonce,
            password,
            step: Step::First,
        }
    }

    /// The client's first message.
    #[must_use]
    pub fn first(&self) -> Zeroizing<Vec<u8>> {
        let text = format!("{}{}", self.channel.header(), *self.first_bare);
        Zeroizing::new(text.into_bytes())
    }

    /// What answers a message of the server.
    ///
    /// # Errors
    /// Whatever makes the server untrustworthy; nothing more must be said to it.
    pub fn respond(&mut self, message: &[u8]) -> Result<Zeroizing<Vec<u8>>, Broken> {
        match self.step {
            Step::First => self.prove(message),
            Step::Proved(signature) => self.verify(message, &signature),
            Step::Verified | Step::Failed => Err(Broken::Message("one too many")),
        }
    }

    /// Whether the server has proved that it knows the password.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        matches!(self.step, Step::Verified)
    }

    fn prove(&mut self, message: &[u8]) -> Result<Zeroizing<Vec<u8>>, Broken> {
        let first = ServerFirst::parse(message)?;
        if first.nonce.len() <= self.nonce.len() || !first.nonce.starts_with(&self.nonce) {
            return Err(Broken::Nonce);
        }
        let rounds = NonZeroU32::new(first.rounds)
            .filter(|rounds| (FEWEST..=MOST).contains(&rounds.get()))
            .ok_or(Broken::Iterations {
                asked: first.rounds,
                least: FEWEST,
                most: MOST,
            })?;
        let mut bound = self.channel.header().into_bytes();
        if let ChannelFlag::Bound(binding) = &self.channel {
            bound.extend_from_slice(&binding.data);
        }
        let without_proof = format!("c={},r={}", STANDARD.encode(bound), first.nonce);
        let signed = format!("{},{},{without_proof}", *self.first_bare, first.text);
        let (proof, signature) = self.proof(&first.salt, rounds, signed.as_bytes());
        self.step = Step::Proved(signature);
        let answer = format!("{without_proof},p={}", STANDARD.encode(&proof));
        Ok(Zeroizing::new(answer.into_bytes()))
    }

    /// Our proof, and the server's signature.
    fn proof(
        &self,
        salt: &[u8],
        rounds: NonZeroU32,
        signed: &[u8],
    ) -> (Zeroizing<Vec<u8>>, hmac::Tag) {
        let hash = self.hash;
        let mut salted = Zeroizing::new(vec![0; hash.digest().output_len()]);
        pbkdf2::derive(hash.pbkdf2(), rounds, salt, &self.password, &mut salted);
        let client_key = hash.sign(&salted, b"Client Key");
        let stored_key = digest::digest(hash.digest(), client_key.as_ref());
        let client_signature = hash.sign(stored_key.as_ref(), signed);
        let pairs = client_key.as_ref().iter().zip(client_signature.as_ref());
        let proof = Zeroizing::new(pairs.map(|(key, mask)| key ^ mask).collect());
        let server_key = hash.sign(&salted, b"Server Key");
        (proof, hash.sign(server_key.as_ref(), signed))
    }

    fn verify(
        &mut self,
        message: &[u8],
        expected: &hmac::Tag,
    ) -> Result<Zeroizing<Vec<u8>>, Broken> {
        match ServerFinal::parse(message)? {
            ServerFinal::Signature(signature) => {
                if !same(&signature, expected.as_ref()) {
                    return Err(Broken::Signature);
                }
                self.step = Step::Verified;
            }
            // The refusal itself follows.
            ServerFinal::Error => self.step = Step::Failed,
        }
        Ok(Zeroizing::default())
    }
}

/// Compares without telling by the time it takes where they differ.
fn same(one: &[u8], other: &[u8]) -> bool {
    let differences = one.iter().zip(other).fold(0, |all, (a, b)| all | (a ^ b));
    one.len() == other.len() && differences == 0
}
