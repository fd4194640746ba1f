//! Mail providers that this program knows: where their servers are and what they take at the login (`providers.toml`).

use std::sync::OnceLock;

use serde::Deserialize;

use super::{Found, Protocol, Server, Source, UserName};
use crate::config::Tls;

/// What a provider takes at the login.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignIn {
    /// The password of the account.
    #[default]
    Password,
    /// A password of its own for this program, made on the provider's pages.
    AppPassword,
    /// An access token (OAuth 2.0), and nothing else.
    Token,
}

/// One provider.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// What it is called.
    pub name: String,
    /// The domains of its addresses.
    #[serde(default)]
    domains: Vec<String>,
    /// The domains of the hosts that take mail for domains of its customers (MX).
    #[serde(default)]
    exchangers: Vec<String>,
    imap: Place,
    pop3: Option<Place>,
    /// Whether the user name is what stands before the `@`.
    #[serde(default)]
    local_user: bool,
    /// What it takes at the login.
    #[serde(default)]
    pub sign_in: SignIn,
    /// What to know before the login: where to get the password, what to switch on.
    pub advice: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    host: String,
    port: Option<u16>,
    #[serde(default)]
    starttls: bool,
}

impl Provider {
    /// Its server, if it has one for this protocol.
    #[must_use]
    pub fn server(&self, protocol: Protocol) -> Option<Found> {
        let place = match protocol {
            Protocol::Imap => Some(&self.imap),
            Protocol::Pop3 => self.pop3.as_ref(),
        }?;
        let tls = if place.starttls {
            Tls::Starttls
        } else {
            Tls::Implicit
        };
        Some(Found {
            server: Server {
                protocol,
                host: place.host.clone(),
                port: place.port.unwrap_or_else(|| protocol.port(tls)),
                tls,
            },
            user: if self.local_user {
                UserName::Local
            } else {
                UserName::Address
            },
            source: Source::Provider,
        })
    }
}

/// The provider whose addresses have this domain.
#[must_use]
pub fn by_domain(domain: &str) -> Option<&'static Provider> {
    all()
        .iter()
        .find(|provider| provider.domains.iter().any(|known| known == domain))
}

/// The provider to whose hosts the mail of a domain goes.
#[must_use]
pub fn by_exchanger(host: &str) -> Option<&'static Provider> {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let is_below = |domain: &String| {
        host == *domain
            || host
                .strip_suffix(domain.as_str())
                .is_some_and(|rest| rest.ends_with('.'))
    };
    all()
        .iter()
        .find(|provider| provider.exchangers.iter().any(is_below))
}

fn all() -> &'static [Provider] {
    #[derive(Deserialize)]
    struct Table {
        provider: Vec<Provider>,
    }
    static ALL: OnceLock<Vec<Provider>> = OnceLock::new();
    ALL.get_or_init(|| {
        let table: Result<Table, _> = toml::from_str(include_str!("providers.toml"));
        // A test reads the table; what is compiled in does not change afterwards.
        table.map(|table| table.provider).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_can_be_read_and_names_each_domain_once() {
        assert!(all().len() > 15);
        let mut seen = BTreeSet::new();
        for provider in all() {
            for (kind, domains) in [(0, &provider.domains), (1, &provider.exchangers)] {
                for domain in domains {
                    assert_eq!(domain, &domain.to_ascii_lowercase());
                    assert!(seen.insert((kind, domain)), "{domain}");
                }
            }
            let known = !provider.domains.is_empty() || !provider.exchangers.is_empty();
            assert!(known, "{}", provider.name);
            if provider.sign_in == SignIn::AppPassword {
                assert!(provider.advice.is_some(), "{}", provider.name);
            }
        }
    }

    #[test]
    fn providers_are_found_by_domain_and_by_exchanger() {
        let gmail = by_domain("gmail.com").unwrap();
        let found = gmail.server(Protocol::Imap).unwrap();
        assert_eq!(
            found.server.to_string(),
            "IMAP at imap.gmail.com:993 (tls implicit)"
        );
        assert!(by_domain("example.org").is_none());
        assert_eq!(
            by_exchanger("ASPMX.L.GOOGLE.COM.").unwrap().name,
            "Google Workspace"
        );
        assert!(by_exchanger("aspmx.notgoogle.com").is_none());
        let icloud = by_domain("icloud.com").unwrap();
        assert_eq!(icloud.server(Protocol::Imap).unwrap().user, UserName::Local);
        assert!(icloud.server(Protocol::Pop3).is_none());
    }
}
