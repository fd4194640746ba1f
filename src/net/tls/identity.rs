//! The client certificate: files, and what is wrong with them.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

/// No honest certificate or key is longer.
const LIMIT: u64 = 1 << 20;

/// Where a client certificate and its key are, both PEM; one file may hold both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The certificate, and those of authorities between it and one that the server trusts.
    pub certificate: PathBuf,
    /// Its private key, which only its owner may read.
    pub key: PathBuf,
}

/// What is wrong with a client certificate.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file cannot be read.
    #[error("cannot read {key} in {}", .file.display())]
    Read {
        /// The key of the configuration.
        key: &'static str,
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others than its owner may read or change the private key.
    #[error("others can get at the private key in {} (mode {mode:04o}): chmod 600 it", .file.display())]
    Exposed {
        /// The file.
        file: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is not PEM, or has not what it should have in it.
    #[error("no {wanted} in {} ({key}): it has to be PEM, not encrypted", .file.display())]
    Pem {
        /// The key of the configuration.
        key: &'static str,
        /// What it should have in it.
        wanted: &'static str,
        /// The file.
        file: PathBuf,
        /// What is wrong.
        source: Option<pem::Error>,
    },
    /// They do not fit together, or the kind of key is unknown.
    #[error("the certificate in {} cannot be used with the key in {}", .certificate.display(), .key.display())]
    Unusable {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

impl ClientIdentity {
    /// Reads both files.
    pub(super) fn load(&self, provider: &CryptoProvider) -> Result<CertifiedKey, IdentityError> {
        let certificates = self.certificates()?;
        let key = self.key()?;
        CertifiedKey::from_der(certificates, key, provider).map_err(|source| {
            IdentityError::Unusable {
                certificate: self.certificate.clone(),
                key: self.key.clone(),
                source,
            }
        })
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
        const KEY: &str = "tls_client_cert";
        let missing = |source| IdentityError::Pem {
            key: KEY,
            wanted: "certificate",
            file: self.certificate.clone(),
            source,
        };
        let (text, _) = read(KEY, &self.certificate)?;
        let found: Vec<_> = CertificateDer::pem_slice_iter(&text)
            .collect::<Result<_, _>>()
            .map_err(|error| missing(Some(error)))?;
        if found.is_empty() {
            return Err(missing(None));
        }
        Ok(found)
    }

    fn key(&self) -> Result<PrivateKeyDer<'static>, IdentityError> {
        const KEY: &str = "tls_client_key";
        let (text, mode) = read(KEY, &self.key)?;
        if mode & 0o077 != 0 {
            return Err(IdentityError::Exposed {
                file: self.key.clone(),
                mode,
            });
        }
        PrivateKeyDer::from_pem_slice(&text).map_err(|error| IdentityError::Pem {
            key: KEY,
            wanted: "private key",
            file: self.key.clone(),
            source: Some(error),
        })
    }
}

/// What is in a file, and its permission bits.
fn read(key: &'static str, file: &Path) -> Result<(Zeroizing<Vec<u8>>, u32), IdentityError> {
    let failed = |source| IdentityError::Read {
        key,
        file: file.to_owned(),
        source,
    };
    // A pipe would block when it is opened.
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(failed(io::ErrorKind::InvalidInput.into()));
    }
    let opened = File::open(file).map_err(failed)?;
    let seen = opened.metadata().map_err(failed)?;
    let room = usize::try_from(seen.len().min(LIMIT)).unwrap_or(0);
    let mut text = Zeroizing::new(Vec::with_capacity(room + 1));
    opened.take(LIMIT).read_to_end(&mut text).map_err(failed)?;
    Ok((text, seen.mode() & 0o7777))
}
