//! TLS over a TCP connection: 1.2 or later, always verified.
//!
//! Three ways to trust a server: the platform's authorities; those and the certificates of a file; or, if pins are
//! given, exactly the pinned keys and nothing else. There is no way to trust everybody.
//!
//! A [`TlsSettings`] and its clones share one configuration, built at the first handshake, and with it the tickets by
//! which later handshakes are resumed.

mod binding;
mod identity;
mod resumption;
pub mod trust;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::{InvalidDnsNameError, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, HandshakeKind, OtherError, ProtocolVersion};
use tokio::io::{BufReader, BufWriter};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

pub use binding::ChannelBinding;
pub use identity::{ClientIdentity, IdentityError};
pub use trust::{Pin, PinError};

/// rustls reads 4 KiB at a time; this makes one system call of sixteen of its reads.
const READ_AHEAD: usize = 64 * 1024;
/// One full TLS record: what is written between two flushes goes out as one, if it fits.
const RECORD: usize = 16 * 1024;

/// When TLS begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsMode {
    /// With the first octet (RFC 8314).
    #[default]
    Implicit,
    /// After the protocol's STARTTLS, and before anything else.
    StartTls,
    /// Never. Only to this machine.
    None,
}

/// How one account's server is reached and trusted.
#[derive(Clone)]
pub struct TlsSettings {
    /// When TLS begins.
    pub mode: TlsMode,
    ca_file: Option<PathBuf>,
    pins: Vec<Pin>,
    identity: Option<ClientIdentity>,
    config: Arc<OnceLock<Arc<ClientConfig>>>,
}

impl fmt::Debug for TlsSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSettings")
            .field("mode", &self.mode)
            .field("ca_file", &self.ca_file)
            .field("pins", &self.pins)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

/// Why there is no trusted, encrypted stream.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file of trusted certificates could not be read.
    #[error("cannot use the certificates in {}", .file.display())]
    CaFile {
        /// The file.
        file: PathBuf,
        /// Why.
        source: trust::CaFileError,
    },
    /// The client certificate or its key cannot be used.
    #[error(transparent)]
    Identity(Box<IdentityError>),
    /// The platform's authorities could not be loaded, and nothing else is trusted.
    #[error("no trusted certificate authorities on this system")]
    Platform(#[source] rustls::Error),
    /// The host is neither a DNS name nor an address.
    #[error("{host:?} cannot be the name of a TLS server")]
    HostName {
        /// What was given.
        host: String,
        /// Why.
        source: InvalidDnsNameError,
    },
    /// Nobody we know signed the certificate.
    #[error("the certificate of {host} is signed by nobody trusted here{}", remedy(.pin.as_deref()))]
    UnknownIssuer {
        /// The server.
        host: String,
        /// Its key.
        pin: Option<Box<Pin>>,
    },
    /// The certificate is another server's.
    #[error("the certificate of {host} is for {}{}", presented(.names), remedy(.pin.as_deref()))]
    WrongHost {
        /// The server.
        host: String,
        /// The names in its certificate, escaped.
        names: Vec<String>,
        /// Its key.
        pin: Option<Box<Pin>>,
    },
    /// The certificate has expired, or an authority's has.
    #[error("the certificate of {host} has expired{}{}", dates.as_ref().map(Dates::since).unwrap_or_default(), remedy(.pin.as_deref()))]
    Expired {
        /// The server.
        host: String,
        /// When, and when that is.
        dates: Option<Dates>,
        /// Its key.
        pin: Option<Box<Pin>>,
    },
    /// The certificate is not valid yet. Perhaps this machine's clock is wrong.
    #[error("the certificate of {host} is not valid yet{}{}", dates.as_ref().map(Dates::until).unwrap_or_default(), remedy(.pin.as_deref()))]
    NotYetValid {
        /// The server.
        host: String,
        /// From when on it is, and when that is.
        dates: Option<Dates>,
        /// Its key.
        pin: Option<Box<Pin>>,
    },
    /// The server's key is none of the pinned ones.
    #[error(
        "tls_pin_sha256 does not match: the key of {host} is another one. Either the server has a new key, or this is not the \
         server. Once whoever runs it has said that the key is new: tls_pin_sha256 = [\"{presented}\"]"
    )]
    NotPinned {
        /// The server.
        host: String,
        /// Its key, as it would have to be written in the configuration.
        presented: Pin,
    },
    /// The certificate is no good for another reason.
    #[error("the certificate of {host} cannot be accepted{}", remedy(.pin.as_deref()))]
    Certificate {
        /// The server.
        host: String,
        /// Its key.
        pin: Option<Box<Pin>>,
        /// The reason.
        source: rustls::Error,
    },
    /// What came was not TLS, or no version or cipher suits both sides.
    #[error("no TLS with {host}")]
    Handshake {
        /// The server.
        host: String,
        /// What went wrong.
        source: io::Error,
    },
}

