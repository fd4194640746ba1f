//! The mechanisms by name.

/// A way to prove who we are. All but [`Mechanism::Apop`] are registered SASL mechanisms. The order is that of their
/// strength, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mechanism {
    /// EXTERNAL (RFC 4422 appendix A): the client certificate says who it is.
    External,
    /// SCRAM-SHA-256-PLUS (RFC 7677).
    ScramSha256Plus,
    /// SCRAM-SHA-1-PLUS (RFC 5802).
    ScramSha1Plus,
    /// SCRAM-SHA-256 (RFC 7677).
    ScramSha256,
    /// SCRAM-SHA-1 (RFC 5802).
    ScramSha1,
    /// OAUTHBEARER (RFC 7628).
    OAuthBearer,
    /// XOAUTH2, Google's and Microsoft's form of the same.
    XOAuth2,
    /// CRAM-MD5 (RFC 2195).
    CramMd5,
    /// APOP (RFC 1939 section 7): a command of POP3.
    Apop,
    /// PLAIN (RFC 4616).
    Plain,
    /// LOGIN, or the command of the protocol that does the same: LOGIN in IMAP, USER and PASS in POP3.
    Login,
}

/// What a mechanism proves itself with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A password.
    Password,
    /// An access token (RFC 6750).
    Token,
    /// The client certificate of the TLS connection.
    Certificate,
}

impl Mechanism {
    /// All of them, the strongest first.
    pub const ALL: [Self; 11] = [
        Self::External,
        Self::ScramSha256Plus,
        Self::ScramSha1Plus,
        Self::ScramSha256,
        Self::ScramSha1,
        Self::OAuthBearer,
        Self::XOAuth2,
        Self::CramMd5,
        Self::Apop,
        Self::Plain,
        Self::Login,
    ];

    /// Its name as servers write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::External => "EXTERNAL",
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Self::ScramSha1Plus => "SCRAM-SHA-1-PLUS",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha1 => "SCRAM-SHA-1",
            Self::OAuthBearer => "OAUTHBEARER",
            Self::XOAuth2 => "XOAUTH2",
            Self::CramMd5 => "CRAM-MD5",
            Self::Apop => "APOP",
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
        }
    }

    /// The mechanism of that name, in upper or lower case.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|mechanism| mechanism.name().eq_ignore_ascii_case(name))
    }

    /// What it needs.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::External => Kind::Certificate,
            Self::OAuthBearer | Self::XOAuth2 => Kind::Token,
            _ => Kind::Password,
        }
    }

    /// Whether the client speaks first (RFC 4422 section 5).
    #[must_use]
    pub fn begins(self) -> bool {
        !matches!(self, Self::CramMd5 | Self::Apop | Self::Login)
    }

    /// Whether it ties the login to the TLS connection.
    #[must_use]
    pub fn binds(self) -> bool {
        matches!(self, Self::ScramSha256Plus | Self::ScramSha1Plus)
    }

    /// Whether it is used only where the configuration names it: MD5 protects no weak password.
    #[must_use]
    pub fn only_named(self) -> bool {
        matches!(self, Self::CramMd5 | Self::Apop)
    }
}

/// The mechanisms that the configuration allows. The default allows all that need not be named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed(Option<Vec<Mechanism>>);

impl Allowed {
    /// Only these.
    #[must_use]
    pub fn only(mechanisms: Vec<Mechanism>) -> Self {
        Self(Some(mechanisms))
    }

    /// Whether it may be used.
    #[must_use]
    pub fn has(&self, mechanism: Mechanism) -> bool {
        match &self.0 {
            Some(named) => named.contains(&mechanism),
            None => !mechanism.only_named(),
        }
    }

    /// Whether the configuration names what may be used.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.0.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_the_order_of_the_type_and_names_lead_back() {
        let mut sorted = Mechanism::ALL;
        sorted.sort();
        assert_eq!(sorted, Mechanism::ALL);
        for mechanism in Mechanism::ALL {
            let name = mechanism.name();
            assert_eq!(Mechanism::parse(name), Some(mechanism));
            assert_eq!(Mechanism::parse(&name.to_lowercase()), Some(mechanism));
        }
        assert_eq!(Mechanism::parse("SCRAM"), None);
    }

    #[test]
    fn md5_has_to_be_named() {
        let all = Allowed::default();
        assert!(all.has(Mechanism::Plain) && !all.is_limited());
        assert!(!all.has(Mechanism::CramMd5) && !all.has(Mechanism::Apop));
        let one = Allowed::only(vec![Mechanism::Apop]);
        assert!(one.has(Mechanism::Apop) && !one.has(Mechanism::Plain));
    }
}
