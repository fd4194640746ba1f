//! Which ways to log in a server offers and does not know.
//!
//! BAD is an answer to a command, not to a password (RFC 9051 section 7.1): Coremail (163.com, 126.com, QQ) announces
//! SASL-IR and answers an initial response with it, others answer any AUTHENTICATE with it and know only LOGIN.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::login::Way;
use crate::auth::Mechanism;

/// The ways that a server answered with BAD, for as long as the process lives. Clones remember together.
#[derive(Clone, Debug, Default)]
pub struct Ways(Arc<AtomicU32>);

impl Ways {
    /// A server does not know this way.
    pub(super) fn refuse(&self, way: Way) {
        self.0.fetch_or(bit(way), Ordering::Relaxed);
    }

    /// How many are refused.
    pub(super) fn refused(&self) -> u32 {
        self.0.load(Ordering::Relaxed).count_ones()
    }

    /// Those that are left; all of them again, where none is.
    pub(super) fn left(&self, offered: Vec<Way>) -> Vec<Way> {
        let refused = self.0.load(Ordering::Relaxed);
        let left = offered.iter().copied();
        let left: Vec<Way> = left.filter(|way| bit(*way) & refused == 0).collect();
        if left.is_empty() {
            self.forget();
            return offered;
        }
        left
    }

    /// None worked: the server may have been out of order.
    pub(super) fn forget(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// One for each mechanism and form, and one for LOGIN.
fn bit(way: Way) -> u32 {
    match way {
        Way::Sasl { mechanism, initial } => {
            let mut all = (0_u32..).zip(Mechanism::ALL);
            let place = all.find(|(_, known)| *known == mechanism);
            let place = place.map_or(0, |(place, _)| 2 * place + u32::from(initial));
            1 << place
        }
        Way::Login { .. } => 1 << 31,
    }
}
