//! Whom to believe: the verifiers behind [`TlsSettings`](super::TlsSettings).

use std::fmt;
use std::io;
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier as PlatformVerifier;
use sha2::{Digest as _, Sha256};

use super::Error;

/// No honest file of authorities is larger.
const CA_FILE_LIMIT: u64 = 4 << 20;

/// SHA-256 of a server's public key (its SubjectPublicKeyInfo in DER), written in base64.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pin([u8; 32]);

/// A pin that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a pin is the base64 of a SHA-256, 44 characters that end in \"=\"")]
pub struct PinError;

impl From<[u8; 32]> for Pin {
    fn from(digest: [u8; 32]) -> Self {
        Self(digest)
    }
}

impl FromStr for Pin {
    type Err = PinError;

    fn from_str(text: &str) -> Result<Self, PinError> {
        let octets = STANDARD.decode(text).map_err(|_| PinError)?;
        octets.try_into().map(Self).map_err(|_| PinError)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pin({self})")
    }
}

/// The key that was presented instead of a pinned one.
#[derive(Debug, thiserror::Error)]
#[error("the key {presented} is not pinned")]
pub struct PinMismatch {
    /// The server's key.
    pub presented: Pin,
}

/// A certificate that is not accepted, with the key in it.
#[derive(Debug, thiserror::Error)]
#[error("the certificate is not accepted")]
pub(super) struct Rejected {
    /// Why.
    pub(super) reason: CertificateError,
    /// The server's key.
    pub(super) presented: Option<Pin>,
}