/// A day in the life of a certificate, and the present one, as this machine has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dates {
    limit: UnixTime,
    now: UnixTime,
}

impl Dates {
    fn since(&self) -> String {
        format!(" since {} (here it is {})", day(self.limit), day(self.now))
    }

    fn until(&self) -> String {
        format!(
            ", but from {} on (here it is {})",
            day(self.limit),
            day(self.now)
        )
    }
}

/// The day in UTC.
fn day(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).map_or_else(
        |_| "a day beyond all calendars".to_owned(),
        |time| time.strftime("%Y-%m-%d").to_string(),
    )
}

/// What would trust the server all the same.
fn remedy(pin: Option<&Pin>) -> String {
    pin.map_or_else(String::new, |pin| {
        format!(
            ". If it is the right server all the same, this trusts its key, and no other: tls_pin_sha256 = [\"{pin}\"]"
        )
    })
}

fn presented(names: &[String]) -> String {
    if names.is_empty() {
        "no name at all".to_owned()
    } else {
        names.join(", ")
    }
}

/// An encrypted stream. Writes are gathered until a flush, or a full record.
pub type TlsStream = BufWriter<tokio_rustls::client::TlsStream<BufReader<TcpStream>>>;

/// A handshake that succeeded.
#[derive(Debug)]
pub struct Secured {
    /// The encrypted stream.
    pub stream: TlsStream,
    /// How often the handshake waited for the server.
    pub round_trips: u32,
    /// What a login can be bound to.
    pub binding: Option<ChannelBinding>,
    /// Whether there is a client certificate for servers that ask for one.
    pub certificate: bool,
}

impl TlsSettings {
    /// Settings that trust the platform's authorities, the certificates in `ca_file` as well, or, if there are `pins`,
    /// only those keys. Reads no file yet.
    #[must_use]
    pub fn new(mode: TlsMode, ca_file: Option<PathBuf>, pins: Vec<Pin>) -> Self {
        Self {
            mode,
            ca_file,
            pins,
            identity: None,
            config: Arc::new(OnceLock::new()),
        }
    }

    /// The same with a client certificate, which servers that ask for one are shown. Reads no file yet.
    #[must_use]
    pub fn identified(self, identity: Option<ClientIdentity>) -> Self {
        Self {
            identity,
            config: Arc::new(OnceLock::new()),
            ..self
        }
    }

    /// Loads whom to trust, on a thread of its own: so that it can be done while the connection is being made.
    ///
    /// # Errors
    /// [`Error::CaFile`] and [`Error::Platform`].
    pub async fn prepare(&self) -> Result<(), Error> {
        if self.config.get().is_some() {
            return Ok(());
        }
        let settings = self.clone();
        // Without a thread the handshake does it.
        let loaded = tokio::task::spawn_blocking(move || settings.config().map(drop)).await;
        loaded.unwrap_or(Ok(()))
    }

