//! Where a server may be, and who says so.

use std::fmt;

use super::Address;
use crate::config::Tls;

/// How mail is fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// Both sides are kept the same.
    #[default]
    Imap,
    /// Mail is fetched.
    Pop3,
}

impl Protocol {
    /// As the configuration writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
        }
    }

    /// The port that goes with it (RFC 8314, RFC 3501, RFC 1939).
    #[must_use]
    pub fn port(self, tls: Tls) -> u16 {
        match (self, tls) {
            (Self::Imap, Tls::Implicit) => 993,
            (Self::Imap, _) => 143,
            (Self::Pop3, Tls::Implicit) => 995,
            (Self::Pop3, _) => 110,
        }
    }
}

/// What the user is called at the login.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum UserName {
    /// The whole address.
    #[default]
    Address,
    /// What stands before the `@`.
    Local,
    /// Something else.
    Named(String),
}

impl UserName {
    /// The name, for this address.
    #[must_use]
    pub fn of(&self, address: &Address) -> String {
        match self {
            Self::Address => address.to_string(),
            Self::Local => address.local().to_owned(),
            Self::Named(name) => name.clone(),
        }
    }
}

/// A server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// What it speaks.
    pub protocol: Protocol,
    /// Its host name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: Tls,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = match self.protocol {
            Protocol::Imap => "IMAP",
            Protocol::Pop3 => "POP3",
        };
        let (host, port, tls) = (&self.host, self.port, self.tls.name());
        write!(f, "{protocol} at {host}:{port} (tls {tls})")
    }
}

/// Who says where a server is, the most trusted first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The user.
    User,
    /// This program knows the provider.
    Provider,
    /// The domain's own settings for mail programs, over HTTPS.
    Domain,
    /// Mozilla's collection of such settings, over HTTPS.
    Collection,
    /// DNS (RFC 6186, RFC 8314), which anybody on the way can change.
    Dns,
    /// Nobody: a name that many servers have.
    Common,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "as you said",
            Self::Provider => "known",
            Self::Domain => "the domain's own settings",
            Self::Collection => "Mozilla's collection of settings",
            Self::Dns => "the domain's DNS",
            Self::Common => "a common name",
        })
    }
}

/// A server that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it is.
    pub server: Server,
    /// What the user is called there.
    pub user: UserName,
    /// Who says so.
    pub source: Source,
}

impl Found {
    /// Whether somebody on the way may have put it there: DNS named a host outside the address's domain (RFC 6186
    /// section 6). The user has to agree before a password goes there.
    #[must_use]
    pub fn needs_consent(&self, address: &Address) -> bool {
        let host = &self.server.host;
        let inside = host == address.domain() || host.ends_with(&format!(".{}", address.domain()));
        self.source == Source::Dns && !inside
    }
}

/// The names of services to look up in DNS, the better first, and how their servers are spoken to.
#[must_use]
pub fn services(protocol: Protocol) -> [(&'static str, Tls); 2] {
    match protocol {
        Protocol::Imap => [
            ("_imaps._tcp", Tls::Implicit),
            ("_imap._tcp", Tls::Starttls),
        ],
        Protocol::Pop3 => [
            ("_pop3s._tcp", Tls::Implicit),
            ("_pop3._tcp", Tls::Starttls),
        ],
    }
}

/// What DNS says of a service: targets in their order. A target that is the root says that there is none.
#[must_use]
pub fn of_service(protocol: Protocol, tls: Tls, targets: &[(String, u16)]) -> Vec<Found> {
    let named = targets
        .iter()
        .filter(|(host, port)| *port != 0 && !host.is_empty());
    named
        .map(|(host, port)| Found {
            server: Server {
                protocol,
                host: host.clone(),
                port: *port,
                tls,
            },
            user: UserName::Address,
            source: Source::Dns,
        })
        .collect()
}

/// Where many servers are.
#[must_use]
pub fn common(protocol: Protocol, address: &Address) -> Vec<Found> {
    let domain = address.domain();
    let named = match protocol {
        Protocol::Imap => "imap",
        Protocol::Pop3 => "pop",
    };
    let hosts = [
        format!("{named}.{domain}"),
        format!("mail.{domain}"),
        domain.to_owned(),
    ];
    let both = [Tls::Implicit, Tls::Starttls].into_iter();
    let each = both.flat_map(|tls| hosts.iter().map(move |host| (host, tls)));
    each.map(|(host, tls)| Found {
        server: Server {
            protocol,
            host: host.clone(),
            port: protocol.port(tls),
            tls,
        },
        user: UserName::Address,
        source: Source::Common,
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_dns_names_outside_the_domain_needs_consent() {
        let address: Address = "alice@example.org".parse().unwrap();
        for (host, needs) in [
            ("mail.example.org", false),
            ("example.org", false),
            ("mail.example.net", true),
            ("notexample.org", true),
        ] {
            let found = of_service(Protocol::Imap, Tls::Implicit, &[(host.into(), 993)]);
            assert_eq!(found[0].needs_consent(&address), needs, "{host}");
        }
        let none = of_service(Protocol::Imap, Tls::Implicit, &[(String::new(), 0)]);
        assert!(none.is_empty());
        let common = common(Protocol::Pop3, &address);
        assert!(common.iter().all(|found| !found.needs_consent(&address)));
        assert_eq!(
            common[0].server.to_string(),
            "POP3 at pop.example.org:995 (tls implicit)"
        );
        assert_eq!(common[5].server.port, 110);
    }
}
