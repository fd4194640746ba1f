//! SASL mechanisms: what is sent to prove who we are, independent of the protocol that carries it.

use zeroize::Zeroizing;

use super::Secret;

/// A mechanism with what it needs.
#[derive(Clone, Debug)]
pub enum Mechanism {
    /// PLAIN (RFC 4616): user and password. Only inside TLS or inside this machine.
    Plain {
        /// Who.
        user: String,
        /// The password.
        password: Secret,
    },
}

/// A credential that the mechanism cannot carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("user name and password must not contain NUL")]
pub struct Unspeakable;

impl Mechanism {
    /// PLAIN for this user.
    ///
    /// # Errors
    /// A NUL in either, which would shift the fields (RFC 4616 section 2).
    pub fn plain(user: &str, password: Secret) -> Result<Self, Unspeakable> {
        if user.contains('\0') || password.expose().contains(&0) {
            return Err(Unspeakable);
        }
        Ok(Self::Plain {
            user: user.to_owned(),
            password,
        })
    }

    /// Its registered name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Plain { .. } => "PLAIN",
        }
    }

    /// What the client says first, before any base64. It says nothing after it.
    #[must_use]
    pub fn initial_response(&self) -> Zeroizing<Vec<u8>> {
        match self {
            Self::Plain { user, password } => {
                let password = password.expose();
                let mut response =
                    Zeroizing::new(Vec::with_capacity(2 + user.len() + password.len()));
                response.push(0);
                response.extend_from_slice(user.as_bytes());
                response.push(0);
                response.extend_from_slice(password);
                response
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_sends_no_authorization_identity() {
        let mechanism = Mechanism::plain("tim", Secret::new("tanstaaf\u{fc}")).unwrap();
        assert_eq!(mechanism.name(), "PLAIN");
        assert_eq!(
            mechanism.initial_response().as_slice(),
            "\0tim\0tanstaaf\u{fc}".as_bytes()
        );
    }

    #[test]
    fn a_nul_cannot_shift_the_fields() {
        assert!(Mechanism::plain("a\0b", Secret::new("x")).is_err());
        assert!(Mechanism::plain("a", Secret::new("x\0y")).is_err());
    }

    #[test]
    fn debug_shows_no_password() {
        let mechanism = Mechanism::plain("tim", Secret::new("hunter2")).unwrap();
        let shown = format!("{mechanism:?}");
        assert!(shown.contains("tim") && !shown.contains("hunter2"));
    }
}