    /// Makes a TCP connection to `host` an encrypted one. Whoever calls sets the time limit.
    ///
    /// # Errors
    /// The first reason not to trust the server, or what broke the handshake. Nothing but the handshake was sent.
    pub async fn handshake(&self, host: &str, tcp: TcpStream) -> Result<Secured, Error> {
        let connector = TlsConnector::from(self.config()?);
        let name = ServerName::try_from(host.to_owned()).map_err(|source| Error::HostName {
            host: host.to_owned(),
            source,
        })?;
        let below = BufReader::with_capacity(READ_AHEAD, tcp);
        let stream = connector
            .connect(name, below)
            .await
            .map_err(|error| explain(host, error))?;
        let (_, state) = stream.get_ref();
        let round_trips = match (state.protocol_version(), state.handshake_kind()) {
            (Some(ProtocolVersion::TLSv1_3), Some(HandshakeKind::FullWithHelloRetryRequest)) => 2,
            (Some(ProtocolVersion::TLSv1_3), _) | (_, Some(HandshakeKind::Resumed)) => 1,
            _ => 2,
        };
        let binding = binding::of(state);
        Ok(Secured {
            stream: BufWriter::with_capacity(RECORD, stream),
            round_trips,
            binding,
            certificate: self.identity.is_some(),
        })
    }

    /// The configuration, built once. An error is not kept: the file may be right the next time.
    fn config(&self) -> Result<Arc<ClientConfig>, Error> {
        if let Some(config) = self.config.get() {
            return Ok(Arc::clone(config));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = trust::verifier(self.ca_file.as_deref(), &self.pins, &provider)?;
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(Error::Platform)?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let certificate = self
            .identity
            .as_ref()
            .map(|identity| identity.load(&provider));
        let certificate = certificate
            .transpose()
            .map_err(|error| Error::Identity(Box::new(error)))?;
        let (answering, resumption) = resumption::pair(certificate.map(Arc::new));
        let mut config = builder.with_client_cert_resolver(answering);
        config.resumption = resumption;
        Ok(Arc::clone(self.config.get_or_init(|| Arc::new(config))))
    }
}

/// Gives a failed handshake its reason.
fn explain(host: &str, error: io::Error) -> Error {
    let host = host.to_owned();
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let Some(rustls::Error::InvalidCertificate(reason)) = inner else {
        return Error::Handshake {
            host,
            source: error,
        };
    };
    if let CertificateError::Other(OtherError(other)) = reason {
        if let Some(trust::PinMismatch { presented }) = other.downcast_ref() {
            let presented = *presented;
            return Error::NotPinned { host, presented };
        }
        if let Some(rejected) = other.downcast_ref::<trust::Rejected>() {
            return judge(host, &rejected.reason, rejected.presented.map(Box::new));
        }
    }
    judge(host, reason, None)
}

/// What is wrong with a certificate.
fn judge(host: String, reason: &CertificateError, pin: Option<Box<Pin>>) -> Error {
    use CertificateError as E;
    match reason {
        E::UnknownIssuer => Error::UnknownIssuer { host, pin },
        E::Expired => Error::Expired {
            host,
            dates: None,
            pin,
        },
        E::ExpiredContext { time, not_after } => Error::Expired {
            host,
            dates: Some(Dates {
                limit: *not_after,
                now: *time,
            }),
            pin,
        },
        E::NotValidYet => Error::NotYetValid {
            host,
            dates: None,
            pin,
        },
        E::NotValidYetContext { time, not_before } => Error::NotYetValid {
            host,
            dates: Some(Dates {
                limit: *not_before,
                now: *time,
            }),
            pin,
        },
        E::NotValidForName => Error::WrongHost {
            host,
            names: Vec::new(),
            pin,
        },
        E::NotValidForNameContext { presented, .. } => Error::WrongHost {
            host,
            names: presented.iter().take(8).map(|name| plain(name)).collect(),
            pin,
        },
        // A certificate that signed itself often calls itself an authority too.
        E::Other(OtherError(other))
            if matches!(other.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity)) =>
        {
            Error::UnknownIssuer { host, pin }
        }
        _ => Error::Certificate {
            host,
            pin,
            source: rustls::Error::InvalidCertificate(reason.clone()),
        },
    }
}

/// A name out of a stranger's certificate, fit to be shown.
fn plain(name: &str) -> String {
    // The verifier wraps names for debugging: `DnsName("mail.example.org")`.
    let bare = name.split('"').nth(1).unwrap_or(name);
    bare.chars()
        .take(100)
        .flat_map(char::escape_default)
        .collect()
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
