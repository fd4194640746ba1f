//! Looking for the server of an address.

use crate::cli::output::Output;
use crate::setup::init::{Address, Found, Protocol, Provider, by_domain, common};

/// The provider of an address, by its domain.
pub(super) fn known(address: &Address) -> Option<&'static Provider> {
    by_domain(address.domain())
}

/// Where the server may be, without asking anybody.
pub(super) fn offline(
    provider: Option<&Provider>,
    address: &Address,
    protocol: Protocol,
) -> Vec<Found> {
    match provider.and_then(|provider| provider.server(protocol)) {
        Some(found) => vec![found],
        None => common(protocol, address),
    }
}

/// Where the server may be, the most likely place first.
pub(super) async fn find(
    address: &Address,
    protocol: Protocol,
    _output: &Output,
) -> (Option<&'static Provider>, Vec<Found>) {
    let provider = known(address);
    (provider, offline(provider, address, protocol))
}