/// What is wrong with a file of certificates.
#[derive(Debug, thiserror::Error)]
pub enum CaFileError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// It is larger than 4 MiB.
    #[error("it is too large")]
    TooLarge,
    /// It is not PEM.
    #[error("it is not PEM")]
    Pem(#[source] pem::Error),
    /// It has no certificate in it.
    #[error("it contains no certificate")]
    Empty,
    /// One of its certificates is malformed.
    #[error("certificate {number} in it is malformed")]
    Certificate {
        /// Counted from 1.
        number: usize,
        /// What is wrong.
        source: rustls::Error,
    },
    /// They cannot be used together.
    #[error("its certificates cannot be used")]
    Unusable(#[source] rustls::client::VerifierBuilderError),
}

/// The verifier that these settings ask for.
pub(super) fn verifier(
    ca_file: Option<&Path>,
    pins: &[Pin],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    if !pins.is_empty() {
        return Ok(Arc::new(Pinned {
            pins: pins.to_vec(),
            provider: Arc::clone(provider),
        }));
    }
    let Some(file) = ca_file else {
        let platform = platform(provider).map_err(Error::Platform)?;
        return Ok(Arc::new(Naming(platform)));
    };
    let listed = Listed::load(file, provider).map_err(|source| Error::CaFile {
        file: file.to_owned(),
        source,
    })?;
    Ok(Arc::new(Naming(Arc::new(listed))))
}

/// The key in a certificate.
fn key(certificate: &CertificateDer<'_>) -> Option<Pin> {
    let certificate = webpki::EndEntityCert::try_from(certificate).ok()?;
    let key = certificate.subject_public_key_info();
    Some(Pin(Sha256::digest(key.as_ref()).into()))
}

/// Decides as another verifier does, and names the server's key with what it refuses.
#[derive(Debug)]
struct Naming(Arc<dyn ServerCertVerifier>);

impl ServerCertVerifier for Naming {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict =
            self.0
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        verdict.map_err(|error| match error {
            rustls::Error::InvalidCertificate(reason) => {
                let presented = key(end_entity);
                let rejected = OtherError(Arc::new(Rejected { reason, presented }));
                CertificateError::Other(rejected).into()
            }
            other => other,
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// The platform's authorities: some milliseconds to load, so once per process.
fn platform(provider: &Arc<CryptoProvider>) -> Result<Arc<PlatformVerifier>, rustls::Error> {
    static SHARED: OnceLock<Arc<PlatformVerifier>> = OnceLock::new();
    if let Some(shared) = SHARED.get() {
        return Ok(Arc::clone(shared));
    }
    let fresh = Arc::new(PlatformVerifier::new(Arc::clone(provider))?);
    Ok(Arc::clone(SHARED.get_or_init(|| fresh)))
}

fn signatures_tls12(
    provider: &CryptoProvider,
    message: &[u8],
    cert: &CertificateDer<'_>,
    dss: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, rustls::Error> {
    verify_tls12_signature(
        message,
        cert,
        dss,
        &provider.signature_verification_algorithms,
    )
}

fn signatures_tls13(
    provider: &CryptoProvider,
    message: &[u8],
    cert: &CertificateDer<'_>,
    dss: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, rustls::Error> {
    verify_tls13_signature(
        message,
        cert,
        dss,
        &provider.signature_verification_algorithms,
    )
}

/// Believes exactly some keys, whoever signed them, whatever name and dates the certificate has. The server still
/// proves that it holds the key.
#[derive(Debug)]
struct Pinned {
    pins: Vec<Pin>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let presented = key(end_entity).ok_or(CertificateError::BadEncoding)?;
        if self.pins.contains(&presented) {
            return Ok(ServerCertVerified::assertion());
        }
        let mismatch = OtherError(Arc::new(PinMismatch { presented }));
        Err(CertificateError::Other(mismatch).into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        signatures_tls12(&self.provider, message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        signatures_tls13(&self.provider, message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Believes the certificates of a file as authorities, each of them as itself, and the platform's authorities.
#[derive(Debug)]
struct Listed {
    certificates: Vec<CertificateDer<'static>>,
    authorities: Arc<WebPkiServerVerifier>,
    provider: Arc<CryptoProvider>,
}

impl Listed {
    fn load(file: &Path, provider: &Arc<CryptoProvider>) -> Result<Self, CaFileError> {
        if std::fs::metadata(file)?.len() > CA_FILE_LIMIT {
            return Err(CaFileError::TooLarge);
        }
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(&std::fs::read(file)?)
            .collect::<Result<_, _>>()
            .map_err(CaFileError::Pem)?;
        if certificates.is_empty() {
            return Err(CaFileError::Empty);
        }
        let mut roots = RootCertStore::empty();
        for (number, certificate) in (1..).zip(&certificates) {
            roots
                .add(certificate.clone())
                .map_err(|source| CaFileError::Certificate { number, source })?;
        }
        let authorities =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
                .build()
                .map_err(CaFileError::Unusable)?;
        Ok(Self {
            certificates,
            authorities,
            provider: Arc::clone(provider),
        })
    }

    /// Whether the server's own certificate is in the file and for this host. It may be self-signed, or an authority,
    /// or signed by anybody: that it is listed is what counts.
    fn accepts_itself(
        &self,
        end_entity: &CertificateDer<'_>,
        server_name: &ServerName<'_>,
    ) -> Result<bool, rustls::Error> {
        if !self.certificates.contains(end_entity) {
            return Ok(false);
        }
        webpki::EndEntityCert::try_from(end_entity)
            .map_err(|_| CertificateError::BadEncoding)?
            .verify_is_valid_for_subject_name(server_name)
            .map_err(wrong_name)?;
        Ok(true)
    }
}

fn wrong_name(error: webpki::Error) -> CertificateError {
    match error {
        webpki::Error::CertNotValidForName(context) => CertificateError::NotValidForNameContext {
            expected: context.expected,
            presented: context.presented,
        },
        _ => CertificateError::NotValidForName,
    }
}

/// Whether the dates or the name are wrong, which being listed does not mend.
fn is_final(error: &rustls::Error) -> bool {
    use CertificateError as E;
    matches!(
        error,
        rustls::Error::InvalidCertificate(
            E::Expired
                | E::ExpiredContext { .. }
                | E::NotValidYet
                | E::NotValidYetContext { .. }
                | E::NotValidForName
                | E::NotValidForNameContext { .. }
        )
    )
}

impl ServerCertVerifier for Listed {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict = self.authorities.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        // Dates are looked at before the issuer, so an expired certificate never gets past here.
        let refusal = match verdict {
            Err(refusal) if !is_final(&refusal) => refusal,
            decided => return decided,
        };
        if self.accepts_itself(end_entity, server_name)? {
            return Ok(ServerCertVerified::assertion());
        }
        // Loaded only now: who names a file mostly needs nothing else. A system may have no authorities of its own.
        match platform(&self.provider) {
            Ok(platform) => platform.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            ),
            Err(_) => Err(refusal),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        signatures_tls12(&self.provider, message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        signatures_tls13(&self.provider, message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
