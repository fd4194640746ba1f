//! A provider's settings for mail programs: the XML that Thunderbird reads (`clientConfig`).

use roxmltree::{Document, Node};

use super::{Address, Found, Protocol, Server, Source, UserName};
use crate::config::Tls;

/// Why settings say nothing.
#[derive(Debug, thiserror::Error)]
pub enum AutoconfigError {
    /// It is no XML.
    #[error("it is no XML: {0}")]
    Xml(#[from] roxmltree::Error),
    /// It is XML of another kind.
    #[error("it is no `clientConfig`")]
    Kind,
}

/// Where the settings of a domain are looked for, the most trusted first. All of them are asked over HTTPS.
#[must_use]
pub fn places(domain: &str) -> [(String, Source); 3] {
    [
        (
            format!("https://autoconfig.{domain}/mail/config-v1.1.xml"),
            Source::Domain,
        ),
        (
            format!("https://{domain}/.well-known/autoconfig/mail/config-v1.1.xml"),
            Source::Domain,
        ),
        (
            format!("https://autoconfig.thunderbird.net/v1.1/{domain}"),
            Source::Collection,
        ),
    ]
}

/// The servers that settings name for a protocol, in their order. Those without TLS are left out, and so are those that
/// want something else than a password or a token.
///
/// # Errors
/// See [`AutoconfigError`].
pub fn autoconfig(
    text: &str,
    protocol: Protocol,
    address: &Address,
    source: Source,
) -> Result<Vec<Found>, AutoconfigError> {
    let document = Document::parse(text)?;
    let root = document.root_element();
    if !root.has_tag_name("clientConfig") {
        return Err(AutoconfigError::Kind);
    }
    let servers = root.descendants().filter(|node| {
        node.has_tag_name("incomingServer") && node.attribute("type") == Some(protocol.name())
    });
    Ok(servers
        .filter_map(|node| server(node, protocol, address, source))
        .collect())
}

fn server(
    node: Node<'_, '_>,
    protocol: Protocol,
    address: &Address,
    source: Source,
) -> Option<Found> {
    let text = |name: &str| {
        let child = node.children().find(|child| child.has_tag_name(name))?;
        let text = fill(child.text()?.trim(), address);
        (!text.is_empty() && !text.contains(char::is_whitespace)).then_some(text)
    };
    let tls = match text("socketType")?.to_ascii_lowercase().as_str() {
        "ssl" => Tls::Implicit,
        "starttls" => Tls::Starttls,
        _ => return None,
    };
    let port = match text("port") {
        Some(port) => port.parse().ok().filter(|port| *port != 0)?,
        None => protocol.port(tls),
    };
    let user = match text("username") {
        None => UserName::Address,
        Some(name) if name == address.to_string() => UserName::Address,
        Some(name) if name == address.local() => UserName::Local,
        Some(name) => UserName::Named(name),
    };
    Some(Found {
        server: Server {
            protocol,
            host: text("hostname")?.to_ascii_lowercase(),
            port,
            tls,
        },
        user,
        source,
    })
}

/// Puts the address in where its parts are asked for.
fn fill(text: &str, address: &Address) -> String {
    text.replace("%EMAILADDRESS%", &address.to_string())
        .replace("%EMAILLOCALPART%", address.local())
        .replace("%EMAILDOMAIN%", address.domain())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: &str = r#"<?xml version="1.0"?>
        <clientConfig version="1.1"><emailProvider id="example.org">
          <domain>example.org</domain>
          <incomingServer type="imap">
            <hostname>IMAP.%EMAILDOMAIN%</hostname><port>143</port><socketType>plain</socketType>
            <username>%EMAILADDRESS%</username>
          </incomingServer>
          <incomingServer type="imap">
            <hostname>IMAP.%EMAILDOMAIN%</hostname><port>993</port><socketType>SSL</socketType>
            <authentication>password-cleartext</authentication><username>%EMAILLOCALPART%</username>
          </incomingServer>
          <incomingServer type="pop3">
            <hostname>pop.example.net</hostname><socketType>STARTTLS</socketType><username>x%EMAILLOCALPART%</username>
          </incomingServer>
          <outgoingServer type="smtp"><hostname>smtp.example.org</hostname></outgoingServer>
        </emailProvider></clientConfig>"#;

    #[test]
    fn servers_come_in_their_order_and_only_with_tls() {
        let address: Address = "alice@example.org".parse().unwrap();
        let read = |protocol| autoconfig(SETTINGS, protocol, &address, Source::Domain).unwrap();
        let imap = read(Protocol::Imap);
        assert_eq!(imap.len(), 1);
        assert_eq!(
            imap[0].server.to_string(),
            "IMAP at imap.example.org:993 (tls implicit)"
        );
        assert_eq!(imap[0].user, UserName::Local);
        let pop3 = read(Protocol::Pop3);
        assert_eq!(
            pop3[0].server.to_string(),
            "POP3 at pop.example.net:110 (tls starttls)"
        );
        assert_eq!(pop3[0].user, UserName::Named("xalice".into()));
    }

    #[test]
    fn what_is_something_else_says_nothing() {
        let address: Address = "alice@example.org".parse().unwrap();
        for text in ["<html></html>", "no XML", "", "<clientConfig>"] {
            assert!(
                autoconfig(text, Protocol::Imap, &address, Source::Domain).is_err(),
                "{text}"
            );
        }
        let half = "<clientConfig><incomingServer type=\"imap\"><socketType>SSL</socketType><hostname>a b</hostname>\
                    </incomingServer></clientConfig>";
        assert!(
            autoconfig(half, Protocol::Imap, &address, Source::Domain)
                .unwrap()
                .is_empty()
        );
    }
}
