//! What both ends of a TLS connection know, and nobody between them, for logins that are bound to it (RFC 5056).

use std::fmt;

use rustls::{ClientConnection, ProtocolVersion};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// A channel binding.
#[derive(Clone, PartialEq, Eq)]
pub struct ChannelBinding {
    /// Its registered name.
    pub name: &'static str,
    /// Its data.
    pub data: Vec<u8>,
}

impl fmt::Debug for ChannelBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChannelBinding({})", self.name)
    }
}

/// The binding of a connection after its handshake: `tls-exporter` (RFC 9266) with TLS 1.3, `tls-server-end-point` (RFC
/// 5929 section 4) with TLS 1.2, where an exporter needs an extension that rustls does not report. `None` where the
/// certificate's signature has no single hash function.
pub(super) fn of(connection: &ClientConnection) -> Option<ChannelBinding> {
    if connection.protocol_version() == Some(ProtocolVersion::TLSv1_3) {
        let data =
            connection.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(&[]));
        return Some(ChannelBinding {
            name: "tls-exporter",
            data: data.ok()?.to_vec(),
        });
    }
    let certificate = connection.peer_certificates()?.first()?;
    Some(ChannelBinding {
        name: "tls-server-end-point",
        data: end_point(certificate)?,
    })
}

/// The certificate's digest by the hash function of its signature; SHA-256 where that is MD5 or SHA-1.
fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    /// 1.2.840.113549.1.1: RSA with a hash function.
    const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
    /// 1.2.840.10045.4: ECDSA with one.
    const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04];
    let algorithm = signature_algorithm(certificate)?;
    let rsa = algorithm.strip_prefix(RSA);
    let ecdsa = algorithm.strip_prefix(ECDSA);
    match (rsa, ecdsa) {
        (Some([4 | 5 | 11]), _) | (_, Some([1] | [3, 2])) => {
            Some(Sha256::digest(certificate).to_vec())
        }
        (Some([12]), _) | (_, Some([3, 3])) => Some(Sha384::digest(certificate).to_vec()),
        (Some([13]), _) | (_, Some([3, 4])) => Some(Sha512::digest(certificate).to_vec()),
        _ => None,
    }
}

/// The identifier in `signatureAlgorithm` of a certificate in DER (RFC 5280 section 4.1).
fn signature_algorithm(certificate: &[u8]) -> Option<&[u8]> {
    const SEQUENCE: u8 = 0x30;
    const IDENTIFIER: u8 = 0x06;
    let (inside, _) = element(certificate, SEQUENCE)?;
    let (_, behind) = element(inside, SEQUENCE)?;
    let (algorithm, _) = element(behind, SEQUENCE)?;
    let (identifier, _) = element(algorithm, IDENTIFIER)?;
    Some(identifier)
}

/// The content of the first element, which has this tag, and what follows it.
fn element(octets: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = octets.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(*length), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            let length = digits
                .iter()
                .fold(0_usize, |all, digit| (all << 8) | usize::from(*digit));
            (length, rest)
        }
        _ => return None,
    };
    (*first == tag).then_some(())?;
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::self_signed;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_end_point_is_a_digest_of_the_certificate() {
        let identity = self_signed("localhost", false);
        let certificate = identity.certificate.der();
        assert_eq!(
            end_point(certificate).unwrap(),
            Sha256::digest(certificate).to_vec()
        );
        for cut in 0..certificate.len().min(600) {
            // Nothing breaks, whatever is missing.
            let _ = end_point(&certificate[..cut]);
        }
    }

    #[test]
    fn the_hash_function_is_that_of_the_signature() {
        let with = |identifier: &[u8]| {
            let element = |tag: u8, inside: &[u8]| {
                [&[tag, u8::try_from(inside.len()).unwrap()][..], inside].concat()
            };
            let algorithm = element(0x30, &element(0x06, identifier));
            let certificate = element(0x30, &[element(0x30, b""), algorithm].concat());
            end_point(&certificate).map(|digest| digest.len())
        };
        let rsa = |last| with(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, last]);
        assert_eq!([4, 5, 11, 12, 13].map(rsa), [32, 32, 32, 48, 64].map(Some));
        // RSASSA-PSS and Ed25519 have none of their own.
        assert_eq!(rsa(10), None);
        assert_eq!(with(&[0x2b, 0x65, 0x70]), None);
        let ecdsa = |last| with(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 3, last]);
        assert_eq!([2, 3, 4].map(ecdsa), [32, 48, 64].map(Some));
    }

    proptest! {
        #[test]
        fn no_octets_do_harm(octets in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = end_point(&octets);
        }
    }
}
