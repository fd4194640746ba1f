//! Where a server is and how it is to be trusted.

use std::net::{IpAddr, Ipv6Addr};

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::model::{ClientCertificate, Endpoint, Tls};
use super::paths::Places;
use super::reader::{Entry, Section, escape};

pub(super) const KEYS: [&str; 7] = [
    "host",
    "port",
    "tls",
    "tls_ca_file",
    "tls_pin_sha256",
    "tls_client_cert",
    "tls_client_key",
];

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The ports of a protocol: with TLS from the first byte, and without.
#[derive(Clone, Copy)]
pub(super) struct Ports {
    pub implicit: u16,
    pub plain: u16,
}

/// Reads the server's keys.
pub(super) fn read(section: &Section<'_>, ports: Ports, places: Places<'_>) -> Option<Endpoint> {
    let host = section
        .required("host", "host = \"imap.example.com\"")
        .and_then(|entry| host(&entry));
    let tls_entry = section.entry("tls");
    let tls = match &tls_entry {
        None => Some(Tls::Implicit),
        Some(entry) => entry.choice(&[
            ("implicit", Tls::Implicit),
            ("starttls", Tls::Starttls),
            ("none", Tls::None),
        ]),
    };
    let port = match section.entry("port") {
        None => match tls {
            Some(Tls::Implicit) | None => Some(ports.implicit),
            Some(Tls::Starttls | Tls::None) => Some(ports.plain),
        },
        Some(entry) => entry
            .integer(1..=65_535)
            .and_then(|port| u16::try_from(port).ok()),
    };
    let ca_file = section.entry("tls_ca_file").and_then(|entry| {
        entry.parsed("the path of a file in quotes", |text| places.resolve(text))
    });
    let pins_entry = section.entry("tls_pin_sha256");
    let pins = pins_entry.as_ref().map_or(Some(Vec::new()), pins);
    let certificate = client_certificate(section, places);
    if tls == Some(Tls::None) {
        if let Some(entry) = section.entry("tls_client_cert") {
            entry.wrong_key("means nothing with tls = \"none\"", None);
        }
        if let (Some(host), Some(entry)) = (&host, &tls_entry)
            && !is_loopback(host)
        {
            entry.wrong_help(
                format!(
                    "would send the password and all mail in the clear to `{}`, which is not this machine",
                    escape(host)
                ),
                "use \"implicit\" or \"starttls\"",
            );
        }
        if let Some(entry) = &pins_entry {
            entry.wrong_key("means nothing with tls = \"none\"", None);
        }
    }
    Some(Endpoint {
        host: host?,
        port: port?,
        tls: tls?,
        ca_file,
        pins: pins?,
        certificate,
    })
}

/// A client certificate and its key; one without the other is a mistake.
fn client_certificate(section: &Section<'_>, places: Places<'_>) -> Option<ClientCertificate> {
    let file = |entry: &Entry<'_>| {
        entry.parsed("the path of a file in quotes", |text| places.resolve(text))
    };
    match (
        section.entry("tls_client_cert"),
        section.entry("tls_client_key"),
    ) {
        (None, None) => None,
        (Some(certificate), Some(key)) => {
            let (certificate, key) = (file(&certificate), file(&key));
            Some(ClientCertificate {
                certificate: certificate?,
                key: key?,
            })
        }
        (Some(certificate), None) => {
            let help = "tls_client_key names the file of its private key; it may be the same";
            certificate.wrong_key("has no key", Some(help.to_owned()));
            None
        }
        (None, Some(key)) => {
            let help = "tls_client_cert names the file of the certificate; it may be the same";
            key.wrong_key("has no certificate", Some(help.to_owned()));
            None
        }
    }
}

fn host(entry: &Entry<'_>) -> Option<String> {
    let text = entry.word("a host name in quotes")?;
    if text.contains("://") {
        entry
            .wrong("is a URL, expected a host name; protocol, tls and port have keys of their own");
        return None;
    }
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    if bare.contains(':') {
        if bare.parse::<Ipv6Addr>().is_ok() {
            return Some(bare.to_owned());
        }
        entry.wrong_help(
            "is not a host name",
            "the port has a key of its own: port = 993",
        );
        return None;
    }
    let is_name = bare.len() <= 253
        && bare
            .trim_end_matches('.')
            .split('.')
            .all(|label| (1..=63).contains(&label.len()))
        && bare
            .chars()
            .all(|c| c.is_alphanumeric() || c == '-' || c == '_' || c == '.');
    if !is_name {
        entry.wrong(format!("`{}` is not a host name", escape(text)));
        return None;
    }
    Some(bare.to_owned())
}

/// Whether what is sent there never leaves this machine.
fn is_loopback(host: &str) -> bool {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn pins(entry: &Entry<'_>) -> Option<Vec<[u8; 32]>> {
    let mut pins = Vec::new();
    let mut all_fine = true;
    let elements = entry.elements("an array of SHA-256 digests in base64")?;
    if elements.is_empty() {
        entry.wrong("is empty: no key at all would be accepted");
        return None;
    }
    for element in elements {
        match element.parsed("a SHA-256 digest in base64", pin) {
            Some(pin) => pins.push(pin),
            None => all_fine = false,
        }
    }
    all_fine.then_some(pins)
}

fn pin(text: &str) -> Result<[u8; 32], String> {
    let digest = BASE64
        .decode(text.trim())
        .map_err(|_| "is not base64".to_owned())?;
    let length = digest.len();
    <[u8; 32]>::try_from(digest).map_err(|_| {
        format!("is {length} bytes long; a SHA-256 digest has 32 (44 letters of base64)")
    })
}
