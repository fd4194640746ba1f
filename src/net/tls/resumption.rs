//! Which servers' sessions are resumed: not those of servers that ask for a client certificate. Whoever resumes a session
//! goes in as whoever began it, and servers on OpenSSL that ask for certificates break such a handshake off unless they
//! were told how to keep sessions apart (Dovecot 2.3 is not).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, ResolvesClientCert, Resumption,
    Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{NamedGroup, SignatureScheme};

/// Servers whose tickets are remembered.
const TICKETS: usize = 4;

/// What answers a server that asks for a certificate, and remembers that it did.
#[derive(Debug)]
pub(super) struct Answering {
    certificate: Option<Arc<CertifiedKey>>,
    asked: Arc<AtomicBool>,
}

/// The two ends of the same memory: what answers requests for certificates, and what keeps tickets.
pub(super) fn pair(certificate: Option<Arc<CertifiedKey>>) -> (Arc<Answering>, Resumption) {
    let asked = Arc::new(AtomicBool::new(false));
    let store = Tickets {
        inner: ClientSessionMemoryCache::new(TICKETS),
        asked: Arc::clone(&asked),
    };
    let answering = Answering { certificate, asked };
    (Arc::new(answering), Resumption::store(Arc::new(store)))
}

impl ResolvesClientCert for Answering {
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        _sigschemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.certificate.clone()
    }

    fn has_certs(&self) -> bool {
        self.certificate.is_some()
    }
}

#[derive(Debug)]
struct Tickets {
    inner: ClientSessionMemoryCache,
    asked: Arc<AtomicBool>,
}

impl Tickets {
    fn may_resume(&self) -> bool {
        !self.asked.load(Ordering::Relaxed)
    }
}

impl ClientSessionStore for Tickets {
    fn set_kx_hint(&self, server_name: ServerName<'static>, group: NamedGroup) {
        self.inner.set_kx_hint(server_name, group);
    }

    fn kx_hint(&self, server_name: &ServerName<'_>) -> Option<NamedGroup> {
        self.inner.kx_hint(server_name)
    }

    fn set_tls12_session(&self, server_name: ServerName<'static>, value: Tls12ClientSessionValue) {
        if self.may_resume() {
            self.inner.set_tls12_session(server_name, value);
        }
    }

    fn tls12_session(&self, server_name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        let session = self.inner.tls12_session(server_name);
        session.filter(|_| self.may_resume())
    }

    fn remove_tls12_session(&self, server_name: &ServerName<'static>) {
        self.inner.remove_tls12_session(server_name);
    }

    fn insert_tls13_ticket(
        &self,
        server_name: ServerName<'static>,
        value: Tls13ClientSessionValue,
    ) {
        if self.may_resume() {
            self.inner.insert_tls13_ticket(server_name, value);
        }
    }

    fn take_tls13_ticket(
        &self,
        server_name: &ServerName<'static>,
    ) -> Option<Tls13ClientSessionValue> {
        let ticket = self.inner.take_tls13_ticket(server_name);
        ticket.filter(|_| self.may_resume())
    }
}
