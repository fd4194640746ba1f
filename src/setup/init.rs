//! A first account: who it is for, where its server may be, and the tables that say so.
//!
//! Pure. Who asks the user, looks names up and tries the login is elsewhere (`cli::init`).

mod address;
mod autoconfig;
mod draft;
mod providers;
mod server;

pub use address::{Address, AddressError};
pub use autoconfig::{AutoconfigError, autoconfig, places as autoconfig_places};
pub use draft::{Draft, Listed, Password, rules};
pub use providers::{Provider, SignIn, by_domain, by_exchanger};
pub use server::{Found, Protocol, Server, Source, UserName, common, of_service, services};
