//! Looking for the server of an address: what is known, what the domain publishes, what DNS says, and common names.

use std::time::Duration;

use crate::cli::output::Output;
use crate::net::{lookup, web};
use crate::setup::init::{
    Address, Found, Protocol, Provider, Source, autoconfig, autoconfig_places, by_domain,
    by_exchanger, common, of_service, services,
};

/// Larger than any settings.
const LARGEST: usize = 256 * 1024;
/// How long one page may take.
const PATIENCE: Duration = Duration::from_secs(8);

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
    output: &Output,
) -> (Option<&'static Provider>, Vec<Found>) {
    let provider = known(address);
    if provider.is_some() {
        return (provider, offline(provider, address, protocol));
    }
    let domain = address.domain();
    output.note(&format!("Looking for the server of {domain}"));
    let (published, named, exchangers) = futures_util::join!(
        published(address, protocol),
        named(domain, protocol),
        lookup::exchangers(domain)
    );
    let exchangers = exchangers.unwrap_or_default();
    let provider = exchangers.iter().find_map(|host| by_exchanger(host));
    let hosted = provider.and_then(|provider| provider.server(protocol));
    let all = published.into_iter().chain(hosted).chain(named);
    let mut found: Vec<Found> = Vec::new();
    for one in all.chain(common(protocol, address)) {
        if found.iter().all(|other| other.server != one.server) {
            found.push(one);
        }
    }
    (provider, found)
}

/// What the domain, or Mozilla's collection, publishes for mail programs.
async fn published(address: &Address, protocol: Protocol) -> Vec<Found> {
    let pages = autoconfig_places(address.domain()).map(async |(place, source)| {
        let url = web::Url::parse(&place).ok()?;
        let page = web::get(&url, LARGEST, PATIENCE).await;
        let page = page
            .inspect_err(|error| tracing::debug!(%url, %error, "no settings there"))
            .ok()?;
        let text = String::from_utf8_lossy(&page).into_owned();
        Some((text, source))
    });
    let pages = futures_util::future::join_all(pages).await;
    let settings = pages.into_iter().flatten();
    settings
        .flat_map(|(text, source): (String, Source)| {
            let found = autoconfig(&text, protocol, address, source);
            found
                .inspect_err(|error| tracing::debug!(%error, "no settings"))
                .unwrap_or_default()
        })
        .collect()
}

/// What DNS names.
async fn named(domain: &str, protocol: Protocol) -> Vec<Found> {
    let each = services(protocol).map(async |(service, tls)| {
        let targets = lookup::service(&format!("{service}.{domain}")).await;
        let targets = targets
            .inspect_err(|error| tracing::debug!(service, %error, "not looked up"))
            .unwrap_or_default();
        of_service(protocol, tls, &targets)
    });
    futures_util::future::join_all(each).await.concat()
}
