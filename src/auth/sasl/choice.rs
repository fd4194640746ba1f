//! Which mechanisms may be tried with a server, the strongest first.

use super::{Allowed, Kind, Mechanism};

/// What there is on our side.
#[derive(Clone, Copy, Debug)]
pub struct Means<'a> {
    /// What the account proves itself with; `None`: with the client certificate alone.
    pub secret: Option<Kind>,
    /// Whether the TLS connection has a client certificate.
    pub certificate: bool,
    /// Whether the TLS connection has something to bind to.
    pub binding: bool,
    /// What the configuration allows.
    pub allowed: &'a Allowed,
    /// Whether the last login there was bound to its TLS connection.
    pub bound_before: bool,
}

/// What a server offers.
pub trait Offer {
    /// Whether it takes this mechanism.
    fn offers(&self, mechanism: Mechanism) -> bool;
}

impl<F: Fn(Mechanism) -> bool> Offer for F {
    fn offers(&self, mechanism: Mechanism) -> bool {
        self(mechanism)
    }
}

/// Why none can be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoChoice {
    /// Both know none.
    None,
    /// The server does not offer what the last login was made by, and everything else is weaker: somebody on the way may
    /// have taken it out.
    Downgraded,
}

impl Means<'_> {
    /// Whether a login that is bound to the connection could be made if the server offered one.
    #[must_use]
    pub fn may_bind(&self) -> bool {
        Mechanism::ALL
            .into_iter()
            .any(|mechanism| mechanism.binds() && self.has(mechanism))
    }

    fn has(&self, mechanism: Mechanism) -> bool {
        let possible = match mechanism.kind() {
            Kind::Certificate => self.certificate,
            kind => self.secret == Some(kind),
        };
        possible && (self.binding || !mechanism.binds()) && self.allowed.has(mechanism)
    }
}

/// The mechanisms that both sides know, the strongest first; never empty. After a login that was bound to its connection
/// only such mechanisms are left, as long as the configuration allows one.
///
/// # Errors
/// See [`NoChoice`].
pub fn choose(means: &Means<'_>, server: &impl Offer) -> Result<Vec<Mechanism>, NoChoice> {
    let mut both: Vec<Mechanism> = Mechanism::ALL
        .into_iter()
        .filter(|mechanism| means.has(*mechanism) && server.offers(*mechanism))
        .collect();
    let held = means.bound_before
        && means.secret == Some(Kind::Password)
        && Mechanism::ALL
            .iter()
            .any(|mechanism| mechanism.binds() && means.allowed.has(*mechanism));
    if held {
        both.retain(|mechanism| mechanism.binds() || *mechanism == Mechanism::External);
        if both.is_empty() {
            return Err(NoChoice::Downgraded);
        }
    }
    if both.is_empty() {
        return Err(NoChoice::None);
    }
    Ok(both)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Mechanism as M;

    fn chosen(means: &Means<'_>, offered: &[Mechanism]) -> Result<Vec<Mechanism>, NoChoice> {
        choose(means, &|mechanism| offered.contains(&mechanism))
    }

    fn password(allowed: &Allowed) -> Means<'_> {
        Means {
            secret: Some(Kind::Password),
            certificate: false,
            binding: true,
            allowed,
            bound_before: false,
        }
    }

    #[test]
    fn the_strongest_comes_first_and_what_does_not_fit_is_left_out() {
        let all = Allowed::default();
        let means = password(&all);
        assert_eq!(
            chosen(&means, &M::ALL).unwrap(),
            [
                M::ScramSha256Plus,
                M::ScramSha1Plus,
                M::ScramSha256,
                M::ScramSha1,
                M::Plain,
                M::Login
            ]
        );
        let unbound = Means {
            binding: false,
            ..means
        };
        assert_eq!(chosen(&unbound, &M::ALL).unwrap()[0], M::ScramSha256);
        assert_eq!(chosen(&means, &[M::Login]).unwrap(), [M::Login]);
        assert_eq!(chosen(&means, &[M::XOAuth2]), Err(NoChoice::None));
        let token = Means {
            secret: Some(Kind::Token),
            ..means
        };
        let both = chosen(&token, &M::ALL).unwrap();
        assert_eq!(both, [M::OAuthBearer, M::XOAuth2]);
        let certificate = Means {
            certificate: true,
            ..means
        };
        let both = chosen(&certificate, &[M::External, M::Plain]).unwrap();
        assert_eq!(both, [M::External, M::Plain]);
        let alone = Means {
            secret: None,
            ..certificate
        };
        assert_eq!(chosen(&alone, &M::ALL).unwrap(), [M::External]);
    }

    #[test]
    fn the_configuration_limits_it() {
        let allowed = Allowed::only(vec![M::Plain, M::CramMd5]);
        let means = password(&allowed);
        assert_eq!(chosen(&means, &M::ALL).unwrap(), [M::CramMd5, M::Plain]);
        assert_eq!(chosen(&means, &[M::ScramSha256]), Err(NoChoice::None));
    }

    #[test]
    fn a_bound_login_is_not_followed_by_a_weaker_one() {
        let all = Allowed::default();
        let means = Means {
            bound_before: true,
            ..password(&all)
        };
        let both = chosen(&means, &M::ALL).unwrap();
        assert_eq!(both, [M::ScramSha256Plus, M::ScramSha1Plus]);
        let weaker = [M::ScramSha256, M::Plain];
        assert_eq!(chosen(&means, &weaker), Err(NoChoice::Downgraded));
        let unbound = Means {
            binding: false,
            ..means
        };
        assert_eq!(chosen(&unbound, &M::ALL), Err(NoChoice::Downgraded));
        // Who names others knows.
        let named = Allowed::only(vec![M::ScramSha256]);
        let limited = Means {
            allowed: &named,
            ..means
        };
        assert_eq!(chosen(&limited, &weaker).unwrap(), [M::ScramSha256]);
    }
}
