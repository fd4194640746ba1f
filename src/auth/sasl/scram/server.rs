//! The server's side, for tests: as honest as it is told to be.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};

use super::Hash;

/// What a server keeps of a password, and says.
pub(crate) struct Server {
    pub(crate) hash: Hash,
    pub(crate) password: String,
    pub(crate) salt: Vec<u8>,
    pub(crate) rounds: u32,
    /// What is put behind the client's nonce.
    pub(crate) nonce: String,
    /// What the connection is known by.
    pub(crate) binding: Vec<u8>,
}

impl Server {
    pub(crate) fn new(hash: Hash, password: &str) -> Self {
        Self {
            hash,
            password: password.to_owned(),
            salt: b"salt of this test".to_vec(),
            rounds: 4096,
            nonce: "theirs".to_owned(),
            binding: Vec::new(),
        }
    }

    /// The first message that answers the client's.
    pub(crate) fn first(&self, client: &[u8]) -> String {
        let client = std::str::from_utf8(client).unwrap();
        let nonce = client.split_once(",r=").unwrap().1;
        format!(
            "r={nonce}{},s={},i={}",
            self.nonce,
            STANDARD.encode(&self.salt),
            self.rounds
        )
    }

    /// The last message, if the client's proof is right.
    pub(crate) fn last(&self, first: &[u8], answer: &str, last: &[u8]) -> Option<String> {
        let (first, last) = (
            std::str::from_utf8(first).unwrap(),
            std::str::from_utf8(last).unwrap(),
        );
        let (without_proof, proof) = last.rsplit_once(",p=").unwrap();
        let bare = first.get(first.find("n=").unwrap()..).unwrap();
        let header = first.strip_suffix(bare).unwrap();
        let bound = [header.as_bytes(), &self.binding].concat();
        let said = without_proof.strip_prefix("c=").unwrap().split(',').next();
        if said != Some(STANDARD.encode(bound).as_str()) {
            return None;
        }
        let signed = format!("{bare},{answer},{without_proof}");
        let sign =
            |key: &[u8], text: &[u8]| hmac::sign(&hmac::Key::new(self.hash.hmac(), key), text);
        let mut salted = vec![0; self.hash.digest().output_len()];
        let rounds = std::num::NonZeroU32::new(self.rounds).unwrap();
        let password = self.password.as_bytes();
        pbkdf2::derive(
            self.hash.pbkdf2(),
            rounds,
            &self.salt,
            password,
            &mut salted,
        );
        let stored = digest::digest(self.hash.digest(), sign(&salted, b"Client Key").as_ref());
        let mask = sign(stored.as_ref(), signed.as_bytes());
        let key: Vec<u8> = STANDARD
            .decode(proof)
            .unwrap()
            .iter()
            .zip(mask.as_ref())
            .map(|(a, b)| a ^ b)
            .collect();
        let right = digest::digest(self.hash.digest(), &key).as_ref() == stored.as_ref();
        let server = sign(&salted, b"Server Key");
        let signature = sign(server.as_ref(), signed.as_bytes());
        right.then(|| format!("v={}", STANDARD.encode(signature)))
    }
}
